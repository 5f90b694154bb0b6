"""GRUB itself, as grub-emu and grub-script-check, answers the same as this package."""

import os
import shutil
import subprocess

import grub_emu
import pytest
from grub_disk import screen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripts import FILES, SCRIPTS, normal

from pvhready.grub.parser import parse

emulator = pytest.mark.skipif(grub_emu.PROGRAM is None, reason="grub-emu is not installed: GRUB's own answers were not compared")
checker = pytest.mark.skipif(
    shutil.which("grub-script-check") is None, reason="grub-script-check is not installed: syntax errors were not compared")
COUNT = int(os.environ.get("PVHREADY_GRUB_SCRIPTS", "150"))
relaxed = settings(max_examples=COUNT, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@emulator
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_table_is_grubs_own_answer(name, tmp_path):
    script, expected = SCRIPTS[name]
    for path, text in FILES.items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    # grub-emu reads the files of this machine: the paths are put below the test's folder.
    moved = script.replace("/boo", str(tmp_path) + "/boo")
    lines = grub_emu.run(str(tmp_path), moved)
    assert lines is not None
    assert normal([line.replace(str(tmp_path), "") for line in lines]) == normal(expected)


# Pieces of scripts. Every loop ends by itself, and nothing names a file.
_NAMES = st.sampled_from(["a", "b", "c"])
_PARTS = st.sampled_from([
    "a", "b", "x1", "-", "=", "a=b", "$a", "${b}", "$c", "$?", "$#", "$1", "$*", "$@", '"$a"', '"$@"', '"x $b y"', "'q r'", '"q  r"',
    "''", '""',
    "\\ ", "\\\\", "\\$", '"\\$"', '"\\\\"', "'$a'", "$", "\\\n", '"a\\\nb"', "'a\nb'", "#", "!", "[", "]", "if", "fi", "in", "*", "?",
    "{", "}",
    '$"t $a"', ",", "~", "é",
])
_WORD = st.lists(_PARTS, min_size=1, max_size=3).map("".join)
_WORDS = st.lists(_WORD, max_size=4).map(" ".join)
_VALUE = st.lists(st.sampled_from(["a", " ", "  ", "*", "x y", "\\\\", "$b", "1", "07", "0x1f", "-2", "k-5.10", "k-5.9"]),
    max_size=3).map("".join)
_OPERAND = st.sampled_from(["a", "''", '"$a"', "$b", "1", "10", "-1", "0x1f", "07", "k-2", "k-11", "!", "(", ")", "-a", "-o", "-n", "-z"])
_OPERATOR = st.sampled_from(["=", "==", "!=", "'<'", "'>'", "-eq", "-ne", "-lt", "-ge", "-pgt", "-plt", "-a", "-o"])
_TEST = st.lists(st.one_of(_OPERAND, st.tuples(_OPERAND, _OPERATOR, _OPERAND).map(" ".join)), max_size=4).map(
    lambda words: "[ {} ]".format(" ".join(words)))
_SIMPLE = st.one_of(
    _WORDS.map("echo {}".format), st.tuples(_NAMES, _VALUE).map(lambda pair: 'set {}="{}"'.format(*pair)),
    st.tuples(_NAMES, _WORD).map("=".join), _TEST, _TEST.map("! {}".format), st.sampled_from(["true", "false", "break", "continue",
        "return", "shift"]),
    _WORDS.map("f {}".format), _WORDS.map("setparams {}".format), _NAMES.map("unset {}".format), st.just("echo [$a] [$b] [$c] $?"),
)


def _compound(inner):
    body = st.lists(inner, min_size=1, max_size=3).map("; ".join)
    return st.one_of(
        st.tuples(inner, body, body).map(lambda parts: "if {}; then {}; else {}; fi".format(*parts)),
        st.tuples(inner, body).map(lambda parts: "if {}\nthen\n{}\nfi".format(*parts)),
        st.tuples(_NAMES, _WORDS, body).map(lambda parts: "for {} in {}; do {}; done".format(*parts)),
        st.tuples(inner, body).map(lambda parts: "while {}; do {}; break; done".format(*parts)),
        body.map("function f {{ {}; }}".format),
    )


_STATEMENT = st.recursive(_SIMPLE, _compound, max_leaves=8)
_SCRIPT = st.lists(_STATEMENT, min_size=1, max_size=6).map("\n".join)


@emulator
@relaxed
@given(script=_SCRIPT)
def test_generated_scripts(script, tmp_path_factory):
    script = "true\n" + script + "\necho [$a] [$b] [$c] $?"
    if not _ends(script):
        return
    lines = grub_emu.run(str(tmp_path_factory.getbasetemp()), script)
    assert lines is not None
    assert normal(screen(script, disks=("proc", "host"))) == normal(lines)


def _ends(script):
    """Whether the script keeps clear of endless recursion, which stops GRUB and us in different ways."""
    from pvhready.grub.state import LimitReached

    try:
        screen(script)
    except LimitReached:
        return False
    return True


@checker
@relaxed
@given(script=st.one_of(_SCRIPT, st.lists(_PARTS | st.sampled_from([" ", "\n", ";", "then", "do", "done", "else", "function", "&&"]),
    max_size=20).map("".join)))
def test_syntax_errors_are_grubs(script, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "checked.cfg"
    path.write_bytes(script.encode())
    answer = subprocess.run(["grub-script-check", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    grub = b"Syntax error" not in answer.stderr
    # grub-script-check reads comment lines as any other.
    text = script[:-1] if script.endswith("\n") else script
    ours = not any(unit.fault for unit in parse(text, from_file=False))
    assert ours == grub
