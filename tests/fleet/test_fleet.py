"""Many reports as one: the same in every format, whatever a report holds, in little memory."""

import json
import os
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest

from pvhready.demo.guests import NAMES, make
from pvhready.fleet.rows import MAX_TEXT

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODES = {"ready": 0, "not-applicable": 0, "ready-with-warnings": 1, "not-ready": 2, "unknown": 3}
EVIL = '</td><script>alert(1)</script><img src=x onerror="alert(2)">\x1b[31m\u2028\ud800&lt;'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the report of every example."""
    from pvhready.host import profile
    from pvhready.judge import judge
    from pvhready.report.json import render
    from pvhready.root import Root
    from pvhready.survey import survey

    top = tmp_path_factory.mktemp("fleet")
    for name in NAMES:
        (top / name).mkdir()
        make(name, str(top / name))
        with Root(str(top / name)) as root:
            report = judge(survey(root, profile("bitfolk"), "pv"), profile("bitfolk"))
        (top / (name + ".json")).write_text(render(report))
    return top


class Page(HTMLParser):
    """The cells of the table's rows, and the scripts."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.scripts, self.tags = [], [], []
        self._in = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._in = tag
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
        elif tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in = None

    def handle_data(self, data):
        if self._in == "td":
            self.rows[-1][-1] += data
        elif self._in == "script":
            self.scripts[-1] += data


def test_every_format_says_what_the_reports_say(folder, pvhready):
    reports = {name: json.loads((folder / (name + ".json")).read_text()) for name in NAMES}
    merged = json.loads(pvhready("fleet", str(folder), "--format", "json").out)
    told = {machine["name"]: tuple(machine[key] for key in ("verdict", "type", "pvh", "pv")) for machine in merged["machines"]}
    assert told == {
        name: (report["verdict"], report["guest"]["type"], report["modes"]["pvh"], report["modes"]["pv"])
        for name, report in reports.items()}
    for machine in merged["machines"]:
        checks = reports[machine["name"]]["checks"]
        assert set(machine["failed"]) == {check["id"] for check in checks if check["status"] == "fail"}
        default = reports[machine["name"]]["boot"]["default"]
        assert machine["kernel"] == (default["kernel"] if default else "") and not machine["problem"]
    assert sum(merged["verdicts"].values()) == sum(merged["types"].values()) == len(NAMES)

    page = Page(pvhready("fleet", str(folder), "--format", "html").out)
    assert [row[:5] for row in page.rows if row] == [
        [machine[key] for key in ("name", "type", "verdict", "pvh", "pv")] for machine in merged["machines"]]
    for columns in ("80", "200"):
        table = pvhready("fleet", str(folder), environment={"COLUMNS": columns}).out.splitlines()
        rows = [line.split() for line in table[1:-2] if not line.startswith(" ")]  # the others tell why
        assert [row[:5] for row in rows] == [
            [machine[key] for key in ("name", "type", "verdict", "pvh", "pv")] for machine in merged["machines"]]
        assert table[-1].startswith("2 ready, ")
        assert columns == "200" or max(map(len, table)) <= 80
        for machine in merged["machines"]:
            at = next(at for at, line in enumerate(table) if line.startswith(machine["name"] + " "))
            assert all(name in "".join(table[at:at + 5]) for name in machine["failed"]), machine


def test_files_one_by_one_and_an_array(folder, tmp_path, pvhready):
    names = sorted(NAMES)[:3]
    paths = [str(folder / (name + ".json")) for name in names]
    assert [machine["name"] for machine in json.loads(pvhready("fleet", "--format", "json", *paths).out)["machines"]] == names
    (tmp_path / "host.json").write_text("[{}]".format(",".join((folder / (name + ".json")).read_text() for name in names)))
    several = json.loads(pvhready("fleet", "--format", "json", str(tmp_path)).out)["machines"]
    assert [machine["name"] for machine in several] == ["host " + str(folder / name) for name in names]


@pytest.mark.parametrize("names, code", [
    (["debian-12"], 0), (["debian-12", "debian-12-silent"], 1), (["debian-12", "debian-12-damaged"], 3),
    (["debian-12-damaged", "centos-8", "debian-12-silent"], 2),
])
def test_the_exit_code_is_the_worst_report_when_wanted(names, code, folder, pvhready):
    paths = [str(folder / (name + ".json")) for name in names]
    assert pvhready("fleet", "--exit-verdict", *paths).code == code
    assert pvhready("fleet", *paths).code == 0


@pytest.mark.parametrize("content", [
    b"", b" \n", b"{", b"null", b"[1]", b"{}", b'{"format_version": 2}', b"\xff\xfe", b"[" * 100000, b'{"format_version": 1, "guest": []}',
    b'{"format_version": 1, "guest": {"type": "x"}, "modes": {}, "checks": []}',
    b'{"format_version": 1, "guest": {"type": ["PV"]}, "modes": {}, "checks": []}',
    b'{"format_version": 1, "guest": {"type": "PV"}, "verdict": "fine", "modes": {"pvh": "boots", "pv": "boots"}, "checks": []}',
    b'{"format_version": 1, "guest": {"type": "PV"}, "verdict": "ready", "modes": {"pvh": "perhaps", "pv": "boots"}, "checks": []}',
])
def test_a_report_that_is_none_is_unknown_and_never_ready(content, folder, tmp_path, pvhready):
    (tmp_path / "broken.json").write_bytes(content)
    output = pvhready("fleet", str(tmp_path), str(folder / "debian-12.json"), "--format", "json", "--exit-verdict")
    machines = json.loads(output.out)["machines"]
    assert output.code == 3 and [machine["verdict"] for machine in machines] == ["unknown", "ready"]
    assert machines[0]["problem"]
    assert "its report" in pvhready("fleet", str(tmp_path)).out


def test_what_is_no_file_stops_nothing(tmp_path, pvhready):
    os.mkfifo(str(tmp_path / "fifo.json"))
    os.symlink("loop.json", str(tmp_path / "loop.json"))
    with open(str(tmp_path / "large.json"), "wb") as handle:
        handle.truncate(1 << 30)
    assert pvhready("fleet", str(tmp_path), "--exit-verdict", timeout=60).code == 3
    for form in ("text", "json", "html"):
        missing = pvhready("fleet", str(tmp_path), str(tmp_path / "mistyped"), "--format", form)
        assert (missing.code, missing.out) == (64, "")


def test_hostile_reports_are_shown_and_not_obeyed(folder, tmp_path, pvhready):
    report = json.loads((folder / "ubuntu-20.04-hack.json").read_text())
    report["guest"]["distribution"] = {"id": EVIL, "version": EVIL, "name": EVIL * 100}
    report["boot"]["default"]["kernel"] = EVIL
    report["checks"] = [dict(check, id=EVIL, status="fail") for check in report["checks"]] + [None, {"id": [], "status": "fail"}]
    (tmp_path / "a<b>&\"'.json").write_text(json.dumps(report))
    output = pvhready("fleet", str(tmp_path), "--format", "html")
    page = Page(output.out)
    assert len(page.scripts) == 1 and "alert" not in page.scripts[0]
    assert not [tag for tag, _ in page.tags if tag in ("img", "a", "link", "iframe", "object")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.rows[1][0] == "a<b>&\"'" and page.rows[1][5].startswith("</td><script>alert(1)")
    assert len(page.rows[1][6]) < 2 * MAX_TEXT
    assert "\x1b" not in output.out and "\x1b" not in pvhready("fleet", str(tmp_path)).out


def test_the_page_needs_nothing_and_runs_its_own_script_only(folder, pvhready):
    import base64
    import hashlib

    page = Page(pvhready("fleet", str(folder), "--format", "html").out)
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    policies = [attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'".format(digest)]
    assert not [attributes for _, attributes in page.tags if "src" in attributes or "href" in attributes]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_the_memory_is_flat(form, folder, tmp_path):
    """Ten thousand reports are merged in seconds, and how many there are makes no difference to speak of."""
    for number in range(10000):
        os.link(str(folder / "ubuntu-20.04-hack.json"), str(tmp_path / "machine{:05d}.json".format(number)))
    code = (
        "import resource, sys; from pvhready.cli import main; code = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)")

    def peak(path):
        result = subprocess.run(
            [sys.executable, "-B", "-c", code, "fleet", path, "--format", form], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert result.returncode == 0
        return int(result.stderr)

    few, begin = peak(str(tmp_path / "machine00000.json")), time.monotonic()
    many = peak(str(tmp_path))
    assert many < few + 3000  # KiB
    assert time.monotonic() - begin < 60  # 3 s where nothing else runs
