"""Settling: which call the escrow is owed, under which key, and what it rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts import codec
from kit.identifiers import Address, Hash32, PersonId
from payments.stakes.model import Stake, StakeState, Wish
from payments.stakes.settling import errands, possible_keys
from tests.support.terms import TERMS

BLOCK, LAST = Hash32(b"\x0b" * 32), Hash32(b"\x0c" * 32)
STAKE = Stake(
    id=Hash32(b"\x01" * 32),
    terms=TERMS,
    state=StakeState.OPEN,
    quote_id="q",
    stranger=PersonId(1),
    recipient=PersonId(2),
    opened_block=7,
    opened_transaction=Hash32(b"\x02" * 32),
    executable_at=None,
    opened_hash=BLOCK,
    last_hash=BLOCK,
)
ANNOUNCED = replace(STAKE, state=StakeState.FORFEIT_ANNOUNCED, executable_at=1_000, last_hash=LAST)
EARLY, LATE = TERMS.answer_by - 1, TERMS.answer_by

RETURN_ANSWERED = ("resolver", codec.encode_return(TERMS, answered=True))
RETURN_UNANSWERED = ("resolver", codec.encode_return(TERMS, answered=False))
ANNOUNCE = ("resolver", codec.encode_announce_forfeit(TERMS))
EXPIRE = ("resolver", codec.encode_expire(TERMS))
EXECUTE = ("resolver", codec.encode_execute_forfeit(TERMS))


@pytest.mark.parametrize(
    ("stake", "time", "call"),
    [
        (STAKE, EARLY, None),
        (STAKE, LATE, EXPIRE),
        (replace(STAKE, wish=Wish.RETURN_ANSWERED), EARLY, RETURN_ANSWERED),
        (replace(STAKE, wish=Wish.RETURN_UNANSWERED), EARLY, RETURN_UNANSWERED),
        (replace(STAKE, wish=Wish.FORFEIT), EARLY, ANNOUNCE),
        (replace(STAKE, surplus=True), EARLY, RETURN_UNANSWERED),
        (replace(STAKE, surplus=True, wish=Wish.FORFEIT), EARLY, RETURN_UNANSWERED),
        (replace(STAKE, wish=Wish.FORFEIT), LATE, EXPIRE),
        (replace(STAKE, wish=Wish.RETURN_ANSWERED), LATE, EXPIRE),
        (replace(STAKE, quote_id=None, wish=Wish.FORFEIT), LATE, None),
        (ANNOUNCED, 999, None),
        (ANNOUNCED, 1_000, EXECUTE),
        (replace(ANNOUNCED, wish=Wish.FORFEIT), 1_000, EXECUTE),
        (replace(ANNOUNCED, wish=Wish.RETURN_ANSWERED), 999, RETURN_ANSWERED),
        (replace(ANNOUNCED, wish=Wish.RETURN_ANSWERED), 1_000, RETURN_ANSWERED),
        (replace(STAKE, state=StakeState.RETURNED, wish=Wish.FORFEIT), LATE, None),
        (replace(STAKE, state=StakeState.EXPIRED, wish=Wish.RETURN_ANSWERED), LATE, None),
        (replace(STAKE, state=StakeState.FORFEITED), LATE, None),
        (replace(STAKE, state=StakeState.ORPHANED, wish=Wish.RETURN_ANSWERED), LATE, None),
    ],
)
def test_the_escrow_is_owed_at_most_one_call(stake: Stake, time: int, call: tuple[str, bytes] | None) -> None:
    owed = errands(stake, chain_time=time)
    assert [(errand.role, errand.data) for errand in owed] == ([] if call is None else [call])
    assert {errand.key for errand in owed} <= set(possible_keys(stake))


def test_money_waits_for_the_block_it_rests_on() -> None:
    (opening,) = errands(replace(STAKE, wish=Wish.RETURN_ANSWERED), chain_time=EARLY)
    assert opening.after_block == BLOCK
    (execution,) = errands(ANNOUNCED, chain_time=1_000)
    assert execution.after_block == LAST


def test_a_stake_opened_anew_is_answered_anew_and_no_other_stakes_call_is_taken_for_its_own() -> None:
    wished = replace(STAKE, wish=Wish.RETURN_ANSWERED)
    elsewhere = replace(wished, opened_hash=LAST)
    other = replace(wished, id=Hash32(b"\x09" * 32))
    keys = [errands(stake, chain_time=EARLY)[0].key for stake in (wished, elsewhere, other)]
    assert len(set(keys)) == 3
    assert all(len(key) <= 200 for stake in (wished, elsewhere, other) for key in possible_keys(stake))


@pytest.mark.parametrize(
    ("stake", "time", "signer"),
    [
        (replace(STAKE, wish=Wish.RETURN_ANSWERED), EARLY, TERMS.resolver),
        (replace(STAKE, wish=Wish.RETURN_UNANSWERED), EARLY, TERMS.resolver),
        (replace(STAKE, wish=Wish.FORFEIT), EARLY, TERMS.resolver),
        (replace(ANNOUNCED, wish=Wish.RETURN_ANSWERED), 999, TERMS.resolver),
        (ANNOUNCED, 1_000, None),
        (STAKE, LATE, None),
    ],
    ids=["return", "return unanswered", "announce", "take back", "execute", "expire"],
)
def test_what_the_escrow_takes_from_one_resolver_alone_names_it(
    stake: Stake, time: int, signer: Address | None
) -> None:
    (errand,) = errands(stake, chain_time=time)
    assert errand.signer == signer
