"""Every command of README.md, the other pages and the manual, typed as written in a clean Debian: as root, and as a user.

Where PVHREADY_TESTS_SUITES names releases, all of it, in each; else README.md and the manual in Debian 12, without compiler and pip.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

from pvhready.demo.guests import make
from support import chroots, documented, wanted
from support.archives import make_deb
from support.program import Program
from support.suites import NAMED, SUITES, only_named
from support.trees import kernel

# What is not typed here, and why. Each is a pattern for the whole line.
EXEMPT = (
    (r"git clone .*", "there is no address to clone from"),
    (r"mount .*|umount .*", "a chroot has no disk of Xen's; what is mounted is made by the test"),
    (r"systemctl .*|curl .*", "needs a systemd that runs: tests/real/test_real_systemd.py"),
    (r"cd contrib/ansible|ansible-playbook .*", "needs machines: tests/real/test_real_ansible.py, tests/fleet/test_ansible.py"),
    (r"python3 tests/boots/run.py.*", "starts Xen, for hours: tests/boots"),
    (r".*pytest.*", "these are the tests: .ci/run"),
    (r"\.ci/run", "runs the tests"),
    (r".*rpmbuild .*|dnf install .*", "needs Fedora; tests/test_rpm.py builds the rpm"),
    (r"python3 setup.py -q sdist", "tests/test_packaging.py"),
    (r"python3 contrib/completion/make.py|python3 contrib/picture.py", "needs a library that is for releases only"),
    (r"python3 -m venv /tmp/venv .*|\. /tmp/venv/bin/activate", "the environment of the tests: .ci/run makes the same"),
    (r"git apply .*|python3 -m pvhready explain cmdline-quiet", "the example of CONTRIBUTING.md: tests/test_documentation.py"),
)
SERVES = "pvhready exporter"  # until it is ended
BUILD = r".*dpkg-buildpackage .*"  # Debian 12 and newer
PIP = r"python3 -m venv /opt/.*|ln -sf /opt/.*|/opt/pvhready/.*"
ROOT = r"apt-get .*|.*>/(var|etc).*|.*--textfile /var.*|" + BUILD + "|" + PIP
GUEST_UUID = "3f1c0a52-9a1e-4b8e-8a59-0d6f2d6a7c11"  # of the example debian-12
VERDICTS = (0, 1, 2, 3)  # of check, plan and undo
NO_RIGHT = 77
# These find a sound guest.
READY = ("pvhready", "pvhready check", "pvhready check --target pv", "pvhready check --root /mnt --device /dev/xvda1")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the pages take for granted: disks. ``Machine`` makes the rest: a mounted guest, reports of other machines, a package.
PREPARE = """
mkdir -p /dev/vg
cp /srv/disk /dev/xvda1
cp /srv/disk /dev/vg/guest1
exec "$@"
"""


PAGES = ["README.md"] + [page for page in documented.pages() if page != "README.md"]


def all_commands(pages=PAGES):
    found = [command for page in pages for command in documented.commands(page)]
    return list(dict.fromkeys(command.typed for command in found + list(documented.of_manual())))


def to_type():
    """What is typed where no release is named takes CI long enough."""
    return [typed for typed in (all_commands() if NAMED else all_commands(("README.md",))) if not is_exempt(typed)]


def is_exempt(typed):
    return any(re.fullmatch(pattern, typed) for pattern, _ in EXEMPT)


def test_every_exemption_is_one():
    for pattern, _ in EXEMPT:
        assert [typed for typed in all_commands() if re.fullmatch(pattern, typed)], pattern
    assert len([typed for typed in all_commands() if not is_exempt(typed)]) > 50


class Machine:
    """A clean Debian with a clone of the source, in root's home and in a user's."""

    def __init__(self, suite, directory):
        self.suite = suite
        subprocess.check_call(["cp", "-a", "--reflink=auto", chroots.bare(suite), directory])
        self.chroot = chroots.Chroot(directory)
        shutil.copy("/etc/resolv.conf", self.chroot.path("/etc/resolv.conf"))
        # Recommended packages come, as they do for a reader.
        self.chroot.write("/etc/apt/apt.conf.d/99mmdebstrap", 'Acquire::Check-Valid-Until "false";\n')
        self._trust()
        self.chroot.demand("useradd", "-m", "-u", "1000", "guest")
        for home in ("/root", "/home/guest"):
            shutil.copytree(documented.TOP, self.chroot.path(home + "/pvhready"), ignore=chroots.NOT_SOURCE, symlinks=True)
            self._furnish(home + "/pvhready")
        self.chroot.demand("chown", "-R", "guest:", "/home/guest")
        make("debian-12", self.chroot.path("/mnt"))
        os.makedirs(self.chroot.path("/var/lib/prometheus/node-exporter"))
        disk = self.chroot.path("/srv/disk")
        with open(disk, "wb") as handle:
            handle.truncate(8 << 20)
        subprocess.check_call([wanted.tool("mkfs.ext4", "e2fsprogs"), "-q", "-F", "-U", GUEST_UUID, disk])

    def _trust(self):
        """Let pip in there trust whom it trusts here."""
        self.variables = {name: value for name, value in os.environ.items() if name in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")}
        if os.environ.get("PIP_CERT"):
            shutil.copy(os.environ["PIP_CERT"], self.chroot.path("/srv/trusted.pem"))
            self.variables["PIP_CERT"] = "/srv/trusted.pem"

    def _furnish(self, clone):
        folder = self.chroot.path(clone)
        os.mkdir(folder + "/reports")
        example = folder + ".example"
        make("debian-12", example)
        report = Program().check(example)
        report.pop("exit")
        with open(folder + "/reports/guest2.json", "w") as handle:
            json.dump(report, handle)
        shutil.rmtree(example)
        files = {path: node for path, node in kernel().items() if "initrd" not in path and isinstance(node, bytes)}
        os.mkdir(folder + ".package")
        os.rename(make_deb(folder + ".package", files), folder + "/linux-image.deb")
        shutil.rmtree(folder + ".package")

    def become_a_guest(self, folder):
        """Give the machine a kernel and a menu, and let it be in PV."""
        make("debian-12", folder)
        chroots.furnish(self.chroot, folder)
        self.chroot.write("/etc/pvhready.conf", "[guest]\nassume = pv\n")

    def type(self, typed, user=False):
        """Type a line in the clone. Returns the exit code and what was shown."""
        home = "/home/guest" if user else "/root"
        typed = "timeout 10 " + typed if typed == SERVES else typed
        who = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups") if user else ()
        words = who + ("sh", "-c", 'cd "$1" && eval "$2"', "sh", home + "/pvhready", typed)
        return self.chroot.run("sh", "-ec", PREPARE, "sh", *words, PATH=PATH, HOME=home, **self.variables)


@pytest.fixture(scope="module", params=SUITES)
def machine(request, tmp_path_factory):
    wanted.root()
    directory = str(tmp_path_factory.mktemp("typed") / request.param)
    yield Machine(request.param, directory)
    shutil.rmtree(directory)


def is_wrong(typed, output, allowed):
    """Whether a line did not do what a reader expects: only the program itself ends with the code of a verdict."""
    if typed == SERVES:
        return output.code != 124 or "Traceback" in output.text  # timeout has ended it
    last = typed.split(" && ")[-1].split()
    is_ours = os.path.basename(last[0]) == "pvhready" or last[1:3] == ["-m", "pvhready"]
    ends = output.code in (allowed if is_ours else (0,))
    return not ends or "Traceback" in output.text or "internal error" in output.text


def list_wrong(wrong):
    return "\n".join("{}: exit code {}\n{}".format(typed, output.code, output.text[-1500:]) for typed, output in wrong)


@pytest.mark.download
def test_everything_is_typed_as_root(machine, tmp_path):
    typed = to_type()
    first = typed.index(next(command for command in typed if command.startswith("apt-get install -y ../pvhready_")))
    wrong = []
    for at, command in enumerate(typed):
        if at == first:
            if not any(name.endswith(".deb") for name in os.listdir(machine.chroot.path("/root"))):
                shutil.copy(chroots.built(), machine.chroot.path("/root"))
            machine.become_a_guest(str(tmp_path / "guest"))
        if re.fullmatch(BUILD, command) and (not NAMED or machine.suite == "bullseye") or re.fullmatch(PIP, command):
            continue
        output = machine.type(command)
        if is_wrong(command, output, VERDICTS) or command in READY and "\nREADY: " not in output.text:
            wrong.append((command, output))
    assert not wrong, list_wrong(wrong)


@pytest.mark.download
def test_everything_that_is_not_for_root_is_typed_as_a_user(machine):
    """After root: the package is there."""
    wrong, told = [], []
    for command in to_type():
        if re.fullmatch(ROOT, command):
            continue
        output = machine.type(command, user=True)
        if is_wrong(command, output, VERDICTS + (NO_RIGHT,)):
            wrong.append((command, output))
        told.append(output.text)
    assert not wrong, list_wrong(wrong)
    assert any("sudo pvhready check" in text for text in told)  # what a user is to type who has not the right to see


@pytest.mark.download
def test_the_manual_pages_are_found(machine):
    for page in ("man1/pvhready.1.gz", "man5/pvhready.conf.5.gz"):
        assert os.path.exists(machine.chroot.path("/usr/share/man/" + page))
    for path in ("bash-completion/completions/pvhready", "zsh/vendor-completions/_pvhready", "fish/vendor_completions.d/pvhready.fish"):
        assert os.path.exists(machine.chroot.path("/usr/share/" + path))
    installed = machine.chroot.demand("dpkg", "-L", "pvhready").text
    assert "/usr/share/doc/pvhready/checks.md" in installed


@pytest.mark.download
@only_named
def test_pip_puts_it_elsewhere(machine):
    """Last: from here on it takes the place of the package."""
    machine.chroot.apt("install", "python3-venv")
    wrong = []
    for command in [command for command in to_type() if re.fullmatch(PIP, command)] + list(READY):
        output = machine.type(command)
        if is_wrong(command, output, VERDICTS) or command in READY and "\nREADY: " not in output.text:
            wrong.append((command, output))
    assert not wrong, list_wrong(wrong)
    assert os.readlink(machine.chroot.path("/usr/local/bin/pvhready")) == "/opt/pvhready/bin/pvhready"
