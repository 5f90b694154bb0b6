"""What was asked of a guest's file system, and what came back: enough to tell later whether it would all come back the same."""

import os
import stat

from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    State = Optional[Tuple[int, ...]]  # of a path: as ``_state`` says; None for nothing there

# Here files change without their times.
_VOLATILE = ("/proc/", "/sys/", "/dev/", "/run/")


class Evidence:
    """The answers that a root gave. ``whole`` becomes False when one of them cannot be compared with a later one."""

    def __init__(self) -> None:
        self.states: Dict[str, State] = {}
        self.links: Dict[str, Optional[str]] = {}
        self.resolved: Dict[str, str] = {}
        self.whole = True

    def note_status(self, path: str, status: "Optional[os.stat_result]") -> None:
        """Note what a path led to; None for nothing."""
        state = _state(status)
        if self.states.setdefault(path, state) != state or status is not None and path.startswith(_VOLATILE):
            self.whole = False

    def note_link(self, path: str, target: "Optional[str]") -> None:
        """Note where a link points, "" for no link; None for nothing there."""
        if self.links.setdefault(path, target) != target:
            self.whole = False

    def note_resolved(self, path: str, result: str) -> None:
        """Note what a path is without links."""
        if self.resolved.setdefault(path, result) != result:
            self.whole = False

    def newest(self) -> float:
        """Return when something of it was changed last, in seconds since 1970."""
        return max([max(state[-2:]) for state in self.states.values() if state], default=0) / 1e9

    def packed(self) -> "Tuple[Dict[str, State], Dict[str, Optional[str]], Dict[str, str]]":
        """Return all that was noted, for ``holds``."""
        return self.states, self.links, self.resolved

    def lasting(self) -> "Tuple[Dict[str, State], Dict[str, Optional[str]], Dict[str, str]]":
        """Return what was noted of files on disks, for ``holds``: the kernel's own have times that mean nothing."""
        states = {path: state for path, state in self.states.items() if not path.startswith(_VOLATILE)}
        links = {path: target for path, target in self.links.items() if not path.startswith(_VOLATILE)}
        return states, links, {path: result for path, result in self.resolved.items() if not path.startswith(_VOLATILE)}


def holds(root: Root, packed: "Tuple[Dict[str, State], Dict[str, Optional[str]], Dict[str, str]]") -> bool:
    """Whether a root gives the same answers as when they were noted."""
    states, links, resolved = packed
    try:
        return (
            _states_hold(root, states)
            and all(_link_now(root, path) == target for path, target in links.items())
            and all(root.resolve(path) == result for path, result in resolved.items())
        )
    except (Unreadable, OSError, UnicodeEncodeError):  # the last: a name that this locale does not know
        return False


def _states_hold(root: Root, states: "Dict[str, State]") -> bool:
    """Whether all paths lead to the same as before. Each folder is looked up once; names that are links take the long way."""
    folders: Dict[str, List[str]] = {}
    for path in states:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return all(_folder_holds(root, folder, names, states) for folder, names in folders.items())


def _folder_holds(root: Root, folder: str, names: "List[str]", states: "Dict[str, State]") -> bool:
    paths = [(folder + "/" + name, name) for name in names]
    try:
        descriptor, _ = root.place(folder + "/name")
    except Missing:
        return all(states[path] is None for path, _ in paths)
    try:
        for path, name in paths:
            status = _look(descriptor, name) if name not in ("", ".", "..") else root.status(path)
            is_link = status is not None and stat.S_ISLNK(status.st_mode)
            if (_now(root, path) if is_link else _state(status)) != states[path]:
                return False
    finally:
        os.close(descriptor)
    return True


def _look(descriptor: int, name: str) -> "Optional[os.stat_result]":
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _now(root: Root, path: str) -> "State":
    try:
        return _state(root.status(path))
    except Missing:
        return None


def _link_now(root: Root, path: str) -> "Optional[str]":
    try:
        return root.link(path)
    except Missing:
        return None


def _state(status: "Optional[os.stat_result]") -> "State":
    if status is None:
        return None
    return status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns
