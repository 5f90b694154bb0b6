"""What is said of an image: its words, a second opinion on its payload, xzio, and its width."""

import pytest

from pvhready.facts import Config, Guest, Image, Kernel
from pvhready.host import profile
from pvhready.rules.image import describe, judge_image, width_of

GOOD = Image(
    "bzimage", "xz", 64, 9000, "6.1.0", 0x20F, 0xAA55, setup_sectors=27, loaded_high=True, payload_offset=1000, payload_end=8000,
    payload_magic="fd377a585a00", code_end=9000)


def judged(image, mode="pvh", host="debian-12", guest=None, modules=()):
    kernel = Kernel("/boot/vmlinuz", image, "6.1.0", "6.1.0")
    findings = judge_image(kernel, mode, profile(host), guest or Guest("PV"), modules)
    return [(finding.id, finding.status, finding.summary) for finding in findings]


@pytest.mark.parametrize("image,words", [
    (GOOD, "bzImage, payload xz, 64-bit"), (GOOD._replace(payload="elf", bits=32), "bzImage, plain ELF payload, 32-bit"),
    (Image("gzipped-bzimage", "gzip"), "gzipped bzImage, payload gzip"), (Image("elf", bits=64), "ELF, 64-bit"),
    (Image("uki"), "unified kernel image"), (Image("not-a-kernel"), "not a kernel"), (Image("unknown"), "of unknown form"),
])
def test_the_words_for_an_image(image, words):
    assert describe(image) == words


@pytest.mark.parametrize("opinion,objects", [(None, False), ("xz", False), ("zstd", True)])
def test_a_second_opinion_on_the_payload(opinion, objects):
    (finding,) = judged(GOOD._replace(opinion=opinion))
    assert finding[:2] == (("image-contradiction", "unknown") if objects else ("image-form", "pass"))
    assert ("header says xz, libmagic says zstd" in finding[2]) == objects


@pytest.mark.parametrize("payload,host,modules,expected", [
    ("xz", "debian-12", (), ("image-form", "pass")), ("xz", "upstream-2.06", (), ("image-xzio", "unknown")),
    ("xz", "upstream-2.06", ("xzio",), ("image-form", "pass")), ("gzip", "upstream-2.06", (), ("image-form", "pass")),
    ("elf", "upstream-2.06", ("gzio",), ("image-form", "pass")), ("zstd", "upstream-2.06", ("xzio",), ("image-payload", "fail")),
])
def test_xzio_matters_to_xz_under_pv_and_to_nothing_else(payload, host, modules, expected):
    assert judged(GOOD._replace(payload=payload), "pv", host, modules=modules)[0][:2] == expected
    assert judged(GOOD._replace(payload=payload), "pvh", host, modules=modules)[0][:2] == ("image-form", "pass")


def test_what_libmagic_says_of_a_file_that_is_no_kernel():
    assert judged(Image("not-a-kernel", description="ASCII text"))[0][2] == "not a kernel: ASCII text"
    assert judged(Image("not-a-kernel"))[0][2] == "not a kernel: unknown data"


@pytest.mark.parametrize("notes,words", [
    (None, "no XEN note found"), ((), "no XEN note found"), ((6, 18), "no PV entry point"), ((1, 6), ""),
])
def test_the_notes_of_a_decompressed_kernel(notes, words):
    (finding,) = judged(Image("elf", bits=64, size=9000, payload_end=9000, notes=notes), "pv")
    assert finding[:2] == (("image-xen-note", "fail") if words else ("image-form", "pass")) and words in finding[2]


@pytest.mark.parametrize("bits,symbol,expected", [(64, None, 64), (32, "y", 32), (None, "y", 64), (None, "n", 32), (None, None, None)])
def test_the_width_is_the_image_s_else_the_configuration_s(bits, symbol, expected):
    values = {} if symbol is None else {"X86_64": symbol}
    kernel = Kernel("/boot/vmlinuz", GOOD._replace(bits=bits), "6.1.0", "6.1.0", config=Config("/boot/config", values))
    assert width_of(kernel) == expected


def test_a_loader_of_the_other_width():
    (finding,) = judged(GOOD._replace(bits=32), "pv", guest=Guest("PV", loader_bits=64))
    assert finding[:2] == ("image-width", "fail") and "a 32-bit kernel, and this guest's PV loader is the 64-bit one" in finding[2]


def test_an_elf_file_for_another_processor():
    assert judged(Image("elf", size=9000, payload_end=9000, notes=(1,)), "pv")[0][:2] == ("image-not-a-kernel", "fail")


@pytest.mark.parametrize("protocol,pv,pvh", [
    (0x202, "version too old for xen boot", "version too old for 32-bit boot"), (0x203, "version too old for xen boot", ""),
    (0x207, "version too old for xen boot", ""), (0x208, "", ""), (None, "version too old for xen boot", "version too old for 32-bit boot"),
])
def test_a_protocol_that_a_loader_does_not_take(protocol, pv, pvh):
    for mode, words in (("pv", pv), ("pvh", pvh)):
        (finding,) = judged(GOOD._replace(protocol=protocol), mode)
        assert finding[:2] == (("image-protocol", "fail") if words else ("image-form", "pass")) and words in finding[2]


@pytest.mark.parametrize("image,where", [
    (GOOD._replace(payload_end=9001), "offset 0x24c"), (GOOD._replace(payload_end=None, code_end=9001), "offset 0x24c"),
    (Image("elf", bits=64, size=9000, payload_end=9001, notes=(1,)), "program headers"),
])
def test_a_file_that_is_shorter_than_its_header_says(image, where):
    kernel = Kernel("/boot/vmlinuz", image, "6.1.0", "6.1.0")
    for mode in ("pv", "pvh"):
        (finding,) = judge_image(kernel, mode, profile("debian-12"), Guest("PV"))
        assert (finding.id, finding.status, finding.evidence) == ("image-truncated", "fail", (("/boot/vmlinuz", where, "9001"),))
        assert finding.summary == "truncated: its header speaks of 9001 bytes, it has 9000" and finding.remedies
    assert judged(image._replace(size=9001), "pv")[0][1] == "pass"


@pytest.mark.parametrize("image,where,magic", [
    (GOOD._replace(payload="zstd", payload_magic="28b52ffd"), "offset 0x3e8", "28b52ffd"),
    (GOOD._replace(payload=None, payload_offset=None, payload_magic=None), "offset 0x0", ""),
])
def test_a_payload_is_shown_where_it_stands(image, where, magic):
    (finding,) = judge_image(Kernel("/boot/vmlinuz", image, "6.1.0", "6.1.0"), "pv", profile("debian-12"), Guest("PV"))
    assert (finding.id, finding.status, finding.evidence) == ("image-payload", "fail", (("/boot/vmlinuz", where, magic),))


@pytest.mark.parametrize("sectors,pvh", [(64, "pass"), (65, "fail")])
def test_setup_sectors_that_grub_has_room_for(sectors, pvh):
    assert judged(GOOD._replace(setup_sectors=sectors), "pvh")[0][1] == pvh
    assert judged(GOOD._replace(setup_sectors=sectors), "pv")[0][1] == "pass"


@pytest.mark.parametrize("answer,expected", [("yes", "pass"), ("no", "fail"), ("unknown", "unknown")])
def test_a_compression_of_which_a_host_s_profile_says_so(answer, expected):
    host = profile("debian-12")._replace(payloads={"lz4": answer})
    findings = judge_image(Kernel("/boot/vmlinuz", GOOD._replace(payload="lz4"), "6.1.0", "6.1.0"), "pv", host, Guest("PV"))
    assert [finding.status for finding in findings] == [expected]


MADE = GOOD._replace(size=100000, code_end=100000, memory=200000, unpacked=150000, initrd_limit=0x7FFFFFFF)
BEHIND_SETUP = 100000 - 28 * 512


@pytest.mark.parametrize("changed,place", [
    ({}, None), ({"unpacked": None}, None), ({"memory": None}, None), ({"initrd_limit": None}, None),
    ({"unpacked": 0}, ("offset 0x1f3c", "0x0")), ({"unpacked": 0, "payload_end": None}, ("offset 0x0", "0x0")),
    ({"memory": BEHIND_SETUP, "unpacked": None}, None), ({"memory": BEHIND_SETUP - 1, "unpacked": None}, ("offset 0x260", "0x14e9f")),
    ({"memory": 1 << 30}, None), ({"memory": (1 << 30) + 1}, ("offset 0x260", "0x40000001")),
    ({"setup_sectors": 0, "memory": 100000 - 5 * 512, "unpacked": None}, None),
    ({"setup_sectors": 0, "memory": 100000 - 5 * 512 - 1, "unpacked": None}, ("offset 0x260", "0x17c9f")),
    ({"unpacked": 200000}, None), ({"unpacked": 200001}, ("offset 0x1f3c", "0x30d41")),
    ({"unpacked": 200001, "payload_end": None}, ("offset 0x0", "0x30d41")), ({"unpacked": 200001, "memory": None}, None),
    ({"initrd_limit": 0x37FFFFFF}, None), ({"initrd_limit": 0x37FFFFFE}, ("offset 0x22c", "0x37fffffe")),
])
def test_what_no_kernel_build_writes(changed, place):
    kernel = Kernel("/boot/vmlinuz", MADE._replace(**changed), "6.1.0", "6.1.0")
    (finding,) = judge_image(kernel, "pvh", profile("debian-12"), Guest("PV"))
    if place is None:
        assert (finding.id, finding.status) == ("image-form", "pass")
    else:
        assert (finding.id, finding.status, finding.evidence) == ("image-header", "unknown", (("/boot/vmlinuz",) + place,))
        assert finding.remedies


@pytest.mark.parametrize("flag,shown", [(0, "0x0000"), (None, "0x0000"), (0xAA56, "0xaa56")])
def test_no_boot_signature(flag, shown):
    for mode in ("pv", "pvh"):
        kernel = Kernel("/boot/vmlinuz", GOOD._replace(boot_flag=flag), "6.1.0", "6.1.0")
        (finding,) = judge_image(kernel, mode, profile("debian-12"), Guest("PV"))
        assert (finding.id, finding.status, finding.evidence) == ("image-not-bzimage", "fail", (("/boot/vmlinuz", "offset 0x1fe", shown),))


def test_no_payload_at_all_under_pv():
    assert "payload missing" in judged(GOOD._replace(payload=None), "pv")[0][2]
    assert "payload lz4" in judged(GOOD._replace(payload="lz4"), "pv")[0][2]


@pytest.mark.parametrize("payload,host,words", [
    ("zstd", "debian-sid", "GRUB 2.14 spoils the initramfs"), ("zstd", "upstream-2.14", "GRUB 2.14 spoils the initramfs"),
    ("zstd", "debian-13", "not xen image"), ("zstd", "bitfolk", "not xen image"), ("lz4", "debian-sid", "not xen image"),
])
def test_zstd_under_pv(payload, host, words):
    (finding,) = judged(GOOD._replace(payload=payload), "pv", host)
    assert finding[:2] == ("image-payload", "fail") and words in finding[2]
