"""A disk of any bytes: partition tables, RAID, LUKS, LVM, superblocks."""

from pvhready.disk.contents import contents

TOKENS = (
    b"\x55\xaa", b"EFI PART", b"LABELONE", b"LVM2 001", b"LUKS\xba\xbe\0\x02", b"LUKS\xba\xbe\0\x01", b"\x53\xef", b"XFSB", b"_BHRfS_M",
    b"\x10\x20\xf5\xf2", b"\xfc\x4e\x2b\xa9", b"SWAPSPACE2", b"FAT32   ", b"id = \"a\"\n", b"logical_volumes {", b"}", b"\xff" * 8,
    bytes(512), b'{"keyslots":{"0":{"kdf":{"type":"argon2id"}}}}',
)
_PLACES = (0, 512, 1024, 4096, 65536)


def run(data: bytes) -> None:
    """Look into it. The input is laid down in pieces where superblocks stand, so that small ones reach far."""
    size, piece = 70000, max(1, len(data) // len(_PLACES))
    disk = bytearray(size)
    for number, place in enumerate(_PLACES):
        part = data[number * piece:(number + 1) * piece][:4000]
        disk[place:place + len(part)] = part
    for content in (bytes(disk[:size]), data):
        found = contents(lambda offset, length: content[offset:offset + length] if offset >= 0 else b"")  # noqa: B023
        assert all(item.filesystem is not None for item in found)
