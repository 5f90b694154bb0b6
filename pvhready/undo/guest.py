"""The guest that is undone, judged as it is and as it would be; and what the user wants."""

from pvhready.facts import PV, PVH, Facts
from pvhready.host import DEFAULT, Host
from pvhready.judge import Report, judge
from pvhready.records import NamedTuple
from pvhready.root import Root
from pvhready.survey import survey
from pvhready.undo import regenerate
from pvhready.undo.changes import Change
from pvhready.undo.preview import Preview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence, Tuple


class Wish(NamedTuple):
    """What the user wants. ``named`` are the files of --from; the rest are the options of the same names."""

    apply: bool = False
    switching: bool = False
    keep_pv: bool = False
    named: "Tuple[str, ...]" = ()

    def as_options(self) -> "Dict[str, Any]":
        """Return what the journal keeps of it, so that an interrupted run can go on."""
        return {"switching": self.switching, "keep_pv": self.keep_pv, "from": list(self.named)}


class Guest:
    """A guest, and whose GRUB boots it."""

    def __init__(self, root: Root, host: Host, assume: "Optional[str]" = None) -> None:
        """``assume`` says what the guest is where it cannot be seen."""
        self.root = root
        self.host = host
        self._assume = assume

    def report(self, changes: "Sequence[Change]" = ()) -> Report:
        """Judge the guest as it would be after some changes."""
        with Preview(self.root, changes) as root:
            return self.judged(survey(root, self.host, self._assume))

    def judged(self, facts: Facts) -> Report:
        """Judge what was seen."""
        return judge(facts, self.host, PVH, by_hand=True)

    def command(self, *words: str) -> "Tuple[str, ...]":
        """Return the command to be typed for an undo of this guest."""
        told = () if self.host.name == DEFAULT else ("--host", self.host.name)  # type: Tuple[str, ...]
        if self._assume:
            told += ("--assume-guest", self._assume)
        return ("pvhready", "undo") + (() if self.root.live else ("--root", self.root.directory)) + told + words

    def inside(self, *words: str) -> "Tuple[Tuple[str, ...], ...]":
        """Return the commands that do it in a chroot. There a kernel runs that is not the guest's, so its mode is told."""
        host = () if self.host.name == DEFAULT else ("--host", self.host.name)  # type: Tuple[str, ...]
        return regenerate.by_hand(self.root.directory, host + ("--assume-guest", self._assume or PV.lower()) + words)
