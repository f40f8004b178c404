"""Looking after rooms: whose rooms the bot takes, and that trouble with one room or desk is nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Powers
from tests.integration.bot.test_guards import CHOIR, TEA, Play
from tests.support.desk import Desk
from tests.support.knocks import BOT

SPACE, OTHERS = RoomId("!space:home.example"), RoomId("!others:away.example")
ADMIN = UserId("@admin:away.example")


@pytest.fixture
def play(desk: Desk) -> Play:
    return Play(desk)


def looked_after(play: Play) -> set[RoomId]:
    with play.desk.read() as work:
        return {one.room for one in work.moderation.rooms()}


def others(play: Play) -> None:
    """A room of others, in which the bot has power still, and nobody has who commands at the desk."""
    play.rooms.open(OTHERS, ADMIN)
    play.rooms.seen[OTHERS] = replace(play.rooms.seen[OTHERS], powers=Powers({BOT: 100, ADMIN: 100}))


def test_a_space_brings_no_room_in_which_only_the_bot_has_power(play: Play) -> None:
    others(play)
    play.rooms.open(SPACE)
    play.rooms.seen[SPACE] = replace(play.rooms.seen[SPACE], space=True, children={OTHERS: ("away.example",)})
    with play.desk.work() as work:
        work.moderation.protect(play.number, SPACE, is_space=True)
    assert any(f"would leave {OTHERS}" in line for line in play.goes_on())
    assert looked_after(play) == {TEA, CHOIR, SPACE}


def test_a_closed_room_leads_into_no_room_that_was_not_made_for_it(play: Play) -> None:
    others(play)
    play.rooms.seen[TEA] = replace(play.rooms.seen[TEA], successor=OTHERS)
    play.goes_on(1_000)
    assert looked_after(play) == {TEA, CHOIR}


def test_a_closed_room_leads_where_it_was_closed_for(play: Play) -> None:
    others(play)
    play.rooms.seen[OTHERS] = replace(play.rooms.seen[OTHERS], predecessor=TEA)
    play.rooms.seen[TEA] = replace(play.rooms.seen[TEA], successor=OTHERS)
    play.goes_on(1_000)
    assert looked_after(play) == {OTHERS, CHOIR}
