"""What a hook has to know before it asks anything: whether it may speak, of which machine, and for whose GRUB."""

from pvhready.errors import CommandError
from pvhready.facts import PV, PVH, Guest
from pvhready.host import DEFAULT, Host, profile
from pvhready.memory.folder import Folder
from pvhready.memory.nextboot import settle
from pvhready.probes.guest import read_guest
from pvhready.records import NamedTuple
from pvhready.root import Root
from pvhready.rules.candidate import is_candidate
from pvhready.settings import Settings, read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

_MODES = {"PV": PV, "PVH": PVH}


class Situation(NamedTuple):
    """The machine and what its administrator wants. ``complaints`` is what is wrong with the settings; then the defaults hold."""

    root: Root
    guest: Guest
    host: Host
    settings: Settings
    folder: Folder
    complaints: "List[str]"

    @property
    def current(self) -> "Optional[str]":
        """The mode that the machine runs in, as far as Xen's loaders matter to it: None for HVM, and where it is not known."""
        return _MODES.get(self.guest.type or "")


def look(root: Root, kind: str) -> "Optional[Situation]":
    """Return the situation of the running system, or None where this hook has to be silent.

    That is where it is switched off, and where the machine is positively no guest that could be switched: in a chroot nothing boots.
    """
    settings, complaints = Settings(), []  # type: Settings, List[str]
    try:
        settings = read_settings(root)
    except CommandError as error:
        complaints.append(str(error))
    folder = Folder()
    guest = read_guest(root, settings.assume)
    if is_candidate(guest) is False and not guest.assumed or not settings.hooks[kind]:
        if kind == "apt":
            settle(folder)
        return None
    if guest.type == "not-applicable":
        return None  # nothing is settled for the machine that boots this one day
    return Situation(root, guest, profile(settings.host or DEFAULT), settings, folder, complaints)
