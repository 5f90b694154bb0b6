"""grub.cfg is generated anew by the running system's own grub-mkconfig, and looked at before it is put in place."""

import os

from pvhready.facts import PVH
from pvhready.judge import Report
from pvhready.root import Root, Unreadable
from pvhready.undo import snippet
from pvhready.undo.changes import REPLACE, Change, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

_PROGRAMS = ("grub-mkconfig", "grub2-mkconfig")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS = 600.0
_MARK = b"### BEGIN /etc/grub.d/"


def path_of_menu(root: Root, report: Report) -> str:
    """Return the grub.cfg that the host reads, no link to it. Raises Refused where it cannot be read, or was not generated."""
    config = report.facts.menus[PVH].config
    if not config:
        raise Refused("there is no grub.cfg that the host would read")
    try:
        if _MARK not in root.read(config):
            text = "{} was not written by grub-mkconfig, which would throw it away: change the paths of the kernels by hand"
            raise Refused(text.format(config))
        return root.resolve(config)
    except Unreadable as error:
        raise Refused(str(error)) from error


def new_menu(path: str) -> Change:
    """Return the change to a grub.cfg as grub-mkconfig would write it now. It runs a program: the live system only. Raises Refused."""
    import subprocess

    generator = program()
    try:
        result = subprocess.run(
            [generator], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(), timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused("{} cannot be run: {}".format(generator, error)) from error
    if result.returncode or _MARK not in result.stdout:
        lines = [line for line in result.stderr.decode("utf-8", "replace").split("\n") if line.strip()]
        raise Refused("{} fails: {}".format(generator, (lines or ["it writes no menu"])[-1].strip()[:300]))
    return Change(REPLACE, path, result.stdout, None, "the boot menu, generated anew")


def without_ours(menu: bytes) -> bytes:
    """Return a menu without the part that our script wrote, as it will be when the script is gone."""
    name = snippet.PATH.encode("ascii")
    begin, end = b"### BEGIN " + name + b" ###\n", b"### END " + name + b" ###\n"
    if begin not in menu or end not in menu[menu.index(begin):]:
        return menu
    head, _, rest = menu.partition(begin)
    return head + rest.partition(end)[2]


def by_hand(directory: str, options: "Tuple[str, ...]") -> "Tuple[Tuple[str, ...], ...]":
    """Return the commands that run the undo inside a mounted guest, where its grub-mkconfig may run."""
    binds = tuple(("mount", "--bind", "/" + name, os.path.join(directory, name)) for name in ("dev", "proc", "sys"))
    return binds + (("chroot", directory, "pvhready", "undo") + options,)


def program() -> str:
    """Return the path of the program that generates the menu. Raises Refused where it is not installed."""
    for folder in _PATH.split(":"):
        for name in _PROGRAMS:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                return path
    raise Refused("grub-mkconfig is not installed: the menu cannot be generated anew")


def _environment() -> "Dict[str, str]":
    """The language decides the titles of the entries; nothing else of the user's is handed on."""
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LANGUAGE") or name.startswith("LC_")}
    return dict(kept, PATH=_PATH)
