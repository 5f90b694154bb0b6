"""Partition tables: the old one of MS-DOS (with logical partitions) and GPT, as GRUB and Linux read them.

Sources: GRUB grub-core/partmap/msdos.c and gpt.c; UEFI specification, chapter 5 (GPT).
"""

import struct

from pvhready.disk.superblocks import written_uuid
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Tuple

    Reader = Callable[[int, int], bytes]  # offset and size in bytes; what it returns may be shorter

MAX_PARTITIONS = 128  # what a GPT has room for as everybody makes it
_SECTOR = 512
_EXTENDED = (0x05, 0x0F, 0x85)
_PROTECTIVE = 0xEE
_LINUX = (0x83, 0x8E, 0xFD)  # files, LVM, RAID
_BOOT_LOADERS = (
    "21686148-6449-6e6f-744e-656564454649", "9e1a2d38-c612-4316-aa26-8b49521e5a8b",  # GRUB's on BIOS, PReP
)


class Partition(NamedTuple):
    """A partition: its number, where it starts (bytes), its PARTUUID, and whether its type is one for file systems and containers."""

    number: int
    start: int
    uuid: str
    holds_files: bool


def read_partitions(read: "Reader") -> "Optional[List[Partition]]":
    """Return the partitions of a disk; None when it has no table that makes sense."""
    sector = read(0, _SECTOR)
    entries = _entries(sector)
    if entries is None:
        return None
    if any(kind == _PROTECTIVE for kind, _, _ in entries):
        for size in (_SECTOR, 4096):
            found = _gpt(read, size)
            if found is not None:
                return found
        return None
    identity = sector[440:444][::-1].hex()
    found = []
    number = 4
    for index, (kind, start, _) in enumerate(entries, 1):
        if kind in _EXTENDED:
            for logical_kind, logical in _logical(read, start):
                number += 1
                uuid = "{}-{:02x}".format(identity, number)
                found.append(Partition(number, logical * _SECTOR, uuid, logical_kind in _LINUX))
        elif kind and start:
            found.append(Partition(index, start * _SECTOR, "{}-{:02x}".format(identity, index), kind in _LINUX))
    return found


def _entries(sector: bytes) -> "Optional[List[Tuple[int, int, int]]]":
    """Return type, first sector and length of the four entries; None when this is no partition table."""
    if len(sector) < _SECTOR or sector[510:512] != b"\x55\xaa":
        return None
    entries = []
    for place in range(446, 510, 16):
        status, kind = sector[place], sector[place + 4]
        start, length = struct.unpack_from("<II", sector, place + 8)
        if status not in (0x00, 0x80):
            return None  # code of a boot sector
        entries.append((kind, start, length))
    return entries if any(kind for kind, _, _ in entries) else None


def _logical(read: "Reader", first: int) -> "List[Tuple[int, int]]":
    """Return types and first sectors of the logical partitions in an extended one: a chain of tables, which may lie."""
    found: List[Tuple[int, int]] = []
    table = first
    for _ in range(MAX_PARTITIONS):
        entries = _entries(read(table * _SECTOR, _SECTOR))
        if entries is None:
            break
        following = 0
        for kind, start, length in entries:
            if kind in _EXTENDED:
                following = first + start
            elif kind and length:
                found.append((kind, table + start))
        if following <= table:
            break
        table = following
    return found


def _gpt(read: "Reader", sector: int) -> "Optional[List[Partition]]":
    header = read(sector, 92)
    if len(header) < 92 or header[:8] != b"EFI PART":
        return None
    table, = struct.unpack_from("<Q", header, 72)
    count, size = struct.unpack_from("<II", header, 80)
    if not 128 <= size <= 4096 or size % 8:
        return None
    found = []
    for index in range(min(count, MAX_PARTITIONS)):
        entry = read(table * sector + index * size, 128)
        if len(entry) < 128:
            break
        start, = struct.unpack_from("<Q", entry, 32)
        if any(entry[:16]) and start:
            found.append(Partition(index + 1, start * sector, _mixed(entry[16:32]), _mixed(entry[:16]) not in _BOOT_LOADERS))
    return found


def _mixed(raw: bytes) -> str:
    """Return a GUID as it is written: its first three parts are little-endian."""
    return written_uuid(raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:])
