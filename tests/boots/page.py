"""The page docs/measured-boots.md, and the same as a table for programs."""

import csv
import os
from typing import Dict, List, NamedTuple, Sequence

from boots.cases import Case
from boots.judging import Prediction
from boots.results import Result

_HERE = os.path.dirname(os.path.abspath(__file__))
_TITLES = ("case", "verdict", "predicted", "because of", "truth", "guest type", "console", "last words", "judgement")
_FIELDS = (
    "case", "kernel", "form", "mode", "host", "grub", "cmdline", "boot_fs", "stage", "predicted", "verdict", "truth", "guest_type",
    "console", "last_words", "judgement", "boots", "date", "emulator",
)


class Row(NamedTuple):
    """One case: what was predicted, what was seen, and how the two compare."""

    case: Case
    said: Prediction
    result: Result
    judgement: str


def markdown(rows: Sequence[Row], missing: Sequence[str] = ()) -> str:
    """Return the page; ``missing`` are the cases that were not booted yet."""
    with open(os.path.join(_HERE, "page.md"), encoding="utf-8") as handle:
        head = handle.read()
    table = ["| {} |".format(" | ".join(_TITLES)), "|" + "---|" * len(_TITLES)]
    table += ["| {} |".format(" | ".join(cell.replace("|", "\\|") for cell in _cells(row))) for row in rows]
    parts = [head + summary(rows), "\n".join(table), _tools(rows)] + _flaws(rows)
    if missing:
        parts += ["## Not booted yet", "\n".join("- " + name for name in missing)]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(rows: Sequence[Row]) -> str:
    """Return one line with the number of boots for each judgement."""
    counts: Dict[str, int] = {}
    for row in rows:
        kind = row.judgement.partition(":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return "{} cases. {}.".format(len(rows), ", ".join("{}: {}".format(name, count) for name, count in sorted(counts.items())))


def _cells(row: Row) -> List[str]:
    seen = row.result.truth
    answer = row.said.answer + (", silent" if row.said.silent and row.said.answer == "boots" else "")
    console = "" if not seen.boots else "yes" if seen.console else "silent"
    truth = "boots" if seen.boots else "fails"
    return [row.case.name, row.said.verdict, answer, row.said.why, truth, seen.type, console, seen.words, row.judgement]


def _tools(rows: Sequence[Row]) -> str:
    """With what it was measured."""
    kernels = sorted({"{} = {}".format(row.case.kernel, row.result.kernel) for row in rows if not row.case.kernel.startswith("small-")})
    grubs = sorted({"{} = {}".format(row.case.host, row.result.grub) for row in rows})
    emulators = sorted({row.result.emulator for row in rows})
    days = sorted({row.result.date for row in rows}) or [""]
    return "## With what\n\n- kernels: {}\n- GRUB: {}\n- emulator: {}\n- measured from {} to {}".format(
        ", ".join(kernels), ", ".join(grubs), ", ".join(emulators), days[0], days[-1])


def _flaws(rows: Sequence[Row]) -> List[str]:
    """The last lines of the guests that failed by the emulator's fault."""
    parts = []
    for row in rows:
        if row.case.flaw and row.result.tail:
            lines = "\n".join("    " + line for line in row.result.tail)
            parts.append("### {}\n\n{}. The last lines of its console, and of Xen's log:\n\n{}".format(row.case.name, row.case.flaw, lines))
    return ["## Not counted: the emulator's fault"] + parts if parts else []


def table(rows: Sequence[Row], path: str) -> None:
    """Write everything as CSV."""
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(_FIELDS)
        for row in rows:
            case, result = row.case, row.result
            cells = _cells(row)
            writer.writerow([
                case.name, result.kernel, case.form, case.mode, case.host, result.grub, case.cmdline, " ".join(case.boot), case.stage,
                row.said.answer, row.said.verdict, cells[4], cells[5], cells[6], cells[7], row.judgement, result.boots, result.date,
                result.emulator])
