"""The role in a whole Debian, run by that Debian's own ansible-core: it installs the package, checks, leaves facts, and is done."""

import json
import os
import shutil
import subprocess

import pytest

from support import chroots, debian, realtree

pytestmark = [pytest.mark.download, pytest.mark.slow]
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INVENTORY = "guest ansible_connection=local ansible_become=false pvhready_package=/root/{} pvhready_reports=/root/reports {}\n"


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    """A copy of a Debian in which ansible-core is installed, and the package beside it as a file."""
    tree = debian.cache("trees", "ansible")
    deb = chroots.built()
    with debian.alone():
        if not os.path.isdir(tree):
            realtree.install("bookworm", tree + ".partial", ("ansible-core", "python3-apt"))
            os.rename(tree + ".partial", tree)
    directory = str(tmp_path_factory.mktemp("guest") / "root")
    subprocess.check_call(["cp", "-a", "--reflink=auto", tree, directory])  # device files are made anew, not read
    shutil.copytree(os.path.join(TOP, "contrib", "ansible"), directory + "/root/ansible")
    shutil.copy(deb, directory + "/root/" + os.path.basename(deb))
    chroot = chroots.Chroot(directory)
    chroot.write("/root/hosts", INVENTORY.format(os.path.basename(deb), "pvhready_options='[\"--assume-guest\", \"pv\"]'"))
    return chroot


def play(guest, *words, program="ansible-playbook"):
    """Run one of its programs, which want shared memory."""
    start = ("sh", "-c", 'mkdir -p /dev/shm; exec "$@"', "sh")
    return guest.run(*(start + (program, "-i", "/root/hosts") + words), LC_ALL="C.UTF-8", ANSIBLE_NOCOLOR="1")


def test_it_installs_checks_and_is_done(guest):
    first = play(guest, "/root/ansible/check.yml")
    assert first.code == 0 and "failed=0" in first.text, first.text[-3000:]
    assert guest.run("dpkg-query", "-W", "-f=${Status}", "pvhready").text == "install ok installed"
    second = play(guest, "/root/ansible/check.yml")
    assert second.code == 0 and "changed=0" in second.text, second.text[-3000:]
    with open(guest.path("/root/reports/fleet.json")) as handle:
        machine, = json.load(handle)["machines"]
    shown = play(guest, "guest", "-m", "setup", "-a", "filter=ansible_local", program="ansible").text
    facts = json.loads(shown[shown.index("{"):])["ansible_facts"]["ansible_local"]["pvhready"]
    assert (machine["name"], machine["verdict"], machine["type"]) == ("guest", facts["verdict"], facts["guest_type"])
    assert facts["guest_type"] == "PV"
    assert not os.stat(guest.path("/etc/ansible/facts.d/pvhready.fact")).st_mode & 0o111


def test_a_guest_that_is_not_ready_stops_the_preparation(guest):
    output = play(guest, "/root/ansible/prepare.yml")
    assert output.code and "Next, on it: pvhready plan" in output.text, output.text[-3000:]
