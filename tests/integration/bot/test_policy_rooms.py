"""Policy rooms: the bot enters them, reads them as they change, goes where they go, and talks to nobody there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest

from app import lists
from bot.homeserver import Denied, EventId, Invited, Left, Missed, Moved, Redacted, Said, Stated
from bot.rehearsal import Rehearsal
from bot.room_state import StateEvent
from kit.clock import from_unix
from kit.errors import HomeserverUnavailable, Invalid
from kit.identifiers import RoomId, UserId
from reputation.followed import EVERY, SOONER, FollowedList
from reputation.followed_rooms import FollowedRoom, Standing, room_source
from tests.support.desk import Bot, Desk, rehearsed
from tests.support.knocks import ALICE, BOB, BOT

ROOM = RoomId("!list:lists.example")
NEXT = RoomId("!next:lists.example")
THIRD = RoomId("!third:lists.example")
RULE = "m.policy.rule.user"


class Lists(Rehearsal):
    """A homeserver on which rooms may be closed to us, or silent."""

    shut: frozenset[RoomId] = frozenset()
    silent: frozenset[RoomId] = frozenset()
    vias: Sequence[str] = ()
    reads: Callable[[], None] = staticmethod(lambda: None)

    async def events(self, room: RoomId, kinds: Collection[str]) -> list[StateEvent]:
        self.reads()
        return await super().events(room, kinds)

    async def join(self, room: RoomId, via: Sequence[str] = ()) -> None:
        self.vias = tuple(via)
        if room in self.shut:
            raise Denied(403, {"errcode": "M_FORBIDDEN", "error": "You are not invited"})
        if room in self.silent:
            message = "away"
            raise HomeserverUnavailable(message)
        await super().join(room, via)


@pytest.fixture
def bot(desk: Desk) -> Bot:
    lines: list[str] = []
    return Bot(desk, Lists(BOT, lines.append), lines)


def lists_of(bot: Bot) -> Lists:
    assert isinstance(bot.homeserver, Lists)
    return bot.homeserver


def writes(bot: Bot, room: RoomId, *entities: str, successor: RoomId | None = None, odd: Any = None) -> None:  # noqa: ANN401
    """Let a room have rules for these people, and no others."""
    state = [
        StateEvent(RULE, f"rule:{one}", ALICE, {"entity": one, "recommendation": "m.ban", "reason": "spam"})
        for one in entities
    ]
    if odd is not None:
        state.append(StateEvent(RULE, "odd", ALICE, odd))
    if successor is not None:
        state.append(StateEvent("m.room.tombstone", "", "@admin:far.example", {"replacement_room": successor}))
    bot.rehearsal.states[room] = state


def follow(desk: Desk, source: str = ROOM, name: str = "bad") -> None:
    with desk.work() as work:
        work.followed.follow(name, source)


def look(bot: Bot, *, seconds: float = 2.0) -> list[str]:
    """Let the bot look, some time after whatever was heard."""
    before = len(bot.lines)
    bot.ticks += seconds
    bot.run(bot.policies.look)
    bot.run(bot.watcher.leave_owed)
    return bot.lines[before:]


def kept(desk: Desk, name: str = "bad") -> set[str]:
    with desk.read() as work:
        return {entity for _, entity in work.followed.kept(work.followed.find(name).id)}


def shown(desk: Desk, name: str = "bad") -> tuple[FollowedList, FollowedRoom]:
    with desk.read() as work:
        (room,) = [one for one in work.followed.rooms.all() if one.name == name]
        return work.followed.find(name), room


def changes(bot: Bot, room: RoomId = ROOM, *, times: int = 1) -> None:
    for number in range(times):
        bot.hear(Stated(room, RULE, f"rule:{number}"))


def test_a_room_is_entered_read_and_read_again_when_it_changes(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    assert look(bot) == [f"would join {ROOM}"]
    assert lists_of(bot).vias == ("lists.example",)
    assert kept(desk) == {"@spam:evil.example"}
    of, room = shown(desk)
    assert (of.form, of.entries, of.error, room.standing) == ("policy", 1, None, Standing.IN)
    assert look(bot) == []
    writes(bot, ROOM, "@more:evil.example")
    assert look(bot) == []
    assert kept(desk) == {"@spam:evil.example"}, "nobody told of the change"
    changes(bot)
    look(bot)
    assert kept(desk) == {"@more:evil.example"}
    for heard in (Redacted(ROOM, EventId("$rule")), Missed(ROOM)):
        writes(bot, ROOM, f"@{type(heard).__name__.lower()}:evil.example")
        bot.hear(heard)
        look(bot)
        assert kept(desk) == {f"@{type(heard).__name__.lower()}:evil.example"}


def test_a_thousand_changes_cost_few_readings(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    before = bot.policies.readings

    def takes_long() -> None:
        bot.ticks += 4

    lists_of(bot).reads = takes_long
    for _ in range(105):  # more than ten seconds without a pause
        changes(bot, times=10)
        look(bot, seconds=0.1)
    assert bot.policies.readings == before + 1, "after ten seconds it is read in any case"
    for _ in range(19):
        look(bot)
        changes(bot)
    assert bot.policies.readings == before + 2, "for five times as long as a reading took, it rests"


def test_the_next_process_makes_up_for_what_was_missed(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    lines: list[str] = []
    other = Bot(desk, Lists(BOT, lines.append), lines)
    other.rehearsal.rooms[ROOM] = {BOT, ALICE}
    writes(other, ROOM, "@later:evil.example")
    look(other)
    assert kept(desk) == {"@spam:evil.example"}, "a moment after the start"
    look(other)
    assert (kept(desk), lines) == ({"@later:evil.example"}, [])


def test_it_is_read_now_and_then_in_any_case(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    look(bot)
    writes(bot, ROOM, "@later:evil.example")
    desk.house.time += int(EVERY.total_seconds())
    look(bot)
    assert kept(desk) == {"@later:evil.example"}


def test_where_it_is_not_let_in_it_says_so_and_comes_when_it_is_invited(bot: Bot, desk: Desk) -> None:
    lists_of(bot).shut = frozenset({ROOM})
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    of, room = shown(desk)
    assert of.error == f"The bot is not let in: let somebody there invite {BOT} (403 M_FORBIDDEN)."
    assert (of.read_at, room.standing) == (None, Standing.AWAITED)
    before = bot.policies.readings
    look(bot)
    assert bot.policies.readings == before
    lists_of(bot).shut = frozenset()
    assert bot.hear(Invited(ROOM, ALICE)) == [f"would join {ROOM}"]
    look(bot)
    assert kept(desk) == {"@spam:evil.example"}
    assert shown(desk)[0].error is None
    with desk.read() as work:
        assert not work.conversations.rooms(), "whoever invited it there has no chat with it by that"


def test_a_homeserver_that_is_away_is_asked_again_in_a_minute(bot: Bot, desk: Desk) -> None:
    lists_of(bot).silent = frozenset({ROOM})
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    assert "does not answer" in (shown(desk)[0].error or "")
    lists_of(bot).silent = frozenset()
    look(bot)
    assert kept(desk) == set()
    desk.house.time += 60
    look(bot)
    assert kept(desk) == {"@spam:evil.example"}


def test_whoever_put_it_out_is_not_visited_again_until_somebody_wishes_it(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    bot.rehearsal.rooms[ROOM].discard(BOT)
    bot.hear(Left(ROOM, BOT))
    assert look(bot) == []
    of, room = shown(desk)
    assert "was put out" in (of.error or "")
    assert (room.standing, kept(desk)) == (Standing.OUT, {"@spam:evil.example"})
    desk.house.time += int(SOONER.total_seconds())
    assert look(bot) == []
    with desk.work() as work:
        work.followed.begin("bad")
        work.followed.rooms.again(of.id)
    assert look(bot) == [f"would join {ROOM}"]
    assert shown(desk)[0].error is None


def test_who_was_put_out_while_it_was_away_finds_that_out(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    bot.rehearsal.rooms[ROOM].discard(BOT)
    other = rehearsed(desk)
    look(other)
    assert look(other) == []
    assert shown(desk)[1].standing is Standing.OUT


def test_it_goes_where_the_list_goes(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    writes(bot, ROOM, successor=NEXT)
    writes(bot, NEXT, "@spam:evil.example", "@new:evil.example")
    bot.hear(Moved(ROOM, NEXT))
    assert look(bot) == [f"would join {NEXT}", f"would leave {ROOM}"]
    assert lists_of(bot).vias == ("far.example", "lists.example")
    assert kept(desk) == {"@spam:evil.example", "@new:evil.example"}
    of, room = shown(desk)
    assert (room.room, room.moved_from, room.successor, of.error) == (NEXT, ROOM, None, None)
    writes(bot, NEXT, "@newer:evil.example")
    changes(bot, NEXT)
    look(bot)
    assert kept(desk) == {"@newer:evil.example"}


def test_where_the_next_room_is_shut_the_list_stays_as_it_was_until_it_is_invited(bot: Bot, desk: Desk) -> None:
    lists_of(bot).shut = frozenset({NEXT})
    writes(bot, ROOM, "@spam:evil.example", successor=NEXT)
    follow(desk)
    look(bot)
    of, room = shown(desk)
    assert (of.error or "").startswith(f"It was closed for {NEXT}, which is not followed yet. The bot is not let in")
    assert (room.room, room.successor, kept(desk)) == (ROOM, NEXT, {"@spam:evil.example"})
    lists_of(bot).shut = frozenset()
    writes(bot, NEXT, "@new:evil.example")
    assert bot.hear(Invited(NEXT, ALICE)) == [f"would join {NEXT}"]
    assert look(bot)[-1] == f"would leave {ROOM}"
    assert (shown(desk)[1].room, kept(desk)) == (NEXT, {"@new:evil.example"})


def test_who_is_put_out_of_the_closed_room_is_let_into_the_next(bot: Bot, desk: Desk) -> None:
    lists_of(bot).shut = frozenset({NEXT})
    writes(bot, ROOM, "@spam:evil.example", successor=NEXT)
    follow(desk)
    look(bot)
    bot.rehearsal.rooms[ROOM].discard(BOT)
    bot.hear(Left(ROOM, BOT, banned=True))
    look(bot)
    assert (shown(desk)[0].error, shown(desk)[1].standing) == ("The bot is banned there.", Standing.BANNED)
    lists_of(bot).shut = frozenset()
    writes(bot, NEXT, "@new:evil.example")
    bot.hear(Invited(NEXT, ALICE))
    look(bot)
    of, room = shown(desk)
    assert (room.room, room.standing, of.error, kept(desk)) == (NEXT, Standing.IN, None, {"@new:evil.example"})


def test_rooms_that_are_closed_for_each_other_are_no_treadmill(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@one:evil.example", successor=NEXT)
    writes(bot, NEXT, "@two:evil.example", successor=ROOM)
    follow(desk)
    for _ in range(5):
        look(bot)
        changes(bot, NEXT)
        changes(bot, ROOM)
    assert [line for line in bot.lines if "would join" in line] == [f"would join {ROOM}", f"would join {NEXT}"]
    of, room = shown(desk)
    assert (room.room, kept(desk)) == (NEXT, {"@two:evil.example"})
    assert "within this hour" in (of.error or "")


def test_nobody_is_answered_there_and_it_is_no_chat(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    look(bot)
    bot.rehearsal.rooms[ROOM] = {BOT, ALICE}
    said = Said(ROOM, bot.event(), ALICE, "help", from_unix(desk.house.time))
    assert bot.hear(said) == []
    bot.run(bot.courier._tidy)
    with desk.read() as work:
        assert not work.conversations.rooms()
    assert not [line for line in bot.lines if "leave" in line]


def test_followed_no_more_it_is_left(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk)
    follow(desk, name="same")
    look(bot)
    lists.unfollow(desk.work, "bad")
    assert look(bot) == [], "another list stands there too"
    lists.unfollow(desk.work, "same")
    assert look(bot) == [f"would leave {ROOM}"]
    changes(bot)
    assert look(bot) == []


def test_an_alias_is_resolved_once(bot: Bot, desk: Desk) -> None:
    writes(bot, ROOM, "@spam:evil.example")
    follow(desk, "#bad:lists.example")
    look(bot)
    assert "leads to no room" in (shown(desk)[0].error or "")
    bot.rehearsal.aliases["#bad:lists.example"] = ROOM
    desk.house.time += int(SOONER.total_seconds())
    look(bot)
    assert (shown(desk)[1].room, kept(desk)) == (ROOM, {"@spam:evil.example"})
    bot.rehearsal.aliases["#bad:lists.example"] = THIRD
    changes(bot)
    look(bot)
    assert shown(desk)[1].room == ROOM, "whoever has the alias cannot take the list elsewhere"


def test_what_a_hostile_room_says_is_left_out(bot: Bot, desk: Desk) -> None:
    oddities: tuple[Any, ...] = (
        5,
        {},
        {"entity": {}},
        {"entity": "@a:b", "recommendation": ["m.ban"]},
        {"recommendation": "m.ban"},
    )
    for odd in oddities:
        content = odd if isinstance(odd, dict) else {"entity": odd, "recommendation": "m.ban"}
        writes(bot, ROOM, "*", "@*:*", BOT, "@*:home.example", "@spam:evil.example", odd=content)
        with desk.work() as work:
            if not work.followed.all():
                work.followed.follow("bad", ROOM)
        changes(bot)
        look(bot)
        look(bot)
        assert "@spam:evil.example" in kept(desk)
        assert not kept(desk) & {"*", "@*:*", BOT, "@*:home.example"}
    assert shown(desk)[0].left_out == 4


def test_what_is_called_a_room() -> None:
    new = "!" + "a" * 43
    assert room_source("https://lists.example/list.csv") is None
    assert room_source("/var/lists/list.csv") is None
    assert room_source(ROOM) == (ROOM, ("lists.example",))
    assert room_source(new, ["a.example"]) == (new, ("a.example",))
    assert room_source("#bad:lists.example") == ("#bad:lists.example", ())
    link = "https://matrix.to/#/%21list%3Alists.example?via=a.example&via=b.example"
    assert room_source(link) == (ROOM, ("a.example", "b.example", "lists.example"))
    assert room_source("https://matrix.to/#/%23bad%3Alists.example") == ("#bad:lists.example", ())
    for wrong in ("!", "!short", "#bad", "#:x", "#a:not a server", "https://matrix.to/#/@user:x", f"#{'a' * 300}:x"):
        with pytest.raises(Invalid):
            room_source(wrong)
    with pytest.raises(Invalid):
        room_source(ROOM, ["not a server"])


def test_a_stranger_invites_it_elsewhere_as_ever(bot: Bot, desk: Desk) -> None:
    follow(desk)
    bot.rehearsal.rooms[NEXT] = {BOB, UserId("@other:home.example")}
    assert bot.hear(Invited(NEXT, BOB))[-1] == f"would leave {NEXT}"


def test_one_list_that_breaks_all_stops_no_other(bot: Bot, desk: Desk) -> None:
    follow(desk)
    follow(desk, NEXT, "good")
    writes(bot, NEXT, BOB)
    bot.rehearsal.states[ROOM] = [None]  # type: ignore[list-item]
    assert (look(bot) and kept(desk, "good")) == {BOB}
