"""The guest's file system, seen through one handle.

Every path of the guest is opened here and nowhere else. Paths are absolute, as the guest sees them, and
symbolic links are followed as ``chroot`` would follow them: an absolute link starts again at the root. Names
that are not UTF-8 travel as surrogate escapes (``os.fsdecode``).

The guest's owner may be hostile: every step of a path is opened by directory descriptor without following
links, only regular files are read, and every read has a limit.
"""

import errno
import os
import stat

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

    from pvhready.memory.evidence import Evidence

MAX_LINKS = 40  # what Linux allows for one path (fs/namei.c, MAXSYMLINKS)
MAX_NAMES = 20000  # names that one directory may hold before it is refused
_LAST = (1 << 63) - 1  # the largest offset that there is (off_t)
_MOST = 1 << 28  # bytes of one read; nothing here reads as much at once
MAX_TEXT = 4 * 1024 * 1024  # a text file larger than this is not configuration

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Unreadable(Exception):
    """A path of the guest could not be read. ``path`` is the guest's, ``reason`` says why in a few words."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("{}: {}".format(path, reason))
        self.path = path
        self.reason = reason


class Missing(Unreadable):
    """Nothing has this name."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "no such file or directory")


class Denied(Unreadable):
    """It is there, and only root may read it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "permission denied")


class Stamp(NamedTuple):
    """What tells one state of a file from another. Times are nanoseconds since 1970, the size is in bytes."""

    path: str
    inode: int
    size: int
    mtime: int
    ctime: int


class File:
    """An open regular file of the guest. Close it, or use it in a ``with``."""

    def __init__(self, descriptor: int, path: str, status: os.stat_result, failed: "Callable[[], None]") -> None:
        """Take an open descriptor; ``failed`` is called when a read fails."""
        self.path = path
        self._failed = failed
        self.size = status.st_size
        self.status = status
        self._descriptor = descriptor

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def stamp(self) -> Stamp:
        """The identity of this state of the file, under the path that was asked for."""
        status = self.status
        return Stamp(self.path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @property
    def descriptor(self) -> int:
        """The open file descriptor, for a library that wants to read by itself. It is closed with this object."""
        return self._descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` (both in bytes); fewer at the end of the file, none behind it.

        Raises Unreadable when the disk says so. Both may come from a header that lies.
        """
        if not 0 <= offset <= _LAST:
            return b""  # no file is as large, and the system call does not take it
        try:
            return os.pread(self._descriptor, min(size, _MOST, _LAST - offset), offset)
        except OSError as error:
            self._failed()
            raise _explain(self.path, error) from error


class Root:
    """The root directory of a guest: ``/`` of the running one, or a file system mounted elsewhere.

    ``denied`` collects the paths that only root may read, ``evidence`` all answers where somebody wants them.
    """

    def __init__(self, directory: str = "/") -> None:
        """Take ``directory`` as the guest's root. Raises Unreadable when it is no directory that can be entered."""
        self.directory = "/" + os.path.abspath(directory).lstrip("/")  # abspath keeps "//", which is this very system
        self.denied: Set[str] = set()
        self.evidence: Optional[Evidence] = None
        self._lists: Dict[str, Tuple[str, ...]] = {}
        try:
            self._top = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except NotADirectoryError as error:
            raise Unreadable(directory, "not a directory") from error
        except OSError as error:
            raise _explain(directory, error) from error

    def __enter__(self) -> "Root":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._top)

    @property
    def live(self) -> bool:
        """Whether this is the running system itself."""
        return self.directory == "/"

    @property
    def is_mount_point(self) -> bool:
        """Whether the folder is where a file system is mounted, and no copy of one. A bind mount of the same one is not told."""
        return os.stat("..", dir_fd=self._top).st_dev != os.fstat(self._top).st_dev

    def open(self, path: str) -> File:
        """Open a regular file. Raises Missing, Denied, or Unreadable for anything that is no regular file."""
        parent, name, stack, status = self._find(path)
        try:
            # Looked at before it is opened: to open a device can already do something.
            _demand_file(path, status)
            descriptor = os.open(name, _FILE, dir_fd=parent)
        except OSError as error:
            raise self._refuse(path, error) from error
        finally:
            _close(stack)
        try:
            # Looked at again: it may have been swapped in between.
            status = os.fstat(descriptor)
            _demand_file(path, status)
        except Unreadable:
            os.close(descriptor)
            raise
        return File(descriptor, path, status, self._doubt)

    def read(self, path: str, limit: int = MAX_TEXT) -> bytes:
        """Return the whole content. Raises Unreadable when it is larger than ``limit`` bytes, and as ``open`` does.

        Files of /proc and /sys, which say that they are empty, are read to their end.
        """
        with self.open(path) as handle:
            parts: List[bytes] = []
            length = 0
            while length <= limit:
                part = handle.read_at(length, min(limit + 1 - length, 1 << 20))
                if not part:
                    if length != handle.size:
                        self._doubt()  # a file of no disk: its times say nothing of its content
                    return b"".join(parts)
                parts.append(part)
                length += len(part)
        raise Unreadable(path, "larger than {} bytes".format(limit))

    def read_text(self, path: str, limit: int = MAX_TEXT) -> str:
        """Return the content as text; bytes that are not UTF-8 become surrogate escapes. Raises as ``read`` does."""
        return self.read(path, limit).decode("utf-8", "surrogateescape")

    def status(self, path: str) -> os.stat_result:
        """Return what ``stat`` says of the path, links followed. Raises Missing, Denied, Unreadable."""
        _, _, stack, status = self._find(path)
        _close(stack)
        return status

    def exists(self, path: str) -> bool:
        """Whether anything has this path; also when it cannot be told what."""
        try:
            self.status(path)
        except Missing:
            return False
        except Unreadable:
            return True
        return True

    def is_file(self, path: str) -> bool:
        """Whether a regular file can be reached under this path. Raises Denied and Unreadable when that cannot be told."""
        try:
            return stat.S_ISREG(self.status(path).st_mode)
        except Missing:
            return False

    def is_directory(self, path: str) -> bool:
        """Whether a directory can be reached under this path. Raises Denied and Unreadable when that cannot be told."""
        try:
            return stat.S_ISDIR(self.status(path).st_mode)
        except Missing:
            return False

    def names(self, path: str) -> "Tuple[str, ...]":
        """Return the sorted names in a directory. Raises Missing, Denied, Unreadable (also for too many names)."""
        known = self._lists.get(path)
        if known is None:
            known = self._lists[path] = self._list(path)
        return known

    def link(self, path: str) -> str:
        """Return the target of a symbolic link as written, or "" when the path is no link. Raises as ``status`` does."""
        parent, name, stack, status = self._find(path, follow_last=False)
        try:
            target = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(status.st_mode) else ""
        except OSError as error:
            raise self._refuse(path, error) from error
        finally:
            _close(stack)
        if self.evidence is not None:
            self.evidence.note_link(path, target)
        return target

    def resolve(self, path: str) -> str:
        """Return the path without any symbolic link in it. Raises as ``status`` does, but the last name need not exist."""
        trail: List[str] = []
        try:
            _, name, stack, _ = self._descend(path, trail=trail)
        except Unreadable:
            self._doubt()
            raise
        _close(stack)
        resolved = "/" + "/".join(trail + ([name] if name != "." else []))
        if self.evidence is not None:
            self.evidence.note_resolved(path, resolved)
        return resolved

    def place(self, path: str) -> "Tuple[int, str]":
        """Return a descriptor of the directory that holds the path's last name, and that name: the place for a write.

        Links on the way are followed, a link at the end is not. The name need not exist; the caller closes the descriptor. Raises
        as ``status`` does, Missing where the directory is not there.
        """
        parent, name, stack, _ = self._descend(path, follow_last=False)
        try:
            if name == ".":
                raise Unreadable(path, "is no name in a directory")
            return os.dup(parent), name
        finally:
            _close(stack)

    def _list(self, path: str) -> "Tuple[str, ...]":
        parent, name, stack, _ = self._find(path)
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        except OSError as error:
            raise self._refuse(path, error) from error
        finally:
            _close(stack)
        try:
            return tuple(sorted(_names(descriptor, path)))
        finally:
            os.close(descriptor)

    def _find(self, path: str, follow_last: bool = True) -> "Tuple[int, str, List[int], os.stat_result]":
        """Return what ``_descend`` does. Raises Missing when nothing has the last name."""
        try:
            parent, name, stack, status = self._descend(path, follow_last)
        except Missing:
            self._note(path, follow_last, None)
            raise
        except Unreadable:
            self._doubt()
            raise
        self._note(path, follow_last, status)
        if status is None:
            _close(stack)
            raise Missing(path)
        return parent, name, stack, status

    def _doubt(self) -> None:
        if self.evidence is not None:
            self.evidence.whole = False

    def _note(self, path: str, follow_last: bool, status: "Optional[os.stat_result]") -> None:
        if self.evidence is None:
            return
        if follow_last:
            self.evidence.note_status(path, status)
        elif status is None:
            self.evidence.note_link(path, None)

    def _descend(
        self, path: str, follow_last: bool = True, trail: "Optional[List[str]]" = None,
    ) -> "Tuple[int, str, List[int], Optional[os.stat_result]]":
        """Return the open directory that holds the last name, that name, the descriptors to close afterwards, and what has the name.

        What has the last name is None for nothing; it is a link only where the last link is not followed.
        """
        if "\0" in path:
            raise Unreadable(path, "holds a NUL byte")
        pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        names = [] if trail is None else trail
        stack: List[int] = []
        links = 0
        try:
            while pending:
                name = pending.pop()
                here = stack[-1] if stack else self._top
                if name == "..":
                    self._climb(path, stack, names)
                    continue
                if pending:
                    descriptor, target = _enter(name, here)
                    if descriptor >= 0:
                        stack.append(descriptor)
                        names.append(name)
                        continue
                else:
                    status = _look(name, here)
                    if status is None or not (follow_last and stat.S_ISLNK(status.st_mode)):
                        return here, name, stack, status
                    target = os.readlink(name, dir_fd=here)
                links += 1
                if links > MAX_LINKS:
                    raise Unreadable(path, "too many symbolic links")
                if target.startswith("/"):
                    _close(stack)
                    del names[:]
                pending.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
            here = stack[-1] if stack else self._top
            return here, ".", stack, os.fstat(here)
        except OSError as error:
            _close(stack)
            raise self._refuse(path, error) from error
        except UnicodeEncodeError as error:  # Python 3.6 in the locale C knows ASCII only
            _close(stack)
            raise Unreadable(path, "this name cannot be looked up in this locale: use LC_ALL=C.UTF-8") from error
        except Unreadable:
            _close(stack)
            raise

    def _climb(self, path: str, stack: "List[int]", names: "List[str]") -> None:
        if stack:
            os.close(stack.pop())
            names.pop()
        elif not self.live:
            raise Unreadable(path, "leads out of the root")

    def _refuse(self, path: str, error: OSError) -> Unreadable:
        refusal = _explain(path, error)
        if isinstance(refusal, Denied):
            self.denied.add(path)
        if not isinstance(refusal, Missing):
            self._doubt()  # what the system refuses now it may grant later
        return refusal


def kind_of(status: os.stat_result) -> str:
    """Return what sort of file a ``stat`` describes, with its article."""
    for test, name in (
        (stat.S_ISREG, "a file"), (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISBLK, "a block device"),
        (stat.S_ISCHR, "a character device"), (stat.S_ISSOCK, "a socket"), (stat.S_ISLNK, "a symbolic link"),
    ):
        if test(status.st_mode):
            return name
    return "of an unknown kind"


def _demand_file(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(path, "is {}, not a file".format(kind_of(status)))


def _enter(name: str, directory: int) -> "Tuple[int, str]":
    """Open a directory without following links: its descriptor, or -1 with the target when the name is a symbolic link."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory), ""
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        # Asked only now: of most names in a path it is the answer of one call that they are directories.
        if not stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            raise
        return -1, os.readlink(name, dir_fd=directory)


def _look(name: str, directory: int) -> "Optional[os.stat_result]":
    """Return what ``stat`` says of a name, links not followed; None when nothing has it."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _names(descriptor: int, path: str) -> "List[str]":
    """Return the names in an open directory. They are taken one by one: there may be more of them than fit into the memory."""
    names: List[str] = []
    try:
        for name in _each_name(descriptor):
            if len(names) >= MAX_NAMES:
                raise Unreadable(path, "holds more than {} names".format(MAX_NAMES))
            names.append(name)
    except OSError as error:
        raise _explain(path, error) from error
    return names


def _each_name(descriptor: int) -> "Iterator[str]":
    place: Any = descriptor
    if os.scandir not in os.supports_fd:
        # Python 3.6. This name leads to the same open directory, whatever has become of its path.
        place = "/proc/self/fd/{}".format(descriptor)
        if not os.path.isdir(place):  # /proc is not mounted
            yield from os.listdir(descriptor)
            return
    with os.scandir(place) as entries:
        for entry in entries:
            yield entry.name


def _close(stack: "List[int]") -> None:
    while stack:
        os.close(stack.pop())


def _explain(path: str, error: OSError) -> Unreadable:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Missing(path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Denied(path)
    if error.errno == errno.ELOOP:
        return Unreadable(path, "too many symbolic links")
    if error.errno == errno.ENXIO:
        return Unreadable(path, "is a device or a socket, not a file")
    return Unreadable(path, (error.strerror or str(error)).lower())
