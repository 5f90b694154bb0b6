"""Where the guest's file systems are: /etc/fstab, and on the live system the block devices and their ids."""

import os

from pvhready.devicenames import TAGS, device_of, without_udev_escapes, xen_order
from pvhready.facts import Mount, Problem, Storage
from pvhready.records import NamedTuple
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

_FSTAB = "/etc/fstab"
_CRYPTTAB = "/etc/crypttab"
# Where systemd has a unit for /boot beside fstab, best first (systemd.unit(5)).
_BOOT_UNITS = tuple(folder + "/systemd/system/boot.mount" for folder in ("/etc", "/usr/local/lib", "/usr/lib", "/lib"))
_BLOCKS = "/sys/class/block"
_UDEV = "/run/udev/data/b{}"  # by the number of a block device (udev: src/libsystemd/sd-device/device-private.c)
_MAY_HOLD_BOOT = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs")
_DEPTH = 16  # layers of block devices below a file system
_SHORT = 4096  # bytes; no attribute of sysfs is longer

_LAYERS = {"LVM": "lvm", "CRYPT": "crypt", "mpath": "multipath"}  # by what a dm/uuid begins with


class _Stack(NamedTuple):
    """What lies below a file system: the kinds of layers, the devices below its own, and the levels of RAIDs."""

    layers: "Tuple[str, ...]" = ()
    devices: "Tuple[str, ...]" = ()
    levels: "Tuple[str, ...]" = ()


def read_storage(root: Root, live: bool) -> Storage:
    """Return what /etc/fstab says, and on the live system the block devices. Under a mounted root no device is known.

    ``problem`` says what could not be read or understood.
    """
    fstab, problems = _fstab(root)
    fstab += _boot_unit(root, fstab, problems)
    encrypted = _encrypted(root, problems)
    if not live:
        return Storage(fstab, problem=problems[0] if problems else None, encrypted=encrypted)
    mapped: Dict[str, str] = {}
    tables: Dict[str, Optional[Dict[str, str]]] = {}
    devices: Optional[Tuple[str, ...]] = None
    device: Optional[str] = None
    stack = _Stack()
    mounts: Tuple[Mount, ...] = ()
    try:
        mapped = _mapped(root)
        # sysfs writes an exclamation mark for a slash (drivers/base/core.c, device_add).
        devices = tuple("/dev/" + name.replace("!", "/") for name in root.names(_BLOCKS)) + tuple(sorted(mapped))
        tables = {kind: _links(root, "/dev/disk/by-" + kind) for kind in TAGS.values()}
    except Unreadable as error:
        problems.insert(0, Problem(error.path, error.reason))
    try:
        device, mounts = _root_device(root)
        stack = _stack(root, device) if device else stack
    except Unreadable as error:
        problems.append(Problem(error.path, error.reason))
    found = Storage(
        fstab, mounts, tables.get("uuid"), tables.get("label"), tables.get("partuuid"), tables.get("partlabel"),
        devices, device, stack.layers, problems[0] if problems else None, mapped, stack.devices, stack.levels, encrypted,
    )
    return _with_unmounted(root, found)


def _with_unmounted(root: Root, storage: Storage) -> Storage:
    """Return ``storage`` with the file systems before the root's that are not mounted. Where there may be any, the mounts are read."""
    own = xen_order(storage.root_device or "")
    names = sorted(name for name in set((storage.uuids or {}).values()) if xen_order(name))
    before = [name for name in names if own is None or (xen_order(name) or own) < own]
    before = [name for name in before if _may_hold_boot(root, name) and not _is_mounted(root, name, storage)]
    if not before:
        return storage
    try:
        mounts = storage.mounts or live_mounts()
    except Unreadable:
        mounts = ()
    mounted = [mount.device for mount in mounts]
    return storage._replace(mounts=mounts, unmounted=tuple(name for name in before if name not in mounted))


def _may_hold_boot(root: Root, device: str) -> bool:
    """Whether udev has found a file system on a device that a guest's /boot may be on; swap space and an EFI partition are none."""
    try:
        lines = root.read_text(_UDEV.format(_number(root, device))).split("\n")
    except Unreadable:
        return False
    return any("E:ID_FS_TYPE=" + name in lines for name in _MAY_HOLD_BOOT)


def _is_mounted(root: Root, device: str, storage: Storage) -> bool:
    """Whether a device is mounted where /etc/fstab says: the folder there has the device's number."""
    for point in [mount.point for mount in storage.fstab if device_of(mount.device, storage) == device]:
        try:
            status = root.status(point)
            if "{}:{}".format(os.major(status.st_dev), os.minor(status.st_dev)) == _number(root, device):
                return True
        except Unreadable:
            continue
    return False


def _number(root: Root, device: str) -> str:
    return root.read_text("{}/{}/dev".format(_BLOCKS, device[len("/dev/"):]), _SHORT).strip()


def live_mounts() -> "Tuple[Mount, ...]":
    """Return the mounts of the running system, in their order, by psutil. Raises Unreadable when they cannot be had."""
    from pvhready.probes.running import psutil

    try:
        partitions = psutil().disk_partitions(all=True)
    except ImportError as error:
        raise Unreadable("/proc/self/mounts", "not read: psutil is missing ({})".format(error)) from error
    except (OSError, RuntimeError) as error:
        raise Unreadable("/proc/self/mounts", "not read by psutil: {}".format(error)) from error
    return tuple(Mount(item.mountpoint, item.device, item.fstype, item.opts, "/proc/self/mounts") for item in partitions)


def free_space(path: str) -> "Optional[int]":
    """Return the free bytes on the running system's file system at ``path``, by psutil; None when they cannot be had."""
    from pvhready.probes.running import psutil

    try:
        return int(psutil().disk_usage(path).free)
    except (ImportError, OSError):
        return None


def parse_fstab(text: str, path: str = _FSTAB) -> "Tuple[Tuple[Mount, ...], Tuple[Problem, ...]]":
    """Return the mounts of an fstab(5), each with its line as the source, and the lines that are none."""
    mounts: List[Mount] = []
    problems: List[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = [_unescaped(field) for field in line.replace("\t", " ").split(" ") if field]
        if not fields or fields[0].startswith("#"):
            continue
        source = "{}:{}".format(path, number)
        # util-linux passes over such lines too, with a word of warning.
        if len(fields) < 3 or not all(field.isdigit() for field in fields[4:6]):
            problems.append(Problem(source, "not a line of fstab"))
            continue
        mounts.append(Mount(fields[1], fields[0], fields[2], fields[3] if len(fields) > 3 else "", source))
    return tuple(mounts), tuple(problems)


def _unescaped(field: str) -> str:
    """Undo the octal escapes of fstab: a space is \\040."""
    pieces = field.split("\\")
    text = pieces[0]
    for piece in pieces[1:]:
        number = piece[:3]
        if len(number) == 3 and all(digit in "01234567" for digit in number) and int(number, 8) < 128:
            text += chr(int(number, 8)) + piece[3:]
        else:
            text += "\\" + piece
    return text


def _fstab(root: Root) -> "Tuple[Tuple[Mount, ...], List[Problem]]":
    try:
        mounts, problems = parse_fstab(root.read_text(_FSTAB))
    except Missing:
        return (), []  # it may be missing: the kernel's command line is enough
    except Unreadable as error:
        return (), [Problem(error.path, error.reason)]
    return mounts, list(problems)


def _boot_unit(root: Root, fstab: "Tuple[Mount, ...]", problems: "List[Problem]") -> "Tuple[Mount, ...]":
    """Return the mount of a /boot that fstab does not know and a unit of systemd's does (systemd.mount(5))."""
    if any(mount.point.rstrip("/") == "/boot" for mount in fstab):
        return ()
    for path in _BOOT_UNITS:
        try:
            if root.link(path) == "/dev/null":
                return ()  # masked
            text = root.read_text(path)
        except Missing:
            continue
        except Unreadable as error:
            problems.append(Problem(error.path, error.reason))
            return ()
        lines = [line.partition("=") for line in text.split("\n")]
        words = {name.strip(): (value.strip(), number) for number, (name, _, value) in enumerate(lines, 1) if value.strip()}
        what, number = words.get("What", ("", 1))
        return (Mount("/boot", what, words.get("Type", ("auto", 0))[0], words.get("Options", ("", 0))[0], "{}:{}".format(path, number)),)
    return ()


def _encrypted(root: Root, problems: "List[Problem]") -> "Tuple[str, ...]":
    """Return the first fields of crypttab(5): the names that encrypted devices get in /dev/mapper."""
    try:
        lines = root.read_text(_CRYPTTAB).split("\n")
    except Missing:
        return ()
    except Unreadable as error:
        problems.append(Problem(error.path, error.reason))
        return ()
    return tuple(line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _links(root: Root, folder: str) -> "Optional[Dict[str, str]]":
    """Return the ids in a folder of /dev/disk and their devices; None when there is no udev to tell."""
    try:
        names = root.names(folder)
    except Missing:
        # udev removes an empty folder; without udev there is none at all.
        return {} if root.is_directory("/dev/disk") else None
    found: Dict[str, str] = {}
    for name in names:
        target = root.link("{}/{}".format(folder, name))
        if target:
            found[without_udev_escapes(name)] = os.path.normpath(os.path.join(folder, target))
    return found


def _mapped(root: Root) -> "Dict[str, str]":
    """Return the names in /dev/mapper and their devices, from sysfs: the links need not be made by udev."""
    found: Dict[str, str] = {}
    for name in root.names(_BLOCKS):
        if name.startswith("dm-"):
            title = _attribute(root, "{}/{}/dm/name".format(_BLOCKS, name))
            if title:
                found["/dev/mapper/" + title] = "/dev/" + name
    return found


def _root_device(root: Root) -> "Tuple[Optional[str], Tuple[Mount, ...]]":
    """Return the device that holds the live root, and the mounts when it took them to tell."""
    number = root.status("/").st_dev
    if os.major(number):
        uevent = _attribute(root, "/sys/dev/block/{}:{}/uevent".format(os.major(number), os.minor(number)))
        for line in uevent.split("\n"):
            if line.startswith("DEVNAME="):
                return "/dev/" + line[len("DEVNAME="):], ()
    # btrfs, overlayfs, nfs, zfs: the file system has a number of its own.
    mounts = live_mounts()
    device = next((mount.device for mount in reversed(mounts) if mount.point == "/"), "")
    if not device.startswith("/dev/"):
        return None, mounts
    try:
        return root.resolve(device), mounts  # /dev/mapper/NAME is a link
    except Unreadable as error:
        raise Unreadable(device, "the root device: " + error.reason) from error


def _stack(root: Root, device: str) -> _Stack:
    """Return the layers from a device down to the disks: lvm, crypt, multipath, md; each once, the upper ones first."""
    layers: List[str] = []
    levels: List[str] = []
    pending = [device[len("/dev/"):].replace("/", "!")]
    seen: List[str] = []
    while pending and len(seen) < _DEPTH:
        name = pending.pop(0)
        seen.append(name)
        place = root.resolve("{}/{}".format(_BLOCKS, name))
        if root.is_file(place + "/partition"):
            place = os.path.dirname(place)  # what the whole device is made of
        layer = _LAYERS.get(_attribute(root, place + "/dm/uuid").partition("-")[0], "")
        if not layer and root.is_directory(place + "/md"):
            layer = "md"
            levels.append(_attribute(root, place + "/md/level"))
        if layer and layer not in layers:
            layers.append(layer)
        try:
            pending.extend(below for below in root.names(place + "/slaves") if below not in seen)
        except Missing:
            continue  # a disk
    return _Stack(tuple(layers), tuple("/dev/" + name.replace("!", "/") for name in seen[1:]), tuple(level for level in levels if level))


def _attribute(root: Root, path: str) -> str:
    try:
        return root.read_text(path, _SHORT).strip()
    except Missing:
        return ""
