"""What is packaged: one version, a manual page of all commands, a source archive with everything, and scripts that clean up."""

import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

from pvhready import __version__
from pvhready.examples import EXAMPLES
from pvhready.manpage import EXAMPLE, page, settings_page
from pvhready.options import COMMANDS, GLOBAL
from pvhready.settings import KEYS, parse
from support import wanted
from support.live import Live

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(*names):
    with open(os.path.join(TOP, *names), encoding="utf-8") as handle:
        return handle.read()


def test_there_is_one_version():
    assert re.match(r"pvhready \(([^)]+)\) ", read("debian", "changelog")).group(1) == __version__
    assert "version = attr: pvhready.__version__" in read("setup.cfg")
    assert "## " + __version__ in read("CHANGELOG.md")


def test_the_manual_page_tells_of_every_command_and_option():
    text = page().replace("\\-", "-")
    for name, command in COMMANDS.items():
        assert ".SS \\fB{}\\fR".format(name) in text
        for option in command.options + GLOBAL:
            assert all("\\fB{}\\fR".format(flag) in text for flag in option.flags)


def test_every_command_has_examples():
    assert set(EXAMPLES) == set(COMMANDS) | {""}
    text = page().replace("\\-", "-")
    for name, examples in EXAMPLES.items():
        for typed, _ in examples:
            assert typed.split()[:2] == ["pvhready", name] if name else True
            assert "\\fB{}\\fR".format(typed) in text


def test_the_manual_page_of_the_settings_tells_of_every_key():
    text = settings_page().replace("\\-", "-")
    for section, keys in KEYS.items():
        assert ".SS \\fB[{}]\\fR".format(section) in text
        assert all("\\fB{}\\fR = ".format(key) in text for key in keys)
    assert parse(EXAMPLE).block and parse(EXAMPLE).hooks["apt-pre-install"] and parse(EXAMPLE).host == "debian-12"
    example = read("pvhready", "data", "hooks", "pvhready.conf")
    assert all("#{} = ".format(key) in example for keys in KEYS.values() for key in keys)
    parse(re.sub(r"(?m)^#(\S+ = )", r"\1", example))


@pytest.mark.parametrize("made", [page, settings_page])
def test_groff_has_nothing_to_say_of_the_manual_pages(made):
    result = subprocess.run(
        [wanted.tool("groff", "groff-base"), "-man", "-ww", "-z", "-Tascii"], input=made(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.fixture
def source(tmp_path):
    """A copy of the source in which setuptools may leave what it makes."""
    pytest.importorskip("setuptools")
    ignored = shutil.ignore_patterns(".git", ".tests-cache", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "build", "dist")
    shutil.copytree(TOP, str(tmp_path / "source"), ignore=ignored)
    return tmp_path / "source"


def run_setup(source, *words):
    result = subprocess.run(
        [sys.executable, "setup.py", "-q"] + list(words), cwd=str(source), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        universal_newlines=True)
    assert result.returncode == 0, result.stdout


def test_the_source_archive_holds_all_that_a_package_is_made_of(source):
    run_setup(source, "sdist")
    name = "pvhready-" + __version__
    with tarfile.open(str(source / "dist" / (name + ".tar.gz"))) as archive:
        held = {member.name[len(name) + 1:]: member.mode for member in archive}
    for folder in ("debian", "rpm", "tests", "docs", ".ci", "pvhready"):
        for path, _, files in os.walk(str(source / folder)):
            assert {os.path.relpath(os.path.join(path, file), str(source)) for file in files} <= set(held)
    assert held["debian/rules"] & 0o111 and held["pvhready/data/hooks/hook"] & 0o111


def test_what_is_installed_has_its_data_and_no_hooks(source):
    run_setup(source, "build", "-b", "made")
    made = source / "made" / "lib" / "pvhready"
    assert sorted(path.name for path in (made / "data").iterdir()) == sorted(
        name for name in os.listdir(os.path.join(TOP, "pvhready", "data")) if name.endswith(".json"))
    assert (made / "py.typed").is_file()  # PEP 561
    modules = {
        os.path.relpath(os.path.join(path, name), os.path.join(TOP, "pvhready"))
        for path, _, names in os.walk(os.path.join(TOP, "pvhready")) for name in names if name.endswith(".py")
    }
    assert {str(path.relative_to(made)) for path in made.rglob("*.py")} == modules


@pytest.mark.download
def test_the_source_archive_becomes_a_wheel_and_both_install(source, tmp_path):
    """pip fetches setuptools and wheel, as pyproject.toml asks for them, and builds in an environment of its own."""
    pytest.importorskip("pip")
    run_setup(source, "sdist")
    archive = str(source / "dist" / "pvhready-{}.tar.gz".format(__version__))
    pip("wheel", "--no-deps", "-w", str(tmp_path / "wheels"), archive)
    (wheel,) = (str(path) for path in (tmp_path / "wheels").iterdir())
    assert os.path.basename(wheel) == "pvhready-{}-py3-none-any.whl".format(__version__)
    for name, what in (("of-wheel", wheel), ("of-source", archive)):
        target = str(tmp_path / name)
        pip("install", "--no-deps", "--target", target, what)
        environment = dict(os.environ, PYTHONPATH=target)
        for words, expected in ((["--version"], "pvhready " + __version__), (["demo", "debian-12"], "READY")):
            said = subprocess.check_output(
                [target + "/bin/pvhready"] + words, cwd=str(tmp_path), env=environment, universal_newlines=True)
            assert expected in said


def pip(*words):
    result = subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-cache-dir"] + list(words), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, result.stdout


# The package's removal


DONE = '{"action": "undo", "record": "begin"}\n{"record": "prepared"}\n{"record": "done"}\n'
INTERRUPTED = '{"action": "undo", "record": "begin"}\n{"record": "prepared"}\n{"record": "start", "step": 0}\n'


@pytest.mark.parametrize("journals, kept", [
    ((), False), ((DONE,), False), ((DONE, DONE.replace("done", "abandoned")), False), ((DONE, INTERRUPTED), True), (("",), False),
    ((INTERRUPTED[:40],), True),
])
def test_a_purge_keeps_the_backups_of_an_interrupted_undo_only(journals, kept, guest):
    live = Live(guest())
    for number, text in enumerate(journals, 1):
        folder = "/var/lib/pvhready/run-{:04d}".format(number)
        os.makedirs(live.path(folder))
        live.write(folder + "/journal", text)
    os.makedirs(live.path("/var/cache/pvhready"))
    live.write("/etc/pvhready.conf", "")
    script = os.path.join(TOP, "debian", "pvhready.postrm")
    before = live.path("/var/lib/pvhready"), live.path("/var/cache/pvhready"), live.path("/etc/pvhready.conf")
    for action in ("remove", "upgrade", "abort-install"):
        there = [os.path.exists(path) for path in before]
        assert live.run("sh", script, action) == (0, "", "")
        assert [os.path.exists(path) for path in before] == there
    output = live.run("sh", script, "purge")
    assert (output.code, output.out) == (0, "") and ("undo --resume" in output.err) == kept
    assert [os.path.exists(path) for path in before] == [kept, False, False]


SNIPPET, KEPT, MENU = "/etc/grub.d/09_pvhready", "/boot/pvhready-6.1.elf", "/boot/grub/grub.cfg"
NAMING = 'if [ "$grub_platform" = xen ]; then\nlinux (xen/xvda,1)/boot/pvhready-6.1.elf root=/dev/xvda1\nfi\n'
# Xen tells the guest's type in sysfs; and a stand-in for update-grub, which does what WORK says.
RUNNING = """
mount -t tmpfs tmpfs /sys
mkdir /sys/hypervisor
echo {} >/sys/hypervisor/guest_type
mount -t tmpfs tmpfs /usr/local/sbin
printf '#!/bin/sh\\necho menu >>/boot/called\\n%s\\n' '{}' >/usr/local/sbin/update-grub
chmod 755 /usr/local/sbin/update-grub
export PATH="/usr/local/sbin:$PATH"
"""
# What 09_pvhready does: the menu names the kernel as long as the script can be run.
WRITES = "[ -x {} ] || echo plain >{}".format(SNIPPET, MENU)


class Kept:
    """A guest after ``undo --keep-pv``, whose package is purged."""

    def __init__(self, live):
        self.live = live
        for path in ("/etc/grub.d", "/boot/grub", "/var/lib/pvhready/run-0001"):
            os.makedirs(live.path(path), exist_ok=True)
        live.write("/var/lib/pvhready/run-0001/journal", DONE)
        live.write(SNIPPET, "#!/bin/sh\n")
        os.chmod(live.path(SNIPPET), 0o755)
        live.write(KEPT, "ELF")
        live.write(MENU, NAMING)

    def purge(self, mode, update_grub=WRITES, enter=()):
        booted = ("unshare", "--pid", "--fork", "--mount-proc")  # ischroot compares with what process 1 sees
        output = self.live.run(*booted, *enter, "sh", os.path.join(TOP, "debian", "pvhready.postrm"), "purge",
                               before=RUNNING.format(mode, update_grub))
        assert (output.code, output.out) == (0, ""), output
        assert not os.path.exists(self.live.path("/var/lib/pvhready"))
        return output.err

    @property
    def left(self):
        return [path for path in (SNIPPET, KEPT) if os.path.exists(self.live.path(path))]

    @property
    def regenerated(self):
        return os.path.exists(self.live.path("/boot/called"))


@pytest.fixture
def kept(guest):
    return Kept(Live(guest()))


@pytest.mark.parametrize("mode", ["PV", "HVM", ""])
def test_a_purge_keeps_the_kernels_that_pv_boots(mode, kept):
    said = kept.purge(mode)
    assert kept.left == [SNIPPET, KEPT] and not kept.regenerated
    assert os.access(kept.live.path(SNIPPET), os.X_OK)
    assert len(said.splitlines()) == 2 and "rm {} && update-grub && rm ".format(SNIPPET) in said


def test_a_purge_of_a_machine_in_pvh_writes_the_menu_first(kept):
    assert kept.purge("PVH") == ""
    assert kept.left == [] and kept.regenerated


@pytest.mark.parametrize("update_grub", ["exit 1", "true", "echo half >{}; cat {} /dev/zero/x".format(KEPT, MENU)])
def test_a_menu_that_names_them_still_keeps_them(update_grub, kept):
    said = kept.purge("PVH", update_grub)
    assert kept.left == [SNIPPET, KEPT] and "are kept" in said
    assert os.access(kept.live.path(SNIPPET), os.X_OK)


def test_a_rescue_system_in_pvh_says_nothing_of_the_guest_in_its_chroot(kept):
    said = kept.purge("PVH", enter=("sh", "-ec", 'mount --rbind / /mnt; chroot /mnt "$@"; exit $?', "sh"))
    assert kept.left == [SNIPPET, KEPT] and "are kept" in said


def test_a_purge_takes_what_no_menu_names(kept):
    kept.live.write(MENU, "plain\n")
    assert kept.purge("PV") == ""
    assert kept.left == [] and not kept.regenerated


def test_a_boot_that_is_not_mounted_may_name_them(kept):
    os.unlink(kept.live.path(MENU))
    os.unlink(kept.live.path(KEPT))
    assert "are kept" in kept.purge("PV")
    assert kept.left == [SNIPPET]
