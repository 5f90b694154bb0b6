"""What goes to standard output, and how it is laid out there."""

import os
import sys

from pvhready.errors import CommandError
from pvhready.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pvhready.judge import Report
    from pvhready.report.text import Style


def as_text(report: "Report", options: Options) -> str:
    """Return a report as a person reads it, in the layout that was asked for."""
    from pvhready.report.text import render

    return render(report, style(options))


def style(options: Options) -> "Style":
    """Return the layout: what was asked for, else what fits the terminal."""
    from pvhready.report.text import Style

    return Style(width(), wants_colour(options.color), options.verbose, options.quiet)


def width() -> int:
    """Return how many columns a line may have."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal():
        return int(columns[:9])
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return 80  # a pipe or a file


def wants_colour(choice: str) -> bool:
    """Whether to colour: the option, then NO_COLOR when it is not empty, then whether a terminal reads."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and sys.stdout is not None and sys.stdout.isatty()


def write(text: str) -> None:
    """Write text whatever the terminal's encoding: what it cannot show becomes an escape. Raises CommandError and BrokenPipeError."""
    if sys.stdout is None:
        raise CommandError("the output could not be written: it is closed")
    encoding = sys.stdout.encoding or "ascii"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError("the output could not be written: {}".format(error.strerror)) from error
