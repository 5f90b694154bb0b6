"""Unpacks real kernels, with nothing of the program under test."""

import lzma
import os
import struct
import subprocess
import zlib
from typing import List

from support import debian, wanted


def vmlinux_of(path: str) -> str:
    """Unpack the bzImage ``path``, named vmlinuz-..., beside itself; return the path of the ELF."""
    target = os.path.join(os.path.dirname(path), os.path.basename(path).replace("vmlinuz-", "vmlinux-"))
    with debian.alone():
        if not os.path.exists(target):
            with open(path, "rb") as handle:
                data = handle.read()
            start = ((data[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
            payload = data[start:start + struct.unpack_from("<I", data, 0x24C)[0]]
            with open(target + ".partial", "wb") as handle:
                handle.write(unpack(payload))
            os.rename(target + ".partial", target)
    return target


def unpack(payload: bytes) -> bytes:
    """Return what a kernel's payload unpacks to; skips the test where the program for it is missing."""
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(payload)
    if payload.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
        return lzma.LZMADecompressor().decompress(payload)
    name = "lz4" if payload.startswith(b"\x02\x21\x4c\x18") else "zstd"
    result = subprocess.run([wanted.tool(name, name), "-dcq"], input=payload[:-4], stdout=subprocess.PIPE)
    assert result.returncode == 0
    return result.stdout


# What readelf calls notes of these numbers, whoever's they are.
_NAMES = {"NT_VERSION": 1, "NT_ARCH": 2, "GO": 4}


def xen_notes(path: str) -> List[int]:
    """Return the types of an ELF file's notes named Xen, as readelf tells them; skips the test without it."""
    command = [wanted.tool("readelf", "binutils"), "-nW", path]
    plain = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    shown = subprocess.check_output(command, universal_newlines=True, stderr=subprocess.DEVNULL, env=plain)
    found = []
    for line in shown.splitlines():
        words = line.split()
        if words[:1] == ["Xen"]:
            number = line.partition("type: (")[2].partition(")")[0]
            found.append(int(number, 16) if number else _NAMES[words[2]])
    return found
