"""Carrying claims: a reward that is due, tried out and sent by the relayer's key, so that its payee needs no ether."""

from __future__ import annotations

import structlog

from app import gasless
from app.container import DECIMALS, Container
from app.epochs import proof_in
from contracts import rewards
from contracts.rewards import Claim
from kit.amounts import parse
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, Hash32, show_address, show_hash
from payments.carrying.model import Cargo, Carried
from payments.rewards.claims import PAYING
from payments.rewards.history import Proof

LOG = structlog.get_logger(__name__)


def carry(container: Container, payee: Address, *, epoch: int | None = None) -> Carried:
    """Take on what a payee has not had yet, under the oldest root that pays it; asking twice is once.

    ``epoch``: by the file of that one alone. Anybody may ask, since the money goes to the payee. Raises ``NotFound``
    where there is no contract or nothing was earned, ``Conflict`` where nothing is due, too little for its gas, a limit
    is reached or the chain would refuse it, and ``Unavailable``. The node is asked while no transaction is open.
    """
    proof, due = _next(container, payee, epoch)
    least = parse(container.settings.rewards_least_claim, DECIMALS).base_units
    with container.read() as work:
        known = work.reward_claims.find(payee, proof.root)
        if known is not None and (known.outcome is None or not known.outcome.may_be_tried(known.cargo)):
            return known
        if due < least:
            raise Conflict(
                "claim_small",
                "That is too little for its gas: it can be claimed together with what comes, or carried by whoever "
                "pays for gas (`earnest rewards claim`).",
            )
        work.reward_claims.check(payee)
        contract, set_aside = work.reward_claims.contract, work.carrying.set_aside()
    claim = Claim(payee, proof.cumulative, proof.root, tuple(proof.hashes))
    data = rewards.encode_claim(claim)
    gas, max_fee, _ = gasless.try_out(
        container, Cargo.CLAIM, to=contract, data=data, payer=payee, due=0, set_aside=set_aside
    )
    with container.work() as work:
        carried = work.reward_claims.queue(claim, gas=gas, max_fee=max_fee)
    LOG.info("claim_taken_on", claim=show_hash(carried.id), gwei=carried.gwei)
    return carried


def _next(container: Container, payee: Address, number: int | None) -> tuple[Proof, int]:
    """Return what a payee is to claim next, and the base units of it that they have not had."""
    earned = False
    with container.read(one_moment=True) as work:
        _ = work.reward_claims.contract
        paying = {one.root for one in work.distribution.roots() if one.state in PAYING}
        had = work.distribution.claimed(payee)
        for epoch in reversed(work.epochs.all()):
            if (number is not None and epoch.number != number) or not _pays(epoch.root, paying):
                continue
            proof = proof_in(work, epoch.number, payee)
            if proof is None:
                continue
            earned = True
            if proof.cumulative > had:
                return proof, proof.cumulative - had
    if earned:
        raise Conflict("nothing_due", f"{show_address(payee)} has had all of that already.")
    raise NotFound("claim_none", f"Under no root that pays now has {show_address(payee)} earned anything.")


def _pays(root: Hash32 | None, paying: set[Hash32]) -> bool:
    return root is not None and root in paying
