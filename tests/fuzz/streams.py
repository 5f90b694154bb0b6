"""Compressed data of any form: gzip, xz, lzma, bzip2, lz4, zstd, lzo. Bounded in output and time."""

from pvhready.unpack import Budget, UnpackError, detect, from_bytes, stream

TOKENS = (
    b"\x1f\x8b\x08\0\0\0\0\0", b"\xfd7zXZ\0\0\x01", b"BZh9", b"\x5d\0\0\x80\0", b"\x89LZO\0\r\n\x1a\n", b"\x02\x21\x4c\x18",
    b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"\xff" * 4, bytes(8),
)
_MOST = 1 << 24


def run(data: bytes) -> None:
    """Unpack it by what its first bytes say it is."""
    form = detect(data[:6])
    if form is None:
        return
    source = from_bytes(data)
    total = 0
    try:
        for chunk in stream(source, form, Budget(_MOST, 20.0)):
            total += len(chunk)
    except UnpackError as error:
        assert error.reason
    assert total <= _MOST and 0 <= source.position <= len(data)
