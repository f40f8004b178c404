"""Vouches: given, changed, withdrawn, run out; and seen by nobody whom their author did not choose."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from kit.clock import from_unix
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer
from reputation.evidence import MOST_KEPT, MOST_WORDS, Audience
from reputation.words import words
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

CAROL, DAVE = UserId("@carol:home.example"), UserId("@dave:far.example")
DAY, YEAR = 86_400, 365 * 86_400


def vouch(house: House, author: PersonId, subject: PersonId, **how: int | Audience) -> None:
    with house.work() as rooms:
        rooms.vouches.vouch(author, subject, **how)  # type: ignore[arg-type]


def seen(house: House, viewer: PersonId, subject: PersonId) -> list[PersonId]:
    with house.work() as rooms:
        return [one.author for one in rooms.vouches.seen(viewer, subject)]


def know(house: House, person: PersonId, other: PersonId) -> None:
    with house.work() as rooms:
        rooms.doors.exempt(person, other)


@pytest.fixture
def people(house: House) -> tuple[PersonId, PersonId, PersonId, PersonId]:
    alice, bob, carol, dave = (house.person(name) for name in (ALICE, BOB, CAROL, DAVE))
    return alice, bob, carol, dave


People = tuple[PersonId, PersonId, PersonId, PersonId]


def test_a_new_word_takes_the_place_of_the_old_one_which_stays_as_trail(house: House, people: People) -> None:
    alice, bob, *_ = people
    vouch(house, alice, bob)
    house.time += DAY
    vouch(house, alice, bob, weight=3, audience=Audience.EVERYBODY)
    with house.work() as rooms:
        (now,) = rooms.vouches.given(alice)
        assert (now.weight, now.audience, now.withdrawn_at) == (3, Audience.EVERYBODY, None)
        new, old = rooms.vouches.given(alice, past=True)
        assert (new, old.weight, old.withdrawn_at) == (now, 1, now.since)


def test_to_say_the_same_again_is_to_have_said_it_once_and_a_day_later_it_lasts_longer(
    house: House, people: People
) -> None:
    alice, bob, *_ = people
    for _ in range(3):
        vouch(house, alice, bob)
    with house.work() as rooms:
        (only,) = rooms.vouches.given(alice, past=True)
    house.time += DAY
    vouch(house, alice, bob)
    with house.work() as rooms:
        renewed, old = rooms.vouches.given(alice, past=True)
        assert (old.since, old.withdrawn_at, renewed.until > only.until) == (only.since, renewed.since, True)


def test_whoever_changes_their_word_for_ever_fills_no_disk(house: House, people: People) -> None:
    alice, bob, carol, _ = people
    vouch(house, alice, carol)
    with house.work() as rooms:
        passing = rooms.people.number(UserId("@passing:example.org"))
        rooms.people.number(UserId("@newest:example.org"))  # whose number is never given to another
        rooms.vouches.vouch(alice, passing, weight=1)
        rooms.vouches.withdraw(alice, passing)
        for turn in range(MOST_KEPT):
            rooms.vouches.vouch(alice, bob, weight=1 + turn % 2)
    with house.database.read() as session:
        kept = session.scalar(text("SELECT count(*) FROM words"))
        assert kept == MOST_KEPT - MOST_WORDS + 2
        named = session.scalar(text("SELECT count(*) FROM people WHERE id = :passing"), {"passing": passing})
        assert named == 0, "of whom nothing is left is known no more"
    assert seen(house, alice, carol) == [alice], "what stands stays"


def test_a_word_taken_back_is_seen_by_nobody_and_once_is_enough(house: House, people: People) -> None:
    alice, bob, *_ = people
    vouch(house, alice, bob)
    with house.work() as rooms:
        assert rooms.vouches.withdraw(alice, bob).withdrawn_at == rooms.vouches.given(alice, past=True)[0].withdrawn_at
    assert seen(house, alice, bob) == []
    with house.work() as rooms, pytest.raises(NotFound):
        rooms.vouches.withdraw(alice, bob)
    vouch(house, alice, bob)
    assert seen(house, alice, bob) == [alice]


def test_a_word_is_good_for_a_year_and_can_be_given_again(house: House, people: People) -> None:
    alice, bob, *_ = people
    vouch(house, alice, bob)
    house.time += YEAR
    assert seen(house, alice, bob) == []
    with house.work() as rooms, pytest.raises(NotFound):
        rooms.vouches.withdraw(alice, bob)
    vouch(house, alice, bob)
    assert seen(house, alice, bob) == [alice]


def test_nobody_vouches_for_themselves_nor_more_or_less_than_there_is(house: House, people: People) -> None:
    alice, bob, *_ = people
    with house.work() as rooms:
        with pytest.raises(Invalid):
            rooms.vouches.vouch(alice, alice)
        for weight in (0, 4, -1):
            with pytest.raises(Invalid):
                rooms.vouches.vouch(alice, bob, weight=weight)
        assert rooms.vouches.given(alice) == []


def test_nobody_knows_more_people_than_one_can(house: House, people: People) -> None:
    alice, bob, *_ = people
    with house.work() as rooms:
        for turn in range(MOST_WORDS):
            rooms.vouches.vouch(alice, rooms.people.number(UserId(f"@friend{turn}:home.example")))
    with house.work() as rooms, pytest.raises(Conflict):
        rooms.vouches.vouch(alice, bob)
    with house.work() as rooms:
        again = rooms.vouches.vouch(alice, rooms.people.number(UserId("@friend7:home.example")), weight=2)
        assert again.weight == 2, "to change one's word is always possible"
        assert len(rooms.vouches.given(alice)) == MOST_WORDS


# ---------------------------------------------------------------------------------------------------- who sees it


def test_a_word_is_for_those_whom_its_author_trusts_and_who_know_its_author(house: House, people: People) -> None:
    alice, bob, carol, dave = people
    vouch(house, carol, bob)
    know(house, alice, carol)
    assert seen(house, alice, bob) == [], "carol said nothing of alice"
    know(house, carol, alice)
    assert seen(house, alice, bob) == [], "nor for others to know"
    vouch(house, carol, alice, audience=Audience.MYSELF)
    assert seen(house, alice, bob) == []
    vouch(house, carol, alice)
    assert seen(house, alice, bob) == [carol]
    vouch(house, carol, dave)
    assert seen(house, dave, bob) == [], "dave does not know carol: anybody can have a thousand strangers vouch"


def test_whom_one_accepted_one_trusts_and_whom_one_invited_not(house: House, people: People) -> None:
    alice, bob, _, _ = people
    house.asking()
    house.pay(inviter=DAVE)
    house.knock(inviter=DAVE)
    house.answer(Answer.ACCEPT, stranger=DAVE)
    dave = house.person(DAVE)
    vouch(house, alice, bob)
    vouch(house, dave, alice, audience=Audience.MYSELF)
    assert seen(house, dave, bob) == [alice]
    house.knock(inviter=ALICE, invitee=CAROL)
    carol = house.person(CAROL)
    know(house, carol, alice)
    assert seen(house, carol, bob) == []


def test_whom_it_speaks_of_does_not_see_who_trusts_them(house: House, people: People) -> None:
    alice, bob, *_ = people
    know(house, bob, alice)
    vouch(house, alice, bob)
    assert seen(house, bob, bob) == []
    vouch(house, alice, bob, audience=Audience.EVERYBODY)
    assert seen(house, bob, bob) == [alice]
    vouch(house, alice, bob, audience=Audience.MYSELF)
    assert seen(house, bob, bob) == []
    assert seen(house, alice, bob) == [alice]


def test_a_sybil_who_trusts_one_person_learns_nothing_of_them(house: House, people: People) -> None:
    alice, bob, carol, _ = people
    know(house, alice, carol)
    vouch(house, alice, carol)
    vouch(house, alice, bob)
    sybil = house.person(UserId("@sybil:evil.example"))
    know(house, sybil, alice)
    vouch(house, sybil, alice)
    assert seen(house, sybil, bob) == []
    assert seen(house, sybil, carol) == []


# ---------------------------------------------------------------------------------------------------- as words


def said(house: House) -> dict[tuple[PersonId, PersonId], tuple[float, Audience]]:
    with house.database.read() as session:
        return {
            (word.author, word.subject): (word.said, word.audience) for word in words(session, from_unix(house.time))
        }


def test_each_pair_has_one_word_the_newest_of_what_was_said_outright(house: House, people: People) -> None:
    alice, bob, carol, dave = people
    house.knock(inviter=ALICE, invitee=CAROL)
    know(house, alice, bob)
    myself, trusted = (1 / 3, Audience.MYSELF), (1 / 3, Audience.TRUSTED)
    assert said(house) == {(alice, carol): myself, (alice, bob): myself}
    vouch(house, alice, bob, weight=3, audience=Audience.EVERYBODY)
    house.answer(Answer.SPAM, stranger=DAVE)
    assert said(house) == {
        (alice, carol): myself,
        (alice, bob): (1.0, Audience.EVERYBODY),
        (alice, dave): (-1.0, Audience.TRUSTED),
    }
    house.time += DAY
    house.answer(Answer.SPAM, stranger=BOB)
    vouch(house, alice, dave)
    assert said(house) == {(alice, carol): myself, (alice, bob): (-1.0, Audience.TRUSTED), (alice, dave): trusted}
    house.time += YEAR
    assert said(house)[alice, dave] == (-1.0, Audience.TRUSTED), "a vouch runs out, and what was said before counts"
    with house.database.read() as session:
        assert list(words(session, from_unix(house.time), [bob, carol])) == []
        assert len(list(words(session, from_unix(house.time), [alice]))) == 3


# ---------------------------------------------------------------------------------------------------- keeping house


def test_whoever_is_forgotten_takes_their_words_along_and_those_about_them(house: House, people: People) -> None:
    alice, bob, carol, _ = people
    vouch(house, alice, bob)
    vouch(house, bob, carol)
    vouch(house, alice, carol)
    with house.work() as rooms:
        rooms.vouches.withdraw(alice, bob)
    with house.work() as rooms:
        rooms.vouches.forget(bob)
    with house.database.read() as session:
        assert session.execute(text("SELECT author, subject FROM words")).all() == [(alice, carol)]


def test_the_trail_goes_a_year_after_a_words_own_year(house: House, people: People) -> None:
    alice, bob, carol, _ = people
    vouch(house, alice, bob)
    house.time += 2 * YEAR - DAY
    vouch(house, alice, carol)
    with house.work() as rooms:
        assert rooms.vouches.prune(limit=10) == []
    house.time += 2 * DAY
    with house.work() as rooms:
        assert rooms.vouches.prune(limit=10) == [bob]
        assert rooms.vouches.prune(limit=10) == []
        assert [one.subject for one in rooms.vouches.given(alice, past=True)] == [carol]
