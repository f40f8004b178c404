"""A service with a cause on a real node and a database, and what people may give it, one way or another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.container import RELAYER, RESOLVER
from contracts import codec, pledges
from contracts.chain import Deployment
from contracts.pledges import NO_MEMO
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Address, Hash32, show_address
from payments.flair.model import Gift, address_name
from payments.flair.store import all_told, gift_of
from payments.flair.tables import GiftRow, GiverRow
from tests.support.anvil import ETHER, Anvil
from tests.support.ledgers import Shop
from tests.support.services import a_container

CAUSE = Address(b"\xca" * 20)


class GiftShop(Shop):
    """A shop to which people give."""

    @property
    def pledges(self) -> Address:
        """The contract that carries gifts."""
        assert self.deployment.pledges is not None
        return self.deployment.pledges

    def pledge(self, name: str, amount: int, *, months: int = 0, memo: Hash32 = NO_MEMO) -> None:
        """Let somebody give tokens through the contract."""
        signer, token = self.anvil.signer(name), self.deployment.token
        assert self.anvil.send(signer, token, codec.encode_approve(self.pledges, amount)).succeeded
        data = pledges.encode_give(CAUSE, token, amount, months, memo)
        assert self.anvil.send(signer, self.pledges, data).succeeded

    def pledge_ether(self, name: str, wei: int, *, months: int = 0) -> None:
        """Let somebody give ether through the contract."""
        data = pledges.encode_give_ether(CAUSE, months, NO_MEMO)
        assert self.anvil.send(self.anvil.signer(name), self.pledges, data, value=wei).succeeded

    def gifts(self, name: str) -> list[Gift]:
        """What somebody gave that is known of, taken back or not."""
        query = all_told().where(GiverRow.name == address_name(self.address(name))).order_by(GiftRow.at)
        with self.container.database.read() as session:
            return [gift_of(row) for row in session.execute(query)]

    def counted(self, name: str) -> list[tuple[str, int, int]]:
        """What somebody gave that counts: asset, amount, months."""
        return sorted((one.asset, one.amount, one.months) for one in self.gifts(name) if one.taken_back is None)


@pytest.fixture
def gift_shop(
    tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> Iterator[GiftShop]:
    """A service with a cause that has read its chain, on a database of each kind."""
    container = a_container(
        tmp_path,
        database,
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        clock=lambda: from_unix(fresh_anvil.now()),
        cause=show_address(CAUSE),
    )
    for role in (RESOLVER, RELAYER):
        fresh_anvil.set_balance(container.signers[role].address, 10 * ETHER)
    made = GiftShop(container, fresh_anvil, fresh_deployment)
    for name in ("anna", "gus"):
        made.give(name, 100 * ETHER)
    made.follow()
    yield made
    container.chain.close()
