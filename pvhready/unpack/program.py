"""A program of the running machine unpacks a stream: fed by one pipe, read from another, killed when nobody wants more."""

import os

from pvhready.unpack.source import CHUNK, Budget, Damaged, MissingTool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import Popen
    from typing import Any, Iterator, List, Optional

    from pvhready.unpack.source import Chunks

_PLACES = ("/usr/bin", "/bin", "/usr/local/bin")
_PROGRAMS = {"lz4": ("lz4", "-dcq"), "zstd": ("zstd", "-dcq"), "lzo": ("lzop", "-dcq")}
_PACKAGES = {"lz4": "lz4", "zstd": "zstd", "lzo": "lzop"}

# Nothing of the user's: some of these programs take options from variables.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def run(form: str, pieces: "Iterator[bytes]", budget: Budget) -> "Chunks":
    """Yield what the program for ``form`` makes of the pieces.

    Raises MissingTool, Damaged when the program fails, LimitReached, and whatever ``pieces`` raises. The program is
    gone when this ends, for whatever reason.
    """
    argv = _argv(form)
    if argv is None:
        raise MissingTool(form, _PACKAGES[form])
    import subprocess

    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, env=_ENVIRONMENT, cwd="/",
        )
    except OSError as error:
        raise Damaged("{} cannot be run: {}".format(argv[0], error.strerror)) from error
    feeder = _Feeder(child.stdin, pieces)
    try:
        yield from _pump(child.stdout, feeder, budget)
        try:
            status = child.wait(budget.seconds_left())
        except subprocess.TimeoutExpired as error:
            raise Damaged("{} does not end".format(argv[0])) from error
        if status != 0 or not feeder.done:
            raise Damaged("{} cannot unpack the data (exit status {})".format(argv[0], status))
    finally:
        _end(child)


class _Feeder:
    """Writes the pieces into a pipe, as much at a time as goes in. ``done`` tells that all went in."""

    def __init__(self, pipe: "Any", pieces: "Iterator[bytes]") -> None:
        self.pipe = pipe
        self.done = False
        self._pieces = pieces
        self._left = memoryview(b"")
        os.set_blocking(pipe.fileno(), False)

    def feed(self) -> None:
        """Write once; close the pipe when there is nothing more to write, or nobody to read it."""
        if not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                self.done = True
                self.pipe.close()
                return
            self._left = memoryview(piece)
        try:
            self._left = self._left[os.write(self.pipe.fileno(), self._left):]
        except BlockingIOError:
            return  # the pipe has room for less than the kernel said; it is asked again
        except BrokenPipeError:
            self.pipe.close()  # the program has given up: its exit status says so


def _pump(output: "Any", feeder: _Feeder, budget: Budget) -> "Chunks":
    import select

    poll = select.poll()
    poll.register(output.fileno(), select.POLLIN)
    poll.register(feeder.pipe.fileno(), select.POLLOUT)
    while True:
        for descriptor, _ in poll.poll(budget.seconds_left() * 1000):
            if descriptor == output.fileno():
                chunk = os.read(descriptor, CHUNK)
                if not chunk:
                    return
                yield chunk
            else:
                feeder.feed()
                if feeder.pipe.closed:
                    poll.unregister(descriptor)


def _end(child: "Popen[bytes]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    if child.poll() is None:
        child.kill()
    child.wait()


def _argv(form: str) -> "Optional[List[str]]":
    name, options = _PROGRAMS[form]
    for place in _PLACES:
        path = os.path.join(place, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return [path, options]
    return None
