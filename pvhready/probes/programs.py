"""Can the kernel start a program? What execve(2) looks at: a file with content, the right to run it, its form, and its interpreter.

Sources: Linux's fs/binfmt_elf.c and fs/binfmt_script.c, elf(5). What lies behind, as libraries, is not looked at.
"""

import stat

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional, Tuple

    # Returns what a path leads to, links followed; None where nothing has it.
    Look = Callable[[str], "Optional[Executable]"]

HEAD = 4096  # bytes of a program that say how it is started, as far as they are read here
_DEPTH = 4  # scripts that are run by scripts (Linux: fs/exec.c allows five steps)
_MACHINES = (3, 62)  # EM_386, EM_X86_64
_EXECUTABLE, _SHARED = 2, 3  # e_type
_INTERPRETER = 3  # PT_INTERP
_MAX_SEGMENTS = 64


class Executable(NamedTuple):
    """A file: its mode and size as ``stat`` says, and the beginning of its content, up to ``HEAD`` bytes."""

    mode: int
    size: int
    head: bytes


def objection(path: str, look: "Look", depth: int = 0) -> "Optional[str]":
    """Say in a few words why the kernel cannot start a program, None where nothing speaks against it. Raises what ``look`` raises."""
    file = look(path)
    if file is None:
        return "{} is not there".format(path)
    said = _of_file(path, file)
    if said is not None:
        return said
    if file.head.startswith(b"\x7fELF"):
        interpreter, said = _of_elf(path, file)
    elif file.head.startswith(b"#!"):
        interpreter = _of_script(file.head)
        said = None if interpreter else "{} does not say which program runs it".format(path)
    else:
        return "{} is neither a program nor a script".format(path)
    if said is not None or not interpreter or depth >= _DEPTH:
        return said
    said = objection(interpreter, look, depth + 1)
    return said and "{}, which {} needs".format(said, path) if depth == 0 else said


def _of_file(path: str, file: Executable) -> "Optional[str]":
    if not stat.S_ISREG(file.mode):
        return "{} is no file".format(path)
    if not file.size or not file.head:
        return "{} is empty".format(path)
    if not file.head.strip(b"\0"):
        return "{} holds nothing but zero bytes".format(path)
    return None if file.mode & 0o111 else "{} may not be executed".format(path)


def _of_script(head: bytes) -> str:
    words = head[2:].split(b"\n", 1)[0].split()
    return words[0].decode("utf-8", "surrogateescape") if words else ""


def _of_elf(path: str, file: Executable) -> "Tuple[str, Optional[str]]":
    """Return the program that loads an ELF file, "" for none or one that is not seen, and what speaks against the file."""
    head = file.head
    width = {1: 32, 2: 64}.get(head[4] if len(head) > 4 else 0)
    size = 52 if width == 32 else 64
    if width is None or len(head) < size or head[5] != 1:
        return "", "{} is damaged: it has no whole ELF header".format(path)
    kind, machine = (int.from_bytes(head[at:at + 2], "little") for at in (16, 18))
    if kind not in (_EXECUTABLE, _SHARED):
        return "", "{} is no program, by its ELF header".format(path)
    if machine not in _MACHINES:
        return "", "{} is made for another kind of machine".format(path)
    table, entry, count = _segments(head, width)
    if not count or table + entry * count > file.size:
        return "", "{} is damaged: it ends before its program headers do".format(path)
    for at in range(table, table + entry * min(count, _MAX_SEGMENTS), entry):
        if int.from_bytes(head[at:at + 4], "little") == _INTERPRETER and at + entry <= len(head):
            return _interpreter(path, file, at, width)
    return "", None


def _segments(head: bytes, width: int) -> "Tuple[int, int, int]":
    """Return offset, size of one, and number of the program headers."""
    offset, step, entries = (32, 8, 54) if width == 64 else (28, 4, 42)
    return (
        int.from_bytes(head[offset:offset + step], "little"), 56 if width == 64 else 32,
        int.from_bytes(head[entries + 2:entries + 4], "little"),
    )


def _interpreter(path: str, file: Executable, at: int, width: int) -> "Tuple[str, Optional[str]]":
    offset, step, length = (8, 8, 32) if width == 64 else (4, 4, 16)
    start = int.from_bytes(file.head[at + offset:at + offset + step], "little")
    size = int.from_bytes(file.head[at + length:at + length + step], "little")
    if start + size > file.size:
        return "", "{} is damaged: it ends before the name of its loader does".format(path)
    if start + size > len(file.head):
        return "", None  # further behind than is read here
    name = file.head[start:start + size].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    return name, None if name.startswith("/") else "{} is damaged: its loader has no name".format(path)
