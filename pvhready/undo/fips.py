"""/boot/.vmlinuz-X.hmac: the checksum by which dracut's FIPS module trusts a kernel image.

It holds a keyed hash in hex, and often the image's path. sha512hmac writes it on Fedora and EL, fipshmac on openSUSE; both have a key
that everybody knows (libkcapi: apps/kcapi-hasher.c; fipscheck: filehmac.c).
"""

from pvhready.root import Missing, Root, Unreadable
from pvhready.undo.changes import IMAGE_LIMIT, REPLACE, Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

_KEYS = (b"FIPS-FTW-RHT2009", b"orboDeJITITejsirpADONivirpUkvarP")
_HASHES = {128: "sha512", 64: "sha256"}
_LIMIT = 4096  # bytes


def refresh(root: Root, path: str, new: bytes) -> "Tuple[List[Change], str]":
    """Return the change that makes the checksum beside ``path`` fit its new content, and what is to be said where that cannot be."""
    folder, _, name = path.rpartition("/")
    place = "{}/.{}.hmac".format(folder, name)
    try:
        place = root.resolve(place)
        text = root.read(place, _LIMIT)
    except Missing:
        return [], ""
    except Unreadable as error:
        return [], "{} is left as it is: {}".format(error.path, error.reason)
    recorded = text.split(None, 1)[0].decode("ascii", "replace").lower() if text.split() else ""
    if _made_from(recorded, new):
        return [], ""
    try:
        old = root.read(path, IMAGE_LIMIT)
    except Unreadable as error:
        return [], "{} is left as it is: {}: {}".format(place, error.path, error.reason)
    made = _made_from(recorded, old) or _beside(root, name, new)
    if made is None:
        return [], "{} fits neither image and is left as it is: make it anew with sha512hmac or fipshmac".format(place)
    fresh = _digest(made, new).encode("ascii") + text[len(recorded):]
    return [Change(REPLACE, place, fresh, None, "the checksum of the image that is restored")], ""


def _made_from(recorded: str, content: bytes) -> "Optional[Tuple[str, bytes]]":
    """Return the hash and the key that give the recorded checksum, None when none does."""
    for key in _KEYS:
        made = (_HASHES.get(len(recorded), ""), key)
        if made[0] and _digest(made, content) == recorded:
            return made
    return None


def _beside(root: Root, name: str, content: bytes) -> "Optional[Tuple[str, bytes]]":
    """The same for the checksum that the package keeps in its folder of modules."""
    try:
        text = root.read("/lib/modules/{}/.vmlinuz.hmac".format(name.partition("-")[2]), _LIMIT)
    except Unreadable:
        return None  # not there: nothing is known of how it was made
    return _made_from(text.split(None, 1)[0].decode("ascii", "replace").lower(), content) if text.split() else None


def _digest(made: "Tuple[str, bytes]", content: bytes) -> str:
    import hmac

    return hmac.new(made[1], content, made[0]).hexdigest()
