"""The whole way in real Debian chroots: apt installs a kernel, a hook unpacks it, the undo packs it again, apt upgrades to a newer
kernel that stays packed, and back.

One release and one form is tried by default. PVHREADY_TESTS_UNDO=all tries every form on Debian 11, 12, 13 and sid; a list of words
(bookworm, V3) picks from them.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
from test_hack import V1, V2, V3, V4, V5

from support import debian, realtree, wanted
from support.archives import make_deb
from support.program import findings

pytestmark = [pytest.mark.download, pytest.mark.slow]

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_TOOLS = ("binutils", "bzip2", "file", "lz4", "xz-utils", "zstd")
# What apt upgrades to. It is installed to begin with what stands before it in the archive; sid has one kernel only of each flavour.
KERNELS = {
    "bullseye": "linux-image-amd64", "bookworm": "linux-image-cloud-amd64", "trixie": "linux-image-amd64", "sid": "linux-image-amd64"}
FLAVOURS = {"bullseye": "-amd64", "bookworm": "-cloud-amd64", "trixie": "-amd64", "sid": "-cloud-amd64"}
# Which hooks unpack this kernel; the others leave it, by the magic that they look for. V5's magic is there by chance: see below.
# In sid /boot's image is a hard link of the package's: V3 writes through it, V4 breaks it. V6 to V8 have no hook.
HOOKED = {"bullseye": ("V3",), "bookworm": ("V1", "V2", "V3", "V4"), "trixie": ("V3", "V4"), "sid": ("V3", "V4")}
FORMS = ("V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8")
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
PROGRAM = "#!/bin/sh\nPYTHONPATH=/opt PYTHONDONTWRITEBYTECODE=1 exec python3 -m pvhready \"$@\"\n"
_ENTER = 'mount -t proc proc "$1/proc"; directory=$1; shift; exec chroot "$directory" "$@"'
# Written anew with the same content, by dpkg-divert and by each installation of a kernel.
REWRITTEN = ("/diversions", "/boot/grub/grub.cfg", "/01autoremove-kernels")
WATCHED = ("/boot", "/etc", "/usr/local", "/usr/share/gandi", "/var/lib/dpkg/diversions")


def chosen():
    every = ["{}-{}".format(suite, form) for suite in KERNELS for form in FORMS]
    words = os.environ.get("PVHREADY_TESTS_UNDO", "").split()
    if words == ["all"]:
        return every
    return [name for name in every if set(words) & {name, name.split("-")[0], name.split("-")[1]}] or list(DEFAULT)


class Chroot:
    """A guest of its own, which the test may change at will."""

    def __init__(self, suite, form, folder):
        tree = realtree.make(suite, "older-" + suite, _TOOLS, older_kernel(suite))
        self.directory = folder + "/guest"
        self.release = tree.release
        self.suite = suite
        self.newer = KERNELS[suite]
        self.image = "/boot/vmlinuz-" + tree.release
        self.packages = [
            "linux-{}-{}".format(kind, tree.release) for kind in ("image", "binary")
            if os.path.exists("{}/var/lib/dpkg/info/linux-{}-{}.list".format(tree.directory, kind, tree.release))]
        self.modules = "/usr/lib/modules/{}/vmlinuz".format(tree.release)  # of sid only; V4 leaves it as it is
        self.unpacks = form in HOOKED[suite] + ("V7", "V8")
        self.form = form
        self._folder = folder
        subprocess.check_call(["cp", "-a", tree.directory, self.directory])
        shutil.copy("/etc/resolv.conf", self.directory + "/etc/resolv.conf")
        shutil.copytree(_TOP + "/pvhready", self.directory + "/opt/pvhready", ignore=shutil.ignore_patterns("__pycache__"))
        self.write("/usr/local/bin/pvhready", PROGRAM)
        self.write("/etc/initramfs-tools/conf.d/quick", "MODULES=list\nCOMPRESS=gzip\n")
        self.write("/etc/initramfs-tools/modules", "xen-blkfront\next4\n")
        self.pristine = self.content()
        if form == "V5":
            self.unpacks = b"BZh" in self.pristine
        self.mode = stat.S_IMODE(os.stat(self.directory + self.image).st_mode)

    def write(self, path, text):
        with open(self.directory + path, "w") as handle:
            handle.write(text)
        os.chmod(self.directory + path, 0o755)

    def run(self, *command, **variables):
        """Run a program in the guest and return its code and what it prints."""
        environment = {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
            "INITRD": "No"}
        environment.update((name, os.environ[name]) for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ)
        environment.update(variables)
        result = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", _ENTER, "sh", self.directory] + list(command), env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        return result.returncode, result.stdout

    def demand(self, *command, **variables):
        code, text = self.run(*command, **variables)
        assert code == 0, text[-3000:]
        return text

    def hack(self):
        """Do to the kernel what the form does."""
        if self.form in HOOKS:
            self.add_hook()
            return self.install_kernel()
        self.write("/opt/extract", EXTRACT)
        self.demand("sh", "-c", "/opt/extract {0} > /opt/elf && [ -s /opt/elf ]".format(self.image))
        if self.form == "V6":
            change = "mv /opt/elf /boot/vmlinux && sed -i 's,{} ,/boot/vmlinux ,' /boot/grub/grub.cfg"
            return self.demand("sh", "-c", change.format(self.image))
        self.demand("sh", "-c", "cat /opt/elf > {0}; rm /opt/elf".format(self.image))
        if self.form == "V7":
            self.demand("apt-get", "-q", "-y", "install", "--reinstall", "--download-only", *self.packages)
        if self.form == "V8":
            for package in self.packages:
                self.demand("apt-get", "-q", "download", package)
                self.demand("sh", "-c", "mv /{0}_*.deb /opt/{0}.deb".format(package))
            self.forget()
        return ""

    def forget(self):
        """Let no package own the kernel: a template was copied."""
        for package in self.packages:
            self.demand("sh", "-c", "rm /var/lib/dpkg/info/{}.*".format(package))
        with open(self.directory + "/var/lib/dpkg/status") as handle:
            stanzas = handle.read().split("\n\n")
        kept = [stanza for stanza in stanzas if not stanza.startswith(tuple("Package: {}\n".format(name) for name in self.packages))]
        with open(self.directory + "/var/lib/dpkg/status", "w") as handle:
            handle.write("\n\n".join(kept))

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
            self.write(path, text)

    def fetch_image(self):
        """Let apt keep the package of the image where that is one of its own, as after a real installation."""
        for package in self.packages[1:]:
            self.demand("apt-get", "-q", "-y", "install", "--reinstall", "--download-only", package)

    def install_kernel(self):
        """Let apt install the kernel anew, with all of its hooks. In sid this leaves the package of the image alone, and the hard link."""
        with realtree.disks(self.directory):
            return self.demand("apt-get", "-q", "-y", "install", "--reinstall", self.packages[0])

    def upgrade(self):
        """Let apt install the newer kernel, with its initramfs and its menu; return its release."""
        with realtree.disks(self.directory):
            self.demand("apt-get", "-q", "-y", "--no-install-recommends", "install", self.newer, INITRD="Yes")
        return newest(self.directory, self.release)

    def first_of_the_menu(self):
        """The kernel that grub-mkconfig put first: the newer one, but in sid, whose two kernels are of one version."""
        name = re.search(r"(?m)^menuentry '.*\n(?:.*\n)*?\s+linux\s+(\S+)", self.content("/boot/grub/grub.cfg").decode()).group(1)
        assert (name == self.image) == (self.suite == "sid"), name
        return name

    def downgrade(self, release):
        """Remove the newer kernel, and all that its hooks have written."""
        packages = [name for name in self.kernel_packages() if release in name]
        with realtree.disks(self.directory):
            self.demand("apt-get", "-q", "-y", "purge", self.newer, *packages, INITRD="Yes")

    def kernel_packages(self):
        """The names of the installed packages of kernels."""
        listed = self.demand("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n", "linux-*")
        return [line.split()[1] for line in listed.splitlines() if line.startswith("ii")]

    def content(self, path=None):
        with open(self.directory + (path or self.image), "rb") as handle:
            return handle.read()

    def state(self):
        """What stands at the watched places: kind, mode, owner, time and content of everything."""
        found, first = {}, {}
        for top in WATCHED + (self.modules,):
            if os.path.isfile(self.directory + top):
                found[top] = look(self.directory + top, first)
            for folder, folders, names in os.walk(self.directory + top):
                found.update((os.path.join(folder, name), look(os.path.join(folder, name), first)) for name in sorted(names))
                found.update((os.path.join(folder, name), stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)) for name in folders)
        return {path[len(self.directory):] if path.startswith(self.directory) else path: what for path, what in found.items()}


def older_kernel(suite):
    """The oldest kernel of its flavour that the archive has."""
    series = {"bullseye": r"5\.10\..*", "bookworm": r"6\.1\..*", "trixie": r"6\.12\..*", "sid": ".*deb14"}
    found = debian.Apt().names("^linux-image-{}[0-9]{}$".format(series[suite], FLAVOURS[suite]).replace("deb14[0-9]", "deb14"))
    return min(found, key=lambda name: [int(number) for number in re.findall("[0-9]+", name)])


def newest(directory, older):
    (name,) = [name for name in os.listdir(directory + "/boot") if name.startswith("vmlinuz-") and name != "vmlinuz-" + older]
    return name[len("vmlinuz-"):]


def look(path, first):
    """Kind, mode, owner, time and content; and of a file with several names (hard links) the first of them."""
    status = os.lstat(path)
    content = b""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as handle:
            content = handle.read()
    target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
    times = "" if path.endswith(REWRITTEN) else status.st_mtime_ns
    same = os.path.basename(os.path.dirname(first.setdefault(status.st_ino, path))) if status.st_nlink > 1 else ""
    return status.st_mode, status.st_uid, status.st_gid, times, target, hashlib.sha256(content).hexdigest(), same


@pytest.fixture(params=chosen())
def hacked(request, tmp_path):
    wanted.root()
    wanted.tool("unshare", "util-linux")
    suite, form = request.param.split("-")
    chroot = Chroot(suite, form, str(tmp_path))
    chroot.fetch_image()
    said = chroot.hack()
    assert chroot.content().startswith(b"\x7fELF") == chroot.unpacks, said
    yield chroot
    shutil.rmtree(chroot.directory)


def check(pvhready, chroot, verdict):
    report = pvhready.check(chroot.directory, "--assume-guest", "pv")
    assert report["verdict"] == verdict, findings(report, "fail", "unknown", "warn")


def undo(pvhready, chroot, *words):
    """Undo from outside; where the menu must be made by the guest's own program, with the command that this tells."""
    if chroot.form == "V8":
        words += tuple(word for package in chroot.packages for word in ("--from", "{}/opt/{}.deb".format(chroot.directory, package)))
    outcome = pvhready.json("--root", chroot.directory, "--assume-guest", "pv", "undo", "--apply", "--yes", "--switching", *words)
    if chroot.form == "V6" and outcome["obstacles"]:
        assert outcome["exit"] == 2 and "nothing of this guest is run from outside" in outcome["obstacles"][0]
        command = outcome["commands"][-1]
        assert command[:2] == ["chroot", chroot.directory]
        with realtree.disks(chroot.directory):
            outcome = json.loads(chroot.demand(*(command[2:] + ["--yes", "--format", "json"])))
    return outcome


def revert(pvhready, chroot):
    outcome = pvhready("--root", chroot.directory, "--assume-guest", "pv", "undo", "--revert", "--apply", "--yes", timeout=600)
    assert outcome.code == 0, outcome.out + outcome.err


def differences(before, after):
    return {path: (before.get(path), after.get(path)) for path in set(before) | set(after) if before.get(path) != after.get(path)}


def test_undo_and_back(hacked, pvhready):
    bad = "not-ready" if hacked.unpacks or hacked.form == "V6" else "ready-with-warnings"
    check(pvhready, hacked, bad)
    before = hacked.state()
    outcome = pvhready("--root", hacked.directory, "--assume-guest", "pv", "undo", "--switching")
    assert hacked.state() == before, "a plan changes nothing"
    assert not hacked.unpacks or hacked.image in outcome.out

    first = undo(pvhready, hacked)
    assert (first.get("exit", 0), first["applied"]) == (0, True), first
    check(pvhready, hacked, "ready")
    assert_pristine(hacked)
    assert undo(pvhready, hacked)["applied"] is False
    revert(pvhready, hacked)
    assert differences(before, hacked.state()) == {}
    check(pvhready, hacked, bad)

    again = undo(pvhready, hacked)
    assert all("/var/lib/pvhready/run-0002/" in kernel["origin"] for kernel in again["kernels"]), "a copy of ours"
    assert len(again["kernels"]) == hacked.unpacks
    assert_pristine(hacked)

    release = hacked.upgrade()
    newer = "/boot/vmlinuz-" + release
    assert hacked.content(newer)[0x202:0x206] == b"HdrS"
    assert hacked.demand("dpkg", "--verify", *hacked.kernel_packages()) == ""
    assert_pristine(hacked)
    check(pvhready, hacked, "ready")
    assert pvhready.check(hacked.directory)["boot"]["default"]["kernel"] == hacked.first_of_the_menu()

    if hacked.form == "V6":
        return  # the menu is apt's by now, and is not taken back
    revert(pvhready, hacked)
    changed = differences(before, hacked.state())
    assert [path for path in changed if not path.endswith(REWRITTEN) and release not in path] == [], "with the newer kernel beside"
    hacked.downgrade(release)
    # Of Debian 11's list of kernels for autoremove apt takes nothing away when one of them is purged.
    assert [path for path in differences(before, hacked.state()) if not path.endswith("/01autoremove-kernels")] == []
    check(pvhready, hacked, bad)
    if hacked.form in HOOKS:
        hacked.install_kernel()
        assert hacked.content().startswith(b"\x7fELF") == hacked.unpacks, "the hook works as before"


def test_undo_from_within_with_a_download(hacked):
    """As the running system, with no package in its cache: apt fetches the very version that is installed."""
    if not hacked.unpacks or hacked.form == "V8":
        pytest.skip("the hook leaves this kernel, or no package is known to be asked for")
    hacked.demand("apt-get", "clean")
    program = ("pvhready", "--assume-guest", "pv", "undo")
    apply = program + ("--apply", "--yes", "--switching")
    plan = hacked.run(*program)[1]
    assert "another pvhready" not in plan
    before = hacked.state()
    # apt is at work: it asks for this while it holds its lock.
    hacked.write("/opt/within-apt", "#!/bin/sh\n{} > /opt/said 2>&1\necho $? > /opt/code\n".format(" ".join(apply)))
    with realtree.disks(hacked.directory):
        hacked.demand("apt-get", "-q", "-y", "-o", "DPkg::Pre-Invoke::=/opt/within-apt", "install", "--reinstall", "bsdutils")
    assert hacked.content("/opt/code") == b"2\n"
    assert b"a package manager is at work (/var/lib/dpkg/lock-frontend is locked)" in b" ".join(hacked.content("/opt/said").split())
    assert differences(before, hacked.state()) == {}

    hacked.demand("apt-get", "clean")
    code, text = hacked.run(*apply)
    assert code == 0, text
    assert_pristine(hacked)
    if hacked.form != "V4" or not os.path.exists(hacked.directory + hacked.modules):
        assert "the mirror was not asked yet, and --apply asks it" in " ".join(plan.split())
        assert os.listdir(hacked.directory + "/var/lib/pvhready/downloads") == [], "it was downloaded, and what was downloaded is gone"
    code, text = hacked.run(*apply)
    assert code == 0, text
    code, text = hacked.run(*(program + ("--revert", "--apply", "--yes")))
    assert code == 0, text
    assert differences(before, hacked.state()) == {}


def test_a_way_back_that_stays_open(hacked, pvhready):
    """What the plan offers for a mounted guest is typed in a chroot of it. A kernel upgrade leaves PV with the kept kernel."""
    if not hacked.unpacks or hacked.form == "V8":
        pytest.skip("the hook leaves this kernel, or no package is known to be asked for")
    before = hacked.state()
    plan = pvhready.json("plan", "--root", hacked.directory)
    (step,) = [step for step in plan["steps"] if step["id"] == "undo-hack"]
    keep = step["alternatives"][0]
    assert keep["where"] == "guest" and "--keep-pv" in keep["argv"]
    if hacked.image.startswith("/boot/vmlinuz-5.10."):
        # Packed with xz: PV boots it as it is, and the undo asks for no promise but that of the next kernel.
        assert "so none is kept" in " ".join(hacked.run("sh", "-c", keep["line"])[1].split())
        return
    with realtree.disks(hacked.directory):
        hacked.demand("sh", "-c", keep["line"] + " --yes")
    kept = "/boot/pvhready-{}.elf".format(hacked.release)
    assert default(pvhready, hacked, "xen-x86_64") == kept
    assert default(pvhready, hacked, "xen_pvh") == hacked.image
    assert_pristine(hacked)

    release = hacked.upgrade()
    assert default(pvhready, hacked, "xen-x86_64") == kept
    assert default(pvhready, hacked, "xen_pvh") == (hacked.image if hacked.suite == "sid" else "/boot/vmlinuz-" + release)
    report = pvhready.check(hacked.directory, "--assume-guest", "pv", "--target", "pv")
    (said,) = [item for item in report["checks"] if item["id"] == "pv-kept"]
    assert (release in said["summary"]) == (hacked.suite != "sid"), said  # in sid the kept one is the newest, too
    hacked.downgrade(release)

    with realtree.disks(hacked.directory):
        hacked.demand("pvhready", "--assume-guest", "pv", "undo", "--revert", "--apply", "--yes", "--switching")
    assert differences(before, hacked.state()) == {}


def default(pvhready, chroot, platform):
    """The kernel of the entry that a platform boots."""
    menu = pvhready.json("entries", "--root", chroot.directory, "--platform", platform)
    return menu["entries"][menu["default"]]["kernel"]


def assert_pristine(chroot):
    assert chroot.content() == chroot.pristine
    assert stat.S_IMODE(os.stat(chroot.directory + chroot.image).st_mode) == chroot.mode
    if chroot.form != "V8":
        assert chroot.demand("dpkg", "--verify", *chroot.packages) == ""
