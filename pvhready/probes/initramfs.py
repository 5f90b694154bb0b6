"""What an initramfs holds: kernel modules, by the release that they belong to.

An initramfs is a sequence of cpio archives, some plain (microcode first), some compressed, with zero bytes between
them (Linux: init/initramfs.c, Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import os
from binascii import crc32

from pvhready.facts import Initramfs, Problem
from pvhready.probes.names import PROGRAMS, is_module, is_release
from pvhready.root import File, Root, Stamp, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import FrozenSet, List, Optional, Tuple

    from pvhready.memory.results import Memory
    from pvhready.probes.unpacked import Unpacked
    from pvhready.unpack import Budget, Source

MAX_SIZE = 1 << 30  # bytes of the file
MAX_OUTPUT = 2 << 30  # bytes that it unpacks to
MAX_ENTRIES = 200000
MAX_SECONDS = 60.0

_KIND = "initramfs"
_COMPRESSIONS = ("gzip", "xz", "bzip2", "lzma", "lzo", "lz4", "zstd")
_INIT_WORDS = ("no init", "init")  # what is remembered of it


def read_initramfs(
    root: Root, path: str, memory: "Optional[Memory]" = None, seconds: float = MAX_SECONDS, vital: "Optional[FrozenSet[str]]" = None,
) -> Initramfs:
    """Return what the initramfs at ``path`` holds, from memory where this state of the file was read before.

    It never raises for what the file is or lacks: then ``complete`` is false, ``problem`` says why, and no module is
    named. ``seconds`` is the most time it may take. Of the modules in ``vital`` all of the content is looked at; None: of all that a root
    file system can depend on.
    """
    try:
        with root.open(path) as file:
            kind = _kind(vital)
            known = None if memory is None else _recall(memory, kind, file.stamp)
            if known is not None:
                return known
            found = _read(file, seconds, vital)
            if _identity(root.status(path)) != _identity(file.status):
                return found._replace(complete=False, problem=Problem(path, "was changed while it was read"))
            if memory is not None and found.complete:
                _remember(memory, kind, file.stamp, found)
            return found
    except Unreadable as error:
        return Initramfs(path, problem=Problem(path, error.reason))


def _kind(vital: "Optional[FrozenSet[str]]") -> str:
    """What is remembered depends on what was looked at."""
    return _KIND if vital is None else "{} {:08x}".format(_KIND, crc32(" ".join(sorted(vital)).encode("ascii")))


def _read(file: File, seconds: float, vital: "Optional[FrozenSet[str]]") -> Initramfs:
    from pvhready import unpack
    from pvhready.probes.modules import EVERY
    from pvhready.probes.unpacked import Unpacked

    budget = unpack.Budget(MAX_OUTPUT, seconds)
    found = Unpacked(budget, EVERY if vital is None else vital)
    compressions: List[str] = []
    reason: Optional[str] = None
    needs: Optional[str] = None
    try:
        if file.size > MAX_SIZE:
            raise unpack.LimitReached("is larger than {} bytes".format(MAX_SIZE))
        _walk(unpack.from_file(file), found, compressions, budget)
        reason = found.doubt()
    except unpack.MissingTool as error:
        reason, needs = error.reason, error.package
    except (unpack.UnpackError, Unreadable) as error:
        reason = error.reason
    if reason is not None:
        # Linux stops at what is damaged, so a module seen before it proves nothing: what else the boot needs may be missing.
        return Initramfs(file.path, (), found.releases(), tuple(compressions), needs=needs, problem=Problem(file.path, reason))
    init, objection = found.init()
    return Initramfs(
        file.path, found.modules(), found.releases(), tuple(compressions), complete=True, init=init, init_problem=objection,
        damaged=found.damaged(), kept_out=found.kept_out(), programs=found.programs(),
    )


def _walk(source: "Source", found: "Unpacked", compressions: "List[str]", budget: "Budget") -> None:
    from pvhready import unpack

    _skip_zeros(source, budget)
    head = source.peek(12)
    if not head:
        raise unpack.Damaged("is empty" if source.position == 0 else "holds nothing but zero bytes")
    stream = 0
    while head:
        form = "none" if head[:1] == b"0" and source.position % 4 == 0 else unpack.detect(head)
        if form is None:
            raise unpack.Damaged("holds neither cpio nor compressed data at offset {}".format(source.position))
        _refuse_unknown_to_linux(form, head)
        if form != "none" and form not in compressions:
            compressions.append(form)
        _read_archives(source, form, found, stream, budget)
        stream += 1
        _skip_zeros(source, budget)
        head = source.peek(12)


def _read_archives(source: "Source", form: str, found: "Unpacked", stream: int, budget: "Budget") -> None:
    from pvhready import unpack
    from pvhready.unpack import cpio

    start = source.position
    chunks = unpack.stream(source, form, budget)
    try:
        tape = cpio.Tape(chunks)
        for member in cpio.members(tape, found.wanted):
            found.add(member, stream)
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


def _recall(memory: "Memory", kind: str, stamp: Stamp) -> "Optional[Initramfs]":
    """Return the remembered result, or None when there is none or anything about it is odd."""
    fields = memory.recall(kind, stamp)
    if fields is None or len(fields) != 8 or fields[5] not in _INIT_WORDS:
        return None
    compressions, releases, modules, damaged, kept_out = (tuple(field.split()) for field in fields[:5])
    programs = tuple(fields[7].split())
    if not set(compressions).issubset(_COMPRESSIONS) or not set(programs).issubset(PROGRAMS):
        return None
    if not all(map(is_release, releases)) or not all(map(is_module, modules + damaged + kept_out)):
        return None
    return Initramfs(
        stamp.path, modules, releases, compressions, complete=True, init=fields[5] == _INIT_WORDS[True], init_problem=fields[6],
        damaged=damaged, kept_out=kept_out, programs=programs,
    )


def _remember(memory: "Memory", kind: str, stamp: Stamp, found: Initramfs) -> None:
    texts = tuple(" ".join(words) for words in (found.compressions, found.releases, found.modules, found.damaged, found.kept_out))
    memory.remember(kind, stamp, texts + (_INIT_WORDS[found.init], found.init_problem, " ".join(found.programs)))
