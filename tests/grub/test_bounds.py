"""No script takes GRUB's interpreter further than it should go: no crash, no hang."""

import pytest
from grub_disk import CONFIG, interpreter, show
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.grub import bls, envblock, regexp
from pvhready.grub.devices import Failure, NotKnown
from pvhready.grub.parser import parse
from pvhready.grub.state import Booted, LimitReached, Stopped, TookOver

ENDLESS = {
    "a loop": "while true; do true; done",
    "a value that doubles": "x=a; while true; do x=$x$x; done",
    "a function that calls itself": "function f { f; }\nf",
    "a function that calls itself twice": "function f {\nif f; then f; fi\n}\nf",
    "a file that sources itself": "source " + CONFIG,
    "a file that is its own menu": "configfile " + CONFIG,
    "eval of itself": "x='eval $x'\neval $x",
    "entries without end": "while true; do menuentry a { true; }; done",
    "a submenu within itself": "submenu a { source " + CONFIG + "; }",
    "long lists": "x=a\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do x=\"$x $x\"; done\n"
                  "while true; do for j in $x; do true; done; done",
    "parentheses": "[ " + "( " * 1000 + "]",
}


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_what_never_ends_is_given_up(name):
    with pytest.raises(LimitReached):
        show(ENDLESS[name] + "\n")


def test_an_entry_that_never_ends_is_that_entrys_error():
    shown = show("menuentry a { while true; do true; done; }\nmenuentry b { linux /boot/vmlinuz; }\n")
    assert shown.results[0].complaints[0].fatal is None
    assert shown.results[1].boots


@pytest.mark.parametrize("text", [
    "if true; then " * 500, "menuentry a { " * 500, "a=" + "'" * 99999, "echo " + "$x" * 50000, "echo \\\n" * 20000, "{" * 1000,
])
def test_depth_and_length(text):
    assert parse(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    run(data.decode("utf-8", "surrogateescape"))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([
    "menuentry", "submenu", "'a'", "{", "}", "\n", ";", " ", "if", "then", "fi", "for", "in", "do", "done", "while", "x", "$x",
    '"$x"', "=", "$",
    "'", '"', "\\", "function", "f", "set", "[", "]", "linux", "/boot/vmlinuz", "initrd", "source", CONFIG,
    "search", "--set", "--fs-uuid", "load_env", "-f", "*", "/*",
    "(", ")", "regexp", "eval", "configfile", "boot", "exit", "probe", "save_env", "return", "break", "--id", "insmod",
    "default", "fallback", "#",
]), max_size=40).map(" ".join))
def test_any_script(text):
    run(text)


def run(text):
    try:
        show(text, prefix="(xen/xvda)/boot/grub")
    except (Booted, LimitReached, NotKnown, Stopped, TookOver):
        pass


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_environment_block(data, header):
    try:
        variables = envblock.parse((envblock.HEADER.encode() if header else b"") + data)
    except Failure:
        return
    assert all(isinstance(value, str) for value in variables.values())


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.*+?(){}[]^$|\\1:-,\u00b2", max_size=20), st.text(alphabet="ab1", max_size=20))
def test_any_regular_expression(expression, text):
    try:
        regexp.search(expression, text, lambda cost: None)
    except NotKnown as unknown:
        assert ("\\" in expression or "[" in expression or "{" in expression) and "not followed" in unknown.reason


def test_a_hostile_regular_expression_costs_steps():
    spent = []
    assert regexp.search("(a*)*(a*)*b", "a" * 2000, spent.append) is None
    assert sum(spent) < 200000


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=100), st.text(max_size=30))
def test_any_snippet(text, version):
    bls.keys(text)
    bls.package_key(version)


def test_the_time_grows_with_the_menu():
    def steps(count):
        script = "".join("menuentry 'e{}' {{ linux /boot/vmlinuz; }}\n".format(number) for number in range(count))
        runner = interpreter(script)
        runner.run_file("xen/xvda", CONFIG)
        assert len(runner.menu) == count
        return runner.steps

    assert steps(1000) <= 11 * steps(100)
