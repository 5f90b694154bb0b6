"""A .deb or .rpm of any bytes."""

from pvhready.archives import package
from pvhready.archives.kernels import kernels_in
from pvhready.unpack import UnpackError
from tests.fuzz.places import guest

TOKENS = (
    b"!<arch>\n", b"debian-binary   ", b"control.tar.xz  ", b"data.tar        ", b"`\n", b"100644  ", b"2.0\n", b"ustar\x0000",
    b"./boot/vmlinuz-6.1.0", b"../../etc/passwd", b"\xed\xab\xee\xdb\x03\0", b"\x8e\xad\xe8\x01\0\0\0\0", b"\xff" * 4, bytes(4),
    bytes(512), b"070701" + b"0" * 104, b"TRAILER!!!\0", b"PAX", b"12 path=a\n",
)
_PATH = "/a.deb"
_LIMIT = 1 << 20


def run(data: bytes) -> None:
    """Describe it, list it, look for kernels: what is raised is said in words."""
    with guest({_PATH: data}) as root:
        with root.open(_PATH) as file:
            for task in (package.describe, lambda file: list(package.entries(file, lambda name: _LIMIT))):
                try:
                    task(file)
                except UnpackError as error:
                    assert error.reason
        for kernel in [kernel for found in kernels_in(root, {_PATH: _PATH}).values() for kernel in found]:
            assert kernel.path
