"""A guest's journal is the guest's: whatever stands in it, an undo of a mounted guest ends with an answer and stays inside."""

import copy
import json
import os
import shutil
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvhready.host import DEFAULT, profile
from pvhready.root import Root
from pvhready.undo.changes import Refused
from pvhready.undo.guest import Guest, Wish
from pvhready.undo.perform import Undo
from pvhready.undo.revert import Revert, abandon, resume
from pvhready.undo.transaction import Failed

from . import hacked
from .hacked import snapshot

pytestmark = pytest.mark.slow

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from([
        "", "/", "/..", "/../outside/file", "/boot", "/boot/../../x", "a", "\0", "\ud800", "remove", "create", "file", "link", "nothing",
        "/var/lib/pvhready/lock", "/var/lib/pvhready/run-0001/journal", -1, 1 << 40, 1 << 70, [["user.x", "zz"]], [["user.\0", "00"]],
    ]),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: Any) -> Any:
    """A guest that was undone, beside a folder that must never change."""
    top = str(tmp_path_factory.mktemp("hostile"))
    guest = hacked.make(top, "V3")
    os.mkdir(top + "/outside")
    with open(top + "/outside/file", "w", encoding="ascii") as handle:
        handle.write("not the guest's\n")
    with Root(guest) as root:
        Undo(Guest(root, profile(DEFAULT)), Wish(True, True)).outcome(lambda plan: True)
    return top


def places(value: Any, path: Any = ()) -> Any:
    """All places in a record that can be changed."""
    if isinstance(value, dict):
        for key in value:
            yield path + (key,)
            yield from places(value[key], path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield path + (index,)
            yield from places(item, path + (index,))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_journal_gets_an_answer(finished: Any, data: Any) -> None:
    with open(finished + "/guest/var/lib/pvhready/run-0001/journal", encoding="ascii") as handle:
        records = [json.loads(line) for line in handle]
    records = copy.deepcopy(records[:data.draw(st.integers(1, len(records)))])
    for _ in range(data.draw(st.integers(1, 3))):
        every = [(index,) + place for index, record in enumerate(records) for place in places(record)]
        where = data.draw(st.sampled_from(every))
        holder: Any = records
        for key in where[:-1]:
            holder = holder[key]
        holder[where[-1]] = data.draw(ODD)
    top = finished + "/tried"
    shutil.rmtree(top, ignore_errors=True)
    shutil.copytree(finished + "/guest", top, symlinks=True)
    with open(top + "/var/lib/pvhready/run-0001/journal", "w", encoding="ascii") as handle:
        handle.write("".join(json.dumps(record) + "\n" for record in records))
    outside = snapshot(finished + "/outside")
    for action in (resume, abandon, back):
        with Root(top) as root:
            try:
                action(Guest(root, profile(DEFAULT)))
            except (Refused, Failed):
                continue
    assert snapshot(finished + "/outside") == outside


def back(guest: Guest) -> Any:
    return Revert(guest, Wish(True, True)).outcome(lambda plan: True)


@pytest.mark.parametrize("path", ["/run/udev/rules.d/x.rules", "/dev/x", "/boot/link/x"])
@pytest.mark.parametrize("action", [resume, abandon])
def test_what_belongs_to_the_machine_is_not_written(finished: Any, tmp_path: Any, action: Any, path: str) -> None:
    """In a rescue system /dev and /run below the root may be its own, mounted there."""
    guest = str(tmp_path / "guest")
    shutil.copytree(finished + "/guest", guest, symlinks=True)
    for name in ("run/udev/rules.d", "dev"):
        os.makedirs(os.path.join(guest, name), exist_ok=True)
    os.symlink("../run", guest + "/boot/link")
    name = guest + "/var/lib/pvhready/run-0001/journal"
    with open(name, encoding="ascii") as handle:
        begin = json.loads(handle.readline())
    step = begin["steps"][0]
    assert step["after"]["kind"] == "nothing" and step["before"]["kind"] == "file"
    begin["steps"] = [dict(step, path=path)]
    with open(name, "w", encoding="ascii") as handle:
        handle.write(json.dumps(begin) + '\n{"record": "prepared"}\n')
    before = snapshot(guest)
    with Root(guest) as root, pytest.raises((Refused, Failed), match="the running machine"):
        action(Guest(root, profile(DEFAULT)))
    assert snapshot(guest) == before


@pytest.mark.parametrize("how", ["truncate", "spoil"])
def test_what_is_kept_and_is_damaged_is_not_put_back(finished: Any, tmp_path: Any, how: str) -> None:
    guest = str(tmp_path / "guest")
    shutil.copytree(finished + "/guest", guest, symlinks=True)
    folder = guest + "/var/lib/pvhready/run-0001/"
    path = max((folder + name for name in os.listdir(folder) if name.endswith(".before")), key=os.path.getsize)
    if how == "truncate":
        os.truncate(path, 1000)
    else:
        with open(path, "r+b") as handle:
            handle.seek(1000)
            handle.write(b"\xff\x00\xff")
    before = snapshot(guest)
    with Root(guest) as root, pytest.raises(Failed, match="not what was kept there") as failed:
        back(Guest(root, profile(DEFAULT)))
    assert failed.value.restored
    assert snapshot(guest) == before


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/hostname", path)])
def test_a_lock_that_is_no_file(finished: Any, tmp_path: Any, make: Any) -> None:
    guest = str(tmp_path / "guest")
    shutil.copytree(finished + "/guest", guest, symlinks=True)
    os.unlink(guest + "/var/lib/pvhready/lock")
    make(guest + "/var/lib/pvhready/lock")
    before = snapshot(guest)
    with Root(guest) as root, pytest.raises(Refused, match="not a file"):
        back(Guest(root, profile(DEFAULT)))
    assert snapshot(guest) == before


def test_numbers_and_files_without_end(finished: Any, tmp_path: Any) -> None:
    """A number of 16 million digits takes some versions of Python hours, and a file of holes takes any hash as long."""
    guest = str(tmp_path / "guest")
    shutil.copytree(finished + "/guest", guest, symlinks=True)
    helper = guest + "/usr/local/bin/extract-vmlinux"
    assert not os.path.exists(helper)
    with open(helper, "wb") as handle:
        handle.truncate(1 << 42)
    with Root(guest) as root, pytest.raises(Refused, match="larger than"):
        back(Guest(root, profile(DEFAULT)))
    with open(guest + "/var/lib/pvhready/run-0001/journal", "a", encoding="ascii") as handle:
        handle.write('{"record": "start", "step": ' + "9" * 1000000 + "}\n")
    with Root(guest) as root, pytest.raises(Refused, match="a number that cannot be"):
        back(Guest(root, profile(DEFAULT)))
