"""Where the blocks of lz4, zstd and lzo streams begin and end, told from their headers alone.

So a stream's end is known exactly, whatever follows it, and whether a library or a program unpacks it. Sources:
the descriptions of the lz4 frame format (also of the legacy one, which is Linux's), RFC 8878 for zstd, and Linux's
lib/decompress_unlzo.c for the container of lzop.
"""

import struct

from pvhready.records import NamedTuple
from pvhready.unpack.source import Damaged, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple

LZ4_LEGACY = b"\x02\x21\x4c\x18"
LZOP = b"\x89LZO\x00\r\n\x1a\n"

LZ4_LEGACY_BLOCK = 8 << 20
_LZ4_LEGACY_BOUND = LZ4_LEGACY_BLOCK + LZ4_LEGACY_BLOCK // 255 + 16  # what a block that does not shrink can take
_ZSTD_BLOCK = 128 * 1024
_LZO_BLOCK = 256 * 1024  # LZO_BLOCK_SIZE of Linux

_LZO_ADLER, _LZO_CRC = 0x1, 0x100  # each unpacked block's checksums stand before it, in this order
_LZO_PACKED_SUMS = (0x2, 0x200)  # then those of the packed one
_LZO_REFUSED = 0x40 | 0x400 | 0x800  # an extra field, several parts, a filter: nothing that Linux reads


class Block(NamedTuple):
    """A piece of a compressed stream: ``raw`` as it stands there, header and all.

    ``body`` is the packed block in it, and ``size`` the most that it unpacks to (for lzo exactly that); both only where a
    library wants them. ``adler`` and ``crc`` are the adler32 and crc32 of the unpacked block, -1 where the stream has none.
    """

    raw: bytes
    body: bytes = b""
    size: int = 0
    adler: int = -1
    crc: int = -1


def lz4_legacy(source: Source) -> "Iterator[Block]":
    """Yield the blocks of a legacy lz4 stream, which has no end mark: it ends where no block can follow.

    Four bytes and nothing behind them are the size that the kernel's build appends.
    """
    yield Block(source.exactly(4))
    while True:
        head = source.peek(4)
        if head == LZ4_LEGACY:
            # Linux goes on over a further stream (lib/decompress_unlz4.c).
            yield Block(source.exactly(4))
            continue
        size = int.from_bytes(head, "little") if len(head) == 4 else 0
        if not 0 < size <= _LZ4_LEGACY_BOUND:
            return
        source.exactly(4)
        if not source.peek(1):
            source.position -= 4
            return
        body = source.exactly(size)
        yield Block(head + body, body, LZ4_LEGACY_BLOCK)


def lz4_frame(source: Source) -> "Iterator[Block]":
    """Yield the pieces of one lz4 frame."""
    head = source.exactly(7)
    flags = head[4]
    if flags >> 6 != 1:
        raise Damaged("an lz4 frame of an unknown version")
    yield Block(head + source.exactly((8 if flags & 8 else 0) + (4 if flags & 1 else 0)))
    largest = 1 << (8 + 2 * (head[5] >> 4 & 7))
    while True:
        mark = source.exactly(4)
        size = int.from_bytes(mark, "little") & 0x7FFFFFFF
        if size == 0:
            yield Block(mark + source.exactly(4 if flags & 4 else 0))
            return
        if size > largest:
            raise Damaged("an lz4 block of {} bytes, larger than its frame allows".format(size))
        yield Block(mark + source.exactly(size + (4 if flags & 16 else 0)))


def zstd(source: Source) -> "Iterator[Block]":
    """Yield the pieces of one zstd frame."""
    start = source.exactly(5)
    flags = start[4]
    single = flags >> 5 & 1
    content = (single, 2, 4, 8)[flags >> 6]
    yield Block(start + source.exactly((1 - single) + (0, 1, 2, 4)[flags & 3] + content))
    last = False
    while not last:
        head = source.exactly(3)
        word = int.from_bytes(head, "little")
        last, kind, size = bool(word & 1), word >> 1 & 3, word >> 3
        if kind == 3 or size > _ZSTD_BLOCK:
            raise Damaged("a zstd block of an unknown kind or size")
        # A block of kind 1 is one byte, repeated ``size`` times.
        yield Block(head + source.exactly((1 if kind == 1 else size) + (4 if last and flags & 4 else 0)))


def lzop(source: Source) -> "Iterator[Block]":
    """Yield the pieces of one file of lzop."""
    flags, head = _lzop_header(source)
    yield Block(head)
    while True:
        mark = source.exactly(4)
        size = int.from_bytes(mark, "big")
        if size == 0:
            yield Block(mark)
            return
        packed = source.exactly(4)
        length = int.from_bytes(packed, "big")
        if size > _LZO_BLOCK or not 0 < length <= size:
            raise Damaged("an lzo block of {} bytes packed to {}".format(size, length))
        adler = source.exactly(4 if flags & _LZO_ADLER else 0)
        crc = source.exactly(4 if flags & _LZO_CRC else 0)
        more = source.exactly(4 * sum(1 for bit in _LZO_PACKED_SUMS if flags & bit) if length < size else 0)
        body = source.exactly(length)
        yield Block(mark + packed + adler + crc + more + body, body, size, _sum(adler), _sum(crc))


def _lzop_header(source: Source) -> "Tuple[int, bytes]":
    head = source.exactly(len(LZOP) + 7)
    version = struct.unpack_from(">H", head, len(LZOP))[0]
    modern = version >= 0x0940
    rest = source.exactly((1 if modern else 0) + 4)
    flags = int.from_bytes(rest[-4:], "big")
    if flags & _LZO_REFUSED:
        raise Damaged("an lzo stream of a kind that Linux does not read")
    more = source.exactly((12 if modern else 8) + 1)
    name = source.exactly(more[-1] + 4)
    return flags, head + rest + more + name


def _sum(data: bytes) -> int:
    return int.from_bytes(data, "big") if data else -1
