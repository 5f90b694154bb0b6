"""What may not be lost by an undo or a revert."""

from typing import Any, List, NamedTuple

import pytest

from pvhready.facts import PV, PVH
from pvhready.undo.guards import boots_no_more


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
