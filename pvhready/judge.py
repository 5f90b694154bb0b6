"""From facts to a report: every rule is asked, and their findings are weighed into a verdict.

The order of weights: a proven failure on the target's chain, an unknown on it, a warning, ready. Off the chain nothing
makes a verdict worse than ready-with-warnings.
"""

from pvhready.facts import MODES, PV, PVH, Candidate, Entry, Facts, Guest, Kernel, Menu
from pvhready.findings import BOOTS, FAIL, FAILS, INFO, PASS, SEVERITY, SKIP, UNKNOWN, WARN, Finding
from pvhready.host import DEFAULT, Host
from pvhready.kept import is_kept
from pvhready.nextmenu import first_entry
from pvhready.records import NamedTuple
from pvhready.rules.arguments import judge_arguments
from pvhready.rules.bootfs import judge_boot_systems
from pvhready.rules.candidate import is_candidate
from pvhready.rules.cmdline import judge_cmdline
from pvhready.rules.config import judge_config
from pvhready.rules.guest import judge_guest
from pvhready.rules.hack import judge_hack
from pvhready.rules.image import judge_image
from pvhready.rules.init import judge_init
from pvhready.rules.initramfs import judge_initramfs, judge_network
from pvhready.rules.inside import judge_inside
from pvhready.rules.kept import judge_kept
from pvhready.rules.menu import judge_entry, judge_menu
from pvhready.rules.mounts import judge_mounts
from pvhready.rules.remedies import RUN_AGAIN, UNDO
from pvhready.rules.rootdevice import judge_root_device
from pvhready.rules.upkeep import (
    Following,
    judge_defaults,
    judge_fallback,
    judge_next_first,
    judge_once,
    judge_other_kernels,
    judge_space,
    judge_stale_default,
    judge_upgrade,
    judge_wanted_default,
    judge_way_back,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

READY = "ready"
WARNINGS = "ready-with-warnings"
NOT_READY = "not-ready"
NOT_KNOWN = "unknown"
NOT_APPLICABLE = "not-applicable"
EXIT_CODES = {READY: 0, NOT_APPLICABLE: 0, WARNINGS: 1, NOT_READY: 2, NOT_KNOWN: 3}


class KernelAnswer(NamedTuple):
    """A kernel with its answers: mode to boots, fails or unknown, and mode to the ids of the checks that say so."""

    kernel: Kernel
    default: bool
    modes: "Dict[str, str]"
    reasons: "Dict[str, Tuple[str, ...]]"


class Chain(NamedTuple):
    """The boot chain of one mode: its answer, all findings on it, and the entry that boots next (the first candidate)."""

    mode: str
    answer: str
    findings: "Tuple[Finding, ...]"
    entry: "Optional[Entry]"
    kernels: "Tuple[str, ...]"


class Report(NamedTuple):
    """All that a renderer needs."""

    facts: Facts
    host: str
    target: str
    verdict: str
    modes: "Dict[str, str]"
    chain: Chain
    kernels: "Tuple[KernelAnswer, ...]"
    checks: "Tuple[Finding, ...]"


def judge(facts: Facts, host: Host, target: str = PVH, by_hand: bool = False, skipped: "Tuple[str, ...]" = ()) -> Report:
    """Return the report on a guest. ``by_hand``: the user named the target, so a machine that is no candidate is judged too.

    ``skipped`` are ids of checks whose findings the user does not want: each that had something to say becomes a warning.
    """
    kernels = tuple(judge_kernel(kernel, host, facts.guest) for kernel in facts.kernels)
    chains = {mode: _judge_chain(mode, facts, host) for mode in MODES}
    chain = chains[target]
    chosen = _kernel_of(chain.entry, facts) if chain.entry else None
    kernels = tuple(answer._replace(default=answer.kernel is chosen) for answer in kernels)
    findings = judge_guest(facts) + list(chain.findings) + _off_chain(facts, host, kernels, chains, target)
    checks = tuple(_skip(_with_options(finding, facts, host, target), skipped) for finding in findings)
    modes = {mode: chains[mode].answer for mode in MODES}
    return Report(facts, host.name, target, _verdict(checks, facts.guest, by_hand), modes, chain, kernels, checks)


def judge_kernel(kernel: Kernel, host: Host, guest: Guest) -> KernelAnswer:
    """Return whether an image, with its configuration, boots under each mode: about the kernel alone, not about an entry."""
    modes = {}
    reasons = {}
    for mode in MODES:
        findings = kernel_findings(kernel, mode, host, guest)
        modes[mode] = answer_of(findings)
        reasons[mode] = tuple(finding.id for finding in findings if finding.status in (FAIL, UNKNOWN))
    return KernelAnswer(kernel, False, modes, reasons)


def kernel_findings(kernel: Kernel, mode: str, host: Host, guest: Guest, modules: "Tuple[str, ...]" = ()) -> "List[Finding]":
    """Return what the loader and the kernel itself say under a mode. An image that is no kernel has no configuration to judge."""
    findings = judge_image(kernel, mode, host, guest, modules)
    if kernel.image.container in ("not-a-kernel", "uki") or kernel.image.problem:
        return findings
    return findings + judge_config(kernel, mode, guest) + judge_inside(kernel, mode, guest)


def answer_of(findings: "List[Finding]") -> str:
    """Return boots, fails or unknown: a failure outweighs what is not known."""
    statuses = {finding.status for finding in findings}
    return FAILS if FAIL in statuses else NOT_KNOWN if UNKNOWN in statuses else BOOTS


def _judge_chain(mode: str, facts: Facts, host: Host) -> Chain:
    menu = facts.menus.get(mode, Menu(""))
    findings = judge_menu(menu, mode, host, facts) + judge_boot_systems(mode, host, facts)
    if not menu.candidates:
        return Chain(mode, answer_of(findings), tuple(findings), None, ())
    entries = {entry.index: entry for entry in menu.entries}
    answers = []
    for candidate in menu.candidates:
        said = _judge_candidate(entries[candidate.index], mode, facts, host)
        answers.append((candidate, said, answer_of(said)))
    findings += _weigh(answers, mode, entries, menu.may_show_nothing)
    first = entries[menu.candidates[0].index]
    kernels = tuple(kernel.path for kernel in (_kernel_of(entries[item.index], facts) for item in menu.candidates) if kernel)
    findings += _judge_fallbacks(menu, entries, mode, facts, host)
    return Chain(mode, answer_of(findings), tuple(_each_once(findings)), first, kernels)


def _judge_candidate(entry: Entry, mode: str, facts: Facts, host: Host) -> "List[Finding]":
    findings = judge_entry(entry, mode, host, facts)
    kernel = _kernel_of(entry, facts)
    if kernel is None:
        if not any(finding.status == FAIL for finding in findings):
            findings.append(
                Finding("entry-kernel", UNKNOWN, mode, entry.title, "its kernel {} could not be looked at".format(entry.kernel))
            )
        return findings
    findings += _judge_load(entry, kernel, mode, facts, host)
    findings += judge_root_device(entry, kernel, mode, facts) + judge_init(entry, kernel, mode, facts)
    findings += judge_arguments(entry, kernel, mode, facts) + judge_network(entry, kernel, mode, facts)
    return findings + judge_defaults(facts.defaults, entry, facts.menus[mode], mode, facts.guest)


def _judge_load(entry: Entry, kernel: Kernel, mode: str, facts: Facts, host: Host) -> "List[Finding]":
    """Return what there is to say of what an entry loads."""
    findings = kernel_findings(kernel, mode, host, facts.guest, entry.modules)
    findings += judge_cmdline(entry, kernel, mode, facts.guest)
    return findings + judge_initramfs(entry, kernel, mode, facts)


def _weigh(
    answers: "List[Tuple[Candidate, List[Finding], str]]",
    mode: str,
    entries: "Dict[int, Entry]",
    may_show_nothing: bool,
) -> "List[Finding]":
    """One entry, or several with one answer: their findings. Several that disagree: unknown, with the fact that decides.

    Where on some supposition no entry boots at all, that counts as one more answer, a failure.
    """
    if len({answer for _, _, answer in answers} | ({FAILS} if may_show_nothing else set())) == 1:
        return [finding for _, said, _ in answers for finding in said]
    findings = []
    for candidate, said, answer in answers:
        title = entries[candidate.index].title
        summary = "{}: {} under {}".format(
            candidate.condition or "it may boot next", {BOOTS: "it boots", FAILS: "it does not boot"}.get(answer, "not known"), mode.upper()
        )
        findings.append(Finding("entry-uncertain", UNKNOWN, mode, title, summary))
        findings += [finding._replace(status=UNKNOWN) if finding.status == FAIL else finding for finding in said]
    return findings


def _judge_fallbacks(menu: Menu, entries: "Dict[int, Entry]", mode: str, facts: Facts, host: Host) -> "List[Finding]":
    candidates = [candidate.index for candidate in menu.candidates]
    findings = []
    for index in menu.fallbacks:
        if index in entries and index not in candidates:
            said = judge_fallback(entries[index], answer_of(_judge_candidate(entries[index], mode, facts, host)), mode)
            findings += [said] if said else []
    return findings


def _kernel_of(entry: Entry, facts: Facts) -> "Optional[Kernel]":
    for kernel in facts.kernels:
        if entry.kernel == kernel.path or entry.kernel in kernel.names:
            return kernel
    return None


def _off_chain(
    facts: Facts, host: Host, kernels: "Tuple[KernelAnswer, ...]", chains: "Dict[str, Chain]", target: str,
) -> "List[Finding]":
    other = PV if target == PVH else PVH
    answers = {answer.kernel.path: answer.modes[target] for answer in kernels}
    findings = _judge_next_menu(facts, host, chains[target], answers)
    findings += judge_hack(facts, target)
    findings += judge_space(facts.storage)
    findings += judge_mounts(facts, target)
    objections = tuple(finding for finding in chains[other].findings if finding.status in (FAIL, UNKNOWN))
    way_back = judge_way_back(other, chains[other].answer, objections, chains[target].answer)
    return findings + ([way_back] if way_back else [])


def _judge_next_menu(facts: Facts, host: Host, chain: Chain, answers: "Dict[str, str]") -> "List[Finding]":
    """Return what there is to say of other kernels: what comes first once the menu is written anew, and what stands behind."""
    now, mode = chain.entry, chain.mode
    if now is None:
        return list(judge_other_kernels(facts.kernels, chain.kernels, answers, mode))
    if is_kept(now.kernel or ""):
        return list(judge_kept(now, facts.kernels, mode))
    names = [name for kernel in facts.kernels for name in kernel.names]
    first = first_entry(facts.menus[mode], names, facts.boot_names, facts.guest.distribution, facts.defaults.values)
    kernel = _kernel_of(first, facts) if first else None
    told = first.kernel if first and kernel else None
    findings = list(judge_other_kernels(facts.kernels, chain.kernels, answers, mode, told))
    findings += judge_stale_default(facts.menus[mode], now, facts, mode)
    findings += judge_once(facts, facts.menus[mode], answers, mode)
    findings += judge_wanted_default(facts, facts.menus[mode], answers, mode)
    findings += judge_upgrade(facts, now, answers, mode)
    if first and kernel and first.kernel != now.kernel:
        said = judge_next_first(_following(first, kernel, mode, facts, host), now, facts, host, mode)
        findings += [said] if said else []
    return findings


def _following(entry: Entry, kernel: Kernel, mode: str, facts: Facts, host: Host) -> Following:
    said = _judge_load(entry, kernel, mode, facts, host)
    if entry.initrd:  # without one the generator writes a device that only grub-probe knows
        said += judge_root_device(entry, kernel, mode, facts)
    objections = [finding for finding in said if finding.status == FAIL] or [finding for finding in said if finding.status == UNKNOWN]
    if not objections:
        return Following(entry, BOOTS, "", (), ())
    return Following(entry, answer_of(said), objections[0].summary, objections[0].evidence, objections[0].remedies)


def _with_options(finding: Finding, facts: Facts, host: Host, target: str) -> Finding:
    """Let a remedy that runs this program be about this guest, on this host, for this target."""
    options = () if facts.root == "/" else ("--root", facts.root)  # type: Tuple[str, ...]
    options += () if host.name == DEFAULT else ("--host", host.name)
    words: Dict[Tuple[str, ...], Tuple[str, ...]] = {
        UNDO: (UNDO[1:] if facts.run_as_root else UNDO) + options,
        RUN_AGAIN: RUN_AGAIN + options + (() if target == PVH else ("--target", target)),
    }
    again = [remedy._replace(argv=words.get(remedy.argv, remedy.argv)) for remedy in finding.remedies]
    return finding._replace(remedies=tuple(again))


def _skip(finding: Finding, skipped: "Tuple[str, ...]") -> Finding:
    if finding.id not in skipped or finding.status in (PASS, INFO):
        return finding
    return finding._replace(status=SKIP, summary="skipped at your wish ({}): {}".format(finding.status, finding.summary))


def _verdict(checks: "Tuple[Finding, ...]", guest: Guest, by_hand: bool) -> str:
    candidate = is_candidate(guest)
    if not candidate and not by_hand:
        return NOT_KNOWN if candidate is None else NOT_APPLICABLE
    worst = max((finding.status for finding in checks), key=SEVERITY.index, default=UNKNOWN)
    return {FAIL: NOT_READY, UNKNOWN: NOT_KNOWN, WARN: WARNINGS, SKIP: WARNINGS}.get(worst, READY)


def _each_once(findings: "List[Finding]") -> "List[Finding]":
    return list(dict.fromkeys(findings))
