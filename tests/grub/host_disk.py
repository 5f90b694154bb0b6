"""What ``grub-emu`` sees, for this package: the files of this machine below one directory, on a device ``host``."""

import os
import re
from typing import Dict, List, Optional, Tuple

import grub_emu

from pvhready.grub import commands, menu
from pvhready.grub.devices import BAD_FILE_TYPE, DIRECTORY, FILE, NONE, Devices, Failure, Information, not_found
from pvhready.grub.environment import Environment, initial
from pvhready.grub.interpreter import Interpreter
from pvhready.grub.parser import Command
from pvhready.grub.state import Booted, Complaint, LimitReached, Stopped, TookOver

HOST = "host"


class HostDisk(Devices):
    """Files below ``directory``, by their own absolute names; names come in the order in which the directory holds them."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def exists(self, device: str) -> bool:
        return device in (HOST, "proc")

    def devices(self) -> Tuple[str, ...]:
        return ("proc", HOST)

    def _inside(self, device: str, path: str) -> bool:
        return device == HOST and (path.rstrip("/") + "/").startswith(self._directory + "/")

    def information(self, device: str, path: str) -> Optional[Information]:
        if (device == HOST and not path.strip("/")) or (device == "proc" and path.endswith("/")):
            return Information(DIRECTORY)  # the latter whatever stands before the slash
        if not self._inside(device, path) or not os.path.exists(path):
            return None
        return Information(DIRECTORY) if os.path.isdir(path) else Information(FILE, os.path.getsize(path))

    def read(self, device: str, path: str, limit: int) -> bytes:
        if not self._inside(device, path) or not os.path.exists(path):
            raise not_found(path)
        if os.path.isdir(path):
            raise Failure(BAD_FILE_TYPE, "not a regular file.")
        with open(path, "rb") as file:
            return file.read()

    def names(self, device: str, path: str) -> Tuple[str, ...]:
        return tuple(os.listdir(path)) if self._inside(device, path) and os.path.isdir(path) else ()

    def property(self, device: str, what: str) -> Optional[str]:
        return "hostfs" if what == "type" else None


def _interpreter(directory: str) -> Interpreter:
    environment = initial("i386", "xen_pvh", "({}){}".format(HOST, directory), HOST)
    return Interpreter(HostDisk(directory), environment, commands.table("xen_pvh", lambda name: False))


def screen(directory: str) -> Optional[List[str]]:
    """Run grub.cfg of a directory; return the lines that it writes, errors among them, None when it was given up as endless."""
    run = _interpreter(directory)
    written: List[str] = []

    def complain(text: str, command: Optional[str] = None, fatal: Optional[bool] = False) -> None:
        written.append("error: " + text + "\n")
        run.complaints.append(Complaint(text, ""))

    run.print = written.append  # type: ignore[assignment]
    run.complain = complain  # type: ignore[assignment]
    try:
        run.run_file(HOST, directory + "/grub.cfg")
    except (Stopped, TookOver):
        pass
    except LimitReached:
        return None
    text = "".join(written).partition(grub_emu.END)[0]
    return [line.expandtabs() for line in text.replace("\r", "").split("\n")]  # as a terminal shows it


def usual(line: str) -> str:
    """Return an error of a file of this machine in the words that GRUB has for any other file system."""
    line = re.sub("can't open `(.*)': No such file or directory", "file `\\1' not found", line)
    return re.sub("cannot read `.*': Is a directory", "not a regular file", line)


def without_variables(lines: List[str]) -> List[str]:
    """Leave out the list of all variables that ``set`` alone writes in GRUB: those of the emulator are not those of a host."""
    kept: List[str] = []
    listing = False
    for line in lines:
        listing = listing or re.match(r"\?=\d+$", line) is not None
        if not listing:
            kept.append(line)
        listing = listing and not line.startswith("secondary_locale_dir=")
    return kept


class Booting:
    """A menu that was run: its titles, and what ``linux`` was told, by entry and in the order in which GRUB tries them."""

    def __init__(self, titles: List[str], tried: List[List[str]], boots: bool) -> None:
        self.titles = titles
        self.tried = tried
        self.boots = boots


def boot(directory: str) -> Optional[Booting]:
    """Run grub.cfg of a directory and its menu, where ``linux`` boots the file /sound and no other; None for an endless one."""
    run = _interpreter(directory)
    told: Dict[object, List[str]] = {}

    def linux(_: Interpreter, arguments: List[str], node: Command) -> int:
        told.setdefault(run.loader, []).append(" ".join(["=linux"] + arguments))
        if arguments[:1] == ["/sound"]:
            run.loader.loaded = True
            raise Booted()
        return NONE

    run.commands = dict(run.commands, linux=linux)
    environment = run.environment
    try:
        entries, environment = _entries(run, directory, environment)
        titles = [entry.title for entry in entries]
        collector = menu.Collector(run)
        shown = collector.collect(entries, environment)
    except LimitReached:
        return None
    choice = menu.choose(shown, collector.results)
    if choice.index is None:
        return Booting(titles, [], False)
    order = list(choice.broken) + [choice.index]
    return Booting(
        titles, [told.get(collector.results[index].loader, []) for index in order], collector.results[choice.index].boots is True)


def _entries(run: Interpreter, directory: str, environment: Environment) -> "Tuple[List[menu.MenuEntry], Environment]":
    try:
        run.run_file(HOST, directory + "/grub.cfg")
    except TookOver as other:
        return other.menu, other.environment
    except (Booted, Stopped):
        return [], environment
    return run.menu, environment
