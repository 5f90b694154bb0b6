"""What the next upgrade brings: which kernel the next menu begins with, what autoremove takes, and what a default that is gone means."""

import os
import re
import subprocess

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pvhready import nextmenu
from pvhready.demo import menus, parts
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.initramfs import initramfs
from pvhready.facts import Distribution, Entry, Facts, Guest, Image, Kernel, Upgrades
from pvhready.probes.upgrades import read_upgrades
from pvhready.root import Root
from pvhready.rules.upkeep import stays
from pvhready.rules.versions import sort_key
from support import realtree, wanted
from support.program import findings
from support.trees import GRUB_CFG, MODULES, RELEASE, UUID, base, kernel

NEWER, OLDER = "6.1.0-51-amd64", "6.1.0-49-amd64"
READY, WARNINGS = "ready", "ready-with-warnings"
CONSOLE = "console=hvc0"


def boot(*releases):
    return ["/boot/vmlinuz-" + release for release in releases]


@pytest.mark.parametrize("release,expected", [
    ("6.1.0-50-amd64", {"dpkg": 1, "sort": 1}),
    ("6.1.0-50-amd64.bak", {"dpkg": 0, "sort": 0}),
    ("6.1.0-50-amd64.orig", {"dpkg": 0, "sort": 0}),
    ("6.1.0-50-amd64.lz4", {"dpkg": 0, "sort": 0}),
    ("6.1.0-50-amd64.compressed", {"dpkg": 0, "sort": 0}),
    ("6.1.0-50-amd64.old", {"dpkg": 1, "sort": 1}),
    ("6.1.0-50-amd64~", {"dpkg": 1, "sort": 1}),
    ("6.1.0-50-amd64-old", {"dpkg": 1, "sort": 0}),  # Debian's own comparison knows more words
])
def test_copies_stand_above_or_below(release, expected):
    for way, name in ((nextmenu.DPKG, "dpkg"), (nextmenu.SORT, "sort")):
        order = nextmenu.in_order(boot("6.1.0-50-amd64", "6.1.0-9-amd64", release), way)
        assert order.index(boot(release)[0]) == (0 if release == "6.1.0-50-amd64" else expected[name]), (way, order)


def test_what_is_no_kernel_for_a_generator():
    names = boot("6.1", "6.1.dpkg-new", "6.1.rpmsave", "6.1.sig") + ["/boot/vmlinuz", "/boot/kernel-6.1", "/lib/modules/6.1/vmlinuz"]
    assert nextmenu.listed(names) == ["/boot/kernel-6.1", "/boot/vmlinuz-6.1"]


@pytest.mark.parametrize("distribution,way", [
    (Distribution("debian", "12"), nextmenu.DPKG), (Distribution("debian", "13"), nextmenu.SORT), (Distribution("debian"), nextmenu.SORT),
    (Distribution("ubuntu", "22.04"), nextmenu.DPKG), (Distribution("ubuntu", "24.04"), nextmenu.SORT),
    (Distribution("devuan", "5"), nextmenu.DPKG), (Distribution("devuan", "6"), nextmenu.SORT),
    (Distribution("almalinux", "9.4", like=("rhel", "centos", "fedora")), nextmenu.RPM), (Distribution("arch"), nextmenu.SORT),
])
def test_ways(distribution, way):
    assert nextmenu.way_of(distribution) == way


def test_rpm_systems_put_rescue_and_debug_last():
    names = boot("0-rescue-5d1c7a0e9b4f4f6c8a2e3d4b5c6f7a81", "5.14.0-70.el9.x86_64", "5.14.0-362.el9.x86_64", "6.1.0-1.el9.x86_64+debug")
    assert nextmenu.in_order(names, nextmenu.RPM) == [names[2], names[1], names[3], names[0]]


VERSIONS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["6.1.0", "6.1", "6.10", "5.4.0", "6.12.107+deb13", "4.19.0", "6.1.0.1", "linux"]),
    st.sampled_from(["", "-1", "-9", "-50", "-050", "-rc1", "~rc1", "_rc2"]),
    st.sampled_from(["", "-amd64", "-cloud-amd64", "-generic", "-686-pae", "-rt-amd64", "-lts", "-trunk-amd64"]),
    st.sampled_from(["", ".bak", ".old", ".orig", "-old", "_old", ".lz4", "~", ".compressed", "-git", "-bak", ".2", ".OLD", ".old.old"]),
)
LISTS = st.lists(VERSIONS, min_size=2, max_size=5, unique=True)
_ALL_LATEST = """
. "$0"
list="$*"
while [ "x$list" != x ]; do
    linux=`version_find_latest $list`
    echo "$linux"
    list=`echo $list | tr ' ' '\\n' | grep -Fvx "$linux" | tr '\\n' ' '`
done
"""


LINES = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12), min_size=2, max_size=6, unique=True)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=LINES)
def test_order_of_sort(lines):
    """The system's own sort, with what upstream's generator puts around it; .old has its own test."""
    paths = [path for path in boot(*lines) if not path.endswith(".old") and nextmenu.listed([path])]
    text = "".join(path + " 2\n" for path in paths)
    command = [wanted.tool("sort", "coreutils"), "-V", "-r"]
    result = subprocess.run(command, input=text, stdout=subprocess.PIPE, universal_newlines=True, env={"LC_ALL": "C"}, check=True)
    assert [path + " 2" for path in nextmenu.in_order(paths, nextmenu.SORT)] == result.stdout.splitlines()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=VERSIONS, second=VERSIONS)
def test_order_of_dpkg(first, second):
    """Without the words that the generator turns into a tilde."""
    assume(not any(word in first + second for word in ("pre", "rc", "test", "git", "old", "trunk")))
    less = subprocess.call([wanted.tool("dpkg", "dpkg"), "--compare-versions", first, "lt", second], stderr=subprocess.DEVNULL) == 0
    assert (nextmenu.release_key(first) < nextmenu.release_key(second)) == less


@given(texts=st.lists(st.text(max_size=30), max_size=4))
def test_any_names_have_an_order(texts):
    for way in (nextmenu.DPKG, nextmenu.SORT, nextmenu.RPM):
        order = nextmenu.in_order(boot(*texts), way)
        assert sorted(order) == nextmenu.listed(boot(*texts))
        assert nextmenu.in_order(reversed(order), way) == order or way != nextmenu.SORT


RELEASES = [
    "3.10.0", "4.19.0-27-amd64", "5.4.0-216-generic", "6.1.0-9-amd64", "6.1.0-50-amd64", "6.10-rc1-amd64", "6.10-amd64",
    "6.12.107+deb13-amd64",
]


@pytest.mark.download
@pytest.mark.slow
def test_releases_sort_as_linux_version_has_them(bookworm):
    mixed = RELEASES[::-1]
    perl, script = bookworm.path("/usr/share/perl5"), bookworm.path("/usr/bin/linux-version")
    result = subprocess.run(
        [wanted.tool("perl", "perl-base"), "-I", perl, script, "sort"] + mixed, stdout=subprocess.PIPE, universal_newlines=True)
    assert sorted(mixed, key=sort_key) == RELEASES == result.stdout.split()


@pytest.fixture(scope="module")
def bookworm():
    return realtree.make("bookworm")


@pytest.fixture(scope="module")
def trixie():
    return realtree.make("trixie")


def answer(script, tree, paths):
    library = tree.path("/usr/share/grub/grub-mkconfig_lib")
    run = subprocess.run(["sh", "-c", script, library] + paths, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    return run.stdout.split()


@pytest.mark.download
@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(releases=LISTS)
def test_order_of_debian_12(bookworm, releases):
    paths = sorted(boot(*releases))
    assert nextmenu.in_order(paths, nextmenu.DPKG) == answer(_ALL_LATEST, bookworm, paths)


@pytest.mark.download
@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(releases=LISTS)
def test_order_of_debian_13(trixie, releases):
    paths = sorted(boot(*releases))
    with open(trixie.path("/etc/grub.d/10_linux"), encoding="utf-8") as handle:
        (line,) = [line for line in handle if line.startswith("reverse_sorted_list=")]
    script = '. "$0"\nlist="$*"\n' + line + "echo $reverse_sorted_list\n"
    assert nextmenu.in_order(paths, nextmenu.SORT) == answer(script, trixie, paths)


def upkeep(report):
    return {check["id"]: check["status"] for check in report["checks"] if check["id"] in (
        "newer-kernel", "kernel-copy", "autoremove", "default-stale", "upgrade-default", "older-kernel")}


def damaged(release):
    return {"/boot/vmlinuz-" + release: elf_kernel(release)}


def both(**options):
    """The files of a sound guest and of a newer kernel that no entry names."""
    tree = dict(base())
    tree.update(kernel())
    tree.update(kernel(NEWER, **options))
    return tree


def test_a_newer_kernel_that_boots_is_told_plainly(guest, pvhready):
    tree = both()
    report = pvhready.check(guest.write(tree))
    assert (report["verdict"], upkeep(report)) == (READY, {"newer-kernel": "info"})
    tree[GRUB_CFG] = menus.debian_menu([RELEASE, NEWER], UUID, CONSOLE)
    report = pvhready.check(guest.write(tree))
    assert (report["verdict"], upkeep(report)) == (READY, {})


@pytest.mark.parametrize("options", [
    {"image": "elf"}, {"modules": ()}, {"symbols": {"XEN": "y", "XEN_BLKDEV_FRONTEND": "m", "XEN_PVH": "n", "XEN_PV": "y"}},
])
def test_a_newer_kernel_that_does_not_boot(options, guest, pvhready):
    report = pvhready.check(guest.write(both(**options)))
    assert (report["verdict"], upkeep(report)) == (WARNINGS, {"newer-kernel": "warn"})
    assert report["modes"]["pvh"] == "boots"
    assert NEWER in [check for check in report["checks"] if check["id"] == "newer-kernel"][0]["subject"]


def test_a_newer_kernel_without_an_initramfs(guest, pvhready):
    tree = both()
    del tree["/boot/initrd.img-" + NEWER]
    report = pvhready.check(guest.write(tree))
    assert (report["verdict"], upkeep(report)) == (WARNINGS, {"newer-kernel": "warn"})


def test_only_the_newest_counts(guest, pvhready):
    tree = both()
    tree.update(kernel("6.1.0-52-amd64"))
    tree.update(damaged(NEWER))
    report = pvhready.check(guest.write(tree))
    assert (report["verdict"], upkeep(report)) == (READY, {"older-kernel": "info", "newer-kernel": "info"})


@pytest.mark.parametrize("suffix,image,expected", [
    (".bak", "elf", WARNINGS), (".orig", "elf", WARNINGS), (".lz4", "lz4", WARNINGS), (".compressed", "xz", WARNINGS),
    (".old", "elf", READY), ("~", "elf", READY), (".dpkg-bak", "elf", READY), ("-old", "elf", READY),
])
def test_a_copy_in_boot(suffix, image, expected, guest, pvhready):
    """Also a sound copy does not boot: no initramfs is called as it is, and the disks' driver is in there."""
    content = elf_kernel(RELEASE) if image == "elf" else bzimage(RELEASE, image)
    report = pvhready.check(guest({"/boot/vmlinuz-" + RELEASE + suffix: content}))
    said = upkeep(report)
    assert report["verdict"] == expected, said
    assert said.get("kernel-copy") == ("warn" if expected == WARNINGS else None), said
    if expected == WARNINGS:
        (check,) = [check for check in report["checks"] if check["id"] == "kernel-copy"]
        assert check["remedies"][0]["argv"] == ["mv", "/boot/vmlinuz-" + RELEASE + suffix, "/root/"]


def test_a_copy_that_boots_is_told_plainly(guest, pvhready):
    name = RELEASE + ".bak"
    report = pvhready.check(guest({
        "/boot/vmlinuz-" + name: bzimage(RELEASE, "xz"), "/boot/initrd.img-" + name: initramfs(RELEASE, MODULES, "zstd"),
    }))
    assert (report["verdict"], upkeep(report)) == (READY, {"kernel-copy": "info"})


def test_a_copy_of_an_older_kernel_changes_nothing(guest, pvhready):
    report = pvhready.check(guest({"/boot/vmlinuz-" + OLDER + ".bak": elf_kernel(OLDER)}, older=(OLDER,)))
    assert (report["verdict"], upkeep(report)) == (READY, {"older-kernel": "info"})


def test_what_is_no_file_gets_into_no_menu(guest, pvhready):
    directory = guest()
    os.mkdir(directory + "/boot/vmlinuz-9.9-amd64")
    os.mkfifo(directory + "/boot/vmlinuz-9.8-amd64")
    os.symlink("vmlinuz-gone", directory + "/boot/vmlinuz-9.7-amd64")
    report = pvhready.check(directory)
    assert (report["verdict"], upkeep(report)) == (READY, {})
    with open(directory + "/boot/vmlinuz-9.6-amd64", "w"):
        pass  # an empty file does
    report = pvhready.check(directory)
    assert (report["verdict"], upkeep(report)) == (WARNINGS, {"newer-kernel": "warn"})


BY_NAME = "gnulinux-advanced-{0}>gnulinux-{1}-advanced-{0}"


def pinned(guest, default, defaults=None, package=True, **changes):
    """A guest with two kernels whose newer one does not boot, and whose default is the older one."""
    tree = dict(base((NEWER, RELEASE), default=default))
    tree.update(kernel())
    tree.update(kernel(NEWER, image="elf"))
    tree["/etc/default/grub"] = parts.default_grub("", CONSOLE, '"{}"'.format(default if defaults is None else defaults))
    if package:
        for release in (NEWER, RELEASE):
            name = "/boot/vmlinuz-" + release
            content = tree[name]
            assert isinstance(content, bytes)
            tree.update(parts.dpkg_package("linux-image-" + release, {name: content}, ("/boot",)))
    tree.update(parts.programs())
    tree.update(changes)
    return guest.write(tree)


@pytest.mark.parametrize("default,expected,said", [
    (BY_NAME.format(UUID, RELEASE), WARNINGS, {"autoremove": "warn"}),
    ("1>1", WARNINGS, {"newer-kernel": "warn"}),
])
def test_an_older_kernel_by_default(default, expected, said, guest, pvhready):
    report = pvhready.check(pinned(guest, default))
    assert RELEASE in report["boot"]["default"]["kernel"], report["boot"]
    assert (report["verdict"], upkeep(report)) == (expected, said)


def test_what_autoremove_never_takes(guest, pvhready):
    report = pvhready.check(pinned(guest, BY_NAME.format(UUID, RELEASE), package=False))
    assert (report["verdict"], upkeep(report)) == (READY, {"newer-kernel": "info"})


def test_a_default_that_the_next_menu_has_no_more(guest, pvhready):
    """The menu is of a time when GRUB_DEFAULT named a kernel."""
    report = pvhready.check(pinned(guest, BY_NAME.format(UUID, RELEASE), defaults="0"))
    assert report["verdict"] == WARNINGS and upkeep(report) == {"newer-kernel": "warn"}


@pytest.mark.parametrize("default", ["gone", "9", "1>9", "1>gone", BY_NAME.format(UUID, "6.1.0-1-amd64")])
def test_a_default_that_names_nothing(default, guest, pvhready):
    report = pvhready.check(guest(default=default, older=(OLDER,)))
    assert (report["verdict"], upkeep(report)) == (READY, {"default-stale": "info"}), report["boot"]


def test_a_saved_entry_that_is_gone(guest, pvhready):
    directory = guest({"/boot/grub/grubenv": parts.grub_environment([("saved_entry", "gone")])}, default="saved")
    with open(directory + GRUB_CFG, encoding="utf-8") as handle:
        menu = handle.read().replace('default="saved"', 'default="${saved_entry}"')
    with open(directory + GRUB_CFG, "w", encoding="utf-8") as handle:
        handle.write(menu)
    report = pvhready.check(directory, "--host", "upstream-2.06")
    assert (report["verdict"], upkeep(report)) == (READY, {"default-stale": "info"}), report["boot"]
    report = pvhready.check(directory, "--host", "debian-12")  # reads no grubenv: the default is empty
    assert (report["verdict"], upkeep(report)) == (READY, {})


@pytest.mark.parametrize("host,said", [("upstream-2.06", "info"), ("bitfolk", "warn"), ("debian-12", "warn")])
def test_a_saved_entry_by_name_counts_where_grubenv_is_surely_read(host, said, guest, pvhready):
    """The menu has only the older kernel, by which it is saved; the newer one does not boot."""
    tree = both(image="elf")
    tree[GRUB_CFG] = menus.debian_menu([RELEASE], UUID, CONSOLE, "saved").replace('default="saved"', 'default="${saved_entry}"')
    tree["/etc/default/grub"] = parts.default_grub("", CONSOLE, "saved")
    tree["/boot/grub/grubenv"] = parts.grub_environment([("saved_entry", BY_NAME.format(UUID, RELEASE))])
    report = pvhready.check(guest.write(tree), "--host", host)
    assert (report["verdict"], upkeep(report)) == (READY if said == "info" else WARNINGS, {"newer-kernel": said})


@pytest.mark.parametrize("version,line,expected", [
    ("13", "GRUB_TOP_LEVEL=/boot/vmlinuz-" + RELEASE, READY),
    ("13", "GRUB_TOP_LEVEL=/boot/vmlinuz-gone", WARNINGS),
    ("12", "GRUB_TOP_LEVEL=/boot/vmlinuz-" + RELEASE, WARNINGS),  # GRUB 2.06 does not know it
    ("12", "GRUB_FLAVOUR_ORDER=generic", WARNINGS),
])
def test_what_else_changes_the_order(version, line, expected, guest, pvhready):
    tree = both(image="elf")
    tree["/etc/os-release"] = parts.os_release("Debian GNU/Linux", "debian", version)
    tree["/etc/default/grub"] = parts.default_grub("", CONSOLE, "0", line + "\n")
    report = pvhready.check(guest.write(tree))
    assert report["verdict"] == expected, upkeep(report)


def test_a_menu_that_no_generator_wrote(guest, pvhready):
    """Nothing tells what the next one looks like: a newer kernel that does not boot may come first."""
    tree = both(image="elf")
    lines = ["set timeout=1", "menuentry Linux {", "linux /boot/vmlinuz-{} root=UUID={} ro {}".format(RELEASE, UUID, CONSOLE)]
    tree[GRUB_CFG] = "\n".join(lines + ["initrd /boot/initrd.img-" + RELEASE, "}", ""])
    report = pvhready.check(guest.write(tree))
    assert (report["verdict"], upkeep(report)) == (WARNINGS, {"newer-kernel": "warn"})


@pytest.mark.parametrize("release,image,expected", [(OLDER, "elf", WARNINGS), (OLDER, None, READY), (RELEASE, "elf", READY)])
def test_a_default_that_was_never_generated(release, image, expected, guest, pvhready):
    """GRUB_DEFAULT names a kernel by now; the menu still has the first entry."""
    changes = {"/etc/default/grub": parts.default_grub("", CONSOLE, '"{}"'.format(BY_NAME.format(UUID, release)))}
    if image:
        changes.update(damaged(OLDER))
    report = pvhready.check(guest(changes, older=(OLDER,)))
    assert report["verdict"] == expected, findings(report, "fail", "unknown", "warn")
    assert ("grub-config-stale" in findings(report, "warn")) == (expected == WARNINGS)


@pytest.mark.parametrize("image,expected", [("elf", WARNINGS), (None, READY)])
def test_an_entry_that_a_failure_would_fall_back_to(image, expected, guest, pvhready):
    directory = guest(damaged(OLDER) if image else None, older=(OLDER,))
    with open(directory + GRUB_CFG, "a", encoding="utf-8") as handle:
        handle.write("menuentry old {{\nlinux /boot/vmlinuz-{0} root=UUID={1} ro {2}\n".format(OLDER, UUID, CONSOLE))
        handle.write("initrd /boot/initrd.img-{}\n}}\nset fallback=2\n".format(OLDER))
    report = pvhready.check(directory)
    assert report["verdict"] == expected, findings(report, "fail", "unknown", "warn")
    assert ("fallback-entry" in findings(report, "warn")) == (expected == WARNINGS)


BY_HAND = "menuentry 'Mine' {{\nlinux /boot/vmlinuz-{0} root=UUID={1} ro {2}\n".format(RELEASE, UUID, CONSOLE)
BY_HAND += "initrd /boot/initrd.img-{}\n}}\n".format(RELEASE)


@pytest.mark.parametrize("package,expected", [(False, READY), (True, WARNINGS)])
def test_a_default_written_by_hand_stays_as_long_as_its_kernel(package, expected, guest, pvhready):
    menu = menus.debian_menu([NEWER, RELEASE], UUID, CONSOLE, "Mine") + BY_HAND
    report = pvhready.check(pinned(guest, "Mine", package=package, **{GRUB_CFG: menu}))
    assert report["boot"]["default"]["title"] == "Mine"
    assert report["verdict"] == expected, upkeep(report)


@pytest.mark.parametrize("image,expected,status", [("elf", WARNINGS, "warn"), (None, READY, "info")])
def test_an_entry_that_boots_once(image, expected, status, guest, pvhready):
    """The older kernel by grub-reboot; the newer one, the first entry, comes after it."""
    tree = dict(base((NEWER, RELEASE)))
    tree.update(kernel())
    tree.update(kernel(NEWER, image=image))
    tree["/boot/grub/grubenv"] = parts.grub_environment([("next_entry", "1>1")])
    report = pvhready.check(guest.write(tree), "--host", "upstream-2.06")
    assert RELEASE in report["boot"]["default"]["kernel"] and report["boot"]["reason"] == "next_entry"
    (check,) = [check for check in report["checks"] if check["id"] == "boots-once"]
    assert (report["verdict"], check["status"]) == (expected, status)


EL = "6.9.7-1.el8.elrepo.x86_64"
STOCK = "4.18.0-553.el8_10.x86_64"


def el(guest, **changes):
    """A guest with ELRepo's kernel beside the distribution's, its entries in grub.cfg."""
    tree = {
        "/etc/os-release": parts.os_release("AlmaLinux", "almalinux", "8.10", "rhel centos fedora"),
        "/etc/fstab": parts.fstab(UUID),
        "/etc/default/grub": parts.default_grub("", CONSOLE, "saved"),
        "/etc/sysconfig/kernel": "# comment\nUPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel\n",
        "/boot/grub2/grub.cfg": menus.fedora_menu([EL, STOCK], "8.10", UUID, CONSOLE),
        "/boot/grub2/grubenv": parts.grub_environment([]),
    }
    for release, symbols in ((EL, {}), (STOCK, {"XEN_PVH": "n", "PVH": "n", "XEN_PV": "n"})):
        files = kernel(release, symbols=dict(parts.symbols(XEN_BLKDEV_FRONTEND="m", EXT4_FS="m"), **symbols))
        files["/boot/initramfs-{}.img".format(release)] = files.pop("/boot/initrd.img-" + release)
        tree.update(files)
    tree.update(parts.programs())
    tree.update(changes)
    return guest.write(tree)


@pytest.mark.parametrize("text,expected", [
    ("UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel\n", True),
    ("UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n", True),
    ("UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-ml\n", False),
    ("UPDATEDEFAULT=no\nDEFAULTKERNEL=kernel\n", False),
    ("", False),
])
def test_the_next_kernel_of_the_distribution_becomes_the_default(text, expected, guest, pvhready):
    report = pvhready.check(el(guest, **{"/etc/sysconfig/kernel": text}))
    assert report["modes"]["pvh"] == "boots", report["checks"]
    assert ("upgrade-default" in upkeep(report)) == expected, upkeep(report)
    assert report["verdict"] == (WARNINGS if expected else READY), findings(report, "fail", "unknown", "warn")


@pytest.mark.download
@pytest.mark.slow
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("suffix,first", [(".bak", True), (".old", False)])
def test_the_real_generator_puts_a_copy_first(suite, suffix, first, tmp_path, pvhready):
    """Before the menu is written anew it is a warning; after that the verdict falls, as the warning said."""
    with realtree.copied(realtree.make(suite), "next") as tree:
        copy = "/boot/vmlinuz-" + tree.release + suffix
        with open(tree.path(copy), "wb") as handle:
            handle.write(elf_kernel(tree.release))
        before = pvhready.check(tree.directory)
        assert (before["verdict"], "kernel-copy" in upkeep(before)) == ((WARNINGS, True) if first else (READY, False))
        probe = tree.path("/usr/sbin/grub-probe")  # a link to the cached one
        subprocess.check_call(["cp", "-p", probe, probe + ".own"])
        os.rename(probe + ".own", probe)
        realtree.write_menu(tree.directory)
        after = pvhready.check(tree.directory)
        assert (after["boot"]["default"]["kernel"] == copy) == first
        assert after["verdict"] == ("not-ready" if first else READY)


_STANZA = "Package: {}\nStatus: install ok installed\nMaintainer: x <x@example.org>\nArchitecture: amd64\nVersion: {}\nDescription: x\n{}\n"


def autoremoved(folder, releases):
    """Return what the real apt takes when these kernels are installed, oldest first, and only the last is asked for."""
    with open(folder + "/status", "w") as handle:
        for number, release in enumerate(releases):
            handle.write(_STANZA.format("linux-image-" + release, "6.1.{}-1".format(100 + number), ""))
        handle.write(_STANZA.format("linux-image-amd64", "6.1.200-1", "Depends: linux-image-{}\n".format(releases[-1])))
    with open(folder + "/extended_states", "w") as handle:
        handle.writelines("Package: linux-image-{}\nArchitecture: amd64\nAuto-Installed: 1\n\n".format(release) for release in releases)
    settings = {
        "Dir::State": folder, "Dir::State::status": folder + "/status", "Dir::Cache": folder, "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": "/dev/null", "APT::Architecture": "amd64", "APT::Architectures": "amd64",
    }
    options = ["-o{}={}".format(name, value) for name, value in settings.items()]
    command = [wanted.tool("apt-get", "apt"), "-s"] + options + ["autoremove"]
    run = subprocess.run(command, stdout=subprocess.PIPE, universal_newlines=True, env=dict(os.environ, LC_ALL="C"))
    assert run.returncode == 0
    return {line.split()[1][len("linux-image-"):] for line in run.stdout.splitlines() if line.startswith("Remv ")}


@pytest.mark.parametrize("place", [0, 1, 2, 3, None])
def test_what_apt_keeps(place, tmp_path):
    """The kernel that runs here stands in one place among made-up ones. apt's rule is that of 2.1.16 and newer; older ones keep more."""
    running = os.uname().release
    if not re.match(r"[1-9][0-9]?\.[a-z0-9.+-]+$", running):
        wanted.skip("a running kernel whose release can be a package's name")
    names = ["0.1-amd64", "0.2-amd64", "0.3-amd64", "0.4-amd64"]
    if place is not None:
        names[place:] = [running] + ["200.{}-amd64".format(number) for number in range(3 - place)]
    kernels = tuple(
        Kernel("/boot/vmlinuz-" + name, Image(), name, name, name == running, "linux-image-" + name, has_dpkg=True) for name in names
    )
    facts = Facts("/", True, "", Guest("PV", distribution=Distribution("debian", "12")), kernels)
    gone = {kernel.release for kernel in kernels if not stays(kernel.path, kernels, facts)}
    assert gone == autoremoved(str(tmp_path), names + ["300.0-amd64"])


ELREPO = ["6.9.{}-1.el8.elrepo.x86_64".format(number) for number in (9, 8, 7, 6)]


@pytest.mark.parametrize("saved,settings,expected", [
    (1, {}, {"newer-kernel": "info"}),
    (2, {}, {"autoremove": "warn"}),  # dnf keeps three of a kind: the next one and two of these
    (3, {}, {"autoremove": "warn"}),
    (3, {"/etc/dnf/dnf.conf": "[main]\ngpgcheck=1\ninstalonly_limit=5\ninstallonly_limit = 5\n"}, {"newer-kernel": "info"}),
    (3, {"/etc/dnf/dnf.conf": "[main]\ninstallonly_limit=0\n"}, {"newer-kernel": "info"}),
    (2, {"/etc/dnf/dnf.conf": "[main]\ninstallonly_limit=many\n"}, {"autoremove": "warn"}),
    (1, {"/etc/yum.conf": "[main]\ninstallonly_limit=2\n"}, {"autoremove": "warn"}),
])
def test_what_dnf_keeps(saved, settings, expected, guest, pvhready):
    """The newest kernel does not boot, and grubenv names an older one."""
    tree = {
        "/etc/os-release": parts.os_release("AlmaLinux", "almalinux", "8.10", "rhel centos fedora"),
        "/etc/fstab": parts.fstab(UUID),
        "/etc/default/grub": parts.default_grub("", CONSOLE, "saved"),
        GRUB_CFG: menus.fedora_menu(ELREPO, "8.10", UUID, CONSOLE),
        "/boot/grub/grubenv": parts.grub_environment([("saved_entry", "Fedora Linux ({}) 8.10".format(ELREPO[saved]))]),
    }
    for release in ELREPO:
        files = kernel(release, image="elf" if release == ELREPO[0] else None)
        files["/boot/initramfs-{}.img".format(release)] = files.pop("/boot/initrd.img-" + release)
        tree.update(files)
    tree.update(parts.programs())
    tree.update(settings)
    report = pvhready.check(guest.write(tree), "--host", "upstream-2.06")
    assert report["boot"]["default"]["kernel"] == "/boot/vmlinuz-" + ELREPO[saved], report["boot"]
    assert upkeep(report) == expected
    assert report["verdict"] == (READY if "newer-kernel" in expected else WARNINGS)


@pytest.mark.parametrize("text,update,kind", [
    ("UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n", True, "kernel-core"),
    ('UPDATEDEFAULT="no"\n', False, None),
    ("# UPDATEDEFAULT=yes\n", None, None),
    ("UPDATEDEFAULT=$(date)\nDEFAULTKERNEL=kernel\n", None, "kernel"),
    ("if true; then UPDATEDEFAULT=yes; fi\n", None, None),
])
def test_settings_of_rpm_systems(text, update, kind, tmp_path):
    (tmp_path / "etc" / "sysconfig").mkdir(parents=True)
    (tmp_path / "etc" / "sysconfig" / "kernel").write_text(text)
    with Root(str(tmp_path)) as root:
        found = read_upgrades(root)
    assert (found.updates_default, found.default_kernel) == (update, kind)


def test_settings_that_cannot_be_read(tmp_path):
    for path in ("etc/sysconfig/kernel", "etc/dnf/dnf.conf"):
        (tmp_path / path).parent.mkdir(parents=True)
        os.mkfifo(str(tmp_path / path))
    with Root(str(tmp_path)) as root:
        assert read_upgrades(root) == Upgrades()


REAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "grub-cfg")
VERSION = {"bullseye": "11", "bookworm": "12", "trixie": "13", "sid": None}


def loaded(name):
    """Return what the entries of 10_linux load in a configuration that a real grub-mkconfig wrote: kernel to initramfs, in order."""
    with open(os.path.join(REAL, name), encoding="utf-8") as handle:
        text = handle.read().partition("### BEGIN /etc/grub.d/10_linux ###")[2].partition("### END")[0]
    found = {}
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["linux"]:
            current = "/boot/" + words[1].rpartition("/")[2]
            found.setdefault(current, ())
        elif words[:1] == ["initrd"]:
            found[current] = tuple("/boot/" + word.rpartition("/")[2] for word in words[1:])
    return found


@pytest.mark.parametrize("name", sorted(name for name in os.listdir(REAL) if name.endswith(".cfg") and name != "trixie-top.cfg"))
def test_real_menus_have_this_order_and_these_archives(name):
    found = loaded(name)
    assert found
    way = nextmenu.way_of(Distribution("debian", VERSION[name.partition("-")[0]]))
    assert nextmenu.in_order(reversed(list(found)), way) == list(found)
    files = [path.rpartition("/")[2] for archives in found.values() for path in archives]
    for path, archives in found.items():
        assert nextmenu.entry_for(path, Entry(0, "0", "Linux"), files).initrd == archives
