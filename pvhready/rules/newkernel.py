"""A kernel that boots, for a guest whose own does not: what each distribution has, and the commands that install it."""

from pvhready.facts import Guest
from pvhready.findings import Remedy, command, hint
from pvhready.rules import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    Remedies = Tuple[Remedy, ...]


def newer_kernel(guest: Guest) -> "Remedies":
    """A kernel that boots under PVH, for a guest whose own is too old."""
    identity, version, kind = guest.distribution.id, remedies.release_number(guest), remedies.family(guest)
    if identity == "ubuntu":
        return _ubuntu_kernel(version)
    if "ubuntu" in guest.distribution.like:
        return _ubuntu_kernel(0)
    if kind == "debian":
        return _debian_kernel(guest, version)
    if identity in ("amzn", "amazon") and version == 2:
        return (command("install a kernel of the 5.10 series", "amazon-linux-extras", "install", "kernel-5.10"),)
    if identity == "fedora" and 0 < version < 28:
        return (hint("No kernel of this release boots under PVH: upgrade to a newer Fedora."),)  # 27 ended with Linux 4.18
    if identity in ("fedora", "amzn", "amazon"):
        return (command("install the newest kernel of this release", "dnf", "upgrade", "kernel"),)
    if kind == "redhat":
        return _elrepo_kernel(guest, version)
    return _other_kernel(kind)


def xen_kernel(guest: Guest) -> "Remedies":
    """A kernel that is built for Xen guests, for one whose own leaves the options out."""
    if guest.distribution.id == "ubuntu":
        return (
            command("install the generic kernel: the kvm flavour is built without Xen", "apt-get", "install", "linux-image-generic"),
        ) + (_ubuntu_kernel(18) if remedies.release_number(guest) == 18 else ())
    return newer_kernel(guest)


def plain_kernel(guest: Guest) -> "Remedies":
    """A kernel as a plain file, for a guest that has a unified image only."""
    return (hint("Keep a plain bzImage in /boot beside the unified image, and let grub.cfg name that one."),) + newer_kernel(guest)[:1]


def _ubuntu_kernel(version: int) -> "Remedies":
    if version and version < 18:
        return (hint("No kernel of this release boots under PVH: upgrade to Ubuntu 18.04 with its HWE kernel, or newer."),)
    if version == 18:
        return (command("install the HWE kernel (5.4)", "apt-get", "install", "--install-recommends", "linux-generic-hwe-18.04"),)
    return (command("install the release's kernel", "apt-get", "install", "linux-generic"),)


def _debian_kernel(guest: Guest, version: int) -> "Remedies":
    package = "linux-image-686-pae" if guest.architecture in ("i386", "i686") else "linux-image-amd64"
    if version and version < 9:
        return (hint("No kernel of this release boots under PVH: upgrade to Debian 10 or newer."),)
    if version == 9:
        # The archive of old releases is signed for a time that is over.
        line = "deb [check-valid-until=no] http://archive.debian.org/debian stretch-backports main"
        source = 'echo "{}" >/etc/apt/sources.list.d/stretch-backports.list'.format(line)
        return (
            command("add stretch-backports, which is in Debian's archive of old releases", "sh", "-c", source),
            command("read what it has", "apt-get", "update"),
            command("install its kernel, 4.19", "apt-get", "install", "-t", "stretch-backports", package),
        )
    return (command("install the release's kernel", "apt-get", "install", package),)


def _elrepo_kernel(guest: Guest, version: int) -> "Remedies":
    if version and version < 7:
        return (hint("No kernel of this release boots under PVH: install a newer release."),)
    if not version:
        return (hint("Install kernel-ml of ELRepo (elrepo.org), which is built for Xen."),)
    tool = "yum" if version == 7 else "dnf"
    release = "https://www.elrepo.org/elrepo-release-{0}.el{0}.elrepo.noarch.rpm".format(version)
    keys: Tuple[str, ...] = ("https://www.elrepo.org/RPM-GPG-KEY-elrepo.org",) if version < 9 else ()
    keys += ("https://www.elrepo.org/RPM-GPG-KEY-v2-elrepo.org",)
    moved = hint("CentOS {} is out of support: let /etc/yum.repos.d point to vault.centos.org first.".format(version))
    return ((moved,) if guest.distribution.id == "centos" and version < 9 else ()) + (
        command("trust ELRepo's keys", "rpm", "--import", *keys),
        command("add ELRepo, whose kernels are built for Xen", tool, "install", release),
        command("install its kernel", tool, "--enablerepo=elrepo-kernel", "install", "kernel-ml"),
        remedies.append_line("make the newest kernel the default", "GRUB_DEFAULT=0", remedies.DEFAULTS),
    ) + remedies.regenerate(guest)


def _other_kernel(kind: str) -> "Remedies":
    if kind == "suse":
        return (command("install the release's kernel; releases before 15.3 are too old", "zypper", "install", "kernel-default"),)
    if kind == "arch":
        return (command("install the current kernel", "pacman", "-S", "linux"),)
    if kind == "alpine":
        return (command("install a kernel that is built for Xen", "apk", "add", "linux-lts"),)
    if kind == "nixos":
        return (
            hint("In configuration.nix set boot.kernelPackages to a kernel of NixOS 21.05 or newer (pkgs.linuxPackages)."),
            command("build it", "nixos-rebuild", "boot"),
        )
    return (hint("Install a kernel of Linux 5.0 or newer with CONFIG_XEN_PVH=y and CONFIG_XEN_BLKDEV_FRONTEND."),)
