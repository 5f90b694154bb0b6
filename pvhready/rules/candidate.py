"""Whether a machine is a guest that could be switched: what hooks ask before anything else, and so by itself."""

from pvhready.facts import Guest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


def is_candidate(guest: Guest) -> "Optional[bool]":
    """Whether this is a guest that could be switched: False when it is positively none, None when it cannot be told."""
    if guest.dom0 or guest.type == "none":
        return False
    return None if guest.type is None else True
