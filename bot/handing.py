"""Handing over: brings people what they bought, a text as a message and all else as a file, and says what is gone."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Final

from prometheus_client import Counter

from app import downloads, offering
from app.container import Work
from app.conversations import Standing
from app.vendors import vendor
from app.wording import bought as wording
from app.wording import selling
from app.wording.buttons import Letter
from app.wording.message import Message
from app.wording.reader import Reader, Service
from bot.carrier import Carrier, Outcome
from bot.courier import Courier
from bot.crossing import Crossing
from bot.homeserver import Denied, Homeserver, txn_of
from bot.letters import post
from bot.media import Parcel
from bot.offering import WANTED
from bot.readers import reader_of
from bot.stocking import PLAIN_POST, RICH_POST
from kit.blobs import Blobs
from kit.errors import Refusal
from kit.identifiers import PersonId, RoomId, UserId, is_hidden
from kit.outbox import Effect
from kit.rich_text import cleaned, plain
from payments.content.buying import DELIVERY, TAKEN_BACK
from payments.content.disputes import REFUNDED
from payments.content.model import Kind, Purchase, PurchaseState, Stored, Version

HANDED: Final = Counter("earnest_handed_over", "What was handed over to buyers, by what became of it", ["outcome"])
_LONGEST_TEXT: Final = 40_000
"""Bytes of a text's event before it is encrypted; an event of Matrix has at most 65,536."""
_NOT_SURE: Final = timedelta(seconds=20)
_AT_LAST: Final = timedelta(days=7)
"""For how long after it was paid something is waited for that the chain is not sure of."""


_NEWS: Final[Mapping[str, tuple[PurchaseState, Callable[[Reader, Purchase, wording.Names], Message]]]] = {
    TAKEN_BACK: (PurchaseState.TAKEN_BACK, wording.taken_back),
    REFUNDED: (PurchaseState.REFUNDED, wording.refunded),
}
"""What is told of a purchase, as long as it is so."""


@dataclass(frozen=True, slots=True)
class _Handing:
    person: PersonId
    user: UserId
    room: RoomId | None
    message: Message
    too_large: Message | None = None
    """What is said instead where the homeserver takes no such file."""
    stored: Stored | None = None
    is_text: bool = False
    is_rich: bool = False


class Handing(Carrier):
    """Hands over what was bought."""

    kinds = (DELIVERY, TAKEN_BACK, REFUNDED, WANTED)
    counted = HANDED
    what = "handing"

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        service: Service,
        *,
        time: Callable[[], float],
        courier: Courier,
        blobs: Blobs,
    ) -> None:
        """Hand over in the chats of ``courier`` what is in ``blobs``."""
        super().__init__(homeserver, cross, time=time)
        self._service = service
        self._courier = courier
        self._blobs = blobs

    async def _carry(self, effect: Effect) -> Outcome | timedelta:
        prepare = self._wanted if effect.kind == WANTED else self._prepare
        found = await self._cross.read(partial(prepare, effect=effect))
        if found is None:
            return Outcome.DROPPED
        if isinstance(found, timedelta):
            return found
        return await self._courier.into_chat(found.person, found.user, found.room, partial(self._say, effect, found))

    def _done_with(self, work: Work, effect: Effect, outcome: Outcome) -> None:
        if outcome is Outcome.SENT and effect.kind == DELIVERY:
            purchase = work.content.found(str(effect.payload["purchase"]))
            one = None if purchase is None else work.content.listing(purchase.listing)
            if purchase is not None and one is not None and one.version.offer.kind is not Kind.ADMISSION:
                work.content.delivered(purchase.id)  # who lets people in notes of an admission that it was
        super()._done_with(work, effect, outcome)

    # ------------------------------------------------------------------------------------------------ what

    def _prepare(self, work: Work, effect: Effect) -> _Handing | timedelta | None:
        purchase = work.content.found(str(effect.payload["purchase"]))
        person = None if purchase is None or purchase.buyer is None else purchase.buyer.person
        user = None if person is None else work.people.mxid(person)
        if purchase is None or person is None or user is None:
            return None
        if work.conversations.standing(person) not in (None, Standing.OPEN):
            return None  # they ask for it by themselves, once they talk to us again
        reader = reader_of(work, self._service, person)
        to = _Handing(person, user, work.conversations.room_of(person), Message("", ""))
        if effect.kind in _NEWS:
            state, say = _NEWS[effect.kind]
            names = work.tokens.assets.name  # what is so no more needs no telling
            return replace(to, message=say(reader, purchase, names)) if purchase.state is state else None
        if purchase.opens(work.now):
            return self._what(work, purchase, to, reader)
        may_come = purchase.state in (PurchaseState.PAID, PurchaseState.TAKEN_BACK) and purchase.because is None
        return _NOT_SURE if may_come and work.now - purchase.paid_at < _AT_LAST else None

    def _wanted(self, work: Work, effect: Effect) -> _Handing | None:
        """Write what somebody is offered who tapped a card, unless it is over, or they do not talk to us."""
        person, order = PersonId(int(effect.payload["person"])), work.orders.find(str(effect.payload["order"]))
        user = work.people.mxid(person)
        if user is None or order is None or work.conversations.standing(person) not in (None, Standing.OPEN):
            return None
        try:
            one = offering.quote(work, order.listing)
        except Refusal:
            return None
        reader, seller = reader_of(work, self._service, person), work.people.mxid(one.seller)
        names, until = work.tokens.assets.name, order.expires_at
        said = partial(selling.offered, reader, one, seller, names, order=order.token, until=until)
        letter = said(vendor=vendor(work, person, one.seller))
        return _Handing(person, user, work.conversations.room_of(person), letter)

    def _what(self, work: Work, purchase: Purchase, to: _Handing, reader: Reader) -> _Handing | None:
        access = None if purchase.buyer is None else work.content.access(purchase.buyer, purchase.listing)
        if access is None:
            reason = work.content.listing(purchase.listing).reason or ""
            return replace(to, message=wording.taken_down(reader, purchase, reason))
        version, seller = access.newest, work.people.mxid(purchase.seller)
        said = partial(wording.receipt, reader, purchase, version, seller, work.tokens.assets.name)
        if version.offer.kind is Kind.GATEWAY and purchase.buyer is not None:
            link = downloads.issue(work, purchase.buyer, purchase).token
            return replace(to, message=said(link=f"/v1/downloads/{link}"))
        return replace(
            to,
            message=said(),
            too_large=said(page=True),
            stored=version.stored,
            is_text=_is_text(version),
            is_rich=_is_rich(version),
        )

    # ------------------------------------------------------------------------------------------------ saying

    async def _say(self, effect: Effect, found: _Handing, room: RoomId) -> None:
        """Say it; each part of it is sent once, however often this is tried."""
        cause, stored = f"{effect.kind}:{effect.id}", found.stored
        largest = None if stored is None else await self._homeserver.largest()
        if stored is not None and largest is not None and stored.size > largest:
            await self._post(room, found, found.too_large or found.message, cause)
            return
        await self._post(room, found, found.message, cause)
        if stored is None:
            return
        text = await self._text(stored, rich=found.is_rich) if found.is_text else None
        if text is not None:
            await self._homeserver.send(room, text, txn=txn_of(f"{cause}:content"))
            return
        parcel = Parcel(stored.file_name, stored.media_type, stored.size, partial(self._open, stored))
        try:
            await self._homeserver.send_file(room, parcel, txn=txn_of(f"{cause}:content"))
        except Denied as denied:
            if denied.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or found.too_large is None:
                raise
            await self._post(room, found, found.too_large, f"{cause}:too-large")

    async def _post(self, room: RoomId, found: _Handing, message: Message, cause: str) -> None:
        await post(self._homeserver, self._cross, room=room, person=found.person, letter=Letter(message), cause=cause)

    async def _open(self, stored: Stored) -> Iterator[bytes]:
        return await self._cross.read(lambda work: work.content.open_(self._blobs, stored))

    async def _text(self, stored: Stored, *, rich: bool) -> Message | None:
        """Read a text; ``None`` where it is more than a message holds, or has in it what apps do not show."""
        parts = await self._open(stored)
        raw = await asyncio.to_thread(b"".join, parts)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return None
        if rich:
            message = Message(plain(text), f"<blockquote>{cleaned(text)}</blockquote>")
        else:
            message = Message(text, f"<blockquote>{html.escape(text).replace(chr(10), '<br>')}</blockquote>")
        hidden = any(is_hidden(one) for one in text if one not in "\n\t")
        return None if hidden or len(json.dumps([message.plain, message.html])) > _LONGEST_TEXT else message


def _is_rich(version: Version) -> bool:
    """Tell whether it is a post with its formatting: that we wrote so ourselves, whatever others call their files."""
    stored = version.stored
    return version.offer.kind is Kind.POST and stored is not None and stored.file_name == RICH_POST


def _is_text(version: Version) -> bool:
    """Tell whether it comes as a message; else it is a file."""
    stored = version.stored
    if stored is None or stored.size > _LONGEST_TEXT:
        return False
    posted = version.offer.kind is Kind.POST and stored.file_name in (PLAIN_POST, RICH_POST)
    return posted or version.offer.kind is Kind.TEXT
