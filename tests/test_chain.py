"""The links behind the kernel: command line, initramfs and root device, one thing changed in a sound guest at a time."""

import pytest

from pvhready.demo import menus, parts
from pvhready.demo.compress import compress
from pvhready.demo.image import elf_kernel
from pvhready.demo.initramfs import cpio, initramfs
from pvhready.demo.tree import File, Link
from support.program import findings
from support.trees import GRUB_CFG, RELEASE, UUID, debian_symbols

INITRD = "/boot/initrd.img-" + RELEASE
READY, WARNINGS, NOT_READY, UNKNOWN = "ready", "ready-with-warnings", "not-ready", "unknown"

# The command line after root= and ro, and what comes of it under PVH and PV. Measured with Linux 6.1 but for the limits.
LINES = [
    ("console=hvc0", READY, READY),
    ("console=tty0 console=hvc0", READY, READY),
    ("console=hvc0,115200", READY, READY),
    ("console=hvc0 quiet splash", READY, READY),
    ("console=hvc0 nopvspin", READY, READY),
    ("console=hvc0 xen_nopvspin", READY, READY),
    ("console=hvc0 systemd.unit=nopv", READY, READY),
    ("", WARNINGS, READY),
    ("quiet", WARNINGS, READY),
    ("console=tty0", WARNINGS, READY),
    ("console=ttyS0,115200", WARNINGS, READY),
    ("console=xvc0", WARNINGS, READY),
    ("console=hvc", WARNINGS, READY),
    ("xconsole=hvc0", WARNINGS, READY),
    ("console=hvc0 nopv", NOT_READY, READY),
    ("console=hvc0 xen_nopv", NOT_READY, READY),
    ("console=hvc0 acpi=off", NOT_READY, READY),
    ("console=hvc0 acpi=ht", NOT_READY, READY),
    ("console=hvc0 xen_no_vector_callback", NOT_READY, READY),
    ("nopv", NOT_READY, READY),
    ("console=hvc0 " + "x" * 2500, UNKNOWN, UNKNOWN),
]


def judged(pvhready, directory, target):
    report = pvhready.check(directory, "--target", target)
    return report["verdict"], findings(report, "fail", "unknown", "warn")


@pytest.mark.parametrize("line,pvh,pv", LINES, ids=[line[:40] or "nothing" for line, _, _ in LINES])
def test_command_line(line, pvh, pv, guest, pvhready):
    directory = guest(cmdline=line)
    for target, expected in (("pvh", pvh), ("pv", pv)):
        verdict, said = judged(pvhready, directory, target)
        if expected == UNKNOWN:
            assert verdict != READY, said
        else:
            assert verdict == expected, (target, said)


@pytest.mark.parametrize("argument,front_end,expected", [
    ("module_blacklist=xen_blkfront", "m", NOT_READY), ("modprobe.blacklist=floppy,xen-blkfront", "m", NOT_READY),
    ("rd.driver.blacklist=xen-blkfront", "m", UNKNOWN), ("rdblacklist=xen_blkfront", "m", UNKNOWN),
    ("module_blacklist=xen_blkfront", "y", READY), ("rd.driver.blacklist=xen_blkfront", "y", READY),
    ("module_blacklist=ext4", "y", UNKNOWN), ("modprobe.blacklist=pcspkr,ext4", "m", UNKNOWN), ("rd.driver.blacklist=ext4", "y", UNKNOWN),
    ("modprobe.blacklist=pcspkr,floppy", "m", READY), ("module_blacklist=ext4x", "m", READY),
    ("initcall_blacklist=xlblk_init", "y", UNKNOWN), ("initcall_blacklist=xenbus_init", "m", UNKNOWN),
    ("initcall_blacklist=algif_aead_init", "m", READY),
])
def test_what_an_argument_keeps_from_starting(argument, front_end, expected, guest, pvhready):
    directory = guest(cmdline="console=hvc0 " + argument, symbols=debian_symbols(XEN_BLKDEV_FRONTEND=front_end))
    for target in ("pvh", "pv"):
        assert judged(pvhready, directory, target)[0] == expected


@pytest.mark.parametrize("modules,symbols,expected", [
    (("jbd2", "mbcache"), {"JBD2": "m", "FS_MBCACHE": "m"}, READY), (("jbd2",), {"JBD2": "m", "FS_MBCACHE": "m"}, NOT_READY),
    (("mbcache",), {"JBD2": "m", "FS_MBCACHE": "m"}, NOT_READY), (("jbd2",), {"JBD2": "m", "FS_MBCACHE": "y"}, READY),
    ((), {"JBD2": "y", "FS_MBCACHE": "y"}, READY), ((), {}, READY), ((), {"EXT4_FS": "y", "JBD2": "y", "FS_MBCACHE": "y"}, READY),
])
def test_what_the_file_systems_driver_is_loaded_with(modules, symbols, expected, guest, pvhready):
    names = ("drivers/block/xen-blkfront", "fs/ext4/ext4") + tuple("fs/" + name for name in modules)
    directory = guest(modules=names, symbols=debian_symbols(**symbols))
    for target in ("pvh", "pv"):
        verdict, said = judged(pvhready, directory, target)
        assert (verdict, "root-driver" in said) == (expected, expected != READY)


@pytest.mark.parametrize("built_in,expected", [("init=/gone", UNKNOWN), ("init=/b", UNKNOWN), ("quiet", READY)])
def test_a_first_program_that_is_built_into_the_kernel_is_not_looked_for(built_in, expected, guest, pvhready):
    symbols = debian_symbols(CMDLINE_BOOL="y", CMDLINE='"{}"'.format(built_in))
    assert judged(pvhready, guest({"/b": ""}, symbols=symbols), "pvh")[0] == expected


@pytest.mark.parametrize("argument,expected", [
    ("mem=512M", READY), ("mem=2g", READY), ("mem=8388608K", READY), ("mem=536870912", READY), ("mem=511M", UNKNOWN), ("mem=64M", UNKNOWN),
    ("mem=", UNKNOWN), ("mem", UNKNOWN), ("mem=nopentium", UNKNOWN), ("mem=0x1E", UNKNOWN), ("mem=5_12M", UNKNOWN), ("memory=1M", READY),
    ("mem=15E", READY), ("mem=17E", UNKNOWN), ("mem=18446744073709551617", UNKNOWN), ("mem=" + "9" * 300, UNKNOWN),
])
def test_little_memory(argument, expected, guest, pvhready):
    directory = guest(cmdline="console=hvc0 " + argument)
    for target in ("pvh", "pv"):
        assert judged(pvhready, directory, target)[0] == expected


START = File("#!/bin/sh\n", 0o755)


@pytest.mark.parametrize("init,changes,expected", [
    ("/lib/systemd/systemd", {"/lib/systemd/systemd": START}, READY), ("/lib/systemd/systemd", {}, NOT_READY),
    ("/init", {"/init": Link("/lib/systemd/systemd"), "/lib/systemd/systemd": START}, READY),
    ("/init", {"/init": Link("/gone")}, NOT_READY),
    ("/nix/store/a/init", {"/etc/fstab": parts.fstab(UUID) + "LABEL=nix /nix ext4 defaults 0 0\n"}, UNKNOWN),
    ("/nixos/init", {"/etc/fstab": parts.fstab(UUID) + "LABEL=nix /nix ext4 defaults 0 0\n"}, NOT_READY),
    ("/a init=/b", {"/b": START}, READY), ("/b init=/a", {"/b": START}, NOT_READY),
])
def test_the_program_that_starts_first(init, changes, expected, guest, pvhready):
    directory = guest(changes, cmdline="console=hvc0 init=" + init)
    for target in ("pvh", "pv"):
        verdict, said = judged(pvhready, directory, target)
        assert (verdict, "init-missing" in said) == (expected, expected != READY)


@pytest.mark.parametrize("root,expected", [
    ("UUID=" + UUID, READY), ("/dev/xvda1", READY), ("/dev/sda1", NOT_READY), ("/dev/hda1", NOT_READY), ("/dev/vda1", NOT_READY),
    ("/dev/nvme0n1p1", NOT_READY),
])
def test_root_device(root, expected, guest, pvhready):
    menu = menus.debian_menu([RELEASE], UUID, "console=hvc0").replace("root=UUID=" + UUID, "root=" + root)
    verdict, said = judged(pvhready, guest({GRUB_CFG: menu}), "pvh")
    assert verdict == expected, said


FRONT = "drivers/block/xen-blkfront"
EXT4 = "fs/ext4/ext4"


@pytest.mark.parametrize("modules,symbols,expected", [
    ((FRONT, EXT4), {}, READY),
    ((EXT4,), {}, NOT_READY),
    ((EXT4,), {"XEN_BLKDEV_FRONTEND": "y"}, READY),
    ((EXT4, "drivers/block/xen-blkback/xen-blkback"), {}, NOT_READY),
    ((EXT4, "drivers/block/not-xen-blkfront"), {}, NOT_READY),
    ((FRONT,), {}, NOT_READY),
    ((FRONT,), {"EXT4_FS": "y"}, READY),
    ((), {"EXT4_FS": "y", "XEN_BLKDEV_FRONTEND": "y"}, READY),
])
def test_modules_in_the_initramfs(modules, symbols, expected, guest, pvhready):
    verdict, said = judged(pvhready, guest(modules=modules, symbols=debian_symbols(**symbols)), "pvh")
    assert verdict == expected, said


def test_an_initramfs_of_another_kernel(guest, pvhready):
    verdict, said = judged(pvhready, guest({INITRD: initramfs("6.1.0-49-amd64", (FRONT, EXT4), "zstd")}), "pvh")
    assert verdict == NOT_READY, said


def test_an_initramfs_that_is_not_there(guest, pvhready):
    verdict, said = judged(pvhready, guest({INITRD: None}), "pvh")
    assert verdict == NOT_READY, said


BUILT_IN = debian_symbols(XEN_BLKDEV_FRONTEND="y", EXT4_FS="y")
WHOLE = initramfs(RELEASE, (FRONT, EXT4), "zstd")


@pytest.mark.parametrize("content", [b"", WHOLE[:300], WHOLE[:-1], b"nonsense" * 1000, WHOLE + b"nonsense"])
def test_a_damaged_initramfs_matters_also_where_the_disks_need_none(content, guest, pvhready):
    """Without it nobody turns root=UUID= into a device."""
    verdict, said = judged(pvhready, guest({INITRD: content}, symbols=BUILT_IN), "pvh")
    assert verdict in (NOT_READY, UNKNOWN), said


@pytest.mark.parametrize("root,expected", [
    ("UUID=" + UUID, NOT_READY), ("LABEL=root", NOT_READY), ("/dev/xvda1", READY), ("PARTUUID=1234-01", READY)])
def test_no_initramfs_at_all(root, expected, guest, pvhready):
    """The kernel alone knows devices and partitions (Linux: block/early-lookup.c), no file systems."""
    menu = menus.debian_menu([RELEASE], UUID, "console=hvc0").replace("root=UUID=" + UUID, "root=" + root)
    menu = "".join(line for line in menu.splitlines(True) if not line.strip().startswith("initrd"))
    verdict, said = judged(pvhready, guest({GRUB_CFG: menu, INITRD: None}, symbols=BUILT_IN), "pvh")
    assert verdict == expected, said


@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "lzma", "bzip2", "lz4", "zstd", "lzo"])
def test_every_compression_of_an_initramfs(compression, guest, pvhready):
    symbols = debian_symbols(**{"RD_" + name: "y" for name in ("GZIP", "XZ", "LZMA", "BZIP2", "LZ4", "ZSTD", "LZO")})
    directory = guest({INITRD: initramfs(RELEASE, (FRONT, EXT4), compression, microcode=True)}, symbols=symbols)
    verdict, said = judged(pvhready, directory, "pvh")
    assert verdict == READY, said


@pytest.mark.parametrize("default,expected", [("0", READY), ("1>0", READY), ("1>1", NOT_READY), ("gnulinux-simple-" + UUID, READY)])
def test_the_default_entry_decides(default, expected, guest, pvhready):
    """The older of two kernels is decompressed."""
    directory = guest({"/boot/vmlinuz-6.1.0-49-amd64": elf_kernel("6.1.0-49-amd64")}, default=default, older=("6.1.0-49-amd64",))
    verdict, said = judged(pvhready, directory, "pvh")
    assert (verdict == NOT_READY) == (expected == NOT_READY), said


def test_an_older_kernel_that_does_not_boot_is_told_and_changes_nothing(guest, pvhready):
    directory = guest({"/boot/vmlinuz-6.1.0-49-amd64": elf_kernel("6.1.0-49-amd64")}, older=("6.1.0-49-amd64",))
    report = pvhready.check(directory)
    assert report["verdict"] == READY, findings(report, "fail", "unknown", "warn")
    (old,) = [kernel for kernel in report["kernels"] if kernel["release"] == "6.1.0-49-amd64"]
    assert old["modes"] == {"pvh": "fails", "pv": "boots"}


def test_a_newer_kernel_that_does_not_boot_is_a_warning(guest, pvhready):
    directory = guest({"/boot/vmlinuz-6.1.0-51-amd64": elf_kernel("6.1.0-51-amd64")})
    report = pvhready.check(directory)
    assert report["verdict"] == WARNINGS, findings(report, "fail", "unknown", "warn")


def test_a_change_that_was_never_generated(guest, pvhready):
    report = pvhready.check(guest({"/etc/default/grub": parts.default_grub("", "console=hvc0 console=tty0")}))
    assert report["verdict"] in (READY, WARNINGS)
    assert "grub-config-stale" in findings(report, "info", "warn")


@pytest.mark.parametrize("argument", [
    "nolapic", "disableapic", "acpi=off", "acpi_rsdp=0x1000", "nopv", "xen_no_vector_callback", "break=mount", "init=/bin/sh", "single",
    "mem=256M", "rootfstype=xfs",
])
def test_a_change_that_was_never_generated_and_stops_a_guest(argument, guest, pvhready):
    report = pvhready.check(guest({"/etc/default/grub": parts.default_grub("", "console=hvc0 " + argument)}))
    assert report["verdict"] == WARNINGS and "grub-config-stale" in findings(report, "warn")


TWO = menus.debian_menu([RELEASE], UUID, "console=hvc0").replace("initrd\t/boot/", "initrd\t/boot/first.img /boot/")
MICROCODE = cpio({"kernel/x86/microcode/AuthenticAMD.bin": b"DMA\0" + b"\0" * 2800})
NO_INIT = cpio({"usr/lib/modules/{}/kernel/{}.ko".format(RELEASE, name): b"x" for name in (FRONT, EXT4)})


@pytest.mark.parametrize("first,expected", [
    (MICROCODE, READY), (MICROCODE[:300], UNKNOWN), (b"nonsense" * 99, UNKNOWN), (WHOLE[:-1], UNKNOWN), (None, NOT_READY),
])
def test_every_one_of_several_initramfs_counts(first, expected, guest, pvhready):
    changes = {GRUB_CFG: TWO} if first is None else {GRUB_CFG: TWO, "/boot/first.img": first}
    verdict, said = judged(pvhready, guest(changes), "pvh")
    assert verdict == expected, said


def test_modules_are_looked_for_in_all_of_several_initramfs(guest, pvhready):
    changes = {GRUB_CFG: TWO, "/boot/first.img": initramfs(RELEASE, (EXT4,)), INITRD: initramfs(RELEASE, (FRONT,))}
    verdict, said = judged(pvhready, guest(changes), "pvh")
    assert verdict == READY, said


@pytest.mark.parametrize("release,compression,taken,symbols,expected", [
    (RELEASE, "zstd", (), {"RD_ZSTD": "n"}, NOT_READY),
    (RELEASE, "zstd", ("RD_ZSTD",), {}, NOT_READY),
    (RELEASE, "zstd", ("RD_GZIP", "RD_XZ", "RD_LZ4", "RD_ZSTD"), {}, READY),
    ("5.4.0-26-generic", "zstd", ("RD_GZIP", "RD_XZ", "RD_LZ4", "RD_ZSTD"), {}, NOT_READY),
    ("5.4.0-26-generic", "zstd", (), {}, READY),  # somebody brought it to an older kernel
    ("5.4.0-26-generic", "lz4", ("RD_GZIP", "RD_XZ", "RD_LZ4", "RD_ZSTD"), {}, READY),
    (RELEASE, "zstd", (), {"BLK_DEV_INITRD": "n"}, NOT_READY),
    (RELEASE, "zstd", (), {"BLK_DEV_INITRD": "n", "XEN_BLKDEV_FRONTEND": "y", "EXT4_FS": "y"}, NOT_READY),
])
def test_what_the_kernel_can_unpack(release, compression, taken, symbols, expected, guest, pvhready):
    values = dict(debian_symbols(**symbols))
    for symbol in taken:
        del values[symbol]
    verdict, said = judged(pvhready, guest(release=release, symbols=values, compression=compression), "pvh")
    assert verdict == expected, said


def test_every_part_of_an_initramfs_must_be_unpacked(guest, pvhready):
    parts_of_it = compress("lz4", cpio({"a": b"b"})) + WHOLE
    verdict, said = judged(pvhready, guest({INITRD: parts_of_it}, symbols=debian_symbols(RD_LZ4="n")), "pvh")
    assert verdict == NOT_READY and "initramfs-compression" in said


@pytest.mark.parametrize("content", [MICROCODE, compress("zstd", NO_INIT)])
@pytest.mark.parametrize("symbols", [BUILT_IN, debian_symbols()])
def test_an_initramfs_with_nothing_to_run_is_none(content, symbols, guest, pvhready):
    verdict, said = judged(pvhready, guest({INITRD: content}, symbols=symbols), "pvh")
    assert verdict == NOT_READY, said


@pytest.mark.parametrize("folder", ["/lib/modules", "/usr/lib/modules"])
def test_a_kernel_that_was_copied_without_its_modules_has_no_network(folder, guest, pvhready):
    def warns(releases, symbols, content):
        changes = {"{}/{}/kernel/fs/ext4/ext4.ko".format(folder, release): "" for release in releases}
        changes.update({"{}/{}/updates/dkms/left.ko".format(folder, RELEASE): "", INITRD: content})
        verdict, said = judged(pvhready, guest(changes, symbols=symbols), "pvh")
        assert verdict in (READY, WARNINGS) and ("kernel-netfront" in said) == (verdict == WARNINGS)
        return verdict == WARNINGS

    bare, whole = (initramfs(RELEASE, (FRONT, EXT4) + more) for more in ((), ("drivers/net/xen-netfront",)))
    assert warns(["6.1.0-49-amd64"], debian_symbols(), bare)
    assert not warns(["6.1.0-49-amd64", RELEASE], debian_symbols(), bare)
    assert not warns(["6.1.0-49-amd64"], debian_symbols(), whole)  # loaded there, as initramfs-tools' MODULES=most has it
    assert not warns(["6.1.0-49-amd64"], debian_symbols(XEN_NETDEV_FRONTEND="y"), bare)
    assert not warns([], debian_symbols(), bare)  # they may lie elsewhere, as NixOS' do


@pytest.mark.parametrize("symbols", [BUILT_IN, debian_symbols()])
def test_an_initramfs_that_is_built_into_the_kernel_is_not_looked_into(symbols, guest, pvhready):
    """As Gentoo's users make it. One of the entry's with an /init takes its place."""
    own, none = dict(symbols, INITRAMFS_SOURCE='"/usr/src/initramfs"'), dict(symbols, INITRAMFS_SOURCE='""')
    menu = "".join(line for line in menus.debian_menu([RELEASE], UUID, "console=hvc0").splitlines(True) if "initrd" not in line)
    for changes in ({GRUB_CFG: menu}, {INITRD: MICROCODE}):
        verdict, said = judged(pvhready, guest(changes, symbols=own), "pvh")
        assert verdict == UNKNOWN and "initramfs-unreadable" in said
        assert judged(pvhready, guest(changes, symbols=none), "pvh")[0] == NOT_READY
    assert judged(pvhready, guest(symbols=own), "pvh")[0] == judged(pvhready, guest(symbols=none), "pvh")[0] == READY


def test_another_program_than_init_is_not_looked_for(guest, pvhready):
    verdict, said = judged(pvhready, guest(cmdline="console=hvc0 rdinit=/sbin/other"), "pvh")
    assert verdict == UNKNOWN and "initramfs-program" in said


@pytest.mark.parametrize("symbol", ["RD_ZSTD", "BLK_DEV_INITRD"])
def test_configurations_that_disagree_on_the_initramfs(symbol, guest, pvhready):
    other = parts.configuration(RELEASE, debian_symbols(**{symbol: "n"}))
    verdict, said = judged(pvhready, guest({"/usr/lib/modules/{}/config".format(RELEASE): other}), "pvh")
    assert verdict == UNKNOWN, said


def test_a_default_that_only_the_fallback_saves_is_a_warning(guest, pvhready):
    from support.trees import GRUB_CFG

    directory = guest()
    path = directory + GRUB_CFG
    with open(path, encoding="utf-8") as handle:
        menu = handle.read()
    broken = "menuentry 'gone' {\n linux /boot/vmlinuz-gone console=hvc0\n}\n"
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(broken + menu + "\nset default=0\nset fallback=1\n")
    report = pvhready.check(directory)
    assert (report["verdict"], report["boot"]["reason"]) == (WARNINGS, "fallback")
    assert "entry-fallback" in findings(report, "warn")


def _program(machine, width):
    """The beginning of an ELF file for a machine (elf.h: EM_386 3, EM_X86_64 62, EM_AARCH64 183)."""
    return b"\x7fELF" + bytes([width // 32, 1, 1]) + bytes(9) + (2).to_bytes(2, "little") + machine.to_bytes(2, "little") + bytes(44)


@pytest.mark.parametrize("machine,width,bits,emulation,verdict", [
    (62, 64, 64, "y", "ready"),
    (62, 64, 64, "n", "ready"),
    (62, 64, 32, "y", "not-ready"),
    (3, 32, 32, "y", "ready"),
    (3, 32, 64, "y", "ready"),
    (3, 32, 64, "n", "not-ready"),
    (183, 64, 64, "y", "unknown"),
])
def test_a_kernel_runs_the_programs_of_its_guest(machine, width, bits, emulation, verdict, guest, pvhready):
    values = debian_symbols(IA32_EMULATION=emulation, **({"X86_64": "n", "XEN_PV": "n"} if bits == 32 else {}))
    report = pvhready.check(guest(bits=bits, symbols=values, changes={"/bin/sh": _program(machine, width)}))
    assert report["verdict"] == verdict
    assert ("kernel-programs" in findings(report, "fail", "unknown")) == (verdict != "ready")
