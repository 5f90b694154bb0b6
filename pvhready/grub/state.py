"""What a run of a script keeps and how it ends: limits, entries, what is loaded, errors, parsed files."""

from pvhready.grub.devices import Devices
from pvhready.grub.environment import Environment
from pvhready.grub.parser import TooLong, Unit, parse
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from pvhready.grub.parser import Body

MAX_STEPS = 600000  # for the file and all its entries; a menu of 10,000 entries takes about half of that
MAX_ENTRY_STEPS = 10000  # for one entry
MAX_DEPTH = 120  # statements within each other, functions and files counted
MAX_WAIT = 600  # seconds that GRUB may wait for nobody before it counts as for ever
MAX_FILES = 20  # files that source each other
MAX_TEXT = 12 * 1024 * 1024  # bytes in one script, which is room for 10,000 entries; all together may have twice that
MAX_VALUE = 1024 * 1024  # characters in one argument
MAX_ERROR = 1000  # characters of an error's text
MAX_ENTRIES = 20000
MAX_ERRORS = 200
MAX_OUTPUT = 10000


class LimitReached(Exception):
    """The script was given up. ``text`` says on what, ``source`` is path:line."""

    def __init__(self, text: str, source: str) -> None:
        super().__init__(text)
        self.text = text
        self.source = source


class Booted(Exception):
    """The ``boot`` command ran with a kernel loaded."""


class Stopped(Exception):
    """GRUB was left: exit, halt, reboot. ``command`` says by what."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


class TookOver(Exception):
    """Another file's menu is shown from here on (configfile, normal)."""

    def __init__(self, menu: "List[MenuEntry]", environment: Environment) -> None:
        super().__init__()
        self.menu = menu
        self.environment = environment


class Complaint(NamedTuple):
    """An error that GRUB would print. ``command`` is one that is missing, or not known to be there.

    ``fatal`` tells whether the entry cannot boot as it is written because of it; None when that is not known.
    """

    text: str
    source: str
    command: "Optional[str]" = None
    fatal: "Optional[bool]" = False


class MenuEntry:
    """A menuentry or submenu. ``users`` is None when anybody may boot it."""

    def __init__(
        self, title: str, id: str, arguments: "Tuple[str, ...]", users: "Optional[str]", submenu: bool, body: "Body", file: str, line: int
    ) -> None:
        self.title = title
        self.id = id
        self.arguments = arguments
        self.users = users
        self.submenu = submenu
        self.body = body
        self.file = file
        self.line = line


class Loader:
    """What an entry has loaded. Files are (device, path). ``kernel`` is the one named last, loaded or not.

    ``written`` is how the entry names it. ``modules`` are those of GRUB that were inserted by then. ``multiboot``: it is
    not Linux's way of loading, so that ``module`` may add to it.
    """

    def __init__(self) -> None:
        self.loaded = False
        self.kernel: Optional[Tuple[str, str]] = None
        self.initrd: List[Tuple[str, str]] = []
        self.cmdline = ""
        self.written = ""
        self.modules: List[str] = []
        self.multiboot = False


class Scripts:
    """Parsed files, so that a second interpreter need not parse them again."""

    def __init__(self) -> None:
        self._units: Dict[str, List[Unit]] = {}
        self._length = 0

    def load(self, devices: Devices, device: str, path: str) -> "List[Unit]":
        """Return the units of a file. Raises Failure and NotKnown as ``Devices.read`` does, and LimitReached."""
        name = devices.shown(device, path)
        units = self._units.get(name)
        if units is None:
            text = devices.read(device, path, MAX_TEXT).decode("utf-8", "surrogateescape")
            self._length += len(text)
            if self._length > 2 * MAX_TEXT:
                raise LimitReached("more text than any configuration has", name)
            units = self._units[name] = _parse(text, name)
        return units


def _parse(text: str, name: str) -> "List[Unit]":
    try:
        return parse(text)
    except TooLong as error:
        raise LimitReached("more statements than any configuration has", name) from error
