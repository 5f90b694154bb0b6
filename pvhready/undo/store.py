"""/var/lib/pvhready of the guest: a folder for each run, with its journal and what the run replaced; and the lock."""

import errno
import os

from pvhready.records import NamedTuple
from pvhready.root import Denied, Missing, Root, Unreadable
from pvhready.undo.backups import DIRECTORY, backup_name, holds_image
from pvhready.undo.changes import Refused
from pvhready.undo.journal import DONE, FILE_NAME, RUN, WAITING, Run, is_run_name, read_run
from pvhready.undo.writer import Folder, folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Set, Tuple

_LOCK = "lock"
_MAX_RUNS = 9999


class History(NamedTuple):
    """The runs that there were, oldest first, as ``whole`` returns them.

    ``in_force`` are those whose changes stand, ``interrupted`` is one that has no end.
    """

    runs: "Tuple[Run, ...]" = ()

    @property
    def interrupted(self) -> "Optional[Run]":
        """The last run that has neither come to its end nor was rolled back; None when there is none."""
        return next((run for run in reversed(self.runs) if run.interrupted), None)

    @property
    def in_force(self) -> "Tuple[Run, ...]":
        """The finished undos that no revert took back."""
        reverted = {name for run in self.runs if run.stage == DONE for name in run.reverts}
        return tuple(run for run in self.runs if run.stage == DONE and run.action == "undo" and run.name not in reverted)


def whole(runs: "Sequence[Run]") -> History:
    """Return the history of runs: those that wait for another one are done when that one is, or when they were taken back."""
    ended = {name for run in runs if run.stage == DONE for name in run.continues + run.reverts}
    ended |= {name for run in runs if run.name in ended for name in run.reverts}
    return History(tuple(run._replace(stage=DONE) if run.stage == WAITING and run.name in ended else run for run in runs))


def history(root: Root) -> History:
    """Return the runs that there were, without changing anything. Raises Refused when they cannot be read."""
    if not root.exists(DIRECTORY):
        return History()
    with Store(root) as store:
        return store.history()


class Store:
    """The open folder. Use it in a ``with``; ``lock`` it before anything is changed."""

    def __init__(self, root: Root, make: bool = False) -> None:
        """Open the folder, and make it before where ``make`` says so. Raises Refused when that cannot be, or it is not ours alone."""
        self._root = root
        self._lock: Optional[int] = None
        try:
            parent, name = folder_of(root, DIRECTORY)
            with parent:
                if make and not parent.has(name):
                    parent.make(name)
                    parent.sync()
                self.folder = parent.enter(name)
        except Missing as error:
            raise Refused("{} is missing, so no journal can be kept".format(os.path.dirname(DIRECTORY))) from error
        except (Unreadable, OSError) as error:
            raise _refusal(error) from error
        status = self.folder.status()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            self.folder.__exit__()
            raise Refused("{} must belong to the user who runs pvhready, and to nobody else (mode 0700)".format(DIRECTORY))

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.__exit__()
        if self._lock is not None:
            os.close(self._lock)

    def lock(self) -> None:
        """Take the lock until the store is closed. Raises Refused when another run has it."""
        import fcntl

        try:
            self._lock = self.folder.open_lock(_LOCK)
        except (Unreadable, OSError) as error:
            raise _refusal(error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise Refused("another pvhready is at work on this guest: wait for it to end") from error

    def history(self) -> History:
        """Return the runs that there were. Raises Refused when one cannot be read or understood."""
        try:
            runs = []
            for name in self._run_names():
                with self.folder.enter(name) as folder:
                    runs.append(read_run(folder, name))
            return whole(runs)
        except (Unreadable, OSError) as error:
            raise _refusal(error) from error

    def new_run(self) -> "Tuple[str, Folder]":
        """Make the folder of a new run; return the run's name and the folder."""
        names = self._run_names()
        number = int(names[-1][len(RUN):]) + 1 if names else 1
        if number > _MAX_RUNS:
            raise Refused("{} holds {} runs: remove the old ones".format(DIRECTORY, _MAX_RUNS))
        name = "{}{:04d}".format(RUN, number)
        self.folder.make(name)
        self.folder.sync()
        return name, self.folder.enter(name)

    def sweep(self) -> None:
        """Remove what no run can need any more: backups of runs that were taken back, but not the packed kernels among them."""
        runs = self.history()
        needed = {run.name for run in runs.in_force}
        known: Set[str] = set()
        for run in reversed(runs.runs):
            if run.name not in needed and not run.interrupted:
                with self.folder.enter(run.name) as folder:
                    _empty(folder, self._copies(folder, run, known))
            known.update(step.after.digest for step in run.steps if run.stage == DONE and run.action == "undo")

    def _copies(self, folder: Folder, run: Run, known: "Set[str]") -> "List[str]":
        """Return the names of the packed kernels that a revert replaced, once each: the next undo takes them.

        ``known`` are the digests of what later undos have put in place and later reverts have kept.
        """
        names = []
        for index, step in enumerate(run.steps if run.action == "revert" and run.stage == DONE else ()):
            if step.before.digest not in known and holds_image(folder, index) and self._stands(step.path):
                known.add(step.before.digest)
                names.append(backup_name(index))
        return names

    def _stands(self, path: str) -> bool:
        """Whether a kernel is still there: when its package goes, nothing needs its image any more."""
        try:
            parent, name = folder_of(self._root, path)
            with parent:
                return parent.has(name)
        except Unreadable:
            return False

    def _run_names(self) -> "List[str]":
        return [name for name in self.folder.names() if is_run_name(name)]


def _empty(folder: Folder, kept: "Sequence[str]") -> None:
    for name in folder.names():
        if name != FILE_NAME and name not in kept:
            folder.remove(name)


def _refusal(error: Exception) -> Refused:
    if isinstance(error, (Denied, PermissionError)):
        return Refused("{} may be used by root only".format(DIRECTORY))
    return Refused("{} cannot be used: {}".format(DIRECTORY, error))
