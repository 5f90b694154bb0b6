"""The interface for other programs; ``docs/library.md`` tells how to use it. What is here stays as it is.

Nothing is printed, written or remembered, and nothing of a guest is executed.
"""

import os

from pvhready.errors import CommandError as Error
from pvhready.examine import Question, demand_sense, examine
from pvhready.findings import Evidence, Finding, Remedy
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, Optional, Sequence, Tuple, Union

    Path = Union[str, "os.PathLike[str]"]

__all__ = ["Error", "Evidence", "Finding", "Remedy", "Report", "Result", "check", "check_many"]


class Report:
    """The answer for one guest. It is what ``pvhready check --format json`` prints, whose keys are a contract.

    Reports can be compared, copied and pickled.
    """

    def __init__(self, document: "Dict[str, Any]", exit_code: int, next_step: str = "") -> None:
        """Take the JSON object of a report, its exit code and what to do next."""
        self._document = document
        self.exit_code = exit_code
        self.next_step = next_step

    @property
    def root(self) -> str:
        """The guest's root directory."""
        return str(self._document["root"])

    @property
    def target(self) -> str:
        """The mode that was judged: "pvh" or "pv"."""
        return str(self._document["target"])

    @property
    def verdict(self) -> str:
        """What comes of it: "ready", "ready-with-warnings", "not-ready", "unknown" or "not-applicable"."""
        return str(self._document["verdict"])

    @property
    def comes_up(self) -> "Optional[bool]":
        """Whether the guest comes up in the target's mode: None where that is not known, or does not apply."""
        return {"ready": True, "ready-with-warnings": True, "not-ready": False}.get(self.verdict)

    @property
    def modes(self) -> "Dict[str, str]":
        """For "pvh" and "pv" whether the next boot comes up: "boots", "fails" or "unknown"."""
        return dict(self._document["modes"])

    @property
    def kernels(self) -> "Tuple[Dict[str, Any], ...]":
        """The installed kernels, as in the JSON."""
        return tuple(self._document["kernels"])

    @property
    def checks(self) -> "Tuple[Finding, ...]":
        """All findings, in the order of the boot chain."""
        return tuple(_finding(found) for found in self._document["checks"])

    def as_dict(self) -> "Dict[str, Any]":
        """Return the JSON object. It is the report's own: copy it before you change it."""
        return self._document

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Report) and self._document == other._document

    def __hash__(self) -> int:
        return hash((self.root, self.verdict))

    def __repr__(self) -> str:
        return "<Report on {}: {}>".format(self.root, self.verdict)


class Result(NamedTuple):
    """What came of one of many roots: a report, or the error that ``check`` would have raised."""

    root: str
    report: "Optional[Report]" = None
    error: "Optional[Error]" = None


def check(
    root: "Path" = "/", host: str = "bitfolk", target: "Optional[str]" = None, guest: "Optional[str]" = None, deep: bool = False,
    devices: "Sequence[Path]" = (), skip: "Sequence[str]" = (),
) -> Report:
    """Return the report on the guest whose file system is mounted at ``root``, or on the running system.

    The arguments are the options of ``pvhready check``; ``guest`` is what the guest is taken to be ("pv", "pvh", "hvm") where that
    cannot be seen. /etc/pvhready.conf is not read. Raises Error for arguments that make no sense and a root that is no directory;
    never for what is in it.
    """
    from pvhready.judge import EXIT_CODES
    from pvhready.memory.folder import Unchanged
    from pvhready.report.json import as_object
    from pvhready.report.text import next_step

    question = _question(host, target, guest, deep, devices, skip)
    report = examine(os.fspath(root), question, Unchanged())
    return Report(as_object(report), EXIT_CODES[report.verdict], next_step(report))


def check_many(
    roots: "Iterable[Path]", host: str = "bitfolk", target: "Optional[str]" = None, guest: "Optional[str]" = None, deep: bool = False,
    skip: "Sequence[str]" = (), processes: "Optional[int]" = None,
) -> "Iterator[Result]":
    """Yield a result for each root, in their order, worked out by as many ``processes`` as there are processors.

    The other arguments are those of ``check``. Raises Error for arguments that make no sense, before anything is done. No more roots
    are taken from ``roots`` than are worked on or wait for one before them.
    """
    question = _question(host, target, guest, deep, (), skip)
    return _results(roots, question, processes)


def _results(roots: "Iterable[Path]", question: Question, processes: "Optional[int]") -> "Iterator[Result]":
    from pvhready.many import Form, answers

    for answer in answers((os.fspath(root) for root in roots), question, Form(), processes):
        if answer.error:
            error = Error(answer.error)
            error.exit_code = answer.code
            yield Result(answer.directory, None, error)
        else:
            yield Result(answer.directory, Report(answer.content, answer.code, answer.next_step))


def _question(
    host: str, target: "Optional[str]", guest: "Optional[str]", deep: bool, devices: "Sequence[Path]", skip: "Sequence[str]",
) -> Question:
    question = Question(host, target, guest, deep, tuple(os.fspath(device) for device in devices), tuple(skip))
    demand_sense(question)
    return question


def _finding(found: "Dict[str, Any]") -> Finding:
    evidence = tuple(Evidence(**one) for one in found["evidence"])
    remedies = tuple(Remedy(one["type"], tuple(one["argv"]), one["text"]) for one in found["remedies"])
    return Finding(**dict(found, evidence=evidence, remedies=remedies))
