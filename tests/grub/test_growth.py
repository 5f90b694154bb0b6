"""The work that a menu takes grows as the menu does. Function calls are counted, of Python's and of its library, not time."""

import sys

import pytest

from pvhready.demo.menus import debian_menu
from pvhready.facts import Mount, Storage
from pvhready.host import profile
from pvhready.probes.menu import read_menu
from pvhready.root import Root

UUID = "0f9ef5d5-3c3b-4a5c-9d6a-6a8d3c1b2e70"
STORAGE = Storage(fstab=(Mount("/", "UUID=" + UUID, "ext4"),))
HEAD = "search --fs-uuid --set=root " + UUID + "\n"


def small(count):
    """Many small entries."""
    return HEAD + "".join("menuentry 'e{0}' --id i{0} {{\n linux /boot/vmlinuz n={0}\n}}\n".format(number) for number in range(count))


def nested(count):
    """A submenu for every ten entries."""
    groups = range(count // 10)
    entry = "menuentry 'e{0}' {{ linux /boot/vmlinuz n={0}; initrd /boot/initrd.gz; }}\n"
    return HEAD + "".join(
        "submenu 's{}' {{\n{}}}\n".format(group, "".join(entry.format(10 * group + number) for number in range(10))) for group in groups)


def failing(count):
    """Entries with errors, each its own."""
    return HEAD + "".join("menuentry 'e{0}' {{ nosuch{0}; linux /boot/nosuch{0}; }}\n".format(number) for number in range(count))


def debian(count):
    """Entries as Debian writes them, in one submenu but the first."""
    return debian_menu(["6.1.0-{}-amd64".format(number) for number in range(count - 1)], UUID, "console=hvc0")


def calls(directory, text, count):
    """Return how many functions are called to read a menu."""
    folder = directory / "boot" / "grub"
    folder.mkdir(parents=True, exist_ok=True)
    (directory / "boot" / "vmlinuz").write_text("x")
    (folder / "grub.cfg").write_text(text)
    made = 0

    def called(frame, event, argument):
        nonlocal made
        made += event in ("call", "c_call")

    with Root(str(directory)) as root:
        sys.setprofile(called)
        try:
            menu = read_menu(root, profile("debian-12"), "xen_pvh", STORAGE)
        finally:
            sys.setprofile(None)
    assert len(menu.entries) == count, menu.problem
    return made


@pytest.mark.parametrize("make", [small, nested, failing, debian])
def test_the_calls_for_an_entry_do_not_grow(make, tmp_path):
    assert _grown(make, 100, 1000, tmp_path) <= 1.02


@pytest.mark.slow
@pytest.mark.parametrize("make", [small, debian])
def test_nor_with_ten_thousand_entries(make, tmp_path):
    assert _grown(make, 1000, 10000, tmp_path) <= 1.02


def _grown(make, few, many, directory):
    """Return how many more calls an entry takes when there are many."""
    return calls(directory, make(many), many) / many / (calls(directory, make(few), few) / few)
