"""os-release of any bytes."""

from pvhready.probes.distribution import parse_os_release, read_distribution
from tests.fuzz.places import guest

TOKENS = (
    b"ID=debian\n", b"VERSION_ID=", b"NAME=", b"ID_LIKE=", b'"', b"'", b"\\", b"$x", b"`a`", b"#", b"=", b"\n", b"\0", b"\xff",
    b"\xc3\xa4",
)


def run(data: bytes) -> None:
    """Read it: values stay within what is written, and nothing of it is run."""
    values = parse_os_release(data.decode("utf-8", "surrogateescape"))
    assert sum(len(name) + len(value) for name, value in values.items()) <= len(data)
    with guest({"/etc/os-release": data}) as root:
        found = read_distribution(root)
    assert found.id is None or isinstance(found.id, str)
