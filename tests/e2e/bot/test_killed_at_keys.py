"""The bot's process ends while its keys are on their way to a real Synapse: it comes up again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from nio import AsyncClient, KeysUploadResponse

from app.wording.message import Message
from bot.homeserver import Denied
from bot.nio_client import _SturdyClient
from bot.nio_homeserver import NioHomeserver
from tests.support.matrix import account, listening, scene
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


class Killed(BaseException):
    """The process ends here; nothing of ours catches it."""


def the_bot(homeserver: Homeserver, folder: Path) -> NioHomeserver:
    return account(homeserver, folder, "dying")


async def dies(client: NioHomeserver) -> None:
    with pytest.raises(Killed):
        await client.start()
    await client.close()


async def can_be_written_to(bot: NioHomeserver, bob: NioHomeserver) -> None:
    async with listening(bot, bob) as (one, other):
        room = await other.client.create_room(name="Chat")
        assert await other.client.invite(room, one.me, direct=True) is None
        await one.comes(inviter=other.me)
        await other.client.send(room, Message("can you read me?", "can you read me?"), txn="hello")
        await one.hears("can you read me?")


@pytest.fixture
def accounts(start_homeserver: Any) -> Homeserver:  # noqa: ANN401 - the fixture's own function
    homeserver: Homeserver = start_homeserver()
    for name in ("dying", "bob"):
        homeserver.account(name)
    return homeserver


def test_killed_once_the_server_has_the_keys(
    accounts: Homeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = AsyncClient.receive_response

    async def dying(self: AsyncClient, response: Any) -> Any:  # noqa: ANN401 - nio's own types
        if isinstance(response, KeysUploadResponse):
            raise Killed
        return await receive(self, response)

    async def play() -> None:
        monkeypatch.setattr(AsyncClient, "receive_response", dying)
        await dies(the_bot(accounts, tmp_path))
        monkeypatch.undo()
        await can_be_written_to(the_bot(accounts, tmp_path), account(accounts, tmp_path, "bob"))

    scene(play)


def test_a_store_that_is_older_than_what_the_server_has(
    accounts: Homeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(self: AsyncClient) -> Any:  # noqa: ANN401, ARG001 - nio's own
        raise Killed

    async def play() -> None:
        monkeypatch.setattr(_SturdyClient, "keys_upload", dying)
        await dies(the_bot(accounts, tmp_path))
        monkeypatch.undo()
        shutil.copytree(tmp_path / "dying", tmp_path / "backup")
        whole = the_bot(accounts, tmp_path)
        await whole.start()
        await whole.close()
        shutil.rmtree(tmp_path / "dying")
        shutil.move(tmp_path / "backup", tmp_path / "dying")
        restored = the_bot(accounts, tmp_path)
        with pytest.raises(Denied):  # the server has others under these names
            await restored.start()
        await restored.close()
        again = the_bot(accounts, tmp_path)
        await again.start()
        await again.close()

    scene(play)
