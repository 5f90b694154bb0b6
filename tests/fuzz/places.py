"""A guest's folder in which a target puts its input; one for each process, gone with it."""

import atexit
import os
import shutil
import tempfile
from typing import Dict, List

from pvhready.root import Root

_FOLDERS: List[str] = []


def folder() -> str:
    """Return the folder, which is made at the first call."""
    if not _FOLDERS:
        _FOLDERS.append(tempfile.mkdtemp(prefix="pvhready-fuzz-"))
        atexit.register(shutil.rmtree, _FOLDERS[0], True)
    return _FOLDERS[0]


def guest(files: Dict[str, bytes]) -> Root:
    """Return a guest that has these files, beside those that earlier calls have left under other names. Close it."""
    for path, content in files.items():
        target = folder() + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as handle:
            handle.write(content)
    return Root(folder())


def parts(data: bytes, count: int) -> List[bytes]:
    """Return an input in so many parts, divided where it holds the mark; those that are missing are empty."""
    found = data.split(b"\n%%\n")[:count]
    return found + [b""] * (count - len(found))
