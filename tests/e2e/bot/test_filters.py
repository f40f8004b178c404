"""A filter of one's own on a real Synapse: what it would have hidden in a group, and the text kept nowhere."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.identifiers import RoomId
from tests.support.matrix import Person, listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

SPAM = "Zebras for nothing: claim your free airdrop at https://zebra.example/now"
COINS = """filter set {"kind": "filter", "patterns": {"coins": {"words": ["airdrop"]}}, "rules": [
  {"name": "coins", "when": "'coins' in text.found && sender.known_by == 0 && message.links > 0",
   "then": {"label": "spam", "severity": "hide"}},
  {"name": "far", "when": "room.direct", "then": {"label": "far"}}]}"""


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


def seen(place: Place) -> int:
    with place.container.read() as work:
        found = work.filters.sightings.would_have(work.people.number(place.user("alice")))
    return found.messages


def kept(place: Place) -> int:
    with place.container.read() as work:
        return work.filters.sightings.would_have(work.people.number(place.user("alice"))).seen


def watched(place: Place) -> list[RoomId]:
    with place.container.read() as work:
        return [one.room for one in work.filters.rooms.all()]


async def members(person: Person, room: RoomId) -> frozenset[str]:
    return (await person.client.look(room)).joined


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_what_a_filter_would_hide_is_told_and_its_text_is_kept_nowhere(
    place: Place, capfd: pytest.CaptureFixture[str], *, encrypted: bool
) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("bob")) as (alice, bob):
            room = await chat(alice, place)
            await alice.say(room, COINS)
            await alice.hears("filter undo takes this back", room=room)
            group = await alice.client.create_room(encrypted=encrypted)
            await alice.client.invite(group, bob.me)
            assert await bob.comes(inviter=alice.me) == group
            await alice.client.invite(group, place.user("earnest"))
            told = (await bob.hears("asked me in", room=group)).body
            assert "I keep no text" in told
            spam = await bob.say(group, SPAM)
            await bob.say(group, "help")

            async def looked() -> bool:
                return await asyncio.to_thread(seen, place) == 2

            await until(looked)
            await alice.say(room, "filter seen")
            said = (await alice.hears("would hide or mark 1", room=room)).body
            assert f"%24{spam[1:]}" in said
            assert place.user("bob") in said
            await alice.say(room, f"filter why https://matrix.to/#/{group}/{spam}")
            why = (await alice.hears("sender.known_by", room=room)).body
            assert "message.links = \u20681\u2069" in why
            assert "Rule \u2068far\u2069 could not tell, for want of room.direct" in why
            await alice.say(
                room,
                """filter try {"kind": "filter", "rules": [
              {"name": "cries", "when": "message.text.contains('help')", "then": {"label": "loud"}}]}""",
            )
            await alice.hears(
                "Of the last 2 messages that I could still read, in one room, it would hide or mark 1", room=room
            )
            with place.http("bob") as http:
                http.put(f"/_matrix/client/v3/rooms/{group}/redact/{spam}/1", json={}).raise_for_status()

            async def gone() -> bool:
                return await asyncio.to_thread(kept, place) == 0

            await until(gone)
            await alice.say(room, "filter off")
            await alice.hears("no filter", room=room)

            async def alone() -> bool:
                return await members(bob, group) == {alice.me, bob.me}

            await until(alone)
            assert watched(place) == []

    scene(play)
    log = "".join(capfd.readouterr())
    with sqlite3.connect(place.folder / "earnest.db") as database:
        dump = "\n".join(database.iterdump())
    files = [file for file in (place.folder / "bot").rglob("*") if file.is_file()]
    for text in (dump, log, *(file.read_bytes().decode("latin-1") for file in files)):
        assert "ebras" not in text
        assert "zebra.example" not in text
    assert "coins" in dump, "the search would find what is there"


def test_who_asked_it_in_leaves_and_the_bot_with_them(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("bob")) as (alice, bob):
            room = await chat(alice, place)
            await alice.say(room, "filter preset links")
            await alice.hears("filter undo takes this back", room=room)
            group = await alice.client.create_room()
            await alice.client.invite(group, bob.me)
            await bob.comes(inviter=alice.me)
            await alice.client.invite(group, place.user("earnest"))
            await bob.hears("asked me in", room=group)
            await alice.client.leave(group)

            async def alone() -> bool:
                return await members(bob, group) == {bob.me}

            await until(alone)
            assert watched(place) == []

    scene(play)


def test_whoever_may_remove_people_may_remove_it(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("bob")) as (alice, bob):
            room = await chat(alice, place)
            await alice.say(room, "filter preset links")
            await alice.hears("filter undo takes this back", room=room)
            group = await bob.client.create_room()
            await bob.client.invite(group, alice.me)
            await alice.comes(inviter=bob.me)
            await alice.client.invite(group, place.user("earnest"))
            await bob.hears("asked me in", room=group)
            assert watched(place) == [group]
            with place.http("bob") as http:
                out = {"user_id": place.user("earnest"), "reason": "no, thank you"}
                http.post(f"/_matrix/client/v3/rooms/{group}/ban", json=out).raise_for_status()

            async def ended() -> bool:
                return await asyncio.to_thread(watched, place) == []

            await until(ended)
            await alice.say(room, "filter seen")
            await alice.hears("I read no room for you yet", room=room)

    scene(play)
