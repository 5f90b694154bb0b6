"""What is read of an image, field by field, against what was written into it (Linux: Documentation/arch/x86/boot.rst)."""

import gzip
import struct

import pytest

from pvhready.demo.image import bzimage, uki
from pvhready.facts import Image
from pvhready.probes.image import image_in, read_image
from pvhready.root import Root

RELEASE = "6.1.0-50-amd64"
PLAIN = bzimage(RELEASE, "xz", cmdline_size=1234)
SETUP = 8 * 512
STUB = 0x200


def patched(offset, value, image=PLAIN):
    return image[:offset] + value + image[offset + len(value):]


def word(value):
    return struct.pack("<H", value)


def test_each_field_of_the_header():
    length = struct.unpack_from("<I", PLAIN, 0x24C)[0]
    image = image_in(PLAIN, "k")
    assert (image.container, image.size, image.protocol, image.setup_sectors) == ("bzimage", len(PLAIN), 0x20F, 7)
    assert (image.boot_flag, image.loaded_high, image.release, image.bits) == (0xAA55, True, RELEASE, 64)
    assert (image.cmdline_size, image.initrd_limit) == (1234, 0x7FFFFFFF)
    assert image.code_end == len(PLAIN)
    assert (image.payload_offset, image.payload_end) == (SETUP + STUB, SETUP + STUB + length)
    assert (image.payload, image.payload_magic) == ("xz", "fd377a585a00")
    assert image.memory == struct.unpack_from("<I", PLAIN, 0x260)[0]
    assert image.unpacked == struct.unpack_from("<I", PLAIN, SETUP + STUB + length - 4)[0]


@pytest.mark.parametrize("protocol,known", [
    (0x202, ()), (0x203, ("initrd_limit",)), (0x205, ("initrd_limit",)), (0x206, ("initrd_limit", "cmdline_size")),
    (0x207, ("initrd_limit", "cmdline_size")), (0x208, ("initrd_limit", "cmdline_size", "payload_offset")),
    (0x20A, ("initrd_limit", "cmdline_size", "payload_offset", "memory")),
    (0x20B, ("initrd_limit", "cmdline_size", "payload_offset", "memory")),
    (0x20C, ("initrd_limit", "cmdline_size", "payload_offset", "memory", "bits")),
])
def test_a_field_counts_from_the_protocol_on_that_brought_it(protocol, known):
    image = image_in(patched(0x206, word(protocol)), "k")
    fields = ("initrd_limit", "cmdline_size", "payload_offset", "memory", "bits")
    assert tuple(field for field in fields if getattr(image, field) is not None) == known
    assert (image.payload is None) == ("payload_offset" not in known)


def test_no_setup_sectors_stand_for_four():
    image = image_in(bzimage(RELEASE, "xz", setup_sectors=0), "k")
    assert (image.setup_sectors, image.payload_offset) == (0, 5 * 512 + STUB)


@pytest.mark.parametrize("pointer,banner,release", [
    (0x200, b"5.10.0-x y", "5.10.0-x"), (0x200, b"5.10.0-x", "5.10.0-x"), (0, b"5.10.0-x", None), (0x200, b"", None),
    (0x200, b"v5.10", None), (0x200, b" \t ", None), (0x200, b"5.10\xff z", None), (0x210, b"5.10.0-x y", None),
])
def test_the_release_where_its_pointer_leads(pointer, banner, release):
    image = image_in(patched(0x20E, word(pointer), patched(0x400, banner.ljust(64, b"\0"))), "k")
    assert (image.container, image.release) == ("bzimage", release)


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_release_past_the_end_is_no_header_of_a_kernel(beyond):
    small = PLAIN[:0x2000]
    image = image_in(patched(0x20E, word(len(small) - 0x200 + beyond), small), "k")
    assert image.container == "unknown" and image.problem and "past its end" in image.problem.reason
    assert image_in(patched(0x20E, word(len(small) - 0x201), small), "k").container == "bzimage"


@pytest.mark.parametrize("size", [0x206, 0x210, 0x263])
def test_a_file_that_ends_inside_its_header(size):
    image = image_in(PLAIN[:size], "k")
    assert image.problem == ("k", "ends inside its header, at {} bytes".format(size))


@pytest.mark.parametrize("length,payload,unpacked", [(0, None, False), (4, "xz", False), (5, "xz", True)])
def test_a_payload_without_room_for_its_size(length, payload, unpacked):
    image = image_in(patched(0x24C, struct.pack("<I", length)), "k")
    assert (image.payload, image.unpacked is not None) == (payload, unpacked)


def test_a_size_that_is_cut_off_is_none():
    end = struct.unpack_from("<I", PLAIN, 0x24C)[0] + SETUP + STUB
    assert image_in(PLAIN[:end], "k").unpacked is not None
    assert image_in(PLAIN[:end - 1], "k").unpacked is None


@pytest.mark.parametrize("payload", ["elf", b"no such compression"])
def test_what_is_not_packed_has_no_size_behind_it(payload):
    assert image_in(bzimage(RELEASE, payload), "k").unpacked is None


@pytest.mark.parametrize("content,reason", [(b"", "is empty"), (bytes(4096), "starts with nothing but zeros")])
def test_nothing_at_all(content, reason):
    assert image_in(content, "k") == Image("not-a-kernel", size=len(content), problem=("k", reason))


@pytest.mark.parametrize("size,flag", [(0x1FF, None), (0x200, 0xAA55), (0x300, 0xAA55)])
def test_the_flag_of_what_may_be_a_boot_sector(size, flag):
    content = patched(0x1FE, b"\x55\xaa", b"x" * 0x300)[:size]
    assert image_in(content, "k") == Image("not-a-kernel", size=size, boot_flag=flag)


def test_a_gzipped_image_is_as_long_as_what_is_in_it():
    inside = image_in(PLAIN, "k")
    assert image_in(gzip.compress(PLAIN), "k") == inside._replace(container="gzipped-bzimage")
    assert image_in(gzip.compress(b"x" * 4096), "k").container == "not-a-kernel"
    assert image_in(gzip.compress(PLAIN)[:-9], "k").container == "unknown"


def test_a_unified_image_is_one_by_its_section():
    image = uki(RELEASE)
    assert image_in(image, "k") == Image("uki", size=len(image))
    at = struct.unpack_from("<I", image, 0x3C)[0]
    last = at + 24 + 0xF0 + 2 * 40
    assert image[last:last + 6] == b".linux"
    for other in (
        patched(last, b".linuX", image), patched(last + 6, b"x", image), patched(at, b"PF", image), patched(at + 6, word(2), image),
        image[:at + 23], image[:at + 24], patched(0x3C, b"\xff\xff\xff\xff", image),
    ):
        assert image_in(other, "k").container == "not-a-kernel"


def test_libmagic_is_asked_what_is_no_kernel(tmp_path):
    pytest.importorskip("magic")
    tmp_path.joinpath("text").write_bytes(b"#!/bin/sh\necho hello\n")
    tmp_path.joinpath("empty").write_bytes(b"")
    tmp_path.joinpath("kernel").write_bytes(PLAIN)
    with Root(str(tmp_path)) as root:
        assert "shell script" in read_image(root, "/text").description
        assert read_image(root, "/empty").description is None
        assert (read_image(root, "/kernel").opinion, read_image(root, "/kernel", deep=True).opinion) == (None, "xz")
        assert read_image(root, "/none").problem.path == "/none"


@pytest.mark.parametrize("flags,bits", [(0, 32), (1, 64), (2, 32), (0x3E, 32), (0x3F, 64)])
def test_the_width_is_one_bit(flags, bits):
    assert image_in(patched(0x236, word(flags)), "k").bits == bits


@pytest.mark.parametrize("flags,high", [(0, False), (1, True), (0x80, False), (0x81, True)])
def test_so_is_where_it_is_loaded(flags, high):
    assert image_in(patched(0x211, bytes([flags])), "k").loaded_high is high


def test_a_release_of_256_bytes_is_read():
    banner = b"5." + b"1" * 254
    assert image_in(patched(0x400, banner + b"9"), "k").release == banner.decode()
