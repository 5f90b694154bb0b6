"""What stands inside the image: is it whole, is it its package's, and do its Xen notes agree with its configuration?

What the notes prove (Linux: arch/x86/xen/xen-head.S, arch/x86/platform/pvh/head.S; measured on Debian's, Ubuntu's and EL's kernels): note 6
stands for CONFIG_XEN, note 1 for XEN_PV. Without note 18 there is no XEN_PVH, but with it there need not be one: kernels have it that do
not boot. Bit 15 of note 17 stands for XEN_PVH from 6.8 on; before, it is set in any case. None of them tells of the block front end.
"""

from pvhready.facts import PV, PVH, Checksum, Guest, Inside, Kernel
from pvhready.findings import FAIL, PASS, UNKNOWN, Evidence, Finding
from pvhready.rules import newkernel, remedies
from pvhready.rules.versions import series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

_ENTRY, _GUEST_OS, _PHYS32_ENTRY = 1, 6, 18
_PVH_FEATURE, _PV_FEATURE = 1 << 15, 1
_FIRST_PVH = (4, 11)  # before, there is no note 18
_FIRST_XEN_PV = (4, 12)  # before, XEN=y implies a PV entry
_FIRST_TRUE_FEATURES = (6, 8)


def judge_inside(kernel: Kernel, mode: str, guest: Guest) -> "List[Finding]":
    """Return what checksums and the unpacked kernel say against the image and its configuration, else that they agree."""
    findings = [_altered(kernel, mode, guest, one) for one in kernel.checksums if one.actual != one.expected]
    inside = kernel.inside
    if inside is None:
        return findings
    if inside.problem:
        return findings + [_not_read(kernel, mode, guest, inside.problem.reason, inside.needs)]
    if kernel.config.source is None:
        return findings
    contradiction = _contradiction(kernel, inside)
    if contradiction:
        summary, evidence = contradiction
        summary = "contradictory configuration: " + summary
        return findings + [Finding("kernel-config-conflict", UNKNOWN, mode, kernel.path, summary, (evidence,))]
    if not findings:
        pristine = ", and is its package's own" if any(_is_image(one, kernel) for one in kernel.checksums) else ""
        proof = "unpacked to its end" if inside.whole else "looked into" + pristine
        summary = "{}; its Xen notes agree with its configuration".format(proof)
        findings.append(Finding("kernel-notes", PASS, mode, kernel.path, summary, (_notes(kernel, inside),)))
    return findings


def proved_by_notes(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    """Return the failure that the notes of a kernel without a configuration prove; None where they prove none. They never prove a boot."""
    inside = kernel.inside
    if inside is None or inside.problem or inside.notes is None:
        return None
    if _GUEST_OS not in inside.notes:
        check, summary = "kernel-xen", "built without CONFIG_XEN: the kernel in it has no Xen note 6"
    elif mode == PVH and _PHYS32_ENTRY not in inside.notes:
        check, summary = "kernel-xen-pvh", "built without CONFIG_XEN_PVH: the kernel in it has no Xen note 18"
    elif mode == PVH and _feature(kernel, inside, _PVH_FEATURE) is False:
        check, summary = "kernel-xen-pvh", "built without CONFIG_XEN_PVH: bit 15 of its Xen note 17 is clear"
    elif mode == PV and _ENTRY not in inside.notes:
        check, summary = "kernel-xen-pv", "built without CONFIG_XEN_PV: the kernel in it has no Xen note 1, its PV entry"
    else:
        return None
    return Finding(check, FAIL, mode, kernel.path, summary, (_notes(kernel, inside),), newkernel.xen_kernel(guest))


def note_evidence(kernel: Kernel) -> "Tuple[Evidence, ...]":
    """Return the notes as evidence, where they were read."""
    return (_notes(kernel, kernel.inside),) if kernel.inside and not kernel.inside.problem else ()


def _is_image(checksum: Checksum, kernel: Kernel) -> bool:
    return checksum.path == kernel.path or checksum.path in kernel.names


def _altered(kernel: Kernel, mode: str, guest: Guest, checksum: Checksum) -> Finding:
    what = "image" if _is_image(checksum, kernel) else "configuration"
    summary = "the {} is not the one that the package {} shipped: it was changed since, or is damaged".format(what, checksum.package)
    value = "{} {}, shipped {}".format(checksum.algorithm, checksum.actual, checksum.expected)
    evidence = (Evidence(checksum.path, "checksum", value),)
    check = "image-checksum" if what == "image" else "kernel-config-checksum"
    return Finding(check, UNKNOWN, mode, kernel.path, summary, evidence, remedies.restore_image(kernel, guest))


def _not_read(kernel: Kernel, mode: str, guest: Guest, reason: str, needs: "Optional[str]") -> Finding:
    evidence = (Evidence(kernel.path, "payload", kernel.image.payload or ""),)
    if needs:
        return Finding("image-not-unpacked", UNKNOWN, mode, kernel.path, reason, evidence, remedies.install_package(guest, needs))
    return Finding("image-damaged", UNKNOWN, mode, kernel.path, reason, evidence, remedies.restore_image(kernel, guest))


def _contradiction(kernel: Kernel, inside: Inside) -> "Optional[Tuple[str, Evidence]]":
    """Return what the notes say that the configuration denies, or the other way round."""
    notes = inside.notes or ()  # where there is no place for notes there is no note 6 either
    says = {symbol: kernel.config.values.get(symbol, "n") == "y" for symbol in ("XEN", "XEN_PV", "XEN_PVH")}
    claims: List[Tuple[str, Optional[bool], str]] = [("XEN", _GUEST_OS in notes, "note 6")]
    if _is_since(_FIRST_XEN_PV, kernel):
        claims += [("XEN_PV", _ENTRY in notes, "note 1"), ("XEN_PV", _feature(kernel, inside, _PV_FEATURE), "bit 0 of note 17")]
    if _is_since(_FIRST_PVH, kernel):
        # The note alone proves nothing: only its absence does.
        claims += [
            ("XEN_PVH", None if _PHYS32_ENTRY in notes else False, "note 18"),
            ("XEN_PVH", _feature(kernel, inside, _PVH_FEATURE), "bit 15 of note 17"),
        ]
    for symbol, told, where in claims:
        if told is not None and told != says[symbol]:
            summary = "{}={} in {}, and the kernel in the image {} Xen's {}".format(
                symbol, kernel.config.values.get(symbol, "n"), kernel.config.source, "has" if told else "lacks", where
            )
            return summary, _notes(kernel, inside)
    return None


def _feature(kernel: Kernel, inside: Inside, bit: int) -> "Optional[bool]":
    """Whether a bit of note 17 is set, where that means something."""
    if inside.features is None or not _is_since(_FIRST_TRUE_FEATURES, kernel):
        return None
    return bool(inside.features & bit)


def _is_since(first: "Tuple[int, int]", kernel: Kernel) -> bool:
    number = series(kernel.release)
    return number is not None and number >= first


def _notes(kernel: Kernel, inside: Inside) -> Evidence:
    words = ", ".join(str(number) for number in sorted(inside.notes or ())) or "none"
    if inside.features is not None:
        words += "; note 17 is 0x{:x}".format(inside.features)
    return Evidence(kernel.path, "Xen notes", words)
