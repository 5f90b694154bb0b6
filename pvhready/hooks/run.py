"""A hook's run, whatever happens in it: in time, on standard error only, a few lines, and never a failure to the caller."""

# The module signal itself imports enum, and that costs more than a hook that has nothing to say.
import _signal as signal  # type: ignore
import os
import sys

from pvhready.errors import CommandError, UsageError
from pvhready.hooks.situation import Situation, look
from pvhready.report.plain import printable
from pvhready.root import Root
from pvhready.settings import HOOKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, NoReturn, Optional, Sequence, Tuple

LIMIT = 14  # seconds; the scripts that call this program wait a little longer, and never more than 20
MAX_LINES = 3
BLOCKED = 1  # the exit code of apt-pre-install that stops apt
SUSPEND = "PVHREADY_SUSPEND"


class _TimeIsUp(BaseException):
    """Not to be caught by what is interrupted, as KeyboardInterrupt is not."""


def run(kind: "Optional[str]", arguments: "Sequence[str]") -> int:
    """Carry out a hook. Returns 0; apt-pre-install alone also ``BLOCKED``, where the administrator wants it so."""
    if os.environ.get(SUSPEND, "0") not in ("", "0"):
        return 0
    code = 0
    try:
        _set_limit()
        lines, code = _ask(_known(kind), arguments)
    except _TimeIsUp:
        lines = ["gave up after {} seconds; to know, type: pvhready check".format(LIMIT)]
        if kind == "apt":
            from pvhready.memory.folder import Folder
            from pvhready.memory.nextboot import settle

            settle(Folder())  # else each run of apt would wait as long, until the boot files change
    except CommandError as error:
        lines = [str(error)]
    except Exception as error:  # the last net: a fault of ours must not make an installation fail
        lines = ["the hook met an internal error, please report it: {}: {}".format(type(error).__name__, error)]
    finally:
        signal.alarm(0)
    _say(lines)
    return code


def _ask(kind: str, arguments: "Sequence[str]") -> "Tuple[List[str], int]":
    """Return what there is to say, and the exit code."""
    with Root("/") as root:
        situation = look(root, kind)
        if situation is None:
            return [], 0
        lines, code = _answer(kind, arguments, situation)
    return lines + situation.complaints, code


def _known(kind: "Optional[str]") -> str:
    if kind not in HOOKS:
        raise UsageError("there is no hook {!r}; there are: {}".format(kind, ", ".join(HOOKS)))
    return kind


def _answer(kind: str, arguments: "Sequence[str]", situation: Situation) -> "Tuple[List[str], int]":
    if kind == "apt-pre-install":
        from pvhready.hooks.packages import about_packages

        lines, stop = about_packages(situation, 0)
        return lines, BLOCKED if stop else 0
    from pvhready.hooks import image, nextboot

    if kind == "kernel-postinst":
        return image.about_image(situation, *image.read_postinst(arguments)), 0
    if kind == "kernel-install":
        added = image.read_kernel_install(arguments)
        return (image.about_image(situation, *added) or nextboot.about_next_boot(situation)) if added else [], 0
    return nextboot.about_next_boot(situation), 0


def _set_limit() -> None:
    def stop(*_: object) -> "NoReturn":
        raise _TimeIsUp()

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)


def _say(lines: "Sequence[str]") -> None:
    text = "".join("pvhready: {}\n".format(printable(line)) for line in lines[:MAX_LINES])
    try:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        sys.stderr.flush()
    except (OSError, AttributeError):  # a full disk, or no standard error at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what is left in the buffer must not be tried again at exit
