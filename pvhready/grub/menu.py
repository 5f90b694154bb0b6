"""Which entry of a menu boots (GRUB: grub-core/normal/menu.c).

Every entry is run in a copy of the variables, so that its kernel, initramfs and command line are known whether or
not it is the default.
"""

from pvhready.grub import numbers
from pvhready.grub.devices import BAD_NUMBER
from pvhready.grub.environment import Environment
from pvhready.grub.interpreter import Interpreter
from pvhready.grub.state import MAX_WAIT, Booted, Complaint, LimitReached, Loader, MenuEntry, Stopped, TookOver
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

MAX_MENUS = 20  # menus within menus
MAX_TRIES = 1000  # entries that GRUB tries one after another, where menus fall back to menus
NO_MENU = "(boots without a menu)"
_DEFAULT_INDEX, _DEFAULT_ID, _DEFAULT_TITLE, _FIRST = "default-index", "default-id", "default-title", "first-entry"
_ORIGINS = {"next_entry": "next_entry", "saved_entry": "saved_entry", "prev_saved_entry": "saved_entry"}


class Result(NamedTuple):
    """An entry that is no submenu, with what it loads. Files are (device, path).

    ``boots`` is False when GRUB itself stops at it, None when that is not known. ``ends``: then GRUB tries no other entry, as it
    waits for a password or was left.
    """

    path: str
    entry: MenuEntry
    loader: Loader
    modules: "Tuple[str, ...]"
    complaints: "Tuple[Complaint, ...]"
    boots: "Optional[bool]"
    ends: bool = False


class Item:
    """A line of a menu: an entry's number among all results, or the menu that it opens.

    ``waiting``: that menu has a timeout of its own, as another file's has. A submenu that is the default is not waited at.
    """

    def __init__(self, entry: MenuEntry, result: "Optional[int]", menu: "Optional[Shown]", waiting: bool = False) -> None:
        self.entry = entry
        self.result = result
        self.menu = menu
        self.waiting = waiting


class Shown:
    """A menu as GRUB shows it, with the variables of its context."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.items: List[Item] = []


class Choice:
    """The entry that boots, why, and what follows when it fails, as numbers of results. ``index`` is None for no entry.

    ``broken`` are those that GRUB tries before it. ``stale``: ``default`` names no entry.
    """

    stale = False

    def __init__(self, index: "Optional[int]", reason: str, fallbacks: "Tuple[int, ...]", broken: "Tuple[int, ...]" = ()) -> None:
        self.index = index
        self.reason = reason
        self.fallbacks = fallbacks
        self.broken = broken


class Collector:
    """Runs all entries of a menu and of its submenus."""

    def __init__(self, run: Interpreter) -> None:
        self._run = run
        self.results: List[Result] = []

    def collect(self, menu: "List[MenuEntry]", environment: Environment, above: str = "", chosen: str = "", depth: int = 0) -> Shown:
        """Return the menu with each entry's result. ``above`` is the path of the menu, with its ``>``."""
        shown = Shown(environment)
        if depth > MAX_MENUS:
            raise self._run.limit("menus nested too deep")
        for number, entry in enumerate(menu):
            path = above + str(number)
            name = chosen + entry.id.replace(">", ">>")
            if entry.submenu:
                shown.items.append(self._submenu(entry, environment, path, name, depth))
            else:
                shown.items.append(self._entry(entry, environment, path, name, depth))
        return shown

    def booted(self) -> Shown:
        """Return a menu of one entry for a configuration that boots before there is a menu, with the ``boot`` command."""
        run = self._run
        environment = Environment({"timeout": "0"})
        entry = MenuEntry(NO_MENU, NO_MENU, (), None, False, [], run.file, run.line)
        self.results.append(self._result(entry, environment, "0"))
        run.complaints = []
        shown = Shown(environment)
        shown.items.append(Item(entry, 0, None))
        return shown

    def _submenu(self, entry: MenuEntry, environment: Environment, path: str, chosen: str, depth: int) -> Item:
        run = self._run
        context = _entered(environment.opened(), chosen)
        modules = list(run.modules)
        run.menu, run.environment = [], context
        try:
            run.run_entry(entry)
        except TookOver as other:
            run.menu, context = other.menu, other.environment
        except (Booted, Stopped):
            run.menu = []
        known = len(self.results)
        item = Item(entry, None, self.collect(run.menu, context, path + ">", chosen + ">", depth + 1))
        run.modules = modules
        self._lock(entry, environment, known)
        return item

    def _entry(self, entry: MenuEntry, environment: Environment, path: str, chosen: str, depth: int) -> Item:
        run = self._run
        outer = run.complaints, run.modules, run.loader, run.unknowns
        run.complaints, run.modules, run.loader = [], list(run.modules), Loader()
        run.unknowns = []
        run.environment = _entered(environment.copied(), chosen)
        run.menu = []
        other: Optional[TookOver] = None
        left = False
        try:
            run.run_entry(entry)
        except Booted:
            pass
        except Stopped as stop:
            run.loader = Loader()
            left = True
            run.complain("`{}' leaves GRUB.".format(stop.command), None, True)
        except TookOver as over:
            other = over
        except LimitReached as limit:
            self._give_up(limit)
        if other is None:
            result = self._result(entry, environment, path)
            self.results.append(result._replace(ends=result.ends or left))
        run.complaints, run.modules, run.loader, run.unknowns = outer
        if other is None:
            return Item(entry, len(self.results) - 1, None)
        known = len(self.results)
        item = self._opened(entry, other, path, depth)
        self._lock(entry, environment, known)
        return item

    def _opened(self, entry: MenuEntry, other: TookOver, path: str, depth: int) -> Item:
        """Return the item of an entry that opens another menu. Where menus open each other without end, it is not known what boots."""
        known = len(self.results)
        try:
            return Item(entry, None, self.collect(other.menu, other.environment, path + ">", "", depth + 1), waiting=True)
        except LimitReached as limit:
            if self._run.exhausted:
                raise
            del self.results[known:]
            self.results.append(Result(path, entry, Loader(), (), (Complaint(limit.text, limit.source, None, None),), None))
            return Item(entry, known, None)

    def _give_up(self, limit: LimitReached) -> None:
        """Note that an entry has no end that can be seen. Raises LimitReached when the whole menu has had its share."""
        if self._run.exhausted:
            raise limit
        self._run.complaints.append(Complaint(limit.text, limit.source, None, None))

    def _result(self, entry: MenuEntry, environment: Environment, path: str) -> Result:
        run = self._run
        loader = run.loader
        boots: Optional[bool] = loader.loaded
        doubtful = any(complaint.fatal is None for complaint in run.complaints)
        if not loader.loaded and not any(complaint.fatal for complaint in run.complaints):
            boots = None if doubtful else False
            run.line = entry.line
            run.complain("loads no kernel.", None, None if doubtful else True)
        if boots and doubtful:
            boots = None
        result = Result(path, entry, loader, tuple(loader.modules), tuple(run.complaints), boots)
        return self._asking(result, entry) if _is_locked(entry, environment) else result

    def _lock(self, entry: MenuEntry, environment: Environment, known: int) -> None:
        """Let all results from number ``known`` on ask first, where the entry that leads to them does."""
        if _is_locked(entry, environment):
            self.results[known:] = [self._asking(result, entry) for result in self.results[known:]]

    def _asking(self, result: Result, entry: MenuEntry) -> Result:
        """Return what an entry comes to that is behind a password: its own, or that of the submenu ``entry``."""
        self._run.line = entry.line
        asks = Complaint("asks for a user name and a password before it boots.", self._run.source(), None, True)
        return result._replace(complaints=result.complaints + (asks,), boots=False, ends=True)


def _is_locked(entry: MenuEntry, environment: Environment) -> bool:
    """Whether GRUB asks who is there before it runs an entry or opens a submenu (normal/auth.c)."""
    return entry.users is not None and environment.get("superusers") is not None


def _entered(environment: Environment, chosen: str) -> Environment:
    """Set what an entry's body finds: ``chosen``, and no ``default`` (GRUB leaves what follows the first ``>`` there)."""
    environment.unset("default")
    environment.set("chosen", chosen)
    environment.export("chosen")
    return environment


def choose(shown: Shown, results: "List[Result]", names_first: bool = False) -> Choice:
    """Return what boots. ``names_first``: ids and titles before numbers, as Fedora's GRUB looks at ``default``."""
    choice = _choose(shown, results, names_first)
    choice.stale = bool(results) and _names_nothing(shown, shown.environment.get("default"), names_first)
    return choice


def _names_nothing(shown: Shown, default: "Optional[str]", names_first: bool) -> bool:
    number, reason, tail = _select(shown, default, names_first)
    if default and reason == _FIRST:
        return True
    below = shown.items[number].menu if number < len(shown.items) else None
    return below is not None and tail is not None and _names_nothing(below, tail, names_first)


def _choose(shown: Shown, results: "List[Result]", names_first: bool) -> Choice:
    default = shown.environment.get("default")
    if not results:
        return Choice(None, "no-entries", ())
    number, reason, tail = _select(shown, default, names_first)
    origin = shown.environment.origins.get("default")
    if origin in _ORIGINS and reason != _FIRST:
        reason = _ORIGINS[origin]
    order = _Order(names_first)
    ways = [order.of_item(shown.items[number], default)]
    default = default if shown.items[number].menu else tail
    for other in _fallbacks(shown):
        if other < len(shown.items):
            ways.append(order.of_item(shown.items[other], default))
            default = default if shown.items[other].menu else _tail(default or "")
    others = tuple(next((index for index in way if _goes_no_further(results[index])), way[0]) for way in ways[1:] if way)
    broken: List[int] = []
    for way in ways:
        for index in way:
            if _goes_no_further(results[index]):
                return Choice(index, reason if way is ways[0] else "fallback", others, tuple(broken))
            broken += [] if index in broken else [index]
    return Choice(ways[0][0] if ways[0] else None, reason, others)


def _goes_no_further(result: Result) -> bool:
    return result.boots is not False or result.ends


class _Order:
    """The order in which GRUB tries entries, as numbers of results, were none of them to boot."""

    def __init__(self, names_first: bool) -> None:
        self._names_first = names_first
        self._left = MAX_TRIES

    def of_item(self, item: Item, default: "Optional[str]") -> "List[int]":
        """Return what an item comes down to: itself, or what is tried in its menu. ``default`` is that of the menu it stands in."""
        if item.menu is None:
            return [] if item.result is None else [item.result]
        own = item.menu.environment.get("default")
        return self._of_menu(item.menu, _tail(default or "") if own is None else own)

    def _of_menu(self, shown: Shown, default: "Optional[str]") -> "List[int]":
        found: List[int] = []
        if not shown.items:
            return found
        for number in [_select(shown, default, self._names_first)[0]] + _fallbacks(shown):
            if self._left and number < len(shown.items):
                self._left -= 1
                found += self.of_item(shown.items[number], default)
                if shown.items[number].menu is None:
                    # GRUB takes a step of the path off for every entry that it runs.
                    default = _tail(default or "")
        return found


def _select(shown: Shown, default: "Optional[str]", names_first: bool) -> "Tuple[int, str, Optional[str]]":
    """Return the number of the item that ``default`` means, why, and what follows its first ``>``."""
    number, reason = (-1, _FIRST) if default is None else _FIND[names_first](shown, default)
    if not 0 <= number < len(shown.items):
        number, reason = 0, _FIRST
    return number, reason, _tail(default or "")


def _by_number_first(shown: Shown, default: str) -> "Tuple[int, str]":
    number = numbers.unsigned(default)
    if number.error == 0:
        return number.value, _DEFAULT_INDEX
    if number.error == BAD_NUMBER:
        for index, item in enumerate(shown.items):
            if _is_named(item.entry.title, default):
                return index, _DEFAULT_TITLE
            if _is_named(item.entry.id, default):
                return index, _DEFAULT_ID
    return -1, _FIRST


def _by_name_first(shown: Shown, default: str) -> "Tuple[int, str]":
    for index, item in enumerate(shown.items):
        if default and _is_named(item.entry.id, default):
            return index, _DEFAULT_ID
    for index, item in enumerate(shown.items):
        if default and _is_named(item.entry.title, default):
            return index, _DEFAULT_TITLE
    number = numbers.unsigned(default)
    if number.error == 0 and default[number.length:number.length + 1] in ("", ">", " "):
        return number.value, _DEFAULT_INDEX
    return -1, _FIRST


_FIND = {False: _by_number_first, True: _by_name_first}


def _is_named(name: str, default: str) -> bool:
    """Whether ``default`` up to its first single ``>`` is this name; a doubled ``>>`` stands for one in the name."""
    head = default.replace(">>", "\0").partition(">")[0].replace("\0", ">")
    return head == name


def _tail(default: str) -> "Optional[str]":
    at = 0
    while at < len(default):
        if default.startswith(">>", at):
            at += 2
        elif default[at] == ">":
            return default[at + 1:] or None
        else:
            at += 1
    return None


def _fallbacks(shown: Shown) -> "List[int]":
    """Return the numbers in ``fallback``; GRUB stops at the first that is none (2.06: titles are not looked at)."""
    found: List[int] = []
    text = shown.environment.get("fallback") or ""
    while text and len(found) < 100:
        number = numbers.unsigned(text)
        if number.error:
            break
        found.append(number.value)
        text = text[number.length:]
    return found


def waits(shown: Shown, index: "Optional[int]") -> bool:
    """Whether GRUB waits for a key at its menu, or at a menu in another file that leads to the result ``index``."""
    if _has_no_timeout(shown.environment):
        return True
    return any(_waits_within(item, index) for item in shown.items)


def _waits_within(item: Item, index: "Optional[int]") -> bool:
    if item.menu is None or not _leads_to(item, index):
        return False
    below = any(_waits_within(other, index) for other in item.menu.items)
    return below or item.waiting and _has_no_timeout(item.menu.environment)


def _leads_to(item: Item, index: "Optional[int]") -> bool:
    return item.result == index if item.menu is None else any(_leads_to(other, index) for other in item.menu.items)


def _has_no_timeout(environment: Environment) -> bool:
    """Whether no timeout is set, or it is no number. More than ten minutes count as none."""
    timeout = numbers.unsigned(environment.get("timeout") or "")
    return timeout.error != 0 or timeout.value > MAX_WAIT
