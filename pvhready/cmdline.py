"""A kernel's command line, split as the kernel splits it (Linux: lib/cmdline.c next_arg, kernel/params.c)."""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple


class Argument(NamedTuple):
    """``name`` has ``-`` as ``_``, as the kernel compares them; ``value`` is None without ``=``; ``text`` is as written."""

    name: str
    value: "Optional[str]"
    text: str


def split(line: str) -> "Tuple[str, ...]":
    """Return the arguments as written: separated by blanks, but not by those inside double quotes."""
    words: List[str] = []
    word = ""
    quoted = False
    for character in line:
        if character == '"':
            quoted = not quoted
        if character.isspace() and not quoted:
            if word:
                words.append(word)
            word = ""
        else:
            word += character
    return tuple(words + [word] if word else words)


def parse(line: str) -> "Tuple[Argument, ...]":
    """Return the kernel's own arguments, in order; those after ``--`` are init's and left out."""
    arguments = []
    for word in split(line):
        if word == "--":
            break
        name, equals, value = word.strip('"').partition("=")
        arguments.append(Argument(name.replace("-", "_"), value.strip('"') if equals else None, word))
    return tuple(arguments)


def last(arguments: "Tuple[Argument, ...]", name: str) -> "Optional[Argument]":
    """Return the last argument of that name, the one that counts, or None."""
    for argument in reversed(arguments):
        if argument.name == name:
            return argument
    return None
