"""What the command ``undo`` found, would do, or has done: all that a renderer needs."""

from pvhready.judge import Report
from pvhready.records import NamedTuple
from pvhready.root import Root, Unreadable
from pvhready.undo.changes import EXIT_REFUSED, FILE, LINK, Change, Refused
from pvhready.undo.find import Restored
from pvhready.undo.sources import Refusal
from pvhready.undo.writer import folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Optional, Tuple

_TEXT_LIMIT = 256 * 1024  # bytes of a file that is shown line by line


class Old(NamedTuple):
    """What stands at a path: its size in bytes and SHA-256, and its text where it is one. ``text`` of a link is its target."""

    size: int
    digest: str
    text: "Optional[str]" = None
    link: bool = False


class Outcome(NamedTuple):
    """``action`` is undo, revert, resume or abandon; ``applied`` tells whether something was done, in ``runs`` of the journal.

    ``changes`` are what was done or would be, and ``old`` is what stood there before; ``next`` is the command that does it.
    ``obstacles`` say why nothing is done, and what to do; ``refused`` are kernels that cannot be restored, ``notes`` what is left as
    it is. ``commands`` are to be typed by the user. ``report`` is the check afterwards.
    """

    action: str
    root: str
    applied: bool = False
    changes: "Tuple[Change, ...]" = ()
    old: "Dict[str, Old]" = {}
    restored: "Tuple[Restored, ...]" = ()
    refused: "Tuple[Refusal, ...]" = ()
    obstacles: "Tuple[str, ...]" = ()
    notes: "Tuple[str, ...]" = ()
    commands: "Tuple[Tuple[str, ...], ...]" = ()
    runs: "Tuple[str, ...]" = ()
    next: "Tuple[str, ...]" = ()
    report: "Optional[Report]" = None

    @property
    def exit_code(self) -> int:
        """0 for done, or nothing to do; 2 where something was refused."""
        return EXIT_REFUSED if self.obstacles or self.refused else 0


def demand_as_seen(root: Root, plan: Outcome) -> None:
    """Raise Refused where a path of the plan is not as it was when the plan was made: the user may have thought it over for a while."""
    now = old_files(root, plan.changes)
    for change in plan.changes:
        if now.get(change.path) != plan.old.get(change.path):
            raise Refused("{} was changed in the meantime, so that the plan is out of date: run it again".format(change.path))


def old_files(root: Root, changes: "Iterable[Change]") -> "Dict[str, Old]":
    """Return what stands at the paths of ``changes``. What cannot be read is left out: the guards tell of it."""
    found: "Dict[str, Old]" = {}
    for change in changes:
        try:
            folder, name = folder_of(root, change.path)
            with folder:
                state = folder.look(name)
                if state.kind == LINK:
                    found[change.path] = Old(len(state.target), "", state.target, True)
                elif state.kind == FILE:
                    content = b"".join(folder.read(name)) if state.size <= _TEXT_LIMIT else b"\0"
                    text = None if b"\0" in content else content.decode("utf-8", "surrogateescape")
                    found[change.path] = Old(state.size, state.digest, text)
        except (OSError, Unreadable):
            continue
    return found
