"""The courier: brings notices from the outbox to people, each in the one direct chat that the bot has with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from prometheus_client import Counter

from app.container import Work
from app.conversations import Standing
from app.wording.buttons import Letter
from app.wording.notices import CODES, notice, people_in
from app.wording.reader import Service
from bot.away import Away
from bot.carrier import Carrier, Outcome
from bot.crossing import Crossing
from bot.entering import Entering
from bot.homeserver import ElsewhereAway, Homeserver
from bot.letters import ANSWER, post, send_owed, sent
from bot.purposes import purposes
from bot.readers import reader_of
from bot.room_state import PURPOSE
from kit import outbox
from kit.clock import unix
from kit.identifiers import PersonId, RoomId, UserId, server_of
from kit.outbox import Effect
from kit.throttle import Throttle
from reputation.notices import UNASKED

LOG = structlog.get_logger(__name__)

KIND = "notice"
NOTICES = Counter("earnest_notices", "Notices, by what became of them", ["outcome"])

_CHAT_BURST, _CHAT_SECONDS = 30, 10.0
"""New chats with strangers of one homeserver: 30 at once, then one every ten seconds."""
_OWN_WISH = frozenset({"M_INVITE_BLOCKED", "ORG.MATRIX.MSC4155.INVITE_BLOCKED"})
"""Refusals that are a person's own setting and say nothing of their homeserver."""
_BUSY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Delivery:
    person: PersonId
    user: UserId
    letter: Letter
    room: RoomId | None


class Courier(Carrier):
    """Delivers what the outbox owes to people."""

    kinds = (KIND, ANSWER)
    counted = NOTICES
    what = "notice"

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        service: Service,
        *,
        time: Callable[[], float],
        rooms: Entering,
    ) -> None:
        """Deliver through ``homeserver``; ``rooms`` is held while a chat is opened and remembered."""
        super().__init__(homeserver, cross, time=time)
        self._service = service
        self._rooms = rooms
        self._chats = Throttle(_CHAT_BURST, _CHAT_SECONDS, time)
        self._away, self._silent = Away(time), Away(time)
        self._untidy = True

    async def _carry(self, effect: Effect) -> Outcome | timedelta:
        return await (self._make_up(effect) if effect.kind == ANSWER else self._bring(effect))

    def _done_with(self, work: Work, effect: Effect, outcome: Outcome) -> None:
        if effect.kind == ANSWER:
            sent(work, effect)
        else:
            super()._done_with(work, effect, outcome)

    def _failed(self, work: Work, effect: Effect, reason: str, *, for_good: bool) -> None:
        super()._failed(work, effect, reason, for_good=for_good)
        if effect.kind == ANSWER:
            outbox.wipe(work.session, effect)

    async def _make_up(self, effect: Effect) -> Outcome:
        """Bring an answer that whoever heard the question owes still: it died, or its homeserver did not answer."""
        await send_owed(self._homeserver, self._cross, effect)
        return Outcome.SENT

    async def _bring(self, effect: Effect) -> Outcome | timedelta:
        """Bring one notice; where it must wait, say how long."""
        delivery = await self._cross.read(lambda work: self._prepare(work, effect))
        if delivery is None:
            return Outcome.DROPPED
        person, letter, cause = delivery.person, delivery.letter, f"notice:{effect.id}"

        async def _post(room: RoomId) -> None:
            await post(self._homeserver, self._cross, room=room, person=person, letter=letter, cause=cause)

        return await self.into_chat(person, delivery.user, delivery.room, _post)

    async def into_chat(
        self, person: PersonId, user: UserId, room: RoomId | None, say: Callable[[RoomId], Awaitable[None]]
    ) -> Outcome | timedelta:
        """Say something in the person's chat, ``room`` or else one that is opened; where it must wait, say how long."""
        server = server_of(user)
        # Into a chat that there is, ours hands on by itself what is written; devices are to be known all the same.
        away = self._away if room is None else self._silent
        if away.seconds(server):
            return timedelta(seconds=away.seconds(server))
        if room is None and not self._chats.take(server):
            return _BUSY
        try:
            if room is None:
                room = await self._open_chat(person, user)
                away.answered(server)
                away = self._silent
            if room is not None:
                await say(room)
                away.answered(server)
        except ElsewhereAway:
            # Theirs alone: the notices behind this one are for others, and must not wait with it.
            away.failed(server)
            return timedelta(seconds=away.seconds(server))
        return Outcome.DROPPED if room is None else Outcome.SENT

    def _prepare(self, work: Work, effect: Effect) -> _Delivery | None:
        """Write the letter, unless there is nobody to read it."""
        person = PersonId(int(effect.payload["to"]))
        code, values = str(effect.payload["code"]), dict(effect.payload["values"])
        user = work.people.mxid(person)
        if user is None or code not in CODES or not work.people.wants_notices(person):
            return None
        if code == "knock_held" and int(values.get("quote_expiry", 0)) <= unix(work.now):
            return None  # it waited too long: the price no longer stands
        if code in UNASKED and work.courtesy.is_quiet(server_of(user)):
            return None  # its homeserver was left alone since
        standing = work.conversations.standing(person)
        if standing is not None and standing is not Standing.OPEN:
            return None
        reader = reader_of(work, self._service, person)
        letter = notice(code, values, people=work.people.mxids(people_in(values)), reader=reader)
        about = effect.payload.get("about")
        if letter.meaning is not None and about is not None:
            letter = replace(letter, about=PersonId(int(about)))
        return _Delivery(person, user, letter, work.conversations.room_of(person))

    # ------------------------------------------------------------------------------------------------ chats

    async def _open_chat(self, person: PersonId, user: UserId) -> RoomId | None:
        """Make the person's one direct chat; ``None`` where they cannot be invited.

        A crash between the steps leaves a room that we are in and do not know of; ``_tidy`` finds it, so nobody is ever
        invited twice.
        """
        async with self._rooms:
            if self._untidy:
                await self._tidy()
            known = await self._cross.read(lambda work: work.conversations.room_of(person))
            if known is not None:
                return known
            self._untidy = True
            room = await self._homeserver.create_room(name="Earnest")
            refused = await self._homeserver.invite(room, user, direct=True)
            if refused is not None:
                LOG.info("chat_refused", errcode=refused.get("errcode"))
                await self._homeserver.leave(room)
                await self._cross.work(partial(_turned_away, person=person, user=user, refused=refused))
            else:
                await self._cross.work(partial(_taken_in, person=person, user=user, room=room))
            self._untidy = False
        return None if refused is not None else room

    async def _tidy(self) -> None:
        """Take up or leave the rooms that we are in and do not know of."""
        joined = await self._homeserver.joined_rooms()
        known = await self._cross.read(purposes)
        for room in joined:
            if room in known or room in self._rooms.rooms:
                continue
            made = await self._homeserver.events(room, {"m.room.create"})
            if any("type" in one.content or PURPOSE in one.content for one in made):
                continue  # no chat, but a space, say, or a policy room: whoever makes those finds it again
            members = await self._homeserver.members(room)
            others = members - {self._homeserver.me}
            if len(others) > 1:
                continue  # a group that others made is not ours to judge here
            adopted = False
            for user in others:
                adopted = await self._cross.work(partial(_adopt, user=user, room=room))
            if not adopted:
                await self._homeserver.leave(room)
        self._untidy = False


def _adopt(work: Work, user: UserId, room: RoomId) -> bool:
    """Take a forgotten room for the person's chat, if they are known and have none."""
    person = work.people.find(user)
    if person is None or work.conversations.standing(person) is not None:
        return False
    work.conversations.remember(person, room)
    return True


def _turned_away(work: Work, *, person: PersonId, user: UserId, refused: Mapping[str, Any]) -> None:
    """Note that a person cannot be invited, and that it was their homeserver that said so, where it was."""
    work.conversations.unreachable(person)
    if refused.get("errcode") not in _OWN_WISH:
        work.courtesy.chat_refused(server_of(user))


def _taken_in(work: Work, *, person: PersonId, user: UserId, room: RoomId) -> None:
    work.conversations.remember(person, room)
    work.courtesy.chat_accepted(server_of(user))
