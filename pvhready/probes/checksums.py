"""Checksums of files that decide the boot, against those that their packages shipped: the cheapest proof that a file is whole.

A kernel of 8 MB takes some 15 ms, once: what a file's checksum is, is remembered for as long as the file does not change.
"""

from pvhready.facts import Checksum, Kernel
from pvhready.root import Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    from pvhready.memory.results import Memory
    from pvhready.probes.packages import Owners
    from pvhready.root import Root

_KIND = "checksum"
_MAX_SIZE = 256 << 20  # bytes of a file
_STEP = 1 << 18
_COPIED = "/usr/lib/modules/{}/vmlinuz"  # Debian 14's and Fedora's image in /boot is a copy of this one


def read_checksums(root: "Root", kernel: Kernel, owners: "Owners", memory: "Optional[Memory]" = None) -> "Tuple[Checksum, ...]":
    """Return the checksums of a kernel's image and configuration, of those that a package is known to ship.

    A kernel that stands decompressed is known to be none of its package's, and is left out. So is what cannot be read, and what this
    machine has no algorithm for (md5 under FIPS 140): no proof either way.
    """
    found = []
    if kernel.image.container in ("bzimage", "gzipped-bzimage") and not kernel.image.problem:
        found.append(_compare(root, kernel.path, _shipped_as(kernel), owners, memory))
    source = kernel.config.source
    if source and not source.startswith("/proc/"):
        found.append(_compare(root, source, (source,), owners, memory))
    return tuple(one for one in found if one)


def has_checksum(kernel: Kernel) -> bool:
    """Whether the image was held against its package's checksum."""
    return any(one.path in kernel.names for one in kernel.checksums)


def is_pristine(kernel: Kernel) -> bool:
    """Whether the image is known to be the one that its package shipped, to the last byte."""
    return has_checksum(kernel) and all(one.actual == one.expected for one in kernel.checksums if one.path in kernel.names)


def _shipped_as(kernel: Kernel) -> "Tuple[str, ...]":
    """Return the paths under which packages ship the image."""
    named = kernel.named_release
    return (kernel.path, _COPIED.format(named)) if named and kernel.path == "/boot/vmlinuz-" + named else (kernel.path,)


def _compare(
    root: "Root", path: str, names: "Tuple[str, ...]", owners: "Owners", memory: "Optional[Memory]",
) -> "Optional[Checksum]":
    for name in names:
        known = owners.checksum(name)
        if known:
            package, algorithm, expected = known
            actual = _digest(root, path, algorithm, memory)
            return Checksum(path, package, algorithm, expected, actual) if actual else None
    return None


def _digest(root: "Root", path: str, algorithm: str, memory: "Optional[Memory]") -> "Optional[str]":
    try:
        with root.open(path) as file:
            known = memory.recall(_KIND, file.stamp) if memory is not None else None
            if known is not None and len(known) == 2 and known[0] == algorithm:
                return known[1]
            if file.size > _MAX_SIZE:
                return None
            import hashlib

            digest = hashlib.new(algorithm)
            offset = 0
            while offset < file.size:
                part = file.read_at(offset, _STEP)
                if not part:
                    return None  # it has become shorter
                digest.update(part)
                offset += len(part)
            if memory is not None:
                memory.remember(_KIND, file.stamp, (algorithm, digest.hexdigest()))
            return digest.hexdigest()
    except (Unreadable, ValueError):
        return None
