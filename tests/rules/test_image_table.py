"""The table of image forms: what each loader takes, as measured with real pvgrub2 and pvhgrub, or read in GRUB's source."""

import gzip
import os

import pytest

from pvhready.demo.image import bzimage, elf_kernel, uki
from pvhready.facts import Config, Guest, Kernel
from pvhready.host import profile
from pvhready.judge import judge_kernel
from pvhready.probes.image import read_image
from pvhready.root import Root

RELEASE = "6.1.0-50-amd64"
VALUES = {"XEN": "y", "XEN_PV": "y", "XEN_PVH": "y", "XEN_BLKDEV_FRONTEND": "y"}


def _patched(image, *changes):
    changed = bytearray(image)
    for offset, value in changes:
        changed[offset:offset + len(value)] = value
    return bytes(changed)


PLAIN = bzimage(RELEASE, "gzip")
HALF = PLAIN[:-100] + bytes(100)  # as a crash leaves a file whose last blocks were never written
# name: (the file, its container, PVH, PV, the check that objects under PVH, the one under PV)
FORMS = {
    "gzip": (PLAIN, "bzimage", "boots", "boots", None, None),
    "uncompressed": (bzimage(RELEASE, "elf"), "bzimage", "boots", "boots", None, None),
    "xz": (bzimage(RELEASE, "xz"), "bzimage", "boots", "boots", None, None),
    "lzo": (bzimage(RELEASE, "lzo"), "bzimage", "boots", "fails", None, "image-payload"),
    "lz4": (bzimage(RELEASE, "lz4"), "bzimage", "boots", "fails", None, "image-payload"),
    "lzma": (bzimage(RELEASE, "lzma"), "bzimage", "boots", "fails", None, "image-payload"),
    "bzip2": (bzimage(RELEASE, "bzip2"), "bzimage", "boots", "fails", None, "image-payload"),
    "zstd": (bzimage(RELEASE, "zstd"), "bzimage", "boots", "fails", None, "image-payload"),
    "unknown payload": (bzimage(RELEASE, b"no such compression"), "bzimage", "unknown", "fails", "image-payload", "image-payload"),
    "elf": (elf_kernel(RELEASE), "elf", "fails", "boots", "image-not-bzimage", None),
    "elf without Xen": (elf_kernel(RELEASE, xen=False), "elf", "fails", "fails", "image-not-bzimage", "image-xen-note"),
    "elf without a PV entry": (elf_kernel(RELEASE, pv=False), "elf", "fails", "fails", "image-not-bzimage", "image-xen-note"),
    "elf of 32 bits": (elf_kernel(RELEASE, bits=32), "elf", "fails", "fails", "image-not-bzimage", "image-width"),
    "32-bit bzImage": (bzimage(RELEASE, "gzip", bits=32), "bzimage", "boots", "fails", None, "image-width"),
    "gzipped whole": (gzip.compress(PLAIN), "gzipped-bzimage", "boots", "boots", None, None),
    "uki": (uki(RELEASE), "uki", "fails", "fails", "image-uki", "image-uki"),
    "no boot flag": (_patched(PLAIN, (0x1FE, b"\0\0")), "bzimage", "fails", "fails", "image-not-bzimage", "image-not-bzimage"),
    "no HdrS": (_patched(PLAIN, (0x202, b"XXXX")), "not-a-kernel", "fails", "fails", "image-not-a-kernel", "image-not-a-kernel"),
    "protocol 2.02": (_patched(PLAIN, (0x206, b"\x02\x02")), "bzimage", "fails", "fails", "image-protocol", "image-protocol"),
    "protocol 2.03": (_patched(PLAIN, (0x206, b"\x03\x02")), "bzimage", "boots", "fails", None, "image-protocol"),
    "protocol 2.07": (_patched(PLAIN, (0x206, b"\x07\x02")), "bzimage", "boots", "fails", None, "image-protocol"),
    "protocol 2.08": (_patched(PLAIN, (0x206, b"\x08\x02")), "bzimage", "boots", "boots", None, None),
    "zImage": (_patched(PLAIN, (0x211, b"\0")), "bzimage", "fails", "boots", "image-zimage", None),
    "65 setup sectors": (bzimage(RELEASE, "gzip", setup_sectors=65), "bzimage", "fails", "boots", "image-setup-sectors", None),
    "0 setup sectors": (bzimage(RELEASE, "gzip", setup_sectors=0), "bzimage", "boots", "fails", None, "image-setup-sectors"),
    "cut in the payload": (PLAIN[:-600], "bzimage", "fails", "fails", "image-truncated", "image-truncated"),
    "cut in the header": (PLAIN[:0x240], "bzimage", "fails", "fails", "image-truncated", "image-truncated"),
    "payload past the end": (
        _patched(PLAIN, (0x24C, b"\xff\xff\xff\x7f")), "bzimage", "fails", "fails", "image-truncated", "image-truncated"),
    "payload of no length": (_patched(PLAIN, (0x24C, b"\0\0\0\0")), "bzimage", "unknown", "fails", "image-payload", "image-payload"),
    "payload far away": (_patched(PLAIN, (0x248, b"\xff\xff\xff\xff")), "bzimage", "fails", "fails", "image-truncated", "image-truncated"),
    "elf cut short": (elf_kernel(RELEASE, size=4096)[:-600], "elf", "fails", "fails", "image-truncated", "image-truncated"),
    "elf header of nonsense": (b"\x7fELF" + b"\xff" * 4096, "elf", "unknown", "unknown", "image-unreadable", "image-unreadable"),
    "gzipped whole, cut short": (gzip.compress(PLAIN)[:-40], "unknown", "unknown", "unknown", "image-unreadable", "image-unreadable"),
    "gzipped text": (gzip.compress(b"hello " * 400), "not-a-kernel", "fails", "fails", "image-not-a-kernel", "image-not-a-kernel"),
    "text": (b"hello " * 400, "not-a-kernel", "fails", "fails", "image-not-a-kernel", "image-not-a-kernel"),
    "an end that was never written": (HALF, "bzimage", "unknown", "unknown", "image-header", "image-header"),
    "more payload than memory": (
        _patched(PLAIN, (0x260, b"\0\x04\0\0")), "bzimage", "unknown", "unknown", "image-header", "image-header"),
    "grown past its memory": (PLAIN + bytes(4 << 20), "bzimage", "unknown", "unknown", "image-header", "image-header"),
    "signed": (PLAIN + b"signature" * 200, "bzimage", "boots", "boots", None, None),
    "no memory": (_patched(PLAIN, (0x260, b"\0\0\0\0")), "bzimage", "unknown", "unknown", "image-header", "image-header"),
    "4 GB of memory": (_patched(PLAIN, (0x260, b"\0\xf0\xff\xff")), "bzimage", "unknown", "unknown", "image-header", "image-header"),
    "no room for an initramfs": (
        _patched(PLAIN, (0x22C, b"\0\x10\0\0")), "bzimage", "unknown", "unknown", "image-header", "image-header"),
    "zeros": (b"\0" * 8192, "not-a-kernel", "fails", "fails", "image-truncated", "image-truncated"),
    "empty": (b"", "not-a-kernel", "fails", "fails", "image-truncated", "image-truncated"),
}


def _answer(folder, content):
    with open(os.path.join(str(folder), "vmlinuz"), "wb") as handle:
        handle.write(content)
    with Root(str(folder)) as root:
        image = read_image(root, "/vmlinuz")
    kernel = Kernel("/vmlinuz", image, RELEASE, RELEASE, config=Config("/config", dict(VALUES)))
    return image, judge_kernel(kernel, profile("bitfolk"), Guest("PV", loader_bits=64))


@pytest.mark.parametrize("name", list(FORMS))
def test_each_form_gets_both_answers_and_the_objection_that_grub_makes(name, tmp_path):
    content, container, pvh, pv, pvh_check, pv_check = FORMS[name]
    image, answer = _answer(tmp_path, content)
    assert image.container == container
    assert answer.modes == {"pvh": pvh, "pv": pv}
    assert answer.reasons["pvh"] == ((pvh_check,) if pvh_check else ())
    assert answer.reasons["pv"] == ((pv_check,) if pv_check else ())


@pytest.mark.parametrize("name", ["gzip", "xz", "elf"])
def test_no_byte_of_the_header_that_is_cut_off_gives_a_kernel_that_boots(name, tmp_path):
    content = FORMS[name][0]
    for length in list(range(0, 0x280, 7)) + list(range(0x280, len(content), 61)):
        _, answer = _answer(tmp_path, content[:length])
        assert "boots" not in answer.modes.values(), length


def test_what_a_payload_magic_elsewhere_in_the_file_says_does_not_count(tmp_path):
    misleading = _patched(PLAIN, (0x300, b"\x02\x21\x4c\x18"), (0x320, b"\xfd7zXZ\0"), (0x340, b"BZh"))
    image, answer = _answer(tmp_path, misleading)
    assert image.payload == "gzip"
    assert answer.modes["pv"] == "boots"
