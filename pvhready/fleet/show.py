"""The rows of a fleet as a table and as JSON: written piece by piece, for there may be very many."""

import json

from pvhready import __version__
from pvhready.judge import EXIT_CODES
from pvhready.report.plain import isolated, pad, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Iterator, Tuple

    from pvhready.fleet.rows import Row

FORMAT_VERSION = 1
_HEADS = ("MACHINE", "TYPE", "VERDICT", "PVH", "PV", "KERNEL", "WHY")
_WIDTHS = (24, 14, 19, 7, 7, 34, 0)  # a wider value moves the rest of its line
_NARROW = 5  # columns that fit a terminal of 80
_WIDE = 140  # from here on there is room for all


class Tally:
    """Counts the rows that pass through it, and finds the worst verdict. ``worst`` is an exit code of ``check``."""

    def __init__(self, found: "Iterable[Row]") -> None:
        self._found = found
        self.verdicts: Dict[str, int] = dict.fromkeys(EXIT_CODES, 0)
        self.types: Dict[str, int] = {}

    def __iter__(self) -> "Iterator[Row]":
        for row in self._found:
            self.verdicts[row.verdict] += 1
            self.types[row.type] = self.types.get(row.type, 0) + 1
            yield row

    @property
    def worst(self) -> int:
        """The exit code of the worst verdict: a proven failure weighs more than what is not known."""
        codes = {EXIT_CODES[verdict] for verdict, count in self.verdicts.items() if count}
        return next((code for code in (2, 3, 1) if code in codes), 0)


def as_table(tally: Tally, limit: int = 80) -> "Iterator[str]":
    """Return the table for people, in pieces. In a narrow terminal kernel and reasons stand below a machine that has reasons."""
    is_wide = limit >= _WIDE
    yield _line(_HEADS if is_wide else _HEADS[:_NARROW])
    for row in tally:
        cells = (row.name, row.type, row.verdict, row.pvh, row.pv, row.kernel or "-", why(row))
        yield _line(cells if is_wide else cells[:_NARROW])
        if not is_wide and cells[-1]:
            reasons = ": ".join(filter(None, (isolated(row.kernel), isolated(cells[-1]))))
            yield "".join(line + "\n" for line in wrap("    " + reasons, limit, " " * 6))
    counts = ["{} {}".format(count, verdict) for verdict, count in tally.verdicts.items() if count]
    yield "\n{}\n".format(", ".join(counts) or "no report")


def as_json(tally: Tally) -> "Iterator[str]":
    """Return one JSON object, in pieces."""
    yield '{{"format_version": {}, "pvhready": {}, "machines": ['.format(FORMAT_VERSION, json.dumps(__version__))
    comma = "\n"
    for row in tally:
        yield comma + json.dumps(dict(row._asdict()))
        comma = ",\n"
    yield '\n], "verdicts": {}, "types": {}}}\n'.format(json.dumps(tally.verdicts), json.dumps(tally.types))


def why(row: "Row") -> str:
    """Return in words what stands against a machine."""
    if row.problem:
        return "its report " + row.problem
    return ", ".join(row.failed + tuple("{} (not known)".format(name) for name in row.unknown))


def _line(cells: "Tuple[str, ...]") -> str:
    return "  ".join(pad(isolated(cell), width) for cell, width in zip(cells, _WIDTHS)).rstrip() + "\n"
