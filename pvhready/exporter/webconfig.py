"""Who may ask, and over which channel: a file in the format of Prometheus' exporter-toolkit (docs/web-configuration.md there).

What such a file asks for and cannot be done here is refused: nothing is left out in silence.
"""

import os

from pvhready.errors import UsageError
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any, Dict, NoReturn, Optional, Tuple

    from pvhready.exporter.passwords import Passwords

MAX_SIZE = 64 * 1024
# Keys of the format, and whether they are understood here.
_TOP = {"tls_server_config": True, "http_server_config": True, "basic_auth_users": True, "rate_limit": False}
_TLS = {
    "cert_file": True, "key_file": True, "client_auth_type": True, "client_ca_file": True, "client_ca": True, "client_allowed_sans": True,
    "min_version": True, "max_version": True, "prefer_server_cipher_suites": True,
    "cert": False, "key": False, "cipher_suites": False, "curve_preferences": False,
}
_HTTP = {"http2": True, "headers": True}
_HEADERS = ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection", "Strict-Transport-Security")
_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
_NO_VERSION = ("OP_NO_TLSv1", "OP_NO_TLSv1_1", "OP_NO_TLSv1_2", "OP_NO_TLSv1_3")
_POLICIES = {"NoClientCert": "CERT_NONE", "VerifyClientCertIfGiven": "CERT_OPTIONAL", "RequireAndVerifyClientCert": "CERT_REQUIRED"}
_UNSAFE_POLICIES = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")


class WebConfig(NamedTuple):
    """What the file asks for. ``tls`` is None for plain HTTP, ``passwords`` for no authentication, ``sans`` are names of clients."""

    tls: "Optional[ssl.SSLContext]" = None
    sans: "Tuple[str, ...]" = ()
    passwords: "Optional[Passwords]" = None
    headers: "Tuple[Tuple[str, str], ...]" = ()


def read_web_config(path: str) -> WebConfig:
    """Return what a file asks for. Raises UsageError for one that cannot be read, makes no sense or asks for what cannot be done."""
    try:
        return _made(_load(path), os.path.dirname(os.path.abspath(path)))
    except UsageError as error:
        raise UsageError("{}: {}".format(path, error)) from error


def _load(path: str) -> "Dict[str, Any]":
    try:
        with open(path, "rb") as handle:
            data = handle.read(MAX_SIZE + 1)
    except OSError as error:
        raise UsageError("cannot be read: {}".format(error.strerror)) from error
    if len(data) > MAX_SIZE:
        raise UsageError("is larger than {} bytes".format(MAX_SIZE))
    try:
        import yaml
    except ImportError as error:
        raise UsageError("needs a library for YAML that is not here: install python3-yaml") from error
    try:
        _demand_keys_once(yaml.compose(data, Loader=yaml.SafeLoader))
        return _mapping(yaml.safe_load(data), "the file")
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError("is no YAML: {}".format(" ".join(str(error).split()))) from error


def _demand_keys_once(node: "Any") -> None:
    """The library takes the last of two equal keys; who reads the file may see the first."""
    pairs = node.value if node is not None and node.id == "mapping" else []
    names = [key.value for key, _ in pairs if isinstance(key.value, str)]
    for name in names:
        if names.count(name) > 1:
            raise UsageError("{} stands there twice".format(name))
    for _, value in pairs:
        _demand_keys_once(value)


def _made(asked: "Dict[str, Any]", folder: str) -> WebConfig:
    _demand_known(asked, _TOP, "")
    tls = _mapping(asked.get("tls_server_config"), "tls_server_config")
    _demand_known(tls, _TLS, "tls_server_config: ")
    context = _context(tls, folder) if tls else None
    sans = tls.get("client_allowed_sans")
    if sans is not None and tls.get("client_auth_type") != "RequireAndVerifyClientCert":
        raise UsageError("client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert")
    return WebConfig(context, _names(sans), _passwords(asked), _headers(_mapping(asked.get("http_server_config"), "http_server_config")))


def _passwords(asked: "Dict[str, Any]") -> "Optional[Passwords]":
    users = _mapping(asked.get("basic_auth_users"), "basic_auth_users")
    for name, written in users.items():
        if not isinstance(name, str) or not isinstance(written, str) or ":" in name:
            raise UsageError("basic_auth_users has names without a colon, and text as their hashes; {!r} is not so".format(name))
    if not users:
        return None
    from pvhready.exporter.passwords import Passwords

    return Passwords(users)


def _headers(asked: "Dict[str, Any]") -> "Tuple[Tuple[str, str], ...]":
    _demand_known(asked, _HTTP, "http_server_config: ")
    if asked.get("http2") not in (None, False):
        raise UsageError("http_server_config: HTTP/2 is not spoken here: write http2: false, or leave the line out")
    headers = _mapping(asked.get("headers"), "headers")
    _demand_known(headers, dict.fromkeys(_HEADERS, True), "headers: ")
    for name, value in headers.items():
        if not isinstance(value, str) or any(not " " <= character <= "~" for character in value):
            raise UsageError("headers: the value of {} is not plain text".format(name))
    _demand_one_of(headers, "X-Frame-Options", ("", "deny", "sameorigin"))
    _demand_one_of(headers, "X-Content-Type-Options", ("", "nosniff"))
    return tuple((name, value) for name, value in headers.items() if value)


def _context(asked: "Dict[str, Any]", folder: str) -> "ssl.SSLContext":
    import ssl

    certificate, key = _file(asked, "cert_file", folder), _file(asked, "key_file", folder)
    if not certificate or not key:
        raise UsageError("tls_server_config needs cert_file and key_file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_versions(context, asked)
    if _flag(asked, "prefer_server_cipher_suites", True):
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # a key with a password must not stop to ask for it
    except (OSError, ValueError) as error:  # SSLError is an OSError
        _refuse("cert_file and key_file", error)
    _set_clients(context, asked, folder)
    return context


def _set_clients(context: "ssl.SSLContext", asked: "Dict[str, Any]", folder: str) -> None:
    import ssl

    policy = asked.get("client_auth_type") or "NoClientCert"
    if policy in _UNSAFE_POLICIES:
        raise UsageError("client_auth_type {} verifies nothing and is not done here: write RequireAndVerifyClientCert".format(policy))
    if policy not in _POLICIES:
        raise UsageError("client_auth_type is one of {}".format(", ".join(_POLICIES)))
    file, text = _file(asked, "client_ca_file", folder), asked.get("client_ca")
    if (policy == "NoClientCert") == bool(file or text):
        raise UsageError("client_ca_file and a client_auth_type that verifies go together: one of them is missing")
    if file and text:
        raise UsageError("client_ca_file and client_ca are both there: leave one out")
    context.check_hostname = False
    context.verify_mode = getattr(ssl, _POLICIES[policy])
    if file or text:
        try:
            context.load_verify_locations(cafile=file, cadata=text)
        except (OSError, ValueError, TypeError) as error:
            _refuse("client_ca_file", error)


def _set_versions(context: "Any", asked: "Dict[str, Any]") -> None:
    import ssl

    names: Any = getattr(ssl, "TLSVersion", None)  # since Python 3.7
    lowest, highest = (_version(asked, key, default) for key, default in (("min_version", "TLS12"), ("max_version", "TLS13")))
    if lowest > highest:
        raise UsageError("min_version is above max_version")
    if names is not None:
        versions = (names.TLSv1, names.TLSv1_1, names.TLSv1_2, names.TLSv1_3)
        context.minimum_version = versions[lowest]  # novm
        context.maximum_version = versions[highest]  # novm
        return
    for index, name in enumerate(_NO_VERSION):
        if not lowest <= index <= highest:
            context.options |= getattr(ssl, name, 0)


def _version(asked: "Dict[str, Any]", key: str, default: str) -> int:
    value = asked.get(key) or default
    if value not in _VERSIONS:
        raise UsageError("{} is one of {}".format(key, ", ".join(_VERSIONS)))
    return _VERSIONS.index(value)


def _file(asked: "Dict[str, Any]", key: str, folder: str) -> "Optional[str]":
    value = asked.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError("{} is the path of a file".format(key))
    return os.path.join(folder, value) if value else None


def _flag(asked: "Dict[str, Any]", key: str, default: bool) -> bool:
    value = asked.get(key, default)
    if not isinstance(value, bool):
        raise UsageError("{} is true or false".format(key))
    return value


def _names(value: "Any") -> "Tuple[str, ...]":
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise UsageError("client_allowed_sans is a list of names")
    return tuple(value)


def _mapping(value: "Any", name: str) -> "Dict[str, Any]":
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError("{} is no mapping of keys to values".format(name))
    return value


def _demand_known(asked: "Dict[str, Any]", known: "Dict[str, bool]", place: str) -> None:
    for key in asked:
        if key not in known:
            raise UsageError("{}there is no key {!r}; there are: {}".format(place, key, ", ".join(known)))
        if not known[key]:
            raise UsageError("{}{} is not done here: leave it out".format(place, key))


def _demand_one_of(headers: "Dict[str, Any]", name: str, values: "Tuple[str, ...]") -> None:
    if headers.get(name, "") not in values:
        raise UsageError("headers: {} is one of {}".format(name, ", ".join(value for value in values if value)))


def _refuse(what: str, error: Exception) -> "NoReturn":
    raise UsageError("{} cannot be used: {}".format(what, getattr(error, "strerror", None) or error)) from error
