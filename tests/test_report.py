"""The formats of the report: the contract of the JSON, text that fits and does no harm, exit codes."""

import json
import os
import re

import pytest

from pvhready.checks import IDS
from pvhready.demo.guests import NAMES, make
from pvhready.report.plain import printable, wrap
from support.trees import GRUB_CFG

jsonschema = pytest.importorskip("jsonschema")

_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SCHEMA = os.path.join(_TOP, "pvhready", "data", "report.schema.json")
EXIT = {"ready": 0, "not-applicable": 0, "ready-with-warnings": 1, "not-ready": 2, "unknown": 3}


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize("target", ["pvh", "pv"])
def test_every_report_keeps_the_contract_and_every_format_the_verdict(name, target, tmp_path, pvhready):
    make(name, str(tmp_path))
    report = pvhready.check(str(tmp_path), "--target", target)
    code = report.pop("exit")
    with open(_SCHEMA, encoding="utf-8") as handle:
        jsonschema.validate(report, json.load(handle))
    assert code == EXIT[report["verdict"]]
    assert {check["id"] for check in report["checks"]} <= set(IDS)
    text = pvhready("check", "--root", str(tmp_path), "--target", target)
    assert text.code == code
    assert report["verdict"].replace("-", " ").upper() in text.out


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize("columns", ["80", "120"])
def test_text_fits_the_terminal_and_has_no_colour_in_a_pipe(name, columns, pvhready):
    output = pvhready("demo", name, environment={"COLUMNS": columns})
    assert "\x1b" not in output.out
    # A word that is longer than the line (a path, a command to type) stays whole: it is to be copied.
    for line in output.out.splitlines():
        assert len(line) <= int(columns) or len(line.split()) == 1 or line.startswith("      "), line


def test_colour_on_demand_and_not_against_no_color(tmp_path, pvhready):
    make("debian-12", str(tmp_path))
    assert "\x1b[" in pvhready("check", "--root", str(tmp_path), "--color", "always").out
    assert "\x1b[" not in pvhready("check", "--root", str(tmp_path), environment={"NO_COLOR": "1"}).out


def test_roots_given_more_than_once_are_an_array(tmp_path, pvhready):
    for name in ("debian-12", "centos-8"):
        (tmp_path / name).mkdir()
        make(name, str(tmp_path / name))
    output = pvhready("--root", str(tmp_path / "debian-12"), "check", "--root", str(tmp_path / "centos-8"), "--format", "json")
    # The later place of a global option counts; within one place every --root does.
    assert json.loads(output.out)["root"].endswith("centos-8")
    output = pvhready("check", "--root", str(tmp_path / "debian-12"), "--root", str(tmp_path / "centos-8"), "--format", "json")
    assert [report["verdict"] for report in json.loads(output.out)] == ["ready", "not-ready"]
    assert output.code == 2


@pytest.mark.parametrize("arguments", [
    ("--nonsense",), ("nonsense",), ("check", "--target", "hvm"), ("check", "--host", "no-such-host"), ("explain", "no-such-check"),
    ("check", "--skip", "no-such-check"), ("image",), ("demo", "no-such-example"), ("--assume-guest",),
])
def test_usage_errors_are_64_and_no_verdict(arguments, pvhready):
    output = pvhready(*arguments)
    assert output.code == 64
    assert output.err.startswith("pvhready") and output.out == ""


def test_a_root_that_is_none_is_an_input_error(tmp_path, pvhready):
    assert pvhready("check", "--root", str(tmp_path / "nothing")).code == 74
    (tmp_path / "file").write_text("x")
    assert pvhready("check", "--root", str(tmp_path / "file")).code == 74


def test_global_options_stand_before_and_after_the_command(tmp_path, pvhready):
    make("debian-12", str(tmp_path))
    outputs = [
        pvhready("--root", str(tmp_path), "-q"),
        pvhready("--root", str(tmp_path), "check", "-q"),
        pvhready("check", "-q", "--root", str(tmp_path)),
        pvhready("-q", "--root=" + str(tmp_path), "check", "--target", "pvh"),
        pvhready("-q", "--root", str(tmp_path), "--target", "pvh"),
    ]
    assert len({output.out for output in outputs}) == 1 and outputs[0].out.startswith("READY")


def test_a_skipped_check_is_a_warning(tmp_path, pvhready):
    make("debian-12-silent", str(tmp_path))
    report = pvhready.check(str(tmp_path), "--skip", "console-silent")
    assert report["verdict"] == "ready-with-warnings"
    assert [check["status"] for check in report["checks"] if check["id"] == "console-silent"] == ["skip"]


def test_exit_zero(tmp_path, pvhready):
    make("centos-8", str(tmp_path))
    assert pvhready("check", "--root", str(tmp_path), "--exit-zero").code == 0


def test_explain_tells_of_every_check(pvhready):
    from pvhready.report.explain import render
    from pvhready.report.text import Style

    listed = pvhready("explain").out
    for check in IDS:
        assert re.search("^  {} ".format(check), listed, re.MULTILINE)
        assert "docs/checks.md#" + check in render(check, Style())
    assert pvhready("explain", "way-back").out == render("way-back", Style())


def test_the_page_of_checks_is_the_table_of_checks():
    from pvhready.report.explain import page

    with open(os.path.join(_TOP, "docs", "checks.md"), encoding="utf-8") as handle:
        text = handle.read()
    assert text == page(), "python3 -m pvhready.report.explain > docs/checks.md"
    heads = [re.sub("[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")]
    assert len(heads) == len(set(heads)) and set(IDS) <= set(heads)  # a second heading of the same name would get another anchor


def test_every_check_that_is_explained_is_one_that_the_rules_can_give():
    said = set()
    for folder in ("pvhready/rules", "pvhready"):
        for name in os.listdir(os.path.join(_TOP, folder)):
            if name.endswith(".py") and name != "checks.py":
                with open(os.path.join(_TOP, folder, name), encoding="utf-8") as handle:
                    said |= set(re.findall('"([a-z0-9-]+)"', handle.read()))
    assert set(IDS) - said == set()


def test_text_never_acts_on_what_a_guest_wrote():
    assert printable("a\x1b[31mb\nc\udcff\u202e") == "a\\x1b[31mb\\x0ac\\xff\\u202e"


def test_wrapping_keeps_the_indent_and_the_words():
    assert wrap("  one two three", 9, "    ") == ["  one two", "    three"]
    assert " ".join(wrap("a b c d", 3)).split() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("platform", ["xen_pvh", "xen-x86_64", "xen-i386"])
def test_entries_lists_the_menu(platform, tmp_path, pvhready):
    make("ubuntu-20.04-hack", str(tmp_path))
    menu = pvhready.json("entries", "--root", str(tmp_path), "--platform", platform)
    assert (menu["exit"], menu["platform"], menu["default"]) == (0, platform, 0)
    assert menu["entries"][0]["kernel"] == "/boot/vmlinuz-5.4.0-216-generic"
    make("alpine-extlinux", str(tmp_path / "alpine"))
    assert pvhready("entries", "--root", str(tmp_path / "alpine")).code == 1


@pytest.mark.parametrize("host, code, said", [
    ("debian-12", 1, "Chosen, and GRUB cannot load it: 0 A (first-entry)"),
    ("bitfolk", 3, "Chosen, and it is not known whether GRUB can load it: 0 A (first-entry)"),
    ("debian-12+linux16", 0, "Boots next: 0 A (first-entry)"),
])
def test_entries_says_whether_the_default_can_be_loaded(host, code, said, guest, pvhready):
    directory = guest({GRUB_CFG: "set timeout=0\nmenuentry A { linux16 /boot/vmlinuz-6.1.0-50-amd64 root=/dev/xvda1; }\n"})
    answer = pvhready("entries", "--root", directory, "--host", host)
    assert (answer.code, said in answer.out) == (code, True)


def test_a_damaged_file_makes_one_look_at_the_space_on_boot():
    from pvhready.facts import Facts, Guest, Storage
    from pvhready.host import profile
    from pvhready.judge import judge

    def said(free):
        report = judge(Facts("/", True, "2026-01-01", Guest("PV"), storage=Storage(boot_free=free)), profile("bitfolk"))
        return [check.summary for check in report.checks if check.id == "boot-space"]

    assert said(None) == []
    assert "make room" in said(3 << 20)[0] and "3 MiB" in said(3 << 20)[0]
    assert "make room" not in said(900 << 20)[0]


@pytest.mark.parametrize("name, expected", [
    ("debian-12-silent", "/etc/default/grub; then update-grub"),
    ("ubuntu-18.04", ": apt-get install --install-recommends linux-generic-hwe-18.04"),
    ("centos-8", "; then pvhready plan"),
])
def test_the_next_step_is_whole(name, expected, tmp_path, pvhready):
    make(name, str(tmp_path))
    words = " ".join(pvhready("check", "-q", "--root", str(tmp_path)).out.split())
    assert expected in words
