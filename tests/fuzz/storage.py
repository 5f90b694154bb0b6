"""/etc/fstab, /etc/crypttab and a unit for /boot of any bytes, and the file systems that they make."""

from pvhready.probes.filesystems import file_systems
from pvhready.probes.storage import parse_fstab, read_storage
from tests.fuzz.places import guest, parts

TOKENS = (
    b"UUID=1-2", b"LABEL=a", b"/dev/xvda1", b" / ", b" /boot ", b" ext4 ", b" btrfs ", b"subvol=@", b" defaults 0 0\n", b"\\040", b"\\8",
    b"\t", b"#", b"\0", b"\xff", b"\n%%\n", b"[Mount]\n", b"What=", b"Where=/boot\n", b"Type=ext4\n", b'"', b"none swap sw",
)


def run(data: bytes) -> None:
    """Read them. Lines of fstab are mounts or problems."""
    fstab, crypttab, unit = parts(data, 3)
    with guest({"/etc/fstab": fstab, "/etc/crypttab": crypttab, "/etc/systemd/system/boot.mount": unit}) as root:
        storage = read_storage(root, False)
    mounts, problems = parse_fstab(fstab.decode("utf-8", "surrogateescape"))
    assert storage.fstab[:len(mounts)] == mounts and len(mounts) + len(problems) <= fstab.count(b"\n") + 1
    assert len(file_systems(storage)) <= len(storage.fstab)
