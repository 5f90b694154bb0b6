"""GRUB itself, as grub-emu and grub-script-check, answers the same as this package."""

import os
import shutil
import subprocess

import generated
import grub_emu
import host_disk
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scripts import FILES, SCRIPTS, normal

from pvhready.grub.parser import parse

emulator = pytest.mark.skipif(grub_emu.PROGRAM is None, reason="grub-emu is not installed: GRUB's own answers were not compared")
checker = pytest.mark.skipif(
    shutil.which("grub-script-check") is None, reason="grub-script-check is not installed: syntax errors were not compared")
# A long run takes other scripts each time; without it they are the same each time.
LONG = "PVHREADY_GRUB_SCRIPTS" in os.environ
COUNT = int(os.environ.get("PVHREADY_GRUB_SCRIPTS", "100"))
# GRUB has no ``linux`` in the emulator: this one says what it was told, and leaves GRUB where it would boot.
LINUX = 'function linux {\n  echo "=linux $*"\n  if [ "$1" = /sound ]; then exit; fi\n}\n'
relaxed = settings(
    max_examples=COUNT, deadline=None, derandomize=not LONG, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large])
# GRUB sleeps for some seconds before each fallback.
slow = settings(relaxed, max_examples=COUNT // 2)


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


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A directory that GRUB and this package both see."""
    directory = str(tmp_path_factory.mktemp("grub"))
    generated.write_tree(directory)
    return directory


@emulator
@relaxed
@given(script=generated.scripts())
def test_generated_scripts(disk, script):
    lines = grub_emu.run(disk, "d={}\n{}\necho \"=$a=\" \"=$b=\" \"=$c=\"".format(disk, script))
    ours = host_disk.screen(disk)
    if ours is None:
        return  # endless: GRUB notices that in its own way, or not at all
    assert lines is not None
    assert normal(ours) == normal(map(host_disk.usual, host_disk.without_variables(lines)))


@emulator
@slow
@given(script=generated.menus())
def test_generated_menus(disk, script):
    try:
        lines = grub_emu.boot(disk, LINUX + "timeout=0\n" + script)
    except grub_emu.Crashed:
        return
    assert lines is not None
    ours = host_disk.boot(disk)
    if ours is None:
        return
    tried = [line for line in lines if line.startswith("=linux")]
    expected = [line.rstrip() for entry in ours.tried for line in entry]
    if ours.boots:
        assert expected == [line.rstrip() for line in tried]
    else:
        assert expected == [line.rstrip() for line in tried][:len(expected)]


@emulator
@relaxed
@given(script=generated.menus())
def test_titles_of_generated_menus(disk, script):
    try:
        shown = grub_emu.titles(disk, script)
    except grub_emu.Crashed:
        return
    ours = host_disk.boot(disk)
    if ours is None or not ours.titles:
        return
    assert shown is not None
    assert [title.strip() for title in ours.titles] == shown[:len(ours.titles)]
    assert not any(shown[len(ours.titles):])


@emulator
@relaxed
@given(script=generated.searches())
def test_generated_regular_expressions(disk, script):
    lines = grub_emu.run(disk, script)
    assert lines is not None
    ours = host_disk.screen(disk)
    if any("is not followed" in line for line in ours):
        return
    # What GRUB says of an invalid expression are many different texts.
    assert [line for line in ours if line and line[:5] != "error"] == [line for line in lines if line[:5] != "error"]


@emulator
@relaxed
@given(block=generated.blocks())
def test_generated_environment_blocks(disk, block):
    with open(disk + "/generated.env", "wb") as file:
        file.write(block)
    lines = grub_emu.run(disk, "load_env -f {}/generated.env\necho [$a] [$b] [$c] [$aa] [$ca] [$saved_entry] $?".format(disk))
    assert lines is not None
    assert normal(map(_shown, host_disk.screen(disk))) == normal(map(_shown, lines))


def _shown(line):
    return "".join(line.split())


@checker
@relaxed
@given(script=st.one_of(generated.scripts(), generated.soups(), generated.menus()))
def test_syntax_errors_are_grubs(script, tmp_path_factory):
    script = script.replace("\r", "")  # which GRUB leaves out of a file
    path = tmp_path_factory.getbasetemp() / "checked.cfg"
    path.write_bytes(script.encode())
    answer = subprocess.run(["grub-script-check", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    grub = b"Syntax error" not in answer.stderr
    # grub-script-check reads comment lines as any other, and a line up to a NUL.
    text = "\n".join(line.partition("\0")[0] for line in script.split("\n"))
    text = text[:-1] if text.endswith("\n") else text
    ours = not any(unit.fault for unit in parse(text, from_file=False))
    assert ours == grub
