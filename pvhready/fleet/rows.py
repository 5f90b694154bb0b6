"""Reports of other machines, one after the other. Their content is hostile: what is not as it should be makes a row that says so."""

import json
import os
import stat

from pvhready.errors import UsageError
from pvhready.findings import BOOTS, FAIL, FAILS, UNKNOWN
from pvhready.judge import EXIT_CODES, NOT_KNOWN
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Sequence, Tuple

MAX_SIZE = 16 * 1024 * 1024  # bytes of one file; a report has some twenty thousand
MAX_TEXT = 300  # characters of one value
_TYPES = ("PV", "PVH", "HVM", "none", "not-applicable")
_ANSWERS = (BOOTS, FAILS, UNKNOWN)


class Row(NamedTuple):
    """What is told of one machine. ``problem`` says why its report could not be used, and "" when it could."""

    name: str
    type: str = "unknown"
    verdict: str = NOT_KNOWN
    pvh: str = UNKNOWN
    pv: str = UNKNOWN
    kernel: str = ""
    distribution: str = ""
    failed: "Tuple[str, ...]" = ()
    unknown: "Tuple[str, ...]" = ()
    problem: str = ""


class _Wrong(Exception):
    """A report is not what it should be."""


def rows(paths: "Sequence[str]") -> "Iterator[Row]":
    """Return a row for each report in the files, and in the files that end in .json of the folders. One file at a time is in memory.

    Raises UsageError for a path that is not there: a name that was mistyped must not look like a machine.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError("{} is not there".format(path))
    return (row for path in paths for file in _files(path) for row in _rows_of(file))


def _files(path: str) -> "Iterator[str]":
    if not os.path.isdir(path):
        yield path
        return
    for name in sorted(os.listdir(path)):
        if name.endswith(".json"):
            yield os.path.join(path, name)


def _rows_of(path: str) -> "Iterator[Row]":
    name = os.path.basename(path)
    name = name[:-len(".json")] if name.endswith(".json") else name
    try:
        data = _read(path)
        if not data.strip():
            raise _Wrong("is empty: the machine gave no answer")
        found = json.loads(data.decode("utf-8"))
    except OSError as error:
        yield Row(name, problem="cannot be read: {}".format(error.strerror or error))
        return
    except (_Wrong, ValueError, RecursionError) as error:
        yield Row(name, problem=str(error) if isinstance(error, _Wrong) else "is no JSON")
        return
    several = isinstance(found, list)
    for report in found if several else [found]:
        try:
            yield _row(name, report, several)
        except _Wrong as error:
            yield Row(name, problem=str(error))


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as handle:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Wrong("is no file")
        data = handle.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise _Wrong("is larger than {} bytes".format(MAX_SIZE))
    return data


def _row(name: str, report: "Any", several: bool) -> Row:
    if not isinstance(report, dict) or report.get("format_version") != 1:
        raise _Wrong("is no report of pvhready check --format json, version 1")
    guest, modes, checks = (_get(report, *word) for word in (("guest", dict), ("modes", dict), ("checks", list)))
    kind = guest.get("type")
    return Row(
        "{} {}".format(name, _text(report.get("root"))) if several else name,
        _one_of(kind, _TYPES, "guest type") if kind is not None else "unknown",
        _one_of(report.get("verdict"), tuple(EXIT_CODES), "verdict"),
        _one_of(modes.get("pvh"), _ANSWERS, "mode"),
        _one_of(modes.get("pv"), _ANSWERS, "mode"),
        _kernel(report),
        _distribution(guest),
        _ids(checks, FAIL),
        _ids(checks, UNKNOWN),
    )


def _kernel(report: "Any") -> str:
    """Return the path of the kernel that boots next, or ""."""
    boot = report.get("boot")
    default = boot.get("default") if isinstance(boot, dict) else None
    return _text(default.get("kernel")) if isinstance(default, dict) else ""


def _distribution(guest: "Any") -> str:
    found = guest.get("distribution")
    if not isinstance(found, dict):
        return ""
    return _text(found.get("name")) or " ".join(filter(None, (_text(found.get("id")), _text(found.get("version")))))


def _ids(checks: "Any", status: str) -> "Tuple[str, ...]":
    found = (_text(check.get("id")) for check in checks if isinstance(check, dict) and check.get("status") == status)
    return tuple(dict.fromkeys(found))[:50]


def _get(report: "Any", key: str, kind: type) -> "Any":
    value = report.get(key)
    if not isinstance(value, kind):
        raise _Wrong("has no {}".format(key))
    return value


def _one_of(value: "Any", known: "Tuple[str, ...]", what: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise _Wrong("has a {} that there is not".format(what))
    return value


def _text(value: "Any") -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""
