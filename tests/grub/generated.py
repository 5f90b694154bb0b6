"""Scripts made at random (hypothesis), in GRUB's whole language, and the disk that they find.

Loops end by themselves, mostly. Files are named below ``$d``.
"""

import os
from typing import Any, Callable, Dict, Sequence

from hypothesis import strategies as st

BLOCK = "# GRUB Environment Block\n"
# What the scripts find below $d. None is a directory.
TREE: Dict[str, Any] = {
    "vmlinuz-6.1": "kernel", "vmlinuz-6.10": "kernel", "vmlinuz-5.10.old": "kernel", "initrd.img-6.1": "initramfs", "empty": "",
    ".hidden": "x", "a b": "x", "st*r": "x", "q?": "x", "br[ck](t)+{}|^": "x", "back\\slash": "x", "\u00e9": "x", "deep": None,
    "deep/x.cfg": "a=deep\n", "deep/er": None, "deep/er/x.cfg": "a=deeper\n",
    "more.cfg": "echo more $a\nb='from more'\nexport b\n",
    "set.cfg": "echo in $# $1 [$?]\nset a=set; unset b\n",
    "broken.cfg": "c=before\nif true; fi\nc=after\n",
    "function.cfg": "function f { echo sourced $# $*; return 3; }\nf x $1\n",
    "leave.cfg": "echo leaving\nbreak\nreturn 2\necho left\n",
    "false.cfg": "false\n",
    "env": BLOCK + "a=1\nb=x y\nc=back\\\\slash\\\nline\n" + "#" * 900,
    "bad.env": "a=2\n" + "#" * 1000,
}


def write_tree(directory: str) -> None:
    """Write TREE below a directory."""
    for name, text in TREE.items():
        path = os.path.join(directory, name)
        if text is None:
            os.makedirs(path)
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)


# Words. The rare parts make most scripts that they are in a syntax error.
_PARTS = (
    "a", "b", "x1", "-", "=", "a=b", "$a", "${b}", "$c", "$?", "${?}", "$#", "$1", "${2}", "$10", "$0", "$*", "$@", '"$a"', '"$@"', '"$*"',
    '"x $b y"', "'q r'", '"q  r"', "''", '""', "\\ ", "\\\\", "\\$", "\\a", '\\"', '"\\$"', '"\\\\"', '"\\a\\""', "'$a'", "\\\n",
    '"a\\\nb"', "'a\nb'", '"$a\n$b"', "!", "[", "]", "if", "fi", "in", "*", "?", "\\*", "'*'", '$"t $a"', '$"\\"$b\\" ${c}\\$"', ",", "~",
    "\u00e9", "-n", "-e", "--", "@", "%", "$a$b", '"$a"$b', "$undefined", "a\tb", "then", "done", "x#y", "[[", "]]",
)
_RARE_PARTS = ("$", "#", "{", "}", "(", ")", "${", '"', "'", "\\", "&", "|", "<", ">", ";;", "\r", "\0", '$"', "${a", "{ ", ";}")
_NAMES = ("a", "b", "c")
_VALUES = (
    "a", " ", "  ", "*", "?", "x y", "\\\\", "\\\\*", "$b", "$a", "1", "07", "0x1f", "-2", "k-5.10", "k-5.9", "\n", "$d/*", "'",
    ";", "{", "#",
)
# Wildcards: only words that begin with a slash, a parenthesis or a star are patterns.
_PATTERN_STARTS = ("$d", "(host)$d", "($root)$d", '"$d"', "(*)$d", "*$d", "$d/deep", "(h*)$d", "(nosuch)", "$d/*")
_PATTERN_PARTS = (
    "*", "?", "vmlinuz-*", "6.1", "*.cfg", "deep/", "*/", "x.cfg", "\\*", "'*'", "\\?", ".*", "st*r", "a\\ b*", "q", "[", "(", ")", "+",
    "]",
    "$a", '"$b"', "e", "\u00e9", "\\\\", "/", ".", "nosuch", "*x*", "ini", "back*", "br*",
)
_PATTERNS = ("*", "(*)", "(ho*", "h*", "**", "?", "/nosuch*", "(*", "$a*", "\\(*", '"("*', "/*/nosuch", "(*)/nosuch/x", "(*)x")
_FILES = (
    "$d/empty", "$d", "$d/", "$d/deep", "$d/deep/", "$d/nosuch", "(host)$d/env", "env", "$d/'a b'", "$d/deep/er/x.cfg", "''",
    "($root)$d/env", "(", "$d//env", "/", "$d/deep/../env", "$d/./env",
)
_OPERANDS = (
    "a", "''", '"$a"', "$b", "$a", "1", "10", "-1", "0x1f", "07", "08", "1a", "' 1'", "99999999999999999999", "4294967296", "k-2", "k-11",
    "k-5.10.0",
    "k-5.9", "!", "(", ")", "-a", "-o", "-n", "-z", "-f", "=", "]", "b", "A", "\u00e9", "-", "--", "0", "00", "0x", "k1a2", "k1b2",
)
_OPERATORS = (
    "=", "==", "!=", "'<'", "'>'", "'<='", "'>='", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-pgt", "-plt", "-a", "-o", "-ef", "-nt",
    "-ot",
)
_EXPRESSIONS = (
    "a", "b", "ab", ".", "*", "+", "?", "(", ")", "(a)", "(b|ab)", "(a*)", "(.)", "[ab]", "[^a]", "[a-c]", "[]a]", "[[:alpha:]]",
    "[[:digit:]]",
    "[^[:space:]]", "|", "^", "$", "{2}", "{1,2}", "{0,}", "{", "}", "[", "]", "\\.", "\\*", "\\\\", "-", "1", "[0-9]+", "(a|b)*", "()",
    ",", "[a-]",
    "[.]", "(a|ab)(c|bcd)", "(^a)", "a$", "(a)(b)?",
)
_TEXTS = ("a", "b", "ab", "c", ".", "1", "12", "-", " ", "\\", "aab", "]", "*", "abcd")
_READ = (
    "$d/more.cfg", "$d/set.cfg", "$d/broken.cfg", "$d/function.cfg", "$d/leave.cfg", "$d/false.cfg", "$d/deep/x.cfg",
    "(host)$d/deep/er/x.cfg",
    "$d/nosuch", "$d", "$d/empty", "''", "$d/more.cfg x", "(nosuch)/x", "$d/deep/*.cfg", "",
)
_ENV = (
    "load_env -f $d/env", "load_env --file=$d/env a", "load_env -f $d/env b c", "load_env -f $d/bad.env",
    "list_env --file=$d/env", "list_env -f $d/bad.env", "load_env --skip-sig --file $d/env", "load_env -x", "save_env",
    "save_env -f $d/bad.env a", "load_env -f",
)
_COUNTS = ("", "", "", "", " 1", " 2", " 0", " x", " 1 2", " $a", " 03", " 9", " -1")
_SHOW = ("echo [$a] [$b] [$c] $?", 'echo $# "$1" $2 "$*"', "for i in $*; do echo +$i; done", 'echo "[$@]"', "echo $?")
_FUNCTIONS = ("f", "f", "g", "g", "g", "h", "true", "1", "f-g")


_SOUP = (
    " ", " ", "\n", ";", "then", "do", "done", "else", "elif", "function", "while", "until", "for", "f", "{\n", "&&", "||", "case",
    "esac", "select", "true",
)
_TITLES = (
    "'one'", "two", "'three x'", '"$a"', "'a>b'", "'a>>b'", "''", "1", "'0'", "t$i", '"$1"', "\u00e9", "'0x1'", "' 1'", "'>'", "'one>'",
    "-x",
    "one 'more'", "$a", "--", "a*b", "'a\\b'", "x extra args",
)
_IDS = ("one", "i1", "'i 2'", "i$i", "''", "'a>b'", "0", "two", "$a")
_OPTIONS = (
    "--class debian", "--class a --class=b", "--users ''", "--users=u", "--unrestricted", "--hotkey=k", "--hotkey k", "--", "-x",
    "--nosuch", "--id",
    "--class", "--unrestricted=x", "--source 'linux /sound s'", "-", "'--class'", "--idx=3",
)
# No "return": GRUB remembers it beyond the entry, and of the fallback after it runs the first statement only.
_LOADS = (
    "linux /sound $# [$1] [$2] [$chosen] $a", 'linux /broken "$chosen" $*', 'linux /broken "$chosen" $*',
    'a=x$a; linux /sound "$a"', "linux /broken x", "true", "if [ -z \"$b\" ]; then linux /broken; else linux /sound $b; fi",
    "shift; linux /broken $1", "linux /broken; linux /sound again", "setparams p; linux /broken $1",
    "false", "nosuch",
)
_SETTINGS = ("default=1", "default=one", "set fallback='0'", "export a", "a=sub", "fallback=0", "default='0>1'", "unset fallback")
_STEPS = ("0", "1", "2", "one", "two", "i1", "three x", "a>>b", "i 2")
_DEFAULTS = (
    "", "0", "1", "2", "9", "-1", "01", "0x1", " 1", "1x", "1 2", "one", "two", "three x", "i1", "i 2", "a>b", "a>>b", "a>>>>b", "0>1",
    "1>0", "1>one",
    "one>0", "two>i1>1", ">", "0>", "1>9", "x", "t1", "18446744073709551616", "99999999999",
)
_FALLBACKS = ("", "0", "1", "1 0", "1 0 1", "one", "1,0", "1>0", "x 1", "0x1 0", "1 one 0", " 1", "0 0")


class _Maker:
    """Makes scripts from choices that hypothesis takes, and knows how to make small."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        return int(self._draw(st.integers(low, high)))

    def one(self, options: Sequence[Any]) -> Any:
        return options[self.number(0, len(options) - 1)]

    def several(self, make: Callable[[], str], separator: str, low: int, high: int) -> str:
        return separator.join([make() for _ in range(self.number(low, high))])

    def name(self) -> str:
        return str(self.one(_NAMES))

    def word(self) -> str:
        return self.several(self._part, "", 1, 3)

    def _part(self) -> str:
        return str(self.one(_RARE_PARTS if self.number(0, 99) > 98 else _PARTS))

    def words(self) -> str:
        return self.several(self.word, " ", 0, 3)

    def text(self, parts: Sequence[str], high: int = 4) -> str:
        return self.several(lambda: str(self.one(parts)), "", 0, high)

    def pattern(self) -> str:
        if self.number(0, 4):
            return "{}/{}".format(self.one(_PATTERN_STARTS), self.text(_PATTERN_PARTS))
        return str(self.one(_PATTERNS))

    # Single commands

    def simple(self) -> str:
        kinds = (
            self._show, self._echo, self._set, self._test, self._regexp, self._source, self._environment, self._control, self._call,
            self._wildcard, self._eval, self._any,
        )
        command = str(self.one(kinds)())
        return "! " + command if self.number(0, 19) == 19 else command

    def _show(self) -> str:
        return str(self.one(_SHOW))

    def _echo(self) -> str:
        return "echo " + self.words()

    def _set(self) -> str:
        kind = self.number(0, 6)
        if kind == 0:
            return 'set {}="{}"'.format(self.name(), self.text(_VALUES))
        if kind == 1:
            return "{}={}".format(self.name(), self.word())
        if kind == 2:
            return '{}="{}"'.format(self.name(), self.text(_VALUES))
        if kind == 3:
            return "{} {}".format(self.one(("unset", "export")), self.several(self.name, " ", 0, 2))
        if kind == 4:
            return "{} {}".format(self.one(("unset", "set x")), self.word())
        return "{}=${}{}".format(self.name(), self.name(), self.one(("", "$a", "x", "' '")))

    def _operand(self) -> str:
        return str(self.one(_FILES if self.number(0, 3) == 0 else _OPERANDS))

    def _term(self) -> str:
        kind = self.number(0, 5)
        if kind == 0:
            return self._operand()
        if kind == 1:
            return "{} {}".format(self.one(("-f", "-d", "-e", "-s", "-n", "-z", "!", "-x")), self.one(_FILES))
        if kind == 2:
            return "( {} )".format(self._operand())
        return "{} {} {}".format(self._operand(), self.one(_OPERATORS), self._operand())

    def _test(self) -> str:
        terms = self.several(self._term, self.one((" -a ", " -o ", " ", " ! ", " -a ! ")), 0, 3)
        return str(self.one(("[ {} ]", "[ {} ]", "test {}", "[ ! {} ]", "[ {}"))).format(terms)

    def _regexp(self) -> str:
        targets = self.several(self._target, " ", 0, 2)
        return "regexp {} '{}' '{}'".format(targets, self.text(_EXPRESSIONS, 5), self.text(_TEXTS, 6))

    def _target(self) -> str:
        number = self.one(("0:", "1:", "2:", "3:", "1:", "", "x:", "9:"))
        return "{}{}{}".format(self.one(("--set ", "--set=", "-s ")), number, self.name())

    def _source(self) -> str:
        return "{} {}".format(self.one(("source", ".", "configfile")), self.one(_READ))

    def _environment(self) -> str:
        return str(self.one(_ENV))

    def _control(self) -> str:
        return str(self.one(("break", "continue", "shift", "return"))) + str(self.one(_COUNTS))

    def _call(self) -> str:
        return "{} {}".format(self.one(("f", "g", "g", "setparams", "h", "$a")), self.words())

    def _wildcard(self) -> str:
        return str(self.one(("echo {}", "{}={{}}".format(self.name()), "f {}", "a=b {}"))).format(self.pattern())

    def _eval(self) -> str:
        if self.number(0, 2):
            return "eval " + self.words()
        inner = self.several(self.simple, "; ", 1, 2)
        return "eval {}".format(self.words()) if "'" in inner else "eval '{}'".format(inner)

    def _any(self) -> str:
        return str(self.one(("true", "false", "! true", "boot", "true x", "false $a", "nosuch x", "test", "exit")))

    # Compound commands

    def statement(self, depth: int) -> str:
        if depth <= 0 or self.number(0, 9) < 6:
            return self.simple()
        return str(self.one((self._if, self._if, self._for, self._for, self._nested, self._while, self._counted, self._comment))(depth - 1))

    def body(self, depth: int, separator: str = "; ") -> str:
        return self.several(lambda: self.statement(depth), separator, 1, 3)

    def _if(self, depth: int) -> str:
        end = self.one(("; ", "\n", "\n\n  "))
        parts = ["if ", self.body(depth), end, "then ", self.body(depth, end), end]
        for _ in range(self.number(0, 2)):
            parts += ["elif ", self.statement(depth), end, "then\n", self.body(depth), end]
        if self.number(0, 1):
            parts += ["else ", self.body(depth), end]
        return "".join(parts) + "fi"

    def _for(self, depth: int) -> str:
        words = self.several(lambda: self.pattern() if self.number(0, 3) == 0 else self.word(), " ", 0, 3)
        end = self.one(("; ", "\n"))
        return "for {} in {}{}do {}{}echo $i{}done".format(self.one(("a", "b", "i", "i")), words, end, self.body(depth, end), end, end)

    def _nested(self, depth: int) -> str:
        return "for i in 1 2 3; do for j in x y; do {}; echo $i$j; done; {}; done".format(self.body(depth), self.statement(depth))

    def _while(self, depth: int) -> str:
        return "{} {}; do {}; break; done".format(self.one(("while", "until")), self.body(depth), self.body(depth))

    def _counted(self, depth: int) -> str:
        start = self.one(('while [ "$n" != xxx ]', 'until [ "$n" = xxx ]', 'while [ "$n" != xxx ]; test x$n != xxx'))
        return "n=; {}; do n=x$n; {}; echo $n; done".format(start, self.body(depth, "\n"))

    def _comment(self, depth: int) -> str:
        return str(self.one(("# comment", "#it's", "# \"", "# \\"))) + "\n" + self.statement(depth)

    def _function(self) -> str:
        name = self.one(_FUNCTIONS)
        if self.number(0, 1):
            return "function {} {{ {}; }}".format(name, self.body(2))
        return "function {}\n{{\n  {}\n}}".format(name, self.body(2, "\n  "))

    def script(self) -> str:
        return self.several(self._top, self.one(("\n", "\n", "\n\n", "; ")), 1, 7)

    def _top(self) -> str:
        return self._function() if self.number(0, 3) == 0 else self.statement(2)

    def soup(self) -> str:
        parts = _PARTS + _RARE_PARTS * 3 + _SOUP * 3
        return self.several(lambda: str(self.one(parts)), self.one(("", " ", "")), 0, 24)

    # Menus

    def menu(self, level: int) -> str:
        return self.several(lambda: self._item(level), "\n", 1, 4)

    def _item(self, level: int) -> str:
        kind = self.number(0, 9)
        title, options = self.one(_TITLES), self.several(self._option, " ", 0, 2)
        head = "{} {}".format(*((title, options) if self.number(0, 3) else (options, title)))
        if level and kind in (0, 1):
            return "submenu {} {{\n{}\n}}".format(head, self._inside(level - 1))
        if level and kind == 2:
            return "for i in 1 2; do\n{}\ndone".format(self.menu(level - 1))
        if level and kind == 3:
            return "if {}; then\n{}\nfi".format(self.one(("true", "false", '[ -n "$a" ]')), self.menu(level - 1))
        if kind == 4:
            return str(self.one(("menuentry {}", "menuentry {} {{ true }}", "submenu {}", "menuentry {{ true; }}"))).format(head)
        return "menuentry {} {{{}{}{}}}".format(head, self.one((" ", "\n")), self.one(_LOADS), self.one(("; ", "\n", " ")))

    def _option(self) -> str:
        if self.number(0, 2):
            return "{}{}".format(self.one(("--id ", "--id=", "$menuentry_id_option ")), self.one(_IDS))
        return str(self.one(_OPTIONS))

    def _inside(self, level: int) -> str:
        return self.several(lambda: str(self.one(_SETTINGS)) + "\n" if self.number(0, 3) == 0 else self._item(level), "\n", 0, 4) or "true"

    def choice(self) -> str:
        return self.several(lambda: str(self.one(_STEPS)), ">", 1, 3) if self.number(0, 1) else str(self.one(_DEFAULTS))

    def booting(self) -> str:
        """Return a script with a menu, of which something is the default."""
        lines = ["menuentry_id_option=--id", "a=one", 'default="{}"'.format(self.choice())]
        if self.number(0, 9) > 8:  # GRUB sleeps for some seconds before each
            lines.append('fallback="{}"'.format(self.one(_FALLBACKS)))
        lines.append(self.one(("", "", "export fallback a", "a=v; export a", "b=w")))
        # GRUB crashes over a fallback that is no entry, so there are two.
        last = "menuentry last --id last { linux /broken last; }\nmenuentry 'the end' { linux /sound; }\n"
        return "\n".join(lines) + "\n" + self.menu(3) + "\n" + last


@st.composite
def scripts(draw: Callable[[Any], Any]) -> str:
    """Scripts, most of them without a syntax error."""
    return _Maker(draw).script()


@st.composite
def soups(draw: Callable[[Any], Any]) -> str:
    """Anything, in any order."""
    return _Maker(draw).soup()


@st.composite
def menus(draw: Callable[[Any], Any]) -> str:
    """Scripts that make menus. Their ``linux`` boots /sound and does not boot /broken."""
    return _Maker(draw).booting()


_LINES = (
    "a=1\n", "b=\n", "c", "=", "\n", "\\", "\\\n", "\\\\", "#", "# x\n", "a", "saved_entry=0>1\n", " ", "\u00e9", "b=x=y\n", "\r\n", "\t",
    "a=\\#\n", "$a",
)


@st.composite
def blocks(draw: Callable[[Any], Any]) -> bytes:
    """Environment blocks, whole ones and others."""
    make = _Maker(draw)
    text = BLOCK + make.text(_LINES, 12)
    return (text.ljust(1024, "#") if make.number(0, 1) else text).encode("utf-8")


@st.composite
def searches(draw: Callable[[Any], Any]) -> str:
    """Scripts of many uses of ``regexp``, with what it sets."""
    make = _Maker(draw)
    line = "unset a; unset b; unset c; regexp --set=0:a --set=1:b --set=2:c '{}' '{}'; echo $? [$a] [$b] [$c]"
    return make.several(lambda: line.format(make.text(_EXPRESSIONS, 5), make.text(_TEXTS, 6)), "\n", 1, 20)
