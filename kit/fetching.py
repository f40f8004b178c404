"""Fetching: HTTP to wherever strangers lead us, bounded in time and size, and never into our own network.

Whoever names a place chooses what we connect to. So a name is looked up here, once for each question, every address
that it leads to is judged, and the connection goes to one of these very addresses: whoever answers otherwise a moment
later (DNS rebinding) gains nothing. The certificate must be the name's all the same. Redirects are answers like any
other, or such names again; proxies of the environment are not heard, nothing is kept open.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

import httpcore

from kit.errors import Forbidden, Invalid, PeerUnavailable, Refusal
from kit.exchanges import no_answer, open_line
from kit.internet import LOOPBACK, IpAddress, Network, is_public, literal
from kit.names import Names

PORT: Final = 443
PLAIN_PORT: Final = 80
TIMEOUT: Final = 10.0
"""Seconds that one question may take in all, from looking up the name to the last byte."""
MOST_BYTES: Final = 64 * 1024
"""The largest answer that is read, unless whoever asks says otherwise."""
LONGEST_URL: Final = 2_000

_LEAST_PORT: Final = 1024
_MOST_ADDRESSES: Final = 4
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_DOCUMENTS: Final = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask: what is connected to, whose certificate must be there, and what the ``Host`` header says."""

    host: str
    port: int
    name: str
    header: str
    tls: bool = True


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: names of headers in lower case; ``whole`` is ``False`` where only its first bytes were read.

    ``certificate_until``: when the certificate ends that was shown, in Unix seconds. ``address``: who answered.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True
    certificate_until: int | None = None
    address: IpAddress | None = None


class Fetcher:
    """Asks servers of which we know nothing but what strangers say. Safe to use from several threads."""

    def __init__(
        self,
        names: Names | None = None,
        *,
        private: Sequence[Network] = (),
        authority: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """Look names up by ``names``; give each question to a URL at most ``timeout`` seconds.

        ``private``: networks that may be reached although they are not public; what of this machine is among them, on
        any port and without TLS, too. ``authority``: a file of certificate authorities (PEM) to believe beside the
        public ones; raises ``Invalid`` where it is none.
        """
        self.names = names or Names()
        self._private = tuple(private)
        self._authority = authority
        self._timeout = timeout
        if authority is not None:
            _ = self._trust  # a setting that is wrong is said at once

    # --------------------------------------------------------------------------------------------------- by URL

    def check(self, url: str) -> None:
        """Refuse what would never be asked, without asking anybody; names are judged when they are looked up.

        Raises ``Invalid`` for what is no URL of the kind we take, ``Forbidden`` for an address that is not public.
        """
        self._checked(url)

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, most_bytes: int = MOST_BYTES) -> Fetched:
        """Return what stands there, whatever its status. What is longer than ``most_bytes`` counts as no answer.

        Raises as ``check`` does, and ``PeerUnavailable`` where there is no answer in time, or none may be asked for.
        """
        place, target = self._checked(url)
        until = time.monotonic() + self._timeout
        return _all_of(self._exchanges(b"GET", place, [target], headers or {}, b"", until, most_bytes)[0])

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, most_bytes: int = MOST_BYTES
    ) -> Fetched:
        """Hand something over and return the answer, whatever its status; of a long one its first bytes.

        Raises as ``get`` does.
        """
        return self._hand_over(b"POST", url, body, headers, most_bytes)

    def put(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, most_bytes: int = MOST_BYTES
    ) -> Fetched:
        """Put something there and return the answer, as ``post`` does."""
        return self._hand_over(b"PUT", url, body, headers, most_bytes)

    def follow(self, url: str, *, until: float, most_bytes: int, most_redirects: int) -> Fetched:
        """Return the document that an ``https`` URL leads to, over at most so many redirects.

        Raises as ``ask`` does, for a URL that nobody would ask too.
        """
        for _ in range(most_redirects + 1):
            try:
                place, target = self._checked(url)
            except Refusal as refused:
                raise PeerUnavailable(refused.code, refused.message) from None
            if not place.tls:
                raise PeerUnavailable("url_not_https", "It leads to what is no https:// address.")
            found = self.ask(place, target, until=until, most_bytes=most_bytes)
            location = found.headers.get("location") if found.status in _REDIRECTS else None
            if not location:
                return found
            url = _joined(url, location)
        raise PeerUnavailable("redirected", "It redirects again and again.")

    # --------------------------------------------------------------------------------------------------- by place

    def ask(self, place: Place, target: str, *, until: float, most_bytes: int) -> Fetched:
        """Ask ``place`` for the document ``target`` (path and query) and return its answer, whatever its status.

        ``until`` (monotonic seconds) ends all of it. Raises ``PeerUnavailable``, whose sentence never has the target:
        secrets stand there.
        """
        return self.ask_each(place, [target], until=until, most_bytes=most_bytes)[0]

    def ask_each(self, place: Place, targets: Sequence[str], *, until: float, most_bytes: int) -> list[Fetched]:
        """Ask ``place`` for several documents, over one connection where it lets us; raises as ``ask`` does.

        ``most_bytes`` is how long each of them may be.
        """
        found: list[Fetched] = []
        while len(found) < len(targets):
            rest = targets[len(found) :]
            found += map(_all_of, self._exchanges(b"GET", place, rest, _DOCUMENTS, b"", until, most_bytes))
        return found

    # --------------------------------------------------------------------------------------------------- within

    def _hand_over(
        self, method: bytes, url: str, body: bytes, headers: Mapping[str, str] | None, most_bytes: int
    ) -> Fetched:
        place, target = self._checked(url)
        until = time.monotonic() + self._timeout
        return self._exchanges(method, place, [target], headers or {}, body, until, most_bytes)[0]

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        made = httpcore.default_ssl_context()
        made.set_alpn_protocols(["http/1.1"])
        if self._authority is not None:
            try:
                made.load_verify_locations(self._authority)
            except OSError:  # those of TLS are such errors, too
                raise Invalid("authority_malformed", f"{self._authority} has no certificate authorities.") from None
        return made

    def _checked(self, url: str) -> tuple[Place, str]:
        place, target = _parse(url)
        address = literal(place.host)
        if address is not None:
            refusal = self._refusal(place, address)
        else:
            refusal = None if self._opens_this_machine else _good_for_this_machine_alone(place)
        if refusal is not None:
            raise refusal
        return place, target

    @cached_property
    def _opens_this_machine(self) -> bool:
        pairs = ((private, own) for private in self._private for own in LOOPBACK if private.version == own.version)
        return any(private.overlaps(own) for private, own in pairs)

    def _refusal(self, place: Place, address: IpAddress) -> Refusal | None:
        """Return why ``address`` may not be asked as ``place`` says; ``None`` where it may."""
        opened = any(address in network for network in self._private)
        if opened and any(address in network for network in LOOPBACK):
            return None
        wrong = _good_for_this_machine_alone(place)
        if wrong is not None or opened or is_public(address):
            return wrong
        return Forbidden("address_private", "That name does not lead to a public address.")

    def _addresses(self, place: Place, until: float) -> list[IpAddress]:
        """Return the addresses that may be connected to; one that may not be is as good as none."""
        refusal: Refusal | None = None
        allowed = []
        for address in self.names.addresses(place.host, until=until):
            found = self._refusal(place, address)
            if found is None:
                allowed.append(address)
            refusal = refusal or found
        if refusal is not None and not allowed:
            raise PeerUnavailable(refusal.code, refusal.message)
        return allowed[:_MOST_ADDRESSES]

    def _exchanges(
        self,
        method: bytes,
        place: Place,
        targets: Sequence[str],
        headers: Mapping[str, str],
        body: bytes,
        until: float,
        most_bytes: int,
    ) -> list[Fetched]:
        """Return one answer at least; those of the others as long as the connection stays open."""
        all_headers = said(place, headers)
        if method != b"GET":
            all_headers.append((b"Content-Length", str(len(body)).encode()))
        trust = self._trust if place.tls else None
        found: list[Fetched] = []
        try:
            with open_line(self._addresses(place, until), place.port, place.name, trust, until=until) as line:
                for target in targets:
                    if found and not line.is_good_for_more:
                        break
                    answer = line.ask(method, target.encode(), all_headers, body, most_bytes)
                    where = line.certificate_until, line.address
                    found.append(Fetched(answer.status, answer.headers, answer.body, answer.whole, *where))
        except PeerUnavailable:
            if not found:  # else it was closed between two answers
                raise
        return found


def said(place: Place, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return what stands above every question to a place."""
    return [
        (b"Host", place.header.encode()),
        (b"User-Agent", b"earnest"),
        (b"Accept-Encoding", b"identity"),  # an answer that unfolds has no bound
        *((name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()),
    ]


def _parse(url: str) -> tuple[Place, str]:
    """Take a URL apart. Raises ``Invalid`` for what is none of the kind we take."""
    found = _split(url)
    if found is None:
        raise Invalid("url_malformed", "That is no address of a page: no spaces, no name and password, no '#'.")
    parts, host, port = found
    if parts.scheme not in {"https", "http"}:
        raise _not_https()
    if port is None:
        port = PORT if parts.scheme == "https" else PLAIN_PORT
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(host, port, host, parts.netloc, tls=parts.scheme == "https"), target


def _split(url: str) -> tuple[SplitResult, str, int | None] | None:
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if not host or "@" in parts.netloc or parts.fragment:
            return None
        host.encode("idna")  # what no resolver could take would fail there as something else
    except ValueError:
        return None
    return parts, host, port


def _joined(url: str, location: str) -> str:
    try:
        return urldefrag(urljoin(url, location)).url
    except ValueError:
        raise PeerUnavailable("url_malformed", "It leads to what is no address of a page.") from None


def _good_for_this_machine_alone(place: Place) -> Invalid | None:
    if not place.tls:
        return _not_https()
    if place.port != PORT and place.port < _LEAST_PORT:
        return Invalid("url_port", "The port of such an address is 443, or above 1023.")
    return None


def _not_https() -> Invalid:
    return Invalid("url_not_https", "Such an address begins with https://.")


def _all_of(fetched: Fetched) -> Fetched:
    if not fetched.whole:
        raise no_answer("too_large", "it says more than is read, or in an encoding that was not asked for")
    return fetched
