"""What the hooks found of the next boot when they looked last: for each mode boots, fails or unknown, on which host.

One small file of lines. Its time is when they looked: the apt hook's script compares it with what changed on /boot since then.
"""

from pvhready.facts import MODES
from pvhready.findings import BOOTS, FAILS, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Mapping, Optional

    from pvhready.memory.folder import Folder

FILE = "nextboot"  # the script knows this name
MAX_SIZE = 4096
_HEADER = "pvhready nextboot 1"
_ANSWERS = (BOOTS, FAILS, UNKNOWN)


def recall(folder: "Folder", host: str) -> "Optional[Dict[str, str]]":
    """Return the answers by mode; None where nothing is known, or they were about another host's GRUB."""
    lines = folder.load(FILE, MAX_SIZE).decode("ascii", "replace").split("\n")
    if len(lines) != 3 + len(MODES) or lines[:2] != [_HEADER, host] or lines[-1]:
        return None
    pairs = [line.partition(" ") for line in lines[2:-1]]
    answers = {mode: answer for mode, _, answer in pairs}
    return answers if set(answers) == set(MODES) and all(answer in _ANSWERS for answer in answers.values()) else None


def remember(folder: "Folder", host: str, answers: "Mapping[str, str]") -> None:
    """Keep the answers in place of earlier ones, if that can be done."""
    lines = [_HEADER, host] + ["{} {}".format(mode, answers[mode]) for mode in MODES]
    folder.save(FILE, ("\n".join(lines) + "\n").encode("ascii", "replace"))


def settle(folder: "Folder") -> None:
    """Note that somebody looked and had nothing to find out: no answer is known from now on."""
    folder.save(FILE, (_HEADER + "\n").encode("ascii"))
