#!/usr/bin/env python3
"""Writes tests/data/grub-cfg anew: what the real grub-mkconfig of Debian 11, 12, 13 and sid makes of varied settings.

As root: ``python3 tests/grub/make_configs.py FOLDER``. Where a setup calls for it, grub-reboot and grub-set-default
write the environment block beside it. What looks at disks is a stand-in: grub-probe, grub-mkrelpath, os-prober.
"""

import os
import shutil
import struct
import subprocess
import sys
from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from support import debian  # noqa: E402

ROOT_UUID = "5e7d1c0a-3b52-4f86-9a0e-2f4f6f0d8a11"
BOOT_UUID = "c2a9b4d7-1f0e-4c35-8d66-7b9e0a3c5f42"
OTHER_UUID = "91d0e6b3-7a48-4b1c-b0d5-64c1f8e2a093"
KERNELS = ("6.1.0-13-amd64", "6.1.0-9-amd64")
_PACKAGES = ("grub-common", "grub2-common", "gettext-base")
_EXTRAS = ("memtest86+", "ipxe", "grml-rescueboot", "grub-imageboot")  # have scripts of their own in /etc/grub.d

_PROBE = """#!/bin/sh
boot={boot}
device=/dev/{device}
uuid={root_uuid}
case " $* " in
*" /boot "* | *" /boot/"* | *" --device /dev/xvda2 "*) [ $boot = no ] || {{ device=/dev/xvda2; uuid={boot_uuid}; }} ;;
*" --device /dev/xvdb1 "*) device=/dev/xvdb1; uuid={other_uuid} ;;
esac
case " $* " in
*" --target=device "* | *" -t device "*) echo $device ;;
*" --target=fs_uuid "*) echo $uuid ;;
*" --target=fs "* | *" -t fs "*) [ $device = /dev/xvda2 ] && echo ext2 || echo {filesystem} ;;
*" --target=partmap "*) echo msdos ;;
*" --target=abstraction "* | *" -t abstraction "*) [ $device = /dev/xvda2 ] || echo {abstraction} ;;
*" --target=compatibility_hint "*)
    [ $device = /dev/{device} ] && echo {hint} || echo "xen/${{device#/dev/}}" | sed 's/\\([0-9]\\)$/,msdos\\1/' ;;
*" --target=hints_string "*) echo "--hint='$("$0" --target=compatibility_hint --device $device)'" ;;
*" --target=drive "*) ;;
*) exit 1 ;;
esac
"""
_RELATIVE = """#!/bin/sh
for path; do :; done
case "$path" in
/boot) echo "{prefix}" ;;
/boot/*) echo "{prefix}${{path#/boot}}" ;;
*) echo "{top}${{path%/}}" ;;
esac
"""
_OS_PROBER = "#!/bin/sh\necho '/dev/xvdb1:Debian GNU/Linux 10 (buster):Debian:linux'\n"
_BOOT_PROBER = (
    "#!/bin/sh\necho '/dev/xvdb1:/dev/xvdb1:Debian GNU/Linux, with Linux 4.19.0-25-amd64:/boot/vmlinuz-4.19.0-25-amd64:"
    "/boot/initrd.img-4.19.0-25-amd64:root=/dev/xvdb1 ro quiet'\n"
)
_CUSTOM = """
menuentry "Rescue, with \\"quotes\\" and a > sign" --id rescue --unrestricted {
	search --no-floppy --fs-uuid --set=root """ + ROOT_UUID + """
	linux /boot/vmlinuz-6.1.0-9-amd64 root=UUID=""" + ROOT_UUID + """ ro single \\
		console=hvc0
	initrd /boot/initrd.img-6.1.0-9-amd64
}
"""
_PASSWORD = """
set superusers="root"
password_pbkdf2 root grub.pbkdf2.sha512.10000.9D1F2C.51A7E3
"""
_COMMON = "GRUB_DISTRIBUTOR=Debian\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=quiet\nGRUB_CMDLINE_LINUX=console=hvc0\n"
_SHORT = _COMMON + "GRUB_DISABLE_RECOVERY=true\n"


class Setup(NamedTuple):
    """One configuration: lines of /etc/default/grub, what is in 40_custom, and what the machine is like."""

    name: str
    settings: str
    custom: str = ""
    kernels: Tuple[str, ...] = KERNELS
    files: Tuple[str, ...] = ()
    own_boot: bool = False
    filesystem: str = "ext2"
    abstraction: str = ""
    device: str = "xvda1"
    hint: str = "xen/xvda,msdos1"
    relative: str = "/boot"
    top: str = ""
    commands: Tuple[Tuple[str, ...], ...] = ()
    prober: bool = False
    packages: Tuple[str, ...] = ()


def _debian(name: str, settings: str = _SHORT, **changes: object) -> Setup:
    return Setup(name, settings, **changes)  # type: ignore[arg-type]


SETUPS: Dict[str, List[Setup]] = {
    "bullseye": [
        _debian("plain", "GRUB_DEFAULT=0\n" + _COMMON),
        _debian("saved", "GRUB_DEFAULT=saved\nGRUB_SAVEDEFAULT=true\nGRUB_DISABLE_SUBMENU=y\n" + _SHORT, commands=(
            ("grub-set-default", "gnulinux-6.1.0-9-amd64-advanced-" + ROOT_UUID),)),
    ],
    "bookworm": [
        _debian("plain", "GRUB_DEFAULT=0\n" + _COMMON),
        _debian("number", 'GRUB_DEFAULT="1>1"\n' + _SHORT),
        _debian("identifier", "GRUB_DEFAULT='gnulinux-advanced-{0}>gnulinux-6.1.0-9-amd64-advanced-{0}'\n".format(ROOT_UUID) + _SHORT),
        _debian("title", 'GRUB_DEFAULT="Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-9-amd64"\n' + _SHORT),
        _debian("once", "GRUB_DEFAULT=saved\n" + _SHORT, commands=(("grub-set-default", "0"), ("grub-reboot", "1>1"))),
        _debian("password", "GRUB_DEFAULT=0\n" + _SHORT, custom=_PASSWORD),
        _debian("custom", "GRUB_DEFAULT=rescue\nGRUB_TIMEOUT_STYLE=hidden\n" + _SHORT, custom=_CUSTOM),
        _debian("serial", 'GRUB_DEFAULT=0\nGRUB_TERMINAL="console serial"\nGRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"\n'
                'GRUB_TIMEOUT_STYLE=countdown\n' + _SHORT),
        _debian("boot", "GRUB_DEFAULT=0\n" + _SHORT, own_boot=True, relative=""),
        _debian("btrfs", "GRUB_DEFAULT=0\n" + _SHORT, filesystem="btrfs", relative="/@rootfs/boot", top="/@rootfs"),
        _debian("lvm", "GRUB_DEFAULT=0\n" + _SHORT, abstraction="lvm", device="mapper/vg0-root", hint="lvm/vg0-root"),
        _debian("xen", "GRUB_DEFAULT=0\n" + _SHORT, files=("xen-4.17-amd64.gz",)),
        _debian("prober", "GRUB_DEFAULT=0\nGRUB_DISABLE_OS_PROBER=false\n" + _SHORT, prober=True),
        _debian("extras", "GRUB_DEFAULT=0\n" + _SHORT, packages=_EXTRAS, files=(
            "grml/grml64-small_2022.11.iso", "images/dos.img", "images/rescue.iso")),
        _debian("backup", "GRUB_DEFAULT=0\n" + _SHORT, kernels=KERNELS + ("6.1.0-13-amd64.bak", "6.1.0-9-amd64.old")),
    ],
    "trixie": [
        _debian("plain", "GRUB_DEFAULT=0\n" + _SHORT),
        _debian("top", "GRUB_DEFAULT=0\nGRUB_TOP_LEVEL=/boot/vmlinuz-6.1.0-9-amd64\n" + _SHORT),
        _debian("saved", "GRUB_DEFAULT=saved\n" + _SHORT, commands=(("grub-set-default", "1>0"),)),
        _debian("device", "GRUB_DEFAULT=0\nGRUB_DISABLE_LINUX_UUID=true\nGRUB_DISABLE_UUID=true\nGRUB_TIMEOUT_STYLE=menu\n" + _SHORT),
        _debian("xen", 'GRUB_DEFAULT="Debian GNU/Linux, with Xen hypervisor"\n' + _SHORT,
                files=("xen-4.20-amd64.gz",), kernels=KERNELS[:1]),
    ],
    "sid": [
        _debian("plain", "GRUB_DEFAULT=0\n" + _COMMON),
        _debian("boot", "GRUB_DEFAULT=0\n" + _SHORT, own_boot=True, relative="", abstraction="lvm", device="mapper/vg0-root",
                hint="lvm/vg0-root"),
        _debian("once", "GRUB_DEFAULT=saved\n" + _SHORT, commands=(("grub-set-default", "1>1"), ("grub-reboot", "1>0"))),
        _debian("flat", "GRUB_DEFAULT=1\nGRUB_DISABLE_SUBMENU=y\n" + _SHORT),
    ],
}


def main(folder: str) -> None:
    """Write all configurations into ``folder``."""
    os.makedirs(folder, exist_ok=True)
    for suite, setups in SETUPS.items():
        for setup in setups:
            directory = _chroot(suite, setup.packages)
            _prepare(directory, setup)
            _run(["chroot", directory, "grub-mkconfig", "-o", "/boot/grub/grub.cfg"])
            for command in setup.commands:
                _run(["chroot", directory] + list(command))
            for name, ending in (("grub.cfg", ".cfg"), ("grubenv", ".grubenv")):
                made = directory + "/boot/grub/" + name
                if os.path.exists(made):
                    shutil.copyfile(made, os.path.join(folder, "{}-{}{}".format(suite, setup.name, ending)))


def _chroot(suite: str, packages: Sequence[str]) -> str:
    directory = debian.cache("trees", "mkconfig-" + "-".join((suite,) + tuple(packages)))
    with debian.alone():
        if not os.path.isdir(directory):
            shutil.rmtree(directory + ".partial", ignore_errors=True)
            _run([
                "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--skip=check/empty",
                "--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=APT::Install-Recommends \"false\"",
                "--include=" + ",".join(_PACKAGES + tuple(packages)), suite, directory + ".partial", debian.source_line(suite)])
            os.rename(directory + ".partial", directory)
    return directory


def _prepare(directory: str, setup: Setup) -> None:
    for name in ("/dev/disk", "/dev/mapper", "/boot/grub"):
        shutil.rmtree(directory + name, ignore_errors=True)
    for name in os.listdir(directory + "/boot"):
        if name.startswith(("vmlinuz-", "initrd.img-", "config-", "xen-")):
            os.unlink(directory + "/boot/" + name)
    os.makedirs(directory + "/boot/grub")
    for uuid in (ROOT_UUID, BOOT_UUID):
        _write(directory + "/dev/disk/by-uuid/" + uuid, "")
    _write(directory + "/dev/" + setup.device, "")
    for release in setup.kernels:
        for name in ("vmlinuz-", "initrd.img-"):
            _write(directory + "/boot/" + name + release, "x")
        _write(directory + "/boot/config-" + release, "CONFIG_XEN_DOM0=y\n")
    for name in setup.files:
        _write(directory + "/boot/" + name, _multiboot2_header())
    _write(directory + "/etc/default/grub", setup.settings)
    start = "#!/bin/sh\nexec tail -n +3 $0\n"
    _write(directory + "/etc/grub.d/40_custom", start + setup.custom, 0o755)
    values = dict(
        setup._asdict(), boot="yes" if setup.own_boot else "no", root_uuid=ROOT_UUID, boot_uuid=BOOT_UUID, other_uuid=OTHER_UUID,
        prefix=setup.relative)
    _write(directory + "/usr/sbin/grub-probe", _PROBE.format(**values), 0o755)
    _write(directory + "/usr/bin/grub-mkrelpath", _RELATIVE.format(**values), 0o755)
    _write(directory + "/usr/bin/os-prober", _OS_PROBER if setup.prober else "#!/bin/sh\n", 0o755)
    _write(directory + "/usr/bin/linux-boot-prober", _BOOT_PROBER, 0o755)


def _multiboot2_header() -> bytes:
    """Return what ``grub-file --is-x86-multiboot2`` looks for in a hypervisor."""
    magic, length = 0xE85250D6, 24
    return struct.pack("<IIIIHHI", magic, 0, length, -(magic + length) & 0xFFFFFFFF, 0, 0, 8) + bytes(4096)


def _write(path: str, content: Union[str, bytes], mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "wb") as handle:
        handle.write(content.encode() if isinstance(content, str) else content)
    os.chmod(path, mode)


def _run(command: Sequence[str]) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if name in os.environ:
            environment[name] = os.environ[name]
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main(sys.argv[1])
