"""Stakes as values: prices, quotes, states and answers, and the pure rules that connect them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.events import Terms
from kit.amounts import UINT256_MAX, ZERO, Amount
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, PersonId

QUOTE_TTL = timedelta(hours=24)
"""How long a price stands."""
ANSWER_WINDOW = timedelta(days=7)
"""How long the recipient has to answer, counted from the end of the quote."""
FORFEIT_DELAY = timedelta(hours=48)
"""How long an announced forfeit can be taken back (``ContactEscrow.FORFEIT_DELAY``)."""
ANSWER_MARGIN = timedelta(minutes=10)
"""Answers close one finality and this much before answer-by, so that their transaction is surely in time."""
RENEW_BEFORE = timedelta(minutes=10)
"""A quote with less than this left is replaced by a new one: nobody could pay it in time."""
UNPAID_KEPT = timedelta(days=30)
"""How long a quote that nobody paid is kept after its end."""
HIGHEST_PRICE = UINT256_MAX // 2
"""Stake, fee and relay fee together stay below this, so that no sum of the escrow's can overflow."""


@dataclass(frozen=True, slots=True)
class EscrowTerms:
    """What all quotes of ours have in common: the place, the keys, and how its token is written.

    ``finality`` is how long the chain takes to finalize a block, generously.
    """

    chain_id: int
    token: Address
    escrow: Address
    resolver: Address
    guardian: Address
    symbol: str
    decimals: int
    finality: timedelta = timedelta(minutes=20)
    relay_fee: Amount = ZERO
    relay_receiver: Address = ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class Price:
    """What a door asks: a stake (comes back), a fee (paid once the recipient answers), or both; base units.

    Where more is asked of one stranger than of others, ``base`` is the door's own stake and ``dearer`` names why.
    """

    stake: Amount
    fee: Amount
    base: Amount | None = None
    dearer: tuple[str, ...] = ()

    @property
    def own(self) -> Price:
        """What the door asks of everybody."""
        return self if self.base is None else Price(self.base, self.fee)


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one pair, stranger → recipient, that stands until ``quote_expiry`` (chain time).

    ``id`` is public and unguessable; ``check_code`` is the short code that refusal, message and page all show.
    ``superseded_at`` (chain time) is set once it no longer stands, because another quote or another wish of the
    recipient took its place: what is opened later than that is returned at once.
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
    superseded_at: int | None = None


_NO_HASH = Hash32(bytes(32))


class StakeState(StrEnum):
    """Where a stake stands: ``OPEN``, then exactly one of returned, forfeited, expired."""

    OPEN = "open"
    FORFEIT_ANNOUNCED = "forfeit_announced"
    RETURNED = "returned"
    FORFEITED = "forfeited"
    EXPIRED = "expired"
    ORPHANED = "orphaned"
    """The block that opened it left the chain; it may come back."""


class Wish(StrEnum):
    """What the recipient's answer, or a rule, asks the escrow to do with a stake; sent once its opening is final."""

    RETURN_ANSWERED = "return_answered"
    RETURN_UNANSWERED = "return_unanswered"
    FORFEIT = "forfeit"


class Answer(StrEnum):
    """What a recipient may say of a stranger. Joining a room is not an answer."""

    ACCEPT = "accept"
    RETURN = "return"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Stake:
    """A stake on the chain; ``quote_id`` is ``None`` where its terms match no quote of ours (booked, opens nothing).

    ``surplus``: its quote was paid already, or stood no longer; it opens nothing and is returned at once.
    ``opened_at`` and ``executable_at`` are chain time; ``answered`` tells of a returned stake whether the fee was paid.
    The last event, whatever it was, stands in block ``last_hash``.
    """

    id: Hash32
    terms: Terms
    state: StakeState
    quote_id: str | None
    stranger: PersonId | None
    recipient: PersonId | None
    opened_block: int
    opened_transaction: Hash32
    executable_at: int | None
    opened_hash: Hash32 = _NO_HASH
    opened_at: int = 0
    surplus: bool = False
    answered: bool | None = None
    wish: Wish | None = None
    last_hash: Hash32 = _NO_HASH
    last_transaction: Hash32 = _NO_HASH

    @property
    def counts(self) -> bool:
        """Tell whether it is the one stake that pays its quote."""
        return self.quote_id is not None and not self.surplus

    @property
    def opens(self) -> bool:
        """Tell whether it holds a door open: it pays its quote, stands on the chain, and nothing became of it yet."""
        return self.counts and self.state is StakeState.OPEN


@dataclass(frozen=True, slots=True)
class StakeChange:
    """A stake that is not as it was; ``before`` is ``None`` where we had never seen it."""

    stake: Stake
    before: StakeState | None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How a recipient has dealt with strangers' stakes so far: counts only, shown before anybody pays.

    ``open`` holds the unanswered ones and those whose forfeit was announced but can still be taken back.
    """

    returned: int
    forfeited: int
    expired: int
    open: int


def check_price(price: Price, *, relay_fee: Amount = ZERO) -> None:
    """Refuse a price that the escrow could not hold: nothing at all, or more than half of what an EVM word holds."""
    if not price.stake and not price.fee:
        raise Invalid("price_zero", "A price of nothing is no price: open the door instead.")
    if price.stake.base_units + price.fee.base_units + relay_fee.base_units > HIGHEST_PRICE:
        raise Invalid("price_too_high", "Stake and fee together may be at most half of 2**256 base units.")


def check_addresses(place: EscrowTerms, payer: Address, return_to: Address | None) -> None:
    """Refuse addresses that a stake can never come from or go back to."""
    contracts = (ZERO_ADDRESS, place.escrow, place.token)
    if payer in contracts:
        raise Invalid("payer_impossible", "A stake cannot be paid from that address.")
    if return_to in contracts:
        raise Invalid("return_address_impossible", "What is sent to that address is lost; name another one.")


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


def answers_close(terms: Terms, finality: timedelta) -> int:
    """Return from which chain time on an answer could come too late: one finality and a margin before answer-by."""
    return terms.answer_by - int((finality + ANSWER_MARGIN).total_seconds())


def undo_closes(executable_at: int) -> int:
    """Return from which chain time on taking back an announced forfeit could come too late."""
    return executable_at - int(ANSWER_MARGIN.total_seconds())
