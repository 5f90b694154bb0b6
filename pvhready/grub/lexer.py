"""From the text of a GRUB script to tokens (GRUB: grub-core/script/yylex.l and lexer.c).

GRUB reads a script line by line. A line is a unit of its own unless a block, a compound command, a quotation or a
backslash at its end holds it open; so the lexer asks for a further line only when GRUB would.

A word becomes a ``str`` when its value is fixed, else a tuple of pieces. The text of a CONSTANT piece carries
GRUB's own escapes: a backslash before what must not be taken for a wildcard.
"""

import re
from typing import List, NamedTuple, Optional, Tuple, Union

CONSTANT = 0  # text, escaped
VARIABLE = 1  # $x: split on blanks
QUOTED = 2  # "$x": not split
GETTEXT = 3  # $"...": variables inside are put in when it is run

Piece = Tuple[int, str]
Word = Union[str, Tuple[Piece, ...]]

END = "end"
WORD = "word"
MADE = "made"  # a word with a quotation, a backslash or a variable in it: never a name
NEWLINE = "\n"
KEYWORDS = frozenset(
    ("case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "select", "then", "until", "while", "function")
)
# What the grammar knows besides words; && || ;; | & < > [[ ]] are tokens that it has no rule for.
_SPECIAL = KEYWORDS | frozenset(("{", "}", ";", ";;", "&&", "||", "|", "&", "<", ">", "[[", "]]"))

_PLAIN_TOKENS = re.compile(r"[^{}|&;<> \t]+|\|\||&&|;;|[{}|&;<>]")
_BLANKS = re.compile(r"[ \t]*")
_TEXT = re.compile("[^{}|&$;<> \t\n'\"\\\\]+")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@]")
_BRACED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])\}")
_IN_DOUBLE = re.compile('[^"$\\\\]+')
_IN_GETTEXT = re.compile('[^"\\\\]+')


class SyntaxFault(Exception):
    """The statement is not GRUB script. ``text`` is what GRUB prints, ``line`` where it noticed."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


class Token(NamedTuple):
    """A token: its kind (WORD, MADE, END, NEWLINE, or the keyword or sign itself), its word, and its line."""

    kind: str
    word: Word
    line: int


class Lines:
    """The lines of a script, as GRUB's reader hands them out.

    From a file, carriage returns vanish, a line ends at a NUL, and lines that begin with ``#`` are left out, even
    inside a quotation (GRUB: normal/main.c, read_config_file_getline). ``from_file=False`` is for text that a
    command runs, where nothing is left out.
    """

    def __init__(self, text: str, from_file: bool = True, first: int = 1) -> None:
        if from_file:
            text = text.replace("\r", "")
        self._lines = text.split("\n")
        if from_file:
            if "\0" in text:
                self._lines = [line.partition("\0")[0] for line in self._lines]
            if not self._lines[-1]:
                self._lines.pop()
        self._from_file = from_file
        self._next = 0
        self._first = first
        self.number = first

    def take(self) -> Optional[str]:
        """Return the next line without its newline, or None at the end. ``number`` is then its number."""
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self.number = self._first + self._next
            self._next += 1
            if not (self._from_file and line.startswith("#")):
                return line
        return None


class Lexer:
    """Tokens of one unit after another. ``held`` counts what holds the unit open: then a line's end is not the unit's."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._line = ""
        self._at = 0
        self._queue = []  # type: List[str]
        self._magic = False
        self.number = lines.number
        self.held = 0

    def begin(self) -> bool:
        """Drop what is left of the current line and start a unit with the next one. False at the end of the script."""
        self.held = 0
        self._queue = []
        self._line = ""
        self._at = 0
        return self._load()

    def take(self) -> Token:
        """Return the next token. Raises SyntaxFault for what is no token, and for an end inside an open unit."""
        while True:
            if self._queue:
                return self._plain()
            if self._at < len(self._line):
                token = self._complex()
                if token is not None:
                    return token
            elif not self.held:
                return Token(END, "", self.number)
            elif not self._load():
                raise SyntaxFault("out of memory.", self.number)

    def _load(self) -> bool:
        line = self._lines.take()
        if line is None:
            return False
        self.number = self._lines.number
        if "'" in line or '"' in line or "\\" in line or "$" in line:
            self._line = line + "\n"
            self._at = 0
            return True
        tokens = _PLAIN_TOKENS.findall(line) if line else []
        if "#" in line:
            tokens = _without_comment(tokens, line)
        tokens.append(NEWLINE)
        tokens.reverse()
        self._queue = tokens
        self._magic = "*" in line or "?" in line
        self._line = ""
        self._at = 0
        return True

    def _plain(self) -> Token:
        text = self._queue.pop()
        if text == NEWLINE or text in _SPECIAL:
            return Token(text, text, self.number)
        if self._magic and text[0] in "/(*" and ("*" in text or "?" in text):
            return Token(WORD, ((CONSTANT, text),), self.number)
        return Token(WORD, text, self.number)

    def _complex(self) -> Optional[Token]:
        """Return the token at this place of a line that has quotations, variables or backslashes; None for a blank or comment."""
        line = self._line
        at = _BLANKS.match(line, self._at).end()  # type: ignore[union-attr]
        char = line[at]
        if char == "#":
            # Longer than any word that could begin here, so GRUB's lexer takes it for a comment.
            self._at = line.index("\n", at)
            return None
        if char == "\n":
            self._at = at + 1
            return Token(NEWLINE, char, self.number)
        if char in "{}|&;<>":
            text = line[at:at + 2] if line[at:at + 2] in ("||", "&&", ";;") else char
            self._at = at + len(text)
            return Token(text, text, self.number)
        self._at = at
        text = _text_at(line, at)
        end = at + len(text)
        if text and line[end] not in "$'\"\\":
            self._at = end
            if text in _SPECIAL:
                return Token(text, text, self.number)
            return Token(WORD, _settle([(CONSTANT, text)]), self.number)
        number = self.number
        return Token(MADE, _settle(self._word()), number)

    def _word(self) -> List[Piece]:
        pieces = []  # type: List[Piece]
        started = self._at
        while True:
            text = _text_at(self._line, self._at)
            if text:
                pieces.append((CONSTANT, text))
                self._at += len(text)
            char = self._line[self._at]
            if char == "'":
                self._single(pieces)
            elif char == '"':
                self._double(pieces)
            elif char == "\\":
                self._backslash(pieces)
            elif char == "$":
                if self._line.startswith('$"', self._at):
                    self._gettext(pieces)
                elif not self._variable(pieces, VARIABLE):
                    if pieces or self._at > started:
                        return pieces
                    raise SyntaxFault("$.", self.number)
            else:
                return pieces
            started = -1

    def _more(self) -> None:
        """Go on with the next line inside a word, which GRUB asks for whether or not the unit is held open."""
        line = self._lines.take()
        if line is None:
            raise SyntaxFault("out of memory.", self.number)
        self.number = self._lines.number
        self._line = line + "\n"
        self._at = 0

    def _backslash(self, pieces: List[Piece]) -> None:
        following = self._line[self._at + 1]
        self._at += 2
        if following == "\n":
            self._more()
        else:
            pieces.append((CONSTANT, "\\" + following))

    def _single(self, pieces: List[Piece]) -> None:
        self._at += 1
        parts = []  # type: List[str]
        end = self._line.find("'", self._at)
        while end < 0:
            parts.append(self._line[self._at:])
            self._more()
            end = self._line.find("'")
        parts.append(self._line[self._at:end])
        self._at = end + 1
        pieces.append((CONSTANT, escape("".join(parts))))

    def _double(self, pieces: List[Piece]) -> None:
        self._at += 1
        pieces.append((CONSTANT, ""))
        fault = None  # type: Optional[SyntaxFault]
        while True:
            if self._at >= len(self._line):
                self._more()
            found = _IN_DOUBLE.match(self._line, self._at)
            if found:
                pieces.append((CONSTANT, escape(found.group())))
                self._at = found.end()
                continue
            char = self._line[self._at]
            if char == '"':
                self._at += 1
                if fault:
                    raise fault
                return
            if char == "$":
                if not self._variable(pieces, QUOTED):
                    # GRUB looks for the closing quotation mark before it looks inside.
                    fault = fault or SyntaxFault("syntax error.", self.number)
                    self._at += 1
                continue
            following = self._line[self._at + 1]
            self._at += 2
            if following in '$\\"':
                pieces.append((CONSTANT, escape(following)))
            elif following != "\n":
                pieces.append((CONSTANT, escape("\\" + following)))

    def _gettext(self, pieces: List[Piece]) -> None:
        self._at += 2
        parts = []  # type: List[str]
        while True:
            if self._at >= len(self._line):
                self._more()
            found = _IN_GETTEXT.match(self._line, self._at)
            if found:
                parts.append(found.group())
                self._at = found.end()
            elif self._line[self._at] == '"':
                self._at += 1
                pieces.append((GETTEXT, "".join(parts)))
                return
            else:
                following = self._line[self._at + 1]
                self._at += 2
                parts.append({"\\": "\\\\", '"': '"', "\n": ""}.get(following, "\\" + following))

    def _variable(self, pieces: List[Piece], kind: int) -> bool:
        """Take a variable at a dollar sign; False when none is there."""
        found = _VARIABLE.match(self._line, self._at + 1) or _BRACED.match(self._line, self._at + 1)
        if not found:
            return False
        pieces.append((kind, found.group().strip("{}")))
        self._at = found.end()
        return True


def is_name(word: Word) -> bool:
    """Whether a word can name a function or the variable of a loop."""
    return isinstance(word, str) and bool(_NAME.match(word)) and _NAME.match(word).end() == len(word)  # type: ignore[union-attr]


def escape(text: str) -> str:
    """Return the text with a backslash before each backslash and wildcard."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "*" in text:
        text = text.replace("*", "\\*")
    if "?" in text:
        text = text.replace("?", "\\?")
    return text


def unescape(text: str) -> str:
    """Return the text without the backslashes that ``escape`` or the script's author put in."""
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\", "") for part in parts)


def has_wildcard(text: str) -> bool:
    """Whether an escaped text is a pattern for names of files or devices (GRUB: commands/wildcard.c)."""
    if not text or text[0] not in "/(*" or ("*" not in text and "?" not in text):
        return False
    bare = text.replace("\\\\", "").replace("\\*", "").replace("\\?", "")
    return "*" in bare or "?" in bare


def _text_at(line: str, at: int) -> str:
    found = _TEXT.match(line, at)
    return found.group() if found else ""


def _without_comment(tokens: List[str], line: str) -> List[str]:
    """Cut at the first token that begins with ``#``."""
    for index, token in enumerate(tokens):
        if token[0] == "#":
            return tokens[:index]
    return tokens


def _settle(pieces: List[Piece]) -> Word:
    """Return a fixed word as a string, and any other as its pieces, with neighbouring constants joined."""
    if len(pieces) == 1 and pieces[0][0] == CONSTANT:
        text = pieces[0][1]
        return pieces_of(text) if has_wildcard(text) else unescape(text)
    joined = []  # type: List[Piece]
    run = []  # type: List[str]
    for kind, text in pieces:
        if kind == CONSTANT:
            run.append(text)
            continue
        if run:
            joined.append((CONSTANT, "".join(run)))
            run = []
        joined.append((kind, text))
    if run:
        joined.append((CONSTANT, "".join(run)))
    if len(pieces) > 1 and len(joined) == 1 and joined[0][0] == CONSTANT:
        return _settle(joined)
    return tuple(joined)


def pieces_of(text: str) -> Tuple[Piece, ...]:
    """Return an escaped text as the single piece of a word."""
    return ((CONSTANT, text),)
