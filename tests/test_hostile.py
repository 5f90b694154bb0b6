"""``--root`` on the disk of an enemy: nothing outside is read, nothing is written, nothing is run; and what is shown is not acted on.

The system calls are those that ``strace`` saw, over a corpus of hostile trees (``support/hostile.py``). Each run of the tests takes a part
of the corpus; ``PVHREADY_TESTS_HOSTILE=all`` takes all of it.
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from typing import Any, Dict, Iterator, List, Set

import pytest

from pvhready import root as handle
from pvhready import survey
from pvhready.demo.tree import write_tree
from pvhready.host import profile
from pvhready.root import Root, Unreadable
from support import hostile, wanted
from support.hostile import CANARY
from support.trees import GRUB_CFG, RELEASE

_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_ALL = os.environ.get("PVHREADY_TESTS_HOSTILE") == "all"
_PART = 24

# What the program opens of the running machine's own, whatever the guest holds: the interpreter, its libraries, ourselves, and what
# the C library and libmagic have.
_OWN = tuple(os.path.realpath(path) for path in (_TOP, sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))) + (
    "/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/usr/share/zoneinfo",
    "/usr/share/locale", "/usr/share/misc", "/usr/share/file", "/etc/magic", "/dev/null", "/dev/urandom", "/proc/self", "/proc/filesystems",
    "/sys/fs/cgroup", "/sys/devices/system/cpu", "/proc/sys", "/etc/gcrypt", "/etc/locale.alias",
)
_LDCONFIG = "/sbin/ldconfig"  # how Python's ctypes looks for libmagic
_DECOMPRESSORS = {"lz4", "zstd", "lzop"}
_CHANGING = (
    "creat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "truncate", "ftruncate", "mknod", "mknodat",
    "utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "mount", "umount2", "chroot",
    "pivot_root", "socket", "connect", "bind", "swapon",
)
_CALL = re.compile(r"^(?:\[pid +)?\d*\]? *([a-z0-9_]+)\((.*)\) += (-?\d+)(?:<(.*?)>)?(?: .*)?$")


class Seen:
    """What a run did: the paths that it opened, those that it asked about, calls that change something, programs that it ran."""

    def __init__(self, log: str) -> None:
        self.opened: List[str] = []
        self.changed: List[str] = []
        self.run: List[str] = []
        self.lines = 0
        with open(log, "rb") as file:
            for line in file.read().decode("utf-8", "replace").split("\n"):
                self._take(line)

    def _take(self, line: str) -> None:
        match = _CALL.match(line)
        if match is None:
            return
        self.lines += 1
        name, arguments, result, path = match.groups()
        if name in _CHANGING:
            self.changed.append(line)
        elif name in ("open", "openat", "openat2") and int(result) >= 0:
            self.opened.append(path or "")
            if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)",
                arguments) and path != "/dev/null<char 1:3>" and "/dev/null" not in arguments:
                self.changed.append(line)
        elif name in ("execve", "execveat") and result == "0":
            self.run.append(arguments)


def traced(log: str, *words: str) -> Seen:
    strace = wanted.tool("strace", "strace")
    calls = "trace=%file,%network,execve,execveat,open,openat,ftruncate,fchmod,fchown,fsetxattr"
    command = [strace, "-f", "-y", "-s", "4096", "-o", log, "-e", calls, sys.executable, "-B", "-m", "pvhready"] + list(words)
    environment = dict(os.environ, PYTHONPATH=_TOP, PYTHONIOENCODING="utf-8")
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    if b"ptrace" in done.stderr.lower():
        wanted.skip("the right to trace a process")
    assert done.returncode in (0, 1, 2, 3, 74), done.stderr.decode("utf-8", "replace")
    assert b"Traceback" not in done.stderr and CANARY.encode() not in done.stdout + done.stderr
    return Seen(log)


def demand_harmless(seen: Seen, directories: List[str]) -> None:
    """Nothing outside was read, nothing changed, nothing run but what is declared."""
    assert seen.lines > 100
    roots = tuple(os.path.realpath(directory) for directory in directories)
    inside = [path for path in seen.opened if path.startswith(roots)]
    assert inside, "the trace does not show what was read"
    for path in seen.opened:
        allowed = any(path == place or path.startswith(place + "/") for place in roots + _OWN)
        assert allowed or re.match(r"/proc/\d+/|/proc/\d+$", path), path
    assert not seen.changed, seen.changed[:5]
    for arguments in seen.run[1:]:
        words = re.findall(r'"([^"]*)"', arguments)
        program = words[0]
        if words == [_LDCONFIG, _LDCONFIG, "-p"]:
            continue
        assert os.path.basename(program) in _DECOMPRESSORS and program.startswith(("/usr/bin/", "/bin/", "/usr/local/bin/")), arguments
        assert words[2:] == ["-dcq"], arguments


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: Any) -> Any:
    """Every hostile tree, and the folder outside that they lead to."""
    from support.trees import GuestMaker

    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text(CANARY)
    return hostile.all_of(GuestMaker(str(tmp_path_factory.mktemp("hostile"))), str(outside)), str(outside)


def _taken(directories: List[str]) -> List[str]:
    if _ALL:
        return directories
    return random.SystemRandom().sample(directories[:-9], _PART) + directories[-9:]


@pytest.mark.slow
def test_nothing_outside_is_read_and_nothing_written_or_run(corpus: Any, tmp_path: Any) -> None:
    directories, outside = corpus
    before = _state(outside)
    commands = (("check", "--format", "json"), ("check", "--deep"), ("plan",), ("kernels",), ("entries",), ("undo",))
    for number, directory in enumerate(_taken(directories)):
        words = commands[number % len(commands)]
        seen = traced(str(tmp_path / "log"), *(words + ("--root", directory)))
        demand_harmless(seen, [directory])
    assert _state(outside) == before and not os.path.exists("/tmp/ran")


def _state(folder: str) -> Any:
    status = os.stat(folder + "/secret")
    return sorted(os.listdir(folder)), status.st_mtime_ns, status.st_size


def test_the_trace_would_show_a_fault(tmp_path: Any) -> None:
    """An oracle that sees nothing proves nothing."""
    log = str(tmp_path / "log")
    script = "import os,sys; open({0!r}, 'w'); os.mkdir({1!r}); os.system('true')".format(str(tmp_path / "a"), str(tmp_path / "b"))
    strace = wanted.tool("strace", "strace")
    done = subprocess.run(
        [strace, "-f", "-y", "-o", log, "-e", "trace=%file", sys.executable, "-B", "-c", script], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    if b"ptrace" in done.stderr.lower():
        wanted.skip("the right to trace a process")
    seen = Seen(log)
    assert any(str(tmp_path / "a") in line for line in seen.changed) and any("mkdir" in line for line in seen.changed)
    assert str(tmp_path / "a") in seen.opened and any("sh" in arguments for arguments in seen.run[1:])


# Races


def _fifo(place: str) -> None:
    os.mkfifo(place)


def _link(place: str) -> None:
    os.symlink(os.path.dirname(os.path.dirname(place)) + "/outside", place)


SWAPS = {"a FIFO": _fifo, "a link": _link, "a folder": os.mkdir, "nothing": lambda place: None, "a socket": hostile.bind_socket}


@pytest.mark.parametrize("kind", sorted(SWAPS))
def test_a_file_that_is_swapped_between_look_and_open(kind: str, tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "outside").write_text(CANARY)
    write_tree(str(tmp_path / "root"), {"/etc/fstab": "sound\n"})
    place = str(tmp_path / "root" / "etc" / "fstab")
    looked = handle._look

    def look(name: str, directory: int) -> Any:
        status = looked(name, directory)
        if name == "fstab":
            os.unlink(place)
            SWAPS[kind](place)
        return status

    monkeypatch.setattr(handle, "_look", look)
    with Root(str(tmp_path / "root")) as root, pytest.raises(Unreadable):
        root.read("/etc/fstab")


def test_a_folder_that_is_swapped_for_a_link_on_the_way(tmp_path: Any, monkeypatch: Any) -> None:
    """What was opened stays what it is: a path is walked by descriptors."""
    (tmp_path / "outside" / "etc").mkdir(parents=True)
    (tmp_path / "outside" / "etc" / "fstab").write_text(CANARY)
    write_tree(str(tmp_path / "root"), {"/a/etc/fstab": "sound\n"})
    entered = handle._enter

    def enter(name: str, directory: int) -> Any:
        found = entered(name, directory)
        if name == "a":
            os.rename(str(tmp_path / "root" / "a"), str(tmp_path / "root" / "b"))
            os.symlink(str(tmp_path / "outside"), str(tmp_path / "root" / "a"))
        return found

    monkeypatch.setattr(handle, "_enter", enter)
    with Root(str(tmp_path / "root")) as root:
        assert root.read("/a/etc/fstab") == b"sound\n"
        with pytest.raises(Unreadable):
            root.read("/a/etc/fstab")


def test_a_race_that_goes_on(tmp_path: Any) -> None:
    """Another thread swaps file and link as fast as it can. Whatever is read is the guest's."""
    (tmp_path / "outside").write_text(CANARY)
    write_tree(str(tmp_path / "root"), {"/etc/one": "sound\n", "/etc/fstab": "sound\n"})
    top = str(tmp_path / "root" / "etc")
    os.symlink("../../outside", top + "/two")
    os.mkfifo(top + "/three")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for name in ("one", "two", "three"):
                os.link(top + "/" + name, top + "/new", follow_symlinks=False)
                os.rename(top + "/new", top + "/fstab")
                if os.path.lexists(top + "/new"):
                    os.unlink(top + "/new")

    thread = threading.Thread(target=swap)
    thread.start()
    read: Set[bytes] = set()
    end = time.monotonic() + 60
    tries = 0
    try:
        with Root(str(tmp_path / "root")) as root:
            # It may take longer until both were met: threads take turns as the interpreter has it.
            while tries < 3000 or (b"sound\n" not in read or len(read) < 2) and time.monotonic() < end:
                tries += 1
                try:
                    read.add(root.read("/etc/fstab"))
                except Unreadable as error:
                    read.add(error.reason.encode())
    finally:
        over.set()
        thread.join()
    assert b"sound\n" in read and len(read) > 1 and not any(CANARY.encode() in content for content in read)


# What is too much


def test_a_folder_of_names_without_number(tmp_path: Any, monkeypatch: Any) -> None:
    taken = []

    class Endless:
        def __enter__(self) -> "Endless":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Iterator[Any]:
            number = 0
            while True:
                number += 1
                taken.append(number)
                yield type("Entry", (), {"name": "name{}".format(number)})

    scandir = lambda place: Endless()  # noqa: E731
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "supports_fd", set(os.supports_fd) | {scandir})
    with Root(str(tmp_path)) as root, pytest.raises(Unreadable) as refused:
        root.names("/")
    assert "names" in refused.value.reason and len(taken) == handle.MAX_NAMES + 1


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["/boot", "/etc/kernel/postinst.d", "/usr/lib/modules", "/var/lib/dpkg/info", "/boot/loader/entries"])
def test_more_names_than_are_listed(folder: str, guest: Any, pvhready: Any) -> None:
    directory = guest()
    os.makedirs(directory + folder, exist_ok=True)
    for number in range(handle.MAX_NAMES + 1):
        os.close(os.open("{}{}/{}".format(directory, folder, number), os.O_CREAT | os.O_WRONLY))
    report = pvhready.check(directory, timeout=100)
    assert report["verdict"] != "ready" or folder not in ("/boot", "/usr/lib/modules")


TEXTS = (
    "/etc/fstab", "/etc/os-release", "/etc/default/grub", GRUB_CFG, "/boot/config-" + RELEASE, "/var/lib/dpkg/status",
    "/boot/grub/grubenv", "/etc/crypttab", "/var/lib/dpkg/info/linux-image-{}.list".format(RELEASE), "/etc/kernel/postinst.d/hook",
    "/sbin/init",
)


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_of_4_gigabytes(path: str, guest: Any, pvhready: Any) -> None:
    directory = guest()
    os.makedirs(os.path.dirname(directory + path), exist_ok=True)
    if os.path.lexists(directory + path):
        os.unlink(directory + path)
    with open(directory + path, "wb") as file:
        file.write(b"# a b c\n" * 1000)
        file.truncate(4 << 30)
    limited = (wanted.tool("prlimit", "util-linux"), "--as=600000000")
    pvhready.check(directory, timeout=60, prefix=limited)


# What is shown


FORMATS = [
    ("check",), ("check", "-v"), ("check", "--format", "nagios"), ("check", "--format", "prometheus"), ("plan",), ("kernels",),
    ("entries",), ("undo",), ("check", "--target", "pv"), ("entries", "--platform", "xen-x86_64"),
]


@pytest.mark.parametrize("words", FORMATS, ids=" ".join)
def test_no_control_character_comes_through(words: Any, guest: Any, pvhready: Any) -> None:
    output = pvhready(*(words + ("--root", hostile.words(guest))))
    assert output.code in (0, 1, 2, 3), output.err
    for text in (output.out, output.err):
        strange = {character for character in text if not (character.isprintable() or character == "\n")}
        assert not strange, strange
    if words[-1] == "nagios":
        assert [line.count("|") for line in output.out.split("\n")[:-1]] == [1] + [0] * (output.out.count("\n") - 1)


def test_json_has_all_of_it_exactly(guest: Any, pvhready: Any) -> None:
    directory = hostile.words(guest)
    report = pvhready.check(directory)
    title = report["boot"]["default"]["title"]
    assert title == hostile.EVIL.replace("'", "").replace("\\", "").replace("\r", "")  # GRUB passes over carriage returns
    paths = {kernel["path"] for kernel in report["kernels"]}
    assert {"/boot/vmlinuz-6.0.0-\x1b[31m", "/boot/vmlinuz-\n6.2", "/boot/vmlinuz--rf"} <= paths


def test_labels_of_metrics_hold_what_they_hold(guest: Any, pvhready: Any) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    text = pvhready("check", "--format", "prometheus", "--root", hostile.words(guest)).out
    families: Dict[str, Any] = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert all(name.startswith("pvhready_") for name in families)
    labels = [sample.labels for sample in families["pvhready_kernel_info"].samples]
    assert {"--version", "6.2.0"} <= {label["release"] for label in labels}
    assert all(set(label) == {"release", "container", "payload", "default", "running"} for label in labels)


def test_what_is_to_be_typed_is_one_word_each(guest: Any, pvhready: Any) -> None:
    """A path that begins with a dash or holds what a shell acts on is never an option, and never two words."""
    report = pvhready.check(hostile.words(guest))
    typed = [remedy for check in report["checks"] for remedy in check["remedies"] if remedy["argv"]]
    assert typed
    for remedy in typed:
        assert all(isinstance(word, str) for word in remedy["argv"])
        assert "-rf" not in remedy["argv"] and "--help" not in remedy["argv"], remedy
    json.dumps(report)


def test_a_menu_that_names_initramfs_without_number_is_bounded_in_time(guest: Any, monkeypatch: Any) -> None:
    """The time is for all of them together."""
    directory = guest()
    with Root(directory) as root:
        assert all(archive.complete for archive in survey.survey(root, profile("bitfolk")).initramfs.values())
        monkeypatch.setattr(survey, "_INITRAMFS_SECONDS", 0.0)
        found = survey.survey(root, profile("bitfolk")).initramfs
    assert found and all(archive.problem and "seconds" in archive.problem.reason for archive in found.values())
