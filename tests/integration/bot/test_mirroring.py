"""Rooms of lists, whatever dies in between: one room, each rule once, and in the end what the list says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from bot.crossing import Crossing
from bot.homeserver import Denied, ElsewhereAway, EventId, SlowDown
from bot.mirroring import Mirroring
from bot.rehearsal import Rehearsal
from bot.room_state import StateEvent
from kit.errors import HomeserverUnavailable
from kit.identifiers import PersonId, RoomId, UserId
from reputation.lists.authoring import Description, Published, Said
from reputation.lists.mirroring import ROOM_TYPE, Plan, Rule, plan, rules_of
from reputation.lists.model import Listing, Subject
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOT


class Died(BaseException):
    """The process is gone."""


class Hall(Rehearsal):
    """Keeps what is written; dies before or after its ``dies_at``-th deed, or raises ``fails`` at each of some."""

    def __init__(self) -> None:
        super().__init__(BOT, lambda _: None)
        self.deeds = 0
        self.dies_at: float | None = None
        self.fails: dict[str, Exception] = {}
        self.written: list[tuple[str, str]] = []

    def _deed(self, what: str, half: float = 0.0) -> None:
        if not half:
            self.deeds += 1
        if self.dies_at == self.deeds + half:
            raise Died
        if what in self.fails and not half:
            raise self.fails[what]

    async def create_room(self, **parts: Any) -> RoomId:  # noqa: ANN401 - as the port has them
        self._deed("create_room")
        room = await super().create_room(**parts)
        self.states[room] = [StateEvent("m.room.create", "", BOT, {"type": parts["kind"]})]
        self.states[room].append(StateEvent("m.room.name", "", BOT, {"name": parts["name"]}))
        self.aliases[f"#{parts['alias']}:{BOT.partition(':')[2]}"] = room
        self._deed("create_room", 0.5)
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        self._deed("invite")
        return await super().invite(room, user, direct=direct)

    async def set_level(self, room: RoomId, user: UserId, level: int) -> bool:
        self._deed("set_level")
        return await super().set_level(room, user, level)

    async def put_state(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> EventId:
        self._deed("put_state")
        kept = [one for one in self.states[room] if (one.kind, one.key) != (kind, key)]
        self.states[room] = [*kept, StateEvent(kind, key, BOT, dict(content))]
        self.written.append((kind, key))
        self._deed("put_state", 0.5)
        return EventId("$written")

    def rules(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The rules that stand in the only room."""
        (room,) = self.states
        return {
            (one.kind, one.key): one.content
            for one in self.states[room]
            if one.kind.startswith("m.policy.rule.") and one.content
        }


@pytest.fixture
def spam(desk: Desk) -> Published:
    """A list of Alice's with four entries, of which a room is asked for."""
    with desk.work() as work:
        person = work.people.number(ALICE)
        made = work.publishing.create(person, "spam", Description("Spam"))
        said = [Said(Subject.USER, f"@u{number}:evil.example", "ban") for number in range(4)]
        work.publishing.change(person, made.id, said)
        work.publishing.rooms.ask(made.number)
    return made


def mirror(desk: Desk, hall: Hall) -> None:
    asyncio.run(Mirroring(hall, Crossing(desk)).mirror(asyncio.Event()))


def wanted(desk: Desk, one: Published) -> dict[tuple[str, str], Mapping[str, Any]]:
    with desk.read() as work:
        return dict(rules_of(Listing("", tuple(work.publishing.entries(one.id)))))


def due(desk: Desk) -> int:
    with desk.read() as work:
        return len(work.publishing.rooms.due())


_DAY = timedelta(days=1)
_DEEDS = (1.0, 1.5, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5)
"""Room (made: 1.5), invitation, level, four rules."""


@pytest.mark.parametrize("dies_at", _DEEDS)
def test_whoever_dies_at_any_deed_is_made_up_for(desk: Desk, spam: Published, dies_at: float) -> None:
    hall = Hall()
    hall.dies_at = dies_at
    with pytest.raises(Died):
        mirror(desk, hall)
    hall.dies_at = None
    mirror(desk, hall)
    assert hall.rules() == wanted(desk, spam)
    assert (len(hall.states), due(desk)) == (1, 0)
    assert len(hall.written) == len(set(hall.written)) == 4, "nothing is written twice"
    count = hall.deeds
    mirror(desk, hall)
    assert hall.deeds == count


def test_a_homeserver_that_is_away_or_slow_is_waited_for(desk: Desk, spam: Published) -> None:
    hall, ticks = Hall(), [0.0]
    mirroring = Mirroring(hall, Crossing(desk), time=lambda: ticks[0])
    hall.fails = {"put_state": SlowDown(20.0)}
    asyncio.run(mirroring.mirror(asyncio.Event()))
    assert (mirroring._not_before, due(desk)) == (20.0, 1), "nothing is the list's fault"
    hall.fails = {"put_state": HomeserverUnavailable("away")}
    mirror(desk, hall)
    with desk.read() as work:
        assert work.publishing.rooms.find(spam.number) == (next(iter(hall.states)), "away")
    assert due(desk) == 0, "not at once"
    hall.fails = {}
    desk.house.time += 60
    mirror(desk, hall)
    assert hall.rules() == wanted(desk, spam)
    with desk.read() as work:
        assert work.publishing.rooms.find(spam.number) == (next(iter(hall.states)), None)


def test_an_author_whose_homeserver_is_away_or_unwilling_has_a_room_all_the_same(desk: Desk, spam: Published) -> None:
    hall = Hall()
    hall.fails = {"invite": ElsewhereAway("away")}
    mirror(desk, hall)
    assert hall.rules() == wanted(desk, spam)


def test_an_alias_that_somebody_took_is_not_believed(desk: Desk, spam: Published) -> None:
    hall, theirs = Hall(), RoomId("!theirs:home.example")
    hall.aliases[f"#earnest-list-{spam.id}:{BOT.partition(':')[2]}"] = theirs
    hall.rooms[theirs] = {BOT, UserId("@eve:home.example")}
    hall.states[theirs] = [StateEvent("m.room.create", "", "@eve:home.example", {"type": ROOM_TYPE})]
    mirror(desk, hall)
    assert len(hall.states) == 2
    assert hall.states.pop(theirs) == [StateEvent("m.room.create", "", "@eve:home.example", {"type": ROOM_TYPE})]
    assert hall.rules() == wanted(desk, spam)


def test_one_room_is_made_however_often_its_author_cannot_be_invited(desk: Desk, spam: Published) -> None:
    hall, theirs = Hall(), RoomId("!theirs:home.example")
    hall.aliases[f"#earnest-list-{spam.id}:{BOT.partition(':')[2]}"] = theirs
    hall.fails = {"invite": SlowDown(300.0)}
    for _ in range(3):
        mirror(desk, hall)
    assert len(hall.states) == 1
    hall.fails = {}
    desk.house.time += 301
    mirror(desk, hall)
    assert hall.rules() == wanted(desk, spam)
    (room,) = hall.states
    assert ALICE in hall.rooms[room]


@pytest.mark.usefixtures("spam")
def test_nobody_waits_while_a_long_list_is_held_against_its_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def planned(there: Iterable[Rule], listing: Listing) -> Plan:
        threads.append(threading.current_thread())
        return plan(there, listing)

    monkeypatch.setattr("bot.mirroring.plan", planned)
    mirror(desk, Hall())
    assert threads
    assert threading.main_thread() not in threads


def test_what_expired_or_was_retired_stands_in_no_room(desk: Desk, spam: Published) -> None:
    hall = Hall()
    person = spam.person
    with desk.work() as work:
        ends = work.now.replace(microsecond=0)
        work.publishing.describe(person, spam.id, Description("Spam", expires_at=ends + _DAY))
    mirror(desk, hall)
    assert len(hall.rules()) == 4
    desk.house.time += int(_DAY.total_seconds()) + 1
    mirror(desk, hall)
    assert (hall.rules(), due(desk)) == ({}, 0)
    with desk.work() as work:
        work.publishing.describe(person, spam.id, Description("More spam"))
    mirror(desk, hall)
    assert len(hall.rules()) == 4
    with desk.work() as work:
        work.publishing.retire(person, spam.id)
    mirror(desk, hall)
    assert (hall.rules(), due(desk)) == ({}, 0)


def test_who_is_forgotten_after_retiring_a_list_leaves_no_title_in_its_room(desk: Desk, spam: Published) -> None:
    hall = Hall()
    with desk.work() as work:
        work.publishing.describe(spam.person, spam.id, Description("What Alice says"))
    mirror(desk, hall)
    with desk.work() as work:
        work.publishing.retire(spam.person, spam.id)
    mirror(desk, hall)
    with desk.work() as work:
        work.publishing.forget(spam.person)
    mirror(desk, hall)
    (state,) = hall.states.values()
    assert [one.content for one in state if one.kind == "m.room.name"] == [{"name": ""}]


def test_a_room_that_somebody_forbids_us_is_told_of(desk: Desk, spam: Published) -> None:
    hall = Hall()
    mirror(desk, hall)
    with desk.work() as work:
        work.publishing.change(PersonId(spam.person), spam.id, [], [("user", "@u0:evil.example")])
    hall.fails = {"put_state": Denied(403, {"errcode": "M_FORBIDDEN"})}
    mirror(desk, hall)
    with desk.read() as work:
        found = work.publishing.rooms.find(spam.number)
    assert found is not None
    assert "403" in (found[1] or "")


def test_no_policy_room_is_taken_for_a_chat_or_left(bot: Bot, desk: Desk) -> None:
    room = RoomId("!policy:home.example")
    bot.rehearsal.rooms[room] = {BOT, ALICE}
    bot.rehearsal.states[room] = [StateEvent("m.room.create", "", BOT, {"type": ROOM_TYPE})]
    bot.run(bot.courier._tidy)
    with desk.read() as work:
        assert work.conversations.rooms() == frozenset()
    assert BOT in bot.rehearsal.rooms[room]


def test_a_room_that_was_closed_for_another_is_followed_and_left(desk: Desk, spam: Published) -> None:
    hall, new = Hall(), RoomId("!new:home.example")
    mirror(desk, hall)
    (old,) = hall.states
    closed = StateEvent("m.room.tombstone", "", "@admin:home.example", {"replacement_room": new})
    hall.states[old].append(closed)
    hall.states[new] = [StateEvent("m.room.create", "", BOT, {"type": ROOM_TYPE})]
    again(desk, spam)
    mirror(desk, hall)
    with desk.read() as work:
        room, error = work.publishing.rooms.find(spam.number) or (None, None)
    assert room == old, "it was not made for the one that is closed"
    assert "was not made for it" in (error or "")
    hall.states[new] = [
        StateEvent("m.room.create", "", BOT, {"type": ROOM_TYPE, "predecessor": {"room_id": old}}),
    ]
    desk.house.time += 60
    mirror(desk, hall)
    with desk.read() as work:
        assert work.publishing.rooms.find(spam.number) == (new, None)
        assert old not in work.publishing.rooms.all()
    standing = {(one.kind, one.key): one.content for one in hall.states[new] if one.kind.startswith("m.policy.rule.")}
    assert standing == wanted(desk, spam)


def again(desk: Desk, spam: Published) -> None:
    """Let a list say something more, so that its room is behind."""
    with desk.work() as work:
        work.publishing.change(spam.person, spam.id, [Said(Subject.USER, "@more:evil.example", "ban")])


def test_a_room_that_fails_again_and_again_is_tried_ever_later(desk: Desk, spam: Published) -> None:
    hall, waits = Hall(), list[int]()
    hall.fails = {"put_state": Denied(403, {"errcode": "M_FORBIDDEN"})}
    for _ in range(12):
        deeds, waited = hall.deeds, 0
        mirror(desk, hall)
        with desk.read() as work:
            assert work.publishing.rooms.find(spam.number) is not None
        while hall.deeds == deeds:
            desk.house.time += 30
            waited += 30
            mirror(desk, hall)
        waits.append(waited)
    assert waits[1:5] == [30, 60, 120, 240]
    assert waits[-1] == 6 * 3_600


def test_one_authors_invitation_that_is_slowed_keeps_no_list_waiting(desk: Desk, spam: Published) -> None:
    hall = Hall()
    hall.fails = {"invite": SlowDown(600.0)}
    mirror(desk, hall)
    assert hall.rules() == wanted(desk, spam), "its rules are written all the same"
    assert due(desk) == 0
    hall.fails = {}
    desk.house.time += 601
    mirror(desk, hall)
    (room,) = hall.states
    assert ALICE in hall.rooms[room]
    desk.house.time += 601
    assert due(desk) == 0
