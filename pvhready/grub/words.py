"""From words to fields: variables put in, split, escaped (GRUB: script/execute.c, script/argv.c)."""

from pvhready.grub.lexer import CONSTANT, GETTEXT, QUOTED, escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Tuple

    from pvhready.grub.lexer import Piece

    Arguments = Optional[List[str]]  # of a function or an entry; None outside of both


def fields(word: "Tuple[Piece, ...]", values: "Dict[str, str]", arguments: "Arguments", step: "Callable[[int], None]") -> "List[str]":
    """Return the fields that a word makes, still escaped. A word of empty variables makes none.

    ``step`` is told of long values, of which nothing but blanks may come, and may raise.
    """
    made: List[str] = []
    current: Optional[str] = None
    for kind, text in word:
        if kind == CONSTANT:
            current = text if current is None else current + text
            continue
        if kind == GETTEXT:
            current = (current or "") + escape(_translated(text, values, arguments))
            continue
        for index, value in enumerate(_values(text, kind, values, arguments, step)):
            if index and current is not None:
                made.append(current)
                current = None
            current = (current or "") + value
    if current is not None:
        made.append(current)
    return made


def split(value: str) -> "List[str]":
    """Split a value on what GRUB takes for blanks."""
    if "\t" in value or "\n" in value or "\r" in value:
        value = value.replace("\t", " ").replace("\n", " ").replace("\r", " ")
    return [part for part in value.split(" ") if part]


def _values(name: str, kind: int, values: "Dict[str, str]", arguments: "Arguments", step: "Callable[[int], None]") -> "List[str]":
    """Return what a variable puts in: parts of one field each, escaped."""
    if name[0] in "0123456789#*@":
        found = _argument_values(name, kind, arguments) if arguments is not None else []
    else:
        value = values.get(name)
        found = [value] if value else []
    for value in found:
        if len(value) > 1000:
            step(len(value) >> 4)
    if kind == QUOTED:
        return [escape(value) for value in found]
    return [_escape_unquoted(part) for value in found for part in split(value)]


def _argument_values(name: str, kind: int, arguments: "List[str]") -> "List[str]":
    if name == "#":
        return [str(len(arguments))]
    if name == "@":
        return list(arguments)
    if name == "*":
        return [" ".join(arguments)] if kind == QUOTED and arguments else list(arguments)
    number = int(name[:9])
    return [arguments[number - 1]] if 0 < number <= len(arguments) else []


def _translated(text: str, values: "Dict[str, str]", arguments: "Arguments") -> str:
    """Return a text of ``$"..."`` with its variables put in; it is never translated here."""
    from pvhready.grub.gettext import substitute

    return substitute(text, values, arguments)


def _escape_unquoted(value: str) -> str:
    """Escape the value of an unquoted variable: its wildcards count, unless a backslash is before them."""
    if "\\" not in value:
        return value
    parts: List[str] = []
    for index, char in enumerate(value):
        if char == "\\":
            parts.append("\\\\\\" if value[index + 1:index + 2] in ("?", "*") else "\\\\")
        else:
            parts.append(char)
    return "".join(parts)
