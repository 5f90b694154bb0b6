"""The other lines of /etc/fstab: systemd stops in its emergency mode over one that cannot be mounted (systemd.mount(5))."""

from pvhready.devicenames import FOREIGN, device_of, parse_spec
from pvhready.facts import Facts, Mount
from pvhready.findings import WARN, Evidence, Finding, hint
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional

# The last is an older name for the one before it (systemd: src/core/mount.c, mount_is_automount).
_NOT_WAITED_FOR = ("noauto", "nofail", "_netdev", "x-systemd.automount", "comment=systemd.automount")
_FIX = hint("Correct the line in /etc/fstab, or add nofail to its options.")


class _Objection(NamedTuple):
    check: str
    text: str


def judge_mounts(facts: Facts, mode: str) -> "List[Finding]":
    """Return a warning for each file system of fstab that the boot waits for and that will not be there."""
    return list(_judge(facts, mode))


def _judge(facts: Facts, mode: str) -> "Iterator[Finding]":
    mounted = {mount.point for mount in facts.storage.mounts}
    for mount in facts.storage.fstab:
        if not mount.point.startswith("/") or mount.point == "/" or mount.point in mounted:
            continue
        if any(option in mount.options.split(",") for option in _NOT_WAITED_FOR):
            continue
        objection = _objection(mount, facts)
        if objection:
            path, _, line = mount.source.rpartition(":")
            summary = "{} on {} {}: with systemd the boot ends in emergency mode".format(mount.device, mount.point, objection.text)
            yield Finding(objection.check, WARN, mode, mount.point, summary, (Evidence(path, "line " + line, mount.device),), (_FIX,))


def _objection(mount: Mount, facts: Facts) -> "Optional[_Objection]":
    if mount.device.startswith(FOREIGN):
        return _Objection("mount-device-name", "will not be there, as the disks of a Xen guest are called xvd*")
    if facts.root == "/" and parse_spec(mount.device).kind != "other" and device_of(mount.device, facts.storage) == "":
        return _Objection("mount-device-missing", "is not there")
    return None
