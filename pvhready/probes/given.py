"""The devices or images that the user named: what they hold, and the ids of a mounted guest's file systems."""

import os

from pvhready.disk.contents import contents
from pvhready.disk.superblocks import LUKS, Content
from pvhready.errors import CommandError, UsageError
from pvhready.facts import Storage
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Tuple

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Given(NamedTuple):
    """A device or image file of this machine that the user named, and what it holds."""

    path: str
    contents: "Tuple[Content, ...]"


def read_given(paths: "Sequence[str]") -> "Tuple[Given, ...]":
    """Return what devices or images hold, by paths of this machine, not of the guest. Raises CommandError when one cannot be read."""
    return tuple(Given(path, tuple(_contents(path))) for path in paths)


def _contents(path: str) -> "List[Content]":
    try:
        descriptor = os.open(path, _OPEN)
        try:
            return contents(lambda offset, size: os.pread(descriptor, size, offset))
        finally:
            os.close(descriptor)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandError("{} cannot be read: {}".format(path, reason.lower())) from error


def known_devices(storage: Storage, given: "Sequence[Given]") -> Storage:
    """Return ``storage`` with the ids of what the devices hold. Raises UsageError for one that holds nothing known."""
    uuids: "Dict[str, str]" = {}
    labels: "Dict[str, str]" = {}
    partuuids: "Dict[str, str]" = {}
    for device in given:
        if not device.contents:
            known = "ext2 to ext4, xfs, btrfs, f2fs, vfat, swap, RAID, LUKS and LVM, and disks with partitions, are"
            raise UsageError("{} holds no file system that is known: {}".format(device.path, known))
        for content in device.contents:
            name = device.path + (" ({})".format(content.where) if content.where else "")
            uuids.update({content.uuid: name} if content.uuid else {})
            labels.update({content.label: name} if content.label else {})
            partuuids.update({content.partuuid: name} if content.partuuid else {})
    everything = [content for device in given for content in device.contents]
    if any(content.filesystem == LUKS or content.problem for content in everything):
        return storage  # what is in an encrypted container, or on a volume that is not plain, has ids that nobody sees from here
    in_table = all(content.partuuid for content in everything)
    return storage._replace(uuids=uuids, labels=labels, partuuids=partuuids if in_table else None)
