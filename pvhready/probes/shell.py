"""The words of a POSIX shell script. Nothing is run and nothing is expanded.

Enough of the shell's grammar (POSIX.1-2017, Shell Command Language, 2.2 to 2.10) to tell commands, quotes, expansions,
redirections and here-documents apart; compound commands are not assembled: ``if`` and ``{`` are words like others.
"""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

    Word = Tuple["Part", ...]

LITERAL = "literal"
VARIABLE = "variable"  # $NAME or ${NAME}, also $1 and $@
EXPANSION = "expansion"  # what else is between ${ and }
COMMAND = "command"  # $(...) or `...`
OTHER = "other"  # $((...)) and what only some shells have

_BLANK = " \t"
_CONTROL = ("&&", "||", ";;", "\n", ";", "&", "|", "(", ")")
_REDIRECTIONS = ("<<-", "<<<", "&>>", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "<", ">")
_SPECIAL = _BLANK + "\n;&|()<>'\"\\$`"
_NAME_START = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_NAME = _NAME_START + "0123456789"
_PARAMETERS = "0123456789@*#?$!-"


class Malformed(Exception):
    """The text is no shell script: ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__("line {}: {}".format(line, reason))
        self.line = line
        self.reason = reason


class Part(NamedTuple):
    """A piece of a word: its kind, its text without quotes, and whether it stood in quotes."""

    kind: str
    text: str
    quoted: bool


class Redirection(NamedTuple):
    """``operator`` is > or the like; ``target`` the word after it."""

    operator: str
    target: "Word"


class Command(NamedTuple):
    """A simple command. ``before`` and ``after`` are the operators around it, "" at either end of the script."""

    line: int
    words: "Tuple[Word, ...]"
    redirections: "Tuple[Redirection, ...]"
    before: str
    after: str


def commands(text: str) -> "Iterator[Command]":
    """Yield the simple commands of a script in their order. Raises Malformed where quotes or brackets do not close."""
    return _Reader(text).commands()


def is_name(text: str) -> bool:
    """Whether a text can be the name of a variable."""
    return text[:1] in _NAME_START and bool(text) and all(letter in _NAME for letter in text)


def literal(word: "Word") -> str:
    """Return the text of a word, with each expansion as a dollar sign."""
    return "".join(part.text if part.kind == LITERAL else "$" for part in word)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._documents: List[Tuple[str, bool]] = []

    def commands(self) -> "Iterator[Command]":
        before = ""
        while True:
            words: List[Word] = []
            redirections: List[Redirection] = []
            self._skip_blank()
            line = self._line
            while self._more():
                operator = self._operator(_REDIRECTIONS)
                if operator:
                    redirections.append(self._redirection(operator))
                else:
                    word = self._word()
                    after = self._operator_next(_REDIRECTIONS)
                    if not (after and len(word) == 1 and word[0].text.isdigit() and not word[0].quoted):
                        words.append(word)  # else it is the number of a file descriptor
                self._skip_blank()
            after = self._operator(_CONTROL)
            if words or redirections:
                yield Command(line, tuple(words), tuple(redirections), before, after)
            if after == "\n":
                self._line += 1
                self._skip_documents()
            if not after:
                return
            if words or redirections or after != "\n":
                before = after

    def _more(self) -> bool:
        return self._at < len(self._text) and not (self._operator_next(_CONTROL) and not self._operator_next(_REDIRECTIONS))

    def _operator_next(self, operators: "Tuple[str, ...]") -> str:
        if self._text[self._at:self._at + 1] in "<>&|;()\n":
            for operator in operators:
                if self._text.startswith(operator, self._at):
                    return operator
        return ""

    def _operator(self, operators: "Tuple[str, ...]") -> str:
        operator = self._operator_next(operators)
        self._at += len(operator)
        return operator

    def _skip_blank(self) -> None:
        while self._at < len(self._text):
            if self._text[self._at] in _BLANK:
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._at += 2
                self._line += 1
            elif self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = end if end >= 0 else len(self._text)
            else:
                return

    def _redirection(self, operator: str) -> Redirection:
        if operator in "<>" and self._text.startswith("(", self._at):
            return Redirection(operator, (Part(OTHER, self._closed(")", 1), False),))  # bash's process substitution
        self._skip_blank()
        if self._text.startswith(("<(", ">("), self._at):
            return Redirection(operator, (Part(OTHER, self._closed(")", 2), False),))
        if not self._more() or self._operator_next(_REDIRECTIONS):
            raise Malformed(self._line, "{} without a file".format(operator))
        target = self._word()
        if operator in ("<<", "<<-"):
            self._documents.append((literal(target), operator == "<<-"))
        return Redirection(operator, target)

    def _skip_documents(self) -> None:
        for end, tabs in self._documents:
            while True:
                if self._at >= len(self._text):
                    raise Malformed(self._line, "a here-document has no end")
                stop = self._text.find("\n", self._at)
                stop = stop if stop >= 0 else len(self._text)
                line = self._text[self._at:stop]
                self._at = stop + 1
                self._line += self._at <= len(self._text)  # the last line may have no end
                if (line.lstrip("\t") if tabs else line) == end:
                    break
        del self._documents[:]

    def _word(self) -> "Word":
        parts: List[Part] = []
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter in _BLANK or self._operator_next(_CONTROL) or self._operator_next(_REDIRECTIONS):
                break
            if letter == "'":
                parts.append(Part(LITERAL, self._until_quote(), True))
            elif letter == '"':
                parts.extend(self._double_quoted())
            elif letter == "\\":
                parts.extend(self._escaped())
            elif letter in "$`":
                parts.append(self._expansion(False))
            else:
                parts.append(Part(LITERAL, self._plain(_SPECIAL), False))
        return tuple(parts)

    def _plain(self, stops: str) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in stops:
            self._at += 1
        text = self._text[start:self._at]
        self._line += text.count("\n")
        return text

    def _until_quote(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise Malformed(self._line, "a quote does not end")
        text = self._text[self._at + 1:end]
        self._at = end + 1
        self._line += text.count("\n")
        return text

    def _escaped(self) -> "List[Part]":
        letter = self._text[self._at + 1:self._at + 2]
        self._at += 2
        if letter == "\n":
            self._line += 1
            return []
        return [Part(LITERAL, letter or "\\", True)]

    def _double_quoted(self) -> "List[Part]":
        line = self._line
        self._at += 1
        parts = [Part(LITERAL, "", True)]  # so that "" is a word
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == '"':
                self._at += 1
                return parts
            if letter == "\\":
                following = self._text[self._at + 1:self._at + 2]
                if following and following in '$`"\\\n':
                    parts.extend(self._escaped())
                else:
                    parts.append(Part(LITERAL, "\\", True))
                    self._at += 1
            elif letter in "$`":
                parts.append(self._expansion(True))
            else:
                parts.append(Part(LITERAL, self._plain('"\\$`'), True))
        raise Malformed(line, "a quote does not end")

    def _expansion(self, quoted: bool) -> Part:
        text = self._text
        if text[self._at] == "`":
            return Part(COMMAND, self._closed("`", 1), quoted)
        following = text[self._at + 1:self._at + 2]
        if text.startswith("$((", self._at):
            return Part(OTHER, self._closed(")", 2), quoted)
        if following == "(":
            return Part(COMMAND, self._closed(")", 2), quoted)
        if following == "{":
            inner = self._closed("}", 2)
            return Part(VARIABLE if is_name(inner) or (inner and inner in _PARAMETERS) else EXPANSION, inner, quoted)
        self._at += 1
        if following and following in _NAME_START:
            start = self._at
            while text[self._at:self._at + 1] and text[self._at] in _NAME:
                self._at += 1
            return Part(VARIABLE, text[start:self._at], quoted)
        if following and following in _PARAMETERS:
            self._at += 1
            return Part(VARIABLE, following, quoted)
        if following and following in "'\"" and not quoted:
            return Part(OTHER, "$", quoted)  # $'...' means one thing to bash, another to dash
        return Part(LITERAL, "$", quoted)

    def _closed(self, closing: str, skip: int) -> str:
        """Return the text up to the bracket that closes this one, brackets and quotes within it passed over."""
        line = self._line
        self._at += skip
        start = self._at
        opening = {")": "(", "}": "{"}.get(closing, "")
        depth = 1
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == "\\":
                self._at += 1
            elif letter == closing:
                depth -= 1
                if not depth:
                    inner = self._text[start:self._at]
                    self._at += 1
                    self._line += inner.count("\n")
                    return inner
            elif letter == opening:
                depth += 1
            elif letter in "'\"" and closing != "`":
                self._at = self._end_of_quote(letter)
            self._at += 1
        raise Malformed(line, "an expansion does not end")

    def _end_of_quote(self, quote: str) -> int:
        at = self._at + 1
        while at < len(self._text):
            if self._text[at] == "\\" and quote == '"':
                at += 1
            elif self._text[at] == quote:
                return at
            at += 1
        raise Malformed(self._line, "a quote does not end")
