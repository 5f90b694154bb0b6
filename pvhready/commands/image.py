"""``image``: kernels as files, or in packages."""

from pvhready.commands.asked import worst
from pvhready.commands.screen import style, write
from pvhready.facts import PVH, Guest
from pvhready.host import profile
from pvhready.options import Options

_EXIT_CODES = {"boots": 0, "fails": 2, "unknown": 3}


def run(options: Options) -> int:
    """Judge each file by itself. Returns the exit code; raises CommandError."""
    from pvhready.images import named_kernels
    from pvhready.judge import judge_kernel

    host = profile(options.host)
    kernels = named_kernels(options.files, options.config, options.system_map, options.deep)
    answers = [judge_kernel(kernel, host, Guest(None)) for kernel in kernels]
    if options.format == "json":
        from pvhready.report.json import dump, images_object

        write(dump(images_object(answers)))
    else:
        from pvhready.report.text import render_kernels

        write(render_kernels(answers, style(options)))
    return worst([_EXIT_CODES[answer.modes[PVH]] for answer in answers])
