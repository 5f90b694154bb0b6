"""What is packaged: one version, a manual page of all commands, a source archive with everything, and scripts that clean up."""

import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

from pvhready import __version__
from pvhready.manpage import page
from pvhready.options import COMMANDS, GLOBAL
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


def test_groff_has_nothing_to_say_of_the_manual_page():
    result = subprocess.run(
        [wanted.tool("groff", "groff-base"), "-man", "-ww", "-z", "-Tascii"], input=page(), stdout=subprocess.PIPE,
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
    modules = {
        os.path.relpath(os.path.join(path, name), os.path.join(TOP, "pvhready"))
        for path, _, names in os.walk(os.path.join(TOP, "pvhready")) for name in names if name.endswith(".py")
    }
    assert {str(path.relative_to(made)) for path in made.rglob("*.py")} == modules


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
