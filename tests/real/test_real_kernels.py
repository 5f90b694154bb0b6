"""Kernels from Debian's packages, as shipped and decompressed, against GRUB's own answer for a single file.

``grub-file`` answers for the loader only: its xzio is always loaded, and it does not care whether a kernel has an
entry point for PV (Xen note 1, CONFIG_XEN_PV), without which the domain crashes at once.
"""

import json
import os
import subprocess

import pytest

from pvhready.facts import PV, PVH, Guest, Kernel
from pvhready.findings import FAIL
from pvhready.host import DEFAULT, profile
from pvhready.probes.image import read_image
from pvhready.root import Root
from pvhready.rules.image import judge_image
from support import debian, wanted
from support.vmlinux import vmlinux_of

pytestmark = [pytest.mark.download, pytest.mark.slow]

KERNELS = {
    "bookworm-amd64": ("linux-image-amd64", "bookworm", "amd64", "xz", 64),
    "bookworm-cloud": ("linux-image-cloud-amd64", "bookworm", "amd64", "lz4", 64),
    "trixie-amd64": ("linux-image-amd64", "trixie", "amd64", "zstd", 64),
    "bookworm-686-pae": ("linux-image-686-pae", "bookworm", "i386", "xz", 32),
    "bookworm-686": ("linux-image-686", "bookworm", "i386", "xz", 32),
}
QUESTIONS = {PVH: {64: "x86-linux32", 32: "x86-linux32"}, PV: {64: "x86_64-xen-domu", 32: "i386-xen-pae-domu"}}


class Sample:
    """A real kernel in one of its two forms."""

    def __init__(self, name, decompressed):
        package, suite, architecture, self.payload, self.bits = KERNELS[name]
        self.files = debian.kernel(package, suite, architecture)
        self.decompressed = decompressed
        self.image = vmlinux_of(self.files.image) if decompressed else self.files.image

    def oracle(self, mode):
        """Whether GRUB's loader for ``mode`` takes the file."""
        program = wanted.tool("grub-file", "grub-common")
        code = subprocess.call([program, "--is-" + QUESTIONS[mode][self.bits], self.image])
        if code < 0 and self.payload == "zstd":
            wanted.skip("a grub-file that does not crash on zstd, as 2.14 does")
        assert code in (0, 1)
        return code == 0

    def has_symbol(self, symbol):
        with open(self.files.config, encoding="utf-8") as handle:
            return "CONFIG_{}=y\n".format(symbol) in handle.readlines()


@pytest.fixture(params=[(name, form) for name in sorted(KERNELS) for form in (False, True)],
                ids=lambda pair: pair[0] + ("-elf" if pair[1] else ""))
def sample(request):
    return Sample(*request.param)


def answer(pvhready, *arguments):
    output = pvhready("image", "--format", "json", *arguments)
    (image,) = json.loads(output.out)["images"]
    return image


def test_the_form_is_read(sample, pvhready):
    image = answer(pvhready, sample.image)
    assert image["container"] == ("elf" if sample.decompressed else "bzimage")
    assert image["payload"] == (None if sample.decompressed else sample.payload)
    assert image["bits"] == sample.bits
    if not sample.decompressed:
        assert image["release"] == sample.files.release


@pytest.mark.parametrize("mode", [PVH, PV])
def test_the_answer_for_an_image_with_its_configuration(sample, mode, pvhready):
    taken = sample.oracle(mode)
    needed = "XEN_PVH" if mode == PVH else "XEN_PV"
    expected = "boots" if taken and sample.has_symbol(needed) else "fails"
    image = answer(pvhready, "--config", sample.files.config, "--system-map", sample.files.system_map, sample.image)
    assert image["modes"][mode] == expected, image["reasons"]


@pytest.mark.parametrize("mode", [PVH, PV])
def test_the_loader_s_half(sample, mode):
    folder, name = os.path.split(sample.image)
    with Root(folder) as root:
        kernel = Kernel("/" + name, read_image(root, "/" + name))
    (finding,) = judge_image(kernel, mode, profile(DEFAULT), Guest("PV", loader_bits=sample.bits))
    refused = finding.status == FAIL
    if sample.oracle(mode):
        crashes_in_silence = mode == PV and sample.decompressed and not sample.has_symbol("XEN_PV")
        assert refused == crashes_in_silence, finding
    else:
        # A bzImage keeps its Xen notes packed: there the configuration answers, not the loader's half.
        hidden = mode == PV and not sample.decompressed and not sample.has_symbol("XEN")
        assert refused or hidden, finding


@pytest.mark.parametrize("mode", [PVH, PV])
def test_without_a_configuration_nothing_boots_for_certain(sample, mode, pvhready, tmp_path):
    alone = str(tmp_path / "kernel")  # where no configuration lies beside it
    os.symlink(sample.image, alone)
    answered = answer(pvhready, alone)["modes"][mode]
    if sample.oracle(mode):
        assert answered != "boots" or mode == PV and sample.decompressed
    elif sample.decompressed or sample.has_symbol("XEN"):
        assert answered == "fails"
    else:
        assert answered != "boots"


def test_the_pvh_note_is_no_proof(pvhready):
    """A kernel whose configuration lacks XEN_PVH does not boot, whatever its notes say."""
    sample = Sample("bookworm-686", False)
    image = answer(pvhready, "--config", sample.files.config, "--system-map", sample.files.system_map, sample.image)
    assert image["modes"] == {"pvh": "fails", "pv": "fails"}
