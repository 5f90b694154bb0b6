"""The plan for people, and as JSON (pvhready/data/plan.schema.json)."""

from pvhready import __version__
from pvhready.judge import Report
from pvhready.plan.records import BLOCKED, DONE, GUEST, HOST, PROVIDER, RESCUE, TO_DO, UNKNOWN, Action, Plan, Proof, Step, WayBack
from pvhready.report.plain import isolated, wrap
from pvhready.report.text import Style, describe_guest, shell, type_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    Object = Dict[str, Any]

FORMAT_VERSION = 1

_MARKS = {DONE: "done", TO_DO: "TO DO", UNKNOWN: "FIND OUT", BLOCKED: "LATER"}
_COLOURS = {DONE: "32", TO_DO: "33;1", UNKNOWN: "35;1", BLOCKED: "36"}
_PLACES = {
    GUEST: "In the guest, as root:",
    PROVIDER: "In the provider's shell:",
    HOST: "On the host, as root:",
    RESCUE: "In the rescue system, as root:",
}
_INDENT = " " * 4
_DEEPER = " " * 8


def render(plan: Plan, report: Report, style: Style) -> str:
    """Return the plan as text that ends with the next step and a newline."""
    lines = [] if style.quiet else _head(report, style) + [""]
    lines += wrap(isolated(plan.summary), style.width)
    if not style.quiet:
        for number, step in enumerate(plan.steps, 1):
            lines += [""] + _step(number, step, style)
        if plan.way_back:
            lines += [""] + _way_back(plan.way_back, style)
    lines += [""] * (not style.quiet) + _next(plan, style)
    return "\n".join(lines).rstrip("\n") + "\n"


def as_object(plan: Plan, report: Report) -> "Object":
    """Return the plan as the object of the contract."""
    from pvhready.report.json import guest_object

    return {
        "format_version": FORMAT_VERSION,
        "pvhready": __version__,
        "root": report.facts.root,
        "run_as_root": report.facts.run_as_root,
        "host": report.host,
        "guest": guest_object(report.facts.guest),
        "verdict": report.verdict,
        "state": plan.state,
        "summary": plan.summary,
        "next": next((step.id for step in plan.steps if step.state != DONE), None),
        "steps": [_step_object(step) for step in plan.steps],
        "way_back": _way_back_object(plan.way_back) if plan.way_back else None,
    }


def _head(report: Report, style: Style) -> "List[str]":
    guest = report.facts.guest
    system = guest.distribution.name or guest.distribution.id or "a system that does not say its name"
    lines = ["pvhready {}: the plan from PV to PVH".format(__version__), ""]
    lines += wrap("  guest  {}, {}".format(describe_guest(guest), isolated(system)), style.width, " " * 9)
    if report.facts.root != "/":
        lines += wrap("  root   " + isolated(report.facts.root), style.width, " " * 9)
    return lines + wrap("  host   GRUB as in profile {}".format(isolated(report.host)), style.width, " " * 9)


def _step(number: int, step: Step, style: Style) -> "List[str]":
    mark = _MARKS[step.state]
    title = wrap("{:>2}. {}  {}".format(number, mark, isolated(step.title)), style.width, _INDENT)
    lines = [title[0].replace(mark, style.paint(mark, _COLOURS[step.state]), 1)] + title[1:]
    lines += wrap(_INDENT + isolated(step.why), style.width, _INDENT)
    if step.state == DONE and not style.verbose:
        return lines
    lines += _actions(step.actions, style)
    if step.note:
        lines += wrap(_INDENT + "Mind: " + isolated(step.note), style.width, _INDENT)
    lines += _actions(step.alternatives, style)
    if not step.proof:
        return lines
    typed = step.actions[-1:] and step.actions[-1].argv == step.proof.argv
    return lines + (_shows(step.proof, style) if typed else _proof(step.proof, style))


def _actions(actions: "Tuple[Action, ...]", style: Style) -> "List[str]":
    """The actions, each place named once in a row."""
    lines: List[str] = []
    place: Optional[str] = None
    for action in actions:
        if not action.argv:
            lines += wrap(_INDENT + isolated(action.text), style.width, _INDENT)
            place = None
            continue
        if action.where != place:
            lines.append(_INDENT + _PLACES[action.where])
            place = action.where
        if action.text:
            lines += wrap(_DEEPER + "# " + isolated(action.text), style.width, _DEEPER + "# ")
        lines += type_lines(action.argv, style.width, _DEEPER)
    return lines


def _proof(proof: Proof, style: Style) -> "List[str]":
    lines = [_INDENT + "To see that it worked{}:".format(_elsewhere(proof.where))]
    return lines + type_lines(proof.argv, style.width, _DEEPER) + _shows(proof, style)


def _shows(proof: Proof, style: Style) -> "List[str]":
    return wrap(_DEEPER + "# shows " + isolated(proof.shows), style.width, _DEEPER + "# ")


def _elsewhere(where: str) -> str:
    return ", in the guest" if where == GUEST else ", in the rescue system" if where == RESCUE else ""


def _way_back(back: WayBack, style: Style) -> "List[str]":
    lines = [style.paint("If it does not come up", "1")]
    return lines + wrap(_INDENT + isolated(back.why), style.width, _INDENT) + _actions(back.actions, style)


def _next(plan: Plan, style: Style) -> "List[str]":
    for number, step in enumerate(plan.steps, 1):
        if step.state == DONE:
            continue
        lines = wrap("Next: step {}, {}{}".format(number, step.title[:1].lower(), isolated(step.title[1:])), style.width, " " * 6)
        first = next((action for action in step.actions if action.argv), None)
        if first is None:
            return lines
        place = _PLACES[first.where]
        return lines + [" " * 6 + place] + type_lines(first.argv, style.width, _DEEPER)
    return []


def _step_object(step: Step) -> "Object":
    return {
        "id": step.id,
        "state": step.state,
        "title": step.title,
        "why": step.why,
        "commands": [_action_object(action) for action in step.actions],
        "alternatives": [_action_object(action) for action in step.alternatives],
        "check": _proof_object(step.proof) if step.proof else None,
        "note": step.note or None,
        "checks": list(step.checks),
    }


def _action_object(action: Action) -> "Object":
    kind = "command" if action.argv else "hint"
    line = shell(action.argv) if action.argv else None
    return {"where": action.where, "type": kind, "argv": list(action.argv), "line": line, "text": action.text}


def _proof_object(proof: Proof) -> "Object":
    return {"where": proof.where, "argv": list(proof.argv), "line": shell(proof.argv), "shows": proof.shows}


def _way_back_object(back: WayBack) -> "Object":
    return {"open": back.is_open, "why": back.why, "commands": [_action_object(action) for action in back.actions]}
