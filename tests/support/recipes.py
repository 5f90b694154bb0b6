"""Guests that are ready, kept in parts, so that one part can be corrupted: menu, kernel, configuration, initramfs, first program."""

from typing import Callable, Dict, List, Mapping, NamedTuple, Tuple, Union

from pvhready.demo import guests, menus, parts
from pvhready.demo.compress import compress
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.initramfs import Member, contents, cpio
from pvhready.demo.tree import File, Link, Tree
from support import trees

Archive = Mapping[str, Union[bytes, Member]]
MODULES = ("drivers/block/xen-blkfront", "drivers/net/xen-netfront", "fs/ext4/ext4", "fs/jbd2/jbd2", "fs/mbcache", "lib/crc16")


class Recipe(NamedTuple):
    """A guest that is ready on ``host``. ``kernels`` and ``configs`` are all paths of the same content, ``menu`` is what names the entry.

    ``archive`` is what ``initrd`` is packed from, with ``compression``, and ``microcode`` is what stands before it. ``needed`` are the
    members without which nothing comes up. ``checked``: a package database has the kernel's checksum.
    """

    tree: Tree
    host: str
    release: str
    menu: str
    kernels: Tuple[str, ...]
    configs: Tuple[str, ...]
    initrd: str
    archive: Archive
    compression: str
    needed: Tuple[str, ...]
    image: bytes
    uuid: str = trees.UUID
    loader: str = "/lib64/ld-linux-x86-64.so.2"
    init: str = "/usr/lib/systemd/systemd"
    checked: bool = False

    def packed(self, archive: Archive) -> bytes:
        """Return an initramfs of other members."""
        return compress(self.compression, cpio(archive))


def _needed(archive: Archive, modules: Tuple[str, ...]) -> Tuple[str, ...]:
    names = [name for name in archive if name.rpartition("/")[2].partition(".")[0] in modules]
    return tuple(names) + ("init", "usr/bin/sh", "usr/lib64/ld-linux-x86-64.so.2", "bin", "lib64") + tuple(
        name for name in archive if name.endswith("/modules.dep"))


def _image(release: str, payload: str, symbols: Mapping[str, str]) -> bytes:
    xen, pv, pvh = (symbols.get(name) == "y" for name in ("XEN", "XEN_PV", "PVH"))
    return bzimage(release, payload, kernel=elf_kernel(release, xen=xen, pv=pv, pvh=pvh, size=30000))


def _debian(payload: str, compression: str, merged: bool, built_in: bool, suffix: str = "") -> Recipe:
    release = trees.RELEASE
    symbols = dict(trees.debian_symbols(JBD2="m", FS_MBCACHE="m", CRC16="m"))
    modules: Tuple[str, ...] = MODULES
    if built_in:
        symbols.update(XEN_BLKDEV_FRONTEND="y")
        modules = MODULES[1:]
    archive = contents(release, modules, suffix)
    tree = trees.base((release,))
    image = _image(release, payload, symbols)
    tree.update({
        "/boot/vmlinuz-" + release: image, "/boot/config-" + release: parts.configuration(release, symbols),
        "/boot/initrd.img-" + release: compress(compression, cpio(archive)), "/boot/System.map-" + release: trees.NO_MAP,
    })
    tree.update(parts.dpkg_package("linux-image-" + release, {"/boot/vmlinuz-" + release: image}, ("/boot",)))
    loader = "/lib64/ld-linux-x86-64.so.2"
    if merged:
        for path in ("/sbin/init", "/bin/sh", loader):
            tree["/usr" + path] = tree.pop(path)
        tree["/usr/sbin/init"] = Link("../lib/systemd/systemd")
        tree.update({"/sbin": Link("usr/sbin"), "/bin": Link("usr/bin"), "/lib64": Link("usr/lib64")})
        loader = "/usr" + loader
    vital = tuple(name for name in ("xen-blkfront", "ext4", "jbd2", "mbcache", "crc16") if not (built_in and name == "xen-blkfront"))
    return Recipe(
        tree, "bitfolk", release, trees.GRUB_CFG, ("/boot/vmlinuz-" + release,), ("/boot/config-" + release,),
        "/boot/initrd.img-" + release,
        archive, compression, _needed(archive, vital), image, loader=loader, checked=True)


def _fedora(bls: bool) -> Recipe:
    release = "6.7.10-200.fc39.x86_64"
    cmdline = "rhgb quiet console=hvc0"
    symbols = parts.symbols(XEN_BLKDEV_FRONTEND="m", XEN_NETDEV_FRONTEND="m", EXT4_FS="y", KERNEL_ZSTD="y")
    archive = contents(release, MODULES[:2], ".xz")
    image = _image(release, "zstd", symbols)
    config = parts.configuration(release, symbols)
    menu = "/boot/grub2/grub.cfg"
    tree: Tree = dict(parts.programs(), **{
        "/etc/os-release": parts.os_release("Fedora Linux", "fedora", "39"),
        "/etc/fstab": parts.fstab(trees.UUID),
        "/etc/default/grub": parts.default_grub("", cmdline, "saved", "GRUB_ENABLE_BLSCFG={}\n".format("true" if bls else "false")),
        "/boot/grub2/grubenv": parts.grub_environment([("saved_entry", "x"),
            ("kernelopts", "root=UUID={} ro {}".format(trees.UUID, cmdline))]),
        "/lib/modules/{}/vmlinuz".format(release): File(image, 0o755),
        "/lib/modules/{}/config".format(release): config,
        "/boot/vmlinuz-" + release: File(image, 0o755),
        "/boot/config-" + release: config,
        "/boot/initramfs-{}.img".format(release): compress("xz", cpio(archive)),
    })
    if bls:
        tree[menu] = menus.bls_menu(trees.UUID, cmdline, "ext2")
        menu = "/boot/loader/entries/0123456789abcdef0123456789abcdef-{}.conf".format(release)
        tree[menu] = menus.bls_entry("Fedora Linux", "39", release).replace(" $tuned_initrd", "").replace(
            "$kernelopts $tuned_params", "root=UUID={} ro {}".format(trees.UUID, cmdline))
    else:
        tree[menu] = menus.fedora_menu([release], "39 (Server Edition)", trees.UUID, cmdline)
    return Recipe(
        tree, "fedora-41" if bls else "bitfolk", release, menu, ("/boot/vmlinuz-" + release,),
        ("/boot/config-" + release, "/lib/modules/{}/config".format(release)), "/boot/initramfs-{}.img".format(release), archive, "xz",
        _needed(archive, ("xen-blkfront",)), image)


def _demo(name: str, release: str, uuid: str) -> Recipe:
    """An example as the program makes it: the default entry's kernel is ``release``."""
    tree = guests.tree(name)
    redhat = "fedora" in name
    initrd = "/boot/initramfs-{}.img" if redhat else "/boot/initrd.img-{}"
    suffix, modules = (".xz", MODULES[:1]) if redhat else ("", guests.MODULES)
    archive = contents(release, modules, suffix)
    configs = ["/boot/config-" + release] + (["/lib/modules/{}/config".format(release)] if redhat else [])
    image = tree["/boot/vmlinuz-" + release]
    content = image.content if isinstance(image, File) else image
    assert isinstance(content, bytes)
    vital = ("xen-blkfront",) if redhat else ("xen-blkfront", "ext4", "jbd2", "crc16")
    return Recipe(
        tree, "bitfolk", release, "/boot/grub2/grub.cfg" if redhat else trees.GRUB_CFG, ("/boot/vmlinuz-" + release,), tuple(configs),
        initrd.format(release), archive, "zstd", _needed(archive, vital), content, uuid, checked=not redhat)


RECIPES: Dict[str, Callable[[], Recipe]] = {
    "Debian, xz": lambda: _debian("xz", "gzip", False, False),
    "Debian with one /usr, lz4": lambda: _debian("lz4", "xz", True, False, ".xz"),
    "Debian, gzip, front end built in": lambda: _debian("gzip", "zstd", True, True),
    "Debian, initramfs not packed": lambda: _debian("xz", "none", False, False, ".gz"),
    "Fedora with its entries in grub.cfg": lambda: _fedora(False),
    "Fedora with BLS entries": lambda: _fedora(True),
    "the example debian-12": lambda: _demo("debian-12", "6.1.0-50-amd64", guests.UUID),
    "the example fedora-zstd": lambda: _demo("fedora-zstd", "6.7.10-200.fc39.x86_64", guests.UUID),
}


def names() -> List[str]:
    """Return the recipes' names."""
    return sorted(RECIPES)
