"""/etc/pvhready.conf of any bytes."""

from pvhready.errors import CommandError
from pvhready.settings import parse

TOKENS = (
    b"[check]\n", b"host = bitfolk\n", b"skip = console-silent\n", b"[hooks]\n", b"block = yes\n", b"[exporter]\n",
    b"listen = [::1]:9843\n", b"interval = 1h\n", b"[guest]\nassume = pv\n", b"%(host)s", b"=", b":", b"#", b";", b"\n ", b"[", b"]",
    b"\0", b"\xff", b"[DEFAULT]\n",
)


def run(data: bytes) -> None:
    """Read it: settings, or one complaint in words."""
    try:
        parse(data.decode("utf-8", "surrogateescape"))
    except CommandError as error:
        assert str(error)
