"""The commands that a finding offers fit the distribution that it was found on."""

import pytest

from pvhready.facts import Distribution, Guest, Image, Kernel
from pvhready.rules import remedies


def _guest(name, version=None, like=(), architecture="x86_64"):
    return Guest("PV", architecture=architecture, distribution=Distribution(name, version, None, tuple(like)))


def _words(found):
    return [" ".join(remedy.argv) or remedy.text for remedy in found]


@pytest.mark.parametrize("guest,expected", [
    (_guest("debian", "8"), "upgrade to Debian 10"),
    (_guest("debian", "9"), "apt-get install -t stretch-backports linux-image-amd64"),
    (_guest("debian", "12"), "apt-get install linux-image-amd64"),
    (_guest("debian", "12", architecture="i686"), "apt-get install linux-image-686-pae"),
    (_guest("devuan", "2"), "apt-get install -t stretch-backports linux-image-amd64"),
    (_guest("devuan", "4"), "apt-get install linux-image-amd64"),
    (_guest("ubuntu", "16.04"), "upgrade to Ubuntu 18.04"),
    (_guest("ubuntu", "18.04"), "apt-get install --install-recommends linux-generic-hwe-18.04"),
    (_guest("ubuntu", "22.04"), "apt-get install linux-generic"),
    (_guest("linuxmint", "21", ["ubuntu", "debian"]), "apt-get install linux-generic"),
    (_guest("centos", "6"), "install a newer release"),
    (_guest("centos", "7"), "yum --enablerepo=elrepo-kernel install kernel-ml"),
    (_guest("almalinux", "8.10", ["rhel", "centos", "fedora"]), "dnf --enablerepo=elrepo-kernel install kernel-ml"),
    (_guest("fedora", "39"), "dnf upgrade kernel"),
    (_guest("amzn", "2", ["centos", "rhel", "fedora"]), "amazon-linux-extras install kernel-5.10"),
    (_guest("amzn", "2023", ["fedora"]), "dnf upgrade kernel"),
    (_guest("opensuse-leap", "15.6", ["suse", "opensuse"]), "zypper install kernel-default"),
    (_guest("arch"), "pacman -S linux"),
    (_guest("alpine", "3.20.3"), "apk add linux-lts"),
    (_guest("nixos", "20.09"), "nixos-rebuild boot"),
    (_guest(None), "Install a kernel of Linux 5.0 or newer"),
])
def test_a_kernel_that_boots(guest, expected):
    assert any(expected in text for text in _words(remedies.newer_kernel(guest))), _words(remedies.newer_kernel(guest))


@pytest.mark.parametrize("guest,path,package,expected", [
    (_guest("debian", "12"), "/boot/vmlinuz-6.1.0-50-amd64", None, "apt-get install --reinstall linux-image-6.1.0-50-amd64"),
    (_guest("ubuntu", "20.04"), "/boot/vmlinuz-5.4.0-216-generic", "linux-image-5.4.0-216-generic",
     "apt-get install --reinstall linux-image-5.4.0-216-generic"),
    (_guest("centos", "6"), "/boot/vmlinuz-2.6.32-754.el6.x86_64", None, "yum reinstall kernel-2.6.32-754.el6.x86_64"),
    (_guest("rocky", "9.4", ["rhel"]), "/boot/vmlinuz-5.14.0-427.el9.x86_64", None, "dnf reinstall kernel-core-5.14.0-427.el9.x86_64"),
    (_guest("amzn", "2", ["rhel"]), "/boot/vmlinuz-4.14.252-195.amzn2.x86_64", None, "yum reinstall kernel-4.14.252-195.amzn2.x86_64"),
    (_guest("arch"), "/boot/vmlinuz-linux-lts", None, "pacman -S linux-lts"),
    (_guest("alpine", "3.20"), "/boot/vmlinuz-virt", None, "apk fix linux-virt"),
])
def test_the_packaged_image_again(guest, path, package, expected):
    release = path.rpartition("-linux")[2] if "linux" in path.rpartition("/")[2][8:] else path.rpartition("/vmlinuz-")[2]
    assert _words(remedies.restore_image(Kernel(path, Image(), release, package=package), guest)) == [expected]


@pytest.mark.parametrize("guest,expected", [
    (_guest("debian", "12"), "update-grub"), (_guest("fedora", "40"), "grub2-mkconfig -o /boot/grub2/grub.cfg"),
    (_guest("gentoo"), "grub-mkconfig -o /boot/grub/grub.cfg"), (_guest("nixos", "24.05"), "nixos-rebuild boot"),
])
def test_the_menu_anew(guest, expected):
    assert _words(remedies.regenerate(guest)) == [expected]



def test_the_check_run_again_is_about_the_same_guest():
    from pvhready.facts import Facts
    from pvhready.host import profile
    from pvhready.judge import judge

    facts = Facts("/mnt/guest", False, "2026-01-01", _guest("debian", "12"), denied=("/boot/vmlinuz-1",))
    report = judge(facts, profile("debian-12"), "pv")
    (access,) = [check for check in report.checks if check.id == "access"]
    assert access.remedies[0].argv == ("sudo", "pvhready", "check", "--root", "/mnt/guest", "--host", "debian-12", "--target", "pv")
