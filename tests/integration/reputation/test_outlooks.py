"""Outlooks: what a person thinks of strangers, kept, followed by standings and by doors at once, moved by a stake."""

from __future__ import annotations

import math

import pytest

from app.forgetting import forget_person
from app.judging import Judged
from kit.amounts import Amount
from kit.changes import counters
from kit.errors import Invalid
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer
from reputation.evidence import Audience
from reputation.outlook import PRIORS, USUAL, Outlook, Strangers
from reputation.outlooks import outlooks
from reputation.policy import Admitting, DoorDocument, Holding, Rule
from reputation.verdict import Code
from tests.support.desk import Desk
from tests.support.house import House
from tests.support.knocks import ALICE, BOB

CAROL, DAVE = UserId("@carol:home.example"), UserId("@dave:home.example")


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house)


def think(desk: Desk, strangers: Strangers | None = None, quorum: int | None = None) -> Outlook:
    with desk.work() as work:
        return work.outlooks.set(work.people.number(ALICE), strangers=strangers, quorum=quorum)


def judged(desk: Desk, subject: UserId = BOB) -> Judged:
    with desk.read() as work:
        alice, other = work.people.number(ALICE), work.people.number(subject)
        return desk.hearing.judgements.judge(alice, other, staked=work.outlooks.staked(alice, other))


def told(desk: Desk) -> tuple[float, float]:
    """What a rule at Alice's door would be told, once that takes no time."""
    desk.hearing.judgements.prepare()
    with desk.read() as work:
        found = desk.hearing.told(work.people.number(ALICE), work.people.number(BOB))
    assert found is not None
    return found


def test_whoever_said_nothing_has_the_usual_outlook_and_each_part_is_set_alone(desk: Desk) -> None:
    with desk.work() as work:
        assert work.outlooks.show(work.people.number(ALICE)) == USUAL == Outlook(Strangers.OPEN, 2)
    assert think(desk, Strangers.WARY) == Outlook(Strangers.WARY, 2)
    assert think(desk, quorum=1) == Outlook(Strangers.WARY, 1)
    with desk.work() as work:
        alice = work.people.number(ALICE)
        assert work.outlooks.show(alice) == Outlook(Strangers.WARY, 1)
        for quorum in (0, 4):
            with pytest.raises(Invalid):
                work.outlooks.set(alice, quorum=quorum)
        assert work.outlooks.show(work.people.number(BOB)) == USUAL, "another's is no matter of theirs"


@pytest.mark.parametrize("strangers", list(Strangers))
def test_a_standing_follows_it_at_once_in_views_that_were_made_before(desk: Desk, strangers: Strangers) -> None:
    desk.house.person(BOB)
    before = judged(desk)
    assert before.explanation.standing.reputation == PRIORS[Strangers.OPEN]
    think(desk, strangers)
    assert told(desk) == (PRIORS[strangers], 0.0)
    found = judged(desk)
    assert (found.explanation.standing.reputation, found.prior) == (PRIORS[strangers], PRIORS[strangers])
    assert found.explanation.alone.reputation == PRIORS[strangers]


def test_ones_own_quorum_is_the_one_that_is_asked_with(desk: Desk) -> None:
    with desk.work() as work:
        for by, of in ((ALICE, CAROL), (CAROL, DAVE), (DAVE, BOB)):
            work.vouches.vouch(work.people.number(by), work.people.number(of), audience=Audience.EVERYBODY)
    assert judged(desk).explanation.standing.confidence == told(desk)[1] == 0, "Dave has one who speaks for him"
    think(desk, quorum=1)
    found = judged(desk)
    assert found.quorum == 1
    assert found.explanation.standing.confidence == told(desk)[1] > 0
    with desk.read() as work:
        alice, bob = work.people.number(ALICE), work.people.number(BOB)
        asked = desk.hearing.judgements.judge(alice, bob, quorum=2)
    assert (asked.quorum, asked.explanation.standing.confidence) == (2, 0)


def test_what_would_change_a_verdict_is_told_from_ones_own_prior(desk: Desk) -> None:
    with desk.work() as work:
        work.vouches.vouch(work.people.number(ALICE), work.people.number(CAROL), audience=Audience.EVERYBODY)
        work.people.number(BOB)
    assert judged(desk).turn.good is False
    think(desk, Strangers.CLOSED)
    assert judged(desk).turn.good is True


def test_a_door_that_asks_for_standings_is_told_of_the_change(desk: Desk) -> None:
    """The gate answers from memory while its counter stands still."""

    def changes() -> int:
        with desk.house.database.read() as session:
            return counters(session).get("gate", 0)

    desk.house.person(ALICE)
    before = changes()
    think(desk, Strangers.WARY)
    assert changes() == before + 1
    think(desk, Strangers.WARY)
    assert changes() == before + 1, "nothing was changed"


def test_a_stake_moves_the_prior_of_its_stranger_towards_a_half_and_never_beyond(desk: Desk) -> None:
    house = desk.house
    house.asking(stake=5)
    think(desk, Strangers.CLOSED)
    house.pay()
    one = judged(desk).prior
    assert one == pytest.approx(0.5 * -math.expm1(-1)), "it staked once what the door asks"
    assert judged(desk, CAROL).prior == 0, "nobody else's"
    with desk.read() as work:
        alice, bob = work.people.number(ALICE), work.people.number(BOB)
        assert work.outlooks.staked(bob, alice) == 0, "nor the other way round"
    think(desk, Strangers.NEUTRAL)
    assert judged(desk).prior == PRIORS[Strangers.NEUTRAL]
    think(desk, Strangers.OPEN)
    assert judged(desk).prior == PRIORS[Strangers.OPEN], "whoever is thought well of is not thought less of for paying"
    think(desk, Strangers.CLOSED)
    house.knock()
    house.answer(Answer.SPAM)
    assert judged(desk).prior == 0
    assert judged(desk).explanation.standing.reputation == 0


def test_a_rule_is_told_what_lies_at_stake(desk: Desk) -> None:
    house = desk.house
    house.tenant()
    high = Rule(name="high", when="sender.standing > 0.6", then=Admitting())
    with desk.work() as work:
        ten = DoorDocument(rules=(high,), otherwise=Holding(stake=Amount(10)))
        work.doors.write(work.people.number(ALICE), ten)
    house.knock()
    assert house.standings.staked == 0
    house.pay()
    house.standings.of[house.person(ALICE), house.person(BOB)] = (0.7, 0.0)
    answer = house.knock()
    assert answer.verdict.because[0].code is Code.BY_RULE
    assert house.standings.staked == 1.0


def test_whoever_is_forgotten_thinks_nothing_of_strangers_any_more(desk: Desk) -> None:
    think(desk, Strangers.WARY)
    told(desk)
    with desk.work() as work:
        work.outlooks.forget(work.people.number(ALICE))
    assert told(desk)[0] == PRIORS[Strangers.OPEN], "and that is followed"
    think(desk, Strangers.WARY)
    with desk.work() as work:
        alice = work.people.number(ALICE)
        forget_person(work, alice)
    with desk.house.database.read() as session:
        assert outlooks(session) == {}
    assert desk.hearing.judgements.judge(alice, PersonId(0)).prior == PRIORS[Strangers.OPEN]
