"""Carrying orders: what somebody signed to be paid by ``Checkout`` looked at, tried out and taken on without ether."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from app import gasless
from app.container import Container, Work
from contracts import checkout, typed_data
from contracts.checkout import Order, SaleTerms
from contracts.signatures import signer_of
from contracts.typed_data import TypedData
from kit.errors import Forbidden, Invalid
from kit.identifiers import Hash32, show_hash
from payments.carrying.model import Carried
from payments.carrying.orders import SignedOrders

LOG = structlog.get_logger(__name__)

_SHORTEST_SECONDS: Final = 120
_LONGEST_SECONDS: Final = 86_400
"""How much longer a signature is good when it is taken on: too short comes too late, too long is a debt for ever."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A purchase that would be carried: what it costs beside the price is in its order; ``asks`` is to be signed."""

    order: Order
    purchase: Hash32
    asks: TypedData


def unsigned(container: Container, terms: SaleTerms, order: Order) -> Unsigned:
    """Return what a buyer would sign so that somebody else can carry an order to the chain, for our fee."""
    place, ours = container.deployment, container.terms
    if place.checkout is None or terms.asset != place.token:
        raise Invalid("wrong_asset", "Only what is paid in the service's own token can be carried.")
    carried = Order(
        order.buyer, order.memo, ours.relay_fee.base_units, ours.relay_receiver, order.valid_before, order.salt
    )
    asks = typed_data.authorization_to_buy(
        terms, carried, chain_id=place.chain_id, token=place.token, checkout=place.checkout
    )
    purchase = checkout.purchase_id(terms, carried, chain_id=place.chain_id, checkout=place.checkout)
    return Unsigned(carried, purchase, asks)


def carry(
    container: Container,
    terms: SaleTerms,
    order: Order,
    signature: bytes,
    *,
    of: Callable[[Work], SignedOrders],
) -> Carried:
    """Take on an order that its buyer signed, to be sent by the relayer's key; asking twice is once.

    ``order``: its fee and who has that are ours, whatever they say there. ``of``: the kind that it is of. Raises
    ``Invalid`` for what the contract would not take, ``Forbidden`` for a signature that is not the buyer's, and
    ``Conflict`` where it would be for nothing now, a limit is reached or the chain would refuse it. The node is asked
    while no transaction is open.
    """
    made = unsigned(container, terms, order)
    order = made.order
    if signer_of(made.asks.digest, signature) != order.buyer:
        raise Forbidden(
            "signature_not_buyers", "The signature is not the buyer's over this purchase: ask for the terms again."
        )
    with container.read() as work:
        known, chain_time = work.carrying.find(made.purchase), work.chain_time
    if known is not None and (known.outcome is None or not known.outcome.may_try_again):
        return known
    if not _SHORTEST_SECONDS <= order.valid_before - chain_time <= _LONGEST_SECONDS:
        raise Invalid("purchase_times", "A signed purchase is good for two minutes to a day from now.")
    with container.read() as work:
        orders = of(work)
        contract, cargo = orders.contract, orders.cargo
        orders.check(terms, order.buyer)
        work.carrying.check(cargo, person=None, payer=order.buyer)
        set_aside = work.carrying.set_aside()
    gas, max_fee, tokens = gasless.try_out(
        container,
        cargo,
        to=contract,
        data=checkout.encode_buy_with_authorization(terms, order, signature),
        payer=order.buyer,
        due=terms.price + order.relay_fee,
        set_aside=set_aside,
    )
    with container.work() as work:
        carried = of(work).queue(terms, order, signature, gas=gas, max_fee=max_fee, tokens=tokens)
    LOG.info("order_taken_on", cargo=str(cargo), purchase=show_hash(carried.id), gwei=carried.gwei)
    return carried
