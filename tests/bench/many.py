#!/usr/bin/env python3
"""What does a guest cost among a thousand? CPU time of each, beside that of a run of the program for one alone.

    python3 tests/bench/many.py [--roots 1000] [--python /usr/bin/python3]

The guests are synthetic, each with three kernels, their configurations and archives (gzip), and ids of its own. A thousand of them are
checked by ``check --root A --root B ...`` and by the library. CPU is that of all processes, wall-clock time tells how many worked.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from typing import List, NamedTuple, Optional, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
sys.path[:0] = [_TOP, os.path.dirname(_HERE)]

from pvhready.demo.tree import write_tree  # noqa: E402
from support import trees  # noqa: E402

_RELEASES = (trees.RELEASE, "6.1.0-40-amd64", "6.1.0-30-amd64")
_PATH = "import sys; sys.path.insert(0, {!r}); ".format(_TOP)
_PROGRAM = _PATH + "sys.argv[0] = 'pvhready'; from pvhready.cli import program; program()"
_LIBRARY = _PATH + (
    "import os, pvhready; roots = [os.path.join(sys.argv[1], name) for name in sorted(os.listdir(sys.argv[1]))];"
    "sys.exit(any(result.report.verdict != 'ready' for result in pvhready.check_many(roots, guest='pv')))"
)
_SHARE = 0.1


class Cost(NamedTuple):
    """Seconds of CPU and of the clock, and the peak of the largest process in MiB."""

    cpu: float
    wall: float
    memory: float


def _write(top: str, count: int) -> List[str]:
    tree = trees.base(_RELEASES)
    for release in _RELEASES:
        tree.update(trees.kernel(release, compression="gzip"))
    roots = []
    for number in range(count):
        identity = str(uuid.UUID(int=number + 1))
        roots.append(os.path.join(top, "{:06}".format(number)))
        os.mkdir(roots[-1])
        write_tree(roots[-1], {path: node.replace(trees.UUID, identity) if isinstance(node, str) else node for path, node in tree.items()})
    return roots


def _run(command: Sequence[str]) -> Cost:
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.check_call(command, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.monotonic() - begin, after.ru_maxrss / 1024)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure, print, and return 0 when the target is met."""
    parser = argparse.ArgumentParser(description="What a guest costs among a thousand.")
    parser.add_argument("--roots", type=int, default=1000, help="how many guests (default: 1000)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter")
    options = parser.parse_args(arguments)
    subprocess.check_call([options.python, "-m", "compileall", "-q", os.path.join(_TOP, "pvhready")])
    top = tempfile.mkdtemp()
    try:
        roots = _write(top, options.roots)
        alone = (options.python, "-c", _PROGRAM, "check", "--assume-guest", "pv", "--root", roots[0])
        bare = min(_run((options.python, "-c", "pass")).cpu for _ in range(20))
        single = min((_run(alone) for _ in range(20)), key=lambda cost: cost.cpu)
        words = [word for root in roots for word in ("--root", root)]
        rows = [
            ("check --root, each", _run((options.python, "-c", _PROGRAM, "check", "--assume-guest", "pv") + tuple(words))),
            ("check_many, each", _run((options.python, "-c", _LIBRARY, top))),
        ]
    finally:
        shutil.rmtree(top)
    print("{:28} {:>8} {:>8} {:>7} {:>7}".format("", "CPU ms", "wall ms", "share", "MiB"))
    print("{:28} {:8.2f}".format("the interpreter alone", bare * 1000))
    print("{:28} {:8.2f} {:8.2f} {:7} {:7.1f}".format("a run for one root", single.cpu * 1000, single.wall * 1000, "", single.memory))
    share = 0.0
    for name, cost in rows:
        each = cost.cpu / len(roots)
        share = each / single.cpu
        print("{:28} {:8.2f} {:8.2f} {:6.2f}x {:7.1f}".format(name, each * 1000, cost.wall / len(roots) * 1000, share, cost.memory))
    print("{:7} at most {} of a single run's CPU: {:.2f}".format("met" if share <= _SHARE else "MISSED", _SHARE, share))
    return 0 if share <= _SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
