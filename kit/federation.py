"""Federation: finds a homeserver by its name, as the Matrix specification says, and asks it who somebody is.

Server-server API, "Resolving server names". What a name leads to is chosen by whoever owns it, so everything here goes
through ``kit.fetching``: public addresses alone, one deadline for all of it, small answers.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import orjson

from kit.clock import Clock, system_clock, unix
from kit.errors import HomeserverUnavailable, Invalid, PeerUnavailable
from kit.fetching import PORT, Fetched, Fetcher, Place
from kit.identifiers import ServerName, UserId, on_one_line, parse_server_name, parse_user_id, server_of
from kit.internet import literal, network_of
from kit.server_keys import ServerKeys, read_keys

SECONDS: Final = 10.0
"""How long finding a homeserver and asking it may take, all together."""
_FEDERATION_PORT: Final = 8448
_MOST_WELL_KNOWN: Final = 16 * 1024
_MOST_ANSWER: Final = 16 * 1024
_MOST_REDIRECTS: Final = 5
_MOST_WELL_KNOWN_SECONDS: Final = 5.0
_SERVICES: Final = ("_matrix-fed._tcp", "_matrix._tcp")
_VERSION: Final = "/_matrix/federation/v1/version"
_KEYS: Final = "/_matrix/key/v2/server"
_WITH_PORT: Final = re.compile(r"(.+):([0-9]{1,5})")


_LONGEST_SAID: Final = 100
_MOST_CONTACTS: Final = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """A homeserver as it shows itself to others over federation.

    ``software`` and ``version``: what it says it is, at most 100 characters each. ``milliseconds``: how long it took to
    answer, from finding it to the last byte. ``certificate_until``: when its certificate ends, in Unix seconds.
    ``network``: the one that it answered from, as ``192.0.2.0/24`` or ``2001:db8::/48``.
    """

    keys: ServerKeys
    software: str
    version: str
    milliseconds: int
    certificate_until: int | None
    network: str | None


class Homeservers:
    """Other people's homeservers. Safe to share between threads."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        seconds: float = SECONDS,
        https_port: int = PORT,
        most_at_once: int = 4,
        clock: Clock = system_clock,
    ) -> None:
        """Ask by ``fetcher``, for at most ``seconds`` each time; who stands for whom is asked on ``https_port``.

        Beyond ``most_at_once`` questions the next one is refused, so that homeservers and name servers which are slow
        on purpose cannot use up the threads of whoever asks.
        """
        self._fetcher = fetcher
        self._turns = threading.BoundedSemaphore(most_at_once)
        self._seconds = seconds
        self._clock = clock
        self._suffix = "" if https_port == PORT else f":{https_port}"

    def user_of(self, server: ServerName, openid_token: str) -> UserId | None:
        """Return whose OpenID token that is by the word of ``server``; ``None`` where it says that it is nobody's.

        Who the server speaks for is the caller's to check. Raises ``HomeserverUnavailable`` where it cannot be found,
        does not answer, or answers nonsense; the reason is in the sentence, for the log and not for whoever asked.
        """
        target = f"/_matrix/federation/v1/openid/userinfo?access_token={quote(openid_token, safe='')}"
        with self._turn() as until:
            found = self._ask(server, target, until)
        if found.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return None
        said = _answered(server, found).get("sub")
        try:
            return parse_user_id(said if isinstance(said, str) else "")
        except Invalid:
            raise HomeserverUnavailable(f"{server} answered nonsense: no Matrix id.") from None

    def keys(self, server: ServerName) -> ServerKeys:
        """Return the keys that ``server`` signs with, as it publishes them now, asked where its name leads.

        Raises ``HomeserverUnavailable`` as ``user_of`` does, and for keys that are out of date or not signed.
        """
        with self._turn() as until:
            return self._keys(server, until)

    def see(self, server: ServerName) -> Seen:
        """Look at ``server`` as others of the network see it. Raises as ``keys`` does."""
        with self._turn() as until:
            began = time.monotonic()
            found, published = self._ask_each(server, (_VERSION, _KEYS), until)
            milliseconds = round((time.monotonic() - began) * 1000)
            said = _answered(server, found).get("server")
            named = said if isinstance(said, dict) else {}
            keys = self._read_keys(server, published)
        software, version = _word(named.get("name")), _word(named.get("version"))
        network = None if found.address is None else network_of(found.address)
        return Seen(keys, software, version, milliseconds, found.certificate_until, network)

    def contacts(self, server: ServerName) -> list[UserId]:
        """Return the people of ``server`` itself whom it names as its contacts (Matrix specification, MSC1929).

        At most three: whoever writes that document must not have us write to everybody. None where it cannot be read.
        """
        return self._named(server, None)

    def admins(self, server: ServerName) -> list[UserId]:
        """Return those of its contacts, three at most, whom ``server`` calls its administrators (``m.role.admin``)."""
        return self._named(server, "m.role.admin")

    def _named(self, server: ServerName, role: str | None) -> list[UserId]:
        host, _ = _split(server)
        try:
            with self._turn() as until:
                found = self._fetcher.follow(
                    f"https://{host}{self._suffix}/.well-known/matrix/support",
                    until=until,
                    most_bytes=_MOST_WELL_KNOWN,
                    most_redirects=_MOST_REDIRECTS,
                )
            said = _answered(server, found).get("contacts")
        except (PeerUnavailable, HomeserverUnavailable):
            return []
        people = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
        named = [one.get("matrix_id") for one in people if role is None or one.get("role") == role]
        users = [user for user in map(_user, named) if user is not None and server_of(user) == server]
        return list(dict.fromkeys(users))[:_MOST_CONTACTS]

    @contextmanager
    def _turn(self) -> Iterator[float]:
        """Wait for no turn; give until when (monotonic seconds) the question may take."""
        if not self._turns.acquire(blocking=False):
            raise HomeserverUnavailable("Too many questions to other homeservers are open already.")
        try:
            yield time.monotonic() + self._seconds
        finally:
            self._turns.release()

    def _keys(self, server: ServerName, until: float) -> ServerKeys:
        return self._read_keys(server, self._ask(server, _KEYS, until))

    def _read_keys(self, server: ServerName, found: Fetched) -> ServerKeys:
        try:
            return read_keys(_answered(server, found), server, unix(self._clock()) * 1000)
        except Invalid as wrong:
            raise HomeserverUnavailable(f"{server} could not be asked for its keys: {wrong.message}") from None

    def places(self, server: ServerName, *, until: float) -> list[Place]:
        """Return where to find a homeserver, in the order to try."""
        host, port = _split(server)
        if port is not None or literal(host) is not None:
            return [_place(server, host, port)]
        delegated = self._delegated(host, until)
        if delegated is not None:
            host, port = _split(delegated)
            if port is not None or literal(host) is not None:
                return [_place(delegated, host, port)]
        found = self._services(host, until)
        return found or [_place(host, host, None)]

    def _ask(self, server: ServerName, target: str, until: float) -> Fetched:
        return self._ask_each(server, (target,), until)[0]

    def _ask_each(self, server: ServerName, targets: Sequence[str], until: float) -> list[Fetched]:
        """Ask a server for documents, all of them at the first place where it answers."""
        reason = "it is nowhere"
        try:
            for place in self.places(server, until=until):
                try:
                    return self._fetcher.ask_each(place, targets, until=until, most_bytes=_MOST_ANSWER)
                except PeerUnavailable as failed:
                    reason = str(failed)
        except PeerUnavailable as failed:
            reason = str(failed)
        raise HomeserverUnavailable(f"{server} could not be asked: {reason}")

    def _delegated(self, host: str, until: float) -> ServerName | None:
        """Return the server that ``host`` says stands for it; what is no such word is no word at all."""
        patience = min(until, time.monotonic() + _MOST_WELL_KNOWN_SECONDS)
        try:
            found = self._fetcher.follow(
                f"https://{host}{self._suffix}/.well-known/matrix/server",
                until=patience,
                most_bytes=_MOST_WELL_KNOWN,
                most_redirects=_MOST_REDIRECTS,
            )
            named = _document(found.body).get("m.server") if found.status == HTTPStatus.OK else None
            return parse_server_name(named) if isinstance(named, str) else None
        except (PeerUnavailable, HomeserverUnavailable, Invalid):
            return None

    def _services(self, host: str, until: float) -> list[Place]:
        for service in _SERVICES:
            found = self._fetcher.names.services(service, host, until=until)
            if found:
                return [Place(one.host, one.port, host, host) for one in found]
        return []


def _split(server: str) -> tuple[str, int | None]:
    """Split a server name into its host, without brackets, and its port."""
    found = _WITH_PORT.fullmatch(server) if not server.endswith("]") else None
    host, port = (found.group(1), int(found.group(2))) if found else (server, None)
    return host.removeprefix("[").removesuffix("]"), port


def _place(header: str, host: str, port: int | None) -> Place:
    return Place(host, _FEDERATION_PORT if port is None else port, host, header)


def _answered(server: ServerName, found: Fetched) -> dict[str, object]:
    if found.status != HTTPStatus.OK:
        raise HomeserverUnavailable(f"{server} answered with HTTP status {found.status}.")
    return _document(found.body)


def _user(said: object) -> UserId | None:
    try:
        return parse_user_id(said) if isinstance(said, str) else None
    except Invalid:
        return None


def _word(said: object) -> str:
    return on_one_line(said)[:_LONGEST_SAID] if isinstance(said, str) else ""


def _document(body: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise HomeserverUnavailable("It answered with what is no JSON object.")
    return found
