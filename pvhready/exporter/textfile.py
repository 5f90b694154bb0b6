"""The metrics as a file for node exporter's textfile collector: there as a whole, or as it was before."""

import os
import stat

from pvhready.errors import CommandError, NotPermitted, UsageError
from pvhready.memory.folder import replace
from pvhready.report.metrics import Run, families, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pvhready.judge import Report

_MODE = 0o644  # node exporter runs as a user of its own


def write(path: str, report: "Report", run: Run) -> None:
    """Put the metrics of a report in place at ``path``. Raises UsageError for a path that is no place for a file, and CommandError."""
    folder, name = os.path.split(os.path.abspath(path))
    if not name.endswith(".prom"):
        raise UsageError("{} does not end in .prom, and node exporter reads no other files".format(path))
    try:
        _demand_file(path)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            replace(directory, name, render(families(report, run)).encode("utf-8"), _MODE, durable=True)
        finally:
            os.close(directory)
    except PermissionError as error:
        raise NotPermitted("{} may not be written: run this as root, or name another file".format(path)) from error
    except OSError as error:
        raise CommandError("{} could not be written ({}), and is as it was".format(path, error.strerror or error)) from error


def _demand_file(path: str) -> None:
    """What is put in place takes the place of what is there: it must not be a device or a folder."""
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise UsageError("{} is there and is no file of metrics: name another".format(path))
