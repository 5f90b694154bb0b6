"""One driver that the root needs: is it built into the kernel, or in the initramfs and not kept out there?"""

from pvhready.cmdline import Argument
from pvhready.facts import Entry, Facts, Kernel
from pvhready.findings import FAIL, INFO, UNKNOWN, Evidence, Finding, Remedy
from pvhready.rules import newkernel, remedies
from pvhready.rules.cmdline import kept_out
from pvhready.rules.config import conflict_on
from pvhready.rules.initramfs import SYMBOLS as INITRAMFS_SYMBOLS
from pvhready.rules.initramfs import holds, is_damaged, is_kept_out, is_proved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple

EXT4 = ("EXT4_FS", "ext4")
# File system to its symbol and module; the ext4 driver serves its elders too.
FILE_SYSTEMS = {
    "ext4": (EXT4,),
    "ext3": (EXT4, ("EXT3_FS", "ext3")),
    "ext2": (EXT4, ("EXT2_FS", "ext2")),
    "xfs": (("XFS_FS", "xfs"),),
    "btrfs": (("BTRFS_FS", "btrfs"),),
    "f2fs": (("F2FS_FS", "f2fs"),),
    "jfs": (("JFS_FS", "jfs"),),
    "reiserfs": (("REISERFS_FS", "reiserfs"),),
    "zfs": (("ZFS", "zfs"),),
}
FILE_SYSTEM_SYMBOLS = frozenset(symbol for drivers in FILE_SYSTEMS.values() for symbol, _ in drivers)
_WHOLE = FILE_SYSTEM_SYMBOLS.union(INITRAMFS_SYMBOLS)  # a configuration that mentions none of these is a short one


def judge_driver(
    name: str,
    drivers: "Tuple[Tuple[str, str], ...]",
    arguments: "Tuple[Argument, ...]",
    entry: Entry,
    kernel: Kernel,
    mode: str,
    facts: Facts,
) -> "Iterator[Finding]":
    """Return what is said of what the root calls ``name``: one of ``drivers``, each a symbol and its module, will do.

    Nothing is said where it is there. What a whole configuration does not mention is not known, with a short one not judged.
    """
    values = [kernel.config.values.get(symbol) for symbol, _ in drivers]
    contrary = conflict_on(kernel, *[symbol for symbol, _ in drivers])
    if "y" in values and not contrary:
        return
    against = [argument for argument in arguments if any(module in kept_out(argument) for _, module in drivers)]
    if against and not is_proved(entry, facts):
        summary = "the root needs {}, and {} keeps it from being loaded, by some ways at least".format(name, against[0].text)
        fix = remedies.remove_argument(facts.guest, against[0].text, entry)
        yield on_entry("root-driver", UNKNOWN, mode, entry, summary, against[0].text, fix)
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


def on_entry(check: str, status: str, mode: str, entry: Entry, summary: str, value: str, fix: "Tuple[Remedy, ...]" = ()) -> Finding:
    """Return a finding with the line of the menu that an entry stands in, and ``value`` there, as its evidence."""
    path, _, line = entry.source.rpartition(":")
    return Finding(check, status, mode, entry.title, summary, (Evidence(path or entry.source, "line " + line if path else "", value),), fix)
