"""/etc/pvhready.conf: what the administrator of this machine has set once and for all.

The form is INI as configparser reads it, all of it optional; a comment stands on a line of its own:

    [check]
    host = debian-12+linux16
    skip = console-silent, hack-hook-active
    [guest]
    assume = pv
    [hooks]
    kernel-postinst = no
    block = yes
    [exporter]
    listen = 127.0.0.1:9843

It is read for the running system only. What is written on the command line counts more.
"""

from pvhready.errors import NotPermitted, UsageError
from pvhready.options import SETTINGS_FILE
from pvhready.records import NamedTuple
from pvhready.root import Denied, Missing, Root, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from configparser import ConfigParser
    from typing import Callable, Dict, Optional, Tuple

PATH = SETTINGS_FILE
MAX_SIZE = 64 * 1024
# Every hook that there is, and whether it works where the file does not say so.
HOOKS = {"kernel-postinst": True, "apt": True, "apt-pre-install": False, "kernel-install": True, "dnf": True, "rpm-trigger": True}
KEYS = {
    "check": ("host", "skip"),
    "guest": ("assume",),
    "hooks": tuple(HOOKS) + ("block",),
    "exporter": ("listen", "interval", "web-config", "textfile"),
}
_SWITCH = {"yes": True, "no": False, "on": True, "off": False, "true": True, "false": False, "1": True, "0": False}
_MODES = ("pv", "pvh", "hvm")


class Settings(NamedTuple):
    """What the file says; None or empty where it does not. ``hooks`` has an answer for every hook, ``interval`` is in seconds."""

    host: "Optional[str]" = None
    skip: "Tuple[str, ...]" = ()
    assume: "Optional[str]" = None
    hooks: "Dict[str, bool]" = HOOKS
    block: bool = False
    listen: "Optional[str]" = None
    interval: "Optional[float]" = None
    web_config: "Optional[str]" = None
    textfile: "Optional[str]" = None


def read_settings(root: Root) -> Settings:
    """Return what the file of the running system says; the defaults where there is none.

    Raises UsageError with path, line and what to do for a file that makes no sense, NotPermitted for one that may not be read.
    """
    try:
        data = root.read(PATH, MAX_SIZE)
    except Missing:
        return Settings()
    except Denied as error:
        raise NotPermitted("{} may not be read: run this as root, or let all read it: chmod a+r {}".format(PATH, PATH)) from error
    except Unreadable as error:
        raise UsageError("{} cannot be read ({}): mend it, or move it away".format(PATH, error.reason)) from error
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _wrong(data[:error.start].count(b"\n") + 1, "it is not text in UTF-8") from error


def parse(text: str) -> Settings:
    """Return what the text of such a file says. Raises UsageError."""
    values = _Values(text)
    check, guest, hooks, exporter = (values.section(name) for name in KEYS)
    interval = exporter.get("interval")
    return Settings(
        values.host(check.get("host")),
        values.ids(check.get("skip")),
        values.mode(guest.get("assume")),
        {name: values.switch(name, hooks[name]) if name in hooks else default for name, default in HOOKS.items()},
        values.switch("block", hooks["block"]) if "block" in hooks else False,
        exporter.get("listen"),
        None if interval is None else values.seconds(interval),
        exporter.get("web-config"),
        exporter.get("textfile"),
    )


class _Values:
    """The file's sections, and what is wrong with a value, told with its line."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._parser = _parse(text)
        for name in self._parser.sections():
            if name not in KEYS:
                raise _wrong(self._line_of_section(name), "there is no section [{}]; there are: {}".format(name, ", ".join(KEYS)))

    def section(self, name: str) -> "Dict[str, str]":
        if not self._parser.has_section(name):
            return {}
        found = dict(self._parser.items(name))
        for key, value in found.items():
            if key not in KEYS[name]:
                raise self._refuse(key, "[{}] has no {}; it has: {}".format(name, key, ", ".join(KEYS[name])))
            if not value:
                raise self._refuse(key, "{} has no value".format(key))
        return found

    def host(self, value: "Optional[str]") -> "Optional[str]":
        from pvhready.host import profile

        try:
            return profile(value).name if value else None
        except UsageError as error:
            raise self._refuse("host", str(error)) from error

    def ids(self, value: "Optional[str]") -> "Tuple[str, ...]":
        names = tuple((value or "").replace(",", " ").split())
        if names:
            from pvhready.checks import IDS

            unknown = [name for name in names if name not in IDS]
            if unknown:
                raise self._refuse("skip", 'there is no check {}; "pvhready explain" lists them'.format(unknown[0]))
        return names

    def mode(self, value: "Optional[str]") -> "Optional[str]":
        if value is not None and value not in _MODES:
            raise self._refuse("assume", "assume is one of {}".format(", ".join(_MODES)))
        return value

    def switch(self, key: str, value: str) -> bool:
        if value.lower() not in _SWITCH:
            raise self._refuse(key, "{} is yes or no".format(key))
        return _SWITCH[value.lower()]

    def seconds(self, value: str) -> float:
        if not (value.isdecimal() and len(value) < 10 and 0 < int(value) < 10 ** 7):
            raise self._refuse("interval", "interval is a number of seconds")
        return float(value)

    def _refuse(self, key: str, what: str) -> UsageError:
        return _wrong(self._line_of_key(key), what)

    def _line_of_section(self, name: str) -> int:
        return self._line(lambda line: line == "[{}]".format(name))

    def _line_of_key(self, key: str) -> int:
        """Keys have one name each in the whole file, or stand in a section that is refused before."""
        return self._line(lambda line: line.replace(":", "=").partition("=")[0].strip().lower() == key)

    def _line(self, test: "Callable[[str], bool]") -> int:
        return next((number for number, line in enumerate(self._lines, 1) if test(line.strip())), 1)


def _parse(text: str) -> "ConfigParser":
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="", empty_lines_in_values=False)
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise _wrong(error.lineno, "a section has to come first, as [check]") from error
    except configparser.DuplicateSectionError as error:
        raise _wrong(error.lineno, "[{}] stands here a second time".format(error.section)) from error
    except configparser.DuplicateOptionError as error:
        raise _wrong(error.lineno, "{} stands here a second time".format(error.option)) from error
    except configparser.ParsingError as error:
        raise _wrong(error.errors[0][0], "neither [section] nor key = value") from error
    return parser


def _wrong(line: "Optional[int]", what: str) -> UsageError:
    return UsageError("{} line {}: {}: mend that line".format(PATH, line or 1, what))
