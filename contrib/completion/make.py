"""Writes the shells' completion of pvhready beside this file, made by shtab from pvhready's argument parser.

``pip install shtab==1.13.0``, then ``python3 contrib/completion/make.py``. What it writes is kept in the source, because not every system
that builds a package has a shtab that knows fish; a test makes it anew and compares.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(_HERE)))

import shtab  # noqa: E402

from pvhready.checks import IDS  # noqa: E402
from pvhready.cli import build_parser  # noqa: E402
from pvhready.demo.guests import NAMES as EXAMPLES  # noqa: E402
from pvhready.host import NAMES as HOSTS  # noqa: E402
from pvhready.options import COMMANDS  # noqa: E402
from pvhready.settings import HOOKS  # noqa: E402

FILES = {"bash": "pvhready.bash", "zsh": "_pvhready", "fish": "pvhready.fish"}
_WORDS = {"--host": HOSTS, "--skip": IDS, "explain ID": IDS, "demo NAME": tuple(EXAMPLES), "hook KIND": tuple(HOOKS)}
_PATHS = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "REPORT": shtab.FILE}


def parser():
    """Return the argument parser of pvhready, which here also knows what the values of its options are."""
    made = build_parser()
    (commands,) = (action for action in made._actions if action.dest == "command")
    for name, below in [("", made)] + list(commands.choices.items()):
        below.description = COMMANDS[name].help if name else None  # in one line
        for action in below._actions:
            flag = action.option_strings[-1] if action.option_strings else "{} {}".format(name, action.metavar)
            if flag in _WORDS:
                action.choices = _WORDS[flag]
            elif action.metavar in _PATHS:
                action.complete = _PATHS[action.metavar]
    return made


def script(shell):
    """Return the completion for a shell of FILES. Its head tells how to install it by hand, which packages need not be told."""
    return shtab.complete(parser(), shell=shell)


if __name__ == "__main__":
    for shell, name in FILES.items():
        with open(os.path.join(_HERE, name), "w", encoding="utf-8") as handle:
            handle.write(script(shell))
