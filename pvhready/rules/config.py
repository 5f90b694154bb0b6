"""The kernel inside: does it detect PVH when GRUB hands it over, has it a PV entry, has it the block front end?

Facts from Linux (arch/x86/xen/Kconfig, arch/x86/xen/enlighten_hvm.c: xen_hvm_guest_late_init) and from measured boots: 4.15
hangs under PVH although it has XEN_PVH=y; EL8, 9 and 10 have XEN=y without XEN_PVH and come up without disks.
"""

from pvhready.facts import PV, PVH, Guest, Kernel
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, Remedy, hint
from pvhready.rules import newkernel, remedies
from pvhready.rules.image import width_of
from pvhready.rules.inside import note_evidence, proved_by_notes
from pvhready.rules.versions import known_regression, series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

FRONT_END = "XEN_BLKDEV_FRONTEND"
_DECISIVE = ("XEN", "XEN_PV", "XEN_PVHVM", "XEN_PVH", FRONT_END, "X86_64", "ACPI")
_FIRST_PVH = (4, 11)  # before, the symbol XEN_PVH meant the old PVHv1
_FIRST_RSDP = (4, 19)  # some kernels from here on take the RSDP from boot_params
_ALWAYS_RSDP = (5, 0)
_DEBIANS_FLAVOURS = ("amd64", "cloud-amd64", "rt-amd64", "686", "686-pae", "rt-686-pae")
_FIRST_XEN_PV = (4, 12)  # before, XEN=y implies a PV entry
_LAST_32BIT_PV = (5, 9)
_COMPATIBLE = "IA32_EMULATION"  # lets a 64-bit kernel run 32-bit programs
SYMBOLS = (_COMPATIBLE,)
_OWN_WIDTH = hint("Install a kernel of the same width as the guest's programs, and let the menu begin with it.")


def judge_config(kernel: Kernel, mode: str, guest: Guest) -> "List[Finding]":
    """Return what the kernel's version and configuration mean for a mode: the objections, else one pass, and the warnings."""
    config = kernel.config
    if kernel.release is None or series(kernel.release) is None:
        summary = "its release cannot be told, neither from the image nor from the file's name"
        return [_finding("kernel-release", UNKNOWN, mode, kernel, summary)]
    too_old = _too_old(kernel, mode, guest)
    if too_old and too_old.status == FAIL:
        return [too_old]
    if config.source is None:
        return [proved_by_notes(kernel, mode, guest) or _no_config(kernel, mode)]
    contradiction = _contradiction(kernel, mode)
    if contradiction:
        return [contradiction]
    objection = _missing_options(kernel, mode, guest) or _programs(kernel, mode, guest)
    objection = objection or too_old or _front_end(kernel, mode, guest)
    findings = [objection or _finding("kernel-config", PASS, mode, kernel, _praise(kernel, mode))]
    return findings + _side_effects(kernel, mode, guest)


def _too_old(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    if mode == PV:
        return None
    number = series(kernel.release) or (0, 0)
    if number < _FIRST_RSDP:
        if number < _FIRST_PVH:
            summary = "Linux {}.{} is too old for PVH: it finds no disks (4.11 brought PVH, 5.0 boots through GRUB)".format(*number)
        else:
            summary = "Linux {}.{} does not boot under PVH through GRUB, whatever its configuration says".format(*number)
        return _version_finding("kernel-too-old", FAIL, mode, kernel, summary, newkernel.newer_kernel(guest))
    if number >= _ALWAYS_RSDP or kernel.config.root_pointer:
        return None
    if kernel.config.root_pointer is False:
        shown = Evidence(kernel.config.map_source or "", "System.map", "no x86_default_get_root_pointer")
        summary = "does not take the ACPI tables that GRUB hands over under PVH (no x86_default_get_root_pointer)"
        return _finding("kernel-root-pointer", FAIL, mode, kernel, summary, shown, newkernel.newer_kernel(guest))
    if number == _FIRST_RSDP and _is_debians_419(kernel, guest):
        return None
    summary = "Linux {}.{} boots under PVH only with a patch, and there is no System.map to tell".format(*number)
    return _version_finding("kernel-root-pointer", UNKNOWN, mode, kernel, summary, newkernel.newer_kernel(guest))


def _is_debians_419(kernel: Kernel, guest: Guest) -> bool:
    """Debian's 4.19 carries the patch. Its releases are called 4.19.0-ABI-flavour, in backports 4.19.0-0.bpo.ABI-flavour.

    In Debian 9's last years it was 4.19.0-0.deb9.ABI-flavour there. Other flavours (4.19.0-041900-generic) are others' builds.
    """
    if guest.distribution.id not in ("debian", "devuan"):
        return False
    version, _, rest = (kernel.release or "").partition("-")
    abi, _, flavour = rest.replace("0.bpo.", "", 1).replace("0.deb9.", "", 1).partition("-")
    named = not kernel.has_dpkg if kernel.package is None else kernel.package.startswith("linux-image-")
    return version == "4.19.0" and abi.isdigit() and flavour in _DEBIANS_FLAVOURS and named


def _no_config(kernel: Kernel, mode: str) -> Finding:
    problem = kernel.config.problem
    summary = "no configuration of this kernel is found"
    if problem:
        summary = "its configuration cannot be read: {}: {}".format(problem.path, problem.reason)
    shown = Evidence("/boot/config-{}".format(kernel.release), "", problem.reason if problem else "missing")
    fix = remedies.run_as_root(problem.reason) if problem else ()
    notes = note_evidence(kernel)
    if notes:
        summary += ", and its Xen notes alone are no proof"
    finding = _finding("kernel-config-missing", UNKNOWN, mode, kernel, summary, shown, fix or remedies.install_config(kernel))
    return finding._replace(evidence=finding.evidence + notes)


def conflict_on(kernel: Kernel, *symbols: str) -> "Optional[Evidence]":
    """Return what another source of the configuration says of one of these symbols, where it contradicts the best one; else None.

    Or what the best one says, where it contradicts itself.
    """
    for conflict in kernel.config.conflicts:
        if conflict.symbol in symbols:
            return Evidence(conflict.other_source, "CONFIG_" + conflict.symbol, conflict.other_value)
    for symbol in symbols:
        value = kernel.config.values.get(symbol, "")
        if "/" in value and value[:1] != '"':
            return Evidence(kernel.config.source or "", "CONFIG_" + symbol, value)
    return None


def _contradiction(kernel: Kernel, mode: str) -> "Optional[Finding]":
    config, values = kernel.config, kernel.config.values
    if config.cut:
        evidence = Evidence(config.source or "", "end", "no end of line")
        return _contradicts(kernel, mode, "it ends in the middle of a line: it was cut off", evidence)
    for conflict in config.conflicts:
        if conflict.symbol in _DECISIVE:
            summary = "{}={} in {}, {} in {}".format(
                conflict.symbol, conflict.value, conflict.source, conflict.other_value, conflict.other_source
            )
            return _contradicts(kernel, mode, summary, Evidence(conflict.other_source, "CONFIG_" + conflict.symbol, conflict.other_value))
    told = series(config.version)
    if told is not None and told != series(kernel.release):
        summary = "its header says that it is Linux {}'s, not {}'s".format(config.version, kernel.release)
        return _contradicts(kernel, mode, summary, Evidence(config.source or "", "header", config.version or ""))
    for symbol in _DECISIVE:
        if values.get(symbol, "n") not in ("y", "m", "n"):
            return _contradicts(kernel, mode, "{} has the values {}".format(symbol, values[symbol]), _symbol(kernel, symbol))
    if kernel.image.bits and "X86_64" in values and width_of(kernel) != (64 if values["X86_64"] == "y" else 32):
        return _contradicts(
            kernel, mode, "the image is {}-bit, its configuration says otherwise".format(kernel.image.bits), _symbol(kernel, "X86_64")
        )
    if values.get("XEN_PVH") == "y" and mode == PVH:
        for needed in ("XEN_PVHVM", "ACPI"):
            if values.get(needed) == "n":
                return _contradicts(kernel, mode, "XEN_PVH=y without {}, which it depends on".format(needed), _symbol(kernel, needed))
    return None


def _contradicts(kernel: Kernel, mode: str, summary: str, evidence: Evidence) -> Finding:
    return _finding("kernel-config-conflict", UNKNOWN, mode, kernel, "contradictory configuration: " + summary, evidence)


def _missing_options(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    values = kernel.config.values
    needed = ("XEN", "XEN_PVH") if mode == PVH else ("XEN", "XEN_PV") if (series(kernel.release) or (0, 0)) >= _FIRST_XEN_PV else ("XEN",)
    unmentioned = [symbol for symbol in needed if symbol not in values]
    if unmentioned and not kernel.config.whole and all(values.get(symbol, "y") == "y" for symbol in needed):
        summary = "its configuration mentions neither {} nor what stands at its end, so it is not whole".format(unmentioned[0])
        fix = remedies.install_config(kernel)
        return _finding("kernel-config-cut", UNKNOWN, mode, kernel, summary, _symbol(kernel, unmentioned[0]), fix)
    if values.get("XEN") != "y":
        return _finding("kernel-xen", FAIL, mode, kernel, "built without CONFIG_XEN", _symbol(kernel, "XEN"), newkernel.xen_kernel(guest))
    if mode == PVH and values.get("XEN_PVH") != "y":
        summary = "built without CONFIG_XEN_PVH: it comes up as HVM and finds no disks"
        return _finding("kernel-xen-pvh", FAIL, mode, kernel, summary, _symbol(kernel, "XEN_PVH"), newkernel.xen_kernel(guest))
    if mode == PV and values.get("XEN_PV") != "y" and (series(kernel.release) or (0, 0)) >= _FIRST_XEN_PV:
        return _no_pv_entry(kernel, guest)
    return None


def _programs(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    """A kernel that cannot run the guest's own programs panics over the first of them."""
    width, emulation = width_of(kernel), kernel.config.values.get(_COMPATIBLE)
    status = FAIL
    if guest.programs == "x86_64" and width == 32:
        summary = "a 32-bit kernel, and this guest's programs are 64-bit: it cannot start them"
    elif guest.programs == "i386" and width == 64 and emulation == "n":
        summary = "a 64-bit kernel built without {}, and this guest's programs are 32-bit: it cannot start them".format(_COMPATIBLE)
    elif guest.programs not in (None, "x86_64", "i386"):
        summary, status = "this guest's programs are made for {}, which no x86 kernel runs".format(guest.programs), UNKNOWN
    else:
        return None
    return _finding("kernel-programs", status, mode, kernel, summary, fix=(_OWN_WIDTH,) if status == FAIL else ())


def _no_pv_entry(kernel: Kernel, guest: Guest) -> Finding:
    summary = "built without CONFIG_XEN_PV: it has no PV entry"
    if width_of(kernel) == 32 and (series(kernel.release) or (0, 0)) >= _LAST_32BIT_PV:
        summary = "a 32-bit kernel of Linux 5.9 or newer: these have no PV entry"
    return _finding("kernel-xen-pv", FAIL, PV, kernel, summary, _symbol(kernel, "XEN_PV"), newkernel.xen_kernel(guest))


def _front_end(kernel: Kernel, mode: str, guest: Guest) -> "Optional[Finding]":
    value = kernel.config.values.get(FRONT_END)
    if value in ("y", "m"):
        return None
    if value is None:
        summary = "its configuration does not mention XEN_BLKDEV_FRONTEND, so it is not whole"
        return _finding("kernel-blkfront", UNKNOWN, mode, kernel, summary, _symbol(kernel, FRONT_END))
    return _finding(
        "kernel-blkfront",
        FAIL,
        mode,
        kernel,
        "built without the Xen block front end",
        _symbol(kernel, FRONT_END),
        newkernel.xen_kernel(guest),
    )


def _side_effects(kernel: Kernel, mode: str, guest: Guest) -> "List[Finding]":
    """What lets the kernel come up and hurts all the same."""
    values = kernel.config.values
    findings = []
    for symbol, check, status, summary in (
        ("XEN_NETDEV_FRONTEND", "kernel-netfront", WARN, "built without the Xen network front end: no network"),
        ("HVC_XEN", "kernel-console", WARN, "built without HVC_XEN: nothing is seen on the Xen console"),
        ("XEN_SYS_HYPERVISOR", "kernel-sys-hypervisor", INFO, "built without XEN_SYS_HYPERVISOR: it cannot tell its guest type"),
    ):
        if values.get(symbol) == "n":
            findings.append(_finding(check, status, mode, kernel, summary, _symbol(kernel, symbol), newkernel.xen_kernel(guest)))
    known = known_regression(kernel.release, mode)
    if known:
        summary = "known fault: {}; mended in {}".format(*known)
        findings.append(_version_finding("kernel-regression", WARN, mode, kernel, summary, newkernel.newer_kernel(guest)))
    return findings


def _praise(kernel: Kernel, mode: str) -> str:
    front_end = "built in" if kernel.config.values.get(FRONT_END) == "y" else "a module"
    return "Linux {}, {}, block front end {}".format(kernel.release, "XEN_PVH=y" if mode == PVH else "with a PV entry", front_end)


def _symbol(kernel: Kernel, symbol: str) -> Evidence:
    return Evidence(kernel.config.source or "", "CONFIG_" + symbol, kernel.config.values.get(symbol, "not mentioned"))


def _version_finding(check: str, status: str, mode: str, kernel: Kernel, summary: str, fix: "Tuple[Remedy, ...]") -> Finding:
    return _finding(check, status, mode, kernel, summary, Evidence(kernel.path, "release", kernel.release or ""), fix)


def _finding(
    check: str,
    status: str,
    mode: str,
    kernel: Kernel,
    summary: str,
    evidence: "Optional[Evidence]" = None,
    fix: "Tuple[Remedy, ...]" = (),
) -> Finding:
    shown = evidence or Evidence(kernel.config.source or kernel.path, "", kernel.release or "")
    return Finding(check, status, mode, kernel.path, summary, (shown,), fix)
