"""The bot's device is vouched for by an identity of its own, on a real Synapse, whatever is lost or cut off."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.cross_signing import FILE
from bot.kept import Kept
from bot.nio_client import NioClient
from bot.nio_homeserver import NioHomeserver
from kit.identifiers import UserId
from tests.support.matrix import account, listening, scene
from tests.support.signatures import Chain, chain
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


_LOSES_SIGNATURES = ("DELETE FROM e2e_cross_signing_signatures WHERE user_id = ?",)
_LOSES_KEYS = (
    "DELETE FROM e2e_cross_signing_keys WHERE user_id = ?",
    "DELETE FROM devices WHERE hidden AND user_id = ?",
)


class Killed(BaseException):
    """The process ends here; nothing of ours catches it."""


class Place:
    """A bot's account made for one test, and what others see of it."""

    def __init__(self, homeserver: Homeserver, folder: Path) -> None:
        self.homeserver = homeserver
        self.folder = folder
        self.name = f"bot{secrets.token_hex(4)}"
        homeserver.account(self.name)
        self.somebody = homeserver.account()

    @property
    def user(self) -> str:
        return f"@{self.name}:{self.homeserver.name}"

    @property
    def kept(self) -> Path:
        return self.folder / self.name

    def bot(self) -> NioHomeserver:
        return account(self.homeserver, self.folder, self.name)

    def run(self, bot: NioHomeserver | None = None) -> str:
        """Start the bot and end it; its device."""
        found = bot or self.bot()

        async def play() -> None:
            try:
                await found.start()
            finally:
                await found.close()

        scene(play)
        return str(found._client.nio.device_id)

    def seen(self, device: str) -> Chain:
        """What somebody else's client is shown; what is shown to nobody else (those two), as the bot sees it."""
        mine = self._query(self.own_login())
        own, theirs = chain(mine, self.user, device), chain(self._query(self.somebody), self.user, device)
        return replace(theirs, user_signing=own.user_signing, master_by_device=own.master_by_device)

    def _query(self, login: Any) -> dict[str, Any]:  # noqa: ANN401 - a login
        with self.homeserver.client(login) as http:
            answer = http.post("/_matrix/client/v3/keys/query", json={"device_keys": {self.user: []}})
        found: dict[str, Any] = answer.json()
        return found

    def own_login(self) -> Any:  # noqa: ANN401 - a login
        kept = json.loads((self.kept / "account.json").read_text())
        return type(self.somebody)(self.user, kept["device_id"], kept["access_token"])

    def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.kept / FILE).read_text())
        return found


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path) -> Place:
    return Place(homeserver, tmp_path)


@contextmanager
def asked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note the paths of all requests that change something about keys."""
    paths: list[str] = []
    exchange = NioClient._exchange

    async def noting(self: NioClient, method: str, path: str, body: Mapping[str, Any] | None, seconds: float) -> Any:  # noqa: ANN401
        if "/keys/" in path and "query" not in path:
            paths.append(path.rpartition("/keys/")[2])
        return await exchange(self, method, path, body, seconds)

    with monkeypatch.context() as patched:
        patched.setattr(NioClient, "_exchange", noting)
        yield paths


def test_everybody_sees_that_the_device_is_the_bots_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked_for(monkeypatch) as first:
        device = place.run()
    assert first == ["device_signing/upload", "signatures/upload"]
    seen = place.seen(device)
    assert seen.whole
    assert seen.master == place.identity()["master"]
    with asked_for(monkeypatch) as again:
        assert place.run() == device
    assert again == []
    assert place.seen(device) == seen


def test_the_keys_are_kept_where_only_the_bot_reads_them(place: Place) -> None:
    place.run()
    assert (place.kept / FILE).stat().st_mode & 0o777 == 0o600
    kept, sealed = Kept(place.kept), place.identity()["sealed"]
    assert kept.unseal(sealed, "cross-signing keys") is not None
    assert kept.unseal(sealed, "something else") is None
    (place.kept / "pickle.json").write_text(json.dumps({"key": "another"}))
    assert kept.unseal(sealed, "cross-signing keys") is None
    assert kept.unseal("no base64!", "cross-signing keys") is None


@pytest.mark.parametrize("replacing", [False, True], ids=["the first identity", "another one"])
def test_killed_after_any_step(
    homeserver: Homeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, replacing: bool
) -> None:
    ends = 0
    while True:
        place = Place(homeserver, tmp_path)
        if not _killed(place, monkeypatch, after=ends + 1, replacing=replacing):
            break
        master = place.identity()["master"]
        seen = place.seen(place.run())
        assert seen.whole, ends
        assert seen.master == master == place.identity()["master"], "the keys that were kept first are those that count"
        assert replacing is ("replaced_at" in place.identity())
        ends += 1
    assert ends >= 5, "there were fewer steps than there are"


def _killed(place: Place, monkeypatch: pytest.MonkeyPatch, *, after: int, replacing: bool) -> bool:
    """Run the bot, and kill it once that many steps were taken: its identity written, or a request about it answered.

    Return whether it came to that.
    """
    if replacing:
        place.run()
        (place.kept / FILE).unlink()
    steps = 0
    exchange, write = NioClient._exchange, Kept.write

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == after:
            raise Killed

    async def exchanging(self: NioClient, method: str, path: str, body: Any, seconds: float) -> Any:  # noqa: ANN401
        answer = await exchange(self, method, path, body, seconds)
        if steps and "/keys/" in path:
            step()
        return answer

    def writing(self: Kept, name: str, content: Mapping[str, str]) -> None:
        write(self, name, content)
        if name == FILE:
            step()

    with monkeypatch.context() as patched:
        patched.setattr(NioClient, "_exchange", exchanging)
        patched.setattr(Kept, "write", writing)
        try:
            place.run()
        except Killed:
            return True
    return False


def test_what_the_server_lost_comes_back(start_homeserver: Callable[..., Homeserver], tmp_path: Path) -> None:
    homeserver = start_homeserver()
    place = Place(homeserver, tmp_path)
    device = place.run()
    before = place.seen(device)
    for lost in (_LOSES_SIGNATURES, _LOSES_SIGNATURES + _LOSES_KEYS):
        homeserver.stop()
        with sqlite3.connect(homeserver.server.folder / "homeserver.db") as database:
            for statement in lost:
                database.execute(statement, (place.user,))
        database.close()
        homeserver.start()
        assert not place.seen(device).device
        assert place.run() == device
        assert place.seen(device) == before


def test_a_new_device_is_signed_by_the_same_identity(place: Place) -> None:
    first = place.run()
    for name in ("keys.db", "account.json"):
        (place.kept / name).unlink()
    second = place.run()
    assert second != first
    assert place.seen(second).whole
    assert place.seen(second).master == place.seen(first).master


def test_a_lost_store_is_said_loudly_and_another_identity_takes_the_place(place: Place) -> None:
    before = place.seen(place.run())
    shutil.rmtree(place.kept)
    with capture_logs() as logs:
        device = place.run()
    seen = place.seen(device)
    assert seen.whole
    assert seen.master != before.master
    (said,) = [one for one in logs if one["event"] == "identity_replaced"]
    assert (said["log_level"], said["before"], said["now"]) == ("error", before.master, seen.master)
    assert place.identity()["replaced"] == before.master
    with capture_logs() as logs:
        place.run()
    assert not [one for one in logs if "identity" in one["event"]]


def test_without_the_password_no_identity_is_replaced_and_the_bot_works_all_the_same(place: Place) -> None:
    before = place.seen(place.run())
    (place.kept / FILE).unlink()
    without = NioHomeserver(place.homeserver.url, UserId(place.user), folder=place.kept)
    with capture_logs() as logs:
        device = place.run(without)
    assert [one["code"] for one in logs if one["event"] == "device_unsigned"] == ["bot_password_missing"]
    assert place.seen(device) == before
    assert place.seen(place.run()).master == place.identity()["master"] != before.master


def test_two_that_hold_one_account_do_not_undo_each_other_for_ever(place: Place) -> None:
    noticed = asyncio.Event()

    def note(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - structlog's own types
        replaced.extend([event] if event["event"] == "identity_replaced" else [])
        if event.get("code") == "identity_foreign":
            noticed.set()
        raise structlog.DropEvent

    async def play() -> None:
        async with listening(place.bot()):
            other = account(place.homeserver, place.folder / "elsewhere", place.name)
            await other.start()
            await noticed.wait()
            await other.close()
        device.append(str(other._client.nio.device_id))

    device: list[str] = []
    replaced: list[dict[str, Any]] = []
    configured = structlog.get_config()["processors"]
    before = list(configured)
    configured[:] = [note]
    try:
        scene(play)
    finally:
        configured[:] = before
    assert len(replaced) == 1
    assert place.seen(device[0]).whole
