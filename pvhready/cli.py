"""The command line: what the user typed becomes a call, its result becomes output and an exit code."""

import gc
import os
import sys

from pvhready import __version__
from pvhready.errors import EXIT_INTERNAL, EXIT_USAGE, CommandError
from pvhready.options import COMMANDS, DEFAULT, GLOBAL, Option, Options, first_word, read_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, List, NoReturn, Optional, Sequence

_EXIT_INTERRUPTED = 130
_HELP_WIDTH = 78  # what is not wrapped by argparse
_CODES = """\
Without a command it checks this machine; as root, because much is for root's
eyes only. It changes nothing. exit codes of check:
  0  ready, or no guest to be switched      2  not ready: it would not come up
  1  ready; something should be seen to     3  not known"""


def program() -> None:
    """Run a command and leave with its exit code.

    The process ends here and now: to take its modules apart would cost the interpreter a quarter of what a check costs.
    """
    gc.set_threshold(50000)  # objects; Python looks for cycles at every 700 (2000 since 3.13), and here are hardly any
    code = main()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed before it began
        try:
            stream.flush()
        except OSError:
            sys.exit(code)  # the interpreter tells of a full disk
    os._exit(code)


def main(arguments: "Optional[Sequence[str]]" = None) -> int:
    """Run a command. Returns the exit code; ``arguments`` are those after the program's name."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(argv)
    except CommandError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, a pager) has seen enough. Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except Exception as error:  # the last net: a fault of ours must neither look like a verdict nor show a traceback
        _complain("internal error, please report it: {}".format(_where(error)))
        return EXIT_INTERNAL


def build_parser(only: "Optional[str]" = None) -> "argparse.ArgumentParser":
    """Return the parser of all commands, or of one."""
    import argparse

    from pvhready.report.plain import wrap

    class Parser(argparse.ArgumentParser):
        """Says what is wrong with the arguments in one line, with the exit code of the contract (argparse's own, 2, is a verdict)."""

        def error(self, message: str) -> "NoReturn":
            self.exit(EXIT_USAGE, "{}: {}\nTry: {} --help\n".format(self.prog, message, self.prog))

    parser = Parser(
        prog="pvhready",
        allow_abbrev=False,
        description="Tells whether this Xen guest can be switched from PV to PVH: what boots next,\nwhether it comes up, what to do.",
        epilog=_epilog("", _CODES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version="pvhready " + __version__)
    _add_options(parser.add_argument_group("global options"), GLOBAL)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=Parser)
    for name in (only,) if only else COMMANDS:
        command = COMMANDS[name]
        description = "\n".join(wrap(command.help[0].upper() + command.help[1:] + ".", _HELP_WIDTH))
        below = commands.add_parser(
            name, help=command.help, description=description, epilog=_epilog(name), allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        # Global options stand before or after the command: the second place must not undo what the first one set.
        _add_options(below.add_argument_group("global options"), [option._replace(default=argparse.SUPPRESS) for option in GLOBAL])
        _add_options(below, command.options)
        for operand, metavar, count, text in command.operands:
            below.add_argument(operand, nargs=count, metavar=metavar, help=text)
    return parser


def _epilog(command: str, more: str = "") -> str:
    from pvhready.examples import as_lines

    lines = ("examples:",) + as_lines(command) + (("", more) if more else ())
    return "\n".join(lines + ("", "pvhready(1) is the manual." if not command else "exit codes and all else: pvhready(1)"))


def _add_options(group: "argparse._ActionsContainer", options: "Sequence[Option]") -> None:
    for option in options:
        details: Dict[str, Any] = {"default": list(option.default) if option.default == () else option.default, "help": option.help}
        if option.takes_value:
            details.update(choices=option.choices, metavar=option.metavar, action="append" if option.repeated else "store")
        else:
            details.update(action="store_true")
        group.add_argument(*option.flags, **details)


def _run(argv: "List[str]") -> int:
    options = read_plain(argv) or _parse(argv)
    from pvhready import commands

    return commands.run(options)


def _parse(argv: "List[str]") -> Options:
    """What argparse makes of the arguments."""
    at = first_word(argv)
    if at < len(argv):
        command = argv[at] if argv[at] in COMMANDS else None  # a word that is no command is left to argparse, which complains of it
    elif {"-h", "--help", "--version"}.intersection(argv):
        command = None
    else:
        argv, command = [DEFAULT] + argv, DEFAULT
    return Options(vars(build_parser(command).parse_args(argv)))


def _complain(text: str) -> None:
    if sys.stderr is not None:  # it is closed when nobody wants to know
        sys.stderr.write("pvhready: {}\n".format(text.encode("ascii", "backslashreplace").decode("ascii")))


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "{}:{}".format(os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno) if trace else "?"
    return "{} at {}: {}".format(type(error).__name__, place, error)
