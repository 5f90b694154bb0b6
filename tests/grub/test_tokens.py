"""The tokens of a line, against regular expressions that say the same."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.grub.tokens import is_name, tokens_of

NAME = "[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@]"
TOKENS = re.compile(
    "[ \t]*("
    "(?:[^{}|&$;<> \t'\"\\\\]+|'[^']*'|[$]?\"[^\"\\\\]*(?:\\\\.[^\"\\\\]*)*\"|\\\\.|[$](?:" + NAME + "|{(?:" + NAME + ")}))+"
    "|[|][|]|&&|;;|.)"
)


def by_pattern(line):
    tokens = TOKENS.findall(line)
    for index, token in enumerate(tokens):
        if token[0] == "#":
            del tokens[index:]
            break
    if set("'\"\\$").intersection(tokens):
        return None
    return tokens[:-1] if tokens and tokens[-1] in (" ", "\t") else tokens


@settings(max_examples=2000, deadline=None)
@given(st.text("ab$1{}()\"'\\ \t|&;<>=#?*@_é\x0b", max_size=24))
def test_a_line_has_the_tokens_that_the_pattern_finds(line):
    assert tokens_of(line) == by_pattern(line)


@pytest.mark.parametrize("line, tokens", [
    ("set root='xen/xvda,msdos1' # where", ["set", "root='xen/xvda,msdos1'"]),
    ("if [ x$feature_a = xy ]; then", ["if", "[", "x$feature_a", "=", "xy", "]", ";", "then"]),
    ('menuentry "a \\" b" --id ${c}d {', ["menuentry", '"a \\" b"', "--id", "${c}d", "{"]),
    ("a||b ;; c\\ d", ["a", "||", "b", ";;", "c\\ d"]),
    ("  ", []), ("", []), ("# don't", []), ("a#b", ["a#b"]),
    ("it's", None), ('echo "a', None), ("a\\", None), ("${a", None), ("$", None), ("$'a'", None),
])
def test_lines(line, tokens):
    assert tokens_of(line) == tokens == by_pattern(line)


@settings(max_examples=500, deadline=None)
@given(st.text("aZ_09é?*-", max_size=4))
def test_names(text):
    assert is_name(text) == bool(re.match("[A-Za-z_][A-Za-z0-9_]*$", text))
