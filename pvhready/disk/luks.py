"""LUKS headers: the version, and how keys are derived from a passphrase.

Source: the LUKS on-disk format specifications 1.2.3 and 2 (cryptsetup, docs/), and GRUB grub-core/disk/luks2.c for what it needs.
"""

import struct

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Tuple

    Reader = Callable[[int, int], bytes]

MAGIC = b"LUKS\xba\xbe"
_BINARY = 4096  # bytes of a second version's header before its text
_MAX_TEXT = 4 * 1024 * 1024  # bytes; the largest that the specification allows


class Luks(NamedTuple):
    """An encrypted container: its UUID, and what opening it needs, as ``luks1`` or ``luks2:argon2id``; ``problem`` says what is odd."""

    uuid: str
    features: "Tuple[str, ...]"
    problem: str = ""


def read_luks(read: "Reader") -> "Luks":
    """Return what a header says that begins with MAGIC."""
    header = read(0, 512)
    uuid = header[168:208].split(b"\0", 1)[0].decode("ascii", "replace")
    version, = struct.unpack_from(">H", header.ljust(512, b"\0"), 6)
    if len(header) < 512:
        return Luks(uuid, ("luks",), "its LUKS header is cut short")
    if version == 1:
        return Luks(uuid, ("luks1",))
    if version != 2:
        return Luks(uuid, ("luks",), "its LUKS header has the unknown version {}".format(version))
    size, = struct.unpack_from(">Q", header, 8)
    text = read(_BINARY, size - _BINARY) if _BINARY < size <= _MAX_TEXT else b""
    kinds = _derivations(text)
    if not kinds:
        return Luks(uuid, ("luks2",), "its LUKS header names no key that could be understood")
    # One key that GRUB can derive is enough for it, if that one's passphrase is typed.
    best = next(kind for kind in ("pbkdf2", "argon2i", "argon2id", kinds[0]) if kind in kinds)
    return Luks(uuid, ("luks2:" + best,))


def _derivations(text: bytes) -> "Tuple[str, ...]":
    """Return the key derivation of each key slot."""
    import json

    try:
        slots = json.loads(text.split(b"\0", 1)[0].decode("utf-8"))["keyslots"]
        return tuple(str(slot["kdf"]["type"]) for slot in slots.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()  # the caller says that nothing was understood
