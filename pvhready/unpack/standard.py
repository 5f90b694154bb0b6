"""The formats that Python itself unpacks: gzip, bzip2, xz and the older lzma.

Each function yields unpacked chunks, some of them empty, and leaves the source right behind the compressed stream.
They raise MissingTool where the interpreter was built without the module, and Damaged.
"""

from pvhready.unpack.source import CHUNK, Damaged, MissingTool, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Tuple, Type

    from pvhready.unpack.source import Chunks

# The kernel's build uses dictionaries of up to 128 MiB (Linux: scripts/xz_wrap.sh); the rest is for tables.
_MAX_MEMORY = 160 * 1024 * 1024

# Where an interpreter lacks one of its modules, a distribution put it in the full package.
_PACKAGE = "python3"


def gzip(source: Source) -> "Chunks":
    """Unpack one gzip member."""
    try:
        import zlib
    except ImportError as error:
        raise MissingTool("gzip", _PACKAGE) from error
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    while not inflater.eof:
        data = inflater.unconsumed_tail or source.read(CHUNK)
        if not data:
            raise Damaged("the gzip data ends too early")
        try:
            yield inflater.decompress(data, CHUNK)
        except zlib.error as error:
            raise Damaged("bad gzip data: {}".format(error)) from error
    source.position -= len(inflater.unused_data)


def bzip2(source: Source) -> "Chunks":
    """Unpack one bzip2 stream."""
    try:
        import bz2
    except ImportError as error:
        raise MissingTool("bzip2", _PACKAGE) from error
    return _steps(source, "bzip2", bz2.BZ2Decompressor(), (OSError, ValueError))


def xz(source: Source) -> "Chunks":
    """Unpack one xz stream."""
    return _lzma(source, "xz")


def lzma(source: Source) -> "Chunks":
    """Unpack one stream of the older lzma format."""
    return _lzma(source, "lzma")


def _lzma(source: Source, form: str) -> "Chunks":
    try:
        import lzma as library
    except ImportError as error:
        raise MissingTool(form, _PACKAGE) from error
    container = library.FORMAT_XZ if form == "xz" else library.FORMAT_ALONE
    return _steps(source, form, library.LZMADecompressor(format=container, memlimit=_MAX_MEMORY), (library.LZMAError,))


def _steps(source: Source, form: str, decoder: "Any", errors: "Tuple[Type[Exception], ...]") -> "Chunks":
    while not decoder.eof:
        data = b""
        if decoder.needs_input:
            data = source.read(CHUNK)
            if not data:
                raise Damaged("the {} data ends too early".format(form))
        try:
            yield decoder.decompress(data, CHUNK)
        except errors as error:
            raise Damaged("bad {} data: {}".format(form, error)) from error
    source.position -= len(decoder.unused_data)
