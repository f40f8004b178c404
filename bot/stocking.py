"""Stocking: looks at what people want to sell, keeps it as a draft or a new version, and shows what buyers see."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import structlog
from prometheus_client import Counter

from app import gateway
from app.container import Work
from app.wording import errors
from app.wording import selling as wording
from app.wording.buttons import Letter
from app.wording.reader import Reader, Service
from bot.carrier import Carrier, Outcome
from bot.commands.selling import OFFERED
from bot.crossing import Crossing
from bot.homeserver import Denied, ElsewhereAway, Homeserver, SlowDown
from bot.letters import post
from bot.media import Sent
from bot.readers import reader_of
from bot.words import text_of
from kit import outbox
from kit.blobs import LARGEST_BLOB, Blobs, Written
from kit.errors import Conflict, HomeserverUnavailable, Invalid, Refusal
from kit.identifiers import PersonId, RoomId, UserId, server_of
from kit.outbox import Effect
from kit.permalinks import permalink
from kit.rich_text import cleaned
from ledger.model import Asset
from payments.content.behind import Upstream
from payments.content.model import Kind, Offer

LOG = structlog.get_logger(__name__)
STOCKED: Final = Counter("earnest_put_up", "What people wanted to sell, by what became of it", ["outcome"])
_NONE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST, HTTPStatus.GONE)


RICH_POST: Final = "post.html"
"""The name of a post with formatting, which tells that it has some."""
PLAIN_POST: Final = "post.txt"


@dataclass(frozen=True, slots=True)
class Stock:
    """Where contents are kept, what adds the operator's part to an offer, and what asks a host of a seller's."""

    blobs: Blobs
    charged: Callable[[Offer], Offer]
    prove: Callable[[PersonId, str], Upstream]


class Stocking(Carrier):
    """Takes in what is to be sold."""

    kinds = (OFFERED,)
    counted = STOCKED
    what = "stocking"

    def __init__(
        self, homeserver: Homeserver, cross: Crossing, service: Service, *, time: Callable[[], float], stock: Stock
    ) -> None:
        """Fetch through ``homeserver`` into ``stock``."""
        super().__init__(homeserver, cross, time=time)
        self._service = service
        self._blobs, self._charged, self._prove = stock.blobs, stock.charged, stock.prove

    async def _carry(self, effect: Effect) -> Outcome | timedelta:
        payload = effect.payload
        person, room = PersonId(int(payload["person"])), RoomId(str(payload["room"]))
        user = await self._cross.read(lambda work: work.people.mxid(person))
        if user is None:
            return Outcome.DROPPED
        listing, renewed = payload.get("listing"), "revises" in payload
        make, show = (_renewed, _look_anew) if renewed else (_draft, _look)
        try:
            if listing is None and "upstream" in payload:
                behind = await self._proved(person, payload)
                listing = await self._cross.work(
                    partial(_address, effect=effect, person=person, behind=behind, charged=self._charged)
                )
            elif listing is None:
                written, name = await self._take_in(person, user, room, payload)
                try:
                    kept = partial(make, effect=effect, person=person, charged=self._charged)
                    listing = await self._cross.work(partial(kept, written=written, name=name))
                except Refusal:  # nothing knows of what was written, and there may be much of it
                    await self._cross.aside(partial(self._blobs.remove, written.name))
                    raise
            letter = await self._cross.read(lambda work: show(work, self._reader(work, person), person, str(listing)))
        except Refusal as refused:
            if isinstance(refused, Denied):
                raise
            LOG.info("not_put_up", effect=effect.id, reason=refused.code)
            letter = await self._cross.read(partial(self._refused, person=person, refused=refused))
        cause = f"{effect.kind}:{effect.id}"
        await post(self._homeserver, self._cross, room=room, person=person, letter=letter, cause=cause)
        return Outcome.SENT

    def _done_with(self, work: Work, effect: Effect, outcome: Outcome) -> None:
        super()._done_with(work, effect, outcome)
        outbox.wipe(work.session, effect)

    def _failed(self, work: Work, effect: Effect, reason: str, *, for_good: bool) -> None:
        super()._failed(work, effect, reason, for_good=for_good)
        outbox.wipe(work.session, effect)

    def _reader(self, work: Work, person: PersonId) -> Reader:
        return reader_of(work, self._service, person)

    def _refused(self, work: Work, person: PersonId, refused: Refusal) -> Letter:
        reader = self._reader(work, person)
        return Letter(wording.not_fetched(reader, errors.error(refused, reader)))

    # ------------------------------------------------------------------------------------------------ fetching

    async def _proved(self, person: PersonId, payload: Mapping[str, Any]) -> Upstream:
        """Ask the host of an address whether it is the seller's. Raises as ``app.gateway.prove``."""
        sealed = b64decode(str(payload["upstream"]))
        url = await self._cross.read(lambda work: work.seal().open(sealed, OFFERED).decode())
        return await self._cross.aside(partial(self._prove, person, url))

    async def _take_in(
        self, person: PersonId, user: UserId, room: RoomId, payload: Mapping[str, Any]
    ) -> tuple[Written, str]:
        """Write what a message has in it into the folder; return it and its name. Raises ``Invalid``, ``Conflict``."""
        left = await self._cross.read(lambda work: work.content.room_left(person))
        most = min(left, LARGEST_BLOB)
        if most <= 0:
            raise Conflict("content_quota", "Your contents take all the room that one seller has here.")
        try:
            sent = await self._homeserver.sent(RoomId(payload.get("at", room)), str(payload["event"]), most=most)
        except Denied as denied:
            if denied.status not in _NONE:
                raise
            sent = None
        if sent is None or sent.sender != user:
            raise Invalid("sell_not_seen", "What you answered is no message of yours that I can read.")
        kind = Kind(payload["kind"])
        if kind is Kind.TEXT or (kind is Kind.POST and sent.parts is None):
            text, name = _post(sent) if kind is Kind.POST else (_text(sent, payload), "text.txt")
            return await self._cross.aside(partial(self._blobs.write, [text], most=most)), name
        if sent.parts is None:
            raise Invalid("sell_no_file", "What you answered is no file.")
        parts = _in_thread(sent.parts(), asyncio.get_running_loop())
        try:
            return await self._cross.aside(partial(self._blobs.write, parts, most=most)), sent.name
        except SlowDown:
            raise
        except Denied as denied:
            raise Invalid("sell_file_gone", "The homeserver does not give me that file.") from denied
        except HomeserverUnavailable as error:  # most likely theirs, which keeps it
            message = "a file does not come"
            raise ElsewhereAway(message) from error


def _text(sent: Sent, payload: Mapping[str, Any]) -> bytes:
    if sent.text is None:
        raise Invalid("sell_no_text", "What you answered is no text.")
    text = sent.text if payload["answered"] else text_of(sent.text).partition("\n")[2]
    if not text.strip():
        raise Invalid("sell_no_text", "What you answered is no text.")
    return text.strip().encode(errors="replace")


def _post(sent: Sent) -> tuple[bytes, str]:
    """Return a post as it is kept, with its formatting where it has any, and a name for it."""
    text = (sent.text or "").strip() if sent.html is None else cleaned(sent.html)
    if not text:
        raise Invalid("sell_no_text", "What you answered is no text.")
    return text.encode(errors="replace"), PLAIN_POST if sent.html is None else RICH_POST


def _in_thread(parts: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """Give in a thread what comes in the loop."""

    async def _next() -> bytes | None:
        return await anext(parts, None)

    while (part := asyncio.run_coroutine_threadsafe(_next(), loop).result()) is not None:
        yield part


def _draft(
    work: Work,
    *,
    effect: Effect,
    person: PersonId,
    written: Written,
    name: str,
    charged: Callable[[Offer], Offer],
) -> str:
    """Keep it, and note with it what was made, so that whoever dies now goes on from there."""
    payload = effect.payload
    blob = work.content.keep(person, written, name)
    where, user = payload.get("at"), work.people.mxid(person)
    link = ""
    if where is not None and user is not None:
        link = permalink(RoomId(where), str(payload["event"]), server_of(user))
    offer = _offer(work, person, payload, link)
    made = work.content.list_(person, charged(offer), blob=blob, allowed=work.tokens.allowed, draft=True)
    outbox.rewrite(work.session, effect, dict(payload) | {"listing": made.id})
    return made.id


def _address(
    work: Work, *, effect: Effect, person: PersonId, behind: Upstream, charged: Callable[[Offer], Offer]
) -> str:
    """Keep an address that its host lets the seller sell, and note with it what was made."""
    offer = charged(_offer(work, person, effect.payload, behind.reference))
    made = gateway.list_(work, person, offer, behind, allowed=work.tokens.allowed, draft=True)
    outbox.rewrite(work.session, effect, dict(effect.payload) | {"listing": made.id})
    return made.id


def _offer(work: Work, person: PersonId, payload: Mapping[str, Any], reference: str) -> Offer:
    wallet = work.holders.primary(person)
    if wallet is None:
        raise Conflict("sell_needs_wallet", "A seller is paid at a wallet that they linked.")
    # What was asked for before prices had tokens has one price, in our own.
    told = payload.get("prices") or {work.tokens.allowed[0]: payload["price"]}
    prices, kind = {Asset(asset): int(amount) for asset, amount in told.items()}, Kind(payload["kind"])
    work.tokens.check(prices)
    return Offer(kind, payload["title"], wallet, prices, preview=payload["preview"], reference=reference)


def _renewed(
    work: Work,
    *,
    effect: Effect,
    person: PersonId,
    written: Written,
    name: str,
    charged: Callable[[Offer], Offer],
) -> str:
    """Put a new version up with it, and note with it that this is done."""
    listing = str(effect.payload["revises"])
    offer = work.content.own(person, listing).version.offer
    tokens = work.tokens
    tokens.check(offer.prices)
    blob = work.content.keep(person, written, name)
    made = work.content.revise(person, listing, charged(offer), blob=blob, allowed=tokens.allowed)
    outbox.rewrite(work.session, effect, dict(effect.payload) | {"listing": made.id})
    return made.id


def _look_anew(work: Work, reader: Reader, person: PersonId, listing: str) -> Letter:
    one = work.content.own(person, listing)
    return Letter(wording.revised(reader, one, work.people.mxid(person), work.tokens.assets.name))


def _look(work: Work, reader: Reader, person: PersonId, listing: str) -> Letter:
    one = work.content.own(person, listing)
    return wording.look(reader, one, work.people.mxid(person), work.tokens.assets.name)
