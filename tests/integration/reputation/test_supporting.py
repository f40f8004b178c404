"""Supporters at doors: a tier counts once it is sure, where its operator lets it, for few strangers a day."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from kit.amounts import Amount
from kit.clock import from_unix
from kit.identifiers import PersonId, UserId
from ledger.model import Level
from payments.flair.documents import read_document
from payments.flair.model import ClaimedBy, Gift, Giver
from payments.stakes.model import Answer
from reputation.policy import Admitting, DoorDocument, Holding, Rule
from reputation.supporting import MOST_A_DAY
from reputation.verdict import Admit, Code, Hold, Refuse
from tests.support.gifts import DOCUMENT, on_chain, patron
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

OPEN_TO_PATRONS = DoorDocument(
    rules=(Rule(name="patrons", when="'patron' in sender.supporter", then=Admitting()),),
    otherwise=Holding(stake=Amount(5 * 10**18)),
)


def door(house: House, name: UserId = ALICE) -> PersonId:
    person = house.person(name)
    with house.work() as rooms:
        rooms.doors.write(person, OPEN_TO_PATRONS)
    return person


def supports(house: House, *gifts: Gift) -> PersonId:
    """Let Bob have given."""
    bob = house.person(BOB)
    with house.work() as rooms:
        rooms.supporters.use(read_document(json.dumps(DOCUMENT)))
        rooms.supporters.told(gifts)
        for giver in {Giver(gift.source, gift.giver) for gift in gifts}:
            rooms.supporters.claimed(giver, bob, ClaimedBy.HAND)
    return bob


def now_of(house: House, gift: Gift, *, months: int = 3) -> Gift:
    """The same gift, given now."""
    return replace(gift, at=from_unix(house.time), months=months)


def test_a_final_gift_opens_a_door_that_asks_for_it(house: House) -> None:
    house.tenant()
    door(house)
    assert isinstance(house.knock().verdict, Hold)
    supports(house, now_of(house, on_chain(60)))
    assert isinstance(house.knock().verdict, Hold), "it could still leave the chain"
    supports(house, now_of(house, on_chain(60, level=Level.FINALIZED)))
    verdict = house.knock().verdict
    assert isinstance(verdict, Admit)
    assert verdict.because[0].code is Code.BY_RULE


def test_an_imported_gift_counts_after_the_window_of_charge_backs(house: House) -> None:
    house.tenant()
    door(house)
    supports(house, now_of(house, patron(30)))
    assert isinstance(house.knock().verdict, Hold)
    house.time += int(timedelta(days=59).total_seconds())
    assert isinstance(house.knock().verdict, Hold)
    house.time += int(timedelta(days=1, minutes=1).total_seconds())
    assert isinstance(house.knock().verdict, Admit)


def test_a_tier_that_does_not_count_opens_nothing(house: House) -> None:
    house.tenant()
    door(house)
    supports(house, now_of(house, on_chain(30, level=Level.FINALIZED)))
    assert isinstance(house.knock().verdict, Hold)


def test_it_ends_for_whoever_called_them_spam(house: House) -> None:
    house.tenant()
    alice = door(house)
    bob = supports(house, now_of(house, on_chain(60, level=Level.FINALIZED)))
    house.answer(Answer.SPAM, stranger=BOB)
    assert isinstance(house.knock().verdict, Refuse)
    with house.work() as rooms:
        known, asked, now = rooms.gate.weighing._knowing, frozenset({"sender.supporter"}), from_unix(house.time)
        carol = rooms.people.number(UserId("@carol:home.example"))
        assert known.of_sender(asked, alice, BOB, bob, at=now)["sender.supporter"] == []
        assert known.of_sender(asked, carol, BOB, bob, at=now)["sender.supporter"] == ["patron"]


def test_few_strangers_a_day(house: House) -> None:
    house.tenant()
    supports(house, now_of(house, on_chain(60, level=Level.FINALIZED)))
    people = [UserId(f"@p{number}:home.example") for number in range(MOST_A_DAY + 1)]
    for one in people:
        door(house, one)
    verdicts = [house.knock(invitee=one).verdict for one in people]
    assert [isinstance(one, Admit) for one in verdicts] == [True] * MOST_A_DAY + [False]
    assert isinstance(house.knock(invitee=people[0]).verdict, Admit), "whom they reached they still reach"
    house.time += 86_401
    assert isinstance(house.knock(invitee=people[-1]).verdict, Admit)


def test_at_many_doors_at_once_they_are_no_more(house: House) -> None:
    house.tenant()
    supports(house, now_of(house, on_chain(60, level=Level.FINALIZED)))
    people = [UserId(f"@p{number}:home.example") for number in range(3 * MOST_A_DAY)]
    for one in people:
        door(house, one)
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(lambda one: house.knock(invitee=one).verdict, people))
    assert sum(isinstance(one, Admit) for one in verdicts) == MOST_A_DAY
