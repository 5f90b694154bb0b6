"""What a check of the running system said last, in each format: to be said again while nothing has changed.

Rules and report are pure: what they make of the same facts for the same question is the same. So the words are kept with all that they
depend on, which is the mark of the remembered facts, what is never remembered of a guest (its superblocks, the date), the question, and
how the words are laid out. The file: a line with format and checksum, then these and the words in Python's own marshal format.
"""

import marshal
from binascii import crc32

from pvhready.memory.folder import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

FILE = "said-"
MAX_SIZE = 1024 * 1024
_HEADER = b"pvhready said 1 %08x\n"
_HEADER_SIZE = len(_HEADER % 0)


def recall(folder: Folder, kind: str, key: "Any") -> "Optional[Tuple[int, str]]":
    """Return exit code and words that answered this very question; None where there are none. ``key`` is of plain types."""
    data = folder.load(FILE + kind, MAX_SIZE)
    body = data[_HEADER_SIZE:]
    if not body or data[:_HEADER_SIZE] != _HEADER % crc32(body):
        return None
    try:
        known, code, words = marshal.loads(body)
    except (ValueError, EOFError, TypeError):
        return None  # written by another Python
    return (code, words) if known == key and isinstance(code, int) and isinstance(words, str) else None


def remember(folder: Folder, kind: str, key: "Any", code: int, words: str) -> None:
    """Keep exit code and words in place of earlier ones, if that can be done."""
    body = marshal.dumps((key, code, words), 2)
    if len(body) <= MAX_SIZE - _HEADER_SIZE:
        folder.save(FILE + kind, _HEADER % crc32(body) + body)
