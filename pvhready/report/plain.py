"""Text that is safe and fits: control characters made visible, words wrapped, columns aligned."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence


def printable(text: str) -> str:
    """Return the text with every control character, line separator and stray byte shown as an escape, never acted on."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def wrap(text: str, width: int, indent: str = "") -> "List[str]":
    """Return lines of at most ``width`` columns, the second and later ones indented. A word that is too long stays whole."""
    line = text[: len(text) - len(text.lstrip(" "))]
    lines: List[str] = []
    started = False
    for word in text.lstrip(" ").split(" "):
        if started and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, started = indent, False
        line += " " + word if started else word
        started = True
    return lines + [line]


def columns(rows: "Sequence[Sequence[str]]") -> "List[str]":
    """Return rows as lines with aligned columns, two blanks between them."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8
        return "\\x{:02x}".format(code - 0xDC00)
    return "\\x{:02x}".format(code) if code < 0x100 else "\\u{:04x}".format(code) if code < 0x10000 else "\\U{:08x}".format(code)
