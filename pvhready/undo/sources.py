"""Where the pristine image of a decompressed kernel may be had. The first that is proved to be it (``verify``) is taken."""

import os
import stat

from pvhready.archives import package
from pvhready.archives.package import digest
from pvhready.archives.record import is_package
from pvhready.facts import Kernel
from pvhready.probes.image import image_in, read_image
from pvhready.records import NamedTuple
from pvhready.root import Root, Unreadable
from pvhready.undo import download as mirror
from pvhready.undo.backups import DIRECTORY, backup_path
from pvhready.undo.changes import FILE, Refused
from pvhready.undo.store import history
from pvhready.undo.verify import Subject, objections, read_subject
from pvhready.unpack import MissingTool, UnpackError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Sequence, Tuple, Union

    Offer = Union["Candidate", str]  # an image, or why a place has none

_DEB_CACHES = ("/var/cache/apt/archives",)
_RPM_CACHES = ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum", "/var/cache/zypp", "/var/cache/PackageKit")
_DEPTH = 6  # folders below a cache, as /var/cache/yum/x86_64/7/updates/packages
_MAX_NAMES = 20000  # names that are looked at below all caches
_MAX_PACKAGES = 8  # package files of one kernel that are opened
_MAX_IMAGE = 256 << 20  # bytes; a bzImage has 5 to 20 MB
_DEB_NAMES = ("linux-image-", "linux-image-unsigned-", "linux-binary-")
_RPM_NAMES = ("kernel",)


class Pristine(NamedTuple):
    """The image that belongs at ``path`` of the guest, proved. ``origin`` says in words where it comes from.

    ``mode`` are the permissions that its package gives it; None where that is not known.
    """

    release: str
    path: str
    content: bytes
    sha256: str
    origin: str
    mode: "Optional[int]" = None


class Refusal(NamedTuple):
    """No image could be proved to be the pristine one of the kernel at ``path``. ``reasons``: what was tried, and at last what to do."""

    path: str
    reasons: "Tuple[str, ...]"


class Candidate(NamedTuple):
    """An image that may be the one. ``version`` is the package, with its version, that it was taken out of."""

    content: bytes
    origin: str
    version: str = ""
    mode: "Optional[int]" = None


def pristine_image(root: Root, kernel: Kernel, named: "Sequence[str]" = (), download: bool = False) -> "Union[Pristine, Refusal]":
    """Return the pristine image of a kernel that stands decompressed, or why there is none. Nothing of the guest is changed.

    ``named`` are files of this machine (images, .deb, .rpm), for what the guest itself has not: one of this kernel that is not the
    right one is refused. With ``download`` the package manager of the running guest is asked at last for exactly the installed
    package, which is kept below /var/lib/pvhready only as long as it is read.
    """
    try:
        subject = read_subject(root, kernel)
    except (ValueError, Unreadable) as error:
        return Refusal(kernel.path, (str(error),))
    tried: "List[str]" = []
    try:
        return _first_proved(root, subject, named, download, tried)
    except MissingTool as error:
        advice = "install the package {} on this machine and try again".format(error.package)
        return Refusal(subject.path, tuple(tried) + ("it cannot be proved which image is the right one: " + error.reason, advice))


def _first_proved(
    root: Root, subject: Subject, named: "Sequence[str]", download: bool, tried: "List[str]",
) -> "Union[Pristine, Refusal]":
    for offer in _of_the_guest(root, subject):
        answer = _answer(root, subject, offer, tried)
        if answer:
            return answer
    for offer in _named(subject, named):
        answer = _answer(root, subject, offer, tried)
        if answer:
            return answer
        if not isinstance(offer, str) and image_in(offer.content, offer.origin).release in (subject.release, None):
            return Refusal(subject.path, tuple(tried) + ("name the package of this very kernel, or leave this file out",))
    for offer in _downloaded(root, subject) if download else ():
        answer = _answer(root, subject, offer, tried)
        if answer:
            return answer
    tried += ["{}: {}".format(problem.path, problem.reason) for problem in subject.problems]
    return Refusal(subject.path, tuple(tried) + (_advice(root, subject, download),))


def _answer(root: Root, subject: Subject, offer: "Offer", tried: "List[str]") -> "Optional[Pristine]":
    """Return the proved image; else note the reason in ``tried``."""
    if isinstance(offer, str):
        tried.append(offer)
        return None
    reasons = objections(root, subject, offer.content, offer.origin, offer.version)
    if reasons:
        tried.append("{}: {}".format(offer.origin, "; ".join(reasons)))
        return None
    return Pristine(subject.release, subject.path, offer.content, digest("sha256", offer.content) or "", offer.origin, offer.mode)


def _of_the_guest(root: Root, subject: Subject) -> "Iterator[Offer]":
    """Yield what the guest itself has."""
    yield from _own_copies(root, subject)
    yield from _of_modules(root, subject)
    paths = list(_cached(root, subject))
    for path in paths:
        yield from _in_package(root, subject, path)
    if not paths:
        yield "no package file of this kernel is in a cache of the package manager"


def _named(subject: Subject, named: "Sequence[str]") -> "Iterator[Offer]":
    with Root("/") as machine:
        for path in named:
            path = os.path.abspath(path)
            try:
                with machine.open(path) as file:
                    in_package = is_package(file)
            except Unreadable as error:
                yield "{}: {}".format(error.path, error.reason)
                continue
            yield from _in_package(machine, subject, path) if in_package else _in_file(machine, path)


def _own_copies(root: Root, subject: Subject) -> "Iterator[Offer]":
    """What earlier runs kept, the last first: a revert keeps the image that it replaces."""
    try:
        runs = history(root).runs
    except Refused as error:
        yield str(error)
        return
    for run in reversed(runs):
        for index, step in enumerate(run.steps):
            path = backup_path(run.name, index)
            if step.before.kind == FILE and root.exists(path):
                image = read_image(root, path)
                if image.container == "bzimage" and image.release == subject.release:  # and not what it was made of
                    yield from _in_file(root, path, step.before.mode & 0o777)


def _of_modules(root: Root, subject: Subject) -> "Iterator[Offer]":
    seen = {subject.path}
    for path in subject.paths:
        try:
            if "/modules/" not in path or not root.is_file(path) or root.resolve(path) in seen:
                continue
            seen.add(root.resolve(path))
            mode = stat.S_IMODE(root.status(path).st_mode)
        except Unreadable as error:
            yield "{}: {}".format(error.path, error.reason)
            continue
        # /boot's image is made of this one, as a copy or as a hard link, with its mode.
        yield from _in_file(root, path, mode)


def _in_file(root: Root, path: str, mode: "Optional[int]" = None) -> "Iterator[Offer]":
    try:
        yield Candidate(root.read(path, _MAX_IMAGE), path, mode=mode)
    except Unreadable as error:
        yield "{}: {}".format(error.path, error.reason)


def _in_package(root: Root, subject: Subject, path: str) -> "Iterator[Offer]":
    try:
        with root.open(path) as file:
            described = package.describe(file)
            label = described.label
            # A package of another kernel is not unpacked to its end: its list of checksums says enough.
            is_other = bool(described.digests) and not any(path in described.digests for path in subject.paths)
            entry = None if is_other else package.take(file, subject.paths, _MAX_IMAGE)
    except Unreadable as error:
        yield "{}: {}".format(error.path, error.reason)
    except UnpackError as error:
        yield "{}: {}".format(path, error.reason)
    else:
        if entry is None or entry.content is None:
            yield "{}: it is {}, and has no image of kernel {}".format(path, label, subject.release)
        else:
            yield Candidate(entry.content, "{} in {}".format(label, path), label, entry.mode)


def _cached(root: Root, subject: Subject) -> "Iterator[str]":
    """Yield the package files in the guest's caches that, by their names, hold this kernel; at the head those of its very version."""
    found = []
    for folder in _DEB_CACHES:
        found += [(folder, name) for name in _names(root, folder) if name.endswith(".deb")]
    counted = [0]
    for folder in _RPM_CACHES:
        found += [(folder, name) for folder, name in _walk(root, folder, counted) if name.endswith(".rpm")]
    right = [(folder, name) for folder, name in found if _may_hold(subject, name)]
    exact = _file_name(subject)
    for folder, name in sorted(right, key=lambda pair: (pair[1] != exact, pair))[:_MAX_PACKAGES]:
        yield "{}/{}".format(folder, name)


def _walk(root: Root, folder: str, counted: "List[int]", depth: int = 0) -> "Iterator[Tuple[str, str]]":
    """Yield folder and name of all files below a folder. ``counted`` counts the names that were looked at."""
    for name in _names(root, folder):
        counted[0] += 1
        if counted[0] > _MAX_NAMES:
            return
        path = "{}/{}".format(folder, name)
        try:
            is_folder = not root.link(path) and root.is_directory(path)
        except Unreadable:
            continue  # gone in the meantime, or nobody's to read: then nothing is offered from there
        if is_folder and depth < _DEPTH:
            yield from _walk(root, path, counted, depth + 1)
        elif not is_folder:
            yield folder, name


def _names(root: Root, folder: str) -> "Tuple[str, ...]":
    try:
        return root.names(folder)
    except Unreadable:
        return ()  # nothing is offered from there; where nothing is found at all, the refusal says what to do


def _may_hold(subject: Subject, name: str) -> bool:
    """Whether a package file's name is one of this kernel's package."""
    record = subject.record
    if record and record.kind == "deb":
        return name.startswith(record.name + "_")
    if record:
        return name.startswith(record.name + "-") and record.version in name
    # Fedora's release ends in the architecture, which the file's name has at its end as well.
    return name.startswith(tuple(prefix + subject.release + "_" for prefix in _DEB_NAMES)) or (
        name.startswith(_RPM_NAMES) and subject.release.rpartition(".")[0] in name
    )


def _file_name(subject: Subject) -> str:
    """Return the name that apt or dnf gives to the file of the installed package."""
    record = subject.record
    if record is None:
        return ""
    if record.kind == "deb":
        return "{}_{}_{}.deb".format(record.name, record.version.replace(":", "%3a"), record.architecture)
    return "{}.rpm".format(record.package)


def _downloaded(root: Root, subject: Subject) -> "Iterator[Offer]":
    if not root.live:
        yield "nothing is downloaded for a guest that does not run"
        return
    wanted = mirror.request(subject.record, subject.release, subject.kernel.has_dpkg)
    try:
        with mirror.fetch(wanted, DIRECTORY) as paths:
            for path in paths:
                yield from _in_package(root, subject, path)
    except mirror.Failed as error:
        yield str(error)


def _advice(root: Root, subject: Subject, downloaded: bool) -> str:
    """Say what the user can do when nothing was found that is proved to be the image."""
    record = subject.record
    wanted = record.label if record else "the package that kernel {} came in".format(subject.release)
    rescue = "" if root.live else " (it is read from this machine, and not from the guest)"
    if record is None or record.kind == "deb":
        places = "from the mirror, snapshot.debian.org or launchpad.net"
    else:
        places = "from the distribution's archive"
    by_hand = "get {} {} and name the file with --from{}, or install a newer kernel when the hooks are gone and remove this one".format(
        wanted, places, rescue
    )
    return by_hand if downloaded or not root.live else "the mirror was not asked yet, and --apply asks it. If it has none: " + by_hand
