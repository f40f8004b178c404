"""Undoing a ban exactly: whoever was there and cannot come by themselves is invited again, once, whatever dies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.homeserver import ElsewhereAway, Said
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from reputation.enforcement.model import Consequence, State
from reputation.enforcement.rooms import Membership
from tests.integration.bot.test_guards import CHOIR, SPAM, TEA, Play
from tests.integration.bot.test_guards import Rooms as Usual
from tests.support.desk import Desk
from tests.support.knocks import BOB

BANS = '{"kind":"protections","rules":[{"name":"much","when":"sender.messages_10s >= 5","then":{"do":"ban"}}]}'


class Rooms(Usual):
    """Rooms into which somebody can be invited, whose homeserver may be away."""

    away = False

    async def unban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        self.stands(room, user, Membership.LEAVE)
        return await super().unban(room, user, reason=reason)

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        if self.away:
            raise ElsewhereAway("their homeserver cannot be reached")
        self.stands(room, user, Membership.INVITE)
        return await super().invite(room, user, direct=direct)


class Playing(Play):
    usual = Rooms
    rooms: Rooms


@pytest.fixture
def play(desk: Desk) -> Playing:
    """Somebody who is banned from two rooms, into one of which everybody may come."""
    play = Playing(desk)
    play.rooms.seen[CHOIR] = replace(play.rooms.seen[CHOIR], public=True)
    play.restart()
    play.asks(f"protections set {BANS}")
    for number in range(5):
        at = from_unix(desk.house.time)
        play.bot.hear(Said(TEA, play.bot.event(), SPAM, f"tea {number}", at))
    play.goes_on()
    assert play.states(Consequence.BAN) == [State.APPLIED] * 2
    return play


def invited(lines: list[str]) -> list[str]:
    return [line for line in lines if "would invite" in line]


def test_who_was_in_a_closed_room_is_invited_back_with_the_ban(play: Playing) -> None:
    play.asks(f"veto {SPAM}")
    assert invited(play.goes_on()) == [f"would invite {SPAM} to {TEA}"]
    assert play.states(Consequence.BAN) == [State.UNDONE] * 2
    assert invited(play.goes_on(10_000)) == []


def test_a_bot_that_dies_between_the_two_invites_once_it_is_back(play: Playing) -> None:
    play.asks(f"veto {SPAM}")
    play.rooms.stands(TEA, SPAM, Membership.LEAVE)  # the one before us did so, and died
    play.restart()
    assert invited(play.goes_on()) == [f"would invite {SPAM} to {TEA}"]


def test_whose_homeserver_is_away_is_invited_later_and_given_up_in_the_end(play: Playing) -> None:
    play.rooms.away = True
    play.asks(f"veto {SPAM}")
    play.goes_on()
    assert sorted(play.states(Consequence.BAN)) == [State.UNDOING, State.UNDONE]
    play.rooms.away = False
    assert invited(play.goes_on(60)) == [f"would invite {SPAM} to {TEA}"]
    assert play.states(Consequence.BAN) == [State.UNDONE] * 2


def test_one_who_cannot_be_invited_holds_nothing_up(play: Playing) -> None:
    play.rooms.away = True
    play.asks(f"veto {SPAM}")
    for _ in range(12):
        play.goes_on(300)
    assert play.states(Consequence.BAN) == [State.UNDONE] * 2


def test_who_was_let_in_by_somebody_else_is_not_invited(play: Playing) -> None:
    seen = play.rooms.seen[TEA]
    members = {**seen.members, SPAM: replace(seen.members[SPAM], membership=Membership.LEAVE, by=BOB)}
    play.rooms.seen[TEA] = replace(seen, members=members)
    play.restart()
    play.asks(f"veto {SPAM}")
    assert invited(play.goes_on()) == []
