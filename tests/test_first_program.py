"""The first program: what the kernel starts once the root file system is there, and what that needs to be started."""

import os

import pytest

from pvhready.demo import parts
from pvhready.demo.initramfs import Member, contents, cpio
from pvhready.demo.tree import File, Folder, Link
from pvhready.facts import UNMOUNTED
from pvhready.probes.programs import HEAD, Executable, objection
from support import trees
from support.program import findings
from support.trees import GRUB_CFG, RELEASE, UUID

LOADER = "/lib64/ld-linux-x86-64.so.2"
SYSTEMD = "/usr/lib/systemd/systemd"
READY, WARNINGS, NOT_READY, UNKNOWN = "ready", "ready-with-warnings", "not-ready", "unknown"
PROGRAM = parts.program(LOADER)
INITRD = "/boot/initrd.img-" + RELEASE


@pytest.mark.parametrize("changes,expected,check", [
    ({"/sbin/init": None, SYSTEMD: None, "/bin/sh": None}, NOT_READY, "init-missing"),
    ({"/sbin/init": None, SYSTEMD: None}, UNKNOWN, "init-missing"),  # a shell may be started, which is no system
    ({"/sbin/init": None}, UNKNOWN, "init-missing"),  # systemd's initramfs would find it
    ({SYSTEMD: None}, UNKNOWN, "init-missing"),
    ({LOADER: None}, NOT_READY, "init-broken"),
    ({LOADER: File(bytes(4000), 0o755)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File(b"", 0o755)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File(bytes(len(PROGRAM)), 0o755)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File(PROGRAM, 0o644)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File(PROGRAM[:100], 0o755)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File(PROGRAM[:18] + b"\xb7" + PROGRAM[19:], 0o755)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File("#!/bin/gone\n", 0o755)}, NOT_READY, "init-broken"),
    ({SYSTEMD: File("#!/bin/sh\n", 0o755)}, READY, ""),
    ({"/sbin/init": File(parts.program(), 0o755), LOADER: None}, READY, ""),  # a static one needs no loader
    ({"/sbin/init": Folder()}, NOT_READY, "init-broken"),
    ({"/sbin/init": Link("/nowhere"), "/etc/init": File(PROGRAM, 0o755)}, READY, ""),
    ({"/sbin/init": None, "/bin/init": File(PROGRAM, 0o755)}, READY, ""),
    ({"/sbin/init": Link("../../../usr/lib/systemd/systemd")}, UNKNOWN, "init-missing"),
    ({"/etc/fstab": parts.fstab(UUID) + "UUID=1 /usr ext4 defaults 0 0\n", SYSTEMD: File(b"", 0o755)}, UNKNOWN, "init-broken"),
])
def test_what_stands_at_sbin_init(changes, expected, check, guest, pvhready):
    report = pvhready.check(guest(changes))
    said = findings(report, "fail", "unknown")
    assert report["verdict"] == expected, said
    assert bool(check) == (check in said), said


def test_a_broken_link_of_a_merged_usr(guest, pvhready):
    moved = {"/usr" + path: node for path, node in parts.programs().items() if not path.startswith("/usr")}
    moved["/usr/sbin/init"] = Link("../lib/systemd/systemd")
    changes = dict(moved, **{path: None for path in parts.programs() if not path.startswith("/usr")})
    links = {"/sbin": Link("usr/sbin"), "/bin": Link("usr/bin"), "/lib64": Link("usr/lib64")}
    assert pvhready.check(guest(dict(changes, **links)))["verdict"] == READY
    for path, expected in (("/lib64", NOT_READY), ("/sbin", UNKNOWN)):
        report = pvhready.check(guest(dict(changes, **dict(links, **{path: Link("usr/gone")}))))
        assert report["verdict"] == expected, path


def test_arguments_that_lead_to_another_root_leave_it_open(guest, pvhready):
    gone = {"/sbin/init": None, SYSTEMD: None, "/bin/sh": None}
    assert pvhready.check(guest(gone, cmdline="console=hvc0 ostree=/ostree/boot.1/x/0"))["verdict"] == UNKNOWN


def test_an_interpreter_that_runs_itself_ends():
    loop = Executable(0o100755, 10, b"#!/a\n")
    assert objection("/a", lambda path: loop) is None


def test_headers_that_lie_raise_nothing():
    for size in (0, 1, 20, 63, 64, 119, 120, 200):
        for byte in (0, 1, 3, 0xFF):
            head = (parts.program(LOADER)[:24] + bytes([byte]) * HEAD)[:size]
            objection("/a", lambda path: Executable(0o100755, size, head))  # noqa: B023


# What is in the initramfs


def _initrd(**changes):
    archive = contents(RELEASE, trees.MODULES)
    archive.update({name.replace("__", "/"): item for name, item in changes.items()})
    return {INITRD: cpio({name: item for name, item in archive.items() if item is not None})}


@pytest.mark.parametrize("changes,expected", [
    ({}, READY), ({"init": None}, NOT_READY), ({"init": Member(b"")}, NOT_READY), ({"init": Member(b"#!/bin/sh\n", 0o100644)}, NOT_READY),
    ({"init": Member(bytes(100))}, NOT_READY), ({"init": Member(b"#!/bin/gone\n")}, NOT_READY), ({"usr__bin__sh": None}, NOT_READY),
    ({"usr__lib64__ld-linux-x86-64.so.2": None}, NOT_READY), ({"init": Member(parts.program())}, READY),
])
def test_init_of_the_initramfs(changes, expected, guest, pvhready):
    report = pvhready.check(guest(_initrd(**changes)))
    assert report["verdict"] == expected, findings(report, "fail", "unknown")


def test_init_of_one_archive_and_its_interpreter_in_another(guest, pvhready):
    menu = trees.menus.debian_menu([RELEASE], UUID, "console=hvc0").replace("initrd\t/boot/", "initrd\t/boot/first.img /boot/")
    archive = dict(contents(RELEASE, trees.MODULES))
    shell = archive.pop("usr/bin/sh")
    files = {GRUB_CFG: menu, "/boot/first.img": cpio({"usr/bin/sh": shell}), INITRD: cpio(archive)}
    report = pvhready.check(guest(files))
    assert report["verdict"] == UNKNOWN and "initramfs-program" in findings(report, "unknown")


FRONT = "usr/lib/modules/{}/kernel/drivers/block/xen-blkfront.ko".format(RELEASE)
EXT4 = "usr/lib/modules/{}/kernel/fs/ext4/ext4.ko".format(RELEASE)
SOUND = contents(RELEASE, trees.MODULES)[FRONT]


@pytest.mark.parametrize("name", [FRONT, EXT4])
@pytest.mark.parametrize("content",
    [b"", bytes(64), bytes(len(SOUND)), SOUND[:-1], SOUND[:70], SOUND[:64] + bytes(len(SOUND) - 64), b"text\n" * 99])
def test_a_module_that_is_damaged(name, content, guest, pvhready):
    report = pvhready.check(guest(_initrd(**{name: content})))
    assert report["verdict"] == NOT_READY, findings(report, "fail", "unknown")


@pytest.mark.parametrize("later", [cpio({FRONT: b""}), cpio({"./" + FRONT: bytes(9)}), cpio({"/" + FRONT: b""})])
def test_a_module_that_is_replaced_later(later, guest, pvhready):
    archive = cpio(contents(RELEASE, trees.MODULES))
    assert pvhready.check(guest({INITRD: archive + later}))["verdict"] == NOT_READY
    assert pvhready.check(guest({INITRD: later + archive}))["verdict"] == READY  # the last one counts


def test_a_module_that_another_archive_of_the_entry_spoils(guest, pvhready):
    menu = trees.menus.debian_menu([RELEASE], UUID, "console=hvc0").replace("initrd\t/boot/", "initrd\t/boot/first.img /boot/")
    report = pvhready.check(guest({GRUB_CFG: menu, "/boot/first.img": cpio({FRONT: b""})}))
    assert report["verdict"] == UNKNOWN and "initramfs-damaged" in findings(report, "unknown")


def test_modules_without_a_list_of_what_they_need(guest, pvhready):
    name = "usr/lib/modules/{}/modules.dep".format(RELEASE)
    assert pvhready.check(guest(_initrd(**{name: None})))["verdict"] == UNKNOWN
    listed = "kernel/drivers/block/xen-blkfront.ko: kernel/drivers/xen/xen-gone.ko\n".encode()
    assert pvhready.check(guest(_initrd(**{name: listed})))["verdict"] == NOT_READY


@pytest.mark.parametrize("settings,expected", [
    ("blacklist xen_blkfront\n", UNKNOWN), ("blacklist xen-blkfront", UNKNOWN), ("install xen_blkfront /bin/true\n", UNKNOWN),
    ("blacklist \\\n ext4\n", UNKNOWN), ("#blacklist xen_blkfront\n", READY), ("blacklist floppy\noptions xen_blkfront max=1\n", READY),
    ("install xen_blkfront /sbin/modprobe --ignore-install xen_blkfront\n", READY),
])
def test_settings_of_modprobe(settings, expected, guest, pvhready):
    report = pvhready.check(guest(_initrd(**{"etc/modprobe.d/local.conf": settings.encode()})))
    assert report["verdict"] == expected, findings(report, "fail", "unknown")


def test_settings_that_others_take_the_place_of(guest, pvhready):
    lower = {"usr/lib/modprobe.d/x.conf": b"blacklist xen_blkfront\n"}
    assert pvhready.check(guest(_initrd(**lower)))["verdict"] == UNKNOWN
    assert pvhready.check(guest(_initrd(**dict(lower, **{"etc/modprobe.d/x.conf": b"# none\n"}))))["verdict"] == READY
    assert pvhready.check(guest(_initrd(**dict(lower, **{"etc/modprobe.d/x.conf": Member(b"/dev/null", 0o120777)}))))["verdict"] == READY


# What is not whole, or not here


def _config(text, name="XEN_PVH="):
    return {"/boot/config-" + RELEASE: text[:text.index("\nCONFIG_" + name)]}


def test_a_configuration_that_is_cut_off_proves_nothing(guest, pvhready):
    text = parts.configuration(RELEASE, trees.debian_symbols())
    for name in ("XEN_BLKDEV_FRONTEND=", "XEN=", "XEN_PVH=", "HYPERVISOR_GUEST="):
        for end in ("", "\n", "\nCONFIG_X"):
            changes = {path: content + end for path, content in _config(text, name).items()}
            report = pvhready.check(guest(changes))
            assert report["verdict"] == UNKNOWN, (name, end, findings(report, "fail", "unknown"))
    whole = {"/boot/config-" + RELEASE: text.replace("CONFIG_XEN_PVH=y\n", "")}
    assert pvhready.check(guest(whole))["verdict"] == NOT_READY


UNIT = "[Unit]\nBefore=local-fs.target\n\n[Mount]\nWhat=/dev/disk/by-uuid/1111-2222\nWhere=/boot\nType=ext4\n"


@pytest.mark.parametrize("path", ["/etc/systemd/system/boot.mount", "/usr/lib/systemd/system/boot.mount"])
def test_a_boot_of_its_own_that_only_a_unit_knows(path, guest, pvhready):
    directory = guest({path: UNIT, GRUB_CFG: None})
    report = pvhready.check(directory)
    assert report["verdict"] == UNKNOWN and UNMOUNTED.reason in "".join(findings(report, "unknown").values())
    masked = guest({path: UNIT, "/etc/systemd/system/boot.mount": Link("/dev/null"), GRUB_CFG: None})
    assert pvhready.check(masked)["verdict"] == NOT_READY


def test_an_empty_boot_may_be_filled_by_systemd_alone(guest, pvhready):
    kernel = {"/usr/lib/modules/{}/vmlinuz".format(RELEASE): b"MZ"}
    directory = guest(dict(kernel, **{"/boot": None}))
    assert pvhready.check(directory)["verdict"] == NOT_READY
    os.mkdir(directory + "/boot")
    report = pvhready.check(directory)
    assert report["verdict"] == UNKNOWN, findings(report, "fail", "unknown")


@pytest.mark.parametrize("fstab", [
    "UUID={0} / btrfs defaults 0 0\n", "UUID={0} / btrfs defaults 0 0\nUUID={0} /.snapshots btrfs subvol=/@/.snapshots 0 0\n",
    "UUID={0} / btrfs subvol=@ 0 0\n",
])
def test_paths_of_a_btrfs_snapshot_that_is_not_mounted(fstab, guest, pvhready):
    menu = trees.menus.debian_menu([RELEASE], UUID, "console=hvc0", filesystem="btrfs")
    menu = menu.replace("/boot/vmlinuz", "/@/.snapshots/1/snapshot/boot/vmlinuz").replace("initrd\t/boot",
        "initrd\t/@/.snapshots/1/snapshot/boot")
    report = pvhready.check(guest({GRUB_CFG: menu, "/etc/fstab": fstab.format(UUID)}, symbols=trees.debian_symbols(BTRFS_FS="y")))
    assert report["verdict"] == UNKNOWN, findings(report, "fail", "unknown")


@pytest.mark.parametrize("target,cmdline,warns", [
    ("/lib/systemd/system/rescue.target", "", True), ("/usr/lib/systemd/system/emergency.target", "", True), ("/dev/null", "", True),
    ("/lib/systemd/system/multi-user.target", "", False), ("/lib/systemd/system/graphical.target", "", False),
    ("/dev/null", "systemd.unit=multi-user.target", False), ("/lib/systemd/system/rescue.target", "3", False), (None, "", False),
])
def test_a_default_target_that_is_a_shell(target, cmdline, warns, guest, pvhready):
    changes = {"/etc/systemd/system/default.target": Link(target)} if target else {}
    report = pvhready.check(guest(changes, cmdline="console=hvc0 " + cmdline))
    assert (report["verdict"], "init-target" in findings(report, "warn")) == (("ready-with-warnings", True) if warns else ("ready", False))
