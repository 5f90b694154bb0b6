"""Kernel images by their headers: what a file is, how its payload is compressed, which release it says it is.

The fields and their offsets are those of the Linux x86 boot protocol (Linux: Documentation/arch/x86/boot.rst,
arch/x86/boot/header.S). An image costs a few KiB of reading.
"""

import struct

from pvhready.facts import Image, Problem
from pvhready.root import File, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Union

    from pvhready.probes.elf import ReadAt

HEADER_SIZE = 0x268
PAYLOAD_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
    (b"\x89LZO", "lzo"),
    (b"\x7fELF", "elf"),
)
_MAX_UNZIPPED = 256 * 1024 * 1024  # a bzImage is some 5 to 20 MB
_MAX_UNZIPPED_HEAD = 256 * 1024  # the payload begins within the first 64 KiB
_PROTOCOL_WITH_PAYLOAD = 0x0208
_PROTOCOL_WITH_XLOADFLAGS = 0x020C
_PROTOCOL_WITH_INITRD_LIMIT = 0x0203
_PROTOCOL_WITH_MEMORY = 0x020A

_MAX_UNKNOWN = 8192  # bytes that libmagic gets to see


def read_image(root: Root, path: str, deep: bool = False) -> Image:
    """Return what the file at ``path`` is. Never raises for the file's content: ``problem`` says what was wrong.

    libmagic names what is no kernel; with ``deep`` it also gives a second opinion on the payload's compression.
    """
    try:
        with root.open(path) as handle:
            image = _examine(handle)
            if image.container == "not-a-kernel" and handle.size and not image.description:
                from pvhready.probes.identify import describe

                return image._replace(description=describe(handle.read_at(0, _MAX_UNKNOWN)))
            if deep and image.container == "bzimage" and image.payload_offset is not None:
                from pvhready.probes.identify import describe, form_of

                return image._replace(opinion=form_of(describe(handle.read_at(image.payload_offset, _MAX_UNKNOWN))))
            return image
    except Unreadable as error:
        return Image(problem=Problem(error.path, error.reason))


def image_in(content: bytes, path: str) -> Image:
    """Return what bytes that are in memory are, as ``read_image`` does for a file. ``path`` is where they come from."""
    return _examine(Content(content, path))


class Content:
    """Bytes that are in memory, to be read as an open file is."""

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        self.size = len(data)
        self._data = data

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; fewer at the end."""
        return self._data[offset:offset + size]


def payload_of(head: bytes) -> "Optional[str]":
    """Return the name of the compression that starts with these bytes, "elf" for a plain ELF, or None."""
    for magic, name in PAYLOAD_MAGIC:
        if head.startswith(magic):
            return name
    return None


def _examine(handle: "Union[File, Content]") -> Image:
    head = handle.read_at(0, HEADER_SIZE)
    if not head.strip(b"\0"):
        reason = "is empty" if not handle.size else "starts with nothing but zeros"
        return Image("not-a-kernel", size=handle.size, problem=Problem(handle.path, reason))
    if head.startswith(b"\x1f\x8b"):
        return _examine_gzip(handle)
    if payload_of(head) == "elf":
        return _examine_elf(handle)
    if head[0x202:0x206] == b"HdrS":
        return _examine_bzimage(head, handle.read_at, handle.size, handle.path)
    if head.startswith(b"MZ") and _has_linux_section(handle.read_at):
        return Image("uki", size=handle.size)
    boot_flag = struct.unpack_from("<H", head, 0x1FE)[0] if len(head) >= 0x200 else None
    return Image("not-a-kernel", size=handle.size, boot_flag=boot_flag)


def _examine_elf(handle: "Union[File, Content]") -> Image:
    from pvhready.probes.elf import read_elf

    elf = read_elf(handle.read_at)
    if elf is None:
        return Image("elf", size=handle.size, problem=Problem(handle.path, "its ELF header makes no sense"))
    return Image("elf", bits=elf.bits, size=handle.size, payload_end=elf.end, notes=elf.notes)


def _examine_bzimage(head: bytes, read_at: "ReadAt", size: int, path: str) -> Image:
    if len(head) < HEADER_SIZE:
        return Image("bzimage", size=size, problem=Problem(path, "ends inside its header, at {} bytes".format(size)))
    protocol = struct.unpack_from("<H", head, 0x206)[0]
    setup_sectors = head[0x1F1]
    code = ((setup_sectors or 4) + 1) * 512
    if _release_at(head) >= size:
        # No loader reads it, so nothing is proved; but a kernel build does not write this.
        return Image("unknown", size=size, problem=Problem(path, "its header says that its release stands past its end"))
    image = Image(
        "bzimage", size=size, protocol=protocol, setup_sectors=setup_sectors,
        boot_flag=struct.unpack_from("<H", head, 0x1FE)[0], loaded_high=bool(head[0x211] & 1),
        release=_release(head, read_at),
        code_end=code + struct.unpack_from("<I", head, 0x1F4)[0] * 16,
        cmdline_size=struct.unpack_from("<I", head, 0x238)[0] if protocol >= 0x0206 else None,
        bits=(64 if head[0x236] & 1 else 32) if protocol >= _PROTOCOL_WITH_XLOADFLAGS else None,
        memory=struct.unpack_from("<I", head, 0x260)[0] if protocol >= _PROTOCOL_WITH_MEMORY else None,
        initrd_limit=struct.unpack_from("<I", head, 0x22C)[0] if protocol >= _PROTOCOL_WITH_INITRD_LIMIT else None,
    )
    if protocol < _PROTOCOL_WITH_PAYLOAD:
        return image
    offset, length = struct.unpack_from("<II", head, 0x248)
    magic = read_at(code + offset, 6)
    payload = (payload_of(magic) or "unknown") if length else None
    return image._replace(
        payload_offset=code + offset, payload_end=code + offset + length, payload_magic=magic.hex(), payload=payload,
        unpacked=_unpacked(read_at, code + offset + length) if length > 4 and payload not in ("elf", "unknown") else None,
    )


def _unpacked(read_at: "ReadAt", end: int) -> "Optional[int]":
    """The unpacked size that a packed payload ends with: gzip's own, else the kernel build's (scripts/Makefile.lib, size_append)."""
    size = read_at(end - 4, 4)
    return int.from_bytes(size, "little") if len(size) == 4 else None


def _release_at(head: bytes) -> int:
    """The offset of the release, 0 when there is none."""
    pointer: int = struct.unpack_from("<H", head, 0x20E)[0]
    return pointer + 0x200 if pointer else 0


def _release(head: bytes, read_at: "ReadAt") -> "Optional[str]":
    at = _release_at(head)
    if not at:
        return None
    words = read_at(at, 256).split(b"\0", 1)[0].split(None, 1)
    if not words or not words[0][:1].isdigit():
        return None
    try:
        return words[0].decode("ascii")
    except UnicodeDecodeError:
        return None


def _examine_gzip(handle: "Union[File, Content]") -> Image:
    """A bzImage may be gzipped as a whole, which GRUB's gzio undoes. Its end can only be known by unpacking it."""
    from pvhready.unpack import Budget, Source, UnpackError, stream

    head = b""
    size = 0
    try:
        for part in stream(Source(handle.read_at, 0, handle.size), "gzip", Budget(_MAX_UNZIPPED)):
            size += len(part)
            if len(head) < _MAX_UNZIPPED_HEAD:
                head += part[:_MAX_UNZIPPED_HEAD]
    except UnpackError as error:
        return Image("unknown", payload="gzip", size=handle.size, problem=Problem(handle.path, str(error)))
    if head[0x202:0x206] != b"HdrS":
        return Image("not-a-kernel", size=handle.size, description="gzip data, and no kernel in it")

    def read_at(offset: int, length: int) -> bytes:
        return head[offset:offset + length]

    return _examine_bzimage(head[:HEADER_SIZE], read_at, size, handle.path)._replace(container="gzipped-bzimage")


def _has_linux_section(read_at: "ReadAt") -> bool:
    """Whether a PE file carries a section ``.linux``: a unified kernel image (UAPI specification UKI)."""
    at = struct.unpack("<I", read_at(0x3C, 4).ljust(4, b"\0"))[0]
    header = read_at(at, 24)
    if len(header) < 24 or header[:4] != b"PE\0\0":
        return False
    count, optional = struct.unpack_from("<H", header, 6)[0], struct.unpack_from("<H", header, 20)[0]
    table = read_at(at + 24 + optional, 40 * min(count, 96))
    return any(table[index:index + 8].rstrip(b"\0") == b".linux" for index in range(0, len(table), 40))
