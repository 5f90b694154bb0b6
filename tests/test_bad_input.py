"""Guests that are broken or hostile: a clear line each, no traceback, no hang, and never "ready"."""

import os
import socket
import struct
import sys

import pytest

from pvhready.commands.screen import width
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.menus import debian_menu
from pvhready.demo.tree import Folder, Link
from pvhready.disk.superblocks import Content
from pvhready.facts import Mount, Storage
from pvhready.probes.bootmount import Origin
from pvhready.probes.bootmounted import Mounted
from pvhready.probes.given import Given
from pvhready.root import Root
from pvhready.undo.journal import is_run_name
from support import wanted
from support.program import findings
from support.trees import GRUB_CFG, RELEASE, UUID

IMAGE = "/boot/vmlinuz-" + RELEASE
CONFIG = "/boot/config-" + RELEASE
INITRD = "/boot/initrd.img-" + RELEASE


def patched(image, offset, value):
    return image[:offset] + value + image[offset + len(value):]


SOUND = bzimage(RELEASE)
HUGE = struct.pack("<I", 0xFFFFFFF0)
IMAGES = {
    "empty": b"",
    "one byte": b"M",
    "all zero": bytes(100000),
    "text": b"Not a kernel at all.\n" * 2000,
    "header cut": SOUND[:0x220],
    "setup cut": SOUND[:0x300],
    "payload cut": SOUND[:-600],
    "payload offset past the end": patched(SOUND, 0x248, HUGE),
    "payload length past the end": patched(SOUND, 0x24C, HUGE),
    "payload length zero": patched(SOUND, 0x24C, b"\0" * 4),
    "no payload at all": patched(SOUND, 0x248, b"\0" * 8),
    "setup sectors 255": patched(SOUND, 0x1F1, b"\xff"),
    "release past the end": patched(SOUND, 0x20E, b"\xff\xff"),
    "no boot flag": patched(SOUND, 0x1FE, b"\0\0"),
    "no HdrS": patched(SOUND, 0x202, b"\0" * 4),
    "protocol 0": patched(SOUND, 0x206, b"\0\0"),
    "zImage": patched(SOUND, 0x211, b"\0"),
    "payload of noise": bzimage(RELEASE, payload=bytes(range(256)) * 16),
    "ELF": elf_kernel(RELEASE),
    "ELF cut": elf_kernel(RELEASE)[:80],
    "ELF header only": b"\x7fELF",
    "ELF with a table past the end": patched(elf_kernel(RELEASE), 32, b"\xff" * 7 + b"\x7f"),
    "ELF with a table behind all offsets": patched(elf_kernel(RELEASE), 32, b"\xff" * 8),
    "ELF with notes behind all offsets": patched(elf_kernel(RELEASE), 64 + 56 + 8, b"\xff" * 8),
    "a gzip header": b"\x1f\x8b\x08\0",
    "PE with a header past the end": b"MZ" + b"\0" * 58 + b"\xff\xff\xff\x7f" + b"\0" * 1000,
}


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_image(name, guest, pvhready):
    report = pvhready.check(guest({IMAGE: IMAGES[name]}))
    assert report["verdict"] in ("not-ready", "unknown"), report["kernels"]
    assert [check for check in report["checks"] if check["subject"] == IMAGE and check["status"] in ("fail", "unknown")]


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_image_by_itself(name, tmp_path, pvhready):
    path = tmp_path / "kernel"
    path.write_bytes(IMAGES[name])
    output = pvhready("image", str(path))
    assert output.code in (2, 3) and output.out


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # a socket's address is short
    try:
        with socket.socket(socket.AF_UNIX) as endpoint:
            endpoint.bind(os.path.basename(path))
    finally:
        os.chdir(here)


def make_device(path):
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except OSError as error:
        pytest.skip("no device can be made here: {}".format(error.strerror))


def put(kind, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    SPECIAL[kind](path)


SPECIAL = {"a FIFO": make_fifo, "a socket": make_socket, "a device": make_device, "a directory": os.mkdir}


@pytest.mark.parametrize("path", [IMAGE, CONFIG, INITRD, GRUB_CFG], ids=os.path.basename)
@pytest.mark.parametrize("kind", sorted(SPECIAL))
def test_something_else_where_a_file_should_be(kind, path, guest, pvhready):
    directory = guest({path: None})
    put(kind, directory + path)
    report = pvhready.check(directory, timeout=30)
    assert report["verdict"] in ("not-ready", "unknown"), findings(report, "fail", "unknown", "warn")


@pytest.mark.parametrize("kind", sorted(SPECIAL))
@pytest.mark.parametrize("path", [
    "/etc/os-release", "/etc/fstab", "/etc/default/grub", "/var/lib/dpkg/status", "/boot/System.map-" + RELEASE])
def test_something_else_beside_the_chain(kind, path, guest, pvhready):
    directory = guest({path: None})
    put(kind, directory + path)
    pvhready.check(directory, timeout=30)


@pytest.mark.parametrize("kind", sorted(SPECIAL))
def test_something_else_named_like_a_further_kernel(kind, guest, pvhready):
    directory = guest()
    put(kind, directory + "/boot/vmlinuz-1")
    report = pvhready.check(directory, timeout=30)
    assert report["boot"]["default"]["kernel"] == IMAGE


@pytest.mark.parametrize("path", [IMAGE, CONFIG, INITRD, GRUB_CFG], ids=os.path.basename)
@pytest.mark.parametrize("target", ["{0}", "/nowhere/{1}", "../../../../../../../../etc/passwd", "/proc/self/exe", "/dev/zero"])
def test_a_link_that_leads_nowhere(path, target, guest, pvhready):
    link = Link(target.format(os.path.basename(path), os.path.basename(path)))
    report = pvhready.check(guest({path: link}), timeout=30)
    assert report["verdict"] in ("not-ready", "unknown"), findings(report, "fail", "unknown", "warn")


def test_a_ring_of_links(guest, pvhready):
    directory = guest({IMAGE: Link("vmlinuz-a"), "/boot/vmlinuz-a": Link("vmlinuz-b"), "/boot/vmlinuz-b": Link("vmlinuz-a")})
    assert pvhready.check(directory, timeout=30)["verdict"] in ("not-ready", "unknown")


def test_an_absolute_link_stays_inside(guest, pvhready):
    directory = guest({IMAGE: Link("/srv/kernel"), "/srv/kernel": SOUND})
    report = pvhready.check(directory)
    assert (report["verdict"], report["modes"]["pvh"]) == ("ready", "boots"), findings(report, "fail", "unknown", "warn")


def test_a_boot_folder_that_is_a_link_out_of_the_root(guest, tmp_path, pvhready):
    sound = guest()
    directory = guest.write({"/etc/os-release": "ID=debian\n"})
    os.symlink(sound + "/boot", directory + "/boot")
    assert pvhready.check(directory)["verdict"] in ("not-ready", "unknown")


@pytest.mark.parametrize("name", [
    "vmlinuz-\udcff\udcfe", "vmlinuz-6.1 with spaces", "vmlinuz-\n6.1", "vmlinuz-\x1b[31mred", "vmlinuz-" + "9" * 200])
def test_a_kernel_with_a_strange_name(name, guest, pvhready):
    directory = guest({"/boot/" + name: SOUND})
    assert pvhready.check(directory)["boot"]["default"]["kernel"] == IMAGE
    text = pvhready("check", "--root", directory, environment={"LC_ALL": "C", "PYTHONIOENCODING": ""})
    assert text.code in (0, 1, 3)
    assert "\x1b" not in text.out


NONSENSE = {
    "config of noise": (CONFIG, b"\xff\xfe\x00" * 1000),
    "config empty": (CONFIG, b""),
    "config with a near miss": (CONFIG, b"CONFIG_XEN=y\nCONFIG_XEN_PVHVM=y\nCONFIG_XEN_BLKDEV_FRONTEND=y\n"),
    "menu of noise": (GRUB_CFG, b"\xff\xfe\x00" * 1000),
    "menu empty": (GRUB_CFG, b""),
    "menu never closed": (GRUB_CFG, b"menuentry x {\n" * 5000),
    "menu of open variables": (GRUB_CFG, b"${" * 50000),
    "menu without end": (GRUB_CFG, b"while true; do true; done\n"),
    "menu that calls itself": (GRUB_CFG, b"function f { f; }\nf\n"),
    "menu that reads itself": (GRUB_CFG, b"source /boot/grub/grub.cfg\n"),
    "initramfs empty": (INITRD, b""),
    "initramfs of zeros": (INITRD, b"\0" * 100000),
    "initramfs of headers": (INITRD, b"070701" * 1000),
}


@pytest.mark.parametrize("name", sorted(NONSENSE))
def test_content_that_makes_no_sense(name, guest, pvhready):
    path, content = NONSENSE[name]
    report = pvhready.check(guest({path: content}), timeout=60)
    assert report["verdict"] in ("not-ready", "unknown"), findings(report, "fail", "unknown", "warn")


def test_a_menu_of_50_megabytes(guest, pvhready):
    menu = debian_menu([RELEASE], UUID, "console=hvc0")
    directory = guest({GRUB_CFG: menu + "# padding\n" * 5000000})
    report = pvhready.check(directory, timeout=60)
    assert report["verdict"] == "unknown"


@pytest.mark.parametrize("path,content", [
    ("/etc/os-release", b"\xff\xfe\0\n" * 100), ("/etc/fstab", b"\xff " * 5000),
    ("/etc/default/grub", b"GRUB_CMDLINE_LINUX=\"never closed\n" * 100),
    ("/var/lib/dpkg/status", b"\xff" * 1000),
])
def test_nonsense_beside_the_chain(path, content, guest, pvhready):
    pvhready.check(guest({path: content}), timeout=60)


# A digit for Python that int() does not take; and more of them than it takes at once, since 3.11.
@pytest.mark.parametrize("digits", ["\u00b2", "1" * 5000], ids=["superscript", "many"])
@pytest.mark.parametrize("path,text", [
    ("/etc/os-release", "ID={}\nVERSION_ID=\"{{}}\"\n".format(name)) for name in ("debian", "devuan", "fedora", "ubuntu")
] + [
    ("/etc/dnf/dnf.conf", "[main]\ninstallonly_limit={}\n"),
    ("/etc/kernel/postinst.d/unpack", "#!/bin/sh\nshift {}\nunlz4 $2 >/tmp/image && mv /tmp/image $2\n"),
    ("/boot/grub/grub.cfg", "if [ {} -eq 1 ]; then true; fi\nset default={}\n"),
])
def test_what_is_no_number(path, text, digits, guest, pvhready):
    assert pvhready.check(guest({path: text.replace("{}", digits)}))["exit"] < 64


def test_a_partition_whose_number_has_very_many_digits(guest):
    storage = Storage((Mount("/", "/dev/xvda" + "1" * 5000, "ext4"),))
    with Root(guest()) as root:
        (found,) = Mounted(root, storage, Origin((Given("/disk", (Content("ext4", number=1),)),))).systems({"/boot": ["pvh"]})
    assert not found.read


def test_what_is_no_number_outside_of_the_guest(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    usual = width()
    monkeypatch.setenv("COLUMNS", "\u00b2")
    assert width() == usual
    assert is_run_name("run-0001") and not is_run_name("run-000\u00b2")


def test_a_superscript_before_a_colon_in_the_name_of_a_kernel(guest, pvhready):
    assert pvhready.check(guest({os.fsdecode(b"/boot/vmlinuz-\xb2:1"): SOUND}))["exit"] < 64


@pytest.mark.parametrize("path", [IMAGE, CONFIG, INITRD, GRUB_CFG], ids=os.path.basename)
def test_a_file_that_only_root_may_read(path, guest, pvhready):
    prefix = ()
    if os.geteuid() == 0:
        # Root without the right to read everything: what is its own and has no read bits is denied to it.
        prefix = (wanted.tool("setpriv", "util-linux"), "--bounding-set=-dac_override,-dac_read_search")
    directory = guest()
    os.chmod(directory + path, 0)
    report = pvhready.check(directory, prefix=prefix)
    assert (report["verdict"], report["exit"]) == ("unknown", 3), findings(report, "fail", "unknown", "warn")
    if not prefix:
        assert any("sudo" in remedy["argv"] for check in report["checks"] for remedy in check["remedies"])


def test_a_root_without_anything(guest, pvhready):
    report = pvhready.check(guest.write({"/boot": Folder()}))
    assert report["verdict"] in ("not-ready", "unknown")


@pytest.mark.parametrize("arguments,code", [
    (("check", "--root", "/nonexistent"), 74), (("check", "--root", "/etc/passwd"), 74), (("check", "--host", "no-such"), 64),
    (("no-such-command",), 64), (("check", "--no-such-option"), 64), (("image", "/nonexistent"), 3), (("explain", "no-such-check"), 64),
    (("demo", "no-such-guest"), 64), (("check", "--skip", "no-such-check"), 64),
])
def test_exit_codes_of_errors(arguments, code, pvhready):
    output = pvhready(*arguments)
    assert output.code == code
    assert output.err or output.out


def test_a_name_that_the_locale_does_not_know(pvhready, guest):
    """Python 3.6 in the locale C cannot even look such a name up."""
    menu = debian_menu([RELEASE], UUID, "console=hvc0", "0").replace("/boot/vmlinuz-" + RELEASE, "/boot/ümlaut")
    directory = guest(changes={GRUB_CFG: menu, "/boot/ümlaut": Link("vmlinuz-" + RELEASE)})
    for _ in range(2):
        report = pvhready.check(directory, environment={"LC_ALL": "C"})
        assert (report["verdict"] == "ready") == (sys.version_info >= (3, 7))
