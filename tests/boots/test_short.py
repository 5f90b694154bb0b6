"""The short set of real boots: the hack, and what the undo leaves of it, on real Xen. ``run.py short`` is the same by hand."""

import shutil

import pytest

from boots import guests, judging, laboratory, run, truth
from boots.cases import SHORT

pytestmark = [pytest.mark.boots, pytest.mark.download, pytest.mark.slow]
_PATIENCE = 3  # other tests may be running


def test_what_is_said_is_what_comes_up(tmp_path):
    """One test, so that Xen is started once. What was seen in earlier runs does not count."""
    folder = str(tmp_path)
    made = laboratory.prepare()
    said, started = {}, []
    for case in SHORT:
        tree = "{}/{}".format(folder, case.name)
        guests.make_tree(case, tree)
        disks = guests.make_disks(case, tree, folder)
        said[case.name] = judging.predict(case, tree, disks)
        shutil.rmtree(tree)
        started.append(run.guest(case, disks, _PATIENCE))
    logs = laboratory.run(made, started, folder)
    seen = {case.name: truth.read(logs[case.name], case.mode) for case in SHORT}
    judged = {case.name: judging.judgement(case, said[case.name], seen[case.name]) for case in SHORT}
    print("\n".join("{}: {} after {} s".format(name, judged[name], seen[name].seconds) for name in judged))
    assert judged == {case.name: judging.AGREES for case in SHORT}, (said, seen)
    assert [seen[case.name].boots for case in SHORT] == [True, False, True, False, True]
