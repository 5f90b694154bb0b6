"""What is said of an entry whose kernel was kept decompressed for PV: all of it, and where nothing is said."""

import pytest

from pvhready.facts import Entry, Image, Kernel
from pvhready.rules.kept import judge_kept

PATH = "/boot/pvhready-6.1.0-9-amd64.elf"
ENTRY = Entry(0, "0", "Debian, kept for PV", kernel=PATH, source="/boot/grub/grub.cfg:7")
ALONE = "under PV the menu boots Linux 6.1.0-9-amd64, which was kept decompressed for that, as long as its package is installed"
NEWER = ALONE + "; newer ones, as {}, have no such copy and boot under PVH"


def kernel(path, release=None, named=None):
    return Kernel(path, Image("bzimage"), release, named)


def installed(release):
    return kernel("/boot/vmlinuz-" + release, release, release)


CASES = {
    # what else is there: what is said
    "nothing": ((), ALONE),
    "itself": ((kernel(PATH, "6.1.0-9-amd64", "6.1.0-9-amd64"),), ALONE),
    "its packed form": ((installed("6.1.0-9-amd64"),), ALONE),
    "an older one": ((installed("6.1.0-8-amd64"), installed("5.10.0-30-amd64")), ALONE),
    "a newer one": ((installed("6.1.0-8-amd64"), installed("6.1.0-10-amd64")), NEWER.format("6.1.0-10-amd64")),
    "newer ones": (
        (installed("6.1.0-10-amd64"), installed("6.1.0-20-amd64"), installed("6.1.0-11-amd64")), NEWER.format("6.1.0-20-amd64")),
    "a newer one that was kept": ((kernel("/boot/pvhready-6.1.0-10-amd64.elf", "6.1.0-10-amd64", "6.1.0-10-amd64"),), ALONE),
    "a newer one elsewhere": ((kernel("/usr/lib/modules/6.1.0-10-amd64/vmlinuz", "6.1.0-10-amd64"),), ALONE),
    "one whose name has no release": ((kernel("/boot/vmlinuz", "6.1.0-10-amd64"),), NEWER.format("6.1.0-10-amd64")),
    "one whose name counts more": ((kernel("/boot/vmlinuz-6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-9-amd64"),), ALONE),
    "one of no known release": ((kernel("/boot/vmlinuz"),), ALONE),
    "one that only its name tells": ((kernel("/boot/vmlinuz-6.2", None, "6.2"),), NEWER.format("6.2")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_kept_kernel(name):
    kernels, summary = CASES[name]
    assert list(judge_kept(ENTRY, kernels, "pv")) == [("pv-kept", "info", "pv", PATH, summary, ((PATH, "", ""),), (), None)]


@pytest.mark.parametrize("path,mode", [
    (PATH, "pvh"), ("/boot/vmlinuz-6.1.0-9-amd64", "pv"), (None, "pv"), ("", "pv"), ("/boot/pvhready-6.1.0-9-amd64", "pv"),
])
def test_of_any_other_nothing_is_said(path, mode):
    assert list(judge_kept(ENTRY._replace(kernel=path), (installed("6.1.0-10-amd64"),), mode)) == []
