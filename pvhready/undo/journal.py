"""The journal of a run: a record a line, as JSON, each on the disk before the next step is made.

    {"record": "begin", "action": "undo", "steps": [...], ...}    what will be done, and what stands there before
    {"record": "prepared"}                                        all that is replaced is kept, all that is new is written
    {"record": "start", "step": 0, ...}, {"record": "finish", "step": 0}
    {"record": "done"}, {"record": "abandoned"}, or {"record": "waiting"}: all was made, and another run, which
                                                                  "continues" this one, makes the rest

A last line that was torn by a crash counts as not written; any other that makes no sense makes the journal unreadable.
"""

import json

from pvhready.records import NamedTuple
from pvhready.undo.changes import CREATE, FILE, LINK, NOTHING, REMOVE, REPLACE, Refused, State, Step
from pvhready.undo.writer import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

    Record = Dict[str, Any]

FILE_NAME = "journal"
RUN = "run-"  # and four digits: the folder of a run
FORMAT = 1
MAX_SIZE = 16 * 1024 * 1024  # bytes; a run writes some 10 KiB

_MAX_DIGITS = 30  # of a number; older versions of Python take hours for one of some million
_LAST_ID = 0xFFFFFFFE  # of users and groups
EMPTY, BEGUN, PREPARED, WAITING, DONE, ABANDONED = "empty", "begun", "prepared", "waiting", "done", "abandoned"


class Run(NamedTuple):
    """A run as its journal tells it. ``stage`` is empty, begun, prepared, waiting, done or abandoned.

    ``action`` is undo or revert, ``options`` are those that the user gave, ``reverts`` the runs that a revert took back. ``waits``:
    it is the first half of something; ``continues`` are the first halves that it is the second half of.
    """

    name: str
    stage: str = EMPTY
    action: str = ""
    time: str = ""
    options: "Dict[str, Any]" = {}
    reverts: "Tuple[str, ...]" = ()
    steps: "Tuple[Step, ...]" = ()
    waits: bool = False
    continues: "Tuple[str, ...]" = ()

    @property
    def interrupted(self) -> bool:
        """Whether it neither came to its end nor was rolled back."""
        return self.stage in (BEGUN, PREPARED, WAITING)

    @property
    def end(self) -> str:
        """The record that ends it when all of its steps are made."""
        return WAITING if self.waits else DONE


class Journal:
    """Writes the records of one run into its folder."""

    def __init__(self, folder: Folder) -> None:
        """A torn line that an earlier process left at the end is cut off before the first record is added."""
        self._folder = folder
        self._looked = False

    def add(self, record: str, **fields: "Any") -> None:
        """Write a record to the disk. Raises OSError."""
        if not self._looked:
            self._mend()
        line = json.dumps(dict(fields, record=record), sort_keys=True) + "\n"
        self._folder.append(FILE_NAME, line.encode("ascii"))

    def _mend(self) -> None:
        if self._folder.has(FILE_NAME):
            data = _content(self._folder)
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                self._folder.cut(FILE_NAME, whole)
        self._looked = True


def read_run(folder: Folder, name: str) -> Run:
    """Return what the journal in a run's folder says. Raises Refused when it cannot be understood, and OSError."""
    run = Run(name)
    if not folder.has(FILE_NAME):
        return run
    for number, line in enumerate(_content(folder).split(b"\n")[:-1], 1):
        try:
            run = _add(run, json.loads(line.decode("ascii"), parse_int=_integer))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            place = "{}/{}, line {}".format(folder.path, FILE_NAME, number)
            raise Refused("the journal of an earlier run cannot be understood ({}: {})".format(place, error)) from error
    return run


def begin_record(run: Run) -> "Record":
    """Return the fields of the record that begins a run."""
    return {
        "format": FORMAT, "action": run.action, "time": run.time, "options": run.options, "reverts": list(run.reverts),
        "waits": run.waits, "continues": list(run.continues),
        "steps": [dict(step._asdict(), before=step.before._asdict(), after=step.after._asdict()) for step in run.steps],
    }


def _content(folder: Folder) -> bytes:
    if folder.status(FILE_NAME).st_size > MAX_SIZE:
        raise Refused("{}/{} is larger than {} bytes".format(folder.path, FILE_NAME, MAX_SIZE))
    return b"".join(folder.read(FILE_NAME))


def _add(run: Run, record: "Record") -> Run:
    kind = record["record"]
    if kind == "begin":
        if record["format"] != FORMAT:
            raise ValueError("written by another version of pvhready")
        steps = tuple(_step(value) for value in record["steps"])
        reverts, continues = (tuple(_run_name(name) for name in record[key]) for key in ("reverts", "continues"))
        action, when, options = str(record["action"]), str(record["time"]), dict(record["options"])
        return Run(run.name, BEGUN, action, when, options, reverts, steps, record["waits"] is True, continues)
    if kind in (PREPARED, WAITING, DONE, ABANDONED):
        return run._replace(stage=kind)
    if kind in ("start", "finish"):
        run.steps[int(record["step"])]
        return run
    raise ValueError("an unknown record")


def _step(value: "Record") -> Step:
    path = _text(value["path"])
    if value["kind"] not in (CREATE, REMOVE, REPLACE) or not path.startswith("/"):
        raise ValueError("an unknown kind of step")
    return Step(value["kind"], path, str(value["why"]), _state(value["before"]), _state(value["after"]))


def _state(value: "Record") -> State:
    if value["kind"] not in (NOTHING, FILE, LINK):
        raise ValueError("an unknown kind of file")
    attributes = tuple((_text(name), bytes.fromhex(text).hex()) for name, text in value["attributes"])
    mtime = None if value["mtime"] is None else _number(value["mtime"], 1 << 62, -1 << 62)
    return State(
        value["kind"], str(value["digest"]), _number(value["size"], 1 << 62), _number(value["mode"], 0o7777),
        _number(value["uid"], _LAST_ID), _number(value["gid"], _LAST_ID), mtime, attributes, _text(value["target"]),
        _text(value["inode"]),
    )


def is_run_name(name: str) -> bool:
    """Whether a name is that of a run's folder."""
    return len(name) == len(RUN) + 4 and name.startswith(RUN) and name[len(RUN):].isdecimal()


def _run_name(value: "Any") -> str:
    if not isinstance(value, str) or not is_run_name(value):
        raise ValueError("no name of a run")
    return value


def _text(value: "Any") -> str:
    """Return a text that the system takes for a name. Raises ValueError."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no name")
    value.encode("utf-8", "surrogateescape")
    return value


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a number that cannot be")
    return int(text)


def _number(value: "Any", limit: int, least: int = 0) -> int:
    if not isinstance(value, int) or not least <= value <= limit:
        raise ValueError("a number that cannot be")
    return value
