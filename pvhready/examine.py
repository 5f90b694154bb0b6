"""One guest, asked one question: survey and judgement, whoever wants to know."""

from pvhready.errors import CommandError, NotPermitted, UsageError
from pvhready.facts import MODES, PVH
from pvhready.host import DEFAULT, profile
from pvhready.records import NamedTuple
from pvhready.root import Denied, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

    from pvhready.facts import Facts
    from pvhready.judge import Report
    from pvhready.memory.folder import Folder

GUESTS = ("pv", "pvh", "hvm")


class Question(NamedTuple):
    """What is asked of a guest; the fields are the options of ``pvhready check``. ``target`` is None where nobody named one."""

    host: str = DEFAULT
    target: "Optional[str]" = None
    guest: "Optional[str]" = None
    deep: bool = False
    devices: "Tuple[str, ...]" = ()
    skip: "Tuple[str, ...]" = ()


def demand_sense(question: Question) -> None:
    """Raise UsageError for a question with words in it that mean nothing."""
    profile(question.host)
    if question.target not in MODES + (None,):
        raise UsageError("the target is pvh or pv, not {!r}".format(question.target))
    if question.guest not in GUESTS + (None,):
        raise UsageError("a guest is taken to be pv, pvh or hvm, not {!r}".format(question.guest))
    demand_known_ids(question.skip)


def demand_known_ids(ids: "Sequence[str]") -> None:
    """Raise UsageError for a name that no check has."""
    if not ids:
        return
    from pvhready.checks import IDS

    for name in ids:
        if name not in IDS:
            raise UsageError('there is no check {!r}; "pvhready explain" lists them'.format(name))


def examine(directory: str, question: Question, folder: "Optional[Folder]" = None) -> "Report":
    """Return the report on the guest whose root is ``directory``. Raises CommandError when that is no directory, or a device none.

    ``folder`` is where earlier runs on the running system have left what they found out.
    """
    return weigh(look(directory, question, folder), question)


def look(directory: str, question: Question, folder: "Optional[Folder]" = None, marks: "Optional[List[str]]" = None) -> "Facts":
    """Return the facts of a guest. Takes and raises what ``examine`` does; ``marks`` as for ``survey``."""
    from pvhready.survey import survey

    host = profile(question.host)
    with open_root(directory) as root:
        live = folder if root.live else None
        return survey(root, host, question.guest, question.deep, question.devices, live, marks=marks)


def weigh(facts: "Facts", question: Question) -> "Report":
    """Return what the facts of a guest mean. Pure: the same for the same facts and the same question."""
    from pvhready.judge import judge

    host = profile(question.host)
    return judge(facts, host, question.target or PVH, by_hand=question.target is not None, skipped=question.skip)


def open_root(directory: str) -> Root:
    """Return the root of a guest. Raises CommandError, with its exit code, where that is no directory that can be entered."""
    if not directory:
        raise UsageError("--root is empty: name the folder where the guest's file system is mounted")
    try:
        return Root(directory)
    except Denied as error:
        raise NotPermitted("{} cannot be inspected: {}".format(error.path, error.reason)) from error
    except Unreadable as error:
        raise CommandError("{} cannot be inspected: {}".format(error.path, error.reason)) from error
