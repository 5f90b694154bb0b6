"""What is said of the guest itself: its type, what could not be read of it, and the dates that concern it."""

import pytest

from pvhready.facts import Config, Facts, Guest, Image, Kernel, Problem
from pvhready.rules.guest import judge_guest

TODAY = "2026-01-01"


def judged(guest, today=TODAY, **seen):
    return judge_guest(Facts("/", True, today, guest, **seen))


def typed(finding):
    return [" ".join(remedy.argv) or remedy.text for remedy in finding.remedies]


def kernel(bits, release="6.1.0", **values):
    return Kernel("/boot/vmlinuz", Image("bzimage", "xz", bits), release, release, config=Config("/boot/config", values))


@pytest.mark.parametrize("guest,status,summary", [
    (Guest("PV"), "pass", "runs in PV"), (Guest("HVM"), "pass", "runs in HVM"),
    (Guest("PVH"), "pass", "runs in PVH: the switch is done, and this is about its next reboot"),
    (Guest("PV", assumed=True), "info", "taken to be a PV guest, because you said so"),
    (Guest("PVH", assumed=True, dom0=True, container="lxc"), "info", "taken to be a PVH guest, because you said so"),
    (Guest("not-applicable"), "info", "a mounted file system: what only a running guest knows does not apply"),
    (Guest("PV", dom0=True), "info", "a dom0, which is no candidate"),
    (Guest("none", container="lxc"), "info", "a container (lxc), which boots nothing"),
    (Guest(None, container="lxc"), "info", "a container (lxc), which boots nothing"),
    (Guest("none"), "info", "no Xen guest"),
    (Guest(None), "unknown", "it cannot be told whether this is a Xen guest, and of which type"),
])
def test_the_type(guest, status, summary):
    seen = (("/sys/hypervisor/type", "xen"), ("/proc/xen", "there"))
    (finding,) = judged(guest._replace(evidence=seen))
    assert finding[:5] == ("guest-type", status, "both", "guest", summary)
    assert finding.evidence == (("/sys/hypervisor/type", "", "xen"), ("/proc/xen", "", "there"))
    ways_out = ["Say what it is, if you know it.", "pvhready check --assume-guest pv"] if status == "unknown" else []
    assert typed(finding) == ways_out


def test_what_only_root_may_read():
    (_, finding) = judged(Guest("PV"), denied=("/boot/a", "/boot/b", "/boot/c", "/boot/d"))
    assert finding[:5] == ("access", "unknown", "both", "guest", "/boot/a, /boot/b, /boot/c could not be read for lack of rights")
    assert finding.evidence[2:] == (("/boot/c", "", "permission denied"), ("/boot/d", "", "permission denied"))
    assert len(finding.evidence) == 4 and typed(finding) == ["sudo pvhready check"]
    (_, finding) = judged(Guest("PV"), denied=tuple("/boot/{}".format(number) for number in range(21)))
    assert len(finding.evidence) == 20 and finding.evidence[19] == ("/boot/19", "", "permission denied")


def test_what_cannot_be_read_for_other_reasons():
    problems = (Problem("/a", "permission denied"), Problem("/b", "input/output error"), Problem("/c", "is a FIFO"))
    _, rights, second, third = judged(Guest("PV"), denied=("/a",), problems=problems)
    assert (rights.summary, second.summary, third.summary) == (
        "/a could not be read for lack of rights", "/b: input/output error", "/c: is a FIFO")
    assert second[:4] == ("access", "unknown", "both", "guest") and second.remedies == ()
    assert second.evidence == (("/b", "", "input/output error"),)
    assert [finding.summary for finding in judged(Guest("PV"), problems=problems)[1:]] == [
        "/a: permission denied", "/b: input/output error", "/c: is a FIFO"]


@pytest.mark.parametrize("version,end", [
    ("4.14", "2023-07-24"), ("4.17", "2025-12-12"), ("4.18", "2026-11-16"), ("4.19", "2027-07-29"), ("4.20", "2028-03-05"),
    ("4.21", "2030-11-19"), ("4.22", "2031-07-30"),
])
def test_the_end_of_the_host_s_support(version, end):
    for today, tense in (("2020-12-31", "ends"), (end, "ended"), ("2032-01-01", "ended")):
        (_, finding) = judged(Guest("PVH", xen_version=version), today)
        summary = "the host runs Xen {}, whose security support {} on {}".format(version, tense, end)
        assert finding == ("xen-support", "info", "both", "guest", summary, (("/sys/hypervisor/version", "", version),), (), None)


@pytest.mark.parametrize("guest,said", [
    (Guest("PV", xen_version="4.18"), True), (Guest("PVH", xen_version="4.18"), True), (Guest("HVM", xen_version="4.18"), True),
    (Guest("none", xen_version="4.18"), False), (Guest(None, xen_version="4.18"), False),
    (Guest("not-applicable", xen_version="4.18"), False), (Guest("PV", xen_version="4.16"), False), (Guest("PV"), False),
])
def test_whose_host_s_support_is_told_of(guest, said):
    assert [finding.id for finding in judged(guest)] == ["guest-type"] + ["xen-support"] * said


NARROW, WIDE, UNTOLD = kernel(32), kernel(64), kernel(None)
BY_CONFIG = kernel(None, X86_64="n")


@pytest.mark.parametrize("guest,kernels,narrow", [
    (Guest("PV", loader_bits=32), (), True), (Guest("PV", loader_bits=32), (WIDE,), True), (Guest("PV", loader_bits=64), (NARROW,), False),
    (Guest("PV"), (NARROW,), True), (Guest("PV"), (NARROW, BY_CONFIG), True), (Guest("PV"), (NARROW, WIDE), False),
    (Guest("PV"), (NARROW, UNTOLD), False), (Guest("PV"), (WIDE,), False), (Guest("PV"), (), False),
    (Guest("PVH", loader_bits=32), (NARROW,), False), (Guest(None), (NARROW,), False),
])
def test_which_guests_are_of_32_bits(guest, kernels, narrow):
    findings = judged(guest, kernels=kernels)[1:]
    assert [finding[:4] for finding in findings] == [("pv-32bit", "info", "both", "guest")] * narrow


DROPPED = "a 32-bit PV guest: Linux dropped 32-bit PV in 5.9, and Xen runs it only in a shim from 4.16 on"
NO_ENTRY = "; the kernel {} installed here has no PV entry any more"
BORDER = "; this host's Xen {} is at that border"
ENDED = "; support for Xen 4.14, the last with 32-bit PV by default, ended on 2023-07-24"


@pytest.mark.parametrize("xen,today,kernels,more", [
    (None, "2023-07-24", (), ""), (None, "2023-07-25", (), ENDED), ("4.14", "2023-07-25", (), ENDED),
    ("4.15", TODAY, (), BORDER.format("4.15")), ("4.16", TODAY, (), BORDER.format("4.16")), ("4.17", TODAY, (), ENDED),
    (None, "2023-01-01", (kernel(32, "5.8.1"),), ""), (None, "2023-01-01", (kernel(32, "5.9.1"),), NO_ENTRY.format("5.9")),
    (None, "2023-01-01", (kernel(32, "6.1.0"), kernel(32, "5.10.1"), kernel(32, None)), NO_ENTRY.format("6.1")),
    (None, "2023-01-01", (kernel(32, None), kernel(32, "custom")), ""),
    ("4.16", TODAY, (kernel(32, "6.1.0"),), NO_ENTRY.format("6.1") + BORDER.format("4.16")),
    # A 64-bit kernel has its PV entry still, and of one whose width nothing tells nobody knows.
    (None, "2023-01-01", (kernel(64, "6.1.0"), kernel(32, "4.19.1")), ""), (None, "2023-01-01", (kernel(None, "6.1.0"),), ""),
    (None, "2023-01-01", (kernel(64, "6.1.0"), kernel(32, "5.10.1")), NO_ENTRY.format("5.10")),
])
def test_what_becomes_of_32_bits(xen, today, kernels, more):
    finding = judged(Guest("PV", loader_bits=32, xen_version=xen), today, kernels=kernels)[-1]
    assert (finding.summary, finding.evidence) == (DROPPED + more, ())
    assert typed(finding) == [
        "Switch to PVH, which boots 32-bit kernels too, or install a 64-bit kernel and choose the 64-bit loader (at BitFolk: arch x86_64)."]
