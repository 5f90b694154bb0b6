"""Each example shows what it says it shows."""

import pytest

from pvhready.demo import guests
from support.program import findings

VERDICTS = {
    "debian-12": ("ready", 0),
    "debian-12-silent": ("ready-with-warnings", 1),
    "debian-12-damaged": ("unknown", 3),
    "ubuntu-18.04": ("not-ready", 2),
    "ubuntu-20.04-hack": ("not-ready", 2),
    "ubuntu-22.04-mixed": ("ready-with-warnings", 1),
    "fedora-zstd": ("ready", 0),
    "centos-8": ("not-ready", 2),
    "alpine-extlinux": ("not-ready", 2),
}


@pytest.fixture
def report(tmp_path, pvhready):
    def check(name):
        guests.make(name, str(tmp_path))
        return pvhready.check(str(tmp_path))

    return check


def objections(answer):
    return findings(answer, "fail", "unknown", "warn")


def test_every_example_has_a_verdict_here():
    assert set(VERDICTS) == set(guests.NAMES)


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_verdict(name, report):
    answer = report(name)
    assert (answer["verdict"], answer["exit"]) == VERDICTS[name], objections(answer)


@pytest.mark.parametrize("name,pvh,pv", [
    ("debian-12", "boots", "boots"),
    ("debian-12-silent", "boots", "boots"),
    ("ubuntu-18.04", "fails", "boots"),
    ("ubuntu-20.04-hack", "fails", "boots"),
    ("ubuntu-22.04-mixed", "boots", "fails"),
    ("fedora-zstd", "boots", "fails"),
    ("centos-8", "fails", "fails"),
])
def test_both_ways(name, pvh, pv, report):
    (kernel,) = [kernel for kernel in report(name)["kernels"] if kernel["default"]] or report(name)["kernels"][:1]
    assert kernel["modes"] == {"pvh": pvh, "pv": pv}, kernel["reasons"]


def test_the_hack_is_seen(report):
    hack = report("ubuntu-20.04-hack")["hack"]
    assert hack["active_hooks"] == ["/etc/kernel/postinst.d/bitfolk-decompress-lz4-kernels"]
    assert hack["helpers"] == ["/usr/local/sbin/extract-vmlinux"]
    assert sorted(hack["decompressed_kernels"]) == ["/boot/vmlinuz-5.4.0-215-generic", "/boot/vmlinuz-5.4.0-216-generic"]


def test_a_sound_guest_has_no_hack(report):
    assert report("debian-12")["hack"] == {"active_hooks": [], "inert_hooks": [], "helpers": [], "decompressed_kernels": []}


def test_the_demo_command_lists_and_shows_them(pvhready):
    listing = pvhready("demo", "--list")
    assert listing.code == 0
    for name, text in guests.NAMES.items():
        assert "{} {}".format(name, text) in " ".join(listing.out.split())
    shown = pvhready("demo", "debian-12")
    assert shown.code == 0 and "debian" in shown.out.lower()
