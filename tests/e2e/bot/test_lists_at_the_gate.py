"""Lists at the gate of a real Synapse: in a room that is looked after, and at somebody's own door; both are undone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from cli.local.synapse import GateCall
from kit.identifiers import RoomId, ServerName
from reputation.enforcement.rooms import Membership
from reputation.model import DoorMode
from tests.e2e.bot.test_desk import asks, desk_of, publish
from tests.support import services
from tests.support.matrix import listening, scene
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver, StartHomeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture(scope="module")
def gated(start_homeserver: StartHomeserver) -> Homeserver:
    return start_homeserver()


@pytest.fixture
def place(gated: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    """A homeserver that asks this service at every invite and join, and waits for what it says."""
    made = Place(gated, tmp_path, sqlite_template, "carol")
    with made.container.work() as work:
        bearer = work.tenants.add(ServerName(gated.name))
    with services.listening(made.container) as url:
        gated.stop()
        gated.server = gated.server.asking(GateCall(f"{url}/api/1/spam_check", bearer))
        gated.start()
        yield made
    made.engine.dispose()


def post(place: Place, who: str, path: str, body: dict[str, str] | None = None) -> httpx.Response:
    with place.http(who) as http:
        return http.post(f"/_matrix/client/v3/{path}", json=body or {})


async def joins(place: Place, who: str, room: RoomId) -> httpx.Response:
    return await asyncio.to_thread(post, place, who, f"join/{quote(room, safe='')}")


async def invites(place: Place, who: str, whom: str, room: str) -> httpx.Response:
    path = f"rooms/{quote(room, safe='')}/invite"
    return await asyncio.to_thread(post, place, who, path, {"user_id": place.user(whom)})


async def stranger_room(place: Place) -> str:
    made = await asyncio.to_thread(post, place, "bob", "createRoom", {"preset": "private_chat"})
    return str(made.raise_for_status().json()["room_id"])


def test_whoever_a_list_bans_does_not_get_into_the_room_until_it_is_left(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            desk = await desk_of(alice, place)
            room = await alice.client.create_room(name="Choir", encrypted=False, public=True)
            await alice.client.invite(room, place.user("earnest"))
            await alice.hears("I look after", room=desk)
            await alice.client.set_level(room, place.user("earnest"), 100)
            publish(place, (place.user("bob"), "sells tea"))
            await asks(alice, desk, "subscribe watch act", "acts")

            # The process that answers reads what changed by itself; until then the bot puts out whoever came.
            refused = await joins(place, "bob", room)
            while refused.status_code == httpx.codes.OK:
                await asyncio.to_thread(post, place, "bob", f"rooms/{quote(room, safe='')}/leave")
                refused = await joins(place, "bob", room)
            while (
                "watch" not in refused.json()["error"]
            ):  # where the bot was quicker, its ban goes first: a veto lifts it
                await asks(alice, desk, f"veto {place.user('bob')}", "Nothing follows")
                await asks(alice, desk, "unveto 1", "holds no more")
                refused = await joins(place, "bob", room)
            assert refused.status_code == httpx.codes.FORBIDDEN
            assert refused.json()["errcode"] == "M_FORBIDDEN"
            assert (await joins(place, "carol", room)).status_code == httpx.codes.OK
            invite = await invites(place, "alice", "bob", room)
            assert invite.status_code == httpx.codes.FORBIDDEN
            assert "do not let" in invite.json()["error"]

            told = await asks(alice, desk, f"why {place.user('bob')}", "Kept out by their own homeserver")
            assert "sells tea" in told
            await asks(alice, desk, "unsubscribe watch", "acts here no more")
            while (await joins(place, "bob", room)).status_code != httpx.codes.OK:
                pass
            seen = await alice.client.state(room)
            assert seen.members[place.user("bob")].membership is Membership.JOIN

    scene(play)


def test_a_list_refuses_at_ones_own_door_until_it_is_left(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            talk = await chat(alice, place)
            await alice.say(talk, "door open")
            await alice.hears("everybody can invite you", room=talk)
            assert (await invites(place, "bob", "alice", await stranger_room(place))).status_code == httpx.codes.OK
            publish(place, (place.user("bob"), "sells tea"))

            tried = ""
            while "1 come in now and would be refused" not in tried:  # the list is first read when a door asks it
                await alice.say(talk, "list subscribe watch refuse")
                tried = (await alice.hears("This was only tried", room=talk)).body
            assert place.user("bob") in tried
            await alice.say(talk, "list subscribe watch refuse yes")
            await alice.hears("whom it bans is refused", room=talk)
            while (answer := await invites(place, "bob", "alice", await stranger_room(place))).status_code == 200:
                pass
            assert "takes no invitations" in answer.json()["error"] or "does not take" in answer.json()["error"]
            await alice.say(talk, "why " + place.user("bob"))
            assert "list watch" in (await alice.hears("would be refused", room=talk)).body

            await alice.say(talk, "list except watch " + place.user("bob"))
            await alice.hears("but for", room=talk)
            assert (await invites(place, "bob", "alice", await stranger_room(place))).status_code == httpx.codes.OK
            await alice.say(talk, "list unsubscribe watch")
            await alice.hears("Your door asks no list of others", room=talk)
            with place.container.read() as work:
                assert work.doors.show(work.people.number(place.user("alice"))).mode is DoorMode.OPEN

    scene(play)
