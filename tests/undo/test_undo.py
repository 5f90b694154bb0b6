"""The command, from a guest in each form of the hack to one that is ready, and back."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from pvhready.demo.tree import File
from pvhready.host import profile
from pvhready.root import Root
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.perform import Undo
from support import wanted
from support.program import Program

try:
    import jsonschema
except ImportError:
    jsonschema = None

from . import hacked, volumes
from .hacked import NEW, OLD, POSTINST, snapshot

IMAGES = ["/boot/vmlinuz-" + OLD, "/boot/vmlinuz-" + NEW]
APPLY = ("--apply", "--yes", "--switching")


_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SCHEMA = os.path.join(_TOP, "pvhready", "data", "undo.schema.json")


def undo(pvhready: Program, guest: str, *options: str) -> Any:
    """Return the outcome, which is as the schema says."""
    outcome = pvhready.json("undo", "--root", guest, *options)
    if jsonschema is not None:
        with open(_SCHEMA, encoding="utf-8") as handle:
            jsonschema.validate(outcome, json.load(handle))
    return outcome


def read(guest: str, path: str) -> bytes:
    with open(guest + path, "rb") as handle:
        return handle.read()


@pytest.mark.parametrize("form", ["V1", "V2", "V3", "V4", "V5", "V7"])
def test_there_and_back(pvhready: Program, tmp_path: Any, form: str) -> None:
    guest = hacked.make(str(tmp_path), form)
    before = snapshot(guest)
    assert pvhready.check(guest)["verdict"] == "not-ready"
    plan = undo(pvhready, guest, "--switching")
    assert (plan["exit"], plan["applied"], plan["obstacles"]) == (0, False, [])
    assert snapshot(guest) == before
    assert not os.path.exists(guest + "/var/lib/pvhready")

    done = undo(pvhready, guest, *APPLY)
    assert (done["exit"], done["applied"], done["check"]["verdict"]) == (0, True, "ready")
    for release in (NEW, OLD):
        assert read(guest, "/boot/vmlinuz-" + release) == hacked.shipped(release)[0]
        assert os.stat(guest + "/boot/vmlinuz-" + release).st_mode & 0o7777 == 0o644
    report = pvhready.check(guest)
    assert (report["verdict"], report["hack"]["active_hooks"], report["hack"]["decompressed_kernels"]) == ("ready", [], [])

    after = snapshot(guest)
    again = undo(pvhready, guest, *APPLY)
    assert (again["exit"], again["applied"], again["changes"]) == (0, False, [])
    assert snapshot(guest) == after

    assert undo(pvhready, guest, "--revert")["applied"] is False
    assert snapshot(guest) == after
    back = undo(pvhready, guest, "--revert", "--apply", "--yes")
    assert (back["exit"], back["applied"], back["notes"]) == (0, True, [])
    assert snapshot(guest) == before
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["applied"] is False
    assert sorted(os.listdir(guest + "/var/lib/pvhready/run-0001")) == ["journal"]


def test_hooks_go_first_and_helpers_last(pvhready: Program, tmp_path: Any) -> None:
    plan = undo(pvhready, hacked.make(str(tmp_path)), "--switching")
    assert [(change["kind"], change["path"]) for change in plan["changes"]] == [
        ("remove", POSTINST + "bitfolk-decompress-lz4-kernels"), ("replace", IMAGES[0]), ("replace", IMAGES[1]),
        ("remove", "/usr/local/sbin/extract-vmlinux"),
    ]
    assert "- #!/bin/sh" in plan["changes"][0]["difference"]
    assert [kernel["path"] for kernel in plan["kernels"]] == IMAGES


def test_a_packaged_hook_is_diverted_as_dpkg_does(pvhready: Program, tmp_path: Any) -> None:
    program = wanted.tool("dpkg-divert", "dpkg")
    guest = hacked.make(str(tmp_path), "V4", {"/var/lib/dpkg/diversions": "/bin/sh\n/bin/sh.distrib\ndash\n"})
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    hook = POSTINST + "gandi-decompress-kernel"
    assert not os.path.exists(guest + hook)
    assert os.path.exists(guest + hook + ".distrib")
    admin = ["--admindir", guest + "/var/lib/dpkg"]
    assert subprocess.check_output([program] + admin + ["--truename", hook]).decode() == hook + ".distrib\n"
    assert subprocess.check_output([program] + admin + ["--listpackage", hook]).decode() == "LOCAL\n"
    # dpkg itself would have written the same list, in some order.
    ours = read(guest, "/var/lib/dpkg/diversions").decode().split("\n")
    with open(guest + "/var/lib/dpkg/diversions", "wb") as handle:
        handle.write(b"/bin/sh\n/bin/sh.distrib\ndash\n")
    subprocess.check_call([program] + admin + ["--quiet", "--no-rename", "--add", hook])
    theirs = read(guest, "/var/lib/dpkg/diversions").decode().split("\n")
    assert set(zip(ours[0::3], ours[1::3], ours[2::3])) == set(zip(theirs[0::3], theirs[1::3], theirs[2::3]))
    assert os.path.exists(guest + "/usr/share/gandi/extract-vmlinux")


@pytest.mark.parametrize("postinst, said", [
    ("#!/bin/sh\nfor it in /boot/vmlinuz-*; do\n    /usr/share/gandi/decompress-kernel $it\ndone\n", "may decompress kernels again"),
    ("#!/bin/sh\nexit 0\n", "does nothing without the hook"),
])
def test_a_package_that_will_do_it_again(pvhready: Program, tmp_path: Any, postinst: str, said: str) -> None:
    guest = hacked.make(str(tmp_path), "V4", {"/var/lib/dpkg/info/gandi-hosting-vm2.postinst": postinst})
    notes = [note for note in undo(pvhready, guest, "--switching")["notes"] if note.startswith("/usr/share/gandi/decompress-kernel: ")]
    assert len(notes) == 1 and said in notes[0], notes


def test_diversions_that_came_later_stay(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V4", {"/var/lib/dpkg/diversions": ""})
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    with open(guest + "/var/lib/dpkg/diversions", "ab") as handle:
        handle.write(b"/bin/x\n/bin/x.distrib\n:\n")
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert read(guest, "/var/lib/dpkg/diversions") == b"/bin/x\n/bin/x.distrib\n:\n"
    assert os.path.exists(guest + POSTINST + "gandi-decompress-kernel")
    assert not os.path.exists(guest + POSTINST + "gandi-decompress-kernel.distrib")


def test_a_packaged_hook_without_dpkg_is_for_its_own_tool(pvhready: Program, tmp_path: Any, monkeypatch: Any) -> None:
    from pvhready.facts import Facts, Guest, Hack, Hook
    from pvhready.root import Root
    from pvhready.undo.find import find_work

    hook = Hook("/etc/kernel/install.d/99-x.install", "other", True, "", "some-package-1-1.noarch")
    with Root(str(tmp_path)) as root:
        work = find_work(root, Facts("/", True, "2026-01-01", Guest("PV"), hack=Hack((hook,))))
    assert work.hooks == ()
    assert "belongs to the package some-package-1-1.noarch" in work.obstacles[0]


def test_a_kernel_of_no_package(pvhready: Program, tmp_path: Any) -> None:
    """Form V8: nothing tells where it comes from, but the image itself can prove it."""
    guest = hacked.make(str(tmp_path), "V8", packages=False)
    before = snapshot(guest)
    refused = undo(pvhready, guest, *APPLY)
    assert (refused["exit"], refused["applied"], [item["path"] for item in refused["refused"]]) == (2, False, IMAGES)
    assert snapshot(guest) == before
    named = str(tmp_path / "image")
    with open(named, "wb") as handle:
        handle.write(hacked.shipped(NEW)[0])
    done = undo(pvhready, guest, "--from", named, *APPLY)
    assert (done["exit"], done["applied"], [item["path"] for item in done["refused"]]) == (2, True, IMAGES[:1])
    assert read(guest, IMAGES[1]) == hacked.shipped(NEW)[0]
    assert read(guest, IMAGES[0]) == hacked.shipped(OLD)[1]


def test_a_second_kernel_beside_takes_a_new_menu(pvhready: Program, tmp_path: Any) -> None:
    """Form V6: no file of the guest may be run from outside."""
    guest = hacked.make(str(tmp_path), "V7")
    os.rename(guest + IMAGES[1], guest + "/boot/vmlinux")
    with open(guest + IMAGES[1], "wb") as handle:
        handle.write(hacked.shipped(NEW)[0])
    menu = read(guest, "/boot/grub/grub.cfg").replace(IMAGES[1].encode(), b"/boot/vmlinux")
    with open(guest + "/boot/grub/grub.cfg", "wb") as handle:
        handle.write(menu)
    before = snapshot(guest)
    refused = undo(pvhready, guest, *APPLY)
    assert refused["exit"] == 2
    assert "generated anew" in refused["obstacles"][0]
    assert refused["commands"][-1] == ["chroot", guest, "pvhready", "undo", "--assume-guest", "pv", "--apply", "--switching"]
    assert snapshot(guest) == before


def test_the_switch_must_be_meant(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    before = snapshot(guest)
    refused = undo(pvhready, guest, "--apply", "--yes")
    assert refused["exit"] == 2
    assert "--switching" in refused["obstacles"][0]
    assert snapshot(guest) == before
    words = ("--host", "debian-12", "--assume-guest", "pvh")
    with Root(guest) as root:
        plan = Undo(Guest(root, profile("debian-12"), "pvh"), Wish()).outcome(lambda plan: False)
    assert plan.next == ("pvhready", "undo", "--root", guest) + words + ("--apply",)
    assert undo(pvhready, guest, "--apply", "--yes", "--assume-guest", "pvh")["applied"] is True


def test_a_kernel_that_boots_in_neither_mode_is_no_way(pvhready: Program, tmp_path: Any) -> None:
    config = "/boot/config-" + NEW
    text = hacked.tree()[config]
    assert isinstance(text, str)
    guest = hacked.make(str(tmp_path), changes={config: text.replace("CONFIG_PVH=y", "# CONFIG_PVH is not set").replace(
        "CONFIG_XEN_PVH=y", "# CONFIG_XEN_PVH is not set")})
    refused = undo(pvhready, guest, *APPLY)
    assert refused["exit"] == 2
    assert "in no mode at all" in refused["obstacles"][0]


def test_nobody_is_asked_without_a_terminal(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    for words in (("--format", "json"), ()):
        output = pvhready("undo", "--root", guest, "--apply", "--switching", *words)
        assert output.code == 2
        assert "--yes" in output.out
    assert not os.path.exists(guest + "/var/lib/pvhready")


@pytest.mark.parametrize("answer, done", [("y", True), ("", False), ("no", False)])
def test_the_user_is_asked_on_a_terminal(tmp_path: Any, answer: str, done: bool) -> None:
    import pty
    import sys

    guest = hacked.make(str(tmp_path))
    child, terminal = pty.fork()
    if child == 0:
        top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        command = [sys.executable, "-m", "pvhready", "undo", "--root", guest, "--apply", "--switching"]
        os.execve(sys.executable, command, dict(os.environ, PYTHONPATH=top))
    shown = b""
    try:
        while True:
            shown += os.read(terminal, 65536)
            if b"[y/N]" in shown and answer is not None:
                os.write(terminal, answer.encode() + b"\n")
                answer = None  # type: ignore[assignment]
    except OSError:
        pass  # the terminal is closed when the program ends
    assert os.waitpid(child, 0)[1] == 0, shown
    assert (read(guest, IMAGES[0]) == hacked.shipped(OLD)[0]) is done
    assert (b"Done" if done else b"Nothing was changed.\r\n") in shown


def test_a_change_while_the_user_thinks_it_over(tmp_path: Any) -> None:
    """What comes between the plan and the yes makes the plan worthless: that image was never compared with anything."""
    from pvhready.host import DEFAULT, profile
    from pvhready.root import Root
    from pvhready.undo.changes import Refused
    from pvhready.undo.guest import Guest, Wish
    from pvhready.undo.perform import Undo
    from pvhready.undo.revert import Revert

    guest = hacked.make(str(tmp_path))

    def upgrade(plan: Any) -> bool:
        with open(guest + IMAGES[1], "wb") as handle:
            handle.write(b"a kernel that was installed just now")
        return True

    for action in (Undo, Revert):
        with Root(guest) as root, pytest.raises(Refused, match="changed in the meantime"):
            action(Guest(root, profile(DEFAULT)), Wish(True, True)).outcome(upgrade)
        assert read(guest, IMAGES[1]) == b"a kernel that was installed just now"
        with open(guest + IMAGES[1], "wb") as handle:
            handle.write(hacked.shipped(NEW)[1])
        with Root(guest) as root:
            Undo(Guest(root, profile(DEFAULT)), Wish(True, True)).outcome(lambda plan: True)


def test_hard_links_are_not_written_through(pvhready: Program, tmp_path: Any) -> None:
    """Debian 14 may link /boot's image to the one beside the modules, and cp over one destroys both. A copy elsewhere is nobody's."""
    guest = hacked.make(str(tmp_path), "V3")
    beside = "/usr/lib/modules/{}/vmlinuz".format(NEW)
    os.makedirs(os.path.dirname(guest + beside))
    os.link(guest + IMAGES[1], guest + beside)
    os.mkdir(guest + "/srv")
    os.link(guest + IMAGES[1], guest + "/srv/copy")
    before, file = snapshot(guest), os.stat(guest + "/srv/copy").st_ino
    assert before[beside] == "the same file as " + IMAGES[1]
    done = undo(pvhready, guest, *APPLY)
    assert done["exit"] == 0 and any(IMAGES[1] + ": has other names besides" in note for note in done["notes"])
    assert read(guest, IMAGES[1]) == read(guest, beside) == hacked.shipped(NEW)[0]
    assert read(guest, "/srv/copy") == hacked.shipped(NEW)[1]
    # A revert makes them one file again, the very one that it was.
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert snapshot(guest) == before
    assert {os.stat(guest + path).st_ino for path in (IMAGES[1], beside, "/srv/copy")} == {file}


@pytest.mark.parametrize("there", [False, True], ids=["changed", "gone"])
def test_a_hard_link_that_others_have_written_through_since(pvhready: Program, tmp_path: Any, there: bool) -> None:
    """What stood in /boot comes back from the copy; the other name is somebody else's."""
    guest = hacked.make(str(tmp_path), "V3")
    os.mkdir(guest + "/srv")
    os.link(guest + IMAGES[1], guest + "/srv/copy")
    before = snapshot(guest)
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    with open(guest + "/srv/copy", "r+b") as handle:
        handle.write(b"another content")
    if there:
        os.unlink(guest + "/srv/copy")
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert read(guest, IMAGES[1]) == hacked.shipped(NEW)[1]
    after = snapshot(guest)
    for state in (before, after):
        state.pop("/srv/copy", None)
    assert after == before


def test_hard_links_where_the_store_is_on_another_file_system(pvhready: Program, tmp_path: Any) -> None:
    """The file itself cannot be kept there, but its names are made to be one file again."""
    guest = hacked.make(str(tmp_path), "V3")
    beside = "/usr/lib/modules/{}/vmlinuz".format(NEW)
    os.makedirs(os.path.dirname(guest + beside))
    os.link(guest + IMAGES[1], guest + beside)
    before = snapshot(guest)
    os.makedirs(guest + "/var/lib/pvhready", 0o700)
    with volumes.tmpfs(str(tmp_path), 4096) as directory:
        os.chmod(directory, 0o700)
        subprocess.check_call(["mount", "--bind", directory, guest + "/var/lib/pvhready"])
        try:
            assert undo(pvhready, guest, *APPLY)["exit"] == 0
            assert not [name for name in os.listdir(directory + "/run-0001") if name.endswith(".linked")]
            assert read(guest, IMAGES[1]) == read(guest, beside) == hacked.shipped(NEW)[0]
            assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
        finally:
            subprocess.check_call(["umount", guest + "/var/lib/pvhready"])
    assert snapshot(guest) == before


def test_what_a_revert_replaces_is_a_source_of_the_next_undo(pvhready: Program, tmp_path: Any) -> None:
    """A copy of ours: the package may be gone from the cache and from the mirror by then."""
    guest = hacked.make(str(tmp_path), "V1")
    before = snapshot(guest)
    os.chmod(guest + IMAGES[0], 0o600)
    for turn in range(3):
        done = undo(pvhready, guest, *APPLY)
        origins = [item["origin"] for item in done["kernels"]]
        assert (done["exit"], done["check"]["verdict"]) == (0, "ready")
        assert all(origin.startswith("/var/lib/pvhready/run-") for origin in origins) == bool(turn), origins
        for release in (NEW, OLD):
            assert read(guest, "/boot/vmlinuz-" + release) == hacked.shipped(release)[0]
            assert os.stat(guest + "/boot/vmlinuz-" + release).st_mode & 0o7777 == 0o644  # as the package has it
        assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
        assert copies(guest) == 2, "each kernel once"
        if not turn:
            shutil.rmtree(guest + "/var/cache/apt/archives")
    assert [path for path in snapshot(guest) if path not in before] == []
    # In force, the undo needs no copy; and a kernel that was removed needs none either.
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    assert copies(guest) == 0
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    os.unlink(guest + IMAGES[0])
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert copies(guest) == 1


def copies(guest: str) -> int:
    """How many packed kernels are kept."""
    found = 0
    for folder, _, names in os.walk(guest + "/var/lib/pvhready"):
        for name in names:
            with open(os.path.join(folder, name), "rb") as handle:
                found += handle.read()[0x202:0x206] == b"HdrS"
    return found


def test_links_in_boot_stay_links(pvhready: Program, tmp_path: Any) -> None:
    """openSUSE's /boot/vmlinuz-X is a link into /usr/lib/modules."""
    guest = hacked.make(str(tmp_path), "V3")
    beside = "/usr/lib/modules/{}/vmlinuz".format(NEW)
    os.makedirs(os.path.dirname(guest + beside))
    os.rename(guest + IMAGES[1], guest + beside)
    os.symlink(".." + beside, guest + IMAGES[1])
    before = snapshot(guest)
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    assert os.readlink(guest + IMAGES[1]) == ".." + beside
    assert read(guest, beside) == hacked.shipped(NEW)[0]
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert snapshot(guest) == before


def test_a_hook_that_is_a_link(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V7", {"/opt/unpack": hacked.FORMS["V3"][POSTINST + "kernel-decompress-hook"]})
    os.symlink("/opt/unpack", guest + POSTINST + "unpack")
    before = snapshot(guest)
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    assert not os.path.lexists(guest + POSTINST + "unpack")
    assert os.path.exists(guest + "/opt/unpack")
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert snapshot(guest) == before


def test_no_link_leads_out_of_the_guest(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V3")
    outside = tmp_path / "outside"
    outside.mkdir()
    os.rename(guest + "/boot", str(outside / "boot"))
    os.symlink(str(outside / "boot"), guest + "/boot")
    before = snapshot(str(outside))
    undo(pvhready, guest, *APPLY)
    assert snapshot(str(outside)) == before


def test_the_store_is_no_link(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V3")
    outside = tmp_path / "outside"
    outside.mkdir(0o700)
    os.symlink(str(outside), guest + "/var/lib/pvhready")
    before = snapshot(guest)
    assert undo(pvhready, guest, *APPLY)["exit"] == 2
    assert snapshot(guest) == before
    assert os.listdir(str(outside)) == []


def test_inert_hooks_and_what_they_call_are_left(pvhready: Program, tmp_path: Any) -> None:
    text = hacked.FORMS["V1"][POSTINST + "bitfolk-decompress-lz4-kernels"]
    assert isinstance(text, File)
    guest = hacked.make(str(tmp_path), "V7", {
        POSTINST + "bitfolk-decompress-lz4-kernels": text._replace(mode=0o644),
        "/usr/local/sbin/extract-vmlinux": File("#!/bin/sh\n", 0o755),
    })
    done = undo(pvhready, guest, *APPLY)
    assert done["exit"] == 0
    assert [change["path"] for change in done["changes"]] == IMAGES
    assert any("does not run" in note for note in done["notes"])


def test_what_a_removed_hook_hid_is_removed_too(pvhready: Program, tmp_path: Any) -> None:
    hook = hacked.FORMS["V3"][POSTINST + "kernel-decompress-hook"]
    shared = "/usr/share/kernel/postinst.d/kernel-decompress-hook"
    guest = hacked.make(str(tmp_path), "V3", {shared: hook})
    assert undo(pvhready, guest, *APPLY)["check"]["hack"]["active_hooks"] == []
    assert not os.path.exists(guest + shared)


@pytest.mark.parametrize("hook", [
    '#!/bin/sh\nexec /usr/local/bin/after-kernel "$2"\n',  # which calls another script, and that one calls the helper
    "\x7fELF",
])
def test_a_helper_stays_where_it_is_not_known_who_calls_it(pvhready: Program, tmp_path: Any, hook: str) -> None:
    """Without it such a hook would make each installation of a kernel fail."""
    guest = hacked.make(str(tmp_path), "V7", {
        POSTINST + "zz-after": File(hook, 0o755),
        "/usr/local/bin/after-kernel": File('#!/bin/sh\n/usr/local/lib/site/unpack "$1"\n', 0o755),
        "/usr/local/lib/site/unpack": File('#!/bin/sh\nset -e\nextract-vmlinux "$1" >/tmp/k\nmv /tmp/k "$1"\n', 0o755),
        "/usr/local/sbin/extract-vmlinux": File("#!/bin/sh\n", 0o755),
    })
    done = undo(pvhready, guest, *APPLY)
    assert (done["exit"], [change["path"] for change in done["changes"]]) == (0, IMAGES)
    assert any(note.startswith("/usr/local/sbin/extract-vmlinux: left where it is") for note in done["notes"])


def test_a_hook_whose_package_was_removed_since_does_not_come_back(pvhready: Program, tmp_path: Any) -> None:
    """What it calls went with the package, so it would make each installation of a kernel fail."""
    guest = hacked.make(str(tmp_path), "V4")
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    hook = POSTINST + "gandi-decompress-kernel"
    for path in ("/usr/share/gandi/decompress-kernel", "/usr/share/gandi/extract-vmlinux", hook + ".distrib"):
        os.unlink(guest + path)  # dpkg knows of the diversion
    back = undo(pvhready, guest, "--revert", "--apply", "--yes")
    assert (back["exit"], back["applied"]) == (0, True)
    assert back["notes"] == [hook + ": its package was removed since, and it is not put back"]
    assert not os.path.exists(guest + hook)
    assert not os.path.exists(guest + "/var/lib/dpkg/diversions")


# sha512hmac of libkcapi, and fipshmac of fipscheck: both are known keys.
@pytest.mark.parametrize("digest, key", [("sha512", "FIPS-FTW-RHT2009"), ("sha256", "orboDeJITITejsirpADONivirpUkvarP")])
def test_the_hmac_is_refreshed_where_it_was_made_of_the_elf(pvhready: Program, tmp_path: Any, digest: str, key: str) -> None:
    openssl = wanted.tool("openssl", "openssl")

    def line(content: bytes) -> str:
        said = subprocess.run([openssl, "dgst", "-" + digest, "-hmac", key], input=content, stdout=subprocess.PIPE, check=True).stdout
        return said.decode().split()[-1] + "  /boot/vmlinuz\n"

    packed, unpacked = hacked.shipped(NEW)
    guest = hacked.make(str(tmp_path), "V3", {
        "/boot/.vmlinuz-{}.hmac".format(NEW): line(unpacked), "/boot/.vmlinuz-{}.hmac".format(OLD): line(hacked.shipped(OLD)[0])})
    done = undo(pvhready, guest, *APPLY)
    assert read(guest, "/boot/.vmlinuz-{}.hmac".format(NEW)).decode() == line(packed)
    assert [change["path"] for change in done["changes"] if "hmac" in change["path"]] == ["/boot/.vmlinuz-{}.hmac".format(NEW)]


def test_what_others_have_changed_since_is_left(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V3")
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    with open(guest + IMAGES[0], "ab") as handle:
        handle.write(b"a newer build")
    os.unlink(guest + IMAGES[1])
    back = undo(pvhready, guest, "--revert", "--apply", "--yes")
    assert back["exit"] == 0
    assert sorted(note.split(":")[0] for note in back["notes"]) == IMAGES
    assert read(guest, IMAGES[0]).endswith(b"a newer build")
    assert not os.path.exists(guest + IMAGES[1])
    assert os.path.exists(guest + POSTINST + "kernel-decompress-hook")


def test_the_text_for_people(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path))
    output = pvhready("undo", "--root", guest, "--switching")
    assert output.code == 0
    assert "- #!/bin/sh" in output.out
    typed = output.out.replace("\\\n", " ")  # a long line goes on after a backslash
    assert "pvhready undo --root {} --apply --switching".format(guest) in " ".join(typed.split())
    quiet = pvhready("undo", "--root", guest, "--switching", "-q")
    assert len(quiet.out) < len(output.out)
    assert "nothing to revert" in pvhready("undo", "--root", guest, "--revert").out


@pytest.mark.parametrize("words", [
    ("--revert", "--resume"), ("--resume", "--abandon"), ("--revert", "--keep-pv"), ("--abandon", "--from", "x")])
def test_options_that_exclude_each_other(pvhready: Program, tmp_path: Any, words: Any) -> None:
    assert pvhready("undo", "--root", str(tmp_path), *words).code == 64


def test_the_journal_can_be_read_by_people(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V3")
    undo(pvhready, guest, *APPLY)
    assert os.stat(guest + "/var/lib/pvhready").st_mode & 0o7777 == 0o700
    records = [json.loads(line) for line in read(guest, "/var/lib/pvhready/run-0001/journal").decode().splitlines()]
    assert [record["record"] for record in records[:2]] == ["begin", "prepared"]
    assert records[-1]["record"] == "done"
    assert len(records) == 3 + 2 * len(records[0]["steps"])


@pytest.mark.parametrize("text", [
    "{", "[]", '{"record": "begin"}', '{"record": "begin", "format": 99}', "null\n{}", '{"record": "prepared"}\nx'])
def test_a_journal_that_makes_no_sense(pvhready: Program, tmp_path: Any, text: str) -> None:
    guest = hacked.make(str(tmp_path), "V3")
    os.makedirs(guest + "/var/lib/pvhready/run-0001", 0o700)
    os.chmod(guest + "/var/lib/pvhready", 0o700)
    with open(guest + "/var/lib/pvhready/run-0001/journal", "w", encoding="ascii") as handle:
        handle.write(text + "\n")
    before = snapshot(guest)
    for words in (("--switching",), APPLY, ("--revert",), ("--resume",), ("--abandon",)):
        refused = undo(pvhready, guest, *words)
        assert (refused["exit"], refused["applied"]) == (2, False)
        assert "line" in refused["obstacles"][0]
    assert snapshot(guest) == before


def test_the_schema_is_looked_at(pvhready: Program, tmp_path: Any) -> None:
    """It tells a wrong document from a right one."""
    if jsonschema is None:
        wanted.skip("jsonschema (Debian package python3-jsonschema)")
    with open(_SCHEMA, encoding="utf-8") as handle:
        schema = json.load(handle)
    good = undo(pvhready, hacked.make(str(tmp_path)), "--switching")
    for wrong in ({"action": "redo"}, {"runs": ["x"]}, {"changes": [{}]}, {"kernels": [{"path": "x"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(dict(good, **wrong), schema)


def test_an_unreadable_hook_is_told_and_no_obstacle(pvhready: Program, tmp_path: Any) -> None:
    guest = hacked.make(str(tmp_path), "V7", {POSTINST + "program": File("\x7fELF", 0o755)})
    done = undo(pvhready, guest, *APPLY)
    assert done["exit"] == 0
    assert any(POSTINST + "program" in note for note in done["notes"])


def test_what_only_root_may_read_is_not_taken_for_nothing(tmp_path: Any) -> None:
    from pvhready.facts import Facts, Guest
    from pvhready.root import Root
    from pvhready.undo.find import find_work

    with Root(str(tmp_path)) as root:
        work = find_work(root, Facts("/", False, "2026-01-01", Guest("PV"), denied=("/boot/vmlinuz-1",)))
    assert "only root may read /boot/vmlinuz-1" in work.obstacles[0]


def test_owner_attributes_and_times(pvhready: Program, tmp_path: Any) -> None:
    """They stay with the image; --revert puts them back as well."""
    guest = hacked.make(str(tmp_path), "V3")
    image = guest + IMAGES[1]
    os.utime(image, ns=(-10**18 + 1, -10**18 + 1))  # before 1970
    try:
        os.setxattr(image, "user.label", b"mine")
        os.setxattr(image, "security.ima", b"of the old content")
        os.setxattr(image, "security.selinux", b"system_u:object_r:boot_t:s0\0")
    except OSError as error:
        wanted.skip("a file system with extended attributes for tests ({})".format(error.strerror))
    os.chown(image, 0, 7)
    before = snapshot(guest)
    assert undo(pvhready, guest, *APPLY)["exit"] == 0
    assert (os.stat(image).st_gid, sorted(os.listxattr(image))) == (7, ["security.selinux", "user.label"])
    assert os.getxattr(image, "security.selinux") == b"system_u:object_r:boot_t:s0\0"
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert snapshot(guest) == before
    found = {name: os.getxattr(image, name) for name in os.listxattr(image)}
    assert found == {
        "user.label": b"mine", "security.ima": b"of the old content", "security.selinux": b"system_u:object_r:boot_t:s0\0"}


def test_nothing_of_a_mounted_guest_is_run(tmp_path: Any) -> None:
    """In the plan, the undo, its second run and the revert: the kernel tells which programs were started, and that no root was changed."""
    strace = wanted.tool("strace", "strace")
    guest = hacked.make(str(tmp_path), "V4")
    log = str(tmp_path / "log")
    for words in ((), ("--switching",), APPLY, APPLY, ("--revert", "--apply", "--yes"), ("--keep-pv",)):
        result = subprocess.run(
            [strace, "-f", "-A", "-o", log, "-e", "trace=execve,execveat,chroot,pivot_root,unshare,setns,mount", sys.executable, "-B", "-m",
             "pvhready", "undo", "--root", guest] + list(words),
            cwd=_TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if b"ptrace" in result.stdout.lower():
            wanted.skip("the right to trace a process")
        assert result.returncode in (0, 2), result.stdout
    with open(log, encoding="utf-8", errors="replace") as handle:
        lines = [line.split(None, 1)[1] for line in handle if "(" in line]
    assert len(lines) >= 6
    assert [line for line in lines if not line.startswith("execve(") or guest in line.split('"')[1]] == []


def test_a_fedora_guest(pvhready: Program, tmp_path: Any) -> None:
    """kernel-core keeps its image beside the modules; /boot's is a copy of it, and the hook is kernel-install's."""
    from pvhready.demo import guests
    from pvhready.demo.tree import write_tree

    release = "6.7.10-200.fc39.x86_64"
    files = guests.tree("fedora-zstd")
    packed, unpacked = guests._image(guests.Build(release, "zstd", guests._FEDORA, "", unpacked=True))
    assert files["/boot/vmlinuz-" + release] == File(packed, 0o755)
    files["/boot/vmlinuz-" + release] = File(unpacked, 0o600)
    files["/var/lib/rpm/.rpm.lock"] = ""
    hook = "/etc/kernel/install.d/99-unpack.install"
    files[hook] = File('#!/bin/sh\n[ "$1" = add ] || exit 0\nextract-vmlinux "$4" > /tmp/x && mv /tmp/x "/boot/vmlinuz-$2"\n', 0o755)
    guest = str(tmp_path / "guest")
    write_tree(guest, files)
    before = snapshot(guest)
    done = undo(pvhready, guest, *APPLY)
    assert (done["exit"], done["applied"], done["check"]["verdict"]) == (0, True, "ready"), done["refused"]
    assert [change["path"] for change in done["changes"]] == [hook, "/boot/vmlinuz-" + release]
    assert "/modules/" in done["kernels"][0]["origin"]
    assert read(guest, "/boot/vmlinuz-" + release) == packed
    assert undo(pvhready, guest, "--revert", "--apply", "--yes")["exit"] == 0
    assert snapshot(guest) == before


def test_the_mixed_guest(pvhready: Program, tmp_path: Any) -> None:
    """Upgraded to 22.04: the default is packed with zstd, and an older kernel is left from the hack. PV loses its last one."""
    from pvhready.demo import guests
    from pvhready.demo.tree import write_tree

    guest = str(tmp_path / "guest")
    write_tree(guest, guests.tree("ubuntu-22.04-mixed"))
    cache = guest + "/var/cache/apt/archives"
    os.makedirs(cache)
    os.rename(hacked.package(str(tmp_path), NEW), cache + "/linux-image-{}_1.1_amd64.deb".format(NEW))
    refused = undo(pvhready, guest, "--apply", "--yes")
    assert refused["exit"] == 2
    assert "--switching" in refused["obstacles"][0]
    done = undo(pvhready, guest, *APPLY)
    assert (done["exit"], done["check"]["verdict"], done["check"]["hack"]["decompressed_kernels"]) == (0, "ready", [])
