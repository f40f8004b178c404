"""Change counters: they rise with what they count, and only with that."""

from __future__ import annotations

import threading

import pytest

from kit.changes import counters, touch
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
