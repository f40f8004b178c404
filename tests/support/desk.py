"""The bot's desk: all rooms on one database as the container opens them, and a bot on a rehearsed homeserver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import pytest
from sqlalchemy.orm import Session

from app.container import Container, Work
from app.conversations import Conversations
from app.giving import Giving
from app.hearing import Hearing
from app.labelling import Labelling
from app.sessions import Sessions
from app.supporting.service import Support, Surroundings
from app.webhooks.owed import Owed
from app.webhooks.registry import Webhooks
from app.wording.reader import Service
from bot.admitting import Admitting
from bot.applying import Applying
from bot.courier import Courier
from bot.crossing import Crossing
from bot.desk.desk import Desk as ManagementDesk
from bot.entering import Entering
from bot.homeserver import EventId, Happening, Homeserver, Reacted, Said
from bot.listener import Listener
from bot.policy_rooms import PolicyRooms
from bot.rehearsal import Rehearsal
from bot.supporting import Supporting
from bot.views import Views
from bot.warden import Warden
from bot.watcher import Watcher
from contracts.chain import Deployment
from kit.clock import from_unix
from kit.fetching import Fetcher
from kit.identifiers import PersonId, RoomId, UserId
from kit.sealing import Seal
from ledger.book import Book
from ledger.feed import Feed
from payments.content.signed import SignedPurchases
from payments.flair.flairs import Flairs
from payments.flair.signed import SignedGifts
from payments.rewards.claims import RewardClaims
from payments.rewards.distribution import Distribution
from payments.rewards.service import Rewards
from payments.settlements.service import Settlements
from payments.settlements.x402 import Token
from payments.tips.signed import SignedTips
from reputation.desks import Desks
from reputation.digests import Digests
from reputation.followed import Followed
from reputation.guarding import Protections
from reputation.happenings import Happenings
from reputation.helping import Helping
from reputation.knowing import Knowing
from reputation.moderation import Moderation
from reputation.outlooks import Outlooks
from reputation.publishing import Publishing
from reputation.screens import Filters
from tests.support.house import House
from tests.support.knocks import ALICE, BOT, HOME

SERVICE = Service("ERN", 18, "https://earnest.example", BOT)
_FETCHER = Fetcher()
CHAT = RoomId("!chat-of-alice:home.example")


class Desk:
    """Opens transactions as the container does, on a house whose clock stands where the test puts it."""

    def __init__(self, house: House) -> None:
        """Open the rooms of ``house``."""
        self.house = house
        self.bot_id = BOT
        self.stewards: tuple[UserId, ...] = ()
        self.labelling = Labelling(house.database, self.clock)
        self.hearing = Hearing(house.database, lambda: from_unix(house.time))

    def clock(self) -> datetime:
        """The moment where the house's clock stands."""
        return from_unix(self.house.time)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Open one writing transaction."""
        with self.house.database.write() as session:
            yield self._work(session)

    @contextmanager
    def read(self, *, one_moment: bool = False) -> Iterator[Work]:
        """Open one reading transaction."""
        with self.house.database.read(one_moment=one_moment) as session:
            yield self._work(session)

    def _work(self, session: Session) -> Work:
        rooms, place, now = self.house.rooms(session), self.house.escrow, from_unix(self.house.time)
        feed = Feed(session, now)
        book = Book(session, chain_id=place.chain_id, token=place.token, escrow=place.escrow)
        surroundings = Surroundings("https://earnest.example", stewards=self.stewards, profiles_of=HOME)
        supporters = rooms.supporters
        deployed = Deployment(place.chain_id, place.token, place.escrow, 0)
        return Work(
            session=session,
            now=now,
            chain_time=self.house.time,
            seal=_seal,
            distributor=None,
            people=rooms.people,
            book=book,
            holders=rooms.holders,
            outgoing=rooms.outgoing,
            stakes=rooms.stakes,
            carrying=rooms.relaying._carrying,
            relaying=rooms.relaying,
            signed_gifts=SignedGifts(rooms.relaying._carrying, supporters, rooms.outgoing, deployed),
            signed_purchases=SignedPurchases(session, now, rooms.relaying._carrying, rooms.outgoing, deployed),
            signed_tips=SignedTips(
                session,
                now,
                rooms.relaying._carrying,
                rooms.outgoing,
                deployed,
                _seal,
                rooms.holders.addresses,
                lambda: supporters.assets,
            ),
            settlements=Settlements(
                session, now, rooms.relaying._carrying, rooms.outgoing, Token(place.chain_id, place.token)
            ),
            reward_claims=RewardClaims(
                now, rooms.relaying._carrying, rooms.outgoing, Distribution(session, None), None
            ),
            supporters=supporters,
            support=Support(session, now, rooms.people, supporters, rooms.notices, surroundings),
            rewards=Rewards(session, now, service="https://earnest.example", chain_id=place.chain_id),
            flairs=Flairs(
                session,
                now=now,
                people=rooms.people,
                supporters=supporters,
                seal=_seal,
                service="https://earnest.example",
            ),
            giving=Giving(supporters, None),
            doors=rooms.doors,
            tenants=rooms.tenants,
            gate=rooms.gate,
            knowing=Knowing(
                rooms.people, vouches=rooms.vouches, stakes=rooms.stakes, standings=self.house.standings.get
            ),
            followed=Followed(session, now),
            publishing=Publishing(session, now=now, people=rooms.people, seal=_seal),
            filters=Filters(session, now=now, people=rooms.people),
            protections=Protections(session, now),
            vouches=rooms.vouches,
            outlooks=Outlooks(session, now=now, people=rooms.people, doors=rooms.doors, stakes=rooms.stakes),
            hearing=self.hearing,
            asks=rooms.asks,
            contacts=rooms.contacts,
            sessions=Sessions(session, now),
            conversations=Conversations(session, now),
            courtesy=rooms.courtesy,
            notices=rooms.notices,
            digests=Digests(
                session, now=now, people=rooms.people, gate=rooms.gate, asks=rooms.asks, notices=rooms.notices
            ),
            helping=Helping(
                session,
                now=now,
                people=rooms.people,
                gate=rooms.gate,
                asks=rooms.asks,
                notices=rooms.notices,
                bot_id=BOT,
            ),
            moderation=Moderation(session, now, rooms.people),
            desks=Desks(session, now),
            feed=feed,
            happenings=Happenings(session, now, place),
            webhooks=Webhooks(session, now, feed=feed, seal=_seal, check=_FETCHER.check),
            owed=Owed(session, now, feed=feed, seal=_seal, notices=rooms.notices),
        )


def _seal() -> Seal:
    return Seal(bytes(32))


@dataclass
class Bot:
    """A bot on a homeserver; ``run`` plays one scene with it. ``lines`` is all that a rehearsed one would have done."""

    desk: Desk
    homeserver: Homeserver
    lines: list[str] = field(default_factory=list)
    ticks: float = 0.0
    events: int = 0

    def __post_init__(self) -> None:
        """Put the bot together."""
        cross = Crossing(self.desk)
        rooms = self.entering = Entering()
        self.watcher = Watcher(self.homeserver, cross, SERVICE, time=self.time, most=3)
        container = cast("Container", self.desk)
        views = Views(self.homeserver, time=self.time, clock=self.desk.clock)
        applying = Applying(self.homeserver, cross, container, SERVICE, views)
        self.warden = Warden(self.homeserver, cross, container, applying=applying, views=views)
        self.manager = ManagementDesk(
            self.homeserver, cross, container, SERVICE, warden=self.warden, views=views, time=self.time, rooms=rooms
        )
        self.policies = PolicyRooms(self.homeserver, cross, time=self.time)
        self.supporting = Supporting(self.homeserver, cross, time=self.time, rooms=rooms)
        self.admitting = Admitting(self.homeserver, cross, time=self.time)
        self.listener = Listener(
            self.homeserver,
            cross,
            SERVICE,
            time=self.time,
            rooms=rooms,
            watcher=self.watcher,
            desk=self.manager,
            others=(self.policies, self.supporting, self.admitting),
        )
        self.courier = Courier(self.homeserver, cross, SERVICE, time=self.time, rooms=rooms)

    def time(self) -> float:
        """The clock of the throttles."""
        return self.ticks

    def run(self, scene: Callable[[], Awaitable[object]]) -> None:
        """Play a scene."""

        async def _play() -> None:
            await scene()

        asyncio.run(_play())

    def hear(self, happening: Happening) -> list[str]:
        """Let the bot hear something; return what it did."""
        before = len(self.lines)

        async def _hear() -> None:
            await self.listener.hear(happening)
            await self.manager.lanes.work_off()

        self.run(_hear)
        return self.lines[before:]

    def says(self, text: str, *, user: UserId = ALICE, room: RoomId = CHAT, mentions: tuple[UserId, ...] = ()) -> str:
        """Let somebody write to the bot alone; return what it answered, in one text."""
        self.meet(user, room)
        return "\n".join(self.hear(Said(room, self.event(), user, text, from_unix(self.desk.house.time), mentions)))

    def taps(self, sign: str, on: str, *, user: UserId = ALICE, room: RoomId = CHAT) -> str:
        """Let somebody put a reaction on a message of the bot's; return what it answered."""
        at = from_unix(self.desk.house.time)
        return "\n".join(self.hear(Reacted(room, self.event(), user, EventId(on), sign, at)))

    @property
    def rehearsal(self) -> Rehearsal:
        """The homeserver, where it is rehearsed."""
        assert isinstance(self.homeserver, Rehearsal)
        return self.homeserver

    @property
    def chat(self) -> RoomId:
        """Alice's room with the bot."""
        return CHAT

    def room_of(self, user: UserId) -> RoomId:
        """A room in which somebody is alone with the bot."""
        return RoomId(f"!chat-of-{user}")

    def meet(self, user: UserId, room: RoomId) -> None:
        """Put somebody into a room with the bot."""
        self.rehearsal.rooms.setdefault(room, {BOT, user})

    def event(self) -> EventId:
        """A fresh event id."""
        self.events += 1
        return EventId(f"$event-{self.events}")

    def delivers(self) -> list[str]:
        """Let the courier deliver what is due; return what it did."""
        before = len(self.lines)
        self.run(self.courier.deliver)
        return self.lines[before:]

    def asked(self, line: str) -> str:
        """The id of the message that a button was put on last, read from what the bot did."""
        found = [done.split(" on ")[1].split(" in ")[0] for done in line.splitlines() if "would put" in done]
        return found[-1]


def rehearsed(desk: Desk) -> Bot:
    """A bot that does nothing and says what it would do."""
    lines: list[str] = []
    return Bot(desk, Rehearsal(BOT, lines.append), lines)


@pytest.fixture
def desk(house: House) -> Desk:
    """All rooms, on an empty database of each kind."""
    return Desk(house)


@pytest.fixture
def bot(desk: Desk) -> Bot:
    """A rehearsed bot."""
    return rehearsed(desk)


def number(desk: Desk, user: UserId) -> PersonId:
    """The number of a person."""
    with desk.work() as work:
        return work.people.number(user)
