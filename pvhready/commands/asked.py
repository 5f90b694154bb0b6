"""What the command line asks of a guest, and the report that answers it."""

from pvhready.examine import Question, examine
from pvhready.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from pvhready.judge import Report

_FROM_BEST = (0, 1, 3, 2)


def check(directory: str, options: Options) -> "Report":
    """Return the report on the guest whose root is ``directory``. Raises CommandError when that is no directory."""
    from pvhready.memory.folder import Folder

    return examine(directory, question(options), Folder())


def question(options: Options) -> Question:
    """Return what the user asks of each guest."""
    return Question(
        options.host, getattr(options, "target", None), options.assume_guest, getattr(options, "deep", False),
        tuple(getattr(options, "device", ())), tuple(getattr(options, "skip", ())),
    )


def worst(codes: "List[int]") -> int:
    """Return the exit code of several guests or kernels: a proven failure weighs more than what is not known."""
    return max(codes, key=_FROM_BEST.index)
