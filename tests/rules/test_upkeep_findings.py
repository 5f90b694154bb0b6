"""What is said of the next upgrade, the next menu and the other mode: none of it is about the boot that comes next."""

import pytest

from pvhready.facts import Candidate, Defaults, Distribution, Entry, Facts, Guest, Image, Kernel, Menu, Problem, Storage, Upgrades
from pvhready.findings import Evidence, Finding, hint
from pvhready.host import profile
from pvhready.rules.upkeep import (
    Following,
    judge_defaults,
    judge_fallback,
    judge_next_first,
    judge_once,
    judge_other_kernels,
    judge_space,
    judge_stale_default,
    judge_upgrade,
    judge_wanted_default,
    judge_way_back,
    stays,
)

CONFIG = "/boot/grub/grub.cfg"
DEBIAN = Guest("PV", distribution=Distribution("debian", "12"))
FEDORA = Guest("PV", distribution=Distribution("fedora", "41"))
SUSE = Guest("PV", distribution=Distribution("opensuse-leap", "15.6"))
SOURCES = {
    "GRUB_DEFAULT": "/etc/default/grub:1", "GRUB_CMDLINE_LINUX": "/etc/default/grub:7",
    "GRUB_CMDLINE_LINUX_DEFAULT": "/etc/default/grub.d/a.cfg:6",
}
FIRST_BY_DEFAULT = ["sed -i $ a GRUB_DEFAULT=0 /etc/default/grub", "update-grub"]


def kernel(release, **fields):
    return Kernel("/boot/vmlinuz-" + release, Image("bzimage"), release, release, **fields)


def settings(**values):
    return Defaults(values, {name: SOURCES[name] for name in values})


def facts(guest=DEBIAN, **seen):
    return Facts("/", True, "2026-01-01", guest, **seen)


def typed(finding):
    return [" ".join(remedy.argv) or remedy.text for remedy in finding.remedies]


def whole(finding):
    """The finding with what is to be typed in the place of its remedies, all of it."""
    return finding[:6] + (typed(finding),)


# /etc/default/grub and the menu

ENTRY = Entry(0, "0", "Debian", kernel="/boot/vmlinuz-6.1", cmdline="root=/dev/xvda1 ro console=hvc0 quiet", source=CONFIG + ":12")
MENU = Menu("xen_pvh", CONFIG, (ENTRY,), (Candidate(0, "default-index"),), default="0")


def said_of_defaults(defaults, entry=ENTRY, menu=MENU, guest=DEBIAN):
    return [whole(finding) for finding in judge_defaults(defaults, entry, menu, "pvh", guest)]


def stale(status, line, text, path="/etc/default/grub", variable="GRUB_CMDLINE_LINUX"):
    summary = "{} asks for {}, which this entry does not have: the menu was not generated since".format(variable, text)
    return ("grub-config-stale", status, "pvh", "Debian", summary, ((path, line, text),), ["update-grub"])


@pytest.mark.parametrize("wanted,status,missing", [
    ("console=hvc0", None, ""), ("quiet console=hvc0", None, ""), ("console=hvc0 -- single", None, ""),
    ("console=hvc0 net.ifnames=0", "info", "net.ifnames=0"), ("console=hvc0 quiet=1", "info", "quiet=1"),
    ("console=hvc0 ro=", "info", "ro="), ("console=hvc0 a b", "info", "a b"),
    ("console=hvc0 console=tty0", "warn", "console=tty0"), ("console=hvc0 nopv", "warn", "nopv"),
    ("console=hvc0 xen_nopv", "warn", "xen_nopv"), ("console=hvc0 acpi=off", "warn", "acpi=off"),
    ("console=hvc0 acpi_rsdp=1", "warn", "acpi_rsdp=1"), ("console=hvc0 xen_no_vector_callback", "warn", "xen_no_vector_callback"),
    ("console=hvc0 root=/dev/xvda2", "warn", "root=/dev/xvda2"), ("console=hvc0 nolapic", "warn", "nolapic"),
    ("console=hvc0 disableapic", "warn", "disableapic"), ("console=hvc0 a nopv b", "warn", "a nopv b"),
])
def test_arguments_that_the_menu_does_not_have_yet(wanted, status, missing):
    expected = [stale(status, "line 7", missing)] if status else []
    assert said_of_defaults(settings(GRUB_CMDLINE_LINUX=wanted)) == expected


def test_both_variables_are_looked_at():
    defaults = settings(GRUB_CMDLINE_LINUX="console=hvc0 a", GRUB_CMDLINE_LINUX_DEFAULT="nopv")
    assert said_of_defaults(defaults) == [
        stale("info", "line 7", "a"), stale("warn", "line 6", "nopv", "/etc/default/grub.d/a.cfg", "GRUB_CMDLINE_LINUX_DEFAULT")]


def test_defaults_that_are_not_known():
    problem, doubt = Problem("/etc/default/grub", "ends in a quote"), Problem("/etc/default/grub:3", "depends on X, which is not set here")
    assert said_of_defaults(Defaults(problem=problem)) == [
        ("grub-defaults", "info", "pvh", "/etc/default/grub", "not read whole: ends in a quote", (("/etc/default/grub", "", ""),), [])]
    for variable in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"):
        summary = "whether the menu has all that {} asks for is not judged: depends on X, which is not set here".format(variable)
        assert said_of_defaults(Defaults(unknown={variable: doubt})) == [
            ("grub-defaults", "info", "pvh", "Debian", summary, (("/etc/default/grub:3", "", variable),), [])]
    assert said_of_defaults(Defaults(unknown={"GRUB_TIMEOUT": doubt})) == []


LOST = (
    "grub-config-stale", "info", "pvh", "Debian",
    "this entry has console=hvc0, and /etc/default/grub does not ask for it: the next menu may be without it",
    (("/etc/default/grub", "line 7", "no console=hvc0"),),
    ['sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=hvc0" /etc/default/grub', "update-grub"])


@pytest.mark.parametrize("values,cmdline,lost", [
    ({"GRUB_CMDLINE_LINUX": ""}, "console=hvc0", True), ({"GRUB_CMDLINE_LINUX": "quiet"}, "quiet console=hvc0", True),
    ({"GRUB_CMDLINE_LINUX": "", "GRUB_CMDLINE_LINUX_DEFAULT": "quiet"}, "quiet console=hvc0", True),
    ({"GRUB_CMDLINE_LINUX": "console=hvc0"}, "console=hvc0", False), ({"GRUB_CMDLINE_LINUX": ""}, "quiet", False),
    ({"GRUB_CMDLINE_LINUX": "", "GRUB_CMDLINE_LINUX_DEFAULT": "console=hvc0"}, "console=hvc0", False),
    ({"GRUB_CMDLINE_LINUX_DEFAULT": ""}, "console=hvc0", False), ({}, "console=hvc0", False),
])
def test_a_console_that_the_next_menu_may_be_without(values, cmdline, lost):
    assert said_of_defaults(settings(**values), ENTRY._replace(cmdline=cmdline)) == [LOST] * lost


@pytest.mark.parametrize("variable", ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"])
def test_what_may_ask_for_the_console_is_not_held_against_the_menu(variable):
    defaults = settings(GRUB_CMDLINE_LINUX="")._replace(unknown={variable: Problem("/etc/default/grub:3", "is odd")})
    assert [finding[0] for finding in said_of_defaults(defaults)] == ["grub-defaults"]


@pytest.mark.parametrize("wanted,default,path,said", [
    ("1", "0", "/boot/vmlinuz-6.1", True), ("1", "0", None, True), ("0", "0", "/boot/vmlinuz-6.1", False),
    ("saved", "0", "/boot/vmlinuz-6.1", False), ("", "0", "/boot/vmlinuz-6.1", False), ("1", None, "/boot/vmlinuz-6.1", False),
    ("1", "", "/boot/vmlinuz-6.1", False), ("1", "0", "/boot/pvhready-6.1.elf", False),
])
def test_a_default_that_the_menu_was_not_made_with(wanted, default, path, said):
    findings = said_of_defaults(settings(GRUB_DEFAULT=wanted), ENTRY._replace(kernel=path), MENU._replace(default=default))
    assert findings == [(
        "grub-config-stale", "info", "pvh", "Debian", "GRUB_DEFAULT is 1, and the menu's default is 0: it was not generated since",
        (("/etc/default/grub", "line 1", "1"),), [])] * said


# Room in /boot, the menu's own default


@pytest.mark.parametrize("free,more", [
    (0, True), (150 * 1024 * 1024 - 1, True), (150 * 1024 * 1024, False), (3 << 30, False),
])
def test_room_where_a_file_is_damaged(free, more):
    (finding,) = judge_space(Storage(boot_free=free))
    megabytes = {0: "0", 157286399: "149", 157286400: "150", 3221225472: "3072"}[free]
    summary = "a file in /boot is damaged, and {} MiB are free there".format(megabytes)
    summary += ": make room before anything is written there again" if more else ""
    assert whole(finding) == ("boot-space", "info", "both", "/boot", summary, (("/boot", "free bytes", str(free)),), [])
    assert list(judge_space(Storage())) == []


@pytest.mark.parametrize("saved,ways_out", [("saved", ["grub-set-default 0"]), ("gone", FIRST_BY_DEFAULT), (None, FIRST_BY_DEFAULT)])
@pytest.mark.parametrize("config", [CONFIG, None])
def test_a_default_that_names_nothing(config, saved, ways_out):
    defaults = settings(GRUB_DEFAULT=saved) if saved else Defaults()
    menu = MENU._replace(stale=True, default="gone", config=config)
    (finding,) = judge_stale_default(menu, ENTRY, facts(defaults=defaults), "pv")
    assert whole(finding) == (
        "default-stale", "info", "pv", config or "", "the default is 'gone', and no entry is called so: GRUB takes the first, Debian",
        ((config or "", "default", "gone"),), ways_out)
    for silent in (menu._replace(stale=False), menu._replace(default=None), menu._replace(default="")):
        assert list(judge_stale_default(silent, ENTRY, facts(defaults=defaults), "pv")) == []


FIRST = kernel("6.1", names=("/boot/vmlinuz-6.1", "/vmlinuz"))
ONCE = "boots once only, as next_entry in grubenv asks; the boot after that takes the default again"


@pytest.mark.parametrize("first,answers,status,answer,more", [
    (FIRST.path, {FIRST.path: "boots"}, "info", "boots", ""), ("/vmlinuz", {FIRST.path: "boots"}, "info", "boots", ""),
    (FIRST.path, {FIRST.path: "fails"}, "warn", "fails", ", and the first entry does not boot under PVH"),
    (FIRST.path, {FIRST.path: "unknown"}, "warn", "unknown", ", and the first entry cannot be judged under PVH"),
    (FIRST.path, {}, "warn", "unknown", ", and the first entry cannot be judged under PVH"),
    ("/boot/gone", {FIRST.path: "boots"}, "warn", "unknown", ", and the first entry cannot be judged under PVH"),
    (None, {FIRST.path: "boots"}, "warn", "unknown", ", and the first entry cannot be judged under PVH"),
])
def test_an_entry_that_boots_once(first, answers, status, answer, more):
    entries = (ENTRY._replace(kernel=first), Entry(1, "1", "Other", kernel="/boot/other"))
    menu = Menu("xen_pvh", CONFIG, entries, (Candidate(1, "next_entry"), Candidate(0, "default-index")), default="1")
    (finding,) = judge_once(facts(kernels=(kernel("5.10"), FIRST)), menu, answers, "pvh")
    assert whole(finding) == (
        "boots-once", status, "pvh", "Other", ONCE + more, ((CONFIG, "next_entry", "1"), (first or "", "", answer)), [])
    (bare,) = judge_once(facts(), menu._replace(config=None, default=None), answers, "pvh")
    assert bare.evidence == (("", "next_entry", ""), (first or "", "", "unknown"))
    assert list(judge_once(facts(), menu._replace(candidates=menu.candidates[::-1]), answers, "pvh")) == []


# What comes first in the next menu

NEWER, COPY = "/boot/vmlinuz-6.2", "/boot/vmlinuz-6.1.bak"
NOW = Entry(0, "0", "Debian", "gnulinux-6.1-advanced", kernel=FIRST.path)
BY_NAME = "gnulinux-6.1-advanced"
TWO = (FIRST, kernel("6.2"))
REASON = Evidence("/boot/config-6.2", "CONFIG_XEN", "n")


def next_first(path, answer, default="0", kernels=TWO, entries=(NOW,), host="debian-12", now=NOW, guest=DEBIAN):
    defaults = Defaults() if default is None else settings(GRUB_DEFAULT=default)
    if default == "":
        defaults = Defaults(unknown={"GRUB_DEFAULT": Problem("/etc/default/grub:1", "is odd")})
    reason, evidence, fix = ("", (), ()) if answer == "boots" else ("no Xen", (REASON,), (hint("Mend it."),))
    following = Following(Entry(0, "0", "Debian", kernel=path), answer, reason, evidence, fix)
    menus = {"pvh": Menu("xen_pvh", CONFIG, entries, (Candidate(0, ""),), default="0")}
    return judge_next_first(following, now, facts(guest, kernels=kernels, menus=menus, defaults=defaults), profile(host), "pvh")


MOVE = "mv /boot/vmlinuz-6.1.bak /root/"


@pytest.mark.parametrize("path,entries,expected", [
    (NEWER, (NOW,), ("newer-kernel", "not in the menu yet; the next menu begins with it, and it boots under PVH", ["update-grub"])),
    (NEWER, (NOW, Entry(1, "1", "6.2", kernel=NEWER)), None),
    (COPY, (NOW,), ("kernel-copy", "a copy, which the next menu begins with", [MOVE, "update-grub"])),
    (COPY, (NOW, Entry(1, "1", "6.1.bak", kernel=COPY)), ("kernel-copy", "a copy, which the next menu begins with", [MOVE, "update-grub"])),
    # A copy by another name of a kernel's: what is added begins with one of ._~
    ("/boot/vmlinuz-6.1.mine", (NOW,), (
        "kernel-copy", "a copy, which the next menu begins with", ["mv /boot/vmlinuz-6.1.mine /root/", "update-grub"])),
])
def test_a_first_entry_that_boots(path, entries, expected):
    finding = next_first(path, "boots", entries=entries)
    if expected is None:
        assert finding is None
    else:
        assert whole(finding) == (expected[0], "info", "pvh", path, expected[1], ((path, "", ""),), expected[2])


BEGINS, COPIED = "the next menu begins with it", "a copy, which the next menu begins with"
OWNED = (FIRST._replace(package="linux-image-6.1:amd64", has_dpkg=True), kernel("6.2", package="linux-image-6.2", has_dpkg=True))
RUNS = (OWNED[0]._replace(running=True), OWNED[1])


@pytest.mark.parametrize("path,default,kernels,status,comes", [
    (NEWER, "0", TWO, "warn", BEGINS), (NEWER, None, TWO, "warn", BEGINS),
    (COPY, "0", (FIRST,), "warn", COPIED),
    (NEWER, "5", TWO, "warn", BEGINS + ", and may boot it by default"),
    (NEWER, "", TWO, "warn", BEGINS + ", and may boot it by default"),
    (COPY, "5", (FIRST,), "warn", COPIED + ", and may boot it by default"),
    (NEWER, BY_NAME, RUNS, "info", BEGINS + ", though its default is another by name"),
    (COPY, BY_NAME, RUNS, "info", COPIED + ", though its default is another by name"),
])
@pytest.mark.parametrize("answer,verb", [("fails", "does not boot"), ("unknown", "cannot be judged")])
def test_a_first_entry_that_does_not_boot(path, default, kernels, status, comes, answer, verb):
    finding = next_first(path, answer, default, kernels)
    summary = "{}; it {} under PVH: no Xen".format(comes, verb)
    copy = path == COPY
    assert whole(finding) == (
        "kernel-copy" if copy else "newer-kernel", status, "pvh", path, summary, ((path, "", answer), REASON),
        [MOVE, "update-grub"] if copy else ["Mend it."])


@pytest.mark.parametrize("path,guest,kernels,ways_out", [
    (NEWER, DEBIAN, OWNED, ["apt-mark manual linux-image-6.1", "Mend it."]),
    (COPY, DEBIAN, OWNED, ["apt-mark manual linux-image-6.1", MOVE, "update-grub"]),
    (NEWER, DEBIAN, (kernel("6.2"),), ["Mend it."]),  # the default's kernel is not among those that were seen
])
def test_a_default_by_name_that_autoremove_takes_away(path, guest, kernels, ways_out):
    summary = "the next upgrade and its autoremove take it away, and then {} boots; it does not boot under PVH: no Xen".format(path)
    finding = next_first(path, "fails", BY_NAME, kernels, guest=guest)
    assert whole(finding) == ("autoremove", "warn", "pvh", FIRST.path, summary, ((path, "", "fails"), REASON), ways_out)


def test_a_default_by_name_counts_where_grubenv_is_read():
    menu_says = [next_first(NEWER, "fails", "saved", RUNS, host=host).summary for host in ("debian-12", "upstream-2.06", "bitfolk")]
    assert [summary.partition(";")[0] for summary in menu_says] == [BEGINS, BEGINS, BEGINS + ", and may boot it by default"]


def test_an_entry_that_loads_no_kernel():
    """One written by hand, perhaps, which is the default by its title: nothing is known of what it boots."""
    now = Entry(0, "0", "By hand")
    finding = next_first(NEWER, "fails", "By hand", now=now, entries=(now,))
    assert (finding.id, finding.status, finding.subject) == ("autoremove", "warn", "")
    empty = judge_next_first(Following(now, "fails", "none", (), ()), NOW, facts(menus={"pvh": MENU}), profile("debian-12"), "pvh")
    assert (empty.id, empty.subject, empty.evidence) == ("newer-kernel", "", (("", "", "fails"),))


# Which kernels are there after an upgrade


def packaged(release, **fields):
    return kernel(release, has_dpkg=True, package="linux-image-" + release, **fields)


def own(release, **fields):
    return kernel(release, has_dpkg=True, **fields)


DEBIANS = {
    # the kernels, newest first; the one that is asked about; whether it stays
    "the running one": ((packaged("6.3"), packaged("6.2"), packaged("6.1", running=True)), "6.1", True),
    "the newest, while another runs": ((packaged("6.3"), packaged("6.2", running=True)), "6.3", False),
    "the newest, and nothing runs": ((packaged("6.3"), packaged("6.2")), "6.3", True),
    "the second": ((packaged("6.3"), packaged("6.2")), "6.2", False),
    "one of no package": ((packaged("6.3"), packaged("6.2", running=True), own("6.1")), "6.1", True),
    "the newest package's, though one of none is newer": ((own("6.4"), packaged("6.3"), packaged("6.2")), "6.3", True),
    "the newest, where there is no dpkg": ((kernel("6.3"), kernel("6.2")), "6.3", True),
    "the second, where there is no dpkg": ((kernel("6.3"), kernel("6.2")), "6.2", False),
    "the newest in /boot, though one elsewhere is newer": (
        (packaged("6.4")._replace(path="/usr/lib/linux/image-6.4"), packaged("6.3"), packaged("6.2")), "6.3", True),
    "two of one age": ((packaged("6.3"), packaged("6.3")._replace(path="/boot/vmlinuz-6.3.old")), "6.3", True),
}


@pytest.mark.parametrize("name", DEBIANS)
def test_what_apt_leaves(name):
    kernels, asked, expected = DEBIANS[name]
    assert stays("/boot/vmlinuz-" + asked, kernels, facts(kernels=kernels)) is expected


def test_a_kernel_is_known_by_all_its_names():
    kernels = (FIRST._replace(running=True), kernel("6.2"))
    assert [stays(path, kernels, facts()) for path in ("/vmlinuz", FIRST.path, "/boot/gone", None)] == [True, True, False, False]


def rpm(release, package="kernel-core", **fields):
    return kernel(release, package=package, **fields)


FOUR = (rpm("6.4"), rpm("6.3"), rpm("6.2"), rpm("6.1"))
UEK = (rpm("6.4", "kernel-uek-core"), rpm("6.3", "kernel-uek-core"))


@pytest.mark.parametrize("keeps,kernels,expected", [
    (None, FOUR, [True, True, False, False]), (3, FOUR, [True, True, False, False]), (2, FOUR, [True, False, False, False]),
    (4, FOUR, [True, True, True, False]), (1, FOUR, [True] * 4), (0, FOUR, [True] * 4),
    (2, UEK + (rpm("6.2"), rpm("6.1")), [True, False, True, False]), (2, (FOUR[0], rpm("6.3", running=True)), [True, True]),
])
def test_what_dnf_leaves(keeps, kernels, expected):
    seen = facts(FEDORA, kernels=kernels, upgrades=Upgrades(keeps))
    assert [stays(one.path, kernels, seen) for one in kernels] == expected


@pytest.mark.parametrize("guest,expected", [
    (SUSE, [True, False, False, False]), (Guest("PV", distribution=Distribution("arch")), [True] * 4), (Guest("PV"), [True] * 4),
    (Guest("PV", distribution=Distribution("ubuntu", "24.04")), [True, False, False, False]),
])
def test_what_others_leave(guest, expected):
    """zypper keeps the newest; of the others none removes a kernel by itself."""
    assert [stays(one.path, FOUR, facts(guest, kernels=FOUR)) for one in FOUR] == expected
    running = FOUR[:3] + (FOUR[3]._replace(running=True),)
    if guest is SUSE:  # whatever runs: that is apt's way
        assert [stays(one.path, running, facts(guest, kernels=running)) for one in running] == [True, False, False, True]


def test_the_age_is_that_of_the_release_else_of_the_name():
    kernels = (rpm("6.10")._replace(release=None), rpm("6.9")._replace(named_release="6.99"))
    seen = facts(FEDORA, kernels=kernels, upgrades=Upgrades(2))
    assert [stays(one.path, kernels, seen) for one in kernels] == [True, False]


# A default of /etc/default/grub that the menu has not yet

PAIR = (kernel("6.1.0-5"), kernel("6.1.0-50"))
NAMES = "gnulinux-6.1.0-50-advanced"


@pytest.mark.parametrize("wanted,menu,answers,kernels,expected", [
    (NAMES, MENU, {"/boot/vmlinuz-6.1.0-50": "fails"}, PAIR, ("6.1.0-50", "does not boot")),
    (NAMES, MENU, {"/boot/vmlinuz-6.1.0-50": "unknown"}, PAIR[::-1], ("6.1.0-50", "cannot be judged")),
    (NAMES, MENU, {}, PAIR, ("6.1.0-50", "cannot be judged")),
    (NAMES, MENU, {"/boot/vmlinuz-6.1.0-50": "boots", "/boot/vmlinuz-6.1.0-5": "fails"}, PAIR, None),
    (NAMES, MENU._replace(default=None), {}, PAIR, ("6.1.0-50", "cannot be judged")),
    (NAMES, MENU._replace(default=NAMES), {}, PAIR, None), (NAMES, MENU._replace(uses_blscfg=True), {}, PAIR, None),
    (NAMES, MENU, {}, (kernel("6.2"),), None), ("saved", MENU, {}, PAIR, None), ("0", MENU, {}, PAIR, None),
    (NAMES, MENU, {}, (PAIR[1]._replace(path="/usr/lib/linux/6.1.0-50"),), None),
    (NAMES, MENU, {}, (PAIR[1]._replace(named_release=None),), None), (NAMES, MENU, {}, (PAIR[1]._replace(named_release=""),), None),
    (None, MENU, {}, PAIR, None), (None, MENU._replace(default=None), {}, PAIR, None),
])
def test_a_default_to_come_that_names_a_kernel(wanted, menu, answers, kernels, expected):
    defaults = settings(GRUB_DEFAULT=wanted) if wanted else Defaults()
    findings = list(judge_wanted_default(facts(kernels=kernels, defaults=defaults), menu, answers, "pvh"))
    if expected is None:
        assert findings == []
    else:
        summary = "GRUB_DEFAULT names Linux {}, which {} under PVH: so it will be once the menu is written anew".format(*expected)
        assert [whole(finding) for finding in findings] == [(
            "grub-config-stale", "warn", "pvh", "/boot/vmlinuz-" + expected[0], summary, (("/etc/default/grub", "line 1", wanted),),
            FIRST_BY_DEFAULT)]


# A default that comes with the next package of a kernel

ELREPO = rpm("6.9.1-1.el9.elrepo", "kernel-ml-core", names=("/boot/ml",))
STOCK = (rpm("5.14.0-9"), rpm("5.14.0-70"), rpm("5.14.0-99-rescue-1")._replace(path="/boot/vmlinuz-0-rescue-1"))
STOCK_FAILS = {"/boot/vmlinuz-5.14.0-70": "fails", "/boot/vmlinuz-5.14.0-9": "boots"}
TO_COME = "a new kernel of the package {} becomes the default once it is installed, and the newest of these {} under PVH"


def of_upgrade(entry=None, answers=None, kernels=STOCK + (ELREPO,), default="saved", updates=True, kind="kernel-core"):
    seen = facts(FEDORA, kernels=kernels, defaults=settings(GRUB_DEFAULT=default), upgrades=Upgrades(None, updates, kind))
    entry = entry or Entry(0, "0", "Fedora", kernel=ELREPO.path)
    return [whole(finding) for finding in judge_upgrade(seen, entry, STOCK_FAILS if answers is None else answers, "pvh")]


@pytest.mark.parametrize("kind", ["kernel-core", "kernel"])
@pytest.mark.parametrize("answers,verb", [
    (STOCK_FAILS, "does not boot"), ({"/boot/vmlinuz-5.14.0-70": "unknown"}, "cannot be judged"), ({}, "cannot be judged"),
])
def test_the_next_kernel_becomes_the_default(kind, answers, verb):
    newest = "/boot/vmlinuz-5.14.0-70"
    assert of_upgrade(answers=answers, kind=kind) == [(
        "upgrade-default", "warn", "pvh", newest, TO_COME.format(kind, verb),
        (("/etc/sysconfig/kernel", "DEFAULTKERNEL", kind), (newest, "", "")), ["sed -i $ a DEFAULTKERNEL=kernel-ml /etc/sysconfig/kernel"])]


def test_where_the_next_kernel_does_not_matter():
    assert of_upgrade(answers={"/boot/vmlinuz-5.14.0-70": "boots", "/boot/vmlinuz-5.14.0-9": "fails"}) == []
    assert of_upgrade(updates=False) == of_upgrade(updates=None) == of_upgrade(kind=None) == of_upgrade(kind="") == []
    assert of_upgrade(default="0") == []
    assert of_upgrade(Entry(0, "0", "Fedora", kernel=STOCK[0].path)) == []  # it boots one of that kind already
    assert of_upgrade(Entry(0, "0", "Fedora", kernel="/boot/gone")) == of_upgrade(Entry(0, "0", "Fedora")) == []
    assert of_upgrade(kernels=(ELREPO,)) == of_upgrade(kernels=(ELREPO, STOCK[2])) == of_upgrade(kind="kernel-rt") == []
    assert of_upgrade(kernels=(ELREPO, STOCK[1]._replace(path="/lib/modules/5.14.0-70/vmlinuz"))) == []
    assert len(of_upgrade(Entry(0, "0", "Fedora", kernel="/boot/ml"))) == 1


@pytest.mark.parametrize("package,release,kind", [
    ("kernel-ml", "6.9", "kernel-ml"), ("kernel-lt-core", "6.1", "kernel-lt"), ("kernel-uek", "5.15", "kernel-uek"),
    ("kernel-rt-core", "5.14", "kernel-rt"), ("kernel-plus", "5.14", "kernel-plus"), ("kernel-core", "6.9.elrepo", "kernel-ml"),
    (None, "6.9.elrepo", "kernel-ml"), (None, "5.15.el9uek", "kernel-uek"), (None, "5.14.plus", "kernel-plus"), (None, "5.14", None),
    ("kernel-core", "5.14", None), ("my-kernel-ml", "5.14", None),
])
def test_kinds_of_kernels(package, release, kind):
    """That of the entry's kernel is what is to be the default's kind; None is the distribution's own."""
    for given in ((release, release), (None, release), (release, None), (release, "6.9.elrepo")):
        booted = rpm(release, package)._replace(release=given[0], named_release=given[1], path="/boot/booted")
        said = of_upgrade(Entry(0, "0", "Fedora", kernel="/boot/booted"), kernels=(STOCK[1], booted))
        assert [finding[6] for finding in said] == (
            [["sed -i $ a DEFAULTKERNEL={} /etc/sysconfig/kernel".format(kind)]] if kind else [])


def test_a_kernel_of_no_release_is_the_distribution_s_own():
    booted = rpm("x", None)._replace(release=None, named_release=None, path="/boot/booted")
    assert of_upgrade(Entry(0, "0", "Fedora", kernel="/boot/booted"), kernels=(STOCK[1], booted)) == []


# Other kernels, the fallback, the other mode


A, B, C, D = kernel("6.1"), kernel("6.2"), kernel("6.10"), kernel("5.10")
NEWER_WORDS = "newer than the default, and {} under PVH: the next regeneration of the menu may choose it"
OTHER_WORDS = "another kernel that {} under PVH"


def others(kernels, answers, chosen=("/boot/vmlinuz-6.1",), told=None):
    given = {"/boot/vmlinuz-" + release: answer for release, answer in answers.items()}
    findings = judge_other_kernels(kernels, chosen, given, "pvh", told)
    for finding in findings:
        assert finding.mode == "pvh" and finding.subject == finding.evidence[0].path and finding.remedies == ()
        shown = [(item.path.replace("/boot/vmlinuz-", ""), item.value) for item in finding.evidence]
        assert not any(item.where for item in finding.evidence)
        yield finding.id, finding.status, finding.summary, shown


@pytest.mark.parametrize("kernels,answers,expected", [
    ((A, B), {"6.2": "boots"}, []), ((A, B), {"6.1": "fails", "6.2": "boots"}, []), ((A,), {}, []), ((), {}, []),
    ((A, B), {"6.2": "fails"}, [("newer-kernel", "warn", NEWER_WORDS.format("does not boot"), [("6.2", "fails")])]),
    ((A, B), {"6.2": "unknown"}, [("newer-kernel", "warn", NEWER_WORDS.format("cannot be judged"), [("6.2", "unknown")])]),
    ((A, B), {}, [("newer-kernel", "warn", NEWER_WORDS.format("cannot be judged"), [("6.2", "unknown")])]),
    ((A, D), {"5.10": "fails"}, [("older-kernel", "info", OTHER_WORDS.format("does not boot"), [("5.10", "fails")])]),
    ((A, A._replace(path="/boot/vmlinuz-x")), {"x": "fails"}, [
        ("older-kernel", "info", OTHER_WORDS.format("does not boot"), [("x", "fails")])]),
    ((A, B, C), {"6.2": "unknown", "6.10": "fails"}, [
        ("newer-kernel", "warn", NEWER_WORDS.format("does not boot") + " (and 1 more)", [("6.2", "unknown"), ("6.10", "fails")])]),
    ((C, A, B, D), {}, [
        ("newer-kernel", "warn", NEWER_WORDS.format("cannot be judged") + " (and 1 more)", [("6.10", "unknown"), ("6.2", "unknown")]),
        ("older-kernel", "info", OTHER_WORDS.format("cannot be judged"), [("5.10", "unknown")])]),
    ((A, B._replace(path="/usr/lib/linux/6.2")), {}, []), ((A, B._replace(path="/boot/pvhready-6.2.elf")), {}, []),
])
def test_other_kernels(kernels, answers, expected):
    assert list(others(kernels, answers)) == expected


def test_what_counts_as_newer():
    unnamed = B._replace(named_release=None)
    misnamed = B._replace(named_release="5.4")
    assert [said[0] for said in others((A, unnamed), {})] == ["newer-kernel"]
    assert [said[0] for said in others((A, misnamed), {})] == ["older-kernel"]
    assert [said[0] for said in others((A._replace(named_release=None), B), {})] == ["newer-kernel"]
    assert [said[0] for said in others((A._replace(named_release="6.3"), B), {})] == ["older-kernel"]
    assert [said[0] for said in others((A._replace(named_release=None, release="6.3"), B), {})] == ["older-kernel"]
    both = ("/boot/vmlinuz-6.1", "/boot/vmlinuz-6.2")  # two may boot next: only what is newer than both may take their place
    assert [said[0] for said in others((A, B, C), {}, both)] == ["newer-kernel"]
    assert [said[0] for said in others((D, A, C), {}, ("/boot/vmlinuz-5.10", "/boot/vmlinuz-6.10"))] == ["older-kernel"]
    assert [said[0] for said in others((A, B), {}, ())] == ["older-kernel"]


def test_what_is_told_to_come_first_is_not_told_twice():
    named = C._replace(names=("/boot/vmlinuz-6.10", "/boot/c"))
    assert [said[:2] for said in others((A, B, named), {}, told="/boot/c")] == [("older-kernel", "info")]
    assert list(others((A, named), {}, told="/boot/c")) == []
    assert [said[3] for said in others((A, B, named), {}, told="/boot/gone")] == [[("6.2", "unknown"), ("6.10", "unknown")]]


@pytest.mark.parametrize("path", ["/boot/vmlinuz-6.1", None])
@pytest.mark.parametrize("answer,verb", [("fails", "does not boot"), ("unknown", "cannot be judged")])
def test_an_entry_to_fall_back_to(answer, verb, path):
    finding = judge_fallback(ENTRY._replace(kernel=path), answer, "pv")
    assert whole(finding) == (
        "fallback-entry", "warn", "pv", "Debian", "the fallback entry {} under PV".format(verb), ((CONFIG, "line 12", path or ""),), [])
    assert judge_fallback(ENTRY, "boots", "pv") is None


OBJECTIONS = tuple(
    Finding("image-payload", "fail", "pv", "/boot/" + name, "is " + name, (Evidence("/boot/" + name), Evidence("/x"))) for name in "abc")


@pytest.mark.parametrize("mode,answer,other,summary", [
    ("pv", "fails", "boots", "PVH boots, PV does not: you cannot go back with this kernel ({})"),
    ("pvh", "fails", "boots", "PV boots, PVH does not: you cannot go back with this kernel ({})"),
    ("pv", "fails", "fails", "the next boot under PV fails ({})"), ("pvh", "fails", "unknown", "the next boot under PVH fails ({})"),
    ("pv", "unknown", "boots", "the next boot under PV cannot be judged ({})"),
    ("pvh", "unknown", "fails", "the next boot under PVH cannot be judged ({})"),
])
def test_the_way_back(mode, answer, other, summary):
    finding = judge_way_back(mode, answer, OBJECTIONS, other)
    seen = (("/boot/a", "", ""), ("/x", "", ""), ("/boot/b", "", ""), ("/x", "", ""))
    assert whole(finding) == (
        "way-back", "info", mode, "the other mode", summary.format("/boot/a: is a; /boot/b: is b"), seen, [])
    assert judge_way_back(mode, "boots", OBJECTIONS, other) is None
