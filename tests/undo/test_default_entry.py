"""Wherever a run is ended, the default entry comes up: in the mode of before, or in the one that the switch goes to."""

import contextlib
import os
import shutil
import subprocess
from typing import Any, Dict, Tuple

import pytest

from pvhready.host import DEFAULT, profile
from pvhready.root import Root
from pvhready.undo import regenerate, snippet
from pvhready.undo.changes import REPLACE, Change
from pvhready.undo.perform import Guest, Undo, Wish
from pvhready.undo.revert import Revert, abandon, resume
from pvhready.undo.store import history

from . import hacked, volumes
from .faults import KILLED, Faults, in_child, injected

pytestmark = pytest.mark.slow

MENU = "/boot/grub/grub.cfg"


class Running(Root):
    """A guest in a folder that counts as the running system where it is asked for a menu; it is judged as a mounted one."""

    live = True  # type: ignore[assignment]


def modes(directory: str, known: Dict[str, Dict[str, str]]) -> Dict[str, str]:
    """What the default entry does in each mode. ``known`` are the answers for the states that were judged already."""
    found = hacked.snapshot(directory)
    state = repr(sorted((path, what if isinstance(what, str) else what[-1]) for path, what in found.items() if "/.pvhready-" not in path))
    if state not in known:
        with Root(directory) as root:
            known[state] = Guest(root, profile(DEFAULT), "pv").report().modes
    return known[state]


def undo(directory: str, wish: Wish, calls: Any = None) -> int:
    """Run the undo with a stand-in for grub-mkconfig: the menu that is there, with what our script adds to it."""
    def new_menu(path: str) -> Change:
        return Change(REPLACE, path, generated(directory))

    regenerate.new_menu = new_menu  # type: ignore[assignment]
    with Running(directory) as root, injected(calls or Faults()):
        return 0 if Undo(Guest(root, profile(DEFAULT), "pv"), wish).outcome(lambda plan: True).applied else 1


def generated(directory: str) -> bytes:
    with open(directory + MENU, "rb") as handle:
        menu = handle.read()
    begin = b"### BEGIN /etc/grub.d/10_linux ###\n"
    folder = directory + "/etc/grub.d"
    if not os.path.exists(folder + "/09_pvhready"):
        return menu
    linux = menu[menu.index(begin) + len(begin):menu.index(b"### END /etc/grub.d/10_linux ###")]
    script = snippet.TEXT.replace("ls /boot", "ls {}/boot".format(directory)).replace('"${0%/*}/10_linux"', "cat /dev/stdin")
    added = subprocess.run(["sh", "-c", script, folder + "/09_pvhready"], input=linux, stdout=subprocess.PIPE, check=True).stdout
    return menu.replace(begin, b"### BEGIN /etc/grub.d/09_pvhready ###\n" + added + b"### END /etc/grub.d/09_pvhready ###\n" + begin)


@pytest.mark.parametrize("keep", [False, True], ids=["switching", "keep-pv"])
def test_at_every_call(tmp_path: Any, keep: bool, capsys: Any) -> None:
    """With --keep-pv the guest comes up under PV at every point; without it, in one of the two modes."""
    with contextlib.ExitStack() as stack:
        # In memory, where that can be had: the run waits for the disk at each of its steps.
        folder = stack.enter_context(volumes.tmpfs(str(tmp_path), 16384)) if os.geteuid() == 0 else str(tmp_path)
        calls, tried = try_all(folder, keep)
    with capsys.disabled():
        print("\ndefault entry, {}: calls made {}, calls tried {}".format("--keep-pv" if keep else "--switching", calls, tried), end="")
    assert tried == calls > 40


def try_all(folder: str, keep: bool) -> Tuple[int, int]:
    """Return how many calls a run makes, and how many of them were tried."""
    source = hacked.make(folder, "V3", {"/etc/grub.d/10_linux": "#!/bin/sh\n"})
    directory = os.path.join(folder, "tried")
    wish = Wish(True, not keep, keep)
    faults, known = Faults(), {}  # type: Tuple[Faults, Dict[str, Dict[str, str]]]
    shutil.copytree(source, directory, symlinks=True)
    assert undo(directory, wish, faults) == 0
    assert modes(directory, known) == {"pvh": "boots", "pv": "boots" if keep else "fails"}
    tried = 0
    for at in range(len(faults.made)):
        shutil.rmtree(directory)
        shutil.copytree(source, directory, symlinks=True)
        assert in_child(undo, directory, wish, Faults("kill after", at)) == KILLED
        now = modes(directory, known)
        assert now["pv"] == "boots" or (not keep and now["pvh"] == "boots"), (at, now)
        tried += 1
        if at % 6 == 0:
            end(directory, at % 12 == 0, wish)
            now = modes(directory, known)
            assert now == ({"pvh": "boots", "pv": "boots" if keep else "fails"} if at % 12 == 0 else {"pvh": "fails", "pv": "boots"}), at
    return len(faults.made), tried


def end(directory: str, to_the_end: bool, wish: Wish) -> None:
    """Finish the run, or take it back, whatever it takes: after that all is new, or all is old."""
    with Root(directory) as root:
        interrupted = history(root).interrupted if os.path.exists(directory + "/var/lib/pvhready") else None
    with Running(directory) as root:
        guest = Guest(root, profile(DEFAULT), "pv")
        if interrupted and to_the_end:
            resume(guest)
        elif interrupted:
            abandon(guest)
        if not to_the_end:
            Revert(guest, Wish(True, True)).outcome(lambda plan: True)
    if to_the_end:
        undo(directory, wish)
