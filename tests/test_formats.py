"""All formats say the same: every report is rendered in each of them, parsed back, and compared."""

import io
import json
import os
import re
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.demo.guests import NAMES, make
from pvhready.errors import CommandError
from pvhready.facts import Problem
from pvhready.host import profile
from pvhready.judge import judge
from pvhready.report import metrics, nagios, text
from pvhready.report.json import as_object
from pvhready.report.plain import printable
from pvhready.root import Root
from pvhready.survey import survey
from support import debian
from support.trees import GRUB_CFG

parser = pytest.importorskip("prometheus_client.parser")

EXIT = {"ready": 0, "not-applicable": 0, "ready-with-warnings": 1, "not-ready": 2, "unknown": 3}
STATUS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
RUN = metrics.Run(1700000000.25, 1700000000.25, 0.5)
SERIOUS = ("fail", "unknown", "warn")
HOSTILE = 'a\\b"c\nd\re|f\x1b[31m{x="y"} 1\n# TYPE evil gauge\nevil 1\x00\u2028\udcff<b>'


def of_text(report):
    """The verdict, (status, id) of every finding but those that passed, and the next step."""
    marks = {"ok": "pass", "info": "info", "skip": "skip", "WARN": "warn", "????": "unknown", "FAIL": "fail"}
    lines = text.render(report, text.Style(10 ** 6, verbose=True)).splitlines()
    details = [re.match(r"(info|skip|WARN|\?\?\?\?|FAIL) +([a-z0-9-]+): ", line) for line in lines]
    verdicts = [match.group(1) for match in (re.match(r"([A-Z ]+): \S", line) for line in lines) if match]
    assert len(verdicts) == 1
    found = {(marks[match.group(1)], match.group(2)) for match in details if match}
    return verdicts[0].lower(), found, next_step(lines)


def next_step(lines):
    """What the last line says is to be done; None where it says nothing of the kind."""
    return lines[-1][len("Next: "):] if lines[-1].startswith("Next: ") else None


def of_nagios(report):
    """Status, verdict, performance data, (status, id) of the findings, and the next step."""
    lines = nagios.render(report, 0.5).splitlines()
    assert sum(line.count("|") for line in lines) == 1
    head = re.match(r"^PVHREADY (OK|WARNING|CRITICAL|UNKNOWN) - ([a-z-]+): .*? \| (.*)$", lines[0])
    assert head, lines[0]
    values = {}
    for item in head.group(3).split(" "):
        match = re.match(r"^([a-z_]+)=(U|[0-9.]+)s?;([0-9.]*);([0-9.]*);([0-9.]*);?([0-9.]*)$", item)
        assert match, item
        values[match.group(1)] = match.group(2)
    found = [re.match(r"(FAIL|UNKNOWN|WARN) ([a-z0-9-]+): ", line) for line in lines[1:]]
    return head.group(1), head.group(2), values, {(match.group(1).lower(), match.group(2)) for match in found if match}, next_step(lines)


def of_prometheus(report):
    """Every sample: name and labels to value."""
    written = metrics.render(metrics.families(report, RUN))
    samples = {}
    for family in parser.text_fd_to_metric_families(io.StringIO(written)):
        assert family.name.startswith("pvhready_") and family.documentation and family.type == "gauge"
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, "twice: {}".format(key)
            samples[key] = sample.value
    written.encode("utf-8")
    assert len(samples) == len([line for line in written.split("\n") if line and not line.startswith("#")])
    return samples


def all_with(samples, name, label):
    return {dict(labels)[label]: value for (sample, labels), value in samples.items() if sample == "pvhready_" + name}


def one(samples, name):
    return samples.get(("pvhready_" + name, ()))


def only(states):
    chosen = [state for state, value in states.items() if value == 1]
    assert len(chosen) == 1 and set(states.values()) == {0, 1}
    return chosen[0]


def compare(report):
    """Hold every format against the JSON."""
    document = json.loads(json.dumps(as_object(report)))
    verdict, checks = document["verdict"], document["checks"]
    found = {(check["status"], check["id"]) for check in checks}

    answer, shown, step = of_text(report)
    assert (answer, shown) == (verdict.replace("-", " "), {pair for pair in found if pair[0] != "pass"})

    status, word, values, listed, same_step = of_nagios(report)
    step = step and step.replace("|", "\\x7c")
    assert same_step == step or step is not None and len("Next: " + step) > nagios.MAX_LINE
    assert (word, status) == (verdict, STATUS[EXIT[verdict]])
    assert {"failed": values["failed"], "unknown": values["unknown"], "warnings": values["warnings"]} == {
        name: str(len({check for state, check in found if state == key}))
        for name, key in (("failed", "fail"), ("unknown", "unknown"), ("warnings", "warn"))}
    assert int(values["kernels"]) == len(document["kernels"])
    assert listed == {pair for pair in found if pair[0] in SERIOUS} or len([c for c in checks if c["status"] in SERIOUS]) > nagios.MAX_LINES

    samples = of_prometheus(report)
    compare_metrics(document, samples, values)
    demand_no_silence(report, samples)


def demand_no_silence(report, samples):
    """What may be absent is absent only where there is a reason."""
    menu = report.facts.menus.get(report.target)
    certain = menu is not None and len(menu.candidates) == 1 and not menu.may_show_nothing
    known = certain and any(answer.kernel.running for answer in report.kernels) and any(answer.default for answer in report.kernels)
    assert (one(samples, "running_kernel_is_default") is None) == (not known)
    assert one(samples, "decompressed_kernels") is not None or report.facts.problems
    assert one(samples, "decompression_hook_active") is not None or report.facts.hack.problems


def compare_metrics(document, samples, performance):
    verdict, checks, kernels = document["verdict"], document["checks"], document["kernels"]
    assert only(all_with(samples, "verdict", "verdict")) == verdict
    assert only(all_with(samples, "guest_type", "type")) == (document["guest"]["type"] or "unknown")
    for name, status in (("check_failed", "fail"), ("check_unknown", "unknown")):
        assert all_with(samples, name, "check") == {
            check["id"]: float(any(other["status"] == status for other in checks if other["id"] == check["id"])) for check in checks}
    assert all_with(samples, "build_info", "version") == {document["pvhready"]: 1}
    assert one(samples, "run_as_root") == document["run_as_root"]
    words = {True: "true", False: "false"}
    shown = {labels for name, labels in samples if name == "pvhready_kernel_info"}
    assert shown == {(
        ("container", kernel["image"]["container"]), ("default", words[kernel["default"]]), ("payload", kernel["image"]["payload"] or ""),
        ("release", printable(kernel["release"] or "")), ("running", words[kernel["running"]])) for kernel in kernels}
    decompressed = one(samples, "decompressed_kernels")
    assert decompressed in (None, len(document["hack"]["decompressed_kernels"]))
    assert performance["decompressed_kernels"] == ("U" if decompressed is None else str(int(decompressed)))
    assert bool(one(samples, "decompression_hook_active")) == bool(document["hack"]["active_hooks"])
    assert one(samples, "running_kernel_is_default") in (None, float(any(kernel["running"] and kernel["default"] for kernel in kernels)))
    compare_modes(document, all_with(samples, "next_boot_ok", "mode"), all_with(samples, "next_boot_unknown", "mode"))
    times = ("last_run_timestamp_seconds", "last_success_timestamp_seconds", "run_duration_seconds")
    assert [one(samples, name) for name in times] == list(RUN)


def compare_modes(document, comes_up, unknown):
    doubts = {check["id"] for check in document["checks"] if check["status"] == "unknown"} & {"access", "guest-type"}
    modes = dict(document["modes"], current=document["modes"].get((document["guest"]["type"] or "").lower()))
    assert set(unknown) == set(modes) and set(unknown.values()) <= {0, 1}
    for mode, answer in modes.items():
        # The one that must never be wrong: 1 only where the report says that it boots, and all could be seen.
        if comes_up.get(mode) == 1:
            assert answer == "boots" and not doubts and not unknown[mode]
        if document["verdict"] == "not-applicable":
            assert mode not in comes_up and not unknown[mode]
        elif answer == "boots" and not doubts:
            assert comes_up[mode] == 1
        elif answer == "fails" and "guest-type" not in doubts:
            assert comes_up[mode] == 0 and not unknown[mode]
        else:
            assert mode not in comes_up
            assert unknown[mode] == 1 or document["guest"]["type"] == "not-applicable" and mode == "current"


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    """The directory of each guest by name: all examples, and some that are broken."""
    top = tmp_path_factory.mktemp("guests")
    folders = {}
    for name in list(NAMES) + ["empty", "no menu", "odd names", "nothing to see"]:
        folders[name] = str(top / name)
        os.mkdir(folders[name])
        if name != "empty":
            make(name if name in NAMES else "debian-12", folders[name])
    os.unlink(folders["no menu"] + GRUB_CFG)
    boot = os.path.join(folders["odd names"], "boot")
    kernel = next(file for file in sorted(os.listdir(boot)) if file.startswith("vmlinuz"))
    for name in ('vmlinuz-a"b|c\nd', "vmlinuz-\x1b[31m", "vmlinuz-"):
        shutil.copy(os.path.join(boot, kernel), os.path.join(boot, name))
    shutil.rmtree(os.path.join(folders["nothing to see"], "boot"))
    open(os.path.join(folders["nothing to see"], "boot"), "w").close()
    return folders


def reports_on(directory):
    for assume in (None, "pv", "pvh", "hvm"):
        with Root(directory) as root:
            facts = survey(root, profile("bitfolk"), assume)
        for target in ("pvh", "pv"):
            yield judge(facts, profile("bitfolk"), target)


@pytest.mark.parametrize("name", list(NAMES) + ["empty", "no menu", "odd names", "nothing to see"])
def test_every_format_says_the_same(name, fixtures):
    for report in reports_on(fixtures[name]):
        compare(report)


STRINGS = st.one_of(st.just(HOSTILE), st.text(max_size=30), st.sampled_from(["|", "\n", "\\", '"', "\x85", "\udc80", "a" * 400]))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_the_guest_holds_and_lacks(fixtures, data):
    """Hostile words in every place that comes from the guest; states of the machine that no made-up guest has."""
    report = next(reports_on(fixtures[data.draw(st.sampled_from(["ubuntu-20.04-hack", "debian-12", "odd names"]))]))
    facts = report.facts
    word = data.draw(STRINGS)
    kernels = facts.kernels if data.draw(st.booleans()) else tuple(
        kernel._replace(release=data.draw(st.none() | STRINGS), running=data.draw(st.booleans()), path="/boot/" + word)
        for kernel in facts.kernels)
    guest = facts.guest._replace(
        type=data.draw(st.sampled_from(["PV", "PVH", "HVM", "none", "not-applicable", None])),
        dom0=data.draw(st.sampled_from([False, False, True])))
    denied = data.draw(st.sampled_from([(), ("/boot/grub/" + word,)]))
    problems = data.draw(st.sampled_from([(), (Problem("/boot/" + word, word),)]))
    changed = facts._replace(kernels=kernels, guest=guest, denied=denied, problems=problems)
    by_hand = data.draw(st.booleans())
    made = judge(changed, profile("bitfolk"), data.draw(st.sampled_from(["pvh", "pv"])), by_hand)
    checks = tuple(check._replace(summary=check.summary + word) for check in made.checks)
    compare(made._replace(checks=checks))


@pytest.mark.parametrize("lack", [{"denied": ("/boot/grub/grubenv",)}, {"problems": (Problem("/boot", "broken"),)}])
def test_what_was_not_seen_is_no_good_answer(lack, fixtures):
    report = list(reports_on(fixtures["debian-12"]))[2]  # taken to be a PV guest
    assert all_with(of_prometheus(report), "next_boot_ok", "mode") == {"pvh": 1, "pv": 1, "current": 1}
    doubtful = judge(report.facts._replace(**lack), profile("bitfolk"))
    compare(doubtful)
    assert all_with(of_prometheus(doubtful), "next_boot_ok", "mode") == {}


@pytest.mark.parametrize("name", ["debian-12", "debian-12-silent", "ubuntu-20.04-hack", "empty"])
def test_the_exit_code_is_that_of_every_format(name, fixtures, pvhready):
    codes = {form: pvhready("check", "--root", fixtures[name], "--format", form).code for form in ("text", "json", "nagios", "prometheus")}
    assert len(set(codes.values())) == 1
    for form in ("nagios", "prometheus"):
        assert pvhready("check", "--root", fixtures[name], "--format", form, "--exit-zero").code == 0
        assert pvhready("check", "--root", fixtures[name], "--root", fixtures[name], "--format", form).code == 64


@pytest.mark.download
def test_promtool_has_nothing_to_say(fixtures, pvhready):
    promtool = os.path.join(debian.unpacked("prometheus", "bookworm"), "usr", "bin", "promtool")
    for name in ("ubuntu-20.04-hack", "odd names", "empty"):
        output = pvhready("check", "--root", fixtures[name], "--format", "prometheus")
        result = subprocess.run(
            [promtool, "check", "metrics"], input=output.out.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (result.returncode, result.stdout) == (0, b"")


def test_before_any_run_has_succeeded_only_the_runs_are_shown():
    shown = metrics.render(metrics.families(None, metrics.Run(5.0, None, 0.5)))
    names = {line.split("{")[0].split(" ")[0] for line in shown.splitlines() if not line.startswith("#")}
    assert names == {"pvhready_build_info", "pvhready_last_run_timestamp_seconds", "pvhready_run_duration_seconds"}


def test_a_missing_root_is_an_error_and_no_metric(tmp_path, pvhready):
    output = pvhready("check", "--root", str(tmp_path / "none"), "--format", "prometheus")
    assert (output.code, output.out) == (CommandError.exit_code, "")
