"""How to mend a finding on *this* distribution: the commands to type, or advice where no command does."""

from pvhready.facts import Guest, Hook, Kernel
from pvhready.findings import Remedy, command, hint
from pvhready.host import Host, hosts_with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    Remedies = Tuple[Remedy, ...]

RUN_AGAIN = ("sudo", "pvhready", "check")

_DEVUAN_TO_DEBIAN = 7  # Devuan 3 is made of Debian 10
_FAMILIES = (
    ("debian", ("debian", "ubuntu", "devuan", "linuxmint", "kali")),
    ("redhat", ("fedora", "rhel", "centos", "almalinux", "rocky", "ol", "oracle", "amzn", "amazon", "scientific", "cloudlinux")),
    ("suse", ("opensuse", "suse", "sles", "opensuse-leap", "opensuse-tumbleweed", "sled")),
    ("arch", ("arch", "archlinux", "manjaro")),
    ("alpine", ("alpine",)),
    ("gentoo", ("gentoo",)),
    ("nixos", ("nixos",)),
)


def family(guest: Guest) -> str:
    """Return the family of the guest's distribution: debian, redhat, suse, arch, alpine, gentoo, nixos, or ""."""
    distribution = guest.distribution
    for identity in (distribution.id or "",) + distribution.like:
        for name, members in _FAMILIES:
            if identity in members:
                return name
    return ""


def release_number(guest: Guest) -> int:
    """Return the distribution's major version, 0 when it has none (rolling, unknown). Devuan's is that of its Debian."""
    digits = (guest.distribution.version or "").split(".")[0]
    number = int(digits) if digits.isdigit() else 0
    return number + _DEVUAN_TO_DEBIAN if number and guest.distribution.id == "devuan" else number


def _yum_or_dnf(guest: Guest) -> str:
    """Amazon Linux 2 and everything up to EL7 have yum only."""
    return "yum" if 0 < release_number(guest) <= 7 and guest.distribution.id != "fedora" else "dnf"


def newer_kernel(guest: Guest) -> "Remedies":
    """A kernel that boots under PVH, for a guest whose own is too old."""
    identity, version, kind = guest.distribution.id, release_number(guest), family(guest)
    if identity == "ubuntu":
        return _ubuntu_kernel(version)
    if "ubuntu" in guest.distribution.like:
        return _ubuntu_kernel(0)
    if kind == "debian":
        return _debian_kernel(guest, version)
    if identity in ("amzn", "amazon") and version == 2:
        return (command("install a kernel of the 5.10 series", "amazon-linux-extras", "install", "kernel-5.10"),)
    if identity in ("fedora", "amzn", "amazon"):
        return (command("install the newest kernel of this release", "dnf", "upgrade", "kernel"),)
    if kind == "redhat":
        return _elrepo_kernel(version)
    return _other_kernel(kind)


def xen_kernel(guest: Guest) -> "Remedies":
    """A kernel that is built for Xen guests, for one whose own leaves the options out."""
    if guest.distribution.id == "ubuntu":
        return (
            command("install the generic kernel: the kvm flavour is built without Xen", "apt-get", "install", "linux-image-generic"),
        ) + (_ubuntu_kernel(18)[:1] if release_number(guest) == 18 else ())
    return newer_kernel(guest)


def plain_kernel(guest: Guest) -> "Remedies":
    """A kernel as a plain file, for a guest that has a unified image only."""
    return (hint("Keep a plain bzImage in /boot beside the unified image, and let grub.cfg name that one."),) + newer_kernel(guest)[:1]


def disable_hook(hook: Hook, guest: Guest) -> "Remedies":
    """Keep a hook from decompressing the next kernel; its helper must stay as long as the hook runs."""
    if hook.package and family(guest) == "debian":
        return (command("move the packaged hook aside", "dpkg-divert", "--rename", "--add", hook.path),)
    if hook.package:
        return (hint("The hook belongs to the package {}: remove that package.".format(hook.package)),)
    return (command("keep the hook from running", "chmod", "a-x", hook.path),)


def restore_image(kernel: Kernel, guest: Guest) -> "Remedies":
    """Get the package's own image again."""
    kind, release = family(guest), kernel.release or ""
    package = kernel.package or ("linux-image-" + release if kind == "debian" and release else None)
    flavour = kernel.path.rpartition("/vmlinuz-")[2] or "linux"  # vmlinuz-linux-lts of Arch, vmlinuz-virt of Alpine
    if kind == "debian" and package:
        return (
            command(
                "install the packaged image again (disable any hook that decompresses it first)",
                "apt-get",
                "install",
                "--reinstall",
                package,
            ),
        )
    if kind == "redhat":
        tool = _yum_or_dnf(guest)
        name = kernel.package or ("kernel-core-" if tool == "dnf" else "kernel-") + release
        return (command("install the packaged image again", tool, "reinstall", name),)
    if kind == "suse":
        return (command("install the packaged image again", "zypper", "install", "--force", "kernel-default"),)
    if kind == "arch":
        return (command("install the packaged image again", "pacman", "-S", kernel.package or flavour),)
    if kind == "alpine":
        return (command("install the packaged image again", "apk", "fix", kernel.package or "linux-" + flavour),)
    if kind == "nixos":
        return (command("verify and repair the store", "nix-store", "--verify", "--check-contents", "--repair"),)
    return (hint("Put the image of the kernel's package back in its place."),)


def run_as_root(guest: Guest, reason: str) -> "Remedies":
    """Read again with the rights to do so."""
    if "permission" in reason:
        return (command("run the check as root", *RUN_AGAIN),)
    return ()


def readable_under_pv(guest: Guest) -> "Remedies":
    """For a kernel that only the PVH loader reads."""
    return (hint("Under PV, boot an older kernel whose payload is gzip or xz; under PVH this kernel needs nothing."),)


def insert_xzio(host: Host) -> "Remedies":
    """For an xz kernel under a PV loader that may lack the module."""
    return (hint("Where the host's GRUB has the module, \"insmod xzio\" in the entry reads it; Debian's host images have it built in."),)


def choose_loader(bits: int) -> "Remedies":
    """Another width of the PV loader."""
    width = "x86_64" if bits == 64 else "i386"
    return (hint("In the provider's shell choose the {}-bit PV loader; at BitFolk: arch {}".format(bits, width)),)


def add_console(guest: Guest) -> "Remedies":
    """console=hvc0 on every entry's command line."""
    kind = family(guest)
    if kind == "nixos":
        return (hint('Add "console=hvc0" to boot.kernelParams in /etc/nixos/configuration.nix.'),) + regenerate(guest)
    if kind == "redhat" and guest.distribution.id != "amzn":
        return (command("add it to every entry", "grubby", "--update-kernel=ALL", "--args=console=hvc0"),)
    return (hint("Add console=hvc0 to GRUB_CMDLINE_LINUX in /etc/default/grub."),) + regenerate(guest)


def remove_argument(guest: Guest, argument: str) -> "Remedies":
    """Take an argument from every entry's command line."""
    if family(guest) == "nixos":
        return (hint("Remove {!r} from boot.kernelParams in /etc/nixos/configuration.nix.".format(argument)),) + regenerate(guest)
    if family(guest) == "redhat":
        return (command("remove it from every entry", "grubby", "--update-kernel=ALL", "--remove-args=" + argument),)
    return (hint("Remove {} from /etc/default/grub.".format(argument)),) + regenerate(guest)


def regenerate(guest: Guest) -> "Remedies":
    """Write grub.cfg anew."""
    commands = {
        "debian": ("update-grub",),
        "redhat": ("grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"),
        "suse": ("grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"),
        "nixos": ("nixos-rebuild", "boot"),
    }
    argv = commands.get(family(guest), ("grub-mkconfig", "-o", "/boot/grub/grub.cfg"))
    return (command("write the menu anew", *argv),)


def write_config(guest: Guest, path: str) -> "Remedies":
    """A grub.cfg where the host looks, for a guest that boots by something else."""
    kind, version = family(guest), release_number(guest)
    if kind == "alpine":
        return (
            command("install GRUB's tools", "apk", "add", "grub", "grub-bios"),
            command("write the menu where the host looks", "grub-mkconfig", "-o", path),
        )
    if kind == "redhat" and version and version < 7:
        return (
            hint("GRUB legacy's menu.lst is not read: write {} by hand, with a menuentry that names the kernel and initrd.".format(path)),
        )
    if kind in ("redhat", "suse"):
        return (command("write the menu where the host looks", "grub2-mkconfig", "-o", path),)
    if kind == "nixos":
        return (hint('Set boot.loader.grub.enable = true and boot.loader.grub.device = "nodev".'),) + regenerate(guest)
    if kind == "debian":
        return (
            command("install the tools that write the menu", "apt-get", "install", "grub-pc-bin", "grub2-common"),
            command("write the menu where the host looks", "grub-mkconfig", "-o", path),
        )
    return (command("write the menu where the host looks", "grub-mkconfig", "-o", path),)


def entries_in_config(guest: Guest) -> "Remedies":
    """Entries in grub.cfg instead of boot loader specification files."""
    return (
        hint("Set GRUB_ENABLE_BLSCFG=false in /etc/default/grub: then the entries stand in grub.cfg itself."),
        command("write the menu anew", "grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"),
        hint("Hosts whose GRUB reads such entries: {}.".format(", ".join(hosts_with("blscfg")))),
    )


def plain_linux_command(guest: Guest, name: str) -> "Remedies":
    """``linux`` and ``initrd`` instead of their variants."""
    plain = "initrd" if name.startswith("initrd") else "linux"
    return (
        hint(
            'The entry must say "{}" instead of "{}": edit grub.cfg and /etc/grub.d/10_linux so that the next kernel gets it too.'.format(
                plain, name
            )
        ),
        command("see what the generator writes", "grep", "-n", name, "/etc/grub.d/10_linux"),
    )


def rebuild_initramfs(guest: Guest, release: "Optional[str]", module: str) -> "Remedies":
    """An initramfs that holds a module."""
    kind, name = family(guest), module.replace("_", "-")
    if kind == "debian":
        return (
            hint('Add the line "{}" to /etc/initramfs-tools/modules.'.format(name)),
            command("build the initramfs anew", "update-initramfs", "-u", "-k", release or "all"),
        )
    if kind in ("redhat", "suse"):
        return (command("build the initramfs anew", "dracut", "--force", "--add-drivers", name, "--kver", release or ""),)
    if kind == "arch":
        return (hint('Add "{}" to MODULES in /etc/mkinitcpio.conf.'.format(name)), command("build all anew", "mkinitcpio", "-P"))
    if kind == "alpine":
        return (
            hint('Add the feature "xenpci" or the module to /etc/mkinitfs/mkinitfs.conf.'),
            command("build it anew", "mkinitfs", release or ""),
        )
    if kind == "nixos":
        return (hint('Add "{}" to boot.initrd.availableKernelModules.'.format(name)),) + regenerate(guest)
    return (hint("Build the initramfs anew with the module {}.".format(name)),)


def install_package(guest: Guest, package: str) -> "Remedies":
    """A tool that the check itself lacks."""
    installers = {
        "debian": ("apt-get", "install"),
        "redhat": ("dnf", "install"),
        "suse": ("zypper", "install"),
        "arch": ("pacman", "-S"),
        "alpine": ("apk", "add"),
    }
    argv = installers.get(family(guest))
    if argv is None:
        return (hint("Install {} and run the check again.".format(package)),)
    return (command("install what reads it, then check again", *(argv + (package,))),)


def install_config(kernel: Kernel) -> "Remedies":
    """The kernel's configuration, where none is found."""
    release = kernel.release or "RELEASE"
    return (
        hint("Put the kernel's configuration at /boot/config-{}.".format(release)),
        command("or name it", "pvhready", "image", "--config", "FILE", kernel.path),
    )


def _ubuntu_kernel(version: int) -> "Remedies":
    if version == 18:
        return (command("install the HWE kernel (5.4)", "apt-get", "install", "--install-recommends", "linux-generic-hwe-18.04"),)
    if version < 18 and version:
        return (hint("No kernel of this release boots under PVH: upgrade to Ubuntu 18.04 with its HWE kernel, or newer."),)
    return (command("install the release's kernel", "apt-get", "install", "linux-generic"),)


def _debian_kernel(guest: Guest, version: int) -> "Remedies":
    package = "linux-image-686-pae" if guest.architecture in ("i386", "i686") else "linux-image-amd64"
    if version == 9:
        return (
            hint("Add stretch-backports (it is in Debian's archive of old releases) to /etc/apt/sources.list."),
            command("install its kernel, 4.19", "apt-get", "install", "-t", "stretch-backports", package),
        )
    if version and version < 9:
        return (hint("No kernel of this release boots under PVH: upgrade to Debian 10 or newer."),)
    return (command("install the release's kernel", "apt-get", "install", package),)


def _elrepo_kernel(version: int) -> "Remedies":
    if version and version < 7:
        return (hint("No kernel of this release boots under PVH: install a newer release."),)
    tool = "yum" if version == 7 else "dnf"
    return (
        command("add ELRepo, whose kernels are built for Xen", tool, "install", "elrepo-release"),
        command("install its kernel", tool, "--enablerepo=elrepo-kernel", "install", "kernel-ml"),
        command("make it the default", "grub2-set-default", "0"),
    ) + (command("write the menu anew", "grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"),)


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
