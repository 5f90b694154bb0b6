"""The quick reading of arguments: whatever it takes, argparse reads the same."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.cli import build_parser
from pvhready.options import COMMANDS, DEFAULT, GLOBAL, first_word, read_plain

FLAGS = sorted({flag for option in GLOBAL + tuple(o for c in COMMANDS.values() for o in c.options) for flag in option.flags})
VALUES = [
    "pv", "pvh", "text", "json", "always", "/mnt", "xen-i386", "debian-12", "entry-kernel", "", "-", "--", "-qv",
    "--root=/mnt", "--ro", "--help",
]
WORDS = st.sampled_from(FLAGS + VALUES + list(COMMANDS))
PARSER = build_parser()


def by_argparse(argv):
    return vars(PARSER.parse_args(argv if argv and argv[0] in COMMANDS else [DEFAULT] + argv))


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(["check", "kernels", "entries", "image", "hook", None]), st.lists(WORDS, max_size=6))
def test_what_is_read_quickly_is_what_argparse_reads(command, words):
    argv = [command] + words if command else words
    options = read_plain(argv)
    if options is not None:
        assert vars(options) == by_argparse(argv)


@pytest.mark.parametrize("argv", [
    [], ["check"], ["--root", "/mnt"], ["check", "--root", "/a", "--root", "/b", "--assume-guest", "pv", "--format", "json", "--deep"],
    ["check", "--skip", "a", "--skip", "b", "--exit-zero", "-q", "-v", "--target", "pv", "--color", "never", "--host", "debian-12"],
    ["kernels", "--format", "json"], ["entries", "--platform", "xen-i386", "--verbose"], ["hook", "apt"],
    ["hook", "kernel-postinst", "6.1.0-1-amd64", "/boot/vmlinuz-6.1.0-1-amd64"], ["hook", "kernel-install", "add", "6.1", "/boot/x", ""],
])
def test_plain_arguments_are_read_quickly(argv):
    options = read_plain(argv)
    assert options is not None and vars(options) == by_argparse(argv)


@pytest.mark.parametrize("argv", [
    ["--help"], ["check", "--hel"], ["--version"], ["check", "--root"], ["check", "--root=/mnt"], ["check", "--format", "xml"], ["chek"],
    ["--root", "/mnt", "check"], ["image", "/boot/vmlinuz"], ["demo"], ["check", "extra"], ["check", "--root", "-x"], ["check", "-qv"],
    ["hook"], ["hook", "apt", "-x"], ["hook", "--help"], ["hook", "-q", "apt"], ["--root", "/mnt", "hook", "apt"],
])
def test_all_else_is_left_to_argparse(argv):
    assert read_plain(argv) is None


@pytest.mark.parametrize("argv, at", [
    ([], 0), (["-q"], 1), (["--root", "check"], 2), (["--root", "check", "image", "x"], 2), (["--root=a", "demo"], 1), (["--root"], 1),
])
def test_the_first_word(argv, at):
    assert first_word(argv) == at


def test_a_check_imports_no_costly_module(tmp_path):
    """What each of these costs is more than what a check does."""
    (tmp_path / "boot").mkdir()
    code = "import sys; from pvhready.cli import main; main(['check', '--root', sys.argv[1]]); print(*sys.modules, file=sys.stderr)"
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    result = subprocess.run(
        [sys.executable, "-S", "-c", code, str(tmp_path)], cwd=top, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    modules = set(result.stderr.split())
    assert "pvhready.survey" in modules
    assert not modules & {"argparse", "typing", "psutil", "packaging", "distro", "magic", "subprocess", "shutil", "json", "lzma", "sqlite3"}


@pytest.mark.parametrize("redirection, code", [("", 0), ("2>&-", 0), (">/dev/full", 74), (">&-", 74), (">&- 2>&-", 74)])
def test_the_process_ends_with_the_exit_code_and_without_a_traceback(redirection, code, tmp_path):
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    command = ["sh", "-c", '"$0" -m pvhready check --root "$1" --exit-zero ' + redirection, sys.executable, str(tmp_path)]
    result = subprocess.run(command, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert result.returncode == code
    assert result.stdout.startswith("pvhready") == (code == 0)
    assert "Traceback" not in result.stderr


def test_a_profile_with_nothing_behind_its_plus(pvhready):
    for text in ("debian-12+", "debian-12++linux16", "debian-12+linux16+"):
        output = pvhready("check", "--host", text)
        assert (output.code, output.out) == (64, "") and "followed by a command" in output.err


def test_a_root_that_is_a_file(tmp_path, pvhready):
    (tmp_path / "disk.img").write_text("")
    output = pvhready("check", "--root", str(tmp_path / "disk.img"))
    assert output.code == 74 and "not a directory" in output.err
