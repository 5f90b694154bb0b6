"""An initramfs of any bytes: cpio archives, packed or not, modules, /init, modprobe's settings."""

from pvhready.probes.initramfs import read_initramfs
from tests.fuzz.places import guest

TOKENS = (
    b"070701" + b"0" * 104, b"070702" + b"0" * 104, b"070701", b"TRAILER!!!\0", b"usr/lib/modules/6.1.0/kernel/xen-blkfront.ko\0",
    b"init\0", b"./", b"../", b"etc/modprobe.d/a.conf\0", b"blacklist xen_blkfront\n", b"modules.dep\0", b"000081a4", b"0000a1ff",
    b"000041ed", b"ffffffff", b"00000002", bytes(4), b"\x1f\x8b\x08\0\0\0\0\0", b"\xfd7zXZ\0\0\x01", b"squashfs-root.img\0",
    b"lib -> usr/lib", b"bin/kmod\0",
)
_PATH = "/boot/initrd.img-6.1.0"


def run(data: bytes) -> None:
    """Read it: what is not whole names no module, and says why."""
    with guest({_PATH: data}) as root:
        found = read_initramfs(root, _PATH, seconds=20.0)
    assert found.complete == (found.problem is None)
    assert found.complete or not found.modules and not found.init
    assert not (found.init and found.init_problem)
