"""Texts that GRUB would translate, ``$"..."``: the variables inside (GRUB: script/execute.c, parse_string)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def substitute(text: str, values: "Dict[str, str]", arguments: "Optional[List[str]]") -> str:
    """Return the text with its variables put in. A backslash keeps a dollar sign."""
    parts: List[str] = []
    at = 0
    escaped = False
    while at < len(text):
        char = text[at]
        if char == "\\":
            escaped = not escaped
            if not escaped:
                parts.append("\\")
            at += 1
        elif char == "$" and not escaped:
            name, at = _name_at(text, at + 1)
            parts.append(_value(name, values, arguments) if name else "$")
        else:
            parts.append(("\\" + char) if escaped and char != "$" else char)
            escaped = False
            at += 1
    return "".join(parts)


def _name_at(text: str, at: int) -> "Tuple[str, int]":
    char = text[at:at + 1]
    if char == "{":
        end = text.find("}", at)
        return (text[at + 1:end], end + 1) if end >= 0 else ("", len(text))
    if char in ("?", "#"):
        return char, at + 1
    end = at
    digits = char.isdigit()
    while end < len(text) and text[end] in _NAME and (not digits or text[end].isdigit()):
        end += 1
    return text[at:end], end


def _value(name: str, values: "Dict[str, str]", arguments: "Optional[List[str]]") -> str:
    if name == "#":
        return str(len(arguments or []))
    return values.get(name, "") if name != "?" else ""
