"""A client that shares keys with signed devices only can talk with the bot, and could not if the bot were unsigned."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from bot.cross_signing import CrossSigning
from bot.homeserver import Invited, Said, Unreadable
from bot.main import homeserver_of, serve
from kit.clock import system_clock
from kit.database import Database, make_engine
from kit.identifiers import UserId
from tests.support.matrix import account, listening, scene
from tests.support.peers import careful_peer
from tests.support.services import a_container
from tests.support.synapse import PASSWORD, Homeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture
def bot(homeserver: Homeserver) -> str:
    name = f"bot{secrets.token_hex(4)}"
    homeserver.account(name)
    return name


def test_a_careful_client_is_read_answered_and_reads_the_answer(
    homeserver: Homeserver, bot: str, tmp_path: Path, sqlite_template: Path
) -> None:
    file = tmp_path / "earnest.db"
    file.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{file}")
    me = UserId(f"@{bot}:{homeserver.name}")
    container = a_container(
        tmp_path,
        Database(engine),
        clock=system_clock,
        homeserver_url=homeserver.url,
        bot_user_id=me,
        bot_password=PASSWORD,
    )

    async def play() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(container, homeserver_of(container), stop))
        async with careful_peer(homeserver, homeserver.account(), me, "help") as peer:
            assert "Hello!" in (await peer.tells("said"))["body"]
            await peer.tells("said", "door: ")
        stop.set()
        await serving

    scene(play)
    engine.dispose()


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_whether_the_bot_can_read_a_careful_client_hangs_on_the_signature(
    homeserver: Homeserver, bot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, signed: bool
) -> None:
    async def nothing(*_: object, **__: object) -> None:
        pass

    if not signed:
        monkeypatch.setattr(CrossSigning, "ensure", nothing)

    async def play() -> None:
        person = homeserver.account()
        async with (
            listening(account(homeserver, tmp_path, bot, key_patience=2.0)) as (one,),
            careful_peer(homeserver, person, one.me, "help") as peer,
        ):
            await one.comes(inviter=UserId(person.user_id))
            room = (await peer.tells("sent"))["room"]
            if signed:
                assert (await one.hears("help")).sender == person.user_id
            else:
                assert (await one.inbox.take(Unreadable)).sender == person.user_id
            assert not [heard for heard in one.inbox.heard if isinstance(heard, Said | Unreadable | Invited)]
            await one.say(room, "can you read me?")
            if signed:
                await peer.tells("said", "can you read me?")
            else:
                assert (await peer.tells("unreadable"))["why"] == "UNSIGNED_SENDER_DEVICE"

    scene(play)
