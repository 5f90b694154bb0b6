"""Debian 12 and 13 as a real apt and a real grub-mkconfig leave them, sound and then spoiled in one thing each."""

import os

import pytest

from pvhready.demo.image import elf_kernel
from support import realtree
from support.program import findings

pytestmark = [pytest.mark.download, pytest.mark.slow]


@pytest.fixture(params=["bookworm", "trixie"])
def debian(request):
    return realtree.make(request.param)


@pytest.fixture
def copy(debian):
    with realtree.copied(debian, "copy") as tree:
        yield tree


def replace(copy, name, content):
    path = copy.path(name)
    mode = os.stat(path).st_mode & 0o777
    os.unlink(path)
    with open(path, "wb") as handle:
        handle.write(content)
    os.chmod(path, mode)


def content_of(copy, name):
    with open(copy.path(name), "rb") as handle:
        return handle.read()


def objections(report):
    return findings(report, "fail", "unknown", "warn")


def test_sound(debian, pvhready):
    report = pvhready.check(debian.directory)
    assert (report["verdict"], report["exit"]) == ("ready", 0), objections(report)
    assert report["modes"]["pvh"] == "boots"
    assert report["boot"]["default"]["kernel"] == "/boot/vmlinuz-" + debian.release
    assert report["boot"]["default"]["initrd"] == ["/boot/initrd.img-" + debian.release]
    assert "console=hvc0" in report["boot"]["default"]["cmdline"].split()
    (kernel,) = report["kernels"]
    assert kernel["release"] == debian.release
    assert kernel["package"] == "linux-image-" + debian.release
    assert kernel["config"]["XEN_PVH"] == "y"
    assert (report["guest"]["distribution"]["id"], report["guest"]["type"]) == ("debian", "not-applicable")


def test_the_way_back_depends_on_the_compression(debian, pvhready):
    report = pvhready.check(debian.directory)
    payload = report["kernels"][0]["image"]["payload"]
    assert report["modes"]["pv"] == ("boots" if payload in ("xz", "gzip") else "fails")


def test_no_console(copy, pvhready):
    for name in ("/boot/grub/grub.cfg", "/etc/default/grub"):
        replace(copy, name, content_of(copy, name).replace(b"console=hvc0", b""))
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("ready-with-warnings", 1), objections(report)


def test_decompressed(copy, pvhready):
    replace(copy, "/boot/vmlinuz-" + copy.release, elf_kernel(copy.release))
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("not-ready", 2), objections(report)
    assert "image-not-bzimage" in findings(report, "fail")
    assert report["hack"]["decompressed_kernels"] == ["/boot/vmlinuz-" + copy.release]


def test_no_configuration(copy, pvhready):
    for name in ("/boot/config-" + copy.release, "/usr/lib/modules/{}/config".format(copy.release)):
        if os.path.exists(copy.path(name)):
            os.unlink(copy.path(name))
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("unknown", 3), objections(report)


@pytest.mark.parametrize("part", [0.5, 0.999])
def test_initramfs_cut_short(copy, pvhready, part):
    name = "/boot/initrd.img-" + copy.release
    content = content_of(copy, name)
    replace(copy, name, content[:int(len(content) * part)])
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("unknown", 3), objections(report)


def test_kernel_cut_short(copy, pvhready):
    name = "/boot/vmlinuz-" + copy.release
    replace(copy, name, content_of(copy, name)[:-100000])
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("not-ready", 2), objections(report)


def test_no_menu(copy, pvhready):
    os.unlink(copy.path("/boot/grub/grub.cfg"))
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("not-ready", 2), objections(report)


def test_nopv(copy, pvhready):
    name = "/boot/grub/grub.cfg"
    replace(copy, name, content_of(copy, name).replace(b"console=hvc0", b"console=hvc0 nopv"))
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("not-ready", 2), objections(report)


def test_root_on_a_device_that_xen_never_has(copy, pvhready):
    name = "/boot/grub/grub.cfg"
    replace(copy, name, content_of(copy, name).replace(b"root=UUID=" + realtree.UUID.encode(), b"root=/dev/sda1"))
    report = pvhready.check(copy.directory)
    assert (report["verdict"], report["exit"]) == ("not-ready", 2), objections(report)
