"""The file systems that the host's GRUB has to read: those with grub.cfg, and with the kernels and initramfs that may boot next."""

from pvhready.facts import BootFileSystem, Menu, Storage
from pvhready.probes.bootmount import Origin
from pvhready.root import Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple


def read_boot_systems(root: Root, storage: Storage, menus: "Dict[str, Menu]", origin: Origin) -> "Tuple[BootFileSystem, ...]":
    """Return the file systems that GRUB has to read for each mode's menu. What cannot be read is a problem in them; nothing is raised."""
    needed: Dict[str, List[str]] = {}
    for mode, menu in menus.items():
        for path in _paths(menu):
            needed.setdefault(path, []).append(mode)
    if root.live:
        from pvhready.probes.bootlive import Running

        return Running(root, storage, origin).systems(needed)
    from pvhready.probes.bootmounted import Mounted

    return Mounted(root, storage, origin).systems(needed)


def _paths(menu: Menu) -> "List[str]":
    """Return the guest's files that GRUB reads on its way: the configuration, and what the entries that may boot next name."""
    entries = {entry.index: entry for entry in menu.entries}
    paths = [menu.config] if menu.config else []
    for candidate in menu.candidates:
        entry = entries[candidate.index]
        paths += ([entry.kernel] if entry.kernel else []) + list(entry.initrd)
    return list(dict.fromkeys(paths))
