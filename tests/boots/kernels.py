"""The kernels under test: those of Debian's packages, and small ones built from Debian's source (``build.py``)."""

import glob
import os
import subprocess
from typing import NamedTuple, Sequence

from support import debian

_META = {
    "debian-11": ("linux-image-amd64", "bullseye"),
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


def kernel(name: str) -> Kernel:
    """Return a kernel by its name: a key of the table above, or small-... . Fetches or builds it at the first time."""
    if name.startswith("small-"):
        from boots import build

        return build.small_kernel(name)
    meta, suite = _META[name]
    package, _, architecture = meta.partition(":")
    suffix = ":" + architecture if architecture else ""
    image = next(found for found in debian.Apt().depends(meta, suite) if found.startswith("linux-image-"))
    folder = debian.unpacked(image.split(":")[0] + suffix, suite)
    files = [glob.glob("{}/boot/{}-*".format(folder, kind))[0] for kind in ("vmlinuz", "config", "System.map")]
    release = os.path.basename(files[0])[len("vmlinuz-"):]
    return Kernel(release, files[0], files[1], files[2], folder, 32 if architecture else 64)


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
