#!/usr/bin/env python3
"""What does it cost to read a boot menu? CPU time, side by side with importing four libraries, and as menus grow.

    python3 tests/bench/menu.py [--runs N] [--python /usr/bin/python3]

All programs are run by one interpreter, in turns, and what it costs to start it is taken off. The menu is Debian's, with an
entry and a recovery entry for each of 50 kernels, and it is read as a check reads it: for both platforms.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from typing import Dict, List, Optional, Sequence

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [_TOP]

from pvhready.demo.menus import debian_menu  # noqa: E402

_UUID = "0f9ef5d5-3c3b-4a5c-9d6a-6a8d3c1b2e70"
_IMPORTS = "import psutil, packaging.version, distro, magic"
_KERNELS = 50
_SIZES = (100, 1000, 10000)
_READ = """
import gc
gc.set_threshold(50000)
from pvhready.facts import Mount, Storage
from pvhready.grub.state import Scripts
from pvhready.host import profile
from pvhready.probes.menu import read_menu
from pvhready.root import Root
storage = Storage(fstab=(Mount("/", "UUID={uuid}", "ext4"),))
scripts = Scripts()
with Root({root!r}) as root:
    for platform in ("xen_pvh", "xen-x86_64"):
        menu = read_menu(root, profile("{host}"), platform, storage, scripts)
        assert len(menu.entries) == {count}, (len(menu.entries), menu.problem)
import os
os._exit(0)
"""
_HOSTS = ("debian-12", "upstream-2.12")


def _guest(folder: str, entries: int, releases: Sequence[str]) -> str:
    """Write a guest whose menu has this many entries, of these kernels in turn; return its directory."""
    root = os.path.join(folder, "guest{}".format(entries))
    os.makedirs(root + "/boot/grub")
    for release in releases:
        for name in ("vmlinuz-", "initrd.img-"):
            with open(root + "/boot/" + name + release, "w", encoding="ascii") as file:
                file.write("x")
    names = [releases[number % len(releases)] for number in range(entries - 1)]
    with open(root + "/boot/grub/grub.cfg", "w", encoding="utf-8") as file:
        file.write(debian_menu(names, _UUID, "console=hvc0"))
    return root


def _cost(words: Sequence[str]) -> float:
    """Run a program; return its CPU seconds."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env={"PYTHONPATH": _TOP, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("{} ended with status {}".format(words[0], status))
    seconds: float = usage.ru_utime + usage.ru_stime
    return seconds


def _measure(programs: Dict[str, List[str]], runs: int) -> Dict[str, float]:
    """Return the least CPU seconds of each program; each runs once before it counts."""
    least: Dict[str, float] = {}
    for turn in range(runs + 1):
        for name, words in programs.items():
            cost = _cost(words)
            if turn:
                least[name] = min(cost, least.get(name, cost))
    return least


def _read(python: str, root: str, host: str, count: int) -> List[str]:
    return [python, "-c", _READ.format(uuid=_UUID, root=root, host=host, count=count)]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure and print; return 0 when the menu of 50 kernels costs no more than the imports."""
    parser = argparse.ArgumentParser(description="What it costs to read a boot menu, in CPU time.")
    parser.add_argument("--runs", type=int, default=15, help="how often each program runs (default: 15)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter, which has the four libraries")
    options = parser.parse_args(arguments)
    releases = ["6.1.0-{}-amd64".format(number) for number in range(_KERNELS, 0, -1)]
    with tempfile.TemporaryDirectory() as folder:
        first = _guest(folder, 2 * _KERNELS + 1, releases)
        programs = {
            "bare": [options.python, "-c", "import os; os._exit(0)"],
            "imports": [options.python, "-c", _IMPORTS + "; import os; os._exit(0)"],
        }
        for host in _HOSTS:
            programs[host] = _read(options.python, first, host, 2 * _KERNELS + 1)
        costs = _measure(programs, options.runs)
        imports = costs["imports"] - costs["bare"]
        print("{}, {} runs of each, in turns; the start of the interpreter, {:.1f} ms, is taken off".format(
            options.python, options.runs, costs["bare"] * 1000))
        print("{:55} {:8.1f} ms   1.00".format("importing the four libraries", imports * 1000))
        for host in _HOSTS:
            cost = costs[host] - costs["bare"]
            name = "the menus of {} kernels, host {}".format(_KERNELS, host)
            print("{:55} {:8.1f} ms   {:.2f}".format(name, cost * 1000, cost / imports))
        sizes = {str(size): _read(options.python, _guest(folder, size, releases), "debian-12", size) for size in _SIZES}
        grown = _measure(sizes, 2)
    for size in _SIZES:
        each = (grown[str(size)] - costs["bare"]) / size
        print("{:55} {:8.1f} ms   {:.0f} us an entry".format("menus of {} entries".format(size), grown[str(size)] * 1000, each * 1e6))
    return 0 if costs["debian-12"] - costs["bare"] <= imports else 1


if __name__ == "__main__":
    sys.exit(main())
