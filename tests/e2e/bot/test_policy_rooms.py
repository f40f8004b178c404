"""Policy rooms on a real Synapse, written by another client: followed live, missed by nobody, and left in the end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import lists
from kit.identifiers import RoomId, UserId
from reputation.followed_rooms import FollowedRoom, Standing
from tests.support.matrix import scene, until
from tests.support.places import Place
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

TYPE = "support.feline.policy.lists.msc.v1"


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


class Author:
    """Alice, who keeps a list in a room by a client of another make."""

    def __init__(self, place: Place, *, public: bool, alias: str | None = None) -> None:
        self.place = place
        body: dict[str, Any] = {"room_version": "11"} | {
            "preset": "public_chat" if public else "private_chat",
            "creation_content": {"type": TYPE},
        }
        self.room = RoomId(
            self.does("POST", "createRoom", body | ({"room_alias_name": alias} if alias else {}))["room_id"]
        )

    def does(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        with self.place.http("alice") as http:
            answer = http.request(method, f"/_matrix/client/v3/{path}", json={} if body is None else body)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

    def writes(self, kind: str, key: str, content: object) -> str:
        event: str = self.does("PUT", f"rooms/{self.room}/state/{kind}/{key}", content)["event_id"]
        return event

    def bans(self, entity: str, *, kind: str = "m.policy.rule.user", key: str = "") -> str:
        content = {"entity": entity, "recommendation": "m.ban", "reason": "spam"}
        return self.writes(kind, key or f"rule:{entity}", content)

    def invites(self, who: str = "earnest") -> None:
        self.does("POST", f"rooms/{self.room}/invite", {"user_id": self.place.user(who)})


def follow(place: Place, source: str) -> None:
    with place.container.work() as work:
        work.followed.follow("bad", source)


def labelled(place: Place, user: str) -> bool:
    return place.container.labelling.prepare().of_user(UserId(user)) == ["bad"]


def where(place: Place) -> tuple[str | None, FollowedRoom]:
    with place.container.read() as work:
        (room,) = work.followed.rooms.all()
        return work.followed.find("bad").error, room


async def becomes(place: Place, user: str, *, listed: bool = True) -> None:
    async def met() -> bool:
        return await asyncio.to_thread(labelled, place, user) is listed

    await until(met)


def test_a_room_of_another_client_is_followed_live(place: Place) -> None:
    hidden = base64.b64encode(hashlib.sha256(b"@hidden:evil.example").digest()).decode()
    author = Author(place, public=False)
    author.bans("@new*:evil.example")
    author.bans("@old:evil.example", kind="m.room.rule.user")
    author.bans("ancient.example", kind="org.matrix.mjolnir.rule.server")
    takedown = {"recommendation": "org.matrix.msc4204.takedown", "org.matrix.msc4205.hashes": {"sha256": hidden}}
    author.writes("m.policy.rule.user", "hidden", takedown)
    author.writes("m.policy.rule.user", "odd", {"entity": ["@a:b"], "recommendation": 5})
    for entity in ("*", "@*:*", place.user("earnest"), f"@*:{place.homeserver.name}"):
        author.bans(entity)

    async def play() -> None:
        follow(place, author.room)
        async with place.bot():

            async def waits() -> bool:
                return "let somebody there invite" in (where(place)[0] or "")

            await until(waits)
            await asyncio.to_thread(author.invites)
            for user in ("@news:evil.example", "@old:evil.example", "@a:ancient.example", "@hidden:evil.example"):
                await becomes(place, user)
            assert not labelled(place, "@somebody:else.example")
            assert not labelled(place, place.user("earnest"))
            assert not labelled(place, place.user("bob"))
            await asyncio.to_thread(author.bans, "@later:evil.example")
            await becomes(place, "@later:evil.example")
            await asyncio.to_thread(author.writes, "m.room.rule.user", "rule:@old:evil.example", {})
            await becomes(place, "@old:evil.example", listed=False)
            event = await asyncio.to_thread(author.bans, "@later:evil.example", key="again")
            await asyncio.to_thread(author.writes, "m.policy.rule.user", "rule:@later:evil.example", {})
            await asyncio.to_thread(author.does, "PUT", f"rooms/{author.room}/redact/{event}/1")
            await becomes(place, "@later:evil.example", listed=False)
            await asyncio.to_thread(
                author.does, "PUT", f"rooms/{author.room}/send/m.room.message/2", {"msgtype": "m.text", "body": "help"}
            )
            await asyncio.to_thread(author.bans, "@last:evil.example")
            await becomes(place, "@last:evil.example")
            path = f"rooms/{author.room}/messages?dir=b&limit=50"
            newest = (await asyncio.to_thread(author.does, "GET", path))["chunk"]
            said = [one["sender"] for one in newest if one["type"] in ("m.room.message", "m.room.encrypted")]
            assert said == [place.user("alice")], "nobody is answered there"
            await asyncio.to_thread(lists.unfollow, place.container.work, "bad")

            async def gone() -> bool:
                found = await asyncio.to_thread(author.does, "GET", f"rooms/{author.room}/joined_members")
                return place.user("earnest") not in found["joined"]

            await until(gone)

    scene(play)


def test_what_changed_while_the_bot_was_down_is_made_up_for_and_the_list_goes_where_its_room_goes(place: Place) -> None:
    alias = f"bad{secrets.token_hex(4)}"
    author = Author(place, public=True, alias=alias)
    author.bans("@first:evil.example")

    async def play() -> None:
        follow(place, f"#{alias}:{place.homeserver.name}")
        async with place.bot():
            await becomes(place, "@first:evil.example")
        await asyncio.to_thread(author.writes, "m.policy.rule.user", "rule:@first:evil.example", {})
        for number in range(120):  # more than a sync tells
            await asyncio.to_thread(author.bans, f"@s{number}:evil.example")
        async with place.bot():
            await becomes(place, "@s0:evil.example")
            await becomes(place, "@first:evil.example", listed=False)
            old = author.room
            author.room = RoomId(
                (await asyncio.to_thread(author.does, "POST", f"rooms/{old}/upgrade", {"new_version": "12"}))[
                    "replacement_room"
                ]
            )
            await asyncio.to_thread(author.bans, "@moved:evil.example")
            await becomes(place, "@moved:evil.example")
            await becomes(place, "@s0:evil.example", listed=False)
            wrong, room = where(place)
            assert (wrong, room.room, room.moved_from, room.standing) == (None, author.room, old, Standing.IN)
            await asyncio.to_thread(author.bans, "@after:evil.example")
            await becomes(place, "@after:evil.example")

            async def left() -> bool:
                found = await asyncio.to_thread(author.does, "GET", f"rooms/{old}/joined_members")
                return place.user("earnest") not in found["joined"]

            await until(left)

    scene(play)


def test_who_bans_the_bot_is_told_of_and_what_was_read_stays(place: Place) -> None:
    author = Author(place, public=True)
    author.bans("@first:evil.example")

    async def play() -> None:
        follow(place, author.room)
        async with place.bot():
            await becomes(place, "@first:evil.example")
            await asyncio.to_thread(author.does, "POST", f"rooms/{author.room}/ban", {"user_id": place.user("earnest")})

            async def told() -> bool:
                return where(place)[0] == "The bot is banned there."

            await until(told)
            assert labelled(place, "@first:evil.example")
            assert where(place)[1].standing is Standing.BANNED
            await asyncio.to_thread(
                author.does, "POST", f"rooms/{author.room}/unban", {"user_id": place.user("earnest")}
            )
            await asyncio.to_thread(author.bans, "@second:evil.example")
            await asyncio.to_thread(author.invites)
            await becomes(place, "@second:evil.example")

    scene(play)
