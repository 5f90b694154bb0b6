"""A kernel that dnf installed and somebody decompressed: the real dnf fetches the very package again, and rpm verifies the result.

Debian's dnf 4, with a package that its rpmbuild made, in a system whose /etc/os-release is Fedora's.
"""

import os
import shutil

import pytest

from pvhready.demo import parts
from pvhready.demo.image import bzimage, elf_kernel
from support import chroots

pytestmark = [pytest.mark.download, pytest.mark.slow]
_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = "6.9.0-1.fc40.x86_64"
IMAGE = "/boot/vmlinuz-" + RELEASE
SPEC = """
Name: kernel-core
Version: {version}
Release: 1.fc40
Summary: a kernel
License: none
%description
A kernel.
%install
install -D /new/vmlinuz-{version} %{{buildroot}}/boot/vmlinuz-{version}-1.fc40.x86_64
%files
/boot/vmlinuz-{version}-1.fc40.x86_64
"""
REPOSITORY = "[kernels]\nname=kernels\nbaseurl=file:///repository\ngpgcheck=0\n"
PACKAGES = ("rpm", "dnf", "dnf-plugins-core", "createrepo-c")


@pytest.fixture
def system(tmp_path):
    with chroots.guest("bookworm", str(tmp_path)) as chroot:
        assert chroot.apt("install", *PACKAGES).code == 0
        os.mkdir(chroot.path("/new"))
        for version in ("6.9.0", "6.9.1"):
            with open(chroot.path("/new/vmlinuz-" + version), "wb") as handle:
                handle.write(bzimage(version + RELEASE[5:], "zstd", 64, elf_kernel(version + RELEASE[5:])))
            chroot.write("/new/kernel.spec", SPEC.format(version=version))
            chroot.demand("rpmbuild", "--quiet", "--define", "_topdir /new", "-bb", "/new/kernel.spec")
        os.rename(chroot.path("/new/RPMS/x86_64"), chroot.path("/repository"))
        chroot.demand("createrepo_c", "/repository")
        chroot.write("/etc/yum.repos.d/kernels.repo", REPOSITORY)
        chroot.write("/etc/dnf/vars/releasever", "40\n")
        chroot.write("/etc/dnf/plugins/local.conf", "[main]\nenabled=0\n")  # it would keep a copy of each package that is installed
        chroot.write("/etc/os-release", parts.os_release("Fedora Linux", "fedora", "40"))
        shutil.rmtree(chroot.path("/var/lib/dpkg"))
        shutil.copytree(_TOP + "/pvhready", chroot.path("/opt/pvhready"), ignore=shutil.ignore_patterns("__pycache__"))
        yield chroot


def content(chroot):
    with open(chroot.path(IMAGE), "rb") as handle:
        return handle.read()


def test_exactly_the_installed_package_is_fetched(system):
    system.demand("dnf", "-y", "install", "kernel-core-6.9.0")  # the repository has a newer one
    pristine = content(system)
    assert pristine[0x202:0x206] == b"HdrS"
    with open(system.path(IMAGE), "wb") as handle:
        handle.write(elf_kernel(RELEASE))
    assert "5" in system.run("rpm", "-V", "kernel-core").text.split()[0]
    shutil.rmtree(system.path("/var/cache/dnf"))  # neither is the package there any more
    undo = ("python3", "-m", "pvhready", "--assume-guest", "pv", "undo", "--switching")
    plan = system.run(*undo, PYTHONPATH="/opt").text
    assert "the mirror was not asked yet, and --apply asks it" in " ".join(plan.split()), plan
    system.demand(*undo + ("--apply", "--yes"), PYTHONPATH="/opt")
    assert content(system) == pristine
    assert system.run("rpm", "-V", "kernel-core").text.split() == [".......T.", IMAGE], "all as packaged but the time"
    assert os.listdir(system.path("/var/lib/pvhready/downloads")) == []
