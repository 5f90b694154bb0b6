"""Lets the n-th call that changes a file fail, or ends the process before or after it."""

import contextlib
import errno
import os
import signal
from typing import Any, Callable, Dict, Iterator, List

# Every way in which the program changes a file. fsync is one: it is where a disk says that it could not write.
CALLS = (
    "open", "write", "fsync", "fchown", "fchmod", "chown", "setxattr", "utime", "symlink", "link", "rename", "unlink", "mkdir", "rmdir",
    "ftruncate", "truncate", "replace", "remove", "chmod", "fdatasync", "posix_fallocate", "mknod",
)
KINDS = (
    "SIGINT", "SIGTERM", "kill before", "kill after", "kill torn",
    "ENOSPC", "EIO", "EROFS", "ENOSPC from there on", "EIO from there on", "EROFS from there on",
)
KILLED = 77


class Faults:
    """Counts the calls, and does ``kind`` at call number ``at`` (from 0; -1 for never)."""

    def __init__(self, kind: str = "", at: int = -1) -> None:
        self.kind = kind
        self.at = at
        self.made: List[str] = []
        self._tried = False

    def __call__(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as the program is to see it."""
        def call(*arguments: Any, **named: Any) -> Any:
            if name == "open" and not arguments[1] & (os.O_CREAT | os.O_TRUNC):
                return function(*arguments, **named)
            number = len(self.made)
            self.made.append(name)
            if number == self.at or number > self.at >= 0 and self.kind.endswith("from there on"):
                return self._fault(name, function, arguments, named)
            return function(*arguments, **named)

        return call

    def _fault(self, name: str, function: Callable[..., Any], arguments: Any, named: Any) -> Any:
        if self.kind.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, self.kind))
            return function(*arguments, **named)
        if self.kind == "kill before":
            os._exit(KILLED)
        if self.kind == "kill torn" and name == "write":
            function(arguments[0], bytes(arguments[1])[:len(arguments[1]) // 2])
            os._exit(KILLED)
        if self.kind.startswith("kill"):
            function(*arguments, **named)
            os._exit(KILLED)
        code = getattr(errno, self.kind.split()[0])
        raise OSError(code, os.strerror(code))


@contextlib.contextmanager
def injected(faults: Faults) -> Iterator[Faults]:
    """Let the program's calls go through ``faults``."""
    real: Dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}
    try:
        for name, function in real.items():
            setattr(os, name, faults(name, function))
        yield faults
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def in_child(work: Callable[..., int], *arguments: Any) -> int:
    """Return what ``work(*arguments)`` returns in a process of its own, or KILLED."""
    child = os.fork()
    if child == 0:
        for number in (signal.SIGINT, signal.SIGTERM):  # as the command takes them
            signal.signal(number, signal.default_int_handler)
        try:
            code = work(*arguments)
        except KeyboardInterrupt:
            code = KILLED
        except BaseException as error:  # noqa: B902 - the child must not go on with the parent's test
            os.write(2, "in the child: {!r}\n".format(error).encode())
            code = 99
        os._exit(code)
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else KILLED
