"""The kernels under test: those of Debian's packages, and small ones built from Debian's source (``build.py``)."""

import functools
import glob
import os
import subprocess
from typing import NamedTuple, Sequence

from support import debian

PACKAGED = {
    "debian-11": ("linux-image-amd64", "bullseye"),
    "debian-11-cloud": ("linux-image-cloud-amd64", "bullseye"),
    "debian-11-686-pae": ("linux-image-686-pae:i386", "bullseye"),
    "debian-11-686": ("linux-image-686:i386", "bullseye"),
    "debian-12": ("linux-image-amd64", "bookworm"),
    "debian-12-cloud": ("linux-image-cloud-amd64", "bookworm"),
    "debian-12-686-pae": ("linux-image-686-pae:i386", "bookworm"),
    "debian-12-686": ("linux-image-686:i386", "bookworm"),
    "debian-13": ("linux-image-amd64", "trixie"),
    "debian-13-cloud": ("linux-image-cloud-amd64", "trixie"),
}


class Kernel(NamedTuple):
    """A kernel's files on this machine. ``modules`` is the folder that holds lib/modules/RELEASE, "" for one without modules."""

    release: str
    image: str
    config: str
    system_map: str
    modules: str
    bits: int = 64


@functools.lru_cache(maxsize=None)
def kernel(name: str) -> Kernel:
    """Return a kernel by its name: a key of the table above, or small-... . Fetches or builds it at the first time."""
    if name.startswith("small-"):
        from boots import build

        return build.small_kernel(name)
    meta, suite = PACKAGED[name]
    package, _, architecture = meta.partition(":")
    suffix = ":" + architecture if architecture else ""
    folder = debian.unpacked(_image_package(name, meta, suite) + suffix, suite)
    if not os.path.exists(folder + "/lib"):
        os.symlink("usr/lib", folder + "/lib")  # where Debian 13 and newer have their modules
    files = [glob.glob("{}/boot/{}-*".format(folder, kind))[0] for kind in ("vmlinuz", "config", "System.map")]
    release = os.path.basename(files[0])[len("vmlinuz-"):]
    return Kernel(release, files[0], files[1], files[2], folder, 32 if architecture else 64)


def _image_package(name: str, meta: str, suite: str) -> str:
    """Return the package that a meta package leads to. Remembered in the cache: apt needs seconds to tell."""
    known = debian.cache("boots", "packages", name)
    if not os.path.exists(known):
        with debian.alone():
            image = next(found for found in debian.Apt().depends(meta, suite) if found.startswith("linux-image-"))
        with open(known + ".partial", "w", encoding="utf-8") as handle:
            handle.write(image.split(":")[0])
        os.rename(known + ".partial", known)
    with open(known, encoding="utf-8") as handle:
        return handle.read()


def module_files(kernel: Kernel, names: Sequence[str]) -> Sequence[str]:
    """Return the files of modules and of what they need, in the order in which they have to be loaded."""
    if not kernel.modules:
        return []
    index = "{}/lib/modules/{}/modules.dep".format(kernel.modules, kernel.release)
    if not os.path.exists(index):
        subprocess.check_call(["depmod", "-b", kernel.modules, kernel.release])
    files = []
    for name in names:
        command = ["modprobe", "-d", kernel.modules, "-S", kernel.release, "--show-depends", name]
        for line in subprocess.check_output(command, universal_newlines=True).splitlines():
            words = line.split()
            if words[0] == "insmod" and words[1] not in files:
                files.append(words[1])
    return files
