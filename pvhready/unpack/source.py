"""What goes into the unpacking room: bytes in order, a limit on what may be spent, and the errors."""

import time

from pvhready.root import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Generator, Optional

    Chunks = Generator[bytes, None, None]

CHUNK = 256 * 1024  # bytes that are read or unpacked at one time

MAX_OUTPUT = 2 * 1024 * 1024 * 1024
MAX_SECONDS = 60.0


class UnpackError(Exception):
    """Something could not be unpacked. ``reason`` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Damaged(UnpackError):
    """The bytes are not what their format demands, or end too early."""


class LimitReached(UnpackError):
    """More output or time would be needed than is allowed."""


class MissingTool(UnpackError):
    """Neither a library nor a program is there for this format. ``package`` is the one to install."""

    def __init__(self, form: str, package: str) -> None:
        super().__init__("{} data, and nothing is installed that unpacks it (package {})".format(form, package))
        self.form = form
        self.package = package


class Budget:
    """What may still be spent: bytes of output, and seconds from now on. One budget can serve several streams.

    ``work`` limits the seconds that this process itself computes. Where the machine is busy with other things, time passes and that
    does not, so ``seconds`` may then be many: they end what hangs.
    """

    def __init__(self, output: int = MAX_OUTPUT, seconds: float = MAX_SECONDS, work: "Optional[float]" = None) -> None:
        self._output = output
        self._allowed = output
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._work = work
        self._started = time.process_time() if work is not None else 0.0

    def spend(self, count: int) -> None:
        """Take ``count`` bytes of output from the budget. Raises LimitReached when there is not so much left, or no time."""
        self._output -= count
        if self._output < 0:
            raise LimitReached("unpacks to more than {} bytes".format(self._allowed))
        self.seconds_left()

    def seconds_left(self) -> float:
        """Return the time that is left, in seconds, always more than 0. Raises LimitReached when there is none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise LimitReached("unpacking takes more than {:g} seconds".format(self._seconds))
        if self._work is not None and time.process_time() - self._started >= self._work:
            raise LimitReached("unpacking takes more than {:g} seconds of work".format(self._work))
        return left


class Source:
    """Compressed bytes, read in order. ``position`` is the offset of the next one and may be set.

    After a stream was unpacked to its end, ``position`` is right behind it.
    """

    def __init__(self, read_at: "Callable[[int, int], bytes]", position: int, end: int) -> None:
        """Read by ``read_at(offset, size)``, from ``position`` up to ``end`` (offsets in bytes)."""
        self._read_at = read_at
        self.position = position
        self._end = end

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; none at the end. Raises what ``read_at`` raises."""
        wanted = min(size, self._end - self.position)
        data = self._read_at(self.position, wanted) if wanted > 0 else b""
        self.position += len(data)
        return data

    def exactly(self, size: int) -> bytes:
        """Return ``size`` bytes. Raises Damaged when there are fewer."""
        data = self.read(size)
        if len(data) < size:
            raise Damaged("the compressed data ends too early, at offset {}".format(self.position))
        return data

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` bytes, which the next read returns again."""
        data = self.read(size)
        self.position -= len(data)
        return data


def from_file(file: File, position: int = 0, length: "Optional[int]" = None) -> Source:
    """Return the bytes of an open file from ``position`` on, ``length`` of them or all. Reads raise Unreadable."""
    return Source(file.read_at, position, file.size if length is None else min(file.size, position + length))


def from_bytes(data: bytes) -> Source:
    """Return bytes that are in memory as a source."""
    return Source(lambda offset, size: data[offset:offset + size], 0, len(data))
