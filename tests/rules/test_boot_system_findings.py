"""What is said of a file system that GRUB has to read, by what is known of it and of the host."""

import pytest

from pvhready.facts import BootFileSystem, Facts, Guest, Problem
from pvhready.host import profile
from pvhready.rules.bootfs import judge_boot_systems

PLAIN = BootFileSystem(("pvh",), "/boot", "ext4", "UUID=ABC", ("ext4", "ext4:extents"), True, "/dev/xvda1")
SEED = PLAIN._replace(features=("ext4", "ext4:metadata_csum_seed"))
INLINE = PLAIN._replace(features=("ext4", "ext4:inline_data"))
LOCKED = BootFileSystem(("pvh",), "/", "ext4", "/dev/mapper/root", ("cryptomount", "ext4"), False, "")
DENIED = Problem("/dev/xvda1", "permission denied")


def judged(system, host, mode="pvh"):
    return judge_boot_systems(mode, profile(host), Facts("/", True, "2026-01-01", Guest("PV"), boot_systems=(system,)))


CASES = {
    # the file system, the host: the finding, its words, its evidence
    "read": (PLAIN, "debian-12", ("boot-filesystem", "pass"), "ext4: GRUB of host debian-12 reads it with all its features", ""),
    "refused": (INLINE, "debian-12", ("boot-filesystem-feature", "fail"), "ext4: GRUB of host debian-12 does not read inline_data",
                "ext4:inline_data"),
    "refused, though it was booted": (
        INLINE._replace(booted=True), "debian-12", ("boot-filesystem-feature", "fail"), "does not read inline_data", "ext4:inline_data"),
    "two": (
        PLAIN._replace(features=("ext4", "ext4:casefold", "ext4:inline_data")), "debian-12", ("boot-filesystem-feature", "fail"),
        "does not read casefold and inline_data", "ext4:casefold, ext4:inline_data"),
    "a layer": (
        PLAIN._replace(features=("lvm:thin", "ext4")), "debian-12", ("boot-filesystem-feature", "fail"), "does not read lvm thin",
        "lvm:thin"),
    "not known": (
        SEED, "bitfolk", ("boot-filesystem-feature", "unknown"), "it is not known whether GRUB of host bitfolk reads metadata_csum_seed",
        "ext4:metadata_csum_seed"),
    "not known, and booted": (
        SEED._replace(booted=True), "bitfolk", ("boot-filesystem", "pass"), "ext4: the host's GRUB has started this guest from it",
        "ext4:metadata_csum_seed"),
    "locked": (
        LOCKED, "debian-12", ("boot-filesystem-feature", "fail"),
        "ext4 is in an encrypted container, which GRUB of host debian-12 does not open", "cryptomount"),
    "locked, not known": (
        LOCKED, "bitfolk", ("boot-filesystem-feature", "unknown"),
        "ext4 is in an encrypted container, and it is not known whether GRUB of host bitfolk opens it", "cryptomount"),
    "a problem": (
        PLAIN._replace(problem=DENIED), "debian-12", ("boot-filesystem-unknown", "unknown"),
        "ext4: what GRUB needs to know of it cannot be told: permission denied", ""),
    "a problem, and booted": (PLAIN._replace(problem=DENIED, booted=True), "debian-12", ("boot-filesystem", "pass"), "has started", ""),
    "not read": (
        PLAIN._replace(read=False, source=""), "debian-12", ("boot-filesystem-not-judged", "info"),
        "ext4, for all that is known; its features are not judged", ""),
    "not read, and told": (
        PLAIN._replace(read=False, source="/etc/fstab:2"), "debian-12", ("boot-filesystem-not-judged", "info"),
        "ext4, as /etc/fstab:2 says", ""),
    "not read, and no type": (
        PLAIN._replace(read=False, source="", filesystem="", features=()), "debian-12", ("boot-filesystem-not-judged", "info"),
        "its file system, for all", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_system(name):
    system, host, expected, words, seen = CASES[name]
    (finding,) = judged(system, host)
    assert (finding.id, finding.status) == expected and words in finding.summary
    assert (finding.subject, finding.mode, finding.evidence[0].value) == (system.point, "pvh", seen)
    assert finding.evidence[0].where == ("superblock" if system.read else "")
    assert bool(finding.remedies) == (finding.id in ("boot-filesystem-feature", "boot-filesystem-unknown"))


def test_a_mode_that_does_not_need_it():
    assert judged(INLINE, "debian-12", "pv") == []


@pytest.mark.parametrize("source,device,shown", [("/dev/a", "UUID=1", "/dev/a"), ("", "UUID=1", "UUID=1"), ("", "", "/boot")])
def test_where_it_was_seen(source, device, shown):
    assert judged(PLAIN._replace(source=source, device=device), "debian-12")[0].evidence[0].path == shown


def ways_out(system, host):
    return [(remedy.text, remedy.argv) for remedy in judged(system, host)[0].remedies]


@pytest.mark.parametrize("device,node", [
    ("UUID=ABC", "/dev/disk/by-uuid/ABC"), ('LABEL="x"', "/dev/disk/by-label/x"), ("/dev/xvda1", "/dev/xvda1"), ("", "DEVICE"),
])
def test_a_feature_that_tune2fs_takes_away(device, node):
    first, *others = ways_out(SEED._replace(device=device), "upstream-2.06")
    assert first[1] == ("tune2fs", "-O", "^metadata_csum_seed", node)
    assert all(argv == () for _, argv in others) and "Ask the provider" in others[-1][0] and "debian-13" in others[-1][0]
    asked = ways_out(SEED._replace(device=device), "bitfolk")
    assert "Ask the provider" in asked[0][0] and all(argv == () for _, argv in asked)
    assert "tune2fs -O ^metadata_csum_seed " + node in asked[1][0]


def test_other_ways_out():
    made_anew, apart = ways_out(INLINE, "debian-12")
    assert "mkfs.ext4 -O ^inline_data" in made_anew[0] and apart[0].startswith("Put /boot on a file system of its own")
    xfs = PLAIN._replace(filesystem="xfs", features=("xfs", "xfs:parent"))
    texts = [text for text, _ in ways_out(xfs, "debian-12")]
    assert "mkfs.xfs with parent off" in texts[0] and texts[-1].endswith("These read it: debian-sid, upstream-2.14.")
    texts = [text for text, _ in ways_out(LOCKED, "debian-12")]
    assert texts[0].startswith("Put /boot on a partition of its own outside of the encrypted container")
    texts = [text for text, _ in ways_out(PLAIN._replace(features=("lvm:thin", "ext4")), "debian-12")]
    assert len(texts) == 1 and texts[0].startswith("Put /boot on a file system of its own")


@pytest.mark.parametrize("filesystem,features,host,expected", [
    # what tune2fs takes away beside what it does not: all of it is made anew
    ("ext4", ("ext4", "ext4:metadata_csum_seed", "ext4:inline_data"), "upstream-2.06", "^metadata_csum_seed,^inline_data"),
    ("f2fs", ("f2fs", "f2fs:compression", "f2fs:other"), "debian-12", "mkfs.f2fs without compression, other"),
    # a layer below cannot be taken away with the file system, nor is there a way known for btrfs
    ("ext4", ("lvm:thin", "ext4", "ext4:inline_data"), "debian-12", None), ("btrfs", ("btrfs", "btrfs:unheard"), "debian-12", None),
])
def test_a_file_system_that_is_made_anew(filesystem, features, host, expected):
    texts = [text for text, argv in ways_out(PLAIN._replace(filesystem=filesystem, features=features), host)]
    found = [text for text in texts if text.startswith("Save the files, make the file system anew (")]
    assert (expected is None) == (found == []) and (expected is None or expected in found[0])
    assert any(text.startswith("Put /boot on a file system of its own") for text in texts)


def test_a_file_system_as_such():
    (finding,) = judged(PLAIN._replace(filesystem="f2fs", features=("f2fs",)), "bitfolk")
    assert finding.summary == "f2fs: it is not known whether GRUB of host bitfolk reads f2fs"
