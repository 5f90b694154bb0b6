"""``kernels``: what is known of each installed kernel."""

from pvhready.commands.asked import check
from pvhready.commands.screen import style, write
from pvhready.errors import NotPermitted
from pvhready.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from pvhready.judge import KernelAnswer


def run(options: Options) -> int:
    """List the kernels. Returns the exit code; raises CommandError."""
    answers: List[KernelAnswer] = []
    for directory in options.root or ["/"]:
        report = check(directory, options)
        if report.facts.denied and not report.kernels:
            raise NotPermitted("only root may read {}, so no kernel can be seen: run it with sudo".format(report.facts.denied[0]))
        answers += report.kernels
    if options.format == "json":
        from pvhready.report.json import dump, kernels_object

        write(dump(kernels_object(answers)))
    else:
        from pvhready.report.text import render_kernels

        write(render_kernels(answers, style(options)))
    return 0
