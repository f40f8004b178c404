"""Overseeing: tells sellers how what they sell stands with the operator, and buyers what was taken down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from prometheus_client import Counter

from app.container import Work
from app.conversations import Standing
from app.wording import overseen as wording
from app.wording.buttons import Letter
from app.wording.reader import Service
from bot.carrier import Carrier, Outcome
from bot.courier import Courier
from bot.crossing import Crossing
from bot.homeserver import Homeserver
from bot.letters import post
from bot.readers import reader_of
from kit.errors import NotFound
from kit.identifiers import PersonId, RoomId, UserId
from kit.outbox import Effect
from payments.content.model import ListingState
from payments.content.overseeing import NEWS, TAKEN_DOWN

OVERSEEN: Final = Counter(
    "earnest_overseen_told", "What was told of listings that were held or taken down", ["outcome"]
)


@dataclass(frozen=True, slots=True)
class _Told:
    person: PersonId
    user: UserId
    room: RoomId | None
    letter: Letter


class Overseeing(Carrier):
    """Tells of it, once each, in people's own chats; what is so no more is not told."""

    kinds = (NEWS, TAKEN_DOWN)
    counted = OVERSEEN
    what = "overseeing"

    def __init__(
        self, homeserver: Homeserver, cross: Crossing, service: Service, *, time: Callable[[], float], courier: Courier
    ) -> None:
        """Tell in the chats of ``courier``."""
        super().__init__(homeserver, cross, time=time)
        self._service = service
        self._courier = courier

    async def _carry(self, effect: Effect) -> Outcome | timedelta:
        prepare = self._of_seller if effect.kind == NEWS else self._of_buyer
        found = await self._cross.read(partial(prepare, effect=effect))
        if found is None:
            return Outcome.DROPPED
        return await self._courier.into_chat(found.person, found.user, found.room, partial(self._say, effect, found))

    async def _say(self, effect: Effect, found: _Told, room: RoomId) -> None:
        cause = f"{effect.kind}:{effect.id}"
        await post(self._homeserver, self._cross, room=room, person=found.person, letter=found.letter, cause=cause)

    def _of_seller(self, work: Work, effect: Effect) -> _Told | None:
        person, listing = PersonId(int(effect.payload["person"])), str(effect.payload["listing"])
        try:
            one = work.content.own(person, listing)
        except NotFound:  # they left us, and it with them
            return None
        message = wording.news(reader_of(work, self._service, person), one, work.content.owed_for(listing))
        return None if message is None else self._to(work, person, Letter(message))

    def _of_buyer(self, work: Work, effect: Effect) -> _Told | None:
        purchase = work.content.found(str(effect.payload["purchase"]))
        person = None if purchase is None or purchase.buyer is None else purchase.buyer.person
        if purchase is None or person is None or not purchase.stands:
            return None
        one = work.content.listing(purchase.listing)
        if one.state is not ListingState.TAKEN_DOWN:
            return None
        letter = wording.taken_down(reader_of(work, self._service, person), purchase, one.reason or "")
        return self._to(work, person, letter)

    @staticmethod
    def _to(work: Work, person: PersonId, letter: Letter) -> _Told | None:
        user = work.people.mxid(person)
        if user is None or work.conversations.standing(person) not in (None, Standing.OPEN):
            return None
        return _Told(person, user, work.conversations.room_of(person), letter)
