"""The compressions that kernels and initramfs come in, written without any library that Python lacks.

lz4, zstd and lzo are written as valid streams that store their data as it is, so they do not get smaller.
"""

import struct
import zlib
from typing import Callable, Dict, List

_LZ4_BLOCK = 8 << 20  # the legacy format's block (lz4's lz4_Frame_format.md, "Legacy frame")
_ZSTD_BLOCK = 128 << 10  # RFC 8878, section 3.1.1.2.4
_LZO_BLOCK = 256 << 10  # what lzop writes


def compress(name: str, data: bytes) -> bytes:
    """Return ``data`` as a whole stream of the compression ``name``; "none" leaves it alone. Raises KeyError for others."""
    return _WRITERS[name](data)


def _gzip(data: bytes) -> bytes:
    writer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return writer.compress(data) + writer.flush()


def _bzip2(data: bytes) -> bytes:
    import bz2

    return bz2.compress(data)


def _dictionary(data: bytes) -> int:
    # Linux's own build uses 32 MiB; the reader has to allocate it. A multiple of 64 KiB keeps lzma's magic, 5d 00 00.
    return (len(data) >> 16) + 1 << 16


def _xz(data: bytes) -> bytes:
    import lzma

    filters: List[Dict[str, int]] = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(data)}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


def _lzma(data: bytes) -> bytes:
    import lzma

    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": _dictionary(data)}]
    return lzma.compress(data, lzma.FORMAT_ALONE, filters=filters)


def _lz4(data: bytes) -> bytes:
    """The legacy frame, which Linux's build writes (``lz4 -l``): blocks that hold literals only."""
    parts = [struct.pack("<I", 0x184C2102)]
    for start in range(0, len(data), _LZ4_BLOCK):
        literals = data[start:start + _LZ4_BLOCK]
        block = _lz4_lengths(len(literals)) + literals
        parts.append(struct.pack("<I", len(block)) + block)
    return b"".join(parts)


def _lz4_lengths(count: int) -> bytes:
    if count < 15:
        return bytes([count << 4])
    full, rest = divmod(count - 15, 255)
    return b"\xf0" + b"\xff" * full + bytes([rest])


def _zstd(data: bytes) -> bytes:
    """One frame of raw blocks (RFC 8878, section 3.1.1): a single segment whose size is told in four bytes."""
    parts = [struct.pack("<IBI", 0xFD2FB528, 0xA0, len(data))]
    last_start = max(0, len(data) - 1) // _ZSTD_BLOCK * _ZSTD_BLOCK
    for start in range(0, max(1, len(data)), _ZSTD_BLOCK):
        block = data[start:start + _ZSTD_BLOCK]
        header = len(block) << 3 | (1 if start == last_start else 0)
        parts.append(struct.pack("<I", header)[:3] + block)
    return b"".join(parts)


def _lzo(data: bytes) -> bytes:
    """lzop's container with stored blocks (lzop's source, src/lzop.h; Linux: lib/decompress_unlzo.c)."""
    flags = 0x00000001  # a checksum of the uncompressed data goes with every block
    header = struct.pack(">HHHBBIIIIB", 0x1030, 0x2080, 0x0940, 3, 9, flags, 0o100644, 0, 0, 0)
    parts = [b"\x89LZO\x00\r\n\x1a\n", header, struct.pack(">I", zlib.adler32(header))]
    for start in range(0, len(data), _LZO_BLOCK):
        block = data[start:start + _LZO_BLOCK]
        parts.append(struct.pack(">III", len(block), len(block), zlib.adler32(block)) + block)
    return b"".join(parts) + struct.pack(">I", 0)


def _none(data: bytes) -> bytes:
    return data


_WRITERS: Dict[str, Callable[[bytes], bytes]] = {
    "none": _none, "gzip": _gzip, "bzip2": _bzip2, "lzma": _lzma, "xz": _xz, "lzo": _lzo, "lz4": _lz4, "zstd": _zstd,
}
NAMES = tuple(_WRITERS)
