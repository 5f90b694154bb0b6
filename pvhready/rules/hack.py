"""The decompression hack: what it did, and what it will do to the next kernel."""

from pvhready.facts import PVH, Facts, Guest, Hook, Kernel
from pvhready.findings import INFO, PASS, WARN, Evidence, Finding
from pvhready.kept import is_kept
from pvhready.rules import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple


def decompressed_kernels(facts: Facts) -> "Tuple[Kernel, ...]":
    """Return the kernels that stand as raw ELF files where a bzImage should be. Those that are kept for PV have names of their own."""
    return tuple(kernel for kernel in facts.kernels if kernel.image.container == "elf" and not is_kept(kernel.path))


def judge_hack(facts: Facts, target: str) -> "List[Finding]":
    """Return the findings on hooks, helpers and decompressed kernels. A hook that will strike again is a warning for PVH."""
    findings = [_hook(hook, target, facts.guest) for hook in facts.hack.hooks]
    for path in facts.hack.helpers:
        findings.append(Finding("hack-helper", INFO, PVH, path, "a helper of decompression hooks", (Evidence(path),)))
    for kernel in decompressed_kernels(facts):
        summary = "stands decompressed; " + (
            "package {} ships it compressed".format(kernel.package) if kernel.package else "no package owns it"
        )
        findings.append(Finding("hack-kernel", INFO, PVH, kernel.path, summary, (Evidence(kernel.path, "offset 0x0", "7f 45 4c 46"),)))
    for problem in facts.hack.problems:
        findings.append(
            Finding(
                "hack-unreadable",
                WARN,
                PVH,
                problem.path,
                "may be a hook, and cannot be read: {}".format(problem.reason),
                (Evidence(problem.path, "", problem.reason),),
            )
        )
    return findings or [Finding("hack", PASS, PVH, "decompression hack", "no trace of it")]


def _hook(hook: Hook, target: str, guest: Guest) -> Finding:
    owner = ", of package {}".format(hook.package) if hook.package else ""
    evidence = (Evidence(hook.path, "", hook.form),)
    if not hook.active:
        return Finding(
            "hack-hook-inert", INFO, PVH, hook.path, "a decompression hook that does not run ({}){}".format(hook.why, owner), evidence
        )
    summary = "will decompress the next kernel that is installed, and PVH refuses that{}".format(owner)
    fixes = remedies.undo_hack(hook, guest)
    return Finding("hack-hook-active", WARN if target == PVH else INFO, PVH, hook.path, summary, evidence, fixes)
