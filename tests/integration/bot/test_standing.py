"""``standing`` by the bot: what is known of somebody, by whose words and through whom, and what would change it."""

from __future__ import annotations

from kit.identifiers import UserId
from reputation.bonds import WHOLE
from reputation.evidence import Audience
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import PAYER

CAROL, DAVE, ERIN = (UserId(f"@{name}:home.example") for name in ("carol", "dave", "erin"))


def vouch(desk: Desk, by: UserId, *of: UserId) -> None:
    with desk.work() as work:
        for each in of:
            work.vouches.vouch(work.people.number(by), work.people.number(each), weight=3, audience=Audience.EVERYBODY)


def test_of_whom_nobody_speaks_that_is_said(bot: Bot, desk: Desk) -> None:
    for name in (BOB, "@never:seen.example"):
        said = bot.says(f"standing {name}")
        assert "Nobody whom you know knows" in said
        assert "rests on nothing" in said
    with desk.read() as work:
        assert work.people.find(UserId("@never:seen.example")) is None, "who is only asked for is not kept"


def test_whose_words_it_is_and_through_whom_is_told(bot: Bot, desk: Desk) -> None:
    vouch(desk, ALICE, CAROL)
    vouch(desk, CAROL, BOB)
    said = bot.says(f"standing {BOB}")
    assert f"{CAROL}" in said
    assert "All you know of them comes through one friend" in said
    vouch(desk, ALICE, DAVE, ERIN)
    vouch(desk, DAVE, BOB)
    said = bot.says(f"standing {BOB}")
    assert "stands with you at" in said
    assert said.count("50 %, for them") == 2
    assert "through one friend" not in said
    assert "It would fall below one half by a word against them of:" in said
    assert f"vouch {BOB}" in said


def test_a_quorum_can_be_named_and_oneself_has_no_standing(bot: Bot, desk: Desk) -> None:
    vouch(desk, ALICE, CAROL)
    vouch(desk, CAROL, DAVE)
    vouch(desk, DAVE, BOB)
    assert "100 %, for them" in bot.says(f"standing {BOB} 1")
    alone = bot.says(f"standing {BOB} 2")
    assert "100 %" not in alone
    assert "Were one friend's word enough, it would be" in alone
    assert "Nobody stands with themselves" in bot.says(f"standing {ALICE}")
    assert "Write it like this" in bot.says("standing")
    assert "Write it like this" in bot.says(f"standing {BOB} 4")


def test_that_money_is_behind_a_word_is_said(bot: Bot, desk: Desk) -> None:
    house = desk.house
    house.asking(stake=WHOLE)
    vouch(desk, ALICE, CAROL)
    vouch(desk, CAROL, BOB)
    house.link_wallet(house.person(CAROL), PAYER)
    assert "money behind it" not in bot.says(f"standing {BOB}")
    house.pay()
    said = bot.says(f"standing {BOB}")
    assert "100 %, for them, with money behind it that is lost if they are called spam" in said


def test_what_one_thinks_of_strangers_is_shown_set_and_told_with_a_standing(bot: Bot, desk: Desk) -> None:
    assert "they stand at 0.90 of 1" in bot.says("strangers")
    assert "whoever two of those whom you hear speak for" in bot.says("quorum")
    assert "they stand at 0.00 of 1" in bot.says("strangers CLOSED")
    assert "As a stranger they would stand at 0.00" in bot.says(f"standing {BOB}")
    desk.house.asking()
    desk.house.pay()
    assert "Their stake with you lifts what you think of them as a stranger from 0.00 to 0.32" in bot.says(
        f"standing {BOB}"
    )
    assert "whoever one of those whom you hear speaks for" in bot.says("quorum 1")
    vouch(desk, ALICE, CAROL)
    vouch(desk, CAROL, DAVE)
    vouch(desk, DAVE, BOB)
    assert "100 %, for them" in bot.says(f"standing {BOB}"), "by one's own quorum"
    assert "100 %" not in bot.says(f"standing {BOB} 2")
    for text in ("strangers friendly", "quorum 4", "quorum two", "strangers open closed"):
        assert "Write it like this" in bot.says(text), text
