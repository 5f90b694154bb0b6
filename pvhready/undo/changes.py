"""What is to be done, and what stood there before, as data."""

from pvhready.errors import CommandError
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

REPLACE, CREATE, REMOVE = "replace", "create", "remove"
NOTHING, FILE, LINK = "nothing", "file", "link"
IMAGE_LIMIT = 512 * 1024 * 1024  # bytes; a decompressed kernel has some 60 MB

EXIT_REFUSED = 2


class Refused(CommandError):
    """It must not be done now. ``str(error)`` says why, and what to do instead. Nothing was changed."""

    exit_code = EXIT_REFUSED


class State(NamedTuple):
    """What stands at a path: ``kind`` is nothing, file or link.

    ``digest`` is the SHA-256 of a file's content, in hex; ``target`` is a link's. ``mtime`` is in nanoseconds, None for the time
    of writing. ``attributes`` are extended attributes, (name, value in hex); SELinux's label is one. ``inode`` is empty but for a file
    that has other names, too (hard links): those have the same.
    """

    kind: str = NOTHING
    digest: str = ""
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: "Optional[int]" = None
    attributes: "Tuple[Tuple[str, str], ...]" = ()
    target: str = ""
    inode: str = ""

    def is_like(self, other: "State") -> bool:
        """Whether the same content stands there, whoever owns it."""
        return (self.kind, self.digest, self.target) == (other.kind, other.digest, other.target)

    def is_same(self, other: "State") -> bool:
        """Whether the same content stands there with the same owner, mode, times and attributes."""
        return self._replace(inode="") == other._replace(inode="")


class Saved(NamedTuple):
    """What an earlier run replaced and kept: the run's name, the number of its step, and what stood there."""

    run: str
    step: int
    state: State


class Change(NamedTuple):
    """One thing to be done to one path. ``why`` is for the user.

    ``content`` is what a file is to hold, ``mode`` its permissions (None: as they were). Where ``saved`` is given, that is put back
    instead, bit for bit with owner, mode, times and label.
    """

    kind: str
    path: str
    content: bytes = b""
    mode: "Optional[int]" = None
    why: str = ""
    saved: "Optional[Saved]" = None


class Step(NamedTuple):
    """A change with what stood at its path before, and what is to stand there after it."""

    kind: str
    path: str
    why: str
    before: State
    after: State


def temporary_name(run: str, step: int) -> str:
    """Return the name of the file that becomes step ``step``'s: in its directory, and nothing that looks for kernels or hooks takes it.

    GRUB's 10_linux, linux-version, os-prober and run-parts take no name that begins with a dot.
    """
    return ".pvhready-{}-{}".format(run, step)
