"""Paying by ``Checkout`` at the terminal: terms as a service tells them are read, and a wallet pays by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cli.wallets import Wallet, make_sure_holds, send
from contracts import checkout, codec, typed_data
from contracts.chain import Chain
from contracts.checkout import Order, SaleTerms, Share
from contracts.erc20 import Facts
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, Hash32, parse_address, parse_hash

_CUT: Final = (
    "This token takes a cut of what is paid, or changes balances by itself: nothing was paid. Take another price."
)


@dataclass(frozen=True, slots=True)
class Payable:
    """What a service offers a wallet: whose contract takes it, by which terms, and the wallet's order."""

    terms: SaleTerms
    order: Order
    contract: Address


def payable(answered: dict[str, Any]) -> Payable:
    """Read what ``POST …/terms`` answered; whether it is what was meant is for whoever asked. Raises ``Invalid``."""
    try:
        what = _read(answered)
    except (KeyError, TypeError, ValueError):
        raise Invalid("answer_malformed", "That service offers nothing that could be paid.") from None
    checkout.check(what.terms, checkout=what.contract)
    return what


def _read(answered: dict[str, Any]) -> Payable:
    told, asked = answered["terms"], answered["order"]
    terms = SaleTerms(
        seller=parse_address(told["seller"]),
        asset=parse_address(told["asset"]),
        price=int(told["price"]),
        listing=parse_hash(told["listing"]),
        content=parse_hash(told["content"]),
        valid_until=int(told["valid_until"]),
        fee_bps=int(told["fee_bps"]),
        fee_receiver=parse_address(told["fee_receiver"]),
        shares=tuple(Share(parse_address(one["payee"]), int(one["bps"])) for one in told["shares"]),
    )
    made = Order(
        buyer=parse_address(asked["buyer"]),
        memo=parse_hash(asked["memo"]),
        relay_fee=int(asked["relay_fee"]),
        relay_receiver=parse_address(asked["relay_receiver"]),
        valid_before=int(asked["valid_before"]),
        salt=parse_hash(asked["salt"]),
    )
    return Payable(terms, made, parse_address(answered["checkout"]))


def not_busy(chain: Chain, wallet: Address) -> None:
    """Refuse a wallet of which a transaction waits: it may be this very payment. Raises ``Conflict``."""
    if chain.nonce(wallet) != chain.nonce(wallet, "latest"):
        raise Conflict("wallet_busy", "A transaction of this wallet is on its way. Ask again once it is in a block.")


def pay(chain: Chain, wallet: Wallet, what: Payable, facts: Facts, text: Callable[[int], str]) -> Hash32:
    """Pay by a permit where the token takes one, and else by an allowance of just the price; return the transaction.

    ``text`` writes so many base units. Raises ``Conflict`` where the wallet holds too little, or the contract refuses.
    """
    terms, made = what.terms, what.order
    make_sure_holds(chain, terms.asset, wallet.address, terms.price, text)
    try:
        if facts.domain is None:
            return _by_allowance(chain, wallet, what)
        nonce = codec.decode_uint(chain.call(terms.asset, codec.encode_nonces(wallet.address)))
        permit = typed_data.permit_to_buy(
            terms,
            chain_id=chain.chain_id,
            buyer=wallet.address,
            checkout=what.contract,
            nonce=nonce,
            deadline=made.valid_before,
            domain=facts.domain,
        )
        signature = wallet.signer.sign_digest(permit.digest)
        data = checkout.encode_buy_with_permit(terms, made, made.valid_before, signature)
        return send(chain, wallet, what.contract, data)
    except Conflict as refused:
        if refused.message.startswith("NotPaidExactly"):
            raise Conflict("not_paid_exactly", _CUT) from None
        raise


def _by_allowance(chain: Chain, wallet: Wallet, what: Payable) -> Hash32:
    terms = what.terms
    allowed = codec.decode_uint(chain.call(terms.asset, codec.encode_allowance(wallet.address, what.contract)))
    if 0 < allowed < terms.price:  # some tokens change none that is not nothing
        send(chain, wallet, terms.asset, codec.encode_approve(what.contract, 0))
    if allowed < terms.price:
        send(chain, wallet, terms.asset, codec.encode_approve(what.contract, terms.price))
    return send(chain, wallet, what.contract, checkout.encode_buy(terms, what.order))
