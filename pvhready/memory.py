"""What was read before: results that are costly to get, kept from run to run of the live system.

A result is good as long as its file has the same path, inode, size, mtime and ctime. The memory is one file of lines
in a directory that only root may write to:

    pvhready memory 1
    CRC32 KIND PATH INODE SIZE MTIME CTIME FIELD...        (separated by tabs; the checksum is of all that follows it)

Whatever is odd about the directory, the file or a line makes it as if nothing were remembered. The work is then done again.
"""

import os
import stat
import time
from binascii import crc32

from pvhready.root import Stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence, Tuple

DIRECTORY = "/var/cache/pvhready"
FILE = "memory"
MAX_SIZE = 1024 * 1024  # bytes of the file; the oldest lines are forgotten first
MAX_LINE = 128 * 1024

_HEADER = b"pvhready memory 1"  # another number for another format, or when results came to mean something else
_SETTLED = 2.0  # seconds: a file that changed so recently can change again within one tick of its clock
_LEFTOVER = 3600.0  # seconds after which a temporary file can be nobody's any more


class Memory:
    """The results of earlier runs. To recall and to remember never fail: at worst nothing is known."""

    def __init__(self, directory: str = DIRECTORY, owner: int = 0, settled: float = _SETTLED) -> None:
        """Use ``directory``, which must belong to the user ``owner``, as whom the program must run.

        Files younger than ``settled`` seconds are not remembered.
        """
        self._directory = directory
        self._owner = owner
        self._settled = settled
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
        if content is None or len(content) > MAX_LINE or time.time() - max(stamp.mtime, stamp.ctime) / 1e9 < self._settled:
            return
        # What another run has written in the meantime is kept.
        path = content.split(b"\t")[:2]
        lines = [line for line in self._load().split(b"\n")[1:] if _checked(line) is not None and line.split(b"\t")[1:3] != path]
        lines.append(b"%08x\t" % crc32(content) + content)
        while sum(map(len, lines)) + len(lines) + len(_HEADER) > MAX_SIZE - 1:
            del lines[0]
        self._data = b"\n".join([_HEADER] + lines) + b"\n"
        self._save(self._data)

    def _load(self) -> bytes:
        """Return the file's content, or nothing when it is not there or cannot be trusted."""
        try:
            directory = self._open_directory()
            try:
                data = self._read(directory)
            finally:
                os.close(directory)
        except OSError:
            return b""  # not there, or not ours to read: nothing is remembered
        return data if data.startswith(_HEADER + b"\n") and data.endswith(b"\n") else b""

    def _read(self, directory: int) -> bytes:
        descriptor = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not self._is_ours(status) or status.st_size > MAX_SIZE:
                return b""
            return os.read(descriptor, MAX_SIZE)
        finally:
            os.close(descriptor)

    def _save(self, data: bytes) -> None:
        try:
            if os.geteuid() != self._owner:
                return
            self._make_directory()
            directory = self._open_directory()
            try:
                _replace(directory, data)
            finally:
                os.close(directory)
        except OSError:
            return  # a full or read-only disk: the work will be done again

    def _make_directory(self) -> None:
        try:
            os.mkdir(self._directory, 0o700)
        except FileExistsError:
            return  # what it is, is looked at when it is opened

    def _open_directory(self) -> int:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if self._is_ours(os.fstat(descriptor)):
            return descriptor
        os.close(descriptor)
        raise PermissionError("{} is not ours alone".format(self._directory))

    def _is_ours(self, status: os.stat_result) -> bool:
        return status.st_uid == self._owner and not status.st_mode & 0o022


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


def _replace(directory: int, data: bytes) -> None:
    """Put the file in place as a whole, under a name of this process first. Raises OSError."""
    _sweep(directory)
    name = "{}.{}".format(FILE, os.getpid())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        if written == len(data):
            os.rename(name, FILE, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        _remove(directory, name)


def _sweep(directory: int) -> None:
    """Remove what runs that were killed have left behind."""
    mine = "{}.{}".format(FILE, os.getpid())
    for name in os.listdir(directory):
        if name == mine or name.startswith(FILE + ".") and _age(directory, name) > _LEFTOVER:
            _remove(directory, name)


def _age(directory: int, name: str) -> float:
    return abs(time.time() - os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime)


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return  # renamed, or another run was faster
