"""File systems made by the real mkfs programs, and what blkid says of them, as the oracle."""

import os
import subprocess

import pytest

from pvhready.disk.superblocks import identities
from pvhready.probes.given import read_given
from support import wanted

MAKERS = {
    "ext2": (["mkfs.ext2", "-q", "-F", "-L", "roots"], "e2fsprogs", "ext4"),
    "ext4": (["mkfs.ext4", "-q", "-F", "-L", "roots"], "e2fsprogs", "ext4"),
    "xfs": (["mkfs.xfs", "-q", "-L", "roots"], "xfsprogs", "xfs"),
    "btrfs": (["mkfs.btrfs", "-q", "-L", "roots"], "btrfs-progs", "btrfs"),
    "f2fs": (["mkfs.f2fs", "-q", "-l", "roots"], "f2fs-tools", "f2fs"),
    "swap": (["mkswap", "-q", "-L", "roots"], "util-linux", "swap"),
}


@pytest.mark.parametrize("name", list(MAKERS))
def test_blkid_says_the_same(name, tmp_path):
    words, package, filesystem = MAKERS[name]
    path = str(tmp_path / "image")
    with open(path, "wb") as handle:
        handle.truncate(400 * 1024 * 1024)
    subprocess.check_call([wanted.tool(words[0], package)] + words[1:] + [path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found, = read_given([path])[0].contents
    blkid = wanted.tool("blkid", "util-linux")
    said = subprocess.check_output([blkid, "-p", "-s", "UUID", "-o", "value", path], universal_newlines=True).strip()
    assert found[:3] == (filesystem, said, "roots")


@pytest.mark.parametrize("data", [b"", b"\0" * 70000, b"x" * 1081])
def test_nothing_known_is_none(data):
    assert identities(data) == []


def test_root_is_judged_when_the_device_is_given(guest, tmp_path, pvhready):
    from support.trees import UUID

    directory = guest()
    image = bytearray(70000)
    image[1080:1082] = b"\x53\xef"
    image[1128:1144] = bytes.fromhex(UUID.replace("-", ""))
    path = str(tmp_path / "device")
    with open(path, "wb") as handle:
        handle.write(image)
    report = pvhready.check(directory, "--device", path)
    said = [check["status"] for check in report["checks"] if check["id"].startswith("root-device")]
    assert (report["verdict"], said) == ("ready", ["pass"])
    image[1128] ^= 1
    with open(path, "wb") as handle:
        handle.write(image)
    report = pvhready.check(directory, "--device", path)
    assert report["verdict"] == "not-ready"
    assert "root-device-missing" in [check["id"] for check in report["checks"] if check["status"] == "fail"]


def test_a_device_that_is_none_is_an_error(guest, tmp_path, pvhready):
    directory = guest()
    assert pvhready("check", "--root", directory, "--device", str(tmp_path / "nothing")).code == 74
    os.mkfifo(str(tmp_path / "fifo"))
    assert pvhready("check", "--root", directory, "--device", str(tmp_path / "fifo")).code == 74
    (tmp_path / "text").write_text("no file system")
    assert pvhready("check", "--root", directory, "--device", str(tmp_path / "text")).code == 64
    assert pvhready("check", "--device", str(tmp_path / "text")).code == 64
