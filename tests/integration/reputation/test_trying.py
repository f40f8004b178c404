"""Trying a drafted door: what it would change for whoever knocked lately, and that the gate then says the same."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from kit.amounts import Amount
from kit.clock import from_unix
from kit.errors import Invalid
from kit.identifiers import PersonId, RoomId, UserId
from payments.stakes.model import Answer
from reputation.model import ContactWhy, Door
from reputation.policy import Admitting, DoorDocument, Holding, Refusing, Rule
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset, open_but
from reputation.store import GateStore
from reputation.tables import DocumentVersionRow
from reputation.trying import Fate, Tried, Trying, fate, rule_of, same
from reputation.verdict import FreePath, Verdict
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

CAROL, DORA, EVE = (UserId(f"@{name}:away.example") for name in ("carol", "dora", "eve"))
FRIENDLY = PRESETS[Preset.FRIENDS_OF_FRIENDS]
DAY = 24 * 3600


def tried(house: House, document: DoorDocument, days: int = 14, most: int = 1_000) -> Tried:
    with house.database.read() as session:
        rooms = house.rooms(session)
        trying = Trying(
            session, now=from_unix(house.time), people=rooms.people, doors=rooms.doors, weighing=rooms.gate.weighing
        )
        return trying.try_(rooms.people.number(ALICE), document, days, most=most)


def standing_at(house: House, document: DoorDocument) -> PersonId:
    house.tenant()
    alice = house.person(ALICE)
    with house.work() as rooms:
        rooms.doors.write(alice, document)
    return alice


def knows(house: House, one: UserId, other: UserId) -> None:
    with house.work() as rooms:
        person, known = rooms.people.number(one), rooms.people.number(other)
        GateStore(rooms.session).learn_contact(person, known, ContactWhy.ACCEPTED, from_unix(house.time))


def test_a_stricter_door_says_whom_it_would_have_kept_out_and_by_what(house: House) -> None:
    standing_at(house, PRESETS[Preset.OPEN])
    for stranger in (BOB, CAROL, DORA):
        house.knock(inviter=stranger)
        house.time += 60
    house.knock(inviter=DORA, room=RoomId("!second:away.example"))
    found = tried(house, open_but([BOB]))
    assert (found.strangers, found.changed, found.own_word, found.cut) == (3, 1, 0, False)
    [difference] = found.differences
    assert (difference.now, difference.then, difference.strangers) == (Fate.COMES_IN, Fate.REFUSED, 1)
    assert [(one.stranger, one.came_in, rule_of(one.then)) for one in difference.samples] == [(BOB, 1, "not these")]
    [all_held] = tried(house, FRIENDLY).differences
    assert (all_held.now, all_held.then) == (Fate.COMES_IN, Fate.HELD)
    assert [(one.stranger, one.came_in) for one in all_held.samples] == [(DORA, 2), (CAROL, 1), (BOB, 1)], (
        "latest first"
    )


def test_a_milder_door_says_who_would_have_come_in_and_what_others_would_be_asked(house: House) -> None:
    alice = standing_at(house, PRESETS[Preset.STAKE])
    for stranger in (BOB, CAROL):
        house.knock(inviter=stranger)
    knows(house, ALICE, EVE)
    knows(house, EVE, ALICE)
    knows(house, EVE, BOB)
    found = tried(house, FRIENDLY)
    assert {(one.now, one.then): [each.stranger for each in one.samples] for one in found.differences} == {
        (Fate.HELD, Fate.COMES_IN): [BOB],
        (Fate.HELD, Fate.HELD): [CAROL],
    }
    with house.database.read() as session:
        assert document_of(house.rooms(session).doors.show(alice)) == PRESETS[Preset.STAKE], "nothing was changed"
        assert session.scalar(select(func.count()).select_from(DocumentVersionRow)) == 1


def test_what_stands_changes_nothing_and_ones_own_word_is_left_alone(house: House) -> None:
    standing_at(house, FRIENDLY)
    for stranger in (BOB, CAROL, DORA, EVE):
        house.knock(inviter=stranger)
    assert tried(house, FRIENDLY).differences == ()
    with house.work() as rooms:
        rooms.doors.exempt(rooms.people.number(ALICE), rooms.people.number(BOB))
        rooms.contacts.take(rooms.people.number(ALICE), [EVE])
    house.answer(Answer.SPAM, stranger=CAROL)
    found = tried(house, PRESETS[Preset.KNOWN])
    assert (found.strangers, found.own_word) == (4, 3)
    assert [each.stranger for one in found.differences for each in one.samples] == [DORA]


def test_only_the_days_that_are_asked_for_count_and_only_days_that_are_kept(house: House) -> None:
    standing_at(house, PRESETS[Preset.OPEN])
    house.knock(inviter=BOB)
    house.time += 10 * DAY
    house.knock(inviter=CAROL)
    assert [tried(house, FRIENDLY, days).strangers for days in (1, 9, 11, 30)] == [1, 1, 2, 2]
    for days in (0, 31, -1):
        with pytest.raises(Invalid, match="Between 1 and 30"):
            tried(house, FRIENDLY, days)


def test_of_a_crowd_the_latest_are_looked_at_and_that_is_said(house: House) -> None:
    standing_at(house, PRESETS[Preset.STAKE])
    for number in range(4):
        house.knock(inviter=UserId(f"@many{number}:away.example"))
        house.time += 60
    found = tried(house, PRESETS[Preset.KNOWN], most=3)
    assert (found.strangers, found.cut) == (3, True)
    assert [one.stranger for one in found.differences[0].samples] == [
        f"@many{number}:away.example" for number in (3, 2, 1)
    ]
    assert not tried(house, PRESETS[Preset.KNOWN], most=4).cut


def test_at_most_ten_are_named_and_all_are_counted(house: House) -> None:
    standing_at(house, PRESETS[Preset.STAKE])
    for number in range(12):
        house.knock(inviter=UserId(f"@many{number}:away.example"))
    [difference] = tried(house, PRESETS[Preset.KNOWN]).differences
    assert (difference.strangers, len(difference.samples)) == (12, 10)


def test_a_rule_that_lacks_a_fact_says_which(house: House) -> None:
    standing_at(house, PRESETS[Preset.OPEN])
    house.knock()
    words = Rule(name="coins", when="knock.text.contains('coin') || room.id == '!none'", then=Refusing())
    found = tried(house, DoorDocument(rules=(words,), otherwise=Admitting()))
    assert (found.differences, dict(found.lacking)) == ((), {"knock.text": 1, "room.id": 1})


def test_whoever_never_set_a_door_is_told_that_nobody_was_counted(house: House) -> None:
    house.tenant()
    house.person(ALICE)
    house.knock()
    found = tried(house, FRIENDLY)
    assert (found.strangers, found.counted) == (0, False)


def test_what_could_not_be_ones_door_cannot_be_tried(house: House) -> None:
    standing_at(house, PRESETS[Preset.OPEN])
    with pytest.raises(Invalid, match="link a wallet"):
        tried(house, DoorDocument(otherwise=Holding(fee=Amount(2))))


def test_a_stake_that_would_go_back_opens_nothing_in_the_trial(house: House) -> None:
    alice = standing_at(house, PRESETS[Preset.STAKE])
    house.knock()
    house.pay()
    free = DoorDocument(otherwise=Holding(free=(FreePath.VOUCH,)))
    [difference] = tried(house, free).differences
    assert (difference.now, difference.then) == (Fate.COMES_IN, Fate.HELD)
    with house.work() as rooms:
        rooms.doors.write(alice, free)
    assert fate(house.knock().verdict) is Fate.HELD


DOORS = [
    *PRESETS.values(),
    open_but([BOB], []),
    document_of(Door()),
    DoorDocument(otherwise=Holding(free=(FreePath.ASK,))),
]


@pytest.mark.parametrize("before", range(len(DOORS)))
def test_the_gate_says_what_the_trial_foretold(house: House, before: int) -> None:
    """Strangers of every kind at one door; each other door is tried, set, and met by all of them."""
    standing_at(house, DOORS[before])
    house.knock(inviter=EVE)
    knows(house, ALICE, EVE)
    knows(house, EVE, ALICE)
    knows(house, EVE, DORA)
    for stranger in (BOB, CAROL, DORA):
        house.knock(inviter=stranger)
    carol = house.person(CAROL)
    with house.work() as rooms:
        rooms.vouches.vouch(rooms.people.number(ALICE), carol)
    for after in DOORS:
        foretold = {one.stranger: one.then for each in tried(house, after).differences for one in each.samples}
        unchanged = {one: house_verdict(house, one) for one in (BOB, CAROL, DORA, EVE) if one not in foretold}
        with house.work() as rooms:
            rooms.doors.write(rooms.people.number(ALICE), after)
        for stranger, verdict in (foretold | unchanged).items():
            assert same(house.knock(inviter=stranger, federated=True).verdict, verdict), (stranger, after)
        with house.work() as rooms:
            rooms.doors.write(rooms.people.number(ALICE), DOORS[before])


def house_verdict(house: House, stranger: UserId) -> Verdict:
    with house.work() as rooms:
        return rooms.gate.why(rooms.people.number(ALICE), stranger).verdict
