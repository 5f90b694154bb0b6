"""Basic authentication: who may ask, by bcrypt hashes."""

import base64
import binascii
import hashlib
import os
import threading

from pvhready.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional, Set

MAX_COST = 18  # two to this number of rounds take some twenty seconds
_STARTS = ("$2a$", "$2b$", "$2y$")
_MAX_KNOWN = 100


class Passwords:
    """Users with their hashes. A pair that was right is remembered (as a digest), for a hash takes a tenth of a second."""

    def __init__(self, users: "Mapping[str, str]") -> None:
        """Take hashes by user. Raises UsageError for what is no bcrypt hash, and where the library for them is missing."""
        try:
            import bcrypt
        except ImportError as error:
            raise UsageError("basic_auth_users needs a library that is not here: install python3-bcrypt") from error
        for name, written in users.items():
            _demand_hash(name, written)
        self._check = bcrypt.checkpw
        self._hashes = {name: written.encode("ascii") for name, written in users.items()}
        self._stranger = next(iter(self._hashes.values()), b"")
        self._salt = os.urandom(16)
        self._known: Set[bytes] = set()
        self._one_at_a_time = threading.Lock()  # those who guess must not take all processors

    def allows(self, header: "Optional[str]") -> bool:
        """Whether the value of the header Authorization is that of a user with the right password."""
        if not self._hashes:
            return True
        pair = _pair(header)
        if pair is None:
            return False
        digest = hashlib.sha256(self._salt + pair).digest()
        if digest in self._known:
            return True
        name, _, password = pair.partition(b":")
        # A name that is not known takes as long as one that is.
        written = self._hashes.get(name.decode("utf-8", "replace"))
        if not self._matches(password, written or self._stranger) or written is None:
            return False
        if len(self._known) < _MAX_KNOWN:
            self._known.add(digest)
        return True

    def _matches(self, password: bytes, written: bytes) -> bool:
        with self._one_at_a_time:
            try:
                return bool(self._check(password, written))
            except ValueError:
                return False  # a NUL in it, or longer than bcrypt takes: nobody's password


def _pair(header: "Optional[str]") -> "Optional[bytes]":
    """Return "user:password" as the header has it; None for anything else."""
    scheme, _, word = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(word.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return pair if b":" in pair else None


def _demand_hash(name: str, written: str) -> None:
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    cost = written[4:6]
    whole = len(written) == 60 and written[:4] in _STARTS and cost.isdigit() and written[6] == "$" and set(written[7:]) <= set(alphabet)
    if not whole or not 4 <= int(cost) <= 31:
        raise UsageError('the password of {!r} is no bcrypt hash: make one with "htpasswd -nBC 10 USER"'.format(name))
    if int(cost) > MAX_COST:
        raise UsageError("the hash of {!r} has cost {}, which takes minutes for each look: at most {}".format(name, cost, MAX_COST))
