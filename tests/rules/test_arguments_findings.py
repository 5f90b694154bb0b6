"""What is said of the arguments that the initramfs and init go by: which of them stops the boot, and which leads to a shell."""

import pytest

from pvhready.facts import Config, Distribution, Entry, Facts, Guest, Image, Initramfs, Kernel, Storage
from pvhready.rules.arguments import judge_arguments

ARCHIVE = Initramfs("/boot/initrd.img", complete=True, init=True)
PROVED = ARCHIVE._replace(proved="the guest runs from it")
KERNEL = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), "6.1.0")
DEBIAN, FEDORA = Distribution("debian", "12"), Distribution("fedora", "41")


def judged(cmdline, mode="pvh", archive=ARCHIVE, distribution=DEBIAN, root="/", storage=None, source="/boot/grub/grub.cfg:12", of=KERNEL,
           default_unit=""):
    entry = Entry(0, "0", "Debian", kernel="/boot/vmlinuz", initrd=("/boot/initrd.img",), cmdline=cmdline, source=source)
    archives = {archive.path: archive} if archive else {}
    guest = Guest("PV", distribution=distribution)
    if not archive:
        entry = entry._replace(initrd=())
    facts = Facts(root, True, "2026-01-01", guest, initramfs=archives, storage=storage or Storage(), default_unit=default_unit)
    return judge_arguments(entry, of, mode, facts)


def typed(finding):
    return [" ".join(remedy.argv) or remedy.text for remedy in finding.remedies]


STOPS = "{} stops the boot in a shell of the initramfs, where the initramfs knows it"
ANOTHER_ROOT = "{} lets the initramfs look for its root in another way, if it has one of that name"
RESCUE = "{} leads to a shell on the console: no network, no services"
BY_HAND = (
    "Let the default be an entry without '{0}', or take '{0}' from GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub."
)

ARGUMENTS = {
    "cmdline-stops": ("unknown", STOPS, [
        "break", "break=mount", "rd.break", "rd.break=pre-pivot", "rdbreak", "rdbreak=mount", "rd.rescue", "rd.emergency",
        "rd.systemd.unit=rescue.target", "rd.systemd.unit=emergency.target",
    ]),
    "cmdline-boot-script": ("unknown", ANOTHER_ROOT, ["boot=live", "boot=casper", "boot=nfs"]),
    "cmdline-rescue": ("warn", RESCUE, [
        "single", "s", "S", "-s", "1", "rescue", "emergency", "-b", "systemd.unit=rescue.target", "systemd.unit=emergency.target",
        "init=sh", "init=/bin/sh", "init=/bin/bash", "init=/usr/bin/dash", "init=/bin/ash", "init=/bin/zsh", "init=/bin/busybox",
    ]),
}
EACH = [(check, argument) for check, (_, _, arguments) in ARGUMENTS.items() for argument in arguments]


@pytest.mark.parametrize("mode", ["pvh", "pv"])
@pytest.mark.parametrize("check,argument", EACH)
def test_one_argument(check, argument, mode):
    status, summary, _ = ARGUMENTS[check]
    for line in ("root=/dev/xvda1 " + argument, argument + " quiet", "quiet -- " + argument):
        (finding,) = judged(line, mode)
        assert finding[:5] == (check, status, mode, "Debian", summary.format(argument))
        assert finding.evidence == (("/boot/grub/grub.cfg", "line 12", argument),)
        first, second = typed(finding)
        assert second == "update-grub"
        if "=" in argument:
            pattern = "".join("." if letter in "./" else letter for letter in argument)
            assert first.startswith("sed -i /^GRUB_CMDLINE_LINUX/s/") and ")" + pattern + "\\(" in first
        else:
            assert first == BY_HAND.format(argument)


@pytest.mark.parametrize("argument", [
    "breakfast", "rd.breaks", "rd.rescue=1", "rd.emergency=1", "rescue.target", "rd.systemd.unit=initrd.target", "rd.systemd.unit",
    "systemd.unit=multi-user.target", "systemd.unit", "unit=rescue.target", "single=1", "2", "3", "init=/sbin/init",
    "init=/bin/shell", "init", "init=", "boot", "boot=", "boot=local", "boots=live", "bash", "linit=/bin/sh", "rd.lvm.vg=gone", "rd.lvm.lv",
])
def test_what_is_like_them_and_harmless(argument):
    assert judged("root=/dev/xvda1 console=hvc0 " + argument) == []


def test_every_argument_is_told_of_and_the_initramfs_s_come_first():
    findings = judged("single boot=nfs break=a break=b init=/bin/sh")
    assert [(finding.id, finding.evidence[0].value) for finding in findings] == [
        ("cmdline-stops", "break=a"), ("cmdline-stops", "break=b"), ("cmdline-boot-script", "boot=nfs"), ("cmdline-rescue", "single"),
        ("cmdline-rescue", "init=/bin/sh")]


def test_the_last_boot_counts():
    assert judged("boot=nfs boot=local") == []
    assert [finding.evidence[0].value for finding in judged("boot=local boot=nfs")] == ["boot=nfs"]


@pytest.mark.parametrize("value,distribution,said", [
    ("nfs", DEBIAN, True), ("nfs", FEDORA, True),
    # dracut takes the device of /boot from it. initramfs-tools reads a script of that name, which there is not, and ends: a panic.
    ("/dev/xvda1", FEDORA, False), ("UUID=1234-ABCD", FEDORA, False), ("/dev/xvda1", Distribution("opensuse-leap", "15.6"), False),
    ("/dev/xvda1", DEBIAN, True), ("UUID=1234-ABCD", DEBIAN, True), ("/dev/xvda1", Distribution("ubuntu", "24.04"), True),
    ("/dev/xvda1", Distribution(), True),
])
def test_a_device_after_boot(value, distribution, said):
    findings = judged("boot=" + value, distribution=distribution)
    assert [(finding.id, finding.summary) for finding in findings] == [("cmdline-boot-script", ANOTHER_ROOT.format("boot=" + value))] * said


def test_what_the_guest_has_come_up_with():
    """It runs from this very entry: it has found its root, and may have been led on from a shell by hand."""
    assert judged("boot=nfs", archive=PROVED) == []
    assert [finding.id for finding in judged("break single", archive=PROVED)] == ["cmdline-stops", "cmdline-rescue"]


def test_without_an_initramfs_nobody_goes_by_its_arguments():
    volumes = Storage(devices=("/dev/dm-0",))
    assert [finding.id for finding in judged("break boot=nfs rd.lvm.lv=vg/lv single", archive=None, storage=volumes)] == ["cmdline-rescue"]


GONE = "{} is not there: dracut waits for this volume, and then gives up"


@pytest.mark.parametrize("volume,root,devices,said", [
    ("centos/swap", "/", ("/dev/dm-0",), True), ("my-vg/my-lv2", "/", (), True), ("swap", "/", (), True),
    ("centos/root", "/", ("/dev/dm-0",), False), ("my-vg/my-lv", "/", (), False), ("", "/", (), False),
    ("centos/swap", "/mnt", ("/dev/dm-0",), False), ("centos/swap", "/", None, False),
])
def test_a_volume_that_dracut_waits_for(volume, root, devices, said):
    mapped = {"/dev/mapper/centos-root": "/dev/dm-0", "/dev/mapper/my--vg-my--lv": "/dev/dm-1"}
    findings = judged("rd.lvm.lv=" + volume, distribution=FEDORA, root=root, storage=Storage(devices=devices, mapped=mapped))
    assert [finding[:5] for finding in findings] == [("cmdline-volume", "unknown", "pvh", "Debian", GONE.format(volume))] * said
    if said:
        assert findings[0].evidence == (("/boot/grub/grub.cfg", "line 12", "rd.lvm.lv=" + volume),)
        assert typed(findings[0])[0].startswith("sed -i ") and typed(findings[0])[1] == "grub2-mkconfig -o /boot/grub2/grub.cfg"
    assert judged("rd.lvm.vg=gone", root=root, storage=Storage(devices=devices, mapped=mapped)) == []


@pytest.mark.parametrize("source,evidence", [
    ("/boot/grub/grub.cfg:12", ("/boot/grub/grub.cfg", "line 12", "single")), ("a snippet", ("a snippet", "", "single")),
    ("", ("", "", "single")),
])
def test_where_an_argument_stands(source, evidence):
    assert judged("single", source=source)[0].evidence == (evidence,)


def test_an_entry_of_the_boot_loader_specification():
    source = "/boot/loader/entries/a.conf:3"
    (finding,) = judged("init=/bin/sh", distribution=FEDORA, source=source)
    assert typed(finding) == ["grubby --update-kernel=ALL --remove-args=init=/bin/sh"]
    (finding,) = judged("single", distribution=FEDORA, source=source)
    assert typed(finding) == [BY_HAND.format("single"), "grub2-mkconfig -o /boot/grub2/grub.cfg"]


def test_what_counts_is_what_the_kernel_gets():
    built_in = KERNEL._replace(config=Config("/boot/config", {"CMDLINE_BOOL": "y", "CMDLINE": '"single"'}))
    assert [finding.id for finding in judged("quiet", of=built_in)] == ["cmdline-rescue"]
    assert judged("x" * 2030 + " single") == [] and [finding.id for finding in judged("x" * 2000 + " single")] == ["cmdline-rescue"]


@pytest.mark.parametrize("distribution,leads", [
    (Distribution("ubuntu", "20.04"), True), (Distribution("linuxmint", "19", like=("ubuntu", "debian")), True), (DEBIAN, False),
])
def test_the_word_by_which_ubuntu_shows_a_menu_on_the_console(distribution, leads):
    expected = [("cmdline-rescue", "warn", RESCUE.format("recovery"))] if leads else []
    findings = judged("ro recovery nomodeset", distribution=distribution)
    assert [(finding.id, finding.status, finding.summary) for finding in findings] == expected
    assert judged("recovery=1", distribution=distribution) == []


@pytest.mark.parametrize("unit,shown", [("rescue.target",) * 2, ("emergency.target",) * 2, ("null", "masked")])
def test_a_default_target_that_is_a_shell(unit, shown):
    summary = "systemd's default.target is {}: it leads to a shell on the console, no network, no services".format(shown)
    for mode in ("pvh", "pv"):
        (finding,) = judged("quiet", mode, default_unit=unit)
        assert finding[:5] == ("init-target", "warn", mode, "Debian", summary)
        assert finding.evidence == (("/etc/systemd/system/default.target", "", unit),)
        assert typed(finding) == ["systemctl set-default multi-user.target"]
    # The command line names another one.
    assert judged("systemd.unit=multi-user.target quiet", default_unit=unit) == []


@pytest.mark.parametrize("unit", ["", "multi-user.target", "graphical.target"])
def test_a_default_target_that_is_none(unit):
    assert judged("quiet", default_unit=unit) == []
