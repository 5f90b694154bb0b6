"""A small kernel package with the maintainer scripts of the guest's own: hooks are called as by a real kernel, in a few seconds."""

import os
import shutil

from support.chroots import Chroot
from support.trees import kernel

RELEASE = "9.9.9-test"
NAME = "linux-image-" + RELEASE
IMAGE = "/boot/vmlinuz-" + RELEASE
# It needs no initramfs, which would take most of the time.
ENVIRONMENT = {"INITRD": "No"}
_SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


def make(chroot: Chroot, release: str, payload: str = "zstd") -> str:
    """Build the package there, and return its path there. ``release`` is that of the kernel whose scripts it gets."""
    top = "/kernel-package"
    shutil.rmtree(chroot.path(top), ignore_errors=True)
    for name, content in kernel(RELEASE, payload=payload).items():
        if "initrd" not in name:
            path = chroot.path(top + name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as handle:
                handle.write(content if isinstance(content, bytes) else str(content).encode())
    for script in _SCRIPTS:
        with open(chroot.path("/var/lib/dpkg/info/linux-image-{}.{}".format(release, script)), encoding="utf-8") as handle:
            chroot.write("{}/DEBIAN/{}".format(top, script), handle.read().replace(release, RELEASE), 0o755)
    fields = "Package: {}\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@b.c>\nDescription: d\n"
    chroot.write(top + "/DEBIAN/control", fields.format(NAME))
    target = "/{}_1_amd64.deb".format(NAME)
    chroot.demand("dpkg-deb", "-Znone", "--build", top, target)
    shutil.rmtree(chroot.path(top))
    return target
