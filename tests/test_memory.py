"""The memory gives back what was put in, or nothing: never something else."""

import os
import subprocess
import sys
from typing import Any, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.memory import results as memory
from pvhready.memory.folder import Folder
from pvhready.memory.results import Memory
from pvhready.root import Stamp

STAMP = Stamp("/boot/initrd.img-6.1", 12, 345, 1600000000123456789, 1600000001123456789)
FIELDS = ("gzip", "6.1", "ext4 xen_blkfront")
ME = os.geteuid()


@pytest.fixture
def folder(tmp_path: Any) -> Any:
    return tmp_path / "cache"


def fill(folder: Any, stamp: Stamp = STAMP) -> None:
    Memory(Folder(str(folder), ME)).remember("initramfs", stamp, FIELDS)


def known(folder: Any, stamp: Stamp = STAMP) -> Any:
    return Memory(Folder(str(folder), ME)).recall("initramfs", stamp)


def test_what_was_remembered_is_recalled_by_another_run(folder: Any) -> None:
    assert known(folder) is None
    fill(folder)
    assert known(folder) == FIELDS
    assert os.stat(str(folder)).st_mode & 0o7777 == 0o700
    assert os.stat(str(folder / memory.FILE)).st_mode & 0o7777 == 0o600
    assert os.listdir(str(folder)) == [memory.FILE]


@pytest.mark.parametrize("other", [
    STAMP._replace(path="/boot/initrd.img-6"), STAMP._replace(path="/boot/initrd.img-6.1x"), STAMP._replace(path="x/boot/initrd.img-6.1"),
    STAMP._replace(inode=2), STAMP._replace(inode=112), STAMP._replace(size=34), STAMP._replace(mtime=1600000000123456780),
    STAMP._replace(ctime=160000000112345678), STAMP._replace(ctime=STAMP.mtime),
])
def test_another_file_or_state_is_not_known(other: Stamp, folder: Any) -> None:
    fill(folder)
    assert known(folder, other) is None


def test_another_kind_is_not_known(folder: Any) -> None:
    fill(folder)
    assert Memory(Folder(str(folder), ME)).recall("ramfs", STAMP) is None
    assert Memory(Folder(str(folder), ME)).recall("", STAMP) is None


def test_a_later_state_takes_the_place_of_the_earlier(folder: Any) -> None:
    fill(folder)
    fill(folder, STAMP._replace(size=346))
    assert known(folder) is None
    assert known(folder, STAMP._replace(size=346)) == FIELDS
    assert (folder / memory.FILE).read_bytes().count(b"\n") == 2


def test_names_of_any_bytes_are_kept(folder: Any) -> None:
    odd = STAMP._replace(path="/boot/ümlaut \udcff")
    fill(folder, odd)
    assert known(folder, odd) == FIELDS


@pytest.mark.parametrize("path", ["/boot/a\tb", "/boot/a\nb", "/boot/a\0b", "/boot/\ud800"])
def test_names_that_would_break_a_line_are_not_kept(path: str, folder: Any) -> None:
    fill(folder)
    fill(folder, STAMP._replace(path=path))
    assert known(folder, STAMP._replace(path=path)) is None
    assert known(folder) == FIELDS


def test_a_field_that_would_break_a_line_is_not_kept(folder: Any) -> None:
    Memory(Folder(str(folder), ME)).remember("initramfs", STAMP, ("gzip", "a\tb", "c\nd"))
    assert known(folder) is None


def test_a_file_that_changed_a_moment_ago_is_not_kept(folder: Any, tmp_path: Any) -> None:
    (tmp_path / "now").write_bytes(b"x")
    status = os.stat(str(tmp_path / "now"))
    stamp = STAMP._replace(mtime=0, ctime=status.st_ctime_ns)
    fill(folder, stamp)
    assert known(folder, stamp) is None
    future = STAMP._replace(mtime=status.st_ctime_ns + 10 ** 15)
    fill(folder, future)
    assert known(folder, future) is None


def test_the_oldest_are_forgotten_first(folder: Any) -> None:
    store = Memory(Folder(str(folder), ME))
    stamps = [STAMP._replace(path="/boot/{}".format(number)) for number in range(30)]
    for stamp in stamps:
        store.remember("initramfs", stamp, ("x" * 100000,))
    assert os.stat(str(folder / memory.FILE)).st_size <= memory.MAX_SIZE
    remembered = [known(folder, stamp) is not None for stamp in stamps]
    assert remembered == sorted(remembered) and 5 <= sum(remembered) < 20


def test_a_result_that_is_too_large_is_not_kept(folder: Any) -> None:
    Memory(Folder(str(folder), ME)).remember("initramfs", STAMP, ("x" * (memory.MAX_LINE + 1),))
    assert not folder.exists()


# Hostile and broken memories


def test_no_altered_byte_makes_another_answer(folder: Any) -> None:
    fill(folder)
    path = folder / memory.FILE
    good = path.read_bytes()
    for offset in range(len(good)):
        for byte in (good[offset] ^ 1, 0x09, 0x0A, 0x20, 0xFF):
            path.write_bytes(good[:offset] + bytes([byte]) + good[offset + 1:])
            assert known(folder) in (None, FIELDS) and (byte == good[offset] or known(folder) is None)


def test_no_cut_makes_another_answer(folder: Any) -> None:
    fill(folder)
    path = folder / memory.FILE
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        assert known(folder) is None


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_any_content_is_borne(folder: Any, data: bytes) -> None:
    fill(folder)
    (folder / memory.FILE).write_bytes(b"pvhready memory 2\n" + data + b"\n")
    assert known(folder) is None
    fill(folder)
    assert known(folder) == FIELDS


def test_a_broken_line_does_not_spoil_the_others_and_is_dropped(folder: Any) -> None:
    fill(folder)
    with open(str(folder / memory.FILE), "ab") as handle:
        handle.write(b"00000000\tinitramfs\t/boot/x\t1\t2\t3\t4\tgzip\t6.1\text4\n\n\t\t\n")
    assert known(folder) == FIELDS
    assert known(folder, Stamp("/boot/x", 1, 2, 3, 4)) is None
    fill(folder, STAMP._replace(path="/boot/y"))
    assert (folder / memory.FILE).read_bytes().count(b"\n") == 3


def test_another_format_is_not_read(folder: Any) -> None:
    fill(folder)
    path = folder / memory.FILE
    path.write_bytes(path.read_bytes().replace(b"memory 2", b"memory 3"))
    assert known(folder) is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_directory_that_others_may_write_to_is_not_used(mode: int, folder: Any) -> None:
    fill(folder)
    os.chmod(str(folder), mode)
    assert known(folder) is None
    before = (folder / memory.FILE).read_bytes()
    fill(folder, STAMP._replace(path="/boot/y"))
    assert (folder / memory.FILE).read_bytes() == before


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_is_not_read(mode: int, folder: Any) -> None:
    fill(folder)
    os.chmod(str(folder / memory.FILE), mode)
    assert known(folder) is None


def test_a_directory_behind_a_link_is_not_used(folder: Any, tmp_path: Any) -> None:
    fill(folder)
    (tmp_path / "link").symlink_to(folder)
    assert known(tmp_path / "link") is None
    fill(tmp_path / "link", STAMP._replace(path="/boot/y"))
    assert known(folder, STAMP._replace(path="/boot/y")) is None


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_a_memory_that_is_no_file_is_not_read(kind: str, folder: Any, tmp_path: Any) -> None:
    fill(folder)
    path = folder / memory.FILE
    path.rename(tmp_path / "moved")
    if kind == "link":
        path.symlink_to(tmp_path / "moved")
    elif kind == "fifo":
        os.mkfifo(str(path))
    else:
        path.mkdir()
    assert known(folder) is None
    fill(folder)
    assert (known(folder) is None) == (kind == "directory")
    assert (tmp_path / "moved").exists()


def test_a_directory_of_another_owner_is_not_used(folder: Any) -> None:
    fill(folder)
    other = Memory(Folder(str(folder), ME + 1))
    assert other.recall("initramfs", STAMP) is None
    other.remember("initramfs", STAMP._replace(path="/boot/y"), FIELDS)
    assert known(folder, STAMP._replace(path="/boot/y")) is None


def test_nothing_is_made_for_another_user_than_the_owner(folder: Any) -> None:
    Memory(Folder(str(folder), ME + 1)).remember("initramfs", STAMP, FIELDS)
    assert not folder.exists()


def test_a_missing_parent_or_a_file_in_its_place_is_no_error(tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "no" / "such", tmp_path / "file", tmp_path / "file" / "below"):
        fill(folder)
        assert known(folder) is None


def test_what_a_killed_run_left_is_swept_away(folder: Any) -> None:
    fill(folder)
    old, new = folder / (memory.FILE + ".99999999"), folder / (memory.FILE + ".88888888")
    for path in (old, new, folder / "{}.{}".format(memory.FILE, os.getpid())):
        path.write_bytes(b"half a memory")
    os.utime(str(old), (1, 1))
    fill(folder, STAMP._replace(size=1))
    assert sorted(os.listdir(str(folder))) == [memory.FILE, new.name]


def test_runs_at_the_same_time_leave_a_sound_memory(folder: Any) -> None:
    fill(folder)
    script = (
        "import sys; from pvhready.root import Stamp\n"
        "from pvhready.memory.folder import Folder; from pvhready.memory.results import Memory\n"
        "for i in range(60):\n"
        "    m = Memory(Folder(sys.argv[1], int(sys.argv[2])))\n"
        "    got = m.recall('initramfs', Stamp('/boot/%d' % (i % 7), 1, 2, 3, 4))\n"
        "    assert got in (None, ('a', 'b' * 5000)), got\n"
        "    m.remember('initramfs', Stamp('/boot/%d' % (i % 7), 1, 2, 3, 4), ('a', 'b' * 5000))\n"
    )
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(memory.__file__))))
    runs: List[Any] = [subprocess.Popen([sys.executable, "-c", script, str(folder), str(ME)], cwd=top) for _ in range(4)]
    assert [run.wait() for run in runs] == [0] * 4
    assert os.listdir(str(folder)) == [memory.FILE]
    assert known(folder, Stamp("/boot/3", 1, 2, 3, 4)) == ("a", "b" * 5000)


def test_to_recall_imports_nothing_heavy(folder: Any) -> None:
    fill(folder)
    script = (
        "import sys, typing, pvhready.root; before = set(sys.modules)\n"
        "from pvhready.memory.folder import Folder; from pvhready.memory.results import Memory\n"
        "from pvhready.root import Stamp\n"
        "import pvhready.probes.initramfs\n"
        "assert Memory(Folder(sys.argv[1], int(sys.argv[2]))).recall('initramfs', Stamp({!r}, *map(int, sys.argv[3:])))\n"
        "print(*sorted(set(sys.modules) - before))\n"
    ).format(STAMP.path)
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(memory.__file__))))
    command = [sys.executable, "-c", script, str(folder), str(ME)] + [str(value) for value in STAMP[1:]]
    printed = subprocess.run(command, cwd=top, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    ours = {"memory", "memory.folder", "memory.results", "facts", "probes", "probes.initramfs", "probes.names"}
    assert set(printed) <= {"binascii", "time"} | {"pvhready." + name for name in ours}
