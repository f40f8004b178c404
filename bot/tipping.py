"""Tipping: hears who wants to tip a message in a room that is looked after, and owes them a link in their own chat.

Either by ``!tip 5 Thank you`` as an answer to it, or by a purple heart. Neither moves money, nor says anything there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from app import tipping
from app.container import Work
from bot.commands.tipping import WANTED
from bot.crossing import Crossing
from bot.homeserver import EventId, Happening, Homeserver, Reacted, Said
from bot.passing import Passing
from bot.warden import Warden
from bot.words import first_words, text_of
from kit import outbox
from kit.errors import NotFound, Refusal
from kit.identifiers import RoomId, UserId, parse_user_id
from kit.throttle import Throttle
from payments.tips.model import Wish

WORD: Final = "!tip"
HEART: Final = "💜"
_SELECTOR: Final = "\N{VARIATION SELECTOR-16}"
_BURST, _SECONDS = 10, 300.0
"""Messages that are looked at for one person: ten at once, then one every five minutes."""


class Tipping(Passing):
    """Wishes to tip."""

    what = "tip"

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, warden: Warden, time: Callable[[], float]) -> None:
        """Hear them in the rooms of ``warden``."""
        super().__init__(homeserver, cross, warden=warden)
        self._looks = Throttle(_BURST, _SECONDS, time)

    async def _take(self, happening: Happening) -> None:
        match happening:
            case Said(kind="m.text", replies_to=str()) if first_words(happening.body)[:1] == (WORD,):
                if await self._looks_at(happening.room, happening.sender):
                    await self._asked(happening, happening.replies_to or EventId(""))
            case Reacted() if happening.key.replace(_SELECTOR, "") == HEART:
                if await self._looks_at(happening.room, happening.sender):
                    await self._want(happening.room, happening.sender, happening.to, Wish(), None)
            case _:
                pass

    async def _looks_at(self, room: RoomId, user: UserId) -> bool:
        return user != self._homeserver.me and room in await self._warden.rooms() and self._looks.take(user)

    async def _asked(self, said: Said, to: EventId) -> None:
        text = text_of(said.body)
        try:
            wish = await self._cross.read(lambda work: tipping.read_wish(text, work.tokens, public=True))
        except Refusal as refused:
            await self._cross.work(partial(_refuse, user=str(said.sender), code=refused.code))
            return
        await self._want(said.room, said.sender, to, wish, said.event)

    async def _want(self, room: RoomId, user: UserId, to: EventId, wish: Wish, said: EventId | None) -> None:
        """Owe somebody a link; ``said`` is what asks for it in words: that is answered in any case."""
        told = await self._homeserver.message(room, to)
        if told is None or told.sender == self._homeserver.me:
            return
        owing = partial(_owe, user=str(user), writer=str(told.sender), room=room, event=str(to), wish=wish, said=said)
        try:
            await self._cross.work(owing)
        except Refusal as refused:
            if said is not None:
                await self._cross.work(partial(_refuse, user=str(user), code=refused.code))


def _owe(work: Work, *, user: str, writer: str, room: RoomId, event: str, wish: Wish, said: str | None) -> None:
    receiver = work.people.find(parse_user_id(writer))
    if said is None and (receiver is None or work.tip_links.wallet_of(receiver) is None or writer == user):
        return  # whoever taps idly learns nothing, and is not noted
    giver = work.people.number(parse_user_id(user))
    turn = f"{_short(event)}:{work.now:%Y-%m-%d}" if said is None else _short(said)
    key = f"{WANTED}:{giver}:{turn}"
    if outbox.holds(work.session, key):
        return
    if receiver is None:
        raise NotFound("no_tips", "They take no tips here.")
    link = work.tip_links.link(giver, receiver, wish, room=room, event=event)
    outbox.append(work.session, kind=WANTED, key=key, payload={"link": link.token}, now=work.now)


def _refuse(work: Work, *, user: str, code: str) -> None:
    """Owe somebody the reason why they get no link: each once a day."""
    person = work.people.number(parse_user_id(user))
    key = f"{WANTED}:{person}:{code}:{work.now:%Y-%m-%d}"
    payload = {"person": person, "code": code}
    outbox.append(work.session, kind=WANTED, key=key, payload=payload, now=work.now)


def _short(event: str) -> str:
    return hashlib.sha256(event.encode()).hexdigest()  # however long an id they made up
