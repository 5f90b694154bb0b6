"""What a disk or an image holds, down to its file systems: partitions, LUKS containers and logical volumes on the way."""

from pvhready.disk import luks
from pvhready.disk.superblocks import LUKS, LVM, Content, file_system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, List

    Reader = Callable[[int, int], bytes]  # offset and size in bytes; what it returns may be shorter

_FIRST = 4096  # bytes of a device that tell most file systems


_ELSEWHERE = Content("", problem="its volume does not lie plainly on this disk")


def contents(read: "Reader") -> "List[Content]":
    """Return what a device holds. Nothing is raised for what it holds; what is not known is not in the list."""
    found = list(_contents(read))
    if found:
        return found
    from pvhready.disk.partitions import read_partitions

    for number, start, uuid in read_partitions(read) or []:
        for content in _contents(_shifted(read, start)):
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
    inner = file_system(read)
    if inner is not None:
        yield inner


def _shifted(read: "Reader", start: int) -> "Reader":
    return lambda offset, size: read(start + offset, size)
