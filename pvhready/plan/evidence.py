"""Steps that find out what is not known, and those for whatever no other step answers."""

from pvhready.checks import explanation
from pvhready.findings import FAIL, WARN, Finding, Remedy, command, hint
from pvhready.findings import UNKNOWN as NOT_KNOWN
from pvhready.host import NAMES
from pvhready.plan.case import Case, actions, ids, remedies_of, sentence
from pvhready.plan.records import GUEST, PROVIDER, RESCUE, TO_DO, UNKNOWN, Action, Proof, Step
from pvhready.rules import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

# What hangs on the host's GRUB, of which its profile does not tell enough.
_HOSTS = ("entry-uncertain", "entry-command", "image-xzio", "grub-blscfg", "boot-filesystem-feature")
_UNMOUNTED = ("boot-filesystem-feature",)  # what is mended while the guest does not run


def find_out(case: Case, steps: "List[Step]") -> "List[Step]":
    """Return the steps that find out what is not known and what none of ``steps`` answers."""
    answered = {check for step in steps for check in step.checks}
    rest = [item for item in case.report.checks if item.status == NOT_KNOWN and item.mode != "pv" and item.id not in answered]
    found = _type(case, rest) + _rights(case, rest)
    told = {check for step in found for check in step.checks}
    hosts = [item for item in rest if item.id in _HOSTS and item.id not in told]
    if hosts:
        found.append(_ask_for_host(case, hosts))
        # What is uncertain makes everything behind it uncertain.
        told |= set(_HOSTS) | ({item.id for item in rest} if any(item.id == "entry-uncertain" for item in hosts) else set())
    left = [item for item in rest if item.id not in told]
    for check in dict.fromkeys(_subject_of(item, left) for item in left):
        found.append(_other(case, [item for item in left if _subject_of(item, left) == check]))
    return found


def _subject_of(finding: Finding, others: "List[Finding]") -> str:
    """The check to ask: whether an initramfs holds a driver is known once it can be read."""
    unreadable = "initramfs-unreadable"
    return unreadable if finding.id == "root-driver" and any(item.id == unreadable for item in others) else finding.id


def leftovers(case: Case, steps: "List[Step]") -> "List[Step]":
    """Return a step for each failure and warning that none of ``steps`` answers, with what the check says of it."""
    answered = {check for step in steps for check in step.checks}
    undone = {action.argv[1:2] for step in steps for action in step.actions}
    found: List[Step] = []
    for check in dict.fromkeys(item.id for item in case.report.checks):
        items = [item for item in case.said((check,), (FAIL, WARN)) if item.id not in answered]
        if check == "newer-kernel" and ("undo",) in undone:
            items = [item for item in items if not _is_unpacked(case, item.subject)]
        if items:
            found.append(_mend(case, items))
    return found


def _type(case: Case, rest: "List[Finding]") -> "List[Step]":
    found = [item for item in rest if item.id == "guest-type"]
    if not found:
        return []
    again = ("pvhready", "plan", "--assume-guest", "pv") + case.own()[1:]
    what = (
        Action(GUEST, ("cat", "/sys/hypervisor/type"), 'a Xen guest says "xen"'),
        Action(case.where, again, "if you know that it is a Xen guest in PV"),
    )
    proof = Proof(case.where, again, "the guest as PV (assumed), and the steps for it")
    return [Step("find-out-guest-type", UNKNOWN, "Find out what this machine is", sentence(found[0]), what, proof, checks=ids(found))]


def _rights(case: Case, rest: "List[Finding]") -> "List[Step]":
    """One step for all that only root may read. What is not known may well hang on it, so the rest of the plan may change."""
    found = [item for item in rest if any(remedy.argv[:3] == remedies.RUN_AGAIN for remedy in item.remedies)]
    if not found:
        return []
    again = ("sudo",) + case.own("plan")
    what = (Action(case.where, again, "make the plan again, as root"),)
    note = "The steps below were made without it, and may change."
    proof = Proof(case.where, again, "this plan without this step")
    why = sentence(found[0])
    return [Step("find-out-as-root", UNKNOWN, "Read what only root may read", why, what, proof, note, checks=ids(found))]


def _ask_for_host(case: Case, found: "List[Finding]") -> Step:
    why = " ".join(sentence(item) for item in found[:3])
    again = ("pvhready", "plan", "--host", "debian-12") + tuple(_without_host(case))
    profiles = "{}. A command that it has besides is added with +, as in debian-12+linux16.".format(", ".join(NAMES))
    what = (
        Action(PROVIDER, (), "Ask the provider which GRUB it starts guests with: its version, and where it is from."),
        Action(case.where, again, "then plan for that one. There are: " + profiles),
    )
    proof = Proof(case.where, again, "this plan without this step")
    return Step("find-out-host", UNKNOWN, "Find out which GRUB the host has", why, what, proof, checks=ids(found))


def _without_host(case: Case) -> "Tuple[str, ...]":
    words = case.own()[1:]
    at = words.index("--host") if "--host" in words else len(words)
    return words[:at] + words[at + 2:]


def _other(case: Case, found: "List[Finding]") -> Step:
    fix = remedies_of(found[:1])
    what = actions(fix) or (_explain(found[0]),)
    again = case.run("then plan again", "plan")
    title = "Find out: " + _subject(found[0].id)
    proof = Proof(again.where, again.argv, "this plan without this step")
    return Step("find-out-" + found[0].id, UNKNOWN, title, sentence(found[0]), what, proof, checks=ids(found))


def _mend(case: Case, found: "List[Finding]") -> Step:
    check = found[0].id
    fix = remedies_of(found)
    if check == "newer-kernel" and not fix:
        fix = _without_kernel(case, found[0].subject)
    where = RESCUE if check in _UNMOUNTED else GUEST
    what = actions(fix, where) or (Action(GUEST, (), explanation(check).mend), _explain(found[0]))
    proof = case.proof("nothing of {} any more".format(check), "check")
    why = " ".join(sentence(item) for item in found[:3])
    return Step("mend-" + check, TO_DO, "See to: " + _subject(check), why, what, proof, checks=ids(found))


def _subject(check: str) -> str:
    """What a check looks at, as the end of a title."""
    text = explanation(check).looks.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _explain(finding: Finding) -> Action:
    return Action(GUEST, ("pvhready", "explain", finding.id), "read what it looks at, and how to mend it")


def _without_kernel(case: Case, path: str) -> "Tuple[Remedy, ...]":
    """A kernel that would be the next default, and would not boot: it goes, unless it is the one that runs."""
    kernel = next((kernel for kernel in case.facts.kernels if path in kernel.names + (kernel.path,)), None)
    tools = {"debian": ("apt-get", "remove"), "redhat": ("dnf", "remove"), "suse": ("zypper", "remove")}
    kind = remedies.family(case.guest)
    if kernel is None or kernel.running or not kernel.package or kind not in tools:
        return (hint("Remove {}, or install one that boots; the kernel that runs now must stay.".format(path)),)
    return (command("remove it", *(tools[kind] + (remedies.image_package(kernel.package),))),)


def _is_unpacked(case: Case, path: str) -> bool:
    return any(path in kernel.names + (kernel.path,) and kernel.image.container == "elf" for kernel in case.facts.kernels)
