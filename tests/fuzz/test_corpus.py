"""Every input that is kept goes through its target, under the limits of time and memory that fuzzing has."""

import os
import subprocess
import sys

import pytest

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
_TARGETS = sorted(os.listdir(os.path.join(_HERE, "corpus")))


def _fuzz(*words):
    command = [sys.executable, "-m", "tests.fuzz"] + list(words)
    return subprocess.run(command, cwd=_TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


@pytest.mark.parametrize("target", _TARGETS)
def test_what_is_kept(target):
    directory = os.path.join(_HERE, "corpus", target)
    done = _fuzz(target, *sorted(os.path.join(directory, name) for name in os.listdir(directory)))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", _TARGETS)
def test_some_mutations(target):
    done = _fuzz(target, "--plain", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert "none failed" in done.stdout
