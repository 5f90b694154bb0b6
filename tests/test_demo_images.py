"""The images that examples and tests are made of, against programs that we did not write."""

import subprocess

import pytest

from pvhready.demo.compress import compress
from pvhready.demo.guests import NAMES, tree
from pvhready.demo.image import bzimage, elf_kernel
from pvhready.demo.initramfs import initramfs
from support import wanted

UNPACK = {
    "gzip": ("gzip", "-dc"), "bzip2": ("bzip2", "-dc"), "xz": ("xz", "-dc"), "lzma": ("xz", "-dc"), "lzo": ("lzop", "-dc"),
    "lz4": ("lz4", "-dc"), "zstd": ("zstd", "-dc"),
}
PACKAGES = {"xz": "xz-utils"}
SIZES = (0, 1, 14, 15, 16, 269, 270, 271, 131071, 131072, 131073, 262144, 300001)


def grub_file(question: str, image: bytes, folder: str) -> bool:
    path = folder + "/kernel"
    with open(path, "wb") as handle:
        handle.write(image)
    return subprocess.call([wanted.tool("grub-file", "grub-common"), "--is-" + question, path]) == 0


@pytest.mark.parametrize("name", sorted(UNPACK))
def test_the_real_program_unpacks_what_was_written(name):
    command = UNPACK[name]
    program = wanted.tool(command[0], PACKAGES.get(command[0], command[0]))
    for size in SIZES:
        data = bytes(bytearray(number * number % 251 for number in range(size)))
        result = subprocess.run([program] + list(command[1:]), input=compress(name, data), stdout=subprocess.PIPE)
        assert (result.returncode, result.stdout) == (0, data), size


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("payload,pv", [
    ("gzip", True), ("xz", True), ("elf", True), ("lzo", False), ("lz4", False), ("lzma", False), ("bzip2", False),
])
def test_grub_takes_a_bzimage(payload, pv, bits, tmp_path):
    image = bzimage(payload=payload, bits=bits)
    assert grub_file("x86-linux32", image, str(tmp_path))
    assert grub_file("x86_64-xen-domu", image, str(tmp_path)) == (pv and bits == 64)
    assert grub_file("i386-xen-pae-domu", image, str(tmp_path)) == (pv and bits == 32)


def test_grub_takes_a_bzimage_with_zstd(tmp_path):
    # The other question is not asked: GRUB 2.14 crashes on it.
    assert grub_file("x86-linux32", bzimage(payload="zstd"), str(tmp_path))


@pytest.mark.parametrize("bits,question", [(64, "x86_64-xen-domu"), (32, "i386-xen-pae-domu")])
def test_grub_takes_a_decompressed_kernel_in_pv_only(bits, question, tmp_path):
    image = elf_kernel(bits=bits)
    assert grub_file(question, image, str(tmp_path))
    assert not grub_file("x86-linux32", image, str(tmp_path))


def test_grub_refuses_a_kernel_without_xen_notes(tmp_path):
    assert not grub_file("x86_64-xen-domu", elf_kernel(xen=False), str(tmp_path))
    assert not grub_file("i386-xen-pae-domu", elf_kernel(bits=32, pae=False), str(tmp_path))


@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "lz4", "zstd", "lzma", "bzip2"])
@pytest.mark.parametrize("microcode", [False, True])
def test_cpio_lists_what_is_in_an_initramfs(compression, microcode):
    archive = initramfs("6.1.0-50-amd64", ["drivers/block/xen-blkfront"], compression, microcode)
    cpio = wanted.tool("cpio", "cpio")
    if microcode:
        early = initramfs("6.1.0-50-amd64", ["drivers/block/xen-blkfront"], compression)
        archive, early_archive = archive[-len(early):], archive[:-len(early)]
        listing = subprocess.run([cpio, "-t"], input=early_archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert b"kernel/x86/microcode/AuthenticAMD.bin" in listing.stdout.splitlines()
    if compression != "none":
        command = UNPACK[compression]
        program = wanted.tool(command[0], PACKAGES.get(command[0], command[0]))
        archive = subprocess.run([program] + list(command[1:]), input=archive, stdout=subprocess.PIPE).stdout
    listing = subprocess.run([cpio, "-t"], input=archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"usr/lib/modules/6.1.0-50-amd64/kernel/drivers/block/xen-blkfront.ko" in listing.stdout.splitlines()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_grub_understands_the_example_s_menu(name, tmp_path):
    checker = wanted.tool("grub-script-check", "grub-common")
    menus = [node for path, node in tree(name).items() if path.endswith("/grub.cfg")]
    assert menus or name == "alpine-extlinux"
    for menu in menus:
        path = tmp_path / "grub.cfg"
        path.write_text(getattr(menu, "content", menu), encoding="utf-8")
        assert subprocess.call([checker, str(path)]) == 0
