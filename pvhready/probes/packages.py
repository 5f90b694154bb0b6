"""Which package owns a file, read from the package manager's own files. Neither dpkg nor rpm is called."""

from pvhready.facts import Problem
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple, Union

    from pvhready.probes.dpkg import DpkgDatabase
    from pvhready.probes.recorded import Recorded
    from pvhready.probes.rpm import RpmDatabase

_DPKG_STATUS = "/var/lib/dpkg/status"
# Folders that a merged /usr turned into links (Filesystem Hierarchy Standard, systemd's file-hierarchy(7)).
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


class Owners:
    """Answers for one root. It remembers what it read, so ask the same one for all files."""

    def __init__(self, root: Root) -> None:
        """Nothing is read before the first question."""
        self._root = root
        self._database: "Union[DpkgDatabase, RpmDatabase, None]" = None
        self._merged: Dict[str, bool] = {}
        self._problems: List[Problem] = []
        self._has_dpkg = False

    @property
    def problems(self) -> "Tuple[Problem, ...]":
        """Why owners are not known, each reason once."""
        return tuple(self._problems)

    @property
    def has_dpkg(self) -> bool:
        """Whether there is a dpkg database that is not empty, readable or not; known after the first question."""
        return self._has_dpkg

    def owner(self, path: str) -> "Optional[str]":
        """Return the package that owns a path: its name as dpkg prints it, or name-version-release.arch as rpm does.

        None when no package is known to own it; where the database could not be read, ``problems`` grows by the reason. A link
        belongs to the package that ships the link.
        """
        try:
            if self._database is None:
                self._database = self._open()
            return self._database.owner(self._names(path))
        except Unreadable as error:
            self._note(error)
            return None

    def record(self, path: str) -> "Optional[Recorded]":
        """Return what is on record of a file; None when no package is known to own it. ``problems`` grows as with ``owner``."""
        if self.owner(path) is None or self._database is None:
            return None
        try:
            return self._database.record(self._names(path))
        except Unreadable as error:
            self._note(error)
            return None

    def checksum(self, path: str) -> "Optional[Tuple[str, str, str]]":
        """Return package, algorithm (as hashlib calls it) and hexadecimal digest of a file as its package ships it, None without.

        ``problems`` grows as with ``owner``.
        """
        package = self.owner(path)
        if package is None or self._database is None:
            return None
        try:
            found = self._database.checksum(package, self._names(path))
        except Unreadable as error:
            self._note(error)
            return None
        return (package,) + found if found else None

    def _note(self, error: Unreadable) -> None:
        problem = Problem(error.path, error.reason)
        if problem not in self._problems:
            self._problems.append(problem)

    def _open(self) -> "Union[DpkgDatabase, RpmDatabase]":
        # Either tool may be installed on the other's distributions: there it has an empty database.
        try:
            self._has_dpkg = True
            if self._root.status(_DPKG_STATUS).st_size:
                from pvhready.probes.dpkg import DpkgDatabase

                return DpkgDatabase(self._root)
        except Missing:
            pass  # not a dpkg system
        self._has_dpkg = False
        from pvhready.probes.rpm import RpmDatabase
        return RpmDatabase(self._root)

    def _names(self, path: str) -> "Tuple[str, ...]":
        """Return the path and its other name on a merged /usr: databases hold either."""
        parts = path.split("/", 3)
        if len(parts) > 2 and parts[1] in _MERGED and self._is_merged(parts[1]):
            return path, "/usr" + path
        if len(parts) > 3 and parts[1] == "usr" and parts[2] in _MERGED and self._is_merged(parts[2]):
            return path, path[4:]
        return (path,)

    def _is_merged(self, folder: str) -> bool:
        known = self._merged.get(folder)
        if known is None:
            try:
                known = self._root.link("/" + folder).strip("/") == "usr/" + folder
            except Missing:
                known = False
            self._merged[folder] = known
        return known
