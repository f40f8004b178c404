"""Filters by the bot: set, undone, asked in the rooms that it was asked into, told and explained, on both databases."""

from __future__ import annotations

import json

from bot.homeserver import EventId, Invited, Said
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from reputation.policy import FilterDocument
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOB

GROUP = RoomId("!group:home.example")
CAROL = UserId("@carol:away.example")
COINS = {
    "version": 1,
    "kind": "filter",
    "patterns": {"coins": {"words": ["airdrop"]}},
    "rules": [
        {
            "name": "coins",
            "when": "'coins' in text.found && sender.known_by == 0 && !message.text.contains('choir')",
            "then": {"label": "spam", "severity": "hide"},
        },
        {"name": "low", "when": "sender.standing < 0.2", "then": {"label": "low"}},
    ],
}
SECRET = "A free airdrop of twelve zebras, only today"


def document(desk: Desk) -> FilterDocument:
    with desk.read() as work:
        return work.filters.show(work.people.number(ALICE))


def group(bot: Bot, *members: UserId, inviter: UserId = ALICE, room: RoomId = GROUP) -> list[str]:
    bot.rehearsal.rooms[room] = {inviter, *members}
    return bot.hear(Invited(room, inviter))


def writes(bot: Bot, text: str, *, sender: UserId = BOB, room: RoomId = GROUP, event: str = "") -> EventId:
    identifier = EventId(event) if event else bot.event()
    assert bot.hear(Said(room, identifier, sender, text, from_unix(bot.desk.house.time))) == []
    return identifier


def look(bot: Bot) -> None:
    bot.run(bot.watcher.look)


def test_a_message_that_a_rule_would_hide_is_told_and_explained(bot: Bot) -> None:
    assert "no filter" in bot.says("filter")
    assert "Rule 1, \u2068coins\u2069: would hide, as \u2068spam\u2069" in bot.says("filter set " + json.dumps(COINS))
    done = group(bot, BOB, CAROL)
    assert done[0] == f"would join {GROUP}"
    assert "asked me in" in done[1]
    assert len(done) == 2
    event = writes(bot, SECRET)
    writes(bot, "Good morning")
    writes(bot, "An airdrop is a fraud", sender=ALICE)
    look(bot)
    said = bot.says("filter seen")
    assert "Of 2 messages in 1 rooms in the last 7 days your filter would hide or mark 1:" in said
    assert f"https://matrix.to/#/%21group%3Ahome.example/%24{event[1:]}?via=home.example" in said
    why = bot.says(f"filter why https://matrix.to/#/{GROUP}/{event}?via=home.example")
    assert "sender.known_by = " in why
    assert "coin" in why
