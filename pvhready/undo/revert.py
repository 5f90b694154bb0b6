"""``undo --revert``: what the undo replaced is put back, bit for bit. And the two ends of an interrupted run."""

from pvhready.facts import PVH
from pvhready.kept import is_kept
from pvhready.records import NamedTuple
from pvhready.root import Root, Unreadable
from pvhready.undo import diversion, guards, regenerate
from pvhready.undo.changes import (
    CREATE,
    FILE,
    IMAGE_LIMIT,
    LINK,
    NOTHING,
    REMOVE,
    REPLACE,
    Change,
    Refused,
    Saved,
    State,
    temporary_name,
)
from pvhready.undo.exclusive import Exclusive
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.journal import BEGUN, PREPARED, WAITING, Run
from pvhready.undo.outcome import Outcome, demand_as_seen, old_files
from pvhready.undo.perform import Undo
from pvhready.undo.store import history
from pvhready.undo.transaction import Failed, Transaction
from pvhready.undo.writer import folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Sequence, Tuple

    Confirm = Callable[[Outcome], bool]


class Reverting(NamedTuple):
    """The changes that put everything back, and the paths that somebody else has changed since.

    ``orphans`` are hooks of packages that were removed since: without what they call they would make each installation of a kernel
    fail, so they stay away.
    """

    changes: "Tuple[Change, ...]"
    foreign: "Tuple[str, ...]"
    orphans: "Tuple[str, ...]" = ()


def reverting(root: Root, runs: "Sequence[Run]") -> Reverting:
    """Return what takes these finished runs back, the last change first. Raises Refused where a path cannot be looked at."""
    newest: "Dict[str, State]" = {}
    oldest: "Dict[str, Saved]" = {}
    for run in reversed(runs):
        for index, step in reversed(list(enumerate(run.steps))):
            newest.setdefault(step.path, step.after)
            oldest[step.path] = Saved(run.name, index, step.before)
    changes: "List[Change]" = []
    foreign: "List[str]" = []
    orphans: "List[str]" = []
    for path, after in newest.items():
        now = _look(root, path)
        if now.is_like(oldest[path].state):
            continue
        if not now.is_like(after):
            foreign.append(path)
            continue
        aside = diversion.diverted(path)
        if aside in newest and newest[aside].kind == FILE and _look(root, aside).kind == NOTHING:
            orphans.append(path)
            continue
        changes.append(_back(path, now, oldest[path]))
    return Reverting(tuple(changes), tuple(foreign), tuple(orphans))


class Revert:
    """One revert: of all undos that are in force, or of some."""

    def __init__(self, guest: Guest, wish: Wish, only: "Tuple[str, ...]" = (), waiting: "Tuple[str, ...]" = ()) -> None:
        """Nothing is read before ``outcome`` is called.

        ``only`` names the runs where not all in force are meant, ``waiting`` an interrupted revert that this one goes on with.
        """
        self._guest = guest
        self._root = guest.root
        self._wish = wish
        self._only = only
        self._waiting = waiting

    def outcome(self, confirm: "Confirm") -> Outcome:
        """Return what would be put back, or was where the user wants that and ``confirm`` says yes. Raises Refused and Failed."""
        runs = tuple(run for run in history(self._root).runs if run.name in self._only) or history(self._root).in_force
        found = reverting(self._root, runs)
        diversions = self._own_diversions(found, runs)
        changes = tuple(sorted(found.changes + diversions, key=lambda change: is_kept(change.path)))
        late = tuple(change for change in changes if is_kept(change.path)) if self._menu_names_kept(found) else ()
        changes = tuple(change for change in changes if change not in late)
        plan = self._plan(changes, late, found)
        if not self._wish.apply or plan.obstacles or not (plan.changes or self._waiting) or not confirm(plan):
            return plan
        with Exclusive(self._root, resuming=bool(self._only or self._waiting)) as transaction:
            demand_as_seen(self._root, plan)
            made: "Tuple[str, ...]" = ()
            if changes or not late or not self._waiting:
                reverted, options = tuple(run.name for run in runs), self._wish.as_options()
                made = (transaction.run("revert", changes, options, reverted, waits=bool(late), continues=self._waiting),)
            try:
                again, notes = self._take_out_of_the_menu(transaction, late, self._waiting + made) if late else ((), ())
            except Failed as error:
                if error.restored:
                    transaction.take_back(made)
                raise
            notes += transaction.sweep()
        return plan._replace(applied=True, runs=made + again, notes=plan.notes + notes, report=self._guest.report())

    def _plan(self, changes: "Tuple[Change, ...]", late: "Tuple[Change, ...]", found: Reverting) -> Outcome:
        notes = ["{}: changed by somebody else since, and left as it is".format(path) for path in found.foreign]
        notes += ["{}: its package was removed since, and it is not put back".format(path) for path in found.orphans]
        obstacles = list(guards.boot_is_elsewhere(self._guest.report())) if changes or found.foreign else []
        commands: "Tuple[Tuple[str, ...], ...]" = ()
        if late and self._root.live:
            notes.append("the boot menu is generated anew, and the kernels kept for PV are removed after that")
        elif late:
            obstacles.append("the boot menu must be generated anew, and nothing of this guest is run from outside: type the commands below")
            commands = self._guest.inside(*(("--resume",) if self._waiting else ("--abandon",) if self._only else ("--revert", "--apply")))
        if changes:
            obstacles += self._lost(changes + self._foreseen(late))
        old = old_files(self._root, changes + late)
        sizes = {path: item.size for path, item in old.items()}
        obstacles += guards.cannot_be_written(self._root, changes, sizes) if changes else ()
        return Outcome(
            "revert", self._root.directory, changes=changes + late, old=old, obstacles=tuple(obstacles), notes=tuple(notes),
            commands=commands, next=self._guest.command("--revert", "--apply") + (("--switching",) if self._wish.switching else ()),
        )

    def _lost(self, changes: "Tuple[Change, ...]") -> "Tuple[str, ...]":
        """Say what the guest would not boot any more after some changes."""
        before = self._guest.report()
        return guards.boots_no_more(before, self._guest.report(changes), guards.mode_now(before), self._wish.switching)

    def _foreseen(self, late: "Tuple[Change, ...]") -> "Tuple[Change, ...]":
        """Return the late changes with the menu that will come of them: the one that is there, without what our script has written."""
        config = self._guest.report().facts.menus[PVH].config if late else None
        if not config:
            return late
        try:
            menu = regenerate.without_ours(self._root.read(config))
            return (Change(REPLACE, self._root.resolve(config), menu),) + late
        except Unreadable as error:
            raise Refused(str(error)) from error

    def _take_out_of_the_menu(
        self, transaction: Transaction, late: "Tuple[Change, ...]", waiting: "Tuple[str, ...]",
    ) -> "Tuple[Tuple[str, ...], Tuple[str, ...]]":
        """Write the menu anew, and remove the kept kernels when it does not name them any more.

        Returns the run that did it, which ``waiting`` wait for, and what is to be said of it.
        """
        try:
            menu = regenerate.new_menu(regenerate.path_of_menu(self._root, self._guest.report()))
            after = self._guest.report((menu,) + late)
            if any(is_kept(entry.kernel or "") for shown in after.facts.menus.values() for entry in shown.entries):
                raise Refused("it still names a kernel that was kept for PV: look into /etc/grub.d")
            lost = self._lost((menu,) + late)
            if lost:
                raise Refused(lost[0])
        except Refused as error:
            text = "the boot menu could not be written anew, so that the kernels kept for PV are still there: {}. When that is mended: {}"
            return (), (text.format(error, " ".join(self._guest.command("--resume"))),)
        return (transaction.run("revert", (menu,) + late, {}, continues=waiting),), ()

    def _own_diversions(self, found: Reverting, runs: "Sequence[Run]") -> "Tuple[Change, ...]":
        """Where dpkg's list was changed since, ours are taken out of it, line by line."""
        if diversion.LIST not in found.foreign:
            return ()
        hooks = [step.path for run in runs for step in run.steps if step.kind == REMOVE]
        try:
            return diversion.without(self._root, hooks)
        except Unreadable as error:
            raise Refused(str(error)) from error

    def _menu_names_kept(self, found: Reverting) -> bool:
        """Whether a menu that is not put back itself names a kernel that is to be removed."""
        config = self._guest.report().facts.menus[PVH].config if any(is_kept(change.path) for change in found.changes) else None
        if not config:
            return False
        try:
            put_back = {change.path for change in found.changes}
            return self._root.resolve(config) not in put_back and b"/pvhready-" in self._root.read(config)
        except Unreadable as error:
            raise Refused(str(error)) from error


def resume(guest: Guest, switching: bool = False) -> Outcome:
    """Finish the run that was interrupted, with the options that it had or with ``switching`` besides.

    Raises Refused when there is none, it cannot be finished or the guest boots no more after it, and Failed.
    """
    _demand_interrupted(guest)
    found = _interrupted(guest.root)
    if found.stage == PREPARED:
        _demand_boot(guest, _left(guest.root, found), switching or bool(found.options.get("switching")))
    notes: "Tuple[str, ...]" = ()
    with Exclusive(guest.root, resuming=True) as transaction:
        run = _interrupted(guest.root)
        if run.stage == BEGUN:
            notes += _notes(transaction.abandon(run))
        elif run.stage == PREPARED:
            notes += _notes(transaction.resume(run)) + transaction.sweep()
    left = history(guest.root).interrupted or (run if run.stage == BEGUN else None)
    if left is None:
        return Outcome("resume", guest.root.directory, True, runs=(run.name,), notes=notes, report=guest.report())
    again = _again(guest, left, switching)
    return again._replace(action="resume", notes=notes + again.notes, runs=(run.name,) + again.runs)


def abandon(guest: Guest, switching: bool = False) -> Outcome:
    """Take back what the interrupted run did. Raises Refused when there is none or the guest boots no more after it, and Failed."""
    _demand_interrupted(guest)
    found = _interrupted(guest.root)
    if found.stage != WAITING:  # what such a run has made replaces nothing
        _demand_boot(guest, reverting(guest.root, (found,)).changes, switching)
    notes: "Tuple[str, ...]" = ()
    with Exclusive(guest.root, resuming=True) as transaction:
        run = _interrupted(guest.root)
        left: "Optional[Run]" = run
        while left is not None and not (left.stage == WAITING and left.action == "undo"):
            notes += _notes(transaction.abandon(left))
            left = history(guest.root).interrupted
    if left is None:
        return Outcome("abandon", guest.root.directory, True, runs=(run.name,), notes=notes, report=guest.report())
    # Of an undo the first half is there still. A menu that others have made since may name its kernels: it is reverted with all care.
    back = Revert(guest, Wish(True, True), only=(left.name,)).outcome(lambda plan: True)
    return back._replace(action="abandon", notes=notes + back.notes, runs=(run.name,) + back.runs)


def _again(guest: Guest, run: Run, switching: bool) -> Outcome:
    """Do what an interrupted run was to do, or the half of it that it waits for."""
    named = run.options.get("from")
    files = tuple(str(path) for path in named) if isinstance(named, list) else ()
    wish = Wish(True, switching or bool(run.options.get("switching")), bool(run.options.get("keep_pv")), files)
    waiting = (run.name,) if run.stage == WAITING else ()
    if run.action == "revert":
        return Revert(guest, wish, run.reverts if waiting else (), waiting).outcome(lambda plan: True)
    return Undo(guest, wish, waiting).outcome(lambda plan: True)


def _demand_interrupted(guest: Guest) -> None:
    """Raise Refused where there is nothing to end, or where it cannot be ended."""
    _interrupted(guest.root)
    for reason in guards.boot_is_elsewhere(guest.report()):
        raise Refused(reason)


def _demand_boot(guest: Guest, changes: "Sequence[Change]", switching: bool) -> None:
    """Raise Refused where the guest boots no more after some changes: it may have been switched since the run was cut off."""
    before = guest.report()
    for reason in guards.boots_no_more(before, guest.report(changes), guards.mode_now(before), switching):
        raise Refused(reason)


def _left(root: Root, run: Run) -> "Tuple[Change, ...]":
    """Return what is left to do of a run that was prepared. Links are not seen, nor what is not there any more."""
    changes = []
    for index, step in enumerate(run.steps):
        if not _look(root, step.path).is_like(step.before) or step.after.kind == LINK:
            continue
        try:
            prepared = "{}/{}".format(step.path.rpartition("/")[0], temporary_name(run.name, index))
            content = b"" if step.kind == REMOVE else root.read(prepared, IMAGE_LIMIT)
        except Unreadable:
            continue  # it cannot be finished, which is told where that is tried
        changes.append(Change(step.kind, step.path, content))
    return tuple(changes)


def _interrupted(root: Root) -> Run:
    run = history(root).interrupted
    if run is None:
        raise Refused("no run was interrupted: there is nothing to resume or to abandon")
    return run


def _notes(foreign: "Sequence[str]") -> "Tuple[str, ...]":
    return tuple("{}: changed by somebody else since, and left as it is".format(path) for path in foreign)


def _look(root: Root, path: str) -> State:
    try:
        folder, name = folder_of(root, path)
        with folder:
            return folder.look(name)
    except (Unreadable, OSError) as error:
        raise Refused("{} cannot be looked at: {}".format(path, error)) from error


def _back(path: str, now: State, saved: Saved) -> Change:
    kind = REMOVE if saved.state.kind == NOTHING else CREATE if now.kind == NOTHING else REPLACE
    why = "it was not there" if kind == REMOVE else "as it was before the undo"
    return Change(kind, path, why=why, saved=None if kind == REMOVE else saved)
