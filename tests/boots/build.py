"""Builds small kernels from Debian's linux-source: one for each compression, and some without what matters."""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess
from typing import Dict, Iterator, List

from boots.kernels import Kernel
from support import debian, wanted

_SOURCE = "linux-source-6.1"
_HERE = os.path.dirname(os.path.abspath(__file__))
_COMPRESSIONS = ("gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd")
_VARIANTS: Dict[str, List[str]] = {
    "nopvh": ["CONFIG_XEN_PVH=n", "CONFIG_PVH=n"], "nopv": ["CONFIG_XEN_PV=n"], "noxen": ["CONFIG_XEN=n", "CONFIG_PVH=n"],
}
_TOOLS = ("gcc", "make", "flex", "bison", "bc", "lzop", "lz4", "zstd")  # each in the package of its name


def small_kernel(name: str) -> Kernel:
    """Return the kernel small-COMPRESSION or small-VARIANT, built at the first time. Skips the test where a tool is missing."""
    folder = debian.cache("boots", "kernels", name, "")
    files = {kind: os.path.join(folder, kind) for kind in ("vmlinuz-small", "config", "System.map", "release")}
    with _one_at_a_time():
        if not os.path.exists(files["release"]):
            for tool in _TOOLS:
                wanted.tool(tool, tool)
            _build(name[len("small-"):], files)
    with open(files["release"], encoding="utf-8") as handle:
        release = handle.read().strip()
    return Kernel(release, files["vmlinuz-small"], files["config"], files["System.map"], "")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """There is one tree of sources. A lock of its own: a build takes minutes, in which others may fetch packages."""
    with open(debian.cache("boots", "build.lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(variant: str, files: Dict[str, str]) -> None:
    tree = _source()
    _configure(tree, variant)
    _make(tree, "-j{}".format(os.cpu_count() or 1), "bzImage")
    shutil.copy(tree + "/arch/x86/boot/bzImage", files["vmlinuz-small"])
    shutil.copy(tree + "/.config", files["config"])
    shutil.copy(tree + "/System.map", files["System.map"])
    shutil.copy(tree + "/include/config/kernel.release", files["release"])  # last: it says that all is there


def _source() -> str:
    top = debian.cache("boots", "source", "")
    found = glob.glob(top + "linux-source-*/Makefile")
    if not found:
        archive = glob.glob(debian.unpacked(_SOURCE, "bookworm") + "/usr/src/linux-source-*.tar.xz")[0]
        subprocess.check_call(["tar", "-xf", archive, "-C", top])
        found = glob.glob(top + "linux-source-*/Makefile")
    return os.path.dirname(found[0])


def _configure(tree: str, variant: str) -> None:
    """Write .config: the smallest kernel, with what a Xen guest and the variant need."""
    with open(os.path.join(_HERE, "small.config"), encoding="utf-8") as handle:
        lines = handle.read().splitlines()
    compression = variant if variant in _COMPRESSIONS else "gzip"
    lines.append("CONFIG_KERNEL_{}=y".format(compression.upper()))
    lines += _VARIANTS.get(variant, [])
    _make(tree, "tinyconfig")
    fragment = tree + "/small.config"
    with open(fragment, "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")
    # The first choice of a compression would win otherwise: tinyconfig makes one.
    subprocess.check_call(["sed", "-i", "/CONFIG_KERNEL_[A-Z0-9]*[= ]/d", tree + "/.config"])
    subprocess.check_call(["scripts/kconfig/merge_config.sh", "-m", ".config", fragment], cwd=tree, stdout=subprocess.DEVNULL)
    _make(tree, "olddefconfig")


def _make(tree: str, *arguments: str) -> None:
    # The same kernel each time: what was seen of it is known by its bytes.
    environment = dict(os.environ, LC_ALL="C", KBUILD_BUILD_USER="tests", KBUILD_BUILD_HOST="tests", KBUILD_BUILD_TIMESTAMP="2026-01-01",
                       KBUILD_BUILD_VERSION="1")
    result = subprocess.run(["make", "-s"] + list(arguments), cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout.decode("utf-8", "replace")[-2000:]
