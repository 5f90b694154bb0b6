"""rpm's database where it is of the sqlite kind (rpm 4.16 and newer). The older kinds, BDB and ndb, are not read.

The table Basenames maps the last name of a path to a package header, which holds the whole paths. A header is what
rpm's lib/header.c writes: two big-endian counts, then index entries of 16 bytes (tag, type, offset, count), then the data.
"""

import os
import struct

from pvhready.root import File, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Dict, List, Optional, Tuple

    Index = Dict[int, Tuple[int, int]]

_PATHS = ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite")
_SIZE_LIMIT = 1 << 30  # bytes; that of a workstation with 3000 packages has some 150 MiB
_HEADER_LIMIT = 64 << 20  # bytes; rpm itself refuses more than 256 MiB
_FILES_LIMIT = 500000  # files in one package
_PACKAGES_LIMIT = 500  # packages that own a file of the same last name
_STEPS = 1000000  # virtual machine steps of SQLite for one query: an honest one takes some thousands
_HEAP_LIMIT = 256 << 20  # bytes

# Tags: rpm's lib/rpmtag.h.
_FULL_NAME = (1000, 1001, 1002, 1022)  # name, version, release, architecture
_STATES, _DIRINDEXES, _BASENAMES, _DIRNAMES = 1029, 1116, 1117, 1118
_PRESENT = (0, 3)  # RPMFILE_STATE_NORMAL and _NETSHARED: what "rpm -qf" answers for


class RpmDatabase:
    """Owners by rpm. It remembers the owners of all files of a last name that was once asked for."""

    def __init__(self, root: Root) -> None:
        """Nothing is read before the first question."""
        self._root = root
        self._owners: Dict[str, Dict[bytes, str]] = {}

    def owner(self, names: "Tuple[str, ...]") -> "Optional[str]":
        """Return name-version-release.arch of the package. ``names`` are the names that one file has.

        Raises Unreadable when the database is of another kind, too large, damaged, or cannot be read.
        """
        last = names[0].rpartition("/")[2]
        if last not in self._owners:
            self._owners[last] = self._find(last)
        for name in names:
            package = self._owners[last].get(os.fsencode(name))
            if package:
                return package
        return None

    def _find(self, last: str) -> "Dict[bytes, str]":
        for path in _PATHS:
            try:
                with self._root.open(path) as file:
                    return _query(file, last)
            except Missing:
                continue
        return self._refuse()

    def _refuse(self) -> "Dict[bytes, str]":
        for path in ("/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db", "/usr/lib/sysimage/rpm/Packages.db"):
            try:
                self._root.status(path)
            except Missing:
                continue
            raise Unreadable(path, "a package database of a kind that is not read")
        return {}


def _query(file: File, last: str) -> "Dict[bytes, str]":
    """Return the owners of all files with this last name: whole path to package."""
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
            return _owners(connection, os.fsencode(last))
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning, MemoryError, OverflowError) as error:
        raise Unreadable(file.path, "not a package database that can be read: {}".format(error)) from error
    except (struct.error, ValueError, IndexError) as error:
        raise Unreadable(file.path, "holds a damaged package header") from error


def _owners(connection: "sqlite3.Connection", last: bytes) -> "Dict[bytes, str]":
    _restrain(connection)
    rows = connection.execute(
        "SELECT hnum, idx FROM Basenames WHERE key = CAST(? AS TEXT) LIMIT ?", (last, _PACKAGES_LIMIT)
    ).fetchall()
    wanted: Dict[int, List[int]] = {}
    for header, position in rows:
        if not isinstance(header, int) or not isinstance(position, int):
            raise ValueError("an index that rpm did not make")
        wanted.setdefault(header, []).append(position)
    owners: Dict[bytes, str] = {}
    for header in sorted(wanted):
        row = connection.execute("SELECT blob FROM Packages WHERE hnum = ? AND length(blob) <= ?", (header, _HEADER_LIMIT)).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise ValueError("no header {}".format(header))
        package, files = read_header(row[0], wanted[header])
        for path in files:
            owners.setdefault(path, package)
    return owners


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


def read_header(blob: bytes, positions: "List[int]") -> "Tuple[str, List[bytes]]":
    """Return name-version-release.arch of a header, and the paths at these positions of its file list.

    Files that are not installed are left out. Raises ValueError, IndexError or struct.error for a damaged header.
    """
    entries, length = struct.unpack_from(">II", blob)
    start = 8 + entries * 16
    if len(blob) < start + length:
        raise ValueError("truncated header")
    index: Index = {}
    for tag, _, offset, count in struct.iter_unpack(">IIII", blob[8:start]):
        if offset <= length:
            index.setdefault(tag, (start + offset, count))
    package = "{}-{}-{}.{}".format(*(_strings(blob, index, tag, 1)[0].decode("utf-8", "replace") for tag in _FULL_NAME))
    last = max(positions)
    if min(positions) < 0 or last >= _FILES_LIMIT:
        raise ValueError("no such file")
    basenames = _strings(blob, index, _BASENAMES, last + 1)
    paths: List[bytes] = []
    for position in positions:
        if _state(blob, index, position) not in _PRESENT:
            continue
        directory = _directory(blob, index, position)
        if directory >= _FILES_LIMIT:
            raise ValueError("no such directory")
        paths.append(_strings(blob, index, _DIRNAMES, directory + 1)[directory] + basenames[position])
    return package, paths


def _directory(blob: bytes, index: "Index", position: int) -> int:
    if _DIRINDEXES not in index:
        raise ValueError("no directories")
    offset, count = index[_DIRINDEXES]
    if position >= count:
        raise ValueError("no such directory")
    return int(struct.unpack_from(">I", blob, offset + 4 * position)[0])


def _strings(blob: bytes, index: "Index", tag: int, count: int) -> "List[bytes]":
    """Return the first strings of an array."""
    if tag not in index:
        raise ValueError("no tag {}".format(tag))
    offset, available = index[tag]
    if count > available:
        raise ValueError("no such string")
    strings: List[bytes] = []
    for _ in range(count):
        end = blob.index(b"\0", offset)
        strings.append(blob[offset:end])
        offset = end + 1
    return strings


def _state(blob: bytes, index: "Index", position: int) -> int:
    if _STATES not in index:
        return 0
    offset, count = index[_STATES]
    if position >= count:
        raise ValueError("no such state")
    return blob[offset + position]
