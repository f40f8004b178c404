"""A fair: a service that sells on a real node and a database, and people who pay by the contract."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import selling
from app.container import RELAYER, RESOLVER
from contracts import checkout, codec
from contracts.chain import Deployment
from contracts.checkout import Order, SaleTerms
from contracts.deployment import add_checkout
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, UserId
from kit.outbox import OutboxRow
from ledger.model import Level, erc20
from payments.content.model import Buyer, Kind, Listing, Offer, Purchase
from payments.content.onchain import sale_terms
from tests.support.anvil import ETHER, Anvil
from tests.support.ledgers import Shop
from tests.support.services import a_container

PRICE = 5 * ETHER
NOTHING = Hash32(bytes(32))
TEXT = b"A door is a policy."


class Fair(Shop):
    """A shop in which ``lea`` sells and ``kim`` buys."""

    @property
    def checkout(self) -> Address:
        """The contract that pays for what is sold."""
        assert self.deployment.checkout is not None
        return self.deployment.checkout

    def put_up(self, **changes: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
        """List a text of lea's, good at once."""
        asset = erc20(self.deployment.chain_id, self.deployment.token)
        offer = Offer(
            **{
                "kind": Kind.TEXT,
                "title": "On doors",
                "wallet": self.address("lea"),
                "prices": {asset: PRICE},
                "finality": Level.SEEN,
                **changes,
            }
        )
        with self.container.work() as work:
            lea = work.people.number(UserId("@lea:example.org"))
        return selling.put_up(self.container, lea, offer, [TEXT])

    def terms(self, listing: Listing) -> SaleTerms:
        """What the contract is given for a listing."""
        place = self.deployment
        return sale_terms(listing.id, listing.version, place.token, chain_id=place.chain_id, checkout=self.checkout)

    def buy(
        self, listing: Listing, name: str = "kim", *, memo: Hash32 = NOTHING, terms: SaleTerms | None = None
    ) -> Hash32:
        """Let somebody pay by the contract; return the purchase's key."""
        signer, terms = self.anvil.signer(name), terms or self.terms(listing)
        salt = Hash32(secrets.token_bytes(32))
        order = Order(signer.address, memo, 0, ZERO_ADDRESS, self.anvil.now() + 600, salt)
        assert self.anvil.send(signer, terms.asset, codec.encode_approve(self.checkout, terms.price)).succeeded
        assert self.anvil.send(signer, self.checkout, checkout.encode_buy(terms, order)).succeeded
        return checkout.purchase_id(terms, order, chain_id=self.deployment.chain_id, checkout=self.checkout)

    def refund(self, key: Hash32, *, by: str = "lea", to: str = "kim", amount: int = PRICE) -> None:
        """Let somebody pay back by the contract."""
        signer, token = self.anvil.signer(by), self.deployment.token
        assert self.anvil.send(signer, token, codec.encode_approve(self.checkout, amount)).succeeded
        data = checkout.encode_refund(key, self.address(to), token, amount)
        assert self.anvil.send(signer, self.checkout, data).succeeded

    def purchase(self, key: Hash32) -> Purchase | None:
        """What became of a payment."""
        with self.container.read() as work:
            return work.content.purchase(key)

    def opens(self, listing: Listing, buyer: Buyer) -> bytes | None:
        """What a buyer reads of a listing."""
        with self.container.work() as work:
            access = work.content.access(buyer, listing.id)
            stored = None if access is None else access.newest.stored
            if stored is None:
                return None
            return b"".join(work.content.open_(selling.blobs(self.container), stored))

    def owed(self, kind: str) -> list[str]:
        """The purchases of whom somebody is to be told."""
        with self.container.database.read() as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == kind).order_by(OutboxRow.id))
            return [row.payload["purchase"] for row in rows]


@pytest.fixture
def fair(tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[Fair]:
    """A service that sells by the contract and has read its chain, on a database of each kind."""
    place = add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_deployment)
    container = a_container(
        tmp_path,
        database,
        deployment=place,
        rpc_url=fresh_anvil.url,
        clock=lambda: from_unix(fresh_anvil.now()),
    )
    for role in (RESOLVER, RELAYER):
        fresh_anvil.set_balance(container.signers[role].address, 10 * ETHER)
    made = Fair(container, fresh_anvil, place)
    for name in ("kim", "lea", "eve"):
        made.give(name, 100 * ETHER)
    made.follow()
    yield made
    container.chain.close()
