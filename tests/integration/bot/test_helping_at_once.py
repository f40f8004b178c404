"""Helpers, where two do something at one moment: nobody waits for the other for ever, and nothing is half done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from app.forgetting import forget_person
from kit.errors import EarnestError, NotFound
from kit.identifiers import PersonId, UserId
from reputation.helping import MOST_HELPERS
from reputation.tables import HelperRow
from tests.support.desk import Desk, number
from tests.support.knocks import ALICE

CAROL = UserId("@carol:home.example")


@pytest.fixture
def alice(desk: Desk) -> PersonId:
    return desk.house.person(ALICE)


@pytest.fixture
def helpers(desk: Desk, alice: PersonId) -> list[UserId]:
    """All whom Alice may have, asked in the order opposite to that of their numbers: so their rows lie in it."""
    names = [UserId(f"@helper{at}:home.example") for at in range(MOST_HELPERS)]
    for name in names:
        desk.house.person(name)
    for name in reversed(names):
        with desk.work() as work:
            work.helping.ask(alice, name)
            work.helping.accept(work.people.number(name), ALICE)
    return names


def waiting(desk: Desk, count: int) -> None:
    """Wait until so many transactions wait for another; where there is one writer at a time they need no such look."""
    while desk.house.database.engine.dialect.name == "postgresql":
        with desk.house.database.read() as session:
            if (session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) or 0) >= count:
                return


def started(deed: Callable[[], object], ended: list[object]) -> threading.Thread:
    def do() -> None:
        try:
            deed()
            ended.append(None)
        except EarnestError as error:
            ended.append(error)

    thread = threading.Thread(target=do)
    thread.start()
    return thread


def test_who_answers_and_who_is_forgotten_at_once_wait_for_each_other_only_one_way(
    desk: Desk, alice: PersonId, helpers: list[UserId]
) -> None:
    def answers() -> None:
        with desk.work() as work:
            work.helping.hold(alice)

    def is_forgotten() -> None:
        with desk.work() as work:
            forget_person(work, alice)

    ended: list[object] = []
    with desk.work() as work:  # holds the one in the middle, so that both begin and neither ends
        middle = work.people.number(helpers[MOST_HELPERS // 2])
        work.session.execute(select(HelperRow.owner).where(HelperRow.helper == middle).with_for_update()).all()
        threads = [started(deed, ended) for deed in (answers, is_forgotten)]
        waiting(desk, 2)
    for thread in threads:
        thread.join()
    assert ended == [None, None]


def test_who_accepts_while_they_are_forgotten_gets_an_answer(desk: Desk, alice: PersonId) -> None:
    carol = number(desk, CAROL)
    with desk.work() as work:
        work.helping.ask(alice, CAROL)

    def accepts() -> None:
        with desk.work() as work:
            work.helping.accept(carol, ALICE)

    ended: list[object] = []
    with desk.work() as work:
        work.helping.forget(carol)
        thread = started(accepts, ended)
        waiting(desk, 1)
        work.people.erase(carol)
    thread.join()
    assert [type(one) for one in ended] == [NotFound]


def test_who_accepts_while_they_are_removed_is_told_that_nobody_asked(desk: Desk, alice: PersonId) -> None:
    carol = number(desk, CAROL)
    with desk.work() as work:
        work.helping.ask(alice, CAROL)

    def accepts() -> None:
        with desk.work() as work:
            work.helping.accept(carol, ALICE)

    ended: list[object] = []
    with desk.work() as work:
        work.helping.remove(alice, CAROL)
        thread = started(accepts, ended)
        waiting(desk, 1)
    thread.join()
    assert [type(one) for one in ended] == [NotFound]
    with desk.read() as work:
        assert work.helping.helpers(alice) == []
