"""Looks into kernel images: unpacks the payload as a stream and reads the proof that the kernel itself holds.

It costs a fraction of a second a kernel, so it is done where no configuration of the kernel is there, and where the user asks for it.
"""

import time

from pvhready.facts import Image, Inside, Kernel, Problem
from pvhready.probes.checksums import has_checksum, is_pristine
from pvhready.probes.kconfig import PROC, merge_config, parse_embedded, source_in
from pvhready.probes.kconfig import Source as ConfigSource
from pvhready.root import Unreadable
from pvhready.unpack import Budget, MissingTool, Source, UnpackError, from_bytes, stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple, Union

    from pvhready.memory.results import Memory
    from pvhready.probes.image import Content
    from pvhready.root import File, Root, Stamp
    from pvhready.unpack import Chunks

    _Handle = Union[File, Content]

FEATURES = 17  # the note SUPPORTED_FEATURES (Xen: xen/include/public/elfnote.h)

_MAX_OUTPUT = 512 << 20  # bytes; a vmlinux without its debugging data has 20 to 100 MB
_MAX_ZIPPED = 64 << 20  # bytes of a bzImage that was gzipped as a whole, which has to be held
_MAX_WORK = 60.0  # seconds of this process's own work for one kernel
_MAX_SECONDS = 300.0  # that may pass meanwhile, on a machine that is busy with other things
_MAX_WORK_IN_ALL = 240.0
_CONTAINERS = ("bzimage", "gzipped-bzimage", "elf")
_KIND = "inside 2"  # another number where what is remembered is laid out otherwise


class Looker:
    """Looks into the kernels of one root, within bounds for all of them together."""

    def __init__(self, root: "Root", deep: bool = False, memory: "Optional[Memory]" = None) -> None:
        """``deep``: every kernel is looked into, and unpacked to its end unless its package's checksum says that it is whole."""
        self._root = root
        self._deep = deep
        self._memory = memory
        self._started = time.process_time()

    def look(self, kernel: Kernel, extra: "Sequence[str]" = (), decisive: bool = False) -> Kernel:
        """Return the kernel with what stands inside its image, where that is needed: it never raises for what the image is.

        That is where no configuration is there, and where nothing else tells whether a ``decisive`` image is whole. ``extra`` names more
        configuration symbols. A configuration in the image is one more source of the kernel's.
        """
        image = kernel.image
        without = kernel.config.source in (None, PROC)
        in_doubt = (self._deep or decisive) and image.container != "elf" and not has_checksum(kernel)
        if not (self._deep or without or in_doubt) or image.problem or image.container not in _CONTAINERS:
            return kernel
        to_the_end = in_doubt or self._deep and image.container != "elf" and not is_pristine(kernel)
        try:
            with self._root.open(kernel.path) as file:
                found, embedded = self._known(file.stamp, extra, to_the_end) or self._read(file, image, extra, to_the_end)
        except Unreadable as error:
            return kernel._replace(inside=Inside(problem=Problem(error.path, error.reason)))
        if found.needs and not self._deep and not without:
            return kernel  # its configuration answers; that a tool is missing here says nothing against the kernel
        return kernel._replace(inside=found, config=merge_config(kernel.config, embedded) if embedded else kernel.config)

    def _read(self, file: "File", image: Image, extra: "Sequence[str]", to_the_end: bool) -> "Tuple[Inside, Optional[ConfigSource]]":
        if time.process_time() - self._started > _MAX_WORK_IN_ALL:
            reason = "the kernels before it took more than {:g} seconds of work".format(_MAX_WORK_IN_ALL)
            return Inside(problem=Problem(file.path, reason)), None
        found, embedded = look_inside(file, image, extra, to_the_end)
        if self._memory is not None and not found.problem:
            self._memory.remember(_kind(extra, to_the_end), file.stamp, _packed(found, embedded))
        return found, embedded

    def _known(self, stamp: "Stamp", extra: "Sequence[str]", to_the_end: bool) -> "Optional[Tuple[Inside, Optional[ConfigSource]]]":
        fields = self._memory.recall(_kind(extra, to_the_end), stamp) if self._memory is not None else None
        return _unpacked(fields, stamp.path) if fields else None


def look_inside(
    handle: "_Handle", image: Image, extra: "Sequence[str]" = (), to_the_end: bool = False,
) -> "Tuple[Inside, Optional[ConfigSource]]":
    """Return what stands inside an image, and the configuration in it. Never raises for what the image is, only Unreadable.

    ``extra`` names more configuration symbols than the usual ones. ``to_the_end``: the payload is unpacked to its end, whatever is
    found before.
    """
    from pvhready.probes.vmlinux import read_vmlinux

    try:
        chunks = _vmlinux(handle, image)
        try:
            found = read_vmlinux(chunks, to_the_end)
        finally:
            chunks.close()
        embedded = None
        if found.config is not None:
            embedded = parse_embedded(found.config, handle.path, extra)
    except UnpackError as error:
        needs = error.package if isinstance(error, MissingTool) else None
        return Inside(needs=needs, problem=Problem(handle.path, "its payload cannot be unpacked: " + error.reason)), None
    inside = Inside(found.bits, None, None, found.release, found.whole)
    if found.notes is not None:
        values = [value for kind, value in found.notes if kind == FEATURES and len(value) >= 4]
        features = int.from_bytes(values[0][:4], "little") if values else None
        inside = inside._replace(notes=tuple(dict.fromkeys(kind for kind, _ in found.notes)), features=features)
    wrong = _contradiction(inside, image, found.size)
    return (inside._replace(problem=Problem(handle.path, wrong)) if wrong else inside), embedded


def _contradiction(inside: Inside, image: Image, size: int) -> str:
    """What in a kernel does not fit the header around it, "" for nothing."""
    if inside.whole and image.unpacked is not None and size != image.unpacked:
        return "its payload unpacks to {} bytes, and says {} at its end".format(size, image.unpacked)
    if image.bits and inside.bits != image.bits:
        return "its header says {}-bit, and the kernel in it is {}".format(
            image.bits, "{}-bit".format(inside.bits) if inside.bits else "not for x86"
        )
    if inside.release and image.release and inside.release != image.release:
        return "its header says that it is Linux {}, and the kernel in it is {}".format(image.release, inside.release)
    return ""


def _vmlinux(handle: "_Handle", image: Image) -> "Chunks":
    """Return the unpacked kernel in an image as a stream. A payload says at its end how much that is, and may not be more."""
    budget = Budget(min(image.unpacked or _MAX_OUTPUT, _MAX_OUTPUT), _MAX_SECONDS, _MAX_WORK)
    if image.container == "elf":
        return stream(Source(handle.read_at, 0, handle.size), "none", budget)
    form = "none" if image.payload == "elf" else image.payload
    if form in (None, "unknown") or image.payload_offset is None or image.payload_end is None:
        raise UnpackError("it is of no known compression")
    if image.container == "gzipped-bzimage":
        content = from_bytes(_unzipped(handle))
        source = Source(lambda offset, size: _at(content, offset, size), image.payload_offset, min(image.size, image.payload_end))
    else:
        source = Source(handle.read_at, image.payload_offset, min(handle.size, image.payload_end))
    return stream(source, form or "", budget)


def _unzipped(handle: "_Handle") -> bytes:
    """Return a bzImage that was gzipped as a whole."""
    parts: List[bytes] = []
    for part in stream(Source(handle.read_at, 0, handle.size), "gzip", Budget(_MAX_ZIPPED, _MAX_SECONDS, _MAX_WORK)):
        parts.append(part)
    return b"".join(parts)


def _at(content: Source, offset: int, size: int) -> bytes:
    content.position = offset
    return content.read(size)


def _kind(extra: "Sequence[str]", to_the_end: bool) -> str:
    return " ".join([_KIND, "whole" if to_the_end else "part"] + sorted(extra))


def _packed(found: Inside, embedded: "Optional[ConfigSource]") -> "Tuple[str, ...]":
    """Return what is remembered: plain words, and one more for each symbol."""
    notes = "none" if found.notes is None else " ".join(map(str, found.notes))
    features = "" if found.features is None else str(found.features)
    fields = (str(found.bits or ""), notes, features, found.release or "", "whole" if found.whole else "")
    if embedded is None:
        return fields
    marks = (embedded.version or "", "whole" if embedded.whole else "", "cut" if embedded.cut else "")
    return fields + marks + tuple("{}={}".format(*pair) for pair in sorted(embedded.values.items()))


def _unpacked(fields: "Tuple[str, ...]", path: str) -> "Optional[Tuple[Inside, Optional[ConfigSource]]]":
    """Return what was remembered, None where anything about it is odd."""
    try:
        bits, notes, features, release, whole = fields[:5]
        numbers = None if notes == "none" else tuple(map(int, notes.split()))
        flags = int(features) if features else None
        inside = Inside(int(bits) if bits else None, numbers, flags, release or None, whole == "whole")
    except ValueError:
        return None
    if len(fields) == 5:
        return inside, None
    pairs = [field.partition("=") for field in fields[8:]]
    if not pairs or not all(equals for _, equals, _ in pairs):
        return None
    values: Dict[str, str] = {name: value for name, _, value in pairs}
    return inside, ConfigSource(source_in(path), values, fields[5] or None, fields[6] == "whole", fields[7] == "cut")
