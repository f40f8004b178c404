"""Doors: set by their owner, at prices that can be paid; changing one gives back what was paid for nothing."""

from __future__ import annotations

import pytest

from kit.amounts import UINT256_MAX, ZERO, Amount
from kit.changes import counters
from kit.errors import Invalid
from payments.stakes.model import Answer
from reputation.model import Door, DoorMode
from reputation.verdict import Code
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, OTHER_ROOM
from tests.support.stakes import PAYEE, opened, terms_on

FIVE = Amount(5)


def codes(house: House) -> list[Code]:
    return [reason.code for reason in house.knock(room=OTHER_ROOM).verdict.because]


def test_whoever_never_said_anything_keeps_an_open_door(house: House) -> None:
    alice = house.person(ALICE)
    with house.work() as rooms:
        assert rooms.doors.show(alice) == Door(DoorMode.OPEN)
    knock = house.knock()
    assert [reason.code for reason in knock.verdict.because] == [Code.DOOR_OPEN]
    passing = house.passing()
    assert passing is not None
    assert passing.verdict == knock.verdict
    with house.work() as rooms:
        assert rooms.people.find(BOB) is None, "a stranger at an open door leaves no trace"
        assert rooms.gate.knocks(alice) == []


def test_a_door_opens_closes_and_asks(house: House) -> None:
    alice = house.asking(5)
    assert codes(house) == [Code.ASKS_STAKE]
    with house.work() as rooms:
        assert rooms.doors.closed(alice).mode is DoorMode.CLOSED
    assert codes(house) == [Code.DOOR_CLOSED]
    with house.work() as rooms:
        assert rooms.doors.open(alice).mode is DoorMode.OPEN
    assert codes(house) == [Code.DOOR_OPEN]


def test_stake_and_fee_are_set_one_by_one_and_begin_anew_after_open_or_closed(house: House) -> None:
    alice = house.person(ALICE)
    house.link_wallet(alice, PAYEE)
    with house.work() as rooms:
        assert rooms.doors.ask(alice, stake=FIVE) == Door(DoorMode.ASK, FIVE, ZERO, None)
        assert rooms.doors.ask(alice, fee=Amount(2)) == Door(DoorMode.ASK, FIVE, Amount(2), PAYEE)
        assert rooms.doors.ask(alice, stake=Amount(6)) == Door(DoorMode.ASK, Amount(6), Amount(2), PAYEE)
        assert rooms.doors.show(alice) == Door(DoorMode.ASK, Amount(6), Amount(2), PAYEE)
        rooms.doors.closed(alice)
        assert rooms.doors.ask(alice, stake=FIVE) == Door(DoorMode.ASK, FIVE, ZERO, None)


def test_a_fee_needs_a_wallet_of_ones_own(house: House) -> None:
    alice = house.person(ALICE)
    with house.work() as rooms, pytest.raises(Invalid) as refused:
        rooms.doors.ask(alice, stake=FIVE, fee=Amount(1))
    assert refused.value.code == "fee_needs_wallet"
    assert "link a wallet" in refused.value.message
    with house.work() as rooms:
        assert rooms.doors.show(alice).mode is DoorMode.OPEN


@pytest.mark.parametrize(
    ("stake", "fee", "code"),
    [
        (ZERO, None, "price_zero"),
        (None, None, "price_zero"),
        (Amount(UINT256_MAX), None, "price_too_high"),
        (Amount(UINT256_MAX // 2), Amount(1), "price_too_high"),
    ],
)
def test_prices_that_nobody_could_put_down_are_refused(
    house: House, stake: Amount | None, fee: Amount | None, code: str
) -> None:
    alice = house.person(ALICE)
    house.link_wallet(alice, PAYEE)
    with house.work() as rooms, pytest.raises(Invalid) as refused:
        rooms.doors.ask(alice, stake=stake, fee=fee)
    assert refused.value.code == code


def test_more_than_there_is_may_be_asked(house: House) -> None:
    house.asking(UINT256_MAX // 2)
    assert house.quote().price.stake == Amount(UINT256_MAX // 2)


def test_a_price_that_was_quoted_stands_whatever_the_door_asks_later(house: House) -> None:
    alice = house.asking(5)
    quote = house.quote()
    with house.work() as rooms:
        rooms.doors.ask(alice, stake=Amount(9))
    house.time += 12
    assert house.open(terms_on(quote)).opens


@pytest.mark.parametrize("change", ["open", "closed"])
def test_a_door_that_asks_no_more_gives_late_payments_back(house: House, change: str) -> None:
    alice = house.asking(5)
    quote = house.quote()
    with house.work() as rooms:
        getattr(rooms.doors, change)(alice)
    house.time += 12
    stake = house.open(terms_on(quote))
    assert stake.surplus
    assert list(house.calls(stake)) == ["return_unanswered"]
    assert house.told(house.person(BOB)) == ["knock_held"]


@pytest.mark.parametrize("change", ["open", "closed", "exempt", "spam", "invited"])
def test_a_stake_that_was_on_its_way_when_the_door_changed_goes_straight_back(house: House, change: str) -> None:
    alice = house.asking(5)
    terms = terms_on(house.quote())
    mined = house.time
    house.time += 60  # the block is older than what follows, but was not read yet
    match change:
        case "spam":
            house.answer(Answer.SPAM)
        case "invited":
            house.knock(inviter=ALICE, invitee=BOB)
        case "exempt":
            with house.work() as rooms:
                rooms.doors.exempt(alice, rooms.people.number(BOB))
        case _:
            with house.work() as rooms:
                getattr(rooms.doors, change)(alice)
    house.chain.grow(time=mined)
    placed, _ = house.put(opened(terms, house.chain.blocks[-1][0]))
    stake = house.stake(placed.stake_id)
    assert stake.counts
    assert list(house.calls(stake)) == ["return_unanswered"]
    with house.work() as rooms:
        assert rooms.gate.waiting(alice) == []
    assert house.told(house.person(BOB)) == ["knock_held"]


@pytest.mark.parametrize("change", ["open", "closed", "exempt"])
def test_whoever_paid_and_has_not_come_in_yet_gets_it_back_at_once(house: House, change: str) -> None:
    alice, stake = house.asking(5), house.pay()
    with house.work() as rooms:
        if change == "exempt":
            rooms.doors.exempt(alice, rooms.people.number(BOB))
        else:
            getattr(rooms.doors, change)(alice)
    assert list(house.calls(stake)) == ["return_unanswered"]
    with house.work() as rooms:
        assert rooms.gate.waiting(alice) == []


def test_an_invite_that_arrived_waits_for_its_answer_behind_a_closed_door(house: House) -> None:
    alice, stake = house.asking(5), house.pay()
    house.knock()
    with house.work() as rooms:
        rooms.doors.closed(alice)
        assert [waiting.stake.id for waiting in rooms.gate.waiting(alice)] == [stake.id]
    assert house.calls(stake) == {}
    assert codes(house) == [Code.DOOR_CLOSED]


def test_an_exemption_lets_one_person_pass_and_can_be_taken_back(house: House) -> None:
    alice = house.asking()
    bob = house.person(BOB)
    with house.work() as rooms:
        assert rooms.doors.exempt(alice, bob)
        assert not rooms.doors.exempt(alice, bob)
        assert rooms.doors.exemptions(alice) == [bob]
        rooms.doors.closed(alice)
    assert codes(house) == [Code.EXEMPT]
    assert house.passing(room=OTHER_ROOM) is not None
    with house.work() as rooms:
        assert rooms.doors.unexempt(alice, bob)
        assert not rooms.doors.unexempt(alice, bob)
    assert codes(house) == [Code.DOOR_CLOSED]


def test_an_exemption_is_one_way_and_of_one_door(house: House) -> None:
    alice, bob = house.asking(), house.person(BOB)
    with house.work() as rooms:
        rooms.doors.exempt(bob, alice)
    assert codes(house) == [Code.ASKS_STAKE]
    with house.work() as rooms, pytest.raises(Invalid):
        rooms.doors.exempt(alice, alice)


def test_every_change_wakes_the_gates_memory(house: House) -> None:
    alice, bob = house.asking(), house.person(BOB)

    def counter() -> int:
        with house.database.read() as session:
            return counters(session)["gate"]

    seen = [counter()]
    for change in ("ask", "closed", "open", "exempt", "unexempt"):
        with house.work() as rooms:
            if change == "ask":
                rooms.doors.ask(alice, stake=FIVE)
            elif change.endswith("exempt"):
                getattr(rooms.doors, change)(alice, bob)
            else:
                getattr(rooms.doors, change)(alice)
        seen.append(counter())
    assert seen == sorted(set(seen))
