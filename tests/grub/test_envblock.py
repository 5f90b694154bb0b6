"""The environment block."""

import pytest
from grub_disk import grubenv

from pvhready.grub import envblock
from pvhready.grub.devices import Failure


@pytest.mark.parametrize("lines, expected", [
    ("", {}),
    ("saved_entry=B\nnext_entry=\n", {"saved_entry": "B", "next_entry": ""}),
    ("a=b=c\n", {"a": "b=c"}),
    ("a=b\\\\c\\\nd\n", {"a": "b\\c\nd"}),
    ("# a comment = b\na=1\n", {"a": "1"}),
    ("a=1\na=2\n", {"a": "2"}),
    ("a=1\nb=cut off", {"a": "1"}),
])
def test_variables(lines, expected):
    assert envblock.parse(grubenv(lines).encode()) == expected


@pytest.mark.parametrize("block", [b"", b"saved_entry=B\n" + b"#" * 1010, b"# GRUB Environment Block", b"# GRUB Environment Block\n"])
def test_no_block(block):
    with pytest.raises(Failure) as caught:
        envblock.parse(block)
    assert caught.value.text == "invalid environment block."
