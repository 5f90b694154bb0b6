"""The root device: does ``root=`` name something that will be there, and has the kernel what its file system needs?"""

from pvhready.cmdline import Argument, last, parse, parse_all
from pvhready.devicenames import FOREIGN, contradict, device_of, is_plausible, layer_of, parse_spec
from pvhready.facts import Entry, Facts, Kernel, Mount, Storage
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, Remedy, hint
from pvhready.records import NamedTuple
from pvhready.rules import newkernel, remedies
from pvhready.rules.cmdline import effective_line, kept_out
from pvhready.rules.config import conflict_on
from pvhready.rules.initramfs import SYMBOLS as INITRAMFS_SYMBOLS
from pvhready.rules.initramfs import holds, is_damaged, is_kept_out, is_proved, why_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple

# What the kernel finds without any program's help (Linux: block/early-lookup.c), of what a Xen guest can have.
_FOUND_BY_KERNEL = ("/dev/xvd", "PARTUUID=", "PARTLABEL=") + FOREIGN
_EXT4 = ("EXT4_FS", "ext4")
# File system to its symbol and module; the ext4 driver serves its elders too.
_FILE_SYSTEMS = {
    "ext4": (_EXT4,),
    "ext3": (_EXT4, ("EXT3_FS", "ext3")),
    "ext2": (_EXT4, ("EXT2_FS", "ext2")),
    "xfs": (("XFS_FS", "xfs"),),
    "btrfs": (("BTRFS_FS", "btrfs"),),
    "f2fs": (("F2FS_FS", "f2fs"),),
    "jfs": (("JFS_FS", "jfs"),),
    "reiserfs": (("REISERFS_FS", "reiserfs"),),
    "zfs": (("ZFS", "zfs"),),
}
# What ext4's driver does not load without, where that is a module of its own (Linux: fs/ext4/Kconfig).
_LIBRARIES = (("JBD2", "jbd2"), ("FS_MBCACHE", "mbcache"))
# The names by which a file system can be mounted, where its own is not the only one. By an elder's name ext4's driver refuses what
# has a feature that the elder lacks, and ext3 without its journal (Linux: fs/ext4/super.c, ext2_feature_set_ok, ext3_feature_set_ok).
_MOUNTED_AS = {"ext3": ("ext3", "ext4"), "ext2": ("ext2", "ext4")}
# What a layer below the file system takes. Each driver of a layer is needed, while one of a file system's will do.
_MAPPER = ("BLK_DEV_DM", "dm_mod")
_LAYERS = {"lvm": (_MAPPER,), "crypt": (_MAPPER, ("DM_CRYPT", "dm_crypt")), "multipath": (_MAPPER,), "md": (("BLK_DEV_MD", "md_mod"),)}
# A RAID's level, as /sys says it, to its driver (Linux: drivers/md/Kconfig).
_LEVELS = {
    "linear": ("MD_LINEAR", "linear"),
    "raid0": ("MD_RAID0", "raid0"),
    "raid1": ("MD_RAID1", "raid1"),
    "raid10": ("MD_RAID10", "raid10"),
    "raid4": ("MD_RAID456", "raid456"),
    "raid5": ("MD_RAID456", "raid456"),
    "raid6": ("MD_RAID456", "raid456"),
}
_FILE_SYSTEM_SYMBOLS = frozenset(symbol for drivers in _FILE_SYSTEMS.values() for symbol, _ in drivers)
_WHOLE = _FILE_SYSTEM_SYMBOLS.union(INITRAMFS_SYMBOLS)  # a configuration that mentions none of these is a short one
SYMBOLS = tuple(
    sorted(
        _FILE_SYSTEM_SYMBOLS
        | {symbol for drivers in _LAYERS.values() for symbol, _ in drivers}
        | {symbol for symbol, _ in _LEVELS.values()}
        | {symbol for symbol, _ in _LIBRARIES}
    )
)


class _Root(NamedTuple):
    kind: str
    value: str
    text: str


def judge_root_device(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return the findings on the root device of an entry and on the drivers that it needs."""
    if why_none(entry, kernel, mode, facts) is not None:
        entry = entry._replace(initrd=())
    # An initramfs reads the whole of /proc/cmdline, with what stands after --.
    arguments = (parse_all if entry.initrd else parse)(effective_line(entry, kernel, mode)[0])
    named = last(arguments, "root")
    text = (named.value if named else None) or ""
    if text in ("", "fstab"):  # root=fstab: systemd's initramfs has the name inside (NixOS)
        return [_no_root(entry, arguments, mode, facts)]
    kind, value = parse_spec(text)
    root = _Root(kind, value, text)
    findings = [_ambiguous(arguments, entry, mode, facts) or _device(root, entry, mode, facts)]
    return findings + list(_drivers(root, arguments, entry, kernel, mode, facts))


def _no_root(entry: Entry, arguments: "Tuple[Argument, ...]", mode: str, facts: Facts) -> Finding:
    if is_proved(entry, facts):
        return _finding("root-device", PASS, mode, entry, "the guest runs from this command line and initramfs now", "")
    init = last(arguments, "init")
    if init and (init.value or "").startswith("/nix/store/"):
        return _finding("root-device", PASS, mode, entry, "named in the initramfs, as NixOS does", init.text)
    return _finding("root-device", UNKNOWN, mode, entry, "no root= on the command line: what will be mounted cannot be told", "")


def _ambiguous(arguments: "Tuple[Argument, ...]", entry: Entry, mode: str, facts: Facts) -> "Optional[Finding]":
    """The last root= counts. Where nobody can look it up, two that differ are a contradiction."""
    named = sorted({argument.value or "" for argument in arguments if argument.name == "root"})
    if len(named) < 2 or facts.root == "/":
        return None
    summary = "root= is there more than once, and not with the same device: {}".format(", ".join(named))
    return _finding("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + named[0])


def _device(root: _Root, entry: Entry, mode: str, facts: Facts) -> Finding:
    if not entry.initrd and not root.text.startswith(_FOUND_BY_KERNEL):
        return _without_initramfs(root, entry, mode, facts)
    if root.text.startswith(FOREIGN):
        summary = "{} will not be there: the disks of a Xen guest are called xvd*".format(root.text)
        fix = (hint("Name the root file system by UUID= or as /dev/xvd*, in /etc/default/grub and /etc/fstab."),) + remedies.regenerate(
            facts.guest
        )
        return _finding("root-device-name", FAIL, mode, entry, summary, "root=" + root.text, fix)
    known = device_of(root.text, facts.storage)
    contradiction = _against_fstab(root, entry, mode, facts.storage) if facts.root != "/" else None
    if contradiction:
        return contradiction
    if known is None:
        return _unknown_device(root, entry, mode, facts)
    if not known:
        summary = "{} is not there: nothing on this system has it".format(root.text)
        return _finding("root-device-missing", FAIL, mode, entry, summary, "root=" + root.text, remedies.regenerate(facts.guest))
    mounted = facts.storage.root_device
    if mounted and known.startswith("/dev/") and known not in (mounted,) + facts.storage.root_below:
        summary = "{} is {}, and the system now runs from {}".format(root.text, known, mounted)
        # One btrfs may lie on several devices, and its id leads to any of them.
        cannot_compare = root.kind in ("uuid", "label") and _mounted_type(facts.storage.mounts) == "btrfs"
        return _finding("root-device-other", WARN if cannot_compare else UNKNOWN, mode, entry, summary, "root=" + root.text)
    return _finding("root-device", PASS, mode, entry, "{} is there".format(root.text), "root=" + root.text)


def _without_initramfs(root: _Root, entry: Entry, mode: str, facts: Facts) -> Finding:
    hopeless = root.kind in ("uuid", "label") or root.text.startswith(("/dev/mapper/", "/dev/disk/"))
    summary = "{} is found by programs of an initramfs only, and this entry has none".format(root.text)
    fix = remedies.regenerate(facts.guest)
    return _finding("root-device-initramfs", FAIL if hopeless else UNKNOWN, mode, entry, summary, "root=" + root.text, fix)


def _unknown_device(root: _Root, entry: Entry, mode: str, facts: Facts) -> Finding:
    if facts.root == "/":
        if is_proved(entry, facts):
            return _finding("root-device", PASS, mode, entry, "the guest runs from it now", "root=" + root.text)
        reason = facts.storage.problem.reason if facts.storage.problem else "the system does not say what there is"
        return _finding(
            "root-device-unknown", UNKNOWN, mode, entry, "{} cannot be looked up: {}".format(root.text, reason), "root=" + root.text
        )
    if not is_plausible(root.text):
        summary = "{} is no name that a root device of a Xen guest is known to have".format(root.text)
        return _finding("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + root.text)
    problem = facts.storage.problem
    if problem and not any(mount.point == "/" for mount in facts.storage.fstab):
        summary = "{} cannot be held against fstab: {}: {}".format(root.text, problem.path, problem.reason)
        return _finding("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + root.text)
    summary = "{} is not judged: a mounted file system does not tell which devices the guest will have".format(root.text)
    return _finding("root-device-not-judged", INFO, mode, entry, summary, "root=" + root.text)


def _against_fstab(root: _Root, entry: Entry, mode: str, storage: Storage) -> "Optional[Finding]":
    """What fstab says against root= of a guest that does not run: another root, or that it is something else."""
    listed = [mount for mount in storage.fstab if mount.point == "/"]
    for mount in listed:
        if mount.device.startswith(FOREIGN):
            summary = "{} mounts {} as the root: the disks of a Xen guest are called xvd*".format(mount.source, mount.device)
        elif contradict(root.text, mount.device):
            summary = "root={}, and {} says {}: they contradict each other".format(root.text, mount.source, mount.device)
        else:
            continue
        return Finding("root-device-fstab", UNKNOWN, mode, entry.title, summary, (_at(mount.source, mount.device),))
    same = [mount for mount in storage.fstab if parse_spec(mount.device) == (root.kind, root.value) and mount.filesystem != "btrfs"]
    if same and not any(mount.point == "/" for mount in same):
        summary = "root={}, and {} has that as {}".format(root.text, same[0].source, same[0].filesystem + " on " + same[0].point)
        return Finding("root-device-fstab", UNKNOWN, mode, entry.title, summary, (_at(same[0].source, same[0].device),))
    return None


def _drivers(
    root: _Root,
    arguments: "Tuple[Argument, ...]",
    entry: Entry,
    kernel: Kernel,
    mode: str,
    facts: Facts,
) -> "Iterator[Finding]":
    yield from _against_type(arguments, entry, mode, facts)
    filesystems = _file_systems(arguments, facts.storage)
    for filesystem in filesystems:
        for finding in _of_file_system(filesystem, arguments, entry, kernel, mode, facts):
            # Which of several it is nobody knows.
            yield finding._replace(status=UNKNOWN) if len(filesystems) > 1 and finding.status == FAIL else finding
    for symbol, module in _layer_drivers(root, facts.storage):
        yield from _driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts)


def _of_file_system(
    filesystem: str, arguments: "Tuple[Argument, ...]", entry: Entry, kernel: Kernel, mode: str, facts: Facts
) -> "Iterator[Finding]":
    if filesystem in _FILE_SYSTEMS:
        yield from _driver(filesystem, _FILE_SYSTEMS[filesystem], arguments, entry, kernel, mode, facts)
        for symbol, module in _libraries(_FILE_SYSTEMS[filesystem], entry, kernel, facts):
            yield from _driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts)
    elif filesystem not in ("", "auto"):
        summary = "whether this kernel has {}, which the root needs, is not judged".format(filesystem)
        yield Finding("root-driver", INFO, mode, entry.title, summary)


def _libraries(drivers: "Tuple[Tuple[str, str], ...]", entry: Entry, kernel: Kernel, facts: Facts) -> "Tuple[Tuple[str, str], ...]":
    """What ext4's driver needs, where no other can serve the root: before Linux 4.3 ext3 and ext2 may have their own."""
    values = kernel.config.values
    others = [(symbol, module) for symbol, module in drivers if (symbol, module) != _EXT4]
    if _EXT4 not in drivers or any(values.get(symbol) == "y" or holds(entry, kernel, module, facts) for symbol, module in others):
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
        yield _finding("root-file-system", UNKNOWN, mode, entry, summary, text, fix)


def _is_mounted_as(name: str, known: str) -> bool:
    """Whether a file system that is known to be one of these can be mounted by this name."""
    return any(name in _MOUNTED_AS.get(kind, (kind,)) for kind in known.split(","))


def _driver(
    name: str,
    drivers: "Tuple[Tuple[str, str], ...]",
    arguments: "Tuple[Argument, ...]",
    entry: Entry,
    kernel: Kernel,
    mode: str,
    facts: Facts,
) -> "Iterator[Finding]":
    """Nothing is said where it is there. What a whole configuration does not mention is not known, with a short one not judged."""
    values = [kernel.config.values.get(symbol) for symbol, _ in drivers]
    contrary = conflict_on(kernel, *[symbol for symbol, _ in drivers])
    if "y" in values and not contrary:
        return
    against = [argument for argument in arguments if any(module in kept_out(argument) for _, module in drivers)]
    if against and not is_proved(entry, facts):
        summary = "the root needs {}, and {} keeps it from being loaded, by some ways at least".format(name, against[0].text)
        fix = remedies.remove_argument(facts.guest, against[0].text, entry)
        yield _finding("root-driver", UNKNOWN, mode, entry, summary, against[0].text, fix)
        return
    found = [holds(entry, kernel, module, facts) for _, module in drivers] if entry.initrd else [False]
    banned = any(is_kept_out(entry, module, facts) for _, module in drivers)
    off = all(value == "n" for value in values)
    if True in found and not banned and (not off or is_proved(entry, facts)):
        return
    symbol, module = drivers[0]
    evidence = (Evidence(kernel.config.source or "", "CONFIG_" + symbol, values[0] or "not mentioned"),)
    fix = remedies.rebuild_initramfs(facts.guest, kernel.release, module)
    if banned:
        summary = "the root needs {}, and modprobe's settings in the initramfs keep it from being loaded by some ways".format(name)
        yield Finding("root-driver", UNKNOWN, mode, entry.title, summary, evidence, fix)
    elif contrary:
        summary = "the root needs {}, and the configurations of this kernel contradict each other on it".format(name)
        yield Finding("root-driver", UNKNOWN, mode, entry.title, summary, evidence + (contrary,), fix)
    elif True in found:
        summary = "the root needs {}: this kernel is built without it, and the initramfs holds it".format(name)
        yield Finding("root-driver", UNKNOWN, mode, entry.title, summary, evidence)
    elif off:
        summary = "the root needs {}, and this kernel is built without it".format(name)
        yield Finding("root-driver", FAIL, mode, entry.title, summary, evidence, newkernel.newer_kernel(facts.guest))
    elif "m" in values:
        status = UNKNOWN if None in found else FAIL
        what = "may not hold" if status == UNKNOWN else "does not hold"
        if any(is_damaged(entry, module, facts) for _, module in drivers):
            what += ": a file of it there is damaged (empty, zeros, or cut short)"
        summary = "the root needs {}, a module that the initramfs {}".format(name, what)
        if any(facts.initramfs[path].needs for path in entry.initrd if path in facts.initramfs):
            fix = ()  # another finding tells what reads the archive: then it is seen whether anything is to be built
        yield Finding("root-driver", status, mode, entry.title, summary, evidence, fix)
    elif _WHOLE.isdisjoint(kernel.config.values):
        summary = "whether this kernel has {}, which the root needs, is not judged: its configuration does not mention it".format(name)
        yield Finding("root-driver", INFO, mode, entry.title, summary, evidence)
    else:
        summary = "the root needs {}: neither the configuration nor the initramfs is known to have it".format(name)
        yield Finding("root-driver", UNKNOWN, mode, entry.title, summary, evidence, fix)


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
    return _mounted_type(storage.mounts) or _mounted_type(storage.fstab)


def _mounted_type(mounts: "Tuple[Mount, ...]") -> str:
    return next((mount.filesystem for mount in reversed(mounts) if mount.point == "/"), "")


def _layer_drivers(root: _Root, storage: Storage) -> "Tuple[Tuple[str, str], ...]":
    """The drivers of what lies below the root file system: from the live system, else from the device's name."""
    layers = [layer for layer in storage.root_stack if layer in _LAYERS]
    device = root.value if root.kind == "device" else ""
    if not device:
        device = next((mount.device for mount in storage.fstab if mount.point == "/"), "")
    named = layer_of(device, storage.encrypted)
    if named and (named == "md" or not layers):
        layers.append(named)
    drivers = [driver for layer in layers for driver in _LAYERS[layer]]
    drivers += [_LEVELS[level] for level in storage.root_levels if level in _LEVELS]
    return tuple(dict.fromkeys(drivers))


def _finding(check: str, status: str, mode: str, entry: Entry, summary: str, value: str, fix: "Tuple[Remedy, ...]" = ()) -> Finding:
    path, _, line = entry.source.rpartition(":")
    return Finding(check, status, mode, entry.title, summary, (Evidence(path or entry.source, "line " + line if path else "", value),), fix)


def _at(source: str, value: str) -> Evidence:
    path, _, line = source.rpartition(":")
    return Evidence(path, "line " + line, value)
