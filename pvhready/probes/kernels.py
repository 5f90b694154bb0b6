"""Which kernels are installed: every file that is one, or is named like one."""

from typing import Callable, Dict, Iterable, List, Optional, Tuple

from pvhready.facts import Guest, Kernel
from pvhready.probes.image import Describe, read_image
from pvhready.probes.kconfig import read_config
from pvhready.root import Missing, Root, Unreadable

Owner = Callable[[str], Optional[str]]

MAX_KERNELS = 500
_MODULES = ("/usr/lib/modules", "/lib/modules")
_STORE = "/nix/store"
_PROFILES = "/nix/var/nix/profiles"
# Copies that no boot loader of a distribution takes, and what mkinitcpio and openSUSE put beside the kernels.
_NOT_KERNELS = (".hmac", ".sig", ".sign", ".sha512hmac", ".gz.sha256")


def find_kernels(root: Root, named: Iterable[str] = ()) -> Tuple[str, ...]:
    """Return the paths of all kernels, those that boot entries name included, each file once, in a stable order.

    Raises Denied or Unreadable when a directory that may hold kernels cannot be listed.
    """
    paths = []  # type: List[str]
    for name in _names(root, "/boot"):
        if name.startswith(("vmlinuz", "vmlinux", "bzImage", "kernel-")) and not name.endswith(_NOT_KERNELS):
            paths.append("/boot/" + name)
    paths += ["/boot/kernels/" + name for name in _names(root, "/boot/kernels") if "bzImage" in name or name.startswith("vmlinuz")]
    paths += _from_modules(root)
    paths += _from_nix(root)
    paths += list(named)
    return _each_file_once(root, paths)[:MAX_KERNELS]


def read_kernel(root: Root, path: str, guest: Guest, owner: Owner, extra: Iterable[str] = (), describe: Optional[Describe] = None) -> Kernel:
    """Return what is known of one kernel: its image, configuration and package. ``extra`` names more configuration symbols."""
    image = read_image(root, path, describe)
    named = release_in_name(path)
    release = image.release or named
    running = bool(release) and release == guest.running_release
    kernel = Kernel(path, image, release, named, running, owner(path))
    return kernel._replace(config=read_config(root, release, running, extra)) if release else kernel


def release_in_name(path: str) -> Optional[str]:
    """Return the kernel release that a file's name or place tells, or None (``vmlinuz-linux``, ``/boot/vmlinuz``)."""
    folder, _, name = path.rpartition("/")
    if name == "vmlinuz" and folder.rpartition("/")[0] in _MODULES:
        return folder.rpartition("/")[2]
    for prefix in ("vmlinuz-", "vmlinux-", "kernel-"):
        if name.startswith(prefix):
            release = name[len(prefix):]
            return release if release[:1].isdigit() else None
    return None


def _from_modules(root: Root) -> List[str]:
    paths = []
    for folder in _MODULES:
        for release in _names(root, folder):
            path = "{}/{}/vmlinuz".format(folder, release)
            if _is_there(root, path):
                paths.append(path)
    return paths


def _from_nix(root: Root) -> List[str]:
    """The kernels of NixOS' generations: /nix/var/nix/profiles/system-N-link/kernel leads into the store."""
    paths = []
    for name in _names(root, _PROFILES):
        if name.startswith("system-") and name.endswith("-link"):
            path = "{}/{}/kernel".format(_PROFILES, name)
            if _is_there(root, path):
                paths.append(root.resolve(path))
    return [path for path in paths if path.startswith(_STORE)]


def _names(root: Root, folder: str) -> Tuple[str, ...]:
    try:
        return root.names(folder)
    except Missing:
        return ()


def _is_there(root: Root, path: str) -> bool:
    try:
        root.status(path)
    except Missing:
        return False
    except Unreadable:
        return True
    return True


def _each_file_once(root: Root, paths: Iterable[str]) -> Tuple[str, ...]:
    """Drop links to and hard links of a kernel that is listed already; names in /boot come first and win over links."""
    links = []  # type: List[str]
    firsts = {}  # type: Dict[object, str]
    for path in paths:
        try:
            if root.link(path):
                links.append(path)
                continue
            status = root.status(path)
            firsts.setdefault((status.st_dev, status.st_ino), path)
        except Missing:
            continue  # an entry that names it is told so by the menu
        except Unreadable:
            firsts.setdefault(path, path)
    for path in links:
        try:
            status = root.status(path)
            firsts.setdefault((status.st_dev, status.st_ino), path)
        except Missing:
            continue  # a link to nothing, such as /boot/vmlinuz.old after its kernel was removed
        except Unreadable:
            firsts.setdefault(path, path)
    return tuple(firsts.values())
