"""What is found in an unpacked kernel as it passes by: where it may stand, and how far it has to be unpacked for it."""

import struct

import pytest

from pvhready.probes.vmlinux import Vmlinux, read_vmlinux
from pvhready.unpack import Damaged

RELEASE = "6.1.0-50-amd64"
BANNER = b"Linux version 6.1.0-50-amd64 (builder@host) #1 SMP\0"
CONFIG = b"\x1f\x8b\x08packed"
IKCONFIG = b"IKCFG_ST" + CONFIG + b"IKCFG_ED"
NOTE = struct.pack("<III", 4, 4, 18) + b"Xen\0abcd"
OTHER = NOTE.replace(b"abcd", b"efgh")
FOUND = ((18, b"abcd"),)
K = 1024
SIZE = 512 * K


def vmlinux(parts, notes=(), text=128 * K, end=SIZE, size=SIZE):
    """A kernel: what stands at an offset, where its segments of notes are, and where its first segment and its last one end."""
    segments = [(1, 0, text), (1, 0, end)] + [(4, at, length) for at, length in notes]
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    header += b"".join(struct.pack("<IIQQQQQQ", kind, 5, at, 0, 0, length, length, 16) for kind, at, length in segments)
    data = bytearray(header.ljust(size, b"\x90"))
    for at, content in parts.items():
        data[at:at + len(content)] = content
    return bytes(data[:size])


def read(data, to_the_end=False, step=16 * K):
    return read_vmlinux(iter([data[at:at + step] for at in range(0, len(data), step)]), to_the_end)


def at(place, content=NOTE):
    return ((place * K, len(content)),)


CASES = {
    # what stands where (in KiB), the segments of notes, what is found, and after how many KiB the reading ends; each piece has 16
    "everything": ({80: BANNER, 90: IKCONFIG, 100: NOTE}, at(100), FOUND, RELEASE, CONFIG, 112),
    "the banner behind": ({80: IKCONFIG, 90: BANNER, 100: NOTE}, at(100), FOUND, RELEASE, CONFIG, 112),
    "all in the first piece that is read": ({20: BANNER, 30: IKCONFIG, 40: NOTE}, at(40), FOUND, RELEASE, CONFIG, 64),
    # Notes come first: what else there is, is waited for to the end of the text and no longer.
    "notes first": ({70: NOTE, 82: IKCONFIG, 100: BANNER}, at(70), FOUND, RELEASE, CONFIG, 112),
    "notes first, no configuration": ({70: NOTE, 82: BANNER}, at(70), FOUND, RELEASE, None, 128),
    "notes first, no banner": ({70: NOTE, 82: IKCONFIG}, at(70), FOUND, None, CONFIG, 128),
    "notes first, a banner in the same piece": ({70: NOTE, 75: BANNER}, at(70), FOUND, RELEASE, None, 128),
    "the others behind the text": ({70: NOTE, 200: BANNER, 210: IKCONFIG}, at(70), FOUND, None, None, 128),
    # Banner and configuration stand together: a banner before the notes says that the configuration would have been there, too.
    "a banner before the notes": ({80: BANNER, 100: NOTE}, at(100), FOUND, RELEASE, None, 112),
    "no banner before the notes": ({80: IKCONFIG, 100: NOTE}, at(100), FOUND, None, CONFIG, 128),
    "a banner in the notes' piece": ({98: BANNER, 100: NOTE}, at(100), FOUND, RELEASE, None, 128),
    "a banner in the piece that ends where the notes begin": ({90: BANNER, 96: NOTE}, at(96), FOUND, RELEASE, None, 128),
    "and one that ends before": ({90: BANNER, 97: NOTE}, at(97), FOUND, RELEASE, None, 112),
    # Notes beyond the text are waited for, and nothing else is looked for there.
    "notes far away": ({80: BANNER, 300: NOTE, 310: IKCONFIG}, at(300), FOUND, RELEASE, None, 304),
    "notes to the end of a piece": ({80: BANNER, 90: IKCONFIG, 96: NOTE}, ((96 * K, 16 * K),), FOUND, RELEASE, CONFIG, 112),
    "and beyond": ({80: BANNER, 90: IKCONFIG, 96: NOTE}, ((96 * K, 16 * K + 1),), FOUND, RELEASE, CONFIG, 128),
    "no notes": ({80: BANNER, 90: IKCONFIG}, (), None, RELEASE, CONFIG, 96),
    "no notes and no configuration": ({80: BANNER}, (), None, RELEASE, None, 128),
    "a place for notes, and none in it": ({80: BANNER, 90: IKCONFIG}, ((100 * K, 0),), None, RELEASE, CONFIG, 112),
    "notes that are not Xen's": ({80: BANNER, 90: IKCONFIG, 100: NOTE.replace(b"Xen", b"GNU")}, at(100), (), RELEASE, CONFIG, 112),
    "two segments of notes": (
        {80: BANNER, 90: IKCONFIG, 100: NOTE, 70: OTHER}, at(100) + at(70) + at(100), ((18, b"efgh"),) + FOUND, RELEASE, CONFIG, 112),
    "a banner between them": (
        {70: OTHER, 82: BANNER, 100: NOTE}, at(100) + at(70), ((18, b"efgh"),) + FOUND, RELEASE, None, 128),
    "a banner in the piece behind the text": ({128: BANNER, 132: IKCONFIG, 300: NOTE}, at(300), FOUND, None, None, 304),
    "the first of two banners": ({80: BANNER, 85: BANNER.replace(b"6.1", b"5.1"), 90: IKCONFIG}, (), None, RELEASE, CONFIG, 96),
    "a banner in each of two pieces": ({80: BANNER, 97: BANNER.replace(b"6.1", b"5.1"), 99: IKCONFIG}, (), None, RELEASE, CONFIG, 112),
    "the first of two configurations": ({80: BANNER, 90: IKCONFIG, 92: IKCONFIG.replace(b"d", b"D")}, (), None, RELEASE, CONFIG, 96),
    "one across two pieces, and another": (
        {80: BANNER, 96 - 1 / 256: IKCONFIG, 97: IKCONFIG.replace(b"d", b"D")}, (), None, RELEASE, CONFIG, 112),
    "one in each of two pieces": ({80: IKCONFIG, 97: IKCONFIG.replace(b"d", b"D"), 98: BANNER}, (), None, RELEASE, CONFIG, 112),
}


@pytest.mark.parametrize("name", CASES)
def test_no_more_is_unpacked_than_it_takes(name):
    parts, notes, found, release, config, end = CASES[name]
    data = vmlinux({int(place * K): content for place, content in parts.items()}, notes)
    assert read(data) == Vmlinux(64, found, release, config, end * K, False)
    assert read(data, True) == Vmlinux(64, found, release, config, SIZE, True)


def test_a_configuration_that_has_begun_is_waited_for():
    parts = {80 * K: BANNER, 96 * K - 12: IKCONFIG[:12], 96 * K: b"x" * 20000 + IKCONFIG[-8:], 100 * K: b"y"}
    found = read(vmlinux(parts, ((97 * K, 4),)))
    assert (found.config, found.size) == (IKCONFIG[8:12] + (b"x" * 4096 + b"y" + b"x" * 20000)[:20000], 128 * K)


def test_a_configuration_without_an_end_is_none():
    data = vmlinux({80 * K: BANNER, 90 * K: IKCONFIG[:-8], 100 * K: NOTE}, at(100))
    assert read(data) == Vmlinux(64, FOUND, RELEASE, None, 128 * K, False)


@pytest.mark.parametrize("beyond,size", [(0, 80 * K + (2 << 20) + 16 * K), (1, 80 * K + (2 << 20))])
def test_one_of_more_than_two_megabytes_is_given_up(beyond, size):
    """The mark stands so that a piece ends with exactly as much, or with one byte more."""
    parts = {70 * K: BANNER, 80 * K - 8 - beyond: IKCONFIG[:12], 3 << 20: IKCONFIG[-8:]}
    data = vmlinux(parts, (), 4 << 20, 4 << 20, 4 << 20)
    found = read(data)
    assert (found.release, found.config, found.size) == (RELEASE, None, size)
    assert read(data, True).config is None  # an end that comes later changes nothing


@pytest.mark.parametrize("size,end,damaged", [
    (SIZE, SIZE, False), (SIZE, SIZE + 1, True), (SIZE, SIZE - 1, False), (65 * K, 65 * K, False), (65 * K, 65 * K + 1, True),
    (64 * K, 64 * K, False), (64 * K - 1, 64 * K - 1, False), (64 * K - 1, 64 * K, True), (400, 400, False), (400, 401, True),
])
def test_a_kernel_that_ends_before_it_should(size, end, damaged):
    data = vmlinux({}, (), min(size, end), end, size)
    if damaged:
        with pytest.raises(Damaged) as caught:
            read(data, True)
        assert caught.value.reason == "holds a kernel that ends at {} bytes, and its ELF header speaks of {}".format(size, end)
    else:
        assert read(data, True) == Vmlinux(64, None, None, None, size, True)


def test_a_small_kernel_is_whole_at_once():
    """What has fewer than 64 KiB is there in one go; of what has as many, it is not known that there is no more."""
    assert read(vmlinux({}, (), 400, 400, 64 * K - 1)) == Vmlinux(64, None, None, None, 64 * K - 1, True)
    assert read(vmlinux({}, (), 400, 400, 64 * K)) == Vmlinux(64, None, None, None, 64 * K, False)
    data = vmlinux({}, (), 66000, 66000, 66000)
    assert read_vmlinux(iter([data[:64 * K - 1], data[64 * K - 1:]]), False).size == 66000
    pieces = iter([vmlinux({}, (), 400, 400, 64 * K), b"next"])
    read_vmlinux(pieces, False)
    assert next(pieces) == b"next"


@pytest.mark.parametrize("data", [b"", b"text" * 1000, b"\x7fELF" + bytes(100), vmlinux({})[:63], b"x" * 200000])
def test_what_is_no_kernel(data):
    with pytest.raises(Damaged) as caught:
        read(data)
    assert caught.value.reason == "holds no kernel: its ELF header makes no sense"


@pytest.mark.parametrize("step", [1, 3, 13, 127, 128, 129, 1000, 1 << 20])
def test_pieces_of_any_size(step):
    content = {66000: BANNER, 66200: IKCONFIG, 66400: OTHER, 66424: NOTE}
    data = vmlinux(content, ((66400, 24), (66424, 24)), 66600, 66700, 66700)
    pieces = [data[:65536]] + [data[place:place + step] for place in range(65536, len(data), step)]
    found = read_vmlinux(iter(pieces), True)
    assert found == Vmlinux(64, ((18, b"efgh"),) + FOUND, RELEASE, CONFIG, 66700, True)


@pytest.mark.parametrize("cut", list(range(65, 81)) + [120, 127, 128, 129, 192, 193])
def test_a_long_release_across_two_pieces(cut):
    release = "6" * 64
    data = vmlinux({70000: b"Linux version " + release.encode() + b" (x", 70600: IKCONFIG}, (), 80000, 80000, 80000)
    pieces = [data[:70000 + cut - 64], data[70000 + cut - 64:]]
    found = read_vmlinux(iter(pieces), True)
    assert (found.release, found.config) == (release, CONFIG)


@pytest.mark.parametrize("banner,release", [
    (b"Linux version 6.1.0 (x", "6.1.0"), (b"Linux version 6.1.0 (", "6.1.0"), (b"Linux version 6.1.0 ", None),
    (b"Linux version 6.1.0 x(", None), (b"Linux version 6.1.0(x", None),
    (b"Linux version v6.1.0 (x", None), (b"Linux version  (x", None), (b"Linux version %s (%s)", None),
    (b"Linux version 6.1.0\x7f (x", None), (b"Linux version 6.1.0\x20 (x", None), (b"Linux version 6.1~! (x", "6.1~!"),
    (b"Linux version 6.1\x1f (x", None), (b"Linux version 6\xff (x", None), (b"linux version 6.1.0 (x", None),
    (b"Linux version " + b"6" * 64 + b" (x", "6" * 64), (b"Linux version " + b"6" * 65 + b" (x", None),
    (b"Linux version %s (%s)\0Linux version Linux version 6.1.0 (x", "6.1.0"),
])
def test_a_banner(banner, release):
    assert read(vmlinux({70 * K: banner})).release == release
    assert read(vmlinux({80 * K - 5: banner})).release == release
