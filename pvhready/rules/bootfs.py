"""The file system of /boot: can the host's GRUB read it, and what lies below it?"""

from pvhready.answers import NO
from pvhready.answers import UNKNOWN as NOT_KNOWN
from pvhready.facts import BootFileSystem, Facts
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, Evidence, Finding, Remedy, command, hint
from pvhready.host import Host, hosts_that_read
from pvhready.rules import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence, Tuple

_MAKE = {
    "ext4": "mkfs.ext4 -O {}",
    "xfs": "mkfs.xfs with {} off",
    "f2fs": "mkfs.f2fs without {}",
}
# What tune2fs(8) takes away from a file system that is not mounted.
_REMOVABLE = ("metadata_csum_seed",)
_OUTSIDE = "Put /boot on a partition of its own outside of the encrypted container: ext4, made with mkfs.ext4 -O ^metadata_csum_seed."
_ORDINARY = "Put /boot on a file system of its own that every GRUB reads: ext4, made with mkfs.ext4 -O ^metadata_csum_seed."


def judge_boot_systems(mode: str, host: Host, facts: Facts) -> "List[Finding]":
    """Return a finding for each file system that GRUB reads on its way to what may boot next under a mode."""
    return [_judge(system, mode, host) for system in facts.boot_systems if mode in system.modes]


def _judge(system: BootFileSystem, mode: str, host: Host) -> Finding:
    refused = [feature for feature in system.features if host.reads(feature) == NO]
    open_ones = [feature for feature in system.features if host.reads(feature) == NOT_KNOWN]
    name = system.filesystem or "its file system"
    if refused:
        summary = "{}: GRUB of host {} does not read {}".format(name, host.name, _words(refused))
        if "cryptomount" in refused:
            summary = "{} is in an encrypted container, which GRUB of host {} does not open".format(name, host.name)
        return _finding("boot-filesystem-feature", FAIL, mode, system, summary, refused, _mend(system, refused, host))
    if system.booted:
        summary = "{}: the host's GRUB has started this guest from it".format(name)
        return _finding("boot-filesystem", PASS, mode, system, summary, open_ones)
    if system.problem:
        summary = "{}: what GRUB needs to know of it cannot be told: {}".format(name, system.problem.reason)
        fix = remedies.run_as_root(system.problem.reason)
        return _finding("boot-filesystem-unknown", UNKNOWN, mode, system, summary, open_ones, fix)
    if open_ones:
        summary = "{}: it is not known whether GRUB of host {} reads {}".format(name, host.name, _words(open_ones))
        if "cryptomount" in open_ones:
            summary = "{} is in an encrypted container, and it is not known whether GRUB of host {} opens it".format(name, host.name)
        return _finding("boot-filesystem-feature", UNKNOWN, mode, system, summary, open_ones, _mend(system, open_ones, host, asks=True))
    if not system.read:
        known = "as {} says".format(system.source) if system.source else "for all that is known"
        summary = "{}, {}; its features are not judged: they stand in its superblock (--device)".format(name, known)
        return _finding("boot-filesystem-not-judged", INFO, mode, system, summary, ())
    summary = "{}: GRUB of host {} reads it with all its features".format(name, host.name)
    return _finding("boot-filesystem", PASS, mode, system, summary, ())


def _words(features: "Sequence[str]") -> str:
    """Return features as people name them: "inline_data", "f2fs", "lvm thin"."""
    names = []
    for feature in features:
        kind, colon, name = feature.partition(":")
        names.append(name if colon and kind in ("ext4", "xfs", "btrfs", "f2fs") else feature.replace(":", " "))
    return " and ".join(names)


def _mend(system: BootFileSystem, features: "Sequence[str]", host: Host, asks: bool = False) -> "Tuple[Remedy, ...]":
    """Return ways out: take the feature away, have another file system for /boot, or a host that reads it.

    Where it is not known whether the host reads it, to ask comes first, and nothing is to be typed.
    """
    found: List[Remedy] = []
    names = [feature.partition(":")[2] for feature in features]
    kind = system.filesystem
    on_it = bool(names) and all(feature.startswith(kind + ":") for feature in features)
    if on_it and kind == "ext4" and all(name in _REMOVABLE for name in names):
        off = ",".join("^" + name for name in names)
        if asks:
            found.append(hint("Or take the feature away, with the file system not mounted: tune2fs -O {} {}".format(off, _node(system))))
        else:
            found.append(command("with the file system not mounted, take the feature away", "tune2fs", "-O", off, _node(system)))
    elif on_it and kind in _MAKE:
        off = ",".join("^" + name for name in names) if kind == "ext4" else ", ".join(names)
        found.append(hint("Save the files, make the file system anew ({}) and put them back.".format(_MAKE[kind].format(off))))
    found.append(hint(_OUTSIDE if "cryptomount" in features else _ORDINARY))
    others = [name for name in hosts_that_read(system.features) if name != host.name.partition("+")[0]]
    if others:
        text = "Ask the provider for its version of GRUB, and name it with --host. These read it: {}."
        found.insert(0 if asks else len(found), hint(text.format(", ".join(others))))
    return tuple(found)


def _node(system: BootFileSystem) -> str:
    kind, equals, value = system.device.partition("=")
    return "/dev/disk/by-{}/{}".format(kind.lower(), value.strip("\"'")) if equals else system.device or "DEVICE"


def _finding(
    check: str, status: str, mode: str, system: BootFileSystem, summary: str, seen: "Sequence[str]", fix: "Tuple[Remedy, ...]" = (),
) -> Finding:
    evidence = (Evidence(system.source or system.device or system.point, "superblock" if system.read else "", ", ".join(seen)),)
    return Finding(check, status, mode, system.point, summary, evidence, fix)
