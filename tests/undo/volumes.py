"""Small file systems of their own: ext4 on a loop device, and a tmpfs. Only root can mount them."""

import contextlib
import os
import subprocess
import tempfile
from typing import Iterator, List

from support import wanted


def are_possible() -> bool:
    """Whether file systems can be mounted here."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.call(["mount", "-t", "tmpfs", "tmpfs", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            return False
        return subprocess.call(["umount", folder]) == 0


@contextlib.contextmanager
def memory() -> Iterator[str]:
    """Return a temporary directory, in memory where that can be had: the undo waits for the disk at each of its steps."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as directory:
        yield directory


@contextlib.contextmanager
def ext4(folder: str, megabytes: int = 16) -> Iterator[str]:
    """Return the directory where a new ext4 is mounted, or skip the test."""
    wanted.root()
    with memory() as place:
        image = os.path.join(place, "image")
        with open(image, "wb") as handle:
            handle.truncate(megabytes << 20)
        subprocess.check_call([wanted.tool("mkfs.ext4", "e2fsprogs"), "-q", "-F", "-O", "^has_journal", image])
        with _mounted(folder, ["-o", "loop", image]) as directory:
            yield directory


@contextlib.contextmanager
def vfat(folder: str) -> Iterator[str]:
    """Return the directory where a new FAT is mounted, or skip the test."""
    wanted.root()
    image = os.path.join(folder, "image")
    with open(image, "wb") as handle:
        handle.truncate(4 << 20)
    subprocess.check_call([wanted.tool("mkfs.vfat", "dosfstools"), image], stdout=subprocess.DEVNULL)
    with _mounted(folder, ["-o", "loop", image]) as directory:
        yield directory


@contextlib.contextmanager
def tmpfs(folder: str, kilobytes: int) -> Iterator[str]:
    """Return the directory where a new tmpfs of that size is mounted, or skip the test."""
    wanted.root()
    with _mounted(folder, ["-t", "tmpfs", "-o", "size={}k".format(kilobytes), "tmpfs"]) as directory:
        yield directory


@contextlib.contextmanager
def _mounted(folder: str, arguments: List[str]) -> Iterator[str]:
    directory = os.path.join(folder, "mounted")
    os.makedirs(directory, exist_ok=True)
    result = subprocess.run(["mount"] + arguments + [directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        wanted.skip("the right to mount a file system ({})".format(result.stdout.decode("utf-8", "replace").strip()))
    try:
        yield directory
    finally:
        subprocess.check_call(["umount", directory])
