"""Results that are costly to get, each of one file.

A result is good as long as its file has the same path, inode, size, mtime and ctime. The memory is one file of lines:

    pvhready memory 2
    CRC32 KIND PATH INODE SIZE MTIME CTIME FIELD...        (separated by tabs; the checksum is of all that follows it)

Whatever is odd about the file or a line makes it as if nothing were remembered.
"""

from binascii import crc32

from pvhready.memory.folder import Folder
from pvhready.root import Stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence, Tuple

FILE = "memory"
MAX_SIZE = 1024 * 1024  # bytes of the file; the oldest lines are forgotten first
MAX_LINE = 128 * 1024

_HEADER = b"pvhready memory 2"  # another number for another format, or when results came to mean something else


class Memory:
    """The results of earlier runs. To recall and to remember never fail: at worst nothing is known."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._data: Optional[bytes] = None

    def recall(self, kind: str, stamp: Stamp) -> "Optional[Tuple[str, ...]]":
        """Return the fields that were remembered for this state of a file, or None."""
        if self._data is None:
            self._data = self._load()
        key = _line([kind] + [str(value) for value in stamp])
        if key is None:
            return None
        at = self._data.find(b"\t" + key + b"\t")
        if at < 0:
            return None
        start = self._data.rfind(b"\n", 0, at) + 1
        content = _checked(self._data[start:self._data.find(b"\n", at)])
        if content is None or not content.startswith(key + b"\t"):
            return None
        return tuple(content[len(key) + 1:].decode("utf-8", "surrogateescape").split("\t"))

    def remember(self, kind: str, stamp: Stamp, fields: "Sequence[str]") -> None:
        """Keep the fields for this state of a file, in place of those for an earlier state."""
        content = _line([kind] + [str(value) for value in stamp] + list(fields))
        if content is None or len(content) > MAX_LINE or not self._folder.may_hold(max(stamp.mtime, stamp.ctime) / 1e9):
            return
        # What another run has written in the meantime is kept.
        path = content.split(b"\t")[:2]
        lines = [line for line in self._load().split(b"\n")[1:] if _checked(line) is not None and line.split(b"\t")[1:3] != path]
        lines.append(b"%08x\t" % crc32(content) + content)
        while sum(map(len, lines)) + len(lines) + len(_HEADER) > MAX_SIZE - 1:
            del lines[0]
        self._data = b"\n".join([_HEADER] + lines) + b"\n"
        self._folder.save(FILE, self._data)

    def _load(self) -> bytes:
        """Return the file's content, or nothing when it is not there or cannot be trusted."""
        data = self._folder.load(FILE, MAX_SIZE)
        return data if data.startswith(_HEADER + b"\n") and data.endswith(b"\n") else b""


def _line(texts: "Sequence[str]") -> "Optional[bytes]":
    """Return the texts as a line, or None when one of them holds what would break it."""
    if any(min(text, default=" ") < " " or "\x7f" in text for text in texts):
        return None
    try:
        return "\t".join(texts).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None


def _checked(line: bytes) -> "Optional[bytes]":
    """Return a line without its checksum, or None when the checksum is wrong."""
    total, _, content = line.partition(b"\t")
    return content if total == b"%08x" % crc32(content) else None
