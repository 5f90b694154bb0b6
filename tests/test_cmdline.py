"""The command line as the kernel gets it: what GRUB makes of an entry's arguments, where it stops, how the kernel takes them apart."""

import os
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.cmdline import fitting, parse, split, written_by_grub
from pvhready.facts import PV, PVH, Entry, Image, Kernel
from pvhready.rules.cmdline import effective_line
from support import debian, wanted
from support.program import findings
from support.trees import GRUB_CFG, RELEASE, UUID, debian_symbols, grub_module

# What the kernel's next_arg() makes of a line: name and value.
TAKEN_APART = [
    ("quiet", [("quiet", None)]),
    ("a=b c=", [("a", "b"), ("c", "")]),
    ("module-blacklist=x-y", [("module_blacklist", "x-y")]),
    ('"a=b c" d', [("a", "b c"), ("d", None)]),
    ('a="b c" d', [("a", "b c"), ("d", None)]),
    ('"a" b', [("a", None), ("b", None)]),
    ('a=b"c d"e', [("a", 'b"c d"e')]),
    ('a=\\"b c', [("a", '\\"b c')]),  # a backslash means nothing, so the quote is open
    ("=a=b", [("=a", "b")]),
    ("a\tb\nc\vd\fe\rf", [(name, None) for name in "abcdef"]),
    ("a\x1cb\u2003c", [("a\x1cb\u2003c", None)]),  # no blanks for the kernel
    ("a\u00a0b", [("a\udcc2", None), ("b", None)]),  # the byte A0 is one
    ("a -- nopv", [("a", None)]),
    ('a "--" nopv', [("a", None)]),
    ("a --b __ c", [("a", None), ("__b", None), ("__", None), ("c", None)]),
    ("a --=b nopv", [("a", None), ("__", "b"), ("nopv", None)]),
    ("  a   b  ", [("a", None), ("b", None)]),
    ("", []),
]


@pytest.mark.parametrize("line,expected", TAKEN_APART, ids=[repr(line) for line, _ in TAKEN_APART])
def test_the_kernel_takes_a_line_apart(line, expected):
    assert [(argument.name, argument.value) for argument in parse(line)] == expected


def test_arguments_are_as_written():
    assert split('a="b c"  "d=e f" \u00e9') == ('a="b c"', '"d=e f"', "\u00e9")


@pytest.mark.parametrize("line,size,kept,dropped", [
    ("aa bb cc", 9, "aa bb cc", ""),
    ("aa bb cc", 8, "aa bb", "cc"),
    ("aa bbbb c", 7, "aa", "bbbb c"),  # the last would fit, and is left out all the same
    ('aa "b c" d', 8, 'aa', '"b c" d'),
    ('aa "b \\" c" d', 13, 'aa "b \\" c"', "d"),
    ("aaaa", 4, "", "aaaa"),
    ("\u00e9\u00e9 b", 7, "\u00e9\u00e9 b", ""),
    ("\u00e9\u00e9 b", 6, "\u00e9\u00e9", "b"),
])
def test_whole_arguments_are_left_out(line, size, kept, dropped):
    assert fitting(line, size) == (kept, dropped)


@pytest.fixture(scope="module")
def grubs_own(tmp_path_factory):
    """GRUB's own function, of Debian's module for its PV loader, as a program."""
    compiler = wanted.tool("gcc", "gcc")
    if not os.path.exists("/usr/include/stdio.h"):
        wanted.skip("the C library's headers (Debian package libc6-dev)")
    folder = str(tmp_path_factory.mktemp("grub"))
    with debian.alone():
        module = debian.cache("grub", "x86_64-xen-linux.mod")
        if not os.path.exists(module):
            archive = debian.Apt().download("grub-xen-bin", "bookworm")
            subprocess.check_call(["dpkg-deb", "-x", archive, folder])
            shutil.copy(folder + "/usr/lib/grub/x86_64-xen/linux.mod", module)
    shutil.copy(module, folder + "/linux.o")
    with open(folder + "/main.c", "w") as handle:
        handle.write(_MAIN)
    subprocess.check_call([
        compiler, "-w", "-o", folder + "/program", folder + "/main.c", folder + "/linux.o", "-no-pie", "-mcmodel=large",
        "-Wl,--unresolved-symbols=ignore-all,--no-warnings"])
    return folder + "/program"


_MAIN = """\
#include <stdio.h>
#include <stdlib.h>
int grub_create_loader_cmdline(int argc, char **argv, char *buffer, unsigned long size, int type);
int grub_verify_string(char *text, int type) { return 0; }
int main(int argc, char **argv)
{
    unsigned long size = strtoul(argv[1], 0, 10);
    char *buffer = calloc(1, size + 16);
    int code = grub_create_loader_cmdline(argc - 2, argv + 2, buffer, size, 0);
    fputs(buffer, stdout);
    return code;
}
"""

ARGUMENTS = st.lists(st.text("ab=\\'\" \u00e9", min_size=0, max_size=12), max_size=8)


@pytest.mark.download
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(arguments=ARGUMENTS, size=st.integers(1, 60))
def test_grub_says_the_same(grubs_own, arguments, size):
    result = subprocess.run([grubs_own, str(size)] + arguments, stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    assert fitting(written_by_grub(arguments), size)[0] == result


def entry(line, written="/boot/vmlinuz"):
    return Entry(0, "0", "Linux", kernel="/boot/vmlinuz", cmdline=line, written=written)


def kernel(size):
    return Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=size))


@pytest.mark.parametrize("mode,size,room", [
    (PV, 2047, 1022), (PV, None, 1022),
    (PVH, 2047, 2047 - 25), (PVH, 1023, 1023 - 25), (PVH, None, 255 - 25), (PVH, 60, 127 - 25), (PVH, 0, 127 - 25),
    (PVH, 0xFFFFFFFF, 127 - 25),  # one more is 0 for a loader of 32 bits
])
def test_the_room_of_a_line(mode, size, room):
    """BOOT_IMAGE=/boot/vmlinuz and a space are 25 bytes."""
    start = "console=hvc0 root=/dev/xvda1 "
    whole = start + "x" * (room - len(start))
    assert effective_line(entry(whole), kernel(size), mode) == (whole, "")
    assert effective_line(entry(whole + "x"), kernel(size), mode) == (start.rstrip(), whole[len(start):] + "x")


@pytest.mark.parametrize("written,left", [("(xen/xvda1)/boot/vmlinuz", 11), ("/vmlinuz", -5), ('"/boot/my vmlinuz"', 5)])
def test_the_path_counts_as_the_entry_has_it(written, left):
    line = "a " + "x" * (2047 - 25 - left - 2)
    assert effective_line(entry(line, written), kernel(2047), PVH) == (line, "")
    assert effective_line(entry(line + "x", written), kernel(2047), PVH)[0] == "a"


def test_a_path_that_leaves_no_room():
    assert effective_line(entry("a", "/" + "x" * 300), kernel(None), PVH) == ("", "a")


CONSOLE = "console=hvc0"
FILL = " ".join("x{}=y".format(number) for number in range(200))[:1000]


@pytest.mark.parametrize("line,target,objection", [
    (FILL + " console=hvc0", "pvh", None),
    (FILL + " " + FILL + " " + FILL + " console=hvc0", "pvh", "console-silent"),
    (FILL + " " + FILL + " " + FILL + " console=hvc0 nopv", "pvh", "console-silent"),
    ("console=hvc0 " + FILL + " " + FILL + " " + FILL + " nopv", "pvh", "cmdline-too-long"),
    ("console=hvc0 " + FILL, "pv", "cmdline-too-long"),
])
def test_what_is_left_out_is_not_there(line, target, objection, guest, pvhready):
    report = pvhready.check(guest(cmdline=line), "--target", target)
    said = findings(report, "fail", "unknown", "warn")
    assert (report["verdict"], report["exit"]) == (("ready-with-warnings", 1) if objection else ("ready", 0)), said
    assert objection is None or objection in said
    assert "cmdline-nopv" not in said and (objection is None or "cmdline-too-long" in said)


@pytest.mark.parametrize("target", ["pvh", "pv"])
def test_a_root_that_is_left_out(target, guest, pvhready):
    directory = guest()
    path = directory + GRUB_CFG
    with open(path, encoding="utf-8") as handle:
        menu = handle.read()
    argument = "root=UUID=" + UUID
    assert argument in menu
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(menu.replace(argument + " ro", "ro console=hvc0 " + " ".join([FILL] * 3) + " " + argument))
    report = pvhready.check(directory, "--target", target)
    assert (report["verdict"], report["exit"]) == ("unknown", 3), findings(report, "fail", "unknown", "warn")


def test_quotes_of_the_defaults_and_of_grub_mean_the_same(guest, pvhready):
    """GRUB moves the quotes around the whole argument; that is no change that was never generated."""
    directory = guest(cmdline='console=hvc0 dyndbg="file a +p"')
    with open(directory + "/etc/default/grub", "w", encoding="utf-8") as handle:
        handle.write("GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX='console=hvc0 dyndbg=\"file a +p\"'\n")
    report = pvhready.check(directory)
    assert "grub-config-stale" not in findings(report, "info", "warn"), findings(report, "info", "warn")
    assert '"dyndbg=file a +p"' in report["boot"]["default"]["cmdline"]


XEN_LINE = "\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n"


@pytest.mark.parametrize("place,host,expected", [
    ("entry", "upstream-2.06", "boots"),
    ("head", "upstream-2.06", "boots"),
    ("without its file", "upstream-2.06", "unknown"),  # the host may have it built in: both were measured on Xen
    ("without crypto", "upstream-2.06", "unknown"),  # on which it depends
    ("empty", "upstream-2.06", "unknown"),
    ("zeros", "upstream-2.06", "unknown"),
    ("cut", "upstream-2.06", "unknown"),
    ("of another processor", "upstream-2.06", "unknown"),
    ("nowhere", "upstream-2.06", "unknown"),
    ("after", "upstream-2.06", "unknown"),  # the kernel is loaded by then
    ("out again", "upstream-2.06", "unknown"),
    ("by path", "upstream-2.06", "unknown"),
    ("other platform", "upstream-2.06", "unknown"),
    ("nowhere", "fedora-41", "unknown"),
    ("nowhere", "bitfolk", "boots"),
    ("nowhere", "debian-12", "boots"),
])
def test_xz_under_pv_needs_its_module_on_that_path(place, host, expected, guest, pvhready):
    directory = guest()
    path = directory + GRUB_CFG
    with open(path, encoding="utf-8") as handle:
        menu = handle.read()
    assert XEN_LINE in menu
    changed = {
        "head": "insmod xzio\n" + menu.replace(XEN_LINE, ""),
        "nowhere": menu.replace(XEN_LINE, ""),
        "after": menu.replace(XEN_LINE, "").replace("\tinitrd\t", "\tinsmod xzio\n\tinitrd\t"),
        "out again": menu.replace(XEN_LINE, "insmod xzio\nrmmod xzio\n"),
        "by path": menu.replace(XEN_LINE, "insmod /boot/grub/x86_64-xen/xzio.mod\n"),
        "other platform": menu.replace("xxen ]", "xxen_pvh ]"),
    }.get(place, menu)
    os.mkdir(directory + "/boot/grub/x86_64-xen")
    for name in {"without its file": ("crypto",), "without crypto": ("xzio",)}.get(place, ("crypto", "xzio")):
        module = grub_module()
        other = module.replace(b"\x3e\0", b"\3\0", 1)
        wrong = {"empty": b"", "zeros": bytes(len(module)), "cut": module[:-1], "of another processor": other}
        with open("{}/boot/grub/x86_64-xen/{}.mod".format(directory, name), "wb") as handle:
            handle.write(wrong.get(place, module))
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(changed)
    if host == "fedora-41":
        os.mkdir(directory + "/boot/grub2")
        shutil.move(path, directory + "/boot/grub2/grub.cfg")
    report = pvhready.check(directory, "--host", host)
    assert report["modes"]["pv"] == expected, report["checks"]
    assert report["modes"]["pvh"] == "boots"


def test_xz_where_the_module_is_known_to_be_missing():
    from pvhready.facts import Guest
    from pvhready.host import profile
    from pvhready.rules.image import judge_image

    image = Image("bzimage", "xz", 64, 1 << 20, RELEASE, 0x020F, 0xAA55, 39, True, 2047, 100, 5000)
    host = profile("upstream-2.06")._replace(xzio="no")
    (finding,) = judge_image(Kernel("/boot/vmlinuz", image), PV, host, Guest("PV"))
    assert (finding.id, finding.status) == ("image-xzio", "fail")
    (finding,) = judge_image(Kernel("/boot/vmlinuz", image), PV, host, Guest("PV"), ("xzio",))
    assert finding.status == "pass"


@pytest.mark.parametrize("built_in,line,expected,said", [
    ({}, CONSOLE, "ready", ()),
    ({"CMDLINE_BOOL": "n"}, CONSOLE, "ready", ()),
    ({"CMDLINE_BOOL": "y", "CMDLINE": '"console=hvc0"'}, "", "ready", ("cmdline-built-in",)),
    ({"CMDLINE_BOOL": "y", "CMDLINE": '""'}, CONSOLE, "ready", ()),
    ({"CMDLINE_BOOL": "y", "CMDLINE": '"nopv"'}, CONSOLE, "not-ready", ("cmdline-nopv",)),
    ({"CMDLINE_BOOL": "y", "CMDLINE": '"a=\\"b nopv c\\""'}, CONSOLE, "ready", ()),
    ({"CMDLINE_BOOL": "y", "CMDLINE": '"console=hvc0 root=/dev/xvda1"', "CMDLINE_OVERRIDE": "y"}, "nopv", "ready", ("cmdline-built-in",)),
    ({"CMDLINE_BOOL": "y", "CMDLINE": '"root=/dev/sda1"', "CMDLINE_OVERRIDE": "y"}, CONSOLE, "not-ready", ("root-device-name",)),
    ({"CMDLINE_BOOL": "y"}, CONSOLE, "unknown", ("cmdline-built-in",)),
])
def test_what_is_built_into_the_kernel(built_in, line, expected, said, guest, pvhready):
    report = pvhready.check(guest(cmdline=line, symbols=debian_symbols(**built_in)))
    assert report["verdict"] == expected, findings(report, "fail", "unknown", "warn")
    assert set(said) <= set(findings(report, "fail", "unknown", "warn", "info"))
