"""The program that is started first: the one that the entry names by ``init=``, else the first of those that are tried."""

from pvhready.cmdline import Argument, last, parse
from pvhready.facts import INITS, SHELL, SYSTEMD, Entry, Facts, Kernel, Program
from pvhready.findings import FAIL, UNKNOWN, Evidence, Finding, hint
from pvhready.rules import remedies
from pvhready.rules.cmdline import effective_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from pvhready.findings import Remedy

# Arguments that let an initramfs look elsewhere for the root file system than in what is looked at: ostree, overlayroot, live systems.
_OTHER_ROOTS = ("ostree", "overlayroot", "boot")
_FIX = hint("Put the program there: install the package again that it belongs to.")
_UNSEEN = Program(None, None)


def judge_init(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return a finding where the first program is not there or cannot be started: the kernel panics over it (Linux: init/main.c)."""
    arguments = parse(effective_line(entry, kernel, mode)[0])
    named = last(arguments, "init")
    if named is None or not named.value:
        return _unnamed(entry, arguments, mode, facts)
    program = facts.inits.get(named.value, _UNSEEN)
    if program.runs:
        return []
    fix = remedies.remove_argument(facts.guest, named.text, entry)
    if program.runs is None:
        summary = "it cannot be seen whether {} is there".format(named.value)
        return [_finding("init-missing", UNKNOWN, entry, summary, named.text, mode, fix)]
    elsewhere = _elsewhere(named.value, facts) or _elsewhere("/usr/", facts)  # a link may lead there
    if elsewhere and facts.root != "/":
        summary = "{}; it may be in {}, a file system of its own".format(program.reason, elsewhere)
        return [_finding("init-missing", UNKNOWN, entry, summary, named.text, mode, fix)]
    if program.there:
        summary = "{}: the kernel cannot start it, and panics".format(program.reason)
        return [_finding("init-broken", FAIL, entry, summary, named.text, mode, fix)]
    summary = "{}: the kernel finds nothing to start, and panics".format(program.reason)
    return [_finding("init-missing", FAIL, entry, summary, named.text, mode, fix)]


def _unnamed(entry: Entry, arguments: "Tuple[Argument, ...]", mode: str, facts: Facts) -> "List[Finding]":
    for path in INITS:
        program = facts.inits.get(path, _UNSEEN)
        if program.runs:
            return []
        if program.runs is None:
            summary = "whether {} can be started cannot be seen{}".format(path, ": " * bool(program.reason) + program.reason)
            return [_finding("init-missing", UNKNOWN, entry, summary, path, mode)]
        if program.there:
            summary = "{}: the kernel cannot start it, and panics".format(program.reason)
            return [_doubted("init-broken", entry, summary, path, mode, facts, arguments)]
    others = [path for path in SYSTEMD + (SHELL,) if facts.inits.get(path, _UNSEEN).runs is not False]
    if others:
        summary = "{} is not there: whether {} is started in its place depends on the initramfs".format(INITS[0], others[0])
        return [_finding("init-missing", UNKNOWN, entry, summary, INITS[0], mode, (_FIX,))]
    summary = "{} is not there: the kernel finds nothing to start, and panics".format(INITS[0])
    return [_doubted("init-missing", entry, summary, INITS[0], mode, facts, arguments)]


def _doubted(
    check: str, entry: Entry, summary: str, path: str, mode: str, facts: Facts, arguments: "Tuple[Argument, ...]",
) -> Finding:
    """A failure, or not known where the program may lie in what is not mounted here."""
    if facts.root != "/":
        elsewhere = _elsewhere("/usr/", facts)
        if elsewhere:
            summary = "{}; it may be in {}, a file system of its own that is not mounted here".format(summary.partition(":")[0], elsewhere)
            return _finding(check, UNKNOWN, entry, summary, path, mode, (hint("Mount it below {}, too.".format(facts.root)),))
        others = [argument.text for argument in arguments if argument.name in _OTHER_ROOTS]
        if others:
            summary = "{}; {} may lead to another root than this".format(summary.partition(":")[0], others[0])
            return _finding(check, UNKNOWN, entry, summary, path, mode)
    return _finding(check, FAIL, entry, summary, path, mode, (_FIX,))


def _elsewhere(path: str, facts: Facts) -> str:
    """Return the mount point of fstab, other than /, that a path lies on; "" for none."""
    points = [mount.point for mount in facts.storage.fstab if mount.point != "/" and path.startswith(mount.point.rstrip("/") + "/")]
    return points[-1] if points else ""


def _finding(
    check: str, status: str, entry: Entry, summary: str, value: str, mode: str, fix: "Tuple[Remedy, ...]" = (),
) -> Finding:
    return Finding(check, status, mode, entry.title, summary, (Evidence(entry.source, "", value),), fix)
