"""Guests for tests: a sound one, of which each test changes one thing."""

import os
import struct
from typing import Iterable, Mapping, Optional, Sequence, Union

from pvhready.demo import menus, parts
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.initramfs import initramfs
from pvhready.demo.tree import Node, Tree, write_tree

RELEASE = "6.1.0-50-amd64"
UUID = "0f9ef5d5-3c3b-4a5c-9d6a-6a8d3c1b2e70"
MODULES = ("drivers/block/xen-blkfront", "drivers/net/xen-netfront", "fs/ext4/ext4", "fs/jbd2/jbd2")
NO_MAP = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n"
GRUB_CFG = "/boot/grub/grub.cfg"

# None takes a path away, or everything below it.
Changes = Mapping[str, Optional[Node]]


def debian_symbols(**changed: str) -> Mapping[str, str]:
    """Return the symbols of Debian's kernel: disk, network and ext4 are modules."""
    values = parts.symbols(XEN_BLKDEV_FRONTEND="m", XEN_NETDEV_FRONTEND="m", EXT4_FS="m")
    values.update(changed)
    return values


def kernel(
    release: str = RELEASE, payload: Union[str, bytes] = "xz", bits: int = 64, symbols: Optional[Mapping[str, str]] = None,
    image: Optional[Union[bytes, str]] = None, system_map: Optional[str] = NO_MAP, modules: Iterable[str] = MODULES,
    compression: str = "zstd",
) -> Tree:
    """Return an installed kernel of Debian's shape: image, configuration, System.map and initramfs.

    ``image`` overrules what is made from ``payload`` and ``symbols``; "elf" there stands for the decompressed kernel.
    ``payload`` and ``compression`` (of the initramfs) name compressions. System.map is left out when None.
    """
    values = debian_symbols() if symbols is None else symbols
    xen, pv, pvh = (values.get(name) == "y" for name in ("XEN", "XEN_PV", "PVH"))
    pvh = pvh or values.get("XEN_PVH") == "y"  # which selects PVH; before 5.0 there is no symbol of that name
    vmlinux = elf_kernel(release, bits, xen, pv, pvh)
    if image is None:
        image = bzimage(release, payload, bits, vmlinux)
    elif image == "elf":
        image = vmlinux
    tree: Tree = {
        "/boot/vmlinuz-" + release: image,
        "/boot/config-" + release: parts.configuration(release, values),
        "/boot/initrd.img-" + release: initramfs(release, modules, compression),
    }
    if system_map is not None:
        tree["/boot/System.map-" + release] = system_map
    return tree


def base(releases: Sequence[str] = (RELEASE,), cmdline: str = "console=hvc0", default: str = "0", bits: int = 64) -> Tree:
    """Return all of a Debian 12 guest but its kernels. The menu has an entry for each of ``releases``, newest first."""
    return dict(parts.programs(bits), **{
        "/etc/os-release": parts.os_release("Debian GNU/Linux", "debian", "12"),
        "/etc/debian_version": "12.12\n",
        "/etc/fstab": parts.fstab(UUID),
        "/etc/default/grub": parts.default_grub("", cmdline, default),
        GRUB_CFG: menus.debian_menu(releases, UUID, cmdline, default),
        "/var/lib/dpkg/status": parts.dpkg_status({"linux-image-" + release: "6.1.1-1" for release in releases}),
    })


def changed(tree: Tree, changes: Optional[Changes]) -> Tree:
    """Return ``tree`` with ``changes`` made to it. Raises KeyError when a path to take away is not there."""
    result = dict(tree)
    for path, node in (changes or {}).items():
        if node is not None:
            result[path] = node
            continue
        gone = [name for name in result if name == path or name.startswith(path.rstrip("/") + "/")]
        if not gone:
            raise KeyError(path)
        for name in gone:
            del result[name]
    return result


class GuestMaker:
    """Writes guests below one folder.

    ``guest()`` is a Debian 12 guest that is ready; ``guest(payload="lz4")`` has an lz4 kernel (arguments as for
    ``kernel``); ``guest(cmdline="")`` has a menu without console=; ``guest(changes={"/etc/fstab": None})`` lacks a
    file. ``guest.write(tree)`` writes any other tree.
    """

    def __init__(self, folder: str) -> None:
        """Take the folder in which each guest gets a folder of its own."""
        self._folder = folder
        self._count = 0

    def __call__(
        self, changes: Optional[Changes] = None, cmdline: str = "console=hvc0", default: str = "0", release: str = RELEASE,
        older: Sequence[str] = (), **options: object
    ) -> str:
        """Return the directory of a new guest; ``older`` are releases of further kernels, newest first."""
        releases = (release,) + tuple(older)
        tree = base(releases, cmdline, default, int(str(options.get("bits", 64))))
        for name in releases:
            tree.update(kernel(name, **options))  # type: ignore[arg-type]
        return self.write(changed(tree, changes))

    def write(self, tree: Tree) -> str:
        """Write ``tree`` into a new folder and return it."""
        self._count += 1
        directory = os.path.join(self._folder, "guest{}".format(self._count))
        os.mkdir(directory)
        write_tree(directory, tree)
        return directory


def grub_module() -> bytes:
    """Return what passes for a module of GRUB for x86_64: an ELF header, two section headers."""
    fields = (1, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, 2, 1)  # ET_REL, EM_X86_64, and the table of sections behind the header
    return b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", *fields) + bytes(128)
