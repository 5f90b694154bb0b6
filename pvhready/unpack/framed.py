"""lz4, zstd and lzo: by a Python library where one is installed, else by a program.

A frame's end is found by ``frames``, so that no library or program ever sees what follows it.
"""

import importlib

from pvhready.unpack import frames, program
from pvhready.unpack.frames import Block
from pvhready.unpack.source import Budget, Damaged, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Optional

    from pvhready.unpack.source import Chunks

    _Unpack = Callable[[Block], bytes]

_ZSTD_WINDOW_LOG = 27  # 128 MiB, the most that Linux and the zstd program accept


def lz4(source: Source, budget: Budget) -> "Chunks":
    """Unpack one lz4 stream, of the legacy kind or one frame. Yields chunks of up to 8 MiB."""
    if source.peek(4) == frames.LZ4_LEGACY:
        return _unpack("lz4", frames.lz4_legacy(source), _lz4_block(), budget)
    return _unpack("lz4", frames.lz4_frame(source), _lz4_frame(), budget)


def zstd(source: Source, budget: Budget) -> "Chunks":
    """Unpack one zstd frame."""
    return _unpack("zstd", frames.zstd(source), _zstd(), budget)


def lzo(source: Source, budget: Budget) -> "Chunks":
    """Unpack one file of lzop."""
    return _unpack("lzo", frames.lzop(source), _lzo(), budget)


def _unpack(form: str, blocks: "Iterator[Block]", unpack: "Optional[_Unpack]", budget: Budget) -> "Chunks":
    if unpack is None:
        yield from program.run(form, (block.raw for block in blocks), budget)
        return
    for block in blocks:
        try:
            chunk = unpack(block)
        except Exception as error:  # each release of each library has errors of its own
            raise Damaged("bad {} data: {}".format(form, error)) from error
        yield chunk


def _lz4_block() -> "Optional[_Unpack]":
    library = _library("lz4.block")
    if library is None:
        return None
    return lambda block: bytes(library.decompress(block.body, uncompressed_size=block.size)) if block.body else b""


def _lz4_frame() -> "Optional[_Unpack]":
    make = getattr(_library("lz4.frame"), "LZ4FrameDecompressor", None)  # releases before 2.0 have none
    if make is None:
        return None
    decoder = make()
    return lambda block: bytes(decoder.decompress(block.raw))


def _zstd() -> "Optional[_Unpack]":
    decoder: Any = None
    library = _library("compression.zstd")  # since Python 3.14
    if library is not None:
        decoder = library.ZstdDecompressor(options={library.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
    else:
        library = _library("zstandard")
        if library is None:
            return None
        decoder = library.ZstdDecompressor(max_window_size=1 << _ZSTD_WINDOW_LOG).decompressobj()
    return lambda block: bytes(decoder.decompress(block.raw))


def _lzo() -> "Optional[_Unpack]":
    library = _library("lzo")
    if library is None:
        return None
    import zlib

    def unpack(block: Block) -> bytes:
        packed = len(block.body) < block.size
        data = bytes(library.decompress(block.body, False, block.size)) if packed else block.body
        sums_match = block.adler in (-1, zlib.adler32(data)) and block.crc in (-1, zlib.crc32(data))
        if len(data) != block.size or not sums_match:
            raise Damaged("a block's length or checksum is wrong")
        return data

    return unpack


def _library(name: str) -> "Any":
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
