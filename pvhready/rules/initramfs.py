"""The initramfs: does it hold the block front end, and what else the root file system needs?

An entry may name several archives. The kernel takes them for one, and stops at the first that is damaged (Linux: init/initramfs.c).
"""

from pvhready.cmdline import last, parse
from pvhready.facts import Entry, Facts, Guest, Initramfs, Kernel
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, Remedy, hint
from pvhready.rules import remedies
from pvhready.rules.cmdline import effective_line
from pvhready.rules.config import FRONT_END, conflict_on
from pvhready.rules.versions import series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple

BLKFRONT = "xen_blkfront"
NETFRONT = "xen_netfront"
# Compression to the symbol that lets the kernel unpack it (Linux: usr/Kconfig).
UNPACKERS = {
    "gzip": "RD_GZIP",
    "bzip2": "RD_BZIP2",
    "lzma": "RD_LZMA",
    "xz": "RD_XZ",
    "lzo": "RD_LZO",
    "lz4": "RD_LZ4",
    "zstd": "RD_ZSTD",
}
_FIRST = {"lz4": (3, 11), "zstd": (5, 9)}  # the first Linux that can unpack it; the others are older than all that matters
SUPPORT = "BLK_DEV_INITRD"
_OWN = "INITRAMFS_SOURCE"  # what an initramfs was made of that is built into the kernel; empty for none (Linux: usr/Kconfig)
SYMBOLS = (SUPPORT, _OWN) + tuple(sorted(UNPACKERS.values()))


def judge_initramfs(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return whether the entry's initramfs is whole, and brings the disks up where the kernel alone does not."""
    value = kernel.config.values.get(FRONT_END)
    if value not in ("y", "m"):
        return []  # judge_config has said why
    if runs_from_its_own(entry, kernel, mode, facts):
        summary = "is built into the kernel ({}): what it does and holds is not looked at".format(_OWN)
        own = Evidence(kernel.config.source or "", "CONFIG_" + _OWN, kernel.config.values[_OWN])
        return [Finding("initramfs-unreadable", UNKNOWN, mode, kernel.path, summary, (own,))]
    absence = why_none(entry, kernel, mode, facts)
    if value == "y":
        return _built_in(entry, kernel, mode, facts, absence)
    if absence is not None:
        summary = "{}, and the block front end is a module: the kernel finds no disks".format(absence)
        fix = remedies.rebuild_initramfs(facts.guest, kernel.release, BLKFRONT)
        return [_finding("initramfs-missing", FAIL, mode, entry, summary, "", fix)]
    if kernel.release is None:
        return _side_conditions(entry, kernel, mode, facts)  # judge_config has said so: whose modules it needs is not known
    found = holds(entry, kernel, BLKFRONT, facts)
    return [_answer(found, entry, kernel, mode, facts)] + _side_conditions(entry, kernel, mode, facts)


def judge_network(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return a warning where the network's front end is a module that is nowhere: of a kernel that was copied without its modules."""
    if kernel.has_modules is not False or kernel.config.values.get("XEN_NETDEV_FRONTEND") != "m":
        return []
    if entry.initrd and holds(entry, kernel, NETFRONT, facts) is not False:
        return []
    folder = "/lib/modules/{}".format(kernel.release)
    summary = "its xen-netfront is a module, and neither {} nor the initramfs has it: no network".format(folder)
    fix = (hint("Install the kernel's package again, or put its modules there and run depmod {}.".format(kernel.release)),)
    return [Finding("kernel-netfront", WARN, mode, kernel.path, summary, (Evidence(folder, "", "missing"),), fix)]


def runs_from_its_own(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> bool:
    """Whether the kernel runs from an initramfs that is built into it: nothing takes its place (Linux: init/initramfs.c)."""
    return kernel.config.values.get(_OWN, "n") not in ("n", '""') and why_none(entry, kernel, mode, facts) is not None


def why_none(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "Optional[str]":
    """Say in a few words why the kernel has no initramfs to run from; None where it has one, or may have one."""
    if not entry.initrd:
        return "none"
    if kernel.config.values.get(SUPPORT) == "n" and not conflict_on(kernel, SUPPORT):
        return "of no use (this kernel is built without {})".format(SUPPORT)
    archives = _archives(entry, facts)
    if _program(entry, kernel, mode) or not _all_read(entry, archives) or any(archive.init for archive in archives):
        return None
    reason = _init_problem(archives)
    if reason and len(archives) > 1:
        return None  # what it needs may be in another of them: a side condition
    if reason:
        return "of no use (the kernel cannot run its /init: {})".format(reason)
    return "of no use (it holds no /init, which the kernel would run)"


def _init_problem(archives: "List[Initramfs]") -> str:
    """Why the kernel could not run /init: of several archives that have one, the last puts its own in the place of the others'."""
    return next((archive.init_problem for archive in reversed(archives) if archive.init or archive.init_problem), "")


def _program(entry: Entry, kernel: Kernel, mode: str) -> "Optional[str]":
    """What the kernel runs instead of /init, None or "" when nothing else is named."""
    named = last(parse(effective_line(entry, kernel, mode)[0]), "rdinit")
    return named.value if named and named.value != "/init" else None


def _built_in(entry: Entry, kernel: Kernel, mode: str, facts: Facts, absence: "Optional[str]") -> "List[Finding]":
    """It is not needed for the disks. A damaged one still keeps the root from being found: the kernel alone knows no UUID."""
    summary = "not needed for the disks: the block front end is built in"
    if absence is not None:
        return [_finding("initramfs", PASS, mode, entry, "{}; {}".format(absence, summary), "")]
    archives = _archives(entry, facts)
    if is_proved(entry, facts) or _all_read(entry, archives):
        return [_finding("initramfs", PASS, mode, entry, summary, entry.initrd[0])] + _side_conditions(entry, kernel, mode, facts)
    return [_unreadable(archives, entry, mode, facts.guest, kernel.release)]


def holds(entry: Entry, kernel: Kernel, module: str, facts: Facts) -> "Optional[bool]":
    """Whether an initramfs of the entry holds a module for this kernel: True, False, or None when it cannot be told.

    ``module`` is the name with underscores. A guest that runs from this very initramfs has proved what it needs.
    """
    archives = _archives(entry, facts)
    if is_proved(entry, facts):
        return True
    if not archives or not _all_read(entry, archives) or kernel.release is None:
        return None
    found = any(module in archive.modules and kernel.release in archive.releases for archive in archives)
    if found and is_damaged(entry, module, facts):
        return None  # there is more than one, and which one is loaded is not known
    return found


def has_program(entry: Entry, names: "Tuple[str, ...]", facts: Facts) -> "Optional[bool]":
    """Whether an initramfs of the entry has one of these programs of ``probes.names.PROGRAMS``; None when it cannot be told."""
    archives = _archives(entry, facts)
    if is_proved(entry, facts):
        return True
    if not archives or not _all_read(entry, archives):
        return None
    return any(name in archive.programs for archive in archives for name in names)


def is_damaged(entry: Entry, module: str, facts: Facts) -> bool:
    """Whether an initramfs of the entry has a file of this module that the kernel cannot load."""
    return any(module in archive.damaged for archive in _archives(entry, facts))


def is_kept_out(entry: Entry, module: str, facts: Facts) -> bool:
    """Whether modprobe's settings in an initramfs of the entry keep a module from being loaded, by its other names at least."""
    return not is_proved(entry, facts) and any(module in archive.kept_out for archive in _archives(entry, facts))


def is_proved(entry: Entry, facts: Facts) -> bool:
    """Whether the guest runs from every archive of the entry, as they are now."""
    archives = _archives(entry, facts)
    return bool(archives) and len(archives) == len(entry.initrd) and all(archive.proved for archive in archives)


def _all_read(entry: Entry, archives: "List[Initramfs]") -> bool:
    return len(archives) == len(entry.initrd) and all(archive.complete for archive in archives)


def _archives(entry: Entry, facts: Facts) -> "List[Initramfs]":
    return [facts.initramfs[path] for path in entry.initrd if path in facts.initramfs]


def _answer(found: "Optional[bool]", entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> Finding:
    archives = _archives(entry, facts)
    path = entry.initrd[-1]
    if is_kept_out(entry, BLKFRONT, facts):
        fix = (hint("Take the line away that names it in /etc/modprobe.d."),) + remedies.rebuild_initramfs(facts.guest, kernel.release)
        summary = "its modprobe settings (modprobe.d) keep xen-blkfront from being loaded, by some ways at least"
        return _finding("initramfs-blacklist", UNKNOWN, mode, entry, summary, path, fix)
    if found:
        summary = archives[0].proved or "holds xen-blkfront for {}".format(kernel.release)  # one is proved where all are
        return _finding("initramfs", PASS, mode, entry, summary, path)
    damaged = is_damaged(entry, BLKFRONT, facts)
    fix = remedies.rebuild_initramfs(facts.guest, kernel.release, BLKFRONT)
    if found is None and damaged:
        summary = "holds xen-blkfront more than once, and one of them is damaged"
        return _finding("initramfs-damaged", UNKNOWN, mode, entry, summary, path, fix)
    if found is None:
        return _unreadable(archives, entry, mode, facts.guest, kernel.release)
    if damaged:
        summary = "its xen-blkfront is damaged (empty, zeros, or cut short), and it is not built in: the kernel finds no disks"
        return _finding("initramfs-damaged", FAIL, mode, entry, summary, path, fix)
    releases = sorted({release for archive in archives for release in archive.releases})
    if releases and kernel.release not in releases:
        summary = "made for {}, not for {}: its modules are of no use".format(", ".join(releases[:3]), kernel.release)
        return _finding("initramfs-release", FAIL, mode, entry, summary, path, fix)
    summary = "does not hold xen-blkfront, and it is not built in: the kernel finds no disks"
    return _finding("initramfs-blkfront", FAIL, mode, entry, summary, path, fix)


def _unreadable(archives: "List[Initramfs]", entry: Entry, mode: str, guest: Guest, release: "Optional[str]") -> Finding:
    for archive in archives:
        if archive.needs:
            summary = "cannot be read without the package {}".format(archive.needs)
            return _finding(
                "initramfs-unreadable", UNKNOWN, mode, entry, summary, archive.path, remedies.install_package(guest, archive.needs)
            )
        if archive.problem:
            summary = "cannot be read: {}".format(archive.problem.reason)
            fix = remedies.run_as_root(archive.problem.reason) or remedies.rebuild_initramfs(guest, release)
            return _finding("initramfs-unreadable", UNKNOWN, mode, entry, summary, archive.problem.path, fix)
    return _finding("initramfs-unreadable", UNKNOWN, mode, entry, "was not read to its end", entry.initrd[-1])


def _side_conditions(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    program = _program(entry, kernel, mode)
    findings = []
    contrary = conflict_on(kernel, SUPPORT)
    if contrary:
        summary = "whether this kernel takes an initramfs cannot be told: its configurations contradict each other"
        findings.append(Finding("initramfs-support", UNKNOWN, mode, entry.title, summary, (contrary,)))
    if program and not is_proved(entry, facts):
        summary = "rdinit= lets the kernel run {} instead of /init: whether the initramfs holds it is not looked at".format(program)
        findings.append(_finding("initramfs-program", UNKNOWN, mode, entry, summary, ""))
    reason = _init_problem(_archives(entry, facts))
    if reason and not program and not is_proved(entry, facts):
        summary = "whether the kernel can run /init cannot be told: {}, unless another of the archives has it".format(reason)
        findings.append(_finding("initramfs-program", UNKNOWN, mode, entry, summary, ""))
    return findings + list(_unpackable(entry, kernel, mode, facts))


def _unpackable(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "Iterator[Finding]":
    packed = {name for archive in _archives(entry, facts) for name in archive.compressions}
    for name in sorted(packed):
        able = _can_unpack(name, kernel)
        contrary = conflict_on(kernel, UNPACKERS[name])
        if contrary:
            summary = "packed with {}: the kernel's configurations contradict each other on whether it can unpack that".format(name)
            yield Finding("initramfs-compression", UNKNOWN, mode, entry.title, summary, (contrary,))
        if able or contrary:
            continue
        summary = "packed with {}, which this kernel cannot unpack".format(name)
        fix = remedies.repack_initramfs(facts.guest, kernel.release)
        if able is None:
            summary = "packed with {}: whether this kernel can unpack that is not judged, its configuration does not tell".format(name)
            fix = ()
        symbol = UNPACKERS[name]
        evidence = Evidence(kernel.config.source or "", "CONFIG_" + symbol, kernel.config.values.get(symbol, "not mentioned"))
        yield Finding("initramfs-compression", INFO if able is None else FAIL, mode, entry.title, summary, (evidence,), fix)


def _can_unpack(compression: str, kernel: Kernel) -> "Optional[bool]":
    """None where the configuration is no whole one: it mentions no compression of an initramfs at all."""
    value = kernel.config.values.get(UNPACKERS[compression])
    if value is not None:
        return value == "y"
    is_whole = kernel.config.whole and any(symbol in kernel.config.values for symbol in UNPACKERS.values())
    number = series(kernel.release)
    is_older = number is not None and compression in _FIRST and number < _FIRST[compression]
    return False if is_whole or is_older else None


def _finding(check: str, status: str, mode: str, entry: Entry, summary: str, path: str, fix: "Tuple[Remedy, ...]" = ()) -> Finding:
    return Finding(check, status, mode, path or entry.title, summary, (Evidence(path or entry.source),), fix)
