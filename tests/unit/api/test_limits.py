"""Limits: bodies that are too large, too slow or nested too deep, and clients that ask too often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import limits
from api.limits import RateLimiter, client_key
from tests.support.gates import ToldGatekeeper, a_client, an_app

TERMS = "/v1/quotes/q7Hc0kZ3nB1vXw2yT5sLdA/terms"


def ask(method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - as httpx has them
    async def call() -> object:
        async with a_client(an_app(ToldGatekeeper())) as client:
            return await client.request(method, path, **options)

    return asyncio.run(call())


def test_a_body_that_is_too_large_is_refused_unread() -> None:
    answer = ask("POST", TERMS, content=b"x" * (limits.BODY_BYTES + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"]


def test_a_body_that_does_not_say_its_length_is_counted() -> None:
    async def drip() -> Any:  # noqa: ANN401 - chunks
        for _ in range(20):
            yield b"x" * 8192

    assert ask("POST", TERMS, content=drip()).status_code == 413


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.01)

    async def never() -> Any:  # noqa: ANN401 - chunks
        yield b"{"
        await asyncio.sleep(30)

    assert ask("POST", TERMS, content=never()).status_code == 408


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"payer":' * 7_000])
def test_a_body_nested_too_deep_is_refused_and_harms_nobody(body: bytes) -> None:
    answer = ask("POST", TERMS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_length_that_is_no_number_is_refused() -> None:
    assert ask("POST", TERMS, content=b"{}", headers={"Content-Length": "9" * 30}).status_code == 413


# ---------------------------------------------------------------------------------------------------- how often


class Tick:
    """A clock in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_a_rate() -> None:
    tick = Tick()
    limiter = RateLimiter(tick)
    waits = [limiter.take("somebody", "page", per_minute=60, burst=3) for _ in range(4)]
    assert waits == [0, 0, 0, pytest.approx(1)]
    tick.now += 1
    assert limiter.take("somebody", "page", per_minute=60, burst=3) == 0
    assert limiter.take("somebody", "page", per_minute=60, burst=3) > 0


def test_a_long_pause_saves_up_no_more_than_a_burst() -> None:
    tick = Tick()
    limiter = RateLimiter(tick)
    limiter.take("somebody", "page", per_minute=60, burst=3)
    tick.now += 3600
    waits = [limiter.take("somebody", "page", per_minute=60, burst=3) for _ in range(4)]
    assert [wait > 0 for wait in waits] == [False, False, False, True]


def test_one_client_and_one_route_do_not_use_up_anothers() -> None:
    limiter = RateLimiter(Tick())
    assert limiter.take("a", "page", per_minute=1, burst=1) == 0
    assert limiter.take("b", "page", per_minute=1, burst=1) == 0
    assert limiter.take("a", "other", per_minute=1, burst=1) == 0
    assert limiter.take("a", "page", per_minute=1, burst=1) > 0


def test_its_memory_is_bounded() -> None:
    limiter = RateLimiter(Tick(), most=10)
    for number in range(1000):
        limiter.take(f"client {number}", "page", per_minute=1, burst=1)
    assert len(limiter._buckets) == 10


@given(st.lists(st.floats(0, 10), max_size=60), st.integers(1, 5), st.integers(1, 120))
def test_never_more_than_burst_and_rate_together(pauses: list[float], burst: int, per_minute: int) -> None:
    tick = Tick()
    limiter = RateLimiter(tick)
    let_through = 0
    for pause in pauses:
        tick.now += pause
        let_through += limiter.take("x", "y", per_minute=per_minute, burst=burst) == 0
    assert let_through <= burst + tick.now * per_minute / 60 + 1e-6


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("testclient", "testclient"),
    ],
)
def test_whom_a_request_counts_for(host: str | None, key: str) -> None:
    assert client_key(host) == key


def test_too_often_is_told_with_a_time() -> None:
    async def hammer() -> Any:  # noqa: ANN401 - a response
        async with a_client(an_app(ToldGatekeeper())) as client:
            for _ in range(200):
                answer = await client.get("/v1/me")
                if answer.status_code == 429:
                    return answer
        raise AssertionError("never refused")

    answer = asyncio.run(hammer())
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "urn:earnest:problem:too_many_requests"
