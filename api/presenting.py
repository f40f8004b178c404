"""Presenting: quotes and stakes as people and programs are shown them."""

from __future__ import annotations

from collections.abc import Mapping

from api.offers import show_terms
from api.schemas.me import RuleOut
from api.schemas.quotes import (
    Finality,
    GaslessOut,
    GaslessState,
    OpeningOut,
    PriceOut,
    QuoteOut,
    QuoteState,
    StakeOut,
    TrackRecordOut,
)
from app.container import Container, Work
from app.wording.prices import why_dearer
from kit.amounts import Amount, show
from kit.identifiers import show_address, show_hash
from ledger.model import Level
from payments.carrying.model import Carried, Outcome
from payments.stakes.model import EscrowTerms, Price, Quote, Stake, StakeState
from reputation.model import Why
from reputation.trying import BEFORE_RULES

_OUTCOMES: Mapping[StakeState, QuoteState] = {
    StakeState.FORFEIT_ANNOUNCED: QuoteState.FORFEIT_ANNOUNCED,
    StakeState.RETURNED: QuoteState.RETURNED,
    StakeState.FORFEITED: QuoteState.FORFEITED,
    StakeState.EXPIRED: QuoteState.EXPIRED,
    StakeState.ORPHANED: QuoteState.ORPHANED,
}
_OPEN_BY_LEVEL: Mapping[Level, QuoteState] = {
    Level.SEEN: QuoteState.SEEN,
    Level.SAFE: QuoteState.CONFIRMED,
    Level.FINALIZED: QuoteState.OPEN,
    Level.ORPHANED: QuoteState.ORPHANED,
}


def quote_url(container: Container, quote_id: str) -> str:
    """Return the address of the page on which a quote is paid."""
    return f"{container.settings.public_url}/stake/{quote_id}"


def show_quote(work: Work, container: Container, quote: Quote) -> QuoteOut:
    """Return all that the holder of a quote's id may see of it."""
    place = container.terms
    stake = work.stakes.of_quote(quote.id)
    opens_at = None if stake is None else work.gate.opens_at(stake)
    record = work.stakes.track_record(quote.recipient)
    names = work.people.mxids([quote.stranger, quote.recipient])
    return QuoteOut(
        id=quote.id,
        url=quote_url(container, quote.id),
        state=_state(work, quote, stake),
        door_open=stake is not None and stake.opens and opens_at is None,
        opens_at=None if opens_at is None else Finality(opens_at),
        stranger=names.get(quote.stranger),
        recipient=names.get(quote.recipient),
        price=show_price(quote.price, place),
        chain_id=place.chain_id,
        token=show_address(place.token),
        escrow=show_address(place.escrow),
        resolver=show_address(quote.resolver),
        guardian=show_address(quote.guardian),
        commitment=show_hash(quote.commitment),
        check_code=quote.check_code,
        quote_expiry=quote.quote_expiry,
        answer_by=quote.answer_by,
        track_record=TrackRecordOut(
            returned=record.returned, forfeited=record.forfeited, expired=record.expired, open=record.open
        ),
        stake=show_stake(work, stake) if stake else None,
        gasless=show_gasless(work, place, quote),
    )


def show_gasless(work: Work, place: EscrowTerms, quote: Quote) -> GaslessOut:
    """Return whether, and for how much, an opening on a quote would be carried, and where one stands."""
    refusal = work.relaying.why_not(quote)
    opening = work.relaying.of_quote(quote)
    failed = opening is not None and opening.outcome not in (None, Outcome.DONE)
    return GaslessOut(
        available=refusal is None,
        why_not=refusal.code if refusal else None,
        why_not_text=refusal.message if refusal else None,
        relay_fee=str(quote.relay_fee.base_units),
        total=str((quote.price.stake + quote.price.fee + quote.relay_fee).base_units),
        text=money(quote.relay_fee, place),
        state=GaslessState(work.carrying.state(opening)) if opening else None,
        code=str(opening.outcome) if opening and failed else None,
        stake_id=show_hash(opening.id) if opening else None,
    )


def show_opening(work: Work, container: Container, opening: Carried) -> OpeningOut:
    """Return an opening that is carried."""
    failed = opening.outcome not in (None, Outcome.DONE)
    url, stake_id = container.settings.public_url, show_hash(opening.id)
    return OpeningOut(
        stake_id=stake_id,
        state=GaslessState(work.carrying.state(opening)),
        code=str(opening.outcome) if failed else None,
        quote=f"{url}/v1/quotes/{opening.about}",
        stake=f"{url}/v1/stakes/{stake_id}",
    )


def show_stake(work: Work, stake: Stake) -> StakeOut:
    """Return a stake as the chain has it, naming nobody."""
    return StakeOut(
        id=show_hash(stake.id),
        state=str(stake.state),
        finality=Finality(work.book.level(stake.opened_hash)),
        terms=show_terms(stake.terms),
        opened_at=stake.opened_at,
        opening_transaction=show_hash(stake.opened_transaction),
        last_transaction=show_hash(stake.last_transaction),
        executable_at=stake.executable_at,
        answered=stake.answered,
        surplus=stake.surplus,
    )


def show_price(price: Price, place: EscrowTerms) -> PriceOut:
    """Return a price in base units and in words."""
    return PriceOut(
        stake=str(price.stake.base_units),
        fee=str(price.fee.base_units),
        total=str(price.stake.base_units + price.fee.base_units),
        symbol=place.symbol,
        decimals=place.decimals,
        text=_in_words(price, place),
        base=None if price.base is None else str(price.base.base_units),
        dearer=list(price.dearer),
        why_dearer=why_dearer(price, symbol=place.symbol, decimals=place.decimals),
    )


def money(amount: Amount, place: EscrowTerms) -> str:
    """Write an amount with its symbol: ``5 ERN``."""
    return f"{show(amount, place.decimals)} {place.symbol}"


def _in_words(price: Price, place: EscrowTerms) -> str:
    stake, fee = money(price.stake, place), money(price.fee, place)
    if not price.fee:
        return f"{stake} stake"
    if not price.stake:
        return f"{fee} fee"
    return f"{stake} stake and {fee} fee"


def _state(work: Work, quote: Quote, stake: Stake | None) -> QuoteState:
    if stake is not None:
        outcome = _OUTCOMES.get(stake.state)
        return outcome or _OPEN_BY_LEVEL[work.book.level(stake.opened_hash)]
    if quote.superseded_at is not None:
        return QuoteState.SUPERSEDED
    return QuoteState.QUOTE_EXPIRED if work.chain_time >= quote.quote_expiry else QuoteState.WAITING


def show_rules(found: Why) -> list[RuleOut] | None:
    """Show the rules that were come to; ``None`` where no rule was asked."""
    if found.rules is None or BEFORE_RULES.intersection(reason.code for reason in found.because):
        return None
    return [
        RuleOut(
            number=one.number, name=one.name, when=one.when, answer=one.trace.answer, missing=list(one.trace.missing)
        )
        for one in found.rules.considered
    ]
