"""The manual page, made from the table of options when a package is built: ``python3 -m pvhready.manpage > pvhready.1``."""

import sys

from pvhready import __version__
from pvhready.options import COMMANDS, DEFAULT, GLOBAL, SETTINGS_FILE, Command, Option

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
_FILES = (
    (SETTINGS_FILE, "settings of the running system; an example is /usr/share/doc/pvhready/examples/pvhready.conf"),
    ("/var/cache/pvhready", "what earlier runs found out; it may be removed at any time"),
    ("/var/lib/pvhready", "journals and backups of undo"),
)
_ENVIRONMENT = (
    ("PVHREADY_SUSPEND", "1 silences the hooks of package managers"),
    ("NO_COLOR", "when it is not empty, the output has no colours"),
)


def page() -> str:
    """Return the page as troff with the macros of man(7)."""
    lines = ['.TH PVHREADY 1 "" "pvhready {}" "User Commands"'.format(__version__)]
    lines += [".SH NAME", "pvhready \\- tells whether a Xen guest can be switched from PV to PVH"]
    lines += [".SH SYNOPSIS", ".B pvhready", "[\\fIGLOBAL OPTIONS\\fR] [\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]"]
    lines += [".SH DESCRIPTION"]
    lines += _paragraph(
        "Reads what the host's GRUB will boot next, with which kernel, command line and initramfs, and says whether that comes up, why, "
        "and what to type. It runs inside the guest, as root, and changes nothing unless it is told to.")
    lines += _paragraph("Without a command it does what {} does. Global options stand before or after the command.".format(DEFAULT))
    lines += [".SH GLOBAL OPTIONS"] + [line for option in GLOBAL for line in _option(option)]
    lines += _items((("--version", "show the version"),))
    lines += [".SH COMMANDS"]
    for name, command in COMMANDS.items():
        lines += _command(name, command)
    lines += [".SH EXIT STATUS"] + _paragraph("That of check is its verdict:") + _items(_EXIT_CODES)
    lines += [".SH FILES"] + _items(_FILES)
    lines += [".SH ENVIRONMENT"] + _items(_ENVIRONMENT)
    return "\n".join(lines) + "\n"


def _command(name: str, command: Command) -> "List[str]":
    operands = "".join(" [\\fI{}\\fR]".format(_plain(metavar)) for _, metavar, _, _ in command.operands)
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
    text = option.help or ("the form of the output" if option.name == "format" else "when to use colours")
    default = " ({} unless given)".format(option.default) if option.choices and option.default else ""
    return _item(flags + value, text + default + ("; may be given more than once" if option.repeated else ""))


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
    sys.stdout.write(page())
