"""The chain loop beside a test: what is sent comes into blocks, and what stands there is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.chain_loop import ChainLoop
from app.container import KEY_ROLES, Container
from contracts.chain import Deployment
from contracts.signers import KeySigner
from kit.errors import ChainUnavailable
from tests.support.anvil import ETHER, Anvil
from tests.support.services import Door


class Served:
    """All of the service on a node and a database: its chain loop goes round when a test says so."""

    def __init__(self, container: Container, anvil: Anvil, deployment: Deployment, door: Door) -> None:
        """Stand on a node and a database; the service's keys have ether."""
        self.container, self.anvil, self.deployment, self.door = container, anvil, deployment, door
        self.loop = ChainLoop(container)
        for role in KEY_ROLES:
            anvil.set_balance(container.signers[role].address, 10 * ETHER)

    def pauper(self, name: str, tokens: int = 100 * ETHER) -> KeySigner:
        """A wallet with tokens and no ether."""
        wallet = self.anvil.signer(name)
        if tokens:
            self.anvil.give_tokens(self.deployment, wallet.address, tokens)
        self.anvil.set_balance(wallet.address, 0)
        return wallet

    def round(self) -> None:
        """Let the loop read and send until nothing is left to read."""
        while self.loop.round():
            pass
        self.anvil.rest()

    def rounds(self, count: int = 6) -> None:
        """Let everything become final, and everything that is due be sent; time passes on the way."""
        for _ in range(count):
            self.round()
            self.anvil.rpc("evm_increaseTime", 6)
            self.anvil.mine()
        self.round()


@contextmanager
def looping(loop: ChainLoop, *, mine: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Let the loop go round, after ``mine`` each time, until the block ends."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(0.1):
            try:
                mine()
                loop.round()
            except ChainUnavailable:
                continue

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
