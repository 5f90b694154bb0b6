"""The examples that ``pvhready demo`` shows, each a guest as it is met in the field."""

from typing import Callable, Dict, Mapping, NamedTuple, Sequence, Tuple

from pvhready.demo import menus, parts
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.initramfs import initramfs
from pvhready.demo.tree import File, Folder, Link, Tree, write_tree

UUID = "3f1c0a52-9a1e-4b8e-8a59-0d6f2d6a7c11"
_NO_MAP = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n"
_UBUNTU_LIKE = "debian"

# Debian and Fedora build the disk's front end as a module; Ubuntu and Alpine build it in.
_DEBIAN = parts.symbols(XEN_BLKDEV_FRONTEND="m", XEN_NETDEV_FRONTEND="m", EXT4_FS="m", KERNEL_XZ="y")
_UBUNTU = parts.symbols(XEN_BLKDEV_FRONTEND="y", XEN_NETDEV_FRONTEND="y", EXT4_FS="y")
_FEDORA = parts.symbols(XEN_BLKDEV_FRONTEND="m", XEN_NETDEV_FRONTEND="m", EXT4_FS="y", KERNEL_ZSTD="y")
_EL8 = parts.symbols(XEN_PV="n", XEN_PVH="n", XEN_BLKDEV_FRONTEND="m", XEN_NETDEV_FRONTEND="m", XFS_FS="m", KERNEL_GZIP="y")
_ALPINE = parts.symbols(XEN_BLKDEV_FRONTEND="y", XEN_NETDEV_FRONTEND="y", EXT4_FS="m", KERNEL_GZIP="y")

MODULES = ("drivers/block/xen-blkfront", "drivers/net/xen-netfront", "fs/ext4/ext4", "fs/jbd2/jbd2", "lib/crc16")
_HOOK = "/etc/kernel/postinst.d/bitfolk-decompress-lz4-kernels"
_HELPER = "/usr/local/sbin/extract-vmlinux"

_HOOK_TEXT = """\
#!/bin/sh
# Stores a new kernel unpacked when it is packed with lz4, which the boot loader of a PV guest cannot read.
set -eu

kernel=$2
extract=/usr/local/sbin/extract-vmlinux

for tool in lz4 readelf "$extract"; do
    if ! command -v "$tool" >/dev/null; then
        echo "$0: $tool is missing" >&2
        exit 1
    fi
done

if grep -q -a "$(printf '\\002!L\\030')" "$kernel"; then
    unpacked=$(mktemp /var/tmp/decompress-lz4-XXXX)
    "$extract" "$kernel" >"$unpacked"
    readelf -h "$unpacked" >/dev/null
    mv "$unpacked" "$kernel"
fi
"""

_HELPER_TEXT = """\
#!/bin/sh
# Writes the kernel that is packed with lz4 inside the file $1.
set -eu
offset=$(grep -a -b -o "$(printf '\\002!L\\030')" "$1" | head -n 1 | cut -d : -f 1)
tail -c "+$((offset + 1))" "$1" | lz4 -d -c 2>/dev/null || true
"""


class Build(NamedTuple):
    """An installed kernel: its release, the compression of its image, its symbols and what stands in System.map."""

    release: str
    payload: str
    symbols: Mapping[str, str]
    map: str
    unpacked: bool = False


def _image(build: Build) -> Tuple[bytes, bytes]:
    """Return the image as the package ships it, and as it stands in /boot."""
    has = {name for name, value in build.symbols.items() if value == "y"}
    vmlinux = elf_kernel(build.release, xen="XEN" in has, pv="XEN_PV" in has, pvh=bool(has & {"PVH", "XEN_PVH"}))
    shipped = bzimage(build.release, build.payload, kernel=vmlinux)
    return shipped, (vmlinux if build.unpacked else shipped)


def _debian_kernels(builds: Sequence[Build], version: str, compression: str) -> Tree:
    """Return the kernels of ``builds`` as Debian's and Ubuntu's packages install them, with what dpkg remembers."""
    tree: Tree = {}
    packages: Dict[str, str] = {}
    for build in builds:
        release = build.release
        shipped, image = _image(build)
        config = parts.configuration(release, build.symbols)
        loadable = [module for module in MODULES if _is_module(module, build.symbols)]
        tree["/boot/vmlinuz-" + release] = File(image, 0o600 if build.unpacked else 0o644)
        tree["/boot/config-" + release] = config
        tree["/boot/System.map-" + release] = File(build.map, 0o600)
        tree["/boot/initrd.img-" + release] = initramfs(release, loadable, compression, microcode=True)
        name = "linux-image-" + release
        packages[name] = version
        tree.update(parts.dpkg_package(name, {"/boot/vmlinuz-" + release: shipped}, ("/boot",)))
    tree["/var/lib/dpkg/status"] = parts.dpkg_status(packages)
    tree["/boot/vmlinuz"] = Link("vmlinuz-" + builds[0].release)
    tree["/boot/initrd.img"] = Link("initrd.img-" + builds[0].release)
    return tree


def _is_module(module: str, symbols: Mapping[str, str]) -> bool:
    symbol = {"xen-blkfront": "XEN_BLKDEV_FRONTEND", "xen-netfront": "XEN_NETDEV_FRONTEND", "ext4": "EXT4_FS"}
    return symbols.get(symbol.get(module.rsplit("/", 1)[-1], ""), "m") == "m"


def _debian_12(cmdline: str = "console=hvc0") -> Tree:
    builds = [
        Build("6.1.0-50-amd64", "xz", _DEBIAN, _NO_MAP),
        Build("6.1.0-49-amd64", "xz", _DEBIAN, _NO_MAP),
    ]
    tree = _debian_kernels(builds, "6.1.1-1", "zstd")
    tree.update({
        "/etc/os-release": parts.os_release("Debian GNU/Linux", "debian", "12"),
        "/etc/debian_version": "12.12\n",
        "/etc/fstab": parts.fstab(UUID),
        "/etc/default/grub": parts.default_grub("quiet", cmdline),
        "/boot/grub/grub.cfg": File(
            menus.debian_menu([build.release for build in builds], UUID, " ".join((cmdline + " quiet").split())), 0o600),
    })
    return tree


def _debian_12_silent() -> Tree:
    return _debian_12("")


def _debian_12_damaged() -> Tree:
    tree = _debian_12()
    whole = tree["/boot/initrd.img-6.1.0-50-amd64"]
    assert isinstance(whole, bytes)
    tree["/boot/initrd.img-6.1.0-50-amd64"] = whole[:len(whole) // 2]
    return tree


def _ubuntu(version: str, builds: Sequence[Build], compression: str, cmdline: str, always: str = "") -> Tree:
    tree = _debian_kernels(builds, "1.1", compression)
    tree.update({
        "/etc/os-release": parts.os_release("Ubuntu", "ubuntu", version, _UBUNTU_LIKE),
        "/etc/fstab": parts.fstab(UUID),
        "/etc/default/grub": parts.default_grub(cmdline, always),
        "/boot/grub/grub.cfg": File(
            menus.ubuntu_menu([build.release for build in builds], UUID, " ".join((always + " " + cmdline).split())), 0o600),
    })
    return tree


def _hack() -> Tree:
    return {_HOOK: File(_HOOK_TEXT, 0o755), _HELPER: File(_HELPER_TEXT, 0o755), "/var/tmp": Folder(0o1777)}


def _ubuntu_18_04() -> Tree:
    builds = [Build("4.15.0-213-generic", "gzip", _UBUNTU, parts.system_map(False))]
    return _ubuntu("18.04", builds, "gzip", "", "console=hvc0")


def _ubuntu_20_04_hack() -> Tree:
    builds = [
        Build("5.4.0-216-generic", "lz4", _UBUNTU, parts.system_map(True), unpacked=True),
        Build("5.4.0-215-generic", "lz4", _UBUNTU, parts.system_map(True), unpacked=True),
    ]
    tree = _ubuntu("20.04", builds, "lz4", "", "console=hvc0")
    tree.update(_hack())
    return tree


def _ubuntu_22_04_mixed() -> Tree:
    builds = [
        Build("5.15.0-139-generic", "zstd", _UBUNTU, parts.system_map(True)),
        Build("5.4.0-216-generic", "lz4", _UBUNTU, parts.system_map(True), unpacked=True),
    ]
    tree = _ubuntu("22.04", builds, "zstd", "", "console=hvc0")
    tree.update(_hack())
    return tree


def _fedora_zstd() -> Tree:
    releases = ["6.7.10-200.fc39.x86_64", "6.7.9-200.fc39.x86_64"]
    title = "Fedora Linux ({}) 39 (Server Edition)".format(releases[0])
    cmdline = "rhgb quiet console=hvc0"
    tree: Tree = {
        "/etc/os-release": parts.os_release("Fedora Linux", "fedora", "39"),
        "/etc/fstab": parts.fstab(UUID),
        "/etc/default/grub": parts.default_grub("", cmdline, "saved", "GRUB_ENABLE_BLSCFG=false\n"),
        "/boot/grub2/grub.cfg": File(menus.fedora_menu(releases, "39 (Server Edition)", UUID, cmdline), 0o600),
        "/boot/grub2/grubenv": parts.grub_environment([("saved_entry", title)]),
    }
    for release in releases:
        tree.update(_redhat_kernel(Build(release, "zstd", _FEDORA, parts.system_map(True)), "zstd", ("drivers/block/xen-blkfront",)))
    return tree


def _centos_8() -> Tree:
    release = "4.18.0-553.el8_10.x86_64"
    machine = "5d1c7a0e9b4f4f6c8a2e3d4b5c6f7a81"
    cmdline = "crashkernel=auto console=hvc0"
    name = "/boot/loader/entries/{}-{}.conf".format(machine, release)
    tree: Tree = {
        "/etc/os-release": parts.os_release("CentOS Linux", "centos", "8", "rhel fedora"),
        "/etc/fstab": parts.fstab(UUID, "xfs"),
        "/etc/default/grub": parts.default_grub("", cmdline, "saved", "GRUB_ENABLE_BLSCFG=true\n"),
        "/boot/grub2/grub.cfg": File(menus.bls_menu(UUID, cmdline), 0o600),
        "/boot/grub2/grubenv": parts.grub_environment([
            ("saved_entry", "{}-{}".format(machine, release)), ("kernelopts", "root=UUID={} ro {}".format(UUID, cmdline))]),
        name: menus.bls_entry("CentOS Linux", "8", release),
    }
    tree.update(_redhat_kernel(Build(release, "gzip", _EL8, parts.system_map(False)), "gzip", ("drivers/block/xen-blkfront", "fs/xfs/xfs")))
    return tree


def _redhat_kernel(build: Build, compression: str, modules: Sequence[str]) -> Tree:
    """Return a kernel as kernel-core leaves it: the files in /lib/modules, and copies of them in /boot."""
    release = build.release
    _, image = _image(build)
    config = parts.configuration(release, build.symbols)
    return {
        "/lib/modules/{}/vmlinuz".format(release): File(image, 0o755),
        "/lib/modules/{}/config".format(release): config,
        "/lib/modules/{}/System.map".format(release): File(build.map, 0o600),
        "/boot/vmlinuz-" + release: File(image, 0o755),
        "/boot/config-" + release: config,
        "/boot/System.map-" + release: File(build.map, 0o600),
        "/boot/initramfs-{}.img".format(release): File(initramfs(release, modules, compression, microcode=True, suffix=".xz"), 0o600),
    }


def _alpine_extlinux() -> Tree:
    release = "6.6.58-0-virt"
    build = Build(release, "gzip", _ALPINE, parts.system_map(True))
    cmdline = "root=UUID={} modules=ext4 rootfstype=ext4 console=hvc0".format(UUID)
    return {
        "/etc/os-release": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n',
        "/etc/fstab": parts.fstab(UUID),
        "/boot/vmlinuz-virt": _image(build)[1],
        "/boot/config-" + release: parts.configuration(release, build.symbols),
        "/boot/System.map-" + release: build.map,
        "/boot/initramfs-virt": initramfs(release, ("fs/ext4/ext4",), "gzip", folder="lib/modules"),
        "/boot/extlinux.conf": menus.extlinux_menu(cmdline),
    }


class _Example(NamedTuple):
    description: str
    tree: Callable[[], Tree]


_EXAMPLES: Dict[str, _Example] = {
    "debian-12": _Example("Debian 12 with console=hvc0: all is well, in both modes", _debian_12),
    "debian-12-silent": _Example("Debian 12 without any console=: boots under PVH, and says nothing", _debian_12_silent),
    "debian-12-damaged": _Example("Debian 12 whose initramfs was cut short: nobody can know", _debian_12_damaged),
    "ubuntu-18.04": _Example("Ubuntu 18.04 with its first kernel, 4.15, which does not boot under PVH", _ubuntu_18_04),
    "ubuntu-20.04-hack": _Example("Ubuntu 20.04 whose lz4 kernels a hook has decompressed for PV", _ubuntu_20_04_hack),
    "ubuntu-22.04-mixed": _Example("that guest upgraded: a zstd kernel boots next, an old one is decompressed", _ubuntu_22_04_mixed),
    "fedora-zstd": _Example("Fedora with zstd kernels and its entries in grub.cfg: PVH yes, back to PV no", _fedora_zstd),
    "centos-8": _Example("CentOS 8: no XEN_PVH in its kernel, and no entries in grub.cfg", _centos_8),
    "alpine-extlinux": _Example("Alpine with extlinux: a kernel that would boot, and no grub.cfg", _alpine_extlinux),
}

NAMES = {name: example.description for name, example in _EXAMPLES.items()}


def tree(name: str) -> Tree:
    """Return the files of an example. Raises KeyError for a name that is not in ``NAMES``."""
    return dict(parts.programs(), **_EXAMPLES[name].tree())


def make(name: str, directory: str) -> None:
    """Write the example ``name`` below ``directory``. Raises KeyError for a name that is not in ``NAMES``, and OSError."""
    write_tree(directory, tree(name))

