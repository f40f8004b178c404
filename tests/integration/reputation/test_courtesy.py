"""Courtesy: messages that nobody asked for are budgeted, floods are told once, homeservers can be left alone."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from kit.amounts import Amount
from kit.clock import from_unix
from kit.identifiers import PersonId, ServerName, TenantId, UserId
from kit.outbox import OutboxRow
from payments.stakes.model import Answer
from reputation.courtesy import (
    LEFT_ALONE,
    MOST_GROWTH,
    MOST_REFUSALS,
    PER_OWN_SERVER,
    PER_RECIPIENT,
    PER_SERVER,
    PER_STRANGER,
    PER_TENANT,
    Courtesy,
)
from reputation.notices import FLOOD_AGAIN, FLOOD_PAUSE, LEAST_FLOOD
from reputation.tables import BudgetRow, FloodRow, ServerRow
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

AWAY = ServerName("away.example")
FLOODING = ServerName("flood.example")


def guest(number: int, server: str = FLOODING) -> UserId:
    return UserId(f"@guest{number}:{server}")


def messages(house: House) -> int:
    return len(house.notices())


def pass_by(house: House, time: timedelta) -> None:
    house.time += int(time.total_seconds())


# ------------------------------------------------------------------------------------------------ budgets


def test_a_server_that_nobody_knows_gets_five_messages_and_ten_more_each_hour(house: House) -> None:
    house.asking()
    for number in range(60):
        house.knock(inviter=guest(number))
    assert messages(house) == PER_SERVER.burst
    for number in range(60, 180):
        pass_by(house, timedelta(minutes=1))
        house.knock(inviter=guest(number))
    assert messages(house) == PER_SERVER.burst + 20


def test_a_stranger_is_written_to_about_five_doors_a_day(house: House) -> None:
    for number in range(9):
        with house.work() as rooms:
            rooms.doors.ask(rooms.people.number(guest(number, "home.example")), stake=Amount(5))
    for number in range(9):
        pass_by(house, timedelta(hours=1))
        house.knock(invitee=guest(number, "home.example"))
    assert messages(house) == PER_STRANGER.burst + 1, "one came back in nine hours"


def test_one_door_makes_us_write_fifty_messages_a_day(house: House) -> None:
    house.asking()
    for number in range(PER_RECIPIENT.burst + 20):
        house.knock(inviter=UserId(f"@someone:s{number}.example"))
    assert messages(house) == PER_RECIPIENT.burst


def test_one_homeserver_makes_us_write_two_hundred_messages_an_hour(house: House) -> None:
    with house.work() as rooms:
        written = sum(
            rooms.courtesy.may_write(
                stranger=PersonId(number),
                server=ServerName(f"s{number}.example"),
                recipient=PersonId(number),
                tenant=TenantId(1),
                own=False,
            )
            for number in range(PER_TENANT.burst + 30)
        )
        assert written == PER_TENANT.burst
        assert rooms.courtesy.may_write(
            stranger=PersonId(0), server=AWAY, recipient=PersonId(0), tenant=TenantId(2), own=False
        ), "another tenant has a budget of its own"


def test_the_tenants_own_people_have_a_larger_budget(house: House) -> None:
    house.asking()
    for number in range(PER_OWN_SERVER.burst + 20):
        house.knock(inviter=guest(number, "home.example"))
    assert messages(house) == PER_OWN_SERVER.burst


def test_a_knock_repeated_costs_one_message_and_one_that_waited_is_told_later(house: House) -> None:
    house.asking()
    for _ in range(50):
        for number in range(PER_SERVER.burst + 1):
            house.knock(inviter=guest(number))
    assert messages(house) == PER_SERVER.burst
    pass_by(house, PER_SERVER.every)
    house.knock(inviter=guest(PER_SERVER.burst))
    assert messages(house) == PER_SERVER.burst + 1


def test_answered_stakes_let_more_of_a_homeservers_people_be_written_to(house: House) -> None:
    house.asking()
    for number in range(3):
        house.pay(inviter=guest(number))
        house.answer(Answer.ACCEPT, stranger=guest(number))
        house.answer(Answer.ACCEPT, stranger=guest(number))  # said twice, counted once
    pass_by(house, timedelta(days=1))
    before = messages(house)
    for number in range(10, 60):
        house.knock(inviter=guest(number))
    assert messages(house) - before == PER_SERVER.burst + 3


def test_a_spam_verdict_earns_nothing_and_earning_has_an_end(house: House) -> None:
    house.asking()
    house.pay()
    house.answer(Answer.SPAM)
    with house.work() as rooms:
        assert rooms.session.scalar(select(func.count()).select_from(ServerRow)) == 0
        for _ in range(3 * MOST_GROWTH):
            rooms.courtesy.answered(FLOODING)
        written = sum(
            rooms.courtesy.may_write(
                stranger=PersonId(n), server=FLOODING, recipient=PersonId(n), tenant=TenantId(1), own=False
            )
            for n in range(190)
        )
    assert written == PER_SERVER.burst + MOST_GROWTH


def test_an_empty_budget_draws_nothing_from_the_others(house: House) -> None:
    house.asking()
    for number in range(PER_SERVER.burst + 40):
        house.knock(inviter=guest(number))
    with house.work() as rooms:
        rows = rooms.session.scalars(select(BudgetRow.scope)).all()
        assert sorted(rows).count("stranger") == PER_SERVER.burst, "who was not written to leaves no row"
    for number in range(PER_RECIPIENT.burst - PER_SERVER.burst):
        house.knock(inviter=UserId(f"@someone:s{number}.example"))
    assert messages(house) == PER_RECIPIENT.burst


def test_two_at_once_never_get_more_than_there_is(house: House) -> None:
    granted = []

    def draw(begin: int) -> None:
        for number in range(begin, begin + 10):
            with house.work() as rooms:
                granted.append(
                    rooms.courtesy.may_write(
                        stranger=PersonId(number),
                        server=FLOODING,
                        recipient=PersonId(number),
                        tenant=TenantId(1),
                        own=False,
                    )
                )

    threads = [threading.Thread(target=draw, args=(10 * place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(granted), sum(granted)) == (40, PER_SERVER.burst)


@given(waits=st.lists(st.integers(0, 2_000), min_size=1, max_size=60))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_pace_of_knocking_gets_more_than_burst_and_rate(house: House, waits: list[int]) -> None:
    times: list[int] = []
    now = 1_800_000_000
    with house.database.write() as session:
        for wait in waits:
            now += wait
            if Courtesy(session, from_unix(now)).may_write(
                stranger=PersonId(len(times)), server=AWAY, recipient=PersonId(1), tenant=TenantId(1), own=False
            ):
                times.append(now)
        session.rollback()
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            refilled = (times[last] - begin) / PER_SERVER.every.total_seconds()
            assert last - first + 1 <= PER_SERVER.burst + refilled


# ------------------------------------------------------------------------------------------------ floods


def tell(house: House) -> int:
    with house.work() as rooms:
        return rooms.notices.tell_floods()


def test_a_flood_becomes_one_message_a_day_that_counts_it(house: House) -> None:
    alice = house.asking()
    for number in range(40):
        house.knock(inviter=guest(number))
    house.knock(inviter=BOB)
    assert tell(house) == 0, "it has just begun"
    pass_by(house, FLOOD_PAUSE)
    assert (tell(house), tell(house)) == (1, 0)
    assert house.told(alice) == ["flood_digest"]
    digest = house.notices()[-1]
    assert (digest["values"]["strangers"], digest["values"]["most"]) == (41, 40)
    assert "example" not in str(digest), "numbers only"
    pass_by(house, timedelta(seconds=1))
    for number in range(40, 80):
        house.knock(inviter=guest(number))
    pass_by(house, timedelta(hours=23))
    assert tell(house) == 0
    pass_by(house, timedelta(minutes=59, seconds=59))
    assert tell(house) == 1
    assert house.notices()[-1]["values"]["strangers"] == 40, "those of the first are not told again"
    pass_by(house, FLOOD_AGAIN)
    assert tell(house) == 0
    assert house.told(alice) == ["flood_digest"] * 2


def test_a_few_strangers_are_no_flood_even_where_one_of_them_was_not_written_to(house: House) -> None:
    alice = house.asking()
    for number in range(LEAST_FLOOD - 1):
        house.knock(inviter=guest(number))
    pass_by(house, FLOOD_PAUSE)
    assert tell(house) == 0
    assert house.told(alice) == []
    house.knock(inviter=guest(LEAST_FLOOD))
    pass_by(house, timedelta(hours=20))
    assert tell(house) == 0, "the last ones could all be written to"


def test_many_strangers_who_were_all_written_to_are_no_flood(house: House) -> None:
    alice = house.asking()
    for number in range(2 * LEAST_FLOOD):
        house.knock(inviter=UserId(f"@someone:s{number}.example"))
    pass_by(house, FLOOD_PAUSE)
    assert tell(house) == 0
    assert house.told(alice) == []


def test_ten_thousand_knocks_end_in_a_handful_of_messages(house: House) -> None:
    """The first 300 of them: the rest would each be as the last."""
    alice = house.asking()
    for number in range(300):
        house.knock(inviter=guest(number))
    pass_by(house, FLOOD_PAUSE)
    tell(house)
    assert messages(house) == PER_SERVER.burst + 1
    assert house.told(alice) == ["flood_digest"]


def test_whoever_said_stop_hears_of_no_flood(house: House) -> None:
    alice = house.asking()
    with house.work() as rooms:
        rooms.people.stop_notices(alice)
    for number in range(40):
        house.knock(inviter=guest(number))
    pass_by(house, FLOOD_PAUSE)
    tell(house)
    assert house.told(alice) == []


# ------------------------------------------------------------------------------------------------ homeservers


def test_nobody_of_a_homeserver_that_opted_out_is_written_to_unasked(house: House) -> None:
    house.asking()
    with house.work() as rooms:
        rooms.courtesy.keep_quiet(AWAY)
    house.pay()
    bob = house.person(BOB)
    assert house.told(bob) == ["door_opened"], "about their own money they hear"
    with house.work() as rooms:
        assert [one.server for one in rooms.courtesy.quiet()] == [AWAY]
        assert rooms.courtesy.speak_again(AWAY)
        assert not rooms.courtesy.speak_again(AWAY)
        assert rooms.courtesy.quiet() == []
    house.knock(inviter=UserId("@carol:away.example"))
    assert house.told(house.person(UserId("@carol:away.example"))) == ["knock_held"]


def test_a_homeserver_that_refuses_five_chats_in_a_row_is_left_alone_for_a_month(house: House) -> None:
    house.asking()
    with house.work() as rooms:
        for _ in range(MOST_REFUSALS - 1):
            rooms.courtesy.chat_refused(FLOODING)
        rooms.courtesy.chat_accepted(FLOODING)
        for _ in range(MOST_REFUSALS - 1):
            rooms.courtesy.chat_refused(FLOODING)
        assert not rooms.courtesy.is_quiet(FLOODING), "one was accepted in between"
        rooms.courtesy.chat_refused(FLOODING)
        assert rooms.courtesy.is_quiet(FLOODING)
    house.knock(inviter=guest(1))
    assert messages(house) == 0
    pass_by(house, LEFT_ALONE)
    house.knock(inviter=guest(2))
    assert messages(house) == 1
    with house.work() as rooms:
        rooms.courtesy.chat_refused(FLOODING)
        assert not rooms.courtesy.is_quiet(FLOODING), "the next five decide again"


def test_an_operators_word_outlasts_what_a_homeserver_does(house: House) -> None:
    with house.work() as rooms:
        rooms.courtesy.keep_quiet(FLOODING)
        rooms.courtesy.chat_accepted(FLOODING)
        for _ in range(2 * MOST_REFUSALS):
            rooms.courtesy.chat_refused(FLOODING)
        (quiet,) = rooms.courtesy.quiet()
        assert (quiet.until, rooms.courtesy.is_quiet(FLOODING)) == (None, True)
    pass_by(house, timedelta(days=365))
    with house.work() as rooms:
        rooms.courtesy.prune()
        assert rooms.courtesy.is_quiet(FLOODING)


# ------------------------------------------------------------------------------------------------ keeping


def test_what_no_longer_matters_is_taken_out(house: House) -> None:
    house.asking()
    for number in range(40):
        house.knock(inviter=guest(number))
    with house.work() as rooms:
        rooms.courtesy.chat_refused(FLOODING)
        rooms.courtesy.answered(AWAY)
    pass_by(house, FLOOD_PAUSE)
    tell(house)
    pass_by(house, timedelta(days=31))
    with house.work() as rooms:
        assert rooms.courtesy.prune() > 0
        for table in (BudgetRow, FloodRow):
            assert rooms.session.scalar(select(func.count()).select_from(table)) == 0
        assert rooms.session.scalars(select(ServerRow.name)).all() == [AWAY]


def test_forgetting_a_person_takes_their_budgets_and_floods(house: House) -> None:
    alice = house.asking()
    for number in range(40):
        house.knock(inviter=guest(number))
    with house.work() as rooms:
        rooms.gate.forget(alice)
        rooms.people.erase(alice)
    with house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(FloodRow)) == 0
        mine = select(func.count()).where(BudgetRow.scope == "recipient", BudgetRow.subject == str(alice))
        assert session.scalar(mine) == 0


@pytest.mark.parametrize("code", ["knock_held"])
def test_a_message_without_budget_never_reaches_the_outbox(house: House, code: str) -> None:
    house.asking()
    for number in range(2 * PER_SERVER.burst):
        house.knock(inviter=guest(number))
    with house.database.read() as session:
        keys = session.scalars(select(OutboxRow.key)).all()
    assert sum(key.startswith(code) for key in keys) == PER_SERVER.burst
    assert house.told(house.person(ALICE)) == []
