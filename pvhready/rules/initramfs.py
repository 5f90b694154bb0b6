"""The initramfs: does it hold the block front end, and what else the root file system needs?"""

from pvhready.facts import Entry, Facts, Guest, Initramfs, Kernel
from pvhready.findings import FAIL, PASS, UNKNOWN, Evidence, Finding, Remedy
from pvhready.rules import remedies
from pvhready.rules.config import FRONT_END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple

BLKFRONT = "xen_blkfront"
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


def judge_initramfs(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return whether the entry's initramfs is whole, and brings the disks up where the kernel alone does not."""
    value = kernel.config.values.get(FRONT_END)
    if value not in ("y", "m"):
        return []  # judge_config has said why
    if value == "y":
        return _built_in(entry, kernel, mode, facts)
    if not entry.initrd:
        summary = "none, and the block front end is a module: the kernel finds no disks"
        fix = remedies.rebuild_initramfs(facts.guest, kernel.release, BLKFRONT)
        return [_finding("initramfs-missing", FAIL, mode, entry, summary, "", fix)]
    found = holds(entry, kernel, BLKFRONT, facts)
    return [_answer(found, entry, kernel, mode, facts)] + list(_unpackable(entry, kernel, mode, facts))


def _built_in(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """It is not needed for the disks. A damaged one still keeps the root from being found: the kernel alone knows no UUID."""
    summary = "not needed for the disks: the block front end is built in"
    archives = _archives(entry, facts)
    if any(archive.proved for archive in archives) or _all_read(entry, archives):
        where = entry.initrd[0] if entry.initrd else ""
        return [_finding("initramfs", PASS, mode, entry, summary, where)] + list(_unpackable(entry, kernel, mode, facts))
    return [_unreadable(archives, entry, mode, facts.guest, kernel.release)]


def holds(entry: Entry, kernel: Kernel, module: str, facts: Facts) -> "Optional[bool]":
    """Whether an initramfs of the entry holds a module for this kernel: True, False, or None when it cannot be told.

    ``module`` is the name with underscores. A guest that runs from this very initramfs has proved what it needs.
    """
    archives = _archives(entry, facts)
    if any(archive.proved for archive in archives):
        return True
    for archive in archives:
        if module in archive.modules and kernel.release in archive.releases:
            return True
    return False if archives and _all_read(entry, archives) else None


def _all_read(entry: Entry, archives: "List[Initramfs]") -> bool:
    return len(archives) == len(entry.initrd) and all(archive.complete for archive in archives)


def _archives(entry: Entry, facts: Facts) -> "List[Initramfs]":
    return [facts.initramfs[path] for path in entry.initrd if path in facts.initramfs]


def _answer(found: "Optional[bool]", entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> Finding:
    archives = _archives(entry, facts)
    path = entry.initrd[-1]
    if found:
        proof = next((archive.proved for archive in archives if archive.proved), None)
        return _finding("initramfs", PASS, mode, entry, proof or "holds xen-blkfront for {}".format(kernel.release), path)
    if found is None:
        return _unreadable(archives, entry, mode, facts.guest, kernel.release)
    fix = remedies.rebuild_initramfs(facts.guest, kernel.release, BLKFRONT)
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
            fix = remedies.run_as_root(guest, archive.problem.reason) or remedies.rebuild_initramfs(guest, release, BLKFRONT)
            return _finding("initramfs-unreadable", UNKNOWN, mode, entry, summary, archive.problem.path, fix)
    return _finding("initramfs-unreadable", UNKNOWN, mode, entry, "was not read to its end", entry.initrd[-1])


def _unpackable(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "Iterator[Finding]":
    for archive in _archives(entry, facts):
        symbol = UNPACKERS.get(archive.compression or "", "")
        if kernel.config.values.get(symbol) == "n":
            summary = "packed with {}, which this kernel cannot unpack".format(archive.compression)
            fix = remedies.rebuild_initramfs(facts.guest, kernel.release, BLKFRONT)
            yield Finding(
                "initramfs-compression",
                FAIL,
                mode,
                entry.title,
                summary,
                (Evidence(kernel.config.source or "", "CONFIG_" + symbol, "n"),),
                fix,
            )


def _finding(check: str, status: str, mode: str, entry: Entry, summary: str, path: str, fix: "Tuple[Remedy, ...]" = ()) -> Finding:
    return Finding(check, status, mode, path or entry.title, summary, (Evidence(path or entry.source),), fix)
