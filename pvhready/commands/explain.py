"""``explain``: what a check is about."""

from pvhready.commands.screen import style, write
from pvhready.examine import demand_known_ids
from pvhready.options import Options


def run(options: Options) -> int:
    """Explain one check, or list all. Returns the exit code; raises UsageError."""
    from pvhready.report.explain import render, render_list

    if options.id is None:
        write(render_list(style(options)))
        return 0
    demand_known_ids([options.id])
    write(render(options.id, style(options)))
    return 0
