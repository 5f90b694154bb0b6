"""Holds what the program says of a guest's files against what was seen when it was booted."""

from typing import Dict, List, NamedTuple

from boots.cases import Case
from boots.truth import Truth
from support.program import Program

AGREES = "agrees"
WRONG = ("WRONG READY", "too strict", "unknown", "another entry", "wrong about the console")  # whatever of these is left is a fault


class Prediction(NamedTuple):
    """What the program says: the verdict, and whether the next boot comes up (boots, fails, unknown).

    ``silent``: the kernel does not write to the Xen console. ``why`` are the checks that speak against it. ``cmdline`` is what the kernel
    would be given, "" where no entry is known.
    """

    verdict: str
    answer: str
    silent: bool
    why: str
    cmdline: str = ""


def predict(case: Case, tree: str, disks: Dict[str, str]) -> Prediction:
    """Return what the program says of a tree and its disks."""
    arguments = ["--host", case.host, "--target", case.mode]
    for image in disks.values():
        arguments += ["--device", image]
    report = Program().check(tree, *arguments)
    checks = [check for check in report["checks"] if check["mode"] in (case.mode, "both")]
    wrong = [check["id"] for check in checks if check["status"] in ("fail", "unknown")]
    silent = any(check["id"] == "console-silent" and check["status"] == "warn" for check in checks)
    default = report["boot"]["default"] or {}
    return Prediction(
        report["verdict"], report["modes"][case.mode], silent, ", ".join(dict.fromkeys(wrong)), default.get("cmdline") or "")


def judgement(case: Case, said: Prediction, seen: Truth) -> str:
    """Return "agrees", or in what prediction and truth differ."""
    if case.flaw:
        return "the emulator's fault: " + case.flaw
    if said.answer == "unknown":
        return "unknown, rightly: " + case.unknowable if case.unknowable else "unknown"
    if (said.answer == "boots") != seen.boots:
        return "WRONG READY" if said.answer == "boots" else "too strict"
    if seen.boots and said.cmdline and _words(said.cmdline) != _words(seen.cmdline):
        return "another entry"
    if seen.boots and case.mode == "pvh" and said.silent == seen.console:
        return "wrong about the console"
    return AGREES


def _words(cmdline: str) -> List[str]:
    """The command line without what GRUB's loader for Linux puts before it."""
    return [word for word in cmdline.split() if not word.startswith("BOOT_IMAGE=")]
