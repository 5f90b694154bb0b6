"""What each command does: probes are run, rules asked, and the answer is rendered to standard output."""

import os
import sys
import time

from pvhready.errors import CommandError, NotPermitted, UsageError
from pvhready.examine import Question, examine, look, open_root, weigh
from pvhready.facts import PVH, Guest, Menu
from pvhready.host import DEFAULT, profile
from pvhready.options import SETTINGS_FILE, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Tuple

    from pvhready.facts import Facts
    from pvhready.judge import KernelAnswer, Report
    from pvhready.report.text import Style
    from pvhready.undo.outcome import Outcome

_IMAGE_EXIT = {"boots": 0, "fails": 2, "unknown": 3}
_OWN_SETTINGS = ("hook", "exporter", "fleet", "explain", "demo")  # commands that read the settings by themselves, or need none
_FROM_BEST = (0, 1, 3, 2)  # a proven failure weighs more than what is not known


def run(options: Options) -> int:
    """Carry out the command that was parsed. Returns the exit code; raises CommandError."""
    _complete(options)
    commands = {
        "check": _check,
        "kernels": _kernels,
        "entries": _entries,
        "image": _image,
        "plan": _plan,
        "undo": _undo,
        "explain": _explain,
        "demo": _demo,
        "hook": _hook,
        "exporter": _exporter,
        "fleet": _fleet,
    }
    return commands[options.command](options)


def _complete(options: Options) -> None:
    """Let the running system's settings say what the command line leaves open, and the defaults say what those leave open."""
    # Most machines have no such file: then this one look is all that it costs.
    if options.command not in _OWN_SETTINGS and not _is_elsewhere(options) and os.path.lexists(SETTINGS_FILE):
        from pvhready.settings import read_settings

        with open_root("/") as root:
            settings = read_settings(root)
        options.host = options.host or settings.host
        options.assume_guest = options.assume_guest or settings.assume
        options.skip = getattr(options, "skip", ()) or list(settings.skip)
    options.host = options.host or DEFAULT


def _is_elsewhere(options: Options) -> bool:
    """Whether a guest other than the running system is asked about."""
    return any(os.path.abspath(directory) != "/" for directory in options.root or ())


def check(directory: str, options: Options) -> "Report":
    """Return the report on the guest whose root is ``directory``. Raises CommandError when that is no directory."""
    from pvhready.memory.folder import Folder

    return examine(directory, _question(options), Folder())


def _question(options: Options) -> Question:
    """What the user asks of each guest."""
    return Question(
        options.host, getattr(options, "target", None), options.assume_guest, getattr(options, "deep", False),
        tuple(getattr(options, "device", ())), tuple(getattr(options, "skip", ())),
    )


def _check(options: Options) -> int:
    _demand_known_ids(options.skip)
    if options.device and not options.root:
        raise UsageError("--device goes with --root: the running system knows its devices")
    if options.format in ("nagios", "prometheus") and len(options.root or ()) > 1:
        raise UsageError("--format {} is about one guest: give one --root at a time".format(options.format))
    if len(options.root or ()) > 1:
        return _check_many(options)
    if options.format in ("text", "json"):
        words, code = _say((options.root or ["/"])[0], options)
        _write(words)
        return 0 if options.exit_zero else code
    from pvhready.judge import EXIT_CODES

    begin = time.time()
    report = check((options.root or ["/"])[0], options)
    if options.format == "nagios":
        from pvhready.report import nagios

        _write(nagios.render(report, time.time() - begin))
    else:
        from pvhready.report.metrics import Run, families, render

        _write(render(families(report, Run(begin, begin, time.time() - begin))))
    return 0 if options.exit_zero else EXIT_CODES[report.verdict]


def _say(directory: str, options: Options) -> "Tuple[str, int]":
    """Return what there is to say of a guest, and the exit code: what was said last, where nothing has changed since."""
    from pvhready.memory import said
    from pvhready.memory.folder import Folder

    folder, question = Folder(), _question(options)
    marks: List[str] = []
    facts = look(directory, question, folder, marks)
    key = (marks, _what_it_depends_on(facts, question, options)) if marks else None
    known = said.recall(folder, options.format, key) if key else None
    if known is not None:
        return known[1], known[0]
    from pvhready.judge import EXIT_CODES

    report = weigh(facts, question)
    code = EXIT_CODES[report.verdict]
    if options.format == "json":
        from pvhready.report.json import render as as_json

        words = as_json(report)
    else:
        words = _as_text(report, options)
    if key:
        said.remember(folder, options.format, key, code, words)
    return words, code


def _what_it_depends_on(facts: "Facts", question: Question, options: Options) -> "Any":
    """Return, in plain types, what the words of a report depend on beside the facts that were remembered."""
    from pvhready.memory.facts import pack

    layout = (_width(), _wants_colour(options.color), options.verbose, options.quiet)
    return pack((facts.boot_systems, facts.today, facts.run_as_root, facts.root)), tuple(question), layout


def _check_many(options: Options) -> int:
    """Check several roots side by side. One that cannot be entered ends the command, as it does alone."""
    from pvhready.many import Form, answers

    profile(options.host)  # a wrong name is told before any work is done
    style = _style(options)
    form = Form("object") if options.format == "json" else Form("text", (style.width, style.colour, style.verbose, style.quiet))
    contents, codes = [], []
    for answer in answers(options.root, _question(options), form):
        if answer.error:
            error = CommandError(answer.error)
            error.exit_code = answer.code
            raise error
        contents.append(answer.content)
        codes.append(answer.code)
    if options.format == "json":
        from pvhready.report.json import dump

        _write(dump(contents))
    else:
        _write("\n".join(contents))
    return 0 if options.exit_zero else _worst(codes)


def _plan(options: Options) -> int:
    from pvhready.plan.make import EXIT_CODES as CODES
    from pvhready.plan.make import make_plan
    from pvhready.report import plan as shown

    host = profile(options.host)
    reports = [check(directory, options) for directory in options.root or ["/"]]
    plans = [make_plan(report, host) for report in reports]
    if options.format == "json":
        from pvhready.report.json import dump

        objects = [shown.as_object(plan, report) for plan, report in zip(plans, reports)]
        _write(dump(objects if len(objects) > 1 else objects[0]))
    else:
        _write("\n".join(shown.render(plan, report, _style(options)) for plan, report in zip(plans, reports)))
    return max(CODES[plan.state] for plan in plans)


def _undo(options: Options) -> int:
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
        _write(shown.render(plan, _style(options)))
        return _agrees("Do it now? [y/N] ")

    with open_root((options.root or ["/"])[0]) as root:
        outcome = undo(root, profile(options.host), options, confirm)
    if options.format == "json":
        from pvhready.report.json import dump

        _write(dump(shown.as_object(outcome)))
    elif outcome.applied or outcome.obstacles or not seen:
        _write(shown.render(outcome, _style(options), bool(seen)))
    else:
        _write("Nothing was changed.\n")
    return outcome.exit_code


def _agrees(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False  # the terminal was closed


def _kernels(options: Options) -> int:
    answers: List[KernelAnswer] = []
    for directory in options.root or ["/"]:
        report = check(directory, options)
        if report.facts.denied and not report.kernels:
            raise NotPermitted("only root may read {}, so no kernel can be seen: run it with sudo".format(report.facts.denied[0]))
        answers += report.kernels
    if options.format == "json":
        from pvhready.report.json import dump, kernels_object

        _write(dump(kernels_object(answers)))
    else:
        from pvhready.report.text import render_kernels

        _write(render_kernels(answers, _style(options)))
    return 0


def _entries(options: Options) -> int:
    from pvhready.probes.guest import read_guest
    from pvhready.probes.menu import read_menu
    from pvhready.probes.storage import read_storage
    from pvhready.survey import was_booted

    host = profile(options.host)
    codes = []
    for directory in options.root or ["/"]:
        with open_root(directory) as root:
            booted = was_booted(root, read_guest(root, options.assume_guest))
            menu = read_menu(root, host, options.platform, read_storage(root, root.live), booted=booted)
        codes.append(_show_menu(menu, options))
    return max(codes)


def _show_menu(menu: Menu, options: Options) -> int:
    from pvhready.rules.menu import loads

    answers = {candidate.index: loads(menu.entries[candidate.index]) for candidate in menu.candidates}
    if options.format == "json":
        from pvhready.report.json import dump, menu_object

        _write(dump(menu_object(menu)))
    else:
        from pvhready.report.entries import render

        _write(render(menu, answers, _style(options)))
    if not any(answer is not False for answer in answers.values()):
        return 3 if menu.reason == "unreadable" else 1
    certain = len(answers) == 1 and not menu.may_show_nothing
    return 0 if certain and all(answers.values()) else 3


def _worst(codes: "List[int]") -> int:
    return max(codes, key=_FROM_BEST.index)


def _image(options: Options) -> int:
    from pvhready.images import named_kernels
    from pvhready.judge import judge_kernel

    host = profile(options.host)
    kernels = named_kernels(options.files, options.config, options.system_map, options.deep)
    answers = [judge_kernel(kernel, host, Guest(None)) for kernel in kernels]
    if options.format == "json":
        from pvhready.report.json import dump, images_object

        _write(dump(images_object(answers)))
    else:
        from pvhready.report.text import render_kernels

        _write(render_kernels(answers, _style(options)))
    return _worst([_IMAGE_EXIT[answer.modes[PVH]] for answer in answers])


def _explain(options: Options) -> int:
    from pvhready.report.explain import render, render_list

    if options.id is None:
        _write(render_list(_style(options)))
        return 0
    _demand_known_ids([options.id])
    _write(render(options.id, _style(options)))
    return 0


def _demo(options: Options) -> int:
    from pvhready.demo.guests import NAMES

    if options.list:
        from pvhready.report.plain import columns

        _write("\n".join(columns([("  " + name, text) for name, text in NAMES.items()], _width())) + "\n")
        return 0
    name = options.name or next(iter(NAMES))
    if name not in NAMES:
        raise UsageError("no example is called {!r}; there are: {}".format(name, ", ".join(NAMES)))
    return _show_example(name, NAMES[name], options)


def _show_example(name: str, text: str, options: Options) -> int:
    from tempfile import TemporaryDirectory

    from pvhready.demo.guests import make
    from pvhready.report.plain import wrap

    with TemporaryDirectory(prefix="pvhready-demo-") as folder:
        try:
            make(name, folder)
        except OSError as error:
            raise CommandError("the example could not be written to {}: {}".format(folder, error.strerror)) from error
        options.assume_guest = options.assume_guest or "pv"
        report = _as_if_there(check(folder, options))
    style = _style(options)
    title = "\n".join(wrap("A made-up guest, small and synthetic: " + text, style.width))
    _write("{}\n\n{}\nOther examples: pvhready demo --list\n".format(title, _as_text(report, options)))
    return 0


def _as_if_there(report: "Report") -> "Report":
    """Return the report on an example as one would see it in that guest: its folder is gone when somebody types what is said."""
    folder = ("--root", report.facts.root)

    def without(argv: "Tuple[str, ...]") -> "Tuple[str, ...]":
        if argv[:1] == ("sudo",):
            argv = argv[1:]  # who types it is root there, though not here
        at = next((at for at in range(len(argv)) if argv[at:at + 2] == folder), len(argv))
        return argv[:at] + argv[at + 2:]

    checks = tuple(
        finding._replace(remedies=tuple(remedy._replace(argv=without(remedy.argv)) for remedy in finding.remedies))
        for finding in report.checks
    )
    return report._replace(facts=report.facts._replace(root="/"), checks=checks)


def _hook(options: Options) -> int:
    from pvhready.hooks.run import run as run_hook

    return run_hook(options.kind, options.arguments)


def _fleet(options: Options) -> int:
    from pvhready.fleet.page import as_page
    from pvhready.fleet.rows import rows
    from pvhready.fleet.show import Tally, as_json, as_table

    tally = Tally(rows(options.reports))
    pieces = as_table(tally, _width()) if options.format == "text" else {"json": as_json, "html": as_page}[options.format](tally)
    for piece in pieces:
        _write(piece)
    return tally.worst if options.exit_verdict else 0


def _exporter(options: Options) -> int:
    from pvhready.exporter.command import run as run_exporter

    return run_exporter(options)


def _demand_known_ids(ids: "List[str]") -> None:
    if not ids:
        return
    from pvhready.checks import IDS

    for name in ids:
        if name not in IDS:
            raise UsageError('there is no check {!r}; "pvhready explain" lists them'.format(name))


def _as_text(report: "Report", options: Options) -> str:
    from pvhready.report.text import render

    return render(report, _style(options))


def _style(options: Options) -> "Style":
    from pvhready.report.text import Style

    return Style(_width(), _wants_colour(options.color), options.verbose, options.quiet)


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit():
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return 80  # a pipe or a file


def _wants_colour(choice: str) -> bool:
    """The option, then NO_COLOR when it is not empty, then whether a terminal reads."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and sys.stdout is not None and sys.stdout.isatty()


def _write(text: str) -> None:
    """Write text whatever the terminal's encoding: what it cannot show becomes an escape."""
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
