"""Downloads of exactly one package by the running guest's own package manager, into a folder of ours. Nothing is installed."""

import contextlib
import os

from pvhready.errors import CommandError
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import Popen
    from typing import Dict, Iterator, Optional, Tuple

    from pvhready.probes.recorded import Recorded

_FOLDER = "downloads"
_PREFIX = "download-"
_SECONDS = 900.0
_PLACES = ("/usr/bin", "/bin")
_LOG = "output"
_MAX_LOG = 1 << 20  # bytes
_KEPT = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "HOME")


class Failed(CommandError):
    """Nothing was downloaded. ``str(error)`` says why."""


class Request(NamedTuple):
    """What is to be downloaded: the program, its arguments ({folder} is where to), and the ending of the file that comes."""

    program: str
    arguments: "Tuple[str, ...]"
    ending: str


def request(record: "Optional[Recorded]", release: str, has_dpkg: bool) -> Request:
    """Return how to ask for the package of a kernel: the installed version, or the one that its release names where none is on record."""
    if record.kind == "deb" if record else has_dpkg:
        wanted = "linux-image-" + release
        if record:
            wanted = "{}:{}={}".format(record.name, record.architecture, record.version)
        # apt's sandbox user may not write into a folder of root's.
        return Request("apt-get", ("-q", "-o", "APT::Sandbox::User=root", "download", wanted), ".deb")
    wanted = record.package if record else "kernel-core-" + release
    return Request("dnf", ("-q", "-y", "download", "--destdir", "{folder}", wanted), ".rpm")


@contextlib.contextmanager
def fetch(wanted: Request, top: str) -> "Iterator[Tuple[str, ...]]":
    """Download into a folder below ``top``, which is there as long as the context lasts; yields the paths of the package files.

    Raises Failed.
    """
    import tempfile

    program = next((path for path in (os.path.join(place, wanted.program) for place in _PLACES) if os.access(path, os.X_OK)), None)
    if program is None:
        raise Failed("nothing is downloaded: {} is not installed".format(wanted.program))
    try:
        folder = _make_folder(top)
        with _only_what_is_used(folder), tempfile.TemporaryDirectory(prefix=_PREFIX, dir=folder) as place:
            _run((program,) + tuple(word.format(folder=place) for word in wanted.arguments), place)
            yield tuple(os.path.join(place, name) for name in sorted(os.listdir(place)) if name.endswith(wanted.ending))
    except OSError as error:
        raise Failed("nothing is downloaded: {}: {}".format(error.filename or top, error.strerror)) from error


def _make_folder(top: str) -> str:
    folder = os.path.join(top, _FOLDER)
    os.makedirs(top, 0o700, exist_ok=True)
    os.makedirs(folder, 0o700, exist_ok=True)
    return folder


@contextlib.contextmanager
def _only_what_is_used(folder: str) -> "Iterator[None]":
    """Remove what a download that was killed has left, unless another one is at work."""
    import fcntl
    import shutil

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # what is there may be the other one's
        else:
            for name in os.listdir(folder):
                if name.startswith(_PREFIX):
                    shutil.rmtree(os.path.join(folder, name), ignore_errors=True)  # what stays is in nobody's way
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _run(command: "Tuple[str, ...]", place: str) -> None:
    import subprocess

    log = os.path.join(place, _LOG)
    # A file, as a pipe would stay open as long as one of the program's own children lives.
    with open(log, "wb") as output:
        child = subprocess.Popen(
            command, cwd=place, env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )
        try:
            status = child.wait(_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failed("nothing is downloaded: {} takes longer than {:g} seconds".format(command[0], _SECONDS)) from error
        finally:
            _end(child)
    if status:
        raise Failed("{} fails: {}".format(" ".join(command), _said(log)))


def _end(child: "Popen[bytes]") -> None:
    """End the program and all that it has started, if that is not over."""
    import signal

    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _said(log: str) -> str:
    """Return the line that says best what went wrong."""
    with open(log, "rb") as file:
        text = file.read(_MAX_LOG).decode("utf-8", "replace")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return next((line for line in lines if line.startswith("E:")), lines[-1] if lines else "no word of why")[:300]


def _environment() -> "Dict[str, str]":
    """Nothing of the user's but the proxies."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    environment.update((name, os.environ[name]) for name in _KEPT if name in os.environ)
    return environment
