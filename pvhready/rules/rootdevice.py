"""The root device: does ``root=`` name something that will be there, and has the kernel what its file system needs?"""

from pvhready.cmdline import Argument, last, parse, parse_all
from pvhready.devicenames import FOREIGN, contradict, device_of, is_plausible, layer_of, parse_spec
from pvhready.facts import PVH, Entry, Facts, Kernel, Mount, Storage
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, Remedy, hint
from pvhready.records import NamedTuple
from pvhready.rules import newkernel, remedies
from pvhready.rules.cmdline import effective_line, has_xen_console, kept_out
from pvhready.rules.config import conflict_on
from pvhready.rules.initramfs import SYMBOLS as INITRAMFS_SYMBOLS
from pvhready.rules.initramfs import has_program, holds, is_damaged, is_kept_out, is_proved, runs_from_its_own, why_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Tuple

# What the kernel finds without any program's help (Linux: block/early-lookup.c), of what a Xen guest can have.
_FOUND_BY_KERNEL = ("/dev/xvd", "PARTUUID=", "PARTLABEL=") + FOREIGN
# File system to its symbol and module; the ext4 driver serves its elders too.
_FILE_SYSTEMS = {
    "ext4": (("EXT4_FS", "ext4"),),
    "ext3": (("EXT4_FS", "ext4"), ("EXT3_FS", "ext3")),
    "ext2": (("EXT4_FS", "ext4"), ("EXT2_FS", "ext2")),
    "xfs": (("XFS_FS", "xfs"),),
    "btrfs": (("BTRFS_FS", "btrfs"),),
    "f2fs": (("F2FS_FS", "f2fs"),),
    "jfs": (("JFS_FS", "jfs"),),
    "reiserfs": (("REISERFS_FS", "reiserfs"),),
    "zfs": (("ZFS", "zfs"),),
}
# By which names a file system is mounted. As ext3 none with a feature of ext4's, nor one without a journal (Linux: fs/ext4/super.c,
# ext3_feature_set_ok).
_MOUNTED_AS = {"ext3": ("ext2", "ext3", "ext4"), "ext2": ("ext2", "ext4")}
# What a file system's driver does not load without, where that is a module of its own (Linux: fs/ext4/Kconfig).
_LIBRARIES = {"ext4": (("JBD2", "jbd2"), ("FS_MBCACHE", "mbcache"))}
# What a layer below the file system takes. Each driver of a layer is needed, while one of a file system's will do.
_MAPPER = ("BLK_DEV_DM", "dm_mod")
_LAYERS = {"lvm": (_MAPPER,), "crypt": (_MAPPER, ("DM_CRYPT", "dm_crypt")), "multipath": (_MAPPER,), "md": (("BLK_DEV_MD", "md_mod"),)}
# What puts a layer together, in what an initramfs is made of: initramfs-tools, dracut, mkinitcpio, mkinitfs. It is named by the kind of
# volume, the programs, any of which will do, and the package that they come with.
_PROGRAMS = {
    "lvm": ("a logical volume", ("lvm",), "lvm2"),
    "crypt": ("an encrypted volume", ("cryptsetup", "systemd-cryptsetup"), "cryptsetup"),
    "md": ("a RAID", ("mdadm", "mdassemble"), "mdadm"),
}
# Arguments that have an initramfs put such a layer together: dracut.cmdline(7) with its elder names, systemd-cryptsetup-generator(8),
# mkinitcpio's hook encrypt, initramfs-tools' cryptroot, genkernel.
_ASKED = {
    "rd.lvm.lv": "lvm", "rd.lvm.vg": "lvm", "rd_LVM_LV": "lvm", "rd_LVM_VG": "lvm", "rd.md.uuid": "md", "rd_MD_UUID": "md",
    "rd.luks.uuid": "crypt", "rd.luks.name": "crypt", "rd_LUKS_UUID": "crypt", "luks.uuid": "crypt", "luks.name": "crypt",
    "cryptdevice": "crypt", "cryptopts": "crypt", "crypt_root": "crypt",
}
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
        | {symbol for libraries in _LIBRARIES.values() for symbol, _ in libraries}
    )
)


class _Root(NamedTuple):
    kind: str
    value: str
    text: str


def judge_root_device(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return the findings on the root device of an entry and on the drivers that it needs."""
    if runs_from_its_own(entry, kernel, mode, facts):
        return []  # another finding says so: its own /init decides on what is mounted
    if why_none(entry, kernel, mode, facts) is not None:
        entry = entry._replace(initrd=())
    # An initramfs reads the whole of /proc/cmdline, with what stands after --.
    arguments = (parse_all if entry.initrd else parse)(effective_line(entry, kernel, mode)[0])
    named = last(arguments, "root")
    if named is None or named.value in (None, "", "fstab"):  # root=fstab: systemd's initramfs has the name inside (NixOS)
        return [_no_root(entry, arguments, mode, facts)]
    text = named.value or ""
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
    if root.kind == "nfs":  # initramfs-tools takes it for boot=nfs, dracut for a network to be set up
        summary = "{} is a root on another machine, and whether the guest gets there is not looked at".format(root.text)
        return _finding("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + root.text)
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
    filesystem = _file_system(arguments, facts.storage)
    yield from _against_type(arguments, entry, mode, facts)
    if filesystem in _FILE_SYSTEMS:
        yield from _driver(filesystem, _FILE_SYSTEMS[filesystem], arguments, entry, kernel, mode, facts)
    elif filesystem not in ("", "auto"):
        summary = "whether this kernel has {}, which the root needs, is not judged".format(filesystem)
        yield Finding("root-driver", INFO, mode, entry.title, summary)
    libraries = tuple(library for library in _LIBRARIES.get(filesystem, ()) if kernel.config.values.get(library[0]) == "m")
    device = _named_device(root, facts.storage)
    layers = _layers(device, facts.storage)
    for symbol, module in libraries + _layer_drivers(layers, facts.storage):
        yield from _driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts)
    asked = _asked(arguments, layers, facts.storage) if entry.initrd else {}
    for layer, text in asked.items():
        for symbol, module in _LAYERS[layer]:
            for finding in _driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts):
                # Whether the root lies there, nobody knows.
                status = UNKNOWN if finding.status == FAIL else finding.status
                yield finding._replace(status=status, summary="{}: {}".format(text, finding.summary))
    # LVM's names are GROUP-VOLUME: /dev/mapper/root may be anything.
    anything = device.startswith("/dev/mapper/") and "-" not in device and "lvm" not in facts.storage.root_stack
    known = [layer for layer in layers if layer != "lvm" or not anything]
    yield from _programs(known + list(asked), entry, kernel, mode, facts)
    if mode == PVH and ("crypt" in layers or "crypt" in asked):
        yield from _passphrase(entry, arguments, facts)


def _passphrase(entry: Entry, arguments: "Tuple[Argument, ...]", facts: Facts) -> "Iterator[Finding]":
    """Under PV /dev/console is hvc0 by itself; under PVH it is tty0, where nobody types (cryptsetup-initramfs: askpass)."""
    if has_xen_console(arguments) or facts.guest.type == "PVH" and is_proved(entry, facts):
        return
    summary = "the root may lie on an encrypted volume: without console=hvc0 its passphrase is asked for where nobody can type it"
    yield _finding("root-passphrase", UNKNOWN, PVH, entry, summary, "no console=hvc0", remedies.add_console(facts.guest, entry))


def _asked(arguments: "Tuple[Argument, ...]", layers: "List[str]", storage: Storage) -> "Dict[str, str]":
    """Return the layers below a root of which only arguments and crypttab tell, with what tells of each; none where the system tells."""
    if storage.root_device:
        return {}
    asked = {_ASKED[argument.name]: argument.text for argument in reversed(arguments) if argument.name in _ASKED}
    if "lvm" in layers and storage.encrypted:
        asked.setdefault("crypt", "/etc/crypttab")  # the volume group may lie on an encrypted partition, as installers make it
    return {layer: text for layer, text in asked.items() if layer not in layers}


def _programs(layers: "List[str]", entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "Iterator[Finding]":
    """A layer that the initramfs has no program for: not known, as another that is not known here may do it."""
    for layer in layers:
        what, names, package = _PROGRAMS.get(layer, ("", (), ""))
        if names and entry.initrd and has_program(entry, names, facts) is False:
            summary = "the root may lie on {}, and the initramfs has no program that puts it together ({})".format(what, names[0])
            fix = remedies.rebuild_with(facts.guest, package, kernel.release)
            yield Finding("root-program", UNKNOWN, mode, entry.title, summary, (Evidence(entry.initrd[-1], "", names[0]),), fix)


def _against_type(arguments: "Tuple[Argument, ...]", entry: Entry, mode: str, facts: Facts) -> "Iterator[Finding]":
    """rootfstype= that names another file system than the root is known to be: it would not be mounted."""
    named = last(arguments, "rootfstype")
    known = _mounted_type(facts.storage.mounts) or _mounted_type(facts.storage.fstab)
    if named is None or named.value in (None, "", "auto") or known in ("", "auto", "none", "rootfs", "overlay") or is_proved(entry, facts):
        return
    fitting = {name for system in known.split(",") for name in _MOUNTED_AS.get(system, (system,))}
    if fitting.isdisjoint((named.value or "").split(",")):
        summary = "{}, and the root is {}: it would not be mounted".format(named.text, known)
        fix = remedies.remove_argument(facts.guest, named.text, entry)
        yield _finding("root-file-system", UNKNOWN, mode, entry, summary, named.text, fix)


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
    elif off and True in found:
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


def _file_system(arguments: "Tuple[Argument, ...]", storage: Storage) -> str:
    named = last(arguments, "rootfstype")
    if named and named.value:
        return named.value.split(",")[0]
    return _mounted_type(storage.mounts) or _mounted_type(storage.fstab)


def _mounted_type(mounts: "Tuple[Mount, ...]") -> str:
    return next((mount.filesystem for mount in reversed(mounts) if mount.point == "/"), "")


def _named_device(root: _Root, storage: Storage) -> str:
    """The path that the root device has on the command line, else in fstab, "" for none."""
    return root.value if root.kind == "device" else next((mount.device for mount in storage.fstab if mount.point == "/"), "")


def _layers(device: str, storage: Storage) -> "List[str]":
    """The layers below the root file system: from the live system, else from the device's name."""
    layers = [layer for layer in storage.root_stack if layer in _LAYERS]
    named = layer_of(device, storage.encrypted)
    return layers + [named] if named and (named == "md" or not layers) else layers


def _layer_drivers(layers: "List[str]", storage: Storage) -> "Tuple[Tuple[str, str], ...]":
    drivers = [driver for layer in layers for driver in _LAYERS[layer]]
    drivers += [_LEVELS[level] for level in storage.root_levels if level in _LEVELS]
    return tuple(dict.fromkeys(drivers))


def _finding(check: str, status: str, mode: str, entry: Entry, summary: str, value: str, fix: "Tuple[Remedy, ...]" = ()) -> Finding:
    path, _, line = entry.source.rpartition(":")
    return Finding(check, status, mode, entry.title, summary, (Evidence(path or entry.source, "line " + line if path else "", value),), fix)


def _at(source: str, value: str) -> Evidence:
    path, _, line = source.rpartition(":")
    return Evidence(path, "line " + line, value)
