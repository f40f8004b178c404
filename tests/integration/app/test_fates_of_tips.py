"""Tips under whatever may happen: in the end they are what the chain says, read once, and whoever has one is told."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from app import books
from app.chain_loop import ChainLoop
from contracts import checkout, codec
from contracts.checkout import Order, SaleTerms
from contracts.events import Bought
from kit.errors import Conflict
from kit.identifiers import ZERO_ADDRESS, Hash32
from ledger.model import Asset, Level, erc20
from payments.tips.model import Link, News, TipState
from payments.tips.onchain import memo_of
from payments.tips.tables import TipRow
from tests.integration.app.test_fates_of_sales import canonical, mortal
from tests.support.anvil import ETHER, Anvil, running_anvil
from tests.support.lives import Killed
from tests.support.tipped import FIVE, Tipped
from tests.support.tokens import dollar_token

_STEPS = 20
_GAS = 400_000
_LINKS = 3
_FINALITY = 12
_GIVERS = ("kim", "eve")


@pytest.fixture
def fresh_anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A node whose blocks take longer than usual to be final, so that reorgs may be deep."""
    with running_anvil(tmp_path / "anvil.log", finality=_FINALITY) as anvil:
        yield anvil


@dataclass
class Game:
    """Some links, what they were asked for, and everything that was ever sent."""

    tipped: Tipped
    chance: random.Random
    links: list[Link]
    dollars: Asset
    genuine: dict[Hash32, Link] = field(default_factory=dict)
    sent: list[tuple[str, SaleTerms, Order]] = field(default_factory=list)
    deaths: int = 0
    reorgs: int = 0

    def tip(self) -> None:
        """Pay by a link as it is asked for, or by something like it that nobody asked for."""
        link, name = self.chance.choice(self.links), self.chance.choice(_GIVERS)
        wish = replace(FIVE, amount=self.chance.choice((1, 2, 5)) * ETHER, note=self.chance.choice(("", "thanks")))
        wish = replace(wish, asset=self.chance.choice((None, self.dollars)))
        try:
            terms = self.tipped.due(link, wish, name).terms
        except Conflict:  # it was used: who has seen its terms can pay by them all the same
            terms = next(one for _, one, _ in self.sent if self.genuine.get(checkout.terms_hash(one)) == link)
        if self.chance.random() < 0.2:
            terms = replace(terms, price=1)
        else:
            self.genuine[checkout.terms_hash(terms)] = link
        until, salt = self.tipped.fair.anvil.now() + 36_000, Hash32(secrets.token_bytes(32))
        order = Order(self.tipped.fair.address(name), memo_of(link.token), 0, ZERO_ADDRESS, until, salt)
        self.pay(name, terms, order)
        self.sent.append((name, terms, order))

    def pay(self, name: str, terms: SaleTerms, order: Order) -> None:
        fair = self.tipped.fair
        signer = fair.anvil.signer(name)
        fair.anvil.send(signer, terms.asset, codec.encode_approve(fair.checkout, terms.price), gas=_GAS)
        fair.anvil.send(signer, fair.checkout, checkout.encode_buy(terms, order), gas=_GAS)

    def reorg(self) -> None:
        node = self.tipped.fair.anvil
        final, head = node.chain.block("finalized"), node.chain.block("latest")
        assert final is not None
        assert head is not None
        if head.number - final.number > 1:
            node.reorg(min(self.chance.randint(1, head.number - final.number - 1) for _ in range(3)))
            self.reorgs += 1
            if self.sent and self.chance.random() < 0.7:
                self.pay(*self.chance.choice(self.sent))

    def follow(self) -> None:
        """Read on; whoever dies of it is followed by another."""
        while True:
            try:
                with mortal(self.chance):
                    loop = ChainLoop(self.tipped.container)
                    while loop.round():
                        pass
            except Killed:
                self.deaths += 1
            else:
                return


def must_be(game: Game) -> dict[bytes, tuple[object, ...]]:
    """What must have become of each payment that stands."""
    return {
        event.purchase: (event.amount, bytes(event.buyer), erc20(event.at.block.chain_id, event.asset))
        for event in canonical(game.tipped.fair)
        if isinstance(event, Bought) and event.terms in game.genuine
    }


def there_are(game: Game) -> list[TipRow]:
    """The tips that stand."""
    with game.tipped.container.database.read() as session:
        rows = session.scalars(select(TipRow).where(TipRow.state == TipState.PAID.value)).all()
        assert {row.level for row in rows} <= {Level.FINALIZED.value}
        session.expunge_all()
    return list(rows)


def test_tips_are_what_the_chain_says(tipped: Tipped, seed: int) -> None:
    fair, chance = tipped.fair, random.Random(seed)
    (dollars,) = tipped.takes(dollar_token(fair.anvil))
    fair.anvil.mine(2 * _FINALITY)
    game = Game(tipped, chance, [tipped.link() for _ in range(_LINKS)], dollars)
    steps: list[Callable[[], object]] = [game.tip, game.follow, game.reorg, lambda: fair.anvil.mine(1)]
    every: list[Callable[[], object]] = [game.tip, game.follow, game.tip, game.reorg, game.follow] * 3
    for step in [*every, *chance.choices(steps, (6, 3, 2, 1), k=_STEPS)]:
        step()
    fair.anvil.mine(2 * _FINALITY)
    game.follow()
    rows, expected = there_are(game), must_be(game)
    assert {bytes(row.key): (row.amount, row.payer, row.asset) for row in rows} == expected
    assert (game.reorgs, game.deaths) > (0, 0)
    told = [row for row in rows if not row.quiet]
    assert sorted(row.link for row in told) == sorted({row.link for row in rows}), "one by each link, and no less"
    with tipped.container.work() as work:
        for row in told:
            for news in (News.PAID, News.RECEIPT, News.LINE):
                assert work.tips.is_owed(row.token, news, row.round), "whoever has one is told"
            assert work.tips.tries(row.token, News.PAID, row.round)
        for event in canonical(fair):
            if isinstance(event, Bought):
                work.tips.told(event)
    assert {bytes(row.key) for row in there_are(game)} == set(expected), "told once more, nothing comes of it"
    assert books.verify(fair.container).holds


def test_what_comes_back_without_the_one_before_it_is_the_tip(tipped: Tipped) -> None:
    fair, link = tipped.fair, tipped.link()
    first, second = tipped.due(link), tipped.due(link, payer="eve")
    fair.anvil.mine(2 * _FINALITY)
    tipped.send(first.terms, first.order)
    tipped.send(second.terms, second.order, "eve")
    fair.follow_head()
    before = tipped.tip(second.purchase)
    assert before is not None
    assert before.quiet
    fair.anvil.reorg(4)
    tipped.send(second.terms, second.order, "eve")
    fair.anvil.mine(2 * _FINALITY)
    fair.follow_head()
    gone, stands = tipped.tip(first.purchase), tipped.tip(second.purchase)
    assert gone is not None
    assert stands is not None
    assert (gone.state, stands.state, stands.quiet) == (TipState.TAKEN_BACK, TipState.PAID, False)
    assert tipped.news().count("paid") == 1
