"""The first program: the one that ``init=`` of an entry names, and those that are tried where none is named."""

from pvhready.cmdline import last, parse
from pvhready.facts import FIRST_PROGRAMS, INITS, Program
from pvhready.probes.programs import HEAD, Executable, objection
from pvhready.root import Missing, Root, Unreadable, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Optional

    from pvhready.facts import Entry

_DEFAULT_UNIT = "/etc/systemd/system/default.target"  # a link (systemctl(1): set-default, mask)


def read_inits(root: Root, entries: "Iterable[Entry]") -> "Dict[str, Program]":
    """Return for each path that may be the first program whether the kernel can start it, and why not.

    Of those that are tried where ``init=`` names none, no more are looked at once one is there.
    """
    named = (last(parse(entry.cmdline), "init") for entry in entries)
    found = {path: _program(root, path) for path in [argument.value for argument in named if argument is not None and argument.value]}
    for path in FIRST_PROGRAMS:
        if path not in found:
            found[path] = _program(root, path)
        if found[path].there is not False and path in INITS:
            break
    return found


def read_default_unit(root: Root) -> str:
    """Return the unit that systemd's default.target leads to by the administrator's wish; "" for none, and where it cannot be seen."""
    try:
        return root.link(_DEFAULT_UNIT).rpartition("/")[2]
    except (Missing, Unreadable):
        return ""


def _program(root: Root, path: str) -> Program:
    known: Dict[str, Optional[Executable]] = {}

    def look(place: str) -> "Optional[Executable]":
        if place not in known:
            known[place] = _look(root, place)
        return known[place]

    try:
        said = objection(path, look)
    except Unreadable as error:
        return Program(None, None, "{}: {}".format(error.path, error.reason))
    return Program(known.get(path) is not None, said is None, said or "")


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
