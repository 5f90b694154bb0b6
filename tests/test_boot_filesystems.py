"""What the host's GRUB reads of /boot: images made by the real mkfs programs, and grub-fstest and blkid as the oracles."""

import os
import subprocess

import pytest

from pvhready.host import profile
from pvhready.root import Root
from pvhready.rules.bootfs import judge_boot_systems
from pvhready.survey import survey
from support import images, wanted
from support.trees import UUID

FAIL, UNKNOWN, PASS, INFO = "fail", "unknown", "pass", "info"
CHECK = "boot-filesystem"
VERDICTS = {FAIL: "not-ready", UNKNOWN: "unknown", PASS: "ready", INFO: "ready"}
HOSTS = ("bitfolk", "debian-11", "debian-12", "debian-13", "debian-sid")


def said(report):
    """Return the status of the one finding on a boot file system under the target."""
    statuses = {check["status"] for check in report["checks"] if check["id"].startswith(CHECK)}
    assert len(statuses) == 1, report["checks"]
    return statuses.pop()


def judged(pvhready, directory, host, *devices):
    words = [word for device in devices for word in ("--device", device)]
    report = pvhready.check(directory, "--host", host, *words)
    assert report["verdict"] == VERDICTS[said(report)], [check for check in report["checks"] if check["status"] in (FAIL, UNKNOWN)]
    assert report["modes"]["pv"] == report["modes"]["pvh"]
    return said(report)


# A file system, and what is said of it for bitfolk, Debian 11, 12, 13 and sid. The measured ones: boots with pvhgrub of Debian 12, 13 and
# sid, and grub-fstest of all four.
TABLE = [
    ("ext2", "", (PASS,) * 5),
    ("ext4", "-O ^metadata_csum_seed,^orphan_file", (PASS,) * 5),
    ("ext4", "-O orphan_file,^metadata_csum_seed", (PASS,) * 5),
    ("ext4", "-O metadata_csum_seed", (UNKNOWN, FAIL, PASS, PASS, PASS)),
    ("ext4", "-O metadata_csum_seed,orphan_file", (UNKNOWN, FAIL, PASS, PASS, PASS)),
    ("ext4", "-O large_dir", (UNKNOWN, FAIL, PASS, PASS, PASS)),
    ("ext4", "-O 64bit,inline_data", (FAIL,) * 5),
    ("ext4", "-O casefold", (FAIL,) * 5),
    ("ext4", "-O bigalloc", (FAIL,) * 5),
    ("ext4", "-O ea_inode", (FAIL,) * 5),
    ("ext4", "-O encrypt", (PASS,) * 5),
    ("ext4", "-O verity", (PASS,) * 5),
    ("ext4", "-O mmp", (PASS,) * 5),
    ("ext4", "-O quota,project", (PASS,) * 5),
    ("ext4", "-O meta_bg,^resize_inode", (PASS,) * 5),
    ("xfs", "-m crc=0", (UNKNOWN, PASS, PASS, PASS, PASS)),
    ("xfs", "-m bigtime=0,inobtcount=0 -i nrext64=0", (PASS,) * 5),
    ("xfs", "-m bigtime=1 -i nrext64=0", (UNKNOWN, PASS, PASS, PASS, PASS)),
    ("xfs", "-i nrext64=1", (UNKNOWN, UNKNOWN, PASS, PASS, PASS)),
    ("xfs", "-m crc=0 -n version=ci", (FAIL,) * 5),
    ("btrfs", "", (PASS,) * 5),
    ("btrfs", "--mixed", (PASS,) * 5),
    ("btrfs", "--csum sha256", (PASS,) * 5),
    ("f2fs", "", (UNKNOWN, PASS, PASS, PASS, PASS)),
    ("f2fs", "-O encrypt,verity", (UNKNOWN, PASS, PASS, PASS, PASS)),
    ("f2fs", "-O extra_attr,compression", (FAIL,) * 5),
]
NAMES = ["{} {}".format(kind, options) for kind, options, _ in TABLE]


def answers(directory, image):
    """Return what the rule says on each host, without a process for each."""
    with Root(directory) as root:
        facts = survey(root, profile("bitfolk"), devices=[image])
    return tuple(judge_boot_systems("pvh", profile(host), facts)[0].status for host in HOSTS)


@pytest.mark.parametrize("kind,options,expected", TABLE, ids=NAMES)
def test_features(kind, options, expected, guest, tmp_path, pvhready):
    directory = guest()
    image = images.make(kind, str(tmp_path / "image"), options.split(), UUID)
    assert answers(directory, image) == expected
    assert judged(pvhready, directory, "debian-12", image) == expected[HOSTS.index("debian-12")]


@pytest.mark.parametrize("kind,options,expected", TABLE, ids=NAMES)
def test_grub_itself_says_the_same(kind, options, expected, guest, tmp_path):
    """grub-fstest has the file systems of the GRUB that it was built with; it compares a file of several extents."""
    host = _host_of_grub()
    folder = str(tmp_path / "files")
    os.makedirs(folder + "/boot")
    with open(folder + "/boot/vmlinuz", "wb") as handle:
        handle.write(os.urandom(3 * images.MIB))
    image = images.make(kind, str(tmp_path / "image"), options.split(), UUID, folder)
    result = subprocess.run(
        [wanted.tool("grub-fstest", "grub-common"), image, "cmp", "/boot/vmlinuz", folder + "/boot/vmlinuz"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (PASS if result.returncode == 0 else FAIL) == answers(guest(), image)[HOSTS.index(host)], result.stdout


def _host_of_grub():
    """Return the profile of the Debian release that this machine's GRUB is of."""
    wanted.tool("grub-fstest", "grub-common")
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "grub-common"], stdout=subprocess.PIPE, universal_newlines=True)
    for version, host in (("2.06-13", "debian-12"), ("2.12-9", "debian-13"), ("2.14-4", "debian-sid")):
        if query.stdout.startswith(version):
            return host
    return wanted.skip("a grub-common of Debian 12, 13 or sid as it was released")


@pytest.mark.parametrize("bit,name,expected", [
    (0x40, "exchange", (UNKNOWN, FAIL, FAIL, FAIL, PASS)), (0x80, "parent", (UNKNOWN, FAIL, FAIL, FAIL, PASS)),
    (0x100, "metadir", (UNKNOWN, FAIL, FAIL, FAIL, PASS)), (0x8000, "incompat-0x8000", (UNKNOWN,) * 5),
])
def test_newer_xfs(bit, name, expected, guest, tmp_path, pvhready):
    """What mkfs.xfs 7 sets by itself, the mkfs here need not know: the bit is set by hand, and GRUB has to agree."""
    directory = guest()
    image = images.make("xfs", str(tmp_path / "image"), ["-m", "bigtime=0,inobtcount=0"], UUID)
    with open(image, "r+b") as handle:
        handle.seek(216)
        flags = int.from_bytes(handle.read(4), "big") & ~0x20 | bit
        handle.seek(216)
        handle.write(flags.to_bytes(4, "big"))
    assert answers(directory, image) == expected
    report = pvhready.check(directory, "--device", image)
    assert name in next(check["summary"] for check in report["checks"] if check["id"] == CHECK + "-feature")


@pytest.mark.download
def test_xfs_of_debian_13(guest, tmp_path):
    """xfsprogs 6.13 makes what later releases make by default; it needs Debian 13's libraries."""
    from support import debian

    folder = str(tmp_path / "trixie")
    with debian.alone():
        apt = debian.Apt()
        names = "xfsprogs libc6 libblkid1 libuuid1 libinih1 liburcu8t64 libedit2 libbsd0 libmd0 libtinfo6"
        for package in names.split():
            images.run("dpkg", "-x", apt.download(package, "trixie"), folder)
    libraries = folder + "/usr/lib/x86_64-linux-gnu"
    loader, program = libraries + "/ld-linux-x86-64.so.2", folder + "/usr/sbin/mkfs.xfs"
    for options, expected in (("-i exchange=1", (FAIL, PASS)), ("-n parent=1", (FAIL, PASS)), ("-i exchange=0 -n parent=0", (PASS, PASS))):
        image = images.empty(str(tmp_path / "image"), 400 * images.MIB)
        images.run(loader, "--library-path", libraries, program, "-q", "-f", "-m", "uuid=" + UUID, *(options.split() + [image]))
        assert answers(guest(), image)[-2:] == expected, options


# Which of several file systems

FSTAB = "UUID={0} /boot ext4 defaults 0 2\nUUID={1} / ext4 errors=remount-ro 0 1\n"
OTHER = "7a1d9c3e-52c8-4e0b-9a57-3f1f0cb52d11"


def test_boot_of_its_own(guest, tmp_path, pvhready):
    """The features of / do not matter where /boot is a file system of its own, and those of /boot do."""
    directory = guest(changes={"/etc/fstab": FSTAB.format(OTHER, UUID)})
    plain = ["-O", "^metadata_csum_seed"]
    odd = ["-O", "inline_data"]
    for boot, root, expected in ((plain, odd, PASS), (odd, plain, FAIL)):
        first = images.make("ext4", str(tmp_path / "boot"), boot, OTHER)
        second = images.make("ext4", str(tmp_path / "root"), root, UUID)
        report = pvhready.check(directory, "--host", "debian-12", "--device", first, "--device", second)
        assert said(report) == expected
        assert {check["subject"] for check in report["checks"] if check["id"].startswith(CHECK)} == {"/boot"}


@pytest.mark.parametrize("label,lines,place,number", [
    ("dos", ["start=1MiB, size=64MiB, type=82", "start=100MiB, size=200MiB, type=83"], 100, 2),
    ("dos", ["start=1MiB, size=32MiB, type=83", "start=40MiB, size=400MiB, type=5", "start=41MiB, size=64MiB, type=83",
             "start=110MiB, size=64MiB, type=83", "start=200MiB, size=200MiB, type=83"], 200, 7),
    ("gpt", ["start=1MiB, size=2MiB, type=21686148-6449-6E6F-744E-656564454649", "start=100MiB, size=200MiB"], 100, 2),
])
@pytest.mark.parametrize("named", ["UUID=" + UUID, "/dev/xvda{}", "PARTUUID={}"])
def test_whole_disks(label, lines, place, number, named, guest, tmp_path, pvhready):
    for options, expected in (("^metadata_csum_seed", PASS), ("^metadata_csum_seed,inline_data", FAIL)):
        part = images.make("ext4", str(tmp_path / "part"), ["-O", options], UUID)
        disk = images.disk(str(tmp_path / "disk"), label, lines, {place: part})
        partuuid = _partuuid(disk, number)
        fstab = named.format(partuuid if "PARTUUID" in named else number) + " / ext4 defaults 0 1\n"
        directory = guest(changes={"/etc/fstab": fstab})
        assert said(pvhready.check(directory, "--host", "debian-12", "--device", disk)) == expected


def _partuuid(disk, number):
    """Return what Linux calls a partition: GPT has an id for each, the old table one for the disk (block/partitions/msdos.c)."""
    sfdisk = wanted.tool("sfdisk", "fdisk")
    dump = subprocess.check_output([sfdisk, "--dump", disk], universal_newlines=True)
    if "label: gpt" in dump:
        return subprocess.check_output([sfdisk, "--part-uuid", disk, str(number)], universal_newlines=True).strip().lower()
    return "{}-{:02x}".format(dump.partition("label-id: 0x")[2].split()[0], number)


@pytest.mark.parametrize("words,bitfolk,debian", [
    ("--type luks1", UNKNOWN, FAIL), ("--type luks2 --pbkdf pbkdf2", UNKNOWN, FAIL),
    ("--type luks2 --pbkdf argon2id --pbkdf-memory 32 --pbkdf-parallel 1", UNKNOWN, FAIL),
    ("--type luks2 --pbkdf argon2i --pbkdf-memory 32 --pbkdf-parallel 1", UNKNOWN, FAIL),
])
def test_encrypted(words, bitfolk, debian, guest, tmp_path, pvhready):
    """What a container needs of GRUB; Debian's images never ask for a passphrase before they look for grub.cfg."""
    from pvhready.probes.given import read_given

    image = images.empty(str(tmp_path / "luks"), 32 * images.MIB)
    key = str(tmp_path / "key")
    with open(key, "w", encoding="ascii") as handle:
        handle.write("secret")
    cryptsetup = wanted.tool("cryptsetup", "cryptsetup-bin")
    images.run(cryptsetup, "luksFormat", "-q", "--uuid", OTHER, "--iter-time", "1", *(words.split() + [image, key]))
    content, = read_given([image])[0].contents
    kind = "luks1" if "luks1" in words else "luks2:" + words.split()[3]
    assert (content.filesystem, content.uuid, content.features) == ("crypto_LUKS", OTHER, (kind,))
    crypttab = "root_crypt UUID={} none luks\n".format(OTHER)
    directory = guest(changes={"/etc/fstab": "/dev/mapper/root_crypt / ext4 defaults 0 1\n", "/etc/crypttab": crypttab})
    assert said(pvhready.check(directory, "--device", image)) == bitfolk
    assert said(pvhready.check(directory, "--host", "debian-12", "--device", image)) == debian
    assert said(pvhready.check(directory)) == UNKNOWN
    assert said(pvhready.check(directory, "--host", "debian-12")) == FAIL
    # A file system that is not in sight may be in the container.
    assert said(pvhready.check(guest(), "--device", image)) == UNKNOWN
    expected = {"luks1": UNKNOWN, "luks2:pbkdf2": UNKNOWN, "luks2:argon2id": FAIL, "luks2:argon2i": FAIL}
    assert said(pvhready.check(directory, "--host", "upstream-2.06", "--device", image)) == expected[kind]


def test_a_boot_on_vfat(guest, tmp_path, pvhready):
    """A FAT's first sector ends as a partition table does."""
    image = images.make("vfat", str(tmp_path / "image"), (), "1234ABCD")
    fstab = "UUID=1234-ABCD /boot vfat defaults 0 2\nUUID={} / ext4 defaults 0 1\n".format(UUID)
    root = images.make("ext4", str(tmp_path / "root"), ["-O", "inline_data"], UUID)
    directory = guest(changes={"/etc/fstab": fstab})
    assert said(pvhready.check(directory, "--device", image, "--device", root)) == PASS
    disk = images.disk(str(tmp_path / "disk"), "gpt", ["start=1MiB, size=64MiB", "start=100MiB, size=200MiB"], {1: image, 100: root})
    assert said(pvhready.check(directory, "--device", disk)) == PASS


def test_what_is_not_known_on_a_disk_may_be_what_is_looked_for(guest, tmp_path, pvhready):
    """Otherwise a root in a file system that is not known here would be called missing."""
    part = images.make("ext4", str(tmp_path / "part"), (), OTHER)
    for kind, expected in (("83", UNKNOWN), ("82", INFO)):
        lines = ["start=1MiB, size=64MiB, type=83", "start=100MiB, size=200MiB, type=" + kind]
        disk = images.disk(str(tmp_path / "disk"), "dos", lines, {1: part})
        report = pvhready.check(guest(), "--device", disk)
        assert said(report) == expected
        assert ("root-device-missing" in [check["id"] for check in report["checks"]]) == (expected == INFO)


def test_an_older_file_system_below_the_partitions(guest, tmp_path, pvhready):
    """Only ids tell which of the two a disk holds."""
    part = images.make("ext4", str(tmp_path / "part"), ["-O", "^metadata_csum_seed"], UUID)
    disk = images.disk(str(tmp_path / "disk"), "dos", ["start=1MiB, size=64MiB, type=83"], {1: part})
    old = images.make("ext4", str(tmp_path / "old"), ["-O", "inline_data"], OTHER)
    with open(old, "rb") as source, open(disk, "r+b") as target:
        source.seek(1024)
        target.seek(1024)
        target.write(source.read(1024))
    assert judged(pvhready, guest(), "debian-12", disk) == PASS


# Without a device

@pytest.mark.parametrize("filesystem,expected", [
    ("ext4", (INFO, INFO)), ("ext3", (INFO, INFO)), ("xfs", (INFO, INFO)), ("btrfs", (INFO, INFO)), ("auto", (INFO, INFO)),
    ("f2fs", (UNKNOWN, INFO)), ("zfs", (UNKNOWN, UNKNOWN)), ("bcachefs", (FAIL, FAIL)),
])
def test_by_the_type_alone(filesystem, expected, guest, pvhready):
    directory = guest(changes={"/etc/fstab": "UUID={} / {} defaults 0 1\n".format(UUID, filesystem)})
    assert tuple(said(pvhready.check(directory, "--host", host)) for host in ("bitfolk", "debian-12")) == expected


def test_it_is_said_that_features_were_not_judged(guest, pvhready):
    directory = guest()
    report = pvhready.check(directory)
    assert report["verdict"] == "ready"
    finding, = [check for check in report["checks"] if check["id"] == CHECK + "-not-judged"]
    assert "/etc/fstab" in finding["summary"] and "--device" in finding["summary"]
    assert CHECK in pvhready("check", "--root", directory, "-v").out and CHECK not in pvhready("check", "--root", directory).out


def test_a_volume_group_beside_encryption(guest, pvhready):
    """A logical volume may lie in the container that crypttab speaks of."""
    fstab = {"/etc/fstab": "/dev/mapper/vg-root / ext4 defaults 0 1\n"}
    assert said(pvhready.check(guest(changes=fstab))) == INFO
    assert said(pvhready.check(guest(changes=dict(fstab, **{"/etc/crypttab": "pv_crypt /dev/xvda2 none luks\n"})))) == UNKNOWN


def test_remedies(guest, tmp_path, pvhready):
    image = images.make("ext4", str(tmp_path / "image"), ["-O", "metadata_csum_seed"], UUID)
    report = pvhready.check(guest(), "--host", "debian-11", "--device", image)
    finding, = [check for check in report["checks"] if check["id"] == CHECK + "-feature" and check["mode"] == "pvh"]
    assert ["tune2fs", "-O", "^metadata_csum_seed", "/dev/disk/by-uuid/" + UUID] in [remedy["argv"] for remedy in finding["remedies"]]
    assert any("debian-12" in remedy["text"] for remedy in finding["remedies"])
    # Where nobody knows, to ask comes first.
    output = pvhready("check", "--root", guest(), "--device", image, "-q").out
    assert "UNKNOWN" in output and "Next: Ask the provider" in output
    # The command is one that helps.
    images.run(wanted.tool("tune2fs", "e2fsprogs"), "-O", "^metadata_csum_seed", image)
    assert said(pvhready.check(guest(), "--host", "debian-11", "--device", image)) == PASS


def test_one_id_on_two_devices(guest, tmp_path, pvhready):
    """A copy that is not alike: nobody knows which one GRUB takes."""
    first = images.make("ext4", str(tmp_path / "first"), ["-O", "^metadata_csum_seed"], UUID)
    second = images.make("ext4", str(tmp_path / "second"), ["-O", "inline_data"], UUID)
    assert said(pvhready.check(guest(), "--host", "debian-12", "--device", first, "--device", second)) != PASS
    copy = images.make("ext4", str(tmp_path / "copy"), ["-O", "^metadata_csum_seed"], UUID)
    assert said(pvhready.check(guest(), "--host", "debian-12", "--device", first, "--device", copy)) == PASS


@pytest.mark.parametrize("fstab,expected", [
    ("", FAIL), ("/dev/xvda1 / ext4 defaults 0 1\n", FAIL), ("/dev/xvda1 / ext4 defaults 0 1\n/dev/xvda2 none swap sw 0 0\n", FAIL),
    ("/dev/xvda1 / ext4 defaults 0 1\n/dev/xvda2 /home ext4 defaults 0 2\n", INFO), ("LABEL=other / ext4 defaults 0 1\n", INFO),
])
def test_a_device_without_an_id_in_fstab(fstab, expected, guest, tmp_path, pvhready):
    image = images.make("ext4", str(tmp_path / "image"), ["-O", "inline_data"], UUID)
    assert said(pvhready.check(guest(changes={"/etc/fstab": fstab}), "--host", "debian-12", "--device", image)) == expected
