"""The metrics as a file: whole or as before, readable for all, and never in the place of something else."""

import os
import resource
import signal
import subprocess
import sys
import threading

import pytest

from support.live import Live

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def values(path):
    return dict(line.rsplit(" ", 1) for line in path.read_text().splitlines() if not line.startswith("#"))


def test_the_file_says_what_check_says_and_all_may_read_it(machine, tmp_path, pvhready):
    target = tmp_path / "pvhready.prom"
    output = pvhready("exporter", "--root", machine, "--textfile", str(target), prefix=("sh", "-c", 'umask 077; exec "$@"', "sh"))
    assert (output.code, output.out, output.err) == (0, "", "")
    assert target.stat().st_mode & 0o7777 == 0o644
    shown = dict(line.rsplit(" ", 1) for line in pvhready("check", "--root", machine, "--format", "prometheus").out.splitlines())
    times = ("_seconds",)
    assert {key: value for key, value in values(target).items() if not key.endswith(times)} == {
        key: value for key, value in shown.items() if not key.endswith(times) and not key.startswith("#")}
    assert sorted(os.listdir(str(tmp_path))) == ["guest", "pvhready.prom"]


def test_it_needs_no_library(machine, tmp_path, pvhready):
    (tmp_path / "empty" / "prometheus_client").mkdir(parents=True)
    (tmp_path / "empty" / "prometheus_client" / "__init__.py").write_text("raise ImportError('not here')")
    path = {"PYTHONPATH": str(tmp_path / "empty") + os.pathsep + TOP}
    assert pvhready("exporter", "--root", machine, "--textfile", str(tmp_path / "a.prom"), environment=path).code == 0
    server = pvhready("exporter", "--root", machine, "--listen", "127.0.0.1:0", environment=path)
    assert server.code == 64 and "python3-prometheus-client" in server.err
    with open(os.path.join(TOP, "debian", "pvhready.pvhready-exporter.service"), encoding="utf-8") as handle:
        assert "\nRestartPreventExitStatus=64 77\n" in handle.read()  # to start it again would not help


def test_a_check_that_fails_leaves_the_file_as_it_was(tmp_path, pvhready):
    target = tmp_path / "a.prom"
    target.write_text("before 1\n")
    assert pvhready("exporter", "--root", str(tmp_path / "nothing"), "--textfile", str(target)).code == 74
    assert target.read_text() == "before 1\n"


@pytest.mark.parametrize("kind", ["folder", "link", "name", "missing folder"])
def test_what_is_no_place_for_it_is_refused(kind, machine, tmp_path, pvhready):
    target = tmp_path / "b.prom"
    if kind == "folder":
        target.mkdir()
    elif kind == "link":
        target.symlink_to("/dev/null")
    elif kind == "name":
        target = tmp_path / "b.txt"
    else:
        target = tmp_path / "none" / "b.prom"
    output = pvhready("exporter", "--root", machine, "--textfile", str(target))
    assert output.code == (74 if kind == "missing folder" else 64) and str(target) in output.err
    assert target.is_dir() if kind == "folder" else target.is_symlink() if kind == "link" else not target.exists()


def test_a_full_disk_leaves_the_file_as_it_was(machine, tmp_path):
    target = tmp_path / "c.prom"
    target.write_text("before 1\n")

    def little_space():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    result = subprocess.run(
        [sys.executable, "-B", "-m", "pvhready", "exporter", "--root", machine, "--textfile", str(target)], cwd=TOP,
        preexec_fn=little_space, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert result.returncode == 74 and b"as it was" in result.stderr and b"Traceback" not in result.stderr
    assert target.read_text() == "before 1\n"
    assert sorted(os.listdir(str(tmp_path))) == ["c.prom", "guest"]


def test_no_reader_ever_sees_half_of_it(machine, tmp_path):
    from pvhready.exporter import textfile
    from pvhready.exporter.renewal import Look, Question
    from pvhready.report.metrics import Run

    report = Look(Question(machine)).report()
    target = tmp_path / "d.prom"
    textfile.write(str(target), report, Run(1.0, 1.0, 1.0))
    length = len(target.read_bytes())
    seen, over = set(), threading.Event()

    def read():
        while not over.is_set():
            seen.add(len(target.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(200):
        textfile.write(str(target), report, Run(1.0, 1.0, 1.0))
    over.set()
    reader.join()
    assert seen == {length}


def test_files_of_others_beside_it_stay(machine, tmp_path, pvhready):
    names = {"pvhready.prom.old": True, "pvhready.prom.77": False, "pvhready.promise": True}
    for name in names:
        (tmp_path / name).write_text("")
        os.utime(str(tmp_path / name), (1000, 1000))
    assert pvhready("exporter", "--root", machine, "--textfile", str(tmp_path / "pvhready.prom")).code == 0
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_settings_of_the_running_system(guest):
    live = Live(guest())
    live.write("/etc/pvhready.conf", "[guest]\nassume = pv\n[exporter]\ninterval = 7\n")
    assert live.pvhready("exporter", "--textfile", "/var/lib/x.prom").code == 0
    with open(live.path("/var/lib/x.prom")) as handle:
        assert 'pvhready_next_boot_ok{mode="current"} 1\n' in handle.read()
    live.write("/etc/pvhready.conf", "[exporter]\ninterval = soon\n")
    output = live.pvhready("exporter", "--textfile", "/var/lib/x.prom")
    assert output.code == 64 and "interval" in output.err
