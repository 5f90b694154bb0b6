"""What checksums and the notes in an unpacked kernel say: against the image, against its configuration, and without one."""

import pytest

from pvhready.facts import Checksum, Config, Distribution, Guest, Image, Inside, Kernel, Problem
from pvhready.rules.inside import judge_inside, note_evidence, proved_by_notes

PATH, SOURCE = "/boot/vmlinuz", "/boot/config"
GUEST = Guest("PV", distribution=Distribution("debian", "12"))
ALL = {"XEN": "y", "XEN_PV": "y", "XEN_PVH": "y"}
REINSTALL = ["apt-get install --reinstall linux-image-1"]
CONFLICT = "contradictory configuration: {} in /boot/config, and the kernel in the image {}"


def kernel(inside, release="6.1.0", values=None, source=SOURCE, checksums=()):
    config = Config(source, ALL if values is None else values)
    image = Image("bzimage", "xz", 64)
    return Kernel(PATH, image, release, release, False, "linux-image-1", config, ("/vmlinuz",), True, inside, checksums)


def typed(finding):
    return [" ".join(remedy.argv) or remedy.text for remedy in finding.remedies]


AGREES = "its Xen notes agree with its configuration"
NO_XEN, NO_PV, NO_PVH = {"XEN": "n"}, {"XEN": "y", "XEN_PV": "n", "XEN_PVH": "y"}, {"XEN": "y", "XEN_PV": "y"}
AGREEMENTS = {
    # the notes and note 17, the release, the configuration: what is denied ("" for nothing), what the kernel has or lacks
    "all three": ((1, 6, 18), None, "6.1.0", ALL, "", ""),
    "no Xen": ((), None, "6.1.0", NO_XEN, "", ""),
    "no Xen, which is not mentioned": ((), None, "6.1.0", {}, "", ""),
    "no PV": ((6, 18), None, "6.1.0", NO_PV, "", ""),
    "no PVH": ((1, 6), None, "6.1.0", NO_PVH, "", ""),
    "note 18 is there without XEN_PVH, too": ((1, 6, 18), None, "6.1.0", NO_PVH, "", ""),
    "Xen, and its note is missing": ((1, 18), None, "6.1.0", ALL, "XEN=y", "lacks Xen's note 6"),
    "Xen, and there is no note at all": ((), None, "6.1.0", ALL, "XEN=y", "lacks Xen's note 6"),
    "Xen, and no place for notes": (None, None, "6.1.0", ALL, "XEN=y", "lacks Xen's note 6"),
    "no Xen, and no place for notes": (None, None, "6.1.0", NO_XEN, "", ""),
    "the note of Xen, and no Xen": ((6,), None, "6.1.0", NO_XEN, "XEN=n", "has Xen's note 6"),
    "the note of Xen, which is not mentioned": ((6,), None, "6.1.0", {}, "XEN=n", "has Xen's note 6"),
    "a value of two": ((1, 6, 18), None, "6.1.0", dict(ALL, XEN="y/n"), "XEN=y/n", "has Xen's note 6"),
    "PV, and its note is missing": ((6, 18), None, "6.1.0", ALL, "XEN_PV=y", "lacks Xen's note 1"),
    "the note of PV, and no PV": ((1, 6, 18), None, "6.1.0", NO_PV, "XEN_PV=n", "has Xen's note 1"),
    "PVH, and its note is missing": ((1, 6), None, "6.1.0", ALL, "XEN_PVH=y", "lacks Xen's note 18"),
    "PVH, without Xen's note": ((), None, "6.1.0", {"XEN": "n", "XEN_PVH": "y"}, "XEN_PVH=y", "lacks Xen's note 18"),
    "PV, without Xen's note": ((), None, "6.1.0", {"XEN": "n", "XEN_PV": "y"}, "XEN_PV=y", "lacks Xen's note 1"),
    "the note of PV, without Xen's": ((1,), None, "6.1.0", NO_XEN, "XEN_PV=n", "has Xen's note 1"),
    "4.12 has XEN_PV": ((6, 18), None, "4.12.0", ALL, "XEN_PV=y", "lacks Xen's note 1"),
    "4.11 has not": ((6, 18), None, "4.11.0", ALL, "", ""),
    "4.11 has note 18": ((1, 6), None, "4.11.0", ALL, "XEN_PVH=y", "lacks Xen's note 18"),
    "4.10 has not": ((1, 6), None, "4.10.0", ALL, "", ""),
    "of no release only Xen can be told": ((6,), None, None, ALL, "", ""),
    "of no release, too": ((), None, None, ALL, "XEN=y", "lacks Xen's note 6"),
    "note 17 of 6.8": ((1, 6, 17, 18), 0x8001, "6.8.0", ALL, "", ""),
    "6.8 without note 17": ((1, 6, 18), None, "6.8.0", ALL, "", ""),
    "without bit 0": ((1, 6, 17, 18), 0x8000, "6.8.0", ALL, "XEN_PV=y", "lacks Xen's bit 0 of note 17"),
    "without bit 15": ((1, 6, 17, 18), 0x7FFF, "6.8.0", ALL, "XEN_PVH=y", "lacks Xen's bit 15 of note 17"),
    "with bit 15, and no PVH": ((1, 6, 17, 18), 0x8001, "6.8.0", NO_PVH, "XEN_PVH=n", "has Xen's bit 15 of note 17"),
    "with bit 0, and no PV": ((6, 17, 18), 0x8001, "6.8.0", NO_PV, "XEN_PV=n", "has Xen's bit 0 of note 17"),
    "6.7 sets bit 15 in any case": ((1, 6, 17, 18), 0x8001, "6.7.9", NO_PVH, "", ""),
    "and its other bits mean nothing": ((1, 6, 17, 18), 0, "6.7.9", ALL, "", ""),
    "of no release note 17 means nothing": ((6, 17), 0, None, ALL, "", ""),
}


@pytest.mark.parametrize("name", AGREEMENTS)
@pytest.mark.parametrize("mode", ["pvh", "pv"])
def test_notes_against_the_configuration(name, mode):
    notes, features, release, values, denied, words = AGREEMENTS[name]
    (finding,) = judge_inside(kernel(Inside(64, notes, features, whole=True), release, values), mode, GUEST)
    shown = ", ".join(str(note) for note in notes or ()) or "none"
    shown += "" if features is None else "; note 17 is 0x{:x}".format(features)
    if denied:
        assert finding[:5] == ("kernel-config-conflict", "unknown", mode, PATH, CONFLICT.format(denied, words))
    else:
        assert finding[:5] == ("kernel-notes", "pass", mode, PATH, "unpacked to its end; " + AGREES)
    assert (finding.evidence, finding.remedies) == (((PATH, "Xen notes", shown),), ())


def test_notes_are_shown_in_order():
    (finding,) = judge_inside(kernel(Inside(notes=(18, 6, 1), features=0x1801)), "pvh", GUEST)
    assert finding.evidence == ((PATH, "Xen notes", "1, 6, 18; note 17 is 0x1801"),)


def checksum(path, actual="aa"):
    return Checksum(path, "linux-image-1", "md5", "aa", actual)


@pytest.mark.parametrize("whole,paths,proof", [
    (True, (), "unpacked to its end"), (True, (PATH,), "unpacked to its end"), (False, (), "looked into"),
    (False, (PATH,), "looked into, and is its package's own"), (False, ("/vmlinuz",), "looked into, and is its package's own"),
    (False, (SOURCE, PATH), "looked into, and is its package's own"),
    # Only the configuration is: so it is with a kernel that stands decompressed, whose own checksum says nothing.
    (False, (SOURCE,), "looked into"),
])
def test_how_a_kernel_was_looked_into(whole, paths, proof):
    sums = tuple(checksum(path) for path in paths)
    (finding,) = judge_inside(kernel(Inside(notes=(1, 6, 18), whole=whole), checksums=sums), "pvh", GUEST)
    assert (finding.id, finding.status, finding.summary) == ("kernel-notes", "pass", proof + "; " + AGREES)


ALTERED = "the {} is not the one that the package linux-image-1 shipped: it was changed since, or is damaged"


@pytest.mark.parametrize("path,check,what", [
    (PATH, "image-checksum", "image"), ("/vmlinuz", "image-checksum", "image"), (SOURCE, "kernel-config-checksum", "configuration"),
])
def test_a_file_that_is_not_its_package_s(path, check, what):
    for inside in (None, Inside(notes=(1, 6, 18), whole=True)):
        for mode in ("pvh", "pv"):
            findings = judge_inside(kernel(inside, checksums=(checksum(path, "bb"), checksum("/other"))), mode, GUEST)
            assert [finding[:6] for finding in findings] == [
                (check, "unknown", mode, PATH, ALTERED.format(what), ((path, "checksum", "md5 bb, shipped aa"),))]
            assert typed(findings[0]) == REINSTALL


def test_two_files_that_are_not_their_package_s_and_notes_that_contradict():
    sums = (checksum(PATH, "bb"), checksum(SOURCE, "cc"))
    findings = judge_inside(kernel(Inside(notes=()), checksums=sums), "pvh", GUEST)
    assert [finding.id for finding in findings] == ["image-checksum", "kernel-config-checksum", "kernel-config-conflict"]
    findings = judge_inside(kernel(Inside(problem=Problem(PATH, "bad")), checksums=sums), "pvh", GUEST)
    assert [finding.id for finding in findings] == ["image-checksum", "kernel-config-checksum", "image-damaged"]


@pytest.mark.parametrize("inside", [None, Inside(notes=(1, 6, 18)), Inside(notes=())])
def test_nothing_is_said_where_there_is_nothing_to_compare(inside):
    """Without a configuration judge_config speaks of the notes."""
    without = kernel(inside, source=None)
    assert judge_inside(without, "pvh", GUEST) == []
    (finding,) = judge_inside(without._replace(checksums=(checksum(PATH, "bb"),)), "pvh", GUEST)
    assert finding.id == "image-checksum"


@pytest.mark.parametrize("needs,check,ways_out", [
    ("zstd", "image-not-unpacked", ["apt-get install zstd"]), (None, "image-damaged", REINSTALL),
])
@pytest.mark.parametrize("source", [SOURCE, None])
def test_a_kernel_that_could_not_be_unpacked(needs, check, ways_out, source):
    (finding,) = judge_inside(kernel(Inside(needs=needs, problem=Problem(PATH, "ends too early")), source=source), "pv", GUEST)
    assert finding[:6] == (check, "unknown", "pv", PATH, "ends too early", ((PATH, "payload", "xz"),))
    assert typed(finding) == ways_out
    without = kernel(Inside(problem=Problem(PATH, "bad")))._replace(image=Image("bzimage"))
    assert judge_inside(without, "pv", GUEST)[0].evidence == ((PATH, "payload", ""),)


LACKS_XEN = ("kernel-xen", "built without CONFIG_XEN: the kernel in it has no Xen note 6")
LACKS_PVH = ("kernel-xen-pvh", "built without CONFIG_XEN_PVH: the kernel in it has no Xen note 18")
BIT_CLEAR = ("kernel-xen-pvh", "built without CONFIG_XEN_PVH: bit 15 of its Xen note 17 is clear")
LACKS_PV = ("kernel-xen-pv", "built without CONFIG_XEN_PV: the kernel in it has no Xen note 1, its PV entry")


@pytest.mark.parametrize("inside,release,pvh,pv", [
    (None, "6.1.0", None, None), (Inside(notes=None), "6.1.0", None, None),
    (Inside(notes=(), problem=Problem(PATH, "bad")), "6.1.0", None, None),
    (Inside(notes=(1, 6, 18)), "6.1.0", None, None), (Inside(notes=(1, 18)), "6.1.0", LACKS_XEN, LACKS_XEN),
    (Inside(notes=()), "6.1.0", LACKS_XEN, LACKS_XEN), (Inside(notes=(1, 6)), "6.1.0", LACKS_PVH, None),
    (Inside(notes=(6, 18)), "6.1.0", None, LACKS_PV), (Inside(notes=(6,)), "6.1.0", LACKS_PVH, LACKS_PV),
    (Inside(notes=(1, 6, 18), features=0x7FFF), "6.8.0", BIT_CLEAR, None),
    (Inside(notes=(1, 6, 18), features=0x8000), "6.8.0", None, None),
    (Inside(notes=(1, 6, 18), features=0), "6.7.9", None, None), (Inside(notes=(1, 6, 18), features=0), None, None, None),
    (Inside(notes=(6, 18), features=0), "6.8.0", BIT_CLEAR, LACKS_PV),
])
def test_failures_that_notes_prove_without_a_configuration(inside, release, pvh, pv):
    for mode, expected in (("pvh", pvh), ("pv", pv)):
        judged = kernel(inside, release, source=None)
        finding = proved_by_notes(judged, mode, GUEST)
        if expected is None:
            assert finding is None
        else:
            assert finding[:5] == (expected[0], "fail", mode, PATH, expected[1])
            assert finding.evidence == note_evidence(judged) and typed(finding) == ["apt-get install linux-image-amd64"]


@pytest.mark.parametrize("inside,words", [
    (None, None), (Inside(notes=(6,), problem=Problem(PATH, "bad")), None), (Inside(notes=(18, 6)), "6, 18"), (Inside(), "none"),
    (Inside(notes=(), features=0), "none; note 17 is 0x0"),
])
def test_notes_as_evidence(inside, words):
    assert note_evidence(kernel(inside)) == (((PATH, "Xen notes", words),) if words else ())
