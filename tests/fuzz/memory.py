"""What earlier runs have left behind, of any bytes: it is believed only where it is as it was written."""

import os

from pvhready.memory import nextboot
from pvhready.memory.facts import RememberedFacts
from pvhready.memory.folder import Folder
from pvhready.memory.results import FILE, Memory
from pvhready.root import Stamp
from tests.fuzz.places import folder, guest

TOKENS = (
    b"pvhready memory 2\n", b"pvhready facts 1 ", b"\t", b"\n", b"initramfs", b"\x5b", b"\xdb", b"\xfb", b"\xe9\xff\xff\xff\x7f",
    b"i\1\0\0\0", bytes(8), b"\xff" * 8,
)
_STAMP = Stamp("/boot/initrd.img", 1, 2, 3, 4)


def run(data: bytes) -> None:
    """Recall from it: nothing is known."""
    place = Folder(folder() + "/memory", os.geteuid(), 0.0)
    with guest({"/memory/" + FILE: data, "/memory/facts": data, "/memory/next-boot": data}) as root:
        os.chmod(folder() + "/memory", 0o700)
        for name in (FILE, "facts", "next-boot"):
            os.chmod("{}/memory/{}".format(folder(), name), 0o600)
        Memory(place).recall("initramfs", _STAMP)
        RememberedFacts(place).recall(root, ("x",))
        nextboot.recall(place, "bitfolk")
