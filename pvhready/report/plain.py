"""Text that is safe and fits: control characters made visible, words wrapped, columns aligned.

A column is a cell of the terminal: a Chinese character takes two, an accent that stands on another letter none.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence


def printable(text: str) -> str:
    """Return the text with every control character, line separator and stray byte shown as an escape, never acted on."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def isolated(text: str) -> str:
    """Return what a guest wrote, printable, for a line with other text: words from right to left stay within their place.

    A terminal that knows such scripts would reorder the numbers and signs that follow them, and with these the rest of a table. The two
    marks of Unicode that prevent this (FSI, PDI) take no room. They are not for commands: those are to be copied.
    """
    text = printable(text)
    return _ISOLATE + text + _END if _is_from_right_to_left(text) else text


def width(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    return len(text) if _is_narrow(text) else sum(map(_columns_of, text))


def pad(text: str, columns: int) -> str:
    """Return the text with blanks after it up to that many columns."""
    return text + " " * (columns - width(text))


def wrap(text: str, limit: int, indent: str = "") -> "List[str]":
    """Return lines of at most ``limit`` columns, the second and later ones indented.

    A word that is too long stays whole, but for one with wide characters: Chinese and Japanese have no blanks to break at.
    """
    line = text[: len(text) - len(text.lstrip(" "))]
    lines: List[str] = []
    measure = len if _is_narrow(text) else width
    started = False
    for word in text.lstrip(" ").split(" "):
        if started and measure(line) + 1 + measure(word) > limit:
            lines.append(line)
            line, started = indent, False
        line += " " + word if started else word
        started = True
        if measure is width and width(line) > limit:
            *whole, line = _pieces(line, limit, indent)
            lines += whole
    lines.append(line)
    return lines if measure is len else _each_isolated(lines, len(indent))


def columns(rows: "Sequence[Sequence[str]]", limit: "Optional[int]" = None) -> "List[str]":
    """Return rows as lines with aligned columns, two blanks between them. With a ``limit`` the last column goes on below itself."""
    if not rows:
        return []
    widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines: List[str] = []
    for row in rows:
        head = "  ".join(pad(cell, columns) for cell, columns in zip(row[:-1], widths)) + "  "
        lines += [line.rstrip() for line in (wrap(head + row[-1], limit, " " * width(head)) if limit else (head + row[-1],))]
    return lines


_ISOLATE, _END = "\u2068", "\u2069"  # first strong isolate, pop directional isolate


def _is_narrow(text: str) -> bool:
    """Whether every character takes one column for certain, told by the quickest way that Python 3.6 has."""
    return len(text.encode("utf-8", "surrogatepass")) == len(text)


def _each_isolated(lines: "List[str]", indent: int) -> "List[str]":
    """Return lines of which each has the marks that it needs by itself: for a terminal every line begins anew."""
    result: List[str] = []
    is_open = False
    for line in lines:
        line = line[:indent] + _ISOLATE + line[indent:] if is_open else line
        is_open = line.count(_ISOLATE) > line.count(_END)
        result.append(line + _END if is_open else line)
    return result


def _is_from_right_to_left(text: str) -> bool:
    if _is_narrow(text):
        return False
    from unicodedata import bidirectional

    return any(bidirectional(character) in ("R", "AL", "AN") for character in text)


def _columns_of(character: str) -> int:
    if character < "\u0300":
        return 1
    from unicodedata import category, east_asian_width

    if character in (_ISOLATE, _END) or category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":
        return 0  # the last are the vowels and final consonants of a Korean syllable, drawn into its first letter
    return 2 if east_asian_width(character) in ("W", "F") else 1


def _pieces(line: str, limit: int, indent: str) -> "List[str]":
    """Return a line that is too long, broken before wide characters."""
    pieces: List[str] = []
    start, taken = 0, 0
    for index, character in enumerate(line):
        columns = _columns_of(character)
        if columns == 2 and taken + columns > limit:
            pieces.append(line[start:index])
            start, taken = index, len(indent)
        taken += columns
    pieces.append(line[start:])
    return pieces[:1] + [indent + piece for piece in pieces[1:]]


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8
        return "\\x{:02x}".format(code - 0xDC00)
    return "\\x{:02x}".format(code) if code < 0x100 else "\\u{:04x}".format(code) if code < 0x10000 else "\\U{:08x}".format(code)
