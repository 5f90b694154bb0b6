"""The plan carried out: in a real Debian chroot its commands are typed as they stand, until the check has nothing left to say."""

import os
import shutil
import subprocess

import pytest
from test_hack import V3

from support import realtree
from support.program import findings
from support.vmlinux import vmlinux_of

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
                elif command["where"] == "rescue" and "--apply" in command["argv"]:
                    output = pvhready(*command["argv"][1:], "--yes", timeout=600)  # on a terminal it would ask
                    assert output.code == 0, output.out
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


def test_a_guest_whose_kernel_stands_decompressed(debian, pvhready):
    """With the hook that did it, and without a console: after the steps nothing is left but the switch, and after that nothing at all."""
    image = debian.path("/boot/vmlinuz-" + debian.release)
    with open(image, "rb") as handle:
        packed = handle.read()
    type_in(debian, "apt-get -q -y install --reinstall --download-only linux-image-" + debian.release)
    os.replace(vmlinux_of(image), image)
    hook = debian.path("/etc/kernel/postinst.d/kernel-decompress-hook")
    write(debian, "/etc/kernel/postinst.d/kernel-decompress-hook", V3)
    os.chmod(hook, 0o755)
    write(debian, "/etc/default/grub", "GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=Debian\n")
    realtree.write_menu(debian.directory)
    assert pvhready.check(debian.directory)["verdict"] == "not-ready"
    assert carry_out(debian, pvhready) == ["undo-hack", "console", "check"]
    assert left(debian, pvhready) == ["switch"]
    with open(image, "rb") as handle:
        assert handle.read() == packed
    assert not os.path.exists(hook)
    switched = pvhready.json("plan", "--root", debian.directory, "--assume-guest", "pvh")
    assert (switched["exit"], switched["state"], {step["state"] for step in switched["steps"]}) == (0, "nothing-to-do", {"done"})


def test_a_guest_without_a_menu(debian, pvhready):
    shutil.rmtree(debian.path("/boot/grub"))
    assert carry_out(debian, pvhready)[:1] == ["write-grub-cfg"]
    assert left(debian, pvhready) == ["switch"]
