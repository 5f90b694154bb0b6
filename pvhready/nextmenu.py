"""The menu that the guest's own grub-mkconfig would write next: which kernels it takes, and which of them comes first.

Pure: names in, names out. Sources: util/grub.d/10_linux.in and util/grub-mkconfig_lib.in of GRUB 2.06 and 2.12, as Debian,
Fedora and upstream have them.
"""

from pvhready.answers import NO, YES
from pvhready.facts import Defaults, Distribution, Entry, Menu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Tuple

    Key = Tuple[object, ...]

# How a generator finds the newest kernel.
DPKG = "dpkg --compare-versions"  # Debian's GRUB up to 2.06
SORT = "sort -V"  # upstream's
RPM = "grub2-rpm-sort"

_DIGITS = "0123456789"
FIRST, PINNED, UNKNOWN = "first", "pinned", "unknown"

_PREFIXES = ("/boot/vmlinuz-", "/vmlinuz-", "/boot/kernel-")
_GARBAGE = (".rpmsave", ".rpmnew", ".sig", ".efi.signed")
_DPKG_UNTIL = {"debian": 12, "devuan": 5, "ubuntu": 23}  # the last major version whose GRUB compares as dpkg does
_RPM = ("fedora", "rhel", "centos")
_SORTED_BELOW = ("pre", "rc", "test", "git", "old", "trunk")


def listed(names: "Iterable[str]") -> "List[str]":
    """Return the paths that a generator takes for kernels; a shell's pattern sorts them."""
    return sorted(
        name for name in set(names)
        if name.startswith(_PREFIXES) and not name.endswith(_GARBAGE) and ".dpkg-" not in name and " " not in name
    )


def way_of(distribution: Distribution) -> str:
    """Return how the distribution's generator sorts: DPKG, SORT or RPM."""
    if distribution.id in _RPM or any(name in _RPM for name in distribution.like):
        return RPM
    digits = (distribution.version or "").partition(".")[0]
    last = _DPKG_UNTIL.get(distribution.id or "", 0)
    return DPKG if digits.isdecimal() and int(digits[:9]) <= last else SORT


def in_order(paths: "Iterable[str]", way: str) -> "List[str]":
    """Return kernels in the order of the menu, the newest first."""
    return sorted(listed(paths), key=_KEYS[way], reverse=True)


def first_entry(
    menu: Menu, names: "Iterable[str]", files: "Iterable[str]", distribution: Distribution, values: "Dict[str, str]",
) -> "Optional[Entry]":
    """Return the entry that comes first once the menu is written anew; None where that cannot be told.

    That of the menu as it is, where its kernel is that of the entry that boots next.
    ``names`` are the paths of all kernels, ``files`` the names in /boot, ``values`` those of /etc/default/grub. A menu that no
    grub-mkconfig wrote tells nothing; entries of the boot loader specification are not written but sorted by GRUB itself.
    """
    if not menu.candidates:
        return None
    if menu.uses_blscfg:
        return menu.entries[0]
    written = any((entry.id or "").startswith("gnulinux-") for entry in menu.entries)
    way = way_of(distribution)
    order = in_order(names, way)
    if not written or not order or values.get("GRUB_FLAVOUR_ORDER"):
        return None
    top = values.get("GRUB_TOP_LEVEL") if way == SORT else None  # since 2.12
    path = top if top in order else order[0]
    now = menu.entries[menu.candidates[0].index]
    return now if now.kernel == path else entry_for(path, now, files)


def entry_for(path: str, like: Entry, files: "Iterable[str]") -> Entry:
    """Return the entry that a generator writes for a kernel: with the initramfs of its name, otherwise as the entry ``like``.

    ``files`` are the names in the kernel's folder.
    """
    folder, _, name = path.rpartition("/")
    present = set(files)
    initrd = next((folder + "/" + candidate for candidate in _initrds(name) if candidate in present), None)
    archives = tuple(file for file in like.initrd[:-1] if initrd) + ((initrd,) if initrd else ())
    return like._replace(kernel=path, initrd=archives, written=path, errors=(), id=None)


def next_default(menu: Menu, entry: Entry, defaults: Defaults, saves: str) -> str:
    """Return what the default of the next menu is: its FIRST entry, the kernel of ``entry`` (PINNED), or UNKNOWN.

    ``saves``: whether the host reads grubenv, yes, no or unknown.
    """
    wanted = defaults.values.get("GRUB_DEFAULT", None if "GRUB_DEFAULT" in defaults.unknown else "0")
    if wanted == "saved" or menu.uses_blscfg:
        wanted = {YES: menu.default or "", NO: ""}.get(saves)
    if wanted is None:
        return UNKNOWN
    generated = (entry.id or "").startswith("gnulinux-")
    if wanted in ("", "0", "1>0") or wanted == entry.title and (entry.id or "").startswith("gnulinux-simple-"):
        return FIRST
    if wanted in (entry.title, entry.id) and not generated and not menu.uses_blscfg:
        return PINNED  # an entry written by hand
    release = (entry.kernel or "").rpartition("/")[2].partition("-")[2]
    if release and release in wanted:
        return PINNED
    return UNKNOWN


def is_copy(path: str, others: "Iterable[str]") -> bool:
    """Whether a name is that of another kernel with something added, or ends as copies do."""
    if path.endswith(_COPIES):
        return True
    return any(path != other and path.startswith(other) and path[len(other)] in "._~" for other in others)


_COPIES = tuple(mark + word for mark in ".-_" for word in ("bak", "backup", "orig", "old", "save", "copy", "lz4", "compressed", "broken"))


def _initrds(name: str) -> "List[str]":
    """Return the names of the initramfs that a generator looks for, best first."""
    digit = next((place for place, letter in enumerate(name) if letter in _DIGITS), len(name))
    version = name[name.rfind("-", 0, digit) + 1:]  # sed -e "s,^[^0-9]*-,,"
    bare = name.partition("-")[2]
    found: List[str] = []
    for text in (version, bare, version[:-4] if version.endswith(".old") else version):
        found += ["initrd.img-" + text, "initrd-{}.img".format(text), "initrd-{}.gz".format(text), "initrd-" + text]
        found += ["initramfs-{}.img".format(text), "initramfs-" + text, "initramfs-genkernel-" + text]
    return found


def _by_dpkg(path: str) -> "Key":
    return release_key(path.partition("-")[2])


def release_key(release: str) -> "Key":
    """Return what sorts releases as Debian's GRUB up to 2.06 does, which asks dpkg."""
    version = _bytes(release)
    for word in _SORTED_BELOW:
        for mark in "._-":
            version = version.replace(mark + word, "~" + word)
    epoch, colon, rest = version.partition(":")
    number = int(epoch) if colon and epoch.isdecimal() and len(epoch) < 10 else 0
    upstream, dash, revision = (rest if colon else version).rpartition("-")
    return (number, _version_key(upstream if dash else revision), _version_key(revision if dash else ""))


def _by_sort(path: str) -> "Key":
    text = _bytes(path)
    line = text[:-4] + " 1" if text.endswith(".old") else text + " 2"
    return (_version_key(line), line)


def _by_rpm(path: str) -> "Key":
    from pvhready.grub.bls import version_key

    name = path.partition("-")[2]
    rank = 0 if "-rescue" in name else 1 if name.endswith("debug") and name != "debug" else 2
    is_old = name.endswith(".old")
    return (rank, version_key(name[:-4] if is_old else name), not is_old)


_KEYS = {DPKG: _by_dpkg, SORT: _by_sort, RPM: _by_rpm}


def _bytes(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _version_key(text: str) -> "Key":
    """Return what sorts as dpkg and GNU sort do (verrevcmp): other parts letter by letter, ``~`` below the end, digits by value."""
    key: List[object] = []
    weights: List[int] = []
    number = ""
    for letter in text:
        if letter in _DIGITS:
            number += letter
            continue
        if number:
            key += [tuple(weights + [0]), _value(number)]
            weights, number = [], ""
        weights.append(_weight(letter))
    key += [tuple(weights + [0]), _value(number), (0,), _value("")]
    return tuple(key)


def _value(digits: str) -> "Tuple[int, str]":
    number = digits.lstrip("0")
    return len(number), number


def _weight(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() and letter < "\x7f" else ord(letter) + 256
