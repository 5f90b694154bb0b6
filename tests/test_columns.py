"""Text in the columns of a terminal: all of it fits 80, and no script that a guest's titles are written in moves a table."""

import ctypes
import locale
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.demo.guests import NAMES, make
from pvhready.options import COMMANDS
from pvhready.report.plain import columns, isolated, pad, width, wrap
from support import wanted
from support.trees import GRUB_CFG

FSI, PDI = "\u2068", "\u2069"
TITLES = {
    "Chinese": "德班系统核心启动菜单条目" * 9,
    "Japanese": "デビアン グヌー・リナックス、カーネルで起動する " * 4,
    "Korean": "데비안 리눅스 커널로 부팅",
    "Korean letters": "\u1103\u1166\u1107\u1175\u110b\u1161\u11ab",
    "emoji": "🐧 Debian 🚀🚀",
    "combining": "De\u0301bia\u0308n " + "e\u0323\u0301" * 30,
    "Thai": "ระบบปฏิบัติการ",
    "Hebrew": "דביאן 12 (ליבה 6.1)",
    "Arabic": "ديبيان ١٢ 12",
    "long Hebrew": "מערכת הפעלה דביאן עם ליבה 6.1 " * 6,
    "mixed": "Debian דביאן 德班 12",
    "full width": "Ｄｅｂｉａｎ",
}
# Of scripts that have not changed since the oldest Unicode that Python 3.6 and any C library here have.
ALPHABET = "".join(sorted(set(
    "".join(TITLES.values()) + "aZ09 .:/-_äßéЖΩ€→│░한글漢字カナｶﾅ가각힣\u0300\u0483\u05b0\u064b\u093f\u0e31\u20dd")))


@pytest.fixture(scope="module")
def of_the_c_library():
    """The C library's wcwidth, which terminals are written against."""
    before = locale.setlocale(locale.LC_CTYPE)
    for name in ("C.UTF-8", "C.utf8", "en_US.UTF-8"):
        try:
            locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            continue
        yield lambda text: sum(ctypes.CDLL(None).wcwidth(ord(character)) for character in text)
        locale.setlocale(locale.LC_CTYPE, before)
        return
    wanted.skip("a locale with UTF-8")


def test_each_character_is_as_wide_as_the_c_library_says(of_the_c_library):
    wrong = [hex(ord(character)) for character in ALPHABET if width(character) != of_the_c_library(character)]
    assert wrong == []


@settings(max_examples=300, deadline=None)
@given(st.text(ALPHABET, max_size=120), st.integers(20, 100), st.sampled_from(["", "    ", " " * 12]))
def test_wrapped_text_fits_and_loses_nothing(text, limit, indent):
    lines = wrap(indent + isolated(text), limit, indent)
    assert "".join(re.sub("[{}{}]".format(FSI, PDI), "", "".join(lines)).split()) == "".join(text.split())
    assert all(line.count(FSI) == line.count(PDI) and line.find(FSI) <= line.find(PDI) for line in lines)
    for line in lines:
        narrow = re.split("[^\u0000-\u1100\u2000-\u2e7f]", line)[-1].split()[-1:]  # a word that cannot be broken ends the line
        assert width(line) <= limit or width("".join(narrow)) > limit - len(indent) - 2 or len(line.split()) <= 1, (line, lines)


@pytest.mark.parametrize("name", list(TITLES))
def test_columns_stay_aligned(name):
    rows = [("*", isolated(TITLES[name]), "x"), (" ", "plain", "x")]
    ends = {width(line[:-1]) for line in columns(rows)}
    assert len(ends) == 1
    assert width(pad(isolated("א"), 9)) == 9


def test_the_last_column_goes_on_below_itself():
    assert columns([("a", "one two three"), ("bcd", "x")], 12) == ["a    one two", "     three", "bcd  x"]


@pytest.mark.parametrize("title", ["Hebrew", "Arabic", "long Hebrew", "mixed"])
def test_what_runs_from_right_to_left_moves_nothing_else(title, guest, pvhready):
    """A terminal shows a line by the rules of Unicode (UAX 9): all outside of the marks keeps its place, whatever is between them."""
    directory = guest({GRUB_CFG: MENU.format(TITLES[title])})
    for arguments in (("entries", "--root", directory), ("check", "--root", directory)):
        for line in pvhready(*arguments).out.splitlines():
            outside = re.sub("{}[^{}]*{}".format(FSI, PDI, PDI), "", line)
            assert not [character for character in outside if unicodedata.bidirectional(character) in ("R", "AL", "AN")], line
    report = pvhready.check(directory)
    assert report["boot"]["default"]["title"].split() == TITLES[title].split()  # programs get what is there


def test_a_command_to_copy_has_no_marks():
    from pvhready.report.text import shell

    assert shell(("rm", "/boot/גרעין")) == "rm '/boot/גרעין'"


MENU = """\
set timeout=0
menuentry '{}' {{
 linux /boot/vmlinuz-6.1.0-50-amd64 root=/dev/xvda1 console=hvc0
 initrd /boot/initrd.img-6.1.0-50-amd64
}}
"""


@pytest.mark.parametrize("name", list(TITLES))
def test_a_menu_in_any_script_fits(name, guest, pvhready):
    directory = guest({GRUB_CFG: MENU.format(TITLES[name])})
    for arguments in (("check", "-v"), ("entries",)):
        assert_fits(pvhready(*arguments, "--root", directory, environment={"COLUMNS": "80"}).out)


def assert_fits(text, limit=80):
    """Only a word that is too long by itself may stand out: a path, or a quoted argument of a command, is to be copied."""
    for line in text.splitlines():
        is_of_a_file = line.startswith(("    - ", "    + "))  # what undo would take out of it
        if width(line) > limit and not is_of_a_file:
            indent = len(line) - len(line.lstrip())
            last = re.split(r" (?=(?:[^']*'[^']*')*[^']*$)", line.rstrip(" \\"))[-1]  # quoted words have blanks
            assert width(last) > limit - max(indent, 22) - 6, line


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NAMES))
def test_whatever_is_said_of_an_example_fits(name, tmp_path, pvhready):
    make(name, str(tmp_path))
    root = ("--root", str(tmp_path), "--assume-guest", "pv")
    for arguments in (("check", "-v"), ("plan", "-v"), ("kernels",), ("entries",), ("undo",), ("undo", "--keep-pv"), ("check", "-q")):
        assert_fits(pvhready(*arguments, *root, environment={"COLUMNS": "80"}).out.replace(str(tmp_path), "/mnt"))


@pytest.mark.parametrize("command", [()] + [(name,) for name in COMMANDS])
def test_help_fits(command, pvhready):
    assert_fits(pvhready(*command, "--help", environment={"COLUMNS": "80"}).out)


def test_lists_fit(pvhready):
    for arguments in (("explain",), ("demo", "--list"), ("demo",)):
        assert_fits(pvhready(*arguments, environment={"COLUMNS": "80"}).out)
