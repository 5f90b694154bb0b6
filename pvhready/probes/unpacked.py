"""The tree that the archives of an initramfs unpack to, as far as booting depends on it: modules, modprobe's settings, /init.

What comes later takes the place of what came before, and links are followed, as Linux does it (init/initramfs.c).
"""

import stat

from pvhready.probes.modules import CONTENT, SETTINGS, Settings, damage, module_name
from pvhready.probes.names import PROGRAMS, is_release
from pvhready.probes.programs import HEAD, Executable, objection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, List, Optional, Set, Tuple

    from pvhready.unpack import Budget
    from pvhready.unpack.cpio import Member

_MODULES = "lib/modules/"
_PREFIXES = ("", "usr/")
_MAX_LINKS = 40
_MAX_TARGET = 4096  # PATH_MAX
_DEPENDENCIES = ("modules.dep", "modules.dep.bin")
_PROGRAM_FOLDERS = ("bin", "sbin", "systemd")  # elsewhere the hooks of initramfs-tools have scripts of the same names
_LOADERS = ("bin/modprobe", "bin/kmod")  # also in /sbin
_MAX_LIST = 8 << 20  # bytes of a modules.dep; a distribution's kernel has 600 KB of it
_MAX_SETTINGS = 1 << 20  # bytes of all files of settings

# An image within the archive, where dracut packs everything, modules too (its modules squash-squashfs, squash-erofs).
_IMAGES = ("squashfs-root.img", "squash-root.img", "erofs-root.img", "squash/root.img")


class _Node:
    """What a path holds: a file with the state of its content, a link with its target, or something else."""

    __slots__ = ("file", "mode", "objection", "target")

    def __init__(self, mode: int, target: str = "") -> None:
        self.mode = mode
        self.target = target
        self.file = Executable(mode, 0, b"")
        self.objection: Optional[str] = "is empty"


class Unpacked:
    """What was seen in the archives so far. Names are kept without a slash at their beginning."""

    def __init__(self, budget: "Budget", vital: "FrozenSet[str]") -> None:
        """Take the limits of unpacking a module, and the modules whose whole content is looked at."""
        self.entries = 0
        self._vital = vital
        self._image: Optional[str] = None
        self._budget = budget
        self._nodes: Dict[str, _Node] = {}
        self._folders: Dict[str, str] = {}  # folder as written to where it really is
        self._linked: Dict[Tuple[int, Tuple[int, int, int, int]], _Node] = {}
        self._modules: Dict[str, Tuple[str, str]] = {}
        self._releases: Set[str] = set()
        self._dependencies: Dict[str, bytes] = {}  # by the folder that the paths in it begin from
        self._settings: Dict[str, bytes] = {}
        self._settings_size = 0

    def wanted(self, name: str, mode: int, size: int) -> "Optional[int]":
        """Say how much of a member's content is needed."""
        if stat.S_ISLNK(mode):
            return _MAX_TARGET
        if not stat.S_ISREG(mode):
            return None
        module = module_name(name.rpartition("/")[2])
        if module is not None:
            return CONTENT if module in self._vital else HEAD
        if Settings.is_one(name):
            return SETTINGS
        if name.endswith(_DEPENDENCIES):
            return _MAX_LIST
        return HEAD if mode & 0o111 else 0

    def add(self, member: "Member", stream: int) -> None:
        """Take note of one member of the ``stream``-th part of the file. Raises what the decompression of a module raises."""
        self.entries += 1
        path = self._real(member.name)
        if path.endswith(_IMAGES):
            self._image = path
        self._note_release(path, member.mode)
        if stat.S_ISLNK(member.mode):
            self._link(path, member)
        elif stat.S_ISREG(member.mode):
            self._file(path, member, stream)
        else:
            self._nodes[path] = _Node(member.mode)

    def releases(self) -> "Tuple[str, ...]":
        """Return the kernels that there are modules for, or a folder for them."""
        return tuple(sorted(self._releases))

    def modules(self) -> "Tuple[str, ...]":
        """Return the modules that can be loaded and are there for every release."""
        sets = list(self._loadable().values())
        return tuple(sorted(set.intersection(*sets))) if sets else ()

    def damaged(self) -> "Tuple[str, ...]":
        """Return the modules that a file stands for which the kernel cannot load."""
        good = self._good()
        return tuple(sorted({module for path, (_, module) in self._modules.items() if path not in good}))

    def kept_out(self) -> "Tuple[str, ...]":
        """Return the modules that modprobe's settings keep from being loaded."""
        files = {path: self._settings.get(self._resolved(path), b"") for path in self._nodes if Settings.is_one(path)}
        return Settings(files).kept_out()

    def init(self) -> "Tuple[bool, str]":
        """Whether there is an /init that the kernel can start, and otherwise why not, "" where there is none."""
        if "init" not in self._nodes or stat.S_ISDIR(self._nodes["init"].mode):
            return False, ""
        said = objection("/init", self._look)
        return said is None, said or ""

    def programs(self) -> "Tuple[str, ...]":
        """Return which of ``PROGRAMS`` are there and can be started."""
        paths = [path for path in self._nodes if path.endswith(PROGRAMS) and path.rpartition("/")[0].rpartition("/")[2] in _PROGRAM_FOLDERS]
        found = {path.rpartition("/")[2] for path in paths if objection("/" + path, self._look) is None}
        return tuple(sorted(found.intersection(PROGRAMS)))

    def doubt(self) -> "Optional[str]":
        """Say why the modules seen may not be the whole truth although everything was read."""
        if self._image is not None:
            return "what is packed in its {} was not read".format(self._image)
        sets = list(self._loadable().values())
        if any(modules != sets[0] for modules in sets):
            return "holds the modules of several kernels, and not the same for each: {}".format(", ".join(self.releases()))
        if any(sets) and self._has_loader() and not self._has_dependencies():
            return "has no modules.dep, without which its modprobe finds no module"
        if self._settings_size > _MAX_SETTINGS:
            return "holds more settings of modprobe than are read here"
        return None

    # What members mean

    def _link(self, path: str, member: "Member") -> None:
        before = self._nodes.get(path)
        if before is not None and (stat.S_ISLNK(before.mode) or stat.S_ISDIR(before.mode)):
            return  # the kernel takes no link away for another, and no folder with something in it: the first stays
        target = (member.content or b"").decode("utf-8", "surrogateescape")
        self._nodes[path] = _Node(member.mode, target)
        self._folders.clear()

    def _file(self, path: str, member: "Member", stream: int) -> None:
        key = (stream, member.inode)
        node = self._linked.get(key) if member.links > 1 else None
        node = node or _Node(member.mode)
        if member.links > 1:
            self._linked[key] = node
        self._nodes[path] = node
        content = member.content or b""
        if member.size or member.links < 2:  # of several names for one file, one has the content
            node.file = Executable(member.mode, member.size, content[:HEAD])
            node.objection = damage(content, member.size, self._budget) if path in self._modules else None
        if path.endswith("/" + _DEPENDENCIES[0]):
            self._dependencies[path[:-len(_DEPENDENCIES[0])]] = content if member.size <= _MAX_LIST else b""
        if Settings.is_one(path):
            self._settings_size += member.size
            self._settings[path] = content if self._settings_size <= _MAX_SETTINGS else b""

    def _note_release(self, path: str, mode: int) -> None:
        place, folder, rest = path.partition(_MODULES)
        if not folder or not (place in _PREFIXES or _is_nix_store(place)):
            return
        release, _, inner = rest.partition("/")
        if not is_release(release) or not (inner or stat.S_ISDIR(mode)):
            return
        self._releases.add(release)
        module = module_name(inner.rpartition("/")[2])
        if module is not None and stat.S_ISREG(mode):
            self._modules[path] = (release, module)

    def _loadable(self) -> "Dict[str, Set[str]]":
        found: Dict[str, Set[str]] = {release: set() for release in self._releases}
        for path in self._good():
            release, module = self._modules[path]
            found[release].add(module)
        return found

    def _good(self) -> "Set[str]":
        """Return the files of modules that can be loaded: sound, and all that modules.dep says they need is there and sound."""
        good = {path for path in self._modules if self._state(path) is None}
        needs: Dict[str, List[str]] = {}
        for folder, content in self._dependencies.items():
            needs.update(_listed(folder, content))
        # What modules.dep says of a module is all that it needs, not only the next step (modules.dep(5)).
        return {path for path in good if all(needed in good for needed in needs.get(path, ()))}

    def _state(self, path: str) -> "Optional[str]":
        node = self._nodes[path]
        return node.objection if stat.S_ISREG(node.mode) else "is no file"

    def _has_loader(self) -> bool:
        return any(path.replace("sbin/", "bin/").endswith(_LOADERS) for path in self._nodes)

    def _has_dependencies(self) -> bool:
        found = [node.file for path, node in self._nodes.items() if path.rpartition("/")[2] in _DEPENDENCIES]
        return any(file.head.strip(b"\0") for file in found)

    # Where paths lead

    def _real(self, name: str) -> str:
        """Return a member's path with the links in its folders followed."""
        folder, slash, last = name.rstrip("/").rpartition("/")
        if not slash:
            return last
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._resolved(folder)
        return known + "/" + last if known else last

    def _resolved(self, path: str) -> str:
        """Return where a path leads, its last name too; of a ring of links, a path that nothing has."""
        pending = path.split("/")[::-1]
        here: List[str] = []
        links = 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                del here[-1:]
                continue
            node = self._nodes.get("/".join(here + [name]))
            if node is None or not stat.S_ISLNK(node.mode):
                here.append(name)
                continue
            links += 1
            if links > _MAX_LINKS:
                return "\0"
            if node.target.startswith("/"):
                del here[:]
            pending.extend(node.target.split("/")[::-1])
        return "/".join(here)

    def _look(self, path: str) -> "Optional[Executable]":
        node = self._nodes.get(self._resolved(path))
        return None if node is None else node.file


def _listed(folder: str, content: bytes) -> "Dict[str, List[str]]":
    """Return the paths of a modules.dep, each with those that it needs. Paths begin from its folder, or from the top."""
    found: Dict[str, List[str]] = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        path, colon, rest = line.partition(":")
        if colon:
            found[_below(folder, path)] = [_below(folder, name) for name in rest.split()]
    return found


def _below(folder: str, path: str) -> str:
    return path.lstrip("/") if path.startswith("/") else folder + path


def _is_nix_store(place: str) -> bool:
    # NixOS: /lib is made a link to a folder of the store by the init script.
    return place.startswith("nix/store/") and place.count("/") == 3
