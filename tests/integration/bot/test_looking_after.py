"""Looking after rooms: whose rooms the bot takes, and that trouble with one room or desk is nobody else's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.wording.message import Message
from bot.homeserver import Denied, ElsewhereAway, EventId, Invited, Said
from kit.clock import from_unix
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Powers, RoomSeen
from reputation.lists.labels import Labels
from tests.integration.bot.test_guards import CHOIR, DESK, MUTED, SPAM, TEA, Play, floods
from tests.integration.bot.test_guards import Rooms as Usual
from tests.support.desk import Desk
from tests.support.knocks import ALICE, BOB, BOT

SPACE, OTHERS = RoomId("!space:home.example"), RoomId("!others:away.example")
ADMIN = UserId("@admin:away.example")


class Rooms(Usual):
    """A homeserver that does not answer about some rooms, nor reach some people."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines)
        self.away: set[RoomId] = set()
        self.unreachable: set[UserId] = set()
        self.mute: set[RoomId] = set()
        self.silenced: set[RoomId] = set()
        self.tries = self.looks = 0
        self.fixed = False

    async def join(self, room: RoomId, via: Sequence[str] = ()) -> None:
        if room in self.away:
            raise HomeserverUnavailable("the homeserver answered 502")
        await super().join(room, via)

    async def state(self, room: RoomId) -> RoomSeen:
        if room in self.away:
            self.looks += 1
            raise HomeserverUnavailable("the homeserver answered 502")
        return await super().state(room)

    async def set_level(self, room: RoomId, user: UserId, level: int) -> bool:
        if self.fixed:
            raise Denied(403, {"errcode": "M_FORBIDDEN"})
        if room in self.mute:
            raise HomeserverUnavailable("the homeserver answered 502")
        return await super().set_level(room, user, level)

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        if room in self.silenced:
            self.tries += 1
            raise Denied(403, {"errcode": "M_FORBIDDEN"})
        return await super().send(room, message, txn=txn)

    async def create_room(self, **how: Any) -> RoomId:  # noqa: ANN401 - as the port has them
        room = await super().create_room(**how)
        self.open(room)
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        if user in self.unreachable:
            raise ElsewhereAway("their homeserver cannot be reached")
        return await super().invite(room, user, direct=direct)


class Playing(Play):
    """The same bot, on that homeserver."""

    usual = Rooms
    rooms: Rooms


@pytest.fixture
def play(desk: Desk) -> Playing:
    return Playing(desk)


def looked_after(play: Playing) -> set[RoomId]:
    with play.desk.read() as work:
        return {one.room for one in work.moderation.rooms()}


def others(play: Playing) -> None:
    """A room of others, in which the bot has power still, and nobody has who commands at the desk."""
    play.rooms.open(OTHERS, ADMIN)
    play.rooms.seen[OTHERS] = replace(play.rooms.seen[OTHERS], powers=Powers({BOT: 100, ADMIN: 100}))


def test_a_space_brings_no_room_in_which_only_the_bot_has_power(play: Playing) -> None:
    others(play)
    play.rooms.open(SPACE)
    play.rooms.seen[SPACE] = replace(play.rooms.seen[SPACE], space=True, children={OTHERS: ("away.example",)})
    with play.desk.work() as work:
        work.moderation.protect(play.number, SPACE, is_space=True)
    assert any(f"would leave {OTHERS}" in line for line in play.goes_on())
    assert looked_after(play) == {TEA, CHOIR, SPACE}


def test_a_closed_room_leads_into_no_room_that_was_not_made_for_it(play: Playing) -> None:
    others(play)
    play.rooms.seen[TEA] = replace(play.rooms.seen[TEA], successor=OTHERS)
    play.goes_on(1_000)
    assert looked_after(play) == {TEA, CHOIR}


def test_a_closed_room_leads_where_it_was_closed_for(play: Playing) -> None:
    others(play)
    play.rooms.seen[OTHERS] = replace(play.rooms.seen[OTHERS], predecessor=TEA)
    play.rooms.seen[TEA] = replace(play.rooms.seen[TEA], successor=OTHERS)
    play.goes_on(1_000)
    assert looked_after(play) == {OTHERS, CHOIR}


def test_a_homeserver_that_is_away_keeps_what_else_a_space_holds_from_nobody(play: Playing) -> None:
    ours = RoomId("!ours:home.example")
    play.rooms.open(SPACE)
    play.rooms.open(ours)
    children = {OTHERS: ("away.example",), ours: ("home.example",)}
    play.rooms.seen[SPACE] = replace(play.rooms.seen[SPACE], space=True, children=children)
    play.rooms.away.add(OTHERS)
    with play.desk.work() as work:
        work.moderation.protect(play.number, SPACE, is_space=True)
    play.goes_on()
    assert looked_after(play) == {TEA, CHOIR, SPACE, ours}


def test_a_room_that_cannot_be_seen_keeps_nothing_from_being_done_elsewhere(play: Playing) -> None:
    play.asks("protections preset flood 5 5 10")
    other = RoomId("!garden:home.example")
    play.rooms.open(other, SPAM)
    with play.desk.work() as work:
        more = work.moderation.make(work.people.number(BOB), "Others").id
        work.moderation.protect(more, other)
    play.rooms.away.add(other)
    floods(play)
    play.goes_on()
    assert play.level(SPAM) == MUTED


def test_a_desk_whose_owner_cannot_be_reached_is_tried_now_and_then_and_leaves_no_rooms(play: Playing) -> None:
    far = UserId("@far:away.example")
    play.rooms.unreachable.add(far)
    with play.desk.work() as work:
        work.moderation.make(work.people.number(far), "Far")
    lines = len(play.bot.lines)
    for _ in range(5):
        play.bot.run(play.bot.manager.house)
    done = play.bot.lines[lines:]
    assert sum("would make" in line for line in done) == 1
    assert sum("would leave" in line for line in done) == 1
    play.bot.ticks += 100_000
    play.rooms.unreachable.clear()
    play.bot.run(play.bot.manager.house)
    with play.desk.read() as work:
        assert [one.room is not None for one in work.moderation.all()] == [True, True]


def test_a_bot_that_cannot_be_asked_in_is_asked_now_and_then_and_keeps_nobody_waiting(play: Playing) -> None:
    with play.desk.work() as work:
        more = work.moderation.make(work.people.number(BOB), "Others").id
        work.moderation.housed(more, OTHERS)
        for number, name in ((play.number, "far"), (more, "near")):
            work.moderation.beside.set(number, UserId(f"@{name}:away.example"))
    play.rooms.unreachable.add(UserId("@far:away.example"))
    play.goes_on()
    for _ in range(3):
        play.bot.run(play.bot.manager.publishing.round)
    assert any("would invite @near:away.example" in line for line in play.bot.lines)
    assert sum("would make" in line for line in play.bot.lines) == 2


def test_a_room_that_does_not_answer_keeps_nothing_from_being_done_in_others(play: Playing) -> None:
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.bot.run(play.bot.warden.guards.note)
    play.rooms.mute.add(min(TEA, CHOIR))
    play.goes_on()
    assert [play.level(SPAM, room) == MUTED for room in (min(TEA, CHOIR), max(TEA, CHOIR))] == [False, True]
    play.rooms.mute.clear()
    play.goes_on(20)
    assert play.level(SPAM, min(TEA, CHOIR)) == MUTED


def test_where_the_bot_may_not_speak_it_tries_now_and_then(play: Playing) -> None:
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.goes_on()
    play.rooms.silenced.add(DESK)
    for _ in range(4):
        play.desk.house.time += 5
        play.bot.run(play.bot.manager.tell)
    assert play.rooms.tries == 1
    play.rooms.silenced.clear()
    play.bot.ticks += 1_000
    assert "mute: @spam:evil.example" in play.tells()


def test_what_goes_on_and_on_is_told_meanwhile(play: Playing) -> None:
    play.asks("protections preset flood 5 5 10")
    told = []
    for turn in range(34):
        raider = UserId(f"@raider{turn}:evil.example")
        play.comes(raider)
        floods(play, raider)
        play.goes_on(2, rounds=2)
        before = len(play.bot.lines)
        play.bot.run(play.bot.manager.tell)
        told += play.bot.lines[before:]
    assert any("mute" in line for line in told)


def test_what_came_after_a_report_that_nobody_noted_is_told(play: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.goes_on()
    with monkeypatch.context() as dying:
        dying.setattr("reputation.desks.Desks.told", _dies)
        assert "mute: @spam:evil.example" in play.tells()
    play.restart()
    play.comes(BOB)
    floods(play, BOB)
    play.goes_on()
    assert f"mute: {BOB}" in play.tells()


def _dies(*_: object) -> None:
    raise RuntimeError


def test_who_may_not_ban_in_a_room_is_not_told_what_it_calls_itself(play: Playing) -> None:
    others(play)
    play.rooms.seen[OTHERS] = replace(play.rooms.seen[OTHERS], name="Secret plans")
    answer = play.asks(f"protect {OTHERS}")
    assert "You may not ban in" in answer
    assert "Secret" not in answer


def test_a_room_that_is_looked_after_from_elsewhere_is_left_again(play: Playing) -> None:
    play.rooms.open(OTHERS)
    with play.desk.work() as work:
        more = work.moderation.make(work.people.number(BOB), "Others").id
        work.moderation.protect(more, OTHERS)
        work.moderation.end(more)
        work.moderation.gone(more)
        for number in range(500 - 2):
            work.moderation.protect(play.number, RoomId(f"!{number}:home.example"))
    assert f"would leave {OTHERS}" in play.asks(f"protect {OTHERS}")


def test_a_desk_that_ends_is_not_planned_for_while_it_waits_to_undo(play: Playing) -> None:
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.goes_on()
    play.rooms.fixed = True
    with play.desk.work() as work:
        work.moderation.end(play.number)
    play.goes_on()
    counted, current = [0], play.desk.labelling.current

    def _count() -> Labels:
        counted[0] += 1
        return current()

    play.desk.labelling.current = _count  # type: ignore[method-assign]
    play.goes_on(1, rounds=10)
    assert counted == [0]
    play.rooms.fixed = False
    play.goes_on(7 * 3_600, rounds=10)
    with play.desk.read() as work:
        assert work.moderation.get(play.number).room is None
        assert not work.moderation.rooms(play.number)


def test_an_invitation_into_a_room_that_we_were_put_out_of_unseen_is_answered(play: Playing) -> None:
    play.asks("rooms")
    play.bot.hear(Invited(TEA, ALICE))
    assert f"would join {TEA}" in play.bot.lines
    assert looked_after(play) == {TEA, CHOIR}


def test_a_room_that_cannot_be_seen_keeps_what_others_write_from_nobody(play: Playing) -> None:
    play.asks("protections preset flood 5 5 10")
    play.restart()
    play.rooms.away.add(TEA)
    floods(play)  # nothing comes out of this, by which listening would begin anew
    assert play.rooms.looks == 1
    floods(play, room=CHOIR)
    play.rooms.away.clear()
    play.goes_on(100)
    assert play.level(SPAM) == MUTED


def test_a_command_that_is_heard_again_is_done_once(play: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in ("flood 5 5 10", "flood 6 6 10", "flood 7 7 10"):
        play.asks(f"protections preset {preset}")
    undo = Said(DESK, EventId("$undo"), ALICE, "!earnest protections undo", from_unix(play.desk.house.time))
    with monkeypatch.context() as dying:
        dying.setattr(Rooms, "send", _dies)
        play.bot.hear(undo)
    play.restart()
    play.bot.hear(undo)
    shown = play.asks("protections rules")
    assert "flood" in shown
    with play.desk.read() as work:
        assert len(work.protections.versions.all(play.number)) == 4  # three that were set, and one to go back


def test_a_yes_that_is_heard_again_is_about_what_waited_then(play: Playing) -> None:
    rule = {"name": "much", "when": "sender.messages_10s >= 5", "then": {"do": "kick"}}
    play.asks("protections set " + json.dumps({"kind": "protections", "rules": [rule]}))
    floods(play)
    play.goes_on()
    yes = Said(DESK, EventId("$yes"), ALICE, "!earnest approve", from_unix(play.desk.house.time))
    play.bot.hear(yes)
    play.goes_on()
    floods(play, BOB)
    play.goes_on()
    play.restart()
    play.bot.hear(yes)
    play.goes_on()
    assert not any(f"would kick {BOB}" in line for line in play.bot.lines)
    assert any(f"would kick {SPAM}" in line for line in play.bot.lines)
