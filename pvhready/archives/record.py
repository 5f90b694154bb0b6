"""What the readers of package files hand out: the package by its own words, and the files in it."""

from pvhready.records import NamedTuple
from pvhready.root import File
from pvhready.unpack import Budget, Damaged, Source, detect, stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Optional

    from pvhready.unpack import Chunks

    Wanted = Callable[[str], int]  # a path to the most bytes that it may have; 0 where the file is not wanted

DEB_MAGIC, RPM_MAGIC = b"!<arch>\n", b"\xed\xab\xee\xdb"
FILE, LINK, HARD_LINK, OTHER = "file", "link", "hard link", "other"
MAX_MEMBERS = 50000  # files in one package; a kernel with all its modules has some 5000
MAX_OUTPUT = 4 << 30  # bytes that a package may unpack to
MAX_SECONDS = 120.0


class Package(NamedTuple):
    """A package by its own words. ``digests`` maps a path to a hexadecimal digest by ``algorithm`` (as hashlib calls it).

    ``version`` is what the package manager prints: with the epoch where there is one, for rpm version-release.
    """

    kind: str
    name: str
    version: str
    architecture: str
    algorithm: str
    digests: "Dict[str, str]"

    @property
    def label(self) -> str:
        """The package with its version, as its package manager writes it."""
        if self.kind == "rpm":
            return "{}-{}.{}".format(self.name, self.version, self.architecture)
        return "{} {}".format(self.name, self.version)


class Entry(NamedTuple):
    """A file in a package. ``path`` is absolute; ``mode`` are the permission bits, ``target`` is where a link leads, as written.

    ``content`` is there only for a regular file that was wanted.
    """

    path: str
    kind: str
    mode: int
    size: int
    target: str = ""
    content: "Optional[bytes]" = None


def is_package(file: File) -> bool:
    """Whether a file begins as a .deb or .rpm does, whatever its name. Raises Unreadable."""
    return file.read_at(0, 8).startswith((DEB_MAGIC, RPM_MAGIC))


def budget() -> Budget:
    """Return what the reading of one package may cost."""
    return Budget(MAX_OUTPUT, MAX_SECONDS)


def absolute(name: str) -> str:
    """Return the path that a name in an archive stands for: ``./boot/x`` and ``boot/x`` are /boot/x. It is a key, never opened."""
    return "/" if name == "." else "/" + name[2 if name.startswith("./") else 0:].lstrip("/")


def within(path: str, size: int, limit: int) -> None:
    """Raise Damaged when a wanted file is larger than it may be."""
    if size > limit:
        raise Damaged("{} in it has {} bytes, more than the {} that are plausible".format(path, size, limit))


def unpacked(source: Source, form: str, limit: Budget) -> "Chunks":
    """Yield what all compressed streams of one form up to the source's end unpack to. Raises what ``unpack.stream`` does."""
    yield from stream(source, form, limit)
    while source.peek(1):
        if detect(source.peek(6)) != form:
            raise Damaged("something follows the compressed data, at offset {}".format(source.position))
        yield from stream(source, form, limit)
