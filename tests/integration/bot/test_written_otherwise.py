"""What is written otherwise than as a message is judged like one: edits, polls, reactions."""

from __future__ import annotations

import pytest

from bot.homeserver import Edited, EventId, Happening, Polled, Reacted
from kit.clock import from_unix
from kit.identifiers import UserId
from tests.integration.bot.test_guards import MUTED, SPAM, TEA, Play
from tests.support.desk import Desk


@pytest.fixture
def play(desk: Desk) -> Play:
    play = Play(desk)
    play.asks("confirm off")
    return play


def edited(play: Play, body: str, fallback: str = "") -> Edited:
    at = from_unix(play.desk.house.time)
    return Edited(TEA, play.bot.event(), SPAM, EventId("$first"), body, at, fallback)


def taken_out(play: Play, happening: Happening) -> bool:
    play.bot.hear(happening)
    event = happening.event  # type: ignore[union-attr]
    return any(f"would redact {event} in {TEA}" in line for line in play.goes_on())


@pytest.mark.parametrize(("body", "fallback"), [("https://spam.example", "* tea"), ("tea", "* https://spam.example")])
def test_a_newcomer_edits_no_link_in(play: Play, body: str, fallback: str) -> None:
    play.asks("protections preset newcomers-links 10")
    play.comes(SPAM)
    play.says(SPAM, "hello")
    assert not taken_out(play, edited(play, "hello, all", "* hello, all"))
    assert taken_out(play, edited(play, body, fallback))


def test_a_newcomer_asks_no_link_in_a_poll(play: Play) -> None:
    play.asks("protections preset newcomers-links 10")
    play.comes(SPAM)
    at = from_unix(play.desk.house.time)
    assert not taken_out(play, Polled(TEA, play.bot.event(), SPAM, ("Tea?", "yes", "no"), at))
    assert taken_out(play, Polled(TEA, play.bot.event(), SPAM, ("Tea?", "yes", "https://spam.example"), at))


def reacts(play: Play, user: UserId, count: int) -> None:
    at = from_unix(play.desk.house.time)
    for number in range(count):
        play.bot.hear(Reacted(TEA, play.bot.event(), user, EventId(f"$m{number}"), "👍", at))


def test_a_flood_of_reactions_is_a_flood(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    reacts(play, SPAM, 5)
    lines = play.goes_on()
    assert play.level(SPAM) == MUTED
    assert sum("would redact" in line for line in lines) == 5


def test_a_reaction_that_is_told_twice_counts_once(play: Play) -> None:
    play.asks("protections preset flood 5 5 10")
    at = from_unix(play.desk.house.time)
    for _ in range(6):
        play.bot.hear(Reacted(TEA, EventId("$same"), SPAM, EventId("$m"), "👍", at))
    play.goes_on()
    assert play.level(SPAM) == 0


def test_who_only_reacted_is_new_still(play: Play) -> None:
    rule = '{"name":"first","when":"message.first && message.links > 0","then":{"do":"redact"}}'
    play.asks('protections set {"kind":"protections","rules":[' + rule + "]}")
    play.comes(SPAM)
    reacts(play, SPAM, 1)
    play.says(SPAM, "https://spam.example")
    assert any("would redact" in line for line in play.goes_on())
