"""The kernels in what the user names: images, package files that are not installed, and folders of packages."""

import os

from pvhready.errors import UsageError
from pvhready.facts import Config, Image, Kernel
from pvhready.probes.image import read_image
from pvhready.probes.kconfig import read_config_file
from pvhready.probes.kernels import release_in_name
from pvhready.root import Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

    from pvhready.probes.inside import Looker

    Packages = Dict[str, Optional[List[str]]]

_ENDINGS = (".deb", ".rpm")


def named_kernels(
    names: "Sequence[str]", config: "Optional[str]" = None, system_map: "Optional[str]" = None, deep: bool = False,
) -> "List[Kernel]":
    """Return the kernels in the files and folders that the user named, in that order, with their configurations.

    An image is looked into where no configuration of it is there, and ``deep`` in any case; those in packages are not.
    ``config`` and ``system_map`` are files that the user named for all of them. Without, an image's configuration is the one that
    lies beside it, and a packaged kernel's the one in its package or in another of those named. Raises UsageError for a folder
    without packages, and for a configuration that cannot be read.
    """
    from pvhready.probes.inside import Looker

    with Root("/") as root:
        packages: "Packages" = {name: _packages_at(root, name) for name in names}
        if system_map and not config and any(packages.values()):
            raise UsageError("--system-map goes with --config where a package is named")
        found = _in_packages(root, packages)
        given = _named_config(root, config, system_map) if config else None
        kernels: "List[Kernel]" = []
        looker = Looker(root, deep)
        for name in names:
            paths = packages[name]
            if paths is None:
                kernels.append(_image_at(root, name, system_map, given, looker))
                continue
            inside = [kernel for path in paths for kernel in found[path]]
            if not inside and not any(found.values()):
                inside = [Kernel(name, Image("not-a-kernel", description="no kernel image in the package"), names=(name,))]
            kernels += [kernel._replace(config=given) for kernel in inside] if given else inside
    return kernels


def _packages_at(root: Root, name: str) -> "Optional[List[str]]":
    """The package files that a name stands for, None for a file that is none. Raises UsageError for a folder without any."""
    from pvhready.archives.record import is_package

    path = os.path.abspath(name)
    try:
        if root.is_directory(path):
            found = [os.path.join(name, one) for one in root.names(path) if one.endswith(_ENDINGS)]
            if not found:
                raise UsageError("{} holds no .deb and no .rpm".format(name))
            return found
        with root.open(path) as file:
            return [name] if is_package(file) else None
    except Unreadable:
        return None  # it is read once more as an image, and what is wrong is told there


def _in_packages(root: Root, packages: "Packages") -> "Dict[str, Tuple[Kernel, ...]]":
    paths = [path for some in packages.values() for path in some or ()]
    if not paths:
        return {}
    from pvhready.archives.kernels import kernels_in

    return kernels_in(root, {path: os.path.abspath(path) for path in paths})


def _image_at(root: Root, name: str, system_map: "Optional[str]", given: "Optional[Config]", looker: "Looker") -> Kernel:
    path = os.path.abspath(name)
    image = read_image(root, path)
    named = release_in_name(path)
    release = image.release or named
    beside = "{}/config-{}".format(os.path.dirname(path), release)
    config = given or read_config_file(root, beside, os.path.abspath(system_map) if system_map else None)
    return looker.look(Kernel(path, image, release, named, config=config, names=(path,)))._replace(path=name, names=(name,))


def _named_config(root: Root, config: str, system_map: "Optional[str]") -> Config:
    found = read_config_file(root, os.path.abspath(config), os.path.abspath(system_map) if system_map else None)
    if found.problem:
        raise UsageError("{}: {}".format(found.problem.path, found.problem.reason))
    return found
