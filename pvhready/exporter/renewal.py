"""The result that is shown: renewed at every interval, and when a file that it came from has changed. Nobody's scrape starts a check."""

import threading
import time

from pvhready.errors import CommandError
from pvhready.facts import PVH
from pvhready.host import DEFAULT, profile
from pvhready.judge import Report, judge
from pvhready.memory import facts as remembered_facts
from pvhready.memory.evidence import Evidence, holds
from pvhready.memory.folder import Folder
from pvhready.records import NamedTuple
from pvhready.report.metrics import Run
from pvhready.root import Root, Unreadable
from pvhready.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Tuple

INTERVAL = 60.0  # seconds, where nobody says otherwise
WATCH = 5.0  # seconds between two looks at whether a file has changed
_STUCK = 120.0  # seconds; a renewal that is so late will not come


class Question(NamedTuple):
    """What is asked: of which root directory, for whose GRUB, what the guest is taken for, which checks are left out."""

    directory: str = "/"
    host: str = DEFAULT
    assume: "Optional[str]" = None
    skip: "Tuple[str, ...]" = ()


class Result(NamedTuple):
    """The last good report (None before the first one), its run, and why the last run failed ("" when it did not)."""

    report: "Optional[Report]"
    run: Run
    failure: str = ""


class Look:
    """Makes reports on a guest, and tells whether a file that the last one came from has changed since."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._folder = _Recollection(question.directory == "/")
        self._evidence: Optional[Evidence] = None

    def report(self) -> Report:
        """Return a report of this moment. Raises CommandError when the root cannot be entered."""
        question = self._question
        seen: List[Evidence] = []
        host = profile(question.host)
        with _open(question.directory) as root:
            facts = survey(root, host, question.assume, folder=self._folder, seen=seen)
        self._evidence = seen[-1] if seen else self._evidence
        return judge(facts, host, PVH, skipped=question.skip)

    def has_changed(self) -> bool:
        """Whether a file has changed since the last report that could tell; False when none could."""
        if self._evidence is None:
            return False
        try:
            with _open(self._question.directory) as root:
                return not holds(root, self._evidence.lasting())
        except CommandError:
            return True  # the next report says what is wrong


class _Recollection(Folder):
    """What this process has found out, in its own memory; of the running system, what an initramfs holds also in that of other runs."""

    def __init__(self, shared: bool) -> None:
        super().__init__()
        self._shared = shared
        self._kept: Dict[str, bytes] = {}

    def load(self, name: str, limit: int) -> bytes:
        """As the base: a file's content, or nothing. Facts of other runs come without the evidence that is wanted here."""
        if name in self._kept or not self._shared or name == remembered_facts.FILE:
            return self._kept.get(name, b"")
        return super().load(name, limit)

    def save(self, name: str, data: bytes) -> None:
        """As the base: keep a file."""
        self._kept[name] = data
        if self._shared:
            super().save(name, data)


class Renewal:
    """Keeps a result fresh in a thread of its own."""

    def __init__(self, look: Look, interval: float, tell: "Callable[[str], None]") -> None:
        """``interval`` is in seconds; ``tell`` is called with a line when a run fails, and when one succeeds again."""
        self._look = look
        self._interval = interval
        self._tell = tell
        self._result = Result(None, Run(0.0, None, 0.0))
        self._wake = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    @property
    def result(self) -> Result:
        """What is known now. One assignment changes all of it."""
        return self._result

    @property
    def is_well(self) -> bool:
        """Whether there is a report, and renewals still come when they should."""
        late = time.time() - self._result.run.last
        return self._thread.is_alive() and self._result.report is not None and late < 3 * self._interval + _STUCK

    def start(self) -> None:
        """Make the first report, then go on by itself."""
        self.renew()
        self._thread.start()

    def change(self, look: Look, interval: float) -> None:
        """Ask something else from now on, and at once."""
        self._look, self._interval = look, interval
        self._wake.set()

    def stop(self) -> None:
        """Let no further run begin, and wait a moment for the one that is under way."""
        self._ends = True
        self._wake.set()
        self._thread.join(2.0)

    def renew(self) -> None:
        """Make a report now. Whatever goes wrong is in the result."""
        begin, clock = time.time(), time.monotonic()
        before = self._result
        try:
            report = self._look.report()
        except CommandError as error:
            failure = str(error)
        except Exception as error:  # the last net: a fault of ours must be seen in the metrics, and must not end the renewals
            failure = "internal error, please report it: {}: {}".format(type(error).__name__, error)
        else:
            self._result = Result(report, Run(begin, begin, time.monotonic() - clock))
            if before.failure:
                self._tell("the check succeeds again")
            return
        self._result = Result(before.report, Run(begin, before.run.last_success, time.monotonic() - clock), failure)
        if failure != before.failure:
            self._tell("the check failed, and the last good result is kept: " + failure)

    def _run(self) -> None:
        while not self._ends:
            self._wait()
            if not self._ends:
                self.renew()

    def _wait(self) -> None:
        """Wait until the result is due: the interval is over, somebody wants it, or a file has changed."""
        due = time.monotonic() + self._interval
        while time.monotonic() < due:
            if self._wake.wait(max(0.0, min(WATCH, due - time.monotonic()))):
                self._wake.clear()
                return
            if self._look.has_changed():
                return


def _open(directory: str) -> Root:
    try:
        return Root(directory)
    except Unreadable as error:
        raise CommandError("{} cannot be inspected: {}".format(error.path, error.reason)) from error
