"""Facts are remembered for as long as every file that they came from is as it was: then and only then."""

import ast
import os
import shutil
from typing import Any, Iterator, List, Optional, Set

import pytest

from pvhready import survey
from pvhready.demo import guests
from pvhready.facts import Facts
from pvhready.host import profile
from pvhready.memory import facts as memory
from pvhready.memory.evidence import Evidence
from pvhready.memory.facts import RememberedFacts, pack, unpack
from pvhready.memory.folder import Folder
from pvhready.root import Root

ME = os.geteuid()
HOST = profile("bitfolk")


class Machine:
    """A guest, and the memory of the runs on it. ``surveys`` counts how often its files were read."""

    def __init__(self, top: str, monkeypatch: Any) -> None:
        self.top = top
        self.folder = Folder(os.path.join(top, "memory"), ME, settled=-1)
        self.surveys = 0
        read = survey._read

        def counted(*arguments: Any) -> Facts:
            self.surveys += 1
            return read(*arguments)

        monkeypatch.setattr(survey, "_read", counted)

    def make(self, name: str) -> None:
        guests.make(name, self.path())

    def path(self, path: str = "") -> str:
        return os.path.join(self.top, "root") + path

    def facts(self, host: Any = HOST, assume: Optional[str] = "pv", folder: Optional[Folder] = None) -> Facts:
        with Root(self.path()) as root:
            return survey.survey(root, host, assume, folder=folder or self.folder)

    def is_remembered(self, **changes: Any) -> bool:
        """Whether the next run reads nothing; what it says is what a run without a memory says, in any case."""
        before = self.surveys
        found = self.facts(**changes)
        remembered = self.surveys == before
        fresh = Folder(os.path.join(self.top, "nothing"), ME + 1)
        assert found == self.facts(**dict(changes, folder=fresh))
        return remembered


@pytest.fixture
def machine(tmp_path: Any, monkeypatch: Any) -> Iterator[Machine]:
    yield Machine(str(tmp_path), monkeypatch)


# The damaged one has an archive that cannot be read: what a tool or library says of it is not of the guest's files alone.
@pytest.mark.parametrize("name", sorted(set(guests.NAMES) - {"debian-12-damaged"}))
def test_a_second_run_reads_nothing_and_says_the_same(name: str, machine: Machine) -> None:
    machine.make(name)
    assert not machine.is_remembered()
    assert machine.is_remembered()


def test_an_archive_that_cannot_be_read_is_tried_again(machine: Machine) -> None:
    machine.make("debian-12-damaged")
    assert not machine.is_remembered()
    assert not machine.is_remembered()


@pytest.mark.parametrize("name", sorted(guests.NAMES))
def test_records_survive_packing(name: str, machine: Machine) -> None:
    machine.make(name)
    found = machine.facts()
    again = unpack(pack(found))
    assert again == found and repr(again) == repr(found)


def test_another_question_is_not_answered(machine: Machine) -> None:
    machine.make("debian-12")
    machine.facts()
    assert machine.is_remembered()
    assert not machine.is_remembered(host=profile("debian-12"))
    assert not machine.is_remembered(host=profile("bitfolk"))
    assert not machine.is_remembered(assume="pvh")


def test_facts_do_not_outlive_a_boot(machine: Machine) -> None:
    """GRUB's save_env writes into the blocks of grubenv (grub-core/commands/loadenv.c): inode, size and times stay as they are."""
    machine.make("debian-12")
    place = machine.path("/proc/sys/kernel/random")
    os.makedirs(place)
    for boot in ("0b8f", "77aa"):
        with open(place + "/boot_id", "w", encoding="ascii") as handle:
            handle.write(boot + "\n")
        assert not machine.is_remembered()
        assert machine.is_remembered()


def evidence_of(machine: Machine) -> Evidence:
    with Root(machine.path()) as root:
        guest, storage = survey.read_guest(root, "pv"), survey.read_storage(root, False)
        root.evidence = Evidence()
        survey._read(root, HOST, guest, storage, False, None)
        return root.evidence


def append(path: str) -> None:
    with open(path, "ab") as handle:
        handle.write(b"\n")


def replace(path: str) -> None:
    """Put a copy in its place that has the same content and times."""
    shutil.copy2(path, path + ".copy")
    os.rename(path + ".copy", path)


def overwrite(path: str) -> None:
    """Change a byte and put the time back."""
    status = os.stat(path)
    with open(path, "r+b") as handle:
        handle.write(b"#")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("example", ["debian-12", "fedora-zstd"])
def test_no_file_changes_unseen(example: str, machine: Machine) -> None:
    machine.make(example)
    changes = [append, replace, overwrite, os.remove]
    states = sorted(evidence_of(machine).states)
    assert len(states) > 30 and sum(os.path.isfile(machine.path(path)) for path in states) > 5
    for number, path in enumerate(states):
        shutil.rmtree(machine.path())
        machine.make(example)
        machine.facts()
        name = machine.path(path)
        assert os.path.realpath(name).startswith(os.path.realpath(machine.path()) + "/"), "a link that leads out of the guest: " + path
        if os.path.isfile(name):
            changes[number % 4](name)
        elif os.path.isdir(name):
            open(name + "/a-new-name", "w").close()
        elif os.path.isdir(os.path.dirname(name)):
            open(name, "w").close()
        else:
            continue
        assert not machine.is_remembered(), path


def test_a_link_that_is_turned_is_seen(machine: Machine) -> None:
    machine.make("debian-12")
    (release,) = [name for name in os.listdir(machine.path("/boot")) if name.startswith("vmlinuz-")][:1]
    os.symlink("boot/" + release, machine.path("/vmlinuz"))
    menu = machine.path("/boot/grub/grub.cfg")
    with open(menu) as handle:
        text = handle.read()
    with open(menu, "w") as handle:
        handle.write(text.replace("/boot/" + release, "/vmlinuz"))
    machine.facts()
    assert machine.is_remembered()
    shutil.copy2(machine.path("/boot/" + release), machine.path("/other"))
    assert machine.is_remembered()
    os.remove(machine.path("/vmlinuz"))
    os.symlink("other", machine.path("/vmlinuz"))
    assert not machine.is_remembered()


def test_files_that_have_not_settled_are_not_remembered(machine: Machine) -> None:
    machine.make("debian-12")
    machine.folder = Folder(machine.top + "/memory", ME, settled=3600)
    assert not machine.is_remembered()
    assert not machine.is_remembered()


def test_nothing_under_proc_is_remembered(machine: Machine) -> None:
    machine.make("debian-12")
    os.makedirs(machine.path("/proc"))
    shutil.move(machine.path("/boot/grub/grub.cfg"), machine.path("/proc/menu"))
    os.symlink("../../proc/menu", machine.path("/boot/grub/grub.cfg"))
    with Root(machine.path()) as root:
        root.evidence = Evidence()
        root.read("/boot/grub/grub.cfg")
        assert root.evidence.whole  # a file of a disk, wherever it lies
        root.read("/proc/menu")
        assert not root.evidence.whole


def test_what_is_refused_is_not_remembered(machine: Machine) -> None:
    machine.make("debian-12")
    os.symlink("loop", machine.path("/loop"))
    with Root(machine.path()) as root:
        root.evidence = Evidence()
        assert root.exists("/loop") and not root.evidence.whole
        root.evidence = Evidence()
        assert root.exists("/../outside") and not root.evidence.whole
        root.evidence = Evidence()
        assert not root.exists("/none/such") and root.evidence.whole


def test_a_live_file_that_is_longer_than_it_says_is_not_remembered() -> None:
    with Root("/") as root:
        root.evidence = Evidence()
        root.evidence.note_status = lambda path, status: None  # type: ignore
        root.read("/proc/version")
        assert not root.evidence.whole


def test_another_version_of_the_program_asks_again(machine: Machine, monkeypatch: Any) -> None:
    machine.make("debian-12")
    machine.facts()
    monkeypatch.setattr(memory, "__version__", "another")
    assert not machine.is_remembered()
    assert machine.is_remembered()
    monkeypatch.setattr(memory, "_ROOMS", ("no such folder",))
    assert not machine.is_remembered()
    assert not machine.is_remembered()


def test_no_altered_or_cut_memory_is_believed(machine: Machine) -> None:
    machine.make("debian-12")
    machine.facts()
    path = machine.top + "/memory/" + memory.FILE
    assert os.stat(path).st_mode & 0o7777 == 0o600
    with open(path, "rb") as handle:
        good = handle.read()
    with Root(machine.path()) as root:
        question = (HOST, survey.read_guest(root, "pv"), survey.read_storage(root, False), survey._boot(root))
        assert RememberedFacts(machine.folder).recall(root, question) is not None
        step = max(1, len(good) // 400)
        damaged: List[bytes] = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1:] for at in range(0, len(good), step)]
        damaged += [good[:at] for at in range(0, len(good), step)]
        for data in damaged:
            with open(path, "wb") as handle:
                handle.write(data)
            assert RememberedFacts(machine.folder).recall(root, question) is None


def test_facts_of_a_huge_guest_are_not_kept(machine: Machine, monkeypatch: Any) -> None:
    machine.make("debian-12")
    monkeypatch.setattr(memory, "MAX_SIZE", 5000)
    machine.facts()
    assert not machine.is_remembered()


def test_every_room_whose_code_makes_facts_or_words_is_looked_at() -> None:
    """By what these modules import, and what those import in turn, also within their functions."""
    top = os.path.dirname(os.path.abspath(survey.__file__))
    pending = ["survey.py", "judge.py", "commands/check.py"]
    seen: Set[str] = set()
    while pending:
        name = pending.pop()
        seen.add(name)
        with open(os.path.join(top, name), encoding="utf-8") as handle:
            tree = ast.parse(handle.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pvhready"):
                for part in ["." + alias.name for alias in node.names] + [""]:
                    path = ((node.module or "") + part)[len("pvhready."):].replace(".", "/") + ".py"
                    if path not in seen and os.path.isfile(os.path.join(top, path)):
                        pending.append(path)
    assert len(seen) > 50
    assert {os.path.dirname(name) for name in seen} == set(memory._ROOMS)
