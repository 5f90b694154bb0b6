"""The script language: words, variables, statements, commands."""

import pytest
from grub_disk import screen
from scripts import FILES, SCRIPTS, normal


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script(name):
    script, expected = SCRIPTS[name]
    assert normal(screen(script, FILES)) == normal(expected)
