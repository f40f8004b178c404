"""People: numbers for Matrix ids, byte for byte, and what is left when one is erased."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from kit.database import Database
from kit.errors import Invalid, NotFound
from kit.identifiers import PersonId, UserId
from ledger.people import People

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = UserId("@alice:one.example")


def test_a_person_keeps_one_number(database: Database) -> None:
    with database.write() as session:
        number = People(session, NOW).number(ALICE)
    with database.write() as session:
        people = People(session, NOW)
        assert people.number(ALICE) == number
        assert people.find(ALICE) == number
        assert people.mxid(number) == ALICE


def test_to_look_for_somebody_makes_nobody(database: Database) -> None:
    with database.write() as session:
        people = People(session, NOW)
        assert people.find(ALICE) is None
        assert people.mxid(PersonId(1)) is None


@pytest.mark.parametrize(
    "other",
    [
        "@Alice:one.example",
        "@alice:One.example",
        "@alice :one.example",
        "@\u0430lice:one.example",
        "@alice\u0301:one.example",
        "@alic\u00e9:one.example",
        "@%alice_:one.example",
    ],
)
def test_ids_are_told_apart_byte_for_byte(database: Database, other: str) -> None:
    with database.write() as session:
        people = People(session, NOW)
        numbers = {people.number(ALICE), people.number(UserId(other))}
        assert len(numbers) == 2
        assert people.mxids(numbers) == {people.number(ALICE): ALICE, people.number(UserId(other)): UserId(other)}


def test_an_erased_person_leaves_a_tombstone_and_comes_back_as_somebody_new(database: Database) -> None:
    with database.write() as session:
        people = People(session, NOW)
        old = people.number(ALICE)
        people.set_locale(old, "de")
        people.set_time_zone(old, "UTC")
        people.erase(old)
        assert people.find(ALICE) is None
        assert people.mxid(old) is None
        assert people.locale(old) is None
        assert people.time_zone(old) is None
        assert not people.wants_notices(old)
        assert people.number(ALICE) != old
        with pytest.raises(NotFound):
            people.erase(old)
        with pytest.raises(NotFound):
            people.resume_notices(old)


def test_stop_is_heard_until_it_is_taken_back(database: Database) -> None:
    with database.write() as session:
        people = People(session, NOW)
        alice = people.number(ALICE)
        assert people.wants_notices(alice)
        people.stop_notices(alice)
        assert not people.wants_notices(alice)
        people.resume_notices(alice)
        assert people.wants_notices(alice)
        assert not people.wants_notices(PersonId(alice + 1))


def test_language_and_zone_are_checked(database: Database) -> None:
    with database.write() as session:
        people = People(session, NOW)
        alice = people.number(ALICE)
        people.set_locale(alice, "pt-BR")
        people.set_time_zone(alice, "UTC")
        assert (people.locale(alice), people.time_zone(alice)) == ("pt-BR", "UTC")
        for nonsense in ("", "d", "de; DROP", "../../etc", "x" * 100):
            with pytest.raises(Invalid):
                people.set_locale(alice, nonsense)
        for nonsense in ("", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "\0", "x" * 1000):
            with pytest.raises(Invalid):
                people.set_time_zone(alice, nonsense)
        people.set_locale(alice, None)
        people.set_time_zone(alice, None)
        assert (people.locale(alice), people.time_zone(alice)) == (None, None)


def test_a_person_met_by_many_at_once_gets_one_number(database: Database) -> None:
    start = threading.Barrier(4)
    found: list[PersonId] = []

    def meet() -> None:
        start.wait()
        for number in range(5):
            with database.write() as session:
                found.append(People(session, NOW).number(UserId(f"@guest{number}:one.example")))

    threads = [threading.Thread(target=meet) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(found)) == 5
