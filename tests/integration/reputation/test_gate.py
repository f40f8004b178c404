"""The gate: knocks, the stakes that answer them, and what everybody is told."""

from __future__ import annotations

from dataclasses import replace

from kit.amounts import ZERO, Amount
from payments.stakes.model import Answer, Price, StakeState
from reputation.model import GateAnswer
from reputation.verdict import Admit, Code, Hold, Refuse
from tests.support.house import House
from tests.support.knocks import BOB, OTHER_ROOM, ROOM
from tests.support.stakes import OTHER_PAYER, PAYEE, announced, expired, forfeited, returned, terms_on


def codes(answer: GateAnswer) -> list[Code]:
    return [reason.code for reason in answer.verdict.because]


# ------------------------------------------------------------------------------------------------- the story


def test_a_stranger_is_held_told_once_pays_and_gets_one_invite_in(house: House) -> None:
    alice, bob = house.asking(5), house.person(BOB)
    held = house.knock()
    assert isinstance(held.verdict, Hold)
    assert held.verdict.price == Price(Amount(5), ZERO)
    assert held.quote is not None
    assert house.passing() is None
    for _ in range(5):
        assert house.knock(room=OTHER_ROOM).quote == held.quote
    assert house.told(bob) == ["knock_held"]
    assert house.told(alice) == []

    stake = house.open(terms_on(held.quote))
    assert house.told(bob) == ["knock_held", "door_opened"]
    first = house.knock()
    assert (type(first.verdict), codes(first)) == (Admit, [Code.STAKED])
    again = house.knock(federated=True)
    assert (type(again.verdict), codes(again)) == (Admit, [Code.SAME_KNOCK])
    assert house.passing() is None, "what rests on a stake holds for one room and is asked for each time"
    for _ in range(2):
        other = house.knock(room=OTHER_ROOM)
        assert (type(other.verdict), codes(other)) == (Refuse, [Code.INVITE_PENDING])
    assert house.told(bob) == ["knock_held", "door_opened", "invite_pending_hint"]
    assert house.told(alice) == []

    for _ in range(2):
        house.join()
    assert house.told(alice) == ["ask_answer"]
    assert house.stake(stake.id).opens, "joining accepts nothing"


def test_the_notices_hold_what_their_sentences_need_and_no_name(house: House) -> None:
    alice, bob = house.asking(5), house.person(BOB)
    stake = house.pay()
    house.knock()
    house.join()
    held, opened, asked = house.notices()
    assert (held["to"], held["about"], asked["to"], asked["about"]) == (bob, alice, alice, bob)
    for notice in (held, opened, asked):
        values = notice["values"]
        assert (values["stranger"], values["recipient"]) == (bob, alice)
        assert (values["stake"], values["fee"]) == ("5", "0")
        assert values["quote_id"] == stake.quote_id
        assert values["answer_by"] == stake.terms.answer_by
        assert not any("@" in str(value) or "!" in str(value) for value in values.values())
    assert len(held["values"]["check_code"]) == 9
    assert held["values"]["tried_at"] == house.time
    assert held["values"]["quote_expiry"] == stake.terms.quote_expiry
    assert opened["values"]["transaction"] == "0x" + stake.opened_transaction.hex()
    assert asked["values"]["answers_close"] == stake.terms.answer_by - 30 * 60


def test_whoever_joined_while_nobody_was_told_is_asked_later_and_once(house: House) -> None:
    alice = house.asking()
    house.pay()
    with house.work() as rooms:
        assert rooms.gate.ask_unasked() == 0  # no invite of theirs has arrived
    house.knock()
    with house.work() as rooms:
        assert rooms.gate.ask_unasked() == 1
        assert rooms.gate.ask_unasked() == 0
    house.join()
    assert house.told(alice) == ["ask_answer"]
    house.answer(Answer.RETURN)
    with house.work() as rooms:
        assert rooms.gate.ask_unasked() == 0


def test_whoever_is_accepted_comes_and_goes_and_has_it_back(house: House) -> None:
    alice, stake = house.asking(), house.pay()
    house.knock()
    outcome = house.answer(Answer.ACCEPT)
    assert [paid.id for paid in outcome.stakes] == [stake.id]
    assert outcome.undo_until is None
    assert list(house.calls(stake)) == ["return_answered"]
    house.put(returned(stake.id, house.chain.grow()))
    assert house.told(house.person(BOB))[-1] == "stake_returned"
    for room in (ROOM, OTHER_ROOM):
        knock = house.knock(room=room)
        assert codes(knock) == [Code.ACCEPTED_BEFORE]
        passing = house.passing(room=room)
        assert passing is not None
        assert passing.verdict == knock.verdict
    with house.work() as rooms:
        assert rooms.gate.waiting(alice) == []


def test_return_gives_it_back_and_makes_a_stranger_again(house: House) -> None:
    house.asking()
    stake = house.pay()
    house.knock()
    house.answer(Answer.RETURN)
    assert list(house.calls(stake)) == ["return_answered"]
    knock = house.knock()
    assert codes(knock) == [Code.ASKS_STAKE]
    assert knock.quote is not None
    assert knock.quote.id != stake.quote_id
    assert house.open(terms_on(knock.quote)).opens
    assert codes(house.knock(room=OTHER_ROOM)) == [Code.STAKED]


def test_spam_is_forfeited_and_refused(house: House) -> None:
    alice, bob = house.asking(), house.person(BOB)
    stake = house.pay()
    house.knock()
    outcome = house.answer(Answer.SPAM)
    assert outcome.undo_until == house.time + 48 * 3600 - 600
    assert list(house.calls(stake)) == ["announce_forfeit"]
    assert codes(house.knock()) == [Code.CALLED_SPAM]
    house.put(announced(stake.id, house.chain.grow(time=house.time)))
    house.put(forfeited(stake.id, house.chain.grow(time=house.time + 48 * 3600)))
    assert codes(house.knock()) == [Code.CALLED_SPAM]
    assert house.told(bob)[-2:] == ["forfeit_announced", "stake_forfeited"]
    assert house.told(alice) == ["forfeit_announced", "stake_forfeited"]
    assert [n["values"].get("said_so") for n in house.notices() if n["to"] == alice] == [True, True]


def test_silence_ends_the_grant_at_answer_by_and_the_stake_goes_back(house: House) -> None:
    alice, stake = house.asking(), house.pay()
    house.knock()
    house.time = stake.terms.answer_by
    assert codes(house.knock()) == [Code.BARRED]
    with house.work() as rooms:
        assert rooms.gate.waiting(alice) == []
        rooms.stakes.sweep()
    assert list(house.calls(stake)) == ["expire"]
    house.put(expired(stake.id, house.chain.grow(time=house.time)))
    assert house.told(house.person(BOB)).count("stake_expired") == 1
    assert codes(house.knock(room=OTHER_ROOM)) == [Code.BARRED]
    house.time += 7 * 86_400
    assert codes(house.knock(room=OTHER_ROOM)) == [Code.ASKS_STAKE]


def test_a_fee_alone_opens_a_door_too(house: House) -> None:
    alice = house.asking()
    house.link_wallet(alice, PAYEE)
    with house.work() as rooms:
        rooms.doors.ask(alice, stake=ZERO, fee=Amount(3))
    stake = house.pay()
    assert (stake.terms.amount, stake.terms.fee, stake.terms.fee_payee) == (0, 3, PAYEE)
    assert codes(house.knock()) == [Code.STAKED]
    house.answer(Answer.SPAM)
    assert list(house.calls(stake)) == ["announce_forfeit"]


# ------------------------------------------------------------------------------------------------- stakes that move


def test_an_orphaned_stake_closes_the_door_and_opens_it_again(house: House) -> None:
    house.asking()
    bob, stake = house.person(BOB), house.pay()
    house.rewind(stake.opened_hash)
    assert house.told(bob)[-1] == "stake_orphaned"
    assert codes(house.knock()) == [Code.ASKS_STAKE]
    house.leave_and_return()
    assert house.told(bob)[-1] == "door_opened"
    assert codes(house.knock()) == [Code.STAKED]
    for _ in range(3):
        house.leave_and_return()
    assert house.told(bob) == ["knock_held", "door_opened", "stake_orphaned", "door_opened"]
    assert house.stake(stake.id).state is StakeState.OPEN
    assert codes(house.knock(room=OTHER_ROOM)) == [Code.INVITE_PENDING]


def test_what_was_accepted_stays_accepted_whatever_the_chain_does(house: House) -> None:
    house.asking()
    stake = house.pay()
    house.answer(Answer.ACCEPT)
    house.rewind(stake.opened_hash)
    assert codes(house.knock()) == [Code.ACCEPTED_BEFORE]


def test_an_ended_grant_does_not_come_back_with_its_block(house: House) -> None:
    house.asking()
    house.pay()
    house.answer(Answer.RETURN)
    house.leave_and_return()
    assert codes(house.knock()) == [Code.ASKS_STAKE]


def test_a_stake_on_other_terms_tells_nobody_and_opens_nothing(house: House) -> None:
    house.asking(5)
    house.open(replace(terms_on(house.quote()), amount=1))
    assert codes(house.knock()) == [Code.ASKS_STAKE]
    assert house.told(house.person(BOB)) == ["knock_held"]


def test_a_surplus_stake_opens_no_second_door(house: House) -> None:
    alice, stake = house.asking(), house.pay()
    second = house.open(replace(stake.terms, payer=OTHER_PAYER))
    assert second.surplus
    with house.work() as rooms:
        assert [waiting.stake.id for waiting in rooms.gate.waiting(alice)] == [stake.id]
    house.knock()
    assert codes(house.knock(room=OTHER_ROOM)) == [Code.INVITE_PENDING]
    assert house.told(house.person(BOB)).count("door_opened") == 1


def test_when_the_paying_stake_leaves_the_surplus_one_holds_the_door(house: House) -> None:
    alice, stake = house.asking(), house.pay()
    house.open(replace(stake.terms, payer=OTHER_PAYER))
    house.rewind(stake.opened_hash)
    with house.work() as rooms:
        (waiting,) = rooms.gate.waiting(alice)
    assert waiting.stake.terms.payer == OTHER_PAYER
    assert codes(house.knock()) == [Code.STAKED]
