"""The menu: what the host's GRUB finds, and whether the entry that boots next can be carried out there."""

from typing import List, Optional, Tuple

from pvhready.facts import Entry, Facts, Menu
from pvhready.findings import FAIL, INFO, PASS, UNKNOWN, Evidence, Finding, Remedy
from pvhready.host import UNKNOWN as NOT_KNOWN
from pvhready.host import Host
from pvhready.rules import remedies


def judge_menu(menu: Menu, mode: str, host: Host, facts: Facts) -> List[Finding]:
    """Return the findings on grub.cfg as a whole: is it there, was it understood, does it give a default entry?"""
    if menu.reason == "no-config":
        return [_no_config(menu, mode, host, facts)]
    if menu.reason == "unreadable":
        return [_unreadable(menu, mode, facts)]
    if menu.uses_blscfg and not menu.candidates:
        return [_only_bls(menu, mode, host, facts)]
    if not menu.candidates:
        summary = "shows no entry that could be booted"
        return [_finding("grub-no-entries", FAIL, mode, menu, summary, remedies.regenerate(facts.guest))]
    findings = [_finding("grub-config", PASS, mode, menu, "found and understood, {} entries".format(len(menu.entries)))]
    for error in menu.errors:
        findings.append(Finding("grub-config-errors", INFO, mode, menu.config or "", "GRUB will complain: " + error.text, (_at(error.source),)))
    for assumption in menu.assumptions:
        findings.append(_finding("grub-assumption", INFO, mode, menu, assumption))
    return findings


def judge_entry(entry: Entry, mode: str, host: Host, facts: Facts) -> List[Finding]:
    """Return the findings on the entry's own commands on this host."""
    findings = [_entry_error(entry, mode, host, facts, error.text, error.command, error.source) for error in entry.errors]
    if not entry.errors and entry.kernel is None:
        findings.append(Finding("entry-kernel", FAIL, mode, entry.title, "loads no kernel", (_at(entry.source),)))
    return findings or [Finding("entry", PASS, mode, entry.title, "loads {}".format(entry.kernel), (_at(entry.source),))]


def _entry_error(
    entry: Entry, mode: str, host: Host, facts: Facts, text: str, command: Optional[str], source: str,
) -> Finding:
    where = (_at(source or entry.source),)
    if command is None:
        return Finding("entry-error", FAIL, mode, entry.title, "GRUB will complain: " + text, where, remedies.regenerate(facts.guest))
    fix = remedies.plain_linux_command(facts.guest, command) if command.startswith(("linux", "initrd")) else ()
    if host.command(command) == NOT_KNOWN:
        summary = "needs the command {}, and it is not known whether GRUB of host {} has it".format(command, host.name)
        return Finding("entry-command", UNKNOWN, mode, entry.title, summary, where, fix)
    summary = "needs the command {}, which GRUB of host {} lacks".format(command, host.name)
    return Finding("entry-command", FAIL, mode, entry.title, summary, where, fix)


def _no_config(menu: Menu, mode: str, host: Host, facts: Facts) -> Finding:
    searched = ", ".join(host.configs)
    summary = "no grub.cfg where the host looks ({}): GRUB stops at its prompt".format(searched)
    seen = menu.problem.reason if menu.problem else ""
    if seen:
        summary += "; " + seen
    path = next(iter(host.configs))
    return Finding("grub-config-missing", FAIL, mode, path, summary, (Evidence(path, "", "missing"),), remedies.write_config(facts.guest, path))


def _unreadable(menu: Menu, mode: str, facts: Facts) -> Finding:
    path = menu.problem.path if menu.problem else menu.config or ""
    reason = menu.problem.reason if menu.problem else "not understood"
    fix = remedies.run_as_root(facts.guest, reason) or remedies.regenerate(facts.guest)
    return Finding("grub-config-unreadable", UNKNOWN, mode, path, "cannot be read: " + reason, (Evidence(path, "", reason),), fix)


def _only_bls(menu: Menu, mode: str, host: Host, facts: Facts) -> Finding:
    answer = host.command("blscfg")
    if answer == NOT_KNOWN:
        status, summary = UNKNOWN, "its entries come from blscfg only, and it is not known whether GRUB of host {} has that".format(host.name)
    else:
        status, summary = FAIL, "its entries come from blscfg only, which GRUB of host {} lacks: it shows no entry".format(host.name)
    return _finding("grub-blscfg", status, mode, menu, summary, remedies.entries_in_config(facts.guest))


def _finding(check: str, status: str, mode: str, menu: Menu, summary: str, fix: Tuple[Remedy, ...] = ()) -> Finding:
    path = menu.config or ""
    return Finding(check, status, mode, path, summary, (Evidence(path),), fix)


def _at(source: str) -> Evidence:
    path, _, line = source.rpartition(":")
    return Evidence(path or source, "line " + line if path else "")
