"""The end of a package manager's run: does the next boot come up, and can the guest still be switched?"""

import time

from pvhready.errors import CommandError
from pvhready.facts import MODES, PVH, Facts
from pvhready.findings import BOOTS, FAIL, FAILS, UNKNOWN
from pvhready.hooks.situation import Situation
from pvhready.judge import NOT_KNOWN, NOT_READY, Report, judge
from pvhready.memory.nextboot import recall, remember
from pvhready.report.text import next_step
from pvhready.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

_ANSWERS = {NOT_READY: FAILS, NOT_KNOWN: UNKNOWN}


def about_next_boot(situation: Situation) -> "List[str]":
    """Return what there is to say of the next boot, against what was found last, and remember what is found now."""
    begin = time.time()
    facts = survey(situation.root, situation.host, situation.settings.assume, folder=situation.folder)
    skipped = situation.settings.skip
    reports = {mode: judge(facts, situation.host, mode, by_hand=True, skipped=skipped) for mode in MODES}
    before = recall(situation.folder, situation.host.name) or {}
    remember(situation.folder, situation.host.name, {mode: answer_of(report) for mode, report in reports.items()})
    lines = []  # type: List[str]
    for mode in dict.fromkeys((situation.current or PVH, PVH)):
        lines += about_mode(reports[mode], mode == situation.current, before.get(mode))
    return lines + (_write_textfile(situation, facts, begin) if situation.settings.textfile else [])


def _write_textfile(situation: Situation, facts: Facts, begin: float) -> "List[str]":
    """Let Prometheus know at once. Returns what went wrong."""
    from pvhready.exporter import textfile
    from pvhready.report.metrics import Run

    report = judge(facts, situation.host, skipped=situation.settings.skip)
    try:
        textfile.write(situation.settings.textfile or "", report, Run(begin, begin, time.time() - begin))
    except CommandError as error:
        return [str(error)]
    return []


def answer_of(report: Report) -> str:
    """Return boots, fails or unknown, as the exit code of check would tell for the report's target."""
    return _ANSWERS.get(report.verdict, BOOTS)


def about_mode(report: Report, is_current: bool, before: "Optional[str]") -> "List[str]":
    """Return what there is to say of the report's target. ``before`` is the answer of the last look, None for the first one."""
    now, mode = answer_of(report), report.target.upper()
    if is_current and now == FAILS:
        return _objection("the NEXT REBOOT of this machine FAILS in {}, the mode that it runs in".format(mode), report, FAIL)
    if now == before or before not in (BOOTS, FAILS):
        return []
    if now == BOOTS:
        return [("the next reboot comes up in {} again" if is_current else "this machine can be switched to {} now").format(mode)]
    if before == FAILS:
        return []
    if now == FAILS:
        return _objection("this machine could be switched to {} until now, and cannot any more".format(mode), report, FAIL)
    what = "the next reboot comes up in {}".format(mode) if is_current else "this machine can be switched to {}".format(mode)
    return _objection("it cannot be told any more whether {}".format(what), report, UNKNOWN)


def _objection(headline: str, report: Report, status: str) -> "List[str]":
    finding = next(finding for finding in report.checks if finding.status == status)
    subject = finding.subject + ": " if finding.subject.startswith("/") else ""
    return [
        "{}: {}{}".format(headline, subject, finding.summary),
        "next step: " + next_step(report),
        "all that is known of it: pvhready check" + ("" if report.target == PVH else " --target " + report.target),
    ]
