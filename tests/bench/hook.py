#!/usr/bin/env python3
"""What does an apt run that touches no kernel pay for our hooks? CPU time, beside that of the interpreter doing nothing.

As root: python3 tests/bench/hook.py [--runs N] [--suite bookworm]

The package is built and installed by apt in a real Debian guest. There the commands that apt finds in its configuration are run
as apt runs them, in turns with the interpreter. A run's cost is the user and system time of its process and of all that it starts.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from typing import Dict, List, Optional, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(os.path.dirname(_HERE)), os.path.dirname(_HERE)]

from support import chroots, debian  # noqa: E402

PYTHON = "/usr/bin/python3"
# Reads commands, one a line; each round runs all of them once, and prints what each cost in seconds.
_TURNS = r"""
import os, subprocess, sys
runs, path = int(sys.argv[1]), sys.argv[2]
with open(path) as handle:
    commands = handle.read().splitlines()
packages = b"/var/cache/apt/archives/hello_2.10-3_amd64.deb\n" * 20
for _ in range(runs):
    costs = []
    for command in commands:
        process = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.stdin.write(packages)
            process.stdin.close()
        except BrokenPipeError:
            pass
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status or said:
            sys.exit("{}: {} {}".format(command, status, said))
        costs.append(usage.ru_utime + usage.ru_stime)
    print(*costs)
"""
_INTERPRETER, _AFTER, _BEFORE = "the interpreter, doing nothing", "DPkg::Post-Invoke", "DPkg::Pre-Install-Pkgs"
_LIMIT = 1.5  # times the interpreter


def _commands(guest: chroots.Chroot) -> Dict[str, str]:
    """The commands that apt knows of us, by the name of the place."""
    dumped = guest.demand("apt-config", "dump", "--format", "%f %v%n").text
    found = dict(re.findall(r"^(DPkg::(?:Post-Invoke|Pre-Install-Pkgs)):: (.*pvhready.*)$", dumped, re.M))
    return {_INTERPRETER: "exec {} -c pass".format(PYTHON), _AFTER: found[_AFTER], _BEFORE: found[_BEFORE]}


def _measure(guest: chroots.Chroot, commands: Dict[str, str], runs: int) -> Dict[str, List[float]]:
    guest.write("/root/turns.py", _TURNS)
    guest.write("/root/commands", "".join(command + "\n" for command in commands.values()))
    lines = guest.demand(PYTHON, "/root/turns.py", str(runs + 2), "/root/commands").text.splitlines()[2:]
    samples = [[float(cost) * 1000 for cost in line.split()] for line in lines]
    return {name: [sample[number] for sample in samples] for number, name in enumerate(commands)}


def _show(title: str, costs: Dict[str, List[float]]) -> bool:
    """Print a table, and return whether both hooks together stay below the limit."""
    print(title)
    for name, values in costs.items():
        print("    {:32} {:7.2f} ms at least, {:7.2f} ms in the middle".format(name, min(values), sorted(values)[len(values) // 2]))
    ratio = (min(costs[_AFTER]) + min(costs[_BEFORE])) / min(costs[_INTERPRETER])
    print("{:7} both hooks at most {:.1f} times the interpreter doing nothing: {:.2f}".format(
        "met" if ratio <= _LIMIT else "MISSED", _LIMIT, ratio))
    return ratio <= _LIMIT


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure, print, and return 0 when the target is met with and without a file of settings."""
    parser = argparse.ArgumentParser(description="What our hooks cost an apt run that touches no kernel. Needs root.")
    parser.add_argument("--runs", type=int, default=50, help="how often each command runs (default: 50)")
    parser.add_argument("--suite", default="bookworm", choices=debian.ALL_SUITES, help="the Debian release of the guest")
    options = parser.parse_args(arguments)
    deb = chroots.package(chroots.build(chroots.builder("bookworm"), name="bench"))
    folder = tempfile.mkdtemp(dir=debian.cache("bench", ""))
    try:
        with chroots.guest(options.suite, folder) as guest:
            shutil.copy(deb, guest.path("/pvhready.deb"))
            assert guest.apt("install", "/pvhready.deb").code == 0
            commands = _commands(guest)
            met = _show("Debian {}, {} runs of each in turns".format(options.suite, options.runs), _measure(guest, commands, options.runs))
            guest.write("/etc/pvhready.conf", "[guest]\nassume = pvh\n[hooks]\napt-pre-install = yes\n")
            guest.demand("pvhready", "hook", "apt")
            return 0 if _show("with /etc/pvhready.conf and apt-pre-install = yes", _measure(guest, commands, options.runs)) and met else 1
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
