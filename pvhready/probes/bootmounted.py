"""The file systems that GRUB has to read, of a guest mounted elsewhere: /etc/fstab tells, and the devices that the user named."""

from pvhready.devicenames import layer_of, parse_spec
from pvhready.disk.superblocks import LUKS, LVM, RAID, Content
from pvhready.facts import BootFileSystem, Mount, Problem, Storage
from pvhready.probes.bootmount import Origin, covering, is_on_disk, modes_of, resolved, told
from pvhready.root import Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from pvhready.probes.given import Given

_CRYPTTAB = "/etc/crypttab"
_ENCRYPTED = Problem(_CRYPTTAB, "whether it lies in an encrypted container cannot be told")


class Mounted:
    """A guest mounted elsewhere: /etc/fstab tells, and the devices that the user named."""

    def __init__(self, root: Root, storage: Storage, origin: Origin) -> None:
        self._root = root
        self._storage = storage
        self._given = origin.given
        pairs = [(device, content) for device in origin.given for content in device.contents]
        self._found = [pair for pair in pairs if pair[1].filesystem not in ("swap", LVM, RAID)]
        opaque = [pair for pair in pairs if pair[1].filesystem == LUKS or pair[1].problem]
        # A file system whose id is nowhere may be in there.
        self._hides = Problem(_place(*opaque[0]), "it may lie in what cannot be looked into, " + _place(*opaque[0])) if opaque else None

    def systems(self, needed: "Dict[str, List[str]]") -> "Tuple[BootFileSystem, ...]":
        """Return the file systems that hold these paths, each of which some modes need."""
        groups: Dict[Mount, List[str]] = {}
        for path in needed:
            mount = covering(self._storage.fstab, resolved(self._root, path)) or Mount("/", "", "")
            groups.setdefault(mount, []).append(path)
        return tuple(self._system(mount, modes_of(needed, paths)) for mount, paths in groups.items())

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
            return told(system, match[1], _place(*match))
        if self._hides or layer == "lvm" and self._storage.encrypted:
            return system._replace(problem=self._hides or _ENCRYPTED)
        return system

    def _match(self, mount: Mount) -> "Optional[Tuple[Given, Content]]":
        """Return the file system that fstab means. Two that have its id, and are not alike, are a problem."""
        kind, value = parse_spec(mount.device)
        plain = [pair for pair in self._found if pair[1].filesystem != LUKS]
        layer = layer_of(mount.device, self._storage.encrypted)
        if kind in ("uuid", "label", "partuuid", "partlabel"):
            same = [pair for pair in plain if _has_id(pair[1], kind, value)]
        elif layer == "md":
            same = [pair for pair in plain if pair[1].features[:1] == ("md:raid1",)]
        elif layer:
            same = [pair for pair in plain if pair[1].volume and value in _volume_names(*pair[1].volume)]
        else:
            same = self._by_name(plain, value)
        if len({(content.filesystem, content.uuid, content.features) for _, content in same}) > 1:
            device, content = same[0]
            return device, content._replace(problem="more than one of the devices has what /etc/fstab names")
        return same[0] if same else None

    def _by_name(self, plain: "List[Tuple[Given, Content]]", value: str) -> "List[Tuple[Given, Content]]":
        """Return what the name of a disk or partition means: by its number on a whole disk, by itself where there is nothing else."""
        number = value[len(value.rstrip("0123456789")):]  # /dev/xvda1
        if len(self._given) != 1:
            return []
        if any(content.number for _, content in plain):
            return [pair for pair in plain if number and pair[1].number == int(number[:9])]
        others = {mount.device for mount in self._storage.fstab if is_on_disk(mount)}
        return plain if len(plain) == 1 and len(others) <= 1 else []

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


def _place(device: "Given", content: Content) -> str:
    return "{} ({})".format(device.path, content.where) if content.where else device.path


def _has_id(content: Content, kind: str, value: str) -> bool:
    ids = {"uuid": content.uuid.lower(), "label": content.label, "partuuid": content.partuuid}
    return bool(ids.get(kind)) and ids[kind] == (value.lower() if kind == "uuid" else value)


def _volume_names(group: str, volume: str) -> "Tuple[str, str]":
    """Return the two names of a logical volume in /dev (lvm(8): hyphens are doubled in the second)."""
    return "/dev/{}/{}".format(group, volume), "/dev/mapper/{}-{}".format(group.replace("-", "--"), volume.replace("-", "--"))


def _plain_type(filesystem: str) -> str:
    """Return the name that superblocks have for a type of fstab."""
    return {"ext2": "ext4", "ext3": "ext4", "msdos": "vfat"}.get(filesystem, filesystem)
