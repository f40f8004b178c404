"""Gasless: a stranger's signed opening looked at, tried out and taken on; and what became of those that were."""

from __future__ import annotations

from contextlib import suppress

import structlog

from app import paying
from app.container import Container, Work
from contracts import codec, erc20, typed_data
from contracts.events import Terms
from contracts.signatures import signer_of
from kit.errors import ChainUnavailable, Conflict, Forbidden, Refusal
from kit.identifiers import Address, show_hash
from payments.carrying.model import Cargo, Carried
from payments.carrying.service import empty, too_few
from payments.stakes.model import Quote, check_addresses, terms_of

LOG = structlog.get_logger(__name__)

_GAS_MARGIN = (6, 5)
_WOULD_FAIL = {
    Cargo.STAKE: "opening_would_fail",
    Cargo.GIFT: "gift_would_fail",
    Cargo.SETTLEMENT: "payment_would_fail",
    Cargo.CLAIM: "claim_would_fail",
    Cargo.PURCHASE: "purchase_would_fail",
    Cargo.TIP: "tip_would_fail",
}


def carry(
    container: Container, quote_id: str, *, payer: Address, return_to: Address | None, signature: bytes
) -> Carried:
    """Take on the opening that ``payer`` signed for a quote, to be sent by the relayer's key; asking twice is once.

    Raises ``NotFound``, ``Invalid`` for what can never be opened, ``Forbidden`` for a signature that is not the
    payer's, and ``Conflict`` where the quote is not to be paid, a limit is reached or the chain would refuse it now.
    The node is asked while no transaction is open; whatever may have changed meanwhile is checked again in the one
    that takes it on.
    """
    place = container.terms
    check_addresses(place, payer, return_to)
    with container.read() as work:
        quote = work.stakes.find_quote(quote_id)
        terms = terms_of(quote, payer=payer, return_to=return_to)
        known = work.relaying.find(codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow))
        if known is None:
            payable(work, quote)
    authorization = typed_data.authorization_to_open(
        terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow
    )
    if signer_of(authorization.digest, signature) != payer:
        raise Forbidden(
            "signature_not_payers",
            "The signature is not the payer's over these terms. Ask for the terms again, and sign `authorization` "
            "with the paying wallet's own key; a contract's wallet cannot.",
        )
    if known is not None and (known.outcome is None or not known.outcome.may_try_again):
        return known
    paying.check(container, quote, payer, return_to)
    with container.read() as work:
        work.relaying.check(quote, payer)
        set_aside = work.carrying.set_aside()
    gas, max_fee, tokens = _tried_out(container, terms, signature, set_aside=set_aside)
    with container.work() as work:
        quote = work.stakes.find_quote(quote_id)
        if known is None:
            payable(work, quote)
        opening = work.relaying.queue(quote, terms, signature, gas=gas, max_fee=max_fee, tokens=tokens)
    LOG.info("opening_taken_on", stake=show_hash(opening.id), gwei=opening.gwei)
    return opening


def why_not(container: Container, quote: Quote, payer: Address) -> Conflict | None:
    """Return why an opening from ``payer`` would not be carried; ``None`` where nothing is known against it."""
    with container.read() as work:
        try:
            work.relaying.check(quote, payer)
        except Conflict as refusal:
            return refusal
        set_aside = work.carrying.set_aside()
    return _without_ether(container, Cargo.STAKE, set_aside)


def why_none(container: Container, cargo: Cargo) -> Conflict | None:
    """Return why nothing of a cargo would be carried for anybody; ``None`` where nothing is known against it."""
    with container.read() as work:
        if (refusal := work.carrying.why_not(cargo)) is not None:
            return refusal
        set_aside = work.carrying.set_aside()
    return _without_ether(container, cargo, set_aside)


def _without_ether(container: Container, cargo: Cargo, set_aside: int) -> Conflict | None:
    with suppress(ChainUnavailable):
        if container.chain.balance(container.relayer) <= set_aside * 10**9:
            return empty(cargo)
    return None


def settle(container: Container) -> None:
    """Note what became of what is under way, and tell strangers of openings that failed."""
    with container.read() as work:
        if not work.carrying.under_way():
            return
    with container.work() as work:
        for carried, outcome in work.carrying.settle():
            LOG.warning("carried_in_vain", cargo=str(carried.cargo), id=show_hash(carried.id), outcome=str(outcome))
            if carried.about is not None:
                work.notices.gasless_failed(work.stakes.find_quote(carried.about), carried.id, outcome)


def payable(work: Work, quote: Quote) -> None:
    """Refuse a quote that is not to be paid any more."""
    if work.stakes.of_quote(quote.id) is not None:
        raise Conflict("quote_paid", "This quote has been paid already.")
    if quote.superseded_at is not None:
        raise Conflict("quote_superseded", "Another price took this one's place: what is paid on it goes back.")
    if work.chain_time >= quote.quote_expiry:
        raise Conflict("quote_expired", "This price has run out. Knock again to get a new one.")


def _tried_out(container: Container, terms: Terms, signature: bytes, *, set_aside: int) -> tuple[int, int, int]:
    """Ask the node whether the opening would go through now; return its gas, the fee (wei per gas), the payer's tokens.

    ``set_aside``: gwei that the relayer needs for what else is under way.
    """
    data = codec.encode_open_with_authorization(terms, signature)
    due = terms.amount + terms.fee + terms.relay_fee
    place = container.terms.escrow
    return try_out(container, Cargo.STAKE, to=place, data=data, payer=terms.payer, due=due, set_aside=set_aside)


def try_out(
    container: Container,
    cargo: Cargo,
    *,
    to: Address,
    data: bytes,
    payer: Address,
    due: int,
    set_aside: int,
    token: Address | None = None,
) -> tuple[int, int, int]:
    """Ask the node whether what was signed would go through now; return its gas, the fee (wei per gas), the tokens.

    ``due``: what leaves the payer's wallet of ``token``, our own by default; ``set_aside``: gwei that the relayer needs
    for what else is under way. Raises ``Conflict`` where it would not, or the relayer has too little ether.
    """
    chain, relayer = container.chain, container.relayer
    max_fee = chain.fees().max_fee
    if chain.balance(relayer) <= set_aside * 10**9:
        raise empty(cargo)
    tokens = erc20.balance(chain, token or container.deployment.token, payer)
    if tokens < due:
        raise too_few(payer)
    try:
        gas = chain.estimate_gas(to, data, relayer) * _GAS_MARGIN[0] // _GAS_MARGIN[1]
    except Refusal as refusal:
        raise Conflict(
            _WOULD_FAIL[cargo],
            f"The chain would refuse it now ({refusal.message}). Ask for the terms again and sign them anew.",
        ) from None
    if chain.balance(relayer) < set_aside * 10**9 + gas * max_fee:
        raise empty(cargo)
    return gas, max_fee, tokens
