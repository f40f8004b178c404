"""Tipped: a fair at which @lea takes tips, and what @kim does to tip her."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from sqlalchemy import select

from app import tipping
from app.container import Work
from contracts import checkout, codec
from contracts.checkout import Order, SaleTerms
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, RoomId, UserId, show_address
from kit.outbox import OutboxRow
from ledger.model import Asset, erc20
from ledger.store import holders
from payments.tips.model import Link, Tip, Wish
from payments.tips.onchain import memo_of
from payments.tips.service import NEWS
from tests.support.anvil import ETHER
from tests.support.fair import Fair
from tests.support.tokens import give

ROOM, EVENT = RoomId("!room:example.org"), "$message"
MUCH = 10**24
FIVE = Wish(5 * ETHER, "thank you", public=True)


class Tipped:
    """@lea takes tips at a fair; @kim gives, from the wallet of that name."""

    def __init__(self, fair: Fair) -> None:
        """Let @lea take tips at her wallet."""
        self.fair, self.container = fair, fair.container
        with self.container.work() as work:
            self.kim, self.lea = (work.people.number(UserId(f"@{name}:example.org")) for name in ("kim", "lea"))
            holders.link(work.session, self.lea, fair.address("lea"), is_primary=True, now=work.now)
            work.tip_links.on(self.lea)

    def allow(self, *allowed: Address) -> None:
        """Let the operator allow just these tokens, and the service read its chain."""
        self.container.settings.sales_tokens = ", ".join(map(show_address, allowed))
        self.fair.follow_head()

    def takes(self, *tokens: Address) -> list[Asset]:
        """Let the operator allow these tokens and @lea take tips in them; whoever gives has much of each."""
        self.allow(*tokens)
        assets = [erc20(self.fair.deployment.chain_id, token) for token in tokens]
        for token, asset in zip(tokens, assets, strict=True):
            with self.container.work() as work:
                work.tip_links.on(self.lea, asset)
            for name in ("kim", "eve"):
                give(self.fair.anvil, token, self.fair.address(name), MUCH)
        return assets

    def link(self, wish: Wish = FIVE) -> Link:
        """A link by which @kim tips @lea for a message."""
        with self.container.work() as work:
            return work.tip_links.link(self.kim, self.lea, wish, room=ROOM, event=EVENT)

    def due(self, link: Link, wish: Wish | None = None, payer: str = "kim") -> tipping.Due:
        """What a wallet is given."""
        return tipping.due(self.container, link.token, wish or link.wish, payer=self.fair.address(payer))

    def pay(self, link: Link, wish: Wish | None = None, payer: str = "kim") -> Hash32:
        """Let somebody pay as they are told; the key of the purchase."""
        due = self.due(link, wish, payer)
        self.send(due.terms, due.order, payer)
        return due.purchase

    def send(self, terms: SaleTerms, order: Order, payer: str = "kim") -> None:
        """Send what a wallet was given, or something else."""
        node, signer = self.fair.anvil, self.fair.anvil.signer(payer)
        assert node.send(signer, terms.asset, codec.encode_approve(self.fair.checkout, terms.price)).succeeded
        assert node.send(signer, self.fair.checkout, checkout.encode_buy(terms, order)).succeeded

    def forge(self, link: Link, terms: SaleTerms, payer: str = "kim") -> Hash32:
        """Pay by terms of one's own making."""
        place = self.fair.deployment
        salt = Hash32(secrets.token_bytes(32))
        order = Order(self.fair.address(payer), memo_of(link.token), 0, ZERO_ADDRESS, self.fair.anvil.now() + 600, salt)
        self.send(terms, order, payer)
        return checkout.purchase_id(terms, order, chain_id=place.chain_id, checkout=self.fair.checkout)

    def tip(self, key: Hash32) -> Tip | None:
        """What became of a payment."""
        with self.container.read() as work:
            return tip_of(work, key)

    def news(self) -> list[str]:
        """What somebody is to be told, in its order."""
        with self.container.database.read() as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == NEWS).order_by(OutboxRow.id))
            return [row.payload["news"] for row in rows]


def tip_of(work: Work, key: Hash32) -> Tip | None:
    """The tip that a purchase on the chain is."""
    row = work.tips._store.by_key(key)
    return None if row is None else work.tips._store.tip(row)


def cheaper(terms: SaleTerms) -> SaleTerms:
    """The same for less."""
    return replace(terms, price=1)


@pytest.fixture
def tipped(fair: Fair) -> Tipped:
    """It, on the fair of this test."""
    return Tipped(fair)
