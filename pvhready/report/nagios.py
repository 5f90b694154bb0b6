"""The report for Nagios, Icinga and their like: one line with the answer and performance data, then a line for each finding.

The exit codes of ``check`` are those of a Nagios plugin, and stand for the same: 0 ready is OK, 1 ready-with-warnings is WARNING,
2 not-ready is CRITICAL, 3 unknown is UNKNOWN; not-applicable is OK. The form is that of the Monitoring Plugins' guidelines:
"SERVICE STATUS: text|label=value;warn;crit;min;max", and no other "|" in it.
"""

from pvhready.findings import FAIL, SEVERITY, UNKNOWN, WARN, Finding
from pvhready.judge import EXIT_CODES, Report
from pvhready.report.metrics import count_decompressed
from pvhready.report.plain import printable
from pvhready.report.text import decisive, next_step, sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence

STATUS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")  # by exit code
MAX_LINE = 300  # characters before the performance data: old versions of NRPE cut everything after 1024 bytes
MAX_LINES = 20
_WORTH = (WARN, UNKNOWN, FAIL)


def render(report: Report, duration: float) -> str:
    """Return the plugin's output. ``duration`` is how long the check took, in seconds."""
    head = "PVHREADY {} - {}: {}".format(STATUS[EXIT_CODES[report.verdict]], report.verdict, _answer(report))
    lines = [_line(head) + " | " + _performance(report, duration)]
    lines += _findings(report.checks)
    step = next_step(report)
    return "\n".join(lines + ([_line("Next: " + step)] if step else [])) + "\n"


def _answer(report: Report) -> str:
    finding = decisive(report)
    return _of(finding) if finding else sentence(report)


def _findings(checks: "Sequence[Finding]") -> "List[str]":
    """Return a line for each finding that is to be seen to, the worst first."""
    wanted = [finding for finding in checks if finding.status in _WORTH]
    wanted.sort(key=lambda finding: -SEVERITY.index(finding.status))
    lines = [_line("{} {}".format(finding.status.upper(), _of(finding))) for finding in wanted[:MAX_LINES]]
    return lines + (["and {} more: pvhready check".format(len(wanted) - MAX_LINES)] if len(wanted) > MAX_LINES else [])


def _of(finding: Finding) -> str:
    subject = finding.subject + ": " if finding.subject.startswith("/") else ""
    return "{}: {}{}".format(finding.id, subject, finding.summary)


def _performance(report: Report, duration: float) -> str:
    counts = {status: len({finding.id for finding in report.checks if finding.status == status}) for status in _WORTH}
    decompressed = count_decompressed(report)
    values = (
        ("failed", counts[FAIL], ";;0;0"), ("unknown", counts[UNKNOWN], ";;;0"), ("warnings", counts[WARN], ";0;;0"),
        ("kernels", len(report.kernels), ";;;0"), ("decompressed_kernels", "U" if decompressed is None else decompressed, ";;;0"),
    )
    return " ".join("{}={}{}".format(*value) for value in values) + " duration={:.3f}s;;;0".format(duration)


def _line(text: str) -> str:
    """Return text as one line of bounded length that no reader of it acts on: "|" begins performance data."""
    text = printable(text).replace("|", "\\x7c")
    return text if len(text) <= MAX_LINE else text[:MAX_LINE - 3] + "..."
