"""What is said of a menu and of its entries: the finding, its status, its words and where it was seen."""

import pytest

from pvhready.facts import UNMOUNTED, Candidate, Defaults, Distribution, Entry, EntryError, Facts, Guest, Menu, Mount, Problem, Storage
from pvhready.host import profile
from pvhready.rules.menu import judge_entry, judge_menu, loads

CONFIG = "/boot/grub/grub.cfg"
ENTRY = Entry(0, "0", "Debian", kernel="/boot/vmlinuz", source=CONFIG + ":12")
MENU = Menu("xen_pvh", CONFIG, (ENTRY, Entry(1, "1", "Other", kernel="/boot/other")), (Candidate(0, "default-index"),), "default-index")
NO_ENTRY = MENU._replace(candidates=(), reason="no-entries")


def facts(menu=MENU):
    storage = Storage(fstab=(Mount("/boot", "/dev/xvda2", "ext4", "/etc/fstab:3"),))
    guest = Guest("PV", distribution=Distribution("debian", "12"))
    return Facts("/", True, "2026-01-01", guest, menus={"pvh": menu}, storage=storage, defaults=Defaults())


def judged(menu, host="debian-12"):
    return judge_menu(menu, "pvh", profile(host), facts(menu))


GOOD = ("grub-config", "pass", "found and understood, 2 entries")
MENUS = {
    # the menu, the host: every finding
    "good": (MENU, "debian-12", [GOOD]),
    "no entry": (NO_ENTRY, "debian-12", [("grub-no-entries", "fail", "shows no entry that could be booted")]),
    "not read": (
        Menu("xen_pvh", CONFIG, problem=Problem(CONFIG, "is a FIFO")), "debian-12",
        [("grub-config-unreadable", "unknown", "cannot be read: is a FIFO")]),
    "not understood": (Menu("xen_pvh", CONFIG), "debian-12", [("grub-config-unreadable", "unknown", "cannot be read: not understood")]),
    "not mounted": (
        Menu("xen_pvh", problem=UNMOUNTED), "debian-12",
        [("grub-config-unreadable", "unknown", "a file system of its own that is not mounted here")]),
    "none": (
        Menu("xen_pvh", reason="no-config", problem=Problem(CONFIG, "no such file")), "debian-12",
        [("grub-config-missing", "fail",
          "no grub.cfg where the host looks (/boot/grub/grub.cfg, /grub/grub.cfg): GRUB stops at its prompt")]),
    "none, for a reason": (
        Menu("xen_pvh", reason="no-config", problem=Problem(CONFIG, "is a folder")), "fedora-41",
        [("grub-config-missing", "fail",
          "no grub.cfg where the host looks (/boot/grub2/grub.cfg, /boot/grub/grub.cfg): GRUB stops at its prompt; is a folder")]),
    "elsewhere": (
        Menu("xen_pvh", reason="no-config", elsewhere=("/a", "/b")), "upstream-2.06",
        [("grub-config-missing", "fail", "no grub.cfg where the host looks (/boot/grub/grub.cfg, /boot/grub2/grub.cfg): GRUB stops at its "
          "prompt; there is /a, /b, which it does not read")]),
    "blscfg, which the host lacks": (
        NO_ENTRY._replace(uses_blscfg=True), "debian-12",
        [("grub-blscfg", "fail", "its entries come from blscfg only, which GRUB of host debian-12 lacks: it shows no entry")]),
    "blscfg, not known": (
        NO_ENTRY._replace(uses_blscfg=True), "bitfolk",
        [("grub-blscfg", "unknown", "its entries come from blscfg only, and it is not known whether GRUB of host bitfolk has that")]),
    "blscfg, which finds none": (
        NO_ENTRY._replace(uses_blscfg=True), "fedora-41", [("grub-blscfg", "fail", "its entries come from blscfg, and it finds none")]),
    "blscfg, and why it finds none": (
        NO_ENTRY._replace(uses_blscfg=True, problem=Problem("/x", "no snippets")), "fedora-41", [("grub-blscfg", "fail", "no snippets")]),
    "blscfg, perhaps": (
        MENU._replace(uses_blscfg=True, may_show_nothing=True), "bitfolk",
        [GOOD, ("grub-blscfg", "unknown", "its entries come from blscfg only, and it is not known whether GRUB of host bitfolk has that")]),
    "blscfg beside others": (MENU._replace(uses_blscfg=True), "bitfolk", [GOOD]),
    "blscfg that the host has": (MENU._replace(uses_blscfg=True, may_show_nothing=True), "fedora-41", [GOOD]),
    "nothing, for another reason": (MENU._replace(may_show_nothing=True), "bitfolk", [GOOD]),
    "errors": (
        MENU._replace(errors=(EntryError("a", "/x:1"), EntryError("b", "/x:2", "blscfg"), EntryError("c", "/x:3", "linux16"))), "debian-12",
        [GOOD, ("grub-config-errors", "info", "GRUB will complain: a"), ("grub-config-errors", "info", "GRUB will complain: c")]),
    "broken": (
        MENU._replace(broken=(1, 7)), "debian-12",
        [GOOD, ("entry-fallback", "warn", 'the default entry "Other" cannot be loaded: GRUB goes on to the fallback entry'),
         ("entry-fallback", "warn", 'the default entry "7" cannot be loaded: GRUB goes on to the fallback entry')]),
    "waits": (
        MENU._replace(waits=True), "debian-12",
        [GOOD, ("grub-waits", "warn", "sets no timeout, or more than ten minutes: GRUB waits at its menu until somebody presses a key")]),
    "takes for granted": (MENU._replace(assumptions=("so",)), "debian-12", [GOOD, ("grub-assumption", "info", "so")]),
}


@pytest.mark.parametrize("name", MENUS)
def test_a_menu(name):
    menu, host, expected = MENUS[name]
    findings = judged(menu, host)
    assert [(finding.id, finding.status, finding.summary) for finding in findings] == expected
    for finding in findings:
        assert finding.mode == "pvh"
        assert bool(finding.remedies) == (finding.id not in ("grub-config", "grub-config-errors", "grub-assumption"))


def test_what_is_to_be_done_where_boot_is_not_mounted():
    (finding,) = judged(Menu("xen_pvh", problem=UNMOUNTED))
    assert finding.subject == "/boot" and any("mount" in remedy.argv for remedy in finding.remedies)
    (finding,) = judged(Menu("xen_pvh", CONFIG))
    assert finding.subject == CONFIG and not any("mount" in remedy.argv for remedy in finding.remedies)


@pytest.mark.parametrize("host,subject", [("debian-12", "/boot/grub/grub.cfg"), ("fedora-41", "/boot/grub2/grub.cfg")])
def test_where_a_configuration_is_missed(host, subject):
    (finding,) = judged(Menu("xen_pvh", reason="no-config"), host)
    assert finding.subject == subject and finding.evidence == ((subject, "", "missing"),)


def test_where_an_error_stands():
    first, second = judged(MENU._replace(errors=(EntryError("a", "/x:1"), EntryError("b", "grub"))))[1:]
    assert (first.subject, first.evidence, second.evidence) == (CONFIG, (("/x", "line 1", ""),), (("grub", "", ""),))


LOADS = ("entry", "pass", "loads /boot/vmlinuz")
ENTRIES = {
    # the entry, the host: whether it loads, and every finding
    "good": (ENTRY, "debian-12", True, [LOADS]),
    "no kernel": (ENTRY._replace(kernel=None), "debian-12", False, [("entry-kernel", "fail", "loads no kernel")]),
    "a harmless error": (
        ENTRY._replace(errors=(EntryError("x", "/x:1"),)), "debian-12", True, [LOADS, ("entry-error", "info", "GRUB will complain: x")]),
    "a fatal one": (
        ENTRY._replace(errors=(EntryError("x", "/x:1", None, True),)), "debian-12", False,
        [("entry-error", "fail", "GRUB will complain: x")]),
    "one of which that is not known": (
        ENTRY._replace(errors=(EntryError("x", "/x:1", None, None),)), "debian-12", None,
        [("entry-error", "unknown", "GRUB will complain: x")]),
    "not known and fatal": (
        ENTRY._replace(errors=(EntryError("x", "", None, None), EntryError("y", "", None, True))), "debian-12", False,
        [("entry-error", "unknown", "GRUB will complain: x"), ("entry-error", "fail", "GRUB will complain: y")]),
    "no kernel, for a reason": (
        ENTRY._replace(kernel=None, errors=(EntryError("x", "", None, True),)), "debian-12", False,
        [("entry-error", "fail", "GRUB will complain: x")]),
    "no kernel, and a harmless error": (
        ENTRY._replace(kernel=None, errors=(EntryError("x"),)), "debian-12", False,
        [("entry-error", "info", "GRUB will complain: x"), ("entry-kernel", "fail", "loads no kernel")]),
    "a command that the host lacks": (
        ENTRY._replace(errors=(EntryError("x", "", "linux16", True),)), "debian-12", False,
        [("entry-command", "fail", "needs the command linux16, and GRUB of host debian-12 lacks it")]),
    "a command that it may have": (
        ENTRY._replace(errors=(EntryError("x", "", "initrd16", None),)), "bitfolk", None,
        [("entry-command", "unknown", "needs the command initrd16, and it is not known whether GRUB of host bitfolk has it")]),
    "a command that nobody misses": (
        ENTRY._replace(errors=(EntryError("x", "", "gfxmode", False),)), "debian-12", True,
        [LOADS, ("entry-command", "info", "needs the command gfxmode, and GRUB of host debian-12 lacks it")]),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry(name):
    entry, host, answer, expected = ENTRIES[name]
    findings = judge_entry(entry, "pvh", profile(host), facts())
    assert [(finding.id, finding.status, finding.summary) for finding in findings] == expected
    assert loads(entry) is answer
    for finding in findings:
        assert finding.subject == "Debian"
        wanted = finding.id == "entry-error" and finding.status == "fail" or finding.id == "entry-command" and finding.status != "info"
        assert bool(finding.remedies) == wanted


def test_an_error_without_a_place_stands_where_its_entry_does():
    errors = (EntryError("x", "/x:1", None, True), EntryError("y", "", None, True))
    first, second = judge_entry(ENTRY._replace(errors=errors), "pvh", profile("debian-12"), facts())
    assert (first.evidence, second.evidence) == ((("/x", "line 1", ""),), ((CONFIG, "line 12", ""),))
