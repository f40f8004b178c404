"""Protections act in rooms on a real Synapse: floods, pictures of newcomers and waves of them, and what restarts do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.homeserver import Denied, EventId, Redacted
from kit.clock import system_clock
from kit.identifiers import RoomId
from reputation.enforcement.rooms import Membership
from tests.e2e.bot.test_desk import asks, desk_of
from tests.support.matrix import Person, listening, scene, until
from tests.support.places import Place
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


class Later:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.by


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol", "dave", "erin")
    yield made
    made.engine.dispose()


async def protected(alice: Person, place: Place, *there: Person) -> tuple[RoomId, RoomId]:
    """A desk, and a room that is looked after, with people in it."""
    desk = await desk_of(alice, place)
    room = await alice.client.create_room(name="Choir", encrypted=False, public=True)
    await alice.client.invite(room, place.user("earnest"))
    await alice.hears("I look after", room=desk)
    await alice.client.set_level(room, place.user("earnest"), 100)
    for one in there:
        await one.client.join(room)
    return desk, room


async def level(person: Person, room: RoomId, of: Person) -> int:
    return (await person.client.state(room)).powers.of(of.me)


def picture(place: Place, who: str, room: RoomId, name: str) -> EventId:
    content: dict[str, Any] = {"msgtype": "m.image", "body": name, "url": "mxc://example.org/tea"}
    with place.http(who) as http:
        answer = http.put(f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{name}", json=content)
    return EventId(answer.json()["event_id"])


def test_a_flooder_is_muted_until_it_is_over_though_the_bot_is_restarted(place: Place) -> None:
    clock = Later()
    place.container.clock = clock

    async def play() -> None:
        async with listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            async with place.bot():
                desk, room = await protected(alice, place, bob, carol)
                await asks(alice, desk, "protections preset flood 8 8 10", "8 messages")
                for number in range(12):
                    await alice.say(room, f"from a moderator {number}")
                    with suppress(Denied):  # they may be muted before they have said all
                        await bob.say(room, f"tea {number}")
                await carol.say(room, "do you hear?")

                async def muted() -> bool:
                    return await level(alice, room, bob) < 0

                await until(muted)
                told = (await alice.hears("your own rule", room=desk)).body
                assert bob.me in told
                assert alice.me not in told
                assert await level(alice, room, alice) >= 100
                assert await level(alice, room, carol) == 0
            clock.by = timedelta(minutes=11)
            async with place.bot():

                async def over() -> bool:
                    return await level(alice, room, bob) == 0

                await until(over)
                await bob.say(room, "sorry")
                told = await asks(alice, desk, f"why {bob.me}", "What I did about")
                assert "undone" in told
                assert "removal of messages" in told
                assert "waits for your yes" in told

    scene(play)


def test_pictures_of_newcomers_are_taken_out_and_a_wave_is_put_out(place: Place) -> None:
    async def play() -> None:
        names = ("alice", "bob", "carol", "dave", "erin")
        async with place.bot(), listening(*map(place.client, names)) as (alice, bob, *raid):
            desk, room = await protected(alice, place)
            await asks(alice, desk, "confirm off", "done at once")
            await asks(alice, desk, "rehearse 14", "no rule does anything")
            await asks(alice, desk, "protections preset newcomers-media 1440", "Pictures")
            await bob.client.join(room)
            picture(place, "bob", room, "first.png")
            told = (await alice.hears("Would be done", room=desk)).body
            assert "newcomers' media" in told
            await asks(alice, desk, "rehearse off", "so do your protections")
            await bob.say(room, "hello")
            event = picture(place, "bob", room, "second.png")
            await alice.inbox.take(Redacted, lambda one: one.event == event)
            await alice.hears("newcomers' media", room=desk)

            await asks(alice, desk, "protections preset join-wave 3", "3 people")
            for one in raid:
                await one.client.join(room)

            async def put_out() -> bool:
                seen = await alice.client.state(room)
                return seen.members[raid[-1].me].membership is Membership.LEAVE

            await until(put_out)
            seen = await alice.client.state(room)
            assert seen.members[raid[-1].me].reason == "a rule of this room: join wave"
            assert seen.members[bob.me].membership is Membership.JOIN

    scene(play)
