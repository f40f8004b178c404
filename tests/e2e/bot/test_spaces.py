"""Spaces on a real Synapse: protected with their rooms as these come, go and move; and a plan that is interrupted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bot.main import homeserver_of, serve
from kit.identifiers import RoomId, UserId
from reputation.enforcement.model import State
from reputation.enforcement.rooms import Membership
from tests.support.keeping import Keeper, desk_of, is_so, joined, protected, publish, stands
from tests.support.matrix import Person, listening, scene, until
from tests.support.places import Place
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

SPACE = 20
"""Rooms of it."""


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


@pytest.fixture
def slow_place(start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(start_homeserver(), tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


def put_back() -> float:
    """How many bans waited since the homeserver asked for it."""
    return REGISTRY.get_sample_value("earnest_consequences_total", {"what": "ban", "outcome": "later"}) or 0.0


def test_a_space_is_protected_as_its_rooms_come_and_go(place: Place) -> None:
    me = place.user("earnest")

    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("bob")) as (alice, bob):
            desk, keeper = await desk_of(alice, place), Keeper(place)
            before = await joined(place)
            rooms = [await keeper.room(f"Room {number}", public=number > 6) for number in range(SPACE)]
            space = await keeper.room("Choirs", public=False, creation_content={"type": "m.space"})
            for room in rooms:
                await keeper.holds(space, room)
            for room in [space, *rooms[:7]]:  # more than anybody else may ask at once
                await keeper.invites(room, me)
            await is_so(lambda: protected(place) == {space, *rooms})

            publish(place, bob.me)
            for room in (rooms[10], rooms[11]):
                await bob.client.join(room)
            await alice.say(desk, "!earnest subscribe watch act")
            await alice.hears("Done", room=desk)

            # One comes later, one is taken out.
            added = await keeper.room("Added")
            await bob.client.join(added)
            await keeper.holds(space, added)
            await until(lambda: stands(alice, added, bob.me, Membership.BAN))
            await keeper.holds(space, rooms[11], still=False)
            await until(lambda: stands(alice, rooms[11], bob.me, Membership.LEAVE))
            await until(lambda: stands(alice, rooms[11], me, Membership.LEAVE))

            # One is closed for another, which the space does not know of, and of one the bot is put out.
            successor = RoomId(
                (await keeper.does("POST", f"rooms/{rooms[12]}/upgrade", {"new_version": "11"}))["replacement_room"]
            )
            await is_so(lambda: successor in protected(place))
            await until(lambda: stands(alice, rooms[12], me, Membership.LEAVE))
            await keeper.does("POST", f"rooms/{rooms[13]}/kick", {"user_id": me})
            await is_so(lambda: rooms[13] not in protected(place))

            # Whatever the space says next brings none of that back.
            another = await keeper.room("Another")
            await keeper.holds(space, another)
            await is_so(lambda: another in protected(place))
            gone = {rooms[11], rooms[12], rooms[13]}
            assert protected(place) == {space, *rooms, added, successor, another} - gone
            await bob.client.join(successor)
            await until(lambda: stands(alice, successor, bob.me, Membership.BAN))

            await alice.say(desk, "!earnest close My rooms")

            async def left() -> bool:
                return await joined(place) == before - {desk}

            await until(left)
            for room in (rooms[10], added, successor):
                assert await stands(alice, room, bob.me, Membership.LEAVE)

    scene(play)


def test_who_put_the_bot_out_sees_it_back_only_when_they_ask(place: Place) -> None:
    me = place.user("earnest")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            keeper = Keeper(place)
            async with place.bot():
                await desk_of(alice, place)
                room, other = await keeper.room("Choir"), await keeper.room("Band")
                space = await keeper.room("Choirs", public=False, creation_content={"type": "m.space"})
                await keeper.holds(space, room)
                await keeper.invites(space, me)
                await is_so(lambda: protected(place) == {space, room})
                await keeper.does("POST", f"rooms/{room}/kick", {"user_id": me})
                await is_so(lambda: protected(place) == {space})
            async with place.bot():
                await keeper.holds(space, other)
                await is_so(lambda: protected(place) == {space, other})
                await keeper.invites(room, me)
                await is_so(lambda: protected(place) == {space, other, room})

    scene(play)


def test_a_plan_of_thirty_bans_outlives_the_bot_and_a_homeserver_that_slows_it_down(slow_place: Place) -> None:
    place, names = slow_place, [f"seller{number}" for number in range(30)]
    sellers = {UserId(f"@{name}:{place.homeserver.name}") for name in names}
    found: dict[str, RoomId] = {}

    async def before() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            desk, keeper = await desk_of(alice, place), Keeper(place)
            room = await keeper.room("Market", invite=[place.user("earnest"), *sorted(sellers)])
            found.update(desk=desk, room=room)
            await is_so(lambda: protected(place) == {room})
            publish(place, *sellers)
            await alice.say(desk, "!earnest subscribe watch act")
            await alice.hears("Waiting for your yes", room=desk)

    async def play() -> None:
        desk, room = found["desk"], found["room"]
        async with listening(place.client("alice")) as (alice,):
            stop = asyncio.Event()
            first = asyncio.create_task(serve(place.container, homeserver_of(place.container), stop))
            await alice.say(desk, "!earnest approve")
            await until(lambda: so_many(alice, room, 5))
            first.cancel()  # in the middle of whatever it does
            with suppress(asyncio.CancelledError):
                await first
            assert not await so_many(alice, room, len(sellers))
            async with place.bot():
                await until(lambda: so_many(alice, room, len(sellers)))
                await is_so(lambda: applied() == len(sellers))
            bans = Counter(event["state_key"] for event in await memberships(room) if banned(event))
            assert bans == Counter(dict.fromkeys(sellers, 1))

    async def so_many(person: Person, room: RoomId, count: int) -> bool:
        members = (await person.client.state(room)).members
        return sum(members[one].membership is Membership.BAN for one in sellers) >= count

    async def memberships(room: RoomId) -> list[dict[str, Any]]:
        only = json.dumps({"types": ["m.room.member"]})
        answer = await Keeper(place).does("GET", f"rooms/{room}/messages?dir=b&limit=500&filter={only}")
        return list(answer["chunk"])

    def banned(event: dict[str, Any]) -> bool:
        return bool(event["content"].get("membership") == "ban")

    def applied() -> int:
        with place.container.read() as work:
            number = work.moderation.all()[0].id
            return work.moderation.consequences.counts(number).get(State.APPLIED, 0)

    scene(before)
    place.homeserver.stop()
    place.homeserver._limits = {"rc_message": {"per_second": 0.25, "burst_count": 10}}
    place.homeserver.start()
    waited = put_back()
    scene(play)
    assert put_back() > waited, "the homeserver never asked to wait"
