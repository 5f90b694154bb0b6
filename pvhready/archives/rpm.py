"""rpm packages (rpm: docs/format): a lead, a signature header, the header, and a packed cpio archive."""

import stat
import struct

from pvhready.archives.record import FILE, LINK, MAX_MEMBERS, OTHER, RPM_MAGIC, Entry, Package, absolute, budget, unpacked, within
from pvhready.archives.rpmheader import ARCHITECTURE, BASENAMES, NAME, RELEASE, VERSION, Header
from pvhready.root import File
from pvhready.unpack import Damaged, cpio, detect, from_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Optional, Tuple

    from pvhready.archives.record import Wanted

_LEAD = 96
_HEADER_MAGIC = b"\x8e\xad\xe8\x01"
_INTRO = 16  # bytes: the magic, four reserved ones, and the two counts
_SIGNATURE_LIMIT = 64 << 20  # bytes; what rpm allows (lib/header.c, headerSizeMax for signatures)
_HEADER_LIMIT = 64 << 20  # bytes; rpm itself refuses more than 256 MiB
_MAX_LINK = 4096  # PATH_MAX


def describe(file: File) -> Package:
    """Return what the header says. Raises UnpackError for whatever is no rpm package, Unreadable."""
    blob, _ = _header(file)
    try:
        header = Header(blob)
        version = "{}-{}".format(header.text(VERSION), header.text(RELEASE))
        algorithm = header.algorithm() or ""
        return Package("rpm", header.text(NAME), version, header.text(ARCHITECTURE), algorithm, _digests(header) if algorithm else {})
    except (struct.error, ValueError, IndexError) as error:
        raise Damaged("its header is damaged: {}".format(error)) from error


def entries(file: File, wanted: "Wanted") -> "Iterator[Entry]":
    """Yield the files in a package, in the order in which they stand there.

    Raises UnpackError for a damaged package, for one that is too large, and for a missing tool; Unreadable.
    """
    _, place = _header(file)
    source = from_file(file, place)
    # No other reader of rpm goes by the header's word either: the payload's own first bytes say how it is packed.
    chunks = unpacked(source, detect(source.peek(6)) or "none", budget())
    sizes = _Limits(wanted)
    try:
        for count, member in enumerate(cpio.members(cpio.Tape(chunks), sizes.of)):
            if count >= MAX_MEMBERS:
                raise Damaged("it holds more than {} files".format(MAX_MEMBERS))
            yield _entry(member)
    finally:
        chunks.close()


class _Limits:
    """Says to the reader of cpio which content to hold: of wanted files, and the targets of links."""

    def __init__(self, wanted: "Wanted") -> None:
        self._wanted = wanted

    def of(self, name: str, mode: int, size: int) -> "Optional[int]":
        """Return how much of a member's content is wanted, None for nothing. Raises Damaged when it is larger than it may be."""
        path = absolute(name)
        limit = _MAX_LINK if stat.S_ISLNK(mode) else self._wanted(path) if stat.S_ISREG(mode) else 0
        if limit:
            within(path, size, limit)
        return size if limit > 0 else None


def _entry(member: cpio.Member) -> Entry:
    path, mode = absolute(member.name), member.mode & 0o7777
    if stat.S_ISLNK(member.mode):
        return Entry(path, LINK, mode, member.size, (member.content or b"").decode("utf-8", "surrogateescape"))
    if not stat.S_ISREG(member.mode):
        return Entry(path, OTHER, mode, member.size)
    return Entry(path, FILE, mode, member.size, content=member.content)


def _header(file: File) -> "Tuple[bytes, int]":
    """Return the header from its counts on, and the offset behind it."""
    if file.read_at(0, len(RPM_MAGIC)) != RPM_MAGIC:
        raise Damaged("it is no rpm package")
    size = _size_of_header(file, _LEAD, _SIGNATURE_LIMIT)
    place = _LEAD + size + -size % 8
    size = _size_of_header(file, place, _HEADER_LIMIT)
    blob = file.read_at(place + 8, size - 8)
    if len(blob) < size - 8:
        raise Damaged("it is cut short, at {} bytes".format(file.size))
    return blob, place + size


def _size_of_header(file: File, place: int, limit: int) -> int:
    intro = file.read_at(place, _INTRO)
    if len(intro) < _INTRO or not intro.startswith(_HEADER_MAGIC):
        raise Damaged("no header at offset {}, where one belongs".format(place))
    entries_count, length = struct.unpack_from(">II", intro, 8)
    size = _INTRO + 16 * entries_count + length
    if size > limit:
        raise Damaged("a header of {} bytes at offset {}".format(size, place))
    return int(size)


def _digests(header: Header) -> "Dict[str, str]":
    count = header.count(BASENAMES)
    if not count:
        return {}
    pairs = zip(header.paths(list(range(count))), header.digests(count))
    return {path.decode("utf-8", "surrogateescape"): digest for path, digest in pairs if digest}
