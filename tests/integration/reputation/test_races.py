"""Races: what many threads do to one pair at once ends as if they had come one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import local
from time import sleep

import pytest
from sqlalchemy import text

from contracts.events import BlockRef, StakeEvent
from kit.clock import from_unix
from kit.identifiers import PersonId, RoomId, UserId
from payments.stakes.model import Answer, StakeState
from reputation.evidence import Reason
from reputation.model import GateAnswer, Knock
from reputation.tables import WordRow
from reputation.verdict import Admit, Code, Hold, Refuse
from reputation.vouches import Vouches
from tests.support.house import House
from tests.support.knocks import ALICE
from tests.support.stakes import announced, opened, terms_on
from tests.support.together import at_once

ROUNDS = 5
THREADS = 6


def stranger(number: int) -> UserId:
    return UserId(f"@stranger{number}:away.example")


def knocks(house: House, inviter: UserId, rooms: Sequence[str]) -> list[Callable[[], GateAnswer]]:
    tenant = house.tenant()

    def make(room: str) -> Callable[[], GateAnswer]:
        knock = Knock(
            tenant.id, tenant.server_name, inviter, ALICE, RoomId(room), from_unix(house.time), federated=False
        )

        def do() -> GateAnswer:
            with house.work() as work:
                return work.gate.ask(knock)

        return do

    return [make(room) for room in rooms]


def test_knocks_at_the_same_time_get_one_room_in_on_one_grant(house: House) -> None:
    house.asking()
    for number in range(ROUNDS):
        house.pay(inviter=stranger(number))
        answers = at_once(knocks(house, stranger(number), [f"!{room}:away.example" for room in range(THREADS)]))
        verdicts = [answer.verdict for answer in answers if isinstance(answer, GateAnswer)]
        assert [type(verdict) for verdict in verdicts].count(Admit) == 1
        assert [type(verdict) for verdict in verdicts].count(Refuse) == THREADS - 1


def test_the_two_calls_of_one_invite_are_both_admitted_however_they_meet(house: House) -> None:
    house.asking()
    for number in range(ROUNDS):
        house.pay(inviter=stranger(number))
        answers = at_once(knocks(house, stranger(number), ["!one:away.example"] * THREADS))
        codes = [answer.verdict.because[0].code for answer in answers if isinstance(answer, GateAnswer)]
        assert sorted(codes) == sorted([Code.STAKED, *[Code.SAME_KNOCK] * (THREADS - 1)])


def test_first_knocks_at_the_same_time_are_one_quote_and_one_message(house: House) -> None:
    alice = house.asking()
    for number in range(ROUNDS):
        rooms = [f"!{room}:away.example" for room in range(THREADS)]
        answers = at_once(knocks(house, stranger(number), rooms))
        assert all(isinstance(answer, GateAnswer) and isinstance(answer.verdict, Hold) for answer in answers)
        assert len({answer.quote.id for answer in answers if isinstance(answer, GateAnswer) and answer.quote}) == 1
    with house.work() as work:
        assert {count.count for count in work.gate.knocks(alice)} == {THREADS}
    with house.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM quotes")) == ROUNDS
    assert len(house.notices()) == ROUNDS


@pytest.mark.parametrize("others", [(Answer.ACCEPT, Answer.SPAM), (Answer.RETURN, Answer.SPAM, Answer.ACCEPT)])
def test_answers_at_the_same_time_are_one_answer(house: House, others: tuple[Answer, ...]) -> None:
    alice = house.asking()

    for number in range(ROUNDS):
        who = stranger(number)
        stake = house.pay(inviter=who)
        at_once([partial(house.answer, answer, stranger=who) for answer in others * 2])
        calls = house.calls(stake)
        assert len(calls) == 1, calls
        with house.work() as work:
            why = work.gate.why(alice, who)
        if "announce_forfeit" in calls:
            assert why.facts.called_spam


def test_the_chain_and_the_recipient_at_the_same_time_wait_for_each_other_and_never_for_ever(house: House) -> None:
    alice = house.asking()
    for number in range(ROUNDS):
        who = stranger(number)
        stake = house.pay(inviter=who)
        block, logs = house.chain.blocks[-1]

        def answer(who: UserId = who) -> object:
            return house.answer(Answer.SPAM, stranger=who)

        def leave_and_come_back(block: BlockRef = block, logs: Sequence[StakeEvent] = tuple(logs)) -> None:
            house.rewind(block.hash)
            for log in logs:
                house.take_in(log)

        at_once([answer, leave_and_come_back, *knocks(house, who, ["!a:away.example", "!b:away.example"])])
        assert list(house.calls(house.stake(stake.id))) == ["announce_forfeit"]
        with house.work() as work:
            assert work.gate.why(alice, who).facts.called_spam
            assert work.gate.waiting(alice) == []


def test_undo_and_announcement_at_the_same_time(house: House) -> None:
    alice = house.asking()
    for number in range(ROUNDS):
        who = stranger(number)
        stake = house.pay(inviter=who)
        house.answer(Answer.SPAM, stranger=who)
        where = house.chain.grow(time=house.time)
        event = house.chain.add(announced(stake.id, where))

        def undo(who: UserId = who) -> object:
            with house.work() as work:
                return work.gate.undo(alice, who)

        at_once([undo, partial(house.take_in, event)])
        assert house.stake(stake.id).state is StakeState.FORFEIT_ANNOUNCED
        assert list(house.calls(house.stake(stake.id))) == ["return_answered"]


def test_the_same_log_told_by_two_readers_at_once_counts_once(house: House) -> None:
    house.asking()
    for number in range(ROUNDS):
        terms = house.quote(inviter=stranger(number))
        where = house.chain.grow(time=house.time)
        event = house.chain.add(opened(terms_on(terms), where))
        at_once([partial(house.take_in, event)] * 3)
        assert house.stake(event.stake_id).opens
        assert house.told(house.person(stranger(number))) == ["knock_held", "door_opened"]


def test_to_take_a_vouch_back_never_takes_a_report_that_came_at_that_moment(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = house.person(ALICE)
    found, slow = Vouches._standing, local()

    def _standing(vouches: Vouches, author: PersonId, subject: PersonId) -> WordRow | None:
        row = found(vouches, author, subject)
        if getattr(slow, "ly", False):
            sleep(0.2)
        return row

    monkeypatch.setattr(Vouches, "_standing", _standing)

    def _take_back() -> None:
        slow.ly = True
        with house.work() as work:
            work.vouches.withdraw(alice, bob, good=True)

    def _report() -> None:
        with house.work() as work:
            work.vouches.report(alice, bob, Reason.SCAM)

    for number in range(ROUNDS):
        bob = house.person(stranger(number))
        with house.work() as work:
            work.vouches.vouch(alice, bob)
        at_once([_take_back, _report])
        with house.work() as work:
            assert [one.reason for one in work.vouches.given(alice) if one.subject == bob] == [Reason.SCAM]
