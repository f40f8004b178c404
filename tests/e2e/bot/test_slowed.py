"""A real Synapse that tells the bot to slow down: it waits as long as it is told, and nobody waits with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.homeserver import Invited
from tests.support.matrix import listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

ERN = 10**18
_ONE_IN_TWELVE_SECONDS = {"per_second": 1 / 12, "burst_count": 1}


def slowed(homeserver: Homeserver, place: Place, **limits: Any) -> None:  # noqa: ANN401 - Synapse's own settings
    """Start the homeserver again with these limits."""
    homeserver.stop()
    homeserver._limits = limits
    homeserver.start()
    assert place.homeserver is homeserver


@pytest.fixture
def place(start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(start_homeserver(), tmp_path, sqlite_template, "carol", "dave")
    yield made
    made.engine.dispose()


def test_who_needs_a_new_chat_waits_and_who_has_one_does_not(place: Place) -> None:
    async def before() -> None:
        async with place.bot(), listening(place.client("dave")) as (dave,):
            await chat(dave, place)

    async def play() -> None:
        people = [place.client(who) for who in ("bob", "carol", "dave")]
        place.door_asks(5 * ERN)
        for who in ("bob", "carol", "dave"):
            await asyncio.to_thread(place.knock, inviter=who)
        async with listening(*people) as (bob, carol, dave), place.bot():
            await bob.comes(inviter=place.user("earnest"))
            await dave.hears("they have not seen it")
            assert not [one for one in carol.inbox.heard if isinstance(one, Invited)], "Dave waited behind Carol"
            room = await carol.comes(inviter=place.user("earnest"))
            await carol.hears("they have not seen it", room=room)
            assert not [one for person in (bob, carol, dave) for one in person.inbox.heard if isinstance(one, Invited)]

    scene(before)
    slowed(place.homeserver, place, rc_room_creation=_ONE_IN_TWELVE_SECONDS)
    scene(play)
    assert place.owed() == 0


def test_who_calls_the_bot_waits_and_who_talks_with_it_does_not(place: Place) -> None:
    async def play() -> None:
        people = [place.client(who) for who in ("alice", "bob", "carol")]
        async with listening(*people) as (alice, bob, carol), place.bot():
            room = await chat(alice, place)  # this takes the one entrance that is free
            for person in (bob, carol):
                made = await person.client.create_room()
                await person.client.invite(made, place.user("earnest"), direct=True)
            await until(lambda: _are_waiting(place))
            await alice.say(room, "help")
            await alice.hears("door: ", room=room)
            assert await _are_waiting(place), "Alice waited behind them"
            await bob.hears("Hello!")
            await carol.hears("Hello!")

    slowed(place.homeserver, place, rc_joins={"local": _ONE_IN_TWELVE_SECONDS, "remote": _ONE_IN_TWELVE_SECONDS})
    scene(play)


async def _are_waiting(place: Place) -> bool:
    """Whether the bot is invited to two rooms and in neither."""
    return len(await place.invitations()) == 2


def test_every_command_is_answered_once_however_slowly(place: Place) -> None:
    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
            for number in range(1, 8):
                await alice.say(room, f"door stake {number}")
            with place.http("admin") as http:
                path = f"/_synapse/admin/v1/users/{place.user('earnest')}/override_ratelimit"
                limit = {"messages_per_second": 1, "burst_count": 1}
                http.post(path, json=limit).raise_for_status()
            async with place.bot():
                heard = [(await alice.hears("a stake of", room=room)).body for _ in range(7)]
            assert [f"a stake of {number} ERN" in body for number, body in enumerate(heard, 1)] == [True] * 7
            assert not [one for one in alice.inbox.heard if "a stake of" in getattr(one, "body", "")]

    place.logins["admin"] = place.homeserver.account(admin=True)
    scene(play)
