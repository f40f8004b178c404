"""Somebody on another real Synapse, which is gone when the bot wants to come, or to write to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.wording.message import Message
from bot import following
from bot.homeserver import ElsewhereAway, Said
from cli.local.certificates import certificates
from cli.local.ports import free_port
from cli.local.synapse import Federation
from kit.identifiers import RoomId, UserId
from tests.support.matrix import Person, account, listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


def two(start_homeserver: Callable[..., Homeserver], folder: Path) -> tuple[Homeserver, Homeserver]:
    """Two homeservers that speak with each other."""
    files = certificates(folder / "certificates", ("near", "far"))
    ports = {name: free_port() for name in files}
    peers = tuple(f"localhost:{port}" for port in ports.values())
    near, far = (start_homeserver(federation=Federation(ports[name], files[name], peers)) for name in ("near", "far"))
    return near, far


@pytest.mark.parametrize("comes_back", [True, False], ids=["and comes back", "for good"])
def test_an_inviter_whose_homeserver_is_gone_keeps_nobody_waiting(
    start_homeserver: Callable[..., Homeserver],
    tmp_path: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    comes_back: bool,
) -> None:
    monkeypatch.setattr(following, "_PAUSES", (1.0,) * (10_000 if comes_back else 3))
    near, far = two(start_homeserver, tmp_path)
    place = Place(near, tmp_path, sqlite_template)
    far.account("stranger")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
            far_room = await _invitation()
            await asyncio.to_thread(far.stop)
            async with place.bot():
                await alice.say(room, "help")
                await alice.hears("door: ", room=room)
                assert far_room in await place.invitations()
                if not comes_back:
                    await until(_nothing_waits)
                    await alice.say(room, "help")
                    await alice.hears("door: ", room=room)
                    return
                await asyncio.to_thread(far.start)
                async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
                    await until(_nothing_waits)
                    await stranger.say(far_room, "help")
                    await stranger.hears("door: ", room=far_room)

    async def _invitation() -> RoomId:
        """Let the stranger invite the bot, which is not running."""
        async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
            room = await stranger.client.create_room()
            assert await stranger.client.invite(room, place.user("earnest"), direct=True) is None
            return room

    async def _nothing_waits() -> bool:
        return not await place.invitations()

    scene(play)
    place.engine.dispose()


def test_nothing_is_written_for_who_has_no_key_to_it(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path
) -> None:
    near, far = two(start_homeserver, tmp_path)
    near.account("earnest")
    far.account("stranger")
    hello = Message("hello there", "hello there")

    async def play() -> None:
        async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
            them = stranger.me  # their device has its keys up by now
        async with listening(account(near, tmp_path / "near", "earnest")) as (bot,):
            room = await bot.client.create_room(name="Earnest")
            assert await bot.client.invite(room, them, direct=True) is None
            await asyncio.to_thread(far.stop)
            for _ in range(2):
                with pytest.raises(ElsewhereAway, match="on which devices"):
                    await bot.client.send(room, hello, txn="hello")
            await asyncio.to_thread(far.start)
            async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
                assert await stranger.comes(inviter=bot.me) == room
                await until(lambda: _sent(bot, room))
                await stranger.hears("hello there", room=room)

    async def _sent(bot: Person, room: RoomId) -> bool:
        try:
            await bot.client.send(room, hello, txn="hello")
        except ElsewhereAway:  # ours tries theirs again before long
            return False
        return True

    scene(play)


def test_a_list_on_another_homeserver_is_followed_and_stays_where_that_is_gone(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path
) -> None:
    near, far = two(start_homeserver, tmp_path)
    place = Place(near, tmp_path, sqlite_template)
    author = far.client(far.account("author"))

    def ask(method: str, path: str, body: dict[str, object]) -> dict[str, str]:
        answer = author.request(method, f"/_matrix/client/v3/{path}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    def bans(room: str, entity: str) -> None:
        ask("PUT", f"rooms/{room}/state/m.policy.rule.user/{entity[1:]}", {"entity": entity, "recommendation": "m.ban"})

    async def listed(entity: str) -> None:
        async def met() -> bool:
            labels = await asyncio.to_thread(place.container.labelling.prepare)
            return labels.of_user(UserId(entity)) == ["bad"]

        await until(met)

    async def play() -> None:
        room = ask("POST", "createRoom", {"preset": "public_chat"})["room_id"]
        assert ":" not in room, "its id says of no server"
        bans(room, "@one:evil.example")
        with place.container.work() as work:
            work.followed.follow("bad", room, [far.name])
        async with place.bot():
            await listed("@one:evil.example")
            await asyncio.to_thread(bans, room, "@two:evil.example")
            await listed("@two:evil.example")
            await asyncio.to_thread(far.stop)
            with place.container.work() as work:
                work.followed.begin("bad")

            async def read_again() -> bool:
                with place.container.read() as work:
                    return not work.followed.rooms.all()[0].due

            await until(read_again)  # ours knows the room by itself now
            await listed("@two:evil.example")

    scene(play)
    author.close()


@pytest.mark.parametrize("encrypted", [True, False])
def test_what_is_written_right_after_the_invitation_is_heard(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path, sqlite_template: Path, *, encrypted: bool
) -> None:
    near, far = two(start_homeserver, tmp_path)
    place = Place(near, tmp_path, sqlite_template)
    far.account("stranger")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            await chat(alice, place)  # by then its device has its keys up
        async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
            room = await stranger.client.create_room(encrypted=encrypted)
            if not encrypted:  # a client would make a new key for this, once it has heard of its own invitation
                await stranger.say(room, "door")
            assert await stranger.client.invite(room, place.user("earnest"), direct=True) is None
            await stranger.say(room, "help")
            async with place.bot():
                await stranger.hears("Hello!", room=room)
                await stranger.hears("door: ", room=room)
                assert not [one for one in stranger.inbox.heard if isinstance(one, Said)], "heard what was said before"

    scene(play)
    place.engine.dispose()


def test_what_was_written_before_one_came_and_after_is_heard_once(
    start_homeserver: Callable[..., Homeserver], tmp_path: Path
) -> None:
    near, far = two(start_homeserver, tmp_path)
    near.account("earnest")
    far.account("stranger")
    words = [f"word {number}" for number in range(12)]

    async def play() -> None:
        async with (
            listening(account(far, tmp_path / "far", "stranger")) as (stranger,),
            listening(account(near, tmp_path / "near", "earnest")) as (bot,),
        ):
            room = await bot.client.create_room(name="Earnest")
            assert await bot.client.invite(room, stranger.me, direct=True) is None
            coming = asyncio.create_task(stranger.comes(inviter=bot.me))
            for word in words:  # some before, some after, some at the same moment
                await bot.say(room, word)
            assert await coming == room
            await bot.say(room, "the last")
            heard = [await stranger.hears("word") for _ in words]
            await stranger.hears("the last")
            assert sorted(said.body for said in heard) == sorted(words)
            assert not [one for one in stranger.inbox.heard if isinstance(one, Said)]

    scene(play)
