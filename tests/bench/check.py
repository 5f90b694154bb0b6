#!/usr/bin/env python3
"""What does a check cost? CPU time and memory, side by side with what it has to stay below.

As root: python3 tests/bench/check.py [--runs N] [--suite bookworm] [--python /usr/bin/python3]

All programs run inside copies of one real Debian guest, by the interpreter of that guest, in turns. A run's cost is the
user and system time of its process and the peak of its memory. A guest has /proc, /sys and a /dev with the id of its root
device, as one that was booted has; "check" has nothing to complain of there and ends with 0.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
sys.path[:0] = [_TOP, os.path.dirname(_HERE)]

from pvhready.demo.tree import write_tree  # noqa: E402
from pvhready.memory import facts, folder  # noqa: E402
from support import debian, realtree, trees  # noqa: E402

_NEEDRESTART = (
    "perl", "libintl-perl", "libmodule-find-perl", "libmodule-scandeps-perl", "libproc-processtable-perl", "libsort-naturally-perl",
    "libterm-readkey-perl",
)
_LAUNCHER = "#!/usr/bin/python3\nimport sys\n\nfrom pvhready.cli import program\n\nsys.exit(program())\n"
_LAUNCHER_PATH = "/usr/local/bin/pvhready"
_IMPORTS = "import psutil, packaging.version, distro, magic"
_COUNTS = (3, 10, 50)
# As in a guest that runs: the kernel tells the root device, and udev has made the link by which it is known.
_ENTER = """
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t tmpfs tmpfs "$1/dev"
mknod -m 666 "$1/dev/null" c 1 3
mkdir -p "$1/dev/disk/by-uuid"
ln -s "../../$4" "$1/dev/disk/by-uuid/$3"
exec chroot "$1" "$2" /root/worker.py
"""


class Program(NamedTuple):
    """Something to measure: what the table calls it, the guest it runs in (a number of kernels), and its command line.

    ``forgets``: before each run the facts of the last one are removed, so that only the initramfs is remembered.
    """

    name: str
    kernels: int
    words: Sequence[str]
    forgets: bool = False


class Cost(NamedTuple):
    """CPU milliseconds of many runs (the least, the median), peak memory in MiB, and the exit code of the last run."""

    least: float
    median: float
    memory: float
    code: int


class Guest:
    """A guest with some kernels, and a process inside it that runs programs."""

    def __init__(self, source: realtree.RealTree, folder: str, kernels: int, python: str) -> None:
        """Copy ``source`` into ``folder`` (files that do not change are links), and add kernels up to that number."""
        self.directory = os.path.join(folder, "guest{}".format(kernels))
        subprocess.check_call(["cp", "-al", source.directory, self.directory])
        for name in ("/boot", "/var/lib/dpkg", "/etc"):
            _unlink(source.directory + name, self.directory + name)
        self._add_kernels(source.release, kernels)
        self._install()
        self._worker = subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", _ENTER, "sh", self.directory, python, realtree.UUID, _device_below(self.directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})

    def _add_kernels(self, release: str, count: int) -> None:
        """Beside the real kernel there are older ones, synthetic, whose configurations are as long as the real one."""
        with open("{}/boot/config-{}".format(self.directory, release), encoding="utf-8") as handle:
            config = handle.read()
        version = release.partition("-")[0].rpartition(".")[0]
        for number in range(1, count):
            name = "5.10.0-{}-amd64".format(number)
            tree = trees.kernel(name)
            tree["/boot/config-" + name] = config.replace("Linux/x86 {}.".format(version), "Linux/x86 5.10.", 1)
            write_tree(self.directory, tree)
        realtree.write_menu(self.directory)

    def _install(self) -> None:
        """Put the program where a package puts it."""
        target = self.directory + "/usr/lib/python3/dist-packages/pvhready"
        shutil.copytree(os.path.join(_TOP, "pvhready"), target, ignore=shutil.ignore_patterns("__pycache__"))
        with open(self.directory + _LAUNCHER_PATH, "w", encoding="utf-8") as handle:
            handle.write(_LAUNCHER)
        os.chmod(self.directory + _LAUNCHER_PATH, 0o755)
        shutil.copy(os.path.join(_HERE, "worker.py"), self.directory + "/root/worker.py")

    def forget(self) -> None:
        """Remove the facts that earlier checks have left."""
        path = self.directory + folder.DIRECTORY + "/" + facts.FILE
        if os.path.exists(path):
            os.remove(path)

    def run(self, words: Sequence[str]) -> Tuple[float, float, int]:
        """Run a program once; return CPU milliseconds, peak MiB and the exit code."""
        assert self._worker.stdin is not None and self._worker.stdout is not None
        self._worker.stdin.write("\0".join(words) + "\n")
        self._worker.stdin.flush()
        seconds, peak, code = self._worker.stdout.readline().split()
        return float(seconds) * 1000, int(peak) / 1024, int(code)

    def close(self) -> None:
        """End the process inside."""
        if self._worker.stdin is not None:
            self._worker.stdin.close()
        self._worker.wait()


def _device_below(path: str) -> str:
    """Return the name of the device that holds a directory; "none" where the kernel tells of none (btrfs, overlayfs)."""
    number = os.stat(path).st_dev
    device = "/sys/dev/block/{}:{}".format(os.major(number), os.minor(number))
    return os.path.basename(os.path.realpath(device)) if os.path.exists(device) else "none"


def _unlink(source: str, target: str) -> None:
    """Make ``target`` a copy of its own, so that nothing written to it reaches the cached guest."""
    shutil.rmtree(target)
    subprocess.check_call(["cp", "-a", source, target])


def _programs(python: str) -> List[Program]:
    programs = [
        Program("the interpreter, doing nothing", 3, (python, "-c", "pass")),
        Program("importing the four libraries", 3, (python, "-c", _IMPORTS)),
        Program("needrestart -k -b", 3, ("/usr/bin/perl", "/usr/sbin/needrestart", "-k", "-b")),
        Program("hook, nothing to do", 3, (python, _LAUNCHER_PATH, "hook", "apt-pre-install")),
        Program("check, python3 -m pvhready", 3, (python, "-m", "pvhready", "check", "--assume-guest", "pv")),
    ]
    for count in _COUNTS:
        programs.append(Program("check, {} kernels".format(count), count, (python, _LAUNCHER_PATH, "check", "--assume-guest", "pv")))
    for count in _COUNTS:
        words = (python, _LAUNCHER_PATH, "check", "--assume-guest", "pv")
        programs.append(Program("check, {} kernels, files changed".format(count), count, words, forgets=True))
    for count in _COUNTS:
        words = (python, _LAUNCHER_PATH, "check", "--root", "/root/elsewhere")
        programs.append(Program("check --root, {} kernels".format(count), count, words))
    return programs


def _measure(programs: Sequence[Program], guests: Dict[int, Guest], runs: int) -> Dict[str, Cost]:
    samples: Dict[str, List[float]] = {program.name: [] for program in programs}
    memory: Dict[str, float] = {}
    codes: Dict[str, int] = {}
    for turn in range(runs + 2):
        for program in programs:
            if program.forgets:
                guests[program.kernels].forget()
            cpu, peak, code = guests[program.kernels].run(program.words)
            if turn < 2:
                continue  # the first runs write compiled modules and remember the initramfs
            samples[program.name].append(cpu)
            memory[program.name] = max(peak, memory.get(program.name, 0))
            codes[program.name] = code
            if code and not program.name.startswith("check"):
                raise SystemExit("{} ended with exit code {}".format(" ".join(program.words), code))
    return {name: Cost(min(values), sorted(values)[len(values) // 2], memory[name], codes[name]) for name, values in samples.items()}


def _show(costs: Dict[str, Cost]) -> None:
    bare = costs["the interpreter, doing nothing"].least
    print("{:34} {:>9} {:>9} {:>7} {:>7} {:>5}".format("", "least ms", "median", "ratio", "MiB", "exit"))
    for name, cost in costs.items():
        line = "{:34} {:9.1f} {:9.1f} {:6.2f}x {:7.1f} {:5}"
        print(line.format(name, cost.least, cost.median, cost.least / bare, cost.memory, cost.code))


def _judge(costs: Dict[str, Cost]) -> bool:
    """Print whether each target is met; return whether all are."""
    bare, imports = costs["the interpreter, doing nothing"], costs["importing the four libraries"]
    check, most = costs["check, 3 kernels"], costs["check, 50 kernels"]
    further = (most.least - check.least) / 47 / check.least * 100
    changed = costs["check, 3 kernels, files changed"]
    results = [
        ("at most 2 times the interpreter doing nothing", check.least / bare.least, 2.0, "x"),
        ("where files have changed: less than the four imports", changed.least / imports.least, 1.0, "x"),
        ("where files have changed: less than needrestart -k", changed.least / costs["needrestart -k -b"].least, 1.0, "x"),
        ("less than the four imports", check.least / imports.least, 1.0, "x"),
        ("less than half of needrestart -k", check.least / costs["needrestart -k -b"].least, 0.5, "x"),
        ("a hook that finds nothing to do: at most 1.5 times", costs["hook, nothing to do"].least / bare.least, 1.5, "x"),
        ("less than 20 MiB", check.memory, 20.0, "MiB"),
        ("a further kernel at most 1 % of the whole", further, 1.0, "%"),
    ]
    print()
    for text, value, limit, unit in results:
        print("{:7} {}: {:.2f} {}".format("met" if value <= limit else "MISSED", text, value, unit))
    return all(value <= limit for _, value, limit, _ in results)


def _prepare(suite: str, python: str, folder: str) -> Dict[int, Guest]:
    source = realtree.make(suite, "bench-" + suite, _NEEDRESTART)
    if not os.path.exists(source.path("/usr/sbin/needrestart")):
        subprocess.check_call(["dpkg", "-x", debian.Apt().download("needrestart", suite), source.directory])
    guests = {}
    for count in _COUNTS:
        guests[count] = Guest(source, folder, count, python)
        elsewhere = guests[count].directory + "/root/elsewhere"
        os.makedirs(elsewhere + "/var/lib")
        for name in ("/boot", "/etc", "/var/lib/dpkg"):
            subprocess.check_call(["cp", "-a", guests[count].directory + name, elsewhere + name])
    return guests


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure, print, and return 0 when every target is met."""
    parser = argparse.ArgumentParser(description="What a check costs, in CPU time and memory. Needs root.")
    parser.add_argument("--runs", type=int, default=25, help="how often each program runs (default: 25)")
    parser.add_argument("--suite", default="bookworm", choices=debian.SUITES, help="the Debian release of the guest")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter inside the guest")
    options = parser.parse_args(arguments)
    top = debian.cache("bench", "")
    folder = tempfile.mkdtemp(dir=top)
    guests: Dict[int, Guest] = {}
    try:
        guests = _prepare(options.suite, options.python, folder)
        costs = _measure(_programs(options.python), guests, options.runs)
        print("{} of Debian {}, {} runs of each, in turns".format(options.python, options.suite, options.runs))
        _show(costs)
        return 0 if _judge(costs) else 1
    finally:
        for guest in guests.values():
            guest.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
