"""The Debian package in a whole Debian: installed by apt, its hooks run by a real kernel's installation, removed and purged."""

import json
import os
import shutil
import subprocess
import time

import pytest

from support import breakage, chroots, kernelpackage, wanted
from support.suites import NAMED, SUITES
from support.vmlinux import vmlinux_of

pytestmark = [pytest.mark.download, pytest.mark.slow]
CONF = "/etc/pvhready.conf"
LAUNCHER = breakage.LAUNCHER
PYTHON = "/usr/bin/python3"
MODULES = "/usr/lib/python3/dist-packages/pvhready"


class Guest:
    """A guest to which the package is on offer, and the kernel that apt will install."""

    def __init__(self, chroot, repository):
        self.chroot = chroot
        os.mkdir(chroot.path("/repository"))
        for name in os.listdir(repository):
            if name == "Packages" or name.endswith(".deb"):
                shutil.copy(os.path.join(repository, name), chroot.path("/repository"))
        chroot.write("/etc/apt/sources.list.d/local.list", "deb [trusted=yes] file:/repository ./\n")
        chroot.demand("apt-get", "-q", "update")
        names = chroot.demand("apt-cache", "depends", "linux-image-cloud-amd64").text.split()
        self.kernel = next(name for name in names[1:] if name.startswith("linux-image-"))  # there may be others, as linux-base-...
        self.installed = sorted(name for name in os.listdir(chroot.path("/boot")) if name.startswith("vmlinuz-"))[0][len("vmlinuz-"):]
        self.small = kernelpackage.make(chroot, self.installed)

    @property
    def release(self):
        return self.kernel.replace("linux-image-", "")

    @property
    def image(self):
        return "/boot/vmlinuz-" + self.release

    @property
    def image_package(self):
        """The package that the image is in: from Debian 14 on another one, with the image in another place."""
        owners = self.chroot.demand("dpkg", "-S", "*/vmlinuz*").text.splitlines()
        return next(line for line in owners if self.release in line).partition(":")[0]

    def settings(self, text):
        self.chroot.write(CONF, text)

    def install(self, *names):
        output = self.chroot.apt("install", *names)
        assert output.code == 0, output.text[-3000:]
        return output.said

    def left(self):
        """What is called as the package is."""
        return [os.path.join(folder, name)[len(self.chroot.directory):] for folder, folders, names in os.walk(self.chroot.directory)
                for name in folders + names if "pvhready" in name and "/repository/" not in os.path.join(folder, name)]


@pytest.fixture(scope="module", params=SUITES)
def guest(request, repository, tmp_path_factory):
    with chroots.guest(request.param, str(tmp_path_factory.mktemp("guest"))) as chroot:
        yield Guest(chroot, repository)


# The tests of this guest build upon each other, in this order: an installation takes its time.


def test_it_installs_in_silence_and_runs(guest):
    wanted_too = guest.chroot.demand("apt-get", "-s", "install", "--install-recommends", "pvhready").text
    assert all("Inst {} ".format(name) in wanted_too for name in ("python3-prometheus-client", "lz4"))
    assert guest.install("pvhready", "hello") == []
    assert guest.chroot.demand("pvhready", "--version").text.startswith("pvhready ")
    assert guest.chroot.demand("dpkg", "--verify", "pvhready").text == ""
    report = guest.chroot.run("pvhready", "check", "--assume-guest", "pvh", "-q")
    assert report.code in (0, 1), report.text


def test_its_units_are_there_and_nobody_has_enabled_them(guest):
    units = guest.chroot.demand("sh", "-c", "cd /lib/systemd/system; ls pvhready-*").text.split()
    assert units == ["pvhready-exporter.service", "pvhready-textfile.service", "pvhready-textfile.timer"]
    assert guest.chroot.demand("find", "/etc/systemd", "-name", "*pvhready*").text == ""
    shown = guest.chroot.demand("sh", "-c", "pvhready exporter --textfile /run/a.prom; cat /run/a.prom; rm /run/a.prom").text
    assert shown.startswith("# HELP pvhready_")


def test_a_kernel_that_pv_cannot_boot(guest):
    guest.settings("[guest]\nassume = pv\n")
    said = guest.install("linux-image-cloud-amd64")
    image = guest.image
    assert said[0].startswith("pvhready: {} WILL NOT BOOT in PV, the mode that this machine runs in: payload ".format(image))
    assert said[2].startswith("pvhready: the NEXT REBOOT of this machine FAILS in PV, the mode that it runs in: " + image)
    assert len(said) == 5


def test_the_command_that_puts_a_damaged_image_back(guest):
    """In Debian 14 that takes two packages: one has the image, the other copies it to /boot."""
    def finding():
        report = json.loads(guest.chroot.run("pvhready", "check", "--format", "json").text)
        found = [check for check in report["checks"] if check["subject"] == guest.image and check["id"] == "image-truncated"]
        return found[0] if found else None

    with open(guest.chroot.path(guest.image), "r+b") as handle:
        sound = handle.read()
        handle.seek(0)
        handle.write(bytes(len(sound)))
    (remedy,) = finding()["remedies"]
    program, *words = remedy["argv"]
    assert program == "apt-get" and guest.image_package in words
    guest.chroot.demand(program, "-y", *words, **kernelpackage.ENVIRONMENT)
    assert finding() is None
    with open(guest.chroot.path(guest.image), "rb") as handle:
        assert handle.read() == sound


def test_a_run_that_touches_no_kernel(guest):
    launcher = guest.chroot.path(LAUNCHER)
    assert guest.install("--reinstall", "hello") == []
    os.rename(launcher, launcher + ".away")
    guest.chroot.write(LAUNCHER, "#!/bin/sh\necho pvhready: started >&2\n", 0o755)
    assert guest.install("--reinstall", "hello") == ["pvhready: started"]  # it is another program: that may change the verdict
    guest.chroot.demand("touch", "/var/cache/pvhready/nextboot")
    assert guest.install("--reinstall", "hello") == []
    os.replace(launcher + ".away", launcher)


def test_apt_is_stopped_where_the_administrator_wants_that(guest):
    guest.settings("[guest]\nassume = pv\n[hooks]\napt-pre-install = yes\nblock = yes\n")
    output = guest.chroot.apt("install", "--reinstall", guest.image_package)
    assert output.code == 100 and "WILL NOT BOOT in PV" in output.said[0] and "apt is stopped" in output.said[-1]
    guest.settings("[guest]\nassume = pvh\n[hooks]\napt-pre-install = yes\nblock = yes\n")
    assert guest.install("--reinstall", guest.image_package) == []


# Whatever becomes of the program, on the way of a whole kernel: DPkg::Pre-Install-Pkgs, postinst.d and DPkg::Post-Invoke.


BREAKAGES = breakage.all_of(PYTHON, MODULES)
# The others take too long for CI.
OF_APT = sorted(BREAKAGES) if NAMED else ["broken Python", "crash", "full disk", "hang", "missing"]
OF_DPKG = sorted(BREAKAGES) if NAMED else ["crash", "empty environment"]
LINES = 3  # of each hook


@pytest.fixture(scope="module")
def sound(guest):
    """How long a sound run takes, in seconds. What is said of the kernel is there to be missed when the program is broken."""
    guest.settings("[guest]\nassume = pv\n[hooks]\napt-pre-install = yes\n")
    started = time.monotonic()
    output = breakage.run(guest.chroot, breakage.Breakage(), *install_small(guest), **kernelpackage.ENVIRONMENT)
    assert output.code == 0 and len([line for line in output.said if "WILL NOT BOOT" in line]) == 2, output.text
    return time.monotonic() - started


def install_small(guest):
    return ("apt-get", "-y", "-oDpkg::Use-Pty=0", "install", "--reinstall", guest.small)


@pytest.mark.parametrize("name", OF_APT)
def test_apt_goes_on_whatever_becomes_of_the_program(name, guest, sound):
    started = time.monotonic()
    found = BREAKAGES[name]
    output = breakage.run(guest.chroot, found, *install_small(guest), **kernelpackage.ENVIRONMENT)
    lasted = time.monotonic() - started
    assert output.code == 0, output.text
    assert "Traceback" not in output.text and len(output.said) <= 3 * LINES, output.text
    assert found.speaks == any("WILL NOT BOOT" in line for line in output.said), output.text
    assert lasted < 3 * found.seconds + 3 * sound + 20
    assert guest.chroot.demand("dpkg", "--audit").text == ""


@pytest.mark.parametrize("name", OF_DPKG)
def test_dpkg_goes_on_whatever_becomes_of_the_program(name, guest, sound):
    """A bare dpkg meets the hook of the kernel's only."""
    found = BREAKAGES[name]
    output = breakage.run(guest.chroot, found, "dpkg", "-i", guest.small, **kernelpackage.ENVIRONMENT)
    assert output.code == 0, output.text
    assert "Traceback" not in output.text and len(output.said) <= LINES, output.text
    assert found.speaks == any("WILL NOT BOOT" in line for line in output.said), output.text


def test_the_small_kernel_goes(guest):
    guest.settings("[guest]\nassume = pvh\n")
    guest.chroot.demand("pvhready", "hook", "apt")
    output = guest.chroot.apt("purge", kernelpackage.NAME)
    assert output.code == 0, output.text
    assert output.said == ["pvhready: the next reboot comes up in PVH again"]  # the small one had no initramfs


# Removal


def test_removed_and_purged(guest):
    guest.settings("[guest]\nassume = pv\n")
    assert guest.chroot.apt("remove", "pvhready").code == 0
    assert guest.install("--reinstall", "hello") == []
    assert guest.chroot.demand("/etc/kernel/postinst.d/pvhready", guest.release, guest.image).text == ""
    assert guest.chroot.apt("purge", "pvhready").code == 0
    assert guest.left() == []
    assert guest.install("--reinstall", "hello") == []


SNIPPET = "/etc/grub.d/09_pvhready"
MENU = "/boot/grub/grub.cfg"


@pytest.fixture(scope="module")
def kept(guest):
    """The guest's kernels are decompressed, and then ``undo --keep-pv`` has packed them again; the path of a kept one."""
    guest.install("pvhready", "linux-image-cloud-amd64", "lz4", "zstd")
    guest.settings("[guest]\nassume = pv\n")
    guest.install("--reinstall", "--download-only", guest.image_package)
    plain = vmlinux_of(guest.chroot.path(guest.image))
    os.rename(plain, guest.chroot.path(guest.image))
    output = guest.chroot.run("pvhready", "undo", "--apply", "--yes", "--keep-pv")
    assert output.code == 0, output.text
    return "/boot/pvhready-{}.elf".format(guest.release)


def test_a_removal_leaves_the_menu_as_it_is(kept, guest):
    assert guest.chroot.apt("remove", "pvhready").code == 0
    guest.chroot.demand("update-grub")
    with open(guest.chroot.path(MENU)) as handle:
        assert kept in handle.read()


def test_a_purge_in_pv_leaves_what_the_machine_boots_from(kept, guest):
    output = guest.chroot.apt("purge", "pvhready")
    assert output.code == 0 and len(output.said) == 2 and "are kept" in output.said[0], output.text
    assert sorted(guest.left()) == [kept, SNIPPET]
    guest.chroot.demand("update-grub")
    with open(guest.chroot.path(MENU)) as handle:
        assert kept in handle.read()


# Xen tells what runs in sysfs, and process 1 whether this is a chroot.
IN_PVH = """
mount -t tmpfs tmpfs /sys
mkdir /sys/hypervisor
echo PVH >/sys/hypervisor/guest_type
exec unshare --pid --fork --propagation unchanged --mount-proc "$@"
"""


def test_a_purge_in_pvh_leaves_nothing(kept, guest):
    """The menu is written anew before the kernels go that it named."""
    guest.install("pvhready")
    assert guest.chroot.apt("remove", "pvhready").code == 0
    output = guest.chroot.run("sh", "-ec", IN_PVH, "sh", "apt-get", "-y", "purge", "pvhready")
    assert output.code == 0 and output.said == [], output.text
    assert guest.left() == []
    with open(guest.chroot.path(MENU)) as handle:
        text = handle.read()
    assert "pvhready" not in text and guest.image in text
    subprocess.check_call([wanted.tool("grub-script-check", "grub-common"), guest.chroot.path(MENU)])
