"""The releases of Debian that the tests of whole systems run in."""

import os

import pytest

NAMED = tuple(os.environ.get("PVHREADY_TESTS_SUITES", "").split())
SUITES = NAMED or ("bookworm",)
# Where none is named, as in CI, a part of the tests runs in one release.
only_named = pytest.mark.skipif(not NAMED, reason="only where PVHREADY_TESTS_SUITES names releases (docs/packages.md)")
