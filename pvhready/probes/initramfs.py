"""What an initramfs holds: kernel modules, by the release that they belong to.

An initramfs is a sequence of cpio archives, some plain (microcode first), some compressed, with zero bytes between
them (Linux: init/initramfs.c, Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import os
import stat

from pvhready.facts import Initramfs, Problem
from pvhready.root import File, Root, Stamp, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set, Tuple

    from pvhready.memory.results import Memory
    from pvhready.unpack import Budget, Source

MAX_SIZE = 1 << 30  # bytes of the file
MAX_OUTPUT = 2 << 30  # bytes that it unpacks to
MAX_ENTRIES = 200000
MAX_SECONDS = 60.0

_KIND = "initramfs"
_COMPRESSIONS = ("gzip", "xz", "bzip2", "lzma", "lzo", "lz4", "zstd")
_INIT = ("init", "./init", "/init")  # what the kernel runs (Linux: init/main.c, ramdisk_execute_command)
_INIT_WORDS = ("no init", "init")  # what is remembered of it
_FOLDER = "lib/modules/"
_PREFIXES = ("", "usr/")
_SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")
_MAX_RELEASE = 64  # with its NUL this is __NEW_UTS_LEN + 1 of Linux
_MAX_MODULE = 64  # MODULE_NAME_LEN
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+")
_RELEASE_CHARACTERS = _NAME_CHARACTERS | frozenset("-~:@")

# An image within the archive, where dracut packs everything, modules too (its modules squash-squashfs, squash-erofs).
_IMAGES = ("squashfs-root.img", "squash-root.img", "erofs-root.img", "squash/root.img")


def read_initramfs(root: Root, path: str, memory: "Optional[Memory]" = None, seconds: float = MAX_SECONDS) -> Initramfs:
    """Return what the initramfs at ``path`` holds, from memory where this state of the file was read before.

    It never raises for what the file is or lacks: then ``complete`` is false, ``problem`` says why, and no module is
    named. ``seconds`` is the most time it may take.
    """
    try:
        with root.open(path) as file:
            known = None if memory is None else _recall(memory, file.stamp)
            if known is not None:
                return known
            found = _read(file, seconds)
            if _identity(root.status(path)) != _identity(file.status):
                return found._replace(complete=False, problem=Problem(path, "was changed while it was read"))
            if memory is not None and found.complete:
                _remember(memory, file.stamp, found)
            return found
    except Unreadable as error:
        return Initramfs(path, problem=Problem(path, error.reason))


class _Found:
    """What was seen in the archives so far."""

    def __init__(self) -> None:
        self.modules: Dict[str, Set[str]] = {}
        self.compressions: List[str] = []
        self.init = False
        self.entries = 0
        self.image: Optional[str] = None

    def add(self, name: str, mode: int, has_content: bool) -> None:
        """Take note of one entry of an archive."""
        self.entries += 1
        if name in _INIT and not stat.S_ISDIR(mode):
            self.init = True
        name = name.lstrip("./")
        if name.endswith(_IMAGES):
            self.image = name
        place, folder, rest = name.partition(_FOLDER)
        if not folder or not (place in _PREFIXES or _is_nix_store(place)):
            return
        release, _, inner = rest.partition("/")
        if not _is_release(release) or not (inner or stat.S_ISDIR(mode)):
            return
        modules = self.modules.setdefault(release, set())
        module = _module(inner.rpartition("/")[2])
        if module is not None and stat.S_ISREG(mode) and has_content:
            modules.add(module)

    def doubt(self) -> "Optional[str]":
        """Say why the modules seen may not be the whole truth although everything was read."""
        if self.image is not None:
            return "what is packed in its {} was not read".format(self.image)
        sets = list(self.modules.values())
        if any(modules != sets[0] for modules in sets):
            return "holds the modules of several kernels, and not the same for each: {}".format(", ".join(sorted(self.modules)))
        return None

    def common(self) -> "Tuple[str, ...]":
        """Return the modules that are there for every release."""
        sets = list(self.modules.values())
        return tuple(sorted(set.intersection(*sets))) if sets else ()


def _read(file: File, seconds: float) -> Initramfs:
    from pvhready import unpack

    found = _Found()
    reason: Optional[str] = None
    needs: Optional[str] = None
    try:
        if file.size > MAX_SIZE:
            raise unpack.LimitReached("is larger than {} bytes".format(MAX_SIZE))
        _walk(unpack.from_file(file), found, unpack.Budget(MAX_OUTPUT, seconds))
        reason = found.doubt()
    except unpack.MissingTool as error:
        reason, needs = error.reason, error.package
    except (unpack.UnpackError, Unreadable) as error:
        reason = error.reason
    releases = tuple(sorted(found.modules))
    if reason is None:
        return Initramfs(file.path, found.common(), releases, tuple(found.compressions), complete=True, init=found.init)
    # Linux stops at what is damaged, so a module seen before it proves nothing: what else the boot needs may be missing.
    return Initramfs(file.path, (), releases, tuple(found.compressions), needs=needs, problem=Problem(file.path, reason))


def _walk(source: "Source", found: _Found, budget: "Budget") -> None:
    from pvhready import unpack

    _skip_zeros(source, budget)
    head = source.peek(12)
    if not head:
        raise unpack.Damaged("is empty" if source.position == 0 else "holds nothing but zero bytes")
    while head:
        form = "none" if head[:1] == b"0" and source.position % 4 == 0 else unpack.detect(head)
        if form is None:
            raise unpack.Damaged("holds neither cpio nor compressed data at offset {}".format(source.position))
        _refuse_unknown_to_linux(form, head)
        if form != "none" and form not in found.compressions:
            found.compressions.append(form)
        _read_archives(source, form, found, budget)
        _skip_zeros(source, budget)
        head = source.peek(12)


def _read_archives(source: "Source", form: str, found: _Found, budget: "Budget") -> None:
    from pvhready import unpack
    from pvhready.unpack import cpio

    start = source.position
    chunks = unpack.stream(source, form, budget)
    try:
        tape = cpio.Tape(chunks)
        for member in cpio.members(tape):
            found.add(member.name, member.mode, member.size > 0 or member.links > 1)
            if found.entries > MAX_ENTRIES:
                raise unpack.LimitReached("holds more than {} entries".format(MAX_ENTRIES))
        if form == "none":
            source.position = start + tape.position
        elif tape.position == 0 or tape.unused:
            raise unpack.Damaged("holds something else than cpio archives in its {} data at offset {}".format(form, start))
    finally:
        chunks.close()


def _refuse_unknown_to_linux(form: str, head: bytes) -> None:
    """Raise Damaged for what a program here can read and the kernel cannot (lib/decompress_unlz4.c, lib/xz/xz_dec_stream.c)."""
    from pvhready import unpack

    if form == "lz4" and head[:4] != b"\x02\x21\x4c\x18":
        raise unpack.Damaged("is packed in lz4's frame format, and Linux reads the legacy one only (lz4 -l)")
    if form == "xz" and head[7:8] not in (b"\x00", b"\x01"):
        raise unpack.Damaged("is packed by xz with a checksum that Linux does not read (xz --check=crc32)")


def _skip_zeros(source: "Source", budget: "Budget") -> None:
    while True:
        chunk = source.read(1 << 16)
        rest = chunk.lstrip(b"\0")
        if rest or not chunk:
            source.position -= len(rest)
            return
        budget.seconds_left()


def _identity(status: os.stat_result) -> "Tuple[int, int, int, int, int]":
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_nix_store(place: str) -> bool:
    # NixOS: /lib is made a link to a folder of the store by the init script.
    return place.startswith("nix/store/") and place.count("/") == 3


def _is_release(name: str) -> bool:
    return name[:1].isdigit() and len(name) <= _MAX_RELEASE and _RELEASE_CHARACTERS.issuperset(name)


def _module(name: str) -> "Optional[str]":
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            module = name[:-len(suffix)].replace("-", "_")
            return module if _is_module(module) else None
    return None


def _is_module(name: str) -> bool:
    return 0 < len(name) <= _MAX_MODULE and _NAME_CHARACTERS.issuperset(name)


def _recall(memory: "Memory", stamp: Stamp) -> "Optional[Initramfs]":
    """Return the remembered result, or None when there is none or anything about it is odd."""
    fields = memory.recall(_KIND, stamp)
    if fields is None or len(fields) != 4 or fields[3] not in _INIT_WORDS:
        return None
    compressions, releases, modules = (tuple(field.split()) for field in fields[:3])
    if not set(compressions).issubset(_COMPRESSIONS):
        return None
    if not all(map(_is_release, releases)) or not all(map(_is_module, modules)):
        return None
    return Initramfs(stamp.path, modules, releases, compressions, complete=True, init=fields[3] == _INIT_WORDS[True])


def _remember(memory: "Memory", stamp: Stamp, found: Initramfs) -> None:
    texts = tuple(" ".join(words) for words in (found.compressions, found.releases, found.modules))
    memory.remember(_KIND, stamp, texts + (_INIT_WORDS[found.init],))
