"""What a disk or an image holds, down to its file systems: partitions, LUKS containers and logical volumes on the way."""

from pvhready.disk import luks, superblocks
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, List, Optional, Tuple

    Reader = Callable[[int, int], bytes]  # offset and size in bytes; what it returns may be shorter

LUKS = "crypto_LUKS"  # as blkid calls them
LVM = "LVM2_member"
_FIRST = 4096  # bytes of a device that tell most file systems


class Content(NamedTuple):
    """A file system or a container. ``filesystem`` is its type, "" when it is not known.

    ``where`` says in words where in the device it lies ("" for all of it). ``features`` are what a reader has to know
    of it and of the LVM below it. ``number`` is that of its partition, 0 for none, ``partuuid`` the partition's. ``volume``
    is (group, name) of a logical volume. ``problem`` says what could not be told.
    """

    filesystem: str
    uuid: str = ""
    label: str = ""
    features: "Tuple[str, ...]" = ()
    where: str = ""
    number: int = 0
    partuuid: str = ""
    volume: "Optional[Tuple[str, str]]" = None
    problem: str = ""


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


def file_system(read: "Reader") -> "Optional[Content]":
    """Return the file system at the start of a device; None when none is known. More than one superblock is a problem."""
    data = read(0, superblocks.SIZE)
    found = superblocks.identities(data)
    if not found:
        return None
    name, uuid, label = found[0]
    if len(found) > 1:
        names = " and ".join(identity.filesystem for identity in found)
        return Content("", uuid, label, problem="it has superblocks of {}".format(names))
    return Content(name, uuid, label, superblocks.features(name, data))


def _shifted(read: "Reader", start: int) -> "Reader":
    return lambda offset, size: read(start + offset, size)
