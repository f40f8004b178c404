"""Every way something is bought and paid back, on the real contract, through our own calls, signatures and events."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import pytest

from contracts import checkout, codec, typed_data
from contracts.chain import Deployment, Receipt
from contracts.checkout import Order, SaleTerms, Share
from contracts.deployment import add_checkout
from contracts.events import Bought, Refunded
from contracts.signers import KeySigner
from kit.errors import Conflict
from kit.identifiers import Address, Hash32
from tests.support.anvil import ETHER, Anvil

HOUR = 3_600


@dataclass(frozen=True)
class Market:
    """A node with a checkout, and payees whom nobody has paid before."""

    node: Anvil
    place: Deployment
    seller: KeySigner
    painter: Address
    shop: Address

    @property
    def checkout(self) -> Address:
        assert self.place.checkout is not None
        return self.place.checkout

    def buyer(self) -> KeySigner:
        """Somebody new with 100 ERN."""
        buyer = self.node.signer(f"a buyer {os.urandom(8).hex()}")
        self.node.give_tokens(self.place, buyer.address, 100 * ETHER)
        return buyer

    def terms(self) -> SaleTerms:
        """10 ERN: a tenth is the shop's, a fifth of the rest the painter's."""
        return SaleTerms(
            seller=self.seller.address,
            asset=self.place.token,
            price=10 * ETHER + 7,
            listing=Hash32(os.urandom(32)),
            content=Hash32(os.urandom(32)),
            valid_until=self.node.now() + 24 * HOUR,
            fee_bps=1_000,
            fee_receiver=self.shop,
            shares=(Share(self.painter, 2_000),),
        )

    def order(self, buyer: Address, *, relay_fee: int = 0) -> Order:
        relayer = Address(b"\x4e" * 20)
        return Order(buyer, Hash32(b"\x3e" * 32), relay_fee, relayer, self.node.now() + HOUR, Hash32(os.urandom(32)))

    def told(self, receipt: Receipt) -> list[Bought | Refunded]:
        """What the checkout says in a transaction's block."""
        assert receipt.succeeded
        block = self.node.chain.block(receipt.block_hash)
        assert block is not None
        logs = self.node.logs(block.hash, [self.checkout])
        return [event for log in logs if (event := checkout.decode_log(log, block, checkout=self.checkout))]

    def balance(self, account: Address) -> int:
        return self.node.tokens_of(self.place, account)

    def purchase(self, terms: SaleTerms, order: Order) -> Hash32:
        return checkout.purchase_id(terms, order, chain_id=self.place.chain_id, checkout=self.checkout)

    def is_known(self, purchase: Hash32) -> bool:
        return codec.decode_bool(self.node.chain.call(self.checkout, checkout.encode_bought(purchase)))

    def assert_bought(self, receipt: Receipt, terms: SaleTerms, order: Order, *, paid: int) -> None:
        """Everybody has exactly their part, and one log says so."""
        (event,) = self.told(receipt)
        assert isinstance(event, Bought)
        wanted = (self.purchase(terms, order), order.buyer, terms.seller, terms.asset, terms.price, terms.listing)
        assert (event.purchase, event.buyer, event.seller, event.asset, event.amount, event.listing) == wanted
        assert (event.terms, event.memo) == (checkout.terms_hash(terms), order.memo)
        assert self.is_known(event.purchase)
        assert {payee: self.balance(payee) for payee, _ in checkout.parts(terms)} == dict(checkout.parts(terms))
        assert self.balance(order.buyer) == 100 * ETHER - paid
        assert self.balance(self.checkout) == 0


@pytest.fixture(scope="module")
def place(anvil: Anvil, deployment: Deployment) -> Deployment:
    """The one node's deployment with a checkout."""
    return add_checkout(anvil.chain, anvil.signer("deployer"), deployment)


@pytest.fixture
def market(anvil: Anvil, place: Deployment) -> Market:
    """A market with payees of its own."""
    seller = anvil.signer(f"a seller {os.urandom(8).hex()}")
    return Market(anvil, place, seller, Address(os.urandom(20)), Address(os.urandom(20)))


def by_allowance(market: Market, buyer: KeySigner, terms: SaleTerms, order: Order) -> Receipt:
    market.node.send(buyer, terms.asset, codec.encode_approve(market.checkout, terms.price))
    return market.node.send(buyer, market.checkout, checkout.encode_buy(terms, order))


def signed(market: Market, buyer: KeySigner, terms: SaleTerms, order: Order) -> bytes:
    """The call that anybody may carry."""
    place = market.place
    wanted = typed_data.authorization_to_buy(
        terms, order, chain_id=place.chain_id, token=place.token, checkout=market.checkout
    )
    return checkout.encode_buy_with_authorization(terms, order, buyer.sign_digest(wanted.digest))


@pytest.mark.parametrize("along", [0, 1, 2, 16])
def test_the_hashes_are_the_contracts(market: Market, along: int) -> None:
    call = market.node.chain.call
    many = tuple(Share(Address(bytes([1 + place]) * 20), 1 + place) for place in range(along))
    terms = replace(market.terms(), shares=many)
    order = market.order(Address(b"\xb0" * 20), relay_fee=5)
    found = codec.decode_hash(call(market.checkout, checkout.encode_terms_hash(terms)))
    assert found == checkout.terms_hash(terms)
    found = codec.decode_hash(call(market.checkout, checkout.encode_purchase_id(terms, order)))
    assert found == market.purchase(terms, order)


def test_bought_by_allowance(market: Market) -> None:
    buyer = market.buyer()
    terms, order = market.terms(), market.order(buyer.address, relay_fee=ETHER)
    assert not market.is_known(market.purchase(terms, order))
    market.assert_bought(by_allowance(market, buyer, terms, order), terms, order, paid=terms.price)


def test_bought_by_permit(market: Market) -> None:
    buyer, place = market.buyer(), market.place
    terms, order, deadline = market.terms(), market.order(buyer.address), market.node.now() + 600
    nonce = codec.decode_uint(market.node.chain.call(place.token, codec.encode_nonces(buyer.address)))
    permit = typed_data.permit_to_buy(
        terms,
        chain_id=place.chain_id,
        buyer=buyer.address,
        checkout=market.checkout,
        nonce=nonce,
        deadline=deadline,
    )
    call = checkout.encode_buy_with_permit(terms, order, deadline, buyer.sign_digest(permit.digest))
    market.assert_bought(market.node.send(buyer, market.checkout, call), terms, order, paid=terms.price)


def test_bought_by_a_signature_without_any_ether(market: Market) -> None:
    buyer, node = market.buyer(), market.node
    node.set_balance(buyer.address, 0)
    terms, order = market.terms(), market.order(buyer.address, relay_fee=ETHER // 100)
    before = market.balance(order.relay_receiver)
    receipt = node.send(node.signer("a relayer"), market.checkout, signed(market, buyer, terms, order))
    market.assert_bought(receipt, terms, order, paid=terms.price + ETHER // 100)
    assert market.balance(order.relay_receiver) == before + ETHER // 100
    used = node.chain.call(
        market.place.token, codec.encode_authorization_state(buyer.address, market.purchase(terms, order))
    )
    assert codec.decode_bool(used), "the purchase's id is the authorization's nonce"


def test_nothing_is_bought_twice_by_whichever_way(market: Market) -> None:
    buyer, relayer = market.buyer(), market.node.signer("a relayer")
    terms, order = market.terms(), market.order(buyer.address)
    call = signed(market, buyer, terms, order)
    assert market.node.send(relayer, market.checkout, call).succeeded
    with pytest.raises(Conflict, match="BoughtAlready"):
        market.node.send(relayer, market.checkout, call)
    with pytest.raises(Conflict, match="BoughtAlready"):
        by_allowance(market, buyer, terms, order)
    assert market.balance(buyer.address) == 100 * ETHER - terms.price
    again = replace(order, salt=Hash32(os.urandom(32)))
    assert by_allowance(market, buyer, terms, again).succeeded


def test_a_signature_buys_its_own_terms_alone(market: Market) -> None:
    buyer, mallory = market.buyer(), market.node.signer("mallory")
    terms, order = market.terms(), market.order(buyer.address)
    call = signed(market, buyer, terms, order)
    signature = call[-(10 * 32 + 2 * 32) - 3 * 32 :][: 3 * 32]
    r_s_v = signature[32:96] + signature[31:32]
    for other, by in (
        (replace(terms, seller=mallory.address), order),
        (replace(terms, price=terms.price - 1), order),
        (replace(terms, shares=()), order),
        (terms, replace(order, memo=Hash32(bytes(32)))),
    ):
        with pytest.raises(Conflict, match="ERC3009InvalidSignature"):
            market.node.send(mallory, market.checkout, checkout.encode_buy_with_authorization(other, by, r_s_v))
    assert market.node.send(
        mallory, market.checkout, checkout.encode_buy_with_authorization(terms, order, r_s_v)
    ).succeeded, "it was the very signature"


def test_paid_back_by_the_seller(market: Market) -> None:
    buyer, node, seller = market.buyer(), market.node, market.seller
    terms, order = market.terms(), market.order(buyer.address)
    by_allowance(market, buyer, terms, order)
    purchase, amount = market.purchase(terms, order), 3 * ETHER
    call = checkout.encode_refund(purchase, buyer.address, terms.asset, amount)
    with pytest.raises(Conflict, match="ERC20InsufficientAllowance"):
        node.send(seller, market.checkout, call)
    node.send(seller, terms.asset, codec.encode_approve(market.checkout, amount))
    (event,) = market.told(node.send(seller, market.checkout, call))
    assert isinstance(event, Refunded)
    wanted = (purchase, seller.address, buyer.address, terms.asset, amount)
    assert (event.purchase, event.sender, event.recipient, event.asset, event.amount) == wanted
    assert market.balance(buyer.address) == 100 * ETHER - terms.price + amount
