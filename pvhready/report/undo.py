"""What ``undo`` would do or has done, for people and as JSON (pvhready/data/undo.schema.json)."""

from pvhready.probes.image import image_in
from pvhready.report.plain import isolated, printable, wrap
from pvhready.report.text import Style, type_lines
from pvhready.report.text import render as render_check
from pvhready.rules.image import describe
from pvhready.undo.backups import DIRECTORY
from pvhready.undo.changes import CREATE, REMOVE, Change
from pvhready.undo.outcome import Old, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    Object = Dict[str, Any]

FORMAT_VERSION = 1
_NOTHING = {
    "undo": "There is nothing to undo: no hook that runs decompresses kernels, and none stands decompressed.",
    "revert": "There is nothing to revert: no undo is in force.",
}
_DONE = {
    "undo": "Done. What was replaced is kept in {}; \"pvhready undo --revert\" shows how to put it back.",
    "revert": "Done: all is as it was.",
    "resume": "The interrupted run is finished.",
    "abandon": "The interrupted run is taken back: all is as it was.",
}


def render(outcome: Outcome, style: Style, shown: bool = False) -> str:
    """Return the outcome as text that ends with the next step and a newline. ``shown``: the user has seen the plan already."""
    lines: "List[str]" = []
    if not style.quiet and not shown:
        lines += _changes(outcome, style)
    for refusal in outcome.refused:
        lines += wrap("LEFT  {}: cannot be restored".format(isolated(refusal.path)), style.width, " " * 6)
        for reason in refusal.reasons:
            lines += wrap("      - " + isolated(reason), style.width, " " * 8)
    for note in outcome.notes if not style.quiet else ():
        lines += wrap("note  " + isolated(note), style.width, " " * 6)
    lines += [""] if lines else []
    lines += _end(outcome, style)
    if outcome.report is not None:
        lines += ["", render_check(outcome.report, style).rstrip("\n")]
    return "\n".join(lines) + "\n"


def as_object(outcome: Outcome) -> "Object":
    """Return the outcome as the object of the contract."""
    from pvhready import __version__
    from pvhready.report.json import as_object as check_object

    return {
        "format_version": FORMAT_VERSION,
        "pvhready": __version__,
        "root": outcome.root,
        "action": outcome.action,
        "applied": outcome.applied,
        "runs": list(outcome.runs),
        "changes": [_change_object(change, outcome.old.get(change.path)) for change in outcome.changes],
        "kernels": [
            {
                "path": item.kernel.path, "release": item.pristine.release, "paths": list(item.paths), "origin": item.pristine.origin,
                "sha256": item.pristine.sha256,
            }
            for item in outcome.restored
        ],
        "refused": [{"path": refusal.path, "reasons": list(refusal.reasons)} for refusal in outcome.refused],
        "obstacles": list(outcome.obstacles),
        "notes": list(outcome.notes),
        "commands": [list(command) for command in outcome.commands],
        "check": check_object(outcome.report) if outcome.report else None,
    }


def _changes(outcome: Outcome, style: Style) -> "List[str]":
    lines: "List[str]" = []
    for change in outcome.changes:
        mark = {REMOVE: "-", CREATE: "+"}.get(change.kind, "~")
        lines += wrap("{} {}  ({})".format(mark, isolated(change.path), isolated(change.why)), style.width, " " * 4)
        lines += ["    " + style.paint(printable(line), "31" if line.startswith("-") else "32") for line in
                  _difference(change, outcome.old.get(change.path))]
    return lines


def _difference(change: Change, old: "Optional[Old]") -> "List[str]":
    """Return what goes and what comes, as lines that begin with - and +."""
    new = _new_text(change)
    if old is not None and old.text is not None and (new is not None or change.kind == REMOVE):
        return _lines(old, new or "")
    lines = []
    if old is not None:
        lines.append("- {} bytes, sha256 {}".format(old.size, old.digest))
    if change.saved is not None:
        lines.append("+ {} bytes, sha256 {}".format(change.saved.state.size, change.saved.state.digest or "of a link"))
    elif change.kind != REMOVE and new is not None and len(new) < 65536:
        lines += ["+ " + line for line in new.split("\n")[:-1]]
    elif change.kind != REMOVE:
        lines.append("+ {} bytes, sha256 {} ({})".format(len(change.content), _sha256(change), _form(change)))
    return lines


def _lines(old: Old, new: str) -> "List[str]":
    if old.link:
        return ["- a symbolic link to {}".format(old.text)]
    import difflib

    changed = list(difflib.unified_diff((old.text or "").split("\n"), new.split("\n"), n=0, lineterm=""))[2:]
    return ["{} {}".format(line[0], line[1:]) for line in changed if line[0] in "+-" and line[1:].strip()]


def _new_text(change: Change) -> "Optional[str]":
    if change.kind == REMOVE or change.saved is not None or b"\0" in change.content:
        return None
    return change.content.decode("utf-8", "surrogateescape")


def _form(change: Change) -> str:
    return describe(image_in(change.content, change.path))


def _sha256(change: Change) -> str:
    from hashlib import sha256

    return sha256(change.content).hexdigest()


def _end(outcome: Outcome, style: Style) -> "List[str]":
    if outcome.obstacles:
        lines = ["REFUSED: nothing was changed."]
        for obstacle in outcome.obstacles:
            lines += wrap("  - " + isolated(obstacle), style.width, " " * 4)
        return lines + [line for command in outcome.commands for line in type_lines(command, style.width, " " * 4)]
    if outcome.applied:
        kept = ", ".join("{}/{}".format(DIRECTORY, run) for run in outcome.runs)
        return wrap(_DONE[outcome.action].format(kept), style.width)
    if not outcome.changes:
        left = ' Kernels that stand decompressed are left: see above.' if outcome.refused else ""
        return wrap((_NOTHING[outcome.action] if not left else "Nothing can be undone.") + left, style.width)
    count = "{} files".format(len(outcome.changes)) if len(outcome.changes) > 1 else "One file"
    return wrap("Nothing was changed yet. {} would be. Next:".format(count), style.width) + type_lines(outcome.next, style.width, " " * 4)


def _change_object(change: Change, old: "Optional[Old]") -> "Object":
    after = None
    if change.saved is not None:
        state = change.saved.state
        after = {"size": state.size, "sha256": state.digest or None, "mode": "{:04o}".format(state.mode)}
    elif change.kind != REMOVE:
        mode = None if change.mode is None else "{:04o}".format(change.mode)
        after = {"size": len(change.content), "sha256": _sha256(change), "mode": mode}
    return {
        "kind": change.kind,
        "path": change.path,
        "why": change.why,
        "before": None if old is None else {"size": old.size, "sha256": old.digest or None},
        "after": after,
        "difference": _difference(change, old),
    }
