"""Debian's own kernels, looked into: what stands there is what readelf, grub-file and their configurations say."""

import json
import os
import shutil

import pytest

from pvhready.probes.image import read_image
from pvhready.probes.inside import look_inside
from pvhready.root import Root
from support import debian
from support.vmlinux import vmlinux_of, xen_notes

pytestmark = [pytest.mark.download, pytest.mark.slow]

KERNELS = {
    "bookworm-amd64": ("linux-image-amd64", "bookworm", "amd64"), "bookworm-cloud": ("linux-image-cloud-amd64", "bookworm", "amd64"),
    "trixie-amd64": ("linux-image-amd64", "trixie", "amd64"), "bookworm-686-pae": ("linux-image-686-pae", "bookworm", "i386"),
    "bookworm-686": ("linux-image-686", "bookworm", "i386"),
}


@pytest.fixture(params=sorted(KERNELS))
def files(request):
    return debian.kernel(*KERNELS[request.param])


def look(path, to_the_end=False):
    folder, name = os.path.split(path)
    with Root(folder) as root, root.open("/" + name) as file:
        return look_inside(file, read_image(root, "/" + name), (), to_the_end)


def image(pvhready, *arguments):
    (answer,) = json.loads(pvhready("image", "--format", "json", *arguments).out)["images"]
    return answer


def test_what_is_read_is_what_readelf_shows_of_the_unpacked_kernel(files):
    found, embedded = look(files.image)
    unpacked = vmlinux_of(files.image)
    assert sorted(found.notes) == sorted(set(xen_notes(unpacked)))
    assert found.release == files.release and found.problem is None and embedded is None and not found.whole
    whole, _ = look(files.image, True)
    assert whole == found._replace(whole=True)
    assert look(unpacked)[0] == found


def test_notes_and_configuration_agree(files, pvhready):
    named = ("--config", files.config, "--system-map", files.system_map, files.image)
    plain, deep = image(pvhready, *named), image(pvhready, "--deep", *named)
    assert deep == plain


def test_without_its_configuration_it_is_never_ready_and_fails_where_a_note_is_missing(files, pvhready, tmp_path):
    alone = str(tmp_path / "vmlinuz")
    os.symlink(files.image, alone)
    with_config = image(pvhready, "--config", files.config, "--system-map", files.system_map, files.image)
    answer = image(pvhready, alone)
    for mode in ("pvh", "pv"):
        assert answer["modes"][mode] in ("fails", "unknown")
        if answer["modes"][mode] == "fails":
            assert with_config["modes"][mode] == "fails"
    if "686" in files.release and "pae" not in files.release:  # built without CONFIG_XEN
        assert answer["modes"] == {"pvh": "fails", "pv": "fails"}


def test_the_configuration_of_another_kernel_is_found_out(files, pvhready, tmp_path):
    """The one that was built without Xen beside those that were built with it, and the other way round."""
    other = debian.kernel(*KERNELS["bookworm-amd64" if "686" in files.release and "pae" not in files.release else "bookworm-686"])
    with open(other.config, encoding="utf-8") as handle:
        text = handle.read()
    (tmp_path / "config").write_text(text.replace("Linux/x86 6.1.", "Linux/x86 {}.".format(".".join(files.release.split(".")[:2])), 1))
    answer = image(pvhready, "--deep", "--config", str(tmp_path / "config"), files.image)
    assert "boots" not in answer["modes"].values()


def test_damage_in_the_middle_is_never_ready(files, pvhready, tmp_path):
    damaged = str(tmp_path / os.path.basename(files.image))
    shutil.copy(files.image, damaged)
    with open(damaged, "r+b") as handle:
        handle.seek(os.path.getsize(damaged) * 2 // 3)
        handle.write(os.urandom(4096))
    named = ("--config", files.config, "--system-map", files.system_map, damaged)
    answer = image(pvhready, "--deep", *named)
    assert "boots" not in answer["modes"].values(), answer
    assert "image-damaged" in answer["reasons"]["pvh"] or answer["modes"]["pvh"] == "fails"
