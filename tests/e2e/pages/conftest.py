"""The pages' world: a real node, the real application on a real port, and a door at which a stranger was held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.chain_loop import ChainLoop
from app.container import Container
from contracts.chain import Deployment
from kit.amounts import Amount
from kit.clock import from_unix, system_clock
from kit.database import Database, make_engine
from kit.identifiers import Address, UserId, parse_address, parse_user_id, show_address
from payments.stakes.model import Quote
from tests.support.anvil import ETHER, Anvil
from tests.support.databases import make_schema
from tests.support.services import a_container, listening

ALICE, BOB = parse_user_id("@alice:example.org"), parse_user_id("@bob:far.example")
CAUSE = Address(b"\xca" * 20)


@dataclass
class World:
    """One running service, its chain, and what a test does in it."""

    anvil: Anvil
    deployment: Deployment
    container: Container
    loop: ChainLoop
    url: str

    def read_chain(self) -> None:
        """Let the chain loop take in what there is."""
        while self.loop.round():
            pass

    def ask(self, stake: int = 5, fee: int = 0, *, recipient: UserId = ALICE, stranger: UserId = BOB) -> Quote:
        """Let the recipient's door ask, and the stranger be held there; amounts in whole ERN."""
        with self.container.work() as work:
            person, other = work.people.number(recipient), work.people.number(stranger)
            payee = None
            if fee:
                payee = self.anvil.signer("alice's wallet").address
            price = work.doors.ask(person, stake=Amount(stake * ETHER)).price
            price = type(price)(Amount(stake * ETHER), Amount(fee * ETHER))
            return work.stakes.quote(other, person, price, payee, stranger_id=stranger, recipient_id=recipient)

    def page_of(self, quote: Quote) -> str:
        """The address of a quote's page."""
        return f"{self.url}/stake/{quote.id}"

    def account(self, number: int, tokens: int) -> str:
        """One of the node's own accounts, holding so many whole ERN."""
        account: str = self.anvil.rpc("eth_accounts")[number]
        self.anvil.give_tokens(self.deployment, parse_address(account), tokens * ETHER)
        return account


@pytest.fixture
def world(tmp_path: Path, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[World]:
    """A service on SQLite, on a node of its own."""
    engine = make_engine(f"sqlite:///{tmp_path / 'earnest.db'}")
    make_schema(engine)
    container = a_container(
        tmp_path,
        Database(engine),
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        clock=lambda: max(system_clock(), from_unix(fresh_anvil.now())),
        chain_name="Test Chain",
        wallet_rpc_url=fresh_anvil.url,
        cause=show_address(CAUSE),
        cause_title="the tests",
    )
    for signer in container.signers.values():
        fresh_anvil.set_balance(signer.address, 100 * ETHER)
    with listening(container) as url:
        container.settings.public_url = url
        world = World(fresh_anvil, fresh_deployment, container, ChainLoop(container), url)
        world.read_chain()
        yield world
    container.chain.close()
    engine.dispose()
