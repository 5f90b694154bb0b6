"""Packaged hooks are moved aside as ``dpkg-divert --rename`` does it: the package's later versions then go to the other name, too.

dpkg's list of diversions has three lines for each: the path, where it goes instead, and whose wish it is, ":" for the
administrator's (dpkg: lib/dpkg/db-fsys-divert.c).
"""

from pvhready.root import Missing, Root
from pvhready.undo.changes import CREATE, REMOVE, REPLACE, Change, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence, Tuple

LIST = "/var/lib/dpkg/diversions"
_LOCAL = ":"
_LIMIT = 4 * 1024 * 1024  # bytes
_HOOK_LIMIT = 1024 * 1024  # bytes


def diverted(path: str) -> str:
    """Return where a hook goes; run-parts runs no name with a dot in it, kernel-install none that ends in anything but .install."""
    return path + ".distrib"


def divert(root: Root, hooks: "Sequence[Tuple[str, str]]") -> "List[Change]":
    """Return the changes that move hooks aside, given as (path, package). Raises Refused where one is diverted already, and Unreadable."""
    entries, exists = _read(root)
    changes = []
    for path, package in hooks:
        if any(path in entry[:2] for entry in entries) or root.exists(diverted(path)) or "\n" in path:
            raise Refused("{} cannot be moved aside: there is a diversion of it, or {} is there already".format(path, diverted(path)))
        mode = root.status(path).st_mode & 0o7777
        why = "the hook of package {}, where nothing runs it".format(package)
        changes.append(Change(CREATE, diverted(path), root.read(path, _HOOK_LIMIT), mode, why))
        entries.append((path, diverted(path), _LOCAL))
    why = "dpkg is told of it, as dpkg-divert does"
    changes.append(Change(REPLACE if exists else CREATE, LIST, _text(entries), None if exists else 0o644, why))
    return changes + [Change(REMOVE, path, why="a hook of package {}".format(package)) for path, package in hooks]


def without(root: Root, paths: "Sequence[str]") -> "Tuple[Change, ...]":
    """Return the change that takes our diversions of ``paths`` from a list that others have changed since. Raises Unreadable."""
    entries, exists = _read(root)
    left = [entry for entry in entries if not (entry[0] in paths and entry[1:] == (diverted(entry[0]), _LOCAL))]
    if not exists or left == entries:
        return ()
    return (Change(REPLACE, LIST, _text(left), None, "our diversions are taken out of it"),)


def _read(root: Root) -> "Tuple[List[Tuple[str, str, str]], bool]":
    try:
        lines = root.read_text(LIST, _LIMIT).split("\n")
    except Missing:
        return [], False
    if len(lines) % 3 != 1 or lines[-1]:
        raise Refused("{} is not what dpkg writes".format(LIST))
    return list(zip(lines[0::3], lines[1::3], lines[2::3])), True


def _text(entries: "Sequence[Tuple[str, str, str]]") -> bytes:
    return "".join(line + "\n" for entry in entries for line in entry).encode("utf-8", "surrogateescape")
