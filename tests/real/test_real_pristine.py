"""Debian's own kernel packages: the pristine image is taken out of them and proved, with dpkg-deb and the real packers as oracles."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest

from pvhready.host import DEFAULT, profile
from pvhready.root import Root
from pvhready.survey import survey
from pvhready.undo.sources import Pristine, Refusal, pristine_image
from support import debian
from support.vmlinux import vmlinux_of

pytestmark = [pytest.mark.download, pytest.mark.slow]

KERNELS = {
    "bookworm-cloud": ("linux-image-cloud-amd64", "bookworm", "lz4"), "bookworm": ("linux-image-amd64", "bookworm", "xz"),
    "trixie": ("linux-image-amd64", "trixie", "zstd"),
}


@pytest.fixture(scope="module", params=sorted(KERNELS))
def sample(request, tmp_path_factory):
    """A guest whose kernel stands decompressed, with the package in apt's cache: its directory, and the kernel's path and true digest."""
    package, suite, _ = KERNELS[request.param]
    files, archive = debian.kernel(package, suite), debian.kernel_package(package, suite)
    top = str(tmp_path_factory.mktemp(request.param))
    for folder in ("/boot", "/var/lib/dpkg/info", "/var/cache/apt/archives"):
        os.makedirs(top + folder)
    path = "/boot/vmlinuz-" + files.release
    shutil.copy(vmlinux_of(files.image), top + path)
    shutil.copy(archive, top + "/var/cache/apt/archives")
    name = dpkg_deb(archive, "Package")
    info = top + "/var/lib/dpkg/info/" + name
    with open(info + ".list", "w") as handle:
        handle.write("/.\n/boot\n{}\n".format(path))
    with open(info + ".md5sums", "wb") as handle:
        handle.write(subprocess.check_output(["dpkg-deb", "--info", archive, "md5sums"]))
    with open(top + "/var/lib/dpkg/status", "w") as handle:
        handle.write("Package: {}\nArchitecture: amd64\nVersion: {}\n".format(name, dpkg_deb(archive, "Version")))
    with open(files.image, "rb") as handle:
        return top, path, hashlib.sha256(handle.read()).hexdigest()


def dpkg_deb(archive, field):
    return subprocess.check_output(["dpkg-deb", "--field", archive, field]).decode().strip()


def ask(top, path, named=()):
    with Root(top) as root:
        (kernel,) = [kernel for kernel in survey(root, profile(DEFAULT)).kernels if kernel.path == path]
        return pristine_image(root, kernel, named)


def test_the_image_is_that_of_the_package(sample):
    top, path, digest = sample
    answer = ask(top, path)
    assert isinstance(answer, Pristine), answer
    assert (answer.path, answer.sha256, answer.mode) == (path, digest, 0o644)
    assert hashlib.sha256(answer.content).hexdigest() == digest


def test_one_byte_that_differs(sample):
    """It is not the package's kernel that stands there, so it is not replaced by that."""
    top, path, _ = sample
    size = os.path.getsize(top + path)
    for offset in (0x40, size // 2, size - 1):
        flip(top + path, offset)
        answer = ask(top, path)
        flip(top + path, offset)
        assert isinstance(answer, Refusal)
        assert any("they differ from byte {} on".format(offset) in reason for reason in answer.reasons), answer


def flip(path, offset):
    with open(path, "r+b") as handle:
        handle.seek(offset)
        byte = handle.read(1)[0]
        handle.seek(offset)
        handle.write(bytes([byte ^ 1]))


def test_a_package_of_another_kernel(sample):
    top, path, _ = sample
    package, suite, _ = KERNELS["trixie" if "6.1.0" in path else "bookworm"]
    archives = os.path.join(top, "var/cache/apt/archives")
    os.rename(archives, archives + ".away")
    answer = ask(top, path, [debian.kernel_package(package, suite)])
    os.rename(archives + ".away", archives)
    assert isinstance(answer, Refusal)
    # The guest's own files are looked at first, then what was named.
    assert "no package file of this kernel" in answer.reasons[0] and "has no image of kernel" in answer.reasons[1]


def test_image_judges_a_package_that_is_not_installed(sample, pvhready):
    top, path, _ = sample
    package, suite, payload = KERNELS[os.path.basename(top)[:-1]]  # pytest adds a number to a folder's name
    archive = debian.kernel_package(package, suite)
    output = pvhready("image", "--format", "json", archive)
    (image,) = json.loads(output.out)["images"]
    assert (image["path"], image["payload"], image["modes"]["pvh"]) == (archive + ":" + path, payload, "boots")
    assert output.code == 0
