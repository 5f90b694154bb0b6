"""The command line: what the user typed becomes a call, its result becomes output and an exit code."""

import argparse
import os
import sys

from pvhready import __version__
from pvhready.errors import EXIT_INTERNAL, EXIT_USAGE, CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, NoReturn, Optional, Sequence

COMMANDS = ("check", "kernels", "entries", "image", "explain", "demo")
_DEFAULT = "check"
_WITH_VALUE = (
    "--root",
    "--host",
    "--assume-guest",
    "--color",
    "--target",
    "--format",
    "--device",
    "--skip",
    "--config",
    "--system-map",
    "--platform",
)
_EXIT_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, with the exit code of the contract (argparse's own, 2, is a verdict)."""

    def error(self, message: str) -> "NoReturn":
        self.exit(EXIT_USAGE, "{}: {}\nTry: {} --help\n".format(self.prog, message, self.prog))


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


def build_parser(only: "Optional[str]" = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, or of one: to build a parser takes longer than to run it."""
    parser = _Parser(
        prog="pvhready",
        description="Tells whether this Xen guest can be switched from PV to PVH: what boots next, whether it comes up, what to do.",
        epilog="Without a command it checks this machine. Exit codes of check: 0 ready, 1 ready with warnings, 2 not ready, 3 unknown.",
    )
    parser.add_argument("--version", action="version", version="pvhready " + __version__)
    _add_globals(parser, suppress=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name in (only,) if only else COMMANDS:
        _add_command(commands, name)
    return parser


def _add_command(commands: "argparse._SubParsersAction[_Parser]", name: str) -> None:
    helps = {
        "check": "judge the guest: does it come up under PVH (the default)",
        "kernels": "list the installed kernels and the modes they boot under",
        "entries": "show the boot menu as the host's GRUB makes it, and the entry that boots next",
        "image": "judge kernel image files by themselves",
        "explain": "tell what a check looks at, why, and how to mend it",
        "demo": "make an example guest in a temporary folder and check it",
    }
    parser = commands.add_parser(name, help=helps[name], description=helps[name][0].upper() + helps[name][1:] + ".")
    _add_globals(parser, suppress=True)
    if name == "check":
        _add_check(parser)
    elif name == "kernels":
        parser.add_argument("--format", choices=("text", "json"), default="text")
    elif name == "entries":
        parser.add_argument(
            "--platform", choices=("xen_pvh", "xen-x86_64", "xen-i386"), default="xen_pvh", help="GRUB's platform: PVH, or PV of a width"
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")
    elif name == "image":
        parser.add_argument("files", nargs="+", metavar="FILE", help="a kernel image")
        parser.add_argument("--config", metavar="FILE", help="its configuration (else config-RELEASE beside it)")
        parser.add_argument("--system-map", metavar="FILE", help="its System.map")
        parser.add_argument("--format", choices=("text", "json"), default="text")
    elif name == "explain":
        parser.add_argument("id", nargs="?", metavar="ID", help="the check; without it all are listed")
    elif name == "demo":
        parser.add_argument("name", nargs="?", metavar="NAME", help="the example; --list shows them")
        parser.add_argument("--list", action="store_true", help="list the examples")


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", choices=("pvh", "pv"), help="the mode to judge (pvh)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text for people, json for programs")
    parser.add_argument("--deep", action="store_true", help="ask libmagic for a second opinion on every image")
    parser.add_argument("--skip", action="append", default=[], metavar="ID", help="leave a check out; this is a warning by itself")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever the verdict")


def _add_globals(parser: argparse.ArgumentParser, suppress: bool) -> None:
    """Global options stand before or after the command: the second place must not undo what the first one set."""

    def default(value: object) -> object:
        return argparse.SUPPRESS if suppress else value

    group = parser.add_argument_group("global options")
    group.add_argument("--root", action="append", metavar="DIR", default=default(None), help="a guest's file system mounted at DIR")
    group.add_argument(
        "--host", metavar="PROFILE", default=default("bitfolk"), help="the host's GRUB (bitfolk), as in debian-12 or debian-12+linux16"
    )
    group.add_argument(
        "--assume-guest", choices=("pv", "pvh", "hvm"), default=default(None), help="what the guest is, where it cannot be seen"
    )
    group.add_argument("--color", choices=("auto", "always", "never"), default=default("auto"))
    group.add_argument("-q", "--quiet", action="store_true", default=default(False), help="the verdict and the next step only")
    group.add_argument("-v", "--verbose", action="store_true", default=default(False), help="every remark")


def _run(argv: "List[str]") -> int:
    command = _command_in(argv)
    if command is None and not {"-h", "--help", "--version"}.intersection(argv):
        argv, command = _with_default(argv), _DEFAULT
    options = build_parser(command).parse_args(argv)
    from pvhready import commands

    return commands.run(options)


def _command_in(argv: "List[str]") -> "Optional[str]":
    at = _first_word(argv)
    return argv[at] if at < len(argv) and argv[at] in COMMANDS else None


def _with_default(argv: "List[str]") -> "List[str]":
    """Put ``check`` in front when no command was named. A word that is none is left to the parser, which complains of it."""
    return argv if _first_word(argv) < len(argv) else [_DEFAULT] + argv


def _first_word(argv: "List[str]") -> int:
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in _WITH_VALUE else 1
    return at


def _complain(text: str) -> None:
    sys.stderr.write("pvhready: {}\n".format(text.encode("ascii", "backslashreplace").decode("ascii")))


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "{}:{}".format(os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno) if trace else "?"
    return "{} at {}: {}".format(type(error).__name__, place, error)
