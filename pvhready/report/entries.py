"""The boot menu for people: every entry as the host's GRUB makes it, and which one boots next."""

from pvhready.facts import Entry, Menu
from pvhready.report.plain import isolated, wrap
from pvhready.report.text import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional


_HEADS = {True: "Boots next", False: "Chosen, and GRUB cannot load it", None: "Chosen, and it is not known whether GRUB can load it"}


def render(menu: Menu, loads: "Dict[int, Optional[bool]]", style: Style) -> str:
    """Return the menu of one platform. ``loads`` tells of each candidate whether GRUB can load it; None when that is not known."""
    lines = ["Menu on {}: {}".format(menu.platform, isolated(menu.config or "no configuration")), ""]
    chosen = {candidate.index for candidate in menu.candidates}
    for entry in menu.entries:
        lines += _entry(entry, entry.index in chosen, style)
    if menu.problem:
        lines += wrap("{}: {}".format(isolated(menu.problem.path), isolated(menu.problem.reason)), style.width, "  ")
        if "permission" in menu.problem.reason:
            lines.append("  Run it with sudo.")
    for error in menu.errors:
        lines += wrap("GRUB will complain at {}: {}".format(isolated(error.source), isolated(error.text)), style.width, "  ")
    return "\n".join(lines + [""] + _choice(menu, loads, style)) + "\n"


def _entry(entry: Entry, chosen: bool, style: Style) -> "List[str]":
    mark = "*" if chosen else " "
    lines = wrap("{} {:<5} {}".format(mark, entry.path, isolated(entry.title)), style.width, " " * 8)
    for name, text in (("kernel", entry.kernel or "none"), ("initrd", " ".join(entry.initrd)), ("cmdline", entry.cmdline)):
        if text:
            lines += wrap("        {:<8}{}".format(name, isolated(text)), style.width, " " * 16)
    for error in entry.errors:
        lines += wrap("        error   {}".format(isolated(error.text)), style.width, " " * 16)
    return lines


def _choice(menu: Menu, loads: "Dict[int, Optional[bool]]", style: Style) -> "List[str]":
    if not menu.candidates:
        return ["No entry boots next ({}).".format(menu.reason)]
    titles = {entry.index: entry for entry in menu.entries}
    lines: List[str] = []
    for candidate in menu.candidates:
        entry = titles[candidate.index]
        condition = ", " + candidate.condition if candidate.condition else ""
        text = "{}: {} {} ({}){}".format(
            _HEADS[loads[candidate.index]], entry.path, isolated(entry.title), candidate.reason, condition)
        lines += wrap(text, style.width, "  ")
    if menu.may_show_nothing:
        lines.append("Otherwise nothing boots.")
    return lines
