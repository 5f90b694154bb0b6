"""Reports given to fleet, of any bytes, and what is shown of them: table, JSON, page."""

import json
from html.parser import HTMLParser

from pvhready.fleet import page, rows, show
from tests.fuzz.places import folder, guest

TOKENS = (
    b'{"format_version": 1', b'"verdict": "ready"', b'"guest": {"type": "PV"}', b'"modes": {"pvh": "boots", "pv": "fails"}',
    b'"boot": {"default": {"kernel": "', b'"checks": [', b'{"id": "a", "status": "fail"}', b"[", b"]", b"{", b"}", b",", b":", b'"',
    b"<script>", b"</td>", b"&", b"\\u001b[31m", b"\\ud800", b"null", b"1e999", b"\n", b"\xff", b"'",
)


class _Page(HTMLParser):
    """Counts what a page has of each element."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.scripts += tag == "script"

    def error(self, message: str) -> None:
        raise AssertionError(message)


def run(data: bytes) -> None:
    """Show it: no control character in the table, one script in the page, JSON that can be read."""
    guest({"/machine.json": data}).__exit__()
    path = folder() + "/machine.json"
    table = "".join(show.as_table(show.Tally(rows.rows([path]))))
    assert all(character.isprintable() or character == "\n" for character in table)
    found = json.loads("".join(show.as_json(show.Tally(rows.rows([path])))))
    for machine in found["machines"]:
        assert machine["verdict"] in found["verdicts"]
    reader = _Page()
    reader.feed("".join(page.as_page(show.Tally(rows.rows([path])))).encode("utf-8", "backslashreplace").decode("utf-8"))
    assert reader.scripts == 1
