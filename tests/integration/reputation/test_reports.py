"""Reports: a word against somebody, in the place of one for them, withdrawn, run out, and seen by chosen people."""

from __future__ import annotations

import pytest

from kit.clock import from_unix
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer
from reputation.evidence import MOST_WORDS, Audience, Reason
from reputation.words import words
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

CAROL, DAVE = UserId("@carol:home.example"), UserId("@dave:far.example")
DAY, YEAR = 86_400, 365 * 86_400
People = tuple[PersonId, PersonId, PersonId, PersonId]


def report(
    house: House,
    author: PersonId,
    subject: PersonId,
    reason: Reason = Reason.SPAM,
    audience: Audience = Audience.TRUSTED,
) -> None:
    with house.work() as rooms:
        rooms.vouches.report(author, subject, reason, audience=audience)


def vouch(house: House, author: PersonId, subject: PersonId, audience: Audience = Audience.TRUSTED) -> None:
    with house.work() as rooms:
        rooms.vouches.vouch(author, subject, audience=audience)


def seen(house: House, viewer: PersonId, subject: PersonId) -> list[tuple[PersonId, Reason | None]]:
    with house.work() as rooms:
        return [(one.author, one.reason) for one in rooms.vouches.reported(viewer, subject)]


def vouching(house: House, viewer: PersonId, subject: PersonId) -> list[PersonId]:
    with house.work() as rooms:
        return [one.author for one in rooms.vouches.seen(viewer, subject)]


def knowing(house: House, viewer: PersonId, subject: PersonId) -> set[PersonId]:
    with house.work() as rooms:
        return rooms.vouches.knowing(viewer, subject)


def know(house: House, person: PersonId, other: PersonId) -> None:
    with house.work() as rooms:
        rooms.doors.exempt(person, other)


def accept(house: House, stranger: UserId) -> None:
    """Alice asks, is paid, and accepts."""
    house.asking()
    house.pay(inviter=stranger)
    house.knock(inviter=stranger)
    house.answer(Answer.ACCEPT, stranger=stranger)


def said(house: House, author: PersonId, subject: PersonId) -> tuple[float, Audience] | None:
    with house.database.read() as session:
        found = {word.subject: (word.said, word.audience) for word in words(session, from_unix(house.time), [author])}
    return found.get(subject)


@pytest.fixture
def people(house: House) -> People:
    alice, bob, carol, dave = (house.person(name) for name in (ALICE, BOB, CAROL, DAVE))
    return alice, bob, carol, dave


def test_a_report_takes_a_vouchs_place_and_a_vouch_a_reports(house: House, people: People) -> None:
    alice, bob, *_ = people
    vouch(house, alice, bob, Audience.EVERYBODY)
    report(house, alice, bob, Reason.SCAM)
    assert (vouching(house, alice, bob), seen(house, alice, bob)) == ([], [(alice, Reason.SCAM)])
    assert said(house, alice, bob) == (-1.0, Audience.TRUSTED)
    vouch(house, alice, bob)
    assert (vouching(house, alice, bob), seen(house, alice, bob)) == ([alice], [])
    assert said(house, alice, bob) == (1 / 3, Audience.TRUSTED)
    with house.work() as rooms:
        past = rooms.vouches.given(alice, past=True)
        assert [(one.reason, one.withdrawn_at is None) for one in past] == [
            (None, True),
            (Reason.SCAM, False),
            (None, False),
        ], "the trail tells of all of them"
        assert [one.reason for one in rooms.vouches.given(alice, past=True, good=False)] == [Reason.SCAM]


def test_a_report_is_withdrawn_once_and_what_was_known_before_counts_again(house: House, people: People) -> None:
    alice, bob, *_ = people
    house.answer(Answer.SPAM, stranger=BOB)
    house.time += DAY
    report(house, alice, bob, Reason.ABUSE, Audience.MYSELF)
    assert said(house, alice, bob) == (-1.0, Audience.MYSELF), "the newer word is for whom its author chose"
    with house.work() as rooms:
        with pytest.raises(NotFound):
            rooms.vouches.withdraw(alice, bob, good=True)
        assert rooms.vouches.withdraw(alice, bob).reason is Reason.ABUSE
    assert said(house, alice, bob) == (-1.0, Audience.TRUSTED)
    with house.work() as rooms, pytest.raises(NotFound):
        rooms.vouches.withdraw(alice, bob)


def test_a_report_runs_out_after_a_year(house: House, people: People) -> None:
    alice, bob, *_ = people
    report(house, alice, bob)
    house.time += YEAR - 1
    assert seen(house, alice, bob) == [(alice, Reason.SPAM)]
    house.time += 1
    assert (seen(house, alice, bob), said(house, alice, bob)) == ([], None)


def test_to_report_the_same_again_is_to_have_said_it_once_and_another_reason_is_another_word(
    house: House, people: People
) -> None:
    alice, bob, *_ = people
    for reason in (Reason.SPAM, Reason.SPAM, Reason.SCAM):
        report(house, alice, bob, reason)
    with house.work() as rooms:
        assert [one.reason for one in rooms.vouches.given(alice, past=True)] == [Reason.SCAM, Reason.SPAM]


def test_vouches_and_reports_are_bounded_together_and_nobody_reports_themselves(house: House, people: People) -> None:
    alice, bob, *_ = people
    with house.work() as rooms:
        with pytest.raises(Invalid):
            rooms.vouches.report(alice, alice, Reason.SPAM)
        for turn in range(MOST_WORDS):
            other = rooms.people.number(UserId(f"@other{turn}:home.example"))
            if turn % 2:
                rooms.vouches.report(alice, other, Reason.SPAM)
            else:
                rooms.vouches.vouch(alice, other)
    with house.work() as rooms, pytest.raises(Conflict):
        rooms.vouches.report(alice, bob, Reason.SPAM)
    with house.work() as rooms:
        rooms.vouches.report(alice, rooms.people.number(UserId("@other0:home.example")), Reason.SPAM)


# ---------------------------------------------------------------------------------------------------- who sees it


def test_a_report_is_for_those_whom_its_author_trusts_and_never_for_whom_it_speaks_of(
    house: House, people: People
) -> None:
    alice, bob, carol, dave = people
    know(house, alice, carol)
    know(house, bob, carol)
    vouch(house, carol, alice)
    accept(house, DAVE)
    report(house, carol, bob)
    assert seen(house, alice, bob) == [(carol, Reason.SPAM)]
    assert seen(house, bob, bob) == []
    assert seen(house, dave, bob) == [], "carol said nothing of dave"
    report(house, carol, bob, audience=Audience.MYSELF)
    assert (seen(house, alice, bob), seen(house, carol, bob)) == ([], [(carol, Reason.SPAM)])
    report(house, carol, bob, audience=Audience.EVERYBODY)
    assert seen(house, alice, bob) == seen(house, bob, bob) == [(carol, Reason.SPAM)]
    with house.work() as rooms:
        rooms.vouches.withdraw(carol, bob)
    assert seen(house, alice, bob) == seen(house, bob, bob) == []


def test_whom_one_reports_one_trusts_no_more_whatever_one_said_before(house: House, people: People) -> None:
    alice, bob, carol, dave = people
    accept(house, DAVE)
    report(house, alice, bob)
    know(house, dave, alice)
    assert seen(house, dave, bob) == [(alice, Reason.SPAM)], "whom alice accepted she trusts"
    know(house, carol, alice)
    vouch(house, alice, carol)
    assert knowing(house, carol, dave) == {alice}
    report(house, alice, dave, audience=Audience.MYSELF)
    assert seen(house, dave, bob) == []
    assert knowing(house, carol, dave) == set(), (
        "it is not told that she reports them, only that she knows them no more"
    )
    report(house, alice, dave)
    assert seen(house, dave, bob) == [], "nor is a report that others may hear a word of trust"
    vouch(house, dave, bob, Audience.EVERYBODY)
    assert vouching(house, alice, bob) == [], "and their word is a stranger's to her"
    with house.work() as rooms:
        rooms.vouches.withdraw(alice, dave)
    assert vouching(house, alice, bob) == [dave]
    assert knowing(house, carol, dave) == {alice}


def test_a_sybil_who_trusts_one_person_learns_nothing_of_whom_they_report(house: House, people: People) -> None:
    alice, bob, carol, _ = people
    know(house, alice, carol)
    vouch(house, alice, carol)
    vouch(house, carol, alice)
    report(house, alice, bob)
    report(house, carol, bob)
    sybil = house.person(UserId("@sybil:evil.example"))
    know(house, sybil, alice)
    vouch(house, sybil, alice)
    vouch(house, sybil, carol)
    assert seen(house, sybil, bob) == []
    assert len(seen(house, alice, bob)) == 2


def test_whoever_is_forgotten_takes_reports_along_and_those_about_them(house: House, people: People) -> None:
    alice, bob, carol, _ = people
    report(house, alice, bob)
    report(house, bob, carol)
    report(house, alice, carol)
    with house.work() as rooms:
        rooms.vouches.forget(bob)
    with house.work() as rooms:
        assert [one.subject for one in rooms.vouches.given(alice, past=True)] == [carol]
        assert rooms.vouches.given(bob, past=True) == []
