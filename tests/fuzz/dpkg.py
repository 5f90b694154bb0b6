"""dpkg's database of any bytes: status, diversions, a list, checksums."""

from pvhready.probes.packages import Owners
from tests.fuzz.places import guest, parts

TOKENS = (
    b"Package: linux-image-6.1.0-1\n", b"Status: install ok installed\n", b"Version: 1-1\n", b"Architecture: amd64\n", b"\n\n", b"\n%%\n",
    b"/boot/vmlinuz-6.1.0-1\n", b"/boot/vmlinuz-6.1.0-1\n/boot/vmlinuz.real\n:\n",
    b"d41d8cd98f00b204e9800998ecf8427e  boot/vmlinuz-6.1.0-1\n", b":", b" ", b"\0", b"\xff", b"/.\n",
)
_IMAGE = "/boot/vmlinuz-6.1.0-1"
_INFO = "/var/lib/dpkg/info/linux-image-6.1.0-1"


def run(data: bytes) -> None:
    """Ask who owns an image, and what is recorded of it."""
    status, diversions, listed, sums = parts(data, 4)
    files = {"/var/lib/dpkg/status": status, "/var/lib/dpkg/diversions": diversions, _INFO + ".list": listed, _INFO + ".md5sums": sums,
        _IMAGE: b""}
    with guest(files) as root:
        owners = Owners(root)
        owner = owners.owner(_IMAGE)
        owners.record(_IMAGE)
        assert owner is None or owner and "\n" not in owner
        assert all(problem.reason for problem in owners.problems)
