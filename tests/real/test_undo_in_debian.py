"""The whole way in real Debian chroots: apt installs a kernel, a hook unpacks it, the undo packs it again, apt leaves it so, and back.

One release and one form is tried by default. PVHREADY_TESTS_UNDO=all tries every form on Debian 11, 12, 13 and sid; a list of words
(bookworm, V3) picks from them.
"""

import hashlib
import os
import shutil
import stat
import subprocess

import pytest
from test_hack import V1, V2, V3, V4, V5

from support import realtree, wanted
from support.archives import make_deb
from support.program import findings

pytestmark = [pytest.mark.download, pytest.mark.slow]

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_TOOLS = ("binutils", "bzip2", "file", "lz4", "xz-utils", "zstd")
KERNELS = {
    "bullseye": "linux-image-amd64", "bookworm": "linux-image-cloud-amd64", "trixie": "linux-image-amd64", "sid": "linux-image-cloud-amd64"}
# Which forms unpack this kernel. In sid /boot's image is a hard link of the package's: V3 writes through it, V4 breaks it.
FORMS = {"bullseye": ("V3",), "bookworm": ("V1", "V2", "V3", "V4", "V5"), "trixie": ("V3", "V4", "V5"), "sid": ("V3", "V4")}
DEFAULT = ("bookworm-V1",)

EXTRACT = """\
#!/bin/sh
# Print the ELF file that a bzImage has packed in it.
word() { od -An -v "-t$2" -j "$1" "-N${2#u}" "$image" | tr -d ' '; }
image=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' 0
tail -c +$((($(word 497 u1) + 1) * 512 + $(word 584 u4) + 1)) "$image" | head -c "$(word 588 u4)" > "$work/packed"
for program in unxz 'lz4 -dc' 'zstd -dc' gunzip bunzip2; do
    $program < "$work/packed" > "$work/elf" 2> /dev/null
    if readelf -h "$work/elf" > /dev/null 2>&1; then
        cat "$work/elf"
        exit 0
    fi
done
exit 1
"""
GANDI = """\
#!/bin/sh
IMG="$1"
if grep -aq "$(printf '(\\265/\\375')" "${IMG}" || grep -aq "$(printf '\\002!L\\030')" "${IMG}"; then
    raw=$(mktemp /tmp/raw-kernel-XXXX)
    /usr/share/gandi/extract-vmlinux "${IMG}" > "${raw}" && mv "${raw}" "${IMG}"
fi
"""
POSTINST = "/etc/kernel/postinst.d/"
HOOKS = {
    "V1": {POSTINST + "bitfolk-decompress-lz4-kernels": V1, "/usr/local/sbin/extract-vmlinux": EXTRACT},
    "V2": {POSTINST + "unpack-kernel": V2, "/usr/local/bin/extract-vmlinux": EXTRACT},
    "V3": {POSTINST + "kernel-decompress-hook": V3, "/usr/local/bin/extract-vmlinux": EXTRACT},
    "V4": {
        POSTINST + "gandi-decompress-kernel": V4, "/usr/share/gandi/decompress-kernel": GANDI, "/usr/share/gandi/extract-vmlinux": EXTRACT},
    "V5": {POSTINST + "extract-vmlinux": V5, "/usr/local/bin/extract-vmlinux": EXTRACT},
}
_ENTER = 'mount -t proc proc "$1/proc"; directory=$1; shift; exec chroot "$directory" "$@"'
# Written anew with the same content, by dpkg-divert and by each installation of a kernel.
REWRITTEN = ("/diversions", "/boot/grub/grub.cfg", "/01autoremove-kernels")
WATCHED = ("/boot", "/etc", "/usr/local", "/usr/share/gandi", "/var/lib/dpkg/diversions")


def chosen():
    every = ["{}-{}".format(suite, form) for suite, forms in FORMS.items() for form in forms]
    words = os.environ.get("PVHREADY_TESTS_UNDO", "").split()
    if words == ["all"]:
        return every
    return [name for name in every if set(words) & {name, name.split("-")[0], name.split("-")[1]}] or list(DEFAULT)


class Chroot:
    """A guest of its own, which the test may change at will."""

    def __init__(self, suite, form, folder):
        tree = realtree.make(suite, "hacked-" + suite, _TOOLS, KERNELS[suite])
        self.directory = folder + "/guest"
        self.image = "/boot/vmlinuz-" + tree.release
        self.packages = [
            "linux-{}-{}".format(kind, tree.release) for kind in ("image", "binary")
            if os.path.exists("{}/var/lib/dpkg/info/linux-{}-{}.list".format(tree.directory, kind, tree.release))]
        self.modules = "/usr/lib/modules/{}/vmlinuz".format(tree.release)  # of sid only; V4 leaves it as it is
        self.form = form
        self._folder = folder
        subprocess.check_call(["cp", "-a", tree.directory, self.directory])
        shutil.copy("/etc/resolv.conf", self.directory + "/etc/resolv.conf")
        shutil.copytree(_TOP + "/pvhready", self.directory + "/opt/pvhready", ignore=shutil.ignore_patterns("__pycache__"))
        with open(self.directory + self.image, "rb") as handle:
            self.pristine = handle.read()
        self.mode = stat.S_IMODE(os.stat(self.directory + self.image).st_mode)

    def run(self, *command):
        """Run a program in the guest and return its code and what it prints."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "INITRD": "No",
                       "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "/opt"}
        environment.update((name, os.environ[name]) for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ)
        result = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", _ENTER, "sh", self.directory] + list(command), env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        return result.returncode, result.stdout

    def demand(self, *command):
        code, text = self.run(*command)
        assert code == 0, text[-3000:]
        return text

    def add_hook(self):
        """Put the hook where it belongs; form V4 comes as a package."""
        if self.form == "V4":
            files = {path: text.encode() for path, text in HOOKS["V4"].items()}
            conffiles = "".join(path + "\n" for path in files if path.startswith("/etc/"))
            archive = make_deb(self._folder, files, "gandi-hosting-vm2", "2.0", control={"conffiles": conffiles})
            shutil.copy(archive, self.directory + "/opt/gandi.deb")
            self.demand("dpkg", "-i", "/opt/gandi.deb")
            return
        for path, text in HOOKS[self.form].items():
            with open(self.directory + path, "w") as handle:
                handle.write(text)
            os.chmod(self.directory + path, 0o755)

    def fetch_image(self):
        """Let apt keep the package of the image where that is one of its own, as after a real installation."""
        for package in self.packages[1:]:
            self.demand("apt-get", "-q", "-y", "install", "--reinstall", "--download-only", package)

    def install_kernel(self):
        """Let apt install the kernel anew, with all of its hooks. In sid this leaves the package of the image alone, and the hard link."""
        with realtree.disks(self.directory):
            return self.demand("apt-get", "-q", "-y", "install", "--reinstall", self.packages[0])

    def content(self):
        with open(self.directory + self.image, "rb") as handle:
            return handle.read()

    def state(self):
        """What stands at the watched places: kind, mode, owner, time and content of everything."""
        found = {}
        for top in WATCHED:
            if os.path.isfile(self.directory + top):
                found[top] = look(self.directory + top)
            for folder, folders, names in os.walk(self.directory + top):
                found.update((os.path.join(folder, name), look(os.path.join(folder, name))) for name in names)
                found.update((os.path.join(folder, name), stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)) for name in folders)
        return found


def look(path):
    status = os.lstat(path)
    content = b""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as handle:
            content = handle.read()
    target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
    times = "" if path.endswith(REWRITTEN) else status.st_mtime_ns
    return status.st_mode, status.st_uid, status.st_gid, times, target, hashlib.sha256(content).hexdigest()


@pytest.fixture(params=chosen())
def hacked(request, tmp_path):
    wanted.root()
    wanted.tool("unshare", "util-linux")
    suite, form = request.param.split("-")
    chroot = Chroot(suite, form, str(tmp_path))
    chroot.fetch_image()
    chroot.add_hook()
    said = chroot.install_kernel()
    assert chroot.content().startswith(b"\x7fELF"), said
    yield chroot
    shutil.rmtree(chroot.directory)


def check(pvhready, chroot, verdict):
    report = pvhready.check(chroot.directory, "--assume-guest", "pv")
    assert report["verdict"] == verdict, findings(report, "fail", "unknown", "warn")


def test_undo_and_back(hacked, pvhready):
    check(pvhready, hacked, "not-ready")
    before = hacked.state()
    outcome = pvhready("--root", hacked.directory, "--assume-guest", "pv", "undo")
    assert hacked.state() == before, "a plan changes nothing"
    assert hacked.image in outcome.out

    outcome = pvhready("--root", hacked.directory, "--assume-guest", "pv", "undo", "--apply", "--yes", "--switching", timeout=600)
    assert outcome.code == 0, outcome.out + outcome.err
    check(pvhready, hacked, "ready")
    assert_pristine(hacked)
    again = pvhready("--root", hacked.directory, "--assume-guest", "pv", "undo", "--apply", "--yes", "--switching")
    assert again.code == 0, again.out

    hacked.install_kernel()
    assert_pristine(hacked)
    check(pvhready, hacked, "ready")

    outcome = pvhready("--root", hacked.directory, "--assume-guest", "pv", "undo", "--revert", "--apply", "--yes", timeout=600)
    assert outcome.code == 0, outcome.out + outcome.err
    after = hacked.state()
    assert {path: (before.get(path), after.get(path)) for path in set(before) | set(after) if before.get(path) != after.get(path)} == {}
    check(pvhready, hacked, "not-ready")
    hacked.install_kernel()
    assert hacked.content().startswith(b"\x7fELF"), "the hook works as before"


def test_undo_from_within_with_a_download(hacked):
    """As the running system, with no package in its cache: apt fetches the very version that is installed."""
    hacked.demand("apt-get", "clean")
    program = ("python3", "-m", "pvhready", "--assume-guest", "pv", "undo")
    plan = hacked.run(*program)[1]
    code, text = hacked.run(*(program + ("--apply", "--yes", "--switching")))
    assert code == 0, text
    assert_pristine(hacked)
    if hacked.form != "V4" or not os.path.exists(hacked.directory + hacked.modules):
        assert "the mirror was not asked yet, and --apply asks it" in " ".join(plan.split())
        assert os.listdir(hacked.directory + "/var/lib/pvhready/downloads") == [], "it was downloaded, and what was downloaded is gone"
    code, text = hacked.run(*(program + ("--apply", "--yes", "--switching")))
    assert code == 0, text
    code, text = hacked.run(*(program + ("--revert", "--apply", "--yes")))
    assert code == 0, text
    assert hacked.content().startswith(b"\x7fELF")


def assert_pristine(chroot):
    assert chroot.content() == chroot.pristine
    assert stat.S_IMODE(os.stat(chroot.directory + chroot.image).st_mode) == chroot.mode
    assert chroot.demand("dpkg", "--verify", *chroot.packages) == ""
