"""The Debian package in a whole Debian: built, installed by apt, its hooks run by a real kernel's installation, removed and purged.

PVHREADY_TESTS_SUITES="bullseye bookworm trixie sid" installs it in all of them. It is always built on Debian 12.
"""

import os
import shutil

import pytest

from support import chroots

pytestmark = [pytest.mark.download, pytest.mark.slow]
SUITES = os.environ.get("PVHREADY_TESTS_SUITES", "bookworm").split()
CONF = "/etc/pvhready.conf"
LAUNCHER = "/usr/bin/pvhready"


@pytest.fixture(scope="session")
def builder():
    return chroots.builder("bookworm")


@pytest.fixture(scope="session")
def changes(builder):
    return chroots.build(builder)


def test_two_builds_are_the_same(builder, changes, tmp_path):
    source = str(tmp_path / "source")
    shutil.copytree(os.path.dirname(changes) + "/pvhready", source, ignore=shutil.ignore_patterns("build", ".pybuild"))
    builder.demand("sh", "-c", "rm -rf /again; mkdir /again")
    with open(chroots.package(changes), "rb") as first, open(chroots.package(chroots.build(builder, source, "again")), "rb") as second:
        assert first.read() == second.read()


def test_lintian(builder, changes):
    name = "/build/" + os.path.basename(changes)
    output = builder.run("lintian", "--allow-root", "--fail-on", "error,warning", name)
    assert output == (0, "")


def test_what_it_depends_on(builder, changes):
    fields = builder.demand("dpkg-deb", "-f", "/build/" + os.path.basename(chroots.package(changes)), "Depends", "Recommends").text
    depends, recommends = fields.splitlines()
    for name in ("python3 (>= 3.6)", "python3-psutil", "python3-packaging", "python3-distro", "python3-magic"):
        assert name in depends.partition(": ")[2].split(", ")
    assert "python3-prometheus-client" in recommends


class Guest:
    """A guest in which the package is installed, and the kernel that apt will install."""

    def __init__(self, chroot, deb):
        self.chroot = chroot
        shutil.copy(deb, chroot.path("/pvhready.deb"))
        names = chroot.demand("apt-cache", "depends", "linux-image-cloud-amd64").text.split()
        self.kernel = next(name for name in names[1:] if name.startswith("linux-image-"))  # there may be others, as linux-base-...

    @property
    def image_package(self):
        """The package that the image is in: from Debian 14 on another one, with the image in another place."""
        release = self.kernel.replace("linux-image-", "")
        owners = self.chroot.demand("dpkg", "-S", "*/vmlinuz*").text.splitlines()
        return next(line for line in owners if release in line).partition(":")[0]

    def settings(self, text):
        self.chroot.write(CONF, text)

    def install(self, *names):
        output = self.chroot.apt("install", *names)
        assert output.code == 0, output.text[-3000:]
        return output.said


@pytest.fixture(scope="module", params=SUITES)
def guest(request, changes, tmp_path_factory):
    with chroots.guest(request.param, str(tmp_path_factory.mktemp("guest"))) as chroot:
        yield Guest(chroot, chroots.package(changes))


# The tests of this guest build upon each other, in this order: an installation takes its time.


def test_it_installs_in_silence_and_runs(guest):
    assert guest.install("/pvhready.deb", "hello") == []
    assert guest.chroot.demand("pvhready", "--version").text.startswith("pvhready ")
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
    image = guest.kernel.replace("linux-image-", "/boot/vmlinuz-")
    assert said[0].startswith("pvhready: {} WILL NOT BOOT in PV, the mode that this machine runs in: payload ".format(image))
    assert said[2].startswith("pvhready: the NEXT REBOOT of this machine FAILS in PV, the mode that it runs in: " + image)
    assert len(said) == 5


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


BROKEN = {
    "crash": "#!/bin/sh\nkill -SEGV $$\n",
    "hang": "#!/bin/sh\nsleep 100\n",
    "broken Python": "#!/usr/bin/python3\nimport no_such_module\n",
    "no interpreter": "#!/no/such/python3\n",
    "not executable": "",
    "missing": None,
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_apt_and_dpkg_go_on_whatever_becomes_of_the_program(name, guest):
    guest.settings("[guest]\nassume = pv\n")
    launcher = guest.chroot.path(LAUNCHER)
    os.rename(launcher, launcher + ".away")
    if BROKEN[name] is not None:
        guest.chroot.write(LAUNCHER, BROKEN[name], 0o755 if BROKEN[name] else 0o644)
    release = guest.kernel.replace("linux-image-", "")
    try:
        assert len(guest.install("--reinstall", "hello")) <= 1
        if name != "hang":
            hook = guest.chroot.demand("run-parts", "--regex", "pvhready", "--arg=" + release, "--arg=/boot/vmlinuz-" + release,
                                       "/etc/kernel/postinst.d")
            assert len(hook.said) == len(hook.text.splitlines()) <= 2
    finally:
        os.replace(launcher + ".away", launcher)


def test_removed_and_purged(guest):
    guest.settings("[guest]\nassume = pv\n")
    assert guest.chroot.apt("remove", "pvhready").code == 0
    release = guest.kernel.replace("linux-image-", "")
    assert guest.install("--reinstall", "hello") == []
    assert guest.chroot.demand("/etc/kernel/postinst.d/pvhready", release, "/boot/vmlinuz-" + release).text == ""
    os.unlink(guest.chroot.path("/pvhready.deb"))
    assert guest.chroot.apt("purge", "pvhready").code == 0
    left = [os.path.join(folder, name) for folder, folders, names in os.walk(guest.chroot.directory)
            for name in folders + names if "pvhready" in name]
    assert left == []
