"""The plan carried out: in a real Debian chroot its commands are typed as they stand, until the check has nothing left to say."""

import os
import shutil
import subprocess

import pytest

from support import realtree
from support.program import findings

pytestmark = [pytest.mark.download, pytest.mark.slow]

_IN_GUEST = 'mount -t proc proc "$1/proc"; cd /; exec chroot "$1" sh -ec "$2"'
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
_SPOILT = """\
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT='quiet nopv'
GRUB_CMDLINE_LINUX=acpi=off
"""


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def debian(request, tmp_path_factory):
    """A guest of its own, which the test may change at will."""
    tree = realtree.make(request.param)
    directory = os.path.join(os.path.dirname(tree.directory), "plan-{}".format(os.getpid()))
    subprocess.check_call(["cp", "-a", "--reflink=auto", tree.directory, directory])
    shutil.copy("/etc/resolv.conf", directory + "/etc/resolv.conf")
    yield tree._replace(directory=directory)
    shutil.rmtree(directory)


def type_in(guest, line):
    environment = dict(_ENVIRONMENT)
    environment.update((name, os.environ[name]) for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ)
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", _IN_GUEST, "sh", guest.directory, line], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, (line, result.stdout[-2000:])


def write(guest, name, text):
    with open(guest.path(name), "w", encoding="utf-8") as handle:
        handle.write(text)


def carry_out(guest, pvhready):
    """Type what the plan says, and return the ids of the steps that it was."""
    document = pvhready.json("plan", "--root", guest.directory)
    steps = [step for step in document["steps"] if step["state"] == "to-do" and step["id"] not in ("enter-guest", "switch")]
    with realtree.disks(guest.directory):
        for step in steps:
            for command in step["commands"]:
                if command["where"] == "guest" and command["type"] == "command":
                    type_in(guest, command["line"])
    return [step["id"] for step in steps]


def left(guest, pvhready):
    document = pvhready.json("plan", "--root", guest.directory)
    report = pvhready.check(guest.directory)
    assert report["verdict"] == "ready", findings(report, "fail", "unknown", "warn")
    return [step["id"] for step in document["steps"] if step["state"] != "done"]


def test_arguments_console_and_initramfs(debian, pvhready):
    write(debian, "/etc/default/grub", _SPOILT)
    write(debian, "/etc/initramfs-tools/conf.d/spoilt", "MODULES=list\n")
    type_in(debian, "update-initramfs -u -k all")
    realtree.write_menu(debian.directory)
    assert pvhready.check(debian.directory)["verdict"] == "not-ready"
    assert carry_out(debian, pvhready) == ["command-line", "console", "initramfs", "check"]
    assert left(debian, pvhready) == ["switch"]
    command_line = pvhready.check(debian.directory)["boot"]["default"]["cmdline"].split()
    assert {"quiet", "console=hvc0"} <= set(command_line) and not {"nopv", "acpi=off"} & set(command_line)


def test_a_guest_without_a_menu(debian, pvhready):
    shutil.rmtree(debian.path("/boot/grub"))
    assert carry_out(debian, pvhready)[:1] == ["write-grub-cfg"]
    assert left(debian, pvhready) == ["switch"]
