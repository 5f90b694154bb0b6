"""The last steps: the check, the switch in the provider's shell, and what to do if the guest does not come up."""

from pvhready.facts import PV, Mount
from pvhready.findings import BOOTS, FAILS
from pvhready.host import DEFAULT
from pvhready.judge import READY, WARNINGS
from pvhready.plan.case import Case
from pvhready.plan.disks import mount_below
from pvhready.plan.kernel import closes_way_back
from pvhready.plan.records import BLOCKED, DONE, GUEST, HOST, PROVIDER, RESCUE, TO_DO, UNKNOWN, Action, Proof, Step, WayBack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

_FIRST_WITH_VIRTMODE = "1.48bitfolk60"
# What Debian's grub-xen-host installs; for another GRUB the path is its own.
_IMAGES = {"pvh": "/usr/lib/grub-xen/grub-i386-xen_pvh.bin", "pv": "/usr/lib/grub-xen/grub-x86_64-xen.bin"}
_MOUNTED = "/mnt"
_GUEST_TYPE = ("cat", "/sys/hypervisor/guest_type")


def check(case: Case, earlier: "List[Step]") -> Step:
    """Return the step that runs the check until it says ready."""
    ready = case.report.verdict == READY or case.report.verdict == WARNINGS and not _open(earlier)
    what = (case.run("after all steps above; where it says anything else, plan again", "check"),)
    proof = case.proof("READY, and the exit code 0 (1 with warnings that you may accept)", "check")
    change = "reboot" if case.switched else "switch"
    why = "The check says what the next boot under PVH would do. Do not {} before it says ready.".format(change)
    if ready:
        warned = " with warnings" if case.report.verdict == WARNINGS else ""
        why = "It says that this guest comes up under PVH{}.".format(warned)
    return Step("check", DONE if ready else TO_DO, "Run the check until it says ready", why, what, proof)


def switch(case: Case, earlier: "List[Step]") -> Step:
    """Return the step that switches the guest, done where it runs in PVH."""
    proof = Proof(GUEST, _GUEST_TYPE, "PVH")
    title = "Switch the guest to PVH, and boot it"
    if case.switched:
        return Step("switch", DONE, title, "The guest runs in PVH.", proof=proof)
    can = case.report.verdict in (READY, WARNINGS)
    why = "The host starts the guest in PVH from its next boot on."
    if not can:
        why = "Not before the steps above are done and the check says ready."
    return Step("switch", TO_DO if can else BLOCKED, title, why, _switching(case, "pvh"), proof, _note(case, earlier))


def way_back(case: Case, steps: "List[Step]") -> WayBack:
    """Return what to do if the guest does not come up, and whether PV would boot it then."""
    is_open = _is_open(case, steps)
    other = _other_kernel(case, steps)
    if is_open:
        why = "PV still boots this guest{}.".format(", with {}: choose it in GRUB's menu".format(other) if other else "")
    elif is_open is None:
        why = "Whether PV would still boot this guest is not known. The rescue system helps in any case."
    else:
        why = "PV would not boot this guest any more: mend it from the rescue system, with PVH left on."
    what = (Action(PROVIDER, (), "Look at the console: what GRUB or the kernel says last tells why."),)  # type: Tuple[Action, ...]
    if is_open is not False:
        what += _switching(case, "pv")[1 if _is_bitfolk(case) else 0:]
        what += _width(case)
    return WayBack(is_open, why, what + _rescue(case))


def enter(case: Case, steps: "List[Step]") -> "List[Step]":
    """Return the step that goes into a guest which is only mounted here, where commands are to be typed in it."""
    offered = [action for step in steps if step.state == TO_DO for action in step.actions + step.alternatives]
    if case.live or not any(action.where == GUEST and action.argv for action in offered):
        return []
    root = case.facts.root.rstrip("/")
    what = (
        Action(RESCUE, ("mount", "--bind", "/dev", root + "/dev")),
        Action(RESCUE, ("mount", "-t", "proc", "proc", root + "/proc")),
        Action(RESCUE, ("mount", "-t", "sysfs", "sys", root + "/sys")),
        Action(RESCUE, ("chroot", root), "then type there what is for the guest; exit leaves it"),
    )
    why = "Its file system is mounted at {}. What is to be typed in the guest is typed in a chroot there.".format(root)
    note = (
        "Where the guest still starts, start it and type it there instead. On a host never run what a customer's guest holds. "
        "What is for the rescue system, as most commands of pvhready itself are, is typed outside the chroot."
    )
    proof = Proof(GUEST, ("cat", "/etc/os-release"), "the guest's distribution")
    return [Step("enter-guest", TO_DO, "Go into the guest's file system", why, what, proof, note)]


def _switching(case: Case, mode: str) -> "Tuple[Action, ...]":
    if not _is_bitfolk(case):
        return _elsewhere(case, mode)
    waiting = "and wait until it is down" if mode == "pvh" else 'where the guest hangs, "help" names what stops it'
    version = "its version must be {} or newer; an older one is a shell left running: exit every window of it, and log in again"
    return (
        Action(PROVIDER, ("help",), version.format(_FIRST_WITH_VIRTMODE)),
        Action(PROVIDER, ("shutdown",), waiting),
        Action(PROVIDER, ("virtmode", mode)),
        Action(PROVIDER, ("boot",)),
    )


def _elsewhere(case: Case, mode: str) -> "Tuple[Action, ...]":
    image = '"{}"'.format(_IMAGES[mode]) if case.host.name.startswith("debian-") else "the path of {}".format(
        "pvhgrub (GRUB for i386-xen_pvh)" if mode == "pvh" else "pvgrub2 (GRUB for x86_64-xen)"
    )
    asked = "Ask the provider how to set the guest's mode to {} (some call it boot mode or virtualisation mode), shut down, set it, boot."
    return (
        Action(PROVIDER, (), asked.format(mode.upper())),
        Action(HOST, (), 'On a host of your own: in the guest\'s xl.cfg set type = "{}" and kernel = {}.'.format(mode, image)),
        Action(HOST, ("xl", "shutdown", "-w", "GUEST"), "GUEST stands for the guest's name"),
        Action(HOST, ("xl", "create", "-c", "/etc/xen/GUEST.cfg")),
    )


def _note(case: Case, earlier: "List[Step]") -> str:
    changes = _to_do(earlier, "undo-hack", "install-kernel", "choose-kernel", "write-grub-cfg")
    if case.report.modes[PV] == FAILS and not case.installed(PV) and not changes:
        return "PV does not boot the kernel that boots next: once switched, PVH is the mode that this guest boots in."
    return ""


def _is_open(case: Case, steps: "List[Step]") -> "Optional[bool]":
    if case.installed(PV):
        return True
    if any("hack-kernel" in step.checks for step in steps):
        closes = closes_way_back(case)
        return None if closes is None else not closes
    if _to_do(steps, "install-kernel"):
        return None
    return {BOOTS: True, FAILS: False}.get(case.report.modes[PV])


def _other_kernel(case: Case, steps: "List[Step]") -> str:
    """The kernel to choose by hand under PV, "" where the default one will do."""
    others = case.installed(PV)
    chosen = case.chosen.kernel if case.chosen else None
    changes = _to_do(steps, "install-kernel", "choose-kernel")
    if not others or (chosen is None or chosen in others) and not changes:
        return ""
    return chosen.path if chosen in others and chosen else others[0].path


def _width(case: Case) -> "Tuple[Action, ...]":
    if not _is_bitfolk(case):
        return ()
    text = 'If GRUB says "incompatible architecture": "arch x86_64" chooses the PV loader for 64-bit kernels, "arch i386" the 32-bit one.'
    return (Action(PROVIDER, (), text),)


def _rescue(case: Case) -> "Tuple[Action, ...]":
    options = ("--root", _MOUNTED) + (() if case.host.name == DEFAULT else ("--host", case.host.name))
    return (
        Action(PROVIDER, (), "Or start the provider's rescue system."),
    ) + _mounting(case) + (
        Action(RESCUE, ("pvhready", "check") + options),
        Action(RESCUE, ("pvhready", "plan") + options),
    )


def _mounting(case: Case) -> "Tuple[Action, ...]":
    """What mounts the guest in the rescue system: all that holds kernels, modules, or what the undo and the packages keep."""
    mounts = {mount.point.rstrip("/"): mount for mount in case.facts.storage.fstab}
    root = mounts.get("")
    device = root.device if root else case.facts.storage.root_device
    if not device:
        return (Action(RESCUE, (), "Mount the guest's root file system at {}, and its /boot below.".format(_MOUNTED)),)
    first = root or Mount("/", device, "")
    others = [mounts[point] for point in ("/boot", "/usr", "/var") if point in mounts]
    return tuple(Action(RESCUE, mount_below(_MOUNTED, mount)) for mount in [first] + others)


def _open(steps: "List[Step]") -> bool:
    return any(step.state in (TO_DO, UNKNOWN) for step in steps)


def _to_do(steps: "List[Step]", *names: str) -> bool:
    return any(step.id in names and step.state == TO_DO for step in steps)


def _is_bitfolk(case: Case) -> bool:
    return case.host.name.partition("+")[0] == DEFAULT
