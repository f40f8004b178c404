"""The stake page's words: every state has some, and the steps never claim what is not so."""

from __future__ import annotations

from typing import Any

import pytest

from api.offers import show_terms
from api.pages.timeline import CARRIED, VAIN, WORDS, Mark, status_of
from api.presenting import show_price
from api.schemas.quotes import Finality, GaslessOut, GaslessState, QuoteOut, QuoteState, StakeOut, TrackRecordOut
from payments.carrying.model import Outcome
from payments.stakes.model import terms_of
from tests.support.gates import PLACE, QUOTE
from tests.support.stakes import PAYER

UNPAID = (QuoteState.WAITING, QuoteState.SUPERSEDED, QuoteState.QUOTE_EXPIRED)


def a_quote(state: QuoteState, **changes: Any) -> QuoteOut:  # noqa: ANN401 - any part of a stake
    stake = StakeOut(
        id="0x" + "ab" * 32,
        state="open",
        finality=Finality.SEEN,
        terms=show_terms(terms_of(QUOTE, payer=PAYER)),
        opened_at=1_800_000_000,
        opening_transaction="0x" + "cd" * 32,
        last_transaction="0x" + "cd" * 32,
        executable_at=1_800_700_000 if state is QuoteState.FORFEIT_ANNOUNCED else None,
        answered=None,
        surplus=changes.get("surplus", False),
    )
    return QuoteOut(
        id=QUOTE.id,
        url="https://earnest.example/stake/x",
        state=state,
        door_open=False,
        opens_at=changes.get("opens_at"),
        stranger="@bob:far.example",
        recipient="@alice:example.org",
        price=show_price(QUOTE.price, PLACE),
        chain_id=PLACE.chain_id,
        token="0x" + "70" * 20,
        escrow="0x" + "e5" * 20,
        resolver="0x" + "05" * 20,
        guardian="0x" + "06" * 20,
        commitment="0x" + "0c" * 32,
        check_code=QUOTE.check_code,
        quote_expiry=QUOTE.quote_expiry,
        answer_by=QUOTE.answer_by,
        track_record=TrackRecordOut(returned=0, forfeited=0, expired=0, open=0),
        stake=None if state in UNPAID else stake,
        gasless=GaslessOut(
            available=False,
            why_not=None,
            why_not_text=None,
            relay_fee="0",
            total="0",
            text="0 ERN",
            state=changes.get("carried"),
            code=changes.get("code"),
        ),
    )


def test_every_state_has_words() -> None:
    assert set(WORDS) == set(QuoteState)
    assert len({headline for headline, _ in WORDS.values()}) == len(WORDS)


@pytest.mark.parametrize("state", QuoteState)
def test_only_a_waiting_quote_can_be_paid(state: QuoteState) -> None:
    status = status_of(a_quote(state))
    assert status.payable == (state is QuoteState.WAITING)
    assert len(status.steps) == 4


@pytest.mark.parametrize("state", QuoteState)
def test_finality_is_claimed_only_where_it_is_so(state: QuoteState) -> None:
    final = status_of(a_quote(state)).steps[2]
    sure = (
        QuoteState.OPEN,
        QuoteState.FORFEIT_ANNOUNCED,
        QuoteState.RETURNED,
        QuoteState.FORFEITED,
        QuoteState.EXPIRED,
    )
    assert (final.mark is Mark.DONE) == (state in sure)


@pytest.mark.parametrize("state", [QuoteState.SEEN, QuoteState.CONFIRMED, QuoteState.OPEN])
def test_a_paid_door_is_open(state: QuoteState) -> None:
    assert status_of(a_quote(state)).steps[1].mark is Mark.DONE


@pytest.mark.parametrize("state", [QuoteState.ORPHANED, *UNPAID])
def test_an_unpaid_or_orphaned_door_is_not(state: QuoteState) -> None:
    assert status_of(a_quote(state)).steps[1].mark is not Mark.DONE


def test_an_announced_forfeit_says_when_it_burns() -> None:
    last = status_of(a_quote(QuoteState.FORFEIT_ANNOUNCED)).steps[3]
    assert (last.mark, last.until) == (Mark.BAD, 1_800_700_000)


def test_a_surplus_stake_opens_nothing_and_says_so() -> None:
    status = status_of(a_quote(QuoteState.OPEN, surplus=True))
    assert "opens nothing" in status.headline
    assert status_of(a_quote(QuoteState.RETURNED, surplus=True)).headline == "Your stake is back"


@pytest.mark.parametrize("state", QuoteState)
def test_the_page_goes_on_asking_until_it_is_over(state: QuoteState) -> None:
    over = {*UNPAID[1:], QuoteState.RETURNED, QuoteState.FORFEITED, QuoteState.EXPIRED}
    assert status_of(a_quote(state)).settled == (state in over)


@pytest.mark.parametrize("state", [GaslessState.QUEUED, GaslessState.SENT, GaslessState.MINED])
def test_a_signed_stake_is_said_to_be_under_way_until_it_is_seen(state: GaslessState) -> None:
    assert status_of(a_quote(QuoteState.WAITING, carried=state)).headline == CARRIED[state][0]
    assert status_of(a_quote(QuoteState.WAITING, carried=state)).payable
    assert status_of(a_quote(QuoteState.SEEN, carried=state)).headline == WORDS[QuoteState.SEEN][0]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.DONE])
def test_why_a_signed_stake_came_to_nothing_is_said(outcome: Outcome) -> None:
    status = status_of(a_quote(QuoteState.WAITING, carried=GaslessState.FAILED, code=str(outcome)))
    assert status.meaning == f"{VAIN[outcome]} Nothing was taken from your wallet."


def test_a_signed_stake_that_left_the_chain_is_told_of_as_any_other() -> None:
    opened = status_of(a_quote(QuoteState.WAITING, carried=GaslessState.OPENED))
    assert opened.headline == WORDS[QuoteState.WAITING][0]
