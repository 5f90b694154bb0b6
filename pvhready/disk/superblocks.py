"""Superblocks: which file system it is, its UUID and label, and the features that whoever reads it has to know.

A feature is named ``TYPE:NAME`` with the name that the file system's own tools print. A bit without a name is
``TYPE:FIELD-0xBIT``. Layouts and names: Linux fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h,
include/uapi/linux/btrfs_tree.h and btrfs.h, include/linux/f2fs_fs.h, include/linux/swap.h.
"""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Tuple

    Reader = Callable[[int, int], bytes]  # offset and size in bytes; what it returns may be shorter

SIZE = 65536 + 4096  # bytes; the furthest superblock, that of btrfs, ends here
LUKS = "crypto_LUKS"  # what blkid calls containers
LVM = "LVM2_member"
RAID = "linux_raid_member"


class _Layout(NamedTuple):
    """Where a superblock has its magic, its UUID (16 bytes) and its label, in bytes from the start of the device."""

    name: str
    magic: bytes
    magic_at: int
    uuid_at: int
    label_at: int
    label_size: int
    size: int


_LAYOUTS = (
    _Layout("ext4", b"\x53\xef", 1080, 1128, 1144, 16, 2048),
    _Layout("xfs", b"XFSB", 0, 32, 108, 12, 264),
    _Layout("btrfs", b"_BHRfS_M", 65600, 65568, 65835, 256, 65536 + 811),
    _Layout("f2fs", b"\x10\x20\xf5\xf2", 1024, 1132, 1148, 1024, 3208),
    _Layout("swap", b"SWAPSPACE2", 4086, 1036, 1052, 16, 4096),
)


class Content(NamedTuple):
    """A file system or a container. ``filesystem`` is its type, "" when it is not known.

    ``where`` says in words where in the device it lies ("" for all of it). ``features`` are what a reader has to know
    of it and of the LVM below it. ``number`` is that of its partition, 0 for none, ``partuuid`` the partition's. ``volume``
    is (group, name) of a logical volume. ``problem`` says what could not be told.
    """

    filesystem: str
    uuid: str = ""
    label: str = ""
    features: "Tuple[str, ...]" = ()
    where: str = ""
    number: int = 0
    partuuid: str = ""
    volume: "Optional[Tuple[str, str]]" = None
    problem: str = ""


class Identity(NamedTuple):
    """A file system: ``ext4`` stands for its elders, too. ``label`` is "" when it has none."""

    filesystem: str
    uuid: str
    label: str


def file_system(read: "Reader") -> "Optional[Content]":
    """Return the file system at the start of a device; None when none is known. More than one superblock is a problem."""
    data = read(0, SIZE)
    found = identities(data)
    if not found:
        return None
    name, uuid, label = found[0]
    if len(found) > 1:
        names = " and ".join(identity.filesystem for identity in found)
        return Content("", uuid, label, problem="it has superblocks of {}".format(names))
    return Content(name, uuid, label, features(name, data))


def identities(data: bytes) -> "List[Identity]":
    """Return every file system whose superblock is there whole in the first SIZE bytes. Old swap below another is none."""
    found = _fat(data)
    for layout in _LAYOUTS:
        if data[layout.magic_at:layout.magic_at + len(layout.magic)] != layout.magic or len(data) < layout.size:
            continue
        if layout.name == "swap" and found:
            continue
        label = data[layout.label_at:layout.label_at + layout.label_size]
        if layout.name == "f2fs":
            text = label.decode("utf-16-le", "replace").split("\0", 1)[0]
        else:
            text = label.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        found.append(Identity(layout.name, written_uuid(data[layout.uuid_at:layout.uuid_at + 16]), text))
    return found


def _fat(data: bytes) -> "List[Identity]":
    """Return a FAT by its boot sector: 32, or 12 and 16 (Linux: include/uapi/linux/msdos_fs.h)."""
    for kinds, kind_at, at in (((b"FAT32   ",), 82, 67), ((b"FAT16   ", b"FAT12   "), 54, 39)):
        if data[510:512] == b"\x55\xaa" and data[kind_at:kind_at + 8] in kinds:
            serial = data[at:at + 4][::-1].hex().upper()
            label = data[at + 4:at + 15].decode("ascii", "replace").rstrip()
            return [Identity("vfat", serial[:4] + "-" + serial[4:], "" if label == "NO NAME" else label)]
    return []


def written_uuid(raw: bytes) -> str:
    """Return 16 bytes as a UUID is written."""
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def features(filesystem: str, data: bytes) -> "Tuple[str, ...]":
    """Return the features of the file system whose superblock is in ``data``; the type itself comes first."""
    readers: Dict[str, Callable[[bytes], List[str]]] = {"ext4": _ext4, "xfs": _xfs, "btrfs": _btrfs, "f2fs": _f2fs}
    names = readers[filesystem](data) if filesystem in readers else []
    return (filesystem,) + tuple("{}:{}".format(filesystem, name) for name in names)


def _little(data: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at:at + size], "little")


def _big(data: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at:at + size], "big")


def _named(value: int, names: "Dict[int, str]", field: str) -> "List[str]":
    """Return the names of the bits that are set, the lowest first."""
    bits = (1 << number for number in range(value.bit_length()))
    return [names.get(bit) or "{}-{:#x}".format(field, bit) for bit in bits if value & bit]


_EXT4_INCOMPATIBLE = {
    0x1: "compression", 0x2: "filetype", 0x4: "needs_recovery", 0x8: "journal_dev", 0x10: "meta_bg", 0x40: "extents", 0x80: "64bit",
    0x100: "mmp", 0x200: "flex_bg", 0x400: "ea_inode", 0x1000: "dirdata", 0x2000: "metadata_csum_seed", 0x4000: "large_dir",
    0x8000: "inline_data", 0x10000: "encrypt", 0x20000: "casefold",
}
_EXT4_READ_ONLY = {
    0x1: "sparse_super", 0x2: "large_file", 0x4: "btree_dir", 0x8: "huge_file", 0x10: "uninit_bg", 0x20: "dir_nlink", 0x40: "extra_isize",
    0x80: "has_snapshot", 0x100: "quota", 0x200: "bigalloc", 0x400: "metadata_csum", 0x800: "replica", 0x1000: "read-only",
    0x2000: "project", 0x4000: "shared_blocks", 0x8000: "verity", 0x10000: "orphan_present",
}
_EXT4_LARGEST = 6  # log2 of the block size in KiB: 64 KiB is the largest that there is


def _ext4(data: bytes) -> "List[str]":
    names = ["block-size"] if _little(data, 1024 + 24) > _EXT4_LARGEST else []
    if not _little(data, 1024 + 76):
        return names  # the first revision, before there were features
    names += _named(_little(data, 1024 + 96), _EXT4_INCOMPATIBLE, "incompat")
    return names + _named(_little(data, 1024 + 100), _EXT4_READ_ONLY, "ro_compat")


_XFS_INCOMPATIBLE = {
    0x1: "ftype", 0x2: "sparse", 0x4: "meta_uuid", 0x8: "bigtime", 0x10: "needsrepair", 0x20: "nrext64", 0x40: "exchange", 0x80: "parent",
    0x100: "metadir", 0x200: "zoned",
}
_XFS_READ_ONLY = {0x1: "finobt", 0x2: "rmapbt", 0x4: "reflink", 0x8: "inobtcount"}
# Version 4 has its features in the version number and a second field; GRUB takes these (grub-core/fs/xfs.c).
_XFS4_PLAIN = 0x000F | 0x0010 | 0x0020 | 0x0040 | 0x0080 | 0x0100 | 0x0400 | 0x0800 | 0x1000 | 0x2000 | 0x8000
_XFS4_PLAIN_MORE = 0x2 | 0x8 | 0x80 | 0x200
_XFS4_DIRECTORIES = 0x2000
_XFS4_MORE = 0x8000
_XFS4_NAMES = {0x200: "shared", 0x4000: "ascii-ci"}


def _xfs(data: bytes) -> "List[str]":
    version, more = _big(data, 100, 2), _big(data, 200)
    read_only, incompatible = _big(data, 212), _big(data, 216)
    if version & 0xF == 5:
        return ["v5"] + _named(incompatible, _XFS_INCOMPATIBLE, "incompat") + _named(read_only, _XFS_READ_ONLY, "ro_compat")
    if version & 0xF != 4:
        return ["version-{}".format(version & 0xF)]
    names = ["v4"] if version & _XFS4_DIRECTORIES else ["v4", "dirv1"]
    names += _named(version & ~_XFS4_PLAIN, _XFS4_NAMES, "version")
    return names + (_named(more & ~_XFS4_PLAIN_MORE, {}, "features2") if version & _XFS4_MORE else [])


_BTRFS_INCOMPATIBLE = {
    0x1: "mixed_backref", 0x2: "default_subvol", 0x4: "mixed_groups", 0x8: "compress_lzo", 0x10: "compress_zstd", 0x20: "big_metadata",
    0x40: "extended_iref", 0x80: "raid56", 0x100: "skinny_metadata", 0x200: "no_holes", 0x400: "metadata_uuid", 0x800: "raid1c34",
    0x1000: "zoned", 0x2000: "extent_tree_v2", 0x4000: "raid_stripe_tree", 0x10000: "simple_quota",
}
_BTRFS_READ_ONLY = {0x1: "free_space_tree", 0x2: "free_space_tree_valid", 0x4: "verity", 0x8: "block_group_tree"}


def _btrfs(data: bytes) -> "List[str]":
    read_only, incompatible = _little(data, 65536 + 180, 8), _little(data, 65536 + 188, 8)
    names = ["several-devices"] if _little(data, 65536 + 136, 8) > 1 else []
    return names + _named(incompatible, _BTRFS_INCOMPATIBLE, "incompat") + _named(read_only, _BTRFS_READ_ONLY, "ro_compat")


_F2FS = {
    0x1: "encrypt", 0x2: "blkzoned", 0x4: "atomic_write", 0x8: "extra_attr", 0x10: "project_quota", 0x20: "inode_checksum",
    0x40: "flexible_inline_xattr", 0x80: "quota_ino", 0x100: "inode_crtime", 0x200: "lost_found", 0x400: "verity", 0x800: "sb_checksum",
    0x1000: "casefold", 0x2000: "compression", 0x4000: "ro", 0x8000: "device_alias",
}
_F2FS_BLOCK = 12  # log2 of 4096 bytes, the only block size that GRUB has (grub-core/fs/f2fs.c)


def _f2fs(data: bytes) -> "List[str]":
    names = ["block-size"] if _little(data, 1024 + 16) != _F2FS_BLOCK else []
    return names + _named(_little(data, 1024 + 2180), _F2FS, "feature")
