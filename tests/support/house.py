"""The rooms from the ledger to the gate on one database, with a clock that stands where a test puts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.events import StakeEvent, Terms
from kit.amounts import ZERO, Amount
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Address, Hash32, PersonId, RoomId, UserId
from kit.outbox import OutboxRow
from ledger.book import Book
from ledger.holders import Holders
from ledger.outgoing import Outgoing
from ledger.people import People
from ledger.store import holders as wallets
from payments.carrying.model import RelayLimits
from payments.carrying.service import Carrying
from payments.flair.service import Supporters
from payments.stakes.model import Answer, EscrowTerms, Quote, Stake, StakeChange
from payments.stakes.relaying import Relaying
from payments.stakes.service import Stakes
from payments.stakes.settling import possible_keys
from reputation.asks import Asks
from reputation.contacts import Contacts
from reputation.courtesy import Courtesy
from reputation.doors import Doors
from reputation.gate import Gate
from reputation.knowing import Knowing
from reputation.lookup import Passing, look_up
from reputation.model import AnswerOutcome, GateAnswer, Knock, OpensAt, Tenant
from reputation.notices import Notices
from reputation.supporting import Supporting
from reputation.tenants import Tenants
from reputation.vouches import Vouches
from tests.support.gifts import ASSETS
from tests.support.knocks import ALICE, BOB, BOT, HOME, ROOM
from tests.support.stakes import ESCROW_TERMS, GENESIS, PAYER, Branch, opened, terms_on

LIMITS = RelayLimits(per_day=3, budget=50_000_000)


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms in one transaction."""

    session: Session
    people: People
    book: Book
    holders: Holders
    outgoing: Outgoing
    stakes: Stakes
    relaying: Relaying
    doors: Doors
    tenants: Tenants
    gate: Gate
    vouches: Vouches
    asks: Asks
    contacts: Contacts
    courtesy: Courtesy
    notices: Notices
    supporters: Supporters


class Told:
    """How people stand with each other, as far as a test says so."""

    def __init__(self) -> None:
        """Know nothing."""
        self.staked = 0.0
        """What the last who asked said of a stake."""
        self.of: dict[tuple[PersonId, PersonId], tuple[float, float]] = {}

    def get(self, viewer: PersonId, subject: PersonId, staked: float) -> tuple[float, float] | None:
        """Return standing and confidence."""
        self.staked = staked
        return self.of.get((viewer, subject))


class House:
    """Opens the rooms; ``time`` is both clocks', in Unix seconds; ``chain`` is what the node would tell."""

    def __init__(self, database: Database) -> None:
        """Stand on ``database``."""
        self.database = database
        self.time = GENESIS
        self.chain = Branch()
        self.escrow: EscrowTerms = ESCROW_TERMS
        self.opens_at = OpensAt()
        self.standings = Told()

    @contextmanager
    def work(self) -> Iterator[Rooms]:
        """Open one writing transaction."""
        with self.database.write() as session:
            yield self.rooms(session)

    def rooms(self, session: Session) -> Rooms:
        """The rooms on a session."""
        now, place = from_unix(self.time), self.escrow
        people = People(session, now)
        holders = Holders(session, now)
        outgoing = Outgoing(session, now, place.chain_id)
        book = Book(session, chain_id=place.chain_id, token=place.token, escrow=place.escrow)
        stakes = Stakes(session, now=now, chain_time=self.time, terms=place, outgoing=outgoing, book=book)
        carrying = Carrying(session, now, self.time, limits=LIMITS, outgoing=outgoing, book=book)
        relaying = Relaying(carrying, stakes)
        doors = Doors(session, now=now, people=people, holders=holders, stakes=stakes)
        vouches = Vouches(session, now=now, people=people)
        supporters = Supporters(session, now=now, book=book, assets=ASSETS)
        gate = Gate(
            session,
            now=now,
            people=people,
            doors=doors,
            stakes=stakes,
            bot_id=BOT,
            opens_at=self.opens_at,
            knowing=Knowing(
                people,
                vouches=vouches,
                stakes=stakes,
                standings=self.standings.get,
                supporting=Supporting(session, now, supporters),
            ),
        )
        courtesy, notices = Courtesy(session, now), Notices(session, now=now, people=people)
        tenants = Tenants(session, now)
        return Rooms(
            session,
            people,
            book,
            holders,
            outgoing,
            stakes,
            relaying,
            doors,
            tenants,
            gate,
            vouches,
            Asks(session, now=now, people=people),
            Contacts(session, now=now, people=people),
            courtesy,
            notices,
            supporters,
        )

    # ---------------------------------------------------------------------------------------- people and tenants

    def person(self, name: UserId) -> PersonId:
        """The number of a person."""
        with self.work() as rooms:
            return rooms.people.number(name)

    def tenant(self) -> Tenant:
        """The home server, registered."""
        with self.work() as rooms:
            if rooms.tenants.find(HOME) is None:
                rooms.tenants.add(HOME)
            found = rooms.tenants.find(HOME)
        assert found is not None
        return found

    def asking(self, stake: int = 5, fee: int = 0) -> PersonId:
        """Alice, whose door asks for a stake."""
        self.tenant()
        alice = self.person(ALICE)
        with self.work() as rooms:
            rooms.doors.ask(alice, stake=Amount(stake), fee=Amount(fee) if fee else ZERO)
        return alice

    def link_wallet(self, person: PersonId, address: Address) -> None:
        """Let a person's primary wallet be this one (how it is proved is the ledger's own test)."""
        with self.work() as rooms:
            wallets.link(rooms.session, person, address, is_primary=True, now=from_unix(self.time))

    # ---------------------------------------------------------------------------------------- knocks and stakes

    def knock(
        self,
        *,
        inviter: UserId = BOB,
        invitee: UserId = ALICE,
        room: RoomId = ROOM,
        federated: bool = False,
        proven: bool = True,
    ) -> GateAnswer:
        """Knock as the home server tells it."""
        tenant = self.tenant()
        at = from_unix(self.time)
        knock = Knock(tenant.id, tenant.server_name, inviter, invitee, room, at, federated=federated, proven=proven)
        with self.work() as rooms:
            return rooms.gate.ask(knock)

    def passing(
        self, *, inviter: UserId = BOB, invitee: UserId = ALICE, room: RoomId = ROOM, federated: bool = False
    ) -> Passing | None:
        """What the look-up finds of a knock, which only reads: the admit, if that is all there is to it."""
        tenant, now = self.tenant(), from_unix(self.time)
        knock = Knock(tenant.id, tenant.server_name, inviter, invitee, room, now, federated=federated)
        with self.database.look() as connection:
            return look_up(connection, knock, now=now, bot=BOT).passing

    def quote(self, *, inviter: UserId = BOB) -> Quote:
        """Knock and be held; the quote to pay."""
        quote = self.knock(inviter=inviter).quote
        assert quote is not None
        return quote

    def put(self, event: StakeEvent) -> tuple[StakeEvent, list[StakeChange]]:
        """Put a log into the chain's last block and take it in, as the chain loop does."""
        if not self.chain.blocks:
            self.chain.grow(time=self.time)
        placed = self.chain.add(event)
        return placed, self.take_in(placed)

    def take_in(self, event: StakeEvent) -> list[StakeChange]:
        """Take in one log."""
        with self.work() as rooms:
            changes = rooms.stakes.apply(event)
            for change in changes:
                rooms.gate.stake_changed(change)
            return changes

    def rewind(self, block_hash: Hash32) -> list[StakeChange]:
        """Take back one block."""
        with self.work() as rooms:
            changes = rooms.stakes.rewind(block_hash)
            for change in changes:
                rooms.gate.stake_changed(change)
            return changes

    def leave_and_return(self) -> None:
        """Let the chain's last block leave, and all its logs come back in another block."""
        block, logs = self.chain.blocks[-1]
        self.rewind(block.hash)
        self.chain.cut()
        self.chain.grow(time=self.time + 12)
        for log in logs:
            self.put(log)

    def answer(self, answer: Answer, *, stranger: UserId = BOB) -> AnswerOutcome:
        """Say what Alice says of a stranger."""
        with self.work() as rooms:
            return rooms.gate.answer(rooms.people.number(ALICE), stranger, answer)

    def join(self, user: UserId = ALICE, room: RoomId = ROOM) -> None:
        """Join a room, as the home server tells it."""
        tenant = self.tenant()
        with self.work() as rooms:
            rooms.gate.joined(tenant, user, room)

    def open(self, terms: Terms) -> Stake:
        """Open a stake in a new block."""
        self.chain.grow(time=self.time)
        placed, _ = self.put(opened(terms, self.chain.blocks[-1][0]))
        return self.stake(placed.stake_id)

    def pay(self, *, inviter: UserId = BOB) -> Stake:
        """Knock, be held, and open the stake that was asked for."""
        return self.open(terms_on(self.quote(inviter=inviter), PAYER))

    def stake(self, stake_id: Hash32) -> Stake:
        """A stake as it stands now."""
        with self.work() as rooms:
            return rooms.stakes.get(stake_id)

    # ---------------------------------------------------------------------------------------- what the world is owed

    def notices(self) -> list[dict[str, Any]]:
        """All notices ever owed, oldest first."""
        with self.database.read() as session:
            return [row.payload for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]

    def told(self, person: PersonId) -> list[str]:
        """The codes of all notices to a person, oldest first."""
        return [notice["code"] for notice in self.notices() if notice["to"] == person]

    def calls(self, stake: Stake) -> dict[str, str]:
        """What the escrow is owed for a stake: verb and state of every call that is not withdrawn."""
        with self.work() as rooms:
            found = {key.partition(":")[0]: rooms.outgoing.state(key) for key in possible_keys(stake)}
        return {verb: str(state) for verb, state in found.items() if state not in (None, "withdrawn")}

    def with_finality(self, minutes: int) -> None:
        """Let a chain finalize in this many minutes."""
        self.escrow = replace(self.escrow, finality=timedelta(minutes=minutes))


@pytest.fixture
def house(database: Database) -> House:
    """The rooms, on an empty database of each kind."""
    return House(database)
