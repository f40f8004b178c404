"""The homeserver of the local world: a real Synapse with the real antispam module, its settings and its accounts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from cli.local.certificates import Certificate
from cli.local.ports import LOOPBACK, status_of
from cli.local.processes import Program
from kit.errors import HomeserverUnavailable, NotFound

CALLBACKS: Final = ("user_may_invite", "federated_user_may_invite", "user_may_join_room")
"""What the module may call; left to its default it takes callbacks that keep Synapse from starting."""
_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = _ROOT / ".venv-homeserver/bin/synapse_homeserver"
PYTHON: Final = _ROOT / ".venv-homeserver/bin/python"
"""The Python of Synapse's own environment."""
_REPORTING = Path(__file__).with_name("fast_statistics.py")
_KEYS_GOOD_FOR = "60d"
"""How long its keys are good where it reports: longer than an epoch, which passes in a minute of play."""
_TIMEOUT = 30.0
_PLENTY: Final[dict[str, float]] = {"per_second": 10_000, "burst_count": 10_000}


@dataclass(frozen=True, slots=True)
class GateCall:
    """Where the module finds our gate: the URL without a final slash, and the tenant's bearer."""

    base_url: str
    bearer: str


@dataclass(frozen=True, slots=True)
class Federation:
    """TLS for other homeservers: the port that ends the server's name, and the files; it speaks with ``peers`` only."""

    port: int
    files: Certificate
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Synapse:
    """One homeserver on the loopback address; everything that it keeps is in ``folder``.

    ``reports_to``: the address to which it reports its use each second, if anywhere.
    """

    folder: Path
    server_name: str
    port: int
    registration_secret: str
    gate: GateCall | None = None
    federation: Federation | None = None
    open_registration: bool = False
    reports_to: str | None = None

    @property
    def url(self) -> str:
        """Return the client API's address."""
        return f"http://{LOOPBACK}:{self.port}"

    def asking(self, gate: GateCall) -> Synapse:
        """Return the same homeserver with the antispam module, which asks ``gate``."""
        return replace(self, gate=gate)


@dataclass(frozen=True, slots=True)
class Login:
    """A logged-in device of an account."""

    user_id: str
    device_id: str
    access_token: str


def synapse(server: Synapse, *, log: Path) -> Program:
    """Write the homeserver's settings, again each time, and return the program. Raises ``NotFound`` without Synapse."""
    if not _PROGRAM.is_file():
        raise NotFound("synapse_missing", "There is no Synapse: `make setup` installs it into .venv-homeserver.")
    server.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing_key = server.folder / "signing.key"
    if not signing_key.exists():
        seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        _write(signing_key, f"ed25519 a_{secrets.token_hex(3)} {seed}\n")
    if server.gate is not None:
        _write(server.folder / "bearer", server.gate.bearer + "\n")
    _write(server.folder / "logging.json", json.dumps(_LOGGING, indent=2))
    configuration = server.folder / "homeserver.yaml"
    _write(configuration, json.dumps(_settings(server), indent=2))  # JSON is YAML
    program = (str(_PROGRAM),) if server.reports_to is None else (str(PYTHON), "-P", str(_REPORTING))
    command = (*program, "--config-path", str(configuration))
    return Program("homeserver", command, server.folder, log, ready=lambda: answers(server))


def module_settings(base_url: str, bearer_file: Path) -> dict[str, Any]:
    """Return the entry under ``modules:`` that makes a homeserver ask our gate; it lets people in where we are down."""
    return {
        "module": "synapse_http_antispam.HTTPAntispam",
        "config": {
            "base_url": base_url,
            "authorization_path": str(bearer_file),
            "do_ping": False,  # it would leak its log context, and Synapse lets whatever loop runs into that die
            "enabled_callbacks": list(CALLBACKS),
            "fail_open": dict.fromkeys(CALLBACKS, True),
        },
    }


def answers(server: Synapse) -> bool:
    """Tell whether the homeserver serves."""
    return status_of(server.port, "/health") == HTTPStatus.OK


def register(server: Synapse, localpart: str, password: str, *, admin: bool = False) -> Login:
    """Make an account by the shared secret. Raises ``HomeserverUnavailable`` where Synapse says no."""
    nonce = str(_call("GET", f"{server.url}/_synapse/admin/v1/register")["nonce"])
    role = "admin" if admin else "notadmin"
    code = hmac.new(server.registration_secret.encode(), digestmod=hashlib.sha1)
    code.update(f"{nonce}\0{localpart}\0{password}\0{role}".encode())
    body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin, "mac": code.hexdigest()}
    return _login(_call("POST", f"{server.url}/_synapse/admin/v1/register", body))


def log_in(server: Synapse, localpart: str, password: str, *, device_name: str = "earnest") -> Login | None:
    """Log in with a password; ``None`` where there is no such account or the password is another."""
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": localpart},
        "password": password,
        "initial_device_display_name": device_name,
    }
    answer = httpx.post(f"{server.url}/_matrix/client/v3/login", json=body, timeout=_TIMEOUT)
    return None if answer.status_code == HTTPStatus.FORBIDDEN else _login(_checked(answer))


def log_out(server: Synapse, login: Login) -> None:
    """End a login: its device and its token are gone."""
    headers = {"Authorization": f"Bearer {login.access_token}"}
    _checked(httpx.post(f"{server.url}/_matrix/client/v3/logout", headers=headers, timeout=_TIMEOUT))


def _login(answer: Mapping[str, Any]) -> Login:
    return Login(str(answer["user_id"]), str(answer["device_id"]), str(answer["access_token"]))


def _call(method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return _checked(httpx.request(method, url, json=body, timeout=_TIMEOUT))


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != HTTPStatus.OK:
        raise HomeserverUnavailable(f"The homeserver answered {answer.status_code}: {answer.text[:300]}")
    document: dict[str, Any] = answer.json()
    return document


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _settings(server: Synapse) -> dict[str, Any]:
    folder = server.folder
    names = ["client", "openid"] if server.federation is None else ["client", "openid", "federation"]
    listeners = [_listener(server.port, names)]
    settings: dict[str, Any] = {
        "server_name": server.server_name,
        "public_baseurl": f"{server.url}/",
        "report_stats": False,
        "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "log_config": str(folder / "logging.json"),
        "registration_shared_secret": server.registration_secret,
        "macaroon_secret_key": _derived(server, "macaroon"),
        "form_secret": _derived(server, "form"),
        "enable_registration": server.open_registration,
        "enable_registration_without_verification": server.open_registration,
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "presence": {"enabled": False},
        "url_preview_enabled": False,
        "bcrypt_rounds": 4,  # passwords of play; each of more rounds doubles what an account costs
        "ip_range_blacklist": [],  # other homeservers are on this machine too
        "federation_ip_range_blacklist": [],
        **_RATE_LIMITS,
    }
    if server.federation is not None:
        listeners.append(_listener(server.federation.port, ["federation"], tls=True))
        settings |= {
            "tls_certificate_path": str(server.federation.files.certificate),
            "tls_private_key_path": str(server.federation.files.key),
            "federation_custom_ca_list": [str(server.federation.files.authority)],
            "federation_domain_whitelist": list(server.federation.peers),
            "federation": _COMES_BACK_SOON,
        }
    else:
        settings["federation_domain_whitelist"] = []  # nobody outside of this machine
    if server.reports_to is not None:
        settings |= {"report_stats": True, "report_stats_endpoint": server.reports_to, "server_context": "play"}
        settings["key_refresh_interval"] = _KEYS_GOOD_FOR
    if server.gate is not None:
        settings["modules"] = [module_settings(server.gate.base_url, folder / "bearer")]
    return settings | {"listeners": listeners}


def _listener(port: int, resources: list[str], *, tls: bool = False) -> dict[str, Any]:
    return {
        "port": port,
        "bind_addresses": [LOOPBACK],
        "type": "http",
        "tls": tls,
        "resources": [{"names": resources, "compress": False}],
    }


def _derived(server: Synapse, purpose: str) -> str:
    """Make one secret of the world serve for several, so that none has to be kept beside it."""
    return hmac.new(server.registration_secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


_RATE_LIMITS: Final[dict[str, Any]] = {
    **dict.fromkeys(
        (
            "rc_message",
            "rc_registration",
            "rc_joins_per_room",
            "rc_room_creation",
            "rc_profile",
            "rc_reports",
            "rc_user_directory",
            "rc_key_requests",
            "rc_media_create",
            "rc_admin_redaction",
        ),
        _PLENTY,
    ),
    "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), _PLENTY),
    "rc_joins": dict.fromkeys(("local", "remote"), _PLENTY),
    "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), _PLENTY),
    "rc_federation": {"sleep_limit": 100_000, "reject_limit": 100_000, "concurrent": 50},
}
_COMES_BACK_SOON: Final[dict[str, Any]] = {
    "destination_min_retry_interval": "1s",
    "destination_max_retry_interval": "5s",
    "max_short_retries": 1,
    "max_short_retry_delay": "1s",
}
"""A homeserver on this machine that does not answer is being started again; left alone, Synapse waits ten minutes."""
_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"synapse_http_antispam": {"level": "INFO"}},
    "root": {"level": "WARNING", "handlers": ["console"]},
    "disable_existing_loggers": False,
}
