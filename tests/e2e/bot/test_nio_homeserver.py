"""The homeserver port on a real Synapse: encryption, restarts, repeated sends, odd events, a server that goes away."""

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.wording.message import Message
from bot.homeserver import Denied, Entered, Happening, Invited, Joined, Left, Reacted, Said, Unreadable
from bot.nio_homeserver import NioHomeserver
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from tests.support.matrix import Person, account, listening, scene
from tests.support.receivers import between
from tests.support.synapse import PASSWORD, Homeserver

pytestmark = pytest.mark.homeserver

HELLO = Message("hello there", "<b>hello</b> there")


class Pair:
    """A bot and somebody, with accounts made for one test."""

    def __init__(self, homeserver: Homeserver, folder: Path) -> None:
        self.homeserver = homeserver
        self.folder = folder
        mark = secrets.token_hex(4)
        self.bot_name, self.bob_name = f"bot{mark}", f"bob{mark}"
        self.bob_login = homeserver.account(self.bob_name)
        self.bot_login = homeserver.account(self.bot_name)

    def bot(self, *, key_patience: float = 20.0) -> NioHomeserver:
        return account(self.homeserver, self.folder, self.bot_name, key_patience=key_patience)

    def bob(self, device: str = "phone") -> NioHomeserver:
        return account(self.homeserver, self.folder / device, self.bob_name)

    def http(self) -> httpx.Client:
        """Bob by plain HTTP, for what no honest client sends."""
        return self.homeserver.client(self.bob_login)


@pytest.fixture
def pair(homeserver: Homeserver, tmp_path: Path) -> Pair:
    return Pair(homeserver, tmp_path)


async def chat(bot: Person, bob: Person) -> RoomId:
    """Open the bot's encrypted chat with Bob, who comes."""
    room = await bot.client.create_room(name="Earnest")
    assert await bot.client.invite(room, bob.me, direct=True) is None
    assert await bob.comes(inviter=bot.me) == room
    return room


def events(http: httpx.Client, room: RoomId) -> list[dict[str, Any]]:
    """All events of a room as the server has them, oldest first."""
    answer = http.get(f"/_matrix/client/v3/rooms/{room}/messages", params={"dir": "f", "limit": 500})
    found: list[dict[str, Any]] = answer.json()["chunk"]
    return found


def test_an_encrypted_chat_both_ways_with_a_reaction(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot(), pair.bob()) as (bot, bob):
            room = await bot.client.create_room(name="Earnest")
            assert await bot.client.invite(room, bob.me, direct=True) is None
            # Sent before he came: whoever is invited must be able to read what they were invited for.
            hello = await bot.client.send(room, HELLO, txn="hello")
            await bob.comes(inviter=bot.me)
            assert (await bob.hears("hello there")).event == hello
            await bob.say(room, "help")
            said = await bot.hears("help")
            assert (said.room, said.sender) == (room, bob.me)
            await bob.client.react(room, hello, "✅", txn="tap")
            tap = await bot.inbox.take(Reacted)
            assert (tap.sender, tap.to, tap.key) == (bob.me, hello, "✅")
            assert await bot.client.members(room) == {bot.me, bob.me}
            assert await bot.client.joined_rooms() == [room]
        with pair.http() as http:
            sent = events(http, room)
        assert not [event for event in sent if event["type"] == "m.room.message"]
        assert len([event for event in sent if event["type"] == "m.room.encrypted"]) == 2
        assert "hello there" not in json.dumps(sent)
        invite = next(e for e in sent if e["type"] == "m.room.member" and e["content"]["membership"] == "invite")
        assert invite["content"]["is_direct"] is True

    scene(play)


def test_the_same_message_is_sent_once_even_by_the_next_process(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot(), pair.bob()) as (bot, bob):
            room = await chat(bot, bob)
            first = await bot.client.send(room, HELLO, txn="one")
            assert await bot.client.send(room, HELLO, txn="one") == first
            button = await bot.client.react(room, first, "✅", txn="tap")
            assert await bot.client.react(room, first, "✅", txn="tap") == button
        async with listening(pair.bot()) as (bot,):
            assert await bot.client.send(room, HELLO, txn="one") == first
            assert await bot.client.react(room, first, "✅", txn="tap") == button
        with pair.http() as http:
            assert len([e for e in events(http, room) if e["type"] in ("m.room.encrypted", "m.reaction")]) == 2

    scene(play)


def test_a_restart_loses_nothing_repeats_nothing_and_keeps_the_device(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bob()) as (bob,):
            async with listening(pair.bot()) as (bot,):
                room = await chat(bot, bob)
                await bob.say(room, "before")
                await bot.hears("before")
            for word in ("first", "second", "third"):
                await bob.say(room, word)
            async with listening(pair.bot()) as (bot,):
                heard = [(await bot.hears()).body for _ in range(3)]
                await bot.say(room, "I am back")
                await bob.hears("I am back")
                await bob.say(room, "after")
                await bot.hears("after")
                assert not bot.inbox.heard
            assert heard == ["first", "second", "third"]
        with pair.homeserver.client(pair.bot_login) as http:
            devices = http.get("/_matrix/client/v3/devices").json()["devices"]
        assert len([device for device in devices if device["display_name"] == "Earnest"]) == 1

    scene(play)


def test_what_was_not_handled_to_the_end_is_heard_again(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bob()) as (bob,):
            async with listening(pair.bot()) as (bot,):
                room = await chat(bot, bob)
                await bot.inbox.take(Joined)
            client = pair.bot()
            stop, heard = asyncio.Event(), []

            async def fails(happening: Happening) -> None:
                heard.append(happening)
                message = "the power went out"
                raise RuntimeError(message)

            async def works(happening: Happening) -> None:
                heard.append(happening)
                stop.set()

            await bob.say(room, "do it")
            with pytest.raises(RuntimeError):
                await client.listen(fails, stop)
            await client.listen(works, stop)
            await client.close()
            assert len(heard) == 2
            assert heard[0] == heard[1]
            assert isinstance(heard[0], Said)
            assert heard[0].body == "do it"

    scene(play)


@pytest.mark.parametrize("first", [True, False])
def test_who_dies_as_it_enters_a_room_hears_of_it_again(pair: Pair, *, first: bool) -> None:
    class Killed(BaseException):
        """The process ends here."""

    async def play() -> None:
        async with listening(pair.bob()) as (bob,):
            dying = pair.bot()
            if not first:
                await dying.start()
            room = await bob.client.create_room(name="Chat")
            assert await bob.client.invite(room, dying.me, direct=True) is None

            async def dies(happening: Happening) -> None:
                if isinstance(happening, Invited):
                    await dying.join(happening.room)
                    raise Killed

            with pytest.raises(Killed):
                await dying.listen(dies, asyncio.Event())
            await dying.close()
            await bob.say(room, "are you there?")
            async with listening(pair.bot()) as (bot,):
                assert await bot.inbox.take(Entered) == Entered(room, bob.me)
                await bot.hears("are you there?")

    scene(play)


def test_the_past_before_the_first_start_is_not_told(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot(), pair.bob("old")) as (bot, bob):
            room = await chat(bot, bob)
            await bot.say(room, "long ago")
            await bob.hears("long ago")
            async with listening(pair.bob("new")) as (newer,):
                await bot.say(room, "now")
                await newer.hears("now")
                assert not newer.inbox.heard

    scene(play)


def test_what_was_said_before_we_were_invited_was_not_said_to_us(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot(), pair.bob()) as (bot, bob):
            room = await bob.client.create_room(encrypted=False)
            await bob.say(room, "accept")
            await bob.client.invite(room, bot.me)
            await bob.say(room, "to you")
            await bot.comes(inviter=bob.me)
            assert (await bot.hears()).body == "to you"
            assert bot.inbox.heard == [Entered(room, bob.me)]

    scene(play)


def test_a_device_that_came_while_the_bot_was_away_can_read(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bob()) as (bob,):
            async with listening(pair.bot()) as (bot,):
                room = await chat(bot, bob)
                await bot.say(room, "to one device")
                await bob.hears("to one device")
            async with listening(pair.bob("tablet")) as (tablet,), listening(pair.bot()) as (bot,):
                await bot.say(room, "to both")
                await bob.hears("to both")
                await tablet.hears("to both")

    scene(play)


ODD_DEVICES: dict[str, Callable[[str, dict[str, Any]], object]] = {
    "names nobody": lambda _, device: {key: value for key, value in device.items() if key != "user_id"},
    "names another": lambda _, device: {**device, "user_id": "@somebody:else.example"},
    "is no map": lambda *_: ["device"],
    "has keys that are none": lambda _, device: {**device, "keys": dict.fromkeys(device["keys"], "?")},
    "has signatures that are none": lambda user, device: {**device, "signatures": {user: 7}},
    "has an odd display name": lambda _, device: {**device, "unsigned": 7},
    "is right, and its one-time keys are none": lambda _, device: device,
}


@pytest.mark.parametrize("odd", ODD_DEVICES.values(), ids=ODD_DEVICES)
def test_what_a_homeserver_says_of_ones_devices_keeps_nobody_else_from_reading(
    pair: Pair, odd: Callable[[str, dict[str, Any]], object]
) -> None:
    name = f"mallory{secrets.token_hex(4)}"
    pair.homeserver.account(name)
    mallory = account(pair.homeserver, pair.folder / "mallory", name)

    def lies(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/keys/query"):
            for device, told in body["device_keys"].get(mallory.me, {}).items():
                body["device_keys"][mallory.me][device] = odd(mallory.me, told)
        if path.endswith("/keys/claim") and mallory.me in body["one_time_keys"]:
            body["one_time_keys"][mallory.me] = {device: {} for device in body["one_time_keys"][mallory.me]}

    async def play(url: str) -> None:
        user = UserId(f"@{pair.bot_name}:{pair.homeserver.name}")
        theirs = NioHomeserver(url, user, folder=pair.folder / pair.bot_name, password=PASSWORD)
        async with listening(theirs, mallory, pair.bob()) as (bot, liar, bob):
            crowd = await bot.client.create_room(name="Earnest")
            assert await bot.client.invite(crowd, liar.me) is None
            assert await liar.comes(inviter=bot.me) == crowd
            assert await bot.client.invite(crowd, bob.me) is None
            assert await bob.comes(inviter=bot.me) == crowd
            await bot.client.send(crowd, HELLO, txn="crowd")
            await bob.hears("hello there", room=crowd)
            alone = await chat(bot, bob)
            await bot.client.send(alone, HELLO, txn="alone")
            await bob.hears("hello there", room=alone)
            await bob.say(alone, "still there?")
            await bot.hears("still there?", room=alone)

    with between(pair.homeserver.url, lies) as url:
        scene(lambda: play(url))


def test_a_refused_invite_gives_the_servers_own_words(pair: Pair) -> None:
    with pair.http() as http:
        path = f"/_matrix/client/v3/user/{pair.bob_login.user_id}/account_data/m.invite_permission_config"
        http.put(path, json={"default_action": "block"}).raise_for_status()

    async def play() -> None:
        async with listening(pair.bot()) as (bot,):
            room = await bot.client.create_room()
            refused = await bot.client.invite(room, UserId(pair.bob_login.user_id), direct=True)
            assert refused is not None
            assert refused["errcode"] == "M_INVITE_BLOCKED"
            assert refused["error"] == "You are not permitted to invite this user."
            await bot.client.leave(room)
            assert await bot.client.joined_rooms() == []
            await bot.client.leave(room)

    scene(play)


def test_whoever_leaves_is_told_of(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot(), pair.bob()) as (bot, bob):
            room = await chat(bot, bob)
            await bob.client.leave(room, reason="no thanks")
            assert await bot.inbox.take(Left) == Left(room, bob.me)
            with pytest.raises(Denied) as denied:
                await bob.say(room, "too late")
            assert denied.value.status == 403

    scene(play)


def test_a_message_without_a_key_is_told_of_once_and_a_late_key_still_opens_it(pair: Pair) -> None:
    async def play() -> None:
        client = pair.bot(key_patience=3.0)
        async with listening(client, pair.bob()) as (bot, bob):
            room = await chat(bot, bob)
            nio: Any = client._client.nio
            handle, late = nio._handle_decrypt_to_device, asyncio.Queue[Any]()
            nio._handle_decrypt_to_device = late.put_nowait
            event = await bob.say(room, "key comes late")
            handle(await late.get())
            nio._handle_decrypt_to_device = handle
            assert (await bot.hears("key comes late")).event == event
            nio._handle_decrypt_to_device = lambda _: None
            # A new session, so that a key is needed again.
            bob.client._client.nio.invalidate_outbound_session(room)
            lost = await bob.say(room, "key never comes")
            told = await bot.inbox.take(Unreadable)
            assert (told.event, told.sender, told.room) == (lost, bob.me, room)
            assert not bot.inbox.heard

    scene(play)


def test_a_login_that_ended_is_renewed_on_the_same_device(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot()) as (bot,):
            token, device = bot.client._client.nio.access_token, bot.client._client.nio.device_id
        out = f"{pair.homeserver.url}/_matrix/client/v3/logout"
        await asyncio.to_thread(httpx.post, out, headers={"Authorization": f"Bearer {token}"})
        async with listening(pair.bot(), pair.bob()) as (bot, bob):
            assert bot.client._client.nio.device_id == device
            assert bot.client._client.nio.access_token != token
            # Bob meets the device anew: matrix-nio never takes back one that it saw disappear.
            room = await chat(bot, bob)
            await bob.say(room, "still there?")
            await bot.hears("still there?")

    scene(play)


def _odd_contents() -> list[tuple[str, Any]]:
    text = "m.room.message"
    return [
        (text, {"msgtype": "m.text", "body": "x" * 60_000}),
        (text, {"msgtype": "m.text", "body": "<script>alert(1)</script>", "formatted_body": "<img src=x onerror=y>"}),
        (text, {"msgtype": "m.text", "body": "\u202eevil\u2066 \u200b\u200d\ufeff\u0000"}),
        (text, {"msgtype": "m.text", "body": "@room " * 5_000, "m.mentions": {"user_ids": ["@a:b"] * 6_000}}),
        (text, {"msgtype": "m.text", "body": "a", "m.mentions": {"user_ids": {"no": "list"}}}),
        (text, {"msgtype": "m.text", "body": "a", "m.mentions": [1, 2]}),
        (text, {"msgtype": "m.text", "body": 5}),
        (text, {"msgtype": "m.text", "body": None}),
        (text, {"msgtype": "m.text", "body": {"a": []}}),
        (text, {"msgtype": 7, "body": "a"}),
        (text, {"msgtype": "m.text", "body": "edited", "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}),
        (text, {"msgtype": "m.text", "body": "a", "m.relates_to": "nothing"}),
        (text, {}),
        ("m.reaction", {}),
        ("m.reaction", {"m.relates_to": None}),
        ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": 5, "key": []}}),
        ("m.room.encrypted", {}),
        ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"}),
        ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": 1, "session_id": 2}),
        (
            "m.room.encrypted",
            {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "s", "device_id": "d"},
        ),
        (
            "m.room.encrypted",
            {
                "algorithm": "m.megolm.v1.aes-sha2",
                "ciphertext": "AAAA",
                "session_id": "s",
                "device_id": "d",
                "sender_key": "k",
            },
        ),
        ("m.room.encrypted", {"algorithm": "m.olm.v1.curve25519-aes-sha2", "ciphertext": {}}),
        ("m.room.redaction", {"redacts": "$nothing"}),
        ("org.example.odd", {"deep": [[[[[[[[[[{}]]]]]]]]]]}),
        ("m.sticker", {"body": 1}),
        ("m.poll.start", {"answers": "no"}),
    ]


def _odd_state() -> list[tuple[str, str, Any]]:
    return [
        ("m.room.name", "", {"name": {"not": "text"}}),
        ("m.room.topic", "", {"topic": 5}),
        ("m.room.canonical_alias", "", {"alias": None}),
        ("m.room.join_rules", "", {"join_rule": "invite", "allow": 5}),
        ("m.room.history_visibility", "", {"history_visibility": 5}),
        ("m.room.guest_access", "", {}),
        ("m.room.avatar", "", {"url": 5}),
        ("m.room.encryption", "", {"algorithm": 5}),
        ("m.room.encryption", "", {}),
        ("m.space.child", "!x:y", {"via": "no"}),
    ]


def test_odd_events_of_every_kind_stop_nothing(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot(key_patience=0.5), pair.bob()) as (bot, bob):
            room = await bob.client.create_room(encrypted=False)
            await bob.client.invite(room, bot.me)
            await bot.comes(inviter=bob.me)
            await _throw(pair, room)
            await bob.say(room, "still with us?")
            await bot.hears("still with us?")
            texts: list[object] = [one.body for one in bot.inbox.heard if isinstance(one, Said)]
            texts += [part for one in bot.inbox.heard if isinstance(one, Reacted) for part in (one.key, one.to)]
            assert texts
            assert all(isinstance(text, str) for text in texts)
            assert not [one for one in bot.inbox.heard if isinstance(one, Said) and one.body == "edited"]
            await bot.say(room, "I am")
            await bob.hears("I am")

    scene(play)


async def _throw(pair: Pair, room: RoomId) -> None:
    """Send all odd events; some the server itself refuses, which is as good."""
    accepted = 0
    with pair.http() as http:
        base = f"/_matrix/client/v3/rooms/{room}"
        for place, (kind, content) in enumerate(_odd_contents()):
            answer = await asyncio.to_thread(http.put, f"{base}/send/{kind}/odd{place}", json=content)
            accepted += answer.status_code == 200
        for kind, key, content in _odd_state():
            answer = await asyncio.to_thread(http.put, f"{base}/state/{kind}/{key}", json=content)
            accepted += answer.status_code == 200
        profile = {"membership": "join", "displayname": "\u202e<b>" + "x" * 200, "avatar_url": "nonsense"}
        await asyncio.to_thread(http.put, f"{base}/state/m.room.member/{pair.bob_login.user_id}", json=profile)
        odd = {"messages": {f"@{pair.bot_name}:{pair.homeserver.name}": {"*": {"algorithm": "x", "ciphertext": 5}}}}
        for kind in ("m.room.encrypted", "m.room_key", "m.room_key_request", "m.forwarded_room_key", "m.dummy"):
            await asyncio.to_thread(http.put, f"/_matrix/client/v3/sendToDevice/{kind}/odd-{kind}", json=odd)
    assert accepted >= 25


def test_a_flood_while_we_were_away_is_read_up_to_a_bound(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bob()) as (bob,):
            room = await bob.client.create_room(encrypted=False)
            async with listening(pair.bot()) as (bot,):
                await bob.client.invite(room, bot.me)
                await bot.comes(inviter=bob.me)
                await bob.say(room, "here")
                await bot.hears("here")
            for number in range(230):
                await bob.say(room, f"message {number}")
            async with listening(pair.bot()) as (bot,):
                await bot.hears("message 229")
                assert 90 <= len(bot.inbox.heard) <= 110

    scene(play)


def test_a_homeserver_that_is_away_is_told_of_and_found_again(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path
) -> None:
    homeserver = start_homeserver()
    pair = Pair(homeserver, tmp_path)

    async def play() -> None:
        stop = asyncio.Event()
        async with listening(pair.bob()) as (bob,):
            async with listening(pair.bot()) as (bot,):
                room = await chat(bot, bob)
            client = pair.bot()
            person = Person(client)
            hearing = asyncio.create_task(client.listen(person.inbox.hear, stop))
            await bob.say(room, "one")
            await person.hears("one")
            stop_bob = bob  # his own listening ends with the server, which the block below expects
            await asyncio.to_thread(homeserver.stop)
            with pytest.raises(HomeserverUnavailable):
                await hearing
            with pytest.raises(HomeserverUnavailable):
                await client.send(room, HELLO, txn="away")
            with pytest.raises(HomeserverUnavailable):
                await client.members(room)
            await asyncio.to_thread(homeserver.start)
            hearing = asyncio.create_task(client.listen(person.inbox.hear, stop))
            await stop_bob.say(room, "two")
            await person.hears("two")
            assert not person.inbox.heard
            stop.set()
            await hearing
            await client.close()

    with pytest.raises(HomeserverUnavailable):  # Bob's own listening
        scene(play)


def test_a_wrong_password_is_told_as_the_server_tells_it(pair: Pair, tmp_path: Path) -> None:
    client = NioHomeserver(
        pair.homeserver.url, UserId(pair.bot_login.user_id), folder=tmp_path / "x", password="not this one"
    )

    async def play() -> None:
        with pytest.raises(Denied) as denied:
            await client.start()
        assert denied.value.body["errcode"] == "M_FORBIDDEN"
        await client.close()

    scene(play)


def test_what_is_kept_is_nobody_elses_to_read(pair: Pair) -> None:
    async def play() -> None:
        async with listening(pair.bot()):
            pass

    scene(play)
    folder = pair.folder / pair.bot_name
    assert folder.stat().st_mode & 0o077 == 0
    for file in folder.glob("*.json"):
        assert file.stat().st_mode & 0o077 == 0, file
