"""libmagic's word on bytes: what a file is that is no kernel, and a second opinion on a payload.

Two Python modules are called ``magic``: python-magic, and the binding that comes with file(1). Either serves; without
one, or without libmagic itself, there is simply no word.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

# libmagic's descriptions (file(1), Magdir/compress) to the names that are used here.
_FORMS = (
    ("gzip compressed", "gzip"),
    ("XZ compressed", "xz"),
    ("LZMA compressed", "lzma"),
    ("bzip2 compressed", "bzip2"),
    ("LZ4 compressed", "lz4"),
    ("Zstandard compressed", "zstd"),
    ("lzop compressed", "lzo"),
    ("ELF ", "elf"),
)
_MAX_DESCRIPTION = 80


def describe(data: bytes) -> "Optional[str]":
    """Return what bytes are in a few words, or None where libmagic cannot be had or has no word for them."""
    if not _has_library():
        return None
    try:
        import magic
    except ImportError:
        # python-magic raises it, too, when it finds no libmagic.
        return None
    if hasattr(magic, "from_file"):
        return _with_python_magic(data)
    return _with_file_magic(data) if hasattr(magic, "detect_from_content") else None


def form_of(description: "Optional[str]") -> "Optional[str]":
    """Return the compression that a description of libmagic's names, or None where it names none of the kernel's."""
    for words, form in _FORMS:
        if description and words in description:
            return form
    return None


def _has_library() -> bool:
    """Whether libmagic is there. Python's search for a missing one runs a compiler; for one that is there, ``ldconfig -p`` only."""
    import ctypes

    try:
        ctypes.CDLL("libmagic.so.1")
    except OSError:
        return False
    return True


def _with_python_magic(data: bytes) -> "Optional[str]":
    import magic

    try:
        return _shorten(magic.from_buffer(data))
    except magic.MagicException:
        return None


def _with_file_magic(data: bytes) -> "Optional[str]":
    import magic

    try:
        return _shorten(magic.detect_from_content(data).name)
    except ValueError:
        return None


def _shorten(description: str) -> "Optional[str]":
    return description[:_MAX_DESCRIPTION] or None
