"""cpio archives: what the cpio program writes is what is read, and what is wrong is said."""

import os
import stat
import subprocess
from typing import Any, Dict, Iterator, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.unpack import Damaged, cpio
from support import wanted

TREE = {
    "kernel/x86/microcode/GenuineIntel.bin": b"\x01" * 3001,
    "usr/lib/modules/6.1.0/kernel/drivers/block/xen-blkfront.ko": b"\x7fELF" * 500,
    "empty": b"",
    "one": b"1", "two": b"22", "three": b"333", "four": b"4444",
    "a name with spaces and ümläut": b"x",
    "n" * 200: b"long",
}


def make_tree(folder: Any) -> None:
    for name, content in TREE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "lib").symlink_to("usr/lib")
    os.link(str(folder / "four"), str(folder / "four-again"))
    os.mkfifo(str(folder / "pipe"))


def pack(folder: Any, form: str = "newc") -> bytes:
    """Pack a folder as initramfs-tools does."""
    program = wanted.tool("cpio", "cpio")
    names = subprocess.run(["find", "."], cwd=str(folder), stdout=subprocess.PIPE, check=True).stdout
    result = subprocess.run(
        [program, "-o", "--quiet", "-H", form], cwd=str(folder), input=names, stdout=subprocess.PIPE, check=True)
    return result.stdout


def read(data: bytes, step: int = 1 << 18) -> List[cpio.Member]:
    chunks = (data[start:start + step] for start in range(0, len(data), step))
    return list(cpio.members(cpio.Tape(chunks)))


def entry(name: bytes = b"file", content: bytes = b"", **changed: int) -> bytes:
    fields: Dict[str, int] = {
        "ino": 1, "mode": 0o100644, "uid": 0, "gid": 0, "nlink": 1, "mtime": 0, "filesize": len(content), "devmajor": 0,
        "devminor": 0, "rdevmajor": 0, "rdevminor": 0, "namesize": len(name) + 1, "check": 0,
    }
    fields.update(changed)
    head = b"070701" + b"".join(b"%08x" % value for value in fields.values()) + name + b"\0"
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)


END = entry(b"TRAILER!!!", mode=0)


@pytest.mark.parametrize("step", [1, 7, 512, 1 << 18])
@pytest.mark.parametrize("form", ["newc", "crc"])
def test_every_entry_is_read_as_the_cpio_program_lists_it(form: str, step: int, tmp_path: Any) -> None:
    make_tree(tmp_path)
    data = pack(tmp_path, form)
    listed = subprocess.run(["cpio", "-t", "--quiet"], input=data, stdout=subprocess.PIPE, check=True).stdout
    members = read(data, step)
    assert [os.fsencode(member.name) for member in members] == listed.splitlines()
    for member in members:
        status = os.lstat(str(tmp_path / member.name))
        assert member.mode == status.st_mode
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            assert member.size == status.st_size


def test_archives_follow_each_other_with_zeros_between() -> None:
    data = entry(b"one", b"1") + END + bytes(512) + entry(b"two", b"22") + END + bytes(4) + entry(b"three") + END
    assert [member.name for member in read(data)] == ["one", "two", "three"]
    assert [member.name for member in read(data, 1)] == ["one", "two", "three"]


def test_the_tape_stops_where_no_archive_follows() -> None:
    tape = cpio.Tape(iter([entry(b"one", b"1") + END + bytes(8) + b"\x1f\x8b and more"]))
    assert [member.name for member in cpio.members(tape)] == ["one"]
    assert tape.position == len(entry(b"one", b"1") + END) + 8
    assert tape.unused == len(b"\x1f\x8b and more")


BAD = {
    "no end mark": entry(b"one", b"1"),
    "an end within the header": entry(b"one", b"1")[:50],
    "an end within the name": entry(b"long name", b"1")[:112],
    "an end within the content": entry(b"one", b"1" * 100)[:150],
    "a size of 4 GB": entry(b"one", b"1", filesize=0xFFFFFFFF) + END,
    "a name of 4 GB": entry(b"one", namesize=0xFFFFFFFF) + END,
    "a name of 5000 bytes": entry(b"n" * 5000) + END,
    "a name of no bytes": entry(b"one", namesize=0) + END,
    "a name without an end": entry(b"one", namesize=3) + END,
    "the old binary-less format": b"070707" + END[6:],
    "an unknown number": b"070703" + END[6:],
    "a header that is no hexadecimal number": END[:20] + b"+" + END[21:],
    "a header with an underscore": END[:20] + b"_" + END[21:],
    "a wrong alignment": entry(b"one", b"1") + END + b"\0" + END,
    "a wrong checksum": entry(b"one", b"12").replace(b"070701", b"070702") + END,
}


@pytest.mark.parametrize("what", sorted(BAD))
@pytest.mark.parametrize("step", [1, 1 << 18])
def test_what_is_wrong_is_damaged(what: str, step: int) -> None:
    with pytest.raises(Damaged) as caught:
        read(BAD[what], step)
    assert caught.value.reason


def test_a_right_checksum_is_right() -> None:
    assert read(entry(b"one", b"12", check=99).replace(b"070701", b"070702") + END)[0].size == 2


def test_content_is_never_held(tmp_path: Any) -> None:
    held: List[int] = []

    def chunks() -> Iterator[bytes]:
        yield entry(b"big", filesize=1 << 30)
        for _ in range(1 << 12):
            held.append(tape.unused)
            yield bytes(1 << 18)
        yield END

    tape = cpio.Tape(chunks())
    assert [member.size for member in cpio.members(tape)] == [1 << 30]
    assert max(held) == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600), st.integers(1, 700), st.integers(0, 300))
def test_altered_archives_end_in_entries_or_in_damaged(noise: bytes, step: int, offset: int) -> None:
    good = entry(b"one", b"1" * 30) + entry(b"two", b"2") + END
    data = good[:offset] + noise + good[offset + len(noise):]
    try:
        for member in read(data, step):
            assert isinstance(member.name, str)
    except Damaged as error:
        assert error.reason
