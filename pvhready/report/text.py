"""The report for people: the boot chain link by link, then what is to be said, the worst last, the verdict and the next step."""

from pvhready import __version__
from pvhready.checks import CHAIN, link_of
from pvhready.facts import PVH, Guest
from pvhready.findings import BOOTS, FAIL, FAILS, INFO, PASS, SEVERITY, SKIP, UNKNOWN, WARN, Finding, Remedy
from pvhready.judge import NOT_APPLICABLE, NOT_KNOWN, NOT_READY, READY, WARNINGS, KernelAnswer, Report
from pvhready.report.plain import columns, isolated, printable, width, wrap
from pvhready.rules.image import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

_MARKS = {PASS: "ok", INFO: "info", SKIP: "skip", WARN: "WARN", UNKNOWN: "????", FAIL: "FAIL"}
_COLOURS = {PASS: "32", INFO: "36", SKIP: "35", WARN: "33", UNKNOWN: "35;1", FAIL: "31;1"}
_VERDICT_COLOURS = {READY: "32;1", WARNINGS: "33;1", NOT_READY: "31;1", NOT_KNOWN: "35;1", NOT_APPLICABLE: "36"}
_MAX_EVIDENCE = 4


class Style:
    """How wide the lines may be, and whether marks are coloured."""

    def __init__(self, width: int = 80, colour: bool = False, verbose: bool = False, quiet: bool = False) -> None:
        self.width = max(40, width)
        self.colour = colour
        self.verbose = verbose
        self.quiet = quiet

    def paint(self, text: str, code: str) -> str:
        """Return the text in a colour, or as it is."""
        return "\x1b[{}m{}\x1b[0m".format(code, text) if self.colour else text


def render(report: Report, style: Style) -> str:
    """Return the whole report as text that ends with a newline."""
    lines: List[str] = []
    if not style.quiet:
        lines += _head(report, style) + [""] + _chain(report, style)
        details = _details(report, style)
        lines += [""] + details if details else []
        lines.append("")
    return "\n".join(lines + _end(report, style)) + "\n"


def render_kernels(answers: "Sequence[KernelAnswer]", style: Style) -> str:
    """Return the table of kernels."""
    if not answers:
        return "No kernel is installed here.\n"
    rows = [("", "KERNEL", "FORM", "PVH", "PV", "CONFIG", "PACKAGE")]
    for answer in answers:
        kernel = answer.kernel
        mark = ("*" if answer.default else " ") + (">" if kernel.running else " ")
        rows.append(
            (
                mark,
                isolated(kernel.path),
                describe(kernel.image),
                answer.modes["pvh"],
                answer.modes["pv"],
                isolated(kernel.config.source or "none found"),
                isolated(kernel.package or "-"),
            )
        )
    lines = columns(rows)
    if any(width(line) > style.width for line in lines) or any(answer.reasons["pvh"] or answer.reasons["pv"] for answer in answers):
        lines = _kernel_blocks(answers, style)
    legend = wrap("* boots next, > runs now. Boots or fails as an image, whatever entry names it.", style.width)
    return "\n".join(lines + [""] + legend) + "\n"


def _kernel_blocks(answers: "Sequence[KernelAnswer]", style: Style) -> "List[str]":
    lines = []
    for answer in answers:
        kernel = answer.kernel
        mark = ("*" if answer.default else " ") + (">" if kernel.running else " ")
        lines.append("{} {}".format(mark, isolated(kernel.path)))
        said = "     PVH {}, PV {}; {}".format(answer.modes["pvh"], answer.modes["pv"], describe(kernel.image))
        lines += wrap(said, style.width, "     ")
        reasons = sorted(set(answer.reasons["pvh"] + answer.reasons["pv"]))
        if reasons:
            lines += wrap("     because of " + ", ".join(reasons), style.width, "     ")
        if kernel.image.problem:
            lines += wrap("     {}".format(isolated(kernel.image.problem.reason)), style.width, "     ")
        if kernel.package:
            lines.append("     package {}".format(isolated(kernel.package)))
    return lines


def _head(report: Report, style: Style) -> "List[str]":
    guest = report.facts.guest
    system = guest.distribution.name or guest.distribution.id or "a system that does not say its name"
    words = [describe_guest(guest), isolated(system)]
    if guest.architecture:
        words.append(guest.architecture)
    lines = ["pvhready {}".format(__version__), ""]
    lines += wrap("  guest  " + ", ".join(words), style.width, " " * 9)
    if report.facts.root != "/":
        lines += wrap("  root   " + isolated(report.facts.root), style.width, " " * 9)
    return lines + wrap("  host   GRUB as in profile {}".format(report.host), style.width, " " * 9)


def describe_guest(guest: Guest) -> str:
    """Return what the machine is, in a few words."""
    if guest.assumed:
        return "{} (assumed)".format(guest.type)
    if guest.type == "not-applicable":
        return "a mounted file system"
    if guest.container:
        return "a container ({})".format(isolated(guest.container))
    if guest.dom0:
        return "a dom0"
    if guest.type == "none":
        return "no Xen guest"
    name = guest.type or "of an unknown type"
    return "{} on Xen {}".format(name, guest.xen_version) if guest.xen_version else name


def _chain(report: Report, style: Style) -> "List[str]":
    lines = ["Boot chain under {}".format(report.target.upper())]
    groups: Dict[str, List[Finding]] = {}
    for finding in report.checks:
        groups.setdefault(link_of(finding.id), []).append(finding)
    for link in CHAIN:
        if link in groups:
            lines += _row(max(groups[link], key=_rank), link, style)
    return lines


def _rank(finding: Finding) -> int:
    """Return how much a finding stands for its link: what was not judged of the file system says less than a grub.cfg that was found."""
    return 0 if finding.id == "boot-filesystem-not-judged" else SEVERITY.index(finding.status)


def _row(finding: Finding, link: str, style: Style) -> "List[str]":
    mark = _MARKS[finding.status]
    subject = isolated(finding.subject) + ": " if _names_subject(finding, link) else ""
    lines = wrap("  {:<4}  {:<12}  {}{}".format(mark, link, subject, isolated(finding.summary)), style.width, " " * 22)
    return [lines[0].replace(mark, style.paint(mark, _COLOURS[finding.status]), 1)] + lines[1:]


def _names_subject(finding: Finding, link: str) -> bool:
    """The links whose subject is a path of their own; the others are about the entry or kernel that was named already."""
    return link in ("grub.cfg", "entry", "image", "initramfs") or finding.subject.startswith("/") and link in ("hack", "upkeep")


def _details(report: Report, style: Style) -> "List[str]":
    wanted = [
        finding for finding in report.checks if finding.status != PASS and (finding.status != INFO or style.verbose or _is_worth(finding))
    ]
    lines: List[str] = []
    for finding in sorted(wanted, key=lambda finding: SEVERITY.index(finding.status)):
        lines += _detail(finding, report.facts.root != "/", style)
    return lines


def _is_worth(finding: Finding) -> bool:
    return finding.id not in ("guest-type", "root-device-not-judged", "boot-filesystem-not-judged", "grub-assumption", "hack-helper")


def _detail(finding: Finding, elsewhere: bool, style: Style) -> "List[str]":
    mark = _MARKS[finding.status]
    subject = isolated(finding.subject) + ": " if finding.subject.startswith("/") else ""
    text = "{:<4}  {}: {}{}".format(mark, finding.id, subject, isolated(finding.summary))
    lines = wrap(text, style.width, " " * 6)
    lines[0] = lines[0].replace(mark, style.paint(mark, _COLOURS[finding.status]), 1)
    for evidence in finding.evidence[:_MAX_EVIDENCE]:
        place = " ".join(part for part in (isolated(evidence.path), evidence.where) if part)
        lines += wrap("      seen: {}{}".format(place, ": " + isolated(evidence.value) if evidence.value else ""), style.width, " " * 12)
    if finding.status != INFO:
        lines += [line for remedy in finding.remedies for line in _remedy(remedy, elsewhere and is_of_the_guest(finding, remedy), style)]
    return lines


def is_of_the_guest(finding: Finding, remedy: Remedy) -> bool:
    """Whether a command is to be typed in the guest: not what runs this program or lets it see more."""
    return remedy.type == "command" and "pvhready" not in remedy.argv[:2] and finding.id != "initramfs-unreadable"


def _remedy(remedy: Remedy, is_elsewhere: bool, style: Style) -> "List[str]":
    if remedy.type == "command":
        purpose = "      # {}{}".format("in the guest: " if is_elsewhere else "", isolated(remedy.text))
        return wrap(purpose, style.width, "      # ") + type_lines(remedy.argv, style.width, " " * 6)
    return wrap("      - " + isolated(remedy.text), style.width, " " * 8)


def shell(argv: "Tuple[str, ...]") -> str:
    """Return a command as one would type it."""
    import shlex

    return " ".join(shlex.quote(printable(word)) for word in argv)


def type_lines(argv: "Sequence[str]", limit: int, indent: str) -> "List[str]":
    """Return a command as lines to copy: what does not fit goes on after a backslash. No word is broken, and no option left alone."""
    lines: List[str] = []
    line = indent
    for group in _groups(argv):
        if line.strip() and width(line) + 1 + width(group) > limit - 2:  # room for the backslash
            lines.append(line + " \\")
            line = indent + " " * 4
        line += group if line.endswith(" ") else " " + group
    return lines + [line]


def _groups(argv: "Sequence[str]") -> "List[str]":
    """The words as typed, an option together with the word after it."""
    groups: List[str] = []
    for index, word in enumerate(argv):
        text = shell((word,))
        if index > 1 and argv[index - 1].startswith("--") and not word.startswith("-"):
            groups[-1] += " " + text
        else:
            groups.append(text)
    return groups


def _end(report: Report, style: Style) -> "List[str]":
    said = sentence(report)
    lines = wrap("{}: {}".format(report.verdict.upper().replace("-", " "), said), style.width, "")
    word = report.verdict.upper().replace("-", " ")
    lines[0] = lines[0].replace(word, style.paint(word, _VERDICT_COLOURS[report.verdict]), 1)
    step = next_step(report)
    return lines + (wrap("Next: " + step, style.width, "      ") if step else [])


def sentence(report: Report) -> str:
    """Return what the verdict means, as a sentence."""
    mode, other = ("PVH", "pv") if report.target == PVH else ("PV", "pvh")
    back = {BOOTS: "", FAILS: " {} does not boot.".format(other.upper()), NOT_KNOWN: ""}[report.modes[other]]
    if report.verdict == NOT_APPLICABLE:
        return "this is no Xen guest that could be switched."
    if report.verdict == READY:
        return "started under {} now, this guest comes up.{}".format(mode, back)
    if report.verdict == WARNINGS:
        return "started under {} now, this guest comes up; mind the warnings above.{}".format(mode, back)
    if report.verdict == NOT_READY:
        return "started under {} now, this guest would not come up.".format(mode)
    return "it cannot be told whether this guest comes up under {}.".format(mode)


def next_step(report: Report) -> str:
    """Return the one thing to do now, or "" when there is nothing."""
    guest = report.facts.guest
    if report.verdict == NOT_APPLICABLE:
        return '"pvhready demo" shows what a report on a guest looks like.'
    worst = decisive(report)
    if worst:
        # A hook that still runs would undo what comes after it.
        first = [finding for finding in report.checks if finding.id == "hack-hook-active" and finding is not worst]
        steps = [step_of(finding) for finding in (first if worst.id == "image-not-bzimage" else []) + [worst]]
        said = "; then ".join(dict.fromkeys(step for step in steps if step)) or "pvhready explain {}".format(worst.id)
        if report.facts.root != "/" and any(is_of_the_guest(worst, remedy) for remedy in worst.remedies):
            return "in the guest (chroot {}): {}".format(shell((report.facts.root,)), said)
        return said
    if guest.type == report.target.upper():
        return ""
    return "switch it in the provider's shell (at BitFolk: virtmode {}), then shut it down and boot it.".format(report.target)


def step_of(finding: Finding) -> str:
    """Return the commands among the remedies, after the advice that stands before them; "" where there is neither.

    Of more than two only the first: the plan has them all.
    """
    first = next((index for index, remedy in enumerate(finding.remedies) if remedy.type == "command"), len(finding.remedies))
    words = [printable(remedy.text) for remedy in finding.remedies[:first]]
    typed = [shell(remedy.argv) for remedy in finding.remedies[first:] if remedy.type == "command"]
    if not typed:
        return " ".join(words[:1])
    typed = typed if len(typed) < 3 else typed[:1] + ["pvhready plan"]
    return " ".join(words + ["Then:"] * bool(words) + ["; then ".join(typed)])


def decisive(report: Report) -> "Optional[Finding]":
    """Return the finding that the verdict rests on: a failure means little where it is not known whether this is a guest."""
    statuses = (UNKNOWN,) if report.verdict == NOT_KNOWN else (WARN, UNKNOWN, FAIL)
    serious = [finding for finding in report.checks if finding.status in statuses]
    return max(serious, key=lambda finding: SEVERITY.index(finding.status)) if serious else None
