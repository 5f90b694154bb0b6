"""What a host's GRUB reads: file systems with their features, and the layers below them, as data for the profiles in host.py.

A feature is named as in disk/superblocks.py ("ext4:inline_data"), a file system by its type ("ext4"), a layer as "lvm:thin",
"luks2:argon2id" or "md:raid1". "cryptomount" stands for a GRUB that opens encrypted containers before it looks for grub.cfg.

Sources: GRUB grub-core/fs/ext2.c (EXT2_DRIVER_SUPPORTED_INCOMPAT, EXT2_DRIVER_IGNORED_INCOMPAT), xfs.c (XFS_SB_FEAT_INCOMPAT_SUPPORTED),
btrfs.c, f2fs.c, grub-core/disk/lvm.c, luks.c and luks2.c of 2.06, 2.12 and 2.14; Debian's patches to them; boots under Xen; and file
systems made by their mkfs that grub-fstest of Debian 11 (2.06-3, u6 and u7), 12 (2.06-13), 13 (2.12-9) and sid (2.14-4) read or refused.
"""

from pvhready.answers import NO, UNKNOWN, YES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, Tuple


def _all(prefix: str, names: str) -> "FrozenSet[str]":
    return frozenset("{}:{}".format(prefix, name) for name in names.split())


# Every GRUB that knows Xen's PVH (2.04 and newer) reads these.
_ALWAYS = frozenset(("ext4", "xfs", "btrfs", "vfat", "luks1")).union(
    _all("ext4", "filetype needs_recovery meta_bg extents 64bit mmp flex_bg encrypt"),
    # GRUB does not look at these: they matter to whoever writes.
    _all("ext4", "sparse_super large_file btree_dir huge_file uninit_bg dir_nlink extra_isize quota metadata_csum project verity"),
    _all("ext4", "orphan_present"),
    _all("xfs", "v5 ftype sparse meta_uuid finobt rmapbt reflink inobtcount"),
    _all("btrfs", "mixed_backref default_subvol mixed_groups compress_lzo compress_zstd big_metadata extended_iref raid56 skinny_metadata"),
    _all("btrfs", "no_holes metadata_uuid simple_quota free_space_tree free_space_tree_valid block_group_tree several-devices"),
    # Measured with Debian's four releases; fs/f2fs.c has not changed in what it knows since it came with 2.04.
    _all("f2fs", "encrypt quota_ino lost_found verity sb_checksum casefold"),
    _all("lvm", "linear striped mirror raid1 raid4 raid5 raid6"),
    _all("md", "linear raid0 raid1 raid4 raid5 raid6 raid10"),
)
# No GRUB up to 2.14 reads these.
_NEVER = frozenset(("bcachefs",)).union(
    _all("ext4", "compression journal_dev ea_inode dirdata inline_data casefold bigalloc block-size"),
    _all("xfs", "dirv1 ascii-ci"),
    _all("f2fs", "extra_attr"),
    _all("lvm", "thin thin-pool vdo vdo-pool raid0 raid0_meta raid10 writecache"),
)
_RELEASES = ("2.04", "2.06", "2.12", "2.14")
# The first release that reads it.
_SINCE = {
    "ext4:metadata_csum_seed": "2.12",
    "ext4:large_dir": "2.12",
    "xfs:bigtime": "2.06",
    "xfs:needsrepair": "2.06",
    "xfs:nrext64": "2.12",
    "xfs:exchange": "2.14",
    "xfs:parent": "2.14",
    "xfs:metadir": "2.14",
    "btrfs:raid1c34": "2.06",
    "luks2:pbkdf2": "2.06",
    "luks2:argon2i": "2.14",
    "luks2:argon2id": "2.14",
    "lvm:cache": "2.06",
    "lvm:cache+CACHE_USES_CACHEVOL": "2.14",
    "lvm:integrity": "2.14",
}
# 2.06 as released takes the inodes of the older xfs for longer than they are (mended in fs/xfs.c after it; Debian has the patch).
_BROKEN = {"xfs:v4": ("2.06",)}

# What differs from the release that a profile is built from. Debian's images hold every module; what they run at the start has no
# cryptomount, so that nothing in an encrypted container is ever found.
_DEBIAN = {"f2fs": YES, "xfs:v4": YES, "cryptomount": NO}
_OWN: "Dict[str, Tuple[str, Dict[str, str]]]" = {
    # Its last update, by the long-term support (2.06-3~deb11u7), has taken over nrext64: whether a host has that is not known.
    "debian-11": ("2.06", dict(_DEBIAN, **{"xfs:nrext64": UNKNOWN})),
    "debian-12": ("2.06", dict(_DEBIAN, **{"ext4:metadata_csum_seed": YES, "ext4:large_dir": YES, "xfs:nrext64": YES})),
    "debian-13": ("2.12", _DEBIAN),
    "debian-sid": ("2.14", _DEBIAN),
}


def reads(profile: str, grub: str, feature: str) -> str:
    """Return yes, no or unknown: does GRUB of release ``grub`` ("" when not known) read ``feature`` on hosts of this profile?"""
    release, own = _OWN.get(profile, (grub, {}))
    if feature in own:
        return own[feature]
    if release not in _RELEASES:
        answers = {_release_reads(one, feature) for one in _RELEASES}
        return answers.pop() if len(answers) == 1 else UNKNOWN
    answer = _release_reads(release, feature)
    # Other distributions' patches are not known; what no release reads, they do not read either.
    return UNKNOWN if answer == NO and not profile.startswith(("debian", "upstream")) and feature not in _NEVER else answer


def _release_reads(release: str, feature: str) -> str:
    if feature in _ALWAYS:
        return YES
    if feature in _NEVER:
        return NO
    if feature in _BROKEN:
        return NO if release in _BROKEN[feature] else YES
    if feature in _SINCE:
        return YES if _RELEASES.index(release) >= _RELEASES.index(_SINCE[feature]) else NO
    return UNKNOWN
