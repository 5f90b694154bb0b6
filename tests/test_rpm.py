"""The rpm package, as far as an rpmbuild without Fedora's macros goes: what it holds, that it installs, verifies and leaves nothing."""

import os
import re
import subprocess

import pytest

from pvhready import __version__
from support import wanted
from support.rpmpackage import SPEC, TOP, build, demand


def run(*words):
    return demand(words)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    pytest.importorskip("setuptools")
    return build(str(tmp_path_factory.mktemp("rpm")))


def test_the_version_is_the_program_s():
    with open(SPEC, encoding="utf-8") as handle:
        text = handle.read()
    assert re.search(r"^Version: +(.*)$", text, re.M).group(1) == __version__
    assert re.search(r"^\* .* - (.*)-1$", text, re.M).group(1) == __version__


def test_what_it_holds_and_needs(package):
    files = run("rpm", "-qpl", package).splitlines()
    for name in ("/usr/bin/pvhready", "/usr/libexec/pvhready/hook", "/usr/lib/kernel/install.d/99-pvhready.install"):
        assert name in files
    assert {name for name in files if name.startswith("/usr/lib/systemd/system/")} == {
        "/usr/lib/systemd/system/pvhready-" + name for name in ("exporter.service", "textfile.service", "textfile.timer")}
    assert any(name.endswith("/site-packages/pvhready/py.typed") for name in files)
    modules = {name.partition("/site-packages/")[2] for name in files if name.endswith(".py")}
    assert modules == {os.path.relpath(os.path.join(folder, name), TOP)
                       for folder, _, names in os.walk(os.path.join(TOP, "pvhready")) for name in names if name.endswith(".py")}
    needs = run("rpm", "-qpR", package).splitlines()
    for need in ("python3 >= 3.6", "python3-psutil", "python3-packaging", "python3-distro", "(python3-magic or python3-file-magic)"):
        assert need in needs
    assert not any("dist(python-magic)" in need or "dist(setuptools)" in need for need in needs)
    assert run("rpm", "-qp", "--filetriggers", package).count("hook rpm-trigger") == 2


def test_rpmlint_has_nothing_to_say(package):
    program = wanted.tool("rpmlint", "rpmlint")
    said = run(program, "-c", os.path.join(TOP, "rpm", "rpmlint.toml"), SPEC, package)
    assert " 0 errors, 0 warnings" in said, said


def test_it_installs_verifies_and_is_erased_without_a_trace(package, tmp_path):
    wanted.root()
    root = str(tmp_path / "root")
    os.mkdir(root)
    old = subprocess.call(["rpm", "--force-debian", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    rpm = ("rpm", "--root", root) + (("--force-debian",) if old else ())  # Debian's rpm 6 does not know the option
    run(*rpm + ("-i", "--nodeps", "--noscripts", "--notriggers", package))
    assert run(*rpm + ("-V", "--nodeps", "pvhready")) == ""
    run(*rpm + ("-e", "--noscripts", "--notriggers", "pvhready"))
    left = [os.path.join(folder, name) for folder, folders, names in os.walk(root) for name in folders + names if "pvhready" in name]
    assert left == []
