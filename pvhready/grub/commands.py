"""GRUB's commands, as far as they change what boots; the others do nothing here.

The lists of names are those of Debian's builds for the Xen platforms (command.lst of grub-xen-bin 2.06 to 2.14).
"""

from pvhready.grub import loading, numbers, options
from pvhready.grub.devices import (
    BAD_ARGUMENT,
    FILE_NOT_FOUND,
    INVALID_COMMAND,
    MENU,
    NONE,
    TEST_FAILURE,
    UNKNOWN_COMMAND,
    UNKNOWN_DEVICE,
    Failure,
    NotKnown,
)
from pvhready.grub.options import OPTIONAL, VALUE, Option
from pvhready.grub.parser import Command
from pvhready.grub.state import MAX_WAIT, MenuEntry, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional

    from pvhready.grub.interpreter import Handler, Interpreter

_MENUENTRY = (
    Option("class", "", VALUE), Option("users", "", VALUE), Option("hotkey", "", VALUE), Option("source", "", VALUE),
    Option("id", "", VALUE), Option("unrestricted", ""),
)
_NO_END = "\0c"  # stands for the escape that leaves out the end of the line
_ESCAPES = {"a": "\a", "c": _NO_END, "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_BLOCK = "{\0}"  # stands for the block among the arguments, none of which can have a NUL
_REGEXP = (Option("set", "s", VALUE),)
_SEARCH = (
    Option("file", "f"), Option("label", "l"), Option("fs-uuid", "u"), Option("set", "s", OPTIONAL), Option("no-floppy", "n"),
    Option("efidisk-only", ""), Option("hint", "h", VALUE), Option("hint-ieee1275", "", VALUE), Option("hint-bios", "", VALUE),
    Option("hint-baremetal", "", VALUE), Option("hint-efi", "", VALUE), Option("hint-arc", "", VALUE),
)
_PROBE = (
    Option("set", "s", VALUE), Option("driver", "d"), Option("partmap", "p"), Option("fs", "f"), Option("fs-uuid", "u"),
    Option("label", "l"), Option("part-uuid", ""),
)


# Variables and control

def _set(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if arguments:
        name, equals, value = arguments[0].partition("=")
        if not equals:
            raise Failure(BAD_ARGUMENT, "not an assignment.")
        run.assign(name, value, node)
    return NONE


def _unset(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if not arguments:
        raise Failure(BAD_ARGUMENT, "one argument expected.")
    run.environment.unset(arguments[0])  # and no other
    return NONE


def _export(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if not arguments:
        raise Failure(BAD_ARGUMENT, "one argument expected.")
    for name in arguments:
        run.environment.export(name)
    return NONE


def _true(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return NONE


def _false(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return TEST_FAILURE


def _test(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    from pvhready.grub.test import evaluate

    value, error = evaluate(run, arguments)
    if value and error:
        run.unsaid = numbers.MESSAGES[error]
    return NONE if value else TEST_FAILURE


def _echo(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    end = "\n"
    escapes = False
    while arguments and arguments[0] in ("-n", "-e"):
        end = "" if arguments[0] == "-n" else end
        escapes = escapes or arguments[0] == "-e"
        arguments = arguments[1:]
    if arguments[:1] == ["--"]:
        del arguments[0]
    text = " ".join(_escaped(argument) if escapes else argument for argument in arguments)
    run.print(text.replace(_NO_END, "") + ("" if _NO_END in text else end))
    return NONE


def _escaped(text: str) -> str:
    """Return what ``echo -e`` writes of an argument: an escape that it does not know is left out (commands/echo.c)."""
    pieces = text.split("\\")
    shown = pieces[0]
    at = 1
    while at < len(pieces):
        if not pieces[at] and at + 1 < len(pieces):
            shown += "\\" + pieces[at + 1]
            at += 2
            continue
        shown += _ESCAPES.get(pieces[at][:1], "") + pieces[at][1:]
        at += 1
    return shown


def _time(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Run a command, no function, whose time GRUB tells."""
    if not arguments:
        raise Failure(BAD_ARGUMENT, "no command is specified.")
    while arguments[0] == "time" and len(arguments) > 1:
        arguments = arguments[1:]
    handler = run.commands.get(arguments[0])
    if handler is None:
        raise Failure(UNKNOWN_COMMAND, "can't find command `{}'.".format(arguments[0]))
    return handler(run, arguments[1:], node)


def _eval(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return run.run_text(" ".join(arguments)) if arguments else NONE


def _break(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return _leave(run, arguments, False)


def _continue(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return _leave(run, arguments, True)


def _leave(run: "Interpreter", arguments: "List[str]", continuing: bool) -> int:
    count = 1
    if len(arguments) > 1:
        raise Failure(BAD_ARGUMENT, "one argument expected.")
    if arguments:
        count = _number(arguments[0])
        if not count:
            raise Failure(BAD_ARGUMENT, "can't break 0 loops.")
    run.continuing = continuing
    run.breaks = min(count, run.loops)
    return NONE


def _number(text: str) -> int:
    number = numbers.unsigned(text, 10)
    if number.error or number.length != len(text):
        raise Failure(number.error or BAD_ARGUMENT, "unrecognized number.")
    return number.value


def _return(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if run.arguments is None or len(arguments) > 1:
        raise Failure(BAD_ARGUMENT, "not in function body.")
    status = _number(arguments[0]) if arguments else int(run.environment.get("?") or 0)
    run.returning = True
    if arguments and status > TEST_FAILURE:
        raise Failure(status, "false.")
    return status


def _shift(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if run.arguments is None:
        return NONE
    number = numbers.unsigned(arguments[0], 10) if arguments else numbers.Number(1, 0, 0)
    if number.error and len(arguments) == 1:
        run.complain(numbers.MESSAGES[number.error])
    if len(arguments) > 1 or (arguments and number.length != len(arguments[0])) or number.value > len(run.arguments):
        return BAD_ARGUMENT
    run.arguments = run.arguments[number.value:]
    return NONE


def _setparams(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if run.arguments is None:
        return INVALID_COMMAND
    run.arguments = list(arguments)
    return NONE


# Files and menus

def _source(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if len(arguments) != 1:
        raise Failure(BAD_ARGUMENT, "filename expected.")
    try:
        run.run_file(*run.find_file(arguments[0]))
    except Failure:
        # GRUB forgets this error: a file that is not there is sourced without a word.
        return NONE
    return NONE


def _configfile(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if len(arguments) != 1:
        raise Failure(BAD_ARGUMENT, "filename expected.")
    return _show_menu(run, arguments[0], True)


def _normal(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return _show_menu(run, arguments[0] if arguments else (run.environment.get("prefix") or "") + "/grub.cfg", False)


def _show_menu(run: "Interpreter", name: str, opened: bool) -> int:
    try:
        run.show_menu_of(name, opened)
    except Failure:
        return NONE  # forgotten, as by source
    return NONE


def _foreign(looks: bool) -> "Handler":
    """Return a command for what is in the language of GRUB legacy or syslinux: GRUB translates that, this package does not."""

    def tell(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
        if not arguments:
            raise Failure(BAD_ARGUMENT, "filename expected.")
        if looks:
            run.find_file(arguments[-1])
        raise NotKnown(arguments[-1], "what GRUB makes of another boot loader's configuration cannot be told")

    return tell


def _stop_by(name: str) -> "Handler":
    def stop(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
        raise Stopped(name)

    return stop


def _menuentry(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return _add_entry(run, arguments, node, False)


def _submenu(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return _add_entry(run, arguments, node, True)


def _add_entry(run: "Interpreter", arguments: "List[str]", node: Command, submenu: bool) -> int:
    words = arguments + [_BLOCK] if node.block is not None else arguments
    given = options.parse(_MENUENTRY, words, accept_dash=True)
    rest = given.rest
    if not rest:
        raise Failure(BAD_ARGUMENT, "missing arguments.")
    source = given.value("source")
    if source is not None and node.block is not None:
        raise Failure(BAD_ARGUMENT, "multiple menuentry definitions.")
    body = node.block
    if node.block is not None:
        # Where an option took the block for its value, GRUB takes the last argument for the block, less a character at each end.
        if not rest[-1]:
            raise NotKnown(run.source(), "GRUB may crash over an empty argument in the place of an entry's block")
        source = None if rest[-1] == _BLOCK else rest[-1][1:-1]
        rest = rest[:-1]
    if source is not None:
        body = [statement for unit in run.parse(source) for statement in unit.body]
    if body is None:
        raise Failure(BAD_ARGUMENT, "no menuentry definition.")
    if not rest:
        raise Failure(MENU, "menuentry is missing title.")
    users = given.value("users") if given.has("users") else None if given.has("unrestricted") else ""
    id = given.value("id")
    run.add_entry(MenuEntry(rest[0], rest[0] if id is None else id, tuple(rest), users, submenu, body, run.file, node.line))
    return NONE


def _blscfg(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    from pvhready.grub import bls

    bls.add_entries(run, arguments)
    return NONE


# Devices

def _search(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    given = options.parse(_SEARCH, arguments, accept_dash=True)
    rest = given.rest
    while rest and rest[0].startswith("--hint-"):
        rest = rest[1:]
    variable = (given.value("set") or "root") if given.has("set") else None
    if rest:
        value = rest[0]
    elif given.value("set"):
        value, variable = str(given.value("set")), "root"
    else:
        raise Failure(BAD_ARGUMENT, "one argument expected.")
    for option, what in (("label", "label"), ("fs-uuid", "uuid"), ("file", "file")):
        if given.has(option):
            return _find_device(run, what, value, variable)
    raise Failure(INVALID_COMMAND, "unspecified search type.")


def _find_device(run: "Interpreter", what: str, value: str, variable: "Optional[str]") -> int:
    device = run.devices.search(what, value)
    if device is None:
        raise Failure(FILE_NOT_FOUND, "no such device: {}.".format(value))
    if variable:
        run.environment.set(variable, device)
    else:
        run.print(" {}\n".format(device))
    return NONE


def _search_by(what: str) -> "Handler":
    def search(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
        if not arguments:
            raise Failure(BAD_ARGUMENT, "one argument expected.")
        return _find_device(run, what, arguments[0], arguments[1] if len(arguments) > 1 else None)

    return search


def _probe(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    given = options.parse(_PROBE, arguments)
    if not given.rest:
        raise Failure(BAD_ARGUMENT, "device name required.")
    name = given.rest[0]
    device = name[1:-1] if name.startswith("(") and name.endswith(")") else name
    if not run.devices.exists(device):
        raise Failure(UNKNOWN_DEVICE, "disk `{}' not found.".format(device))
    for option, what in (("fs", "type"), ("fs-uuid", "uuid"), ("label", "label")):
        if given.has(option):
            value = run.devices.property(device, what) or ""
            break
    else:
        raise NotKnown("({})".format(device), "what `probe' tells of it cannot be told")
    if given.value("set"):
        run.environment.set(str(given.value("set")), value)
    else:
        run.print(value + "\n")
    return NONE


def _regexp(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    from pvhready.grub import regexp

    given = options.parse(_REGEXP, arguments)
    if len(given.rest) != 2:
        raise Failure(BAD_ARGUMENT, "two arguments expected.")
    groups = regexp.search(given.rest[0], given.rest[1], run.step)
    if groups is None:
        return TEST_FAILURE
    for target in given.given.get("set", ()):
        digits, colon, name = str(target).partition(":")
        index = 1
        if colon:
            number = numbers.unsigned(digits, 10)
            if number.length != len(digits) or number.error == numbers.OUT_OF_RANGE:
                raise Failure(BAD_ARGUMENT, "invalid variable name format {}.".format(target))
            run.unsaid = numbers.MESSAGES.get(number.error, "")
            index = number.value
        else:
            name = digits
        value = groups[index] if index < len(groups) else None
        if value is None:
            run.environment.unset(name)
        else:
            run.environment.set(name, value)
    return NONE


def _read(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    _wait(run, "waits for a line to be typed.")
    if arguments:
        run.environment.set(arguments[0], "")
    return NONE


def _authenticate(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    if run.environment.get("superusers") is not None:
        _wait(run, "asks for a user name and a password.")
    return NONE


def _wait(run: "Interpreter", text: str) -> None:
    """Note that GRUB waits for somebody: whether anything boots is not known, of an entry or of the whole configuration."""
    run.complain(text, None, None)
    run.unknowns.append(NotKnown(run.source(), text))


def _sleep(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    number = numbers.unsigned(arguments[-1]) if arguments else numbers.Number(0, 0, 0)
    if number.value > MAX_WAIT:
        _wait(run, "sleeps for more than ten minutes.")
    return NONE


def _unanswered(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    raise NotKnown(run.source(), "what the command answers is not known")


def _nothing(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    return NONE


_NOTHING = (
    "background_color background_image clear date distrust dump functional_test gettext gptsync hello help"
    " list_trusted lsfonts lsmmap lsmod macppcbless mactelbless net_add_addr net_add_dns net_add_route net_del_addr net_del_dns"
    " net_del_route net_ls_addr net_ls_cards net_ls_dns net_ls_routes parttool password password_pbkdf2 terminal_input"
    " terminal_output testspeed tr trust videoinfo videotest write_byte write_dword write_word xnu_uuid zfs-bootfs zfsinfo zfskey"
    " backtrace cryptocheck legacy_password net_set_vlan"
)
# What comes of them depends on files, memory, the processor, the network or XenStore.
_UNANSWERED = (
    "badram blocklist cat cmp cpuid crc cutmem file hashsum hexdump ls md5sum net_bootp net_bootp6 net_dhcp net_get_dhcp_option"
    " net_ipv6_autoconf net_nslookup read_byte read_dword read_word sha1sum sha256sum sha512sum testload verify_detached xen_cat"
    " xen_ls"
)
_LEGACY = "legacy_configfile legacy_source extract_legacy_entries_configfile extract_legacy_entries_source"
_FOREIGN = (
    "syslinux_configfile syslinux_source extract_syslinux_entries_configfile extract_syslinux_entries_source legacy_kernel"
    " legacy_initrd legacy_initrd_nounzip legacy_check_password extract_entries_configfile extract_entries_source"
)


def _table() -> "Dict[str, Handler]":
    table: Dict[str, Handler] = dict.fromkeys(_NOTHING.split(), _nothing)
    table.update(dict.fromkeys(_UNANSWERED.split(), _unanswered))
    table.update(loading.COMMANDS)
    table.update({
        "set": _set, "unset": _unset, "export": _export, "true": _true, "false": _false, "test": _test, "[": _test, "echo": _echo,
        "eval": _eval, "time": _time, "break": _break, "continue": _continue, "return": _return, "shift": _shift, "setparams": _setparams,
        "source": _source, ".": _source, "configfile": _configfile, "normal": _normal, "exit": _stop_by("exit"),
        "halt": _stop_by("halt"), "reboot": _stop_by("reboot"), "menuentry": _menuentry, "submenu": _submenu, "search": _search,
        "search.file": _search_by("file"), "search.fs_label": _search_by("label"), "search.fs_uuid": _search_by("uuid"),
        "probe": _probe, "regexp": _regexp, "keystatus": _false, "read": _read, "sleep": _sleep,
        "authenticate": _authenticate, "normal_exit": _stop_by("normal_exit"),
    })
    table.update(dict.fromkeys(_LEGACY.split(), _foreign(True)))
    table.update(dict.fromkeys(_FOREIGN.split(), _foreign(False)))
    return table


# Commands that some builds have and others lack.
_OPTIONAL: "Dict[str, Handler]" = {
    "linux16": loading.linux, "initrd16": loading.initrd, "linuxefi": loading.linux, "initrdefi": loading.initrd,
    "blscfg": _blscfg, "chainloader": loading.linux, "ntldr": loading.linux,
}


def table(platform: str, has: "Callable[[str], bool]") -> "Dict[str, Handler]":
    """Return the commands of a GRUB for ``grub_platform`` xen or xen_pvh; ``has`` answers for the optional ones."""
    commands = _table()
    if platform == "xen_pvh":
        commands.update(dict.fromkeys(("multiboot", "multiboot2"), loading.multiboot))
        commands.update(dict.fromkeys(("module", "module2"), loading.multiboot_module))
    commands.update((name, handler) for name, handler in _OPTIONAL.items() if has(name))
    return commands
