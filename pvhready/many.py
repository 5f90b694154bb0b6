"""Many guests, examined side by side: worker processes, as many as there are processors, each of which takes one root after the other.

A worker is a fresh interpreter, so that it does not matter what the program around does with threads. Questions go to it and answers
come back through pipes, in Python's marshal format. One that ends by itself takes one answer with it, and another takes its place.
"""

import marshal
import os
import sys
from itertools import islice

from pvhready.errors import EXIT_INTERNAL, CommandError
from pvhready.examine import Question, examine
from pvhready.judge import EXIT_CODES, Report
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import Popen
    from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

_FEW = 3  # roots for which no process is worth its start
_AHEAD = 32  # answers for each worker that may wait for one before them
_SIZE = 4  # bytes before each message, which tell its length
_CHUNK = 1 << 16
_BOOT = "import marshal, sys; sys.path[:] = marshal.load(sys.stdin.buffer); from pvhready.many import serve; serve()"


class Form(NamedTuple):
    """What is wanted of each report: the object of its JSON ("object") or text for people ("text").

    ``style`` is for the latter: width, colour, verbose, quiet.
    """

    kind: str = "object"
    style: "Tuple[Any, ...]" = ()


class Answer(NamedTuple):
    """What a root has to say: the exit code, and either what was wanted or why there is none.

    ``next_step`` is the report's.
    """

    directory: str
    code: int
    content: "Any" = None
    next_step: str = ""
    error: str = ""


def answers(roots: "Iterable[str]", question: Question, form: Form, processes: "Optional[int]" = None) -> "Iterator[Answer]":
    """Yield an answer for each root, in their order. Never raises for what a root is: then the answer has an error.

    ``processes`` is how many work side by side; without it, as many as there are processors for this one.
    """
    directories = iter(roots)
    first = list(islice(directories, _FEW + 1))
    count = processes if processes is not None else len(os.sched_getaffinity(0))
    if len(first) <= _FEW or count < 2 or not sys.executable:
        for directory in first:
            yield answer(directory, question, form)
        for directory in directories:
            yield answer(directory, question, form)
        return
    pool = _Pool(first, directories, question, form)
    try:
        yield from pool.run(count)
    finally:
        pool.end()


def answer(directory: str, question: Question, form: Form) -> Answer:
    """Return what one root has to say."""
    try:
        from pvhready.memory.folder import Unchanged

        report = examine(directory, question, Unchanged())
        content, step = _content(report, form)
        return Answer(directory, EXIT_CODES[report.verdict], content, step)
    except CommandError as error:
        return Answer(directory, error.exit_code, error=str(error))
    except Exception as error:  # a fault of ours with one guest must not take the answers for the others
        return Answer(directory, EXIT_INTERNAL, error="internal error, please report it: {}: {}".format(type(error).__name__, error))


def _content(report: Report, form: Form) -> "Tuple[Any, str]":
    from pvhready.report.text import Style, next_step, render

    if form.kind == "text":
        return render(report, Style(*form.style)), ""
    from pvhready.report.json import as_object

    return as_object(report), next_step(report)


def serve() -> None:
    """Answer what comes in on standard input until it ends: a worker's whole life."""
    import gc

    gc.set_threshold(50000)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    fields, form = marshal.loads(_message(source))
    question, wanted = Question(*fields), Form(*form)
    while True:
        directory = _message(source)
        if not directory:
            return
        data = marshal.dumps(tuple(answer(os.fsdecode(directory), question, wanted)))
        target.write(len(data).to_bytes(_SIZE, "big") + data)
        target.flush()


def _message(source: "Any") -> bytes:
    size = source.read(_SIZE)
    data: bytes = source.read(int.from_bytes(size, "big")) if len(size) == _SIZE else b""
    return data


class _Worker:
    """A process that answers one question after the other. ``number`` is that of the root it has, None when it is idle."""

    def __init__(self, setup: bytes) -> None:
        from subprocess import DEVNULL, PIPE, Popen

        self.process: "Popen[bytes]" = Popen([sys.executable, "-S", "-c", _BOOT], stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self.number: Optional[int] = None
        self.directory = ""
        self._received = b""
        self.alive = self._send(marshal.dumps(sys.path) + len(setup).to_bytes(_SIZE, "big") + setup)

    @property
    def output(self) -> int:
        """The descriptor that answers come from."""
        return self.process.stdout.fileno() if self.process.stdout else -1

    def ask(self, number: int, directory: str) -> None:
        """Give it a root."""
        self.number, self.directory = number, directory
        data = os.fsencode(directory)
        self.alive = self.alive and self._send(len(data).to_bytes(_SIZE, "big") + data)

    def receive(self) -> "Optional[Answer]":
        """Return an answer where one is complete."""
        part = os.read(self.output, _CHUNK)
        self.alive = bool(part)
        self._received += part
        end = _SIZE + int.from_bytes(self._received[:_SIZE], "big")
        if len(self._received) < max(end, _SIZE):
            return None
        found = Answer(*marshal.loads(self._received[_SIZE:end]))
        self._received = self._received[end:]
        return found

    def end(self) -> int:
        """Let it end, and return its exit status."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    continue  # it has ended before it read all
        if self.number is not None:
            self.process.kill()
        return self.process.wait()

    def _send(self, data: bytes) -> bool:
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except OSError:
            return False
        return True


class _Pool:
    """Workers, and the answers that wait for those before them."""

    def __init__(self, first: "List[str]", rest: "Iterator[str]", question: Question, form: Form) -> None:
        self._first, self._rest = first[::-1], rest
        self._setup = marshal.dumps((tuple(question), tuple(form)))
        self._workers: List[_Worker] = []
        self._found: Dict[int, Answer] = {}
        self._asked = 0
        self._given = 0

    def run(self, count: int) -> "Iterator[Answer]":
        """Yield all answers in order."""
        import select

        self._workers = [_Worker(self._setup) for _ in range(count)]
        while self._assign(count):
            poll = select.poll()
            by_output = {worker.output: worker for worker in self._workers if worker.number is not None}
            for output in by_output:
                poll.register(output, select.POLLIN | select.POLLHUP)
            for output, _ in poll.poll():
                self._take(by_output[output])
            while self._given in self._found:
                yield self._found.pop(self._given)
                self._given += 1

    def end(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.end()
        self._workers = []

    def _assign(self, count: int) -> bool:
        """Give idle workers something to do; return whether any has."""
        for worker in self._workers:
            if worker.number is None and self._asked - self._given < _AHEAD * count:
                for directory in self._next():
                    worker.ask(self._asked, directory)
                    self._asked += 1
        return any(worker.number is not None for worker in self._workers)

    def _next(self) -> "List[str]":
        """Return the next root, none after the last."""
        return [self._first.pop()] if self._first else list(islice(self._rest, 1))

    def _take(self, worker: _Worker) -> None:
        found = worker.receive()
        if found is None and worker.alive:
            return
        number, worker.number = worker.number or 0, None
        if found is not None:
            self._found[number] = found
            return
        # Out of memory, perhaps, or somebody has ended it.
        error = "the process that examined it has ended by itself (exit status {})".format(worker.end())
        self._found[number] = Answer(worker.directory, EXIT_INTERNAL, error=error)
        self._workers[self._workers.index(worker)] = _Worker(self._setup)
