"""Writes docs/check.svg, the picture in README.md: a run of ``pvhready demo ubuntu-20.04-hack`` as a terminal shows it.

``pip install rich``, then ``python3 contrib/picture.py``. A test holds the words in the picture against a run of today.
"""

import os
import subprocess
import sys

from rich.console import Console
from rich.text import Text

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMAND = ("demo", "ubuntu-20.04-hack")
WIDTH = 80
# rich's own has a font from another site, which no reader of a picture should have to ask.
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" class="rich-terminal" viewBox="0 0 {width} {height}"
 role="img" aria-label="pvhready in a terminal">
<style>
.{unique_id}-matrix {{
 font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def run():
    """Return what the program writes to a terminal, colours and all."""
    environment = dict(os.environ, COLUMNS=str(WIDTH), PYTHONPATH=TOP, PYTHONIOENCODING="utf-8")
    words = [sys.executable, "-m", "pvhready"] + list(COMMAND) + ["--color", "always"]
    process = subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=False)
    return process.stdout.decode("utf-8")


if __name__ == "__main__":
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w", encoding="utf-8"), force_terminal=True, highlight=False)
    typed = " ".join(("pvhready",) + COMMAND)
    console.print(Text.from_ansi("# {}\n{}".format(typed, run())))
    svg = console.export_svg(title=typed, code_format=FORMAT, unique_id="pvhready")
    with open(os.path.join(TOP, "docs", "check.svg"), "w", encoding="utf-8") as handle:
        handle.write("".join(line.rstrip() + "\n" for line in svg.splitlines()))
