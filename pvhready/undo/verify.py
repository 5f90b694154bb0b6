"""Proof that an image is the pristine one of a kernel that stands decompressed, before anything is touched.

The proof is that its payload, unpacked, is the very ELF that stands there, byte by byte. Where the package manager has a
checksum, that must match as well: it also covers what the payload does not, the image's setup code.
"""

from pvhready.archives.package import digest
from pvhready.facts import PVH, Guest, Image, Kernel
from pvhready.findings import PASS
from pvhready.host import DEFAULT, profile
from pvhready.probes.image import image_in
from pvhready.probes.packages import Owners
from pvhready.records import NamedTuple
from pvhready.root import Root, Unreadable
from pvhready.rules.image import describe, judge_image
from pvhready.unpack import Budget, MissingTool, Source, UnpackError, stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    from pvhready.facts import Problem
    from pvhready.probes.recorded import Recorded
    from pvhready.root import File

_MAX_SECONDS = 120.0


class Subject(NamedTuple):
    """A kernel that stands decompressed, and what is on record of its image.

    ``path`` is the file itself, no link to it. ``paths`` are where a package of this kernel may hold its image, best first.
    ``record`` is None where no package owns it, as far as is known; ``problems`` say why that is not known.
    """

    kernel: Kernel
    path: str
    release: str
    paths: "Tuple[str, ...]"
    record: "Optional[Recorded]" = None
    problems: "Tuple[Problem, ...]" = ()


def read_subject(root: Root, kernel: Kernel) -> Subject:
    """Return what is known of the kernel that is to be restored. Raises Unreadable; ValueError says why it cannot be restored."""
    if kernel.image.container != "elf":
        raise ValueError("it is {}: only a kernel that stands decompressed can be restored".format(describe(kernel.image)))
    release = kernel.release
    if not release or "/" in release or release.startswith("."):
        raise ValueError("its name tells no kernel release, so its package is not known")
    folders = ("/boot/vmlinuz-" + release, "/usr/lib/modules/{}/vmlinuz".format(release), "/lib/modules/{}/vmlinuz".format(release))
    paths = tuple(dict.fromkeys(kernel.names + (kernel.path,) + folders))
    owners = Owners(root)
    records = [record for record in map(owners.record, paths) if record]
    with_sum = [record for record in records if record.digest]
    record = (with_sum + records)[0] if records else None
    return Subject(kernel, root.resolve(kernel.path), release, paths, record, owners.problems)


def objections(root: Root, subject: Subject, content: bytes, origin: str, version: str = "") -> "Tuple[str, ...]":
    """Return why an image cannot be put in the kernel's place, in whole phrases; () when it is proved to be the pristine one.

    ``origin`` is where the bytes come from, ``version`` the package (with its version) that they were taken out of, if any. Raises
    MissingTool when this machine has nothing that unpacks the payload.
    """
    image = image_in(content, origin)
    wrong = _form(subject, image, origin)
    if wrong:
        return (wrong,)
    other = version if subject.record and version and version != subject.record.label else ""
    found = [_checksum(subject, content), _payload(root, subject, content, image)]
    if other and subject.record and not subject.record.digest:
        found.append("it is of another version")
    reasons = tuple(reason for reason in found if reason)
    if reasons and other and subject.record:
        return ("it is {}, and {} is installed".format(other, subject.record.label),) + reasons
    return reasons


def _form(subject: Subject, image: Image, origin: str) -> str:
    """What GRUB would refuse, and an image of another kernel."""
    if image.container == "elf":
        return "it is decompressed, too"
    (finding,) = judge_image(Kernel(origin, image), PVH, profile(DEFAULT), Guest(None))
    if finding.status != PASS or image.container != "bzimage":
        return finding.summary if finding.status != PASS else "it is a {}".format(describe(image))
    if image.release != subject.release:
        return "it is kernel {}, not {}".format(image.release or "without a release", subject.release)
    return ""


def _checksum(subject: Subject, content: bytes) -> str:
    record = subject.record
    if record is None or record.digest is None or record.algorithm is None:
        return ""
    actual = digest(record.algorithm, content)
    if actual == record.digest:
        return ""
    if actual is None:
        return "its {} cannot be computed on this machine, and the package manager has no other checksum".format(record.algorithm)
    return "its {} is {}, and the package manager has {} for {} of {}".format(
        record.algorithm, actual, record.digest, record.path, record.label
    )


def _payload(root: Root, subject: Subject, content: bytes, image: Image) -> str:
    """Compare what the payload unpacks to with the ELF that stands there."""
    form = "none" if image.payload == "elf" else image.payload
    if form is None or image.payload_offset is None or image.payload_end is None:
        return "its header does not say where its payload is, so it cannot be compared with {}".format(subject.path)
    view = memoryview(content)
    source = Source(lambda offset, size: bytes(view[offset:offset + size]), image.payload_offset, min(image.payload_end, len(content)))
    try:
        with root.open(subject.path) as standing:
            return _difference(source, form, standing)
    except MissingTool:
        raise
    except UnpackError as error:
        return "its payload cannot be unpacked: {}".format(error.reason)
    except Unreadable as error:
        return "{} cannot be read: {}".format(error.path, error.reason)


def _difference(source: Source, form: str, standing: "File") -> str:
    place = 0
    chunks = stream(source, form, Budget(standing.size + (64 << 20), _MAX_SECONDS))
    try:
        for chunk in chunks:
            there = standing.read_at(place, len(chunk))
            if there != chunk:
                same = next((index for index, pair in enumerate(zip(there, chunk)) if pair[0] != pair[1]), min(len(there), len(chunk)))
                return "its payload does not unpack to what stands at {}: they differ from byte {} on".format(standing.path, place + same)
            place += len(chunk)
    finally:
        chunks.close()
    if place != standing.size:
        return "its payload unpacks to {} bytes, and {} has {}".format(place, standing.path, standing.size)
    return ""
