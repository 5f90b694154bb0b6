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
from typing import List, Optional

PROGRAM = shutil.which("grub-emu")
_TERMINAL_CODE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]|\x0f")
_END = b"=end of script="
_PROMPT = b"GNU GRUB  version"  # heads the menu, or the prompt, when the script swallowed its own end


def run(directory: str, script: str, timeout: float = 20.0) -> Optional[List[str]]:
    """Run a script as the configuration in ``directory``; return the lines it writes, None when it does not end."""
    with open(os.path.join(directory, "grub.cfg"), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(script + "\necho " + _END.decode() + "\nexit\n")
    output = _terminal(["grub-emu", "-d", directory, "-r", "host"], timeout)
    text = _TERMINAL_CODE.sub(b"", output)
    start = text.find(b"Welcome to GRUB!")
    end = text.find(_END) if _END in text else text.find(_PROMPT)
    if start < 0 or end < 0:
        return None
    lines = text[start:end].decode("utf-8", "surrogateescape").replace("\r", "").split("\n")
    return [line for line in lines[2:-1] if line.strip()]


def _terminal(command: List[str], timeout: float) -> bytes:
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="vt100", LC_ALL="C")
        os.execv(str(PROGRAM), command)
    # So large that nothing scrolls and no line is broken.
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 2000, 2000, 0, 0))
    output = b""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and _END not in output and _PROMPT not in output:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(terminal)
    return output
