"""An initramfs is read as Linux would read it, and where that is not possible nothing good is said of it."""

import os
import shutil
import stat
import subprocess
import sys
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready import survey
from pvhready.demo import initramfs, parts
from pvhready.facts import Candidate, Config, Entry, Facts, Guest, Image, Initramfs, Kernel, Menu, Problem, Storage
from pvhready.memory.folder import Folder
from pvhready.memory.results import Memory
from pvhready.probes.initramfs import read_initramfs
from pvhready.probes.proof import read_or_prove, running_proof
from pvhready.root import Root, Stamp
from pvhready.rules.initramfs import holds
from pvhready.unpack import program
from support import debian, realtree, wanted

RELEASE = "6.1.0-50-cloud-amd64"
PATH = "/boot/initrd.img-" + RELEASE
MODULES = ("ext4", "xen_blkfront", "xen_netfront")

COMMANDS = {
    "none": (["cat"], "coreutils"), "gzip": (["gzip", "-c"], "gzip"), "bzip2": (["bzip2", "-c"], "bzip2"),
    "xz": (["xz", "-c", "--check=crc32"], "xz-utils"), "lzma": (["xz", "--format=lzma", "-c"], "xz-utils"),
    "lzo": (["lzop", "-c"], "lzop"), "lz4": (["lz4", "-lc"], "lz4"), "zstd": (["zstd", "-c"], "zstd"),
}
UNFIT_COMMANDS = {"lz4 frame": (["lz4", "-c"], "lz4"), "xz crc64": (["xz", "-c"], "xz-utils")}


def _content(name: str) -> bytes:
    """What a file of an initramfs of this name may hold."""
    module, dot, suffix = name.rpartition("/")[2].partition(".ko")
    return initramfs.module(module, RELEASE, suffix) if dot else b"# none\n" if "modules." in name else parts.program()


class Maker:
    """Makes initramfs images in a root, with the programs that distributions use."""

    def __init__(self, top: Any) -> None:
        self.top = top
        (top / "root" / "boot").mkdir(parents=True)
        (top / "root" / "boot" / ("vmlinuz-" + RELEASE)).write_bytes(b"")
        self._count = 0

    def archive(self, *names: str, form: str = "newc", content: Optional[bytes] = None) -> bytes:
        """Return a plain archive; a name may be "link -> target", and "folder/" is a folder."""
        self._count += 1
        folder = self.top / "tree-{}".format(self._count)
        folder.mkdir()
        for name in names:
            name, _, target = name.partition(" -> ")
            path = folder / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if target:
                path.symlink_to(target)
            else:
                path.write_bytes(_content(name) if content is None else content)
                path.chmod(0o644 if ".ko" in name or "modules." in name else 0o755)
        found = subprocess.run(["find", "."], cwd=str(folder), stdout=subprocess.PIPE, check=True).stdout
        packer = [wanted.tool("cpio", "cpio"), "-o", "--quiet", "-H", form]
        return subprocess.run(packer, cwd=str(folder), input=found, stdout=subprocess.PIPE, check=True).stdout

    def main(self, *more: str, suffix: str = "", base: str = "usr/lib/modules", form: str = "newc") -> bytes:
        """Return what most of an initramfs is made of, unpacked."""
        drivers = "{}/{}/kernel/drivers".format(base, RELEASE)
        names = ["/block/xen-blkfront.ko", "/net/xen-netfront.ko", "/../fs/ext4/ext4.ko"]
        files = [os.path.normpath(drivers + name) + suffix for name in names]
        return self.archive("init", "bin/sh", "{}/{}/modules.dep".format(base, RELEASE), *(files + list(more)), form=form)

    def write(self, data: bytes, path: str = PATH) -> None:
        """Put the image where the guest has it."""
        (self.top / "root" / path[1:]).write_bytes(data)

    def read(self, data: Optional[bytes] = None, memory: Optional[Memory] = None) -> Initramfs:
        """Return what the probe says of an image."""
        if data is not None:
            self.write(data)
        with Root(str(self.top / "root")) as root:
            return read_initramfs(root, PATH, memory)


@pytest.fixture
def maker(tmp_path: Any) -> Maker:
    return Maker(tmp_path)


def pack(form: str, data: bytes) -> bytes:
    command, package = COMMANDS.get(form) or UNFIT_COMMANDS[form]
    path = wanted.tool(command[0], package)
    return subprocess.run([path] + command[1:], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def demand_whole(found: Initramfs, compression: str) -> None:
    compressions = () if compression == "none" else (compression,)
    assert found == Initramfs(PATH, MODULES, (RELEASE,), compressions, complete=True, init=True)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("form", sorted(COMMANDS))
def test_every_compression_is_read_with_and_without_microcode(form: str, early: bool, maker: Maker) -> None:
    microcode = maker.archive("kernel/x86/microcode/AuthenticAMD.bin") if early else b""
    demand_whole(maker.read(microcode + pack(form, maker.main())), form)


def test_programs_that_put_volumes_together(maker: Maker) -> None:
    """A script of the same name is none (initramfs-tools' scripts/local-block/mdadm), and what cannot be started is none."""
    memory = Memory(Folder(str(maker.top / "memory"), os.geteuid(), settled=0))
    scripts = ("sbin/vgchange -> /usr/sbin/lvm", "scripts/local-block/mdadm")
    found = maker.read(maker.main("usr/sbin/lvm", "lib/systemd/systemd-cryptsetup", *scripts))
    assert found.programs == ("lvm", "systemd-cryptsetup")
    assert maker.read(memory=memory) == maker.read(memory=memory) == found
    assert maker.read(maker.main("sbin/cryptsetup -> ../lib/gone")).programs == ()
    assert maker.read(maker.archive("bin/mdadm", content=b"")).programs == ()


@pytest.mark.parametrize("suffix", ["", ".xz", ".zst", ".gz"])
@pytest.mark.parametrize("base", ["lib/modules", "usr/lib/modules"])
def test_modules_are_found_packed_or_not_in_both_places(base: str, suffix: str, maker: Maker) -> None:
    demand_whole(maker.read(pack("zstd", maker.main(base=base, suffix=suffix))), "zstd")


def test_a_linked_lib_is_no_obstacle(maker: Maker) -> None:
    demand_whole(maker.read(pack("gzip", maker.main("lib -> usr/lib"))), "gzip")


def test_the_modules_of_nixos_are_found_in_its_store(maker: Maker) -> None:
    demand_whole(maker.read(pack("zstd", maker.main(base="nix/store/abc-linux-6.1-modules-shrunk/lib/modules"))), "zstd")


def test_several_archives_in_any_order_are_one(maker: Maker) -> None:
    # As Ubuntu does since 23.10: microcode, firmware and modules plain, the rest packed.
    modules = "usr/lib/modules/{}/kernel/{}"
    data = maker.archive("kernel/x86/microcode/GenuineIntel.bin") + bytes(1024)
    data += maker.archive(modules.format(RELEASE, "drivers/block/xen-blkfront.ko.zst")) + bytes(4)
    data += pack("zstd", maker.archive(modules.format(RELEASE, "fs/ext4/ext4.ko.zst"))) + bytes(3)
    data += pack("gzip", maker.archive("init", modules.format(RELEASE, "drivers/net/xen-netfront.ko.zst"))) + bytes(99)
    assert maker.read(data) == Initramfs(PATH, MODULES, (RELEASE,), ("zstd", "gzip"), complete=True, init=True)


@pytest.mark.parametrize("name,expected", [
    ("init", True), ("init -> bin/sh", True), ("init -> bin/gone", False), ("usr/bin/init", False), ("sbin/init", False), ("init/", False),
    (".init", False), ("init2", False),
])
def test_only_init_at_the_top_is_what_the_kernel_runs(name: str, expected: bool, maker: Maker) -> None:
    found = maker.read(pack("gzip", maker.archive("bin/sh", name)))
    assert found.complete and found.init == expected


def test_archives_with_checksums_are_read(maker: Maker) -> None:
    demand_whole(maker.read(pack("gzip", maker.main(form="crc"))), "gzip")


def test_two_archives_within_one_stream_are_read(maker: Maker) -> None:
    demand_whole(maker.read(pack("xz", maker.archive("init") + maker.main())), "xz")


def test_what_is_no_module_is_not_taken_for_one(maker: Maker) -> None:
    folder = "usr/lib/modules/" + RELEASE
    found = maker.read(maker.archive(
        folder + "/kernel/drivers/block/xen-blkfront.ko.bak", folder + "/kernel/xen-netfront.ko -> /dev/null",
        folder + "/kernel/loop.ko/", "root/lib/modules/6.9.9/vfat.ko", "etc/usr/lib/modules/1/a.ko", "usr/lib/modules/keys/b.ko",
        "lib/modules/6.9.9", folder + "/ext4", "xen-blkfront.ko",
    ))
    assert found == Initramfs(PATH, (), (RELEASE,), complete=True)


def test_an_empty_module_is_none(maker: Maker) -> None:
    found = maker.read(maker.archive("usr/lib/modules/{}/xen-blkfront.ko".format(RELEASE), content=b""))
    assert found.complete and found.modules == ()


def test_hard_links_are_modules(maker: Maker) -> None:
    folder = maker.top / "tree"
    (folder / "lib/modules" / RELEASE).mkdir(parents=True)
    first = folder / "lib/modules" / RELEASE / "xen-blkfront.ko"
    first.write_bytes(_content(first.name))
    os.link(str(first), str(first) + ".gz")
    names = subprocess.run(["find", "."], cwd=str(folder), stdout=subprocess.PIPE, check=True).stdout
    command = [wanted.tool("cpio", "cpio"), "-o", "--quiet", "-H", "newc"]
    data = subprocess.run(command, cwd=str(folder), input=names, stdout=subprocess.PIPE, check=True).stdout
    assert maker.read(data).modules == ("xen_blkfront",)


def test_the_same_modules_for_two_kernels_are_there_for_both(maker: Maker) -> None:
    other = ["usr/lib/modules/6.12.1/" + name for name in ("xen-blkfront.ko", "xen-netfront.ko.xz", "ext4.ko")]
    found = maker.read(maker.main(*other))
    assert found == Initramfs(PATH, MODULES, (RELEASE, "6.12.1"), complete=True, init=True)


def test_different_modules_for_two_kernels_are_not_mixed_up(maker: Maker) -> None:
    found = maker.read(maker.main("usr/lib/modules/6.12.1/kernel/fs/ext4/ext4.ko"))
    assert found.modules == ()
    assert found.releases == (RELEASE, "6.12.1")
    assert not found.complete and found.problem is not None and "6.12.1" in found.problem.reason


def test_what_dracut_hides_in_an_image_is_not_judged(maker: Maker) -> None:
    found = maker.read(pack("zstd", maker.archive("init", "squashfs-root.img")))
    assert not found.complete and found.problem is not None and "squashfs-root.img" in found.problem.reason


def damaged(maker: Maker) -> Dict[str, Any]:
    plain = maker.main()
    packed = pack("gzip", plain)
    folder = plain.index(b"xen-blkfront") - 200
    header = plain.rindex(b"070701", 0, folder)
    lying = plain[:header + 54] + b"ffffffff" + plain[header + 62:]
    return {
        "empty": (b"", "empty"),
        "all zero": (bytes(100000), "zero"),
        "text": (b"This is not an initramfs\n" * 50, "neither"),
        "noise": (bytes(range(256)) * 20, "neither"),
        "cut within the compressed data": (packed[:-20], "early"),
        "cut within the plain archive": (plain[:len(plain) // 2], "middle"),
        "without an end mark": (plain[:plain.index(b"TRAILER") - 110], "end mark"),
        "compressed without an end mark": (pack("xz", plain[:plain.index(b"TRAILER") - 110]), "end mark"),
        "an entry of 4 GB": (lying, "middle"),
        "an entry of 4 GB, compressed": (pack("zstd", lying), "middle"),
        "junk at the end": (packed + b"junk", "neither"),
        "junk within": (pack("gzip", plain + b"junk"), "something else"),
        "a compressed text": (pack("zstd", b"hello"), "something else"),
        "compressed nothing": (pack("gzip", b""), "something else"),
        "a checksum that is wrong": (packed[:-8] + b"\x12\x34\x56\x78" + packed[-4:], "gzip"),
        "an archive on an odd offset": (packed + bytes(-len(packed) % 4 + 1) + plain, "neither"),
        "lz4 of the wrong kind": (pack("lz4 frame", plain), "lz4 -l"),
        "xz with a checksum of the wrong kind": (pack("xz crc64", plain), "crc32"),
        "a kernel": (b"MZ" + b"\xea" * 4000, "neither"),
    }


def test_what_is_wrong_is_never_complete_and_says_why(maker: Maker) -> None:
    for what, (data, word) in damaged(maker).items():
        found = maker.read(data)
        assert not found.complete and not found.modules, what
        assert found.problem is not None and found.problem.path == PATH, what
        assert word in found.problem.reason, (what, found.problem.reason)


def test_a_cut_at_any_place_is_noticed(maker: Maker) -> None:
    microcode = maker.archive("kernel/x86/microcode/AuthenticAMD.bin")
    data = microcode + pack("gzip", maker.main())
    for length in range(0, len(data) - 1, 131):
        if microcode[length:].strip(b"\0") or length > len(microcode):
            assert not maker.read(data[:length]).complete, length


def test_a_cut_behind_the_microcode_leaves_no_module(maker: Maker) -> None:
    # This cannot be told from an initramfs of microcode only; but it has no module that could be found.
    found = maker.read(maker.archive("kernel/x86/microcode/AuthenticAMD.bin"))
    assert found.complete and found.modules == () and found.releases == ()


@pytest.mark.parametrize("form, package", [("zstd", "zstd"), ("lz4", "lz4"), ("lzo", "lzop")])
def test_a_missing_tool_is_named(form: str, package: str, maker: Maker, monkeypatch: Any) -> None:
    data = pack(form, maker.main())
    for name in ("lz4", "lz4.block", "lz4.frame", "zstandard", "compression", "compression.zstd", "lzo"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(program, "_PLACES", (str(maker.top),))
    found = maker.read(data)
    assert found.needs == package and not found.complete and found.modules == ()
    assert found.problem is not None and package in found.problem.reason


@pytest.mark.parametrize("kind", ["nothing", "fifo", "directory", "loop", "outside"])
def test_what_is_no_file_is_a_problem(kind: str, maker: Maker) -> None:
    path = str(maker.top / "root" / PATH[1:])
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "loop":
        os.symlink(os.path.basename(path), path)
    elif kind == "outside":
        os.symlink("../../outside", path)
    found = maker.read()
    assert found == Initramfs(PATH, problem=found.problem)
    assert found.problem is not None and found.problem.reason


def test_a_sparse_giant_is_refused(maker: Maker) -> None:
    with open(str(maker.top / "root" / PATH[1:]), "wb") as handle:
        handle.truncate(1 << 41)
    found = maker.read()
    assert not found.complete and found.problem is not None and "larger" in found.problem.reason


def test_what_changes_while_it_is_read_is_not_judged(maker: Maker) -> None:
    class Changing(Root):
        """A guest whose initramfs is written anew just when it was read."""

        def status(self, path: str) -> os.stat_result:
            maker.write(pack("gzip", maker.archive("init")))
            return super().status(path)

    maker.write(pack("gzip", maker.main()))
    folder = maker.top / "memory"
    with Changing(str(maker.top / "root")) as root:
        found = read_initramfs(root, PATH, Memory(Folder(str(folder), os.geteuid(), settled=0)))
    assert not found.complete and found.problem is not None and "changed" in found.problem.reason
    assert not folder.exists()


def test_entries_without_number_are_refused(maker: Maker) -> None:
    header = b"070701" + b"%08x" % 0 * 11 + b"%08x" % 2 + b"%08x" % 0 + b"a\0"
    found = maker.read(pack("gzip", header * 200001))
    assert not found.complete and found.problem is not None and "entries" in found.problem.reason


def test_time_is_limited(maker: Maker) -> None:
    maker.write(pack("gzip", maker.main()))
    with Root(str(maker.top / "root")) as root:
        found = read_initramfs(root, PATH, seconds=0.0)
    assert not found.complete and found.problem is not None and "seconds" in found.problem.reason


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(
    st.binary(max_size=200), st.sampled_from([b"070701", b"\x1f\x8b\x08", b"\xfd7zXZ\x00\x00\x01", b"BZh9", bytes(8), b"TRAILER!!!\0"]),
), max_size=6))
def test_any_bytes_end_in_an_answer(maker: Maker, parts: List[bytes]) -> None:
    found = maker.read(b"".join(parts))
    assert not found.modules
    assert found.complete == (found.problem is None)


def test_altered_images_end_in_an_answer(maker: Maker) -> None:
    good = maker.main()
    for offset in range(0, min(len(good), 3000), 7):
        found = maker.read(good[:offset] + b"\xff" + good[offset + 1:])
        assert found.complete == (found.problem is None)
        assert found.complete == bool(found.modules) and set(found.modules) <= set(MODULES)


# The memory


@pytest.mark.parametrize("data", [Maker.main, lambda maker: maker.archive("usr/bin/init"), lambda maker: maker.archive("a", "init -> a")])
def test_what_was_read_whole_is_remembered(data: Any, maker: Maker, monkeypatch: Any) -> None:
    maker.write(pack("gzip", data(maker)))
    folder = str(maker.top / "memory")
    first = maker.read(memory=Memory(Folder(folder, os.geteuid(), settled=0)))
    # Without the tool it can be known from memory only.
    monkeypatch.setitem(sys.modules, "zlib", None)
    assert maker.read(memory=Memory(Folder(folder, os.geteuid(), settled=0))) == first
    assert not maker.read().complete


def test_another_state_of_the_file_is_read_again(maker: Maker) -> None:
    memory = Memory(Folder(str(maker.top / "memory"), os.geteuid(), settled=0))
    assert maker.read(pack("gzip", maker.main()), memory).modules == MODULES
    assert maker.read(pack("gzip", maker.archive("init")), memory).modules == ()


def test_what_was_not_read_whole_is_not_remembered(maker: Maker) -> None:
    folder = maker.top / "memory"
    maker.read(pack("gzip", maker.main())[:-9], Memory(Folder(str(folder), os.geteuid(), settled=0)))
    assert not folder.exists()


@pytest.mark.parametrize("fields", [
    (), ("gzip",), ("gzip", RELEASE), ("gzip", RELEASE, "ext4", "", "", "init", ""), ("rar", RELEASE, "ext4", "", "", "init", "", ""),
    ("gzip", "keys", "ext4", "", "", "init", "", ""), ("gzip", RELEASE, "ext4 ../x", "", "", "init", "", ""), ("",) * 8,
    ("gzip", RELEASE, "ext4", "", "", "more", "", ""), ("gzip", RELEASE, "ext4", "", "", "init", "", "", "more"),
    ("gzip", RELEASE, "xen-blkfront", "", "", "init", "", ""), ("gzip", "6.1 x" * 30, "ext4", "", "", "init", "", ""),
    ("gzip", RELEASE, "ext4", "a/b", "", "init", "", ""), ("gzip", RELEASE, "ext4", "", "a=b", "init", "", ""),
    ("gzip", RELEASE, "ext4", "", "", "init", "", "lvm sh"),
])
def test_an_odd_memory_is_not_believed(fields: Any, maker: Maker) -> None:
    maker.write(pack("gzip", maker.main()))
    memory = Memory(Folder(str(maker.top / "memory"), os.geteuid(), settled=0))
    with Root(str(maker.top / "root")) as root, root.open(PATH) as file:
        memory.remember("initramfs", file.stamp, fields)
    assert maker.read(memory=memory).modules == MODULES


# What proves an initramfs without reading it


BOOT = 1000000.0
STAMP = Stamp(PATH, 1, 2, int(9e14), int(9e14))
ENTRY = Entry(0, "0", "Debian", kernel="/boot/vmlinuz-" + RELEASE, initrd=(PATH,), cmdline="root=UUID=1 ro  quiet")
RUNNING = "BOOT_IMAGE=/boot/vmlinuz-{} root=UUID=1 ro quiet".format(RELEASE)
GUEST = Guest("PV", running_release=RELEASE, running_cmdline=RUNNING, boot_time=BOOT)


@pytest.mark.parametrize("kind", ["PV", "PVH"])
def test_a_guest_that_runs_from_it_proves_it(kind: str) -> None:
    proof = running_proof(GUEST._replace(type=kind), RELEASE, ENTRY, STAMP)
    assert proof is not None and kind in proof


@pytest.mark.parametrize("running", [
    "BOOT_IMAGE=/vmlinuz-{} root=UUID=1 ro quiet", "BOOT_IMAGE=(hd0,msdos1)/boot/vmlinuz-{} root=UUID=1 ro quiet",
    "BOOT_IMAGE=/boot/vmlinuz-{} root=UUID=1 ro quiet initrd=/boot/x\n",
])
def test_how_the_kernel_was_named_does_not_matter(running: str) -> None:
    assert running_proof(GUEST._replace(running_cmdline=running.format(RELEASE)), RELEASE, ENTRY, STAMP)


def test_the_pv_loader_adds_no_boot_image() -> None:
    running = RUNNING.split(" ", 1)[1]
    assert running_proof(GUEST._replace(running_cmdline=running), RELEASE, ENTRY, STAMP)
    assert running_proof(GUEST._replace(running_cmdline=running + " single"), RELEASE, ENTRY, STAMP) is None


def test_a_proof_is_remembered_for_this_file_kernel_and_command_line_only(maker: Maker) -> None:
    maker.write(b"not an initramfs at all")
    memory = Memory(Folder(str(maker.top / "memory"), os.getuid(), settled=-1))
    users = [(ENTRY, KERNEL)]
    with Root(str(maker.top / "root")) as root:
        assert read_or_prove(root, PATH, running_guest(maker), users, [ENTRY], memory).proved
        later = GUEST._replace(boot_time=1.0)  # the proof of today cannot be given any more
        assert read_or_prove(root, PATH, later, users, [ENTRY], memory).proved
        shorter = ENTRY._replace(initrd=(PATH, "/boot/more.img"))
        for changed in ([(ENTRY._replace(cmdline="root=UUID=2"), KERNEL)], [(ENTRY, KERNEL._replace(release="6.2"))], [(shorter, KERNEL)]):
            assert read_or_prove(root, PATH, later, changed, [ENTRY], memory).proved is None
        assert read_or_prove(root, PATH, later._replace(type="PVH"), users, [ENTRY], memory).proved is None


@pytest.mark.parametrize("changes", [
    {"type": "HVM"}, {"type": None}, {"type": "none"}, {"type": "not-applicable"}, {"assumed": True}, {"running_release": None},
    {"running_release": "6.1.0-49-cloud-amd64"}, {"running_cmdline": None}, {"running_cmdline": ""}, {"boot_time": None},
    {"running_cmdline": RUNNING + " single"}, {"running_cmdline": RUNNING.replace(" ro", "")},
    {"running_cmdline": RUNNING.split(" ", 1)[1], "type": "PVH"}, {"running_cmdline": RUNNING.replace("vmlinuz", "vmlinuz.old")},
    {"boot_time": 9e5}, {"boot_time": 1.0},
])
def test_a_guest_that_does_not_surely_run_from_it_proves_nothing(changes: Any) -> None:
    assert running_proof(GUEST._replace(**changes), RELEASE, ENTRY, STAMP) is None


@pytest.mark.parametrize("release", [None, "", "6.1.0-49-cloud-amd64"])
def test_another_kernel_proves_nothing(release: Any) -> None:
    assert running_proof(GUEST, release, ENTRY, STAMP) is None
    assert running_proof(GUEST._replace(running_release=release), release, ENTRY._replace(kernel=None), STAMP) is None


@pytest.mark.parametrize("stamp", [
    STAMP._replace(mtime=int(1e15)), STAMP._replace(ctime=int(1e15)), STAMP._replace(mtime=int(2e15)), STAMP._replace(ctime=int(2e15)),
    STAMP._replace(path="/boot/other"),
])
def test_a_file_that_is_newer_or_another_is_not_proved(stamp: Stamp) -> None:
    assert running_proof(GUEST, RELEASE, ENTRY, stamp) is None


def test_a_rival_entry_leaves_open_which_was_booted() -> None:
    # Arch Linux: the same kernel and arguments with two initramfs.
    fallback = ENTRY._replace(index=1, initrd=("/boot/initramfs-linux-fallback.img",))
    assert running_proof(GUEST, RELEASE, ENTRY, STAMP, (ENTRY, fallback)) is None
    assert running_proof(GUEST, RELEASE, ENTRY, STAMP, (ENTRY, fallback._replace(cmdline="single")))


def running_guest(maker: Maker) -> Guest:
    status = os.stat(str(maker.top / "root" / PATH[1:]))
    return GUEST._replace(boot_time=status.st_ctime + 5)


KERNEL = Kernel(ENTRY.kernel or "", Image(), RELEASE)


def test_a_proved_initramfs_is_not_read(maker: Maker) -> None:
    maker.write(b"not an initramfs at all")
    with Root(str(maker.top / "root")) as root:
        found = read_or_prove(root, PATH, running_guest(maker), [(ENTRY, KERNEL), (ENTRY._replace(index=3), KERNEL)], [ENTRY])
    assert found == Initramfs(PATH, proved=found.proved) and found.proved


def test_a_kernel_that_was_built_anew_under_its_release_proves_nothing(maker: Maker) -> None:
    """Its disk driver, built in before, may be a module now that this archive has not: cp arch/x86/boot/bzImage /boot/vmlinuz-X."""
    maker.write(pack("gzip", maker.main()))
    memory = Memory(Folder(str(maker.top / "memory"), os.getuid(), settled=-1))
    image = maker.top / "root" / (ENTRY.kernel or "")[1:]
    guest = running_guest(maker)
    with Root(str(maker.top / "root")) as root:
        assert read_or_prove(root, PATH, guest, [(ENTRY, KERNEL)], [ENTRY], memory).proved
        image.write_bytes(b"another")
        late = (guest.boot_time or 0) + 60
        os.utime(str(image), (late, late))
        demand_whole(read_or_prove(root, PATH, guest, [(ENTRY, KERNEL)], [ENTRY], memory), "gzip")
        image.unlink()
        demand_whole(read_or_prove(root, PATH, guest, [(ENTRY, KERNEL)], [ENTRY], memory), "gzip")


def test_without_a_proof_for_every_user_it_is_read(maker: Maker) -> None:
    maker.write(pack("gzip", maker.main()))
    guest = running_guest(maker)
    other = KERNEL._replace(release="6.1.0-49-cloud-amd64")
    for users in ([], [(ENTRY, KERNEL), (ENTRY, other)], [(ENTRY._replace(cmdline="single"), KERNEL)]):
        with Root(str(maker.top / "root")) as root:
            demand_whole(read_or_prove(root, PATH, guest, users, [ENTRY]), "gzip")


MICROCODE = "/boot/ucode.img"


def test_where_one_of_two_was_written_anew_since_the_boot_both_are_read(maker: Maker) -> None:
    maker.write(pack("gzip", maker.main()))
    maker.write(maker.archive("kernel/x86/microcode/AuthenticAMD.bin"), MICROCODE)
    guest = running_guest(maker)
    entry = ENTRY._replace(initrd=(MICROCODE, PATH))
    kernel = KERNEL._replace(names=(KERNEL.path,), config=Config("/boot/config", {"XEN_BLKDEV_FRONTEND": "m"}))
    menus = {"pvh": Menu("xen_pvh", None, (entry,), (Candidate(0, "first"),))}
    with Root(str(maker.top / "root")) as root:
        found = survey._initramfs(root, guest, menus, [], (kernel,), None, Storage())
        assert [bool(found[path].proved) for path in entry.initrd] == [True, True]
        os.utime(str(maker.top / "root" / MICROCODE[1:]), (2e12, 2e12))
        found = survey._initramfs(root, guest, menus, [], (kernel,), None, Storage())
    assert [(found[path].proved, found[path].complete) for path in entry.initrd] == [(None, True), (None, True)]


@pytest.mark.parametrize("other,expected", [
    (Initramfs(MICROCODE, proved="it runs"), True), (Initramfs(MICROCODE, problem=Problem(MICROCODE, "ends in the middle")), None),
    (Initramfs(MICROCODE, complete=True), None), (None, None),
])
def test_a_proof_of_one_archive_is_none_of_the_other(other: Any, expected: Any) -> None:
    known = {PATH: Initramfs(PATH, proved="it runs")}
    if other is not None:
        known[MICROCODE] = other
    facts = Facts("/", True, "2026-01-01", GUEST, initramfs=known)
    assert holds(ENTRY._replace(initrd=(MICROCODE, PATH)), KERNEL, "xen_blkfront", facts) is expected


@pytest.mark.parametrize("kind", ["nothing", "fifo", "directory"])
def test_what_is_no_file_is_never_proved(kind: str, maker: Maker) -> None:
    path = str(maker.top / "root" / PATH[1:])
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    with Root(str(maker.top / "root")) as root:
        found = read_or_prove(root, PATH, GUEST._replace(boot_time=1e12), [(ENTRY, KERNEL)], [ENTRY])
    assert found.proved is None and not found.complete and found.problem is not None


# What Debian's own tool says of the same file


@pytest.fixture(scope="session")
def lsinitramfs(tmp_path_factory: Any) -> str:
    """Return the path of Debian's lsinitramfs, from its package where it is not installed."""
    installed = shutil.which("lsinitramfs")
    if installed is not None:
        return installed
    folder = str(tmp_path_factory.mktemp("lsinitramfs"))
    debian.extract(debian.Apt().download("initramfs-tools-core", "bookworm"), folder, ("lsinitramfs", "unmkinitramfs"))
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), stat.S_IRWXU)
    return os.path.join(folder, "lsinitramfs")


def listed_modules(lsinitramfs: str, path: str) -> List[str]:
    environment = dict(os.environ, PATH="{}:/usr/bin:/bin".format(os.path.dirname(lsinitramfs)))
    result = subprocess.run(["sh", lsinitramfs, path], stdout=subprocess.PIPE, env=environment, check=True)
    names = [line.rpartition("/")[2] for line in result.stdout.decode().splitlines() if "lib/modules/" in line and ".ko" in line]
    return sorted({name.partition(".ko")[0].replace("-", "_") for name in names})


@pytest.mark.download
@pytest.mark.parametrize("form", ["gzip", "bzip2", "xz", "lzo", "lz4", "zstd"])
def test_debians_own_tool_finds_the_same_modules(form: str, maker: Maker, lsinitramfs: str) -> None:
    early = maker.archive("kernel/x86/microcode/AuthenticAMD.bin")
    for data in (pack(form, maker.main()), early + pack(form, maker.main(suffix=".xz"))):
        found = maker.read(data)
        assert list(found.modules) == listed_modules(lsinitramfs, str(maker.top / "root" / PATH[1:])) == list(MODULES)


@pytest.mark.download
@pytest.mark.parametrize("suite", debian.SUITES)
def test_debians_own_tool_finds_the_same_modules_in_a_real_guest(suite: str, lsinitramfs: str) -> None:
    tree = realtree.make(suite)
    path = "/boot/initrd.img-" + tree.release
    with Root(tree.directory) as root:
        found = read_initramfs(root, path)
    assert found.complete and found.releases == (tree.release,)
    assert "xen_blkfront" in found.modules
    assert list(found.modules) == listed_modules(lsinitramfs, tree.path(path))
