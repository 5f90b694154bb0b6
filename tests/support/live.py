"""A made-up guest as if it were the running system: its /boot, /etc and /var stand in the place of the machine's own.

Only one process and its children see that (a mount namespace); the machine itself is not touched.
"""

import os
import subprocess
import sys
from typing import Dict, NamedTuple, Optional, Sequence

from support import wanted
from support.trees import UUID

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The /dev is a new one, in which udev has made the link by which the root file system's device is known.
_ENTER = """
top=$1 device=$2 before=$3; shift 3
for name in boot etc var; do mount --bind "$top/$name" "/$name"; done
mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/full c 1 7
mkdir -p /dev/disk/by-uuid
ln -s "../../$device" /dev/disk/by-uuid/{uuid}
eval "$before"
exec "$@"
""".format(uuid=UUID)
_NAMESPACE = ("unshare", "--mount", "--propagation", "private")


class Output(NamedTuple):
    """What a run left behind: the exit code, and the two streams as text."""

    code: int
    out: str
    err: str


class Live:
    """Runs programs where a guest's directory is the running system's."""

    def __init__(self, directory: str) -> None:
        """Take the guest's directory. Skips the test where mounts cannot be made."""
        wanted.root()
        wanted.tool("unshare", "util-linux")
        if subprocess.call(_NAMESPACE + ("mount", "-t", "tmpfs", "tmpfs", "/mnt"), stderr=subprocess.DEVNULL):
            wanted.skip("the right to mount")
        self.directory = directory
        for name in ("boot", "etc", "var/cache", "var/lib"):
            os.makedirs(os.path.join(directory, name), exist_ok=True)

    def path(self, name: str) -> str:
        """Return where the guest's path ``name`` (absolute) is on this machine."""
        return self.directory + name

    def write(self, name: str, text: str) -> None:
        """Write a file of the guest."""
        with open(self.path(name), "w", encoding="utf-8") as handle:
            handle.write(text)

    def run(
        self, *words: str, environment: Optional[Dict[str, str]] = None, before: str = "", given: bytes = b"", redirection: str = "",
    ) -> Output:
        """Run a command there.

        ``before`` is shell code to run first, ``given`` the command's standard input; ``redirection`` is as the shell has it.
        """
        if redirection:
            words = ("sh", "-c", '"$@" ' + redirection, "sh") + words
        process = subprocess.run(
            _NAMESPACE + ("sh", "-ec", _ENTER, "sh", self.directory, _root_device(), before) + words, input=given, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=dict(os.environ if environment is None else environment, PYTHONDONTWRITEBYTECODE="1"), timeout=120)
        return Output(process.returncode, process.stdout.decode("utf-8", "replace"), process.stderr.decode("utf-8", "replace"))

    def pvhready(self, *arguments: str, environment: Optional[Dict[str, str]] = None, **options: object) -> Output:
        """Run the program there, under the interpreter that runs the tests."""
        code = "import sys; sys.path.insert(0, {!r}); sys.argv[0] = 'pvhready'; from pvhready.cli import program; program()".format(_TOP)
        return self.run(*_python(code), *arguments, environment=environment, **options)  # type: ignore[arg-type]


def _python(code: str) -> Sequence[str]:
    return (sys.executable, "-c", code)


def _root_device() -> str:
    """Return the name of the device that holds the root file system; "none" where the kernel tells of none (btrfs, overlayfs)."""
    number = os.stat("/").st_dev
    device = "/sys/dev/block/{}:{}".format(os.major(number), os.minor(number))
    return os.path.basename(os.path.realpath(device)) if os.path.exists(device) else "none"
