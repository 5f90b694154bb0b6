"""Which kernels are installed: every file that is one, or is named like one."""

import stat

from pvhready.facts import Guest, Kernel
from pvhready.kept import kept_release
from pvhready.probes.image import read_image
from pvhready.probes.kconfig import read_config
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, List, Optional, Tuple

    Owner = Callable[[str], Optional[str]]

MAX_KERNELS = 500
_MODULES = ("/usr/lib/modules", "/lib/modules")
_STORE = "/nix/store"
_PROFILES = "/nix/var/nix/profiles"
# Signatures and checksums that distributions put beside their kernels.
_NOT_KERNELS = (".hmac", ".sig", ".sign", ".sha512hmac", ".gz.sha256")


def find_kernels(root: Root, named: "Iterable[str]" = ()) -> "Dict[str, Tuple[str, ...]]":
    """Return each kernel once: its best name to all its names. ``named`` are the paths that boot entries use.

    A file in /boot gives the name rather than a link to it, and a link with a release rather than one without. Raises Denied or
    Unreadable when a directory that may hold kernels cannot be listed.
    """
    paths: List[str] = []
    for name in _names(root, "/boot"):
        if name.startswith(("vmlinuz", "vmlinux", "bzImage", "kernel-")) and not name.endswith(_NOT_KERNELS):
            paths.append("/boot/" + name)
    paths += ["/boot/kernels/" + name for name in _names(root, "/boot/kernels") if "bzImage" in name or name.startswith("vmlinuz")]
    paths += _from_modules(root)
    paths += _from_nix(root)
    return _group_by_file(root, paths, tuple(named))


def read_kernel(
    root: Root, names: "Tuple[str, ...]", guest: Guest, owner: "Owner", extra: "Iterable[str]" = (), deep: bool = False,
) -> Kernel:
    """Return what is known of the kernel with these ``names``, the best first: its image, configuration and package.

    ``extra`` names more configuration symbols, ``deep`` asks for a second opinion on the image. What stands inside it is not read.
    """
    path = names[0]
    image = read_image(root, path, deep)
    named = release_in_name(path)
    release = image.release or named
    running = bool(release) and release == guest.running_release
    kernel = Kernel(path, image, release, named, running, _package(path, named, owner), names=names)
    return kernel._replace(config=read_config(root, release, running, extra)) if release else kernel


def with_release(root: Root, kernel: Kernel, release: str, guest: Guest, extra: "Iterable[str]" = ()) -> Kernel:
    """Return a kernel whose release was told by what stands inside it, with the configuration of that release."""
    running = release == guest.running_release
    return kernel._replace(release=release, running=running, config=read_config(root, release, running, extra))


def has_modules(root: Root, release: "Optional[str]") -> "Optional[bool]":
    """Whether the root file system has the modules of a release; None where it has none of any kernel: they may lie elsewhere."""
    if not release:
        return None
    try:
        if any(root.is_directory("{}/{}/kernel".format(folder, release)) for folder in _MODULES):
            return True
        others = any(root.is_directory("{}/{}/kernel".format(folder, name)) for folder in _MODULES for name in _names(root, folder))
    except Unreadable:
        return None
    return False if others else None


def _package(path: str, named: "Optional[str]", owner: "Owner") -> "Optional[str]":
    """Return the package that owns an image, or the one that it is a copy of: Debian 14's are copied from beside their modules."""
    package = owner(path)
    if package is None and named and path == "/boot/vmlinuz-" + named:
        package = owner("{}/{}/vmlinuz".format(_MODULES[0], named))
    return package


def release_in_name(path: str) -> "Optional[str]":
    """Return the kernel release that a file's name or place tells, or None (``vmlinuz-linux``, ``/boot/vmlinuz``)."""
    folder, _, name = path.rpartition("/")
    if name == "vmlinuz" and folder.rpartition("/")[0] in _MODULES:
        return folder.rpartition("/")[2]
    for prefix in ("vmlinuz-", "vmlinux-", "kernel-"):
        if name.startswith(prefix):
            release = name[len(prefix):]
            return release if release[:1].isdigit() else None
    return kept_release(path)


def _from_modules(root: Root) -> "List[str]":
    paths = []
    for folder in _MODULES:
        for release in _names(root, folder):
            path = "{}/{}/vmlinuz".format(folder, release)
            if root.exists(path):
                paths.append(path)
    return paths


def _from_nix(root: Root) -> "List[str]":
    """The kernels of NixOS' generations: /nix/var/nix/profiles/system-N-link/kernel leads into the store."""
    paths = []
    for name in _names(root, _PROFILES):
        if name.startswith("system-") and name.endswith("-link"):
            path = "{}/{}/kernel".format(_PROFILES, name)
            if root.exists(path):
                paths.append(root.resolve(path))
    return [path for path in paths if path.startswith(_STORE)]


def _names(root: Root, folder: str) -> "Tuple[str, ...]":
    try:
        return root.names(folder)
    except Missing:
        return ()


def _group_by_file(root: Root, paths: "List[str]", named: "Tuple[str, ...]") -> "Dict[str, Tuple[str, ...]]":
    groups: Dict[object, List[Tuple[int, int, str]]] = {}
    for order, path in enumerate(list(named) + paths):
        try:
            status = root.status(path)
            rank = _rank(path, bool(root.link(path)))
        except Missing:
            continue  # a link to nothing, or an entry that names nothing: the menu tells of that one
        except Unreadable:
            groups.setdefault(path, []).append((0, order, path))
            continue
        if stat.S_ISREG(status.st_mode) or order < len(named):  # a generator of menus takes files only
            groups.setdefault((status.st_dev, status.st_ino), []).append((rank, order, path))
    kernels = {}
    for group in list(groups.values())[:MAX_KERNELS]:
        names = [path for _, _, path in sorted(group)]
        kernels[names[0]] = tuple(dict.fromkeys(names))
    return {path: kernels[path] for path in sorted(kernels)}


def _rank(path: str, is_link: bool) -> int:
    if path.startswith("/boot/"):
        return 0 if not is_link else 1 if release_in_name(path) else 3
    return 2
