"""What the machine is, from /sys/hypervisor, /proc and DMI as guests of each kind show them; and the verdict that follows."""

import os

import pytest

from pvhready.demo.tree import Link
from pvhready.facts import Facts, Guest
from pvhready.host import profile
from pvhready.judge import judge
from pvhready.probes.guest import read_guest
from pvhready.root import Root

FLAGS = "processor\t: 0\nflags\t\t: fpu vme {}lm\nbugs\t\t:\n"
HYPERVISOR = "/sys/hypervisor/"


class LiveRoot(Root):
    """A folder that is taken for the running system."""

    live = True


def _guest(tmp_path, files, assume=None):
    for path, text in files.items():
        target = str(tmp_path) + path
        if text is None:
            os.makedirs(target, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if isinstance(text, Link):
            os.symlink(text.target, target)
            continue
        with open(target, "w") as handle:
            handle.write(text)
    with LiveRoot(str(tmp_path)) as root:
        return read_guest(root, assume)


XEN = {HYPERVISOR + "type": "xen\n"}
NEW = dict(XEN, **{HYPERVISOR + "version/major": "4\n", HYPERVISOR + "version/minor": "17\n"})
OTHER_VENDOR = {"/sys/class/dmi/id/sys_vendor": "QEMU\n"}
XEN_VENDOR = {"/sys/class/dmi/id/sys_vendor": "Xen\n"}
VIRTUAL = {"/proc/cpuinfo": FLAGS.format("hypervisor ")}
BARE = {"/proc/cpuinfo": FLAGS.format("")}
FEATURES = HYPERVISOR + "properties/features"
PV = dict(NEW, **{HYPERVISOR + "guest_type": "PV\n"})
FIRST, OTHER = ({"/proc/self/ns/pid": Link("pid:[{}]".format(number))} for number in (4026531836, 4026532179))
DISK = "27 1 202:1 / / rw,relatime - ext4 /dev/xvda1 rw\n"


@pytest.mark.parametrize("files,kind", [
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n"}), "PV"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PVH\n"}), "PVH"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "HVM\n"}), "HVM"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PVX\n"}), None),
    ({HYPERVISOR + "type": "kvm\n", HYPERVISOR + "guest_type": "PV\n"}, None),
    # Before Linux 4.13 there is no guest_type.
    (XEN, "PV"),
    (dict(XEN, **{FEATURES: "000000e0\n"}), "PV"),
    (dict(XEN, **{FEATURES: "00002705\n"}), None),
    (dict(XEN, **XEN_VENDOR), "HVM"),
    (dict(XEN, **OTHER_VENDOR), None),
    (dict({"/sys/bus/xen/devices": None}, **VIRTUAL), "PV"),
    (dict({"/proc/xen": None}, **VIRTUAL), "PV"),
    # No sign of Xen: "none" needs a positive sign too.
    (BARE, "none"),
    (dict(VIRTUAL, **OTHER_VENDOR), "none"),
    (VIRTUAL, None),
    ({}, None),
    (dict(VIRTUAL, **XEN_VENDOR), None),
    (dict(BARE, **XEN_VENDOR), None),
    # Signs that contradict each other.
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", "/sys/class/dmi/id/sys_vendor": "QEMU\n"}), None),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PVH\n", "/sys/class/dmi/id/sys_vendor": "QEMU\n"}), None),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PVH\n", "/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n"}), None),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PVH\n", "/sys/class/dmi/id/sys_vendor": "Xen\n"}), "PVH"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "HVM\n", "/sys/class/dmi/id/sys_vendor": "Dell Inc.\n"}), "HVM"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", "/sys/class/dmi/id/sys_vendor": "Xen\n"}), None),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", FEATURES: "00002705\n"}), None),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", FEATURES: "000000e0\n"}), "PV"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PVH\n", FEATURES: "00002705\n"}), "PVH"),
    # What is there and cannot be read: a folder stands for it.
    (dict(XEN, **{HYPERVISOR + "guest_type": None}), None),
    (dict(XEN, **{"/proc/xen/capabilities": None}), None),
    (dict(BARE, **{HYPERVISOR + "type": None}), None),
    # A container on a Xen guest is none that boots.
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", "/run/systemd/container": "lxc\n"}), "none"),
    (dict(BARE, **{"/.dockerenv": ""}), "none"),
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", "/.dockerenv": "", "/proc/2/comm": "bash\n"}), "none"),
    # A guest whose disk was made of a container's image; for the exporter its unit hides the kernel's threads.
    (dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", "/.dockerenv": "", "/proc/2/comm": "kthreadd\n"}), "PV"),
    (dict(PV, **FIRST, **{"/.dockerenv": ""}), "PV"),
    (dict(PV, **FIRST), "PV"),
    # LXC without systemd, systemd-nspawn without --boot, BuildKit: no file tells.
    (dict(PV, **OTHER), "none"),
    (dict(PV, **OTHER, **{"/.dockerenv": ""}), "none"),
    # A rescue system's chroot: what runs is not this guest's kernel. A folder there, a file system, another subvolume of btrfs.
    (dict(PV, **{"/proc/1/mountinfo": DISK, "/proc/self/mountinfo": DISK.replace("/ / ", "/usr /usr ")}), "not-applicable"),
    (dict(PV, **{"/proc/1/mountinfo": DISK, "/proc/self/mountinfo": DISK.replace("202:1", "202:17")}), "not-applicable"),
    (dict(PV, **{"/proc/1/mountinfo": DISK, "/proc/self/mountinfo": DISK.replace(" / / ", " /@ / ")}), "not-applicable"),
    # A mount namespace of a service: the same root under another number.
    (dict(PV, **{"/proc/1/mountinfo": DISK, "/proc/self/mountinfo": "1 1 0:2 / / rw - rootfs rootfs rw\n9" + DISK}), "PV"),
    (dict(PV, **{"/proc/self/mountinfo": DISK}), "PV"),
])
def test_type(files, kind, tmp_path):
    assert _guest(tmp_path, files).type == kind


def test_the_version_of_xen_and_dom0(tmp_path):
    guest = _guest(tmp_path, dict(NEW, **{HYPERVISOR + "guest_type": "PV\n", "/proc/xen/capabilities": "control_d\n"}))
    assert guest.xen_version == "4.17" and guest.dom0
    guest = _guest(tmp_path, {"/proc/xen/capabilities": "not_control_d\n"})
    assert not guest.dom0


def test_an_assumption_is_shown_as_one(tmp_path):
    guest = _guest(tmp_path, BARE, "pv")
    assert (guest.type, guest.assumed) == ("PV", True)


def _verdict(guest, **options):
    return judge(Facts("/", True, "2026-01-01", guest), profile("bitfolk"), **options).verdict


@pytest.mark.parametrize("guest,verdict", [
    (Guest("none"), "not-applicable"), (Guest("PV", dom0=True), "not-applicable"), (Guest("none", container="lxc"), "not-applicable"),
    (Guest(None), "unknown"), (Guest("PV"), "unknown"), (Guest("HVM"), "unknown"), (Guest("PVH"), "unknown"),
])
def test_the_verdict_without_any_evidence_of_a_boot_chain(guest, verdict):
    assert _verdict(guest) == verdict


def test_a_target_given_by_hand_judges_what_is_no_guest(tmp_path, pvhready):
    assert _verdict(Guest("none"), by_hand=True) == "unknown"


def test_distribution(tmp_path):
    text = "ID=almalinux\nVERSION_ID=\"9.4\"\nID_LIKE=\"rhel centos\"\nNAME='Alma\\'s'\n"
    guest = _guest(tmp_path, dict(BARE, **{"/etc/os-release": text}))
    assert (guest.distribution.id, guest.distribution.version, guest.distribution.like) == ("almalinux", "9.4", ("rhel", "centos"))


def test_systems_older_than_os_release(tmp_path):
    pytest.importorskip("distro")
    guest = _guest(tmp_path, dict(BARE, **{"/etc/centos-release": "CentOS release 6.10 (Final)\n"}))
    assert (guest.distribution.id, guest.distribution.version) == ("centos", "6.10")
    (tmp_path / "etc" / "centos-release").unlink()
    guest = _guest(tmp_path, {"/etc/debian_version": "6.0.10\n"})
    assert (guest.distribution.id, guest.distribution.version) == ("debian", "6.0.10")
