"""Prices that rise, doors that are full, and pairs that are barred: on real rows, as knocks and stakes come in."""

from __future__ import annotations

import pytest

from kit.amounts import ZERO, Amount
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, RoomId, UserId
from payments.stakes.model import Answer, Price, Stake, StakeState, terms_of
from reputation.model import GateAnswer
from reputation.pricing import Caps
from reputation.verdict import Code, Hold, Reason
from tests.support.house import House
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import PAYER, expired, terms_on

DAY = 86_400
ROOMS = [RoomId(f"!r{number}:away.example") for number in range(9)]


def one(number: int, server: str = "away.example") -> UserId:
    return UserId(f"@s{number}:{server}")


def wallet(number: int) -> Address:
    return Address(bytes([7, number]) * 10)


def asked(answer: GateAnswer) -> tuple[int, list[Code]]:
    assert isinstance(answer.verdict, Hold)
    assert answer.quote is not None
    assert answer.quote.price == answer.verdict.price
    return answer.verdict.price.stake.base_units, [reason.code for reason in answer.verdict.because[1:]]


def stake(house: House, inviter: UserId, paid_from: Address) -> Stake:
    """Knock, be held, open the stake, and invite."""
    opened = house.open(terms_on(house.quote(inviter=inviter), paid_from))
    house.knock(inviter=inviter)
    return house.stake(opened.id)


def run_out(house: House, *stakes: Stake) -> None:
    house.time = max(house.time, *(one.terms.answer_by for one in stakes))
    for each in stakes:
        house.put(expired(each.id, house.chain.grow(time=house.time)))


def test_every_three_unanswered_double_a_doors_price_and_answers_take_that_back(house: House) -> None:
    house.asking(5)
    for number in range(3):
        stake(house, one(number, f"s{number}.example"), wallet(number))
    answer = house.knock(inviter=one(3, "other.example"))
    assert asked(answer) == (10, [Code.DEARER_DOOR])
    house.answer(Answer.RETURN, stranger=one(0, "s0.example"))
    assert asked(house.knock(inviter=one(4, "another.example"))) == (5, [])
    assert asked(house.knock(inviter=one(3, "other.example"))) == (10, [Code.DEARER_DOOR]), "what was told stands"


def test_what_ran_out_unanswered_is_remembered_for_thirty_days(house: House) -> None:
    house.asking(5)
    made = [stake(house, one(number, f"s{number}.example"), wallet(number)) for number in range(3)]
    run_out(house, *made)
    house.time += 30 * DAY - 1
    assert asked(house.knock(inviter=one(3, "other.example")))[0] == 10
    house.time += 1
    assert asked(house.knock(inviter=one(4, "another.example"))) == (5, [])


def test_a_stake_that_left_the_chain_weighs_nothing(house: House) -> None:
    house.asking(5)
    for number in range(3):
        stake(house, one(number, f"s{number}.example"), wallet(number))
    block, _ = house.chain.blocks[-1]
    house.rewind(block.hash)
    assert asked(house.knock(inviter=one(3, "other.example"))) == (5, [])
    house.time += 9 * DAY  # as if it had run out: the two that did are too few
    assert asked(house.knock(inviter=one(4, "another.example"))) == (5, [])


def test_servers_below_one_domain_count_as_one(house: House) -> None:
    house.asking(5)
    with house.work() as rooms:
        rooms.doors.cap(rooms.people.number(ALICE), most_open=100, most_a_day=100)
    for number in range(3):
        stake(house, one(number, f"s{number}.spam.example"), wallet(number))
    assert asked(house.knock(inviter=one(3, "s3.spam.example"))) == (20, [Code.DEARER_DOOR, Code.DEARER_SERVER])
    house.answer(Answer.ACCEPT, stranger=one(0, "s0.spam.example"))
    assert asked(house.knock(inviter=one(4, "s4.spam.example"))) == (5, [])


def test_a_cheap_price_paid_from_a_wallet_with_many_unanswered_comes_straight_back(house: House) -> None:
    house.asking(5)
    with house.work() as rooms:
        rooms.doors.cap(rooms.people.number(ALICE), most_open=100, most_a_day=100)
    quotes = [house.quote(inviter=one(number, f"s{number}.example")) for number in range(10)]
    made = [house.open(terms_on(quote, PAYER)) for quote in quotes]
    taken = [not house.calls(stake) for stake in made]
    assert taken == [True] * 3 + [False] * 7, "all prices were told before any was paid"
    assert house.told(house.person(one(3, "s3.example"))) == ["knock_held", "stake_not_taken"]
    assert house.notices()[-1]["values"]["why"] == Code.DEARER_WALLET
    assert list(house.calls(made[3])) == ["return_unanswered"]


def test_before_it_pays_it_is_told_the_new_price_which_stands(house: House) -> None:
    house.asking(5)
    with house.work() as rooms:
        rooms.doors.cap(rooms.people.number(ALICE), most_open=100, most_a_day=100)
    fresh = one(9, "fresh.example")
    quote = house.quote(inviter=fresh)
    for number in range(6):
        stake(house, one(number, f"s{number}.example"), PAYER)
    with house.work() as rooms:
        assert rooms.doors.check(quote, [PAYER]) is Code.DEARER_WALLET
        dearer = rooms.doors.reprice(quote, [PAYER])
    assert dearer.price.stake > Amount(10)
    assert dearer.price.dearer == ("door", "wallet")
    with house.work() as rooms:
        assert not rooms.stakes.standing(rooms.stakes.find_quote(quote.id))
        assert rooms.doors.check(dearer, [PAYER]) is None
        assert rooms.stakes.find_quote(dearer.id).price == dearer.price
    assert house.knock(inviter=fresh).quote == dearer
    assert not house.calls(house.open(terms_on(dearer, PAYER)))
    with house.work() as rooms:
        rooms.doors.closed(rooms.people.number(ALICE))
        with pytest.raises(Conflict):
            rooms.doors.reprice(quote, [PAYER])


def test_who_pays_from_a_known_wallet_is_quoted_for_it(house: House) -> None:
    house.asking(5)
    with house.work() as rooms:
        rooms.doors.cap(rooms.people.number(ALICE), most_open=100, most_a_day=100)
    for number in range(3):
        stake(house, one(number, f"s{number}.example"), PAYER)
    again = one(0, "s0.example")
    house.answer(Answer.RETURN, stranger=one(0, "s0.example"))
    stake(house, one(5, "s5.example"), PAYER)
    price, why = asked(house.knock(inviter=again, room=ROOMS[1]))
    assert (price, why) == (10, [Code.DEARER_WALLET])


def test_an_unanswered_pair_is_barred_for_a_doubling_time(house: House) -> None:
    alice = house.asking(5)
    for days in (7, 14):
        run_out(house, stake(house, BOB, PAYER))
        refused = house.knock(room=ROOMS[days % 3]).verdict
        until = house.time + days * DAY
        assert refused.because == (Reason(Code.BARRED, {"until": until}),)
        with house.work() as rooms:
            assert rooms.gate.why(alice, BOB).because == refused.because
            assert rooms.gate.knocks(alice)[0].codes == ("barred",)
        house.time = until - 1
        assert house.knock().verdict.because[0].code is Code.BARRED
        house.time = until
    made = stake(house, BOB, PAYER)
    house.answer(Answer.RETURN)
    assert house.stake(made.id).state is StakeState.OPEN
    run_out(house, stake(house, BOB, PAYER))
    refused = house.knock(room=ROOMS[5]).verdict
    assert refused.because[0].values["until"] == house.time + 7 * DAY, "an answer clears what came before it"


def test_a_stake_that_brought_no_invite_bars_nobody(house: House) -> None:
    house.asking(5)
    run_out(house, house.open(terms_on(house.quote(), PAYER)))
    assert asked(house.knock())[0] == 5


def test_a_full_door_asks_nobody_until_one_is_answered(house: House) -> None:
    alice = house.asking(5)
    with house.work() as rooms:
        assert rooms.doors.cap(alice, most_open=2).caps == Caps(2, 5)
    waiting = house.quote(inviter=one(8, "s8.example"))
    for number in range(2):
        stake(house, one(number, f"s{number}.example"), wallet(number))
    refused = house.knock(inviter=one(3, "s3.example"))
    assert refused.quote is None
    assert refused.verdict.because[0].code is Code.DOOR_FULL
    until = refused.verdict.because[0].values["until"]
    assert isinstance(until, int)
    assert 8 * DAY <= until - house.time <= 8 * DAY + 6 * 3600
    with house.work() as rooms:
        assert rooms.doors.check(waiting, [wallet(8)]) is Code.DOOR_FULL
    late = house.open(terms_on(waiting, wallet(8)))
    assert list(house.calls(late)) == ["return_unanswered"], "a price told before opens no full door"
    house.answer(Answer.RETURN, stranger=one(0, "s0.example"))
    assert asked(house.knock(inviter=one(3, "s3.example")))[0] == 5


def test_so_many_a_day_and_the_next_day_more(house: House) -> None:
    alice = house.asking(5)
    with house.work() as rooms:
        rooms.doors.cap(alice, most_a_day=1)
    stake(house, one(0, "s0.example"), wallet(0))
    house.answer(Answer.RETURN, stranger=one(0, "s0.example"))
    assert house.knock(inviter=one(1, "s1.example")).verdict.because[0].code is Code.DOOR_FULL
    house.time += DAY
    assert asked(house.knock(inviter=one(1, "s1.example"))) == (5, [])


@pytest.mark.parametrize("most", [0, -1, 1001])
def test_a_cap_is_a_number_of_strangers(house: House, most: int) -> None:
    alice = house.asking(5)
    with house.work() as rooms, pytest.raises(Invalid, match="between 1 and 1000"):
        rooms.doors.cap(alice, most_open=most)


def test_caps_stay_whatever_else_the_door_does(house: House) -> None:
    alice = house.asking(5)
    with house.work() as rooms:
        rooms.doors.cap(alice, most_open=3, most_a_day=2)
        for door in (rooms.doors.open(alice), rooms.doors.closed(alice), rooms.doors.ask(alice, stake=Amount(9))):
            assert door.caps == Caps(3, 2)
        assert rooms.doors.show(alice) == rooms.doors.ask(alice)


def test_people_who_are_known_are_looked_up_no_further(house: House) -> None:
    alice = house.asking(5)
    with house.work() as rooms:
        rooms.doors.exempt(alice, rooms.people.number(BOB))
        rooms.doors.pressures.complete = None  # type: ignore[method-assign, assignment]
        assert rooms.gate.why(alice, BOB).because[0].code is Code.EXEMPT


def test_a_changed_door_is_no_surge(house: House) -> None:
    house.asking(5)
    quote = house.quote()
    house.asking(50)
    assert not house.calls(house.open(terms_of(quote, payer=PAYER)))
    assert quote.price == Price(Amount(5), ZERO)
