"""Options of GRUB's commands (GRUB: lib/arg.c)."""

from pvhready.grub.devices import BAD_ARGUMENT, Failure
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence

FLAG = 0  # takes no value
OPTIONAL = 1  # takes one when it is there
VALUE = 2  # must have one


class Option(NamedTuple):
    """An option: its long name, its letter ("" for none), and whether it takes a value."""

    name: str
    letter: str
    takes: int = FLAG


class Parsed:
    """What was given: the values of each option (None where it had none), and the other arguments."""

    def __init__(self, given: "Dict[str, List[Optional[str]]]", rest: "List[str]") -> None:
        self.given = given
        self.rest = rest

    def has(self, name: str) -> bool:
        """Whether an option was given."""
        return name in self.given

    def value(self, name: str) -> "Optional[str]":
        """Return the last value of an option."""
        return self.given[name][-1] if name in self.given else None


def parse(options: "Sequence[Option]", arguments: "Sequence[str]", accept_dash: bool = False) -> Parsed:
    """Sort arguments. ``accept_dash``: what looks like an option and is none is an argument. Raises Failure."""
    given: Dict[str, List[Optional[str]]] = {}
    rest: List[str] = []
    queue = list(reversed(arguments))
    while queue:
        argument = queue.pop()
        if not argument.startswith("-") or argument == "-":
            rest.append(argument)
        elif argument == "--":
            rest.extend(reversed(queue))
            break
        elif argument.startswith("--"):
            _long(options, argument, queue, given, rest, accept_dash)
        else:
            _short(options, argument, queue, given, rest, accept_dash)
    return Parsed(given, rest)


def _long(
    options: "Sequence[Option]", argument: str, queue: "List[str]", given: "Dict[str, List[Optional[str]]]", rest: "List[str]",
    accept_dash: bool,
) -> None:
    name, equals, text = argument[2:].partition("=")
    value: Optional[str] = text if equals else None
    option = _find(options, name, 0)
    if option is None:
        if not accept_dash:
            raise Failure(BAD_ARGUMENT, "unknown argument `{}'.".format(argument))
        rest.append(argument)
        return
    if value is None and option.takes != FLAG and queue and not queue[-1].startswith("-"):
        value = queue.pop()
    _give(option, argument, value, given)


def _short(
    options: "Sequence[Option]", argument: str, queue: "List[str]", given: "Dict[str, List[Optional[str]]]", rest: "List[str]",
    accept_dash: bool,
) -> None:
    found = [(letter, _find(options, letter, 1)) for letter in argument[1:]]
    if accept_dash and any(option is None for _, option in found):
        rest.append(argument)
        return
    for index, (letter, option) in enumerate(found):
        if option is None:
            raise Failure(BAD_ARGUMENT, "unknown argument `-{}'.".format(letter))
        value: Optional[str] = None
        last = option.takes != FLAG and index == len(found) - 1 and bool(queue)
        if last and (option.takes == VALUE or len(queue[-1]) < 2 or not queue[-1].startswith("-")):
            value = queue.pop()
        _give(option, argument, value, given)


def _find(options: "Sequence[Option]", text: str, field: int) -> "Optional[Option]":
    for option in options:
        if option[field] == text:
            return option
    return None


def _give(option: Option, argument: str, value: "Optional[str]", given: "Dict[str, List[Optional[str]]]") -> None:
    if option.takes == VALUE and value is None:
        raise Failure(BAD_ARGUMENT, "missing mandatory option for `{}'.".format(option.name))
    if option.takes == FLAG and value is not None:
        raise Failure(
            BAD_ARGUMENT, "a value was assigned to the argument `{}' while it doesn't require an argument.".format(argument)
        )
    given.setdefault(option.name, []).append(value)
