"""Writes a guest's file system from a dict: absolute path to content."""

import os
from typing import Dict, Mapping, NamedTuple, Union


class Link(NamedTuple):
    """A symbolic link; ``target`` is written as it is."""

    target: str


class File(NamedTuple):
    """A file with a mode of its own."""

    content: Union[bytes, str]
    mode: int = 0o644


class Folder(NamedTuple):
    """A directory, which may stay empty."""

    mode: int = 0o755


Node = Union[bytes, str, Link, File, Folder]
Tree = Dict[str, Node]


def write_tree(directory: str, tree: Mapping[str, Node]) -> None:
    """Write ``tree`` below ``directory``, with the folders it takes. Text is UTF-8; surrogate escapes stand for other bytes.

    Raises OSError when a path exists as something else or cannot be written.
    """
    for path in sorted(tree):
        _write(os.path.join(directory, path.lstrip("/")), tree[path])


def _write(target: str, node: Node) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if isinstance(node, Link):
        os.symlink(node.target, target)
        return
    if isinstance(node, Folder):
        os.makedirs(target, exist_ok=True)
        os.chmod(target, node.mode)
        return
    content, mode = (node.content, node.mode) if isinstance(node, File) else (node, 0o644)
    with open(target, "wb") as handle:
        handle.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
    os.chmod(target, mode)
