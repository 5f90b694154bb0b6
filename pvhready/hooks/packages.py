"""Before apt installs: would a kernel in the packages boot in the mode that this machine runs in?"""

import os

from pvhready.hooks.situation import Situation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

MAX_INPUT = 1024 * 1024  # bytes of file names
STOPPED = "apt is stopped, because /etc/pvhready.conf says block = yes; with PVHREADY_SUSPEND=1 in its environment it goes on"


def about_packages(situation: Situation, descriptor: int) -> "Tuple[List[str], bool]":
    """Return what there is to say of the kernels in packages, and whether to stop apt. ``descriptor`` gives file names, one a line."""
    lines = []  # type: List[str]
    names = _names(descriptor)
    if not names:
        return lines, False
    from pvhready.archives.kernels import kernels_in
    from pvhready.hooks.image import about_kernel, fault_of

    found = kernels_in(situation.root, {path: path for path in names})
    for kernel in [kernel for kernels in found.values() for kernel in kernels]:
        if kernel.image.problem:
            situation.complaints.append("{} cannot be judged before it is installed: {}".format(kernel.path, kernel.image.problem.reason))
        lines = lines or about_kernel(situation, kernel)
        if situation.current and situation.settings.block and fault_of(situation, kernel, situation.current):
            return about_kernel(situation, kernel) + [STOPPED], True
    return lines, False


def _names(descriptor: int) -> "List[str]":
    """The names of package files, as apt passes them (apt.conf(5), DPkg::Pre-Install-Pkgs)."""
    parts = []  # type: List[bytes]
    length = 0
    while length < MAX_INPUT:
        part = os.read(descriptor, 65536)
        if not part:
            break
        parts.append(part)
        length += len(part)
    names = b"".join(parts).decode("utf-8", "surrogateescape").split("\n")
    return [name for name in names if os.path.isabs(name) and name.endswith(".deb")]
