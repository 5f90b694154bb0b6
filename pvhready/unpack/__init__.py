"""The one room where things are unpacked: streams, bounded in output, time and memory.

A consumer may stop early by closing the iterator: everything behind it is then released. Nothing of the guest is
executed: where a program unpacks, it is the running machine's, and it gets bytes only.
"""

from pvhready.unpack.source import CHUNK, Budget, Damaged, LimitReached, MissingTool, Source, UnpackError, from_bytes, from_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from pvhready.unpack.source import Chunks

__all__ = [
    "Budget", "Chunks", "Damaged", "LimitReached", "MissingTool", "Source", "UnpackError", "detect", "from_bytes",
    "from_file", "stream",
]

_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\x00", "xz"), (b"BZh", "bzip2"), (b"\x5d\x00\x00", "lzma"), (b"\x89LZO", "lzo"),
    (b"\x02\x21\x4c\x18", "lz4"), (b"\x04\x22\x4d\x18", "lz4"), (b"\x28\xb5\x2f\xfd", "zstd"),
)


def detect(head: bytes) -> "Optional[str]":
    """Return the form whose magic bytes begin ``head`` (6 bytes are enough), or None."""
    for magic, form in _MAGIC:
        if head.startswith(magic):
            return form
    return None


def stream(source: Source, form: str, budget: Budget) -> "Chunks":
    """Yield what the compressed stream at the source's position unpacks to, in chunks of up to 8 MiB.

    One stream or member is unpacked; what follows it is no error, and ``source.position`` is then right behind it.
    "none" hands on the bytes up to the source's end. Raises Damaged, LimitReached, MissingTool, and what the source
    raises (Unreadable, for a file).
    """
    chunks = _chunks(source, form, budget)
    try:
        for chunk in chunks:
            budget.spend(len(chunk))
            if chunk:
                yield chunk
    finally:
        chunks.close()


def _chunks(source: Source, form: str, budget: Budget) -> "Chunks":
    if form == "none":
        return _as_they_are(source)
    if form in ("lz4", "zstd", "lzo"):
        from pvhready.unpack import framed

        return {"lz4": framed.lz4, "zstd": framed.zstd, "lzo": framed.lzo}[form](source, budget)
    from pvhready.unpack import standard

    return {"gzip": standard.gzip, "xz": standard.xz, "bzip2": standard.bzip2, "lzma": standard.lzma}[form](source)


def _as_they_are(source: Source) -> "Chunks":
    chunk = source.read(CHUNK)
    while chunk:
        yield chunk
        chunk = source.read(CHUNK)
