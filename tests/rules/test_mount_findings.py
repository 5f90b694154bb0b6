"""What is said of the other lines of fstab."""

import pytest

from pvhready.facts import Facts, Guest, Mount, Storage
from pvhready.rules.mounts import judge_mounts


def judged(device, point="/data", options="defaults", root="/", **storage):
    mount = Mount(point, device, "ext4", options, "/etc/fstab:4")
    return judge_mounts(Facts(root, True, "2026-01-01", Guest("PV"), storage=Storage(fstab=(mount,), **storage)), "pvh")


@pytest.mark.parametrize("device,options,point,expected", [
    ("/dev/sdb1", "defaults", "/data", "mount-device-name"), ("/dev/vdb", "defaults", "/data", "mount-device-name"),
    ("/dev/disk/by-id/virtio-a-part1", "defaults", "/data", "mount-device-name"),
    ("/dev/disk/by-path/xen-vbd-1", "defaults", "/data", None),
    ("/dev/xvdb1", "defaults", "/data", None), ("UUID=1", "defaults", "/data", "mount-device-missing"),
    ("UUID=2", "defaults", "/data", None),
    ("/dev/sdb1", "rw,nofail", "/data", None), ("/dev/sdb1", "noauto", "/data", None), ("/dev/sdb1", "_netdev", "/data", None),
    ("/dev/sdb1", "x-systemd.automount", "/data", None), ("/dev/sdb1", "comment=systemd.automount", "/data", None),
    ("/dev/sdb1", "nofailing", "/data", "mount-device-name"),
    ("/dev/sdb1", "defaults", "/", None), ("/dev/sdb1", "defaults", "none", None), ("tmpfs", "defaults", "/tmp", None),
])
def test_a_line_that_the_boot_waits_for(device, options, point, expected):
    devices = ("/dev/xvdb1",)
    findings = judged(device, point, options, uuids={"2": "/dev/xvdb1"}, devices=devices)
    assert [(finding.id, finding.status) for finding in findings] == ([(expected, "warn")] if expected else [])
    if expected:
        assert findings[0].subject == point and findings[0].evidence == (("/etc/fstab", "line 4", device),) and findings[0].remedies
        assert findings[0].summary.startswith("{} on {} ".format(device, point)) and "emergency mode" in findings[0].summary


def test_what_is_mounted_will_be_there_and_elsewhere_nobody_knows():
    mounted = (Mount("/data", "/dev/sdb1", "ext4"),)
    assert judged("/dev/sdb1", mounts=mounted) == []
    assert judged("UUID=1", root="/mnt", uuids={}) == [] and judged("UUID=1") == []
    assert [finding.id for finding in judged("/dev/sdb1", root="/mnt")] == ["mount-device-name"]
