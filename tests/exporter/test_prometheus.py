"""A real Prometheus server scrapes the exporter, and the textfile through a real node exporter; an alert fires and resolves."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from support import debian, wanted

pytest.importorskip("prometheus_client")
pytestmark = [pytest.mark.download, pytest.mark.slow]

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: exporter
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{node}"]}}]
"""


def program(package, name):
    return os.path.join(debian.unpacked(package, "bookworm"), "usr", "bin", name)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for(true, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.3)
    return None


class Prometheus:
    """The server's answers."""

    def __init__(self, port):
        self.address = "http://127.0.0.1:{}/api/v1/".format(port)

    def get(self, what, **query):
        try:
            with urllib.request.urlopen(self.address + what + "?" + urllib.parse.urlencode(query), timeout=10) as answer:
                return json.loads(answer.read().decode("utf-8"))["data"]
        except urllib.error.HTTPError as error:
            return pytest.fail("{}: {}".format(query, error.read().decode("utf-8", "replace")))
        except OSError:
            return None

    def query(self, expression):
        data = self.get("query", query=expression)
        return data["result"] if data else []

    def firing(self):
        return {alert["labels"]["alertname"] for alert in (self.get("alerts") or {"alerts": []})["alerts"] if alert["state"] == "firing"}


@pytest.fixture
def server(machine, tmp_path):
    wanted.root()
    ports = dict(zip(("exporter", "node", "prometheus"), free_ports(3)))
    (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(**ports))
    with open(os.path.join(TOP, "contrib", "prometheus", "pvhready.rules.yml"), encoding="utf-8") as handle:
        (tmp_path / "rules.yml").write_text(re.sub(r"for: \w+", "for: 2s", handle.read()))
    pvhready = [sys.executable, "-B", "-m", "pvhready", "exporter", "--root", machine, "--assume-guest", "pv"]
    (tmp_path / "texts").mkdir()
    subprocess.check_call(pvhready + ["--textfile", str(tmp_path / "texts" / "pvhready.prom")], cwd=TOP)
    commands = [
        pvhready + ["--listen", "127.0.0.1:{exporter}".format(**ports)],
        [program("prometheus-node-exporter", "prometheus-node-exporter"), "--collector.disable-defaults", "--collector.textfile",
         "--collector.textfile.directory", str(tmp_path / "texts"), "--web.listen-address", "127.0.0.1:{node}".format(**ports)],
        [program("prometheus", "prometheus"), "--config.file", str(tmp_path / "prometheus.yml"),
         "--storage.tsdb.path", str(tmp_path / "db"), "--web.listen-address", "127.0.0.1:{prometheus}".format(**ports)],
    ]
    running = []
    try:
        for command in commands:
            running.append(subprocess.Popen(command, cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield Prometheus(ports["prometheus"])
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=60)


def queries():
    with open(os.path.join(TOP, "contrib", "grafana", "pvhready.json"), encoding="utf-8") as handle:
        board = json.load(handle)
    return [target["expr"].replace("$instance", ".*") for panel in board["panels"] for target in panel["targets"]]


def test_prometheus_sees_it_all(server, machine):
    assert wait_for(lambda: len(server.query('up == 1')) == 2 and len(server.query('pvhready_next_boot_ok{mode="current"} == 1')) == 2)
    assert "PvhreadyNextBootFails" not in server.firing()

    kernel = sorted(name for name in os.listdir(machine + "/boot") if name.startswith("vmlinuz"))[-1]
    path = os.path.join(machine, "boot", kernel)
    with open(path, "rb") as handle:
        good = handle.read()
    with open(path, "wb") as handle:
        handle.write(bytes(100000))  # which no loader takes
    assert wait_for(lambda: "PvhreadyNextBootFails" in server.firing())
    assert [found["metric"]["job"] for found in server.query('pvhready_next_boot_ok{mode="current"} == 0')] == ["exporter"]
    # What is not there when nothing fails has data now, or would have if something were not known.
    empty = [query for query in queries() if not server.query(query)]
    assert all("check_unknown" in query for query in empty), empty

    with open(path, "wb") as handle:
        handle.write(good)
    assert wait_for(lambda: "PvhreadyNextBootFails" not in server.firing())
