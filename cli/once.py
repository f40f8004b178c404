"""Buying once: a purchase by a terminal has the same id all day, so that nobody pays twice who only asks twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from eth_utils.crypto import keccak

from cli.paying import Payable, not_busy
from contracts import checkout, codec
from contracts.chain import Chain
from contracts.checkout import Order, SaleTerms
from kit.errors import Conflict
from kit.identifiers import Hash32, show_hash

_DAY: Final = 86_400
_NAME: Final = b"earnest-buy:"


def once(chain: Chain, what: Payable) -> Order:
    """Return its order with the id that every purchase of its wallet by these terms, and for its memo, has today.

    The contract takes an id once. So a command that was cut off after its payment was sent, and is given again, pays
    nothing: not even while the first payment waits for its block. Raises ``Conflict`` where a transaction of the wallet
    waits, or where it bought this today or the day before (UTC, by the chain's time), and ``Unavailable``.
    """
    terms, order = what.terms, what.order
    not_busy(chain, order.buyer)
    head = chain.block("latest")
    today = (0 if head is None else head.timestamp) // _DAY
    for day in (today, today - 1):
        purchase = checkout.purchase_id(
            terms, _of_day(terms, order, day), chain_id=chain.chain_id, checkout=what.contract
        )
        if codec.decode_bool(chain.call(what.contract, checkout.encode_bought(purchase))):
            raise Conflict(
                "bought_already",
                f"This wallet bought that already, as {show_hash(purchase)}: nothing was paid now. --again buys it "
                "once more.",
            )
    return _of_day(terms, order, today)


def _of_day(terms: SaleTerms, order: Order, day: int) -> Order:
    until = min((day + 2) * _DAY, terms.valid_until)
    salt = Hash32(keccak(_NAME + bytes(checkout.terms_hash(terms)) + bytes(order.buyer) + day.to_bytes(8)))
    return replace(order, valid_before=until, salt=salt)
