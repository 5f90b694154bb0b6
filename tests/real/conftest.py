"""The Debian package, built once for all tests that install it. It is always built on Debian 12."""

import os

import pytest

from support import chroots


@pytest.fixture(scope="session")
def builder():
    """A chroot with all that builds packages."""
    return chroots.builder("bookworm")


@pytest.fixture(scope="session")
def changes(builder):
    """The path of the .changes, on this machine."""
    return chroots.build(builder)


@pytest.fixture(scope="session")
def repository(builder, changes):
    """A folder with the package that apt takes for an archive."""
    builder.demand("sh", "-c", "cd /build && dpkg-scanpackages . >Packages")
    return os.path.dirname(changes)
