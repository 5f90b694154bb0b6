"""The root's file system: has the kernel its driver, and does rootfstype= let it be mounted?"""

from pvhready.cmdline import Argument, last
from pvhready.facts import Entry, Facts, Kernel, Mount, Storage
from pvhready.findings import FAIL, INFO, UNKNOWN, Finding
from pvhready.rules import remedies
from pvhready.rules.initramfs import holds, is_proved
from pvhready.rules.rootdriver import EXT4, FILE_SYSTEM_SYMBOLS, FILE_SYSTEMS, judge_driver, on_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple

# What ext4's driver does not load without, where that is a module of its own (Linux: fs/ext4/Kconfig).
_LIBRARIES = (("JBD2", "jbd2"), ("FS_MBCACHE", "mbcache"))
# The names by which a file system can be mounted, where its own is not the only one. By an elder's name ext4's driver refuses what
# has a feature that the elder lacks, and ext3 without its journal (Linux: fs/ext4/super.c, ext2_feature_set_ok, ext3_feature_set_ok).
_MOUNTED_AS = {"ext3": ("ext3", "ext4"), "ext2": ("ext2", "ext4")}
SYMBOLS = FILE_SYSTEM_SYMBOLS.union(symbol for symbol, _ in _LIBRARIES)


def judge_file_system(arguments: "Tuple[Argument, ...]", entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "Iterator[Finding]":
    """Return the findings on the root's file system, by the arguments that an entry's kernel or initramfs gets."""
    yield from _against_type(arguments, entry, mode, facts)
    filesystems = _file_systems(arguments, facts.storage)
    for filesystem in filesystems:
        for finding in _of_file_system(filesystem, arguments, entry, kernel, mode, facts):
            # Which of several it is nobody knows.
            yield finding._replace(status=UNKNOWN) if len(filesystems) > 1 and finding.status == FAIL else finding


def _of_file_system(
    filesystem: str, arguments: "Tuple[Argument, ...]", entry: Entry, kernel: Kernel, mode: str, facts: Facts
) -> "Iterator[Finding]":
    if filesystem in FILE_SYSTEMS:
        yield from judge_driver(filesystem, FILE_SYSTEMS[filesystem], arguments, entry, kernel, mode, facts)
        for symbol, module in _libraries(FILE_SYSTEMS[filesystem], entry, kernel, facts):
            yield from judge_driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts)
    elif filesystem not in ("", "auto"):
        summary = "whether this kernel has {}, which the root needs, is not judged".format(filesystem)
        yield Finding("root-driver", INFO, mode, entry.title, summary)


def _libraries(drivers: "Tuple[Tuple[str, str], ...]", entry: Entry, kernel: Kernel, facts: Facts) -> "Tuple[Tuple[str, str], ...]":
    """What ext4's driver needs, where no other can serve the root: before Linux 4.3 ext3 and ext2 may have their own."""
    values = kernel.config.values
    others = [(symbol, module) for symbol, module in drivers if (symbol, module) != EXT4]
    if EXT4 not in drivers or any(values.get(symbol) == "y" or holds(entry, kernel, module, facts) for symbol, module in others):
        return ()
    return tuple((symbol, module) for symbol, module in _LIBRARIES if values.get(symbol) == "m")


def _against_type(arguments: "Tuple[Argument, ...]", entry: Entry, mode: str, facts: Facts) -> "Iterator[Finding]":
    """rootfstype= that names another file system than the root is known to be: it would not be mounted."""
    text, named = _named_types(arguments)
    known = _known_type(facts.storage)
    if not text or is_proved(entry, facts):
        return
    reason = ""
    if not named and not entry.initrd:
        # The kernel tries this very name, and no other (Linux: init/do_mounts.c, split_fs_names).
        reason = "a word for an initramfs, and this entry has none"
    elif named and known not in ("", "auto", "none", "rootfs", "overlay") and not any(_is_mounted_as(name, known) for name in named):
        reason = "and the root is {}".format(known)
    if reason:
        summary = "{}, {}: it would not be mounted".format(text, reason)
        fix = remedies.remove_argument(facts.guest, text, entry)
        yield on_entry("root-file-system", UNKNOWN, mode, entry, summary, text, fix)


def _is_mounted_as(name: str, known: str) -> bool:
    """Whether a file system that is known to be one of these can be mounted by this name."""
    return any(name in _MOUNTED_AS.get(kind, (kind,)) for kind in known.split(","))


def _file_systems(arguments: "Tuple[Argument, ...]", storage: Storage) -> "Tuple[str, ...]":
    """The file systems that the root may be. Of those that rootfstype= names it takes what the root is known to be."""
    known = _known_type(storage)
    _, named = _named_types(arguments)
    return tuple(name for name in named if _is_mounted_as(name, known)) or named or tuple(known.split(","))


def _named_types(arguments: "Tuple[Argument, ...]") -> "Tuple[str, Tuple[str, ...]]":
    """rootfstype= as it is written, and the file systems that it names, none where it leaves them open."""
    named = last(arguments, "rootfstype")
    if named is None or not named.value:
        return "", ()
    return named.text, () if named.value == "auto" else tuple(named.value.split(","))


def _known_type(storage: Storage) -> str:
    return mounted_type(storage.mounts) or mounted_type(storage.fstab)


def mounted_type(mounts: "Tuple[Mount, ...]") -> str:
    """Return the type of the file system at / among mounts, "" where none is there."""
    return next((mount.filesystem for mount in reversed(mounts) if mount.point == "/"), "")
