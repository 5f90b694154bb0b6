"""What the machine is: PV, PVH, HVM, no Xen guest at all, a dom0, a container; and which distribution runs in it."""

import os

from pvhready.facts import Guest
from pvhready.probes.distribution import read_distribution
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    Seen = List[Tuple[str, str]]

_TYPES = ("PV", "PVH", "HVM")
# What /sys/hypervisor/properties/features holds (Xen: public/features.h): bits that only a translated guest has.
_HVM_FEATURES = (1 << 2) | (1 << 8)  # auto_translated_physmap, hvm_callback_vector
_DOM0_FEATURE = 1 << 11
_MACHINES = {3: "i386", 62: "x86_64", 183: "aarch64", 40: "arm"}
_SHELLS = ("/bin/sh", "/usr/bin/env", "/sbin/init")
_SHORT = 4096
_FIRST_PROCESSES = "pid:[4026531836]"  # the namespace that the kernel starts with (Linux: PROC_PID_INIT_INO)
_DECISIVE = ("/sys/hypervisor/type", "/sys/hypervisor/guest_type", "/proc/xen/capabilities")


def read_guest(root: Root, assume: "Optional[str]" = None) -> Guest:
    """Return what can be told of the guest. ``assume`` (pv, pvh or hvm) stands in for what cannot be seen.

    Under a mounted root nothing runs, nor in a chroot: the type is not-applicable and the architecture is that of its programs.
    """
    distribution = read_distribution(root)
    programs = _machine_of_programs(root)
    seen: Seen = []
    if not root.live or _is_chroot(root, seen):
        return Guest(
            assume.upper() if assume else "not-applicable", assumed=bool(assume), evidence=tuple(seen), architecture=programs,
            distribution=distribution, programs=programs,
        )
    xen = _is_xen(root, seen)
    features = _features(root, seen)
    machine = os.uname().machine
    container = _container(root, seen)
    guest = Guest(
        _type(root, xen, features, container, seen), evidence=tuple(seen), xen_version=_xen_version(root), dom0=_is_dom0(root, features),
        container=container, architecture=machine, loader_bits=64 if machine == "x86_64" else 32 if machine.startswith("i") else None,
        running_release=os.uname().release, running_cmdline=_text(root, "/proc/cmdline"), distribution=distribution,
        programs=programs,
    )
    return guest._replace(type=assume.upper(), assumed=True) if assume else guest


def boot_time() -> "Optional[float]":
    """Return when the running system was booted, in seconds since 1970; None where psutil cannot be had."""
    from pvhready.probes.running import psutil

    try:
        return float(psutil().boot_time())
    except (ImportError, OSError, RuntimeError):
        return None


def _type(root: Root, xen: "Optional[bool]", features: "Optional[int]", container: "Optional[str]", seen: "Seen") -> "Optional[str]":
    """The rules of evidence: PV needs a positive sign of Xen and none of HVM; "none" needs a positive sign as well."""
    if container:
        return "none"
    said = _note(root, "/sys/hypervisor/guest_type", seen)
    if any(_is_hidden(root, path, seen) for path in _DECISIVE):
        return None
    vendor = _note(root, "/sys/class/dmi/id/sys_vendor", seen)
    translated = vendor is not None or features is not None and bool(features & _HVM_FEATURES)
    if said is not None:
        # PV and PVH guests have no DMI at all. A toolstack may give an HVM guest the words of the machine's maker.
        contrary = said == "PV" and translated or said == "PVH" and vendor not in (None, "Xen")
        return said if said in _TYPES and xen is not False and not contrary else None
    if xen:
        if translated:
            return "HVM" if vendor == "Xen" else None
        return "PV" if _can_list(root, "/sys/class/dmi/id") is False else None
    if xen is False or vendor and vendor != "Xen":
        return "none"
    return "none" if _has_hypervisor_flag(root, seen) is False and not vendor else None


def _is_xen(root: Root, seen: "Seen") -> "Optional[bool]":
    """True with a positive sign of Xen, False when /sys/hypervisor names another one, None without either."""
    said = _note(root, "/sys/hypervisor/type", seen)
    if said is not None:
        return said == "xen"
    for path in ("/sys/bus/xen", "/proc/xen"):
        if _can_list(root, path):
            seen.append((path, "present"))
            return True
    return None


def _features(root: Root, seen: "Seen") -> "Optional[int]":
    said = _note(root, "/sys/hypervisor/properties/features", seen)
    try:
        return int(said, 16) if said else None
    except ValueError:
        return None


def _is_dom0(root: Root, features: "Optional[int]") -> bool:
    capabilities = _text(root, "/proc/xen/capabilities") or ""
    return "control_d" in capabilities.split() or bool(features and features & _DOM0_FEATURE)


def _xen_version(root: Root) -> "Optional[str]":
    major, minor = (_text(root, "/sys/hypervisor/version/" + part) for part in ("major", "minor"))
    return "{}.{}".format(major, minor) if major and minor and major.isdigit() and minor.isdigit() else None


def _is_chroot(root: Root, seen: "Seen") -> bool:
    """Whether another root was booted than this process has: in a rescue system's chroot the kernel that runs is not the guest's."""
    first, own = (_place_of_root(root, "/proc/{}/mountinfo".format(process)) for process in ("1", "self"))
    if first is None or own is None or first == own:
        return False
    seen.append(("/proc/self/mountinfo", "another root than that of process 1"))
    return True


def _place_of_root(root: Root, path: str) -> "Optional[Tuple[str, ...]]":
    """The device of a process' root and its place there (proc(5), mountinfo): () where it is no mount, None for what cannot be read."""
    try:
        lines = [line.split(" ") for line in root.read_text(path).split("\n")]
    except Unreadable:
        return None
    places = [tuple(fields[2:4]) for fields in lines if fields[4:5] == ["/"]]
    return places[-1] if places else ()


def _container(root: Root, seen: "Seen") -> "Optional[str]":
    """The name of the container manager (systemd's CONTAINER_INTERFACE, podman, docker, OpenVZ), or None."""
    name = _note(root, "/run/systemd/container", seen)
    if name:
        return name
    inside = _is_in_a_namespace(root)
    for path, manager in (("/run/.containerenv", "podman"), ("/.dockerenv", "docker")):
        # The file alone may stand on a machine whose disk was made of a container's image.
        if inside is not False and root.exists(path):
            seen.append((path, "present"))
            return manager
    if inside:
        # LXC without systemd, systemd-nspawn without --boot and builders of images leave no file.
        seen.append(("/proc/self/ns/pid", "a namespace of its own"))
        return "other"
    if root.exists("/proc/vz") and not root.exists("/proc/bc"):
        seen.append(("/proc/vz", "present"))
        return "openvz"
    return None


def _is_in_a_namespace(root: Root) -> "Optional[bool]":
    """Whether there are processes outside of what this one can see; None where that cannot be told, as before Linux 3.8."""
    try:
        return root.link("/proc/self/ns/pid") != _FIRST_PROCESSES
    except Unreadable:
        # Process 2 is the parent of the kernel's threads, which only the first namespace shows (Linux: kernel/kthread.c).
        return False if _text(root, "/proc/2/comm") == "kthreadd" else None


def _has_hypervisor_flag(root: Root, seen: "Seen") -> "Optional[bool]":
    """Whether the first CPU of /proc/cpuinfo has the flag ``hypervisor``; None when there is no line of flags."""
    try:
        with root.open("/proc/cpuinfo") as handle:
            text = handle.read_at(0, 4 * _SHORT).decode("ascii", "replace")
    except Unreadable:
        return None
    for line in text.split("\n")[:-1]:
        if line.startswith("flags"):
            found = "hypervisor" in line.split()
            seen.append(("/proc/cpuinfo", "flag hypervisor" if found else "no flag hypervisor"))
            return found
    return None


def _machine_of_programs(root: Root) -> "Optional[str]":
    """The machine that the guest's programs are built for, by the ELF header of its shell."""
    for path in _SHELLS:
        try:
            with root.open(path) as handle:
                head = handle.read_at(0, 20)
        except Unreadable:
            continue  # the next one will do
        if head[:4] == b"\x7fELF" and len(head) == 20:
            return _MACHINES.get(int.from_bytes(head[18:20], "little"))
    return None


def _note(root: Root, path: str, seen: "Seen") -> "Optional[str]":
    value = _text(root, path)
    if value is not None:
        seen.append((path, value))
    return value


def _text(root: Root, path: str) -> "Optional[str]":
    """The stripped content of a small file of the kernel's; None when it is not there or cannot be read."""
    try:
        return root.read_text(path, _SHORT).strip()
    except Unreadable:
        return None


def _is_hidden(root: Root, path: str, seen: "Seen") -> bool:
    """Whether it is there and cannot be read, which says less than that it is not there."""
    if any(path == known for known, _ in seen) or _text(root, path) is not None or not root.exists(path):
        return False
    seen.append((path, "cannot be read"))
    return True


def _can_list(root: Root, path: str) -> "Optional[bool]":
    try:
        return bool(root.names(path)) or path == "/proc/xen"
    except Missing:
        return False
    except Unreadable:
        return None


