"""Runs programs and says what each cost: started inside the guest's root by check.py, and told what to run on standard input.

It stays small, because a child's peak memory is never told smaller than that of the process that started it.
"""

import os
import sys


def main() -> None:
    """Read a command line a line, its words parted by NUL; write CPU seconds, peak KiB and the exit code."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        words = line.rstrip("\n").split("\0")
        process = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, code, flush=True)


main()
