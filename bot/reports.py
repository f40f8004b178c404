"""Reports: takes to a management room what members of looked-after rooms report there, by a word, a sign, or in a chat.

Whoever reports is known to that room alone: what they wrote to report is taken away where the bot may.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Final

import structlog

from app.container import Work
from app.wording import reports as wording
from app.wording.reader import Service
from bot.away import Away
from bot.crossing import Crossing
from bot.homeserver import Denied, EventId, Happening, Homeserver, Reacted, Said, txn_of
from bot.letters import offer
from bot.readers import reader_of
from bot.room_state import Told
from bot.views import View
from bot.warden import Warden
from bot.words import first_words, text_of
from kit.errors import Invalid
from kit.identifiers import PersonId, UserId, parse_user_id
from kit.throttle import Throttle
from reputation.complaints import Button, Complaint
from reputation.enforcement.rooms import Membership
from reputation.moderation import Management

LOG = structlog.get_logger(__name__)

WORD: Final = "!report"
"""What an answer to a message begins with that reports it."""
SIGN: Final = "🚩"
"""The reaction that does."""
_MOST_AT_ONCE: Final = 200
"""Reports that are looked at in a round, those among them whose turn is later."""
_LONGEST_WAIT: Final = 900.0
_BURST, _SECONDS = 5, 60.0
"""Reports of one person: five at once, then one a minute is written down at all."""
_SELECTOR: Final = "\N{VARIATION SELECTOR-16}"


class Reports:
    """What is reported."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, service: Service, *, warden: Warden) -> None:
        """Read and tell through ``homeserver``, in the rooms of ``warden``."""
        self._homeserver = homeserver
        self._cross = cross
        self._service = service
        self._warden = warden
        self._throttle = Throttle(_BURST, _SECONDS, warden.time)
        self._away = Away(warden.time, longest=_LONGEST_WAIT)

    # ------------------------------------------------------------------------------------------------ hearing

    async def hear(self, happening: Happening) -> None:
        """Write down what somebody reports in a room that is looked after; all else is nothing."""
        match happening:
            case Said(kind="m.text", replies_to=str() as event) if first_words(happening.body)[:1] == (WORD,):
                reason = text_of(happening.body)
            case Reacted(to=event) if happening.key.replace(_SELECTOR, "") == SIGN:
                reason = ""
            case _:
                return
        room, sender, said = happening.room, happening.sender, happening.event
        if room not in await self._warden.rooms() or not self._throttle.take(sender):
            return

        def _note(work: Work) -> None:
            person = work.people.number(parse_user_id(sender))
            work.moderation.complaints.note(room, event, person, reason, said=said)

        await self._cross.work(_note)

    # ------------------------------------------------------------------------------------------------ telling

    async def round(self) -> None:
        """Look at what was reported, and tell those who look after the room."""
        for one in await self._cross.read(lambda work: work.moderation.complaints.unheard(_MOST_AT_ONCE)):
            if self._away.seconds(str(one.id)):
                continue
            try:
                await self._one(one)
            except Exception as error:  # noqa: BLE001 - one stops no other, and what was written stands in no log
                LOG.warning("report_waits", complaint=one.id, reason=type(error).__name__)
                self._away.failed(str(one.id))
            else:
                self._away.answered(str(one.id))

    async def _one(self, one: Complaint) -> None:
        management = (await self._warden.managements()).get(one.management)
        stands = await self._cross.read(lambda work: work.moderation.complaints.stands(one))
        if not stands or management is None or management.ended_at is not None:
            await self._cross.work(lambda work: work.moderation.complaints.drop(one.id))
            return
        if management.room is None:
            return  # until there is one
        view = await self._warden.view(one.room)
        for voice in one.voices:
            if voice.said is not None and not voice.heard:
                await self._take_away(one, EventId(voice.said))
        told = await self._message(one)
        author = None if told is None else _author(told)
        members = {voice.person for voice in one.voices if _is_in(voice.user, view)}
        if told is None or author is None or author == self._homeserver.me or not members:
            await self._cross.work(lambda work: work.moderation.complaints.drop(one.id))
            return
        if not any(voice.heard for voice in one.voices):
            await self._ask(one, management, view, told, members)
        await self._cross.work(partial(_heard, one.id, members, author))

    async def _take_away(self, one: Complaint, said: EventId) -> None:
        try:
            await self._homeserver.redact(one.room, said, txn=txn_of(f"reported-by:{said}"))
        except Denied as denied:  # we have not the power, or it is gone
            LOG.info("report_stays", complaint=one.id, status=denied.status)

    async def _message(self, one: Complaint) -> Told | None:
        """Return the reported message; ``None`` where there is none."""
        try:
            return await self._homeserver.message(one.room, EventId(one.event))
        except Denied as denied:
            if denied.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST):
                return None
            raise

    async def _ask(
        self, one: Complaint, management: Management, view: View, told: Told, members: set[PersonId]
    ) -> None:
        """Ask what is to be done. It is noted before the buttons appear, so that the quickest tap finds it."""
        room = management.room
        if room is None:
            return
        reader = await self._cross.read(lambda work: reader_of(work, self._service, management.owner))
        voices = [voice for voice in one.voices if voice.person in members]
        seen = view.seen
        after = told.sender in await self._warden.spared(one.management) or seen.powers.looks_after(told.sender)
        cause = f"report:{one.id}"
        if one.told is None:
            message = wording.reported(reader, one, voices, told.sender, told.text, seen, looks_after=after)
            event = await self._homeserver.send(room, message, txn=txn_of(cause))
            await self._cross.work(partial(_asked, one.id, event, told.sender))
        else:
            event = EventId(one.told)
        signs = [sign for button, sign in wording.SIGNS.items() if not after or button is Button.IGNORE]
        await offer(self._homeserver, room, event, {sign: txn_of(f"{cause}{sign}") for sign in signs})


def button_of(sign: str) -> Button | None:
    """Return what a reaction under a report means."""
    plain = sign.replace(_SELECTOR, "")
    return next((button for button, one in wording.SIGNS.items() if one.replace(_SELECTOR, "") == plain), None)


def _author(told: Told) -> UserId | None:
    try:
        return parse_user_id(told.sender)
    except Invalid:
        return None


def _asked(number: int, event: EventId, author: UserId, work: Work) -> None:
    work.moderation.complaints.told(number, event, work.people.number(author))


def _heard(number: int, members: set[PersonId], author: UserId, work: Work) -> None:
    work.moderation.complaints.heard(number, members, work.people.number(author))


def _is_in(user: UserId, view: View) -> bool:
    member = view.seen.members.get(user)
    return member is not None and member.membership is Membership.JOIN
