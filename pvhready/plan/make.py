"""Puts the steps in their order."""

from pvhready.host import Host
from pvhready.judge import NOT_APPLICABLE, NOT_KNOWN, READY, WARNINGS, Report
from pvhready.plan import disks, evidence, kernel, menu, switch
from pvhready.plan.case import Case
from pvhready.plan.records import BLOCKED, NOTHING, TO_DO, UNKNOWN, Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from pvhready.plan.records import Step

EXIT_CODES = {NOTHING: 0, TO_DO: 1, UNKNOWN: 3}


def make_plan(report: Report, host: Host) -> Plan:
    """Return the plan for the guest of a report that was judged for PVH on that host."""
    case = Case(report, host)
    if report.verdict == NOT_APPLICABLE:
        return Plan(NOTHING, "Nothing to do: {}.".format(_why_not(case)), ())
    unmounted = disks.unmounted(case)
    if unmounted:
        return Plan(UNKNOWN, "Nothing can be told of this guest before its /boot is mounted.", tuple(unmounted))
    steps = disks.room(case) + kernel.install(case) + kernel.restore(case) + kernel.undo(case)
    steps += menu.write(case) + menu.plain(case) + menu.arguments(case) + menu.console(case) + disks.initramfs(case) + disks.root(case)
    steps += menu.anew(case, steps)
    steps += evidence.leftovers(case, steps)
    steps = evidence.find_out(case, steps) + switch.enter(case, steps) + steps
    steps.append(switch.check(case, steps))
    steps.append(switch.switch(case, steps))
    state = _state(report, steps)
    way_back = None if state == NOTHING else switch.way_back(case, steps)
    return Plan(state, _summary(case, state, steps), tuple(steps), way_back)


def _state(report: Report, steps: "List[Step]") -> str:
    """Unknown where the verdict hangs on what a step must find out; steps that are known to be needed are to do in any case."""
    states = {step.state for step in steps}
    if UNKNOWN in states and (report.verdict == NOT_KNOWN or TO_DO not in states):
        return UNKNOWN
    return TO_DO if states & {TO_DO, BLOCKED} else NOTHING


def _summary(case: Case, state: str, steps: "List[Step]") -> str:
    report = case.report
    left = sum(step.state != "done" for step in steps)
    if state == NOTHING:
        return "Nothing to do: this guest runs in PVH, and its next reboot is safe."
    count = "{} step{}".format(left, "" if left == 1 else "s")
    if state == UNKNOWN:
        return "Not all is known yet: {} to do, the first of them to find out.".format(count)
    if case.switched:
        safe = report.verdict in (READY, WARNINGS)
        return "This guest runs in PVH already; {}.".format(count + (" to see to" if safe else " before its next reboot is safe"))
    return "{} to go until this guest runs in PVH.".format(count)


def _why_not(case: Case) -> str:
    """Why this machine is no candidate."""
    found = case.said(("guest-type",), ("info", "pass"))
    return "this is {}".format(found[0].summary) if found else "this is no Xen guest that could be switched"
