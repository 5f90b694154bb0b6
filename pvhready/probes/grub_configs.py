"""Which of the guest's configurations the host's GRUB finds.

GRUB's paths begin at the top of one file system: with a /boot of its own, /boot/grub/grub.cfg is /grub/grub.cfg there,
and in a btrfs subvolume @rootfs it is /@rootfs/boot/grub/grub.cfg (measured with grub-fstest on btrfs).
"""

from pvhready.answers import NO, UNKNOWN, YES
from pvhready.devicenames import xen_order
from pvhready.facts import UNMOUNTED, Problem, Storage
from pvhready.grub.devices import NotKnown
from pvhready.host import Host
from pvhready.probes.filesystems import file_systems
from pvhready.probes.grub_devices import HOME, GuestDevices
from pvhready.records import NamedTuple
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

_ANY = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")


class Found(NamedTuple):
    """A configuration by the guest's path. ``condition``: what it depends on that the host finds it, "" when that is certain."""

    path: str
    devices: GuestDevices
    condition: str = ""
    assumption: str = ""


class Search(NamedTuple):
    """What the host finds: several where it is not known which one it takes. ``problem``: why it finds nothing, or what is unreadable."""

    found: "Tuple[Found, ...]" = ()
    problem: "Optional[Problem]" = None
    assumptions: "Tuple[str, ...]" = ()


def find_configs(root: Root, host: Host, storage: Storage, booted: bool) -> Search:
    """Return the configurations that the host finds. ``booted``: the host has started this guest from these very file systems."""
    separate = _boot_is_separate(storage)
    assumptions: List[str] = []
    paths = _paths(root, host)
    if separate and _boot_is_unmounted(root, storage):
        if root.live or storage.mounts or root.is_mount_point or not (paths or any(root.exists(path) for path in _ANY)):
            return Search(problem=UNMOUNTED)
        assumptions.append("/boot is taken for the file system of its own that /etc/fstab speaks of, although none is mounted here")
    if not paths and not separate and not root.live and _boot_is_empty(root):
        return Search(problem=UNMOUNTED)  # systemd mounts a partition of the type for it, without a word in any file
    found: List[Found] = []
    problem = Problem(next(iter(host.configs), _ANY[0]), "no such file or directory")
    for path in paths:
        place, reason = _look(root, host, storage, path, booted)
        if place:
            found.append(place)
        elif reason:
            problem = Problem(path, reason)
    taken = _taken(host, found) + _on_other_disks(root, host, storage, found)
    return Search(tuple(_behind_unmounted(place, storage) for place in taken), None if taken else problem, tuple(assumptions))


def _paths(root: Root, host: Host) -> "List[str]":
    """Return the guest's paths that the host's may mean, each file once."""
    files: List[str] = []
    paths: List[str] = []
    for path in [guest for config in host.configs for guest in (config, "/boot" + config)]:
        if path in paths or not root.exists(path):
            continue
        try:
            file = root.resolve(path)
        except Unreadable:
            file = path
        if file not in files:
            files.append(file)
            paths.append(path)
    return paths


def _is_reached(devices: GuestDevices, path: str) -> bool:
    """Whether GRUB gets to a file on its first device; where that cannot be told, reading it says why."""
    try:
        return devices.information(HOME, path) is not None
    except NotKnown:
        return True


def _look(root: Root, host: Host, storage: Storage, path: str, booted: bool) -> "Tuple[Optional[Found], str]":
    """Return what the host finds under a path of the guest, and otherwise why it does not, "" when there is no more to say."""
    devices = GuestDevices(root, storage, path, memdisk=True)
    own = devices.home_path(path)
    if not _is_reached(devices, own):
        return None, "its symbolic links leave its file system, which GRUB cannot follow"
    condition = "the host's GRUB looks for " + own
    subvolume = devices.subvolume(path)
    answer = NO if subvolume == "?" else host.configs.get(own, NO)
    if answer != NO:
        return Found(path, devices, condition if answer == UNKNOWN else "", _nothing_below_boot(host, path, own)), ""
    if path not in host.configs:
        return None, ""
    if subvolume and booted:
        return Found(path, devices, "", path + " is taken to be found in its btrfs subvolume: the host has started this guest"), ""
    if subvolume and host.exact_configs:
        return None, "in btrfs subvolume {}: GRUB has another path for it, where the host does not look".format(subvolume)
    if subvolume:
        condition = "the host's GRUB looks into btrfs subvolume " + subvolume
        return Found(path, devices, condition, "it is not known whether the host's GRUB looks into btrfs subvolumes"), ""
    if host.exact_configs:
        return None, ""
    more = "the host is taken to look for {} on a /boot of its own, too, where that is {}".format(path, own)
    return Found(path, devices, condition if host.configs[path] == UNKNOWN else "", more), ""


def _nothing_below_boot(host: Host, path: str, own: str) -> str:
    """Return what is taken for granted of the folder /boot below the mount there: nobody can look into it, and GRUB does."""
    if path == own or not host.exact_configs:
        return ""
    return "the file system of / is taken to have no {} of its own, hidden below /boot: the host's GRUB would take that first".format(path)


def _taken(host: Host, found: "List[Found]") -> "Tuple[Found, ...]":
    """Return the ones that the host may take: the first in its order, all that it surely looks for where that is not known."""
    if host.exact_configs:
        order = list(host.configs)
        return tuple(sorted(found, key=lambda place: order.index(_own(place)) if _own(place) in order else len(order))[:1])
    sure = tuple(place for place in found if YES in (host.configs.get(place.path), host.configs.get(_own(place))))
    return sure or tuple(found[:1])


def _on_other_disks(root: Root, host: Host, storage: Storage, found: "List[Found]") -> "Tuple[Found, ...]":
    """Return configurations that GRUB may come to before these: it searches the guest's disks, one after the other, for each path.

    So it does with an old disk that has become a second one, or a copy of all files on one (grub-xen-host: grub-bootstrap.cfg; GRUB:
    commands/search.c). Of two disks it is taken for granted that GRUB comes to /dev/xvda first.
    """
    others: List[Found] = []
    own = ["/", "/boot"] + [mount.point for mount in storage.fstab if "automount" in mount.options]  # a look into which would mount it
    for point in [point for system in file_systems(storage) for point, _ in system.points if point not in own]:
        for config in [config for config in host.configs if root.exists(point + config)]:
            devices = GuestDevices(root, storage, point + config, memdisk=True)
            if devices.home_path(point + config) == config and _is_reached(devices, config):
                others.append(Found(point + config, devices))
    return tuple(place for place in others if all(_may_precede(host, place, own) for own in found))


def _behind_unmounted(place: Found, storage: Storage) -> Found:
    """Return a configuration with the condition that GRUB finds none on the file systems before it into which nobody can look."""
    own = place.devices.home_order()
    before = [name for name in storage.unmounted if own is None or (xen_order(name) or own) < own]
    if not before:
        return place
    condition = "GRUB finds no grub.cfg on {}, which it comes to first and which is not mounted here".format(", ".join(before))
    return place._replace(condition="{} and {}".format(place.condition, condition) if place.condition else condition)


def _may_precede(host: Host, place: Found, own: Found) -> bool:
    order = list(host.configs)
    paths = order.index(_own(place)), order.index(_own(own)) if _own(own) in order else len(order)
    if paths[0] != paths[1]:
        return not host.exact_configs or paths[0] < paths[1]
    first, second = place.devices.home_order(), own.devices.home_order()
    return first is None or second is None or first < second


def _own(place: Found) -> str:
    return place.devices.home_path(place.path)


def _boot_is_separate(storage: Storage) -> bool:
    """Whether /etc/fstab, or a unit of systemd's, has a file system for /boot that is not the one for /."""
    if not any(mount.point.rstrip("/") == "/boot" for mount in storage.fstab):
        return False
    mounted = [[point for point, _ in system.points] for system in file_systems(storage)]
    return any("/boot" in points and "/" not in points for points in mounted)


def _boot_is_unmounted(root: Root, storage: Storage) -> bool:
    """Whether what is at /boot lies on the file system of /; False when that cannot be told."""
    if any(mount.point.rstrip("/") == "/boot" for mount in storage.mounts):
        return False
    try:
        return root.status("/boot").st_dev == root.status("/").st_dev
    except Missing:
        return True
    except Unreadable:
        return False


def _boot_is_empty(root: Root) -> bool:
    """Whether /boot waits for a mount: systemd-gpt-auto-generator(8) takes an empty folder only. Kernels lie elsewhere, too."""
    try:
        return not set(root.names("/boot")) - {"efi", "lost+found"} and any(
            root.exists("{}/{}/vmlinuz".format(folder, release)) for folder in ("/usr/lib/modules", "/lib/modules")
            for release in (root.names(folder) if root.is_directory(folder) else ()))
    except Unreadable:
        return False
