"""``fleet``: many reports as one."""

from pvhready.commands.screen import width, write
from pvhready.options import Options


def run(options: Options) -> int:
    """Merge reports into one table, page or object. Returns the exit code; raises CommandError."""
    from pvhready.fleet.page import as_page
    from pvhready.fleet.rows import rows
    from pvhready.fleet.show import Tally, as_json, as_table

    tally = Tally(rows(options.reports))
    pieces = as_table(tally, width()) if options.format == "text" else {"json": as_json, "html": as_page}[options.format](tally)
    for piece in pieces:
        write(piece)
    return tally.worst if options.exit_verdict else 0
