"""What is read of an ELF file's headers and notes, byte by byte against what was written into it (elf.h)."""

import struct

import pytest

from pvhready.probes.elf import Elf, Layout, read_elf, read_layout, xen_notes

LOAD, DYNAMIC, NOTE = 1, 2, 4
I386, X86_64, AARCH64 = 3, 62, 183


def elf(segments, bits=64, machine=None, table=None, entry=None, count=None):
    """The headers of an ELF file, with segments of (kind, offset, size)."""
    ident = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9)
    number = len(segments) if count is None else count
    if bits == 64:
        fields = (ident, 2, machine or X86_64, 1, 0x1111, 64 if table is None else table, 0x2222, 0, 64, entry or 56, number, 0, 0, 0)
        header = struct.pack("<16sHHIQQQIHHHHHH", *fields)
        return header + b"".join(struct.pack("<IIQQQQQQ", kind, 7, at, 0x3333, 0x4444, size, 0x5555, 9) for kind, at, size in segments)
    fields = (ident, 2, machine or I386, 1, 0x1111, 52 if table is None else table, 0x2222, 0, 52, entry or 32, number, 0, 0, 0)
    header = struct.pack("<16sHHIIIIIHHHHHH", *fields)
    return header + b"".join(struct.pack("<IIIIIIII", kind, at, 0x3333, 0x4444, size, 0x5555, 7, 9) for kind, at, size in segments)


def note(kind, value=b"", owner=b"Xen\0"):
    return struct.pack("<III", len(owner), len(value), kind) + owner + bytes(-len(owner) % 4) + value + bytes(-len(value) % 4)


def layout(data):
    return read_layout(lambda offset, size: data[offset:offset + size])


SEGMENTS = [(DYNAMIC, 1 << 20, 1 << 20), (LOAD, 1000, 500), (NOTE, 1400, 40), (LOAD, 2000, 700), (NOTE, 1440, 70000)]
NOTES = ((1400, 40), (1440, 65536))  # no more of a segment than that is looked at


@pytest.mark.parametrize("segments,bits,expected", [
    (SEGMENTS, 64, Layout(64, NOTES, 1500, 71440)), (SEGMENTS, 32, Layout(32, NOTES, 1500, 71440)),
    (SEGMENTS[:4], 64, Layout(64, NOTES[:1], 1500, 2700)), ([(LOAD, 0, 5000), (LOAD, 100, 50)], 64, Layout(64, (), 5000, 5000)),
    ([(LOAD, 0, 1 << 40)], 64, Layout(64, (), 1 << 40, 1 << 40)),
    # Without a segment that is loaded the file ends with the table; what is neither loaded nor a note says nothing of the file's size.
    ([(DYNAMIC, 0, 5000)], 64, Layout(64, (), 0, 120)), ([(DYNAMIC, 0, 5000)], 32, Layout(32, (), 0, 84)),
    ([(NOTE, 0, 5000)], 64, Layout(64, ((0, 5000),), 0, 5000)), ([(LOAD, 0, 0)] * 64, 64, Layout(64, (), 0, 64 + 64 * 56)),
    ([], 64, None), ([(LOAD, 0, 0)] * 65, 64, None),
])
def test_where_things_stand(segments, bits, expected):
    assert layout(elf(segments, bits)) == expected


def test_no_more_is_read_than_the_headers():
    data, asked = elf(SEGMENTS), []
    read_layout(lambda offset, size: asked.append((offset, size)) or data[offset:offset + size])
    assert asked == [(0, 64), (64, 5 * 56)]


@pytest.mark.parametrize("machine,bits,expected", [
    (X86_64, 64, 64), (I386, 32, 32), (X86_64, 32, None), (I386, 64, None), (AARCH64, 64, None), (40, 32, None),
])
def test_the_width_is_the_machine_s_and_the_file_s(machine, bits, expected):
    assert layout(elf(SEGMENTS, bits, machine)).bits == expected


@pytest.mark.parametrize("at,value", [
    (0, 0x7E), (1, 0x65), (2, 0x6C), (3, 0x66), (4, 0), (4, 3), (5, 0), (5, 2), (54, 55), (54, 57), (54, 32), (56, 0), (57, 1),
])
def test_a_header_that_makes_no_sense(at, value):
    good = elf([(LOAD, 0, 64)])
    assert layout(good) is not None
    assert layout(good[:at] + bytes([value]) + good[at + 1:]) is None


def test_each_width_has_entries_of_its_own_size():
    narrow = elf(SEGMENTS, 32)
    assert all(layout(narrow[:4] + bytes([width]) + narrow[5:]) is None for width in (0, 2, 3))
    assert layout(elf(SEGMENTS, 32, entry=56)) is None
    assert layout(elf(SEGMENTS, 64, entry=32)) is None


@pytest.mark.parametrize("bits,header", [(32, 52), (64, 64)])
def test_a_file_that_ends_inside_its_headers(bits, header):
    good = elf([(LOAD, 0, 64)], bits)
    assert all(layout(good[:size]) is None for size in range(len(good)))
    # Where the table lies in the header itself, only the header counts.
    odd = elf([], bits, table=0, count=1)
    assert len(odd) == header and layout(odd) is not None
    assert all(layout(odd[:size]) is None for size in range(header))


@pytest.mark.parametrize("raw,expected", [
    (b"", []), (note(18, b"\x01\x02\x03\x04"), [(18, b"\x01\x02\x03\x04")]), (note(1), [(1, b"")]),
    (note(1, b"abcde") + note(2, b"f") + note(3), [(1, b"abcde"), (2, b"f"), (3, b"")]),
    (note(1, b"a", b"GNU\0") + note(2, b"b") + note(3, b"c", b"Xenon\0"), [(2, b"b")]),
    (note(1, b"a", b"Xe\0") + note(2, b"b", b"xen\0") + note(3, b"c", b"") + note(4, b"d", b"Xen"), [(4, b"d")]),
    (note(1, b"a", b"Xen" + bytes(13)) + note(2, b"b", b"Xen" + bytes(13) + b"x"), [(1, b"a"), (2, b"b")]),  # 16 bytes of a name count
    (note(1, b"a", b"Xen" + bytes(12) + b"x"), []),
    (note(6, b"x" * 256), [(6, b"x" * 256)]), (note(6, b"x" * 257) + note(7), [(6, b"x" * 256), (7, b"")]),
    (note(1, b"a", b"Xenxx") + note(2), [(2, b"")]), (note(1)[:12], []), (note(1) + note(2)[:11], [(1, b"")]),
    (note(1) + note(2, b"", b"")[:12], [(1, b"")]), (note(1) + note(2, b"ab")[:17], [(1, b""), (2, b"a")]),
])
def test_notes_of_xen(raw, expected):
    assert list(xen_notes(raw)) == expected


def test_a_note_s_owner_may_fill_the_rest():
    assert list(xen_notes(struct.pack("<III", 4, 0, 18) + b"Xen\0")) == [(18, b"")]
    assert list(xen_notes(struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, 18) + b"Xen\0")) == [(18, b"")]


@pytest.mark.parametrize("bits", [32, 64])
def test_the_types_of_all_notes(bits):
    first, second = note(6, b"linux\0") + note(1, bytes(8), b"GNU\0"), note(18, bytes(8)) + note(1, bytes(8))
    start = len(elf([(NOTE, 0, 0)] * 3, bits))
    data = elf([(LOAD, 0, 400), (NOTE, start, len(first)), (NOTE, start + len(first), len(second))], bits) + first + second
    assert read_elf(lambda offset, size: data[offset:offset + size]) == Elf(bits, (6, 18, 1), 400)
    assert read_elf(lambda offset, size: data[1:][offset:offset + size]) is None
