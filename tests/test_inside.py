"""What stands inside a kernel: notes, release and configuration are found, prove what they prove, and never more."""

import os
import random
import resource
import shutil
import struct
import subprocess
import sys

import pytest

from pvhready.demo import parts
from pvhready.demo.compress import compress
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.memory.folder import Folder
from pvhready.memory.results import Memory
from pvhready.probes import inside as probe
from pvhready.probes.image import Content, image_in
from pvhready.probes.kernels import read_kernel
from pvhready.root import Root
from pvhready.unpack import program
from support import trees, wanted
from support.program import findings
from support.vmlinux import xen_notes

FORMS = ("gzip", "xz", "lzma", "bzip2", "lzo", "lz4", "zstd", "elf")
WITH_SUM = ("gzip", "xz", "bzip2", "lzo")  # those of the above that the demo writes with a checksum of the data
RELEASE = trees.RELEASE
IMAGE = "/boot/vmlinuz-" + RELEASE
CONFIG = "/boot/config-" + RELEASE
PROGRAMS = {"lzo": ("lzop", "lzop"), "lz4": ("lz4", "lz4"), "zstd": ("zstd", "zstd")}


def need(form):
    if form in PROGRAMS:
        wanted.tool(*PROGRAMS[form])


def look(image, to_the_end=False):
    """Return what stands inside the bytes of an image, and the configuration there."""
    return probe.look_inside(Content(image, "/image"), image_in(image, "/image"), (), to_the_end)


def checks(report, *ids):
    return {check["id"]: (check["status"], check["summary"]) for check in report["checks"] if check["id"] in ids}


def noise(size):
    return random.Random(7).getrandbits(8 * size).to_bytes(size, "little")


# What is read


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("form", FORMS)
def test_notes_release_and_configuration_come_out_of_every_payload(form, bits):
    need(form)
    config = parts.configuration(RELEASE, trees.debian_symbols())
    vmlinux = elf_kernel(RELEASE, bits, features=0x8801, size=300000, config=config)
    for to_the_end in (False, True):
        found, source = look(bzimage(RELEASE, form, bits, vmlinux), to_the_end)
        assert (found.bits, found.release, found.features, found.problem) == (bits, RELEASE, 0x8801, None)
        assert {1, 6, 17, 18} <= set(found.notes)
        assert found.whole >= to_the_end
        assert source.values["XEN_PVH"] == "y" and source.values["XEN_BLKDEV_FRONTEND"] == "m" and source.version == RELEASE


def test_notes_are_those_that_readelf_shows(tmp_path):
    for wanted_notes in ({}, {"pv": False}, {"pvh": False}, {"xen": False}, {"features": 0x8001}, {"bits": 32}):
        vmlinux = elf_kernel(RELEASE, **wanted_notes)
        (tmp_path / "vmlinux").write_bytes(vmlinux)
        found, _ = look(bzimage(RELEASE, "gzip", wanted_notes.get("bits", 64), vmlinux))
        assert sorted(found.notes or ()) == sorted(xen_notes(str(tmp_path / "vmlinux")))


def test_a_kernel_that_is_gzipped_as_a_whole():
    found, _ = look(compress("gzip", bzimage(RELEASE, "xz")), True)
    assert found.release == RELEASE and found.whole and 18 in found.notes


def test_no_more_is_unpacked_than_it_takes():
    vmlinux = elf_kernel(RELEASE, size=100000) + noise(30 << 20)
    image = bzimage(RELEASE, "gzip", kernel=vmlinux)
    read = []

    class Counted(Content):
        def read_at(self, offset, size):
            read.append(size)
            return super().read_at(offset, size)

    found, _ = probe.look_inside(Counted(image, "/image"), image_in(image, "/image"))
    assert found.release == RELEASE and not found.whole and found.problem is None
    assert sum(read) < len(image) // 10
    whole, _ = look(image, True)
    assert whole.whole and whole._replace(whole=False) == found


def test_what_a_search_looks_for_may_lie_across_two_chunks():
    from pvhready.probes.vmlinux import read_vmlinux

    config = parts.configuration(RELEASE, trees.debian_symbols())
    vmlinux = elf_kernel(RELEASE, size=100000, config=config)
    whole = read_vmlinux(iter([vmlinux]), True)
    at = vmlinux.index(b"Linux version ")
    for cut in list(range(at - 3, at + 60)) + [vmlinux.index(b"IKCFG_ST") + step for step in range(-3, 14)]:
        for second in (cut + 1, cut + 40, len(vmlinux)):
            pieces = [piece for piece in (vmlinux[:cut], vmlinux[cut:second], vmlinux[second:]) if piece]
            assert read_vmlinux(iter(pieces), True) == whole
    tiny = [vmlinux[place:place + 5] for place in range(70000, len(vmlinux), 5)]
    assert read_vmlinux(iter([vmlinux[:70000]] + tiny), True) == whole


def test_the_configuration_is_what_extract_ikconfig_would_take_out(tmp_path):
    """By grep, tail and zcat, as the kernel's scripts/extract-ikconfig does it."""
    text = parts.configuration(RELEASE, trees.debian_symbols()) + "".join("CONFIG_FILLER_{}=y\n".format(number) for number in range(9000))
    (tmp_path / "vmlinux").write_bytes(elf_kernel(RELEASE, size=500000, config=text))
    command = "pos=$(grep -abo IKCFG_ST vmlinux | head -n 1 | cut -d: -f1) && tail -c+$((pos + 9)) vmlinux | zcat 2>/dev/null"
    theirs = subprocess.run(["sh", "-c", command], cwd=str(tmp_path), stdout=subprocess.PIPE).stdout
    assert theirs.decode() == text
    (tmp_path / "config").write_bytes(theirs)
    with Root(str(tmp_path)) as root:
        from pvhready.probes.kconfig import read_config_file

        named = read_config_file(root, "/config")
    _, source = look(bzimage(RELEASE, "xz", kernel=(tmp_path / "vmlinux").read_bytes()))
    assert source.values == named.values


# What it proves


def without_config(guest, **options):
    """A guest whose kernel has no configuration beside it."""
    need(options.get("payload", "xz"))
    changes = {CONFIG: None, IMAGE: bzimage(RELEASE, options.pop("payload", "xz"), kernel=elf_kernel(RELEASE, **options))}
    return guest(changes)


@pytest.mark.parametrize("form", FORMS)
def test_a_kernel_with_its_own_configuration_is_judged_by_it(form, guest, pvhready):
    config = parts.configuration(RELEASE, trees.debian_symbols())
    report = pvhready.check(without_config(guest, payload=form, config=config))
    assert (report["verdict"], report["modes"]["pvh"]) == ("ready", "boots")
    assert report["kernels"][0]["config"]["source"] == IMAGE + " (IKCONFIG)"
    config = parts.configuration(RELEASE, trees.debian_symbols(XEN_PVH="n"))
    assert pvhready.check(without_config(guest, payload=form, config=config))["verdict"] == "not-ready"


@pytest.mark.parametrize("options, pvh, pv, why", [
    ({}, "unknown", "unknown", "kernel-config-missing"), ({"features": 0x8801}, "unknown", "unknown", "kernel-config-missing"),
    ({"pvh": False}, "fails", "unknown", "kernel-xen-pvh"), ({"pv": False}, "unknown", "fails", "kernel-config-missing"),
    ({"xen": False}, "fails", "fails", "kernel-xen"),
])
def test_notes_alone_prove_failures_only(options, pvh, pv, why, guest, pvhready):
    report = pvhready.check(without_config(guest, **options))
    assert report["modes"] == {"pvh": pvh, "pv": pv}
    assert report["kernels"][0]["reasons"]["pvh"] == [why]
    assert report["kernels"][0]["inside"]["release"] == RELEASE


def test_the_pvh_note_without_xen_is_no_yes(guest, pvhready):
    """Ubuntu's linux-image-kvm has note 18 and no CONFIG_XEN."""
    vmlinux = elf_kernel(RELEASE, pv=False)
    at = vmlinux.index(struct.pack("<III4s", 4, 6, 6, b"Xen\0"))
    vmlinux = vmlinux[:at + 12] + b"KVM\0" + vmlinux[at + 16:]
    report = pvhready.check(guest({CONFIG: None, IMAGE: bzimage(RELEASE, kernel=vmlinux)}))
    assert 18 in report["kernels"][0]["inside"]["notes"] and report["modes"]["pvh"] == "fails"


@pytest.mark.parametrize("release, features, expected", [
    ("6.12.9-amd64", 0x0801, "fails"), ("6.12.9-amd64", 0x8801, "unknown"), ("6.7.9-amd64", 0x0801, "unknown"),
    ("6.8.0-1", 0x0001, "fails"),
])
def test_note_17_means_something_from_68_on(release, features, expected, guest, pvhready):
    image = bzimage(release, kernel=elf_kernel(release, features=features))
    report = pvhready.check(guest({"/boot/config-" + release: None, "/boot/vmlinuz-" + release: image}, release=release))
    assert report["modes"]["pvh"] == expected


def test_without_any_notes_nothing_is_proved():
    vmlinux = bytearray(elf_kernel(RELEASE, xen=False))
    found, _ = look(bzimage(RELEASE, kernel=bytes(vmlinux)))
    assert found.notes == ()
    second = 64 + 56  # the program header of the notes
    assert vmlinux[second] == 4
    vmlinux[second] = 0
    found, _ = look(bzimage(RELEASE, kernel=bytes(vmlinux)))
    assert found.notes is None and found.problem is None


@pytest.mark.parametrize("kernel, symbols, expected", [
    ({}, {}, None), ({"pvh": False}, {"XEN_PVH": "n"}, None), ({"pv": False}, {"XEN_PV": "n"}, None),
    ({"xen": False}, {"XEN": "n", "XEN_PV": "n", "XEN_PVH": "n"}, None),
    ({"pvh": False}, {}, "XEN_PVH=y"), ({"pv": False}, {}, "XEN_PV=y"), ({}, {"XEN": "n"}, "XEN=n"), ({}, {"XEN_PV": "n"}, "XEN_PV=n"),
    ({}, {"XEN_PVH": "n"}, None),  # CONFIG_PVH=y is enough for the note
    ({"features": 0x0801}, {}, "bit 15"), ({"features": 0x8801}, {"XEN_PVH": "n"}, "bit 15"), ({"features": 0x8800}, {}, "bit 0"),
    ({"features": 0x8801}, {}, None),
])
def test_a_configuration_that_its_kernel_denies_is_unknown(kernel, symbols, expected, guest, pvhready):
    release = "6.12.3-amd64" if "features" in kernel else RELEASE
    values = trees.debian_symbols(**symbols)
    image = bzimage(release, kernel=elf_kernel(release, **kernel))
    changes = {"/boot/vmlinuz-" + release: image}
    changes.update(parts.dpkg_package("linux-image-" + release, changes))
    directory = guest(changes, release=release, symbols=values)
    plain, deep = pvhready.check(directory), pvhready.check(directory, "--deep")
    assert "kernel-config-conflict" not in checks(plain, "kernel-config-conflict")
    found = checks(deep, "kernel-config-conflict")
    if expected is None:
        assert not found and deep["modes"] == plain["modes"] and "kernel-notes" in checks(deep, "kernel-notes")
    else:
        assert expected in found["kernel-config-conflict"][1]
        assert deep["verdict"] in ("unknown", "not-ready") and deep["modes"]["pvh"] != "boots"


def test_a_kernel_with_no_place_for_notes_is_none_of_xen(guest, pvhready):
    """It is no package's, so that nothing but the kernel itself says what it was built with."""
    vmlinux = bytearray(elf_kernel(RELEASE))
    assert vmlinux[64 + 56] == 4  # the program header of the notes
    vmlinux[64 + 56] = 0
    report = pvhready.check(guest({IMAGE: bzimage(RELEASE, kernel=bytes(vmlinux))}))
    assert report["verdict"] == "unknown"
    assert checks(report, "kernel-config-conflict")["kernel-config-conflict"][1].endswith("the kernel in the image lacks Xen's note 6")


def test_the_configuration_inside_is_held_against_the_one_beside(guest, pvhready):
    inside = parts.configuration(RELEASE, trees.debian_symbols(XEN_BLKDEV_FRONTEND="n"))
    image = bzimage(RELEASE, kernel=elf_kernel(RELEASE, config=inside))
    directory = packaged(guest, image, image)
    assert pvhready.check(directory)["verdict"] == "ready"
    report = pvhready.check(directory, "--deep")
    assert report["verdict"] == "unknown"
    assert "IKCONFIG" in checks(report, "kernel-config-conflict")["kernel-config-conflict"][1]


@pytest.mark.parametrize("vmlinux, words", [
    (elf_kernel("5.10.0-1-amd64"), "Linux 6.1.0-50-amd64, and the kernel in it is 5.10.0-1-amd64"), (elf_kernel(RELEASE, 32), "32-bit"),
    (b"\x7fELF" + noise(5000), "ELF header makes no sense"), (noise(5000), "ELF header makes no sense"),
    (elf_kernel(RELEASE)[:-40], "its ELF header speaks of"),
])
def test_a_kernel_that_is_not_what_its_header_says_is_unknown(vmlinux, words, guest, pvhready):
    directory = guest({IMAGE: bzimage(RELEASE, kernel=vmlinux)})
    report = pvhready.check(directory, "--deep")
    assert report["verdict"] == "unknown" and words in checks(report, "image-damaged")["image-damaged"][1]


def test_a_sound_guest_stays_ready_when_it_is_looked_into(guest, pvhready):
    for form in FORMS:
        need(form)
        report = pvhready.check(guest(payload=form), "--deep")
        assert (report["verdict"], form) == ("ready", form)
        assert report["kernels"][0]["inside"]["whole"] is True


def test_image_looks_into_files_too(tmp_path, pvhready):
    config = parts.configuration(RELEASE, trees.debian_symbols())
    (tmp_path / "with").write_bytes(bzimage(RELEASE, kernel=elf_kernel(RELEASE, config=config)))
    (tmp_path / "without").write_bytes(bzimage(RELEASE))
    (tmp_path / "no-pvh").write_bytes(bzimage(RELEASE, pvh=False))
    (tmp_path / "config").write_text(config)
    images = pvhready.json("image", *(str(tmp_path / name) for name in ("with", "without", "no-pvh")))["images"]
    assert [image["modes"]["pvh"] for image in images] == ["boots", "unknown", "fails"]
    named = ("image", "--config", str(tmp_path / "config"), str(tmp_path / "no-pvh"))
    assert [pvhready.json(*(named + more))["images"][0]["modes"]["pvh"] for more in ((), ("--deep",))] == ["boots", "unknown"]


def test_image_holds_a_configuration_s_version_against_the_image_s(tmp_path, pvhready):
    kernel = tmp_path / ("vmlinuz-" + RELEASE)
    kernel.write_bytes(bzimage(RELEASE))
    config = parts.configuration("4.9.0-19-amd64", trees.debian_symbols())
    for name, words in (("config-" + RELEASE, ()), ("config", ("--config", str(tmp_path / "config")))):
        (tmp_path / name).write_text(config)
        (answer,) = pvhready.json("image", str(kernel), *words)["images"]
        assert (answer["modes"]["pvh"], answer["reasons"]["pvh"]) == ("unknown", ["kernel-config-conflict"])


# Damage, bombs, tools that are missing


@pytest.mark.parametrize("form", WITH_SUM)
def test_a_payload_that_is_damaged_anywhere_is_never_ready(form, guest, pvhready):
    need(form)
    image = bzimage(RELEASE, form, kernel=elf_kernel(RELEASE, size=20000))
    known = image_in(image, "/image")
    directory = guest({IMAGE: image})
    generator = random.Random(form)
    for place in [generator.randrange(known.payload_offset + 8, known.payload_end) for _ in range(12)]:
        damaged = bytearray(image)
        damaged[place] ^= 1 << generator.randrange(8)
        found, _ = look(bytes(damaged), True)
        # xz pads to four bytes, and its footer's index may be damaged without harm to what Linux reads of it.
        assert found.problem or found == look(image, True)[0]._replace(), place
        with open(directory + IMAGE, "wb") as handle:
            handle.write(damaged)
        if found.problem and generator.random() < 0.3:
            assert pvhready.check(directory, "--deep")["verdict"] in ("unknown", "not-ready")


@pytest.mark.parametrize("form", FORMS)
def test_a_payload_that_is_cut_short_is_never_whole(form):
    need(form)
    vmlinux = elf_kernel(RELEASE, size=400000)
    packed = vmlinux if form == "elf" else compress(form, vmlinux)
    tail = b"" if form in ("gzip", "elf") else struct.pack("<I", len(vmlinux))
    for length in (len(packed) // 3, len(packed) // 2, len(packed) - 100):
        found, _ = look(bzimage(RELEASE, packed[:length] + tail, kernel=vmlinux), True)
        assert found.problem is not None


@pytest.mark.parametrize("form", ["gzip", "xz", "bzip2", "lzma", "zstd", "lz4"])
def test_a_bomb_is_stopped(form, tmp_path):
    """Many megabytes behind a kernel of some kilobytes: neither the output nor the memory is spent."""
    tools = {"gzip": "gzip -c", "xz": "xz -0c", "bzip2": "bzip2 -1c", "lzma": "xz --format=lzma -0c", "zstd": "zstd -c", "lz4": "lz4 -lc"}
    command = tools[form].split()
    wanted.tool(command[0], {"xz": "xz-utils"}.get(command[0], command[0]))
    vmlinux = elf_kernel(RELEASE)
    feed = "cat vmlinux; head -c 100000000 /dev/zero"
    (tmp_path / "vmlinux").write_bytes(vmlinux)
    packed = subprocess.check_output(["sh", "-c", "({}) | {}".format(feed, tools[form])], cwd=str(tmp_path), stderr=subprocess.DEVNULL)
    for claimed in (len(vmlinux), 1 << 20):
        payload = packed[:-4] + struct.pack("<I", claimed) if form == "gzip" else packed + struct.pack("<I", claimed)
        (tmp_path / "image").write_bytes(bzimage(RELEASE, payload, kernel=vmlinux))
        script = (
            "import sys; from pvhready.probes.inside import look_inside; from pvhready.probes.image import read_image;"
            "from pvhready.root import Root; root = Root(sys.argv[1]); image = read_image(root, '/image');"
            "found, _ = look_inside(root.open('/image'), image, (), True);"
            "peak = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0];"
            "print(int(peak) // 1024, found.problem.reason)"
        )
        top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        said = subprocess.check_output(
            [sys.executable, "-c", script, str(tmp_path)], env=dict(os.environ, PYTHONPATH=top), universal_newlines=True)
        memory, reason = said.split(None, 1)
        assert "unpacks to more than" in reason
        assert int(memory) < 64


def test_there_is_an_end_whatever_a_payload_claims(monkeypatch):
    vmlinux = elf_kernel(RELEASE, size=3 << 20)
    for claimed in (0xFFFFFFFF, 1 << 30):
        image = bzimage(RELEASE, compress("xz", vmlinux + bytes(1 << 20)) + struct.pack("<I", claimed), kernel=vmlinux)
        assert "at its end" in look(image, True)[0].problem.reason
        with monkeypatch.context() as patch:
            patch.setattr(probe, "_MAX_OUTPUT", 1 << 20)
            assert "more than 1048576 bytes" in look(image, True)[0].problem.reason


def test_a_header_that_lies_about_the_size_is_found_out(guest, pvhready):
    vmlinux = elf_kernel(RELEASE)
    for claimed in (1, len(vmlinux) - 1, len(vmlinux) + 1, len(vmlinux) + 5000):
        directory = guest({IMAGE: bzimage(RELEASE, compress("xz", vmlinux) + struct.pack("<I", claimed), kernel=vmlinux)})
        report = pvhready.check(directory, "--deep")
        assert report["verdict"] == "unknown" and checks(report, "image-damaged")


def test_a_machine_that_is_busy_with_other_things_is_waited_for():
    from pvhready.unpack import Budget, LimitReached

    budget = Budget(100, seconds=1000.0, work=0.05)
    end = resource.getrusage(resource.RUSAGE_SELF).ru_utime + 0.2
    with pytest.raises(LimitReached) as caught:
        while resource.getrusage(resource.RUSAGE_SELF).ru_utime < end:
            budget.spend(0)
    assert "of work" in str(caught.value)


@pytest.mark.parametrize("form", sorted(PROGRAMS))
def test_a_missing_tool_is_named(form, monkeypatch, tmp_path):
    for name in ("lz4", "lz4.block", "zstandard", "compression", "compression.zstd", "lzo"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(program, "_PLACES", (str(tmp_path),))
    found, _ = look(bzimage(RELEASE, form))
    assert found.needs == PROGRAMS[form][1] and found.needs in found.problem.reason
    from pvhready.facts import Guest, Kernel
    from pvhready.host import profile
    from pvhready.judge import judge_kernel

    kernel = Kernel(IMAGE, image_in(bzimage(RELEASE, form), IMAGE), RELEASE, RELEASE, inside=found)
    assert "image-not-unpacked" in judge_kernel(kernel, profile("bitfolk"), Guest("PV")).reasons["pvh"]


# The package's checksum


def packaged(guest, image, shipped, config=None):
    tree = {IMAGE: image}
    files = {IMAGE: shipped}
    if config is not None:
        files[CONFIG] = config
    tree.update(parts.dpkg_package("linux-image-" + RELEASE, files))
    return guest(tree)


def test_an_image_that_is_not_its_package_s_is_unknown(guest, pvhready):
    image = bzimage(RELEASE, kernel=elf_kernel(RELEASE, size=5000))
    sound = pvhready.check(packaged(guest, image, image))
    assert sound["verdict"] == "ready" and sound["kernels"][0]["checksums"][0]["algorithm"] == "md5"
    place = image_in(image, "").payload_offset + 100
    altered = image[:place] + bytes([image[place] ^ 4]) + image[place + 1:]
    report = pvhready.check(packaged(guest, altered, image))
    assert report["verdict"] == "unknown" and checks(report, "image-checksum")["image-checksum"][0] == "unknown"
    assert pvhready.check(packaged(guest, altered, image), "--skip", "image-checksum")["verdict"] == "ready-with-warnings"


def test_a_configuration_that_is_not_its_package_s_is_unknown(guest, pvhready):
    image = bzimage(RELEASE)
    config = parts.configuration(RELEASE, trees.debian_symbols())
    assert pvhready.check(packaged(guest, image, image, config.encode()))["verdict"] == "ready"
    report = pvhready.check(packaged(guest, image, image, (config + "CONFIG_X=y\n").encode()))
    assert report["verdict"] == "unknown" and "kernel-config-checksum" in checks(report, "kernel-config-checksum")


def test_the_decompression_hack_is_told_as_such(guest, pvhready):
    report = pvhready.check(packaged(guest, elf_kernel(RELEASE), bzimage(RELEASE)))
    assert report["verdict"] == "not-ready" and not checks(report, "image-checksum") and checks(report, "image-not-bzimage")


def test_only_the_kernel_that_boots_next_is_read_to_its_end(guest, pvhready):
    older = "6.1.0-40-amd64"
    tree = parts.dpkg_package("linux-image-" + older, {"/boot/vmlinuz-" + older: b"other"})
    directory = guest(tree, older=(older,))
    assert pvhready.check(directory)["verdict"] == "ready"
    by_path = {kernel["path"]: kernel for kernel in pvhready.check(directory, "--deep")["kernels"]}
    assert by_path["/boot/vmlinuz-" + older]["modes"]["pvh"] == "unknown"


def test_what_no_package_has_a_checksum_of_is_unpacked_to_its_end(guest, pvhready):
    """Only the kernel that boots next, and only where a tool for it is there: its configuration has said the rest."""
    older = "6.1.0-40-amd64"
    directory = guest(older=(older,))
    by_path = {kernel["path"]: kernel["inside"] for kernel in pvhready.check(directory)["kernels"]}
    assert by_path[IMAGE]["whole"] is True and by_path["/boot/vmlinuz-" + older] is None
    image = bzimage(RELEASE, kernel=elf_kernel(RELEASE, size=5000))
    place = image_in(image, "").payload_offset + 100
    report = pvhready.check(guest({IMAGE: image[:place] + bytes([image[place] ^ 4]) + image[place + 1:]}))
    assert report["verdict"] == "unknown" and checks(report, "image-damaged")


def test_a_missing_tool_says_nothing_against_a_kernel_with_a_configuration(guest, monkeypatch, tmp_path):
    from pvhready import library

    for name in ("lz4", "lz4.block"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(program, "_PLACES", (str(tmp_path),))
    directory = guest(payload="lz4", compression="gzip")
    assert library.check(directory).verdict == "ready"
    assert library.check(directory, deep=True).verdict == "unknown"


def test_a_whole_image_is_not_unpacked_to_its_end(guest, pvhready):
    image = bzimage(RELEASE, kernel=elf_kernel(RELEASE) + noise(1 << 20))
    report = pvhready.check(packaged(guest, image, image), "--deep")
    assert report["verdict"] == "ready" and report["kernels"][0]["inside"]["whole"] is False
    assert pvhready.check(guest({IMAGE: image}), "--deep")["kernels"][0]["inside"]["whole"] is True


# Memory


@pytest.fixture
def looker(tmp_path):
    """A function that looks into the kernel of a guest, with a memory of its own."""
    folder = Folder(str(tmp_path / "memory"), os.geteuid(), settled=-1)

    def look_at(directory, deep=False):
        from pvhready.facts import Guest

        with Root(directory) as root:
            kernel = read_kernel(root, (IMAGE,), Guest("PV"), lambda path: None)
            return probe.Looker(root, deep, Memory(folder)).look(kernel, ("EXT4_FS",))

    return look_at


def test_what_was_found_is_remembered_while_the_file_is_as_it_was(guest, looker, monkeypatch):
    config = parts.configuration(RELEASE, trees.debian_symbols())
    partial = config.replace("CONFIG_HAS_IOMEM=y\n", "")
    directories = [without_config(guest, config=config, features=0x8801), without_config(guest), without_config(guest, xen=False)]
    directories += [without_config(guest, config=text) for text in (partial, config[:-1], partial[:-1])]
    for directory in directories:
        first = looker(directory)
        with monkeypatch.context() as patch:
            patch.setattr(probe, "look_inside", lambda *_: pytest.fail("it was read again"))
            assert looker(directory) == first
            assert first.inside.release == RELEASE
        os.utime(directory + IMAGE)
        assert looker(directory) == first
    assert looker(directories[0], deep=True).inside.whole


def test_what_was_damaged_is_read_again(guest, looker):
    directory = without_config(guest)
    sound = open(directory + IMAGE, "rb").read()
    with open(directory + IMAGE, "wb") as handle:
        handle.write(bzimage(RELEASE, compress("xz", elf_kernel(RELEASE))[:-30] + struct.pack("<I", 5000)))
    assert looker(directory).inside.problem
    with open(directory + IMAGE, "wb") as handle:
        handle.write(sound)
    assert looker(directory).inside.problem is None
    shutil.rmtree(directory)


def test_a_decompressed_kernel_whose_name_tells_no_release(guest, pvhready):
    """The hack's sixth form: a second file, /boot/vmlinux, that the menu names. Its release stands in it."""
    directory = guest(image="elf")
    os.rename("{}/boot/vmlinuz-{}".format(directory, trees.RELEASE), directory + "/boot/vmlinux")
    with open(directory + trees.GRUB_CFG, encoding="utf-8") as handle:
        menu = handle.read()
    with open(directory + trees.GRUB_CFG, "w", encoding="utf-8") as handle:
        handle.write(menu.replace("/boot/vmlinuz-" + trees.RELEASE, "/boot/vmlinux"))
    report = pvhready.check(directory, "--target", "pv")
    assert report["modes"] == {"pv": "boots", "pvh": "fails"}, findings(report, "fail", "unknown")
    (kernel,) = report["kernels"]
    assert (kernel["path"], kernel["release"]) == ("/boot/vmlinux", trees.RELEASE)
