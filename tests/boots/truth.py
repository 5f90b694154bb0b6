"""What really came up, read from what a guest left on its console."""

import re
from typing import List, NamedTuple

from boots.laboratory import Log

_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")
_TELLING = ("error: ", "Kernel panic", "PANIC")
# Errors after which GRUB goes on as if nothing was.
_HARMLESS = ("pvboot-", "unicode.pf2", "no suitable video mode", "grubenv' not found")


class Truth(NamedTuple):
    """What was seen. ``boots``: it came up in the mode that was asked for, with its root device.

    ``type`` is what the kernel said of itself, "" for nothing. ``console``: the kernel writes to the Xen console. ``words`` are GRUB's, the
    kernel's or Xen's last ones where it did not come up. ``cmdline`` is what the kernel was given. ``whole``: no line of the guest's
    report is missing; its busybox crashes over one now and then, in emulation.
    """

    boots: bool
    type: str = ""
    disks: str = ""
    root: str = ""
    console: bool = False
    words: str = ""
    seconds: int = 0
    cmdline: str = ""
    whole: bool = True


def read(log: Log, mode: str) -> Truth:
    """Return what a guest's log shows; ``mode`` is pv or pvh."""
    text = _NOISE.sub("", log.console)
    kind, disks, root, consoles, cmdline = (_told(text, key) for key in ("UP", "DISKS", "ROOT", "CONSOLES", "CMDLINE"))
    found = re.search(r"type=(\S*)", kind)
    kind = found.group(1) if found else ""
    boots = kind == ("PVH" if mode == "pvh" else "PV") and root.startswith("/dev/")
    words = "" if boots else _last_words(text, log)
    return Truth(boots, kind, disks, root, "hvc0" in consoles.split(), words, log.seconds, cmdline, all((disks, root, consoles, cmdline)))


def explained(seen: Truth) -> bool:
    """Return whether a guest came up, or GRUB says why it did not. Anything else is booted once more: the emulator may be the cause.

    So is a guest that came up and did not tell all: what is missing would be taken for a silent console, or for no disk.
    """
    return seen.boots and seen.whole or seen.words.startswith("error: ")


def tail(log: Log) -> List[str]:
    """Return the last lines of the console, and the lines of Xen's log that tell of a crash."""
    lines = [line.strip() for line in _NOISE.sub("", log.console).splitlines() if line.strip()]
    crash = [line.strip() for line in log.xen.splitlines() if re.search(r"\(d\d+\)|crash|Triple|Unhandled|RIP:|Bad", line)]
    return [line[:160] for line in lines[-8:]] + ["Xen: " + line[:160] for line in crash[:6]]


def _told(text: str, key: str) -> str:
    found = re.search("PVHREADY-{} (.*)".format(key), text)
    return found.group(1).strip() if found else ""


def _last_words(text: str, log: Log) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # GRUB's errors are not the reason when it has started a kernel.
    for telling in _TELLING[1:] if "Linux version" in text else _TELLING:
        for line in lines:
            if telling in line and not any(harmless in line for harmless in _HARMLESS):
                return line[line.index(telling):][:100]
    crash = re.search(r"domain_crash.*|d\d+v\d+.*(?:crash|Triple|Unhandled).*", log.xen)
    if crash:
        return "Xen: " + crash.group(0)[:100]
    return "{} after {} s, at: {}".format(log.end or "never started", log.seconds, lines[-1][:80] if lines else "silence")
