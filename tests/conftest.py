"""What every test may use: ``guest`` makes a guest's file system, ``pvhready`` runs the program on it."""

import os
import sys
from typing import Any, Dict, List

import pytest

_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if _TOP not in sys.path:
    sys.path.insert(0, _TOP)

from support import wanted  # noqa: E402
from support.program import Program  # noqa: E402
from support.trees import GuestMaker  # noqa: E402

_LONGEST = "test_crash_safety.py"
_TRIED = "tried at every call"  # recorded by tests/undo/test_crash_safety.py


@pytest.fixture
def guest(tmp_path: Any) -> GuestMaker:
    """A function that writes a guest below the test's own folder and returns its directory; see ``GuestMaker``."""
    return GuestMaker(str(tmp_path))


@pytest.fixture
def pvhready() -> Program:
    """The program as a user runs it; see ``Program``."""
    return Program()


def pytest_collection_modifyitems(items: List[Any]) -> None:
    """Spread the longest tests over all others: workers get tests in runs, and one of them would be left with these alone."""
    long = [item for item in items if item.path.name == _LONGEST] if items and hasattr(items[0], "path") else []
    if len(long) == len(items):
        return
    others = [item for item in items if item not in set(long)]
    step = len(others) // (len(long) + 1)
    items[:] = [item for number, first in enumerate(long) for item in others[number * step:(number + 1) * step] + [first]]
    items += others[len(long) * step:]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say aloud what was tried at every call, and what was not tested and why."""
    tried = [value for report in terminalreporter.stats.get("passed", ()) for name, value in report.user_properties if name == _TRIED]
    if tried:
        terminalreporter.section("FAULTS TRIED AT EVERY CALL THAT CHANGES A FILE")
        for system, flow, kind, made, at in sorted(tried):
            terminalreporter.write_line("{:8}  {:34}  {:22}  calls made {:4}, calls tried {:4}".format(system, flow, kind, made, at))
    reasons: Dict[str, List[str]] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason[len("Skipped: "):] if reason.startswith("Skipped: ") else reason
        reasons.setdefault(reason, []).append(report.nodeid)
    if not reasons:
        return
    terminalreporter.section("NOT TESTED HERE", sep="!", yellow=True, bold=True)
    for reason in sorted(reasons):
        missing = reason.startswith(wanted.PREFIX)
        text = "this machine lacks " + reason[len(wanted.PREFIX):] if missing else reason
        terminalreporter.write_line("{} test(s) skipped: {}".format(len(reasons[reason]), text), yellow=True)
        for node in reasons[reason][:5]:
            terminalreporter.write_line("    " + node)
        if len(reasons[reason]) > 5:
            terminalreporter.write_line("    and {} more".format(len(reasons[reason]) - 5))
