"""The role, run by a real ansible-core on machines that are folders: every machine in the report, and nothing to change the second time."""

import json
import os
import re
import subprocess
import sys

import pytest
from undo import hacked

from pvhready.demo.guests import NAMES, make
from pvhready.demo.tree import write_tree
from support import debian, trees, wanted

pytestmark = [pytest.mark.download, pytest.mark.slow]

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLAYBOOKS = os.path.join(TOP, "contrib", "ansible")
COUNT = 2 * len(NAMES)
EVIL = "{{ lookup('pipe', 'touch EVIL') }}"


@pytest.fixture(scope="module")
def ansible():
    """The folder of ansible-core's programs, in an environment of their own below the cache."""
    wanted.root()
    if sys.version_info < (3, 9):
        wanted.skip("Python 3.9, for an ansible-core that is still looked after")
    folder = debian.cache("ansible-{}.{}".format(*sys.version_info))
    with debian.alone():
        if not os.path.exists(os.path.join(folder, "done")):
            subprocess.check_call([sys.executable, "-m", "venv", "--clear", folder])
            install = subprocess.run(
                [os.path.join(folder, "bin", "pip"), "-qq", "install", "ansible-core"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if install.returncode:
                wanted.skip("ansible-core from PyPI: " + install.stdout.decode("utf-8", "replace")[-200:])
            open(os.path.join(folder, "done"), "w").close()
    return os.path.join(folder, "bin")


class Fleet:
    """Machines that are folders, and the playbooks."""

    def __init__(self, programs, folder):
        self._programs = programs
        self.folder = folder
        self._hosts = []
        program = folder / "pvhready"
        program.write_text('#!/bin/sh\ncd / && PYTHONPATH={} exec {} -B -m pvhready "$@"\n'.format(TOP, sys.executable))
        program.chmod(0o755)
        self._common = {
            "ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable, "pvhready_package": "",
            "pvhready_command": [str(program)], "pvhready_controller_command": [str(program)], "pvhready_reports": str(folder / "reports"),
            "pvhready_undo_options": ["--switching"],
        }

    def add(self, name, directory, **variables):
        options = ["--root", directory, "--assume-guest", "pv"]
        self._hosts.append((name, dict(pvhready_options=options, pvhready_facts_directory=str(self.folder / "facts" / name), **variables)))
        return self

    def facts(self, name):
        return json.loads((self.folder / "facts" / name / "pvhready.fact").read_text())

    def report(self):
        machines = json.loads((self.folder / "reports" / "fleet.json").read_text())["machines"]
        assert len({machine["name"] for machine in machines}) == len(machines)
        return {machine["name"]: machine for machine in machines}

    def run(self, playbook, *words, program="ansible-playbook"):
        """Run a playbook; return its exit code and the counts of the recap by machine."""
        inventory = {"all": {"vars": self._common, "hosts": dict(self._hosts)}}
        (self.folder / "inventory.yml").write_text(json.dumps(inventory))
        environment = dict(
            os.environ, ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(self.folder / "home"), ANSIBLE_FORKS="2", ANSIBLE_PIPELINING="True",
            ANSIBLE_LOCALHOST_WARNING="False", PATH=self._programs + os.pathsep + os.environ["PATH"], LC_ALL="C.UTF-8")
        result = subprocess.run(
            [os.path.join(self._programs, program), "-i", str(self.folder / "inventory.yml"), playbook] + list(words), cwd=PLAYBOOKS,
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.said = result.stdout
        recap = re.findall(r"^(\S+) +: (ok=.*)$", result.stdout, re.MULTILINE)
        return result.returncode, {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)} for name, counts in recap}


@pytest.fixture
def fleet(ansible, tmp_path):
    (tmp_path / "facts").mkdir()
    return Fleet(ansible, tmp_path)


def snapshot(folder):
    found = {}
    for top, _, names in os.walk(str(folder)):
        for name in names:
            path = os.path.join(top, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def test_many_machines_twice(fleet, tmp_path, pvhready):
    guests = tmp_path / "guests"
    for number in range(COUNT):
        name = "machine{:02d}".format(number)
        (guests / name).mkdir(parents=True)
        make(list(NAMES)[number % len(NAMES)], str(guests / name))
        fleet.add(name, str(guests / name))
    before = snapshot(guests)
    code, counts = fleet.run("check.yml")
    assert code == 0, fleet.said[-3000:]
    assert len(counts) == COUNT and all(count["changed"] and not count["failed"] for count in counts.values())
    written = snapshot(tmp_path / "facts"), snapshot(tmp_path / "reports")

    code, counts = fleet.run("check.yml")
    assert code == 0 and len(counts) == COUNT and {count["changed"] for count in counts.values()} == {0}
    assert (snapshot(tmp_path / "facts"), snapshot(tmp_path / "reports")) == written
    assert snapshot(guests) == before

    merged = fleet.report()
    for number in range(COUNT):
        name = "machine{:02d}".format(number)
        report = pvhready.check(str(guests / name), "--assume-guest", "pv")
        assert merged[name]["verdict"] == fleet.facts(name)["verdict"] == report["verdict"]
        assert (merged[name]["pvh"], merged[name]["pv"]) == (report["modes"]["pvh"], report["modes"]["pv"])
        page = (tmp_path / "reports" / "fleet.html").read_text()
        assert '<td>{0}</td><td>PV</td><td class="{1}">{1}</td>'.format(name, report["verdict"]) in page

    # Ansible itself reads the file as facts, without running anything.
    folder = tmp_path / "facts" / "machine03"
    assert (folder / "pvhready.fact").stat().st_mode & 0o777 == 0o644
    code, _ = fleet.run("machine03", "-m", "setup", "-a", "filter=ansible_local fact_path={}".format(folder), program="ansible")
    shown = json.loads(fleet.said[fleet.said.index("{"):])["ansible_facts"]["ansible_local"]["pvhready"]
    assert code == 0 and shown == fleet.facts("machine03") and shown["verdict"] == merged["machine03"]["verdict"]


def test_machines_without_an_answer_are_unknown_and_stop_no_other(fleet, guest, tmp_path):
    fleet.add("away", guest(), ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    fleet.add("broken", "/nonexistent").add("well", guest())
    # Its answer of an earlier run is no answer.
    (tmp_path / "reports" / "hosts").mkdir(parents=True)
    (tmp_path / "reports" / "hosts" / "away.json").write_text(json.dumps({
        "format_version": 1, "guest": {"type": "PV"}, "verdict": "ready", "modes": {"pvh": "boots", "pv": "boots"}, "checks": []}))
    code, counts = fleet.run("check.yml")
    assert code and {name for name, count in counts.items() if count["failed"] or count["unreachable"]} == {"away", "broken"}, fleet.said
    assert {name: machine["verdict"] for name, machine in fleet.report().items()} == {
        "away": "unknown", "broken": "unknown", "well": "ready"}
    assert "is empty" in fleet.report()["away"]["problem"]
    assert fleet.facts("broken")["verdict"] == "unknown"


def test_what_a_guest_says_is_no_template(fleet, tmp_path):
    tree = trees.base()
    menu = tree[trees.GRUB_CFG]
    assert isinstance(menu, str)
    evil = EVIL.replace("EVIL", str(tmp_path / "evil"))
    tree[trees.GRUB_CFG] = menu.replace("root=", 'evil="{}" root='.format(evil.replace("'", '\\"')))
    tree["/etc/os-release"] = 'ID=debian\nVERSION_ID=12\nNAME="{0}"\nPRETTY_NAME="{0}"\n'.format(evil)
    (tmp_path / "guest").mkdir()
    write_tree(str(tmp_path / "guest"), tree)
    fleet.add("evil", str(tmp_path / "guest"))
    for playbook in ("check.yml", "prepare.yml"):
        fleet.run(playbook)
        assert not (tmp_path / "evil").exists()
    assert "lookup" in fleet.report()["evil"]["distribution"]


def hacked_guest(folder):
    folder.mkdir()
    return hacked.make(str(folder))


def test_the_preparation_stops_at_the_first_that_is_not_ready(fleet, tmp_path):
    first, stops, last = (hacked_guest(tmp_path / name) for name in ("a", "b", "c"))
    for folder, _, names in os.walk(os.path.join(stops, "var/cache/apt/archives")):
        for name in names:
            os.unlink(os.path.join(folder, name))  # nothing that its kernels could be restored from
    for name, directory in (("one", first), ("two", stops), ("three", last)):
        fleet.add(name, directory)
    before = snapshot(last)
    code, counts = fleet.run("prepare.yml")
    assert code and counts["one"]["changed"] and not counts["one"]["failed"], fleet.said
    assert counts["two"]["failed"] == 1 and "two is not-ready" in fleet.said
    assert "three" not in counts and snapshot(last) == before
    assert fleet.facts("one")["verdict"] == "ready" and fleet.facts("two")["verdict"] == "not-ready"

    # Once the second is out of the way it goes on, and what is prepared stays as it is.
    code, counts = fleet.run("prepare.yml", "--limit", "!two")
    assert code == 0 and counts["one"]["changed"] == 0 and counts["three"]["changed"], fleet.said
    assert fleet.facts("three")["verdict"] == "ready"


def test_the_preparation_keeps_a_way_back_unless_told_otherwise():
    with open(os.path.join(PLAYBOOKS, "roles", "pvhready", "defaults", "main.yml"), encoding="utf-8") as handle:
        assert "pvhready_undo_options: [--keep-pv]\n" in handle.read()


def test_a_trial_of_the_preparation_changes_nothing(fleet, tmp_path):
    directory = hacked_guest(tmp_path / "a")
    before = snapshot(directory)
    fleet.add("one", directory)
    fleet.run("prepare.yml", "--check")
    assert snapshot(directory) == before and "one is not-ready" in fleet.said
