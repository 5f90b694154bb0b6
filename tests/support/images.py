"""Disk images made by the real programs: file systems, partition tables, encrypted containers."""

import os
import subprocess
from typing import Dict, List, NamedTuple, Sequence

from support import wanted

MIB = 1024 * 1024


class Maker(NamedTuple):
    """How to make a file system with a given UUID, and with a folder's files in it (``folder``, when the program can do that)."""

    package: str
    command: Sequence[str]
    uuid: Sequence[str]
    folder: Sequence[str] = ()
    size: int = 400 * MIB


MAKERS: Dict[str, Maker] = {
    "ext2": Maker("e2fsprogs", ["mkfs.ext2", "-q", "-F"], ["-U", "{}"], ["-d", "{}"], 64 * MIB),
    "ext4": Maker("e2fsprogs", ["mkfs.ext4", "-q", "-F"], ["-U", "{}"], ["-d", "{}"], 64 * MIB),
    "xfs": Maker("xfsprogs", ["mkfs.xfs", "-q", "-f"], ["-m", "uuid={}"], ["-p", "{}.proto"]),
    "btrfs": Maker("btrfs-progs", ["mkfs.btrfs", "-q", "-f"], ["-U", "{}"], ["-r", "{}"]),
    "f2fs": Maker("f2fs-tools", ["mkfs.f2fs", "-q", "-f"], ["-U", "{}"]),
    "vfat": Maker("dosfstools", ["mkfs.vfat"], ["-i", "{}"], (), 64 * MIB),
    "swap": Maker("util-linux", ["mkswap", "-q"], ["-U", "{}"], (), 16 * MIB),
}


def run(*command: str) -> None:
    """Run a program that has to succeed. Raises AssertionError with what it said."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, (command, result.stdout[-2000:])


def empty(path: str, size: int) -> str:
    """Make a sparse file and return its path."""
    with open(path, "wb") as handle:
        handle.truncate(size)
    return path


def make(kind: str, path: str, options: Sequence[str] = (), uuid: str = "", folder: str = "") -> str:
    """Make a file system of a kind in a new image at ``path`` and return the path; skips the test where its mkfs is missing."""
    maker = MAKERS[kind]
    command: List[str] = [wanted.tool(maker.command[0], maker.package)] + list(maker.command[1:])
    command += [word.format(uuid) for word in maker.uuid] if uuid else []
    if folder and kind == "xfs":
        _prototype(folder)
    command += [word.format(folder) for word in maker.folder] if folder else []
    run(*(command + list(options) + [empty(path, maker.size)]))
    if folder and kind == "f2fs":
        run(wanted.tool("sload.f2fs", "f2fs-tools"), "-f", folder, path)
    return path


def _prototype(folder: str) -> None:
    """Write the list of files that mkfs.xfs takes, beside the folder."""
    lines = ["/dev/null", "0 0", "d--755 0 0"] + _listing(folder) + ["$", ""]
    with open(folder + ".proto", "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines))


def _listing(folder: str) -> List[str]:
    lines = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            lines += ["{} d--755 0 0".format(name)] + _listing(path) + ["$"]
        else:
            lines.append("{} ---644 0 0 {}".format(name, path))
    return lines


def disk(path: str, label: str, lines: Sequence[str], parts: Dict[int, str], size: int = 512 * MIB) -> str:
    """Make an image with a partition table (sfdisk's ``label`` and ``lines``) and copy images to places in MiB."""
    empty(path, size)
    text = "label: {}\n{}\n".format(label, "\n".join(lines))
    process = subprocess.Popen(
        [wanted.tool("sfdisk", "fdisk"), "-q", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate(text.encode("ascii"))[0]
    assert process.returncode == 0, output
    for place, image in parts.items():
        run("dd", "if=" + image, "of=" + path, "bs=1M", "seek={}".format(place), "conv=notrunc,sparse", "status=none")
    return path
