"""The bot dies after every commit and at every call, following a policy room: the list ends the same, and is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app import lists
from bot.homeserver import Moved, Stated
from bot.room_state import StateEvent
from kit.identifiers import RoomId
from tests.integration.bot.test_killed_at_every_line import (
    Doing,
    MortalDesk,
    MortalHomeserver,
    make_house,  # noqa: F401 - a fixture
)
from tests.support.desk import Bot, Desk
from tests.support.house import House
from tests.support.knocks import ALICE, BOT
from tests.support.lives import Killed, Life

ROOM, NEXT = RoomId("!list:lists.example"), RoomId("!next:lists.example")
ALIAS = "#bad:lists.example"
RULE = "m.policy.rule.user"


def rules(*names: str, successor: RoomId | None = None) -> list[StateEvent]:
    state = [
        StateEvent(RULE, name, ALICE, {"entity": f"@{name}:x.example", "recommendation": "m.ban"}) for name in names
    ]
    if successor is not None:
        state.append(StateEvent("m.room.tombstone", "", ALICE, {"replacement_room": successor}))
    return state


def looks(bot: Bot) -> None:
    """Some time passes, and the bot looks; whoever began just now looks twice."""
    for _ in range(3):
        bot.ticks += 2
        bot.run(bot.policies.look)
    bot.run(bot.watcher.leave_owed)


def follows(house: House) -> Iterator[Doing]:
    desk = Desk(house)
    with desk.work() as work:
        work.followed.follow("bad", ALIAS)

    def written(bot: Bot) -> None:
        bot.rehearsal.aliases[ALIAS] = ROOM
        bot.rehearsal.states[ROOM] = rules("one", "two")
        looks(bot)

    def changed(bot: Bot) -> None:
        bot.rehearsal.states[ROOM] = rules("two", "three")
        bot.hear(Stated(ROOM, RULE, "three"))
        looks(bot)

    def moved(bot: Bot) -> None:
        bot.rehearsal.states[ROOM] = rules(successor=NEXT)
        bot.rehearsal.states[NEXT] = rules("three", "four")
        bot.hear(Moved(ROOM, NEXT))
        looks(bot)

    yield written
    assert kept(desk) == {"@one:x.example", "@two:x.example"}
    yield changed
    assert kept(desk) == {"@two:x.example", "@three:x.example"}
    yield moved
    assert kept(desk) == {"@three:x.example", "@four:x.example"}
    lists.unfollow(desk.work, "bad")
    yield looks


def kept(desk: Desk) -> set[str]:
    with desk.read() as work:
        return {entity for _, entity in work.followed.kept(work.followed.find("bad").id)}


def play(house: House, ends_at: int | None) -> Life:
    life, lines = Life(ends_at, counts=True), list[str]()
    homeserver = MortalHomeserver(life, lines)

    def born() -> Bot:
        return Bot(MortalDesk(house, life), homeserver, lines)

    bot = born()
    for doing in follows(house):
        try:
            doing(bot)
        except Killed:
            house.time += 120
            bot = born()
            doing(bot)
    assert not [room for room, members in homeserver.rooms.items() if BOT in members], f"died at point {ends_at}"
    return life


def test_a_list_ends_the_same_wherever_the_bot_dies(make_house: Callable[[], House]) -> None:  # noqa: F811
    life = play(make_house(), None)
    assert life.points > 20
    for point in range(1, life.points + 1):
        play(make_house(), point)
