"""The guest as it would be after some changes: so that what they lead to can be judged before they are made."""

import os
import stat
import time

from pvhready.root import File, Missing, Root, Unreadable
from pvhready.undo.backups import backup_path
from pvhready.undo.changes import FILE, REMOVE, Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Sequence, Set, Tuple

_MODE = stat.S_IFREG | 0o644


class _Held(File):
    """A file that is in memory only."""

    def __init__(self, content: bytes, path: str, status: os.stat_result) -> None:
        super().__init__(-1, path, status, lambda: None)
        self.size = len(content)
        self._content = content

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        return self._content[offset:offset + size]


class Preview(Root):
    """A root in which changes seem to be made. Use it in a ``with``. Links that a change would put back are not seen."""

    def __init__(self, root: Root, changes: "Sequence[Change]") -> None:
        """Look at the guest of ``root``; the paths of ``changes`` hold no link in their folders' names, or it is followed."""
        super().__init__(root.directory)
        self._changes: Dict[str, Change] = {}
        self._numbers: Dict[str, int] = {}
        self._gone: Set[str] = set()
        for number, change in enumerate(changes, 1):
            path = self._place(change.path)
            if change.kind == REMOVE:
                self._gone.add(path)
            elif change.saved is None or change.saved.state.kind == FILE:
                self._changes[path] = change
                self._numbers[path] = number

    def open(self, path: str) -> File:
        """Open a file as it would be."""
        change = self._find_change(path)
        if change is None:
            return super().open(path)
        if change.saved is not None:
            kept = super().open(backup_path(change.saved.run, change.saved.step))
            kept.path = path
            return kept
        return _Held(change.content, path, self.status(path))

    def status(self, path: str) -> os.stat_result:
        """Return what ``stat`` would say."""
        change = self._find_change(path)
        if change is None:
            return super().status(path)
        try:
            return _changed_now(super().status(path)[:7])
        except Missing:
            # No device has the number 0, so a file that is not there yet is no other's hard link.
            size = len(change.content) if change.saved is None else change.saved.state.size
            return _changed_now((_MODE, self._numbers[self._place(path)], 0, 1, 0, 0, size))

    def names(self, path: str) -> "Tuple[str, ...]":
        """Return the names that there would be."""
        folder = self.resolve(path).rstrip("/")
        added = {name for at, _, name in (change.rpartition("/") for change in self._changes) if at == folder}
        gone = {name for at, _, name in (change.rpartition("/") for change in self._gone) if at == folder}
        return tuple(sorted((set(super().names(path)) | added) - gone))

    def link(self, path: str) -> str:
        """Return the target of a link that would still be there."""
        if self._place(path) in self._gone:
            raise Missing(path)
        return "" if self._place(path) in self._changes else super().link(path)

    def _find_change(self, path: str) -> "Optional[Change]":
        """Return the change of what a path leads to. Raises Missing when that would be gone."""
        for place in (self._place(path), self._end(path)):
            if place in self._gone:
                raise Missing(path)
            if place in self._changes:
                return self._changes[place]
        return None

    def _place(self, path: str) -> str:
        """Return the path with the links on the way followed, and the last not."""
        folder, _, name = path.rpartition("/")
        try:
            return "{}/{}".format(self.resolve(folder or "/").rstrip("/"), name)
        except Unreadable:
            return path

    def _end(self, path: str) -> str:
        try:
            return self.resolve(path)
        except Unreadable:
            return path


def _changed_now(fields: "Tuple[int, ...]") -> os.stat_result:
    """Return the status of a file that has just been written: nothing that ran before has proved it. ``fields`` come before its times."""
    now = int(time.time())
    times = {name + suffix: value for name in ("st_atime", "st_mtime", "st_ctime") for suffix, value in (("", now), ("_ns", now * 10 ** 9))}
    return os.stat_result(fields + (now, now, now), times)
