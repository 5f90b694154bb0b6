"""Kernels that ``undo --keep-pv`` keeps for PV: which one the menu takes, and which newer one it passes over."""

from pvhready.facts import PV, Entry, Kernel
from pvhready.findings import INFO, Evidence, Finding
from pvhready.kept import is_kept, kept_release
from pvhready.rules.versions import sort_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple


def judge_kept(entry: Entry, kernels: "Tuple[Kernel, ...]", mode: str) -> "Iterator[Finding]":
    """Return what is to be said of an entry for PV whose kernel was kept decompressed: the next menu begins with it, too."""
    path = entry.kernel or ""
    release = kept_release(path)
    if mode != PV or release is None:
        return
    others = [kernel for kernel in kernels if kernel.path.startswith("/boot/") and not is_kept(kernel.path)]
    names = [kernel.named_release or kernel.release for kernel in others]
    newer = [name for name in names if sort_key(name) > sort_key(release)]
    summary = "under PV the menu boots Linux {}, which was kept decompressed for that, as long as its package is installed".format(release)
    if newer:
        summary += "; newer ones, as {}, have no such copy and boot under PVH".format(max(newer, key=sort_key))
    yield Finding("pv-kept", INFO, PV, path, summary, (Evidence(path),))
