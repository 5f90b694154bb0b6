"""rpm packages: those of rpmbuild are read as rpm reads them, and those of an enemy cost nothing."""

import os
import struct
import subprocess
from typing import Any, Callable, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.archives import package, record, rpm
from pvhready.archives.record import LINK
from pvhready.unpack import Damaged, LimitReached, UnpackError
from support import wanted
from support.archives import Link, make_rpm, run
from support.reading import entries, in_package, take

IMAGE = b"a kernel image, or so" * 5000
FILES = {
    "/boot/config-1.0": b"CONFIG_XEN=y\n",
    "/boot/vmlinuz-1.0": IMAGE,
    "/lib/modules/1.0/vmlinuz": IMAGE[1:],
    "/lib/modules/1.0/link": Link("../../../boot/vmlinuz-1.0"),
    "/lib/modules/1.0/empty": b"",
}
KERNEL = "/lib/modules/1.0/vmlinuz"
PAYLOADS = ["w9.gzdio", "w9.bzdio", "w7.xzdio", "w7.lzdio", "w19.zstdio", "w.ufdio"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_package_holds_what_rpm_says(payload: str, tmp_path: Any) -> None:
    path = make_rpm(str(tmp_path), FILES, payload=payload, ghosts=["/boot/vmlinuz-1.0"])
    wanted.tool("rpm2cpio", "rpm2cpio")
    wanted.tool("cpio", "cpio")
    archive = run(["rpm2cpio", path])
    listed = run(["cpio", "-it", "--quiet"], archive).decode().split("\n")[:-1]
    found = entries(path)
    assert [entry.path for entry in found] == [name.lstrip(".") for name in listed]
    os.mkdir(str(tmp_path / "out"))
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=str(tmp_path / "out"), check=True)
    assert "/boot/vmlinuz-1.0" not in [entry.path for entry in found]
    for entry in found:
        real = str(tmp_path / "out") + entry.path
        if entry.kind == LINK:
            assert entry.target == os.readlink(real)
            continue
        with open(real, "rb") as handle:
            assert entry.content == handle.read()
        assert entry.mode == os.stat(real).st_mode & 0o7777


@pytest.mark.parametrize("algorithm", [1, 2, 8, 10])
def test_a_package_says_what_rpm_says(algorithm: int, tmp_path: Any) -> None:
    path = make_rpm(str(tmp_path), FILES, ghosts=["/boot/vmlinuz-1.0"], algorithm=algorithm)
    found = in_package(path, package.describe)
    label = run(["rpm", "-qp", path]).decode().strip()
    assert found.label == label == "kernel-core-1.0-1.test.x86_64"
    query = run(["rpm", "-qp", "--qf", "%{NAME}|%{VERSION}-%{RELEASE}|%{ARCH}", path]).decode()
    assert [found.name, found.version, found.architecture] == query.split("|")
    lines = run(["rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEDIGESTS}\n]", path]).decode().splitlines()
    assert found.digests == {line.split(" ")[0]: line.split(" ")[1] for line in lines if line.split(" ")[1]}
    entry = take(path, "/boot/vmlinuz-1.0", KERNEL)
    assert entry is not None and (entry.path, entry.content) == (KERNEL, IMAGE[1:])


def test_a_single_file_is_taken(tmp_path: Any) -> None:
    path = make_rpm(str(tmp_path), FILES)
    entry = take(path, "/lib/modules/1.0/link")
    assert entry is not None and (entry.path, entry.content, entry.mode) == ("/boot/vmlinuz-1.0", IMAGE, 0o644)
    assert take(path, "/boot/vmlinuz-2") is None
    with pytest.raises(Damaged):
        take(path, KERNEL, limit=1000)


def test_a_package_cut_short_is_never_taken_for_whole(tmp_path: Any) -> None:
    for payload in ("w7.xzdio", "w.ufdio"):
        path = make_rpm(str(tmp_path), FILES, payload=payload)
        with open(path, "rb") as handle:
            data = handle.read()
        for place in sorted(set(range(0, len(data), 512)) | set(range(200)) | set(range(len(data) - 20, len(data) - 3))):
            with open(path, "wb") as handle:
                handle.write(data[:place])
            try:
                assert entries(path) == []  # right behind the header nothing says that there is more
            except UnpackError as error:
                assert error.reason
            try:
                entry = take(path, KERNEL)
                assert entry is None or entry.content == IMAGE[1:]
            except UnpackError as error:
                assert error.reason


def test_a_file_that_the_package_s_own_checksum_denies(tmp_path: Any) -> None:
    path = make_rpm(str(tmp_path), FILES, payload="w.ufdio")
    with open(path, "rb") as handle:
        data = handle.read()
    with open(path, "wb") as handle:
        handle.write(data.replace(IMAGE[1:], b"X" + IMAGE[2:]))
    with pytest.raises(Damaged, match="checksum"):
        take(path, KERNEL)


LEAD = b"\xed\xab\xee\xdb" + bytes(92)
EMPTY = b"\x8e\xad\xe8\x01" + bytes(12)


def header(entries_count: int = 0, length: int = 0, data: bytes = b"") -> bytes:
    return b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", entries_count, length) + data


def member(name: str, mode: int, content: bytes = b"", size: Optional[int] = None) -> bytes:
    fields = [1, mode, 0, 0, 1, 0, len(content) if size is None else size, 0, 0, 0, 0, len(name) + 1, 0]
    data = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return data + bytes(-len(data) % 4) + content + bytes(-len(content) % 4)


def hostile(folder: Any, payload: bytes) -> str:
    path = str(folder / "hostile.rpm")
    with open(path, "wb") as handle:
        handle.write(LEAD + EMPTY + EMPTY + payload + member("TRAILER!!!", 0))
    return path


def test_names_and_kinds_of_an_enemy_are_only_names(tmp_path: Any) -> None:
    payload = member("../../etc/passwd", 0o100644, b"x") + member("pipe", 0o10644) + member("./away", 0o120777, b"/etc/passwd")
    found = entries(hostile(tmp_path, payload))
    assert [(entry.path, entry.kind) for entry in found] == [("/../../etc/passwd", "file"), ("/pipe", "other"), ("/away", "link")]
    assert sorted(os.listdir(str(tmp_path))) == ["hostile.rpm"]


@pytest.mark.parametrize("payload", [
    member("x", 0o100644, size=0xFFFFFFFF), member("x", 0o120777, b"x" * 5000), member("x", 0o100644, b"abc")[:-4], b"07070X" + bytes(200),
])
def test_a_lying_payload_is_damaged(payload: bytes, tmp_path: Any) -> None:
    with pytest.raises(Damaged):
        entries(hostile(tmp_path, payload))


def test_a_bomb_runs_out_of_its_budget(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(record, "MAX_OUTPUT", 8 << 20)
    packed = run([wanted.tool("xz", "xz-utils"), "-0c"], member("x", 0o100644, bytes(16 << 20)))
    with pytest.raises(LimitReached):
        entries(hostile(tmp_path, packed), lambda name: 0)


def test_more_files_than_a_package_can_have(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(rpm, "MAX_MEMBERS", 100)
    with pytest.raises(Damaged):
        entries(hostile(tmp_path, member("x", 0o100644) * 101))
    assert len(entries(hostile(tmp_path, member("x", 0o100644) * 100))) == 100


WRONG = {
    "nothing": b"", "no signature": LEAD, "no header": LEAD + EMPTY, "another magic": LEAD + EMPTY + EMPTY.replace(b"\x8e", b"\x8f"),
    "a signature of 64 GB": LEAD + header(1 << 31, 1 << 31), "a header of 64 GB": LEAD + EMPTY + header(1 << 31, 1 << 31),
    "an empty header": LEAD + EMPTY + EMPTY, "a header cut short": LEAD + EMPTY + header(1, 100, bytes(50)),
    "a header that names nothing": LEAD + EMPTY + header(1, 4, struct.pack(">IIII", 1000, 6, 0, 1) + b"abc\0"),
    "a text without end": LEAD + EMPTY + header(1, 4, struct.pack(">IIII", 1000, 6, 0, 1) + b"abcd"),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_what_is_no_package_is_damaged(what: str, tmp_path: Any) -> None:
    path = str(tmp_path / "x.rpm")
    with open(path, "wb") as handle:
        handle.write(WRONG[what])
    with pytest.raises(UnpackError) as caught:
        in_package(path, package.describe)
    assert caught.value.reason


@pytest.fixture(scope="module")
def small(tmp_path_factory: Any) -> Tuple[str, bytes]:
    folder = str(tmp_path_factory.mktemp("small"))
    with open(make_rpm(folder, {"/x": b"content"}, payload="w.ufdio"), "rb") as handle:
        return os.path.join(folder, "any.rpm"), handle.read()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
def test_any_bytes_end_in_an_answer(small: Tuple[str, bytes], changes: List[Tuple[int, bytes]]) -> None:
    path, original = small
    data = bytearray(original)
    for place, piece in changes:
        data[place % len(data):place % len(data) + len(piece)] = piece
    with open(path, "wb") as handle:
        handle.write(data)
    tasks: List[Callable[[Any], Any]] = [
        package.describe, lambda file: package.take(file, ["/x"], 1 << 20), lambda file: list(package.entries(file, lambda name: 9))]
    for task in tasks:
        try:
            in_package(path, task)
        except UnpackError as error:
            assert error.reason
