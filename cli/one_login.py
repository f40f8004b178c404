"""One login: a visit to a person's own homeserver, as a device of its own that is gone afterwards, whatever happens.

The token is held in memory for as long as the visit lasts and stands nowhere else: no file, no log, no error has it.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from cli.local.stopping import StopRequest
from kit.errors import Forbidden, HomeserverUnavailable, Invalid, NotFound, PeerUnavailable
from kit.fetching import PORT, Fetched, Fetcher
from kit.identifiers import UserId, on_one_line, server_of
from kit.internet import IpAddress, literal
from kit.names import Names

_EVERYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
TIMEOUT: Final = 30.0
"""Seconds that one question may take."""
_MOST_BYTES: Final = 4 * 1024 * 1024
_TRIES: Final = 3
_LONGEST_WAIT: Final = 30.0
_MOST_WAITS: Final = 20
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_OK, _UNAUTHORIZED, _NOT_FOUND, _TOO_MANY = 200, 401, 404, 429
_CLIENT: Final = "/_matrix/client/v3"


class OwnNames(Names):
    """Names as this machine knows them, ``/etc/hosts`` and all: for a place that its owner named."""

    def addresses(self, host: str, *, until: float) -> list[IpAddress]:
        """Return the addresses of a host. Raises ``PeerUnavailable`` where there are none."""
        if literal(host) is not None:
            return super().addresses(host, until=until)
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            raise PeerUnavailable("name_unknown", "The homeserver was not found: its name leads nowhere.") from None
        return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class Homeserver:
    """Where a person's homeserver is, and what asks it."""

    url: str
    fetcher: Fetcher


def at(url: str, authority: Path | None = None) -> Homeserver:
    """Return the homeserver that its user named: anywhere by https://, on this very machine by http:// too.

    Raises ``Invalid`` for anything else: a password goes there.
    """
    fetcher = Fetcher(OwnNames(), private=_EVERYWHERE, authority=authority, timeout=TIMEOUT)
    return Homeserver(_checked(fetcher, url), fetcher)


def of(user: UserId, fetcher: Fetcher, *, port: int = PORT) -> Homeserver:
    """Return the homeserver that the user's server says is theirs (``/.well-known/matrix/client``).

    It may send us anywhere, so it is asked as strangers are: whatever ``fetcher`` asks, by https:// alone. Raises
    ``NotFound`` where it does not say.
    """
    server = server_of(user)
    hint = "Say where it is with --homeserver URL."
    try:
        until = time.monotonic() + TIMEOUT
        host = urlsplit(f"//{server}").hostname or server
        place = f"[{host}]" if ":" in host else host
        answer = fetcher.follow(
            f"https://{place}:{port}/.well-known/matrix/client", until=until, most_bytes=64 * 1024, most_redirects=5
        )
        if answer.status == _NOT_FOUND:
            return Homeserver(_checked(fetcher, f"https://{server}"), fetcher)
        found = _document(answer).get("m.homeserver")
        url = found.get("base_url") if isinstance(found, dict) else None
        if answer.status != _OK or not isinstance(url, str):
            raise NotFound("homeserver_unknown", f"{server} does not say where its homeserver is. {hint}")
        return Homeserver(_checked(fetcher, url), fetcher)
    except (PeerUnavailable, Invalid, Forbidden) as error:
        raise NotFound(
            "homeserver_unknown", f"Where {server} has its homeserver is not known: {error} {hint}"
        ) from None


def _checked(fetcher: Fetcher, url: str) -> str:
    url = url.rstrip("/")
    fetcher.check(url)
    parts = urlsplit(url)
    if parts.query:
        raise Invalid("url_malformed", "The address of a homeserver has no '?'.")
    if parts.scheme != "https" and not _this_machine(parts.hostname or ""):
        raise Invalid("url_not_https", "A password goes there: the address begins with https://.")
    return url


def _this_machine(host: str) -> bool:
    address = literal(host)
    return host == "localhost" if address is None else address.is_loopback


class Visit:
    """Being logged in. ``entered``: the login was there; ``ended``: and is gone; ``device``: its name among others."""

    def __init__(self, homeserver: Homeserver, user: UserId, purpose: str = "reads whom you know") -> None:
        """Visit as ``user``; ``purpose`` is what they see in their list of devices."""
        self._purpose = purpose
        self.user = user
        self.device = f"EARNEST{secrets.token_hex(4).upper()}"
        self.entered = False
        self.ended = False
        self.stopping = StopRequest()
        self._homeserver = homeserver
        self._token: str | None = None
        self._waits = 0

    def enter(self, password: str) -> None:
        """Log in. Raises ``Forbidden`` where the homeserver refuses, and says so where a login may be left behind."""
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user},
            "password": password,
            "device_id": self.device,
            "initial_device_display_name": f"Earnest, once: {self._purpose}",
        }
        try:
            answer = self._exchange("/login", body)
        except PeerUnavailable as error:
            left = f"If it did log in, end the device {self.device} in your own client, under sessions."
            raise HomeserverUnavailable(f"{error} {left}") from None
        found = _document(answer)
        token = found.get("access_token")
        if isinstance(token, str) and _TOKEN.fullmatch(token):
            self._token, self.entered = token, True  # whatever else is wrong with it, it is to be ended
        if answer.status != _OK:
            raise Forbidden("login_refused", f"The homeserver does not log you in: {_said(found)}")
        if self._token is None or found.get("user_id") != self.user:
            raise Invalid("answer_malformed", "The homeserver logged in somebody else, or nobody.")
        device = found.get("device_id")
        if isinstance(device, str) and device != self.device:
            self.device = on_one_line(device[:100])

    def use(self, token: str) -> None:
        """Use a token that the user has already; it is theirs, so it is not ended. Raises ``Forbidden``."""
        if not _TOKEN.fullmatch(token):
            raise Invalid("token_malformed", "That is no access token of a homeserver.")
        self._token, self.entered = token, True
        if self.ask("/account/whoami").get("user_id") != self.user:
            raise Forbidden("token_of_another", f"The homeserver says that this is no token of {self.user}.")

    def ask(self, path: str, *, most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
        """Return what the homeserver answers; ``{}`` where it says that there is no such thing, or none for us.

        Raises ``HomeserverUnavailable``, ``Forbidden`` where the login is not good any more, ``KeyboardInterrupt``
        where somebody asked us to stop.
        """
        found = self._asked(path, most_bytes)
        return found if isinstance(found, dict) else {}

    def ask_list(self, path: str, *, most_bytes: int = _MOST_BYTES) -> list[Any]:
        """Return the list that the homeserver answers; an empty one where ``ask`` gives ``{}``. Raises what that does.

        Raises ``PeerUnavailable``, too, where it is larger than ``most_bytes``.
        """
        found = self._asked(path, most_bytes)
        return found if isinstance(found, list) else []

    def _asked(self, path: str, most_bytes: int) -> object:
        answer = self._insistently(path, most_bytes)
        if answer.status == _UNAUTHORIZED:
            raise Forbidden("login_ended", "The homeserver does not know the login, or no more.")
        return _json(answer) if answer.status == _OK else None

    def _insistently(self, path: str, most_bytes: int) -> Fetched:
        """Ask until there is an answer: a few times where there is none, and when it is told where it is too often."""
        tried = 0
        while True:
            self.stopping.heed()
            try:
                answer = self._exchange(path, None, most_bytes)
            except PeerUnavailable as error:
                tried += 1
                if error.code == "too_large":
                    raise
                if tried == _TRIES:
                    raise HomeserverUnavailable(str(error)) from None
                time.sleep(tried)
                continue
            if answer.status != _TOO_MANY or self._waits >= _MOST_WAITS:
                return answer
            self._waits += 1
            asked = _document(answer).get("retry_after_ms")
            milliseconds = asked if isinstance(asked, int) and 0 < asked < _LONGEST_WAIT * 1000 else _LONGEST_WAIT * 100
            time.sleep(milliseconds / 1000)

    def leave(self) -> None:
        """End the login; ``ended`` says whether the homeserver did."""
        if self._token is None:
            return
        for tried in range(1, _TRIES + 1):
            with suppress(PeerUnavailable):
                # One that is not known any more is as good as ended.
                self.ended = self._exchange("/logout", {}).status in (_OK, _UNAUTHORIZED)
            if self.ended:
                break
            if tried < _TRIES:
                time.sleep(tried)
        self._token = None

    def _exchange(self, path: str, body: dict[str, Any] | None, most_bytes: int = _MOST_BYTES) -> Fetched:
        url = f"{self._homeserver.url}{_CLIENT}{path}"
        headers = {"Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is None:
            return self._homeserver.fetcher.get(url, headers=headers, most_bytes=most_bytes)
        headers["Content-Type"] = "application/json"
        return self._homeserver.fetcher.post(url, json.dumps(body).encode(), headers=headers)


def takes_passwords(homeserver: Homeserver) -> bool:
    """Ask whether a homeserver logs people in by a password. Raises ``HomeserverUnavailable`` where it is none."""
    try:
        answer = homeserver.fetcher.get(f"{homeserver.url}{_CLIENT}/login")
    except PeerUnavailable as error:
        raise HomeserverUnavailable(str(error)) from None
    flows = _document(answer).get("flows")
    if answer.status != _OK or not isinstance(flows, list):
        raise HomeserverUnavailable(f"{homeserver.url} is no homeserver of Matrix.")
    return any(isinstance(flow, dict) and flow.get("type") == "m.login.password" for flow in flows[:100])


@contextmanager
def logged_in(visit: Visit, *, password: str | None, token: str | None) -> Iterator[None]:
    """Be logged in for the block: by a password as a device that is ended after it, or by a token that stays.

    Whoever asks us to stop (Ctrl-C and its kin) is heard between two questions, and the login is ended first.
    """
    with visit.stopping:
        try:
            if token is not None:
                visit.use(token)
            else:
                visit.enter(password or "")
            yield
        finally:
            if token is None:
                visit.leave()


def room_path(room: str, what: str) -> str:
    """Return the path of something of a room."""
    return f"/rooms/{quote(room, safe='')}/{what}"


def account_path(user: UserId, kind: str) -> str:
    """Return the path of a piece of account data."""
    return f"/user/{quote(user, safe='')}/account_data/{kind}"


def _document(answer: Fetched) -> dict[str, Any]:
    """Return the object that an answer is; an empty one where it is none."""
    found = _json(answer)
    return found if isinstance(found, dict) else {}


def _json(answer: Fetched) -> object:
    try:
        found: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found


def _said(found: dict[str, Any]) -> str:
    said = found.get("error") or found.get("errcode")
    return on_one_line(said[:200]) if isinstance(said, str) else "it does not say why."
