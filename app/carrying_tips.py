"""Carrying tips: a giver's signed tip looked at, tried out and taken on, so that no ether is needed."""

from __future__ import annotations

from app import carrying_orders, tipping
from app.container import Container
from contracts.checkout import Order
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from payments.carrying.model import Carried
from payments.tips.model import Wish
from payments.tips.onchain import memo_of


def carry(
    container: Container,
    token: str,
    wish: Wish,
    signature: bytes,
    *,
    payer: Address,
    valid_before: int,
    salt: Hash32,
) -> Carried:
    """Take on a tip by a link that its payer signed, to be sent by the relayer's key; asking twice is once.

    ``wish``: just what the terms were asked for with. Raises ``NotFound`` for a link that is over and for what was not
    asked for by it, and what ``carrying_orders.carry`` does.
    """
    place = tipping.place_of(container)
    with container.read() as work:
        terms = work.tip_links.asked(token, wish, place)
    order = Order(payer, memo_of(token), 0, ZERO_ADDRESS, valid_before, salt)
    return carrying_orders.carry(container, terms, order, signature, of=lambda work: work.signed_tips)
