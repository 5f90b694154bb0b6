"""The facts of an earlier run, for as long as every file that they came from is as it was.

A check of a guest in which nothing has changed then costs a look at each file's state. The facts are kept with the question
that they answer (guest, host's profile, storage, this boot: what does not come from files, or cannot be remembered) and with the
evidence. They do not outlive a boot: GRUB's save_env, fsck and whoever mends the disk from outside change files and not their times.
The file: a line with format and checksum, then question, evidence, facts and mark in Python's own marshal format.
"""

import marshal
import os
import sys
import time
from binascii import crc32

from pvhready import __version__, facts
from pvhready.facts import Facts
from pvhready.memory.evidence import Evidence, holds
from pvhready.memory.folder import Folder
from pvhready.root import Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

FILE = "facts"
MAX_SIZE = 4 * 1024 * 1024
_HEADER = b"pvhready facts 2 %08x\n"
_HEADER_SIZE = len(_HEADER % 0)
_DEEP = (list, tuple, dict)
# Folders of this package whose code makes facts, and what is said of them.
_ROOMS = ("", "commands", "probes", "grub", "rules", "unpack", "archives", "disk", "memory", "report")


class RememberedFacts:
    """The facts of the last run that could be remembered. To recall and to remember never fail: at worst nothing is known.

    ``mark`` tells the facts that were recalled or remembered from all others, "" where there are none.
    """

    def __init__(self, folder: Folder) -> None:
        self.mark = ""
        self._folder = folder

    def recall(self, root: Root, question: object) -> "Optional[Facts]":
        """Return the facts that answered this question, or None where they may not hold any more."""
        data = self._folder.load(FILE, MAX_SIZE)
        body = data[_HEADER_SIZE:]
        program = _program()
        if not body or program is None or data[:_HEADER_SIZE] != _HEADER % crc32(body):
            return None
        try:
            asked, evidence, answer, mark = marshal.loads(body)
        except (ValueError, EOFError, TypeError):
            return None  # written by another Python
        if asked != (program, pack(question)) or not holds(root, evidence):
            return None
        found = unpack(answer)
        if not isinstance(found, Facts):
            return None
        self.mark = mark
        return found

    def remember(self, question: object, evidence: Evidence, answer: Facts) -> None:
        """Keep facts with their question and evidence, in place of those of an earlier run, if that can be done safely."""
        program = _program()
        if program is None or not evidence.whole or not self._folder.may_hold(evidence.newest()):
            return
        mark = "{} {}".format(time.time(), os.getpid())
        body = marshal.dumps(((program, pack(question)), evidence.packed(), pack(answer), mark), 2)
        if len(body) <= MAX_SIZE - _HEADER_SIZE:
            self._folder.save(FILE, _HEADER % crc32(body) + body)
            self.mark = mark


def pack(value: "Any") -> "Any":
    """Return a value made of records, tuples and dictionaries in plain types: a record becomes a list, its class's name first."""
    if isinstance(value, tuple):
        items = [pack(item) for item in value]
        return [type(value).__name__] + items if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    return value


def unpack(value: "Any") -> "Any":
    """Return what was packed; the records are those of ``pvhready.facts``."""
    if type(value) is list:
        return tuple.__new__(getattr(facts, value[0]), [unpack(item) if type(item) in _DEEP else item for item in value[1:]])
    if type(value) is tuple:
        return tuple([unpack(item) if type(item) in _DEEP else item for item in value])
    if type(value) is dict:
        return {key: unpack(item) if type(item) in _DEEP else item for key, item in value.items()}
    return value


def _program() -> "Optional[Any]":
    """Return what tells this program from another version of it, or None where that cannot be told."""
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        return (__version__, sys.hexversion) + tuple([os.stat(os.path.join(top, room)).st_mtime_ns for room in _ROOMS])
    except OSError:
        return None  # not in a folder: in an archive
