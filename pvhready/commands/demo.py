"""``demo``: the check of a guest that is made up for it."""

from pvhready.commands.asked import check
from pvhready.commands.screen import as_text, width, write
from pvhready.errors import CommandError, UsageError
from pvhready.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    from pvhready.judge import Report


def run(options: Options) -> int:
    """Check an example, or list them. Returns the exit code; raises CommandError."""
    from pvhready.demo.guests import NAMES

    if options.list:
        from pvhready.report.plain import columns

        write("\n".join(columns([("  " + name, text) for name, text in NAMES.items()], width())) + "\n")
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
    title = "\n".join(wrap("A made-up guest, small and synthetic: " + text, width()))
    write("{}\n\n{}\nOther examples: pvhready demo --list\n".format(title, as_text(report, options)))
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
