"""The layers below the root's file system, as LVM, encryption, RAID: their drivers, and the programs that put them together."""

from pvhready.cmdline import Argument
from pvhready.devicenames import layer_of
from pvhready.facts import PVH, Entry, Facts, Kernel, Storage
from pvhready.findings import FAIL, UNKNOWN, Evidence, Finding
from pvhready.rules import remedies
from pvhready.rules.cmdline import has_xen_console
from pvhready.rules.initramfs import has_program, is_proved
from pvhready.rules.rootdriver import judge_driver, on_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple

# What a layer below the file system takes. Each driver of a layer is needed, while one of a file system's will do.
_MAPPER = ("BLK_DEV_DM", "dm_mod")
_LAYERS = {"lvm": (_MAPPER,), "crypt": (_MAPPER, ("DM_CRYPT", "dm_crypt")), "multipath": (_MAPPER,), "md": (("BLK_DEV_MD", "md_mod"),)}
# What puts a layer together, in what an initramfs is made of: initramfs-tools, dracut, mkinitcpio, mkinitfs. It is named by the kind of
# volume, the programs, any of which will do, and the package that they come with.
_PROGRAMS = {
    "lvm": ("a logical volume", ("lvm",), "lvm2"),
    "crypt": ("an encrypted volume", ("cryptsetup", "systemd-cryptsetup"), "cryptsetup"),
    "md": ("a RAID", ("mdadm", "mdassemble"), "mdadm"),
}
# Arguments that have an initramfs put such a layer together: dracut.cmdline(7) with its elder names, systemd-cryptsetup-generator(8),
# mkinitcpio's hook encrypt, initramfs-tools' cryptroot, genkernel.
_ASKED = {
    "rd.lvm.lv": "lvm", "rd.lvm.vg": "lvm", "rd_LVM_LV": "lvm", "rd_LVM_VG": "lvm", "rd.md.uuid": "md", "rd_MD_UUID": "md",
    "rd.luks.uuid": "crypt", "rd.luks.name": "crypt", "rd_LUKS_UUID": "crypt", "luks.uuid": "crypt", "luks.name": "crypt",
    "cryptdevice": "crypt", "cryptopts": "crypt", "crypt_root": "crypt",
}
# A RAID's level, as /sys says it, to its driver (Linux: drivers/md/Kconfig).
_LEVELS = {
    "linear": ("MD_LINEAR", "linear"),
    "raid0": ("MD_RAID0", "raid0"),
    "raid1": ("MD_RAID1", "raid1"),
    "raid10": ("MD_RAID10", "raid10"),
    "raid4": ("MD_RAID456", "raid456"),
    "raid5": ("MD_RAID456", "raid456"),
    "raid6": ("MD_RAID456", "raid456"),
}
SYMBOLS = frozenset(symbol for drivers in _LAYERS.values() for symbol, _ in drivers).union(symbol for symbol, _ in _LEVELS.values())


def judge_layers(
    named: str, arguments: "Tuple[Argument, ...]", entry: Entry, kernel: Kernel, mode: str, facts: Facts
) -> "Iterator[Finding]":
    """Return the findings on the layers below the root. ``named`` is the path by which it is named, "" where it is named otherwise."""
    storage = facts.storage
    device = named or next((mount.device for mount in storage.fstab if mount.point == "/"), "")
    layers = _layers(device, storage)
    for symbol, module in _layer_drivers(layers, storage):
        yield from judge_driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts)
    asked = _asked(arguments, layers, storage) if entry.initrd else {}
    for layer, text in asked.items():
        for symbol, module in _LAYERS[layer]:
            for finding in judge_driver(module, ((symbol, module),), arguments, entry, kernel, mode, facts):
                # Whether the root lies there, nobody knows.
                status = UNKNOWN if finding.status == FAIL else finding.status
                yield finding._replace(status=status, summary="{}: {}".format(text, finding.summary))
    # LVM's names are GROUP-VOLUME: /dev/mapper/root may be anything.
    anything = device.startswith("/dev/mapper/") and "-" not in device and "lvm" not in storage.root_stack
    known = [layer for layer in layers if layer != "lvm" or not anything]
    yield from _programs(known + list(asked), entry, kernel, mode, facts)
    if mode == PVH and ("crypt" in layers or "crypt" in asked):
        yield from _passphrase(entry, arguments, facts)


def _layers(device: str, storage: Storage) -> "List[str]":
    """The layers below the root file system: from the live system, else from the device's name."""
    layers = [layer for layer in storage.root_stack if layer in _LAYERS]
    named = layer_of(device, storage.encrypted)
    return layers + [named] if named and (named == "md" or not layers) else layers


def _layer_drivers(layers: "List[str]", storage: Storage) -> "Tuple[Tuple[str, str], ...]":
    drivers = [driver for layer in layers for driver in _LAYERS[layer]]
    drivers += [_LEVELS[level] for level in storage.root_levels if level in _LEVELS]
    return tuple(dict.fromkeys(drivers))


def _asked(arguments: "Tuple[Argument, ...]", layers: "List[str]", storage: Storage) -> "Dict[str, str]":
    """Return the layers below a root of which only arguments and crypttab tell, with what tells of each; none where the system tells."""
    if storage.root_device:
        return {}
    asked = {_ASKED[argument.name]: argument.text for argument in reversed(arguments) if argument.name in _ASKED}
    if "lvm" in layers and storage.encrypted:
        asked.setdefault("crypt", "/etc/crypttab")  # the volume group may lie on an encrypted partition, as installers make it
    return {layer: text for layer, text in asked.items() if layer not in layers}


def _programs(layers: "List[str]", entry: Entry, kernel: Kernel, mode: str, facts: Facts) -> "Iterator[Finding]":
    """A layer that the initramfs has no program for: not known, as another that is not known here may do it."""
    for layer in layers:
        what, names, package = _PROGRAMS.get(layer, ("", (), ""))
        if names and has_program(entry, names, facts) is False:
            summary = "the root may lie on {}, and the initramfs has no program that puts it together ({})".format(what, names[0])
            fix = remedies.rebuild_with(facts.guest, package, kernel.release)
            yield Finding("root-program", UNKNOWN, mode, entry.title, summary, (Evidence(entry.initrd[-1], "", names[0]),), fix)


def _passphrase(entry: Entry, arguments: "Tuple[Argument, ...]", facts: Facts) -> "Iterator[Finding]":
    """Under PV /dev/console is hvc0 by itself; under PVH it is tty0, where nobody types (cryptsetup-initramfs: askpass)."""
    if has_xen_console(arguments) or facts.guest.type == "PVH" and is_proved(entry, facts):
        return
    summary = "the root may lie on an encrypted volume: without console=hvc0 its passphrase is asked for where nobody can type it"
    yield on_entry("root-passphrase", UNKNOWN, PVH, entry, summary, "no console=hvc0", remedies.add_console(facts.guest, entry))
