"""The hooks of package managers: what they say, when they are silent, and that nothing which becomes of them stops an installation."""

import os
import re
import resource
import stat
import subprocess
import sys
import time

import pytest

from pvhready.errors import UsageError
from pvhready.facts import Guest
from pvhready.hooks import situation
from pvhready.hooks.image import about_image
from pvhready.hooks.situation import Situation
from pvhready.host import profile
from pvhready.memory import nextboot
from pvhready.memory.folder import DIRECTORY, Folder
from pvhready.root import Root
from pvhready.settings import HOOKS, Settings
from support import wanted
from support.live import Live
from support.trees import RELEASE, kernel

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pvhready", "data", "hooks")
IMAGE = "/boot/vmlinuz-" + RELEASE
CONF = "/etc/pvhready.conf"
MEMORY = DIRECTORY + "/" + nextboot.FILE
ARGUMENTS = {
    "kernel-postinst": (RELEASE, IMAGE), "kernel-install": ("add", RELEASE, "/boot/entries", IMAGE), "apt": (), "apt-pre-install": (),
    "dnf": ("kernel-core", "6.1", "installed"), "rpm-trigger": (),
}


@pytest.fixture
def live(guest):
    """A guest whose kernel boots in both modes; a test says what it runs in."""
    live = Live(guest())
    live.write(CONF, "[guest]\nassume = pv\n")
    return live


def spoil(live, **options):
    """Put another kernel in the place of the guest's; the options are those of ``trees.kernel``."""
    content = kernel(**options)[IMAGE]
    with open(live.path(IMAGE), "wb") as handle:
        handle.write(content)


def hook(live, kind, *arguments, **options):
    """Run a hook, which never fails, never writes to standard output, and says three lines at most."""
    output = live.pvhready("hook", kind, *(arguments or ARGUMENTS[kind]), **options)
    assert (output.code, output.out) == (0, ""), output
    lines = output.err.splitlines()
    assert len(lines) <= 3 and all(line.startswith("pvhready: ") for line in lines), output.err
    return lines


# What they say


@pytest.mark.parametrize("kind", sorted(HOOKS))
def test_all_is_well(kind, live):
    assert hook(live, kind) == []
    assert hook(live, kind) == []


@pytest.mark.parametrize("kind", ["kernel-postinst", "kernel-install"])
def test_a_new_kernel_that_does_not_boot_in_this_mode(kind, live):
    spoil(live, payload="zstd")
    lines = hook(live, kind)
    assert lines[0].startswith("pvhready: {} WILL NOT BOOT in PV".format(IMAGE)) and "zstd" in lines[0]
    assert lines[1].startswith("pvhready: next step, before the next reboot: ")
    live.write(CONF, "[guest]\nassume = pvh\n")
    assert hook(live, kind) == []


@pytest.mark.parametrize("kind", ["apt", "dnf", "rpm-trigger", "kernel-install"])
def test_the_next_boot_fails(kind, live):
    assert hook(live, "apt") == []
    os.rename(live.path("/boot/grub/grub.cfg"), live.path("/boot/grub/grub.cfg.old"))
    for _ in range(2):  # it is grave enough to be said again
        lines = hook(live, kind)
        assert lines[0].startswith("pvhready: the NEXT REBOOT of this machine FAILS in PV") and len(lines) == 3
        assert lines[2] == "pvhready: all that is known of it: pvhready check --target pv"
    os.rename(live.path("/boot/grub/grub.cfg.old"), live.path("/boot/grub/grub.cfg"))
    assert hook(live, kind)[0] == "pvhready: the next reboot comes up in PV again"
    assert hook(live, kind) == []


@pytest.mark.parametrize("kind", ["apt", "kernel-postinst"])
def test_the_switch_was_possible_and_is_not_any_more(kind, live):
    hook(live, "apt")
    spoil(live, image="elf")
    lines = hook(live, kind)
    assert "PVH" in lines[0] and "decompressed" in lines[0] and "this machine c" in lines[0]
    assert any("next step" in line for line in lines)
    if kind == "apt":
        assert hook(live, "apt") == []  # that is said once
        spoil(live)
        assert hook(live, "apt") == ["pvhready: this machine can be switched to PVH now"]


def test_the_switch_was_not_possible_before(live):
    spoil(live, image="elf")
    assert hook(live, "apt") == []
    assert hook(live, "kernel-postinst") == []


@pytest.mark.parametrize("image, said", [(None, True), ("elf", False)])
def test_the_kernel_that_runs_tells_whether_the_switch_was_possible_where_nothing_is_remembered(image, said, guest, tmp_path):
    new = kernel("6.6.6-amd64", image="elf")
    folder = Folder(str(tmp_path / "memory"), os.geteuid())
    with Root(guest(changes=new, image=image)) as root:
        running = Guest("PV", architecture="x86_64", loader_bits=64, running_release=RELEASE)
        here = Situation(root, running, profile("bitfolk"), Settings(), folder, [])
        lines = about_image(here, "6.6.6-amd64", "/boot/vmlinuz-6.6.6-amd64")
    assert bool(lines) == said
    assert not said or lines[0].startswith("this machine can be switched to PVH, but not with /boot/vmlinuz-6.6.6-amd64: a decompressed")


@pytest.mark.parametrize("kind", ["apt", "dnf", "rpm-trigger"])
def test_prometheus_knows_at_once(kind, live):
    live.write(CONF, "[guest]\nassume = pv\n[exporter]\ntextfile = /var/lib/pvhready.prom\n")
    for content, value in (({}, "1"), ({"payload": "lz4"}, "0")):
        spoil(live, **content)
        hook(live, kind)
        with open(live.path("/var/lib/pvhready.prom"), encoding="ascii") as handle:
            assert 'pvhready_next_boot_ok{mode="current"} ' + value + "\n" in handle.read()
    live.write(CONF, "[guest]\nassume = pv\n[exporter]\ntextfile = /none/pvhready.prom\n")
    lines = hook(live, kind)
    assert "NEXT REBOOT" in lines[0]
    spoil(live)
    assert "/none/pvhready.prom could not be written" in hook(live, kind)[-1]


def test_what_is_not_known_any_more(live):
    hook(live, "apt")
    for name in ("config-", "System.map-"):
        os.unlink(live.path("/boot/" + name + RELEASE))
    lines = hook(live, "apt")
    assert "it cannot be told any more whether" in lines[0]
    assert hook(live, "apt") == []


def test_another_host_is_another_question(live):
    hook(live, "apt")
    live.write(CONF, "[guest]\nassume = pv\n[check]\nhost = debian-12\n")
    spoil(live, image="elf")
    assert hook(live, "apt") == []


def test_a_removed_kernel_and_arguments_of_nobody(live):
    spoil(live, payload="zstd")
    for arguments in (("remove", RELEASE, "/boot/entries"), ("add",), ("",), ("inspect", "a", "b", "c")):
        assert hook(live, "kernel-install", *arguments) == []
    for arguments in (("",), ("6.66", "vmlinuz"), ("6.66", "/no/such/file"), ("6.66",)):
        assert hook(live, "kernel-postinst", *arguments) == []
    assert len(hook(live, "kernel-postinst", RELEASE)) == 2  # some callers do not name the image


def test_an_unknown_hook(live):
    output = live.pvhready("hook", "zypper")
    assert (output.code, output.out) == (0, "") and "there is no hook 'zypper'" in output.err


# When they are silent


@pytest.mark.parametrize("kind", ["kernel-postinst", "apt", "kernel-install", "dnf", "rpm-trigger"])
def test_silenced(kind, live):
    spoil(live, payload="zstd")
    assert hook(live, kind)
    assert hook(live, kind, environment=dict(os.environ, PVHREADY_SUSPEND="1")) == []
    assert hook(live, kind, environment=dict(os.environ, PVHREADY_SUSPEND="0"))
    live.write(CONF, "[guest]\nassume = pv\n[hooks]\n{} = no\n".format(kind))
    assert hook(live, kind) == []


@pytest.mark.parametrize("kind", ["kernel-postinst", "kernel-install", "apt", "dnf", "rpm-trigger"])
def test_a_check_that_the_administrator_skips(kind, live):
    spoil(live, payload="zstd")
    assert hook(live, kind)
    live.write(CONF, "[guest]\nassume = pv\n[check]\nskip = image-payload\n")
    assert not any("FAILS" in line or "WILL NOT" in line for line in hook(live, kind))


@pytest.mark.parametrize("kind", sorted(set(HOOKS) - {"apt-pre-install"}))
def test_no_xen_guest(kind, live):
    spoil(live, payload="zstd")
    os.unlink(live.path(CONF))
    container = 'mount -t tmpfs tmpfs /run; mkdir -p /run/systemd; echo lxc > /run/systemd/container'
    assert hook(live, kind, before=container) == []
    live.write(CONF, "[guest]\nassume = pv\n")
    assert hook(live, kind, before=container)


def test_a_broken_file_of_settings_is_told_and_the_defaults_hold(monkeypatch):
    def broken(_):
        raise UsageError("line 2 is wrong")
    monkeypatch.setattr(situation, "read_settings", broken)
    with Root("/") as root:
        monkeypatch.setattr(situation, "read_guest", lambda *_: Guest("PV"))
        found = situation.look(root, "apt")
        assert found.complaints == ["line 2 is wrong"] and found.settings == Settings() and found.host.name == "bitfolk"
        for silent in ("none", "not-applicable"):  # the latter in a chroot, where an image is built or a guest mended
            monkeypatch.setattr(situation, "read_guest", lambda *_, silent=silent: Guest(silent))
            assert situation.look(root, "kernel-postinst") is None


# Before an installation


@pytest.fixture
def package(tmp_path):
    """A function that makes a kernel's .deb, and returns its path."""
    def make(**options):
        wanted.tool("dpkg-deb", "dpkg")
        top = tmp_path / "package"
        for name, content in kernel(**options).items():
            path = top / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if "initrd" not in name:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (top / "DEBIAN").mkdir(exist_ok=True)
        (top / "DEBIAN" / "control").write_text(
            "Package: linux-image-{0}\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@b.c>\nDescription: d\n".format(RELEASE))
        path = tmp_path / "linux-image-{}_1_amd64.deb".format(RELEASE)
        subprocess.check_call(["dpkg-deb", "--build", "-Zgzip", str(top), str(path)], stdout=subprocess.DEVNULL)
        return str(path)
    return make


@pytest.mark.parametrize("block", ["no", "yes"])
def test_a_kernel_that_would_not_boot_is_told_of_before_it_is_installed(block, live, package):
    live.write(CONF, "[guest]\nassume = pv\n[hooks]\napt-pre-install = yes\nblock = {}\n".format(block))
    bad = package(payload="lz4").encode()
    output = live.pvhready("hook", "apt-pre-install", given=b"/x/other_1_all.txt\n" + bad + b"\n")
    lines = output.err.splitlines()
    assert len(lines) == (2 if block == "no" else 3) and ":{} WILL NOT BOOT in PV".format(IMAGE) in lines[0]
    assert output.code == (1 if block == "yes" else 0) and output.out == ""
    assert ("apt is stopped" in lines[-1]) == (block == "yes")
    assert live.pvhready("hook", "apt-pre-install", given=package().encode()) == (0, "", "")
    live.write(CONF, "[guest]\nassume = pv\n[hooks]\nblock = {}\n".format(block))
    assert live.pvhready("hook", "apt-pre-install", given=bad) == (0, "", "")


def test_a_package_that_cannot_be_read_stops_nothing(live, tmp_path):
    live.write(CONF, "[guest]\nassume = pv\n[hooks]\napt-pre-install = yes\nblock = yes\n")
    for number, content in enumerate((b"", b"!<arch>\n", b"\0" * 1000)):
        path = tmp_path / "linux-image-{}.deb".format(number)
        path.write_bytes(content)
        assert hook(live, "apt-pre-install", given=str(path).encode())
    assert hook(live, "apt-pre-install", given=b"\xff\0\n/\n" + b"x" * 100000) == []


# Whatever becomes of them


@pytest.mark.parametrize("environment", [
    {}, {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, {"LC_ALL": "tr_TR.UTF-8", "PYTHONIOENCODING": "ascii"},
])
@pytest.mark.parametrize("kind", ["kernel-postinst", "apt"])
def test_any_environment(kind, environment, live):
    spoil(live, payload="zstd")
    os.rename(live.path(IMAGE), live.path(IMAGE + "ü"))
    with open(live.path("/boot/grub/grub.cfg"), encoding="utf-8") as handle:
        text = handle.read().replace(IMAGE, IMAGE + "ü")
    live.write("/boot/grub/grub.cfg", text)
    arguments = (RELEASE, IMAGE + "ü") if kind == "kernel-postinst" else ()
    lines = hook(live, kind, *arguments, environment=environment)
    assert "zstd" in lines[0] or kind == "apt" and sys.version_info < (3, 7), lines  # that one cannot look at the name: no crash is enough


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "2>/dev/full", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"])
@pytest.mark.parametrize("kind", sorted(HOOKS))
def test_any_streams(kind, redirection, live):
    spoil(live, payload="zstd")
    live.write(CONF, "[guest]\nassume = pv\n[hooks]\napt-pre-install = yes\nblock = yes\n")
    output = live.pvhready("hook", kind, *ARGUMENTS[kind], redirection=redirection)
    assert (output.code, output.out) == (0, "") and "Traceback" not in output.err


@pytest.mark.parametrize("before", [
    "mount -t tmpfs -o size=4k,mode=755 tmpfs /var/cache; cat /dev/zero > /var/cache/full 2>&- || true", "mount -o remount,bind,ro /var",
    "mount -t tmpfs -o nr_inodes=1,mode=755 tmpfs /var/cache",
])
def test_a_disk_that_takes_nothing(before, live):
    assert hook(live, "apt", before=before) == []
    spoil(live, payload="zstd")
    assert len(hook(live, "apt", before=before)) == 3
    assert not os.path.exists(live.path(MEMORY))


@pytest.mark.parametrize("kind", sorted(HOOKS))
def test_no_proc_and_no_sys(kind, live):
    """In an image that is being built nothing may be mounted there."""
    hook(live, kind, before="mount -t tmpfs tmpfs /sys; mount -t tmpfs tmpfs /proc")


def test_only_the_memory_is_written(live):
    def state():
        return {
            os.path.join(folder, name): os.lstat(os.path.join(folder, name)).st_mtime_ns
            for folder, _, names in os.walk(live.directory) for name in names
        }
    before = state()
    spoil(live, payload="zstd")
    before[live.path(IMAGE)] = os.stat(live.path(IMAGE)).st_mtime_ns
    for kind in HOOKS:
        hook(live, kind)
    after = state()
    assert {name for name in after if after[name] != before.get(name)} == {
        live.path(DIRECTORY + "/" + name) for name in os.listdir(live.path(DIRECTORY))}
    assert set(before) <= set(after)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"pvhready nextboot 1\nbitfolk\npvh boots\npv perhaps\n", b"x" * 5000])
def test_a_memory_that_makes_no_sense_is_none(content, live):
    hook(live, "apt")
    with open(live.path(MEMORY), "wb") as handle:
        handle.write(content)
    spoil(live, image="elf")
    assert hook(live, "apt") == []


# The script that calls the program


class Script:
    """A copy of the script with another program behind it, in a guest."""

    def __init__(self, live, tmp_path, limits="timeout -k 1 1"):
        self.live = live
        self.program = tmp_path / "program"
        self.path = tmp_path / "hook"
        with open(os.path.join(FOLDER, "hook"), encoding="utf-8") as handle:
            text = handle.read()
        assert text.count("=/usr/bin/pvhready\n") == 1 and text.count("timeout -k 2 16") == 1
        self.path.write_text(text.replace("=/usr/bin/pvhready\n", "={}\n".format(self.program)).replace("timeout -k 2 16", limits))
        self.path.chmod(0o755)

    def be(self, text, mode=0o755):
        self.program.write_text(text)
        self.program.chmod(mode)

    def __call__(self, kind, **options):
        return self.live.run("sh", str(self.path), kind, *ARGUMENTS[kind], **options)


@pytest.fixture
def script(live, tmp_path):
    return Script(live, tmp_path)


PACKAGES = b"/x/linux-image-6_1.deb\n"
PROGRAMS = {
    "crash": "#!/bin/sh\nkill -SEGV $$\n",
    "traceback": "#!/bin/sh\necho 'Traceback (most recent call last):' >&2\nfor i in 1 2 3 4 5; do echo line; done\nexit 1\n",
    "usage": "#!/bin/sh\nexit 64\n",
    "hang": "#!/bin/sh\nsleep 60\n",
    "hang that minds no signal": "#!/bin/sh\ntrap '' TERM INT HUP\nwhile :; do sleep 60; done\n",
    "no interpreter": "#!/no/such/python3\n",
    "broken Python": "#!{}\nimport no_such_module\n".format(sys.executable),
    "broken standard library": "#!/usr/bin/env -S PYTHONHOME=/nonexistent {}\n".format(sys.executable),
}


@pytest.mark.parametrize("kind", sorted(HOOKS))
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_that_fails(name, kind, script):
    script.be(PROGRAMS[name])
    started = time.monotonic()
    output = script(kind, given=PACKAGES)
    assert (output.code, output.out) == (0, "")
    assert len(output.err.splitlines()) == 1 and output.err.startswith("pvhready: the hook ") and "pvhready check" in output.err
    if name.startswith("hang"):
        assert "too long" in output.err and time.monotonic() - started < 30


@pytest.mark.parametrize("kind", sorted(HOOKS))
def test_a_program_that_is_not_there(kind, script):
    assert script(kind, given=PACKAGES) == (0, "", "")
    script.be("#!/bin/sh\nexit 1\n", 0o644)
    assert script(kind, given=PACKAGES) == (0, "", "")


def test_what_the_program_says_is_passed_on(script):
    script.be("#!/bin/sh\necho a warning of some library >&2; echo pvhready: mind this >&2\n")
    assert script("apt") == (0, "", "pvhready: mind this\n")
    script.be("#!/bin/sh\nfor i in 1 2 3 4 5; do echo pvhready: $i >&2; done\n")
    assert script("apt") == (0, "", "pvhready: 1\npvhready: 2\npvhready: 3\n")
    script.be("#!/bin/sh\necho a warning of some library >&2\n")
    assert script("apt") == (0, "", "")
    script.be("#!/bin/sh\necho pvhready: mind this >&2\n")
    for redirection in ("2>/dev/full", "2>&-", ">&- 2>&-"):
        assert script("apt", redirection=redirection).code == 0


def test_only_the_program_itself_stops_apt(script):
    script.be("#!/bin/sh\necho pvhready: stop >&2\nexit 1\n")
    assert script("apt-pre-install", given=PACKAGES) == (1, "", "pvhready: stop\n")
    assert script("apt-pre-install", given=b"/x/linux-binary-7_1.deb\n").code == 1  # Debian 14 has the image there
    assert script("apt-pre-install", given=b"/x/hello_1.deb\n/x/linux-modules-6_1.deb\n") == (0, "", "")
    os.unlink(script.live.path(CONF))
    assert script("apt-pre-install", given=PACKAGES) == (0, "", "")
    script.live.write(CONF, "")
    assert script("apt").code == 0 and script("kernel-postinst").code == 0


def test_the_program_gets_its_arguments_and_the_packages(script):
    script.be("#!/bin/sh\n(echo \"$@\"; cat) | sed '/./s/^/pvhready: /'\n")
    assert script("kernel-postinst").err == "pvhready: hook kernel-postinst {} {}\n".format(RELEASE, IMAGE)
    kernels = b"/x/linux-modules-6_1.deb\n/x/linux-base-6_1.deb\n" + PACKAGES
    assert script("apt-pre-install", given=b"/x/a.deb\n" + kernels).err.splitlines() == [
        "pvhready: " + line for line in ["hook apt-pre-install"] + kernels.decode().splitlines()][:3]


def test_silenced_before_the_program_is_started(script):
    script.be("#!/bin/sh\necho pvhready: said\n")
    assert script("apt", environment=dict(os.environ, PVHREADY_SUSPEND="1")) == (0, "", "")
    assert script("apt", environment={}).err == "pvhready: said\n"


def test_python_does_not_start_where_nothing_has_changed(script):
    script.be("#!/bin/sh\necho pvhready: started\n")
    cache = script.live.path(DIRECTORY)
    for folder in (cache, script.live.path("/etc/grub.d")):
        os.mkdir(folder)
    assert script("apt").err == "pvhready: started\n"
    for change in ("/boot/new", "/boot/grub/new", "/boot/grub/grub.cfg", "/etc/default/grub", "/etc/grub.d/new", CONF):
        time.sleep(0.02)  # two ticks of the file system's clock
        script.live.write(MEMORY, "")
        assert script("apt") == (0, "", ""), change
        assert script("kernel-postinst").err == "pvhready: started\n"
        time.sleep(0.02)
        script.live.write(change, "")
        assert script("apt").err == "pvhready: started\n", change
    script.live.write(MEMORY, "")
    assert script("apt") == (0, "", "")
    ahead = time.time() + 3600  # when the clock was wrong
    os.utime(script.live.path(MEMORY), (ahead, ahead))
    assert script("apt").err == "pvhready: started\n"


def test_the_time_limits_are_those_of_the_contract():
    with open(os.path.join(FOLDER, "hook"), encoding="utf-8") as handle:
        grace, limit = map(int, re.search(r"timeout -k (\d+) (\d+) ", handle.read()).groups())
    from pvhready.hooks.run import LIMIT
    assert LIMIT < limit < limit + grace < 20


def test_a_hook_that_hangs_gives_up_by_itself(live, script):
    code = (
        "import sys, time; sys.path.insert(0, {!r}); from pvhready.hooks import run; run.LIMIT = 1\n"
        "run._ask = lambda *_: time.sleep(60); sys.exit(run.run('apt', []))"
    ).format(os.path.dirname(os.path.dirname(FOLDER.rstrip("/"))).rpartition("/")[0])
    output = live.run(sys.executable, "-c", code)
    assert (output.code, output.out) == (0, "") and "gave up after 1 seconds" in output.err
    script.be("#!/bin/sh\necho pvhready: started\n")
    os.utime(live.path(MEMORY))  # the program here is newer
    assert script("apt") == (0, "", "")  # the next run of apt does not wait once more


def test_an_apt_run_that_touches_no_kernel_is_cheap(script, tmp_path):
    """It may cost twice the interpreter that does nothing."""
    script.be("#!/bin/sh\necho pvhready: started\n")
    os.mkdir(script.live.path(DIRECTORY))
    time.sleep(0.02)
    script.live.write(MEMORY, "")
    count = 20

    def cost(command):
        loop = "i=0; while [ $i -lt {} ]; do i=$((i + 1)); {}; done".format(count, command)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert script.live.run("sh", "-c", loop) == (0, "", "")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    command = "sh {} apt".format(script.path)
    nothing = "{} -c pass".format(sys.executable)
    assert min(cost(command) for _ in range(3)) <= 2 * min(cost(nothing) for _ in range(3))


# The files that are installed


@pytest.mark.parametrize("name, arguments", [("kernel-postinst", (RELEASE, IMAGE)), ("99-pvhready.install", ("add", RELEASE, "/x", IMAGE))])
def test_the_scripts_that_are_called(name, arguments, live, tmp_path):
    path = os.path.join(FOLDER, name)
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    assert os.stat(path).st_mode & stat.S_IXUSR
    assert live.run("sh", path, *arguments) == (0, "", "")  # our script is not there
    copy, called = tmp_path / "copy", tmp_path / "called"
    copy.write_text(text.replace("/usr/libexec/pvhready/hook", str(called)))
    called.write_text('#!/bin/sh\necho "$@"; cat; exit 3\n')
    called.chmod(0o755)
    kind = "kernel-postinst" if name == "kernel-postinst" else "kernel-install"
    assert live.run("sh", str(copy), *arguments, given=b"x") == (0, "", " ".join((kind,) + arguments) + "\n")
    called.chmod(0o644)
    assert live.run("sh", str(copy), *arguments) == (0, "", "")
    if name != "kernel-postinst":
        called.chmod(0o755)
        assert live.run("sh", str(copy), "remove", RELEASE, "/x") == (0, "", "")


@pytest.mark.parametrize("name, arguments", [("kernel-postinst", (RELEASE, IMAGE)), ("99-pvhready.install", ("add", RELEASE, "/x", IMAGE))])
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_no_streams_and_no_dev_null_stop_no_installation(shell, name, arguments, tmp_path):
    """In a chroot that an image is built in, /dev may be empty; dash ends when exec cannot open a file."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as handle:
        text = handle.read()
    copy = tmp_path / "copy"
    copy.write_text(text.replace("/usr/libexec/pvhready/hook", "/bin/true"))
    for redirection in ("<&-", "2>&-", "<&- >&- 2>&-"):
        assert subprocess.call(["sh", "-c", 'exec "$@" ' + redirection, "sh", wanted.tool(shell, shell), str(copy)] + list(arguments)) == 0
    copy.write_text(copy.read_text().replace("/dev/null", "/dev/is-not-there"))
    assert subprocess.call([shell, str(copy)] + list(arguments), stderr=subprocess.DEVNULL) == 0


def test_what_apt_calls(live, tmp_path):
    wanted.tool("apt-config", "apt")
    dumped = subprocess.check_output(
        ["apt-config", "-c", os.path.join(FOLDER, "apt.conf"), "dump", "--format", "%f %v%n"], universal_newlines=True)
    found = dict(re.findall(r"^(DPkg::(?:Post-Invoke|Pre-Install-Pkgs)):: (.*pvhready.*)$", dumped, re.M))
    called = tmp_path / "called"
    for name, codes in (("DPkg::Post-Invoke", {0: 0, 1: 0, 3: 0, 127: 0}), ("DPkg::Pre-Install-Pkgs", {0: 0, 1: 1, 3: 0, 127: 0})):
        command = found[name].replace("/usr/libexec/pvhready/hook", str(called))
        if called.exists():
            called.unlink()
        assert live.run("sh", "-c", command) == (0, "", "")
        for code, expected in codes.items():
            called.write_text("#!/bin/sh\necho said\nexit {}\n".format(code))
            called.chmod(0o755)
            assert live.run("sh", "-c", command) == (expected, "", "said\n")
