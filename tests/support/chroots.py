"""The Debian package, built from this clone in a clean chroot, and guests in which a real apt installs it."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
from typing import Dict, Iterator, NamedTuple, Sequence

from support import debian, realtree, wanted

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BUILD = ("debhelper", "dh-python", "fakeroot", "lintian", "pybuild-plugin-pyproject", "python3", "python3-setuptools")
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".tests-cache", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", ".coverage*", "build", "dist")
# As in a guest that was booted: the kernel tells the root device, and udev has made the link by which it is known.
_ENTER = """
top=$1 device=$2 number=$3 own=$4; shift 4
[ "$own" = no ] || mount --bind "$top" "$top"
mount -t proc proc "$top/proc"
mount -t sysfs -o ro sysfs "$top/sys"
mount -t tmpfs -o mode=755 tmpfs "$top/dev"
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9"; do
    mknod -m 666 "$top/dev/${{node%% *}}" c ${{node#* }}
done
ln -s /proc/self/fd "$top/dev/fd"
mkdir -p "$top/dev/disk/by-uuid"
[ "$device" = none ] || mknod "$top/dev/$device" b ${{number%:*}} ${{number#*:}}
ln -s "../../$device" "$top/dev/disk/by-uuid/{uuid}"
exec chroot "$top" "$@"
""".format(uuid=realtree.UUID)


class Output(NamedTuple):
    """What a run left behind: the exit code, and both streams together."""

    code: int
    text: str

    @property
    def said(self) -> Sequence[str]:
        """The lines that are pvhready's; dnf 5 quotes what a script says."""
        lines = [line.lstrip("> ") for line in self.text.splitlines()]
        return [line for line in lines if line.startswith("pvhready: ")]


class Chroot:
    """A whole system in a directory, in which programs run."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.is_mount = "no"  # "yes" where rpm 6 is run, which wants that; grub-mkconfig would write other paths then
        status = os.stat(directory)
        number = "{}:{}".format(os.major(status.st_dev), os.minor(status.st_dev))
        device = "/sys/dev/block/" + number
        self._device = (os.path.basename(os.path.realpath(device)) if os.path.exists(device) else "none", number)

    def path(self, name: str) -> str:
        """Return where the path ``name`` (absolute) is on this machine."""
        return self.directory + name

    def inside(self, path: str) -> str:
        """Return what a path on this machine is there."""
        return path[len(self.directory):]

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file there."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as handle:
            handle.write(text)
        os.chmod(self.path(name), mode)

    def run(self, *words: str, **environment: str) -> Output:
        """Run a program there; it may take ten minutes."""
        variables: Dict[str, str] = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        variables.update({name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ})
        variables.update(environment)
        how = (self.directory,) + self._device + (self.is_mount,)
        process = subprocess.run(
            ("unshare", "--mount", "--propagation", "private", "sh", "-ec", _ENTER, "sh") + how + words,
            env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
        return Output(process.returncode, process.stdout.decode("utf-8", "replace"))

    def demand(self, *words: str, **environment: str) -> Output:
        """Run a program there that must not fail."""
        output = self.run(*words, **environment)
        assert output.code == 0, output.text[-3000:]
        return output

    def apt(self, *words: str, **environment: str) -> Output:
        """Run apt-get there."""
        return self.run("apt-get", "-y", "-oDpkg::Use-Pty=0", "-oAPT::Install-Recommends=false", *words, **environment)


def builder(suite: str) -> Chroot:
    """Return a chroot with all that builds packages, from the cache or made now; skips the test where that cannot be."""
    return Chroot(_system("build-" + suite, suite, _BUILD))


def bare(suite: str) -> str:
    """Return the directory of a Debian with next to nothing in it, which is not to be changed; skips as ``builder``."""
    return _system("bare-" + suite, suite, ("apt",))


def _system(name: str, suite: str, packages: Sequence[str]) -> str:
    wanted.root()
    wanted.tool("mmdebstrap", "mmdebstrap")
    directory = debian.cache("trees", name)
    with debian.alone():
        if not os.path.isdir(directory):
            partial = directory + ".partial"
            shutil.rmtree(partial, ignore_errors=True)
            realtree.install(suite, partial, packages)
            os.rename(partial, directory)
    return directory


def build(chroot: Chroot, source: str = _TOP, name: str = "build", umask: str = "022", **environment: str) -> str:
    """Build the package there from a copy of ``source``, and return the path of the .changes on this machine."""
    folder = chroot.path("/" + name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder + "/pvhready", ignore=NOT_SOURCE, symlinks=True)
    # No compiler is needed, which is most of build-essential.
    chroot.demand(
        "sh", "-c", 'umask "$2" && cd "$1" && dpkg-checkbuilddeps -I && dpkg-buildpackage -d -us -uc -b', "sh",
        "/{}/pvhready".format(name), umask, **environment)
    return os.path.join(folder, next(file for file in os.listdir(folder) if file.endswith(".changes")))


def furnish(chroot: Chroot, example: str) -> None:
    """Make a system seem a guest: with the boot files of the example ``debian-12``, root's alone as on a careful machine."""
    for name in ("boot", "etc/fstab", "etc/default/grub"):
        subprocess.check_call(["cp", "-a", os.path.join(example, name), os.path.dirname(chroot.path("/" + name))])
    for name in ("/boot/grub/grub.cfg", "/etc/fstab"):
        with open(chroot.path(name), encoding="utf-8") as handle:
            text = handle.read()
        chroot.write(name, re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", realtree.UUID, text))
    if not os.path.lexists(chroot.path("/sbin/init")):
        chroot.write("/sbin/init", "#!/bin/sh\n", 0o755)
    for folder, _, names in os.walk(chroot.path("/boot")):
        os.chmod(folder, 0o700)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o600)


@functools.lru_cache(maxsize=None)
def built() -> str:
    """Return the path of the .deb of this clone, built once by each process of the tests."""
    return package(build(builder("bookworm"), name="build-" + os.environ.get("PYTEST_XDIST_WORKER", "alone")))


def package(changes: str) -> str:
    """Return the path of the .deb beside a .changes."""
    folder = os.path.dirname(changes)
    return os.path.join(folder, next(file for file in os.listdir(folder) if file.endswith(".deb")))


@contextlib.contextmanager
def guest(suite: str, folder: str) -> Iterator[Chroot]:
    """Hand out a guest of its own below ``folder``: a Debian with a kernel, an initramfs and a menu, as an installer leaves it."""
    directory = os.path.join(folder, suite)
    subprocess.check_call(["cp", "-a", "--reflink=auto", realtree.make(suite).directory, directory])
    chroot = Chroot(directory)
    # A small initramfs, quickly made, with all that the check wants to see.
    chroot.write("/etc/initramfs-tools/conf.d/quick", "MODULES=list\nCOMPRESS=gzip\n")
    chroot.write("/etc/initramfs-tools/modules", "xen-blkfront\next4\n")
    shutil.copy("/etc/resolv.conf", chroot.path("/etc/resolv.conf"))
    with realtree.disks(directory):
        chroot.demand("apt-get", "-q", "update")
        yield chroot
    shutil.rmtree(directory)
