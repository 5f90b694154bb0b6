"""How findings are weighed: several entries, fallbacks, what comes first in the next menu, what is skipped, and the verdict."""

import pytest

from pvhready.facts import (
    Candidate,
    Config,
    Defaults,
    Distribution,
    Entry,
    EntryError,
    Facts,
    Guest,
    Hack,
    Hook,
    Image,
    Initramfs,
    Kernel,
    Menu,
    Mount,
    Problem,
    Program,
    Storage,
)
from pvhready.findings import Finding
from pvhready.host import profile
from pvhready.judge import EXIT_CODES, KernelAnswer, answer_of, judge, judge_kernel, kernel_findings

HOST = profile("debian-12")
IMAGE = Image(
    "bzimage", "xz", 64, 9000, "6.1.0-9-amd64", 0x20F, 0xAA55, setup_sectors=27, loaded_high=True, cmdline_size=2047, payload_offset=1000,
    payload_end=8000, payload_magic="fd377a585a00", code_end=9000)
VALUES = {
    "X86_64": "y", "XEN": "y", "XEN_PV": "y", "XEN_PVHVM": "y", "XEN_PVH": "y", "ACPI": "y", "XEN_BLKDEV_FRONTEND": "y",
    "XEN_NETDEV_FRONTEND": "y", "HVC_XEN": "y", "EXT4_FS": "y", "BLK_DEV_INITRD": "y", "RD_ZSTD": "y",
}
NO_PVH, NO_PV = dict(VALUES, XEN_PVH="n"), dict(VALUES, XEN_PV="n")
GUEST = Guest("PV", distribution=Distribution("debian", "12"), programs="x86_64", architecture="x86_64")
PATH, OLD, NEW = "/boot/vmlinuz-6.1.0-9-amd64", "/boot/vmlinuz-6.1.0-8-amd64", "/boot/vmlinuz-6.1.0-10-amd64"
MENU = "/boot/grub/grub.cfg"


def kernel(path=PATH, values=None, **more):
    release = path.partition("-")[2]
    config = Config("/boot/config-" + release, VALUES if values is None else values, root_pointer=True)
    return Kernel(path, IMAGE._replace(release=release), release, release, config=config, names=(path,), **more)


def entry(index=0, path=PATH, **more):
    release = path.partition("-")[2]
    settings = {
        "id": "gnulinux-" + release, "kernel": path, "initrd": ("/boot/initrd.img-" + release,), "written": path,
        "cmdline": "root=UUID=1 ro console=hvc0", "source": "{}:{}".format(MENU, 10 + index)}
    settings.update(more)
    return Entry(index, str(index), "Linux " + release, **settings)


def menu(entries=None, chosen=(0,), **more):
    candidates = tuple(Candidate(index, "default-index", "if " + str(index)) for index in chosen)
    return Menu("xen_pvh", MENU, (entry(),) if entries is None else tuple(entries), candidates, "default-index", default="0", **more)


def facts(pvh=None, pv=None, kernels=None, root="/", **more):
    held = {"/boot/initrd.img-6.1.0-{}-amd64".format(number): Initramfs("", (), complete=True, init=True) for number in (8, 9, 10)}
    settings = {
        "kernels": (kernel(),) if kernels is None else tuple(kernels), "menus": {"pvh": pvh or menu(), "pv": pv or pvh or menu()},
        "initramfs": {path: archive._replace(path=path) for path, archive in held.items()},
        "storage": Storage(fstab=(Mount("/", "UUID=1", "ext4", "", "/etc/fstab:1"),), uuids={"1": "/dev/xvda1"}, devices=("/dev/xvda1",)),
        "defaults": Defaults({"GRUB_CMDLINE_LINUX": "console=hvc0", "GRUB_DEFAULT": "0"}, {"GRUB_DEFAULT": "/etc/default/grub:1"}),
        "inits": {"/sbin/init": Program(True, True)}, "guest": GUEST,
        "boot_names": tuple("initrd.img-6.1.0-{}-amd64".format(number) for number in (8, 9, 10)),
    }
    settings.update(more)
    return Facts(root, True, "2026-01-01", **settings)


def told(findings, *statuses):
    return [(finding.id, finding.status, finding.subject) for finding in findings if not statuses or finding.status in statuses]


def worst(report):
    return told(report.checks, "warn", "unknown", "fail", "skip")


TITLE, OLDER, NEWER = "Linux 6.1.0-9-amd64", "Linux 6.1.0-8-amd64", "Linux 6.1.0-10-amd64"
TWO = (entry(0), entry(1, OLD))
GOOD, BAD, GOOD_OLD, BAD_OLD, GOOD_NEW, BAD_NEW = (
    kernel(path, values) for path in (PATH, OLD, NEW) for values in (VALUES, NO_PVH))
UNSURE_OLD, UNSURE_NEW = (kernel(path, dict(VALUES, ACPI="n")) for path in (OLD, NEW))
LOST = entry(errors=(EntryError("x", "", None, True),))
XEN_PVH = "kernel-xen-pvh"
CONFLICT = "kernel-config-conflict"
TARGET_FAILS = "(/boot/vmlinuz-6.1.0-9-amd64: built without CONFIG_XEN_PVH: it comes up as HVM and finds no disks)"

CHAINS = {
    # the menu and the kernels: the answer, and all that is not as it should be, in its order
    "sound": (menu(), [GOOD], "boots", []),
    "its kernel fails": (menu(), [BAD], "fails", [(XEN_PVH, "fail", PATH)]),
    "two that boot": (menu(TWO, (0, 1)), [GOOD, GOOD_OLD], "boots", []),
    "two that fail": (menu(TWO, (0, 1)), [BAD, BAD_OLD], "fails", [(XEN_PVH, "fail", PATH), (XEN_PVH, "fail", OLD)]),
    "one of two fails": (
        menu(TWO, (0, 1)), [GOOD, BAD_OLD], "unknown",
        [("entry-uncertain", "unknown", TITLE), ("entry-uncertain", "unknown", OLDER), (XEN_PVH, "unknown", OLD)]),
    "one of two is unknown": (
        menu(TWO, (0, 1)), [GOOD, UNSURE_OLD], "unknown",
        [("entry-uncertain", "unknown", TITLE), ("entry-uncertain", "unknown", OLDER), (CONFLICT, "unknown", OLD)]),
    "or no entry at all": (menu(may_show_nothing=True), [GOOD], "unknown", [("entry-uncertain", "unknown", TITLE)]),
    "or no entry at all, and it fails": (menu(may_show_nothing=True), [BAD], "fails", [(XEN_PVH, "fail", PATH)]),
    "a kernel that was not seen": (menu(), [], "unknown", [("entry-kernel", "unknown", TITLE)]),
    "one that cannot be loaded anyway": (menu([LOST]), [], "fails", [("entry-error", "fail", TITLE)]),
    "one of which that is not known": (
        menu([entry(errors=(EntryError("x", "", None, None),))]), [], "unknown",
        [("entry-error", "unknown", TITLE), ("entry-kernel", "unknown", TITLE)]),
    "and which complains of something else, too": (
        menu([LOST._replace(errors=(EntryError("y"),) + LOST.errors)]), [], "fails", [("entry-error", "fail", TITLE)]),
    "no kernel in the entry": (menu([entry(kernel=None)]), [], "fails", [("entry-kernel", "fail", TITLE)]),
    "a fallback that fails": (menu(TWO, fallbacks=(1,)), [GOOD, BAD_OLD], "boots", [("fallback-entry", "warn", OLDER)]),
    "a fallback that boots": (menu(TWO, fallbacks=(1,)), [GOOD, GOOD_OLD], "boots", []),
    "fallbacks that are no entry, or the default": (menu(TWO, fallbacks=(7, 0)), [BAD, GOOD_OLD], "fails", [(XEN_PVH, "fail", PATH)]),
    "no entry": (menu((), ()), [GOOD], "fails", [("grub-no-entries", "fail", MENU)]),
    "an argument": (menu([entry(cmdline="root=UUID=1 console=hvc0 nopv")]), [GOOD], "fails", [("cmdline-nopv", "fail", TITLE)]),
    "the root": (menu([entry(cmdline="root=UUID=2 console=hvc0")]), [GOOD], "fails", [("root-device-missing", "fail", TITLE)]),
    "the first program": (
        menu([entry(cmdline="root=UUID=1 console=hvc0 init=/gone")]), [GOOD], "unknown", [("init-missing", "unknown", TITLE)]),
    "no release": (menu(), [GOOD._replace(release=None)], "unknown", [("kernel-release", "unknown", PATH)]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_chain(name):
    shown, kernels, answer, expected = CHAINS[name]
    report = judge(facts(shown, menu(), kernels), HOST)
    assert (report.modes["pvh"], report.chain.answer, report.chain.mode) == (answer, answer, "pvh")
    assert (report.target, report.host, report.facts.kernels) == ("pvh", "debian-12", tuple(kernels))
    assert told(report.chain.findings, "warn", "unknown", "fail") == expected
    assert len(set(report.chain.findings)) == len(report.chain.findings)
    first = shown.candidates[0].index if shown.candidates else None
    assert (report.chain.entry and report.chain.entry.index) == first
    paths = [held.path for held in kernels]
    assert report.chain.kernels == tuple(path for path in ([PATH, OLD][index.index] for index in shown.candidates) if path in paths)
    assert [held.default for held in report.kernels] == [first is not None and path == PATH for path in paths]


def test_what_is_said_where_entries_disagree():
    report = judge(facts(menu(TWO, (0, 1))._replace(candidates=(Candidate(0, "x", "if it reads grubenv"), Candidate(1, "x"))), None, [
        GOOD, BAD_OLD]), HOST)
    words = [finding.summary for finding in report.checks if finding.id == "entry-uncertain"]
    assert words == ["if it reads grubenv: it boots under PVH", "it may boot next: it does not boot under PVH"]
    report = judge(facts(menu(TWO, (0, 1)), None, [UNSURE_OLD, GOOD]), HOST)
    assert [finding.summary for finding in report.checks if finding.id == "entry-uncertain"] == [
        "if 0: it boots under PVH", "if 1: not known under PVH"]
    assert [finding.status for finding in report.checks if finding.id == "kernel-config"] == ["pass"]
    (unseen,) = [finding for finding in judge(facts(kernels=()), HOST).checks if finding.id == "entry-kernel"]
    assert unseen.summary == "its kernel /boot/vmlinuz-6.1.0-9-amd64 could not be looked at"


def test_a_kernel_is_found_by_each_of_its_names():
    linked = GOOD._replace(path="/boot/real", names=("/boot/real", PATH))
    nameless = GOOD._replace(names=())
    for held in (linked, nameless):
        report = judge(facts(kernels=[kernel(OLD), held]), HOST)
        assert report.chain.kernels == (held.path,) and [answer.default for answer in report.kernels] == [False, True]


@pytest.mark.parametrize("menus", [{}, {"pvh": menu()}])
def test_a_menu_that_was_not_read_is_unknown(menus):
    report = judge(facts(menus=menus), HOST, "pv")
    assert (report.modes, report.verdict) == ({"pvh": "boots" if menus else "unknown", "pv": "unknown"}, "unknown")
    assert report.chain.entry is None and report.chain.kernels == ()
    assert told(report.checks, "unknown") == [("grub-config-unreadable", "unknown", "")]


@pytest.mark.parametrize("values,image,modes,reasons", [
    (VALUES, {}, ("boots", "boots"), ((), ())), (NO_PVH, {}, ("fails", "boots"), ((XEN_PVH,), ())),
    (NO_PV, {}, ("boots", "fails"), ((), ("kernel-xen-pv",))), (dict(VALUES, ACPI="n"), {}, ("unknown", "boots"), ((CONFLICT,), ())),
    # A failure outweighs what is not known.
    (dict(VALUES, ACPI="n"), {"payload_end": 9001}, ("fails", "fails"), (("image-truncated", CONFLICT), ("image-truncated",))),
    # What is no kernel, or was not read, has no configuration to judge.
    (NO_PVH, {"container": "unknown", "problem": Problem(PATH, "is a FIFO")},
     ("unknown", "unknown"), (("image-unreadable",), ("image-unreadable",))),
    (NO_PVH, {"container": "not-a-kernel"}, ("fails", "fails"), (("image-not-a-kernel",), ("image-not-a-kernel",))),
    (NO_PVH, {"container": "uki"}, ("fails", "fails"), (("image-uki",), ("image-uki",))),
])
def test_a_kernel_by_itself(values, image, modes, reasons):
    held = kernel(values=values)
    held = held._replace(image=held.image._replace(**image))
    expected = KernelAnswer(held, False, dict(zip(("pvh", "pv"), modes)), dict(zip(("pvh", "pv"), reasons)))
    assert judge_kernel(held, HOST, GUEST) == expected


def test_answers_and_exit_codes():
    made = {status: Finding("x", status, "pvh", "", "") for status in ("pass", "info", "warn", "unknown", "fail")}
    for statuses, answer in (
        (("pass", "info", "warn"), "boots"), ((), "boots"), (("warn", "unknown"), "unknown"), (("unknown", "fail"), "fails"),
    ):
        assert answer_of([made[status] for status in statuses]) == answer
    assert EXIT_CODES == {"ready": 0, "not-applicable": 0, "ready-with-warnings": 1, "not-ready": 2, "unknown": 3}


@pytest.mark.parametrize("guest,by_hand,verdict", [
    (GUEST, False, "ready"), (GUEST._replace(type="none"), False, "not-applicable"), (GUEST._replace(type="none"), True, "ready"),
    (GUEST._replace(dom0=True), False, "not-applicable"), (GUEST._replace(type=None), False, "unknown"),
    (GUEST._replace(type=None), True, "unknown"),
])
def test_the_verdict_on_a_machine(guest, by_hand, verdict):
    assert judge(facts(guest=guest), HOST, by_hand=by_hand).verdict == verdict


@pytest.mark.parametrize("kernels,skipped,verdict,expected", [
    ([BAD], (), "not-ready", (XEN_PVH, "fail", PATH)), ([BAD], (XEN_PVH,), "ready-with-warnings", (XEN_PVH, "skip", PATH)),
    ([], ("entry-kernel",), "ready-with-warnings", ("entry-kernel", "skip", TITLE)), ([BAD], ("x",), "not-ready", (XEN_PVH, "fail", PATH)),
    ([BAD_NEW, GOOD], (), "ready-with-warnings", ("newer-kernel", "warn", NEW)), ([GOOD], ("kernel-config", "guest-type"), "ready", None),
    ([GOOD_NEW, GOOD], ("newer-kernel",), "ready", None), ([UNSURE_NEW._replace(path=PATH, names=(PATH,))], (), "unknown", (
        CONFLICT, "unknown", PATH)),
])
def test_what_the_user_does_not_want_to_hear(kernels, skipped, verdict, expected):
    report = judge(facts(kernels=kernels), HOST, skipped=skipped)
    assert (report.verdict, worst(report)) == (verdict, [expected] if expected else [])
    plain = {finding.id: finding for finding in judge(facts(kernels=kernels), HOST).checks}
    for finding in report.checks:
        if finding.status == "skip":
            before = plain[finding.id]
            assert finding.summary == "skipped at your wish ({}): {}".format(before.status, before.summary)
        else:
            assert finding == plain[finding.id]


@pytest.mark.parametrize("target,values,expected", [
    ("pvh", VALUES, None), ("pvh", NO_PVH, None),
    ("pvh", NO_PV, "PVH boots, PV does not: you cannot go back with this kernel (/boot/vmlinuz-6.1.0-9-amd64: "
     "built without CONFIG_XEN_PV: it has no PV entry)"),
    ("pv", NO_PVH, "PV boots, PVH does not: you cannot go back with this kernel " + TARGET_FAILS),
    ("pv", dict(VALUES, ACPI="n"), "the next boot under PVH cannot be judged (/boot/vmlinuz-6.1.0-9-amd64: contradictory "
     "configuration: XEN_PVH=y without ACPI, which it depends on)"),
    ("pv", dict(NO_PVH, XEN_PV="n"), "the next boot under PVH fails " + TARGET_FAILS),
])
def test_the_way_back(target, values, expected):
    report = judge(facts(kernels=[kernel(values=values)]), HOST, target)
    said = [finding.summary for finding in report.checks if finding.id == "way-back"]
    assert said == ([expected] if expected else [])


NEXT = "the next menu begins with it; it {} under PVH: "
COMES_UP = "built without CONFIG_XEN_PVH: it comes up as HVM and finds no disks"


@pytest.mark.parametrize("shown,kernels,expected,words", [
    (menu(), [GOOD], [], None), (menu(), [GOOD, GOOD_OLD], [], None),
    (menu(), [GOOD, BAD_OLD], [("older-kernel", "info", OLD)], "another kernel that does not boot under PVH"),
    (menu(), [GOOD_NEW, GOOD], [("newer-kernel", "info", NEW)],
     "not in the menu yet; the next menu begins with it, and it boots under PVH"),
    (menu(), [BAD_NEW, GOOD], [("newer-kernel", "warn", NEW)], NEXT.format("does not boot") + COMES_UP),
    (menu(), [UNSURE_NEW, GOOD], [("newer-kernel", "warn", NEW)],
     NEXT.format("cannot be judged") + "contradictory configuration: XEN_PVH=y without ACPI, which it depends on"),
    # A failure comes before what is not known.
    (menu(), [kernel(NEW, dict(VALUES, ACPI="n"))._replace(image=IMAGE._replace(payload_end=9001)), GOOD], [("newer-kernel", "warn", NEW)],
     NEXT.format("does not boot") + "truncated: its header speaks of 9001 bytes, it has 9000"),
    # In the menu already, and no other entry for it.
    (menu((entry(), entry(1, NEW))), [GOOD_NEW, GOOD], [], None),
    # The next one was not seen, so that whatever is newer may be it.
    (menu((entry(0, "/boot/vmlinuz-6.1.0-11-amd64"), entry(1)), (1,), uses_blscfg=True), [BAD_NEW, GOOD],
     [("newer-kernel", "warn", NEW)],
     "newer than the default, and does not boot under PVH: the next regeneration of the menu may choose it"),
    # A menu that nobody generated tells nothing of the next: then whatever is newer may come first.
    (menu([entry(id=None)]), [BAD_NEW, GOOD], [("newer-kernel", "warn", NEW)],
     "newer than the default, and does not boot under PVH: the next regeneration of the menu may choose it"),
    (menu((), ()), [BAD_NEW, GOOD], [("older-kernel", "info", NEW)], "another kernel that does not boot under PVH"),
    # The root is judged with an initramfs only: without one the generator writes a device.
    (menu([entry(cmdline="root=UUID=2 console=hvc0")]), [GOOD_NEW, GOOD], [("newer-kernel", "warn", NEW)],
     NEXT.format("does not boot") + "UUID=2 is not there: nothing on this system has it"),
])
def test_what_comes_next(shown, kernels, expected, words):
    report = judge(facts(shown, menu(), kernels), HOST)
    found = [finding for finding in report.checks if finding.id in ("newer-kernel", "older-kernel")]
    assert told(found) == expected
    assert [finding.summary for finding in found] == ([words] if words else [])


def test_the_next_entry_without_an_initramfs_is_not_judged_by_its_root():
    shown = menu([entry(cmdline="root=UUID=2 console=hvc0")])
    report = judge(facts(shown, menu(), [GOOD_NEW, GOOD], boot_names=()), HOST)
    assert told(report.checks, "warn", "info") == [("newer-kernel", "info", NEW)]


def test_the_objection_comes_with_its_evidence_and_its_way_out():
    (found,) = [finding for finding in judge(facts(kernels=[BAD_NEW, GOOD]), HOST).checks if finding.id == "newer-kernel"]
    assert found.evidence == ((NEW, "", "fails"), ("/boot/config-6.1.0-10-amd64", "CONFIG_XEN_PVH", "n"))
    (objection,) = [finding for finding in kernel_findings(BAD_NEW, "pvh", HOST, GUEST) if finding.status == "fail"]
    assert found.remedies == objection.remedies and found.remedies


def test_kernels_that_were_kept_for_pv_say_so():
    path = "/boot/pvhready-6.1.0-9-amd64.elf"
    kept = kernel(path)._replace(image=Image("elf", bits=64, size=9000, payload_end=9000, notes=(1, 6)), release="6.1.0-9-amd64")
    shown = menu([entry(kernel=path)])
    report = judge(facts(menu(), shown, [BAD_NEW, GOOD, kept]), HOST, "pv")
    found = [finding.id for finding in report.checks if finding.id in ("pv-kept", "newer-kernel", "older-kernel")]
    assert found == ["pv-kept"]


AGAIN, UNDO = ("sudo", "pvhready", "check"), ("sudo", "pvhready", "undo")


@pytest.mark.parametrize("root,host,target,as_root,again,undo", [
    ("/", "bitfolk", "pvh", True, AGAIN, UNDO[1:]), ("/", "bitfolk", "pvh", False, AGAIN, UNDO),
    ("/mnt", "bitfolk", "pvh", True, AGAIN + ("--root", "/mnt"), UNDO[1:] + ("--root", "/mnt")),
    ("/", "debian-12", "pv", False, AGAIN + ("--host", "debian-12", "--target", "pv"), UNDO + ("--host", "debian-12")),
    ("/mnt", "debian-12", "pv", False, AGAIN + ("--root", "/mnt", "--host", "debian-12", "--target", "pv"),
     UNDO + ("--root", "/mnt", "--host", "debian-12")),
])
def test_a_way_out_by_this_program_is_about_this_guest(root, host, target, as_root, again, undo):
    hooks = (Hook("/etc/kernel/postinst.d/x", "x", True, package="x"),)
    seen = facts(root=root, hack=Hack(hooks), denied=("/x",), guest=GUEST._replace(distribution=Distribution("fedora", "40")))
    report = judge(seen._replace(run_as_root=as_root), profile(host), target)
    by_id = {finding.id: [remedy.argv for remedy in finding.remedies] for finding in report.checks}
    assert by_id["access"] == [again]
    assert [found[-1] for found in by_id.values() if found and "undo" in found[-1]] == [undo]
