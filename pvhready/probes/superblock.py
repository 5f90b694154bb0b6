"""Which file system a device or an image file holds: its type, UUID and label, from its superblock.

Offsets: Linux fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, include/uapi/linux/btrfs_tree.h, include/linux/swap.h.
"""

import os

from pvhready.errors import CommandError, UsageError
from pvhready.facts import Storage
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Sequence


class _Layout(NamedTuple):
    """Where a superblock has its magic, its UUID (16 bytes) and its label, in bytes from the start of the device."""

    name: str
    magic: bytes
    magic_at: int
    uuid_at: int
    label_at: int
    label_size: int


_LAYOUTS = (
    _Layout("ext4", b"\x53\xef", 1080, 1128, 1144, 16),
    _Layout("xfs", b"XFSB", 0, 32, 108, 12),
    _Layout("btrfs", b"_BHRfS_M", 65600, 65568, 65835, 256),
    _Layout("swap", b"SWAPSPACE2", 4086, 1036, 1052, 16),
)
_SIZE = 65536 + 4096  # the furthest superblock, that of btrfs, ends here


class Identity(NamedTuple):
    """A file system: ``ext4`` stands for its elders, too. ``label`` is "" when it has none."""

    filesystem: str
    uuid: str
    label: str


def read_device(path: str) -> "Optional[Identity]":
    """Return what the device or image at ``path`` (a path of this machine, not of the guest) holds; None for nothing known.

    Raises CommandError when it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return parse_superblock(os.pread(descriptor, _SIZE, 0))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CommandError("{} cannot be read: {}".format(path, (error.strerror or str(error)).lower())) from error


def known_devices(storage: Storage, paths: "Sequence[str]") -> Storage:
    """Return ``storage`` with the file systems on devices or images that the user named. Raises CommandError, UsageError."""
    uuids: "Dict[str, str]" = {}
    labels: "Dict[str, str]" = {}
    for path in paths:
        identity = read_device(path)
        if identity is None:
            raise UsageError("{} holds no file system that is known: ext2 to ext4, xfs, btrfs and swap are".format(path))
        uuids[identity.uuid] = path
        if identity.label:
            labels[identity.label] = path
    return storage._replace(uuids=uuids, labels=labels) if paths else storage


def parse_superblock(data: bytes) -> "Optional[Identity]":
    """Return what the first bytes of a device (68 KiB are enough) say."""
    for layout in _LAYOUTS:
        if data[layout.magic_at:layout.magic_at + len(layout.magic)] != layout.magic:
            continue
        raw = data[layout.uuid_at:layout.uuid_at + 16].hex()
        uuid = "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
        label = data[layout.label_at:layout.label_at + layout.label_size].split(b"\0", 1)[0]
        return Identity(layout.name, uuid, label.decode("utf-8", "surrogateescape"))
    return None
