"""What can become of the installed program and of what surrounds it, for the runs of package managers that must not mind it."""

import contextlib
import os
import shutil
import stat
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from support.chroots import Chroot, Output

LAUNCHER = "/usr/bin/pvhready"
SCRIPT = "/usr/libexec/pvhready/hook"
MEMORY = "/var/cache/pvhready"
FULL = "mount -t tmpfs -o size=4k tmpfs {0}; cat /dev/zero >{0}/full 2>/dev/null || true; ".format(MEMORY)


class Breakage(NamedTuple):
    """One thing that goes wrong.

    ``files`` replaces files for as long as it lasts: text and mode, None for a file that is not there. ``before`` is shell code that
    runs before the package manager, ``within`` the words that start it. ``speaks``: the program may still judge the kernel.
    ``seconds`` is how long each hook may take longer than a sound one.
    """

    files: Dict[str, Optional[Tuple[str, int]]] = {}
    before: str = ""
    within: Sequence[str] = ()
    speaks: bool = False
    seconds: int = 0


def _program(text: str, mode: int = 0o755) -> Breakage:
    return Breakage({LAUNCHER: (text, mode)})


def all_of(python: str, modules: str) -> Dict[str, Breakage]:
    """Return every breakage by name. ``python`` is the interpreter that the launcher names, ``modules`` the folder of our package."""
    return {
        "crash": _program("#!/bin/sh\nkill -SEGV $$\n"),
        "hang": _program("#!/bin/sh\nsleep 100\n")._replace(seconds=20),
        "hang that minds no signal": _program("#!/bin/sh\ntrap '' TERM INT HUP\nwhile :; do sleep 100; done\n")._replace(seconds=20),
        "much to say": _program("#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9; do echo line $i; echo error $i >&2; done\nexit 1\n"),
        "missing": Breakage({LAUNCHER: None}),
        "not executable": _program("#!/bin/sh\n", 0o644),
        "unreadable": _program("#!/bin/sh\n", 0o000),
        "no interpreter": _program("#!/no/such/python3\n"),
        "broken Python": _program("#!/usr/bin/env -S PYTHONHOME=/nonexistent {}\n".format(python)),
        "Python is not there": Breakage({python: None}),
        "modules are missing": Breakage({modules + "/cli.py": None}),
        "modules are damaged": Breakage({modules + "/cli.py": ("\0\0\0", 0o644), modules + "/hooks/run.py": ("def", 0o644)}),
        "the script is missing": Breakage({SCRIPT: None}),
        "the script is damaged": Breakage({SCRIPT: ("#!/bin/sh\nif then\n", 0o755)}),
        "full disk": Breakage(before=FULL, speaks=True),
        "read-only disk": Breakage(before="mount -t tmpfs -o ro tmpfs {}; ".format(MEMORY), speaks=True),
        "LC_ALL=C": Breakage(within=("env", "LC_ALL=C", "LANG=C", "PYTHONIOENCODING=ascii"), speaks=True),
        "a language that is not installed": Breakage(within=("env", "LC_ALL=tr_TR.UTF-8"), speaks=True),
        "empty environment": Breakage(within=("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"), speaks=True),
        "no terminal": Breakage(within=("setsid", "--wait", "sh", "-c", '"$@" <&-', "sh"), speaks=True),
    }


@contextlib.contextmanager
def broken(chroot: Chroot, breakage: Breakage) -> Iterator[None]:
    """Let the files of a breakage stand in the place of the sound ones. None of them is a folder."""
    held = [path for path in breakage.files if os.path.lexists(chroot.path(path))]
    for path in held:
        os.rename(chroot.path(path), chroot.path(path) + ".away")
    try:
        for path, found in breakage.files.items():
            if found:
                chroot.write(path, *found)
        yield
    finally:
        for path, found in breakage.files.items():
            if found:
                os.unlink(chroot.path(path))
        for path in held:
            os.rename(chroot.path(path) + ".away", chroot.path(path))


def run(chroot: Chroot, breakage: Breakage, *words: str, **environment: str) -> Output:
    """Run a package manager while all this is so. The memory is empty: each hook has something to find out."""
    shutil.rmtree(chroot.path(MEMORY), ignore_errors=True)
    os.makedirs(chroot.path(MEMORY), stat.S_IRWXU)
    with broken(chroot, breakage):
        return chroot.run("sh", "-ec", breakage.before + 'exec "$@"', "sh", *(tuple(breakage.within) + words), **environment)
