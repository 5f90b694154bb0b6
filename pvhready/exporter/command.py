"""``pvhready exporter``: from the options and the settings file to a server that runs until it is told to stop, or to one file."""

import signal
import sys
import threading
import time

from pvhready.errors import CommandError, UsageError
from pvhready.exporter.renewal import INTERVAL, Look, Question, Renewal
from pvhready.host import DEFAULT
from pvhready.records import NamedTuple
from pvhready.report.metrics import Run, families

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Optional

    from pvhready.exporter.webconfig import WebConfig
    from pvhready.options import Options

LISTEN = "127.0.0.1:9843"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Configuration(NamedTuple):
    """What is to be done: the command line over /etc/pvhready.conf over the defaults. ``interval`` is in seconds."""

    question: Question
    listen: str
    interval: float
    web_config: "Optional[str]"


def run(options: "Options") -> int:
    """Serve until SIGTERM, or write one file. Returns 0; raises CommandError."""
    configuration = configure(options)
    if options.textfile:
        _write_once(options.textfile, configuration)
        return 0
    return _serve(options, configuration)


def configure(options: "Options") -> Configuration:
    """Return what the command line says, and where it does not the settings of the running system. Raises CommandError."""
    from pvhready.root import Root
    from pvhready.settings import Settings, read_settings

    if len(options.root or ()) > 1:
        raise UsageError("the exporter is about one guest: give one --root")
    directory = (options.root or ["/"])[0]
    settings = Settings()
    if directory == "/":
        with Root("/") as root:
            settings = read_settings(root)
    question = Question(directory, options.host or settings.host or DEFAULT, options.assume_guest or settings.assume, settings.skip)
    interval = _seconds(options.interval) if options.interval else settings.interval or INTERVAL
    return Configuration(question, options.listen or settings.listen or LISTEN, interval, options.web_config or settings.web_config)


def _seconds(text: str) -> float:
    if not (text.isdecimal() and 0 < int(text) < 10 ** 7):
        raise UsageError("--interval is a number of seconds, as 60")
    return float(text)


def _write_once(path: str, configuration: Configuration) -> None:
    from pvhready.exporter import textfile

    begin = time.time()
    report = Look(configuration.question).report()
    textfile.write(path, report, Run(begin, begin, time.time() - begin))


def _serve(options: "Options", configuration: Configuration) -> int:
    from pvhready.exporter.server import Server

    renewal = Renewal(Look(configuration.question), configuration.interval, _tell)
    metrics = _collection(renewal)
    server = Server(configuration.listen, _web(configuration), metrics, lambda: renewal.is_well)
    # Blocked before any thread is there, so that they are taken where they are waited for, and nowhere else.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    renewal.start()
    thread = threading.Thread(target=server.serve_forever, name="server", daemon=True)
    thread.start()
    _tell("listening on {}".format(configuration.listen))
    while signal.sigwait(_SIGNALS) == signal.SIGHUP:
        configuration = _reload(options, configuration, renewal, server)
    server.shutdown()
    server.server_close()
    renewal.stop()
    return 0


def _reload(options: "Options", before: Configuration, renewal: Renewal, server: "Any") -> Configuration:
    """Take up what has changed in the files. What makes no sense is told, and all stays as it was."""
    try:
        now = configure(options)
        web = _web(now)
    except CommandError as error:
        _tell("not reloaded, all stays as it was: {}".format(error))
        return before
    if now.listen != before.listen:
        _tell("the address to listen on is {} until a restart".format(before.listen))
    server.web = web
    renewal.change(Look(now.question), now.interval)
    _tell("reloaded")
    return now._replace(listen=before.listen)


def _web(configuration: Configuration) -> "WebConfig":
    from pvhready.exporter.webconfig import WebConfig, read_web_config

    return read_web_config(configuration.web_config) if configuration.web_config else WebConfig()


def _collection(renewal: Renewal) -> "Callable[[], bytes]":
    """Return what makes the text of all metrics: those of the result, and prometheus_client's own of this process."""
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
        from prometheus_client.core import GaugeMetricFamily
    except ImportError as error:
        raise UsageError(
            "the exporter needs a library that is not here: apt-get install python3-prometheus-client, "
            'or pip install "pvhready[exporter]"') from error

    class Result:
        """The metrics of the result that is known when somebody asks."""

        def collect(self) -> "Iterator[Any]":
            result = renewal.result
            for family in families(result.report, result.run):
                if family.samples:
                    shown = GaugeMetricFamily(family.name, family.help, labels=[name for name, _ in family.samples[0].labels])
                    for sample in family.samples:
                        shown.add_metric([value for _, value in sample.labels], sample.value)
                    yield shown

        def describe(self) -> "Iterator[Any]":
            """Nothing: to ask for the families must not make any."""
            return iter(())

    registry = CollectorRegistry()
    registry.register(Result())
    ProcessCollector(registry=registry)
    return lambda: bytes(generate_latest(registry))


def _tell(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write("pvhready: {}\n".format(text.encode("ascii", "backslashreplace").decode("ascii")))
        sys.stderr.flush()
