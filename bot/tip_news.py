"""News of tips: brings givers their links and receipts, receivers what they were tipped, and rooms public notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from prometheus_client import Counter

from app.container import Work
from app.conversations import Standing
from app.wording import tips as wording
from app.wording.buttons import Letter
from app.wording.message import Message
from app.wording.reader import Reader, Service
from bot.carrier import Carrier, Outcome
from bot.commands.tipping import WANTED
from bot.courier import Courier
from bot.crossing import Crossing
from bot.homeserver import Denied, EventId, Homeserver, Said, txn_of
from bot.letters import post
from bot.readers import reader_of
from bot.warden import Warden
from kit.errors import NotFound, Refusal
from kit.identifiers import PersonId, RoomId, UserId, parse_user_id
from kit.outbox import Effect
from kit.throttle import Throttle
from payments.tips.model import Link, News, Tip
from payments.tips.service import NEWS

TOLD: Final = Counter("earnest_tips_told", "What was told of tips, by what became of it", ["outcome"])
_WAIT: Final = timedelta(seconds=2)
_BURST, _SECONDS = 5, 30.0
"""Lines in one room: five at once, then one every half a minute."""
_LATER: Final = timedelta(seconds=30)
_TO_GIVER: Final = (News.SEEN, News.RECEIPT, News.GONE_GIVER)
_GONE: Final = (News.GONE_GIVER, News.GONE_RECEIVER)


@dataclass(frozen=True, slots=True)
class _Letter:
    person: PersonId
    user: UserId
    room: RoomId | None
    message: Message


class TipNews(Carrier):
    """Tells of tips."""

    kinds = (WANTED, NEWS)
    counted = TOLD
    what = "tip"

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        service: Service,
        *,
        time: Callable[[], float],
        courier: Courier,
        warden: Warden,
    ) -> None:
        """Tell in the chats of ``courier`` and in the rooms of ``warden``."""
        super().__init__(homeserver, cross, time=time)
        self._service = service
        self._courier = courier
        self._warden = warden
        self._lines = Throttle(_BURST, _SECONDS, time)

    async def _carry(self, effect: Effect) -> Outcome | timedelta:
        if effect.kind == WANTED:
            return await self._wanted(effect)
        news = News(effect.payload["news"])
        if news is News.LINE:
            return await self._line(effect)
        if news is News.UNSAID:
            return await self._unsay(effect)
        found = await self._cross.read(partial(self._write, effect=effect, news=news))
        if found is None:
            return Outcome.DROPPED
        tip, turn = str(effect.payload["tip"]), int(effect.payload["round"])
        if news not in _GONE and not await self._cross.work(lambda work: work.tips.tries(tip, news, turn)):
            return Outcome.DROPPED
        return await self._say(effect, found)

    def _done_with(self, work: Work, effect: Effect, outcome: Outcome) -> None:
        super()._done_with(work, effect, outcome)
        if effect.kind == NEWS:
            work.tips.told_of(str(effect.payload["tip"]))

    def _failed(self, work: Work, effect: Effect, reason: str, *, for_good: bool) -> None:
        super()._failed(work, effect, reason, for_good=for_good)
        if effect.kind == NEWS:
            work.tips.told_of(str(effect.payload["tip"]))

    async def _say(self, effect: Effect, found: _Letter) -> Outcome | timedelta:
        async def _post(room: RoomId) -> None:
            letter, cause = Letter(found.message), f"{effect.kind}:{effect.id}"
            await post(self._homeserver, self._cross, room=room, person=found.person, letter=letter, cause=cause)

        return await self._courier.into_chat(found.person, found.user, found.room, _post)

    # ------------------------------------------------------------------------------------------------ links

    async def _wanted(self, effect: Effect) -> Outcome | timedelta:
        """Bring somebody the link that they want, or say why there is none."""
        token, code = effect.payload.get("link"), effect.payload.get("code")
        link = await self._cross.read(lambda work: work.tip_links.find(str(token))) if token is not None else None
        if link is None and code is None:
            return Outcome.DROPPED
        if link is not None and link.receiver is None:
            code = await self._name(link)
        person = PersonId(int(effect.payload["person"])) if link is None else link.giver
        found = await self._cross.read(partial(self._offer, person=person, token=token, code=code))
        outcome = Outcome.DROPPED if found is None else await self._say(effect, found)
        if code is not None and token is not None and not isinstance(outcome, timedelta):
            await self._cross.work(lambda work: work.tip_links.drop(str(token)))
        return outcome

    async def _name(self, link: Link) -> str | None:
        """Find out who wrote a message that was named by its link; return why that is nobody who can be tipped.

        Whether there is such a message is told to those alone who are in its room.
        """
        writer = await self._writer(link)
        if writer is None:
            return "tip_unseen"

        def _known(work: Work) -> None:
            receiver = work.people.find(parse_user_id(writer))
            if receiver is None:
                raise NotFound("no_tips", "They take no tips here.")
            work.tip_links.name(link.token, receiver)

        try:
            await self._cross.work(_known)
        except Refusal as refused:
            return refused.code
        return None

    async def _writer(self, link: Link) -> str | None:
        if link.room is None or link.event is None or link.room not in await self._warden.rooms():
            return None
        user = await self._cross.read(lambda work: work.people.mxid(link.giver))
        if user not in (await self._warden.view(link.room)).seen.joined():
            return None
        try:
            told = await self._homeserver.message(link.room, EventId(link.event))
        except Denied:
            return None
        return None if told is None or told.sender == self._homeserver.me else str(told.sender)

    def _offer(self, work: Work, *, person: PersonId, token: str | None, code: str | None) -> _Letter | None:
        to = self._to(work, person)
        if to is None:
            return None
        user, room, reader = to
        if code is not None:
            return _Letter(person, user, room, wording.refused(reader, code))
        link = work.tip_links.find(str(token))
        if link is None or link.receiver is None:
            return None
        return _Letter(person, user, room, wording.offered(reader, link, work.people.mxid(link.receiver)))

    # ------------------------------------------------------------------------------------------------ chats

    def _write(self, work: Work, *, effect: Effect, news: News) -> _Letter | None:
        """Write what somebody is told, where it is so still and they talk to us."""
        tip = work.tips.find(str(effect.payload["tip"]))
        if tip is None or (news not in _GONE and tip.round != int(effect.payload["round"])):
            return None
        if news is News.SEEN and tip.is_told:
            return None  # the receipt says it
        person = tip.giver if news in _TO_GIVER else tip.receiver
        to = None if person is None else self._to(work, person)
        if person is None or to is None or not (person == tip.giver or work.people.wants_notices(person)):
            return None
        user, room, reader = to
        names = work.tokens.assets.name
        giver, receiver = _both(work, tip)
        return _Letter(person, user, room, wording.told(reader, news, tip, names, giver=giver, receiver=receiver))

    def _to(self, work: Work, person: PersonId) -> tuple[UserId, RoomId | None, Reader] | None:
        user = work.people.mxid(person)
        if user is None or work.conversations.standing(person) not in (None, Standing.OPEN):
            return None
        return user, work.conversations.room_of(person), reader_of(work, self._service, person)

    # ------------------------------------------------------------------------------------------------ rooms

    async def _line(self, effect: Effect) -> Outcome | timedelta:
        """Show a public note under the message, where its giver may speak there.

        What may stand there already is said again, by the same transaction, whatever became of it meanwhile: so that
        it can be taken back.
        """
        name, turn = str(effect.payload["tip"]), int(effect.payload["round"])
        tip = await self._cross.read(lambda work: work.tips.find(name))
        before = turn and await self._cross.read(lambda work: work.tips.is_owed(name, News.UNSAID, turn - 1))
        if before:
            return _WAIT  # the line of the time before is to go first
        if tip is None or tip.room is None or tip.event is None:
            return Outcome.DROPPED
        giver, receiver = await self._cross.read(lambda work: _both(work, tip))
        if not tip.line_tried:
            if not await self._may_speak(tip.room, giver):
                return Outcome.DROPPED
            if not self._lines.take(tip.room):
                return _LATER
        if not await self._cross.work(lambda work: work.tips.tries(name, News.LINE, turn)):
            return Outcome.DROPPED
        now = await self._cross.read(lambda work: (work.now, work.tokens.assets.name))
        message = wording.in_room(Reader(self._service, now[0]), tip, now[1], giver=giver, receiver=receiver)
        cause = txn_of(f"{effect.kind}:{effect.id}")
        event = await self._homeserver.reply(tip.room, EventId(tip.event), message, txn=cause)
        await self._cross.work(lambda work: work.tips.said(name, event))
        if giver is not None and tip.note:
            # Whatever rules the room has hold for what is said there by the bot's mouth, and for who has it said.
            await self._warden.takes(Said(tip.room, event, giver, tip.note, now[0]))
        return Outcome.SENT

    async def _may_speak(self, room: RoomId, user: UserId | None) -> bool:
        """Tell whether somebody is in a room that is looked after, and may say things there."""
        if user is None or room not in await self._warden.rooms():
            return False
        seen = (await self._warden.view(room)).seen
        needed = seen.powers.events.get("m.room.message", seen.powers.events_default)
        return user in seen.joined() and seen.powers.of(user) >= needed

    async def _unsay(self, effect: Effect) -> Outcome | timedelta:
        """Take a line back, once it is known which one it is."""
        name, turn = str(effect.payload["tip"]), int(effect.payload["round"])
        tip = await self._cross.read(lambda work: work.tips.find(name))
        if tip is None or tip.room is None:
            return Outcome.DROPPED
        if await self._cross.read(lambda work: work.tips.is_owed(name, News.LINE, turn)):
            return _WAIT
        if tip.line is not None:
            cause = txn_of(f"{effect.kind}:{effect.id}")
            await self._homeserver.redact(tip.room, EventId(tip.line), reason="It does not stand any more.", txn=cause)
        await self._cross.work(lambda work: work.tips.unsaid(name))
        return Outcome.DROPPED if tip.line is None else Outcome.SENT


def _both(work: Work, tip: Tip) -> tuple[UserId | None, UserId | None]:
    """Return who gave and who received, as far as they are here."""
    giver = None if tip.giver is None else work.people.mxid(tip.giver)
    return giver, work.people.mxid(tip.receiver)
