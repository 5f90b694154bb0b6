"""From tokens to statements (GRUB: grub-core/script/parser.y).

The grammar is narrower than a shell's: no ``&&``, ``||``, pipes or bare blocks, no empty bodies, functions only at
the top of a unit. A unit with an error in it is dropped whole, and GRUB goes on with the next line.
"""

from pvhready.grub.lexer import ARGUMENTS, END, NEWLINE, WORD, WORDS, Lexer, Lines, SyntaxFault
from pvhready.grub.tokens import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple, Union

    from pvhready.grub.lexer import Word

    Node = Union["Command", "If", "For", "While"]
    Body = List[Node]

MAX_STATEMENTS = 300000  # in one script: more than an interpreter would run
MAX_NESTING = 60  # blocks and compound commands within each other; configurations have four or five
_STARTS = WORDS | frozenset(("if", "for", "while", "until"))


class TooLong(Exception):
    """The script has more than MAX_STATEMENTS."""


class Command:
    """A command line. ``block`` is the ``{ }`` that a menuentry carries."""

    __slots__ = ("words", "block", "line")

    def __init__(self, words: "Tuple[Word, ...]", block: "Optional[Body]", line: int) -> None:
        self.words = words
        self.block = block
        self.line = line


class If:
    """``if`` and its ``elif``: conditions, each with what runs when it is the first to hold; ``rest`` when none does."""

    __slots__ = ("branches", "rest", "line")

    def __init__(self, branches: "List[Tuple[Body, Body]]", rest: "Optional[Body]", line: int) -> None:
        self.branches = branches
        self.rest = rest
        self.line = line


class For:
    """``for name in words``."""

    __slots__ = ("name", "words", "body", "line")

    def __init__(self, name: str, words: "Tuple[Word, ...]", body: "Body", line: int) -> None:
        self.name = name
        self.words = words
        self.body = body
        self.line = line


class While:
    """``while``, or ``until``."""

    __slots__ = ("condition", "body", "until", "line")

    def __init__(self, condition: "Body", body: "Body", until: bool, line: int) -> None:
        self.condition = condition
        self.body = body
        self.until = until
        self.line = line


class Function:
    """A function's body, and where it was written."""

    __slots__ = ("name", "body", "line")

    def __init__(self, name: str, body: "Body", line: int) -> None:
        self.name = name
        self.body = body
        self.line = line


class Unit:
    """What GRUB parses and runs in one go: statements, the functions defined in between, or the error that drops it."""

    __slots__ = ("body", "functions", "fault")

    def __init__(self, body: "Body", functions: "List[Function]", fault: "Optional[SyntaxFault]") -> None:
        self.body = body
        self.functions = functions
        self.fault = fault


def parse(text: str, from_file: bool = True, first: int = 1) -> "List[Unit]":
    """Return the units of a script; ``first`` is the number of its first line. Raises TooLong."""
    return list(Parser(Lexer(Lines(text, from_file, first))).units())


class Parser:
    """Recursive descent that asks the lexer for a token exactly when GRUB's parser does."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._ahead = ""  # the kind of a token that was looked at and not yet taken
        self._depth = 0
        self._left = MAX_STATEMENTS
        self._functions: List[Function] = []

    def units(self) -> "Iterator[Unit]":
        """Yield each unit that holds something."""
        while self._lexer.begin():
            self._ahead = ""
            self._depth = 0
            self._functions = []
            fault: Optional[SyntaxFault] = None
            body: Body = []
            try:
                body = self._unit()
            except SyntaxFault as error:
                body, fault = [], error
            if body or self._functions or fault:
                self._left -= fault is not None
                if not self._left:
                    raise TooLong()
                yield Unit(body, self._functions, fault)

    def _peek(self) -> str:
        if not self._ahead:
            self._ahead = self._lexer.take()
        return self._ahead

    def _take(self) -> str:
        kind = self._ahead or self._lexer.take()
        self._ahead = ""
        return kind

    def _wrong(self) -> SyntaxFault:
        """Return the error for a token that the grammar has no place for."""
        self._peek()
        return SyntaxFault("syntax error.", self._lexer.number)

    def _expect(self, kind: str) -> None:
        if self._peek() != kind:
            raise self._wrong()
        self._ahead = ""

    def _name(self) -> str:
        name = str(self._lexer.word) if self._peek() == WORD else ""
        if not is_name(name):
            raise self._wrong()
        self._ahead = ""
        return name

    def _newlines(self) -> None:
        kind = self._ahead or self._lexer.take()
        while kind == NEWLINE:
            kind = self._lexer.take()
        self._ahead = kind

    def _delimiters(self) -> bool:
        """Take a delimiter and the newlines after it; False when there is none."""
        if self._peek() not in (";", NEWLINE):
            return False
        self._ahead = ""
        self._newlines()
        return True

    def _unit(self) -> "Body":
        body: Body = []
        self._newlines()
        while self._peek() != END:
            if self._peek() == "function":
                self._function()
            else:
                body.append(self._command())
            if not self._delimiters():
                raise self._wrong()
        return body

    def _function(self) -> None:
        self._ahead = ""
        line = self._lexer.number
        name = self._name()
        self._lexer.held += 1
        self._newlines()
        self._expect("{")
        body = self._commands()
        self._expect("}")
        self._lexer.held -= 1
        self._functions.append(Function(name, body, line))

    def _commands(self, delimited: bool = True) -> "Body":
        """Take commands up to a token that starts none; ``delimited``: a delimiter must stand before that token."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise SyntaxFault("memory exhausted.", self._lexer.number)
        self._newlines()
        body = [self._command()]
        while True:
            if not self._delimiters():
                if delimited:
                    raise self._wrong()
                break
            if self._peek() not in _STARTS:
                break
            body.append(self._command())
        self._depth -= 1
        return body

    def _command(self) -> "Node":
        self._left -= 1
        if not self._left:
            raise TooLong()
        kind = self._peek()
        if kind in WORDS:
            return self._simple()
        if kind == "if":
            return self._if()
        if kind == "for":
            return self._for()
        if kind in ("while", "until"):
            return self._while()
        raise self._wrong()

    def _arguments(self) -> "Tuple[Word, ...]":
        words: List[Word] = []
        lexer = self._lexer
        kind = self._peek()
        while kind in ARGUMENTS:
            words.append(lexer.word)
            words += lexer.words()
            kind = lexer.take()
        self._ahead = kind
        return tuple(words)

    def _simple(self) -> Command:
        line = self._lexer.number
        words = self._arguments()
        if self._ahead != "{":
            return Command(words, None, line)
        self._ahead = ""
        self._lexer.held += 1
        block = self._commands(delimited=False)
        self._expect("}")
        self._lexer.held -= 1
        return Command(words, block, line)

    def _if(self) -> If:
        self._lexer.held += 1
        self._ahead = ""
        line = self._lexer.number
        branches: List[Tuple[Body, Body]] = []
        rest: Optional[Body] = None
        while True:
            condition = self._commands()
            self._expect("then")
            branches.append((condition, self._commands()))
            if self._peek() != "elif":
                break
            self._ahead = ""
        if self._peek() == "else":
            self._ahead = ""
            rest = self._commands()
        self._expect("fi")
        self._lexer.held -= 1
        return If(branches, rest, line)

    def _for(self) -> For:
        self._ahead = ""
        line = self._lexer.number
        name = self._name()
        self._lexer.held += 1
        self._expect("in")
        words = self._arguments()
        if not self._delimiters():
            raise self._wrong()
        return For(name, words, self._loop(), line)

    def _while(self) -> While:
        until = self._take() == "until"
        line = self._lexer.number
        self._lexer.held += 1
        condition = self._commands()
        return While(condition, self._loop(), until, line)

    def _loop(self) -> "Body":
        self._expect("do")
        body = self._commands()
        self._expect("done")
        self._lexer.held -= 1
        return body
