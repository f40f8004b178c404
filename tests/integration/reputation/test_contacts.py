"""Contacts on both databases: whom a person says they knew before, how much of it, heard by nobody, and taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit.amounts import ZERO
from kit.clock import from_unix
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer, Price
from reputation.contacts import Import, Taken
from reputation.evidence import Audience
from reputation.lookup import KnownPair, known_pairs
from reputation.model import INVITED_KEPT, ContactWhy
from reputation.verdict import Admit, Code, FreePath, Hold, Reason, Refuse
from reputation.words import words
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

CAROL, DAVE = UserId("@carol:away.example"), UserId("@dave:away.example")


def take(house: House, *others: UserId, seconds_ago: int = 0) -> Taken:
    moment = from_unix(house.time - seconds_ago)
    with house.work() as rooms:
        return rooms.contacts.take(rooms.people.number(ALICE), others, moment=moment)


def undo(house: House, moment: int, *, limit: int = 100) -> int:
    with house.work() as rooms:
        return rooms.contacts.undo(rooms.people.number(ALICE), from_unix(moment), limit=limit)


def why(house: House, other: UserId) -> ContactWhy | None:
    with house.work() as rooms:
        return rooms.gate.why(rooms.people.number(ALICE), other).facts.contact


def numbers(taken: Taken) -> tuple[int, int, int]:
    return taken.added, taken.known, taken.left_out


def test_whom_a_person_knew_before_passes_and_needs_nothing_noted(house: House) -> None:
    alice = house.asking()
    assert isinstance(house.knock().verdict, Hold)
    assert numbers(take(house, BOB, CAROL)) == (2, 0, 0)
    verdict = house.knock().verdict
    assert isinstance(verdict, Admit)
    assert [reason.code for reason in verdict.because] == [Code.KNOWN_BEFORE]
    found = house.passing()
    assert found is not None
    assert found.until > from_unix(house.time) + timedelta(hours=5)
    with house.database.look() as connection:
        pairs = known_pairs(connection, (0, 0), 10, exempt=False)
    bob, carol = house.person(BOB), house.person(CAROL)
    wanted = [KnownPair(alice, ALICE, one, name, Code.KNOWN_BEFORE) for one, name in ((bob, BOB), (carol, CAROL))]
    assert sorted(pairs, key=lambda pair: pair.other) == sorted(wanted, key=lambda pair: pair.other)
    house.time += 3 * int(INVITED_KEPT.total_seconds())
    with house.work() as rooms:
        rooms.gate.prune()
    assert isinstance(house.knock().verdict, Admit)


def test_to_import_twice_is_to_import_once_and_what_was_known_stays_as_it_was(house: House) -> None:
    house.asking()
    house.knock(inviter=ALICE, invitee=BOB)
    first = house.time
    assert numbers(take(house, BOB, CAROL, ALICE)) == (1, 1, 1)
    house.time += 60
    assert numbers(take(house, BOB, CAROL, DAVE)) == (1, 2, 0)
    with house.work() as rooms:
        alice = rooms.people.number(ALICE)
        assert [(one.other, one.why) for one in rooms.contacts.page(alice, limit=10)] == [
            (BOB, ContactWhy.INVITED),
            (CAROL, ContactWhy.IMPORTED),
            (DAVE, ContactWhy.IMPORTED),
        ]
        assert [one.other for one in rooms.contacts.page(alice, after=BOB, limit=1)] == [CAROL]
        assert rooms.contacts.imports(alice) == [Import(from_unix(first + 60), 1), Import(from_unix(first), 1)]
        assert rooms.contacts.counts(alice) == {ContactWhy.INVITED: 1, ContactWhy.IMPORTED: 2}
    assert undo(house, first) == 1
    assert (why(house, BOB), why(house, CAROL), why(house, DAVE)) == (ContactWhy.INVITED, None, ContactWhy.IMPORTED)


def test_whoever_was_called_spam_stays_out_and_calling_somebody_spam_ends_it(house: House) -> None:
    house.asking()
    take(house, BOB)
    house.answer(Answer.SPAM)
    assert why(house, BOB) is None
    assert numbers(take(house, BOB)) == (0, 0, 1)
    assert isinstance(house.knock().verdict, Refuse)
    with house.work() as rooms:
        rooms.gate.undo(rooms.people.number(ALICE), BOB)
    assert isinstance(house.knock().verdict, Hold), "a stranger like any other"


def test_an_import_is_undone_in_parts_and_whom_one_accepted_since_stays_accepted(house: House) -> None:
    house.asking()
    house.pay()
    moment = house.time
    take(house, BOB, CAROL, DAVE)
    house.answer(Answer.ACCEPT)
    house.time += 60
    parts = [undo(house, moment, limit=2) for _ in range(3)]
    assert (sum(parts), parts[-1]) == (3, 0)
    assert (why(house, BOB), why(house, CAROL)) == (ContactWhy.ACCEPTED, None)
    with house.work() as rooms:
        assert rooms.people.find(CAROL) is None, "nobody knows them any more"


def test_whose_sentence_one_accepted_since_stays_too(house: House) -> None:
    house.asking()
    askable = Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), (FreePath.ASK,))
    with house.work() as rooms:
        rooms.asks.ask(BOB, rooms.people.number(ALICE), "Hello, it is Bob from the choir.", askable)
    take(house, BOB)
    with house.work() as rooms:
        assert rooms.asks.answer(rooms.people.number(ALICE), rooms.people.number(BOB), Answer.ACCEPT)
    undo(house, house.time)
    assert why(house, BOB) is ContactWhy.ACCEPTED


def test_of_an_import_nobody_hears_but_its_own_person_thinks_better_of_them(house: House) -> None:
    house.asking()
    take(house, BOB)
    with house.work() as rooms:
        (word,) = words(rooms.session, from_unix(house.time))
    assert (word.author, word.subject, word.audience) == (house.person(ALICE), house.person(BOB), Audience.MYSELF)
    assert word.said > 0
    with house.work() as rooms:
        alice, bob = rooms.people.number(ALICE), rooms.people.number(BOB)
        rooms.vouches.vouch(alice, rooms.people.number(DAVE))
        assert rooms.vouches.seen(bob, rooms.people.number(DAVE)) == [], "Alice does not trust Bob with her words"


def test_one_person_imports_so_many_and_repeats_are_not_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reputation.contacts.MOST_IMPORTED", 2)
    house.asking()
    take(house, BOB, CAROL)
    assert numbers(take(house, BOB, CAROL)) == (0, 2, 0)
    with pytest.raises(Conflict):
        take(house, BOB, DAVE)
    assert why(house, DAVE) is None
    with house.work() as rooms:
        rooms.contacts.forget(rooms.people.number(ALICE), CAROL)
    assert numbers(take(house, BOB, DAVE)) == (1, 1, 0)


@pytest.mark.parametrize("seconds_ago", [-3_700, 3_700])
def test_an_import_goes_on_for_an_hour(house: House, seconds_ago: int) -> None:
    house.asking()
    take(house, BOB, seconds_ago=3_500)
    with pytest.raises(Invalid):
        take(house, CAROL, seconds_ago=seconds_ago)


def test_too_many_at_once_are_refused(house: House) -> None:
    with pytest.raises(Invalid):
        take(house, *(UserId(f"@guest{number}:away.example") for number in range(201)))


def test_somebody_is_forgotten_whatever_the_way(house: House) -> None:
    house.asking()
    take(house, BOB)
    house.knock(inviter=ALICE, invitee=CAROL)
    with house.work() as rooms:
        alice = rooms.people.number(ALICE)
        for other in (BOB, CAROL):
            rooms.contacts.forget(alice, other)
            with pytest.raises(NotFound):
                rooms.contacts.forget(alice, other)
        with pytest.raises(NotFound):
            rooms.contacts.forget(alice, UserId("@never:seen.example"))
    assert isinstance(house.knock().verdict, Hold)


def test_forgetting_a_person_forgets_what_they_imported_and_who_imported_them(house: House) -> None:
    house.asking()
    take(house, BOB)
    with house.work() as rooms:
        bob: PersonId = rooms.people.number(BOB)
        rooms.contacts.take(bob, [CAROL])
        rooms.gate.forget(bob)
        assert rooms.contacts.counts(bob) == rooms.contacts.counts(rooms.people.number(ALICE)) == {}
