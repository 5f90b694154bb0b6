"""``check``: is the switch safe?"""

import time

from pvhready.commands.asked import check, question, worst
from pvhready.commands.screen import as_text, style, wants_colour, width, write
from pvhready.errors import CommandError, UsageError
from pvhready.examine import Question, demand_known_ids, look, weigh
from pvhready.host import profile
from pvhready.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Tuple

    from pvhready.facts import Facts


def run(options: Options) -> int:
    """Check one guest or several and say so in the form that was asked for. Returns the exit code; raises CommandError."""
    demand_known_ids(options.skip)
    if options.device and not options.root:
        raise UsageError("--device goes with --root: the running system knows its devices")
    if options.format in ("nagios", "prometheus") and len(options.root or ()) > 1:
        raise UsageError("--format {} is about one guest: give one --root at a time".format(options.format))
    if len(options.root or ()) > 1:
        return _check_many(options)
    if options.format in ("text", "json"):
        words, code = _say((options.root or ["/"])[0], options)
        write(words)
        return 0 if options.exit_zero else code
    from pvhready.judge import EXIT_CODES

    begin = time.time()
    report = check((options.root or ["/"])[0], options)
    if options.format == "nagios":
        from pvhready.report import nagios

        write(nagios.render(report, time.time() - begin))
    else:
        from pvhready.report.metrics import Run, families, render

        write(render(families(report, Run(begin, begin, time.time() - begin))))
    return 0 if options.exit_zero else EXIT_CODES[report.verdict]


def _say(directory: str, options: Options) -> "Tuple[str, int]":
    """Return what there is to say of a guest, and the exit code: what was said last, where nothing has changed since."""
    from pvhready.memory import said
    from pvhready.memory.folder import Folder

    folder, asked = Folder(), question(options)
    marks: List[str] = []
    facts = look(directory, asked, folder, marks)
    key = (marks, _what_it_depends_on(facts, asked, options)) if marks else None
    known = said.recall(folder, options.format, key) if key else None
    if known is not None:
        return known[1], known[0]
    from pvhready.judge import EXIT_CODES

    report = weigh(facts, asked)
    code = EXIT_CODES[report.verdict]
    if options.format == "json":
        from pvhready.report.json import render as as_json

        words = as_json(report)
    else:
        words = as_text(report, options)
    if key:
        said.remember(folder, options.format, key, code, words)
    return words, code


def _what_it_depends_on(facts: "Facts", asked: Question, options: Options) -> "Any":
    """Return, in plain types, what the words of a report depend on beside the facts that were remembered."""
    from pvhready.memory.facts import pack

    layout = (width(), wants_colour(options.color), options.verbose, options.quiet)
    return pack((facts.boot_systems, facts.today, facts.run_as_root, facts.root)), tuple(asked), layout


def _check_many(options: Options) -> int:
    """Check several roots side by side. One that cannot be entered ends the command, as it does alone."""
    from pvhready.many import Form, answers

    profile(options.host)  # a wrong name is told before any work is done
    layout = style(options)
    form = Form("object") if options.format == "json" else Form("text", (layout.width, layout.colour, layout.verbose, layout.quiet))
    contents, codes = [], []
    for answer in answers(options.root, question(options), form):
        if answer.error:
            error = CommandError(answer.error)
            error.exit_code = answer.code
            raise error
        contents.append(answer.content)
        codes.append(answer.code)
    if options.format == "json":
        from pvhready.report.json import dump

        write(dump(contents))
    else:
        write("\n".join(contents))
    return 0 if options.exit_zero else worst(codes)
