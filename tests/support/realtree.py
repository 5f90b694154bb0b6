"""Whole Debian guests: a real apt installs a real kernel, and a real grub-mkconfig writes the menu.

One program in them is not the real one: grub-probe, which has to look at the disk below /. A chroot has none, so
a stand-in answers for a guest whose root file system is ext4 on the first partition of a Xen disk.
"""

import contextlib
import os
import shutil
import subprocess
from typing import Iterator, NamedTuple, Sequence

from support import debian, wanted

UUID = "8f3b6c1e-2f57-4d6a-9b0e-5a1d7c9e4b20"
_PACKAGES = (
    "initramfs-tools", "systemd-sysv", "zstd", "grub-common", "grub2-common", "grub-pc-bin",
    "python3", "python3-psutil", "python3-packaging", "python3-distro", "python3-magic",  # to run the program inside
)

# The answers that grub-mkconfig and grub-mkconfig_lib ask for (Debian: grub-common, /usr/sbin/grub-mkconfig).
_PROBE = """\
#!/bin/sh
case " $* " in
*" --target=device "* | *" -t device "*) echo /dev/xvda1 ;;
*" --target=fs_uuid "*) echo {uuid} ;;
*" --target=fs "* | *" -t fs "*) echo ext2 ;;
*" --target=partmap "*) echo msdos ;;
*" --target=compatibility_hint "*) echo xen/xvda,msdos1 ;;
*" --target=hints_string "*) echo "--hint='xen/xvda,msdos1'" ;;
*" --target=abstraction "* | *" --target=drive "*) ;;
*) exit 1 ;;
esac
""".format(uuid=UUID)


class RealTree(NamedTuple):
    """A guest's directory, and the release of its kernel."""

    directory: str
    release: str

    def path(self, name: str) -> str:
        """Return where the guest's path ``name`` (absolute) is on this machine."""
        return self.directory + name


def make(suite: str, name: str = "", packages: Sequence[str] = (), kernel: str = "linux-image-amd64") -> RealTree:
    """Return a guest of the Debian release ``suite``, from the cache or made now; skips the test where that cannot be.

    A guest with further ``packages`` or another ``kernel`` is kept under a ``name`` of its own.
    """
    wanted.root()
    wanted.tool("mmdebstrap", "mmdebstrap")
    directory = debian.cache("guests", name or suite)
    with debian.alone():
        if not os.path.isdir(directory):
            partial = directory + ".partial"
            shutil.rmtree(partial, ignore_errors=True)
            install(suite, partial, (kernel,) + _PACKAGES + tuple(packages))
            _configure(partial)
            os.rename(partial, directory)
    image = next(image for image in sorted(os.listdir(directory + "/boot")) if image.startswith("vmlinuz-"))
    return RealTree(directory, image[len("vmlinuz-"):])


def install(suite: str, directory: str, packages: Sequence[str]) -> None:
    """Make a minimal Debian with ``packages`` in a directory."""
    debian.Apt()  # proves that the mirror answers: what goes wrong from here on is a failure
    _demand([
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--skip=check/empty,cleanup/apt/lists",
        "--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=APT::Install-Recommends \"false\"",
        "--include=" + ",".join(packages), suite, directory, debian.source_line(suite)])


@contextlib.contextmanager
def copied(tree: RealTree, name: str) -> Iterator[RealTree]:
    """Copy a guest for one test. Outside /boot the files are links to the cached ones: take one away before you write it anew.

    Below /boot they are copies. A link that another test makes or removes changes a file's ctime, and an image whose ctime changes
    while it is read is no evidence.
    """
    directory = os.path.join(os.path.dirname(tree.directory), "{}-{}".format(name, os.getpid()))
    _demand(["cp", "-al", tree.directory, directory])
    try:
        shutil.rmtree(directory + "/boot")
        _demand(["cp", "-a", tree.directory + "/boot", directory + "/boot"])
        yield tree._replace(directory=directory)
    finally:
        shutil.rmtree(directory)


def _configure(directory: str) -> None:
    """Write what an installer would have written, and let grub-mkconfig write the menu."""
    with open(directory + "/etc/fstab", "w", encoding="utf-8") as handle:
        handle.write("UUID={} / ext4 errors=remount-ro 0 1\n".format(UUID))
    with open(directory + "/etc/default/grub", "w", encoding="utf-8") as handle:
        handle.write(
            'GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=Debian\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="console=hvc0"\n')
    write_menu(directory)


def write_menu(directory: str) -> None:
    """Run the guest's own grub-mkconfig."""
    os.makedirs(directory + "/boot/grub", exist_ok=True)
    with disks(directory):
        _demand(["chroot", directory, "/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"])


@contextlib.contextmanager
def disks(directory: str) -> Iterator[None]:
    """Let the guest's own programs find what they ask for below /dev, and the stand-in answer for grub-probe."""
    probe = directory + "/usr/sbin/grub-probe"
    os.rename(probe, probe + ".real")
    with open(probe, "w", encoding="utf-8") as handle:
        handle.write(_PROBE)
    os.chmod(probe, 0o755)
    by_uuid = directory + "/dev/disk/by-uuid"
    os.makedirs(by_uuid)
    with open(os.path.join(by_uuid, UUID), "w"):
        pass  # 10_linux writes root=UUID= only where udev has made this
    yield
    shutil.rmtree(directory + "/dev/disk")
    os.replace(probe + ".real", probe)


def _demand(command: Sequence[str]) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if name in os.environ:
            environment[name] = os.environ[name]
    result = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, result.stdout[-2000:]
