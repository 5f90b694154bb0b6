"""Tests that cannot run here for want of a tool or a download: skipped, and never in silence."""

import os
import shutil
from typing import NoReturn

import pytest

PREFIX = "WANTED: "


def skip(what: str) -> NoReturn:
    """Skip the running test, because ``what`` is not to be had; the summary at the end of the run repeats it."""
    pytest.skip(PREFIX + what)


def tool(name: str, package: str) -> str:
    """Return the path of the program ``name``, or skip the test and name the Debian package that has it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        skip("{} (Debian package {})".format(name, package))
    return path


def root() -> None:
    """Skip the test unless root runs it."""
    if os.geteuid() != 0:
        skip("root's rights")
