#!/usr/bin/env python3
"""What does it cost to look into a kernel? Beside the kernel's own scripts/extract-vmlinux, followed by ``readelf -n``.

    python3 tests/bench/deep.py [--runs 9] [--python /usr/bin/python3]

The kernels are Debian's, of each compression that Debian uses, and extract-vmlinux is that of Debian's linux-source. "notes" stops
where the notes, the banner and the configuration have passed, as where the package's checksum has told that the image is whole; "to its
end" is --deep without such a checksum. In turns; CPU is that of a process and all below it.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, NamedTuple, Optional, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
sys.path[:0] = [_TOP, os.path.dirname(_HERE)]

from support import debian, wanted  # noqa: E402

KERNELS = {
    "xz": ("linux-image-amd64", "bookworm"), "lz4": ("linux-image-cloud-amd64", "bookworm"), "zstd": ("linux-image-amd64", "trixie"),
}
_SOURCE = ("linux-source-6.1", "bookworm")  # which has the script
_OURS = "import sys; sys.path.insert(0, {!r}); sys.argv[0] = 'pvhready'; from pvhready.cli import program; program()".format(_TOP)
_NOTES, _WHOLE, _THEIRS = "image: as far as the notes", "image --deep: to its end", "extract-vmlinux, readelf -n"
_FASTER, _MEMORY = 3.0, 64.0


class Cost(NamedTuple):
    """The least of many runs: CPU and wall-clock seconds; the largest peak of memory in MiB."""

    cpu: float
    wall: float
    memory: float


def _run(command: Sequence[str]) -> Cost:
    begin = time.monotonic()
    null = os.open(os.devnull, os.O_RDWR)
    process = os.posix_spawn(command[0], list(command), os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, place) for place in range(3)])
    _, status, usage = os.wait4(process, 0)
    os.close(null)
    if os.WTERMSIG(status) or os.WEXITSTATUS(status) not in (0, 3):  # 3: without a configuration nothing is known for certain
        raise SystemExit("{} ended with {}".format(" ".join(command), status))
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1024)


def _script(folder: str) -> str:
    """Return the path of extract-vmlinux, unpacked into ``folder``."""
    archive = glob.glob(debian.unpacked(*_SOURCE) + "/usr/src/linux-source-*.tar.xz")[0]
    subprocess.check_call(["tar", "-xf", archive, "-C", folder, "--strip-components=2", "--wildcards", "*/scripts/extract-vmlinux"])
    return os.path.join(folder, "extract-vmlinux")


def _measure(image: str, script: str, python: str, folder: str, runs: int) -> Dict[str, Cost]:
    alone = os.path.join(folder, "vmlinuz")  # where no configuration lies beside it
    shutil.copy(image, alone)
    out = os.path.join(folder, "vmlinux")
    commands: Dict[str, Sequence[str]] = {
        _NOTES: (python, "-c", _OURS, "image", alone), _WHOLE: (python, "-c", _OURS, "image", "--deep", alone),
        _THEIRS: ("/bin/sh", "-c", '"$0" "$1" >"$2" && readelf -n "$2"', script, alone, out),
    }
    samples: Dict[str, List[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = _run(command)
            if turn:
                samples[name].append(cost)
    return {
        name: Cost(min(cost.cpu for cost in costs), min(cost.wall for cost in costs), max(cost.memory for cost in costs))
        for name, costs in samples.items()
    }


def _show(form: str, costs: Dict[str, Cost]) -> bool:
    theirs = costs[_THEIRS]
    print("{:6} {:30} {:>8} {:>8} {:>7} {:>7} {:>7}".format(form, "", "CPU ms", "wall ms", "MiB", "CPU", "wall"))
    for name, cost in costs.items():
        line = "       {:30} {:8.0f} {:8.0f} {:7.1f} {:6.2f}x {:6.2f}x"
        print(line.format(name, cost.cpu * 1000, cost.wall * 1000, cost.memory, theirs.cpu / cost.cpu, theirs.wall / cost.wall))
    ours = costs[_NOTES]
    met = [("at least {:.0f} times faster".format(_FASTER), theirs.cpu / ours.cpu >= _FASTER),
           ("at most {:.0f} MiB".format(_MEMORY), max(costs[_NOTES].memory, costs[_WHOLE].memory) <= _MEMORY)]
    for text, holds in met:
        print("       {:7} {}".format("met" if holds else "MISSED", text))
    return all(holds for _, holds in met)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure, print, and return 0 when the targets are met for every compression."""
    parser = argparse.ArgumentParser(description="What it costs to look into a kernel.")
    parser.add_argument("--runs", type=int, default=9, help="how often each program runs (default: 9)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter")
    options = parser.parse_args(arguments)
    for name, package in (("readelf", "binutils"), ("unxz", "xz-utils"), ("lz4", "lz4"), ("unzstd", "zstd")):
        wanted.tool(name, package)
    subprocess.check_call([options.python, "-m", "compileall", "-q", os.path.join(_TOP, "pvhready")])
    met = []
    with tempfile.TemporaryDirectory(dir=debian.cache("bench", "")) as folder:
        script = _script(folder)
        for form, (package, suite) in KERNELS.items():
            met.append(_show(form, _measure(debian.kernel(package, suite).image, script, options.python, folder, options.runs)))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
