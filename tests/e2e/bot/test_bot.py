"""The whole bot on a real Synapse, with people who talk to it in encrypted chats."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.homeserver import Entered, Reacted
from bot.main import homeserver_of
from kit.amounts import Amount
from kit.identifiers import RoomId
from reputation.model import DoorMode
from tests.support.matrix import listening, scene
from tests.support.places import WEB, Place, chat
from tests.support.services import PASSWORD as KEYS_PASSWORD
from tests.support.services import a_stake
from tests.support.synapse import PASSWORD, Homeserver

pytestmark = pytest.mark.homeserver

ERN = 10**18


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


def test_a_door_is_set_by_talking_to_the_bot_in_an_encrypted_chat(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            room = await chat(alice, place)
            await alice.say(room, "door stake 5")
            await alice.hears("a stake of 5 ERN", room=room)
        with place.container.read() as work:
            door = work.doors.show(work.people.number(place.user("alice")))
        assert (door.mode, door.stake) == (DoorMode.ASK, Amount(5 * ERN))

    scene(play)


def test_a_command_sent_before_the_bot_came_is_answered_once_it_comes(place: Place) -> None:
    async def play() -> None:
        before = homeserver_of(place.container)
        await before.joined_rooms()  # it was there once, so that it has a device to encrypt for
        await before.close()
        async with listening(place.client("alice")) as (alice,):
            room = await alice.client.create_room()
            await alice.client.invite(room, place.user("earnest"), direct=True)
            await alice.say(room, "help")
            async with place.bot():
                await alice.hears("door: ", room=room)

    scene(play)


def test_a_stranger_is_told_once_whatever_restarts_in_between(place: Place) -> None:
    async def play() -> None:
        async with listening(place.client("bob")) as (bob,):
            place.door_asks(5 * ERN)
            async with place.bot():
                await asyncio.to_thread(place.knock)
                room = await bob.comes(inviter=place.user("earnest"))
                held = await bob.hears("they have not seen it", room=room)
                assert "Your check code is" in held.body
                await asyncio.to_thread(place.knock)
                await bob.say(room, "help")
                await bob.hears("door: ", room=room)
            await asyncio.to_thread(place.knock, room=RoomId("!another:away.example"))
            await bob.say(room, "why " + place.user("alice"))
            async with place.bot():
                await bob.hears("would reach you", room=room)
                await asyncio.to_thread(a_stake, place.container, place.user("bob"), place.user("alice"))
                await bob.hears("is open for you", room=room)
                await bob.say(room, "stop")
                await bob.hears("not write to you unasked", room=room)
            heard = [one for one in bob.inbox.heard if not isinstance(one, Entered)]  # he came in, and heard that
            assert not heard, "told something twice, or invited again"

    scene(play)


def test_an_answer_is_tapped_and_a_spam_verdict_confirmed_by_a_tap(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            room = await chat(alice, place)
            place.door_asks(5 * ERN)
            await asyncio.to_thread(a_stake, place.container, place.user("bob"), place.user("alice"))
            await asyncio.to_thread(place.knock)
            tenant = place.tenant()
            with place.container.work() as work:
                work.gate.joined(tenant, place.user("alice"), WEB)
            asked = await alice.hears("put down a stake of 5 ERN", room=room)
            signs = {(await alice.inbox.take(Reacted, lambda one: one.to == asked.event)).key for _ in range(3)}
            assert signs == {"✅", "↩️", "🚫"}
            await alice.client.react(room, asked.event, "🚫", txn="tap")
            sure = await alice.hears("really want to call", room=room)
            await alice.client.react(room, sure.event, "👍", txn="sure")
            await alice.hears("will be burned", room=room)
            await alice.say(room, "undo")
            await alice.hears("no spammer any more", room=room)

    scene(play)


def test_nobody_else_can_answer_and_a_flood_stops_nobody(place: Place) -> None:
    odd = ("x" * 15_000, "<h1>door open</h1>", "\u202enepo rood", "\u200b\u2060", "@room " * 2_500, "door\x00open", "/")

    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("bob")) as (alice, bob):
            quiet, loud = await chat(alice, place), await chat(bob, place)
            await alice.say(quiet, "door closed")
            await alice.hears("closed", room=quiet)
            for text in odd * 5:
                await bob.say(loud, text)
            await alice.client.invite(quiet, bob.me)
            await bob.client.join(quiet)
            await bob.say(quiet, "door open")
            await alice.say(quiet, "door open")
            await alice.hears("one person at a time", room=quiet)
            again = await chat(alice, place)
            await alice.say(again, "door show")
            assert "closed" in (await alice.hears("Your door", room=again)).body
            answers = [one for one in bob.inbox.heard if getattr(one, "room", None) == loud]
            assert len(answers) <= 10

    scene(play)


def test_forget_me_ends_the_chat(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            room = await chat(alice, place)
            await alice.say(room, "forget me")
            await alice.hears("Shall I forget you", room=room)
            await alice.say(room, "confirm")
            await alice.hears("You are forgotten", room=room)
            while place.user("earnest") in await alice.client.members(room):
                await alice.client.members(room)
        with place.container.read() as work:
            assert work.people.find(place.user("alice")) is None

    scene(play)


def test_while_the_homeserver_is_away_everything_waits_and_is_done_when_it_is_back(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path
) -> None:
    homeserver = start_homeserver()
    place = Place(homeserver, tmp_path, sqlite_template)
    place.door_asks(5 * ERN)

    async def play() -> None:
        async with place.bot():
            await asyncio.to_thread(homeserver.stop)
            await asyncio.to_thread(place.knock)
            await asyncio.to_thread(homeserver.start)
            async with listening(place.client("bob")) as (bob,):
                await bob.hears("they have not seen it", room=await bob.comes(inviter=place.user("earnest")))
        await asyncio.to_thread(homeserver.stop)
        async with place.bot():
            await asyncio.sleep(1)  # one that never finds its homeserver ends as cleanly

    scene(play)
    assert place.owed() == 0
    place.engine.dispose()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_when_it_is_asked_to(place: Place, number: signal.Signals) -> None:
    settings = {
        "EARNEST_DATA": str(place.folder),
        "EARNEST_KEYSTORE_PASSWORD": KEYS_PASSWORD,
        "EARNEST_HOMESERVER_URL": place.homeserver.url,
        "EARNEST_BOT_USER_ID": place.user("earnest"),
        "EARNEST_BOT_PASSWORD": PASSWORD,
    }
    program = [sys.executable, "-c", "from cli.main import main; main()", "bot"]

    async def play(process: "subprocess.Popen[bytes]") -> None:
        async with listening(place.client("alice")) as (alice,):
            await chat(alice, place)
            process.send_signal(number)

    with subprocess.Popen(program, env={**os.environ, **settings}, stderr=subprocess.PIPE) as process:
        scene(lambda: play(process))
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert b"bot_stopped" in said
    assert b"Traceback" not in said
    assert KEYS_PASSWORD.encode() not in said
    assert PASSWORD.encode() not in said
