"""What the machine is, told from what the running kernel shows."""

import pytest

from pvhready.demo.image import elf_kernel
from pvhready.probes.guest import read_guest
from pvhready.root import Root
from support.trees import write_tree

XEN = {"/sys/hypervisor/type": "xen\n"}
XENBUS = {"/sys/bus/xen/devices/vbd-51712/nodename": "device/vbd/51712\n"}
XEN_DMI = {"/sys/class/dmi/id/sys_vendor": "Xen\n"}
QEMU_DMI = {"/sys/class/dmi/id/sys_vendor": "QEMU\n"}
DELL_DMI = {"/sys/class/dmi/id/sys_vendor": "Dell Inc.\n"}
VIRTUAL = {"/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n"}
METAL = {"/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme lahf_lm\n"}
PROC_XEN = {"/proc/xen/capabilities": ""}


class LiveRoot(Root):
    """A folder that says it is the running system."""

    live = True


def type_file(name):
    return {"/sys/hypervisor/guest_type": name + "\n"}


def features(value):
    return {"/sys/hypervisor/properties/features": value + "\n"}


def seen_in(directory, *parts, **options):
    tree = {"/etc/os-release": "ID=debian\nVERSION_ID=12\n"}
    for part in parts:
        tree.update(part)
    write_tree(str(directory), tree)
    with LiveRoot(str(directory)) as root:
        return read_guest(root, **options)


CASES = {
    "guest_type PV": ("PV", XEN, type_file("PV")),
    "guest_type PVH": ("PVH", XEN, type_file("PVH")),
    "guest_type HVM": ("HVM", XEN, type_file("HVM"), XEN_DMI),
    "guest_type of a name that nobody knows": (None, XEN, type_file("PVX")),
    "guest_type in other letters": (None, XEN, type_file("pv")),
    "guest_type empty": (None, XEN, type_file("")),
    "guest_type under another hypervisor": (None, {"/sys/hypervisor/type": "kvm\n"}, type_file("PV")),
    "old kernel, xen, no DMI": ("PV", XEN, VIRTUAL),
    "old kernel, xen, PV's features": ("PV", XEN, features("00000003")),
    "old kernel, xen, Xen's DMI": ("HVM", XEN, XEN_DMI),
    "old kernel, xen, a translated guest's features": (None, XEN, features("000001f4")),
    "old kernel, xen, a vendor's DMI": (None, XEN, DELL_DMI),
    "only the xenbus": ("PV", XENBUS),
    "only /proc/xen": ("PV", PROC_XEN),
    "QEMU's DMI": ("none", QEMU_DMI, VIRTUAL),
    "a vendor's DMI": ("none", DELL_DMI, METAL),
    "no hypervisor flag": ("none", METAL),
    "a hypervisor flag, nothing else": (None, VIRTUAL),
    "Xen's DMI, nothing else": (None, XEN_DMI, VIRTUAL),
    "nothing at all": (None,),
    "another hypervisor by name": ("none", {"/sys/hypervisor/type": "s390\n"}),
    "podman on a Xen guest": ("none", XEN, type_file("PV"), {"/run/.containerenv": ""}),
    "a container by systemd": ("none", VIRTUAL, {"/run/systemd/container": "lxc\n"}),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_type(name, tmp_path):
    expected, *parts = CASES[name]
    assert seen_in(tmp_path, *parts).type == expected


@pytest.mark.parametrize("parts,dom0", [
    ((XEN, type_file("PV"), {"/proc/xen/capabilities": "control_d\n"}), True),
    ((XEN, type_file("PV"), features("00000803")), True),
    ((XEN, type_file("PV"), {"/proc/xen/capabilities": "\n"}), False),
    ((XEN, type_file("PV"), {"/proc/xen/capabilities": "not_control_d\n"}), False),
    ((XEN, type_file("PV"), features("nonsense")), False),
])
def test_dom0(parts, dom0, tmp_path):
    assert seen_in(tmp_path, *parts).dom0 is dom0


@pytest.mark.parametrize("major,minor,version", [("4", "17", "4.17"), ("4", None, None), ("x", "17", None)])
def test_xen_version(major, minor, version, tmp_path):
    parts = {"/sys/hypervisor/version/major": major + "\n"}
    if minor:
        parts["/sys/hypervisor/version/minor"] = minor + "\n"
    assert seen_in(tmp_path, XEN, parts).xen_version == version


def test_what_was_assumed_is_said_to_be(tmp_path):
    guest = seen_in(tmp_path, VIRTUAL, assume="pv")
    assert (guest.type, guest.assumed) == ("PV", True)


def test_the_evidence_is_kept(tmp_path):
    assert ("/sys/hypervisor/guest_type", "PV") in seen_in(tmp_path, XEN, type_file("PV")).evidence


def test_a_mounted_root_has_no_type(tmp_path):
    write_tree(str(tmp_path), dict(XEN, **type_file("PV"), **{"/bin/sh": elf_kernel()[:64]}))
    with Root(str(tmp_path)) as root:
        guest = read_guest(root)
    assert (guest.type, guest.assumed, guest.architecture, guest.running_release) == ("not-applicable", False, "x86_64", None)


def test_distribution(tmp_path):
    distribution = seen_in(tmp_path).distribution
    assert (distribution.id, distribution.version) == ("debian", "12")
