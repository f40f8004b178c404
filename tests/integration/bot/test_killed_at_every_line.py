"""The bot dies after every commit, and before and after every call to its homeserver: what people see is the same."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.container import Work
from app.conversations import PromptRow
from app.wording.message import Message
from bot.homeserver import EventId, Happening, Invited, Reacted, Said
from bot.rehearsal import Rehearsal
from kit.clock import from_unix
from kit.database import Database, make_engine
from kit.identifiers import RoomId, UserId
from kit.outbox import OutboxRow
from reputation.tables import GrantRow, SpamVerdictRow
from tests.support.desk import CHAT, Bot, Desk
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.lives import Killed, Life

Doing = Callable[[Bot], object]
ERN = 10**18
_SEEN = ("would send", "would put", "would invite")


class MortalDesk(Desk):
    """Dies after a commit."""

    def __init__(self, house: House, life: Life) -> None:
        super().__init__(house)
        self.life = life

    @contextmanager
    def work(self) -> Iterator[Work]:
        with super().work() as work:
            yield work
        self.life.point()


class MortalHomeserver(Rehearsal):
    """Remembers what it was asked for; whoever asks dies before or after."""

    def __init__(self, life: Life, lines: list[str]) -> None:
        super().__init__(BOT, lines.append)
        self.life = life

    async def create_room(self, *, name: str | None = None, encrypted: bool = True, **more: Any) -> RoomId:  # noqa: ANN401
        self.life.point()
        room = await super().create_room(name=name, encrypted=encrypted, **more)
        self.life.point()
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        self.life.point()
        refused = await super().invite(room, user, direct=direct)
        self.life.point()
        return refused

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        self.life.point()
        event = await super().send(room, message, txn=txn)
        self.life.point()
        return event

    async def react(self, room: RoomId, event: EventId, key: str, *, txn: str) -> EventId:
        self.life.point()
        reaction = await super().react(room, event, key, txn=txn)
        self.life.point()
        return reaction

    async def join(self, room: RoomId, via: Sequence[str] = ()) -> None:
        self.life.point()
        await super().join(room, via)
        self.life.point()

    async def leave(self, room: RoomId, *, reason: str = "") -> None:
        self.life.point()
        await super().leave(room, reason=reason)
        self.life.point()


def play(house: House, ends_at: int | None, story: Callable[[House], Iterator[Doing]]) -> tuple[list[str], Life]:
    """Play a story; where the bot dies, another takes its place and is told again what the first did not finish."""
    life, lines = Life(ends_at, counts=True), list[str]()
    homeserver = MortalHomeserver(life, lines)

    def born() -> Bot:
        return Bot(MortalDesk(house, life), homeserver, lines)

    bot = born()
    for doing in story(house):
        try:
            doing(bot)
        except Killed:
            house.time += 120  # a lease runs out, and an answer becomes the courier's
            bot = born()
            doing(bot)
    return lines, life


def seen(lines: list[str]) -> list[str]:
    """How each message that people see begins, whatever their rooms are called."""
    return sorted(re.sub(r"!rehearsed-\d+:rehearsal", "!room", line)[:60] for line in lines if line.startswith(_SEEN))


def hear(happening: Happening) -> Doing:
    return lambda bot: bot.hear(happening)


def deliver(bot: Bot) -> list[str]:
    return bot.delivers()


def said(house: House, number: int, text: str) -> Doing:
    return hear(Said(CHAT, EventId(f"$said-{number}"), ALICE, text, from_unix(house.time)))


def question(house: House, meaning: str) -> EventId:
    """The newest message of that meaning that waits for Alice's answer."""
    with house.database.read() as session:
        query = select(PromptRow.event).where(PromptRow.meaning == meaning).order_by(PromptRow.id.desc())
        return EventId(session.scalars(query).first() or "")


def tapped(house: House, sign: str, meaning: str) -> Doing:
    reacted = Reacted(CHAT, EventId(f"$tap-{meaning}"), ALICE, question(house, meaning), sign, from_unix(house.time))
    return hear(reacted)


def meet(bot: Bot) -> None:
    bot.rehearsal.rooms.setdefault(CHAT, {ALICE, BOT})


def pays(house: House) -> None:
    house.asking(stake=5 * ERN)
    with house.work() as rooms:  # Bob does not care to hear of it, so that the plots stay short
        rooms.people.stop_notices(rooms.people.number(BOB))
    house.pay()
    house.knock()
    house.join()


def greeting(house: House) -> Iterator[Doing]:
    """Alice turns to the bot and sets her door; Bob is held."""
    yield lambda bot: bot.rehearsal.rooms.setdefault(CHAT, {ALICE})
    yield hear(Invited(CHAT, ALICE))
    yield said(house, 1, "door stake 5")
    house.asking(stake=5 * ERN)
    house.knock()
    yield deliver


def accepting(house: House) -> Iterator[Doing]:
    """Alice is asked, and accepts by a tap."""
    yield meet
    yield said(house, 1, "knocks")
    pays(house)
    yield deliver
    yield tapped(house, "✅", "answer")


def tapping(house: House) -> Iterator[Doing]:
    """Alice calls Bob spam and takes it back, by taps."""
    yield meet
    pays(house)
    yield said(house, 1, f"spam {BOB}")
    yield tapped(house, "👍", "confirm_spam")
    yield tapped(house, "⏪", "undo")


def writing(house: House) -> Iterator[Doing]:
    """Alice calls Bob spam and takes it back, in words."""
    yield meet
    pays(house)
    yield said(house, 1, f"spam {BOB}")
    yield said(house, 2, "confirm")
    yield said(house, 3, f"undo {BOB}")


def forgetting(house: House) -> Iterator[Doing]:
    """Alice is forgotten, as she wishes."""
    yield meet
    yield said(house, 1, "forget me")
    yield said(house, 2, "confirm")


@pytest.fixture
def make_house(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[], House]]:
    made: list[Database] = []

    def make() -> House:
        file = tmp_path / f"{len(made)}.db"
        shutil.copyfile(sqlite_template, file)
        made.append(Database(make_engine(f"sqlite:///{file}")))
        return House(made[-1])

    yield make
    for database in made:
        database.engine.dispose()


@pytest.mark.parametrize("plot", [greeting, accepting, tapping, writing, forgetting])
def test_what_people_see_is_the_same(make_house: Callable[[], House], plot: Callable[[House], Iterator[Doing]]) -> None:
    undisturbed, life = play(make_house(), None, plot)
    assert life.points > 10
    for point in range(1, life.points + 1):
        house = make_house()
        lines, _ = play(house, point, plot)
        assert seen(lines) == seen(undisturbed), f"died at point {point}:\n" + "\n".join(lines)
        with house.database.read() as session:
            for row in session.scalars(select(OutboxRow).where(OutboxRow.kind == "answer")):
                assert row.done_at is not None
                assert row.payload == {}, "an answer that was sent is kept nowhere"
            assert not session.scalars(select(SpamVerdictRow)).all()
            answers = session.scalars(select(GrantRow.answer)).all()
            assert answers in ([], ["undone"], ["accept"])
