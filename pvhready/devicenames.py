"""What names a block device: ``root=`` of a command line, the first field of fstab, and the device behind it. Pure."""

import os

from pvhready.facts import Storage
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Sequence, Tuple

# What root= and fstab(5) write before an id, and udev's folder of links for it (rules.d/60-persistent-storage.rules).
TAGS = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partuuid", "PARTLABEL": "partlabel"}
# Names that the kernel alone gives: when none of its devices has one, nothing has. Other names in /dev may be links.
_KERNEL_NAMES = ("/dev/xvd", "/dev/sd", "/dev/hd", "/dev/vd", "/dev/nvme", "/dev/mapper/", "/dev/dm-")
_ONE_NAME = ("/dev/xvd", "/dev/mapper/")  # a disk or partition, and what device mapper makes of some
# Names of disks that the Xen block front end never gives (Linux: drivers/block/xen-blkfront.c, xlvbd_alloc_gendisk: xvd*), and udev's
# links for such disks (rules.d/60-persistent-storage.rules): xvd* has no serial number, and its path is xen-vbd-NUMBER (path_id).
FOREIGN = ("/dev/sd", "/dev/hd", "/dev/vd", "/dev/nvme") + tuple(
    "/dev/disk/by-" + link for link in ("id/ata-", "id/scsi-", "id/virtio-", "id/nvme-", "id/wwn-", "path/pci-", "path/virtio-pci-")
)


class Spec(NamedTuple):
    """What names a root device: uuid, label, partuuid, partlabel, device, zfs, nfs or other, and the id or path."""

    kind: str
    value: str


def parse_spec(text: str) -> Spec:
    """Return the kind and value of what ``root=`` or the first field of fstab says."""
    text = text.strip("\"'")
    if text.startswith("block:"):
        text = text[len("block:"):]  # dracut.cmdline(7)
    tag, equals, value = text.partition("=")
    value = value.strip("\"'")
    if equals and tag in TAGS:
        return _id(TAGS[tag], value)
    for kind in TAGS.values():
        folder = "/dev/disk/by-{}/".format(kind)
        if text.startswith(folder):
            return _id(kind, text[len(folder):])
    if equals and tag == "ZFS":
        return Spec("zfs", value)
    if text == "zfs" or text.startswith("zfs:"):
        return Spec("zfs", text[len("zfs:"):])
    if text == "/dev/nfs":
        return Spec("nfs", "")
    if text.startswith(("nfs:", "nfs4:")):
        return Spec("nfs", text.partition(":")[2])
    return Spec("device" if text.startswith("/dev/") else "other", text)


def xen_order(device: str) -> "Optional[Tuple[int, str, int]]":
    """Return what sorts disks and partitions as GRUB comes to them, by the numbers of Xen's disks; None for what is none of these."""
    disk = device.rstrip("0123456789")
    number = device[len(disk):][:9]  # fstab may have any number of digits
    return (len(disk), disk, int(number or 0)) if disk.startswith("/dev/xvd") else None


def device_of(spec: str, storage: Storage) -> "Optional[str]":
    """Return the device that ``root=`` names; "" when the system has none such; None when that cannot be told."""
    kind, value = parse_spec(spec)
    tables: Dict[str, Optional[Dict[str, str]]] = {
        "uuid": storage.uuids, "label": storage.labels, "partuuid": storage.partuuids, "partlabel": storage.partlabels,
    }
    if kind in tables:
        table = tables[kind]
        return None if table is None else table.get(value, "")
    if kind != "device" or storage.devices is None:
        return None
    mapped = storage.mapped.get(value) or storage.mapped.get(mapper_name(value))
    if mapped:
        return mapped
    if value in storage.devices:
        return value
    return "" if value.startswith(_KERNEL_NAMES) else None


def is_plausible(text: str) -> bool:
    """Whether ``root=`` may name a device of a Xen guest: an id, a disk of the block front end, or a layer over one; no sd*."""
    kind, value = parse_spec(text)
    if kind == "other":
        # Linux: block/early-lookup.c takes MAJOR:MINOR and a hexadecimal number, too.
        return value.startswith("PARTUUID=") or len(value) > 2 and set(value).issubset("0123456789abcdefABCDEF:")
    if kind != "device":
        return True
    if value.startswith("/dev/xvd"):
        return value[8:9].isalpha()
    return bool(layer_of(value, ())) or value.startswith("/dev/disk/by-path/xen-")  # of other links udev makes none for xvd*


def layer_of(device: str, encrypted: "Sequence[str]") -> str:
    """Return the layer that a device's name tells of: lvm (or another use of device mapper), crypt, md, "" for none.

    ``encrypted`` are the names that crypttab gives.
    """
    for folder in ("/dev/disk/by-id/dm-name-", "/dev/mapper/"):
        name = device[len(folder):]
        if device.startswith(folder) and name:
            return "crypt" if name in encrypted or name.startswith("luks-") or "crypt" in name else "lvm"
    if device.startswith("/dev/disk/"):
        kind = device[len("/dev/disk/by-id/"):]
        return "crypt" if kind.startswith("dm-uuid-CRYPT-") else "lvm" if kind.startswith("dm-") else "md" if kind.startswith("md-") else ""
    if device.startswith("/dev/md/") or device.startswith("/dev/md") and device[7:8].isdigit():
        return "md"
    parts = device.split("/")
    return "lvm" if device.startswith("/dev/dm-") or device.startswith("/dev/") and len(parts) == 4 and all(parts[1:]) else ""


def contradict(spec: str, other: str) -> bool:
    """Whether two names cannot be one device: both of a kind that has one name for each, or of two such kinds. A link may be any device."""
    (kind, value), (other_kind, other_value) = parse_spec(spec), parse_spec(other)
    if kind != other_kind or value == other_value:
        return False
    if kind == "device":
        return value.startswith(_ONE_NAME) and other_value.startswith(_ONE_NAME)
    return kind in TAGS.values()


def mapper_name(device: str) -> str:
    """Return what device mapper calls /dev/GROUP/VOLUME of LVM (lvm(8): hyphens are doubled)."""
    parts = device.split("/")
    if len(parts) != 4:
        return device
    return "/dev/mapper/{}-{}".format(parts[2].replace("-", "--"), parts[3].replace("-", "--"))


def _id(kind: str, value: str) -> Spec:
    if kind == "partuuid":
        if "/" in value:
            return Spec("other", "PARTUUID=" + value)  # PARTNROFF: a neighbour of the one that is named
        value = value.lower()  # the kernel compares without regard to case (block/early-lookup.c), udev writes small letters
    return Spec(kind, without_udev_escapes(value))


def without_udev_escapes(name: str) -> str:
    """Undo udev's escapes (libudev, udev_util_encode_string): a byte that it does not trust is \\x20."""
    if "\\x" not in name:
        return name
    pieces = os.fsencode(name).split(b"\\x")
    data = pieces[0]
    for piece in pieces[1:]:
        try:
            data += bytes.fromhex(piece[:2].decode("ascii")) + piece[2:] if len(piece) > 1 else b"\\x" + piece
        except ValueError:
            data += b"\\x" + piece  # not one of udev's
    return os.fsdecode(data)
