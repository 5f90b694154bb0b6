"""The ELF reader for kernels, the one for programs, and the one for modules."""

from pvhready.probes.elf import read_elf
from pvhready.probes.modules import damage
from pvhready.probes.programs import HEAD, Executable, objection
from pvhready.unpack import Budget, LimitReached, MissingTool

TOKENS = (
    b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x01\x01", b"\x3e\0", b"\x03\0", b"\x02\0", b"\x01\0", b"\xff" * 8, bytes(8), b"Xen\0",
    b"vermagic=", b"/lib64/ld-linux-x86-64.so.2\0", b"#!", b"#!/a\n", b"\x38\0", b"\x40\0", b"\x1f\x8b\x08", b"\xfd7zXZ\0\0\x01",
)


def run(data: bytes) -> None:
    """Read it in all three ways."""
    found = read_elf(lambda offset, size: data[max(0, offset):max(0, offset + size)] if offset < len(data) else b"")
    assert found is None or found.end >= 0 and all(0 <= kind < 1 << 32 for kind in found.notes)
    objection("/a", lambda path: Executable(0o100755, len(data), data[:HEAD]))
    try:
        damage(data, len(data), Budget(1 << 26, 20.0))
    except (MissingTool, LimitReached) as error:
        assert error.reason
