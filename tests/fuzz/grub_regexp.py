"""The command ``regexp``: an expression, a NUL, a text. Bounded in work."""

from pvhready.grub import regexp
from pvhready.grub.devices import NotKnown

TOKENS = tuple(word.encode() for word in (
    "a", "(", ")", "*", "+", "?", "|", "[", "]", "[^", "[:alpha:]", "{2,3}", "{255}", "{,", "\\", "^", "$", ".", "-", "\0", "(a*)*", "((",
    "))", "\\1",
    "[a-z]",
))
_MOST = 200000


class _Enough(Exception):
    """As much work was done as one entry may ask for, and more."""


def run(data: bytes) -> None:
    """Search; the work that is told must be what is done."""
    expression, _, text = data.decode("utf-8", "surrogateescape").partition("\0")
    spent = 0

    def step(cost: int) -> None:
        nonlocal spent
        spent += cost
        if spent > _MOST:
            raise _Enough()

    try:
        groups = regexp.search(expression, text, step)
    except (NotKnown, _Enough):
        return
    assert groups is None or (groups[0] is not None and groups[0] in text)
