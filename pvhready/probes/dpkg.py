"""dpkg's database: /var/lib/dpkg/info/PACKAGE.list, one path a line, and PACKAGE.md5sums; the diversions; its status."""

from pvhready.root import File, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, Iterable, Iterator, List, Optional, Tuple

    from pvhready.probes.recorded import Recorded

_INFO = "/var/lib/dpkg/info"
_STATUS = "/var/lib/dpkg/status"
_DIVERSIONS = "/var/lib/dpkg/diversions"
_LOCALLY = ":"  # dpkg's word for a diversion of the administrator's

# What kernel packages are called: Debian, Ubuntu, Debian 14 (linux-binary, linux-base), Proxmox.
_KERNEL_PACKAGES = ("linux-image-", "linux-image-unsigned-", "linux-modules-", "linux-binary-", "linux-base-")
_KERNEL_WORDS = ("linux-image", "kernel")

_FIRST = 8 * 1024  # a list begins with /boot, so its first bytes mostly tell
_CHUNK = 1 << 20
_LIST_LIMIT = 32 << 20  # bytes; the longest real lists have some 3 MiB
_STATUS_LIMIT = 64 << 20  # bytes; some 1.5 KiB a package
_TOTAL_LIMIT = 256 << 20  # bytes read in all when every list is looked through


class DpkgDatabase:
    """Owners by dpkg. It remembers the diversions and what the common kernel packages own."""

    def __init__(self, root: Root) -> None:
        """Nothing is read before the first question."""
        self._root = root
        self._diversions: Optional[List[Tuple[str, str, str]]] = None
        self._packages: Optional[FrozenSet[str]] = None
        self._kernel_files: Optional[Dict[bytes, str]] = None

    def owner(self, names: "Tuple[str, ...]") -> "Optional[str]":
        """Return the package, with its architecture where dpkg prints one. ``names`` are the names that one file has.

        Raises Unreadable when the database cannot be read.
        """
        if any("\n" in name for name in names):
            return None  # the database has one path a line
        for original, moved, package in self._diverted():
            if moved in names:
                return self._listed((original,), but=package)
            if original in names:
                return package if package != _LOCALLY and self._owns(package, names) else None
        return self._listed(names)

    def record(self, names: "Tuple[str, ...]") -> "Optional[Recorded]":
        """Return what is known of a file's package, and the file's checksum in it. Takes and raises what ``owner`` does."""
        from pvhready.probes.recorded import Recorded

        package = self.owner(names)
        if package is None:
            return None
        found = self.checksum(package, names)
        version, architecture = self._version(package)
        name = package.partition(":")[0]
        return Recorded(names[0], package, "deb", name, version, architecture, *(found or (None, None)))

    def checksum(self, package: str, names: "Tuple[str, ...]") -> "Optional[Tuple[str, str]]":
        """Return algorithm and digest of a file of a package; None where its list has none, or several. Raises Unreadable."""
        try:
            sums = b"\n" + self._root.read("{}/{}.md5sums".format(_INFO, package), _LIST_LIMIT) + b"\n"
        except Missing:
            return None
        # What stands at a diverted path, or where it was moved, is not what the list means.
        diverted = {name for diversion in self._diverted() for name in diversion[:2]}
        found = {digest for name in names if name not in diverted for digest in _sums_of(sums, b"  " + _encode(name[1:]) + b"\n")}
        return ("md5", found.pop().decode("ascii", "replace").lower()) if len(found) == 1 else None

    def _version(self, package: str) -> "Tuple[str, str]":
        """Return version and architecture of an installed package, "" where the status does not say."""
        name, _, architecture = package.partition(":")
        status = b"\n\n" + self._root.read(_STATUS, _STATUS_LIMIT)
        at = status.find(b"\nPackage: " + _encode(name) + b"\n")
        while at >= 0:
            fields = _fields_at(status, at + 1)
            if architecture in ("", fields.get(b"Architecture")):
                return fields.get(b"Version", ""), fields.get(b"Architecture", "")
            at = status.find(b"\nPackage: " + _encode(name) + b"\n", at + 1)
        return "", ""

    def _diverted(self) -> "List[Tuple[str, str, str]]":
        """Return what dpkg-divert keeps: original path, where it was moved, whose wish it was."""
        if self._diversions is None:
            try:
                lines = self._root.read_text(_DIVERSIONS).split("\n")
            except Missing:
                lines = []
            self._diversions = list(zip(lines[0::3], lines[1::3], lines[2::3]))
        return self._diversions

    def _listed(self, names: "Tuple[str, ...]", but: str = "") -> "Optional[str]":
        if names[0].startswith("/etc/") and not self._is_link(names[0]):
            return self._configured(names[0], but)
        release = _release_in(names[0])
        if not release:
            return self._search(names, but)
        # make deb-pkg writes packages in small letters, and dpkg allows no underscore.
        likely = [prefix + release.lower().replace("_", "-") for prefix in _KERNEL_PACKAGES]
        # The first guess is mostly right, and then the folder with its thousands of names need not be listed.
        if self._packages is None and likely[0] != but and self._owns(likely[0], names):
            return likely[0]
        for package in likely + [package for package in self._installed() if release in package]:
            if package in self._installed() and package != but and self._owns(package, names):
                return package
        return self._of_common_kernels(names, but)

    def _installed(self) -> "FrozenSet[str]":
        if self._packages is None:
            self._packages = frozenset(name[:-5] for name in self._root.names(_INFO) if name.endswith(".list"))
        return self._packages

    def _owns(self, package: str, names: "Iterable[str]") -> bool:
        try:
            with self._root.open("{}/{}.list".format(_INFO, package)) as file:
                return _holds(file, names)
        except Missing:
            return False

    def _is_link(self, name: str) -> bool:
        try:
            return bool(self._root.link(name))
        except Missing:
            return False

    def _configured(self, name: str, but: str) -> "Optional[str]":
        """Look in the status file, which names all configuration files: by Debian's policy (10.7) each file in /etc is one.

        One file instead of all lists: a hook that no package owns is found out in a millisecond.
        """
        status = self._root.read(_STATUS, _STATUS_LIMIT)
        found = status.find(b"\n " + _encode(name) + b" ")
        while found >= 0:
            package = _package_at(status, found)
            if package != but:
                return package
            found = status.find(b"\n " + _encode(name) + b" ", found + 1)
        return None

    def _search(self, names: "Tuple[str, ...]", but: str) -> "Optional[str]":
        """Look through every list. It takes some 50 microseconds a package, so it is for few paths only."""
        total = 0
        for package in sorted(self._installed()):
            if package == but:
                continue
            with self._root.open("{}/{}.list".format(_INFO, package)) as file:
                total += file.size
                if total > _TOTAL_LIMIT:
                    raise Unreadable(_INFO, "holds more than {} bytes".format(_TOTAL_LIMIT))
                if _holds(file, names):
                    return package
        return None

    def _of_common_kernels(self, names: "Tuple[str, ...]", but: str) -> "Optional[str]":
        """Look at kernel packages whose name does not tell a release, such as raspberrypi-kernel. They are read once."""
        if self._kernel_files is None:
            self._kernel_files = {}
            total = 0
            for package in sorted(self._installed()):
                if _is_kernel(package) and total < _LIST_LIMIT:
                    content = self._root.read("{}/{}.list".format(_INFO, package), _LIST_LIMIT)
                    total += len(content)
                    self._kernel_files.update((line, package) for line in content.split(b"\n") if b"/vmlinu" in line)
        for name in names:
            package = self._kernel_files.get(_encode(name), "")
            if package and package != but:
                return package
        return None


def _sums_of(sums: bytes, end: bytes) -> "Iterator[bytes]":
    """Yield what stands before each ``end`` of a line. The lists of kernels have thousands of lines, and are not taken apart."""
    at = sums.find(end)
    while at >= 0:
        digest = sums[sums.rfind(b"\n", 0, at) + 1:at]
        if b"  " not in digest:
            yield digest
        at = sums.find(end, at + 1)


def _package_at(status: bytes, place: int) -> str:
    """Return the package whose paragraph holds this place, with its architecture where dpkg prints one."""
    fields = _fields_at(status, place)
    package = fields.get(b"Package", "")
    return package + ":" + fields.get(b"Architecture", "") if fields.get(b"Multi-Arch") == "same" else package


def _fields_at(status: bytes, place: int) -> "Dict[bytes, str]":
    """Return the fields of the paragraph that holds this place."""
    end = status.find(b"\n\n", place)
    fields: Dict[bytes, str] = {}
    for line in status[status.rfind(b"\n\n", 0, place) + 1:end if end >= 0 else len(status)].split(b"\n"):
        key, colon, value = line.partition(b": ")
        if colon:
            fields.setdefault(key, value.decode("utf-8", "replace"))
    return fields


def _is_kernel(package: str) -> bool:
    return any(word in package for word in _KERNEL_WORDS) and not any(part[:1].isdigit() for part in package.split("-"))


def _release_in(path: str) -> str:
    """Return the kernel release that a path of a kernel names, or "" when it is no such path."""
    parts = path.split("/")
    if parts[1:2] == ["boot"]:
        return parts[-1].partition("-")[2]
    if "modules" in parts[:-1]:
        return parts[parts.index("modules") + 1]
    return ""


def _holds(file: File, names: "Iterable[str]") -> bool:
    """Whether a list has one of the names as a line. Raises Unreadable for a list that is too long."""
    if file.size > _LIST_LIMIT:
        raise Unreadable(file.path, "larger than {} bytes".format(_LIST_LIMIT))
    wanted = [b"\n" + _encode(name) + b"\n" for name in names]
    overlap = max(len(line) for line in wanted)
    offset = 0
    rest = b"\n"
    while offset < _LIST_LIMIT:
        part = file.read_at(offset, _CHUNK if offset else _FIRST)
        text = rest + (part or b"\n")
        if any(line in text for line in wanted):
            return True
        if not part:
            return False
        offset += len(part)
        rest = text[-overlap:]
    raise Unreadable(file.path, "larger than {} bytes".format(_LIST_LIMIT))


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
