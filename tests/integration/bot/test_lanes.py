"""Lanes: what looks at many rooms keeps nobody else waiting, answers come in order, and none is lost with the bot."""

from __future__ import annotations

import asyncio

import pytest

from bot.desk.lanes import MOST_WAITING
from bot.homeserver import EventId, Reacted, Said
from kit.clock import from_unix
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import RoomSeen
from tests.integration.bot.test_guards import DESK, TEA, Play, plain
from tests.integration.bot.test_guards import Rooms as Usual
from tests.support.desk import Desk
from tests.support.knocks import ALICE, BOB, BOT

OTHER = RoomId("!other-desk:home.example")


class Rooms(Usual):
    """A homeserver that takes its time over a room until it is let go on."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines)
        self.held: RoomId | None = None
        self.goes_on: asyncio.Event | None = None
        self.dies = False
        self.answered = asyncio.Event()
        self.away = self.ours_too = False

    async def state(self, room: RoomId) -> RoomSeen:
        if room == self.held and self.goes_on is not None:
            await self.goes_on.wait()
        if self.away and room == TEA:
            raise HomeserverUnavailable("it answered 500")
        return await super().state(room)

    async def joined_rooms(self) -> list[RoomId]:
        if self.ours_too:
            raise HomeserverUnavailable("it is away")
        return await super().joined_rooms()

    async def send(self, room: RoomId, message: object, *, txn: str) -> EventId:
        if self.dies:
            raise KeyboardInterrupt  # as a process that is killed: nothing of ours catches it
        sent = await super().send(room, message, txn=txn)  # type: ignore[arg-type]
        if room == OTHER:
            self.answered.set()
        return sent


class Playing(Play):
    usual = Rooms
    rooms: Rooms


@pytest.fixture
def play(desk: Desk) -> Playing:
    """A bot with two desks."""
    play = Playing(desk)
    play.rooms.open(OTHER, BOB)
    seen = play.rooms.seen[OTHER]
    seen.powers.users[BOB] = 100  # type: ignore[index]
    with desk.work() as work:
        number = work.moderation.make(work.people.number(BOB), "Others").id
        work.moderation.housed(number, OTHER)
    play.goes_on()
    return play


def said(play: Playing, command: str, *, room: RoomId = DESK, user: UserId = ALICE) -> Said:
    return Said(room, play.bot.event(), user, f"!earnest {command}", from_unix(play.desk.house.time))


def test_a_command_that_takes_long_keeps_nobody_else_waiting_and_is_answered_in_its_turn(play: Playing) -> None:
    async def _scene() -> None:
        play.rooms.held, play.rooms.goes_on, stop = TEA, asyncio.Event(), asyncio.Event()
        lanes = play.bot.manager.lanes
        running = asyncio.create_task(lanes.run(stop))
        await play.bot.listener.hear(said(play, "rooms"))
        await play.bot.listener.hear(said(play, "threshold 2"))
        await play.bot.listener.hear(said(play, "threshold 3", room=OTHER, user=BOB))
        await play.rooms.answered.wait()
        assert not any(f"would send to {DESK}" in line for line in play.bot.lines)
        play.rooms.goes_on.set()
        await lanes.work_off()
        stop.set()
        await running

    play.bot.lines.clear()
    play.bot.run(_scene)
    answers = [plain([line]) for line in play.bot.lines if f"would send to {DESK}" in line]
    assert ["tea" in answers[0], "weight of 2" in answers[1]] == [True, True]


def test_what_was_asked_before_the_bot_died_is_answered_once_it_is_back(play: Playing) -> None:
    asked = said(play, "threshold 2")
    play.bot.run(lambda: play.bot.listener.hear(asked))
    play.restart()
    play.bot.lines.clear()
    play.bot.hear(asked)  # the homeserver tells it again
    play.bot.hear(said(play, "waiting", room=OTHER, user=BOB))
    assert sum("weight of 2" in line for line in play.bot.lines) == 1
    play.restart()
    play.bot.lines.clear()
    play.bot.hear(asked)
    assert play.bot.lines == []


def test_an_answer_that_did_not_get_out_is_sent_by_the_next_and_nothing_is_done_twice(play: Playing) -> None:
    for minutes in (5, 6, 7):
        play.asks(f"protections preset flood {minutes} 5 10")
    play.rooms.dies = True
    with pytest.raises(KeyboardInterrupt):
        play.bot.hear(said(play, "protections undo"))
    play.rooms.dies = False
    play.restart()
    play.bot.lines.clear()
    play.bot.run(play.bot.manager.lanes.work_off)
    assert "flood" in plain(play.bot.lines)
    with play.desk.read() as work:
        assert len(work.protections.versions.all(play.number)) == 4


def test_more_questions_than_a_desk_may_have_waiting_are_not_taken(play: Playing) -> None:
    async def _scene() -> None:
        for _ in range(MOST_WAITING):
            await play.bot.listener.hear(said(play, "waiting"))
        play.bot.lines.clear()
        play.bot.ticks += 100
        await play.bot.listener.hear(said(play, "threshold 2"))

    play.bot.run(_scene)
    assert "I still work on what you asked before" in plain(play.bot.lines)
    play.bot.run(play.bot.manager.lanes.work_off)
    with play.desk.read() as work:
        assert work.moderation.get(play.number).threshold == 1


def test_a_room_of_which_nothing_can_be_learned_keeps_one_question_waiting_and_not_for_ever(play: Playing) -> None:
    play.rooms.away = True
    play.bot.hear(said(play, "rooms"))
    play.bot.hear(said(play, "threshold 2"))
    play.bot.lines.clear()
    for _ in range(10):
        play.bot.ticks += 100
        play.bot.run(play.bot.manager.lanes.work_off)
    first, second = (plain([line]) for line in play.bot.lines if f"would send to {DESK}" in line)
    assert "something that it needs does not answer" in first
    assert "weight of 2" in second


def test_while_our_own_homeserver_does_not_answer_no_question_is_given_up(play: Playing) -> None:
    play.rooms.away = play.rooms.ours_too = True
    play.bot.hear(said(play, "rooms"))
    play.bot.lines.clear()
    for _ in range(10):
        play.bot.ticks += 100
        play.bot.run(play.bot.manager.lanes.work_off)
    assert play.bot.lines == []
    play.rooms.away = play.rooms.ours_too = False
    play.bot.ticks += 100
    play.bot.run(play.bot.manager.lanes.work_off)
    assert len(play.bot.lines) == 1


def test_who_may_not_command_presses_no_button(play: Playing) -> None:
    at = from_unix(play.desk.house.time)
    assert play.bot.hear(Reacted(DESK, play.bot.event(), BOB, EventId("$rehearsed-1"), "✅", at)) == []
    assert BOT in play.rooms.seen[DESK].members
