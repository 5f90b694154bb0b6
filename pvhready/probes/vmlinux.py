"""What stands inside a kernel: the Xen notes, the release and the configuration of its vmlinux, read from the unpacked stream.

No more is unpacked than it takes, and no more is held than the pieces that are asked for. A kernel's first loadable segment holds
the code, then the constants (banner, configuration) and the notes, in this order or with the notes first (Linux:
arch/x86/kernel/vmlinux.lds.S, init/version.c, kernel/configs.c).
"""

from pvhready.probes.elf import read_layout, xen_notes
from pvhready.probes.names import MAX_RELEASE
from pvhready.records import NamedTuple
from pvhready.unpack.source import Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Tuple

    from pvhready.probes.elf import Layout

_HEAD = 64 * 1024  # bytes that hold the headers of an ELF file
_BANNER = b"Linux version "
_CONFIG, _CONFIG_END = b"IKCFG_ST\x1f\x8b\x08", b"IKCFG_ED"
_MARK = 8  # bytes of the mark before the packed configuration
_MAX_CONFIG = 2 * 1024 * 1024  # packed; real ones have 30 to 70 KB
_OVERLAP = 128  # bytes that a search looks at across the border of two chunks


class Vmlinux(NamedTuple):
    """What was found. ``notes`` are type and value of the notes named Xen, None where there is no place for notes at all.

    ``config`` is packed by gzip, None without one. ``release`` is that of the banner. ``size`` is how much was unpacked; ``whole``:
    that is all there is.
    """

    bits: "Optional[int]"
    notes: "Optional[Tuple[Tuple[int, bytes], ...]]"
    release: "Optional[str]"
    config: "Optional[bytes]"
    size: int
    whole: bool


def read_vmlinux(chunks: "Iterator[bytes]", to_the_end: bool) -> Vmlinux:
    """Return what an unpacked kernel holds. ``chunks`` is left where nothing more is needed, unless it is wanted ``to_the_end``.

    Raises Damaged for what is no ELF file, or ends before it should, and what ``chunks`` raises.
    """
    head = _head(chunks)
    layout = read_layout(lambda offset, size: head[offset:offset + size])
    if layout is None:
        raise Damaged("holds no kernel: its ELF header makes no sense")
    search = _Search(layout)
    search.take(head)
    whole = len(head) < _HEAD
    while not whole and (to_the_end or not search.done):
        chunk = next(chunks, b"")
        whole = not chunk
        search.take(chunk)
    if whole and search.position < layout.end:
        raise Damaged("holds a kernel that ends at {} bytes, and its ELF header speaks of {}".format(search.position, layout.end))
    return Vmlinux(layout.bits, search.notes(), search.release, search.config, search.position, whole)


def _head(chunks: "Iterator[bytes]") -> bytes:
    parts: List[bytes] = []
    length = 0
    while length < _HEAD:
        chunk = next(chunks, b"")
        if not chunk:
            break
        parts.append(chunk)
        length += len(chunk)
    return b"".join(parts)


class _Search:
    """Looks at a kernel as it passes by. ``position`` is how much has passed."""

    def __init__(self, layout: "Layout") -> None:
        self.position = 0
        self.release: Optional[str] = None
        self.config: Optional[bytes] = None
        self._layout = layout
        self._notes: Dict[Tuple[int, int], bytes] = dict.fromkeys(layout.notes, b"")
        self._notes_start = min([offset for offset, _ in layout.notes], default=0)
        self._notes_end = max([offset + size for offset, size in layout.notes], default=0)
        self._banner_at = layout.end  # where at the latest the banner was seen to begin, or how far it was not seen
        self._wants_config = True
        self._packed: Optional[bytes] = None  # what was seen of the configuration, while its end is not there yet
        self._tail = b""

    @property
    def done(self) -> bool:
        """Whether everything was found, or has to have passed by.

        Banner and configuration stand in one section, .rodata: where the one came before the notes, so did the other.
        """
        if self.position < self._notes_end:
            return False
        if self.position >= self._layout.text or self.release is not None and not self._wants_config:
            return True
        return self._banner_at < self._notes_start and self._packed is None

    def notes(self) -> "Optional[Tuple[Tuple[int, bytes], ...]]":
        """Return the notes named Xen that have passed by, None where no bytes of any note have."""
        if not any(self._notes.values()):
            return None
        return tuple(note for _, raw in sorted(self._notes.items()) for note in xen_notes(raw))

    def take(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        start, self.position = self.position, self.position + len(chunk)
        for place in self._notes:
            offset, size = place
            self._notes[place] += chunk[max(0, offset - start):max(0, offset + size - start)]
        if start < self._layout.text:
            border = self._tail + chunk[:_OVERLAP]
            if self.release is None:
                self.release = _release_in(border) or _release_in(chunk)
                self._banner_at = self.position
            if self._wants_config:
                self._look_for_config(chunk, border)
            self._tail = (self._tail + chunk[-_OVERLAP:])[-_OVERLAP:]

    def _look_for_config(self, chunk: bytes, border: bytes) -> None:
        if self._packed is not None:
            self._packed += chunk
        elif _CONFIG in border:
            self._packed = _after_mark(border) + chunk[_OVERLAP:]
        elif _CONFIG in chunk:
            self._packed = _after_mark(chunk)
        else:
            return
        config, mark, _ = self._packed.partition(_CONFIG_END)
        if mark:
            self.config = config
        if mark or len(self._packed) > _MAX_CONFIG:
            self._wants_config = False


def _after_mark(data: bytes) -> bytes:
    return data[data.index(_CONFIG) + _MARK:]


def _release_in(data: bytes) -> "Optional[str]":
    """The release in a banner: "Linux version 6.1.0-50-amd64 (builder@host) ...". Other strings of a kernel begin so, too."""
    at = data.find(_BANNER)
    while at >= 0:
        start = at + len(_BANNER)
        word, _, rest = data[start:start + MAX_RELEASE + 2].partition(b" ")
        if rest[:1] == b"(" and word[:1].isdigit() and all(0x21 <= byte < 0x7F for byte in word):
            return word.decode("ascii")
        at = data.find(_BANNER, start)
    return None
