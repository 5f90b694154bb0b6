"""What the rules say: findings, with their evidence and remedies. Frozen records without behaviour."""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

PASS = "pass"
INFO = "info"
SKIP = "skip"
WARN = "warn"
UNKNOWN = "unknown"
FAIL = "fail"
SEVERITY = (PASS, INFO, SKIP, WARN, UNKNOWN, FAIL)  # from the calmest to the worst

BOOTS = "boots"
FAILS = "fails"

BOTH = "both"


class Evidence(NamedTuple):
    """Where a finding was seen: the guest's path, the place in it (offset or line), the value that stood there."""

    path: str
    where: str = ""
    value: str = ""


class Remedy(NamedTuple):
    """A way to mend a finding: a command to type (``argv``), or a hint. ``text`` says what it is for."""

    type: str
    argv: "Tuple[str, ...]"
    text: str


class Finding(NamedTuple):
    """One answer of one rule. ``mode`` is pvh, pv or both; ``subject`` is the path or thing that it is about."""

    id: str
    status: str
    mode: str
    subject: str
    summary: str
    evidence: "Tuple[Evidence, ...]" = ()
    remedies: "Tuple[Remedy, ...]" = ()
    url: "Optional[str]" = None


def command(text: str, *argv: str) -> Remedy:
    """Return a remedy that is a command to type."""
    return Remedy("command", argv, text)


def hint(text: str) -> Remedy:
    """Return a remedy that is advice."""
    return Remedy("hint", (), text)
