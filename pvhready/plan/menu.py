"""Steps about the menu: a grub.cfg where the host looks, entries in it, and the arguments of their command lines."""

from pvhready.answers import YES
from pvhready.cmdline import parse
from pvhready.facts import Entry
from pvhready.findings import WARN, Finding, Remedy, hint
from pvhready.plan.case import Case, actions, ids, remedies_of, sentence
from pvhready.plan.records import DONE, TO_DO, Step
from pvhready.rules import remedies
from pvhready.rules.cmdline import has_xen_console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

MISSING = ("grub-config-missing",)
SNIPPETS = ("grub-blscfg",)
CONSOLE = ("console-silent",)
ARGUMENTS = (
    "cmdline-nopv", "cmdline-acpi", "cmdline-vector-callback", "cmdline-blacklist", "cmdline-nolapic", "cmdline-too-long", "cmdline-stops",
    "cmdline-boot-script", "cmdline-volume", "cmdline-rescue", "root-file-system",
)
# What a menu written anew mends.
ANEW = ("grub-no-entries", "grub-waits", "entry-kernel", "entry-fallback", "entry-error", "grub-config-stale")
_VARIABLES = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
_CONSOLE_TITLE = "Let kernel messages go to the Xen console"


def write(case: Case) -> "List[Step]":
    """Return the step that writes a grub.cfg where there is none, or one whose entries any GRUB reads."""
    missing, snippets = case.said(MISSING), case.said(SNIPPETS)
    if missing:
        title = "Write a grub.cfg where the host's GRUB looks"
        path = missing[0].subject
        fix = _without_snippets(case) + _own_arguments(case, remedies_of(missing))
        proof = case.proof('the menu, and under it "Boots next"', "entries")
        note = "The host reads {} only: write it anew after every kernel upgrade.".format(path) if _is_foreign(case, path) else ""
        return [Step("write-grub-cfg", TO_DO, title, sentence(missing[0]), actions(fix), proof, note, checks=ids(missing))]
    title = "Have the entries in grub.cfg itself"
    if snippets:
        proof = case.proof('the menu, and under it "Boots next"', "entries")
        fix = remedies.entries_in_config(case.guest, case.config)[:-1]
        note = "Entries in grub.cfg itself boot with every GRUB."
        uncertain = ids(case.said(("entry-uncertain",)))  # no longer, once it does not hang on that command
        answered = ids(snippets) + uncertain
        return [Step("entries-in-grub-cfg", TO_DO, title, sentence(snippets[0]), actions(fix), proof, note, checks=answered)]
    if case.entry and not case.menu.uses_blscfg and case.facts.defaults.values.get("GRUB_ENABLE_BLSCFG") == "false":
        return [Step("entries-in-grub-cfg", DONE, title, "GRUB_ENABLE_BLSCFG=false is set, and the entries stand in grub.cfg.")]
    return []


def plain(case: Case) -> "List[Step]":
    """Return the step that replaces commands such as linux16, which not every GRUB has."""
    found = [finding for finding in case.said(("entry-command",)) if finding.remedies]
    if not found:
        return []
    why = sentence(found[0]) + " Every GRUB has the plain commands linux and initrd, and they boot the same kernel."
    proof = case.proof("the menu without errors", "entries")
    answered = ids(found) + ids(case.said(("entry-uncertain",)))
    title = "Have plain commands in the menu"
    return [Step("plain-commands", TO_DO, title, why, actions(remedies_of(found[:1])), proof, checks=answered)]


def console(case: Case) -> "List[Step]":
    """Return the step that adds console=hvc0, done where the entry has it."""
    found, asked = case.said(CONSOLE), _asked_for_console(case)
    moved = bool(case.said(SNIPPETS)) and not asked  # the entries to come are made from /etc/default/grub
    if case.has_console() and not moved:
        return [Step("console", DONE, _CONSOLE_TITLE, "The entry that boots next has console=hvc0.")]
    if not found and not moved and (case.entry is not None or asked):
        return []
    again = remedies.regenerate(case.guest, case.config)
    fix = again if asked else remedies.add_console(case.guest, _entry_that_stays(case))
    if not asked and fix[-1] == remedies.regenerate(case.guest)[-1]:
        fix = fix[:-1] + again
    why = "Under PV the kernel finds the Xen console by itself. Under PVH it must be told, or nothing is seen after GRUB."
    proof = case.proof("console=hvc0 in the cmdline of the entry that boots next", "entries")
    return [Step("console", TO_DO, _CONSOLE_TITLE, why, actions(fix), proof, checks=ids(found))]


def arguments(case: Case) -> "List[Step]":
    """Return the step that takes away the arguments which stop or endanger a PVH guest."""
    found = case.said(ARGUMENTS)
    if not found:
        return []
    why = " ".join(sentence(finding) for finding in found[:3])
    proof = case.proof('the line "command line" with "ok"', "check")
    note = "Where it is still there afterwards: grep -rn for it in /etc/default/grub.d and /etc/grub.d."
    fix = remedies_of(found)
    return [Step("command-line", TO_DO, "Take arguments from the command line", why, actions(fix), proof, note, checks=ids(found))]


def anew(case: Case, earlier: "List[Step]") -> "List[Step]":
    """Return the step that writes the menu anew, unless an earlier one does so."""
    found = [finding for finding in case.said(ANEW) if finding.id != "grub-config-stale" or finding.status == WARN]
    written = {action.argv for step in earlier for action in step.actions}
    again = remedies.regenerate(case.guest, case.config)
    only_stale = all(finding.id == "grub-config-stale" for finding in found)
    if not found or only_stale and written.intersection(remedy.argv for remedy in again):
        return []
    fix = _with_timeout(found) + again
    why = " ".join(sentence(finding) for finding in found[:3])
    proof = case.proof('the menu without errors, and under it "Boots next"', "entries")
    return [Step("write-menu", TO_DO, "Write the menu anew", why, actions(fix), proof, checks=ids(found))]


def _without_snippets(case: Case) -> "Tuple[Remedy, ...]":
    """A menu that is written anew has its entries in itself, where it is not known that the host reads others."""
    if case.facts.defaults.values.get("GRUB_ENABLE_BLSCFG") != "true" or case.host.command("blscfg") == YES:
        return ()
    return remedies.entries_in_config(case.guest)[:1]


def _own_arguments(case: Case, fix: "Tuple[Remedy, ...]") -> "Tuple[Remedy, ...]":
    """Alpine's initramfs is told on the command line what to mount and with which module, which its grub-mkconfig does not know."""
    if remedies.family(case.guest) != "alpine" or not fix:
        return fix
    types = [mount.filesystem for mount in case.facts.storage.mounts + case.facts.storage.fstab if mount.point == "/"]
    if not types or not types[0].isalnum():
        asked = hint("Take modules= and rootfstype= from /boot/extlinux.conf over into GRUB_CMDLINE_LINUX in /etc/default/grub.")
        return fix[:-1] + (asked,) + fix[-1:]
    asked = remedies.add_argument("name the root's file system, as /boot/extlinux.conf does", "rootfstype=" + types[0])
    module = remedies.add_argument("and its module", "modules=" + types[0])
    return fix[:-1] + (asked, module) + fix[-1:]


def _is_foreign(case: Case, path: str) -> bool:
    return path != remedies.own_config(case.guest)


def _asked_for_console(case: Case) -> bool:
    """Whether /etc/default/grub asks for it, so that only the menu is old."""
    values = case.facts.defaults.values
    return any(has_xen_console(parse(values.get(variable, ""))) for variable in _VARIABLES)


def _entry_that_stays(case: Case) -> "Optional[Entry]":
    """The entry that tells where arguments are added; None where an earlier step moves the entries into grub.cfg."""
    return None if case.said(SNIPPETS) else case.entry


def _with_timeout(found: "List[Finding]") -> "Tuple[Remedy, ...]":
    if not any(finding.id == "grub-waits" for finding in found):
        return ()
    return (remedies.append_line("wait five seconds at the menu", "GRUB_TIMEOUT=5", remedies.DEFAULTS),)
