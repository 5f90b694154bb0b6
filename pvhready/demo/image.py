"""Kernel images: a bzImage with a true header around a tiny ELF file that carries real Xen notes.

They do not run. Everything that a boot loader reads before it jumps into a kernel is there, so GRUB's own
``grub-file`` accepts them (Linux: Documentation/arch/x86/boot.rst; Xen: xen/include/public/elfnote.h).
"""

import struct
from typing import Iterable, List, Optional, Union

from pvhready.demo.compress import compress

ENTRY = 1
GUEST_OS = 6
PAE_MODE = 9
SUPPORTED_FEATURES = 17
PHYS32_ENTRY = 18

_SECTOR = 512
_STUB = 0x200  # bytes of code before the payload
_CODE = b"\xf4\xeb\xfd" + b"\x90" * 13  # hlt; jmp back to it


def elf_kernel(
    release: str = "6.1.0-13-amd64", bits: int = 64, xen: bool = True, pv: bool = True, pvh: bool = True,
    pae: bool = True, features: Optional[int] = None, size: int = 0, config: str = "",
) -> bytes:
    """Return a decompressed kernel (vmlinux).

    ``xen``, ``pv`` and ``pvh`` stand for CONFIG_XEN, CONFIG_XEN_PV and CONFIG_PVH: which Xen notes there are. ``pae``
    matters for 32 bits. ``features`` is the bit set of note 17, absent when None. ``size`` bytes are added as code, and ``config`` as
    IKCONFIG, where it is not empty.
    """
    notes = (b"".join(_notes(bits, pv, pvh, pae, features)) if xen else b"") + _note(3, bytes(range(20)), b"GNU\0")  # its build id
    banner = "Linux version {} (builder@example.org) #1 SMP\n".format(release).encode() + b"\0"
    if config:
        # Linux: kernel/configs.c
        banner += b"IKCFG_ST" + compress("gzip", config.encode()) + b"IKCFG_ED"
    code = _CODE * 64 + b"\x90" * size
    head = 64 + 2 * 56 if bits == 64 else 52 + 2 * 32
    body = code + banner + b"\0" * (-len(code + banner) % 16)
    notes_at = head + len(body)
    return _elf_header(bits, head, len(body), notes_at, len(notes)) + body + notes


def _elf_header(bits: int, code_at: int, code_size: int, notes_at: int, notes_size: int) -> bytes:
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + b"\0" * 9
    physical = 0x1000000
    if bits == 64:
        virtual = 0xFFFFFFFF81000000
        header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, physical, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        load = struct.pack("<IIQQQQQQ", 1, 5, code_at, virtual, physical, code_size, code_size, 16)
        note_address = virtual + code_size
        note = struct.pack("<IIQQQQQQ", 4, 4, notes_at, note_address, physical + code_size, notes_size, notes_size, 4)
    else:
        virtual = 0xC1000000
        header = struct.pack("<16sHHIIIIIHHHHHH", ident, 2, 3, 1, physical, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        load = struct.pack("<IIIIIIII", 1, code_at, virtual, physical, code_size, code_size, 5, 16)
        note_address = virtual + code_size
        note = struct.pack("<IIIIIIII", 4, notes_at, note_address, physical + code_size, notes_size, notes_size, 4, 4)
    return header + load + note


def _notes(bits: int, pv: bool, pvh: bool, pae: bool, features: Optional[int]) -> Iterable[bytes]:
    word = "<Q" if bits == 64 else "<I"
    base = 0xFFFFFFFF80000000 if bits == 64 else 0xC0000000
    yield _note(GUEST_OS, b"linux\0")
    yield _note(7, b"2.6\0")
    yield _note(5, b"xen-3.0\0")
    if pv:
        yield _note(3, struct.pack(word, base))
        yield _note(ENTRY, struct.pack(word, base + 0x1000000))
        yield _note(2, struct.pack(word, base + 0x1001000))
        yield _note(8, b"generic\0")
        yield _note(4, struct.pack(word, 0))
    if bits == 32 and pae:
        yield _note(PAE_MODE, b"yes\0")
    if pvh:
        yield _note(PHYS32_ENTRY, struct.pack(word, 0x1000000))
    if features is not None:
        yield _note(SUPPORTED_FEATURES, struct.pack("<I", features))


def _note(kind: int, value: bytes, owner: bytes = b"Xen\0") -> bytes:
    return struct.pack("<III4s", 4, len(value), kind, owner) + value + b"\0" * (-len(value) % 4)


def bzimage(
    release: str = "6.1.0-13-amd64", payload: Union[str, bytes] = "xz", bits: int = 64, kernel: Optional[bytes] = None,
    protocol: int = 0x20F, loadflags: int = 1, xloadflags: Optional[int] = None, cmdline_size: int = 2047,
    setup_sectors: int = 7, pv: bool = True, pvh: bool = True, xen: bool = True,
) -> bytes:
    """Return a bzImage.

    ``payload`` names its compression ("elf" for none), or is the payload itself, to the byte. ``kernel`` is the
    vmlinux within; without it, ``elf_kernel`` makes one from the other arguments.
    """
    vmlinux = elf_kernel(release, bits, xen, pv, pvh) if kernel is None else kernel
    packed = _payload(payload, vmlinux) if isinstance(payload, str) else payload
    if xloadflags is None:
        xloadflags = 0x3F if bits == 64 else 0
    setup = _setup(release, setup_sectors)
    code = (_CODE * (_STUB // len(_CODE)))[:_STUB] + packed
    code += b"\0" * (-len(code) % 16)
    header = {
        0x000: b"MZ",
        0x1F1: bytes([setup_sectors]),
        0x1F4: struct.pack("<I", len(code) // 16),
        0x1FE: b"\x55\xaa",
        0x200: b"\xeb\x66",
        0x202: b"HdrS",
        0x206: struct.pack("<H", protocol),
        0x20E: struct.pack("<H", _SECTOR if release else 0),
        0x211: bytes([loadflags]),
        0x214: struct.pack("<I", 0x100000),
        0x22C: struct.pack("<I", 0x7FFFFFFF),
        0x230: struct.pack("<IBBHI", 0x200000, 1, 21, xloadflags, cmdline_size),
        0x248: struct.pack("<II", _STUB, len(packed)),
        0x258: struct.pack("<QI", 0x1000000, len(vmlinux) + (1 << 20)),
    }
    for offset, value in header.items():
        setup[offset:offset + len(value)] = value
    return bytes(setup) + code


def _setup(release: str, setup_sectors: int) -> bytearray:
    # A count of 0 stands for 4, and the release's string needs a third sector.
    setup = bytearray(((setup_sectors or 4) + 1) * _SECTOR)
    banner = "{} (builder@example.org) #1 SMP".format(release).encode() + b"\0"
    setup[2 * _SECTOR:2 * _SECTOR + len(banner)] = banner
    return setup


def _payload(compression: str, vmlinux: bytes) -> bytes:
    if compression == "elf":
        return vmlinux
    packed = compress(compression, vmlinux)
    if compression == "gzip":
        return packed  # its own trailer tells the size
    return packed + struct.pack("<I", len(vmlinux))  # scripts/Makefile.lib, size_append


def uki(release: str = "6.1.0-13-amd64", cmdline: str = "console=hvc0") -> bytes:
    """Return a unified kernel image: a PE file with .linux, .uname and .cmdline sections."""
    sections = [(b".uname", release.encode()), (b".cmdline", cmdline.encode()), (b".linux", bzimage(release))]
    offset = 0x400
    table: List[bytes] = []
    body: List[bytes] = []
    for name, content in sections:
        padded = content + b"\0" * (-len(content) % _SECTOR)
        table.append(struct.pack("<8sIIIIIIHHI", name, len(content), offset, len(padded), offset, 0, 0, 0, 0, 0x40000040))
        body.append(padded)
        offset += len(padded)
    dos = b"MZ" + b"\0" * 58 + struct.pack("<I", 0x80) + b"\0" * 64
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 0xF0, 0x0206)
    optional = struct.pack("<H", 0x20B).ljust(0xF0, b"\0")
    head = dos + coff + optional + b"".join(table)
    return head.ljust(0x400, b"\0") + b"".join(body)

