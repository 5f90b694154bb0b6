"""Checks explained: what each looks at, why it matters, how to mend it."""

from pvhready.checks import CHAIN, IDS, explanation, link_of
from pvhready.report.plain import wrap
from pvhready.report.text import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


def render(check: str, style: Style) -> str:
    """Return the page on one check."""
    page = explanation(check)
    lines = [style.paint(check, "1"), ""]
    for name, text in (("Link", page.link), ("Looks at", page.looks), ("Why", page.why), ("To mend it", page.mend)):
        lines += wrap("  {:<12}{}".format(name, text), style.width, " " * 14)
    return "\n".join(lines) + "\n"


def render_list(style: Style) -> str:
    """Return all checks, by the links of the boot chain."""
    lines: List[str] = []
    for link in CHAIN:
        lines.append(style.paint(link, "1"))
        for check in IDS:
            if link_of(check) == link:
                lines += wrap("  {:<24}{}".format(check, explanation(check).looks), style.width, " " * 26)
    return "\n".join(lines + ["", "pvhready explain ID tells more."]) + "\n"
