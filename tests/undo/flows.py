"""What the command undo does to a guest, in each of its flows, so that it can be done again and again with a fault in it.

The guest holds all that an undo may meet: two kernels, one of them with another name (a hard link), a packaged hook, a hook that is
a link, helpers. The judgement of a state of it is remembered, as it is the same each time.
"""

import os
import shutil
import subprocess
from typing import Any, Dict, List

from pvhready.demo.tree import File, Link
from pvhready.host import DEFAULT, profile
from pvhready.root import Root
from pvhready.undo import perform, regenerate, snippet
from pvhready.undo.changes import REPLACE, Change, Refused
from pvhready.undo.find import find_work
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.perform import Undo
from pvhready.undo.revert import Revert, abandon, resume
from pvhready.undo.store import history
from pvhready.undo.transaction import Failed

from . import hacked
from .hacked import NEW, POSTINST

MENU = "/boot/grub/grub.cfg"
BESIDE = "/usr/lib/modules/{}/vmlinuz".format(NEW)
FLOWS = ("undo", "keep-pv", "revert", "revert with a new menu")
DONE, PUT_BACK, STUCK = 0, 1, 2  # what a flow says of itself


_MENUS: Dict[Any, bytes] = {}


class Running(Root):
    """A guest in a folder that counts as the running system."""

    live = True  # type: ignore[assignment]


class Remembered(Guest):
    """A guest whose judgement is made once for each state."""

    known: Dict[str, Any] = {}

    def report(self, changes: Any = ()) -> Any:
        """Return what the guest says of itself."""
        key = _key(self.root, changes)
        if key not in self.known:
            self.known[key] = super().report(changes)
        return self.known[key]


def _key(root: Root, what: Any) -> str:
    return repr((root.directory, contents(hacked.snapshot(root.directory)), what))


def remembered_work(root: Root, facts: Any, *options: Any) -> Any:
    """What is to be done to a guest, found and proved once for each state."""
    key = _key(root, options)
    if key not in Remembered.known:
        Remembered.known[key] = find_work(root, facts, *options)
    return Remembered.known[key]


def contents(state: Any) -> Any:
    """A snapshot without times, and without what lies about under a name that nothing takes."""
    return sorted(
        (path, what if isinstance(what, str) else what[:3] + what[4:]) for path, what in state.items() if "/.pvhready-" not in path)


def new_menu(directory: str) -> bytes:
    """Stand in for grub-mkconfig: the menu that is there, with what our script makes of the part of 10_linux."""
    with open(directory + MENU, "rb") as handle:
        menu = handle.read()
    begin, ours = b"### BEGIN /etc/grub.d/10_linux ###\n", b"### BEGIN /etc/grub.d/09_pvhready ###\n"
    if ours in menu:
        menu = menu[:menu.index(ours)] + menu[menu.index(begin):]
    if not os.path.exists(directory + snippet.PATH):
        return menu
    linux = menu[menu.index(begin) + len(begin):menu.index(b"### END /etc/grub.d/10_linux ###")]
    script = snippet.TEXT.replace("ls /boot", "ls {}/boot".format(directory)).replace('"${0%/*}/10_linux"', "cat /dev/stdin")
    key = (linux, tuple(sorted(os.listdir(directory + "/boot"))))
    if key not in _MENUS:  # once: a pipe is written to for it, and that is no call of the program
        _MENUS[key] = subprocess.run(["sh", "-c", script, snippet.PATH], input=linux, stdout=subprocess.PIPE, check=True).stdout
    added = _MENUS[key]
    return menu.replace(begin, ours + added + b"### END /etc/grub.d/09_pvhready ###\n" + begin)


class Bench:
    """One guest, made anew for each try."""

    def __init__(self, directory: str, flow: str, system: str = "a folder") -> None:
        """Make the guest in the state in which the flow begins, and look at what it does when nothing happens to it."""
        self.flow, self.system = flow, system
        self.guest, self._source = os.path.join(directory, "guest"), os.path.join(directory, "source")
        self._wish = Wish(True, flow == "undo", flow != "undo")
        perform.find_work = remembered_work  # type: ignore[assignment]
        regenerate.new_menu = lambda path: Change(REPLACE, path, new_menu(self.guest))  # type: ignore[assignment]
        folder = os.path.join(directory, "made")
        os.mkdir(folder)
        os.rename(make(folder), self._source)
        self.renew()
        if flow.startswith("revert"):
            with Running(self.guest) as root:
                assert Undo(self._known(root), self._wish).outcome(lambda plan: True).applied
            if flow == "revert with a new menu":
                with open(self.guest + MENU, "ab") as handle:
                    handle.write(b"# written by others\n")
            shutil.rmtree(self._source)
            copy(self.guest, self._source)
        self.before, self.modes_before = hacked.snapshot(self.guest), self.modes()
        self.plan = self._plan()
        assert self.run() == DONE
        self.after, self.modes_after = hacked.snapshot(self.guest), self.modes()

    def renew(self) -> None:
        """Make the guest as it was at the beginning."""
        shutil.rmtree(self.guest, ignore_errors=True)
        copy(self._source, self.guest)

    def run(self) -> int:
        """Do what the flow does, from the first lock to the last call that changes a file. Returns DONE, PUT_BACK or STUCK."""
        return self._said(self._carry_out)

    def end(self, finish: bool) -> int:
        """End an interrupted run as the user does: what the command says of itself."""
        return self._said(lambda root: (resume if finish else abandon)(self._known(root), True).exit_code)  # the user means to switch

    def interrupted(self) -> str:
        """The name of an interrupted run, and its stage."""
        with Root(self.guest) as root:
            run = history(root).interrupted
            return "{} {}".format(run.name, run.stage) if run else ""

    def modes(self) -> Any:
        """What the default entry does in each mode."""
        with Running(self.guest) as root:
            return self._known(root).report().modes

    def _said(self, action: Any) -> int:
        with Running(self.guest) as root:
            try:
                return int(action(root) or DONE)
            except Failed as error:
                return PUT_BACK if error.restored else STUCK
            except Refused:
                return PUT_BACK

    def _plan(self) -> Any:
        """All that is read and judged before the first change."""
        seen: List[Any] = []
        if self.flow.startswith("revert"):
            return None

        class Looked(Undo):
            def _carry_out(self, *arguments: Any) -> Any:
                seen.extend(arguments)
                return arguments[0]

        with Running(self.guest) as root:
            Looked(self._known(root), self._wish).outcome(lambda plan: True)
        return seen

    def _carry_out(self, root: Root) -> int:
        if self.plan:
            assert Undo(self._known(root), self._wish)._carry_out(*self.plan).applied
        else:
            assert Revert(self._known(root), Wish(True, True)).outcome(lambda plan: True).applied
        return DONE

    def _known(self, root: Root) -> Guest:
        return Remembered(root, profile(DEFAULT), "pv")


def make(folder: str) -> str:
    """Return a guest in form V4, with more of the hack than one finds in one place."""
    extract = hacked.FORMS["V3"]["/usr/local/bin/extract-vmlinux"]
    guest = hacked.make(folder, "V4", {
        "/opt/unpack": hacked.FORMS["V3"][POSTINST + "kernel-decompress-hook"], POSTINST + "unpack": Link("/opt/unpack"),
        "/usr/local/bin/extract-vmlinux": extract, "/etc/grub.d/10_linux": File("#!/bin/sh\n", 0o755),
        "/var/lib/dpkg/diversions": "/bin/sh\n/bin/sh.distrib\ndash\n",
    })
    os.makedirs(os.path.dirname(guest + BESIDE))
    os.link(guest + "/boot/vmlinuz-" + NEW, guest + BESIDE)
    return guest


def copy(source: str, directory: str) -> None:
    """Copy a guest with all that a file has, hard links too."""
    subprocess.check_call(["cp", "-a", source, directory])
