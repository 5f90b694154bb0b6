"""The rows of a fleet as a table, as JSON, as a page: written piece by piece, for there may be very many."""

import html
import json

from pvhready import __version__
from pvhready.judge import EXIT_CODES
from pvhready.report.plain import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Iterator, Tuple

    from pvhready.fleet.rows import Row

FORMAT_VERSION = 1
_HEADS = ("MACHINE", "TYPE", "VERDICT", "PVH", "PV", "KERNEL", "WHY")
_WIDTHS = (24, 14, 20, 8, 8, 34, 0)  # a wider value moves the rest of its line
_TITLES = ("Machine", "Guest", "Verdict", "Under PVH", "Under PV", "Boots next", "System", "Why")
_STYLE = """body{font:16px/1.4 system-ui,sans-serif;margin:1rem}h1{font-size:1.4rem}div{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}
td{overflow-wrap:anywhere;min-width:4.5rem}select,input{font:inherit;margin:0 .5rem .5rem 0;max-width:100%}
tr[data-verdict=ready] td:nth-child(3){color:#060}tr[data-verdict=not-ready] td:nth-child(3){color:#b00;font-weight:bold}
tr[data-verdict=unknown] td:nth-child(3),tr[data-verdict=ready-with-warnings] td:nth-child(3){color:#850}[hidden]{display:none}"""
_SCRIPT = """"use strict";
const rows=[...document.querySelectorAll("tbody tr")],words=document.getElementById("words");
const picks=[...document.querySelectorAll("select")],count=document.getElementById("count");
for(const pick of picks)for(const value of [...new Set(rows.map(row=>row.dataset[pick.id]))].sort())pick.add(new Option(value,value));
const texts=rows.map(row=>row.textContent.toLowerCase());
function show(){let shown=0;const wanted=words.value.toLowerCase();
rows.forEach((row,at)=>{row.hidden=!(texts[at].includes(wanted)&&picks.every(pick=>!pick.value||row.dataset[pick.id]===pick.value));
if(!row.hidden)shown++;});count.textContent=shown+" of "+rows.length;}
words.addEventListener("input",show);picks.forEach(pick=>pick.addEventListener("change",show));show();
"""


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


def as_table(tally: Tally) -> "Iterator[str]":
    """Return the table for people, in pieces."""
    yield _line(_HEADS)
    for row in tally:
        yield _line((row.name, row.type, row.verdict, row.pvh, row.pv, row.kernel or "-", _why(row)))
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


def as_page(tally: Tally) -> "Iterator[str]":
    """Return a page that needs nothing but itself, in pieces. No script but its own can run in it."""
    import base64
    import hashlib

    script = base64.b64encode(hashlib.sha256(_SCRIPT.encode("ascii")).digest()).decode("ascii")
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'".format(script)
    yield '<meta http-equiv="Content-Security-Policy" content="{}">\n'.format(policy)
    yield "<title>From PV to PVH</title><style>{}</style></head><body><h1>From PV to PVH</h1>\n".format(_STYLE)
    yield '<p><input id="words" type="search" placeholder="name, kernel, check" aria-label="words">'
    for name in ("type", "verdict"):
        yield '<select id="{0}" aria-label="{0}"><option value="">every {0}</option></select>'.format(name)
    yield '<span id="count"></span></p>\n<div><table><thead><tr>{}</tr></thead><tbody>\n'.format(
        "".join("<th>{}</th>".format(title) for title in _TITLES))
    for row in tally:
        cells = (row.name, row.type, row.verdict, row.pvh, row.pv, row.kernel, row.distribution, _why(row))
        yield '<tr data-type="{}" data-verdict="{}">{}</tr>\n'.format(
            _safe(row.type), _safe(row.verdict), "".join("<td>{}</td>".format(_safe(cell)) for cell in cells))
    yield "</tbody></table></div>\n<script>{}</script></body></html>\n".format(_SCRIPT)


def _why(row: "Row") -> str:
    if row.problem:
        return "its report " + row.problem
    return ", ".join(row.failed + tuple("{} (not known)".format(name) for name in row.unknown))


def _line(cells: "Tuple[str, ...]") -> str:
    return "  ".join(printable(cell).ljust(width) for cell, width in zip(cells, _WIDTHS)).rstrip() + "\n"


def _safe(text: str) -> str:
    return html.escape(printable(text))
