"""Looking after rooms on a real Synapse: all state in one request, and what moderators do, once and not again."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.supporting.planning import join_rules
from bot.homeserver import Denied, EventId, Joined, Left, Missed, Moved, Said, Stated
from bot.nio_homeserver import NioHomeserver
from bot.room_state import PURPOSE, KeptRoom
from kit.errors import Invalid
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import ABOVE_ALL, Acl, Membership
from tests.support.matrix import Person, account, listening, scene, until
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


class House:
    """A bot that looks after a room, Bob, and Carol who sends by plain HTTP what no honest client sends."""

    def __init__(self, homeserver: Homeserver, folder: Path) -> None:
        self.homeserver = homeserver
        self.folder = folder
        mark = secrets.token_hex(4)
        self.names = {name: f"{name}{mark}" for name in ("bot", "bob", "carol")}
        self.logins = {name: homeserver.account(full) for name, full in self.names.items()}

    def client(self, name: str) -> NioHomeserver:
        return account(self.homeserver, self.folder, self.names[name])

    def id(self, name: str) -> UserId:
        return UserId(self.logins[name].user_id)

    def http(self, name: str) -> httpx.Client:
        return self.homeserver.client(self.logins[name])

    def made(self, name: str = "carol", **body: object) -> RoomId:
        """A room that somebody makes by plain HTTP."""
        with self.http(name) as http:
            answer = http.post("/_matrix/client/v3/createRoom", json=body)
            assert answer.status_code == 200, answer.text
            return RoomId(answer.json()["room_id"])

    def does(self, name: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        with self.http(name) as http:
            answer = http.request(method, f"/_matrix/client/v3{path}", json={} if body is None else body)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

    def count(self, room: RoomId, kind: str) -> int:
        with self.http("bot") as http:
            answer = http.get(f"/_matrix/client/v3/rooms/{room}/messages", params={"dir": "f", "limit": 500})
            return sum(event["type"] == kind for event in answer.json()["chunk"])


@pytest.fixture
def house(homeserver: Homeserver, tmp_path: Path) -> House:
    return House(homeserver, tmp_path)


async def room_of(bot: Person, *others: Person) -> RoomId:
    room = await bot.client.create_room(name="Tea", encrypted=False)
    for other in others:
        assert await bot.client.invite(room, other.me) is None
        await other.comes(inviter=bot.me)
        await bot.inbox.take(Joined, lambda one, other=other: one.user == other.me)  # type: ignore[misc]
    return room


def test_a_room_is_seen_in_one_request(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            room = await bot.client.create_room(name="Tea", topic="and cake", public=True, encrypted=False)
            await bob.client.join(room)
            await bot.client.ban(room, house.id("carol"), reason="spam")
            seen = await bot.client.state(room)
            assert (seen.room, seen.name, seen.encrypted, seen.public, seen.space) == (room, "Tea", False, True, False)
            assert seen.joined() == {bot.me, bob.me}
            carol = seen.members[house.id("carol")]
            assert (carol.membership, carol.by, carol.reason) == (Membership.BAN, bot.me, "spam")
            assert seen.powers.of(bot.me) == ABOVE_ALL, "Synapse makes rooms of version 12"
            assert (seen.powers.of(bob.me), seen.acl, seen.successor) == (0, None, None)
            found = await bot.client.events(room, {"m.room.topic", "m.room.name"})
            assert {(one.kind, one.sender) for one in found} == {("m.room.topic", bot.me), ("m.room.name", bot.me)}
            with pytest.raises(Denied) as denied:
                await bob.client.state(RoomId("!nowhere:localhost"))
            assert denied.value.status == 403

    scene(play)


@pytest.mark.parametrize("version", ["1", "9", "10", "11", "12"])
def test_rooms_of_all_versions(house: House, version: str) -> None:
    room = house.made(room_version=version, invite=[house.id("bot")], creation_content={"type": "m.space"})
    child = house.made()
    house.does("carol", "PUT", f"/rooms/{room}/state/m.space.child/{child}", {"via": ["localhost"]})

    async def play() -> None:
        async with listening(house.client("bot")) as (bot,):
            await bot.client.join(room)
            seen = await bot.client.state(room)
            assert (seen.space, dict(seen.children)) == (True, {child: ("localhost",)})
            assert seen.powers.of(house.id("carol")) == (ABOVE_ALL if version == "12" else 100)
            levels = house.does("carol", "GET", f"/rooms/{room}/state/m.room.power_levels")
            levels.setdefault("users", {})[bot.me] = 100
            house.does("carol", "PUT", f"/rooms/{room}/state/m.room.power_levels", levels)
            assert await bot.client.set_level(room, UserId("@mute:localhost"), -1)
            assert not await bot.client.set_level(room, UserId("@mute:localhost"), -1)
            after = house.does("carol", "GET", f"/rooms/{room}/state/m.room.power_levels")
            assert after == levels | {"users": levels["users"] | {"@mute:localhost": -1}}
            assert await bot.client.set_level(room, UserId("@mute:localhost"), 0)
            assert house.does("carol", "GET", f"/rooms/{room}/state/m.room.power_levels") == levels

    scene(play)


def test_a_kept_room_is_entered_from_its_space_alone_and_says_what_it_is_for(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            space = await bot.client.create_kept(KeptRoom("Friends", "supporters:space", kind="m.space"))
            such = KeptRoom("Lounge", "supporters:lounge", topic="Tea", within=space, levels={"events_default": 50})
            room = await bot.client.create_kept(such)
            assert (await bot.client.state(space)).space
            seen = await bot.client.state(room)
            assert (seen.name, seen.encrypted, seen.public, seen.powers.events_default) == ("Lounge", False, False, 50)
            made, rules, up = await bot.client.events(room, {"m.room.create", "m.room.join_rules", "m.space.parent"})
            contents = {one.kind: one.content for one in (made, rules, up)}
            assert contents["m.room.create"][PURPOSE] == "supporters:lounge"
            assert contents["m.room.join_rules"] == join_rules(space)
            assert contents["m.space.parent"]["canonical"]
            with pytest.raises(Denied):
                await bob.client.join(room)
            assert await bot.client.invite(space, bob.me) is None
            await bob.client.join(space)
            await bob.client.join(room)
            assert await bot.client.set_levels(room, {bob.me: 10, house.id("carol"): 5})
            assert not await bot.client.set_levels(room, {bob.me: 10, house.id("carol"): 5})
            assert (await bot.client.state(room)).powers.of(bob.me) == 10
            with pytest.raises(Denied, match="403"):
                await bot.client.set_profile(bob.me, "org.example", {})

    scene(play)


def test_what_is_so_already_is_not_done_again(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            room = await room_of(bot, bob)
            before = house.count(room, "m.room.member")
            assert await bot.client.kick(room, bob.me, reason="out")
            await bob.inbox.take(Left)
            assert not await bot.client.kick(room, bob.me)
            assert not await bot.client.unban(room, bob.me)
            assert await bot.client.ban(room, bob.me, reason="and stay out")
            assert not await bot.client.ban(room, bob.me, reason="really")
            assert not await bot.client.kick(room, bob.me)
            assert (await bot.client.state(room)).members[bob.me].reason == "and stay out"
            assert await bot.client.unban(room, bob.me)
            assert not await bot.client.unban(room, bob.me)
            assert not await bot.client.kick(room, house.id("carol"))
            assert house.count(room, "m.room.member") == before + 3
            with pytest.raises(Denied):
                await bob.client.ban(room, bot.me)

    scene(play)


def test_what_others_are_banned_by_stays_theirs(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            room = await room_of(bot, bob)
            await bot.client.set_level(room, bob.me, 60)
            await bob.client.ban(room, house.id("carol"), reason="by Bob")
            assert not await bot.client.ban(room, house.id("carol"), reason="by a list")
            carol = (await bot.client.state(room)).members[house.id("carol")]
            assert (carol.by, carol.reason) == (bob.me, "by Bob")

    scene(play)


def test_an_acl_is_set_read_and_taken_back(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot")) as (bot,):
            room = await bot.client.create_room(encrypted=False)
            assert not await bot.client.set_acl(room, Acl()), "a room without one denies nobody"
            acl = Acl(("*",), ("evil.example", "*.evil.example"), ip_literals=False)
            assert await bot.client.set_acl(room, acl)
            assert not await bot.client.set_acl(room, acl)
            assert (await bot.client.state(room)).acl == acl
            assert await bot.client.set_acl(room, Acl())
            assert (await bot.client.state(room)).acl == Acl()
            assert house.count(room, "m.room.server_acl") == 2
            with pytest.raises(Denied):  # Synapse lets nobody deny its own server
                await bot.client.set_acl(room, Acl(("*",), ("localhost",)))

    scene(play)


def test_what_somebody_wrote_is_found_and_taken_back(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            room = await room_of(bot, bob)
            sent = [await bob.say(room, f"buy {number}") for number in range(5)]
            for number in range(150):  # they are not among the last hundred events
                await bot.say(room, f"filler {number}")
            await bob.client.react(room, sent[0], "👍", txn="tap")
            assert (await bot.client.written_by(room, bob.me, 3))[1:] == [sent[4], sent[3]]
            assert len(await bot.client.written_by(room, bob.me, 100)) == 6
            assert await bot.client.redact(room, sent[4], reason="spam", txn="one")
            assert not await bot.client.redact(room, sent[4], reason="spam", txn="two")
            assert sent[4] not in await bot.client.written_by(room, bob.me, 100)
            assert house.count(room, "m.room.redaction") == 1
            with pytest.raises(Denied):
                await bot.client.redact(room, EventId("$nothing"), txn="three")

    scene(play)


def test_a_policy_room_is_made_written_and_found_by_its_alias(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            alias = f"list{secrets.token_hex(4)}"
            levels = {"events_default": 50, "state_default": 50}
            room = await bot.client.create_room(
                name="A list",
                encrypted=False,
                kind="support.feline.policy.lists.msc.v1",
                public=True,
                alias=alias,
                levels=levels,
            )
            content = {"entity": "@spam:evil.example", "recommendation": "m.ban", "reason": "spam"}
            first = await bot.client.put_state(room, "m.policy.rule.user", "rule:@spam:evil.example/1 2", content)
            again = await bot.client.put_state(room, "m.policy.rule.user", "rule:@spam:evil.example/1 2", content)
            assert first == again
            found, via = await bob.client.resolve(f"#{alias}:localhost")
            assert (found, via) == (room, ("localhost",))
            await bob.client.join(found, via)
            await bob.client.join(found, via)
            rules = await bob.client.events(room, {"m.policy.rule.user"})
            assert [(one.key, one.sender, one.content) for one in rules] == [
                ("rule:@spam:evil.example/1 2", bot.me, content)
            ]
            with pytest.raises(Denied):
                await bob.say(room, "may I?")
            with pytest.raises(Denied):
                await bot.client.resolve("#nobody:localhost")
            with pytest.raises(Denied):
                await bot.client.put_state(room, "m.policy.rule.user", "@spam:evil.example", content)

    scene(play)


def test_what_a_room_says_of_itself_is_heard_and_what_we_said_is_not(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            room = await room_of(bot, bob)
            await bot.client.set_level(room, bob.me, 150)  # what a tombstone takes in a room of version 12
            rule = {"entity": "x.example", "recommendation": "m.ban"}
            written: list[tuple[str, str, dict[str, Any]]] = [
                ("m.policy.rule.server", "one", rule),
                ("m.room.rule.server", "two", rule),
                ("org.matrix.mjolnir.rule.user", "three", {}),
                ("m.room.name", "", {"name": "unheard"}),
                ("m.space.child", "!x:y.example", {"via": ["y.example"]}),
                ("m.room.server_acl", "", {"allow": ["*"]}),
            ]
            for kind, key, content in written:
                await bob.client.put_state(room, kind, key, content)
            heard = [await bot.inbox.take(Stated) for _ in range(5)]
            assert [(one.room, one.kind, one.key) for one in heard] == [
                (room, "m.policy.rule.server", "one"),
                (room, "m.room.rule.server", "two"),
                (room, "org.matrix.mjolnir.rule.user", "three"),
                (room, "m.space.child", "!x:y.example"),
                (room, "m.room.server_acl", ""),
            ]
            await bob.inbox.take(Stated, lambda one: one.kind == "m.room.power_levels")
            new = await bob.client.create_room(encrypted=False)
            await bob.client.put_state(room, "m.room.tombstone", "", {"body": "", "replacement_room": new})
            assert await bot.inbox.take(Moved) == Moved(room, new)
            assert not bot.inbox.heard

    scene(play)


def test_who_comes_is_heard_once_whatever_their_name(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot")) as (bot,):
            room = await bot.client.create_room(encrypted=False, public=True)
            member = f"/rooms/{room}/state/m.room.member/{house.id('carol')}"
            house.does("carol", "POST", f"/join/{room}")
            assert await bot.inbox.take(Joined) == Joined(room, house.id("carol"))
            for name in ("Carol", "\u202eCarol\n", 5, None, {"a": 1}):
                with house.http("carol") as http:
                    http.put(f"/_matrix/client/v3{member}", json={"membership": "join", "displayname": name})
            house.does("carol", "POST", f"/rooms/{room}/leave")
            await bot.inbox.take(Left)
            assert not bot.inbox.came
            assert not bot.inbox.heard

    scene(play)


def test_media_are_heard_with_what_is_said_of_them(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot")) as (bot,):
            room = await bot.client.create_room(encrypted=False, public=True)
            house.does("carol", "POST", f"/join/{room}")
            sent: list[tuple[str, dict[str, Any]]] = [
                ("m.room.message", {"msgtype": f"m.{kind}", "body": f"a {kind}", "url": "mxc://localhost/x"})
                for kind in ("image", "video", "audio", "file")
            ]
            sent += [
                ("m.room.message", {"msgtype": "m.image", "body": "without an address"}),
                ("m.sticker", {"body": "a sticker", "url": "mxc://localhost/x", "info": {}}),
                ("m.room.message", {"msgtype": "m.location", "body": "unheard", "geo_uri": "geo:0,0"}),
                ("m.room.message", {"msgtype": "m.text", "body": "the end"}),
            ]
            for number, (kind, content) in enumerate(sent):
                house.does("carol", "PUT", f"/rooms/{room}/send/{kind}/{number}", content)
            await bot.inbox.take(Said, lambda said: said.body == "the end")
            assert [(one.kind, one.body) for one in bot.inbox.heard if isinstance(one, Said)] == [
                ("m.image", "a image"),
                ("m.video", "a video"),
                ("m.audio", "a audio"),
                ("m.file", "a file"),
                ("m.image", "without an address"),
                ("m.sticker", "a sticker"),
            ]

    scene(play)


def test_what_was_missed_is_told(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bob")) as (bob,):
            async with listening(house.client("bot")) as (bot,):
                room = await room_of(bot, bob)
                await bot.client.set_level(room, bob.me, 100)
            await bob.client.put_state(room, "m.policy.rule.user", "one", {"entity": "@a:b", "recommendation": "m.ban"})
            for number in range(120):
                await bob.say(room, f"message {number}")
            async with listening(house.client("bot")) as (bot,):
                assert await bot.inbox.take(Missed) == Missed(room)
                assert not [one for one in bot.inbox.heard if isinstance(one, Stated)], "it is further back"

    scene(play)


def test_a_room_of_more_state_than_is_read_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.nio_moderation.LARGEST_ROOM", 20_000)

    async def play() -> None:
        async with listening(house.client("bot")) as (bot,):
            room = await bot.client.create_room(encrypted=False)
            await bot.client.state(room)
            for number in range(30):
                await bot.client.put_state(room, "org.example.large", str(number), {"text": "x" * 1_000})
            with pytest.raises(Invalid) as refused:
                await bot.client.state(room)
            assert refused.value.code == "state_too_large"
            assert len(await bot.client.events(room, {"org.example.large"})) == 30

    scene(play)


def test_rules_that_are_taken_back_are_empty_state(house: House) -> None:
    async def play() -> None:
        async with listening(house.client("bot"), house.client("bob")) as (bot, bob):
            room = await room_of(bot, bob)
            rule = {"entity": "@a:b.example", "recommendation": "m.ban"}
            event = await bot.client.put_state(room, "m.policy.rule.user", "one", rule)
            await bot.client.redact(room, event, txn="gone")

            async def empty() -> bool:
                found = await bob.client.events(room, {"m.policy.rule.user"})
                return [dict(one.content) for one in found] == [{}]

            await until(empty)
            assert (
                json.dumps(await asyncio.to_thread(house.does, "bob", "GET", f"/rooms/{room}/state")).count("@a:b") == 0
            )

    scene(play)
