"""A run that was cut off, as the user meets it: each command says so, and two of them end it."""

import os
from typing import Any, Tuple

import pytest

from pvhready.host import DEFAULT, profile
from pvhready.root import Root
from pvhready.undo.exclusive import two_ways
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.perform import Undo
from pvhready.undo.revert import Revert
from support.program import Program

from . import hacked
from .faults import KILLED, Faults, in_child, injected
from .hacked import NEW, OLD, snapshot


def cut(folder: str, call: str, number: int) -> Tuple[str, Any]:
    """Return a guest whose undo was ended after its n-th call of that name, and what stood in it before."""
    guest = hacked.make(folder)
    before = snapshot(guest)
    spare = os.path.join(folder, "spare")
    os.mkdir(spare)
    faults = Faults()
    run(hacked.make(spare), faults)
    at = [index for index, name in enumerate(faults.made) if name == call][number]
    assert in_child(run, guest, Faults("kill after", at)) == KILLED
    return guest, before


def run(guest: str, faults: Faults) -> int:
    with Root(guest) as root, injected(faults):
        Undo(Guest(root, profile(DEFAULT)), Wish(True, True)).outcome(lambda plan: True)
    return 0


@pytest.mark.parametrize("call, number", [("rename", 0), ("rename", 1), ("unlink", 0), ("unlink", 1), ("fchmod", 0)])
@pytest.mark.parametrize("how", ["--resume", "--abandon"])
def test_it_is_told_and_ended(pvhready: Program, tmp_path: Any, call: str, number: int, how: str) -> None:
    """Also where nothing but the preparations was done: to finish is then to do it all."""
    guest, before = cut(str(tmp_path), call, number)
    for words in (("--switching",), ("--apply", "--yes", "--switching"), ("--revert",)):
        refused = pvhready.json("undo", "--root", guest, *words)
        assert (refused["exit"], refused["applied"]) == (2, False)
        assert "pvhready undo --resume --root {}".format(guest) in refused["obstacles"][0]
    ended = pvhready.json("undo", "--root", guest, how)
    assert (ended["exit"], ended["applied"], ended["action"]) == (0, True, how[2:]), ended["obstacles"]
    if how == "--abandon":
        assert snapshot(guest) == before
    else:
        assert ended["check"]["verdict"] == "ready"
        for release in (NEW, OLD):
            with open(guest + "/boot/vmlinuz-" + release, "rb") as handle:
                assert handle.read() == hacked.shipped(release)[0]
    assert not [path for path in snapshot(guest) if "/.pvhready-" in path]
    assert pvhready.json("undo", "--root", guest, how)["exit"] == 2
    assert pvhready.json("undo", "--root", guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert snapshot(guest) == before


def test_the_command_can_be_typed_as_it_stands(tmp_path: Any) -> None:
    os.mkdir(str(tmp_path / "two words"))
    with Root(str(tmp_path / "two words")) as root:
        assert "--resume --root '{}'.".format(root.directory) in two_ways(root)
    with Root("//") as root:
        assert root.live and "--root" not in two_ways(root)


def test_what_was_changed_by_others_is_left(pvhready: Program, tmp_path: Any) -> None:
    """The package manager has put a kernel in place while the run lay there: that one is its own."""
    guest, _ = cut(str(tmp_path), "rename", 0)
    path = "/boot/vmlinuz-" + OLD
    with open(guest + path, "wb") as handle:
        handle.write(b"a newer build")
    ended = pvhready.json("undo", "--root", guest, "--abandon")
    assert ended["exit"] == 0
    assert ended["notes"] == [path + ": changed by somebody else since, and left as it is"]
    with open(guest + path, "rb") as handle:
        assert handle.read() == b"a newer build"


def test_a_guest_that_was_switched_in_between_keeps_what_it_boots(pvhready: Program, tmp_path: Any) -> None:
    """The kernels were packed already, and it came up in PVH: taken back, it would not any more."""
    guest, before = cut(str(tmp_path), "rename", 1)
    demand_refused(pvhready, guest, "--abandon")
    assert pvhready.json("undo", "--root", guest, "--assume-guest", "pvh", "--abandon", "--switching")["exit"] == 0
    assert snapshot(guest) == before


def test_a_revert_is_not_finished_in_a_guest_that_was_switched_in_between(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    before = snapshot(guest)
    assert pvhready.json("undo", "--root", guest, "--apply", "--yes", "--switching")["exit"] == 0
    faults = Faults()
    assert revert(guest, faults) == 0 and snapshot(guest) == before
    assert pvhready.json("undo", "--root", guest, "--apply", "--yes", "--switching")["exit"] == 0
    first = faults.made.index("rename")  # that of the helper: the kernels are packed still
    assert in_child(revert, guest, Faults("kill after", first)) == KILLED
    demand_refused(pvhready, guest, "--resume")
    assert pvhready.json("undo", "--root", guest, "--assume-guest", "pvh", "--resume", "--switching")["exit"] == 0
    assert snapshot(guest) == before


def revert(guest: str, faults: Faults) -> int:
    with Root(guest) as root, injected(faults):
        Revert(Guest(root, profile(DEFAULT)), Wish(True)).outcome(lambda plan: True)
    return 0


def demand_refused(pvhready: Program, guest: str, how: str) -> None:
    """In PVH, an interrupted run is not ended in this way, and nothing is changed."""
    standing = everything(guest)
    refused = pvhready.json("undo", "--root", guest, "--assume-guest", "pvh", how)
    assert (refused["exit"], refused["applied"]) == (2, False)
    assert refused["obstacles"] == [
        "after this the guest boots under PV only, and it is in PVH. Add --switching if the switch comes right after it"]
    assert everything(guest) == standing


@pytest.mark.parametrize("words", [("--resume",), ("--abandon",), ("--revert", "--apply", "--yes"), ("--apply", "--yes", "--switching")])
def test_a_boot_that_is_not_mounted(pvhready: Program, tmp_path: Any, words: Tuple[str, ...]) -> None:
    """In a rescue system it is forgotten: what was kept of its kernels, their only copies, went because the kernels seemed to be gone."""
    if words[0] in ("--resume", "--abandon"):
        guest, _ = cut(str(tmp_path), "rename", 1)
    else:
        guest = hacked.make(str(tmp_path))
    if words[0] == "--revert":
        assert pvhready.json("undo", "--root", guest, "--apply", "--yes", "--switching")["exit"] == 0
    with open(guest + "/etc/fstab", "a", encoding="ascii") as handle:
        handle.write("UUID=5f6b2f70-9c5c-4f3a-8d7e-1b1b0f3f0c11 /boot ext4 defaults 0 2\n")
    before = everything(guest)
    boot = str(tmp_path / "boot")
    os.rename(guest + "/boot", boot)
    os.mkdir(guest + "/boot")
    refused = pvhready.json("undo", "--root", guest, *words)
    assert (refused["exit"], refused["applied"]) == (2, False) and "not mounted here: mount it" in refused["obstacles"][0]
    os.rmdir(guest + "/boot")
    os.rename(boot, guest + "/boot")
    assert everything(guest) == before


def everything(guest: str) -> Any:
    """What stands in a guest, and what the store keeps."""
    store = guest + "/var/lib/pvhready"
    return snapshot(guest), sorted(os.path.join(folder, name) for folder, _, names in os.walk(store) for name in names)
