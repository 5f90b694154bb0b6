"""The command ``undo``, from what is found to the check afterwards."""

from pvhready.facts import PV
from pvhready.judge import Report
from pvhready.kept import is_kept
from pvhready.undo import guards, keep_pv, regenerate
from pvhready.undo.changes import REMOVE, Change, Refused
from pvhready.undo.exclusive import Exclusive, two_ways
from pvhready.undo.find import Restored, Work, find_work
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.outcome import Outcome, demand_as_seen, old_files
from pvhready.undo.transaction import Failed, Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Tuple

    Confirm = Callable[[Outcome], bool]

_NONE_TO_KEEP = "there is no decompressed kernel whose packed image PV could not boot, so none is kept"
_NEXT_KERNEL = (
    "without the hook the next kernel that is installed stays packed, and the PV loader may not read it. Add --switching if the switch to "
    "PVH comes right after this"
)


class Undo:
    """One undo: look, ask, change."""

    def __init__(self, guest: Guest, wish: Wish, waiting: "Tuple[str, ...]" = ()) -> None:
        """Nothing is read before ``outcome`` is called. ``waiting`` are interrupted runs that this one goes on with."""
        self._guest = guest
        self._root = guest.root
        self._wish = wish
        self._waiting = waiting

    def outcome(self, confirm: "Confirm") -> Outcome:
        """Return what would be done, or was done where the user wants that and ``confirm`` says yes to the plan of it.

        Raises Refused where something stands against it that shows only when it is done, and Failed where the system refuses.
        """
        before = self._guest.report()
        work = find_work(self._root, before.facts, self._wish.named, self._wish.apply and self._root.live)
        kept = keep_pv.kernels_to_keep(work, self._guest.host, before.facts.guest) if self._wish.keep_pv else ()
        plan = self._plan(before, work, kept)
        if not self._wish.apply or plan.obstacles or not (plan.changes or self._waiting) or not confirm(plan):
            return plan
        done = self._carry_out(plan, before, work, kept)
        return done._replace(report=self._guest.report())

    def _plan(self, before: Report, work: Work, kept: "Tuple[Restored, ...]") -> Outcome:
        obstacles = list(guards.boot_is_elsewhere(before) + work.obstacles)
        notes = list(work.notes)
        changes = self._changes(work)
        commands: "Tuple[Tuple[str, ...], ...]" = ()
        if kept or work.copies:
            obstacles += self._objections_to_a_menu(before)
            if not self._root.live:
                commands = self._guest.inside("--apply", *self._words())
            notes.append("the boot menu is generated anew, and looked at for both modes before it is put in place")
        elif changes:
            mode = guards.mode_now(before)
            obstacles += guards.boots_no_more(before, self._guest.report(changes), mode, self._wish.switching)
            if work.hooks and mode == PV and not obstacles and not self._wish.switching:
                obstacles.append(_NEXT_KERNEL)
        if self._wish.keep_pv and not kept:
            there = any(is_kept(kernel.path) for kernel in before.facts.kernels)
            notes.append("--keep-pv: " + ("kernels are kept for PV already" if there else _NONE_TO_KEEP))
        changes = (keep_pv.preparation(self._root, kept) if kept else ()) + changes
        old = old_files(self._root, changes)
        obstacles += guards.cannot_be_written(self._root, changes, {path: item.size for path, item in old.items()}) if changes else ()
        return Outcome(
            "undo", self._root.directory, changes=changes, old=old, restored=work.restored, refused=work.refused,
            obstacles=tuple(obstacles), notes=tuple(notes), commands=commands,
            next=self._guest.command("--apply") + self._words(),
        )

    def _objections_to_a_menu(self, before: Report) -> "List[str]":
        if not self._root.live:
            return ["the boot menu must be generated anew, and nothing of this guest is run from outside: type the commands below"]
        try:
            regenerate.path_of_menu(self._root, before)
            regenerate.program()
        except Refused as error:
            return [str(error)]
        return []

    def _changes(self, work: Work) -> "Tuple[Change, ...]":
        copies = tuple(Change(REMOVE, kernel.path, why="a decompressed kernel beside the packed one") for kernel in work.copies)
        return work.hooks + work.images + copies + work.helpers

    def _carry_out(self, plan: Outcome, before: Report, work: Work, kept: "Tuple[Restored, ...]") -> Outcome:
        with Exclusive(self._root, resuming=bool(self._waiting)) as transaction:
            demand_as_seen(self._root, plan)
            runs = self._perform(transaction, before, work, kept)
            return plan._replace(applied=True, runs=runs, notes=plan.notes + transaction.sweep())

    def _perform(self, transaction: Transaction, before: Report, work: Work, kept: "Tuple[Restored, ...]") -> "Tuple[str, ...]":
        """Make the changes; return the runs. The menu is made between two of them, when what it is made of is there."""
        options, waiting = self._wish.as_options(), self._waiting
        if not kept and not work.copies:
            return (transaction.run("undo", self._changes(work), options, continues=waiting),)
        path = regenerate.path_of_menu(self._root, before)
        first = keep_pv.preparation(self._root, kept) if kept else ()
        made = (transaction.run("undo", first, options, waits=True),) if first else ()
        try:
            changes = (self._menu(path, before, work, kept),) + self._changes(work)
            return made + (transaction.run("undo", changes, options, continues=waiting + made),)
        except Refused as error:
            transaction.take_back(made)
            raise Refused("{}. {}".format(error, two_ways(self._root) if waiting else "All is as it was")) from error
        except Failed as error:
            if error.restored:
                transaction.take_back(made)
            raise

    def _menu(self, path: str, before: Report, work: Work, kept: "Tuple[Restored, ...]") -> Change:
        """Return the change to the boot menu. Raises Refused for one under which the guest would not come up as it should."""
        change = regenerate.new_menu(path)
        changes = self._changes(work)
        after = self._guest.report((change,) + changes)
        wrong = keep_pv.wrong_menu(before, after, self._guest.report(changes)) if kept else ""
        for kernel in work.copies:
            if any(entry.kernel in kernel.names for menu in after.facts.menus.values() for entry in menu.entries):
                wrong = wrong or "it still names {}: take that out of /etc/grub.d first".format(kernel.path)
        said = guards.boots_no_more(before, after, guards.mode_now(before), self._wish.switching)
        if wrong or said:
            raise Refused("the boot menu that grub-mkconfig writes is not put in place: {}".format(wrong or said[0]))
        return change

    def _words(self) -> "Tuple[str, ...]":
        words = tuple(word for word, wanted in (("--keep-pv", self._wish.keep_pv), ("--switching", self._wish.switching)) if wanted)
        return words + tuple(word for path in self._wish.named for word in ("--from", path))
