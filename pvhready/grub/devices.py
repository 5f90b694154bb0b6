"""What GRUB sees of the machine: devices, and the files on them. The interface; a probe or a test fills it.

Devices are named as in GRUB, without parentheses. A path is absolute on its device.
"""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

# Error numbers, as ``$?`` shows them (GRUB: include/grub/err.h).
NONE = 0
TEST_FAILURE = 1
BAD_FILE_TYPE = 4
FILE_NOT_FOUND = 5
BAD_FILENAME = 7
UNKNOWN_DEVICE = 12
BAD_NUMBER = 10
UNKNOWN_COMMAND = 16
INVALID_COMMAND = 17
BAD_ARGUMENT = 18
BAD_OS = 21
NO_KERNEL = 22
MENU = 31

FILE = "file"
DIRECTORY = "directory"
OTHER = "other"


class Failure(Exception):
    """A command failed as GRUB would: ``text`` is what GRUB prints after ``error: ``, ``code`` becomes ``$?``.

    ``fatal`` tells whether an entry cannot boot as it is written because of it; None when that is not known.
    """

    def __init__(self, code: int, text: str, fatal: "Optional[bool]" = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.fatal = fatal


class NotKnown(Exception):
    """What GRUB would find cannot be told: ``path`` was asked for, ``reason`` says why not, in a few words."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("{}: {}".format(path, reason))
        self.path = path
        self.reason = reason


class Information(NamedTuple):
    """What a directory says of a name: FILE, DIRECTORY or OTHER, the size in bytes, the time of change in seconds."""

    kind: str
    size: int = 0
    modified: int = 0


class Devices:
    """No devices at all; override what there is."""

    def exists(self, device: str) -> bool:
        """Whether GRUB has such a device."""
        return False

    def devices(self) -> "Tuple[str, ...]":
        """Return the names of all devices, for wildcards."""
        return ()

    def shown(self, device: str, path: str) -> str:
        """Return the name under which people know a file."""
        return path

    def information(self, device: str, path: str) -> "Optional[Information]":
        """Return what is there; None for nothing. Raises NotKnown."""
        return None

    def read(self, device: str, path: str, limit: int) -> bytes:
        """Return a file's content. Raises Failure when GRUB could not open it, NotKnown when only we cannot."""
        raise not_found(path)

    def names(self, device: str, path: str) -> "Tuple[str, ...]":
        """Return the sorted names in a directory, none when there is no such directory. Raises NotKnown."""
        return ()

    def search(self, what: str, value: str) -> "Optional[str]":
        """Return the first device with this ``file``, ``label`` or ``uuid``. Raises NotKnown."""
        return None

    def property(self, device: str, what: str) -> "Optional[str]":
        """Return the ``uuid``, ``label`` or ``type`` of a device's file system. Raises NotKnown."""
        return None


def not_found(path: str) -> Failure:
    """Return GRUB's complaint about a missing file."""
    return Failure(FILE_NOT_FOUND, "file `{}' not found.".format(path))


def split(name: str) -> "Tuple[Optional[str], str]":
    """Return device and path of ``(device)/path``; the device is None when the name has none and $root counts.

    Raises Failure for a parenthesis that is never closed.
    """
    if not name.startswith("("):
        return None, name
    device, closed, path = name[1:].partition(")")
    if not closed:
        raise Failure(BAD_FILENAME, "missing `)' symbol.")
    return device, path
