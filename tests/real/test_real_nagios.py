"""What is shipped for Nagios and Icinga, in their own programs: check_nrpe asks nrpe, which asks sudo, which runs the check."""

import os
import re
import shutil
import socket
import subprocess

import pytest

from pvhready.demo.guests import make
from support import chroots, debian, realtree

pytestmark = [pytest.mark.download, pytest.mark.slow]
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = (
    "icinga2-bin", "nagios-nrpe-plugin", "nagios-nrpe-server", "python3-distro", "python3-magic", "python3-packaging", "python3-psutil",
    "sudo", "zstd",
)
HOSTS = """
object Host "guest" {
  check_command = "hostalive"
  address = "192.0.2.1"
  vars.pvhready = true
}
object Host "other" {
  check_command = "hostalive"
  address = "192.0.2.2"
}
"""
ASK = """
nrpe -c /etc/nagios/nrpe.cfg -d
for _ in 1 2 3 4 5 6 7 8 9 10; do
    /usr/lib/nagios/plugins/check_nrpe -H 127.0.0.1 -p "$1" -t 60 -c check_pvhready && code=0 || code=$?
    [ "$code" = 3 ] || break
    sleep 1
done
kill "$(cat /run/nagios/nrpe.pid)"
exit "$code"
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A Debian with all of these programs, that seems to be a guest in PV."""
    directory = debian.cache("trees", "nagios")
    builder = chroots.built()
    with debian.alone():
        if not os.path.isdir(directory):
            shutil.rmtree(directory + ".partial", ignore_errors=True)
            realtree.install("bookworm", directory + ".partial", PACKAGES)
            os.rename(directory + ".partial", directory)
    top = tmp_path_factory.mktemp("nagios")
    subprocess.check_call(["cp", "-a", "--reflink=auto", directory, str(top / "root")])
    chroot = chroots.Chroot(str(top / "root"))
    shutil.copy(builder, chroot.path("/root/pvhready.deb"))
    chroot.demand("dpkg", "-i", "/root/pvhready.deb", PVHREADY_SUSPEND="1")
    (top / "example").mkdir()
    make("debian-12", str(top / "example"))
    chroots.furnish(chroot, str(top / "example"))
    chroot.write("/etc/hosts", "127.0.0.1 localhost {}\n".format(socket.gethostname()))  # sudo asks for it
    chroot.write("/etc/pvhready.conf", "[guest]\nassume = pv\n")
    shutil.copy(os.path.join(TOP, "contrib", "nagios", "sudoers"), chroot.path("/etc/sudoers.d/pvhready"))
    os.chmod(chroot.path("/etc/sudoers.d/pvhready"), 0o440)
    shutil.copy(os.path.join(TOP, "contrib", "nagios", "pvhready.cfg"), chroot.path("/etc/nagios/nrpe.d/pvhready.cfg"))
    shutil.copy(os.path.join(TOP, "contrib", "icinga", "pvhready.conf"), chroot.path("/etc/icinga2/conf.d/pvhready.conf"))
    return chroot


def as_nagios(machine, *words):
    return machine.run("setpriv", "--reuid=nagios", "--regid=nagios", "--clear-groups", *words)


def test_sudo_takes_the_file_and_allows_these_commands_only(machine):
    assert machine.run("visudo", "-c").code == 0
    assert as_nagios(machine, "sudo", "-n", "/usr/bin/pvhready", "check", "--format", "nagios").text.startswith("PVHREADY OK - ready: ")
    assert as_nagios(machine, "sudo", "-n", "/usr/bin/pvhready", "check", "--format", "nagios", "--target", "pv").code == 0
    check = ("check", "--format", "nagios")
    for words in (("check",), check + ("--root", "/"), check + ("--target", "pvh"), ("undo", "--apply")):
        refused = as_nagios(machine, "sudo", "-n", "/usr/bin/pvhready", *words)
        assert refused.code == 1 and "PVHREADY" not in refused.text, refused.text


def test_nrpe(machine):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = machine.path("/etc/nagios/nrpe.cfg")
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    text = re.sub(r"(?m)^server_port=.*", "server_port=" + port, text)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text + "\nserver_address=127.0.0.1\nallowed_hosts=127.0.0.1\n")
    ask = ("sh", "-c", "mkdir -p /run/nagios; chown nagios /run/nagios; " + ASK, "sh", port)
    output = machine.run(*ask)
    first = output.text.splitlines()[0]
    assert output.code == 0 and first.startswith("PVHREADY OK - ready: "), output.text
    counts = r"failed=0;;0;0 unknown=0;;;0 warnings=\d+;0;;0 kernels=2;;;0 decompressed_kernels=0;;;0"
    assert re.search(r" \| " + counts + r" duration=[0-9.]+s;;;0$", first)

    menu = machine.path("/boot/grub/grub.cfg")
    with open(menu, encoding="utf-8") as handle:
        good = handle.read()
    with open(menu, "w", encoding="utf-8") as handle:
        handle.write("# nothing\n")
    try:
        output = machine.run(*ask)
        assert output.code == 2 and output.text.startswith("PVHREADY CRITICAL - not-ready: "), output.text
    finally:
        with open(menu, "w", encoding="utf-8") as handle:
            handle.write(good)


def test_icinga_2_takes_the_command_and_applies_it_to_hosts_that_ask_for_it(machine):
    machine.write("/etc/icinga2/conf.d/hosts-of-the-test.conf", HOSTS)
    output = machine.run("icinga2", "daemon", "-C")
    assert output.code == 0 and "Finished validating the configuration file(s)." in output.text, output.text
    assert "warning" not in output.text.lower(), output.text
    listed = machine.demand("icinga2", "object", "list", "--type", "Service", "--name", "*pvhready*").text
    assert re.findall(r"Object '(\S+)' of type 'Service'", listed) == ["guest!pvhready"]
    listed = machine.demand("icinga2", "object", "list", "--type", "CheckCommand", "--name", "pvhready").text
    words = re.search(r"\* command = \[(.*)\]", listed)
    assert words, listed
    assert re.findall(r'"([^"]+)"', words.group(1)) == ["/usr/bin/sudo", "-n", "/usr/bin/pvhready", "check", "--format", "nagios"]
