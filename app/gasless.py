"""Gasless: a stranger's signed opening looked at, tried out and taken on; and what became of those that were."""

from __future__ import annotations

from contextlib import suppress

import structlog

from app import paying
from app.container import Container, Work
from contracts import codec, typed_data
from contracts.events import Terms
from contracts.signatures import signer_of
from kit.errors import ChainUnavailable, Conflict, Forbidden, Refusal
from kit.identifiers import Address, show_hash
from payments.stakes.model import Opening, Quote, check_addresses, terms_of
from payments.stakes.relaying import too_few

LOG = structlog.get_logger(__name__)

_GAS_MARGIN = (6, 5)


def carry(
    container: Container, quote_id: str, *, payer: Address, return_to: Address | None, signature: bytes
) -> Opening:
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
        set_aside = work.relaying.set_aside()
    gas, max_fee, tokens = _tried_out(container, terms, signature, set_aside=set_aside)
    with container.work() as work:
        quote = work.stakes.find_quote(quote_id)
        if known is None:
            payable(work, quote)
        opening = work.relaying.queue(quote, terms, signature, gas=gas, max_fee=max_fee, tokens=tokens)
    LOG.info("opening_taken_on", stake=show_hash(opening.stake_id), gwei=opening.gwei)
    return opening


def why_not(container: Container, quote: Quote, payer: Address) -> Conflict | None:
    """Return why an opening from ``payer`` would not be carried; ``None`` where nothing is known against it."""
    with container.read() as work:
        try:
            work.relaying.check(quote, payer)
        except Conflict as refusal:
            return refusal
        set_aside = work.relaying.set_aside()
    with suppress(ChainUnavailable):
        if container.chain.balance(container.relayer) <= set_aside * 10**9:
            return _empty()
    return None


def settle(container: Container) -> None:
    """Note what became of openings under way, and tell strangers of those that failed."""
    with container.read() as work:
        if not work.relaying.under_way():
            return
    with container.work() as work:
        for opening, outcome in work.relaying.settle():
            LOG.warning("opening_failed", stake=show_hash(opening.stake_id), outcome=str(outcome))
            work.gate.opening_failed(work.stakes.find_quote(opening.quote_id), opening.stake_id, outcome)


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

    ``set_aside``: gwei that the relayer needs for other openings.
    """
    place, chain, relayer = container.terms, container.chain, container.relayer
    max_fee = chain.fees().max_fee
    if chain.balance(relayer) <= set_aside * 10**9:
        raise _empty()
    tokens = codec.decode_uint(chain.call(place.token, codec.encode_balance_of(terms.payer)))
    if tokens < terms.amount + terms.fee + terms.relay_fee:
        raise too_few(terms.payer)
    try:
        data = codec.encode_open_with_authorization(terms, signature)
        gas = chain.estimate_gas(place.escrow, data, relayer) * _GAS_MARGIN[0] // _GAS_MARGIN[1]
    except Refusal as refusal:
        raise Conflict(
            "opening_would_fail",
            f"The chain would refuse it now ({refusal.message}). Ask for the terms again and sign them anew.",
        ) from None
    if chain.balance(relayer) < set_aside * 10**9 + gas * max_fee:
        raise _empty()
    return gas, max_fee, tokens


def _empty() -> Conflict:
    return Conflict(
        "gasless_relayer_empty",
        "The service has no ether left to carry openings with. Pay with a wallet that has some ether for gas; the "
        "same price opens the same door.",
    )
