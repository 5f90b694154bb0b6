"""What a plan is made of. Frozen records without behaviour."""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

# Where something is typed.
GUEST = "guest"  # in the guest, as root
PROVIDER = "provider"  # in the provider's shell
HOST = "host"  # on a Xen host of one's own
RESCUE = "rescue"  # in a rescue system, where the guest's file system is mounted

# The state of a step.
DONE = "done"
TO_DO = "to-do"
UNKNOWN = "unknown"  # nobody knows yet; its commands find out
BLOCKED = "blocked"  # not before the steps above it

# The state of a plan.
NOTHING = "nothing-to-do"


class Action(NamedTuple):
    """Something to type, or to do by hand where ``argv`` is empty. ``text`` says what it is for, or what to do."""

    where: str
    argv: "Tuple[str, ...]"
    text: str = ""


class Proof(NamedTuple):
    """How to see that a step worked: the command, and what it then shows."""

    where: str
    argv: "Tuple[str, ...]"
    shows: str


class Step(NamedTuple):
    """One step. ``actions`` are done in order; ``alternatives`` are other ways, each instead of the last action.

    ``checks`` are the ids of the checks that it answers.
    """

    id: str
    state: str
    title: str
    why: str
    actions: "Tuple[Action, ...]" = ()
    proof: "Optional[Proof]" = None
    note: str = ""
    alternatives: "Tuple[Action, ...]" = ()
    checks: "Tuple[str, ...]" = ()


class WayBack(NamedTuple):
    """What to do if the guest does not come up. ``is_open`` tells whether PV boots it once the steps are done; None: not known."""

    is_open: "Optional[bool]"
    why: str
    actions: "Tuple[Action, ...]"


class Plan(NamedTuple):
    """The steps in their order. ``state`` is nothing-to-do, to-do or unknown; ``way_back`` is None where there is nothing to switch."""

    state: str
    summary: str
    steps: "Tuple[Step, ...]"
    way_back: "Optional[WayBack]" = None
