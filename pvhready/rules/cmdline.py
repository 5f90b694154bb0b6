"""The entry's command line: what stops the boot, what silences the console, what is cut off."""

from pvhready.cmdline import Argument, fitting, parse, parse_all, size_of
from pvhready.facts import PV, PVH, Entry, Guest, Kernel
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, Remedy, hint
from pvhready.rules import remedies
from pvhready.rules.config import FRONT_END, conflict_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple

# Bytes, with the one that ends the line. PV: one less than Xen's MAX_GUEST_CMDLINE (public/xen.h; GRUB: loader/i386/xen.c).
_PV_BUFFER = 1023
# PVH (GRUB: loader/i386/linux.c): the header's cmdline_size and one, 256 for boot protocols before 2.06, and 128 at the least.
_PVH_BUFFER = 256
_PVH_MINIMUM = 128
_IMAGE = "BOOT_IMAGE="
_SYMBOLS = ("CMDLINE_BOOL", "CMDLINE", "CMDLINE_OVERRIDE")
_OF_KERNEL = ("module_blacklist", "initcall_blacklist")
_BLACKLISTS = ("module_blacklist", "modprobe.blacklist")
# dracut.cmdline(7), what it was called before, and initramfs-tools (scripts/init-top/blacklist).
_OF_INITRAMFS = {"rd.driver.blacklist": "dracut's", "rdblacklist": "dracut's", "blacklist": "made by initramfs-tools"}
# In the names of functions: the second is what starts the block front end (Linux: drivers/block/xen-blkfront.c).
_PARTS_OF_XEN = ("xen", "xlblk", "pvh")
_MEMORY = 512 << 20  # bytes: with less it is a question of the kernel and its initramfs whether they fit
# Arguments that a PV guest ignores (Linux: arch/x86/kernel/setup.c, arch_reserve_crashkernel; arch/x86/include/asm/hugetlb.h: without PSE
# there are no huge pages), and what their taking effect weighs. How much memory the guest has is not known here.
_TAKE_EFFECT = {"crashkernel": INFO, "hugepages": WARN}
_SHOWN = 80  # characters of what is left out


def judge_cmdline(entry: Entry, kernel: Kernel, mode: str, guest: Guest) -> "List[Finding]":
    """Return the findings on an entry's command line under a mode; one pass when there is nothing to say."""
    line, dropped = effective_line(entry, kernel, mode)
    arguments = parse(line)
    findings = list(_dropped(entry, mode, guest, dropped)) + list(_told_of_built_in(entry, kernel, mode))
    findings += _blacklists(entry, kernel, arguments + _for_programs(line, len(arguments)), mode, guest)
    findings += _memory(entry, arguments, mode, guest)
    if mode == PVH:
        findings += _fatal(entry, arguments, guest)
        findings += _risky(entry, arguments, guest)
        findings += _console(entry, arguments, guest)
    return findings or [_finding("cmdline", PASS, mode, entry, "nothing on it stands against {}".format(mode.upper()), line)]


def effective_line(entry: Entry, kernel: Kernel, mode: str) -> "Tuple[str, str]":
    """Return the command line that the kernel goes by, and what the loader leaves out of the entry's.

    What is built into the kernel stands before the entry's, or in its place (Linux: arch/x86/Kconfig, CMDLINE_BOOL). Both
    loaders leave out whole arguments from the first that does not fit, without a word. Under PVH the line begins with
    BOOT_IMAGE= and the kernel's path as the entry has it, which is not in what is returned.
    """
    built_in = _built_in(kernel)
    if kernel.config.values.get("CMDLINE_OVERRIDE") == "y" and built_in is not None:
        return built_in, ""
    kept, dropped = _of_loader(entry, kernel, mode)
    return "{} {}".format(built_in, kept) if built_in else kept, dropped


def _built_in(kernel: Kernel) -> "Optional[str]":
    """Return the arguments that are built into the kernel, None for none or where they are not known."""
    text = kernel.config.values.get("CMDLINE", "")
    if kernel.config.values.get("CMDLINE_BOOL") != "y" or len(text) < 2 or text[0] + text[-1] != '""':
        return None
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _of_loader(entry: Entry, kernel: Kernel, mode: str) -> "Tuple[str, str]":
    if kernel.image.container == "unknown":
        return entry.cmdline, ""
    if mode == PV:
        return fitting(entry.cmdline, _PV_BUFFER)
    size = kernel.image.cmdline_size
    buffer = max(_PVH_BUFFER if size is None else (size + 1) % 2 ** 32, _PVH_MINIMUM) - len(_IMAGE)
    path = entry.written or entry.kernel or ""
    buffer -= len(path.encode("utf-8", "surrogateescape")) + 1
    return fitting(entry.cmdline, buffer) if buffer > 0 else ("", entry.cmdline)


def has_xen_console(arguments: "Tuple[Argument, ...]") -> bool:
    """Whether kernel messages go to hvc0: any console= counts, not only the last."""
    return any(argument.name == "console" and (argument.value or "").split(",")[0] == "hvc0" for argument in arguments)


def _fatal(entry: Entry, arguments: "Tuple[Argument, ...]", guest: Guest) -> "Iterator[Finding]":
    for argument in arguments:
        if argument.name in ("nopv", "xen_nopv"):
            summary = "{} stops a PVH guest: it hangs in silence".format(argument.text)
            yield _finding("cmdline-nopv", FAIL, PVH, entry, summary, argument.text, remedies.remove_argument(guest, argument.text, entry))
        elif argument.name == "xen_no_vector_callback":
            summary = "xen_no_vector_callback leaves a PVH guest without its bus and disks"
            fix = remedies.remove_argument(guest, argument.text, entry)
            yield _finding("cmdline-vector-callback", FAIL, PVH, entry, summary, argument.text, fix)
        elif argument.name == "acpi_rsdp":
            summary = "{} sends the kernel to other ACPI tables than those that GRUB hands over".format(argument.text)
            fix = remedies.remove_argument(guest, argument.text, entry)
            yield _finding("cmdline-acpi", UNKNOWN, PVH, entry, summary, argument.text, fix)
        elif argument.name == "acpi" and argument.value in ("off", "ht"):
            summary = "{} hides PVH from the kernel: it comes up as HVM and finds no disks".format(argument.text)
            yield _finding("cmdline-acpi", FAIL, PVH, entry, summary, argument.text, remedies.remove_argument(guest, argument.text, entry))


def kept_out(argument: Argument) -> "Tuple[str, ...]":
    """Return the modules, with underscores, that an argument keeps from being loaded: for the kernel, modprobe or the initramfs."""
    if argument.name not in _BLACKLISTS and argument.name not in _OF_INITRAMFS:
        return ()
    return tuple((argument.value or "").replace("-", "_").split(","))


def _for_programs(line: str, own: int) -> "Tuple[Argument, ...]":
    """Return what stands after the kernel's own arguments, but for those that only the kernel goes by: modprobe reads the rest."""
    return tuple(argument for argument in parse_all(line)[own:] if argument.name not in _OF_KERNEL)


def _blacklists(entry: Entry, kernel: Kernel, arguments: "Tuple[Argument, ...]", mode: str, guest: Guest) -> "Iterator[Finding]":
    """Arguments that keep a part of the kernel from starting: of the front end a failure, of anything else of Xen's not known."""
    is_built_in = kernel.config.values.get(FRONT_END) == "y" and not conflict_on(kernel, FRONT_END)
    for argument in arguments:
        fix = remedies.remove_argument(guest, argument.text, entry)
        if "xen_blkfront" in kept_out(argument) and not is_built_in:
            summary = "{} keeps the block front end from being loaded".format(argument.text)
            status = FAIL
            if argument.name in _OF_INITRAMFS:
                summary, status = "{}, if the initramfs is {}".format(summary, _OF_INITRAMFS[argument.name]), UNKNOWN
            yield _finding("cmdline-blacklist", status, mode, entry, summary, argument.text, fix)
        elif argument.name == "initcall_blacklist" and any(part in (argument.value or "") for part in _PARTS_OF_XEN):
            summary = "{} keeps a part of the kernel's Xen support from starting".format(argument.text)
            yield _finding("cmdline-blacklist", UNKNOWN, mode, entry, summary, argument.text, fix)


def _risky(entry: Entry, arguments: "Tuple[Argument, ...]", guest: Guest) -> "Iterator[Finding]":
    for argument in arguments:
        if argument.name in ("nolapic", "disableapic"):  # two names of one thing (Linux: arch/x86/kernel/apic/apic.c)
            summary = "{} is harmless under PV and risky under PVH".format(argument.text)
            fix = remedies.remove_argument(guest, argument.text, entry)
            yield _finding("cmdline-nolapic", WARN, PVH, entry, summary, argument.text, fix)
        elif argument.name == "earlyprintk" and (argument.value or "").split(",")[0] == "xen":
            summary = "earlyprintk=xen writes to the host's log under PVH, not to the console"
            yield _finding("cmdline-earlyprintk", INFO, PVH, entry, summary, argument.text)


def _memory(entry: Entry, arguments: "Tuple[Argument, ...]", mode: str, guest: Guest) -> "Iterator[Finding]":
    for argument in arguments:
        if argument.name == "memmap":
            summary = "{} takes memory away or moves it: whether kernel and initramfs still fit cannot be told".format(argument.text)
            fix = remedies.remove_argument(guest, argument.text, entry)
            yield _finding("cmdline-mem", UNKNOWN, mode, entry, summary, argument.text, fix)
        if argument.name in _TAKE_EFFECT and mode == PVH:
            summary = "{} may take memory away under PVH; under PV it is ignored".format(argument.text)
            status = _TAKE_EFFECT[argument.name]
            fix = remedies.remove_argument(guest, argument.text, entry) if status == WARN else ()
            yield _finding("cmdline-mem", status, PVH, entry, summary, argument.text, fix)
        if argument.name != "mem":
            continue
        size = size_of(argument.value or "")
        if size is None or size < _MEMORY:
            summary = "{} may leave too little memory for kernel and initramfs".format(argument.text)
            fix = remedies.remove_argument(guest, argument.text, entry)
            yield _finding("cmdline-mem", UNKNOWN, mode, entry, summary, argument.text, fix)
        elif mode == PVH:
            summary = "{} also lowers the place where GRUB puts the initramfs".format(argument.text)
            yield _finding("cmdline-mem", INFO, PVH, entry, summary, argument.text)


def _console(entry: Entry, arguments: "Tuple[Argument, ...]", guest: Guest) -> "Iterator[Finding]":
    if has_xen_console(arguments):
        return
    named = [argument.text for argument in arguments if argument.name == "console"]
    summary = "no console=hvc0: it boots, and after GRUB the Xen console stays silent"
    if named:
        summary = "{} and no console=hvc0: it boots, and after GRUB the Xen console stays silent".format(" ".join(named))
    yield _finding("console-silent", WARN, PVH, entry, summary, " ".join(named) or "no console=", remedies.add_console(guest, entry))


def _told_of_built_in(entry: Entry, kernel: Kernel, mode: str) -> "Iterator[Finding]":
    values = kernel.config.values
    if values.get("CMDLINE_BOOL", "n") == "n":
        return
    text = _built_in(kernel)
    if text is None or conflict_on(kernel, *_SYMBOLS):
        summary = "the kernel has a command line of its own built in, and it is not known which"
        yield _finding("cmdline-built-in", UNKNOWN, mode, entry, summary, "CMDLINE_BOOL=" + values["CMDLINE_BOOL"])
    elif values.get("CMDLINE_OVERRIDE") == "y":
        yield _finding("cmdline-built-in", INFO, mode, entry, "the kernel goes by what is built in, and not by the entry: " + text, text)
    elif text:
        yield _finding("cmdline-built-in", INFO, mode, entry, "built into the kernel, before the entry's arguments: " + text, text)


def _dropped(entry: Entry, mode: str, guest: Guest, dropped: str) -> "Iterator[Finding]":
    if dropped:
        summary = "too long: the {} loader leaves out its end, without a word: {}".format(mode.upper(), _shortened(dropped))
        fix = (hint("Take arguments out of GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT."),) + remedies.regenerate(guest)
        yield _finding("cmdline-too-long", WARN, mode, entry, summary, _shortened(dropped), fix)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _finding(
    check: str,
    status: str,
    mode: str,
    entry: Entry,
    summary: str,
    value: "Optional[str]",
    fix: "Tuple[Remedy, ...]" = (),
) -> Finding:
    path, _, line = entry.source.rpartition(":")
    return Finding(check, status, mode, entry.title, summary, (Evidence(path, "line " + line if line else "", value or ""),), fix)
