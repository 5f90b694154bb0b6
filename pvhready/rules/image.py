"""The image, as the host's loader sees it.

PVH: GRUB's loader/i386/linux.c, the 32-bit boot protocol. PV: loader/i386/xen.c and xen_file.c. The checks stand in
GRUB's order, and the first that fails is the one that GRUB complains of.
"""

from pvhready.answers import NO, YES
from pvhready.facts import PV, PVH, Guest, Image, Kernel
from pvhready.findings import FAIL, PASS, UNKNOWN, Evidence, Finding, Remedy
from pvhready.host import Host
from pvhready.rules import newkernel, remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

_BOOT_FLAG = 0xAA55
_PROTOCOL = {PVH: 0x0203, PV: 0x0208}
_MAX_SETUP_SECTORS = 64
_WITH_ZSTDIO = "2.14"  # its zstdio writes past the end of its buffer: the kernel starts, and panics (seen on Xen with Debian sid's)
_MEMORY = 1 << 30  # bytes that no kernel asks for to unpack itself: real ones take 15 to 70 MB
_INITRD_LIMIT = 0x37FFFFFF  # no kernel sets a lower one (Linux: arch/x86/boot/header.S; before, this was the limit for all)
_NOTE_ENTRY = 1  # XEN_ELFNOTE_ENTRY: there with CONFIG_XEN_PV


def judge_image(kernel: Kernel, mode: str, host: Host, guest: Guest, modules: "Tuple[str, ...]" = ()) -> "List[Finding]":
    """Return one finding on whether the loader of ``mode`` takes the image. ``modules`` are those that GRUB inserted for it."""
    return [
        _first_objection(kernel, mode, host, guest, modules)
        or _finding("image-form", PASS, mode, kernel, "{}, taken by the {} loader".format(describe(kernel.image), mode.upper()))
    ]


def describe(image: Image) -> str:
    """Return an image's form in a few words: "bzImage, xz, 64-bit"."""
    names = {
        "bzimage": "bzImage",
        "gzipped-bzimage": "gzipped bzImage",
        "elf": "ELF",
        "uki": "unified kernel image",
        "not-a-kernel": "not a kernel",
    }
    words = [names.get(image.container, "of unknown form")]
    if image.payload:
        words.append("plain ELF payload" if image.payload == "elf" else "payload " + image.payload)
    if image.bits:
        words.append("{}-bit".format(image.bits))
    return ", ".join(words)


def _first_objection(kernel: Kernel, mode: str, host: Host, guest: Guest, modules: "Tuple[str, ...]") -> "Optional[Finding]":
    image = kernel.image
    general = _whole(kernel, mode, guest)
    if general:
        return general
    if image.container == "elf":
        return _elf_under_pvh(kernel, mode, guest) if mode == PVH else _elf_under_pv(kernel, mode, guest)
    header = _header(kernel, mode, guest)
    if header:
        return header
    payload = _payload_under_pv(kernel, mode, host, guest, modules) if mode == PV else _payload_under_pvh(kernel, mode)
    return payload or _contradiction(kernel, mode, guest)


def _whole(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    """What both loaders refuse, or what nobody can judge."""
    image = kernel.image
    if image.problem:
        if image.container in ("not-a-kernel", "bzimage"):
            return _finding(
                "image-truncated", FAIL, mode, kernel, "the file {}".format(image.problem.reason), fix=remedies.restore_image(kernel, guest)
            )
        return _finding(
            "image-unreadable",
            UNKNOWN,
            mode,
            kernel,
            "cannot be read: {}".format(image.problem.reason),
            fix=remedies.run_as_root(image.problem.reason),
        )
    if image.container == "uki":
        summary = "a unified kernel image, which no Xen loader takes as a file"
        return _finding("image-uki", FAIL, mode, kernel, summary, fix=newkernel.plain_kernel(guest))
    if image.container == "not-a-kernel":
        what = image.description or "unknown data"
        return _finding(
            "image-not-a-kernel", FAIL, mode, kernel, "not a kernel: {}".format(what), fix=remedies.restore_image(kernel, guest)
        )
    if image.opinion and image.opinion != image.payload:
        summary = "the payload's header says {}, libmagic says {}".format(image.payload, image.opinion)
        return _finding("image-contradiction", UNKNOWN, mode, kernel, summary)
    return _truncated(kernel, mode, guest)


def _truncated(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    image = kernel.image
    needed = max(image.payload_end or 0, image.code_end or 0)
    if needed <= image.size:
        return None
    summary = "truncated: its header speaks of {} bytes, it has {}".format(needed, image.size)
    where = Evidence(kernel.path, "offset 0x24c" if image.container != "elf" else "program headers", str(needed))
    return _finding("image-truncated", FAIL, mode, kernel, summary, where, remedies.restore_image(kernel, guest))


def _contradiction(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    """What no kernel build writes. A file that a crash left half written has its full size, and zeros for its end."""
    image = kernel.image
    where, value = "", 0
    if image.unpacked == 0:
        where, value = "0x{:x}".format((image.payload_end or 4) - 4), 0
        summary = "its payload ends in zeros: the file was not written to its end, or is damaged"
    elif image.memory is not None and not image.size - 512 * ((image.setup_sectors or 4) + 1) <= image.memory <= _MEMORY:
        where, value = "0x260", image.memory
        summary = "its header asks for {} bytes of memory, which does not fit a file of {}".format(image.memory, image.size)
    elif image.memory is not None and image.unpacked is not None and image.unpacked > image.memory:
        where, value = "0x{:x}".format((image.payload_end or 4) - 4), image.unpacked
        summary = "its payload would unpack to {} bytes, and its header asks for {} only".format(image.unpacked, image.memory)
    elif image.initrd_limit is not None and image.initrd_limit < _INITRD_LIMIT:
        where, value = "0x22c", image.initrd_limit
        summary = "its header leaves no room for an initramfs"
    if not where:
        return None
    evidence = Evidence(kernel.path, "offset " + where, "0x{:x}".format(value))
    return _finding("image-header", UNKNOWN, mode, kernel, summary, evidence, remedies.restore_image(kernel, guest))


def _elf_under_pvh(kernel: Kernel, mode: str, guest: Guest) -> Finding:
    summary = 'a decompressed kernel (ELF): the PVH loader says "invalid magic number" and refuses it'
    return _finding(
        "image-not-bzimage",
        FAIL,
        mode,
        kernel,
        summary,
        Evidence(kernel.path, "offset 0x0", "7f 45 4c 46"),
        remedies.undo_hack(None, guest),
    )


def _elf_under_pv(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    image = kernel.image
    if image.bits is None:
        return _finding("image-not-a-kernel", FAIL, mode, kernel, "an ELF file that is not for x86")
    width = _width(kernel, mode, guest)
    if width:
        return width
    if not image.notes:
        return _finding(
            "image-xen-note", FAIL, mode, kernel, 'no Xen note: the PV loader says "no XEN note found"', fix=newkernel.xen_kernel(guest)
        )
    if _NOTE_ENTRY not in image.notes:
        summary = "no PV entry point (Xen note 1): the loader starts it and the domain crashes without a word"
        return _finding("image-xen-note", FAIL, mode, kernel, summary, fix=newkernel.xen_kernel(guest))
    return None


def _header(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    image = kernel.image
    if image.boot_flag != _BOOT_FLAG:
        where = Evidence(kernel.path, "offset 0x1fe", "0x{:04x}".format(image.boot_flag or 0))
        return _finding(
            "image-not-bzimage",
            FAIL,
            mode,
            kernel,
            'no boot signature: GRUB says "invalid magic number"',
            where,
            remedies.restore_image(kernel, guest),
        )
    if mode == PVH and (image.setup_sectors or 0) > _MAX_SETUP_SECTORS:
        where = Evidence(kernel.path, "offset 0x1f1", str(image.setup_sectors))
        return _finding(
            "image-setup-sectors", FAIL, mode, kernel, 'GRUB says "too many setup sectors"', where, remedies.restore_image(kernel, guest)
        )
    if (image.protocol or 0) < _PROTOCOL[mode]:
        where = Evidence(kernel.path, "offset 0x206", "0x{:04x}".format(image.protocol or 0))
        summary = 'GRUB says "version too old for {} boot"'.format("32-bit" if mode == PVH else "xen")
        return _finding("image-protocol", FAIL, mode, kernel, summary, where, newkernel.newer_kernel(guest))
    if mode == PVH and not image.loaded_high:
        where = Evidence(kernel.path, "offset 0x211", "bit 0 is clear")
        return _finding(
            "image-zimage",
            FAIL,
            mode,
            kernel,
            'GRUB says "zImage doesn\'t support 32-bit boot"',
            where,
            remedies.restore_image(kernel, guest),
        )
    return None


def _payload_under_pvh(kernel: Kernel, mode: str) -> "Optional[Finding]":
    """The kernel unpacks itself: any compression is right, but one that nobody knows is no proof of a whole kernel."""
    image = kernel.image
    if image.payload_offset is not None and image.payload in (None, "unknown"):
        return _finding("image-payload", UNKNOWN, mode, kernel, "its payload is of no known compression", _payload_evidence(kernel))
    return None


def _payload_under_pv(kernel: Kernel, mode: str, host: Host, guest: Guest, modules: "Tuple[str, ...]") -> "Optional[Finding]":
    payload = kernel.image.payload
    if kernel.image.setup_sectors == 0:
        # The boot protocol lets 0 stand for 4; xen_file.c does not, and looks for the payload in the wrong place.
        where = Evidence(kernel.path, "offset 0x1f1", "0")
        return _finding("image-setup-sectors", FAIL, mode, kernel, 'the PV loader does not find its payload ("not xen image")', where)
    answer = host.payloads.get(payload or "unknown", NO)
    if answer != YES:
        summary = 'payload {}, which the PV loader cannot read ("not xen image")'.format(payload or "missing")
        if payload == "zstd" and host.grub == _WITH_ZSTDIO:
            summary = 'payload zstd, over which GRUB {} spoils the initramfs that it reads next ("no cpio magic")'.format(host.grub)
        status = FAIL if answer == NO else UNKNOWN
        return _finding("image-payload", status, mode, kernel, summary, _payload_evidence(kernel), remedies.readable_under_pv())
    if payload == "xz" and host.xzio != YES and "xzio" not in modules:
        return _without_xzio(kernel, mode, host)
    return _width(kernel, mode, guest)


def _without_xzio(kernel: Kernel, mode: str, host: Host) -> Finding:
    """GRUB loads gzio by itself (normal/main.c), but not xzio: it is built into the host's image, or the menu inserts it."""
    if host.xzio == NO:
        summary = 'payload xz, and GRUB has no module xzio inserted when this kernel is loaded ("not xen image")'
        return _finding("image-xzio", FAIL, mode, kernel, summary, _payload_evidence(kernel), remedies.insert_xzio())
    summary = "payload xz: no module xzio of the guest's GRUB folder is inserted for it, and whether host {} has it built in is not known"
    return _finding("image-xzio", UNKNOWN, mode, kernel, summary.format(host.name), _payload_evidence(kernel), remedies.insert_xzio())


def _width(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    bits = width_of(kernel)
    if guest.loader_bits is None or bits is None or bits == guest.loader_bits:
        return None
    summary = 'a {}-bit kernel, and this guest\'s PV loader is the {}-bit one ("incompatible architecture")'.format(bits, guest.loader_bits)
    return _finding("image-width", FAIL, mode, kernel, summary, fix=remedies.choose_loader(bits))


def width_of(kernel: Kernel) -> "Optional[int]":
    """Return 32 or 64: from the image, for boot protocols before 2.12 from the configuration; None when neither says."""
    if kernel.image.bits:
        return kernel.image.bits
    wide = kernel.config.values.get("X86_64")
    return None if wide is None else 64 if wide == "y" else 32


def _payload_evidence(kernel: Kernel) -> Evidence:
    return Evidence(kernel.path, "offset 0x{:x}".format(kernel.image.payload_offset or 0), kernel.image.payload_magic or "")


def _finding(
    check: str,
    status: str,
    mode: str,
    kernel: Kernel,
    summary: str,
    evidence: "Optional[Evidence]" = None,
    fix: "Tuple[Remedy, ...]" = (),
) -> Finding:
    shown = evidence or Evidence(kernel.path, "header", describe(kernel.image))
    return Finding(check, status, mode, kernel.path, summary, (shown,), fix)
