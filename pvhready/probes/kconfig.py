"""A kernel's configuration: the values of exact symbols, from every source that is there.

Sources, best first: /boot/config-X, /lib/modules/X/config, /usr/lib/modules/X/config, the one inside the image (IKCONFIG), and
/proc/config.gz for the running kernel.
"""

from pvhready.facts import Config, Conflict, Problem
from pvhready.records import NamedTuple
from pvhready.root import MAX_TEXT, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

PROC = "/proc/config.gz"  # of the running kernel, which the file of its name need not hold any more
# Symbols whose name does not begin with XEN; those that do are all taken, in one pass over the file.
OTHER_SYMBOLS = ("X86_64", "ACPI", "HVC_XEN")
# Behind all drivers and file systems in every configuration for x86, and always on (Linux: lib/Kconfig).
_LATE = b"\nCONFIG_HAS_IOMEM="
_HEADER = 1024  # bytes at the start of a configuration
ROOT_POINTER = b"x86_default_get_root_pointer"
MAX_MAP = 32 * 1024 * 1024  # System.map of a distribution's kernel is 4 to 9 MB
_LATE_SYMBOLS = (b" _end\n", b" __brk_limit\n")  # where a kernel ends (Linux: arch/x86/kernel/vmlinux.lds.S)
_STUB = b"The real System.map is in"  # the one line that Debian 11 and newer ship
_TAIL = 4096  # bytes at the end of a map that hold its late symbols; a map of so few bytes was made by hand, and was not cut


class Source(NamedTuple):
    """A configuration: where it stands, its symbols, the version in its header; ``whole`` and ``cut`` as in facts.Config."""

    path: str
    values: "Dict[str, str]"
    version: "Optional[str]" = None
    whole: bool = True
    cut: bool = False


def read_config(root: Root, release: str, running: bool, extra: "Iterable[str]" = ()) -> Config:
    """Return the configuration of kernel ``release``; ``extra`` names more symbols (without CONFIG_) than the usual ones.

    A symbol that a source does not mention is not in ``values``. Sources that contradict each other are in ``conflicts``.
    """
    wanted = OTHER_SYMBOLS + tuple(extra)
    sources, problem = _read_sources(root, release, running, wanted)
    pointer, map_source = _root_pointer(root, release)
    if not sources:
        return Config(None, {}, (), pointer, map_source, problem)
    best = sources[0]
    return Config(
        best.path, best.values, tuple(_conflicts(sources)), pointer, map_source, problem, best.version, best.whole,
        any(source.cut for source in sources),
    )


def read_config_file(root: Root, path: str, map_path: "Optional[str]" = None) -> Config:
    """Return the configuration in a file that the user named, with the System.map named beside it."""
    pointer: Optional[bool] = None
    try:
        pointer = _has_pointer(root, map_path) if map_path else None
        data = root.read(path)
    except Unreadable as error:
        return Config(None, {}, (), pointer, map_path if pointer is not None else None, Problem(error.path, error.reason))
    return _config_of(data, path, pointer, map_path)


def config_in(data: bytes, path: str, system_map: "Optional[bytes]" = None, map_path: "Optional[str]" = None) -> Config:
    """Return the configuration in bytes that come from ``path``, with those of the System.map that belongs to it."""
    return _config_of(data, path, None if system_map is None else _pointer_in(system_map), map_path)


def parse_embedded(packed: bytes, image: str, extra: "Iterable[str]" = ()) -> Source:
    """Return the configuration that stands, packed by gzip, in the image at this path. Raises Damaged when it is none."""
    from pvhready.unpack import Damaged

    try:
        data = _unzip(image, packed)
    except Unreadable as error:
        raise Damaged("its own configuration " + error.reason) from error
    values = parse_config(data, OTHER_SYMBOLS + tuple(extra))
    if not values:
        raise Damaged("its own configuration has no symbols")
    return Source(source_in(image), values, _version(data), _LATE in data, _is_cut(data))


def source_in(image: str) -> str:
    """Return what the configuration within an image is called."""
    return image + " (IKCONFIG)"


def merge_config(config: Config, embedded: Source) -> Config:
    """Return a configuration with that of the image as one more source, which comes before /proc/config.gz only."""
    if config.source is None:
        return config._replace(
            source=embedded.path, values=embedded.values, version=embedded.version, whole=embedded.whole, cut=embedded.cut)
    other = Source(config.source, config.values, config.version)
    if config.source == PROC:
        conflicts = tuple(_conflicts([embedded, other]))
        return config._replace(
            source=embedded.path, values=embedded.values, version=embedded.version, conflicts=conflicts, whole=embedded.whole,
            cut=config.cut or embedded.cut)
    return config._replace(conflicts=config.conflicts + tuple(_conflicts([other, embedded])))


def parse_config(data: bytes, others: "Iterable[str]") -> "Dict[str, str]":
    """Return the values of all symbols that begin with XEN, and of ``others``; "n" for "is not set".

    A symbol that stands there twice with different values has the value "y/n" of both, which no rule takes for an answer.
    """
    values: Dict[str, str] = {}
    for symbol, value in _lines_with(data, "XEN"):
        _add(values, symbol, value)
    for name in tuple(others) + _of_built_in_cmdline(data):
        for symbol, value in _lines_with(data, name):
            if symbol == name:
                _add(values, symbol, value)
    values.pop("", None)
    return values


def _add(values: "Dict[str, str]", symbol: str, value: str) -> None:
    known = values.get(symbol, value)
    values[symbol] = value if known == value else "{}/{}".format(known.strip('"'), value.strip('"'))


def _config_of(data: bytes, path: str, pointer: "Optional[bool]", map_path: "Optional[str]") -> Config:
    values, shown = parse_config(data, OTHER_SYMBOLS), map_path if pointer is not None else None
    return Config(path, values, (), pointer, shown, version=_version(data), whole=_LATE in data, cut=_is_cut(data))


def _is_cut(data: bytes) -> bool:
    """Whether the file ends in the middle of a line, as one does that a full disk or a crash left half written."""
    return not data.endswith(b"\n")


def _of_built_in_cmdline(data: bytes) -> "Tuple[str, ...]":
    """Return the symbols of a command line that is built in, where there is one (Linux: arch/x86/Kconfig)."""
    built_in = any(value != "n" for symbol, value in _lines_with(data, "CMDLINE_BOOL") if symbol == "CMDLINE_BOOL")
    return ("CMDLINE_BOOL", "CMDLINE", "CMDLINE_OVERRIDE") if built_in else ()


def _version(data: bytes) -> "Optional[str]":
    """The version in the header: ``# Linux/x86 6.1.170 Kernel Configuration`` (Linux: scripts/kconfig/confdata.c); None without one."""
    for line in data[:_HEADER].split(b"\n")[:-1]:
        words = line.split()
        if words[:1] == [b"#"] and words[-2:] == [b"Kernel", b"Configuration"] and len(words) >= 4:
            return words[-3].decode("ascii", "replace")
    return None


def _lines_with(data: bytes, start: str) -> "Iterator[Tuple[str, str]]":
    """Yield symbol and value of each line with a symbol that begins so. A file of 260 KB is searched in a fraction of a millisecond."""
    word = b"CONFIG_" + start.encode("ascii")
    at = data.find(word)
    while at >= 0:
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        yield _parse_line(data[data.rfind(b"\n", 0, at) + 1:end])
        at = data.find(word, end)


def _parse_line(line: bytes) -> "Tuple[str, str]":
    text = line.strip().decode("ascii", "replace")
    if text.startswith("# CONFIG_") and text.endswith(" is not set"):
        return text[len("# CONFIG_"):-len(" is not set")], "n"
    if text.startswith("CONFIG_"):
        symbol, equals, value = text[len("CONFIG_"):].partition("=")
        if equals:
            return symbol, value
    return "", ""


def _read_sources(root: Root, release: str, running: bool, wanted: "Tuple[str, ...]") -> "Tuple[List[Source], Optional[Problem]]":
    sources: List[Source] = []
    problem: Optional[Problem] = None
    seen: Set[Tuple[int, int]] = set()
    for path in config_paths(release, running):
        try:
            status = root.status(path)
            if (status.st_dev, status.st_ino) in seen:
                continue  # /lib is /usr/lib on merged systems
            seen.add((status.st_dev, status.st_ino))
            data = _unzip(path, root.read(path)) if path.endswith(".gz") else root.read(path)
        except Missing:
            continue
        except Unreadable as error:
            problem = problem or Problem(error.path, error.reason)
            continue
        values = parse_config(data, wanted)
        if values:
            sources.append(Source(path, values, _version(data), _LATE in data, _is_cut(data)))
        else:
            problem = problem or Problem(path, "holds no kernel configuration")
    return sources, problem


def config_paths(release: str, running: bool) -> "Tuple[str, ...]":
    """Return where the configuration of a kernel may lie, best first."""
    paths = ("/boot/config-" + release, "/lib/modules/" + release + "/config", "/usr/lib/modules/" + release + "/config")
    return paths + (PROC,) if running else paths


def _unzip(path: str, data: bytes) -> bytes:
    import zlib

    inflater = zlib.decompressobj(31)
    try:
        text = inflater.decompress(data, MAX_TEXT)
    except zlib.error as error:
        raise Unreadable(path, "cannot be unpacked: {}".format(error)) from error
    if not inflater.eof:
        raise Unreadable(path, "cannot be unpacked to its end")
    return text


def _conflicts(sources: "List[Source]") -> "Iterable[Conflict]":
    best = sources[0]
    for other in sources[1:]:
        for symbol in sorted(set(best.values) | set(other.values)):
            value, contrary = best.values.get(symbol, "n"), other.values.get(symbol, "n")
            if value != contrary:
                yield Conflict(symbol, best.path, value, other.path, contrary)


def _root_pointer(root: Root, release: str) -> "Tuple[Optional[bool], Optional[str]]":
    for path in ("/boot/System.map-" + release, "/usr/lib/modules/" + release + "/System.map", "/lib/modules/" + release + "/System.map"):
        try:
            found = _has_pointer(root, path)
        except Unreadable:
            continue  # no evidence, which is what None says
        if found is not None:
            return found, path
    return None, None


def _has_pointer(root: Root, path: str) -> "Optional[bool]":
    """Whether System.map has the symbol; None for a stub, and where it is missing from a map that was cut short."""
    return _pointer_in(root.read(path, MAX_MAP))


def _pointer_in(data: bytes) -> "Optional[bool]":
    """Only whole words count: ``... T x86_default_get_root_pointer``."""
    if _STUB in data[:_TAIL]:
        return None
    at = data.find(ROOT_POINTER)
    while at >= 0:
        end = at + len(ROOT_POINTER)
        if data[at - 1:at] == b" " and data[end:end + 1] in (b"\n", b"", b"\t", b" "):
            return True
        at = data.find(ROOT_POINTER, end)
    is_whole = len(data) <= _TAIL or any(symbol in data[-_TAIL:] for symbol in _LATE_SYMBOLS)
    return False if data.endswith(b"\n") and is_whole else None
