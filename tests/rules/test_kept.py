"""Kernels that are kept for PV: the menu is told of, and nobody is warned of them."""

from pvhready.facts import PV, PVH, Entry, Image, Kernel
from pvhready.kept import is_kept, kept_path, kept_release
from pvhready.probes.kernels import release_in_name
from pvhready.rules.kept import judge_kept
from pvhready.rules.upkeep import judge_other_kernels

KEPT = Kernel("/boot/pvhready-6.1.0-1-amd64.elf", Image("elf"), "6.1.0-1-amd64", "6.1.0-1-amd64")
PACKED = Kernel("/boot/vmlinuz-6.1.0-1-amd64", Image("bzimage"), "6.1.0-1-amd64", "6.1.0-1-amd64")
NEWER = Kernel("/boot/vmlinuz-6.1.0-10-amd64", Image("bzimage"), "6.1.0-10-amd64", "6.1.0-10-amd64")
ENTRY = Entry(0, "0", "kept", kernel=KEPT.path)


def test_names() -> None:
    assert kept_path("6.1.0-1-amd64") == KEPT.path
    assert kept_release(KEPT.path) == release_in_name(KEPT.path) == "6.1.0-1-amd64"
    for path in (PACKED.path, "/boot/pvhready", "/boot/pvhready-1.bak", "/root/pvhready-1.elf"):
        assert not is_kept(path)
        assert kept_release(path) is None


def test_the_menu_keeps_it_when_a_newer_one_comes() -> None:
    (said,) = judge_kept(ENTRY, (KEPT, PACKED), PV)
    assert (said.id, said.status) == ("pv-kept", "info")
    assert "newer" not in said.summary
    (said,) = judge_kept(ENTRY, (KEPT, PACKED, NEWER), PV)
    assert "6.1.0-10-amd64, have no such copy" in said.summary
    assert list(judge_kept(ENTRY, (KEPT,), PVH)) == []
    assert list(judge_kept(ENTRY._replace(kernel=PACKED.path), (KEPT,), PV)) == []


def test_nobody_is_told_that_it_does_not_boot_under_pvh() -> None:
    answers = {KEPT.path: "fails", PACKED.path: "boots"}
    assert list(judge_other_kernels((KEPT, PACKED), (PACKED.path,), answers, PVH)) == []
