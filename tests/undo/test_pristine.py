"""Where a pristine image is found, in which order, and what is refused: synthetic kernels in packages that dpkg-deb and rpmbuild made."""

import hashlib
import json
import os
import shutil
import sys
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import pytest

from pvhready.demo.image import bzimage, elf_kernel
from pvhready.host import DEFAULT, profile
from pvhready.root import Root
from pvhready.survey import survey
from pvhready.undo.changes import State, Step
from pvhready.undo.journal import Run, begin_record
from pvhready.undo.sources import Pristine, Refusal, pristine_image
from pvhready.unpack import program
from support import wanted
from support.archives import Files, make_deb, make_rpm, run
from support.trees import RELEASE, base, kernel

PATH = "/boot/vmlinuz-" + RELEASE
MODULES = "/usr/lib/modules/{}/vmlinuz".format(RELEASE)
PACKAGE = "linux-image-" + RELEASE
ELF = elf_kernel(RELEASE)
IMAGE = bzimage(RELEASE, "xz", kernel=ELF)
OTHER = bzimage(RELEASE, "xz", kernel=elf_kernel(RELEASE, size=64))
ALTERED = IMAGE[:0x100] + b"x" + IMAGE[0x101:]  # setup code: the payload is the same
CACHE = "/var/cache/apt/archives"


class Guest:
    """A guest whose kernel stands decompressed, with dpkg's records of it."""

    def __init__(self, folder: str, digest: Optional[str] = hashlib.md5(IMAGE).hexdigest(), owned: bool = True, elf: bytes = ELF) -> None:
        self.top = os.path.join(folder, "guest")
        self.folder = folder
        for path, content in dict(base(), **kernel(image=elf)).items():
            self.put(path, content if isinstance(content, bytes) else str(content).encode())
        if owned:
            self.put("/var/lib/dpkg/info/{}.list".format(PACKAGE), "/.\n/boot\n{}\n".format(PATH).encode())
            self.put("/var/lib/dpkg/status", "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n".format(
                PACKAGE).encode())
            if digest:
                self.put("/var/lib/dpkg/info/{}.md5sums".format(PACKAGE), "{}  {}\n".format(digest, PATH[1:]).encode())

    def put(self, path: str, content: bytes) -> None:
        os.makedirs(os.path.dirname(self.top + path), exist_ok=True)
        with open(self.top + path, "wb") as handle:
            handle.write(content)

    def keep(self, run: str, content: bytes, journal: str = "") -> None:
        """Leave behind what a revert replaced."""
        step = Step("replace", PATH, "", State("file", hashlib.sha256(content).hexdigest(), len(content), 0o640), State("file", "0"))
        record = dict(begin_record(Run(run, action="revert", steps=(step,))), record="begin")
        self.put("/var/lib/pvhready/{}/journal".format(run), (journal or json.dumps(record) + '\n{"record": "done"}\n').encode())
        self.put("/var/lib/pvhready/{}/0.before".format(run), content)
        os.chmod(self.top + "/var/lib/pvhready", 0o700)

    def cache(self, path: str, folder: str = CACHE) -> None:
        os.makedirs(self.top + folder, exist_ok=True)
        os.replace(path, os.path.join(self.top + folder, os.path.basename(path)))

    def deb(self, image: bytes = IMAGE, version: str = "1.0-1", name: str = PACKAGE, path: str = PATH, **options: Any) -> str:
        os.makedirs(self.folder + "/debs", exist_ok=True)
        return make_deb(self.folder + "/debs", {path: image}, name, version, **options)

    def file(self, name: str, content: bytes) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "wb") as handle:
            handle.write(content)
        return path

    def ask(self, named: Sequence[str] = (), download: bool = False) -> Union[Pristine, Refusal]:
        before = contents(self.top)
        with Root(self.top) as root:
            kernels = [one for one in survey(root, profile(DEFAULT)).kernels if PATH in one.names]
            answer = pristine_image(root, kernels[0], named, download)
        assert contents(self.top) == before, "something of the guest was changed"
        return answer


def contents(top: str) -> Dict[str, Tuple[int, int, bytes]]:
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_mtime_ns, b"" if os.path.islink(path) else open(path, "rb").read())
    return found


def pristine(answer: Union[Pristine, Refusal]) -> Pristine:
    assert isinstance(answer, Pristine), answer
    assert answer.content == IMAGE
    assert (answer.release, answer.path, answer.sha256) == (RELEASE, PATH, hashlib.sha256(IMAGE).hexdigest())
    return answer


def refused(answer: Union[Pristine, Refusal], *words: str) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.path == PATH
    for word in words:
        assert any(word in reason for reason in answer.reasons), (word, answer.reasons)
    assert answer.reasons[-1].startswith(("get ", "name ", "install "))
    return answer


@pytest.fixture
def guest(tmp_path: Any) -> Guest:
    return Guest(str(tmp_path))


def test_nothing_is_there(guest: Guest) -> None:
    refused(guest.ask(), "no package file of this kernel", "get {} 1.0-1".format(PACKAGE))


@pytest.mark.parametrize("compression", ["xz", "gzip", "zstd", "none"])
def test_in_apt_s_cache(guest: Guest, compression: str) -> None:
    guest.cache(guest.deb(compression=compression))
    answer = pristine(guest.ask())
    assert answer.origin == "{} 1.0-1 in {}/{}_1.0-1_amd64.deb".format(PACKAGE, CACHE, PACKAGE)
    assert answer.mode == 0o644


@pytest.mark.parametrize("payload", ["gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd", "elf"])
def test_every_compression_of_a_payload(tmp_path: Any, payload: str) -> None:
    image = bzimage(RELEASE, payload, kernel=ELF)
    guest = Guest(str(tmp_path), hashlib.md5(image).hexdigest())
    guest.cache(guest.deb(image))
    answer = guest.ask()
    assert isinstance(answer, Pristine) and answer.content == image
    guest.put(PATH, ELF[:-1] + b"x")
    refused(guest.ask(), "differ from byte {} on".format(len(ELF) - 1))
    guest.put(PATH, ELF + b"x")
    refused(guest.ask(), "unpacks to {} bytes".format(len(ELF)))
    guest.put(PATH, ELF[:-1])
    refused(guest.ask(), "differ from byte {} on".format(len(ELF) - 1))


def test_in_the_modules_folder(guest: Guest) -> None:
    guest.put(MODULES, IMAGE)
    os.chmod(guest.top + MODULES, 0o640)
    answer = pristine(guest.ask())
    assert (answer.origin, answer.mode) == (MODULES, 0o640)


def test_the_modules_folder_comes_before_the_cache_and_what_was_kept_before_both(guest: Guest) -> None:
    guest.put(MODULES, IMAGE)
    guest.cache(guest.deb())
    assert pristine(guest.ask()).origin == MODULES
    guest.keep("run-0003", ELF)
    guest.keep("run-0002", IMAGE)
    answer = pristine(guest.ask())
    assert (answer.origin, answer.mode) == ("/var/lib/pvhready/run-0002/0.before", 0o640)


def test_a_journal_that_cannot_be_understood_is_told(guest: Guest) -> None:
    guest.keep("run-0001", IMAGE, "x\n")
    refused(guest.ask(), "run-0001/journal, line 1")


def test_what_was_kept_is_proved_like_anything_else(guest: Guest) -> None:
    guest.keep("run-0001", OTHER)
    refused(guest.ask(), "/var/lib/pvhready/run-0001/0.before: its md5 is")


def test_a_hard_link_in_the_modules_folder_was_decompressed_as_well(guest: Guest) -> None:
    os.makedirs(os.path.dirname(guest.top + MODULES))
    os.link(guest.top + PATH, guest.top + MODULES)
    refused(guest.ask(), "no package file")
    guest.cache(guest.deb())
    pristine(guest.ask())


def test_a_copy_in_the_modules_folder_that_was_decompressed_as_well(guest: Guest) -> None:
    guest.put(MODULES, ELF)
    refused(guest.ask(), MODULES + ": it is decompressed, too")


def test_debian_14_ships_the_image_in_the_modules_folder_only(guest: Guest) -> None:
    name = "linux-binary-" + RELEASE
    os.rename(*["{}/var/lib/dpkg/info/{}.list".format(guest.top, one) for one in (PACKAGE, name)])
    guest.put("/var/lib/dpkg/info/{}.list".format(name), "/.\n{}\n".format(MODULES).encode())
    guest.put("/var/lib/dpkg/info/{}.md5sums".format(name), "{}  {}\n".format(hashlib.md5(IMAGE).hexdigest(), MODULES[1:]).encode())
    guest.put("/var/lib/dpkg/status", "Package: {}\nArchitecture: amd64\nVersion: 1.0-1\n".format(name).encode())
    os.unlink("{}/var/lib/dpkg/info/{}.md5sums".format(guest.top, PACKAGE))
    guest.cache(guest.deb(name=name, path=MODULES))
    assert pristine(guest.ask()).origin.startswith(name)
    os.makedirs(os.path.dirname(guest.top + MODULES))
    os.link(guest.top + PATH, guest.top + MODULES)
    pristine(guest.ask())
    guest.put(MODULES, ALTERED)
    os.remove(guest.top + PATH)
    guest.put(PATH, ELF)
    shutil.rmtree(guest.top + CACHE)
    refused(guest.ask(), "md5")


@pytest.mark.parametrize("image", [OTHER, ALTERED])
def test_the_checksum_on_record_decides(guest: Guest, image: bytes) -> None:
    guest.cache(guest.deb(image))
    refused(guest.ask(), "md5 is " + hashlib.md5(image).hexdigest(), hashlib.md5(IMAGE).hexdigest())


def test_without_a_checksum_the_payload_decides(tmp_path: Any) -> None:
    guest = Guest(str(tmp_path), digest=None)
    guest.cache(guest.deb(OTHER))
    refused(guest.ask(), "does not unpack to what stands at " + PATH)
    guest.cache(guest.deb())
    pristine(guest.ask())


def test_without_a_package_the_payload_decides(tmp_path: Any) -> None:
    guest = Guest(str(tmp_path), owned=False)
    guest.cache(guest.deb(OTHER, "1.0-2"))
    guest.cache(guest.deb(IMAGE, "1.0-3", name="linux-image-unsigned-" + RELEASE))
    assert "linux-image-unsigned" in pristine(guest.ask()).origin


def test_another_version_in_the_cache(tmp_path: Any) -> None:
    guest = Guest(str(tmp_path))
    guest.cache(guest.deb(OTHER, "1.0-2"))
    refused(guest.ask(), "it is {} 1.0-2, and {} 1.0-1 is installed".format(PACKAGE, PACKAGE))
    guest.cache(guest.deb())
    pristine(guest.ask())
    unknown = Guest(str(tmp_path / "x"), digest=None) if os.makedirs(str(tmp_path / "x")) is None else None
    assert unknown
    unknown.cache(unknown.deb(IMAGE, "1.0-2"))
    refused(unknown.ask(), "another version")


def test_a_version_with_an_epoch_has_its_colon_escaped(guest: Guest) -> None:
    guest.put("/var/lib/dpkg/status", "Package: {}\nArchitecture: amd64\nVersion: 2:1.0-1\n".format(PACKAGE).encode())
    guest.cache(guest.deb(OTHER, "2:1.0-0"))
    guest.cache(guest.deb(version="2:1.0-1"))
    assert pristine(guest.ask()).origin.endswith("_2%3a1.0-1_amd64.deb")


def test_damaged_files_in_the_cache_are_passed_over(guest: Guest) -> None:
    path = guest.deb(version="0.9")
    with open(path, "r+b") as handle:
        handle.truncate(os.path.getsize(path) - 100)
    guest.cache(path)
    guest.put(CACHE + "/{}_0.8_amd64.deb".format(PACKAGE), b"")
    os.mkfifo(guest.top + CACHE + "/{}_0.7_amd64.deb".format(PACKAGE))
    with Root(guest.top) as root:
        (one,) = [one for one in survey(root, profile(DEFAULT)).kernels if PATH in one.names]
        refused(pristine_image(root, one), "cut short", "neither a .deb nor a .rpm", "is a FIFO")


def test_an_image_that_the_user_names(guest: Guest) -> None:
    named = guest.file("vmlinuz", IMAGE)
    answer = pristine(guest.ask([named]))
    assert (answer.origin, answer.mode) == (named, None)
    named = guest.deb()
    assert pristine(guest.ask([named])).origin == "{} 1.0-1 in {}".format(PACKAGE, named)
    guest.put(MODULES, IMAGE)
    assert pristine(guest.ask([named])).origin == MODULES  # what the guest itself has comes first


def test_what_the_user_names_must_be_right(guest: Guest) -> None:
    for content, words in (
        (OTHER, "md5 is"), (ALTERED, "md5 is"), (ELF, "decompressed, too"), (b"rubbish", "not a kernel"), (IMAGE[:-500], "truncated"),
    ):
        answer = refused(guest.ask([guest.file("named", content)]), words)
        assert answer.reasons[-1].startswith("name the package of this very kernel")
    refused(guest.ask([guest.deb(OTHER, "1.0-2")]), "1.0-2, and {} 1.0-1 is installed".format(PACKAGE))


def test_what_the_user_names_for_another_kernel_is_left_for_that(guest: Guest) -> None:
    other = bzimage("5.10.0-1-amd64", "xz")
    named = [guest.file("other", other), guest.deb(other, name="linux-image-5.10.0-1-amd64", path="/boot/vmlinuz-5.10.0-1-amd64")]
    refused(guest.ask(named), "it is kernel 5.10.0-1-amd64, not " + RELEASE, "has no image of kernel " + RELEASE)
    assert pristine(guest.ask(named + [guest.deb()])).origin.endswith(".deb")
    guest.put(MODULES, IMAGE)
    assert pristine(guest.ask(named)).origin == MODULES


def test_files_that_the_user_names_and_that_cannot_be_read(guest: Guest) -> None:
    os.mkfifo(guest.folder + "/pipe")
    refused(guest.ask(["/nonexistent/file", guest.folder, guest.folder + "/pipe"]), "no such file", "is a directory", "is a FIFO")


def test_only_a_decompressed_kernel_can_be_restored(tmp_path: Any) -> None:
    answer = Guest(str(tmp_path), elf=IMAGE).ask()
    assert isinstance(answer, Refusal)
    assert "only a kernel that stands decompressed" in answer.reasons[0]


def test_a_kernel_without_a_release_in_its_name(tmp_path: Any) -> None:
    guest = Guest(str(tmp_path))
    guest.put("/boot/vmlinux", ELF)
    with Root(guest.top) as root:
        (one,) = [one for one in survey(root, profile(DEFAULT)).kernels if "/boot/vmlinux" in one.names]
        assert one.release == RELEASE, "it stands inside"
        nameless = pristine_image(root, one._replace(release=None))
        hostile = pristine_image(root, one._replace(release="../../etc"))
    for refusal in (nameless, hostile):
        assert isinstance(refusal, Refusal) and "release" in refusal.reasons[0]


def test_a_missing_tool_is_named(tmp_path: Any, monkeypatch: Any) -> None:
    image = bzimage(RELEASE, "lz4", kernel=ELF)
    guest = Guest(str(tmp_path), hashlib.md5(image).hexdigest())
    guest.put(MODULES, image)
    for name in ("lz4", "lz4.block", "lz4.frame"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(program, "_PLACES", (str(tmp_path),))
    answer = refused(guest.ask(), "nothing is installed that unpacks it (package lz4)")
    assert answer.reasons[-1] == "install the package lz4 on this machine and try again"


def test_a_link_to_the_image_is_followed(guest: Guest) -> None:
    """openSUSE's /boot/vmlinuz-X may be a link into the modules folder: there the image belongs."""
    os.makedirs(os.path.dirname(guest.top + MODULES))
    os.rename(guest.top + PATH, guest.top + MODULES)
    os.symlink(".." + MODULES, guest.top + PATH)
    guest.cache(guest.deb())
    answer = guest.ask()
    assert isinstance(answer, Pristine) and (answer.path, answer.content) == (MODULES, IMAGE)


def test_nothing_is_downloaded_for_a_guest_that_does_not_run(guest: Guest) -> None:
    refused(guest.ask(download=True), "nothing is downloaded for a guest that does not run")


FEDORA = "6.9.7-200.fc40.x86_64"
FEDORA_PATH = "/boot/vmlinuz-" + FEDORA
FEDORA_MODULES = "/lib/modules/{}/vmlinuz".format(FEDORA)
FEDORA_ELF = elf_kernel(FEDORA)
FEDORA_IMAGE = bzimage(FEDORA, "zstd", kernel=FEDORA_ELF)


class RpmGuest(Guest):
    """A guest with rpm's own database, whose /boot holds what the package names as %ghost."""

    def __init__(self, folder: str) -> None:
        wanted.tool("rpm", "rpm")
        self.folder = folder
        self.top = os.path.join(folder, "guest")
        os.makedirs(self.top)
        files: Files = {FEDORA_MODULES: FEDORA_IMAGE, FEDORA_PATH: FEDORA_IMAGE}
        self.rpm = make_rpm(folder, files, "kernel-core", "6.9.7", "200.fc40", ghosts=[FEDORA_PATH])
        rpm = ["rpm", "--root", self.top, "-D", "_dbpath /var/lib/rpm", "-D", "_db_backend sqlite"]
        run(rpm + ["--initdb"])
        run(rpm + ["-i", "--nodeps", "--noscripts", "--force-debian", self.rpm])
        self.put(FEDORA_PATH, FEDORA_ELF)

    def ask(self, named: Sequence[str] = (), download: bool = False) -> Union[Pristine, Refusal]:
        with Root(self.top) as root:
            (one,) = [one for one in survey(root, profile(DEFAULT)).kernels if FEDORA_PATH in one.names]
            return pristine_image(root, one, named, download)


def fedora(answer: Union[Pristine, Refusal]) -> str:
    assert isinstance(answer, Pristine), answer
    assert (answer.release, answer.path, answer.content) == (FEDORA, FEDORA_PATH, FEDORA_IMAGE)
    return answer.origin


def test_fedora(tmp_path: Any) -> None:
    guest = RpmGuest(str(tmp_path))
    assert fedora(guest.ask()) == FEDORA_MODULES
    changed = FEDORA_IMAGE[:0x100] + b"x" + FEDORA_IMAGE[0x101:]
    guest.put(FEDORA_MODULES, changed)
    answer = guest.ask()
    assert isinstance(answer, Refusal)
    assert any("sha256 is " + hashlib.sha256(changed).hexdigest() in reason for reason in answer.reasons), answer
    assert "kernel-core-6.9.7-200.fc40.x86_64" in answer.reasons[-1]
    assert fedora(guest.ask([guest.rpm])) == "kernel-core-6.9.7-200.fc40.x86_64 in " + guest.rpm


@pytest.mark.parametrize("folder", [
    "/var/cache/dnf/updates-0123456789abcdef/packages", "/var/cache/libdnf5/updates-0123456789abcdef/packages",
    "/var/cache/yum/x86_64/7/updates/packages", "/var/cache/zypp/packages/repo-oss/x86_64",
])
def test_in_a_cache_of_rpms(tmp_path: Any, folder: str) -> None:
    guest = RpmGuest(str(tmp_path))
    os.unlink(guest.top + FEDORA_MODULES)
    guest.cache(guest.rpm, folder)
    assert fedora(guest.ask()) == "kernel-core-6.9.7-200.fc40.x86_64 in {}/{}".format(folder, os.path.basename(guest.rpm))


def test_a_cache_of_folders_without_end(tmp_path: Any) -> None:
    guest = RpmGuest(str(tmp_path))
    os.unlink(guest.top + FEDORA_MODULES)
    os.makedirs(guest.top + "/var/cache/dnf/" + "/".join("deep" * 20))
    os.symlink("/var/cache/dnf", guest.top + "/var/cache/dnf/loop")
    guest.cache(guest.rpm, "/var/cache/dnf/x/packages")
    fedora(guest.ask())
