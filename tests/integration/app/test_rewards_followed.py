"""Rewards on the chain, followed: which root counts, which waits, and who was paid, as long as the chain says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import books
from contracts import codec, rewards
from contracts.chain import Deployment
from contracts.deployment import add_distributor
from contracts.merkle import Payouts
from contracts.rewards import DISPUTE_WINDOW, Roles
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Address, Hash32
from payments.rewards.closing import Span
from payments.rewards.onchain import Payment, RootState
from tests.support.anvil import ETHER, Anvil
from tests.support.epochs import closed
from tests.support.ledgers import Shop
from tests.support.services import a_container, http_door

ANNA, BEN = Address(b"\xa1" * 20), Address(b"\xa2" * 20)


class Treasury(Shop):
    """A service whose rewards are paid out on its chain."""

    def does(self, who: str, data: bytes) -> None:
        """Let somebody call the distributor."""
        assert self.deployment.distributor is not None
        assert self.anvil.send(self.anvil.signer(who), self.deployment.distributor, data).succeeded

    def roots(self) -> list[tuple[int, Hash32, RootState]]:
        """How roots stand."""
        with self.container.read() as work:
            return [(one.epoch, one.root, one.state) for one in work.distribution.roots()]

    def claims(self, payee: Address) -> list[Payment]:
        """What somebody was paid, the latest first."""
        with self.container.read() as work:
            return work.distribution.claims(payee)


@pytest.fixture
def treasury(
    tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> Iterator[Treasury]:
    """A service with a distributor that has read its chain, on a database of each kind."""
    pays, proposes, guards = (fresh_anvil.signer(name).address for name in ("treasury", "proposer", "guardian"))
    roles = Roles(fresh_deployment.token, pays, proposes, guards, 100 * ETHER)
    place = add_distributor(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_deployment, roles)
    clock = lambda: from_unix(fresh_anvil.now())  # noqa: E731 - the node's
    container = a_container(tmp_path, database, deployment=place, rpc_url=fresh_anvil.url, clock=clock)
    made = Treasury(container, fresh_anvil, place)
    assert place.distributor is not None
    approval = codec.encode_approve(place.distributor, 1_000 * ETHER)
    assert fresh_anvil.send(fresh_anvil.signer("treasury"), place.token, approval).succeeded
    made.follow()
    yield made
    container.chain.close()


def test_roots_and_claims_stand_as_the_chain_has_them(treasury: Treasury) -> None:
    first = Payouts.of([(ANNA, 3 * ETHER), (BEN, ETHER)])
    treasury.does("proposer", rewards.encode_propose(1, first.root, 4 * ETHER))
    treasury.follow_head()
    assert treasury.roots() == [(1, first.root, RootState.WAITING)]
    treasury.does("guardian", rewards.encode_cancel(first.root))
    treasury.does("proposer", rewards.encode_propose(1, first.root, 4 * ETHER))
    treasury.anvil.travel(DISPUTE_WINDOW)
    treasury.does("anybody", rewards.encode_accept(first.root))
    treasury.follow_head()
    assert treasury.roots() == [(1, first.root, RootState.CANCELLED), (1, first.root, RootState.COUNTS)]
    claim = rewards.encode_claim(rewards.Claim(ANNA, 3 * ETHER, first.root, first.proof(0)))
    treasury.does("anybody", claim)
    treasury.follow_head()
    (paid,) = treasury.claims(ANNA)
    assert (paid.amount, paid.cumulative, paid.root) == (3 * ETHER, 3 * ETHER, first.root)
    assert treasury.claims(BEN) == []
    treasury.anvil.reorg(1)
    treasury.follow_head()
    assert treasury.claims(ANNA) == [], "what left the chain is not said any more"
    treasury.does("anybody", claim)
    treasury.follow()
    with treasury.container.read() as work:
        assert (work.distribution.claimed(ANNA), work.distribution.claims_paid()) == (3 * ETHER, 1)
    assert books.verify(treasury.container).holds


def test_a_root_that_was_wrong_is_passed_over(treasury: Treasury) -> None:
    lists = [Payouts.of([(ANNA, amount * ETHER)]) for amount in (1, 2, 3, 4)]
    for number, (payouts, replaces) in enumerate(zip(lists, (False, False, True, False), strict=True), 1):
        treasury.does("proposer", rewards.encode_propose(number, payouts.root, ETHER, replaces=replaces))
        treasury.anvil.travel(DISPUTE_WINDOW)
        treasury.does("anybody", rewards.encode_accept(payouts.root))
    treasury.follow()
    states = [RootState.OVER, RootState.OVER, RootState.EARLIER, RootState.COUNTS]
    assert [state for _, _, state in treasury.roots()] == states
    chain, distributor = treasury.anvil.chain, treasury.deployment.distributor
    assert distributor is not None
    earlier = codec.decode_hash(chain.call(distributor, rewards.encode_earlier_root()))
    assert earlier == lists[2].root


def test_the_list_of_epochs_says_how_each_root_stands(treasury: Treasury) -> None:
    epoch = closed()
    terms, root = epoch.terms, epoch.root
    assert root is not None
    with treasury.container.work() as work:
        work.epochs.keep(Span(terms.epoch, from_unix(terms.begins), from_unix(terms.ends)), epoch)
    with http_door(treasury.container) as door:
        assert door.get("/v1/rewards/epochs").json()["epochs"][0]["on_chain"] is None
        treasury.does("proposer", rewards.encode_propose(1, root, ETHER))
        treasury.follow_head()
        assert door.get("/v1/rewards/epochs").json()["epochs"][0]["on_chain"] == "waiting"
        treasury.anvil.reorg(1)
        treasury.follow_head()
        assert door.get("/v1/rewards/epochs").json()["epochs"][0]["on_chain"] is None
