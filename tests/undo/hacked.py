"""Guests whose kernels were decompressed, in each form of the hack, with the kernels' packages in apt's cache."""

import os
from typing import Dict, Mapping, Optional, Tuple

import test_hack

from pvhready.demo import guests, parts
from pvhready.demo.tree import File, Tree, write_tree
from support.archives import make_deb

NEW, OLD = "5.4.0-216-generic", "5.4.0-215-generic"
POSTINST = "/etc/kernel/postinst.d/"
_SBIN, _BIN = "/usr/local/sbin/extract-vmlinux", "/usr/local/bin/extract-vmlinux"
_HELPER = File(test_hack.EXTRACT, 0o755)


def _script(text: str) -> File:
    return File(text, 0o755)


# The files of each form; V6 to V8 leave none behind.
FORMS: Dict[str, Tree] = {
    "V1": {POSTINST + "bitfolk-decompress-lz4-kernels": _script(test_hack.V1), _SBIN: _HELPER},
    "V2": {POSTINST + "decompress": _script(test_hack.V2), _BIN: _HELPER},
    "V3": {POSTINST + "kernel-decompress-hook": _script(test_hack.V3), _BIN: _HELPER},
    "V4": {
        POSTINST + "gandi-decompress-kernel": _script(test_hack.V4), "/usr/share/gandi/decompress-kernel": _script(test_hack.V4_CALLED),
        "/usr/share/gandi/extract-vmlinux": _HELPER,
    },
    "V5": {POSTINST + "extract-vmlinux": _script(test_hack.V5), _BIN: _HELPER},
    "V7": {}, "V8": {},
}


def shipped(release: str) -> Tuple[bytes, bytes]:
    """Return the kernel's image as its package has it, and the ELF that it unpacks to."""
    build = guests.Build(release, "lz4", guests._UBUNTU, "", unpacked=True)
    return guests._image(build)


def tree(form: str = "V1") -> Tree:
    """Return a guest of Ubuntu 20.04 with two kernels that stand decompressed."""
    files = guests.tree("ubuntu-20.04-hack")
    for path in list(files):
        if path.startswith((POSTINST, "/usr/local/")) or form == "V8" and path.startswith("/var/lib/dpkg/info/"):
            del files[path]
    files.update(FORMS[form])
    files["/etc/kernel/postinst.d/apt-auto-removal"] = File("#!/bin/sh\nexit 0\n", 0o755)
    if form == "V4":
        status = files["/var/lib/dpkg/status"]
        assert isinstance(status, str)
        hook = POSTINST + "gandi-decompress-kernel"
        files.update(parts.dpkg_package("gandi-hosting-vm2", {path: str(node).encode() for path, node in FORMS["V4"].items()}))
        files["/var/lib/dpkg/status"] = status + (
            "\nPackage: gandi-hosting-vm2\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.0\nConffiles:\n {} 00\n"
            "Description: x\n").format(hook)
    return files


def make(folder: str, form: str = "V1", changes: Optional[Mapping[str, object]] = None, packages: bool = True) -> str:
    """Write such a guest below ``folder`` and return its directory; without ``packages`` apt's cache is empty."""
    directory = os.path.join(folder, "guest")
    os.mkdir(directory)
    files = tree(form)
    files.update(changes or {})  # type: ignore[arg-type]
    write_tree(directory, files)
    if packages:
        cache = os.path.join(directory, "var/cache/apt/archives")
        os.makedirs(cache)
        for release in (NEW, OLD):
            os.rename(package(folder, release), os.path.join(cache, "linux-image-{}_1.1_amd64.deb".format(release)))
    return directory


def package(folder: str, release: str) -> str:
    """Return the path of the kernel's package, made by dpkg-deb."""
    return make_deb(folder, {"/boot/vmlinuz-" + release: shipped(release)[0]}, "linux-image-" + release, "1.1")


def snapshot(directory: str) -> Dict[str, object]:
    """Return all that stands in a guest, but our own journal: mode, owner, time and content of files, targets of links.

    Of a file with several names (hard links) the content is that of its first name, and a reference to that is the content of the rest.
    """
    found: Dict[str, object] = {}
    first: Dict[int, str] = {}
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if "/var/lib/pvhready/" in path:
                continue
            status = os.lstat(path)
            if os.path.islink(path):
                found[path[len(directory):]] = os.readlink(path)
            elif first.setdefault(status.st_ino, path) != path:
                found[path[len(directory):]] = "the same file as " + first[status.st_ino][len(directory):]
            else:
                with open(path, "rb") as handle:
                    found[path[len(directory):]] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, handle.read())
    return found
