"""The report as metrics: families of samples made from one report, and Prometheus' text format (version 0.0.4) of them.

``check --format prometheus``, the textfile and the exporter all show what ``families`` returns. No library is needed for it.
"""

from pvhready import __version__
from pvhready.facts import MODES
from pvhready.findings import BOOTS, FAIL, FAILS, UNKNOWN, Finding
from pvhready.judge import EXIT_CODES, NOT_APPLICABLE, NOT_KNOWN, KernelAnswer, Report
from pvhready.records import NamedTuple
from pvhready.report.plain import printable
from pvhready.rules.hack import decompressed_kernels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

    Labels = Tuple[Tuple[str, str], ...]

GUEST_TYPES = ("PV", "PVH", "HVM", "none", "not-applicable", "unknown")
CURRENT = "current"  # the mode that the guest runs in
_MODE_OF_TYPE = {"PV": "pv", "PVH": "pvh"}
_ACCESS, _GUEST_TYPE = "access", "guest-type"  # checks that stand above every mode


class Sample(NamedTuple):
    """One value with its labels, in their order: (name, value) pairs of text that is safe to show."""

    labels: "Labels"
    value: float


class Family(NamedTuple):
    """A metric: its name, what it means, and its samples, none where nothing is known. All are gauges."""

    name: str
    help: str
    samples: "Tuple[Sample, ...]"


class Run(NamedTuple):
    """When the check ran: seconds since 1970 of the last run and of the last that made a report, and how long the last took."""

    last: float
    last_success: "Optional[float]"
    duration: float


def families(report: "Optional[Report]", run: Run) -> "Tuple[Family, ...]":
    """Return all metrics of a report. Without one (no run has succeeded yet) those that tell of the runs."""
    found = _of_report(report) if report else []
    return tuple(found + [_build_info()] + _of_run(run))


def render(metrics: "Sequence[Family]") -> str:
    """Return metrics in Prometheus' text format. A family without samples is left out."""
    lines: List[str] = []
    for family in metrics:
        if family.samples:
            lines.append("# HELP {} {}".format(family.name, family.help.replace("\\", "\\\\")))
            lines.append("# TYPE {} gauge".format(family.name))
            lines += [family.name + _labels(sample.labels) + " " + _number(sample.value) for sample in family.samples]
    return "".join(line + "\n" for line in lines)


def _labels(labels: "Labels") -> str:
    if not labels:
        return ""
    return "{" + ",".join('{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in labels) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _of_report(report: Report) -> "List[Family]":
    guest = report.facts.guest
    return [
        _states("guest_type", "What the machine is: 1 for the type that it has.", "type", GUEST_TYPES, guest.type or "unknown"),
        _states("verdict", "The answer of pvhready check: 1 for the verdict that it gave.", "verdict", tuple(EXIT_CODES), report.verdict),
        _by_check("check_failed", "1 for a check that failed; every check that had something to say is here.", report.checks, FAIL),
        _by_check("check_unknown", "1 for a check whose answer is not known.", report.checks, UNKNOWN),
        _next_boot_ok(report),
        _next_boot_unknown(report),
        _flag(
            "running_kernel_is_default", "1 when the kernel that runs is the one that boots next, 0 when it is another.",
            _runs_default(report)),
        _family("decompressed_kernels", "Kernels that stand decompressed, which PVH refuses.", count_decompressed(report)),
        _flag("decompression_hook_active", "1 when a hook will decompress the next kernel that is installed.", _has_hook(report)),
        Family(_name("kernel_info"), "A kernel that is installed; what is not known is empty.", _kernels(report.kernels)),
        _flag("run_as_root", "1 when the check could see what only root may read.", report.facts.run_as_root),
    ]


def _of_run(run: Run) -> "List[Family]":
    return [
        _family("last_run_timestamp_seconds", "When the check ran last, whether it succeeded or not.", run.last),
        _family("last_success_timestamp_seconds", "When the check made the report that is shown here.", run.last_success),
        _family("run_duration_seconds", "How long the last run took.", run.duration),
    ]


def next_boot(report: Report, mode: str) -> "Optional[str]":
    """Return whether the next boot comes up in a mode: boots, fails or unknown; None where the question makes no sense.

    ``mode`` is pv, pvh, or current for the mode that the guest runs in. What could not be read for lack of rights makes "boots" unknown.
    """
    guest = report.facts.guest
    if report.verdict == NOT_APPLICABLE:
        return None
    if mode == CURRENT:
        if guest.type == "not-applicable":
            return None  # nothing runs there
        mode = _MODE_OF_TYPE.get(guest.type or "", "")
    doubts = {finding.id for finding in report.checks if finding.status == UNKNOWN}
    answer = report.modes.get(mode, NOT_KNOWN)
    if _GUEST_TYPE in doubts or answer == BOOTS and _ACCESS in doubts:
        return NOT_KNOWN
    return answer


def _next_boot_ok(report: Report) -> Family:
    answers = [(mode, next_boot(report, mode)) for mode in MODES + (CURRENT,)]
    samples = tuple(Sample((("mode", mode),), float(answer == BOOTS)) for mode, answer in answers if answer in (BOOTS, FAILS))
    return Family(_name("next_boot_ok"), "1 when the next boot in this mode comes up, 0 when it does not. Absent when not known.", samples)


def _next_boot_unknown(report: Report) -> Family:
    samples = tuple(Sample((("mode", mode),), float(next_boot(report, mode) == NOT_KNOWN)) for mode in MODES + (CURRENT,))
    return Family(_name("next_boot_unknown"), "1 when it is not known whether the next boot in this mode comes up.", samples)


def _runs_default(report: Report) -> "Optional[bool]":
    """Whether the running kernel boots next; None where it is not known which runs, or which boots next."""
    menu = report.facts.menus.get(report.target)
    certain = menu is not None and len(menu.candidates) == 1 and not menu.may_show_nothing
    running = [answer for answer in report.kernels if answer.kernel.running]
    if not certain or not running or not any(answer.default for answer in report.kernels):
        return None
    return any(answer.default for answer in running)


def _has_hook(report: Report) -> "Optional[bool]":
    hack = report.facts.hack
    if any(hook.active for hook in hack.hooks):
        return True
    return None if hack.problems else False


def count_decompressed(report: Report) -> "Optional[int]":
    """Return how many kernels stand decompressed; None where it could not be seen which kernels there are."""
    return None if report.facts.problems else len(decompressed_kernels(report.facts))


def _kernels(answers: "Sequence[KernelAnswer]") -> "Tuple[Sample, ...]":
    """Each set of labels once: two files can be the same in all that is told of them."""
    rows = [(
        ("release", _safe(answer.kernel.release)),
        ("container", _safe(answer.kernel.image.container)),
        ("payload", _safe(answer.kernel.image.payload)),
        ("default", _word(answer.default)),
        ("running", _word(answer.kernel.running)),
    ) for answer in answers]
    return tuple(Sample(labels, 1.0) for labels in dict.fromkeys(rows))


def _by_check(name: str, text: str, checks: "Tuple[Finding, ...]", status: str) -> Family:
    found = {finding.id for finding in checks if finding.status == status}
    ids = dict.fromkeys(finding.id for finding in checks)
    return Family(_name(name), text, tuple(Sample((("check", key),), float(key in found)) for key in ids))


def _states(name: str, text: str, label: str, states: "Tuple[str, ...]", state: str) -> Family:
    return Family(_name(name), text, tuple(Sample(((label, other),), float(other == state)) for other in states))


def _flag(name: str, text: str, value: "Optional[bool]") -> Family:
    return _family(name, text, None if value is None else float(value))


def _family(name: str, text: str, value: "Optional[float]") -> Family:
    return Family(_name(name), text, () if value is None else (Sample((), float(value)),))


def _build_info() -> Family:
    return Family(_name("build_info"), "The version of pvhready.", (Sample((("version", __version__),), 1.0),))


def _name(name: str) -> str:
    return "pvhready_" + name


def _safe(text: "Optional[str]") -> str:
    return printable(text or "")


def _word(value: bool) -> str:
    return "true" if value else "false"
