"""A kernel that boots: every command and every hint, for each distribution and release."""

import pytest

from pvhready.facts import Distribution, Guest
from pvhready.rules.newkernel import newer_kernel, plain_kernel, xen_kernel


def guest(name, version=None, like=(), architecture="x86_64"):
    return Guest("PV", architecture=architecture, distribution=Distribution(name, version, None, tuple(like)))


def words(remedies):
    """A command as it is typed; a hint as it stands."""
    assert all((remedy.type == "command") == bool(remedy.argv) and remedy.text for remedy in remedies)
    return [" ".join(remedy.argv) or remedy.text for remedy in remedies]


UBUNTU_18 = ["apt-get install --install-recommends linux-generic-hwe-18.04"]
UBUNTU_OLD = ["No kernel of this release boots under PVH: upgrade to Ubuntu 18.04 with its HWE kernel, or newer."]
UBUNTU = ["apt-get install linux-generic"]
DEBIAN = ["apt-get install linux-image-amd64"]
DEBIAN_32 = ["apt-get install linux-image-686-pae"]
DEBIAN_OLD = ["No kernel of this release boots under PVH: upgrade to Debian 10 or newer."]
STRETCH = [
    'sh -c echo "deb [check-valid-until=no] http://archive.debian.org/debian stretch-backports main"'
    " >/etc/apt/sources.list.d/stretch-backports.list",
    "apt-get update",
    "apt-get install -t stretch-backports linux-image-amd64",
]
FEDORA_OLD = ["No kernel of this release boots under PVH: upgrade to a newer Fedora."]
DNF = ["dnf upgrade kernel"]
EL_OLD = ["No kernel of this release boots under PVH: install a newer release."]
EL_UNKNOWN = ["Install kernel-ml of ELRepo (elrepo.org), which is built for Xen."]
BOTH_KEYS = "rpm --import https://www.elrepo.org/RPM-GPG-KEY-elrepo.org https://www.elrepo.org/RPM-GPG-KEY-v2-elrepo.org"
NEW_KEY = "rpm --import https://www.elrepo.org/RPM-GPG-KEY-v2-elrepo.org"
MENU = ["sed -i $ a GRUB_DEFAULT=0 /etc/default/grub", "grub2-mkconfig -o /boot/grub2/grub.cfg"]
EL7 = [
    BOTH_KEYS, "yum install https://www.elrepo.org/elrepo-release-7.el7.elrepo.noarch.rpm",
    "yum --enablerepo=elrepo-kernel install kernel-ml"] + MENU
EL8 = [
    BOTH_KEYS, "dnf install https://www.elrepo.org/elrepo-release-8.el8.elrepo.noarch.rpm",
    "dnf --enablerepo=elrepo-kernel install kernel-ml"] + MENU
EL9 = [
    NEW_KEY, "dnf install https://www.elrepo.org/elrepo-release-9.el9.elrepo.noarch.rpm",
    "dnf --enablerepo=elrepo-kernel install kernel-ml"] + MENU
VAULT = "CentOS {} is out of support: let /etc/yum.repos.d point to vault.centos.org first."
ANY = ["Install a kernel of Linux 5.0 or newer with CONFIG_XEN_PVH=y and CONFIG_XEN_BLKDEV_FRONTEND."]

NEWER = {
    "Debian 7": (guest("debian", "7"), DEBIAN_OLD),
    "Debian 8": (guest("debian", "8"), DEBIAN_OLD),
    "Debian 9": (guest("debian", "9"), STRETCH),
    "Debian 9, 32-bit": (guest("debian", "9", architecture="i386"), STRETCH[:2] + [STRETCH[2].replace("amd64", "686-pae")]),
    "Debian 10": (guest("debian", "10"), DEBIAN),
    "Debian 12, i686": (guest("debian", "12", architecture="i686"), DEBIAN_32),
    "Debian 12, i386": (guest("debian", "12", architecture="i386"), DEBIAN_32),
    "Debian 12, of no known width": (guest("debian", "12", architecture=None), DEBIAN),
    "Debian without a number": (guest("debian"), DEBIAN),
    "Devuan 1 is Debian 8": (guest("devuan", "1"), DEBIAN_OLD),
    "Devuan 2 is Debian 9": (guest("devuan", "2"), STRETCH),
    "a relative of Debian": (guest("raspbian", "12", ["debian"]), DEBIAN),
    "Ubuntu 16.04": (guest("ubuntu", "16.04"), UBUNTU_OLD),
    "Ubuntu 17.10": (guest("ubuntu", "17.10"), UBUNTU_OLD),
    "Ubuntu 18.04": (guest("ubuntu", "18.04"), UBUNTU_18),
    "Ubuntu 19.04": (guest("ubuntu", "19.04"), UBUNTU),
    "Ubuntu 20.04": (guest("ubuntu", "20.04"), UBUNTU),
    "Ubuntu without a number": (guest("ubuntu"), UBUNTU),
    "a relative of Ubuntu has numbers of its own": (guest("linuxmint", "18", ["ubuntu", "debian"]), UBUNTU),
    "Amazon Linux 2": (guest("amzn", "2", ["centos", "rhel", "fedora"]), ["amazon-linux-extras install kernel-5.10"]),
    "Amazon Linux 2, by its other name": (guest("amazon", "2"), ["amazon-linux-extras install kernel-5.10"]),
    "Amazon Linux 1": (guest("amzn", "1"), DNF),
    "Amazon Linux 2023": (guest("amazon", "2023"), DNF),
    "the 2 of another": (guest("arch", "2"), ["pacman -S linux"]),
    "Fedora 1": (guest("fedora", "1"), FEDORA_OLD),
    "Fedora 27": (guest("fedora", "27"), FEDORA_OLD),
    "Fedora 28": (guest("fedora", "28"), DNF),
    "Fedora 29": (guest("fedora", "29"), DNF),
    "Fedora without a number": (guest("fedora"), DNF),
    "EL6": (guest("centos", "6"), EL_OLD),
    "EL7": (guest("rhel", "7.9"), EL7),
    "CentOS 7": (guest("centos", "7"), [VAULT.format(7)] + EL7),
    "CentOS 8": (guest("centos", "8"), [VAULT.format(8)] + EL8),
    "CentOS Stream 9": (guest("centos", "9"), EL9),
    "Alma 8": (guest("almalinux", "8.10", ["rhel", "centos", "fedora"]), EL8),
    "Rocky 9": (guest("rocky", "9.4", ["rhel"]), EL9),
    "EL without a number": (guest("rhel"), EL_UNKNOWN),
    "CentOS without a number": (guest("centos"), EL_UNKNOWN),
    "SUSE": (
        guest("opensuse-leap", "15.6", ["suse"]), ["zypper install kernel-default"]),
    "Arch": (guest("arch"), ["pacman -S linux"]),
    "Alpine": (guest("alpine", "3.20.3"), ["apk add linux-lts"]),
    "NixOS": (
        guest("nixos", "20.09"),
        ["In configuration.nix set boot.kernelPackages to a kernel of NixOS 21.05 or newer (pkgs.linuxPackages).", "nixos-rebuild boot"]),
    "Gentoo": (guest("gentoo"), ANY),
    "nobody knows": (guest(None), ANY),
}


@pytest.mark.parametrize("name", NEWER)
def test_a_newer_kernel(name):
    judged, expected = NEWER[name]
    assert words(newer_kernel(judged)) == expected


@pytest.mark.parametrize("version,expected", [
    ("16.04", ["apt-get install linux-image-generic"]), ("18.04", ["apt-get install linux-image-generic"] + UBUNTU_18),
    ("19.04", ["apt-get install linux-image-generic"]), ("22.04", ["apt-get install linux-image-generic"]),
    (None, ["apt-get install linux-image-generic"]),
])
def test_ubuntu_s_kvm_flavour_leaves_xen_out(version, expected):
    assert words(xen_kernel(guest("ubuntu", version))) == expected


@pytest.mark.parametrize("judged,expected", [
    (guest("debian", "12"), DEBIAN), (guest("linuxmint", "21", ["ubuntu"]), UBUNTU), (guest("rocky", "9", ["rhel"]), EL9),
    (guest(None), ANY),
])
def test_elsewhere_a_kernel_for_xen_is_the_newer_one(judged, expected):
    assert words(xen_kernel(judged)) == expected


@pytest.mark.parametrize("judged,first", [
    (guest("debian", "9"), STRETCH[0]), (guest("rocky", "9", ["rhel"]), NEW_KEY), (guest("ubuntu", "18.04"), UBUNTU_18[0]),
])
def test_a_plain_kernel_beside_a_unified_image(judged, first):
    expected = ["Keep a plain bzImage in /boot beside the unified image, and let grub.cfg name that one.", first]
    assert words(plain_kernel(judged)) == expected
