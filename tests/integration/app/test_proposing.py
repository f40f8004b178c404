"""Roots that the service proposes by itself: each once, in order, and never what somebody cancelled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from app import proposing
from app.places import PROPOSER
from cli.examination import Examination, State
from contracts import rewards
from contracts.rewards import DISPUTE_WINDOW
from contracts.signers import import_key
from kit.clock import from_unix
from kit.errors import Conflict
from kit.identifiers import Address, Hash32
from payments.rewards.closing import Span
from payments.rewards.epoch_file import Closed, Terms, close
from payments.rewards.onchain import RootState
from payments.rewards.schedule import Schedule
from tests.integration.app.test_rewards_followed import Treasury, treasury
from tests.support.anvil import ETHER
from tests.support.epochs import DAYS_28
from tests.support.measured import measured
from tests.support.services import PASSWORD

__all__ = ["treasury"]


@pytest.fixture
def proposes(treasury: Treasury) -> Treasury:
    """The same service, which has the proposer's key and may use it."""
    secret = keccak(text="a key of proposer").hex()  # as the node's support makes it
    import_key(treasury.container.settings.keystore(), PROPOSER, PASSWORD, secret, kdf_work=2)
    treasury.container.settings.rewards_proposes = True
    return treasury


def closes(treasury: Treasury, number: int, before: Closed | None = None, *, people: int = 3) -> Closed:
    """Close an epoch of two servers."""
    distributor = treasury.deployment.distributor
    assert distributor is not None
    begins = 1_790_000_000 + number * DAYS_28
    terms = Terms(treasury.deployment.chain_id, distributor, number, begins, begins + DAYS_28, Schedule(10 * ETHER))
    servers = [measured(1, people=people, payout=0xA1), measured(2, people=people, payout=0xA2)]
    epoch = close(terms, servers, {} if before is None else before.cumulative)
    with treasury.container.work() as work:
        work.epochs.keep(Span(number, from_unix(begins), from_unix(begins + DAYS_28)), epoch)
    return epoch


def settle(treasury: Treasury) -> None:
    for _ in range(4):
        treasury.follow()


def root_of(epoch: Closed) -> Hash32:
    assert epoch.root is not None
    return epoch.root


def accepted(treasury: Treasury, epoch: Closed) -> None:
    treasury.anvil.travel(DISPUTE_WINDOW)
    treasury.does("anybody", rewards.encode_accept(root_of(epoch)))
    treasury.follow_head()


def test_each_root_is_proposed_once_and_in_order(proposes: Treasury) -> None:
    assert not proposing.regular(proposes.container), "nothing is closed"
    first = closes(proposes, 1)
    nobody = closes(proposes, 2, first, people=0)
    third = closes(proposes, 3, nobody)
    assert proposing.regular(proposes.container)
    assert not proposing.regular(proposes.container), "it is owed already"
    settle(proposes)
    assert proposes.roots() == [(1, root_of(first), RootState.WAITING)]
    assert not proposing.regular(proposes.container), "one root waits at a time"
    accepted(proposes, first)
    assert proposing.regular(proposes.container)
    settle(proposes)
    assert proposes.roots()[1:] == [(2, root_of(third), RootState.WAITING)], "who earned nothing needs no root"
    accepted(proposes, third)
    assert not proposing.regular(proposes.container)
    assert [state for _, _, state in proposes.roots()] == [RootState.EARLIER, RootState.COUNTS]


def test_what_somebody_cancelled_is_left_to_people(proposes: Treasury) -> None:
    first = closes(proposes, 1)
    closes(proposes, 2, first)
    assert proposing.regular(proposes.container)
    settle(proposes)
    proposes.does("guardian", rewards.encode_cancel(root_of(first)))
    assert not proposing.regular(proposes.container), "the books do not know of it yet"
    proposes.follow_head()
    assert not proposing.regular(proposes.container)
    settle(proposes)
    assert [state for _, _, state in proposes.roots()] == [RootState.CANCELLED]


def test_what_somebody_else_proposed_is_not_proposed_again(proposes: Treasury) -> None:
    first = closes(proposes, 1)
    proposes.does("proposer", rewards.encode_propose(1, root_of(first), first.shares.paid))
    assert not proposing.regular(proposes.container), "the chain was asked, which knows more than the books"
    proposes.follow_head()
    assert not proposing.regular(proposes.container)


def test_nothing_is_proposed_unless_it_is_set_and_all_is_there(treasury: Treasury, proposes: Treasury) -> None:
    closes(treasury, 1)
    container, anvil = proposes.container, proposes.anvil
    assert proposing.look(container)[1] == ""
    container.settings.rewards_proposes = False
    assert not proposing.regular(container)
    assert PROPOSER not in container.signers
    container.settings.rewards_proposes = True
    anvil.set_balance(anvil.signer("proposer").address, 0)
    assert "no ether" in proposing.look(container)[0]
    found = {one.name: one for one in Examination(container).findings()}
    assert (found["proposer"].state, found["proposer"].mend) == (State.DOUBTFUL, "Send some there.")
    assert not proposing.regular(container)
    (container.settings.keystore() / "proposer.json").unlink()
    assert "no key" in proposing.look(container)[0]
    assert not proposing.regular(container)
    import_key(container.settings.keystore(), PROPOSER, PASSWORD, "07" * 32, kdf_work=2)
    container.__dict__.pop("keyring").close()  # a process that begins anew
    assert "The proposer of that contract is" in proposing.look(container)[0]
    assert not proposing.regular(container)
    assert proposes.roots() == []


def test_a_file_that_does_not_give_its_own_root_is_not_proposed(proposes: Treasury) -> None:
    closes(proposes, 1)
    with proposes.container.work() as work:
        work.session.connection().exec_driver_sql("UPDATE reward_epochs SET root = NULL WHERE number = 1")
    assert not proposing.regular(proposes.container)
    with proposes.container.work() as work:
        other = (b"\x05" * 32).hex()
        dialect = work.session.get_bind().dialect.name
        literal = f"decode('{other}', 'hex')" if dialect == "postgresql" else f"X'{other}'"
        work.session.connection().exec_driver_sql(f"UPDATE reward_epochs SET root = {literal}")  # noqa: S608 - ours
    with pytest.raises(Conflict, match="does not give its own root"):
        proposing.regular(proposes.container)


def test_an_epoch_of_another_contract_is_not_proposed_to_this_one(proposes: Treasury) -> None:
    distributor = proposes.deployment.distributor
    assert distributor is not None
    theirs = replace(proposes.deployment, distributor=Address(b"\x44" * 20))
    ours, proposes.deployment = proposes.deployment, theirs
    closes(proposes, 1)
    proposes.deployment = ours
    with pytest.raises(Conflict, match="paid by another contract"):
        proposing.regular(proposes.container)
    settle(proposes)
    assert proposes.roots() == []


def test_what_follows_on_a_root_of_somebody_else_is_theirs_to_propose(proposes: Treasury) -> None:
    first = closes(proposes, 1)
    corrected = Hash32(b"\x77" * 32)
    proposes.does("proposer", rewards.encode_propose(1, corrected, first.shares.paid))
    proposes.follow_head()
    proposes.anvil.travel(DISPUTE_WINDOW)
    proposes.does("anybody", rewards.encode_accept(corrected))
    proposes.follow_head()
    assert not proposing.regular(proposes.container)
    settle(proposes)
    assert [root for _, root, _ in proposes.roots()] == [corrected]
