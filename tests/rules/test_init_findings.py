"""What is said of the program that is started first, by what was seen of it."""

import pytest

from pvhready.facts import Distribution, Entry, Facts, Guest, Image, Kernel, Mount, Program, Storage
from pvhready.rules.init import judge_init

RUNS = Program(True, True)
GONE = Program(False, False, "/sbin/init is not there")
BROKEN = Program(True, False, "/sbin/init is no program")
UNSEEN = Program(None, None)
DENIED = Program(None, None, "permission denied")
NOTHING = {path: Program(False, False) for path in (
    "/sbin/init", "/etc/init", "/bin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/bin/sh")}
USR = (Mount("/", "/dev/xvda1", "ext4"), Mount("/usr", "/dev/xvda2", "ext4"))
OPT = (Mount("/", "/dev/xvda1", "ext4"), Mount("/opt/", "/dev/xvda2", "ext4"))


def judged(inits, cmdline="ro", root="/", fstab=()):
    entry = Entry(0, "0", "Debian", kernel="/boot/vmlinuz", cmdline=cmdline, source="/boot/grub/grub.cfg:7")
    guest = Guest("PV", distribution=Distribution("debian", "12"))
    facts = Facts(root, True, "2026-01-01", guest, inits=inits, storage=Storage(fstab=fstab))
    kernel = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047), "6.1.0", "6.1.0")
    return judge_init(entry, kernel, "pvh", facts)


def told(findings):
    return [(finding.id, finding.status, finding.evidence[0].value) for finding in findings]


CASES = {
    # what was seen, the command line, the root, fstab: the finding, and a part of its words
    "runs": ({"/sbin/init": RUNS}, "ro", "/", (), None, ""),
    "not looked at": ({}, "ro", "/", (), ("init-missing", "unknown", "/sbin/init"), "whether /sbin/init can be started cannot be seen"),
    "not seen": ({"/sbin/init": DENIED}, "ro", "/", (), ("init-missing", "unknown", "/sbin/init"), "cannot be seen: permission denied"),
    "broken": ({"/sbin/init": BROKEN}, "ro", "/", (), ("init-broken", "fail", "/sbin/init"), "/sbin/init is no program: the kernel cannot"),
    "the second": (dict(NOTHING, **{"/etc/init": RUNS}), "ro", "/", (), None, ""),
    "the second is broken": (
        dict(NOTHING, **{"/etc/init": BROKEN}), "ro", "/", (), ("init-broken", "fail", "/etc/init"), "cannot start it"),
    "the third is not seen": (
        dict(NOTHING, **{"/bin/init": UNSEEN}), "ro", "/", (), ("init-missing", "unknown", "/bin/init"), "cannot be seen"),
    "systemd alone": (
        dict(NOTHING, **{"/lib/systemd/systemd": RUNS}), "ro", "/", (), ("init-missing", "unknown", "/sbin/init"),
        "whether /lib/systemd/systemd is started in its place depends on the initramfs"),
    "a shell alone": (dict(NOTHING, **{"/bin/sh": UNSEEN}), "ro", "/", (), ("init-missing", "unknown", "/sbin/init"), "whether /bin/sh is"),
    "none": (NOTHING, "ro", "/", (), ("init-missing", "fail", "/sbin/init"), "/sbin/init is not there: the kernel finds nothing to start"),
    "none, mounted elsewhere": (NOTHING, "ro", "/mnt", (), ("init-missing", "fail", "/sbin/init"), "finds nothing to start"),
    "none, /usr apart": (
        NOTHING, "ro", "/mnt", USR, ("init-missing", "unknown", "/sbin/init"), "it may be in /usr, a file system of its own"),
    "none, /usr apart, running": (NOTHING, "ro", "/", USR, ("init-missing", "fail", "/sbin/init"), "finds nothing to start"),
    "none, another apart": (NOTHING, "ro", "/mnt", OPT, ("init-missing", "fail", "/sbin/init"), "finds nothing to start"),
    "none, another root": (
        NOTHING, "ro ostree=/x", "/mnt", (), ("init-missing", "unknown", "/sbin/init"), "ostree=/x may lead to another root"),
    "none, another root, running": (NOTHING, "ro ostree=/x", "/", (), ("init-missing", "fail", "/sbin/init"), "finds nothing"),
    "broken, /usr apart": ({"/sbin/init": BROKEN}, "ro", "/mnt", USR, ("init-broken", "unknown", "/sbin/init"), "it may be in /usr"),
    "named": ({"/opt/init": RUNS}, "init=/opt/init", "/", (), None, ""),
    "named, and nothing else": (NOTHING, "init=", "/", (), ("init-missing", "fail", "/sbin/init"), "finds nothing"),
    "named twice": ({"/a": GONE, "/b": RUNS}, "init=/a init=/b", "/", (), None, ""),
    "named, not seen": ({}, "init=/opt/init", "/", (), ("init-missing", "unknown", "init=/opt/init"), "whether /opt/init is there"),
    "named, gone": ({"/opt/init": GONE}, "init=/opt/init", "/", (), ("init-missing", "fail", "init=/opt/init"), "finds nothing to start"),
    "named, broken": ({"/opt/init": BROKEN}, "init=/opt/init", "/", (), ("init-broken", "fail", "init=/opt/init"), "cannot start it"),
    "named, apart": (
        {"/opt/init": GONE}, "init=/opt/init", "/mnt", OPT, ("init-missing", "unknown", "init=/opt/init"), "it may be in /opt/"),
    "named, /usr apart": ({"/x": BROKEN}, "init=/x", "/mnt", USR, ("init-missing", "unknown", "init=/x"), "it may be in /usr"),
    "named, apart, running": (
        {"/opt/init": GONE}, "init=/opt/init", "/", OPT, ("init-missing", "fail", "init=/opt/init"), "nothing to start"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_program(name):
    inits, cmdline, root, fstab, expected, words = CASES[name]
    findings = judged(inits, cmdline, root, fstab)
    assert told(findings) == ([expected] if expected else [])
    if expected:
        assert words in findings[0].summary and (findings[0].subject, findings[0].mode) == ("Debian", "pvh")


@pytest.mark.parametrize("name,typed", [("none", False), ("named, gone", True), ("none, /usr apart", False), ("systemd alone", False)])
def test_what_is_to_be_done(name, typed):
    inits, cmdline, root, fstab, _, _ = CASES[name]
    (finding,) = judged(inits, cmdline, root, fstab)
    assert finding.remedies and any(remedy.argv for remedy in finding.remedies) == typed


@pytest.mark.parametrize("inits,cmdline,root,fstab,status,summary", [
    (NOTHING, "ro", "/mnt", USR, "unknown",
     "/sbin/init is not there; it may be in /usr, a file system of its own that is not mounted here"),
    (NOTHING, "ro", "/mnt", (), "fail", "/sbin/init is not there: the kernel finds nothing to start, and panics"),
    ({"/opt/none": Program(False, False, "/opt/none is not there")}, "init=/opt/none", "/mnt", OPT, "unknown",
     "/opt/none is not there; it may be in /opt/, a file system of its own"),
    ({"/opt/none": Program(False, False, "/opt/none is not there")}, "init=/opt/none", "/mnt", (), "fail",
     "/opt/none is not there: the kernel finds nothing to start, and panics"),
    (dict(NOTHING, **{"/lib/systemd/systemd": RUNS}), "ro", "/", (), "unknown",
     "/sbin/init is not there: whether /lib/systemd/systemd is started in its place depends on the initramfs"),
])
def test_all_the_words(inits, cmdline, root, fstab, status, summary):
    (finding,) = judged(inits, cmdline, root, fstab)
    assert (finding.status, finding.summary) == (status, summary)


@pytest.mark.parametrize("ways", ["ostree=/ostree/boot.1", "overlayroot=tmpfs", "boot=live"])
def test_another_root_than_this(ways):
    (finding,) = judged(NOTHING, "ro " + ways, "/mnt")
    assert (finding.status, finding.summary) == ("unknown", "/sbin/init is not there; {} may lead to another root than this".format(ways))
