"""Rewards claimed without ether: the relayer carries what is due to its payee, once, within its budget."""

from __future__ import annotations

import pytest

from app import carrying_claims
from app.container import RELAYER
from contracts import rewards
from contracts.rewards import DISPUTE_WINDOW
from kit.clock import from_unix
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, show_address
from payments.carrying.model import Outcome, RelayLimits
from payments.rewards.closing import Span
from payments.rewards.epoch_file import Closed, Terms, close
from payments.rewards.schedule import Schedule
from tests.integration.app.test_rewards_followed import Treasury, treasury
from tests.support.anvil import ETHER
from tests.support.epochs import DAYS_28
from tests.support.measured import measured, payee
from tests.support.services import http_door

__all__ = ["treasury"]

ONE, TWO = payee(0xA1), payee(0xA2)


def pays(treasury: Treasury, number: int, before: Closed | None = None, *, accepted: bool = True) -> Closed:
    """Close an epoch of two servers, and let its root count."""
    distributor = treasury.deployment.distributor
    assert distributor is not None
    begins = 1_790_000_000 + number * DAYS_28
    terms = Terms(treasury.deployment.chain_id, distributor, number, begins, begins + DAYS_28, Schedule(10 * ETHER))
    servers = [measured(1, people=3, payout=0xA1), measured(2, people=3, payout=0xA2)]
    epoch = close(terms, servers, {} if before is None else before.cumulative)
    assert epoch.root is not None
    with treasury.container.work() as work:
        work.epochs.keep(Span(number, from_unix(begins), from_unix(begins + DAYS_28)), epoch)
    treasury.does("proposer", rewards.encode_propose(number, epoch.root, epoch.shares.paid))
    if accepted:
        treasury.anvil.travel(DISPUTE_WINDOW)
        treasury.does("anybody", rewards.encode_accept(epoch.root))
    treasury.follow_head()
    return epoch


def ready(treasury: Treasury) -> None:
    treasury.anvil.set_balance(treasury.container.signers[RELAYER].address, 10 * ETHER)


def tokens(treasury: Treasury, who: Address) -> int:
    return treasury.anvil.tokens_of(treasury.deployment, who)


def settle(treasury: Treasury) -> None:
    for _ in range(4):
        treasury.follow()


def test_a_payee_without_ether_is_paid_once(treasury: Treasury) -> None:
    ready(treasury)
    epoch = pays(treasury, 1)
    asked = {"payout": show_address(ONE)}
    with http_door(treasury.container) as door:
        first, again = (door.post("/v1/rewards/claims", json=asked) for _ in range(2))
        assert (first.status_code, first.json()["state"]) == (202, "queued"), first.text
        assert again.json() == first.json()
        settle(treasury)
        assert door.post("/v1/rewards/claims", json=asked).status_code == 409
    assert tokens(treasury, ONE) == epoch.cumulative[ONE] == 5 * ETHER
    assert tokens(treasury, TWO) == 0
    assert treasury.anvil.chain.balance(ONE) == 0
    with treasury.container.read() as work:
        assert epoch.root is not None
        carried = work.reward_claims.find(ONE, epoch.root)
        assert work.distribution.claims_paid() == 1
    assert carried is not None
    assert carried.outcome is Outcome.DONE


def test_of_two_epochs_the_older_is_claimed_first(treasury: Treasury) -> None:
    ready(treasury)
    first = pays(treasury, 1)
    second = pays(treasury, 2, first)
    assert carrying_claims.carry(treasury.container, ONE).id != carrying_claims.carry(treasury.container, TWO).id
    settle(treasury)
    assert tokens(treasury, ONE) == first.cumulative[ONE]
    carrying_claims.carry(treasury.container, ONE)
    settle(treasury)
    assert tokens(treasury, ONE) == second.cumulative[ONE] == 10 * ETHER
    with pytest.raises(Conflict, match="has had all"):
        carrying_claims.carry(treasury.container, ONE)


def test_nothing_is_carried_that_is_not_due_or_not_worth_its_gas(treasury: Treasury) -> None:
    ready(treasury)
    container = treasury.container
    with pytest.raises(NotFound):
        carrying_claims.carry(container, ONE)
    epoch = pays(treasury, 1, accepted=False)
    with pytest.raises(NotFound, match="no root that pays"):
        carrying_claims.carry(container, ONE)
    treasury.anvil.travel(DISPUTE_WINDOW)
    assert epoch.root is not None
    treasury.does("anybody", rewards.encode_accept(epoch.root))
    treasury.follow_head()
    with pytest.raises(NotFound):
        carrying_claims.carry(container, payee(0xA3))
    with pytest.raises(NotFound):
        carrying_claims.carry(container, ONE, epoch=2)
    container.settings.rewards_least_claim = "6"
    with pytest.raises(Conflict, match="too little"):
        carrying_claims.carry(container, ONE)
    container.settings.rewards_least_claim = "5"
    for limits in (RelayLimits(0, 50_000_000), RelayLimits(3, 4)):
        container.__dict__["relay_limits"] = limits
        with pytest.raises(Conflict, match=r"carries no claims|is spent"):
            carrying_claims.carry(container, ONE)
    container.__dict__["relay_limits"] = RelayLimits(3, 50_000_000)
    assert carrying_claims.carry(container, ONE).due == 0


def test_who_carries_it_first_leaves_nobody_barred(treasury: Treasury) -> None:
    ready(treasury)
    epoch = pays(treasury, 1)
    assert epoch.root is not None
    assert epoch.payouts is not None
    carried = carrying_claims.carry(treasury.container, ONE)
    proof = tuple(epoch.payouts.proof(list(epoch.cumulative).index(ONE)))
    treasury.does("anybody", rewards.encode_claim(rewards.Claim(ONE, epoch.cumulative[ONE], epoch.root, proof)))
    settle(treasury)
    assert tokens(treasury, ONE) == epoch.cumulative[ONE]
    with treasury.container.read() as work:
        found = work.carrying.find(carried.id)
        assert work.carrying.bars() == []
    assert found is not None
    assert found.outcome is Outcome.DONE
