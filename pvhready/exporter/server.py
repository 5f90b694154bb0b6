"""The exporter's HTTP: /metrics, /healthz and a page that leads there. Slow, broken and hostile clients harm themselves only.

Each connection has a thread and serves one request, which has to be there as a whole after ``PATIENCE`` seconds and ``MAX_REQUEST`` bytes.
When all ``MAX_CLIENTS`` places are taken, the oldest connection gives its place to the newest.
"""

import io
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

from pvhready import __version__
from pvhready.errors import CommandError, NotPermitted, UsageError
from pvhready.exporter.webconfig import WebConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

PATIENCE = 10.0  # seconds
MAX_REQUEST = 32 * 1024  # bytes
MAX_CLIENTS = 64
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>pvhready exporter</title>
<style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;margin:1rem}}</style></head>
<body><h1>pvhready exporter</h1><p>Version {}. Tells whether this Xen guest comes up again at its next boot.</p>
<ul><li><a href="metrics">Metrics</a></li><li><a href="healthz">Health</a></li></ul></body></html>
"""


def parse_address(text: str) -> "Tuple[str, int]":
    """Return host and port of "127.0.0.1:9843", "[::1]:9843" or ":9843" (all addresses). Raises UsageError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not (port.isdecimal() and int(port) < 65536) or ":" in host and not bracketed:
        raise UsageError("{!r} is no address to listen on; write 127.0.0.1:9843 or [::1]:9843".format(text))
    return host[1:-1] if bracketed else host, int(port)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves what two functions return: the metrics as bytes, and whether all is well."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: str, web: WebConfig, metrics: "Callable[[], bytes]", is_well: "Callable[[], bool]") -> None:
        """Bind to ``address``. Raises UsageError for one that is none, CommandError where it cannot be had."""
        host, port = parse_address(address)
        self.web = web
        self.metrics = metrics
        self.is_well = is_well
        self._clients: Dict[int, socket.socket] = {}  # by descriptor, the oldest first
        self._lock = threading.Lock()
        try:
            found = socket.getaddrinfo(host or None, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0]
            self.address_family = found[0]
            super().__init__(found[4], Handler)  # type: ignore[arg-type]
        except PermissionError as error:
            raise NotPermitted("{} may not be listened on: choose a port above 1023".format(address)) from error
        except OSError as error:
            raise CommandError("{} cannot be listened on: {}".format(address, error.strerror or error)) from error

    def get_request(self) -> "Tuple[Any, Any]":
        """Accept a connection and find it a place."""
        client, address = self.socket.accept()
        client.settimeout(PATIENCE)
        if self.web.tls is not None:
            client = self.web.tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._clients[client.fileno()] = client
            if len(self._clients) > MAX_CLIENTS:
                _hang_up(self._clients.pop(next(iter(self._clients))))
        return client, address

    def shutdown_request(self, request: "Any") -> None:
        """Close a connection."""
        with self._lock:
            number = request.fileno()
            if number in self._clients and self._clients[number] is request:
                del self._clients[number]
        super().shutdown_request(request)

    def handle_error(self, request: "Any", client_address: "Any") -> None:
        """Say what went wrong, unless it is the client's affair."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            sys.stderr.write("pvhready: a request failed: {}: {}\n".format(type(error).__name__, error))


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    server_version = "pvhready"
    sys_version = ""

    def setup(self) -> None:
        """Shake hands, where that is asked for, and read within bounds from then on."""
        deadline = time.monotonic() + PATIENCE
        if hasattr(self.request, "do_handshake"):  # it came in over TLS; a reload may have changed what the next one does
            self.request.do_handshake()
            if self.server.web.sans:
                _demand_name(self.request.getpeercert(), self.server.web.sans)
        super().setup()
        self.rfile = io.BufferedReader(_Bounded(self.request, deadline))

    def do_GET(self) -> None:
        """Answer, with a body."""
        self._answer(True)

    def do_HEAD(self) -> None:
        """Answer, without the body."""
        self._answer(False)

    def log_message(self, format: str, *args: "Any") -> None:
        """Say nothing: whoever wants to know who asked has a firewall or a proxy."""

    def _answer(self, with_body: bool) -> None:
        passwords = self.server.web.passwords
        self.request.settimeout(PATIENCE)
        if passwords is not None and not passwords.allows(self.headers.get("Authorization")):
            self._send(401, "text/plain; charset=utf-8", b"Unauthorized\n", with_body, (("WWW-Authenticate", 'Basic realm="pvhready"'),))
            return
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send(200, TEXT, self.server.metrics(), with_body)
        elif path == "/healthz":
            well = self.server.is_well()
            self._send(200 if well else 503, "text/plain; charset=utf-8", b"ok\n" if well else b"no fresh result\n", with_body)
        elif path == "/":
            self._send(200, "text/html; charset=utf-8", _PAGE.format(__version__).encode("ascii"), with_body)
        else:
            self._send(404, "text/plain; charset=utf-8", b"There are /metrics and /healthz.\n", with_body)

    def _send(self, code: int, kind: str, body: bytes, with_body: bool, more: "Tuple[Tuple[str, str], ...]" = ()) -> None:
        self.send_response(code)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body)))) + more + self.server.web.headers:
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


class _Bounded(io.RawIOBase):
    """A request as it comes in, until its time or its size is over."""

    def __init__(self, client: "Any", deadline: float) -> None:
        self._client = client
        self._deadline = deadline
        self._left = MAX_REQUEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Any") -> int:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0 or self._left <= 0:
            raise socket.timeout("the request is too slow or too long")
        self._client.settimeout(remaining)
        size = int(self._client.recv_into(memoryview(buffer)[:self._left]))
        self._left -= size
        return size


def _demand_name(certificate: "Any", wanted: "Tuple[str, ...]") -> None:
    """Raise ConnectionError unless the client's certificate has one of the names."""
    names = [value for _, value in (certificate or {}).get("subjectAltName", ())]
    if not set(names).intersection(wanted):
        raise ConnectionError("the client's certificate has none of the names that are allowed")


def _hang_up(client: socket.socket) -> None:
    try:
        socket.socket.shutdown(client, socket.SHUT_RDWR)  # TLS has no say in it
    except OSError:
        return  # it has gone by itself
