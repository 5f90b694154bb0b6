"""What the documentation tells people to type: its blocks of code, and the commands in them."""

import os
import re
from typing import Iterator, List, NamedTuple, Tuple

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LANGUAGES = ("sh", "text", "ini", "yaml", "diff", "python")


class Block(NamedTuple):
    """A block of code: the page (relative path), the line that it begins at, its language, its text."""

    page: str
    line: int
    language: str
    text: str


class Command(NamedTuple):
    """A line to type, with the ``cd`` lines of its block that stand before it."""

    page: str
    typed: str
    before: Tuple[str, ...] = ()


def pages() -> List[str]:
    """Return the pages of the documentation, as paths relative to the top of the source."""
    found = [name for name in os.listdir(TOP) if name.endswith(".md")]
    return sorted(found) + sorted("docs/" + name for name in os.listdir(os.path.join(TOP, "docs")) if name.endswith(".md"))


def read(page: str) -> str:
    """Return the text of a page."""
    with open(os.path.join(TOP, page), encoding="utf-8") as handle:
        return handle.read()


def sentences(page: str) -> str:
    """Return the text of a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", read(page), flags=re.MULTILINE | re.DOTALL)


def blocks(page: str) -> Iterator[Block]:
    """Return the blocks between fences of a page."""
    for found in re.finditer(r"^( *)```(\S*)\n(.*?)^ *```$", read(page), re.MULTILINE | re.DOTALL):
        lines = [line[len(found.group(1)):] for line in found.group(3).splitlines()]
        yield Block(page, read(page).count("\n", 0, found.start()) + 1, found.group(2), "\n".join(lines) + "\n")


def commands(page: str) -> Iterator[Command]:
    """Return every line to type of a page."""
    for block in blocks(page):
        before: List[str] = []
        for line in block.text.splitlines() if block.language == "sh" else ():
            typed = line.partition(" # ")[0].strip()
            if not typed or typed.startswith("#"):
                continue
            yield Command(page, typed, tuple(before))
            if typed.startswith("cd "):
                before.append(typed)


def in_sentences(page: str) -> Iterator[str]:
    """Return what stands between backquotes in the sentences of a page and begins with pvhready."""
    for quoted in re.findall(r"`([^`]+)`", sentences(page)):
        if quoted.startswith("pvhready "):
            yield " ".join(quoted.split())


def of_manual() -> Iterator[Command]:
    """Return the examples of the manual page and of --help."""
    from pvhready.examples import EXAMPLES

    for examples in EXAMPLES.values():
        for typed, _ in examples:
            yield Command("pvhready(1)", typed)
