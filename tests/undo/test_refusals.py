"""What stands against an undo: nothing is changed then, and the user is told why."""

import os
import signal
import subprocess
import sys
import time
from typing import Any, Iterator, List, Tuple

import pytest

from pvhready.root import Root
from pvhready.undo.guards import PackageManagers
from pvhready.undo.store import Store
from support import wanted
from support.program import Program

from . import hacked, volumes
from .hacked import NEW, snapshot

APPLY = ("--apply", "--yes", "--switching")
_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def refusal(pvhready: Program, guest: str, *options: str) -> str:
    """Return why the undo is refused; nothing was changed."""
    before = snapshot(guest)
    answer = pvhready.json("undo", "--root", guest, *(options or APPLY))
    assert (answer["exit"], answer["applied"]) == (2, False), answer["obstacles"]
    assert snapshot(guest) == before
    return "; ".join(answer["obstacles"])


@pytest.fixture
def mounts() -> Iterator[List[Any]]:
    """Contexts of mounted file systems, left in the opposite order."""
    contexts: List[Any] = []
    yield contexts
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def on_volume(mounts: List[Any], guest: str, folder: str, make: Any, *arguments: Any) -> str:
    """Move a folder of the guest to a file system of its own."""
    kept = guest + folder + ".kept"
    os.makedirs(guest + folder, exist_ok=True)
    os.rename(guest + folder, kept)
    os.mkdir(guest + folder)
    context = make(guest + folder + ".volume", *arguments)
    os.mkdir(guest + folder + ".volume")
    directory = context.__enter__()
    mounts.append(context)
    subprocess.check_call(["cp", "-r", "--preserve=mode,timestamps", "-P", kept + "/.", directory])
    subprocess.check_call(["mount", "--bind", directory, guest + folder])
    mounts.append(Unmount(guest + folder))
    subprocess.check_call(["rm", "-r", kept])
    return str(directory)


class Unmount:
    def __init__(self, directory: str) -> None:
        self._directory = directory

    def __exit__(self, *_: object) -> None:
        subprocess.check_call(["umount", self._directory])


def test_a_small_boot(pvhready: Program, tmp_path: Any, mounts: List[Any]) -> None:
    """The new images have to fit beside the old ones; /boot is a file system of its own."""
    guest = hacked.make(str(tmp_path))
    directory = on_volume(mounts, guest, "/boot", volumes.tmpfs, 1024)
    assert pvhready.json("undo", "--root", guest, "--switching")["exit"] == 0
    fill(directory, 100)
    assert "must be free on the file system of /boot" in refusal(pvhready, guest)
    os.unlink(directory + "/fill")
    assert pvhready.json("undo", "--root", guest, *APPLY)["exit"] == 0


def test_a_boot_that_knows_no_owners(pvhready: Program, tmp_path: Any, mounts: List[Any]) -> None:
    """FAT gives every file the same owner and mode; that is no reason to refuse."""
    guest = hacked.make(str(tmp_path))
    for name in ("vmlinuz", "initrd.img"):
        os.unlink(guest + "/boot/" + name)
    on_volume(mounts, guest, "/boot", volumes.vfat)
    assert pvhready.json("undo", "--root", guest, *APPLY)["exit"] == 0
    with open(guest + "/boot/vmlinuz-" + NEW, "rb") as handle:
        assert handle.read() == hacked.shipped(NEW)[0]
    assert pvhready.json("undo", "--root", guest, "--revert", "--apply", "--yes")["exit"] == 0


def test_a_full_var(pvhready: Program, tmp_path: Any, mounts: List[Any]) -> None:
    guest = hacked.make(str(tmp_path))
    directory = on_volume(mounts, guest, "/var/lib", volumes.tmpfs, 1024)
    fill(directory, 100)
    assert "must be free on the file system of /var/lib" in refusal(pvhready, guest)


def fill(directory: str, kilobytes: int) -> None:
    """Leave so little room on a file system."""
    system = os.statvfs(directory)
    with open(directory + "/fill", "wb") as handle:
        handle.write(bytes(max(0, system.f_bavail * system.f_frsize - kilobytes * 1024)))


def test_a_read_only_boot(pvhready: Program, tmp_path: Any, mounts: List[Any]) -> None:
    guest = hacked.make(str(tmp_path))
    on_volume(mounts, guest, "/boot", volumes.tmpfs, 1024)
    subprocess.check_call(["mount", "-o", "remount,bind,ro", guest + "/boot"])
    assert "read-only" in refusal(pvhready, guest)


@pytest.mark.parametrize("what", ["/boot/vmlinuz-" + NEW, "/boot", "/var/lib"])
def test_an_immutable_file(pvhready: Program, tmp_path: Any, what: str) -> None:
    chattr = wanted.tool("chattr", "e2fsprogs")
    with volumes.ext4(str(tmp_path)) as directory:
        guest = hacked.make(directory)
        if subprocess.call([chattr, "+i", guest + what]):
            wanted.skip("the right to make a file immutable")
        try:
            text = refusal(pvhready, guest)
            assert "{} is immutable: chattr -i".format(what) in text
        finally:
            subprocess.check_call([chattr, "-i", guest + what])


def test_two_runs_at_once(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    with Root(guest) as root, Store(root, make=True) as store:
        store.lock()
        assert "another pvhready is at work" in refusal(pvhready, guest)
        assert pvhready.json("undo", "--root", guest, "--switching")["exit"] == 0
    assert pvhready.json("undo", "--root", guest, *APPLY)["exit"] == 0


def test_many_runs_at_once(tmp_path: Any) -> None:
    """One does it, the others find it done or are refused; the guest is whole in the end."""
    guest = hacked.make(str(tmp_path))
    runs = [start(guest) for _ in range(4)]
    codes = [run.wait() for run in runs]
    assert 0 in codes
    assert set(codes) <= {0, 2}
    with open(guest + "/boot/vmlinuz-" + NEW, "rb") as handle:
        assert handle.read() == hacked.shipped(NEW)[0]


def start(guest: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pvhready", "undo", "--root", guest] + list(APPLY)
    return subprocess.Popen(
        command, env=dict(os.environ, PYTHONPATH=_TOP), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=take_signals)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_told_what_is_left_to_do(tmp_path: Any, number: Any) -> None:
    guest = hacked.make(str(tmp_path))
    script = (
        "import os, signal, sys\nfrom pvhready.cli import main\nreal = os.rename\n"
        "def rename(*words, **named):\n    real(*words, **named)\n    os.kill(os.getpid(), {})\nos.rename = rename\n"
        "sys.exit(main(sys.argv[1:]))").format(int(number))
    result = subprocess.run(
        [sys.executable, "-c", script, "undo", "--root", guest] + list(APPLY), env=dict(os.environ, PYTHONPATH=_TOP),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        preexec_fn=take_signals)
    assert (result.returncode, result.stdout) == (130, "")
    assert "interrupted in the midst of run-0001. Finish it: pvhready undo --resume --root {}".format(guest) in result.stderr


def take_signals() -> None:
    """Under nohup, and behind an "&", tests are started with these ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_any_time(pvhready: Program, tmp_path: Any, number: Any) -> None:
    """Wherever a signal hits, the run is finished, or can be."""
    guest = hacked.make(str(tmp_path))
    before = snapshot(guest)
    began = time.monotonic()
    start(guest).wait()
    length = time.monotonic() - began
    after = snapshot(guest)
    pvhready.json("undo", "--root", guest, "--revert", "--apply", "--yes")
    for part in range(12):
        run = start(guest)
        time.sleep(length * part / 11)
        run.send_signal(number)
        run.wait()
        demand_an_end(pvhready, guest, before, after, resume=bool(part % 2))


def demand_an_end(pvhready: Program, guest: str, before: Any, after: Any, resume: bool) -> None:
    answer = pvhready.json("undo", "--root", guest, "--switching")
    if any("interrupted" in text for text in answer["obstacles"]):
        answer = pvhready.json("undo", "--root", guest, "--resume" if resume else "--abandon")
        assert answer["exit"] == 0, answer["obstacles"]
        assert contents(snapshot(guest)) == contents(after if resume else before)
    assert contents(snapshot(guest)) in (contents(before), contents(after))
    if contents(snapshot(guest)) == contents(after):
        assert pvhready.json("undo", "--root", guest, "--revert", "--apply", "--yes")["applied"]
    assert snapshot(guest) == before


def contents(state: Any) -> Any:
    """A snapshot without times: a file that was written anew has another."""
    return {path: what[:3] + what[4:] if isinstance(what, tuple) else what for path, what in state.items()}


def test_a_store_of_somebody_else(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    os.makedirs(guest + "/var/lib/pvhready")
    os.chmod(guest + "/var/lib/pvhready", 0o755)
    assert "mode 0700" in refusal(pvhready, guest)


def test_a_file_at_the_place_of_the_store(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    with open(guest + "/var/lib/pvhready", "w", encoding="ascii"):
        pass
    assert "cannot be used" in refusal(pvhready, guest)


def test_keep_pv_takes_the_running_system(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    assert "generated anew" in refusal(pvhready, guest, "--keep-pv", "--apply", "--yes")


def test_a_busy_package_manager(tmp_path: Any, monkeypatch: Any) -> None:
    """The locks are those that dpkg's and rpm's frontends take (fcntl); they are held as long as changes are made."""
    guest = hacked.make(str(tmp_path))
    path = guest + "/var/lib/dpkg/lock-frontend"
    with open(path, "w", encoding="ascii"):
        pass
    with Root(guest) as root:
        with PackageManagers(root) as managers:
            assert managers.busy == ()
            assert not is_locked(path)  # a guest that does not run has no package manager
        monkeypatch.setattr(Root, "live", True)
        with PackageManagers(root) as managers:
            assert managers.busy == ()
            assert is_locked(path)
        assert not is_locked(path)
        holder, told = hold(path)
        with PackageManagers(root) as managers:
            assert "a package manager is at work (/var/lib/dpkg/lock-frontend is locked)" in managers.busy[0]
        told.close()
        holder.wait()


def is_locked(path: str) -> bool:
    """Whether another process finds it locked."""
    script = "import fcntl, sys\nfcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    return subprocess.call([sys.executable, "-c", script, path], stderr=subprocess.DEVNULL) != 0


def hold(path: str) -> "Tuple[Any, Any]":
    """Let another process hold the lock until the pipe is closed."""
    script = (
        "import fcntl, sys\nfile = open(sys.argv[1], 'r+')\nfcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process, process.stdin


