"""What is said of the root device and of its drivers: every finding with its words, its evidence and its remedies."""

import pytest

from pvhready.facts import Config, Conflict, Distribution, Entry, Facts, Guest, Image, Initramfs, Kernel, Mount, Problem, Storage
from pvhready.rules.rootdevice import judge_root_device

UUID = "0f9ef5d5-3c3b-4a5c-9d6a-6a8d3c1b2e70"
BY_UUID = "UUID=" + UUID
RELEASE = "6.1.0-50-amd64"
INITRD = "/boot/initrd.img"
SECOND = "/boot/extra.img"
CONFIG = "/boot/config-" + RELEASE
SOURCE = "/boot/grub/grub.cfg:12"
MENU = ["update-grub"]
BUILD = "update-initramfs -c -k " + RELEASE
ARCHIVE = Initramfs(
    INITRD, ("ext4",), (RELEASE,), ("gzip",), complete=True, init=True, programs=("cryptsetup", "lvm", "mdadm"))
PROVED = Initramfs(INITRD, proved="the guest runs in PV from this very file")
CUT = Initramfs(INITRD, problem=Problem(INITRD, "is damaged"))
ROOT = Mount("/", BY_UUID, "ext4", "", "/etc/fstab:3")
DATA = Mount("/data", "UUID=data", "xfs", "", "/etc/fstab:4")
LIVE = Storage(
    mounts=(), uuids={UUID: "/dev/xvda1"}, labels={"root": "/dev/xvda1"}, partuuids={"1-01": "/dev/xvda1"}, partlabels={},
    devices=("/dev/xvda1", "/dev/xvdb", "/dev/dm-0", "/dev/mapper/vg-root"), mapped={"/dev/mapper/vg-root": "/dev/dm-0"},
    root_device="/dev/xvda1")


def judged(cmdline, storage, archives=(ARCHIVE,), top="/", values=None, conflicts=(), initrd=None, source=SOURCE, config=CONFIG):
    """Every finding on an entry of this command line, under both modes the same."""
    conflicts = tuple(Conflict(symbol, config, "y", "/lib/modules/config", "n") for symbol in conflicts)
    settings = Config(config, {"EXT4_FS": "y"} if values is None else values, conflicts)
    kernel = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), RELEASE, RELEASE, config=settings)
    paths = tuple(archive.path for archive in archives) if initrd is None else initrd
    entry = Entry(0, "0", "Debian", kernel="/boot/vmlinuz", initrd=paths, cmdline="console=hvc0 " + cmdline, source=source)
    guest = Guest("PV", distribution=Distribution("debian", "12"))
    facts = Facts(top, True, "2026-01-01", guest, initramfs={archive.path: archive for archive in archives}, storage=storage)
    answers = []
    for mode in ("pvh", "pv"):
        findings = judge_root_device(entry, kernel, mode, facts)
        assert {(finding.mode, finding.subject) for finding in findings} <= {(mode, "Debian")}
        answers.append([
            (finding.id, finding.status, finding.summary, [tuple(evidence) for evidence in finding.evidence],
             [" ".join(remedy.argv) or remedy.text for remedy in finding.remedies]) for finding in findings])
    assert answers[0] == answers[1]
    return answers[0]


def said(check, status, summary, value, fix=()):
    """A finding on an argument of the entry."""
    return check, status, summary, [("/boot/grub/grub.cfg", "line 12", value)], list(fix)


NAME_IT = ["Name the root file system by UUID= or as /dev/xvd*, in /etc/default/grub and /etc/fstab."] + MENU
WITHOUT = "{} is found by programs of an initramfs only, and this entry has none"

DEVICES = {
    # root= of the entry, what is known of the devices, where: what is said of it
    "an id that is there": (BY_UUID, LIVE, "/", ("root-device", "pass", BY_UUID + " is there", [])),
    "an id that is not": (
        "UUID=x", LIVE, "/", ("root-device-missing", "fail", "UUID=x is not there: nothing on this system has it", MENU)),
    "a disk that is not": (
        "/dev/xvdc", LIVE, "/", ("root-device-missing", "fail", "/dev/xvdc is not there: nothing on this system has it", MENU)),
    "another disk": (
        "/dev/xvdb", LIVE, "/", ("root-device-other", "unknown", "/dev/xvdb is /dev/xvdb, and the system now runs from /dev/xvda1", [])),
    "a volume over the disk that is mounted": (
        "/dev/vg/root", LIVE._replace(root_device="/dev/dm-0"), "/", ("root-device", "pass", "/dev/vg/root is there", [])),
    "a volume, and the disk is mounted": (
        "/dev/vg/root", LIVE, "/",
        ("root-device-other", "unknown", "/dev/vg/root is /dev/dm-0, and the system now runs from /dev/xvda1", [])),
    "a disk below what is mounted": (
        "/dev/xvdb", LIVE._replace(root_device="/dev/dm-0", root_below=("/dev/xvda1", "/dev/xvdb")), "/",
        ("root-device", "pass", "/dev/xvdb is there", [])),
    "what is mounted is not known": (
        "/dev/xvdb", LIVE._replace(root_device=None), "/", ("root-device", "pass", "/dev/xvdb is there", [])),
    "an id of a device that is no path": (
        "LABEL=x", LIVE._replace(labels={"x": "x"}), "/", ("root-device", "pass", "LABEL=x is there", [])),
    "an id of another device of one btrfs": (
        "UUID=b", LIVE._replace(uuids={"b": "/dev/xvdb"}, mounts=(ROOT._replace(filesystem="btrfs"),)), "/",
        ("root-device-other", "warn", "UUID=b is /dev/xvdb, and the system now runs from /dev/xvda1", [])),
    "a label of another device of one btrfs": (
        "LABEL=b", LIVE._replace(labels={"b": "/dev/xvdb"}, mounts=(ROOT._replace(filesystem="btrfs"),)), "/",
        ("root-device-other", "warn", "LABEL=b is /dev/xvdb, and the system now runs from /dev/xvda1", [])),
    "another device than that of a btrfs": (
        "/dev/xvdb", LIVE._replace(mounts=(ROOT._replace(filesystem="btrfs"),)), "/",
        ("root-device-other", "unknown", "/dev/xvdb is /dev/xvdb, and the system now runs from /dev/xvda1", [])),
    "an id of another device of what lies on one": (
        "UUID=b", LIVE._replace(uuids={"b": "/dev/xvdb"}, mounts=(ROOT,)), "/",
        ("root-device-other", "unknown", "UUID=b is /dev/xvdb, and the system now runs from /dev/xvda1", [])),
    "a name that Xen's disks never have": (
        "/dev/sda1", LIVE._replace(devices=("/dev/sda1",)), "/",
        ("root-device-name", "fail", "/dev/sda1 will not be there: the disks of a Xen guest are called xvd*", NAME_IT)),
    "such a name elsewhere": (
        "/dev/nvme0n1p1", Storage(), "/mnt",
        ("root-device-name", "fail", "/dev/nvme0n1p1 will not be there: the disks of a Xen guest are called xvd*", NAME_IT)),
    "a system that tells nothing": (
        BY_UUID, Storage(), "/",
        ("root-device-unknown", "unknown", BY_UUID + " cannot be looked up: the system does not say what there is", [])),
    "a system that cannot tell": (
        BY_UUID, Storage(problem=Problem("/sys/class/block", "permission denied")), "/",
        ("root-device-unknown", "unknown", BY_UUID + " cannot be looked up: permission denied", [])),
    "a link that nobody can look up": (
        "/dev/root-disk", LIVE, "/",
        ("root-device-unknown", "unknown", "/dev/root-disk cannot be looked up: the system does not say what there is", [])),
    "elsewhere": (
        BY_UUID, Storage((ROOT,)), "/mnt",
        ("root-device-not-judged", "info",
         BY_UUID + " is not judged: a mounted file system does not tell which devices the guest will have", [])),
    "elsewhere, and devices are known": (BY_UUID, LIVE._replace(fstab=(ROOT,)), "/mnt", ("root-device", "pass", BY_UUID + " is there", [])),
    "elsewhere, and no fstab": (
        BY_UUID, Storage(problem=Problem("/etc/fstab", "is a FIFO")), "/mnt",
        ("root-device-unknown", "unknown", BY_UUID + " cannot be held against fstab: /etc/fstab: is a FIFO", [])),
    "elsewhere, and an fstab without a root": (
        BY_UUID, Storage((DATA,), problem=Problem("/etc/fstab:9", "not a line of fstab")), "/mnt",
        ("root-device-unknown", "unknown", BY_UUID + " cannot be held against fstab: /etc/fstab:9: not a line of fstab", [])),
    "elsewhere, and a line of fstab that is none": (
        BY_UUID, Storage((ROOT,), problem=Problem("/etc/fstab:9", "not a line of fstab")), "/mnt",
        ("root-device-not-judged", "info",
         BY_UUID + " is not judged: a mounted file system does not tell which devices the guest will have", [])),
    "elsewhere, and no name of a device": (
        "banana", Storage((ROOT,)), "/mnt",
        ("root-device-unknown", "unknown", "banana is no name that a root device of a Xen guest is known to have", [])),
}


@pytest.mark.parametrize("name", DEVICES)
def test_a_device(name):
    root, storage, top, (check, status, summary, fix) = DEVICES[name]
    values = {"EXT4_FS": "y", "BTRFS_FS": "y", "BLK_DEV_DM": "y"}
    assert judged("ro root={} quiet".format(root), storage, top=top, values=values) == [said(check, status, summary, "root=" + root, fix)]


@pytest.mark.parametrize("root,status", [
    (BY_UUID, "fail"), ("LABEL=root", "fail"), ("/dev/disk/by-uuid/" + UUID, "fail"), ("/dev/disk/by-id/x", "fail"),
    ("/dev/mapper/vg-root", "fail"), ("/dev/vg/root", "unknown"), ("/dev/md0", "unknown"), ("ZFS=tank", "unknown"),
    ("/dev/xvda1", None), ("PARTUUID=1-01", None),
])
def test_what_a_kernel_finds_without_an_initramfs(root, status):
    """A PARTUUID and a disk by its name; /dev/md0 perhaps, where it puts the RAID together itself."""
    without = [said("root-device-initramfs", status, WITHOUT.format(root), "root=" + root, MENU)]
    values = {"EXT4_FS": "y", "BLK_DEV_DM": "y", "BLK_DEV_MD": "y", "BLK_DEV_INITRD": "y"}
    expected = without if status else [said("root-device", "pass", root + " is there", "root=" + root)]
    assert judged("root=" + root, LIVE, (), values=values) == expected
    of_no_use = ARCHIVE._replace(init=False)
    assert judged("root=" + root, LIVE, (of_no_use,), values=values) == expected
    if status:
        assert judged("root=" + root, LIVE, values=values)[0][0] != "root-device-initramfs"


def test_a_name_that_xen_s_disks_never_have_is_none_without_an_initramfs_either():
    assert judged("root=/dev/sda1", LIVE, ())[0][:2] == ("root-device-name", "fail")


NO_ROOT = "no root= on the command line: what will be mounted cannot be told"


@pytest.mark.parametrize("cmdline,archive,expected", [
    ("quiet", ARCHIVE, said("root-device", "unknown", NO_ROOT, "")), ("root", ARCHIVE, said("root-device", "unknown", NO_ROOT, "")),
    ("root=", ARCHIVE, said("root-device", "unknown", NO_ROOT, "")), ("root=fstab", ARCHIVE, said("root-device", "unknown", NO_ROOT, "")),
    ("root={} root=".format(BY_UUID), ARCHIVE, said("root-device", "unknown", NO_ROOT, "")),
    ("init=/sbin/init", ARCHIVE, said("root-device", "unknown", NO_ROOT, "")),
    ("init", ARCHIVE, said("root-device", "unknown", NO_ROOT, "")),
    ("root=fstab init=/nix/store/a/init", ARCHIVE,
     said("root-device", "pass", "named in the initramfs, as NixOS does", "init=/nix/store/a/init")),
    ("quiet", PROVED, said("root-device", "pass", "the guest runs from this command line and initramfs now", "")),
])
def test_no_root(cmdline, archive, expected):
    for top in ("/", "/mnt"):
        assert judged(cmdline, LIVE, (archive,), top) == [expected]


def test_a_guest_that_runs_from_it_has_proved_what_nobody_can_look_up():
    assert judged("root=" + BY_UUID, Storage(), (PROVED,)) == [
        said("root-device", "pass", "the guest runs from it now", "root=" + BY_UUID)]
    assert judged("root=" + BY_UUID, Storage(), (PROVED, CUT._replace(path=SECOND)))[0][1] == "unknown"


def test_what_stands_after_two_hyphens_is_for_the_programs_of_the_initramfs():
    assert judged("quiet -- root=/dev/xvda1", LIVE) == [said("root-device", "pass", "/dev/xvda1 is there", "root=/dev/xvda1")]
    assert judged("quiet -- root=/dev/xvda1", LIVE, ()) == [said("root-device", "unknown", NO_ROOT, "")]
    assert judged("quiet -- root=/dev/xvda1", LIVE, (ARCHIVE._replace(init=False),)) == [said("root-device", "unknown", NO_ROOT, "")]


@pytest.mark.parametrize("cmdline,named", [
    ("root=/dev/xvdb root=/dev/xvda1", ["/dev/xvda1", "/dev/xvdb"]), ("root=UUID=x a=UUID=y root=UUID=y", ["UUID=x", "UUID=y"]),
    ("root root=/dev/xvda1", ["", "/dev/xvda1"]), ("root=UUID=y root=UUID=y a=/dev/xvda", None),
])
def test_more_than_one_root(cmdline, named):
    """Nobody can look them up elsewhere; on the running system the last counts."""
    (elsewhere,), live = judged(cmdline, Storage(), top="/mnt"), judged(cmdline, LIVE._replace(uuids={"y": "/dev/xvda1"}))
    if named:
        summary = "root= is there more than once, and not with the same device: " + ", ".join(named)
        assert elsewhere == said("root-device-unknown", "unknown", summary, "root=" + named[0])
    else:
        assert elsewhere[0] == "root-device-not-judged"
    assert [finding[:2] for finding in live] == [("root-device", "pass")]


NOT_JUDGED = ("root-device-not-judged", "info")
FSTAB = {
    # root=, fstab: the words and the line of a contradiction, None for none
    "the same": (BY_UUID, (ROOT, DATA), None),
    "another": (
        "UUID=x", (DATA, ROOT), ("root=UUID=x, and /etc/fstab:3 says {}: they contradict each other".format(BY_UUID), 3, BY_UUID)),
    "a second line for the root": (
        BY_UUID, (ROOT, ROOT._replace(device="UUID=x", source="/etc/fstab:5")),
        ("root={}, and /etc/fstab:5 says UUID=x: they contradict each other".format(BY_UUID), 5, "UUID=x")),
    "a name that Xen's disks never have": (
        BY_UUID, (ROOT._replace(device="/dev/sda1"),),
        ("/etc/fstab:3 mounts /dev/sda1 as the root: the disks of a Xen guest are called xvd*", 3, "/dev/sda1")),
    "something else": ("UUID=data", (ROOT._replace(device="LABEL=r"), DATA), (
        "root=UUID=data, and /etc/fstab:4 has that as xfs on /data", 4, "UUID=data")),
    "something else, and no root": ("UUID=data", (DATA,), ("root=UUID=data, and /etc/fstab:4 has that as xfs on /data", 4, "UUID=data")),
    "the root, and something else": (BY_UUID, (ROOT, ROOT._replace(point="/srv", source="/etc/fstab:6")), None),
    "something else, and the root": (BY_UUID, (ROOT._replace(point="/srv", source="/etc/fstab:2"), ROOT), None),
    "two things else": (
        "UUID=data", (DATA, DATA._replace(point="/srv", source="/etc/fstab:6")),
        ("root=UUID=data, and /etc/fstab:4 has that as xfs on /data", 4, "UUID=data")),
    "another volume of one btrfs": (BY_UUID, (ROOT._replace(point="/home", filesystem="btrfs"),), None),
    "another kind of name": ("/dev/xvda1", (ROOT, DATA), None),
    "a name of the same text and another kind": ("LABEL=data", (ROOT._replace(device="/dev/xvda1"), DATA), None),
}


@pytest.mark.parametrize("name", FSTAB)
def test_elsewhere_against_fstab(name):
    root, fstab, expected = FSTAB[name]
    (finding,) = judged("root=" + root, Storage(fstab), top="/mnt", values={"EXT4_FS": "y", "BTRFS_FS": "y", "XFS_FS": "y"})
    if expected is None:
        assert finding[:2] == NOT_JUDGED
    else:
        summary, line, device = expected
        assert finding == ("root-device-fstab", "unknown", summary, [("/etc/fstab", "line {}".format(line), device)], [])


def test_the_running_system_counts_more_than_fstab():
    assert [finding[:2] for finding in judged("root=" + BY_UUID, LIVE._replace(fstab=(ROOT._replace(device="UUID=x"),)))] == [
        ("root-device", "pass")]


@pytest.mark.parametrize("source,evidence", [
    (SOURCE, ("/boot/grub/grub.cfg", "line 12", "root=/dev/xvda1")), ("grub", ("grub", "", "root=/dev/xvda1")),
    ("", ("", "", "root=/dev/xvda1")),
])
def test_where_the_entry_stands(source, evidence):
    assert judged("root=/dev/xvda1", LIVE, source=source)[0][3] == [evidence]


def drivers(cmdline, storage, values, archives=(ARCHIVE,), **others):
    """What is said beside the device itself, which is there."""
    first, *rest = judged("root={} {}".format(BY_UUID, cmdline), storage, archives, values=values, **others)
    assert first[:2] == ("root-device", "pass")
    return rest


def symbol(status, summary, name="EXT4_FS", value="m", fix=(), more=(), source=CONFIG):
    return "root-driver", status, summary, [(source, "CONFIG_" + name, value)] + list(more), list(fix)


def build(module):
    return ["sed -i $ a {} /etc/initramfs-tools/modules".format(module), BUILD]


EXT4 = LIVE._replace(fstab=(ROOT,))
HELD, NOT_HELD = ARCHIVE, ARCHIVE._replace(modules=("xfs",))
NEEDS = "the root needs ext4"
NOT_THERE = symbol("fail", NEEDS + ", a module that the initramfs does not hold", fix=build("ext4"))
MAY_NOT = NEEDS + ", a module that the initramfs may not hold"
DAMAGED = ": a file of it there is damaged (empty, zeros, or cut short)"
KEPT_OUT = NEEDS + ", and modprobe's settings in the initramfs keep it from being loaded by some ways"
NOT_JUDGED_WORDS = "whether this kernel has ext4, which the root needs, is not judged: its configuration does not mention it"
NOBODY_KNOWS = NEEDS + ": neither the configuration nor the initramfs is known to have it"
NEWER = ["apt-get install linux-image-amd64"]
CONTRARY = [("/lib/modules/config", "CONFIG_EXT4_FS", "n")]
CONTRADICTS = NEEDS + ", and the configurations of this kernel contradict each other on it"
DRIVERS = {
    # the configuration, the archives, the sources that contradict it: what is said of ext4's driver
    "built in": ({"EXT4_FS": "y"}, [NOT_HELD], (), []),
    "a module that is held": ({"EXT4_FS": "m"}, [HELD], (), []),
    "a module that is not": ({"EXT4_FS": "m"}, [NOT_HELD], (), [NOT_THERE]),
    "a module, and the guest runs from it": ({"EXT4_FS": "m"}, [PROVED], (), []),
    "a module, and no initramfs": ({"EXT4_FS": "m"}, [], (), [NOT_THERE]),
    "a module, and an initramfs of no use": ({"EXT4_FS": "m"}, [HELD._replace(init=False)], (), [NOT_THERE]),
    "a module in what cannot be read": ({"EXT4_FS": "m"}, [CUT], (), [symbol("unknown", MAY_NOT, fix=build("ext4"))]),
    "a module in what a tool is missing for": ({"EXT4_FS": "m"}, [CUT._replace(needs="zstd")], (), [symbol("unknown", MAY_NOT)]),
    "a module in one of two that a tool is missing for": (
        {"EXT4_FS": "m"}, [HELD, CUT._replace(path=SECOND, needs="zstd")], (), [symbol("unknown", MAY_NOT)]),
    "a damaged one": (
        {"EXT4_FS": "m"}, [NOT_HELD._replace(damaged=("ext4",))], (),
        [symbol("fail", NEEDS + ", a module that the initramfs does not hold" + DAMAGED, fix=build("ext4"))]),
    "a damaged one and a good one": (
        {"EXT4_FS": "m"}, [HELD, NOT_HELD._replace(path=SECOND, damaged=("ext4",))], (),
        [symbol("unknown", MAY_NOT + DAMAGED, fix=build("ext4"))]),
    "another that is damaged": ({"EXT4_FS": "m"}, [HELD._replace(damaged=("xfs",))], (), []),
    "kept out": ({"EXT4_FS": "m"}, [HELD._replace(kept_out=("ext4",))], (), [symbol("unknown", KEPT_OUT, fix=build("ext4"))]),
    "kept out and not held": (
        {"EXT4_FS": "m"}, [NOT_HELD._replace(kept_out=("ext4",))], (), [symbol("unknown", KEPT_OUT, fix=build("ext4"))]),
    "kept out and off": (
        {"EXT4_FS": "n"}, [HELD._replace(kept_out=("ext4",))], (), [symbol("unknown", KEPT_OUT, value="n", fix=build("ext4"))]),
    "kept out and built in": ({"EXT4_FS": "y"}, [NOT_HELD._replace(kept_out=("ext4",))], (), []),
    "another that is kept out": ({"EXT4_FS": "m"}, [HELD._replace(kept_out=("xfs",))], (), []),
    "off": ({"EXT4_FS": "n"}, [NOT_HELD], (), [symbol("fail", NEEDS + ", and this kernel is built without it", value="n", fix=NEWER)]),
    "off, and cannot be read": (
        {"EXT4_FS": "n"}, [CUT], (), [symbol("fail", NEEDS + ", and this kernel is built without it", value="n", fix=NEWER)]),
    "off and held": (
        {"EXT4_FS": "n"}, [HELD], (),
        [symbol("unknown", NEEDS + ": this kernel is built without it, and the initramfs holds it", value="n")]),
    "off, and the guest runs from it": ({"EXT4_FS": "n"}, [PROVED], (), []),
    "not mentioned, and nothing of its kind": (
        {"XEN": "y"}, [NOT_HELD], (), [symbol("info", NOT_JUDGED_WORDS, value="not mentioned")]),
    "not mentioned, and held": ({"XEN": "y"}, [HELD], (), []),
    "not mentioned, and others are": (
        {"XFS_FS": "y"}, [NOT_HELD], (), [symbol("unknown", NOBODY_KNOWS, value="not mentioned", fix=build("ext4"))]),
    "not mentioned, and others are, and held": ({"XFS_FS": "y"}, [HELD], (), []),
    "not mentioned, and a compression is": (
        {"RD_XZ": "y"}, [CUT], (), [symbol("unknown", NOBODY_KNOWS, value="not mentioned", fix=build("ext4"))]),
    "contradictory": (
        {"EXT4_FS": "y"}, [NOT_HELD], ("EXT4_FS",), [symbol("unknown", CONTRADICTS, value="y", fix=build("ext4"), more=CONTRARY)]),
    "contradictory, a module that is not held": (
        {"EXT4_FS": "m"}, [NOT_HELD], ("EXT4_FS",), [symbol("unknown", CONTRADICTS, fix=build("ext4"), more=CONTRARY)]),
    "contradictory, off": (
        {"EXT4_FS": "n"}, [NOT_HELD], ("EXT4_FS",), [symbol("unknown", CONTRADICTS, value="n", fix=build("ext4"), more=CONTRARY)]),
    "contradictory, and held": ({"EXT4_FS": "y"}, [HELD], ("EXT4_FS",), []),
    "contradictory on another": ({"EXT4_FS": "y"}, [NOT_HELD], ("XFS_FS",), []),
}


@pytest.mark.parametrize("name", DRIVERS)
def test_the_driver_of_the_file_system(name):
    values, archives, conflicts, expected = DRIVERS[name]
    device, *rest = judged("root=/dev/xvda1", EXT4, archives, values=values, conflicts=conflicts)  # which a kernel finds by itself
    assert device[:2] == ("root-device", "pass") and rest == expected


def test_a_configuration_of_no_place():
    expected = symbol("fail", NEEDS + ", a module that the initramfs does not hold", fix=build("ext4"), source="")
    assert drivers("", EXT4, {"EXT4_FS": "m"}, [NOT_HELD], config=None) == [expected]


def test_an_archive_that_nobody_has_looked_at():
    expected = symbol("unknown", MAY_NOT, fix=build("ext4"))
    assert drivers("", EXT4, {"EXT4_FS": "m"}, [HELD], initrd=(INITRD, SECOND)) == [expected]
    assert drivers("", EXT4, {"EXT4_FS": "m"}, [], initrd=(INITRD,)) == [expected]


BLACKLIST = "modprobe.blacklist=a,ext4"
REMOVE = (
    "sed -i /^GRUB_CMDLINE_LINUX/s/\\(^[A-Z_]*=\\|[^[:alnum:]_=.,-]\\){}\\([^[:alnum:]_=.,-]\\|$\\)/\\1\\2/g /etc/default/grub")


@pytest.mark.parametrize("cmdline,values,archive,fires", [
    (BLACKLIST, {"EXT4_FS": "m"}, HELD, True), (BLACKLIST, {"EXT4_FS": "m"}, NOT_HELD, True), (BLACKLIST, {"EXT4_FS": "n"}, HELD, True),
    (BLACKLIST, {"EXT4_FS": "m"}, PROVED, False), (BLACKLIST, {"EXT4_FS": "y"}, HELD, False),
    ("-- " + BLACKLIST, {"EXT4_FS": "m"}, HELD, True), ("modprobe.blacklist=xfs", {"EXT4_FS": "m"}, HELD, False),
    (BLACKLIST + " modprobe.blacklist=ext4", {"EXT4_FS": "m"}, HELD, True),
])
def test_an_argument_that_keeps_the_driver_out(cmdline, values, archive, fires):
    summary = "the root needs ext4, and {} keeps it from being loaded, by some ways at least".format(BLACKLIST)
    fix = [REMOVE.format(BLACKLIST)] + MENU
    assert drivers(cmdline, EXT4, values, [archive]) == ([said("root-driver", "unknown", summary, BLACKLIST, fix)] if fires else [])


@pytest.mark.parametrize("filesystem,values,module,expected", [
    # one driver of those that serve it will do
    ("ext3", {"EXT4_FS": "m", "EXT3_FS": "n"}, "ext4", []), ("ext3", {"EXT4_FS": "n", "EXT3_FS": "m"}, "ext3", []),
    ("ext3", {"EXT4_FS": "n", "EXT3_FS": "y"}, "", []), ("ext2", {"EXT4_FS": "n", "EXT2_FS": "y"}, "", []),
    ("ext2", {"EXT4_FS": "n", "EXT2_FS": "m"}, "ext2", []),
    ("ext3", {"EXT4_FS": "m", "EXT3_FS": "n"}, "", [
        symbol("fail", "the root needs ext3, a module that the initramfs does not hold", fix=build("ext4"))]),
    ("ext3", {"EXT4_FS": "n", "EXT3_FS": "n"}, "", [
        symbol("fail", "the root needs ext3, and this kernel is built without it", value="n", fix=NEWER)]),
    ("ext3", {"EXT4_FS": "n"}, "", [
        symbol("unknown", "the root needs ext3: neither the configuration nor the initramfs is known to have it", value="n",
               fix=build("ext4"))]),
    ("xfs", {"XFS_FS": "m"}, "xfs", []), ("btrfs", {"BTRFS_FS": "m"}, "btrfs", []), ("f2fs", {"F2FS_FS": "m"}, "f2fs", []),
    ("jfs", {"JFS_FS": "m"}, "jfs", []), ("reiserfs", {"REISERFS_FS": "m"}, "reiserfs", []), ("zfs", {"ZFS": "m"}, "zfs", []),
    ("xfs", {"EXT4_FS": "y", "XFS_FS": "n"}, "", [
        symbol("fail", "the root needs xfs, and this kernel is built without it", "XFS_FS", "n", NEWER)]),
    ("btrfs", {"BTRFS_FS": "m"}, "", [
        symbol("fail", "the root needs btrfs, a module that the initramfs does not hold", "BTRFS_FS", "m", build("btrfs"))]),
    ("nilfs2", {"EXT4_FS": "y"}, "", [
        ("root-driver", "info", "whether this kernel has nilfs2, which the root needs, is not judged", [], [])]),
    ("auto", {"EXT4_FS": "n"}, "", []),
])
def test_every_file_system(filesystem, values, module, expected):
    storage = LIVE._replace(fstab=(ROOT._replace(filesystem=filesystem),))
    assert drivers("", storage, values, [ARCHIVE._replace(modules=(module,))]) == expected


def test_a_driver_that_is_kept_out_or_damaged_by_one_of_its_names():
    storage = LIVE._replace(fstab=(ROOT._replace(filesystem="ext3"),))
    values = {"EXT4_FS": "m", "EXT3_FS": "n"}
    (finding,) = drivers("modprobe.blacklist=ext4", storage, values)
    assert finding[:2] == ("root-driver", "unknown") and "modprobe.blacklist=ext4 keeps it" in finding[2]
    (finding,) = drivers("", storage, values, [HELD._replace(kept_out=("ext4",))])
    assert finding[:2] == ("root-driver", "unknown") and "modprobe's settings" in finding[2]
    (finding,) = drivers("", storage, values, [NOT_HELD._replace(damaged=("ext4",))])
    assert finding[:2] == ("root-driver", "fail") and finding[2].endswith(DAMAGED)


LIBRARIES = {"EXT4_FS": "m", "JBD2": "m", "FS_MBCACHE": "m"}
ALL = ("ext4", "jbd2", "mbcache")
LACKS_JBD2 = symbol("fail", "the root needs jbd2, a module that the initramfs does not hold", "JBD2", "m", build("jbd2"))
LACKS_MBCACHE = symbol("fail", "the root needs mbcache, a module that the initramfs does not hold", "FS_MBCACHE", "m", build("mbcache"))


@pytest.mark.parametrize("filesystem,values,modules,expected", [
    ("ext4", {}, ALL, []), ("ext4", {}, ("ext4", "mbcache"), [LACKS_JBD2]), ("ext4", {}, ("ext4",), [LACKS_JBD2, LACKS_MBCACHE]),
    ("ext4", {"EXT4_FS": "y", "JBD2": "y", "FS_MBCACHE": "y"}, (), []), ("ext4", {"JBD2": "n", "FS_MBCACHE": "n"}, ("ext4",), []),
    ("ext3", {}, ALL, []), ("ext3", {}, ("ext4", "mbcache"), [LACKS_JBD2]), ("ext2", {}, ("ext4", "jbd2"), [LACKS_MBCACHE]),
    # a driver of its own needs none of them (Linux before 4.3: jbd)
    ("ext3", {"EXT3_FS": "m"}, ("ext3",), []), ("ext3", {"EXT4_FS": "n", "EXT3_FS": "y"}, (), []), ("ext2", {"EXT2_FS": "y"}, (), []),
    ("xfs", {"XFS_FS": "m"}, (), [
        symbol("fail", "the root needs xfs, a module that the initramfs does not hold", "XFS_FS", "m", build("xfs"))]),
])
def test_what_ext4_s_driver_does_not_load_without(filesystem, values, modules, expected):
    storage = LIVE._replace(fstab=(ROOT._replace(filesystem=filesystem),))
    assert drivers("", storage, dict(LIBRARIES, **values), [ARCHIVE._replace(modules=modules)]) == expected


NOT_MOUNTED = "{}, and the root is {}: it would not be mounted"


@pytest.mark.parametrize("argument,known,fires", [
    ("rootfstype=ext4", "ext4", False), ("rootfstype=xfs", "ext4", True), ("rootfstype=xfs,ext4", "ext4", False),
    ("rootfstype=xfs", "ext4,xfs", False), ("rootfstype=btrfs", "ext4,xfs", True), ("rootfstype", "ext4", False),
    ("rootfstype=", "ext4", False), ("rootfstype=auto", "ext4", False), ("rootfstype=xfs,auto", "ext4", True),
    ("rootfstype=xfs", "auto", False), ("rootfstype=xfs", "", False), ("rootfstype=xfs", "none", False),
    ("rootfstype=xfs", "rootfs", False), ("rootfstype=xfs", "overlay", False),
    # ext4's driver takes its elders by their names and by its own, and what has ext4's features by no elder's name
    ("rootfstype=ext4", "ext3", False), ("rootfstype=ext4", "ext2", False), ("rootfstype=ext3", "ext3", False),
    ("rootfstype=ext3", "ext4", True), ("rootfstype=ext2", "ext4", True), ("rootfstype=ext2", "ext3", True),
    ("rootfstype=ext3", "ext2", True), ("rootfstype=ext3,ext4", "ext4", False),
    ("rootfstype=ext4 rootfstype=xfs", "ext4", True), ("rootfstype=xfs rootfstype=ext4", "ext4", False),
])
def test_a_file_system_that_the_root_is_not(argument, known, fires):
    fstab = (ROOT._replace(filesystem=known),)
    last = argument.split()[-1]
    expected = [said(
        "root-file-system", "unknown", NOT_MOUNTED.format(last, known), last, [REMOVE.format(last)] + MENU)] if fires else []
    values = {"EXT4_FS": "y", "XFS_FS": "y", "BTRFS_FS": "y"}
    for storage in (LIVE._replace(fstab=fstab), LIVE._replace(mounts=fstab)):
        assert [finding for finding in drivers(argument, storage, values) if finding[0] == "root-file-system"] == expected
        assert "root-file-system" not in [finding[0] for finding in drivers(argument, storage, values, [PROVED])]


@pytest.mark.parametrize("known", ["ext4", "auto", ""])
def test_a_type_that_only_an_initramfs_makes_out(known):
    text = "rootfstype=auto, a word for an initramfs, and this entry has none: it would not be mounted"
    expected = [said("root-file-system", "unknown", text, "rootfstype=auto", [REMOVE.format("rootfstype=auto")] + MENU)]
    storage = LIVE._replace(fstab=(ROOT._replace(filesystem=known),))
    for argument, found in (("rootfstype=auto", expected), ("rootfstype=auto,ext4", []), ("rootfstype=ext4", []), ("rootfstype=", [])):
        findings = judged("root=/dev/xvda1 " + argument, storage, (), values={"EXT4_FS": "y"})
        assert [finding for finding in findings if finding[0] == "root-file-system"] == found


HAS_NOT = "the root needs {}, and this kernel is built without it"
FOR_SOME = {"EXT4_FS": "y", "XFS_FS": "n", "BTRFS_FS": "n"}


@pytest.mark.parametrize("argument,known,expected", [
    # whose driver is looked for: that of the root, by whatever it is known
    ("", "xfs", [("xfs", "fail")]), ("", "ext4", []), ("rootfstype=xfs", "", [("xfs", "fail")]), ("rootfstype=ext4", "", []),
    ("rootfstype=auto", "xfs", [("xfs", "fail")]), ("rootfstype=", "xfs", [("xfs", "fail")]), ("rootfstype=auto", "", []),
    ("rootfstype=ext4,xfs", "xfs", [("xfs", "fail")]), ("rootfstype=xfs,ext4", "ext4", []), ("rootfstype=xfs,ext4", "ext3", []),
    # one of several, and nobody knows which
    ("rootfstype=ext4,xfs", "", [("xfs", "unknown")]), ("rootfstype=xfs,btrfs", "auto", [("xfs", "unknown"), ("btrfs", "unknown")]),
    ("", "ext4,xfs", [("xfs", "unknown")]), ("rootfstype=ext4", "ext4,xfs", []), ("rootfstype=xfs", "ext4,xfs", [("xfs", "fail")]),
    ("rootfstype=ext4,xfs", "ext4,xfs", [("xfs", "unknown")]), ("rootfstype=xfs", "overlay", [("xfs", "fail")]),
])
def test_whose_driver_it_takes(argument, known, expected):
    storage = LIVE._replace(fstab=(ROOT._replace(filesystem=known),))
    assert drivers(argument, storage, FOR_SOME) == [
        symbol(status, HAS_NOT.format(name), {"xfs": "XFS_FS", "btrfs": "BTRFS_FS"}[name], "n", NEWER) for name, status in expected]


def test_what_is_not_judged_stays_so_among_several():
    assert drivers("rootfstype=nilfs2,ext4", LIVE, FOR_SOME) == [
        ("root-driver", "info", "whether this kernel has nilfs2, which the root needs, is not judged", [], [])]


def test_of_what_is_mounted_and_what_fstab_says_the_first_counts():
    mounted = (Mount("/", "rootfs", "rootfs"), Mount("/", "/dev/xvda1", "xfs"), Mount("/data", "/dev/xvdb", "btrfs"))
    assert drivers("", LIVE._replace(mounts=mounted, fstab=(ROOT,)), FOR_SOME) == [
        symbol("fail", HAS_NOT.format("xfs"), "XFS_FS", "n", NEWER)]
    assert drivers("", LIVE._replace(mounts=mounted[2:], fstab=(ROOT,)), FOR_SOME) == []


LAYERS = {"EXT4_FS": "y", "BLK_DEV_DM": "n", "DM_CRYPT": "n", "BLK_DEV_MD": "n"}
LAYERS.update((name, "n") for name in ("MD_LINEAR", "MD_RAID0", "MD_RAID1", "MD_RAID10", "MD_RAID456"))
LVM, CRYPT, MD = ["dm_mod"], ["dm_mod", "dm_crypt"], ["md_mod"]


@pytest.mark.parametrize("root,storage,needed", [
    # what is below the live root, in its order, each once
    (BY_UUID, LIVE, []), (BY_UUID, LIVE._replace(root_stack=("lvm",)), LVM), (BY_UUID, LIVE._replace(root_stack=("multipath",)), LVM),
    (BY_UUID, LIVE._replace(root_stack=("crypt",)), CRYPT), (BY_UUID, LIVE._replace(root_stack=("md",)), MD),
    (BY_UUID, LIVE._replace(root_stack=("crypt", "lvm", "md"), root_levels=("raid1",)), CRYPT + MD + ["raid1"]),
    (BY_UUID, LIVE._replace(root_stack=("bcache", "lvm")), LVM), (BY_UUID, LIVE._replace(root_levels=("raid7", "raid0")), ["raid0"]),
    (BY_UUID, LIVE._replace(root_levels=("linear",)), ["linear"]), (BY_UUID, LIVE._replace(root_levels=("raid10",)), ["raid10"]),
    (BY_UUID, LIVE._replace(root_levels=("raid4", "raid5", "raid6")), ["raid456"]),
    # else what the device's name tells, of root= or of fstab
    ("/dev/vg/root", LIVE, LVM), ("/dev/mapper/luks-1", LIVE, CRYPT), ("/dev/mapper/a", LIVE, LVM),
    ("/dev/mapper/a", LIVE._replace(encrypted=("a",)), CRYPT), ("/dev/md0", LIVE, MD), ("/dev/xvda1", LIVE, []),
    (BY_UUID, LIVE._replace(fstab=(DATA._replace(device="/dev/md1"), ROOT._replace(device="/dev/vg/root"))), LVM),
    ("LABEL=/dev/vg/root", LIVE, []),
    ("/dev/xvda1", LIVE._replace(fstab=(ROOT._replace(device="/dev/vg/root"),)), []),
    ("/dev/vg/root", LIVE._replace(fstab=(ROOT._replace(device="/dev/md0"),)), LVM),
    # what is below the live root counts more, but a RAID is told by its name only where the root is another now
    ("/dev/mapper/luks-1", LIVE._replace(root_stack=("lvm",)), LVM), ("/dev/md0", LIVE._replace(root_stack=("lvm",)), LVM + MD),
    ("/dev/md0", LIVE._replace(root_stack=("md",)), MD), ("/dev/mapper/a", LIVE._replace(root_stack=("bcache",)), LVM),
])
def test_the_drivers_of_what_is_below(root, storage, needed):
    found = [finding for finding in judged("root=" + root, storage, values=LAYERS) if finding[0] == "root-driver"]
    names = {"dm_mod": "BLK_DEV_DM", "dm_crypt": "DM_CRYPT", "md_mod": "BLK_DEV_MD"}
    names.update({"linear": "MD_LINEAR", "raid0": "MD_RAID0", "raid1": "MD_RAID1", "raid10": "MD_RAID10", "raid456": "MD_RAID456"})
    assert found == [symbol("fail", HAS_NOT.format(module), names[module], "n", NEWER) for module in needed]
    assert not any(finding[0] == "root-driver" for finding in judged("root=" + root, storage, (PROVED,), values=LAYERS))


ASK = ("/dev/mapper/luks-root", BY_UUID + " cryptdevice=UUID=1:root")
UNSEEN = "the root may lie on an encrypted volume: without console=hvc0 its passphrase is asked for where nobody can type it"


@pytest.mark.parametrize("console,guest,proved,asked", [
    ("console=tty0", "PV", False, True), ("", "PV", False, True), ("console=hvc0", "PV", False, False), ("", "PVH", True, False),
    ("", "PVH", False, True), ("", "PV", True, True), ("console=hvc0,115200 console=tty0", "PV", False, False),
])
def test_where_a_passphrase_is_asked_for(console, guest, proved, asked):
    """A guest that runs in PV proves nothing: there /dev/console is hvc0 by itself."""
    values = {"EXT4_FS": "y", "BLK_DEV_DM": "y", "DM_CRYPT": "y"}
    kernel = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), RELEASE, RELEASE, config=Config(CONFIG, values))
    archive = PROVED if proved else ARCHIVE
    for root in ASK:
        line = "root={} {}".format(root, console)
        entry = Entry(0, "0", "Debian", kernel="/boot/vmlinuz", initrd=(INITRD,), cmdline=line, source=SOURCE)
        found = {}
        for mode in ("pv", "pvh"):
            facts = Facts("/mnt", True, "2026-01-01", Guest(guest, distribution=Distribution("debian", "12")), initramfs={INITRD: archive})
            findings = judge_root_device(entry, kernel, mode, facts)
            found[mode] = [finding for finding in findings if finding.id == "root-passphrase"]
        assert found["pv"] == [] and bool(found["pvh"]) == asked
        for finding in found["pvh"]:
            assert finding[1:5] == ("unknown", "pvh", "Debian", UNSEEN)
            assert finding.evidence == (("/boot/grub/grub.cfg", "line 12", "no console=hvc0"),)
            assert [" ".join(remedy.argv) for remedy in finding.remedies] == [
                'sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=hvc0" /etc/default/grub', "update-grub"]


BARE = ARCHIVE._replace(programs=())
UNREAD = ARCHIVE._replace(programs=(), complete=False, problem=Problem(INITRD, "is damaged"))
TO_PUT_TOGETHER = "the root may lie on {}, and the initramfs has no program that puts it together ({})"


@pytest.mark.parametrize("root,arguments,storage,archives,expected", [
    ("/dev/vg/root", "", {}, [BARE], ("a logical volume", "lvm", "lvm2")), ("/dev/md0", "", {}, [BARE], ("a RAID", "mdadm", "mdadm")),
    ("/dev/mapper/a", "", {"encrypted": ("a",)}, [BARE], ("an encrypted volume", "cryptsetup", "cryptsetup-initramfs")),
    ("UUID=x", "rd.lvm.vg=vg", {}, [BARE], ("a logical volume", "lvm", "lvm2")),
    ("UUID=x", "rd.lvm.vg=vg", {"root_device": "/dev/xvda1"}, [BARE], None),  # the system itself knows what is below its root
    ("/dev/mapper/vg-root", "", {"root_stack": ("lvm",)}, [BARE], ("a logical volume", "lvm", "lvm2")),
    ("/dev/mapper/any", "", {}, [BARE], None),  # no name of LVM's
    ("/dev/mapper/any", "", {"root_stack": ("lvm",)}, [BARE], ("a logical volume", "lvm", "lvm2")),
    ("/dev/mapper/mpath-a", "", {"root_stack": ("multipath",)}, [BARE], None),
    ("/dev/vg/root", "", {}, [ARCHIVE], None), ("/dev/vg/root", "", {}, [UNREAD], None), ("/dev/vg/root", "", {}, [PROVED], None),
    ("/dev/vg/root", "", {}, [], None),
])
def test_the_programs_that_put_a_volume_together(root, arguments, storage, archives, expected):
    values = {"EXT4_FS": "y", "BLK_DEV_DM": "y", "BLK_DEV_MD": "y", "DM_CRYPT": "y"}
    findings = judged("root={} {}".format(root, arguments), Storage(**storage), archives, "/mnt", values)
    found = [finding for finding in findings if finding[0] == "root-program"]
    if expected is None:
        assert found == []
        return
    what, program, package = expected
    fix = ["Install {}, and let the initramfs have it.".format(package), BUILD]
    assert found == [("root-program", "unknown", TO_PUT_TOGETHER.format(what, program), [(INITRD, "", program)], fix)]


def test_layers_of_which_nothing_but_an_argument_or_crypttab_tells():
    values = {"EXT4_FS": "y", "BLK_DEV_DM": "m", "DM_CRYPT": "n"}
    lacks = "the root needs {}, {}"
    findings = judged("root=UUID=x rd.luks.uuid=1 rd.luks.uuid=2", Storage(), values=values)
    assert [finding[:3] for finding in findings[1:]] == [
        ("root-driver", "unknown", "rd.luks.uuid=1: " + lacks.format("dm_mod", "a module that the initramfs does not hold")),
        ("root-driver", "unknown", "rd.luks.uuid=1: " + lacks.format("dm_crypt", "and this kernel is built without it"))]
    short = judged("root=UUID=x rd.md.uuid=1", Storage(), archives=(UNREAD,), values={"XEN": "y"})
    assert [finding[:2] for finding in short[1:]] == [("root-driver", "info")]
    values["BLK_DEV_DM"] = "y"
    below = Storage(encrypted=("a",))
    assert [finding[2] for finding in judged("root=/dev/mapper/vg-root", below, values=values)[1:]] == [
        "/etc/crypttab: " + lacks.format("dm_crypt", "and this kernel is built without it")]
    assert judged("root=UUID=x", below, values=values)[1:] == []  # encrypted swap, perhaps
    assert judged("root=/dev/mapper/vg-root", below, archives=(), values=values)[1:] == []  # without an initramfs nobody asks
    assert judged("root=/dev/mapper/vg-root rd.lvm.vg=vg", Storage(), values={"EXT4_FS": "y", "BLK_DEV_DM": "n"})[1:] == [
        ("root-driver", "fail", lacks.format("dm_mod", "and this kernel is built without it"),
         [(CONFIG, "CONFIG_BLK_DEV_DM", "n")], NEWER)]


def test_an_initramfs_inside_the_kernel_decides_by_itself():
    values = {"EXT4_FS": "n", "INITRAMFS_SOURCE": '"/usr/src/own"'}
    assert judged("root=/dev/sda1", EXT4, (), values=values) == []
    values["INITRAMFS_SOURCE"] = '""'
    assert [finding[0] for finding in judged("root=/dev/sda1", EXT4, (), values=values)] == ["root-device-name", "root-driver"]
