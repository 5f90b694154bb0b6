"""The guest itself: what it is now, and the dates that concern it."""

from pvhready.facts import Facts, Guest
from pvhready.findings import BOTH, INFO, PASS, UNKNOWN, Evidence, Finding, Remedy, command, hint
from pvhready.rules.image import width_of
from pvhready.rules.remedies import run_as_root
from pvhready.rules.versions import series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

# End of Xen's security support (Xen project, support matrix).
_SUPPORT_ENDS = {
    "4.14": "2023-07-24",
    "4.17": "2025-12-12",
    "4.18": "2026-11-16",
    "4.19": "2027-07-29",
    "4.20": "2028-03-05",
    "4.21": "2030-11-19",
    "4.22": "2031-07-30",
}


def judge_guest(facts: Facts) -> "List[Finding]":
    """Return the findings on what the machine is."""
    guest = facts.guest
    findings = [_type(guest)]
    findings += _access(facts)
    findings += _dates(facts)
    return findings


def _type(guest: Guest) -> Finding:
    evidence = tuple(Evidence(path, "", value) for path, value in guest.evidence)
    if guest.assumed:
        return _finding("guest-type", INFO, "taken to be a {} guest, because you said so".format(guest.type), evidence)
    if guest.type == "not-applicable":
        return _finding("guest-type", INFO, "a mounted file system: what only a running guest knows does not apply", evidence)
    if guest.dom0:
        return _finding("guest-type", INFO, "a dom0, which is no candidate", evidence)
    if guest.container:
        return _finding("guest-type", INFO, "a container ({}), which boots nothing".format(guest.container), evidence)
    if guest.type == "none":
        return _finding("guest-type", INFO, "no Xen guest", evidence)
    if guest.type is None:
        fixes = (
            hint("Say what it is, if you know it."),
            command("judge it as a PV guest", "pvhready", "check", "--assume-guest", "pv"),
        )
        return _finding("guest-type", UNKNOWN, "it cannot be told whether this is a Xen guest, and of which type", evidence, fixes)
    if guest.type == "PVH":
        return _finding("guest-type", PASS, "runs in PVH: the switch is done, and this is about its next reboot", evidence)
    return _finding("guest-type", PASS, "runs in {}".format(guest.type), evidence)


def _access(facts: Facts) -> "Iterator[Finding]":
    if facts.denied:
        summary = "{} could not be read for lack of rights".format(", ".join(facts.denied[:3]))
        evidence = tuple(Evidence(path, "", "permission denied") for path in facts.denied[:20])
        yield _finding("access", UNKNOWN, summary, evidence, run_as_root("permission denied"))
    for problem in facts.problems:
        if problem.path in facts.denied:
            continue
        yield _finding("access", UNKNOWN, "{}: {}".format(problem.path, problem.reason), (Evidence(problem.path, "", problem.reason),))


def _dates(facts: Facts) -> "Iterator[Finding]":
    guest = facts.guest
    version = guest.xen_version or ""
    ends = _SUPPORT_ENDS.get(version)
    if ends and guest.type in ("PV", "PVH", "HVM"):
        tense = "ended" if ends <= facts.today else "ends"
        summary = "the host runs Xen {}, whose security support {} on {}".format(version, tense, ends)
        yield _finding("xen-support", INFO, summary, (Evidence("/sys/hypervisor/version", "", version),))
    if guest.type == "PV" and _is_32bit(facts):
        yield _finding(
            "pv-32bit",
            INFO,
            _fate_of_32bit_pv(facts),
            (),
            (
                hint(
                    "Switch to PVH, which boots 32-bit kernels too, or install a 64-bit kernel and choose "
                    "the 64-bit loader (at BitFolk: arch x86_64)."
                ),
            ),
        )


def _is_32bit(facts: Facts) -> bool:
    if facts.guest.loader_bits:
        return facts.guest.loader_bits == 32
    widths = {width_of(kernel) for kernel in facts.kernels}
    return widths == {32}


def _fate_of_32bit_pv(facts: Facts) -> str:
    text = "a 32-bit PV guest: Linux dropped 32-bit PV in 5.9, and Xen runs it only in a shim from 4.16 on"
    numbers = [series(kernel.release) for kernel in facts.kernels if width_of(kernel) == 32]
    without_entry = [number for number in numbers if number and number >= (5, 9)]
    if without_entry:
        text += "; the kernel {}.{} installed here has no PV entry any more".format(*max(without_entry))
    if facts.guest.xen_version in ("4.15", "4.16"):
        text += "; this host's Xen {} is at that border".format(facts.guest.xen_version)
    elif facts.today > _SUPPORT_ENDS["4.14"]:
        text += "; support for Xen 4.14, the last with 32-bit PV by default, ended on {}".format(_SUPPORT_ENDS["4.14"])
    return text


def _finding(check: str, status: str, summary: str, evidence: "Tuple[Evidence, ...]" = (), fixes: "Tuple[Remedy, ...]" = ()) -> Finding:
    return Finding(check, status, BOTH, "guest", summary, evidence, fixes)
