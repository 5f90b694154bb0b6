#!/usr/bin/env python3
"""Does the exporter bear many scrapes? Latency, memory and errors, side by side with node exporter.

    python3 tests/bench/exporter.py [--rate 200] [--seconds 60] [--python /usr/bin/python3]

Scrapes come at fixed times, each on a connection of its own, and a scrape's time runs from the moment when it was due: whoever
answers late is not spared. node exporter (Debian's, as it is by default) gets the same, half of it before and half after, for the
machine may be busier at one time than at another. For comparison also one that does nothing but to read a textfile. At last come
clients without manners, while the scrapes go on. All of it stays on this machine.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
sys.path[:0] = [_TOP, os.path.dirname(_HERE)]

from pvhready.demo.guests import make  # noqa: E402
from support import debian  # noqa: E402

_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_TIMEOUT = 10.0  # seconds, as Prometheus' own
_FLAT = 2048  # KiB that the memory may grow by, once it is warm
_OURS, _RUDE, _THEIRS, _LIGHT = "pvhready", "pvhready, with rude clients", "node exporter", "node exporter, textfile only"
_SLOW = 48  # clients that never end their request
_BROKEN = (
    b"", b"GET", b"GET /metrics HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\nA: " + b"a" * 200000,
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", b"GET /" + b"a" * 100000,
)


class Target(NamedTuple):
    """A server that runs: its name in the table, its port and its process."""

    name: str
    port: int
    process: int


class Load:
    """What scrapes have met with: seconds of each that was answered well, the errors, and the memory (KiB) once a second."""

    def __init__(self) -> None:
        self.times: List[float] = []
        self.errors: List[str] = []
        self.memory: List[int] = []
        self.cpu = 0.0

    def share(self, part: float) -> float:
        """Return the time, in milliseconds, that this part of all scrapes stayed within."""
        times = sorted(self.times) or [float("nan")]
        return times[min(len(times) - 1, int(len(times) * part))] * 1000

    @property
    def growth(self) -> int:
        """KiB between the highest of the first third and the highest of the last."""
        third = max(1, len(self.memory) // 3)
        return max(self.memory[-third:]) - max(self.memory[:third])


async def _scrape(port: int, due: float, load: Load) -> None:
    try:
        answer = await asyncio.wait_for(_answer(port), _TIMEOUT)
    except (OSError, asyncio.TimeoutError) as error:
        load.errors.append(type(error).__name__)
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.") and b" 200 " in head.split(b"\r\n")[0] and body.endswith(b"\n") and b"# TYPE " in body:
        load.times.append(time.monotonic() - due)
    else:
        load.errors.append(head.split(b"\r\n")[0][:60].decode("ascii", "replace") or "no answer")


async def _answer(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_REQUEST)
        return await reader.read(-1)
    finally:
        writer.close()


async def _scrapes(target: Target, rate: int, seconds: int, load: Load) -> None:
    loop = asyncio.get_event_loop()
    pending = []
    begin, cpu = time.monotonic(), _cpu(target.process)
    for number in range(rate * seconds):
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        pending.append(loop.create_task(_scrape(target.port, due, load)))
        if number % rate == 0:
            load.memory.append(_memory(target.process))
            pending = [task for task in pending if not task.done()]
    if pending:
        await asyncio.wait(pending)
    load.cpu += _cpu(target.process) - cpu


async def _rude(port: int, seconds: int) -> None:
    """Half requests, endless headers and silence, for as long as the scrapes go on."""
    end = time.monotonic() + seconds
    held = []
    while time.monotonic() < end:
        for _ in range(_SLOW // max(1, seconds)):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /metrics HTTP/1.1\r\nX: ")
                held.append(writer)
        for given in _BROKEN:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(given)
                await asyncio.sleep(0.02)
                writer.close()
        await asyncio.sleep(0.5)
    for writer in held:
        writer.close()


async def _both(target: Target, rate: int, seconds: int, load: Load) -> None:
    await asyncio.wait([asyncio.ensure_future(_rude(target.port, seconds)), asyncio.ensure_future(_scrapes(target, rate, seconds, load))])


def _memory(process: int) -> int:
    with open("/proc/{}/status".format(process), encoding="ascii") as handle:
        return next(int(line.split()[1]) for line in handle if line.startswith("VmRSS:"))


def _cpu(process: int) -> float:
    with open("/proc/{}/stat".format(process), encoding="ascii", errors="replace") as handle:
        fields = handle.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(name: str, words: Sequence[str], port: int) -> Iterator[Target]:
    process = subprocess.Popen(words, cwd=_TOP, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("{} does not answer".format(name)) from error
                time.sleep(0.1)
        yield Target(name, port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _measure(python: str, folder: str, rate: int, seconds: int) -> Dict[str, Load]:
    ports = [_free_port() for _ in range(3)]
    node = os.path.join(debian.unpacked("prometheus-node-exporter", "bookworm"), "usr", "bin", "prometheus-node-exporter")
    guest = ["--root", folder + "/guest", "--assume-guest", "pv"]
    pvhready = [python, "-B", "-m", "pvhready", "exporter"] + guest
    subprocess.check_call(pvhready + ["--textfile", folder + "/pvhready.prom"], cwd=_TOP)
    addresses = ["127.0.0.1:{}".format(port) for port in ports]
    ours = pvhready + ["--listen", addresses[0]]
    theirs = [node, "--web.listen-address", addresses[1]]
    light = [node, "--collector.disable-defaults", "--collector.textfile", "--collector.textfile.directory", folder, "--web.listen-address",
             addresses[2]]
    loads = {name: Load() for name in (_OURS, _RUDE, _THEIRS, _LIGHT)}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with contextlib.ExitStack() as stack:
        first, second, third = (
            stack.enter_context(_running(name, words, port))
            for name, words, port in zip((_OURS, _THEIRS, _LIGHT), (ours, theirs, light), ports))
        for target in (first, second, third):
            loop.run_until_complete(_scrapes(target, rate, 2, Load()))  # warm
        loop.run_until_complete(_scrapes(second, rate, seconds // 2, loads[_THEIRS]))
        loop.run_until_complete(_scrapes(first, rate, seconds, loads[_OURS]))
        loop.run_until_complete(_scrapes(second, rate, seconds - seconds // 2, loads[_THEIRS]))
        loop.run_until_complete(_scrapes(third, rate, max(2, seconds // 3), loads[_LIGHT]))
        loop.run_until_complete(_both(first, rate, max(12, seconds // 3), loads[_RUDE]))
    loop.close()
    return loads


def _show(loads: Dict[str, Load]) -> None:
    print("{:30} {:>8} {:>7} {:>8} {:>8} {:>8} {:>8} {:>10} {:>9}".format(
        "", "scrapes", "errors", "p50 ms", "p99 ms", "max ms", "CPU ms", "MiB at end", "growth"))
    for name, load in loads.items():
        count = len(load.times) + len(load.errors)
        print("{:30} {:8} {:7} {:8.2f} {:8.2f} {:8.2f} {:8.2f} {:10.1f} {:5} KiB".format(
            name, count, len(load.errors), load.share(0.5), load.share(0.99), load.share(1.0), load.cpu * 1000 / max(1, count),
            load.memory[-1] / 1024, load.growth))
        for error in sorted(set(load.errors)):
            print("    {} x {}".format(load.errors.count(error), error))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure and print; return 0 when no scrape failed, the memory is flat and p99 is no worse than node exporter's."""
    parser = argparse.ArgumentParser(description="Many scrapes: the exporter beside node exporter.")
    parser.add_argument("--rate", type=int, default=200, help="scrapes a second (default: 200)")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter, which has prometheus_client")
    options = parser.parse_args(arguments)
    folder = tempfile.mkdtemp()
    rate, seconds = min(options.rate, 500), min(options.seconds, 300)
    try:
        os.mkdir(folder + "/guest")
        make("debian-12", folder + "/guest")
        loads = _measure(options.python, folder, rate, seconds)
    finally:
        shutil.rmtree(folder)
    print("{} scrapes a second for {} s; {}".format(rate, seconds, options.python))
    _show(loads)
    ours = [loads[_OURS], loads[_RUDE]]
    well = not any(load.errors for load in ours) and all(load.growth < _FLAT for load in ours)
    return 0 if well and ours[0].share(0.99) <= loads[_THEIRS].share(0.99) else 1


if __name__ == "__main__":
    sys.exit(main())
