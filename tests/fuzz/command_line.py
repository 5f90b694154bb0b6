"""A kernel's command line of any bytes, as GRUB makes it and as the kernel splits it."""

from pvhready.cmdline import fitting, parse, size_of, split, written_by_grub
from pvhready.devicenames import is_plausible, parse_spec

TOKENS = (
    b"root=UUID=1", b"console=hvc0", b'"', b" ", b"\\", b"'", b"=", b"--", b"\xa0", b"\xff", b"mem=512M", b"init=/x",
    b"PARTUUID=1/PARTNROFF=2", b"\\x20", b"/dev/mapper/a-b", b"\t",
)


def run(data: bytes) -> None:
    """Split it: no byte is made up, and what is left out is the end."""
    line = data.decode("utf-8", "surrogateescape")
    assert sum(len(word.encode("utf-8", "surrogateescape")) for word in split(line)) <= len(line.encode("utf-8", "surrogateescape"))
    for argument in parse(line):
        size_of(argument.value or "")
        is_plausible(argument.value or "")
        parse_spec(argument.value or "")
    made = written_by_grub(line.split("\n"))
    for size in (1, 128, 1023):
        kept, dropped = fitting(made, size)
        assert len(kept.encode("utf-8", "surrogateescape")) < max(size, 2)
        assert dropped or kept.rstrip(" ") == made.rstrip(" ")  # an empty argument at the end is nothing
