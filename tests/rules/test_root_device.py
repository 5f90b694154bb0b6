"""The root device against what is known of the storage, and the drivers below it."""

import pytest

from pvhready.facts import Config, Conflict, Entry, Facts, Guest, Image, Initramfs, Kernel, Mount, Problem, Storage
from pvhready.probes.names import PROGRAMS
from pvhready.rules.rootdevice import judge_root_device

UUID = "0f9ef5d5-3c3b-4a5c-9d6a-6a8d3c1b2e70"
RELEASE = "6.1.0-50-amd64"
INITRD = "/boot/initrd.img"
ROOT = Mount("/", "UUID=" + UUID, "ext4", "", "/etc/fstab:1")
SUBVOLUME = Mount("/", "UUID=b", "btrfs", "subvol=@", "/etc/fstab:1")
SWAP = Mount("none", "UUID=swap", "swap", "", "/etc/fstab:2")


def judged(root, storage, values=None, modules=("ext4",), top="/mnt", conflicts=(), arguments="", programs=PROGRAMS, mode="pvh"):
    """The findings on root= of an entry: id to status."""
    config = Config("/boot/config", {"EXT4_FS": "y", "RD_GZIP": "y"} if values is None else values, conflicts)
    kernel = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), RELEASE, config=config)
    entry = Entry(0, "0", "Debian", kernel="/boot/vmlinuz", initrd=(INITRD,), cmdline="root={} {}".format(root, arguments))
    archive = Initramfs(INITRD, modules, (RELEASE,), ("gzip",), complete=True, init=True, programs=programs)
    facts = Facts(top, True, "2026-01-01", Guest("PV"), initramfs={INITRD: archive}, storage=storage)
    return {finding.id: finding.status for finding in judge_root_device(entry, kernel, mode, facts)}


NOT_JUDGED = {"root-device-not-judged": "info"}
CONTRADICTS = {"root-device-fstab": "unknown"}
FOREIGN_NAME = {"root-device-name": "fail"}
NOT_KNOWN = {"root-device-unknown": "unknown"}


@pytest.mark.parametrize("root,fstab,expected", [
    ("UUID=" + UUID, (ROOT, SWAP), NOT_JUDGED),
    ("UUID=other", (ROOT, SWAP), CONTRADICTS),
    ("UUID=swap", (ROOT._replace(device="/dev/xvda2"), SWAP), CONTRADICTS),
    ("/dev/xvda1", (ROOT, SWAP), NOT_JUDGED),
    ("/dev/xvda1", (ROOT._replace(device="/dev/xvda2"),), CONTRADICTS),
    ("/dev/md0", (ROOT._replace(device="/dev/md/root"),), NOT_JUDGED),
    ("UUID=" + UUID, (ROOT._replace(device="/dev/sda1"),), CONTRADICTS),
    ("UUID=b", (SUBVOLUME, SUBVOLUME._replace(point="/home")), None),
    ("/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1", (ROOT,), FOREIGN_NAME),
    ("/dev/disk/by-path/pci-0000:00:04.0-part1", (), FOREIGN_NAME),
    ("/dev/disk/by-id/edd-int13_dev80-part1", (ROOT,), NOT_KNOWN), ("/dev/disk/by-id/google-persistent-disk-0-part1", (ROOT,), NOT_KNOWN),
    ("/dev/disk/by-path/xen-vbd-51712-part1", (ROOT,), NOT_JUDGED), ("/dev/disk/by-id/dm-uuid-LVM-a", (ROOT,), NOT_JUDGED),
    ("UUID=" + UUID, (ROOT._replace(device="/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi0-part2"),), CONTRADICTS),
    ("/dev/nfs", (ROOT,), NOT_KNOWN), ("nfs:10.0.0.1:/srv/root", (), NOT_KNOWN),
    ("banana", (ROOT,), NOT_KNOWN), ("/dev/banana", (ROOT,), NOT_KNOWN), ("UUID=" + UUID, (), NOT_JUDGED),
])
def test_against_fstab(root, fstab, expected):
    said = judged(root, Storage(fstab), {"EXT4_FS": "y", "BTRFS_FS": "y", "BLK_DEV_MD": "y", "BLK_DEV_DM": "y"})
    assert said == (NOT_JUDGED if expected is None else expected)


def test_an_fstab_that_cannot_be_read():
    unreadable = Problem("/etc/fstab", "is a directory")
    assert judged("UUID=" + UUID, Storage(problem=unreadable)) == NOT_KNOWN
    assert judged("UUID=" + UUID, Storage((ROOT,), problem=Problem("/etc/fstab:2", "not a line of fstab"))) == NOT_JUDGED
    live = Storage(uuids={UUID: "/dev/xvda1"}, root_device="/dev/xvda1", problem=unreadable)
    assert judged("UUID=" + UUID, live, top="/") == {"root-device": "pass"}


def test_two_root_arguments_that_differ():
    assert judged("UUID=" + UUID, Storage((ROOT,)), arguments="root=/dev/xvda1") == NOT_KNOWN
    assert judged("UUID=" + UUID, Storage((ROOT,)), arguments="-- root=/dev/xvda1") == NOT_KNOWN
    assert judged("UUID=" + UUID, Storage((ROOT,)), arguments="root=UUID=" + UUID) == NOT_JUDGED


@pytest.mark.parametrize("argument,known,fires", [
    ("ext4", "ext4", False), ("ext4", "ext3", False), ("xfs,ext4", "ext4", False), ("auto", "ext4", False), ("ext4", "auto", False),
    ("xfs", "ext4", True), ("ext3", "ext4", True), ("nonsense", "ext4", True), ("ext4", "xfs", True),
])
def test_a_file_system_named_on_the_command_line_is_the_one_that_is_there(argument, known, fires):
    values = {"EXT4_FS": "y", "XFS_FS": "y"}
    said = judged("UUID=" + UUID, Storage((ROOT._replace(filesystem=known),)), values, arguments="rootfstype=" + argument)
    assert said.get("root-file-system") == ("unknown" if fires else None)


@pytest.mark.parametrize("mounted,below,filesystem,expected", [
    ("/dev/xvda1", (), "ext4", {"root-device": "pass"}), ("/dev/xvda2", (), "ext4", {"root-device-other": "unknown"}),
    ("/dev/dm-0", ("/dev/xvda1",), "ext4", {"root-device": "pass"}),
    ("/dev/dm-0", ("/dev/xvdb",), "ext4", {"root-device-other": "unknown"}),
    ("/dev/xvdb", (), "btrfs", {"root-device-other": "warn"}),
])
def test_another_device_than_the_one_that_is_mounted(mounted, below, filesystem, expected):
    mounts = (Mount("/", mounted, filesystem),)
    storage = Storage(mounts=mounts, uuids={UUID: "/dev/xvda1"}, root_device=mounted, root_below=below)
    assert judged("UUID=" + UUID, storage, {"EXT4_FS": "y", "BTRFS_FS": "y"}, top="/") == expected


@pytest.mark.parametrize("filesystem,values,modules,expected", [
    ("ext4", {"EXT4_FS": "m"}, ("ext4",), None), ("ext4", {"EXT4_FS": "m"}, (), "fail"), ("ext4", {"EXT4_FS": "n"}, (), "fail"),
    ("ext4", {"XFS_FS": "m"}, (), "unknown"), ("ext4", {"RD_GZIP": "y"}, (), "unknown"), ("ext4", {"XEN": "y"}, (), "info"),
    ("ext4", {"XFS_FS": "m"}, ("ext4",), None), ("bcachefs", {"EXT4_FS": "y"}, (), "info"), ("nilfs2", {"EXT4_FS": "y"}, (), "info"),
])
def test_the_driver_of_the_file_system(filesystem, values, modules, expected):
    said = judged("UUID=" + UUID, Storage((ROOT._replace(filesystem=filesystem),)), values, modules)
    assert said.get("root-driver") == expected


def test_of_two_file_systems_that_are_mounted_at_the_root_the_later_is_seen():
    """Older kernels list the first, empty root file system before it (EL7)."""
    mounts = (Mount("/", "/dev/xvda1", "rootfs"), Mount("/", "/dev/xvda1", "btrfs"))
    storage = Storage(mounts=mounts, uuids={UUID: "/dev/xvda1"}, root_device="/dev/xvda1")
    assert judged("UUID=" + UUID, storage, {"BTRFS_FS": "m"}, top="/") == {"root-device": "pass", "root-driver": "fail"}
    assert judged("UUID=" + UUID, storage, {"BTRFS_FS": "m"}, ("btrfs",), top="/") == {"root-device": "pass"}


def test_configurations_that_disagree_on_the_driver():
    conflict = (Conflict("EXT4_FS", "/boot/config", "y", "/lib/modules/config", "n"),)
    assert judged("UUID=" + UUID, Storage((ROOT,)), modules=(), conflicts=conflict)["root-driver"] == "unknown"
    assert "root-driver" not in judged("UUID=" + UUID, Storage((ROOT,)), conflicts=conflict)
    other = (Conflict("XFS_FS", "/boot/config", "y", "/lib/modules/config", "n"),)
    assert "root-driver" not in judged("UUID=" + UUID, Storage((ROOT,)), modules=(), conflicts=other)


@pytest.mark.parametrize("root,storage,needed", [
    ("/dev/vg0/root", Storage(), {"dm_mod"}), ("/dev/mapper/vg0-root", Storage(), {"dm_mod"}),
    ("/dev/mapper/luks-a", Storage(), {"dm_mod", "dm_crypt"}), ("/dev/mapper/a", Storage(encrypted=("a",)), {"dm_mod", "dm_crypt"}),
    ("/dev/md0", Storage(), {"md_mod"}), ("UUID=a", Storage(root_stack=("crypt",)), {"dm_mod", "dm_crypt"}),
    ("UUID=a", Storage(root_stack=("md",), root_levels=("raid1",)), {"md_mod", "raid1"}), ("/dev/xvda1", Storage(), set()),
])
def test_the_drivers_of_what_is_below(root, storage, needed):
    symbols = {"BLK_DEV_DM": "m", "DM_CRYPT": "m", "BLK_DEV_MD": "m", "MD_RAID1": "m", "EXT4_FS": "y"}
    assert "root-driver" not in judged(root, storage, symbols, tuple(needed))
    for missing in needed:
        assert judged(root, storage, symbols, tuple(needed - {missing}))["root-driver"] == "fail"


MAPPED = {"BLK_DEV_DM": "m", "DM_CRYPT": "m", "BLK_DEV_MD": "m", "EXT4_FS": "y"}


@pytest.mark.parametrize("root,storage,arguments,any_of", [
    ("/dev/vg0/root", Storage(), "", ("lvm",)), ("/dev/mapper/vg0-root", Storage(), "", ("lvm",)),
    ("/dev/md0", Storage(), "", ("mdadm", "mdassemble")),
    ("/dev/mapper/a", Storage(encrypted=("a",)), "", ("cryptsetup", "systemd-cryptsetup")),
    ("UUID=a", Storage(root_stack=("lvm",)), "", ("lvm",)),
    ("UUID=a", Storage(), "rd.lvm.lv=vg0/root", ("lvm",)),
    ("UUID=a", Storage(), "rd.luks.uuid=1", ("cryptsetup", "systemd-cryptsetup")),
    ("/dev/mapper/root", Storage(), "cryptdevice=UUID=1:root", ("cryptsetup", "systemd-cryptsetup")),
    ("UUID=a", Storage(), "rd.md.uuid=1", ("mdadm", "mdassemble")),
])
def test_the_initramfs_has_what_puts_the_volumes_together(root, storage, arguments, any_of):
    """lvm2, cryptsetup-initramfs or mdadm was removed, or the image was built where the root lay elsewhere."""
    modules = ("dm_mod", "dm_crypt", "md_mod")
    without = tuple(name for name in PROGRAMS if name not in any_of)
    assert judged(root, storage, MAPPED, modules, arguments=arguments, programs=without)["root-program"] == "unknown"
    for program in any_of:
        assert "root-program" not in judged(root, storage, MAPPED, modules, arguments=arguments, programs=(program,))


def test_what_needs_no_such_program():
    assert "root-program" not in judged("/dev/mapper/root", Storage(), MAPPED, ("dm_mod",), programs=())
    assert "root-program" not in judged("UUID=a", Storage(root_device="/dev/xvda1"), MAPPED, (), arguments="rd.lvm.lv=vg/swap", programs=())


@pytest.mark.parametrize("root,storage,arguments,missing", [
    ("UUID=a", Storage(), "rd.lvm.lv=vg0/root", "dm_mod"), ("UUID=a", Storage(), "rd.luks.uuid=luks-1", "dm_crypt"),
    ("/dev/mapper/vg-root", Storage(encrypted=("a",)), "", "dm_crypt"), ("UUID=a", Storage(), "rd.md.uuid=1", "md_mod"),
])
def test_layers_of_which_only_arguments_and_crypttab_tell(root, storage, arguments, missing):
    modules = ("dm_mod", "dm_crypt", "md_mod")
    assert "root-driver" not in judged(root, storage, MAPPED, modules, arguments=arguments)
    left = tuple(module for module in modules if module != missing)
    assert judged(root, storage, MAPPED, left, arguments=arguments)["root-driver"] == "unknown"
    # The system itself knows what lies below its root.
    assert "root-driver" not in judged("UUID=a", Storage(root_device="/dev/xvda1", encrypted=("a",)), MAPPED, (), arguments=arguments)


@pytest.mark.parametrize("root,storage,arguments,expected", [
    ("/dev/mapper/luks-a", Storage(), "", "unknown"), ("UUID=a", Storage(root_stack=("lvm", "crypt")), "console=tty0", "unknown"),
    ("UUID=a", Storage(), "rd.luks.uuid=1 console=ttyS0", "unknown"), ("/dev/mapper/luks-a", Storage(), "console=hvc0", None),
    ("/dev/mapper/luks-a", Storage(), "console=hvc0 console=tty0", None), ("/dev/mapper/vg-root", Storage(), "", None),
])
def test_a_passphrase_is_asked_for_where_it_can_be_typed(root, storage, arguments, expected):
    """Under PV it is asked for on hvc0 whatever the command line says, so that such a guest runs."""
    modules = ("dm_mod", "dm_crypt")
    assert judged(root, storage, MAPPED, modules, arguments=arguments).get("root-passphrase") == expected
    assert "root-passphrase" not in judged(root, storage, MAPPED, modules, arguments=arguments, mode="pv")
