"""Asking by the bot: a stranger's one sentence, its answers, and what neither side learns of the other."""

from __future__ import annotations

import pytest

from kit.amounts import ZERO
from kit.identifiers import UserId
from payments.stakes.model import Price
from reputation.asking import MOST_WAITING
from reputation.policy import DoorDocument, Holding
from reputation.verdict import Code, FreePath, Hold, Reason
from tests.support.desk import Bot, Desk, number
from tests.support.knocks import ALICE, BOB

GINA = UserId("@gina:far.example")
HELLO = "Hello, it is <b>Gina</b> from the choir."
ASKABLE = Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), (FreePath.ASK,))


def plain(said: str) -> str:
    """The same without the marks that keep names of other scripts from reordering what stands around them."""
    return said.translate({0x2068: None, 0x2069: None})


def as_gina(bot: Bot, text: str) -> str:
    return plain(bot.says(text, user=GINA, room=bot.room_of(GINA)))


def asks(desk: Desk, recipient: UserId = ALICE, said: str = HELLO) -> None:
    with desk.work() as work:
        work.asks.ask(GINA, work.people.number(recipient), said, ASKABLE)


@pytest.fixture
def askable(desk: Desk) -> None:
    """A door of Alice's that takes sentences, and nothing else."""
    alice = number(desk, ALICE)
    desk.house.tenant()
    with desk.house.work() as rooms:
        rooms.doors.write(alice, DoorDocument(otherwise=Holding(free=(FreePath.ASK,))))


@pytest.mark.usefixtures("askable")
def test_a_stranger_asks_lists_and_takes_back(bot: Bot, desk: Desk) -> None:
    assert "No sentence of yours waits" in as_gina(bot, "ask")
    said = as_gina(bot, f"ask {ALICE} {HELLO}")
    assert f"Asked: your sentence waits for {ALICE}" in said
    assert f"ask withdraw {ALICE}" in said
    assert bot.delivers() == [], "nobody is disturbed"
    assert HELLO in as_gina(bot, "ask")
    assert "waits for them already" in as_gina(bot, f"ask {ALICE} Another.")
    assert "does not see your sentence any more" in as_gina(bot, f"ask withdraw {ALICE}")
    assert "No sentence of yours waits" in as_gina(bot, f"ask withdraw {ALICE}")
    assert "No sentence of yours waits" in as_gina(bot, "ask")
    with desk.read() as work:
        assert work.asks.queue(work.people.number(ALICE)) == []


@pytest.mark.usefixtures("askable")
def test_what_is_no_sentence_is_explained(bot: Bot) -> None:
    assert "no links" in as_gina(bot, f"ask {ALICE} look at example.org")
    assert "at most 200 characters" in as_gina(bot, f"ask {ALICE} {'word ' * 60}")
    assert "at most 200 characters" in as_gina(bot, f"ask {ALICE} {'w ' * 150}"), "and is not cut short unsaid"
    for unclear in (f"ask {ALICE}", "ask withdraw"):
        assert "Write it like this" in as_gina(bot, unclear), unclear
    assert "not a Matrix id" in as_gina(bot, "ask alice Hello.")
    picked = bot.says("ask Alice A Hello.", user=GINA, room=bot.room_of(GINA), mentions=(ALICE,))
    assert "not a Matrix id" in picked, "the second word may be hers or theirs"


@pytest.mark.usefixtures("askable")
def test_whoever_cannot_be_asked_is_the_same_as_nobody(bot: Bot, desk: Desk) -> None:
    number(desk, BOB)
    answers = {
        as_gina(bot, f"ask {name} {HELLO}").replace(name, "-").split(":", 1)[-1]
        for name in (BOB, "@never:seen.example", "@never:home.example")
    }
    assert len(answers) == 1
    assert "nobody of that name whom you could ask" in answers.pop()
    with desk.read() as work:
        assert work.people.find(UserId("@never:home.example")) is None


def test_doors_of_three_modes_take_no_sentences(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    assert "nobody of that name whom you could ask" in as_gina(bot, f"ask {ALICE} {HELLO}")


@pytest.mark.usefixtures("askable")
def test_limits_are_told(bot: Bot, desk: Desk) -> None:
    for one in range(MOST_WAITING):
        asks(desk, UserId(f"@person{one}:home.example"))
    assert "5 people have yet to answer you" in as_gina(bot, f"ask {ALICE} {HELLO}")


def test_the_recipient_finds_it_among_their_knocks_quoted_and_accepts(bot: Bot, desk: Desk) -> None:
    desk.house.tenant()
    asks(desk)
    shown = bot.says("knocks")
    assert "Asking to write to you" in shown
    assert f"{GINA}\u2069: “\u2068{HELLO}\u2069”" in shown
    assert "reaches you freely from now on." in bot.says("accept"), "the only one needs no name"
    assert "Nobody waits for your answer" in bot.says("knocks")
    told = plain("\n".join(bot.delivers()))
    assert f"{ALICE} accepted you. What to do now: invite them" in told
    assert "accepted you; you can invite them" in as_gina(bot, "ask")
    assert "would reach you" in bot.says(f"why {GINA}")


def test_to_decline_is_silent_and_can_be_thought_better_of(bot: Bot, desk: Desk) -> None:
    asks(desk)
    said = bot.says("decline")
    assert "stays outside and is not told" in said
    assert f"accept {GINA}" in said
    assert bot.delivers() == []
    assert "declined; you can ask them again after" in as_gina(bot, "ask")
    assert "Nobody waits for your answer" in bot.says("decline")
    assert "reaches you freely" in bot.says(f"accept {GINA}")
    assert "accepted you" in "\n".join(bot.delivers())


def test_of_several_one_must_be_named(bot: Bot, desk: Desk) -> None:
    asks(desk)
    with desk.work() as work:
        work.asks.ask(BOB, work.people.number(ALICE), "It is Bob.", ASKABLE)
    said = bot.says("decline")
    assert "Write decline and one of these" in said
    assert GINA in said
    assert BOB in said


def test_spam_ends_an_ask_and_its_undoing_brings_it_back(bot: Bot, desk: Desk) -> None:
    asks(desk)
    assert "really want to call" in bot.says(f"spam {GINA}")
    assert "reaches you no more" in bot.says("confirm")
    assert "Nobody waits" in bot.says("accept")
    assert "declined" in as_gina(bot, "ask")
    bot.says(f"undo {GINA}")
    assert GINA in bot.says("knocks")


def test_an_answer_is_for_stake_and_sentence_alike(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay(inviter=GINA)
    asks(desk)
    assert "their stake goes back" in bot.says("accept")
    assert desk.house.calls(stake) == {"return_answered": "waiting"}
    with desk.read() as work:
        assert work.asks.queue(work.people.number(ALICE)) == []


def test_a_stake_that_went_back_long_ago_has_no_part_in_a_no(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.pay(inviter=GINA)
    assert "Their stake goes back" in bot.says("decline")
    asks(desk)
    assert "stays outside and is not told" in bot.says("decline")


def test_forgetting_me_takes_the_queue_along(bot: Bot, desk: Desk) -> None:
    asks(desk)
    bot.says("forget")
    bot.says("forget me")
    bot.says("confirm")
    assert "No sentence of yours waits" in as_gina(bot, "ask")
