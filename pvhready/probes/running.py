"""psutil, which tells of the running system. It is imported where it is asked: that takes longer than all of a check."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def psutil() -> "Any":
    """Return the module. Raises ImportError, also where no /proc is mounted, as in an image that is being built.

    There psutil would write a traceback to standard error while it is imported.
    """
    if not os.path.exists("/proc/stat"):
        raise ImportError("/proc is not mounted")
    import psutil

    return psutil
