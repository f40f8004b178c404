"""Supporters made up: a tier document, gifts that the operator wrote down, and a keeper of rooms on a lodge."""

from __future__ import annotations

import itertools
import json
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from app.container import Work
from bot.homeserver import Left
from kit.identifiers import PersonId, RoomId, UserId
from payments.flair.documents import read_document
from payments.flair.model import ClaimedBy, Gift, Giver, Showing, Source, currency
from reputation.enforcement.rooms import Membership
from tests.support.desk import Bot, Desk
from tests.support.lodge import Lodge

DAY: Final = timedelta(days=1)
_NUMBERS = itertools.count(1)

DOCUMENT: Final[dict[str, Any]] = {
    "version": 1,
    "kind": "tiers",
    "space": {"title": "Friends of Earnest", "topic": "Who keeps it going."},
    "rooms": [
        {"id": "lounge", "title": "Lounge"},
        {"id": "news", "title": "News first", "posts": True},
        {"id": "table", "title": "Round table"},
    ],
    "tiers": [
        {
            "id": "silver",
            "title": "Silver",
            "month": {"EUR": "5", "ERN": "5", "ETH": "1"},
            "gives": {"space": True, "rooms": ["lounge", "news"], "level": 5},
        },
        {
            "id": "gold",
            "title": "Gold",
            "month": {"EUR": "20", "ERN": "20", "ETH": "4"},
            "gives": {"space": True, "rooms": ["lounge", "news", "table"], "level": 10},
        },
    ],
}
SPACE, LOUNGE, NEWS, TABLE = "space", "room:lounge", "room:news", "room:table"
EVERYTHING: Final = Showing(flair=True, wall=True, name=True, amount=True)


class Opens(Protocol):
    """What opens transactions."""

    def work(self) -> AbstractContextManager[Work]:
        """Open a writing transaction."""
        ...


def use(desk: Opens, document: dict[str, Any] = DOCUMENT) -> None:
    """Let a tier document hold, and fold everything anew."""
    with desk.work() as work:
        work.supporters.use(read_document(json.dumps(document)))
        while work.supporters.fold_some():
            pass


def gave(
    desk: Opens, user: UserId, *, euros: int = 5, months: int = 1, at: datetime | None = None, show: bool = True
) -> Gift:
    """A gift of somebody's, who wishes to be asked in and to show it all, unless not ``show``."""
    with desk.work() as work:
        gift = Gift(
            key=f"hand:{next(_NUMBERS)}",
            source=Source.HAND,
            giver=f"of {user}",
            asset=currency("EUR"),
            amount=euros * 100 * months,
            at=at or work.now,
            months=months,
        )
        work.supporters.gave(gift)
        person = work.people.number(user)
        work.supporters.claimed(Giver(Source.HAND, gift.giver), person, ClaimedBy.HAND)
        if show:
            work.support.wishes(person, joins=True)
            work.supporters.show(person, EVERYTHING)
    return gift


class Keeping:
    """A bot that keeps supporters' rooms on a lodge."""

    def __init__(self, desk: Desk, lodge: Lodge | None = None) -> None:
        """Begin with no room."""
        self.desk = desk
        self.lines: list[str] = []
        self.lodge = Lodge(self.lines) if lodge is None else lodge
        self.bot = Bot(desk, self.lodge, self.lines)

    def round(self) -> None:
        """Let it keep the rooms, once all that changed is settled."""
        self.bot.ticks += 30
        self.bot.run(self.bot.supporting.round)

    def days(self, days: float) -> None:
        """Let days pass, and the rooms be kept then."""
        self.desk.house.time += int(days * 86_400)
        self.round()

    def room(self, key: str) -> RoomId:
        """Where a room is."""
        return self.lodge.kept(key)

    def stands(self, key: str, user: UserId) -> Membership | None:
        """How somebody stands to a room."""
        return self.lodge.membership(self.room(key), user)

    def comes(self, key: str, user: UserId) -> None:
        """Let somebody enter."""
        self.lodge.comes(self.room(key), user)

    def goes(self, key: str, user: UserId, by: UserId | None = None) -> None:
        """Let somebody leave, and the bot hear of it."""
        self.lodge.goes(self.room(key), user, by)
        self.bot.hear(Left(self.room(key), user))

    def number(self, user: UserId) -> PersonId:
        """Somebody's number."""
        with self.desk.work() as work:
            return work.people.number(user)

    def chat(self, user: UserId) -> RoomId:
        """The bot's chat with somebody."""
        with self.desk.read() as work:
            room = work.conversations.room_of(self.number(user))
        assert room is not None
        return room

    def told(self, user: UserId) -> list[str]:
        """What somebody was told of, by code."""
        return self.desk.house.told(self.number(user))
