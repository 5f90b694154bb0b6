"""What a run of GRUB's script has so far: menu, loaded files, notes, and how much of its share of work it has used.

A run is bounded in steps, depth and text, so that a script that never ends raises LimitReached.
"""

from pvhready.grub.devices import BAD_FILE_TYPE, BAD_FILENAME, FILE, FILE_NOT_FOUND, UNKNOWN_DEVICE, Devices, Failure, NotKnown, split
from pvhready.grub.environment import Environment
from pvhready.grub.state import MAX_ENTRIES, MAX_ERROR, MAX_ERRORS, MAX_OUTPUT, MAX_STEPS, Complaint, LimitReached, Loader, MenuEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set, Tuple


class Run:
    """The notes of one run over ``devices``, with ``environment`` as its variables now."""

    def __init__(self, devices: Devices, environment: Environment) -> None:
        self.devices = devices
        self.environment = environment
        self.menu: List[MenuEntry] = []
        self.loader = Loader()
        self.modules: List[str] = []
        self.complaints: List[Complaint] = []
        self.output: List[str] = []
        self.assumptions: List[str] = []
        self.unknowns: List[NotKnown] = []
        self.used: Set[str] = set()  # commands that this GRUB lacks, or may lack
        self.turn = 0  # by how many places the names for a wildcard are turned, as no order of them is known
        self.most_names = 1  # that a wildcard stood for
        self.made: Set[str] = set()  # devices that GRUB makes from files or keys: what is on them is not known
        self.file = ""
        self.line = 0
        self.steps = 0
        self._allowed = MAX_STEPS // 2

    # Files

    def locate(self, name: str) -> "Tuple[str, str]":
        """Return device and path of a file name. Raises Failure when there is no such device, or no path."""
        device, path = split(name)
        if device is None:
            device = self.environment.get("root") or ""
            if not device:
                raise Failure(FILE_NOT_FOUND, "variable `root' isn't set.")
        if device.partition(",")[0] in self.made:
            raise NotKnown("({}){}".format(device, path), "what is on this device cannot be told")
        if not self.devices.exists(device):
            raise Failure(UNKNOWN_DEVICE, "disk `{}' not found.".format(device))
        return device, path

    def find_file(self, name: str) -> "Tuple[str, str]":
        """Return device and path of a file that is there. Raises Failure as GRUB does when it is not."""
        device, path = self.locate(name)
        if not path.startswith("/"):
            raise Failure(BAD_FILENAME, "invalid file name `{}'.".format(path))
        information = self.devices.information(device, path)
        if information is None:
            raise Failure(FILE_NOT_FOUND, "file `{}' not found.".format(path))
        if information.kind != FILE:
            raise Failure(BAD_FILE_TYPE, "not a regular file.")
        return device, path

    # Accounts

    @property
    def exhausted(self) -> bool:
        """Whether the script as a whole has had its share of steps, not only one entry."""
        return self.steps > MAX_STEPS

    def print(self, text: str) -> None:
        """Note what GRUB writes to the screen."""
        if len(self.output) < MAX_OUTPUT:
            self.output.append(text)

    def step(self, cost: int) -> None:
        """Count work. Raises LimitReached when the script has had its share."""
        self.steps += cost
        if self.steps > self._allowed:
            raise self.limit("more steps than any configuration needs: it may never end")

    def limit(self, text: str) -> LimitReached:
        """Return the error for a script that is given up here."""
        return LimitReached(text, self.source())

    def source(self) -> str:
        """Return path:line of what runs now."""
        return "{}:{}".format(self.file, self.line)

    def complain(self, text: str, command: "Optional[str]" = None, fatal: "Optional[bool]" = False) -> None:
        """Note an error that GRUB would print."""
        if len(self.complaints) < MAX_ERRORS:
            self.complaints.append(Complaint(text[:MAX_ERROR], self.source(), command, fatal))

    def assume(self, text: str) -> None:
        """Note something that was taken for granted."""
        if text not in self.assumptions:
            self.assumptions.append(text)

    def add_entry(self, entry: MenuEntry) -> None:
        """Put an entry at the end of the current menu."""
        if len(self.menu) >= MAX_ENTRIES:
            raise self.limit("more than {} menu entries".format(MAX_ENTRIES))
        self.menu.append(entry)
