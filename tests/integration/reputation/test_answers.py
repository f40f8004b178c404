"""Answers: the recipient's own word, said once or twice, in time or too late, and taken back."""

from __future__ import annotations

import pytest

from kit.errors import Conflict, NotFound
from kit.identifiers import UserId
from payments.stakes.model import Answer, Wish
from reputation.verdict import Code
from tests.support.house import House
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import announced, expired, forfeited, returned, terms_on

NOBODY = UserId("@nobody:away.example")


@pytest.mark.parametrize("answer", list(Answer))
def test_the_same_answer_twice_is_one_answer(house: House, answer: Answer) -> None:
    house.asking()
    stake = house.pay()
    first = house.answer(answer)
    calls = house.calls(stake)
    second = house.answer(answer)
    assert [paid.id for paid in second.stakes] == [paid.id for paid in first.stakes] == [stake.id]
    assert house.calls(stake) == calls
    assert len(calls) == 1


@pytest.mark.parametrize("first", [Answer.ACCEPT, Answer.RETURN])
def test_another_answer_does_not_change_what_was_said(house: House, first: Answer) -> None:
    house.asking()
    stake = house.pay()
    house.answer(first)
    other = Answer.RETURN if first is Answer.ACCEPT else Answer.ACCEPT
    with pytest.raises(NotFound):
        house.answer(other)
    house.answer(Answer.SPAM)  # refuses them from now on, but the stake is on its way back already
    assert list(house.calls(stake)) == ["return_answered"]
    assert [reason.code for reason in house.knock().verdict.because] == [Code.CALLED_SPAM]


@pytest.mark.parametrize("answer", [Answer.ACCEPT, Answer.RETURN])
@pytest.mark.parametrize("stranger", [BOB, NOBODY, ALICE])
def test_whoever_put_nothing_down_waits_for_no_answer(house: House, answer: Answer, stranger: UserId) -> None:
    house.asking()
    house.knock()
    with pytest.raises(NotFound):
        house.answer(answer, stranger=stranger)
    assert [reason.code for reason in house.knock().verdict.because] == [Code.ASKS_STAKE]


def test_spam_needs_no_stake_and_voids_the_price(house: House) -> None:
    house.asking()
    quote = house.quote()
    outcome = house.answer(Answer.SPAM)
    assert (outcome.stakes, outcome.undo_until) == ((), None)
    assert [reason.code for reason in house.knock().verdict.because] == [Code.CALLED_SPAM]
    house.time += 12
    late = house.open(terms_on(quote))
    assert late.surplus
    assert list(house.calls(late)) == ["return_unanswered"]
    assert "door_opened" not in house.told(house.person(BOB))
    house.answer(Answer.SPAM, stranger=NOBODY)
    assert [reason.code for reason in house.knock(inviter=NOBODY).verdict.because] == [Code.CALLED_SPAM]


def test_nobody_calls_themselves_spam(house: House) -> None:
    house.asking()
    with pytest.raises(NotFound):
        house.answer(Answer.SPAM, stranger=ALICE)


def test_spam_takes_back_whatever_let_them_in(house: House) -> None:
    alice = house.asking()
    house.pay()
    house.answer(Answer.ACCEPT)
    with house.work() as rooms:
        rooms.doors.exempt(alice, rooms.people.number(BOB))
    house.answer(Answer.SPAM)
    assert [reason.code for reason in house.knock().verdict.because] == [Code.CALLED_SPAM]
    with house.work() as rooms:
        rooms.gate.undo(alice, BOB)
    assert [reason.code for reason in house.knock().verdict.because] == [Code.ASKS_STAKE]


@pytest.mark.parametrize("answer", list(Answer))
def test_too_late_is_said_so_and_changes_nothing(house: House, answer: Answer) -> None:
    house.asking()
    stake = house.pay()
    house.knock()
    house.time = stake.terms.answer_by - 30 * 60
    with pytest.raises(Conflict) as late:
        house.answer(answer)
    assert late.value.code == "answers_closed"
    assert late.value.values["answer_by"] == stake.terms.answer_by
    assert house.calls(stake) == {}
    assert house.stake(stake.id).wish is None
    assert [reason.code for reason in house.knock().verdict.because] == [Code.INVITE_PENDING]


def test_what_the_chain_resolved_meanwhile_waits_no_more(house: House) -> None:
    house.asking()
    stake = house.pay()
    house.put(expired(stake.id, house.chain.grow()))
    with pytest.raises(NotFound):
        house.answer(Answer.ACCEPT)


@pytest.mark.parametrize("answer", list(Answer))
def test_an_answer_while_the_block_is_away_counts_when_it_is_back(house: House, answer: Answer) -> None:
    house.asking()
    stake = house.pay()
    house.knock()
    house.rewind(stake.opened_hash)
    house.answer(answer)
    assert house.calls(stake) == {}
    house.leave_and_return()
    calls = house.calls(house.stake(stake.id))
    assert list(calls) == ["announce_forfeit" if answer is Answer.SPAM else "return_answered"]


def test_a_stake_that_left_the_chain_for_good_bars_no_later_answer(house: House) -> None:
    house.asking()
    lost = house.pay()
    house.rewind(lost.opened_hash)
    house.time = lost.terms.answer_by
    with pytest.raises(NotFound):
        house.answer(Answer.ACCEPT)
    stake = house.pay()
    assert [paid.id for paid in house.answer(Answer.ACCEPT).stakes] == [stake.id]


# ------------------------------------------------------------------------------------------------- undo


def undo(house: House, stranger: UserId = BOB) -> None:
    with house.work() as rooms:
        rooms.gate.undo(rooms.people.number(ALICE), stranger)


def test_undo_before_it_was_announced(house: House) -> None:
    house.asking()
    stake = house.pay()
    house.answer(Answer.SPAM)
    undo(house)
    assert list(house.calls(stake)) == ["return_answered"]
    assert [reason.code for reason in house.knock().verdict.because] == [Code.ASKS_STAKE]
    with pytest.raises(NotFound):
        undo(house)


def test_undo_within_the_48_hours(house: House) -> None:
    house.asking()
    stake = house.pay()
    house.answer(Answer.SPAM)
    house.put(announced(stake.id, house.chain.grow(time=house.time)))
    house.time += 47 * 3600
    undo(house)
    assert list(house.calls(house.stake(stake.id))) == ["return_answered"]
    house.put(returned(stake.id, house.chain.grow(time=house.time)))
    assert house.stake(stake.id).answered
    second = house.pay()
    assert second.opens


def test_undo_too_late(house: House) -> None:
    house.asking()
    stake = house.pay()
    house.answer(Answer.SPAM)
    house.put(announced(stake.id, house.chain.grow(time=house.time)))
    house.time += 48 * 3600
    for _ in range(2):
        with pytest.raises(Conflict) as late:
            undo(house)
        assert late.value.code == "undo_too_late"
        assert [reason.code for reason in house.knock().verdict.because] == [Code.CALLED_SPAM]
        if house.stake(stake.id).state == "forfeit_announced":
            house.put(forfeited(stake.id, house.chain.grow(time=house.time)))
    assert house.stake(stake.id).wish is Wish.FORFEIT


def test_undo_of_a_verdict_without_a_stake_has_no_end(house: House) -> None:
    house.asking()
    house.answer(Answer.SPAM, stranger=NOBODY)
    house.time += 30 * 24 * 3600
    undo(house, NOBODY)
    assert [reason.code for reason in house.knock(inviter=NOBODY).verdict.because] == [Code.ASKS_STAKE]


def test_undo_where_nothing_was_said(house: House) -> None:
    house.asking()
    house.pay()
    for stranger in (BOB, NOBODY):
        with pytest.raises(NotFound) as missing:
            undo(house, stranger)
        assert missing.value.code == "nothing_to_undo"


def test_spam_after_undo_after_spam(house: House) -> None:
    house.asking()
    first = house.pay()
    house.answer(Answer.SPAM)
    undo(house)
    second = house.pay()
    house.answer(Answer.SPAM)
    assert list(house.calls(first)) == ["return_answered"]
    assert list(house.calls(second)) == ["announce_forfeit"]
    undo(house)
    assert list(house.calls(second)) == ["return_answered"]


def test_the_word_is_the_recipients_alone(house: House) -> None:
    house.asking()
    house.pay()
    with house.work() as rooms:
        eve = rooms.people.number(UserId("@eve:home.example"))
        for answer in (Answer.ACCEPT, Answer.RETURN):
            with pytest.raises(NotFound):
                rooms.gate.answer(eve, BOB, answer)
        rooms.gate.answer(eve, BOB, Answer.SPAM)
    assert [reason.code for reason in house.knock().verdict.because] == [Code.STAKED]
