"""What the laboratory makes of the logs of guests, and how it holds them against a prediction. Nothing is booted here."""

import csv
import os
import re

import pytest

from boots import judging, page, truth
from boots.cases import BATCHES, Case
from boots.judging import Prediction
from boots.laboratory import Log
from boots.results import Result
from boots.truth import Truth

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EVERY = [case for cases in BATCHES.values() for case in cases]
REPORT = """\
\x1b[30m\x1b[47mWelcome to GRUB!\r
error: file `/boot/grub/grubenv' not found.\r
[    0.000000] Linux version 6.1.0\r
\r
PVHREADY-UP type={} release=6.1.0 machine=x86_64\r
PVHREADY-DISKS xvda \r
PVHREADY-ROOT {}\r
PVHREADY-CONSOLES {} \r
PVHREADY-CMDLINE BOOT_IMAGE=/boot/vmlinuz ro {}\r
PVHREADY-END\r
"""


def report(kind="PVH", root="/dev/xvda", consoles="hvc0", cmdline="console=hvc0"):
    return Log("reported", REPORT.format(kind, root, consoles, cmdline), "", 30)


@pytest.mark.parametrize("log,mode,boots", [
    (report(), "pvh", True), (report("PV"), "pv", True),
    (report("HVM"), "pvh", False), (report("PV"), "pvh", False), (report("PVH"), "pv", False),  # another mode than the one asked for
    (report(""), "pvh", False), (report(root="none"), "pvh", False), (report(root=""), "pvh", False),
    (Log("timeout", ""), "pvh", False), (Log("", ""), "pv", False),
])
def test_what_counts_as_booted(log, mode, boots):
    assert truth.read(log, mode).boots is boots


def test_what_a_guest_reports():
    seen = truth.read(report(consoles="tty0 hvc0"), "pvh")
    assert (seen.type, seen.disks, seen.root, seen.console, seen.cmdline, seen.words) == (
        "PVH", "xvda", "/dev/xvda", True, "BOOT_IMAGE=/boot/vmlinuz ro console=hvc0", "")
    assert not truth.read(report(consoles="tty0"), "pvh").console


@pytest.mark.parametrize("key", ["DISKS", "CONSOLES", "CMDLINE"])
def test_half_a_report_is_booted_once_more(key):
    """What is missing would be taken for a silent console, or for no disk."""
    whole = report()
    assert truth.explained(truth.read(whole, "pvh"))
    half = truth.read(whole._replace(console=re.sub("(PVHREADY-{}) .*".format(key), r"\1 ", whole.console)), "pvh")
    assert half.boots and not half.whole and not truth.explained(half)


@pytest.mark.parametrize("console,xen,words,explained", [
    ("error: no such device: /boot/xen/pvboot-x86_64.elf.\nerror: not xen image.\nerror: you need to load the kernel first.", "",
     "error: not xen image.", True),
    ("error: file `/boot/grub/fonts/unicode.pf2' not found.\nerror: invalid magic number.", "", "error: invalid magic number.", True),
    # GRUB complained and went on: whatever ends the kernel is not GRUB's.
    ("error: file `/boot/x' not found.\n[ 0.0] Linux version 6\n[ 9.1] x", "", "timeout after 60 s, at: [ 9.1] x", False),
    ("error: a\n[ 0.0] Linux version 6\n[ 2.0] Kernel panic - not syncing: no init", "", "Kernel panic - not syncing: no init", False),
    ("", "(XEN) d5v0 Triple fault - invoking HVM shutdown action 1", "Xen: d5v0 Triple fault - invoking HVM shutdown action 1", False),
    ("", "", "timeout after 60 s, at: silence", False),
])
def test_last_words(console, xen, words, explained):
    seen = truth.read(Log("timeout", console, xen, 60), "pv")
    assert (seen.words, truth.explained(seen)) == (words, explained)


def test_the_tail_shows_the_end_and_a_crash():
    lines = "\n".join("line {}".format(number) for number in range(20))
    tail = truth.tail(Log("gone", lines, "(XEN) d1 save: CPU\n(XEN) domain_crash called", 3))
    assert tail[-1] == "Xen: (XEN) domain_crash called" and tail[-2] == "line 19" and len(tail) == 9


def said(answer="boots", silent=False, cmdline="ro console=hvc0"):
    return Prediction("ready", answer, silent, "", cmdline)


UP = Truth(True, "PVH", "xvda", "/dev/xvda", True, "", 30, "BOOT_IMAGE=/boot/vmlinuz ro console=hvc0")
DOWN = Truth(False, words="error: invalid magic number.")


@pytest.mark.parametrize("prediction,seen,expected", [
    (said(), UP, "agrees"), (said("fails"), DOWN, "agrees"),
    (said(), DOWN, "WRONG READY"), (said("fails"), UP, "too strict"), (said("unknown"), UP, "unknown"), (said("unknown"), DOWN, "unknown"),
    (said(silent=True), UP, "wrong about the console"), (said(), UP._replace(console=False), "wrong about the console"),
    (said(silent=True), UP._replace(console=False), "agrees"),
    (said(cmdline="ro entry=other"), UP, "another entry"), (said(cmdline=""), UP, "agrees"),
])
def test_judgement(prediction, seen, expected):
    assert judging.judgement(Case("x", "debian-12", "pvh"), prediction, seen) == expected
    assert expected == "agrees" or expected in judging.WRONG


def test_a_flaw_of_the_emulator_does_not_count():
    assert "emulator" in judging.judgement(Case("x", "debian-12", "pvh", flaw="it hangs"), said(), DOWN)


def test_what_nobody_can_know():
    case = Case("x", "debian-12", "pvh", unknowable="two hosts")
    assert judging.judgement(case, said("unknown"), DOWN).startswith("unknown, rightly")
    assert judging.judgement(case, said(), DOWN) == "WRONG READY"


def test_the_page_says_what_is_wrong():
    result = Result(DOWN, "2026-01-01", "6.1.0", "2.06", "QEMU", 2, ["last | line"])
    wrong = page.Row(Case("one", "debian-12", "pvh"), said(), result, "WRONG READY")
    flawed = page.Row(Case("two", "debian-12", "pvh", flaw="it hangs"), said(), result, "the emulator's fault: it hangs")
    text = page.markdown([wrong, flawed])
    assert "WRONG READY: 1" in text and "| one | ready | boots |" in text and "    last | line" in text
    assert page.summary([wrong, wrong, flawed]) == "3 cases. WRONG READY: 2, the emulator's fault: 1."


def test_every_case_has_a_name_of_its_own():
    assert len({case.name for case in EVERY}) == len(EVERY)
    assert {case.mode for case in EVERY} == {"pv", "pvh"}


def test_the_matrix():
    """What has to be booted in any case."""
    kernels = {(case.kernel, case.form, case.mode) for case in EVERY}
    for name in ("11", "12", "13", "11-cloud", "12-cloud", "13-cloud", "11-686-pae", "11-686", "12-686-pae", "12-686"):
        assert {("debian-" + name, form, mode) for form in ("shipped", "elf") for mode in ("pv", "pvh")} <= kernels
    for name in ("gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd", "nopvh", "nopv", "noxen"):
        assert {("small-" + name, "shipped", mode) for mode in ("pv", "pvh")} <= kernels
    assert {case.host for case in EVERY} == {"debian-11", "debian-12", "debian-13", "debian-sid", "upstream-2.06"}


def test_what_was_measured_is_of_this_matrix():
    """The page in docs/ tells of every case, and no prediction in it is wrong."""
    with open(TOP + "/docs/measured-boots.csv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    with open(TOP + "/docs/measured-boots.md", encoding="utf-8") as handle:
        table, _, missing = handle.read().partition("## Not booted yet")
    assert {row["case"] for row in rows} | set(re.findall("(?m)^- (.+)$", missing)) == {case.name for case in EVERY}
    assert [row["case"] for row in rows if row["judgement"] in judging.WRONG] == []
    assert [row["case"] for row in rows if "| {} | {} | {}".format(row["case"], row["verdict"], row["predicted"]) not in table] == []
