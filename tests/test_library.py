"""The interface for other programs: what the command says, without a trace, for one guest and for many."""

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import pytest

import pvhready as package
from pvhready import library, many
from pvhready.demo import guests
from pvhready.examine import Question
from support import trees, wanted
from support.program import Program

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def python(code, *arguments, **options):
    """Run a program that uses the library; return its standard output. Standard error has to stay empty."""
    environment = dict(os.environ, PYTHONPATH=TOP)
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)] + list(arguments), env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120, **options)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def command(directory, *arguments):
    return Program().check(directory, *arguments)


@pytest.mark.parametrize("name", sorted(guests.NAMES))
def test_it_says_what_the_command_says(name, tmp_path):
    guests.make(name, str(tmp_path))
    said = command(str(tmp_path), "--assume-guest", "pv", "--target", "pv", "--host", "debian-12")
    report = package.check(tmp_path, host="debian-12", target="pv", guest="pv")
    assert dict(report.as_dict(), exit=report.exit_code) == said
    assert (report.verdict, report.modes, report.target, report.root) == (said["verdict"], said["modes"], "pv", str(tmp_path))
    assert [finding.id for finding in report.checks] == [check["id"] for check in said["checks"]]
    assert report.comes_up is {"ready": True, "ready-with-warnings": True, "not-ready": False}.get(report.verdict)


def test_findings_are_records(guest):
    report = package.check(guest(image="elf"), guest="pv")
    (finding,) = [finding for finding in report.checks if finding.id == "image-not-bzimage"]
    assert isinstance(finding, library.Finding) and finding.status == "fail" and finding.mode == "pvh"
    assert finding.evidence[0].value == "7f 45 4c 46"
    assert [word for word in finding.remedies[0].argv if word != "sudo"][:2] == ["pvhready", "undo"]  # who is not root reads sudo
    assert "undo" in report.next_step and report.exit_code == 2 and report.comes_up is False


def test_reports_are_values(guest):
    directory = guest()
    report, again = package.check(directory, guest="pv"), package.check(directory, guest="pv")
    assert report == again and hash(report) == hash(again) and report != package.check(guest(cmdline=""), guest="pv")
    assert pickle.loads(pickle.dumps(report)) == report and copy.deepcopy(report) == report
    assert "ready" in repr(report)


@pytest.mark.parametrize("arguments, words", [
    ({"host": "nowhere"}, "no host profile"), ({"target": "hvm"}, "pvh or pv"), ({"guest": "kvm"}, "pv, pvh or hvm"),
    ({"skip": ["nothing"]}, "no check 'nothing'"), ({"root": "/nowhere"}, "/nowhere cannot be inspected"), ({"root": ""}, "empty"),
])
def test_what_makes_no_sense_is_an_error(arguments, words, tmp_path):
    arguments = dict({"root": tmp_path}, **arguments)
    with pytest.raises(library.Error) as caught:
        package.check(**arguments)
    assert words in str(caught.value)
    if "root" in arguments and arguments["root"] == tmp_path:
        arguments["roots"] = [arguments.pop("root")]
        with pytest.raises(library.Error):
            package.check_many(**arguments)


def test_a_memory_is_read_and_never_written(tmp_path, guest, monkeypatch):
    from pvhready.memory import folder

    monkeypatch.setattr(folder.os, "rename", lambda *_, **__: pytest.fail("something was written"))
    folder.Unchanged(str(tmp_path), os.geteuid()).save("facts", b"x")
    assert os.listdir(str(tmp_path)) == []


def test_nothing_is_written_printed_or_executed(guest, tmp_path):
    """Every call that changes a file system or starts a program, as strace sees it; workers are the interpreter itself."""
    strace = wanted.tool("strace", "strace")
    roots = [guest(compression="gzip") for _ in range(6)]
    code = (
        "import sys, pvhready; pvhready.check(sys.argv[1]);"
        "found = list(pvhready.check_many(sys.argv[1:], processes=2)); assert len(found) == 6"
    )
    log = tmp_path / "log"
    traced = "open,openat,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,symlink,symlinkat,chmod,fchmod,execve"
    result = subprocess.run(
        [strace, "-f", "-qq", "-o", str(log), "-e", "trace=" + traced, sys.executable, "-B", "-c", code] + roots,
        env=dict(os.environ, PYTHONPATH=TOP), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert (result.returncode, result.stdout) == (0, b"")
    for line in log.read_text(errors="replace").splitlines():
        call = line.split(None, 1)[1]
        name = call.partition("(")[0]
        if name in ("open", "openat"):
            flags = call.rpartition('", ')[2]
            assert not any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")) or "/dev/null" in call, line
        elif name == "execve":
            assert sys.executable in call or os.path.realpath(sys.executable) in call, line
        else:
            assert call.startswith(("+++", "---", "<...")), line


def test_to_import_it_imports_next_to_nothing():
    loaded = python("import sys; before = set(sys.modules); import pvhready; print(*sorted(set(sys.modules) - before))")
    assert loaded.split() == ["pvhready"]


def test_a_check_leaves_the_costly_modules_alone(guest):
    loaded = python(
        "import sys; before = set(sys.modules); import pvhready; pvhready.check(sys.argv[1]); print(*sorted(set(sys.modules) - before))",
        guest(compression="gzip"))
    assert not set(loaded.split()) & {"argparse", "psutil", "packaging", "magic", "subprocess", "multiprocessing", "sqlite3", "socket"}


def test_names_are_there_from_37_on():
    if sys.version_info >= (3, 7):
        assert package.Report is library.Report and package.Error is library.Error and package.Result is library.Result
    with pytest.raises(AttributeError):
        getattr(package, "nothing")  # noqa: B009
    assert set(package.__all__) - {"__version__"} == set(library.__all__)


# Many guests


@pytest.fixture
def several(guest):
    """Roots of all sorts, and what ``check`` says of each: a report, or the text of an error."""
    roots = [guest(), guest(cmdline=""), guest(image="elf"), "/nowhere", guest({trees.GRUB_CFG: None}), guest(payload="lz4")] * 4
    expected = []
    for root in roots:
        try:
            expected.append(package.check(root, guest="pv"))
        except library.Error as error:
            expected.append(str(error))
    return roots, expected


@pytest.mark.parametrize("processes", [None, 1, 2, 5])
def test_many_are_each_what_they_are_alone(several, processes):
    roots, expected = several
    results = list(package.check_many(iter(roots), guest="pv", processes=processes))
    assert [result.root for result in results] == roots
    assert [result.report or str(result.error) for result in results] == expected
    assert {result.error.exit_code for result in results if result.error} == {74}


def test_few_need_no_processes(guest, monkeypatch):
    monkeypatch.setattr(many, "_Pool", None)
    assert [result.report.verdict for result in package.check_many([guest(), guest()], guest="pv")] == ["ready", "ready"]
    assert list(package.check_many([])) == []


def no_child_left():
    try:
        return os.waitpid(-1, os.WNOHANG) is None
    except ChildProcessError:
        return True


def test_a_caller_may_stop_early(guest):
    root = guest()
    taken = []

    def endless():
        while True:
            taken.append(root)
            yield root

    results = package.check_many(endless(), guest="pv", processes=2)
    assert next(results).report.verdict == "ready"
    results.close()
    assert len(taken) < 200 and no_child_left()


def test_a_worker_that_is_killed_takes_one_answer_with_it(guest, monkeypatch):
    roots = [guest() for _ in range(12)]
    ask = many._Worker.ask

    def ask_and_kill(self, number, directory):
        ask(self, number, directory)
        if number in (4, 5, 11):
            self.process.send_signal(signal.SIGSTOP)
            self.process.kill()

    monkeypatch.setattr(many._Worker, "ask", ask_and_kill)
    results = list(package.check_many(roots, guest="pv", processes=2))
    assert [result.root for result in results] == roots
    failed = [number for number, result in enumerate(results) if result.error]
    assert failed == [4, 5, 11] or set(failed) < {4, 5, 11}  # one may have answered before it was stopped
    assert all("ended by itself" in str(results[number].error) for number in failed)
    assert no_child_left()


def test_a_fault_of_ours_with_one_is_told_with_the_others_unharmed(guest, monkeypatch):
    roots = [guest(), guest(), guest()]
    examine = many.examine

    def fail(directory, question, folder=None):
        if directory == roots[1]:
            raise ZeroDivisionError("x")
        return examine(directory, question, folder)

    monkeypatch.setattr(many, "examine", fail)
    found = list(many.answers(roots, Question(guest="pv"), many.Form()))
    assert [answer.code for answer in found] == [0, 70, 0] and "ZeroDivisionError" in found[1].error


def test_it_works_beside_threads_and_from_another_folder(guest):
    code = """
        import sys, threading, time, pvhready
        threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
        for result in pvhready.check_many(sys.argv[1:], guest="pv", processes=2):
            print(result.report.verdict)
    """
    roots = [guest() for _ in range(6)]
    relative = [os.path.basename(root) for root in roots]
    assert python(code, *relative, cwd=os.path.dirname(roots[0])).split() == ["ready"] * 6


def test_names_that_are_no_utf_8(guest, tmp_path):
    name = os.fsencode(str(tmp_path)) + b"/\xff\xfe"
    roots = []
    for number in range(5):
        os.rename(guest(), name + b"%d" % number)
        roots.append(os.fsdecode(name + b"%d" % number))
    results = list(package.check_many(roots, guest="pv", processes=2))
    assert [result.root for result in results] == roots and {result.report.root for result in results} == set(roots)


def test_the_command_takes_many_roots(guest, pvhready):
    roots = [guest(), guest(cmdline=""), guest(image="elf"), guest(), guest()]
    words = [word for root in roots for word in ("--root", root)]
    output = pvhready("check", "--assume-guest", "pv", "--format", "json", *words)
    documents = json.loads(output.out)
    assert output.code == 2 and [document["root"] for document in documents] == roots
    assert documents == [package.check(root, guest="pv").as_dict() for root in roots]
    output = pvhready("check", "--assume-guest", "pv", *words)
    alone = [pvhready("check", "--assume-guest", "pv", "--root", root).out for root in roots]
    assert output.out == "\n".join(alone) and output.code == 2
    assert pvhready("check", "--root", roots[0], "--root", "/nowhere").code == 74
    assert pvhready("check", "--host", "nowhere", *words).code == 64


# Types


def test_a_program_that_uses_it_is_typed(tmp_path):
    pytest.importorskip("mypy.api")
    (tmp_path / "program.py").write_text(textwrap.dedent("""
        import pathlib

        import pvhready

        report: pvhready.Report = pvhready.check(pathlib.Path("/mnt"), target="pvh")
        verdict: str = report.verdict
        for finding in report.checks:
            print(finding.id, finding.remedies[0].argv)
        for result in pvhready.check_many(["/a", pathlib.Path("/b")]):
            if result.report is not None:
                print(result.report.modes["pvh"])
        wrong: int = report.verdict
    """))
    environment = dict(os.environ, MYPYPATH=TOP)
    command_line = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    result = subprocess.run(command_line, cwd=str(tmp_path), env=environment, stdout=subprocess.PIPE, universal_newlines=True)
    errors = [line for line in result.stdout.splitlines() if line.startswith("program.py") and "error:" in line]
    assert len(errors) == 1 and 'expression has type "str"' in errors[0], result.stdout
