"""The kernels in a package file, before anybody installs it."""

import os

from pvhready.archives.package import describe, entries
from pvhready.facts import Config, Kernel
from pvhready.probes.image import image_in
from pvhready.probes.kconfig import OTHER_SYMBOLS, parse_config
from pvhready.probes.kernels import release_in_name
from pvhready.root import MAX_TEXT, File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

MAX_IMAGE = 256 * 1024 * 1024  # bytes; the largest that distributions ship, decompressed ones, have some 90 MB
_MODULES = ("/lib/modules/", "/usr/lib/modules/")


def kernels_in(file: File) -> "List[Kernel]":
    """Return the kernels that a .deb or .rpm holds, with their configuration. ``path`` is where the package puts the image.

    The package is read no further than needed. Raises UnpackError for a damaged package, one that is too large, and for a missing
    tool; Unreadable.
    """
    package = describe(file)
    images = [path for path in package.digests if _is_image(path)]
    if package.digests and not images:
        return []
    found = _take(file, images)
    return [_kernel(path, found, package.label) for path in sorted(found) if _is_image(path)]


def _take(file: File, images: "List[str]") -> "Dict[str, bytes]":
    """Return the contents of images and configurations; it stops when it has those of ``images``, where they are known."""
    needed = set(images).union(map(_config_of, images))
    found: "Dict[str, bytes]" = {}
    for entry in entries(file, _limit):
        if entry.content is not None:
            found[entry.path] = entry.content
            if needed and needed.issubset(found):
                break
    return found


def _kernel(path: str, found: "Dict[str, bytes]", package: str) -> Kernel:
    image = image_in(found[path], path)
    named = release_in_name(path)
    source = _config_of(path)
    config = Config(source, parse_config(found[source], OTHER_SYMBOLS)) if source in found else Config()
    return Kernel(path, image, image.release or named, named, package=package, config=config, names=(path,))


def _limit(path: str) -> int:
    """Return how many bytes of a file in the package are wanted."""
    return MAX_IMAGE if _is_image(path) else MAX_TEXT if _is_config(path) else 0


def _is_image(path: str) -> bool:
    folder, name = os.path.split(path)
    return folder == "/boot" and name.startswith(("vmlinuz-", "vmlinux-")) or name == "vmlinuz" and _is_of_modules(folder)


def _is_config(path: str) -> bool:
    folder, name = os.path.split(path)
    return folder == "/boot" and name.startswith("config-") or name == "config" and _is_of_modules(folder)


def _is_of_modules(folder: str) -> bool:
    return folder.startswith(_MODULES) and folder.count("/") == (4 if folder.startswith("/usr/") else 3)


def _config_of(path: str) -> str:
    """Return where the configuration of an image lies, beside it."""
    folder, name = os.path.split(path)
    return folder + "/config" + ("-" + name.partition("-")[2] if folder == "/boot" else "")
