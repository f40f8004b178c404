"""Rewards on a real node: our trees' proofs are what the contract takes, and each root counts when it should."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts import codec, rewards
from contracts.chain import Deployment
from contracts.deployment import add_distributor, check, check_rewards, read_deployment, write_deployment
from contracts.merkle import Payouts, payout_leaf
from contracts.rewards import DISPUTE_WINDOW, EARLIER_COUNTS, Claim, Proposal, Roles
from kit.errors import Conflict, Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from tests.support.anvil import ETHER, Anvil

PAYEES = [Address(bytes([number]) * 20) for number in range(1, 8)]
NO_ROOT = Hash32(bytes(32))


class Rewards:
    """A distributor on the node, and its roles by name."""

    def __init__(self, anvil: Anvil, deployment: Deployment) -> None:
        self.anvil, self.deployment = anvil, deployment
        treasury, proposer, guardian = (anvil.signer(name).address for name in ("treasury", "proposer", "guardian"))
        self.roles = Roles(deployment.token, treasury, proposer, guardian, 100 * ETHER)
        self.made = add_distributor(anvil.chain, anvil.signer("deployer"), deployment, self.roles)
        assert self.made.distributor is not None
        self.address = self.made.distributor
        approval = codec.encode_approve(self.address, 1_000 * ETHER)
        assert anvil.send(anvil.signer("treasury"), deployment.token, approval).succeeded

    def does(self, who: str, data: bytes) -> None:
        assert self.anvil.send(self.anvil.signer(who), self.address, data).succeeded

    def refuses(self, who: str, data: bytes, reason: str) -> None:
        with pytest.raises(Conflict, match=reason):
            self.does(who, data)

    def number(self, data: bytes) -> int:
        return codec.decode_uint(self.anvil.chain.call(self.address, data))

    def hash(self, data: bytes) -> Hash32:
        return codec.decode_hash(self.anvil.chain.call(self.address, data))

    def waiting(self) -> Proposal | None:
        return rewards.decode_proposal(self.anvil.chain.call(self.address, rewards.encode_proposal()))

    def counts(self, payouts: Payouts, budget: int, *, replaces: bool = False) -> None:
        number = self.number(rewards.encode_epoch()) + 1
        self.does("proposer", rewards.encode_propose(number, payouts.root, budget, replaces=replaces))
        self.anvil.travel(DISPUTE_WINDOW)
        self.does("anybody", rewards.encode_accept(payouts.root))

    def had(self, payee: Address) -> int:
        had = self.number(rewards.encode_claimed(payee))
        assert self.anvil.tokens_of(self.deployment, payee) == had
        return had


@pytest.fixture
def place(fresh_anvil: Anvil, fresh_deployment: Deployment) -> Rewards:
    return Rewards(fresh_anvil, fresh_deployment)


def claims(payouts: Payouts) -> list[Claim]:
    return [
        Claim(payee, cumulative, payouts.root, payouts.proof(number))
        for number, (payee, cumulative) in enumerate(payouts.entries)
    ]


def test_everybody_claims_what_the_tree_says(place: Rewards) -> None:
    first = Payouts.of((payee, number * ETHER) for number, payee in enumerate(PAYEES, 1))
    place.counts(first, 28 * ETHER)
    for claim in claims(first)[:-1]:
        place.does("anybody", rewards.encode_claim(claim))
        assert place.had(claim.payee) == claim.cumulative
        place.refuses("anybody", rewards.encode_claim(claim), "NothingDue")
    assert place.number(rewards.encode_left()) == 7 * ETHER

    second = Payouts.of((payee, 2 * number * ETHER) for number, payee in enumerate(PAYEES, 1))
    place.counts(second, 28 * ETHER)
    assert place.number(rewards.encode_earlier_left()) == 7 * ETHER
    place.does("anybody", rewards.encode_claim(claims(first)[-1]))
    for claim in claims(second):
        place.does("anybody", rewards.encode_claim(claim))
        assert place.had(claim.payee) == claim.cumulative
    assert place.anvil.tokens_of(place.deployment, place.address) == 0


def test_a_forged_root_is_cancelled_and_the_old_one_counts_on(place: Rewards) -> None:
    right = Payouts.of([(PAYEES[0], 5 * ETHER), (PAYEES[1], 3 * ETHER)])
    place.counts(right, 8 * ETHER)
    forged = Payouts.of([(PAYEES[6], 50 * ETHER)])
    place.does("proposer", rewards.encode_propose(2, forged.root, 50 * ETHER))
    waits = place.waiting()
    assert waits == Proposal(forged.root, 50 * ETHER, place.anvil.now() + DISPUTE_WINDOW, replaces=False)
    place.refuses("anybody", rewards.encode_accept(forged.root), "StillDisputable")
    place.refuses("anybody", rewards.encode_claim(claims(forged)[0]), "RootDoesNotCount")
    place.does("anybody", rewards.encode_claim(claims(right)[0]))
    place.does("guardian", rewards.encode_cancel(forged.root))
    assert place.waiting() is None
    place.anvil.travel(DISPUTE_WINDOW)
    place.refuses("anybody", rewards.encode_accept(forged.root), "NoRootWaiting")
    assert place.hash(rewards.encode_root()) == right.root
    assert place.had(PAYEES[6]) == 0


def test_a_wrong_root_that_nobody_stopped_costs_one_epoch(place: Rewards) -> None:
    right = Payouts.of([(PAYEES[0], 5 * ETHER), (PAYEES[1], 3 * ETHER)])
    place.counts(right, 8 * ETHER)
    wrong = Payouts.of([(PAYEES[5], 2 * ETHER), (PAYEES[6], 10 * ETHER)])
    place.counts(wrong, 2 * ETHER)
    place.refuses("anybody", rewards.encode_claim(claims(wrong)[1]), "NotEnoughLeft")
    place.does("anybody", rewards.encode_claim(claims(wrong)[0]))
    after = Payouts.of([(PAYEES[0], 6 * ETHER), (PAYEES[1], 4 * ETHER)])
    place.counts(after, 2 * ETHER, replaces=True)
    assert place.hash(rewards.encode_earlier_root()) == right.root
    for claim in [*claims(right), *claims(after)]:
        place.does("anybody", rewards.encode_claim(claim))
    place.refuses("anybody", rewards.encode_claim(claims(wrong)[1]), "RootDoesNotCount")
    assert place.anvil.tokens_of(place.deployment, place.address) == 0


def test_what_is_left_joins_after_half_a_year(place: Rewards) -> None:
    place.counts(Payouts.of([(PAYEES[0], 5 * ETHER)]), 5 * ETHER)
    newest = Payouts.of([(PAYEES[0], 6 * ETHER)])
    place.counts(newest, 1 * ETHER)
    place.refuses("anybody", rewards.encode_claim(claims(newest)[0]), "NotEnoughLeft")
    place.refuses("anybody", rewards.encode_join_earlier(), "TooSoonToJoin")
    place.anvil.travel(EARLIER_COUNTS)
    place.does("anybody", rewards.encode_join_earlier())
    assert place.hash(rewards.encode_earlier_root()) == NO_ROOT
    place.does("anybody", rewards.encode_claim(claims(newest)[0]))


def test_leaves_are_those_of_the_contract(place: Rewards) -> None:
    for payee, cumulative in [(ZERO_ADDRESS, 0), (PAYEES[0], 1), (Address(b"\xff" * 20), (1 << 256) - 1)]:
        assert place.hash(rewards.encode_leaf(payee, cumulative)) == payout_leaf(payee, cumulative)


def test_a_proof_with_one_thing_changed_pays_nothing(place: Rewards) -> None:
    payouts = Payouts.of((payee, ETHER) for payee in PAYEES)
    place.counts(payouts, 7 * ETHER)
    claim = claims(payouts)[2]
    for wrong in (
        replace(claim, payee=PAYEES[3]),
        replace(claim, cumulative=2 * ETHER),
        replace(claim, proof=claim.proof[:-1]),
        replace(claim, proof=(*claim.proof, NO_ROOT)),
        replace(claim, proof=claim.proof[::-1]),
    ):
        place.refuses("anybody", rewards.encode_claim(wrong), "NotOnTheList")
    place.does("anybody", rewards.encode_claim(claim))


def test_other_roles_or_another_contract_are_told_apart(place: Rewards) -> None:
    chain, roles = place.anvil.chain, place.roles
    check_rewards(chain, place.address, roles)
    for wrong in (
        replace(roles, guardian=PAYEES[0]),
        replace(roles, proposer=roles.guardian, guardian=roles.proposer),
        replace(roles, max_budget=roles.max_budget + 1),
    ):
        with pytest.raises(Invalid) as refused:
            check_rewards(chain, place.address, wrong)
        assert refused.value.code == "contract_differs"
    for elsewhere, code in ((place.deployment.escrow, "contract_differs"), (PAYEES[0], "contract_missing")):
        with pytest.raises(Invalid) as refused:
            check_rewards(chain, elsewhere, roles)
        assert refused.value.code == code


def test_nobody_in_a_role_is_refused(place: Rewards) -> None:
    roles = replace(place.roles, guardian=ZERO_ADDRESS)
    with pytest.raises(Conflict, match="ZeroAddress"):
        add_distributor(place.anvil.chain, place.anvil.signer("deployer"), place.deployment, roles)
    with pytest.raises(Conflict, match="Rewards have a contract"):
        add_distributor(place.anvil.chain, place.anvil.signer("deployer"), place.made, place.roles)


def test_it_is_noted_with_the_others_and_found_there_for_this_token_alone(place: Rewards, tmp_path: Path) -> None:
    write_deployment(tmp_path / "deployment.json", place.made)
    assert read_deployment(tmp_path / "deployment.json") == place.made
    check(place.anvil.chain, place.made)
    for elsewhere, code in ((place.deployment.escrow, "contract_differs"), (PAYEES[0], "contract_missing")):
        with pytest.raises(Invalid) as refused:
            check(place.anvil.chain, replace(place.made, distributor=elsewhere))
        assert refused.value.code == code
