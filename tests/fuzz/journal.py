"""The journal of an undo, of any bytes."""

import os

from pvhready.undo.changes import Refused
from pvhready.undo.journal import FILE_NAME, read_run
from tests.fuzz.places import folder, guest

TOKENS = (
    b'{"record": "begin"', b'"format": 1', b'"steps": []', b'"record": "done"}\n', b'{"record": "prepared"}\n',
    b'{"record": "start", "step": 0}\n', b"[", b"{", b"}", b'"', b":", b",", b"1e999", b"-1", b"99999999999999999999", b"null", b"true",
    b"\n", b"\\ud800", b"\xff", b"NaN",
)


class _Folder:
    """A run's folder with one file in it."""

    path = "/var/lib/pvhready/undo/x"

    def has(self, name: str) -> bool:
        return True

    def status(self, name: str) -> os.stat_result:
        return os.stat(folder() + "/" + name)

    def read(self, name: str) -> "list":  # type: ignore[type-arg]
        with open(folder() + "/" + name, "rb") as handle:
            return [handle.read()]


def run(data: bytes) -> None:
    """Read it: a run, or a refusal in words."""
    guest({"/" + FILE_NAME: data}).__exit__()
    try:
        found = read_run(_Folder(), "x")  # type: ignore[arg-type]
    except Refused as refusal:
        assert str(refusal)
        return
    assert found.name == "x"
