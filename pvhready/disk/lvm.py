"""LVM physical volumes: the logical volumes, of which kinds of segments they are made, and where a plain one begins.

Sources: LVM2 lib/format_text/layout.h and lib/format_text/format-text.c (labels, metadata areas), lib/config/config.c (the text).
"""

import struct

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

    Reader = Callable[[int, int], bytes]

_SECTOR = 512
_LABELS = 4  # sectors, in any of which the label may be
_LABEL = b"LABELONE"
_TYPE = b"LVM2 001"
_AREA = b" LVM2 x[5A%r0N*>"
_MAX_AREAS = 8
_MAX_TEXT = 512 * 1024  # bytes; half of what pvcreate leaves for it, as each text is written beside the one before
_MAX_DEPTH = 16
_MAX_VOLUMES = 512


class Volume(NamedTuple):
    """A logical volume. ``kinds`` are those of its segments: linear, striped, raid1, thin...

    ``start``: where its first bytes are on this physical volume, in bytes; None when they are elsewhere or not plain.
    ``uuid`` is without hyphens.
    """

    group: str
    name: str
    uuid: str
    kinds: "Tuple[str, ...]"
    start: "Optional[int]" = None


class Physical(NamedTuple):
    """A physical volume: the logical volumes of its group. ``problem`` says why they are not known."""

    volumes: "Tuple[Volume, ...]" = ()
    problem: str = ""


def read_physical(read: "Reader") -> "Optional[Physical]":
    """Return what an LVM label leads to; None when there is none."""
    for number in range(_LABELS):
        sector = read(number * _SECTOR, _SECTOR)
        if len(sector) == _SECTOR and sector[:8] == _LABEL and sector[24:32] == _TYPE:
            break
    else:
        return None
    header, = struct.unpack_from("<I", sector, 20)
    if header + 40 > _SECTOR:
        return Physical(problem="its LVM label leads nowhere")
    uuid = sector[header:header + 32].decode("ascii", "replace")
    areas = _areas(sector, header + 40)
    if not areas:
        return Physical(problem="its LVM header names no metadata area")
    for offset, size in areas:
        text = _text(read, offset, size)
        if text:
            return _physical(text, uuid)
    return Physical(problem="no LVM metadata could be read")


def _areas(sector: bytes, place: int) -> "List[Tuple[int, int]]":
    """Return offset and size of the metadata areas: the second of two lists, each of which a zero ends."""
    lists: List[List[Tuple[int, int]]] = [[], []]
    for found in lists:
        while place + 16 <= _SECTOR and len(found) <= _MAX_AREAS:
            pair = struct.unpack_from("<QQ", sector, place)
            place += 16
            if not pair[0]:
                break
            found.append((pair[0], pair[1]))
    return lists[1]


def _text(read: "Reader", area: int, size: int) -> str:
    """Return the newest metadata in an area, which is a ring behind its first sector; "" for none that is whole."""
    header = read(area, _SECTOR)
    if len(header) < _SECTOR or header[4:20] != _AREA:
        return ""
    offset, length = struct.unpack_from("<QQ", header, 40)
    if not _SECTOR <= offset < size or not 0 < length <= min(size - _SECTOR, _MAX_TEXT):
        return ""
    first = min(length, size - offset)
    data = read(area + offset, first)
    if length > first:
        data += read(area + _SECTOR, length - first)
    return data.split(b"\0", 1)[0].decode("utf-8", "replace") if len(data) == length else ""


def _physical(text: str, uuid: str) -> Physical:
    try:
        parsed = parse(text)
    except ValueError as error:
        return Physical(problem="its LVM metadata is not understood: {}".format(error))
    groups = [(name, value) for name, value in parsed.items() if isinstance(value, dict) and "physical_volumes" in value]
    if len(groups) != 1:
        return Physical(problem="its LVM metadata does not describe one volume group")
    name, group = groups[0]
    here, data_start = _this_volume(_section(group, "physical_volumes"), uuid)
    extent = group.get("extent_size")
    volumes = []
    for title, volume in list(_section(group, "logical_volumes").items())[:_MAX_VOLUMES]:
        if not isinstance(volume, dict):
            continue
        segments = [value for key, value in volume.items() if key.startswith("segment") and isinstance(value, dict)]
        kinds = tuple(dict.fromkeys(_kind(segment) for segment in segments))
        extents = _first_extent(segments, here)
        start = None
        if extents is not None and isinstance(extent, int) and data_start is not None:
            start = (data_start + extents * extent) * _SECTOR
        volumes.append(Volume(name, title, _plain(volume.get("id")), kinds, start))
    return Physical(tuple(volumes))


def _this_volume(volumes: "Dict[str, Any]", uuid: str) -> "Tuple[str, Optional[int]]":
    """Return the name that the metadata has for the volume with this UUID, and the sector where its data begin."""
    for name, volume in volumes.items():
        if isinstance(volume, dict) and _plain(volume.get("id")) == uuid:
            start = volume.get("pe_start")
            return name, start if isinstance(start, int) else None
    return "", None


def _kind(segment: "Dict[str, Any]") -> str:
    kind = segment.get("type")
    if not isinstance(kind, str):
        return "unknown"
    return "linear" if kind == "striped" and segment.get("stripe_count") == 1 else kind


def _first_extent(segments: "List[Dict[str, Any]]", here: str) -> "Optional[int]":
    """Return the extent of this physical volume where a logical one begins, if it does so plainly and here."""
    for segment in segments:
        stripes = segment.get("stripes")
        if segment.get("start_extent") == 0 and _kind(segment) == "linear" and isinstance(stripes, list) and stripes[:1] == [here]:
            return stripes[1] if len(stripes) > 1 and isinstance(stripes[1], int) else None
    return None


def _section(group: "Dict[str, Any]", name: str) -> "Dict[str, Any]":
    value = group.get(name)
    return value if isinstance(value, dict) else {}


def _plain(uuid: object) -> str:
    return uuid.replace("-", "") if isinstance(uuid, str) else ""


def parse(text: str) -> "Dict[str, Any]":
    """Return LVM's text as dictionaries of numbers, strings and lists. Raises ValueError for what is no such text."""
    return _parse_section(_words(text), 0)


def _parse_section(words: "Iterator[str]", depth: int) -> "Dict[str, Any]":
    if depth > _MAX_DEPTH:
        raise ValueError("sections within sections without an end")
    values: Dict[str, Any] = {}
    for name in words:
        if name == "}" and depth:
            return values
        follows = next(words, "")
        if follows == "{":
            values[name] = _parse_section(words, depth + 1)
        elif follows == "=":
            values[name] = _parse_value(next(words, ""), words)
        else:
            raise ValueError("{!r} follows {!r}".format(follows, name))
    if depth:
        raise ValueError("it ends within a section")
    return values


def _parse_value(word: str, words: "Iterator[str]") -> "Any":
    if word != "[":
        return _scalar(word)
    values: List[Any] = []
    for item in words:
        if item == "]":
            return values
        if item != ",":
            values.append(_scalar(item))
    raise ValueError("it ends within a list")


def _scalar(word: str) -> "Any":
    if word.startswith('"'):
        return word[1:]
    digits = word[1:] if word.startswith("-") else word
    return int(word) if digits.isdigit() and len(digits) < 20 else word


def _words(text: str) -> "Iterator[str]":
    """Split the text into names, numbers, signs, and strings that begin with a quote."""
    at = 0
    while at < len(text):
        sign = text[at]
        if sign.isspace():
            at += 1
        elif sign == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif sign == '"':
            end = text.find('"', at + 1)
            while end > 0 and text[end - 1] == "\\":
                end = text.find('"', end + 1)
            if end < 0:
                raise ValueError("it ends within a string")
            yield text[at:end]
            at = end + 1
        elif sign in "{}[]=,":
            yield sign
            at += 1
        else:
            end = at
            while end < len(text) and not text[end].isspace() and text[end] not in '{}[]=,"#':
                end += 1
            yield text[at:end]
            at = end
