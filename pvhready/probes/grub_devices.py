"""The guest's file systems as GRUB sees them: devices instead of mounts, and no mount below another.

GRUB's device names mean nothing to Linux, so every device is matched with a file system of /etc/fstab or of the
live mounts. Where that cannot be told, the file is taken where the guest has it, and that is said.
"""

from pvhready.devicenames import xen_order
from pvhready.facts import Storage
from pvhready.grub.devices import DIRECTORY, FILE, OTHER, Devices, Information, NotKnown, not_found
from pvhready.probes.filesystems import FileSystem, file_systems, point_above
from pvhready.root import Denied, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

HOME = "xen/xvda"  # $root when GRUB reads the configuration (measured: a disk without partitions)
MEMDISK = "memdisk"
_MAX_LINKS = 8  # GRUB gives up at the eighth (fs/fshelp.c)


class GuestDevices(Devices):
    """Answers GRUB's questions from the guest's files. ``assumptions`` collects what was taken for granted."""

    def __init__(self, root: Root, storage: Storage, config: str, memdisk: bool) -> None:
        """Take the file system that holds ``config`` (the guest's path) as GRUB's first device."""
        self._root = root
        self._storage = storage
        self._memdisk = memdisk
        self._known: Dict[str, Optional[Information]] = {}
        self.assumptions: List[str] = []
        self.systems = file_systems(storage)
        home = self._covering(config)
        self.systems.sort(key=lambda system: system is not home)
        self.systems[0] = home._replace(name=HOME)
        self._named: Dict[str, List[FileSystem]] = {system.name: [system] for system in self.systems}

    def home_path(self, guest: str) -> str:
        """Return the path that GRUB has for a file of the guest on its first device."""
        point, subvolume = point_above(self.systems[0], guest)
        return (("/" + subvolume) if subvolume else "") + "/" + guest[len(point):].lstrip("/")

    def home_order(self) -> "Optional[Tuple[int, str, int]]":
        """Return where GRUB's first device stands among Xen's disks; None when that cannot be told."""
        orders = [xen_order(name[len("device:"):]) for name in self.systems[0].ids if name.startswith("device:")]
        return min([order for order in orders if order], default=None)

    def subvolume(self, guest: str) -> str:
        """Return the btrfs subvolume that holds a file of the guest on GRUB's first device, "?" for one that fstab need not name.

        Where others are below ``@/``, the guest's / is a default subvolume (openSUSE), which GRUB does not know of.
        """
        named = point_above(self.systems[0], guest)[1]
        return named or ("?" if any(name.startswith("@/") for _, name in self.systems[0].points) else "")

    # What GRUB asks

    def exists(self, device: str) -> bool:
        return device == MEMDISK and self._memdisk or self._systems(device) is not None

    def devices(self) -> "Tuple[str, ...]":
        return tuple(system.name for system in self.systems)

    def shown(self, device: str, path: str) -> str:
        if device == MEMDISK:
            return "({}){}".format(device, path)
        places: List[str] = []
        try:
            places = self._places(device, path)[0]
            for place in places:
                if self._status(place) is not None:
                    return place
        except NotKnown as unknown:
            return unknown.path if unknown.path in places else path
        return places[0] if places else path

    def information(self, device: str, path: str) -> "Optional[Information]":
        found = self._find(device, path)
        return found[1] if found else None

    def read(self, device: str, path: str, limit: int) -> bytes:
        found = self._find(device, path)
        if found is None:
            raise not_found(path)
        try:
            return self._root.read(found[0], limit)
        except Missing as error:
            raise not_found(path) from error
        except Unreadable as error:
            raise NotKnown(error.path, error.reason) from error

    def names(self, device: str, path: str) -> "Tuple[str, ...]":
        for place in self._places(device, path)[0]:
            if self._status(place) is None:
                continue
            try:
                return self._root.names(place)
            except Missing:
                continue
            except Unreadable as error:
                if not isinstance(error, Denied) and not self._is_directory(place):
                    continue
                raise NotKnown(error.path, error.reason) from error
        return ()

    def search(self, what: str, value: str) -> "Optional[str]":
        if what == "file":
            for system in self.systems:
                found = self._find(system.name, value)
                if found and found[1].kind == FILE:
                    return system.name
            return None
        key = "{}:{}".format(what, value.lower() if what == "uuid" else value)
        for system in self.systems:
            if key in system.ids:
                return system.name
        known = self._storage.uuids if what == "uuid" else self._storage.labels
        if known is None:
            return self._take_for_granted(what, value)
        device = {name.lower(): path for name, path in known.items()}.get(value.lower()) if what == "uuid" else known.get(value)
        if device is None:
            return None
        raise NotKnown(device, "the file system on it is not mounted, so that what GRUB finds there cannot be told")

    def property(self, device: str, what: str) -> "Optional[str]":
        for system in self._systems(device) or ():
            for name in sorted(system.ids):
                if name.startswith(what + ":"):
                    return name.partition(":")[2]
        raise NotKnown("({})".format(device), "its {} cannot be told".format(what))

    # From devices to file systems

    def _covering(self, path: str) -> FileSystem:
        """Return the file system that a path of the guest lies on."""
        best: Optional[FileSystem] = None
        length = -1
        for system in self.systems:
            for point, _ in system.points:
                if len(point) > length and (path == point or path.startswith(point.rstrip("/") + "/")):
                    best, length = system, len(point)
        if best is None:
            best = FileSystem("root", (("/", ""),), frozenset())
            self.systems.append(best)
        return best

    def _systems(self, device: str) -> "Optional[List[FileSystem]]":
        """Return what a device may be; None when GRUB has no such device."""
        if device not in self._named:
            found = self._match(device)
            if found is None:
                return None
            self._named[device] = found
        return self._named[device]

    def _match(self, device: str) -> "Optional[List[FileSystem]]":
        names = self._numbered(device) if device.startswith("hd") else linux_names(device)
        if not names or device.startswith("xen/") and not self._is_disk(device):
            return None
        for system in self.systems:
            if any("device:" + name in system.ids for name in names):
                return [system]
        if self._storage.devices is not None:
            if device.startswith(("xen/", "hd")) and not any(name in self._storage.devices for name in names):
                return None
            raise NotKnown(names[0], "what GRUB finds on it cannot be told")
        self._demand_room("device", names[0])
        self._assume("({}) is taken for the guest's own file systems: /etc/fstab does not name it".format(device))
        return self._own()

    def _is_disk(self, device: str) -> bool:
        """Whether there may be such a disk: /dev/xvda1 is one or a partition, and GRUB has xen/xvda1 or xen/xvda,msdos1, not both."""
        devices = self._storage.devices
        return devices is None or "/dev/" + device[len("xen/"):].partition(",")[0] in xen_disks(devices)

    def _numbered(self, device: str) -> "Tuple[str, ...]":
        """Return the Linux name of hd0 and so on: the guest's disks by their numbers, as pv-grub had them (GRUB: disk/xen/xendisk.c).

        Raises NotKnown where no disks are known: an entry with such a name boots or not, by whether the disk has partitions.
        """
        disk, _, partition = device.partition(",")
        if not disk[2:].isdecimal() or len(disk) > 6:
            return ()
        if self._storage.devices is None:
            raise NotKnown("({})".format(device), "which of the guest's disks it is cannot be told")
        disks = xen_disks(self._storage.devices)
        number = int(disk[2:])
        if number >= len(disks) or partition and disks[number][-1:].isdigit():
            return ()
        return (disks[number] + _partition(partition),)

    def _own(self) -> "List[FileSystem]":
        """Return the file systems that hold / and /boot, first the one that GRUB starts from."""
        others = [system for system in self.systems[1:] if any(point in ("/", "/boot") for point, _ in system.points)]
        return self.systems[:1] + others

    def _demand_room(self, what: str, value: str) -> None:
        """Raise NotKnown where fstab gives all of the guest's own file systems another id of this kind, so that it is none of them."""
        others = [[name for name in system.ids if name.startswith(what + ":")] for system in self._own()]
        if all(others):
            raise NotKnown(value, "/etc/fstab says {}: what GRUB finds there cannot be told".format(others[0][0].partition(":")[2]))

    def _take_for_granted(self, what: str, value: str) -> str:
        name = "{}/{}".format(what, value)
        if name not in self._named:
            self._demand_room(what, value)
            self._named[name] = self._own()
            self._assume("the {} {} is taken for that of the guest's own file system: /etc/fstab does not name it".format(
                {"uuid": "UUID"}.get(what, what), value))
        return name

    def _assume(self, text: str) -> None:
        if text not in self.assumptions:
            self.assumptions.append(text)

    # From a file system's paths to the guest's

    def _places(self, device: str, path: str) -> "Tuple[List[str], str]":
        """Return the guest's paths that a path may mean, best first, and the mount point that hides one of them."""
        places: List[str] = []
        hidden = ""
        for system in self._systems(device) or ():
            for point, relative in self._relative(system, path):
                place = point.rstrip("/") + relative
                over = self._mounted_over(place, system)
                if over:
                    hidden = over
                elif place not in places:
                    places.append(place)
        return places, hidden

    def _relative(self, system: FileSystem, path: str) -> "List[Tuple[str, str]]":
        """Return mount points with the path below each. On btrfs GRUB's paths begin with the name of the subvolume."""
        clean = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
        named = [
            (point, clean[len(subvolume) + 1:] or "/") for point, subvolume in system.points
            if subvolume and (clean + "/").startswith("/" + subvolume + "/")
        ]
        if named:
            return sorted(named, key=lambda pair: len(pair[1]))
        if all(subvolume for _, subvolume in system.points):
            self._assume("paths that do not begin with a btrfs subvolume are taken to lie in the one that is mounted")
            return [(point, clean) for point, _ in system.points]
        return [(point, clean) for point, subvolume in system.points if not subvolume]

    def _mounted_over(self, place: str, system: FileSystem) -> str:
        """Return the mount point of another file system that hides a place of this one, or ""."""
        if len(self.systems) == 1 or place == "/":
            return ""
        other = self._covering(place)
        if other == system:
            return ""
        return max((point for point, _ in other.points if place.startswith(point.rstrip("/") + "/") or place == point), key=len)

    def _find(self, device: str, path: str) -> "Optional[Tuple[str, Information]]":
        """Return the guest's path of a file or directory, and what it is; None for nothing there. Raises NotKnown."""
        places, hidden = self._places(device, path)
        for place in places:
            information = self._status(place)
            if information is not None:
                return place, information
        if hidden and not places:
            raise NotKnown("({}){}".format(device, path), "hidden below the file system that is mounted at " + hidden)
        if _is_in_dataset(path):
            raise NotKnown("({}){}".format(device, path), "a path of GRUB's on ZFS, which is not followed")
        if any(self._is_elsewhere(path, system) for system in self._systems(device) or ()):
            raise NotKnown("({}){}".format(device, path), "a path of another btrfs subvolume, which is not mounted here")
        return None

    def _is_elsewhere(self, path: str, system: FileSystem) -> bool:
        """Whether a path is one of a btrfs subvolume that is not known, by the names that installers and snapper give."""
        parts = [part for part in path.split("/") if part]
        snapshot = any(first == ".snapshots" and second.isdigit() for first, second in zip(parts[:2], parts[1:3]))
        known = any(subvolume and subvolume.split("/")[0] == parts[0] for _, subvolume in system.points) if parts else True
        if not snapshot and (known or not parts[0].startswith("@")):
            return False
        mounts = self._storage.mounts + self._storage.fstab
        points = {point for point, _ in system.points}
        return any(mount.filesystem == "btrfs" and (mount.point.rstrip("/") or "/") in points for mount in mounts)

    def _status(self, place: str) -> "Optional[Information]":
        if place not in self._known:
            self._known[place] = self._look(place)
        return self._known[place]

    def _look(self, place: str) -> "Optional[Information]":
        import stat

        try:
            if self._is_divided() and not self._is_reached(place):
                return None
            status = self._root.status(place)
        except Denied as error:
            raise NotKnown(error.path, error.reason) from error
        except Unreadable:
            # Missing, or links that lead nowhere: GRUB does not get there either.
            return None
        kind = FILE if stat.S_ISREG(status.st_mode) else DIRECTORY if stat.S_ISDIR(status.st_mode) else OTHER
        return Information(kind, status.st_size, int(status.st_mtime))

    def _is_divided(self) -> bool:
        return len(self.systems) > 1 or any(subvolume for _, subvolume in self.systems[0].points)

    def _is_reached(self, place: str) -> bool:
        """Whether GRUB gets to a place through its symbolic links, as Linux does. Raises Unreadable, NotKnown when it gets elsewhere."""
        real = self._root.resolve(place)
        if real == place:
            return True
        reached = self._followed(place)
        if reached is None:
            return False
        if reached != real:
            raise NotKnown(place, "its symbolic links lead elsewhere in GRUB, which follows them within one file system")
        return True

    def _followed(self, place: str) -> "Optional[str]":
        """Return the guest's path where GRUB gets to: links begin at the top of the file system, and nothing is mounted over it."""
        system = self._covering(place)
        point, subvolume = point_above(system, place)
        pending = place[len(point):].split("/")[::-1]
        here: List[str] = []
        links = 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if subvolume and not here:
                    return None
                del here[-1:]
                continue
            step = "/".join([point.rstrip("/")] + here + [name])
            if self._mounted_over(step, system):
                return None
            target = self._root.link(step)
            if not target:
                here.append(name)
                continue
            links += 1
            if links >= _MAX_LINKS:
                return None
            if target.startswith("/"):
                del here[:]
                if subvolume and not (target + "/").startswith("/{}/".format(subvolume)):
                    return None
                target = target[len(subvolume) + 1:]
            pending.extend(target.split("/")[::-1])
        return "/".join([point.rstrip("/")] + here) or "/"

    def _is_directory(self, place: str) -> bool:
        information = self._status(place)
        return information is not None and information.kind == DIRECTORY


def _is_in_dataset(path: str) -> bool:
    """Whether a path begins with a data set of ZFS, as in /BOOT/ubuntu_1a2b3c@/vmlinuz (GRUB: fs/zfs/zfs.c). In btrfs a lone @ is usual."""
    return any(part.endswith("@") and part != "@" for part in path.split("/")[:-1])


def linux_names(device: str) -> "Tuple[str, ...]":
    """Return the names that Linux may have for a device of GRUB; nothing for one that a Xen guest cannot have.

    A Xen guest's disks are xen/xvda and so on, with partitions after a comma.
    """
    kind, slash, name = device.partition("/")
    if kind == "xen" and slash:
        disk, _, partition = name.partition(",")
        return ("/dev/" + disk + _partition(partition),) if disk else ()
    if kind == "lvm" and slash:
        group, _, volume = name.replace("--", "\0").partition("-")
        pair = "{}/{}".format(group, volume).replace("\0", "-")
        return "/dev/mapper/" + name, "/dev/" + pair
    if kind == "md" and slash:
        return "/dev/md" + name, "/dev/md/" + name
    if kind in ("lvmid", "mduuid", "cryptouuid", "crypto") and slash:
        return (device,)
    return ()


def _partition(text: str) -> str:
    """Return the number of a partition in what GRUB calls it: 1, msdos1, gpt1."""
    return text.rpartition(",")[2].lstrip("abcdefghijklmnopqrstuvwxyz")


def xen_disks(devices: "Sequence[str]") -> "Tuple[str, ...]":
    """Return the disks among block devices that Xen gives a guest, by their numbers. One may be called as a partition is: /dev/xvda1."""
    found = []
    for device in devices:
        order = xen_order(device)
        if order and (not order[2] or order[1] not in devices):
            found.append((order, device))
    return tuple(device for _, device in sorted(found))
