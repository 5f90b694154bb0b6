"""Extended regular expressions for GRUB's ``regexp`` command, matched in bounded time.

Python's own matcher may take forever over a hostile expression. This one follows all possibilities side by side,
so that its work is at most the product of the two lengths. Of the leftmost matches it takes the longest.
"""

from pvhready.grub.devices import NotKnown
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Tuple

    _Test = Callable[[str], bool]
    _Spans = Tuple[int, ...]
    _Thread = Tuple[int, _Spans]  # the next instruction, and what the groups hold so far

MAX_REPEATS = 255  # RE_DUP_MAX
MAX_NESTING = 30
MAX_PROGRAM = 5000
MAX_EXPRESSION = 10000  # characters
MAX_MEMBERS = 300  # of a bracket

_GNU = frozenset("123456789wWsSbB<>`'")  # what a backslash makes an operator of
_REPEATS = frozenset("*+?{")
_TEST, _SPLIT, _JUMP, _SAVE, _START, _END, _MATCH = range(7)
_CLASSES: "Dict[str, _Test]" = {
    "alpha": lambda char: char.isalpha() and char < "\x80", "digit": lambda char: char in "0123456789",
    "alnum": lambda char: char.isalnum() and char < "\x80", "upper": lambda char: "A" <= char <= "Z",
    "lower": lambda char: "a" <= char <= "z", "space": lambda char: char in " \t\n\r\f\v", "blank": lambda char: char in " \t",
    "xdigit": lambda char: char in "0123456789abcdefABCDEF", "print": lambda char: " " <= char <= "~",
    "graph": lambda char: "!" <= char <= "~", "punct": lambda char: "!" <= char <= "~" and not char.isalnum(),
    "cntrl": lambda char: char < " " or char == "\x7f",
}


class _Step(NamedTuple):
    """An instruction: what to do, where to go on (two places for _SPLIT, the first preferred), what a character must be."""

    action: int
    first: int = 0
    second: int = 0
    test: "Optional[_Test]" = None


class _Invalid(Exception):
    """GRUB's regcomp would refuse the expression."""


def search(expression: str, text: str, step: "Callable[[int], None]") -> "Optional[List[Optional[str]]]":
    """Return the groups of the leftmost match, the whole first; None for no match or an invalid expression.

    ``step`` is told how much work was done, and may raise. Raises NotKnown for what is not followed here: expressions
    that are very long, back references, and GNU's ``\\w`` and the like.
    """
    if len(expression) > MAX_EXPRESSION:
        raise _not_followed(expression)
    try:
        compiler = _Compiler(expression)
        program = compiler.program()
    except _Invalid:
        return None
    step(len(program) >> 2)
    spans = _run(program, compiler.groups, text, step)
    if spans is None:
        return None
    pairs = [(spans[2 * index], spans[2 * index + 1]) for index in range(compiler.groups + 1)]
    return [text[start:end] if start >= 0 and end >= 0 else None for start, end in pairs]


def _not_followed(expression: str) -> NotKnown:
    return NotKnown("regexp '{}'".format(expression[:60]), "this regular expression is not followed")


class _Compiler:
    """From an expression to instructions."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0
        self._depth = 0
        self.groups = 0

    def program(self) -> "List[_Step]":
        """Return the whole program."""
        body = self._choice()
        if self._at < len(self._text):
            raise _Invalid()
        return [_Step(_SAVE, 0)] + body + [_Step(_SAVE, 1), _Step(_MATCH)]

    def _next(self) -> str:
        return self._text[self._at:self._at + 1]

    def _choice(self) -> "List[_Step]":
        """Instructions jump by relative places, so that pieces can be moved and copied."""
        left = self._sequence()
        while self._next() == "|":
            self._at += 1
            right = self._sequence()
            left = [_Step(_SPLIT, 1, len(left) + 2)] + left + [_Step(_JUMP, len(right) + 1)] + right
            if len(left) > MAX_PROGRAM:
                raise _not_followed(self._text)
        return left

    def _sequence(self) -> "List[_Step]":
        steps: List[_Step] = []
        while self._next() and self._next() != "|" and not (self._next() == ")" and self._depth):
            steps.extend(self._repeated(self._atom()))
            if len(steps) > MAX_PROGRAM:
                raise _not_followed(self._text)
        return steps

    def _repeated(self, atom: "List[_Step]") -> "List[_Step]":
        while True:
            char = self._next()
            if char == "*":
                low, high = 0, -1
            elif char == "+":
                low, high = 1, -1
            elif char == "?":
                low, high = 0, 1
            elif char == "{":
                low, high = self._bounds()
                if low != high and self._is_group_of_nothing(atom):
                    raise _not_followed(self._text)  # GRUB's matcher has no one answer to what such a group holds
            else:
                return atom
            self._at += 1
            atom = self._times(atom, low, high)

    def _is_group_of_nothing(self, atom: "List[_Step]") -> bool:
        """Whether a piece has a group and can match the empty text."""
        if not any(step.action == _SAVE for step in atom):
            return False
        return _run([_Step(_SAVE, 0)] + atom + [_Step(_MATCH)], self.groups, "", lambda cost: None) is not None

    def _bounds(self) -> "Tuple[int, int]":
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1:max(end, self._at)].partition(",")
        if end < 0 or not _is_number(low or "0") or not _is_number(high or "0") or not (low or comma) or max(len(low), len(high)) > 3:
            raise _Invalid()
        self._at = end
        bounds = int(low or "0"), (int(high) if high else -1) if comma else int(low)
        if max(bounds) > MAX_REPEATS or 0 <= bounds[1] < bounds[0]:
            raise _Invalid()
        return bounds

    def _times(self, atom: "List[_Step]", low: int, high: int) -> "List[_Step]":
        if len(atom) * max(low, high, 1) > MAX_PROGRAM:
            raise _not_followed(self._text)
        steps = atom * low
        if high < 0:
            return steps + [_Step(_SPLIT, 1, len(atom) + 2)] + atom + [_Step(_JUMP, -len(atom) - 1)]
        for _ in range(high - low):
            steps = steps + [_Step(_SPLIT, 1, len(atom) + 1)] + atom
        return steps

    def _atom(self) -> "List[_Step]":
        char = self._next()
        self._at += 1
        if char == "(":
            return self._group()
        if char == "[":
            return [_Step(_TEST, test=self._bracket())]
        if char == ".":
            return [_Step(_TEST, test=lambda other: True)]
        if char in "^$":
            if self._next() in _REPEATS:
                raise _Invalid()
            return [_Step(_START if char == "^" else _END)]
        if char in _REPEATS:
            raise _Invalid()
        if char == "\\":
            char = self._next()
            self._at += 1
            if not char:
                raise _Invalid()
            if char in _GNU:
                raise _not_followed(self._text)
        return [_Step(_TEST, test=char.__eq__)]

    def _group(self) -> "List[_Step]":
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise _not_followed(self._text)
        self.groups += 1
        number = self.groups
        body = self._choice()
        if self._next() != ")":
            raise _Invalid()
        self._at += 1
        self._depth -= 1
        return [_Step(_SAVE, 2 * number)] + body + [_Step(_SAVE, 2 * number + 1)]

    def _bracket(self) -> "_Test":
        inverted = self._next() == "^"
        self._at += inverted
        tests: List[_Test] = []
        first = True
        while first or self._next() != "]":
            if not self._next():
                raise _Invalid()
            tests.append(self._member())
            first = False
            if len(tests) > MAX_MEMBERS:
                raise _not_followed(self._text)
        self._at += 1
        return lambda char: any(test(char) for test in tests) != inverted

    def _member(self) -> "_Test":
        text, at = self._text, self._at
        if text.startswith("[:", at):
            end = text.find(":]", at)
            name = text[at + 2:end] if end >= 0 else ""
            if name not in _CLASSES:
                raise _Invalid()
            self._at = end + 2
            return _CLASSES[name]
        if text.startswith(("[.", "[="), at):
            raise _not_followed(text) if text.find(text[at + 1] + "]", at + 2) >= 0 else _Invalid()
        low = text[at]
        if text[at + 1:at + 2] == "-" and text[at + 2:at + 3] not in ("", "]"):
            high = text[at + 2]
            self._at = at + 3
            if high < low:
                raise _Invalid()
            return lambda char: low <= char <= high
        self._at = at + 1
        return low.__eq__


def _is_number(text: str) -> bool:
    return bool(text) and not text.strip("0123456789")


def _run(program: "List[_Step]", groups: int, text: str, step: "Callable[[int], None]") -> "Optional[_Spans]":
    """Follow all threads over the text; return the spans of the leftmost longest match."""
    best: Optional[_Spans] = None
    threads: List[_Thread] = []
    empty = (-1,) * (2 * groups + 2)
    for at in range(len(text) + 1):
        if best is None:
            threads.append((0, empty))
        waiting, match, work = _settle(program, threads, at, len(text))
        step(1 + (work * (8 + groups) >> 3))
        if match is not None and (best is None or match[0] <= best[0]):
            best = match
        threads = []
        for place, spans in waiting:
            test = program[place].test
            if at < len(text) and test is not None and test(text[at]) and (best is None or spans[0] <= best[0]):
                threads.append((place + 1, spans))
        if best is not None and not threads:
            break
    return best


def _settle(program: "List[_Step]", threads: "List[_Thread]", at: int, length: int) -> "Tuple[List[_Thread], Optional[_Spans], int]":
    """Move threads on to where each needs a character; return those, a match that ends here, and how many steps were looked at."""
    waiting: List[_Thread] = []
    match: Optional[_Spans] = None
    seen = set()
    stack = threads[::-1]
    while stack:
        place, spans = stack.pop()
        if place in seen:
            continue
        seen.add(place)
        action, first, second, _ = program[place]
        if action == _TEST:
            waiting.append((place, spans))
        elif action == _MATCH:
            match = match or spans
        elif action == _JUMP:
            stack.append((place + first, spans))
        elif action == _SPLIT:
            stack.append((place + second, spans))
            stack.append((place + first, spans))
        elif action == _SAVE:
            stack.append((place + 1, spans[:first] + (at,) + spans[first + 1:]))
        elif (action == _START and at == 0) or (action == _END and at == length):
            stack.append((place + 1, spans))
    return waiting, match, len(seen)
