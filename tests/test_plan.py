"""The plan: every step that a guest needs, in order, with commands that can be typed as they stand."""

import json
import os
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.cli import build_parser
from pvhready.demo import guests, menus, parts
from pvhready.demo.guests import NAMES, make
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.tree import write_tree
from pvhready.facts import UNMOUNTED, BootFileSystem, Distribution, Facts, Guest, Menu, Mount, Problem, Storage
from pvhready.findings import FAIL, UNKNOWN, WARN
from pvhready.host import profile
from pvhready.judge import judge
from pvhready.plan.make import EXIT_CODES, make_plan
from pvhready.report.plan import as_object, render, type_lines
from pvhready.report.text import Style
from pvhready.root import Root
from pvhready.survey import survey
from support import wanted
from support.trees import GRUB_CFG, MODULES, RELEASE, UUID, debian_symbols, kernel

try:
    import jsonschema
except ImportError:
    jsonschema = None

_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(_TOP, "pvhready", "data", "plan.schema.json"), encoding="utf-8") as handle:
    _SCHEMA = json.load(handle)

# A guest always goes through what it needs of these in this order.
_ORDER = [
    "find-out", "enter-guest", "make-room", "install-kernel", "choose-kernel", "restore-image", "undo-hack", "write-grub-cfg",
    "entries-in-grub-cfg", "plain-commands", "command-line", "console", "initramfs", "root-device", "write-menu", "mend", "check", "switch",
]
_OTHER_RELEASE = "6.1.0-49-amd64"
_HOOKS = "/etc/kernel/postinst.d/"


def facts_of(directory, host="bitfolk", assume="pv"):
    with Root(directory) as root:
        return survey(root, profile(host), assume)


def live(facts, kind="PV"):
    """The same guest as if it ran here: its root device is looked up, and the type is seen."""
    storage = facts.storage._replace(uuids={UUID: "/dev/xvda1"}, root_device="/dev/xvda1")
    return facts._replace(root="/", guest=facts.guest._replace(type=kind, assumed=False), storage=storage)


def plan_of(facts, host="bitfolk"):
    return make_plan(judge(facts, profile(host)), profile(host))


def step(plan, name):
    (found,) = [one for one in plan.steps if one.id == name]
    return found


def lines(found):
    return [" ".join(action.argv) for action in found.actions if action.argv]


def validate(document):
    if jsonschema is None:
        wanted.skip("jsonschema (Debian package python3-jsonschema)")
    jsonschema.validate(document, _SCHEMA)


def check_object(plan, facts, host="bitfolk"):
    """What holds for every plan, as a program sees it."""
    document = json.loads(json.dumps(as_object(plan, judge(facts, profile(host)))))
    validate(document)
    names = [one["id"] for one in document["steps"]]
    assert len(names) == len(set(names))
    places = [_ORDER.index(next(prefix for prefix in _ORDER if name.startswith(prefix))) for name in names]
    assert places == sorted(places), names
    for one in document["steps"]:
        assert one["why"].endswith("."), one
        assert one["state"] == "done" or one["commands"] and one["check"]["argv"] and one["check"]["shows"], one
    assert document["next"] == next((one["id"] for one in document["steps"] if one["state"] != "done"), None)
    return document


def every_command(document):
    actions = [action for one in document["steps"] for action in one["commands"] + one["alternatives"]]
    actions += document["way_back"]["commands"] if document["way_back"] else []
    return [action for action in actions if action["argv"]] + [one["check"] for one in document["steps"] if one["check"]]


def by_a_shell(*texts):
    """The words that a shell makes of each line."""
    script = "\n".join("printf '%s\\0' {}\nprintf '\\001\\0'".format(text) for text in texts)
    words = subprocess.check_output(["sh", "-c", script]).decode("utf-8", "surrogateescape").split("\0")[:-1]
    found = [[]]
    for word in words:
        found = found + [[]] if word == "\1" else found[:-1] + [found[-1] + [word]]
    return found[:-1]


def assert_typed_as_meant(document):
    commands = every_command(document)
    assert by_a_shell(*[command["line"] for command in commands]) == [command["argv"] for command in commands]


def is_one_word(line):
    """Whether a line holds one word of a command only: a path is never broken."""
    return len(line.split()) <= 2 or len(by_a_shell(line.rstrip("\\"))[0]) == 1


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    for name in NAMES:
        make(name, str(folder / name))
    return folder


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize("assume", ["pv", "pvh", None])
@pytest.mark.parametrize("host", ["bitfolk", "debian-12", "fedora-41"])
def test_every_example_has_a_plan(name, assume, host, examples):
    facts = facts_of(str(examples / name), host, assume)
    plan = plan_of(facts, host)
    document = check_object(plan, facts, host)
    assert_typed_as_meant(document)
    report = judge(facts, profile(host))
    for width in (80, 120):
        text = render(plan, report, Style(width))
        long = [line for line in text.splitlines() if len(line) > width and not is_one_word(line)]
        assert [line for line in long if str(examples) not in line] == []  # how long that name is depends on how the tests are run
        assert "\x1b" not in text and text.endswith("\n")
        if plan.state != "nothing-to-do":
            assert "\nNext: step " in text


@pytest.mark.parametrize("name, code", [("debian-12", 1), ("centos-8", 1), ("ubuntu-20.04-hack", 1), ("fedora-zstd", 1)])
def test_the_command(name, code, examples, pvhready):
    directory = str(examples / name)
    document = pvhready.json("plan", "--root", directory, "--assume-guest", "pv")
    assert document.pop("exit") == code
    validate(document)
    output = pvhready("plan", "--root", directory, "--assume-guest", "pv")
    assert output.code == code and "\x1b" not in output.out and "Next: step" in output.out
    assert len(pvhready("plan", "-q", "--root", directory).out.splitlines()) < 8
    assert "\x1b[" in pvhready("plan", "--color", "always", "--root", directory).out


def test_several_guests_are_an_array(examples, pvhready):
    roots = ["--root", str(examples / "debian-12"), "--root", str(examples / "centos-8")]
    output = pvhready("plan", *(roots + ["--format", "json", "--assume-guest", "pvh"]))
    assert [one["state"] for one in json.loads(output.out)] == ["nothing-to-do", "to-do"] and output.code == 1


def test_exit_codes(guest):
    sound = facts_of(guest())
    assert EXIT_CODES[plan_of(live(sound)).state] == 1
    assert EXIT_CODES[plan_of(live(sound, "PVH")).state] == 0
    assert EXIT_CODES[plan_of(live(sound)._replace(denied=("/boot/vmlinuz",))).state] == 3
    assert EXIT_CODES[plan_of(Facts("/", True, "2026-01-01", Guest("none"))).state] == 0
    assert EXIT_CODES[plan_of(Facts("/", True, "2026-01-01", Guest(None))).state] == 3


def test_a_sound_guest_only_switches(guest):
    plan = plan_of(live(facts_of(guest())))
    assert [one.id for one in plan.steps if one.state != "done"] == ["switch"]
    assert {"install-kernel", "console", "initramfs", "check"} <= {one.id for one in plan.steps if one.state == "done"}
    switch = step(plan, "switch")
    assert lines(switch) == ["help", "shutdown", "virtmode pvh", "boot"] and {action.where for action in switch.actions} == {"provider"}
    assert "1.48bitfolk60" in switch.actions[0].text and "exit every window" in switch.actions[0].text
    assert (switch.proof.argv, switch.proof.where, switch.proof.shows) == (("cat", "/sys/hypervisor/guest_type"), "guest", "PVH")
    assert plan.way_back.is_open is True
    back = [" ".join(action.argv) or action.text for action in plan.way_back.actions]
    assert back.index("virtmode pv") < back.index("boot") < back.index("pvhready plan --root /mnt")
    assert any("arch x86_64" in text for text in back) and "mount UUID={} /mnt".format(UUID) in back


def test_a_guest_in_pvh_has_nothing_to_switch(guest):
    facts = live(facts_of(guest()), "PVH")
    plan = plan_of(facts)
    assert (plan.state, plan.way_back) == ("nothing-to-do", None) and "runs in PVH" in plan.summary
    assert {one.state for one in plan.steps} == {"done"}
    assert "Next" not in render(plan, judge(facts, profile("bitfolk")), Style())


@pytest.mark.parametrize("machine, word", [
    (Guest("none"), "no Xen guest"), (Guest("PV", dom0=True), "dom0"), (Guest("none", container="lxc"), "container"),
])
def test_what_is_no_candidate_is_told_why(machine, word):
    plan = plan_of(Facts("/", True, "2026-01-01", machine))
    assert plan.steps == () and word in plan.summary


@pytest.mark.parametrize("options, command", [
    ("defaults", "mount UUID=b {}/boot"), ("compress=zstd,subvol=@boot", "mount -o subvol=@boot UUID=b {}/boot"),
])
def test_nothing_is_planned_before_boot_is_mounted(options, command, guest):
    """What lies below the mount point is hidden at a boot: whatever was written there would be lost."""
    facts = facts_of(guest())
    unmounted = Menu("xen_pvh", reason="unreadable", problem=UNMOUNTED)
    storage = facts.storage._replace(fstab=(Mount("/", "UUID=a", "ext4"), Mount("/boot/", "UUID=b", "ext4", options)))
    facts = facts._replace(menus={"pv": unmounted, "pvh": unmounted}, storage=storage)
    unit = storage._replace(fstab=(Mount("/boot", "UUID=b", "ext4", options, "/etc/systemd/system/boot.mount:3"),))
    for one, line in (
        (live(facts)._replace(storage=storage), "mount /boot"), (live(facts)._replace(storage=unit), "systemctl start boot.mount"),
        (facts, command.format(facts.root)), (facts._replace(storage=unit), command.format(facts.root)),
    ):
        plan = plan_of(one)
        check_object(plan, one)
        assert (plan.state, plan.way_back, [found.id for found in plan.steps]) == ("unknown", None, ["find-out-boot"])
        assert lines(plan.steps[0])[0] == line and lines(plan.steps[0])[1].startswith("pvhready plan")


def test_the_switch_waits_for_the_check(guest):
    plan = plan_of(live(facts_of(guest(cmdline="console=hvc0 nopv"))))
    assert (step(plan, "check").state, step(plan, "switch").state) == ("to-do", "blocked")
    sed, menu = lines(step(plan, "command-line"))
    assert sed.startswith("sed -i /^GRUB_CMDLINE_LINUX/s/") and "nopv" in sed and menu == "update-grub"


@pytest.mark.parametrize("host, word", [
    ("debian-12", 'type = "pvh"'), ("upstream-2.06", "pvhgrub"), ("debian-13", "grub-i386-xen_pvh.bin"),
])
def test_on_another_host_the_switch_is_the_providers(host, word, guest):
    switch = step(plan_of(live(facts_of(guest(), host)), host), "switch")
    assert not any(action.argv == ("virtmode", "pvh") for action in switch.actions)
    assert any(word in action.text for action in switch.actions)
    assert any(action.where == "provider" and "PVH" in action.text for action in switch.actions)
    assert ("xl", "shutdown", "-w", "GUEST") in [action.argv for action in switch.actions]


# The undo, and the way back.


@pytest.fixture
def hooked(guest, examples):
    """Makes a guest whose kernel stands decompressed, with the hook that did it."""

    def make_one(name="decompress-lz4-kernels", image="elf", **options):
        tree = guest(image=image, **options)
        os.makedirs(tree + "/etc/kernel/postinst.d")
        shutil.copy(str(examples / "ubuntu-20.04-hack/etc/kernel/postinst.d/bitfolk-decompress-lz4-kernels"), tree + _HOOKS + name)
        os.chmod(tree + _HOOKS + name, 0o755)
        return tree

    return make_one


def test_the_rescue_system_mounts_all_that_matters(hooked):
    """A root without its /boot has no kernel, and one without its /var no packages and no journal."""
    facts = facts_of(hooked())
    fstab = (
        Mount("/", "UUID=a", "btrfs", "defaults,subvol=@"), Mount("/boot", "UUID=b", "ext4"), Mount("/var/", "/dev/xvdb", "ext4"),
        Mount("/home", "/dev/xvdc", "ext4"),
    )
    plan = plan_of(facts._replace(storage=facts.storage._replace(fstab=fstab)))
    back = [" ".join(action.argv) for action in plan.way_back.actions if action.argv[:1] == ("mount",)]
    assert back == ["mount -o subvol=@ UUID=a /mnt", "mount UUID=b /mnt/boot", "mount /dev/xvdb /mnt/var"]


def test_an_undo_that_closes_the_way_back_says_so_and_offers_what_keeps_it_open(hooked):
    plan = plan_of(live(facts_of(hooked())))
    undo = step(plan, "undo-hack")
    assert lines(undo) == ["pvhready undo --switching", "pvhready undo --apply --switching"]
    assert "PV" in undo.note and "lz4" in undo.note
    others = [" ".join(action.argv) for action in undo.alternatives]
    assert others == ["pvhready undo --apply --keep-pv", "apt-get install linux-image-amd64"]
    assert plan.way_back.is_open is None and step(plan, "switch").state == "blocked"
    assert "hack-hook-active" in undo.checks and "image-not-bzimage" in undo.checks


def test_a_second_kernel_keeps_the_way_back_open(hooked):
    tree = hooked()
    write_tree(tree, kernel(_OTHER_RELEASE))
    plan = plan_of(live(facts_of(tree)))
    undo = step(plan, "undo-hack")
    assert undo.alternatives == () and "stays open" in undo.note and _OTHER_RELEASE in undo.note
    assert plan.way_back.is_open is True and _OTHER_RELEASE in plan.way_back.why


@pytest.mark.parametrize("payload, is_open", [("gzip", True), ("xz", True), ("lz4", False), ("zstd", False)])
def test_a_copy_of_the_packed_kernel_tells_whether_pv_reads_it(payload, is_open, hooked):
    image = bzimage(RELEASE, payload)
    plan = plan_of(live(facts_of(hooked(changes={"/usr/lib/modules/{}/vmlinuz".format(RELEASE): image}))))
    undo = step(plan, "undo-hack")
    assert plan.way_back.is_open is is_open and ("stays open" in undo.note) == is_open == (not undo.alternatives)
    if not is_open:
        assert "virtmode pv" not in [" ".join(action.argv) for action in plan.way_back.actions]


def test_in_pvh_the_undo_needs_no_promise(hooked):
    undo = step(plan_of(live(facts_of(hooked()), "PVH")), "undo-hack")
    assert lines(undo) == ["pvhready undo", "pvhready undo --apply"] and not undo.note


def test_a_mounted_guest_counts_as_one_in_pv(hooked):
    directory = hooked()
    undo = step(plan_of(facts_of(directory, assume=None)), "undo-hack")
    assert lines(undo)[-1] == "pvhready undo --apply --switching --root " + directory


def test_what_keeps_pv_open_in_a_mounted_guest_is_typed_in_a_chroot(hooked, pvhready):
    """The undo refuses it from outside, as it would run the guest's grub-mkconfig; so the plan does not offer that."""
    directory = hooked()
    plan = plan_of(facts_of(directory, assume=None))
    keep = step(plan, "undo-hack").alternatives[0]
    assert keep.argv == ("pvhready", "undo", "--apply", "--keep-pv", "--assume-guest", "pv") and keep.where == "guest"
    assert "enter-guest" in [one.id for one in plan.steps if one.state == "to-do"]
    refused = pvhready.json("undo", "--root", directory, "--keep-pv", "--switching")
    assert refused["exit"] == 2
    keep = step(plan_of(facts_of(directory, "debian-12", "pv"), "debian-12"), "undo-hack").alternatives[0]
    assert keep.argv[-4:] == ("--host", "debian-12", "--assume-guest", "pv")


def test_what_is_left_of_the_hack_is_done(hooked, guest):
    assert step(plan_of(live(facts_of(hooked("decompress.disabled", None)))), "undo-hack").state == "done"
    assert "undo-hack" not in [one.id for one in plan_of(live(facts_of(guest()))).steps]


def test_a_zstd_kernel_is_told_at_the_switch(guest):
    plan = plan_of(live(facts_of(guest(payload="zstd"))))
    assert "PV does not boot" in step(plan, "switch").note and plan.way_back.is_open is False


# What the distributions type.

_SED = 'sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=hvc0" /etc/default/grub'
_DISTRIBUTIONS = {
    "debian-9": (("debian", "9", ()), "apt-get install -t stretch-backports linux-image-amd64", [_SED, "update-grub"], "update-initramfs"),
    "debian-12": (("debian", "12", ()), "apt-get install linux-image-amd64", [_SED, "update-grub"], "update-initramfs"),
    "devuan-4": (("devuan", "4", ("debian",)), "apt-get install linux-image-amd64", [_SED, "update-grub"], "update-initramfs"),
    "ubuntu-18.04": (
        ("ubuntu", "18.04", ("debian",)), "apt-get install --install-recommends linux-generic-hwe-18.04", [_SED, "update-grub"],
        "update-initramfs"),
    "centos-7": (
        ("centos", "7", ("rhel", "fedora")), "yum --enablerepo=elrepo-kernel install kernel-ml",
        [_SED, "grub2-mkconfig -o /boot/grub2/grub.cfg"], "dracut"),
    "rocky-9": (
        ("rocky", "9.4", ("rhel", "centos", "fedora")), "dnf --enablerepo=elrepo-kernel install kernel-ml",
        [_SED, "grub2-mkconfig -o /boot/grub2/grub.cfg"], "dracut"),
    "fedora-40": (("fedora", "40", ()), "dnf upgrade kernel", [_SED, "grub2-mkconfig -o /boot/grub2/grub.cfg"], "dracut"),
    "leap-15.5": (
        ("opensuse-leap", "15.5", ("suse", "opensuse")), "zypper install kernel-default", [_SED, "grub2-mkconfig -o /boot/grub2/grub.cfg"],
        "dracut"),
    "arch": (("arch", None, ()), "pacman -S linux", [_SED, "grub-mkconfig -o /boot/grub/grub.cfg"], "mkinitcpio"),
    "alpine-3.20": (("alpine", "3.20.3", ()), "apk add linux-lts", [_SED, "grub-mkconfig -o /boot/grub/grub.cfg"], "mkinitfs"),
    "gentoo": (("gentoo", None, ()), None, [_SED, "grub-mkconfig -o /boot/grub/grub.cfg"], None),
    "nixos-20.09": (("nixos", "20.09", ()), "nixos-rebuild boot", ["nixos-rebuild boot"], "nixos-rebuild"),
}


def _as(name, facts):
    identity, version, like = _DISTRIBUTIONS[name][0]
    facts = facts._replace(guest=facts.guest._replace(distribution=Distribution(identity, version, identity, like), architecture="x86_64"))
    if identity in ("centos", "rocky", "fedora", "opensuse-leap"):
        menus = {mode: menu._replace(config="/boot/grub2/grub.cfg") for mode, menu in facts.menus.items()}
        facts = facts._replace(menus=menus)
    return facts


@pytest.mark.parametrize("name", list(_DISTRIBUTIONS))
def test_a_newer_kernel_and_the_console(name, guest):
    facts = _as(name, live(facts_of(guest(release="4.9.0-1-amd64", cmdline=""))))
    plan = plan_of(facts)
    document = check_object(plan, facts)
    _, installed, console, _ = _DISTRIBUTIONS[name]
    install = step(plan, "install-kernel")
    assert install.state == "to-do" and (installed in lines(install) if installed else lines(install) == [] and install.actions)
    assert lines(step(plan, "console")) == console
    assert_typed_as_meant(document)


@pytest.mark.parametrize("name", list(_DISTRIBUTIONS))
def test_an_initramfs_without_the_front_end(name, guest):
    plan = plan_of(_as(name, live(facts_of(guest(modules=MODULES[1:])))))
    built = step(plan, "initramfs")
    tool = _DISTRIBUTIONS[name][3]
    assert built.state == "to-do" and "initramfs-blkfront" in built.checks
    assert lines(built)[-1].split()[0] == tool if tool else built.actions[0].text


def test_entries_of_a_specification_are_moved_into_grub_cfg(examples):
    plan = plan_of(facts_of(str(examples / "centos-8")))
    moved = step(plan, "entries-in-grub-cfg")
    assert lines(moved) == ["sed -i $ a GRUB_ENABLE_BLSCFG=false /etc/default/grub", "grub2-mkconfig -o /boot/grub2/grub.cfg"]
    assert step(plan_of(facts_of(str(examples / "fedora-zstd"))), "entries-in-grub-cfg").state == "done"


def test_alpine_gets_a_grub_cfg_that_its_initramfs_understands(examples):
    written = step(plan_of(facts_of(str(examples / "alpine-extlinux"))), "write-grub-cfg")
    assert lines(written) == [
        "apk add grub grub-bios", "mkdir -p /boot/grub",
        'sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX rootfstype=ext4" /etc/default/grub',
        'sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX modules=ext4" /etc/default/grub',
        "grub-mkconfig -o /boot/grub/grub.cfg"]


def test_a_defaults_file_that_asks_already_only_needs_a_new_menu(guest):
    tree = guest(cmdline="", changes={"/etc/default/grub": parts.default_grub("", "console=hvc0")})
    assert lines(step(plan_of(live(facts_of(tree))), "console")) == ["update-grub"]


def test_an_installed_kernel_that_boots_is_chosen_before_another_is_installed(guest):
    tree = guest(release="4.9.0-1-amd64", older=(RELEASE,))
    plan = plan_of(live(facts_of(tree)))
    assert step(plan, "install-kernel").state == "done"
    chosen = step(plan, "choose-kernel")
    assert lines(chosen)[0].startswith("sed -i $ a GRUB_DEFAULT=") and lines(chosen)[1] == "update-grub"


def test_a_mounted_guest_is_entered_first(guest):
    directory = guest(cmdline="")
    plan = plan_of(facts_of(directory, assume=None))
    assert plan.steps[0].id == "enter-guest" and lines(plan.steps[0])[-1] == "chroot " + directory
    assert "enter-guest" not in [one.id for one in plan_of(facts_of(guest(), assume=None)).steps]


def test_root_is_named_by_its_uuid(guest):
    menu = "set timeout=5\nmenuentry x {{\n linux /boot/vmlinuz-{0} root=/dev/sda1 console=hvc0\n initrd /boot/initrd.img-{0}\n}}\n"
    tree = guest(changes={
        GRUB_CFG: menu.format(RELEASE),
        "/etc/default/grub": parts.default_grub("", "console=hvc0 root=/dev/sda1", "0", "GRUB_DISABLE_LINUX_UUID=true\n"),
    })
    typed = lines(step(plan_of(live(facts_of(tree))), "root-device"))
    assert "root=.dev.sda1" in typed.pop(1)
    assert typed == ["findmnt -no SOURCE,UUID /", "sed -i $ a GRUB_DISABLE_LINUX_UUID=false /etc/default/grub", "update-grub"]


@pytest.mark.parametrize("device, told", [("/dev/nvme0n1p1", True), ("/dev/vda1", True), ("/dev/xvda1", False)])
def test_an_fstab_that_names_a_disk_as_no_xen_guest_does_is_to_name_the_uuid(guest, device, told):
    menu = "set timeout=5\nmenuentry x {{\n linux /boot/vmlinuz-{0} root=/dev/sda1 console=hvc0\n initrd /boot/initrd.img-{0}\n}}\n"
    tree = guest(changes={GRUB_CFG: menu.format(RELEASE), "/etc/fstab": device + " / ext4 defaults 0 1\n"})
    hints = [action.text for action in step(plan_of(live(facts_of(tree))), "root-device").actions]
    assert any(text.startswith("In /etc/fstab write UUID=") for text in hints) == told


def test_room_is_made_before_anything_is_written(guest):
    facts = live(facts_of(guest()))
    plan = plan_of(facts._replace(storage=facts.storage._replace(boot_free=20 << 20)))
    assert plan.steps[0].id == "make-room"
    assert "make-room" not in [one.id for one in plan_of(facts._replace(storage=facts.storage._replace(boot_free=900 << 20))).steps]


# What is not known.


def test_without_rights_the_plan_is_made_again(guest):
    facts = live(facts_of(guest()))._replace(denied=("/boot/initrd.img-1",), run_as_root=False)
    plan = plan_of(facts, "debian-12")
    assert plan.steps[0].id == "find-out-as-root" and plan.steps[0].state == "unknown"
    assert lines(plan.steps[0]) == ["sudo pvhready plan --host debian-12"]


def test_an_initramfs_that_takes_a_package_to_read(guest):
    facts = live(facts_of(guest()))
    archives = {
        path: archive._replace(complete=False, needs="zstd", problem=Problem(path, "no zstd")) for path, archive in facts.initramfs.items()}
    plan = plan_of(facts._replace(initramfs=archives))
    found = step(plan, "find-out-initramfs-unreadable")
    assert lines(found) == ["apt-get install zstd"] and found.proof.argv == ("pvhready", "plan") and plan.state == "unknown"
    assert "initramfs" not in [one.id for one in plan.steps]


def test_a_machine_of_no_known_type(guest):
    found = plan_of(Facts("/", True, "2026-01-01", Guest(None))).steps[0]
    assert found.id == "find-out-guest-type" and "pvhready plan --assume-guest pv" in lines(found)


def test_an_unknown_host_is_asked_for(guest):
    text = "if [ -s $prefix/grubenv ]; then\n load_env\nfi\nset default=\"${saved_entry}\"\nset timeout=5\n"
    entry = "menuentry 'good' {{\n linux /boot/vmlinuz-{0} root=UUID={1} console=hvc0\n initrd /boot/initrd.img-{0}\n}}\n"
    bad = "menuentry 'bad' {{\n linux /boot/vmlinuz-{0} root=UUID={1} console=hvc0 nopv\n initrd /boot/initrd.img-{0}\n}}\n"
    tree = guest(changes={
        GRUB_CFG: text + (entry + bad).format(RELEASE, UUID), "/boot/grub/grubenv": parts.grub_environment([("saved_entry", "bad")])})
    plan = plan_of(live(facts_of(tree)))
    found = step(plan, "find-out-host")
    assert any(action.where == "provider" and "GRUB" in action.text for action in found.actions)
    assert lines(found) == ["pvhready plan --host debian-12"] and plan.state == "unknown"


# Whatever the guest: the plan answers every objection, and nobody has to mend a command before typing it.

_ENTRY = "menuentry x {{\n linux /boot/vmlinuz-{0} root={1}\n initrd /boot/initrd.img-{0}\n}}\n"
_SIXTEEN_BIT = "menuentry x {{\n linux16 /boot/vmlinuz-{0} root={1} console=hvc0\n initrd16 /boot/initrd.img-{0}\n}}\n"
_VARIANTS = {
    "sound": {},
    "zstd": {"payload": "zstd"},
    "elf": {"image": "elf"},
    "cut": {"image": b"MZ" + b"\0" * 700},
    "not-a-kernel": {"image": b"\x89PNG" + b"\0" * 4000},
    "old": {"release": "4.15.0-213-generic"},
    "unpatched": {"release": "4.19.5-custom"},
    "no-xen": {"symbols": debian_symbols(XEN="n", XEN_PV="n", XEN_PVHVM="n", XEN_PVH="n")},
    "no-pvh": {"symbols": debian_symbols(XEN_PVH="n")},
    "no-front-end": {"symbols": debian_symbols(XEN_BLKDEV_FRONTEND="n")},
    "no-network": {"symbols": debian_symbols(XEN_NETDEV_FRONTEND="n", HVC_XEN="n")},
    "no-modules": {"modules": ()},
    "arguments": {"cmdline": "nopv acpi=off nolapic xen_no_vector_callback module_blacklist=xen-blkfront initcall_blacklist=xen_init"},
    "rdinit": {"cmdline": "console=hvc0 rdinit=/bin/sh"},
    "no-config": {"changes": {"/boot/config-" + RELEASE: None}},
    "no-initramfs": {"changes": {"/boot/initrd.img-" + RELEASE: None}},
    "no-kernel": {"changes": {"/boot/vmlinuz-" + RELEASE: None}},
    "no-menu": {"changes": {GRUB_CFG: None}},
    "empty-menu": {"changes": {GRUB_CFG: "set timeout=5\n"}},
    "endless-menu": {"changes": {GRUB_CFG: "while true; do true; done\n"}},
    "no-timeout": {"changes": {GRUB_CFG: _ENTRY.format(RELEASE, "UUID=" + UUID)}},
    "linux16": {"changes": {GRUB_CFG: "set timeout=1\n" + _SIXTEEN_BIT.format(RELEASE, "UUID=" + UUID)}},
    "sda": {"changes": {GRUB_CFG: "set timeout=1\n" + _ENTRY.format(RELEASE, "/dev/sda1")}},
    "nothing": {"changes": {"/boot": None}},
    "newer": {"release": _OTHER_RELEASE, "older": (RELEASE,)},
}


@pytest.mark.parametrize("name", list(_VARIANTS))
@pytest.mark.parametrize("host", ["bitfolk", "debian-12", "upstream-2.06"])
@pytest.mark.parametrize("running", [True, False])
def test_every_objection_has_its_step(name, host, running, guest):
    facts = facts_of(guest(**_VARIANTS[name]), host)
    facts = live(facts) if running else facts
    report = judge(facts, profile(host))
    plan = make_plan(report, profile(host))
    document = check_object(plan, facts, host)
    answered = {check for one in plan.steps for check in one.checks}
    told = {one.id for one in report.checks if one.mode != "pv" and one.status in (FAIL, UNKNOWN, WARN)}
    if any(one.id == "find-out-host" for one in plan.steps):
        told = {one.id for one in report.checks if one.mode != "pv" and one.status in (FAIL, WARN)}
    assert told <= answered
    # Nothing is switched before the check is content, and nothing is done that the check objects to.
    assert step(plan, "switch").state == ("to-do" if report.verdict.startswith("ready") else "blocked")
    assert (step(plan, "check").state == "done") <= report.verdict.startswith("ready")
    for one in plan.steps:
        assert one.state == "done" or any(action.argv or action.text for action in one.actions), one
    assert_typed_as_meant(document)


@pytest.fixture(scope="module")
def parser():
    return build_parser()


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize("assume", ["pv", "pvh", None])
def test_every_command_of_ours_is_one(name, assume, examples, parser):
    seen = 0
    for host in ("bitfolk", "debian-12+linux16"):
        facts = facts_of(str(examples / name), host, assume)
        for given_facts in (facts, live(facts), facts._replace(denied=("/boot/x",)), facts._replace(guest=Guest(None))):
            for command in every_command(as_object(plan_of(given_facts, host), judge(given_facts, profile(host)))):
                words = command["argv"][1:] if command["argv"][0] == "sudo" else command["argv"]
                if words[0] == "pvhready":
                    parser.parse_args(words[1:])  # leaves with exit code 64 where it does not know a word
                    seen += 1
    assert seen


_LETTERS = st.characters(min_codepoint=33, max_codepoint=0x2FF, blacklist_categories=("Cc", "Cs", "Cf", "Zs"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(_LETTERS), min_size=1, max_size=12), st.integers(40, 120))
def test_a_command_that_is_broken_over_lines_is_still_the_same(words, width):
    typed = type_lines(words, width, "        ")
    assert by_a_shell("\n".join(typed).strip()) == [words]
    assert [line for line in typed if len(line) > width and not is_one_word(line)] == []


def test_text_never_acts_on_what_a_guest_wrote(guest):
    facts = live(facts_of(guest(image="elf")))
    kernels = tuple(one._replace(path="/boot/vmlinuz-\x1b[31mx\n") for one in facts.kernels)
    facts = facts._replace(kernels=kernels, storage=Storage())
    text = render(plan_of(facts), judge(facts, profile("bitfolk")), Style())
    assert "\x1b" not in text and not re.search("^x", text, re.MULTILINE)


@pytest.mark.parametrize("assume", ["pv", "pvh", None])
def test_the_undo_takes_the_command_of_the_plan(assume, examples, pvhready):
    directory = str(examples / "ubuntu-20.04-hack")
    options = ("--assume-guest", assume) if assume else ()
    (undo,) = [one for one in pvhready.json("plan", "--root", directory, *options)["steps"] if one["id"] == "undo-hack"]
    preview = pvhready(*undo["commands"][0]["argv"][1:])
    assert "REFUSED" not in preview.out and "Next:" in preview.out
    # That this can fail: without the word, a guest in PV is refused it.
    if assume == "pv":
        assert "REFUSED" in pvhready("undo", "--root", directory, *options).out


def test_a_kernel_that_is_kept_for_pv_is_not_undone_again(guest):
    kept = "/boot/pvhready-{}.elf".format(RELEASE)
    tree = guest(payload="zstd", changes={kept: elf_kernel(RELEASE, 64, True, True, True)})
    assert "undo-hack" not in [one.id for one in plan_of(live(facts_of(tree))).steps]


def test_a_console_that_only_the_old_entries_have_is_added(examples, tmp_path):
    """Entries of the specification keep their own arguments; those that take their place are made from /etc/default/grub."""
    shutil.copytree(str(examples / "centos-8"), str(tmp_path / "guest"), symlinks=True)
    assert step(plan_of(facts_of(str(tmp_path / "guest"))), "console").state == "done"
    (tmp_path / "guest/etc/default/grub").write_text(parts.default_grub("", "", "saved", "GRUB_ENABLE_BLSCFG=true\n"))
    console = step(plan_of(facts_of(str(tmp_path / "guest"))), "console")
    assert console.state == "to-do" and lines(console) == [_SED, "grub2-mkconfig -o /boot/grub2/grub.cfg"]


@pytest.fixture
def fedora(examples, tmp_path):
    """A Fedora guest whose entries are those of the boot loader specification."""
    release, machine = "6.7.10-200.fc39.x86_64", "5d1c7a0e9b4f4f6c8a2e3d4b5c6f7a81"
    tree = {path: node for path, node in guests.tree("fedora-zstd").items() if "6.7.9" not in path}
    tree.update({
        "/boot/loader/entries/{}-{}.conf".format(machine, release): menus.bls_entry("Fedora Linux", "39", release),
        "/boot/grub2/grub.cfg": menus.bls_menu(UUID, "ro"),
        "/boot/grub2/grubenv": parts.grub_environment(
            [("saved_entry", machine + "-" + release), ("kernelopts", "root=UUID={} ro".format(UUID))]),
        "/etc/default/grub": parts.default_grub("", "", "saved", "GRUB_ENABLE_BLSCFG=true\n"),
        "/etc/fstab": parts.fstab(UUID),
    })
    write_tree(str(tmp_path / "fedora"), tree)
    return str(tmp_path / "fedora")


@pytest.mark.parametrize("host, expected", [
    ("bitfolk", [
        ("entries-in-grub-cfg", ["sed -i $ a GRUB_ENABLE_BLSCFG=false /etc/default/grub", "grub2-mkconfig -o /boot/grub2/grub.cfg"]),
        ("console", [_SED, "grub2-mkconfig -o /boot/grub2/grub.cfg"])]),
    ("debian-12", [
        ("write-grub-cfg", [
            "sed -i $ a GRUB_ENABLE_BLSCFG=false /etc/default/grub", "mkdir -p /boot/grub", "grub2-mkconfig -o /boot/grub/grub.cfg"]),
        ("console", [_SED, "grub2-mkconfig -o /boot/grub/grub.cfg"])]),
    ("fedora-41", [("console", ["grubby --update-kernel=ALL --args=console=hvc0"])]),
])
def test_entries_of_a_specification_on_each_host(host, expected, fedora):
    plan = plan_of(live(facts_of(fedora, host)), host)
    assert [(one.id, lines(one)) for one in plan.steps if one.state == "to-do" and one.id not in ("check", "switch")] == expected
    assert plan.state == "to-do" and not [one.id for one in plan.steps if one.state == "unknown"]


@pytest.mark.parametrize("host", ["bitfolk", "debian-12"])
def test_commands_that_not_every_grub_has(host, guest):
    tree = guest(changes={GRUB_CFG: "set timeout=1\n" + _SIXTEEN_BIT.format(RELEASE, "UUID=" + UUID)})
    facts = live(facts_of(tree, host))
    plan = plan_of(facts, host)
    generator, menu = step(plan, "plain-commands").actions
    assert (generator.argv[-1], menu.argv[-1]) == ("/etc/grub.d/10_linux", GRUB_CFG) and plan.state == "to-do"
    subprocess.check_call(menu.argv[:-1] + (tree + GRUB_CFG,))
    assert judge(live(facts_of(tree, host)), profile(host)).verdict == "ready"


@pytest.mark.parametrize("host, name, where", [
    ("upstream-2.06", "mend-boot-filesystem-feature", "rescue"), ("bitfolk", "find-out-host", "provider"),
])
def test_a_file_system_that_grub_may_not_read(host, name, where, guest):
    system = BootFileSystem(("pvh",), "/", "ext4", "/dev/xvda1", ("ext4:metadata_csum_seed",), True)
    facts = facts_of(guest(), host)._replace(boot_systems=(system,))
    found = step(plan_of(facts, host), name)
    assert "boot-filesystem-feature" in found.checks and where in {action.where for action in found.actions}
    assert name != "mend-boot-filesystem-feature" or lines(found)[0].startswith("tune2fs -O ^metadata_csum_seed ")
