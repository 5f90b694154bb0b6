"""``undo``: what it would do, the question whether to do it, and what came of it."""

import sys

from pvhready.commands.screen import style, write
from pvhready.errors import UsageError
from pvhready.examine import open_root
from pvhready.host import profile
from pvhready.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from pvhready.undo.outcome import Outcome


def run(options: Options) -> int:
    """Undo the decompression, or show what that would do. Returns the exit code; raises CommandError."""
    from pvhready.report import undo as shown
    from pvhready.undo.changes import Refused
    from pvhready.undo.command import undo

    if len(options.root or ()) > 1:
        raise UsageError("one --root at a time: each undo is to be looked at")
    seen: List[Outcome] = []

    def confirm(plan: "Outcome") -> bool:
        if options.yes:
            return True
        if options.format == "json" or sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Refused("there is no terminal to ask on, and no --yes")
        seen.append(plan)
        write(shown.render(plan, style(options)))
        return _agrees("Do it now? [y/N] ")

    with open_root((options.root or ["/"])[0]) as root:
        outcome = undo(root, profile(options.host), options, confirm)
    if options.format == "json":
        from pvhready.report.json import dump

        write(dump(shown.as_object(outcome)))
    elif outcome.applied or outcome.obstacles or not seen:
        write(shown.render(outcome, style(options), bool(seen)))
    else:
        write("Nothing was changed.\n")
    return outcome.exit_code


def _agrees(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False  # the terminal was closed
