"""A package file of either kind: what it is, and single files out of it."""

from pvhready.archives import deb, rpm
from pvhready.archives.record import DEB_MAGIC, FILE, HARD_LINK, LINK, RPM_MAGIC, Entry, Package, absolute
from pvhready.root import File
from pvhready.unpack import Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Dict, Iterator, Optional, Sequence

    from pvhready.archives.record import Wanted

_MAX_LINKS = 5


def describe(file: File) -> Package:
    """Return what a package says of itself. Raises UnpackError for a damaged one or no package at all, Unreadable."""
    package: Package = _demand(file).describe(file)
    return package


def entries(file: File, wanted: "Wanted") -> "Iterator[Entry]":
    """Yield the files in a package, with the content of those for which ``wanted(path)`` returns a limit in bytes.

    Raises UnpackError for a damaged package, for one that is too large, and for a missing tool; Unreadable.
    """
    found: "Iterator[Entry]" = _demand(file).entries(file, wanted)
    return found


def take(file: File, paths: "Sequence[str]", limit: int) -> "Optional[Entry]":
    """Return the first of ``paths`` that a package holds, with its content; links in the package are followed. None without one.

    The content is held against the package's own checksum. ``limit`` is in bytes. The package is read no further than needed.
    Raises what ``entries`` does.
    """
    digests = describe(file).digests
    expected = [path for path in paths if path in digests]
    wanted = list(expected[:1] or paths)
    for _ in range(_MAX_LINKS):
        entry = _first(file, wanted, limit)
        if entry is None or entry.kind == FILE:
            return _checked(file, entry) if entry else None
        target = _target(entry)
        if entry.kind not in (LINK, HARD_LINK) or not target:
            raise Damaged("{} in it is no file".format(entry.path))
        wanted = [target]
    raise Damaged("{} in it is a link without an end".format(wanted[0]))


def digest(algorithm: str, content: bytes) -> "Optional[str]":
    """Return the hexadecimal digest of bytes, or None where this machine lacks the algorithm (md5 under FIPS 140)."""
    import hashlib

    try:
        return hashlib.new(algorithm, content).hexdigest()
    except ValueError:
        return None


def _reader(file: File) -> "Optional[ModuleType]":
    magic = file.read_at(0, 8)
    return deb if magic == DEB_MAGIC else rpm if magic.startswith(RPM_MAGIC) else None


def _demand(file: File) -> "ModuleType":
    reader = _reader(file)
    if reader is None:
        raise Damaged("it is neither a .deb nor a .rpm")
    return reader


def _first(file: File, paths: "Sequence[str]", limit: int) -> "Optional[Entry]":
    """Return the best of ``paths``, which stand in the order of preference."""
    found: "Dict[str, Entry]" = {}
    stream = entries(file, lambda path: limit if path in paths else 0)
    for entry in stream:
        if entry.path in paths:
            found.setdefault(entry.path, entry)
            if entry.path == paths[0]:
                break
    return next((found[path] for path in paths if path in found), None)


def _target(entry: Entry) -> str:
    """Return the path that a link leads to, "" where it leads out of the package. Only a name to look for: nothing opens it."""
    import posixpath

    if entry.kind == HARD_LINK:
        return absolute(entry.target)
    return posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target)) if entry.target else ""


def _checked(file: File, entry: Entry) -> Entry:
    package = describe(file)
    expected = package.digests.get(entry.path)
    actual = digest(package.algorithm, entry.content or b"") if expected else None
    if actual is not None and actual != expected:
        raise Damaged("{} in it does not have the checksum that the package tells".format(entry.path))
    return entry
