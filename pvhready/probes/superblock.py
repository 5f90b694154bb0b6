"""The ids of a mounted guest's file systems, from the devices or images that the user named."""

from pvhready.disk.contents import LUKS
from pvhready.errors import UsageError
from pvhready.facts import Storage
from pvhready.probes.blockdevice import Given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Sequence


def known_devices(storage: Storage, given: "Sequence[Given]") -> Storage:
    """Return ``storage`` with the ids of what the devices hold. Raises UsageError for one that holds nothing known."""
    uuids: "Dict[str, str]" = {}
    labels: "Dict[str, str]" = {}
    partuuids: "Dict[str, str]" = {}
    for device in given:
        if not device.contents:
            known = "ext2 to ext4, xfs, btrfs, f2fs, swap, LUKS and LVM, and disks with partitions of these, are"
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
