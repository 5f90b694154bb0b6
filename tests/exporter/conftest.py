"""What the tests of the exporter share."""

from typing import Any

import pytest

from pvhready.demo.guests import make


@pytest.fixture
def machine(tmp_path: Any) -> str:
    """The directory of a guest that is ready."""
    folder = tmp_path / "guest"
    folder.mkdir()
    make("debian-12", str(folder))
    return str(folder)
