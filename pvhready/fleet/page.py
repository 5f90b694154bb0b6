"""The rows of a fleet as a page that needs nothing but itself: no network, no framework, no script but its own. Written piece by piece."""

import html

from pvhready.fleet.show import why
from pvhready.report.plain import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from pvhready.fleet.rows import Row
    from pvhready.fleet.show import Tally

_TITLES = ("Machine", "Guest", "Verdict", "Under PVH", "Under PV", "Boots next", "System", "Why")
# On a narrow screen each machine is a block, and its values are lines with a title.
_STYLE = """:root{color-scheme:light dark;--good:#060;--bad:#b00;--doubt:#850;--line:#ccc;--paper:#fff;--ink:#111}
@media(prefers-color-scheme:dark){:root{--good:#7d7;--bad:#f88;--doubt:#eb5;--line:#555;--paper:#181818;--ink:#eee}}
body{font:16px/1.4 system-ui,sans-serif;margin:1rem;background:var(--paper);color:var(--ink)}h1{font-size:1.4rem}
form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin-bottom:1rem}
select,input{font:inherit;padding:.2rem;max-width:100%}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{position:sticky;top:0;background:var(--paper)}td{overflow-wrap:anywhere}
td:nth-child(n+2):nth-child(-n+5){white-space:nowrap;overflow-wrap:normal}td:nth-child(n+6){min-width:8rem}td:first-child{min-width:10rem}td:last-child{min-width:14rem}
.ready{color:var(--good)}.not-ready{color:var(--bad);font-weight:bold}.unknown,.ready-with-warnings{color:var(--doubt)}
@media(max-width:60rem){table,tbody,tr,td{display:block}thead{display:none}input{flex:1 0 100%}
tr{border-bottom:1px solid var(--line);padding:.5rem 0}td:nth-child(n){border:0;padding:.1rem 0 .1rem 7rem;min-width:0}
td:nth-child(n):first-child{padding-left:0;font-weight:bold}td:empty{display:none}
td::before{float:left;margin-left:-7rem;font-weight:normal;color:var(--ink);opacity:.75}TITLES}
tr[hidden]{display:none}
"""
_SCRIPT = """"use strict";
const rows=[...document.querySelectorAll("tbody tr")],words=document.getElementById("words");
const picks=[...document.querySelectorAll("select")],count=document.getElementById("count");
const cell=(row,pick)=>row.cells[pick.dataset.column].textContent;
for(const pick of picks){const found=new Map();
for(const row of rows){const value=cell(row,pick);found.set(value,(found.get(value)||0)+1);}
for(const value of [...found.keys()].sort())pick.add(new Option(value+" ("+found.get(value)+")",value));}
const texts=rows.map(row=>row.textContent.toLowerCase());
function show(){let shown=0;const wanted=words.value.toLowerCase();
rows.forEach((row,at)=>{row.hidden=!(texts[at].includes(wanted)&&picks.every(pick=>!pick.value||cell(row,pick)===pick.value));
if(!row.hidden)shown++;});count.textContent=shown+" of "+rows.length+" machines";}
words.addEventListener("input",show);picks.forEach(pick=>pick.addEventListener("change",show));show();
"""


def as_page(tally: "Tally") -> "Iterator[str]":
    """Return the page, in pieces. Whatever a row holds is shown as text."""
    import base64
    import hashlib

    script = base64.b64encode(hashlib.sha256(_SCRIPT.encode("ascii")).digest()).decode("ascii")
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'".format(script)
    yield '<meta http-equiv="Content-Security-Policy" content="{}">\n'.format(policy)
    yield "<title>From PV to PVH</title><style>{}</style></head><body><h1>From PV to PVH</h1>\n".format(_style())
    yield '<form autocomplete="off"><input id="words" type="search" placeholder="name, kernel, check" aria-label="words">'
    for column, name in ((1, "type"), (2, "verdict")):
        yield '<select data-column="{0}" aria-label="{1}"><option value="">every {1}</option></select>'.format(column, name)
    yield '<span id="count"></span></form>\n<table><thead><tr>{}</tr></thead><tbody>\n'.format(
        "".join("<th>{}</th>".format(title) for title in _TITLES))
    for row in tally:
        yield _line(row)
    yield "</tbody></table>\n<script>{}</script></body></html>\n".format(_SCRIPT)


def _style() -> str:
    titles = ('td:nth-child({})::before{{content:"{}"}}'.format(at, title) for at, title in enumerate(_TITLES, 1) if at > 1)
    return _STYLE.replace("TITLES", "".join(titles))


def _line(row: "Row") -> str:
    cells = [_cell(text) for text in (row.pvh, row.pv, row.kernel, row.distribution, why(row))]
    verdict = '<td class="{0}">{0}</td>'.format(_safe(row.verdict))
    return "<tr>{}</tr>\n".format("".join([_cell(row.name), _cell(row.type), verdict] + cells))


def _cell(text: str) -> str:
    return "<td>{}</td>".format(_safe(text))


def _safe(text: str) -> str:
    return html.escape(printable(text))
