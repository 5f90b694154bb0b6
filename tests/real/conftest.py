"""The Debian package, built once for all tests that install it. It is always built on Debian 12."""

import os
import shutil

import pytest

from support import chroots


@pytest.fixture(scope="session")
def builder():
    """A chroot with all that builds packages."""
    return chroots.builder("bookworm")


@pytest.fixture(scope="session")
def changes(builder):
    """The path of the .changes, on this machine."""
    made = chroots.build(builder, name="build-{}".format(os.getpid()))
    yield made
    shutil.rmtree(os.path.dirname(made))


@pytest.fixture(scope="session")
def repository(builder, changes):
    """A folder with the package that apt takes for an archive."""
    folder = os.path.dirname(changes)
    builder.demand("sh", "-c", 'cd "$1" && dpkg-scanpackages . >Packages', "sh", builder.inside(folder))
    return folder
