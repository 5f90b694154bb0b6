"""rpm's database where it is of the sqlite kind (rpm 4.16 and newer). The older kinds, BDB and ndb, are not read.

The table Basenames maps the last name of a path to a package header, which holds the whole paths.
"""

import os
import struct

from pvhready.archives.rpmheader import Header
from pvhready.records import NamedTuple
from pvhready.root import File, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Dict, List, Optional, Tuple

    from pvhready.probes.recorded import Recorded

_PATHS = ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite")
_SIZE_LIMIT = 1 << 30  # bytes; that of a workstation with 3000 packages has some 150 MiB
_HEADER_LIMIT = 64 << 20  # bytes; rpm itself refuses more than 256 MiB
_PACKAGES_LIMIT = 500  # packages that own a file of the same last name
_STEPS = 1000000  # virtual machine steps of SQLite for one query: an honest one takes some thousands
_HEAP_LIMIT = 256 << 20  # bytes


class RpmFile(NamedTuple):
    """An installed file: its path, name-version-release.arch of its package, and the hexadecimal digest where there is one.

    ``algorithm`` is what hashlib calls it; None for one that is not known.
    """

    path: bytes
    package: str
    algorithm: "Optional[str]" = None
    digest: "Optional[str]" = None


class RpmDatabase:
    """Owners by rpm. It remembers all files of a last name that was once asked for."""

    def __init__(self, root: Root) -> None:
        """Nothing is read before the first question."""
        self._root = root
        self._files: Dict[str, Dict[bytes, RpmFile]] = {}

    def owner(self, names: "Tuple[str, ...]") -> "Optional[str]":
        """Return name-version-release.arch of the package. ``names`` are the names that one file has.

        Raises Unreadable when the database is of another kind, too large, damaged, or cannot be read.
        """
        file = self.file(names)
        return file.package if file else None

    def record(self, names: "Tuple[str, ...]") -> "Optional[Recorded]":
        """Return what is known of a file's package, and the file's checksum. Takes and raises what ``owner`` does."""
        from pvhready.probes.recorded import Recorded

        file = self.file(names)
        if file is None:
            return None
        name, version, rest = (file.package.rsplit("-", 2) + ["", ""])[:3]
        release, _, architecture = rest.rpartition(".")
        algorithm, digest = (file.algorithm, file.digest) if file.algorithm and file.digest else (None, None)
        return Recorded(names[0], file.package, "rpm", name, "{}-{}".format(version, release), architecture, algorithm, digest)

    def checksum(self, package: str, names: "Tuple[str, ...]") -> "Optional[Tuple[str, str]]":
        """Return algorithm and digest of a file of a package; None where there is none. Raises Unreadable."""
        file = self.file(names)
        return (file.algorithm, file.digest) if file and file.package == package and file.algorithm and file.digest else None

    def file(self, names: "Tuple[str, ...]") -> "Optional[RpmFile]":
        """Return what the database holds of a file. Takes and raises what ``owner`` does."""
        last = names[0].rpartition("/")[2]
        if last not in self._files:
            self._files[last] = self._find(last)
        for name in names:
            file = self._files[last].get(os.fsencode(name))
            if file:
                return file
        return None

    def _find(self, last: str) -> "Dict[bytes, RpmFile]":
        for path in _PATHS:
            try:
                with self._root.open(path) as file:
                    return _query(file, last)
            except Missing:
                continue
        return self._refuse()

    def _refuse(self) -> "Dict[bytes, RpmFile]":
        for path in ("/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db", "/usr/lib/sysimage/rpm/Packages.db"):
            try:
                self._root.status(path)
            except Missing:
                continue
            raise Unreadable(path, "a package database of a kind that is not read")
        return {}


def _query(file: File, last: str) -> "Dict[bytes, RpmFile]":
    """Return all files with this last name by their whole path."""
    try:
        import sqlite3
    except ImportError as error:
        raise Unreadable(file.path, "Python's sqlite3 module is missing") from error
    if file.size > _SIZE_LIMIT:
        raise Unreadable(file.path, "larger than {} bytes".format(_SIZE_LIMIT))
    # By the open descriptor, so that nothing can lead elsewhere; immutable: no lock, no journal, no file beside it.
    address = "file:/proc/self/fd/{}?mode=ro&immutable=1".format(file.descriptor)
    try:
        connection = sqlite3.connect(address, uri=True)
        try:
            return _files(connection, os.fsencode(last))
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning, MemoryError, OverflowError) as error:
        raise Unreadable(file.path, "not a package database that can be read: {}".format(error)) from error
    except (struct.error, ValueError, IndexError) as error:
        raise Unreadable(file.path, "holds a damaged package header") from error


def _files(connection: "sqlite3.Connection", last: bytes) -> "Dict[bytes, RpmFile]":
    _restrain(connection)
    rows = connection.execute(
        "SELECT hnum, idx FROM Basenames WHERE key = CAST(? AS TEXT) LIMIT ?", (last, _PACKAGES_LIMIT)
    ).fetchall()
    wanted: Dict[int, List[int]] = {}
    for header, position in rows:
        if not isinstance(header, int) or not isinstance(position, int):
            raise ValueError("an index that rpm did not make")
        wanted.setdefault(header, []).append(position)
    files: Dict[bytes, RpmFile] = {}
    for header in sorted(wanted):
        row = connection.execute("SELECT blob FROM Packages WHERE hnum = ? AND length(blob) <= ?", (header, _HEADER_LIMIT)).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise ValueError("no header {}".format(header))
        for file in read_header(row[0], wanted[header]):
            files.setdefault(file.path, file)
    return files


def _restrain(connection: "sqlite3.Connection") -> None:
    """Allow no more than rpm's own tables, read in bounded time and memory: a schema can hold programs."""
    connection.set_progress_handler(_stop, _STEPS)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA hard_heap_limit = {}".format(_HEAP_LIMIT))
    tables = connection.execute("SELECT type, sql FROM sqlite_master WHERE name IN ('Basenames', 'Packages')").fetchall()
    if len(tables) != 2:
        raise ValueError("no table Packages")
    for kind, text in tables:
        words = str(text).upper().replace("(", " ").split()
        if kind != "table" or words[:2] != ["CREATE", "TABLE"] or "AS" in words:
            raise ValueError("a table that rpm did not make")


def _stop() -> bool:
    return True


def read_header(blob: bytes, positions: "List[int]") -> "List[RpmFile]":
    """Return the files at these positions of a header's file list.

    Files that are not installed are left out. Raises ValueError, IndexError or struct.error for a damaged header.
    """
    header = Header(blob)
    package = header.label()
    paths = header.paths(positions)
    installed = [(path, position) for path, position in zip(paths, positions) if header.is_installed(position)]
    if not installed:
        return []
    algorithm, digests = header.algorithm(), header.digests(max(positions) + 1)
    return [RpmFile(path, package, algorithm if digests[position] else None, digests[position] or None) for path, position in installed]
