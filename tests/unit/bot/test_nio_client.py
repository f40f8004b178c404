"""The client around matrix-nio, without a server: bounded waiting, told errors, and events that nio cannot read."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from nio import AsyncClient

from bot.homeserver import Denied, SlowDown
from bot.nio_client import NioClient, SessionEnded, _pause
from bot.nio_sifting import sifted
from kit.errors import HomeserverUnavailable
from kit.identifiers import UserId

ME = UserId("@earnest:home.example")


class Scripted(NioClient):
    """A client whose server answers as a test says."""

    def __init__(self, folder: Path, *answers: tuple[int, dict[str, Any]]) -> None:
        super().__init__("http://127.0.0.1:1", ME, None, folder)
        self.answers = list(answers)

    async def _exchange(
        self,
        method: str,  # noqa: ARG002 - as the client has it
        path: str,  # noqa: ARG002
        body: Any,  # noqa: ANN401, ARG002
        seconds: float,  # noqa: ARG002
    ) -> tuple[int, dict[str, Any]]:
        return self.answers.pop(0)


def ask(client: NioClient) -> dict[str, Any]:
    return asyncio.run(client.request("GET", "/anything"))


def slow(milliseconds: object = 1) -> tuple[int, dict[str, Any]]:
    return 429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": milliseconds}


def test_being_told_to_slow_down_is_obeyed_three_times(tmp_path: Path) -> None:
    assert ask(Scripted(tmp_path, slow(), slow(None), slow("soon"), (200, {"a": 1}))) == {"a": 1}
    client = Scripted(tmp_path, slow(), slow(), slow(), slow(), (200, {}))
    with pytest.raises(HomeserverUnavailable):
        ask(client)
    assert len(client.answers) == 1


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(2_001, 2.001), (90_000, 90), (10**18, 3_600), (float("inf"), 3_600)]
)
def test_a_long_wait_is_told_and_not_slept_through(tmp_path: Path, milliseconds: float, seconds: float) -> None:
    client = Scripted(tmp_path, slow(milliseconds), (200, {}))
    with pytest.raises(SlowDown) as told:
        ask(client)
    assert told.value.seconds == seconds
    assert len(client.answers) == 1


@pytest.mark.parametrize("odd", [float("nan"), -5, 0, "soon", None, [], {}])
def test_an_odd_wait_is_a_second(odd: object) -> None:
    assert _pause(odd) == 1.0


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_a_no_is_told_as_it_came(tmp_path: Path, status: int) -> None:
    body = {"errcode": "M_SOMETHING", "error": "no", "org.earnest.stake": {"url": "x"}}
    with pytest.raises(Denied) as denied:
        ask(Scripted(tmp_path, (status, body)))
    assert (denied.value.status, denied.value.body) == (status, body)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_in_trouble_may_be_asked_again(tmp_path: Path, status: int) -> None:
    with pytest.raises(HomeserverUnavailable):
        ask(Scripted(tmp_path, (status, {})))


def test_a_token_that_ended_is_forgotten(tmp_path: Path) -> None:
    client = Scripted(tmp_path, (401, {"errcode": "M_UNKNOWN_TOKEN"}))
    client.nio.access_token = "old"
    with pytest.raises(SessionEnded):
        ask(client)
    assert client.nio.access_token == ""


def test_nobody_there_is_told_as_such(tmp_path: Path) -> None:
    async def scene() -> None:
        client = NioClient("http://127.0.0.1:1", ME, None, tmp_path)
        try:
            await client.request("GET", "/anything")
        finally:
            await client.close()

    with pytest.raises(HomeserverUnavailable):
        asyncio.run(scene())


def event(content: dict[str, Any], **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    common = {"type": "m.room.message", "event_id": "$e", "sender": "@a:b", "origin_server_ts": 1}
    return {**common, "content": content, **parts}


def test_an_event_that_nio_cannot_read_is_left_out_and_the_rest_stays() -> None:
    good = event({"msgtype": "m.text", "body": "hello"})
    # Found by trying 400,000 odd events: nio takes what stands before a membership for an object, unchecked.
    bad = event({"membership": "join"}, type="m.room.member", state_key="@a:b", unsigned={"prev_content": 5})
    odds: tuple[Any, ...] = (bad, 5, None, "text", [], {})
    for odd in odds:
        body = {"rooms": {"join": {"!r": {"timeline": {"events": [good, odd, good]}}}}}
        kept = sifted(body)["rooms"]["join"]["!r"]["timeline"]["events"]
        assert [one for one in kept if one == good] == [good, good]
        assert bad not in kept


def test_an_event_that_nio_fails_to_take_in_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = NioClient("http://127.0.0.1:1", ME, None, tmp_path)

    def broken(*_: object) -> None:
        message = "a bug of nio's"
        raise TypeError(message)

    monkeypatch.setattr(AsyncClient, "_handle_timeline_event", broken)
    monkeypatch.setattr(AsyncClient, "_handle_decrypt_to_device", broken)
    assert client.nio._handle_timeline_event(object(), "!r", object(), set()) is None
    assert client.nio._handle_decrypt_to_device(object()) is None
