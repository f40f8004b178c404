"""Supporters on a real Synapse: a gift leads into space and rooms and shows, here and elsewhere; a lapse takes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from app.places import surroundings
from app.supporting.planning import FLAIR, flair_key
from bot.homeserver import Denied
from kit.clock import system_clock
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Membership
from tests.e2e.bot.test_elsewhere import two
from tests.support.matrix import account, listening, scene, until
from tests.support.places import Place, chat
from tests.support.supporters import LOUNGE, NEWS, SPACE, TABLE, gave, use
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver
_MONTH = timedelta(days=31)


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol")
    yield made
    made.engine.dispose()


class Cause:
    """A cause with its rooms, seen from outside."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.container = place.container
        self.days = 0
        place.container.clock = self.now
        use(place.container)

    def now(self) -> datetime:
        return system_clock() + timedelta(days=self.days)

    def gives(self, user: UserId, *, euros: int = 5, show: bool = True) -> None:
        gave(self.container, user, euros=euros, show=show)

    async def room(self, key: str) -> RoomId:
        """Where a room is, once it is made."""

        def find() -> RoomId | None:
            with self.container.read() as work:
                return next(
                    (hall.room for hall in work.support.halls(self.place.user("earnest")) if hall.key == key), None
                )

        found: RoomId | None = None

        async def there() -> bool:
            nonlocal found
            found = await asyncio.to_thread(find)
            return found is not None

        await until(there)
        assert found is not None
        return found

    async def stands(self, key: str, user: UserId, membership: Membership | None) -> None:
        """Wait until somebody stands so to a room, as the bot's homeserver has it."""
        room = await self.room(key)

        async def so() -> bool:
            found = await self.state(room, "m.room.member", user)
            return found.get("membership") == (None if membership is None else membership.value)

        await until(so)

    async def shows(self, user: UserId, *, tier: str | None) -> None:
        """Wait until the space shows somebody's flair of a tier, or none."""
        room = await self.room(SPACE)

        async def so() -> bool:
            return (await self.state(room, FLAIR, flair_key(user))).get("tier") == tier

        await until(so)

    async def state(self, room: RoomId, kind: str, key: str = "") -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with self.place.http("earnest") as http:
                answer = http.get(f"/_matrix/client/v3/rooms/{room}/state/{kind}/{quote(key, safe='')}")
                found: dict[str, Any] = answer.json()
                return found

        return await asyncio.to_thread(ask)


def test_a_gift_leads_into_space_and_rooms_and_a_lapse_out_again(place: Place) -> None:
    cause = Cause(place)
    alice_id, bob_id, bot = place.user("alice"), place.user("bob"), place.user("earnest")

    async def play() -> None:
        async with listening(place.client("alice"), place.client("bob")) as (alice, bob), place.bot():
            talk = await chat(alice, place)
            await alice.say(talk, "support")
            await alice.hears("5 EUR a month", room=talk)
            await asyncio.to_thread(cause.gives, alice_id, show=False)
            told = await alice.hears("Your support makes you", room=talk)
            assert "the others who are there see your Matrix id" in told.body
            await alice.client.react(talk, told.event, "👍", txn="yes")
            await alice.hears("on their way", room=talk)
            space, lounge = await cause.room(SPACE), await cause.room(LOUNGE)
            await cause.stands(SPACE, alice_id, Membership.INVITE)
            await alice.client.join(space)
            await alice.client.join(lounge)
            with pytest.raises(Denied):
                await bob.client.join(lounge)
            with pytest.raises(Denied):
                await alice.client.join(await cause.room(TABLE))
            news = await cause.room(NEWS)
            await alice.client.join(news)
            with pytest.raises(Denied):
                await alice.say(news, "I only read here")
            assert "tier" not in await cause.state(space, FLAIR, flair_key(alice_id)), "showing is another question"

            await alice.say(talk, "flair show name")
            await alice.hears("who would see what", room=talk)
            await alice.say(talk, "confirm")
            await cause.shows(alice_id, tier="silver")
            await asyncio.to_thread(cause.gives, bob_id, euros=20)
            await cause.stands(TABLE, bob_id, Membership.INVITE)
            await bob.client.join(space)
            found = await bob.client.events(space, {FLAIR})
            assert {one.content["tier"] for one in found} == {"silver", "gold"}
            assert {one.sender for one in found} == {bot}

            cause.days = 50
            await alice.hears("You are no longer", room=talk)
            await cause.stands(SPACE, alice_id, Membership.LEAVE)
            await cause.stands(LOUNGE, alice_id, Membership.LEAVE)
            await cause.shows(alice_id, tier=None)
            with pytest.raises(Denied):
                await alice.client.join(lounge)
            await asyncio.to_thread(cause.gives, alice_id)
            await alice.hears("Welcome back", room=talk)
            await cause.stands(SPACE, alice_id, Membership.INVITE)
            await alice.client.join(space)
            await alice.client.join(lounge)

    scene(play)


def test_nothing_is_left_of_whoever_is_forgotten(place: Place) -> None:
    cause, alice_id = Cause(place), place.user("alice")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            talk = await chat(alice, place)
            await asyncio.to_thread(cause.gives, alice_id)
            await cause.shows(alice_id, tier="silver")
            for key in (SPACE, LOUNGE):
                await alice.client.join(await cause.room(key))
            await alice.say(talk, "forget me")
            await alice.hears("Shall I forget you", room=talk)
            await alice.say(talk, "confirm")
            await cause.stands(SPACE, alice_id, Membership.LEAVE)
            await cause.stands(LOUNGE, alice_id, Membership.LEAVE)
            await cause.shows(alice_id, tier=None)

    scene(play)


def test_a_supporter_from_another_homeserver_comes_and_goes_as_any_other(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path
) -> None:
    near, far = two(start_homeserver, tmp_path)
    place = Place(near, tmp_path, sqlite_template)
    cause = Cause(place)
    login = far.account("fan")

    async def play() -> None:
        async with listening(account(far, tmp_path / "far", "fan")) as (fan,), place.bot():
            await asyncio.to_thread(cause.gives, fan.me, euros=20)
            space, lounge, table = [await cause.room(key) for key in (SPACE, LOUNGE, TABLE)]
            await cause.stands(SPACE, fan.me, Membership.INVITE)
            await fan.client.join(space, [near.name])
            await fan.client.join(lounge, [near.name])
            await cause.stands(TABLE, fan.me, Membership.INVITE)
            await fan.client.join(table, [near.name])
            await cause.shows(fan.me, tier="gold")

            async def sees() -> bool:
                return any(one.content.get("tier") == "gold" for one in await fan.client.events(space, {FLAIR}))

            await until(sees)
            cause.days = 60
            for key in (SPACE, LOUNGE, TABLE):
                await cause.stands(key, fan.me, Membership.LEAVE)

    scene(play)
    assert login.user_id.endswith(far.name)
    place.engine.dispose()


def test_a_profile_is_written_by_an_administrators_token(place: Place) -> None:
    admin = place.homeserver.account(admin=True)
    place.container.settings.homeserver_admin_token = SecretStr(admin.access_token)
    place.container.surroundings = surroundings(place.container.settings)
    cause = Cause(place)
    alice_id = place.user("alice")

    def profile() -> dict[str, Any]:
        with place.http("bob") as http:
            answer = http.get(f"/_matrix/client/v3/profile/{quote(alice_id, safe='')}/{FLAIR}")
            found: dict[str, Any] = answer.json()
            return found

    async def shows(tier: str | None) -> None:
        async def so() -> bool:
            return bool((await asyncio.to_thread(profile)).get(FLAIR, {}).get("tier") == tier)

        await until(so)

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            talk = await chat(alice, place)
            await asyncio.to_thread(cause.gives, alice_id)
            await alice.say(talk, "flair value")
            assert "/v1/flair/" in (await alice.hears(FLAIR, room=talk)).body
            await alice.say(talk, "flair profile on")
            await shows("silver")
            await alice.say(talk, "flair hide")
            await shows(None)

    scene(play)
