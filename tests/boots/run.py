#!/usr/bin/env python3
"""Holds what pvhready says of guests against what real Xen makes of them.

As root: python3 tests/boots/run.py [--list] [--again] [--patience N] [--table FILE] [BATCH or CASE ...]

Boots the cases that have not been booted yet (all, or those named), judges each with the program as it is now, prints case, prediction
and truth, and ends with 1 when they differ. What was seen is kept in seen/, so a run that was ended goes on where it was, and nobody
boots again what was seen already. Several runs may be at work at once, on different batches.
"""

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
sys.path[:0] = [_TOP, os.path.dirname(_HERE)]

import pytest  # noqa: E402

from boots import guests, hosts, judging, laboratory, page, truth  # noqa: E402
from boots.cases import BATCHES, Case  # noqa: E402
from boots.results import Results  # noqa: E402
from support import debian  # noqa: E402

_AT_ONCE = 8  # guests for one start of Xen
_STARTS = 2  # of Xen that may bring no guest at all before it is given up


class Booted(NamedTuple):
    """A case that was booted so many times, and what its last boot left."""

    case: Case
    log: laboratory.Log
    seen: truth.Truth
    boots: int


def booted(cases: Sequence[Case], folder: str, patience: int = 1) -> Iterator[Booted]:
    """Boot the cases, some at a time. What Xen never came to, and a failure that nobody explains, is booted once more."""
    made = laboratory.prepare()
    waiting = list(cases)
    tries: Dict[str, int] = {}
    in_vain = 0
    while waiting:
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        logs = laboratory.run(made, [_made(case, folder, patience) for case in now], folder)
        reached = [case for case in now if logs[case.name].end or logs[case.name].console]
        waiting += [case for case in now if case not in reached]
        in_vain = 0 if reached else in_vain + 1
        if in_vain > _STARTS:
            raise NotStarted("Xen starts no guest; its last words: " + laboratory.last_words(folder))
        for case in reached:
            tries[case.name] = tries.get(case.name, 0) + 1
            seen = truth.read(logs[case.name], case.mode)
            if (logs[case.name].end and truth.explained(seen)) or tries[case.name] > 1:
                yield Booted(case, logs[case.name], seen, tries[case.name])
            else:
                waiting.append(case)


class NotStarted(Exception):
    """Xen or dom0 did not come up."""


def boot(cases: Sequence[Case], results: Results, folder: str, patience: int = 1) -> None:
    """Boot the cases and keep what was seen."""
    for case, log, seen, boots in booted(cases, folder, patience):
        _keep_log(case, log)
        results.put(case, seen, boots, [] if seen.boots else truth.tail(log))
        print("{:34} {:6} {}".format(case.name, "boots" if seen.boots else "fails", seen.words or seen.type), flush=True)


def _made(case: Case, folder: str, patience: int) -> laboratory.Guest:
    tree = os.path.join(folder, case.name)
    guests.make_tree(case, tree)
    disks = guests.make_disks(case, tree, folder)
    shutil.rmtree(tree)
    loader = hosts.loader(case.host, case.mode, case.builtin)
    return laboratory.Guest(case.name, case.mode, loader, disks, case.memory, case.seconds * patience, case.extra)


def _keep_log(case: Case, log: laboratory.Log) -> None:
    with open(debian.cache("boots", "logs", case.name + ".log"), "w", encoding="utf-8") as handle:
        handle.write(log.console + "\n--- Xen\n" + log.xen)


def compare(cases: Sequence[Case], results: Results, folder: str) -> List[page.Row]:
    """Judge each case that was booted with the program as it is now."""
    rows = []
    for case in cases:
        result = results.get(case)
        if result is None:
            continue
        tree = os.path.join(folder, case.name)
        guests.make_tree(case, tree)
        disks = guests.make_disks(case, tree, folder)
        said = judging.predict(case, tree, disks)
        shutil.rmtree(tree)
        for image in disks.values():
            os.remove(image)
        rows.append(page.Row(case, said, result, judging.judgement(case, said, result.truth)))
    return rows


def chosen(names: Sequence[str]) -> List[Case]:
    """Return the cases of the batches or patterns named, all when none is."""
    every = [(batch, case) for batch, cases in BATCHES.items() for case in cases]
    return [case for batch, case in every if not names or any(batch == name or fnmatch.fnmatch(case.name, name) for name in names)]


def show(cases: Sequence[Case], results: Results) -> None:
    """Print what there is to boot."""
    for case in cases:
        known = "booted" if results.get(case) else "-"
        print("{:34} {:7} {:16} {:4} {:8} {:14} {}".format(case.name, known, case.kernel, case.mode, case.form, case.host, case.cmdline))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Boot, judge, print; return 1 when prediction and truth differ anywhere."""
    parser = argparse.ArgumentParser(description="Boots guests on real Xen and compares with what pvhready says. Needs root.")
    parser.add_argument("names", nargs="*", help="batches ({}) or cases".format(", ".join(BATCHES)))
    parser.add_argument("--list", action="store_true", help="show the cases and whether each was booted")
    parser.add_argument("--again", action="store_true", help="boot also what was booted before")
    parser.add_argument("--patience", metavar="N", type=int, default=1, help="wait N times as long for a guest: for a busy machine")
    parser.add_argument("--table", metavar="FILE.md", help="write the page with all results, and FILE.csv, without booting anything")
    options = parser.parse_args(arguments)
    cases, results = chosen(options.names), Results()
    if options.list:
        show(cases, results)
        return 0
    folder = tempfile.mkdtemp(dir=debian.cache("boots", "work", ""))
    try:
        if not options.table:
            boot([case for case in cases if options.again or results.get(case) is None], results, folder, options.patience)
        rows = compare(cases, results, folder)
    finally:
        shutil.rmtree(folder)
    if options.table:
        with open(options.table, "w", encoding="utf-8") as handle:
            handle.write(page.markdown(rows, [case.name for case in cases if results.get(case) is None]))
        page.table(rows, os.path.splitext(options.table)[0] + ".csv")
    for row in rows:
        print("{:34} {:10} {:8} {:40} {}".format(
            row.case.name, row.said.verdict, row.said.answer, row.result.truth.words or row.result.truth.type, row.judgement))
    print(page.summary(rows))
    return 1 if any(row.judgement in judging.WRONG for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NotStarted, subprocess.CalledProcessError, pytest.skip.Exception) as error:
        sys.exit(str(error))
