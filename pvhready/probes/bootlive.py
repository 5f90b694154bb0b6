"""The file systems that GRUB has to read, on the running system: its block devices tell."""

import os

from pvhready.facts import BootFileSystem, Mount, Problem, Storage
from pvhready.probes.blockdevice import Live
from pvhready.probes.bootfs import Origin, covering, modes_of, resolved, told
from pvhready.probes.storage import live_mounts
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple


class Running:
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
        return tuple(self._system(number, paths[0], modes_of(needed, paths)) for number, paths in groups.items())

    def _system(self, number: int, path: str, modes: "Tuple[str, ...]") -> BootFileSystem:
        mount = covering(self._storage.fstab + self._storage.mounts, resolved(self._root, path)) or Mount("/", "", "")
        system = BootFileSystem(modes, mount.point, mount.filesystem, mount.device, booted=self._origin.booted)
        try:
            device = self._device(number, path)
            if device is None:
                return system  # a container's, or another that no disk holds
            content = self._live.system_on(device)
        except Unreadable as error:
            problem = None if self._origin.assumed else Problem(error.path, error.reason)
            return system._replace(problem=problem, features=(mount.filesystem,) if mount.filesystem else ())
        return told(system, content, device)._replace(device=device)

    def _device(self, number: int, path: str) -> "Optional[str]":
        """Return the device with a file system's number, as /dev/NAME. Raises Unreadable."""
        if os.major(number):
            try:
                uevent = self._root.read_text("/sys/dev/block/{}:{}/uevent".format(os.major(number), os.minor(number)))
            except Missing:
                return None
            return next(("/dev/" + line[len("DEVNAME="):] for line in uevent.split("\n") if line.startswith("DEVNAME=")), None)
        # btrfs and file systems without a disk have numbers of their own.
        mount = covering(self._storage.mounts or live_mounts(), resolved(self._root, path))
        if mount is None or not mount.device.startswith("/dev/"):
            return None
        return self._root.resolve(mount.device)
