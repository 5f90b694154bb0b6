"""A kernel's command line: as GRUB makes it (lib/cmdline.c), and split as the kernel splits it (lib/cmdline.c, kernel/params.c)."""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

_UNITS = "KMGTPE"
_DIGITS = frozenset("0123456789")
_BLANKS = " \t\n\v\f\r\xa0"  # the kernel's isspace() for single bytes: lib/ctype.c


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
    for character in line.encode("utf-8", "surrogateescape").decode("latin-1"):
        if character == '"':
            quoted = not quoted
        if character in _BLANKS and not quoted:
            if word:
                words.append(word)
            word = ""
        else:
            word += character
    words += [word] if word else []
    return tuple(word.encode("latin-1").decode("utf-8", "surrogateescape") for word in words)


def parse(line: str) -> "Tuple[Argument, ...]":
    """Return the kernel's own arguments, in order; those after ``--`` are init's and left out."""
    arguments = parse_all(line)
    ends = [number for number, argument in enumerate(arguments) if _taken_apart(argument.text) == ("--", None)]
    return arguments[:ends[0]] if ends else arguments


def parse_all(line: str) -> "Tuple[Argument, ...]":
    """Return all arguments, in order: programs that read /proc/cmdline know nothing of ``--``."""
    taken = [_taken_apart(word) + (word,) for word in split(line)]
    return tuple(Argument(name.replace("-", "_"), value, word) for name, value, word in taken)


def _taken_apart(word: str) -> "Tuple[str, Optional[str]]":
    """Return name and value. Only quotes around the whole or around the value go away, and a backslash means nothing."""
    quoted = word.startswith('"')
    text = word[1:] if quoted else word
    equals = text.find("=", 1)
    if equals < 0:
        return (text[:-1] if quoted and text.endswith('"') else text), None
    value = text[equals + 1:]
    opened = value.startswith('"')
    value = value[1:] if opened else value
    return text[:equals], value[:-1] if (opened or quoted) and value.endswith('"') else value


def last(arguments: "Tuple[Argument, ...]", name: str) -> "Optional[Argument]":
    """Return the last argument of that name, the one that counts, or None."""
    for argument in reversed(arguments):
        if argument.name == name:
            return argument
    return None


def size_of(text: str) -> "Optional[int]":
    """Return the bytes that a size such as 512M stands for; None for any other form (Linux: lib/cmdline.c, memparse).

    Of a number that 64 bits do not hold the kernel takes the lowest 64: that is no size either.
    """
    unit = _UNITS.find(text[-1:].upper()) + 1 if text else 0
    digits = text[:-1] if unit else text
    if not digits or len(digits) > 20 or digits[0] == "0" or not _DIGITS.issuperset(digits):
        return None
    size = int(digits) << 10 * unit
    return size if size < 1 << 64 else None


def written_by_grub(arguments: "List[str]") -> str:
    """Return the line that GRUB makes: an argument with a space in quotation marks, quotes and backslashes escaped."""
    parts: List[str] = []
    for argument in arguments:
        text = argument
        if "\\" in text or "'" in text or '"' in text:
            text = text.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')
        parts.append('"' + text + '"' if " " in text else text)
    return " ".join(parts)


def fitting(line: str, size: int) -> "Tuple[str, str]":
    """Return what GRUB puts into a buffer of ``size`` bytes of a line that it made, and what it leaves out.

    It leaves out whole arguments, without a word: the first that does not fit, and all that follow. Each takes one byte
    more than its length, for what separates or ends it (lib/cmdline.c, grub_create_loader_cmdline).
    """
    if len(line.encode("utf-8", "surrogateescape")) < size:
        return line, ""
    arguments = _separated(line)
    for number, argument in enumerate(arguments):
        size -= len(argument.encode("utf-8", "surrogateescape")) + 1
        if size < 0:
            return " ".join(arguments[:number]), " ".join(arguments[number:])
    return line, ""


def _separated(line: str) -> "List[str]":
    """Return the arguments of a line that GRUB made, as they stand in it."""
    words: List[str] = []
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(line):
        if escaped or character == "\\":
            escaped = not escaped
        elif character == '"':
            quoted = not quoted
        elif character == " " and not quoted:
            words.append(line[start:place])
            start = place + 1
    return words + [line[start:]]
