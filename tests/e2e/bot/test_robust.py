"""What must not disturb the bot, on a real Synapse: mistakes of its own, lost places in the sync, rooms that change."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import obeying
from bot.homeserver import Invited, Left
from bot.listener import Listener
from bot.main import homeserver_of
from bot.nio_homeserver import NioHomeserver
from kit.amounts import Amount
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId
from reputation.model import DoorMode
from tests.support.matrix import Person, listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

ERN = 10**18
WITHOUT_SERVER = re.compile(r"![A-Za-z0-9_-]{43}")


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


def heard_of(person: Person, part: str) -> int:
    """How often somebody heard a text that nobody waited for."""
    return len([one for one in person.inbox.heard if part in getattr(one, "body", "")])


# ---------------------------------------------------------------------------------------------------- mistakes


def test_a_mistake_of_ours_stops_nothing_and_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    obey, may_ask = obeying.obey, Listener._may_ask

    def mistaken(work: Any, asked: Any) -> Any:  # noqa: ANN401 - the listener's own
        return obey(work, asked) if "2" not in asked.words else asked.words["a bug in a command"]

    async def more_mistaken(_: Listener, heard: Any) -> bool:  # noqa: ANN401 - the listener's own
        monkeypatch.setattr(Listener, "_may_ask", may_ask)
        raise ValueError(f"a bug in the listener, at {heard}")

    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            room = await chat(alice, place)
            monkeypatch.setattr("bot.listener.obey", mistaken)
            monkeypatch.setattr(Listener, "_may_ask", more_mistaken)
            for number in (1, 2, 3):
                await alice.say(room, f"door stake {number}")
            await alice.hears("Something went wrong", room=room)
            await alice.hears("a stake of 3 ERN", room=room)
            assert not alice.inbox.heard
        with place.container.read() as work:
            assert work.doors.show(work.people.number(place.user("alice"))).stake == Amount(3 * ERN)

    scene(play)


def test_a_homeserver_that_fails_in_the_middle_is_answered_to_the_end_and_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = NioHomeserver.send
    fails = iter([*[False] * 11, True, False, True])  # by then, all again would be more than anybody may ask at once

    async def failing(self: NioHomeserver, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the port has them
        event = await send(self, *args, **options)
        if self.me == place.user("earnest") and next(fails, False):
            message = "the answer to that was lost"
            raise HomeserverUnavailable(message)
        return event

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
            for number in range(1, 16):
                await alice.say(room, f"door stake {number}")
            monkeypatch.setattr(NioHomeserver, "send", failing)
            async with place.bot():
                for number in range(1, 16):
                    await alice.hears(f"a stake of {number} ERN", room=room)
                await alice.say(room, "help")
                await alice.hears("door: ", room=room)
            assert not heard_of(alice, "a stake of")

    scene(play)


# ------------------------------------------------------------------------------------------- places in the sync


@pytest.mark.parametrize("kept", ["nothing", "a place that the server does not know", "an older place"])
def test_nothing_old_is_answered_again_where_the_place_in_the_sync_was_lost(place: Place, kept: str) -> None:
    file = place.folder / "bot" / "since.json"

    async def _written_anew() -> bool:
        return file.exists() and "no such place" not in file.read_text()

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
            older = file.read_text()
            async with place.bot():
                await alice.say(room, "door stake 5")
                await alice.hears("a stake of 5 ERN", room=room)
                await alice.say(room, "door closed")
                await alice.hears("closed", room=room)
            if kept == "nothing":
                file.unlink()
            elif kept == "an older place":
                file.write_text(older)
            else:
                file.write_text(json.dumps({**json.loads(older), "since": "no such place"}))
            async with place.bot():
                await until(_written_anew)
                await alice.say(room, "door show")
                assert "closed" in (await alice.hears("Your door", room=room)).body
            assert not alice.inbox.heard, "an old command was answered again"

    scene(play)


def test_with_all_of_its_folder_lost_the_bot_goes_on_in_the_same_chats(place: Place) -> None:
    async def _there_again() -> bool:
        return (place.folder / "bot" / "since.json").exists()

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
                await alice.say(room, "door stake 5")
                await alice.hears("a stake of 5 ERN", room=room)
            await asyncio.to_thread(shutil.rmtree, place.folder / "bot")
            async with place.bot():
                await until(_there_again)
                await alice.say(room, "door closed")
                await alice.hears("closed", room=room)
            assert not alice.inbox.heard

    scene(play)


def test_an_invitation_that_is_told_twice_is_followed_and_greeted_once(place: Place) -> None:
    file = place.folder / "bot" / "since.json"

    async def _written() -> bool:
        return file.exists()

    async def play() -> None:
        first = homeserver_of(place.container)
        assert isinstance(first, NioHomeserver)
        async with listening(first):
            await until(_written)
        older = file.read_text()
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
            await asyncio.to_thread(file.write_text, older)
            async with place.bot():
                await alice.say(room, "help")
                await alice.hears("door: ", room=room)
            assert not alice.inbox.heard
        with place.http("alice") as http:
            chunk = http.get(f"/_matrix/client/v3/rooms/{room}/messages", params={"dir": "f", "limit": 100}).json()
        joins = [
            event
            for event in chunk["chunk"]
            if event.get("state_key") == place.user("earnest") and event["content"]["membership"] == "join"
        ]
        assert len(joins) == 1

    scene(play)


# ---------------------------------------------------------------------------------------------------- rooms


async def invited_to(place: Place, alice: Person, **body: Any) -> RoomId:  # noqa: ANN401 - any JSON
    """Make an encrypted room of a person's, with the bot invited, and be greeted."""
    encrypted = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    wanted = {"preset": "private_chat", "initial_state": [encrypted], "invite": [place.user("earnest")], **body}
    made = await alice.client._client.request("POST", "/_matrix/client/v3/createRoom", wanted)
    room = RoomId(made["room_id"])
    await alice.hears("Hello!", room=room)
    return room


@pytest.mark.parametrize("version", ["9", "11", "12"])
def test_rooms_of_every_version_will_do(place: Place, version: str) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("bob")) as (alice, bob):
            room = await invited_to(place, alice, room_version=version)
            assert (WITHOUT_SERVER.fullmatch(room) is not None) is (version == "12")
            await alice.say(room, "door stake 5")
            await alice.hears("a stake of 5 ERN", room=room)
            # The bot's own rooms are of the server's version; the knock is about one of the version in question.
            await asyncio.to_thread(place.knock, room=room)
            chat_of_bob = await bob.comes(inviter=place.user("earnest"))
            await bob.hears("they have not seen it", room=chat_of_bob)
            assert WITHOUT_SERVER.fullmatch(chat_of_bob), "the server makes rooms of version 12 by itself"
        with place.container.read() as work:
            door = work.doors.show(work.people.number(place.user("alice")))
        assert (door.mode, door.stake) == (DoorMode.ASK, Amount(5 * ERN))

    scene(play)


def test_who_leaves_and_comes_back_is_welcome(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            first = await chat(alice, place)
            await alice.client.leave(first)
            again = await chat(alice, place)
            await alice.say(again, "door closed")
            await alice.hears("closed", room=again)
            # Put out of the room and called back into it.
            await alice.client._client.request(
                "POST", f"/_matrix/client/v3/rooms/{again}/kick", {"user_id": place.user("earnest")}
            )
            await alice.inbox.take(Left, lambda left: left.user == place.user("earnest"))
            await alice.client.invite(again, place.user("earnest"), direct=True)
            await until(lambda: _is_in(place, alice, again))
            await alice.say(again, "door open")
            await alice.hears("open", room=again)
        with place.container.read() as work:
            assert work.conversations.room_of(work.people.number(place.user("alice"))) == again

    scene(play)


async def _is_in(place: Place, person: Person, room: RoomId) -> bool:
    answer = await person.client._client.request("GET", f"/_matrix/client/v3/rooms/{room}/joined_members")
    return place.user("earnest") in answer["joined"]


async def _is_gone(place: Place, person: Person, room: RoomId) -> bool:
    return not await _is_in(place, person, room)


@pytest.mark.parametrize("called", [True, False], ids=["called along", "not called along"])
def test_a_chat_that_moves_to_another_room(place: Place, *, called: bool) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("bob")) as (bob,):
            before = await invited_to(place, bob, room_version="11")
            answer = await bob.client._client.request(
                "POST", f"/_matrix/client/v3/rooms/{before}/upgrade", {"new_version": "12"}
            )
            after = RoomId(answer["replacement_room"])
            if called:
                await bob.client.invite(after, place.user("earnest"), direct=True)
                await bob.hears("Hello!", room=after)
                await until(lambda: _is_gone(place, bob, before))
            else:
                await bob.inbox.take(Left, lambda left: left == Left(before, place.user("earnest")))
            place.door_asks(5 * ERN)
            await asyncio.to_thread(place.knock)
            if not called:
                after = (await bob.inbox.take(Invited, lambda one: one.inviter == place.user("earnest"))).room
                await bob.client.join(after)
            await bob.hears("they have not seen it", room=after)
            await bob.say(after, "help")
            await bob.hears("door: ", room=after)

    scene(play)
    assert place.owed() == 0
