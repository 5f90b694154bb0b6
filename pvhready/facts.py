"""What was seen of a guest: frozen records without behaviour.

``None`` means not known; where a reason is worth telling, a ``Problem`` stands beside it. Paths are the guest's
own, absolute, with its /boot mounted. Sizes and offsets are bytes.
"""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple

PV = "pv"
PVH = "pvh"
MODES = (PVH, PV)


class Problem(NamedTuple):
    """Why something is not known: the path that was asked, and the reason in a few words."""

    path: str
    reason: str


UNMOUNTED = Problem("/boot", "a file system of its own that is not mounted here")  # what stands there now is hidden at a boot


class Distribution(NamedTuple):
    """What os-release says. ``like`` are the ids of its relatives, nearest first."""

    id: "Optional[str]" = None
    version: "Optional[str]" = None
    name: "Optional[str]" = None
    like: "Tuple[str, ...]" = ()


class Guest(NamedTuple):
    """What the machine is.

    ``type`` is PV, PVH, HVM, none (positively not a Xen guest), not-applicable (a mounted root, a chroot: nothing runs) or None.
    ``evidence`` holds (path, value) pairs that the type was told from. ``loader_bits`` is the width of the
    provider's PV loader, inferred from the running kernel. ``xen_version`` is "major.minor". ``architecture`` is that of the running
    kernel, and under a mounted root that of the programs; ``programs`` is always theirs.
    """

    type: "Optional[str]"
    assumed: bool = False
    evidence: "Tuple[Tuple[str, str], ...]" = ()
    xen_version: "Optional[str]" = None
    dom0: bool = False
    container: "Optional[str]" = None
    architecture: "Optional[str]" = None
    loader_bits: "Optional[int]" = None
    running_release: "Optional[str]" = None
    running_cmdline: "Optional[str]" = None
    boot_time: "Optional[float]" = None
    distribution: Distribution = Distribution()
    programs: "Optional[str]" = None


class Image(NamedTuple):
    """A kernel image by its header (Linux: Documentation/arch/x86/boot.rst). Nothing in it was judged.

    ``container`` is bzimage, gzipped-bzimage, elf, uki, not-a-kernel or unknown; for gzipped-bzimage the header
    fields are those of the bzImage within. ``payload`` names the compression. ``bits`` is 32 or 64.
    ``protocol`` is the boot protocol, 0x020f for 2.15. ``payload_end`` is where the header says that the payload
    ends, in the (unzipped) file, and ``code_end`` where all that the kernel needs of it ends; ``size`` is the
    file's size, or the unzipped one. ``notes`` are the types of an ELF image's Xen notes. ``description`` is
    libmagic's word for a file that is no kernel, ``opinion`` its word for the payload's compression. ``memory`` is what the
    kernel asks for to unpack itself, ``initrd_limit`` the highest address for its initramfs; ``unpacked`` is the size of the
    unpacked payload, which stands at the end of the packed one.
    """

    container: str = "unknown"
    payload: "Optional[str]" = None
    bits: "Optional[int]" = None
    size: int = 0
    release: "Optional[str]" = None
    protocol: "Optional[int]" = None
    boot_flag: "Optional[int]" = None
    setup_sectors: "Optional[int]" = None
    loaded_high: "Optional[bool]" = None
    cmdline_size: "Optional[int]" = None
    payload_offset: "Optional[int]" = None
    payload_end: "Optional[int]" = None
    payload_magic: "Optional[str]" = None
    code_end: "Optional[int]" = None
    notes: "Optional[Tuple[int, ...]]" = None
    description: "Optional[str]" = None
    opinion: "Optional[str]" = None
    problem: "Optional[Problem]" = None
    memory: "Optional[int]" = None
    initrd_limit: "Optional[int]" = None
    unpacked: "Optional[int]" = None


class Conflict(NamedTuple):
    """Two sources of one kernel's configuration that contradict each other."""

    symbol: str
    source: str
    value: str
    other_source: str
    other_value: str


class Config(NamedTuple):
    """A kernel's configuration: symbol without CONFIG_ to y, m or n (also "is not set"). ``source`` is its file.

    ``root_pointer`` tells whether System.map has x86_default_get_root_pointer; None when there is no real map. ``version`` is
    the kernel's version that the file's header tells. ``whole``: it mentions what stands near the end of every configuration, so that
    what it does not mention is off; ``cut``: its last line has no end.
    """

    source: "Optional[str]" = None
    values: "Dict[str, str]" = {}
    conflicts: "Tuple[Conflict, ...]" = ()
    root_pointer: "Optional[bool]" = None
    map_source: "Optional[str]" = None
    problem: "Optional[Problem]" = None
    version: "Optional[str]" = None
    whole: bool = True
    cut: bool = False


class Inside(NamedTuple):
    """What stands inside a kernel image, read from its unpacked payload.

    ``notes`` are the types of the notes named Xen, None where it has no place for notes at all; ``features`` is the value of note 17,
    ``release`` that of the kernel's banner. ``whole``: the payload was unpacked to its end.
    ``needs`` names the package of a missing tool. ``problem`` says why the payload could not be unpacked as far as it had to be, or
    what in it contradicts the image's header; then nothing else here is proved.
    """

    bits: "Optional[int]" = None
    notes: "Optional[Tuple[int, ...]]" = None
    features: "Optional[int]" = None
    release: "Optional[str]" = None
    whole: bool = False
    needs: "Optional[str]" = None
    problem: "Optional[Problem]" = None


class Checksum(NamedTuple):
    """A file's checksum, in the database of the package manager and as it is now (both hexadecimal)."""

    path: str
    package: str
    algorithm: str
    expected: str
    actual: str


class Kernel(NamedTuple):
    """An installed kernel image. ``named_release`` is the one in the file's name, ``names`` are all paths that lead to the file.

    ``has_dpkg``: there is a dpkg database, so that a file without a package is no distribution's. ``inside`` is None where the image
    was not unpacked. ``checksums`` are those of the image and its configuration, as far as they were looked at. ``has_modules``: the root
    file system has modules for its release; None where it has none for any, or was not looked at.
    """

    path: str
    image: Image
    release: "Optional[str]" = None
    named_release: "Optional[str]" = None
    running: bool = False
    package: "Optional[str]" = None
    config: Config = Config()
    names: "Tuple[str, ...]" = ()
    has_dpkg: bool = False
    inside: "Optional[Inside]" = None
    checksums: "Tuple[Checksum, ...]" = ()
    has_modules: "Optional[bool]" = None


class EntryError(NamedTuple):
    """What GRUB would complain of while it runs an entry or the file. ``command`` is the one that is missing, if that is it.

    ``fatal``: the entry cannot come up as it is written because of it; None when that is not known. After all
    other errors GRUB goes on.
    """

    text: str
    source: str = ""
    command: "Optional[str]" = None
    fatal: "Optional[bool]" = False


class Entry(NamedTuple):
    """A bootable menu entry. ``path`` is "0" or "1>2"; ``cmdline`` is what follows the kernel's path.

    ``kernel`` and ``initrd`` are paths as the guest sees them. ``modules`` are those that GRUB had inserted when it loaded the
    kernel. ``source`` is "grub.cfg path:line". ``written`` is the kernel's path as it stands in the entry and in BOOT_IMAGE=.
    """

    index: int  # type: ignore[assignment]  # a tuple has a method of this name
    path: str
    title: str
    id: "Optional[str]" = None
    kernel: "Optional[str]" = None
    initrd: "Tuple[str, ...]" = ()
    cmdline: str = ""
    modules: "Tuple[str, ...]" = ()
    errors: "Tuple[EntryError, ...]" = ()
    source: str = ""
    written: str = ""


class Candidate(NamedTuple):
    """An entry that may boot next, why, and the fact that it depends on ("" when it is certain)."""

    index: int  # type: ignore[assignment]  # a tuple has a method of this name
    reason: str
    condition: str = ""


class Menu(NamedTuple):
    """What GRUB makes of the guest's configuration on one platform (xen_pvh, xen-x86_64 or xen-i386).

    ``candidates`` are the entries that may boot next: one where it is certain, none where there is no bootable
    default. ``reason`` is that of the first, or no-entries, no-config, unreadable. ``fallbacks`` are the entries
    that GRUB tries, in order, when the first fails. ``assumptions`` say what was taken for granted.
    ``default`` is the value of GRUB's variable, None when it is not set. ``waits``: no timeout is set, so that GRUB
    waits at its menu for a key. ``elsewhere`` are configurations that the host does not look for, of any boot loader.
    ``may_show_nothing``: where the host's profile does not know, one of the answers leads to no entry at all.
    ``broken`` are the entries that GRUB tries before the candidates, and that it cannot boot: ``fallback`` is what helps.
    ``stale``: ``default`` names no entry, or none in the submenu that it names, so that GRUB takes the first there.
    """

    platform: str
    config: "Optional[str]" = None
    entries: "Tuple[Entry, ...]" = ()
    candidates: "Tuple[Candidate, ...]" = ()
    reason: str = "unreadable"
    fallbacks: "Tuple[int, ...]" = ()
    errors: "Tuple[EntryError, ...]" = ()
    uses_blscfg: bool = False
    assumptions: "Tuple[str, ...]" = ()
    problem: "Optional[Problem]" = None
    default: "Optional[str]" = None
    waits: bool = False
    elsewhere: "Tuple[str, ...]" = ()
    may_show_nothing: bool = False
    broken: "Tuple[int, ...]" = ()
    stale: bool = False


class Initramfs(NamedTuple):
    """What an initramfs holds. ``modules`` are the names of kernel modules (``-`` as ``_``) that it has for each of ``releases``.

    ``compressions`` are those of its parts, () when all are plain. ``complete`` tells whether the whole archive was read.
    ``proved`` says in a few words why this very file is known to bring the guest up, where the guest runs from it. ``needs``
    names the package of a missing tool. ``init``: it holds /init, which the kernel runs; ``init_problem`` says why it could not.
    ``damaged`` are the modules of which a file is there that the kernel cannot load, ``kept_out`` those that modprobe's
    settings in it keep from being loaded. ``programs`` are those by which volumes are put together, as lvm, that can be started.
    """

    path: str
    modules: "Tuple[str, ...]" = ()
    releases: "Tuple[str, ...]" = ()
    compressions: "Tuple[str, ...]" = ()
    complete: bool = False
    proved: "Optional[str]" = None
    needs: "Optional[str]" = None
    problem: "Optional[Problem]" = None
    init: bool = False
    init_problem: str = ""
    damaged: "Tuple[str, ...]" = ()
    kept_out: "Tuple[str, ...]" = ()
    programs: "Tuple[str, ...]" = ()


class Mount(NamedTuple):
    """A line of /etc/fstab, a unit of systemd's for /boot, or a live mount: where, what (UUID=..., LABEL=..., /dev/...), file system."""

    point: str
    device: str
    filesystem: str
    options: str = ""
    source: str = ""


class Storage(NamedTuple):
    """Where the guest's file systems are.

    ``uuids``, ``labels``, ``partuuids`` and ``partlabels`` map an id to a device, from /dev/disk; None when the
    system does not say (under ``--root`` always). ``devices`` are the block devices that there are, ``mapped`` the
    device of each name in /dev/mapper; all devices are paths. ``root_device`` is the device that holds the live root.
    ``root_stack`` are the layers below the live root file system, as lvm, md, crypt; ``root_below`` are the devices below its
    own, ``root_levels`` the levels of the RAIDs among them, as raid1. ``encrypted`` are the names that /etc/crypttab gives.
    ``boot_free`` are the free bytes on the live /boot; looked at only where a file there is damaged. ``unmounted`` are the devices of
    file systems that are not mounted and that GRUB comes to before the live root's.
    """

    fstab: "Tuple[Mount, ...]" = ()
    mounts: "Tuple[Mount, ...]" = ()
    uuids: "Optional[Dict[str, str]]" = None
    labels: "Optional[Dict[str, str]]" = None
    partuuids: "Optional[Dict[str, str]]" = None
    partlabels: "Optional[Dict[str, str]]" = None
    devices: "Optional[Tuple[str, ...]]" = None
    root_device: "Optional[str]" = None
    root_stack: "Tuple[str, ...]" = ()
    problem: "Optional[Problem]" = None
    mapped: "Dict[str, str]" = {}
    root_below: "Tuple[str, ...]" = ()
    root_levels: "Tuple[str, ...]" = ()
    encrypted: "Tuple[str, ...]" = ()
    boot_free: "Optional[int]" = None
    unmounted: "Tuple[str, ...]" = ()


class BootFileSystem(NamedTuple):
    """A file system that GRUB has to read: it holds grub.cfg, or a kernel or initramfs of an entry that may boot next.

    ``modes`` are those for which that is so. ``point`` is where it is mounted, ``filesystem`` its type ("" when that is not known),
    ``device`` what it lies on for the guest. ``features`` are what a reader has to know of it and of the layers below, as
    "ext4:inline_data" or "lvm:thin"; they are those of the superblock only where ``read`` says so, and otherwise what the type and the
    device's name tell. ``source`` is what was read. ``booted``: the host's GRUB has started this guest from it.
    ``problem`` says why it was not read where it could have been.
    """

    modes: "Tuple[str, ...]"
    point: str
    filesystem: str = ""
    device: str = ""
    features: "Tuple[str, ...]" = ()
    read: bool = False
    source: str = ""
    booted: bool = False
    problem: "Optional[Problem]" = None


class Defaults(NamedTuple):
    """What /etc/default/grub and /etc/default/grub.d/*.cfg set. ``sources`` maps a variable to "path:line".

    ``unknown`` holds the variables whose value depends on more than these files say, each with the place and the reason.
    """

    values: "Dict[str, str]" = {}
    sources: "Dict[str, str]" = {}
    problem: "Optional[Problem]" = None
    unknown: "Dict[str, Problem]" = {}


class Upgrades(NamedTuple):
    """What rpm systems' settings say of the next kernel. ``keeps`` is how many of a kind stay (installonly_limit).

    ``updates_default``: a new kernel becomes the default, if its package is of the kind ``default_kernel``. None is not set.
    """

    keeps: "Optional[int]" = None
    updates_default: "Optional[bool]" = None
    default_kernel: "Optional[str]" = None


class Hook(NamedTuple):
    """A file that decompresses kernels, or helps to. ``form`` is the shape it is known by; ``why`` says why it is active or inert."""

    path: str
    form: str
    active: bool
    why: str = ""
    package: "Optional[str]" = None
    helper: "Optional[str]" = None


class Hack(NamedTuple):
    """What is there of the decompression hack. ``helpers`` are the programs that hooks call."""

    hooks: "Tuple[Hook, ...]" = ()
    helpers: "Tuple[str, ...]" = ()
    problems: "Tuple[Problem, ...]" = ()


class Program(NamedTuple):
    """A program in the root file system. ``there``: something has its path; ``runs``: the kernel can start it; None: not seen.

    ``reason`` says why it does not run, or is not seen.
    """

    there: "Optional[bool]"
    runs: "Optional[bool]"
    reason: str = ""


# What is started first where init= names nothing: the kernel's own list (Linux: init/main.c, kernel_init), and what systemd's
# initramfs looks for before it (systemd: src/systemctl/systemctl-switch-root.c). The first that is there is taken.
INITS = ("/sbin/init", "/etc/init", "/bin/init")
SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
SHELL = "/bin/sh"
FIRST_PROGRAMS = INITS + SYSTEMD + (SHELL,)


class Facts(NamedTuple):
    """All that was seen of a guest. ``today`` is a date as YYYY-MM-DD; ``denied`` are paths that only root may read.

    ``boot_names`` are the names in /boot. ``inits`` tells of each path that an ``init=`` names, and of those that are tried
    without one, whether the kernel can start it. ``default_unit`` is what systemd's default.target was made a link to, "" for nothing.
    """

    root: str
    run_as_root: bool
    today: str
    guest: Guest
    kernels: "Tuple[Kernel, ...]" = ()
    menus: "Dict[str, Menu]" = {}
    initramfs: "Dict[str, Initramfs]" = {}
    storage: Storage = Storage()
    defaults: Defaults = Defaults()
    hack: Hack = Hack()
    denied: "Tuple[str, ...]" = ()
    problems: "Tuple[Problem, ...]" = ()
    boot_systems: "Tuple[BootFileSystem, ...]" = ()
    boot_names: "Tuple[str, ...]" = ()
    upgrades: Upgrades = Upgrades()
    inits: "Dict[str, Program]" = {}
    default_unit: str = ""
