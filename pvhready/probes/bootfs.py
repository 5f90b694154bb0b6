"""The file systems that the host's GRUB has to read: those with grub.cfg, and with the kernels and initramfs that may boot next."""

import os

from pvhready.devicenames import layer_of, parse_spec
from pvhready.disk.contents import LUKS, LVM, Content
from pvhready.facts import BootFileSystem, Menu, Mount, Problem, Storage
from pvhready.probes.blockdevice import Given, Live
from pvhready.probes.storage import live_mounts
from pvhready.records import NamedTuple
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

_CRYPTTAB = "/etc/crypttab"
# What /etc/fstab has beside file systems on disks.
_NO_DISK = ("swap", "none", "tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "ramfs", "nfs", "nfs4", "cifs", "autofs", "bind")
_ENCRYPTED = Problem(_CRYPTTAB, "whether GRUB finds it in an encrypted container cannot be told")


class Origin(NamedTuple):
    """What is known of the guest beside its files. ``given`` are the devices that the user named.

    ``booted``: the host's GRUB has started this guest from these very file systems. ``assumed``: only the user says what the
    guest is, so that the file systems here need not be those that it will boot from.
    """

    given: "Sequence[Given]" = ()
    booted: bool = False
    assumed: bool = False


def read_boot_systems(root: Root, storage: Storage, menus: "Dict[str, Menu]", origin: Origin) -> "Tuple[BootFileSystem, ...]":
    """Return the file systems that GRUB has to read for each mode's menu. What cannot be read is a problem in them; nothing is raised."""
    needed: Dict[str, List[str]] = {}
    for mode, menu in menus.items():
        for path in _paths(menu):
            needed.setdefault(path, []).append(mode)
    if root.live:
        return _Running(root, storage, origin).systems(needed)
    return _Mounted(root, storage, origin).systems(needed)


def _paths(menu: Menu) -> "List[str]":
    """Return the guest's files that GRUB reads on its way: the configuration, and what the entries that may boot next name."""
    entries = {entry.index: entry for entry in menu.entries}
    paths = [menu.config] if menu.config else []
    for candidate in menu.candidates:
        entry = entries[candidate.index]
        paths += ([entry.kernel] if entry.kernel else []) + list(entry.initrd)
    return list(dict.fromkeys(paths))


def _modes(needed: "Dict[str, List[str]]", paths: "Sequence[str]") -> "Tuple[str, ...]":
    return tuple(dict.fromkeys(mode for path in paths for mode in needed[path]))


def _resolved(root: Root, path: str) -> str:
    try:
        return root.resolve(path)
    except Unreadable:
        return path  # the menu or the image tells what is wrong with it


def _covering(mounts: "Sequence[Mount]", path: str) -> "Optional[Mount]":
    """Return the mount that a path lies on: the one with the longest mount point, of two at one point the later."""
    best: Optional[Mount] = None
    for mount in mounts:
        point = mount.point.rstrip("/")
        if mount.filesystem in _NO_DISK or not mount.point.startswith("/") or not (path == mount.point or path.startswith(point + "/")):
            continue
        if best is None or len(point) >= len(best.point.rstrip("/")):
            best = mount
    return best


class _Running:
    """The running system: its block devices tell."""

    def __init__(self, root: Root, storage: Storage, origin: Origin) -> None:
        self._root = root
        self._storage = storage
        self._origin = origin
        self._live = Live(root)

    def systems(self, needed: "Dict[str, List[str]]") -> "Tuple[BootFileSystem, ...]":
        """Return the file systems that hold these paths, each of which some modes need."""
        groups: Dict[int, List[str]] = {}
        for path in needed:
            try:
                groups.setdefault(self._root.status(path).st_dev, []).append(path)
            except Unreadable:
                continue  # what is not there lies on no file system; the menu or the image says so
        return tuple(self._system(number, paths[0], _modes(needed, paths)) for number, paths in groups.items())

    def _system(self, number: int, path: str, modes: "Tuple[str, ...]") -> BootFileSystem:
        mount = _covering(self._storage.fstab + self._storage.mounts, _resolved(self._root, path)) or Mount("/", "", "")
        system = BootFileSystem(modes, mount.point, mount.filesystem, mount.device, booted=self._origin.booted)
        try:
            device = self._device(number, path)
            if device is None:
                return system  # a container's, or another that no disk holds
            content = self._live.system_on(device)
        except Unreadable as error:
            problem = None if self._origin.assumed else Problem(error.path, error.reason)
            return system._replace(problem=problem, features=(mount.filesystem,) if mount.filesystem else ())
        return _told(system, content, device)._replace(device=device)

    def _device(self, number: int, path: str) -> "Optional[str]":
        """Return the device with a file system's number, as /dev/NAME. Raises Unreadable."""
        if os.major(number):
            try:
                uevent = self._root.read_text("/sys/dev/block/{}:{}/uevent".format(os.major(number), os.minor(number)))
            except Missing:
                return None
            return next(("/dev/" + line[len("DEVNAME="):] for line in uevent.split("\n") if line.startswith("DEVNAME=")), None)
        # btrfs and file systems without a disk have numbers of their own.
        mount = _covering(self._storage.mounts or live_mounts(), _resolved(self._root, path))
        if mount is None or not mount.device.startswith("/dev/"):
            return None
        return self._root.resolve(mount.device)


class _Mounted:
    """A guest mounted elsewhere: /etc/fstab tells, and the devices that the user named."""

    def __init__(self, root: Root, storage: Storage, origin: Origin) -> None:
        self._root = root
        self._storage = storage
        self._given = origin.given
        pairs = [(device, content) for device in origin.given for content in device.contents]
        self._found = [pair for pair in pairs if pair[1].filesystem not in ("swap", LVM)]

    def systems(self, needed: "Dict[str, List[str]]") -> "Tuple[BootFileSystem, ...]":
        """Return the file systems that hold these paths, each of which some modes need."""
        groups: Dict[Mount, List[str]] = {}
        for path in needed:
            mount = _covering(self._storage.fstab, _resolved(self._root, path)) or Mount("/", "", "")
            groups.setdefault(mount, []).append(path)
        return tuple(self._system(mount, _modes(needed, paths)) for mount, paths in groups.items())

    def _system(self, mount: Mount, modes: "Tuple[str, ...]") -> BootFileSystem:
        named = () if mount.filesystem in ("", "auto") else (_plain_type(mount.filesystem),)
        system = BootFileSystem(modes, mount.point, "".join(named), mount.device, named, source=mount.source)
        layer = layer_of(mount.device, self._storage.encrypted)
        container = self._container(mount.device) if layer == "crypt" else None
        if container:
            device, content = container
            return system._replace(features=("cryptomount",) + content.features + named, source=_place(device, content))
        if layer == "crypt":
            return system._replace(features=("cryptomount",) + named)
        match = self._match(mount)
        if match:
            return _told(system, match[1], _place(*match))
        if any(content.filesystem == LUKS for _, content in self._found) or layer == "lvm" and self._storage.encrypted:
            return system._replace(problem=_ENCRYPTED)
        return system

    def _match(self, mount: Mount) -> "Optional[Tuple[Given, Content]]":
        """Return the file system that fstab means; by itself where the user named one only, and fstab has no id for it."""
        kind, value = parse_spec(mount.device)
        for device, content in self._found:
            ids = {"uuid": content.uuid.lower(), "label": content.label, "partuuid": content.partuuid}
            if kind in ids:
                if content.filesystem != LUKS and ids[kind] and ids[kind] == (value.lower() if kind == "uuid" else value):
                    return device, content
            elif content.volume and value in _volume_names(*content.volume):
                return device, content
        if kind in ("uuid", "label", "partuuid", "partlabel") or layer_of(mount.device, self._storage.encrypted):
            return None
        number = value[len(value.rstrip("0123456789")):]  # /dev/xvda1
        candidates = [pair for pair in self._found if pair[1].filesystem != LUKS]
        if len(self._given) == 1 and number and any(content.number for _, content in candidates):
            candidates = [pair for pair in candidates if pair[1].number == int(number)]
        return candidates[0] if len(candidates) == 1 and len(self._given) == 1 else None

    def _container(self, device: str) -> "Optional[Tuple[Given, Content]]":
        """Return the encrypted container that crypttab(5) opens under a device's name."""
        try:
            lines = self._root.read_text(_CRYPTTAB).split("\n")
        except Unreadable:
            lines = []  # what storage says of it is enough
        name = device.rpartition("/")[2]
        fields: List[str] = next((line.split() for line in lines if line.split()[:1] == [name]), [])
        kind, value = parse_spec(fields[1]) if len(fields) > 1 else ("", "")
        containers = [pair for pair in self._found if pair[1].filesystem == LUKS]
        exact = [pair for pair in containers if kind == "uuid" and pair[1].uuid.lower() == value.lower()]
        if exact or kind == "uuid":
            return exact[0] if exact else None
        return containers[0] if len(containers) == 1 else None


def _told(system: BootFileSystem, content: Content, source: str) -> BootFileSystem:
    """Return a file system with what its superblock says. One that it does not tell is a problem."""
    if content.problem or not content.filesystem:
        return system._replace(features=content.features, source=source, problem=Problem(source, content.problem or "not known"))
    return system._replace(filesystem=content.filesystem, features=content.features, read=True, source=source)


def _place(device: Given, content: Content) -> str:
    return "{} ({})".format(device.path, content.where) if content.where else device.path


def _volume_names(group: str, volume: str) -> "Tuple[str, str]":
    """Return the two names of a logical volume in /dev (lvm(8): hyphens are doubled in the second)."""
    return "/dev/{}/{}".format(group, volume), "/dev/mapper/{}-{}".format(group.replace("-", "--"), volume.replace("-", "--"))


def _plain_type(filesystem: str) -> str:
    """Return the name that superblocks have for a type of fstab."""
    return {"ext2": "ext4", "ext3": "ext4", "msdos": "vfat"}.get(filesystem, filesystem)
