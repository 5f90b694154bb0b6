"""A guest that runs, as far as its programs can tell: its own ext4 on /dev/xvda is their root, with this machine's /usr in it."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any, Dict, Optional, Tuple

from pvhready.demo.tree import File, Link, Tree, write_tree
from support import wanted

UUID = "3f1c0a52-9a1e-4b8e-8a59-0d6f2d6a7c11"  # of the demo's guests
_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# In a mount namespace of its own: $1 is a folder to work in, $2 the image, $3 folders of this machine to be seen, $4 a program in
# place of grub-mkconfig or "".
_ENTER = r"""
work=$1; image=$2; seen=$3; fake=$4; shift 4
loop=$(losetup -f --show "$image")
mount -t tmpfs none "$work/dev"
for name in null zero full urandom tty; do cp -a "/dev/$name" "$work/dev/"; done
cp -a "$loop" "$work/dev/xvda"; cp -a "$loop" "$work/dev/"
mkdir -p "$work/dev/disk/by-uuid"; ln -s ../../xvda "$work/dev/disk/by-uuid/""" + UUID + r""""
[ -z "$fake" ] || mount --bind "$fake" "$(command -v grub-mkconfig)"
mount --move "$work/dev" /dev
mount /dev/xvda "$work/root"; losetup -d "/dev/${loop##*/}"
for folder in $seen; do
    mkdir -p "$work/root$folder"
    mount --bind "$folder" "$work/root$folder"; mount -o remount,bind,ro "$work/root$folder"
done
for folder in /dev /proc /sys; do mkdir -p "$work/root$folder"; mount --rbind "$folder" "$work/root$folder"; done
[ -z "$fake" ] || mount --bind "$(command -v grub-mkconfig)" "$work/root$(command -v grub-mkconfig)"
exec chroot "$work/root" "$@"
"""


class Machine:
    """A guest of its own, kept in an image between the programs that run in it."""

    def __init__(self, folder: str, files: Tree) -> None:
        """Write ``files`` and what a generated menu takes. Skips the test where this machine does not let that be done."""
        wanted.root()
        mkfs, self._unshare = wanted.tool("mkfs.ext4", "e2fsprogs"), wanted.tool("unshare", "util-linux")
        wanted.tool("grub-mkconfig", "grub-common")
        self._folder = folder
        self._image = os.path.join(folder, "image")
        for name in ("dev", "root"):
            os.mkdir(os.path.join(folder, name))
        tree = os.path.join(folder, "tree")
        links = _merged()
        if links and not os.path.exists("/sbin/init"):
            wanted.skip("/sbin/init (Debian package systemd-sysv)")
        own = {path: node for path, node in files.items() if not path.startswith(tuple(name + "/" for name in links))}
        write_tree(tree, dict(own, **links, **_generators()))
        with open(self._image, "wb") as handle:
            handle.truncate(48 << 20)
        subprocess.check_call([mkfs, "-q", "-F", "-U", UUID, "-d", tree, self._image])
        shutil.rmtree(tree)
        code, text = self.run("true")
        if code:
            wanted.skip("the right to make a mount namespace and a loop device ({})".format(text.strip()))

    def run(self, *command: str, fake: Optional[str] = None) -> Tuple[int, str]:
        """Run a program in the guest: its exit code and what it prints. ``fake`` is a script in place of grub-mkconfig."""
        script = ""
        if fake is not None:
            script = os.path.join(self._folder, "fake")
            with open(script, "w", encoding="ascii") as handle:
                handle.write(fake)
            os.chmod(script, 0o755)
        seen = ["/usr", "/etc/alternatives", _TOP] + [path for path in {sys.prefix, sys.base_prefix} if not path.startswith("/usr")]
        result = subprocess.run(
            [self._unshare, "--mount", "sh", "-ec", _ENTER, "sh", self._folder, self._image, " ".join(seen), script] + list(command),
            env=dict(os.environ, PYTHONPATH=_TOP, PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8", PATH="/usr/sbin:/usr/bin:/sbin:/bin"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        text = result.stdout.decode("utf-8", "replace")
        return result.returncode, text or result.stderr.decode("utf-8", "replace")

    def demand(self, *command: str) -> str:
        """Run a program, which must succeed, and return what it prints."""
        code, text = self.run(*command)
        assert code == 0, text
        return text

    def pvhready(self, *words: str, fake: Optional[str] = None) -> Dict[str, Any]:
        """Return what ``pvhready WORDS --format json`` prints, with its exit code as "exit"."""
        code, text = self.run(sys.executable, "-m", "pvhready", *words, "--assume-guest", "pv", "--format", "json", fake=fake)
        if not text.startswith("{"):
            return {"exit": code, "text": text}
        return dict(json.loads(text), exit=code)

    def state(self) -> str:
        """All that matters in the guest: names, modes, times, contents."""
        return self.demand(
            "sh", "-c",
            "cd / && find boot etc/grub.d etc/kernel -printf '%p %y %m %u %g %l' -type f -printf ' %T@' -printf '\\n' | sort && "
            "find boot etc/grub.d etc/kernel -type f | sort | xargs sha256sum")


def _merged() -> Tree:
    """The folders that are links into this machine's /usr, which the guest sees: its first program is there, too."""
    return {name: Link("usr" + name) for name in ("/bin", "/sbin", "/lib", "/lib64") if os.path.islink(name)}


def _generators() -> Tree:
    """The scripts of this machine that generate a menu."""
    files: Tree = {}
    for name in ("00_header", "10_linux"):
        path = "/etc/grub.d/" + name
        if not os.path.exists(path):
            wanted.skip("{} (Debian package grub-common)".format(path))
        with open(path, "rb") as handle:
            files[path] = File(handle.read(), 0o755)
    return files
