"""The decompression hack: hooks that unpack each new kernel in place, for hosts whose PV loader cannot, and their helpers.

A hook is known by what it does, not by its name. Forms V1 to V5 are those of providers: BitFolk's of 2020 (V1), SiteHost's
(V2, V3), Gandi's (V4), and one that greps for bzip2's magic (V5).
"""

import os
import stat

from pvhready.facts import Hack, Hook, Problem
from pvhready.probes import script
from pvhready.probes.packages import Owners
from pvhready.probes.script import IMAGE, Deeds
from pvhready.records import NamedTuple
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set, Tuple

_RUN_PARTS, _KERNEL_INSTALL, _PACMAN = "run-parts", "kernel-install", "pacman"


class _Place(NamedTuple):
    """A folder of hooks, who runs them and with what. Within a group a name hides its namesakes in later folders."""

    folder: str
    runner: str
    group: str
    parameters: "Tuple[str, ...]" = ()


_POSTINST = ("VERSION", IMAGE)
_PLUGIN = ("add", "VERSION", "/boot/ENTRY", IMAGE)
_PLACES = (
    _Place("/etc/kernel/postinst.d", _RUN_PARTS, "postinst.d", _POSTINST),
    _Place("/usr/share/kernel/postinst.d", _RUN_PARTS, "postinst.d", _POSTINST),  # from Debian 13
    _Place("/etc/initramfs/post-update.d", _RUN_PARTS, "post-update.d", ("VERSION", "/boot/initrd.img-VERSION")),
    _Place("/etc/kernel/install.d", _KERNEL_INSTALL, "install.d", _PLUGIN),
    _Place("/usr/local/lib/kernel/install.d", _KERNEL_INSTALL, "install.d", _PLUGIN),
    _Place("/usr/lib/kernel/install.d", _KERNEL_INSTALL, "install.d", _PLUGIN),
    _Place("/etc/pacman.d/hooks", _PACMAN, "hooks"),
    _Place("/usr/share/libalpm/hooks", _PACMAN, "hooks"),
)
_KNOWN_NAMES = {
    "bitfolk-decompress-lz4-kernels": "V1", "decompress-lz4-kernels": "V1", "kernel-decompress-hook": "V3", "gandi-decompress-kernel": "V4",
}
_KNOWN_HELPERS = (
    "/usr/local/sbin/extract-vmlinux", "/usr/local/bin/extract-vmlinux",
    "/usr/share/gandi/extract-vmlinux", "/usr/share/gandi/decompress-kernel",
)
_SYSTEM_PROGRAMS = ("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/")
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_HINTS = ("decompress", "uncompress", "extract", "unpack", "vmlinu")  # in names of programs
_NO_PROGRAMS = ("/dev/", "/boot/", "/proc/", "/sys/", "/tmp/", "/var/", "/run/", "/etc/default/")
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh", "ash")
_SIZE_LIMIT = 128 * 1024  # bytes; the longest real hooks have 10 KiB
_CALLED_LIMIT = 8  # scripts followed from one hook


class _Script(NamedTuple):
    path: str
    text: str
    executable: bool


def find_hack(root: Root, owners: Owners) -> Hack:
    """Return the hooks that decompress kernels in place, active or not, and the helpers that are there.

    Hooks that cannot be read or understood are among the problems.
    """
    search = _Search(root, owners)
    for place in _PLACES:
        search.folder(place)
    search.known_helpers()
    return Hack(tuple(search.hooks), tuple(sorted(search.helpers)), tuple(search.problems))


class _Search:
    def __init__(self, root: Root, owners: Owners) -> None:
        self.hooks: List[Hook] = []
        self.helpers: Set[str] = set()
        self.problems: List[Problem] = []
        self._root = root
        self._owners = owners
        self._seen: Dict[Tuple[str, str], str] = {}

    def folder(self, place: _Place) -> None:
        try:
            names = self._root.names(place.folder)
        except Missing:
            return
        except Unreadable as error:
            self.problems.append(Problem(error.path, error.reason))
            return
        for name in names:
            path = "{}/{}".format(place.folder, name)
            try:
                self._file(place, name, path)
            except Missing:
                continue  # a link to nothing
            except Unreadable as error:
                self.problems.append(Problem(error.path, error.reason))
            self._seen.setdefault((place.group, name), path)

    def known_helpers(self) -> None:
        for path in _KNOWN_HELPERS:
            try:
                if self._root.is_file(path):
                    self.helpers.add(path)
            except Unreadable as error:
                self.problems.append(Problem(error.path, error.reason))

    def _file(self, place: _Place, name: str, path: str) -> None:
        try:
            hook = self._read(path)
        except Unreadable:
            if not self._masked(path):
                if stat.S_ISDIR(self._root.status(path).st_mode):
                    return  # no runner enters a folder
                raise
            if name in _KNOWN_NAMES:
                self.hooks.append(Hook(path, _KNOWN_NAMES[name], False, "masked by a link to /dev/null", self._owners.owner(path)))
            return
        if place.runner == _PACMAN:
            hook = hook._replace(text=_pacman_commands(hook.text))
        found = self._study(hook, place)
        if found is not None:
            self.hooks.append(self._hook(place, name, hook, found))

    def _read(self, path: str) -> _Script:
        with self._root.open(path) as file:
            data = file.read_at(0, _SIZE_LIMIT + 1)
            if len(data) > _SIZE_LIMIT:
                raise Unreadable(path, "larger than {} bytes".format(_SIZE_LIMIT))
            if data.startswith(b"\x7fELF"):
                raise Unreadable(path, "a program, not a script: what it does cannot be told")
            return _Script(path, data.decode("utf-8", "surrogateescape"), bool(file.status.st_mode & 0o111))

    def _masked(self, path: str) -> bool:
        # By the text of the link: a root that is mounted elsewhere has an empty /dev.
        return os.path.normpath(os.path.join(os.path.dirname(path), self._root.link(path))) == "/dev/null"

    def _study(self, hook: _Script, place: _Place) -> "Optional[List[str]]":
        """Return the helpers of a hook that decompresses kernels in place, None for any other hook."""
        if not _is_shell(hook.text):
            return [] if _unpacks_in_another_language(hook.text) else None
        if not script.mentions_decompression(hook.text) and not self._called_by_name(hook.text):
            return None
        deeds = script.deeds(hook.text, place.parameters)
        decompresses, overwrites, helpers = deeds.decompresses, deeds.overwrites, [self._program(name) for name in deeds.extractors]
        for path, call in self._called(deeds):
            its = script.deeds(self._read(path).text, call[1:])
            if its.decompresses or its.overwrites:
                helpers.insert(0, path)
                helpers.extend(self._program(name) for name in its.extractors)
            decompresses = decompresses or its.decompresses
            overwrites = overwrites or its.overwrites
        if decompresses and overwrites:
            return helpers
        if deeds.problem and script.mentions_decompression(hook.text):
            self.problems.append(Problem(hook.path, "cannot be understood: " + deeds.problem))
        return None

    def _called_by_name(self, text: str) -> bool:
        """Whether a script that can decompress is named anywhere in a text: a quick test that is right for most hooks."""
        hinted = any(hint in text for hint in _HINTS)
        code = " ".join(line for line in text.split("\n") if not line.startswith("#"))
        for word in set(code.split()):
            if "/" not in word and not hinted:
                continue
            name = word.strip("\"';(){}`")
            if name[:1] != "/" and not (hinted and _hinted(name)) or name.startswith(_NO_PROGRAMS) or "$" in name:
                continue
            path = self._program(name)
            if path.startswith("/") and self._follows(path) and script.mentions_decompression(self._read(path).text):
                return True
        return False

    def _called(self, deeds: Deeds) -> "List[Tuple[str, Tuple[str, ...]]]":
        """Return the scripts that a hook calls, and how."""
        found: List[Tuple[str, Tuple[str, ...]]] = []
        for call in deeds.calls:
            path = self._program(call[0]) if call[0] not in deeds.extractors else ""
            if path.startswith("/") and len(found) < _CALLED_LIMIT and self._follows(path):
                found.append((path, call))
        return found

    def _program(self, name: str) -> str:
        """Return the path of a program as the shell would find it; the name itself when it is not there."""
        if "/" in name:
            return name
        for folder in _PATH:
            path = "{}/{}".format(folder, name)
            if self._is_file(path):
                return path
        return name

    def _follows(self, path: str) -> bool:
        """Whether a program is a script worth to be looked into: the system's own are not, but for a name that says it all."""
        if path.startswith(_SYSTEM_PROGRAMS) and not _hinted(path):
            return False
        if not self._is_file(path):
            return False
        with self._root.open(path) as file:
            return file.size <= _SIZE_LIMIT and file.read_at(0, 2) == b"#!"

    def _is_file(self, path: str) -> bool:
        try:
            return self._root.is_file(path)
        except Unreadable as error:
            self.problems.append(Problem(error.path, error.reason))
            return False

    def _hook(self, place: _Place, name: str, hook: _Script, helpers: "List[str]") -> Hook:
        active, why = self._state(place, name, hook)
        for helper in helpers:
            if self._is_file(helper) and not helper.startswith(_SYSTEM_PROGRAMS + ("/usr/src/",)):
                self.helpers.add(helper)
            elif active and not self._is_file(helper):
                why += ", but its helper {} is missing".format(helper)
        form = _form(place, hook.text, helpers)
        return Hook(hook.path, form, active, why, self._owners.owner(hook.path), helpers[0] if helpers else None)

    def _state(self, place: _Place, name: str, hook: _Script) -> "Tuple[bool, str]":
        hidden_by = self._seen.get((place.group, name))
        if hidden_by:
            return False, "hidden by " + hidden_by
        suffix = {_KERNEL_INSTALL: ".install", _PACMAN: ".hook"}.get(place.runner, "")
        if not name.endswith(suffix):
            return False, "{} runs only names that end in {}".format(place.runner, suffix)
        if not hook.executable and place.runner != _PACMAN:
            return False, "not executable"
        if place.runner == _RUN_PARTS and not _is_run_parts_name(name) and self._is_file("/var/lib/dpkg/status"):
            return False, "run-parts skips such names"  # elsewhere, a plain loop runs the folder
        return True, "run for each new kernel"


def _hinted(name: str) -> bool:
    last = name.rpartition("/")[2]
    return any(hint in last for hint in _HINTS) and not last.startswith(("vmlinuz", "vmlinux"))


def _is_run_parts_name(name: str) -> bool:
    """Whether Debian's run-parts takes a name: letters, digits, underscores and hyphens of ASCII (run-parts(8))."""
    return bool(name) and all(letter in "_-" or (letter.isalnum() and letter < "\x7f") for letter in name)


def _is_shell(text: str) -> bool:
    if not text.startswith("#!"):
        return True
    words = text[2:text.find("\n") if "\n" in text else len(text)].split()
    return any(os.path.basename(word) in _SHELLS for word in words[:3])


def _unpacks_in_another_language(text: str) -> bool:
    """Whether a script that is no shell's names all that the hack takes: a decompressor, the image, a write."""
    code = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    return all(any(word in code for word in words) for words in (
        ("extract-vmlinux", "unlz4", "unzstd", "lz4.", "decompress("),
        ("vmlinuz", "argv", "ARGV"),
        ("rename", "replace(", "move(", "copy", "write("),
    ))


def _pacman_commands(text: str) -> str:
    """Return the commands that a hook of pacman (alpm-hooks(5)) runs after a transaction, a line each."""
    lines = [line.strip() for line in text.split("\n") if not line.strip().startswith("#")]
    pairs = [(key.strip(), value.strip()) for key, _, value in (line.partition("=") for line in lines)]
    return "\n".join(value for key, value in pairs if key == "Exec")


def _form(place: _Place, text: str, helpers: "Sequence[str]") -> str:
    if place.folder != "/etc/kernel/postinst.d":
        return "other"
    if any(helper.startswith("/usr/share/gandi/") for helper in helpers):
        return "V4"
    if "BZh" in text:
        return "V5"
    if "/usr/local/sbin/extract-vmlinux" in helpers:
        return "V1"
    if "file -b" in text and any(os.path.basename(helper) == "extract-vmlinux" for helper in helpers):
        return "V2" if "!L" in text else "V3"
    return "other"
