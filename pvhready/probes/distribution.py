"""Which distribution a root holds: os-release, and for systems older than that file what the distro library makes of theirs."""

from pvhready.facts import Distribution
from pvhready.root import Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
# The files that systems without os-release have, the most telling first (each names its own distribution but the last two).
_RELEASE_FILES = ("/etc/centos-release", "/etc/redhat-release", "/etc/SuSE-release", "/etc/gentoo-release", "/etc/alpine-release")
_LIMIT = 64 * 1024


def read_distribution(root: Root) -> Distribution:
    """Return what the system says of itself; every field is None where it says nothing."""
    for path in _OS_RELEASE:
        try:
            values = parse_os_release(root.read_text(path, _LIMIT))
        except Missing:
            continue
        except Unreadable:
            return Distribution()
        return Distribution(
            values.get("ID"), values.get("VERSION_ID"), values.get("PRETTY_NAME") or values.get("NAME"),
            tuple(values.get("ID_LIKE", "").split()),
        )
    return _ask_distro(root)


def parse_os_release(text: str) -> "Dict[str, str]":
    """Return the assignments of an os-release file (os-release(5)): shell quoting, no expansion."""
    values: Dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        if len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0]:
            value = value[1:-1]
        for character in "\\\"'`$":
            value = value.replace("\\" + character, character)
        values[name] = value
    return values


def _ask_distro(root: Root) -> Distribution:
    """CentOS 6, Debian 6 and their like. distro opens paths itself, so it gets a copy of what was read through ``root``."""
    for path in _RELEASE_FILES:
        text = _content(root, path)
        if text:
            return _parse_release_file(path.rsplit("/", 1)[1], text)
    version = _content(root, "/etc/debian_version")
    if version:
        return Distribution("debian", version.strip(), "Debian GNU/Linux {}".format(version.strip()))
    return Distribution()


def _parse_release_file(name: str, text: str) -> Distribution:
    import os
    import tempfile

    try:
        import distro
    except ImportError:
        return Distribution(name=text.split("\n", 1)[0].strip() or None)
    with tempfile.TemporaryDirectory(prefix="pvhready-") as folder:
        copy = os.path.join(folder, name)
        with open(copy, "w", encoding="utf-8", errors="surrogateescape") as handle:
            handle.write(text)
        nothing = os.path.join(folder, "os-release")
        system = distro.LinuxDistribution(include_lsb=False, os_release_file=nothing, distro_release_file=copy)
        return Distribution(system.id() or None, system.version() or None, system.name(pretty=True) or None)


def _content(root: Root, path: str) -> "Optional[str]":
    try:
        return root.read_text(path, _LIMIT)
    except Unreadable:
        return None
