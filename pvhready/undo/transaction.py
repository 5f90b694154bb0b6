"""Makes changes so that at every moment each file is whole, old or new, and the rest can be done or taken back later.

    prepare   what is replaced is copied to the store, what is new is written beside its place; the journal says so
    apply     one rename or removal after the other, in the order of the changes
    done      or waiting: then it is one half of what is done, and another run makes the rest

Where a run was cut off, the files themselves tell how far it came: a path holds what stood there before, or what was to come.
"""

import os
import time

from pvhready.root import Root, Unreadable
from pvhready.undo.backups import keep, put_back
from pvhready.undo.changes import CREATE, FILE, LINK, NOTHING, REMOVE, REPLACE, Change, Refused, Saved, State, Step, temporary_name
from pvhready.undo.journal import BEGUN, DONE, PREPARED, WAITING, Journal, Run, begin_record, read_run
from pvhready.undo.store import Store
from pvhready.undo.writer import Folder, folder_of, kept_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

NEW_MODE = 0o644


class Failed(Exception):
    """The system refused a change. ``restored`` tells whether everything was put back as it was."""

    def __init__(self, reason: str, restored: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.restored = restored


class Transaction:
    """Runs changes on one guest. The store must be locked."""

    def __init__(self, root: Root, store: Store) -> None:
        """``root`` is the guest, ``store`` its journal and backups."""
        self._root = root
        self._store = store

    def run(
        self, action: str, changes: "Sequence[Change]", options: "Dict[str, Any]", reverts: "Tuple[str, ...]" = (), waits: bool = False,
        continues: "Tuple[str, ...]" = (),
    ) -> str:
        """Make the changes, in order, and return the run's name.

        With ``waits`` the run counts as interrupted until another one ``continues`` it. Raises Refused when a path is not what the
        changes take it for (nothing is changed then), and Failed when the system refuses a change. An exception that comes from
        elsewhere (a signal) leaves an interrupted run.
        """
        steps = tuple(self._step(change) for change in changes)
        try:
            self._store.sweep()
            name, folder = self._store.new_run()
        except OSError as error:
            raise Failed(describe(error), True) from error
        with folder:
            try:
                journal = Journal(folder)
                run = Run(name, BEGUN, action, time.strftime("%Y-%m-%dT%H:%M:%S%z"), options, reverts, steps, waits, continues)
                journal.add("begin", **begin_record(run))
                self._prepare(run, folder, journal, changes)
                for index in range(len(steps)):
                    self._make(run, journal, index)
                self._end(run, journal)
            except (OSError, Unreadable) as error:
                if not _is_done(folder, name):
                    raise Failed(describe(error), self._put_back(name, folder)) from error
        return name

    def resume(self, run: Run) -> "List[str]":
        """Finish a run that was prepared. Returns the paths that somebody else has changed since, which are left as they are.

        Raises Refused when what it prepared is not there any more, Failed when the system refuses.
        """
        if run.stage != PREPARED:
            raise ValueError("only a prepared run can be finished")
        foreign = []
        try:
            with self._store.folder.enter(run.name) as folder:
                left = []
                for index, step in enumerate(run.steps):
                    state = self._look(step.path)
                    if not state.is_like(step.before) and not state.is_like(step.after):
                        foreign.append(step.path)
                    if state.is_like(step.before) and not state.is_like(step.after):
                        self._demand_prepared(run.name, index, step)
                        left.append(index)
                    else:
                        self._discard(run.name, index, step)
                journal = Journal(folder)
                for index in left:
                    self._make(run, journal, index)
                self._end(run, journal)
        except (OSError, Unreadable) as error:
            raise Failed(describe(error), False) from error
        return foreign

    def abandon(self, run: Run) -> "List[str]":
        """Take back what an interrupted run has changed. Returns the paths that somebody else has changed since, left as they are.

        Raises Failed when the system refuses; it may be called again then.
        """
        try:
            with self._store.folder.enter(run.name) as folder:
                foreign = self._roll_back(run, folder)
                Journal(folder).add("abandoned")
            self._store.sweep()
        except (OSError, Unreadable) as error:
            raise Failed(describe(error), False) from error
        return foreign

    def take_back(self, names: "Sequence[str]") -> None:
        """Take back runs of this very process that wait for another one. Raises Failed."""
        for run in self._store.history().runs:
            if run.name in names:
                self.abandon(run)

    def sweep(self) -> "Tuple[str, ...]":
        """Remove what no run needs any more. Returns what is to be said where the system refuses: the next run does it."""
        try:
            self._store.sweep()
        except (OSError, Unreadable) as error:
            return ("what is kept and not needed any more could not be removed ({}): the next run tries again".format(describe(error)),)
        return ()

    def _put_back(self, name: str, folder: Folder) -> bool:
        """Roll a run back that the system would not let go on; False when it does not let that be done either."""
        try:
            run = read_run(folder, name)
            if run.interrupted:
                self._roll_back(run, folder)
                Journal(folder).add("abandoned")
            self._store.sweep()
        except (OSError, Unreadable, Refused):
            return False
        return True

    def _step(self, change: Change) -> Step:
        """Return the change with what stands there now. Raises Refused when it does not fit."""
        try:
            before = self._look(change.path)
        except (OSError, Unreadable) as error:
            raise Refused("{} cannot be changed: {}".format(change.path, describe(error))) from error
        if (before.kind == NOTHING) != (change.kind == CREATE):
            raise Refused("{} {} in the meantime: run it again".format(change.path, "came" if before.kind != NOTHING else "went away"))
        if change.kind == REPLACE and before.kind == LINK and change.saved is None:
            raise Refused("{} is a symbolic link, and is not replaced by a file".format(change.path))
        return Step(change.kind, change.path, change.why, before, _after(change, before))

    def _look(self, path: str) -> State:
        folder, name = folder_of(self._root, path)
        with folder:
            return folder.look(name)

    def _prepare(self, run: Run, folder: Folder, journal: Journal, changes: "Sequence[Change]") -> None:
        for index, step in enumerate(run.steps):
            if step.before.kind == FILE:
                keep(self._root, folder, index, step)
        folder.sync()
        for index, step in enumerate(run.steps):
            if step.kind != REMOVE:
                self._write(run, changes, index)
        journal.add("prepared")

    def _write(self, run: Run, changes: "Sequence[Change]", index: int) -> None:
        """Write what a step is to put in place beside that place."""
        step, change, temporary = run.steps[index], changes[index], temporary_name(run.name, index)
        parent, _ = folder_of(self._root, step.path)
        with parent:
            if change.saved is None:
                parent.write(temporary, (change.content,), step.after)
                parent.sync()
                return
            twins = [
                "{}/{}".format(run.steps[other].path.rpartition("/")[0], temporary_name(run.name, other))
                for other in range(index) if _are_one_file(change.saved, changes[other].saved)
            ]
            with self._store.folder.enter(change.saved.run) as folder:
                put_back(self._root, parent, temporary, folder, change.saved, twins)

    def _make(self, run: Run, journal: Journal, index: int) -> None:
        """Make one change: a single rename or removal."""
        step = run.steps[index]
        journal.add("start", step=index, path=step.path, before=step.before.digest, after=step.after.digest)
        parent, name = folder_of(self._root, step.path)
        with parent:
            if step.kind == REMOVE:
                parent.remove(name)
            else:
                parent.rename(temporary_name(run.name, index), name)
            parent.sync()
        journal.add("finish", step=index)

    def _end(self, run: Run, journal: Journal) -> None:
        """Write that a run is at its end, and then the same of those that it continues; the first of these records counts for all."""
        journal.add(run.end)
        for name in run.continues if run.end == DONE else ():
            with self._store.folder.enter(name) as folder:
                Journal(folder).add(DONE)

    def _demand_prepared(self, run: str, index: int, step: Step) -> None:
        if step.kind == REMOVE:
            return
        parent, _ = folder_of(self._root, step.path)
        with parent:
            if not parent.look(temporary_name(run, index)).is_like(step.after):
                raise Refused("what was prepared for {} is gone: only --abandon can end this run".format(step.path))

    def _discard(self, run: str, index: int, step: Step) -> None:
        parent, _ = folder_of(self._root, step.path)
        with parent:
            parent.remove(temporary_name(run, index))

    def _roll_back(self, run: Run, folder: Folder) -> "List[str]":
        """Put back what the run has changed, in the opposite order, and remove what it prepared."""
        foreign = []
        for index, step in reversed(list(enumerate(run.steps))):
            parent, name = folder_of(self._root, step.path)
            with parent:
                parent.remove(temporary_name(run.name, index))
                state = parent.look(name)
                if state.is_like(step.before):
                    continue
                if not state.is_like(step.after):
                    foreign.append(step.path)
                    continue
                if step.before.kind == NOTHING:
                    parent.remove(name)
                else:
                    twins = [one.path for one in run.steps if one is not step and one.before.inode == step.before.inode]
                    put_back(self._root, parent, temporary_name(run.name, index), folder, Saved(run.name, index, step.before), twins)
                    parent.rename(temporary_name(run.name, index), name)
                parent.sync()
        return foreign


def describe(error: Exception) -> str:
    """Return what the system or the guest's file system said, in a few words."""
    if isinstance(error, OSError):
        text = (error.strerror or str(error)).lower()
        return "{}: {}".format(error.filename, text) if isinstance(error.filename, str) else text
    return str(error)


def _is_done(folder: Folder, name: str) -> bool:
    """Whether a run came to its end, and the system only would not say that its last record is on the disk: all changes are."""
    try:
        return read_run(folder, name).stage in (WAITING, DONE)
    except (OSError, Unreadable, Refused):
        return False


def _are_one_file(saved: Saved, other: "Optional[Saved]") -> bool:
    """Whether two names that a run replaced were names of one file."""
    return other is not None and bool(saved.state.inode) and (saved.run, saved.state.inode) == (other.run, other.state.inode)


def _after(change: Change, before: State) -> State:
    if change.kind == REMOVE:
        return State()
    if change.saved is not None:
        return change.saved.state
    from hashlib import sha256

    new = State(FILE, sha256(change.content).hexdigest(), len(change.content), NEW_MODE if change.mode is None else change.mode)
    if change.kind == CREATE:
        return new._replace(uid=os.geteuid(), gid=os.getegid())
    mode = before.mode if change.mode is None else change.mode
    return new._replace(mode=mode, uid=before.uid, gid=before.gid, attributes=kept_attributes(before))
