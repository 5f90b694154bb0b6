"""The Debian package as Debian's own tools see it: the same in each build, lintian, piuparts, autopkgtest."""

import os
import shutil
import subprocess

import pytest

from support import chroots, wanted
from support.suites import SUITES, only_named

pytestmark = [pytest.mark.download, pytest.mark.slow]


def test_two_builds_are_the_same(builder, changes, tmp_path):
    source = str(tmp_path / "source")
    shutil.copytree(os.path.dirname(changes) + "/pvhready", source, ignore=shutil.ignore_patterns("build", ".pybuild"))
    # Another folder, another umask, another language and zone, and files of another time.
    for folder, _, names in os.walk(source):
        for name in names:
            os.utime(os.path.join(folder, name), (1e9, 1e9), follow_symlinks=False)
    other = {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Kiritimati", "USER": "somebody"}
    name = "again-{}/elsewhere".format(os.getpid())
    again = chroots.build(builder, source, name, umask="027", **other)
    with open(chroots.package(changes), "rb") as first, open(chroots.package(again), "rb") as second:
        assert first.read() == second.read()
    shutil.rmtree(os.path.dirname(os.path.dirname(again)))


def test_lintian(builder, changes):
    output = builder.run("lintian", "--allow-root", "--fail-on", "error,warning", builder.inside(changes))
    assert output == (0, "")


def test_what_it_depends_on(builder, changes):
    fields = builder.demand("dpkg-deb", "-f", builder.inside(chroots.package(changes)), "Depends", "Recommends").text
    depends, recommends = fields.splitlines()
    for name in ("python3 (>= 3.6)", "python3-psutil", "python3-packaging", "python3-distro", "python3-magic"):
        assert name in depends.partition(": ")[2].split(", ")
    assert "python3-prometheus-client" in recommends


@only_named
@pytest.mark.parametrize("suite", SUITES)
def test_piuparts(suite, changes):
    words = ["--existing-chroot", chroots.bare(suite), "-d", suite, "--keep-sources-list", "--no-eatmydata", "--no-upgrade-test"]
    words += ["--ignore", "/var/cache/debconf/tmp.ci/"]  # debconf's own, which Debian 13's leaves whatever is installed
    demand([wanted.tool("piuparts", "piuparts")] + words + [chroots.package(changes)])


@only_named
@pytest.mark.parametrize("suite", SUITES)
def test_autopkgtest(suite, changes, tmp_path):
    program = wanted.tool("autopkgtest", "autopkgtest")
    testbed = str(tmp_path / "testbed")
    subprocess.check_call(["cp", "-a", "--reflink=auto", chroots.bare(suite), testbed])
    shutil.copy("/etc/resolv.conf", testbed + "/etc/resolv.conf")
    source = str(tmp_path / "source")
    shutil.copytree(os.path.dirname(changes) + "/pvhready", source, ignore=shutil.ignore_patterns("build", ".pybuild"))
    output = str(tmp_path / "output")
    demand([program, chroots.package(changes), source, "-o", output, "--", "chroot", testbed])
    with open(output + "/summary", encoding="utf-8") as handle:
        results = dict(line.split() for line in handle)
    assert results == {"check": "PASS", "undo": "PASS", "hook": "PASS"}
    shutil.rmtree(testbed)


def demand(words):
    result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800)
    assert result.returncode == 0, result.stdout.decode("utf-8", "replace")[-5000:]
