"""Kernel modules as files, and modprobe's settings: can a module be loaded, and what keeps it from being loaded?

Sources: Linux's kernel/module (elf_validity_check), modprobe.d(5), kmod's libkmod-file.c (the compression is told by the content).
"""

from pvhready.probes.names import is_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, Iterable, Iterator, Optional, Sequence, Tuple

    from pvhready.unpack import Budget

CONTENT = 32 << 20  # bytes of a module file that are looked at; a larger one is judged by its beginning
SETTINGS = 64 << 10  # bytes of a file of settings
_UNPACKED = 64 << 20  # bytes
_SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")
_FORMS = ("gzip", "xz", "zstd")
_PACKED = (b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_MACHINES = (3, 62)  # EM_386, EM_X86_64
_RELOCATABLE = 1  # ET_REL
_MARK = b"vermagic="  # in the section .modinfo of every module (Linux: scripts/mod/modpost.c)
# What a root file system depends on, with what that needs: of these all of the content is looked at.
_FRONT_END = ("xen_blkfront",)
_LAYERS = ("dm_mod", "dm_crypt", "md_mod", "linear", "raid0", "raid1", "raid10", "raid456")
_OF_EXT = ("ext4", "ext3", "ext2", "jbd2", "mbcache", "crc16", "crc32c_generic")
_FAMILIES = {
    "ext4": _OF_EXT, "ext3": _OF_EXT, "ext2": _OF_EXT, "xfs": ("xfs", "libcrc32c", "crc32c_generic"),
    "btrfs": ("btrfs", "xor", "raid6_pq", "libcrc32c", "crc32c_generic", "zstd_compress", "blake2b_generic", "xxhash_generic"),
    "f2fs": ("f2fs", "crc32_generic", "lz4_compress", "lz4hc_compress"), "jfs": ("jfs",), "reiserfs": ("reiserfs",),
}
EVERY = frozenset(_FRONT_END + _LAYERS).union(*_FAMILIES.values())
_ORDER = ("etc/modprobe.d/", "run/modprobe.d/", "usr/local/lib/modprobe.d/", "usr/lib/modprobe.d/", "lib/modprobe.d/")


def module_name(name: str) -> "Optional[str]":
    """Return the module that a file's name stands for, with ``-`` as ``_``; None for what is no module."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            module = name[:-len(suffix)].replace("-", "_")
            return module if is_module(module) else None
    return None


def vital(filesystems: "Iterable[str]", layered: bool) -> "FrozenSet[str]":
    """Return the modules that a root on one of these file systems may depend on; all of them where one is not known, or none is named.

    ``layered``: something lies between the file system and the disk.
    """
    families = [_FAMILIES.get(name) for name in filesystems]
    known = [family for family in families if family is not None]
    if not known or len(known) < len(families):
        return EVERY
    return frozenset(_FRONT_END + (_LAYERS if layered else ())).union(*known)


def damage(content: bytes, size: int, budget: "Budget") -> "Optional[str]":
    """Say in a few words why the kernel cannot load a module file, None where nothing speaks against it.

    ``content`` is its beginning, or all of its ``size`` bytes; then a packed one is unpacked, within the time of ``budget``. Raises
    MissingTool and LimitReached for that.
    """
    if not size:
        return "is empty"
    if content.startswith(_PACKED) and len(content) < size:
        return None
    if content[:1] == b"\0" and not content.strip(b"\0"):
        return "holds nothing but zero bytes"
    if content.startswith(b"\x7fELF"):
        return _of_elf(content, size)
    from pvhready.unpack import Budget, Damaged, detect, from_bytes, stream

    form = detect(content[:6])
    if form is None:
        return _of_elf(content, size)
    if form not in _FORMS:
        return "is packed with {}, which modprobe does not read".format(form)
    own = Budget(_UNPACKED, budget.seconds_left())
    try:
        plain = b"".join(stream(from_bytes(content), form, own))
    except Damaged as error:
        return "is damaged: {}".format(error.reason)
    return _of_elf(plain, len(plain))


def _of_elf(content: bytes, size: int) -> "Optional[str]":
    width = {1: 32, 2: 64}.get(content[4] if len(content) > 4 else 0)
    if not content.startswith(b"\x7fELF") or width is None or len(content) < (52 if width == 32 else 64) or content[5] != 1:
        return "is no module: it has no whole ELF header"
    kind, machine = (int.from_bytes(content[at:at + 2], "little") for at in (16, 18))
    if kind != _RELOCATABLE or machine not in _MACHINES:
        return "is no module for x86, by its ELF header"
    at, step, rest = (40, 8, 58) if width == 64 else (32, 4, 46)
    table = int.from_bytes(content[at:at + step], "little")
    entry, count = (int.from_bytes(content[place:place + 2], "little") for place in (rest, rest + 2))
    if not table or count < 2 or entry != (64 if width == 64 else 40) or table + entry * count > size:
        return "is cut short: it ends before its section headers do"
    if len(content) < size:
        return None
    if not content[table + entry:table + 2 * entry].strip(b"\0"):
        return "is damaged: its section headers are zero bytes"
    return None if _MARK in content else "is damaged: it does not say which kernel it was made for"


class Settings:
    """The files that modprobe goes by: path (without a slash at its beginning) to content."""

    def __init__(self, files: "Dict[str, bytes]") -> None:
        self._files = files

    @staticmethod
    def is_one(path: str) -> bool:
        """Whether a path is one of modprobe's settings."""
        return path.endswith(".conf") and path.split("/")[-2:-1] == ["modprobe.d"] or path in ("etc/modprobe.conf", "./etc/modprobe.conf")

    def kept_out(self) -> "Tuple[str, ...]":
        """Return the modules that are blacklisted, or in whose place something else is run."""
        return tuple(sorted({module for content in self._read() for module in _kept_out(content) if is_module(module)}))

    def _read(self) -> "Iterator[bytes]":
        """Yield the files that count: of two with one name, the one in the folder that comes first."""
        seen = set()
        for path in sorted(self._files, key=_rank):
            name = path.rpartition("/")[2]
            if name not in seen:
                seen.add(name)
                yield self._files[path]


def _rank(path: str) -> "Tuple[int, str]":
    folder = path[:len(path) - len(path.rpartition("/")[2])]
    return _ORDER.index(folder) if folder in _ORDER else len(_ORDER), path


def _kept_out(content: bytes) -> "Iterator[str]":
    for line in content.decode("utf-8", "surrogateescape").replace("\\\n", " ").split("\n"):
        words = line.split()
        instead = words[:1] == ["install"] and len(words) > 2 and not _loads_it_all_the_same(words)
        if instead or words[:1] == ["blacklist"] and len(words) > 1:
            yield words[1].replace("-", "_")


def _loads_it_all_the_same(words: "Sequence[str]") -> bool:
    """Whether what is run in a module's place calls modprobe for that module."""
    return words[2].endswith("modprobe") and ("--ignore-install" in words or "-i" in words)
