"""The chain loop before a node that has a block and not yet what was written in it: it waits, and books no hole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chain_loop import ChainLoop
from app.container import Container
from contracts.chain import Deployment
from kit.clock import from_unix
from kit.database import Database
from kit.errors import ChainUnavailable
from ledger.model import UNSOLICITED, wallet
from ledger.proving import prove
from tests.support.anvil import ETHER, Anvil
from tests.support.faulty_node import Fault, FaultyNode, faulty_node
from tests.support.services import a_container


@pytest.fixture
def node(fresh_anvil: Anvil) -> Iterator[FaultyNode]:
    with faulty_node(fresh_anvil.url) as node:
        yield node


@pytest.fixture
def container(
    tmp_path: Path, database: Database, node: FaultyNode, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> Iterator[Container]:
    container = a_container(
        tmp_path,
        database,
        deployment=fresh_deployment,
        rpc_url=node.url,
        clock=lambda: from_unix(fresh_anvil.now()),
    )
    yield container
    container.chain.close()


def follow(container: Container) -> None:
    loop = ChainLoop(container)
    while loop.round():
        pass


@pytest.mark.parametrize("blocks_after", [0, 60], ids=["at the head", "far below it"])
def test_a_block_whose_logs_are_kept_back_is_not_booked_before_they_come(
    container: Container, node: FaultyNode, fresh_anvil: Anvil, fresh_deployment: Deployment, blocks_after: int
) -> None:
    follow(container)
    with container.read() as work:
        before = work.book.head()
    bob = fresh_anvil.signer("bob")
    fresh_anvil.give_tokens(fresh_deployment, bob.address, 7 * ETHER)
    fresh_anvil.mine(blocks_after)
    node.mood = Fault.WITHHELD
    for _ in range(3):
        with pytest.raises(ChainUnavailable, match="do not make up its bloom filter"):
            follow(container)
    assert node.told[Fault.WITHHELD] > 3, "what it told was asked for again"
    with container.read() as work:
        assert (head := work.book.head()) is not None
        assert before is not None
        assert head.number - before.number < blocks_after + 2
        assert work.book.balance(wallet(bob.address)) == 0
    node.spare()
    follow(container)
    with container.read() as work:
        assert work.book.balance(wallet(bob.address)) == 7 * ETHER
        assert work.book.balance(UNSOLICITED) == 0
        assert prove(work.book.standing(full=True), container.chain).holds


def test_logs_that_are_kept_back_once_are_asked_for_in_another_way(
    container: Container, node: FaultyNode, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> None:
    follow(container)
    bob = fresh_anvil.signer("bob")
    fresh_anvil.give_tokens(fresh_deployment, bob.address, 7 * ETHER)
    # The head, the block of that number, its logs.
    node.plan.extend([None, None, Fault.WITHHELD])
    ChainLoop(container).step()
    assert node.told[Fault.WITHHELD] == 1
    with container.read() as work:
        assert work.book.balance(wallet(bob.address)) == 7 * ETHER
