"""What /etc/default/grub and /etc/default/grub.d/*.cfg set, as grub-mkconfig would read them: as shell scripts, in order.

Only what certainly holds is a value. A value that takes a command, a condition or another file to tell is left out and
named with the reason. grub.d is read by the grub-mkconfig of Debian and Ubuntu (util/grub-mkconfig.in there).
"""

from pvhready.facts import Defaults, Problem
from pvhready.probes import shell
from pvhready.probes.shell import Command, Malformed
from pvhready.records import NamedTuple
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from pvhready.probes.shell import Word

_MAIN = "/etc/default/grub"
_FOLDER = "/etc/default/grub.d"
_SIZE_LIMIT = 256 * 1024  # bytes, of all files together; Debian's has 1.5 KiB
_LETTERS = 64 * 1024  # of one value

# A title, and on every Debian the output of lsb_release: that it is not known is no news.
_UNIMPORTANT = ("GRUB_DISTRIBUTOR",)

_OPENING = ("if", "case", "for", "while", "until", "{", "function")
_CLOSING = ("fi", "esac", "done", "}")
_CONNECTING = ("then", "else", "elif", "do", "!", "time")
_DECLARE = ("export", "readonly")
_LEAVING = ("exit", "return", "exec")
_ANYTHING = (".", "source", "eval", "command", "builtin", "local", "declare", "typeset", "let")  # may set what cannot be told
_NAMING = ("read", "getopts", "for", "mapfile", "readarray")  # some of their arguments are variables that they set
_PATTERNS = "*?["
_DIFFER = "set in a way that shells differ in"


class _Unknown(Exception):
    """A value cannot be told, for this reason."""


class _EndOfFile(Exception):
    """The rest of the file is not read by a shell."""


def read_defaults(root: Root) -> Defaults:
    """Return the variables that the files set, each with its place; what cannot be told is in ``unknown`` and ``problem``."""
    reader = _Reader()
    size = 0
    for path in [_MAIN] + _fragments(root, reader):
        try:
            text = root.read_text(path, _SIZE_LIMIT - size)
        except Missing:
            continue
        except Unreadable as error:
            reader.doubt_all(Problem(error.path, error.reason))
            continue
        size += len(text)
        if not reader.read(text, path):
            break
    return reader.defaults()


def parse_defaults(text: str, path: str = _MAIN) -> Defaults:
    """Return what one such file sets. ``path`` is its name in the sources."""
    reader = _Reader()
    reader.read(text, path)
    return reader.defaults()


def _fragments(root: Root, reader: "_Reader") -> "List[str]":
    try:
        names = root.names(_FOLDER)
    except Missing:
        return []
    except Unreadable as error:
        reader.doubt_all(Problem(error.path, error.reason))
        return []
    return ["{}/{}".format(_FOLDER, name) for name in names if name.endswith(".cfg") and not name.startswith(".")]


class _Assignment(NamedTuple):
    name: str
    appends: bool
    value: "Word"


class _Reader:
    def __init__(self) -> None:
        self._values: Dict[str, str] = {}
        self._sources: Dict[str, str] = {}
        self._unknown: Dict[str, Problem] = {}
        self._doubt: Optional[Problem] = None  # something that may have set any variable
        self._left: Optional[Problem] = None  # where the reading may end
        self._functions: List[str] = []
        self._depth = 0
        self._subshell = False

    def defaults(self) -> Defaults:
        important = [problem for name, problem in self._unknown.items() if name.startswith("GRUB_") and name not in _UNIMPORTANT]
        problem = self._doubt or (important[0] if important else None)
        return Defaults(self._values, self._sources, problem, self._unknown)

    def doubt_all(self, problem: Problem) -> None:
        """Take nothing for known that was known so far."""
        self._doubt = self._doubt or problem
        for name in list(self._values):
            self._forget(name, problem)

    def read(self, text: str, path: str) -> bool:
        """Read one file; return whether grub-mkconfig would go on to the next."""
        self._depth = 0
        self._subshell = False
        try:
            for command in shell.commands(text):
                self._command(command, path)
        except _EndOfFile:
            return self._left is None
        except Malformed as error:
            self.doubt_all(Problem("{}:{}".format(path, error.line), "not a shell script: " + error.reason))
            return False
        if self._depth:
            self.doubt_all(Problem(path, "not a shell script: it ends within a compound command"))
        return not self._depth

    def _command(self, command: Command, path: str) -> None:
        words = list(command.words)
        source = "{}:{}".format(path, command.line)
        opened = self._depth
        if command.before == "(":
            self._subshell = True
        if command.after == "(" and len(words) == 1 and not _assignment(words[0]):
            self._functions.append(shell.literal(words.pop()))  # its definition
        while words and _bare(words[0]) in _OPENING + _CLOSING + _CONNECTING:
            word = _bare(words[0])
            self._depth += (word in _OPENING) - (word in _CLOSING)
            if word in ("for", "function"):
                break
            del words[0]
        if self._depth < 0:
            raise Malformed(command.line, "it closes what it never opened")
        inside = opened or self._depth or self._subshell
        certain = not (inside or command.before in ("&&", "||", "|", ")") or command.after in ("|", "&", "("))
        self._expansions(command, source)
        self._words(words, bool(command.redirections), certain, source)
        if command.after == ")":
            self._subshell = False

    def _words(self, words: "List[Word]", redirected: bool, certain: bool, source: str) -> None:
        assignments: List[_Assignment] = []
        while words:
            found = _assignment(words[0])
            if not found:
                break
            assignments.append(found)
            del words[0]
        reason = "set only under a condition" if not certain else "followed by a command" if words or redirected else ""
        for assignment in assignments:
            self._assign(assignment, reason, source)
        if words:
            self._builtin(shell.literal(words[0]), words[1:], certain, source)

    def _builtin(self, name: str, arguments: "List[Word]", certain: bool, source: str) -> None:
        """Carry out a command as far as it sets variables. A program cannot."""
        texts = [shell.literal(word) for word in arguments]
        if name in _ANYTHING or name in self._functions or "$" in name:
            self.doubt_all(Problem(source, "{} may set any variable".format(name)))
        elif name in _DECLARE or name == "unset" or name in _NAMING:
            if any("$" in text.partition("=")[0] for text in texts):
                self.doubt_all(Problem(source, "{} may set any variable".format(name)))
            elif name in _DECLARE:
                self._declare(arguments, certain, source)
            elif name == "unset":
                self._unset(texts, certain, source)
            else:
                for text in texts[:1] if name == "for" else texts:
                    self._forget(text, Problem(source, "set by " + name))
        elif name == "printf" and "-v" in texts:
            self.doubt_all(Problem(source, "printf may set any variable"))
        elif name == "alias":
            self._functions.extend(text.partition("=")[0] for text in texts)
        elif name in _LEAVING and (name != "exec" or arguments):
            self._leave(name, certain, source)

    def _declare(self, arguments: "List[Word]", certain: bool, source: str) -> None:
        for word in arguments:
            found = _assignment(word)
            name, equals, _ = shell.literal(word).partition("=")
            if found:
                # Unlike plain assignments, these are split at spaces and matched with files, by some shells.
                differ = any(_may_split(part) for part in word)
                self._assign(found, "set only under a condition" if not certain else _DIFFER if differ else "", source)
            elif equals:
                self._forget(name.rstrip("+"), Problem(source, _DIFFER))

    def _assign(self, assignment: _Assignment, reason: str, source: str) -> None:
        name = assignment.name
        if reason or self._left:
            self._forget(name, self._left or Problem(source, reason))
            return
        try:
            value = (self._value(name) if assignment.appends else "") + self._text(assignment.value)
            if len(value) > _LETTERS:
                raise _Unknown("longer than {} letters".format(_LETTERS))
        except _Unknown as error:
            self._forget(name, Problem(source, str(error)))
            return
        self._values[name] = value
        self._sources[name] = source
        self._unknown.pop(name, None)

    def _unset(self, names: "List[str]", certain: bool, source: str) -> None:
        if "-f" in names:
            return  # a function
        for name in names:
            if not certain or self._left:
                self._forget(name, Problem(source, "unset only under a condition"))
            else:
                self._values.pop(name, None)
                self._sources.pop(name, None)
                self._unknown.pop(name, None)

    def _leave(self, name: str, certain: bool, source: str) -> None:
        if certain and name == "return":
            raise _EndOfFile
        problem = Problem(source, "{} ends the reading".format(name))
        self._left = self._left or problem
        self.doubt_all(problem)
        if certain:
            raise _EndOfFile

    def _forget(self, name: str, problem: Problem) -> None:
        if shell.is_name(name):
            self._values.pop(name, None)
            self._sources.pop(name, None)
            self._unknown[name] = problem

    def _expansions(self, command: Command, source: str) -> None:
        """Forget what ${NAME:=VALUE} and arithmetic may set."""
        for word in command.words + tuple(redirection.target for redirection in command.redirections):
            for part in word:
                name = part.text.rstrip().partition("=")[0].rstrip(":+-*/%&|^<> ")
                if part.kind == shell.EXPANSION and "=" in part.text and shell.is_name(name):
                    self._forget(name, Problem(source, "set by ${{{}}}".format(part.text)))
                elif part.kind == shell.OTHER and ("=" in part.text or "++" in part.text or "--" in part.text):
                    self.doubt_all(Problem(source, "arithmetic may set any variable"))

    def _value(self, name: str) -> str:
        if name in self._unknown:
            raise _Unknown("depends on {}, which is not known".format(name))
        if name in self._values:
            return self._values[name]
        if name.startswith("GRUB_") and not self._doubt:
            return ""
        raise _Unknown("depends on {}, which is not set here".format(name))

    def _text(self, word: "Word") -> str:
        pieces: List[str] = []
        length = 0
        for part in word:
            if part.kind == shell.LITERAL:
                if not part.quoted and "~" in part.text:
                    raise _Unknown("holds a tilde, which a shell may expand")
                pieces.append(part.text)
            elif part.kind == shell.VARIABLE and shell.is_name(part.text):
                pieces.append(self._value(part.text))
            elif part.kind == shell.COMMAND:
                raise _Unknown("what a command prints")
            else:
                raise _Unknown("an expansion that is not followed")
            length += len(pieces[-1])
            if length > _LETTERS:
                raise _Unknown("longer than {} letters".format(_LETTERS))
        return "".join(pieces)


def _may_split(part: shell.Part) -> bool:
    return not part.quoted and (part.kind != shell.LITERAL or any(letter in part.text for letter in _PATTERNS))


def _bare(word: "Word") -> str:
    """Return the text of a word that may be a reserved one: without quotes and expansions. Else ""."""
    return word[0].text if len(word) == 1 and word[0].kind == shell.LITERAL and not word[0].quoted else ""


def _assignment(word: "Word") -> "Optional[_Assignment]":
    if not word or word[0].kind != shell.LITERAL or word[0].quoted:
        return None
    name, equals, rest = word[0].text.partition("=")
    appends = name.endswith("+")
    name = name[:-1] if appends else name
    if not equals or not shell.is_name(name):
        return None
    first: Tuple[shell.Part, ...] = (word[0]._replace(text=rest),) if rest else ()
    return _Assignment(name, appends, first + word[1:])
