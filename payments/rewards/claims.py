"""Claims of rewards among what we carry, in one transaction: each payee once under each root."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from eth_utils.crypto import keccak

from contracts import rewards
from contracts.rewards import Claim
from kit.amounts import UINT256_MAX
from kit.errors import NotFound
from kit.identifiers import Address, Hash32
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried
from payments.carrying.service import Carrying
from payments.rewards.distribution import Distribution
from payments.rewards.onchain import RootState

PAYING: Final = (RootState.EARLIER, RootState.COUNTS)
"""Roots under which the contract pays."""
_GOOD_FOR: Final = timedelta(days=1)
"""How long a claim may wait for its transaction."""


class RewardClaims:
    """The claims among what we carry."""

    def __init__(
        self,
        now: datetime,
        carrying: Carrying,
        outgoing: Outgoing,
        distribution: Distribution,
        distributor: Address | None,
    ) -> None:
        """Let ``carrying`` know of claims."""
        self._now = now
        self._carrying = carrying
        self._outgoing = outgoing
        self._distribution = distribution
        self._distributor = distributor
        carrying.know(Cargo.CLAIM, self)

    @property
    def contract(self) -> Address:
        """The contract that pays. Raises ``NotFound`` where there is none."""
        if self._distributor is None:
            raise NotFound("distributor_missing", "Rewards have no contract on this chain yet.")
        return self._distributor

    def find(self, payee: Address, root: Hash32) -> Carried | None:
        """Return what we carry or carried for a payee under a root."""
        return self._carrying.find(claim_id(payee, root))

    def check(self, payee: Address) -> None:
        """Refuse what is not carried: raises ``Conflict`` with what to do instead."""
        self._carrying.check(Cargo.CLAIM, person=None, payer=payee)

    def queue(self, claim: Claim, *, gas: int, max_fee: int) -> Carried:
        """Owe the chain a claim whose simulation was found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now. Raises ``Conflict`` where a limit is reached.
        """
        known = self._carrying.begin(claim_id(claim.payee, claim.root))
        if known is not None:
            return known
        carried = Carried(
            id=claim_id(claim.payee, claim.root),
            cargo=Cargo.CLAIM,
            about=None,
            person=None,
            payer=claim.payee,
            target=claim.payee,
            due=0,
            gwei=0,
            created_at=self._now,
        )
        return self._carrying.take_on(
            carried,
            to=self.contract,
            data=rewards.encode_claim(claim),
            most_wei=gas * max_fee,
            tokens=UINT256_MAX,  # nothing leaves the payee's wallet
            not_after=self._now + _GOOD_FOR,
        )

    def wanted(self, carried: Carried) -> bool:
        """Tell whether the contract pays under its root still."""
        claim = self._claim(carried)
        paying = {one.root for one in self._distribution.roots() if one.state in PAYING}
        return claim is not None and claim.root in paying

    def landed(self, carried: Carried) -> bool:
        """Tell whether its payee has had all of it, whoever carried it."""
        claim = self._claim(carried)
        return claim is not None and self._distribution.claimed(claim.payee) >= claim.cumulative

    def _claim(self, carried: Carried) -> Claim | None:
        call = self._outgoing.find(self._carrying.key(carried))
        return None if call is None else rewards.decode_claim(call.data)


def claim_id(payee: Address, root: Hash32) -> Hash32:
    """Return the id under which a payee's claim under a root is carried."""
    return Hash32(keccak(b"org.earnest.rewards.claim" + bytes(payee) + bytes(root)))
