"""Reads package files with the code under test."""

import os
from typing import Any, Callable, List, Optional

from pvhready.archives import package
from pvhready.archives.record import Entry
from pvhready.root import Root


def in_package(path: str, task: Callable[[Any], Any]) -> Any:
    """Return what ``task`` makes of the open package file."""
    with Root(os.path.dirname(path)) as root, root.open("/" + os.path.basename(path)) as file:
        return task(file)


def entries(path: str, wanted_paths: Any = lambda name: 1 << 20) -> List[Entry]:
    """Return all entries of a package; ``wanted_paths`` tells how many bytes of each path's content are wanted."""
    return list(in_package(path, lambda file: list(package.entries(file, wanted_paths))))


def take(path: str, *names: str, limit: int = 1 << 20) -> Optional[Entry]:
    """Return the first of the named files that is there."""
    entry: Optional[Entry] = in_package(path, lambda file: package.take(file, names, limit))
    return entry
