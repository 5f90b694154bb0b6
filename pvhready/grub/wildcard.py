"""Wildcards in arguments: ``*`` and ``?`` stand for names of devices and files (GRUB: commands/wildcard.c)."""

from pvhready.grub.devices import Devices, Failure, split
from pvhready.grub.lexer import unescape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List


MAX_PATTERN = 4096  # longer ones fit no file
_OPERATORS = "*.|+{}[]?"


def expand(pattern: str, devices: Devices, root: str, step: "Callable[[int], None]") -> "List[str]":
    """Return what an escaped pattern that begins with ``/``, ``(`` or ``*`` stands for; nothing when nothing fits.

    ``root`` is the device of a name that has none. ``step`` is told how many names were looked at, and may raise.
    """
    if len(pattern) > MAX_PATTERN:
        return []
    found = [""]
    rest = pattern
    if pattern[0] != "/":
        end = pattern.find(")") + 1 if pattern[0] == "(" else pattern.find("/")
        end = end if end > 0 else len(pattern)
        found = _devices(pattern[:end], _has_wildcard(pattern[end:]), devices)
        rest = pattern[end:]
        if rest and rest[0] != "/":
            return []
    parts = rest.split("/")[1:]
    last = max((number for number, part in enumerate(parts) if _has_wildcard(part)), default=-1)
    for number, part in enumerate(parts):
        if number > last or not _has_wildcard(part):
            found = [name + "/" + _plain(part, number < last) for name in found]
            continue
        before, found = found, []
        for directory in before:
            place = _place(directory, devices, root)
            names = devices.names(place[0], place[1]) if place else ()
            step((1 + len(names)) * (1 + len(part) // 32))
            found.extend(directory + "/" + name for name in names if matches(name, part))
    if last < len(parts) - 1:
        step(len(found))
        found = [name for name in found if _exists(name, devices, root)]
    return found


def matches(name: str, pattern: str) -> bool:
    """Whether a name fits an escaped pattern. Costs at most the product of their lengths.

    GRUB makes a regular expression of the pattern and does not escape ``^`` and ``$``: they fit no character, but the
    start and the end of the name.
    """
    tokens = _tokens(pattern)
    at = star = mark = 0
    has_star = False
    here = 0
    while at < len(name):
        if here < len(tokens) and tokens[here] == "*":
            has_star, star, mark = True, here, at
            here += 1
        elif here < len(tokens) and (tokens[here] == "?" or tokens[here] == "\\" + name[at]):
            here += 1
            at += 1
        elif here < len(tokens) and tokens[here] == "^" and at == 0:
            here += 1
        elif has_star:
            mark += 1
            here, at = star + 1, mark
        else:
            return False
    return all(token in "*$" or token == "^" and not name for token in tokens[here:])


def _tokens(pattern: str) -> "List[str]":
    """Return ``*``, ``?``, ``^``, ``$``, or a character with a backslash before it, for each part of a pattern."""
    tokens: List[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
            tokens.append(pattern[at - 1:at + 1])
        elif char in "*?^$":
            tokens.append(char)
        else:
            tokens.append("\\" + char)
        at += 1
    return tokens


def _has_wildcard(part: str) -> bool:
    return any(token in "*?" for token in _tokens(part))


def _plain(part: str, before_wildcard: bool) -> str:
    """Return what a part without wildcards stands for; before a wildcard a backslash stays where it guards no operator (make_dir)."""
    if not before_wildcard or "\\" not in part:
        return unescape(part)
    pieces = part.split("\\\\")
    for operator in _OPERATORS:
        pieces = [piece.replace("\\" + operator, operator) for piece in pieces]
    return "\\".join(pieces)


def _devices(part: str, before_wildcard: bool, devices: Devices) -> "List[str]":
    if not _has_wildcard(part):
        return [_plain(part, before_wildcard)]
    # A bare * takes whole disks only, (*) takes partitions too.
    names = ["({})".format(name) for name in devices.devices() if part[0] == "(" or "," not in name]
    return [name for name in names if matches(name, part)]


def _place(name: str, devices: Devices, root: str) -> "List[str]":
    """Return [device, path], or nothing when there is no such device."""
    try:
        device, path = split(name)
    except Failure:
        return []
    device = root if device is None else device
    return [device, path or "/"] if devices.exists(device) else []


def _exists(name: str, devices: Devices, root: str) -> bool:
    place = _place(name, devices, root)
    return bool(place) and devices.information(place[0], place[1]) is not None
