"""A run is ended, or refused by the system, at every single call that changes a file: all is whole, and the next run ends it.

What is tried is the way of the program itself from the first lock to the last call, in each of its flows: in the plain undo every kind
of fault, on one file system or the other; in the other flows those that leave different traces. PVHREADY_TESTS_CRASHES=all tries every
kind in every flow on both, and ends each in both ways.
"""

import os
import subprocess
import sys
from typing import Any, Iterator, List, Sequence

import pytest

from support import wanted

from . import hacked, volumes
from .faults import KILLED, KINDS, Faults, in_child, injected
from .flows import DONE, FLOWS, PUT_BACK, STUCK, Bench, contents

pytestmark = pytest.mark.slow

SYSTEMS = ("ext4", "tmpfs") if volumes.are_possible() else ("here",)
_ON_EXT4 = ("SIGTERM", "kill before", "kill torn", "EIO", "EROFS", "ENOSPC")
_ON_TMPFS = tuple(kind for kind in KINDS if kind not in _ON_EXT4) + ("kill before", "ENOSPC")
# The others do what one of these does: a call later, or with another number of the error.
_TELLING = ("kill before", "ENOSPC", "EIO from there on")
_ALL = os.environ.get("PVHREADY_TESTS_CRASHES") == "all"


def is_tried(system: str, flow: str, kind: str) -> bool:
    """Whether a kind of fault is tried in a flow on a file system."""
    if _ALL or flow == "undo" and system == "here":
        return True
    return kind in (_ON_EXT4 if system == "ext4" else _ON_TMPFS) if flow == "undo" else kind in _TELLING and system != "ext4"


EVERY = [((system, flow), kind) for flow in FLOWS for system in SYSTEMS for kind in KINDS if is_tried(system, flow, kind)]
# The flow, the rename after which it is cut off, and what is done to its end.
ENDS = [
    (flow, half, kind) for flow, half in (("undo", 3), ("keep-pv", 5), ("revert with a new menu", 3))
    for kind in ("kill before", "kill after", "kill torn", "ENOSPC", "EIO from there on")
    if flow == "undo" or kind == "kill before" or _ALL]


@pytest.fixture
def bench(request: Any, tmp_path: Any) -> Iterator[Bench]:
    system, flow = request.param
    if system == "here":
        yield Bench(str(tmp_path), flow)
        return
    make = volumes.ext4(str(tmp_path)) if system == "ext4" else volumes.tmpfs(str(tmp_path), 8192)
    with make as directory:
        yield Bench(directory, flow, system)


@pytest.fixture
def in_memory() -> Iterator[str]:
    with volumes.memory() as directory:
        yield directory


def calls_of(bench: Bench) -> List[str]:
    """Return the calls that change a file in a run to which nothing happens."""
    bench.renew()
    with injected(Faults()) as faults:
        assert bench.run() == DONE
    assert contents(hacked.snapshot(bench.guest)) == contents(bench.after)
    return faults.made


@pytest.mark.parametrize("bench, kind", EVERY, ids=["-".join(place + (kind,)) for place, kind in EVERY], indirect=["bench"])
def test_at_every_single_call(bench: Bench, kind: str, record_property: Any) -> None:
    calls = calls_of(bench)
    tried = 0
    for at in range(len(calls)):
        for finish in ways(at, kind):
            bench.renew()
            code = in_child(under, bench, Faults(kind, at))
            where = (kind, at, calls[at], finish, code)
            demand_whole(bench, where)
            if not demand_end(bench, code, finish, where):
                break  # there was nothing to be ended: it need not be tried in the other way
        tried += 1
    record_property("tried at every call", [bench.system, bench.flow, kind, len(calls), tried])
    assert tried == len(calls) > 50


def ways(at: int, kind: str) -> Sequence[bool]:
    """In which way what was interrupted is ended, finished or rolled back: in turns, so that each call has both, by one kind or another."""
    finish = (at + (_TELLING + KINDS).index(kind)) % 2 == 0
    return (finish, not finish) if _ALL else (finish,)


def under(bench: Bench, faults: Faults) -> int:
    with injected(faults):
        return bench.run()


def demand_whole(bench: Bench, where: Any) -> None:
    """Each path holds what stood there or what was to come, as a whole, and the default entry comes up."""
    now = hacked.snapshot(bench.guest)
    for path in set(bench.before) | set(bench.after) | set(now):
        if os.path.basename(path).startswith(".pvhready-"):
            continue  # nothing that looks for kernels, hooks or menus takes such a name
        states = [as_file(bench, state, path) for state in (bench.before, bench.after)]
        assert as_file(bench, now, path) in states, (where, path)
    modes = bench.modes()
    kept = [mode for mode in ("pv", "pvh") if bench.modes_before[mode] == bench.modes_after[mode] == "boots"]
    assert all(modes[mode] == "boots" for mode in kept) and "boots" in modes.values(), (where, modes)


def as_file(bench: Bench, state: Any, path: str) -> Any:
    """What a path holds in a state of the guest: of one of several names of a file the content, too."""
    what = state.get(path)
    while isinstance(what, str) and what.startswith("the same file as "):
        what = state[what[len("the same file as "):]]
    return what[-1] if isinstance(what, tuple) else what


def demand_end(bench: Bench, code: int, finish: bool, where: Any) -> bool:
    """What the faulty run left behind is finished or rolled back, and a run after that does all. Returns whether there was anything."""
    interrupted = bench.interrupted() if os.path.exists(bench.guest + "/var/lib/pvhready") else ""
    assert code in (KILLED, DONE, PUT_BACK, STUCK), where
    assert bool(interrupted) or code != STUCK, where
    if code == PUT_BACK:
        assert not interrupted and hacked.snapshot(bench.guest) == bench.before, where
    if interrupted:
        # Where the fault came while a run was rolled back, what it had prepared may be gone: then only the other way is open.
        if finish and bench.end(finish=True) == PUT_BACK:
            assert code == STUCK, where
            demand_whole(bench, where)
            finish = False
        if finish:
            assert contents(hacked.snapshot(bench.guest)) == contents(bench.after), where
        else:
            assert bench.end(finish=False) == DONE, where
            assert hacked.snapshot(bench.guest) == bench.before, where
    now = hacked.snapshot(bench.guest)
    assert now == bench.before or contents(now) == contents(bench.after), where
    assert not [path for path in now if "/.pvhready-" in path], where
    if os.path.exists(bench.guest + "/var/lib/pvhready"):
        assert not bench.interrupted(), where
    if now == bench.before and code == KILLED:
        assert bench.run() == DONE, where
        assert contents(hacked.snapshot(bench.guest)) == contents(bench.after), where
    return bool(interrupted)


@pytest.mark.parametrize("finish", [True, False], ids=["resume", "abandon"])
@pytest.mark.parametrize("flow, half, kind", ENDS)
def test_the_end_itself_is_cut_off(in_memory: str, flow: str, half: int, kind: str, finish: bool, record_property: Any) -> None:
    """A run that was cut off in the midst of its renames is finished or rolled back, and that is cut off at every call, too."""
    bench = Bench(in_memory, flow)
    at_half = [number for number, name in enumerate(calls_of(bench)) if name == "rename"][half]
    goal = bench.after if finish else bench.before

    def cut() -> None:
        bench.renew()
        assert in_child(under, bench, Faults("kill after", at_half)) == KILLED

    cut()
    with injected(Faults()) as faults:
        assert bench.end(finish) == DONE
    assert contents(hacked.snapshot(bench.guest)) == contents(goal)
    for at in range(len(faults.made)):
        cut()
        code = in_child(ending, bench, Faults(kind, at), finish)
        where = (kind, at, faults.made[at], code)
        demand_whole(bench, where)
        for _ in range(2):  # what begins anew and is refused by the system is rolled back first
            if bench.interrupted():
                bench.end(finish)
        assert not bench.interrupted(), where
        if contents(hacked.snapshot(bench.guest)) != contents(goal):
            assert finish and hacked.snapshot(bench.guest) == bench.before and bench.run() == DONE, where
            assert contents(hacked.snapshot(bench.guest)) == contents(goal), where
    what = "{} of {}".format("resume" if finish else "abandon", flow)
    record_property("tried at every call", [bench.system, what, kind, len(faults.made), at + 1])


def ending(bench: Bench, faults: Faults, finish: bool) -> int:
    with injected(faults):
        return bench.end(finish)


@pytest.mark.parametrize("flow", ["undo", "keep-pv"])
def test_a_tmpfs_of_every_size(tmp_path: Any, flow: str) -> None:
    """The disk fills up at another place each time, from where the guest just fits to where all does."""
    wanted.root()
    codes: List[int] = []
    with volumes.tmpfs(str(tmp_path), 8192) as directory:
        bench = Bench(directory, flow)
        bench.renew()
        system = os.statvfs(directory)
        used = (system.f_blocks - system.f_bfree) * system.f_frsize >> 10
        for size in range(used, 8192, 4):
            bench.renew()
            subprocess.check_call(["mount", "-o", "remount,size={}k".format(size), directory])
            code = in_child(bench.run)
            subprocess.check_call(["mount", "-o", "remount,size=8192k", directory])
            assert code in (DONE, PUT_BACK, STUCK), size
            demand_whole(bench, size)
            demand_end(bench, code, bool(size % 8), size)
            codes.append(code)
            if codes[-3:] == [DONE] * 3:
                break
    assert PUT_BACK in codes and codes[-1] == DONE and len(codes) > 10, codes


def test_strace_counts_the_same_calls(tmp_path: Any) -> None:
    """The wrapper sees every call that the kernel sees."""
    strace = wanted.tool("strace", "strace")
    bench = Bench(str(tmp_path), "keep-pv")
    calls = calls_of(bench)
    log = str(tmp_path / "log")
    script = (
        "import os, sys; sys.path[:0] = {!r}\nfrom undo.test_crash_safety import Bench\n"
        "bench = Bench({!r}, 'keep-pv'); bench.renew()\n"
        "os.path.exists('/begin-here')\nassert bench.run() == 0\nos.path.exists('/end-here')\n"
    ).format([os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.getcwd()], str(tmp_path / "again"))
    os.mkdir(str(tmp_path / "again"))
    result = subprocess.run(
        [strace, "-o", log, "-e", "trace=file,desc", sys.executable, "-B", "-c", script],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if b"ptrace" in result.stdout.lower():
        wanted.skip("the right to trace a process")
    assert result.returncode == 0, result.stdout
    with open(log, encoding="utf-8", errors="replace") as handle:
        text = handle.read()
    seen = text[text.index("/begin-here"):text.index("/end-here")].split("\n")[1:]
    names = (
        "write(", "pwrite64(", "writev(", "fsync(", "fdatasync(", "fchown", "chown(", "lchown(", "fchmod", "chmod(", "fsetxattr(",
        "setxattr(", "utimensat(", "symlink", "link(", "linkat(", "rename", "unlink", "mkdir", "rmdir(", "ftruncate(", "truncate(",
        "fallocate(", "mknod", "copy_file_range(", "sendfile(",
    )
    changing = [line for line in seen if line.startswith(names) or line.startswith("open") and ("O_CREAT" in line or "O_TRUNC" in line)]
    assert len(changing) == len(calls), (changing, calls)
