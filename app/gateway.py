"""The gateway: what stands at a seller's own address, asked for in a buyer's place, and never by whose wish.

Whoever sells an address shows first that its host lets them: a token of theirs stands at its well-known place, and is
looked for once more each day. What we ask is signed (RFC 9421), so that the host answers nobody else; docs/selling.md
tells how that is checked.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from app import selling
from app.buying import Behind
from app.container import Container, Work
from kit.blobs import LARGEST_BLOB
from kit.clock import unix
from kit.contents import BINARY
from kit.errors import Conflict, Forbidden, PeerUnavailable, Refusal
from kit.identifiers import PersonId
from kit.message_signatures import signed
from kit.streaming import Streamed
from ledger.model import Asset
from payments.content.behind import WELL_KNOWN, Upstream, upstream
from payments.content.gateways import Known
from payments.content.model import Kind, Listing, Offer

LOG = structlog.get_logger(__name__)
ASKED: Final = Counter("earnest_gateway_asked", "What was asked behind the gateway, by what came of it", ["outcome"])

TAG: Final = "earnest-gateway"
MOST_BYTES: Final = LARGEST_BLOB
"""Bytes of one answer."""
GOOD_FOR: Final = 60
"""Seconds for which what we signed is good."""
PROVED_FOR: Final = timedelta(days=1)
"""For how long a host's word is taken."""
_WELL_KNOWN_BYTES: Final = 8_192
_PROVING: Final = threading.BoundedSemaphore(2)
"""How many hosts a process asks for their word at a time: each holds a thread for as long as it is silent."""
_OK, _PART, _OUTSIDE = 200, 206, 416
_RANGE: Final = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})", re.ASCII)
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,200}"', re.ASCII)
_DATE: Final = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT", re.ASCII)
_CONTENT_RANGE: Final = re.compile(r"bytes (?:[0-9]{1,18}-[0-9]{1,18}|\*)/(?:[0-9]{1,18}|\*)", re.ASCII)
_LENGTH: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_TYPE: Final = re.compile(
    r"((?:application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9.+-]{0,80})(?:; ?charset=[A-Za-z0-9-]{1,30})?",
    re.ASCII,
)
_RUN: Final = re.compile(r".*(?:html|xml|svg|script|ecmascript|css|xsl|wasm|flash|java|manifest).*", re.ASCII)
"""Types that a browser runs, or lets run something."""


class UpstreamFailed(Exception):
    """What stands behind the gateway gave nothing that can be passed on; ``code`` says why, and never where it is."""

    def __init__(self, code: str, status: int | None = None) -> None:
        """Say why in one snake_case word, and with which status it answered, where it did."""
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer asks for: ``GET`` or ``HEAD``, and which part, where the request said so."""

    head: bool = False
    range: str | None = None
    if_range: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the body as it comes, and the few headers that are passed on."""

    streamed: Streamed
    status: int
    headers: dict[str, str]
    media_type: str


# ------------------------------------------------------------------------------------------------ selling


def prove(container: Container, seller: PersonId, url: str) -> Upstream:
    """Return an address that a seller may sell, since its host has their token at its well-known place.

    No transaction is open while it is asked. Raises ``Invalid`` and ``Forbidden`` for what is never asked, and
    ``Forbidden`` (``gateway_unproved``) where the token is not there, or nobody answers; ``Conflict`` where too many
    hosts are asked at once.
    """
    origin, whole = container.fetcher.place_of(url.strip())
    with container.work() as work:
        token = work.gateways.token(seller)
    if not _PROVING.acquire(blocking=False):
        raise Conflict("gateway_busy", "Other sellers' hosts are being asked just now: try again in some seconds.")
    try:
        shows = _shows(container, origin, token)
    finally:
        _PROVING.release()
    if not shows:
        sentence = f"Let the line {token} stand at {origin}{WELL_KNOWN} first, so that nobody else sells what is yours."
        raise Forbidden("gateway_unproved", sentence, token=token, place=origin + WELL_KNOWN)
    return upstream(whole, token)


def put_up(container: Container, seller: PersonId, offer: Offer, behind: Upstream, *, draft: bool = False) -> Listing:
    """Put an address up that was proved. Raises as ``Content.list_``; then nothing stays."""
    named = replace(offer, reference=behind.reference)
    return selling.put_up(container, seller, named, draft=draft, also=_keeping(behind))


def list_(
    work: Work, seller: PersonId, offer: Offer, behind: Upstream, *, allowed: Collection[Asset], draft: bool
) -> Listing:
    """Put an address up in a transaction that is open; the operator's part is in the offer. Raises as ``put_up``."""
    named = replace(offer, reference=behind.reference)
    made = work.content.list_(seller, named, allowed=allowed, draft=draft)
    work.gateways.keep(made.id, behind)
    return made


def revise(
    container: Container, seller: PersonId, listing: str, offer: Offer, behind: Upstream | None = None
) -> Listing:
    """Put a new version up, with a new address or the one before. Raises as ``selling.revise``."""
    if behind is None:
        return selling.revise(container, seller, listing, offer)
    named = replace(offer, reference=behind.reference)
    return selling.revise(container, seller, listing, named, also=_keeping(behind))


def _keeping(behind: Upstream) -> Callable[[Work, Listing], None]:
    return lambda work, made: work.gateways.keep(made.id, behind)


# ------------------------------------------------------------------------------------------------ asking


def ask(container: Container, behind: Behind, wish: Wish) -> Answer:
    """Ask for what a purchase opens, and return the answer as soon as it begins; whoever has it closes it.

    Raises ``UpstreamFailed``; what was bought stays bought.
    """
    try:
        answer = _asked(container, behind, wish)
    except UpstreamFailed as failed:
        ASKED.labels("failed").inc()
        LOG.warning("upstream_failed", listing=behind.purchase.listing, reason=failed.code, status=failed.status)
        raise
    ASKED.labels("answered").inc()
    return answer


def _asked(container: Container, behind: Behind, wish: Wish) -> Answer:
    purchase = behind.purchase
    with container.read() as work:
        known = work.gateways.find(purchase.listing, behind.reference)
        key, now = work.gateways.keys.current(), unix(work.now)
    url, method = known.upstream.url, "HEAD" if wish.head else "GET"
    try:
        _still_theirs(container, behind, known)
        about = {"Earnest-Listing": purchase.listing, "Earnest-Purchase": purchase.id}
        covered = [("@method", method), ("@target-uri", url), *((name.lower(), said) for name, said in about.items())]
        nonce = secrets.token_urlsafe(16)
        proof = signed(key, covered, created=now, expires=now + GOOD_FOR, nonce=nonce, tag=TAG)
        headers = {"Accept": "*/*", **about, **proof, **_part_of(wish)}
        streamed = container.fetcher.open(method, url, headers=headers, most_bytes=MOST_BYTES)
    except (PeerUnavailable, Refusal) as error:
        raise UpstreamFailed(error.code) from None
    try:
        return _passed_on(streamed, wish)
    except BaseException:
        streamed.close()
        raise


def _still_theirs(container: Container, behind: Behind, known: Known) -> None:
    """Make sure once a day that the host still lets its seller sell this."""
    if container.clock() - known.proved_at < PROVED_FOR:
        return
    origin, _ = container.fetcher.place_of(known.upstream.url)
    if not _shows(container, origin, known.upstream.token):
        raise UpstreamFailed("gateway_unproved")
    with container.work() as work:
        work.gateways.proved(behind.purchase.listing, behind.reference)


def _shows(container: Container, origin: str, token: str) -> bool:
    try:
        found = container.fetcher.get(origin + WELL_KNOWN, most_bytes=_WELL_KNOWN_BYTES)
    except PeerUnavailable:
        return False
    return found.status == _OK and token.encode() in (line.strip() for line in found.body.splitlines())


def _part_of(wish: Wish) -> dict[str, str]:
    """Return the headers of a wish for a part; what is odd asks for all of it, as a server may answer it (RFC 9110)."""
    if wish.head or wish.range is None or not _RANGE.fullmatch(wish.range.strip()):
        return {}
    told = {"Range": wish.range.strip()}
    if wish.if_range is not None:
        condition = wish.if_range.strip()
        if not _TAG.fullmatch(condition) and not _DATE.fullmatch(condition):
            return {}
        told["If-Range"] = condition
    return told


def _passed_on(streamed: Streamed, wish: Wish) -> Answer:
    """Look at an answer's beginning; what is none of a content, or is of no use to whoever reads it, is refused."""
    status, told = streamed.status, streamed.headers
    part = bool(_part_of(wish))
    if status not in ((_OK, _PART, _OUTSIDE) if part else (_OK,)):
        raise UpstreamFailed("upstream_refused", status)
    if told.get("content-encoding", "identity").lower() != "identity":
        raise UpstreamFailed("nonsense")
    length = told.get("content-length")
    if length is not None and (not _LENGTH.fullmatch(length) or int(length) > MOST_BYTES) and not wish.head:
        raise UpstreamFailed("too_large")
    headers = {
        name: told[name.lower()]
        for name, form in (("ETag", _TAG), ("Last-Modified", _DATE), ("Content-Range", _CONTENT_RANGE))
        if form.fullmatch(told.get(name.lower(), ""))
    }
    if (status == _PART) != ("Content-Range" in headers) and status != _OUTSIDE:
        raise UpstreamFailed("nonsense")
    if told.get("accept-ranges", "").lower() == "bytes":
        headers["Accept-Ranges"] = "bytes"
    if length is not None and _LENGTH.fullmatch(length) and status != _OUTSIDE:
        headers["Content-Length"] = length
    return Answer(streamed, status, headers, _media_type(told.get("content-type", "")))


def _media_type(told: str) -> str:
    """Return the type that is passed on: what a browser runs, or has no good name, is bytes and no more."""
    found = _TYPE.fullmatch(told.strip().lower())
    return BINARY if found is None or _RUN.fullmatch(found[1]) else found[0]


def told_to_seller(work: Work, listing: Listing) -> Upstream | None:
    """Return what stands behind a listing, for its seller alone; ``None`` where nothing does."""
    offer = listing.version.offer
    if offer.kind is not Kind.GATEWAY:
        return None
    try:
        return work.gateways.find(listing.id, offer.reference).upstream
    except Refusal:
        return None
