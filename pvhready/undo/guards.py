"""What must hold before anything is changed. Each guard returns why it must not be done now, in whole sentences; () for go on."""

import os

from pvhready.facts import PV, PVH, UNMOUNTED
from pvhready.findings import BOOTS, FAILS
from pvhready.judge import Report
from pvhready.records import NamedTuple
from pvhready.root import Missing, Root, Unreadable
from pvhready.undo.backups import DIRECTORY
from pvhready.undo.changes import REMOVE, Change
from pvhready.undo.writer import Folder, folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Tuple

_FIXED = 0x10 | 0x20  # chattr +i and +a (ioctl_iflags(2))
_BLOCK = 4096  # bytes, what a file takes at least
_MARGIN = 256 * 1024  # bytes that are left free on every file system: for the journal, and for names in folders
_MEGABYTE = 1024 * 1024


class _Room(NamedTuple):
    """What a file system has, and what is wanted of it; ``path`` is a folder on it."""

    path: str
    free: int
    wanted: int


def mode_now(report: Report) -> str:
    """Return the mode that the guest must be able to boot in again: the one it runs in, PV where that is not known or nothing runs."""
    return PVH if report.facts.guest.type == "PVH" else PV


def boot_is_elsewhere(report: Report) -> "Tuple[str, ...]":
    """Say that what stands at /boot is not what the guest boots from: there, what was kept of its kernels would seem to be needless."""
    if report.facts.menus[PVH].problem != UNMOUNTED:
        return ()
    return ("the guest's kernels are on a file system of its own for /boot, which is not mounted here: mount it, then run this again",)


def boots_no_more(before: Report, after: Report, mode: str, switching: bool) -> "Tuple[str, ...]":
    """Look at what boots, by a judgement of the guest as it is and one of the guest as it would be.

    ``mode`` is the one that the guest is in, ``switching``: the user says that the switch to the other one comes next.
    """
    other = PVH if mode == PV else PV
    if not _loses(before, after, mode):
        return ()
    if not switching:
        return ("after this the guest boots under {} only, and it is in {}. Add --switching if the switch comes right after it{}".format(
            other.upper(), mode.upper(), ", or --keep-pv to keep a way to boot under PV" if mode == PV else ""),)
    if after.modes[other] == FAILS:
        reasons = [finding.summary for finding in after.checks if finding.mode in (other, "both") and finding.status == "fail"]
        return ("after this the guest boots in no mode at all: under {} {}. Mend that first: pvhready plan".format(
            other.upper(), "; ".join(reasons[:2]) or "it does not come up"),)
    return ()


def _loses(before: Report, after: Report, mode: str) -> bool:
    """Whether the default entry, or the last kernel, that boots in a mode does so no longer."""
    if before.modes[mode] != FAILS and after.modes[mode] not in (BOOTS, before.modes[mode]):
        return True
    had = any(answer.modes[mode] == BOOTS for answer in before.kernels)
    return had and not any(answer.modes[mode] == BOOTS for answer in after.kernels)


def cannot_be_written(root: Root, changes: "Sequence[Change]", sizes: "Dict[str, int]") -> "Tuple[str, ...]":
    """Look at the folders and files: read-only, immutable, not enough space. ``sizes`` are the bytes of what stands at each path."""
    reasons: "List[str]" = []
    rooms: "Dict[int, _Room]" = {}
    for change in changes:
        try:
            folder, name = folder_of(root, change.path)
            with folder:
                reasons += _fixed(folder, name, change.path)
                if change.kind != REMOVE:
                    _want(rooms, folder, _size_of(change))
        except (Unreadable, OSError) as error:
            reasons.append("{} cannot be changed: {}".format(change.path, error))
    try:
        with _near_the_store(root) as folder:
            reasons += _fixed(folder)
            for change in changes:
                _want(rooms, folder, sizes.get(change.path, 0))
    except (Unreadable, OSError) as error:
        reasons.append("{} cannot be used: {}".format(DIRECTORY, error))
    return tuple(dict.fromkeys(reasons + [_too_small(room) for room in rooms.values() if room.free < room.wanted + _MARGIN]))


def _fixed(folder: Folder, name: str = "", path: str = "") -> "List[str]":
    if not folder.room()[1]:
        return ["{} is on a file system that is mounted read-only".format(folder.path)]
    if folder.flags() & _FIXED:
        return ["{} is immutable: chattr -i -a {}".format(folder.path, folder.path)]
    if path and folder.is_file(name) and folder.flags(name) & _FIXED:
        return ["{} is immutable: chattr -i -a {}".format(path, path)]
    return []


def _size_of(change: Change) -> int:
    return len(change.content) if change.saved is None else change.saved.state.size


def _want(rooms: "Dict[int, _Room]", folder: Folder, size: int) -> None:
    device = folder.status().st_dev
    room = rooms.get(device) or _Room(folder.path, folder.room()[0], 0)
    rooms[device] = room._replace(wanted=room.wanted + (size // _BLOCK + 2) * _BLOCK)


def _too_small(room: _Room) -> str:
    lacking = (room.wanted + _MARGIN - room.free) // _MEGABYTE + 1
    text = "{} MiB more must be free on the file system of {}: remove what is not needed there, such as old kernels"
    return text.format(lacking, room.path)


def _near_the_store(root: Root) -> Folder:
    """The folder of the store, or the one in which it will be made."""
    folder, name = folder_of(root, DIRECTORY)
    if not folder.has(name):
        return folder
    with folder:
        return folder.enter(name)


class PackageManagers:
    """The locks of dpkg and rpm on the running system, taken as their frontends do, so that neither starts in between."""

    _LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")

    def __init__(self, root: Root) -> None:
        """Use it in a ``with``. A guest that does not run has no package manager at work."""
        self._root = root
        self._held: "List[int]" = []
        self.busy: "Tuple[str, ...]" = ()

    def __enter__(self) -> "PackageManagers":
        if self._root.live:
            for path in self._LOCKS:
                if not self.busy:
                    self._take(path)
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._held:
            os.close(descriptor)

    def _take(self, path: str) -> None:
        import fcntl

        try:
            folder, name = folder_of(self._root, path)
            with folder:
                if not folder.has(name):
                    return
                descriptor = folder.open_lock(name)
        except Missing:
            return
        except (Unreadable, OSError) as error:
            self.busy = ("{} cannot be looked at: {}".format(path, error),)
            return
        self._held.append(descriptor)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.busy = ("a package manager is at work ({} is locked): wait for it to end".format(path),)
