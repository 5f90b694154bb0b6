"""kernel-install, and dnf with the rpm package's file trigger, run for real in a Debian that has them. dnf 5 is in sid only.

The rpm is the one of Debian's rpmbuild: what this proves is the order of the scripts, and that nothing of ours stops a transaction.
"""

import os
import shutil
import sys
import time

import pytest

from support import breakage, chroots, rpmpackage
from support.suites import NAMED, only_named
from support.trees import kernel

pytestmark = [pytest.mark.download, pytest.mark.slow, only_named]
DNF = {"bookworm": "dnf", "trixie": "dnf", "sid": "dnf5"}
RELEASE = "6.9.0-1"
IMAGE = "/new/boot/vmlinuz-" + RELEASE
MENU = "/boot/grub/grub.cfg"
# A kernel whose last script takes the menu away: the trigger has to come after it to see that.
SPEC = """
Name: kernel-core
Version: 6.9.0
Release: 1
Summary: a kernel
License: none
BuildArch: noarch
%description
A kernel.
%install
install -D {image} %{{buildroot}}/boot/vmlinuz-{release}
%files
/boot/vmlinuz-{release}
%posttrans -p <lua>
os.rename("{menu}", "{menu}.away")
""".format(image=IMAGE, release=RELEASE, menu=MENU)
PACKAGE = "/new/RPMS/noarch/kernel-core-6.9.0-1.noarch.rpm"
# dnf 4 is itself a program in Python.
PLUGIN = "/usr/lib/kernel/install.d/99-pvhready.install"
NAMES = sorted(breakage.all_of("", ""))
OF_DNF = sorted(set(NAMES) - {"Python is not there"})
LINES = 3  # of each hook
LINK = "/usr/lib/python3/dist-packages/pvhready"


@pytest.fixture(scope="module", params=[suite for suite in NAMED if suite in DNF])
def system(request, tmp_path_factory):
    package = rpmpackage.build(str(tmp_path_factory.mktemp("rpm")))
    with chroots.guest(request.param, str(tmp_path_factory.mktemp("guest"))) as chroot:
        chroot.dnf = DNF[request.param]
        assert chroot.apt("install", "systemd", chroot.dnf, "rpm", "createrepo-c").code == 0  # the last for a plugin of Debian's dnf 5
        shutil.copy(package, chroot.path("/pvhready.rpm"))
        chroot.is_mount = "yes"
        # Debian's rpm wanted to be forced, until its version 6, which does not know the option.
        force = ("--force-debian",) if chroot.run("rpm", "--force-debian", "--version").code == 0 else ()
        chroot.demand("rpm", *force + ("-i", "--nodeps", "--noscripts", "/pvhready.rpm"))
        # Debian's Python looks elsewhere.
        modules = chroot.demand("sh", "-c", "echo /usr/lib/python3*/site-packages/pvhready").text.strip()
        chroot.demand("ln", "-s", modules, LINK)
        chroot.modules = modules
        chroot.breakages = breakage.all_of("/usr/bin/python3", modules)
        chroot.write("/etc/pvhready.conf", "[guest]\nassume = pv\n")
        for name, content in kernel(RELEASE, payload="zstd").items():
            path = chroot.path("/new" + name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as handle:
                handle.write(content if isinstance(content, bytes) else content.encode())
        chroot.write("/new/kernel.spec", SPEC)
        chroot.demand("rpmbuild", "--quiet", "--define", "_topdir /new", "-bb", "/new/kernel.spec")
        chroot.demand("pvhready", "hook", "rpm-trigger")
        yield chroot


def installed_kernel(chroot):
    return next(name for name in sorted(os.listdir(chroot.path("/boot"))) if name.startswith("vmlinuz-"))[len("vmlinuz-"):]


def test_kernel_install(system):
    release = installed_kernel(system)
    sound = system.run("kernel-install", "add", release, "/boot/vmlinuz-" + release)
    assert sound.code == 0
    said = system.demand("kernel-install", "add", RELEASE, IMAGE).said
    assert said[0].startswith("pvhready: {} WILL NOT BOOT in PV".format(IMAGE)) and len(said) == 2
    assert system.demand("kernel-install", "remove", RELEASE).said == []


def without_us(system, found, *words):
    """What becomes of the same run where our plugin is not there."""
    plugin = system.path(PLUGIN)
    os.rename(plugin, plugin + ".away")
    try:
        return breakage.run(system, found, *words)
    finally:
        os.rename(plugin + ".away", plugin)


@pytest.mark.parametrize("name", NAMES)
def test_kernel_install_goes_on_whatever_becomes_of_the_program(name, system):
    found, started = system.breakages[name], time.monotonic()
    output = breakage.run(system, found, "kernel-install", "add", RELEASE, IMAGE)
    if found.within and output.code:
        # systemd 257 does not start its own plugins where stdin is closed.
        assert output.text == without_us(system, found, "kernel-install", "add", RELEASE, IMAGE).text
        return
    assert output.code == 0, output.text
    assert "Traceback" not in output.text and len(output.said) <= LINES, output.text
    assert found.speaks == any("WILL NOT BOOT" in line for line in output.said), output.text
    assert time.monotonic() - started < found.seconds + 60
    assert breakage.run(system, found, "kernel-install", "remove", RELEASE).code == 0


def dnf(system, *words):
    return (system.dnf, "-y", "--setopt=install_weak_deps=0", "--setopt=reposdir=/none") + words


@pytest.fixture
def menu(system):
    """The menu, which the kernel's last script takes away, is put back."""
    shutil.copy(system.path(MENU), system.path(MENU + ".copy"))
    yield
    os.replace(system.path(MENU + ".copy"), system.path(MENU))


def test_dnf_and_the_file_trigger(system, menu):
    output = system.demand(*dnf(system, "install", PACKAGE))
    said = output.said
    assert said, output.text
    assert said[0].startswith("pvhready: the NEXT REBOOT of this machine FAILS in PV") and "no grub.cfg" in said[0] and len(said) == 3
    assert len(system.demand(*dnf(system, "remove", "kernel-core")).said) == 3
    shutil.copy(system.path(MENU + ".copy"), system.path(MENU))
    # Sid's own kernel is one that PV does not boot.
    assert "no grub.cfg" not in system.demand("pvhready", "hook", "rpm-trigger").said[0]


@pytest.mark.parametrize("name", OF_DNF)
def test_dnf_goes_on_whatever_becomes_of_the_program(name, system, menu):
    """It installs a kernel whose last script takes the menu away, and removes it again: both call the trigger."""
    found = system.breakages[name]
    for words in (("install", PACKAGE), ("remove", "kernel-core")):
        started = time.monotonic()
        output = breakage.run(system, found, *dnf(system, *words))
        assert output.code == 0, output.text
        assert "Traceback" not in output.text and len(output.said) <= LINES, output.text
        assert found.speaks == any("NEXT REBOOT" in line for line in output.said), output.text
        assert time.monotonic() - started < found.seconds + 90
    assert system.run("rpm", "-q", "kernel-core").code == 1


def test_it_is_erased_and_leaves_nothing_that_is_called(system):
    force = ("--force-debian",) if system.run("rpm", "--force-debian", "--version").code == 0 else ()
    os.unlink(system.path(LINK))
    # The modules were compiled where the package was built; what an interpreter of another version has compiled since is nobody's.
    tag = "cpython-{}{}.pyc".format(*sys.version_info)
    for folder, _, names in os.walk(system.path(system.modules)):
        for name in names:
            if name.endswith(".pyc") and not name.endswith(tag):
                os.unlink(os.path.join(folder, name))
    assert system.demand("rpm", *force + ("-V", "--nodeps", "pvhready")).text == ""
    assert system.demand("rpm", *force + ("-e", "pvhready")).said == []
    left = [os.path.join(folder, name)[len(system.directory):] for folder, folders, names in os.walk(system.directory)
            for name in folders + names if "pvhready" in name]
    assert sorted(left) == ["/etc/pvhready.conf", "/pvhready.rpm"]  # both are this test's
    output = system.demand(*dnf(system, "install", PACKAGE))
    assert "pvhready" not in output.text.replace("/pvhready", "")
