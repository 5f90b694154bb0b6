"""Steps about the kernel: one that boots under PVH is installed, it stands as it was packed, and it is the one that boots next."""

from pvhready.facts import PV, PVH, Entry, Kernel
from pvhready.findings import FAIL, UNKNOWN, Finding, command, hint
from pvhready.plan.case import Case, actions, ids, remedies_of, sentence
from pvhready.plan.records import DONE, GUEST, TO_DO, Action, Step
from pvhready.rules import newkernel, remedies
from pvhready.rules.hack import decompressed_kernels
from pvhready.rules.versions import sort_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

# What only another kernel mends.
NEW_KERNEL = (
    "kernel-too-old", "kernel-root-pointer", "kernel-xen", "kernel-xen-pvh", "kernel-blkfront", "kernel-netfront", "kernel-console",
    "kernel-regression", "kernel-programs", "image-protocol", "image-uki",
)
# What the packaged image mends.
SAME_IMAGE = (
    "image-truncated", "image-not-a-kernel", "image-not-bzimage", "image-header", "image-setup-sectors", "image-zimage",
    "image-contradiction",
)
_READABLE_UNDER_PV = ("gzip", "xz")
_INSTALL = "Install a kernel that boots under PVH"


def install(case: Case) -> "List[Step]":
    """Return the step that installs a kernel, done where there is one; and the one that makes it the next to boot."""
    found = case.said(NEW_KERNEL) + _without_driver(case)
    if case.entry is None:
        return _install_for_no_entry(case)
    if not found:
        return [_have(case.chosen.kernel)] if case.chosen and case.passed("kernel-config") else []
    better = _better(case)
    if better and found[0].status in (FAIL, UNKNOWN):
        return [_have(better), _choose(case, better, found)]
    fix = remedies_of(found[:1])
    if not fix:
        return []
    return [_install_step(case, found, actions(fix))]


def driver_is_missing(case: Case, finding: Finding) -> bool:
    """Whether the kernel itself is built without what the root needs, so that no initramfs helps."""
    return finding.id == "root-driver" and finding.remedies == newkernel.newer_kernel(case.guest)


def restore(case: Case) -> "List[Step]":
    """Return the step that puts the packaged image back, where the one in /boot is damaged. Decompressed ones are the undo's."""
    unpacked = {kernel.path for kernel in decompressed_kernels(case.facts)}
    found = [finding for finding in case.said(SAME_IMAGE) if finding.subject not in unpacked]
    if not found:
        return []
    fix = remedies_of(found) or (hint("Put the image of the kernel's package back in its place."),)
    proof = case.proof('the kernel with PVH "boots"', "kernels")
    return [Step("restore-image", TO_DO, "Put the packaged kernel image back", sentence(found[0]), actions(fix), proof, checks=ids(found))]


def undo(case: Case) -> "List[Step]":
    """Return the step that undoes the decompression of kernels; done where nothing of it is active."""
    unpacked = [kernel for kernel in decompressed_kernels(case.facts) if kernel.path.startswith("/boot/")]
    active = [hook for hook in case.facts.hack.hooks if hook.active]
    if not unpacked and not active:
        if not case.facts.hack.hooks and not case.facts.hack.helpers:
            return []
        why = "Something of it is left, but no hook runs and no kernel is decompressed."
        return [Step("undo-hack", DONE, "Undo the decompression of the kernels", why)]
    why = _why_undo(unpacked, [hook.path for hook in active])
    # The undo asks for that word in PV, so that nobody is left without a mode to boot in; this plan ends with the switch.
    switching = () if case.switched else ("--switching",)  # type: Tuple[str, ...]
    steps = (
        case.run("see what it would do; where it lacks a package it says what to do", "undo", *switching),
        case.run("then do it", "undo", "--apply", *switching),
    )
    note, others = ("", ()) if case.switched else _way_back_of_undo(case, bool(unpacked))
    proof = case.proof("each /boot/vmlinuz-... as a bzImage", "kernels")
    answered = ("image-not-bzimage",) * bool(case.said(("image-not-bzimage",))) + ("hack-hook-active",) * bool(active)
    checks = answered + ("hack-kernel",) * bool(unpacked)
    return [Step("undo-hack", TO_DO, "Undo the decompression of the kernels", why, steps, proof, note, others, checks)]


def closes_way_back(case: Case) -> "Optional[bool]":
    """Whether no kernel boots under PV any more once the decompressed ones are restored; None where that cannot be told."""
    if case.installed(PV):
        return False
    packed = [_packed_payload(kernel, case) for kernel in decompressed_kernels(case.facts) if kernel.path.startswith("/boot/")]
    if any(payload in _READABLE_UNDER_PV for payload in packed):
        return False
    return None if None in packed else True


def second_kernel(case: Case) -> "Tuple[Action, ...]":
    """Return the command that installs a kernel which boots under both modes, where the distribution has one."""
    guest = case.guest
    debian = guest.distribution.id in ("debian", "devuan") and 10 <= remedies.release_number(guest) <= 12
    if not debian or guest.architecture not in (None, "x86_64"):
        return ()
    text = "a second kernel, packed with xz, which boots under both; then undo"
    return actions((command(text, "apt-get", "install", "linux-image-amd64"),))


def _why_undo(unpacked: "List[Kernel]", hooks: "List[str]") -> str:
    words = []
    if unpacked:
        names = ", ".join(kernel.path for kernel in unpacked[:3])
        more = " and {} more".format(len(unpacked) - 3) if len(unpacked) > 3 else ""
        words.append("The PVH loader takes a packed kernel only, and here stand unpacked: {}{}.".format(names, more))
    if hooks:
        words.append("{} would unpack the next kernel too.".format(", ".join(hooks[:3])))
    return " ".join(words)


def _way_back_of_undo(case: Case, unpacked: bool) -> "Tuple[str, Tuple[Action, ...]]":
    """What is to be said of the way back at the undo, and what keeps it open."""
    if not unpacked:
        return "From then on new kernels stay packed: PV boots those that are packed with gzip or xz.", ()
    closes = closes_way_back(case)
    if closes is False:
        others = case.installed(PV)
        if others:
            return "The way back stays open: PV still boots {}. Choose it there in GRUB's menu.".format(others[0].path), ()
        return "The way back stays open: PV boots the packed kernel too.", ()
    what = "PV then boots none of these kernels any more" if closes else "Very likely PV boots none of these kernels then"
    note = what + ": its loader reads neither lz4 nor zstd. So switch right after this step, or keep PV open with one of these instead."
    return note, (_keep_pv(case),) + second_kernel(case)


def _keep_pv(case: Case) -> Action:
    """The undo that keeps the unpacked kernels. It runs the guest's grub-mkconfig, so it is typed in the guest, or in a chroot of it."""
    text = "keeps each unpacked kernel beside the packed one, for PV only"
    if case.live:
        return case.run(text, "undo", "--apply", "--keep-pv")
    return Action(GUEST, case.inside("undo", "--apply", "--keep-pv"), text + "; pvhready must be installed in the guest")


def _packed_payload(kernel: Kernel, case: Case) -> "Optional[str]":
    """The compression of the packaged image, where a copy of it lies elsewhere, as in /lib/modules."""
    for other in case.facts.kernels:
        if other.image.container == "bzimage" and other.release == kernel.release and not other.path.startswith("/boot/"):
            return other.image.payload
    return None


def _have(kernel: Kernel) -> Step:
    return Step("install-kernel", DONE, _INSTALL, "Linux {} is installed, and made for it.".format(kernel.release or kernel.path))


def _install_step(case: Case, found: "List[Finding]", what: "Tuple[Action, ...]") -> Step:
    why = sentence(found[0]) if found else "No kernel is installed that would boot under PVH."
    note = "Leave the kernel that runs now installed: it is the way back." if case.installed(PV) else ""
    proof = case.proof('the new kernel with PVH "boots"', "kernels")
    return Step("install-kernel", TO_DO, _INSTALL, why, what, proof, note, checks=ids(found))


def _install_for_no_entry(case: Case) -> "List[Step]":
    """Without a menu: is any of the installed kernels made for PVH? What only its form stands against, the undo mends."""
    answers = [answer for answer in case.report.kernels if answer.kernel.path.startswith("/boot/")]
    if not answers and case.facts.denied:
        return []  # nobody has seen whether there is one
    for answer in answers:
        if not set(answer.reasons[PVH]) - set(SAME_IMAGE):
            return [_have(answer.kernel)]
    if answers and not any(set(answer.reasons[PVH]) & set(NEW_KERNEL) for answer in answers):
        return []  # what is not known is said elsewhere
    without_xen = any({"kernel-xen", "kernel-xen-pvh"} & set(answer.reasons[PVH]) for answer in answers)
    fix = newkernel.xen_kernel(case.guest) if without_xen else newkernel.newer_kernel(case.guest)
    return [_install_step(case, [], actions(fix))]


def _without_driver(case: Case) -> "List[Finding]":
    return [finding for finding in case.said(("root-driver",)) if driver_is_missing(case, finding)]


def _better(case: Case) -> "Optional[Kernel]":
    """The newest other kernel in /boot that boots under PVH."""
    best = None  # type: Optional[Kernel]
    for kernel in case.installed(PVH):
        other = case.chosen is None or kernel is not case.chosen.kernel
        if other and (best is None or _version(kernel) > _version(best)):
            best = kernel
    return best


def _version(kernel: Kernel) -> "Tuple[object, ...]":
    return sort_key(kernel.named_release or kernel.release)


def _choose(case: Case, kernel: Kernel, found: "List[Finding]") -> Step:
    entry = _entry_of(case, kernel)
    fix = remedies.regenerate(case.guest, case.config)
    note = ""
    if entry is not None:
        wanted = remedies.append_line("make its entry the default", 'GRUB_DEFAULT="{}"'.format(entry.path), remedies.DEFAULTS)
        fix = (wanted,) + fix
        note = "The number counts the entries of the menu as it is now: after the next kernel upgrade look again."
    why = "{} boots under PVH, and another kernel boots next. {}".format(kernel.path, sentence(found[0]))
    proof = case.proof("{} in the entry that boots next".format(kernel.path), "entries")
    return Step("choose-kernel", TO_DO, "Let the kernel that boots under PVH boot next", why, actions(fix), proof, note, checks=ids(found))


def _entry_of(case: Case, kernel: Kernel) -> "Optional[Entry]":
    for entry in case.menu.entries:
        if entry.kernel in (kernel.path,) + kernel.names and "recovery" not in entry.title.lower():
            return entry
    return None
