"""fstab against util-linux, ids as udev writes them, and the device that holds the live root."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvhready.devicenames import contradict, device_of, is_plausible, layer_of, parse_spec, xen_order
from pvhready.facts import Mount, Problem, Storage
from pvhready.probes import storage
from pvhready.probes.storage import live_mounts, parse_fstab, read_storage
from pvhready.root import Root, Unreadable

UUID = "0b1d5e0c-5b2c-4a57-9a8e-d7a5e7a9b3f1"

FSTAB = """# /etc/fstab: static file system information.
UUID={} / ext4 errors=remount-ro 0 1
\t/dev/xvda2\tnone   swap sw 0 0
LABEL="my\\040label" /srv/a\\011b\\134c xfs defaults,ro
  # a comment

tmpfs /tmp tmpfs
broken /line
# the last line has no end
/dev/xvda4 /srv ext2 ro # and why
PARTUUID=ABC-01 /boot ext2 ro 0""".format(UUID)


def write(top: Path, path: str, text: str = "") -> None:
    place = top / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode("utf-8", "surrogateescape"))


def link(top: Path, path: str, target: str) -> None:
    place = top / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def read(top: Path, live: bool = True) -> Storage:
    with Root(str(top)) as root:
        return read_storage(root, live)


# fstab

def test_fstab() -> None:
    mounts, problems = parse_fstab(FSTAB)
    assert mounts == (
        Mount("/", "UUID=" + UUID, "ext4", "errors=remount-ro", "/etc/fstab:2"),
        Mount("none", "/dev/xvda2", "swap", "sw", "/etc/fstab:3"),
        Mount("/srv/a\tb\\c", 'LABEL="my label"', "xfs", "defaults,ro", "/etc/fstab:4"),
        Mount("/tmp", "tmpfs", "tmpfs", "", "/etc/fstab:7"),
        Mount("/boot", "PARTUUID=ABC-01", "ext2", "ro", "/etc/fstab:11"),
    )
    assert problems == (Problem("/etc/fstab:8", "not a line of fstab"), Problem("/etc/fstab:10", "not a line of fstab"))


@pytest.mark.skipif(not shutil.which("findmnt"), reason="findmnt is the oracle and is not here")
def test_findmnt_reads_the_same(tmp_path: Path) -> None:
    write(tmp_path, "/fstab", FSTAB)
    command = ["findmnt", "--tab-file", str(tmp_path / "fstab"), "--json", "--list", "--output", "TARGET,SOURCE,FSTYPE"]
    done = subprocess.run(command, stdout=subprocess.PIPE, universal_newlines=True)
    theirs = [(row["target"], row["source"], row["fstype"]) for row in json.loads(done.stdout)["filesystems"]]
    assert theirs == [(mount.point, mount.device, mount.filesystem) for mount in parse_fstab(FSTAB)[0]]


@given(st.text("ab /\\04#\t\n\"='\udcff1"))
def test_any_fstab(text: str) -> None:
    mounts, problems = parse_fstab(text)
    assert len(mounts) + len(problems) <= text.count("\n") + 1
    assert all(mount.point and mount.device and mount.filesystem for mount in mounts)


def test_a_mounted_root_tells_nothing_but_fstab(tmp_path: Path) -> None:
    write(tmp_path, "/etc/fstab", "/dev/xvda1 / ext4\n")
    link(tmp_path, "/dev/disk/by-uuid/" + UUID, "../../xvda1")
    (tmp_path / "sys/class/block/xvda1").mkdir(parents=True)
    assert read(tmp_path, live=False) == Storage((Mount("/", "/dev/xvda1", "ext4", "", "/etc/fstab:1"),))


def test_crypttab(tmp_path: Path) -> None:
    write(tmp_path, "/etc/crypttab", "# name device key\n\n  luks-a UUID=1 none luks\nroot\t/dev/xvda2\tnone\n")
    assert read(tmp_path, live=False).encrypted == ("luks-a", "root")
    os.unlink(str(tmp_path / "etc/crypttab"))
    os.mkfifo(str(tmp_path / "etc/crypttab"))
    assert read(tmp_path, live=False) == Storage(problem=Problem("/etc/crypttab", "is a FIFO, not a file"))


def test_fstab_that_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    assert read(tmp_path, live=False) == Storage()
    (tmp_path / "etc").mkdir()
    os.mkfifo(str(tmp_path / "etc/fstab"))
    assert read(tmp_path, live=False) == Storage(problem=Problem("/etc/fstab", "is a FIFO, not a file"))


# The live system, played by a folder: the number of its root is that of the disk that the folder is on.

def number_of(top: Path) -> Tuple[int, int]:
    device = os.stat(str(top)).st_dev
    return os.major(device), os.minor(device)


def live(top: Path, name: str) -> Path:
    """Make a folder whose root is on the device of this name."""
    major, minor = number_of(top)
    if not major:
        pytest.skip("the temporary folder is on a file system without a device")
    write(top, "/sys/dev/block/{}:{}/uevent".format(major, minor), "MAJOR={}\nMINOR={}\nDEVNAME={}\n".format(major, minor, name))
    (top / "sys/class/block" / name).mkdir(parents=True)
    return top


def test_ids_are_those_of_udev(tmp_path: Path) -> None:
    top = live(tmp_path, "xvda1")
    link(top, "/dev/disk/by-uuid/" + UUID, "../../xvda1")
    link(top, "/dev/disk/by-label/my\\x20root\\x2f1", "../../xvda1")
    link(top, "/dev/disk/by-label/" + os.fsdecode("w\u00fcrzel".encode()), "../../xvda2")
    link(top, "/dev/disk/by-partuuid/0a-01", "../../xvda1")
    found = read(top)
    assert found.uuids == {UUID: "/dev/xvda1"}
    assert found.labels == {"my root/1": "/dev/xvda1", "w\u00fcrzel": "/dev/xvda2"}
    assert found.partuuids == {"0a-01": "/dev/xvda1"}
    assert found.partlabels == {}
    assert found.devices == ("/dev/xvda1",)
    assert found.root_device == "/dev/xvda1"
    assert (found.root_stack, found.mounts, found.problem) == ((), (), None)


BEFORE = (("xvda1", "ext4"), ("xvda2", "swap"), ("xvda3", "vfat"), ("xvda5", "xfs"), ("xvdc1", "ext4"))


def with_disks(top: Path, fstab: str = "") -> Path:
    """Let a live system whose root is on xvdb1 have further file systems."""
    live(top, "xvdb1")
    write(top, "/etc/fstab", fstab)
    for number, (name, kind) in enumerate(BEFORE):
        link(top, "/dev/disk/by-uuid/{}".format(number), "../../" + name)
        write(top, "/sys/class/block/{}/dev".format(name), "202:{}\n".format(number))
        write(top, "/run/udev/data/b202:{}".format(number), "S:disk/by-uuid/{}\nE:ID_FS_TYPE={}\n".format(number, kind))
    return top


@pytest.mark.parametrize("mounts, expected", [
    ((), ("/dev/xvda1", "/dev/xvda5")), ((Mount("/mnt", "/dev/xvda1", "ext4"),), ("/dev/xvda5",)),
    ((Mount("/mnt", "/dev/xvda1", "ext4"), Mount("/srv", "/dev/xvda5", "xfs")), ()),
])
def test_file_systems_before_the_root_that_are_not_mounted(
    mounts: Tuple[Mount, ...], expected: Tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "live_mounts", lambda: mounts)
    found = read(with_disks(tmp_path))
    assert (found.unmounted, found.mounts) == (expected, mounts)


def test_where_fstab_tells_of_all_mounts_none_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "live_mounts", lambda: pytest.fail("read"))
    top = with_disks(tmp_path, "/dev/xvda1 /boot ext4\nUUID=3 /boot xfs\n")
    (top / "boot").mkdir()
    for name in ("xvda1", "xvda5"):
        write(top, "/sys/class/block/{}/dev".format(name), "{}:{}\n".format(*number_of(top)))
    write(top, "/run/udev/data/b{}:{}".format(*number_of(top)), "E:ID_FS_TYPE=ext4\n")
    assert (read(top).unmounted, read(top).mounts) == ((), ())


def test_what_udev_does_not_tell_of_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Tuple[Mount, ...]:
        raise Unreadable("/proc/self/mounts", "not read")

    monkeypatch.setattr(storage, "live_mounts", refuse)
    top = with_disks(tmp_path)
    assert read(top).unmounted == ("/dev/xvda1", "/dev/xvda5")
    shutil.rmtree(str(top / "run"))
    assert read(top).unmounted == ()


def test_without_udev_no_id_is_known(tmp_path: Path) -> None:
    found = read(live(tmp_path, "xvda1"))
    assert (found.uuids, found.labels, found.partuuids, found.partlabels) == (None, None, None, None)
    assert found.devices == ("/dev/xvda1",)


def test_an_id_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = live(tmp_path, "xvda1")
    link(top, "/dev/disk/by-uuid", "/dev/disk/by-uuid")
    found = read(top)
    assert found.uuids is None and found.labels is None
    assert found.problem == Problem("/dev/disk/by-uuid", "too many symbolic links")
    assert found.root_device == "/dev/xvda1"


def test_no_sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "live_mounts", lambda: (Mount("/", "overlay", "overlay"),))
    found = read(tmp_path)
    assert (found.devices, found.root_device) == (None, None)
    assert found.problem == Problem("/sys/class/block", "no such file or directory")


def test_layers_below_the_root(tmp_path: Path) -> None:
    """LVM on LUKS on a partition of a RAID of two disks."""
    top = live(tmp_path, "dm-1")
    block = "/sys/class/block/"
    write(top, block + "dm-1/dm/uuid", "LVM-abc\n")
    write(top, block + "dm-1/dm/name", "my--vg-root\n")
    (top / "sys/class/block/dm-1/slaves/dm-0").mkdir(parents=True)
    write(top, block + "dm-0/dm/uuid", "CRYPT-LUKS2-abc-name\n")
    (top / "sys/class/block/dm-0/slaves/md0p1").mkdir(parents=True)
    write(top, "/sys/devices/virtual/block/md0/md0p1/partition", "1\n")
    write(top, "/sys/devices/virtual/block/md0/md/level", "raid1\n")
    for disk in ("xvda", "xvdb"):
        (top / "sys/devices/virtual/block/md0/slaves" / disk).mkdir(parents=True)
        (top / "sys/class/block" / disk).mkdir(parents=True)
    link(top, block + "md0p1", "../../devices/virtual/block/md0/md0p1")
    found = read(top)
    assert found.problem is None
    assert found.root_stack == ("lvm", "crypt", "md")
    assert found.root_below == ("/dev/dm-0", "/dev/md0p1", "/dev/xvda", "/dev/xvdb")
    assert found.root_levels == ("raid1",)
    assert found.root_device == "/dev/dm-1"
    assert found.mapped == {"/dev/mapper/my--vg-root": "/dev/dm-1"}
    assert [device_of(name, found) for name in ("/dev/mapper/my--vg-root", "/dev/my-vg/root", "/dev/mapper/other")] == [
        "/dev/dm-1", "/dev/dm-1", ""]


def test_layers_that_go_in_circles(tmp_path: Path) -> None:
    top = live(tmp_path, "dm-0")
    for name, below in (("dm-0", "dm-1"), ("dm-1", "dm-0")):
        (top / "sys/class/block" / name / "slaves" / below).mkdir(parents=True)
    assert read(top).root_stack == ()


def mounted(device: str) -> Tuple[Mount, ...]:
    return Mount("/", "rootfs", "rootfs"), Mount("/", device, "btrfs"), Mount("/home", "/dev/xvdb1", "btrfs")


@pytest.mark.parametrize("device, expected", [
    ("/dev/xvda2", "/dev/xvda2"), ("/dev/mapper/vg-root", "/dev/dm-0"), ("overlay", None), ("rpool/ROOT/debian", None),
])
def test_file_systems_with_a_number_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, expected: Optional[str],
) -> None:
    monkeypatch.setattr(storage, "live_mounts", lambda: mounted(device))
    link(tmp_path, "/dev/mapper/vg-root", "../dm-0")
    for name in ("xvda2", "dm-0"):
        (tmp_path / "sys/class/block" / name).mkdir(parents=True)
    found = read(tmp_path)  # there is no /sys/dev/block that would tell
    assert (found.root_device, found.mounts, found.problem) == (expected, mounted(device), None)


def test_psutil_is_not_imported_where_it_is_not_needed(tmp_path: Path) -> None:
    live(tmp_path, "xvda1")
    code = (
        "import sys; from pvhready.root import Root; from pvhready.probes.storage import read_storage\n"
        "print(read_storage(Root(sys.argv[1]), True).root_device, 'psutil' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, universal_newlines=True,
                          cwd=str(Path(__file__).parent.parent))
    assert done.stdout.split() == ["/dev/xvda1", "False"]


def test_live_mounts_are_those_of_the_kernel() -> None:
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        expected = [mount.point for mount in parse_fstab(file.read())[0]]
    assert [mount.point for mount in live_mounts()] == expected


def test_psutil_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(Unreadable, match="psutil is missing"):
        live_mounts()


def test_psutil_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def refuse(**_: Any) -> List[Any]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(psutil, "disk_partitions", refuse)
    with pytest.raises(Unreadable, match="Permission denied"):
        live_mounts()


def test_this_machine() -> None:
    with Root("/") as root:
        found = read_storage(root, True)
    if found.root_device and not found.mounts:
        device = os.stat("/").st_dev
        if os.path.exists(found.root_device):
            assert os.stat(found.root_device).st_rdev == device
        else:  # a chroot whose /dev has no disks
            with open("/sys/class/block/{}/dev".format(os.path.basename(found.root_device)), encoding="ascii") as file:
                assert file.read() == "{}:{}\n".format(os.major(device), os.minor(device))


# What names a root device

@pytest.mark.parametrize("text, kind, value", [
    ("UUID=" + UUID, "uuid", UUID),
    ('UUID="{}"'.format(UUID), "uuid", UUID),
    ('"UUID={}"'.format(UUID), "uuid", UUID),
    ("UUID=ABCD-1234", "uuid", "ABCD-1234"),
    ("LABEL=root", "label", "root"),
    ("LABEL='my root'", "label", "my root"),
    ("LABEL=my\\x20root", "label", "my root"),
    ("LABEL=a=b", "label", "a=b"),
    ("PARTUUID=0A1B-02", "partuuid", "0a1b-02"),
    ("PARTUUID=0a1b-02/PARTNROFF=1", "other", "PARTUUID=0a1b-02/PARTNROFF=1"),
    ("PARTLABEL=Linux", "partlabel", "Linux"),
    ("/dev/disk/by-uuid/" + UUID, "uuid", UUID),
    ("/dev/disk/by-label/my\\x20root", "label", "my root"),
    ("/dev/disk/by-partuuid/0a", "partuuid", "0a"),
    ("/dev/disk/by-partlabel/a\\xZZ\\x2", "partlabel", "a\\xZZ\\x2"),
    ("/dev/disk/by-id/dm-name-x", "device", "/dev/disk/by-id/dm-name-x"),
    ("/dev/xvda1", "device", "/dev/xvda1"),
    ("/dev/sda1", "device", "/dev/sda1"),
    ("/dev/mapper/vg-lv", "device", "/dev/mapper/vg-lv"),
    ("/dev/vg/lv", "device", "/dev/vg/lv"),
    ("block:/dev/xvda1", "device", "/dev/xvda1"),
    ("ZFS=rpool/ROOT/debian", "zfs", "rpool/ROOT/debian"),
    ("zfs:AUTO", "zfs", "AUTO"),
    ("zfs", "zfs", ""),
    ("/dev/nfs", "nfs", ""),
    ("nfs:10.0.0.1:/srv/root,ro", "nfs", "10.0.0.1:/srv/root,ro"),
    ("nfs4:10.0.0.1:/", "nfs", "10.0.0.1:/"),
    ("uuid=" + UUID, "other", "uuid=" + UUID),
    ("ca01", "other", "ca01"),
    ("", "other", ""),
])
def test_specs(text: str, kind: str, value: str) -> None:
    assert parse_spec(text) == (kind, value)


KNOWN = Storage(
    uuids={UUID: "/dev/xvda1"}, labels={}, devices=("/dev/md127", "/dev/xvda", "/dev/xvda1"), mapped={"/dev/mapper/vg-lv": "/dev/dm-0"},
)


@pytest.mark.parametrize("text, expected", [
    ("UUID=" + UUID, "/dev/xvda1"), ("UUID=other", ""), ("LABEL=root", ""), ("PARTUUID=0a", None), ("PARTLABEL=x", None),
    ("/dev/xvda1", "/dev/xvda1"), ("/dev/xvda2", ""), ("/dev/sda1", ""), ("/dev/md127", "/dev/md127"), ("/dev/md/root", None),
    ("/dev/mapper/vg-lv", "/dev/dm-0"), ("/dev/vg/lv", "/dev/dm-0"), ("/dev/vg/other", None), ("/dev/root", None),
    ("ZFS=rpool/ROOT", None), ("nfs:server:/", None), ("ca01", None), ("", None), ("/dev/", None),
])
def test_device_of(text: str, expected: Optional[str]) -> None:
    assert device_of(text, KNOWN) == expected


@pytest.mark.parametrize("spec, other, expected", [
    ("UUID=a", "UUID=b", True), ("UUID=a", "/dev/disk/by-uuid/a", False), ("UUID=a", "LABEL=b", False), ("UUID=a", "/dev/xvda1", False),
    ("LABEL=a", "LABEL=b", True), ("/dev/xvda1", "/dev/xvda2", True), ("/dev/md0", "/dev/md/root", False),
    ("/dev/vg/a", "/dev/mapper/vg-b", False), ("/dev/mapper/a", "/dev/mapper/b", True), ("/dev/xvda1", "/dev/mapper/vg-root", True),
    ("/dev/xvda1", "/dev/vg/root", False), ("banana", "apple", False),
])
def test_names_that_contradict_each_other(spec: str, other: str, expected: bool) -> None:
    assert contradict(spec, other) == contradict(other, spec) == expected


@pytest.mark.parametrize("text, layer", [
    ("/dev/mapper/vg-lv", "lvm"), ("/dev/vg/lv", "lvm"), ("/dev/dm-0", "lvm"), ("/dev/mapper/luks-a", "crypt"), ("/dev/mapper/a", "crypt"),
    ("/dev/mapper/cryptroot", "crypt"), ("/dev/md0", "md"), ("/dev/md/root", "md"), ("/dev/xvda1", ""),
    ("/dev/disk/by-id/dm-name-a", "crypt"),
    ("/dev/disk/by-uuid/1", ""), ("/dev/banana", ""), ("/dev/mapper/", ""), ("/dev//a", ""), ("UUID=1", ""), ("", ""),
])
def test_the_layer_that_a_name_tells_of(text: str, layer: str) -> None:
    assert layer_of(text, ("a",)) == layer


@pytest.mark.parametrize("text, expected", [
    ("banana", False), ("/dev/banana", False), ("/dev/xvd", False), ("/dev/xvd1", False), ("/dev/sda1", False), ("/dev/disk/by-id", False),
    ("", False), ("xvda1", False), ("ca01", True), ("202:1", True), ("PARTUUID=0a/PARTNROFF=1", True), ("UUID=1", True),
    ("/dev/xvda", True),
    ("/dev/disk/by-id/x", False), ("/dev/disk/by-id/dm-name-x", True),
    ("/dev/mapper/x", True), ("/dev/vg/lv", True), ("/dev/md0", True), ("zfs:AUTO", True),
])
def test_what_may_be_a_root_device(text: str, expected: bool) -> None:
    assert is_plausible(text) == expected


def test_nothing_is_known_of_a_mounted_root() -> None:
    specs: Dict[str, str] = {"uuid": "UUID=" + UUID, "device": "/dev/xvda1", "mapped": "/dev/mapper/a", "label": "LABEL=x"}
    assert {device_of(spec, Storage()) for spec in specs.values()} == {None}


@pytest.mark.parametrize("device,expected", [
    ("/dev/xvda", (9, "/dev/xvda", 0)), ("/dev/xvdb12", (9, "/dev/xvdb", 12)), ("/dev/sda1", None), ("", None),
    # Python takes no number of so many digits.
    ("/dev/xvda" + "1" * 5000, (9, "/dev/xvda", 111111111)),
])
def test_the_place_of_a_disk_among_xen_s(device, expected):
    assert xen_order(device) == expected
