"""The listener: turns what is heard into commands, each in one transaction, and answers.

A happening may come twice (the process died before it was handled to the end). What it did is known by the answer that
is owed for it since, which carries the happening's own id, so that the homeserver drops the second one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from app.container import Work
from app.conversations import Prompt
from app.wording import errors, manners
from app.wording.buttons import Letter, word_of
from app.wording.message import Message
from app.wording.reader import Reader, Service
from bot.commands.command import Asked, Unclear
from bot.crossing import Crossing
from bot.desk.desk import Desk
from bot.entering import Entering
from bot.heard import Ear, Heard, is_chat_of
from bot.homeserver import (
    Denied,
    ElsewhereAway,
    Entered,
    Happening,
    Homeserver,
    Invited,
    Left,
    Moved,
    Reacted,
    Said,
    Unreadable,
)
from bot.letters import owe, owe_later, post, send_owed, sent
from bot.obeying import obey, press
from bot.purposes import purposes
from bot.readers import reader_of
from bot.watcher import Watcher
from bot.words import command_of, fetches, first_words, only_looks, prepare, text_of
from kit import outbox
from kit.errors import Conflict, EarnestError, Unavailable
from kit.identifiers import PersonId, RoomId, UserId, parse_user_id
from kit.throttle import Throttle
from reputation.seeing import Recent

LOG = structlog.get_logger(__name__)

_TWO = 2
_MOST_REMEMBERED_ROOMS = 10_000
_COMMAND_BURST, _COMMAND_SECONDS = 20, 3.0
_INVITE_BURST, _INVITE_SECONDS = 5, 600.0
_MANY_BURST, _MANY_SECONDS = 200, 6.0
"""Invitations of somebody who looks after rooms, into all of them at once."""
_RIDDLE_BURST, _RIDDLE_SECONDS = 5, 120.0
"""Messages that are no command: five at once, then one every two minutes is answered."""
_MOVED = "We talk in another room now."


class Listener:
    """Hears what people say to the bot and does it."""

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        service: Service,
        *,
        time: Callable[[], float],
        rooms: Entering,
        watcher: Watcher,
        desk: Desk,
        others: Sequence[Ear],
    ) -> None:
        """Answer through ``homeserver``; ``rooms`` is held while one is entered; the others have rooms of their own."""
        self._homeserver = homeserver
        self._cross = cross
        self._service = service
        self._rooms = rooms
        self._watcher = watcher
        self._desk = desk
        self._others = others
        self._commands = Throttle(_COMMAND_BURST, _COMMAND_SECONDS, time)
        self._invites = Throttle(_INVITE_BURST, _INVITE_SECONDS, time)
        self._many = Throttle(_MANY_BURST, _MANY_SECONDS, time)
        self._riddles = Throttle(_RIDDLE_BURST, _RIDDLE_SECONDS, time)
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._tried: OrderedDict[RoomId, None] = OrderedDict()

    async def hear(self, happening: Happening) -> None:
        """Handle one happening.

        Only what may pass by itself (homeserver or database away) comes out, so that it is heard again later; anything
        else is logged and done with, so that one message can never stop the rest.
        """
        try:
            await self._handle(happening)
        except ElsewhereAway as away:
            if isinstance(happening, Invited):
                raise  # an invitation keeps only itself waiting
            LOG.info("answer_waits", room=happening.room, reason=str(away))  # what is owed, the courier brings
        except Unavailable:
            raise
        except Denied as denied:
            LOG.warning("answer_denied", room=happening.room, status=denied.status, errcode=denied.body.get("errcode"))
        except Exception:
            LOG.exception("happening_failed", kind=type(happening).__name__, room=happening.room)

    async def _handle(self, happening: Happening) -> None:
        if await self._desk.takes(happening):
            return
        theirs = [await one.takes(happening) for one in self._others]
        guarded = await self._desk.warden.takes(happening)
        if await self._watcher.takes(happening) or any(theirs) or guarded:
            return
        match happening:
            case Said():
                await self._said(happening)
            case Reacted():
                await self._reacted(happening)
            case Unreadable():
                await self._unreadable(happening)
            case Invited():
                await self._invited(happening)
            case Entered():
                await self._entered(happening)
            case Left():
                await self._left(happening)
            case Moved():
                await self._moved(happening)

    # ------------------------------------------------------------------------------------------------ talking

    async def _said(self, said: Said) -> None:
        if said.kind != "m.text":
            return
        heard = Heard(said.room, said.sender, said.event, said.replies_to)
        words = first_words(said.body)
        if await self._done_before(heard) or not words or not await self._may_ask(heard):
            return
        if command_of(words) is None and not self._riddles.take(said.sender):
            return  # two programs that do not understand each other must not go on for ever
        await self._answer(heard, obey, words, said.mentions, text_of(said.body))

    async def _reacted(self, reacted: Reacted) -> None:
        heard = Heard(reacted.room, reacted.sender, reacted.event)
        if await self._done_before(heard):
            return

        def _find(work: Work) -> Prompt | None:
            person = work.people.find(reacted.sender)
            return None if person is None else work.conversations.prompt(person, reacted.to)

        prompt = await self._cross.read(_find)
        word = None if prompt is None else word_of(prompt.meaning, reacted.key)
        if prompt is None or word is None or not await self._may_ask(heard):
            return
        await self._answer(heard, partial(press, prompt=prompt, word=word), (), ())

    async def _may_ask(self, heard: Heard) -> bool:
        """Tell whether the sender may be answered: not too often, and nobody else reads along."""
        if self._commands.take(heard.sender):
            return await self._alone_with(heard)
        if await self._cross.read(lambda work: is_chat_of(work, heard)):
            await self._tell_once(heard, "slow", manners.slow_down)
        return False

    async def _answer(
        self,
        heard: Heard,
        act: Callable[[Work, Asked], Letter],
        words: tuple[str, ...],
        mentions: tuple[UserId, ...],
        text: str = "",
    ) -> None:
        """Do what was asked in one transaction, then answer; the room is this person's chat from then on."""
        parse_user_id(heard.sender)

        def _arrive(work: Work) -> tuple[PersonId, RoomId | None]:
            person = work.people.number(heard.sender)
            return person, work.conversations.remember(person, heard.room)

        recent: tuple[Recent, ...] = ()

        def _do(work: Work) -> Letter:
            reader = self._reader(work, person)
            return act(work, Asked(person, heard.sender, words, mentions, reader, text, recent, heard=heard))

        async def _act() -> Letter:
            nonlocal recent
            await self._cross.aside(lambda: prepare(words, text))
            recent = await self._watcher.recent(person) if fetches(words) else ()
            found = await self._cross.read(_do) if only_looks(words) else None

            def _owing(work: Work) -> Letter:
                letter = found or _do(work)
                if not letter.secret:
                    owe(work, heard.answer, room=heard.room, person=person, letter=letter)
                return letter

            return await self._cross.work(_owing)

        person, before = await self._cross.work(_arrive)
        if before is not None:
            await self._homeserver.leave(before, reason=_MOVED)
        letter = await self._attempt(_act, person, words)
        try:
            await self._post(heard.room, person, letter, heard.answer)
        except ElsewhereAway:
            await self._cross.work(
                lambda w: owe_later(w, heard.answer, heard.room, letter, self._reader(w, person), person)
            )
            raise
        await self._answered(heard, person)

    async def _answered(self, heard: Heard, person: PersonId) -> None:
        def _note(work: Work) -> UserId | None:
            if (found := outbox.find(work.session, heard.answer)) is not None:
                sent(work, found[0])
            return work.people.mxid(person)

        if await self._cross.work(_note) is None:
            await self._homeserver.leave(heard.room)  # forgotten, as they wished

    async def _done_before(self, heard: Heard) -> bool:
        """Tell whether what was heard is done already: this process died over it, and at most owes the answer."""
        found = await self._cross.read(lambda work: outbox.find(work.session, heard.answer))
        if found is None:
            return False
        effect, done = found
        if not done:
            await send_owed(self._homeserver, self._cross, effect)
            await self._answered(heard, PersonId(effect.payload["to"]))
        return True

    async def _attempt(self, act: Callable[[], Awaitable[Letter]], person: PersonId, words: tuple[str, ...]) -> Letter:
        """Do it; what stands in the way is told instead."""
        refused: EarnestError | None = None
        try:
            return await act()
        except Unavailable:
            raise
        except EarnestError as error:
            refused = error
        except Exception:
            LOG.exception("command_failed", command=words[0][:20] if words else "reaction")
        return await self._cross.read(lambda work: self._not_done(work, person, refused, words))

    def _not_done(self, work: Work, person: PersonId, refused: EarnestError | None, words: tuple[str, ...]) -> Letter:
        reader = self._reader(work, person)
        if refused is None:
            return Letter(manners.failed(reader))
        command = command_of(words)
        if isinstance(refused, Unclear) and command is not None:
            return Letter(manners.how_to_write(reader, command.usage))
        return Letter(errors.error(refused, reader))

    def _reader(self, work: Work, person: PersonId) -> Reader:
        return reader_of(work, self._service, person)

    # ------------------------------------------------------------------------------------------------ rooms

    async def _alone_with(self, heard: Heard) -> bool:
        """Tell whether nobody but the sender and we are in the room (nobody is invited to it either)."""
        members = await self._homeserver.members(heard.room)
        if members == {self._homeserver.me, heard.sender}:
            return True
        if heard.sender in members and len(members) > _TWO:
            await self._tell_once(heard, "group", manners.only_alone)
        return False

    async def _tell_once(self, heard: Heard, what: str, sentence: Callable[[Reader], Message]) -> None:
        """Say something to a room once, as long as it is among the last 10,000 rooms."""
        if not self._first_time(what, heard.room):
            return
        to = await self._cross.work(lambda work: self._address(work, heard.sender, sentence))
        await self._post(heard.room, *to, f"{what}:{heard.event}")

    def _first_time(self, what: str, room: RoomId) -> bool:
        """Note something of a room; ``False`` where that was noted before, and of the last 10,000."""
        if (what, room) in self._told:
            return False
        self._told[what, room] = None
        while len(self._told) > _MOST_REMEMBERED_ROOMS:
            self._told.popitem(last=False)
        return True

    def _address(self, work: Work, user: UserId, sentence: Callable[[Reader], Message]) -> tuple[PersonId, Letter]:
        person = work.people.number(parse_user_id(user))
        return person, Letter(sentence(self._reader(work, person)))

    async def _post(self, room: RoomId, person: PersonId, letter: Letter, cause: str) -> None:
        await post(self._homeserver, self._cross, room=room, person=person, letter=letter, cause=cause)

    async def _invited(self, invited: Invited) -> None:
        """Enter, greet who is alone there, and leave every other room again."""
        # Tried again, since a homeserver did not answer: that is no other invitation.
        many = self._many if await self._desk.warden.manages(invited.inviter) else self._invites
        if invited.room not in self._tried and not many.take(invited.inviter):
            await self._homeserver.leave(invited.room)
            return
        self._tried[invited.room] = None
        while len(self._tried) > _MOST_REMEMBERED_ROOMS:
            self._tried.popitem(last=False)
        await self._settle_in(invited.room, invited.inviter)
        self._tried.pop(invited.room, None)

    async def _entered(self, entered: Entered) -> None:
        """Do what entering brings with it, unless this process does so: it may have begun after another died."""
        if ("entered", entered.room) not in self._told and entered.room not in self._rooms.rooms:
            await self._settle_in(entered.room, entered.inviter)

    async def _settle_in(self, room: RoomId, inviter: UserId) -> None:
        def _welcome(work: Work) -> tuple[RoomId | None, PersonId, Letter]:
            person, letter = self._address(work, inviter, manners.greeting)
            return work.conversations.remember(person, room), person, letter

        self._rooms.rooms.add(room)
        try:
            await self._homeserver.join(room)
            if await self._desk.greets(room, inviter):
                self._first_time("entered", room)
                return
            async with self._rooms:
                alone = await self._homeserver.members(room) == {self._homeserver.me, inviter}
                welcome = await self._cross.work(_welcome) if alone else None
        except Conflict as refused:  # it is looked after already, or too many are
            await self._part(room, inviter, partial(errors.error, refused))
            return
        except Denied:
            await self._homeserver.leave(room)
            return
        finally:
            self._rooms.rooms.discard(room)
        if welcome is None:
            await self._group(room, inviter)
            return
        before, person, letter = welcome
        if before is not None:
            await self._homeserver.leave(before, reason=_MOVED)
        await self._post(room, person, letter, f"hello:{room}")
        self._first_time("entered", room)

    async def _group(self, room: RoomId, inviter: UserId) -> None:
        """Stay in a group to read it for somebody's filter, else say why not and leave."""
        sentence = manners.only_alone
        try:
            if await self._watcher.stays(room, inviter):
                self._first_time("entered", room)
                return
        except Conflict as refused:
            sentence = partial(errors.error, refused)
        await self._part(room, inviter, sentence)

    async def _part(self, room: RoomId, inviter: UserId, sentence: Callable[[Reader], Message]) -> None:
        with suppress(Denied):  # who may not speak there goes all the same
            await self._tell_once(Heard(room, inviter, room), "group", sentence)
        if room not in await self._cross.read(purposes):
            await self._homeserver.leave(room)

    async def _left(self, left: Left) -> None:
        def _note(work: Work) -> bool:
            person = work.conversations.person_in(left.room)
            gone = person is not None and (left.user == self._homeserver.me or work.people.mxid(person) == left.user)
            if gone:
                work.conversations.left(left.room)
            return gone

        if await self._cross.work(_note) and left.user != self._homeserver.me:
            await self._homeserver.leave(left.room)

    async def _moved(self, moved: Moved) -> None:
        def _note(work: Work) -> bool:
            known = work.conversations.person_in(moved.room) is not None
            work.conversations.moved(moved.room)
            return known

        if await self._cross.work(_note):
            await self._homeserver.leave(moved.room)

    async def _unreadable(self, unreadable: Unreadable) -> None:
        heard = Heard(unreadable.room, unreadable.sender, unreadable.event)
        if not await self._alone_with(heard):
            return

        def _due(work: Work) -> tuple[PersonId, Letter] | None:
            person = work.people.number(parse_user_id(heard.sender))
            work.conversations.remember(person, heard.room)
            due = work.conversations.may_say_unreadable(person)
            return (person, Letter(manners.unreadable(self._reader(work, person)))) if due else None

        due = await self._cross.work(_due)
        if due is not None:
            await self._post(heard.room, *due, f"key:{heard.event}")
