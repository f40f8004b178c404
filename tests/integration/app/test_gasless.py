"""Gasless on a real node and both databases: a stranger with no ether signs once, and the door opens."""

from __future__ import annotations

from contracts import codec
from payments.stakes.model import Answer, OpeningOutcome, StakeState
from reputation.verdict import Admit, Hold
from tests.support.anvil import ETHER
from tests.support.carried import PRICE, RELAY_FEE, Carried, stake_in


def test_a_stranger_without_ether_signs_once_and_the_door_opens(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    relayer = carried.container.relayer
    assert carried.gasless(quote)["available"]
    assert carried.gasless(quote)["total"] == str(PRICE + RELAY_FEE)
    assert stake_in(carried.open(quote)) == carried.stake_id(terms)
    assert carried.gasless(quote)["state"] == "queued"
    assert isinstance(carried.knock()[0], Hold)
    carried.round()
    carried.round()
    assert carried.on_chain(terms) is codec.State.OPEN
    assert isinstance(carried.knock()[0], Admit)
    assert carried.tokens() == 100 * ETHER - PRICE - RELAY_FEE
    assert carried.anvil.tokens_of(carried.deployment, relayer) == RELAY_FEE
    assert carried.anvil.chain.balance(carried.wallet.address) == 0
    carried.answer(Answer.ACCEPT)
    carried.settle()
    assert carried.stake(terms).state is StakeState.RETURNED
    assert carried.tokens() == 100 * ETHER - RELAY_FEE
    assert carried.opening(terms).outcome is OpeningOutcome.OPENED
    assert carried.gasless(quote)["state"] == "opened"


def test_what_is_set_aside_for_gas_is_given_back_but_for_what_it_took(carried: Carried) -> None:
    quote = carried.held()
    before = carried.ether()
    carried.open(quote)
    set_aside = carried.spent()
    assert set_aside > 0
    carried.settle()
    took = before - carried.ether()
    assert carried.spent() == -(-took // 10**9) < set_aside
