"""Corruptions: each changes one thing of a sound guest that its boot needs."""

import lzma
import os
import random
import struct
import zlib
from typing import Callable, Dict, List, Mapping, Optional, Tuple, Union

from pvhready.demo import parts
from pvhready.demo.compress import compress
from pvhready.demo.image import bzimage, elf_kernel, uki
from pvhready.demo.initramfs import Member, cpio, link
from pvhready.demo.tree import File, Folder, Link, Node
from support.recipes import Archive, Recipe

# What stands in the place of a path: None for nothing, a function that makes something special there.
Change = Optional[Union[Node, Callable[[str], None]]]
Changes = Mapping[str, Change]
Mutation = Callable[[Recipe, random.Random], Changes]

_HUGE = 5 << 30


def _content(node: Node) -> bytes:
    content = node.content if isinstance(node, File) else node
    assert isinstance(content, (bytes, str))
    return content.encode() if isinstance(content, str) else content


def _sparse(path: str) -> None:
    with open(path, "wb") as handle:
        handle.truncate(_HUGE)


def _grown(content: bytes) -> Callable[[str], None]:
    def make(path: str) -> None:
        with open(path, "wb") as handle:
            handle.write(content)
            handle.truncate(_HUGE)

    return make


def _swap(chance: random.Random, content: bytes) -> Change:
    """Something else in the place of a file."""
    noise = bytes(chance.getrandbits(8) for _ in range(chance.choice((1, 100, 5000))))
    choices: List[Change] = [
        None, b"", b"\0", bytes(len(content)), bytes(4096), noise, Link("gone"), Link("/nowhere/at/all"),
        Link("../../../../../../etc/passwd"),
        Folder(), os.mkfifo, _sparse, b"\n" * 100, content[:1],
    ]
    return chance.choice(choices)


# The menu


def _menu_swapped(recipe: Recipe, chance: random.Random) -> Changes:
    return {recipe.menu: _swap(chance, _content(recipe.tree[recipe.menu]))}


def _lines(recipe: Recipe) -> Tuple[List[str], int, int]:
    """The lines of the menu, and which of them are the default entry's for kernel and initramfs."""
    lines = _content(recipe.tree[recipe.menu]).decode().split("\n")
    kernel = next(number for number, line in enumerate(lines) if line.split()[:1] == ["linux"])
    initrd = next(number for number, line in enumerate(lines) if line.split()[:1] == ["initrd"])
    return lines, kernel, initrd


def _menu_cut(recipe: Recipe, chance: random.Random) -> Changes:
    """Before the end of what the default entry needs."""
    lines, kernel, initrd = _lines(recipe)
    text = "\n".join(lines)
    needed = len("\n".join(lines[:max(kernel, initrd) + 1])) - 1
    if recipe.menu.endswith(".conf"):  # an entry's options are needed, too: without root= nothing is known
        options = next(number for number, line in enumerate(lines) if line.startswith("options"))
        needed = text.index("root=UUID=", len("\n".join(lines[:options]))) + len("root=UUID=") + len(recipe.uuid) - 1
    return {recipe.menu: text[:chance.randrange(needed)]}


def _menu_line(recipe: Recipe, chance: random.Random) -> Changes:
    """The kernel's or initramfs's line is gone, commented out, or its command or path is not what it was."""
    lines, kernel, initrd = _lines(recipe)
    number = chance.choice((kernel, initrd))
    line = lines[number]
    path = line.split()[1]
    at = chance.randrange(len(path))
    wrong = chr((ord(path[at]) - 33 ^ 1) + 33)
    if wrong in "\"'\\$#;{}|&<>":
        wrong = "%"
    command = line.split()[0]
    broken = chance.choice((
        "", "#" + line, line.replace(command, command[:-1], 1), line.replace(command, "x" + command, 1),
        line.replace(path, path[:at] + wrong + path[at + 1:], 1) if path[at] != "/" else line.replace(path, path + "x", 1),
        line.replace(path, path[:-1], 1), line.replace(path, "/gone" + path, 1), line.replace(path, "", 1)))
    if recipe.menu.endswith(".conf") and number == initrd and broken.startswith("#"):
        broken = ""
    lines[number] = broken
    return {recipe.menu: "\n".join(lines)}


_ARGUMENTS: Tuple[str, ...] = (
    "nopv", "xen_nopv", "acpi=off", "acpi=ht", "xen_no_vector_callback", "init=/gone", "init=/etc", "init=/etc/fstab", "rdinit=/gone",
    "mem=32M", "rd.break", "break=premount", "initcall_blacklist=xlblk_init", "initcall_blacklist=xenbus_init", "root=/dev/sda1",
    "root=/dev/nvme0n1p1", "root=UUID=00000000-0000-0000-0000-000000000000", "memmap=4G$1M",
)
_OF_MODULES: Tuple[str, ...] = (
    "module_blacklist=xen_blkfront", "modprobe.blacklist=xen-blkfront", "modprobe.blacklist=a,xen_blkfront,b",
    "rd.driver.blacklist=xen_blkfront",
)


def _has_module(recipe: Recipe, name: str) -> bool:
    return any(name in member for member in recipe.needed)


def _argument(recipe: Recipe, chance: random.Random) -> Changes:
    """An argument more, behind all others."""
    choices = _ARGUMENTS
    if _has_module(recipe, "xen-blkfront"):
        choices += _OF_MODULES
    if _has_module(recipe, "ext4"):
        choices += ("module_blacklist=ext4", "modprobe.blacklist=ext4")
    lines, kernel, _ = _lines(recipe)
    if recipe.menu.endswith(".conf"):
        kernel = next(number for number, line in enumerate(lines) if line.startswith("options"))
    lines[kernel] += " " + chance.choice(choices)
    return {recipe.menu: "\n".join(lines)}


def _root_argument(recipe: Recipe, chance: random.Random) -> Changes:
    """root= is gone, or names something else."""
    text = _content(recipe.tree[recipe.menu]).decode()
    at = text.index("root=UUID=" + recipe.uuid, text.index("options") if recipe.menu.endswith(".conf") else text.index("linux\t"))
    end = at + len("root=UUID=" + recipe.uuid)
    place = chance.randrange(len(recipe.uuid))
    digit = "0" if recipe.uuid[place] != "0" else "1"
    other = recipe.uuid[:place] + digit + recipe.uuid[place + 1:]
    if recipe.uuid[place] == "-":
        other = recipe.uuid[:-1]
    new = chance.choice(("", "root=", "root=UUID=" + other, "root=UUID=", "root=LABEL", "root=/dev/sda1", "root=/dev/vda", "root=/dev/xvd",
        "rot=UUID=" + recipe.uuid))
    return {recipe.menu: text[:at] + new + text[end:]}


def _another_archive(recipe: Recipe, chance: random.Random) -> Changes:
    """The entry loads one more file behind or before its initramfs, and that is none."""
    lines, _, number = _lines(recipe)
    command, path = lines[number].split()[:2]
    lines[number] = " ".join((command, "/boot/more.img", path) if chance.random() < 0.5 else (command, path, "/boot/more.img"))
    return {recipe.menu: "\n".join(lines),
        "/boot/more.img": chance.choice((None, b"", b"noise" * 99, bytes(99), Folder(), cpio({"a": b"b"})[:-400]))}


# The kernel


def _everywhere(paths: Tuple[str, ...], change: Change) -> Changes:
    return dict.fromkeys(paths, change)


def _kernel_swapped(recipe: Recipe, chance: random.Random) -> Changes:
    return _everywhere(recipe.kernels, _swap(chance, recipe.image))


def _kernel_cut(recipe: Recipe, chance: random.Random) -> Changes:
    return _everywhere(recipe.kernels, recipe.image[:chance.randrange(len(recipe.image) - 16)])


def _kernel_grown(recipe: Recipe, chance: random.Random) -> Changes:
    return _everywhere(recipe.kernels, _grown(recipe.image))


def _kernel_replaced(recipe: Recipe, chance: random.Random) -> Changes:
    """Another kernel under the same name, or what no loader takes."""
    release = recipe.release
    return _everywhere(recipe.kernels, chance.choice((
        elf_kernel(release), uki(release), bzimage("6.0.0-1-other"), bzimage(release, bits=32), bzimage(release, protocol=0x200),
        bzimage(release, loadflags=0), bzimage(release, setup_sectors=65), bzimage(release, payload=b"\xff" * 4000),
        bzimage("4.15.0-213-generic"), bzimage(release, payload=b""),
    )))


def _header(recipe: Recipe, chance: random.Random) -> Changes:
    """A field of the header that the loader or the kernel goes by."""
    setup, length = recipe.image[0x1F1], struct.unpack_from("<I", recipe.image, 0x24C)[0]
    payload = (setup + 1) * 512 + struct.unpack_from("<I", recipe.image, 0x248)[0]
    at, value = chance.choice((
        (0x1F1, bytes([chance.choice((0, setup + 1, setup - 1, 65, 255))])), (0x1FE, b"\0\0"), (0x1FE, b"\x55"[::-1] + b"\xab"),
        (0x202, b"HdrT"),
        (0x202, b"\0\0\0\0"), (0x206, b"\0\0"), (0x206, b"\x02\x02"), (0x211, b"\0"), (0x248, b"\xff\xff\xff\x7f"),
        (0x24C, b"\xff\xff\xff\x7f"),
        (0x24C, struct.pack("<I", length + 100000)), (0x260, b"\0\0\0\0"), (0x260, b"\xff\xff\xff\xff"), (0x22C, b"\0\0\0\0"),
        (payload, bytes(6)), (payload, b"\xff" * 6), (payload, bytes([recipe.image[payload] ^ 1 << chance.randrange(8)])),
        (payload, bytes(length)),
    ))
    return _everywhere(recipe.kernels, recipe.image[:at] + value + recipe.image[at + len(value):])


def _kernel_tail(recipe: Recipe, chance: random.Random) -> Changes:
    """A crash left zeros for the end of it."""
    length = struct.unpack_from("<I", recipe.image, 0x24C)[0]
    payload = (recipe.image[0x1F1] + 1) * 512 + struct.unpack_from("<I", recipe.image, 0x248)[0]
    kept = chance.randrange(payload + length - 4)
    return _everywhere(recipe.kernels, recipe.image[:kept] + bytes(len(recipe.image) - kept))


def _payload_middle(recipe: Recipe, chance: random.Random) -> Changes:
    """A byte within the payload."""
    length = struct.unpack_from("<I", recipe.image, 0x24C)[0]
    payload = (recipe.image[0x1F1] + 1) * 512 + struct.unpack_from("<I", recipe.image, 0x248)[0]
    at = chance.randrange(payload + 30, payload + length - 12)
    return _everywhere(recipe.kernels, recipe.image[:at] + bytes([recipe.image[at] ^ 0xFF]) + recipe.image[at + 1:])


# The configuration


def _config_swapped(recipe: Recipe, chance: random.Random) -> Changes:
    return _everywhere(recipe.configs, _swap(chance, _content(recipe.tree[recipe.configs[0]])))


def _config_cut(recipe: Recipe, chance: random.Random) -> Changes:
    """Before the last symbol that the boot needs, which is the block front end's or that which PVH needs."""
    text = _content(recipe.tree[recipe.configs[0]])
    needed = max(text.index(b"\nCONFIG_" + name) for name in (b"XEN_PVH=", b"XEN_BLKDEV_FRONTEND="))
    return _everywhere(recipe.configs, text[:chance.randrange(needed)])


def _symbols(recipe: Recipe) -> Tuple[str, ...]:
    return ("XEN", "XEN_PVH", "XEN_BLKDEV_FRONTEND", "BLK_DEV_INITRD", "EXT4_FS", "ACPI")


def _symbol(recipe: Recipe, chance: random.Random) -> Changes:
    """A symbol that is off. It is so in one of the files, or in all."""
    text = _content(recipe.tree[recipe.configs[0]]).decode()
    symbol = chance.choice(_symbols(recipe))
    at = text.index("\nCONFIG_{}=".format(symbol)) + 1
    line = text[at:text.index("\n", at)]
    changed = text.replace("\n" + line + "\n", "\n# CONFIG_{} is not set\n".format(symbol))
    paths = recipe.configs if chance.random() < 0.5 else (chance.choice(recipe.configs),)
    return _everywhere(paths, changed)


def _symbol_flipped(recipe: Recipe, chance: random.Random) -> Changes:
    """A bit of a decisive line."""
    text = _content(recipe.tree[recipe.configs[0]])
    symbol = chance.choice((b"XEN", b"XEN_PVH", b"XEN_BLKDEV_FRONTEND"))
    start = text.index(b"\nCONFIG_" + symbol + b"=") + 1
    at = chance.randrange(start, text.index(b"\n", start) - 1)
    return _everywhere(recipe.configs, text[:at] + bytes([text[at] ^ 1 << chance.randrange(7)]) + text[at + 1:])


# The initramfs


def _initramfs_swapped(recipe: Recipe, chance: random.Random) -> Changes:
    return {recipe.initrd: _swap(chance, recipe.packed(recipe.archive))}


def _initramfs_cut(recipe: Recipe, chance: random.Random) -> Changes:
    packed = recipe.packed(recipe.archive)
    length = len(packed.rstrip(b"\0")) if recipe.compression == "none" else len(packed)
    return {recipe.initrd: packed[:chance.randrange(length - 1)]}


def _initramfs_flipped(recipe: Recipe, chance: random.Random) -> Changes:
    """A bit of a stream that has checksums. A few bits of one mean nothing, as those that fill its last byte."""
    form = chance.choice(("gzip", "xz"))
    sound = recipe._replace(compression=form).packed(recipe.archive)
    while True:
        packed = bytearray(sound)
        packed[chance.randrange(12, len(packed))] ^= 1 << chance.randrange(8)
        if _unpacked(form, bytes(packed)) != _unpacked(form, sound):
            return {recipe.initrd: bytes(packed)}


def _unpacked(form: str, data: bytes) -> bytes:
    try:
        return zlib.decompress(data, 31) if form == "gzip" else lzma.decompress(data)
    except (zlib.error, lzma.LZMAError):
        return b""


def _broken(content: bytes, chance: random.Random) -> Union[bytes, Member, None]:
    choices: List[Union[bytes, Member, None]] = [
        None, b"", bytes(len(content)), bytes(64), content[:chance.randrange(1, max(2, len(content)))], b"noise" * 50, link("/dev/null"),
        link("gone"),
        Member(b"", 0o040755),
    ]
    return chance.choice(choices)


def _is_link(item: Union[bytes, Member]) -> bool:
    return isinstance(item, Member) and item.mode & 0o170000 == 0o120000


def _with(archive: Archive, name: str, item: Union[bytes, Member, None]) -> Archive:
    changed = dict(archive)
    before = changed.pop(name)
    if item is not None:
        mode = before.mode if isinstance(before, Member) and not _is_link(before) else 0o100644
        changed[name] = item if isinstance(item, Member) else Member(item, mode)
    return changed


def _bytes(item: Union[bytes, Member]) -> bytes:
    return item.content if isinstance(item, Member) else item


def _member(recipe: Recipe, chance: random.Random) -> Changes:
    """A member that is needed is gone, or is something else."""
    name = chance.choice(recipe.needed)
    if _is_link(recipe.archive[name]):
        item: Union[bytes, Member, None] = chance.choice((None, link("gone"), b""))
    elif name.endswith("modules.dep"):
        item = chance.choice((None, b"", bytes(100)))
    elif name == "usr/bin/sh" or name.endswith(".so.2") or name == "init":
        item = chance.choice((None, b"", bytes(100), _bytes(recipe.archive[name])[:3], link("gone"), b"noise" * 50))
    else:
        item = _broken(_bytes(recipe.archive[name]), chance)
    return {recipe.initrd: recipe.packed(_with(recipe.archive, name, item))}


def _replaced_later(recipe: Recipe, chance: random.Random) -> Changes:
    """An archive behind the first has a needed file again, empty, as zeros or cut; packed or not, in the same stream or in another."""
    names = [name for name in recipe.needed if not _is_link(recipe.archive[name]) and not name.endswith("modules.dep")]
    name = chance.choice(names)
    content = _bytes(recipe.archive[name])
    spoiled = cpio({name if chance.random() < 0.7 else "./" + name: Member(chance.choice((b"", bytes(len(content)), content[:3])),
        0o100755)})
    first = cpio(recipe.archive)
    form = recipe.compression
    return {recipe.initrd: chance.choice((
        compress(form, first + spoiled), compress(form, first) + compress(form, spoiled),
        compress(form, first) + bytes(-len(compress(form, first)) % 4) + spoiled,
    ))}


def _blacklisted(recipe: Recipe, chance: random.Random) -> Changes:
    """A setting of modprobe's within the initramfs."""
    modules = [name.rpartition("/")[2].partition(".")[0] for name in recipe.needed if ".ko" in name]
    modules = [module for module in modules if module in ("xen-blkfront", "ext4")]
    if not modules:
        return _member(recipe, chance)
    module = chance.choice(modules)
    line = chance.choice(("blacklist {}\n", "install {} /bin/true\n", "# comment\nblacklist\t{}", "blacklist \\\n{}\n")).format(
        module.replace("-", "_") if chance.random() < 0.5 else module)
    folder = chance.choice(("etc/modprobe.d", "usr/lib/modprobe.d", "run/modprobe.d", "lib/modprobe.d"))
    return {recipe.initrd: recipe.packed(dict(recipe.archive, **{folder + "/local.conf": line.encode()}))}


def _another_release(recipe: Recipe, chance: random.Random) -> Changes:
    if not any(".ko" in name for name in recipe.needed):
        return _member(recipe, chance)
    other = recipe.release[:-1] + ("x" if recipe.release[-1] != "x" else "y")
    return {recipe.initrd: recipe.packed({name.replace(recipe.release, other): item for name, item in recipe.archive.items()})}


# The root file system


def _fstab(recipe: Recipe, chance: random.Random) -> Changes:
    """fstab names another root, or nothing that can be read."""
    text = _content(recipe.tree["/etc/fstab"]).decode()
    other = recipe.uuid[:-1] + ("0" if recipe.uuid[-1] != "0" else "1")
    return {"/etc/fstab": chance.choice((
        text.replace(recipe.uuid, other), text.replace("UUID=" + recipe.uuid, "/dev/sda1"),
        text.replace("UUID=" + recipe.uuid, "/dev/vda1"),
        b"\xff\xfe\0" * 99, Folder(), os.mkfifo, _sparse, Link("fstab"), text.replace(" / ", " "), text.replace(" ext4 ", " xfs "),
        "UUID={} /srv ext4 defaults 0 0\n".format(recipe.uuid),
    ))}


def _first_program(recipe: Recipe, chance: random.Random) -> Changes:
    """/sbin/init, what it leads to, or the loader that it needs."""
    init = "/usr/sbin/init" if "/usr/sbin/init" in recipe.tree else "/sbin/init"
    content = parts.program(recipe.loader)
    cases: List[Changes] = [{init: Link("gone")}, {init: Folder()}, {init: b""}, {init: File(b"", 0o755)}, {init: Link("init")}]
    for path in (recipe.init, recipe.loader):
        for change in (
            None, File(b"", 0o755), File(bytes(5000), 0o755), File(content[:60], 0o755), File(content[:4], 0o755), Folder(), os.mkfifo,
            Link("gone"),
            File(content[:18] + b"\xb7" + content[19:], 0o755), File(b"noise" * 99, 0o755),
        ):
            cases.append({path: change})
    cases += [{recipe.init: File(content, 0o644)}, {recipe.init: File("#!/bin/gone\n", 0o755)}, {recipe.init: File("#!\n", 0o755)}]
    if "/lib64" in recipe.tree:
        cases += [{"/lib64": None}, {"/lib64": Link("usr/gone")}, {"/sbin": Link("usr/gone")}]
    return chance.choice(cases)


def _folder(recipe: Recipe, chance: random.Random) -> Changes:
    """A folder on the way: gone, empty, or something else."""
    folders = ["/boot", recipe.menu.rpartition("/")[0], recipe.kernels[0].rpartition("/")[0]]
    return {chance.choice(folders): chance.choice((None, Folder(), Link("gone"), Link("/etc"), b"", os.mkfifo, Link("boot")))}


MUTATIONS: Dict[str, Mutation] = {
    "menu swapped": _menu_swapped, "menu cut": _menu_cut, "a line of the menu": _menu_line, "an argument more": _argument,
    "root=": _root_argument, "one more archive": _another_archive,
    "kernel swapped": _kernel_swapped, "kernel cut": _kernel_cut, "kernel grown": _kernel_grown, "another kernel": _kernel_replaced,
    "kernel's header": _header, "kernel's end": _kernel_tail,
    "configuration swapped": _config_swapped, "configuration cut": _config_cut, "a symbol": _symbol, "a symbol's bits": _symbol_flipped,
    "initramfs swapped": _initramfs_swapped, "initramfs cut": _initramfs_cut, "initramfs's bits": _initramfs_flipped,
    "a member of the initramfs": _member, "a member replaced later": _replaced_later, "a module blacklisted": _blacklisted,
    "modules of another release": _another_release,
    "a folder": _folder, "fstab": _fstab, "first program": _first_program,
}

# Nothing in a kernel's header tells that a byte of its payload is another: only the checksum in a package database does, where a recipe is
# ``checked``. EXCLUDED FROM THE PROPERTY until there is pvhready/probes/checksums.py, which holds the kernel against it.
BY_CHECKSUM: Dict[str, Mutation] = {"a byte within the payload": _payload_middle}
