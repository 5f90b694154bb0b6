"""Downloads: what is asked for, and a package manager that fails, hangs or leaves nothing. (A real one: tests/real/.)"""

import os
import stat
import time
from typing import Any, List

import pytest

from pvhready.probes.recorded import Recorded
from pvhready.undo import download
from pvhready.undo.download import Failed, Request, fetch, request

DEB = Recorded("/boot/vmlinuz-1", "linux-image-1:amd64", "deb", "linux-image-1", "2:1.0-1", "amd64", "md5", "0" * 32)
RPM = Recorded("/lib/modules/1/vmlinuz", "kernel-core-1-1.fc40.x86_64", "rpm", "kernel-core", "1-1.fc40", "x86_64")
APT = ("-q", "-o", "APT::Sandbox::User=root", "download")


@pytest.mark.parametrize("record, has_dpkg, expected", [
    (DEB, True, Request("apt-get", APT + ("linux-image-1:amd64=2:1.0-1",), ".deb")),
    (None, True, Request("apt-get", APT + ("linux-image-1",), ".deb")),
    (RPM, False, Request("dnf", ("-q", "-y", "download", "--destdir", "{folder}", "kernel-core-1-1.fc40.x86_64"), ".rpm")),
    (None, False, Request("dnf", ("-q", "-y", "download", "--destdir", "{folder}", "kernel-core-1"), ".rpm")),
])
def test_exactly_what_is_installed_is_asked_for(record: Any, has_dpkg: bool, expected: Request) -> None:
    assert request(record, "1", has_dpkg) == expected


@pytest.fixture
def manager(tmp_path: Any, monkeypatch: Any) -> Any:
    """A function that makes a package manager of a script."""
    monkeypatch.setattr(download, "_PLACES", (str(tmp_path / "bin"),))
    os.mkdir(str(tmp_path / "bin"))

    def make(script: str) -> str:
        path = str(tmp_path / "bin/manager")
        with open(path, "w") as handle:
            handle.write("#!/bin/sh\n" + script + "\n")
        os.chmod(path, 0o755)
        return str(tmp_path / "state/pvhready")

    return make


WANTED = Request("manager", ("--to", "{folder}", "x=1"), ".deb")


def get(top: str) -> List[str]:
    with fetch(WANTED, top) as paths:
        for path in paths:
            assert os.path.isfile(path)
        return [os.path.basename(path) for path in paths]


def test_what_comes_is_there_as_long_as_it_is_read(manager: Any, tmp_path: Any) -> None:
    os.mkdir(str(tmp_path / "state"))
    top = manager('[ "$1 $3" = "--to x=1" ] && [ "$2" = "$PWD" ] && touch b.deb a.deb other')
    assert get(top) == ["a.deb", "b.deb"]
    for folder in (top, top + "/downloads"):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.listdir(top + "/downloads") == []


def test_a_manager_that_fails(manager: Any) -> None:
    scripts = {"echo W: hm; echo E: no such version >&2; echo more; exit 100": "E: no such version", "exit 1": "no word of why"}
    for script, said in scripts.items():
        top = manager(script)
        with pytest.raises(Failed, match=said):
            get(top)
        assert os.listdir(top + "/downloads") == []


def test_a_manager_that_hangs_is_ended_with_its_children(manager: Any, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr(download, "_SECONDS", 0.5)
    top = manager("sleep 600 & echo $! > {}; wait".format(tmp_path / "child"))
    with pytest.raises(Failed, match="longer than 0.5 seconds"):
        get(top)
    with open(str(tmp_path / "child")) as handle:
        child = int(handle.read())
    for _ in range(100):
        if not os.path.exists("/proc/{}".format(child)) or " Z " in open("/proc/{}/stat".format(child)).read():
            return
        time.sleep(0.1)
    raise AssertionError("its child is still there")


def test_what_a_killed_download_has_left_goes(manager: Any) -> None:
    """But not what another one that is at work has."""
    top = manager("ls .. | wc -l > ../../count; touch a.deb")
    for number in range(3):
        os.makedirs("{}/downloads/download-{}".format(top, number))
    with fetch(WANTED, top):
        with fetch(WANTED, top):
            assert len(os.listdir(top + "/downloads")) == 2
        assert len(os.listdir(top + "/downloads")) == 1
    assert os.listdir(top + "/downloads") == []


def test_no_manager_and_no_folder(manager: Any, tmp_path: Any) -> None:
    with pytest.raises(Failed, match="manager is not installed"):
        get(str(tmp_path / "state"))
    manager("touch a.deb")
    with open(str(tmp_path / "file"), "w"):
        pass
    with pytest.raises(Failed, match="nothing is downloaded"):
        get(str(tmp_path / "file"))


def test_a_manager_gets_nothing_of_the_users_environment_but_the_proxy(manager: Any, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setenv("APT_CONFIG", "/tmp/evil")
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    get(manager("env > {}".format(tmp_path / "environment")))
    with open(str(tmp_path / "environment")) as handle:
        text = handle.read()
    assert "http_proxy=http://proxy:3128" in text and "evil" not in text
