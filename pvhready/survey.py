"""Runs the probes in the order in which they need each other, and gathers their facts."""

import os
import time

from pvhready.facts import MODES, PV, BootFileSystem, Defaults, Entry, Facts, Guest, Initramfs, Kernel, Menu, Problem, Storage
from pvhready.host import Host
from pvhready.probes.guest import read_guest
from pvhready.probes.storage import free_space, read_storage
from pvhready.root import Missing, Root, Unreadable

_INITRAMFS_SECONDS = 120.0  # for all of them together: a menu may name any number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

    from pvhready.memory.evidence import Evidence
    from pvhready.memory.folder import Folder
    from pvhready.memory.results import Memory
    from pvhready.probes.given import Given
    from pvhready.probes.inside import Looker
    from pvhready.probes.packages import Owners


def survey(
    root: Root, host: Host, assume: "Optional[str]" = None, deep: bool = False, devices: "Sequence[str]" = (),
    folder: "Optional[Folder]" = None, seen: "Optional[List[Evidence]]" = None, marks: "Optional[List[str]]" = None,
) -> Facts:
    """Return all facts of a guest. What cannot be read is in the facts as a problem; nothing is raised for the guest's content.

    ``devices`` are devices or image files of this machine that hold the file systems of a guest mounted elsewhere. ``folder`` is
    where earlier runs have left what they found out. To ``seen`` is added what was asked of the guest's files, where it was not
    remembered; to ``marks`` the mark of the facts, where they are remembered. Raises CommandError when a device cannot be read.
    """
    guest = read_guest(root, assume)
    storage = read_storage(root, root.live)
    given: Sequence[Given] = ()
    if devices:
        from pvhready.probes.given import known_devices, read_given

        given = read_given(devices)
        storage = known_devices(storage, given)
    facts = _facts(root, host, guest, storage, deep, folder, seen, marks)
    return facts._replace(boot_systems=_boot_systems(root, facts, given))


def _facts(
    root: Root, host: Host, guest: Guest, storage: Storage, deep: bool, folder: "Optional[Folder]", seen: "Optional[List[Evidence]]",
    marks: "Optional[List[str]]",
) -> Facts:
    """Return what the guest's files tell: from an earlier run, where nothing in them has changed."""
    if folder is None or deep:
        return _read(root, host, guest, storage, deep, folder)
    from pvhready.memory.facts import RememberedFacts

    memory = RememberedFacts(folder)
    question = (host, guest, storage, _boot(root))
    facts = memory.recall(root, question)
    if facts is not None:
        if marks is not None:
            marks.append(memory.mark)
        return facts._replace(today=_today())
    from pvhready.memory.evidence import Evidence

    root.evidence = Evidence()
    facts = _read(root, host, guest, storage, deep, folder)
    evidence, root.evidence = root.evidence, None
    if seen is not None:
        seen.append(evidence)
    if not _depends_on_more(facts):
        memory.remember(question, evidence, facts)
        if memory.mark and marks is not None:
            marks.append(memory.mark)
    return facts


def _boot(root: Root) -> str:
    """Return what tells this boot from others: GRUB's save_env writes into grubenv past the file system, so that no time of it changes."""
    try:
        return root.read_text("/proc/sys/kernel/random/boot_id")
    except Unreadable:
        return ""  # nothing runs there, or /proc is not mounted


def _today() -> str:
    return time.strftime("%Y-%m-%d")


def _depends_on_more(facts: Facts) -> bool:
    """Whether something is in the facts that is not of the guest's files alone: what libraries, tools and free space had to say."""
    described = any(kernel.image.problem or kernel.image.description or kernel.inside and kernel.inside.problem for kernel in facts.kernels)
    return described or bool(facts.denied) or any(archive.problem or archive.needs for archive in facts.initramfs.values())


def _read(root: Root, host: Host, guest: Guest, storage: Storage, deep: bool, folder: "Optional[Folder]") -> Facts:
    from pvhready.grub.state import Scripts
    from pvhready.memory.results import Memory
    from pvhready.probes.defaults import read_defaults
    from pvhready.probes.hack import find_hack
    from pvhready.probes.inits import read_default_unit, read_inits
    from pvhready.probes.menu import read_menu
    from pvhready.probes.packages import Owners
    from pvhready.probes.upgrades import read_upgrades

    scripts = Scripts()
    booted = was_booted(root, guest)
    menus = {mode: read_menu(root, host, platform(mode, guest), storage, scripts, booted) for mode in MODES}
    defaults = read_defaults(root)
    names = _boot_names(root)
    owners = Owners(root)
    memory = Memory(folder) if folder is not None else None
    kernels, following, problems = _kernels(root, guest, owners, menus, defaults, names, deep, memory)
    archives = _initramfs(root, guest, menus, following, kernels, memory, storage)
    if root.live and _is_damaged(kernels, archives):
        storage = storage._replace(boot_free=free_space("/boot"))
    return Facts(
        root.directory,
        os.geteuid() == 0,
        _today(),
        guest,
        kernels,
        menus,
        archives,
        storage,
        defaults,
        find_hack(root, owners),
        _topmost(root.denied),
        problems,
        boot_names=names,
        upgrades=read_upgrades(root),
        inits=read_inits(root, _next_entries(menus) + following),
        default_unit=read_default_unit(root),
    )


def _topmost(paths: "Iterable[str]") -> "Tuple[str, ...]":
    """Leave out what lies below another path: that it cannot be seen goes without saying."""
    return tuple(path for path in sorted(paths) if not any(path.startswith(other.rstrip("/") + "/") for other in paths if other != path))


def _boot_systems(root: Root, facts: Facts, given: "Sequence[Given]") -> "Tuple[BootFileSystem, ...]":
    """Return the file systems that GRUB reads. They are never remembered: a superblock changes and no file tells of it."""
    from pvhready.probes.bootfs import read_boot_systems
    from pvhready.probes.bootmount import Origin

    kernels = tuple(name for kernel in facts.kernels for name in kernel.names)
    origin = Origin(given, was_booted(root, facts.guest), facts.guest.assumed, kernels)
    return read_boot_systems(root, facts.storage, facts.menus, origin)


def was_booted(root: Root, guest: Guest) -> bool:
    """Whether the host's GRUB has started this guest from this very file system: one that runs in PV or PVH was."""
    return root.live and guest.type in ("PV", "PVH") and not guest.assumed


def _is_damaged(kernels: "Tuple[Kernel, ...]", archives: "Dict[str, Initramfs]") -> bool:
    """Whether a kernel or an archive cannot be read to its end, as a full /boot leaves them."""
    images = [kernel.image for kernel in kernels]
    cut = any(image.problem or max(image.payload_end or 0, image.code_end or 0) > image.size for image in images)
    return cut or any(archive.problem and not archive.needs for archive in archives.values())


def platform(mode: str, guest: Guest) -> str:
    """Return GRUB's platform for a mode: pvhgrub is i386 always, the PV loader has the width of the running kernel."""
    if mode == PV:
        return "xen-i386" if guest.loader_bits == 32 else "xen-x86_64"
    return "xen_pvh"


def _boot_names(root: Root) -> "Tuple[str, ...]":
    try:
        return root.names("/boot")
    except (Missing, Unreadable):
        return ()  # the search for kernels tells of it


def _next_entries(menus: "Dict[str, Menu]") -> "List[Entry]":
    """The entries that may boot next in either mode, the fallbacks too."""
    entries = []
    for menu in menus.values():
        wanted = {candidate.index for candidate in menu.candidates} | set(menu.fallbacks)
        entries += [entry for entry in menu.entries if entry.index in wanted]
    return entries


def _kernels(
    root: Root,
    guest: Guest,
    owners: "Owners",
    menus: "Dict[str, Menu]",
    defaults: Defaults,
    files: "Tuple[str, ...]",
    deep: bool,
    memory: "Optional[Memory]",
) -> "Tuple[Tuple[Kernel, ...], List[Entry], Tuple[Problem, ...]]":
    """Return the kernels, the entries that come first once the menu is written anew, and why there are no kernels."""
    from pvhready.nextmenu import first_entry
    from pvhready.probes.kernels import find_kernels

    named = [entry.kernel for menu in menus.values() for entry in menu.entries if entry.kernel]
    try:
        found = find_kernels(root, dict.fromkeys(named))
    except Unreadable as error:
        return (), [], (Problem(error.path, error.reason),)
    paths = [name for names in found.values() for name in names]
    firsts = [first_entry(menu, paths, files, guest.distribution, defaults.values) for menu in menus.values()]
    entries = _next_entries(menus)
    following = [entry for entry in firsts if entry is not None and entry not in entries]
    reader = _KernelReader(root, guest, owners, deep, memory)
    reader.decisive = {entry.kernel for entry in entries}
    reader.chosen = {entry.kernel for entry in entries + following}
    # Those that boot next come first: what is spent on looking into kernels is bounded for all of them together.
    order = sorted(found.values(), key=lambda names: reader.chosen.isdisjoint(names))
    kernels = {names[0]: reader.read(names) for names in order}
    return tuple([kernels[path] for path in found]), following, ()


class _KernelReader:
    """Reads kernels: more of those that boot next. ``chosen`` may boot next or after the menu is written anew, ``decisive`` next."""

    def __init__(self, root: Root, guest: Guest, owners: "Owners", deep: bool, memory: "Optional[Memory]") -> None:
        self.decisive: Set[Optional[str]] = set()
        self.chosen: Set[Optional[str]] = set()
        self._root, self._guest, self._owners, self._deep, self._memory = root, guest, owners, deep, memory
        self._looker: Optional[Looker] = None

    def read(self, names: "Tuple[str, ...]") -> Kernel:
        """Return a kernel by its names."""
        from pvhready.probes.kernels import has_modules, read_kernel
        from pvhready.rules import config, initramfs, rootfilesystem, rootlayers

        extra = () if self.chosen.isdisjoint(names) else initramfs.SYMBOLS + tuple(sorted(rootfilesystem.SYMBOLS | rootlayers.SYMBOLS))
        extra += config.SYMBOLS if self._guest.programs == "i386" else ()
        kernel = read_kernel(self._root, names, self._guest, self._owners.owner, extra, self._deep)
        kernel = kernel._replace(has_dpkg=self._owners.has_dpkg)
        decisive = not self.decisive.isdisjoint(names)
        if decisive:
            kernel = kernel._replace(has_modules=has_modules(self._root, kernel.release))
        if self._deep or kernel.package and decisive:
            from pvhready.probes.checksums import read_checksums

            kernel = kernel._replace(checksums=read_checksums(self._root, kernel, self._owners, self._memory))
        return self._look(kernel, extra, decisive)

    def _look(self, kernel: Kernel, extra: "Tuple[str, ...]", decisive: bool) -> Kernel:
        from pvhready.probes.checksums import has_checksum
        from pvhready.probes.kconfig import PROC

        is_known = kernel.config.source not in (None, PROC)
        if not self._deep and is_known and (not decisive or has_checksum(kernel)):
            return kernel
        from pvhready.probes.inside import Looker

        if self._looker is None:
            self._looker = Looker(self._root, self._deep, self._memory)
        kernel = self._looker.look(kernel, extra, decisive)
        if kernel.release is None and kernel.config.source is None and kernel.inside and kernel.inside.release:
            # A decompressed kernel under a name without one, such as /boot/vmlinux: its configuration may well be there.
            from pvhready.probes.kernels import with_release

            return with_release(self._root, kernel, kernel.inside.release, self._guest, extra)
        return kernel


def _initramfs(
    root: Root, guest: Guest, menus: "Dict[str, Menu]", following: "List[Entry]", kernels: "Tuple[Kernel, ...]",
    memory: "Optional[Memory]", storage: Storage,
) -> "Dict[str, Initramfs]":
    """What the archives hold that the next entries name, and those of ``following``, unless their kernel finds no disks in any case."""
    from pvhready.probes.initramfs import MAX_SECONDS, read_initramfs
    from pvhready.probes.proof import read_or_prove
    from pvhready.rules.config import FRONT_END

    by_name = {name: kernel for kernel in kernels for name in kernel.names}
    users: Dict[str, List[Tuple[Entry, Kernel]]] = {}
    for entry in _next_entries(menus) + following:
        kernel = by_name.get(entry.kernel or "")
        if kernel is not None and kernel.config.values.get(FRONT_END) in ("y", "m"):
            for path in entry.initrd:
                users.setdefault(path, []).append((entry, kernel))
    rivals = [entry for menu in menus.values() for entry in menu.entries]
    if not users:
        return {}
    end = time.monotonic() + _INITRAMFS_SECONDS

    def seconds() -> float:
        return max(0.0, min(MAX_SECONDS, end - time.monotonic()))

    vital = _vital([entry for pairs in users.values() for entry, _ in pairs], storage)
    found = {path: read_or_prove(root, path, guest, pairs, rivals, memory, vital, seconds()) for path, pairs in users.items()}
    for entry in (entry for pairs in users.values() for entry, _ in pairs):
        if not all(found[path].proved for path in entry.initrd):
            # One was written anew since the boot: what the whole held then says nothing of what it holds now.
            found.update((path, read_initramfs(root, path, memory, seconds(), vital)) for path in entry.initrd if found[path].proved)
    return found


def _vital(entries: "List[Entry]", storage: Storage) -> "FrozenSet[str]":
    """Return the modules that the root file system may depend on, by what fstab, the mounts and the entries say of it."""
    from pvhready.cmdline import last, parse_all
    from pvhready.devicenames import layer_of
    from pvhready.probes.modules import vital

    mounts = [mount for mount in storage.mounts + storage.fstab if mount.point == "/"]
    types = {mount.filesystem for mount in mounts}
    devices = [mount.device for mount in mounts]
    for entry in entries:
        arguments = parse_all(entry.cmdline)
        named, device = last(arguments, "rootfstype"), last(arguments, "root")
        types.update((named.value or "").split(",") if named else ())
        devices.append(device.value or "" if device else "")
    return vital(types, bool(storage.root_stack) or any(layer_of(device, storage.encrypted) for device in devices))
