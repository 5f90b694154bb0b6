"""The rpm package of this clone, as Debian's rpmbuild makes it."""

import os
import shutil
import subprocess
import sys
from typing import Sequence

from support import wanted

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPEC = os.path.join(TOP, "rpm", "pvhready.spec")
_NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".tests-cache", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", ".coverage*", "build", "dist")


def demand(words: Sequence[str], folder: str = TOP) -> str:
    """Run a program that must not fail, and return what it wrote."""
    result = subprocess.run(
        words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, (words, result.stdout[-3000:])
    return result.stdout


def build(top: str) -> str:
    """Build it below the folder ``top`` and return its path. Skips the test where rpmbuild is not to be had."""
    wanted.tool("rpmbuild", "rpm")
    source = os.path.join(top, "source")
    shutil.copytree(TOP, source, ignore=_NOT_SOURCE)
    demand([sys.executable, "setup.py", "-q", "sdist", "-d", os.path.join(top, "SOURCES")], source)
    demand(["rpmbuild", "--quiet", "--define", "_topdir " + top, "--define", "__python3 " + sys.executable, "-bb", SPEC])
    folder = os.path.join(top, "RPMS", "noarch")
    (name,) = os.listdir(folder)
    return os.path.join(folder, name)
