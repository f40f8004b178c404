"""Asks on both databases: one sentence, silent, bounded, answered; and nobody learns by asking who is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import text

from kit.amounts import ZERO
from kit.clock import from_unix
from kit.errors import Invalid, NotFound, Refusal
from kit.identifiers import PersonId, RoomId, UserId
from payments.stakes.model import Answer, Price
from reputation import asking
from reputation.asking import (
    MOST_A_DAY,
    MOST_OF_SERVER,
    MOST_OF_SERVER_A_DAY,
    MOST_QUEUED,
    MOST_WAITING,
    Ask,
    AskState,
)
from reputation.model import Knock
from reputation.verdict import Admit, Code, FreePath, Hold, Reason, Refuse, Verdict
from tests.support.house import House
from tests.support.knocks import ALICE, BOB
from tests.support.together import at_once

GINA = UserId("@gina:far.example")
HELLO = "Hello, it is Gina from the choir."
ASKABLE = Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), (FreePath.ASK,))
DAY = 86_400


def ask(
    house: House,
    stranger: UserId = GINA,
    recipient: UserId = ALICE,
    said: str = HELLO,
    verdict: Verdict | None = ASKABLE,
) -> Ask:
    with house.work() as rooms:
        return rooms.asks.ask(stranger, rooms.people.number(recipient), said, verdict)


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        do()
    return caught.value.code


def answer(house: House, said: Answer, stranger: UserId = GINA, recipient: UserId = ALICE) -> bool:
    with house.work() as rooms:
        return rooms.asks.answer(rooms.people.number(recipient), rooms.people.number(stranger), said)


def queue(house: House, recipient: UserId = ALICE) -> list[str]:
    with house.work() as rooms:
        return [one.sentence for one in rooms.asks.queue(rooms.people.number(recipient))]


def states(house: House, stranger: UserId = GINA) -> list[AskState]:
    with house.work() as rooms:
        return [one.state for one in rooms.asks.made(rooms.people.number(stranger))]


def withdraw(house: House, stranger: UserId = GINA, recipient: UserId = ALICE) -> None:
    with house.work() as rooms:
        rooms.asks.withdraw(rooms.people.number(stranger), rooms.people.number(recipient))


# ------------------------------------------------------------------------------------------------ asked and answered


def test_a_sentence_waits_silently_and_once_accepted_its_stranger_comes_in_free_and_is_told(house: House) -> None:
    alice, gina = house.asking(), house.person(GINA)
    made = ask(house, said=f"  {HELLO} ")
    assert (made.sentence, made.state) == (HELLO, AskState.WAITING)
    assert queue(house) == [HELLO]
    assert house.notices() == [], "nobody is disturbed"
    assert house.passing(inviter=GINA) is None
    assert answer(house, Answer.ACCEPT)
    assert queue(house) == []
    assert house.told(gina) == ["ask_accepted"]
    assert house.told(alice) == []
    passing = house.passing(inviter=GINA)
    assert passing is not None
    assert passing.verdict.because[0].code is Code.ACCEPTED_BEFORE
    assert states(house) == [AskState.ACCEPTED]
    assert answer(house, Answer.ACCEPT), "what is said twice is said once"
    assert house.told(gina) == ["ask_accepted"]


def test_an_acceptance_is_heard_of_by_whoever_keeps_verdicts_in_memory(house: House) -> None:
    house.asking()
    ask(house)
    with house.database.read() as session:
        before = session.scalar(text("SELECT counter FROM changes WHERE topic = 'gate'"))
    answer(house, Answer.ACCEPT)
    with house.database.read() as session:
        assert session.scalar(text("SELECT counter FROM changes WHERE topic = 'gate'")) == before + 1


def test_whoever_is_declined_is_told_nothing_until_they_look_and_may_be_accepted_all_the_same(house: House) -> None:
    house.asking()
    ask(house)
    assert answer(house, Answer.RETURN)
    assert queue(house) == []
    assert house.notices() == []
    assert states(house) == [AskState.DECLINED]
    assert refused(lambda: ask(house)) == "ask_declined"
    house.time += 29 * DAY
    assert refused(lambda: ask(house)) == "ask_declined"
    assert answer(house, Answer.ACCEPT)
    assert house.told(house.person(GINA)) == ["ask_accepted"]


def test_after_thirty_days_one_may_ask_again_and_a_no_is_no_longer_changed(house: House) -> None:
    ask(house)
    answer(house, Answer.RETURN)
    house.time += 30 * DAY
    assert not answer(house, Answer.ACCEPT)
    ask(house, said="Gina again.")
    assert queue(house) == ["Gina again."]


def test_spam_looks_like_a_no_to_its_stranger_and_waits_again_where_that_is_taken_back(house: House) -> None:
    alice, gina = house.person(ALICE), house.person(GINA)
    ask(house)
    assert answer(house, Answer.SPAM)
    assert refused(lambda: ask(house)) == "ask_declined"
    assert not answer(house, Answer.ACCEPT), "first the verdict is taken back"
    with house.work() as rooms:
        rooms.asks.undo(alice, gina)
    assert queue(house) == [HELLO]


def test_what_nobody_answers_ends_after_thirty_days_and_is_swept(house: House) -> None:
    ask(house)
    house.time += 30 * DAY - 1
    assert queue(house) == [HELLO]
    with house.work() as rooms:
        assert rooms.asks.prune(limit=10) == []
    house.time += 1
    assert queue(house) == []
    assert not answer(house, Answer.ACCEPT)
    assert states(house) == []
    with house.work() as rooms:
        assert rooms.asks.prune(limit=10) == [rooms.people.number(GINA)]
        assert rooms.asks.prune(limit=10) == []


def test_what_is_taken_back_is_gone_and_may_be_said_better_but_still_counts(house: House) -> None:
    ask(house)
    assert refused(lambda: ask(house, said="Another one.")) == "ask_waiting"
    withdraw(house)
    assert queue(house) == []
    assert refused(lambda: withdraw(house)) == "ask_unknown"
    with house.database.read() as session:
        assert session.scalar(text("SELECT sentence FROM asks")) == ""
    ask(house, said="Better.")
    assert queue(house) == ["Better."]
    for number in range(MOST_A_DAY - 1):
        ask(house, recipient=UserId(f"@person{number}:home.example"))
        withdraw(house, recipient=UserId(f"@person{number}:home.example"))
    assert refused(lambda: ask(house, recipient=BOB)) == "asks_today"


def test_a_door_that_asks_for_no_money_is_told_of_once_a_month_as_far_as_budgets_reach(house: House) -> None:
    tenant, alice, gina = house.tenant(), house.person(ALICE), house.person(GINA)

    def tell(stranger: UserId = GINA) -> None:
        room, now = RoomId("!r:far.example"), from_unix(house.time)
        knock = Knock(tenant.id, tenant.server_name, stranger, ALICE, room, now, federated=True)
        with house.work() as rooms:
            rooms.notices.knock_free(rooms.people.number(stranger), alice, knock, ASKABLE.free)

    tell()
    tell()
    assert house.told(gina) == ["knock_free"]
    house.time += 30 * DAY
    tell()
    assert house.told(gina) == ["knock_free"] * 2
    for number in range(60):
        tell(UserId(f"@gina{number}:far.example"))
    assert len(house.notices()) < 20, "a homeserver's budget"


def test_forgetting_takes_out_both_sides(house: House) -> None:
    ask(house)
    ask(house, stranger=ALICE, recipient=BOB)
    with house.work() as rooms:
        rooms.asks.forget(rooms.people.number(ALICE))
    with house.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM asks")) == 0


# ------------------------------------------------------------------------------------------------ who may


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        Admit((Reason(Code.DOOR_OPEN),)),
        Refuse((Reason(Code.DOOR_CLOSED),)),
        Refuse((Reason(Code.CALLED_SPAM),)),
        Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), (FreePath.VOUCH,)),
        Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_STAKE),)),
    ],
)
def test_whoever_cannot_be_asked_is_the_same_as_nobody(house: House, verdict: Verdict | None) -> None:
    with house.work() as rooms, pytest.raises(NotFound) as nobody:
        rooms.asks.ask(GINA, None, HELLO, None)
    with pytest.raises(NotFound) as door:
        ask(house, verdict=verdict)
    assert (door.value.code, door.value.message, door.value.values) == (
        nobody.value.code,
        nobody.value.message,
        nobody.value.values,
    )
    assert queue(house) == []


def test_who_has_asked_enough_hears_that_of_everybody_whether_there_is_such_a_person_or_not(house: House) -> None:
    for number in range(MOST_WAITING):
        ask(house, recipient=UserId(f"@person{number}:home.example"))
    assert refused(lambda: ask(house)) == "asks_waiting"
    assert refused(lambda: ask(house, verdict=None)) == "asks_waiting"
    withdraw(house, recipient=UserId("@person0:home.example"))
    ask(house)


def test_a_closed_door_is_not_told_to_whom_it_declined(house: House) -> None:
    ask(house)
    assert refused(lambda: ask(house, verdict=None)) == "ask_waiting"
    answer(house, Answer.RETURN)
    assert refused(lambda: ask(house, verdict=None)) == "ask_declined"


def test_one_homeserver_does_not_fill_a_queue(house: House) -> None:
    for number in range(MOST_OF_SERVER):
        ask(house, UserId(f"@gina{number}:sub{number}.far.example"))
    assert refused(lambda: ask(house, UserId("@gina:another.far.example"))) == "queue_full_of_server"
    ask(house, UserId("@gina:other.example"))
    ask(house, UserId("@gina:far.example"), BOB)


def test_a_queue_takes_so_many_and_no_more(house: House) -> None:
    for number in range(MOST_QUEUED):
        ask(house, UserId(f"@gina:far{number}.example"))
    assert refused(lambda: ask(house)) == "queue_full"
    answer(house, Answer.RETURN, UserId("@gina:far0.example"))
    ask(house)


def test_one_homeserver_asks_so_often_in_a_day(house: House) -> None:
    for number in range(MOST_OF_SERVER_A_DAY):
        ask(house, UserId(f"@gina{number}:far.example"), UserId(f"@person{number}:home.example"))
    assert refused(lambda: ask(house, verdict=None)) == "asks_of_server"
    ask(house, UserId("@gina:other.example"))
    house.time += DAY
    ask(house)


def test_what_is_no_sentence_is_refused_whoever_it_is_for(house: House) -> None:
    with house.work() as rooms, pytest.raises(Invalid):
        rooms.asks.ask(GINA, None, "see example.org", None)
    assert refused(lambda: ask(house, said="see example.org")) == "ask_link"


# ------------------------------------------------------------------------------------------------ at once


def test_asks_at_the_same_time_are_one(house: House) -> None:
    house.person(ALICE)
    house.person(GINA)
    outcomes = at_once([partial(ask, house)] * 6)
    assert sum(isinstance(one, Ask) for one in outcomes) == 1
    assert {one.code for one in outcomes if isinstance(one, Refusal)} == {"ask_waiting"}


def test_the_last_place_of_a_homeserver_goes_to_one(house: House) -> None:
    strangers = [UserId(f"@gina{number}:far.example") for number in range(MOST_OF_SERVER - 1 + 5)]
    for stranger in strangers[: MOST_OF_SERVER - 1]:
        ask(house, stranger)
    outcomes = at_once([partial(ask, house, who) for who in strangers[MOST_OF_SERVER - 1 :]])
    assert sum(isinstance(one, Ask) for one in outcomes) == 1
    assert len(queue(house)) == MOST_OF_SERVER


def test_the_last_place_in_a_queue_goes_to_one_whatever_homeservers_they_are_of(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_QUEUED", 1)
    strangers = [UserId(f"@gina:far{number}.example") for number in range(6)]
    for stranger in (ALICE, *strangers):
        house.person(stranger)
    outcomes = at_once([partial(ask, house, who) for who in strangers])
    assert sum(isinstance(one, Ask) for one in outcomes) == 1


def test_two_who_ask_each_other_at_once_wait_for_nobody(house: House) -> None:
    for number in range(5):
        one, other = UserId(f"@one{number}:a{number}.example"), UserId(f"@other{number}:b{number}.example")
        house.person(one)
        house.person(other)
        outcomes = at_once([partial(ask, house, one, other), partial(ask, house, other, one)] * 2)
        assert sum(isinstance(each, Ask) for each in outcomes) == 2


def test_an_ask_that_is_taken_back_while_it_is_answered_is_one_or_the_other(house: House) -> None:
    for number in range(5):
        gina = UserId(f"@gina{number}:far{number}.example")
        ask(house, gina)
        outcomes = at_once([partial(withdraw, house, gina), partial(answer, house, Answer.ACCEPT, gina)])
        taken_back = outcomes[0] is None
        assert outcomes[1] is not taken_back
        assert house.told(house.person(gina)) == ([] if taken_back else ["ask_accepted"])


def test_an_ask_that_comes_as_another_is_taken_back_is_there_or_refused(house: House) -> None:
    ask(house)
    outcomes = at_once([partial(withdraw, house), partial(ask, house, said="Better.")])
    assert outcomes[0] is None
    assert queue(house) == (["Better."] if isinstance(outcomes[1], Ask) else [])


def test_people_of_whom_nothing_else_is_known_go_with_their_asks(house: House) -> None:
    ask(house)
    later: PersonId = house.person(UserId("@later:home.example"))
    house.time += 30 * DAY
    with house.work() as rooms:
        rooms.people.prune(set(rooms.asks.prune(limit=10)))
        assert rooms.people.find(GINA) is None
        assert rooms.people.mxid(later) is not None
