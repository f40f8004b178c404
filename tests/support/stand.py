"""A stand: @lea's goods in a place with a bot, and payments for them as a rail would tell of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from app import selling
from app.container import Container
from kit.identifiers import Hash32, PersonId, UserId
from ledger.model import Level
from payments.content.model import Buyer, Kind, Listing, Offer, Paid, Purchase
from tests.support.till import SELLER

PRICE = 5 * 10**18


class Somewhere(Protocol):
    """Where a stand is."""

    container: Container

    def user(self, who: str) -> UserId:
        """Return whose account that is."""
        ...


class Stand:
    """Sells in ``place`` what is Bob's, to Alice."""

    def __init__(self, place: Somewhere) -> None:
        """Stand there."""
        self.container = place.container
        with self.container.work() as work:
            self.bob = work.people.number(place.user("bob"))
            self.alice = work.people.number(place.user("alice"))

    def put_up(self, content: bytes, name: str, kind: Kind = Kind.TEXT, **changes: Any) -> Listing:  # noqa: ANN401
        """List something."""
        (token,) = selling.allowed(self.container)
        offer = Offer(kind, "On doors", SELLER, {token: PRICE}, finality=Level.SEEN, licence="To read, not to pass on.")
        return selling.put_up(self.container, self.bob, replace(offer, **changes), [content], name=name)

    def listed(self) -> list[Listing]:
        """What is for sale, newest first."""
        with self.container.read() as work:
            return work.content.listed()[0]

    def pay(self, listing: Listing, number: int = 1, *, buyer: PersonId | None = None) -> Purchase:
        """Tell of a payment for it."""
        (token,) = selling.allowed(self.container)
        with self.container.work() as work:
            paid = Paid(
                key=Hash32(number.to_bytes(32, "big")),
                listing=listing.id,
                terms=listing.version.terms,
                buyer=Buyer(person=buyer or self.alice),
                asset=token,
                amount=PRICE,
                level=Level.SAFE,
                at=work.now,
            )
            return work.content.bought(paid)

    def takes_back(self, number: int = 1) -> None:
        """Let the payment leave the chain."""
        with self.container.work() as work:
            work.content.took_back(Hash32(number.to_bytes(32, "big")))

    def purchase(self, number: int = 1) -> Purchase:
        """What became of a payment."""
        with self.container.read() as work:
            found = work.content.purchase(Hash32(number.to_bytes(32, "big")))
        assert found is not None
        return found
