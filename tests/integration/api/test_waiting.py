"""Waiting for settlements on a real node: each new block has all who wait look again, and so does time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api import waiting
from api.waiting import Waiters
from contracts.web3_chain import Web3Chain
from tests.support.anvil import CHAIN_ID, Anvil


@contextmanager
def chain_of(url: str) -> Iterator[Web3Chain]:
    chain = Web3Chain(url, CHAIN_ID)
    try:
        yield chain
    finally:
        chain.close()


def test_a_new_block_has_all_who_wait_look_again(fresh_anvil: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 3600)
    monkeypatch.setattr(waiting, "_LONGEST_LOOK_SECONDS", 3600)
    begin = fresh_anvil.chain.block("latest")
    assert begin is not None

    async def wait(chain: Web3Chain) -> list[int]:
        waiters = Waiters(lambda: chain)

        def look() -> int:
            head = chain.block("latest")
            assert head is not None
            return head.number

        async def mine() -> None:
            for _ in range(2):
                await asyncio.sleep(0.5)
                await asyncio.to_thread(fresh_anvil.mine)

        both = [
            waiters.follow(begin.number, look, pending=lambda number: number < begin.number + 2, seconds=3600)
            for _ in range(2)
        ]
        found, _ = await asyncio.gather(asyncio.gather(*both), mine())
        return found

    with chain_of(fresh_anvil.url) as chain:
        assert asyncio.run(wait(chain)) == [begin.number + 2] * 2


def test_time_has_them_look_too_and_a_node_that_is_silent_ends_nothing() -> None:
    looks = iter(range(1, 100))

    async def wait(chain: Web3Chain) -> int:
        return await Waiters(lambda: chain).follow(
            0, lambda: next(looks), pending=lambda found: found < 4, seconds=3600
        )

    with chain_of("http://127.0.0.1:9") as silent:
        assert asyncio.run(wait(silent)) == 4


def test_nobody_waits_longer_than_was_said_or_beside_too_many(anvil: Anvil) -> None:
    looks: list[int] = []

    async def wait(chain: Web3Chain, most: int) -> bool:
        waiters = Waiters(lambda: chain, most)

        def look() -> bool:
            looks.append(1)
            return True

        return await waiters.follow(look(), look, pending=lambda found: found, seconds=0.3)

    with chain_of(anvil.url) as chain:
        assert asyncio.run(wait(chain, 1))
        assert len(looks) > 1
        looks.clear()
        assert asyncio.run(wait(chain, 0))
        assert len(looks) == 1
