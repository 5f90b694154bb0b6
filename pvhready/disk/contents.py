"""What a disk or an image holds, down to its file systems: partitions, RAIDs, LUKS containers and logical volumes on the way."""

from pvhready.disk import luks
from pvhready.disk.superblocks import LUKS, LVM, RAID, Content, file_system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, List

    Reader = Callable[[int, int], bytes]  # offset and size in bytes; what it returns may be shorter

_FIRST = 8192  # bytes of a device that tell of every container
_END = 1 << 62  # bytes; no device is as large, but headers may say so
_RAID_MAGIC = b"\xfc\x4e\x2b\xa9"
_RAID_PLACES = (0, 4096)  # versions 1.1 and 1.2; of 0.90 and 1.0 the superblock is at the end, and the content at the start
_RAID1 = b"\x01\x00\x00\x00"
_MAX_GROUPS = 8  # volume groups on one disk; each may have a long text
_ELSEWHERE = Content("", problem="its volume does not lie plainly on this disk")
_TOO_MANY = Content("", problem="it holds more volume groups than are looked into")
_NOTHING = Content("", problem="nothing known is on it")


def contents(read: "Reader") -> "List[Content]":
    """Return what a device holds. Nothing is raised for what it holds; a problem stands for what is there and not known."""
    bounded = _shifted(read, 0)
    found = list(_contents(bounded))
    if any(content.filesystem == "vfat" for content in found):
        return found  # its first sector looks like a partition table
    from pvhready.disk.partitions import read_partitions

    # With a table, what is found at the very start is older than the table, or the table is: the ids tell.
    for number, start, uuid, holds_files in read_partitions(bounded) or []:
        if sum(content.filesystem == LVM for content in found) >= _MAX_GROUPS:
            return found + [_TOO_MANY]
        for content in list(_contents(_shifted(bounded, start))) or ([_NOTHING] if holds_files else []):
            where = "partition {}".format(number) + (", " + content.where if content.where else "")
            found.append(content._replace(where=where, number=number, partuuid=uuid))
    return found


def _contents(read: "Reader") -> "Iterator[Content]":
    """Yield what there is at the start of a device: a file system, a container, or a group's logical volumes."""
    start = read(0, _FIRST)
    if start.startswith(luks.MAGIC):
        found = luks.read_luks(read)
        yield Content(LUKS, found.uuid, "", found.features, problem=found.problem)
        return
    if b"LABELONE" in start[:2048]:
        from pvhready.disk.lvm import read_physical

        physical = read_physical(read)
        if physical is not None:
            yield Content(LVM, problem=physical.problem)
            for volume in physical.volumes:
                kinds = tuple("lvm:" + kind for kind in volume.kinds)
                inner = file_system(_shifted(read, volume.start)) if volume.start is not None else _ELSEWHERE
                if inner is not None:
                    where = "logical volume {}/{}".format(volume.group, volume.name)
                    yield inner._replace(features=kinds + inner.features, where=where, volume=(volume.group, volume.name))
            return
    for place in _RAID_PLACES:
        if start[place:place + 4] == _RAID_MAGIC:
            yield _raid(read, start[place:place + 256])
            return
    inner = file_system(read)
    if inner is not None:
        yield inner


def _raid(read: "Reader", header: bytes) -> Content:
    """Return what a member of a RAID holds: of a mirror all of it is there (Linux: include/uapi/linux/raid/md_p.h)."""
    inner = file_system(_shifted(read, int.from_bytes(header[128:136], "little") * 512)) if header[72:76] == _RAID1 else None
    if inner is None:
        return Content(RAID, problem="what a RAID of several disks holds cannot be told from one")
    return inner._replace(features=("md:raid1",) + inner.features, where="a RAID's mirror")


def _shifted(read: "Reader", start: int) -> "Reader":
    return lambda offset, size: read(start + offset, size) if 0 <= start + offset < _END else b""
