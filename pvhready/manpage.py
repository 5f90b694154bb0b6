"""The manual pages, made from the tables of options, examples and settings when a package is built.

``python3 -m pvhready.manpage > pvhready.1`` and ``python3 -m pvhready.manpage pvhready.conf > pvhready.conf.5``.
"""

import sys

from pvhready import __version__
from pvhready.examples import EXAMPLES
from pvhready.host import NAMES
from pvhready.options import COMMANDS, DEFAULT, GLOBAL, SETTINGS_FILE, Command, Option
from pvhready.settings import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence, Tuple

_EXIT_CODES = (
    ("0", "ready: it comes up; or not-applicable: this is no guest to be switched"),
    ("1", "ready-with-warnings: it comes up; something should be seen to"),
    ("2", "not-ready: it would not come up"),
    ("3", "unknown: evidence is missing, unreadable or contradictory"),
    ("64", "a usage error"),
    ("70", "an internal error"),
    ("74", "input or output failed"),
    ("77", "a right is lacking"),
)
_OTHER_CODES = (
    "kernels, explain, demo, exporter and fleet end with 0; fleet --exit-verdict with that of the worst report.",
    "entries: 1 when nothing that GRUB can load boots next, 3 when that is not known. image: that of the worst file, as check.",
    "plan: 0 nothing to do, 1 there are steps to do, 3 something has to be found out first. undo: 0 done, or nothing to do; 2 it refuses.",
    "hook: 0 whatever happens; apt-pre-install alone ends with 1, where the settings say so and a kernel would not boot.",
)
_DESCRIPTION = (
    "Reads what the host's GRUB will boot next, with which kernel, command line and initramfs, and says whether that comes up, why, "
    "and what to type. It runs inside the guest, as root, and changes nothing unless it is told to.",
    "The report goes along the boot chain: guest, grub.cfg, entry, image, config, command line, initramfs, root device. Then come the "
    "findings, the worst last, the verdict, and the next step. A link that cannot be read or understood makes the verdict unknown, "
    "never ready.",
)
_PROFILES = (
    "GRUB is the host's: which versions of file systems, compressions and commands it knows depends on the provider. --host takes one of "
    "{}. A command that your host has besides is added with a plus sign, as in debian-12+linux16. Where the answer hangs on something "
    "that is not known of the host, it is unknown."
)
_SECURITY = (
    "Nothing of the guest is run, and nothing outside --root is read; every read is bounded. The exceptions are those of undo --apply on "
    "the running system: it calls the guest's own grub-mkconfig where a menu has to be written, and its downloader where a package has to "
    "be fetched."
)
_LIMITS = (
    "It judges the boot: kernel, menu, initramfs, root device. It does not judge what comes after it, as a network interface that has "
    "another name, or a program that looks for /proc/xen. It does not switch the guest: that is done with the provider."
)
_SETTINGS = (
    "What the administrator of a machine has set once and for all. All of it is optional; what stands on the command line counts more. "
    "The file is read for the running system only, never for a guest that is mounted (--root).",
    "The form is INI: sections in brackets, lines of key = value. A comment begins with # or ; and stands on a line of its own. A file "
    "that makes no sense ends a command with the line and what is wrong with it; a hook says so in one line, and goes on without the file.",
)
# key: (its value, what it is for)
_VALUES = {
    "host": ("PROFILE", "whose GRUB boots this guest, as for --host (bitfolk)"),
    "skip": ("ID, ...", "checks to leave out, separated by commas; each is a warning by itself. pvhready explain lists them"),
    "assume": ("pv|pvh|hvm", "what this guest is, where it cannot be seen; the report says that it was told so"),
    "kernel-postinst": ("yes|no", "whether to speak of each kernel that a package installs (yes)"),
    "apt": ("yes|no", "whether to speak of the next boot after a run of apt (yes)"),
    "apt-pre-install": ("yes|no", "whether to look into kernel packages before apt installs them (no)"),
    "kernel-install": ("yes|no", "whether to speak of each kernel that kernel-install adds (yes)"),
    "dnf": ("yes|no", "whether to speak where an action of dnf's calls the hook (yes)"),
    "rpm-trigger": ("yes|no", "whether to speak of the next boot after a transaction of rpm (yes)"),
    "block": ("yes|no", "with yes, and apt-pre-install = yes, apt is stopped before it installs a kernel that would not boot (no)"),
    "listen": ("ADDRESS", "the address and port of the exporter (127.0.0.1:9843)"),
    "interval": ("SECONDS", "how often it renews the result (60)"),
    "web-config": ("FILE", "TLS and passwords, in the format of Prometheus' exporter-toolkit"),
    "textfile": ("FILE", "where the hooks write the metrics for node exporter, after each installation"),
}
_COUNTS = {"+": " \\fI{}\\fR...", "?": " [\\fI{}\\fR]", "...": " [\\fI{}\\fR...]"}  # of operands, as argparse has them
EXAMPLE = """\
[check]
host = debian-12

[hooks]
apt-pre-install = yes
block = yes
"""
_FILES = (
    (SETTINGS_FILE, "settings of the running system: pvhready.conf(5)"),
    ("/var/cache/pvhready", "what earlier runs found out; it may be removed at any time"),
    ("/var/lib/pvhready", "journals and backups of undo"),
)
_ENVIRONMENT = (
    ("PVHREADY_SUSPEND", "1 silences the hooks of package managers"),
    ("NO_COLOR", "when it is not empty, the output has no colours"),
)


def page() -> str:
    """Return pvhready(1) as troff with the macros of man(7)."""
    lines = _title("PVHREADY", 1, "User Commands")
    lines += [".SH NAME", "pvhready \\- tells whether a Xen guest can be switched from PV to PVH"]
    lines += [".SH SYNOPSIS", ".B pvhready", "[\\fIGLOBAL OPTIONS\\fR] [\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]"]
    lines += [".SH DESCRIPTION"]
    for text in _DESCRIPTION:
        lines += _paragraph(text)
    lines += _paragraph("Without a command it does what {} does. Global options stand before or after the command.".format(DEFAULT))
    lines += [".SH GLOBAL OPTIONS"] + [line for option in GLOBAL for line in _option(option)]
    lines += _items((("-h, --help", "show what there is, or a command's options, with examples"), ("--version", "show the version")))
    lines += [".SH COMMANDS"]
    for name, command in COMMANDS.items():
        lines += _command(name, command)
    lines += [".SH PROFILES OF HOSTS"] + _paragraph(_PROFILES.format(", ".join(NAMES)))
    lines += [".SH EXIT STATUS"] + _paragraph("That of check is its verdict, the same in every format:") + _items(_EXIT_CODES)
    for text in _OTHER_CODES:
        lines += _paragraph(text)
    lines += [".SH EXAMPLES"]
    for name in EXAMPLES:
        lines += _examples(name)
    lines += [".SH FILES"] + _items(_FILES)
    lines += [".SH ENVIRONMENT"] + _items(_ENVIRONMENT)
    lines += [".SH SECURITY"] + _paragraph(_SECURITY)
    lines += [".SH LIMITS"] + _paragraph(_LIMITS)
    lines += [".SH SEE ALSO", "\\fBpvhready.conf\\fR(5), \\fBupdate\\-grub\\fR(8), \\fBxl.cfg\\fR(5)"]
    lines += _paragraph("Pages on each subject, as docs/checks.md, stand below /usr/share/doc/pvhready.")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return pvhready.conf(5) as troff with the macros of man(7)."""
    lines = _title("PVHREADY.CONF", 5, "File Formats")
    lines += [".SH NAME", "pvhready.conf \\- settings of pvhready for this machine"]
    lines += [".SH SYNOPSIS", "\\fB{}\\fR".format(_plain(SETTINGS_FILE))]
    lines += [".SH DESCRIPTION"]
    for text in _SETTINGS:
        lines += _paragraph(text)
    for section, keys in KEYS.items():
        lines += [".SS \\fB[{}]\\fR".format(section)]
        for key in keys:
            lines += _item("\\fB{}\\fR = \\fI{}\\fR".format(_plain(key), _plain(_VALUES[key][0])), _VALUES[key][1])
    lines += [".SH EXAMPLES"]
    lines += _paragraph("A host whose GRUB is that of Debian 12; apt is stopped before it installs a kernel that would not boot:")
    lines += [".PP", ".nf", ".RS"] + [_plain(line) for line in EXAMPLE.splitlines()] + [".RE", ".fi"]
    lines += [".SH FILES"] + _items((
        (SETTINGS_FILE, "not there unless you write it"),
        ("/usr/share/doc/pvhready/examples/pvhready.conf", "an example with every key; the rpm has it in /usr/share/doc/pvhready"),
    ))
    lines += [".SH SEE ALSO", "\\fBpvhready\\fR(1)"]
    return "\n".join(lines) + "\n"


def _title(name: str, section: int, manual: str) -> "List[str]":
    return ['.TH {} {} "" "pvhready {}" "{}"'.format(name, section, __version__, manual), ".nh", ".ad l"]


def _examples(command: str) -> "List[str]":
    return [line for typed, purpose in EXAMPLES[command] for line in _item("\\fB{}\\fR".format(_plain(typed)), purpose)]


def _command(name: str, command: Command) -> "List[str]":
    operands = "".join(_COUNTS[count].format(_plain(metavar)) for _, metavar, count, _ in command.operands)
    lines = [".SS \\fB{}\\fR{}".format(_plain(name), operands)] + _paragraph(command.help[0].upper() + command.help[1:] + ".")
    for option in command.options:
        lines += _option(option)
    for _, metavar, _, text in command.operands:
        lines += _item("\\fI{}\\fR".format(_plain(metavar)), text)
    return lines


def _option(option: Option) -> "List[str]":
    flags = ", ".join("\\fB{}\\fR".format(_plain(flag)) for flag in option.flags)
    value = "|".join(option.choices or ()) or option.metavar or ""
    value = " \\fI{}\\fR".format(_plain(value)) if value else ""
    default = " ({} unless given)".format(option.default) if option.choices and option.default else ""
    return _item(flags + value, option.help + default + ("; may be given more than once" if option.repeated else ""))


def _items(pairs: "Sequence[Tuple[str, str]]") -> "List[str]":
    return [line for name, text in pairs for line in _item("\\fB{}\\fR".format(_plain(name)), text)]


def _item(head: str, text: str) -> "List[str]":
    return [".TP", head, _plain(text)]


def _paragraph(text: str) -> "List[str]":
    return [".PP", _plain(text)]


def _plain(text: str) -> str:
    """Return text that troff shows as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\\&" + text if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write(settings_page() if sys.argv[1:] == ["pvhready.conf"] else page())
