"""A way back that stays open: the decompressed kernels are kept beside the packed ones, and the menu takes them under PV.

They are called /boot/pvhready-RELEASE.elf: 10_linux takes /boot/vmlinuz-*, /vmlinuz-* and /boot/kernel-*, linux-version
/boot/vmlinu[xz]-*, os-prober the names that those begin with, and kernel-install the folders of machine ids.
"""

from pvhready.facts import PV, PVH, Guest
from pvhready.findings import BOOTS
from pvhready.host import Host
from pvhready.judge import Report, judge_kernel
from pvhready.kept import is_kept, kept_path
from pvhready.probes.image import image_in
from pvhready.root import Root
from pvhready.undo import snippet
from pvhready.undo.changes import CREATE, IMAGE_LIMIT, REPLACE, Change
from pvhready.undo.find import Restored, Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple


def kernels_to_keep(work: Work, host: Host, guest: Guest) -> "Tuple[Restored, ...]":
    """Return the kernels whose packed image the PV loader of this host does not read."""
    return tuple(item for item in work.restored if _needs_a_copy(item, host, guest))


def preparation(root: Root, kept: "Tuple[Restored, ...]") -> "Tuple[Change, ...]":
    """Return the changes that come first: the copies, and the script for the menu. What is there already is left out. Raises Unreadable."""
    changes: "List[Change]" = []
    for item in kept:
        path = kept_path(item.pristine.release)
        content = root.read(item.kernel.path, IMAGE_LIMIT)
        exists = root.exists(path)
        if not exists or root.read(path, IMAGE_LIMIT) != content:
            mode = root.status(item.kernel.path).st_mode & 0o7777
            changes.append(Change(REPLACE if exists else CREATE, path, content, mode, "the decompressed kernel, for PV"))
    text = snippet.TEXT.encode("ascii")
    exists = root.exists(snippet.PATH)
    if not exists or root.read(snippet.PATH) != text or root.status(snippet.PATH).st_mode & 0o7777 != snippet.MODE:
        why = "lets the menu take it under PV, and the packed one under PVH"
        changes.append(Change(REPLACE if exists else CREATE, snippet.PATH, text, snippet.MODE, why))
    return tuple(changes)


def wrong_menu(before: Report, after: Report, plain: Report) -> str:
    """Return what is wrong with a menu that should take the kept kernels under PV only, "" for nothing.

    ``before`` judges the guest as it is, ``after`` as it would be with that menu, ``plain`` as it would be with its present one.
    """
    menu = after.facts.menus[PV]
    entries = {entry.index: entry for entry in menu.entries}
    chosen = [entries[candidate.index].kernel or "" for candidate in menu.candidates]
    if not chosen or not all(is_kept(path) for path in chosen):
        return "under PV it would boot {}".format(", ".join(chosen) or "nothing")
    if after.modes[PV] not in (BOOTS, before.modes[PV]):
        reasons = [finding.summary for finding in after.checks if finding.mode == PV and finding.status in ("fail", "unknown")]
        return "the kept kernel would not boot under PV: {}".format("; ".join(reasons[:2]) or after.modes[PV])
    named = any(is_kept(entry.kernel or "") for entry in after.facts.menus[PVH].entries)
    if named or (plain.modes[PVH] == BOOTS and after.modes[PVH] != BOOTS):
        return "under PVH it would not boot the packed kernel"
    return ""


def _needs_a_copy(item: Restored, host: Host, guest: Guest) -> bool:
    packed = item.kernel._replace(image=image_in(item.pristine.content, item.pristine.path))
    return judge_kernel(packed, host, guest).modes[PV] != BOOTS
