"""What package managers hand to the hooks: arguments, and names of packages through a pipe."""

import os

from pvhready.hooks import image, packages
from pvhready.hooks.run import run as run_hook
from pvhready.settings import HOOKS
from tests.fuzz.places import parts

TOKENS = (
    b"6.1.0-1-amd64", b"/boot/vmlinuz-6.1.0-1-amd64", b"add", b"remove", b"\n%%\n", b"\0", b"/a.deb\n", b"a.deb\n", b"--root", b"-",
    b"..", b"\xff", b"", b"kernel-postinst", b" ",
)


def run(data: bytes) -> None:
    """No arguments of any kind make a hook fail: it ends with 0, and with 1 only where the administrator wants it."""
    words, piped = parts(data, 2)
    arguments = [word.decode("utf-8", "surrogateescape") for word in words.split(b"\0")]
    release, path = image.read_postinst(arguments)
    assert isinstance(release, str) and isinstance(path, str)
    added = image.read_kernel_install(arguments)
    assert added is None or len(added) == 2
    reading, writing = os.pipe()
    os.write(writing, piped[:60000])
    os.close(writing)
    try:
        assert all(name.startswith("/") for name in packages._names(reading))
    finally:
        os.close(reading)
    if arguments[0] not in HOOKS:
        os.environ["PVHREADY_SUSPEND"] = "0"
        errors = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        try:
            assert run_hook(arguments[0], arguments[1:]) == 0
        finally:
            os.dup2(errors, 2)
            os.close(errors)
            os.close(null)
