"""Makes the disks of a case, and keeps the tree that they were made of for the program to judge."""

import os
import shutil
import subprocess
from typing import Dict, List, Tuple

from boots import hosts, initramfs, kernels, laboratory, life
from boots.cases import BOOT_UUID, UUID, Case
from pvhready.demo import parts
from pvhready.demo.tree import write_tree
from support import debian, wanted
from support.vmlinux import vmlinux_of

_HERE = os.path.dirname(os.path.abspath(__file__))
_LEAST = {"xfs": 320, "btrfs": 160}  # MiB: smaller ones mkfs refuses
_PACKAGES = {"xfs": "xfsprogs", "btrfs": "btrfs-progs"}


def make_tree(case: Case, tree: str) -> None:
    """Write the guest's files below ``tree``."""
    if case.stage.startswith("debian-"):
        life.copy(case.stage[len("debian-"):], tree)
        return
    kernel = kernels.kernel(case.kernel)
    write_tree(tree, {
        **parts.programs(32 if "686" in case.kernel else 64),
        "/etc/os-release": parts.os_release("Debian GNU/Linux", "debian", "12"),
        "/etc/fstab": _fstab(case),
        "/etc/default/grub": parts.default_grub("", case.cmdline),
        "/boot/grub/grub.cfg": case.menu(kernel.release, case.cmdline).replace("set timeout=5", "set timeout=0"),
        **(life.HOOK if case.stage else {}),
        **case.files,
    })
    write_image(case, kernel, "{}/boot/vmlinuz-{}".format(tree, kernel.release))
    shutil.copy(kernel.config, tree + "/boot/config-" + kernel.release)
    shutil.copy(kernel.system_map, tree + "/boot/System.map-" + kernel.release)
    box = laboratory.busybox(kernel.bits)
    initramfs.write("{}/boot/initrd.img-{}".format(tree, kernel.release), _HERE + "/guest/init", box, kernel, case.modules)
    for name in case.grub_modules:
        _copy_grub_module(case.mode, name, tree)
    if case.stage == "undone":
        life.undo(tree, kernel.image)


def _copy_grub_module(mode: str, name: str, tree: str) -> None:
    source = hosts.modules(mode)
    target = "{}/boot/grub/{}".format(tree, os.path.basename(source))
    os.makedirs(target, exist_ok=True)
    shutil.copy("{}/{}.mod".format(source, name), target)


def write_image(case: Case, kernel: kernels.Kernel, target: str) -> None:
    """Write the kernel's image in the form that the case asks for."""
    source = vmlinux_of(kernel.image) if case.form == "elf" else kernel.image
    shutil.copy(source, target)
    if case.form == "cut":
        os.truncate(target, os.path.getsize(target) // 2)


def _fstab(case: Case) -> str:
    lines = parts.fstab(UUID)
    return lines + "UUID={} /boot {} defaults 0 2\n".format(BOOT_UUID, case.boot[0].split("-")[0]) if case.boot else lines


def make_disks(case: Case, tree: str, folder: str) -> Dict[str, str]:
    """Make the disks of the guest: device name to image file. A /boot of its own is the first disk, the root the last."""
    disks = {}
    root = os.path.join(folder, case.name + ".root")
    if case.boot:
        disks["xvda"] = _image(tree + "/boot", os.path.join(folder, case.name + ".boot"), case.boot, BOOT_UUID)
        bare = tree + ".bare"
        shutil.copytree(tree, bare, symlinks=True, ignore=lambda path, names: names if path == tree + "/boot" else [])
        disks["xvdb"] = _image(bare, root, ("ext4",), UUID)
        shutil.rmtree(bare)
    else:
        disks["xvda"] = _image(tree, root, ("ext4",), UUID)
    return disks


def _image(tree: str, target: str, kind: Tuple[str, ...], uuid: str) -> str:
    size = int(subprocess.check_output(["du", "-sm", tree]).split()[0]) + 24
    name, options = kind[0], list(kind[1:])
    family = name.split("-")[0]
    with open(target, "wb") as handle:
        handle.truncate(max(size + size // 8, _LEAST.get(family, 0)) << 20)
    program = _newest_mkfs_xfs() if name == "xfs-6.13" else [wanted.tool("mkfs." + name, _PACKAGES.get(name, "e2fsprogs"))]
    if family == "xfs":
        prototype = target + ".prototype"
        with open(prototype, "w") as handle:
            handle.write("/\n0 0\nd--755 0 0\n" + _prototype(tree, 1) + "$\n")
        command = ["-q", "-m", "uuid=" + uuid, *options, "-p", prototype, target]
    elif family == "btrfs":
        command = ["-q", "-U", uuid, *options, "--rootdir", tree, target]
    else:
        command = ["-q", "-U", uuid, *options, "-d", tree, target]
    subprocess.check_call(program + command)
    return target


def _newest_mkfs_xfs() -> List[str]:
    """Return what runs mkfs.xfs of Debian 13, which needs that release's libraries."""
    names = ["xfsprogs", "libc6", "libblkid1", "libuuid1", "libinih1", "liburcu8t64", "libedit2", "libbsd0", "libmd0", "libtinfo6"]
    folders = [debian.unpacked(name, "trixie") for name in names]
    libraries = ":".join(folder + "/usr/lib/x86_64-linux-gnu" for folder in folders)
    return [folders[1] + "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "--library-path", libraries, folders[0] + "/usr/sbin/mkfs.xfs"]


def _prototype(folder: str, depth: int) -> str:
    """Describe a folder as mkfs.xfs wants it."""
    text = ""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            text += "{}{} d--755 0 0\n{}{}$\n".format(" " * depth, name, _prototype(path, depth + 1), " " * depth)
        else:
            text += "{}{} ---644 0 0 {}\n".format(" " * depth, name, path)
    return text
