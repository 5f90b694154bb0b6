"""The files that examples are put together from: configuration, package lists, tables."""

import struct
from typing import Dict, Iterable, Mapping, Tuple

from pvhready.demo.tree import File, Link, Tree

# What every kernel of these examples has in common.
_COMMON = {
    "X86_64": "y", "SMP": "y", "ACPI": "y", "HYPERVISOR_GUEST": "y", "PARAVIRT": "y", "BLK_DEV_INITRD": "y", "DEVTMPFS": "y",
    "RD_GZIP": "y", "RD_XZ": "y", "RD_LZ4": "y", "RD_ZSTD": "y", "HAS_IOMEM": "y",
}
_LAST = "HAS_IOMEM"  # stands behind all drivers in a configuration
_XEN = {
    "XEN": "y", "XEN_PV": "y", "XEN_512GB": "y", "XEN_PV_SMP": "y", "XEN_PVHVM": "y", "XEN_PVHVM_SMP": "y", "XEN_SAVE_RESTORE": "y",
    "XEN_PVH": "y", "PVH": "y", "HVC_XEN": "y", "HVC_XEN_FRONTEND": "y", "XEN_SYS_HYPERVISOR": "y", "XEN_XENBUS_FRONTEND": "y",
    "XEN_BALLOON": "y", "XENFS": "m",
}


def symbols(**changed: str) -> Dict[str, str]:
    """Return the symbols of a kernel made for all kinds of Xen guests, ``changed`` as given; "n" for one that is not set."""
    values = dict(_COMMON)
    values.update(_XEN)
    values.update(changed)
    return values


def configuration(release: str, values: Mapping[str, str]) -> str:
    """Return a kernel's configuration file, as the kernel build writes it."""
    lines = ["#", "# Automatically generated file; DO NOT EDIT.", "# Linux/x86 {} Kernel Configuration".format(release), "#"]
    for symbol in sorted(values, key=lambda name: (name == _LAST, name)):
        value = values[symbol]
        lines.append("# CONFIG_{} is not set".format(symbol) if value == "n" else "CONFIG_{}={}".format(symbol, value))
    return "\n".join(lines) + "\n"


def system_map(root_pointer: bool) -> str:
    """Return a short System.map; ``root_pointer`` tells whether the kernel takes the RSDP from its boot parameters."""
    lines = [
        "0000000000000000 D __per_cpu_start", "ffffffff81000000 T startup_64", "ffffffff81000000 T _stext", "ffffffff81000000 T _text",
        "ffffffff810001c0 T x86_64_start_kernel", "ffffffff82a0d0f0 T xen_hvm_guest_late_init", "ffffffff82c00000 B __bss_start",
    ]
    if root_pointer:
        lines.insert(5, "ffffffff8104f3a0 T x86_default_get_root_pointer")
    return "\n".join(lines) + "\n"


def program(loader: str = "", bits: int = 64) -> bytes:
    """Return a program for x86 that does nothing: an ELF file (elf(5)) with the name of its ``loader``, "" for one that needs none."""
    name = loader.encode() + b"\0" if loader else b""
    ident = b"\x7fELF" + bytes([bits // 32, 1, 1]) + b"\0" * 9
    kind, machine, segments = (2 if loader else 3), (62 if bits == 64 else 3), 1
    head, entry = (64, 56) if bits == 64 else (52, 32)
    at = head + entry
    if bits == 64:
        header = struct.pack("<16sHHIQQQIHHHHHH", ident, kind, machine, 1, 0, head, 0, 0, head, entry, segments, 0, 0, 0)
        segment = struct.pack("<IIQQQQQQ", 3 if loader else 1, 4, at, at, at, len(name), len(name), 1)
    else:
        header = struct.pack("<16sHHIIIIIHHHHHH", ident, kind, machine, 1, 0, head, 0, 0, head, entry, segments, 0, 0, 0)
        segment = struct.pack("<IIIIIIII", 3 if loader else 1, at, at, at, len(name), len(name), 4, 1)
    return header + segment + name + b"\0" * 16


def programs(bits: int = 64) -> Tree:
    """Return what the kernel starts first: systemd behind /sbin/init, a shell, and the loader that both need."""
    loader = "/lib64/ld-linux-x86-64.so.2" if bits == 64 else "/lib/ld-linux.so.2"
    return {
        "/sbin/init": Link("../usr/lib/systemd/systemd"),  # relative: it stays in the guest's folder, whoever follows it
        "/usr/lib/systemd/systemd": File(program(loader, bits), 0o755),
        "/bin/sh": File(program(loader, bits), 0o755),
        loader: File(program("", bits), 0o755),
    }


def os_release(name: str, identifier: str, version: str, like: str = "") -> str:
    """Return /etc/os-release."""
    lines = ['PRETTY_NAME="{} {}"'.format(name, version), 'NAME="{}"'.format(name), 'VERSION_ID="{}"'.format(version), "ID=" + identifier]
    if like:
        lines.append('ID_LIKE="{}"'.format(like))
    return "\n".join(lines) + "\n"


def fstab(uuid: str, filesystem: str = "ext4") -> str:
    """Return /etc/fstab with the root file system and swap space."""
    return (
        "# <file system> <mount point> <type> <options> <dump> <pass>\n"
        "UUID={} / {} errors=remount-ro 0 1\n"
        "/dev/xvdb none swap sw 0 0\n"
    ).format(uuid, filesystem)


def default_grub(cmdline: str, always: str = "", default: str = "0", extra: str = "") -> str:
    """Return /etc/default/grub; ``cmdline`` goes to normal entries, ``always`` to recovery entries too."""
    return (
        "GRUB_DEFAULT={}\nGRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"{}\"\nGRUB_CMDLINE_LINUX=\"{}\"\n{}"
    ).format(default, cmdline, always, extra)


def grub_environment(values: Iterable[Tuple[str, str]]) -> str:
    """Return a grubenv file: 1024 bytes (GRUB: grub-core/lib/envblk.c)."""
    text = "# GRUB Environment Block\n" + "".join("{}={}\n".format(name, value) for name, value in values)
    return text.ljust(1024, "#")


def dpkg_package(name: str, files: Mapping[str, bytes], folders: Iterable[str] = ()) -> Tree:
    """Return what dpkg remembers of an installed package. ``files`` maps absolute paths to the contents that were shipped."""
    import hashlib

    paths = ["/."] + sorted(folders) + sorted(files)
    sums = "".join("{}  {}\n".format(hashlib.md5(content).hexdigest(), path.lstrip("/")) for path, content in sorted(files.items()))
    return {
        "/var/lib/dpkg/info/{}.list".format(name): "".join(path + "\n" for path in paths),
        "/var/lib/dpkg/info/{}.md5sums".format(name): sums,
    }


def dpkg_status(packages: Mapping[str, str], architecture: str = "amd64") -> str:
    """Return /var/lib/dpkg/status for ``packages`` (name to version)."""
    stanza = "Package: {}\nStatus: install ok installed\nArchitecture: {}\nVersion: {}\nDescription: example\n"
    return "\n".join(stanza.format(name, architecture, version) for name, version in sorted(packages.items()))
