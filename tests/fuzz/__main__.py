"""Feeds a target with mutated inputs, until the time is over or one of them fails.

    python -m tests.fuzz TARGET [--seconds N] [--seed N] [FILE...]
    python -m tests.fuzz --all [--seconds N] [--jobs N]

``--all`` feeds every target, ``--jobs`` of them at once, for N seconds in all (CI: 240; hours: --seconds 14400).

With atheris installed (``pip install atheris``) the fuzzing is guided by what code an input reaches. Without it, inputs are
mutations of the corpus and of each other. A file given is run as it is. An input that fails is written to the current
directory as ``crash-TARGET-...``; mend the fault and move the file to ``tests/fuzz/corpus/TARGET/``, where every run of the
test suite meets it again.
"""

import argparse
import hashlib
import importlib
import importlib.util
import os
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Optional, Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(os.path.dirname(HERE)), os.path.join(os.path.dirname(HERE), "grub")]
TARGETS = (
    "command_line", "disks", "dpkg", "elf", "fleet_reports", "grub_bls", "grub_envblock", "grub_regexp", "grub_script", "hook_arguments",
    "initramfs", "journal", "kconfig", "kernel_image", "memory", "os_release", "packages", "rpm_database", "settings_file", "shell_scripts",
    "storage", "streams",
)
MEMORY = 700 * 1024 * 1024  # bytes that one process may take, the interpreter and what it imports among them
SECONDS = 60  # for one input; some ten times what the slowest takes on a slow machine


def limited(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return a target that also fails when an input takes too long."""

    def give_up(number: int, frame: Any) -> None:
        raise TimeoutError("an input took longer than {} seconds".format(SECONDS))

    def call(data: bytes) -> None:
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(SECONDS)
        try:
            run(data)
        finally:
            signal.alarm(0)

    return call


def corpus(target: str) -> List[bytes]:
    """Return the inputs that are kept for a target."""
    directory = os.path.join(HERE, "corpus", target)
    return [_content(os.path.join(directory, name)) for name in sorted(os.listdir(directory))]


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def mutated(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    """Return an input with some changes: bytes changed, parts taken out, doubled, moved in from another input, or a token put in."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randint(0, len(made))
        end = min(len(made), at + chance.choice((1, 2, 8, 64, 512)))
        kind = chance.randint(0, 5)
        if kind == 0:
            made[at:at + 1] = bytes((chance.randint(0, 255),))
        elif kind == 1:
            del made[at:end]
        elif kind == 2:
            made[at:at] = made[at:end] * chance.choice((1, 1, 2, 50))
        elif kind == 3:
            other = chance.choice(others)
            start = chance.randint(0, len(other))
            made[at:at] = other[start:start + chance.choice((4, 32, 256))]
        else:
            token = chance.choice(tokens)
            made[at:at + len(token) * chance.randint(0, 1)] = token  # put in, or written over what is there
    return bytes(made[:20000])


def _plain(target: str, run: Callable[[bytes], None], tokens: Sequence[bytes], seconds: float, seed: int) -> int:
    chance = random.Random(seed)
    inputs = corpus(target) or [b""]
    end = time.monotonic() + seconds
    count, slowest = 0, 0.0
    for data in inputs:
        _one(target, run, data)
    while time.monotonic() < end:
        data = mutated(chance.choice(inputs), inputs, tokens, chance)
        start = time.process_time()
        _one(target, run, data)
        slowest = max(slowest, time.process_time() - start)
        count += 1
        if chance.random() < 0.02:
            inputs.append(data)
            del inputs[400:401]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print("{}: {} inputs with seed {}, none failed; the slowest took {:.2f} s, the peak of memory was {} MiB".format(
        target, count, seed, slowest, peak))
    return count


def _one(target: str, run: Callable[[bytes], None], data: bytes) -> None:
    try:
        run(data)
    except BaseException:
        name = "crash-{}-{}".format(target, hashlib.sha1(data).hexdigest()[:12])
        with open(name, "wb") as file:
            file.write(data)
        print("written to " + name, file=sys.stderr)
        raise


def _guided(target: str, seconds: float) -> None:
    import atheris  # type: ignore[import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["pvhready"]):
        run = limited(importlib.import_module("tests.fuzz." + target).run)
    directory = os.path.join(HERE, "corpus", target)
    words = [
        sys.argv[0], "-max_total_time={}".format(int(seconds)), "-artifact_prefix=crash-{}-".format(target), "-max_len=20000",
        "-rss_limit_mb=2048", "-print_final_stats=1",
    ]
    import tempfile

    # New inputs go to the first directory; the corpus itself grows by hand only.
    atheris.Setup(words + [tempfile.mkdtemp(), directory], run)
    atheris.Fuzz()


def _all(seconds: float, jobs: int, words: Sequence[str]) -> int:
    """Feed every target for its share of the time, each in a process of its own, some at once. Return 1 when one of them failed."""
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(max(1, int(seconds / len(TARGETS))))] + list(words)

    def feed(target: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command + [target], cwd=os.path.dirname(os.path.dirname(HERE)), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True)

    failed = []
    with ThreadPoolExecutor(jobs) as workers:
        for target, done in zip(TARGETS, workers.map(feed, TARGETS)):
            print(_told(target, done.stdout + done.stderr), flush=True)
            if done.returncode != 0:
                failed.append(target)
                print(done.stdout[-2000:] + done.stderr[-4000:], flush=True)
    print("FAILED: {}".format(", ".join(failed)) if failed else "none of {} targets failed".format(len(TARGETS)))
    return 1 if failed else 0


def _told(target: str, text: str) -> str:
    """The line that tells how much was tried."""
    lines = [line for line in text.split("\n") if line.startswith((target + ": ", "stat::number_of_executed_units"))]
    return lines[-1] if lines and lines[-1].startswith(target) else "{}: guided by coverage, {}".format(target, " ".join(lines)[-60:])


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a target; return 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz a part of pvhready.")
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--all", action="store_true", help="every target, in all for the seconds given")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=1, help="with --all: so many targets at once")
    parser.add_argument("--seed", type=int, default=None, help="for the same mutations as in an earlier run (without atheris)")
    parser.add_argument("--plain", action="store_true", help="do not use atheris")
    parser.add_argument("file", nargs="*", help="run these inputs and nothing else")
    options = parser.parse_args(arguments)
    if options.all:
        return _all(options.seconds, options.jobs, ["--plain"] if options.plain else [])
    if options.target is None:
        parser.error("name a target, or say --all")
    if not options.plain and not options.file and importlib.util.find_spec("atheris"):
        _guided(options.target, options.seconds)
        return 0
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module = importlib.import_module("tests.fuzz." + options.target)
    run = limited(module.run)
    if options.file:
        for path in options.file:
            run(_content(path))
        return 0
    seed = random.SystemRandom().randint(0, 1 << 32) if options.seed is None else options.seed
    _plain(options.target, run, module.TOKENS, options.seconds, seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
