"""The hack's life: a hook decompresses the kernel, the undo takes that back, keeps a way back to PV, and is reverted.

In a real Debian 12 every step is done by the real program: apt installs the kernel and runs the hook, grub-mkconfig writes the menu, and
``pvhready undo`` does the rest. Only the first process is ours: it says what it sees, and ends.
"""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Dict

from boots import laboratory
from pvhready.demo.tree import File, Tree
from support import debian, realtree
from support.program import Program

_HERE = os.path.dirname(os.path.abspath(__file__))
_TESTS = os.path.dirname(_HERE)
sys.path[:0] = [_TESTS, os.path.join(_TESTS, "real")]

import test_hack  # noqa: E402

HOOK: Tree = {
    "/etc/kernel/postinst.d/bitfolk-decompress-lz4-kernels": File(test_hack.V1, 0o755),
    "/usr/local/sbin/extract-vmlinux": File(test_hack.EXTRACT, 0o755),
    "/var/lib/dpkg/lock": "",
}
_NOT_NEEDED = (
    "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/lib/gcc", "var/cache/apt", "var/lib/apt/lists", "opt",
)


def undo(tree: str, image: str) -> None:
    """Undo the hack in a mounted guest, with the shipped image as the source."""
    said = Program()("--root", tree, "--assume-guest", "pv", "undo", "--apply", "--switching", "--yes", "--from", image)
    assert said.code == 0, said.out + said.err


def copy(stage: str, tree: str) -> None:
    """Copy the guest of a stage to ``tree``; all are made at the first time."""
    made = debian.cache("boots", "life", "")
    if not os.path.exists(made + "reverted.tar"):
        _make(made)
    os.mkdir(tree)
    subprocess.check_call(["tar", "-xpf", made + stage + ".tar", "-C", tree])


def _make(folder: str) -> None:
    chroot = importlib.import_module("test_undo_in_debian").Chroot  # a test of tests/real/, which is no package
    with tempfile.TemporaryDirectory(dir=debian.cache("boots", "work", "")) as work:
        guest = chroot("bookworm", "V1", work)
        _prepare(guest.directory)
        guest.demand("update-initramfs", "-u")
        realtree.write_menu(guest.directory)
        guest.fetch_image()
        guest.add_hook()
        guest.install_kernel()
        assert guest.content().startswith(b"\x7fELF")
        _keep("hacked", guest.directory, folder)
        _undo(guest.directory, "--switching")
        _keep("undone", guest.directory, folder)
        _undo(guest.directory, "--revert")
        with realtree.disks(guest.directory):
            guest.demand("pvhready", "--assume-guest", "pv", "undo", "--apply", "--yes", "--keep-pv")
        _keep("kept", guest.directory, folder)
        with realtree.disks(guest.directory):
            guest.demand("pvhready", "--assume-guest", "pv", "undo", "--apply", "--yes", "--revert")
        _keep("reverted", guest.directory, folder)


def _undo(directory: str, how: str) -> None:
    said = Program()("--root", directory, "--assume-guest", "pv", "undo", "--apply", "--yes", how, timeout=600)
    assert said.code == 0, said.out + said.err


def _prepare(directory: str) -> None:
    """A small initramfs, quickly made, and the first process."""
    files: Dict[str, str] = {
        "/etc/initramfs-tools/conf.d/quick": "MODULES=list\nCOMPRESS=gzip\n", "/etc/initramfs-tools/modules": "xen-blkfront\next4\n"}
    with open(_HERE + "/guest/init", encoding="utf-8") as handle:
        # The initramfs has loaded what is needed and mounted the root, which is read-only.
        files["/sbin/init"] = handle.read().replace("/report", "/dev/report").replace(" < /modules", " < /dev/null")
    os.unlink(directory + "/sbin/init")  # a link to /lib/systemd/systemd, which here would be this machine's own
    for path, text in files.items():
        with open(directory + path, "w", encoding="utf-8") as handle:
            handle.write(text)
    os.chmod(directory + "/sbin/init", 0o755)
    shutil.copy(laboratory.busybox(), directory + "/bin/busybox")
    with open(directory + "/etc/default/grub", "a", encoding="utf-8") as handle:
        handle.write("GRUB_TIMEOUT=0\n")


def _keep(stage: str, directory: str, folder: str) -> None:
    skipped = ["--exclude=./" + name + "/*" for name in _NOT_NEEDED]
    subprocess.check_call(["tar", "-cpf", folder + stage + ".tar.partial", "-C", directory] + skipped + ["."])
    os.rename(folder + stage + ".tar.partial", folder + stage + ".tar")
