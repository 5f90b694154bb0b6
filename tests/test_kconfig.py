"""What a configuration's header tells, and what a System.map proves."""

import pytest

from pvhready.demo import parts
from pvhready.probes.kconfig import read_config
from pvhready.root import Root

RELEASE = "4.19.0-27-amd64"
PADDING = "".join("ffffffff81{:06x} t function_{}\n".format(number * 16, number) for number in range(200))
POINTER = "ffffffff8104f3a0 T x86_default_get_root_pointer\n"
END = "ffffffff82e00000 B __brk_base\nffffffff82e2c000 B __brk_limit\nffffffff82e2c000 B _end\n"


def read(folder, files):
    (folder / "boot").mkdir()
    for name, text in files.items():
        (folder / "boot" / "{}-{}".format(name, RELEASE)).write_text(text)
    with Root(str(folder)) as root:
        return read_config(root, RELEASE, False)


@pytest.mark.parametrize("text,expected", [
    (PADDING + POINTER + END, True), (PADDING + POINTER, True), (PADDING + END, False), (PADDING, None), (PADDING + END[:-9], None),
    (PADDING + END[:-1], None), (PADDING + "ffffffff82e2c000 B _end_of_it\n", None), (END + PADDING, None), ("", None),
    # A handful of lines was made by hand, and says what it says; Debian's one line says nothing.
    (END, False), (POINTER, True), ("ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n", None),
])
def test_only_a_whole_map_proves_that_a_symbol_is_missing(text, expected, tmp_path):
    config = read(tmp_path, {"config": parts.configuration(RELEASE, parts.symbols()), "System.map": text})
    assert config.root_pointer is expected


@pytest.mark.parametrize("header,expected", [
    ("#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 4.19.304 Kernel Configuration\n#\n", "4.19.304"),
    ("# Linux/x86_64 4.18.0-553.el8.x86_64 Kernel Configuration\n", "4.18.0-553.el8.x86_64"), ("# Kernel Configuration\n", None),
    ("# Linux/x86 4.19.304 Kernel Config", None), ("", None), ("# Linux/\u00fc \u00fc Kernel Configuration\n", "\ufffd\ufffd"),
])
def test_the_version_in_the_header(header, expected, tmp_path):
    assert read(tmp_path, {"config": header + "CONFIG_XEN=y\n"}).version == expected


def test_a_config_of_another_release_in_a_guest(guest, pvhready):
    release = "6.1.0-50-amd64"
    report = pvhready.check(guest({"/boot/config-" + release: parts.configuration("4.15.0", parts.symbols(XEN_BLKDEV_FRONTEND="y"))}))
    assert report["verdict"] == "unknown"
    (said,) = [check["summary"] for check in report["checks"] if check["id"] == "kernel-config-conflict" and check["status"] == "unknown"]
    assert "4.15.0" in said and release in said


def test_a_419_of_ones_own_on_debian(guest, pvhready):
    report = pvhready.check(guest(release="4.19.0-5-custom", system_map=None))
    assert report["verdict"] == "unknown"
