"""Owners against dpkg and rpm themselves, and against databases that lie."""

import hashlib
import os
import shutil
import sqlite3
import struct
import subprocess
from pathlib import Path
from typing import Dict, List, Sequence, Tuple, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvhready.facts import Guest, Problem
from pvhready.probes.kernels import read_kernel
from pvhready.probes.packages import Owners
from pvhready.probes.rpm import read_header
from pvhready.root import File, Root

RELEASE = "6.1.0-50-amd64"

needs_dpkg = pytest.mark.skipif(not (shutil.which("dpkg") and shutil.which("dpkg-deb")), reason="dpkg is the oracle and is not here")
needs_rpm = pytest.mark.skipif(not (shutil.which("rpm") and shutil.which("rpmbuild")), reason="rpm is the oracle and is not here")


def write(top: Path, path: str, text: str = "") -> None:
    place = top / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode("utf-8", "surrogateescape"))


def dpkg_root(top: Path, lists: Dict[str, List[str]], status: str = "Package: base-files\n", diversions: str = "") -> Path:
    write(top, "/var/lib/dpkg/status", status)
    write(top, "/var/lib/dpkg/diversions", diversions)
    for package, paths in lists.items():
        write(top, "/var/lib/dpkg/info/{}.list".format(package), "/.\n" + "".join(path + "\n" for path in paths))
    return top


def ask(top: Path, path: str) -> Union[str, None]:
    with Root(str(top)) as root:
        owners = Owners(root)
        answer = owners.owner(path)
        assert owners.problems == ()
        return answer


def run(*command: str) -> str:
    environment = dict(os.environ, LC_ALL="C")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, env=environment)
    assert done.returncode == 0, done.stdout
    return done.stdout


# dpkg itself

PACKAGES = {
    "linux-image-" + RELEASE: ("", ["/boot/vmlinuz-" + RELEASE, "/lib/modules/{}/kernel/a.ko".format(RELEASE)]),
    "linux-binary-6.16.3+deb14-amd64": ("", ["/usr/lib/modules/6.16.3+deb14-amd64/vmlinuz"]),
    "linux-image-unsigned-5.15.0-91-generic": ("", ["/boot/vmlinuz-5.15.0-91-generic"]),
    "raspberrypi-kernel": ("", ["/boot/vmlinuz-5.10.1-v8"]),
    "proxmox-kernel-6.8.4-2-pve-signed": ("", ["/boot/vmlinuz-6.8.4-2-pve"]),
    "gandi-hosting-vm2": ("", ["/etc/kernel/postinst.d/gandi-decompress-kernel", "/usr/share/gandi/decompress-kernel"]),
    "libexample1": ("Multi-Arch: same\n", ["/etc/example.conf", "/usr/share/doc/libexample1/copyright"]),
}


CONTROL = "Package: {}\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@b.c>\n{}Description: x\n"


def build_debs(top: Path) -> List[str]:
    debs = []
    for name, (fields, paths) in PACKAGES.items():
        tree = top / name
        for path in paths:
            write(tree, path, "x")
        write(tree, "/DEBIAN/control", CONTROL.format(name, fields))
        write(tree, "/DEBIAN/conffiles", "".join(path + "\n" for path in paths if path.startswith("/etc/")))
        debs.append(str(top / (name + ".deb")))
        run("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), debs[-1])
    return debs


@needs_dpkg
@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg --root wants root")
def test_dpkg_says_the_same(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    for folder in ("info", "updates", "triggers"):
        (guest / "var/lib/dpkg" / folder).mkdir(parents=True)
    (guest / "usr/lib").mkdir(parents=True)
    (guest / "lib").symlink_to("usr/lib")
    write(guest, "/var/lib/dpkg/status")
    arguments = ("dpkg", "--root=" + str(guest), "--force-all", "--log=/dev/null")
    run(*arguments, "-i", *build_debs(tmp_path))
    with Root(str(guest)) as root:
        owners = Owners(root)
        for _, paths in PACKAGES.values():
            for path in paths:
                answer = run("dpkg-query", "--admindir=" + str(guest / "var/lib/dpkg"), "-S", path)
                assert answer.strip() == "{}: {}".format(owners.owner(path), path)
        assert owners.owner("/usr/lib/modules/{}/kernel/a.ko".format(RELEASE)) == "linux-image-" + RELEASE  # shipped as /lib
        assert owners.owner("/boot/vmlinuz-" + RELEASE + ".bak") is None
        assert owners.problems == ()


# dpkg's files

@pytest.mark.parametrize("package, release, path", [
    ("linux-image-" + RELEASE, RELEASE, "/boot/vmlinuz-" + RELEASE),
    ("linux-image-6.1.0-mine-x", "6.1.0-Mine_x", "/boot/vmlinuz-6.1.0-Mine_x"),
    ("linux-image-{}-unsigned".format(RELEASE), RELEASE, "/boot/vmlinuz-" + RELEASE),
    ("linux-modules-5.4.0-26-generic", "5.4.0-26-generic", "/boot/config-5.4.0-26-generic"),
    ("linux-base-6.16.3+deb14-amd64", "6.16.3+deb14-amd64", "/usr/lib/modules/6.16.3+deb14-amd64/config"),
    ("linux-image-current-meson64", "6.1.11-meson64", "/boot/vmlinuz-6.1.11-meson64"),
])
def test_kernel_packages(tmp_path: Path, package: str, release: str, path: str) -> None:
    top = dpkg_root(tmp_path, {package: ["/boot", path], "bash": ["/bin/bash"], "linux-image-amd64": ["/usr/share/doc"]})
    assert ask(top, path) == package
    assert ask(top, path + ".bak") is None
    assert ask(top, path[:-1]) is None


def test_a_path_is_a_whole_line(tmp_path: Path) -> None:
    top = dpkg_root(tmp_path, {"linux-image-" + RELEASE: ["/boot/vmlinuz-" + RELEASE + "x", "/chroot/boot/vmlinuz-" + RELEASE]})
    assert ask(top, "/boot/vmlinuz-" + RELEASE) is None
    assert ask(top, "/boot/vmlinuz-{0}x\n/chroot/boot/vmlinuz-{0}".format(RELEASE)) is None


def test_a_path_across_two_reads(tmp_path: Path) -> None:
    """Wherever the list is cut while it is read, the line is found; also the last one without its end."""
    path = "/boot/vmlinuz-" + RELEASE
    for filler in range(8 * 1024 - 50, 8 * 1024 + 3):
        package = "linux-image-" + RELEASE
        write(tmp_path, "/var/lib/dpkg/status", "x")
        write(tmp_path, "/var/lib/dpkg/info/{}.list".format(package), "/" + "f" * filler + "\n" + path)
        assert ask(tmp_path, path) == package


def test_merged_usr_only_where_it_is_merged(tmp_path: Path) -> None:
    top = dpkg_root(tmp_path, {"linux-image-" + RELEASE: ["/lib/modules/{}/vmlinuz".format(RELEASE)]})
    (top / "lib").mkdir()
    assert ask(top, "/usr/lib/modules/{}/vmlinuz".format(RELEASE)) is None
    (top / "lib").rmdir()
    (top / "lib").symlink_to("usr/lib")
    assert ask(top, "/usr/lib/modules/{}/vmlinuz".format(RELEASE)) == "linux-image-" + RELEASE


def test_diversions(tmp_path: Path) -> None:
    hook, helper = "/etc/kernel/postinst.d/hook", "/usr/share/gandi/helper"
    status = "Package: gandi\nConffiles:\n {} 0123\nDescription: x\n\nPackage: other\nStatus: installed\n".format(hook)
    diversions = "{0}\n{0}.off\n:\n{1}\n{1}.gandi\nother\n".format(hook, helper)
    top = dpkg_root(tmp_path, {"gandi": [hook, helper], "other": [helper]}, status, diversions)
    assert ask(top, hook) is None  # moved away by the administrator: what is there now is nobody's
    assert ask(top, hook + ".off") == "gandi"
    assert ask(top, helper) == "other"
    assert ask(top, helper + ".gandi") == "gandi"


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = os.fsdecode(b"/usr/share/\xff\xfe")
    assert ask(dpkg_root(tmp_path, {"odd": [path]}), path) == "odd"


def test_unreadable_lists_are_told(tmp_path: Path) -> None:
    top = dpkg_root(tmp_path, {})
    os.makedirs(str(top / "var/lib/dpkg/info/linux-image-1.list"))
    os.mkfifo(str(top / "var/lib/dpkg/info/bash.list"))
    with Root(str(top)) as root:
        owners = Owners(root)
        assert owners.owner("/boot/vmlinuz-1") is None
        assert owners.problems == (Problem("/var/lib/dpkg/info/linux-image-1.list", "is a directory, not a file"),)
        assert owners.owner("/usr/bin/bash") is None
        assert owners.problems[-1:] == (Problem("/var/lib/dpkg/info/bash.list", "is a FIFO, not a file"),)


def test_checksums_that_cannot_be_read_are_told_once(tmp_path: Path) -> None:
    top = dpkg_root(tmp_path, {"bash": ["/usr/bin/bash", "/usr/bin/sh"]})
    os.mkfifo(str(top / "var/lib/dpkg/info/bash.md5sums"))
    with Root(str(top)) as root:
        owners = Owners(root)
        assert owners.checksum("/usr/bin/bash") is None and owners.checksum("/usr/bin/sh") is None
        assert owners.problems == (Problem("/var/lib/dpkg/info/bash.md5sums", "is a FIFO, not a file"),)


def test_many_kernels_read_few_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 packages and 50 kernels: one list for each kernel, not 500."""
    kernels = ["6.1.0-{}-amd64".format(number) for number in range(50)]
    lists = {"package{}".format(number): ["/usr/share/doc/{}".format(number)] for number in range(450)}
    lists.update({"linux-image-" + release: ["/boot/vmlinuz-" + release] for release in kernels})
    opened: List[str] = []
    with Root(str(dpkg_root(tmp_path, lists))) as root:
        really_open = root.open

        def note(path: str) -> File:
            opened.append(path)
            return really_open(path)

        monkeypatch.setattr(root, "open", note)
        owners = Owners(root)
        for release in kernels:
            assert owners.owner("/boot/vmlinuz-" + release) == "linux-image-" + release
        assert len(opened) == 50 + 1  # and the diversions
        del opened[:]
        assert [owners.owner("/boot/vmlinuz-{}.old".format(release)) for release in kernels] == [None] * 50
        assert len(opened) <= 50 + 1  # each one's namesake, for the .old might be part of a release


# rpm itself

SPEC = """
Name: kernel-core
Version: {version}
Release: 300.fc39
Summary: x
License: x
BuildArch: noarch
%description
x
%install
mkdir -p %{{buildroot}}/lib/modules/{version} %{{buildroot}}/usr/lib/modules/{version} %{{buildroot}}/etc/hooks %{{buildroot}}/boot
touch %{{buildroot}}/lib/modules/{version}/vmlinuz %{{buildroot}}/usr/lib/modules/{version}/config %{{buildroot}}/etc/hooks/a-{version}
%files
/lib/modules/{version}
/usr/lib/modules/{version}/config
/etc/hooks/a-{version}
%ghost /boot/vmlinuz-{version}
"""


@needs_rpm
def test_rpm_says_the_same(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    guest.mkdir()
    rpm = ("rpm", "--root", str(guest), "-D", "_dbpath /var/lib/rpm", "-D", "_db_backend sqlite")
    run(*rpm, "--initdb")
    paths: List[str] = []
    for version in ("6.5.6", "6.5.7", "6.6.1"):
        write(tmp_path, "spec", SPEC.format(version=version))
        run("rpmbuild", "-D", "_topdir {}".format(tmp_path / version), "-bb", str(tmp_path / "spec"))
        run(*rpm, "-i", "--nodeps", "--noscripts", "--force-debian", *(str(path) for path in (tmp_path / version).glob("RPMS/*/*.rpm")))
        paths += [text.format(version) for text in
                  ("/lib/modules/{}/vmlinuz", "/usr/lib/modules/{}/config", "/boot/vmlinuz-{}", "/etc/hooks/a-{}")]
    with Root(str(guest)) as root:
        owners = Owners(root)
        answers = [owners.owner(path) for path in paths]
        assert owners.owner("/boot/vmlinuz-6.5.8") is None
        empty = hashlib.sha256().hexdigest()
        assert owners.checksum("/lib/modules/6.5.6/vmlinuz") == ("kernel-core-6.5.6-300.fc39.noarch", "sha256", empty)
        assert owners.checksum("/boot/vmlinuz-6.5.6") is None  # %ghost
        assert owners.problems == ()
    assert answers == run(*rpm, "-qf", *paths).split()
    shutil.rmtree(str(guest / "lib"))
    (guest / "lib").symlink_to("usr/lib")
    assert ask(guest, "/usr/lib/modules/6.5.6/vmlinuz") == "kernel-core-6.5.6-300.fc39.noarch"


# rpm's database by hand

BASENAMES = (
    "CREATE TABLE 'Basenames' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL,"
    " FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum))"
)
TABLES = (
    "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)",
    BASENAMES,
    "CREATE INDEX 'Basenames_key_idx' ON 'Basenames'(key ASC)",
)


def header(directories: Sequence[bytes] = (b"/boot/",), basenames: Sequence[bytes] = (b"vmlinuz-1",), states: bytes = b"\0") -> bytes:
    tags = [(1000, b"kernel-core\0", 1), (1001, b"1\0", 1), (1002, b"2.el9\0", 1), (1022, b"x86_64\0", 1), (1029, states, len(states)),
            (1116, struct.pack(">I", 0) * len(basenames), len(basenames)),
            (1117, b"".join(name + b"\0" for name in basenames), len(basenames)),
            (1118, b"".join(name + b"\0" for name in directories), len(directories))]
    index, data = b"", b""
    for tag, value, count in tags:
        index += struct.pack(">IIII", tag, 8, len(data), count)
        data += value
    return struct.pack(">II", len(tags), len(data)) + index + data


def rpm_root(top: Path, blob: bytes, tables: Sequence[str] = TABLES) -> Path:
    (top / "var/lib/rpm").mkdir(parents=True)
    connection = sqlite3.connect(str(top / "var/lib/rpm/rpmdb.sqlite"))
    for table in tables:
        connection.execute(table)
    if "TABLE" in tables[0]:
        connection.execute("INSERT INTO Packages VALUES (1, ?)", (blob,))
    if "TABLE" in tables[1]:
        connection.execute("INSERT INTO Basenames VALUES ('vmlinuz-1', 1, 0)")
    connection.commit()
    connection.close()
    return top


def problems(top: Path, path: str = "/boot/vmlinuz-1") -> Tuple[Problem, ...]:
    with Root(str(top)) as root:
        owners = Owners(root)
        assert owners.owner(path) is None
        return owners.problems


def test_rpm_database(tmp_path: Path) -> None:
    top = rpm_root(tmp_path, header())
    assert ask(top, "/boot/vmlinuz-1") == "kernel-core-1-2.el9.x86_64"
    assert ask(top, "/elsewhere/vmlinuz-1") is None
    assert ask(top, os.fsdecode(b"/boot/\xff")) is None


def test_rpm_file_that_was_not_installed(tmp_path: Path) -> None:
    assert ask(rpm_root(tmp_path, header(states=b"\2")), "/boot/vmlinuz-1") is None


def test_rpm_on_a_system_with_an_empty_dpkg(tmp_path: Path) -> None:
    write(tmp_path, "/var/lib/dpkg/status")
    assert ask(rpm_root(tmp_path, header()), "/boot/vmlinuz-1") == "kernel-core-1-2.el9.x86_64"


def test_rpm_database_does_not_lead_out_of_the_root(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "var/lib/rpm").mkdir(parents=True)
    outside = rpm_root(tmp_path / "outside", header())
    (inside / "var/lib/rpm/rpmdb.sqlite").symlink_to(outside / "var/lib/rpm/rpmdb.sqlite")
    assert ask(inside, "/boot/vmlinuz-1") is None


def test_rpm_database_is_not_written_nor_its_journal_read(tmp_path: Path) -> None:
    folder = rpm_root(tmp_path, header()) / "var/lib/rpm"
    (folder / "rpmdb.sqlite-wal").write_bytes(b"\xff" * 5000)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert ask(tmp_path, "/boot/vmlinuz-1") == "kernel-core-1-2.el9.x86_64"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("blob", [
    b"", b"\0" * 8, b"\xff" * 400, header()[:-1], header()[:60], header(states=b""), header(directories=()), header(basenames=()),
    header().replace(struct.pack(">I", 1117), struct.pack(">I", 9999)), struct.pack(">II", 0xFFFFFFF, 0xFFFFFFF) + header()[8:],
])
def test_damaged_headers_are_told(tmp_path: Path, blob: bytes) -> None:
    (problem,) = problems(rpm_root(tmp_path, blob))
    assert problem == Problem("/var/lib/rpm/rpmdb.sqlite", "holds a damaged package header")


ENDLESS = (
    "CREATE VIEW Basenames AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'k' AS key, i AS hnum, 0 AS idx FROM n"
)


@pytest.mark.parametrize("tables", [
    (TABLES[0], ENDLESS),
    (TABLES[0], "CREATE TABLE Basenames (key TEXT, hnum INTEGER, idx INTEGER, x AS (zeroblob(900000000)))"),
    ("CREATE TABLE Packages (hnum INTEGER, blob AS (zeroblob(900000000)), b BLOB)", TABLES[1]),
    (TABLES[0],),
])
def test_schemas_with_programs_are_refused(tmp_path: Path, tables: Sequence[str]) -> None:
    (tmp_path / "var/lib/rpm").mkdir(parents=True)
    connection = sqlite3.connect(str(tmp_path / "var/lib/rpm/rpmdb.sqlite"))
    try:
        for table in tables:
            connection.execute(table)
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no generated columns")
    connection.close()
    (problem,) = problems(tmp_path)
    assert problem.reason == "holds a damaged package header"


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0" + b"\xff" * 4000, b"\0" * 8192])
def test_what_is_no_database(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "/var/lib/rpm/rpmdb.sqlite", content.decode("latin-1"))
    assert len(problems(tmp_path)) == 1


def test_a_huge_database_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "/var/lib/rpm/rpmdb.sqlite")
    os.truncate(str(tmp_path / "var/lib/rpm/rpmdb.sqlite"), 1 << 41)
    assert problems(tmp_path) == (Problem("/var/lib/rpm/rpmdb.sqlite", "larger than 1073741824 bytes"),)


@pytest.mark.parametrize("path", ["/var/lib/rpm/Packages", "/usr/lib/sysimage/rpm/Packages.db"])
def test_other_kinds_of_rpm_database_are_told(tmp_path: Path, path: str) -> None:
    write(tmp_path, path, "x")
    assert problems(tmp_path) == (Problem(path, "a package database of a kind that is not read"),)


def test_no_database_at_all(tmp_path: Path) -> None:
    assert problems(tmp_path) == ()


@given(st.binary(max_size=300), st.lists(st.integers(-1, 1 << 40), min_size=1, max_size=3))
def test_any_header_is_read_or_refused(blob: bytes, positions: List[int]) -> None:
    for text in (blob, header()[:len(blob)] + blob, struct.pack(">II", len(blob) // 16, len(blob) % 16) + blob):
        try:
            read_header(text, positions)
        except (ValueError, IndexError, struct.error):
            pass


def test_an_image_that_was_copied_to_boot_is_of_the_package_that_it_is_a_copy_of(tmp_path: Path) -> None:
    """Debian 14: linux-binary-X has it beside the modules. What else lies in /boot is nobody's."""
    release = "7.2.13+deb14-amd64"
    top = dpkg_root(tmp_path, {"linux-image-" + release: ["/usr/share/doc"], "linux-binary-" + release: [
        "/usr/lib/modules/{}/vmlinuz".format(release)]})
    owned = {"vmlinuz-" + release: "linux-binary-" + release, "vmlinuz-" + release + ".bak": None, "vmlinuz-7.3.0": None}
    for name, package in owned.items():
        write(top, "/boot/" + name, "x")
        with Root(str(top)) as root:
            assert read_kernel(root, ("/boot/" + name,), Guest("PV"), Owners(root).owner).package == package
