"""One guest's case: its report, and short questions about it that every step asks."""

from pvhready.cmdline import parse
from pvhready.facts import PV, PVH, Entry, Facts, Guest, Kernel, Menu
from pvhready.findings import BOOTS, FAIL, PASS, UNKNOWN, WARN, Finding, Remedy
from pvhready.host import DEFAULT, Host
from pvhready.judge import KernelAnswer, Report
from pvhready.plan.records import GUEST, RESCUE, Action, Proof
from pvhready.records import NamedTuple
from pvhready.rules.cmdline import has_xen_console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Optional, Tuple

_OBJECTIONS = (FAIL, UNKNOWN, WARN)


class Case(NamedTuple):
    """A report on a guest, judged for PVH, and the host that it is about."""

    report: Report
    host: Host

    @property
    def facts(self) -> Facts:
        """All that was seen."""
        return self.report.facts

    @property
    def guest(self) -> Guest:
        """What the machine is."""
        return self.report.facts.guest

    @property
    def entry(self) -> "Optional[Entry]":
        """The entry that boots next under PVH, None where there is none."""
        return self.report.chain.entry

    @property
    def menu(self) -> Menu:
        """The menu as the host's GRUB makes it under PVH."""
        return self.facts.menus.get(PVH, Menu("xen_pvh"))

    @property
    def config(self) -> "Optional[str]":
        """The grub.cfg that the host reads: the one that is there, or where one is missing."""
        missing = self.said(("grub-config-missing",))
        return self.menu.config or (missing[0].subject if missing else None)

    @property
    def live(self) -> bool:
        """Whether this is the running system."""
        return self.facts.root == "/"

    @property
    def switched(self) -> bool:
        """Whether the guest runs in PVH already."""
        return self.guest.type == "PVH"

    @property
    def chosen(self) -> "Optional[KernelAnswer]":
        """The kernel that boots next under PVH."""
        return next((answer for answer in self.report.kernels if answer.default), None)

    def said(self, checks: "Iterable[str]", statuses: "Tuple[str, ...]" = _OBJECTIONS) -> "List[Finding]":
        """Return what was found by any of ``checks`` about PVH, the worst first."""
        wanted = frozenset(checks)
        found = [item for item in self.report.checks if item.id in wanted and item.status in statuses and item.mode != PV]
        return sorted(found, key=lambda item: statuses.index(item.status))

    def passed(self, check: str) -> bool:
        """Whether a check has nothing to say against the next boot."""
        return bool(self.said((check,), (PASS,)))

    def has_console(self) -> bool:
        """Whether the entry that boots next has console=hvc0."""
        return self.entry is not None and has_xen_console(parse(self.entry.cmdline))

    def installed(self, mode: str) -> "List[Kernel]":
        """Return the kernels in /boot that boot under a mode, whatever entry names them. A decompressed one does not count."""
        return [
            answer.kernel
            for answer in self.report.kernels
            if answer.modes[mode] == BOOTS and answer.kernel.path.startswith("/boot/") and answer.kernel.image.container != "elf"
        ]

    def own(self, *words: str) -> "Tuple[str, ...]":
        """Return a command of ours about this very guest on this host."""
        options = () if self.live else ("--root", self.facts.root)  # type: Tuple[str, ...]
        return ("pvhready",) + words + options + self._told(self._assumed)

    def inside(self, *words: str) -> "Tuple[str, ...]":
        """Return a command of ours that is typed in a chroot of the guest, where a kernel runs that is not the guest's."""
        return ("pvhready",) + words + self._told(self._assumed or PV)

    @property
    def _assumed(self) -> "Optional[str]":
        """What the user says that the guest is."""
        return self.guest.type.lower() if self.guest.assumed and self.guest.type else None

    def _told(self, assumed: "Optional[str]") -> "Tuple[str, ...]":
        host = () if self.host.name == DEFAULT else ("--host", self.host.name)  # type: Tuple[str, ...]
        return host + (("--assume-guest", assumed) if assumed else ())

    def run(self, text: str, *words: str) -> Action:
        """Return a command of ours as something to type: under ``--root`` it runs beside the guest, not in it."""
        return Action(self.where, self.own(*words), text)

    @property
    def where(self) -> str:
        """Where our own commands are typed."""
        return GUEST if self.live else RESCUE

    def proof(self, shows: str, *words: str) -> Proof:
        """Return a command of ours that shows that a step worked."""
        return Proof(self.where, self.own(*words), shows)


def actions(remedies: "Iterable[Remedy]", where: str = GUEST) -> "Tuple[Action, ...]":
    """Return remedies as things to do at a place."""
    return tuple(Action(where, remedy.argv, remedy.text) for remedy in remedies)


def ids(findings: "Iterable[Finding]") -> "Tuple[str, ...]":
    """Return the ids of the checks, each once."""
    return tuple(dict.fromkeys(item.id for item in findings))


def sentence(finding: Finding) -> str:
    """Return a finding as a sentence that names what it is about."""
    subject = finding.subject + ": " if finding.subject.startswith("/") else ""
    text = subject + finding.summary
    return (text if subject else text[:1].upper() + text[1:]) + "."


def remedies_of(findings: "Iterable[Finding]") -> "Tuple[Remedy, ...]":
    """Return the remedies of several findings in order. What stands in more than one is done once, and last (a menu written anew)."""
    every = [remedy for finding in findings for remedy in finding.remedies]
    return tuple(remedy for index, remedy in enumerate(every) if remedy not in every[index + 1:])
