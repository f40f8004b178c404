"""Offers: a quote turned into what a wallet signs and sends, and the receipt that gets a stake back without us."""

from __future__ import annotations

from collections.abc import Callable

from api.schemas.quotes import (
    Call,
    Calls,
    GaslessOfferOut,
    OfferOut,
    Payer,
    ReceiptOut,
    SignedCall,
    TermsOut,
    TypedDataOut,
)
from contracts import codec, typed_data
from contracts.chain import Chain
from contracts.events import Terms
from kit.clock import from_unix
from kit.errors import ChainUnavailable, Conflict, Invalid
from kit.identifiers import Address, Hash32, show_address, show_hash
from payments.stakes.model import EscrowTerms, Quote, check_addresses, terms_of

_SIGNATURE_WORDS = 3 * 32
# Any well-formed signature: it is cut off again, and what stands before it is what a wallet's own is appended to.
_SOME_SIGNATURE = b"\x01" * 64 + b"\x1b"


def offer(
    quote: Quote,
    place: EscrowTerms,
    chain: Chain,
    *,
    payer: Address,
    return_to: Address | None,
    gasless: Conflict | None = None,
) -> OfferOut:
    """Return the quote's terms for ``payer`` with all that their wallet needs; ``gasless``: why we would not carry it.

    Where the chain's node does not answer, what depends on it is missing and the rest is there.
    Raises ``Invalid`` for addresses that a stake can never come from or go back to.
    """
    check_addresses(place, payer, return_to)
    terms = terms_of(quote, payer=payer, return_to=return_to)
    stake = codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow)
    due = terms.amount + terms.fee
    nonce = _asked(lambda: codec.decode_uint(chain.call(place.token, codec.encode_nonces(payer))))
    permit = None
    if nonce is not None:
        permit = typed_data.permit_to_open(
            terms,
            chain_id=place.chain_id,
            token=place.token,
            escrow=place.escrow,
            nonce=nonce,
            deadline=terms.quote_expiry,
        )
    authorization = typed_data.authorization_to_open(
        terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow
    )
    return OfferOut(
        stake_id=show_hash(stake),
        terms=show_terms(terms),
        due=str(due),
        gasless=GaslessOfferOut(
            available=gasless is None,
            why_not=gasless.code if gasless else None,
            why_not_text=gasless.message if gasless else None,
            relay_fee=str(terms.relay_fee),
            due=str(due + terms.relay_fee),
        ),
        typed_data=TypedDataOut(permit=permit.document if permit else None, authorization=authorization.document),
        calls=Calls(
            approve=_call(place.token, codec.encode_approve(place.escrow, due)),
            open=_call(place.escrow, codec.encode_open(terms)),
            open_with_permit=_before_signature(
                place.escrow, codec.encode_open_with_permit(terms, terms.quote_expiry, _SOME_SIGNATURE)
            )
            if permit
            else None,
            open_with_authorization=_before_signature(
                place.escrow, codec.encode_open_with_authorization(terms, _SOME_SIGNATURE)
            ),
        ),
        payer_holds=_holdings(chain, place, payer),
        receipt=receipt(terms, place, transaction=None),
    )


def receipt(terms: Terms, place: EscrowTerms, *, transaction: Hash32 | None) -> ReceiptOut:
    """Return all that is needed to get a stake back with nothing but the chain."""
    stake = show_hash(codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow))
    answer_by = f"{from_unix(terms.answer_by):%Y-%m-%d %H:%M:%S} UTC"
    return ReceiptOut(
        chain_id=place.chain_id,
        escrow=show_address(place.escrow),
        token=show_address(place.token),
        symbol=place.symbol,
        decimals=place.decimals,
        stake_id=stake,
        terms=show_terms(terms),
        transaction=show_hash(transaction) if transaction else None,
        answer_by=terms.answer_by,
        answer_by_text=answer_by,
        get_it_back=_in_words(place, stake, answer_by, show_address(terms.return_to)),
        expire=_call(place.escrow, codec.encode_expire(terms)),
    )


def _in_words(place: EscrowTerms, stake: str, answer_by: str, back: str) -> list[str]:
    escrow = show_address(place.escrow)
    by_hand = (
        f"Usually that happens by itself. If it does not, anybody can do it on chain {place.chain_id}: call "
        f"expire(terms) on the contract {escrow} with the terms of this receipt, from any account."
    )
    states = (
        f"stakes({stake}) on the same contract tells where the stake stands: 1 open, 2 forfeit announced, "
        "3 returned, 4 forfeited, 5 expired."
    )
    forfeits = (
        "While a forfeit is announced, expire does not work: the stake is burned after 48 hours unless the "
        "recipient takes that back."
    )
    return [
        f"If nobody has answered by {answer_by}, the stake and the fee go back to {back}.",
        by_hand,
        "The field 'expire' holds that call ready to send: its 'to', 'data' and 'value' make the transaction.",
        states,
        forfeits,
    ]


def show_terms(terms: Terms) -> TermsOut:
    """Return terms as JSON has them."""
    return TermsOut(
        payer=show_address(terms.payer),
        return_to=show_address(terms.return_to),
        amount=str(terms.amount),
        fee=str(terms.fee),
        fee_payee=show_address(terms.fee_payee),
        relay_fee=str(terms.relay_fee),
        relay_receiver=show_address(terms.relay_receiver),
        resolver=show_address(terms.resolver),
        guardian=show_address(terms.guardian),
        answer_by=terms.answer_by,
        quote_expiry=terms.quote_expiry,
        commitment=show_hash(terms.commitment),
    )


def _holdings(chain: Chain, place: EscrowTerms, payer: Address) -> Payer:
    tokens = _asked(lambda: codec.decode_uint(chain.call(place.token, codec.encode_balance_of(payer))))
    if tokens is None:
        return Payer(tokens=None, ether=None, allowance=None)
    ether = _asked(lambda: chain.balance(payer))
    allowance = _asked(lambda: codec.decode_uint(chain.call(place.token, codec.encode_allowance(payer, place.escrow))))
    return Payer(tokens=str(tokens), ether=_text(ether), allowance=_text(allowance))


def _asked(question: Callable[[], int]) -> int | None:
    try:
        return question()
    except (ChainUnavailable, Invalid):  # no answer, or none that a token of ours would give
        return None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _call(to: Address, data: bytes) -> Call:
    return Call(to=show_address(to), data="0x" + data.hex())


def _before_signature(to: Address, data: bytes) -> SignedCall:
    return SignedCall(to=show_address(to), data="0x" + data[:-_SIGNATURE_WORDS].hex())
