"""Whether the running guest has proved its initramfs: it came up from this very file, so the file holds what it takes."""

import stat

from pvhready.facts import PV, PVH, Entry, Guest, Initramfs, Kernel, Problem
from pvhready.probes.guest import boot_time
from pvhready.probes.initramfs import MAX_SECONDS, read_initramfs
from pvhready.root import Root, Stamp, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import FrozenSet, List, Optional, Sequence, Tuple

    from pvhready.memory.results import Memory

_KIND = "proof"


def read_or_prove(
    root: Root, path: str, guest: Guest, users: "Sequence[Tuple[Entry, Kernel]]", rivals: "Sequence[Entry]" = (),
    memory: "Optional[Memory]" = None, vital: "Optional[FrozenSet[str]]" = None, seconds: float = MAX_SECONDS,
) -> Initramfs:
    """Return an initramfs as proved, unread, where the guest runs from it; else what ``read_initramfs`` says.

    ``users`` are the entries that name it, with their kernels: it is proved only when it is for every one. ``rivals`` are
    the entries of the menus. ``vital`` are the modules that matter most, ``seconds`` is the time there is for reading.
    """
    try:
        status = root.status(path)  # not opened: a proof needs no right to read it
    except Unreadable as error:
        return Initramfs(path, problem=Problem(path, error.reason))
    images = [image for image in (_status(root, kernel.path) for _, kernel in users) if image is not None]
    stamp = Stamp(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if not stat.S_ISREG(status.st_mode) or len(images) < len(users):
        return read_initramfs(root, path, memory, seconds, vital)
    claims = tuple(text for entry, kernel in users for text in (kernel.release or "", entry.cmdline, " ".join(entry.initrd)))
    claims += tuple("{} {}".format(image.st_ino, image.st_ctime_ns) for image in images)
    if memory is not None and memory.recall(_KIND, stamp) == (guest.type or "",) + claims:
        return Initramfs(path, proved="the guest came up in {} from this very file before".format(guest.type))
    if guest.boot_time is None and all(_runs_from(guest, kernel.release, entry, stamp, rivals) for entry, kernel in users):
        guest = guest._replace(boot_time=boot_time())
    # A kernel that was built anew under its old release is another one: what it had built in may be a module now.
    changed = max([max(image.st_mtime_ns, image.st_ctime_ns) for image in images], default=0)
    proofs = [running_proof(guest, kernel.release, entry, stamp, rivals, changed) for entry, kernel in users]
    if not proofs or not all(proofs):
        return read_initramfs(root, path, memory, seconds, vital)
    if memory is not None:
        memory.remember(_KIND, stamp, (guest.type or "",) + claims)
    return Initramfs(path, proved=proofs[0])


def _status(root: Root, path: str) -> "Optional[os.stat_result]":
    try:
        return root.status(path)
    except Unreadable:
        return None  # an image that cannot be looked at proves nothing


def running_proof(
    guest: Guest, release: "Optional[str]", entry: Entry, stamp: Stamp, rivals: "Sequence[Entry]" = (), changed: int = 0,
) -> "Optional[str]":
    """Say in a few words why this initramfs is known to bring the guest up, or None where that is not known.

    ``release`` is that of the entry's kernel, ``stamp`` the present state of the initramfs. ``rivals`` are the other entries
    of the menu: one that starts the same kernel in the same way with another initramfs may be the one that was booted. ``changed``
    is when the kernel's image was, in nanoseconds since 1970.
    """
    if not _runs_from(guest, release, entry, stamp, rivals):
        return None
    if guest.boot_time is None or max(stamp.mtime, stamp.ctime, changed) >= guest.boot_time * 1e9:
        return None
    return "the guest runs in {} from this very file".format((guest.type or "").upper())


def _runs_from(guest: Guest, release: "Optional[str]", entry: Entry, stamp: Stamp, rivals: "Sequence[Entry]") -> bool:
    """Whether the running kernel was started by this entry, as far as names and arguments tell."""
    if guest.assumed or guest.type is None or guest.type.lower() not in (PV, PVH):
        return False
    if not release or release != guest.running_release or stamp.path not in entry.initrd:
        return False
    if guest.running_cmdline is None or not _booted_by(guest, entry):
        return False
    return not any(rival.initrd != entry.initrd and _booted_by(guest, rival) for rival in rivals)


def _booted_by(guest: Guest, entry: Entry) -> bool:
    """Whether the running kernel's command line is the entry's.

    Under PVH GRUB puts BOOT_IMAGE= and the kernel's path before it (loader/i386/linux.c), under PV it does not (loader/i386/xen.c).
    Without it a kernel in PVH was started by something else than GRUB, perhaps with an initramfs of its own.
    """
    words = (guest.running_cmdline or "").split()
    if entry.kernel is None or not words:
        return False
    if words[0].startswith("BOOT_IMAGE="):
        if words[0].rpartition("/")[2] != entry.kernel.rpartition("/")[2]:
            return False
    elif (guest.type or "").lower() != PV:
        return False
    return _arguments(words) == _arguments(entry.cmdline.split())


def _arguments(words: "List[str]") -> "List[str]":
    return [word for word in words if not word.startswith(("BOOT_IMAGE=", "initrd="))]
