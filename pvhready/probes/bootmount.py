"""Which file system a file of the boot lies on, and what is told of it: shared by the running system and a mounted one."""

from pvhready.disk.superblocks import Content
from pvhready.facts import BootFileSystem, Mount, Problem
from pvhready.records import NamedTuple
from pvhready.root import Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

    from pvhready.probes.given import Given

# What /etc/fstab has beside file systems on disks.
_NO_DISK = (
    "swap", "none", "tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "ramfs", "nfs", "nfs4", "cifs", "autofs", "bind", "overlay", "rootfs",
    "9p", "virtiofs",
)


class Origin(NamedTuple):
    """What is known of the guest beside its files. ``given`` are the devices that the user named.

    ``booted``: the host's GRUB has started this guest, from those file systems here that are as old. ``assumed``: only the user says
    what the guest is, so that the file systems here need not be those that it will boot from. ``kernels`` are the paths of all kernels.
    """

    given: "Sequence[Given]" = ()
    booted: bool = False
    assumed: bool = False
    kernels: "Tuple[str, ...]" = ()


def modes_of(needed: "Dict[str, List[str]]", paths: "Sequence[str]") -> "Tuple[str, ...]":
    return tuple(dict.fromkeys(mode for path in paths for mode in needed[path]))


def resolved(root: Root, path: str) -> str:
    try:
        return root.resolve(path)
    except Unreadable:
        return path  # the menu or the image tells what is wrong with it


def is_on_disk(mount: Mount) -> bool:
    """Whether a line of fstab, or a mount, is about a file system on a disk."""
    return mount.filesystem not in _NO_DISK and mount.point.startswith("/")


def covering(mounts: "Sequence[Mount]", path: str) -> "Optional[Mount]":
    """Return the mount that a path lies on: the one with the longest mount point, of two at one point the later."""
    best: Optional[Mount] = None
    for mount in mounts:
        point = mount.point.rstrip("/")
        if not is_on_disk(mount) or not (path == mount.point or path.startswith(point + "/")):
            continue
        if best is None or len(point) >= len(best.point.rstrip("/")):
            best = mount
    return best


def told(system: BootFileSystem, content: Content, source: str) -> BootFileSystem:
    """Return a file system with what its superblock says. One that it does not tell is a problem."""
    if content.problem or not content.filesystem:
        return system._replace(features=content.features, source=source, problem=Problem(source, content.problem or "not known"))
    return system._replace(filesystem=content.filesystem, features=content.features, read=True, source=source)
