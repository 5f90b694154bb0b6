"""Kernel releases as numbers, and the few version ranges that rules need."""

from pvhready.nextmenu import release_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

# Series, kind of guest, releases with the fault, what it does, the release that mends it. Sources: the stable kernels' change logs.
_REGRESSIONS = (
    ("6.12", "pv", ">=6.12,<6.12.25", "PV guests come up with a single CPU", "6.12.25"),
    ("4.14", "both", ">=4.14,<4.14.97", "the clock loses time over save, restore and migration", "4.14.97"),
    ("4.19", "both", ">=4.19,<4.19.17", "the clock loses time over save, restore and migration", "4.19.17"),
    ("4.20", "both", ">=4.20,<4.20.4", "the clock loses time over save, restore and migration", "4.20.4"),
)
_PMC_CORE = ((5, 8), (5, 18))


def series(release: "Optional[str]") -> "Optional[Tuple[int, int]]":
    """Return (major, minor) of a kernel release such as "6.1.0-50-amd64" or "7.3-amd64"; None when it has none."""
    numbers = _numbers(release or "")
    return (numbers[0], numbers[1]) if len(numbers) >= 2 else None


def sort_key(release: "Optional[str]") -> "Tuple[object, ...]":
    """Return what sorts kernel releases from old to new, as Debian's GRUB does: a release candidate below its release."""
    return release_key(release or "")


def known_regression(release: "Optional[str]", mode: str) -> "Optional[Tuple[str, str]]":
    """Return what a kernel release is known to do wrong in a mode and the release that mends it, or None.

    Releases such as Debian's 4.19.0-27 do not tell their patch level, so nothing is said of them.
    """
    numbers = _numbers(release or "")
    if len(numbers) < 2:
        return None
    if mode == "pv" and _PMC_CORE[0] <= (numbers[0], numbers[1]) < _PMC_CORE[1]:
        return "the module intel_pmc_core can crash PV guests on newer Intel processors", "5.18"
    name = "{}.{}".format(numbers[0], numbers[1])
    for start, where, affected, harm, fixed in _REGRESSIONS:
        tells = start == name and where in (mode, "both") and len(numbers) >= 3 and numbers[2]
        if tells and _is_within(numbers, affected):
            return harm, fixed
    return None


def _is_within(numbers: "Tuple[int, ...]", affected: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return bool(SpecifierSet(affected).contains(".".join(str(number) for number in numbers)))


def _numbers(release: str) -> "Tuple[int, ...]":
    """The leading dotted numbers: (6, 12, 107) of "6.12.107+deb13-amd64"."""
    numbers = []
    for part in release.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > 6:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
