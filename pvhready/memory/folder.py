"""The directory of the memory: only root may write to it, and what others could have written is not read."""

import errno
import os
import stat
import time

DIRECTORY = "/var/cache/pvhready"
_SETTLED = 2.0  # seconds: a file that changed so recently can change again within one tick of its clock
_LEFTOVER = 3600.0  # seconds after which a temporary file can be nobody's any more


class Folder:
    """A directory that belongs to the user ``owner``, as whom the program must run.

    What was read of files that changed less than ``settled`` seconds ago is not to be remembered.
    """

    def __init__(self, directory: str = DIRECTORY, owner: int = 0, settled: float = _SETTLED) -> None:
        self._directory = directory
        self._owner = owner
        self._settled = settled

    def may_hold(self, changed: float) -> bool:
        """Whether files that changed last at ``changed`` (seconds since 1970) have settled."""
        return time.time() - changed >= self._settled

    def load(self, name: str, limit: int) -> bytes:
        """Return a file's content, or nothing when it is not there, larger than ``limit`` bytes or cannot be trusted."""
        try:
            directory = self._open()
            try:
                return self._read(directory, name, limit)
            finally:
                os.close(directory)
        except OSError:
            return b""  # not there, or not ours to read: nothing is remembered

    def save(self, name: str, data: bytes) -> None:
        """Put a file in place as a whole, if that can be done."""
        try:
            if os.geteuid() != self._owner:
                return
            self._make()
            directory = self._open()
            try:
                replace(directory, name, data)
            finally:
                os.close(directory)
        except OSError:
            return  # a full or read-only disk: the work will be done again

    def _read(self, directory: int, name: str, limit: int) -> bytes:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not self._is_ours(status) or status.st_size > limit:
                return b""
            return os.read(descriptor, status.st_size)
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        try:
            os.mkdir(self._directory, 0o700)
        except FileExistsError:
            return  # what it is, is looked at when it is opened

    def _open(self) -> int:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if self._is_ours(os.fstat(descriptor)):
            return descriptor
        os.close(descriptor)
        raise PermissionError("{} is not ours alone".format(self._directory))

    def _is_ours(self, status: os.stat_result) -> bool:
        return status.st_uid == self._owner and not status.st_mode & 0o022


class Unchanged(Folder):
    """The directory as it is, for those who may recall and not remember."""

    def save(self, name: str, data: bytes) -> None:
        """Leave everything as it is."""


def replace(directory: int, file: str, data: bytes, mode: int = 0o600, durable: bool = False) -> None:
    """Put a file in place as a whole, under a name of this process first. Raises OSError; then what was there is as it was.

    ``durable``: it has reached the disk before it takes the place, so that not even a crash leaves half of it.
    """
    _sweep(directory, file)
    name = "{}.{}".format(file, os.getpid())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, "no space left on device")
            if mode != 0o600:
                os.fchmod(descriptor, mode)  # whatever the umask
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(name, file, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        _remove(directory, name)


def _sweep(directory: int, file: str) -> None:
    """Remove what runs that were killed have left behind."""
    mine = "{}.{}".format(file, os.getpid())
    for name in os.listdir(directory):
        is_such = name.startswith(file + ".") and name[len(file) + 1:].isdecimal()
        if name == mine or is_such and _age(directory, name) > _LEFTOVER:
            _remove(directory, name)


def _age(directory: int, name: str) -> float:
    return abs(time.time() - os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime)


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return  # renamed, or another run was faster
