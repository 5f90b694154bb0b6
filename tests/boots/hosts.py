"""The host's GRUB of each profile: Debian's own images, and images made here of Debian's modules for the profile upstream-2.06."""

import os
import subprocess
from typing import Dict, Sequence, Tuple

from support import debian, wanted

# The release whose grub-xen-host a profile stands for.
DEBIAN = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie", "debian-sid": "sid"}
_NAMES = {"pv": "grub-x86_64-xen.bin", "pvh": "grub-i386-xen_pvh.bin"}
_PLATFORMS = {"pv": "x86_64-xen", "pvh": "i386-xen_pvh"}
_UPSTREAM = "bookworm"  # whose modules are of 2.06
# What a menu needs; xzio is not among them.
_MODULES = (
    "configfile", "echo", "ext2", "gzio", "halt", "linux", "loadenv", "ls", "minicmd", "normal", "part_gpt", "part_msdos", "probe",
    "regexp", "search", "search_fs_file", "search_fs_uuid", "search_label", "sleep", "test", "true",
)
# $prefix is a folder of the guest, as where GRUB was not put into an image with a memdisk.
_START = """\
search --set=root --file /boot/grub/grub.cfg
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""


def loader(host: str, mode: str, builtin: Sequence[str] = ()) -> str:
    """Return the image of a host's GRUB for a mode, pv or pvh; ``builtin`` are modules that are put into one made here."""
    if host in DEBIAN:
        return os.path.join(debian.unpacked("grub-xen-host", DEBIAN[host]), "usr/lib/grub-xen", _NAMES[mode])
    assert host == "upstream-2.06", host
    return _made(mode, tuple(builtin))


def modules(mode: str) -> str:
    """Return the folder with GRUB's modules of which the images are made."""
    return os.path.join(debian.unpacked("grub-xen-bin", _UPSTREAM), "usr/lib/grub", _PLATFORMS[mode])


def _made(mode: str, builtin: Tuple[str, ...]) -> str:
    wanted.tool("grub-mkimage", "grub-common")
    image = debian.cache("boots", "grub", "-".join((_PLATFORMS[mode],) + builtin))
    start = image + ".cfg"
    if not os.path.exists(image):
        with open(start, "w", encoding="utf-8") as handle:
            handle.write(_START)
        command = ["grub-mkimage", "-O", _PLATFORMS[mode], "-d", modules(mode), "-p", "(xen/xvda)/boot/grub", "-c", start]
        subprocess.check_call(command + ["-o", image + ".partial"] + list(_MODULES) + list(builtin))
        os.rename(image + ".partial", image)
    return image


def version(host: str) -> str:
    """Return the version of the Debian package that the host's GRUB is from."""
    package = "grub-xen-host" if host in DEBIAN else "grub-xen-bin"
    top = debian.unpacked(package, DEBIAN.get(host, _UPSTREAM))
    with open(os.path.join(top, "DEBIAN/control"), encoding="utf-8") as handle:
        return next(line.split()[1] for line in handle if line.startswith("Version:"))


def versions() -> Dict[str, str]:
    """Return the version of each host's GRUB."""
    return {host: version(host) for host in list(DEBIAN) + ["upstream-2.06"]}
