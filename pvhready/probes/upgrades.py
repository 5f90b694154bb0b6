"""What the settings of rpm systems say of the next kernel: which becomes the default, and how many stay.

/etc/sysconfig/kernel is read by new-kernel-pkg (to EL7) and by kernel-install's 20-grub.install (from EL8 on, through
grub2-get-kernel-settings), installonly_limit by yum and dnf.
"""

from pvhready.facts import Upgrades
from pvhready.root import Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

_KERNEL = "/etc/sysconfig/kernel"
_LIMITS = ("/etc/dnf/dnf.conf", "/etc/yum.conf")
_SIZE_LIMIT = 64 * 1024  # bytes


def read_upgrades(root: Root) -> Upgrades:
    """Return the settings; what is not set or cannot be told is None."""
    try:
        text = root.read_text(_KERNEL, _SIZE_LIMIT)
    except Unreadable:
        return Upgrades(keeps=_limit(root))  # not there, or rare; only a warning of the next upgrade hangs on it
    from pvhready.probes.defaults import parse_defaults

    settings = parse_defaults(text, _KERNEL)
    update = settings.values.get("UPDATEDEFAULT")
    return Upgrades(_limit(root), None if update is None else update == "yes", settings.values.get("DEFAULTKERNEL"))


def _limit(root: Root) -> "Optional[int]":
    """Return how many kernels of a kind stay; None where no number is set."""
    for path in _LIMITS:
        try:
            lines = root.read_text(path, _SIZE_LIMIT).split("\n")
        except Unreadable:
            continue  # the tool's own default holds; what cannot be read is rare, and no verdict hangs on it
        for line in lines:
            name, equals, value = line.partition("=")
            if equals and name.strip() == "installonly_limit" and value.strip().isdecimal():
                return int(value.strip()[:9])
    return None
