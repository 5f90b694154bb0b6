"""Arguments that the initramfs and init go by, and the lines of fstab that a boot waits for: what they make of a sound guest."""

import subprocess

import pytest

from pvhready.demo import parts
from pvhready.demo.tree import Link
from pvhready.facts import Entry, Facts, Guest, Image, Initramfs, Kernel, Mount, Storage
from pvhready.rules.arguments import judge_arguments
from pvhready.rules.mounts import judge_mounts
from support import wanted
from support.program import findings
from support.trees import GRUB_CFG, UUID, base


@pytest.mark.parametrize("argument,check,verdict", [
    # initramfs-tools' init: break, break=STAGE. dracut.cmdline(7): rd.break.
    ("break", "cmdline-stops", "unknown"),
    ("break=mount", "cmdline-stops", "unknown"),
    ("rd.break", "cmdline-stops", "unknown"),
    ("rd.break=pre-pivot", "cmdline-stops", "unknown"),
    ("rd.systemd.unit=emergency.target", "cmdline-stops", "unknown"),
    ("rd.emergency", "cmdline-stops", "unknown"),
    ("rd.rescue", "cmdline-stops", "unknown"),
    ("boot=live", "cmdline-boot-script", "unknown"),
    ("boot=nfs", "cmdline-boot-script", "unknown"),
    # initramfs-tools' init reads the script /scripts/VALUE, and a shell ends where there is none.
    ("boot=/dev/xvda1", "cmdline-boot-script", "unknown"),
    ("boot=UUID=" + UUID, "cmdline-boot-script", "unknown"),
    ("blacklist=xen-blkfront,floppy", "cmdline-blacklist", "unknown"),
    ("single", "cmdline-rescue", "ready-with-warnings"),
    ("1", "cmdline-rescue", "ready-with-warnings"),
    ("-b", "cmdline-rescue", "ready-with-warnings"),
    ("-- single", "cmdline-rescue", "ready-with-warnings"),
    ("-- break", "cmdline-stops", "unknown"),
    ("-s", "cmdline-rescue", "ready-with-warnings"),
    ("systemd.unit=rescue.target", "cmdline-rescue", "ready-with-warnings"),
    ("disableapic", "cmdline-nolapic", "ready-with-warnings"),
    ("memmap=exactmap memmap=64M@0", "cmdline-mem", "unknown"),
    ("acpi_rsdp=0x1000", "cmdline-acpi", "unknown"),
])
def test_what_stops_the_boot_or_leads_to_a_shell(argument, check, verdict, guest, pvhready):
    report = pvhready.check(guest(cmdline="console=hvc0 " + argument))
    assert report["verdict"] == verdict
    assert check in findings(report, "unknown", "warn")


@pytest.mark.parametrize("name,like,warns", [("ubuntu", "debian", True), ("linuxmint", "ubuntu debian", True), ("debian", "", False)])
def test_ubuntus_recovery_mode(name, like, warns, guest, pvhready):
    """A menu on the console, before there is a network: friendly-recovery.target (GRUB_DEFAULT=saved may have kept the entry)."""
    changes = {"/etc/os-release": parts.os_release(name, name, "22", like)}
    report = pvhready.check(guest(changes, cmdline="console=hvc0 recovery nomodeset dis_ucode_ldr"))
    assert report["verdict"] == ("ready-with-warnings" if warns else "ready")
    assert ("cmdline-rescue" in findings(report, "warn")) == warns


@pytest.mark.parametrize("argument", [
    "boot=local", "boot=", "systemd.unit=multi-user.target", "rd.systemd.unit=initrd.target",
    "quiet", "breakfast", "rd.emergency=1", "rd.rescues", "-x", "blacklist=floppy", "-- quiet", "single=1",
])
def test_what_is_like_them_and_harmless(argument, guest, pvhready):
    assert pvhready.check(guest(cmdline="console=hvc0 " + argument))["verdict"] == "ready"


@pytest.mark.parametrize("argument, verdict", [("modprobe.blacklist", "not-ready"), ("module_blacklist", "ready")])
def test_modprobe_reads_beyond_the_kernels_own_arguments(argument, verdict, guest, pvhready):
    report = pvhready.check(guest(cmdline="console=hvc0 -- {}=xen_blkfront".format(argument)))
    assert report["verdict"] == verdict and ("cmdline-blacklist" in findings(report, "fail")) == (verdict == "not-ready")


def test_no_pattern_takes_a_bare_word_out_of_other_arguments(guest, pvhready):
    report = pvhready.check(guest(cmdline="console=hvc0 audit=1 1"))
    said = [check for check in report["checks"] if check["id"] == "cmdline-rescue"]
    assert said and not any("sed" in (remedy["argv"] or []) for check in said for remedy in check["remedies"])


def test_a_shell_in_the_place_of_init(guest, pvhready):
    report = pvhready.check(guest(cmdline="console=hvc0 init=/bin/bash", changes={"/bin/bash": Link("sh")}))
    assert "cmdline-rescue" in findings(report, "warn") and report["verdict"] == "ready-with-warnings"


@pytest.mark.parametrize("line,verdict", [
    ("/dev/sda2 /home ext4 defaults 0 2", "ready-with-warnings"),
    ("/dev/sda2 /home ext4 defaults,nofail 0 2", "ready"),
    ("/dev/sda2 /home ext4 noauto 0 2", "ready"),
    ("/dev/sda2 none swap sw 0 0", "ready"),
    ("/dev/xvda2 /home ext4 defaults 0 2", "ready"),
    ("UUID=1234-ABCD /home ext4 defaults 0 2", "ready"),  # a mounted file system does not tell
])
def test_a_file_system_that_the_boot_waits_for(line, verdict, guest, pvhready):
    report = pvhready.check(guest(changes={"/etc/fstab": str(base()["/etc/fstab"]) + line + "\n"}))
    assert report["verdict"] == verdict
    assert ("mount-device-name" in findings(report, "warn")) == (verdict != "ready")


@pytest.mark.parametrize("argument,top,mapped,said", [
    ("rd.lvm.lv=centos/root", "/", True, []),
    ("rd.lvm.lv=centos/swap", "/", True, ["cmdline-volume"]),
    ("rd.lvm.lv=my-vg/my-lv", "/", True, []),
    ("rd.lvm.lv=", "/", True, []),
    ("rd.lvm.lv=centos/swap", "/mnt", True, []),  # a mounted file system does not tell
    ("rd.lvm.lv=centos/swap", "/", False, []),
    ("rd.lvm.vg=centos", "/", True, []),
])
def test_a_volume_that_dracut_waits_for(argument, top, mapped, said):
    names = {"/dev/mapper/centos-root": "/dev/dm-0", "/dev/mapper/my--vg-my--lv": "/dev/dm-1"}
    storage = Storage(devices=("/dev/dm-0", "/dev/dm-1"), mapped=names) if mapped else Storage()
    line = "root=/dev/mapper/centos-root " + argument
    entry = Entry(0, "0", "CentOS", kernel="/boot/vmlinuz", initrd=("/boot/initramfs.img",), cmdline=line)
    archive = Initramfs("/boot/initramfs.img", complete=True, init=True, proved="the guest runs from it")
    facts = Facts(top, True, "2026-01-01", Guest("PV"), initramfs={archive.path: archive}, storage=storage)
    kernel = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), "6.1.0")
    assert [finding.id for finding in judge_arguments(entry, kernel, "pvh", facts)] == said


@pytest.mark.parametrize("device,options,mounted,said", [
    ("UUID=gone", "defaults", (), ["mount-device-missing"]),
    ("UUID=gone", "defaults,nofail", (), []),
    ("UUID=there", "defaults", (), []),
    ("/dev/xvdz1", "defaults", (), ["mount-device-missing"]),
    ("UUID=gone", "defaults", (Mount("/home", "/dev/xvdb1", "ext4"),), []),
    ("tmpfs", "defaults", (), []),
    ("server:/home", "defaults", (), []),
    ("/dev/sdb1", "defaults", (), ["mount-device-name"]),
    ("LABEL=home", "defaults", (), []),  # the labels are not known here
])
def test_the_running_system_knows_its_devices(device, options, mounted, said):
    line = Mount("/home", device, "ext4", options, "/etc/fstab:3")
    storage = Storage((line,), mounted, uuids={"there": "/dev/xvdb1"}, devices=("/dev/xvda1", "/dev/xvdb1"))
    found = judge_mounts(Facts("/", True, "2026-01-01", Guest("PV"), storage=storage), "pvh")
    assert [finding.id for finding in found] == said


_MOUNTED = """
mkdir "$1/root" && mount -t tmpfs tmpfs "$1/root" && cp -a "$2/." "$1/root" && shift 2 && exec "$@"
"""


def test_a_mounted_root_without_its_own_boot(guest, pvhready, tmp_path):
    """What lies below the mount point is not what boots, however sound it looks; a copy of a whole guest is taken as it is."""
    wanted.root()
    wanted.tool("unshare", "util-linux")
    if subprocess.call(["unshare", "--mount", "true"]):
        wanted.skip("the right to mount")
    fstab = str(base()["/etc/fstab"]) + "UUID=9999aaaa-1111-2222-3333-444455556666 /boot ext4 defaults 0 2\n"
    menu = str(base()[GRUB_CFG]).replace("--set=root " + UUID, "--set=root 9999aaaa-1111-2222-3333-444455556666")
    directory = guest(changes={"/etc/fstab": fstab, GRUB_CFG: menu.replace("\t/boot/", "\t/")})
    assert pvhready.check(directory)["verdict"] == "ready"
    within = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", _MOUNTED, "sh", str(tmp_path), directory)
    report = pvhready.check(str(tmp_path / "root"), prefix=within)
    assert (report["verdict"], report["boot"]["reason"]) == ("unknown", "unreadable")
    said = [check for check in report["checks"] if check["id"] == "grub-config-unreadable"][0]
    assert "not mounted" in said["summary"] and "{}/root/boot".format(tmp_path) in said["remedies"][0]["text"]
    assert not any("mkconfig" in " ".join(remedy["argv"]) or "update-grub" in remedy["argv"] for remedy in said["remedies"])
