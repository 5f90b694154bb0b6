"""Where the tokens of a line end (GRUB: grub-core/script/yylex.l), told without regular expressions.

To import and compile those costs more than to read a whole menu.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import FrozenSet, List, Optional

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_DIGITS = frozenset("0123456789")
_NAME = _LETTERS | _DIGITS
LOOSE = frozenset("'\"\\$")
_SIGNS = LOOSE | frozenset("{}|&;<>")
STOPS = _SIGNS | frozenset(" \t\n")  # what ends plain text


def tokens_of(line: str) -> "Optional[List[str]]":
    """Return the tokens of a line up to its comment; None when a quotation, or what looks like the start of one, does not end on it."""
    tokens: List[str] = []
    if _SIGNS.isdisjoint(line):
        for word in line.replace("\t", " ").split(" "):
            if word[:1] == "#":
                break
            if word:
                tokens.append(word)
        return tokens
    at = 0
    while at < len(line):
        if line[at] in " \t":
            at += 1
            continue
        if line[at] == "#":
            break
        end = _word_end(line, at)
        if end < 0:
            return None
        if end == at:
            end += 2 if line[at:at + 2] in ("||", "&&", ";;") else 1
        tokens.append(line[at:end])
        at = end
    return tokens


def _word_end(line: str, at: int) -> int:
    """Return the end of the word that begins at ``at``, which is ``at`` for none; -1 when a part of it does not end on the line."""
    while 0 <= at < len(line):
        char = line[at]
        if char not in STOPS:
            at = find_any(line, at, STOPS)
        elif char == "'":
            at = line.find("'", at + 1) + 1 or -1
        elif char == '"':
            at = _double_end(line, at + 1)
        elif char == "\\":
            at = at + 2 if at + 2 <= len(line) else -1
        elif char == "$":
            at = _double_end(line, at + 2) if line.startswith('"', at + 1) else _variable_end(line, at + 1)
        else:
            break
    return at


def _double_end(line: str, at: int) -> int:
    """Return where a quotation ends whose content begins at ``at``: after its double quote, which has no backslash before it; or -1."""
    close = line.find('"', at)
    while close >= 0:
        escaped = line.find("\\", at, close)
        if escaped < 0:
            return close + 1
        at = escaped + 2
        close = line.find('"', at)
    return -1


def _variable_end(line: str, at: int) -> int:
    """Return the end of what follows a dollar sign, a name or ``{name}``; -1 when it is neither."""
    braced = line.startswith("{", at)
    end = name_end(line, at + braced)
    if end == at + braced or (braced and not line.startswith("}", end)):
        return -1
    return end + braced


def name_end(line: str, at: int) -> int:
    """Return the end of a variable's name, which is ``at`` for none: letters and digits, a number, or one of ``? # * @``."""
    char = line[at:at + 1]
    if char in _LETTERS:
        allowed = _NAME
    elif char in _DIGITS:
        allowed = _DIGITS
    else:
        return at + 1 if char and char in "?#*@" else at
    while at < len(line) and line[at] in allowed:
        at += 1
    return at


def find_any(line: str, at: int, characters: "FrozenSet[str]") -> int:
    """Return where the first of some characters stands, from ``at`` on; the line's length when there is none."""
    while at < len(line) and line[at] not in characters:
        at += 1
    return at


def is_name(text: str) -> bool:
    """Whether a text can name a function or the variable of a loop."""
    return bool(text) and text[0] not in _DIGITS and _NAME.issuperset(text)
