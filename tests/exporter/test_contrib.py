"""What is shipped for other programs: units, alert rules, a dashboard, plugins' lines. Those programs read them."""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

from pvhready.options import COMMANDS
from support import debian, wanted

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNITS = sorted(glob.glob(os.path.join(TOP, "debian", "pvhready.pvhready-*")))


def read(*names):
    with open(os.path.join(TOP, *names), encoding="utf-8") as handle:
        return handle.read()


def run(*words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, **options)


def known_metrics():
    return set(re.findall(r'_(?:states|flag|family|by_check|name)\(\s*"([a-z_]+)"', read("pvhready", "report", "metrics.py")))


@pytest.mark.parametrize("name", ["pvhready-exporter.service", "pvhready-textfile.service"])
def test_units_are_closed_and_systemd_understands_them(name, tmp_path):
    analyze = wanted.tool("systemd-analyze", "systemd")
    for path in UNITS:
        shutil.copy(path, str(tmp_path / os.path.basename(path)[len("pvhready."):]))
    result = run(analyze, "security", "--offline=true", "--no-pager", "./" + name, cwd=str(tmp_path))
    if "--offline" in result.stdout and result.returncode:
        wanted.skip("systemd-analyze security --offline (systemd 250)")
    level = re.search(r"exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level and float(level.group(1)) <= 2.0, result.stdout
    program = tmp_path / "true"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in os.listdir(str(tmp_path)):
        text = (tmp_path / unit).read_text()
        kept = [line for line in text.splitlines() if not line.startswith("Documentation=")]
        (tmp_path / unit).write_text("\n".join(kept).replace("/usr/bin/pvhready", str(program)) + "\n")
    assert (run(analyze, "verify", "./" + name, cwd=str(tmp_path)).stdout) == ""


def test_every_command_line_that_is_shipped_is_one_that_the_program_takes():
    options = {option.flags[0] for option in COMMANDS["exporter"].options + COMMANDS["check"].options}
    found = 0
    for text in [read(path) for path in UNITS] + [read("contrib", "nagios", "pvhready.cfg"), read("contrib", "nagios", "sudoers")]:
        for line in re.findall(r"/usr/bin/pvhready (.*)", text):
            words = re.split(r"[ ,]+", line)
            assert words[0] in COMMANDS and {word for word in words if word.startswith("--")} <= options
            found += 1
    assert found >= 4


def test_what_sudo_allows_is_what_nrpe_and_icinga_call():
    allowed = read("contrib", "nagios", "sudoers").split("(root) NOPASSWD: ")[1].strip().split(", ")
    nrpe = read("contrib", "nagios", "pvhready.cfg").split("/usr/bin/sudo -n ")[1].splitlines()[0]
    icinga = " ".join(re.findall(r'"([^"]*)"', re.search(r"command = \[(.*)\]", read("contrib", "icinga", "pvhready.conf")).group(1))[2:])
    assert nrpe in allowed and icinga in allowed and icinga + " --target pv" in allowed


@pytest.mark.download
def test_promtool_takes_the_rules_and_their_tests():
    promtool = os.path.join(debian.unpacked("prometheus", "bookworm"), "usr", "bin", "promtool")
    folder = os.path.join(TOP, "contrib", "prometheus")
    for words in (("check", "rules", "pvhready.rules.yml"), ("test", "rules", "pvhready.rules.test.yml")):
        result = run(promtool, *words, cwd=folder)
        assert result.returncode == 0 and "SUCCESS" in result.stdout, result.stdout


def test_rules_and_dashboard_name_only_metrics_that_there_are():
    known = known_metrics()
    assert {"verdict", "next_boot_ok", "kernel_info", "last_run_timestamp_seconds"} <= known
    for path in (("prometheus", "pvhready.rules.yml"), ("grafana", "pvhready.json")):
        named = set(re.findall(r"pvhready_([a-z_]+)", read("contrib", *path)))
        assert named and named <= known
    assert set(re.findall(r"alert: (\w+)", read("contrib", "prometheus", "pvhready.rules.yml"))) == set(
        re.findall(r"alertname: (\w+)", read("contrib", "prometheus", "pvhready.rules.test.yml")))


def test_the_dashboard_is_whole():
    board = json.loads(read("contrib", "grafana", "pvhready.json"))
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) and all(panel["targets"] for panel in panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
