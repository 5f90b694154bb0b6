"""From the text of a GRUB script to tokens (GRUB: grub-core/script/yylex.l and lexer.c).

GRUB reads a script line by line. A line is a unit of its own unless a block, a compound command, a quotation or a
backslash at its end holds it open; so the lexer asks for a further line only when GRUB would.

A word becomes a ``str`` when its value is fixed, else a tuple of pieces. The text of a CONSTANT piece carries
GRUB's own escapes: a backslash before what must not be taken for a wildcard.
"""

from pvhready.grub.tokens import LOOSE, STOPS, find_any, name_end, tokens_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple, Union

    Piece = Tuple[int, str]
    Word = Union[str, Tuple[Piece, ...]]
    Token = Tuple[str, Word]  # its kind, as Lexer.take returns it, and its word

CONSTANT = 0  # text, escaped
VARIABLE = 1  # $x: split on blanks
QUOTED = 2  # "$x": not split
GETTEXT = 3  # $"...": variables inside are put in when it is run

END = "end"
WORD = "word"
MADE = "made"  # a word with a quotation, a backslash or a variable in it: never a name
NEWLINE = "\n"
KEYWORDS = frozenset(
    ("case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "select", "then", "until", "while", "function")
)
# What the grammar knows besides words; && || ;; | & < > [[ ]] are tokens that it has no rule for.
_SPECIAL = KEYWORDS | frozenset(("{", "}", ";", ";;", "&&", "||", "|", "&", "<", ">", "[[", "]]", NEWLINE))
WORDS = frozenset((WORD, MADE))
ARGUMENTS = WORDS | KEYWORDS
_DOUBLE_STOPS = frozenset('"$\\')


class SyntaxFault(Exception):
    """The statement is not GRUB script. ``text`` is what GRUB prints, ``line`` where it noticed."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


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

    def take(self) -> "Optional[str]":
        """Return the next line without its newline, or None at the end. ``number`` is then its number."""
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self.number = self._first + self._next
            self._next += 1
            if not (self._from_file and line.startswith("#")):
                return line
        return None


class Lexer:
    """Tokens of one unit after another. ``held`` counts what holds the unit open: then a line's end is not the unit's.

    After ``take``, ``word`` is the token's word and ``number`` the line that it ends on.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._line = ""
        self._at = 0
        self._queue: List[Token] = []  # of the current line, the next one last
        self._known_texts: Dict[str, Token] = {}
        self._tokens: Dict[str, Optional[List[Token]]] = {}  # of lines, which entries of a menu have in common
        self._fault: Optional[SyntaxFault] = None
        self.word: Word = ""
        self.number = lines.number
        self.held = 0

    def begin(self) -> bool:
        """Drop what is left of the current line and start a unit with the next one. False at the end of the script."""
        self.held = 0
        self._queue = []
        self._line = ""
        self._at = 0
        return self._load()

    def take(self) -> str:
        """Return the kind of the next token: WORD, MADE, END, NEWLINE, or the keyword or sign itself.

        Raises SyntaxFault for what is no token, and for an end inside an open unit.
        """
        while True:
            if self._queue:
                kind, self.word = self._queue.pop()
                return kind
            if self._at < len(self._line):
                kind = self._slow()
                if kind:
                    return kind
            elif not self.held:
                return END
            elif not self._load():
                raise SyntaxFault("out of memory.", self.number)

    def words(self) -> "List[Word]":
        """Take the arguments that come next on this line, as far as they are known already."""
        queue = self._queue
        words: List[Word] = []
        while queue and queue[-1][0] in ARGUMENTS:
            words.append(queue.pop()[1])
        return words

    def _load(self) -> bool:
        line = self._lines.take()
        if line is None:
            return False
        self.number = self._lines.number
        self._at = 0
        self._line = ""
        if line in self._tokens:
            known = self._tokens[line]
        else:
            known = self._tokens[line] = self._known(line)
        if known is None:
            self._line = line + "\n"
        else:
            self._queue = list(known)
        return True

    def _known(self, line: str) -> "Optional[List[Token]]":
        """Return the tokens of a line, the last one first; None when it must be read piece by piece."""
        texts = tokens_of(line)
        if texts is None:
            return None
        texts.append(NEWLINE)
        texts.reverse()
        try:
            return [self._token(text) for text in texts]
        except SyntaxFault:
            return None  # which comes again where the word is taken

    def _token(self, text: str) -> "Token":
        token = self._known_texts.get(text)
        if token is None:
            if text in _SPECIAL:
                token = text, text
            else:
                word = self._made(text)
                token = (WORD if text == word else MADE), word
            self._known_texts[text] = token
        return token

    def _made(self, text: str) -> "Word":
        """Return the word that a text stands for. Raises SyntaxFault for a dollar sign inside quotes that is no variable's."""
        if LOOSE.isdisjoint(text):
            return pieces_of(text) if has_wildcard(text) else text
        if text[0] == "'" and text.find("'", 1) == len(text) - 1:
            return text[1:-1]
        self._line, self._at = text + "\n", 0
        try:
            return _settle(self._word())
        finally:
            self._line, self._at = "", 0

    def _slow(self) -> str:
        """Return the kind of the next token of a line on which a quotation does not end; "" for blanks and comments."""
        line = self._line
        while line[self._at] in " \t":
            self._at += 1
        char = self.word = line[self._at]
        if char == "#":
            # Longer than any word that could begin here, so GRUB's lexer takes it for a comment.
            self._at = len(line) - 1
            return ""
        if char in "{}|&;<>\n":
            text = line[self._at:self._at + 2]
            self.word = text if text in ("||", "&&", ";;") else char
            self._at += len(self.word)
            return self.word
        text = self._text()
        end = self._at + len(text)
        if text and line[end] not in LOOSE:
            self._at = end
            self.word = pieces_of(text) if has_wildcard(text) else text
            return text if text in _SPECIAL else WORD
        self.word = _settle(self._word())
        return MADE

    def _text(self) -> str:
        return self._line[self._at:find_any(self._line, self._at, STOPS)]

    def _word(self) -> "List[Piece]":
        """Take a word. GRUB finds its end, over as many lines as that takes, before it looks inside."""
        self._fault = None
        pieces = self._pieces()
        if self._fault:
            raise self._fault
        return pieces

    def _pieces(self) -> "List[Piece]":
        pieces: List[Piece] = []
        started = self._at
        plain = 0  # where text without quotes begins
        while True:
            text = self._text()
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
                    self._gettext(pieces, plain)
                elif not self._variable(pieces, VARIABLE):
                    if pieces or self._at > started:
                        return pieces
                    raise SyntaxFault("$.", self.number)
            else:
                return pieces
            if char != "\\":
                plain = len(pieces)
            started = -1

    def _more(self) -> None:
        """Go on with the next line inside a word, which GRUB asks for whether or not the unit is held open."""
        line = self._lines.take()
        if line is None:
            raise SyntaxFault("out of memory.", self.number)
        self.number = self._lines.number
        self._line = line + "\n"
        self._at = 0

    def _backslash(self, pieces: "List[Piece]") -> None:
        following = self._line[self._at + 1]
        self._at += 2
        if following == "\n":
            self._more()
        else:
            pieces.append((CONSTANT, "\\" + following))

    def _single(self, pieces: "List[Piece]") -> None:
        self._at += 1
        parts: List[str] = []
        end = self._line.find("'", self._at)
        while end < 0:
            parts.append(self._line[self._at:])
            self._more()
            end = self._line.find("'")
        parts.append(self._line[self._at:end])
        self._at = end + 1
        pieces.append((CONSTANT, escape("".join(parts))))

    def _double(self, pieces: "List[Piece]") -> None:
        self._at += 1
        pieces.append((CONSTANT, ""))
        while True:
            if self._at >= len(self._line):
                self._more()
            end = find_any(self._line, self._at, _DOUBLE_STOPS)
            if end > self._at:
                pieces.append((CONSTANT, escape(self._line[self._at:end])))
                self._at = end
                continue
            char = self._line[self._at]
            if char == '"':
                self._at += 1
                return
            if char == "$":
                if not self._variable(pieces, QUOTED):
                    self._fault = self._fault or SyntaxFault("syntax error.", self.number)
                    self._at += 1
                continue
            following = self._line[self._at + 1]
            self._at += 2
            if following in '$\\"':
                pieces.append((CONSTANT, escape(following)))
            elif following != "\n":
                pieces.append((CONSTANT, escape("\\" + following)))

    def _gettext(self, pieces: "List[Piece]", plain: int) -> None:
        """Take a ``$"..."``. Text without quotes right before it becomes a part of it."""
        self._at += 2
        parts: List[str] = [text for _, text in pieces[plain:]]
        del pieces[plain:]
        while True:
            if self._at >= len(self._line):
                self._more()
            char = self._line[self._at]
            self._at += 1
            if char == '"':
                pieces.append((GETTEXT, "".join(parts)))
                return
            if char == "\\":
                following = self._line[self._at]
                self._at += 1
                char = {"\\": "\\\\", '"': '"', "\n": ""}.get(following, "\\" + following)
            parts.append(char)

    def _variable(self, pieces: "List[Piece]", kind: int) -> bool:
        """Take a variable at a dollar sign; False when none is there."""
        braced = self._line.startswith("{", self._at + 1)
        start = self._at + 1 + braced
        end = name_end(self._line, start)
        if end == start or (braced and not self._line.startswith("}", end)):
            return False
        pieces.append((kind, self._line[start:end]))
        self._at = end + braced
        return True


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


def _settle(pieces: "List[Piece]") -> "Word":
    """Return a fixed word as a string, and any other as its pieces, with neighbouring constants joined."""
    if len(pieces) == 1 and pieces[0][0] == CONSTANT:
        text = pieces[0][1]
        return pieces_of(text) if has_wildcard(text) else unescape(text)
    joined: List[Piece] = []
    run: List[str] = []
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


def pieces_of(text: str) -> "Tuple[Piece, ...]":
    """Return an escaped text as the single piece of a word."""
    return ((CONSTANT, text),)
