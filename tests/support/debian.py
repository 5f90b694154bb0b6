"""Packages from the Debian mirror that this machine is set up to use, without touching its own apt.

Everything is kept below the folder that PVHREADY_TESTS_CACHE names, or .tests-cache/ in the clone.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tarfile
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from support import wanted

SUITES = ("bookworm", "trixie")  # of which tests make whole guests
ALL_SUITES = ("bullseye", "bookworm", "trixie", "sid")
_WITH_I386 = ("bullseye", "bookworm")  # the last ones with kernels for it
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Source(NamedTuple):
    """An archive that this machine's apt uses: its address and the suites it is used for."""

    address: str
    suites: Tuple[str, ...]


def cache(*names: str) -> str:
    """Return a path below the cache, whose folders are made."""
    top = os.environ.get("PVHREADY_TESTS_CACHE") or os.path.join(_TOP, ".tests-cache")
    path = os.path.join(os.path.abspath(top), *names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one process at a time fill the cache. Must not be nested."""
    with open(cache("lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def mirror() -> str:
    """Return the address of the Debian archive in this machine's apt sources; skip the test where there is none."""
    for source in _sources():
        if any(suite.split("-")[0] in _RELEASES and "security" not in suite for suite in source.suites):
            return source.address
    return wanted.skip("a Debian mirror in /etc/apt/sources.list or sources.list.d")


_RELEASES = ("bullseye", "bookworm", "trixie", "forky", "sid", "stable", "oldstable", "testing", "unstable")


def _sources() -> Iterable[Source]:
    paths = ["/etc/apt/sources.list"]
    folder = "/etc/apt/sources.list.d"
    if os.path.isdir(folder):
        paths += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    for path in paths:
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as handle:
            text = handle.read()
        for source in _stanzas(text) if path.endswith(".sources") else _lines(text):
            yield source


def _lines(text: str) -> Iterable[Source]:
    """The one-line form: deb [options] address suite component..."""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words[:1] != ["deb"]:
            continue
        if words[1].startswith("["):
            words[1:] = words[next(index for index, word in enumerate(words) if word.endswith("]")) + 1:]
        if "main" in words[3:]:
            yield Source(words[1], (words[2],))


def _stanzas(text: str) -> Iterable[Source]:
    """The form of RFC 822."""
    for stanza in text.split("\n\n"):
        fields: Dict[str, List[str]] = {}
        for line in stanza.splitlines():
            if ":" in line and not line.startswith((" ", "#")):
                name, _, value = line.partition(":")
                fields[name.lower()] = value.split()
        if "deb" in fields.get("types", []) and "main" in fields.get("components", []):
            for address in fields.get("uris", []):
                yield Source(address, tuple(fields.get("suites", [])))


def source_line(suite: str, architectures: str = "amd64") -> str:
    """Return a line of sources.list for a suite of the mirror."""
    trust = "signed-by=" + KEYRING if os.path.exists(KEYRING) else "trusted=yes"
    return "deb [arch={} {}] {} {} main".format(architectures, trust, mirror(), suite)


class Apt:
    """An apt of our own, for amd64 and i386, that installs nothing."""

    def __init__(self) -> None:
        """Read the package lists of the mirror, if that was not done in this cache yet. Skips the test without a mirror."""
        for name in ("apt-get", "apt-cache", "dpkg-deb"):
            wanted.tool(name, "apt")
        self._top = cache("apt", "")
        self._stamp = os.path.join(self._top, "updated")
        for name in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self._top, name), exist_ok=True)
        lines = "".join(source_line(suite, "amd64,i386" if suite in _WITH_I386 else "amd64") + "\n" for suite in ALL_SUITES)
        for name, text in (("sources.list", lines), ("status", "")):
            _write_once(os.path.join(self._top, name), text)
        if not os.path.exists(self._stamp) or _content(self._stamp) != lines:
            self._update(lines)

    def _options(self) -> List[str]:
        settings = {
            "Dir::Etc::sourcelist": os.path.join(self._top, "sources.list"), "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": os.path.join(self._top, "state"), "Dir::State::status": os.path.join(self._top, "status"),
            "Dir::Cache": os.path.join(self._top, "cache"), "APT::Sandbox::User": "root", "Acquire::Languages": "none",
            "Acquire::Retries": "3", "Acquire::Check-Valid-Until": "false", "APT::Architecture": "amd64",
        }
        options = ["-o{}={}".format(name, value) for name, value in settings.items()]
        return options + ["-oAPT::Architectures::=amd64", "-oAPT::Architectures::=i386"]

    def _update(self, lines: str) -> None:
        result = _run(["apt-get", "-q", "-oAPT::Update::Error-Mode=any"] + self._options() + ["update"])
        if result.returncode:
            wanted.skip("the Debian mirror: " + _last_line(result))
        with open(self._stamp, "w", encoding="utf-8") as handle:
            handle.write(lines)

    def names(self, pattern: str) -> List[str]:
        """Return the names of packages that a regular expression finds."""
        result = _run(["apt-cache"] + self._options() + ["search", "--names-only", pattern])
        return [line.split()[0] for line in result.stdout.splitlines()]

    def depends(self, package: str, suite: str) -> List[str]:
        """Return the names of the packages that ``package`` (name or name:architecture) depends on in ``suite``."""
        result = _run(["apt-cache"] + self._options() + ["show", "--no-all-versions", "{}/{}".format(package, suite)])
        for line in result.stdout.splitlines():
            if line.startswith("Depends: "):
                return [part.split()[0] for part in line[len("Depends: "):].split(",")]
        raise AssertionError("the mirror has no {} in {}: {}".format(package, suite, _last_line(result)))

    def download(self, package: str, suite: str) -> str:
        """Return the path of a package's .deb, fetched into the cache. Raises AssertionError when the mirror fails."""
        folder = cache("debs", suite, package, "")
        known = [name for name in os.listdir(folder) if name.endswith(".deb")]
        if not known:
            command = ["apt-get", "-q"] + self._options() + ["download", "{}/{}".format(package, suite)]
            result = _run(command, folder)
            assert result.returncode == 0, _last_line(result)
            known = [name for name in os.listdir(folder) if name.endswith(".deb")]
        return os.path.join(folder, known[0])


class KernelFiles(NamedTuple):
    """A kernel package's files: paths on this machine, and the release."""

    release: str
    image: str
    config: str
    system_map: str


def kernel(package: str, suite: str, architecture: str = "amd64") -> KernelFiles:
    """Return the kernel that the meta package ``package`` leads to in ``suite``; only three files of it are kept."""
    folder = cache("kernels", "{}-{}-{}".format(suite, architecture, package))
    with alone():
        if not os.path.isdir(folder):
            _fetch_kernel(package, suite, architecture, folder)
    names = os.listdir(folder)
    found = [next(name for name in names if name.startswith(start)) for start in ("vmlinuz-", "config-", "System.map-")]
    image, config, system_map = [os.path.join(folder, name) for name in found]
    return KernelFiles(found[0][len("vmlinuz-"):], image, config, system_map)


def kernel_package(package: str, suite: str) -> str:
    """Return the path of the .deb of the kernel that the meta package ``package`` leads to in ``suite``."""
    known = cache("debs", suite, package + ".deb")
    with alone():
        if not os.path.exists(known):
            apt = Apt()
            name = next(name for name in apt.depends(package, suite) if name.startswith("linux-image-"))
            os.symlink(apt.download(name, suite), known)
        return os.path.realpath(known)


def _fetch_kernel(package: str, suite: str, architecture: str, folder: str) -> None:
    apt = Apt()
    suffix = "" if architecture == "amd64" else ":" + architecture
    name = next(name for name in apt.depends(package + suffix, suite) if name.startswith("linux-image-"))
    archive = apt.download(name.split(":")[0] + suffix, suite)
    partial = folder + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.mkdir(partial)
    extract(archive, partial, ("vmlinuz-", "config-", "System.map-"))
    os.rename(partial, folder)


def extract(archive: str, folder: str, starts: Tuple[str, ...]) -> None:
    """Take the regular files of a .deb whose names start with one of ``starts`` out into ``folder``, all side by side."""
    packer = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
    assert packer.stdout is not None
    with packer.stdout, tarfile.open(fileobj=packer.stdout, mode="r|") as members:
        for member in members:
            name = os.path.basename(member.name)
            source = members.extractfile(member) if member.isfile() and name.startswith(starts) else None
            if source is not None:
                with open(os.path.join(folder, name), "wb") as target:
                    shutil.copyfileobj(source, target)
    assert packer.wait() == 0


def unpacked(package: str, suite: str) -> str:
    """Return the folder with all files of a package (name or name:architecture), from the cache; DEBIAN/ in it has what dpkg is told."""
    folder = cache("unpacked", suite, package)
    with alone():
        if not os.path.isdir(folder):
            archive = Apt().download(package, suite)
            subprocess.check_call(["dpkg-deb", "-R", archive, folder + ".partial"])
            os.rename(folder + ".partial", folder)
            shutil.rmtree(os.path.dirname(archive))
    return folder


def _write_once(path: str, text: str) -> None:
    """Write a file unless it says this already: apt reads all lists again when a source is newer than its cache."""
    if not os.path.exists(path) or _content(path) != text:
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text)


def _content(path: str) -> str:
    with open(path, encoding="utf-8") as handle:
        return handle.read()


def _run(command: Sequence[str], folder: Optional[str] = None) -> "subprocess.CompletedProcess[str]":
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        universal_newlines=True)


def _last_line(result: "subprocess.CompletedProcess[str]") -> str:
    lines = result.stdout.strip().splitlines()
    return lines[-1] if lines else "exit code {}".format(result.returncode)
