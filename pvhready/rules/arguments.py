"""Arguments that programs go by, those of the initramfs and init: where they stop the boot or lead it to a shell.

What is said here was read in initramfs-tools' init, in dracut.cmdline(7), systemd(1), kernel-command-line(7) and init(8). They
read the whole of /proc/cmdline, with what stands after ``--``.
"""

from pvhready.cmdline import Argument, last, parse_all
from pvhready.devicenames import mapper_name
from pvhready.facts import Entry, Facts, Kernel
from pvhready.findings import UNKNOWN, WARN, Evidence, Finding, command, hint
from pvhready.rules import remedies
from pvhready.rules.cmdline import effective_line
from pvhready.rules.initramfs import is_proved, why_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

_STOPS = ("break", "rd.break", "rdbreak")  # in a shell of the initramfs: initramfs-tools, dracut, and what dracut called it before
# Bare words that systemd goes by: in the initramfs, and in the system itself (src/basic/proc-cmdline.c, runlevel_to_target).
_STOPPING_WORDS = ("rd.rescue", "rd.emergency")
_TARGETS = ("init", "systemd.unit", "2", "3", "4", "5")  # what takes the place of the default, without being a rescue shell
_RUNLEVELS = ("single", "s", "S", "-s", "1", "rescue", "emergency", "-b")
_MENU = "recovery"  # of Ubuntu's package friendly-recovery, where its grub-mkconfig writes single elsewhere
_SHELL_UNITS = ("rescue.target", "emergency.target")
_MASKED = "null"  # in the place of a default.target that is masked, systemd starts rescue.target (src/core/main.c, do_queue_default_job)
_SHELLS = ("sh", "bash", "dash", "ash", "zsh", "busybox")


def judge_arguments(entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "List[Finding]":
    """Return what an entry's arguments make of the boot after the kernel has started."""
    arguments = parse_all(effective_line(entry, kernel, mode)[0])
    findings = [] if why_none(entry, kernel, mode, facts) else list(_of_initramfs(entry, arguments, mode, facts))
    return findings + list(_of_init(entry, arguments, mode, facts))


def _of_initramfs(entry: Entry, arguments: "Tuple[Argument, ...]", mode: str, facts: Facts) -> "Iterator[Finding]":
    for argument in arguments:
        unit = argument.value if argument.name == "rd.systemd.unit" else None
        if argument.name in _STOPS or argument.text in _STOPPING_WORDS or unit in _SHELL_UNITS:
            summary = "{} stops the boot in a shell of the initramfs, where the initramfs knows it".format(argument.text)
            yield _finding("cmdline-stops", UNKNOWN, entry, argument, summary, mode, facts)
        if argument.name == "rd.lvm.lv" and _is_gone(argument.value or "", facts):
            summary = "{} is not there: dracut waits for this volume, and then gives up".format(argument.value)
            yield _finding("cmdline-volume", UNKNOWN, entry, argument, summary, mode, facts)
    script = last(arguments, "boot")
    if script and script.value and script.value != "local" and not is_proved(entry, facts) and not _is_device_of_boot(script.value, facts):
        summary = "{} lets the initramfs look for its root in another way, if it has one of that name".format(script.text)
        yield _finding("cmdline-boot-script", UNKNOWN, entry, script, summary, mode, facts)


def _is_gone(volume: str, facts: Facts) -> bool:
    """Whether the running system, which knows its devices, has no such logical volume. It may have gone since the boot."""
    storage = facts.storage
    return facts.root == "/" and storage.devices is not None and bool(volume) and mapper_name("/dev/" + volume) not in storage.mapped


def _is_device_of_boot(value: str, facts: Facts) -> bool:
    """Whether ``boot=`` names the device of /boot, for dracut. initramfs-tools takes it for a script, and ends where there is none."""
    return (value.startswith("/") or "=" in value) and remedies.family(facts.guest) not in ("debian", "")


def _of_init(entry: Entry, arguments: "Tuple[Argument, ...]", mode: str, facts: Facts) -> "Iterator[Finding]":
    is_ubuntu = "ubuntu" in (facts.guest.distribution.id,) + facts.guest.distribution.like
    for argument in arguments:
        named = argument.text in _RUNLEVELS or argument.text == _MENU and is_ubuntu
        program = argument.name == "init" and (argument.value or "").rpartition("/")[2] in _SHELLS
        if named or program or argument.name == "systemd.unit" and argument.value in _SHELL_UNITS:
            summary = "{} leads to a shell on the console: no network, no services".format(argument.text)
            yield _finding("cmdline-rescue", WARN, entry, argument, summary, mode, facts)
    if facts.default_unit in _SHELL_UNITS + (_MASKED,) and not any(argument.name in _TARGETS for argument in arguments):
        summary = "systemd's default.target is {}: it leads to a shell on the console, no network, no services".format(
            "masked" if facts.default_unit == _MASKED else facts.default_unit)
        where = Evidence("/etc/systemd/system/default.target", "", facts.default_unit)
        fix = (command("let it be the usual one", "systemctl", "set-default", "multi-user.target"),)
        yield Finding("init-target", WARN, mode, entry.title, summary, (where,), fix)


def _finding(check: str, status: str, entry: Entry, argument: Argument, summary: str, mode: str, facts: Facts) -> Finding:
    path, _, line = entry.source.rpartition(":")
    where = Evidence(path or entry.source, "line " + line if path else "", argument.text)
    if "=" in argument.text:
        fix = remedies.remove_argument(facts.guest, argument.text, entry)
    else:
        # A bare word such as 1 stands in other arguments too: no pattern is safe.
        text = "Let the default be an entry without {0!r}, or take {0!r} from GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT in {1}."
        fix = (hint(text.format(argument.text, remedies.DEFAULTS)),) + remedies.regenerate(facts.guest)
    return Finding(check, status, mode, entry.title, summary, (where,), fix)
