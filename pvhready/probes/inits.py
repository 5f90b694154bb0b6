"""The first program: the one that ``init=`` of an entry names, and those that are tried where none is named."""

from pvhready.cmdline import last, parse
from pvhready.facts import FIRST_PROGRAMS, Program
from pvhready.probes.programs import HEAD, Executable, objection
from pvhready.root import Missing, Root, Unreadable, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Optional

    from pvhready.facts import Entry


def read_inits(root: Root, entries: "Iterable[Entry]") -> "Dict[str, Program]":
    """Return for each path that may be the first program whether the kernel can start it, and why not."""
    named = (last(parse(entry.cmdline), "init") for entry in entries)
    paths = [argument.value for argument in named if argument is not None and argument.value]
    return {path: _program(root, path) for path in dict.fromkeys(paths + list(FIRST_PROGRAMS))}


def _program(root: Root, path: str) -> Program:
    def look(place: str) -> "Optional[Executable]":
        return _look(root, place)

    try:
        there = look(path) is not None
        said = objection(path, look)
    except Unreadable as error:
        return Program(None, None, "{}: {}".format(error.path, error.reason))
    return Program(there, said is None, said or "")


def _look(root: Root, path: str) -> "Optional[Executable]":
    path = "/" + path.lstrip("/")
    try:
        with root.open(path) as file:
            return Executable(file.status.st_mode, file.size, file.read_at(0, HEAD))
    except Missing:
        return None
    except Unreadable:
        status = root.status(path)
        if kind_of(status) == "a file":
            raise
        return Executable(status.st_mode, status.st_size, b"")
