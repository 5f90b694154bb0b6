"""Makes the disks of a case, and keeps the tree that they were made of for the program to judge."""

import os
import shutil
import subprocess
from typing import Dict, Tuple

from boots import initramfs, kernels, laboratory
from boots.cases import BOOT_UUID, UUID, Case
from pvhready.demo import parts
from pvhready.demo.tree import write_tree
from support import wanted
from support.vmlinux import vmlinux_of

_HERE = os.path.dirname(os.path.abspath(__file__))
_LEAST = {"xfs": 320, "btrfs": 160}  # MiB: smaller ones mkfs refuses


def make_tree(case: Case, tree: str) -> None:
    """Write the guest's files below ``tree``."""
    kernel = kernels.kernel(case.kernel)
    write_tree(tree, {
        "/etc/os-release": parts.os_release("Debian GNU/Linux", "debian", "12"),
        "/etc/fstab": _fstab(case),
        "/etc/default/grub": parts.default_grub("", case.cmdline),
        "/boot/grub/grub.cfg": case.menu(kernel.release, case.cmdline).replace("set timeout=5", "set timeout=0"),
        **case.files,
    })
    write_image(case, kernel, "{}/boot/vmlinuz-{}".format(tree, kernel.release))
    shutil.copy(kernel.config, tree + "/boot/config-" + kernel.release)
    shutil.copy(kernel.system_map, tree + "/boot/System.map-" + kernel.release)
    initramfs.write("{}/boot/initrd.img-{}".format(tree, kernel.release), _HERE + "/guest/init", laboratory.busybox(), kernel, case.modules)


def write_image(case: Case, kernel: kernels.Kernel, target: str) -> None:
    """Write the kernel's image in the form that the case asks for."""
    source = vmlinux_of(kernel.image) if case.form == "elf" else kernel.image
    shutil.copy(source, target)
    if case.form == "cut":
        os.truncate(target, os.path.getsize(target) // 2)


def _fstab(case: Case) -> str:
    lines = parts.fstab(UUID)
    return lines + "UUID={} /boot {} defaults 0 2\n".format(BOOT_UUID, case.boot[0]) if case.boot else lines


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
    with open(target, "wb") as handle:
        handle.truncate(max(size, _LEAST.get(kind[0], 0)) << 20)
    name, options = "mkfs." + kind[0], list(kind[1:])
    wanted.tool(name, {"xfs": "xfsprogs", "btrfs": "btrfs-progs"}.get(kind[0], "e2fsprogs"))
    if kind[0] == "xfs":
        prototype = target + ".prototype"
        with open(prototype, "w") as handle:
            handle.write("/\n0 0\nd--755 0 0\n" + _prototype(tree, 1) + "$\n")
        command = [name, "-q", "-m", "uuid=" + uuid, *options, "-p", prototype, target]
    elif kind[0] == "btrfs":
        command = [name, "-q", "-U", uuid, *options, "--rootdir", tree, target]
    else:
        command = [name, "-q", "-U", uuid, *options, "-d", tree, target]
    subprocess.check_call(command)
    return target


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
