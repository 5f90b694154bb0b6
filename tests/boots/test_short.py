"""The short set of real boots: the hack, and what the undo leaves of it, on real Xen. ``run.py short`` is the same by hand."""

import os

import pytest

from boots import guests, judging, run
from boots.cases import SHORT

pytestmark = [pytest.mark.boots, pytest.mark.download, pytest.mark.slow]
_PATIENCE = 3  # other tests may be running


def test_what_is_said_is_what_comes_up(tmp_path):
    """One test, so that Xen is started once. What was seen in earlier runs does not count."""
    folder = str(tmp_path)
    seen = {result.case.name: result.seen for result in run.booted(SHORT, folder, _PATIENCE)}
    judged = {case.name: judging.judgement(case, prediction(case, folder), seen[case.name]) for case in SHORT}
    print("\n".join("{}: {} after {} s".format(name, judged[name], seen[name].seconds) for name in judged))
    assert judged == {case.name: judging.AGREES for case in SHORT}, seen
    assert [seen[case.name].boots for case in SHORT] == [True, False, True, False, True]


def prediction(case, folder):
    tree = os.path.join(folder, case.name)
    guests.make_tree(case, tree)
    return judging.predict(case, tree, guests.make_disks(case, tree, folder))
