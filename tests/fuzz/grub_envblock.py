"""An environment block of any bytes."""

from pvhready.grub import envblock
from pvhready.grub.devices import Failure

TOKENS = (
    b"# GRUB Environment Block\n", b"saved_entry=", b"=", b"\n", b"\\", b"\\\n", b"#", b"\0", b"\xff", b"a",
)


def run(data: bytes) -> None:
    """Read a block. What comes of it is never longer than the block."""
    try:
        variables = envblock.parse(data)
    except Failure as failure:
        assert failure.text == "invalid environment block."
        return
    assert sum(len(name) + len(value) for name, value in variables.items()) <= len(data)
