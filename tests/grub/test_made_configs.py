"""Configurations that the real grub-mkconfig of Debian 11, 12, 13 and sid wrote (make_configs.py): which entry boots next.

What is expected follows from the settings that each was made with, as GRUB's manual explains them.
"""

import os
import re
import shutil
import socket
import subprocess

import grub_emu
import pytest
import stand_ins
from make_configs import BOOT_UUID, KERNELS, ROOT_UUID, SETUPS

from pvhready.facts import Mount, Storage
from pvhready.host import profile
from pvhready.probes.menu import read_menu
from pvhready.root import Root

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "grub-cfg")
NAMES = sorted("{}-{}".format(suite, setup.name) for suite, setups in SETUPS.items() for setup in setups)
PLATFORMS = ("xen_pvh", "xen-x86_64")
NEW, OLD = KERNELS
MORE = ("ipxe.lkrn", "memtest86+x64.bin", "memdisk")  # from further packages
QUIET = "root=UUID=" + ROOT_UUID + " ro console=hvc0 quiet"

# The path of the entry that boots, its kernel and what its command line begins with: where the host does not read
# the guest's grubenv, and where it does.
FIRST = ("0", NEW, QUIET)
EXPECTED = dict.fromkeys(NAMES, (FIRST, FIRST))
EXPECTED.update({
    "bullseye-saved": (FIRST, ("1", OLD, QUIET)),
    "bookworm-number": (("1>1", OLD, QUIET),) * 2,
    "bookworm-identifier": (("1>1", OLD, QUIET),) * 2,
    "bookworm-title": (("1>1", OLD, QUIET),) * 2,
    "bookworm-once": (FIRST, ("1>1", OLD, QUIET)),
    "bookworm-custom": (("2", OLD, "root=UUID=" + ROOT_UUID + " ro single console=hvc0"),) * 2,
    "bookworm-btrfs": (("0", NEW, "root=UUID=" + ROOT_UUID + " ro rootflags=subvol=@rootfs console=hvc0 quiet"),) * 2,
    "bookworm-lvm": (("0", NEW, "root=/dev/mapper/vg0-root ro console=hvc0 quiet"),) * 2,
    "bookworm-backup": (("0", NEW + ".bak", QUIET),) * 2,
    "trixie-top": (("0", OLD, QUIET),) * 2,
    "trixie-saved": (FIRST, ("1>0", NEW, QUIET)),
    "trixie-device": (("0", NEW, "root=/dev/xvda1 ro console=hvc0 quiet"),) * 2,
    "sid-boot": (("0", NEW, "root=/dev/mapper/vg0-root ro console=hvc0 quiet"),) * 2,
    "sid-flat": (("1", OLD, QUIET),) * 2,
    "sid-once": (FIRST, ("1>0", NEW, QUIET)),
})
del EXPECTED["bookworm-password"], EXPECTED["trixie-xen"]  # these have tests of their own


def text_of(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def storage_of(name):
    root = {"bookworm-lvm": "/dev/mapper/vg0-root", "sid-boot": "/dev/mapper/vg0-root", "trixie-device": "/dev/xvda1"}
    device = root.get(name, "UUID=" + ROOT_UUID)
    mounts = (Mount("/", device, "ext4"),)
    if name.endswith("-btrfs"):
        mounts = (Mount("/", device, "btrfs", "subvol=@rootfs"),)
    if name.endswith("-boot"):
        mounts += (Mount("/boot", "UUID=" + BOOT_UUID, "ext4"),)
    return Storage(fstab=mounts)


@pytest.fixture
def read(tmp_path):
    """Lay out a guest with a stored configuration and its kernels, and read its menu."""

    def made(name, host, platform="xen_pvh"):
        boot = tmp_path / "boot"
        (boot / "grub").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(os.path.join(FOLDER, name + ".cfg"), str(boot / "grub" / "grub.cfg"))
        environment = os.path.join(FOLDER, name + ".grubenv")
        if os.path.exists(environment):
            shutil.copyfile(environment, str(boot / "grub" / "grubenv"))
        suite, _, what = name.partition("-")
        setup = next(setup for setup in SETUPS[suite] if setup.name == what)
        for file in ["vmlinuz-" + release for release in setup.kernels] + ["initrd.img-" + release for release in setup.kernels]:
            (boot / file).write_text("x")
        for file in setup.files + (MORE if setup.packages else ()):
            (boot / file).parent.mkdir(exist_ok=True)
            (boot / file).write_text("x")
        with Root(str(tmp_path)) as root:
            return read_menu(root, profile(host), platform, storage_of(name), booted=name.endswith("-btrfs"))

    return made


def assert_boots(menu, index, expected):
    path, release, cmdline = expected
    entry = menu.entries[index]
    assert (entry.path, entry.kernel, entry.initrd) == (path, "/boot/vmlinuz-" + release, ("/boot/initrd.img-" + release,))
    assert entry.cmdline == cmdline
    assert [error.text for error in entry.errors if error.fatal is not False] == []


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("host, which", [("debian-12", 0), ("upstream-2.12", 1)])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_entry_that_boots(read, name, host, which, platform):
    menu = read(name, host, platform)
    assert len(menu.candidates) == 1, menu.candidates
    assert_boots(menu, menu.candidates[0].index, EXPECTED[name][which])


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_entries_that_may_boot_where_it_is_not_known_whether_grubenv_is_read(read, name, platform):
    menu = read(name, "bitfolk", platform)
    ways = list(dict.fromkeys(EXPECTED[name][::-1]))
    assert len(menu.candidates) == len(ways), menu.candidates
    for candidate, expected in zip(menu.candidates, ways):
        assert_boots(menu, candidate.index, expected)
        assert ("reads the guest's grubenv" in candidate.condition) == (len(ways) > 1 and candidate is menu.candidates[0])


@pytest.mark.parametrize("name, first, other", [
    ("bullseye-saved", "saved_entry", "first-entry"), ("bookworm-once", "next_entry", "first-entry"),
    ("trixie-saved", "saved_entry", "first-entry"), ("bookworm-number", "default-index", "default-index"),
    ("bookworm-identifier", "default-id", "default-id"), ("bookworm-title", "default-title", "default-title"),
    ("bookworm-custom", "default-id", "default-id"),
])
def test_the_reason(read, name, first, other):
    assert read(name, "upstream-2.06").candidates[0].reason == first
    assert read(name, "debian-12").candidates[0].reason == other


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_password_is_asked_for(read, platform):
    menu = read("bookworm-password", "debian-12", platform)
    assert [error.text for error in menu.entries[menu.candidates[0].index].errors] == [
        "asks for a user name and a password before it boots."]


@pytest.mark.parametrize("platform, fatal, command", [("xen_pvh", None, None), ("xen-x86_64", True, "multiboot2")])
def test_an_entry_with_a_hypervisor(read, platform, fatal, command):
    menu = read("trixie-xen", "debian-13", platform)
    entry = menu.entries[menu.candidates[0].index]
    assert (entry.title, entry.kernel) == ("Debian GNU/Linux, with Xen hypervisor", "/boot/xen-4.20-amd64.gz")
    assert (entry.errors[0].fatal, entry.errors[0].command) == (fatal, command)


@pytest.mark.parametrize("host, known", [("debian-12", True), ("bitfolk", False)])
def test_entries_that_are_not_linux(read, host, known):
    menu = read("bookworm-extras", host)
    lacks = [(True, "linux16"), (True, "initrd16")] if known else [(None, "linux16"), (None, "initrd16")]
    assert [(entry.title, entry.kernel, [(error.fatal, error.command) for error in entry.errors]) for entry in menu.entries[3:]] == [
        ("Network boot (iPXE)", "/boot/ipxe.lkrn", lacks[:1]),
        ("Memory test (memtest86+x64.bin)", "/boot/memtest86+x64.bin", []),
        ("Memory test (memtest86+x64.bin, serial console)", "/boot/memtest86+x64.bin", []),
        ("Grml Rescue System (grml64-small_2022.11.iso)", None, [(None, None)] * 2),
        ("Bootable Floppy Image: dos", "/boot/memdisk", lacks), ("Bootable ISO Image: rescue", "/boot/memdisk", lacks),
    ]


def test_modules_for_pv_only(read):
    for name in sorted(EXPECTED):
        for platform in PLATFORMS:
            menu = read(name, "debian-12", platform)
            entry = menu.entries[menu.candidates[0].index]
            assert ("lzopio" in entry.modules) == (platform == "xen-x86_64" and name != "bookworm-custom")


# Two other readings of the same files

def outline(text):
    """Read a configuration line by line: path, title and id of each entry that grub-mkconfig wrote for these platforms."""
    found = []
    counters = [0]
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word in ("menuentry", "submenu") and rest.endswith("{"):
            mark = rest[0]
            title = rest[1:].replace('\\"', "\0").partition(mark)[0].replace("\0", '"')
            option = re.search(r" (?:--id|\$menuentry_id_option) '?([^' ]+)", rest)
            name = option.group(1) if option else None
            if name == "uefi-firmware":
                continue
            path = ">".join(str(number) for number in counters)
            counters[-1] += 1
            if word == "submenu":
                counters.append(0)
            else:
                found.append((path, title, name))
        elif line.strip() == "}" and len(counters) > 1 and line == "\t" * (len(counters) - 2) + "}":
            counters.pop()
    return found


def paths_of(lines):
    """Return the paths with the numbers of submenus as GRUB counts them: from 0, the submenu itself counted."""
    return [">".join([str(int(part) - 1) for part in path.split(">")[:-1]] + [path.split(">")[-1]]) for path, _, _ in lines]


@pytest.mark.parametrize("name", NAMES)
def test_the_menu_is_what_is_written(read, name):
    lines = outline(text_of(name + ".cfg"))
    menu = read(name, "upstream-2.12")
    assert [(entry.title, entry.id) for entry in menu.entries] == [line[1:] for line in lines]
    assert [entry.path for entry in menu.entries] == paths_of(lines)
    assert len(lines) >= 2


@pytest.mark.skipif(shutil.which("grub-script-check") is None, reason="grub-script-check is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_grub_itself_finds_no_fault(name):
    subprocess.check_call(["grub-script-check", os.path.join(FOLDER, name + ".cfg")])


@pytest.mark.skipif(grub_emu.PROGRAM is None, reason="grub-emu is not installed: GRUB's own choice was not compared")
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_grub_itself_takes_the_same_entry(name, which, tmp_path):
    environment = os.path.join(FOLDER, name + ".grubenv")
    if which and os.path.exists(environment):
        shutil.copyfile(environment, str(tmp_path / "grubenv"))
    _, release, cmdline = EXPECTED[name][which]
    top = {"bookworm-btrfs": "/@rootfs/boot", "bookworm-boot": "", "sid-boot": ""}.get(name, "/boot")
    assert stand_ins.boot(str(tmp_path), text_of(name + ".cfg")) == [
        "kernel: {}/vmlinuz-{} {}".format(top, release, cmdline), "initramfs: {}/initrd.img-{}".format(top, release)]


def test_nothing_tells_of_the_machine_that_they_were_made_on():
    machine = re.compile(r"/tmp|/home|\b{}\b".format(re.escape(socket.gethostname())))
    assert {name.partition(".")[0] for name in os.listdir(FOLDER)} == set(NAMES)
    for name in os.listdir(FOLDER):
        text = text_of(name)
        assert len(text) < 15000
        assert not machine.search(text)
