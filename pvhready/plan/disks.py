"""Steps about the disks: an initramfs that holds the block front end, and a root= that will be there."""

from pvhready.devicenames import FOREIGN
from pvhready.facts import UNMOUNTED, Mount
from pvhready.findings import FAIL, WARN, Finding, Remedy, command, hint
from pvhready.findings import UNKNOWN as NOT_KNOWN
from pvhready.plan.case import Case, actions, ids, remedies_of, sentence
from pvhready.plan.kernel import NEW_KERNEL, driver_is_missing
from pvhready.plan.records import DONE, GUEST, RESCUE, TO_DO, UNKNOWN, Action, Proof, Step
from pvhready.rules import remedies
from pvhready.rules.config import FRONT_END
from pvhready.rules.upkeep import ROOM_FOR_A_KERNEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

INITRAMFS = (
    "initramfs-missing", "initramfs-blkfront", "initramfs-damaged", "initramfs-blacklist", "initramfs-release", "initramfs-compression",
    "initramfs-unreadable", "root-driver",
)
ROOT = ("root-device-name", "root-device-missing", "root-device-initramfs", "root-device-fstab", "root-device-other")
_TITLE = "Have an initramfs that finds the disks"


def unmounted(case: Case) -> "List[Step]":
    """Return the step that mounts a /boot of its own, without which nothing can be told of menu and kernels."""
    if case.menu.problem != UNMOUNTED:
        return []
    mount = next((mount for mount in case.facts.storage.fstab if mount.point.rstrip("/") == UNMOUNTED.path), None)
    if case.live:
        what = actions(remedies.mount_boot("/", case.facts.storage.fstab)[:1])[0]
    elif mount:
        what = Action(RESCUE, mount_below(case.facts.root.rstrip("/"), mount))
    else:
        what = Action(RESCUE, (), "Mount the guest's /boot at {}/boot.".format(case.facts.root.rstrip("/")))
    again = case.run("then plan again", "plan")
    why = "The guest has a file system of its own for /boot, which is not mounted here. Menu and kernels are on it."
    proof = Proof(again.where, again.argv, "the steps that this guest needs")
    return [Step("find-out-boot", UNKNOWN, "Mount /boot", why, (what, again), proof, checks=ids(case.said(("grub-config-unreadable",))))]


def mount_below(directory: str, mount: Mount) -> "Tuple[str, ...]":
    """Return the command that mounts one of the guest's file systems where it belongs, with the root mounted at ``directory``."""
    # The part of a btrfs that is meant.
    options = [word for word in mount.options.split(",") if word.startswith(("subvol=", "subvolid="))]
    place = directory + mount.point.rstrip("/") or "/"
    return ("mount",) + (("-o", ",".join(options)) if options else ()) + (mount.device, place)


def room(case: Case) -> "List[Step]":
    """Return the step that makes room on /boot, where something there is damaged and it is nearly full."""
    free = case.facts.storage.boot_free
    if free is None or free >= ROOM_FOR_A_KERNEL << 20:
        return []
    why = "A file in /boot is damaged, and only {} MiB are free there: what is written next would be cut short too.".format(free >> 20)
    text = "Remove kernels that you need no more, but neither the one that runs nor the one that boots next."
    fix = (hint(text),)  # type: Tuple[Remedy, ...]
    tools = {
        "debian": ("apt-get", "--purge", "autoremove"),
        "redhat": ("dnf", "remove", "--oldinstallonly", "--setopt", "installonly_limit=2", "kernel"),
    }
    kind = remedies.family(case.guest)
    if kind in tools:
        fix += (command("it asks before it removes anything", *tools[kind]),)
    proof = Proof(GUEST, ("df", "-h", "/boot"), "{}M or more under Avail".format(ROOM_FOR_A_KERNEL))
    return [Step("make-room", TO_DO, "Make room on /boot", why, actions(fix), proof, checks=("boot-space",))]


def initramfs(case: Case) -> "List[Step]":
    """Return the step that builds the initramfs anew, done where it holds what the kernel needs of it."""
    found = [finding for finding in case.said(INITRAMFS) if finding.remedies and _is_built_anew(case, finding)]
    if found:
        damaged = [finding for finding in found if finding.id == "initramfs-unreadable"]
        fix = remedies_of(damaged or found)  # what a damaged one holds is not known, so that nothing need be added to it
        if any(finding.id == "initramfs-missing" for finding in found):
            fix += remedies.regenerate(case.guest, case.config)
        proof = case.proof('the line "initramfs" with "ok"', "check")
        return [Step("initramfs", TO_DO, _TITLE, " ".join(sentence(item) for item in found[:3]), actions(fix), proof, checks=ids(found))]
    if case.said(NEW_KERNEL):
        return []  # the new kernel gets its own
    if case.chosen and case.chosen.kernel.config.values.get(FRONT_END) == "m" and case.passed("initramfs"):
        return [Step("initramfs", DONE, _TITLE, sentence(case.said(("initramfs",), ("pass",))[0]))]
    return []


def root(case: Case) -> "List[Step]":
    """Return the step that mends root=."""
    found = [finding for finding in case.said(ROOT) if finding.status in (FAIL, WARN) or finding.id == "root-device-fstab"]
    if not found:
        return []
    fix: Tuple[Remedy, ...] = (command("see what the root is, and its UUID", "findmnt", "-no", "SOURCE,UUID", "/"),) if case.live else ()
    fix += _asked_root(case) + _fstab(case, found) + remedies.regenerate(case.guest, case.config)
    why = " ".join(sentence(finding) for finding in found)
    proof = case.proof("root=UUID=... in the entry that boots next", "entries")
    return [Step("root-device", TO_DO, "Let root= name the root file system", why, actions(fix), proof, checks=ids(found))]


def _is_built_anew(case: Case, finding: Finding) -> bool:
    """Whether an initramfs built anew answers the finding: not what only root, a missing tool or another kernel does."""
    if finding.remedies[0].argv[:3] == remedies.RUN_AGAIN or driver_is_missing(case, finding):
        return False
    # What an archive holds that could not be read for want of a tool is found out with that tool.
    return finding.status != NOT_KNOWN or not any(archive.needs for archive in case.facts.initramfs.values())


def _asked_root(case: Case) -> "Tuple[Remedy, ...]":
    """Take from /etc/default/grub what keeps grub-mkconfig from naming the root by its UUID."""
    values = case.facts.defaults.values
    words = [word for name in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT") for word in values.get(name, "").split()]
    fix = tuple(remedies.remove_argument(case.guest, word, case.entry)[0] for word in words if word.startswith("root="))
    if values.get("GRUB_DISABLE_LINUX_UUID") == "true":
        fix += (remedies.append_line("name the root by its UUID", "GRUB_DISABLE_LINUX_UUID=false", remedies.DEFAULTS),)
    return fix


def _fstab(case: Case, found: "List[Finding]") -> "Tuple[Remedy, ...]":
    named = [mount for mount in case.facts.storage.fstab if mount.point == "/"]
    wrong = any(finding.id == "root-device-fstab" for finding in found)
    if wrong or any(mount.device.startswith(FOREIGN) for mount in named):
        return (hint("In /etc/fstab write UUID= and that UUID for the file system on /, as root= has it."),)
    return ()
