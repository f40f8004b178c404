"""Change counters: they rise with what they count, and only with that."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from kit import changes
from kit.changes import News, counters, news_since, touch
from kit.database import Database


def test_a_topic_that_never_changed_is_absent(database: Database) -> None:
    with database.read() as session:
        assert counters(session) == {}


def test_each_transaction_that_touches_counts(database: Database) -> None:
    for _ in range(3):
        with database.write() as session:
            touch(session, "doors")
    with database.write() as session:
        touch(session, "outbox")
        touch(session, "doors")
        touch(session, "doors")
    with database.read() as session:
        found = counters(session)
    assert set(found) == {"doors", "outbox"}
    assert found["doors"] > 3


def test_a_change_that_is_not_kept_is_not_counted(database: Database) -> None:
    with database.write() as session:
        touch(session, "doors")
    with database.read() as session:
        before = counters(session)
    with pytest.raises(ZeroDivisionError), database.write() as session:  # noqa: PT012 - it must fail inside
        touch(session, "doors")
        _ = 1 // 0
    with database.write() as session:
        pass
    with database.read() as session:
        assert counters(session) == before


def test_many_at_once_lose_no_change(database: Database) -> None:
    def change() -> None:
        for _ in range(5):
            with database.write() as session:
                touch(session, "doors")
                touch(session, "outbox")

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert counters(session) == {"doors": 20, "outbox": 20}


def change(database: Database, *subjects: int, topic: str = "doors") -> None:
    with database.write() as session:
        touch(session, topic, *subjects)


def news(database: Database, since: int, topic: str = "doors") -> News:
    with database.read() as session:
        return news_since(session, topic, since)


def test_whoever_follows_learns_of_whom_it_was(database: Database) -> None:
    assert news(database, 0) == News(0, frozenset())
    change(database, 7)
    change(database, 8, 9)
    change(database, 1, topic="outbox")
    assert news(database, 0) == News(2, frozenset({7, 8, 9}))
    assert news(database, 1) == News(2, frozenset({8, 9}))
    assert news(database, 2) == News(2, frozenset())


def test_a_change_of_anybody_is_one_of_anybody_whatever_else_is_told(database: Database) -> None:
    change(database, 7)
    change(database)
    change(database, 8)
    assert news(database, 0) == News(3, None)
    assert news(database, 1) == News(3, None)
    assert news(database, 2) == News(3, frozenset({8}))
    with database.write() as session:
        touch(session, "doors", 9)
        touch(session, "doors")
        touch(session, "doors", 10)
    assert news(database, 3) == News(4, None)


def test_a_change_of_very_many_is_one_of_anybody(database: Database) -> None:
    change(database, *range(changes.MOST_SUBJECTS))
    change(database, *range(changes.MOST_SUBJECTS + 1))
    assert news(database, 0) == News(2, None)
    assert news(database, 1) == News(2, None)


def test_the_log_is_bounded_and_whoever_falls_behind_begins_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 5)
    for subject in range(20):
        change(database, subject)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM changed_subjects")) == 5
    assert news(database, 14) == News(20, None)
    assert news(database, 15) == News(20, frozenset(range(15, 20)))


def test_who_looks_while_many_change_misses_nobody(database: Database) -> None:
    """The numbers have the order of the commits, so that nothing is written below what was already read."""
    writers, each = 4, 15

    def write(writer: int) -> None:
        for number in range(each):
            change(database, writer * each + number)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    at, seen = 0, set[int]()
    while at < writers * each:
        found = news(database, at)
        assert found.subjects is not None
        at, seen = found.counter, seen | found.subjects
    for thread in threads:
        thread.join()
    assert seen == set(range(writers * each))
