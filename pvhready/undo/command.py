"""The command ``undo``: which of its actions is meant, who may, and what is said when it cannot be done."""

import contextlib
import os
import signal
import sys

from pvhready.errors import CommandError, NotPermitted, UsageError
from pvhready.host import Host
from pvhready.options import Options
from pvhready.root import Root
from pvhready.undo.changes import Refused
from pvhready.undo.exclusive import demand_no_interrupted_run, two_ways
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.outcome import Outcome
from pvhready.undo.perform import Undo
from pvhready.undo.revert import Revert, abandon, resume
from pvhready.undo.store import history
from pvhready.undo.transaction import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    Confirm = Callable[[Outcome], bool]


def undo(root: Root, host: Host, options: Options, confirm: "Confirm") -> Outcome:
    """Carry out what the options say, and return what came of it.

    ``confirm`` shows the plan and returns whether it is to be done. Raises UsageError, NotPermitted, and CommandError where the
    system refused a change.
    """
    action = _action(options)
    writes = options.apply or action in ("resume", "abandon")
    if writes and root.live and os.geteuid() != 0:
        raise NotPermitted("only root can change the kernels of this machine: run it with sudo")
    guest = Guest(root, host, options.assume_guest)
    try:
        with _ended_like_by_hand():
            return _outcome(guest, action, options, confirm)
    except Refused as error:
        return Outcome(action, root.directory, obstacles=(str(error),))
    except Failed as error:
        raise CommandError(_failure(root, error)) from error
    except KeyboardInterrupt:
        _tell_of_interruption(root)
        raise


@contextlib.contextmanager
def _ended_like_by_hand() -> "Iterator[None]":
    """Let what would end the program end it as Ctrl-C does: a download that runs is ended too, and what is left to do is told."""
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    # What is ignored (nohup) stays so.
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _outcome(guest: Guest, action: str, options: Options, confirm: "Confirm") -> Outcome:
    if action == "resume":
        return resume(guest, options.switching)
    if action == "abandon":
        return abandon(guest, options.switching)
    demand_no_interrupted_run(guest.root, history(guest.root))
    wish = Wish(options.apply, options.switching, options.keep_pv, tuple(os.path.abspath(path) for path in getattr(options, "from")))
    if action == "revert":
        return Revert(guest, wish).outcome(confirm)
    return Undo(guest, wish).outcome(confirm)


def _action(options: Options) -> str:
    wanted = [name for name in ("revert", "resume", "abandon") if getattr(options, name)]
    if len(wanted) > 1:
        raise UsageError("--revert, --resume and --abandon exclude each other")
    if wanted and (options.keep_pv or getattr(options, "from")):
        raise UsageError("--keep-pv and --from do not go with --{}".format(wanted[0]))
    return wanted[0] if wanted else "undo"


def _failure(root: Root, error: Failed) -> str:
    if error.restored:
        return "the system refused a change ({}); everything was put back as it was".format(error.reason)
    text = "the system refused a change ({}), and the run could not be ended. When the cause is mended: {}"
    return text.format(error.reason, two_ways(root))


def _tell_of_interruption(root: Root) -> None:
    """Say on the way out whether a run was cut off."""
    try:
        run = history(root).interrupted
        found = run.name if run else ""
    except Refused as error:
        found = str(error)
    if found and sys.stderr is not None:
        sys.stderr.write("\npvhready: interrupted in the midst of {}. {}\n".format(found, two_ways(root)))
