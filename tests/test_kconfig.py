"""What is read of a kernel's configuration, from which files and in which order, and what a System.map proves."""

import gzip
import os
import zlib

import pytest

from pvhready.demo import parts
from pvhready.facts import Config, Conflict, Problem
from pvhready.probes.kconfig import (
    Source,
    config_in,
    config_paths,
    merge_config,
    parse_config,
    parse_embedded,
    read_config,
    read_config_file,
    source_in,
)
from pvhready.root import Root
from pvhready.unpack import Damaged
from support.program import findings
from support.trees import debian_symbols

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
    (END, False), (POINTER, True), (POINTER[:-1], True), (POINTER[:-1] + " [x]\n", True), (POINTER[:-1] + "\t[x]\n", True),
    (POINTER[18:], True), (POINTER[19:], False), (POINTER[19:] + POINTER, True), (POINTER[:-1] + "_x\n", False),
    ("T __" + POINTER[19:], False),
    (POINTER[:-1] + "_x\n" + POINTER, True), (PADDING + END + POINTER[:-1] + "_x\n", False), (POINTER[:-1] + "_x", None),
    ("ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n", None),
])
def test_only_a_whole_map_proves_that_a_symbol_is_missing(text, expected, tmp_path):
    config = read(tmp_path, {"config": parts.configuration(RELEASE, parts.symbols()), "System.map": text})
    assert config.root_pointer is expected


@pytest.mark.parametrize("start,fill,expected", [
    # 4096 bytes were made by hand, one more was not; the symbols at the end of a kernel are looked for in as many.
    ("", 4095, False), ("", 4096, None), ("ff _end\n", 4089, False), ("ff _end\n", 4090, None), ("ff __brk_limit\n", 4000, False),
])
def test_a_short_map_is_whole(start, fill, expected, tmp_path):
    text = start + "x" * fill + "\n"
    assert config_in(b"", "/c", text.encode()).root_pointer is expected


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


@pytest.mark.parametrize("text,others,expected", [
    ("CONFIG_XEN=y\n# CONFIG_XEN_PV is not set\nCONFIG_XEN_BLKDEV_FRONTEND=m\n", (),
     {"XEN": "y", "XEN_PV": "n", "XEN_BLKDEV_FRONTEND": "m"}),
    ("CONFIG_XEN=y\r\nCONFIG_XENFS=m", (), {"XEN": "y", "XENFS": "m"}), ("", ("ACPI",), {}), ("\n", (), {}),
    # Only lines that Kconfig writes.
    ("# CONFIG_XEN\n# CONFIG_XEN_PV=y\nCONFIG_XEN_PVH is not set\nCONFIG_XENFS\nNO_CONFIG_XEN_X=y\n", (), {}),
    ("# CONFIG_XEN is not set yet\n## CONFIG_XEN is not set\nCONFIG_=y\nCONFIG_XE=y\n", (), {}),
    ("CONFIG_X=y\n# CONFIG_Z is not set\nCONFIG_ZZ=m\nCONFIG_Y=y\n", ("X", "Z"), {"X": "y", "Z": "n"}),
    ("CONFIG_ACPI_X=y\nX_CONFIG_ACPI=y\nCONFIG_ACPI=m\n", ("ACPI", "HVC_XEN"), {"ACPI": "m"}),
    ('CONFIG_A="CONFIG_XEN=y"\nCONFIG_XEN=y\n', ("A",), {"A": '"CONFIG_XEN=y"', "XEN": "y"}),
    ("CONFIG_XEN=\u00fc\n", (), {"XEN": "\ufffd\ufffd"}),
    # A file that says both is no answer.
    ("CONFIG_XEN=y\n# CONFIG_XEN is not set\nCONFIG_XEN_PV=y\nCONFIG_XEN_PV=y\n", (), {"XEN": "y/n", "XEN_PV": "y"}),
    ("# CONFIG_ACPI is not set\nCONFIG_ACPI=y\nCONFIG_HVC_XEN=m\nCONFIG_HVC_XEN=m\n", ("ACPI", "HVC_XEN"), {"ACPI": "n/y", "HVC_XEN": "m"}),
    ("CONFIG_ACPI=y\n# CONFIG_ACPI is not set\nCONFIG_ACPI=m\n", ("ACPI",), {"ACPI": "y/n/m"}),
])
def test_the_symbols(text, others, expected):
    assert parse_config(text.encode(), others) == expected


LINE = 'CONFIG_CMDLINE="root=/dev/xvda1"\n# CONFIG_CMDLINE_OVERRIDE is not set\n'


@pytest.mark.parametrize("text,expected", [
    ("CONFIG_CMDLINE_BOOL=y\n" + LINE, {"CMDLINE_BOOL": "y", "CMDLINE": '"root=/dev/xvda1"', "CMDLINE_OVERRIDE": "n"}),
    ("# CONFIG_CMDLINE_BOOL is not set\n" + LINE, {}), (LINE, {}), ("# CONFIG_CMDLINE_BOOL\n" + LINE, {}),
    ("CONFIG_CMDLINE_BOOL_X=y\n" + LINE, {}),
    ("# CONFIG_CMDLINE_BOOL is not set\nCONFIG_CMDLINE_BOOL=y\n", {"CMDLINE_BOOL": "n/y"}),
    # Two of them are none: without the quotes no rule takes it for one.
    ('CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE="a"\nCONFIG_CMDLINE="b"\n', {"CMDLINE_BOOL": "y", "CMDLINE": "a/b"}),
])
def test_a_command_line_that_is_built_in(text, expected):
    assert parse_config(text.encode(), ()) == expected


@pytest.mark.parametrize("at,told", [(0, True), (1024 - 39, True), (1024 - 38, False)])
def test_the_header_is_at_the_start(at, told):
    line = b"#" * (at - 1) + b"\n" * (at > 0) + b"# Linux/x86 6.1.0 Kernel Configuration\n"
    assert config_in(line, "/c").version == ("6.1.0" if told else None)


@pytest.mark.parametrize("line,expected", [
    ("# 6.1.0 Kernel Configuration", "6.1.0"), ("## x 6.1.0 Kernel Configuration", None), ("# x 6.1.0 Kernel Configuration of", None),
    ("# x 6.1.0 kernel Configuration", None), ("x 6.1.0 Kernel Configuration", None),
])
def test_a_header_is_a_comment_of_this_form(line, expected):
    assert config_in(line.encode() + b"\n", "/c").version == expected


def test_bytes_and_a_file_that_the_user_names(tmp_path):
    text = "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_XEN=y\nCONFIG_X86_64=y\nCONFIG_EXT4_FS=y\nCONFIG_HAS_IOMEM=y\n"
    values = {"XEN": "y", "X86_64": "y"}
    whole = Config("/c", values, version="6.1.0")
    assert config_in(text.encode(), "/c") == whole
    assert config_in(text.encode(), "/c", None, "/m") == whole
    assert config_in(text.encode(), "/c", POINTER.encode(), "/m") == whole._replace(root_pointer=True, map_source="/m")
    assert config_in(text.encode(), "/c", PADDING.encode(), "/m") == whole
    assert config_in(text[:-1].encode(), "/c") == whole._replace(cut=True)
    assert config_in(text[:text.index("CONFIG_HAS")].encode(), "/c") == whole._replace(whole=False)
    (tmp_path / "c").write_text(text)
    (tmp_path / "m").write_text(END)
    with Root(str(tmp_path)) as root:
        assert read_config_file(root, "/c") == whole
        assert read_config_file(root, "/c", "/m") == whole._replace(root_pointer=False, map_source="/m")
        gone = "no such file or directory"
        assert read_config_file(root, "/gone") == Config(problem=Problem("/gone", gone))
        assert read_config_file(root, "/gone", "/m") == Config(root_pointer=False, map_source="/m", problem=Problem("/gone", gone))
        assert read_config_file(root, "/c", "/gone") == Config(problem=Problem("/gone", gone))


BESIDE, MODULES, USR = ("/boot/config-" + RELEASE, "/lib/modules/{}/config".format(RELEASE), "/usr/lib/modules/{}/config".format(RELEASE))
PROC = "/proc/config.gz"
WHOLE = "CONFIG_XEN=y\nCONFIG_ACPI=y\nCONFIG_HAS_IOMEM=y\n"
VALUES = {"XEN": "y", "ACPI": "y"}


def read_all(folder, files, running=True, extra=(), links=()):
    for path, content in files.items():
        place = folder / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    for path, target in links:
        (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, str(folder / path[1:]))
    with Root(str(folder)) as root:
        return read_config(root, RELEASE, running, extra)


def test_places_best_first():
    assert config_paths(RELEASE, False) == (BESIDE, MODULES, USR)
    assert config_paths(RELEASE, True) == (BESIDE, MODULES, USR, PROC)


@pytest.mark.parametrize("files,running,expected", [
    ({}, True, Config()), ({BESIDE: WHOLE}, True, Config(BESIDE, VALUES)), ({MODULES: WHOLE}, True, Config(MODULES, VALUES)),
    ({USR: WHOLE, PROC: gzip.compress(WHOLE.encode())}, True, Config(USR, VALUES)),
    ({PROC: gzip.compress(WHOLE.encode())}, True, Config(PROC, VALUES)), ({PROC: gzip.compress(WHOLE.encode())}, False, Config()),
    ({BESIDE: WHOLE[:-2]}, True, Config(BESIDE, VALUES, cut=True)),
    ({BESIDE: "CONFIG_XEN=y\n"}, True, Config(BESIDE, {"XEN": "y"}, whole=False)),
    # One that is cut makes the others doubtful too.
    ({BESIDE: WHOLE, USR: WHOLE[:-1]}, True, Config(BESIDE, VALUES, cut=True)),
    ({BESIDE: "text\n", USR: WHOLE}, True, Config(USR, VALUES, problem=Problem(BESIDE, "holds no kernel configuration"))),
    ({BESIDE: "", USR: "text\n"}, True, Config(problem=Problem(BESIDE, "holds no kernel configuration"))),
    ({PROC: gzip.compress(WHOLE.encode())[:-1]}, True, Config(problem=Problem(PROC, "cannot be unpacked to its end"))),
    ({PROC: gzip.compress(bytes(4 << 20) + b"x")}, True, Config(problem=Problem(PROC, "cannot be unpacked to its end"))),
    ({BESIDE: "text\n", PROC: gzip.compress(WHOLE.encode())[:-1]}, True, Config(problem=Problem(BESIDE, "holds no kernel configuration"))),
    ({BESIDE: WHOLE, MODULES: "CONFIG_XEN=m\nCONFIG_XENFS=y\n", USR: "CONFIG_XEN=y\n"}, True, Config(BESIDE, VALUES, (
        Conflict("ACPI", BESIDE, "y", MODULES, "n"), Conflict("XEN", BESIDE, "y", MODULES, "m"),
        Conflict("XENFS", BESIDE, "n", MODULES, "y"), Conflict("ACPI", BESIDE, "y", USR, "n")))),
    ({BESIDE: WHOLE, MODULES: WHOLE + "# CONFIG_XENFS is not set\n"}, True, Config(BESIDE, VALUES)),  # not mentioned is off
])
def test_every_source(files, running, expected, tmp_path):
    assert read_all(tmp_path, files, running) == expected


@pytest.mark.parametrize("content", [b"text", zlib.compress(WHOLE.encode())])
def test_what_cannot_be_unpacked_says_why(content, tmp_path):
    found = read_all(tmp_path, {PROC: content})
    assert found.source is None and found.problem.path == PROC and found.problem.reason.startswith("cannot be unpacked: ")


def test_one_file_of_two_names_is_one_source(tmp_path, monkeypatch):
    """/lib is /usr/lib on merged systems: it is read once."""
    read, plain = [], Root.read
    monkeypatch.setattr(Root, "read", lambda self, path, *limit: read.append(path) or plain(self, path, *limit))
    assert read_all(tmp_path, {USR: "text\n"}, links=[("/lib", "usr/lib")]).problem == Problem(MODULES, "holds no kernel configuration")
    (tmp_path / "a").mkdir()
    assert read_all(tmp_path / "a", {USR: WHOLE}, links=[("/lib", "usr/lib")]) == Config(MODULES, VALUES)
    assert [path for path in read if "config" in path] == [MODULES, MODULES]  # in each of the two


def test_a_source_that_cannot_be_read_is_told_and_passed_over(tmp_path):
    (tmp_path / "boot").mkdir()
    (tmp_path / BESIDE[1:]).mkdir()
    (tmp_path / MODULES[1:]).mkdir(parents=True)
    found = read_all(tmp_path, {USR: WHOLE})
    assert (found.source, found.values, found.problem.path) == (USR, VALUES, BESIDE)


def test_more_symbols_are_asked_for(tmp_path):
    text = WHOLE + "CONFIG_EXT4_FS=m\nCONFIG_X86_64=y\nCONFIG_HVC_XEN=y\n"
    usual = {"XEN": "y", "ACPI": "y", "X86_64": "y", "HVC_XEN": "y"}
    assert read_all(tmp_path, {BESIDE: text}).values == usual
    assert read_all(tmp_path, {}, extra=["EXT4_FS"]).values == dict(usual, EXT4_FS="m")


MAPS = ("/boot/System.map-" + RELEASE, "/usr/lib/modules/{}/System.map".format(RELEASE), "/lib/modules/{}/System.map".format(RELEASE))
STUB = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n"


@pytest.mark.parametrize("files,expected", [
    ({}, (None, None)), ({MAPS[0]: POINTER}, (True, MAPS[0])), ({MAPS[1]: POINTER}, (True, MAPS[1])), ({MAPS[2]: POINTER}, (True, MAPS[2])),
    ({MAPS[0]: STUB, MAPS[1]: POINTER}, (True, MAPS[1])), ({MAPS[0]: END, MAPS[1]: POINTER}, (False, MAPS[0])),
    ({MAPS[0]: PADDING, MAPS[2]: END}, (False, MAPS[2])), ({MAPS[0]: STUB}, (None, None)), ({MAPS[0]: STUB + POINTER}, (None, None)),
    ({MAPS[0]: "x" * (4095 - 24) + STUB + POINTER}, (True, MAPS[0])),
])
def test_every_map(files, expected, tmp_path):
    found = read_all(tmp_path, dict(files, **{BESIDE: WHOLE}))
    assert (found.root_pointer, found.map_source) == expected
    (tmp_path / BESIDE[1:]).unlink()
    assert read_all(tmp_path, {}) == Config(root_pointer=expected[0], map_source=expected[1])


IMAGE = "/boot/vmlinuz"
INSIDE = IMAGE + " (IKCONFIG)"


@pytest.mark.parametrize("text,extra,expected", [
    (WHOLE, (), Source(INSIDE, VALUES)), (WHOLE + "CONFIG_EXT4_FS=y\n", ("EXT4_FS",), Source(INSIDE, dict(VALUES, EXT4_FS="y"))),
    ("# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_XEN=y", (), Source(INSIDE, {"XEN": "y"}, "6.1.0", False, True)),
])
def test_the_configuration_in_an_image(text, extra, expected):
    assert parse_embedded(gzip.compress(text.encode()) + b"more", IMAGE, extra) == expected
    assert source_in(IMAGE) == INSIDE


@pytest.mark.parametrize("packed,reason", [
    (gzip.compress(WHOLE.encode())[:-1], "its own configuration cannot be unpacked to its end"),
    (b"text", "its own configuration cannot be unpacked: "),
    (gzip.compress(b"text\n"), "its own configuration has no symbols"),
], ids=["cut", "not packed", "another text"])
def test_one_in_an_image_that_is_none(packed, reason):
    with pytest.raises(Damaged) as caught:
        parse_embedded(packed, IMAGE)
    assert caught.value.reason.startswith(reason)


def test_the_image_s_own_is_one_more_source():
    """It comes before that of the running kernel, which may be another by now, and behind all files."""
    embedded = Source(INSIDE, {"XEN": "y"}, "6.1.0", False, True)
    problem, earlier = Problem(BESIDE, "is a FIFO"), Conflict("ACPI", BESIDE, "y", USR, "n")
    alone = Config(root_pointer=True, map_source=MAPS[0], problem=problem)
    assert merge_config(alone, embedded) == Config(INSIDE, {"XEN": "y"}, (), True, MAPS[0], problem, "6.1.0", False, True)
    beside = Config(BESIDE, {"XEN": "n"}, (earlier,), version="6.1.9")
    assert merge_config(beside, embedded) == beside._replace(conflicts=(earlier, Conflict("XEN", BESIDE, "n", INSIDE, "y")))
    running = Config(PROC, {"XEN": "n"}, version="6.1.9", cut=True)
    conflict = Conflict("XEN", INSIDE, "y", PROC, "n")
    sound = Source(INSIDE, {"XEN": "y"}, "6.1.0")
    assert merge_config(running, embedded) == Config(INSIDE, {"XEN": "y"}, (conflict,), version="6.1.0", whole=False, cut=True)
    assert merge_config(running, sound) == Config(INSIDE, {"XEN": "y"}, (conflict,), version="6.1.0", cut=True)
    assert merge_config(running._replace(cut=False), embedded).cut and not merge_config(running._replace(cut=False), sound).cut


@pytest.mark.parametrize("symbol,lines,check", [
    ("ACPI", "yn", "kernel-config-conflict"), ("ACPI", "ny", "kernel-config-conflict"), ("ACPI", "yy", None),
    ("RD_ZSTD", "yn", "initramfs-compression"), ("BLK_DEV_INITRD", "yn", "initramfs-support"),
    ("CMDLINE_OVERRIDE", "ny", "cmdline-built-in"),
])
def test_a_file_that_contradicts_itself_is_no_answer(symbol, lines, check, guest, pvhready):
    forms = {"y": "CONFIG_{}=y\n".format(symbol), "n": "# CONFIG_{} is not set\n".format(symbol)}
    text = parts.configuration("6.1.0-50-amd64", debian_symbols()).replace(forms["y"], "")
    text += 'CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE="quiet"\n' if symbol == "CMDLINE_OVERRIDE" else ""
    report = pvhready.check(guest({"/boot/config-6.1.0-50-amd64": text + forms[lines[0]] + forms[lines[1]]}))
    assert report["verdict"] == ("unknown" if check else "ready")
    assert check is None or check in findings(report, "unknown")
