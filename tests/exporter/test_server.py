"""The exporter as a process: its pages, its manners with clients that have none, TLS, passwords, signals."""

import base64
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

from pvhready.errors import UsageError
from pvhready.exporter.server import MAX_CLIENTS, parse_address
from support import wanted
from support.live import Live
from support.trees import GRUB_CFG

pytest.importorskip("prometheus_client")

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Exporter:
    """A running exporter on a port of its own."""

    def __init__(self, directory, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "pvhready", "exporter", "--root", directory, "--assume-guest", "pv", "--listen",
             "127.0.0.1:{}".format(self.port)] + list(arguments), cwd=TOP, stderr=subprocess.PIPE, universal_newlines=True)
        self.first = self.line()

    def line(self):
        return self.process.stderr.readline()

    def ask(self, path="/metrics", method="GET", headers=None, context=None):
        kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
        connection = kind("127.0.0.1", self.port, timeout=30, **({"context": context} if context else {}))
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8")
        finally:
            connection.close()

    def client(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out = self.process.communicate(timeout=60)[1]
        return self.process.returncode, out


@pytest.fixture
def start(machine):
    running = []

    def function(*arguments):
        running.append(Exporter(machine, *arguments))
        return running[-1]

    yield function
    for exporter in running:
        if exporter.process.poll() is None:
            exporter.process.kill()
            exporter.process.communicate()


def values(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_its_pages(start, machine, pvhready):
    exporter = start()
    assert "listening" in exporter.first
    status, headers, text = exporter.ask()
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    shown = values(text)
    assert shown['pvhready_next_boot_ok{mode="current"}'] == "1.0" and float(shown["process_resident_memory_bytes"]) > 0
    written = values(pvhready("check", "--root", machine, "--assume-guest", "pv", "--format", "prometheus").out)
    assert {key.split("{")[0] for key in written} <= {key.split("{")[0] for key in shown}
    assert exporter.ask("/metrics?name=x")[0] == 200
    assert exporter.ask("/healthz")[::2] == (200, "ok\n")
    assert 'href="metrics"' in exporter.ask("/")[2]
    assert exporter.ask("/../etc/passwd")[0] == 404
    assert exporter.ask(method="HEAD")[::2] == (200, "")
    assert exporter.ask(method="DELETE")[0] == 501
    assert exporter.end() == (0, "")


def test_a_scrape_runs_no_check(start):
    exporter = start("--interval", "1000")
    first = values(exporter.ask()[2])["pvhready_last_run_timestamp_seconds"]
    assert {values(exporter.ask()[2])["pvhready_last_run_timestamp_seconds"] for _ in range(20)} == {first}


def test_a_machine_that_is_gone_shows_and_keeps_the_last_good_result(start, machine):
    exporter = start("--interval", "1")
    shutil.rmtree(machine)
    assert "the check failed" in exporter.line()
    shown = values(exporter.ask()[2])
    assert shown['pvhready_next_boot_ok{mode="current"}'] == "1.0"
    assert float(shown["pvhready_last_run_timestamp_seconds"]) > float(shown["pvhready_last_success_timestamp_seconds"])


def test_clients_without_manners(start):
    exporter = start("--interval", "1000")
    broken = [b"", b"GET", b"GET /metrics HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n",
              b"GET / HTTP/1.1\r\nA: " + b"a" * 200000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", b"GET /" + b"a" * 100000]
    for given in broken:
        with exporter.client() as client:
            try:
                client.sendall(given)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except OSError:
                pass  # it has hung up
        assert exporter.ask()[0] == 200
    # More slow ones than there are places: the newest is served.
    slow = [exporter.client() for _ in range(MAX_CLIENTS + 20)]
    for client in slow:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
    assert exporter.ask()[0] == 200
    for client in slow:
        client.close()
    assert exporter.ask()[0] == 200
    code, said = exporter.end()
    assert code == 0 and "Traceback" not in said


def test_many_scrapes_leave_no_memory_behind(start):
    exporter = start("--interval", "1000")
    for _ in range(100):
        exporter.ask()
    before = float(values(exporter.ask()[2])["process_resident_memory_bytes"])
    for _ in range(600):
        assert exporter.ask()[0] == 200
    shown = values(exporter.ask()[2])
    assert float(shown["process_resident_memory_bytes"]) < before + 4 * 2 ** 20
    assert float(shown["process_open_fds"]) < 30


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_with_a_client_that_hangs(number, start):
    exporter = start()
    with exporter.client() as client:
        client.sendall(b"GET ")
        assert exporter.end(number) == (0, "")


# Who may ask


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A certificate authority, the server's certificate and two clients', one of them of nobody."""
    openssl = wanted.tool("openssl", "openssl")
    folder = tmp_path_factory.mktemp("keys")

    def run(*words):
        subprocess.run((openssl,) + words, cwd=str(folder), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    for name in ("ca", "stranger"):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
    for name, extension in (("server", "IP:127.0.0.1"), ("client", "DNS:prometheus.example")):
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        (folder / "extension").write_text("subjectAltName=" + extension + "\n")
        run("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", str(len(name)), "-extfile",
            "extension", "-out", name + ".pem")
    return folder


TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
CLIENTS = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"


def asked(keys, text):
    path = keys / "web.yml"
    path.write_text(text)
    return str(path)


def trusting(keys, name=None):
    context = ssl.create_default_context(cafile=str(keys / "ca.pem"))
    if name:
        context.load_cert_chain(str(keys / (name + ".pem")), str(keys / (name + ".key")))
    return context


def test_tls(start, keys):
    pytest.importorskip("yaml")
    exporter = start("--web-config", asked(keys, TLS))
    assert exporter.ask(context=trusting(keys))[0] == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        exporter.ask()
    slow = exporter.client()
    assert exporter.ask(context=trusting(keys))[0] == 200
    slow.close()
    assert exporter.end()[0] == 0


@pytest.mark.parametrize("sans, comes_in", [
    ("", True), ("  client_allowed_sans: [prometheus.example]\n", True), ("  client_allowed_sans: [other]\n", False),
])
def test_certificates_of_clients(sans, comes_in, start, keys):
    pytest.importorskip("yaml")
    exporter = start("--web-config", asked(keys, CLIENTS + sans))
    if comes_in:
        assert exporter.ask(context=trusting(keys, "client"))[0] == 200
    else:
        with pytest.raises((OSError, http.client.HTTPException)):
            exporter.ask(context=trusting(keys, "client"))
    for name in (None, "stranger"):
        with pytest.raises((OSError, http.client.HTTPException)):
            exporter.ask(context=trusting(keys, name))
    assert "Traceback" not in exporter.end()[1]


def basic(pair):
    return {"Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")}


def test_passwords_and_headers_and_reload(start, keys):
    bcrypt = pytest.importorskip("bcrypt")
    pytest.importorskip("yaml")
    text = 'basic_auth_users:\n  ann: "{}"\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n'
    path = asked(keys, text.format(bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()))
    exporter = start("--web-config", path)
    for _ in range(2):  # the second time from memory
        status, headers, _ = exporter.ask(headers=basic("ann:secret"))
        assert status == 200 and headers["X-Frame-Options"] == "deny"
    for wrong in ({}, basic("ann:Secret"), basic("bob:secret"), basic("ann:"), basic("ann"), basic("ann:a\0b"), basic("ann:" + "a" * 100),
                  {"Authorization": "Basic ===="}, {"Authorization": "Bearer x"}, {"Authorization": "Basic"}):
        for place in ("/metrics", "/", "/healthz", "/x"):
            status, headers, body = exporter.ask(place, headers=wrong)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Basic") and "pvhready_" not in body, wrong

    asked(keys, "nonsense: 1\n")
    exporter.process.send_signal(signal.SIGHUP)
    assert "not reloaded" in exporter.line()
    assert exporter.ask(headers=basic("ann:secret"))[0] == 200 and exporter.ask()[0] == 401
    asked(keys, text.format(bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()))
    exporter.process.send_signal(signal.SIGHUP)
    assert "reloaded" in exporter.line()
    assert exporter.ask(headers=basic("ann:other"))[0] == 200 and exporter.ask(headers=basic("ann:secret"))[0] == 401


HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.mark.parametrize("text, words", [
    ("nonsense: 1\n", "nonsense"), ("- a\n", "no mapping"), ("a: [\n", "no YAML"), ("basic_auth_users: [ann]\n", "no mapping"),
    ("basic_auth_users:\n  ann: secret\n", "bcrypt"), ("basic_auth_users:\n  ann: " + HASH + "x\n", "bcrypt"),
    ("basic_auth_users:\n  ann: " + HASH.replace("$10$", "$31$") + "\n", "cost"), ("basic_auth_users:\n  ann: 12\n", "ann"),
    ("basic_auth_users:\n  ann: {0}\nbasic_auth_users:\n  bob: {0}\n".format(HASH), "twice"),
    ("rate_limit:\n  burst: 5\n", "rate_limit"), ("http_server_config:\n  http2: true\n", "HTTP/2"),
    ("http_server_config:\n  headers:\n    X-Other: a\n", "X-Other"),
    ("http_server_config:\n  headers:\n    X-Frame-Options: x\n", "deny"),
    ('http_server_config:\n  headers:\n    X-XSS-Protection: "a\\nb: c"\n', "plain"),
    ("tls_server_config:\n  cert_file: server.pem\n", "key_file"),
    (TLS.replace("server.key", "none.key"), "cannot be used"), (TLS.replace("server.key", "ca.key"), "cannot be used"),
    (TLS.replace("server.pem", "web.yml"), "cannot be used"), (TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", "cipher_suites"),
    (TLS + "  curve_preferences: [X25519]\n", "curve"), (TLS + "  min_version: SSL3\n", "min_version"),
    (TLS + "  min_version: TLS13\n  max_version: TLS12\n", "above"),
    (TLS + "  client_auth_type: RequireAnyClientCert\n", "verifies nothing"),
    (TLS + "  client_auth_type: Maybe\n", "one of"), (TLS + "  client_auth_type: RequireAndVerifyClientCert\n", "missing"),
    (TLS + "  client_ca_file: ca.pem\n", "missing"), (CLIENTS.replace("ca.pem", "server.key"), "cannot be used"),
    (TLS + "  client_allowed_sans: [a]\n", "needs"), (CLIENTS + "  client_allowed_sans: a\n", "list"),
    (TLS + "  prefer_server_cipher_suites: maybe\n", "true or false"), (TLS + "  cert: abc\n", "cert is not done"), ("#" * 70000, "larger"),
])
def test_what_cannot_be_done_is_refused(text, words, keys, machine, pvhready):
    pytest.importorskip("yaml")
    pytest.importorskip("bcrypt")
    output = pvhready("exporter", "--root", machine, "--listen", "127.0.0.1:0", "--web-config", asked(keys, text))
    assert output.code == 64 and words in output.err and "web.yml" in output.err, output.err
    assert "secret" not in output.err


@pytest.mark.parametrize("library, text, package", [
    ("yaml", "", "python3-yaml"), ("bcrypt", "basic_auth_users:\n  a: " + HASH, "python3-bcrypt"),
])
def test_a_missing_library_is_named(library, text, package, keys, machine, tmp_path, pvhready):
    pytest.importorskip("yaml")
    (tmp_path / library).mkdir()
    (tmp_path / library / "__init__.py").write_text("raise ImportError('not here')")
    output = pvhready(
        "exporter", "--root", machine, "--listen", "127.0.0.1:0", "--web-config", asked(keys, text),
        environment={"PYTHONPATH": str(tmp_path) + os.pathsep + TOP})
    assert output.code == 64 and package in output.err


@pytest.mark.parametrize("arguments", [
    ("--listen", "nonsense"), ("--listen", "127.0.0.1:99999"), ("--listen", "::1:80"), ("--interval", "0"), ("--interval", "\u00b2"),
    ("--root", "/a", "--root", "/b"), ("--web-config", "/nonexistent"),
])
def test_arguments_that_make_no_sense(arguments, pvhready):
    assert pvhready("exporter", *arguments).code == 64


def test_a_port_that_is_taken(machine, pvhready):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        output = pvhready("exporter", "--root", machine, "--listen", "127.0.0.1:{}".format(other.getsockname()[1]))
    assert output.code == 74 and "cannot be listened on" in output.err


def test_addresses():
    assert [parse_address(text) for text in ("127.0.0.1:9843", "[::1]:80", ":1", "localhost:0")] == [
        ("127.0.0.1", 9843), ("::1", 80), ("", 1), ("localhost", 0)]
    for text in ("", "a", "a:", "a:b", "::1:80", "a:-1", "a:\u00b2"):
        with pytest.raises(UsageError):
            parse_address(text)


def test_an_alarm_when_the_kernel_is_swapped_and_none_after_the_way_back(start, machine):
    exporter = start("--interval", "1000")
    with open(machine + GRUB_CFG) as handle:
        good = handle.read()

    def shown():
        return values(exporter.ask()[2]).get('pvhready_next_boot_ok{mode="current"}')

    def wait_for(value):
        end = time.monotonic() + 60
        while shown() != value and time.monotonic() < end:
            time.sleep(0.2)
        return shown() == value

    for text, value in (("# empty\n", "0.0"), (good, "1.0")):
        with open(machine + GRUB_CFG, "w") as handle:
            handle.write(text)
        assert wait_for(value)


def test_a_user_who_may_only_read_sees_what_root_sees(guest, tmp_path):
    """As the unit of systemd has it: nobody's user, with the right to read everything."""
    live = Live(guest())
    setpriv = wanted.tool("setpriv", "util-linux")
    reader = (setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all,+dac_read_search")
    rights = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--no-new-privs")
    if subprocess.call(reader + rights + ("true",)):
        wanted.skip("a setpriv that can hand on a right")
    for folder, _, names in os.walk(live.path("/boot")):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o600)
        os.chmod(folder, 0o700)
    live.write("/etc/pvhready.conf", "[guest]\nassume = pv\n")
    code = "import sys; sys.path.insert(0, {!r}); from pvhready.cli import program; program()".format(TOP)
    check = (sys.executable, "-B", "-c", code, "check", "--format", "prometheus")
    as_root, as_reader, as_nobody = (
        values(live.run(*words).out) for words in (check, reader + rights + check, reader + ("--inh-caps=-all",) + check))
    assert as_root and as_root.pop("pvhready_run_as_root") == "1" and as_reader.pop("pvhready_run_as_root") == "0"
    assert {key: value for key, value in as_reader.items() if "_seconds" not in key} == {
        key: value for key, value in as_root.items() if "_seconds" not in key}
    if not as_nobody:
        wanted.skip("an interpreter that any user may start")
    assert as_nobody['pvhready_next_boot_unknown{mode="current"}'] == "1"
    assert 'pvhready_next_boot_ok{mode="current"}' not in as_nobody


def test_versions_of_tls(start, keys):
    pytest.importorskip("yaml")
    if not hasattr(ssl, "TLSVersion"):
        wanted.skip("a client that can be told its version of TLS (Python 3.7)")
    exporter = start("--web-config", asked(keys, TLS + "  min_version: TLS13\n"))
    assert exporter.ask(context=trusting(keys))[0] == 200
    old = trusting(keys)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((OSError, http.client.HTTPException)):
        exporter.ask(context=old)
