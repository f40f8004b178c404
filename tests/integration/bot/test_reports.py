"""Reports by the bot: given with a reason from a list, listed beside vouches, taken back, and named by ``why``."""

from __future__ import annotations

import pytest

from kit.identifiers import UserId
from reputation.evidence import Reason
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOB

CAROL = UserId("@carol:home.example")


def plain(said: str) -> str:
    return said.translate({0x2068: None, 0x2069: None})


def test_a_report_is_given_listed_and_taken_back(bot: Bot, desk: Desk) -> None:
    assert "You vouch for nobody and report nobody" in bot.says("report")
    said = plain(bot.says(f"report {CAROL} spam"))
    assert f"You report {CAROL} now, for spam; those whom you accepted or vouch for may see it, but not {CAROL}" in said
    assert "your door is as it was" in said
    bot.says(f"vouch {BOB}")
    listed = plain(bot.says("vouch list"))
    assert f"You vouch for:\n\n- {BOB}: you know them" in listed
    assert f"You report:\n\n- {CAROL}: spam" in listed
    assert listed == plain(bot.says("report list"))
    assert "You do not vouch for anybody of that name" in bot.says(f"unvouch {CAROL}")
    assert f"Taken back: you report {CAROL} no more" in plain(bot.says(f"withdraw {CAROL}"))
    assert f"Taken back: you vouch for {BOB} no more" in plain(bot.says(f"withdraw {BOB}"))
    assert "You neither vouch for anybody of that name nor report them" in bot.says(f"withdraw {BOB}")
    assert "You neither vouch" in bot.says("withdraw @never:seen.example")
    with desk.read() as work:
        assert work.people.find(UserId("@never:seen.example")) is None


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_is_said_in_words(bot: Bot, reason: Reason) -> None:
    assert "You report" in bot.says(f"report {CAROL} {reason.upper()} myself")
    assert "nobody but you sees it" in bot.says("report list")


def test_a_report_written_wrongly_is_explained_and_no_free_text_is_taken(bot: Bot, desk: Desk) -> None:
    for text in (
        f"report {CAROL}",
        f"report {CAROL} ugly",
        f"report {CAROL} they owe me money",
        f"report {CAROL} myself",
    ):
        assert "A report says why: spam, scam, abuse, impersonation, other" in bot.says(text), text
    assert "Nobody can report themselves" in bot.says(f"report {ALICE} spam")
    for text in ("report spam", "withdraw", "report list all"):
        assert "You report" not in bot.says(text), text
    with desk.read() as work:
        alice = work.people.find(ALICE)
        assert alice is not None
        assert work.vouches.given(alice, past=True) == []


def test_why_and_standing_name_those_people_one_knows_who_report_somebody(bot: Bot, desk: Desk) -> None:
    with desk.work() as work:
        alice, bob, carol = (work.people.number(name) for name in (ALICE, BOB, CAROL))
        work.vouches.report(carol, bob, Reason.SCAM)
        work.vouches.vouch(carol, alice)
    assert "report" not in bot.says(f"why {BOB}")
    with desk.work() as work:
        work.vouches.vouch(alice, carol)
    said = plain(bot.says(f"why {BOB}"))
    assert f"People whom you know report them:\n\n- {CAROL}, for a scam" in said
    assert f"{CAROL}: 100 %, against them" in plain(bot.says(f"standing {BOB}"))
