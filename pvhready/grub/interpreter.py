"""Runs GRUB scripts (GRUB: grub-core/script/execute.c): statements, variables, functions, loops.

What commands do stands in ``commands``; which of them the host has is given. What a run notes and what it may cost stands in
``run``.
"""

from pvhready.grub import loading
from pvhready.grub.devices import BAD_ARGUMENT, FILE_NOT_FOUND, NONE, TEST_FAILURE, Devices, Failure, NotKnown
from pvhready.grub.environment import Environment
from pvhready.grub.lexer import QUOTED, VARIABLE, has_wildcard, unescape
from pvhready.grub.parser import Command, For, Function, If, TooLong, Unit, While, parse
from pvhready.grub.run import Run
from pvhready.grub.state import MAX_DEPTH, MAX_ENTRY_STEPS, MAX_FILES, MAX_STEPS, MAX_VALUE, MenuEntry, Scripts, TookOver
from pvhready.grub.words import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, FrozenSet, Iterable, List, Mapping, Optional, Tuple

    from pvhready.grub.lexer import Word
    from pvhready.grub.parser import Body, Node

    Handler = Callable[["Interpreter", List[str], Command], int]


class Interpreter(Run):
    """One run of a configuration. ``commands`` are those of this GRUB; of ``doubtful`` ones it is not known whether it has them."""

    def __init__(
        self, devices: Devices, environment: Environment, commands: "Mapping[str, Handler]",
        doubtful: "FrozenSet[str]" = frozenset(), scripts: "Optional[Scripts]" = None,
    ) -> None:
        Run.__init__(self, devices, environment)
        self.commands = commands
        self.doubtful = doubtful
        self.scripts = scripts or Scripts()
        self.functions: Dict[str, Tuple[Function, str]] = {}
        self._running: List[str] = []  # the functions that are being executed
        self.unsaid = ""  # an error of a command that succeeded, which ``!`` hides
        self.arguments: Optional[List[str]] = None
        self.loops = 0
        self.breaks = 0
        self.continuing = False
        self.returning = False
        self._depth = 0
        self._files = 0

    # Running

    def run_file(self, device: str, path: str) -> None:
        """Read a file into the current menu and context. Raises Failure when GRUB cannot open it."""
        units = self.scripts.load(self.devices, device, path)
        self._files += 1
        if self._files > MAX_FILES:
            raise self.limit("files that source each other without end")
        before, line = self.file, self.line
        environment = self.environment
        saved = [(name, environment.get(name)) for name in ("config_file", "config_directory")]
        whole = "({}){}".format(device, path)
        environment.set("config_file", whole)
        environment.set("config_directory", whole.rpartition("/")[0])
        environment.export("config_file")
        environment.export("config_directory")
        self.file = self.devices.shown(device, path)
        self.run_units(units)
        for name, value in saved:
            if value is None:
                environment.unset(name)
            else:
                environment.set(name, value)
        self.file, self.line = before, line
        self._files -= 1

    def run_units(self, units: "List[Unit]") -> int:
        """Run what ``parse`` returned, in the current file; the status of the last unit."""
        self.step(len(units) >> 3)
        status = NONE
        for unit in units:
            refused, said = self._define(unit.functions), len(self.complaints)
            if unit.fault:
                self.line = unit.fault.line
                self.complain(unit.fault.text)
            elif unit.body:
                status = self.run(unit.body)
                self.environment.values["?"] = str(status)
            if refused and len(self.complaints) == said:
                self.complain("attempt to redefine a function being executed.")
        return status

    def _define(self, functions: "Iterable[Function]") -> bool:
        """Take functions over; return whether one of them is running, which GRUB does not replace (script/function.c)."""
        refused = False
        for function in functions:
            if function.name in self._running:
                refused = True
            else:
                self.functions[function.name] = (function, self.file)
        return refused

    def run_text(self, text: str) -> int:
        """Run a text as ``eval`` does. GRUB gives up at a syntax error here, and takes that for success."""
        units = self.parse(text)
        for index, unit in enumerate(units):
            if unit.fault:
                self.run_units(units[:index + 1])
                return NONE
        return self.run_units(units)

    def parse(self, text: str) -> "List[Unit]":
        """Return the units of a text that stands in the current line."""
        self.step(len(text) >> 4)
        try:
            return parse(text, from_file=False, first=self.line)
        except TooLong as error:
            raise self.limit("more statements than any configuration has") from error

    def run_entry(self, entry: MenuEntry) -> None:
        """Run an entry's body with its arguments."""
        self.file, self.line, self._depth, self._files = entry.file, entry.line, 0, 0
        self._allowed = min(MAX_STEPS, self.steps + (MAX_STEPS // 2 if entry.submenu else MAX_ENTRY_STEPS))
        self.loops = self.breaks = 0
        self.returning = False
        self._running = []
        self.arguments = list(entry.arguments)
        self.step(len(self.environment.values) >> 5)  # which were copied
        self.run(entry.body)
        self.arguments = None
        self.returning = False

    def run(self, body: "Body") -> int:
        """Run statements one after another; return the status of the last."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.limit("statements nested too deep")
        status = NONE
        values = self.environment.values
        for node in body:
            if self.breaks:
                break
            status = self.run_command(node) if type(node) is Command else self._compound(node)
            values = self.environment.values
            values["?"] = str(status)
            if self.returning:
                break
        self._depth -= 1
        return status

    def _compound(self, node: "Node") -> int:
        if isinstance(node, If):
            return self._if(node)
        if isinstance(node, For):
            return self._for(node)
        assert isinstance(node, While)
        return self._while(node)

    def _if(self, node: If) -> int:
        for condition, then in node.branches:
            status = self.run(condition)
            if self.returning:
                return status
            if status == NONE:
                return self.run(then)
        return self.run(node.rest) if node.rest is not None else NONE

    def _for(self, node: For) -> int:
        self.line = node.line
        self.loops += 1
        status = NONE
        for value in self.expand(node.words):
            if self.continuing and self.breaks == 1:
                self.breaks = 0
            if not self.breaks:
                self.step(1)
                self.environment.set(node.name, value)
                self.environment.origins.pop(node.name, None)
                status = self.run(node.body)
                if self.returning:
                    break
        self.breaks = max(0, self.breaks - 1)
        self.loops -= 1
        return status

    def _while(self, node: While) -> int:
        self.loops += 1
        while True:
            self.line = node.line
            self.step(1)
            status = self.run(node.condition)
            if self.returning or (status == NONE) == node.until:
                break
            status = self.run(node.body)
            if self.returning:
                break
            if self.breaks == 1 and self.continuing:
                self.breaks = 0
            if self.breaks:
                break
        self.breaks = max(0, self.breaks - 1)
        self.loops -= 1
        return status

    def run_command(self, node: Command) -> int:
        """Run one command line; return its status."""
        self.line = node.line
        words = self.expand(node.words)
        if not words:
            return NONE
        inverted = words[0] == "!"
        if inverted:
            del words[0]
            if not words:
                self.complain("no command is specified.")
                return BAD_ARGUMENT
        name = words[0]
        try:
            handler = self.commands.get(name)
            if handler is not None:
                if name in self.doubtful:
                    self.used.add(name)
                    self.complain("it is not known whether the host's GRUB has the command `{}'.".format(name), name, None)
                status = handler(self, words[1:], node)
            elif name in self.functions:
                status = self._call(name, words[1:])
            else:
                return self._assign(words, node)
        except NotKnown as unknown:
            self.unknowns.append(unknown)
            self.complain(str(unknown), None, None)
            status = FILE_NOT_FOUND
        except Failure as failure:
            status = failure.code
            if status != TEST_FAILURE:
                self.line = node.line
                self.complain(failure.text, None, failure.fatal)
                if inverted:
                    return NONE
        if inverted:
            self.unsaid = ""
            return TEST_FAILURE if status == NONE else NONE
        if self.unsaid:
            self.complain(self.unsaid)
            self.unsaid = ""
        return status

    def _call(self, name: str, arguments: "List[str]") -> int:
        function, file = self.functions[name]
        saved = self.arguments, self.loops, self.file, self.line
        self.arguments = arguments
        self.loops = 0
        self.file = file
        self._running.append(name)
        status = self.run(function.body)
        self._running.pop()
        self.returning = False
        self.arguments, self.loops, self.file, self.line = saved
        return status

    def _assign(self, words: "List[str]", node: Command) -> int:
        name, equals, value = words[0].partition("=")
        if not equals:
            self._lack(name, words[1:])
        elif _is_special(name):
            self.complain("invalid variable name `{}'.".format(name))
        else:
            self.assign(name, value, node)
        return NONE

    def _lack(self, name: str, arguments: "List[str]") -> None:
        """Note a command that this GRUB does not have, and what it would have loaded."""
        self.used.add(name)
        note = loading.NOTES.get(name)
        self.complain("can't find command `{}'.".format(_first_bytes(name)), name, note is not None)
        if note:
            note(self, arguments)

    def assign(self, name: str, value: str, node: Command) -> None:
        """Set a variable, and remember which variable of the environment block its value was made from."""
        environment = self.environment
        environment.set(name, value)
        origin: Optional[str] = None
        if environment.origins:
            for word in node.words:
                if not isinstance(word, str):
                    for kind, text in word:
                        if kind in (VARIABLE, QUOTED):
                            origin = origin or environment.origins.get(text)
        if origin:
            environment.origins[name] = origin
        else:
            environment.origins.pop(name, None)

    # Words

    def expand(self, words: "Tuple[Word, ...]") -> "List[str]":
        """Return the arguments that words stand for."""
        result: List[str] = []
        cost = 0
        for word in words:
            if isinstance(word, str):
                cost += len(word)
                result.append(word)
                continue
            for field in fields(word, self.environment.values, self.arguments, self.step):
                cost += len(field)
                if len(field) > MAX_VALUE:
                    raise self.limit("a value that grows without end")
                if has_wildcard(field):
                    result.extend(self._wildcard(field))
                else:
                    result.append(unescape(field))
        # A step for a line of usual length; long words, which may be copied and kept, cost more.
        self.step(1 + (cost >> 6) if cost < 1024 else cost >> 4)
        return result

    def _wildcard(self, pattern: str) -> "List[str]":
        from pvhready.grub import wildcard

        names = wildcard.expand(pattern, self.devices, self.environment.get("root") or "", self.step)
        if not names:
            return [unescape(pattern)]
        self.most_names = max(self.most_names, len(names))
        first = self.turn % len(names)
        return names[first:] + names[:first]

    def show_menu_of(self, name: str, opened: bool) -> None:
        """Run another file for a menu of its own, in a new context when ``opened``. Raises TookOver when it has entries."""
        device, path = self.find_file(name)
        saved = self.menu, self.environment
        self.menu = []
        if opened:
            self.environment = self.environment.opened()
        self.run_file(device, path)
        if self.menu:
            raise TookOver(self.menu, self.environment)
        self.menu, self.environment = saved


def _first_bytes(name: str) -> str:
    """Return what GRUB shows of a name: 20 bytes (script/function.c)."""
    return name if len(name) < 20 and name.isalnum() else name.encode("utf-8", "surrogateescape")[:20].decode("utf-8", "ignore")


def _is_special(name: str) -> bool:
    return name[:1].isdigit() or name in ("#", "*", "@")
