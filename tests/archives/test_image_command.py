"""``image`` on package files that are not installed, and on folders of them."""

import json
import os
from typing import Any, Dict, List

import pytest

from pvhready.demo import parts
from pvhready.demo.image import bzimage
from support.archives import Link, make_deb, make_rpm
from support.trees import NO_MAP, debian_symbols

RELEASE = "6.1.0-50-amd64"
IMAGE = bzimage(RELEASE, "zstd")
GOOD = parts.configuration(RELEASE, debian_symbols()).encode()
BAD = parts.configuration(RELEASE, debian_symbols(XEN_PVH="n", PVH="n")).encode()
VMLINUZ, CONFIG, MAP = ("/boot/{}-{}".format(kind, RELEASE) for kind in ("vmlinuz", "config", "System.map"))
MODULE = "/lib/modules/{}/kernel/xen.ko".format(RELEASE)


def images(pvhready: Any, *names: str, code: int = 0) -> List[Dict[str, Any]]:
    output = pvhready("image", "--format", "json", *names)
    assert output.code == code, output.out + output.err
    found: List[Dict[str, Any]] = json.loads(output.out)["images"]
    return found


def test_a_deb(pvhready: Any, tmp_path: Any) -> None:
    path = make_deb(str(tmp_path), {VMLINUZ: IMAGE, CONFIG: GOOD, MAP: NO_MAP.encode(), MODULE: b"module"})
    (image,) = images(pvhready, path)
    assert (image["path"], image["release"], image["payload"]) == (path + ":" + VMLINUZ, RELEASE, "zstd")
    assert image["modes"] == {"pvh": "boots", "pv": "fails"}
    text = pvhready("image", path)
    assert text.code == 0 and VMLINUZ in text.out and "PVH boots" in " ".join(text.out.split())


def test_a_deb_whose_kernel_does_not_boot(pvhready: Any, tmp_path: Any) -> None:
    (image,) = images(pvhready, make_deb(str(tmp_path), {VMLINUZ: IMAGE, CONFIG: BAD}), code=2)
    assert image["modes"]["pvh"] == "fails" and image["reasons"]["pvh"]


def test_a_deb_without_checksums_is_read_to_its_end(pvhready: Any, tmp_path: Any) -> None:
    folder = "/usr/lib/modules/{}/".format(RELEASE)
    path = make_deb(str(tmp_path), {folder + "vmlinuz": IMAGE, folder + "config": GOOD}, md5sums="none\n")
    (image,) = images(pvhready, path)
    assert (image["path"], image["modes"]["pvh"]) == (path + ":" + folder + "vmlinuz", "boots")


def test_image_and_configuration_in_two_packages(pvhready: Any, tmp_path: Any) -> None:
    one = make_deb(str(tmp_path), {VMLINUZ: IMAGE}, "linux-image-x")
    two = make_deb(str(tmp_path), {CONFIG: GOOD, MAP: NO_MAP.encode(), MODULE: b"module"}, "linux-modules-x")
    assert [image["modes"]["pvh"] for image in images(pvhready, one, code=3)] == ["unknown"]
    assert [image["modes"]["pvh"] for image in images(pvhready, one, two)] == ["boots"]
    assert [image["modes"]["pvh"] for image in images(pvhready, two, one)] == ["boots"]
    other = parts.configuration("6.2.0-1", debian_symbols()).encode()
    three = make_deb(str(tmp_path), {"/boot/config-6.2.0-1": other}, "linux-modules-y")
    assert [image["modes"]["pvh"] for image in images(pvhready, one, three, code=3)] == ["unknown"]
    four = make_deb(str(tmp_path), {CONFIG: BAD}, "linux-modules-z")
    assert [image["modes"]["pvh"] for image in images(pvhready, one, two, four, code=3)] == ["unknown"]


def test_a_folder(pvhready: Any, tmp_path: Any) -> None:
    folder = str(tmp_path / "folder")
    os.mkdir(folder)
    for name, files in (("a", {VMLINUZ: IMAGE}), ("b", {CONFIG: GOOD}), ("c", {"/usr/bin/x": b"x"})):
        made = make_deb(str(tmp_path), files, name)
        os.rename(made, os.path.join(folder, os.path.basename(made)))
    (image,) = images(pvhready, folder)
    assert image["path"] == folder + "/a_1.0-1_amd64.deb:" + VMLINUZ
    assert image["modes"]["pvh"] == "boots"
    os.mkdir(folder + "/empty")
    output = pvhready("image", folder + "/empty")
    assert output.code == 64 and "holds no .deb" in output.err


@pytest.mark.parametrize("payload", ["w9.gzdio", "w7.xzdio", "w19.zstdio", "w9.bzdio"])
def test_an_rpm(pvhready: Any, tmp_path: Any, payload: str) -> None:
    folder = "/lib/modules/{}/".format(RELEASE)
    files = {folder + "vmlinuz": IMAGE, folder + "config": GOOD, folder + "System.map": NO_MAP.encode(), VMLINUZ: IMAGE, CONFIG: GOOD,
             "/boot/vmlinuz": Link("vmlinuz-" + RELEASE)}
    path = make_rpm(str(tmp_path), files, payload=payload, ghosts=[VMLINUZ, CONFIG])
    (image,) = images(pvhready, path)
    assert (image["path"], image["modes"]["pvh"]) == (path + ":" + folder + "vmlinuz", "boots")


def test_packages_beside_an_image(pvhready: Any, tmp_path: Any) -> None:
    plain = str(tmp_path / ("vmlinuz-" + RELEASE))
    for path, content in ((plain, IMAGE), (str(tmp_path / ("config-" + RELEASE)), BAD)):
        with open(path, "wb") as handle:
            handle.write(content)
    package = make_deb(str(tmp_path), {VMLINUZ: IMAGE, CONFIG: GOOD})
    found = images(pvhready, plain, package, plain, code=2)
    assert [image["path"] for image in found] == [plain, package + ":" + VMLINUZ, plain]
    assert [image["modes"]["pvh"] for image in found] == ["fails", "boots", "fails"]


def test_a_configuration_that_the_user_names(pvhready: Any, tmp_path: Any) -> None:
    package = make_deb(str(tmp_path), {VMLINUZ: IMAGE, CONFIG: GOOD})
    config = str(tmp_path / "mine")
    with open(config, "wb") as handle:
        handle.write(BAD)
    assert images(pvhready, package, "--config", config, code=2)[0]["modes"]["pvh"] == "fails"
    assert pvhready("image", package, "--system-map", config).code == 64
    assert pvhready("image", package, "--config", str(tmp_path / "missing")).code == 64


def test_no_kernel_and_no_whole_package(pvhready: Any, tmp_path: Any) -> None:
    path = make_deb(str(tmp_path), {"/usr/bin/x": b"x"}, "hello")
    (image,) = images(pvhready, path, code=2)
    assert image["container"] == "not-a-kernel"
    whole = make_deb(str(tmp_path), {VMLINUZ: IMAGE, CONFIG: GOOD})
    with open(whole, "r+b") as handle:
        handle.truncate(os.path.getsize(whole) - 1000)
    (image,) = images(pvhready, whole, code=3)
    assert image["modes"] == {"pvh": "unknown", "pv": "unknown"} and image["error"]
