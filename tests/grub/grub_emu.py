"""Runs scripts in GRUB itself, in Debian's ``grub-emu``, and returns what it writes to the screen."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import termios
import time
from typing import List, Optional, Tuple

PROGRAM = shutil.which("grub-emu")
_TERMINAL_CODE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]|\x0f")
END = "=end of script="
_PROMPT = b"GNU GRUB  version"  # heads the menu, or the prompt, when the script swallowed its own end
_FAILED = b"Failed to boot both default and fallback entries"
_KEY = b"Press any key to continue"  # below errors, for ten seconds
_WELCOME = b"Welcome to GRUB!"
_TITLE = re.compile("\x1b\\[[0-9]+;3H[ *]([^\x1b]*)")  # a line of the menu, drawn at its place
_KEYS = b"keys to select"  # the help below the menu
_LINE = b"grub>"  # GRUB's command line


class Crashed(Exception):
    """GRUB itself crashed over the script, as it does over a fallback that is no entry."""


def run(directory: str, script: str, timeout: float = 20.0) -> Optional[List[str]]:
    """Run a script as the configuration in ``directory``; return the lines it writes, None when it does not end."""
    _write(directory, script + "\necho " + END + "\nexit\n")
    output = _terminal(directory, (END.encode(), _PROMPT), timeout)
    return None if output is None else _lines(output, END.encode() if END.encode() in output else _PROMPT)


def boot(directory: str, script: str, timeout: float = 20.0) -> Optional[List[str]]:
    """Run a script and then the menu that it makes; return the lines written until GRUB exits, or waits for a key."""
    _write(directory, script + "\n")
    output = _terminal(directory, (_FAILED, _PROMPT), timeout)
    return None if output is None else _lines(output.partition(_FAILED)[0], _PROMPT)


def titles(directory: str, script: str, timeout: float = 20.0) -> Optional[List[str]]:
    """Run a script that leaves GRUB waiting at its menu; return the titles that the menu shows, without blanks around them."""
    _write(directory, script + "\n")
    output = _terminal(directory, (_LINE,), timeout, 120, 120)
    if output is None:
        return None
    shown = output.partition(_LINE)[0].rpartition(_KEYS)[2].decode("utf-8", "surrogateescape")
    return [title.strip() for title in _TITLE.findall(shown)]


def _write(directory: str, script: str) -> None:
    with open(os.path.join(directory, "grub.cfg"), "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(script)


def _lines(output: bytes, end: bytes) -> List[str]:
    """Return the lines between GRUB's greeting and ``end``."""
    text = _TERMINAL_CODE.sub(b"", output.partition(end)[0])
    lines = text[text.find(_WELCOME):].decode("utf-8", "surrogateescape").replace("\r", "").split("\n")
    return [line for line in lines[1:] if line.strip()]


def _terminal(directory: str, ends: Tuple[bytes, ...], timeout: float, rows: int = 2000, columns: int = 2000) -> Optional[bytes]:
    """Return what GRUB writes until one of ``ends`` comes or GRUB does, None when neither does.

    The screen is so large that nothing scrolls and no line is broken.
    """
    process, terminal = pty.fork()
    if process == 0:
        # Here and not in the other process: GRUB asks for the size as soon as it starts.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.environ.update(TERM="vt100", LC_ALL="C")
        os.execv(str(PROGRAM), ["grub-emu", "-d", directory, "-r", "host"])
    output = b""
    ended = asked = False
    pressed = 0
    part = b""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and not ended:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:
            part = b""
        output += part
        if output.count(_KEY) > pressed:
            os.write(terminal, b" ")
            pressed += 1
        if _KEYS in output and not asked:
            # The command line is shown after the whole menu.
            os.write(terminal, b"c")
            asked = True
        ended = not part or any(end in output for end in ends)
    if ended and not part:
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            raise Crashed()
    else:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    os.close(terminal)
    return output if ended and _WELCOME in output else None
