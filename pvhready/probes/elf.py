"""ELF kernels: the width, the Xen notes and where the last segment ends. Pure: a reader in, facts out."""

import struct

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, Optional, Tuple

    ReadAt = Callable[[int, int], bytes]

_MACHINES = {3: 32, 62: 64}  # EM_386, EM_X86_64
_LOAD, _NOTE = 1, 4
_MAX_SEGMENTS = 64  # vmlinux has about five
_MAX_NOTES = 64 * 1024
_MAX_VALUE = 256  # bytes of a note that are looked at


class Elf(NamedTuple):
    """``bits`` is None for a machine that is no x86; ``notes`` are the types of the notes named Xen; ``end`` is in bytes."""

    bits: "Optional[int]"
    notes: "Tuple[int, ...]"
    end: int


class Layout(NamedTuple):
    """Where things stand in an ELF file, in bytes: ``notes`` are (offset, size) of the notes' segments.

    ``text`` is where the first loadable segment ends, which in a kernel holds the code, all constants and the notes
    (Linux: arch/x86/kernel/vmlinux.lds.S); ``end`` is where the last one ends. ``bits`` as in ``Elf``.
    """

    bits: "Optional[int]"
    notes: "Tuple[Tuple[int, int], ...]"
    text: int
    end: int


def read_elf(read_at: "ReadAt") -> "Optional[Elf]":
    """Return what the ELF header and the program headers say, or None when they make no sense.

    ``read_at(offset, size)`` returns bytes of the image. Xen's notes lie in PT_NOTE segments
    (Linux: arch/x86/kernel/vmlinux.lds.S; numbers: include/xen/interface/elfnote.h).
    """
    layout = read_layout(read_at)
    if layout is None:
        return None
    notes = [kind for offset, size in layout.notes for kind, _ in xen_notes(read_at(offset, size))]
    return Elf(layout.bits, tuple(notes), layout.end)


def read_layout(read_at: "ReadAt") -> "Optional[Layout]":
    """Return where the parts of an ELF file are, or None when its headers make no sense. Only these are read."""
    header = read_at(0, 64)
    if len(header) < 52 or header[:4] != b"\x7fELF" or header[4] not in (1, 2) or header[5] != 1:
        return None
    wide = header[4] == 2
    if wide and len(header) < 64:
        return None
    machine = struct.unpack_from("<H", header, 18)[0]
    table, size, count = _program_headers(header, wide)
    if not count or count > _MAX_SEGMENTS or size != (56 if wide else 32):
        return None
    raw = read_at(table, size * count)
    if len(raw) != size * count:
        return None
    segments = [_segment(raw, index * size, wide) for index in range(count)]
    ends = [(kind, offset + length) for kind, offset, length in segments if kind in (_LOAD, _NOTE)]
    return Layout(
        _MACHINES.get(machine) if _MACHINES.get(machine) == (64 if wide else 32) else None,
        tuple((offset, min(length, _MAX_NOTES)) for kind, offset, length in segments if kind == _NOTE),
        next((end for kind, end in ends if kind == _LOAD), 0),
        max([table + len(raw)] + [end for _, end in ends]),
    )


def _program_headers(header: bytes, wide: bool) -> "Tuple[int, int, int]":
    table = struct.unpack_from("<Q", header, 32)[0] if wide else struct.unpack_from("<I", header, 28)[0]
    size, count = struct.unpack_from("<HH", header, 54 if wide else 42)
    return table, size, count


def _segment(raw: bytes, at: int, wide: bool) -> "Tuple[int, int, int]":
    kind = struct.unpack_from("<I", raw, at)[0]
    if wide:
        return kind, struct.unpack_from("<Q", raw, at + 8)[0], struct.unpack_from("<Q", raw, at + 32)[0]
    return kind, struct.unpack_from("<I", raw, at + 4)[0], struct.unpack_from("<I", raw, at + 16)[0]


def xen_notes(raw: bytes) -> "Iterator[Tuple[int, bytes]]":
    """Yield type and value of the notes named Xen in a segment of notes."""
    at = 0
    while at + 12 <= len(raw):
        name_size, value_size, kind = struct.unpack_from("<III", raw, at)
        at += 12
        name = raw[at:at + min(name_size, 16)]
        at += (name_size + 3) & ~3
        if name.rstrip(b"\0") == b"Xen":
            yield kind, raw[at:at + min(value_size, _MAX_VALUE)]
        at += (value_size + 3) & ~3
