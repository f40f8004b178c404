"""Sales under whatever may happen: purchases are in the end what the chain says, read once, and nothing is told twice.

The one that says what must be is written here, from the events of the chain that stands: it knows no reorgs and no
deaths.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import books, reading
from app.chain_loop import ChainLoop
from contracts import checkout, codec
from contracts.checkout import Order, SaleTerms
from contracts.events import Bought, ChainEvent, Refunded
from kit.database import Database
from kit.identifiers import ZERO_ADDRESS, Hash32, PersonId, UserId
from ledger.model import Level
from payments.content.buying import DELIVERY, TAKEN_BACK
from payments.content.disputes import REFUNDED
from payments.content.model import Listing, OwedBecause, PurchaseState
from payments.content.orders import Order as Wish
from payments.content.tables import PurchaseRow
from tests.support.anvil import Anvil, running_anvil
from tests.support.fair import NOTHING, PRICE, Fair
from tests.support.lives import Killed

_STEPS = 25
_GAS = 400_000
_STOCK = 4
_FINALITY = 12
_BUYERS = ("kim", "eve")
_LEFT = {PurchaseState.PAID, PurchaseState.REFUND_APPROVED}
"""What both mean that it was bought: a refund that left the chain is one that was approved."""


@pytest.fixture
def fresh_anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A node whose blocks take longer than usual to be final, so that reorgs may be deep."""
    with running_anvil(tmp_path / "anvil.log", finality=_FINALITY) as anvil:
        yield anvil


@dataclass
class Game:
    """A fair, and everything that was ever sent to its contract."""

    fair: Fair
    chance: random.Random
    listing: Listing
    wish: Wish
    sent: list[tuple[str, SaleTerms, Order]] = field(default_factory=list)
    deaths: int = 0
    reorgs: int = 0

    def call(self, name: str, to: bytes, data: bytes) -> None:
        """Send something, whether or not the contract takes it."""
        self.fair.anvil.send(self.fair.anvil.signer(name), to, data, gas=_GAS)  # type: ignore[arg-type]

    def buy(self) -> None:
        name = self.chance.choice(_BUYERS)
        terms = self.fair.terms(self.listing)
        if self.chance.random() < 0.2:
            terms = checkout.SaleTerms(**{**fields(terms), "price": 1})
        memo = self.wish.memo if self.chance.random() < 0.5 else NOTHING
        until, salt = self.fair.anvil.now() + 36_000, Hash32(secrets.token_bytes(32))
        self.pay(name, terms, Order(self.fair.address(name), memo, 0, ZERO_ADDRESS, until, salt))
        self.sent.append((name, terms, Order(self.fair.address(name), memo, 0, ZERO_ADDRESS, until, salt)))

    def pay(self, name: str, terms: SaleTerms, order: Order) -> None:
        self.call(name, terms.asset, codec.encode_approve(self.fair.checkout, terms.price))
        self.call(name, self.fair.checkout, checkout.encode_buy(terms, order))

    def refund(self) -> None:
        """Pay back what somebody bought, or something like it that is none."""
        if not self.sent:
            return
        name, terms, order = self.chance.choice(self.sent)
        place = self.fair.deployment
        key = checkout.purchase_id(terms, order, chain_id=place.chain_id, checkout=self.fair.checkout)
        by, to = self.chance.choice((*[("lea", name)] * 4, ("eve", "kim"), ("lea", "max")))
        amount = PRICE - self.chance.choice((0, 0, 0, 0, 1))
        self.call(by, place.token, codec.encode_approve(self.fair.checkout, amount))
        data = checkout.encode_refund(key, self.fair.address(to), place.token, amount)
        self.call(by, self.fair.checkout, data)

    def reorg(self) -> None:
        final = self.fair.anvil.chain.block("finalized")
        head = self.fair.anvil.chain.block("latest")
        assert final is not None
        assert head is not None
        if head.number - final.number > 1:
            depths = [self.chance.randint(1, head.number - final.number - 1) for _ in range(3)]
            self.fair.anvil.reorg(min(depths))
            self.reorgs += 1
            if self.sent and self.chance.random() < 0.7:
                self.pay(*self.chance.choice(self.sent))

    def follow(self) -> None:
        """Read on; whoever dies of it is followed by another."""
        while True:
            try:
                with mortal(self.chance):
                    loop = ChainLoop(self.fair.container)
                    while loop.round():
                        pass
            except Killed:
                self.deaths += 1
            else:
                return


@contextmanager
def mortal(chance: random.Random) -> Iterator[None]:
    """Let now and then die who writes to a database: just before it is kept, or just after."""
    write = Database.write

    @contextmanager
    def dying(self: Database) -> Iterator[Session]:
        with write(self) as session:
            yield session
            if chance.random() < 0.1:
                raise Killed
        if chance.random() < 0.1:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "write", dying)
        yield


def fields(terms: SaleTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in terms.__dataclass_fields__}


def canonical(fair: Fair) -> list[ChainEvent]:
    """What the chain that stands says, in its order."""
    with fair.container.read() as work:
        last = work.book.finalized_number()
    assert last is not None
    blocks = reading.final_events(fair.container, fair.deployment.deployed_block, last)
    return [event for _, events in blocks for event in events]


def must_be(game: Game, kim: PersonId) -> dict[bytes, tuple[object, ...]]:
    """What must have become of each payment that stands."""
    fair, left = game.fair, _STOCK
    found: dict[bytes, tuple[object, ...]] = {}
    buyers: dict[bytes, bytes] = {}
    genuine = checkout.terms_hash(fair.terms(game.listing))
    for event in canonical(fair):
        if isinstance(event, Bought) and event.terms == genuine:
            person = kim if event.memo == game.wish.memo else None
            state, why = (PurchaseState.PAID, None) if left else (PurchaseState.OWED_BACK, OwedBecause.SOLD_OUT)
            left -= 1 if left else 0
            found[event.purchase] = (state, why, person, bytes(event.buyer), None)
            buyers[event.purchase] = event.buyer
        if isinstance(event, Refunded) and event.purchase in found:
            known = found[event.purchase]
            whole = event.amount >= PRICE and event.recipient == buyers[event.purchase]
            if whole and event.sender == fair.address("lea") and known[0] is not PurchaseState.REFUNDED:
                found[event.purchase] = (PurchaseState.REFUNDED, *known[1:4], bytes(event.at.transaction))
    return found


def there_is(fair: Fair) -> dict[bytes, tuple[object, ...]]:
    """What the database says of each payment that stands."""
    with fair.container.database.read() as session:
        rows = session.scalars(select(PurchaseRow)).all()
        stand = [row for row in rows if row.state != PurchaseState.TAKEN_BACK.value]
        assert {row.level for row in stand} <= {Level.FINALIZED.value}
        return {bytes(row.key): shown(row) for row in stand}


def shown(row: PurchaseRow) -> tuple[object, ...]:
    state = PurchaseState(row.state)
    why = None if row.because is None else OwedBecause(row.because)
    return (PurchaseState.PAID if state in _LEFT else state, why, row.person, row.wallet, row.refund)


def test_purchases_are_what_the_chain_says(fair: Fair, seed: int) -> None:
    chance = random.Random(seed)
    listing = fair.put_up(stock=_STOCK)
    fair.anvil.mine(2 * _FINALITY)  # what everybody has, and the contracts, are there for good
    with fair.container.work() as work:
        kim = work.people.number(UserId("@kim:example.org"))
        wish = work.orders.order(kim, listing.id)
    game = Game(fair, chance, listing, wish)
    steps = [game.buy, game.refund, game.follow, game.reorg, game.follow, lambda: fair.anvil.mine(1)]
    every = [game.buy, game.follow, game.refund, game.follow, game.reorg, game.follow] * 3
    for step in [*every, *chance.choices(steps, (6, 3, 4, 3, 2, 1), k=_STEPS)]:
        step()
    fair.anvil.mine(2 * _FINALITY)
    game.follow()
    expected = must_be(game, kim)
    assert there_is(fair) == expected
    assert (game.reorgs, game.deaths) > (0, 0)
    bought = sum(1 for one in expected.values() if one[1] is None)
    with fair.container.read() as work:
        now = work.content.listing(listing.id)
    assert (now.left, now.sold) == (_STOCK - bought, bought)
    for kind in (DELIVERY, TAKEN_BACK, REFUNDED):
        assert max(Counter(fair.owed(kind)).values(), default=0) <= (1 if kind != REFUNDED else 2 * _STEPS)
    with fair.container.work() as work:
        for event in canonical(fair):
            if isinstance(event, Bought | Refunded):
                work.sales.told(event)
    assert there_is(fair) == expected, "told once more, nothing comes of it"
    assert books.verify(fair.container).holds
