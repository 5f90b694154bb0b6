"""A real Prometheus server scrapes exporters, and the textfile through a real node exporter; alerts fire and resolve, panels have data."""

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from undo import hacked

from pvhready.demo.guests import make
from support import debian, wanted

pytest.importorskip("prometheus_client")
pytestmark = [pytest.mark.download, pytest.mark.slow]

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PVHREADY = [sys.executable, "-B", "-m", "pvhready"]
EXPORTERS = ("pv", "pvh", "doubtful")
OLD = time.time() - 3 * 86400
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: exporter
    static_configs: [{{targets: ["127.0.0.1:{pv}", "127.0.0.1:{pvh}", "127.0.0.1:{doubtful}"]}}]
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{node}"]}}]
"""


def program(package, name):
    return os.path.join(debian.unpacked(package, "bookworm"), "usr", "bin", name)


def free_ports(*names):
    """A port for each name, not of those that the kernel hands out to clients: one of these could be taken before the server starts."""
    found = {}
    for port in random.sample(range(20000, 32000), 200):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found[names[len(found)]] = port
        if len(found) == len(names):
            return found
    raise AssertionError("no free ports")


def wait_for(true, seconds=180):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.3)
    return None


class Prometheus:
    """The server's answers."""

    def __init__(self, ports):
        self.address = "http://127.0.0.1:{}/api/v1/".format(ports["prometheus"])
        self.names = {"127.0.0.1:{}".format(port): name for name, port in ports.items()}

    def get(self, what, **query):
        try:
            with urllib.request.urlopen(self.address + what + "?" + urllib.parse.urlencode(query), timeout=10) as answer:
                return json.loads(answer.read().decode("utf-8"))["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None  # it is still starting
            return pytest.fail("{}: {}".format(query, error.read().decode("utf-8", "replace")))
        except OSError:
            return None

    def query(self, expression):
        data = self.get("query", query=expression)
        return data["result"] if data else []

    def range(self, expression):
        now = time.time()
        data = self.get("query_range", query=expression, start=now - 20, end=now, step=1)
        return data["result"] if data else []

    def shown(self, expression):
        """The names of the machines for which an expression has a result."""
        return {self.names[found["metric"]["instance"]] for found in self.query(expression)}

    def firing(self, name):
        alerts = (self.get("alerts") or {"alerts": []})["alerts"]
        return {self.names[alert["labels"]["instance"]] for alert in alerts
                if alert["labels"]["alertname"] == name and alert["state"] == "firing"}


@contextlib.contextmanager
def running(commands):
    processes = []
    try:
        for command in commands:
            processes.append(subprocess.Popen(command, cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


def prometheus(folder, ports):
    return [program("prometheus", "prometheus"), "--config.file", str(folder / "prometheus.yml"),
            "--storage.tsdb.path", str(folder / "db"), "--web.listen-address", "127.0.0.1:{prometheus}".format(**ports)]


def node_exporter(folder, ports, *words):
    return [program("prometheus-node-exporter", "prometheus-node-exporter"), "--collector.disable-defaults", "--collector.textfile",
            "--collector.textfile.directory", str(folder), "--web.listen-address", "127.0.0.1:{node}".format(**ports)] + list(words)


def undo(directory, mode, *words):
    subprocess.check_call(
        PVHREADY + ["undo", "--root", directory, "--assume-guest", mode, "--apply", "--yes", "--switching"] + list(words), cwd=TOP,
        stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """The directory of each guest: two whose kernels a hook has decompressed, one that nobody can know, and one that is ready."""
    wanted.root()
    top = tmp_path_factory.mktemp("machines")
    found = {}
    for name in ("pv", "pvh"):
        (top / name).mkdir()
        found[name] = hacked.make(str(top / name))
    undo(found["pvh"], "pvh")
    for name, example in (("doubtful", "debian-12-damaged"), ("node", "debian-12")):
        found[name] = str(top / name)
        os.mkdir(found[name])
        make(example, found[name])
    return found


@pytest.fixture(scope="module")
def textfile(machines, tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "pvhready.prom"
    subprocess.check_call(
        PVHREADY + ["exporter", "--root", machines["node"], "--assume-guest", "pv", "--textfile", str(path)], cwd=TOP)
    return path


@pytest.fixture(scope="module")
def server(machines, textfile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    ports = free_ports("pv", "pvh", "doubtful", "node", "prometheus")
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(**ports))
    with open(os.path.join(TOP, "contrib", "prometheus", "pvhready.rules.yml"), encoding="utf-8") as handle:
        (folder / "rules.yml").write_text(re.sub(r"for: \w+", "for: 2s", handle.read()))
    exporters = [
        PVHREADY + ["exporter", "--root", machines[name], "--assume-guest", "pvh" if name == "pvh" else "pv",
                    "--listen", "127.0.0.1:{}".format(ports[name])] for name in EXPORTERS]
    with running(exporters + [node_exporter(textfile.parent, ports), prometheus(folder, ports)]):
        yield Prometheus(ports)


CURRENT = 'pvhready_next_boot_ok{mode="current"} == '


def test_an_alert_fires_where_a_kernel_is_swapped_and_resolves_after_the_way_back(server, machines):
    assert wait_for(lambda: len(server.query("up == 1")) == 4 and server.shown(CURRENT + "1") == {"pv", "pvh", "node"})
    assert wait_for(lambda: server.firing("PvhreadyUnknown") == {"doubtful"})
    assert not server.firing("PvhreadyNextBootFails")

    undo(machines["pv"], "pv")  # PV does not read the kernel that stands there now
    assert wait_for(lambda: server.firing("PvhreadyNextBootFails") == {"pv"})
    undo(machines["pvh"], "pvh", "--revert")  # a decompressed one, which PVH refuses, and the hook that makes more of them
    assert wait_for(lambda: server.firing("PvhreadyNextBootFails") == {"pv", "pvh"})
    assert wait_for(lambda: server.firing("PvhreadyDecompressionHookActive") == {"pvh"})

    undo(machines["pv"], "pv", "--revert")
    assert wait_for(lambda: server.firing("PvhreadyNextBootFails") == {"pvh"})
    undo(machines["pvh"], "pvh")
    assert wait_for(lambda: not server.firing("PvhreadyNextBootFails") and not server.firing("PvhreadyDecompressionHookActive"))
    assert server.shown(CURRENT + "1") == {"pv", "pvh", "node"}


def panels():
    with open(os.path.join(TOP, "contrib", "grafana", "pvhready.json"), encoding="utf-8") as handle:
        board = json.load(handle)
    return board["templating"]["list"], [(panel, target["expr"]) for panel in board["panels"] for target in panel["targets"]]


def test_every_panel_of_the_dashboard_has_data(server, machines, textfile):
    variables, queries = panels()
    values = {variable["name"]: variable for variable in variables}
    asked = re.match(r"label_values\((\w+), (\w+)\)$", values["instance"]["query"]["query"])
    kernel = os.path.join(machines["pv"], "boot", "vmlinuz-" + hacked.NEW)
    with open(kernel, "rb") as handle:
        good = handle.read()
    with open(kernel, "wb") as handle:
        handle.write(bytes(100000))  # which no loader takes
    written = textfile.read_text()
    textfile.write_text(re.sub(r"(?m)^(pvhready_last_success_timestamp_seconds) .*", r"\1 {}".format(OLD), written))
    try:
        assert wait_for(lambda: server.firing("PvhreadyNextBootFails") == {"pv"} and server.firing("PvhreadyStale") == {"node"})
        instances = server.get("label/{}/values".format(asked.group(2)), **{"match[]": asked.group(1)})
        assert {server.names[instance] for instance in instances} == set(EXPORTERS) | {"node"}
        # As Grafana writes it for "all", and for several that were picked.
        for chosen in (values["instance"]["allValue"], "(" + "|".join(re.escape(instance) for instance in instances) + ")"):
            for panel, expression in queries:
                # Within a string of PromQL a backslash stands twice.
                query = expression.replace("$instance", chosen.replace("\\", "\\\\"))
                assert "$" not in query
                found = (server.range if panel["type"] == "timeseries" else server.query)(query)
                assert found, query
                if panel["type"] == "stat":
                    assert float(found[0]["value"][1]) > 0, query
    finally:
        textfile.write_text(written)
        with open(kernel, "wb") as handle:
            handle.write(good)


WEB = """tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: server.pem
basic_auth_users:
  prometheus: {}
http_server_config:
  http2: false
"""
SCRAPE = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: closed
    scheme: https
    tls_config: {{ca_file: server.pem, cert_file: server.pem, key_file: server.key, server_name: localhost}}
    basic_auth: {{username: prometheus, password: secret}}
    static_configs: [{{targets: ["127.0.0.1:{pv}", "127.0.0.1:{node}"]}}]
  - job_name: stranger
    scheme: https
    tls_config: {{insecure_skip_verify: true}}
    static_configs: [{{targets: ["127.0.0.1:{pv}", "127.0.0.1:{node}"]}}]
"""


def test_one_web_config_serves_node_exporter_and_this_one(machines, textfile, tmp_path):
    """The format is that of Prometheus' own exporters: the same file, the same Prometheus, the same answers."""
    bcrypt = pytest.importorskip("bcrypt")
    pytest.importorskip("yaml")
    subprocess.run(
        [wanted.tool("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.pem"],
        cwd=str(tmp_path), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (tmp_path / "web.yml").write_text(WEB.format(bcrypt.hashpw(b"secret", bcrypt.gensalt(6)).decode("ascii")))
    ports = free_ports("pv", "node", "prometheus")
    (tmp_path / "prometheus.yml").write_text(SCRAPE.format(**ports))
    web = str(tmp_path / "web.yml")
    ours = PVHREADY + ["exporter", "--root", machines["pv"], "--assume-guest", "pv", "--listen", "127.0.0.1:{pv}".format(**ports),
                       "--web-config", web]
    with running([ours, node_exporter(textfile.parent, ports, "--web.config.file", web), prometheus(tmp_path, ports)]):
        server = Prometheus(ports)
        assert wait_for(lambda: server.shown('up{job="closed"} == 1') == {"pv", "node"})
        assert server.shown('pvhready_build_info{job="closed"}') == {"pv", "node"}
        assert server.shown('up{job="stranger"} == 0') == {"pv", "node"} and not server.query('pvhready_build_info{job="stranger"}')
