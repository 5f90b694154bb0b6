"""The menu: what the host's GRUB finds, and whether the entry that boots next can be carried out there."""

from pvhready.answers import UNKNOWN as NOT_KNOWN
from pvhready.answers import YES
from pvhready.facts import UNMOUNTED, Entry, EntryError, Facts, Menu
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, WARN, Evidence, Finding, Remedy
from pvhready.host import Host
from pvhready.rules import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple


def judge_menu(menu: Menu, mode: str, host: Host, facts: Facts) -> "List[Finding]":
    """Return the findings on grub.cfg as a whole: is it there, was it understood, does it give a default entry?"""
    if menu.reason == "no-config":
        return [_no_config(menu, mode, host, facts)]
    if menu.reason == "unreadable":
        return [_unreadable(menu, mode, facts)]
    if menu.uses_blscfg and not menu.candidates:
        return [_only_bls(menu, mode, host, facts)]
    if not menu.candidates:
        summary = "shows no entry that could be booted"
        return [_finding("grub-no-entries", FAIL, mode, menu, summary, remedies.regenerate(facts.guest, menu.config))]
    findings = [_finding("grub-config", PASS, mode, menu, "found and understood, {} entries".format(len(menu.entries)))]
    if menu.uses_blscfg and menu.may_show_nothing and host.command("blscfg") == NOT_KNOWN:
        findings.append(_only_bls(menu, mode, host, facts))
    for error in menu.errors:
        if error.command == "blscfg":
            continue
        findings.append(
            Finding("grub-config-errors", INFO, mode, menu.config or "", "GRUB will complain: " + error.text, (_at(error.source),))
        )
    titles = {entry.index: entry.title for entry in menu.entries}
    for index in menu.broken:
        summary = "the default entry \"{}\" cannot be loaded: GRUB goes on to the fallback entry".format(titles.get(index, index))
        findings.append(_finding("entry-fallback", WARN, mode, menu, summary, remedies.regenerate(facts.guest, menu.config)))
    if menu.waits:
        summary = "sets no timeout, or more than ten minutes: GRUB waits at its menu until somebody presses a key"
        findings.append(_finding("grub-waits", WARN, mode, menu, summary, remedies.regenerate(facts.guest, menu.config)))
    for assumption in menu.assumptions:
        findings.append(_finding("grub-assumption", INFO, mode, menu, assumption))
    return findings


def loads(entry: Entry) -> "Optional[bool]":
    """Return whether GRUB gets as far as starting what the entry loads; None when that is not known."""
    if any(error.fatal for error in entry.errors):
        return False
    if any(error.fatal is None for error in entry.errors):
        return None
    return entry.kernel is not None


def judge_entry(entry: Entry, mode: str, host: Host, facts: Facts) -> "List[Finding]":
    """Return the findings on the entry's own commands on this host."""
    findings = [_entry_error(entry, error, mode, host, facts) for error in entry.errors]
    if entry.kernel is None and all(error.fatal is False for error in entry.errors):
        findings.append(Finding("entry-kernel", FAIL, mode, entry.title, "loads no kernel", (_at(entry.source),)))
    if not any(finding.status in (FAIL, UNKNOWN) for finding in findings):
        findings.insert(0, Finding("entry", PASS, mode, entry.title, "loads {}".format(entry.kernel), (_at(entry.source),)))
    return findings


def _entry_error(entry: Entry, error: EntryError, mode: str, host: Host, facts: Facts) -> Finding:
    where = (_at(error.source or entry.source),)
    status = UNKNOWN if error.fatal is None else FAIL if error.fatal else INFO
    if error.command is None:
        fix = remedies.regenerate(facts.guest) if error.fatal else ()
        return Finding("entry-error", status, mode, entry.title, "GRUB will complain: " + error.text, where, fix)
    variants = error.command.startswith(("linux", "initrd"))
    fix = remedies.plain_linux_command(facts.guest, error.command, facts.menus[mode].config) if variants else ()
    known = "it is not known whether GRUB of host {} has it" if host.command(error.command) == NOT_KNOWN else "GRUB of host {} lacks it"
    summary = "needs the command {}, and {}".format(error.command, known.format(host.name))
    return Finding("entry-command", status, mode, entry.title, summary, where, fix)


def _no_config(menu: Menu, mode: str, host: Host, facts: Facts) -> Finding:
    searched = ", ".join(host.configs)
    summary = "no grub.cfg where the host looks ({}): GRUB stops at its prompt".format(searched)
    if menu.problem and "no such file" not in menu.problem.reason:
        summary += "; " + menu.problem.reason
    if menu.elsewhere:
        summary += "; there is {}, which it does not read".format(", ".join(menu.elsewhere))
    own = remedies.own_config(facts.guest)
    path = own if host.configs.get(own) == YES else next(iter(host.configs))
    return Finding(
        "grub-config-missing", FAIL, mode, path, summary, (Evidence(path, "", "missing"),), remedies.write_config(facts.guest, path)
    )


def _unreadable(menu: Menu, mode: str, facts: Facts) -> Finding:
    path = menu.problem.path if menu.problem else menu.config or ""
    reason = menu.problem.reason if menu.problem else "not understood"
    fix = remedies.run_as_root(reason) or remedies.regenerate(facts.guest)
    summary = "cannot be read: " + reason
    if menu.problem == UNMOUNTED:  # the menu must not be written anew now: that would go below the mount point
        summary, fix = reason, remedies.mount_boot(facts.root, facts.storage.fstab)
    return Finding("grub-config-unreadable", UNKNOWN, mode, path, summary, (Evidence(path, "", reason),), fix)


def _only_bls(menu: Menu, mode: str, host: Host, facts: Facts) -> Finding:
    answer = host.command("blscfg")
    if answer == YES:
        status, summary = FAIL, menu.problem.reason if menu.problem else "its entries come from blscfg, and it finds none"
    elif answer == NOT_KNOWN:
        status, summary = (
            UNKNOWN,
            "its entries come from blscfg only, and it is not known whether GRUB of host {} has that".format(host.name),
        )
    else:
        status, summary = FAIL, "its entries come from blscfg only, which GRUB of host {} lacks: it shows no entry".format(host.name)
    return _finding("grub-blscfg", status, mode, menu, summary, remedies.entries_in_config(facts.guest, menu.config))


def _finding(check: str, status: str, mode: str, menu: Menu, summary: str, fix: "Tuple[Remedy, ...]" = ()) -> Finding:
    path = menu.config or ""
    return Finding(check, status, mode, path, summary, (Evidence(path),), fix)


def _at(source: str) -> Evidence:
    path, _, line = source.rpartition(":")
    return Evidence(path or source, "line " + line if path else "")
