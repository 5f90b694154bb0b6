"""What may not be lost by an undo or a revert."""

import os
import stat
import time
from typing import Any, List, NamedTuple

import pytest

from pvhready.facts import PV, PVH
from pvhready.root import Root
from pvhready.undo.changes import CREATE, REPLACE, Change
from pvhready.undo.guards import boots_no_more
from pvhready.undo.preview import Preview


class Answer(NamedTuple):
    modes: Any


class Judged(NamedTuple):
    modes: Any
    kernels: Any = ()
    checks: Any = ()


def judged(mode: str, kernels: List[str]) -> Any:
    return Judged({PV: mode, PVH: "boots"}, tuple(Answer({PV: one, PVH: "boots"}) for one in kernels))


@pytest.mark.parametrize("before, after, lost", [
    ("boots", "boots", False), ("boots", "unknown", True), ("boots", "fails", True),
    ("unknown", "unknown", False), ("unknown", "boots", False), ("unknown", "fails", True),
    ("fails", "fails", False), ("fails", "unknown", False), ("fails", "boots", False),
])
def test_only_what_gets_worse_is_lost(before: str, after: str, lost: bool) -> None:
    assert bool(boots_no_more(judged(before, []), judged(after, []), PV, False)) == lost


def test_the_last_kernel_that_boots_is_not_lost() -> None:
    assert boots_no_more(judged("fails", ["boots"]), judged("fails", ["fails"]), PV, False)
    assert not boots_no_more(judged("fails", ["boots", "fails"]), judged("fails", ["fails", "boots"]), PV, False)


@pytest.mark.parametrize("kind", [CREATE, REPLACE])
def test_what_would_be_written_was_not_there_at_the_boot(kind: str, tmp_path: Any) -> None:
    """Else the kernel that runs would seem to have proved what takes its place."""
    path = tmp_path / "vmlinuz"
    if kind == REPLACE:
        path.write_bytes(b"runs")
        os.utime(str(path), (1.0, 1.0))
    begin = int(time.time()) * 10 ** 9
    with Root(str(tmp_path)) as root, Preview(root, (Change(kind, "/vmlinuz", b"packed"),)) as preview:
        status = preview.status("/vmlinuz")
    assert min(status.st_mtime_ns, status.st_ctime_ns, int(status.st_mtime) * 10 ** 9) >= begin
    assert stat.S_ISREG(status.st_mode) and status.st_ino
