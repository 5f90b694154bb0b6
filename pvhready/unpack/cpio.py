"""cpio archives as Linux reads them into its root file system: the headers, and the content of the few files that are asked for.

Source: init/initramfs.c of Linux, and Documentation/driver-api/early-userspace/buffer-format.rst. The formats are newc
(070701) and crc (070702). Archives may follow each other, with zero bytes between them, all on offsets that
four divides.
"""

import stat

from pvhready.records import NamedTuple
from pvhready.unpack.source import Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, Optional, Tuple

_HEADER = 110
_FIELDS = 13
_DIGITS = frozenset(b"0123456789abcdefABCDEF")
_MAX_NAME = 4096  # PATH_MAX
_TRAILER = b"TRAILER!!!"


class Member(NamedTuple):
    """A file, directory or other thing in an archive. ``name`` as stored; ``mode`` as ``stat`` has it, ``size`` in bytes.

    ``content`` is there only where it was asked for, and as much of it. ``inode`` is the same for all names of one file: the number of
    the archive within the tape, and the inode's number with its device.
    """

    name: str
    mode: int
    size: int
    links: int
    content: "Optional[bytes]" = None
    inode: "Tuple[int, int, int, int]" = (0, 0, 0, 0)


class Tape:
    """Unpacked bytes, one after the other, of which no more than a chunk is held."""

    def __init__(self, chunks: "Iterator[bytes]") -> None:
        self.position = 0
        self._chunks = chunks
        self._chunk = b""
        self._used = 0

    @property
    def unused(self) -> int:
        """How many bytes were taken out of the chunks and not used."""
        return len(self._chunk) - self._used

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes. Raises Damaged when there are fewer."""
        while self.unused < size:
            more = next(self._chunks, b"")
            if not more:
                raise Damaged("the archive ends in the middle of an entry")
            self._chunk = self._chunk[self._used:] + more
            self._used = 0
        start = self._used
        self._used += size
        self.position += size
        return self._chunk[start:self._used]

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes. Raises Damaged when there are fewer."""
        for _ in self.pieces(size):
            pass

    def pieces(self, size: int) -> "Iterator[bytes]":
        """Yield the next ``size`` bytes in pieces. Raises Damaged when there are fewer."""
        while size:
            if not self._more():
                raise Damaged("the archive ends in the middle of an entry")
            step = min(size, self.unused)
            start = self._used
            self._used += step
            self.position += step
            size -= step
            yield self._chunk[start:self._used]

    def skip_zeros(self) -> bytes:
        """Pass over zero bytes and return the byte that follows, without using it; none at the end."""
        while self._more():
            rest = self._chunk[self._used:]
            zeros = len(rest) - len(rest.lstrip(b"\0"))
            self._used += zeros
            self.position += zeros
            if self.unused:
                return self._chunk[self._used:self._used + 1]
        return b""

    def _more(self) -> bool:
        if not self.unused:
            self._chunk = next(self._chunks, b"")
            self._used = 0
        return bool(self._chunk)


def members(tape: Tape, wanted: "Optional[Callable[[str, int, int], Optional[int]]]" = None) -> "Iterator[Member]":
    """Yield what archive after archive holds, up to the first byte that begins no archive, or the end of the tape.

    A member is yielded when its content was passed over. ``wanted(name, mode, size)`` tells how many bytes of it are to be held, None for
    no content. Raises Damaged for a bad header, a lying size, a wrong checksum, and an archive without its trailer.
    """
    closed, archive = True, 0
    while tape.skip_zeros() == b"0":
        if tape.position % 4:
            raise Damaged("an archive begins at an offset that four does not divide")
        header = tape.take(_HEADER)
        fields = _fields(header)
        name = _name(tape, fields[11])
        mode, size, links = fields[1], fields[6], fields[4]
        text = name.decode("utf-8", "surrogateescape")
        held = None if wanted is None else wanted(text, mode, size)
        content = None if held is None else tape.take(min(held, size))
        if header.startswith(b"070702") and stat.S_ISREG(mode):
            _demand_sum(tape, content or b"", size, fields[12])
        else:
            tape.skip(size - len(content or b""))
        closed = name == _TRAILER
        archive += closed
        if not closed:
            tape.skip(-size % 4)
            yield Member(text, mode, size, links, content, (archive, fields[0], fields[7], fields[8]))
    if not closed:
        raise Damaged("an archive without its end mark")


def _fields(header: bytes) -> "Tuple[int, ...]":
    magic = header[:6]
    if magic == b"070707":
        raise Damaged("a cpio archive of the old kind, which Linux does not read")
    if magic not in (b"070701", b"070702") or not _DIGITS.issuperset(header):
        raise Damaged("a bad cpio header")
    return tuple(int(header[6 + 8 * index:14 + 8 * index], 16) for index in range(_FIELDS))


def _name(tape: Tape, length: int) -> bytes:
    if not 0 < length <= _MAX_NAME:
        raise Damaged("a cpio entry with a name of {} bytes".format(length))
    # Header and name together are padded to a multiple of four.
    name = tape.take(length + -(_HEADER + length) % 4)[:length]
    if not name.endswith(b"\0"):
        raise Damaged("a cpio entry whose name has no end")
    return name[:name.index(b"\0")]


def _demand_sum(tape: Tape, held: bytes, size: int, expected: int) -> None:
    total = sum(held) + sum(sum(piece) for piece in tape.pieces(size - len(held)))
    if total & 0xFFFFFFFF != expected:
        raise Damaged("a cpio entry with a wrong checksum")
