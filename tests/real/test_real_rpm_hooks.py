"""kernel-install, and dnf with the rpm package's file trigger, run for real in a Debian that has them. dnf 5 is in sid only.

The rpm is the one of Debian's rpmbuild: what this proves is the order of the scripts, and that nothing of ours stops a transaction.
"""

import os
import shutil

import pytest

from support import chroots, rpmpackage
from support.trees import kernel

SUITES = os.environ.get("PVHREADY_TESTS_SUITES", "").split()
pytestmark = [
    pytest.mark.download, pytest.mark.slow,
    pytest.mark.skipif(not SUITES, reason="kernel-install and dnf: only where PVHREADY_TESTS_SUITES names releases (docs/packages.md)"),
]
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
BROKEN = "#!/bin/sh\nkill -SEGV $$\n"


@pytest.fixture(scope="module", params=[suite for suite in SUITES if suite in DNF])
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
        chroot.demand("sh", "-c", "ln -s /usr/lib/python3*/site-packages/pvhready /usr/lib/python3/dist-packages/pvhready")
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


class broken:
    """The program crashes."""

    def __init__(self, chroot):
        self.path = chroot.path("/usr/bin/pvhready")

    def __enter__(self):
        os.rename(self.path, self.path + ".away")
        with open(self.path, "w") as handle:
            handle.write(BROKEN)
        os.chmod(self.path, 0o755)

    def __exit__(self, *_):
        os.replace(self.path + ".away", self.path)


def installed_kernel(chroot):
    return next(name for name in sorted(os.listdir(chroot.path("/boot"))) if name.startswith("vmlinuz-"))[len("vmlinuz-"):]


def test_kernel_install(system):
    release = installed_kernel(system)
    sound = system.run("kernel-install", "add", release, "/boot/vmlinuz-" + release)
    assert sound.code == 0
    said = system.demand("kernel-install", "add", RELEASE, IMAGE).said
    assert said[0].startswith("pvhready: {} WILL NOT BOOT in PV".format(IMAGE)) and len(said) == 2
    assert system.demand("kernel-install", "remove", RELEASE).said == []
    with broken(system):
        assert len(system.demand("kernel-install", "add", RELEASE, IMAGE).said) == 1


def test_dnf_and_the_file_trigger(system):
    package = "/new/RPMS/noarch/kernel-core-6.9.0-1.noarch.rpm"
    dnf = (system.dnf, "-y", "--setopt=install_weak_deps=0", "--setopt=reposdir=/none")
    shutil.copy(system.path(MENU), system.path(MENU + ".copy"))
    output = system.demand(*dnf + ("install", package))
    said = output.said
    assert said, output.text
    assert said[0].startswith("pvhready: the NEXT REBOOT of this machine FAILS in PV") and "no grub.cfg" in said[0] and len(said) == 3
    assert len(system.demand(*dnf + ("remove", "kernel-core")).said) == 3
    os.replace(system.path(MENU + ".copy"), system.path(MENU))
    with broken(system):
        assert len(system.demand(*dnf + ("install", package)).said) == 1
