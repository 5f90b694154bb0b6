"""The shells' completion: what shtab makes of the argument parser today, tried in the shells themselves."""

import importlib.util
import os
import pty
import re
import select
import subprocess
import time

import pytest

from pvhready.options import COMMANDS, GLOBAL
from support import wanted

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "contrib", "completion")
FILES = {"bash": "pvhready.bash", "zsh": "_pvhready", "fish": "pvhready.fish"}
TYPED = {  # what is typed before the tab, and what stands there after it
    "pvhready expl": "pvhready explain",
    "pvhready check --tar": "pvhready check --target",
    "pvhready --assume-guest pvh ch": "pvhready --assume-guest pvh check",
    "pvhready check --format nag": "pvhready check --format nagios",
    "pvhready undo --swi": "pvhready undo --switching",
    "pvhready explain image-not-b": "pvhready explain image-not-bzimage",
    "pvhready check --skip console-s": "pvhready check --skip console-silent",
    "pvhready entries --host debian-si": "pvhready entries --host debian-sid",
    "pvhready demo alp": "pvhready demo alpine-extlinux",
    "pvhready image a-fil": "pvhready image a-file",
    "pvhready check --root a-fol": "pvhready check --root a-folder/",
}


def read(shell):
    with open(os.path.join(FOLDER, FILES[shell]), encoding="utf-8") as handle:
        return handle.read()


@pytest.mark.parametrize("shell", list(FILES))
def test_the_files_are_what_shtab_makes_of_the_parser(shell):
    if importlib.util.find_spec("shtab") is None:
        wanted.skip("shtab (pip install shtab==1.13.0)")
    spec = importlib.util.spec_from_file_location("make_completion", os.path.join(FOLDER, "make.py"))
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert make.FILES == FILES
    assert make.script(shell) == read(shell), "run contrib/completion/make.py"


@pytest.mark.parametrize("shell", list(FILES))
def test_every_command_and_option_is_there(shell):
    text = read(shell)
    for name, command in COMMANDS.items():
        assert re.search(r"\b{}\b".format(name), text)
        for option in GLOBAL + command.options:
            for value in (option.flags[-1].lstrip("-"),) + (option.choices or ()):
                assert re.search(r"\b{}\b".format(value), text), (name, value)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a-file").write_text("")
    (tmp_path / "a-folder").mkdir()
    return tmp_path


def test_fish_completes(folder):
    """fish says by itself what it would offer."""
    fish = wanted.tool("fish", "fish")
    for typed, wished in TYPED.items():
        script = "source {}; complete -C '{}'".format(os.path.join(FOLDER, FILES["fish"]), typed)
        said = subprocess.check_output([fish, "--no-config", "-c", script], cwd=str(folder), universal_newlines=True)
        assert wished.split()[-1] in [line.split("\t")[0] for line in said.splitlines()], (typed, said)


STAND_IN = 'pvhready() {{ echo "GOT:$*."; }}\n'
START = {
    "bash": (("--norc", "--noprofile", "-i"), 'source "{file}"; bind "set bell-style none"; ' + STAND_IN),
    "zsh": (("-f", "-i"), 'fpath=("{folder}" $fpath); unsetopt beep; autoload -U compinit; compinit -u -D; ' + STAND_IN),
}


@pytest.mark.parametrize("shell", list(START))
def test_the_tab_key_completes(shell, folder):
    """In an interactive shell, where a function stands in for the program and says what it was given."""
    options, prepare = START[shell]
    terminal = Terminal([wanted.tool(shell, shell)] + list(options), str(folder))
    try:
        terminal.type(prepare.format(file=os.path.join(FOLDER, FILES[shell]), folder=FOLDER) + "echo REA''DY\n")
        terminal.wait_for("READY")
        for typed, wished in TYPED.items():
            terminal.type(typed + "\t\n")
            assert terminal.wait_for(r"GOT:([^.]*)\.").strip().rstrip("/") == wished[len("pvhready "):].rstrip("/"), typed
    finally:
        terminal.close()


class Terminal:
    """A program with a terminal of its own."""

    def __init__(self, words, directory):
        environment = {"PATH": os.environ["PATH"], "HOME": directory, "TERM": "dumb", "LC_ALL": "C.UTF-8", "PS1": "> "}
        self._child, self._handle = pty.fork()
        if not self._child:
            os.chdir(directory)
            os.execve(words[0], words, environment)
        self._text = ""

    def type(self, text):
        os.write(self._handle, text.encode())

    def wait_for(self, pattern):
        """Return the group of a match, or all of it, once it is shown; what stood before it is forgotten."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            found = re.search(pattern, self._text)
            if found:
                self._text = self._text[found.end():]
                return found.group(found.lastindex or 0)
            if select.select([self._handle], [], [], 1)[0]:
                self._text += os.read(self._handle, 4096).decode("utf-8", "replace")
        raise AssertionError("{!r} never came: {!r}".format(pattern, self._text))

    def close(self):
        os.close(self._handle)
        os.kill(self._child, 9)
        os.waitpid(self._child, 0)
