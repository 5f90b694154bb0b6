"""/etc/default/grub against the shells themselves."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.facts import Defaults, Problem
from pvhready.probes.defaults import parse_defaults, read_defaults
from pvhready.root import Root

SHELLS = [path for path in map(shutil.which, ("dash", "bash", "busybox")) if path]
MAIN = "/etc/default/grub"

DEBIAN = """# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.

GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
#GRUB_TERMINAL=console
# Don't use graphics
GRUB_BADRAM="0x01234567,0xfefefefe"
"""


def write(top: Path, path: str, text: str) -> None:
    place = top / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode("utf-8", "surrogateescape"))


def read(top: Path) -> Defaults:
    with Root(str(top)) as root:
        return read_defaults(root)


def test_debian(tmp_path: Path) -> None:
    write(tmp_path, MAIN, DEBIAN)
    assert read(tmp_path) == Defaults(
        {"GRUB_DEFAULT": "0", "GRUB_TIMEOUT": "5", "GRUB_CMDLINE_LINUX_DEFAULT": "quiet", "GRUB_CMDLINE_LINUX": "",
         "GRUB_BADRAM": "0x01234567,0xfefefefe"},
        {"GRUB_DEFAULT": MAIN + ":4", "GRUB_TIMEOUT": MAIN + ":5", "GRUB_CMDLINE_LINUX_DEFAULT": MAIN + ":7",
         "GRUB_CMDLINE_LINUX": MAIN + ":8", "GRUB_BADRAM": MAIN + ":11"},
        None,  # what the distributor is called is no news
        {"GRUB_DISTRIBUTOR": Problem(MAIN + ":6", "what a command prints")},
    )


def test_fragments_come_after_in_order(tmp_path: Path) -> None:
    write(tmp_path, MAIN, 'GRUB_CMDLINE_LINUX="a"\nGRUB_TIMEOUT=1\n')
    write(tmp_path, MAIN + ".d/50-cloud.cfg", 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=hvc0"\n')
    write(tmp_path, MAIN + ".d/60-kdump.cfg", '\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX crashkernel=128M"\nGRUB_TIMEOUT=2')
    for name in ("99-off.cfg.dpkg-old", ".hidden.cfg", "README"):
        write(tmp_path, MAIN + ".d/" + name, "GRUB_TIMEOUT=9\n")
    (tmp_path / "etc/default/grub.d/70-gone.cfg").symlink_to("/nowhere")
    found = read(tmp_path)
    assert found.values == {"GRUB_CMDLINE_LINUX": "a console=hvc0 crashkernel=128M", "GRUB_TIMEOUT": "2"}
    assert found.sources == {"GRUB_CMDLINE_LINUX": MAIN + ".d/60-kdump.cfg:2", "GRUB_TIMEOUT": MAIN + ".d/60-kdump.cfg:3"}
    assert found.problem is None


def test_no_files(tmp_path: Path) -> None:
    assert read(tmp_path) == Defaults()


@pytest.mark.parametrize("path", [MAIN, MAIN + ".d/90-late.cfg"])
def test_a_file_that_cannot_be_read_leaves_nothing_known_before_it(tmp_path: Path, path: str) -> None:
    write(tmp_path, MAIN + ".d/10-early.cfg", "GRUB_A=1\nGRUB_B=1\n")
    write(tmp_path, MAIN + ".d/95-last.cfg", "GRUB_B=2\n")
    (tmp_path / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(str(tmp_path / path.lstrip("/")))
    found = read(tmp_path)
    assert found.problem == Problem(path, "is a FIFO, not a file")
    assert found.values == ({"GRUB_A": "1", "GRUB_B": "2"} if path == MAIN else {"GRUB_B": "2"})


def test_the_size_of_all_is_bounded(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, MAIN + ".d/{}.cfg".format(number), "#" * 60000 + "\nGRUB_A=1\n")
    problem = read(tmp_path).problem
    assert problem and problem.reason.startswith("larger than")


KNOWN = [
    ("GRUB_A=x", "x"), ("GRUB_A=", ""), ("GRUB_A='a b'", "a b"), ('GRUB_A="a b"', "a b"), ("  GRUB_A=x  # why", "x"),
    ("GRUB_A=a#b", "a#b"), ("GRUB_A='$x'", "$x"), ('GRUB_A="\\$x \\"y\\" \\z \\\\"', '$x "y" \\z \\'), ("GRUB_A=a\\ b", "a b"),
    ("GRUB_A=a'b'\"c\"d", "abcd"), ("GRUB_A=\"a\\\nb\"", "ab"), ("GRUB_A=a\\\nb", "ab"), ("GRUB_A='a\nb'", "a\nb"),
    ("GRUB_A=1\nGRUB_A=2", "2"), ("GRUB_A=1; GRUB_A=2", "2"), ("GRUB_B=1 GRUB_A=2", "2"), ("export GRUB_A=1", "1"),
    ("GRUB_A=1\nexport GRUB_A", "1"), ('export GRUB_A="a b" GRUB_B', "a b"), ('GRUB_A=1\nGRUB_A="$GRUB_A 2"', "1 2"),
    ("GRUB_A=1\nGRUB_A=${GRUB_A}2", "12"), ('GRUB_A="$GRUB_B x"', " x"), ("x=1\nGRUB_A=$x$x", "11"), ("GRUB_A=a$", "a$"),
    ("GRUB_A=1\necho hi\ntrue", "1"), ("echo 'GRUB_A=2'\nGRUB_A=1", "1"), ("GRUB_A=1\n# GRUB_A=2", "1"), ("GRUB_A=x=y", "x=y"),
    ("GRUB_A=*", "*"), ("cat <<E\nGRUB_A=2\nE\nGRUB_A=1", "1"), ("if true; then :; fi\nGRUB_A=1", "1"), ("GRUB_A=1\nreturn\nGRUB_A=2", "1"),
    ("f() {\n  GRUB_A=2\n}\nGRUB_A=1", "1"), ("GRUB_A=1\nexec 2>/dev/null", "1"), ("GRUB_A=1 || true", "1"),
    ("GRUB_A=\udcff", "\udcff"), ("GRUB_A=1\r\n", "1\r"), ("GRUB_A=`echo 2`\nGRUB_A=1", "1"),
]


def run(shell: str, text: str, names: Tuple[str, ...]) -> Dict[str, str]:
    """Let a shell read the text, without programs and files, and print what is set. A name that is not set is not there."""
    print_all = "".join('[ -z "${{{0}+x}}" ] || builtin_print {0} "${{{0}}}"\n'.format(name) for name in names)
    script = 'builtin_print() { printf "%s=%s\\001" "$1" "$2"; }\nread_it() { . ./file; }\n'
    script += 'read_it >/dev/null 2>&1\n' + print_all
    command = [shell, "sh", "-c", script] if shell.endswith("busybox") else [shell, "-c", script]
    with open("file", "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    null = subprocess.DEVNULL
    done = subprocess.run(command, stdin=null, stdout=subprocess.PIPE, stderr=null, env={"PATH": "/nowhere"}, timeout=20)
    pairs = [item.partition("=") for item in done.stdout.decode("utf-8", "surrogateescape").split("\x01")[:-1]]
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("text, value", KNOWN)
def test_known_values(text: str, value: str) -> None:
    found = parse_defaults(text)
    assert found.values.get("GRUB_A") == value
    assert found.problem is None


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("text, value", KNOWN)
def test_shells_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, text: str, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(shell, text, ("GRUB_A",)) == {"GRUB_A": value}


@pytest.mark.parametrize("text, place, reason", [
    ('GRUB_A="$(uname -r)"', 1, "what a command prints"),
    ("\n\nGRUB_A=`uname -r`", 3, "what a command prints"),
    ('GRUB_A="${GRUB_B:-x}"', 1, "an expansion that is not followed"),
    ("GRUB_A=$((1+1))", 1, "an expansion that is not followed"),
    ("GRUB_A=$'x'", 1, "an expansion that is not followed"),
    ('GRUB_A="$HOME"', 1, "depends on HOME, which is not set here"),
    ("GRUB_B=`x`\nGRUB_A=$GRUB_B", 1, "what a command prints"),
    ("GRUB_A=~", 1, "holds a tilde, which a shell may expand"),
    ("if [ -e /x ]; then\n  GRUB_A=1\nfi", 2, "set only under a condition"),
    ("[ -e /x ] && GRUB_A=1", 1, "set only under a condition"),
    ("GRUB_A=0\ncase x in\nx) GRUB_A=1;;\nesac", 3, "set only under a condition"),
    ("for GRUB_A in 1 2; do :; done", 1, "set by for"),
    ("{ GRUB_A=1; }", 1, "set only under a condition"),
    ("(GRUB_B=1; GRUB_A=1)", 1, "set only under a condition"),
    ("GRUB_A=1 | cat", 1, "set only under a condition"),
    ("GRUB_A=console=hvc0 quiet", 1, "followed by a command"),
    ("read GRUB_A", 1, "set by read"),
    (": ${GRUB_A:=1}", 1, "set by ${GRUB_A:=1}"),
    ("GRUB_A=1\n. /etc/other", 2, ". may set any variable"),
    ("GRUB_A=1\neval $x", 2, "eval may set any variable"),
    ("GRUB_A=1\nf() { GRUB_A=2; }\nf", 3, "f may set any variable"),
    ("GRUB_A=1\n[ -e /x ] || exit 0\nGRUB_A=2", 2, "exit ends the reading"),
    ("export $x\nGRUB_A=$GRUB_B", 1, "export may set any variable"),
    ("GRUB_A=1\nGRUB_B='", 2, "not a shell script: a quote does not end"),
    ("GRUB_A=1\nfi", 2, "not a shell script: it closes what it never opened"),
])
def test_what_is_not_known(text: str, place: int, reason: str) -> None:
    found = parse_defaults(text)
    assert "GRUB_A" not in found.values and "GRUB_A" not in found.sources
    assert found.problem == Problem("{}:{}".format(MAIN, place), reason)


def test_a_file_that_breaks_off_is_not_known() -> None:
    found = parse_defaults("GRUB_A=1\nif true; then\nGRUB_B=2\n")
    assert found.values == {}
    assert found.problem == Problem(MAIN, "not a shell script: it ends within a compound command")


def test_appending() -> None:
    """Bash alone can; to dash it is the name of a program."""
    assert parse_defaults('GRUB_A="a"\nGRUB_A+=" b"').values == {"GRUB_A": "a b"}


def test_values_that_double() -> None:
    found = parse_defaults("GRUB_A=xxxxxxxx\n" + "GRUB_A=$GRUB_A$GRUB_A\n" * 200)
    assert found.values == {}


PIECES = [
    "GRUB_A=", "GRUB_B=", "$GRUB_A", "${GRUB_B}", '"', "'", "\\", " ", "\n", "; ", "#", "x", "y=", "=", "export ", "\nif true; then ",
    "\nif false; then ", "; fi\n", " && ", " || ", "unset GRUB_A", "\n{ ", "; }\n", "false", "true", "${GRUB_A:=z}", "$", "*", "~",
    "eval ", "f() {", "\nf\n", "return\n", "exit\n", "(", ")", "\nfor GRUB_B in a b; do ", "; done\n", "\ncase x in x) ", ";; esac\n",
    "read GRUB_A", ". ./none\n", "command ", "!", "GRUB_A=a\n", "GRUB_B='a b'\n", 'GRUB_A="$GRUB_B c"\n', "readonly ", "alias f=", "$((1))",
]


STATEMENTS = [
    "GRUB_A=1", "GRUB_B='a b'", 'GRUB_A="$GRUB_B c"', "GRUB_B=${GRUB_A}x", 'export GRUB_A="$GRUB_A y"', "unset GRUB_A", "export GRUB_B",
    "if true; then GRUB_A=2; fi", "if false\nthen\nGRUB_A=3\nelse GRUB_B=3; fi", "true && GRUB_A=4", "false && GRUB_A=5",
    "GRUB_A=6 || true",
    "{ GRUB_B=7; }", "(GRUB_A=8; GRUB_B=8)", "for x in a b; do GRUB_A=$x; done", "case x in (x) GRUB_A=9;; y) GRUB_B=9;; esac",
    "f() { GRUB_A=10; }", "f() (GRUB_A=11)", "f", "eval GRUB_A=12", "GRUB_A=13 true", "GRUB_A=14 :", "GRUB_A=$(echo 15)", "return",
    "GRUB_A=16 | true", "true | GRUB_A=17", "GRUB_A=18 & wait", "read GRUB_A <<E\nx\nE", ": ${GRUB_A:=19}", "GRUB_A=\\$20",
    "command eval GRUB_A=21",
    "GRUB_A=22 # 'x", "! GRUB_A=23", "while false; do GRUB_A=24; done", "GRUB_B=\"a\\\nb'c\"",
    "export GRUB_A=25 GRUB_B=$GRUB_A", "alias f=eval",
    "GRUB_A=26;GRUB_B=27", "x=28 GRUB_A=$x", "getopts a GRUB_A", "cat <<'E' >/dev/null\nGRUB_A=29\nE",
    "GRUB_A=30 >/dev/null", "exec >/dev/null",
]


@pytest.mark.skipif(not SHELLS, reason="no shell is here to be the oracle")
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=14) | st.lists(st.sampled_from(STATEMENTS).map("{}\n".format), max_size=6),
    st.sampled_from(SHELLS),
)
def test_what_is_known_is_what_a_shell_has(tmp_path_factory: pytest.TempPathFactory, pieces: List[str], shell: str) -> None:
    """Whatever the text, a value that is known is the shell's. (A shell that gives up half way would end grub-mkconfig too.)"""
    text = "".join(pieces)
    found = parse_defaults(text)
    names = ("GRUB_A", "GRUB_B", "END")
    old = os.getcwd()
    os.chdir(str(tmp_path_factory.getbasetemp()))
    try:
        theirs = run(shell, text + "\nEND=1\n", names)
    finally:
        os.chdir(old)
    if "END" in theirs:
        for name in names[:2]:
            assert name in found.unknown or found.problem or found.values.get(name) == theirs.get(name)
            assert name not in found.values or found.values[name] == theirs.get(name)
