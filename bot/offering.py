"""Offering: shows in rooms that are looked after what somebody sells, and sends whoever taps the cart a link to pay by.

Whoever answers a message of their own there with ``!sell post "A title" 5`` is shown it in their chat, to be put up.

A tap moves no money. Nothing is kept of a card: it is one by what it says, and who wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog

from app import offering
from app.container import Work
from app.vendors import is_unwelcome
from app.wording import selling as wording
from app.wording.message import Message
from app.wording.reader import Service
from bot.commands import selling
from bot.commands.buying import listing_in
from bot.commands.command import Asked
from bot.crossing import Crossing
from bot.heard import Heard
from bot.homeserver import Denied, EventId, Happening, Homeserver, Reacted, Said, txn_of
from bot.letters import offer
from bot.passing import Passing
from bot.readers import reader_of
from bot.warden import Warden
from bot.words import first_words, text_of
from kit import outbox
from kit.errors import Refusal
from kit.identifiers import parse_user_id, server_of
from kit.permalinks import permalink
from kit.throttle import Throttle

LOG = structlog.get_logger(__name__)

WANTED: Final = "content-wanted"
"""Outbox kind: somebody is owed a link to buy something by, once a day for each listing."""
WORD: Final = "!offer"
SELL: Final = ("!sell", "post")
CART: Final = "🛒"
_SELECTOR: Final = "\N{VARIATION SELECTOR-16}"
_CARD_BURST, _CARD_SECONDS = 3, 600.0
"""Cards in one room: three at once, then one every ten minutes."""
_TAP_BURST, _TAP_SECONDS = 5, 1_800.0
"""Links for one person: five at once, then one every half an hour."""
_TWO: Final = 2


class Offering(Passing):
    """Cards in rooms."""

    what = "card"

    def __init__(
        self, homeserver: Homeserver, cross: Crossing, service: Service, *, warden: Warden, time: Callable[[], float]
    ) -> None:
        """Show cards through ``homeserver`` in the rooms of ``warden``."""
        super().__init__(homeserver, cross, warden=warden)
        self._service = service
        self._cards = Throttle(_CARD_BURST, _CARD_SECONDS, time)
        self._taps = Throttle(_TAP_BURST, _TAP_SECONDS, time)
        self._page = re.compile(re.escape(f"{service.public_url}/buy/") + r"([A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])")

    async def _take(self, happening: Happening) -> None:
        match happening:
            case Said(kind="m.text") if (words := first_words(happening.body))[:1] == (WORD,) and len(words) == _TWO:
                if happening.room in await self._warden.rooms():
                    await self._show(happening, listing_in(words[1]))
            case Said(kind="m.text") if first_words(happening.body)[:2] == SELL and happening.replies_to is not None:
                if happening.room in await self._warden.rooms() and self._taps.take(happening.sender):
                    await self._sold(happening, happening.replies_to)
            case Reacted() if happening.key.replace(_SELECTOR, "") == CART:
                if happening.room in await self._warden.rooms() and self._taps.take(happening.sender):
                    await self._wanted(happening)
            case _:
                pass

    async def _show(self, said: Said, listing: str) -> None:
        """Show a card, where its seller asks for it or somebody who looks after the room does.

        Not of somebody of whom a list speaks that acts there. How a seller stands is told to each reader, in their own
        chat: a room has no view of anybody, and its owner's is their own.
        """
        after = (await self._warden.view(said.room)).seen.powers.looks_after(said.sender)

        def _card(work: Work) -> Message | None:
            person, one = work.people.find(parse_user_id(said.sender)), offering.quote(work, listing)
            if (not after and person != one.seller) or is_unwelcome(work, said.room, one.seller):
                return None
            reader = reader_of(work, self._service, one.seller if person is None else person)
            return wording.in_room(reader, one, work.people.mxid(one.seller), work.tokens.assets.name, CART)

        try:
            card = await self._cross.read(_card)
        except Refusal:  # there is no such thing; in a room nobody is told of that
            return
        if card is None or not self._cards.take(said.room):
            return
        event = await self._homeserver.send(said.room, card, txn=txn_of(f"offer:{said.event}"))
        await offer(self._homeserver, said.room, event, {CART: txn_of(f"offer:{said.event}{CART}")})

    async def _sold(self, said: Said, post: EventId) -> None:
        """Have a message looked at that its writer wants to sell; all that is said of it is said in their own chat."""
        link = permalink(said.room, post, server_of(parse_user_id(said.sender)))
        first, _, rest = text_of(said.body).partition("\n")

        def _sell(work: Work) -> None:
            person = work.people.find(parse_user_id(said.sender))
            chat = None if person is None else work.conversations.room_of(person)
            if person is None or chat is None:
                return
            heard, reader = Heard(chat, parse_user_id(said.sender), said.event), reader_of(work, self._service, person)
            words, text = ("post",), f"{first} {link}\n{rest}"
            selling.run(work, Asked(person, heard.sender, words, (), reader, text, heard=heard))

        try:
            await self._cross.work(_sell)
        except Refusal as refused:  # in a room nobody is told of that
            LOG.info("post_not_taken", reason=refused.code)

    async def _wanted(self, tap: Reacted) -> None:
        """Owe whoever tapped a card a link, in their own chat with us."""
        try:
            told = await self._homeserver.sent(tap.room, tap.to, most=0)
        except Denied as denied:
            if denied.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST):
                return
            raise
        found = None if told is None or told.sender != self._homeserver.me else self._page.search(told.text or "")
        if found is None:
            return
        try:
            await self._cross.work(partial(_owe, user=str(tap.sender), listing=found[1]))
        except Refusal as refused:
            LOG.info("card_is_over", reason=refused.code)


def _owe(work: Work, *, user: str, listing: str) -> None:
    one, person = offering.quote(work, listing), work.people.number(parse_user_id(user))
    if one.seller == person:
        return
    order = work.orders.order(person, one.id)
    key = f"{WANTED}:{person}:{one.id}:{work.now:%Y-%m-%d}"
    payload = {"person": person, "listing": one.id, "order": order.token}
    outbox.append(work.session, kind=WANTED, key=key, payload=payload, now=work.now)
