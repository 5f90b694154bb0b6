"""The way back that stays open: real grub-mkconfig writes the menu, our interpreter says what each platform boots of it."""

from typing import Any, Dict

import pytest
from grub import grub_emu

from pvhready.demo import parts
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.initramfs import initramfs
from pvhready.demo.tree import Tree
from support import wanted

from . import hacked
from .hacked import NEW, OLD
from .machine import Machine

pytestmark = pytest.mark.slow

KEEP = ("undo", "--apply", "--yes", "--keep-pv")
ELF = "/boot/pvhready-{}.elf"
NEWER = "5.4.0-217-generic"


def machine(folder: str, form: str = "V7") -> Machine:
    files = {path: node for path, node in hacked.tree(form).items() if not path.startswith(("/usr/", "/lib/"))}
    for release in (NEW, OLD):
        files["/var/cache/apt/archives/linux-image-{}_1.1_amd64.deb".format(release)] = read(hacked.package(folder, release))
    files.update(newer())
    made = Machine(folder, files)
    made.demand("grub-mkconfig", "-o", "/boot/grub/grub.cfg")
    return made


def read(path: str) -> bytes:
    with open(path, "rb") as handle:
        return handle.read()


def newer() -> Tree:
    """A kernel that is installed later: until then it waits in a folder of its own."""
    image = bzimage(NEWER, "lz4", kernel=elf_kernel(NEWER))
    symbols = parts.symbols(XEN_BLKDEV_FRONTEND="y", XEN_NETDEV_FRONTEND="y", EXT4_FS="y")
    return {
        "/root/vmlinuz-" + NEWER: image, "/root/config-" + NEWER: parts.configuration(NEWER, symbols),
        "/root/System.map-" + NEWER: parts.system_map(True), "/root/initrd.img-" + NEWER: initramfs(NEWER, (), "gzip"),
    }


def boots(made: Machine, platform: str) -> Any:
    """The kernel of the entry that a platform boots."""
    menu = made.pvhready("entries", "--platform", platform)
    assert menu["exit"] == 0
    return menu["entries"][menu["default"]]["kernel"]


def findings(report: Dict[str, Any]) -> Dict[str, str]:
    return {check["id"]: check["summary"] for check in report["checks"]}


def test_each_platform_takes_its_own(tmp_path: Any) -> None:
    made = machine(str(tmp_path))
    before = made.state()
    assert boots(made, "xen-x86_64") == boots(made, "xen_pvh") == "/boot/vmlinuz-" + NEW
    done = made.pvhready(*KEEP)
    assert (done["exit"], done.get("applied"), done.get("runs")) == (0, True, ["run-0001", "run-0002"]), done
    assert boots(made, "xen-x86_64") == boots(made, "xen-i386") == ELF.format(NEW)
    assert boots(made, "xen_pvh") == "/boot/vmlinuz-" + NEW
    made.demand(wanted.tool("grub-script-check", "grub-common"), "/boot/grub/grub.cfg")
    names = made.demand("sh", "-c", "ls -A /boot").split()
    assert [name for name in names if name.startswith((".", "vmlin", "kernel"))] == ["vmlinuz", "vmlinuz-" + OLD, "vmlinuz-" + NEW]
    kernels = {kernel["path"]: kernel["modes"] for kernel in made.pvhready("kernels")["kernels"]}
    assert kernels[ELF.format(NEW)] == {"pv": "boots", "pvh": "fails"}
    assert kernels["/boot/vmlinuz-" + NEW] == {"pv": "fails", "pvh": "boots"}
    assert made.pvhready("check")["hack"]["decompressed_kernels"] == []
    assert made.pvhready(*KEEP)["applied"] is False
    back = made.pvhready("undo", "--revert", "--apply", "--yes")
    assert (back["exit"], back.get("applied"), back.get("notes")) == (0, True, []), back
    assert made.state() == before


def test_a_kernel_upgrade_does_not_break_it(tmp_path: Any) -> None:
    made = machine(str(tmp_path))
    assert made.pvhready(*KEEP)["exit"] == 0
    made.demand("sh", "-c", "mv /root/*-{} /boot/ && grub-mkconfig -o /boot/grub/grub.cfg".format(NEWER))
    assert boots(made, "xen_pvh") == "/boot/vmlinuz-" + NEWER
    assert boots(made, "xen-x86_64") == ELF.format(NEW)
    said = findings(made.pvhready("check", "--target", "pv"))
    assert NEWER in said["pv-kept"]
    assert "newer-kernel" not in said
    # A revert would take what PV boots away, as the newer kernel is packed: that must be meant.
    state = made.state()
    refused = made.pvhready("undo", "--revert", "--apply", "--yes")
    assert (refused["exit"], refused["applied"], made.state()) == (2, False, state)
    assert "Add --switching" in refused["obstacles"][0]
    # When the kept kernel's package goes, its entry goes with it.
    made.demand("sh", "-c", "rm /boot/*-{} && grub-mkconfig -o /boot/grub/grub.cfg".format(NEW))
    assert boots(made, "xen-x86_64") == ELF.format(OLD)

    # The menu is not ours any more: it is written anew before the kept kernels go.
    plan = made.pvhready("undo", "--revert", "--switching")
    assert plan["exit"] == 0, plan["obstacles"]
    back = made.pvhready("undo", "--revert", "--apply", "--yes", "--switching")
    assert (back["exit"], back.get("applied")) == (0, True), back
    names = made.demand("sh", "-c", "ls /boot /etc/grub.d; cat /boot/grub/grub.cfg")
    assert "pvhready" not in names
    assert made.pvhready("kernels")["kernels"][0]["image"]["container"] == "elf"


def test_a_menu_that_would_not_do_is_not_put_in_place(tmp_path: Any) -> None:
    made = machine(str(tmp_path))
    before = made.state()
    for fake, why in (
        ("#!/bin/sh\ncat /boot/grub/grub.cfg\n", "under PV it would boot /boot/vmlinuz-" + NEW),
        ("#!/bin/sh\nexit 1\n", "fails: it writes no menu"),
        ("#!/bin/sh\necho oops >&2\nexit 3\n", "fails: oops"),
        ("#!/bin/sh\necho '### BEGIN /etc/grub.d/10_linux ###'\n", "it would boot nothing"),
    ):
        refused = made.pvhready(*KEEP, fake=fake)
        assert (refused["exit"], refused.get("applied")) == (2, False), refused
        assert why in refused["obstacles"][0]
        assert made.state() == before


KILL = "#!/bin/sh\nkill -9 $PPID\n"


def demand_interrupted(made: Machine) -> None:
    """Each command but the two that end a run says that there is one."""
    state = made.state()
    for words in (("--switching",), ("--apply", "--yes", "--keep-pv"), ("--revert",), ("--revert", "--apply", "--yes")):
        refused = made.pvhready("undo", *words)
        assert (refused["exit"], refused["applied"]) == (2, False)
        assert "was interrupted. Finish it: pvhready undo --resume" in refused["obstacles"][0]
    assert made.state() == state


def test_an_end_while_the_menu_is_written(tmp_path: Any) -> None:
    """The kept kernels and the script are there, and do no harm. The next start sees it, and both ways end it."""
    made = machine(str(tmp_path))
    before = made.state()
    for _ in range(2):
        assert made.pvhready(*KEEP, fake=KILL)["exit"] not in (0, 2)
        assert boots(made, "xen-x86_64") == "/boot/vmlinuz-" + NEW
        demand_interrupted(made)
        assert made.pvhready("undo", "--resume", fake=KILL)["exit"] not in (0, 2)  # and while it is finished, too
        demand_interrupted(made)
        refused = made.pvhready("undo", "--resume", fake="#!/bin/sh\nexit 1\n")
        assert refused["exit"] == 2 and "Or take it back: pvhready undo --abandon" in refused["obstacles"][0]
        back = made.pvhready("undo", "--abandon")
        assert (back["exit"], back["action"]) == (0, "abandon")
        assert made.state() == before
    assert made.pvhready(*KEEP, fake=KILL)["exit"] not in (0, 2)
    done = made.pvhready("undo", "--resume")
    assert (done["exit"], boots(made, "xen-x86_64"), boots(made, "xen_pvh")) == (0, ELF.format(NEW), "/boot/vmlinuz-" + NEW)
    assert made.pvhready("undo", "--resume")["exit"] == 2
    assert made.pvhready("undo", "--revert", "--apply", "--yes")["exit"] == 0
    assert made.state() == before


def test_an_abandoned_run_whose_kernels_a_newer_menu_names(tmp_path: Any) -> None:
    """A kernel was installed while the run lay there, and the menu took what was kept: it is written anew before that goes."""
    made = machine(str(tmp_path))
    assert made.pvhready(*KEEP, fake=KILL)["exit"] not in (0, 2)
    made.demand("grub-mkconfig", "-o", "/boot/grub/grub.cfg")
    assert boots(made, "xen-x86_64") == ELF.format(NEW)
    for fake in (KILL, None):
        made.pvhready("undo", "--abandon", fake=fake)
        kernel = boots(made, "xen-x86_64")
        assert kernel == (ELF.format(NEW) if fake else "/boot/vmlinuz-" + NEW)
        made.demand("test", "-e", kernel)
    assert "pvhready" not in made.demand("sh", "-c", "ls /boot /etc/grub.d; cat /boot/grub/grub.cfg")
    assert made.pvhready("undo", "--switching")["exit"] == 0


def test_an_end_while_a_revert_writes_the_menu(tmp_path: Any) -> None:
    """All is back but the kept kernels, which the menu that is not ours any more still names."""
    made = machine(str(tmp_path))
    assert made.pvhready(*KEEP)["exit"] == 0
    revert = ("undo", "--revert", "--apply", "--yes", "--switching")
    made.demand("sh", "-c", "echo '# changed' >> /boot/grub/grub.cfg")
    state = made.state()
    assert made.pvhready(*revert, fake=KILL)["exit"] not in (0, 2)
    assert boots(made, "xen-x86_64") == ELF.format(NEW)
    demand_interrupted(made)
    assert made.pvhready("undo", "--abandon")["exit"] == 0
    assert made.state() == state
    assert made.pvhready(*revert, fake=KILL)["exit"] not in (0, 2)
    done = made.pvhready("undo", "--resume")
    assert (done["exit"], boots(made, "xen-x86_64")) == (0, "/boot/vmlinuz-" + NEW)
    assert "pvhready" not in made.demand("sh", "-c", "ls /boot /etc/grub.d; cat /boot/grub/grub.cfg")
    assert made.pvhready(*revert)["applied"] is False


def test_no_room_for_the_new_menu(tmp_path: Any) -> None:
    """The system refuses the second half: the first is taken back as well, and all is as it was."""
    made = machine(str(tmp_path))
    before = made.state()
    fill = "#!/bin/sh\ndd if=/dev/zero of=/fill bs=64k 2>/dev/null; dd if=/dev/zero of=/fill2 bs=1k 2>/dev/null; exec cat /boot/written\n"
    made.demand("sh", "-c", "cat /boot/grub/grub.cfg > /root/plain")
    assert made.pvhready(*KEEP)["exit"] == 0
    made.demand("sh", "-c", "cat /boot/grub/grub.cfg > /root/kept")
    assert made.pvhready("undo", "--revert", "--apply", "--yes")["exit"] == 0
    assert made.state() == before
    refused = made.pvhready(*KEEP, fake=fill.replace("/boot/written", "/root/kept"))
    assert refused["exit"] == 74 and "everything was put back as it was" in refused["text"]
    assert made.state() == before
    made.demand("rm", "/fill", "/fill2")
    assert made.pvhready(*KEEP)["exit"] == 0


def test_a_second_kernel_beside_gets_a_new_menu(tmp_path: Any) -> None:
    """Form V6: /boot/vmlinux beside an untouched vmlinuz, and a menu that was made to name it."""
    made = machine(str(tmp_path))
    made.demand(
        "sh", "-c", "cd /root && mv /boot/vmlinuz-{0} /boot/vmlinux && dpkg-deb -x /var/cache/apt/archives/linux-image-{0}_*.deb . && "
        "mv boot/vmlinuz-{0} /boot/ && sed -i s,/boot/vmlinuz-{0},/boot/vmlinux, /boot/grub/grub.cfg".format(NEW))
    before = made.state()
    assert boots(made, "xen-x86_64") == boots(made, "xen_pvh") == "/boot/vmlinux"
    refused = made.pvhready("undo", "--apply", "--yes")
    assert (refused["exit"], made.state()) == (2, before)
    done = made.pvhready("undo", "--apply", "--yes", "--switching")
    assert (done["exit"], done.get("applied")) == (0, True), done
    assert boots(made, "xen_pvh") == "/boot/vmlinuz-" + NEW
    assert "vmlinux" not in made.demand("sh", "-c", "ls /boot; cat /boot/grub/grub.cfg")
    assert made.pvhready("undo", "--revert", "--apply", "--yes")["exit"] == 0
    assert made.state() == before


def test_grub_itself_takes_them_so(tmp_path: Any) -> None:
    """GRUB's own interpreter runs the menu that was written, told that it is on either platform."""
    if grub_emu.PROGRAM is None:
        wanted.skip("grub-emu (Debian package grub-emu)")
    made = machine(str(tmp_path))
    assert made.pvhready(*KEEP)["exit"] == 0
    menu = made.demand("cat", "/boot/grub/grub.cfg").replace("timeout=5", "timeout=0")
    menu = menu.replace("terminal_output gfxterm", "true")
    for word in ("linux", "initrd"):
        menu = menu.replace("\t{}\t".format(word), "\techo\t{} ".format(word))  # grub-emu has no such command
    folder = tmp_path / "emu"
    folder.mkdir()
    for platform, kernel in (("xen", ELF.format(NEW)), ("xen_pvh", "/boot/vmlinuz-" + NEW)):
        said = grub_emu.boot(str(folder), "set grub_platform={}\n{}".format(platform, menu))
        loaded = [line.split()[1] for line in said or () if line.startswith("linux ")]
        assert loaded == [kernel], said


def test_a_revert_whose_menu_cannot_be_written(tmp_path: Any) -> None:
    """All is back, and the menu that is not ours any more still finds the kernels that it names."""
    made = machine(str(tmp_path))
    assert made.pvhready(*KEEP)["exit"] == 0
    made.demand("sh", "-c", "echo '# changed' >> /boot/grub/grub.cfg")
    back = made.pvhready("undo", "--revert", "--apply", "--yes", "--switching", fake="#!/bin/sh\nexit 1\n")
    assert (back["exit"], back.get("applied"), back.get("runs")) == (0, True, ["run-0003"]), back
    assert "could not be written anew" in back["notes"][-1]
    assert "When that is mended: pvhready undo --assume-guest pv --resume" in back["notes"][-1]
    assert boots(made, "xen-x86_64") == ELF.format(NEW)
    assert made.pvhready("kernels", "--host", "debian-12")["exit"] == 0
    assert made.pvhready("undo", "--resume")["exit"] == 0
    assert boots(made, "xen-x86_64") == "/boot/vmlinuz-" + NEW
    assert "pvhready" not in made.demand("sh", "-c", "ls /boot /etc/grub.d; cat /boot/grub/grub.cfg")
