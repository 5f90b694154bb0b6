"""Debian packages: those of dpkg-deb are read as dpkg-deb reads them, and those of an enemy cost nothing."""

import io
import lzma
import os
import tarfile
import tracemalloc
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.archives import deb, package, record
from pvhready.archives.record import FILE, HARD_LINK, LINK, OTHER
from pvhready.unpack import Damaged, LimitReached, UnpackError
from support import wanted
from support.archives import Link, make_deb, run
from support.reading import entries, in_package, take

IMAGE = b"a kernel image, or so" * 5000
FILES = {
    "/boot/config-1.0-test": b"CONFIG_XEN=y\n",
    "/boot/vmlinuz-1.0-test": IMAGE,
    "/boot/vmlinuz": Link("vmlinuz-1.0-test"),
    "/usr/lib/modules/1.0-test/vmlinuz": Link("/boot/vmlinuz"),
    "/usr/share/doc/" + "long-name-" * 15 + "/" + "file" * 40: b"of a long name",
    "/usr/share/doc/\u00e4\u00f6": b"of a name in UTF-8",
    "/usr/share/empty": b"",
}
KERNEL = "/boot/vmlinuz-1.0-test"


@pytest.mark.parametrize("compression", ["xz", "gzip", "zstd", "none"])
def test_a_package_holds_what_dpkg_deb_says(compression: str, tmp_path: Any) -> None:
    path = make_deb(str(tmp_path), FILES, compression=compression)
    with tarfile.open(fileobj=io.BytesIO(run(["dpkg-deb", "--fsys-tarfile", path]))) as archive:
        expected = [
            (info.name.lstrip(".") or "/", info.mode, info.linkname, archive.extractfile(info).read() if info.isreg() else None)  # type: ignore[union-attr]
            for info in archive]
    found = [(entry.path, entry.mode, entry.target, entry.content) for entry in entries(path)]
    assert found == expected
    assert (KERNEL, 0o644, "", IMAGE) in found


@pytest.mark.parametrize("options", [(), ("--uniform-compression",), ("--no-uniform-compression",), ("-z1",), ("-Sextreme",)])
def test_a_package_says_what_dpkg_deb_says(options: Tuple[str, ...], tmp_path: Any) -> None:
    path = make_deb(str(tmp_path), FILES, version="2:1.0~rc1-1", options=options)
    found = in_package(path, package.describe)
    assert [found.name, found.version, found.architecture] == run(
        ["dpkg-deb", "--show", "--showformat=${Package} ${Version} ${Architecture}", path]).decode().split(" ")
    sums = run(["dpkg-deb", "--ctrl-tarfile", path])
    with tarfile.open(fileobj=io.BytesIO(sums)) as archive:
        lines = archive.extractfile("./md5sums").read().decode().splitlines()  # type: ignore[union-attr]
    assert found.digests == {"/" + line[34:]: line[:32] for line in lines}
    assert found.label == "linux-image-1.0-test 2:1.0~rc1-1"


def test_a_single_file_is_taken(tmp_path: Any) -> None:
    path = make_deb(str(tmp_path), FILES)
    entry = take(path, KERNEL)
    assert entry is not None and (entry.content, entry.mode) == (IMAGE, 0o644)
    assert take(path, "/boot/vmlinuz-2") is None
    for name in ("/boot/vmlinuz", "/usr/lib/modules/1.0-test/vmlinuz"):
        entry = take(path, name)
        assert entry is not None and (entry.path, entry.content) == (KERNEL, IMAGE)
    entry = take(path, "/nothing", "/boot/config-1.0-test", KERNEL)
    assert entry is not None and entry.path == "/boot/config-1.0-test"
    with pytest.raises(Damaged):
        take(path, KERNEL, limit=1000)


def test_a_file_that_the_package_s_own_checksum_denies(tmp_path: Any) -> None:
    path = make_deb(str(tmp_path), FILES, md5sums="{}  {}\n".format("0" * 32, KERNEL[1:]))
    with pytest.raises(Damaged, match="checksum"):
        take(path, KERNEL)


def test_a_package_without_checksums(tmp_path: Any) -> None:
    entry = take(make_deb(str(tmp_path), FILES, md5sums="nonsense\n"), KERNEL)
    assert entry is not None and entry.content == IMAGE


def test_a_package_cut_short_is_never_taken_for_whole(tmp_path: Any) -> None:
    """Whatever comes out of a part of a package is the right content, or an error."""
    for compression in ("xz", "none"):
        path = make_deb(str(tmp_path), FILES, name="linux-image-" + compression, compression=compression)
        with open(path, "rb") as handle:
            data = handle.read()
        whole = entries(path)
        places = set(range(0, len(data), 512)) | set(range(200)) | set(range(len(data) - 20, len(data)))
        for place in sorted(places):
            with open(path, "wb") as handle:
                handle.write(data[:place])
            with pytest.raises(UnpackError):
                assert entries(path) != whole
            with pytest.raises(UnpackError):
                take(path, KERNEL)


def ar(*parts: Tuple[str, bytes]) -> bytes:
    data = b"!<arch>\n"
    for name, content in parts:
        data += "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n".format(name, 0, 0, 0, 100644, len(content)).encode() + content
        data += b"\n" * (len(content) % 2)
    return data


def tar(*infos: tarfile.TarInfo, form: int = tarfile.GNU_FORMAT, contents: Optional[Dict[str, bytes]] = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for info in infos:
            content = (contents or {}).get(info.name, b"")
            info.size = len(content) if info.isreg() else info.size
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


CONTROL = tar(member("./control"), contents={"./control": b"Package: linux-image-1\nVersion: 1\nArchitecture: amd64\n"})


def hostile(folder: Any, data: bytes, name: str = "data.tar", control: bytes = CONTROL) -> str:
    path = str(folder / "hostile.deb")
    with open(path, "wb") as handle:
        handle.write(ar(("debian-binary", b"2.0\n"), ("control.tar", control), (name, data)))
    return path


def test_names_and_kinds_of_an_enemy_are_only_names(tmp_path: Any) -> None:
    data = tar(
        member("../../etc/passwd"), member("/etc/shadow"), member("./boot/../etc/x"), member("pipe", tarfile.FIFOTYPE),
        member("disk", tarfile.BLKTYPE), member("away", tarfile.SYMTYPE, "/etc/passwd"), member("loop", tarfile.SYMTYPE, "loop"),
        member("hard", tarfile.LNKTYPE, "../../etc/passwd"), member("out", tarfile.SYMTYPE, "../../../../etc/passwd"),
    )
    path = hostile(tmp_path, data)
    found = [(entry.path, entry.kind) for entry in entries(path)]
    assert found == [
        ("/../../etc/passwd", FILE), ("/etc/shadow", FILE), ("/boot/../etc/x", FILE), ("/pipe", OTHER), ("/disk", OTHER), ("/away", LINK),
        ("/loop", LINK), ("/hard", HARD_LINK), ("/out", LINK)]
    for name in ("/pipe", "/disk", "/loop"):
        with pytest.raises(Damaged):
            take(path, name)
    for name in ("/away", "/out", "/etc/passwd", "/etc/x"):
        assert take(path, name) is None
    assert sorted(os.listdir(str(tmp_path))) == ["hostile.deb"]


def test_a_hard_link_is_followed(tmp_path: Any) -> None:
    data = tar(member("./usr/vmlinuz"), member("./boot/vmlinuz", tarfile.LNKTYPE, "./usr/vmlinuz"), contents={"./usr/vmlinuz": IMAGE})
    entry = take(hostile(tmp_path, data), "/boot/vmlinuz")
    assert entry is not None and entry.content == IMAGE


def test_of_two_members_of_one_name_the_checksum_tells_the_right_one(tmp_path: Any) -> None:
    """dpkg unpacks both, so the last one stays."""
    import hashlib

    data = tar(member("./x"), contents={"./x": b"first"})[:1024] + tar(member("./x"), contents={"./x": b"second"})
    sums = "{}  x\n".format(hashlib.md5(b"second").hexdigest()).encode()
    control = tar(member("./control"), member("./md5sums"), contents={
        "./control": b"Package: linux-image-1\nVersion: 1\nArchitecture: amd64\n", "./md5sums": sums})
    with pytest.raises(Damaged, match="checksum"):
        take(hostile(tmp_path, data, control=control), "/x")


HUGE = 1 << 36
BOMBS = {
    "an extended header of 64 GB": member("x", tarfile.XHDTYPE, size=HUGE),
    "a global header of 64 GB": member("x", tarfile.XGLTYPE, size=HUGE),
    "a long name of 64 GB": member("x", tarfile.GNUTYPE_LONGNAME, size=HUGE),
    "a long link of 64 GB": member("x", tarfile.GNUTYPE_LONGLINK, size=HUGE),
    "a sparse file": member("x", tarfile.GNUTYPE_SPARSE, size=HUGE),
}


@pytest.mark.parametrize("kind", sorted(BOMBS))
def test_a_header_that_asks_for_memory_is_refused(kind: str, tmp_path: Any) -> None:
    zeros = lzma.compress(BOMBS[kind].tobuf(tarfile.GNU_FORMAT) + bytes(64 << 20), preset=0)
    path = hostile(tmp_path, zeros, "data.tar.xz")
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            entries(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_runs_out_of_its_budget(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(record, "MAX_OUTPUT", 8 << 20)
    info = member("x", size=HUGE)
    path = hostile(tmp_path, lzma.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(32 << 20), preset=0), "data.tar.xz")
    with pytest.raises(LimitReached):
        entries(path, lambda name: 0)
    with pytest.raises(Damaged):
        take(path, "/x")  # no image is so large


def test_more_files_than_a_package_can_have(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(deb, "MAX_MEMBERS", 100)
    with pytest.raises(Damaged):
        entries(hostile(tmp_path, tar(*(member("x{}".format(number)) for number in range(101)))))
    assert len(entries(hostile(tmp_path, tar(*(member("x{}".format(number)) for number in range(99)))))) == 99


WRONG = {
    "nothing": b"", "another ar archive": ar(("x", b"")), "no data": ar(("debian-binary", b"2.0\n"), ("control.tar", CONTROL)),
    "a lying size": ar(("debian-binary", b"2.0\n"), ("data.tar", CONTROL)).replace(b"10240     `", b"9999999999`"),
    "a size below zero": ar(("debian-binary", b"2.0\n"), ("data.tar", CONTROL)).replace(b"10240     `", b"-1        `"),
    "no end of a header": ar(("debian-binary", b"2.0\n"), ("data.tar", CONTROL)).replace(b"`\n", b"``"),
    "no control": ar(("debian-binary", b"2.0\n"), ("control.tar", tar(member("x"))), ("data.tar", CONTROL)),
    "control twice": ar(("debian-binary", b"2.0\n"), ("control.tar", CONTROL[:1024] + CONTROL), ("data.tar", CONTROL)),
    "a control that names nothing": ar(("debian-binary", b"2.0\n"), ("control.tar", tar(
        member("control"), contents={"control": b"Package: x\n"})), ("data.tar", CONTROL)),
    "a hundred parts": ar(*([("debian-binary", b"2.0\n")] + [("x", b"")] * 100 + [("data.tar", CONTROL)])),
    "an unknown compression": ar(("debian-binary", b"2.0\n"), ("control.tar.xyz", CONTROL)),
    "something behind the data": ar(("debian-binary", b"2.0\n"), ("control.tar.xz", lzma.compress(CONTROL) + b"xxxx")),
    "a checksum that is wrong": ar(("debian-binary", b"2.0\n"), ("control.tar", CONTROL.replace(b"./control", b"./contrOl"))),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_what_is_no_package_is_damaged(what: str, tmp_path: Any) -> None:
    path = str(tmp_path / "x.deb")
    with open(path, "wb") as handle:
        handle.write(WRONG[what])
    with pytest.raises(UnpackError) as caught:
        in_package(path, package.describe)
        entries(path)
    assert caught.value.reason


def test_streams_one_behind_the_other(tmp_path: Any) -> None:
    data = tar(member("./x"), contents={"./x": IMAGE})
    path = hostile(tmp_path, lzma.compress(data[:5000]) + lzma.compress(data[5000:]), "data.tar.xz")
    assert [entry.content for entry in entries(path)] == [IMAGE]


def test_other_compressions_that_dpkg_reads(tmp_path: Any) -> None:
    data = tar(member("./x"), contents={"./x": IMAGE})
    for tool, ending, arguments in (("bzip2", ".bz2", ["-c"]), ("xz", ".lzma", ["--format=lzma", "-c"])):
        packed = run([wanted.tool(tool, tool)] + arguments, data)
        assert [entry.content for entry in entries(hostile(tmp_path, packed, "data.tar" + ending))] == [IMAGE]


SMALL = ar(("debian-binary", b"2.0\n"), ("control.tar", CONTROL), ("data.tar", tar(member("./x"), contents={"./x": b"content"})))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
def test_any_bytes_end_in_an_answer(tmp_path: Any, changes: List[Tuple[int, bytes]]) -> None:
    data = bytearray(SMALL)
    for place, piece in changes:
        data[place:place + len(piece)] = piece
    path = str(tmp_path / "any.deb")
    with open(path, "wb") as handle:
        handle.write(data)
    tasks: List[Callable[[Any], Any]] = [
        package.describe, lambda file: package.take(file, ["/x"], 1 << 20), lambda file: list(package.entries(file, lambda name: 9))]
    for task in tasks:
        try:
            in_package(path, task)
        except UnpackError as error:
            assert error.reason
