"""Boot loader specification entries, for a GRUB that has ``blscfg`` (GRUB of Fedora: commands/blscfg.c)."""

from pvhready.grub.devices import FILE_NOT_FOUND, UNKNOWN_DEVICE, Failure
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from pvhready.grub.interpreter import Interpreter

DIRECTORY = "/loader/entries"
_MAX_SIZE = 1024 * 1024  # larger ones are left out by GRUB


class Snippet(NamedTuple):
    """A file of the directory: its name without ``.conf``, and its keys, each with its values in order."""

    name: str
    path: str
    keys: "Dict[str, List[str]]"

    def first(self, key: str) -> str:
        """Return the first value of a key, "" when it has none."""
        return self.keys.get(key, [""])[0]


def add_entries(run: "Interpreter", arguments: "List[str]") -> None:
    """Put the entries of the directory into the menu, newest version first. Raises Failure as GRUB does.

    With an argument: ``default`` and ``non-default`` take a part of them, anything else the entry with that name.
    """
    run.used.add("blscfg")
    device = run.environment.get("boot")
    if device is None:
        raise Failure(FILE_NOT_FOUND, "variable `boot' isn't set.")
    device = device.strip("()")
    if not run.devices.exists(device):
        raise Failure(UNKNOWN_DEVICE, "disk `{}' not found.".format(device))
    directory = (run.environment.get("blsdir") or DIRECTORY).rstrip("/")
    if run.devices.information(device, directory) is None:
        directory = "/boot" + DIRECTORY
    snippets = read_all(run, device, directory)
    wanted = arguments[0] if arguments else ""
    default = run.environment.get("default") or ""
    for index, snippet in enumerate(snippets):
        is_default = default in (snippet.name, snippet.first("title"), str(index)) and bool(default)
        if wanted in ("default", "non-default"):
            if is_default != (wanted == "default") or any(entry.id == snippet.name for entry in run.menu):
                continue
        elif wanted and wanted != snippet.name:
            continue
        _add(run, snippet)


def read_all(run: "Interpreter", device: str, directory: str) -> "List[Snippet]":
    """Return the snippets of a directory, newest first."""
    snippets: List[Snippet] = []
    for name in run.devices.names(device, directory):
        if name.endswith(".conf") and len(name) > 5 and not name.startswith("."):
            run.step(8)
            path = directory + "/" + name
            information = run.devices.information(device, path)
            if information and information.size <= _MAX_SIZE:
                run.step(information.size >> 6)
                text = run.devices.read(device, path, _MAX_SIZE).decode("utf-8", "surrogateescape")
                snippets.append(Snippet(name[:-5], run.devices.shown(device, path), keys(text)))
    return sorted(snippets, key=lambda snippet: package_key(snippet.name), reverse=True)


def keys(text: str) -> "Dict[str, List[str]]":
    """Return the keys of a snippet. GRUB stops at the first line that has a key and no value."""
    found: Dict[str, List[str]] = {}
    for line in text.replace("\r", "").split("\n"):
        line = line.lstrip(" \t")
        if line.startswith("#"):
            continue
        key, blank, value = line.partition(" ")
        if not blank:
            key, blank, value = line.partition("\t")
        if not blank or not value:
            break
        found.setdefault(key, []).append(value.lstrip(" \t"))
    return found


def package_key(name: str) -> "Tuple[Tuple[Tuple[int, int, str], ...], ...]":
    """Return a key that sorts the names of snippets as GRUB does: MACHINE-VERSION-RELEASE, the parts one after another.

    So the machine's id counts before the version: of two machines' kernels, the newer one need not come first.
    """
    first, dash, release = name.rpartition("-")
    machine, another, version = first.rpartition("-")
    parts = (machine, version, release) if another else (first, release, "") if dash else (name, "", "")
    return tuple(version_key(part) for part in parts)


def version_key(text: str) -> "Tuple[Tuple[int, int, str], ...]":
    """Return a key that sorts versions as rpm and GRUB do: digits by value, above letters, above ``+``, above the end, above ``~``."""
    parts: List[Tuple[int, int, str]] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in "~+":
            parts.append((0 if char == "~" else 2, 0, ""))
            at += 1
            continue
        digits = char in "0123456789"
        letters = char.isalpha() and ord(char) < 128
        end = at + 1
        if digits or letters:
            while end < len(text) and ord(text[end]) < 128 and (text[end].isdigit() if digits else text[end].isalpha()):
                end += 1
            run = text[at:end]
            parts.append((4, len(run.lstrip("0")), run.lstrip("0")) if digits else (3, 0, run))
        at = end
    parts.append((1, 0, ""))
    return tuple(parts)


def _add(run: "Interpreter", snippet: Snippet) -> None:
    from pvhready.grub.state import MenuEntry

    kernel = snippet.first("linux")
    if not kernel:
        return
    arguments = (snippet.first("title") or kernel,) + tuple(snippet.keys.get("grub_arg", ()))
    early = (run.environment.get("early_initrd") or "").split(" ")
    folder = (snippet.first("initrd") or kernel).rpartition("/")[0] + "/"
    initrds = [folder + name for name in early if name] + snippet.keys.get("initrd", [])
    options = _expanded(run, snippet.first("options"))
    if options is None:
        options = _expanded(run, run.environment.get("default_kernelopts") or "") or ""
    lines = ["load_video", "set gfxpayload=keep", "insmod gzio", "linux ($root){} {}".format(kernel, options)]
    if initrds:
        lines.append("initrd " + " ".join("($root)" + name for name in initrds))
    body = [node for unit in run.parse("\n".join(lines)) for node in unit.body]
    users = _expanded(run, snippet.first("grub_users"))
    run.add_entry(MenuEntry(arguments[0], snippet.name, arguments, users or None, False, body, snippet.path, 1))


def _expanded(run: "Interpreter", text: str) -> "Optional[str]":
    """Put variables into a value when the entry is made; None where nothing comes of it, so that GRUB takes its default.

    Variables that are not set vanish. Nothing comes of a value that begins with one of them, unless other text follows.
    """
    import re

    result: Optional[str] = None
    for number, part in enumerate(re.split(r"\$([A-Za-z0-9_]*)", text)):
        value = run.environment.get(part) if number % 2 else part
        if value is not None and (value or number % 2):
            result = (result or "") + value
    return result
