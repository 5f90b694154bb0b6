"""The names of the decompressed kernels that ``undo --keep-pv`` keeps for PV. Pure: probes, rules and the undo use them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

_START, _END = "/boot/pvhready-", ".elf"  # no boot loader's tools look for such a name


def kept_path(release: str) -> str:
    """Return where the kernel of a release is kept."""
    return _START + release + _END


def kept_release(path: str) -> "Optional[str]":
    """Return the release of the kernel that is kept at a path; None for any other path."""
    return path[len(_START):-len(_END)] if is_kept(path) else None


def is_kept(path: str) -> bool:
    """Whether a path is that of a kept kernel."""
    return path.startswith(_START) and path.endswith(_END)
