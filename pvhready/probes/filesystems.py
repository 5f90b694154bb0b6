"""The guest's file systems, by what /etc/fstab and the live mounts say of them."""

from pvhready.facts import Mount, Storage
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import FrozenSet, List, Set, Tuple

_NO_DISK = ("swap", "tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "overlay", "nfs", "nfs4", "cifs", "squashfs", "autofs")


class FileSystem(NamedTuple):
    """A file system: GRUB's name for it, where it is mounted (mount point and btrfs subvolume), what it is known by.

    ``ids`` are ``uuid:...``, ``label:...`` and ``device:/dev/...``.
    """

    name: str
    points: "Tuple[Tuple[str, str], ...]"
    ids: "FrozenSet[str]"


def point_above(system: FileSystem, path: str) -> "Tuple[str, str]":
    """Return the mount point below which a path lies, the longest, and its subvolume."""
    below = [pair for pair in system.points if path == pair[0] or path.startswith(pair[0].rstrip("/") + "/")]
    return below[-1] if below else ("/", "")


def file_systems(storage: Storage) -> "List[FileSystem]":
    """Return the file systems on disks that the live mounts and /etc/fstab name, joined where they are the same."""
    groups: List[Tuple[List[Tuple[str, str]], Set[str]]] = []
    for mount in _live_root(storage) + storage.mounts + storage.fstab:
        if mount.filesystem in _NO_DISK or not mount.point.startswith("/"):
            continue
        ids = _ids(mount.device, storage)
        if not ids:
            continue
        point = (mount.point.rstrip("/") or "/", _subvolume(mount))
        same = [group for group in groups if group[1] & ids or any(other == point[0] for other, _ in group[0])]
        if not same:
            groups.append(([point], ids))
            continue
        points, known = same[0]
        known |= ids
        if not any(other == point[0] for other, _ in points):
            points.append(point)
    return [
        FileSystem("disk{}".format(number), tuple(sorted(points, key=lambda pair: len(pair[0]))), frozenset(ids))
        for number, (points, ids) in enumerate(groups)
    ]


def _live_root(storage: Storage) -> "Tuple[Mount, ...]":
    """Return the mount at / by the device that holds it, which fstab need not know."""
    if not storage.root_device:
        return ()
    lines = [mount for mount in storage.mounts[::-1] + storage.fstab if mount.point == "/"] or [Mount("/", "", "")]
    return (lines[0]._replace(device=storage.root_device),)


def _ids(device: str, storage: Storage) -> "Set[str]":
    """Return all that a device of a mount is known by; nothing when it is no disk."""
    kind, equals, value = device.partition("=")
    value = value.strip("\"'")
    if device.startswith("/dev/disk/by-uuid/"):
        kind, equals, value = "UUID", "=", device[18:]
    elif device.startswith("/dev/disk/by-label/"):
        kind, equals, value = "LABEL", "=", device[19:]
    tables = {"UUID": storage.uuids, "LABEL": storage.labels, "PARTUUID": storage.partuuids, "PARTLABEL": storage.partlabels}
    if equals and kind in tables:
        ids = {"{}:{}".format(kind.lower(), value.lower() if kind == "UUID" else value)}
        node = {name.lower(): path for name, path in (tables[kind] or {}).items()}.get(value.lower())
    elif device.startswith("/dev/"):
        ids, node = set(), device
    else:
        return set()
    if node:
        ids.add("device:" + node)
        for kind, table in tables.items():
            ids.update(
                "{}:{}".format(kind.lower(), name.lower() if kind == "UUID" else name)
                for name, path in (table or {}).items() if path == node
            )
    return ids


def _subvolume(mount: Mount) -> str:
    for option in mount.options.split(","):
        name, _, value = option.partition("=")
        if name == "subvol" and mount.filesystem == "btrfs":
            return value.strip("/")
    return ""
