"""Every target of fuzzing, for a moment: what is kept of it, some mutations under limits of time and memory, what hypothesis makes up."""

import importlib
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
for _path in (_TOP, os.path.join(_TOP, "tests", "grub")):
    if _path not in sys.path:
        sys.path.insert(0, _path)
_EXAMPLES = int(os.environ.get("PVHREADY_FUZZ_EXAMPLES", "40"))

from tests.fuzz.__main__ import TARGETS  # noqa: E402


def test_every_target_is_known_and_has_a_corpus():
    modules = {name[:-3] for name in os.listdir(_HERE) if name.endswith(".py")} - {"__init__", "__main__", "places", "test_corpus"}
    assert modules == set(TARGETS) == set(os.listdir(os.path.join(_HERE, "corpus")))


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_and_some_mutations(target):
    command = [sys.executable, "-m", "tests.fuzz", target, "--plain", "--seconds", "0.5"]
    done = subprocess.run(command, cwd=_TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stderr
    assert "none failed" in done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_what_hypothesis_makes_up(target):
    module = importlib.import_module("tests.fuzz." + target)
    pieces = st.one_of(st.sampled_from(module.TOKENS), st.binary(max_size=40))

    @settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(pieces, max_size=30))
    def run(parts):
        module.run(b"".join(parts))

    run()
