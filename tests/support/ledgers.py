"""Ledgers for tests: a container whose chain loop follows a real node, with people who pay, stake and send astray."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, update

from app.chain_loop import ChainLoop
from app.container import RELAYER, RESOLVER, Container
from cli.main import main
from contracts import codec
from contracts.chain import Deployment
from contracts.events import Terms
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Address, Hash32
from ledger.tables import AccountRow, BalanceRow
from tests.support.anvil import ETHER, Anvil
from tests.support.services import PASSWORD, a_container


@dataclass
class Shop:
    """A service on a real node and a database, and what may happen on its chain."""

    container: Container
    anvil: Anvil
    deployment: Deployment

    def follow(self) -> None:
        """Read all there is, and let it become final."""
        self.anvil.mine(3)
        self.follow_head()

    def follow_head(self) -> None:
        """Read all there is."""
        loop = ChainLoop(self.container)
        while loop.round():
            pass

    def address(self, name: str) -> Address:
        """Somebody's address."""
        return self.anvil.signer(name).address

    def give(self, name: str, tokens: int) -> None:
        """Give somebody base units."""
        self.anvil.give_tokens(self.deployment, self.address(name), tokens)

    def transfer(self, name: str, to: Address, amount: int) -> None:
        """Let somebody send tokens."""
        data = codec.encode_transfer(to, amount)
        assert self.anvil.send(self.anvil.signer(name), self.deployment.token, data).succeeded

    def open(self, name: str, amount: int, *, fee: int = 0, payee: str = "payee") -> Terms:
        """Let somebody put down a stake of their own making (no quote of ours)."""
        place, node, signer = self.deployment, self.anvil, self.anvil.signer(name)
        changes = {"fee": fee, "fee_payee": self.address(payee)} if fee else {}
        terms = node.terms(signer.address, amount=amount, **changes)
        node.send(signer, place.token, codec.encode_approve(place.escrow, amount + fee))
        assert node.send(signer, place.escrow, codec.encode_open(terms)).succeeded
        return terms

    def end(self, terms: Terms, *, answered: bool = True) -> None:
        """Let the resolver give a stake back."""
        resolver = self.anvil.signer("resolver")
        assert self.anvil.send(
            resolver, self.deployment.escrow, codec.encode_return(terms, answered=answered)
        ).succeeded

    def burn(self, terms: Terms) -> None:
        """Let the resolver burn a stake, 48 hours after saying so."""
        resolver, escrow = self.anvil.signer("resolver"), self.deployment.escrow
        assert self.anvil.send(resolver, escrow, codec.encode_announce_forfeit(terms)).succeeded
        self.anvil.travel(48 * 3600)
        assert self.anvil.send(resolver, escrow, codec.encode_execute_forfeit(terms)).succeeded

    def stake_id(self, terms: Terms) -> Hash32:
        """The stake that these terms make."""
        return codec.stake_id(terms, chain_id=self.deployment.chain_id, escrow=self.deployment.escrow)

    def falsify(self, account: str, amount: int) -> None:
        """Write a balance that no posting made."""
        with self.container.database.write() as session:
            numbers = select(AccountRow.id).where(AccountRow.account == account)
            session.execute(update(BalanceRow).where(BalanceRow.account_id.in_(numbers)).values(amount=amount))

    def earnest(self, *words: str) -> Result:
        """Run the real command on this service."""
        environment = {
            "EARNEST_DATA": str(self.container.settings.data),
            "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
            "EARNEST_RPC_URL": self.container.settings.rpc_url,
            "EARNEST_DATABASE_URL": self.container.database.engine.url.render_as_string(hide_password=False),
        }
        return CliRunner().invoke(main, list(words), env=environment)


@pytest.fixture
def shop(tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[Shop]:
    """A service that has read its chain up to a final block, on a database of each kind."""
    container = a_container(
        tmp_path,
        database,
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        clock=lambda: from_unix(fresh_anvil.now()),
    )
    for role in (RESOLVER, RELAYER):
        fresh_anvil.set_balance(container.signers[role].address, 10 * ETHER)
    made = Shop(container, fresh_anvil, fresh_deployment)
    made.give("anna", 20 * ETHER)
    made.follow()
    yield made
    container.chain.close()
