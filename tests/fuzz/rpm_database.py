"""rpm's database of any bytes, and a package's header in it."""

import struct

from pvhready.probes.packages import Owners
from pvhready.probes.rpm import read_header
from tests.fuzz.places import guest

TOKENS = (
    b"SQLite format 3\0", b"CREATE TABLE Packages", b"CREATE INDEX", b"CREATE VIEW Basenames AS", b"SELECT", b"\0\0\0\x10", b"\xff" * 4,
    b"vmlinuz", struct.pack(">IIII", 1000, 6, 0, 1), struct.pack(">IIII", 1117, 8, 0, 1), struct.pack(">IIII", 1116, 4, 0, 1),
    struct.pack(">IIII", 1035, 8, 0, 1), bytes(16),
)


def run(data: bytes) -> None:
    """Ask who owns an image; and read the bytes as a header."""
    with guest({"/var/lib/rpm/rpmdb.sqlite": data, "/usr/lib/os-release": b"ID=fedora\n", "/boot/vmlinuz": b""}) as root:
        owners = Owners(root)
        owners.owner("/boot/vmlinuz")
        owners.record("/boot/vmlinuz")
        assert all(problem.reason for problem in owners.problems)
    try:
        read_header(data, [0, 1, 1 << 20])
    except (struct.error, ValueError, IndexError):
        pass  # what its caller tells of as a damaged header
