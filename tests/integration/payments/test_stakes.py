"""Stakes, from the chain's events to the calls that the escrow is owed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.events import Terms
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, Hash32, UserId
from payments.stakes.model import ANSWER_MARGIN, Stake, StakeState, TrackRecord, Wish
from tests.support.house import House
from tests.support.stakes import (
    OTHER_PAYER,
    announced,
    expired,
    forfeited,
    opened,
    returned,
    terms_on,
)


@pytest.fixture
def paid(house: House) -> Stake:
    """A stake that pays its quote."""
    house.asking()
    return house.pay()


def test_a_stake_on_its_quote_is_the_pairs(house: House, paid: Stake) -> None:
    assert paid.state is StakeState.OPEN
    assert paid.opens
    with house.work() as rooms:
        assert paid.quote_id is not None
        quote = rooms.stakes.find_quote(paid.quote_id)
        assert (paid.stranger, paid.recipient) == (quote.stranger, quote.recipient)
        assert rooms.stakes.of_quote(quote.id) == paid
        assert rooms.stakes.between(quote.stranger, quote.recipient) == [paid]
        assert not rooms.stakes.standing(quote)
    assert house.calls(paid) == {}


def test_payer_and_return_address_are_the_payers_to_choose(house: House) -> None:
    house.asking()
    terms = replace(terms_on(house.quote()), payer=OTHER_PAYER, return_to=Address(b"\x77" * 20))
    assert house.open(terms).opens


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 4},
        {"amount": 6},
        {"fee": 1},
        {"fee_payee": OTHER_PAYER},
        {"relay_fee": 1},
        {"relay_receiver": OTHER_PAYER},
        {"resolver": OTHER_PAYER},
        {"guardian": OTHER_PAYER},
        {"answer_by": 1_900_000_000},
        {"quote_expiry": 1_900_000_000},
        {"commitment": Hash32(bytes(32))},
    ],
)
def test_other_terms_than_the_quotes_are_kept_and_open_nothing(house: House, change: dict[str, object]) -> None:
    house.asking()
    terms: Terms = replace(terms_on(house.quote()), **change)  # type: ignore[arg-type]
    stake = house.open(terms)
    assert (stake.quote_id, stake.stranger, stake.recipient) == (None, None, None)
    assert not stake.opens
    assert house.calls(stake) == {}
    quote = house.quote()
    with house.work() as rooms:
        assert rooms.stakes.standing(quote)
        assert rooms.stakes.of_quote(quote.id) is None
    house.time = terms.answer_by + 10
    with house.work() as rooms:
        assert rooms.stakes.sweep() == 0


def test_the_same_log_twice_changes_nothing(house: House, paid: Stake) -> None:
    event, changes = house.put(returned(paid.id, house.chain.blocks[-1][0]))
    assert [change.before for change in changes] == [StakeState.OPEN]
    assert house.take_in(event) == []
    assert house.stake(paid.id).state is StakeState.RETURNED


def test_another_escrow_or_chain_is_not_ours(house: House) -> None:
    house.asking()
    terms = terms_on(house.quote())
    event = opened(terms, house.chain.grow())
    assert house.take_in(replace(event, escrow=OTHER_PAYER)) == []
    elsewhere = event.at._replace(block=replace(event.at.block, chain_id=1))
    assert house.take_in(replace(event, at=elsewhere)) == []
    with house.work() as rooms, pytest.raises(NotFound):
        rooms.stakes.get(event.stake_id)


def test_a_second_stake_on_a_paid_quote_goes_straight_back(house: House, paid: Stake) -> None:
    second = house.open(replace(paid.terms, payer=OTHER_PAYER, return_to=OTHER_PAYER))
    assert second.surplus
    assert not second.opens
    assert list(house.calls(second)) == ["return_unanswered"]
    assert house.stake(paid.id).opens
    with house.work() as rooms:
        assert rooms.stakes.of_quote(paid.quote_id or "") == rooms.stakes.get(paid.id)


def test_a_stake_on_a_superseded_quote_goes_straight_back(house: House) -> None:
    house.asking(5)
    terms = terms_on(house.quote())
    house.asking(6)
    assert house.quote().price.stake.base_units == 6
    house.time += 12
    stake = house.open(terms)
    assert stake.surplus
    assert list(house.calls(stake)) == ["return_unanswered"]


def test_a_stake_opened_before_its_quote_was_superseded_counts(house: House) -> None:
    house.asking(5)
    terms = terms_on(house.quote())
    house.asking(6)
    house.quote()
    assert house.open(terms).opens


def test_a_block_that_leaves_takes_its_stake_along_and_brings_it_back(house: House, paid: Stake) -> None:
    block, logs = house.chain.blocks[-1]
    (change,) = house.rewind(block.hash)
    assert (change.before, change.stake.state) == (StakeState.OPEN, StakeState.ORPHANED)
    assert house.rewind(block.hash) == []
    house.chain.cut()
    house.chain.grow(time=house.time + 12)
    _, (again,) = house.put(logs[0])
    assert (again.before, again.stake.state) == (StakeState.ORPHANED, StakeState.OPEN)
    assert again.stake.opened_hash != paid.opened_hash
    assert again.stake.opens


def test_the_very_same_block_may_come_back(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_return(paid.id, answered=True)
    block, logs = house.chain.blocks[-1]
    house.rewind(block.hash)
    assert house.calls(paid) == {}
    house.take_in(logs[0])
    assert house.stake(paid.id) == replace(paid, wish=Wish.RETURN_ANSWERED)
    assert list(house.calls(paid)) == ["return_answered"]


def test_when_the_first_stake_leaves_the_second_pays(house: House, paid: Stake) -> None:
    block = house.chain.blocks[-1][0]
    second = house.open(replace(paid.terms, payer=OTHER_PAYER, return_to=OTHER_PAYER))
    changes = {change.stake.id: change.stake for change in house.rewind(block.hash)}
    assert changes[paid.id].state is StakeState.ORPHANED
    assert changes[second.id].opens
    assert house.calls(second) == {}


def test_an_answer_is_sent_again_where_the_stake_was_opened_anew(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_return(paid.id, answered=True)
    assert list(house.calls(paid)) == ["return_answered"]
    block, logs = house.chain.blocks[-1]
    house.rewind(block.hash)
    assert house.calls(paid) == {}
    house.chain.cut()
    house.chain.grow(time=house.time + 12)
    house.put(logs[0])
    assert list(house.calls(house.stake(paid.id))) == ["return_answered"]


def test_logs_may_come_before_their_opening(house: House) -> None:
    house.asking()
    terms = terms_on(house.quote())
    event = opened(terms, house.chain.grow(time=house.time))
    outcome = returned(event.stake_id, house.chain.grow(), answered=True)
    assert house.take_in(outcome) == []
    (change,) = house.take_in(event)
    assert (change.before, change.stake.state, change.stake.answered) == (None, StakeState.RETURNED, True)


# ------------------------------------------------------------------------------------------------- resolving


def test_asking_twice_is_asking_once(house: House, paid: Stake) -> None:
    for _ in range(2):
        with house.work() as rooms:
            rooms.stakes.request_return(paid.id, answered=True)
    assert list(house.calls(paid)) == ["return_answered"]


def test_a_stake_that_goes_back_cannot_be_forfeited(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_return(paid.id, answered=False)
        with pytest.raises(Conflict):
            rooms.stakes.request_forfeit(paid.id)
    assert list(house.calls(paid)) == ["return_unanswered"]


def test_taking_a_forfeit_back_before_it_is_sent_replaces_it(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_forfeit(paid.id)
    assert list(house.calls(paid)) == ["announce_forfeit"]
    with house.work() as rooms:
        rooms.stakes.request_return(paid.id, answered=True)
    assert list(house.calls(paid)) == ["return_answered"]


def test_an_announced_forfeit_can_be_taken_back_until_just_before_it_is_due(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_forfeit(paid.id)
    house.put(announced(paid.id, house.chain.grow(time=house.time)))
    due = house.stake(paid.id).executable_at
    assert due == house.time + 48 * 3600
    house.time = due - int(ANSWER_MARGIN.total_seconds())
    with house.work() as rooms, pytest.raises(Conflict) as late:
        rooms.stakes.request_return(paid.id, answered=True)
    assert late.value.code == "undo_too_late"
    house.time -= 1
    with house.work() as rooms:
        rooms.stakes.request_return(paid.id, answered=True)
    house.time = due
    with house.work() as rooms:
        rooms.stakes.sweep()
    assert list(house.calls(house.stake(paid.id))) == ["return_answered"]


@pytest.mark.parametrize("answer", ["return", "forfeit"])
def test_answers_close_one_finality_and_a_margin_before_answer_by(house: House, paid: Stake, answer: str) -> None:
    def say() -> None:
        with house.work() as rooms:
            if answer == "return":
                rooms.stakes.request_return(paid.id, answered=True)
            else:
                rooms.stakes.request_forfeit(paid.id)

    house.with_finality(minutes=20)
    house.time = paid.terms.answer_by - 30 * 60
    with pytest.raises(Conflict) as late:
        say()
    assert late.value.code == "answers_closed"
    assert house.calls(paid) == {}
    house.time -= 1
    say()
    assert len(house.calls(paid)) == 1


def test_a_sweep_expires_what_nobody_answered_and_executes_what_is_due(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        assert rooms.stakes.sweep() == 0
    house.time = paid.terms.answer_by
    for added in (1, 0):
        with house.work() as rooms:
            assert rooms.stakes.sweep() == added
    assert list(house.calls(paid)) == ["expire"]


def test_a_sweep_executes_a_forfeit_when_it_is_due(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_forfeit(paid.id)
    house.put(announced(paid.id, house.chain.grow(time=house.time)))
    assert house.calls(house.stake(paid.id)) == {}
    house.time += 48 * 3600 - 1
    with house.work() as rooms:
        assert rooms.stakes.sweep() == 0
    house.time += 1
    with house.work() as rooms:
        assert rooms.stakes.sweep() == 1
    assert list(house.calls(house.stake(paid.id))) == ["execute_forfeit"]


def test_an_answer_that_was_not_sent_in_time_becomes_an_expiry(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_forfeit(paid.id)
    house.time = paid.terms.answer_by
    with house.work() as rooms:
        rooms.stakes.sweep()
    assert list(house.calls(paid)) == ["expire"]


def test_what_is_resolved_is_owed_nothing_more(house: House, paid: Stake) -> None:
    with house.work() as rooms:
        rooms.stakes.request_forfeit(paid.id)
    house.put(expired(paid.id, house.chain.grow()))
    assert house.calls(house.stake(paid.id)) == {}
    with house.work() as rooms:
        assert rooms.stakes.sweep() == 0
        rooms.stakes.request_forfeit(paid.id)  # what was asked before is not refused
        with pytest.raises(Conflict) as late:
            rooms.stakes.request_return(paid.id, answered=True)
    assert late.value.code == "stake_resolved"
    assert house.calls(house.stake(paid.id)) == {}


@pytest.mark.parametrize("answered", [True, False])
def test_nothing_can_be_asked_of_a_stake_that_went_back(house: House, paid: Stake, *, answered: bool) -> None:
    house.put(returned(paid.id, house.chain.grow(), answered=answered))
    with house.work() as rooms:
        with pytest.raises(Conflict):
            rooms.stakes.request_forfeit(paid.id)
        with pytest.raises(Conflict):
            rooms.stakes.request_return(paid.id, answered=True)


def test_unknown_stakes_are_not_found(house: House) -> None:
    with house.work() as rooms:
        for ask in (rooms.stakes.get, rooms.stakes.lock, rooms.stakes.request_forfeit):
            with pytest.raises(NotFound):
                ask(Hash32(bytes(32)))


# ------------------------------------------------------------------------------------------------- track record


def test_the_track_record_counts_what_recipients_did(house: House) -> None:
    alice = house.asking()
    with house.work() as rooms:
        assert rooms.stakes.track_record(alice) == TrackRecord(0, 0, 0, 0)
        rooms.doors.cap(alice, most_a_day=6)
    stakes = [house.pay(inviter=UserId(f"@{name}:away.example")) for name in "abcdef"]
    house.open(replace(stakes[0].terms, payer=OTHER_PAYER, return_to=OTHER_PAYER))  # surplus: judged by nobody
    where = house.chain.grow
    house.put(returned(stakes[0].id, where(), answered=True))
    house.put(returned(stakes[1].id, where(), answered=False))
    house.put(expired(stakes[2].id, where()))
    house.put(announced(stakes[3].id, where()))
    house.put(announced(stakes[4].id, where()))
    house.put(forfeited(stakes[4].id, where()))
    with house.work() as rooms:
        assert rooms.stakes.track_record(alice) == TrackRecord(returned=1, forfeited=1, expired=1, open=2)
