"""A run is ended, or refused by the system, at every single call that changes a file: each file is whole, and the next run ends it."""

import os
import shutil
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from pvhready.demo.tree import File, Link, Tree, write_tree
from pvhready.root import Root
from pvhready.undo.changes import CREATE, REMOVE, REPLACE, Change, Refused
from pvhready.undo.journal import BEGUN, PREPARED
from pvhready.undo.store import Store, history
from pvhready.undo.transaction import Failed, Transaction
from support import wanted

from . import volumes
from .faults import KILLED, KINDS, Faults, in_child, injected

pytestmark = pytest.mark.slow

NEW, OLD, HOOK, LINKED, HELPER, COPY = (
    "/boot/vmlinuz-6.1.0-2-amd64", "/boot/vmlinuz-6.1.0-1-amd64", "/etc/kernel/postinst.d/unpack", "/etc/kernel/postinst.d/linked",
    "/usr/local/sbin/extract-vmlinux", "/boot/pvhready-6.1.0-2-amd64.elf",
)
TREE: Tree = {
    NEW: File(b"\x7fELF new" * 1000, 0o600), OLD: File(b"\x7fELF old" * 1000, 0o600), HOOK: File("#!/bin/sh\n", 0o755),
    LINKED: Link("/opt/unpack"), HELPER: File("#!/bin/sh\nexit 0\n", 0o755), "/var/lib/dpkg/status": "",
}
CHANGES = (
    Change(CREATE, COPY, b"\x7fELF new" * 1000, 0o600), Change(REMOVE, HOOK), Change(REMOVE, LINKED),
    Change(REPLACE, NEW, b"bzImage new" * 300, 0o644), Change(REPLACE, OLD, b"bzImage old" * 300, 0o644), Change(REMOVE, HELPER),
)
AFTER: Dict[str, Any] = {
    COPY: (0o600, b"\x7fELF new" * 1000), NEW: (0o644, b"bzImage new" * 300), OLD: (0o644, b"bzImage old" * 300),
}


def snapshot(directory: str) -> Dict[str, Any]:
    """Return what stands at each path of the guest: a link's target, or a file's mode and content."""
    found: Dict[str, Any] = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            guest_path = path[len(directory):]
            if guest_path.startswith("/var/lib/pvhready/"):
                continue
            if os.path.islink(path):
                found[guest_path] = os.readlink(path)
            else:
                with open(path, "rb") as handle:
                    found[guest_path] = (os.stat(path).st_mode & 0o7777, handle.read())
    return found


class Bench:
    """One guest, made anew for each try, and the states that are allowed in it."""

    def __init__(self, directory: str, system: str = "the folder for tests") -> None:
        self.system = system
        self.guest = os.path.join(directory, "guest")
        self.renew()
        self.before = snapshot(self.guest)
        paths = [change.path for change in CHANGES]
        self.after = {path: value for path, value in self.before.items() if path not in paths}
        self.after.update(AFTER)

    def renew(self) -> None:
        shutil.rmtree(self.guest, ignore_errors=True)
        os.mkdir(self.guest)
        write_tree(self.guest, TREE)

    def undo(self) -> int:
        """Make the changes; 0 for done, 1 where the system refused and all was put back, 2 where that could not be done."""
        with Root(self.guest) as root:
            try:
                with Store(root, make=True) as store:
                    store.lock()
                    Transaction(root, store).run("undo", CHANGES, {})
            except Failed as error:
                return 1 if error.restored else 2
            except (Refused, OSError):
                return 1
        return 0

    def finish(self, resume: bool) -> Tuple[str, int]:
        """End an interrupted run in one of the two ways: the stage in which it was, and 0, or 3 when it could not be finished."""
        with Root(self.guest) as root, Store(root) as store:
            store.lock()
            run = store.history().interrupted
            if run is None:
                return "", 0
            try:
                transaction = Transaction(root, store)
                foreign = transaction.resume(run) if resume else transaction.abandon(run)
            except Refused:
                return run.stage, 3
            assert foreign == []
            return run.stage, 0

    def interrupted(self) -> bool:
        with Root(self.guest) as root:
            return history(root).interrupted is not None

    def demand_whole(self, where: Any) -> None:
        """Each path holds what stood there, or what was to come, as a whole."""
        now = snapshot(self.guest)
        for path in {change.path for change in CHANGES}:
            assert now.get(path) in (self.before.get(path), self.after.get(path)), (where, path)
        for path in self.before:
            if path not in {change.path for change in CHANGES}:
                assert now[path] == self.before[path], (where, path)
        # Nothing that lies about looks like a kernel or a hook.
        strange = [path for path in now if path not in self.before and path not in self.after]
        assert all(os.path.basename(path).startswith(".pvhready-") for path in strange), (where, strange)

    def clean_run(self) -> List[str]:
        """Return the calls that change a file in a run to which nothing happens."""
        self.renew()
        with injected(Faults()) as faults:
            assert self.undo() == 0
        assert snapshot(self.guest) == self.after
        return faults.made


@pytest.fixture(params=["ext4", "tmpfs"] if volumes.are_possible() else ["here"])
def bench(request: Any, tmp_path: Any) -> Iterator[Bench]:
    if request.param == "here":
        yield Bench(str(tmp_path))
        return
    make = volumes.ext4(str(tmp_path)) if request.param == "ext4" else volumes.tmpfs(str(tmp_path), 4096)
    with make as directory:
        yield Bench(directory, request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_single_call(bench: Bench, kind: str, capsys: Any) -> None:
    calls = bench.clean_run()
    tried = 0
    for at in range(len(calls)):
        for resume in (True, False):
            bench.renew()
            code = in_child(bench_under, bench, kind, at)
            where = (kind, at, calls[at], resume, code)
            bench.demand_whole(where)
            if not demand_end(bench, code, resume, where):
                break  # there was nothing to be finished: it cannot be rolled back instead
        tried += 1
    with capsys.disabled():
        print("\n{}, {}: calls made {}, calls tried {}".format(bench.system, kind, len(calls), tried), end="")
    assert tried == len(calls) > 50


def bench_under(bench: Bench, kind: str, at: int) -> int:
    with injected(Faults(kind, at)):
        return bench.undo()


def demand_end(bench: Bench, code: int, resume: bool, where: Any) -> bool:
    """What the faulty run left behind is finished or rolled back, and a run after that does all. Returns whether there was anything."""
    stage = ""
    assert code in (KILLED, 0, 1, 2), where
    if code == 1:
        assert not bench.interrupted(), where
        assert snapshot(bench.guest) == bench.before, where
    if code == 2:
        assert bench.interrupted(), where
    if not os.path.exists(bench.guest + "/var/lib/pvhready"):
        assert snapshot(bench.guest) == bench.before, where
    else:
        stage, result = bench.finish(resume and stage_of(bench) == PREPARED)
        if result:
            # The fault came while it was rolled back: what was prepared is gone already.
            assert code == 2, where
            bench.demand_whole(where)
            stage, result = bench.finish(resume=False)
            assert (stage, result, snapshot(bench.guest)) == (PREPARED, 0, bench.before), where
        elif stage:
            assert snapshot(bench.guest) == (bench.after if resume and stage == PREPARED else bench.before), where
        else:
            assert snapshot(bench.guest) in (bench.before, bench.after), where
    assert not bench.interrupted()
    if snapshot(bench.guest) == bench.before and code == KILLED:
        assert bench.undo() == 0, where
        assert snapshot(bench.guest) == bench.after, where
    return bool(stage)


def stage_of(bench: Bench) -> Optional[str]:
    with Root(bench.guest) as root:
        run = history(root).interrupted
        assert run is None or run.stage in (BEGUN, PREPARED)
        return run.stage if run else None


@pytest.mark.parametrize("kind", ["kill before", "kill after", "kill torn", "ENOSPC", "EIO from there on"])
@pytest.mark.parametrize("resume", [True, False])
def test_the_end_itself_is_cut_off(tmp_path: Any, kind: str, resume: bool) -> None:
    """A run that was cut off in the midst of its renames is finished or rolled back, and that is cut off at every call, too."""
    bench = Bench(str(tmp_path))
    calls = bench.clean_run()
    half = [number for number, name in enumerate(calls) if name == "rename"][1]
    goal = bench.after if resume else bench.before

    def cut() -> None:
        bench.renew()
        assert in_child(bench_under, bench, "kill after", half) == KILLED

    cut()
    with injected(Faults()) as faults:
        assert bench.finish(resume) == (PREPARED, 0)
    assert snapshot(bench.guest) == goal
    assert len(faults.made) > 5
    for at in range(len(faults.made)):
        cut()
        code = in_child(end_under, bench, kind, at, resume)
        bench.demand_whole((kind, at, code))
        if bench.interrupted():
            assert bench.finish(resume) == (PREPARED, 0), (kind, at)
        assert snapshot(bench.guest) == goal, (kind, at)


def end_under(bench: Bench, kind: str, at: int, resume: bool) -> int:
    with injected(Faults(kind, at)):
        try:
            return bench.finish(resume)[1]
        except Failed:
            return 1


def test_a_tmpfs_of_every_size(tmp_path: Any) -> None:
    """The disk fills up at another place each time."""
    outcomes = set()
    for size in range(40, 140, 4):
        folder = tmp_path / str(size)
        folder.mkdir()
        with volumes.tmpfs(str(folder), size) as directory:
            try:
                bench = Bench(directory)
            except OSError:
                continue  # not even the guest fits
            code = in_child(bench.undo)
            assert code in (0, 1, 2), size
            bench.demand_whole(size)
            if code == 1:
                assert snapshot(bench.guest) == bench.before
            if code == 2:
                assert bench.finish(resume=False)[1] == 0
                assert snapshot(bench.guest) == bench.before
            outcomes.add(code)
    assert {0, 1} <= outcomes


def test_strace_counts_the_same_calls(tmp_path: Any) -> None:
    """The wrapper sees every call that the kernel sees."""
    strace = wanted.tool("strace", "strace")
    bench = Bench(str(tmp_path))
    calls = bench.clean_run()
    bench.renew()
    log = str(tmp_path / "log")
    script = (
        "import sys; sys.path[:0] = {!r}\nfrom undo.test_crash_safety import Bench\n"
        "bench = Bench.__new__(Bench); bench.guest = {!r}\nimport hashlib, json, pvhready.undo.transaction\n"
        "import os; os.path.exists('/begin-here')\n"
        "assert bench.undo() == 0\nos.path.exists('/end-here')\n"
    ).format([os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.getcwd()], bench.guest)
    result = subprocess.run(
        [strace, "-f", "-o", log, "-e", "trace=file,desc", sys.executable, "-B", "-c", script],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if b"ptrace" in result.stdout.lower():
        wanted.skip("the right to trace a process")
    assert result.returncode == 0, result.stdout
    with open(log, encoding="utf-8", errors="replace") as handle:
        text = handle.read()
    seen = [line.split(None, 1)[1] for line in text[text.index("/begin-here"):text.index("/end-here")].split("\n")[1:] if " " in line]
    names = (
        "write(", "pwrite64(", "writev(", "fsync(", "fdatasync(", "fchown", "chown(", "lchown(", "fchmod", "chmod(", "fsetxattr(",
        "setxattr(", "utimensat(", "symlink", "link(", "linkat(", "rename", "unlink", "mkdir", "rmdir(", "ftruncate(", "truncate(",
        "fallocate(", "mknod", "copy_file_range(", "sendfile(",
    )
    changing = [line for line in seen if line.startswith(names) or line.startswith("open") and ("O_CREAT" in line or "O_TRUNC" in line)]
    assert len(changing) == len(calls), (changing, calls)
