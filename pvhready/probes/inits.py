"""The program that ``init=`` of an entry names: is it in the guest's root file system?"""

from pvhready.cmdline import last, parse
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Optional

    from pvhready.facts import Entry


def read_inits(root: Root, entries: "Iterable[Entry]") -> "Dict[str, Optional[bool]]":
    """Return for each path that an entry's ``init=`` names whether it is there; None where that cannot be seen."""
    named = (last(parse(entry.cmdline), "init") for entry in entries)
    return {argument.value: _is_there(root, argument.value) for argument in named if argument is not None and argument.value}


def _is_there(root: Root, path: str) -> "Optional[bool]":
    try:
        root.status("/" + path.lstrip("/"))
    except Missing:
        return False
    except Unreadable:
        return None
    return True
