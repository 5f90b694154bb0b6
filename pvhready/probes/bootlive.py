"""The file systems that GRUB has to read, on the running system: its block devices tell."""

import os
import time

from pvhready.facts import BootFileSystem, Mount, Problem, Storage
from pvhready.probes.blockdevice import Live
from pvhready.probes.bootmount import Origin, covering, modes_of, resolved, told
from pvhready.probes.storage import live_mounts
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set, Tuple

# As old as their file system, or nearly so.
_OLD = ("/lost+found", "/boot/lost+found", "/etc/machine-id", "/etc/hostname")
_SINCE_BOOT = 7  # CLOCK_BOOTTIME (Linux: include/uapi/linux/time.h), for which Python 3.6 has no name


def booted_at() -> float:
    """Return when the running system was booted, in seconds since 1970. psutil says the same, and takes longer to import than a check."""
    return time.time() - time.clock_gettime(_SINCE_BOOT)


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
        old = self._in_use_at_boot(_OLD + tuple(needed) + self._origin.kernels) if self._origin.booted else set()
        return tuple(
            self._system(number, paths[0], modes_of(needed, paths))._replace(booted=number in old) for number, paths in groups.items()
        )

    def _in_use_at_boot(self, paths: "Tuple[str, ...]") -> "Set[int]":
        """Return the numbers of the file systems on which one of these was before the boot: one made since was never read by GRUB."""
        numbers: Set[int] = set()
        begin = booted_at()
        for path in paths:
            try:
                status = self._root.status(path)
            except Unreadable:
                continue  # another file can be as old
            if status.st_ctime < begin:
                numbers.add(status.st_dev)
        return numbers

    def _system(self, number: int, path: str, modes: "Tuple[str, ...]") -> BootFileSystem:
        mount = covering(self._storage.fstab + self._storage.mounts, resolved(self._root, path)) or Mount("/", "", "")
        system = BootFileSystem(modes, mount.point, mount.filesystem, mount.device)
        try:
            device = self._device(number, path)
            if device is None:  # ZFS, an overlay, a container's
                return system if self._origin.assumed else system._replace(problem=Problem(path, "no device of this system holds it"))
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
