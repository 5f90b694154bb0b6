"""How to mend a finding on *this* distribution: the commands to type, or advice where no command does."""

from pvhready.facts import Entry, Guest, Hook, Kernel, Mount
from pvhready.findings import Remedy, command, hint
from pvhready.host import hosts_with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    Remedies = Tuple[Remedy, ...]

RUN_AGAIN = ("sudo", "pvhready", "check")
UNDO = ("sudo", "pvhready", "undo")
DEFAULTS = "/etc/default/grub"
_NOT_OF_AN_ARGUMENT = "[^[:alnum:]_=.,-]"  # in sed's pattern: the blanks and quotes on either side of an argument

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
    for identity in (distribution.id,) + distribution.like:
        for name, members in _FAMILIES:
            if identity in members:
                return name
    return ""


def release_number(guest: Guest) -> int:
    """Return the distribution's major version, 0 when it has none (rolling, unknown). Devuan's is that of its Debian."""
    digits = (guest.distribution.version or "").split(".")[0]
    number = int(digits[:9]) if digits.isdecimal() else 0
    return number + _DEVUAN_TO_DEBIAN if number and guest.distribution.id == "devuan" else number


def _yum_or_dnf(guest: Guest) -> str:
    """Amazon Linux 2 and everything up to EL7 have yum only."""
    return "yum" if 0 < release_number(guest) <= 7 and guest.distribution.id != "fedora" else "dnf"


def undo_hack(hook: "Optional[Hook]", guest: Guest) -> "Remedies":
    """Disable the hooks and put the packaged images back. ``hook`` is one that only its package manager can disable, perhaps."""
    show = command("shows how it would be undone, file by file, and what to type then", *UNDO)
    if hook and hook.package and family(guest) not in ("debian", ""):
        return (hint("The hook belongs to the package {}: remove that package.".format(hook.package)), show)
    return (show,)


def image_package(package: str) -> str:
    """Return the package that is installed and removed for a kernel's image. ``package`` is the one that holds it.

    From Debian 14 on linux-binary-X holds the image, and linux-image-X copies it to /boot whenever it is configured.
    """
    start = "linux-binary-"
    return "linux-image-" + package[len(start):] if package.startswith(start) else package


def restore_image(kernel: Kernel, guest: Guest) -> "Remedies":
    """Get the package's own image again."""
    kind, release = family(guest), kernel.release
    flavour = kernel.path.partition("/vmlinuz-")[2]  # vmlinuz-linux-lts of Arch, vmlinuz-virt of Alpine
    if kind == "debian" and (kernel.package or release):
        package = kernel.package or "linux-image-{}".format(release)
        return (
            command(
                "install the packaged image again (disable any hook that decompresses it first)",
                "apt-get",
                "install",
                "--reinstall",
                *dict.fromkeys((package, image_package(package)))
            ),
        )
    if kind == "redhat" and (kernel.package or release):
        tool = _yum_or_dnf(guest)
        name = kernel.package or "{}-{}".format("kernel-core" if tool == "dnf" else "kernel", release)
        return (command("install the packaged image again", tool, "reinstall", name),)
    if kind == "suse":
        return (command("install the packaged image again", "zypper", "install", "--force", "kernel-default"),)
    if kind == "arch" and (kernel.package or flavour):
        return (command("install the packaged image again", "pacman", "-S", kernel.package or flavour),)
    if kind == "alpine" and (kernel.package or flavour):
        return (command("install the packaged image again", "apk", "fix", kernel.package or "linux-" + flavour),)
    if kind == "nixos":
        return (command("verify and repair the store", "nix-store", "--verify", "--check-contents", "--repair"),)
    return (hint("Put the image of the kernel's package back in its place."),)


def run_as_root(reason: str) -> "Remedies":
    """Read again with the rights to do so."""
    if "permission" in reason:
        return (command("run the check as root", *RUN_AGAIN),)
    return ()


def mount_boot(root: str, fstab: "Tuple[Mount, ...]" = ()) -> "Remedies":
    """Let what is judged be the /boot that GRUB will read. ``root`` is where the guest's root is mounted, ``fstab`` what it mounts."""
    if root == "/":
        by_unit = any(mount.point.rstrip("/") == "/boot" and ".mount:" in mount.source for mount in fstab)
        argv = ("systemctl", "start", "boot.mount") if by_unit else ("mount", "/boot")
        return (command("mount it", *argv), command("check again", *RUN_AGAIN))
    folder = "{}/boot".format(root.rstrip("/"))
    return (hint("Mount the file system that the guest has for /boot at {}.".format(folder)), command("check again", *RUN_AGAIN))


def readable_under_pv() -> "Remedies":
    """For a kernel that only the PVH loader reads."""
    return (hint("Under PV, boot an older kernel whose payload is gzip or xz; under PVH this kernel needs nothing."),)


def insert_xzio() -> "Remedies":
    """For an xz kernel under a PV loader that may lack the module."""
    return (hint("Where the host's GRUB has the module, \"insmod xzio\" in the entry reads it; Debian's host images have it built in."),)


def choose_loader(bits: int) -> "Remedies":
    """Another width of the PV loader."""
    width = "x86_64" if bits == 64 else "i386"
    return (hint("In the provider's shell choose the {}-bit PV loader; at BitFolk: arch {}".format(bits, width)),)


def own_config(guest: Guest) -> str:
    """Return the path where the guest's own tools write grub.cfg."""
    return "/boot/grub2/grub.cfg" if family(guest) in ("redhat", "suse") else "/boot/grub/grub.cfg"


def is_snippet(entry: "Optional[Entry]") -> bool:
    """Whether an entry comes from a file of the boot loader specification, which grub-mkconfig does not write."""
    return entry is not None and entry.source.rpartition(":")[0].endswith(".conf")


def append_line(text: str, line: str, path: str) -> Remedy:
    """Add a line at the end of a file that has at least one line. In a file that shells read it overrules what stands above."""
    return command(text, "sed", "-i", "$ a " + line, path)


def add_console(guest: Guest, entry: "Optional[Entry]" = None) -> "Remedies":
    """console=hvc0 on every entry's command line. ``entry`` is one of them, which tells where they come from."""
    if family(guest) == "nixos":
        return (hint('In /etc/nixos/configuration.nix set: boot.kernelParams = [ "console=hvc0" ];'),) + regenerate(guest)
    if is_snippet(entry) and family(guest) == "redhat":
        return (command("add it to every entry, and to those of kernels to come", "grubby", "--update-kernel=ALL", "--args=console=hvc0"),)
    return (add_argument("add it to what the menu is made from", "console=hvc0"),) + regenerate(guest)


def add_argument(text: str, arguments: str) -> Remedy:
    """Add arguments to every entry that grub-mkconfig will write, whatever /etc/default/grub asks for already."""
    return append_line(text, 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {}"'.format(arguments), DEFAULTS)


def remove_argument(guest: Guest, argument: str, entry: "Optional[Entry]" = None) -> "Remedies":
    """Take an argument from every entry's command line. ``entry`` is one of them, as for ``add_console``."""
    if family(guest) == "nixos":
        return (hint("Remove {!r} from boot.kernelParams in /etc/nixos/configuration.nix.".format(argument)),) + regenerate(guest)
    if is_snippet(entry) and family(guest) == "redhat":
        return (command("remove it from every entry", "grubby", "--update-kernel=ALL", "--remove-args=" + argument),)
    # In sed's pattern a point stands for any character: for all that may mean something else there.
    pattern = "".join(letter if letter.isalnum() or letter in "_=,-" else "." for letter in argument)
    script = "/^GRUB_CMDLINE_LINUX/s/\\(^[A-Z_]*=\\|{0}\\){1}\\({0}\\|$\\)/\\1\\2/g".format(_NOT_OF_AN_ARGUMENT, pattern)
    return (command("take it from what the menu is made from", "sed", "-i", script, DEFAULTS),) + regenerate(guest)


def regenerate(guest: Guest, path: "Optional[str]" = None) -> "Remedies":
    """Write grub.cfg anew, at ``path`` or where the guest's own tools have it."""
    kind, path = family(guest), path or own_config(guest)
    if kind == "nixos":
        return (command("write the menu anew", "nixos-rebuild", "boot"),)
    if kind == "debian" and path == own_config(guest):
        return (command("write the menu anew", "update-grub"),)
    tool = "grub2-mkconfig" if kind in ("redhat", "suse") else "grub-mkconfig"
    return (command("write the menu anew", tool, "-o", path),)


def move_copy(path: str) -> "Remedies":
    """Take a copy of a kernel out of the folder where the menu's generator looks for kernels."""
    return (command("move the copy out of /boot", "mv", path, "/root/"),)


def keep_kernel(guest: Guest, kernel: "Optional[Kernel]") -> "Remedies":
    """Keep a kernel that is not the newest from being removed with an upgrade."""
    kind = family(guest)
    if kind == "debian" and kernel and kernel.package:
        return (command("keep autoremove from taking this kernel", "apt-mark", "manual", image_package(kernel.package.partition(":")[0])),)
    if kind == "redhat":
        return (hint("Set installonly_limit=0 in /etc/dnf/dnf.conf (yum: /etc/yum.conf), so that no kernel is removed."),)
    if kind == "suse" and kernel and kernel.release:
        return (hint("Add {} to multiversion.kernels in /etc/zypp/zypp.conf, so that it is not purged.".format(kernel.release)),)
    return ()


def default_to_first(guest: Guest, saved: bool) -> "Remedies":
    """Let the first entry be the default by name. ``saved``: grubenv says what the default is."""
    if saved:
        tool = "grub2-set-default" if family(guest) in ("redhat", "suse") else "grub-set-default"
        return (command("let the first entry be the default", tool, "0"),)
    return (append_line("let the first entry be the default", "GRUB_DEFAULT=0", DEFAULTS),) + regenerate(guest)


def keep_default_kind(kind: str) -> "Remedies":
    """Let an rpm system make kernels of the kind that boots now the default, and no others."""
    line = "DEFAULTKERNEL={}".format(kind)
    return (append_line("let only new kernels of the kind that boots now become the default", line, "/etc/sysconfig/kernel"),)


def write_config(guest: Guest, path: str) -> "Remedies":
    """A grub.cfg where the host looks, for a guest that boots by something else."""
    kind, version = family(guest), release_number(guest)
    if kind == "redhat" and version and version < 7:
        return (
            hint("GRUB legacy's menu.lst is not read: write {} by hand, with a menuentry that names the kernel and initrd.".format(path)),
        )
    if kind == "nixos":
        return (hint('Set boot.loader.grub.enable = true and boot.loader.grub.device = "nodev".'),) + regenerate(guest)
    tools = {
        "alpine": ("apk", "add", "grub", "grub-bios"),
        "debian": ("apt-get", "install", "grub-pc-bin", "grub2-common"),
    }
    fixes: Remedies = (command("install the tools that write the menu", *tools[kind]),) if kind in tools else ()
    fixes += (command("make its folder", "mkdir", "-p", path.rpartition("/")[0]),)
    return fixes + regenerate(guest, path)


def entries_in_config(guest: Guest, path: "Optional[str]" = None) -> "Remedies":
    """Entries in grub.cfg instead of boot loader specification files."""
    asked = append_line("ask for entries in grub.cfg itself", "GRUB_ENABLE_BLSCFG=false", DEFAULTS)
    hosts = hint("Hosts whose GRUB reads entries from /boot/loader: {}.".format(", ".join(hosts_with("blscfg"))))
    return (asked,) + regenerate(guest, path) + (hosts,)


def plain_linux_command(guest: Guest, name: str, path: "Optional[str]" = None) -> "Remedies":
    """``linux`` and ``initrd`` instead of their variants, in the menu and in what generates it. ``path`` is that of the menu."""
    variant = name.replace("linux", "").replace("initrd", "")
    words = "s/\\<linux{0}\\>/linux/; s/\\<initrd{0}\\>/initrd/".format(variant)
    # Fedora's and CentOS's generator puts the command together from a variable.
    generator = words + ('; s/sixteenbit="16"/sixteenbit=""/' if variant == "16" else "")
    return (
        command("let the generator write the plain commands", "sed", "-i", generator, "/etc/grub.d/10_linux"),
        command("let the menu have them", "sed", "-i", words, path or own_config(guest)),
    )


def rebuild_initramfs(guest: Guest, release: "Optional[str]", module: str = "") -> "Remedies":
    """An initramfs that holds a module; without one, the same again."""
    kind, name = family(guest), module.replace("_", "-")
    if kind == "nixos":
        return _ask_for_module(kind, name) + regenerate(guest)
    if kind == "debian":
        # -c makes one where there is none, and where there is one it takes its place.
        build = ["update-initramfs", "-c", "-k", release] if release else ["update-initramfs", "-u", "-k", "all"]
    elif kind in ("redhat", "suse"):
        build = ["dracut", "--force"] + (["--kver", release] if release else ["--regenerate-all"])
    elif kind == "arch":
        build = ["mkinitcpio", "-P"]
    elif kind == "alpine":
        build = ["mkinitfs"] + ([release] if release else [])
    else:
        return (hint("Build the initramfs anew{}.".format(" with the module " + name if name else "")),)
    return _ask_for_module(kind, name) + (command("build the initramfs anew", *build),)


def rebuild_with(guest: Guest, package: str, release: "Optional[str]") -> "Remedies":
    """An initramfs that has the programs of a package."""
    kind = family(guest)
    if package == "cryptsetup" and kind == "debian":
        package = "cryptsetup-initramfs"  # Debian 10 and newer: cryptsetup itself has no hooks for the initramfs
    return (hint("Install {}, and let the initramfs have it.".format(package)),) + rebuild_initramfs(guest, release)


def _ask_for_module(kind: str, name: str) -> "Remedies":
    """What lets every initramfs to come hold a module. Nothing for no name."""
    if not name:
        return ()
    if kind == "nixos":
        return (hint('In configuration.nix set: boot.initrd.availableKernelModules = [ "{}" ];'.format(name)),)
    if kind == "debian":
        return (append_line("ask for the module", name, "/etc/initramfs-tools/modules"),)
    if kind == "arch":
        return (append_line("ask for the module", "MODULES+=({})".format(name), "/etc/mkinitcpio.conf"),)
    if kind in ("redhat", "suse"):
        line = 'echo "add_drivers+=\\" {0} \\"" >/etc/dracut.conf.d/{0}.conf'.format(name)
        return (command("ask for the module, now and for kernels to come", "sh", "-c", line),)
    # mkinitfs has features for file systems and their layers; none of them takes the block front end.
    line = 'echo "kernel/drivers/block/{0}.ko*" >/etc/mkinitfs/features.d/{0}.modules'.format(name)
    feature = (command("make a feature of the module", "sh", "-c", line),) if name == "xen-blkfront" else ()
    return feature + (append_line("ask for the feature", 'features="$features {}"'.format(name), "/etc/mkinitfs/mkinitfs.conf"),)


def repack_initramfs(guest: Guest, release: "Optional[str]") -> "Remedies":
    """An initramfs packed with gzip, which every distribution's kernel can unpack."""
    kind = family(guest)
    places = {
        "debian": ("COMPRESS=gzip", "/etc/initramfs-tools/initramfs.conf"),
        "arch": ("COMPRESSION=gzip", "/etc/mkinitcpio.conf"),
        "alpine": ("initfscomp=gzip", "/etc/mkinitfs/mkinitfs.conf"),
    }
    if kind in places:
        return (append_line("ask for gzip", *places[kind]),) + rebuild_initramfs(guest, release)
    if kind in ("redhat", "suse"):
        which = ("--kver", release) if release else ("--regenerate-all",)
        return (command("build it anew with gzip", "dracut", "--force", "--gzip", *which),)
    if kind == "nixos":
        return (hint('In configuration.nix set: boot.initrd.compressor = "gzip";'),) + regenerate(guest)
    return (hint("Build the initramfs anew, packed with gzip."),)


def install_package(guest: Guest, package: str) -> "Remedies":
    """A tool that the check itself lacks."""
    installers = {
        "debian": ("apt-get", "install"),
        "redhat": (_yum_or_dnf(guest), "install"),
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
