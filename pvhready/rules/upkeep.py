"""What the next upgrade, regeneration or failure would bring: nothing here is about the boot that comes next."""

from pvhready.cmdline import parse
from pvhready.facts import Defaults, Entry, Facts, Guest, Kernel, Menu, Storage
from pvhready.findings import BOOTS, BOTH, FAILS, INFO, WARN, Evidence, Finding, Remedy
from pvhready.host import Host
from pvhready.kept import is_kept
from pvhready.nextmenu import PINNED, UNKNOWN, is_copy, next_default
from pvhready.records import NamedTuple
from pvhready.rules import remedies
from pvhready.rules.cmdline import has_xen_console
from pvhready.rules.versions import sort_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Tuple

_INSTALLONLY_LIMIT = 3  # dnf.conf(5)
# Arguments that stop a boot, silence it or lead it to a shell, whatever their value.
_DECISIVE = (
    "console", "nopv", "xen_nopv", "acpi", "acpi_rsdp", "xen_no_vector_callback", "root", "nolapic", "disableapic", "rootfstype", "init",
    "rdinit", "mem", "memmap", "break", "rd.break", "single", "rescue", "emergency",
)
ROOM_FOR_A_KERNEL = 150  # MiB: an image, and an initramfs twice while it is written
_VARIABLES = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")


class Following(NamedTuple):
    """The entry that comes first in the next menu, with what was said of it: its answer, and the first objection."""

    entry: Entry
    answer: str
    reason: str
    evidence: "Tuple[Evidence, ...]"
    remedies: "Tuple[Remedy, ...]"


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
    if wanted and wanted != "saved" and menu.default and menu.default != wanted and not is_kept(entry.kernel or ""):
        summary = "GRUB_DEFAULT is {}, and the menu's default is {}: it was not generated since".format(wanted, menu.default)
        path, _, line = defaults.sources.get("GRUB_DEFAULT", "/etc/default/grub:").rpartition(":")
        yield Finding("grub-config-stale", INFO, mode, entry.title, summary, (Evidence(path, "line " + line, wanted),))


def judge_space(storage: Storage) -> "Iterator[Finding]":
    """Return how full /boot is, where something there is damaged: a full disk is the usual cause, and the next one."""
    if storage.boot_free is not None:
        megabytes = storage.boot_free // (1024 * 1024)
        summary = "a file in /boot is damaged, and {} MiB are free there".format(megabytes)
        if megabytes < ROOM_FOR_A_KERNEL:
            summary += ": make room before anything is written there again"
        yield Finding("boot-space", INFO, BOTH, "/boot", summary, (Evidence("/boot", "free bytes", str(storage.boot_free)),))


def judge_stale_default(menu: Menu, entry: Entry, facts: Facts, mode: str) -> "Iterator[Finding]":
    """Return that the menu's default names nothing, which GRUB does not tell: it takes the first entry."""
    if menu.stale and menu.default:
        summary = "the default is {!r}, and no entry is called so: GRUB takes the first, {}".format(menu.default, entry.title)
        where = Evidence(menu.config or "", "default", menu.default)
        fix = remedies.default_to_first(facts.guest, facts.defaults.values.get("GRUB_DEFAULT") == "saved")
        yield Finding("default-stale", INFO, mode, menu.config or "", summary, (where,), fix)


def judge_once(facts: Facts, menu: Menu, answers: "Dict[str, str]", mode: str) -> "Iterator[Finding]":
    """Return that the entry boots only once (grub-reboot), with a warning where the first entry, which mostly follows, does not boot."""
    chosen = menu.entries[menu.candidates[0].index]
    if menu.candidates[0].reason != "next_entry":
        return
    first = menu.entries[0]
    kernel = _named(first.kernel, facts.kernels)
    answer = answers.get(kernel.path, "unknown") if kernel else "unknown"
    summary = "boots once only, as next_entry in grubenv asks; the boot after that takes the default again"
    if answer != BOOTS:
        summary += ", and the first entry {} under {}".format(_verb(answer), mode.upper())
    evidence = (Evidence(menu.config or "", "next_entry", menu.default or ""), Evidence(first.kernel or "", "", answer))
    yield Finding("boots-once", INFO if answer == BOOTS else WARN, mode, chosen.title, summary, evidence)


def judge_next_first(following: Following, now: Entry, facts: Facts, host: Host, mode: str) -> "Optional[Finding]":
    """Return what is to be said of the entry that comes first once the menu is written anew, where it is another than now."""
    path, kernels = following.entry.kernel or "", facts.kernels
    copy = is_copy(path, [name for kernel in kernels for name in kernel.names])
    fix = (remedies.move_copy(path) + remedies.regenerate(facts.guest)) if copy else following.remedies
    subject, check = path, "kernel-copy" if copy else "newer-kernel"
    comes = "a copy, which the next menu begins with" if copy else "the next menu begins with it"
    if following.answer == BOOTS:
        if not copy and any(entry.kernel == path for entry in facts.menus[mode].entries):
            return None
        summary = comes if copy else "not in the menu yet; {}, and it boots under {}".format(comes, mode.upper())
        return Finding(check, INFO, mode, path, summary, (Evidence(path),), fix if copy else remedies.regenerate(facts.guest))
    fails = "it {} under {}: {}".format(_verb(following.answer), mode.upper(), following.reason)
    menu = facts.menus[mode]
    default = next_default(menu, now, facts.defaults, host.guest_prefix)
    status = WARN
    if default == UNKNOWN:
        comes += ", and may boot it by default"
    elif default == PINNED and stays(now.kernel, kernels, facts):
        status = INFO
        comes += ", though its default is another by name"
    elif default == PINNED:
        subject, check = now.kernel or "", "autoremove"
        comes = "the next upgrade and its autoremove take it away, and then {} boots".format(path)
        fix = remedies.keep_kernel(facts.guest, _named(now.kernel, kernels)) + fix
    evidence = (Evidence(path, "", following.answer),) + following.evidence
    return Finding(check, status, mode, subject, "{}; {}".format(comes, fails), evidence, fix)


def _named(path: "Optional[str]", kernels: "Tuple[Kernel, ...]") -> "Optional[Kernel]":
    return next((kernel for kernel in kernels if path in kernel.names or path == kernel.path), None)


def stays(path: "Optional[str]", kernels: "Tuple[Kernel, ...]", facts: Facts) -> bool:
    """Whether a kernel is still there after the next upgrade and autoremove.

    apt keeps the running kernel and the newest, and the second newest only where these are one (apt-pkg/algorithms.cc);
    zypper does much the same; dnf keeps three of a kind, or as many as installonly_limit says, and the running one.
    """
    kernel = _named(path, kernels)
    family = remedies.family(facts.guest)
    if kernel is None:
        return False
    if kernel.running or kernel.has_dpkg and kernel.package is None or family not in ("debian", "redhat", "suse"):
        return True
    room = 0 if family == "debian" and any(other.running for other in kernels) else 1
    rivals = [other for other in kernels if other.path.startswith("/boot/") and (other.package or not other.has_dpkg)]
    if family == "redhat":
        limit = _INSTALLONLY_LIMIT if facts.upgrades.keeps is None else facts.upgrades.keeps
        if limit < 2:
            return True  # dnf knows no limit then
        room = limit - 1
        rivals = [other for other in rivals if _kind(other) == _kind(kernel)]
    order = sorted({_age(other) for other in rivals}, reverse=True)
    return _age(kernel) in order[:room]


def _age(kernel: Kernel) -> "Tuple[object, ...]":
    return sort_key(kernel.release or kernel.named_release)


def judge_wanted_default(facts: Facts, menu: Menu, answers: "Dict[str, str]", mode: str) -> "Iterator[Finding]":
    """Return whether /etc/default/grub names a kernel that does not boot, while the menu, older than that, has another default."""
    wanted = facts.defaults.values.get("GRUB_DEFAULT", "")
    if wanted == menu.default or menu.uses_blscfg:
        return
    installed = [kernel for kernel in facts.kernels if kernel.path.startswith("/boot/")]
    named = [kernel for kernel in installed if kernel.named_release and kernel.named_release in wanted]
    kernel = max(named, key=lambda found: len(found.named_release or ""), default=None)
    if kernel and answers.get(kernel.path) != BOOTS:
        summary = "GRUB_DEFAULT names Linux {}, which {} under {}: so it will be once the menu is written anew".format(
            kernel.named_release, _verb(answers.get(kernel.path, "")), mode.upper()
        )
        path, _, line = facts.defaults.sources["GRUB_DEFAULT"].rpartition(":")
        fix = remedies.default_to_first(facts.guest, False)
        yield Finding("grub-config-stale", WARN, mode, kernel.path, summary, (Evidence(path, "line " + line, wanted),), fix)


def judge_upgrade(facts: Facts, entry: Entry, answers: "Dict[str, str]", mode: str) -> "Iterator[Finding]":
    """Return whether the next kernel of the default kind becomes the default, and the newest of that kind does not boot.

    So it is where the guest boots a kernel of another source beside the distribution's: rpm's scriptlets set saved_entry.
    """
    kernels, package = facts.kernels, facts.upgrades.default_kernel or ""
    wanted = package.replace("-core", "")
    if not facts.upgrades.updates_default or facts.defaults.values.get("GRUB_DEFAULT") != "saved":
        return
    kernel = _named(entry.kernel, kernels)
    rivals = [other for other in kernels if other.path.startswith("/boot/") and _kind(other) == wanted and "-rescue-" not in other.path]
    if kernel is None or _kind(kernel) == wanted or not rivals:
        return
    newest = max(rivals, key=_age)
    if answers.get(newest.path) != BOOTS:
        summary = "a new kernel of the package {} becomes the default once it is installed, and the newest of these {} under {}".format(
            package, _verb(answers.get(newest.path, "unknown")), mode.upper()
        )
        evidence = (Evidence("/etc/sysconfig/kernel", "DEFAULTKERNEL", package), Evidence(newest.path))
        yield Finding("upgrade-default", WARN, mode, newest.path, summary, evidence, remedies.keep_default_kind(_kind(kernel)))


def _kind(kernel: Kernel) -> str:
    """Return the name of the package family that a kernel of an rpm system is of, as far as its package and release tell."""
    release = kernel.release or kernel.named_release or ""
    for kind in ("kernel-ml", "kernel-lt", "kernel-uek", "kernel-rt", "kernel-plus"):
        if (kernel.package or "").startswith(kind):
            return kind
    if "elrepo" in release:
        return "kernel-ml"
    return "kernel-uek" if "uek" in release else "kernel-plus" if "plus" in release else "kernel"


def judge_other_kernels(
    kernels: "Tuple[Kernel, ...]",
    chosen: "Tuple[str, ...]",
    answers: "Dict[str, str]",
    mode: str,
    told: "Optional[str]" = None,
) -> "Iterator[Finding]":
    """Return the findings on kernels that do not boot next.

    ``chosen`` are the paths that do, ``answers`` maps a path to boots, fails or unknown. ``told`` is the kernel that comes first
    in the next menu; where that cannot be told, any that is newer than the default may. Those are a warning, all others are
    shown plainly. Copies outside /boot get into no menu.
    """
    newest = max((sort_key(kernel.named_release or kernel.release) for kernel in kernels if kernel.path in chosen), default=None)
    others = [kernel for kernel in kernels if kernel.path.startswith("/boot/") and kernel.path not in chosen and told not in kernel.names]
    others = [kernel for kernel in others if answers.get(kernel.path) != BOOTS and not is_kept(kernel.path)]
    newer = [kernel for kernel in others if newest is not None and sort_key(kernel.named_release or kernel.release) > newest]
    newer = [] if told else newer
    older = [kernel for kernel in others if kernel not in newer]
    if newer:
        text = "newer than the default, and {} under {}: the next regeneration of the menu may choose it"
        yield _group("newer-kernel", WARN, newer, answers, mode, text)
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
