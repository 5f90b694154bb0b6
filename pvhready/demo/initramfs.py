"""Initial RAM file systems: cpio archives (Linux: Documentation/driver-api/early-userspace/buffer-format.rst)."""

import struct
from typing import Dict, Iterable, List, Mapping, NamedTuple, Sequence, Set, Tuple, Union

from pvhready.demo.compress import compress
from pvhready.demo.parts import program

_DIRECTORY = 0o040755
_FILE = 0o100644
_PROGRAM = 0o100755
_LINK = 0o120777
_BLOCK = 512
_PACKED = {".xz": "xz", ".gz": "gzip", ".zst": "zstd"}
_NEEDS = {"ext4": ("jbd2", "mbcache", "crc16"), "xfs": ("libcrc32c",)}


class Member(NamedTuple):
    """A file with a mode of its own, as ``stat`` has it; the content of a link is its target."""

    content: bytes
    mode: int = _PROGRAM


def link(target: str) -> Member:
    """Return a symbolic link."""
    return Member(target.encode(), _LINK)


def cpio(files: Mapping[str, Union[bytes, Member]]) -> bytes:
    """Return an archive in the "newc" format. ``files`` maps names without a leading slash to contents; folders are added.

    Links stand before all else, as in a list of files that ``find`` makes of a tree with a linked /lib.
    """
    folders: Set[str] = set()
    for name in files:
        parts = name.split("/")[:-1]
        folders.update("/".join(parts[:count + 1]) for count in range(len(parts)))
    members = [(name, item if isinstance(item, Member) else Member(item, _FILE)) for name, item in sorted(files.items())]
    members.sort(key=lambda pair: pair[1].mode != _LINK)
    records = [_record(name, _DIRECTORY, b"", number) for number, name in enumerate(sorted(folders), 1)]
    records += [_record(name, item.mode, item.content, number) for number, (name, item) in enumerate(members, 1000)]
    archive = b"".join(records) + _record("TRAILER!!!", 0, b"", 0)
    return archive + b"\0" * (-len(archive) % _BLOCK)


def _record(name: str, mode: int, content: bytes, inode: int) -> bytes:
    encoded = name.encode("utf-8", "surrogateescape") + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    head += b"\0" * (-len(head) % 4)
    return head + content + b"\0" * (-len(content) % 4)


def module(name: str, release: str, suffix: str = "") -> bytes:
    """Return a kernel module: an ELF file with nothing in it but .modinfo (elf(5)), packed as ``suffix`` says (".xz")."""
    info = "license=GPL\0name={}\0vermagic={} SMP preempt mod_unload \0".format(name.replace("-", "_"), release).encode()
    names = b"\0.modinfo\0.shstrtab\0"
    ident = b"\x7fELF" + bytes([2, 1, 1]) + b"\0" * 9
    table = 64 + len(info) + len(names)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 1, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)
    sections = b"\0" * 64
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0, 64, len(info), 0, 0, 1, 0)
    sections += struct.pack("<IIQQQQIIQQ", 10, 3, 0, 0, 64 + len(info), len(names), 0, 0, 1, 0)
    return compress(_PACKED.get(suffix, "none"), header + info + names + sections)


def initramfs(release: str, modules: Iterable[str], compression: str = "gzip", microcode: bool = False, suffix: str = "",
              folder: str = "usr/lib/modules") -> bytes:
    """Return an initramfs for the kernel ``release``.

    ``modules`` are paths below kernel/ without ".ko", as "drivers/block/xen-blkfront"; ``suffix`` is what a packed
    module's name ends with (".xz"). ``microcode`` puts an uncompressed archive with processor microcode first.
    """
    early = cpio({"kernel/x86/microcode/AuthenticAMD.bin": b"DMA\0" + b"\0" * 28}) if microcode else b""
    return early + compress(compression, cpio(contents(release, modules, suffix, folder)))


def contents(
    release: str, modules: Iterable[str], suffix: str = "", folder: str = "usr/lib/modules",
) -> Dict[str, Union[bytes, Member]]:
    """Return the files of an initramfs: an /init that a shell runs, modprobe, and ``modules`` with their modules.dep."""
    base = "{}/{}".format(folder, release)
    names = [(path.rpartition("/")[2], "kernel/{}.ko{}".format(path, suffix)) for path in modules]
    files: Dict[str, Union[bytes, Member]] = {
        "{}/{}".format(base, path): module(name, release, suffix) for name, path in names
    }
    files[base + "/modules.dep"] = "".join(_dependencies(name, path, names) for name, path in names).encode() or b"# none\n"
    files["init"] = Member(b"#!/bin/sh\n")
    files["usr/bin/sh"] = Member(program("/lib64/ld-linux-x86-64.so.2"))
    files["usr/bin/kmod"] = Member(program("/lib64/ld-linux-x86-64.so.2"))
    files["usr/sbin/modprobe"] = link("../bin/kmod")
    files["usr/lib64/ld-linux-x86-64.so.2"] = Member(program())
    files.update((name, link("usr/" + name)) for name in ("bin", "sbin", "lib64"))
    return files


def _dependencies(name: str, path: str, names: "Sequence[Tuple[str, str]]") -> str:
    needed: List[str] = [other for needs, other in names if needs in _NEEDS.get(name, ())]
    return "{}: {}\n".format(path, " ".join(needed)) if needed else path + ":\n"
