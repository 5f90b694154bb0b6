"""What is said of a kernel's configuration: the finding, its status, its words and its evidence, one thing changed at a time."""

import pytest

from pvhready.facts import Config, Conflict, Distribution, Guest, Image, Inside, Kernel, Problem
from pvhready.rules.config import conflict_on, judge_config

RELEASE = "6.1.0-50-amd64"
SOURCE = "/boot/config-" + RELEASE
VALUES = {
    "X86_64": "y", "XEN": "y", "XEN_PV": "y", "XEN_PVHVM": "y", "XEN_PVH": "y", "ACPI": "y", "XEN_BLKDEV_FRONTEND": "m",
    "XEN_NETDEV_FRONTEND": "m", "HVC_XEN": "y", "XEN_SYS_HYPERVISOR": "y", "IA32_EMULATION": "y",
}
GUEST = Guest("PV", distribution=Distribution("debian", "12"), programs="x86_64")


def kernel(release=RELEASE, bits=64, config=None, **values):
    """A kernel with these changes to its configuration; None takes a symbol out of it."""
    changed = dict(VALUES, **values)
    given = {name: value for name, value in changed.items() if value is not None}
    settings = {"source": SOURCE, "values": given, "whole": True, "root_pointer": True, "map_source": "/boot/System.map"}
    settings.update(config or {})
    return Kernel("/boot/vmlinuz", Image("bzimage", "xz", bits), release, release or "", config=Config(**settings))


def said(finding):
    return finding.id, finding.status


CASES = {
    # what is changed: mode, finding, status, a part of its words, a part of its evidence
    "nothing, PVH": (kernel(), "pvh", "kernel-config", "pass", "Linux 6.1.0-50-amd64, XEN_PVH=y, block front end a module", SOURCE),
    "nothing, PV": (kernel(), "pv", "kernel-config", "pass", "with a PV entry, block front end a module", SOURCE),
    "front end built in": (kernel(XEN_BLKDEV_FRONTEND="y"), "pv", "kernel-config", "pass", "block front end built in", SOURCE),
    "no release": (kernel(None), "pvh", "kernel-release", "unknown", "neither from the image nor from the file's name", SOURCE),
    "a release that is none": (kernel("custom"), "pv", "kernel-release", "unknown", "cannot be told", "custom"),
    "4.10": (kernel("4.10.3"), "pvh", "kernel-too-old", "fail", "Linux 4.10 is too old for PVH: it finds no disks", "4.10.3"),
    "4.11": (kernel("4.11.0"), "pvh", "kernel-too-old", "fail", "Linux 4.11 does not boot under PVH through GRUB", "4.11.0"),
    "4.18, without a configuration": (
        kernel("4.18.1", config={"source": None}), "pvh", "kernel-too-old", "fail", "Linux 4.18 does", "4.18.1"),
    "4.19 without the patch": (
        kernel("4.19.1", config={"root_pointer": False}), "pvh", "kernel-root-pointer", "fail", "does not take the ACPI tables",
        "('/boot/System.map', 'System.map', 'no x86_default_get_root_pointer')"),
    "4.20, not known": (
        kernel("4.20.1", config={"root_pointer": None}), "pvh", "kernel-root-pointer", "unknown", "Linux 4.20 boots", "4.20.1"),
    "5.0 has it": (kernel("5.0.1", config={"root_pointer": None}), "pvh", "kernel-config", "pass", "Linux 5.0.1", SOURCE),
    "4.19 without XEN_PVH": (
        kernel("4.19.1", config={"root_pointer": None}, XEN_PVH="n"), "pvh", "kernel-xen-pvh", "fail", "comes up as HVM", "'n'"),
    "no configuration": (
        kernel(config={"source": None}), "pvh", "kernel-config-missing", "unknown", "no configuration of this kernel is found", "missing"),
    "one that cannot be read": (
        kernel(config={"source": None, "problem": Problem("/boot/config", "is a FIFO")}), "pv", "kernel-config-missing", "unknown",
        "cannot be read: /boot/config: is a FIFO", "is a FIFO"),
    "cut in a line": (kernel(config={"cut": True}), "pvh", "kernel-config-conflict", "unknown", "cut off", "no end of line"),
    "two sources": (
        kernel(config={"conflicts": (Conflict("HVC_XEN", "a", "y", "b", "n"), Conflict("XEN", "a", "y", "b", "n"))}), "pvh",
        "kernel-config-conflict", "unknown", "XEN=y in a, n in b", "('b', 'CONFIG_XEN', 'n')"),
    "two sources, of no weight": (
        kernel(config={"conflicts": (Conflict("HVC_XEN", "a", "y", "b", "n"),)}), "pvh", "kernel-config", "pass", "XEN_PVH=y", SOURCE),
    "of another series": (
        kernel(config={"version": "6.2.0"}), "pv", "kernel-config-conflict", "unknown", "it is Linux 6.2.0's, not 6.1.0-50-amd64's",
        "'header', '6.2.0'"),
    "of this series": (kernel(config={"version": "6.1.99"}), "pv", "kernel-config", "pass", "with a PV entry", SOURCE),
    "twice": (kernel(ACPI="y/n"), "pv", "kernel-config-conflict", "unknown", "ACPI has the values y/n", "CONFIG_ACPI"),
    "another width": (kernel(X86_64="n"), "pv", "kernel-config-conflict", "unknown", "the image is 64-bit", "CONFIG_X86_64"),
    "another width, 32": (kernel(bits=32), "pv", "kernel-config-conflict", "unknown", "the image is 32-bit", "CONFIG_X86_64"),
    "a width that the image does not tell": (kernel(bits=None), "pv", "kernel-config", "pass", "with a PV entry", SOURCE),
    "a width that nothing tells": (kernel(X86_64=None), "pv", "kernel-config", "pass", "with a PV entry", SOURCE),
    "XEN_PVH without XEN_PVHVM": (kernel(XEN_PVHVM="n"), "pvh", "kernel-config-conflict", "unknown", "without XEN_PVHVM", "XEN_PVHVM"),
    "XEN_PVH without ACPI": (kernel(ACPI="n"), "pvh", "kernel-config-conflict", "unknown", "XEN_PVH=y without ACPI", "CONFIG_ACPI"),
    "that is nothing to PV": (kernel(ACPI="n"), "pv", "kernel-config", "pass", "with a PV entry", SOURCE),
    "nor where there is no XEN_PVH": (kernel(ACPI="n", XEN_PVH="n"), "pvh", "kernel-xen-pvh", "fail", "comes up as HVM", "'n'"),
    "not whole, PVH": (
        kernel(config={"whole": False}, XEN_PVH=None), "pvh", "kernel-config-cut", "unknown", "mentions neither XEN_PVH nor",
        "'CONFIG_XEN_PVH', 'not mentioned'"),
    "not whole, PV": (
        kernel(config={"whole": False}, XEN_PV=None), "pv", "kernel-config-cut", "unknown", "neither XEN_PV nor", "not mentioned"),
    "not whole, XEN": (kernel(config={"whole": False}, XEN=None), "pv", "kernel-config-cut", "unknown", "neither XEN nor", "not mentioned"),
    "not whole, and enough": (kernel(config={"whole": False}), "pvh", "kernel-config", "pass", "XEN_PVH=y", SOURCE),
    "not whole, and no all the same": (
        kernel(config={"whole": False}, XEN="n", XEN_PVH=None), "pvh", "kernel-xen", "fail", "built without CONFIG_XEN", "CONFIG_XEN"),
    "whole, without XEN": (kernel(XEN=None), "pvh", "kernel-xen", "fail", "built without CONFIG_XEN", "'CONFIG_XEN', 'not mentioned'"),
    "whole, without XEN_PVH": (
        kernel(XEN_PVH=None), "pvh", "kernel-xen-pvh", "fail", "finds no disks", "'CONFIG_XEN_PVH', 'not mentioned'"),
    "whole, without XEN_PV": (kernel(XEN_PV=None), "pv", "kernel-xen-pv", "fail", "built without CONFIG_XEN_PV", "not mentioned"),
    "4.11 has a PV entry with XEN": (kernel("4.11.9", XEN_PV=None), "pv", "kernel-config", "pass", "with a PV entry", SOURCE),
    "4.11, not whole": (kernel("4.11.9", config={"whole": False}, XEN_PV=None), "pv", "kernel-config", "pass", "with a PV entry", SOURCE),
    "4.12 needs XEN_PV": (kernel("4.12.0", XEN_PV=None), "pv", "kernel-xen-pv", "fail", "it has no PV entry", "CONFIG_XEN_PV"),
    "4.12, not whole": (
        kernel("4.12.0", config={"whole": False}, XEN_PV=None), "pv", "kernel-config-cut", "unknown", "XEN_PV", "CONFIG_XEN_PV"),
    "32 bits, 5.9": (kernel("5.9.1", 32, X86_64="n", XEN_PV="n"), "pv", "kernel-xen-pv", "fail", "a 32-bit kernel of Linux 5.9", "XEN_PV"),
    "32 bits, 5.8": (kernel("5.8.1", 32, X86_64="n", XEN_PV="n"), "pv", "kernel-xen-pv", "fail", "built without CONFIG_XEN_PV", "XEN_PV"),
    "no front end": (kernel(XEN_BLKDEV_FRONTEND="n"), "pvh", "kernel-blkfront", "fail", "built without the Xen block front end", "'n'"),
    "a front end that is not mentioned": (
        kernel(XEN_BLKDEV_FRONTEND=None), "pvh", "kernel-blkfront", "unknown", "does not mention XEN_BLKDEV_FRONTEND", "not mentioned"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_first(name):
    judged, mode, check, status, words, evidence = CASES[name]
    finding = judge_config(judged, mode, GUEST)[0]
    assert (finding.id, finding.status, finding.mode, finding.subject) == (check, status, mode, "/boot/vmlinuz")
    assert words in finding.summary
    assert evidence in str(tuple(finding.evidence[0]))
    assert bool(finding.remedies) == (check not in ("kernel-config", "kernel-release", "kernel-config-conflict") and (check, status) != (
        "kernel-blkfront", "unknown"))


@pytest.mark.parametrize("programs,bits,emulation,expected", [
    ("x86_64", 64, "n", None), ("x86_64", 32, "y", ("kernel-programs", "fail")), ("i386", 64, "y", None), ("i386", 64, None, None),
    ("i386", 64, "n", ("kernel-programs", "fail")), ("i386", 32, "n", None), (None, 64, "n", None), (None, 32, "n", None),
    ("aarch64", 64, "y", ("kernel-programs", "unknown")),
])
def test_programs_that_a_kernel_cannot_run(programs, bits, emulation, expected):
    judged = kernel(bits=bits, X86_64="y" if bits == 64 else "n", IA32_EMULATION=emulation)
    finding = judge_config(judged, "pvh", GUEST._replace(programs=programs))[0]
    assert said(finding) == (expected or ("kernel-config", "pass"))
    if expected:
        assert bool(finding.remedies) == (expected[1] == "fail")
        assert {"x86_64": "programs are 64-bit", "i386": "programs are 32-bit", "aarch64": "made for aarch64"}[programs] in finding.summary


@pytest.mark.parametrize("release,mode,words", [
    ("6.12.24", "pv", "known fault: PV guests come up with a single CPU; mended in 6.12.25"), ("6.12.25", "pv", ""), ("6.12.24", "pvh", ""),
    ("6.12.0-1-amd64", "pv", ""), ("5.4.3", "pv", ""),
])
def test_known_faults_of_a_series(release, mode, words):
    first, *others = judge_config(kernel(release), mode, GUEST)
    assert said(first) == ("kernel-config", "pass")
    assert [(said(finding), finding.summary) for finding in others] == ([(("kernel-regression", "warn"), words)] if words else [])


@pytest.mark.parametrize("symbol,value,expected", [
    ("XEN_NETDEV_FRONTEND", "n", ("kernel-netfront", "warn")), ("HVC_XEN", "n", ("kernel-console", "warn")),
    ("XEN_SYS_HYPERVISOR", "n", ("kernel-sys-hypervisor", "info")), ("XEN_NETDEV_FRONTEND", None, None), ("HVC_XEN", "m", None),
    ("XEN_SYS_HYPERVISOR", "y", None),
])
def test_what_hurts_all_the_same(symbol, value, expected):
    first, *others = judge_config(kernel(**{symbol: value}), "pvh", GUEST)
    assert said(first) == ("kernel-config", "pass")
    assert [said(finding) for finding in others] == ([expected] if expected else [])
    if expected:
        assert others[0].evidence[0] == (SOURCE, "CONFIG_" + symbol, "n") and others[0].remedies


@pytest.mark.parametrize("notes,features,words", [((1, 6, 18), None, "1, 6, 18"), ((6, 1, 18), 0x1801, "1, 6, 18; note 17 is 0x1801")])
def test_notes_alone_are_no_proof(notes, features, words):
    judged = kernel(config={"source": None})._replace(inside=Inside(notes=notes, features=features))
    (finding,) = judge_config(judged, "pvh", GUEST)
    assert said(finding) == ("kernel-config-missing", "unknown") and finding.summary.endswith(", and its Xen notes alone are no proof")
    assert finding.evidence[1] == ("/boot/vmlinuz", "Xen notes", words)
    assert "proof" not in judge_config(kernel(config={"source": None}), "pvh", GUEST)[0].summary


def test_what_only_root_may_read_is_to_be_read_by_root():
    judged = kernel(config={"source": None, "problem": Problem("/boot/config", "permission denied")})
    (finding,) = judge_config(judged, "pvh", GUEST)
    assert "sudo" in finding.remedies[0].argv


def test_what_contradicts_a_symbol():
    """Another source does, or the only one says two things; in quotes a stroke is a part of the value."""
    other = kernel(config={"conflicts": (Conflict("XEN", "a", "y", "b", "n"),)})
    assert conflict_on(other, "ACPI", "XEN") == ("b", "CONFIG_XEN", "n") and conflict_on(other, "ACPI") is None
    twice = kernel(ACPI="y/n", CMDLINE='"root=/dev/xvda1"')
    assert conflict_on(twice, "XEN", "ACPI") == (SOURCE, "CONFIG_ACPI", "y/n")
    assert conflict_on(twice, "XEN", "CMDLINE", "NONE") is None
