"""Doors open at the level that the operator set, close when the chain takes the stake back, and say so each time."""

from __future__ import annotations

import pytest

from contracts.events import BlockRef
from kit.amounts import Amount
from kit.changes import counters
from ledger.model import Level
from payments.stakes.model import Answer, Stake, terms_of
from reputation.model import OpensAt
from reputation.verdict import Code
from tests.support.house import House
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import PAYER, opened, terms_on

SAFE = OpensAt(small=Level.SAFE, large=Level.FINALIZED, above=Amount(100))


def pay_in_booked_block(house: House) -> tuple[Stake, BlockRef]:
    """Pay as the chain loop takes it in: the block is booked with the stake."""
    quote = house.quote()
    block = house.chain.grow(time=house.time)
    event = house.chain.add(opened(terms_on(quote, PAYER), block))
    with house.work() as rooms:
        rooms.book.record(block, [event])
        for change in rooms.stakes.apply(event):
            rooms.gate.stake_changed(change)
    return house.stake(event.stake_id), block


def mark(house: House, *, safe: BlockRef | None = None, finalized: BlockRef | None = None) -> None:
    with house.work() as rooms:
        rooms.book.mark_levels(safe, finalized)
        rooms.gate.levels_moved()


def code(house: House) -> Code:
    return house.knock().verdict.because[0].code


def test_a_door_opens_at_its_level_and_only_then_says_so(house: House) -> None:
    house.opens_at = SAFE
    alice, bob = house.asking(5), house.person(BOB)
    stake, block = pay_in_booked_block(house)
    assert code(house) is Code.STAKE_UNCONFIRMED
    with house.work() as rooms:
        assert rooms.gate.opens_at(stake) is Level.SAFE
        assert [one.confirmed for one in rooms.gate.waiting(alice)] == [False]
        assert rooms.gate.why(alice, BOB).because[0].code is Code.STAKE_UNCONFIRMED
    mark(house)
    assert house.told(bob) == ["knock_held"]
    for _ in range(2):
        mark(house, safe=block)
    assert house.told(bob) == ["knock_held", "door_opened"]
    assert code(house) is Code.STAKED
    with house.work() as rooms:
        assert rooms.gate.opens_at(stake) is None
        assert [one.confirmed for one in rooms.gate.waiting(alice)] == [True]


def test_one_that_goes_on_waiting_makes_no_gate_forget_what_it_knows(house: House) -> None:
    house.opens_at = SAFE
    house.asking(5)
    _, block = pay_in_booked_block(house)
    with house.database.read() as session:
        before = counters(session)["gate"]
    mark(house)
    with house.database.read() as session:
        assert counters(session)["gate"] == before
    mark(house, safe=block)
    with house.database.read() as session:
        assert counters(session)["gate"] > before


def test_a_large_stake_waits_longer(house: House) -> None:
    house.opens_at = SAFE
    house.asking(101)
    _, block = pay_in_booked_block(house)
    mark(house, safe=block)
    assert code(house) is Code.STAKE_UNCONFIRMED
    mark(house, safe=block, finalized=block)
    assert code(house) is Code.STAKED


def test_a_stake_that_leaves_the_chain_closes_its_door_and_opens_it_again_at_its_level(house: House) -> None:
    house.opens_at = SAFE
    house.asking(5)
    bob = house.person(BOB)
    stake, block = pay_in_booked_block(house)
    mark(house, safe=block)
    with house.work() as rooms:
        rooms.book.rewind(block)
        for change in rooms.stakes.rewind(block.hash):
            rooms.gate.stake_changed(change)
    assert code(house) is Code.ASKS_STAKE
    house.chain.cut()
    again = house.chain.grow(time=house.time)
    event = house.chain.add(opened(stake.terms, again))
    with house.work() as rooms:
        rooms.book.record(again, [event])
        for change in rooms.stakes.apply(event):
            rooms.gate.stake_changed(change)
    assert code(house) is Code.STAKE_UNCONFIRMED
    mark(house, safe=again)
    assert code(house) is Code.STAKED
    assert house.told(bob) == ["knock_held", "door_opened", "stake_orphaned", "door_opened"]


def test_what_waits_for_the_chain_can_be_answered_and_goes_back_when_the_door_opens_to_all(house: House) -> None:
    house.opens_at = SAFE
    house.asking(5)
    stake, block = pay_in_booked_block(house)
    house.answer(Answer.ACCEPT)
    mark(house, safe=block)
    assert code(house) is Code.ACCEPTED_BEFORE
    assert list(house.calls(stake)) == ["return_answered"]
    assert house.told(house.person(BOB)) == ["knock_held"]


def test_a_door_that_opens_to_all_meanwhile_gives_it_back(house: House) -> None:
    house.opens_at = SAFE
    house.asking(5)
    stake, block = pay_in_booked_block(house)
    with house.work() as rooms:
        rooms.doors.open(rooms.people.number(ALICE))
    assert list(house.calls(stake)) == ["return_unanswered"]
    mark(house, safe=block)
    assert house.told(house.person(BOB)) == ["knock_held"]


@pytest.mark.parametrize(
    ("rule", "amount", "level"),
    [
        (OpensAt(), 100 * 10**18, Level.SEEN),
        (OpensAt(), 100 * 10**18 + 1, Level.SAFE),
        (OpensAt(small=Level.FINALIZED), 10**30, Level.FINALIZED),
        (OpensAt(large=Level.SEEN), 10**30, Level.SEEN),
    ],
)
def test_the_level_follows_the_sum_and_never_falls_with_it(
    house: House, rule: OpensAt, amount: int, level: Level
) -> None:
    house.asking(amount)
    assert rule.level_for(terms_of(house.quote(), payer=PAYER)) is level


def test_levels_are_ordered() -> None:
    order = [Level.ORPHANED, Level.SEEN, Level.SAFE, Level.FINALIZED]
    assert [[one.reaches(other) for other in order] for one in order] == [
        [place >= below for below in range(4)] for place in range(4)
    ]
