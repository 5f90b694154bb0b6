"""The commands ``test`` and ``[`` (GRUB: commands/test.c).

``-a`` binds stronger than ``-o``; what is no operator counts as true unless it is empty; nothing at all is true.
"""

from pvhready.grub.devices import DIRECTORY, FILE, Failure, Information
from pvhready.grub.numbers import Number, signed, unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Tuple

    from pvhready.grub.interpreter import Interpreter

_MAX_NESTING = 50


def evaluate(interpreter: "Interpreter", arguments: "List[str]") -> "Tuple[bool, int]":
    """Return what an expression comes to, and the error number of what is no number; a closing ``]`` is dropped."""
    if arguments and arguments[-1] == "]":
        arguments = arguments[:-1]
    expression = _Expression(interpreter, arguments)
    return expression.parse(0), expression.error


class _Expression:
    """One expression, read from left to right."""

    def __init__(self, interpreter: "Interpreter", arguments: "List[str]") -> None:
        self._interpreter = interpreter
        self._arguments = arguments
        self._at = 0
        self.error = 0

    def parse(self, depth: int) -> bool:
        """Evaluate up to the end or a closing parenthesis."""
        if depth > _MAX_NESTING:
            raise self._interpreter.limit("parentheses nested too deep")
        arguments = self._arguments
        any_before, all_here, inverted = False, True, False
        while self._at < len(arguments):
            word = arguments[self._at]
            value = self._operator()
            if value is None:
                self._at += 1
                if word == ")":
                    break
                if word == "!":
                    inverted = not inverted
                    continue
                if word == "-a":
                    continue
                if word == "-o":
                    any_before = any_before or all_here
                    all_here = True
                    continue
                value = self.parse(depth + 1) if word == "(" else bool(word)
            all_here = all_here and value != inverted
            inverted = False
        return any_before or all_here

    def _operator(self) -> "Optional[bool]":
        """Evaluate an operator with its operands, if one is here: three words first, then two."""
        left = len(self._arguments) - self._at
        if left > 2:
            first, name, second = self._arguments[self._at:self._at + 3]
            if name in _COMPARE:
                self._at += 3
                return _COMPARE[name](first, second)
            if name in _COMPARE_NUMBERS:
                self._at += 3
                return self._numbers(first, name, second)
            if name[:3] in ("-nt", "-ot"):
                self._at += 3
                return self._newer(first, name, second)
        if left > 1:
            name, operand = self._arguments[self._at:self._at + 2]
            if name in ("-d", "-e", "-f", "-s", "-n", "-z"):
                self._at += 2
                return self._single(name, operand)
        return None

    def _numbers(self, first: str, name: str, second: str) -> bool:
        versions = name in ("-plt", "-pgt")
        pair = (_after_common(first, second), _after_common(second, first)) if versions else (signed(first), signed(second))
        self.error = pair[1].error or pair[0].error or self.error
        return _COMPARE_NUMBERS[name](pair[0].value, pair[1].value)

    def _single(self, name: str, operand: str) -> bool:
        if name == "-n":
            return bool(operand)
        if name == "-z":
            return not operand
        information = self._information(operand)
        if information is None:
            return False
        if name == "-d":
            return information.kind == DIRECTORY
        if name == "-f":
            return information.kind != DIRECTORY
        if name == "-s":
            return information.kind == FILE and information.size > 0
        return True

    def _information(self, name: str) -> "Optional[Information]":
        """Look at a file. GRUB forgets what was no number then."""
        self.error = 0
        try:
            device, path = self._interpreter.locate(name)
        except Failure:
            return None
        path = path.rstrip("/")
        if "/" not in path:
            path = "/" + path
        return self._interpreter.devices.information(device, path) if path.startswith("/") else None

    def _newer(self, first: str, name: str, second: str) -> bool:
        one, other = self._information(first), self._information(second)
        if one is None or other is None:
            return one is not None if name.startswith("-nt") else other is not None
        time = one.modified + (signed(name[3:]).value if name[3:] else 0)
        return time > other.modified if name.startswith("-nt") else time < other.modified


def _after_common(text: str, other: str) -> Number:
    """Read the number where two names begin to differ, whole digits taken."""
    at = 0
    while at < len(text) and at < len(other) and text[at] == other[at]:
        at += 1
    at -= 1
    while at > 0 and text[at] in "0123456789":
        at -= 1
    return unsigned(text[at + 1:])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_COMPARE: "Dict[str, Callable[[str, str], bool]]" = {
    "=": lambda first, second: first == second,
    "==": lambda first, second: first == second,
    "!=": lambda first, second: first != second,
    "<": lambda first, second: _bytes(first) < _bytes(second),
    "<=": lambda first, second: _bytes(first) <= _bytes(second),
    ">": lambda first, second: _bytes(first) > _bytes(second),
    ">=": lambda first, second: _bytes(first) >= _bytes(second),
}
_COMPARE_NUMBERS: "Dict[str, Callable[[int, int], bool]]" = {
    "-eq": lambda first, second: first == second,
    "-ne": lambda first, second: first != second,
    "-lt": lambda first, second: first < second,
    "-le": lambda first, second: first <= second,
    "-gt": lambda first, second: first > second,
    "-ge": lambda first, second: first >= second,
    "-plt": lambda first, second: first < second,
    "-pgt": lambda first, second: first > second,
}
