"""The root device: does ``root=`` name something that will be there? What lies on it and below it is judged by modules of its own."""

from pvhready.cmdline import Argument, last, parse, parse_all
from pvhready.devicenames import FOREIGN, contradict, device_of, is_plausible, parse_spec
from pvhready.facts import Entry, Facts, Kernel, Storage
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, hint
from pvhready.records import NamedTuple
from pvhready.rules import remedies
from pvhready.rules.cmdline import effective_line
from pvhready.rules.initramfs import is_proved, runs_from_its_own, why_none
from pvhready.rules.rootdriver import on_entry
from pvhready.rules.rootfilesystem import judge_file_system, mounted_type
from pvhready.rules.rootlayers import judge_layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

# What the kernel finds without any program's help (Linux: block/early-lookup.c), of what a Xen guest can have.
_FOUND_BY_KERNEL = ("/dev/xvd", "PARTUUID=", "PARTLABEL=") + FOREIGN


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
    text = (named.value if named else None) or ""
    if text in ("", "fstab"):  # root=fstab: systemd's initramfs has the name inside (NixOS)
        return [_no_root(entry, arguments, mode, facts)]
    kind, value = parse_spec(text)
    root = _Root(kind, value, text)
    findings = [_ambiguous(arguments, entry, mode, facts) or _device(root, entry, mode, facts)]
    findings += judge_file_system(arguments, entry, kernel, mode, facts)
    return findings + list(judge_layers(value if kind == "device" else "", arguments, entry, kernel, mode, facts))


def _no_root(entry: Entry, arguments: "Tuple[Argument, ...]", mode: str, facts: Facts) -> Finding:
    if is_proved(entry, facts):
        return on_entry("root-device", PASS, mode, entry, "the guest runs from this command line and initramfs now", "")
    init = last(arguments, "init")
    if init and (init.value or "").startswith("/nix/store/"):
        return on_entry("root-device", PASS, mode, entry, "named in the initramfs, as NixOS does", init.text)
    return on_entry("root-device", UNKNOWN, mode, entry, "no root= on the command line: what will be mounted cannot be told", "")


def _ambiguous(arguments: "Tuple[Argument, ...]", entry: Entry, mode: str, facts: Facts) -> "Optional[Finding]":
    """The last root= counts. Where nobody can look it up, two that differ are a contradiction."""
    named = sorted({argument.value or "" for argument in arguments if argument.name == "root"})
    if len(named) < 2 or facts.root == "/":
        return None
    summary = "root= is there more than once, and not with the same device: {}".format(", ".join(named))
    return on_entry("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + named[0])


def _device(root: _Root, entry: Entry, mode: str, facts: Facts) -> Finding:
    if not entry.initrd and not root.text.startswith(_FOUND_BY_KERNEL):
        return _without_initramfs(root, entry, mode, facts)
    if root.text.startswith(FOREIGN):
        summary = "{} will not be there: the disks of a Xen guest are called xvd*".format(root.text)
        fix = (hint("Name the root file system by UUID= or as /dev/xvd*, in /etc/default/grub and /etc/fstab."),) + remedies.regenerate(
            facts.guest
        )
        return on_entry("root-device-name", FAIL, mode, entry, summary, "root=" + root.text, fix)
    known = device_of(root.text, facts.storage)
    contradiction = _against_fstab(root, entry, mode, facts.storage) if facts.root != "/" else None
    if contradiction:
        return contradiction
    if known is None:
        return _unknown_device(root, entry, mode, facts)
    if not known:
        summary = "{} is not there: nothing on this system has it".format(root.text)
        return on_entry("root-device-missing", FAIL, mode, entry, summary, "root=" + root.text, remedies.regenerate(facts.guest))
    mounted = facts.storage.root_device
    if mounted and known.startswith("/dev/") and known not in (mounted,) + facts.storage.root_below:
        summary = "{} is {}, and the system now runs from {}".format(root.text, known, mounted)
        # One btrfs may lie on several devices, and its id leads to any of them.
        cannot_compare = root.kind in ("uuid", "label") and mounted_type(facts.storage.mounts) == "btrfs"
        return on_entry("root-device-other", WARN if cannot_compare else UNKNOWN, mode, entry, summary, "root=" + root.text)
    return on_entry("root-device", PASS, mode, entry, "{} is there".format(root.text), "root=" + root.text)


def _without_initramfs(root: _Root, entry: Entry, mode: str, facts: Facts) -> Finding:
    hopeless = root.kind in ("uuid", "label") or root.text.startswith(("/dev/mapper/", "/dev/disk/"))
    summary = "{} is found by programs of an initramfs only, and this entry has none".format(root.text)
    fix = remedies.regenerate(facts.guest)
    return on_entry("root-device-initramfs", FAIL if hopeless else UNKNOWN, mode, entry, summary, "root=" + root.text, fix)


def _unknown_device(root: _Root, entry: Entry, mode: str, facts: Facts) -> Finding:
    if facts.root == "/":
        if is_proved(entry, facts):
            return on_entry("root-device", PASS, mode, entry, "the guest runs from it now", "root=" + root.text)
        reason = facts.storage.problem.reason if facts.storage.problem else "the system does not say what there is"
        return on_entry(
            "root-device-unknown", UNKNOWN, mode, entry, "{} cannot be looked up: {}".format(root.text, reason), "root=" + root.text
        )
    if root.kind == "nfs":  # initramfs-tools takes it for boot=nfs, dracut for a network to be set up
        summary = "{} is a root on another machine, and whether the guest gets there is not looked at".format(root.text)
        return on_entry("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + root.text)
    if not is_plausible(root.text):
        summary = "{} is no name that a root device of a Xen guest is known to have".format(root.text)
        return on_entry("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + root.text)
    problem = facts.storage.problem
    if problem and not any(mount.point == "/" for mount in facts.storage.fstab):
        summary = "{} cannot be held against fstab: {}: {}".format(root.text, problem.path, problem.reason)
        return on_entry("root-device-unknown", UNKNOWN, mode, entry, summary, "root=" + root.text)
    summary = "{} is not judged: a mounted file system does not tell which devices the guest will have".format(root.text)
    return on_entry("root-device-not-judged", INFO, mode, entry, summary, "root=" + root.text)


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


def _at(source: str, value: str) -> Evidence:
    path, _, line = source.rpartition(":")
    return Evidence(path, "line " + line, value)
