"""Policy rooms of lists on a real Synapse: an independent reader sees exactly the list, whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app import lists
from kit.identifiers import RoomId, UserId
from reputation.lists.authoring import Changed, Description, Key, Published, Said
from reputation.lists.mirroring import ROOM_TYPE, rules_of
from reputation.lists.model import Entry, Listing, Recommendation, Subject
from reputation.lists.policy_events import read_events
from tests.support.matrix import listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


class Author:
    """Alice, her list, and Bob who reads its room by plain HTTP."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.container = place.container
        with self.container.work() as work:
            self.person = work.people.number(place.user("alice"))
            self.list: Published = work.publishing.create(self.person, "spam", Description("Spammers"))

    def say(self, *said: Said, remove: tuple[Key, ...] = ()) -> Changed:
        with self.container.work() as work:
            return work.publishing.change(self.person, self.list.id, said, remove)

    def users(self, *numbers: int) -> list[Said]:
        return [Said(Subject.USER, f"@u{number}:evil.example", "ban", f"spam {number}") for number in numbers]

    def ask_for_room(self) -> None:
        with self.container.work() as work:
            work.publishing.rooms.ask(self.list.number)

    def entries(self) -> list[Entry]:
        with self.container.read() as work:
            return list(work.publishing.entries(self.list.id))

    def room(self) -> RoomId | None:
        with self.container.read() as work:
            return work.publishing.rooms.room(self.list.number)

    async def is_mirrored(self) -> bool:
        """Whether nothing is left to do."""

        def look() -> bool:
            with self.container.read() as work:
                return self.room() is not None and work.publishing.rooms.due() == []

        return await asyncio.to_thread(look)

    def rules(self, *, join: bool = True) -> dict[tuple[str, str], Mapping[str, Any]]:
        """What an independent reader finds in the room; it comes by the alias, as anybody may."""
        with self.place.homeserver.client(self.place.logins["bob"]) as bob:
            if join:
                alias = f"#earnest-list-{self.list.id}:{self.place.homeserver.name}"
                assert bob.post(f"/_matrix/client/v3/join/{alias.replace('#', '%23')}", json={}).status_code == 200
            state = bob.get(f"/_matrix/client/v3/rooms/{self.room()}/state").json()
        self.state = state
        return {
            (event["type"], event["state_key"]): event["content"]
            for event in state
            if event["type"].startswith("m.policy.rule.") and event["content"]
        }

    def written(self) -> int:
        """How many rules were ever written into the room."""
        with self.place.homeserver.client(self.place.logins["bob"]) as bob:
            path, at = f"/_matrix/client/v3/rooms/{self.room()}/messages?dir=b&limit=500", ""
            count = 0
            while True:
                found = bob.get(path + at).json()
                count += len([each for each in found["chunk"] if each["type"].startswith("m.policy.rule.")])
                if "end" not in found:
                    return count
                at = f"&from={found['end']}"


@pytest.fixture
def author(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Author]:
    place = Place(homeserver, tmp_path, sqlite_template)
    yield Author(place)
    place.engine.dispose()


def banned_by(rules: Mapping[tuple[str, str], Mapping[str, Any]], user: str) -> bool:
    """Whether a bot that goes by the rules bans somebody: literal names and hashes (no globs are in these tests)."""
    hashed = sha256(user.encode()).digest()
    for (kind, _), content in rules.items():
        named = content.get("entity") == user or content.get("hashes", {}).get("sha256") == _base64(hashed)
        if (
            kind == "m.policy.rule.user"
            and named
            and content["recommendation"] in ("m.ban", "org.matrix.msc4204.takedown")
        ):
            return True
    return False


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_an_independent_reader_sees_exactly_the_list(author: Author) -> None:
    hidden = sha256(b"@hidden:evil.example").digest()
    author.say(
        *author.users(1, 2),
        Said(Subject.USER, None, "takedown", sha256=hidden),
        Said(Subject.SERVER, "evil.example", "ban", "floods", below=True),
        Said(Subject.SERVER, "loud.example", "limit"),
        Said(Subject.ROOM, "!bad:evil.example", "ban"),
        Said(Subject.USER, "@good:evil.example", "allow"),
    )
    place = author.place

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            room = await chat(alice, place)
            await alice.say(room, "list room spam")
            await alice.hears("I make a room for", room=room)
            await alice.comes(inviter=place.user("earnest"))
            await until(author.is_mirrored)
            first = await asyncio.to_thread(author.rules)
            assert first == rules_of(Listing("", tuple(author.entries())))
            read = read_events(author.state)
            assert {(e.key, e.recommendation) for e in read} == {
                (("user", "@u1:evil.example"), Recommendation.BAN),
                (("user", "@u2:evil.example"), Recommendation.BAN),
                (("user", f"sha256:{hidden.hex()}"), Recommendation.TAKEDOWN),
                (("server", "evil.example"), Recommendation.BAN),
                (("server", "*.evil.example"), Recommendation.BAN),
                (("room", "!bad:evil.example"), Recommendation.BAN),
                (("user", "@good:evil.example"), Recommendation.ALLOW),
            }
            assert banned_by(first, "@hidden:evil.example")
            assert not banned_by(first, "@good:evil.example")
            assert not any(key.startswith("@") for _, key in first)
            await asyncio.to_thread(author.say, remove=(("user", "@u1:evil.example"),))
            await until(author.is_mirrored)
            second = await asyncio.to_thread(author.rules)
            assert not banned_by(second, "@u1:evil.example")
            assert second == rules_of(Listing("", tuple(author.entries())))
            await alice.say(room, "list room spam")
            await alice.hears("has a room already", room=room)
            with author.container.work() as work:
                work.publishing.describe(author.person, author.list.id, Description("Worse spammers"))
            await until(author.is_mirrored)
            await asyncio.to_thread(author.rules)
            assert "Worse spammers" in [event["content"].get("name") for event in author.state]
            await alice.say(room, "list retire spam yes")
            await alice.hears("no more", room=room)
            await until(author.is_mirrored)
            assert await asyncio.to_thread(author.rules) == {}

    scene(play)
    state = {(event["type"], event["state_key"]): event["content"] for event in author.state}
    assert state["m.room.create", ""]["type"] == ROOM_TYPE
    assert state["m.room.join_rules", ""]["join_rule"] == "public"
    assert state["m.room.history_visibility", ""]["history_visibility"] == "world_readable"
    assert ("m.room.encryption", "") not in state
    powers = state["m.room.power_levels", ""]
    assert (powers["users"][place.user("alice")], powers["events_default"], powers["state_default"]) == (50, 50, 100)
    with place.homeserver.client(place.logins["bob"]) as bob:
        forged = {"entity": "@victim:good.example", "recommendation": "m.ban"}
        path = f"/_matrix/client/v3/rooms/{author.room()}/state/m.policy.rule.user/x"
        assert bob.put(path, json=forged).status_code == 403, "nobody else writes rules"


def test_a_bot_that_is_stopped_in_the_midst_goes_on_and_ends_equal(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hundred in range(3):
        author.say(*author.users(*range(100 * hundred, 100 * hundred + 100)))
    author.ask_for_room()
    counts: list[int] = []

    async def some() -> bool:
        counts.append(0 if author.room() is None else len(await asyncio.to_thread(author.rules)))
        return counts[-1] >= 60

    async def begins() -> None:
        async with author.place.bot():
            await until(some)

    async def ends() -> None:
        async with author.place.bot():
            await until(author.is_mirrored)

    scene(begins)
    stopped_at = len(author.rules())
    assert 0 < stopped_at < 300
    author.say(*author.users(500), remove=(("user", "@u0:evil.example"), ("user", "@u299:evil.example")))
    monkeypatch.setattr("bot.mirroring._AT_ONCE", 50)  # and others have their turn in between
    scene(ends)
    rules = author.rules()
    assert rules == rules_of(Listing("", tuple(author.entries())))
    assert len(rules) == 299
    assert author.written() <= 300 + 2, "nothing is written twice"


def test_a_room_that_was_made_and_not_noted_is_found_again(author: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    author.say(*author.users(1))
    author.ask_for_room()
    alias = f"%23earnest-list-{author.list.id}:{author.place.homeserver.name}"
    tried: list[RoomId] = []

    def fails(_: object, __: int, room: RoomId, ___: str | None) -> None:
        tried.append(room)
        raise KeyError("what nobody expected")

    async def cannot_note() -> None:
        async with author.place.bot():
            await until(_twice)

    async def _twice() -> bool:
        return len(tried) > 1

    async def play() -> None:
        async with author.place.bot():
            await until(author.is_mirrored)

    with monkeypatch.context() as patch:
        patch.setattr("reputation.list_rooms.ListRooms.made", fails)
        scene(cannot_note)
    assert author.room() is None
    scene(play)
    assert {*tried, author.room()} == {tried[0]}
    with author.place.http("bob") as bob:
        assert bob.get(f"/_matrix/client/v3/directory/room/{alias}").json()["room_id"] == author.room()


def test_a_homeserver_that_wants_us_to_slow_down_is_obeyed(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path
) -> None:
    slow = start_homeserver(limits={"rc_message": {"per_second": 0.3, "burst_count": 1}})
    place = Place(slow, tmp_path, sqlite_template)
    author = Author(place)
    author.say(*author.users(*range(6)))
    author.ask_for_room()

    async def play() -> None:
        async with place.bot():
            await until(author.is_mirrored)

    scene(play)
    assert author.rules() == rules_of(Listing("", tuple(author.entries())))
    assert author.written() == 6
    place.engine.dispose()


def test_a_list_that_is_published_and_followed_here_is_read_as_soon_as_it_changes(author: Author) -> None:
    place = author.place
    author.say(*author.users(1))
    expected: list[list[str]] = [["ours"], []]

    async def labelled() -> bool:
        labels = await asyncio.to_thread(place.container.labelling.prepare)
        return [labels.of_user(UserId(f"@u{number}:evil.example")) for number in (1, 2)] == expected

    async def play() -> None:
        nonlocal expected
        async with listening(place.client("alice")) as (alice,), place.bot():
            room = await chat(alice, place)
            await alice.say(room, "list room spam")
            await alice.hears("I make a room for", room=room)
            await until(author.is_mirrored)
            with place.container.work() as work:
                work.followed.follow("ours", str(author.room()))
            await until(labelled)
            expected = [["ours"], ["ours"]]
            await alice.say(room, "list add spam @u2:evil.example")
            await until(labelled)
            expected = [[], ["ours"]]
            await alice.say(room, "list remove spam @u1:evil.example")
            await until(labelled)
            await asyncio.to_thread(lists.unfollow, place.container.work, "ours")
            await alice.say(room, "list add spam @u3:evil.example")
            await alice.hears("version 5", room=room)
            await until(author.is_mirrored)
            assert len(await asyncio.to_thread(author.rules)) == 2, "the room is still the list's"

    scene(play)
