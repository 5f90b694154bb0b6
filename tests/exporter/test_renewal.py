"""The result that is shown: fresh, or old with its age, and never made because somebody asks."""

import os
import shutil
import time

import pytest

from pvhready.demo.guests import make
from pvhready.errors import CommandError
from pvhready.exporter import renewal as module
from pvhready.exporter.renewal import Look, Question, Renewal
from support.trees import GRUB_CFG


@pytest.fixture
def machine(tmp_path):
    make("debian-12", str(tmp_path))
    return str(tmp_path)


@pytest.fixture
def told():
    return []


def no_menu(machine):
    with open(machine + GRUB_CFG, "w") as handle:
        handle.write("# nothing\n")


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_changed_file_is_seen_and_an_unchanged_one_is_not(machine):
    look = Look(Question(machine, assume="pv"))
    assert not look.has_changed()
    assert look.report().modes == {"pvh": "boots", "pv": "boots"}
    assert not look.has_changed()
    no_menu(machine)
    assert look.has_changed()
    assert look.report().modes["pvh"] == "fails"
    assert not look.has_changed()


@pytest.mark.parametrize("change", ["a new kernel", "a kernel is gone", "the folder is gone", "a hook"])
def test_every_kind_of_change_is_seen(change, machine):
    look = Look(Question(machine))
    look.report()
    if change == "a new kernel":
        open(machine + "/boot/vmlinuz-9.9", "w").close()
    elif change == "a kernel is gone":
        os.unlink(machine + "/boot/" + sorted(name for name in os.listdir(machine + "/boot") if name.startswith("vmlinuz"))[-1])
    elif change == "the folder is gone":
        shutil.rmtree(machine)
    else:
        os.makedirs(machine + "/etc/kernel/postinst.d", exist_ok=True)
        open(machine + "/etc/kernel/postinst.d/new", "w").close()
    assert look.has_changed()


def test_facts_that_still_hold_are_not_read_again(machine, monkeypatch):
    for folder, _, names in os.walk(machine):
        for name in names:
            os.utime(os.path.join(folder, name), (1000, 1000), follow_symlinks=False)
    monkeypatch.setattr(module.Folder, "may_hold", lambda self, changed: True)  # ctime cannot be set back
    look = Look(Question(machine))
    first = look.report()
    monkeypatch.setattr("pvhready.survey._read", lambda *_: pytest.fail("read again"))
    assert look.report()._replace(facts=None) == first._replace(facts=None)
    assert not look.has_changed()


def test_a_renewal_comes_when_a_file_has_changed(machine, told, monkeypatch):
    monkeypatch.setattr(module, "WATCH", 0.05)
    renewal = Renewal(Look(Question(machine)), 10000.0, told.append)
    renewal.start()
    first = renewal.result
    assert first.report.modes["pvh"] == "boots" and renewal.is_well
    time.sleep(0.3)
    assert renewal.result is first
    no_menu(machine)
    assert wait_until(lambda: renewal.result.report.modes["pvh"] == "fails")
    renewal.stop()
    assert told == []


def test_a_renewal_comes_at_the_interval(machine, told):
    renewal = Renewal(Look(Question(machine)), 0.2, told.append)
    renewal.start()
    first = renewal.result
    assert wait_until(lambda: renewal.result is not first)
    renewal.stop()
    last = renewal.result
    time.sleep(0.6)
    assert renewal.result is last and not renewal.is_well


@pytest.mark.parametrize("error, words", [(CommandError("cannot be"), "cannot be"), (ZeroDivisionError("oops"), "internal error")])
def test_a_failure_keeps_the_last_good_report_with_its_age(error, words, machine, told, monkeypatch):
    look = Look(Question(machine))
    renewal = Renewal(look, 1000.0, told.append)
    renewal.renew()
    good = renewal.result

    def fail():
        raise error

    monkeypatch.setattr(look, "report", fail)
    renewal.renew()
    renewal.renew()
    result = renewal.result
    assert result.report is good.report and words in result.failure
    assert result.run.last_success == good.run.last_success and result.run.last > good.run.last
    assert len(told) == 1 and words in told[0]
    monkeypatch.undo()
    renewal.renew()
    assert renewal.result.failure == "" and renewal.result.run.last == renewal.result.run.last_success
    assert len(told) == 2


def test_without_any_success_there_is_no_report(tmp_path, told):
    renewal = Renewal(Look(Question(str(tmp_path / "none"))), 1000.0, told.append)
    renewal.start()
    assert renewal.result.report is None and renewal.result.run.last_success is None and not renewal.is_well
    renewal.stop()


def test_another_question_is_asked_at_once(machine, told):
    renewal = Renewal(Look(Question(machine)), 10000.0, told.append)
    renewal.start()
    renewal.change(Look(Question(machine, assume="pv")), 10000.0)
    assert wait_until(lambda: renewal.result.report.facts.guest.type == "PV")
    renewal.stop()
