"""Debian packages (deb(5)): an ar archive that holds debian-binary, control.tar and data.tar, both packed or not.

What dpkg itself refuses is refused here: extended (pax) headers and sparse files (dpkg: lib/dpkg/tarfn.c).
"""

import tarfile

from pvhready.archives.record import (
    DEB_MAGIC,
    FILE,
    HARD_LINK,
    LINK,
    MAX_MEMBERS,
    OTHER,
    Entry,
    Package,
    absolute,
    budget,
    unpacked,
    within,
)
from pvhready.root import File
from pvhready.unpack import Damaged, from_file
from pvhready.unpack.source import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Tuple, Union

    from pvhready.archives.record import Wanted
    from pvhready.unpack import Chunks

_HEADER = 60
_MAX_PARTS = 20  # members of the ar archive; dpkg writes three
_FORMS = {"": "none", ".gz": "gzip", ".xz": "xz", ".zst": "zstd", ".bz2": "bzip2", ".lzma": "lzma"}
_CONTROL_LIMITS = {"/control": 1 << 20, "/md5sums": 32 << 20}  # bytes
_MAX_NAME = 4096  # bytes of a long name (PATH_MAX)
_REFUSED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_SPARSE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_MD5_DIGITS = 32


class _Header(tarfile.TarInfo):
    """A header of tar, looked at before tarfile acts on it: some make it hold in memory whatever size they tell."""

    @classmethod
    def frombuf(cls, buf: "Union[bytes, bytearray]", encoding: str, errors: str) -> "Any":
        return cls._demanded(super().frombuf, buf, encoding, errors)

    @classmethod
    def _frombuf(cls, *arguments: "Any", **options: "Any") -> "Any":
        """Newer releases of tarfile make their headers with this one, and do not call the one above."""
        return cls._demanded(super()._frombuf, *arguments, **options)  # type: ignore[misc]

    @staticmethod
    def _demanded(make: "Any", *arguments: "Any", **options: "Any") -> "Any":
        try:
            header = make(*arguments, **options)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]  # the archive's end
            raise
        except tarfile.TarError as error:
            raise Damaged("a bad tar header: {}".format(error)) from error
        if header.type in _REFUSED:
            raise Damaged("a tar header of a kind that dpkg does not read")
        if header.size < 0 or header.type in _LONG and header.size > _MAX_NAME:
            raise Damaged("a tar header with a size of {} bytes".format(header.size))
        return header


class _Reader:
    """Chunks as a file that can only be read on."""

    def __init__(self, chunks: "Chunks") -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end."""
        parts = [self._rest]
        length = len(self._rest)
        while length < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            parts.append(chunk)
            length += len(chunk)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]


def describe(file: File) -> Package:
    """Return what control.tar says. Raises UnpackError for whatever is no Debian package, Unreadable."""
    found: "Dict[str, bytes]" = {}
    for entry in _entries(file, "control.tar", lambda path: _CONTROL_LIMITS.get(path, 0)):
        if entry.content is not None:
            if entry.path in found:
                raise Damaged("it holds {} twice".format(entry.path))
            found[entry.path] = entry.content
    fields = _fields(found.get("/control", b""))
    missing = [name for name in ("Package", "Version", "Architecture") if not fields.get(name)]
    if missing:
        raise Damaged("its control file does not say {}".format(", ".join(missing)))
    return Package(
        "deb", fields["Package"], fields["Version"], fields["Architecture"], "md5", _parse_md5sums(found.get("/md5sums", b"")),
    )


def entries(file: File, wanted: "Wanted") -> "Iterator[Entry]":
    """Yield the files in a package, in the order in which they stand there.

    Raises UnpackError for a damaged package, for one that is too large, and for a missing tool; Unreadable.
    """
    return _entries(file, "data.tar", wanted)


def _parse_md5sums(data: bytes) -> "Dict[str, str]":
    """Return path to digest of a package's md5sums. Lines of another kind are left out."""
    digests: "Dict[str, str]" = {}
    for line in data.split(b"\n"):
        digest, _, name = line.partition(b"  ")
        if len(digest) == _MD5_DIGITS and name:
            digests["/" + name.decode("utf-8", "surrogateescape")] = digest.decode("ascii", "replace").lower()
    return digests


def _entries(file: File, part: str, wanted: "Wanted") -> "Iterator[Entry]":
    place, size, form = _find_part(file, part)
    chunks = unpacked(from_file(file, place, size), form, budget())
    reader: Any = _Reader(chunks)  # tarfile asks for no more than its read
    try:
        with tarfile.open(
            fileobj=reader, mode="r|", bufsize=CHUNK, tarinfo=_Header, encoding="utf-8", errors="surrogateescape",
        ) as archive:
            for _ in range(MAX_MEMBERS):
                info = archive.next()
                if info is None:
                    return
                yield _entry(archive, info, wanted)
            raise Damaged("it holds more than {} files".format(MAX_MEMBERS))
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise Damaged("{} in it cannot be read: {}".format(part, error)) from error
    finally:
        chunks.close()


def _entry(archive: tarfile.TarFile, info: tarfile.TarInfo, wanted: "Wanted") -> Entry:
    path = absolute(info.name)
    kind = FILE if info.isreg() else LINK if info.issym() else HARD_LINK if info.islnk() else OTHER
    entry = Entry(path, kind, info.mode & 0o7777, info.size, info.linkname)
    limit = wanted(path) if kind == FILE else 0
    if not limit:
        return entry
    within(path, info.size, limit)
    reader = archive.extractfile(info)
    content = reader.read() if reader else b""
    if len(content) != info.size:
        raise Damaged("it ends in the middle of {}".format(path))
    return entry._replace(content=content)


def _find_part(file: File, part: str) -> "Tuple[int, int, str]":
    """Return offset, size and compression of one of the archives in the package."""
    for name, place, size in _parts(file):
        if name.startswith(part) and name[len(part):] in _FORMS:
            return place, size, _FORMS[name[len(part):]]
    raise Damaged("it holds no {}".format(part))


def _parts(file: File) -> "Iterator[Tuple[str, int, int]]":
    if file.read_at(0, len(DEB_MAGIC)) != DEB_MAGIC:
        raise Damaged("it is no Debian package")
    place = len(DEB_MAGIC)
    for count in range(_MAX_PARTS):
        header = file.read_at(place, _HEADER)
        if not header and count:
            return
        if len(header) < _HEADER or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            raise Damaged("a bad header in its ar archive, at offset {}".format(place))
        size = int(header[48:58])
        name = header[:16].decode("ascii", "replace").rstrip().rstrip("/")
        place += _HEADER
        if place + size > file.size:
            raise Damaged("it is cut short: {} ends at {}, the file at {}".format(name, place + size, file.size))
        if not count and name != "debian-binary":
            raise Damaged("it is no Debian package")
        yield name, place, size
        place += size + size % 2


def _fields(control: bytes) -> "Dict[str, str]":
    fields: "Dict[str, str]" = {}
    for line in control.split(b"\n\n")[0].split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and not line.startswith((b" ", b"\t")):
            fields.setdefault(name.decode("ascii", "replace"), value.strip().decode("utf-8", "replace"))
    return fields
