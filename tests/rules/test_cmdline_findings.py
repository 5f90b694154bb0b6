"""What is said of a command line under each mode: every argument that matters, and its neighbours that do not."""

import pytest

from pvhready.cmdline import parse
from pvhready.facts import Config, Conflict, Entry, Guest, Image, Kernel
from pvhready.rules.cmdline import effective_line, has_xen_console, judge_cmdline, kept_out

CONSOLE = "root=/dev/xvda1 console=hvc0"
FULL = ("fail", "unknown", "warn", "info")


def entry(cmdline, **fields):
    return Entry(0, "0", "Debian", kernel="/boot/vmlinuz", cmdline=cmdline, source="/boot/grub/grub.cfg:12", **fields)


def kernel(cmdline_size=2047, container="bzimage", conflicts=(), **values):
    settings = dict({"XEN_BLKDEV_FRONTEND": "m"}, **values)
    image = Image(container, "xz", 64, cmdline_size=cmdline_size)
    return Kernel("/boot/vmlinuz", image, "6.1.0", "6.1.0", config=Config("/boot/config", settings, conflicts))


def judged(cmdline, mode, of=None, **fields):
    return judge_cmdline(entry(cmdline, **fields), of or kernel(), mode, Guest("PV"))


def said(findings):
    return [(finding.id, finding.status) for finding in findings]


# argument: what PVH makes of it, what PV makes of it, some words of the summary
ARGUMENTS = {
    "quiet": (None, None, ""),
    "nopv": (("cmdline-nopv", "fail"), None, "nopv stops a PVH guest"),
    "xen_nopv": (("cmdline-nopv", "fail"), None, "xen_nopv stops a PVH guest"),
    "xen_nopvspin": (None, None, ""),
    "xen_no_vector_callback": (("cmdline-vector-callback", "fail"), None, "without its bus and disks"),
    "acpi_rsdp=0x1000": (("cmdline-acpi", "unknown"), None, "other ACPI tables"),
    "acpi=off": (("cmdline-acpi", "fail"), None, "acpi=off hides PVH"),
    "acpi=ht": (("cmdline-acpi", "fail"), None, "acpi=ht hides PVH"),
    "acpi=force": (None, None, ""),
    "acpi": (None, None, ""),
    "nolapic": (("cmdline-nolapic", "warn"), None, "nolapic is harmless under PV and risky"),
    "disableapic": (("cmdline-nolapic", "warn"), None, "disableapic is harmless"),
    "nolapic_timer": (None, None, ""),
    "earlyprintk=xen": (("cmdline-earlyprintk", "info"), None, "writes to the host's log"),
    "earlyprintk=xen,keep": (("cmdline-earlyprintk", "info"), None, "writes to the host's log"),
    "earlyprintk=ttyS0": (None, None, ""),
    "earlyprintk": (None, None, ""),
    "memmap=1G$2G": (("cmdline-mem", "unknown"), ("cmdline-mem", "unknown"), "takes memory away or moves it"),
    "crashkernel=384M-:128M": (("cmdline-mem", "info"), None, "may take memory away under PVH; under PV it is ignored"),
    "hugepages=512": (("cmdline-mem", "warn"), None, "may take memory away under PVH; under PV it is ignored"),
    "mem=511M": (("cmdline-mem", "unknown"), ("cmdline-mem", "unknown"), "may leave too little memory"),
    "mem=much": (("cmdline-mem", "unknown"), ("cmdline-mem", "unknown"), "may leave too little memory"),
    "mem": (("cmdline-mem", "unknown"), ("cmdline-mem", "unknown"), "may leave too little memory"),
    "mem=512M": (("cmdline-mem", "info"), None, "lowers the place where GRUB puts the initramfs"),
    "module_blacklist=xen_blkfront": (("cmdline-blacklist", "fail"), ("cmdline-blacklist", "fail"), "keeps the block front end from"),
    "modprobe.blacklist=a,xen-blkfront": (("cmdline-blacklist", "fail"), ("cmdline-blacklist", "fail"), "keeps the block front end from"),
    "modprobe.blacklist=xen_blkfront2": (None, None, ""),
    "rd.driver.blacklist=xen-blkfront": (("cmdline-blacklist", "unknown"), ("cmdline-blacklist", "unknown"), "the initramfs is dracut's"),
    "rdblacklist=xen-blkfront": (("cmdline-blacklist", "unknown"), ("cmdline-blacklist", "unknown"), "if the initramfs is dracut's"),
    "blacklist=xen-blkfront": (("cmdline-blacklist", "unknown"), ("cmdline-blacklist", "unknown"), "made by initramfs-tools"),
    "blacklisted=xen-blkfront": (None, None, ""),
    "initcall_blacklist=xlblk_init": (("cmdline-blacklist", "unknown"), ("cmdline-blacklist", "unknown"), "Xen support from starting"),
    "initcall_blacklist=acpi_init": (None, None, ""),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("mode", ["pvh", "pv"])
def test_one_argument(argument, mode):
    expected = ARGUMENTS[argument][mode == "pv"]
    findings = judged(CONSOLE + " " + argument, mode)
    assert said(findings) == [expected or ("cmdline", "pass")]
    if expected:
        assert ARGUMENTS[argument][2] in findings[0].summary
        assert findings[0].evidence == (("/boot/grub/grub.cfg", "line 12", argument),)
        assert bool(findings[0].remedies) == (expected[1] != "info")


def test_a_front_end_that_is_built_in_cannot_be_kept_from_being_loaded():
    words = CONSOLE + " modprobe.blacklist=xen_blkfront"
    assert said(judged(words, "pvh", kernel(XEN_BLKDEV_FRONTEND="y"))) == [("cmdline", "pass")]
    doubt = (Conflict("XEN_BLKDEV_FRONTEND", "a", "y", "b", "m"),)
    assert said(judged(words, "pvh", kernel(XEN_BLKDEV_FRONTEND="y", conflicts=doubt))) == [("cmdline-blacklist", "fail")]


@pytest.mark.parametrize("argument,status", [
    ("modprobe.blacklist", "fail"), ("rd.driver.blacklist", "unknown"), ("module_blacklist", None), ("initcall_blacklist", None),
])
def test_behind_two_dashes_stands_what_programs_go_by_and_the_kernel_does_not(argument, status):
    findings = judged("{} -- {}=xen_blkfront".format(CONSOLE, argument), "pv")
    assert said(findings) == [("cmdline-blacklist", status) if status else ("cmdline", "pass")]


def test_what_an_argument_keeps_out():
    from pvhready.cmdline import parse

    words = ("module_blacklist=a-b,c", "rdblacklist=d", "blacklist", "quiet", "initcall_blacklist=e")
    assert [kept_out(parse(word)[0]) for word in words] == [("a_b", "c"), ("d",), ("",), (), ()]


@pytest.mark.parametrize("cmdline,words", [
    ("ro", "no console=hvc0: it boots"), ("console=tty0 ro", "console=tty0 and no console=hvc0: it boots"),
    ("console=tty0 console=ttyS0,115200", "console=tty0 console=ttyS0,115200 and no console=hvc0"), ("consoleblank=0", "no console=hvc0"),
    ("console=hvc1", "console=hvc1 and no console=hvc0"), ("console=hvc0", ""), ("console=hvc0,115200 console=tty0", ""),
])
def test_a_console_that_stays_silent(cmdline, words):
    findings = judged(cmdline, "pvh")
    assert said(findings) == ([("console-silent", "warn")] if words else [("cmdline", "pass")])
    assert findings[0].summary.startswith(words) and said(judged(cmdline, "pv")) == [("cmdline", "pass")]
    if words:
        assert findings[0].evidence[0].value == (" ".join(word for word in cmdline.split() if word.startswith("console=")) or "no console=")


BUILT_IN = {"CMDLINE_BOOL": "y", "CMDLINE": '"quiet x=\\"1\\""'}


@pytest.mark.parametrize("values,line,status,words", [
    ({}, "ro", None, ""), ({"CMDLINE_BOOL": "n", "CMDLINE": '"quiet"'}, "ro", None, ""), ({"CMDLINE": '"quiet"'}, "ro", None, ""),
    (BUILT_IN, 'quiet x="1" ro', "info", 'built into the kernel, before the entry\'s arguments: quiet x="1"'),
    (dict(BUILT_IN, CMDLINE_OVERRIDE="y"), 'quiet x="1"', "info", "goes by what is built in, and not by the entry: quiet"),
    (dict(BUILT_IN, CMDLINE_OVERRIDE="n"), 'quiet x="1" ro', "info", "before the entry's arguments"),
    (dict(BUILT_IN, CMDLINE='""'), "ro", None, ""), (dict(BUILT_IN, CMDLINE='""', CMDLINE_OVERRIDE="y"), "", "info", "not by the entry: "),
    (dict(BUILT_IN, CMDLINE='"'), "ro", "unknown", "it is not known which"),
    (dict(BUILT_IN, CMDLINE="quiet"), "ro", "unknown", "not known"),
    (dict(BUILT_IN, CMDLINE='"quiet'), "ro", "unknown", "not known which"), ({"CMDLINE_BOOL": "y"}, "ro", "unknown", "not known which"),
])
def test_what_is_built_in(values, line, status, words):
    assert effective_line(entry("ro"), kernel(**values), "pv") == (line, "")
    findings = judged("ro", "pv", kernel(**values))
    assert said(findings) == [("cmdline-built-in", status) if status else ("cmdline", "pass")]
    assert words in findings[0].summary


def test_what_is_built_in_when_two_sources_disagree():
    doubt = (Conflict("CMDLINE", "a", '"x"', "b", '"y"'),)
    assert said(judged("ro", "pv", kernel(conflicts=doubt, **BUILT_IN))) == [("cmdline-built-in", "unknown")]


IMAGE = len("BOOT_IMAGE=/boot/vmlinuz ")


@pytest.mark.parametrize("mode,of,room", [
    ("pv", kernel(), 1022), ("pvh", kernel(2047), 2047 - IMAGE), ("pvh", kernel(None), 255 - IMAGE), ("pvh", kernel(60), 127 - IMAGE),
    ("pvh", kernel(2 ** 32 - 1), 127 - IMAGE),
])
def test_what_does_not_fit(mode, of, room):
    line = CONSOLE + " " + "a" * (room - len(CONSOLE) - 1)
    assert effective_line(entry(line), of, mode) == (line, "")
    assert effective_line(entry(line + "b"), of, mode) == (CONSOLE, line[len(CONSOLE) + 1:] + "b")
    assert effective_line(entry(line + "b"), of._replace(image=Image("unknown")), mode) == (line + "b", "")
    (finding,) = judged(line + "b", mode, of)
    shown = line[len(CONSOLE) + 1:] + "b"
    shown = shown if len(shown) <= 80 else shown[:80] + "..."
    assert (finding.id, finding.status, finding.evidence[0].value) == ("cmdline-too-long", "warn", shown)
    assert finding.summary.endswith("without a word: " + shown)


@pytest.mark.parametrize("length,shown", [(80, "a" * 80), (81, "a" * 80 + "...")])
def test_what_is_left_out_is_shown_in_part(length, shown):
    (finding,) = judged("b" * 1000 + " " + "a" * length, "pv")
    assert finding.evidence[0].value == shown


def test_the_path_as_it_is_written_takes_room_too():
    line = "a" * (255 - IMAGE)
    assert effective_line(entry(line), kernel(None), "pvh") == (line, "")
    assert effective_line(entry(line, written="/boot/vmlinuz"), kernel(None), "pvh") == (line, "")
    assert effective_line(entry(line, written="(hd0)/boot/vmlinuz"), kernel(None), "pvh") == ("", line)
    assert effective_line(entry("ro", written="/" + "x" * 300), kernel(None), "pvh") == ("", "ro")


def test_where_an_entry_stands():
    (finding,) = judged("ro", "pv")
    assert finding.evidence == (("/boot/grub/grub.cfg", "line 12", "ro"),) and finding.subject == "Debian"
    (finding,) = judge_cmdline(entry("ro")._replace(source=""), kernel(), "pv", Guest("PV"))
    assert finding.evidence == (("", "", "ro"),)


@pytest.mark.parametrize("line,has", [
    ("console=hvc0", True), ("console=hvc0,115200 console=tty0", True), ("console=tty0", False), ("console", False),
    ("earlyprintk=hvc0", False), ("quiet", False), ("console=hvc1", False), ("", False),
])
def test_a_console_of_xen_s(line, has):
    assert has_xen_console(parse(line)) == has
