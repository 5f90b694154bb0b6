"""What is there to be undone: hooks that run, kernels that stand decompressed, helpers that nothing needs any more."""

from pvhready.facts import Facts, Hook, Kernel
from pvhready.probes.packages import Owners
from pvhready.records import NamedTuple
from pvhready.root import Root, Unreadable
from pvhready.rules.hack import decompressed_kernels
from pvhready.undo import diversion, fips
from pvhready.undo.changes import REMOVE, REPLACE, Change, Refused
from pvhready.undo.sources import Pristine, Refusal, pristine_image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence, Tuple

_DPKG_STATUS = "/var/lib/dpkg/status"


class Restored(NamedTuple):
    """A kernel, and the image that is put in its place at ``paths``."""

    kernel: Kernel
    pristine: Pristine
    paths: "Tuple[str, ...]"


class Work(NamedTuple):
    """The changes in the order in which they are made: hooks, images, helpers. ``refused`` are kernels that cannot be restored.

    ``copies`` are decompressed kernels that stand beside the packed ones, under a name of their own, and that the menu names.
    ``obstacles`` say why nothing can be done at all, and what to do; ``notes`` what is left as it is.
    """

    hooks: "Tuple[Change, ...]" = ()
    images: "Tuple[Change, ...]" = ()
    helpers: "Tuple[Change, ...]" = ()
    restored: "Tuple[Restored, ...]" = ()
    refused: "Tuple[Refusal, ...]" = ()
    copies: "Tuple[Kernel, ...]" = ()
    obstacles: "Tuple[str, ...]" = ()
    notes: "Tuple[str, ...]" = ()


def find_work(root: Root, facts: Facts, named: "Sequence[str]" = (), download: bool = False) -> Work:
    """Return what is to be done to this guest, each image found and proved. Nothing is changed, but a download takes place.

    ``named`` are packages or images that the user named.
    """
    hooks = _hooks_to_disable(facts)
    notes = ["{}: does not run ({}), and is left as it is".format(hook.path, hook.why) for hook in facts.hack.hooks if hook not in hooks]
    notes += ["{}: may be a hook, and cannot be read: {}".format(problem.path, problem.reason) for problem in facts.hack.problems]
    obstacles = ["{} cannot be read: {}".format(item.path, item.reason) for item in facts.problems if item.path not in facts.denied]
    if facts.denied:
        denied = ", ".join(facts.denied[:3])
        obstacles.append("only root may read {}: what is there to be undone cannot be told: run it with sudo".format(denied))
    for kernel in facts.kernels:
        if kernel.image.problem and kernel.image.container == "unknown":
            notes.append("{}: cannot be judged: {}".format(kernel.path, kernel.image.problem.reason))
    changes: "List[Change]" = []
    try:
        changes = _disable(root, hooks)
    except Refused as error:
        obstacles.append(str(error))
    except Unreadable as error:
        obstacles.append("{} cannot be read: {}".format(error.path, error.reason))
    restored, refused, images = _images(root, facts, named, download, notes)
    copies = _copies_in_use(facts, notes)
    helpers: "List[Change]" = []
    if hooks or restored or copies:
        helpers = _helpers(root, facts, hooks, notes)
    elif facts.hack.helpers:
        notes.append("{}: left where it is, as no hook and no decompressed kernel is there".format(", ".join(facts.hack.helpers)))
    return Work(
        tuple(changes), tuple(images), tuple(helpers), tuple(restored), tuple(refused), tuple(copies), tuple(obstacles), tuple(notes),
    )


def is_copy(kernel: Kernel) -> bool:
    """Whether a decompressed kernel has a name of its own, ``vmlinux``, so that the packed one stands beside it untouched."""
    return kernel.path.rpartition("/")[2].startswith("vmlinux")


def _hooks_to_disable(facts: Facts) -> "List[Hook]":
    """The active hooks, and those that would become active when what hides them is gone."""
    active = [hook for hook in facts.hack.hooks if hook.active]
    covers = {"hidden by " + hook.path for hook in active}
    return active + [hook for hook in facts.hack.hooks if hook.why in covers]


def _disable(root: Root, hooks: "List[Hook]") -> "List[Change]":
    """Return the changes that keep hooks from running. Raises Refused for one that only its package manager can disable."""
    packaged = [(hook.path, hook.package) for hook in hooks if hook.package]
    changes: "List[Change]" = []
    if packaged:
        if not (root.exists(_DPKG_STATUS) and root.status(_DPKG_STATUS).st_size):
            names = ", ".join(sorted({package for _, package in packaged}))
            text = "{} belongs to the package {}: remove that package (dnf remove), then run this again"
            raise Refused(text.format(packaged[0][0], names))
        changes = diversion.divert(root, packaged)
    for hook in hooks:
        if not hook.package:
            changes.append(Change(REMOVE, hook.path, why="a hook that decompresses each new kernel (form {})".format(hook.form)))
    return changes


def _images(
    root: Root, facts: Facts, named: "Sequence[str]", download: bool, notes: "List[str]",
) -> "Tuple[List[Restored], List[Refusal], List[Change]]":
    restored: "List[Restored]" = []
    refused: "List[Refusal]" = []
    changes: "List[Change]" = []
    for kernel in decompressed_kernels(facts):
        if is_copy(kernel):
            continue
        answer = pristine_image(root, kernel, named, download)
        if isinstance(answer, Refusal):
            refused.append(answer)
            continue
        try:
            paths = _paths(root, kernel)
        except Unreadable as error:
            refused.append(Refusal(kernel.path, (str(error),)))
            continue
        restored.append(Restored(kernel, answer, paths))
        notes += _other_names(root, paths)
        for path in paths:
            why = "the image of {}".format(answer.origin)
            changes.append(Change(REPLACE, path, answer.content, answer.mode, why))
            checksum, note = fips.refresh(root, path, answer.content)
            changes += checksum
            notes += [note] if note else []
    return restored, refused, changes


def _paths(root: Root, kernel: Kernel) -> "Tuple[str, ...]":
    """Return the names of the kernel's file that are no links: two or more are hard links, which ``cp`` over one has written through."""
    return tuple(sorted({root.resolve(name) for name in kernel.names or (kernel.path,)}))


def _other_names(root: Root, paths: "Tuple[str, ...]") -> "List[str]":
    """Say where a kernel's file has names that are nobody's kernel: they keep the decompressed one."""
    text = "{}: has other names besides (hard links), which stay decompressed; --revert makes it the same file again"
    return [text.format(path) for path in paths[:1] if root.status(path).st_nlink > len(paths)]


def _copies_in_use(facts: Facts, notes: "List[str]") -> "List[Kernel]":
    """The decompressed kernels with a name of their own that an entry of the menu boots."""
    named = {entry.kernel for menu in facts.menus.values() for entry in menu.entries}
    copies = []
    for kernel in decompressed_kernels(facts):
        if is_copy(kernel) and named.intersection(kernel.names + (kernel.path,)):
            copies.append(kernel)
        elif is_copy(kernel):
            notes.append("{}: no entry of the menu boots it, and it is left where it is".format(kernel.path))
    return copies


def _helpers(root: Root, facts: Facts, disabled: "List[Hook]", notes: "List[str]") -> "List[Change]":
    """Return the removal of the helpers that no package owns and no hook that stays needs.

    Where no hook was found, or one may be that cannot be read, who calls them is not known: a hook without its helper makes each
    installation of a kernel fail, and a helper without its hook does nothing.
    """
    owners = Owners(root)
    needed = {hook.helper for hook in facts.hack.hooks if hook not in disabled}
    changes = []
    for path in facts.hack.helpers:
        owner = owners.owner(path)
        if owner and _is_called_by(root, owner, path):
            text = "{}: belongs to the package {}, whose postinst calls it: its next upgrade may decompress kernels again. Remove it"
            notes.append(text.format(path, owner))
        elif owner:
            notes.append("{}: belongs to the package {}, and does nothing without the hook".format(path, owner))
        elif path in needed:
            notes.append("{}: a hook that stays calls it, and it is left as it is".format(path))
        elif not disabled or facts.hack.problems:
            notes.append("{}: left where it is, as it cannot be told whether a hook calls it".format(path))
        elif owners.problems:
            notes.append("{}: left where it is, as it cannot be told whether a package owns it".format(path))
        else:
            changes.append(Change(REMOVE, path, why="a helper of the hook"))
    return changes


def _is_called_by(root: Root, package: str, helper: str) -> bool:
    """Whether a Debian package's postinst names a helper: Gandi's unpacks every kernel by it, whatever has become of the hook."""
    try:
        return helper in root.read_text("/var/lib/dpkg/info/{}.postinst".format(package))
    except Unreadable:
        return False  # it has none, or is no Debian package
