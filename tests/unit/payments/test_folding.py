"""Folding: what a stake's logs come to, and which stake pays its quote."""

from __future__ import annotations

import pytest

from contracts.events import BlockRef
from kit.identifiers import Hash32
from payments.stakes.folding import Logged, fold, payer_of_quote
from payments.stakes.model import StakeState
from tests.support.stakes import block, hash_of

A, B = Hash32(b"\x0a" * 32), Hash32(b"\x0b" * 32)


def log(kind: str, number: int, index: int = 0, *, time: int | None = None) -> Logged:
    where: BlockRef = block(number, time=time)
    return Logged(
        kind=kind,
        block_number=number,
        block_hash=where.hash,
        log_index=index,
        time=where.timestamp,
        transaction=hash_of(kind, number, index),
        answered=True if kind == "returned" else None,
        executable_at=9 if kind == "forfeit_announced" else None,
    )


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ([], StakeState.ORPHANED),
        (["opened"], StakeState.OPEN),
        (["opened", "returned"], StakeState.RETURNED),
        (["opened", "expired"], StakeState.EXPIRED),
        (["opened", "forfeit_announced"], StakeState.FORFEIT_ANNOUNCED),
        (["opened", "forfeit_announced", "returned"], StakeState.RETURNED),
        (["opened", "forfeit_announced", "forfeited"], StakeState.FORFEITED),
        (["returned"], StakeState.ORPHANED),
        (["expired", "opened"], StakeState.OPEN),
        (["opened", "forfeited"], StakeState.OPEN),
        (["opened", "forfeit_announced", "expired"], StakeState.FORFEIT_ANNOUNCED),
        (["opened", "returned", "expired", "forfeit_announced", "forfeited"], StakeState.RETURNED),
        (["opened", "expired", "returned"], StakeState.EXPIRED),
        (["opened", "returned", "opened"], StakeState.RETURNED),
    ],
)
def test_only_the_escrows_own_steps_change_anything(kinds: list[str], state: StakeState) -> None:
    assert fold(log(kind, number) for number, kind in enumerate(kinds, 1)).state is state


def test_order_is_that_of_the_chain_not_of_arrival() -> None:
    logs = [log("forfeited", 3), log("opened", 1), log("forfeit_announced", 2)]
    folded = fold(logs)
    assert folded.state is StakeState.FORFEITED
    assert folded.opening == logs[1]
    assert folded.last == logs[0]
    assert folded.executable_at == 9
    assert folded.answered is None


def test_logs_of_one_block_go_by_their_index() -> None:
    assert fold([log("returned", 1, 7), log("opened", 1, 3)]).state is StakeState.RETURNED


def test_the_first_opening_pays_the_quote() -> None:
    assert payer_of_quote({A: log("opened", 2), B: log("opened", 1)}, None) == B
    assert payer_of_quote({A: log("opened", 1, 1), B: log("opened", 1, 2)}, None) == A
    assert payer_of_quote({}, None) is None


def test_an_opening_after_the_quote_stood_pays_nothing() -> None:
    openings = {A: log("opened", 5, time=100)}
    assert payer_of_quote(openings, 100) == A
    assert payer_of_quote(openings, 99) is None
    assert payer_of_quote(openings | {B: log("opened", 4, time=90)}, 95) == B
