"""An entrance: a room on a lodge that @lea sells admission to, and a bot that keeps it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.homeserver import Invited, Left
from kit.clock import from_unix
from kit.identifiers import PersonId, RoomId, UserId
from kit.outbox import OutboxRow
from ledger.model import Level
from payments.content.model import Buyer, Kind, Listing, Offer, Paid, Purchase
from reputation.enforcement.rooms import Membership
from tests.support.desk import Bot, Desk
from tests.support.knocks import BOT
from tests.support.lodge import Lodge
from tests.support.stalls import ERN, WALLET, key

ROOM: Final = RoomId("!parlour:home.example")
LEA: Final = UserId("@lea:home.example")
CAROL: Final = UserId("@carol:home.example")
"""She is in the room before anybody buys anything."""
MONTH: Final = timedelta(days=30)
_LEVELS: Final = "m.room.power_levels"
_NUMBERS = itertools.count(1)


def admission(**changes: Any) -> Offer:  # noqa: ANN401 - the parts of an offer
    """Admission to the room for 30 days, for 5 ERN, good at once."""
    fields: dict[str, Any] = {"kind": Kind.ADMISSION, "title": "The parlour", "wallet": WALLET, "prices": {ERN: 5}}
    return Offer(**(fields | {"reference": ROOM, "admitted": MONTH, "finality": Level.SEEN} | changes))


class Entrance:
    """A room of @lea's, in which @carol is, and a bot that keeps who bought admission to it."""

    def __init__(self, desk: Desk, lodge: Lodge | None = None) -> None:
        """Begin with nothing for sale; the bot is not there yet, unless ``lodge`` has it so."""
        self.desk = desk
        self.lines: list[str] = []
        self.lodge = Lodge(self.lines) if lodge is None else lodge
        if lodge is None:
            self.opens(ROOM)
        self.bot = Bot(desk, self.lodge, self.lines)

    def opens(self, room: RoomId) -> None:
        """Let @lea have a room."""
        self.lodge.states[room] = []
        self.lodge.puts(room, "m.room.create", "", {"room_version": "10", "creator": LEA}, LEA)
        self.lodge.comes(room, LEA)
        self.lodge.comes(room, CAROL)
        self.powers(room=room)

    def powers(self, bot: int = 60, lea: int = 100, *, room: RoomId = ROOM) -> None:
        """Let @lea and the bot have levels there; it takes 50 to invite, and to put out."""
        levels = {"users": {LEA: lea, BOT: bot}, "invite": 50, "kick": 50}
        self.lodge.puts(room, _LEVELS, "", levels, LEA)

    def enters(self, room: RoomId = ROOM) -> None:
        """Let @lea invite the bot, and it come."""
        self.bot.hear(Invited(room, LEA))
        self.lodge.comes(room, BOT)

    def lists(self, **changes: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
        """Let @lea put it up."""
        with self.desk.work() as work:
            seller = work.people.number(LEA)
            return work.content.list_(seller, admission(**changes), allowed=[ERN])

    def for_sale(self, **changes: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
        """Let @lea put it up, and the bot be there and find it well."""
        listing = self.lists(**changes)
        self.enters()
        self.round()
        return listing

    def stands(self, listing: Listing) -> Listing:
        """The listing as it is now."""
        seller = self.number(LEA)
        with self.desk.read() as work:
            return work.content.own(seller, listing.id)

    def buys(self, listing: Listing, who: UserId | Buyer, *, key_of: int | None = None) -> Purchase:
        """Let somebody pay for it."""
        buyer = who if isinstance(who, Buyer) else Buyer(person=self.number(who))
        paid_by = next(_NUMBERS) if key_of is None else key_of
        at = from_unix(self.desk.house.time)
        with self.desk.work() as work:
            return work.content.bought(
                Paid(key(paid_by), listing.id, listing.version.terms, buyer, ERN, 5, Level.SEEN, at)
            )

    def round(self) -> None:
        """Let the bot keep the room, as often as it takes until nothing changes, once all is settled."""
        for _ in range(3):
            self.bot.ticks += 30
            self.bot.run(self.bot.admitting.round)

    def days(self, days: float) -> None:
        """Let days pass, and the room be kept then."""
        self.desk.house.time += int(days * 86_400)
        self.round()

    def stands_to(self, user: UserId, room: RoomId = ROOM) -> Membership | None:
        """How somebody stands to the room."""
        return self.lodge.membership(room, user)

    def comes(self, user: UserId) -> None:
        """Let somebody enter."""
        self.lodge.comes(ROOM, user)

    def goes(self, user: UserId, by: UserId | None = None) -> None:
        """Let somebody leave, and the bot hear of it."""
        self.lodge.goes(ROOM, user, by)
        self.bot.hear(Left(ROOM, user))

    def number(self, user: UserId) -> PersonId:
        """Somebody's number."""
        with self.desk.work() as work:
            return work.people.number(user)

    def told(self, user: UserId) -> list[str]:
        """What somebody was told of, by code."""
        person = self.number(user)
        return [one["code"] for one in self.owed("notice") if one["to"] == person]

    def owed(self, kind: str) -> list[dict[str, Any]]:
        """What the outbox has of a kind."""
        with self.desk.read() as work:
            rows = work.session.scalars(select(OutboxRow).where(OutboxRow.kind == kind).order_by(OutboxRow.id))
            return [dict(row.payload) for row in rows]

    def invited(self) -> list[str]:
        """Whom the bot invited, in order."""
        return [whom for what, _, whom in self.lodge.done if what == "invite"]
