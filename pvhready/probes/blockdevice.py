"""The block devices of the running system: the file system on one, and the layers below it.

Sources: Linux Documentation/ABI/testing/sysfs-block; dm/uuid: LVM2 lib/activate/dev_manager.c, cryptsetup lib/libdevmapper.c.
"""

import os
import stat

from pvhready.disk.superblocks import Content, file_system
from pvhready.root import Denied, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence

_BLOCKS = "/sys/class/block/"
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DEPTH = 16  # devices below a file system
_SHORT = 4096  # bytes; no attribute of sysfs is longer
_UUID = 32  # characters of each of the two UUIDs, of group and volume, after "LVM-"


class Live:
    """The block devices of the running system."""

    def __init__(self, root: Root) -> None:
        """``root`` is the running system's."""
        self._root = root

    def system_on(self, device: str) -> Content:
        """Return the file system on a device, whose path is /dev/NAME, with what is below it among its features.

        Raises Missing, Denied, Unreadable.
        """
        name = device[len("/dev/"):].replace("/", "!")
        below: List[str] = []
        self._below(name, below, _DEPTH)
        with _Reader(self._root, name) as read:
            found = file_system(read)
        if found is None:
            return Content("", features=tuple(dict.fromkeys(below)), problem="holds no file system that is known")
        return found._replace(features=tuple(dict.fromkeys(below)) + found.features)

    def _below(self, name: str, found: "List[str]", depth: int) -> None:
        """Add what the layers from this device down to the disks need of a reader."""
        if not depth:
            raise Unreadable(_BLOCKS + name, "more layers of devices than can be followed")
        place = self._root.resolve(_BLOCKS + name)
        if self._root.is_file(place + "/partition"):
            place = os.path.dirname(place)  # what the whole device is made of
        try:
            slaves = self._root.names(place + "/slaves")
        except Missing:
            slaves = ()
        uuid = self._attribute(place + "/dm/uuid")
        kind = uuid.partition("-")[0]
        if kind == "LVM":
            self._volume(uuid[4:], slaves, found)
        elif kind == "CRYPT":
            self._container(slaves, found)
        elif self._root.is_directory(place + "/md"):
            found.append("md:" + (self._attribute(place + "/md/level") or "unknown"))
        elif uuid or self._root.is_directory(place + "/dm"):
            found.append("dm:" + (kind or "unknown"))
        for slave in slaves:
            self._below(slave, found, depth - 1)

    def _volume(self, uuid: str, slaves: "Sequence[str]", found: "List[str]") -> None:
        """Add the kinds of segments of a logical volume, by its group's metadata. Volumes that LVM hides have a suffix after the UUID."""
        from pvhready.disk.lvm import read_physical

        if len(uuid) != 2 * _UUID:
            return  # a part of another volume, whose kind tells
        for name in self._disks(slaves, _DEPTH):
            with _Reader(self._root, name) as read:
                physical = read_physical(read)
            for volume in physical.volumes if physical else ():
                if volume.uuid == uuid[_UUID:]:
                    found.extend("lvm:" + kind for kind in volume.kinds)
                    return
        found.append("lvm:unknown")

    def _disks(self, names: "Sequence[str]", depth: int) -> "List[str]":
        """Return the devices below, or these, that are no device mapper's of LVM."""
        found: List[str] = []
        for name in names:
            place = self._root.resolve(_BLOCKS + name)
            if depth and self._attribute(place + "/dm/uuid").startswith("LVM-"):
                try:
                    found += self._disks(self._root.names(place + "/slaves"), depth - 1)
                except Missing:
                    continue
            else:
                found.append(name)
        return found

    def _container(self, slaves: "Sequence[str]", found: "List[str]") -> None:
        """Add what it takes to open an encrypted container."""
        from pvhready.disk import luks

        found.append("cryptomount")
        for name in slaves:
            with _Reader(self._root, name) as read:
                found.extend(luks.read_luks(read).features if read(0, 8).startswith(luks.MAGIC) else ("crypt",))

    def _attribute(self, path: str) -> str:
        try:
            return self._root.read_text(path, _SHORT).strip()
        except Missing:
            return ""


class _Reader:
    """Reads a block device of the running system by its name in sysfs. Raises Missing, Denied, Unreadable when it is opened."""

    def __init__(self, root: Root, name: str) -> None:
        self._path = "/dev/" + name.replace("!", "/")
        major, _, minor = root.read_text(_BLOCKS + name + "/dev", _SHORT).strip().partition(":")
        if not (root.live and major.isdigit() and minor.isdigit()):
            raise Unreadable(self._path, "is no device that sysfs knows")
        number = os.makedev(int(major), int(minor))
        self._demand(root.status(self._path), number)
        try:
            self._descriptor = os.open(self._path, _OPEN)
        except PermissionError as error:
            raise Denied(self._path) from error
        except OSError as error:
            raise Unreadable(self._path, (error.strerror or str(error)).lower()) from error
        try:
            self._demand(os.fstat(self._descriptor), number)
        except Unreadable:
            os.close(self._descriptor)
            raise

    def _demand(self, status: os.stat_result, number: int) -> None:
        if not stat.S_ISBLK(status.st_mode) or status.st_rdev != number:
            raise Unreadable(self._path, "is not the block device that sysfs speaks of")

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def __call__(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, offset)
        except (OSError, OverflowError) as error:
            raise Unreadable(self._path, str(error).lower()) from error
