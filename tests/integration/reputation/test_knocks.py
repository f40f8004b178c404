"""Knocks that are not let through: one bounded row for a pair, whatever its names; the recipient hears nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from kit.clock import from_unix
from kit.errors import NotFound
from kit.identifiers import PersonId, RoomId, UserId, parse_user_id
from kit.outbox import OutboxRow
from ledger.feed import Feed
from payments.stakes.model import Answer
from reputation.courtesy import PER_SERVER
from reputation.model import INVITED_KEPT, KNOCKS_KEPT, ContactWhy
from reputation.verdict import Admit, Code, Hold, Refuse
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, BOT, OTHER_ROOM, ROOM

HOSTILE = [
    "@:away.example",
    "@BOB:away.example",
    "@bob:away.example:8448",
    "@bob:[2001:db8::1]:8448",
    "@bób ✉ \u202ereversed\u202c:away.example",
    "@'; DROP TABLE knocks; --:away.example",
    "@<script>alert(1)</script>:away.example",
    "@%s{0}$HOME\\n:away.example",
    "@" + "x" * 240 + ":a.example",
    "@" + "\U0001f4a3" * 55 + ":away.example",
]


def test_a_pair_is_one_row_with_a_count_and_times(house: House) -> None:
    alice, bob = house.asking(), house.person(BOB)
    began = house.time
    for number in range(5):
        house.time = began + number * 3600
        house.knock()
    with house.work() as rooms:
        (count,) = rooms.gate.knocks(alice)
    assert (count.stranger, count.count, count.codes) == (bob, 5, ("asks_stake",))
    assert (count.first_at, count.last_at) == (from_unix(began), from_unix(began + 4 * 3600))
    assert house.told(alice) == []


def test_both_calls_of_a_federated_invite_and_its_repetitions_are_one_knock(house: House) -> None:
    alice = house.asking()
    for wait, federated in ((0, True), (0, False), (59, True), (0, False)):
        house.time += wait
        house.knock(federated=federated)
    with house.work() as rooms:
        assert [count.count for count in rooms.gate.knocks(alice)] == [1]
    house.time += 60
    house.knock()
    house.knock(room=OTHER_ROOM)
    with house.work() as rooms:
        assert [count.count for count in rooms.gate.knocks(alice)] == [3]


def test_the_recipient_hears_nothing_of_ten_thousand_unpaid_knocks(house: House) -> None:
    alice = house.asking()
    for number in range(100):
        for _ in range(3):
            house.knock(inviter=UserId(f"@flood{number}:away.example"), room=RoomId(f"!{number}:away.example"))
    with house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == PER_SERVER.burst
        assert session.scalar(text("SELECT count(*) FROM knocks")) == 100
        assert session.scalar(text("SELECT count(*) FROM quotes")) == 100
    assert house.told(alice) == []
    with house.work() as rooms:
        assert len(rooms.gate.knocks(alice)) == 100


def test_refused_knocks_are_counted_with_their_reason(house: House) -> None:
    alice = house.asking()
    house.knock()
    house.answer(Answer.SPAM)
    house.time += 3600
    knock = house.knock()
    assert knock.quote is None
    with house.work() as rooms:
        assert [(count.count, count.codes) for count in rooms.gate.knocks(alice)] == [(2, ("called_spam",))]
        rooms.doors.closed(alice)
    house.knock(inviter=UserId("@eve:away.example"))
    with house.work() as rooms:
        assert {count.codes for count in rooms.gate.knocks(alice)} == {("called_spam",), ("door_closed",)}
    assert house.told(house.person(BOB)) == ["knock_held"]


def test_knocks_are_forgotten_after_a_month(house: House) -> None:
    alice = house.asking()
    house.knock()
    house.time += int(KNOCKS_KEPT.total_seconds())
    with house.work() as rooms:
        rooms.gate.prune()
        assert len(rooms.gate.knocks(alice)) == 1
    house.time += 1
    with house.work() as rooms:
        assert rooms.gate.prune() >= 1
        assert rooms.gate.knocks(alice) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_strangers_of_any_name_are_held_told_let_in_and_forgotten_alike(house: House, name: str) -> None:
    stranger = parse_user_id(name)
    house.asking()
    assert isinstance(house.knock(inviter=stranger).verdict, Hold)
    stake = house.pay(inviter=stranger)
    assert isinstance(house.knock(inviter=stranger).verdict, Admit)
    assert isinstance(house.knock().verdict, Hold), "no other name passes for it"
    house.answer(Answer.SPAM, stranger=stranger)
    assert isinstance(house.knock(inviter=stranger).verdict, Refuse)
    assert list(house.calls(stake)) == ["announce_forfeit"]


def test_names_that_differ_in_a_byte_are_different_strangers(house: House) -> None:
    house.asking()
    house.pay()
    for name in ("@Bob:away.example", "@bob:Away.example", "@b\u043eb:away.example", "@bob\u200b:away.example"):
        assert isinstance(house.knock(inviter=UserId(name)).verdict, Hold)


def test_the_bots_own_invites_are_never_held_and_never_noted(house: House) -> None:
    alice = house.asking()
    with house.work() as rooms:
        rooms.doors.closed(alice)
    for _ in range(2):
        knock = house.knock(inviter=BOT)
        assert [reason.code for reason in knock.verdict.because] == [Code.OWN_BOT]
        assert house.passing(inviter=BOT) is not None
    assert isinstance(house.knock(inviter=BOB, invitee=BOT).verdict, Admit)
    with house.work() as rooms:
        assert rooms.people.find(BOT) is None
        assert rooms.gate.knocks(alice) == []


def test_a_stranger_who_stopped_notices_gets_none(house: House) -> None:
    house.asking()
    bob = house.person(BOB)
    with house.work() as rooms:
        rooms.people.stop_notices(bob)
    house.pay()
    house.knock()
    house.knock(room=OTHER_ROOM)
    assert house.told(bob) == []
    assert isinstance(house.knock(room=OTHER_ROOM).verdict, Refuse)


def test_why_tells_what_would_happen_and_changes_nothing(house: House) -> None:
    alice = house.asking()
    house.knock()
    stake = house.pay()
    house.knock()

    def codes(other: UserId) -> list[Code]:
        with house.work() as rooms:
            return [reason.code for reason in rooms.gate.why(alice, other).because]

    assert codes(BOB) == [Code.INVITE_PENDING]
    assert codes(UserId("@new:away.example")) == [Code.ASKS_STAKE]
    assert codes(ALICE) == [Code.SELF]
    assert codes(BOT) == [Code.OWN_BOT]
    with house.work() as rooms:
        why = rooms.gate.why(alice, BOB)
        assert why.knocks is not None
        assert why.knocks.count == 1
        assert [grant.stake_id for grant in why.facts.grants] == [stake.id]
        assert rooms.people.find(UserId("@new:away.example")) is None
        with pytest.raises(NotFound):
            rooms.gate.why(PersonId(10_000), BOB)
    house.answer(Answer.ACCEPT)
    with house.work() as rooms:
        assert rooms.gate.why(alice, BOB).facts.contact is ContactWhy.ACCEPTED
    assert codes(BOB) == [Code.ACCEPTED_BEFORE]


def test_waiting_lists_who_paid_with_room_and_time_left(house: House) -> None:
    alice, stake = house.asking(), house.pay()
    house.pay(inviter=UserId("@eve:away.example"))
    house.time += 60
    house.knock()
    with house.work() as rooms:
        waiting = {found.stranger: found for found in rooms.gate.waiting(alice)}
    mine = waiting[house.person(BOB)]
    assert (mine.stake.id, mine.room, mine.since) == (stake.id, ROOM, from_unix(house.time))
    assert mine.answers_close == stake.terms.answer_by - 1800
    assert waiting[house.person(UserId("@eve:away.example"))].room is None


def test_a_clock_that_jumps_back_breaks_nothing(house: House) -> None:
    alice = house.asking()
    house.knock()
    house.time -= int(timedelta(days=2).total_seconds())
    assert isinstance(house.knock().verdict, Hold)
    with house.work() as rooms:
        assert len(rooms.gate.knocks(alice)) == 1


def test_a_lie_of_another_server_leaves_no_trace(house: House) -> None:
    alice, mallory = house.asking(), UserId("@mallory:evil.example")
    # "Alice invited Mallory": then Mallory would be somebody whom she contacted first.
    forged = house.knock(inviter=ALICE, invitee=mallory, federated=True)
    assert isinstance(forged.verdict, Refuse)
    assert isinstance(house.knock(inviter=mallory).verdict, Hold)
    before = house.notices()
    # "Bob knocks": then Bob would be written to, and his knock counted; and once he has paid, his stake used up.
    for _ in range(2):
        unproven = house.knock(federated=True, proven=False, room=OTHER_ROOM)
        assert ([reason.code for reason in unproven.verdict.because], unproven.quote) == ([Code.UNPROVEN], None)
        assert house.notices() == before
        with house.work() as rooms:
            assert rooms.people.find(BOB) is None
            assert [count.count for count in rooms.gate.knocks(alice)] == [1]
    house.pay()
    house.knock(federated=True, proven=False, room=OTHER_ROOM)
    assert isinstance(house.knock(federated=True).verdict, Admit)


def people(house: House) -> int:
    with house.database.read() as session:
        return session.scalar(text("SELECT count(*) FROM people")) or 0


def prune(house: House) -> None:
    with house.work() as rooms:
        rooms.gate.prune()


def test_a_flood_leaves_no_people_behind(house: House) -> None:
    house.asking()
    guests = [UserId(f"@flood{number}:away.example") for number in range(20)]
    for guest in guests:
        house.knock(inviter=guest)
    with house.work() as rooms:
        rooms.people.stop_notices(rooms.people.number(guests[0]))
        rooms.people.set_locale(rooms.people.number(guests[1]), "de")
    house.pay(inviter=guests[2])
    last = house.person(UserId("@zoe:away.example"))
    house.time += int(KNOCKS_KEPT.total_seconds()) + 2
    prune(house)
    assert people(house) == 22, "their quotes stand a day longer"
    house.time += 2 * 86_400
    prune(house)
    assert people(house) == 22, "she can read yet that they knocked"
    with house.database.write() as session:
        told = Feed(session, from_unix(house.time)).prune(KNOCKS_KEPT, limit=100)
    with house.work() as rooms:
        rooms.people.prune(told)
    with house.work() as rooms:
        kept = [guest for guest in guests if rooms.people.find(guest) is not None]
        assert rooms.people.find(ALICE) is not None
        assert rooms.people.mxid(last) is not None, "the newest number is never given twice"
    assert kept == guests[:3], "who told us something, and who staked"


def test_a_number_that_was_taken_out_is_never_given_again(house: House) -> None:
    house.asking()
    house.knock()
    bob = house.person(BOB)
    house.time += 40 * 86_400
    prune(house)
    carol = house.person(UserId("@carol:away.example"))
    assert carol > bob
    house.knock()
    house.knock(inviter=UserId("@dora:away.example"))
    house.time += 40 * 86_400
    prune(house)
    with house.work() as rooms:
        assert rooms.people.mxid(carol) is not None
    assert house.person(UserId("@eve:away.example")) > carol


def test_whom_somebody_invited_is_known_as_long_as_it_matters(house: House) -> None:
    alice = house.asking()
    house.knock(inviter=ALICE, invitee=BOB)
    for _ in range(4):
        house.time += int(INVITED_KEPT.total_seconds()) - 86_400
        assert isinstance(house.knock().verdict, Admit)
        prune(house)
    house.time += int(INVITED_KEPT.total_seconds()) + 1
    prune(house)
    assert isinstance(house.knock().verdict, Hold)
    with house.work() as rooms:
        assert not rooms.gate.known(alice)


def test_whom_somebody_accepted_stays_known(house: House) -> None:
    house.asking()
    house.pay()
    house.answer(Answer.ACCEPT)
    house.time += 3 * int(INVITED_KEPT.total_seconds())
    prune(house)
    assert isinstance(house.knock().verdict, Admit)


def test_one_person_knows_so_many_by_inviting_and_the_least_used_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reputation.gate.MOST_INVITED", 3)
    alice = house.asking()
    guests = [UserId(f"@guest{number}:away.example") for number in range(5)]
    for guest in guests[:3]:
        house.knock(inviter=ALICE, invitee=guest)
        house.time += 86_400
    house.time += 86_400
    assert isinstance(house.knock(inviter=guests[0]).verdict, Admit)  # the oldest matters again
    for guest in guests[3:]:
        house.time += 1
        house.knock(inviter=ALICE, invitee=guest)
    with house.work() as rooms:
        known = set(rooms.people.mxids(rooms.gate.known(alice)).values())
        assert rooms.people.find(guests[1]) is None, "nobody knows them any more"
    assert known == {guests[0], guests[3], guests[4]}
