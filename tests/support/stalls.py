"""A stall: what is sold, on one database and a folder of contents, with a clock that stands where a test puts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.blobs import Blobs
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Address, Hash32, PersonId, UserId
from kit.outbox import OutboxRow
from kit.sealing import Seal
from ledger.holders import Holders
from ledger.model import Level, erc20
from ledger.people import People
from payments.content.holds import Judge, no_rules
from payments.content.model import Buyer, Kind, Listing, Offer, Paid, Purchase
from payments.content.service import Content

START = from_unix(1_800_000_000)
ERN = erc20(31337, Address(bytes([7]) * 20))
OTHER = erc20(31337, Address(bytes([8]) * 20))
WALLET = Address(bytes([1]) * 20)
"""The seller's."""
PAYER = Address(bytes([2]) * 20)
SEAL = Seal(bytes(32))


def offer(**changes: Any) -> Offer:  # noqa: ANN401 - the parts of an offer
    """A text for 5 ERN, good at once."""
    made = Offer(kind=Kind.TEXT, title="On doors", wallet=WALLET, prices={ERN: 5}, finality=Level.SEEN)
    return replace(made, **changes)


def key(number: int) -> Hash32:
    """The key of a payment."""
    return Hash32(number.to_bytes(32, "big"))


class Stall:
    """Opens transactions on a database; ``lea`` sells, ``kim`` buys."""

    def __init__(self, database: Database, folder: Path) -> None:
        """Stand on ``database``, with contents in ``folder``."""
        self.database = database
        self.blobs = Blobs(folder)
        self.now: datetime = START
        self.judge: Judge = no_rules
        with database.write() as session:
            people = People(session, self.now)
            self.lea = people.number(UserId("@lea:earnest.example"))
            self.kim = people.number(UserId("@kim:earnest.example"))

    @contextmanager
    def work(self) -> Iterator[Content]:
        """Open one writing transaction."""
        with self.database.write() as session:
            yield self.content(session)

    def content(self, session: Session) -> Content:
        """The room on a session."""
        holders = Holders(session, self.now)
        wallets, holder = holders.addresses, holders.person_of
        return Content(session, self.now, seal=lambda: SEAL, wallets=wallets, holder=holder, judge=self.judge)

    def put_up(
        self,
        text: bytes = b"A door is a policy.",
        *,
        seller: PersonId | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> Listing:
        """List a text of the seller's."""
        written = self.blobs.write([text])
        with self.work() as content:
            mine = seller or self.lea
            blob = content.keep(mine, written, "doors.txt")
            return content.list_(mine, offer(**changes), blob=blob, allowed=[ERN, OTHER])

    def pay(self, listing: Listing, number: int = 1, **changes: Any) -> Purchase:  # noqa: ANN401 - the parts of a payment
        """Tell of a payment by the terms of a listing."""
        with self.work() as content:
            return content.bought(self.paid(listing, number, **changes))

    def paid(self, listing: Listing, number: int = 1, **changes: Any) -> Paid:  # noqa: ANN401 - the same
        """A payment of kim's by the terms of a listing."""
        made = Paid(
            key=key(number),
            listing=listing.id,
            terms=listing.version.terms,
            buyer=Buyer(person=self.kim),
            asset=ERN,
            amount=5,
            level=Level.SEEN,
            at=self.now,
        )
        return replace(made, **changes)

    def read(self, buyer: Buyer, listing: Listing) -> bytes | None:
        """What a buyer reads of the newest version they have."""
        with self.work() as content:
            access = content.access(buyer, listing.id)
            if access is None or access.newest.stored is None:
                return None
            return b"".join(content.open_(self.blobs, access.newest.stored))

    def stands(self, listing: Listing) -> Listing:
        """The listing as it is now."""
        with self.work() as content:
            return content.listing(listing.id)

    def owed(self, kind: str) -> list[str]:
        """Which purchases the outbox has an effect of a kind for."""
        with self.database.read() as session:
            return [row.payload["purchase"] for row in session.scalars(select(OutboxRow).where(OutboxRow.kind == kind))]

    def pass_by(self, time: timedelta) -> None:
        """Let time go by."""
        self.now += time
