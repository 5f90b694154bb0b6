#!/usr/bin/env python3
"""Holds what pvhready says of guests against what real Xen makes of them.

As root: python3 tests/boots/run.py [--list] [--again] [--table FILE] [BATCH or CASE ...]

Boots the cases that have not been booted yet (all, or those named), judges each with the program as it is now, prints case, prediction
and truth, and ends with 1 when they differ. Results are kept in the tests' cache, so a run that was ended goes on where it was.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))
sys.path[:0] = [_TOP, os.path.dirname(_HERE)]

from boots import guests, kernels, laboratory, truth  # noqa: E402
from boots.cases import BATCHES, Case  # noqa: E402
from support import debian  # noqa: E402
from support.program import Program  # noqa: E402

_AT_ONCE = 6  # guests for one start of Xen


class Prediction(NamedTuple):
    """What the program says: the verdict, whether the next boot comes up (boots, fails, unknown), and whether the console stays silent."""

    verdict: str
    answer: str
    silent: bool
    why: str


def predict(case: Case, tree: str, disks: Dict[str, str]) -> Prediction:
    """Return what the program says of a tree and its disks."""
    arguments = ["--host", case.host, "--target", case.mode[:3].rstrip("3")]
    for image in disks.values():
        arguments += ["--device", image]
    report = Program().check(tree, *arguments)
    mode = "pvh" if case.mode == "pvh" else "pv"
    wrong = [check["id"] for check in report["checks"] if check["status"] in ("fail", "unknown") and check["mode"] in (mode, "both")]
    silent = any(check["id"] == "console-silent" and check["status"] == "warn" and check["mode"] == mode for check in report["checks"])
    return Prediction(report["verdict"], report["modes"][mode], silent, ", ".join(dict.fromkeys(wrong)))


def judgement(case: Case, said: Prediction, seen: truth.Truth) -> str:
    """Return "agrees", or what is wrong between prediction and truth."""
    if said.answer == "unknown":
        return "unknown"
    if (said.answer == "boots") != seen.boots:
        return "WRONG READY" if said.answer == "boots" else "too strict"
    if seen.boots and case.mode == "pvh" and said.silent == seen.console:
        return "wrong about the console"
    return "agrees"


class Results:
    """The boots of earlier runs, by case."""

    def __init__(self) -> None:
        self._path = debian.cache("boots", "results.json")
        self._known: Dict[str, Any] = {}
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as handle:
                self._known = json.load(handle)

    def get(self, case: Case) -> Optional[truth.Truth]:
        """Return what was seen of a case as it is defined now; None when it was not booted."""
        entry = self._known.get(case.name)
        return truth.Truth(**entry["truth"]) if entry and entry["case"] == fingerprint(case) else None

    def put(self, case: Case, seen: truth.Truth) -> None:
        """Keep what was seen."""
        self._known[case.name] = {"case": fingerprint(case), "truth": seen._asdict()}
        with open(self._path + ".partial", "w", encoding="utf-8") as handle:
            json.dump(self._known, handle, indent=1, sort_keys=True)
        os.replace(self._path + ".partial", self._path)


def fingerprint(case: Case) -> str:
    """Return what changes when the guest of a case changes."""
    kernel = kernels.kernel(case.kernel)
    total = hashlib.sha256(repr((case[:7], case.menu("R", "C"), case[8:])).encode())
    for path in (kernel.image, os.path.join(_HERE, "guest", "init"), laboratory.loader(case.host, case.mode)):
        with open(path, "rb") as handle:
            total.update(handle.read())
    return total.hexdigest()[:16]


def boot(cases: Sequence[Case], results: Results, folder: str) -> None:
    """Boot the cases, some at a time; a case that Xen never came to is tried once more."""
    made = laboratory.prepare()
    waiting = list(cases)
    tries: Dict[str, int] = {}
    while waiting:
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        started = []
        for case in now:
            tree = os.path.join(folder, case.name)
            guests.make_tree(case, tree)
            disks = guests.make_disks(case, tree, folder)
            shutil.rmtree(tree)
            loader = laboratory.loader(case.host, case.mode)
            started.append(laboratory.Guest(case.name, case.mode, loader, disks, case.memory, case.seconds, case.extra))
        logs = laboratory.run(made, started, folder)
        for case in now:
            log = logs[case.name]
            tries[case.name] = tries.get(case.name, 0) + 1
            if not log.end and tries[case.name] < 2:
                waiting.append(case)
                continue
            seen = truth.read(log, case.mode)
            _keep_log(case, log)
            results.put(case, seen)
            print("{:34} {:6} {}".format(case.name, "boots" if seen.boots else "fails", seen.words or seen.type), flush=True)


def _keep_log(case: Case, log: laboratory.Log) -> None:
    with open(debian.cache("boots", "logs", case.name + ".log"), "w", encoding="utf-8") as handle:
        handle.write(log.console + "\n--- Xen\n" + log.xen)


def compare(cases: Sequence[Case], results: Results, folder: str) -> "List[List[str]]":
    """Judge each case that was booted with the program as it is now; return the rows of the table."""
    rows = []
    for case in cases:
        seen = results.get(case)
        if seen is None:
            continue
        tree = os.path.join(folder, case.name)
        guests.make_tree(case, tree)
        disks = guests.make_disks(case, tree, folder)
        said = predict(case, tree, disks)
        shutil.rmtree(tree)
        for image in disks.values():
            os.remove(image)
        verdict = "emulator: " + case.flaw if case.flaw else judgement(case, said, seen)
        console = "" if not seen.boots else "yes" if seen.console else "silent"
        shown = [case.name, said.verdict, said.answer + (", silent" if said.silent else ""), said.why]
        rows.append(shown + ["boots" if seen.boots else "fails", seen.type, console, seen.words, verdict])
    return rows


_TITLES = ("case", "verdict", "predicted", "because of", "truth", "guest type", "console", "last words", "judgement")


def as_markdown(rows: "List[List[str]]") -> str:
    """Return the page docs/measured-boots.md."""
    head = _read(os.path.join(_HERE, "page.md"))
    table = ["| {} |".format(" | ".join(_TITLES)), "|" + "---|" * len(_TITLES)]
    table += ["| {} |".format(" | ".join(cell.replace("|", "\\|") for cell in row)) for row in rows]
    counts: Dict[str, int] = {}
    for row in rows:
        counts[row[-1]] = counts.get(row[-1], 0) + 1
    summary = ", ".join("{}: {}".format(name, count) for name, count in sorted(counts.items()))
    return "{}\n{} boots. {}.\n\n{}\n".format(head, len(rows), summary, "\n".join(table))


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as handle:
        return handle.read()


def chosen(names: Sequence[str]) -> List[Case]:
    """Return the cases of the batches or patterns named, all when none is."""
    every = [(batch, case) for batch, cases in BATCHES.items() for case in cases]
    return [case for batch, case in every if not names or any(batch == name or fnmatch.fnmatch(case.name, name) for name in names)]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Boot, judge, print; return 1 when prediction and truth differ anywhere."""
    parser = argparse.ArgumentParser(description="Boots guests on real Xen and compares with what pvhready says. Needs root.")
    parser.add_argument("names", nargs="*", help="batches ({}) or cases".format(", ".join(BATCHES)))
    parser.add_argument("--list", action="store_true", help="show the cases and whether each was booted")
    parser.add_argument("--again", action="store_true", help="boot also what was booted before")
    parser.add_argument("--table", metavar="FILE", help="write the page with all results, without booting anything")
    options = parser.parse_args(arguments)
    cases, results = chosen(options.names), Results()
    if options.list:
        for case in cases:
            print("{:34} {:16} {:4} {:8} {:10} {}".format(case.name, case.kernel, case.mode, case.form, case.host, case.cmdline))
        return 0
    folder = tempfile.mkdtemp(dir=debian.cache("boots", ""))
    try:
        if not options.table:
            boot([case for case in cases if options.again or results.get(case) is None], results, folder)
        rows = compare(cases, results, folder)
    finally:
        shutil.rmtree(folder)
    if options.table:
        with open(options.table, "w", encoding="utf-8") as handle:
            handle.write(as_markdown(rows))
    for row in rows:
        print("  ".join(cell for cell in row if cell))
    return 1 if any(row[-1] in ("WRONG READY", "too strict", "wrong about the console") for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(str(error))
