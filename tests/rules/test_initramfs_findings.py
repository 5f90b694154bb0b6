"""What is said of an initramfs: every finding with its words, its evidence and its remedies, one thing changed at a time."""

import pytest

from pvhready.facts import Config, Conflict, Distribution, Entry, Facts, Guest, Image, Initramfs, Kernel, Problem
from pvhready.rules.initramfs import has_program, holds, is_damaged, is_kept_out, is_proved, judge_initramfs, judge_network, why_none

RELEASE = "6.1.0-50-amd64"
INITRD = "/boot/initrd.img-" + RELEASE
SECOND = "/boot/extra.img"
CONFIG = "/boot/config-" + RELEASE
SOURCE = "/boot/grub/grub.cfg:12"
VALUES = {"XEN_BLKDEV_FRONTEND": "m", "BLK_DEV_INITRD": "y", "RD_GZIP": "y", "RD_XZ": "y", "RD_ZSTD": "n"}
GOOD = Initramfs(INITRD, ("ext4", "xen_blkfront"), (RELEASE,), ("gzip",), complete=True, init=True)
MICROCODE = Initramfs(SECOND, complete=True)
NO_INIT = GOOD._replace(init=False)
CANNOT_RUN = GOOD._replace(init=False, init_problem="its interpreter /bin/sh is not there")
PROVED = Initramfs(INITRD, proved="the guest runs in PV from this very file")
PROVED_TOO = PROVED._replace(path=SECOND)
UNREAD = Initramfs(INITRD, problem=Problem(INITRD, "is damaged: no end"))
DAMAGED = GOOD._replace(modules=(), damaged=("xen_blkfront",))
BLOCKED = GOOD._replace(kept_out=("xen_blkfront",))

BUILD = ["update-initramfs -c -k 6.1.0-50-amd64"]
ADD = ["sed -i $ a xen-blkfront /etc/initramfs-tools/modules"] + BUILD
REPACK = ["sed -i $ a COMPRESS=gzip /etc/initramfs-tools/initramfs.conf"] + BUILD
ROOT = ["sudo pvhready check"]


def kernel(release=RELEASE, conflicts=(), source=CONFIG, whole=True, **values):
    """A kernel with these changes to its configuration; None takes a symbol out of it."""
    given = {name: value for name, value in dict(VALUES, **values).items() if value is not None}
    conflicts = tuple(Conflict(symbol, CONFIG, "y", "/lib/modules/config", "n") for symbol in conflicts)
    config = Config(source, given, conflicts, whole=whole)
    return Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), release, release, config=config)


def entry(*paths, **changes):
    return Entry(0, "0", "Debian", kernel="/boot/vmlinuz", initrd=paths, source=SOURCE)._replace(**changes)


def facts(*archives):
    found = {archive.path: archive for archive in archives}
    return Facts("/", True, "2026-01-01", Guest("PV", distribution=Distribution("debian", "12")), initramfs=found)


def judged(archives, of=None, named=None, cmdline="root=/dev/xvda1"):
    """Every finding on an entry that names these archives (or those in ``named``), under both modes the same."""
    asked = entry(*(named if named is not None else [archive.path for archive in archives]), cmdline=cmdline)
    answers = []
    for mode in ("pvh", "pv"):
        findings = judge_initramfs(asked, of or kernel(), mode, facts(*archives))
        assert {finding.mode for finding in findings} <= {mode}
        answers.append([
            (finding.id, finding.status, finding.subject, finding.summary, [tuple(evidence) for evidence in finding.evidence],
             [" ".join(remedy.argv) or remedy.text for remedy in finding.remedies]) for finding in findings])
    assert answers[0] == answers[1]
    return answers[0]


def said(check, status, summary, path="", fix=()):
    """A finding on an archive, else on the entry."""
    return check, status, path or "Debian", summary, [(path or SOURCE, "", "")], list(fix)


HOLDS = said("initramfs", "pass", "holds xen-blkfront for 6.1.0-50-amd64", INITRD)
HELD_BY_SECOND = said("initramfs", "pass", "holds xen-blkfront for 6.1.0-50-amd64", SECOND)
NOT_NEEDED = "not needed for the disks: the block front end is built in"
BUILT_IN = said("initramfs", "pass", NOT_NEEDED, INITRD)
NO_DISKS = "{}, and the block front end is a module: the kernel finds no disks"
NO_INIT_WORDS = "of no use (it holds no /init, which the kernel would run)"
CANNOT_RUN_WORDS = "of no use (the kernel cannot run its /init: its interpreter /bin/sh is not there)"
NO_SUPPORT_WORDS = "of no use (this kernel is built without BLK_DEV_INITRD)"
MAY_NOT_RUN = said(
    "initramfs-program", "unknown",
    "whether the kernel can run /init cannot be told: its interpreter /bin/sh is not there, unless another of the archives has it")
CUT = said("initramfs-unreadable", "unknown", "cannot be read: is damaged: no end", INITRD, BUILD)
NOT_TO_ITS_END = said("initramfs-unreadable", "unknown", "was not read to its end", INITRD)
TWICE = said("initramfs-damaged", "unknown", "holds xen-blkfront more than once, and one of them is damaged", SECOND, ADD)
SUPPORT = (
    "initramfs-support", "unknown", "Debian",
    "whether this kernel takes an initramfs cannot be told: its configurations contradict each other",
    [("/lib/modules/config", "CONFIG_BLK_DEV_INITRD", "n")], [])

MODULE = {
    # the archives of the entry: every finding, where the front end is a module
    "good": ([GOOD], [HOLDS]),
    "proved": ([PROVED], [said("initramfs", "pass", "the guest runs in PV from this very file", INITRD)]),
    "proved, of two": ([PROVED, PROVED_TOO], [said("initramfs", "pass", "the guest runs in PV from this very file", SECOND)]),
    "none": ([], [said("initramfs-missing", "fail", NO_DISKS.format("none"), "", ADD)]),
    "no /init": ([NO_INIT], [said("initramfs-missing", "fail", NO_DISKS.format(NO_INIT_WORDS), "", ADD)]),
    "an /init that cannot run": ([CANNOT_RUN], [said("initramfs-missing", "fail", NO_DISKS.format(CANNOT_RUN_WORDS), "", ADD)]),
    "no /init in any of two": (
        [NO_INIT, MICROCODE], [said("initramfs-missing", "fail", NO_DISKS.format(NO_INIT_WORDS), "", ADD)]),
    "an /init that may find what it needs in the other": ([CANNOT_RUN, MICROCODE], [HELD_BY_SECOND, MAY_NOT_RUN]),
    "one that a later takes the place of": ([CANNOT_RUN, GOOD._replace(path=SECOND)], [HELD_BY_SECOND]),
    "one that takes the place of a good one": ([GOOD, CANNOT_RUN._replace(path=SECOND)], [HELD_BY_SECOND, MAY_NOT_RUN]),
    "microcode before it": ([MICROCODE, GOOD], [HOLDS]),
    "microcode behind it": ([GOOD, MICROCODE], [HELD_BY_SECOND]),
    "the modules in one, /init in the other": ([NO_INIT, MICROCODE._replace(init=True)], [HELD_BY_SECOND]),
    "the release in one, the module in the other": (
        [GOOD._replace(releases=("6.1.0-9-amd64",)), GOOD._replace(path=SECOND, modules=())],
        [said("initramfs-blkfront", "fail", "does not hold xen-blkfront, and it is not built in: the kernel finds no disks", SECOND, ADD)]),
    "not the module": (
        [GOOD._replace(modules=("ext4",))],
        [said("initramfs-blkfront", "fail", "does not hold xen-blkfront, and it is not built in: the kernel finds no disks", INITRD, ADD)]),
    "no modules at all": (
        [GOOD._replace(modules=(), releases=())],
        [said("initramfs-blkfront", "fail", "does not hold xen-blkfront, and it is not built in: the kernel finds no disks", INITRD, ADD)]),
    "another release": (
        [GOOD._replace(releases=("6.1.0-9-amd64",))],
        [said("initramfs-release", "fail", "made for 6.1.0-9-amd64, not for 6.1.0-50-amd64: its modules are of no use", INITRD, ADD)]),
    "other releases": (
        [GOOD._replace(releases=("d", "c")), GOOD._replace(path=SECOND, releases=("b", "a"))],
        [said("initramfs-release", "fail", "made for a, b, c, not for 6.1.0-50-amd64: its modules are of no use", SECOND, ADD)]),
    "damaged": (
        [DAMAGED],
        [said("initramfs-damaged", "fail",
              "its xen-blkfront is damaged (empty, zeros, or cut short), and it is not built in: the kernel finds no disks", INITRD, ADD)]),
    "another module damaged": ([GOOD._replace(damaged=("ext4",))], [HOLDS]),
    "damaged in one of two": ([GOOD, DAMAGED._replace(path=SECOND)], [TWICE]),
    "damaged in the other of two": ([DAMAGED, GOOD._replace(path=SECOND)], [TWICE]),
    "kept out": (
        [BLOCKED],
        [said("initramfs-blacklist", "unknown",
              "its modprobe settings (modprobe.d) keep xen-blkfront from being loaded, by some ways at least", INITRD,
              ["Take the line away that names it in /etc/modprobe.d."] + BUILD)]),
    "kept out by the other": (
        [GOOD, MICROCODE._replace(kept_out=("xen_blkfront",))],
        [said("initramfs-blacklist", "unknown",
              "its modprobe settings (modprobe.d) keep xen-blkfront from being loaded, by some ways at least", SECOND,
              ["Take the line away that names it in /etc/modprobe.d."] + BUILD)]),
    "another module kept out": ([GOOD._replace(kept_out=("ext4",))], [HOLDS]),
    "a tool is missing": (
        [UNREAD._replace(needs="zstd")],
        [said("initramfs-unreadable", "unknown", "cannot be read without the package zstd", INITRD, ["apt-get install zstd"])]),
    "only root may read it": (
        [UNREAD._replace(problem=Problem("/boot", "permission denied"))],
        [said("initramfs-unreadable", "unknown", "cannot be read: permission denied", "/boot", ROOT)]),
    "cut": ([UNREAD], [CUT]),
    "cut, and a good one behind it": ([UNREAD, GOOD._replace(path=SECOND)], [CUT]),
    "cut, behind a good one": ([GOOD._replace(path=SECOND), UNREAD], [CUT]),
    "cut, behind a proved one": ([PROVED_TOO, UNREAD], [CUT]),
    "not read to its end": ([GOOD._replace(complete=False)], [NOT_TO_ITS_END]),
    "not read to its end, and no /init yet": ([NO_INIT._replace(complete=False)], [NOT_TO_ITS_END]),
}


@pytest.mark.parametrize("name", MODULE)
def test_where_the_front_end_is_a_module(name):
    archives, expected = MODULE[name]
    assert judged(archives) == expected


BUILT = {
    # the same where it is built in: the archive need only be whole, so that the root is found
    "good": ([GOOD], [BUILT_IN]),
    "another release": ([GOOD._replace(releases=(), modules=())], [BUILT_IN]),
    "two": ([MICROCODE, GOOD], [said("initramfs", "pass", NOT_NEEDED, SECOND)]),
    "proved": ([PROVED], [BUILT_IN]),
    "none": ([], [said("initramfs", "pass", "none; " + NOT_NEEDED)]),
    "no /init": ([NO_INIT], [said("initramfs", "pass", NO_INIT_WORDS + "; " + NOT_NEEDED)]),
    "an /init that cannot run": ([CANNOT_RUN], [said("initramfs", "pass", CANNOT_RUN_WORDS + "; " + NOT_NEEDED)]),
    "an /init that may run": ([CANNOT_RUN, MICROCODE], [BUILT_IN, MAY_NOT_RUN]),
    "cut": ([UNREAD], [CUT]),
    "one of two proved": ([PROVED, UNREAD._replace(path=SECOND)], [CUT]),
    "not read to its end": ([GOOD._replace(complete=False)], [NOT_TO_ITS_END]),
    "only root may read it": (
        [UNREAD._replace(problem=Problem("/boot", "permission denied"))],
        [said("initramfs-unreadable", "unknown", "cannot be read: permission denied", "/boot", ROOT)]),
}


@pytest.mark.parametrize("name", BUILT)
def test_where_the_front_end_is_built_in(name):
    archives, expected = BUILT[name]
    assert judged(archives, kernel(XEN_BLKDEV_FRONTEND="y")) == expected


@pytest.mark.parametrize("value", ["n", None, "y/n"])
def test_without_a_front_end_there_is_nothing_to_say_of_the_initramfs(value):
    for archives in ([], [GOOD], [UNREAD]):
        assert judged(archives, kernel(XEN_BLKDEV_FRONTEND=value)) == []


def test_an_archive_that_nobody_has_looked_at():
    for value in ("m", "y"):
        assert judged([], kernel(XEN_BLKDEV_FRONTEND=value), [INITRD]) == [NOT_TO_ITS_END]
        for known in (GOOD, PROVED):
            expected = [said("initramfs-unreadable", "unknown", "was not read to its end", SECOND)]
            assert judged([known], kernel(XEN_BLKDEV_FRONTEND=value), [INITRD, SECOND]) == expected


def test_whose_modules_a_kernel_of_no_known_release_needs_cannot_be_told():
    for archive in (GOOD, GOOD._replace(modules=()), DAMAGED):
        assert judged([archive], kernel(None)) == []  # the configuration's rule has said that the release is not known
        assert holds(entry(INITRD), kernel(None), "ext4", facts(archive)) is None
    assert judged([CANNOT_RUN, MICROCODE], kernel(None)) == [MAY_NOT_RUN]
    assert [finding[:2] for finding in judged([], kernel(None))] == [("initramfs-missing", "fail")]


@pytest.mark.parametrize("front_end", ["m", "y"])
def test_a_kernel_that_takes_no_initramfs(front_end):
    without = kernel(XEN_BLKDEV_FRONTEND=front_end, BLK_DEV_INITRD="n")
    expected = {
        "m": said("initramfs-missing", "fail", NO_DISKS.format(NO_SUPPORT_WORDS), "", ADD),
        "y": said("initramfs", "pass", NO_SUPPORT_WORDS + "; " + NOT_NEEDED),
    }
    for archive in (GOOD, PROVED, UNREAD, NO_INIT):
        assert judged([archive], without) == [expected[front_end]]
    fine = {"m": HOLDS, "y": BUILT_IN}[front_end]
    for value in ("y", "n"):
        contrary = kernel(XEN_BLKDEV_FRONTEND=front_end, BLK_DEV_INITRD=value, conflicts=("BLK_DEV_INITRD",))
        assert judged([GOOD], contrary) == [fine, SUPPORT]
    assert judged([GOOD], kernel(XEN_BLKDEV_FRONTEND=front_end, BLK_DEV_INITRD=None)) == [fine]


PROGRAM = said(
    "initramfs-program", "unknown",
    "rdinit= lets the kernel run /bin/x instead of /init: whether the initramfs holds it is not looked at")


@pytest.mark.parametrize("cmdline,archive,expected", [
    ("rdinit=/bin/x", GOOD, [HOLDS, PROGRAM]), ("rdinit=/bin/y rdinit=/bin/x", GOOD, [HOLDS, PROGRAM]),
    ("rdinit=/bin/x", NO_INIT, [HOLDS, PROGRAM]), ("rdinit=/bin/x", CANNOT_RUN, [HOLDS, PROGRAM]),
    ("rdinit=/bin/x", PROVED, [said("initramfs", "pass", "the guest runs in PV from this very file", INITRD)]),
    ("rdinit=/init", GOOD, [HOLDS]), ("rdinit=", GOOD, [HOLDS]), ("rdinit", GOOD, [HOLDS]), ("init=/bin/x", GOOD, [HOLDS]),
    ("rdinit=/bin/x rdinit=/init", GOOD, [HOLDS]), ("-- rdinit=/bin/x", GOOD, [HOLDS]),
    ("rdinit=/init", NO_INIT, [said("initramfs-missing", "fail", NO_DISKS.format(NO_INIT_WORDS), "", ADD)]),
    ("rdinit=", NO_INIT, [said("initramfs-missing", "fail", NO_DISKS.format(NO_INIT_WORDS), "", ADD)]),
])
def test_another_program_than_init(cmdline, archive, expected):
    assert judged([archive], cmdline=cmdline) == expected


def test_a_proved_pair_runs_its_init():
    told = "its interpreter /bin/sh is not there"
    assert judged([PROVED._replace(init_problem=told), PROVED_TOO]) == [
        said("initramfs", "pass", "the guest runs in PV from this very file", SECOND)]


def packing(name, status, words, symbol, value, fix=(), source=CONFIG):
    return (
        "initramfs-compression", status, "Debian", "packed with {}{}".format(name, words), [(source, "CONFIG_" + symbol, value)],
        list(fix))


CANNOT = ", which this kernel cannot unpack"
NOT_TOLD = ": whether this kernel can unpack that is not judged, its configuration does not tell"
CONTRARY = ": the kernel's configurations contradict each other on whether it can unpack that"
NONE = {"RD_GZIP": None, "RD_XZ": None, "RD_ZSTD": None}  # a configuration that mentions no compression at all
PACKED = {
    # the compressions, the kernel: what is said of them
    "plain": ((), kernel(), []),
    "one that is there": (("xz",), kernel(), []),
    "one that is off": (("zstd",), kernel(), [packing("zstd", "fail", CANNOT, "RD_ZSTD", "n", REPACK)]),
    "one that is no module": (("xz",), kernel(RD_XZ="m"), [packing("xz", "fail", CANNOT, "RD_XZ", "m", REPACK)]),
    "one that is not mentioned, others are": (
        ("lzma",), kernel(), [packing("lzma", "fail", CANNOT, "RD_LZMA", "not mentioned", REPACK)]),
    "several, in order": (
        ("zstd", "gzip", "bzip2"), kernel(),
        [packing("bzip2", "fail", CANNOT, "RD_BZIP2", "not mentioned", REPACK), packing("zstd", "fail", CANNOT, "RD_ZSTD", "n", REPACK)]),
    "none is mentioned": (("gzip",), kernel(**NONE), [packing("gzip", "info", NOT_TOLD, "RD_GZIP", "not mentioned")]),
    "not whole, others are mentioned": (
        ("lzma",), kernel(whole=False), [packing("lzma", "info", NOT_TOLD, "RD_LZMA", "not mentioned")]),
    "not whole, and it says no": (("zstd",), kernel(whole=False), [packing("zstd", "fail", CANNOT, "RD_ZSTD", "n", REPACK)]),
    "not whole, and it says yes": (("xz",), kernel(whole=False), []),
    "zstd came with 5.9": (
        ("zstd",), kernel("5.8.1", **NONE),
        [packing("zstd", "fail", CANNOT, "RD_ZSTD", "not mentioned", [REPACK[0], "update-initramfs -c -k 5.8.1"])]),
    "from then on nobody knows": (
        ("zstd",), kernel("5.9.1", **NONE), [packing("zstd", "info", NOT_TOLD, "RD_ZSTD", "not mentioned")]),
    "lz4 came with 3.11": (
        ("lz4",), kernel("3.10.0", **NONE),
        [packing("lz4", "fail", CANNOT, "RD_LZ4", "not mentioned", [REPACK[0], "update-initramfs -c -k 3.10.0"])]),
    "from then on nobody knows of it": (
        ("lz4",), kernel("3.11.0", **NONE), [packing("lz4", "info", NOT_TOLD, "RD_LZ4", "not mentioned")]),
    "a release without numbers proves nothing": (
        ("zstd",), kernel("custom", **NONE), [packing("zstd", "info", NOT_TOLD, "RD_ZSTD", "not mentioned")]),
    "sources that contradict each other": (
        ("xz",), kernel(conflicts=("RD_XZ",)),
        [packing("xz", "unknown", CONTRARY, "RD_XZ", "n", source="/lib/modules/config")]),
    "the best of them says no": (
        ("zstd",), kernel(conflicts=("RD_ZSTD",)),
        [packing("zstd", "unknown", CONTRARY, "RD_ZSTD", "n", source="/lib/modules/config")]),
    "on another": (("xz",), kernel(conflicts=("RD_ZSTD", "XEN")), []),
    "a configuration of no place": (("zstd",), kernel(source=None), [packing("zstd", "fail", CANNOT, "RD_ZSTD", "n", REPACK, "")]),
}


@pytest.mark.parametrize("name", PACKED)
def test_what_it_is_packed_with(name):
    compressions, of, expected = PACKED[name]
    fine = said("initramfs", "pass", "holds xen-blkfront for {}".format(of.release), INITRD)
    archive = GOOD._replace(compressions=compressions, releases=(of.release,))
    assert judged([archive], of) == [fine] + expected
    both = [archive._replace(compressions=compressions[:1]), archive._replace(path=SECOND)]
    assert judged(both, of)[1:] == expected


def test_every_compression_has_its_symbol():
    for name, symbol in (("gzip", "RD_GZIP"), ("bzip2", "RD_BZIP2"), ("lzma", "RD_LZMA"), ("xz", "RD_XZ"), ("lzo", "RD_LZO"),
                         ("lz4", "RD_LZ4"), ("zstd", "RD_ZSTD")):
        assert judged([GOOD._replace(compressions=(name,))], kernel(**{symbol: "y"})) == [HOLDS]
        assert judged([GOOD._replace(compressions=(name,))], kernel(**{symbol: "n"}))[1][:2] == ("initramfs-compression", "fail")


@pytest.mark.parametrize("archives,named,expected", [
    # whether ext4 is held, a file of it is damaged, it is kept out, and the guest runs from all of them
    ([GOOD], [INITRD], (True, False, False, False)), ([PROVED], [INITRD], (True, False, False, True)),
    ([PROVED, PROVED_TOO], [INITRD, SECOND], (True, False, False, True)),
    ([PROVED, UNREAD._replace(path=SECOND)], [INITRD, SECOND], (None, False, False, False)),
    ([PROVED], [INITRD, SECOND], (None, False, False, False)), ([GOOD], [INITRD, SECOND], (None, False, False, False)),
    ([], [INITRD], (None, False, False, False)), ([], [], (None, False, False, False)), ([GOOD], [], (None, False, False, False)),
    ([UNREAD], [INITRD], (None, False, False, False)),
    ([GOOD, UNREAD._replace(path=SECOND)], [INITRD, SECOND], (None, False, False, False)),
    ([GOOD._replace(modules=())], [INITRD], (False, False, False, False)),
    ([GOOD._replace(releases=("6.2",))], [INITRD], (False, False, False, False)),
    ([GOOD, MICROCODE], [INITRD, SECOND], (True, False, False, False)),
    ([GOOD._replace(damaged=("ext4",))], [INITRD], (None, True, False, False)),
    ([GOOD, MICROCODE._replace(damaged=("ext4",))], [INITRD, SECOND], (None, True, False, False)),
    ([GOOD._replace(modules=(), damaged=("ext4",))], [INITRD], (False, True, False, False)),
    ([GOOD._replace(kept_out=("ext4",))], [INITRD], (True, False, True, False)),
    ([GOOD, MICROCODE._replace(kept_out=("ext4",))], [INITRD, SECOND], (True, False, True, False)),
    ([PROVED._replace(kept_out=("ext4",))], [INITRD], (True, False, False, True)),
])
def test_what_other_rules_ask(archives, named, expected):
    asked, known = entry(*named), facts(*archives)
    assert (
        holds(asked, kernel(), "ext4", known), is_damaged(asked, "ext4", known), is_kept_out(asked, "ext4", known),
        is_proved(asked, known)) == expected


def test_why_there_is_none_to_run_from():
    assert why_none(entry(), kernel(), "pvh", facts(GOOD)) == "none"
    assert why_none(entry(INITRD), kernel(), "pvh", facts(GOOD)) is None
    assert why_none(entry(INITRD), kernel(), "pvh", facts()) is None  # there may be one


INSIDE = "is built into the kernel (INITRAMFS_SOURCE): what it does and holds is not looked at"


@pytest.mark.parametrize("archives,source,own", [
    ([], '"/usr/src/own"', True), ([MICROCODE], '"/usr/src/own"', True), ([CANNOT_RUN], '"/usr/src/own"', True),
    ([GOOD], '"/usr/src/own"', False), ([], '""', False), ([], "n", False), ([], None, False),
])
def test_an_initramfs_that_is_built_into_the_kernel(archives, source, own):
    """What the entry names takes its place where that has an /init that can run."""
    expected = [("initramfs-unreadable", "unknown", "/boot/vmlinuz", INSIDE, [(CONFIG, "CONFIG_INITRAMFS_SOURCE", source)], [])]
    for driver in ("m", "y"):
        found = judged(archives, kernel(INITRAMFS_SOURCE=source, XEN_BLKDEV_FRONTEND=driver))
        assert (found == expected) == own and own == (INSIDE in [finding[3] for finding in found])


WITH_NETWORK = GOOD._replace(modules=("xen_blkfront", "xen_netfront"))


@pytest.mark.parametrize("has_modules,driver,archives,warns", [
    (False, "m", [GOOD], True), (False, "m", [], True), (False, "m", [WITH_NETWORK], False), (False, "y", [GOOD], False),
    (False, "n", [], False), (True, "m", [GOOD], False), (None, "m", [GOOD], False), (False, "m", [UNREAD], False),
])
def test_a_kernel_without_its_modules(has_modules, driver, archives, warns):
    of = kernel(XEN_NETDEV_FRONTEND=driver)._replace(has_modules=has_modules)
    summary = "its xen-netfront is a module, and neither /lib/modules/6.1.0-50-amd64 nor the initramfs has it: no network"
    for mode in ("pvh", "pv"):
        findings = judge_network(entry(*[archive.path for archive in archives]), of, mode, facts(*archives))
        assert bool(findings) == warns
        for finding in findings:
            assert finding[:5] == ("kernel-netfront", "warn", mode, "/boot/vmlinuz", summary)
            assert finding.evidence == (("/lib/modules/6.1.0-50-amd64", "", "missing"),)
            assert [remedy.text for remedy in finding.remedies] == [
                "Install the kernel's package again, or put its modules there and run depmod 6.1.0-50-amd64."]


def test_a_program_of_an_initramfs():
    with_lvm = MICROCODE._replace(programs=("lvm",))
    assert has_program(entry(INITRD, SECOND), ("lvm", "mdadm"), facts(GOOD, with_lvm)) is True
    assert has_program(entry(INITRD, SECOND), ("mdadm",), facts(GOOD, with_lvm)) is False
    assert has_program(entry(INITRD), ("lvm",), facts(PROVED)) is True
    for archives in ([UNREAD], [GOOD, UNREAD._replace(path=SECOND)]):
        assert has_program(entry(*[archive.path for archive in archives]), ("lvm",), facts(*archives)) is None
    assert has_program(entry(INITRD), ("lvm",), facts()) is None and has_program(entry(), ("lvm",), facts()) is None
