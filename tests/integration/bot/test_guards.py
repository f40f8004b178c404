"""Protections act in rooms: outcomes are planned, done, undone, asked, rehearsed and told, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.forgetting import forget_person
from bot.homeserver import Denied, EventId, Joined, Left, Said, SlowDown, Stated, Unreadable
from bot.rehearsal import Rehearsal
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from reputation.consequence_rows import Remembered
from reputation.enforcement.model import Consequence, State, Veto
from reputation.enforcement.rooms import Member, Membership, Powers, RoomSeen
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOB, BOT

DESK = RoomId("!desk:home.example")
TEA, CHOIR = RoomId("!tea:home.example"), RoomId("!choir:home.example")
SPAM = UserId("@spam:evil.example")
MUTED = -1


class Rooms(Rehearsal):
    """A homeserver whose rooms become what is done in them."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(BOT, lines.append)
        self.seen: dict[RoomId, RoomSeen] = {}
        self.slow_after: int | None = None
        self.gone: frozenset[str] = frozenset()

    def open(self, room: RoomId, *there: UserId) -> None:
        members = {user: Member(Membership.JOIN, user) for user in (BOT, ALICE, *there)}
        self.seen[room] = RoomSeen(room, members, Powers({BOT: 100, ALICE: 100}), name=room[1:].partition(":")[0])

    def stands(self, room: RoomId, user: UserId, membership: Membership) -> None:
        seen = self.seen[room]
        self.seen[room] = replace(seen, members={**seen.members, user: Member(membership, BOT)})

    async def state(self, room: RoomId) -> RoomSeen:
        return self.seen[room]

    async def set_level(self, room: RoomId, user: UserId, level: int) -> bool:
        seen = self.seen[room]
        users = {who: has for who, has in seen.powers.users.items() if who != user}
        if level != seen.powers.users_default:
            users[user] = level
        self.seen[room] = replace(seen, powers=replace(seen.powers, users=users))
        return await super().set_level(room, user, level)

    async def kick(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        self.stands(room, user, Membership.LEAVE)
        return await super().kick(room, user, reason=reason)

    async def ban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        self.stands(room, user, Membership.BAN)
        return await super().ban(room, user, reason=reason)

    async def redact(self, room: RoomId, event: EventId, *, reason: str = "", txn: str) -> bool:
        if event in self.gone:
            raise Denied(404, {"errcode": "M_NOT_FOUND"})
        if self.slow_after is not None:
            if not self.slow_after:
                raise SlowDown(30.0)
            self.slow_after -= 1
        return await super().redact(room, event, reason=reason, txn=txn)


class Play:
    """A bot that looks after two rooms from a desk."""

    usual = Rooms

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        lines: list[str] = []
        self.rooms = self.usual(lines)
        self.bot = Bot(desk, self.rooms, lines)
        for room in (DESK, TEA, CHOIR):
            self.rooms.open(room, *(() if room == DESK else (BOB, SPAM)))
        with desk.work() as work:
            self.number = work.moderation.make(work.people.number(ALICE), "Mine").id
            work.moderation.housed(self.number, DESK)
            for room in (TEA, CHOIR):
                work.moderation.protect(self.number, room)
        self.goes_on()

    def restart(self) -> None:
        """Begin anew with nothing in memory."""
        events = self.bot.events
        self.bot = Bot(self.desk, self.rooms, self.bot.lines)
        self.bot.events = events

    def says(self, user: UserId, *texts: str, room: RoomId = TEA, kind: str = "m.text") -> None:
        for text in texts:
            at = from_unix(self.desk.house.time)
            self.bot.hear(Said(room, self.bot.event(), user, text, at, kind=kind))

    def comes(self, user: UserId, room: RoomId = TEA) -> None:
        self.rooms.stands(room, user, Membership.JOIN)
        self.bot.hear(Joined(room, user))

    def asks(self, command: str) -> str:
        at = from_unix(self.desk.house.time)
        self.bot.ticks += 3
        return plain(self.bot.hear(Said(DESK, self.bot.event(), ALICE, f"!earnest {command}", at)))

    def goes_on(self, seconds: int = 1, rounds: int = 5) -> list[str]:
        """Let time pass and the bot do its rounds; return what it did."""
        before = len(self.bot.lines)
        self.desk.house.time += seconds
        self.bot.ticks += seconds
        for _ in range(rounds):
            self.bot.ticks += 1
            self.bot.run(self.bot.warden.round)
        return self.bot.lines[before:]

    def tells(self) -> str:
        """What is told at the desk once all has settled."""
        before = len(self.bot.lines)
        self.desk.house.time += 5
        self.bot.run(self.bot.manager.tell)
        return plain(self.bot.lines[before:])

    def level(self, user: UserId, room: RoomId = TEA) -> int:
        return self.rooms.seen[room].powers.of(user)

    def history(self, *states: State) -> list[Remembered]:
        with self.desk.read() as work:
            return work.moderation.consequences.history(self.number, states=states or None)

    def states(self, what: Consequence) -> list[State]:
        return [one.state for one in self.history() if one.what is what]


def plain(lines: Sequence[str]) -> str:
    """What was said, without what keeps names apart."""
    return "\n".join(lines).replace("\u2068", "").replace("\u2069", "")


@pytest.fixture
def play(desk: Desk) -> Play:
    return Play(desk)


def floods(play: Play, user: UserId = SPAM, count: int = 5, room: RoomId = TEA) -> None:
    play.says(user, *(f"tea {play.bot.events} {one}" for one in range(count)), room=room)


def test_a_flooder_is_muted_in_all_rooms_and_unmuted_when_it_is_over(play: Play) -> None:
    assert "flood" in play.asks("protections preset flood 5 5 10")
    floods(play, BOB, 4)
    floods(play)
    done = play.goes_on()
    assert sum("would give @spam:evil.example level -1" in line for line in done) == 2
    assert not any("@bob" in line for line in done)
    told = play.tells()
    assert "mute: @spam:evil.example" in told
    assert "your own rule flood" in told
    assert "your own rule flood" in play.asks(f"why {SPAM}")
    assert [one.causes[0].reason for one in play.history(State.APPLIED)] == ["flood", "flood"]
    assert not any("level" in line for line in play.goes_on(9 * 60))
    done = play.goes_on(2 * 60)
    assert sum("would give @spam:evil.example level 0" in line for line in done) == 2
    assert play.states(Consequence.MUTE) == [State.UNDONE, State.UNDONE]
    floods(play)
    play.goes_on()
    assert play.level(SPAM) == MUTED


def test_who_looks_after_a_room_is_left_alone(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    play.says(ALICE, *("tea" for _ in range(30)))
    assert not play.goes_on()
    assert not play.history()


def test_what_they_wrote_waits_for_a_yes_and_is_taken_out_after_it(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    floods(play)
    assert not any("redact" in line for line in play.goes_on())
    assert play.states(Consequence.REDACT) == [State.ASKED]
    told = play.tells()
    floods(play, count=3)
    assert not any("redact" in line for line in play.goes_on(120))
    play.bot.taps("✅", play.bot.asked(told), room=DESK)
    done = [line for line in play.goes_on() if "redact" in line]
    assert len(done) == 5 + 3
    assert all("in !tea:home.example: a rule of this room: flood, taken out" in line for line in done)
    assert play.states(Consequence.REDACT) == [State.APPLIED]
    assert not any("redact" in line for line in play.goes_on(120))


def test_a_no_is_about_all_that_was_there(play: Play) -> None:
    play.asks("protections preset newcomers-media 10")
    play.comes(UserId("@new:evil.example"))
    play.says(UserId("@new:evil.example"), "a.png", kind="m.image")
    play.goes_on()
    told = play.tells()
    play.bot.taps("❌", play.bot.asked(told), room=DESK)
    assert not any("redact" in line for line in play.goes_on(90))
    play.says(UserId("@new:evil.example"), "b.png", kind="m.image")
    play.goes_on()
    assert play.states(Consequence.REDACT) == [State.ASKED, State.REFUSED]
    play.asks("approve")
    assert len([line for line in play.goes_on() if "redact" in line]) == 1


def test_without_confirmation_it_is_taken_out_at_once_though_they_left(play: Play) -> None:
    play.asks("confirm off")
    play.asks("protections preset newcomers-media 10")
    new = UserId("@new:evil.example")
    play.comes(new)
    play.says(new, "a.png", kind="m.image")
    play.says(new, "hello")
    play.rooms.stands(TEA, new, Membership.LEAVE)
    play.bot.hear(Left(TEA, new))
    done = [line for line in play.goes_on() if "redact" in line]
    assert len(done) == 1
    assert "newcomers' media" in done[0]
    assert not [line for line in play.goes_on(120) if "redact" in line]
    play.comes(new)
    play.says(new, "b.png", kind="m.image")
    assert len([line for line in play.goes_on() if "redact" in line]) == 1


def test_a_server_that_asks_to_wait_and_messages_that_are_gone(play: Play) -> None:
    play.asks("confirm off")
    play.asks("protections preset flood 5 5 10")
    play.rooms.slow_after = 2
    play.rooms.gone = frozenset({f"$event-{play.bot.events + 1}"})
    floods(play)
    done = [line for line in play.goes_on() if "redact" in line]
    assert len(done) == 2
    play.restart()
    play.rooms.slow_after = None
    done += [line for line in play.goes_on(40) if "redact" in line]
    assert len(done) == len(set(done)) == 4
    assert play.states(Consequence.REDACT) == [State.APPLIED]


def test_a_wave_is_put_out_and_again_where_they_come_again(play: Play) -> None:
    play.asks("confirm off")
    play.asks("protections preset join-wave 5")
    raid = [UserId(f"@raid{n}:evil.example") for n in range(40)]
    for user in raid:
        play.comes(user)
    done = [line for line in play.goes_on(rounds=10) if "would kick" in line]
    assert len(done) == len(raid) - 4
    play.bot.hear(Left(TEA, raid[-1]))
    play.goes_on()
    play.comes(raid[-1])
    assert any(f"would kick {raid[-1]}" in line for line in play.goes_on())
    assert not any("raid0:" in line for line in play.bot.lines if "kick" in line)
    play.goes_on(120)
    assert set(play.states(Consequence.KICK)) == {State.DROPPED}
    play.comes(raid[-1])
    assert not [line for line in play.goes_on() if "kick" in line]


def test_what_was_noted_is_done_by_whoever_comes_after(play: Play) -> None:
    play.asks("confirm off")
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.restart()
    play.desk.house.time += 300
    done = play.goes_on()
    assert len([line for line in done if "redact" in line]) == 5
    assert play.level(SPAM) == MUTED
    play.restart()
    play.goes_on(400)
    assert play.level(SPAM) == 0


def test_what_comes_late_is_not_counted(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    play.rooms.late = True
    floods(play, count=30)
    assert not play.goes_on()
    play.rooms.late = False
    floods(play, count=4)
    assert not play.goes_on()
    floods(play, count=1)
    assert play.goes_on()


def test_a_message_that_is_told_twice_counts_once(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    at = from_unix(play.desk.house.time)
    for _ in range(30):
        play.bot.hear(Said(TEA, EventId("$same"), SPAM, "tea", at))
    assert not play.goes_on()


def test_what_nobody_has_a_key_for_counts_and_mentions_do_however_many(play: Play) -> None:
    play.asks("protections set " + _rule("mute"))
    at = from_unix(play.desk.house.time)
    for _ in range(5):
        play.bot.hear(Unreadable(TEA, play.bot.event(), SPAM, at))
    play.goes_on()
    assert play.level(SPAM) == MUTED
    play.asks("protections preset none")
    play.asks("protections preset mentions 12")
    named = {"user_ids": [f"@{number}:home.example" for number in range(12)]}
    for count in (11, 12):
        assert play.level(BOB) == 0
        some = {"user_ids": named["user_ids"][:count]}
        play.bot.hear(Said(TEA, play.bot.event(), BOB, "you all", at, named=some))
        play.goes_on()
    assert play.level(BOB) == MUTED


def test_rules_ask_what_is_known_elsewhere(play: Play) -> None:
    rule = {"name": "strangers", "when": "message.links > 0 && sender.vouches == 0", "then": {"do": "mute"}}
    play.asks("protections set " + json.dumps({"kind": "protections", "rules": [rule]}))
    with play.desk.work() as work:
        work.vouches.vouch(work.people.number(ALICE), work.people.number(BOB))
    play.says(BOB, "https://tea.example")
    play.says(SPAM, "https://tea.example")
    play.goes_on()
    assert play.level(SPAM) == MUTED
    assert play.level(BOB) == 0


def test_a_room_that_is_left_alone_again_has_nothing_left_of_it(play: Play) -> None:
    play.asks("protections set " + _rule("mute"))
    floods(play)
    play.goes_on()
    play.asks(f"unprotect {TEA}")
    done = play.goes_on()
    assert play.level(SPAM, CHOIR) == play.level(SPAM) == 0
    assert any("level 0" in line for line in done)
    floods(play)
    assert not play.goes_on()


def test_a_rehearsal_only_notes(play: Play) -> None:
    play.asks("rehearse 14")
    play.asks("confirm off")
    play.asks("protections preset flood 5 5 10")
    floods(play)
    assert not play.goes_on()
    assert set(play.states(Consequence.MUTE)) == {State.NOTED}
    told = play.tells()
    assert "Would be done" in told
    assert "your own rule flood" in told
    play.goes_on(60 * 11)
    assert set(play.states(Consequence.MUTE) + play.states(Consequence.REDACT)) == {State.DROPPED}


def test_a_veto_takes_it_back_and_what_moderators_undo_stays_undone(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.goes_on()
    assert play.level(SPAM) == MUTED
    play.bot.run(lambda: play.rooms.set_level(TEA, SPAM, 0))
    play.bot.hear(Stated(TEA, "m.room.power_levels", ""))
    play.goes_on()
    assert play.level(SPAM) == 0
    assert State.LIFTED in play.states(Consequence.MUTE)
    play.goes_on(90)
    floods(play)
    play.goes_on()
    assert play.level(SPAM) == MUTED  # they did it again
    with play.desk.work() as work:
        work.moderation.lists.veto(play.number, Veto(user=SPAM))
    play.goes_on()
    assert play.level(SPAM) == 0


def test_somebody_who_is_forgotten_and_a_desk_that_ends(play: Play) -> None:
    play.asks("protections set " + _rule("ban"))
    floods(play)
    play.goes_on()
    assert play.rooms.seen[TEA].members[SPAM].membership is Membership.BAN
    with play.desk.work() as work:
        person = work.people.find(SPAM)
        assert person is not None
        forget_person(work, person)
        assert not work.moderation.outcomes.wanted(play.number, ()).standing
    floods(play, BOB)
    play.goes_on()
    assert play.rooms.seen[TEA].members[BOB].membership is Membership.BAN
    assert "close" in play.asks("close")
    play.asks("close Mine")
    done = play.goes_on()
    assert f"would unban {BOB} in {TEA}" in done
    with play.desk.read() as work:
        assert not work.protections.standing()
        assert not work.moderation.outcomes.wanted(play.number, ()).over


def _rule(do: str) -> str:
    rule = {"name": "much", "when": "sender.messages_10s >= 5", "then": {"do": do}}
    return json.dumps({"kind": "protections", "rules": [rule]})


def test_a_warning_is_said_once_and_only_where_it_was(play: Play) -> None:
    play.asks("protections set " + _rule("warn"))
    floods(play)
    done = play.goes_on()
    assert [f"to {TEA}" in line for line in done if "have a rule about that" in line] == [True]
    floods(play)
    assert not play.goes_on()
    play.desk.house.time += 90
    floods(play)
    assert len(play.goes_on()) == 1


def commands() -> Sequence[tuple[str, str]]:
    return (
        ("protections", "no protections"),
        ("protections presets", "flood 10 5 10"),
        ("protections guide", "!earnest protections presets"),
        ("protections try flood 5 5 10", "would have acted once, on one person"),
        ("protections try preset flood 5 5 10", "!earnest protections preset flood 5 5 10"),
        ("protections try " + _rule("kick"), "!earnest protections set"),
        ("protections preset flood 4", "4 messages"),
        ("protections preset join-wave", "20 people"),
        ("protections set " + _rule("kick"), "much"),
        ("protections rules", '"name": "much"'),
        ("protections versions", "!earnest protections back 1"),
        ("protections undo", "join wave"),
        ("protections back 1", "4 messages"),
        ("protections without flood", "no protections"),
        ("protections undo", "4 messages"),
        ("protections off", "no protections"),
        ("protections nonsense", "That is written like this"),
        ("protections preset tea", "join-wave"),
        ("protections preset flood 1", "between 3 and 500"),
        ("protections set {", "JSON"),
        ("help", "protections"),
    )


def test_all_commands(play: Play) -> None:
    floods(play)
    for command, part in commands():
        told = play.asks(command)
        assert part in told, (command, told)
    assert not play.history()
