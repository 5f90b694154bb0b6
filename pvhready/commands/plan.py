"""``plan``: the steps to the switch."""

from pvhready.commands.asked import check
from pvhready.commands.screen import style, write
from pvhready.host import profile
from pvhready.options import Options


def run(options: Options) -> int:
    """Show the plan for each guest. Returns the exit code; raises CommandError."""
    from pvhready.plan.make import EXIT_CODES as CODES
    from pvhready.plan.make import make_plan
    from pvhready.report import plan as shown

    host = profile(options.host)
    reports = [check(directory, options) for directory in options.root or ["/"]]
    plans = [make_plan(report, host) for report in reports]
    if options.format == "json":
        from pvhready.report.json import dump

        objects = [shown.as_object(plan, report) for plan, report in zip(plans, reports)]
        write(dump(objects if len(objects) > 1 else objects[0]))
    else:
        write("\n".join(shown.render(plan, report, style(options)) for plan, report in zip(plans, reports)))
    return max(CODES[plan.state] for plan in plans)
