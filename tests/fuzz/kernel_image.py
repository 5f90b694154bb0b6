"""A kernel image of any bytes: header, payload, ELF notes; by itself, deeply, and in a package."""

from pvhready.facts import MODES, Guest, Kernel
from pvhready.host import profile
from pvhready.probes.image import image_in, read_image
from pvhready.rules.image import judge_image
from tests.fuzz.places import guest

TOKENS = (
    b"MZ", b"HdrS", b"\x55\xaa", b"\x7fELF", b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"\x5d\0\0", b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18",
    b"Xen\0", b"\x04\0\0\0", b"\x12\0\0\0", b"\xff" * 4, b"\xff" * 8, bytes(4), bytes(512), b"PE\0\0", b".linux\0\0", b"IKCFG_ST",
    b"IKCFG_ED",
)
_PATH = "/boot/vmlinuz-6.1.0"
_FORMS = ("bzimage", "gzipped-bzimage", "elf", "uki", "not-a-kernel", "unknown")


def run(data: bytes) -> None:
    """Read and judge an image: nothing is raised, and the two ways agree."""
    with guest({_PATH: data}) as root:
        image = read_image(root, _PATH)
    inner = image_in(data, _PATH)
    assert image.container in _FORMS and inner.container == image.container and inner.payload == image.payload, (image, inner)
    for mode in MODES:
        assert judge_image(Kernel(_PATH, image, "6.1.0"), mode, profile("bitfolk"), Guest("PV"))
