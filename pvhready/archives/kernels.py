"""The kernels in package files, judged before they are installed: image, configuration and System.map, in one package or in several."""

from pvhready.archives import package
from pvhready.facts import Config, Image, Kernel, Problem
from pvhready.probes.image import image_in
from pvhready.probes.kconfig import MAX_MAP, config_in
from pvhready.records import NamedTuple
from pvhready.root import MAX_TEXT, File, Root, Unreadable
from pvhready.unpack import UnpackError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Tuple

    from pvhready.archives.record import Entry, Package

_IMAGE, _CONFIG, _MAP = "vmlinuz", "config", "System.map"
_LIMITS = {_IMAGE: 256 << 20, _CONFIG: MAX_TEXT, _MAP: MAX_MAP}  # bytes
_MODULES = ("/lib/modules/", "/usr/lib/modules/")


class _Package(NamedTuple):
    """What a package file holds of kernels. ``images`` and ``configs`` are by release."""

    path: str
    images: "Dict[str, Kernel]" = {}
    configs: "Dict[str, Config]" = {}
    problem: "Optional[Problem]" = None


def kernels_in(root: Root, paths: "Dict[str, str]") -> "Dict[str, Tuple[Kernel, ...]]":
    """Return, for each package file, the kernels that it holds: () for one that only adds to the kernels of another.

    ``paths`` maps what the user calls a package to its path. A package that cannot be read counts as one kernel of which nothing is
    known. The path of a kernel is the package's, a colon, and the one that it gets when it is installed.
    """
    packages = [_read(root, name, path) for name, path in paths.items()]
    return {one.path: _kernels(one, packages) for one in packages}


def _kernels(one: _Package, packages: "List[_Package]") -> "Tuple[Kernel, ...]":
    if one.problem:
        return (Kernel(one.path, Image(problem=one.problem), names=(one.path,)),)
    return tuple(kernel._replace(config=_config(release, one, packages)) for release, kernel in one.images.items())


def _config(release: str, one: _Package, packages: "List[_Package]") -> Config:
    """The kernel's configuration: the package's own, or that of another one. Ubuntu ships image and configuration apart."""
    if release in one.configs:
        return one.configs[release]
    found = [other.configs[release] for other in packages if release in other.configs]
    if any(config.values != found[0].values for config in found):
        return Config(problem=Problem(one.path, "two packages hold different configurations of this kernel"))
    return found[0] if found else Config()


def _read(root: Root, name: str, path: str) -> _Package:
    try:
        with root.open(path) as file:
            return _parts(file, name)
    except Unreadable as error:
        return _Package(name, problem=Problem(error.path, error.reason))
    except UnpackError as error:
        return _Package(name, problem=Problem(path, error.reason))


def _parts(file: File, name: str) -> _Package:
    found: "Dict[str, Dict[str, Tuple[str, bytes]]]" = {_CONFIG: {}, _MAP: {}}
    described = package.describe(file)
    images: "Dict[str, Kernel]" = {}
    for entry in _entries_of_kernels(file, described):
        kind, release, place = _kind(entry.path), _release(entry.path), "{}:{}".format(name, entry.path)
        content = entry.content or b""
        if kind != _IMAGE:
            found[kind].setdefault(release, (place, content))
        elif release not in images:
            image = image_in(content, place)
            images[release] = Kernel(place, image, image.release or release, release, package=described.label, names=(place,))
    configs = {}
    for release, (place, content) in found[_CONFIG].items():
        map_place, system_map = found[_MAP].get(release, ("", None))
        configs[release] = config_in(content, place, system_map, map_place or None)
    return _Package(name, images, configs)


def _entries_of_kernels(file: File, described: "Package") -> "Iterator[Entry]":
    """Yield what is a part of a kernel, with its content."""
    # The list of checksums says when all is read: the modules, which are most of a package, need not be unpacked.
    missing = {path for path in described.digests if _kind(path)}
    if described.digests and not missing:
        return
    for entry in package.entries(file, lambda path: _LIMITS.get(_kind(path), 0)):
        if entry.content is not None:
            yield entry
            missing.discard(entry.path)
            if described.digests and not missing:
                return


def _kind(path: str) -> str:
    """Return what a path in a package is of a kernel, "" for nothing."""
    if path.startswith("/boot/"):
        return next((kind for kind in _LIMITS if path.startswith("/boot/{}-".format(kind)) and "/" not in path[6:]), "")
    if path.startswith(_MODULES) and path.count("/") == _MODULES[path.startswith("/usr")].count("/") + 1:
        last = path.rpartition("/")[2]
        return last if last in _LIMITS else ""
    return ""


def _release(path: str) -> str:
    if path.startswith("/boot/"):
        return path[len("/boot/"):].partition("-")[2]
    return path.split("/")[-2]
