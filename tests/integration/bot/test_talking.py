"""Talking to the bot: every command, on a real database, with what it changes and what it answers."""

import pytest

from app.sessions import code_of
from app.wording import doors
from bot.commands.table import COMMANDS
from contracts.events import Transferred
from kit.amounts import Amount
from kit.identifiers import Address, RoomId, UserId, show_address
from ledger.store import holders
from payments.stakes.model import StakeState
from reputation.model import DoorMode
from reputation.pricing import Caps
from tests.support.desk import Bot, Desk, number
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import PAYEE, TOKEN, at, block

CAROL = UserId("@carol:away.example")
ERN = 10**18

# ------------------------------------------------------------------------------------------------ help and manners


def test_help_names_every_command_and_one_command_shows_how_it_is_written(bot: Bot) -> None:
    said = bot.says("help")
    for word in COMMANDS:
        assert f"- {word}: " in said
    assert "door stake 5 fee 1" in bot.says("help door")


def test_what_is_no_command_is_answered_a_few_times_and_then_left_alone(bot: Bot) -> None:
    answers = [bot.says(f"blah {turn}") for turn in range(8)]
    assert all("Write help" in answer for answer in answers[:5])
    assert answers[5:] == ["", "", ""]
    assert bot.says("help")


def test_commands_may_be_written_in_any_case_with_a_sign_before_them_or_under_a_quote(bot: Bot) -> None:
    for text in ("HELP", "!help", "/help", "> <@earnest:home.example> Hello\n\nhelp", "  help  "):
        assert "- door: " in bot.says(text)


def test_a_command_written_wrongly_shows_how_it_is_written(bot: Bot) -> None:
    for text in ("door steak 5", "door stake", "door stake 5 5", "door open wide", "knocks all", "forget", "why"):
        assert "Write it like this" in bot.says(text)
    assert "plain digits" in bot.says("door stake five")


def test_too_much_at_once_is_not_answered(bot: Bot) -> None:
    answers = [bot.says("help") for _ in range(25)]
    assert "That was a lot at once" in answers[20]
    assert answers[21:] == ["", "", "", ""]
    bot.ticks += 3.0
    assert bot.says("help")


def test_a_bug_in_a_command_is_apologised_for_and_nothing_is_changed(
    bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        message = "a bug"
        raise RuntimeError(message)

    monkeypatch.setattr(doors, "door", broken)
    assert "Something went wrong here" in bot.says("door stake 5")
    with desk.read() as work:
        assert work.doors.show(work.people.number(ALICE)).mode is DoorMode.OPEN


# ------------------------------------------------------------------------------------------------ the door


def test_a_door_is_shown_and_set(bot: Bot, desk: Desk) -> None:
    assert "open" in bot.says("door")
    assert "a stake of 5 ERN" in bot.says("door stake 5")
    with desk.read() as work:
        door = work.doors.show(work.people.number(ALICE))
    assert (door.mode, door.stake) == (DoorMode.ASK, Amount(5 * ERN))
    assert "a stake of 0.25 ERN" in bot.says("Door Stake 0.25 ern")
    assert "closed" in bot.says("door closed")
    assert "open" in bot.says("door open")
    assert "a stake of 1 ERN" not in bot.says("door show")


def test_a_doors_caps_are_shown_and_set(bot: Bot, desk: Desk) -> None:
    shown = bot.says("door ask")
    assert "a stake of 5 ERN" in shown
    assert "At most 10 strangers wait for you at once, and 5 come in a day" in shown
    assert "At most 7 strangers wait" in bot.says("door cap 7")
    assert "At most 7 strangers wait for you at once, and 2 come in a day" in bot.says("door cap day 2")
    assert "door cap 9 day 3" in bot.says("Door Cap 9 Day 3")
    for unclear in ("door cap", "door cap ten", "door cap day", "door cap 1 2", "door cap day 1 2", "door cap 9999999"):
        assert "door cap 10 day 5" in bot.says(unclear)
    assert "between 1 and 1000" in bot.says("door cap 0")
    with desk.read() as work:
        assert work.doors.show(work.people.number(ALICE)).caps == Caps(9, 3)


def test_a_fee_needs_a_wallet(bot: Bot) -> None:
    assert "link" in bot.says("door stake 5 fee 1")
    assert "open" in bot.says("door show")


def test_exemptions(bot: Bot, desk: Desk) -> None:
    assert f"{BOB}\u2069 passes your door free" in bot.says(f"door exempt {BOB}")
    assert "passes your door free" in bot.says("door exempt Carol C", mentions=(CAROL,))
    shown = bot.says("door show")
    assert BOB in shown
    assert CAROL in shown
    assert "is asked like everybody" in bot.says(f"door unexempt {BOB}")
    assert BOB not in bot.says("door show")
    with desk.read() as work:
        alice = work.people.number(ALICE)
        assert work.doors.exemptions(alice) == [work.people.number(CAROL)]


def test_somebody_who_looks_like_somebody_exempted_is_flagged(bot: Bot) -> None:
    bot.says(f"door exempt {CAROL}")
    assert f"not \u2068{CAROL}\u2069, only similar" in bot.says("why @caro1:away.example")


# ------------------------------------------------------------------------------------------------ answers


def test_with_nobody_waiting_there_is_nothing_to_say(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    for word in ("accept", "return", "spam"):
        assert "Nobody waits" in bot.says(word)
    assert "no spam verdict" in bot.says("undo")
    assert "nothing to confirm" in bot.says("confirm")
    assert "Nobody of that name waits" in bot.says(f"accept {BOB}")


def test_the_only_one_who_waits_needs_no_name(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay()
    assert "reaches you freely" in bot.says("accept")
    assert desk.house.calls(stake) == {"return_answered": "waiting"}
    with desk.read() as work:
        assert not work.gate.waiting(work.people.number(ALICE))


def test_of_several_one_must_be_named(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.pay()
    desk.house.pay(inviter=CAROL)
    asked = bot.says("return")
    assert "Whom do you mean" in asked
    assert BOB in asked
    assert CAROL in asked
    assert "Next time" in bot.says(f"return {CAROL}")
    assert "reaches you freely" in bot.says("accept")


def test_spam_is_asked_to_be_confirmed_by_word(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay()
    asked = bot.says("spam")
    assert "really want to call" in asked
    assert "would put 👍" in asked
    assert "would put 👎" in asked
    assert desk.house.calls(stake) == {}
    assert "stays as it is" in bot.says("cancel")
    assert "nothing to confirm" in bot.says("confirm")
    bot.says("spam")
    assert "will be burned" in bot.says("confirm")
    assert desk.house.calls(stake) == {"announce_forfeit": "waiting"}
    assert "nothing to confirm" in bot.says("confirm")


def test_spam_is_asked_to_be_confirmed_by_a_tap(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.pay()
    first = bot.asked(bot.says("spam"))
    assert "stays as it is" in bot.taps("👎", first)
    assert bot.taps("👍", first) == ""
    second = bot.asked(bot.says("spam"))
    assert bot.taps("🦄", second) == ""
    assert "will be burned" in bot.taps("👍", second)
    assert bot.taps("👍", second) == ""


def test_a_confirmation_waits_for_a_quarter_of_an_hour(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.pay()
    bot.says("spam")
    desk.house.time += 15 * 60 + 1
    assert "nothing to confirm" in bot.says("confirm")


def test_a_newer_question_takes_the_place_of_an_older_one(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay()
    spam = bot.asked(bot.says("spam"))
    bot.says("forget me")
    assert bot.taps("👍", spam) == ""
    assert desk.house.calls(stake) == {}


def test_a_spam_verdict_is_taken_back_by_word_or_tap(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.pay()
    bot.says("spam")
    done = bot.says("confirm")
    assert f"undo {BOB}" in done
    assert "no spammer any more" in bot.taps("⏪", bot.asked(done))
    assert "You have not called anybody" in bot.says(f"undo {BOB}")
    bot.says(f"spam {BOB}")
    bot.says("confirm")
    assert "no spammer any more" in bot.says("undo")


def test_an_answer_counts_from_the_recipient_alone(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay()
    asked = bot.asked(bot.says("spam"))
    assert bot.says("help", user=BOB, room=bot.room_of(BOB))
    assert bot.taps("👍", asked, user=BOB, room=bot.room_of(BOB)) == ""
    assert bot.taps("👍", asked, user=BOB) == ""
    assert bot.taps("👍", asked, user=CAROL) == ""
    assert "nothing to confirm" in bot.says("confirm", user=BOB, room=bot.room_of(BOB))
    assert desk.house.calls(stake) == {}


def test_an_answer_counts_only_where_nobody_reads_along(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay()
    asked = bot.asked(bot.says("spam"))
    bot.rehearsal.rooms[bot.chat].add(BOB)
    assert "one person at a time" in bot.says("confirm")
    assert bot.taps("👍", asked) == ""
    assert desk.house.calls(stake) == {}
    bot.rehearsal.rooms[bot.chat].discard(BOB)
    assert "will be burned" in bot.taps("👍", asked)


# ------------------------------------------------------------------------------------------------ telling


def test_knocks_lists_who_waits_and_who_was_not_let_through(bot: Bot, desk: Desk) -> None:
    assert "Nobody waits" in bot.says("knocks")
    desk.house.asking(stake=5 * ERN)
    desk.house.pay()
    desk.house.knock(inviter=CAROL)
    desk.house.time += 120
    desk.house.knock(inviter=CAROL)
    said = bot.says("knocks")
    assert f"{BOB}\u2069, with a stake of 5 ERN, until" in said
    assert f"{CAROL}\u2069: 2" in said


def test_why_explains_and_changes_nothing(bot: Bot, desk: Desk) -> None:
    assert "reach you: your homeserver does not ask us" in bot.says(f"why {BOB}")
    desk.house.tenant()
    assert "reach you: your door is open" in bot.says(f"why {BOB}")
    desk.house.asking(stake=5 * ERN)
    said = bot.says(f"why {BOB}")
    assert "held for a stake of 5 ERN" in said
    with desk.read() as work:
        assert work.people.find(BOB) is None
    bot.says(f"spam {BOB}")
    bot.says("confirm")
    assert "refused: you said that they sent spam" in bot.says(f"why {BOB}")


def test_balance_without_a_wallet_says_how_to_link_one(bot: Bot) -> None:
    assert "Write link" in bot.says("balance")


def test_wallets_are_shown_put_first_and_unlinked_once_that_is_confirmed(bot: Bot, desk: Desk) -> None:
    assert "Write link" in bot.says("wallets")
    alice, other = number(desk, ALICE), Address(b"\xbc" * 20)
    first, second = show_address(PAYEE), show_address(other)
    desk.house.link_wallet(alice, PAYEE)
    with desk.work() as work:
        holders.link(work.session, alice, other, is_primary=False, now=work.now)
    said = bot.says("wallets")
    assert f"{first}, your primary one" in said
    assert said.index(first) < said.index(second)
    assert "fees of new knocks go to it" in bot.says(f"wallet primary {second}")
    assert f"{second}, your primary one" in bot.says("wallets")
    asked = bot.says(f"wallet unlink {second.lower()}")
    assert f"Shall I unlink {second}?" in asked
    assert "each goes back to the address that its own terms name" in asked
    assert second in bot.says("wallets")
    assert "stays as it is" in bot.says("cancel")
    bot.says(f"wallet unlink {second}")
    done = bot.says("confirm")
    assert f"{second} is unlinked" in done
    assert f"Your primary wallet is {first}" in done
    assert "link links it again" in done
    assert second not in bot.says("wallets")
    assert "is unlinked" in bot.taps("👍", bot.asked(bot.says(f"wallet unlink {first}")))
    assert "Write link" in bot.says("wallets")
    with desk.read() as work:
        assert work.holders.addresses(alice) == []


def test_who_unlinks_the_wallet_of_their_tips_is_told_that_they_take_none(bot: Bot, desk: Desk) -> None:
    alice, other = number(desk, ALICE), Address(b"\xbc" * 20)
    desk.house.link_wallet(alice, PAYEE)
    with desk.work() as work:
        holders.link(work.session, alice, other, is_primary=False, now=work.now)
    assert show_address(PAYEE) in bot.says("tips on")
    assert f"You take tips in ERN, at {show_address(PAYEE)}" in bot.says("tips")
    bot.says(f"wallet unlink {show_address(PAYEE)}")
    assert "you take none now" in bot.says("confirm")
    said = bot.says("tips")
    assert "You take no tips now" in said
    assert show_address(other) not in said
    bot.says(f"wallet unlink {show_address(other)}")
    assert "you take none now" not in bot.says("confirm"), "that is told of the wallet that was named"
    bot.says("tips off")
    assert "which you unlinked" not in bot.says("tips")


def test_a_wallet_that_is_not_ones_own_is_neither_put_first_nor_unlinked(bot: Bot, desk: Desk) -> None:
    desk.house.link_wallet(number(desk, BOB), PAYEE)
    for action in ("primary", "unlink"):
        assert "is not linked to you" in bot.says(f"wallet {action} {show_address(PAYEE)}")
        assert "0x and 40 hexadecimal digits" in bot.says(f"wallet {action} 0x12")
        assert "Write it like this" in bot.says(f"wallet {action}")
    assert "Write it like this" in bot.says("wallet")
    assert "Write it like this" in bot.says(f"wallet burn {show_address(PAYEE)}")


def test_the_only_wallet_stays_while_a_fee_goes_to_it(bot: Bot, desk: Desk) -> None:
    desk.house.link_wallet(number(desk, ALICE), PAYEE)
    bot.says("door stake 5 fee 1")
    bot.says(f"wallet unlink {show_address(PAYEE)}")
    said = bot.says("confirm")
    assert "you have no other" in said
    assert "door stake 5 fee 0" in said
    assert show_address(PAYEE) in bot.says("wallets")


def test_a_session_is_confirmed_by_its_code_and_ended_by_word(bot: Bot, desk: Desk) -> None:
    with desk.work() as work:
        secret = work.sessions.start_unconfirmed(work.people.number(ALICE))
        found = work.sessions.of_session(secret)
        assert found is not None
        assert not found.confirmed
    code = code_of(secret)
    assert "No sign-in of yours waits" in bot.says(f"session {code}", user=BOB, room=bot.room_of(BOB))
    assert "acts for you now, for 12 hours" in bot.says(f"session {code}")
    with desk.read() as work:
        found = work.sessions.of_session(secret)
        assert found is not None
        assert found.confirmed
    assert "No sign-in of yours waits" in bot.says(f"session {code}")
    assert "(1 ended)" in bot.says("session end")
    with desk.read() as work:
        assert work.sessions.of_session(secret) is None
    assert "Write it like this" in bot.says("session")


def test_a_statement_tells_what_went_from_and_to_ones_wallets(bot: Bot, desk: Desk) -> None:
    assert "Write link" in bot.says("statement")
    alice, elsewhere = number(desk, ALICE), Address(b"\xbb" * 20)
    desk.house.link_wallet(alice, PAYEE)
    assert "Nothing was moved in the last 90 days" in bot.says("statement")
    with desk.work() as work:
        first, second = block(1, time=desk.house.time), block(2, time=desk.house.time)
        came = Transferred(at(first, 1), TOKEN, elsewhere, PAYEE, 5 * ERN)
        work.book.record(first, [came])
        work.book.record(second, [Transferred(at(second, 1), TOKEN, PAYEE, elsewhere, 2 * ERN)])
        work.book.mark_levels(None, first)
    said = bot.says("statement")
    assert "+5 ERN, transfer (final)" in said
    assert "\N{MINUS SIGN}2 ERN, transfer (not final yet)" in said
    assert said.index("2 ERN") < said.index("5 ERN"), "the newest comes first"
    assert "https://earnest.example/v1/me/statement?format=csv" in said
    with desk.work() as work:
        work.book.rewind(second)
    assert "2 ERN, transfer, taken back (in a block that left the chain)" in bot.says("statement")


def test_a_link_is_for_whoever_asked(bot: Bot, desk: Desk) -> None:
    said = bot.says("link")
    assert "https://earnest.example/link/" in said
    secret = said.split("/link/")[1].split()[0]
    with desk.work() as work:
        assert work.people.mxid(work.sessions.look(secret)) == ALICE


def test_tokens_are_given_listed_and_ended(bot: Bot, desk: Desk) -> None:
    assert "no tokens" in bot.says("token list")
    said = bot.says("token")
    secret = next(word for word in said.split() if word.startswith("ern_"))
    with desk.read() as work:
        credential = work.sessions.of_token(secret)
        assert credential is not None
        assert work.people.mxid(credential.person) == ALICE
        info = work.sessions.tokens(credential.person)[0]
    assert "change nothing" in bot.says("token read")
    listed = bot.says("token list")
    assert f"number {info.id} " in listed
    assert secret not in listed
    assert "no longer good" in bot.says(f"token revoke {info.id}")
    with desk.read() as work:
        assert work.sessions.of_token(secret) is None
    assert "no such token" in bot.says(f"token revoke {info.id}")
    assert "Write it like this" in bot.says("token revoke " + "9" * 30)


def test_language_and_zone_are_the_persons_own(bot: Bot) -> None:
    assert "Europe/Vienna" in bot.says("zone Europe/Vienna")
    assert "Europe/Vienna" in bot.says("language de")
    assert "is written like" in bot.says("zone Nowhere/Land")
    assert "is written like" in bot.says("language ../../x")


def test_stop_and_start(bot: Bot, desk: Desk) -> None:
    assert "not write to you unasked" in bot.says("stop")
    with desk.read() as work:
        assert not work.people.wants_notices(work.people.number(ALICE))
    assert "write to you again" in bot.says("start")
    with desk.read() as work:
        assert work.people.wants_notices(work.people.number(ALICE))


def test_forget_me_is_confirmed_and_then_nothing_is_left(bot: Bot, desk: Desk) -> None:
    bot.says("door stake 5")
    bot.says("token")
    alice = number(desk, ALICE)
    assert "Shall I forget you" in bot.says("forget me")
    done = bot.says("confirm")
    assert "You are forgotten" in done
    assert f"would leave {bot.chat}" in done
    with desk.read() as work:
        assert work.people.find(ALICE) is None
        assert work.people.mxid(alice) is None
        assert work.conversations.room_of(alice) is None
        assert not work.conversations.rooms()
    assert "door is open" in bot.says("door show", room=RoomId("!another:home.example"))
    assert number(desk, ALICE) != alice


def test_a_stake_that_is_over_is_told_as_such(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    stake = desk.house.pay()
    desk.house.time = stake.terms.answer_by + 1
    assert "Nobody waits" in bot.says("accept")
    assert desk.house.stake(stake.id).state is StakeState.OPEN


# ------------------------------------------------------------------------------------------------ vouching


def plain(said: str) -> str:
    """The same without the marks that keep names of other scripts from reordering what stands around them."""
    return said.translate({0x2068: None, 0x2069: None})


def test_a_word_for_somebody_is_given_listed_and_taken_back(bot: Bot, desk: Desk) -> None:
    assert "You vouch for nobody" in bot.says("vouch")
    said = plain(bot.says(f"vouch {CAROL}"))
    for part in (
        f"You vouch for {CAROL} now: you know them",
        f"those whom you accepted or vouch for may see it, but not {CAROL}",
    ):
        assert part in said
    assert f"unvouch {CAROL}" in said
    assert "you would answer for them; everybody may see it" in plain(bot.says(f"vouch {CAROL} 3 everybody"))
    assert "nobody but you sees it" in bot.says(f"Vouch {CAROL} MYSELF")
    assert bot.says("vouch list").count(CAROL) == 1
    assert "Taken back" in bot.says(f"unvouch {CAROL}")
    assert "You vouch for nobody" in bot.says("vouch list")
    assert bot.says("vouch history").count("taken back") == 3
    assert "You do not vouch for anybody of that name" in bot.says(f"unvouch {CAROL}")
    assert "You do not vouch for anybody of that name" in bot.says("unvouch @never:seen.example")
    with desk.read() as work:
        assert work.people.find(UserId("@never:seen.example")) is None


def test_a_vouch_written_wrongly_is_explained(bot: Bot) -> None:
    assert "vouch for themselves" in bot.says(f"vouch {ALICE}")
    assert "weighs 1" in bot.says(f"vouch {CAROL} 4")
    assert "weighs 1" in bot.says(f"vouch {CAROL} 0")
    for text in ("vouch everybody 2 3", f"vouch {CAROL} friends", "unvouch", "vouch list all"):
        assert "Write it like this" in bot.says(text), text


def test_why_names_those_people_one_knows_who_vouch_for_somebody(bot: Bot, desk: Desk) -> None:
    with desk.work() as work:
        alice, bob, carol = (work.people.number(name) for name in (ALICE, BOB, CAROL))
        work.vouches.vouch(carol, bob)
        work.vouches.vouch(carol, alice)
    assert "vouch" not in bot.says(f"why {BOB}")
    with desk.work() as work:
        work.doors.exempt(alice, carol)
    said = bot.says(f"why {BOB}")
    assert "People whom you know vouch for them:" in said
    assert CAROL in said
