"""The desk: management rooms, which the bot makes for whoever looks after rooms, where it hears them and tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import structlog

from app import protecting
from app.container import Container, Work
from app.wording import desk as wording
from app.wording import errors, manners, moderation
from app.wording import subscriptions as standing
from app.wording.message import Message
from app.wording.moderation import RoomNames
from app.wording.reader import Reader, Service
from bot.away import Away
from bot.beside import Publishing
from bot.commands.command import Unclear
from bot.crossing import Crossing
from bot.desk.asked import Asked, Command
from bot.desk.lanes import Lanes, Question
from bot.desk.moving import Moving
from bot.desk.reports import decide
from bot.desk.table import COMMANDS
from bot.entering import Entering
from bot.homeserver import (
    Denied,
    EventId,
    Happening,
    Homeserver,
    Joined,
    Left,
    Missed,
    Moved,
    Reacted,
    Said,
    Stated,
    txn_of,
)
from bot.letters import offer
from bot.readers import reader_of
from bot.reports import Reports, button_of
from bot.views import View, Views
from bot.warden import Warden
from bot.words import first_words, text_of
from kit.errors import EarnestError, HomeserverUnavailable, Unavailable
from kit.identifiers import PersonId, RoomId, UserId, parse_user_id
from kit.throttle import Throttle
from reputation.consequence_rows import Remembered
from reputation.desks import Span
from reputation.enforcement.model import State
from reputation.enforcement.rooms import MODERATOR, Membership
from reputation.moderation import Management

LOG = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.25
_WAIT_SECONDS: Final = 2.0
YES: Final = "✅"
NO: Final = "❌"
_OWNER: Final = 100
_Put = TypeVar("_Put")
_LONGEST_WAIT: Final = 900.0
"""Seconds for which a desk is left alone that cannot be made, or where we may not speak."""
_BURST, _SECONDS = 20, 3.0
_MOST_TOLD: Final = 1_000
"""Consequences that one report counts; it shows the first few of each kind."""
_TOLD: Final = (State.NOTED, State.ASKED, State.APPLIED, State.FAILED, State.LIFTED, State.UNDONE, State.STUCK)
"""What is told; what is on its way is told once it is there, and what people said themselves they know."""


class Desk:
    """Makes management rooms, obeys in them, and tells there what became of things."""

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        container: Container,
        service: Service,
        *,
        warden: Warden,
        views: Views,
        time: Callable[[], float],
        rooms: Entering,
    ) -> None:
        """Talk through ``homeserver``; ``rooms`` is held while a room is made and noted."""
        self.homeserver = homeserver
        self.cross = cross
        self.container = container
        self.warden = warden
        self._service = service
        self._rooms = rooms
        self._views = views
        self.publishing = Publishing(homeserver, cross, container, service, warden=warden, rooms=rooms)
        self._away = Away(time, longest=_LONGEST_WAIT)
        self._moving = Moving(homeserver, cross, service, warden=warden, views=views, rooms=rooms)
        self._throttle = Throttle(_BURST, _SECONDS, time)
        self._asking = asyncio.Lock()
        self.reports = Reports(homeserver, cross, service, warden=warden)
        self.lanes = Lanes(homeserver, cross, self._answer, gives_up=self._gives_up, time=time)

    # ------------------------------------------------------------------------------------------------ behind commands

    async def seen(self, management: int) -> list[View]:
        """Return the rooms that are looked after from a desk as they are now."""
        return await self.warden.seen(management)

    async def names(self, management: int) -> RoomNames:
        """Return what those rooms call themselves, as they were seen last."""
        mine = [one.room for one in (await self.warden.rooms()).values() if one.management == management]
        return {room: self.warden.name_of(room) or room for room in mine}

    # ------------------------------------------------------------------------------------------------ making

    async def house(self) -> None:
        """Make the room of every management room that has none yet.

        A bot that dies between two steps leaves a room that it does not know, which the courier leaves again.
        """
        for one in list((await self.warden.managements()).values()):
            if one.room is None and one.ended_at is None:
                await self._apart(f"house:{one.id}", partial(self._house, one))

    async def _apart(self, what: str, deed: Callable[[], Awaitable[bool | None]]) -> bool:
        """Do something for one desk, which may fail: then it is tried now and then, and no other desk waits for it."""
        if self._away.seconds(what):
            return False
        try:
            done = await deed()
        except Exception as error:  # noqa: BLE001 - what rooms say of themselves may stand in no log
            LOG.warning("desk_left_alone", what=what, reason=type(error).__name__)
            self._away.failed(what)
            return False
        self._away.answered(what)
        return bool(done)

    async def _house(self, one: Management) -> None:
        owner = await self.cross.read(lambda work: work.people.mxid(one.owner))
        if owner is None:
            await self.cross.work(lambda work: work.moderation.end(one.id))
            return
        async with self._rooms:
            room = await self.homeserver.create_room(name=one.name, topic="Earnest")
            try:
                refused = await self.homeserver.invite(room, owner)
            except HomeserverUnavailable:  # theirs, perhaps, for as long as they like
                await self.homeserver.leave(room)
                raise
            if refused is not None:
                LOG.info("desk_refused", errcode=refused.get("errcode"))
                await self.homeserver.leave(room)
                await self.cross.work(lambda work: work.moderation.end(one.id))
                return
            await self.homeserver.set_level(room, owner, _OWNER)
            await self.cross.work(lambda work: work.moderation.housed(one.id, room))
        reader = await self._reader(one.owner)
        await self._say(room, wording.greeting(reader, owner), cause=f"desk:{one.id}:{room}")

    async def follow(self) -> None:
        """Go on in the rooms for which management rooms were closed."""
        for one in list((await self.warden.managements()).values()):
            if one.room is not None and one.ended_at is None:
                await self._apart(f"follow:{one.id}", partial(self._moving.follow, one, one.room))

    async def _reader(self, person: PersonId) -> Reader:
        return await self.cross.read(lambda work: reader_of(work, self._service, person))

    async def _say(self, room: RoomId, message: Message, *, cause: str) -> EventId:
        return await self.homeserver.send(room, message, txn=txn_of(cause))

    # ------------------------------------------------------------------------------------------------ hearing

    async def takes(self, happening: Happening) -> bool:
        """Hear what happens in a management room; ``False`` for all others."""
        here = next((one for one in (await self.warden.managements()).values() if one.room == happening.room), None)
        if here is None:
            await self.reports.hear(happening)
            return False
        match happening:
            case Said(kind="m.text"):
                await self._said(here, happening)
            case Reacted():
                await self._reacted(here, happening)
            case Left():
                await self._left(here, happening)
            case Joined() | Stated() | Missed() | Moved():
                self._views.changed(happening.room)
            case _:
                pass
        return True

    async def _said(self, here: Management, said: Said) -> None:
        words = first_words(said.body)
        if not words or words[0].lower() not in (wording.PREFIX, wording.PREFIX[1:]) or here.ended_at is not None:
            return
        if not self._throttle.take(said.sender):
            return
        person = await self._person(said.sender)
        if not await self.lanes.take(Question(here.id, said.room, person, said.event, said.body)):
            full = wording.too_many_wait(await self._reader(person))
            await self._say(said.room, full, cause=f"desk-answer:{said.event}")

    async def _answer(self, question: Question) -> Message | None:
        """Return the answer to what was asked, once it is done; ``None`` where there is none."""
        here = (await self.warden.managements()).get(question.management)
        user = await self.cross.read(lambda work: work.people.mxid(question.by))
        if here is None or here.ended_at is not None or here.room != question.room or user is None:
            return None
        reader = await self._reader(question.by)
        if question.tap is not None:
            return await self._pressed(here, question, user, reader)
        if not await self._commands(question.room, user):
            return wording.no_power(reader)
        words, text = first_words(question.text), text_of(question.text)
        command = COMMANDS.get(words[1].lower() if len(words) > 1 else "help")
        asked = Asked(here, question.by, user, words[2:], reader, text, txn_of(question.event))
        return wording.unknown(reader) if command is None else await self._obey(command, asked)

    async def _gives_up(self, question: Question) -> Message:
        return wording.unanswered(await self._reader(question.by))

    async def _person(self, user: UserId) -> PersonId:
        return await self.cross.work(lambda work: work.people.number(parse_user_id(user)))

    async def _commands(self, room: RoomId, user: UserId) -> bool:
        """Tell whether somebody may look after rooms from here."""
        seen = (await self._views.of(room)).seen
        member = seen.members.get(user)
        return member is not None and member.membership is Membership.JOIN and seen.powers.of(user) >= MODERATOR

    async def _obey(self, command: Command, asked: Asked) -> Message:
        try:
            return await command.run(self, asked)
        except Unclear:
            return wording.how_to_write(asked.reader, command.usage)
        except Unavailable:
            raise
        except Denied as denied:
            LOG.warning("desk_denied", command=command.name, status=denied.status)
            return manners.failed(asked.reader)
        except EarnestError as refused:
            return errors.error(refused, asked.reader)
        except Exception:
            LOG.exception("desk_failed", command=command.name)
            return manners.failed(asked.reader)

    async def _reacted(self, here: Management, reacted: Reacted) -> None:
        key = reacted.key.replace("\N{VARIATION SELECTOR-16}", "")
        if (
            (key not in (YES, NO) and button_of(key) is None)
            or here.ended_at is not None
            or not self._throttle.take(reacted.sender)
        ):
            return
        person = await self._person(reacted.sender)
        await self.lanes.take(Question(here.id, reacted.room, person, reacted.event, tap=key, to=reacted.to))

    async def _pressed(self, here: Management, tapped: Question, user: UserId, reader: Reader) -> Message | None:
        on, button = tapped.to, button_of(tapped.tap or "")
        if on is None or not await self._commands(tapped.room, user):
            return None
        if button is not None:
            one = await self._put(lambda work: work.moderation.complaints.by_message(here.id, on), self.report)
            return None if one is None else await decide(self, Asked(here, tapped.by, user, (), reader), one, button)
        question = await self._put(lambda work: work.desks.question(on), self.tell)
        if question is None or question.management != here.id:
            return None
        yes, asked = tapped.tap == YES, set(question.consequences)
        count = await self.cross.aside(
            partial(protecting.answer, self.container, here.id, yes=yes, by=tapped.by, only=asked)
        )
        return moderation.answered(reader, count, yes=yes)

    async def _put(self, find: Callable[[Work], _Put | None], ask: Callable[[], Awaitable[object]]) -> _Put | None:
        """Return what somebody answers by a sign, which may be heard before it is noted where we ``ask``."""
        found = await self.cross.read(find)
        if found is None:
            await ask()
            found = await self.cross.read(find)
        return found

    async def _left(self, here: Management, left: Left) -> None:
        """Make another room where we were put out of this one; end it where nobody is left who could command."""
        self._views.changed(left.room)
        if left.user == self.homeserver.me:
            await self.cross.work(lambda work: work.moderation.unhoused(here.id))
            return
        seen = (await self._views.anew(left.room)).seen
        there = (Membership.JOIN, Membership.INVITE)
        left_over = [user for user, member in seen.members.items() if member.membership in there]
        if not any(user != self.homeserver.me and seen.powers.of(user) >= MODERATOR for user in left_over):
            await self.cross.work(lambda work: work.moderation.end(here.id))

    async def greets(self, room: RoomId, inviter: UserId) -> bool:
        """Look after a room into which somebody asked us who manages rooms, and say so at their desk.

        Raises ``Conflict`` where it is looked after from elsewhere, or too many are.
        """
        if await self._moving.asked_into(room):
            return True
        here = await self.warden.stays(room, inviter)
        if here is None:  # what is still to be undone there is why we came
            return await self.cross.read(lambda work: work.moderation.consequences.waits_in(room))
        if here.room is not None:
            reader = await self._reader(here.owner)
            name, number = self.warden.name_of(room) or room, here.id
            found = await self.cross.read(lambda work: work.moderation.rooms(number))
            told = standing.rooms(reader, [one for one in found if one.room == room], {room: name})
            await self._say(here.room, wording.protects(reader, name, told), cause=f"desk-protects:{room}")
        return True

    # ------------------------------------------------------------------------------------------------ telling

    async def report(self) -> None:
        """Ask in management rooms about what was reported."""
        async with self._asking:
            await self.reports.round()

    async def tell(self) -> bool:
        """Tell in every management room what became of things there since the last time; ``False``: nothing."""
        told = False
        async with self._asking:
            for one in list((await self.warden.managements()).values()):
                if one.room is not None:
                    told = await self._apart(f"tell:{one.id}", partial(self._tell, one, one.room)) or told
        return told

    async def _tell(self, one: Management, room: RoomId) -> bool:
        def _find(work: Work) -> tuple[Span, Sequence[Remembered]] | None:
            span = work.desks.untold(one.id, one.made_at)
            if span is None:
                return None
            changed = work.moderation.consequences.history(
                one.id, states=_TOLD, since=span.since, until=span.until, denied_once=True, most=_MOST_TOLD
            )
            return span, changed

        found = await self.cross.read(_find)
        if found is None:
            return False
        span, changed = found
        if changed:
            reader = await self._reader(one.owner)
            message = wording.changed(reader, changed, await self.names(one.id))
            cause = f"desk-told:{one.id}:{span.since.isoformat()}:{span.until.isoformat()}"
            event = await self._say(room, message, cause=cause)
            waiting = [each.id for each in changed if each.state is State.ASKED]
            if waiting:
                await self.cross.work(lambda work: work.desks.ask(one.id, event, waiting))
                await offer(self.homeserver, room, event, {sign: txn_of(f"{cause}{sign}") for sign in (YES, NO)})
        await self.cross.work(lambda work: work.desks.told(one.id, span.until))
        return bool(changed)


async def look_after(desk: Desk, stop: asyncio.Event) -> None:
    """Look after rooms until ``stop``; what goes wrong is logged, and comes round again."""
    while not stop.is_set():
        pause = _LOOK_SECONDS
        steps = (
            desk.house,
            desk.follow,
            desk.report,
            desk.warden.round,
            desk.tell,
            desk.publishing.round,
            desk.publishing.compare,
        )
        for step in steps:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - what rooms say of themselves may stand in no log
                LOG.warning("desk_waits", step=step.__qualname__, reason=type(error).__name__)
                pause = _WAIT_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
