"""What the next upgrade, regeneration or failure would bring: nothing here is about the boot that comes next."""

from pvhready.cmdline import parse
from pvhready.facts import Defaults, Entry, Guest, Kernel, Menu, Storage
from pvhready.findings import BOOTS, BOTH, FAILS, INFO, WARN, Evidence, Finding
from pvhready.rules import remedies
from pvhready.rules.cmdline import has_xen_console
from pvhready.rules.versions import sort_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Tuple

_DECISIVE = ("console", "nopv", "xen_nopv", "acpi", "xen_no_vector_callback", "root", "nolapic")
_ROOM_FOR_A_KERNEL = 150  # MiB: an image, and an initramfs twice while it is written
_VARIABLES = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")


def judge_defaults(defaults: Defaults, entry: Entry, menu: Menu, mode: str, guest: Guest) -> "List[Finding]":
    """Return what /etc/default/grub says otherwise than the menu: a change that was never generated into grub.cfg."""
    findings = []
    if defaults.problem:
        summary = "not read whole: {}".format(defaults.problem.reason)
        findings.append(Finding("grub-defaults", INFO, mode, defaults.problem.path, summary, (Evidence(defaults.problem.path),)))
    present = {(argument.name, argument.value) for argument in parse(entry.cmdline)}
    for variable in _VARIABLES:
        unknown = defaults.unknown.get(variable)
        if unknown:
            summary = "whether the menu has all that {} asks for is not judged: {}".format(variable, unknown.reason)
            findings.append(Finding("grub-defaults", INFO, mode, entry.title, summary, (Evidence(unknown.path, "", variable),)))
        missing = [argument for argument in parse(defaults.values.get(variable, "")) if (argument.name, argument.value) not in present]
        if not missing:
            continue
        texts = " ".join(argument.text for argument in missing)
        status = WARN if any(argument.name in _DECISIVE for argument in missing) else INFO
        summary = "{} asks for {}, which this entry does not have: the menu was not generated since".format(variable, texts)
        path, _, line = defaults.sources.get(variable, "/etc/default/grub:").rpartition(":")
        findings.append(
            Finding(
                "grub-config-stale",
                status,
                mode,
                entry.title,
                summary,
                (Evidence(path, "line " + line, texts),),
                remedies.regenerate(guest),
            )
        )
    return findings + list(_lost_with_the_next(defaults, entry, menu, mode, guest))


def _lost_with_the_next(defaults: Defaults, entry: Entry, menu: Menu, mode: str, guest: Guest) -> "Iterator[Finding]":
    """What the menu has now, and would not have any more once it is generated from these defaults."""
    asked = [argument.text for variable in _VARIABLES for argument in parse(defaults.values.get(variable, ""))]
    known = _VARIABLES[0] in defaults.values and not any(variable in defaults.unknown for variable in _VARIABLES)
    if known and has_xen_console(parse(entry.cmdline)) and not has_xen_console(parse(" ".join(asked))):
        summary = "this entry has console=hvc0, and /etc/default/grub does not ask for it: the next menu may be without it"
        path, _, line = defaults.sources.get(_VARIABLES[0], "/etc/default/grub:").rpartition(":")
        fix = remedies.add_console(guest, entry)
        yield Finding("grub-config-stale", INFO, mode, entry.title, summary, (Evidence(path, "line " + line, "no console=hvc0"),), fix)
    wanted = defaults.values.get("GRUB_DEFAULT")
    if wanted and wanted != "saved" and menu.default and menu.default != wanted:
        summary = "GRUB_DEFAULT is {}, and the menu's default is {}: it was not generated since".format(wanted, menu.default)
        path, _, line = defaults.sources.get("GRUB_DEFAULT", "/etc/default/grub:").rpartition(":")
        yield Finding("grub-config-stale", INFO, mode, entry.title, summary, (Evidence(path, "line " + line, wanted),))


def judge_space(storage: Storage) -> "Iterator[Finding]":
    """Return how full /boot is, where something there is damaged: a full disk is the usual cause, and the next one."""
    if storage.boot_free is not None:
        megabytes = storage.boot_free // (1024 * 1024)
        summary = "a file in /boot is damaged, and {} MiB are free there".format(megabytes)
        if megabytes < _ROOM_FOR_A_KERNEL:
            summary += ": make room before anything is written there again"
        yield Finding("boot-space", INFO, BOTH, "/boot", summary, (Evidence("/boot", "free bytes", str(storage.boot_free)),))


def judge_other_kernels(
    kernels: "Tuple[Kernel, ...]",
    chosen: "Tuple[str, ...]",
    answers: "Dict[str, str]",
    mode: str,
) -> "Iterator[Finding]":
    """Return the findings on kernels that do not boot next.

    ``chosen`` are the paths that do, ``answers`` maps a path to boots, fails or unknown.
    A newer one that would not come up is a warning: an upgrade of the menu makes it the default. An older one is shown plainly.
    Copies outside /boot get into no menu.
    """
    newest = max((sort_key(kernel.named_release or kernel.release) for kernel in kernels if kernel.path in chosen), default=None)
    others = [kernel for kernel in kernels if kernel.path.startswith("/boot/") and kernel.path not in chosen]
    others = [kernel for kernel in others if answers.get(kernel.path) != BOOTS]
    newer = [kernel for kernel in others if newest is not None and sort_key(kernel.named_release or kernel.release) > newest]
    older = [kernel for kernel in others if kernel not in newer]
    if newer:
        yield _group(
            "newer-kernel",
            WARN,
            newer,
            answers,
            mode,
            "newer than the default, and {} under {}: the next regeneration of the menu may choose it",
        )
    if older:
        yield _group("older-kernel", INFO, older, answers, mode, "another kernel that {} under {}")


def judge_fallback(entry: Entry, answer: str, mode: str) -> "Optional[Finding]":
    """Return the finding on an entry that GRUB would fall back to, when it would not come up either."""
    if answer == BOOTS:
        return None
    summary = "the fallback entry {} under {}".format(_verb(answer), mode.upper())
    path, _, line = entry.source.rpartition(":")
    return Finding("fallback-entry", WARN, mode, entry.title, summary, (Evidence(path, "line " + line, entry.kernel or ""),))


def judge_way_back(mode: str, answer: str, reasons: "Tuple[Finding, ...]", other_answer: str) -> "Optional[Finding]":
    """Return what is to be said of the other mode: plainly, and without weight. ``mode`` is the other one."""
    if answer == BOOTS:
        return None
    why = "; ".join("{}: {}".format(finding.subject, finding.summary) for finding in reasons[:2])
    this = "PV" if mode == "pvh" else "PVH"
    if answer == FAILS and other_answer == BOOTS:
        summary = "{} boots, {} does not: you cannot go back with this kernel ({})".format(this, mode.upper(), why)
    else:
        summary = "the next boot under {} {} ({})".format(mode.upper(), "fails" if answer == FAILS else "cannot be judged", why)
    evidence = tuple(item for finding in reasons[:2] for item in finding.evidence)
    return Finding("way-back", INFO, mode, "the other mode", summary, evidence)


def _group(check: str, status: str, kernels: "List[Kernel]", answers: "Dict[str, str]", mode: str, text: str) -> Finding:
    answer = FAILS if any(answers.get(kernel.path) == FAILS for kernel in kernels) else "unknown"
    summary = text.format(_verb(answer), mode.upper())
    if len(kernels) > 1:
        summary += " (and {} more)".format(len(kernels) - 1)
    evidence = tuple(Evidence(kernel.path, "", answers.get(kernel.path, "unknown")) for kernel in kernels)
    return Finding(check, status, mode, kernels[0].path, summary, evidence)


def _verb(answer: str) -> str:
    return "does not boot" if answer == FAILS else "cannot be judged"
