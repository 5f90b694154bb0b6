"""Numbers as GRUB reads them (GRUB: kern/misc.c, grub_strtoull)."""

from pvhready.grub.devices import BAD_NUMBER
from pvhready.records import NamedTuple

OUT_OF_RANGE = 11
_MAXIMUM = (1 << 64) - 1
_DIGITS = {char: value for value, char in enumerate("0123456789abcdefghijklmnopqrstuvwxyz")}


MESSAGES = {BAD_NUMBER: "unrecognized number.", OUT_OF_RANGE: "overflow is detected."}


class Number(NamedTuple):
    """A value, how many characters it took, and 0 or the error number."""

    value: int
    length: int
    error: int


def unsigned(text: str, base: int = 0) -> Number:
    """Read an unsigned number at the start of a text; base 0 takes 0x and a leading 0 as hexadecimal and octal."""
    at = len(text) - len(text.lstrip(" \t\n\r"))
    if text[at:at + 1] == "0":
        if text[at + 1:at + 2] == "x" and base in (0, 16):
            base = 16
            at += 2
        elif base == 0 and text[at + 1:at + 2] and text[at + 1] in "01234567":
            base = 8
    base = base or 10
    value = 0
    start = at
    while at < len(text):
        digit = _DIGITS.get(text[at].lower(), 99)
        if digit >= base:
            break
        value = value * base + digit
        if value > _MAXIMUM:
            return Number(_MAXIMUM, at, OUT_OF_RANGE)
        at += 1
    if at == start:
        return Number(0, 0, BAD_NUMBER)
    return Number(value, at, 0)


def signed(text: str) -> Number:
    """Read a number that may begin with a minus. It is cut to 32 bits, as GRUB does (commands/test.c)."""
    number = unsigned(text[1:] if text.startswith("-") else text)
    value = -number.value if text.startswith("-") else number.value
    return number._replace(value=(value + (1 << 31)) % (1 << 32) - (1 << 31))
