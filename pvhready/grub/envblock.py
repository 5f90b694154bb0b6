"""The environment block, grubenv (GRUB: lib/envblk.c, commands/loadenv.c)."""

from pvhready.grub.devices import BAD_FILE_TYPE, Failure
from pvhready.grub.lexer import unescape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict

HEADER = "# GRUB Environment Block\n"


def parse(block: bytes) -> "Dict[str, str]":
    """Return the variables in the order of the block.

    A value ends at a newline; a backslash takes the next character as it is. GRUB stops at the first line that is
    cut off. Raises Failure, as GRUB does, when the header is not there.
    """
    text = block.decode("utf-8", "surrogateescape")
    if len(text) <= len(HEADER) or not text.startswith(HEADER):
        raise Failure(BAD_FILE_TYPE, "invalid environment block.")
    variables: Dict[str, str] = {}
    at = len(HEADER)
    while at < len(text):
        if text[at] == "#":
            at = _line_end(text, at) + 1
            continue
        equals = text.find("=", at)
        end = _line_end(text, equals + 1)
        if equals < 0 or end >= len(text):
            return variables
        variables[text[at:equals]] = unescape(text[equals + 1:end])
        at = end + 1
    return variables


def _line_end(text: str, at: int) -> int:
    """Return where the newline is that no backslash precedes; the length of the text, or more, when there is none."""
    while at < len(text):
        newline = text.find("\n", at)
        backslash = text.find("\\", at, newline if newline >= 0 else len(text))
        if backslash < 0:
            return newline if newline >= 0 else len(text)
        at = backslash + 2
    return at
