"""The outbox: what is owed is done, by one worker at a time, whoever dies on the way."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from kit import outbox
from kit.changes import counters
from kit.database import Database
from kit.outbox import Effect

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)


def owe(database: Database, key: str = "one", *, kind: str = "notice", now: datetime = NOW) -> bool:
    with database.write() as session:
        return outbox.append(session, kind=kind, key=key, payload={"to": 7, "text": "\u00e4\u2068"}, now=now)


def claim(database: Database, *, seconds: float = 0, limit: int = 20, kind: str = "notice") -> list[Effect]:
    with database.write() as session:
        return outbox.claim(session, kinds=[kind], now=NOW + timedelta(seconds=seconds), limit=limit)


def done(database: Database, effect: Effect) -> None:
    with database.write() as session:
        outbox.mark_done(session, effect, now=NOW)


def failed(database: Database, effect: Effect, *, seconds: float = 0, for_good: bool = False) -> None:
    with database.write() as session:
        now = NOW + timedelta(seconds=seconds)
        outbox.mark_failed(session, effect, error="x" * 1000, now=now, for_good=for_good)


def backlog(database: Database) -> int:
    with database.read() as session:
        return outbox.backlog(session)


def test_what_is_owed_is_claimed_with_all_that_was_said(database: Database) -> None:
    assert owe(database)
    (effect,) = claim(database)
    assert (effect.kind, effect.key, effect.attempt) == ("notice", "one", 1)
    assert effect.payload == {"to": 7, "text": "\u00e4\u2068"}
    assert backlog(database) == 1
    done(database, effect)
    assert backlog(database) == 0
    assert claim(database, seconds=10_000) == []


def test_a_key_is_taken_once_for_ever(database: Database) -> None:
    assert owe(database)
    assert not owe(database)
    done(database, claim(database)[0])
    assert not owe(database)
    assert backlog(database) == 0


def test_appending_wakes_whoever_delivers_only_when_something_is_new(database: Database) -> None:
    owe(database)
    with database.read() as session:
        before = counters(session)[outbox.TOPIC]
    owe(database)
    with database.read() as session:
        assert counters(session)[outbox.TOPIC] == before
    owe(database, "two")
    with database.read() as session:
        assert counters(session)[outbox.TOPIC] > before


def test_what_a_business_transaction_lost_is_not_owed(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:  # noqa: PT012 - it must fail inside
        outbox.append(session, kind="notice", key="one", payload={}, now=NOW)
        _ = 1 // 0
    assert backlog(database) == 0


def test_oldest_first_of_the_kinds_asked_for_and_no_more_than_that(database: Database) -> None:
    for number in range(5):
        owe(database, f"notice {number}")
        owe(database, f"webhook {number}", kind="webhook")
    assert [effect.key for effect in claim(database, limit=3)] == ["notice 0", "notice 1", "notice 2"]
    assert [effect.key for effect in claim(database)] == ["notice 3", "notice 4"]
    assert len(claim(database, kind="webhook")) == 5


def test_what_is_claimed_is_nobody_elses_until_its_worker_is_taken_for_dead(database: Database) -> None:
    owe(database)
    (first,) = claim(database)
    assert claim(database, seconds=59) == []
    (second,) = claim(database, seconds=60)
    assert second.id == first.id, "the homeserver knows by it that it is the same message"
    assert second.attempt == 2


def test_a_worker_that_was_taken_for_dead_has_no_say_any_more(database: Database) -> None:
    owe(database)
    (late,) = claim(database)
    (second,) = claim(database, seconds=60)
    failed(database, late, seconds=61)
    assert claim(database, seconds=63) == [], "it is still leased to the second"
    done(database, second)
    failed(database, late, seconds=62)
    with database.write() as session:
        outbox.release(session, late, pause=timedelta(), now=NOW)
    assert backlog(database) == 0
    assert claim(database, seconds=10_000) == []


def test_a_claim_that_was_never_committed_is_no_claim(database: Database) -> None:
    owe(database)
    with pytest.raises(ZeroDivisionError), database.write() as session:  # noqa: PT012 - it must fail inside
        assert outbox.claim(session, kinds=["notice"], now=NOW)
        _ = 1 // 0
    (effect,) = claim(database)
    assert effect.attempt == 1


def test_failures_are_tried_again_with_longer_and_longer_pauses_and_given_up_at_last(database: Database) -> None:
    owe(database)
    at = 0.0
    pauses = []
    for attempt in range(1, 13):
        (effect,) = claim(database, seconds=at)
        assert effect.attempt == attempt
        failed(database, effect, seconds=at)
        if attempt == 12:
            break
        pause = min(2.0 ** (attempt - 1), 3600)
        assert claim(database, seconds=at + pause - 0.5) == []
        pauses.append(pause)
        at += pause
    assert pauses[:4] == [1, 2, 4, 8]
    assert claim(database, seconds=10**6) == []
    assert backlog(database) == 0


def test_what_can_never_succeed_is_given_up_at_once(database: Database) -> None:
    owe(database)
    failed(database, claim(database)[0], for_good=True)
    assert claim(database, seconds=10**6) == []
    assert not owe(database), "the key stays taken"


def test_what_could_not_be_attempted_does_not_count_as_an_attempt(database: Database) -> None:
    owe(database)
    (effect,) = claim(database)
    with database.write() as session:
        outbox.release(session, effect, pause=timedelta(seconds=30), now=NOW)
    assert claim(database, seconds=29) == []
    (again,) = claim(database, seconds=30)
    assert again.attempt == 1


def test_workers_at_once_never_hold_the_same(database: Database) -> None:
    for number in range(40):
        owe(database, f"notice {number}")
    start = threading.Barrier(4)
    held: list[int] = []

    def work() -> None:
        start.wait()
        while found := claim(database, limit=3):
            held.extend(effect.id for effect in found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == sorted(set(held))
    assert len(held) == 40


@pytest.mark.parametrize("dies", ["before_append", "after_append", "after_claim", "after_delivery", "never"])
def test_a_crash_anywhere_loses_nothing_and_the_receiver_can_tell_repeats(database: Database, dies: str) -> None:
    received: list[int] = []
    if dies != "before_append":
        owe(database)
    if dies in ("after_claim", "after_delivery", "never"):
        (effect,) = claim(database)
        if dies != "after_claim":
            received.append(effect.id)
        if dies == "never":
            done(database, effect)
    owe(database)  # the business transaction is repeated after the crash
    for effect in claim(database, seconds=LEASE.total_seconds()):
        received.append(effect.id)
        done(database, effect)
    assert len(set(received)) == 1
    assert backlog(database) == 0
