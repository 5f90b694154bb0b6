"""Streams made by the real packers come back whole, end where they end, and cost no more than they may."""

import binascii
import functools
import os
import stat
import subprocess
import sys
import time
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready import unpack
from pvhready.unpack import program
from support import wanted

# form, the packer's command, its Debian package
PACKERS: Dict[str, Tuple[str, List[str], str]] = {
    "gzip": ("gzip", ["gzip", "-c"], "gzip"),
    "bzip2": ("bzip2", ["bzip2", "-c"], "bzip2"),
    "xz": ("xz", ["xz", "-c", "--check=crc32"], "xz-utils"),
    "xz-crc64": ("xz", ["xz", "-c"], "xz-utils"),
    "xz-none": ("xz", ["xz", "-c", "--check=none", "--x86", "--lzma2=dict=1MiB"], "xz-utils"),
    "lzma": ("lzma", ["xz", "--format=lzma", "-c"], "xz-utils"),
    "lzo": ("lzo", ["lzop", "-c"], "lzop"),
    "lzo-9": ("lzo", ["lzop", "-9c"], "lzop"),
    "lzo-crc32": ("lzo", ["lzop", "--crc32", "-c"], "lzop"),
    "lzo-no-checksum": ("lzo", ["lzop", "-F", "-c"], "lzop"),
    "lz4-legacy": ("lz4", ["lz4", "-lc"], "lz4"),
    "lz4-legacy-9": ("lz4", ["lz4", "-9", "-lc"], "lz4"),
    "lz4-frame": ("lz4", ["lz4", "-c"], "lz4"),
    "lz4-frame-linked": ("lz4", ["lz4", "-c", "-BD", "-B4", "-BX", "--content-size"], "lz4"),
    "lz4-frame-no-checksum": ("lz4", ["lz4", "-c", "--no-frame-crc"], "lz4"),
    "zstd": ("zstd", ["zstd", "-c"], "zstd"),
    "zstd-19": ("zstd", ["zstd", "-19", "-c", "-T0"], "zstd"),
    "zstd-no-check": ("zstd", ["zstd", "-c", "--no-check"], "zstd"),
    "zstd-ultra": ("zstd", ["zstd", "--ultra", "-22", "--long=27", "-c"], "zstd"),
}
LIBRARIES = ("lz4", "lz4.block", "lz4.frame", "zstandard", "compression", "compression.zstd", "lzo")

CONTENTS = {
    "empty": b"",
    "short": b"a",
    "zeros": bytes(3 * 1024 * 1024),
    "mixed": b"".join(bytes([number % 251]) * (number % 97) for number in range(60000)),
    "dense": b"".join(binascii.crc32(b"%d" % number).to_bytes(4, "little") for number in range(300000)),
}
TAILS = {
    "nothing": b"", "a size": b"\x00\x12\x34\x01", "zeros": bytes(517), "an archive": b"070701" + b"0" * 200,
    "another stream": b"\x1f\x8b\x08" + b"\0" * 50, "one byte": b"x",
}


# Each format by a Python library where there is one, and those that have a program also by that.
WAYS = [(name, way) for name in sorted(PACKERS) for way in ("library", "program")[:2 if PACKERS[name][0] in ("lz4", "zstd", "lzo") else 1]]
# An altered stream of the others may well unpack to something else.
CHECKED = ("gzip", "bzip2", "xz", "xz-crc64", "lzo", "lzo-9", "lzo-crc32", "lz4-frame", "lz4-frame-linked", "zstd", "zstd-19")
BOMB = 24 * 1024 * 1024


@functools.lru_cache(maxsize=None)
def pack(name: str, data: bytes) -> Tuple[str, bytes]:
    form, command, package = PACKERS[name]
    path = wanted.tool(command[0], package)
    result = subprocess.run([path] + command[1:], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return form, result.stdout


def read(source: unpack.Source, form: str, output: int = 1 << 28, seconds: float = 60.0) -> bytes:
    return b"".join(unpack.stream(source, form, unpack.Budget(output, seconds)))


def without_libraries(monkeypatch: Any) -> None:
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)


def no_child_left() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG) is None
    except ChildProcessError:
        return True


@pytest.fixture(params=WAYS, ids="-by-".join)
def name(request: Any, monkeypatch: Any) -> str:
    """A packer, and the way to unpack what it makes."""
    if request.param[1] == "program":
        without_libraries(monkeypatch)
    return str(request.param[0])


@pytest.mark.parametrize("content", sorted(CONTENTS))
def test_what_was_packed_comes_back_and_the_end_is_found(name: str, content: str) -> None:
    form, packed = pack(name, CONTENTS[content])
    for kind, tail in TAILS.items():
        if name.startswith("lz4-legacy") and kind == "another stream":
            continue  # its magic bytes can be the length of a further block: this format has no end mark
        source = unpack.from_bytes(packed + tail)
        assert unpack.detect(packed) == form
        assert read(source, form) == CONTENTS[content]
        assert source.position == len(packed)
        assert source.read(1000) == tail
    assert no_child_left()


def test_a_stream_that_is_cut_off_is_damaged(name: str) -> None:
    form, packed = pack(name, CONTENTS["mixed"])
    lengths = {1, 5, 9, 20, len(packed) // 3, len(packed) // 2, len(packed) - 9, len(packed) - 1}
    if name.startswith("lz4-legacy"):
        # Without a whole block it is an empty stream with something behind it: this format has no end mark.
        lengths.remove(5)
        assert read(unpack.from_bytes(packed[:5]), form) == b""
    for length in lengths:
        with pytest.raises(unpack.Damaged):
            read(unpack.from_bytes(packed[:length]), form)
    assert no_child_left()


@pytest.mark.parametrize("name", [way for way in WAYS if way[0] in CHECKED], indirect=True, ids="-by-".join)
def test_an_altered_stream_is_damaged(name: str) -> None:
    form, packed = pack(name, CONTENTS["mixed"])
    for offset in range(len(packed) // 2, len(packed) // 2 + 3):
        altered = packed[:offset] + bytes([packed[offset] ^ 0x55]) + packed[offset + 1:]
        with pytest.raises(unpack.Damaged):
            read(unpack.from_bytes(altered), form)


def test_endless_output_is_stopped(name: str) -> None:
    form, packed = pack(name, bytes(BOMB))
    with pytest.raises(unpack.LimitReached) as caught:
        read(unpack.from_bytes(packed), form, output=1 << 20)
    assert "1048576 bytes" in caught.value.reason
    assert no_child_left()


def test_no_time_is_no_output(name: str) -> None:
    form, packed = pack(name, CONTENTS["mixed"])
    with pytest.raises(unpack.LimitReached):
        read(unpack.from_bytes(packed), form, seconds=0.0)
    assert no_child_left()


def test_a_consumer_may_stop_early(name: str) -> None:
    form, packed = pack(name, bytes(BOMB))
    chunks = unpack.stream(unpack.from_bytes(packed), form, unpack.Budget())
    assert next(chunks)[:1] == b"\0"
    chunks.close()
    assert no_child_left()


def test_chunks_are_of_bounded_size(name: str) -> None:
    form, packed = pack(name, bytes(BOMB))
    sizes = [len(chunk) for chunk in unpack.stream(unpack.from_bytes(packed), form, unpack.Budget())]
    assert sum(sizes) == BOMB
    assert 0 < min(sizes) <= max(sizes) <= 8 * 1024 * 1024


def test_a_budget_is_shared_by_several_streams() -> None:
    form, packed = pack("gzip", bytes(1000))
    budget = unpack.Budget(1500)
    source = unpack.from_bytes(packed + packed)
    assert len(b"".join(unpack.stream(source, form, budget))) == 1000
    with pytest.raises(unpack.LimitReached):
        b"".join(unpack.stream(source, form, budget))


@pytest.mark.parametrize("name", ["lz4-legacy", "zstd", "lzo"])
def test_the_source_may_begin_and_end_within_a_file(name: str, tmp_path: Any) -> None:
    form, packed = pack(name, CONTENTS["mixed"])
    (tmp_path / "image").write_bytes(b"x" * 777 + packed + b"\x10\x20\x30\x00" + b"y" * 999)
    from pvhready.root import Root

    with Root(str(tmp_path)) as root, root.open("/image") as file:
        assert read(unpack.from_file(file, 777, len(packed) + 4), form) == CONTENTS["mixed"]
        with pytest.raises(unpack.Damaged):
            read(unpack.from_file(file, 777, len(packed) - 4), form)
        with pytest.raises(unpack.Damaged):
            read(unpack.from_file(file, 5000000, 10), form)


def test_two_legacy_lz4_streams_are_one_for_linux() -> None:
    form, packed = pack("lz4-legacy", CONTENTS["mixed"])
    source = unpack.from_bytes(packed + packed + b"070701")
    assert read(source, form) == CONTENTS["mixed"] * 2
    assert source.read(6) == b"070701"


def test_none_hands_on_the_bytes() -> None:
    assert read(unpack.from_bytes(CONTENTS["dense"]), "none") == CONTENTS["dense"]


@pytest.mark.parametrize("head", [b"", b"\x1f", b"070701", b"\x7fELF", b"BZ", b"\0" * 16, b"\x1f\x9e\x08", b"MZ" + b"\xff" * 20])
def test_no_form_is_seen_where_there_is_none(head: bytes) -> None:
    assert unpack.detect(head) is None


@pytest.mark.parametrize("form, package", [("lz4", "lz4"), ("zstd", "zstd"), ("lzo", "lzop")])
def test_a_missing_program_is_named_with_its_package(form: str, package: str, monkeypatch: Any, tmp_path: Any) -> None:
    without_libraries(monkeypatch)
    monkeypatch.setattr(program, "_PLACES", (str(tmp_path),))
    _, packed = pack({"lz4": "lz4-legacy", "lzo": "lzo", "zstd": "zstd"}[form], b"abc")
    with pytest.raises(unpack.MissingTool) as caught:
        read(unpack.from_bytes(packed), form)
    assert (caught.value.form, caught.value.package) == (form, package)
    assert package in caught.value.reason


@pytest.mark.parametrize("form, module", [("xz", "lzma"), ("lzma", "lzma"), ("bzip2", "bz2"), ("gzip", "zlib")])
def test_a_python_without_a_module_says_so(form: str, module: str, monkeypatch: Any) -> None:
    _, packed = pack(form, b"abc")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(unpack.MissingTool) as caught:
        read(unpack.from_bytes(packed), form)
    assert caught.value.package == "python3"


PROGRAMS: Dict[str, Tuple[Any, Any]] = {
    "that hangs": ("exec sleep 600", unpack.LimitReached),
    "that reads and hangs": ("cat > /dev/null; exec sleep 600", unpack.LimitReached),
    "that closes its output and hangs": ("exec >&-; exec sleep 600", unpack.UnpackError),
    "that fails": ("exit 3", unpack.Damaged),
    "that fails when all was read": ("cat > /dev/null; exit 3", unpack.Damaged),
    "that ignores its input": ("echo something", unpack.Damaged),
    "that never stops writing": ("exec yes", unpack.LimitReached),
    "that is no program": (None, unpack.Damaged),
}


@pytest.mark.parametrize("kind", sorted(PROGRAMS))
def test_a_program_that_misbehaves_is_ended(kind: str, monkeypatch: Any, tmp_path: Any) -> None:
    without_libraries(monkeypatch)
    _, packed = pack("zstd", CONTENTS["dense"])  # more than a pipe holds
    script, error = PROGRAMS[kind]
    path = tmp_path / "zstd"
    path.write_bytes(b"\x7fELF and no more" if script is None else b"#!/bin/sh\n" + script.encode() + b"\n")
    path.chmod(0o755)
    monkeypatch.setattr(program, "_PLACES", (str(tmp_path),))
    with pytest.raises(error):
        read(unpack.from_bytes(packed), "zstd", output=1 << 22, seconds=1.0)
    assert no_child_left()


def test_programs_get_nothing_of_the_users_environment(monkeypatch: Any, tmp_path: Any) -> None:
    without_libraries(monkeypatch)
    (tmp_path / "zstd").write_text("#!/bin/sh\ncat > /dev/null\nexec env\n")
    (tmp_path / "zstd").chmod(0o755)
    monkeypatch.setattr(program, "_PLACES", (str(tmp_path),))
    monkeypatch.setenv("ZSTD_NBTHREADS", "99")
    _, packed = pack("zstd", b"abc")
    assert b"ZSTD_NBTHREADS" not in read(unpack.from_bytes(packed), "zstd")


LZOP = b"\x89LZO\x00\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x01\x05"
CRAFTED = {
    "an lz4 frame of another version": ("lz4", b"\x04\x22\x4d\x18\x80\x40\x00" + bytes(50)),
    "an lz4 block larger than its frame allows": ("lz4", b"\x04\x22\x4d\x18\x60\x40\x82" + b"\x01\x00\x01\x00" + bytes(70000)),
    "a zstd block of the reserved kind": ("zstd", b"\x28\xb5\x2f\xfd\x00\x58\x07\x00\x00" + bytes(50)),
    "a zstd block of 2 MB": ("zstd", b"\x28\xb5\x2f\xfd\x00\x58\x01\x00\xff" + bytes(1 << 21)),
    "an lzo stream with a filter": ("lzo", LZOP + b"\x00\x00\x08\x00" + bytes(100)),
    "an lzo block of 4 GB": ("lzo", LZOP + bytes(21) + b"\xff" * 8 + bytes(100)),
    "an lzo block packed to more than it holds": ("lzo", LZOP + bytes(21) + b"\0\0\0\x04\0\0\0\x05" + bytes(100)),
}


@pytest.mark.parametrize("what", sorted(CRAFTED))
@pytest.mark.parametrize("way", ["library", "program"])
def test_what_no_reader_of_linux_would_take_is_damaged(what: str, way: str, monkeypatch: Any) -> None:
    form, data = CRAFTED[what]
    if way == "program":
        without_libraries(monkeypatch)
        wanted.tool({"lzo": "lzop"}.get(form, form), {"lzo": "lzop"}.get(form, form))
    with pytest.raises(unpack.Damaged):
        read(unpack.from_bytes(data), form)


def test_an_xz_dictionary_that_would_fill_memory_is_refused() -> None:
    _, packed = pack("xz", b"abc" * 1000)
    header = bytearray(packed[12:12 + (packed[12] + 1) * 4])
    at = header.index(b"\x21\x01") + 2
    header[at] = 38  # 2 GiB
    header[-4:] = binascii.crc32(bytes(header[:-4])).to_bytes(4, "little")
    with pytest.raises(unpack.Damaged) as caught:
        read(unpack.from_bytes(packed[:12] + bytes(header) + packed[12 + len(header):]), "xz")
    assert "emory" in caught.value.reason


@pytest.mark.parametrize("way", ["library", "program"])
def test_a_zstd_window_that_would_fill_memory_is_refused(way: str, monkeypatch: Any) -> None:
    if way == "program":
        without_libraries(monkeypatch)
    window = 28 - 10 << 3  # a window of 256 MiB
    packed = b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + b"\x09\x00\x00x"
    fitting = packed[:5] + bytes([27 - 10 << 3]) + packed[6:]
    wanted.tool("zstd", "zstd")
    assert read(unpack.from_bytes(fitting), "zstd") == b"x"
    with pytest.raises(unpack.Damaged):
        read(unpack.from_bytes(packed), "zstd")


def test_empty_blocks_without_end_run_out_of_time() -> None:
    packed = b"\x28\xb5\x2f\xfd\x00\x58" + bytes(3 << 22)  # a frame of nothing but empty raw blocks
    begin = time.monotonic()
    with pytest.raises(unpack.UnpackError):
        read(unpack.from_bytes(packed), "zstd", seconds=0.2)
    assert time.monotonic() - begin < 30


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["gzip", "xz", "bzip2", "lzma", "lzo", "lz4", "zstd"]), st.binary(max_size=300), st.booleans())
def test_bytes_of_any_kind_end_in_an_answer(form: str, data: bytes, whole: bool) -> None:
    magic = {
        "gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\x00", "bzip2": b"BZh9", "lzma": b"\x5d\x00\x00", "lzo": b"\x89LZO\x00\r\n\x1a\n",
        "lz4": b"\x02\x21\x4c\x18", "zstd": b"\x28\xb5\x2f\xfd",
    }[form]
    try:
        read(unpack.from_bytes((magic if whole else b"") + data), form, output=1 << 20, seconds=20)
    except unpack.UnpackError as error:
        assert error.reason
    assert no_child_left()


def test_only_programs_of_the_machine_itself_are_run() -> None:
    assert all(place.startswith("/") and stat.S_ISDIR(os.stat(place).st_mode) for place in program._PLACES)
