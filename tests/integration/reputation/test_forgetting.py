"""Forgetting a person: what goes, what stays, and that nobody forgets themselves out of a forfeit."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from kit.errors import Conflict
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer, StakeState
from reputation.verdict import Code
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, OTHER_ROOM
from tests.support.stakes import announced, forfeited, returned, terms_on


def forget(house: House, person: PersonId) -> None:
    with house.work() as rooms:
        rooms.gate.forget(person)
        rooms.people.erase(person)


def rows(house: House, table: str) -> int:
    with house.database.read() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - our own tables' names


def test_a_recipient_takes_door_and_opinions_along_and_gives_open_stakes_back(house: House) -> None:
    alice, used = house.asking(), house.pay()
    house.knock()
    unused = house.pay(inviter=UserId("@eve:away.example"))
    house.quote(inviter=UserId("@carol:away.example"))
    house.answer(Answer.SPAM, stranger=UserId("@mallory:away.example"))
    house.knock(inviter=ALICE, invitee=BOB)
    with house.work() as rooms:
        rooms.doors.exempt(alice, rooms.people.number(UserId("@friend:away.example")))
    forget(house, alice)
    assert list(house.calls(used)) == ["return_unanswered"]
    assert list(house.calls(unused)) == ["return_unanswered"]
    for table in ("doors", "exemptions", "contacts", "spam_verdicts", "knocks"):
        assert rows(house, table) == 0, table
    with house.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM grants WHERE pending_room IS NOT NULL")) == 0
        salts = session.scalars(text("SELECT salt FROM quotes")).all()
    assert {bytes(salt) for salt in salts} == {bytes(32)}
    house.put(returned(used.id, house.chain.grow(), answered=False))
    assert house.stake(used.id).state is StakeState.RETURNED


def test_nothing_that_is_stored_names_anybody_but_the_one_table(house: House) -> None:
    house.asking()
    house.pay()
    house.knock()
    house.join()
    house.answer(Answer.ACCEPT)
    with house.database.read() as session:
        tables = {
            "quotes", "stakes", "stake_events", "doors", "exemptions", "contacts", "grants", "spam_verdicts", "knocks",
            "outbox", "outgoing",
        }  # fmt: skip
        for table in sorted(tables):
            for row in session.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - our own tables' names
                assert not any("@bob" in str(value) or "@alice" in str(value) for value in row), table


def test_a_late_payment_to_somebody_who_is_gone_goes_back(house: House) -> None:
    alice = house.asking()
    quote = house.quote()
    forget(house, alice)
    house.time += 12
    stake = house.open(terms_on(quote))
    assert stake.surplus
    assert list(house.calls(stake)) == ["return_unanswered"]


def test_a_stranger_with_an_unused_stake_may_go_and_gets_it_back(house: House) -> None:
    alice, stake = house.asking(), house.pay()
    bob = house.person(BOB)
    forget(house, bob)
    assert list(house.calls(stake)) == ["return_unanswered"]
    with house.work() as rooms:
        assert rooms.gate.waiting(alice) == []
    assert house.person(BOB) != bob
    assert [reason.code for reason in house.knock().verdict.because] == [Code.ASKS_STAKE]


def test_a_spammer_cannot_forget_themselves_out_of_a_forfeit(house: House) -> None:
    house.asking()
    stake, bob = house.pay(), house.person(BOB)
    house.knock()
    with pytest.raises(Conflict) as refused:
        forget(house, bob)
    assert refused.value.code == "stake_unanswered"
    assert refused.value.values["answer_by"] == stake.terms.answer_by
    assert [reason.code for reason in house.knock(room=OTHER_ROOM).verdict.because] == [Code.INVITE_PENDING]
    house.answer(Answer.SPAM)
    house.put(announced(stake.id, house.chain.grow(time=house.time)))
    forget(house, bob)
    house.put(forfeited(stake.id, house.chain.grow(time=house.time + 48 * 3600)))
    assert house.stake(stake.id).state is StakeState.FORFEITED
    assert house.told(bob)[-1] == "forfeit_announced", "nobody writes to a tombstone"


def test_a_stake_that_nobody_answered_in_time_holds_nobody_back(house: House) -> None:
    house.asking()
    stake, bob = house.pay(), house.person(BOB)
    house.knock()
    house.time = stake.terms.answer_by
    forget(house, bob)
    with house.work() as rooms:
        rooms.stakes.sweep()
    assert list(house.calls(stake)) == ["expire"]


def test_to_forget_twice_is_to_forget_once(house: House) -> None:
    alice = house.asking()
    house.pay()
    for _ in range(2):
        with house.work() as rooms:
            rooms.gate.forget(alice)
