"""Every change to a file of the guest is made here, and nowhere else.

A directory is reached through ``Root.place``, so no link leads out of the root; in it, names are opened by descriptor and links
are never followed. A file that is written is on the disk before its writer returns.
"""

import errno
import os
import stat

from pvhready.root import Root, Unreadable, kind_of
from pvhready.undo.changes import FILE, LINK, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Iterator, Tuple

CHUNK = 1 << 20  # bytes that are read or written at one time
_MAX_FILE = 1 << 30  # bytes; a decompressed kernel has some 60 MB, and a hostile guest a file of holes without end

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_MODE = 0o600
_NO_HARD_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# They are made for one content: the kernel's integrity measurement (ima, evm) would reject another one with them.
_OF_THE_CONTENT = ("security.ima", "security.evm")
# Where a mounted guest has them, they are those of the machine that it is mended from, and a journal of the guest may name them.
_OF_THE_MACHINE = ("dev", "proc", "run", "sys")


class Folder:
    """An open directory of the guest in which files are looked at and changed by name. Use it in a ``with``.

    Everything raises OSError where the system refuses, and Unreadable for what is neither a file nor a link.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        """Take over the descriptor of a directory; ``path`` is for messages."""
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def names(self) -> "Tuple[str, ...]":
        """Return the names in it, sorted."""
        return tuple(sorted(os.listdir(self._descriptor)))

    def status(self, name: str = "") -> os.stat_result:
        """Return what ``lstat`` says of a name, or of the directory itself."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False) if name else os.fstat(self._descriptor)

    def room(self) -> "Tuple[int, bool]":
        """Return the bytes that are free on its file system, and whether it may be written to."""
        system = os.fstatvfs(self._descriptor)
        return system.f_bavail * system.f_frsize, not system.f_flag & os.ST_RDONLY

    def has(self, name: str) -> bool:
        """Whether anything has this name."""
        try:
            self.status(name)
        except FileNotFoundError:
            return False
        return True

    def is_file(self, name: str) -> bool:
        """Whether a name is a regular file, and no link to one."""
        try:
            return stat.S_ISREG(self.status(name).st_mode)
        except FileNotFoundError:
            return False

    def look(self, name: str) -> State:
        """Return what stands at a name, its content read to the end."""
        try:
            status = self.status(name)
        except FileNotFoundError:
            return State()
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(name, dir_fd=self._descriptor)
            return State(LINK, size=status.st_size, uid=status.st_uid, gid=status.st_gid, mtime=status.st_mtime_ns, target=target)
        descriptor = self._open(name, status)
        try:
            if status.st_size > _MAX_FILE:
                raise Unreadable("{}/{}".format(self.path.rstrip("/"), name), "larger than {} bytes".format(_MAX_FILE))
            return _state_of(descriptor)
        finally:
            os.close(descriptor)

    def read(self, name: str) -> "Iterator[bytes]":
        """Yield the content of a file in pieces."""
        descriptor = self._open(name, self.status(name))
        try:
            part = os.read(descriptor, CHUNK)
            while part:
                yield part
                part = os.read(descriptor, CHUNK)
        finally:
            os.close(descriptor)

    def flags(self, name: str = "") -> int:
        """Return the flags that chattr sets (ioctl_iflags(2)) of a file or the directory, 0 where its file system has none."""
        import fcntl
        from array import array

        descriptor = self._open(name, self.status(name)) if name else os.dup(self._descriptor)
        value = array("i", [0])
        try:
            fcntl.ioctl(descriptor, 0x80086601, value)  # FS_IOC_GETFLAGS; tmpfs and FAT do not know it
        except OSError:
            return 0
        finally:
            os.close(descriptor)
        return value[0]

    def write(self, name: str, content: "Iterable[bytes]", state: State) -> None:
        """Make a new file with the owner, mode, times and attributes of ``state``. It is on the disk when this returns."""
        descriptor = os.open(name, _CREATE, _NEW_MODE, dir_fd=self._descriptor)
        try:
            for part in content:
                _write_all(descriptor, part)
            _set_owner(descriptor, state)
            for attribute, value in state.attributes:
                os.setxattr(descriptor, attribute, bytes.fromhex(value))
            if state.mtime is not None:
                os.utime(descriptor, ns=(state.mtime, state.mtime))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def symlink(self, name: str, state: State) -> None:
        """Make a new symbolic link with the target, owner and times of ``state``."""
        os.symlink(state.target, name, dir_fd=self._descriptor)
        made = self.status(name)
        if (made.st_uid, made.st_gid) != (state.uid, state.gid):
            os.chown(name, state.uid, state.gid, dir_fd=self._descriptor, follow_symlinks=False)
        if state.mtime is not None:
            os.utime(name, ns=(state.mtime, state.mtime), dir_fd=self._descriptor, follow_symlinks=False)

    def link(self, name: str, source: "Folder", source_name: str) -> bool:
        """Make a new name for a file of another folder; False where such names cannot be: another file system, or one that has none."""
        try:
            os.link(source_name, name, src_dir_fd=source._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return False
        return True

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name in this directory; what had it is gone in the same moment."""
        os.rename(name, new_name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a name that is a file or a link; nothing is done when it is not there."""
        if self.has(name):
            os.unlink(name, dir_fd=self._descriptor)

    def make(self, name: str) -> None:
        """Make a directory that only its owner may enter."""
        os.mkdir(name, 0o700, dir_fd=self._descriptor)

    def enter(self, name: str) -> "Folder":
        """Open a directory in it."""
        return Folder(os.open(name, _ENTER, dir_fd=self._descriptor), "{}/{}".format(self.path, name))

    def sync(self) -> None:
        """Bring the names in it to the disk."""
        os.fsync(self._descriptor)

    def append(self, name: str, data: bytes) -> None:
        """Add bytes to the end of a file, which is made where it is missing. They are on the disk when this returns."""
        descriptor = os.open(name, _APPEND, 0o600, dir_fd=self._descriptor)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def cut(self, name: str, size: int) -> None:
        """Cut a file to ``size`` bytes."""
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descriptor)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def open_lock(self, name: str) -> int:
        """Return the descriptor of a file to be locked, which is made where it is missing. Raises OSError, and Unreadable for no file."""
        if self.has(name):
            _demand_file(self.status(name), self.path, name)  # to open a device can already do something
        return os.open(name, _APPEND, 0o600, dir_fd=self._descriptor)

    def _open(self, name: str, status: os.stat_result) -> int:
        _demand_file(status, self.path, name)
        return os.open(name, _READ, dir_fd=self._descriptor)


def folder_of(root: Root, path: str) -> "Tuple[Folder, str]":
    """Return the directory that holds a path's last name, and that name.

    Raises as ``Root.place`` does, and Unreadable for what belongs to the machine and not to the guest's disk.
    """
    folder = path.rpartition("/")[0] or "/"
    if root.resolve(folder).split("/")[1] in _OF_THE_MACHINE:
        raise Unreadable(path, "is in a folder of the running machine, where nothing is ever undone")
    descriptor, name = root.place(path)
    return Folder(descriptor, folder), name


def _demand_file(status: os.stat_result, folder: str, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("{}/{}".format(folder.rstrip("/"), name), "is {}, not a file".format(kind_of(status)))


def kept_attributes(state: State) -> "Tuple[Tuple[str, str], ...]":
    """Return the extended attributes that a file's successor takes over: all but those made for the old content."""
    return tuple(pair for pair in state.attributes if pair[0] not in _OF_THE_CONTENT)


def _state_of(descriptor: int) -> State:
    from hashlib import sha256

    digest = sha256()
    part = os.read(descriptor, CHUNK)
    while part:
        digest.update(part)
        part = os.read(descriptor, CHUNK)
    status = os.fstat(descriptor)
    return State(
        FILE, digest.hexdigest(), status.st_size, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns,
        tuple(sorted(_attributes(descriptor).items())), inode="{}:{}".format(status.st_dev, status.st_ino) if status.st_nlink > 1 else "",
    )


def _attributes(descriptor: int) -> "Dict[str, str]":
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return {}  # its file system has none
    return {name: os.getxattr(descriptor, name).hex() for name in names}


def _set_owner(descriptor: int, state: State) -> None:
    """Give a new file its owner and mode, on a file system that knows of them."""
    made = os.fstat(descriptor)
    if stat.S_IMODE(made.st_mode) != _NEW_MODE:
        return  # it was not made as it was asked for: FAT gives every file the same owner and mode
    if (made.st_uid, made.st_gid) != (state.uid, state.gid):
        os.fchown(descriptor, state.uid, state.gid)
    if state.mode != _NEW_MODE:
        os.fchmod(descriptor, state.mode)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:CHUNK]):]
