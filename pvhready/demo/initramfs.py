"""Initial RAM file systems: cpio archives (Linux: Documentation/driver-api/early-userspace/buffer-format.rst)."""

from typing import Iterable, Mapping, Set

from pvhready.demo.compress import compress

_DIRECTORY = 0o040755
_FILE = 0o100644
_BLOCK = 512


def cpio(files: Mapping[str, bytes]) -> bytes:
    """Return an archive in the "newc" format. ``files`` maps names without a leading slash to contents; folders are added."""
    folders: Set[str] = set()
    for name in files:
        parts = name.split("/")[:-1]
        folders.update("/".join(parts[:count + 1]) for count in range(len(parts)))
    records = [_record(name, _DIRECTORY, b"", number) for number, name in enumerate(sorted(folders), 1)]
    records += [_record(name, _FILE, content, number) for number, (name, content) in enumerate(sorted(files.items()), 1000)]
    archive = b"".join(records) + _record("TRAILER!!!", 0, b"", 0)
    return archive + b"\0" * (-len(archive) % _BLOCK)


def _record(name: str, mode: int, content: bytes, inode: int) -> bytes:
    encoded = name.encode("utf-8", "surrogateescape") + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    head += b"\0" * (-len(head) % 4)
    return head + content + b"\0" * (-len(content) % 4)


def initramfs(release: str, modules: Iterable[str], compression: str = "gzip", microcode: bool = False, suffix: str = "",
              folder: str = "usr/lib/modules") -> bytes:
    """Return an initramfs for the kernel ``release``.

    ``modules`` are paths below kernel/ without ".ko", as "drivers/block/xen-blkfront"; ``suffix`` is what a packed
    module's name ends with (".xz"). ``microcode`` puts an uncompressed archive with processor microcode first.
    """
    names = ["kernel/{}.ko{}".format(module, suffix) for module in modules]
    base = "{}/{}".format(folder, release)
    files = {"{}/{}".format(base, name): b"\x7fELF" + b"\0" * 60 for name in names}
    files[base + "/modules.dep"] = "".join(name + ":\n" for name in names).encode()
    files["init"] = b"#!/bin/sh\n"
    early = cpio({"kernel/x86/microcode/AuthenticAMD.bin": b"DMA\0" + b"\0" * 28}) if microcode else b""
    return early + compress(compression, cpio(files))

