"""Stakes as values: prices, quotes, states and answers, and the pure rules that connect them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.events import Terms
from kit.amounts import Amount
from kit.identifiers import Address, Hash32, PersonId

QUOTE_TTL = timedelta(hours=24)
"""How long a price stands."""
ANSWER_WINDOW = timedelta(days=7)
"""How long the recipient has to answer, counted from the end of the quote."""
FORFEIT_DELAY = timedelta(hours=48)
"""How long an announced forfeit can be taken back (``ContactEscrow.FORFEIT_DELAY``)."""
ANSWER_MARGIN = timedelta(minutes=10)
"""Answers close one finality and this much before answer-by, so that their transaction is surely in time."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a door asks: a stake (comes back), a fee (paid once the recipient answers), or both; base units."""

    stake: Amount
    fee: Amount


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one pair, stranger → recipient, that stands until ``quote_expiry`` (chain time).

    ``id`` is public and unguessable; ``check_code`` is the short code that refusal, message and page all show.
    """

    id: str
    stranger: PersonId
    recipient: PersonId
    price: Price
    fee_payee: Address
    relay_fee: Amount
    relay_receiver: Address
    resolver: Address
    guardian: Address
    answer_by: int
    quote_expiry: int
    salt: Hash32
    commitment: Hash32
    check_code: str
    created_at: datetime


class StakeState(StrEnum):
    """Where a stake stands: ``OPEN``, then exactly one of returned, forfeited, expired."""

    OPEN = "open"
    FORFEIT_ANNOUNCED = "forfeit_announced"
    RETURNED = "returned"
    FORFEITED = "forfeited"
    EXPIRED = "expired"
    ORPHANED = "orphaned"
    """The block that opened it left the chain; it may come back."""


class Answer(StrEnum):
    """What a recipient may say of a stranger. Joining a room is not an answer."""

    ACCEPT = "accept"
    RETURN = "return"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Stake:
    """A stake on the chain; ``quote_id`` is ``None`` where its terms match no quote of ours (booked, opens nothing)."""

    id: Hash32
    terms: Terms
    state: StakeState
    quote_id: str | None
    stranger: PersonId | None
    recipient: PersonId | None
    opened_block: int
    opened_transaction: Hash32
    executable_at: int | None


def terms_of(quote: Quote, *, payer: Address, return_to: Address | None = None) -> Terms:
    """Return the exact terms under which ``payer`` may stake on ``quote``; the stake goes back to ``return_to``."""
    return Terms(
        payer=payer,
        return_to=payer if return_to is None else return_to,
        amount=quote.price.stake.base_units,
        fee=quote.price.fee.base_units,
        fee_payee=quote.fee_payee,
        relay_fee=quote.relay_fee.base_units,
        relay_receiver=quote.relay_receiver,
        resolver=quote.resolver,
        guardian=quote.guardian,
        answer_by=quote.answer_by,
        quote_expiry=quote.quote_expiry,
        commitment=quote.commitment,
    )


def matches(quote: Quote, terms: Terms) -> bool:
    """Tell whether a stake was opened on exactly this quote; payer and return address are the payer's to choose."""
    return terms == terms_of(quote, payer=terms.payer, return_to=terms.return_to)
