"""Bringing notices: one chat per person, nothing lost, nothing twice, nobody bothered who is not to be."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from app.conversations import Standing
from bot.homeserver import Denied, ElsewhereAway, EventId, Left, SlowDown
from bot.rehearsal import Rehearsal
from kit import outbox
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, ServerName, UserId, server_of
from kit.outbox import OutboxRow
from reputation.courtesy import MOST_REFUSALS
from tests.support.desk import Bot, Desk, number, rehearsed
from tests.support.knocks import ALICE, BOB, BOT, HOME

ERN = 10**18


def open_notices(desk: Desk) -> list[int]:
    """How often each notice that is still owed was tried."""
    with desk.read() as work:
        return list(work.session.scalars(select(OutboxRow.attempts).where(OutboxRow.done_at.is_(None))))


def test_a_held_knock_opens_one_chat_and_explains_itself(bot: Bot, desk: Desk) -> None:
    desk.house.asking(stake=5 * ERN)
    quote = desk.house.quote()
    done = bot.delivers()
    assert done[0].startswith("would make an encrypted room")
    assert f"would invite {BOB}" in done[1]
    assert done[1].endswith("as a direct chat")
    assert quote.check_code in done[2]
    assert f"https://earnest.example/stake/{quote.id}" in done[2]
    assert len(done) == 3
    assert bot.delivers() == []
    assert open_notices(desk) == []


def test_however_often_somebody_knocks_they_have_one_chat(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    for _ in range(5):
        desk.house.knock()
        bot.delivers()
    desk.house.time += 25 * 3_600  # the price has ended; a new one is told in the same chat
    desk.house.knock()
    again = bot.delivers()
    assert len(again) == 1
    assert again[0].startswith("would send")
    assert len(bot.rehearsal.rooms) == 1


def test_the_recipient_is_asked_with_three_buttons_and_a_tap_answers(bot: Bot, desk: Desk) -> None:
    bot.says("door show")
    desk.house.asking(stake=5 * ERN)
    stake = desk.house.pay()
    desk.house.knock()
    desk.house.join()
    done = "\n".join(bot.delivers())
    assert f"{BOB}\u2069 put down a stake of 5 ERN" in done
    for sign in ("✅", "↩️", "🚫"):
        assert f"would put {sign} on" in done
    asked = (
        next(line for line in done.splitlines() if line.startswith("would put ✅")).split(" on ")[1].split(" in ")[0]
    )
    tapped = bot.taps("🚫", asked)
    assert "really want to call" in tapped
    assert "will be burned" in bot.taps("👍", bot.asked(tapped))
    assert desk.house.calls(stake) == {"announce_forfeit": "waiting"}
    assert bot.taps("✅", asked) == ""


def test_an_unpaid_knock_never_reaches_the_recipient(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    for _ in range(3):
        desk.house.knock()
    assert not [line for line in bot.delivers() if ALICE in line and "invite" in line and "would invite" in line]


def test_whoever_left_the_chat_is_not_invited_again_until_they_come(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    bot.delivers()
    room = next(iter(bot.rehearsal.rooms))
    assert bot.hear(Left(room, BOB)) == [f"would leave {room}"]
    desk.house.time += 25 * 3_600
    desk.house.knock()
    assert bot.delivers() == []
    assert open_notices(desk) == []
    with desk.read() as work:
        assert work.conversations.standing(work.people.number(BOB)) is Standing.LEFT
    bot.says("help", user=BOB, room=RoomId("!new:away.example"))
    desk.house.time += 25 * 3_600
    desk.house.knock()
    assert len(bot.delivers()) == 1


def test_whoever_said_stop_is_left_alone(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    with desk.work() as work:  # after the notice was written, before it is brought
        work.people.stop_notices(work.people.number(BOB))
    assert bot.delivers() == []
    assert open_notices(desk) == []


def test_whoever_is_gone_is_told_nothing(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    with desk.work() as work:
        work.people.erase(work.people.number(BOB))
    assert bot.delivers() == []
    assert open_notices(desk) == []


def test_a_price_that_no_longer_stands_is_not_told(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    desk.house.time += 3 * 86_400
    assert bot.delivers() == []


def test_new_chats_with_one_homeserver_are_bounded_and_the_rest_waits(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    for guest in range(33):
        desk.house.time += 360  # as many as the budget of an unknown homeserver lets through
        desk.house.knock(inviter=UserId(f"@guest{guest}:flood.example"))
    desk.house.knock(inviter=UserId("@somebody:else.example"))
    bot.delivers()
    bot.delivers()
    assert len(bot.rehearsal.rooms) == 31
    assert any("@somebody:else.example" in line for line in bot.lines)
    assert len(open_notices(desk)) == 3
    bot.ticks += 30.0
    desk.house.time += 60
    bot.delivers()
    assert len(bot.rehearsal.rooms) == 34


class Refusing(Rehearsal):
    """A homeserver on which some people cannot be invited, or nothing can be sent."""

    def __init__(self, me: UserId, lines: list[str]) -> None:
        super().__init__(me, lines.append)
        self.refuses: set[UserId] = set()
        self.away_at: str | None = None
        self.gone: set[str] = set()
        self.silent: set[str] = set()
        """Homeservers that do not say on which devices their people read."""
        self.asked_for_devices = 0
        self.tried: list[UserId] = []
        self.denies_sending = False

    def _may_be_away(self, step: str) -> None:
        if self.away_at == step:
            self.away_at = None
            raise HomeserverUnavailable("gone")

    async def create_room(self, *, name: str | None = None, encrypted: bool = True, **more: Any) -> RoomId:  # noqa: ANN401
        room = await super().create_room(name=name, encrypted=encrypted, **more)
        self._may_be_away("create")
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        self.tried.append(user)
        if user in self.refuses:
            return {"errcode": "M_INVITE_BLOCKED"}
        if server_of(user) in self.gone:
            raise ElsewhereAway("gone")
        refused = await super().invite(room, user, direct=direct)
        self._may_be_away("invite")
        return refused

    async def send(self, room: RoomId, message: Any, *, txn: str) -> EventId:  # noqa: ANN401
        if self.denies_sending:
            raise Denied(403, {"errcode": "M_FORBIDDEN"})
        if {server_of(member) for member in self.rooms[room]} & self.silent:
            self.asked_for_devices += 1
            raise ElsewhereAway("silent")
        event = await super().send(room, message, txn=txn)
        self._may_be_away("send")
        return event

    async def react(self, room: RoomId, event: EventId, key: str, *, txn: str) -> EventId:
        found = await super().react(room, event, key, txn=txn)
        self._may_be_away("react")
        return found


@pytest.fixture
def refusing(desk: Desk) -> Bot:
    lines: list[str] = []
    return Bot(desk, Refusing(BOT, lines), lines)


def homeserver(bot: Bot) -> Refusing:
    assert isinstance(bot.homeserver, Refusing)
    return bot.homeserver


def test_whoever_cannot_be_invited_is_not_tried_again(refusing: Bot, desk: Desk) -> None:
    desk.house.asking()
    homeserver(refusing).refuses.add(BOB)
    desk.house.knock()
    done = refusing.delivers()
    assert done[-1].startswith("would leave")
    with desk.read() as work:
        assert work.conversations.standing(work.people.number(BOB)) is Standing.UNREACHABLE
    desk.house.time += 25 * 3_600
    desk.house.knock()
    assert refusing.delivers() == []


def test_a_homeserver_that_is_away_keeps_nobody_else_waiting(refusing: Bot, desk: Desk) -> None:
    desk.house.asking()
    others = [UserId(f"@zed{number}:there{number}.example") for number in range(25)]
    for stranger in (BOB, *others):
        desk.house.knock(inviter=stranger)
    there = homeserver(refusing)
    there.gone = {server_of(BOB)}
    for _ in range(3):
        refusing.delivers()
    assert there.tried == [BOB, *others]
    assert open_notices(desk) == [0]
    for seconds in (5, 10, 20):  # left alone, longer each time
        desk.house.time += seconds - 1
        refusing.ticks += seconds - 1
        assert refusing.delivers() == []
        desk.house.time += 2
        refusing.ticks += 2
        refusing.delivers()
    assert there.tried == [BOB, *others, BOB, BOB, BOB]
    there.gone = set()
    desk.house.time += 41
    refusing.ticks += 41
    refusing.delivers()
    assert open_notices(desk) == []
    assert there.tried[len(others) + 4 :] == [BOB]
    ours = [members for members in there.rooms.values() if BOT in members]
    assert ours.count({BOT, BOB}) == 1
    assert {BOT} not in ours


def test_what_nobody_could_read_waits_for_their_homeserver_alone(refusing: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    there = homeserver(refusing)
    there.silent = {server_of(BOB)}
    for _ in range(3):  # the chat is made once; nothing is sent into it that its reader has no key for
        done = refusing.delivers()
        assert not [line for line in done if line.startswith("would send")]
        desk.house.time += 45
        refusing.ticks += 45
    ((room, members),) = there.rooms.items()
    assert members == {BOT, BOB}
    desk.house.knock(inviter=UserId("@carol:else.example"))
    assert [line for line in refusing.delivers() if line.startswith("would send")]
    there.silent = set()
    desk.house.time += 45
    refusing.ticks += 45
    (sent,) = [line for line in refusing.delivers() if line.startswith("would send")]
    assert room in sent
    assert open_notices(desk) == []


def test_a_silent_homeserver_is_tried_once_however_many_notices_wait_for_it(refusing: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    refusing.delivers()  # the chat is there
    there = homeserver(refusing)
    there.silent = {server_of(BOB)}
    with desk.work() as work:
        stranger = work.people.number(BOB)
        for turn in range(5):
            work.notices.webhook_disabled(stranger, f"{turn}" * 16, "gone")
    assert there.asked_for_devices == 0
    refusing.delivers()
    assert there.asked_for_devices == 1
    desk.house.time += 6
    refusing.ticks += 6
    refusing.delivers()
    assert there.asked_for_devices == 2, "one pause for all of them, which doubles with each try"


def test_an_answer_that_nobody_could_read_is_brought_later(refusing: Bot, desk: Desk) -> None:
    there = homeserver(refusing)
    there.silent = {server_of(BOB)}
    room = RoomId("!theirs:away.example")
    assert refusing.says("help", user=BOB, room=room) == ""
    assert refusing.says("help", user=ALICE) != ""  # and nobody else waits
    desk.house.time += 61
    assert refusing.delivers() == []
    assert open_notices(desk) == [1]
    there.silent = set()
    desk.house.time += 61
    (sent,) = refusing.delivers()
    assert room in sent
    assert open_notices(desk) == []


@pytest.mark.parametrize(("words", "told"), [("token", "try again"), ("vouch @bob:away.example", "themselves")])
def test_a_secret_and_a_refusal_that_nobody_could_read_are_not_passed_over_in_silence(
    refusing: Bot, desk: Desk, words: str, told: str
) -> None:
    there = homeserver(refusing)
    there.silent = {server_of(BOB)}
    assert refusing.says(words, user=UserId("@bob:away.example"), room=RoomId("!theirs:away.example")) == ""
    assert len(open_notices(desk)) == 1
    there.silent = set()
    desk.house.time += 61
    (sent,) = refusing.delivers()
    assert told in sent


@pytest.mark.parametrize("step", ["create", "invite", "send"])
def test_when_the_answer_gets_lost_at_any_step_nobody_is_invited_or_told_twice(
    refusing: Bot, desk: Desk, step: str
) -> None:
    desk.house.asking()
    desk.house.knock()
    homeserver(refusing).away_at = step
    with pytest.raises(HomeserverUnavailable):
        refusing.delivers()
    assert open_notices(desk) == [0]
    desk.house.time += 10
    refusing.delivers()
    assert open_notices(desk) == []
    assert len([line for line in refusing.lines if line.startswith("would invite")]) == 1
    assert len([line for line in refusing.lines if line.startswith("would send")]) == 1
    with desk.read() as work:
        room = work.conversations.room_of(work.people.number(BOB))
    assert room is not None
    assert homeserver(refusing).rooms[room] == {BOT, BOB}
    ours = [one for one, members in homeserver(refusing).rooms.items() if BOT in members]
    assert ours == [room]


@pytest.mark.parametrize("step", ["create", "invite", "send"])
def test_when_the_process_dies_at_any_step_the_next_one_invites_and_tells_nobody_twice(
    refusing: Bot, desk: Desk, step: str
) -> None:
    desk.house.asking()
    desk.house.knock()
    homeserver(refusing).away_at = step
    with pytest.raises(HomeserverUnavailable):
        # As by a power cut: the lease is neither given back nor is anything remembered.
        refusing.run(lambda: _claimed_and_lost(refusing, desk))
    desk.house.time += 61
    again = Bot(desk, homeserver(refusing), refusing.lines)
    again.delivers()
    assert len([line for line in refusing.lines if line.startswith("would invite")]) == 1
    assert len([line for line in refusing.lines if line.startswith("would send")]) == 1
    assert open_notices(desk) == []


async def _claimed_and_lost(bot: Bot, desk: Desk) -> None:
    with desk.work() as work:
        (effect,) = outbox.claim(work.session, kinds=("notice",), now=work.now)
    await bot.courier._bring(effect)


def test_buttons_that_could_not_be_put_are_put_later(refusing: Bot, desk: Desk) -> None:
    refusing.says("door show")
    desk.house.asking()
    desk.house.pay()
    desk.house.knock()
    desk.house.join()
    homeserver(refusing).away_at = "react"
    with pytest.raises(HomeserverUnavailable):
        refusing.delivers()
    desk.house.time += 10
    refusing.delivers()
    buttons = [line for line in refusing.lines if line.startswith("would put")]
    assert len(buttons) == 3
    assert len([line for line in refusing.lines if "put down" in line]) == 1


def test_a_notice_that_is_denied_is_given_up_and_the_next_one_is_brought(refusing: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    homeserver(refusing).denies_sending = True
    refusing.delivers()
    with desk.read() as work:
        (row,) = work.session.scalars(select(OutboxRow))
        assert row.given_up
        assert row.last_error == "denied: 403 M_FORBIDDEN"
    homeserver(refusing).denies_sending = False
    desk.house.knock(inviter=UserId("@other:away.example"))
    assert any("@other:away.example" in line for line in refusing.delivers())


def test_the_courier_looks_by_itself_and_outlives_a_homeserver_that_is_away(refusing: Bot, desk: Desk) -> None:
    desk.house.asking()
    homeserver(refusing).away_at = "send"
    desk.house.knock()

    async def scene() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(refusing.courier.run(stop))
        while await asyncio.to_thread(open_notices, desk):
            desk.house.time += 1
            refusing.ticks += 1
        stop.set()
        await running

    refusing.run(scene)
    assert len([line for line in refusing.lines if line.startswith("would send")]) == 1


def test_a_chat_of_before_a_lost_memory_is_taken_up_and_strangers_rooms_are_left(desk: Desk) -> None:
    bot = rehearsed(desk)
    number(desk, BOB)
    forgotten, strange, group, empty = (RoomId(f"!{name}:{HOME}") for name in ("bob", "strange", "group", "empty"))
    bot.rehearsal.rooms.update(
        {
            forgotten: {BOT, BOB},
            strange: {BOT, UserId("@nobody:we.know")},
            group: {BOT, ALICE, BOB},
            empty: {BOT},
        }
    )
    desk.house.asking()
    desk.house.knock()
    done = bot.delivers()
    assert sorted(done[:2]) == sorted([f"would leave {strange}", f"would leave {empty}"])
    assert done[2].startswith(f"would send to {forgotten}")
    assert BOT in bot.rehearsal.rooms[group]


def test_a_room_that_is_just_being_entered_is_no_stray(desk: Desk) -> None:
    bot = rehearsed(desk)
    entered = RoomId(f"!entered:{HOME}")
    bot.rehearsal.rooms[entered] = {BOT, UserId("@nobody:we.know")}
    bot.entering.rooms.add(entered)
    desk.house.asking()
    desk.house.knock()
    assert f"would leave {entered}" not in bot.delivers()


class Slowed(Rehearsal):
    """A homeserver that makes no new rooms for a while."""

    slow = True

    async def create_room(self, *, name: str | None = None, encrypted: bool = True, **more: Any) -> RoomId:  # noqa: ANN401
        """Ask to wait."""
        if self.slow:
            raise SlowDown(40.0)
        return await super().create_room(name=name, encrypted=encrypted, **more)


def test_being_told_to_slow_down_keeps_nobody_waiting_who_has_a_chat(desk: Desk) -> None:
    lines: list[str] = []
    homeserver = Slowed(BOT, lines.append)
    bot = Bot(desk, homeserver, lines)
    desk.house.asking()
    desk.house.knock(inviter=UserId("@new:far.example"))
    bot.says("help", user=BOB, room=(of_bob := bot.room_of(BOB)))
    desk.house.knock()
    assert [line for line in bot.delivers() if f"would send to {of_bob}" in line]
    homeserver.slow = False
    desk.house.time += 39
    assert bot.delivers() == []
    desk.house.time += 2
    assert [line for line in bot.delivers() if "would invite @new:far.example" in line]


class Closed(Rehearsal):
    """A homeserver where invites are refused with ``errcode``."""

    errcode = "M_FORBIDDEN"

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        """Refuse it."""
        await super().invite(room, user, direct=direct)
        return {"errcode": self.errcode}


@pytest.mark.parametrize(("errcode", "asked"), [("M_FORBIDDEN", MOST_REFUSALS), ("M_INVITE_BLOCKED", 8)])
def test_a_homeserver_that_refuses_our_chats_is_left_alone(desk: Desk, errcode: str, asked: int) -> None:
    lines: list[str] = []
    homeserver = Closed(BOT, lines.append)
    homeserver.errcode = errcode
    bot = Bot(desk, homeserver, lines)
    desk.house.asking()
    for guest in range(8):
        desk.house.knock(inviter=UserId(f"@guest{guest}:far.example"))
        bot.delivers()
        desk.house.time += 360
    assert sum("would invite" in line for line in lines) == asked
    with desk.read() as work:
        assert work.courtesy.is_quiet(ServerName("far.example")) == (asked == MOST_REFUSALS)


def test_what_waits_when_a_homeserver_opts_out_is_not_brought(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.knock()
    with desk.work() as work:
        work.courtesy.keep_quiet(ServerName("away.example"))
    assert bot.delivers() == []
    desk.house.pay()
    assert any("is open for you" in line for line in bot.delivers())


def test_a_flood_is_told_in_the_recipients_chat(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    for guest in range(40):
        desk.house.knock(inviter=UserId(f"@guest{guest}:far.example"))
    bot.delivers()
    desk.house.time += 600
    with desk.work() as work:
        work.notices.tell_floods()
    told = bot.delivers()[-1]
    assert "40 were asked for a stake or refused" in told
    assert "\u2068far.example\u2069" in told
