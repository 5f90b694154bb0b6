"""A grub.cfg of any bytes: lexer, parser, interpreter, menu, choice. Bounded in steps, and so in time and memory."""

from grub_disk import CONFIG, INITRD, KERNEL, Disk

from pvhready.grub import commands, menu
from pvhready.grub.environment import initial
from pvhready.grub.interpreter import Interpreter
from pvhready.grub.state import MAX_ENTRIES, MAX_STEPS, Booted, LimitReached, Stopped, TookOver

TOKENS = tuple(word.encode() for word in (
    "menuentry 'a' {", "submenu b {", "\n}\n", "; ", "if ", "; then ", "; else ", "; fi", "elif ", "for i in ", "; do ", "; done",
    "while ", "until ",
    "function f {", "f ", "return ", "break ", "continue ", "shift ", "setparams ", "set x=", "$x", "${x}", '"$x"', "x=$x$x", "$1", "$@",
    "$*", "$#", "$?",
    "eval ", "source /boot/grub/grub.cfg", "configfile /boot/grub/grub.cfg", ". /more.cfg", "load_env ", "load_env -f /grubenv",
    "save_env x",
    "linux /boot/vmlinuz ", "initrd /boot/initrd.gz", "search --set=root --file /boot/vmlinuz", "regexp --set=1:x '(a*)*' ", "[ -f /* ]",
    "test ", "( ",
    " -a ", " -o ", "! ", "/*/*/*", "(*)/*", "/boot/v*", '$"', "'", '"', "\\", "\\\n", "#", "{", "}", "insmod ", "export ", "unset ",
    "default=", "fallback=",
    "--id ", "--unrestricted ", "--users a ", "--source '", "time ", "blscfg", "echo ", "\0", "\r", "\n", "true", "false",
    "while true; do ",
    "export default\n", "1 ", "999999999999999999999", "boot=$root\n",
))
_STEPS = 50000
_FILES = {
    KERNEL: "kernel", INITRD: "initramfs", "/more.cfg": "menuentry more { linux /boot/vmlinuz; }\nx=$x$x\n",
    "/grubenv": "# GRUB Environment Block\nsaved_entry=0\nx=y\n" + "#" * 900,
    "/loader/entries/a.conf": "title A\nlinux /boot/vmlinuz\ninitrd /boot/initrd.gz\noptions $x\n",
}


class _BytesDisk(Disk):
    """The disk with the configuration as it was given, byte by byte."""

    def __init__(self, data: bytes) -> None:
        super().__init__(dict(_FILES, **{CONFIG: ""}))
        self._data = data

    def read(self, device: str, path: str, limit: int) -> bytes:
        return self._data if path == CONFIG and device == "xen/xvda" else super().read(device, path, limit)


def run(data: bytes) -> None:
    """Run a configuration and its menu as a check does."""
    environment = initial("i386", "xen_pvh", "(xen/xvda)/boot/grub", "xen/xvda")
    runner = Interpreter(_BytesDisk(data), environment, commands.table("xen_pvh", lambda name: True))
    # Less is left than a check has, so that more inputs are tried.
    runner.steps, runner._allowed = MAX_STEPS - _STEPS, MAX_STEPS - _STEPS // 2
    try:
        _menu(runner)
    except LimitReached as limit:
        assert limit.text
    # A last step may be a large one.
    assert runner.steps < MAX_STEPS + 200000


def _menu(runner: Interpreter) -> None:
    environment = runner.environment
    try:
        runner.run_file("xen/xvda", CONFIG)
        entries = runner.menu
    except TookOver as other:
        entries, environment = other.menu, other.environment
    except (Booted, Stopped):
        entries = []
    collector = menu.Collector(runner)
    shown = collector.collect(entries, environment)
    assert len(collector.results) <= 20 * MAX_ENTRIES
    choice = menu.choose(shown, collector.results)
    assert choice.index is None or 0 <= choice.index < len(collector.results)
    assert all(0 <= index < len(collector.results) for index in choice.broken + choice.fallbacks)
