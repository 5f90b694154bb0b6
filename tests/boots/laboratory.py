"""Real Xen in an emulated machine (QEMU, no KVM), made of Debian's packages. One start of Xen runs many guests.

What the emulator does wrong (QEMU 7.2), so that nobody takes it for Xen or the guest: SMAP and SMEP end dom0 at once; guests may
die of RDTSCP; Xen stops at MONITOR; AVX within a PVH guest is an invalid instruction. All of these are switched off here.
"""

import glob
import gzip
import hashlib
import os
import shutil
import subprocess
import time
from typing import Dict, List, NamedTuple, Sequence

from boots import initramfs, kernels
from support import debian, wanted

HERE = os.path.dirname(os.path.abspath(__file__))
XEN = "4.17"
_CPU = "EPYC,+svm,+npt,-smap,-smep,-rdtscp,-monitor,-avx,-avx2,-fma,-f16c"
_XEN_OPTIONS = (
    "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=1536M,max:1536M dom0_max_vcpus=1 spec-ctrl=no ucode=no"
    " cpuidle=0 mwait-idle=0"
)
_DOM0_OPTIONS = "console=hvc0 mitigations=off net.ifnames=0"
_DOM0_MODULES = (
    "virtio_pci", "virtio_blk", "ext4", "loop", "xen-gntdev", "xen-gntalloc", "xen-evtchn", "xen-privcmd", "xenfs", "xen-blkback",
)
_DOM0_PACKAGES = ("xen-utils-" + XEN, "xenstore-utils", "udev", "kmod", "e2fsprogs", "iproute2", "sed")
_MEMORY = 4096  # MiB: dom0's, and the largest guest's
_SILENCE = 150  # seconds without a word of dom0 after which the machine is given up


class Laboratory(NamedTuple):
    """The files that Xen and dom0 start from."""

    xen: str
    kernel: str
    initrd: str
    root: str


class Guest(NamedTuple):
    """A guest to be started: its disks (name to image file; xvda first), its loader, and how long it may take in seconds."""

    name: str
    mode: str
    loader: str
    disks: Dict[str, str]
    memory: int = 512
    seconds: int = 150
    extra: str = ""


class Log(NamedTuple):
    """What a guest left: how it ended, its console, Xen's log, and its seconds. ``end`` is "" when it never ran."""

    end: str
    console: str = ""
    xen: str = ""
    seconds: int = 0


def busybox(bits: int = 64) -> str:
    """Return a busybox that needs no libraries, for a kernel of 32 or 64 bits."""
    return os.path.join(debian.unpacked("busybox-static" + (":i386" if bits == 32 else ""), "bookworm"), "bin/busybox")


def prepare() -> Laboratory:
    """Return the laboratory, made at the first time. Skips the test where root, the mirror or a tool is missing."""
    wanted.root()
    for tool, package in (("qemu-system-x86_64", "qemu-system-x86"), ("mmdebstrap", "mmdebstrap"), ("debugfs", "e2fsprogs")):
        wanted.tool(tool, package)
    folder = debian.cache("boots", "laboratory-" + _fingerprint(), "")
    made = Laboratory(*(os.path.join(folder, name) for name in ("xen", "vmlinuz", "initrd", "dom0.img")))
    dom0 = kernels.kernel("debian-12")
    packed = glob.glob(debian.unpacked("xen-hypervisor-{}-amd64".format(XEN), "bookworm") + "/boot/xen-*.gz")[0]
    box = busybox()
    with debian.alone():
        if not os.path.exists(made.root):
            with gzip.open(packed) as source, open(made.xen, "wb") as target:
                shutil.copyfileobj(source, target)
            shutil.copy(dom0.image, made.kernel)
            initramfs.write(made.initrd, HERE + "/dom0/initrd-init", box, dom0, _DOM0_MODULES)
            _make_root(made.root)
    return made


def _fingerprint() -> str:
    """Return what tells this laboratory from one that other scripts made."""
    total = hashlib.sha256(repr((_DOM0_PACKAGES, _DOM0_MODULES)).encode())
    for name in ("block", "init", "initrd-init"):
        with open(os.path.join(HERE, "dom0", name), "rb") as handle:
            total.update(handle.read())
    return total.hexdigest()[:12]


def _make_root(image: str) -> None:
    directory = image + ".tree"
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.check_call([
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--skip=check/empty", "--aptopt=Acquire::Check-Valid-Until \"false\"",
        "--aptopt=APT::Install-Recommends \"false\"", "--include=" + ",".join(_DOM0_PACKAGES), "bookworm", directory,
        debian.source_line("bookworm"),
    ])
    for name in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt", "var/cache/apt", "dev"):
        shutil.rmtree(os.path.join(directory, name), ignore_errors=True)
    for name in ("dev", "guests"):
        os.mkdir(os.path.join(directory, name))
    for source, target in (("init", "boots-init"), ("block", "etc/xen/scripts/block")):
        shutil.copy(os.path.join(HERE, "dom0", source), os.path.join(directory, target))
    _image_of(directory, image + ".partial", 150)
    shutil.rmtree(directory)
    os.rename(image + ".partial", image)


def _image_of(directory: str, image: str, spare: int) -> None:
    """Make an ext4 image of a directory, with ``spare`` MiB left free."""
    size = int(subprocess.check_output(["du", "-sm", directory]).split()[0])
    with open(image, "wb") as handle:
        handle.truncate((size + size // 8 + spare) << 20)
    subprocess.check_call(["mkfs.ext4", "-q", "-d", directory, image])


def run(made: Laboratory, guests: Sequence[Guest], folder: str) -> Dict[str, Log]:
    """Start Xen once and all guests in turn; return what each left. ``folder`` is for the files of this run."""
    disk = _guests_disk(guests, folder)
    serial = os.path.join(folder, "xen.log")
    limit = 180 + sum(guest.seconds + 40 for guest in guests)
    command = [
        "timeout", str(limit), "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", _CPU, "-smp", "1", "-m", str(_MEMORY),
        "-no-reboot", "-display", "none", "-monitor", "none", "-nodefaults", "-serial", "file:" + serial,
        "-kernel", made.xen, "-append", _XEN_OPTIONS,
        "-initrd", "{} {},{}".format(made.kernel, _DOM0_OPTIONS, made.initrd),
    ]
    for number, (image, options) in enumerate(((made.root, ",snapshot=on"), (disk, ""))):
        command += ["-drive", "file={},format=raw,if=none,id=d{},cache=unsafe{}".format(image, number, options)]
        command += ["-device", "virtio-blk-pci,drive=d{}".format(number)]
    with open(os.path.join(folder, "qemu.log"), "w") as errors:
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    try:
        _wait(machine, serial)
    finally:
        machine.terminate()
        machine.wait()
    logs = _logs(disk, folder, guests)
    os.remove(disk)
    return logs


def _wait(machine: "subprocess.Popen[bytes]", serial: str) -> None:
    """Wait for the machine to end. Now and then its processor is never woken again: then dom0, which talks all the time, is silent."""
    size, since = -1, time.monotonic()
    while machine.poll() is None:
        time.sleep(1)
        now = os.path.getsize(serial) if os.path.exists(serial) else 0
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > _SILENCE:
            return


def last_words(folder: str) -> str:
    """Return the end of what Xen and dom0 said."""
    return " | ".join(_text(os.path.join(folder, "xen.log")).splitlines()[-3:]) or "none"


def _guests_disk(guests: Sequence[Guest], folder: str) -> str:
    top = os.path.join(folder, "disk")
    shutil.rmtree(top, ignore_errors=True)
    for name in ("config", "disk", "loader", "log"):
        os.makedirs(os.path.join(top, name))
    shutil.copy(HERE + "/dom0/run", top)
    lines: List[str] = []
    for guest in guests:
        loader_name = "{}-{}".format(guest.name, os.path.basename(guest.loader))
        shutil.copy(guest.loader, os.path.join(top, "loader", loader_name))
        names: List[str] = []
        for device, image in guest.disks.items():
            names.append("{}.{}".format(guest.name, device))
            os.rename(image, os.path.join(top, "disk", names[-1]))
        with open(os.path.join(top, "config", guest.name), "w") as handle:
            handle.write(_domain(guest, loader_name))
        lines.append("{} {} {}\n".format(guest.name, guest.seconds, " ".join(names)))
    with open(os.path.join(top, "list"), "w") as handle:
        handle.writelines(lines)
    image = os.path.join(folder, "guests.img")
    _image_of(top, image, 80)
    shutil.rmtree(top)
    return image


def _domain(guest: Guest, loader_name: str) -> str:
    disks = ", ".join('"phy:@{}.{}@,{},w"'.format(guest.name, device, device) for device in guest.disks)
    return (
        'name="{}"\ntype="{}"\nkernel="/guests/loader/{}"\nmemory={}\nvcpus=1\ndisk=[{}]\n'
        'on_poweroff="destroy"\non_reboot="destroy"\non_crash="destroy"\n{}\n'
    ).format(guest.name, "pvh" if guest.mode == "pvh" else "pv", loader_name, guest.memory, disks, guest.extra)


def _logs(disk: str, folder: str, guests: Sequence[Guest]) -> Dict[str, Log]:
    top = os.path.join(folder, "out")
    shutil.rmtree(top, ignore_errors=True)
    os.mkdir(top)
    subprocess.call(["e2fsck", "-fy", disk], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.call(["debugfs", "-R", "rdump /log " + top, disk], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = {}
    for guest in guests:
        words = (_text(top + "/log/" + guest.name + ".end") + " 0").split()
        end = words[0] if len(words) == 3 else ""
        console = _text(top + "/log/guest-" + guest.name + ".log") or _text(top + "/log/" + guest.name + ".xl")
        found[guest.name] = Log(end, console, _text(top + "/log/" + guest.name + ".xen"), int(words[1]) if end else 0)
    return found


def _text(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as handle:
        return handle.read()
