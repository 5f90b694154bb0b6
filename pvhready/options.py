"""What can be said on the command line, as one table, and a quick reading of plain arguments.

argparse costs more than a check: it is asked, with a parser made from this table, for help, for complaints, and for whatever is
written in another way than ``COMMAND --option value``.
"""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

DEFAULT = "check"  # the command where none is named
SETTINGS_FILE = "/etc/pvhready.conf"  # of the running system: it says what the command line leaves open


class Option(NamedTuple):
    """An option. ``metavar`` or ``choices`` tell that it takes a value; ``repeated`` values make a list."""

    flags: "Tuple[str, ...]"
    help: str
    metavar: "Optional[str]" = None
    choices: "Optional[Tuple[str, ...]]" = None
    default: "Any" = None
    repeated: bool = False

    @property
    def name(self) -> str:
        """The attribute that holds its value."""
        return self.flags[-1].lstrip("-").replace("-", "_")

    @property
    def takes_value(self) -> bool:
        """Whether a word follows it."""
        return bool(self.metavar or self.choices)


class Command(NamedTuple):
    """A command. ``operands`` are (name, metavar, how many, help) of the words after its options, as argparse knows them."""

    help: str
    options: "Tuple[Option, ...]" = ()
    operands: "Tuple[Tuple[str, str, str, str], ...]" = ()


GLOBAL = (
    Option(("--root",), "a guest's file system mounted at DIR", "DIR", repeated=True),
    Option(("--host",), "the host's GRUB (bitfolk), as in debian-12 or debian-12+linux16", "PROFILE"),
    Option(("--assume-guest",), "what the guest is, where it cannot be seen", choices=("pv", "pvh", "hvm")),
    Option(("--color",), "when to use colours; auto is in a terminal only", choices=("auto", "always", "never"), default="auto"),
    Option(("-q", "--quiet"), "the verdict and the next step only", default=False),
    Option(("-v", "--verbose"), "every remark", default=False),
)
_FORMAT = Option(("--format",), "text for people, JSON for programs", choices=("text", "json"), default="text")
COMMANDS: "Dict[str, Command]" = {
    "check": Command(
        "judge the guest: does it come up under PVH (the default)",
        (
            Option(("--target",), "the mode to judge (pvh)", choices=("pvh", "pv")),
            _FORMAT._replace(help="text for people, the others for programs", choices=("text", "json", "nagios", "prometheus")),
            Option(("--deep",), "unpack every kernel, and hold what is in it against its header, configuration and package", default=False),
            Option(("--device",), "with --root: a device, disk or image that holds its file systems", "FILE", default=(), repeated=True),
            Option(("--skip",), "leave a check out; this is a warning by itself", "ID", default=(), repeated=True),
            Option(("--exit-zero",), "exit with 0 whatever the verdict", default=False),
        ),
    ),
    "kernels": Command("list the installed kernels and the modes they boot under", (_FORMAT,)),
    "entries": Command(
        "show the boot menu as the host's GRUB makes it, and the entry that boots next",
        (
            Option(
                ("--platform",), "GRUB's platform: PVH, or PV of a width", choices=("xen_pvh", "xen-x86_64", "xen-i386"), default="xen_pvh",
            ),
            _FORMAT,
        ),
    ),
    "image": Command(
        "judge kernel images by themselves, also those in package files that are not installed",
        (
            Option(("--config",), "its configuration (else config-RELEASE beside it)", "FILE"),
            Option(("--system-map",), "its System.map", "FILE"),
            Option(("--deep",), "unpack each image to its end, also where its configuration is there", default=False),
            _FORMAT,
        ),
        (("files", "FILE", "+", "a kernel image, a .deb or .rpm, or a folder of them"),),
    ),
    "plan": Command("the ordered steps that make this guest safe to switch, with the commands to type, and the way back", (_FORMAT,)),
    "undo": Command(
        "undo the decompression of kernels; without --apply only show what would be done",
        (
            Option(("--apply",), "do it", default=False),
            Option(("--yes",), "do not ask before it is done", default=False),
            Option(("--switching",), "the switch to the other mode comes right after it", default=False),
            Option(("--from",), "an image, .deb or .rpm that holds a packed kernel", "FILE", default=(), repeated=True),
            Option(("--keep-pv",), "keep the decompressed kernels for PV, beside the packed ones for PVH", default=False),
            Option(("--revert",), "put back what the undo replaced", default=False),
            Option(("--resume",), "finish a run that was interrupted", default=False),
            Option(("--abandon",), "take back a run that was interrupted", default=False),
            _FORMAT,
        ),
    ),
    "exporter": Command(
        "serve the metrics over HTTP for Prometheus, or write them to a file once",
        (
            Option(("--listen",), "the address and port (127.0.0.1:9843)", "ADDRESS"),
            Option(("--interval",), "how often the result is renewed (60); also when a file has changed", "SECONDS"),
            Option(("--web-config",), "TLS and passwords, in the format of Prometheus' exporter-toolkit", "FILE"),
            Option(("--textfile",), "write the metrics to FILE, for node exporter, and end", "FILE"),
        ),
    ),
    "fleet": Command(
        "merge the JSON reports of many machines into one table, one JSON document or one page",
        (
            _FORMAT._replace(help="a table for people, JSON for programs, a page for browsers", choices=("text", "json", "html")),
            Option(("--exit-verdict",), "exit with the code of the worst report, as check does", default=False),
        ),
        (("reports", "REPORT", "+", "a report, named after its machine, or a folder of them"),),
    ),
    "explain": Command(
        "tell what a check looks at, why, and how to mend it", (), (("id", "ID", "?", "the check; without it all are listed"),),
    ),
    "demo": Command(
        "make an example guest in a temporary folder and check it",
        (Option(("--list",), "list the examples", default=False),),
        (("name", "NAME", "?", "the example; --list shows them"),),
    ),
    "hook": Command(
        "what package managers call when kernels come and go; it speaks when something is wrong, and ends with 0",
        (),
        (("kind", "KIND", "?", "the hook: kernel-postinst, apt, apt-pre-install, kernel-install, dnf or rpm-trigger"),
         ("arguments", "ARG", "...", "what the package manager tells it")),
    ),
}


class Options:
    """What the user wants: ``command``, and the value of each of its options by name."""

    def __init__(self, values: "Dict[str, Any]") -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> "Any": ...

        def __setattr__(self, name: str, value: "Any") -> None: ...


def first_word(argv: "Sequence[str]") -> int:
    """Return where the first word stands that is neither an option nor its value; the number of words where none is."""
    options = [option for command in COMMANDS.values() for option in command.options] + list(GLOBAL)
    with_value = {flag for option in options if option.takes_value for flag in option.flags}
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in with_value else 1
    return min(at, len(argv))


def read_plain(argv: "Sequence[str]") -> "Optional[Options]":
    """Return what ``COMMAND --option value ...`` says, or None where that takes argparse: help, mistakes, other ways to write it."""
    name, words = (argv[0], list(argv[1:])) if argv and argv[0] in COMMANDS else (DEFAULT, list(argv))
    if name == "hook":
        return _read_hook(words)
    if COMMANDS[name].operands:
        return None
    table = GLOBAL + COMMANDS[name].options
    values: Dict[str, Any] = {option.name: list(option.default) if option.default == () else option.default for option in table}
    by_flag = {flag: option for option in table for flag in option.flags}
    words.reverse()
    while words:
        option = by_flag.get(words.pop())
        if option is None or not _take(option, words, values):
            return None
    return Options(dict(values, command=name))


def _read_hook(words: "List[str]") -> "Optional[Options]":
    """What a hook is called with by package managers, whose runs wait for it: words, none of which looks like an option."""
    if not words or any(word.startswith("-") for word in words):
        return None
    values = {option.name: option.default for option in GLOBAL}
    return Options(dict(values, command="hook", kind=words[0], arguments=words[1:]))


def _take(option: Option, words: "List[str]", values: "Dict[str, Any]") -> bool:
    """Note an option with the word after it, if it takes one. False when that word is missing or not plainly a value."""
    if not option.takes_value:
        values[option.name] = True
        return True
    word = words.pop() if words else ""
    if not word or word.startswith("-") or (option.choices and word not in option.choices):
        return False
    values[option.name] = (values[option.name] or []) + [word] if option.repeated else word
    return True
