"""The units, started by a real systemd in a container: with all that they forbid the programs, these still see what root sees."""

import os
import re
import shutil
import subprocess

import pytest

from pvhready.demo.guests import make
from support import chroots, debian, realtree, wanted

pytestmark = [pytest.mark.download, pytest.mark.slow]
PACKAGES = (
    "systemd-sysv", "curl", "openssl", "prometheus-node-exporter", "python3-bcrypt", "python3-distro", "python3-magic", "python3-packaging",
    "python3-prometheus-client", "python3-psutil", "python3-yaml", "zstd",
)
WEB = """tls_server_config:
  cert_file: /etc/pvhready.pem
  key_file: /etc/pvhready.key
basic_auth_users:
  ann: "$2b$06$HKWFwt79eM0z7Su.GesMuuaPz4Nf9MSJgjxhg6Y2Ffa1AaqZtihGO"
"""
# What is printed between "=== NAME" and the next such line is the answer of that name.
SCRIPT = r"""#!/bin/sh
exec >/root/answers 2>&1
ask() { echo "=== $1"; shift; "$@"; echo "code $?"; }
fetch() { curl -s --cacert /etc/pvhready.pem -u ann:secret "https://localhost:9843/$1"; }
wait_for() { for _ in $(seq 150); do "$@" && return; sleep 0.4; done; return 1; }
alarm() { fetch metrics | grep -q 'next_boot_ok{mode="current"} 0'; }
show() { systemctl show -p Result,ExecMainStatus,NRestarts,ActiveState "$1"; }
status() { cat "/proc/$(systemctl show -p MainPID --value pvhready-exporter)/status"; }

# As udev has made it in a guest that was booted.
mkdir -p /dev/disk/by-uuid
ln -s "../../DEVICE" /dev/disk/by-uuid/UUID

ask begin true
ask start systemctl start pvhready-exporter.service
ask answers wait_for fetch healthz
ask as-root pvhready check --format prometheus
ask metrics fetch metrics
ask stranger curl -sk -o /dev/null -w '%{http_code}\n' https://localhost:9843/metrics
ask status status
ask reload systemctl reload pvhready-exporter.service
cp /etc/pvhready-web.yml /root/web.yml
echo 'nonsense: 1' >>/etc/pvhready-web.yml
ask reload-nonsense systemctl reload pvhready-exporter.service
ask told wait_for sh -c 'journalctl -q -u pvhready-exporter | grep "not reloaded"'
ask still fetch healthz
echo '# nothing' >/boot/grub/grub.cfg
ask alarm wait_for alarm
ask stop systemctl stop pvhready-exporter.service
ask stopped show pvhready-exporter.service
ask start-nonsense systemctl start pvhready-exporter.service
sleep 5
ask refused show pvhready-exporter.service
ask textfile systemctl start pvhready-textfile.service
ask written show pvhready-textfile.service
ask file stat -c '%a %U %F' /var/lib/prometheus/node-exporter/pvhready.prom
ask content cat /var/lib/prometheus/node-exporter/pvhready.prom
ask timer systemctl start pvhready-textfile.timer
ask next systemctl list-timers --no-pager pvhready-textfile.timer
ask security systemd-analyze security --no-pager pvhready-exporter.service pvhready-textfile.service
ask journal journalctl -q --no-pager -u pvhready-exporter -u pvhready-textfile
ask end true
systemctl poweroff --force
"""
UNIT = "[Unit]\nAfter=basic.target\n[Service]\nExecStart=/root/script\nTimeoutStartSec=300\n"


def tree():
    directory = debian.cache("trees", "units")
    with debian.alone():
        if not os.path.isdir(directory):
            shutil.rmtree(directory + ".partial", ignore_errors=True)
            realtree.install("bookworm", directory + ".partial", PACKAGES)
            os.rename(directory + ".partial", directory)
    return directory


def furnish(chroot, example):
    """Make it a guest with an initramfs that a program has to unpack, and give it keys and settings that are root's alone."""
    chroots.furnish(chroot, example)
    with open(chroot.path("/boot/initrd.img"), "rb") as handle:
        assert b"\x28\xb5\x2f\xfd" in handle.read()  # zstd
    chroot.write("/etc/pvhready.conf", "[guest]\nassume = pv\n[exporter]\nweb-config = /etc/pvhready-web.yml\n", 0o600)
    chroot.write("/etc/pvhready-web.yml", WEB, 0o600)
    chroot.demand(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", "/etc/pvhready.key", "-out", "/etc/pvhready.pem")
    os.chmod(chroot.path("/etc/pvhready.key"), 0o600)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the script was told, by name, each with the exit code in its last line."""
    wanted.root()
    nspawn = wanted.tool("systemd-nspawn", "systemd-container")
    top = tmp_path_factory.mktemp("units")
    directory = str(top / "root")
    subprocess.check_call(["cp", "-a", "--reflink=auto", tree(), directory])
    chroot = chroots.Chroot(directory)
    shutil.copy(chroots.built(), chroot.path("/root/pvhready.deb"))
    chroot.demand("dpkg", "-i", "/root/pvhready.deb", PVHREADY_SUSPEND="1")
    (top / "example").mkdir()
    make("debian-12", str(top / "example"))
    furnish(chroot, str(top / "example"))
    number = os.stat(directory).st_dev
    device = os.path.realpath("/sys/dev/block/{}:{}".format(os.major(number), os.minor(number)))
    if not os.path.exists(device):
        wanted.skip("a disk below the folder for temporary files, which the kernel has a name for")
    device = os.path.basename(device)
    chroot.write("/root/script", SCRIPT.replace("DEVICE", device).replace("UUID", realtree.UUID), 0o755)
    chroot.write("/etc/systemd/system/script.service", UNIT)
    shutil.rmtree(chroot.path("/dev"))  # the container has its own
    os.mkdir(chroot.path("/dev"))
    wants = chroot.path("/etc/systemd/system/multi-user.target.wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink("../script.service", os.path.join(wants, "script.service"))
    boot = subprocess.run(
        [nspawn, "--register=no", "--keep-unit", "--private-network", "--quiet", "--bind-ro=/dev/" + device, "-D", directory, "--boot"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500)
    if not os.path.exists(chroot.path("/root/answers")):
        wanted.skip("a machine on which systemd-nspawn boots a container: " + boot.stdout.decode("utf-8", "replace")[-200:])
    with open(chroot.path("/root/answers"), encoding="utf-8", errors="replace") as handle:
        parts = re.split(r"^=== (\S+)\n", handle.read(), flags=re.M)
    found = dict(zip(parts[1::2], parts[2::2]))
    assert "end" in found, parts[-1]
    return found


def values(text):
    """Every sample, whatever the order of its labels, but those that tell of time."""
    found = (re.match(r"(pvhready_\w+)(?:\{(.*)\})? (\S+)$", line) for line in text.splitlines() if "_seconds" not in line)
    return {(match.group(1), frozenset((match.group(2) or "").split(","))): float(match.group(3)) for match in found if match}


def one(text, name, label=""):
    return values(text).get(("pvhready_" + name, frozenset([label])))


def succeeded(answers, *names):
    return {name: answers[name] for name in names if not answers[name].endswith("code 0\n")} == {}


def test_the_exporter_sees_what_root_sees(answers):
    assert succeeded(answers, "start", "answers", "metrics"), answers["journal"]
    as_root, shown = values(answers["as-root"]), values(answers["metrics"])
    mine = ("pvhready_run_as_root", frozenset([""]))
    assert shown.pop(mine) == 0 and as_root.pop(mine) == 1
    assert shown == as_root and one(answers["metrics"], "next_boot_ok", 'mode="current"') == 1, answers["metrics"]


def test_it_is_nobody_and_may_do_nothing_but_read(answers):
    status = dict(line.split(":\t", 1) for line in answers["status"].splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 1 << 2, name  # CAP_DAC_READ_SEARCH
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_tls_and_passwords_from_files_that_are_root_s_alone(answers):
    assert answers["stranger"].startswith("401\n")


def test_reload_and_stop(answers):
    assert succeeded(answers, "reload", "reload-nonsense", "told", "alarm", "stop")
    assert answers["still"].startswith("ok\n")
    assert "Result=success" in answers["stopped"] and "ExecMainStatus=0" in answers["stopped"]


def test_settings_that_make_no_sense_keep_it_from_starting_and_it_is_not_tried_again(answers):
    for line in ("Result=exit-code", "ExecMainStatus=64", "NRestarts=0", "ActiveState=failed"):
        assert line in answers["refused"]
    assert "nonsense" in answers["journal"] and "Traceback" not in answers["journal"]


def test_the_textfile_and_its_timer(answers):
    assert succeeded(answers, "textfile", "file", "timer"), answers["journal"]
    assert "Result=success" in answers["written"] and answers["file"].startswith("644 root regular file\n")
    assert one(answers["content"], "next_boot_ok", 'mode="current"') == 0 and one(answers["content"], "run_as_root") == 1
    assert "pvhready-textfile.service" in answers["next"]


def test_systemd_s_own_opinion_of_the_running_units(answers):
    levels = re.findall(r"exposure level for (\S+): ([0-9.]+)", answers["security"])
    assert len(levels) == 2 and all(float(level) <= 2.0 for _, level in levels)
