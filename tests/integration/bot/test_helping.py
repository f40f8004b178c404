"""Helpers: nobody is one unasked; they see and answer one queue, and nothing else; who answered is remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from app import answering
from app.digests import regular
from app.forgetting import prune_all
from kit.errors import EarnestError, NotFound
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer
from reputation.helping import ANSWERS_KEPT, ASK_LASTS, MOST_HELPED, MOST_HELPERS
from reputation.policy import DoorDocument, Holding
from reputation.verdict import Admit, FreePath, Hold
from tests.support.desk import Bot, Desk, number
from tests.support.knocks import ALICE, BOB, BOT

CAROL = UserId("@carol:home.example")
DAVE = UserId("@dave:home.example")
MALLORY = UserId("@mallory:away.example")


def says(bot: Bot, text: str, user: UserId = CAROL) -> str:
    bot.ticks += 3600.0  # nobody is in a hurry
    return bot.says(text, user=user, room=bot.room_of(user))


def appointed(bot: Bot, *helpers: UserId) -> None:
    for helper in helpers or (CAROL,):
        says(bot, f"helper add {helper}", ALICE)
        says(bot, f"helper accept {ALICE}", helper)


def told(desk: Desk, user: UserId) -> list[str]:
    person = number(desk, user)
    return [one["code"] for one in desk.house.notices() if one.get("to") == person and "code" in one]


@pytest.fixture
def alice(desk: Desk) -> PersonId:
    """Alice, whose door asks."""
    person = desk.house.asking()
    desk.house.time += 60
    return person


@pytest.mark.usefixtures("alice")
def test_a_helper_is_asked_accepts_and_answers_what_waits(desk: Desk, bot: Bot) -> None:
    stake = desk.house.pay()
    assert f"helper accept {ALICE}" in says(bot, f"helper add {CAROL}", ALICE)
    nobody = says(bot, f"knocks {ALICE}")
    assert "You help nobody of that name" in nobody, "who did not accept sees nothing"
    with desk.work() as work:
        work.conversations.remember(work.people.number(CAROL), bot.room_of(CAROL))
    asked = "\n".join(bot.delivers())
    assert f"{ALICE}\u2069 asks whether you would help them" in asked
    assert f"You help \u2068{ALICE}" in says(bot, f"helper accept {ALICE}")
    assert f"{CAROL}\u2069 helps you now" in "\n".join(bot.delivers())
    shown = says(bot, f"knocks {ALICE}")
    assert f"The queue of \u2068{ALICE}" in shown
    assert f"\u2068{BOB}\u2069, with a stake of" in shown
    assert f"Accepted for \u2068{ALICE}" in says(bot, f"accept {BOB} for {ALICE}")
    assert desk.house.calls(stake) == {"return_answered": "waiting"}
    for said in (says(bot, f"why {BOB}", ALICE), says(bot, "knocks", ALICE)):
        assert f"\u2068{CAROL}\u2069 accepted \u2068{BOB}\u2069 for you" in said
    with desk.read() as work:
        found = work.digests.content(work.people.number(ALICE))
        assert (found.answers, found.answered[0].helper) == (1, work.people.find(CAROL))
    assert "accepted" in says(bot, "digest now", ALICE)


@pytest.mark.usefixtures("alice")
def test_spam_in_anothers_name_is_confirmed_and_only_the_owner_takes_it_back(desk: Desk, bot: Bot) -> None:
    appointed(bot)
    stake = desk.house.pay()
    sure = says(bot, f"spam for {ALICE}")
    assert f"in the name of \u2068{ALICE}" in sure
    assert desk.house.calls(stake) == {}
    assert f"Noted for \u2068{ALICE}" in bot.taps("👍", bot.asked(sure), user=CAROL, room=bot.room_of(CAROL))
    assert "announce_forfeit" in desk.house.calls(stake)
    for mine in ("undo", f"undo {BOB}", f"undo {BOB} for {ALICE}"):
        said = says(bot, mine)
        assert "no spammer any more" not in said, mine
    assert "called" in says(bot, f"why {BOB}", ALICE)
    assert "no spammer any more" in says(bot, f"undo {BOB}", ALICE)
    assert "you took it back" in says(bot, f"why {BOB}", ALICE)
    with desk.read() as work:
        assert work.digests.content(work.people.number(ALICE)).answers == 0


@pytest.mark.usefixtures("alice")
def test_a_removed_helper_can_do_nothing_from_that_moment_not_even_confirm(desk: Desk, bot: Bot) -> None:
    appointed(bot)
    stake = desk.house.pay()
    sure = says(bot, f"spam {BOB} for {ALICE}")
    assert "helps you no more" in says(bot, f"helper remove {CAROL}", ALICE)
    room = bot.room_of(CAROL)
    for said in (
        bot.taps("👍", bot.asked(sure), user=CAROL, room=room),
        says(bot, "confirm"),
        says(bot, f"knocks {ALICE}"),
        says(bot, f"accept {BOB} for {ALICE}"),
        says(bot, f"return for {ALICE}"),
        says(bot, f"spam {BOB} for {ALICE}"),
        says(bot, f"helper leave {ALICE}"),
    ):
        assert "You help nobody of that name" in said or "nothing to confirm" in said, said
    assert desk.house.calls(stake) == {}


@pytest.mark.usefixtures("alice")
def test_whoever_is_no_helper_hears_the_same_of_everybody(desk: Desk, bot: Bot) -> None:
    appointed(bot)
    desk.house.pay()
    for text in ("knocks {}", f"accept {BOB} for {{}}", f"spam {BOB} for {{}}", "helper accept {}", "helper leave {}"):
        answers = {
            says(bot, text.format(owner), MALLORY).partition(MALLORY + ": ")[2]
            for owner in (ALICE, CAROL, "@nobody:home.example", "@never:nowhere.example")
        }
        assert len(answers) == 1, answers
        assert "of that name" in answers.pop()
    with desk.read() as work:
        assert work.people.find(UserId("@never:nowhere.example")) is None, "asking makes nobody known"


@pytest.mark.usefixtures("alice")
def test_a_helper_touches_nothing_but_the_queue(desk: Desk, bot: Bot) -> None:
    appointed(bot)
    friend = UserId("@friend:home.example")
    says(bot, f"door exempt {friend}", ALICE)
    desk.house.knock(inviter=MALLORY)
    for text in (f"accept {friend} for {ALICE}", f"spam {friend} for {ALICE}", f"accept {MALLORY} for {ALICE}"):
        assert "Nobody of that name waits" in says(bot, text), text
    for text in (f"door for {ALICE}", f"balance for {ALICE}", f"token for {ALICE}", f"statement for {ALICE}"):
        assert "Write it like this" in says(bot, text), text
    assert "in the name of" in says(bot, f"spam {MALLORY} for {ALICE}"), "who merely knocked can be called spam"
    assert "Noted for" in says(bot, "confirm")
    with desk.read() as work:
        owner = work.people.number(ALICE)
        assert work.doors.exemptions(owner) == [work.people.find(friend)]
        assert work.gate.why(owner, MALLORY).because[0].code == "called_spam"


def test_two_helpers_and_the_owner_at_once_give_one_answer_with_one_author(
    desk: Desk, bot: Bot, alice: PersonId
) -> None:
    appointed(bot, CAROL, DAVE)
    stake = desk.house.pay()
    carol, dave = number(desk, CAROL), number(desk, DAVE)
    start = threading.Barrier(3)
    done: list[tuple[PersonId | None, str]] = []

    def says_so(helper: PersonId | None, answer: Answer) -> Callable[[], None]:
        def run() -> None:
            start.wait()
            try:
                with desk.work() as work:
                    answering.answer(work, alice, BOB, answer, helper=helper)
                done.append((helper, "given"))
            except EarnestError as error:
                done.append((helper, type(error).__name__))

        return run

    threads = [
        threading.Thread(target=says_so(who, what))
        for who, what in ((carol, Answer.RETURN), (dave, Answer.RETURN), (None, Answer.ACCEPT))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [who for who, what in done if what == "given"]
    assert len(given) == 1, done
    assert list(desk.house.calls(stake)) == ["return_answered"]
    with desk.read() as work:
        assert [one.helper for one in work.helping.answers(alice)] == [who for who in given if who is not None]


@pytest.mark.usefixtures("alice")
def test_an_answer_ends_the_questions_of_all_who_were_asked(desk: Desk, bot: Bot) -> None:
    appointed(bot, CAROL, DAVE)
    desk.house.pay()
    sure = says(bot, f"spam {BOB} for {ALICE}", DAVE)
    says(bot, f"accept {BOB} for {ALICE}")
    assert bot.taps("👍", bot.asked(sure), user=DAVE, room=bot.room_of(DAVE)) == ""
    assert "nothing to confirm" in says(bot, "confirm", DAVE)


def test_there_are_five_helpers_at_most_and_twenty_people_to_help(desk: Desk, bot: Bot, alice: PersonId) -> None:
    for count in range(MOST_HELPERS):
        says(bot, f"helper add @h{count}:home.example", ALICE)
    assert "5 helpers already" in says(bot, f"helper add {CAROL}", ALICE)
    assert "has not accepted" in says(bot, "helper", ALICE)
    with desk.work() as work:
        carol = work.people.number(CAROL)
        for count in range(MOST_HELPED + 1):
            work.helping.ask(work.people.number(UserId(f"@o{count}:home.example")), CAROL)
        for count in range(MOST_HELPED):
            work.helping.accept(carol, UserId(f"@o{count}:home.example"))
    assert "help 20 people already" in says(bot, f"helper accept @o{MOST_HELPED}:home.example")
    assert alice


@pytest.mark.usefixtures("alice")
def test_nobody_helps_themselves_and_the_bot_helps_nobody(bot: Bot) -> None:
    for who in (ALICE, BOT):
        assert "somebody else" in says(bot, f"helper add {who}", ALICE)
    assert "no helper of that name" in says(bot, f"helper remove {CAROL}", ALICE)
    for unclear in ("helper add", "helper dance @x:y.example", "helper add @a:b.example @c:d.example"):
        assert "Write it like this" in says(bot, unclear, ALICE)


def test_whoever_was_asked_often_is_written_to_as_far_as_the_budgets_reach(desk: Desk, bot: Bot) -> None:
    for _ in range(12):
        says(bot, f"helper add {CAROL}", ALICE)
        says(bot, f"helper remove {CAROL}", ALICE)
        desk.house.time += 60
    assert told(desk, CAROL).count("helper_asked") == 5
    says(bot, "stop", DAVE)
    desk.house.time += 3 * 86_400
    says(bot, f"helper add {DAVE}", ALICE)
    assert "helper_asked" not in told(desk, DAVE)


@pytest.mark.usefixtures("alice")
def test_a_forgotten_owner_has_no_helpers_and_a_forgotten_helper_no_name(desk: Desk, bot: Bot) -> None:
    appointed(bot, CAROL, DAVE)
    desk.house.pay()
    says(bot, f"return {BOB} for {ALICE}")
    says(bot, "forget me")
    says(bot, "confirm")
    said = says(bot, f"why {BOB}", ALICE)
    assert "(somebody who has left us) gave" in said
    assert CAROL not in said
    bot.rehearsal.rooms[bot.room_of(CAROL)] = {BOT, CAROL}
    assert "You help nobody" in says(bot, f"knocks {ALICE}"), "who comes back is somebody else"
    sure = says(bot, f"spam {BOB} for {ALICE}", DAVE)
    says(bot, "forget me", ALICE)
    says(bot, "confirm", ALICE)
    assert "You help nobody" in says(bot, f"knocks {ALICE}", DAVE)
    assert "You help nobody" in says(bot, f"spam {BOB} for {ALICE}", DAVE)
    assert sure
    with desk.read() as work:
        assert work.helping.helped(work.people.number(DAVE)) == []


def test_what_is_long_past_is_pruned(desk: Desk, bot: Bot, alice: PersonId) -> None:
    appointed(bot)
    desk.house.pay()
    says(bot, f"return {BOB} for {ALICE}")
    says(bot, f"helper add {DAVE}", ALICE)
    desk.house.time += int((ASK_LASTS + timedelta(hours=1)).total_seconds())
    assert "Nobody of that name asked" in says(bot, f"helper accept {ALICE}", DAVE)
    prune_all(desk.work, events_kept=timedelta(days=30))
    with desk.read() as work:
        assert [one.helper for one in work.helping.helpers(alice)] == [work.people.find(CAROL)]
        assert len(work.helping.answers(alice)) == 1
    desk.house.time += int(ANSWERS_KEPT.total_seconds())
    prune_all(desk.work, events_kept=timedelta(days=30))
    with desk.read() as work:
        assert work.helping.answers(alice) == []


@pytest.mark.usefixtures("alice")
def test_leaving_is_told_to_the_owner(desk: Desk, bot: Bot) -> None:
    appointed(bot)
    assert "You do not help" in says(bot, f"helper leave {ALICE}")
    assert "helper_left" in told(desk, ALICE)
    with desk.work() as work, pytest.raises(NotFound):
        work.helping.owner(work.people.number(CAROL), ALICE)
    assert regular(desk.read, desk.work) >= 0


def test_a_removal_and_an_answer_at_once_never_leave_an_answer_after_the_removal(
    desk: Desk, bot: Bot, alice: PersonId
) -> None:
    appointed(bot)
    desk.house.pay()
    carol = number(desk, CAROL)
    answering_now, removed = threading.Event(), threading.Event()
    order: list[str] = []

    def answers() -> None:
        with desk.work() as work:
            work.helping.hold(alice)
            answering_now.set()
            removed.wait(1.0)  # the removal has its chance: it must not have come through
            answering.answer(work, alice, BOB, Answer.RETURN, helper=carol)
            order.append("answered")

    def removes() -> None:
        answering_now.wait()
        with desk.work() as work:
            work.helping.remove(alice, CAROL)
            order.append("removed")
            removed.set()

    threads = [threading.Thread(target=answers), threading.Thread(target=removes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == ["answered", "removed"]
    with desk.work() as work, pytest.raises(NotFound):
        answering.answer(work, alice, BOB, Answer.RETURN, helper=carol)


@pytest.mark.usefixtures("alice")
def test_whoever_did_not_accept_in_time_can_be_asked_again(desk: Desk, bot: Bot) -> None:
    says(bot, f"helper add {CAROL}", ALICE)
    desk.house.time += int((ASK_LASTS + timedelta(hours=1)).total_seconds())
    assert f"helper accept {ALICE}" in says(bot, f"helper add {CAROL}", ALICE), "nothing took the old one away yet"
    assert f"You help \u2068{ALICE}" in says(bot, f"helper accept {ALICE}")


@pytest.mark.parametrize(("word", "says_so"), [("accept", "Accepted for"), ("decline", "Declined for")])
def test_a_helper_answers_a_sentence_too(desk: Desk, bot: Bot, alice: PersonId, word: str, says_so: str) -> None:
    with desk.house.work() as rooms:
        rooms.doors.write(alice, DoorDocument(otherwise=Holding(free=(FreePath.ASK,))))
    says(bot, f"ask {ALICE} It is Mallory from the choir.", MALLORY)
    appointed(bot)
    assert "It is Mallory from the choir." in says(bot, f"knocks {ALICE}")
    said = says(bot, f"{word} {MALLORY} for {ALICE}")
    assert f"{says_so} \u2068{ALICE}" in said
    assert "stake" not in said, "there is none"
    assert "choir" not in says(bot, f"knocks {ALICE}")
    assert f"{CAROL}" in says(bot, f"why {MALLORY}", ALICE), "she sees who answered"
    with desk.read() as work:
        assert isinstance(work.gate.why(alice, MALLORY).verdict, Admit if word == "accept" else Hold)
