"""Checks explained: what each looks at, why it matters, how to mend it. In the terminal, and as the page docs/checks.md.

``python3 -m pvhready.report.explain > docs/checks.md`` writes that page; a test holds the two against each other.
"""

import sys

from pvhready.checks import CHAIN, IDS, explanation, link_of
from pvhready.report.plain import columns, wrap
from pvhready.report.text import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

PAGE = "docs/checks.md"
_WHERE = "{}#{} (a package has it below /usr/share/doc/pvhready)"
_BEGIN = """\
# The checks

Made by `python3 -m pvhready.report.explain` from `pvhready/checks.py`; do not edit it by hand. `pvhready explain ID` shows the same in a
terminal, [How verdicts are made](verdicts.md) tells what their answers add up to.

The checks stand in the order of the [boot chain](boot-chain.md). Ids are never renamed, so that settings, dashboards and scripts can rely
on them.
"""


def render(check: str, style: Style) -> str:
    """Return what there is to say of one check."""
    told = explanation(check)
    lines = [style.paint(check, "1"), ""]
    rows = (
        ("Link", told.link), ("Looks at", told.looks), ("Why", told.why), ("To mend it", told.mend), ("Page", _WHERE.format(PAGE, check)),
    )
    return "\n".join(lines + columns([("  " + name, text) for name, text in rows], style.width)) + "\n"


def render_list(style: Style) -> str:
    """Return all checks, by the links of the boot chain."""
    lines: List[str] = []
    longest = max(map(len, IDS))
    for link in CHAIN:
        lines.append(style.paint(link, "1"))
        rows = [("  " + check.ljust(longest), explanation(check).looks) for check in IDS if link_of(check) == link]
        lines += columns(rows, style.width)
    return "\n".join(lines + [""] + wrap("pvhready explain ID tells more of one.", style.width)) + "\n"


def page() -> str:
    """Return all checks as a page in Markdown, each under an anchor that is its id."""
    lines = [_BEGIN]
    for link in CHAIN:
        lines += ["## Link: {}\n".format(link)]  # "Link", so that no anchor is that of a check
        for check in IDS:
            if link_of(check) == link:
                told = explanation(check)
                text = "- Looks at: {}\n- Why: {}\n- To mend it: {}\n".format(told.looks, told.why, told.mend)
                lines += ["### {}\n".format(check), text.replace("*", "\\*")]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
