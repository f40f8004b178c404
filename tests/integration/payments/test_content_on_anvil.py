"""A version of a listing, bought on the real contract: everybody has their part, and the log is a payment of it."""

from __future__ import annotations

from datetime import UTC, datetime

from contracts import checkout, codec
from contracts.chain import Deployment
from contracts.checkout import Order
from contracts.deployment import add_checkout
from contracts.events import Bought
from kit.clock import from_unix
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import Level, erc20
from payments.content.model import Buyer, Kind, Offer, Version
from payments.content.onchain import paid_by, sale_terms
from tests.support.anvil import CHAIN_ID, ETHER, Anvil

LISTING = "AAAAAAAAAAAAAAAAAAAAAA"
SHOP, FRIEND = Address(b"\x04" * 20), Address(b"\x02" * 20)


def test_bought_as_it_was_listed(fresh_anvil: Anvil, fresh_deployment: Deployment) -> None:
    node = fresh_anvil
    place = add_checkout(node.chain, node.signer("deployer"), fresh_deployment)
    assert place.checkout is not None
    seller, buyer = node.signer("lea"), node.signer("kim")
    node.give_tokens(place, buyer.address, 10 * ETHER)
    offer = Offer(
        kind=Kind.POST,
        title="On doors",
        wallet=seller.address,
        prices={erc20(CHAIN_ID, place.token): 5 * ETHER + 3},
        payees={seller.address: 9_000, FRIEND: 1_000},
        reference="$event",
        fee_bps=250,
        fee_receiver=SHOP,
        expires_at=from_unix(node.now() + 3_600),
    )
    version = Version(1, offer, Hash32(b"\x01" * 32), None, datetime(2027, 1, 1, tzinfo=UTC), None)
    terms = sale_terms(LISTING, version, place.token, chain_id=CHAIN_ID, checkout=place.checkout)
    order = Order(buyer.address, Hash32(bytes(32)), 0, ZERO_ADDRESS, node.now() + 600, Hash32(b"\x05" * 32))
    assert node.send(buyer, place.token, codec.encode_approve(place.checkout, terms.price)).succeeded
    receipt = node.send(buyer, place.checkout, checkout.encode_buy(terms, order))
    assert receipt.succeeded
    block = node.chain.block(receipt.block_hash)
    assert block is not None
    (log,) = node.logs(block.hash, [place.checkout])
    event = checkout.decode_log(log, block, checkout=place.checkout)
    assert isinstance(event, Bought)
    paid = paid_by(event, LISTING, [version], level=Level.SEEN)
    assert paid is not None
    assert paid.key == checkout.purchase_id(terms, order, chain_id=CHAIN_ID, checkout=place.checkout)
    assert (paid.terms, paid.buyer, paid.amount) == (version.terms, Buyer(wallet=buyer.address), 5 * ETHER + 3)
    held = [node.tokens_of(place, who) for who in (SHOP, FRIEND, seller.address, place.checkout)]
    fee = (5 * ETHER + 3) * 250 // 10_000
    part = (5 * ETHER + 3 - fee) // 10
    assert held == [fee, part, 5 * ETHER + 3 - fee - part, 0]
