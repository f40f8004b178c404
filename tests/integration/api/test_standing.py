"""Standing over HTTP on both databases: what a person's own people say of somebody, followed, and told to no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.forgetting import forget_person
from app.judging import Judgements
from kit.changes import counters
from kit.database import Database
from kit.errors import Unavailable
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer
from reputation.evidence import Audience, Reason
from reputation.trust.graph import MOST_HEARD
from tests.support.services import ALICE, BOB, Clock, Door, a_bearer, a_container, a_token, http_door

CAROL, DAVE = UserId("@carol:example.org"), UserId("@dave:far.example")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    a_bearer(container, "example.org")
    with http_door(container) as client:
        yield client


def number(container: Container, who: UserId) -> PersonId:
    with container.work() as work:
        return work.people.number(who)


def vouch(container: Container, by: UserId, *of: UserId, **how: Any) -> None:  # noqa: ANN401 - weight and audience
    with container.work() as work:
        for each in of:
            work.vouches.vouch(work.people.number(by), work.people.number(each), **how)


def unvouch(container: Container, by: UserId, of: UserId) -> None:
    with container.work() as work:
        work.vouches.withdraw(work.people.number(by), work.people.number(of))


def seen(door: Door, container: Container, *, by: UserId = ALICE, of: UserId = BOB, quorum: int = 2) -> dict[str, Any]:
    headers = {"Authorization": a_token(container, by)}
    answer = door.get("/v1/me/standing", params={"other": of, "quorum": quorum}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def shares(found: dict[str, Any]) -> dict[str, tuple[int, bool]]:
    return {one["who"]: (one["percent"], one["good"]) for one in found["shares"]}


@pytest.fixture
def friends(container: Container) -> None:
    """Alice, Carol and Dave, each of whom vouches for the others."""
    for one in (ALICE, CAROL, DAVE):
        vouch(container, one, *({ALICE, CAROL, DAVE} - {one}))


def test_of_whom_nobody_speaks_nothing_is_known(door: Door, container: Container) -> None:
    for _ in range(2):
        found = seen(door, container)
        assert (found["confidence"], found["nobody"], found["shares"], found["path"]) == (0, True, [], [])
        vouch(container, CAROL, BOB, audience=Audience.EVERYBODY)  # a stranger's word


@pytest.mark.usefixtures("friends")
def test_what_friends_say_is_followed_while_they_change_it(door: Door, container: Container) -> None:
    assert seen(door, container)["nobody"]
    vouch(container, CAROL, BOB)
    found = seen(door, container)
    assert shares(found) == {CAROL: (100, True)}
    assert (found["path"], found["through"], found["nobody"]) == ([ALICE, CAROL], CAROL, False)
    vouch(container, DAVE, BOB)
    more = seen(door, container)
    assert shares(more) == {CAROL: (50, True), DAVE: (50, True)}
    assert (more["through"], more["confidence"] > found["confidence"] > 0) == (None, True)
    with container.work() as work:
        work.gate.answer(work.people.number(DAVE), BOB, Answer.SPAM)
    worse = seen(door, container)
    assert shares(worse)[DAVE][1] is False
    assert worse["reputation"] < more["reputation"]
    unvouch(container, CAROL, BOB)
    assert shares(seen(door, container)) == {DAVE: (100, False)}


@pytest.mark.usefixtures("friends")
def test_nothing_is_heard_of_whom_an_author_did_not_choose(door: Door, container: Container) -> None:
    vouch(container, CAROL, BOB)
    assert not seen(door, container)["nobody"]
    unvouch(container, CAROL, ALICE)
    assert seen(door, container)["nobody"], "Carol does not trust Alice any more"
    vouch(container, CAROL, BOB, audience=Audience.EVERYBODY)
    assert shares(seen(door, container)) == {CAROL: (100, True)}
    vouch(container, CAROL, BOB, audience=Audience.MYSELF)
    assert seen(door, container)["nobody"]
    sybil = UserId("@sybil:evil.example")
    vouch(container, sybil, CAROL)
    vouch(container, CAROL, BOB)
    for of in (BOB, DAVE, ALICE):
        assert seen(door, container, by=sybil, of=of)["nobody"], of


@pytest.mark.usefixtures("friends")
def test_a_report_counts_against_somebody_for_whom_it_is_meant_and_until_it_is_withdrawn(
    door: Door, container: Container
) -> None:
    def report(of: UserId, audience: Audience) -> None:
        with container.work() as work:
            work.vouches.report(work.people.number(CAROL), work.people.number(of), Reason.SCAM, audience=audience)

    vouch(container, DAVE, BOB)
    before = seen(door, container)
    report(BOB, Audience.TRUSTED)
    found = seen(door, container)
    assert shares(found) == {CAROL: (75, False), DAVE: (25, True)}, "a report weighs as much as the heaviest vouch"
    assert found["reputation"] < before["reputation"]
    sybil = UserId("@sybil:evil.example")
    vouch(container, sybil, CAROL)
    assert seen(door, container, by=sybil)["nobody"], "who trusts one person reads nothing of whom that one reports"
    report(BOB, Audience.MYSELF)
    assert shares(seen(door, container)) == {DAVE: (100, True)}
    report(BOB, Audience.EVERYBODY)
    assert shares(seen(door, container, by=sybil)) == {CAROL: (100, False)}
    unvouch(container, CAROL, BOB)
    assert shares(seen(door, container)) == {DAVE: (100, True)}
    assert seen(door, container) == before
    report(ALICE, Audience.TRUSTED)
    assert seen(door, container, by=ALICE, of=DAVE)["nobody"] is False, "she vouches for Dave herself"
    vouch(container, CAROL, BOB)
    assert CAROL not in shares(seen(door, container)), "whom one reports one trusts no more"


@pytest.mark.usefixtures("friends")
def test_a_word_that_ran_out_is_heard_a_day_longer_at_most(door: Door, container: Container, clock: Clock) -> None:
    vouch(container, CAROL, BOB)
    assert not seen(door, container)["nobody"]
    clock.pass_(days=367)
    assert seen(door, container)["nobody"]


@pytest.mark.usefixtures("friends")
def test_an_older_word_is_heard_again_once_a_newer_one_is_for_others(
    door: Door, container: Container, clock: Clock
) -> None:
    """A person is heard for the newest 200 of their words for an audience, whatever was said before."""
    vouch(container, CAROL, BOB)
    clock.pass_(days=2)  # sooner, what is said again is what was said before
    many = [UserId(f"@u{at}:far.example") for at in range(MOST_HEARD)]
    vouch(container, CAROL, *many[1:], ALICE)
    assert seen(door, container)["nobody"], "Bob is the one too many"
    vouch(container, CAROL, many[-1], audience=Audience.EVERYBODY)
    assert shares(seen(door, container)) == {CAROL: (100, True)}


@pytest.mark.usefixtures("friends")
def test_whoever_is_forgotten_speaks_no_more(door: Door, container: Container) -> None:
    vouch(container, CAROL, BOB)
    vouch(container, DAVE, BOB)
    assert len(shares(seen(door, container))) == 2
    with container.work() as work:
        forget_person(work, work.people.number(CAROL))
    assert shares(seen(door, container)) == {DAVE: (100, True)}


def test_while_another_is_answered_for_long_nobody_takes_a_thread_to_wait(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    judgements = Judgements(container.database, container.clock)
    monkeypatch.setattr("app.judging._PATIENCE", 0.01)
    with judgements._lock, pytest.raises(Unavailable):
        judgements.judge(PersonId(1), PersonId(2))
    assert judgements.judge(PersonId(1), PersonId(2)).explanation.nobody


def test_the_gate_forgets_nobody_because_somebody_vouched(container: Container) -> None:
    def changes() -> int | None:
        with container.database.read() as session:
            return counters(session).get("gate")

    before = changes()
    vouch(container, CAROL, BOB)
    unvouch(container, CAROL, BOB)
    assert changes() == before


def test_what_makes_no_sense_is_refused(door: Door, container: Container) -> None:
    headers = {"Authorization": a_token(container, ALICE)}
    for params in ({"other": ALICE}, {"other": "bob"}, {"other": BOB, "quorum": 0}, {"other": BOB, "quorum": 4}, {}):
        assert door.get("/v1/me/standing", params=params, headers=headers).status_code in (400, 422), params
    assert door.get("/v1/me/standing", params={"other": BOB}).status_code == 401
