"""What is booted: the matrix, as data.

A case is a guest (kernel, form of its image, command line, menu, initramfs, file system under /boot) and the mode and the host's GRUB
that start it.
"""

from typing import Callable, Dict, List, NamedTuple, Tuple

from boots.kernels import PACKAGED
from pvhready.demo import menus

UUID = "8f3b6c1e-2f57-4d6a-9b0e-5a1d7c9e4b20"
BOOT_UUID = "0c6f2d2a-5c39-4a0a-8b7d-2f4b8d1f7e31"
CONSOLE = "console=hvc0"
Menu = Callable[[str, str], str]  # of a release and a command line


class Case(NamedTuple):
    """One boot. ``kernel`` is a name of ``kernels.py``.

    ``form`` is that of the image: shipped, elf (decompressed), cut (half of it). ``modules`` are loaded by the initramfs.
    ``boot`` is a file system for a /boot of its own with mkfs's options; () for none. ``stage`` is one of the hack's life (``life.py``).
    ``builtin`` are GRUB's modules in a host's image that is made here, ``grub_modules`` those that the guest has below /boot/grub.
    ``flaw`` says what the emulator is known to do wrong here: the case is run and shown, and does not count. ``unknowable`` says why no
    program can know from the guest's files whether it boots.
    """

    name: str
    kernel: str
    mode: str
    form: str = "shipped"
    host: str = "debian-12"
    cmdline: str = CONSOLE
    menu: Menu = lambda release, cmdline: menus.debian_menu([release], UUID, cmdline)
    modules: Tuple[str, ...] = ("xen-blkfront", "ext4")
    boot: Tuple[str, ...] = ()
    files: Dict[str, str] = {}
    memory: int = 512
    seconds: int = 150
    extra: str = ""
    flaw: str = ""
    stage: str = ""
    builtin: Tuple[str, ...] = ()
    grub_modules: Tuple[str, ...] = ()
    unknowable: str = ""


def _short() -> List[Case]:
    """What CI boots: the hack, and what the undo leaves of it, on Debian 12's lz4 kernel; and a guest that comes up in silence."""
    kernel = "debian-12-cloud"
    return [
        Case("short-hacked-pv", kernel, "pv", "elf", stage="hacked"),
        Case("short-hacked-pvh", kernel, "pvh", "elf", stage="hacked"),
        Case("short-undone-pvh", kernel, "pvh", "elf", stage="undone"),
        Case("short-undone-pv", kernel, "pv", "elf", stage="undone"),
        Case("short-silent-pvh", kernel, "pvh", cmdline="console=tty0"),
    ]


def _life() -> List[Case]:
    """The hack's whole life in a real Debian 12: apt installed its kernel, a real grub-mkconfig wrote its menu."""
    return [
        Case("life-{}-{}".format(stage, mode), "debian-12-cloud", mode, "elf", stage="debian-" + stage, memory=768, seconds=200)
        for stage in ("hacked", "undone", "kept", "reverted") for mode in ("pv", "pvh")
    ]


def _debian() -> List[Case]:
    """Debian's kernels, as shipped and decompressed."""
    cases = []
    for kernel in PACKAGED:
        for form in ("shipped", "elf"):
            for mode in ("pv", "pvh"):
                case = Case("{}-{}-{}".format(kernel, form, mode), kernel, mode, form, memory=768, seconds=240)
                # The kernel without PAE has no module for Xen.
                cases.append(_emulated(case._replace(modules=("ext4",), seconds=120) if kernel.endswith("-686") else case))
    return cases


def _emulated(case: Case) -> Case:
    """Work round what the emulator does wrong, where there is a way."""
    if "686" in case.kernel and case.mode == "pvh":
        return case._replace(extra="hap=0")  # with nested paging an i386 guest hangs at its first CPUID, also without GRUB
    if case.kernel == "debian-13-cloud":
        return case._replace(cmdline=CONSOLE + " mitigations=off")  # else it panics at cmpxchg16b
    return case


def _command_lines() -> List[Case]:
    cases = []
    for name, text in (
        ("none", ""), ("tty0", "console=tty0"), ("ttyS0", "console=ttyS0"), ("hvc0-tty0", "console=hvc0 console=tty0"),
        ("tty0-hvc0", "console=tty0 console=hvc0"), ("nopv", CONSOLE + " nopv"), ("xen_nopv", CONSOLE + " xen_nopv"),
        ("acpi-off", CONSOLE + " acpi=off"), ("no-vector-callback", CONSOLE + " xen_no_vector_callback"),
    ):
        for mode in ("pv", "pvh"):
            cases.append(Case("cmdline-{}-{}".format(name, mode), "debian-12", mode, cmdline=text, seconds=70))
    return cases


def _initramfs() -> List[Case]:
    return [
        Case("no-front-end-" + mode, "debian-12", mode, modules=("ext4",), seconds=70) for mode in ("pv", "pvh")
    ] + [
        Case("cut-" + mode, "debian-12", mode, "cut", seconds=60) for mode in ("pv", "pvh")
    ]


def _by_platform(release: str, cmdline: str) -> str:
    return menus.debian_menu([release], UUID, cmdline, "none") + """
if [ "$grub_platform" = xen_pvh ]; then
  set default=pvh-only
else
  set default=pv-only
fi
menuentry 'For PVH' --id pvh-only {{
  linux /boot/vmlinuz-{0} root=UUID={1} ro {2} from=pvh
  initrd /boot/initrd.img-{0}
}}
menuentry 'For PV' --id pv-only {{
  linux /boot/vmlinuz-{0} root=UUID={1} ro {2} from=pv
  initrd /boot/initrd.img-{0}
}}
""".format(release, UUID, cmdline)


def _in_submenu(release: str, cmdline: str) -> str:
    return """\
set default="more>second"
set timeout=0
menuentry 'broken' {{ linux /boot/none; }}
submenu 'more' --id more {{
  menuentry 'first' --id first {{ linux /boot/none; }}
  menuentry 'second' --id second {{
    linux /boot/vmlinuz-{0} root=UUID={1} ro {2}
    initrd /boot/initrd.img-{0}
  }}
}}
""".format(release, UUID, cmdline)


def _saved(release: str, cmdline: str) -> str:
    """The saved entry does not boot; where grubenv is not read, the first one does."""
    return """\
load_env
set default="${{saved_entry}}"
if [ "${{next_entry}}" ]; then set default="${{next_entry}}"; fi
set timeout=0
menuentry 'good' --id good {{
  linux /boot/vmlinuz-{0} root=UUID={1} ro {2}
  initrd /boot/initrd.img-{0}
}}
menuentry 'bad' --id bad {{ linux /boot/none; }}
menuentry 'other' --id other {{
  linux /boot/vmlinuz-{0} root=UUID={1} ro {2} entry=other
  initrd /boot/initrd.img-{0}
}}
""".format(release, UUID, cmdline)


def _only_blscfg(release: str, cmdline: str) -> str:
    return "set timeout=0\ninsmod blscfg\nblscfg\n"


def _menus() -> List[Case]:
    """Menus, on Debian's host, where grubenv is not read, and on one whose $prefix is a folder of the guest, where it is."""
    cases = []
    for mode in ("pv", "pvh"):
        plain = Case("", "small-gzip", mode, modules=(), seconds=60)
        saved, following = _environment("saved_entry=bad"), _environment("next_entry=bad")
        cases += [
            plain._replace(name="menu-platform-" + mode, menu=_by_platform),
            plain._replace(name="menu-submenu-" + mode, menu=_in_submenu),
            plain._replace(name="menu-saved-" + mode, menu=_saved, files=saved),
            plain._replace(name="menu-next-" + mode, menu=_saved, files=following),
            plain._replace(name="menu-saved-upstream-" + mode, menu=_saved, files=saved, host=_UPSTREAM),
            plain._replace(name="menu-next-upstream-" + mode, menu=_saved, files=following, host=_UPSTREAM),
            plain._replace(name="menu-next-good-upstream-" + mode, menu=_saved, files=_environment("next_entry=other"), host=_UPSTREAM),
            plain._replace(name="menu-blscfg-" + mode, menu=_only_blscfg, files=_SNIPPETS),
        ]
    return cases


_UPSTREAM = "upstream-2.06"


def _xzio() -> List[Case]:
    """Debian 12's kernel, whose payload is xz, under PV on hosts without xzio, with it, and with a menu that inserts it."""
    plain = Case("", "debian-12", "pv", host=_UPSTREAM, menu=_inserts_nothing, seconds=100)
    either = "the profile does not say whether xzio is built in, and both hosts are real"
    return [
        plain._replace(name="xzio-missing-pv", unknowable=either),
        plain._replace(name="xzio-built-in-pv", builtin=("xzio",), unknowable=either),
        plain._replace(name="xzio-inserted-pv", menu=_inserts_xzio, grub_modules=("xzio", "crypto")),
        plain._replace(name="xzio-inserted-in-vain-pv", menu=_inserts_xzio, unknowable=either),
        plain._replace(name="xzio-missing-pvh", mode="pvh"),
    ]


def _inserts_nothing(release: str, cmdline: str) -> str:
    return _inserts_xzio(release, cmdline).replace("  insmod xzio\n", "")


def _inserts_xzio(release: str, cmdline: str) -> str:
    return """\
set timeout=0
menuentry 'Debian' {{
  insmod xzio
  linux /boot/vmlinuz-{0} root=UUID={1} ro {2}
  initrd /boot/initrd.img-{0}
}}
""".format(release, UUID, cmdline)


_SNIPPETS = {
    "/boot/loader/entries/one.conf": "title One\nversion 1\nlinux /boot/vmlinuz\ninitrd /boot/initrd.img\noptions console=hvc0\n",
}


def _environment(line: str) -> Dict[str, str]:
    return {"/boot/grub/grubenv": ("# GRUB Environment Block\n" + line + "\n").ljust(1024, "#")}


def _hosts() -> List[Case]:
    """The GRUB of four Debian releases as the host's."""
    cases = []
    for host in ("debian-11", "debian-13", "debian-sid"):
        for payload, mode in (("xz", "pv"), ("xz", "pvh"), ("lz4", "pv"), ("lz4", "pvh"), ("lzo", "pv"), ("zstd", "pv"), ("zstd", "pvh")):
            cases.append(Case("{}-on-{}-{}".format(payload, host, mode), "small-" + payload, mode, host=host, modules=(), seconds=60))
    return cases


def _of_own_boot(release: str, cmdline: str) -> str:
    """As grub-mkconfig writes it where /boot is a file system of its own: that one is looked for, and paths begin at its root."""
    menu = menus.debian_menu([release], UUID, cmdline)
    return menu.replace("--set=root " + UUID, "--set=root " + BOOT_UUID).replace("/boot/", "/")


def _file_systems() -> List[Case]:
    """A /boot of its own, of file systems with features that not every GRUB reads."""
    plain = Case("", "small-gzip", "pvh", modules=(), seconds=60, menu=_of_own_boot)
    cases = []
    for name, boot in (
        ("ext4-csum-seed", ("ext4", "-O", "metadata_csum_seed,orphan_file")), ("ext4-inline", ("ext4", "-O", "inline_data")),
        ("ext4-casefold", ("ext4", "-O", "casefold")), ("ext4-bigalloc", ("ext4", "-O", "bigalloc")),
        ("ext4-encrypt", ("ext4", "-O", "encrypt")), ("ext4-verity", ("ext4", "-O", "verity")), ("ext4-mmp", ("ext4", "-O", "mmp")),
        ("ext4-quota", ("ext4", "-O", "quota,project")),
        ("ext4-large-dir", ("ext4", "-O", "large_dir")),
        ("ext2", ("ext2",)), ("xfs", ("xfs",)), ("xfs-v4", ("xfs", "-m", "crc=0")), ("xfs-nrext64", ("xfs", "-i", "nrext64=1")),
        ("xfs-no-bigtime", ("xfs", "-m", "bigtime=0,inobtcount=0")),
        ("btrfs", ("btrfs",)), ("xfs-of-debian-13", ("xfs-6.13",)),
    ):
        cases.append(plain._replace(name="boot-{}-pvh".format(name), boot=boot))
    newest = ("xfs-6.13", "-i", "exchange=1", "-n", "parent=1")  # as mkfs.xfs 7 does by itself
    for host in ("debian-12", "debian-13", "debian-sid"):
        cases.append(plain._replace(name="boot-xfs-parent-on-{}-pvh".format(host), host=host, boot=newest))
    # PV reads with the same drivers.
    cases.append(plain._replace(name="boot-ext4-inline-pv", mode="pv", boot=("ext4", "-O", "inline_data")))
    cases.append(plain._replace(name="boot-xfs-pv", mode="pv", boot=("xfs",)))
    return cases


def _small() -> List[Case]:
    """Small kernels in every compression, and without the options that matter."""
    cases = []
    for compression in ("gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"):
        for mode in ("pv", "pvh"):
            cases.append(Case("small-{}-{}".format(compression, mode), "small-" + compression, mode, modules=(), seconds=90))
    for variant in ("nopvh", "nopv", "noxen"):
        for mode in ("pv", "pvh"):
            cases.append(Case("small-{}-{}".format(variant, mode), "small-" + variant, mode, modules=(), seconds=60))
    return cases


SHORT = _short()
BATCHES = {
    "short": SHORT, "life": _life(), "debian": _debian(), "cmdline": _command_lines(), "initramfs": _initramfs(), "menu": _menus(),
    "xzio": _xzio(), "host": _hosts(), "filesystem": _file_systems(), "small": _small(),
}
