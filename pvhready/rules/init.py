"""The program that the kernel starts first, where the entry names one by ``init=``."""

from pvhready.cmdline import last, parse
from pvhready.facts import Entry, Facts, Kernel
from pvhready.findings import FAIL, UNKNOWN, Evidence, Finding
from pvhready.rules import remedies
from pvhready.rules.cmdline import effective_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


def judge_init(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return a finding where ``init=`` names what is not there, or may not be: the kernel panics over it (Linux: init/main.c)."""
    named = last(parse(effective_line(entry, kernel, mode)[0]), "init")
    if named is None or not named.value or facts.inits.get(named.value):
        return []
    elsewhere = [mount.point for mount in facts.storage.fstab if mount.point != "/" and _holds(mount.point, named.value)]
    if facts.inits.get(named.value) is None:
        status, summary = UNKNOWN, "it cannot be seen whether {} is there".format(named.value)
    elif elsewhere and facts.root != "/":
        status, summary = UNKNOWN, "{} is not there; it may be in {}, a file system of its own".format(named.value, elsewhere[-1])
    else:
        status, summary = FAIL, "{} is not there: the kernel finds nothing to start, and panics".format(named.value)
    fix = remedies.remove_argument(facts.guest, named.text, entry)
    return [Finding("init-missing", status, mode, entry.title, summary, (Evidence(entry.source, "", named.text),), fix)]


def _holds(folder: str, path: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")
