"""Hearing: standing for doors of rules is told at once or not at all, is made ready meanwhile, and follows words."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest

from app.container import Container
from app.hearing import Hearing
from kit.database import Database
from kit.identifiers import PersonId, UserId
from reputation.evidence import Audience
from tests.support.services import ALICE, BOB, a_container

CAROL, DAVE = UserId("@carol:example.org"), UserId("@dave:far.example")


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


def person(container: Container, who: UserId) -> PersonId:
    with container.work() as work:
        return work.people.number(who)


def vouch(container: Container, by: UserId, of: UserId) -> None:
    with container.work() as work:
        work.vouches.vouch(work.people.number(by), work.people.number(of), weight=3, audience=Audience.EVERYBODY)


def ready(hearing: Hearing, viewer: PersonId, subject: PersonId) -> tuple[float, float]:
    """Ask until it is told; what makes it ready does so by itself."""
    while True:
        found = hearing.told(viewer, subject)
        if found is not None:
            return found


def test_the_first_who_asks_does_not_wait_and_the_next_is_told(container: Container) -> None:
    alice, bob = person(container, ALICE), person(container, BOB)
    for one in (CAROL, DAVE):
        vouch(container, ALICE, one)
        vouch(container, one, BOB)
    hearing = container.hearing
    assert hearing.told(alice, bob) is None
    standing, confidence = ready(hearing, alice, bob)
    assert standing > 0.9
    assert confidence > 0
    why = hearing.judgements.judge(alice, bob).explanation.standing
    assert (standing, confidence) == (why.reputation, why.confidence)
    with container.work() as work:
        work.vouches.withdraw(work.people.number(DAVE), bob)
    assert hearing.told(alice, bob) != (standing, confidence), "what was taken back is followed at once"


def test_of_two_who_ask_at_one_moment_both_are_told(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.judging._AT_ONCE", 60.0)
    alice, bob = person(container, ALICE), person(container, BOB)
    ready(container.hearing, alice, bob)
    held, asked = Event(), Event()

    def another() -> None:
        with container.hearing.judgements._lock:
            held.set()
            asked.wait()
            sleep(0.05)

    thread = Thread(target=another)
    thread.start()
    held.wait()
    asked.set()
    found = container.hearing.told(alice, bob)
    thread.join()
    assert found is not None, "a rule that asks would decide nothing"


def test_while_somebody_asks_for_long_nobody_waits_for_them(container: Container) -> None:
    alice, bob = person(container, ALICE), person(container, BOB)
    ready(container.hearing, alice, bob)
    with container.hearing.judgements._lock:
        assert container.hearing.told(alice, bob) is None
    assert ready(container.hearing, alice, bob) is not None


def test_of_somebody_who_was_never_heard_of_nothing_is_said(container: Container) -> None:
    alice = person(container, ALICE)
    standing, confidence = ready(container.hearing, alice, PersonId(10_000))
    assert confidence == 0
    assert 0 <= standing <= 1


def test_a_writing_transaction_hears_too(container: Container) -> None:
    alice, bob = person(container, ALICE), person(container, BOB)
    vouch(container, ALICE, BOB)
    before = ready(container.hearing, alice, bob)
    with container.work() as work:
        work.vouches.withdraw(alice, bob)
        assert container.hearing.told(alice, bob) == before, "what is not committed is not said"
    assert container.hearing.told(alice, bob) != before
