"""Digests: told at people's own hour, once, by worker and bot; shown, changed and ended by talking to the bot."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from app.digests import regular
from kit.clock import from_unix
from kit.identifiers import PersonId, UserId, isolate
from reputation.digests import MOST_NAMED
from reputation.notices import FLOOD_PAUSE, LEAST_FLOOD
from reputation.schedule import Every, Schedule
from tests.support.desk import Bot, Desk, number
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, OTHER_ROOM

MONDAY = datetime(2027, 1, 25, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def at(house: House, moment: datetime) -> None:
    house.time = int(moment.timestamp())


def guest(count: int, server: str = "away.example") -> UserId:
    return UserId(f"@guest{count}:{server}")


def digests(house: House, person: PersonId) -> list[dict[str, object]]:
    return [one["values"] for one in house.notices() if one.get("code") == "digest" and one["to"] == person]


@pytest.fixture
def alice(desk: Desk) -> PersonId:
    """Alice, whose door asks; it is Saturday noon, and the worker has been there."""
    at(desk.house, MONDAY - timedelta(hours=45))
    person = desk.house.asking()
    desk.house.time += 60
    assert regular(desk.read, desk.work) == 0
    return person


def test_who_knocked_is_told_at_the_hour_and_only_once(desk: Desk, bot: Bot, alice: PersonId) -> None:
    house = desk.house
    for count in range(7):
        house.time += 60
        house.knock(inviter=guest(count))
    at(house, MONDAY - timedelta(minutes=1))
    assert regular(desk.read, desk.work) == 0
    at(house, MONDAY)
    assert regular(desk.read, desk.work) == 1
    assert regular(desk.read, desk.work) == 0
    (told,) = digests(house, alice)
    assert (told["strangers"], told["waiting"]) == (7, 0)
    with desk.read() as work:
        assert told["latest"] == [work.people.find(guest(count)) for count in (6, 5, 4, 3, 2)]
    bot.meet(ALICE, bot.chat)
    with desk.work() as work:
        work.conversations.remember(alice, bot.chat)
    said = "\n".join(bot.delivers())
    assert "7 strangers knocked and were not let through" in said
    assert f"- \u2068{guest(6)}\u2069" in said
    assert "… and 2 more" in said
    assert "digest off" in said
    assert bot.delivers() == []


def test_where_nothing_happened_nothing_is_written(desk: Desk, alice: PersonId) -> None:
    house = desk.house
    at(house, MONDAY)
    assert regular(desk.read, desk.work) == 1
    assert digests(house, alice) == []
    house.knock()
    at(house, MONDAY + WEEK)
    regular(desk.read, desk.work)
    at(house, MONDAY + 2 * WEEK)
    assert regular(desk.read, desk.work) == 1
    assert len(digests(house, alice)) == 1, "what was told once is not told again"


def test_a_worker_that_was_away_for_three_weeks_tells_once(desk: Desk, alice: PersonId) -> None:
    house = desk.house
    house.knock()
    at(house, MONDAY + 3 * WEEK + timedelta(hours=30))
    assert regular(desk.read, desk.work) == 1
    house.time += 60
    house.knock(inviter=guest(1))
    assert regular(desk.read, desk.work) == 0
    assert len(digests(house, alice)) == 1
    at(house, MONDAY + 4 * WEEK)
    regular(desk.read, desk.work)
    assert len(digests(house, alice)) == 2


def test_a_round_that_fails_before_its_end_tells_nobody_and_the_next_one_tells_once(
    desk: Desk, alice: PersonId
) -> None:
    house = desk.house
    house.knock()
    at(house, MONDAY)

    def dies() -> None:
        with desk.work() as work:
            assert work.digests.tell(limit=5) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dies()
    assert digests(house, alice) == []
    assert regular(desk.read, desk.work) == 1
    assert len(digests(house, alice)) == 1


def test_two_workers_at_once_tell_once(desk: Desk, alice: PersonId) -> None:
    house = desk.house
    house.knock()
    at(house, MONDAY)
    start = threading.Barrier(4)

    def works() -> None:
        start.wait()
        regular(desk.read, desk.work)

    threads = [threading.Thread(target=works) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests(house, alice)) == 1


def test_many_who_are_due_are_told_by_turns(desk: Desk) -> None:
    house = desk.house
    at(house, MONDAY - timedelta(hours=45))
    house.tenant()
    with house.work() as rooms:
        for count in range(120):
            rooms.doors.closed(rooms.people.number(guest(count, "home.example")))
    house.time += 60
    assert regular(desk.read, desk.work) == 0
    for count in range(120):
        house.knock(invitee=guest(count, "home.example"))
    at(house, MONDAY)
    with desk.work() as work:
        assert work.digests.tell(limit=50) == 50
    assert regular(desk.read, desk.work) == 70
    assert sum(one.get("code") == "digest" for one in house.notices()) == 120


def test_the_hour_is_that_of_ones_own_zone_and_follows_it(desk: Desk, bot: Bot, alice: PersonId) -> None:
    house = desk.house
    house.knock()
    assert "Every Monday at 9:00" in bot.says("digest")
    bot.says("zone Europe/Vienna")
    assert "2027-01-25 09:00 Europe/Vienna" in bot.says("digest")
    at(house, MONDAY - timedelta(hours=1))
    assert regular(desk.read, desk.work) == 1
    house.time += 60
    house.knock(inviter=guest(1))
    bot.says("zone Pacific/Honolulu")
    bot.says("digest daily 9")
    at(house, MONDAY + timedelta(hours=10))  # 09:00 there, 11 hours after the last one
    assert regular(desk.read, desk.work) == 0
    assert len(digests(house, alice)) == 1
    at(house, MONDAY + timedelta(hours=34))
    assert regular(desk.read, desk.work) == 1
    assert len(digests(house, alice)) == 2


def test_whoever_said_stop_or_off_gets_none_and_loses_nothing(desk: Desk, bot: Bot, alice: PersonId) -> None:
    house = desk.house
    house.knock()
    bot.says("stop")
    assert "you wrote stop" in bot.says("digest")
    at(house, MONDAY)
    regular(desk.read, desk.work)
    assert digests(house, alice) == []
    bot.says("start")
    assert "no digest" in bot.says("digest off")
    at(house, MONDAY + WEEK)
    assert regular(desk.read, desk.work) == 0
    bot.says("digest weekly mon 9")
    at(house, MONDAY + 2 * WEEK)
    regular(desk.read, desk.work)
    (told,) = digests(house, alice)
    assert told["strangers"] == 1


def test_what_waits_for_an_answer_is_told_too(desk: Desk, alice: PersonId) -> None:
    house = desk.house
    house.pay()
    at(house, MONDAY)
    regular(desk.read, desk.work)
    (told,) = digests(house, alice)
    with desk.read() as work:
        assert (told["waiting"], told["waits"]) == (1, [work.people.find(BOB)])


def test_a_digest_shows_names_as_foreign_text(desk: Desk, bot: Bot, alice: PersonId) -> None:
    odd = UserId("@\u202eevil<b>:away.example")
    desk.house.knock(inviter=odd)
    said = bot.says("digest now")
    assert isolate(odd) in said
    assert alice


def test_a_flood_and_a_digest_do_not_tell_the_same(desk: Desk, alice: PersonId) -> None:
    house = desk.house

    def crowd(first: int) -> None:
        for count in range(first, first + 2 * LEAST_FLOOD):
            house.knock(inviter=guest(count, "flood.example"))

    crowd(0)
    house.time += int(FLOOD_PAUSE.total_seconds())
    with house.work() as rooms:
        assert rooms.notices.tell_floods() == 1
    house.time += 60
    house.knock(inviter=guest(1000))
    at(house, MONDAY)
    regular(desk.read, desk.work)
    (told,) = digests(house, alice)
    assert told["strangers"] == 1
    assert told["besides"]
    # And the other way round: a flood that a digest told of is over.
    at(house, MONDAY + WEEK - timedelta(minutes=5))
    crowd(2000)
    at(house, MONDAY + WEEK)
    regular(desk.read, desk.work)
    assert digests(house, alice)[-1]["strangers"] == 2 * LEAST_FLOOD
    house.time += int(FLOOD_PAUSE.total_seconds())
    with house.work() as rooms:
        assert rooms.notices.tell_floods() == 0
    # Nor does a flood that begins after a digest count those of whom it told.
    house.knock(inviter=guest(3000, "flood.example"))
    assert house.told(alice).count("flood_digest") == 1


def test_talking_about_digests(desk: Desk, bot: Bot) -> None:
    assert "never set a door" in bot.says("digest")
    assert "Nothing to tell" in bot.says("digest now")
    bot.says("door ask")
    desk.house.time += 60
    desk.house.knock()
    assert "Every day at 18:00" in bot.says("Digest Daily 18:00")
    now = bot.says("digest now")
    assert "one stranger knocked and was not let through" in now
    assert BOB in now
    assert "Every Sunday at 0:00" in bot.says("digest weekly sun 0")
    for unclear in ("digest monday", "digest weekly 9", "digest daily nine", "digest weekly m 9", "digest daily 111"):
        assert "digest weekly monday 9" in bot.says(unclear)
    assert "a full hour from 0 to 23" in bot.says("digest daily 24")
    with desk.read() as work:
        assert work.digests.show(work.people.number(ALICE)).schedule == Schedule(Every.WEEKLY, 6, 0)
    assert "where nothing happened I write nothing" in bot.says("help digest")


def test_digest_now_takes_nothing_from_the_next_one(desk: Desk, bot: Bot, alice: PersonId) -> None:
    desk.house.knock()
    desk.house.knock(inviter=guest(1), room=OTHER_ROOM)
    assert "2 strangers" in bot.says("digest now")
    at(desk.house, MONDAY)
    regular(desk.read, desk.work)
    assert digests(desk.house, alice)[0]["strangers"] == 2


def test_the_forgotten_get_none(desk: Desk, bot: Bot, alice: PersonId) -> None:
    desk.house.knock()
    bot.says("forget me")
    bot.says("confirm")
    at(desk.house, MONDAY)
    assert regular(desk.read, desk.work) == 0
    assert digests(desk.house, alice) == []


def test_strangers_who_were_forgotten_are_not_named(desk: Desk, bot: Bot, alice: PersonId) -> None:
    desk.house.knock()
    at(desk.house, MONDAY)
    regular(desk.read, desk.work)
    bob = number(desk, BOB)
    with desk.house.work() as rooms:
        rooms.gate.forget(bob)
        rooms.people.erase(bob)
    with desk.work() as work:
        work.conversations.remember(alice, bot.chat)
    bot.meet(ALICE, bot.chat)
    said = "\n".join(bot.delivers())
    assert "somebody who has left us" in said
    assert BOB not in said


def test_a_digest_is_bounded_in_its_payload(desk: Desk, alice: PersonId) -> None:
    for count in range(60):
        desk.house.knock(inviter=guest(count))
    with desk.read() as work:
        found = work.digests.content(alice)
    assert (found.strangers, len(found.latest)) == (60, MOST_NAMED)
    assert from_unix(desk.house.time) > found.since
