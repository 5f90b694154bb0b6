"""rpm's headers, as they stand in package files and in the database of installed packages.

A header is what rpm's lib/header.c writes: two big-endian counts, then index entries of 16 bytes (tag, type, offset, count),
then the data. Everything here raises ValueError, IndexError or struct.error for a damaged one.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

# Tags: rpm's include/rpm/rpmtag.h.
NAME, VERSION, RELEASE, ARCHITECTURE = 1000, 1001, 1002, 1022
_STATES, _DIGESTS, _ALGORITHM = 1029, 1035, 5011
_DIRINDEXES, BASENAMES, _DIRNAMES = 1116, 1117, 1118
_PRESENT = (0, 3)  # RPMFILE_STATE_NORMAL and _NETSHARED: what "rpm -qf" answers for
_ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}  # numbers: RFC 4880, 9.4
_FILES_LIMIT = 500000  # files in one package


class Header:
    """The tags of one package. Positions are those in its list of files."""

    def __init__(self, blob: bytes) -> None:
        entries, length = struct.unpack_from(">II", blob)
        start = 8 + entries * 16
        if len(blob) < start + length:
            raise ValueError("truncated header")
        self._blob = blob
        self._index: "Dict[int, Tuple[int, int]]" = {}
        for tag, _, offset, count in struct.iter_unpack(">IIII", blob[8:start]):
            if offset <= length:
                self._index.setdefault(tag, (start + offset, count))

    def text(self, tag: int) -> str:
        """Return a tag that is one string."""
        return self._strings(tag, 1)[0].decode("utf-8", "replace")

    def label(self) -> str:
        """Return name-version-release.arch."""
        return "{}-{}-{}.{}".format(*(self.text(tag) for tag in (NAME, VERSION, RELEASE, ARCHITECTURE)))

    def count(self, tag: int) -> int:
        """Return how many values a tag has, 0 where it is not there."""
        return self._index.get(tag, (0, 0))[1]

    def paths(self, positions: "List[int]") -> "List[bytes]":
        """Return the paths of files."""
        last = max(positions)
        if min(positions) < 0 or last >= _FILES_LIMIT:
            raise ValueError("no such file")
        basenames = self._strings(BASENAMES, last + 1)
        places = [self._number(_DIRINDEXES, position, ">I", 4) for position in positions]
        if max(places) >= _FILES_LIMIT:
            raise ValueError("no such directory")
        directories = self._strings(_DIRNAMES, max(places) + 1)
        return [directories[place] + basenames[position] for place, position in zip(places, positions)]

    def is_installed(self, position: int) -> bool:
        """Whether a file was installed. Only headers in the database of installed packages say so."""
        return _STATES not in self._index or self._number(_STATES, position, ">B", 1) in _PRESENT

    def algorithm(self) -> "Optional[str]":
        """Return the name, as hashlib has it, of the algorithm behind ``digests``; None for an unknown one."""
        number = self._number(_ALGORITHM, 0, ">I", 4) if _ALGORITHM in self._index else 1
        return _ALGORITHMS.get(number)

    def digests(self, count: int) -> "List[str]":
        """Return the hexadecimal digests of the first ``count`` files; "" for one that has none, such as a %ghost or a link."""
        if _DIGESTS not in self._index:
            return [""] * count
        return [digest.decode("ascii", "replace").lower() for digest in self._strings(_DIGESTS, count)]

    def _number(self, tag: int, position: int, code: str, width: int) -> int:
        if tag not in self._index:
            raise ValueError("no tag {}".format(tag))
        offset, count = self._index[tag]
        if position >= count:
            raise ValueError("tag {} has no value {}".format(tag, position))
        return int(struct.unpack_from(code, self._blob, offset + width * position)[0])

    def _strings(self, tag: int, count: int) -> "List[bytes]":
        """Return the first strings of an array."""
        if tag not in self._index:
            raise ValueError("no tag {}".format(tag))
        offset, available = self._index[tag]
        if count > available:
            raise ValueError("no such string")
        strings: "List[bytes]" = []
        for _ in range(count):
            end = self._blob.index(b"\0", offset)
            strings.append(self._blob[offset:end])
            offset = end + 1
        return strings
