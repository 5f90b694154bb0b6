"""What GRUB makes of the guest's configuration: which file it finds, its menu, and which entry boots next.

Facts that the host's profile leaves open are tried both ways. Where the answers differ, each is a candidate with the
condition that it depends on; a lone candidate with a condition means that otherwise nothing boots.
"""

from pvhready.answers import NO, UNKNOWN, YES
from pvhready.facts import UNMOUNTED, Candidate, Entry, EntryError, Menu, Problem, Storage
from pvhready.grub import commands, menu
from pvhready.grub.devices import Devices, Failure, NotKnown
from pvhready.grub.environment import initial
from pvhready.grub.interpreter import Interpreter
from pvhready.grub.state import Booted, Complaint, LimitReached, Scripts, Stopped, TookOver
from pvhready.host import Host
from pvhready.probes.grub_configs import Found, find_configs
from pvhready.probes.grub_devices import HOME, MEMDISK
from pvhready.records import NamedTuple
from pvhready.root import Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

    Facts = Tuple[Tuple[str, int], ...]  # what is supposed: (_PREFIX or _BLSCFG, whether), (_ORDER, which comes first)

_PREFIX = "prefix"
_BLSCFG = "blscfg"
_ORDER = "order"
_MAX_ORDERS = 20
_STEPS_FOR_ORDERS = 30000  # more than two are tried of a menu that takes few steps only
_SNIPPETS = "/boot/loader/entries"
_CONDITIONS: "Dict[Tuple[str, int], str]" = {
    (_PREFIX, True): "the host's GRUB reads the guest's grubenv",
    (_PREFIX, False): "the host's GRUB does not read the guest's grubenv",
    (_BLSCFG, True): "the host's GRUB has the command blscfg",
    (_BLSCFG, False): "the host's GRUB lacks the command blscfg",
}
# The names for a wildcard (commands/wildcard.c, match_files).
_ANY_ORDER = "the order of names in a directory, which GRUB does not sort, leads to it"
_MORE_ORDERS = "which entry boots depends on the order of names in a directory, and there are more names than can be tried"
# $prefix of Debian's host images (measured): a folder of the image itself.
_HOST_PREFIX = "({})/boot/grub".format(MEMDISK)
_HOST_CONFIG = "({})/grub.cfg".format(MEMDISK)
_ELSEWHERE = (
    "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/menu.lst", "/boot/grub/grub.conf", "/etc/extlinux.conf",
    "/boot/extlinux.conf", "/boot/extlinux/extlinux.conf", "/boot/syslinux/syslinux.cfg", "/etc/lilo.conf",
)
# Debian's host image hands over to a GRUB of the guest where it finds one (its embedded configuration).
_OWN_GRUB = {
    "xen-x86_64": ("/boot/xen/pvboot-x86_64.elf", "/xen/pvboot-x86_64.elf"),
    "xen-i386": ("/boot/xen/pvboot-i386.elf", "/xen/pvboot-i386.elf"),
}


class _Outcome(NamedTuple):
    """What one set of suppositions about the host leads to."""

    entries: "Tuple[Entry, ...]"
    choice: menu.Choice
    errors: "Tuple[EntryError, ...]"
    unknown: "Optional[Problem]"
    uses_blscfg: bool
    assumptions: "Tuple[str, ...]"
    default: "Optional[str]"
    waits: bool
    doubtful: bool
    orders: int  # of a wildcard's names, that are tried
    names: int  # that a wildcard stood for: so many orders there are to try


def read_menu(
    root: Root, host: Host, platform: str, storage: Storage, scripts: "Optional[Scripts]" = None, booted: bool = False,
) -> Menu:
    """Return what the host's GRUB shows on ``platform``: xen_pvh, xen-x86_64 or xen-i386. Raises nothing.

    ``scripts`` keeps what was parsed of this root for another platform. ``booted``: the host has started this guest, as
    PV or PVH, from these very file systems, so that it finds what is there.
    """
    search = find_configs(root, host, storage, booted)
    known = [place.path for place in search.found]
    elsewhere = tuple(path for path in _ELSEWHERE if path not in known and root.exists(path))
    if not search.found:
        reason = "unreadable" if search.problem == UNMOUNTED else "no-config"
        return Menu(platform, reason=reason, problem=search.problem, elsewhere=elsewhere)
    parsed = scripts or Scripts()
    menus = [_Reader(root, host, platform, place, search.assumptions, parsed).menu() for place in search.found]
    return joined(menus)._replace(elsewhere=elsewhere)


class _Reader:
    """Reads one configuration under all suppositions that are open."""

    def __init__(
        self, root: Root, host: Host, platform: str, place: Found, assumptions: "Tuple[str, ...]", scripts: Scripts,
    ) -> None:
        self._root = root
        self._host = host
        self._platform = platform
        self._config = place.path
        self._condition = place.condition
        self._devices = place.devices
        self._scripts = scripts
        self._assumptions = list(assumptions) + ([place.assumption] if place.assumption else [])
        self._prefix = host.guest_prefix
        for path in _OWN_GRUB.get(platform, ()):
            if host.name.startswith("debian") and root.exists(path):
                self._prefix = YES
                self._assumptions.append("the guest's own GRUB, {}, is taken to be as the host's, with the guest's grubenv".format(path))

    def menu(self) -> Menu:
        """Return the menu; a configuration that cannot be read or is given up becomes one without entries."""
        try:
            outcomes = self._outcomes()
        except (Failure, NotKnown) as error:
            reason = error.reason if isinstance(error, NotKnown) else error.text
            return self._unreadable(Problem(self._config, reason))
        except LimitReached as limit:
            return self._unreadable(Problem(limit.source, limit.text))
        return self._merged(outcomes)

    def _unreadable(self, problem: Problem) -> Menu:
        return Menu(self._platform, self._config, problem=problem, assumptions=self._all_assumptions(()))

    def _outcomes(self) -> "Dict[Facts, _Outcome]":
        outcomes: Dict[Facts, _Outcome] = {}
        for prefix in _ways(self._prefix):
            first = self._in_orders(outcomes, prefix, self._host.command(_BLSCFG) != NO)
            if first.uses_blscfg and self._host.command(_BLSCFG) == UNKNOWN:
                self._in_orders(outcomes, prefix, False)
        return outcomes

    def _in_orders(self, outcomes: "Dict[Facts, _Outcome]", prefix: bool, blscfg: bool) -> _Outcome:
        """Add what comes of each order that is tried of the names for a wildcard; return the first."""
        first = self._try(prefix, blscfg)
        for turn in range(first.orders):
            outcome = _listed_as(first.entries, self._try(prefix, blscfg, turn)) if turn else first
            outcomes[((_PREFIX, prefix), (_BLSCFG, blscfg), (_ORDER, turn))] = outcome
        return first

    def _try(self, prefix: bool, blscfg: bool, turn: int = 0) -> _Outcome:
        cpu, _, grub_platform = self._platform.partition("-")
        grub_cpu = grub_platform or "i386"
        device_path = self._devices.home_path(self._config)
        own = "({}){}".format(HOME, device_path.rpartition("/")[0])
        environment = initial(grub_cpu, cpu, own if prefix else _HOST_PREFIX, HOME)
        if not prefix:
            environment.values.update(config_file=_HOST_CONFIG, config_directory="({})".format(MEMDISK))
            environment.exported.update(("config_file", "config_directory"))
        host = self._host
        table = commands.table(cpu, lambda name: blscfg if name == _BLSCFG else host.command(name) != NO)
        doubtful = frozenset(name for name in host.commands if host.command(name) == UNKNOWN and name != _BLSCFG)
        run = Interpreter(self._devices, environment, table, doubtful, self._scripts)
        run.turn = turn
        return self._run(run, device_path)

    def _run(self, run: Interpreter, device_path: str) -> _Outcome:
        environment = run.environment
        collector = menu.Collector(run)
        shown: Optional[menu.Shown] = None
        try:
            run.run_file(HOME, device_path)
            entries = run.menu
        except TookOver as other:
            entries, environment = other.menu, other.environment
        except Booted:
            shown = collector.booted()
        except Stopped as stop:
            run.complain("`{}' leaves GRUB before there is a menu.".format(stop.command), None, True)
            entries = []
        shown = shown or collector.collect(entries, environment)
        complaints, unknown = tuple(run.complaints), run.unknowns[:1]
        choice = menu.choose(shown, collector.results, names_first=self._host.name.startswith("fedora"))
        results = collector.results
        chosen = results[choice.index] if choice.index is not None else None
        return _Outcome(
            tuple(_entry(index, result, self._devices) for index, result in enumerate(results)), choice, _errors(complaints),
            Problem(unknown[0].path, unknown[0].reason) if unknown else None, _BLSCFG in run.used, tuple(run.assumptions),
            shown.environment.get("default"), menu.waits(shown, choice.index), bool(chosen and chosen.boots is None),
            min(run.most_names, _MAX_ORDERS, max(2, _STEPS_FOR_ORDERS // max(1, run.steps))), run.most_names,
        )

    def _all_assumptions(self, more: "Sequence[str]") -> "Tuple[str, ...]":
        return _once(self._assumptions + self._devices.assumptions + list(more))

    def _merged(self, outcomes: "Dict[Facts, _Outcome]") -> Menu:
        """Return one menu for all suppositions: entries that only one of them has come after the others."""
        first = next(iter(outcomes.values()))
        entries = list(first.entries)
        places: Dict[Facts, List[int]] = {}
        for facts, outcome in outcomes.items():
            places[facts] = entries_in(entries, outcome.entries)
        chosen = {
            facts: places[facts][outcome.choice.index] if outcome.choice.index is not None else None for facts, outcome in outcomes.items()
        }
        deciding = _deciding(chosen)
        candidates = self._candidates(outcomes, places, chosen, deciding)
        unknown = [outcome.unknown for outcome in outcomes.values() if outcome.unknown]
        if _ORDER in deciding and any(outcome.names > outcome.orders for outcome in outcomes.values()):
            unknown.append(Problem(self._config, _MORE_ORDERS))
        errors: List[EntryError] = []
        for outcome in outcomes.values():
            errors.extend(error for error in outcome.errors if error not in errors)
        reason = "unreadable" if unknown else candidates[0].reason if candidates else "no-entries"
        broken = [places[facts][index] for facts, outcome in outcomes.items() for index in outcome.choice.broken]
        problem = unknown[0] if unknown else self._no_snippets(entries, errors, outcomes)
        return Menu(
            self._platform, self._config, tuple(entries), () if unknown else candidates, reason,
            tuple(places[next(iter(outcomes))][index] for index in first.choice.fallbacks), tuple(errors),
            any(outcome.uses_blscfg for outcome in outcomes.values()),
            self._all_assumptions([text for outcome in outcomes.values() for text in outcome.assumptions]),
            problem, first.default, any(outcome.waits for outcome in outcomes.values()),
            may_show_nothing=bool(self._condition) or any(outcome.choice.index is None for outcome in outcomes.values()),
            broken=tuple(sorted(set(broken))), stale=first.choice.stale,
        )

    def _no_snippets(self, entries: "List[Entry]", errors: "List[EntryError]", outcomes: "Dict[Facts, _Outcome]") -> "Optional[Problem]":
        """Return why a menu that blscfg makes is empty although the host has, or may have, that command."""
        empty = not entries and self._host.command(_BLSCFG) != NO and any(outcome.uses_blscfg for outcome in outcomes.values())
        if not empty or any(error.command is None for error in errors):
            return None
        return Problem(_SNIPPETS, "no boot loader specification entries in " + _SNIPPETS)

    def _candidates(
        self, outcomes: "Dict[Facts, _Outcome]", places: "Dict[Facts, List[int]]", chosen: "Dict[Facts, Optional[int]]",
        deciding: "FrozenSet[str]",
    ) -> "Tuple[Candidate, ...]":
        found: List[Candidate] = []
        for facts, outcome in outcomes.items():
            index = chosen[facts]
            if index is None:
                continue
            conditions = [self._condition] + [_CONDITIONS.get(fact, _ANY_ORDER) for fact in facts if fact[0] in deciding]
            found.extend(
                candidate for candidate in _with_fallback(index, outcome, places[facts], conditions)
                if (candidate.index, candidate.condition) not in [(other.index, other.condition) for other in found]
            )
        return tuple(found)


def _listed_as(known: "Tuple[Entry, ...]", outcome: _Outcome) -> _Outcome:
    """Return an outcome with the places in the menu that its entries have among the known ones."""
    paths = {entry._replace(index=0, path=""): entry.path for entry in known}
    entries = tuple(entry._replace(path=paths.get(entry._replace(index=0, path=""), entry.path)) for entry in outcome.entries)
    return outcome._replace(entries=entries)


def _ways(answer: str) -> "Tuple[bool, ...]":
    return (True, False) if answer == UNKNOWN else (answer == YES,)


def _deciding(chosen: "Dict[Facts, Optional[int]]") -> "FrozenSet[str]":
    """Return the suppositions that the choice depends on."""
    names = set()
    for facts, index in chosen.items():
        for other, other_index in chosen.items():
            different = [fact[0] for fact, second in zip(facts, other) if fact != second]
            if index != other_index and len(different) == 1:
                names.add(different[0])
    return frozenset(names)


def _with_fallback(index: int, outcome: _Outcome, places: "List[int]", conditions: "List[str]") -> "List[Candidate]":
    """Return the choice, and what GRUB falls back to where the choice needs a command that the host may lack."""
    text = _if(conditions)
    first = Candidate(index, outcome.choice.reason, text)
    missing = sorted({
        error.command for error in outcome.entries[places.index(index)].errors if error.command and error.fatal is None
    })
    others = [places[other] for other in outcome.choice.fallbacks if places[other] != index]
    if not outcome.doubtful or not missing or not others:
        return [first]
    has = "the host's GRUB has the command " + " and ".join(missing)
    lacks = "the host's GRUB lacks the command " + " or ".join(missing)
    return [first._replace(condition=_if(conditions + [has])), Candidate(others[0], "fallback", _if(conditions + [lacks]))]


def _if(conditions: "Sequence[str]") -> str:
    wanted = [condition for condition in conditions if condition]
    return "if " + " and ".join(wanted) if wanted else ""


def entries_in(known: "List[Entry]", entries: "Sequence[Entry]") -> "List[int]":
    """Return where each entry stands among the known ones, adding those that are not there yet.

    Entries are the same when GRUB would load the same from them; their errors are joined.
    """
    table: Dict[Entry, int] = {}
    for entry in known:
        table.setdefault(entry._replace(index=0, errors=()), entry.index)
    places: List[int] = []
    for entry in entries:
        key = entry._replace(index=0, errors=())
        if key not in table:
            table[key] = len(known)
            known.append(entry._replace(index=len(known)))
        place = table[key]
        missing = tuple(error for error in entry.errors if error not in known[place].errors)
        if missing:
            known[place] = known[place]._replace(errors=known[place].errors + missing)
        places.append(place)
    return places


def joined(menus: "List[Menu]") -> Menu:
    """Return one menu for configurations of which the host takes one, it is not known which: the first where they agree."""
    first = menus[0]
    if all(_boots(menu) == _boots(first) for menu in menus[1:]):
        return first
    entries: List[Entry] = []
    candidates: List[Candidate] = []
    fallbacks: List[int] = []
    broken: List[int] = []
    for one in menus:
        places = entries_in(entries, one.entries)
        takes = "if the host's GRUB takes {}".format(one.config)
        for candidate in one.candidates:
            condition = takes + " and " + candidate.condition[3:] if candidate.condition else takes
            candidates.append(candidate._replace(index=places[candidate.index], condition=condition))
        fallbacks.extend(places[index] for index in one.fallbacks)
        broken.extend(places[index] for index in one.broken)
    problems = [menu for menu in menus if menu.reason == "unreadable"]
    return first._replace(
        entries=tuple(entries), candidates=() if problems else tuple(candidates), fallbacks=tuple(fallbacks),
        reason=problems[0].reason if problems else candidates[0].reason if candidates else first.reason,
        problem=problems[0].problem if problems else first.problem, errors=tuple(error for menu in menus for error in menu.errors),
        uses_blscfg=any(menu.uses_blscfg for menu in menus), assumptions=_once([text for menu in menus for text in menu.assumptions]),
        waits=any(menu.waits for menu in menus), may_show_nothing=any(menu.may_show_nothing or not menu.candidates for menu in menus),
        broken=tuple(broken),
    )


def _boots(menu: Menu) -> "Tuple[object, ...]":
    """Return what a menu comes down to: what its candidates load, and on what conditions."""
    chosen = [(menu.entries[candidate.index], candidate.condition) for candidate in menu.candidates]
    return menu.reason == "unreadable", menu.waits, menu.may_show_nothing, tuple(
        (entry.kernel, entry.initrd, entry.cmdline, tuple((error.text, error.fatal) for error in entry.errors), condition)
        for entry, condition in chosen
    )


def _once(texts: "Sequence[str]") -> "Tuple[str, ...]":
    return tuple(text for index, text in enumerate(texts) if text not in texts[:index])


def _entry(index: int, result: menu.Result, devices: Devices) -> Entry:
    loader, entry = result.loader, result.entry
    return Entry(
        index, result.path, entry.title, entry.id if entry.id != entry.title else None,
        devices.shown(*loader.kernel) if loader.kernel else None, tuple(devices.shown(*file) for file in loader.initrd),
        loader.cmdline, result.modules, _errors(result.complaints), "{}:{}".format(entry.file, entry.line),
        loader.written,
    )


def _errors(complaints: "Sequence[Complaint]") -> "Tuple[EntryError, ...]":
    return tuple(EntryError(*complaint) for complaint in complaints)


