"""A management room that is closed for another is followed; a policy room that nobody noted is found again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.homeserver import Denied, Invited, Moved
from bot.room_state import StateEvent
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Powers
from tests.integration.bot.test_guards import DESK, Play
from tests.integration.bot.test_guards import Rooms as Usual
from tests.support.desk import Desk
from tests.support.knocks import ALICE, BOB, BOT

NEW = RoomId("!new-desk:home.example")


class Rooms(Usual):
    """A homeserver that lets us into some rooms by invitation alone."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines)
        self.closed: set[RoomId] = set()

    async def join(self, room: RoomId, via: Any = ()) -> None:  # noqa: ANN401 - as the port has it
        if room in self.closed:
            raise Denied(403, {"errcode": "M_FORBIDDEN"})
        await super().join(room, via)

    async def create_room(self, **how: Any) -> RoomId:  # noqa: ANN401 - as the port has them
        room = await super().create_room(**how)
        self.open(room)
        self.states[room] = [StateEvent("m.room.create", "", BOT, {"type": how.get("kind")})]
        if how.get("alias"):
            self.aliases[f"#{how['alias']}:{BOT.partition(':')[2]}"] = room
        return room


class Playing(Play):
    usual = Rooms
    rooms: Rooms

    def follows(self) -> None:
        self.bot.ticks += 1_000
        self.bot.run(self.bot.manager.follow)

    def desk_room(self) -> RoomId | None:
        with self.desk.read() as work:
            return work.moderation.get(self.number).room


@pytest.fixture
def play(desk: Desk) -> Playing:
    """A management room that was closed for another."""
    play = Playing(desk)
    play.rooms.open(NEW)
    play.rooms.seen[NEW] = replace(play.rooms.seen[NEW], predecessor=DESK)
    play.asks("waiting")
    play.rooms.seen[DESK] = replace(play.rooms.seen[DESK], successor=NEW)
    play.bot.hear(Moved(DESK, NEW))
    return play


def test_a_closed_desk_goes_on_where_it_was_closed_for(play: Playing) -> None:
    play.follows()
    assert play.desk_room() == NEW
    assert any(f"would send to {NEW}: From here the rooms are looked after now" in line for line in play.bot.lines)
    before = len(play.bot.lines)
    play.desk.house.time += 10
    play.bot.run(play.bot.watcher.leave_owed)
    assert f"would leave {DESK}" in play.bot.lines[before:]
    play.follows()
    assert play.desk_room() == NEW


def test_a_desk_is_led_into_no_room_where_nobody_commands_who_did(play: Playing) -> None:
    play.rooms.seen[NEW] = replace(play.rooms.seen[NEW], powers=Powers({BOT: 100, UserId("@eve:away.example"): 100}))
    play.follows()
    assert play.desk_room() == DESK
    assert f"would leave {NEW}" in play.bot.lines


def test_a_desk_is_led_into_no_room_that_was_not_made_for_it(play: Playing) -> None:
    play.rooms.seen[NEW] = replace(play.rooms.seen[NEW], predecessor=None)
    play.follows()
    assert play.desk_room() == DESK


def test_a_desk_that_cannot_be_entered_yet_is_followed_once_somebody_invites(play: Playing) -> None:
    play.rooms.closed.add(NEW)
    play.follows()
    assert play.desk_room() == DESK
    play.rooms.closed.clear()
    play.bot.hear(Invited(NEW, ALICE))
    assert play.desk_room() == NEW
    with play.desk.read() as work:
        assert NEW not in {one.room for one in work.moderation.rooms()}


def test_a_policy_room_that_was_made_and_not_noted_is_found_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Playing(desk)
    with desk.work() as work:
        work.moderation.beside.set(play.number, BOB)
    with monkeypatch.context() as dying:
        dying.setattr("reputation.beside.Besides.housed", _dies)
        play.bot.run(play.bot.manager.publishing.round)
    play.restart()
    play.bot.run(play.bot.manager.publishing.round)
    assert sum("would make" in line for line in play.bot.lines) == 1
    with desk.read() as work:
        one = work.moderation.beside.of(play.number)
        assert one is not None
        assert one.room in play.rooms.rooms


def _dies(*_: object) -> None:
    raise RuntimeError
