"""The documentation: nothing to type that there is not, no link that leads nowhere, the example of CONTRIBUTING.md, the picture."""

import html
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from pvhready.cli import main
from pvhready.demo.guests import make
from pvhready.options import COMMANDS, DEFAULT
from support import documented, wanted

TOP = documented.TOP
PAGES = documented.pages()


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page):
    """So that no command hides in a block that the tests take for something else."""
    assert [block for block in documented.blocks(page) if block.language not in documented.LANGUAGES] == []
    outside = documented.sentences(page)
    assert "```" not in outside
    assert not re.search(r"^\n {4,}\S", outside.replace("\n   ", "\n"), re.MULTILINE)


def test_the_code_for_programs_runs(tmp_path):
    """The blocks in Python, one after the other, with an example in place of the guest."""
    folder = str(tmp_path / "guest")
    make("ubuntu-20.04-hack", folder)
    code = "\n".join(block.text for page in PAGES for block in documented.blocks(page) if block.language == "python")
    program = "mounted = [{0!r}]\n{1}".format(folder, code.replace("/mnt/guest", folder))
    said = subprocess.run([sys.executable, "-c", program], cwd=TOP, stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    assert said.startswith("not-ready ") and "image-not-bzimage" in said and said.endswith(folder + " not-ready\n")


def _words_of_ours(typed):
    """The arguments of each call of the program in a line to type."""
    for call in re.findall(r"(?:^|[\s/])pvhready((?: +[^&|;>]+)?)(?=$|[&|;>])", typed.partition(" # ")[0]):
        words = shlex.split(call)
        if not words or words[0] in COMMANDS or words[0].startswith("-"):
            yield words


OF_THE_EXAMPLE = "cmdline-quiet"  # the check that CONTRIBUTING.md adds
IN_BLOCKS = [command for page in PAGES for command in documented.commands(page) if OF_THE_EXAMPLE not in command.typed]
TYPED = sorted({(command.page, command.typed) for command in IN_BLOCKS + list(documented.of_manual())}
               | {(page, typed) for page in PAGES for typed in documented.in_sentences(page)})


def test_commands_are_found():
    ours = [typed for _, typed in TYPED if list(_words_of_ours(typed))]
    assert len(TYPED) > 100 and len(ours) > 80
    assert list(_words_of_ours("a && /opt/x/bin/pvhready check --root /mnt >x")) == [["check", "--root", "/mnt"]]


@pytest.mark.parametrize("page, typed", TYPED)
def test_what_is_to_be_typed_is_understood(page, typed, monkeypatch, capsys):
    """Every command and option exists. Placeholders in capitals stand for what the reader puts there."""
    asked = []
    monkeypatch.setattr("pvhready.commands.run", lambda options: asked.append(options) or 0)
    for words in _words_of_ours(typed):
        words = ["apt" if word == "KIND" else "image-form" if word == "ID" else word for word in words]
        words = [word.strip("[]").replace("...", "") for word in words]
        if words == ["--version"]:
            continue  # argparse ends the process
        code = main(words)
        assert code == 0 and asked.pop().command == (words[0] if words and words[0] in COMMANDS else DEFAULT), capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", documented.sentences(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        assert os.path.exists(os.path.join(TOP, path)), target
        if anchor:
            heads = [line.lstrip("# ").lower() for line in documented.read(path).splitlines() if line.startswith("#")]
            assert anchor in [re.sub(r"[^\w -]", "", head).replace(" ", "-") for head in heads], target


def test_the_index_has_every_page():
    index = documented.read("docs/index.md")
    for page in PAGES:
        if page.startswith("docs/") and page != "docs/index.md":
            assert "({})".format(os.path.basename(page)) in index, page


def test_nothing_is_said_of_where_this_was_written():
    for page in PAGES:
        assert not re.search(r"/tmp/wt|/work/|worktree", documented.read(page)), page


def test_the_picture_is_a_run_of_today(pvhready):
    """Word by word. The colours are rich's."""
    with open(os.path.join(TOP, "docs", "check.svg"), encoding="utf-8") as handle:
        picture = handle.read()
    lines = {}
    for place, text in re.findall(r'<text class="pvhready-r\d+" x="[\d.]+" y="([\d.]+)"[^>]*>([^<]*)</text>', picture):
        lines.setdefault(float(place), []).append(html.unescape(text).replace("\u00a0", " ").strip())
    shown = ["".join("".join(lines[place]).split()) for place in sorted(lines)]
    said = pvhready("demo", "ubuntu-20.04-hack", environment={"COLUMNS": "80"}).out
    expected = ["".join(line.split()) for line in ["# pvhready demo ubuntu-20.04-hack"] + said.splitlines()]
    assert [line for line in shown if line] == [line for line in expected if line], "contrib/picture.py"
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")  # nothing is asked for elsewhere


def test_the_first_screen_of_the_readme_is_what_the_program_says(pvhready):
    """Can I switch, why not, what do I type now?"""
    sample = next(block.text for block in documented.blocks("README.md") if block.language == "text")
    said = pvhready("demo", "-q", "ubuntu-20.04-hack").out
    assert all(line in said for line in sample.splitlines()[1:])
    assert documented.read("README.md").index("What do I type now?") < 1200


def test_the_example_of_contributing_works_as_written(tmp_path):
    """The diff applies, its test passes, and fails without the rule; what is told to be typed after it does what it should."""
    patch = next(block.text for block in documented.blocks("CONTRIBUTING.md") if block.language == "diff")
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", ".tests-cache", "__pycache__", ".*_cache", ".hypothesis", "corpus", "data", "boots")
    shutil.copytree(os.path.join(TOP, "tests"), str(source / "tests"), ignore=ignored)
    shutil.copytree(os.path.join(TOP, "pvhready"), str(source / "pvhready"), ignore=shutil.ignore_patterns("__pycache__"))
    (source / "docs").mkdir()
    (source / "quiet.diff").write_text(patch)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text('#!/bin/sh\nexec "{}" "$@"\n'.format(sys.executable))
    (tmp_path / "bin" / "python3").chmod(0o755)
    environment = dict(os.environ, PATH="{}:{}".format(tmp_path / "bin", os.environ["PATH"]), PYTHONDONTWRITEBYTECODE="1")
    environment.pop("PYTHONPATH", None)
    wanted.tool("git", "git")

    def run(typed):
        process = subprocess.run(
            ["sh", "-c", typed], cwd=str(source), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            universal_newlines=True)
        return process.returncode, process.stdout

    typed = [command.typed for command in documented.commands("CONTRIBUTING.md")]
    after = typed[typed.index("git apply quiet.diff"):]
    assert len(after) == 4 and "pytest" in after[-1]
    for command in after:
        code, text = run(command)
        assert code == 0, text
    assert "### cmdline-quiet\n" in (source / "docs" / "checks.md").read_text()
    rules = source / "pvhready" / "rules" / "cmdline.py"
    rules.write_text(rules.read_text().replace('argument.name == "quiet"', "False"))
    code, text = run(after[-1])
    assert code == 1 and "1 failed, 2 passed" in text, text
